/*
 * store.c - the public calls, and the pool of connections behind them.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/sys.h"

static const struct store_engine *const engines[] = { &store__pg, &store__sqlite };

/* --- the fault hook ------------------------------------------------------ */

/*
 * Of the whole process, since a test arms it before it has a store. Nothing
 * but tests sets it.
 */
static long all_calls, fail_at;

err_t
store__call(struct ctx *cx, struct store *s)
{
    long n = __atomic_add_fetch(&all_calls, 1, __ATOMIC_RELAXED);

    __atomic_add_fetch(&s->calls, 1, __ATOMIC_RELAXED);
    if (n != __atomic_load_n(&fail_at, __ATOMIC_RELAXED))
        return ERR_OK;
    return refuse(cx, ERR_STORE, "", "this call of the database was told to fail");
}

long
store_fail_at(long n)
{
    long now = __atomic_load_n(&all_calls, __ATOMIC_RELAXED);

    __atomic_store_n(&fail_at, n > 0 ? now + n : 0, __ATOMIC_RELAXED);
    return now;
}

/* --- waiting -------------------------------------------------------------- */

int64_t
store__until(const struct ctx *cx, int64_t ms)
{
    int64_t until = os_tick_ms() + ms;

    return cx->deadline_ms > 0 && cx->deadline_ms < until ? cx->deadline_ms : until;
}

