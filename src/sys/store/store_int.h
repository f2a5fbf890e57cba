/*
 * store_int.h - between the files of sys/store.
 *
 *   store.c          the public calls; the pool of connections
 *   store_text.c     statements and schema in each engine's words
 *   store_migrate.c  from an empty or older database to today's
 *   store_once.c     one-time values
 *   store_taken.c    where they are kept beside SQLite
 *   store_kept.c     rows that are read often
 *   store_sqlite.c   one engine
 *   store_pg.c       the other
 *
 * A connection belongs to one thread from acquire to release; nested calls of
 * that thread get the same one.
 *
 * EUPL-1.2.
 */
#ifndef KNOOP_SYS_STORE_INT_H
#define KNOOP_SYS_STORE_INT_H

#include <pthread.h>

#include "sys/store/store.h"

enum {
    STORE_ADHOC = -1, /* a statement that has no id */
    STORE_CONNECTIONS_MAX = 256,
    STORE_TEXT_MAX = 16 * 1024, /* of one statement */
    STORE_VALUE_MAX = 64 << 20, /* bytes of one argument */
};

/* One of the rows of gen/sql.def's SCHEMA. */
struct store_step {
    const char *room;
    int step;
    const char *text;
    const char *said; /* as it stands in the .def, when `text` was translated */
};
const struct store_step *store__steps(size_t *n);

/* A statement in the engine's words. */
struct store_sql {
    int id;           /* or STORE_ADHOC */
    const char *name; /* "did_list"; for reasons */
    const char *text;
    int params;
};

struct store_conn {
    struct store *store;
    void *engine; /* struct of the engine; NULL: not connected */
    pthread_t owner;
    int depth; /* users of it now, all of the owner's thread */
    bool tx, tx_failed, again;
    bool want_brief, brief;    /* what the next write may be, and how the engine is set */
    int writing;               /* SQLite: holds the writer's lock, so deep */
    bool bad;                  /* broken: to be connected anew */
    struct ctx *cx;            /* for whom it works now; for waits */
    int64_t since, idle_since; /* held; not held */
    int64_t pages;             /* bytes of them that it remembered when it was idle */
};

/*
 * Where a database stands: two that are the same enclose no commit of anybody. Of
 * SQLite it is the header of the WAL-index.
 */
enum { STORE_MARK = 12 };
struct store_mark {
    uint32_t word[STORE_MARK];
};

/* A value that is kept, or was. */
struct store_cell {
    enum sql_type type;
    int64_t i;
    struct bytes b;
};

/* The rows of one statement; in the arena of the context that asked. */
struct store_cursor {
    struct store_conn *conn; /* NULL: `cells` are all rows */
    struct store_sql sql;
    struct store_cell *cells;
    struct store_keeping *keeping; /* its rows are to be kept */
    int rows_n;
    void *rows;       /* the engine's */
    void *spare;      /* the engine's */
    int row, columns; /* row: -1 before the first */
    bool ended, writes;
    int64_t changed;
};

struct store_engine {
    const char *name;
    bool local;
    const char *begin;
    const char
        *sync[2]; /* outside a transaction: [0] all is safe, [1] brief; may be NULL */
    /* Is this URL for us? Reads it into s->where. */
    err_t (*open)(struct ctx *cx, struct store *s, struct str url);
    void (*close)(struct store *s);
    err_t (*connect)(struct ctx *cx, struct store_conn *c);
    void (*disconnect)(struct store_conn *c);
    /* Is an idle connection still there? */
    bool (*alive)(struct store_conn *c);
    /* Several statements without arguments or rows. */
    err_t (*script)(struct ctx *cx, struct store_conn *c, const char *text);
    /* Prepares all of s->sql and compares parameters. */
    err_t (*prepare)(struct ctx *cx, struct store_conn *c);
    err_t (*run)(struct ctx *cx, struct store_cursor *cur, const struct sql_arg *args,
                 size_t n);
    err_t (*next)(struct ctx *cx, struct store_cursor *cur); /* sets cur->ended */
    void (*end)(struct store_cursor *cur);
    /* False when it cannot be told now. NULL: never. */
    bool (*mark)(struct store_conn *c, struct store_mark *out);
    /* Bytes of pages that a connection remembers. NULL: none. */
    int64_t (*pages)(struct store_conn *c);
    enum sql_type (*type)(struct store_cursor *cur, int column);
    int64_t (*integer)(struct store_cursor *cur, int column);
    struct bytes (*bytes)(struct store_cursor *cur, int column);
    /* A lock that migrations of several processes take, inside a transaction. */
    const char *migration_lock;
    const char *has_foreign_tables; /* counts tables of another program */
};
extern const struct store_engine store__sqlite, store__pg;

