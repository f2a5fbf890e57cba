/*
 * check.c - a value against a schema: one function per keyword.
 *
 * Rule      draft-07 validation 6. A keyword of one type passes over values of
 *           others.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/schema/schema_int.h"

#include <math.h>
#include <stdlib.h>

#define KEYWORD(name)                                                                      \
    err_t name(struct schema_run *run UNUSED, const struct schema_node *node UNUSED,       \
               const struct schema_item *item UNUSED, const json *value UNUSED,            \
               bool *valid)

static err_t
spend(struct schema_run *run, uint64_t work)
{
    if (work >= run->left)
        return refuse(run->cx, ERR_LIMIT, "", "schema: costs more than is allowed");
    run->left -= work;
    return ERR_OK;
}

static err_t
same(struct schema_run *run, const json *a, const json *b, bool *out)
{
    *out = json_equal_within(a, b, &run->left);
    return spend(run, 0);
}

err_t
schema__check(struct schema_run *run, const struct schema_node *node, const json *value,
              bool *valid)
{
    err_t e = spend(run, 1);

    *valid = node->is_bool ? node->holds : true;
    if (e != ERR_OK)
        return e;
    if (++run->depth > SCHEMA_DEPTH_MAX)
        return refuse(run->cx, ERR_LIMIT, "draft-07 core 8.3",
                      "schema: deeper than %d, or without end", SCHEMA_DEPTH_MAX);
    if (node->ref != NULL)
        e = schema__check(run, node->ref, value, valid);
    for (size_t i = 0; i < node->n && node->ref == NULL && e == ERR_OK && *valid; i++) {
        const struct schema_item *item = &node->items[i];

        if (item->keyword->check != NULL && (e = spend(run, 1)) == ERR_OK)
            e = item->keyword->check(run, node, item, value, valid);
    }
    run->depth--;
    return e;
}

/* --- any type ---------------------------------------------------------------- */

static bool
is_type(const json *v, const json *name)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };
    double d;

    if (json_is(name, "integer"))
        return json_double(v, &d) && !(d < floor(d)) && !(d > floor(d));
    return json_type(v) != JSON_ABSENT && json_is(name, names[json_type(v)]);
}

KEYWORD(schema__type)
{
    *valid = is_type(value, item->value);
    if (json_type(item->value) == JSON_ARRAY)
        for (json_each(it, item->value))
            *valid = *valid || is_type(value, it.value);
    return ERR_OK;
}

KEYWORD(schema__enum)
{
    err_t e = ERR_OK;

    *valid = false;
    for (json_each(it, item->value))
        if ((e = same(run, value, it.value, valid)) != ERR_OK || *valid)
            break;
    return e;
}

KEYWORD(schema__const)
{
    return same(run, value, item->value, valid);
}

/* --- numbers ------------------------------------------------------------------ */

KEYWORD(schema__multiple_of)
{
    *valid = json_type(value) != JSON_NUMBER || schema__multiple(value, item->value);
    return ERR_OK;
}

KEYWORD(schema__maximum)
{
    *valid = json_type(value) != JSON_NUMBER || json_number_cmp(value, item->value) <= 0;
    return ERR_OK;
}

KEYWORD(schema__exclusive_maximum)
{
    *valid = json_type(value) != JSON_NUMBER || json_number_cmp(value, item->value) < 0;
    return ERR_OK;
}

KEYWORD(schema__minimum)
{
    *valid = json_type(value) != JSON_NUMBER || json_number_cmp(value, item->value) >= 0;
    return ERR_OK;
}

KEYWORD(schema__exclusive_minimum)
{
    *valid = json_type(value) != JSON_NUMBER || json_number_cmp(value, item->value) > 0;
    return ERR_OK;
}

/* --- strings ------------------------------------------------------------------- */

