/*
 * store_pg.c - PostgreSQL, through libpq.
 *
 * Every wait is ours (poll with a deadline), so that a server that vanishes
 * costs a thread no longer than store.timeout; the connection is then dropped.
 * Texts and bytes travel in binary, numbers out as text (their width is the
 * server's to infer) and in by the type that the server names.
 *
 * Trust     The server is ours; the way to it may not be: in strict mode a
 *           host beyond this machine needs an sslmode that somebody chose.
 * Source    Knoop, over libpq. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/os/dl.h"
#include "sys/os/os.h"

struct pq_api {
#define X(f) DL_MEMBER(f)
#include "sys/store/store_pq.def"
#undef X
};
static const struct dl_name names[] = {
#define X(f) DL_NAME(struct pq_api, f)
#include "sys/store/store_pq.def"
#undef X
};
static struct pq_api pq; /* filled once, under `loading` */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static bool loaded;

enum {
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    BYTEA = 17,
    BOOL = 16,
    VARCHAR = 1043,
    NAME = 19,
    NUMERIC = 1700
};

/* --- errors ------------------------------------------------------------------ */

static const struct {
    const char *state; /* or its first letters */
    err_t code;
    bool again, bad;
    const char *says;
} states[] = {
    { "23505", ERR_CONFLICT, false, false, "the key is there already" },
    { "23503", ERR_CONFLICT, false, false,
      "another row refers to it, or what it refers to is not there" },
    { "40001", ERR_UNAVAILABLE, true, false, "another transaction came between" },
    { "40P01", ERR_UNAVAILABLE, true, false, "two transactions waited for each other" },
    { "55P03", ERR_UNAVAILABLE, false, false, "a lock was not given in time" },
    { "57014", ERR_DEADLINE, false, false, "the statement took longer than store.timeout" },
    { "53300", ERR_STORE, false, true, "the server has no connection left" },
    { "26000", ERR_STORE, false, true,
      "prepared statements vanish: is a pooler in transaction mode between?" },
    { "53", ERR_STORE, false, false, "the server lacks memory or disk" },
    { "57P", ERR_STORE, false, true, "the server is stopping" },
    { "08", ERR_STORE, false, true, "the connection broke" },
    { "25006", ERR_STORE, false, true, "the server is read-only (a standby?)" },
    { "25P03", ERR_STORE, false, true, "a transaction was idle for too long" },
    { "28", ERR_STORE, false, true, "the server does not let us in" },
    { "42501", ERR_STORE, false, false, "this user lacks a privilege" },
    { "3D", ERR_STORE, false, true, "the database is not there" },
    { "58", ERR_STORE, false, false, "the server has a fault of its own" },
    { "", ERR_INTERNAL, false, false, "" },
};

/* The server's own words may quote values (class 22, 23): our words, its code. */
static err_t
failed(struct ctx *cx, struct store_conn *c, const char *what, const PGresult *r)
{
    const char *state = r ? pq.PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    size_t i = 0;

    if (state == NULL) {
        c->bad = true;
        return refuse(cx, ERR_STORE, "", "SQL %s: the connection to PostgreSQL broke",
                      what);
    }
    while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
        i++;
    c->again |= states[i].again;
    c->bad |= states[i].bad;
    if (states[i].says[0] != '\0')
        return refuse(cx, states[i].code, "", "SQL %s: %s (%s)", what, states[i].says,
                      state);
    if (strncmp(state, "42", 2) == 0) /* syntax and names: nothing of a value */
        return refuse(cx, ERR_INTERNAL, "", "SQL %s: %s (%s)", what,
                      pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), state);
    return refuse(cx, states[i].code, "", "SQL %s: PostgreSQL says %s", what, state);
}

/* --- waiting ------------------------------------------------------------------- */

static bool
wait_for(int fd, short what, int64_t until)
{
    struct pollfd p = { .fd = fd, .events = what };
    int64_t left;

    while ((left = until - os_tick_ms()) > 0) {
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);

        if (n > 0)
            return true;
    }
    return false;
}

