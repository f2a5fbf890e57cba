/*
 * shape.c - the one walk over what was parsed: how deep is it, does a name of an object
 * occur twice, and which texts begin as the caller asks?
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
    FEW = 16,            /* up to here pairs are quicker than a table */
    PROBES_PER_NAME = 8, /* honest names need fewer than two */
    MARKS = 64,          /* at first */
};

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
        size_t at = str_hash(it.name) & (size - 1);

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

/* --- texts that begin so ---------------------------------------------------------- */

static err_t
mark(struct json__walk *w, const json *text)
{
    struct json_marks *m = &w->marks;

    if (m->n == w->room) {
        size_t room = w->room ? 2 * w->room : MARKS;
        const json **more = arena_stretch(w->cx->arena, m->at, w->room * sizeof(*more),
                                          room * sizeof(*more));

        if (more == NULL)
            return refuse_memory(w->cx);
        m->at = more;
        w->room = room;
    }
    m->at[m->n++] = text;
    return ERR_OK;
}

/* URLs differ at the prefix's end sooner than in "http://". */
static bool
begins_so(const struct json__walk *w, const json *v)
{
    size_t last = w->prefix.n - 1;

    return unsafe_yyjson_is_str(json__open(v)) && v->uni.str[last] == w->prefix.p[last] &&
           memcmp(v->uni.str, w->prefix.p, last) == 0;
}

/* --- the walk --------------------------------------------------------------------- */

/* A text or a name, or a value without one. */
static inline err_t
look_at(struct json__walk *w, const json *v)
{
    if (json__text(v).n < w->prefix.n || !begins_so(w, v))
        return ERR_OK;
    return mark(w, v);
}

/* Into itself no deeper than the limit. */
static err_t
walk(struct json__walk *w, const json *container, unsigned depth)
{
    bool object = unsafe_yyjson_is_obj(json__open(container));
    size_t n = unsafe_yyjson_get_len(json__open(container));
    bool few = object && n > 1 && n <= FEW;
    const json *first = container + 1, *at = first;
    uint64_t seen = 0;
    err_t e = ERR_OK;

    if (depth == JSON_DEPTH_MAX)
        return refuse(w->cx, ERR_LIMIT, "RFC 8259 9", "JSON: deeper than %d",
                      JSON_DEPTH_MAX);
    if (object && n > FEW && (e = in_table(w->cx, container, n)) != ERR_OK)
        return e;
    for (; n > 0 && e == ERR_OK; n--, at = unsafe_yyjson_get_next(json__open(at))) {
        if (few) { /* only names of one length are compared */
            uint64_t bit = UINT64_C(1) << (json__text(at).n & 63);

            if (seen & bit && stands_before(first, at))
                return twice(w->cx);
            seen |= bit;
        }
        if (object && (e = look_at(w, at++)) != ERR_OK) /* from the name to its value */
            return e;
        e = unsafe_yyjson_is_ctn(json__open(at)) ? walk(w, at, depth + 1) : look_at(w, at);
    }
    return e;
}

err_t
json__walk(struct json__walk *w, const json *root)
{
    if (unsafe_yyjson_is_ctn(json__open(root)))
        return walk(w, root, 0);
    return look_at(w, root);
}