/* In characters; UINT64_MAX for what is no string. */
static uint64_t
length(const json *v)
{
    struct str s;
    uint64_t n = 0;

    if (!json_str(v, &s))
        return UINT64_MAX;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

KEYWORD(schema__max_length)
{
    uint64_t n = length(value);

    *valid = n == UINT64_MAX || n <= item->count;
    return spend(run, n == UINT64_MAX ? 0 : n / 64);
}

KEYWORD(schema__min_length)
{
    uint64_t n = length(value);

    *valid = n >= item->count;
    return spend(run, n == UINT64_MAX ? 0 : n / 64);
}

static err_t
matches(struct schema_run *run, struct regex *regex, struct str text, bool *out)
{
    struct regex_match m;
    err_t e = regex_run(run->cx, regex, REGEX_SEARCH, text, &run->regex_left, &m);

    *out = m.found;
    return e;
}

KEYWORD(schema__pattern)
{
    struct str s;

    *valid = true;
    return json_str(value, &s) ? matches(run, item->regex, s, valid) : ERR_OK;
}

/* --- arrays --------------------------------------------------------------------- */

KEYWORD(schema__items)
{
    err_t e = ERR_OK;

    *valid = true;
    if (json_type(value) != JSON_ARRAY)
        return ERR_OK;
    for (json_each(it, value)) {
        if (item->node == NULL && it.index >= item->n)
            break;
        e = schema__check(run, item->node ? item->node : item->entries[it.index].node,
                          it.value, valid);
        if (e != ERR_OK || !*valid)
            break;
    }
    return e;
}

KEYWORD(schema__additional_items)
{
    const struct schema_item *items = schema__item(node, "items");
    err_t e = ERR_OK;

    *valid = true;
    if (json_type(value) != JSON_ARRAY || items == NULL || items->node != NULL)
        return ERR_OK;
    for (json_each(it, value)) {
        if (it.index < items->n)
            continue;
        if ((e = schema__check(run, item->node, it.value, valid)) != ERR_OK || !*valid)
            break;
    }
    return e;
}

KEYWORD(schema__max_items)
{
    *valid = json_type(value) != JSON_ARRAY || json_size(value) <= item->count;
    return ERR_OK;
}

KEYWORD(schema__min_items)
{
    *valid = json_type(value) != JSON_ARRAY || json_size(value) >= item->count;
    return ERR_OK;
}

struct hashed {
    uint64_t hash;
    const json *v;
};

static int
by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;

    return x < y ? -1 : x > y;
}

/* Equal values have equal hashes, so only neighbours of one hash are compared. */
KEYWORD(schema__unique_items)
{
    size_t n = json_size(value), i = 0;
    struct hashed *all;
    bool wanted, twice;
    err_t e = spend(run, json_extent(value));

    *valid = true;
    if (e != ERR_OK || json_type(value) != JSON_ARRAY || !json_bool(item->value, &wanted) ||
        !wanted)
        return e;
    if ((all = arena_array(run->cx->arena, n + 1, sizeof(*all))) == NULL)
        return refuse_memory(run->cx);
    for (json_each(it, value))
        all[i++] = (struct hashed){ json_hash(it.value), it.value };
    qsort(all, n, sizeof(*all), by_hash);
    for (i = 1; i < n; i++)
        for (size_t j = i; j-- > 0 && all[j].hash == all[i].hash;) {
            if ((e = same(run, all[i].v, all[j].v, &twice)) != ERR_OK)
                return e;
            if (twice) {
                *valid = false;
                return ERR_OK;
            }
        }
    return ERR_OK;
}

KEYWORD(schema__contains)
{
    err_t e = ERR_OK;

    *valid = json_type(value) != JSON_ARRAY;
    if (*valid)
        return ERR_OK;
    for (json_each(it, value))
        if ((e = schema__check(run, item->node, it.value, valid)) != ERR_OK || *valid)
            break;
    return e;
}

/* --- objects ---------------------------------------------------------------------- */

KEYWORD(schema__max_properties)
{
    *valid = json_type(value) != JSON_OBJECT || json_size(value) <= item->count;
    return ERR_OK;
}

KEYWORD(schema__min_properties)
{
    *valid = json_type(value) != JSON_OBJECT || json_size(value) >= item->count;
    return ERR_OK;
}

/* All of `names` are members of the object. */
static err_t
has_all(struct schema_run *run, const json *names, const json *value, bool *valid)
{
    struct str name;
    err_t e = ERR_OK;

    *valid = true;
    for (json_each(it, names)) {
        if ((e = spend(run, 1 + json_size(value) / 8)) != ERR_OK)
            break;
        if (json_str(it.value, &name) && json_get_str(value, name) == NULL)
            *valid = false;
    }
    return e;
}

KEYWORD(schema__required)
{
    *valid = true;
    return json_type(value) == JSON_OBJECT ? has_all(run, item->value, value, valid)
                                           : ERR_OK;
}

static const struct schema_entry *
entry_of(const struct schema_item *item, struct str name)
{
    for (size_t i = 0; item != NULL && i < item->n; i++)
        if (str_eq(item->entries[i].name, name))
            return &item->entries[i];
    return NULL;
}

KEYWORD(schema__properties)
{
    err_t e = ERR_OK;

    *valid = true;
    if (json_type(value) != JSON_OBJECT)
        return ERR_OK;
    for (size_t i = 0; i < item->n; i++) {
        const json *member = json_get_str(value, item->entries[i].name);

        if ((e = spend(run, 1 + json_size(value) / 8)) != ERR_OK)
            return e;
        if (member != NULL &&
            ((e = schema__check(run, item->entries[i].node, member, valid)) != ERR_OK ||
             !*valid))
            return e;
    }
    return e;
}

KEYWORD(schema__pattern_properties)
{
    bool found;
    err_t e;

    *valid = true;
    if (json_type(value) != JSON_OBJECT)
        return ERR_OK;
    for (json_each(it, value))
        for (size_t i = 0; i < item->n; i++) {
            if ((e = spend(run, 1)) != ERR_OK ||
                (e = matches(run, item->entries[i].regex, it.name, &found)) != ERR_OK)
                return e;
            if (found && ((e = schema__check(run, item->entries[i].node, it.value,
                                             valid)) != ERR_OK ||
                          !*valid))
                return e;
        }
    return ERR_OK;
}

