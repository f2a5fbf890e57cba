/*
 * store_migrate.c - from an empty or older database to today's.
 *
 * Rule      Every step that was taken stands in knoop_schema with a sum of its
 *           text. All missing steps run in one transaction: the database is
 *           then of today, or as it was. A step that this program does not
 *           know, or knows otherwise, means that another program, most often a
 *           newer one, has written there: nothing is touched.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <string.h>

#include "base/log.h"
#include "sys/sys.h"

/* FNV-1a, to see a change by mistake; nothing hangs on it against malice. */
static int64_t
sum(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (int64_t)(h >> 1);
}

/* Steps of a room count from 1, without gaps, in the order of the list. */
static err_t
prove_list(struct ctx *cx, const struct store *s)
{
    for (size_t i = 0; i < s->step_count; i++) {
        int before = 0;

        for (size_t j = 0; j < i; j++)
            before += strcmp(s->steps[j].room, s->steps[i].room) == 0;
        if (s->steps[i].step != before + 1)
            return refuse(cx, ERR_INTERNAL, "",
                          "schema of %s: step %d stands where %d belongs", s->steps[i].room,
                          s->steps[i].step, before + 1);
    }
    return ERR_OK;
}

static err_t
is_ours(struct ctx *cx, const struct store *s, bool *made)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    int64_t ours = 0, others = 0;
    err_t e;

    *made = false;
    if ((e = store__adhoc(cx, s->engine->has_foreign_tables, &rows, SQL_NO_ARGS)) != ERR_OK)
        return e;
    while (store_next(&rows)) {
        ours = store_int(&rows, 0);
        others = store_int(&rows, 1);
    }
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    if (ours == 0 && others > 0)
        return refuse(
            cx, ERR_STORE_SCHEMA, "",
            "the database holds %lld tables of another program; give Knoop its own",
            (long long)others);
    *made = ours > 0;
    return ERR_OK;
}

/* Marks in `taken` the steps that stand in the database. */
static err_t
read_taken(struct ctx *cx, const struct store *s, bool *taken)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e;

    if ((e = store__adhoc(cx, "select room, step, sum from knoop_schema", &rows,
                          SQL_NO_ARGS)) != ERR_OK)
        return e;
    while (store_next(&rows)) {
        struct str room = store_text(&rows, 0);
        int64_t step = store_int(&rows, 1);
        size_t i = 0;

        while (i < s->step_count &&
               (s->steps[i].step != step || !str_is(room, s->steps[i].room)))
            i++;
        if (i == s->step_count)
            return refuse(
                cx, ERR_STORE_SCHEMA, "",
                "the database was written by a newer Knoop (%.*s, step %lld); start that "
                "one, or restore a backup",
                STR(room), (long long)step);
        if (store_int(&rows, 2) != sum(s->steps[i].said))
            return refuse(cx, ERR_STORE_SCHEMA, "",
                          "step %lld of %.*s was another when the database was made",
                          (long long)step, STR(room));
        taken[i] = true;
    }
    return store_done(&rows);
}

static err_t
take(struct ctx *cx, struct store_conn *c, const struct store_step *step)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e;

    if ((e = store__script(cx, c, step->text)) != ERR_OK ||
        (e = store__adhoc(
             cx, "insert into knoop_schema (room, step, sum, at) values ($1, $2, $3, $4)",
             &rows,
             SQL_ARGS(sql_text(str_of(step->room)), sql_int(step->step),
                      sql_int(sum(step->said)), sql_int(cx->now_ms)))) != ERR_OK)
        return e;
    while (store_next(&rows))
        ;
    return store_done(&rows);
}

static err_t
bring_up(struct ctx *cx, struct store *s, struct store_conn *c)
{
    bool *taken = arena_array(cx->arena, s->step_count + 1, sizeof(*taken)), made;
    size_t n = 0;
    err_t e;

    if (taken == NULL)
        return refuse_memory(cx);
    if (s->engine->migration_lock != NULL &&
        (e = store__script(cx, c, s->engine->migration_lock)) != ERR_OK)
        return e;
    if ((e = is_ours(cx, s, &made)) != ERR_OK)
        return e;
    if (!made) {
        const char *table = store__ddl(
            cx->arena,
            "create table knoop_schema (room text not null, step bigint not null, "
            "sum bigint not null, at bigint not null, primary key (room, step))",
            s->engine->local);

        if (table == NULL)
            return refuse_memory(cx);
        if ((e = store__script(cx, c, table)) != ERR_OK ||
            (s->engine->local && (e = store__taken_make(cx, s, 0)) != ERR_OK))
            return e; /* before it is committed: without its file it is no new one */
    }
    if ((e = read_taken(cx, s, taken)) != ERR_OK)
        return e;
    for (size_t i = 0; i < s->step_count; i++) {
        if (taken[i])
            continue;
        if ((e = take(cx, c, &s->steps[i])) != ERR_OK)
            return e;
        n++;
    }
    if (n > 0)
        log_info(cx, "the database took %zu steps", n);
    return ERR_OK;
}

err_t
store__migrate(struct ctx *cx, struct store *s)
{
    struct sys own = { .store = s }, *before = cx->sys;
    struct store_tx tx = { 0 };
    err_t e;

    cx->sys = &own; /* the calls below find their store there */
    if ((e = prove_list(cx, s)) == ERR_OK && (e = store_begin(cx, &tx)) == ERR_OK) {
        if ((e = bring_up(cx, s, tx.conn_)) == ERR_OK)
            e = store_commit(&tx);
        store_rollback(&tx);
    }
    cx->sys = before;
    return e;
}