static struct timespec
monotonic(int64_t ms)
{
    return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

err_t
store__write_lock(struct ctx *cx, struct store_conn *c)
{
    struct timespec until = monotonic(store__until(cx, c->store->wait_ms));

    if (c->writing++ > 0)
        return ERR_OK;
    if (pthread_mutex_clocklock(&c->store->writer, CLOCK_MONOTONIC, &until) == 0)
        return ERR_OK;
    c->writing = 0;
    return refuse(cx, ERR_UNAVAILABLE, "", "other writers held the database for too long");
}

void
store__write_unlock(struct store_conn *c)
{
    if (--c->writing == 0)
        pthread_mutex_unlock(&c->store->writer);
}

/* --- the pool ------------------------------------------------------------- */

/* The connection that this thread holds already. */
static struct store_conn *
held(struct store *s, pthread_t self)
{
    for (int i = 0; i < s->open; i++)
        if (s->conn[i]->depth > 0 && pthread_equal(s->conn[i]->owner, self))
            return s->conn[i];
    return NULL;
}

/*
 * An idle one, the warmest: brief transactions come one after the other, so the one that
 * made the last still has its pages; for the rest the one this thread had last.
 */
static struct store_conn *
idle(struct store *s, pthread_t self, bool brief)
{
    struct store_conn *found = NULL;
    int best = -1;

    for (int i = 0; i < s->open; i++) {
        struct store_conn *c = s->conn[i];
        int warmth;

        if (c->depth > 0) /* whoever holds it may be setting it up */
            continue;
        warmth = 2 * (c->brief == brief) + (pthread_equal(c->owner, self) != 0);
        if (warmth > best) {
            found = c;
            best = warmth;
        }
    }
    return found;
}

static struct store_conn *
another(struct store *s)
{
    struct store_conn *c;

    if (s->open == s->most || (c = calloc(1, sizeof(*c))) == NULL)
        return NULL;
    c->store = s;
    return s->conn[s->open++] = c;
}

/*
 * Busy is not hung: as long as connections come back soon, whoever wants one may wait.
 * When half of them are held for long, the database hangs, or is asked for what takes it
 * long; then only a few wait, so that threads are left for who needs no database.
 */
enum { HELD_LONG_MS = 100, WAITERS_OF_A_HUNG = 4 };

static bool
hangs(const struct store *s, int64_t now)
{
    int held = 0;

    for (int i = 0; i < s->open; i++)
        held += s->conn[i]->depth > 0 && now - s->conn[i]->since > HELD_LONG_MS;
    return 2 * held >= s->most;
}

/* Takes a free connection, made if need be; under s->lock. */
static err_t
wait_for_one(struct ctx *cx, struct store *s, bool brief, struct store_conn **out)
{
    int64_t until = store__until(cx, s->wait_ms);

    while ((*out = idle(s, pthread_self(), brief)) == NULL && (*out = another(s)) == NULL) {
        int64_t now = os_tick_ms();
        struct timespec soon =
            monotonic(until < now + HELD_LONG_MS ? until : now + HELD_LONG_MS);

        if (cx->may_not_block)
            return refuse(cx, ERR_WOULD_BLOCK, "", "all %d connections are in use",
                          s->most);
        if (now >= until)
            return refuse(
                cx, ERR_UNAVAILABLE, "",
                "all %d connections of store.connections were in use for too long",
                s->most);
        if (s->waiting >= WAITERS_OF_A_HUNG && hangs(s, now))
            return refuse(cx, ERR_UNAVAILABLE, "",
                          "the database hangs, and %d others wait for it", s->waiting);
        s->waiting++;
        pthread_cond_timedwait(&s->freed, &s->lock, &soon);
        s->waiting--;
    }
    (*out)->owner = pthread_self();
    (*out)->since = os_tick_ms();
    return ERR_OK;
}

/* A connection that was broken, never made, or cut off while idle. */
static err_t
make_ready(struct ctx *cx, struct store_conn *c)
{
    const struct store_engine *engine = c->store->engine;
    err_t e;

    c->cx = cx;
    if (c->engine != NULL && !c->bad && os_tick_ms() - c->idle_since > 1000 &&
        !engine->alive(c))
        c->bad = true;
    if (c->engine != NULL && c->bad)
        engine->disconnect(c);
    if (c->engine != NULL)
        return ERR_OK;
    c->bad = false;
    if ((e = store__call(cx, c->store)) != ERR_OK || (e = engine->connect(cx, c)) != ERR_OK)
        return e;
    if (c->store->ready && (e = engine->prepare(cx, c)) != ERR_OK)
        engine->disconnect(c);
    return e;
}

static err_t
acquire(struct ctx *cx, struct store *s, bool brief, struct store_conn **out)
{
    err_t e = ERR_OK;

    pthread_mutex_lock(&s->lock);
    if ((*out = held(s, pthread_self())) == NULL)
        e = wait_for_one(cx, s, brief, out);
    if (e == ERR_OK)
        (*out)->depth++;
    pthread_mutex_unlock(&s->lock);
    if (e == ERR_OK && (*out)->depth == 1 && (e = make_ready(cx, *out)) != ERR_OK)
        store__release(*out);
    if (e == ERR_OK)
        (*out)->cx = cx;
    else
        *out = NULL;
    return e;
}

err_t
store__acquire(struct ctx *cx, struct store *s, struct store_conn **out)
{
    return acquire(cx, s, false, out);
}

void
store__release(struct store_conn *c)
{
    struct store *s = c->store;

    pthread_mutex_lock(&s->lock);
    if (c->depth == 1) {
        c->cx = NULL;
        c->idle_since = os_tick_ms();
    }
    if (--c->depth == 0)
        pthread_cond_signal(&s->freed);
    pthread_mutex_unlock(&s->lock);
}

/* --- opening and closing -------------------------------------------------- */

static err_t
texts(struct ctx *cx, struct store *s, const struct store_step *steps, size_t n)
{
    static const struct store_sql all[] = {
#define SCHEMA(room, step, text)
#define SQL(name, text) { SQL_##name, #name, text, 0 },
#include "gen/sql.def"
#undef SQL
#undef SCHEMA
    };
    struct store_step *mine = arena_array(&s->arena, n + 1, sizeof(*mine));

    for (size_t i = 0; i < COUNT(all); i++) {
        s->sql[i] = all[i];
        if ((s->sql[i].params = store__params(all[i].text)) < 0)
            return refuse(cx, ERR_INTERNAL, "",
                          "SQL %s: parameters are not numbered in order", all[i].name);
    }
    for (size_t i = 0; mine != NULL && i < n; i++) {
        mine[i] = steps[i];
        mine[i].said = steps[i].text;
        if ((mine[i].text = store__ddl(&s->arena, steps[i].text, s->engine->local)) == NULL)
            return refuse_memory(cx);
    }
    s->steps = mine;
    s->step_count = n;
    return mine == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
pick_engine(struct ctx *cx, struct store *s, struct str url)
{
    err_t e = ERR_UNSUPPORTED;

    for (size_t i = 0; i < COUNT(engines) && e == ERR_UNSUPPORTED; i++) {
        refuse_clear(cx);
        s->engine = engines[i];
        e = engines[i]->open(cx, s, url);
    }
    if (e == ERR_UNSUPPORTED)
        return refuse(
            cx, ERR_CONF, "",
            "store.url begins with none of sqlite:, postgres:// and postgresql://; other "
            "engines are not offered");
    return e;
}

static void
init(struct store *s, const struct conf *conf)
{
    pthread_condattr_t attr;

    arena_init(&s->arena, 16u << 20);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->writer, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->freed, &attr);
    pthread_mutex_init(&s->briefs.lock, NULL);
    pthread_condattr_destroy(&attr);
    s->most = conf ? (int)conf->store_connections : 8;
    s->wait_ms = conf ? conf->store_wait : 2000;
    s->timeout_ms = conf ? conf->store_timeout : 5000;
    s->once = conf ? conf->store_once : 4096;
    s->strict = conf == NULL || conf->strictmode;
}

static err_t
first_connection(struct ctx *cx, struct store *s)
{
    struct store_conn *c;
    err_t e;

    if ((e = store__migrate(cx, s)) != ERR_OK || (e = store__acquire(cx, s, &c)) != ERR_OK)
        return e;
    e = s->engine->prepare(cx, c); /* every statement, against what now stands there */
    s->ready = e == ERR_OK;
    store__release(c);
    return e;
}

/* One-time values of a machine need no database; those of several machines do. */
static err_t
open_taken(struct ctx *cx, struct store *s)
{
    return s->engine->local ? store__taken_open(cx, s, &s->taken) : ERR_OK;
}

static void
drop(struct store **s)
{
    store_close(*s);
}

err_t
store__open(struct ctx *cx, struct str url, const struct store_step *steps, size_t n,
            struct store **out)
{
    scoped(drop) struct store *s = calloc(1, sizeof(*s));
    err_t e;

    *out = NULL;
    if (s == NULL)
        return refuse_memory(cx);
    init(s, cx->conf);
    if ((e = pick_engine(cx, s, url)) != ERR_OK || (e = texts(cx, s, steps, n)) != ERR_OK ||
        (e = first_connection(cx, s)) != ERR_OK || (e = open_taken(cx, s)) != ERR_OK)
        return e;
    *out = s;
    s = NULL;
    return ERR_OK;
}

err_t
store_open(struct ctx *cx, struct str url, struct store **out)
{
    size_t n;
    const struct store_step *steps = store__steps(&n);

    return store__open(cx, url, steps, n, out);
}

void
store_close(struct store *s)
{
    if (s == NULL)
        return;
    store__kept_free(s);
    store__taken_close(s->taken);
    for (int i = 0; i < s->open; i++) {
        if (s->conn[i]->engine != NULL)
            s->engine->disconnect(s->conn[i]);
        free(s->conn[i]);
    }
    if (s->engine != NULL)
        s->engine->close(s);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->briefs.lock);
    pthread_mutex_destroy(&s->writer);
    pthread_mutex_destroy(&s->lock);
    arena_fini(&s->arena);
    free(s);
}

