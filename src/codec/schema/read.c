/*
 * read.c - a schema read: every keyword's shape is checked before any value.
 * To add a keyword: write its check, and give it a row.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/schema/schema_int.h"

#include <math.h>

static const struct schema_keyword keywords[] = {
    { "type", SHAPE_TYPE, schema__type },
    { "enum", SHAPE_ARRAY, schema__enum },
    { "const", SHAPE_ANY, schema__const },
    { "multipleOf", SHAPE_POSITIVE, schema__multiple_of },
    { "maximum", SHAPE_NUMBER, schema__maximum },
    { "exclusiveMaximum", SHAPE_NUMBER, schema__exclusive_maximum },
    { "minimum", SHAPE_NUMBER, schema__minimum },
    { "exclusiveMinimum", SHAPE_NUMBER, schema__exclusive_minimum },
    { "maxLength", SHAPE_COUNT, schema__max_length },
    { "minLength", SHAPE_COUNT, schema__min_length },
    { "pattern", SHAPE_PATTERN, schema__pattern },
    { "items", SHAPE_ITEMS, schema__items },
    { "additionalItems", SHAPE_SCHEMA, schema__additional_items },
    { "maxItems", SHAPE_COUNT, schema__max_items },
    { "minItems", SHAPE_COUNT, schema__min_items },
    { "uniqueItems", SHAPE_BOOL, schema__unique_items },
    { "contains", SHAPE_SCHEMA, schema__contains },
    { "maxProperties", SHAPE_COUNT, schema__max_properties },
    { "minProperties", SHAPE_COUNT, schema__min_properties },
    { "required", SHAPE_NAMES, schema__required },
    { "properties", SHAPE_MAP, schema__properties },
    { "patternProperties", SHAPE_PATTERNS, schema__pattern_properties },
    { "additionalProperties", SHAPE_SCHEMA, schema__additional_properties },
    { "dependencies", SHAPE_DEPENDS, schema__dependencies },
    { "propertyNames", SHAPE_SCHEMA, schema__property_names },
    { "if", SHAPE_SCHEMA, schema__if },
    { "then", SHAPE_SCHEMA, NULL }, /* read by if */
    { "else", SHAPE_SCHEMA, NULL },
    { "allOf", SHAPE_SCHEMAS, schema__all_of },
    { "anyOf", SHAPE_SCHEMAS, schema__any_of },
    { "oneOf", SHAPE_SCHEMAS, schema__one_of },
    { "not", SHAPE_SCHEMA, schema__not },
    { "definitions", SHAPE_MAP, NULL },
    { "$id", SHAPE_TEXT, NULL },
    { "$schema", SHAPE_TEXT, NULL },
    { "$comment", SHAPE_TEXT, NULL },
    { "format", SHAPE_TEXT, NULL },
    { "title", SHAPE_TEXT, NULL },
    { "description", SHAPE_TEXT, NULL },
};

