/*
 * conf_pack.c - a conf on its way to another process, and a reload.
 *
 * What was written travels, not what it was read as: the other end reads and
 * judges it again. Layout, all NUL-terminated: file name; then for each value
 * that is no default its key, source (one digit), L or V, where, the number of
 * items, and those. Values hold no NUL (conf_value.c).
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"
#include "base/log.h"

static void
put(struct buf *b, struct str s)
{
    buf_str(b, s);
    buf_c(b, '\0');
}

err_t
conf_pack(struct ctx *cx, const struct conf *c, struct str *out)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    struct buf b;

    buf_init(&b, cx->arena);
    put(&b, c->file_);
    for (size_t i = 0; i < n; i++) {
        const struct conf_origin *o = &c->origin_[i];

        if (o->source == CONF_FROM_DEFAULT)
            continue;
        put(&b, str_of(rows[i].key));
        buf_printf(&b, "%d", (int)o->source);
        buf_c(&b, o->said.list ? 'L' : 'V');
        put(&b, o->where);
        buf_printf(&b, "%zu", o->said.n);
        buf_c(&b, '\0');
        for (size_t j = 0; j < o->said.n; j++)
            put(&b, o->said.item[j]);
    }
    return buf_done(cx, &b, out);
}

static err_t
broken(struct ctx *cx)
{
    return refuse(cx, ERR_CONF, "", "the packed options are broken");
}

/* One NUL-terminated text off the front. */
static bool
take(struct str *rest, struct str *out)
{
    if (str_find(*rest, '\0') == rest->n)
        return false;
    *out = str_cut(rest, '\0');
    return true;
}

static err_t
take_row(struct ctx *cx, struct conf *c, struct str *rest)
{
    struct str key, where, count;
    const struct conf_row *row;
    uint64_t n;
    size_t all;

    if (!take(rest, &key) || !take(rest, &where) || !take(rest, &count) || where.n < 2 ||
        (row = conf__row(key)) == NULL || !str_to_u64(count, &n) || n > CONF_ITEMS_MAX ||
        where.p[0] <= '0' || where.p[0] >= '0' + CONF_SOURCES)
        return broken(cx);

    struct conf_origin *o = &c->origin_[row - conf_rows(&all)];
    struct str *items = arena_array(&c->arena, (size_t)n + 1, sizeof(*items));

    if (items == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < n; i++)
        if (!take(rest, &items[i]))
            return broken(cx);
    if (o->set || (where.p[1] == 'V' && n != 1))
        return broken(cx);
    o->set = true;
    o->source = (enum conf_source)(where.p[0] - '0');
    o->where = str_sub(where, 2, where.n);
    o->said = (struct conf_said){ items, (size_t)n, where.p[1] == 'L' };
    return conf__read(cx, &c->arena, row, &o->said, o->where, &o->cell);
}

static void
drop(struct conf **c)
{
    conf_give(*c);
}

err_t
conf_unpack(struct ctx *cx, struct str packed, struct conf **out)
{
    scoped(drop) struct conf *c = NULL;
    struct str rest;
    err_t e;

    *out = NULL;
    if ((e = conf__empty(cx, &c)) != ERR_OK)
        return e;
    if ((rest = arena_str(&c->arena, packed)).p == NULL)
        return refuse_memory(cx);
    if (!take(&rest, &c->file_))
        return broken(cx);
    while (rest.n > 0)
        if ((e = take_row(cx, c, &rest)) != ERR_OK)
            return e;
    return conf__finish(cx, &c, out);
}

/* --- reload --------------------------------------------------------------- */

static bool
same(const struct conf_said *a, const struct conf_said *b)
{
    if (a->n != b->n || a->list != b->list)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->item[i], b->item[i]))
            return false;
    return true;
}

/* An option of class START keeps its old value, texts and all. */
static err_t
keep(struct ctx *cx, const struct conf_origin *old, const struct conf_row *row,
     struct conf *c, struct conf_origin *o)
{
    struct str *items = arena_array(&c->arena, old->said.n + 1, sizeof(*items));

    *o = *old;
    o->where = arena_str(&c->arena, old->where);
    if (items == NULL || o->where.p == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < old->said.n; i++)
        if ((items[i] = arena_str(&c->arena, old->said.item[i])).p == NULL)
            return refuse_memory(cx);
    o->said.item = items;
    return conf__read(cx, &c->arena, row, &o->said, o->where, &o->cell);
}

err_t
conf_reload(struct ctx *cx, const struct conf *old, char *const *args, char *const *env,
            const char *file, struct conf **out)
{
    scoped(drop) struct conf *c = NULL;
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    err_t e;

    *out = NULL;
    if (file == NULL && old->file_.n > 0)
        file = old->file_.p; /* not another of the usual places, suddenly */
    if ((e = conf_load(cx, args, env, file, &c)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++) {
        struct conf_origin *o = &c->origin_[i];

        if (rows[i].reload == CONF_NOW || same(&old->origin_[i].said, &o->said))
            continue;
        log_warn(cx, "%.*s: %s takes a restart; the old value stays", STR(o->where),
                 rows[i].key);
        if ((e = keep(cx, &old->origin_[i], &rows[i], c, o)) != ERR_OK)
            return e;
    }
    return conf__finish(cx, &c, out);
}
