/*
 * shape.c - the one walk over what was parsed: how deep is it, and does a name of an
 * object occur twice?
 *
 * Rule      RFC 7493 2.3: the names of an object are unique. RFC 8259 9: depth has a limit.
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

static bool
stands_before(const json *first, const json *name)
{
    for (const json *at = first; at != name;
         at = unsafe_yyjson_get_next(json__open(at + 1))) /* behind its value */
        if (str_eq(json__text(at), json__text(name)))
            return true;
    return false;
}

/* --- the walk --------------------------------------------------------------------- */

/* Into itself no deeper than the limit. */
static err_t
check(struct ctx *cx, const json *container, unsigned depth)
{
    bool object = unsafe_yyjson_is_obj(json__open(container));
    size_t n = unsafe_yyjson_get_len(json__open(container));
    bool few = object && n > 1 && n <= FEW;
    const json *first = container + 1, *at = first;
    uint64_t seen = 0;
    err_t e;

    if (depth == JSON_DEPTH_MAX)
        return refuse(cx, ERR_LIMIT, "RFC 8259 9", "JSON: deeper than %d", JSON_DEPTH_MAX);
    if (object && n > FEW && (e = in_table(cx, container, n)) != ERR_OK)
        return e;
    for (; n > 0; n--, at = unsafe_yyjson_get_next(json__open(at))) {
        if (few) { /* only names of one length are compared */
            uint64_t bit = UINT64_C(1) << (json__text(at).n & 63);

            if (seen & bit && stands_before(first, at))
                return twice(cx);
            seen |= bit;
        }
        at += object; /* from the name to its value */
        if (unsafe_yyjson_is_ctn(json__open(at)) &&
            (e = check(cx, at, depth + 1)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

err_t
json__check_shape(struct ctx *cx, const json *root)
{
    return unsafe_yyjson_is_ctn(json__open(root)) ? check(cx, root, 0) : ERR_OK;
}