const struct schema_keyword *
schema__keyword(struct str name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_is(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

const struct schema_item *
schema__item(const struct schema_node *node, const char *name)
{
    for (size_t i = 0; i < node->n; i++)
        if (str_is(str_of(name), node->items[i].keyword->name))
            return &node->items[i];
    return NULL;
}

static err_t
bad(struct schema *s, const char *keyword, const char *what)
{
    return refuse(s->cx, ERR_BAD_REQUEST, "draft-07 validation 6", "schema: %s %s", keyword,
                  what);
}

/* The node of a place in the text, made when first asked for, read later. */
static err_t
node_at(struct schema *s, const json *text, struct str base, struct schema_node **out)
{
    struct schema_node **place = &s->nodes[json_index(s->text, text)], *node = *place;
    err_t e;

    if (node == NULL) {
        if ((node = *place = arena_new(s->cx->arena, struct schema_node)) == NULL)
            return refuse_memory(s->cx);
        node->text = text;
        if ((e = schema__base(s, text, base, &node->base)) != ERR_OK)
            return e;
        node->next = s->unread;
        s->unread = node;
    }
    *out = node;
    return ERR_OK;
}

static err_t
read_names(struct schema *s, const char *keyword, const json *v)
{
    struct str a, b;

    if (json_type(v) != JSON_ARRAY)
        return bad(s, keyword, "is no array");
    if (json_size(v) > 1000)
        return refuse(s->cx, ERR_LIMIT, "", "schema: %s holds more than 1000 names",
                      keyword);
    for (json_each(i, v)) {
        if (!json_str(i.value, &a))
            return bad(s, keyword, "holds what is no string");
        for (json_each(j, v))
            if (j.index < i.index && json_str(j.value, &b) && str_eq(a, b))
                return bad(s, keyword, "holds a name twice");
    }
    return ERR_OK;
}

static bool
type_name(const json *v)
{
    static const char *const names[] = { "null",   "boolean", "object", "array",
                                         "number", "string",  "integer" };

    for (size_t i = 0; i < COUNT(names); i++)
        if (json_is(v, names[i]))
            return true;
    return false;
}

static err_t
read_type(struct schema *s, const struct schema_item *item)
{
    err_t e;

    if (json_type(item->value) == JSON_STRING)
        return type_name(item->value) ? ERR_OK : bad(s, "type", "names no type");
    if ((e = read_names(s, "type", item->value)) != ERR_OK)
        return e;
    for (json_each(it, item->value))
        if (!type_name(it.value))
            return bad(s, "type", "names no type");
    return json_size(item->value) != 0 ? ERR_OK : bad(s, "type", "is empty");
}

static err_t
read_count(struct schema *s, struct schema_item *item)
{
    double d;

    if (!json_double(item->value, &d) || d < 0 || d < floor(d) || d > floor(d))
        return bad(s, item->keyword->name, "is no count");
    item->count = d < 0x1p53 ? (uint64_t)d : UINT64_MAX;
    return ERR_OK;
}

static err_t
read_number(struct schema *s, const struct schema_item *item)
{
    double d;

    if (!json_double(item->value, &d))
        return bad(s, item->keyword->name, "is no number");
    if (item->keyword->shape == SHAPE_POSITIVE && !(d > 0))
        return bad(s, item->keyword->name, "is not above 0");
    return ERR_OK;
}

static err_t
read_pattern(struct schema *s, const char *keyword, struct str text, struct regex **out)
{
    (void)keyword;
    return regex_compile(s->cx, REGEX_ECMA, text, out);
}

static err_t
read_entry(struct schema *s, struct schema_node *node, const struct schema_item *item,
           const struct json_iter *it, struct schema_entry *entry)
{
    err_t e = ERR_OK;

    entry->name = it->name;
    if (item->keyword->shape == SHAPE_PATTERNS)
        e = read_pattern(s, item->keyword->name, it->name, &entry->regex);
    if (e != ERR_OK)
        return e;
    if (item->keyword->shape == SHAPE_DEPENDS && json_type(it->value) == JSON_ARRAY) {
        entry->names = it->value;
        return read_names(s, item->keyword->name, it->value);
    }
    return node_at(s, it->value, node->base, &entry->node);
}

static err_t
read_entries(struct schema *s, struct schema_node *node, struct schema_item *item,
             enum json_type type)
{
    err_t e = ERR_OK;

    if (json_type(item->value) != type)
        return bad(s, item->keyword->name, "holds something else than schemas");
    item->entries =
        arena_array(s->cx->arena, json_size(item->value) + 1, sizeof(*item->entries));
    if (item->entries == NULL)
        return refuse_memory(s->cx);
    for (json_each(it, item->value))
        if ((e = read_entry(s, node, item, &it, &item->entries[item->n++])) != ERR_OK)
            break;
    return e;
}

static err_t
read_item(struct schema *s, struct schema_node *node, struct schema_item *item)
{
    enum json_type type = json_type(item->value);
    struct str text;
    err_t e;

    switch (item->keyword->shape) {
    case SHAPE_SCHEMA: return node_at(s, item->value, node->base, &item->node);
    case SHAPE_SCHEMAS:
        if (json_size(item->value) == 0)
            return bad(s, item->keyword->name, "is empty");
        return read_entries(s, node, item, JSON_ARRAY);
    case SHAPE_MAP:
    case SHAPE_PATTERNS:
    case SHAPE_DEPENDS: return read_entries(s, node, item, JSON_OBJECT);
    case SHAPE_ITEMS:
        return type == JSON_ARRAY ? read_entries(s, node, item, JSON_ARRAY)
                                  : node_at(s, item->value, node->base, &item->node);
    case SHAPE_COUNT: return read_count(s, item);
    case SHAPE_NUMBER:
    case SHAPE_POSITIVE: return read_number(s, item);
    case SHAPE_PATTERN:
        e = json_str(item->value, &text) ? ERR_OK : bad(s, "pattern", "is no string");
        return e == ERR_OK ? read_pattern(s, "pattern", text, &item->regex) : e;
    case SHAPE_NAMES: return read_names(s, item->keyword->name, item->value);
    case SHAPE_TYPE: return read_type(s, item);
    case SHAPE_ARRAY:
        return type == JSON_ARRAY ? ERR_OK : bad(s, item->keyword->name, "is no array");
    case SHAPE_BOOL:
        return type == JSON_BOOL ? ERR_OK : bad(s, item->keyword->name, "is no boolean");
    case SHAPE_TEXT:
        return type == JSON_STRING ? ERR_OK : bad(s, item->keyword->name, "is no string");
    case SHAPE_ANY: break;
    }
    return ERR_OK;
}

static err_t
read_ref(struct schema *s, struct schema_node *node, const json *ref)
{
    struct str text, base;
    const json *target;
    err_t e;

    if (!json_str(ref, &text))
        return bad(s, "$ref", "is no string");
    if ((e = schema__find(s, node->base, text, &target, &base)) != ERR_OK)
        return e;
    return node_at(s, target, base, &node->ref);
}

static err_t
read_node(struct schema *s, struct schema_node *node)
{
    const json *ref = json_get(node->text, "$ref");
    err_t e = ERR_OK;

    if (json_bool(node->text, &node->holds)) {
        node->is_bool = true;
        return ERR_OK;
    }
    if (json_type(node->text) != JSON_OBJECT)
        return bad(s, "schema", "is neither object nor boolean");
    node->items =
        arena_array(s->cx->arena, json_size(node->text) + 1, sizeof(*node->items));
    if (node->items == NULL)
        return refuse_memory(s->cx);
    if (ref != NULL && (e = read_ref(s, node, ref)) != ERR_OK)
        return e;
    for (json_each(it, node->text)) {
        struct schema_item item = { .keyword = schema__keyword(it.name),
                                    .value = it.value };

        /* beside $ref, definitions alone are read: they may be referred to */
        if (item.keyword == NULL || (ref != NULL && !str_is(it.name, "definitions")))
            continue;
        if ((e = read_item(s, node, &item)) != ERR_OK)
            return e;
        node->items[node->n++] = item;
    }
    return ERR_OK;
}

err_t
schema_parse(struct ctx *cx, const json *text, struct schema **out)
{
    struct schema *s = arena_new(cx->arena, struct schema);
    struct schema_node *node;
    err_t e;

    *out = NULL;
    if (s == NULL)
        return refuse_memory(cx);
    *s = (struct schema){ .cx = cx, .text = text };
    if (text == NULL)
        return bad(s, "schema", "is missing");
    if ((s->nodes = arena_array(cx->arena, json_extent(text), sizeof(*s->nodes))) == NULL)
        return refuse_memory(cx);
    if ((e = schema__ids(s)) != ERR_OK || (e = node_at(s, text, S(""), &s->root)) != ERR_OK)
        return e;
    while ((node = s->unread) != NULL) {
        s->unread = node->next;
        if ((e = read_node(s, node)) != ERR_OK)
            return e;
    }
    s->cx = NULL;
    *out = s;
    return ERR_OK;
}