/* The next result; NULL in *out ends a statement's results. */
static err_t
result(struct ctx *cx, struct store_conn *c, const char *what, PGresult **out)
{
    /* A migration may wait for another's, and build an index. */
    int64_t ms = c->store->ready ? c->store->timeout_ms + 1000 : 600000;
    int64_t until = store__until(cx, ms);

    *out = NULL;
    while (pq.PQisBusy(c->engine)) {
        if (!wait_for(pq.PQsocket(c->engine), POLLIN, until)) {
            c->bad = true; /* its answer would be taken for the next one's */
            return refuse(cx, ERR_DEADLINE, "", "SQL %s: PostgreSQL did not answer in time",
                          what);
        }
        if (!pq.PQconsumeInput(c->engine))
            return failed(cx, c, what, NULL);
    }
    *out = pq.PQgetResult(c->engine);
    return ERR_OK;
}

static void
clear(PGresult **r)
{
    if (*r != NULL)
        pq.PQclear(*r);
}

static bool
is_error(const PGresult *r)
{
    ExecStatusType st = pq.PQresultStatus(r);

    return st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK && st != PGRES_EMPTY_QUERY;
}

/* All results of what was sent; the last good one is kept, an error wins. */
static err_t
results(struct ctx *cx, struct store_conn *c, const char *what, PGresult **out)
{
    scoped(clear) PGresult *kept = NULL;
    PGresult *r;
    err_t e, worst = ERR_OK;

    while ((e = result(cx, c, what, &r)) == ERR_OK && r != NULL) {
        if (worst == ERR_OK && is_error(r))
            worst = failed(cx, c, what, r);
        clear(&kept);
        kept = r;
    }
    if (e == ERR_OK && worst == ERR_OK && kept == NULL)
        e = failed(cx, c, what, NULL);
    if (e == ERR_OK)
        e = worst;
    if (e == ERR_OK && out != NULL) {
        *out = kept;
        kept = NULL;
    }
    return e;
}

/* --- opening --------------------------------------------------------------------- */

static bool
is_here(const char *host)
{
    return host == NULL || host[0] == '\0' || host[0] == '/' || host[0] == '@' ||
           strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, "::1") == 0;
}

static err_t
judge_url(struct ctx *cx, const struct store *s)
{
    char *error = NULL;
    const char *host = NULL, *ssl = NULL;
    PQconninfoOption *all = pq.PQconninfoParse(s->where, &error);
    bool ok;

    if (error != NULL)
        pq.PQfreemem(error); /* it may quote the password */
    if (all == NULL)
        return refuse(cx, ERR_CONF, "",
                      "store.url is no PostgreSQL URL that libpq understands");
    for (PQconninfoOption *o = all; o->keyword != NULL; o++) {
        if (o->val != NULL &&
            (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0))
            host = o->val;
        if (strcmp(o->keyword, "sslmode") == 0)
            ssl = o->val;
    }
    if (host == NULL)
        host = getenv("PGHOST");
    if (ssl == NULL)
        ssl = getenv("PGSSLMODE");
    ok = is_here(host) || ssl != NULL || !s->strict;
    pq.PQconninfoFree(all);
    if (!ok)
        return refuse(
            cx, ERR_CONF, "",
            "store.url names a host beyond this machine: choose its sslmode (verify-full, "
            "or disable where the network is trusted)");
    return ERR_OK;
}

static err_t
pg_open(struct ctx *cx, struct store *s, struct str url)
{
    err_t e = ERR_OK;

    if (!str_starts(url, S("postgres://")) && !str_starts(url, S("postgresql://")))
        return refuse(cx, ERR_UNSUPPORTED, "", "not PostgreSQL");
    if ((s->where = arena_z(&s->arena, url)) == NULL)
        return refuse_memory(cx);
    pthread_mutex_lock(&loading);
    if (!loaded && (e = dl_load(cx, "libpq.so.5", names, COUNT(names), &pq)) == ERR_OK)
        loaded = true;
    pthread_mutex_unlock(&loading);
    return e != ERR_OK ? e : judge_url(cx, s);
}

static void
pg_close(struct store *s)
{
    (void)s;
}