bool
store_is_local(const struct store *s)
{
    return s->engine->local;
}

struct store_state
store_state(struct store *s)
{
    struct store_state st = { .most = s->most,
                              .calls = __atomic_load_n(&s->calls, __ATOMIC_RELAXED) };

    pthread_mutex_lock(&s->lock);
    st.open = s->open;
    for (int i = 0; i < s->open; i++) {
        struct store_conn *c = s->conn[i];

        st.busy += c->depth > 0;
        if (c->depth == 0 && c->engine != NULL && s->engine->pages != NULL)
            c->pages = s->engine->pages(c);
        st.pages += c->pages;
    }
    st.kept = (int64_t)store__kept_bytes(s->kept);
    pthread_mutex_unlock(&s->lock);
    st.failures = __atomic_load_n(&s->failures, __ATOMIC_RELAXED);
    return st;
}

err_t
store_health(struct ctx *cx, struct str *detail)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct store_state st;
    err_t e;

    *detail = (struct str){ NULL, 0 };
    if ((e = store_query(cx, SQL_store_alive, &rows, SQL_NO_ARGS)) != ERR_OK)
        return e;
    while (store_next(&rows))
        ;
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    st = store_state(cx->sys->store);
    *detail =
        arena_printf(cx->arena, "%s, %lld of %lld connections",
                     cx->sys->store->engine->name, (long long)st.open, (long long)st.most);
    return detail->p == NULL ? refuse_memory(cx) : ERR_OK;
}

/* --- running -------------------------------------------------------------- */

