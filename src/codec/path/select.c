/*
 * select.c - a query over a value. Recursion is bounded by the depth of the
 * value (JSON_DEPTH_MAX) and of the query (PATH_DEPTH_MAX), work by a budget.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/path/path_int.h"

err_t
path__spend(struct path_eval *ev, uint64_t work)
{
    if (work > ev->left)
        return refuse(ev->cx, ERR_LIMIT, "RFC 9535 4",
                      "JSONPath: more values are visited than is allowed (%d)", PATH_WORK);
    ev->left -= work;
    return ERR_OK;
}

static err_t
add(struct path_eval *ev, struct path_nodes *list, const json *v)
{
    err_t e = path__spend(ev, 1);

    if (e != ERR_OK)
        return e;
    if (list->n == list->room_) {
        size_t room = list->room_ ? 2 * list->room_ : 8;
        const json **grown =
            arena_grow(ev->cx->arena, list->v, list->room_ * sizeof(*list->v),
                       room * sizeof(*list->v));

        if (grown == NULL)
            return refuse_memory(ev->cx);
        list->v = grown;
        list->room_ = room;
    }
    list->v[list->n++] = v;
    return ERR_OK;
}

static err_t
wildcard(struct path_eval *ev, const json *v, struct path_nodes *out)
{
    err_t e = ERR_OK;

    for (json_each(it, v))
        if ((e = add(ev, out, it.value)) != ERR_OK)
            break;
    return e;
}

static err_t
filter(struct path_eval *ev, const struct path_selector *s, const json *v,
       struct path_nodes *out)
{
    err_t e;
    bool holds;

    for (json_each(it, v)) {
        if ((e = path__spend(ev, 1)) != ERR_OK ||
            (e = path__holds(ev, s->filter, it.value, &holds)) != ERR_OK)
            return e;
        if (holds && (e = add(ev, out, it.value)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static int64_t
clamp(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : v > most ? most : v;
}

/* 2.3.4.2.2. Elements are looked up through a list, since a step may go backwards. */
static err_t
slice(struct path_eval *ev, const struct path_selector *s, const json *v,
      struct path_nodes *out)
{
    int64_t n = (int64_t)json_size(v), start, end;
    struct path_nodes all = { 0 };
    err_t e;

    if (s->step == 0 || json_type(v) != JSON_ARRAY)
        return ERR_OK;
    start = s->has_start ? s->start : s->step > 0 ? 0 : n - 1;
    end = s->has_end ? s->end : s->step > 0 ? n : -n - 1;
    start = start >= 0 ? start : n + start;
    end = end >= 0 ? end : n + end;
    if ((e = wildcard(ev, v, &all)) != ERR_OK)
        return e;
    if (s->step > 0) {
        end = clamp(end, 0, n);
        for (int64_t i = clamp(start, 0, n); i < end && e == ERR_OK; i += s->step)
            e = add(ev, out, all.v[i]);
    } else {
        end = clamp(end, -1, n - 1);
        for (int64_t i = clamp(start, -1, n - 1); i > end && e == ERR_OK; i += s->step)
            e = add(ev, out, all.v[i]);
    }
    return e;
}

static err_t
select_one(struct path_eval *ev, const struct path_selector *s, const json *v,
           struct path_nodes *out)
{
    const json *found = NULL;
    int64_t i;
    err_t e;

    switch (s->kind) {
    case SELECT_NAME:
        if ((e = path__spend(ev, json_size(v) / 8)) != ERR_OK)
            return e;
        found = json_get_str(v, s->name);
        return found != NULL ? add(ev, out, found) : ERR_OK;
    case SELECT_INDEX:
        i = s->start >= 0 ? s->start : (int64_t)json_size(v) + s->start;
        if (json_type(v) != JSON_ARRAY || i < 0)
            return ERR_OK;
        if ((e = path__spend(ev, json_size(v) / 8)) != ERR_OK)
            return e;
        found = json_at(v, (size_t)i);
        return found != NULL ? add(ev, out, found) : ERR_OK;
    case SELECT_WILDCARD: return wildcard(ev, v, out);
    case SELECT_SLICE: return slice(ev, s, v, out);
    case SELECT_FILTER: return filter(ev, s, v, out);
    }
    return ERR_OK;
}

/* The node, and with a descendant segment all below it, in document order. */
static err_t
select_from(struct path_eval *ev, const struct path_segment *segment, const json *v,
            struct path_nodes *out)
{
    err_t e = path__spend(ev, 1);

    for (const struct path_selector *s = segment->selectors; s != NULL && e == ERR_OK;
         s = s->next)
        e = select_one(ev, s, v, out);
    if (segment->descendant)
        for (json_each(it, v)) {
            if (e != ERR_OK)
                break;
            e = select_from(ev, segment, it.value, out);
        }
    return e;
}

err_t
path__nodes(struct path_eval *ev, const struct path *q, const json *at,
            struct path_nodes *out)
{
    struct path_nodes from = { 0 };
    err_t e = add(ev, &from, q->relative ? at : ev->root);

    *out = (struct path_nodes){ 0 };
    for (const struct path_segment *s = q->segments; s != NULL && e == ERR_OK;
         s = s->next) {
        struct path_nodes to = { 0 };

        for (size_t i = 0; i < from.n && e == ERR_OK; i++)
            e = select_from(ev, s, from.v[i], &to);
        from = to;
    }
    if (e == ERR_OK)
        *out = from;
    return e;
}

err_t
path_select_within(struct ctx *cx, struct path *path, const json *root, uint64_t *work,
                   uint64_t *regex_work, struct path_nodes *out)
{
    struct path_eval ev = { cx, root, *work, *regex_work };
    err_t e = path__nodes(&ev, path, root, out);

    *work = ev.left;
    *regex_work = ev.regex_left;
    return e;
}

err_t
path_select(struct ctx *cx, struct path *path, const json *root, struct path_nodes *out)
{
    uint64_t work = PATH_WORK, regex_work = REGEX_WORK;

    return path_select_within(cx, path, root, &work, &regex_work, out);
}

err_t
path_query(struct ctx *cx, struct str text, const json *root, struct path_nodes *out)
{
    struct path *path;
    err_t e = path_parse(cx, text, &path);

    *out = (struct path_nodes){ 0 };
    return e == ERR_OK ? path_select(cx, path, root, out) : e;
}
