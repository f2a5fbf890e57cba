/*
 * store.h - what must outlive a process: SQLite or PostgreSQL.
 *
 * Rule      One set of statements for both engines. Parameters are $1, $2 … in
 *           order of appearance. Types: text, bigint, blob (bytea there), with
 *           text in byte order in both; no engine's own functions. What is
 *           acknowledged is on the disk. A transaction is serializable in
 *           both engines; after a failure in it, only rollback is left.
 * Trust     Reasons never quote a value.
 * Lifetime  Rows and their columns are borrowed until store_next or close.
 * Threads   Any thread; each has its own connection. PostgreSQL blocks: on the
 *           loop (cx->may_not_block) it answers WOULD_BLOCK, and the route is
 *           run again in the pool. SQLite reads are allowed on the loop.
 * Source    Knoop. EUPL-1.2.
 *
 * A room's <room>_sql.def holds, in order:
 *
 *   SCHEMA(room, step, "create table …")    steps from 1, never changed later
 *   SQL(name, "select … where a = $1")      becomes SQL_name
 */
#ifndef KNOOP_SYS_STORE_H
#define KNOOP_SYS_STORE_H

#include "base/err.h"

enum sql_id {
#define SCHEMA(room, step, text)
#define SQL(name, text) SQL_##name,
#include "gen/sql.def"
#undef SQL
#undef SCHEMA
    SQL_COUNT
};

struct store;

struct conf;

/*
 * The file that a SQLite url names, in `cx`'s arena: for the role that opens
 * the folder to a worker. Empty (.p NULL) for PostgreSQL; ERR_CONF for a url
 * that names none. An empty url is <datadir>/store/knoop.db.
 */
err_t store_file(struct ctx *cx, const struct conf *c, struct str url,
                 struct str *path) NODISCARD;

/*
 * Opens, migrates, and prepares every statement. `url` is that of the option
 * store.url: empty (SQLite in cx->conf's datadir), "sqlite:///path/db",
 * nuts-node's "sqlite:file:/path/db?…", or "postgres://…".
 *
 *   ERR_STORE_SCHEMA  a newer program, or another one, has written there
 *   ERR_STORE         the database does not work; the reason says why
 */
err_t store_open(struct ctx *cx, struct str url, struct store **out) NODISCARD;
void store_close(struct store *s);          /* NULL is fine */
bool store_is_local(const struct store *s); /* SQLite */
/* Does it answer? `detail` is "sqlite" or "postgres" with connections in use. */
err_t store_health(struct ctx *cx, struct str *detail) NODISCARD;
struct store_state {
    int64_t open, busy, most; /* connections */
    int64_t calls, failures;  /* of the engine, since the start */
    int64_t kept, pages;      /* bytes of memory: rows (store_query_kept), pages */
};
struct store_state store_state(struct store *s);
/*
 * For fault tests: the n-th call of an engine from now on, in this process,
 * fails (1 is the next, 0 none). Gives how many there were until now.
 */
long store_fail_at(long n);

/* SQL_OTHER: a column of a type that the rule above does not name. */
enum sql_type { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BLOB, SQL_OTHER };
struct sql_arg {
    enum sql_type type;
    int64_t i;
    struct str s; /* TEXT and BLOB alike */
};
/* The empty str is the empty text, not NULL. */
#define sql_int(v)  ((struct sql_arg){ SQL_INT, (v), { NULL, 0 } })
#define sql_text(v) ((struct sql_arg){ SQL_TEXT, 0, (v) })
#define sql_blob(v) ((struct sql_arg){ SQL_BLOB, 0, str_of_bytes(v) })
#define sql_null()  ((struct sql_arg){ SQL_NULL, 0, { NULL, 0 } })
#define SQL_ARGS(...)                                                                      \
    (const struct sql_arg[]){ __VA_ARGS__ },                                               \
        sizeof((const struct sql_arg[]){ __VA_ARGS__ }) / sizeof(struct sql_arg)
#define SQL_NO_ARGS NULL, 0

/* The store is cx->sys->store. */
struct store_rows {
    struct ctx *cx;
    void *engine_; /* whose rows these are */
    void *state_;
    err_t failed;
    bool done;
};
err_t store_query(struct ctx *cx, enum sql_id id, struct store_rows *rows,
                  const struct sql_arg *args, size_t n) NODISCARD;
