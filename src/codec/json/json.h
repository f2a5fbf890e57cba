/*
 * json.h - strict JSON, over yyjson.
 *
 * Rule      RFC 8259, and RFC 7493 where it is stricter: names that occur
 *           twice, a byte-order mark, invalid UTF-8, lone surrogates, trailing
 *           bytes, and anything deeper or larger than the limits are refused.
 * Trust     Bytes come from strangers. A value is only shape: who reads a
 *           member checks its type by reading it (json_str and friends are
 *           false on another type).
 * Lifetime  Values live in the arena of the context that parsed them. Strings
 *           are borrowed from there, NUL-terminated, and may hold NULs.
 * Source    Knoop; the parser is yyjson (MIT). EUPL-1.2.
 */
#ifndef KNOOP_CODEC_JSON_H
#define KNOOP_CODEC_JSON_H

#include "base/buf.h"

/* A value; NULL is "absent", and every accessor takes it as such. */
struct yyjson_val;
typedef struct yyjson_val json;

enum {
    JSON_DEPTH_MAX = 128,             /* containers within containers */
    JSON_SIZE_MAX = 16 * 1024 * 1024, /* bytes of text */
};

enum json_flags {
    JSON_STRICT = 0,
    JSON_RAW_NUMBERS = 1, /* numbers keep their text: FHIR decimals */
};

err_t json_parse(struct ctx *cx, struct str text, enum json_flags flags,
                 json **out) NODISCARD;

/* Texts and names, in the order in which they stand. */
struct json_marks {
    const json **at;
    size_t n;
};
/*
 * For who writes parts of the text anew: a string (or a raw number) of the value stands
 * in `text` at its .p - base; of a string that is behind its first quote. `marks` are
 * those that begin with the prefix, which is not empty.
 */
struct json_placed {
    json *root;
    const char *base;
    struct json_marks marks;
};
err_t json_parse_placed(struct ctx *cx, struct str text, enum json_flags flags,
                        struct str prefix, struct json_placed *out) NODISCARD;

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};
enum json_type json_type(const json *v);

/* Objects. json_get: the member, or NULL when absent or `v` is no object. */
json *json_get_str(const json *v, struct str name);
static inline json *
json_get(const json *v, const char *name)
{
    return json_get_str(v, str_of(name));
}
/* The members of these names (no two alike) in one pass; each as json_get_str finds it. */
void json_members(const json *v, const struct str *names, size_t n, json **out);
/* json_path(v, "a", "b", NULL): v.a.b, or NULL on the way. */
json *json_path(const json *v, ...) __attribute__((sentinel));
size_t json_size(const json *v);            /* members or elements; 0 for others */
json *json_at(const json *array, size_t i); /* O(i): iterate for long ones */

/* Typed reads: false, with *out zero, on another type or absence. */
bool json_str(const json *v, struct str *out);
bool json_i64(const json *v, int64_t *out); /* integers only: 1.0 is none */
bool json_double(const json *v, double *out);
bool json_bool(const json *v, bool *out);
/* The text of a number, as it stood when JSON_RAW_NUMBERS was asked. */
bool json_number_text(const json *v, struct ctx *cx, struct str *out);
/* The string member `name`, or the empty str. */
static inline struct str
json_get_text(const json *v, const char *name)
{
    struct str text;

    (void)json_str(json_get(v, name), &text);
    return text;
}
static inline bool
json_is(const json *v, const char *text) /* a string equal to `text` */
{
    struct str s;

    return json_str(v, &s) && str_is(s, text);
}

/* for (json_each(it, v)) { it.name (objects), it.value } */
struct json_iter {
    const json *of;
    json *value;
    struct str name; /* empty for arrays */
    size_t index, left;
    void *next_;
};
struct json_iter json_iter_start(const json *v);
bool json_iter_next(struct json_iter *it);
#define json_each(it, v)                                                                   \
    struct json_iter it = json_iter_start(v);                                              \
    json_iter_next(&it);

/* The number of values in it, itself and names included; O(1). For budgets. */
size_t json_extent(const json *v);
/* Its place within `root`: 0 is `root` itself; below json_extent(root). O(1). */
size_t json_index(const json *root, const json *v);

/*
 * Values lie one behind the other in the order of the text, names among them and a
 * container before what is in it. The one after `v`; the one behind all of `v`. Whether
 * there is one the caller knows by json_index.
 */
const json *json_after(const json *v);
const json *json_behind(const json *v);

/* Deep equality: numbers by value, object members in any order. */
bool json_equal(const json *a, const json *b);
/*
 * As json_equal, at most `*budget` units of work (a value, or 64 bytes of text):
 * false with *budget 0 where it did not suffice.
 */
bool json_equal_within(const json *a, const json *b, uint64_t *budget);
/* Equal values have equal hashes. For sets in memory; a stranger can make collisions. */
uint64_t json_hash(const json *v);
/* Two numbers by value, exactly: less than, equal to or greater than 0; 0 for others. */
int json_number_cmp(const json *a, const json *b);

/*
 * A member that is a string or an array of strings, as in JSON-LD's `type`
 * and `aud`: true when one of them equals `text`.
 */
bool json_has(const json *v, struct str text);

/*
 * Writing. Sticky: no checks below, json_out_done says whether all was well.
 * Commas and escapes are put by the writer; nesting mistakes are asserted.
 */
struct json_out {
    struct buf buf;
    uint64_t comma_;  /* a bit per depth: an element stands before */
    uint64_t object_; /* a bit per depth: this container is an object */
    unsigned depth;
    bool key_;
};
void json_out_init(struct json_out *js, struct arena *a);
void json_object(struct json_out *js); /* ended by json_end */
void json_array(struct json_out *js);
void json_end(struct json_out *js);
void json_key(struct json_out *js, const char *name);
void json_key_str(struct json_out *js, struct str name);
void json_key_raw(struct json_out *js, struct str text); /* with quotes and colon */
void json_put_str(struct json_out *js, struct str s);
void json_put_z(struct json_out *js, const char *z); /* NULL is null */
void json_put_i64(struct json_out *js, int64_t v);
void json_put_bool(struct json_out *js, bool v);
void json_put_null(struct json_out *js);
void json_put(struct json_out *js, const json *v);       /* a parsed value */
void json_put_raw(struct json_out *js, struct str text); /* already JSON */
/* Key and value at once. */
void json_member(struct json_out *js, const char *name, struct str value);
void json_member_z(struct json_out *js, const char *name, const char *value);
void json_member_i64(struct json_out *js, const char *name, int64_t value);
void json_member_bool(struct json_out *js, const char *name, bool value);
void json_member_json(struct json_out *js, const char *name, const json *value);
err_t json_out_done(struct ctx *cx, struct json_out *js, struct str *out) NODISCARD;

/*
 * A finite number as ECMAScript writes it (Number::toString): the shortest
 * digits that read back the same, as RFC 8785 wants them. NUL-terminated.
 */
enum { JSON_ES_NUMBER = 32 };
struct str json_es_number(char room[JSON_ES_NUMBER], double v);

/* The text of a parsed value, compact. */
err_t json_text(struct ctx *cx, const json *v, struct str *out) NODISCARD;

#endif