struct store {
    const struct store_engine *engine;
    struct arena arena; /* texts; unchanged after open */
    char *where;        /* path or connection string */
    struct store_sql sql[SQL_COUNT];
    const struct store_step *steps; /* in the engine's words */
    size_t step_count;
    int64_t wait_ms, timeout_ms;
    int64_t once; /* one-time values that may live, when their file is made */
    bool strict, ready;
    void *shared; /* the engine's */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t freed;
    struct store_conn *conn[STORE_CONNECTIONS_MAX];
    int open, most, waiting;

    struct store_kept *kept;   /* store_kept.c */
    struct store_taken *taken; /* store_taken.c; NULL: they are rows */
    pthread_mutex_t writer;    /* SQLite has one at a time */
    struct {
        pthread_mutex_t lock;
        struct store_brief *first;
        bool led;         /* a batch is under way */
    } briefs;             /* store_brief.c */
    long calls, failures; /* atomic */
};

/* As store_open with other steps, for tests of migrations. */
err_t store__open(struct ctx *cx, struct str url, const struct store_step *steps, size_t n,
                  struct store **out) NODISCARD;
err_t store__migrate(struct ctx *cx, struct store *s) NODISCARD;

/* "$3" is the highest: 3. They must appear in order: -1 otherwise. */
int store__params(const char *text);
/* `text` in the engine's words; NULL without memory. DDL: types, strict tables. */
const char *store__ddl(struct arena *a, const char *text, bool sqlite);

err_t store__acquire(struct ctx *cx, struct store *s, struct store_conn **out) NODISCARD;
void store__release(struct store_conn *c);
/* The fault hook and the counter; every engine call passes here. */
err_t store__call(struct ctx *cx, struct store *s) NODISCARD;
/* A statement without an id on this thread's connection. */
err_t store__adhoc(struct ctx *cx, const char *text, struct store_rows *rows,
                   const struct sql_arg *args, size_t n) NODISCARD;
err_t store__script(struct ctx *cx, struct store_conn *c, const char *text) NODISCARD;
err_t store__begin(struct ctx *cx, struct store_tx *tx, bool brief) NODISCARD;
err_t store__transact(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg,
                      bool brief) NODISCARD;
/* What a cell of a cursor's row holds. */
struct store_cell store__cell(struct store_cursor *cur, int column);
/* A row was read, or that there are no more. */
void store__keep_row(struct store_cursor *cur);
/* Before a cursor closes: what is kept is read to its end. */
void store__keep_rest(struct ctx *cx, struct store_cursor *cur);
size_t store__kept_bytes(struct store_kept *k); /* what their room takes; NULL: 0 */
void store__kept_free(struct store *s);
struct bytes store__kept_key(struct arena *a, const struct sql_arg *args, size_t n);
uint64_t store__kept_hash(enum sql_id id, struct bytes key);
/* Before a write outside a transaction, or its begin: sets the engine as is wanted. */
err_t store__sync(struct ctx *cx, struct store_conn *c) NODISCARD;
/* Is there a file, of this user alone? */
err_t store__is_private(struct ctx *cx, const char *path) NODISCARD;
/*
 * The file of one-time values, if there is none, which knows of none before `since_ms`.
 * The other name that it has meanwhile is one for all: it belongs to who holds SQLite's
 * lock for writing.
 */
err_t store__taken_make(struct ctx *cx, struct store *s, int64_t since_ms) NODISCARD;
/* STORE_SCHEMA for a file that is not one of ours. `s` can write already. */
err_t store__taken_open(struct ctx *cx, struct store *s,
                        struct store_taken **out) NODISCARD;
void store__taken_close(struct store_taken *t); /* NULL is fine */
/* Those of the list whose `e` is OK; the rest stays as it is. */
enum { STORE_TAKEN_MOST = 32 };
void store__taken_take(struct store *s, struct store_once *list, size_t n);
/* Of `o`: cx, kind, value. `taken` is as it was when this fails. */
err_t store__taken_seen(struct store *s, const struct store_once *o, bool *taken) NODISCARD;
/* The earlier of the context's deadline and `ms` from now; on os_tick_ms. */
int64_t store__until(const struct ctx *cx, int64_t ms);
/* The writer's lock of SQLite, bounded by store.wait. */
err_t store__write_lock(struct ctx *cx, struct store_conn *c) NODISCARD;
void store__write_unlock(struct store_conn *c);

#endif