/* Both engines alike: PostgreSQL takes no NUL and no broken UTF-8 in text. */
static err_t
judge_args(struct ctx *cx, const struct store_sql *sql, const struct sql_arg *args,
           size_t n)
{
    if ((int)n != sql->params)
        return refuse(cx, ERR_INTERNAL, "", "SQL %s wants %d arguments and got %zu",
                      sql->name, sql->params, n);
    for (size_t i = 0; i < n; i++) {
        if (args[i].s.n > STORE_VALUE_MAX)
            return refuse(cx, ERR_TOO_LARGE, "", "SQL %s: argument %zu has %zu bytes",
                          sql->name, i + 1, args[i].s.n);
        if (args[i].type == SQL_TEXT && args[i].s.n > 0 &&
            (memchr(args[i].s.p, 0, args[i].s.n) != NULL || !str_is_utf8(args[i].s)))
            return refuse(cx, ERR_BAD_REQUEST, "", "SQL %s: argument %zu is no text",
                          sql->name, i + 1);
    }
    return ERR_OK;
}

static void
note_failure(struct store_conn *c, err_t e)
{
    if (e == ERR_OK || e == ERR_WOULD_BLOCK)
        return;
    if (e != ERR_CONFLICT)
        __atomic_add_fetch(&c->store->failures, 1, __ATOMIC_RELAXED);
    if (c->tx)
        c->tx_failed = true; /* PostgreSQL takes nothing more; so neither does SQLite */
}

static err_t
run_on(struct ctx *cx, struct store_conn *c, const struct store_sql *sql,
       const struct sql_arg *args, size_t n, struct store_cursor **out)
{
    struct store_cursor *cur = arena_new(cx->arena, struct store_cursor);
    err_t e;

    *out = cur;
    if (cur == NULL) {
        note_failure(c, ERR_NO_MEMORY);
        return refuse_memory(cx);
    }
    if (c->tx_failed)
        return refuse(cx, ERR_INTERNAL, "",
                      "SQL %s after a failure in the same transaction", sql->name);
    cur->conn = c;
    cur->sql = *sql;
    cur->row = -1;
    if ((e = judge_args(cx, sql, args, n)) == ERR_OK &&
        (e = store__call(cx, c->store)) == ERR_OK)
        e = c->store->engine->run(cx, cur, args, n);
    note_failure(c, e);
    return e;
}

/* A read that found its connection gone may be asked once more. */
static bool
may_retry(err_t e, const struct store_conn *c, const struct store_sql *sql)
{
    return e == ERR_STORE && c->bad && !c->tx && c->depth == 1 &&
           strncmp(sql->text, "select", 6) == 0;
}

static err_t
query(struct ctx *cx, const struct store_sql *sql, struct store_rows *rows,
      const struct sql_arg *args, size_t n)
{
    struct store_cursor *cur;
    struct store_conn *c;
    err_t e;

    *rows = (struct store_rows){ .cx = cx };
    if ((e = store__acquire(cx, cx->sys->store, &c)) != ERR_OK)
        return rows->failed = e;
    if ((e = run_on(cx, c, sql, args, n, &cur)) != ERR_OK && may_retry(e, c, sql)) {
        log_warn(cx, "the connection to the database broke; asking once more");
        if ((e = make_ready(cx, c)) == ERR_OK)
            e = run_on(cx, c, sql, args, n, &cur);
    }
    if (e != ERR_OK) {
        store__release(c);
        return rows->failed = e;
    }
    rows->engine_ = c;
    rows->state_ = cur;
    return ERR_OK;
}

/* PostgreSQL always waits for the network; SQLite's reads do not. */
static err_t
may_run_here(struct ctx *cx)
{
    if (cx->may_not_block && !cx->sys->store->engine->local)
        return refuse(cx, ERR_WOULD_BLOCK, "", "the database is not of this machine");
    return ERR_OK;
}

err_t
store_query(struct ctx *cx, enum sql_id id, struct store_rows *rows,
            const struct sql_arg *args, size_t n)
{
    err_t e;

    *rows = (struct store_rows){ .cx = cx };
    if ((e = may_run_here(cx)) != ERR_OK)
        return rows->failed = e;
    return query(cx, &cx->sys->store->sql[id], rows, args, n);
}

err_t
store__adhoc(struct ctx *cx, const char *text, struct store_rows *rows,
             const struct sql_arg *args, size_t n)
{
    const struct store_sql sql = { STORE_ADHOC, "adhoc", text, store__params(text) };

    return query(cx, &sql, rows, args, n);
}

err_t
store__script(struct ctx *cx, struct store_conn *c, const char *text)
{
    err_t e;

    if ((e = store__call(cx, c->store)) == ERR_OK)
        e = c->store->engine->script(cx, c, text);
    note_failure(c, e);
    return e;
}