static void
pg_disconnect(struct store_conn *c)
{
    if (c->engine != NULL)
        pq.PQfinish(c->engine);
    c->engine = NULL;
}

static void
no_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

/* libpq's words on a connection: host and user, no password. First line. */
static err_t
no_connection(struct ctx *cx, struct store_conn *c)
{
    struct str words = str_of(c->engine ? pq.PQerrorMessage(c->engine) : "no memory");
    err_t e = refuse(cx, ERR_STORE, "", "no connection to PostgreSQL: %.*s",
                     STR(str_sub(words, 0, str_find(words, '\n'))));

    pg_disconnect(c);
    return e;
}

static err_t
greet(struct ctx *cx, struct store_conn *c)
{
    int64_t until = store__until(cx, c->store->timeout_ms);
    short what = POLLOUT;

    for (;;) {
        PostgresPollingStatusType st;

        if (!wait_for(pq.PQsocket(c->engine), what, until)) {
            pg_disconnect(c);
            return refuse(cx, ERR_STORE, "",
                          "no connection to PostgreSQL within store.timeout");
        }
        st = pq.PQconnectPoll(c->engine);
        if (st == PGRES_POLLING_OK)
            return ERR_OK;
        if (st == PGRES_POLLING_FAILED)
            return no_connection(cx, c);
        what = st == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    }
}

static err_t
pg_script(struct ctx *cx, struct store_conn *c, const char *text)
{
    if (!pq.PQsendQuery(c->engine, text))
        return failed(cx, c, "script", NULL);
    return results(cx, c, "script", NULL);
}

/* What an acknowledged write means is ours to say, not the server's default. */
static err_t
set_up(struct ctx *cx, struct store_conn *c)
{
    char text[512];

    if (pq.PQserverVersion(c->engine) < 120000)
        return refuse(cx, ERR_STORE, "", "PostgreSQL %d is too old; 12 or newer is needed",
                      pq.PQserverVersion(c->engine) / 10000);
    snprintf(text, sizeof(text),
             "set statement_timeout = %lld; set lock_timeout = %lld;"
             "set idle_in_transaction_session_timeout = 60000; set timezone = 'UTC';"
             "select set_config('synchronous_commit', 'on', false)"
             " where current_setting('synchronous_commit') = 'off'",
             (long long)c->store->timeout_ms, (long long)c->store->wait_ms);
    return pg_script(cx, c, text);
}

static err_t
pg_connect(struct ctx *cx, struct store_conn *c)
{
    char ms[24], seconds[24];
    /* Before dbname: the URL may say otherwise. Behind it: it may not. */
    const char *const keys[] = { "application_name",
                                 "connect_timeout",
                                 "tcp_user_timeout",
                                 "keepalives_idle",
                                 "dbname",
                                 "client_encoding",
                                 NULL };
    const char *const values[] = {
        "knoop", seconds, ms, "30", c->store->where, "UTF8", NULL
    };
    err_t e;

    snprintf(ms, sizeof(ms), "%lld", (long long)c->store->timeout_ms);
    snprintf(seconds, sizeof(seconds), "%lld",
             (long long)(c->store->timeout_ms / 1000 + 1));
    c->engine = pq.PQconnectStartParams(keys, values, 1);
    if (c->engine == NULL || pq.PQstatus(c->engine) == CONNECTION_BAD)
        return no_connection(cx, c);
    pq.PQsetNoticeProcessor(c->engine, no_notice, NULL);
    if ((e = greet(cx, c)) != ERR_OK)
        return e;
    if ((e = set_up(cx, c)) != ERR_OK)
        pg_disconnect(c);
    return e;
}

/* A server that went away left an end-of-file to read. */
static bool
pg_alive(struct store_conn *c)
{
    struct pollfd p = { .fd = pq.PQsocket(c->engine), .events = POLLIN };

    if (poll(&p, 1, 0) == 0)
        return true;
    return pq.PQconsumeInput(c->engine) && pq.PQstatus(c->engine) == CONNECTION_OK;
}

/* --- statements --------------------------------------------------------------------- */

