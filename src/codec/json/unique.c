/*
 * unique.c - does a name occur twice?
 *
 * Rule      RFC 7493 2.3: the names of an object are unique.
 * Trust     A stranger chooses the names. Few are compared in pairs; many go
 *           through a hash table with a budget of probes, so that names made
 *           to collide are refused and cannot cost quadratic time.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <string.h>

enum {
    FEW = 16,           /* up to here pairs are quicker than a table */
    PROBES_PER_NAME = 8 /* honest names need fewer than two */
};

uint64_t
json__mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

uint64_t
json__hash(struct str s)
{
    uint64_t h = UINT64_C(0xD6E8FEB86659FD93) ^ s.n, word;

    for (; s.n >= 8; s = str_sub(s, 8, s.n)) {
        memcpy(&word, s.p, 8);
        h = json__mix(h, word);
    }
    word = 0;
    memcpy(&word, s.p, s.n);
    return json__mix(json__mix(h, word), s.n);
}

static err_t
twice(struct ctx *cx)
{
    return refuse(cx, ERR_BAD_REQUEST, "RFC 7493 2.3",
                  "JSON: a name occurs twice in an object");
}

/* The common case, so it goes by yyjson's own values; lengths part most pairs. */
static err_t
in_pairs(struct ctx *cx, const json *object, size_t n)
{
    const json *names[FEW], *at = unsafe_yyjson_get_first(json__open(object));

    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)(at->tag >> YYJSON_TAG_BIT);

        for (size_t j = 0; j < i; j++)
            if ((names[j]->tag >> YYJSON_TAG_BIT) == len &&
                memcmp(names[j]->uni.str, at->uni.str, len) == 0)
                return twice(cx);
        names[i] = at;
        at = unsafe_yyjson_get_next(json__open(at + 1)); /* behind its value */
    }
    return ERR_OK;
}

static err_t
in_table(struct ctx *cx, const json *object, size_t n)
{
    size_t size = 64, budget = n * PROBES_PER_NAME;
    const struct str **slots;
    struct str *names, *name;

    while (size < 2 * n)
        size *= 2;
    slots = arena_array(cx->arena, size, sizeof(*slots));
    name = names = arena_array(cx->arena, n, sizeof(*names));
    if (slots == NULL || names == NULL)
        return refuse_memory(cx);
    for (json_each(it, object)) {
        size_t at = json__hash(it.name) & (size - 1);

        for (; slots[at] != NULL; at = (at + 1) & (size - 1)) {
            if (str_eq(*slots[at], it.name))
                return twice(cx);
            if (budget-- == 0)
                return refuse(cx, ERR_LIMIT, "", "JSON: names of an object collide");
        }
        *name = it.name;
        slots[at] = name++;
    }
    return ERR_OK;
}

err_t
json__unique(struct ctx *cx, const json *object)
{
    size_t n = json_size(object);

    if (n < 2)
        return ERR_OK;
    return n <= FEW ? in_pairs(cx, object, n) : in_table(cx, object, n);
}