bool
store_next(struct store_rows *rows)
{
    struct store_cursor *cur = rows->state_;
    err_t e;

    if (cur == NULL || rows->failed != ERR_OK || rows->done)
        return false;
    if (cur->conn == NULL) { /* kept */
        rows->done = ++cur->row == cur->rows_n;
        return !rows->done;
    }
    if ((e = store__call(rows->cx, cur->conn->store)) == ERR_OK)
        e = cur->conn->store->engine->next(rows->cx, cur);
    note_failure(cur->conn, e);
    rows->failed = e;
    rows->done = e == ERR_OK && cur->ended;
    if (e == ERR_OK)
        store__keep_row(cur);
    return e == ERR_OK && !rows->done;
}

struct store_cell
store__cell(struct store_cursor *cur, int column)
{
    const struct store_engine *engine;
    struct store_cell c = { 0 };

    if (cur->conn == NULL)
        return cur->cells[cur->row * cur->columns + column];
    engine = cur->conn->store->engine;
    c.type = engine->type(cur, column);
    if (c.type == SQL_INT)
        c.i = engine->integer(cur, column);
    else if (c.type == SQL_TEXT || c.type == SQL_BLOB)
        c.b = engine->bytes(cur, column);
    return c;
}

/* The value when `column` can be read as `type`; a mistake of ours otherwise. */
static struct store_cell
read_as(struct store_rows *rows, int column, enum sql_type type)
{
    struct store_cell c = { 0 };
    struct store_cursor *cur = rows->state_;

    if (cur == NULL || rows->failed != ERR_OK || rows->done)
        return c;
    if (column < 0 || column >= cur->columns || cur->row < 0) {
        rows->failed = refuse(rows->cx, ERR_INTERNAL, "", "SQL %s has no column %d",
                              cur->sql.name, column);
        return c;
    }
    c = store__cell(cur, column);
    if (c.type == SQL_NULL || c.type == type)
        return c;
    rows->failed = refuse(rows->cx, ERR_INTERNAL, "", "SQL %s: column %d has another type",
                          cur->sql.name, column);
    return (struct store_cell){ 0 };
}

struct str
store_text(struct store_rows *rows, int column)
{
    return str_of_bytes(read_as(rows, column, SQL_TEXT).b);
}

struct bytes
store_blob(struct store_rows *rows, int column)
{
    return read_as(rows, column, SQL_BLOB).b;
}

int64_t
store_int(struct store_rows *rows, int column)
{
    return read_as(rows, column, SQL_INT).i;
}

bool
store_is_null(struct store_rows *rows, int column)
{
    struct store_cursor *cur = rows->state_;

    return cur == NULL || rows->failed != ERR_OK || rows->done || cur->row < 0 ||
           column < 0 || column >= cur->columns ||
           store__cell(cur, column).type == SQL_NULL;
}

void
store_rows_close(struct store_rows *rows)
{
    struct store_cursor *cur = rows->state_;

    if (cur == NULL)
        return;
    rows->state_ = NULL;
    rows->engine_ = NULL;
    if (cur->conn == NULL)
        return;
    store__keep_rest(rows->cx, cur);
    cur->conn->store->engine->end(cur);
    store__release(cur->conn);
}

err_t
store_done(struct store_rows *rows)
{
    store_rows_close(rows);
    if (rows->failed == ERR_OK)
        rows->done = true;
    return rows->failed;
}

err_t
store_exec(struct ctx *cx, enum sql_id id, int64_t *changed, const struct sql_arg *args,
           size_t n)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct store_cursor *cur;
    err_t e;

    if (changed != NULL)
        *changed = 0;
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "SQL %s writes",
                      cx->sys->store->sql[id].name);
    if ((e = query(cx, &cx->sys->store->sql[id], &rows, args, n)) != ERR_OK)
        return e;
    cur = rows.state_;
    while (store_next(&rows))
        ;
    if (rows.failed == ERR_OK && changed != NULL)
        *changed = cur->changed;
    return store_done(&rows);
}

/* --- transactions --------------------------------------------------------- */

static void
leave(struct store_tx *tx)
{
    struct store_conn *c = tx->conn_;

    tx->again = c->again;
    tx->open = false;
    tx->conn_ = NULL;
    c->tx = c->tx_failed = c->again = false;
    if (c->writing > 0)
        store__write_unlock(c);
    store__release(c);
}

