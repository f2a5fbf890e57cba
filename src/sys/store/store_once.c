/*
 * store_once.c - values that are good once: nonces, codes, jti's.
 *
 * Beside SQLite a table of memory decides (store_taken.c). In PostgreSQL one statement
 * does: the row is new, or old and expired, or nothing changes. Two that come together
 * meet at the key, and one wins.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"
#include "sys/sys.h"

/* Can it be taken at all? */
static err_t
judge(const struct store_once *o)
{
    struct ctx *cx = o->cx;

    if (o->value.n == 0)
        return refuse(cx, ERR_BAD_REQUEST, "", "an empty %s cannot be good once", o->kind);
    if (o->value.n > STORE_ONCE_MAX)
        return refuse(cx, ERR_LIMIT, "", "a %s of %zu bytes", o->kind, o->value.n);
    if (o->until_ms <= cx->now_ms) /* it would be swept, and could be taken again */
        return refuse(cx, ERR_BAD_REQUEST, "", "this %s has expired", o->kind);
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "to take a %s is to write", o->kind);
    return ERR_OK;
}

/* --- by a statement ------------------------------------------------------------- */

static err_t
take(struct ctx *cx, void *arg)
{
    const struct store_once *o = arg;
    int64_t changed;
    err_t e = store_exec(cx, SQL_once_take, &changed,
                         SQL_ARGS(sql_text(str_of(o->kind)), sql_text(o->value),
                                  sql_int(o->until_ms), sql_int(cx->now_ms)));

    if (e != ERR_OK)
        return e;
    return changed == 1 ? ERR_OK
                        : refuse(cx, ERR_CONFLICT, "", "this %s was used before", o->kind);
}

struct several {
    struct store_once *list;
    size_t n;
};

/* Run anew after a failure, it judges anew: of what was not refused before. */
static err_t
take_each(struct ctx *cx, void *arg)
{
    const struct several *s = arg;

    (void)cx;
    for (size_t i = 0; i < s->n; i++) {
        struct store_once *o = &s->list[i];

        if (o->e != ERR_OK && o->e != ERR_CONFLICT)
            continue;
        refuse_clear(o->cx);
        o->e = take(o->cx, o);
        if (o->e != ERR_OK && o->e != ERR_CONFLICT) {
            err_t e = o->e;

            o->e = ERR_OK; /* it is tried again */
            return e;
        }
    }
    return ERR_OK;
}

static void
take_by_sql(struct ctx *first, struct store_once *list, size_t n)
{
    struct several all = { list, n };

    if (n > 1 && store_transact_brief(first, take_each, &all) == ERR_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        struct store_once *o = &list[i];

        if (o->e != ERR_OK && o->e != ERR_CONFLICT)
            continue;
        refuse_clear(o->cx);
        o->e = store_transact_brief(o->cx, take, o);
    }
}

/* --- taking ----------------------------------------------------------------------- */

void
store_take_all(struct store_once *list, size_t n)
{
    struct ctx *first = NULL;
    struct store *s;

    for (size_t i = 0; i < n; i++) {
        list[i].e = judge(&list[i]);
        if (list[i].e == ERR_OK && first == NULL)
            first = list[i].cx;
    }
    if (first == NULL)
        return;
    s = first->sys->store;
    if (s->taken == NULL) {
        take_by_sql(first, list, n);
        return;
    }
    for (; n > STORE_TAKEN_MOST; list += STORE_TAKEN_MOST, n -= STORE_TAKEN_MOST)
        store__taken_take(s, list, STORE_TAKEN_MOST);
    store__taken_take(s, list, n);
}

err_t
store_take_once(struct ctx *cx, const char *kind, struct str value, int64_t until_ms)
{
    struct store_once o = { cx, kind, value, until_ms, ERR_OK };

    store_take_all(&o, 1);
    return o.e;
}

/* --- looking, and sweeping --------------------------------------------------- */

err_t
store_was_taken(struct ctx *cx, const char *kind, struct str value, bool *taken)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    bool found = false;
    err_t e;

    *taken = true;
    if (cx->sys->store->taken != NULL)
        return store__taken_seen(
            cx->sys->store, &(struct store_once){ .cx = cx, .kind = kind, .value = value },
            taken);
    e = store_query(cx, SQL_once_seen, &rows,
                    SQL_ARGS(sql_text(str_of(kind)), sql_text(value), sql_int(cx->now_ms)));
    if (e != ERR_OK)
        return e;
    while (store_next(&rows))
        found = true;
    if ((e = store_done(&rows)) == ERR_OK)
        *taken = found;
    return e;
}

err_t
store_sweep(struct ctx *cx)
{
    enum { ROUNDS = 20 }; /* of 1,000 rows; the next run takes the rest */
    int64_t changed = 1;
    err_t e = ERR_OK;

    for (int i = 0; i < ROUNDS && changed > 0 && e == ERR_OK; i++)
        e = store_exec(cx, SQL_once_sweep, &changed, SQL_ARGS(sql_int(cx->now_ms)));
    return e;
}
