/*
 * schema_int.h - the room's private door.
 *
 *   schema ── nodes, one per place in the text that is a schema, made once
 *   node   ── items, one per keyword: its row, its value, and what it holds
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_SCHEMA_INT_H
#define KNOOP_CODEC_SCHEMA_INT_H

#include "codec/regex/regex.h"
#include "codec/schema/schema.h"

struct schema_node;
struct schema_item;

struct schema_run {
    struct ctx *cx;
    uint64_t left, regex_left;
    unsigned depth;
};

/* Does `value` meet the keyword? `node` is where it stands, for its neighbours. */
typedef err_t schema_assert(struct schema_run *run, const struct schema_node *node,
                            const struct schema_item *item, const json *value, bool *valid);

/* What a keyword's value must look like, and so how it is read. */
enum schema_shape {
    SHAPE_SCHEMA = 1, /* a schema */
    SHAPE_SCHEMAS,    /* an array of them, not empty */
    SHAPE_MAP,        /* an object of them */
    SHAPE_PATTERNS,   /* an object of them, its names are patterns */
    SHAPE_ITEMS,      /* a schema, or an array of them */
    SHAPE_DEPENDS,    /* an object of schemas or arrays of strings */
    SHAPE_COUNT,      /* an integer, not negative */
    SHAPE_NUMBER,
    SHAPE_POSITIVE, /* a number above 0 */
    SHAPE_PATTERN,
    SHAPE_NAMES, /* an array of strings, each once */
    SHAPE_TYPE,  /* the name of a type, or an array of such names */
    SHAPE_ARRAY,
    SHAPE_BOOL,
    SHAPE_TEXT,
    SHAPE_ANY,
};

struct schema_keyword {
    const char *name;
    enum schema_shape shape;
    schema_assert *check; /* NULL: it asserts nothing by itself */
};

/* One entry of an array or object that the keyword holds. */
struct schema_entry {
    struct str name;
    struct schema_node *node; /* or NULL */
    const json *names;        /* SHAPE_DEPENDS with an array */
    struct regex *regex;      /* SHAPE_PATTERNS */
};

struct schema_item {
    const struct schema_keyword *keyword;
    const json *value;
    uint64_t count;           /* SHAPE_COUNT */
    struct schema_node *node; /* SHAPE_SCHEMA, SHAPE_ITEMS with one */
    struct schema_entry *entries;
    size_t n;
    struct regex *regex; /* SHAPE_PATTERN */
};

struct schema_node {
    const json *text;
    struct str base;         /* the URI that references start from */
    bool read;               /* items are there */
    bool is_bool, holds;     /* true and false are schemas too */
    struct schema_node *ref; /* $ref: all else is passed over */
    struct schema_item *items;
    size_t n;
    struct schema_node *next; /* still to be read */
};

struct schema_id {
    struct str uri; /* without an empty fragment */
    const json *text;
    struct str base;
};

struct schema {
    struct ctx *cx; /* while it is read */
    const json *text;
    struct schema_node **nodes; /* by json_index */
    struct schema_node *root, *unread;
    struct schema_id *ids;
    size_t n_ids;
};

const struct schema_keyword *schema__keyword(struct str name);
const struct schema_item *schema__item(const struct schema_node *node, const char *name);

/* ids.c */
err_t schema__ids(struct schema *s) NODISCARD;
err_t schema__find(struct schema *s, struct str base, struct str ref, const json **text,
                   struct str *new_base) NODISCARD;
/* The base within `text`, which stands where `base` holds. */
err_t schema__base(struct schema *s, const json *text, struct str base,
                   struct str *out) NODISCARD;

/* uri.c: RFC 3986 5.2, without a check of characters. */
err_t schema__uri(struct ctx *cx, struct str base, struct str ref,
                  struct str *out) NODISCARD;

/* check.c */
err_t schema__check(struct schema_run *run, const struct schema_node *node,
                    const json *value, bool *valid) NODISCARD;
bool schema__multiple(const json *value, const json *of);

schema_assert schema__type, schema__enum, schema__const, schema__multiple_of,
    schema__maximum, schema__exclusive_maximum, schema__minimum, schema__exclusive_minimum,
    schema__max_length, schema__min_length, schema__pattern, schema__items,
    schema__additional_items, schema__max_items, schema__min_items, schema__unique_items,
    schema__contains, schema__max_properties, schema__min_properties, schema__required,
    schema__properties, schema__pattern_properties, schema__additional_properties,
    schema__dependencies, schema__property_names, schema__if, schema__all_of,
    schema__any_of, schema__one_of, schema__not;

#endif