enum { BATCH = 32 }; /* statements on the way at once: far below any socket buffer */

static const char *
label(char room[16], int id)
{
    snprintf(room, 16, "s%d", id);
    return room;
}

/* One batch travels and returns together. */
static err_t
prepare_batch(struct ctx *cx, struct store_conn *c, const struct store_sql *sql, size_t n)
{
    PGresult *r;
    char room[16];
    err_t e, worst = ERR_OK;

    for (size_t i = 0; i < n; i++)
        if (!pq.PQsendPrepare(c->engine, label(room, sql[i].id), sql[i].text, 0, NULL))
            return failed(cx, c, sql[i].name, NULL);
    if (!pq.PQpipelineSync(c->engine))
        return failed(cx, c, "prepare", NULL);
    for (size_t i = 0; i < n; i++) {
        if ((e = result(cx, c, sql[i].name, &r)) != ERR_OK)
            return e;
        if (worst == ERR_OK && is_error(r))
            worst = failed(cx, c, sql[i].name, r);
        clear(&r);
        if ((e = result(cx, c, sql[i].name, &r)) != ERR_OK) /* the NULL between */
            return e;
        clear(&r);
    }
    if ((e = result(cx, c, "prepare", &r)) == ERR_OK) /* the sync itself */
        clear(&r);
    return e != ERR_OK ? e : worst;
}

static err_t
pg_prepare(struct ctx *cx, struct store_conn *c)
{
    err_t e = ERR_OK;

    if (!pq.PQenterPipelineMode(c->engine))
        return failed(cx, c, "prepare", NULL);
    for (size_t i = 0; i < SQL_COUNT && e == ERR_OK; i += BATCH)
        e = prepare_batch(cx, c, &c->store->sql[i],
                          SQL_COUNT - i < BATCH ? SQL_COUNT - i : BATCH);
    if (!pq.PQexitPipelineMode(c->engine) && e == ERR_OK)
        e = failed(cx, c, "prepare", NULL);
    return e;
}

struct params {
    const char **value;
    int *length, *format;
};

static err_t
pack(struct ctx *cx, const struct sql_arg *args, size_t n, struct params *out)
{
    out->value = arena_array(cx->arena, n + 1, sizeof(*out->value));
    out->length = arena_array(cx->arena, n + 1, sizeof(int));
    out->format = arena_array(cx->arena, n + 1, sizeof(int));
    if (out->value == NULL || out->length == NULL || out->format == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < n; i++) {
        if (args[i].type == SQL_INT) {
            struct str digits = arena_printf(cx->arena, "%lld", (long long)args[i].i);

            if ((out->value[i] = digits.p) == NULL)
                return refuse_memory(cx);
        } else if (args[i].type != SQL_NULL) {
            out->value[i] = args[i].s.p != NULL ? args[i].s.p : "";
            out->length[i] = (int)args[i].s.n;
            out->format[i] = 1;
        }
    }
    return ERR_OK;
}

static err_t
pg_run(struct ctx *cx, struct store_cursor *cur, const struct sql_arg *args, size_t n)
{
    struct store_conn *c = cur->conn;
    struct params p;
    PGresult *r = NULL;
    char room[16];
    err_t e;
    int sent;

    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "the database is not of this machine");
    if ((e = pack(cx, args, n, &p)) != ERR_OK)
        return e;
    if (cur->sql.id < 0)
        sent = pq.PQsendQueryParams(c->engine, cur->sql.text, (int)n, NULL, p.value,
                                    p.length, p.format, 1);
    else
        sent = pq.PQsendQueryPrepared(c->engine, label(room, cur->sql.id), (int)n, p.value,
                                      p.length, p.format, 1);
    if (!sent)
        return failed(cx, c, cur->sql.name, NULL);
    if ((e = results(cx, c, cur->sql.name, &r)) != ERR_OK)
        return e;
    cur->rows = r;
    cur->columns = pq.PQnfields(r);
    cur->changed = strtoll(pq.PQcmdTuples(r), NULL, 10);
    return ERR_OK;
}

