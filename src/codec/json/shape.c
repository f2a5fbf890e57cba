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

/* What is left of a container that was entered. */
struct level {
    const json *first;
    size_t left;   /* values */
    uint64_t seen; /* lengths of names */
    bool object, few;
};

/* A text or a name, or a value without one. */
static inline err_t
look_at(struct json__walk *w, const json *v)
{
    if (json__text(v).n < w->prefix.n || !begins_so(w, v))
        return ERR_OK;
    return mark(w, v);
}

/* Only names of one length are compared. */
static inline bool
stood_before(struct level *in, const json *name)
{
    uint64_t bit = UINT64_C(1) << (json__text(name).n & 63);

    if (in->seen & bit && stands_before(in->first, name))
        return true;
    in->seen |= bit;
    return false;
}

/* Whether one more container may be entered. */
static err_t
check_container(struct json__walk *w, const json *v, unsigned depth)
{
    size_t n = unsafe_yyjson_get_len(json__open(v));

    if (depth == JSON_DEPTH_MAX)
        return refuse(w->cx, ERR_LIMIT, "RFC 8259 9", "JSON: deeper than %d",
                      JSON_DEPTH_MAX);
    return n > FEW && unsafe_yyjson_is_obj(json__open(v)) ? in_table(w->cx, v, n) : ERR_OK;
}

static inline struct level
level_of(const json *container)
{
    size_t n = unsafe_yyjson_get_len(json__open(container));

    return (struct level){ container + 1, n, 0, unsafe_yyjson_is_obj(json__open(container)),
                           n <= FEW };
}

err_t
json__walk(struct json__walk *w, const json *root)
{
    struct level outer[JSON_DEPTH_MAX], in = { .left = 1 };
    unsigned depth = 0;
    err_t e = ERR_OK;

    for (const json *v = root; e == ERR_OK; v++) {
        while (in.left == 0) {
            if (depth == 0)
                return ERR_OK;
            in = outer[--depth];
        }
        in.left--;
        if (in.object) {
            if (in.few && stood_before(&in, v))
                return twice(w->cx);
            if ((e = look_at(w, v++)) != ERR_OK) /* from the name to its value */
                return e;
        }
        if (!unsafe_yyjson_is_ctn(json__open(v))) {
            e = look_at(w, v);
        } else if ((e = check_container(w, v, depth)) == ERR_OK) {
            outer[depth++] = in;
            in = level_of(v);
        }
    }
    return e;
}