err_t
store__sync(struct ctx *cx, struct store_conn *c)
{
    const char *text = c->store->engine->sync[c->want_brief];
    err_t e;

    if (text == NULL || c->brief == c->want_brief)
        return ERR_OK;
    if ((e = store__script(cx, c, text)) == ERR_OK)
        c->brief = c->want_brief;
    return e;
}

static err_t
begin_on(struct ctx *cx, struct store_conn *c)
{
    err_t e;

    if (c->tx)
        return refuse(cx, ERR_INTERNAL, "", "a transaction within a transaction");
    if (c->depth > 1)
        return refuse(cx, ERR_INTERNAL, "",
                      "a transaction while rows of this thread are open");
    if (c->store->engine->local && (e = store__write_lock(cx, c)) != ERR_OK)
        return e;
    if ((e = store__sync(cx, c)) == ERR_OK)
        e = store__script(cx, c, c->store->engine->begin);
    if (e != ERR_OK && c->writing > 0)
        store__write_unlock(c);
    return e;
}

err_t
store__begin(struct ctx *cx, struct store_tx *tx, bool brief)
{
    struct store_conn *c;
    err_t e;

    *tx = (struct store_tx){ .cx = cx };
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "a transaction writes");
    if ((e = acquire(cx, cx->sys->store, brief, &c)) != ERR_OK)
        return e;
    c->want_brief = brief;
    e = begin_on(cx, c);
    c->want_brief = false;
    if (e != ERR_OK) {
        store__release(c);
        return e;
    }
    c->tx = true;
    tx->conn_ = c;
    tx->open = true;
    return ERR_OK;
}

err_t
store_begin(struct ctx *cx, struct store_tx *tx)
{
    return store__begin(cx, tx, false);
}

err_t
store_commit(struct store_tx *tx)
{
    struct store_conn *c = tx->conn_;
    err_t e;

    if (!tx->open)
        return refuse(tx->cx, ERR_INTERNAL, "", "a commit without a transaction");
    c->cx = tx->cx;
    if (c->tx_failed) {
        e = tx->cx->refused != ERR_OK
                ? tx->cx->refused
                : refuse(tx->cx, ERR_STORE, "",
                         "a commit after a failure in the transaction");
        store_rollback(tx);
        return e;
    }
    if ((e = store__script(tx->cx, c, "commit")) != ERR_OK)
        store_rollback(tx);
    else
        leave(tx);
    return e;
}

/* What was refused before stays the reason; a failing rollback drops the connection. */
void
store_rollback(struct store_tx *tx)
{
    struct store_conn *c = tx->conn_;
    struct ctx own = { 0 };

    if (!tx->open)
        return;
    own.arena = tx->cx->arena;
    c->cx = &own;
    if (c->bad || c->store->engine->script(&own, c, "rollback") != ERR_OK)
        c->bad = true;
    c->cx = tx->cx;
    leave(tx);
}

static err_t
once_through(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg, bool brief,
             bool *again)
{
    struct store_tx tx;
    err_t e;

    if ((e = store__begin(cx, &tx, brief)) != ERR_OK)
        return e;
    if ((e = fn(cx, arg)) == ERR_OK)
        e = store_commit(&tx);
    store_rollback(&tx);
    *again = e != ERR_OK && tx.again;
    return e;
}

err_t
store__transact(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg,
                bool brief)
{
    enum { TRIES = 8 };
    bool again = false;
    err_t e = ERR_OK;

    for (int i = 0; i < TRIES; i++) {
        again = false;
        if ((e = once_through(cx, fn, arg, brief, &again)) == ERR_OK || !again)
            return e;
        refuse_clear(cx);
        nanosleep(&(struct timespec){ .tv_nsec = (i + 1) * 2000000L }, NULL);
    }
    return refuse(cx, ERR_UNAVAILABLE, "", "other transactions came between, %d times",
                  TRIES);
}

err_t
store_transact(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg)
{
    return store__transact(cx, fn, arg, false);
}

/* --- a copy ---------------------------------------------------------------- */

err_t
store_backup(struct ctx *cx, const char *path)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e;

    if (!cx->sys->store->engine->local)
        return refuse(cx, ERR_UNSUPPORTED, "", "PostgreSQL is copied with pg_dump");
    if ((e = store__adhoc(cx, "vacuum into $1", &rows, SQL_ARGS(sql_text(str_of(path))))) !=
        ERR_OK)
        return e;
    while (store_next(&rows))
        ;
    return store_done(&rows);
}