static err_t
pg_next(struct ctx *cx, struct store_cursor *cur)
{
    (void)cx;
    cur->ended = ++cur->row >= pq.PQntuples(cur->rows);
    return ERR_OK;
}

static void
pg_end(struct store_cursor *cur)
{
    if (cur->rows != NULL)
        pq.PQclear(cur->rows);
    cur->rows = NULL;
}

/* --- columns ------------------------------------------------------------------------ */

static uint64_t
big_endian(const unsigned char *p, int n)
{
    uint64_t v = 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* sum() of bigint is numeric: base 10,000, a whole number or none of ours. */
static bool
numeric(const unsigned char *p, int n, int64_t *out)
{
    int digits, weight;
    bool minus;
    int64_t v = 0;

    *out = 0;
    if (n < 8)
        return false;
    digits = (int)big_endian(p, 2);
    weight = (int16_t)big_endian(p + 2, 2);
    minus = big_endian(p + 4, 2) == 0x4000;
    if (n < 8 + 2 * digits || digits > weight + 1 || (!minus && big_endian(p + 4, 2) != 0))
        return false;
    for (int i = 0; i <= weight; i++) {
        int64_t d = i < digits ? (int64_t)big_endian(p + 8 + 2 * i, 2) : 0;

        if (__builtin_mul_overflow(v, 10000, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = minus ? -v : v;
    return true;
}

static const unsigned char *
raw(struct store_cursor *cur, int column)
{
    return (const unsigned char *)pq.PQgetvalue(cur->rows, cur->row, column);
}

static bool
as_integer(struct store_cursor *cur, int column, int64_t *out)
{
    int n = pq.PQgetlength(cur->rows, cur->row, column);

    switch (pq.PQftype(cur->rows, column)) {
    case INT8: *out = (int64_t)big_endian(raw(cur, column), 8); return n == 8;
    case INT4: *out = (int32_t)big_endian(raw(cur, column), 4); return n == 4;
    case INT2: *out = (int16_t)big_endian(raw(cur, column), 2); return n == 2;
    case BOOL: *out = raw(cur, column)[0] != 0; return n == 1;
    case NUMERIC: return numeric(raw(cur, column), n, out);
    default: return false;
    }
}

static enum sql_type
pg_type(struct store_cursor *cur, int column)
{
    int64_t v;

    if (pq.PQgetisnull(cur->rows, cur->row, column))
        return SQL_NULL;
    switch (pq.PQftype(cur->rows, column)) {
    case TEXT:
    case VARCHAR:
    case NAME: return SQL_TEXT;
    case BYTEA: return SQL_BLOB;
    default: return as_integer(cur, column, &v) ? SQL_INT : SQL_OTHER;
    }
}

static int64_t
pg_integer(struct store_cursor *cur, int column)
{
    int64_t v = 0;

    return as_integer(cur, column, &v) ? v : 0;
}

static struct bytes
pg_bytes(struct store_cursor *cur, int column)
{
    return (struct bytes){ raw(cur, column),
                           (size_t)pq.PQgetlength(cur->rows, cur->row, column) };
}

const struct store_engine store__pg = {
    .name = "postgres",
    .local = false,
    .begin = "begin isolation level serializable",
    .open = pg_open,
    .close = pg_close,
    .connect = pg_connect,
    .disconnect = pg_disconnect,
    .alive = pg_alive,
    .script = pg_script,
    .prepare = pg_prepare,
    .run = pg_run,
    .next = pg_next,
    .end = pg_end,
    .type = pg_type,
    .integer = pg_integer,
    .bytes = pg_bytes,
    /* A snapshot taken before the wait would not see what the other one did. */
    .migration_lock = "set transaction isolation level read committed;"
                      "set local statement_timeout = 0; set local lock_timeout = 0;"
                      "select pg_advisory_xact_lock(5423612078471021934)",
    .has_foreign_tables =
        "select sum(case when c.relname = 'knoop_schema' then 1 else 0 end), "
        "sum(case when c.relname = 'knoop_schema' then 0 else 1 end) from pg_class c "
        "join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = current_schema() and c.relkind in ('r', 'p')",
};
