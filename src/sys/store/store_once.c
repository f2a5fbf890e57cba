/*
 * store_once.c - values that are good once: nonces, codes, jti's.
 *
 * One statement decides: the row is new, or old and expired, or nothing
 * changes. Two that come together meet at the key; both engines let one win.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"
#include "sys/sys.h"

err_t
store_take_once(struct ctx *cx, const char *kind, struct str value, int64_t until_ms)
{
    struct store_conn *c;
    int64_t changed;
    err_t e;

    if (value.n == 0)
        return refuse(cx, ERR_BAD_REQUEST, "", "an empty %s cannot be good once", kind);
    if (value.n > STORE_ONCE_MAX)
        return refuse(cx, ERR_LIMIT, "", "a %s of %zu bytes", kind, value.n);
    if (until_ms <= cx->now_ms) /* it would be swept, and could be taken again */
        return refuse(cx, ERR_BAD_REQUEST, "", "this %s has expired", kind);
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "to take a %s is to write", kind);
    if ((e = store__acquire(cx, cx->sys->store, &c)) != ERR_OK)
        return e;
    c->want_brief = true;
    e = store_exec(cx, SQL_once_take, &changed,
                   SQL_ARGS(sql_text(str_of(kind)), sql_text(value), sql_int(until_ms),
                            sql_int(cx->now_ms)));
    c->want_brief = false;
    store__release(c);
    if (e != ERR_OK)
        return e;
    if (changed != 1)
        return refuse(cx, ERR_CONFLICT, "", "this %s was used before", kind);
    return ERR_OK;
}

err_t
store_was_taken(struct ctx *cx, const char *kind, struct str value, bool *taken)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    bool found = false;
    err_t e;

    *taken = true;
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