/* Named by properties, or matched by patternProperties. */
static err_t
known(struct schema_run *run, const struct schema_node *node, struct str name, bool *out)
{
    const struct schema_item *named = schema__item(node, "properties");
    const struct schema_item *patterns = schema__item(node, "patternProperties");
    err_t e = spend(run, 1 + (named != NULL ? named->n / 4 : 0));

    *out = entry_of(named, name) != NULL;
    for (size_t i = 0; e == ERR_OK && !*out && patterns != NULL && i < patterns->n; i++)
        e = matches(run, patterns->entries[i].regex, name, out);
    return e;
}

KEYWORD(schema__additional_properties)
{
    bool is_known;
    err_t e;

    *valid = true;
    if (json_type(value) != JSON_OBJECT)
        return ERR_OK;
    for (json_each(it, value)) {
        if ((e = known(run, node, it.name, &is_known)) != ERR_OK)
            return e;
        if (!is_known &&
            ((e = schema__check(run, item->node, it.value, valid)) != ERR_OK || !*valid))
            return e;
    }
    return ERR_OK;
}

KEYWORD(schema__dependencies)
{
    err_t e = ERR_OK;

    *valid = true;
    if (json_type(value) != JSON_OBJECT)
        return ERR_OK;
    for (size_t i = 0; i < item->n && e == ERR_OK && *valid; i++) {
        const struct schema_entry *entry = &item->entries[i];

        if ((e = spend(run, 1 + json_size(value) / 8)) != ERR_OK)
            return e;
        if (json_get_str(value, entry->name) == NULL)
            continue;
        e = entry->node != NULL ? schema__check(run, entry->node, value, valid)
                                : has_all(run, entry->names, value, valid);
    }
    return e;
}

/* A name as a value of its own. */
static err_t
name_value(struct ctx *cx, struct str name, json **out)
{
    struct json_out js;
    struct str text;
    err_t e;

    *out = NULL;
    json_out_init(&js, cx->arena);
    json_put_str(&js, name);
    e = json_out_done(cx, &js, &text);
    return e == ERR_OK ? json_parse(cx, text, JSON_STRICT, out) : e;
}

KEYWORD(schema__property_names)
{
    json *name;
    err_t e;

    *valid = true;
    if (json_type(value) != JSON_OBJECT)
        return ERR_OK;
    for (json_each(it, value))
        if ((e = name_value(run->cx, it.name, &name)) != ERR_OK ||
            (e = schema__check(run, item->node, name, valid)) != ERR_OK || !*valid)
            return e;
    return ERR_OK;
}

/* --- schemas ------------------------------------------------------------------------ */

KEYWORD(schema__if)
{
    bool holds;
    const struct schema_item *branch;
    err_t e = schema__check(run, item->node, value, &holds);

    *valid = true;
    if (e != ERR_OK)
        return e;
    branch = schema__item(node, holds ? "then" : "else");
    return branch == NULL ? ERR_OK : schema__check(run, branch->node, value, valid);
}

/* How many of the schemas hold; stops when more than `enough` do, or one does not. */
static err_t
tally(struct schema_run *run, const struct schema_item *item, const json *value,
      size_t enough, bool all, size_t *out)
{
    bool holds;
    err_t e = ERR_OK;

    *out = 0;
    for (size_t i = 0; i < item->n && *out < enough; i++) {
        if ((e = schema__check(run, item->entries[i].node, value, &holds)) != ERR_OK)
            break;
        *out += holds;
        if (all && !holds)
            break;
    }
    return e;
}

KEYWORD(schema__all_of)
{
    size_t n;
    err_t e = tally(run, item, value, item->n, true, &n);

    *valid = n == item->n;
    return e;
}

KEYWORD(schema__any_of)
{
    size_t n;
    err_t e = tally(run, item, value, 1, false, &n);

    *valid = n != 0;
    return e;
}

KEYWORD(schema__one_of)
{
    size_t n;
    err_t e = tally(run, item, value, 2, false, &n);

    *valid = n == 1;
    return e;
}

KEYWORD(schema__not)
{
    err_t e = schema__check(run, item->node, value, valid);

    *valid = e == ERR_OK && !*valid;
    return e;
}

err_t
schema_check_within(struct ctx *cx, struct schema *schema, const json *value,
                    uint64_t *work, uint64_t *regex_work, bool *valid)
{
    struct schema_run run = { cx, *work, *regex_work, 0 };
    bool answer = false;
    err_t e = schema__check(&run, schema->root, value, &answer);

    *work = run.left;
    *regex_work = run.regex_left;
    *valid = e == ERR_OK && answer;
    return e;
}

err_t
schema_check(struct ctx *cx, struct schema *schema, const json *value, bool *valid)
{
    uint64_t work = SCHEMA_WORK, regex_work = REGEX_WORK;

    return schema_check_within(cx, schema, value, &work, &regex_work, valid);
}