/*
 * The same, for what is asked often: with SQLite its rows stay in memory for as long as
 * nobody, in whatever process, has committed anything (store_kept.c says how that is
 * known). So what it gives is what a read that begins now would give. Within a
 * transaction, and with PostgreSQL, it is store_query.
 */
err_t store_query_kept(struct ctx *cx, enum sql_id id, struct store_rows *rows,
                       const struct sql_arg *args, size_t n) NODISCARD;
bool store_next(struct store_rows *rows);
struct str store_text(struct store_rows *rows, int column); /* NULL: .p is NULL */
struct bytes store_blob(struct store_rows *rows, int column);
int64_t store_int(struct store_rows *rows, int column);
bool store_is_null(struct store_rows *rows, int column);
/* Did the rows end, or break? Also closes. */
err_t store_done(struct store_rows *rows) NODISCARD;
void store_rows_close(struct store_rows *rows); /* for scoped(); twice is fine */

/*
 * A copy of the whole, consistent while others write, to a new file (SQLite).
 * UNSUPPORTED on PostgreSQL, which has its own (pg_dump).
 */
err_t store_backup(struct ctx *cx, const char *path) NODISCARD;

/* insert, update, delete; `changed` may be NULL. A unique key met: CONFLICT. */
err_t store_exec(struct ctx *cx, enum sql_id id, int64_t *changed,
                 const struct sql_arg *args, size_t n) NODISCARD;

/*
 * A transaction over several calls of this thread. Rolled back unless
 * committed: scoped(store_rollback) struct store_tx tx = { 0 };
 * One at a time per thread. `again` after a failure: another transaction came
 * between, and the same once more may go well; store_transact does that.
 */
struct store_tx {
    struct ctx *cx;
    bool open;
    bool again;
    void *conn_;
};
/*
 * Runs `fn` in a transaction and commits when it returns ERR_OK; runs it anew,
 * a few times, when another transaction came between. So `fn` changes nothing
 * but the store and `arg`.
 */
err_t store_transact(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg),
                     void *arg) NODISCARD;
/*
 * The same for what is soon worth nothing: a token, a value that is good once. It
 * survives the death of every process, but with SQLite no fdatasync is waited for, so
 * the last moments may be lost with the machine's power. Who relies on it having been
 * written refuses what was made before the machine came up (os_uptime_ms).
 */
err_t store_transact_brief(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg),
                           void *arg) NODISCARD;
err_t store_begin(struct ctx *cx, struct store_tx *tx) NODISCARD;
err_t store_commit(struct store_tx *tx) NODISCARD;
void store_rollback(struct store_tx *tx);

/*
 * Takes a one-time value (nonce, code, jti) atomically, over all processes.
 * `kind` parts the uses. CONFLICT when it was taken before and has not yet
 * expired; after `until_ms` it is forgotten. LIMIT when `value` is longer than
 * STORE_ONCE_MAX bytes: hash it before. UNAVAILABLE when more are live than are
 * kept. As brief as store_transact_brief. Not within a transaction: it stands,
 * whatever becomes of what it is taken for.
 */
enum { STORE_ONCE_MAX = 512 };
err_t store_take_once(struct ctx *cx, const char *kind, struct str value,
                      int64_t until_ms) NODISCARD;
/*
 * Several of different requests, in one go: each is judged on its own, `e` is what
 * store_take_once would say, and the reason is in its own cx. Where the database fails
 * for all, each is tried again on its own.
 */
struct store_once {
    struct ctx *cx;
    const char *kind;
    struct str value;
    int64_t until_ms;
    err_t e;
};
void store_take_all(struct store_once *list, size_t n);
/*
 * Was it taken, and has it not expired? A read: for refusing a replay before the
 * costly checks. Only store_take_once decides.
 */
err_t store_was_taken(struct ctx *cx, const char *kind, struct str value,
                      bool *taken) NODISCARD;
/*
 * What was made before this time may have been used up though it is not known: whoever
 * takes one-time values refuses it, with room for clocks that are ahead. 0: all is known,
 * as far as store_transact_brief goes; so it is for NULL.
 */
int64_t store_once_since(const struct store *s);
/* Deletes what has expired, a bounded number at a time; a job calls it. */
err_t store_sweep(struct ctx *cx) NODISCARD;

#endif
