/*
 * source_db_int.h - one connection and its statements: between source_db.c,
 * source_rows.c, source_found.c and source_wal.c alone. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_DB_INT_H
#define KNOOP_CARE_SOURCE_DB_INT_H

#include "care/source/source_int.h"

#include <pthread.h>
#include <sqlite3.h>

enum statement {
    ST_BEGIN,
    ST_SNAPSHOT,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_GET,
    ST_GET_VERSION,
    ST_NEW,
    ST_VERSION,
    ST_MOVE,
    ST_FOUND_ADD,
    ST_FOUND_DROP,
    ST_NEWEST_ADD,
    ST_NEWEST_DROP,
    ST_WALK,
    ST_KEYS,
    ST_FOUND,
    ST_KEY,
    ST_NEWEST,
    ST_ALL,
    ST_HISTORY_ALL,
    ST_HISTORY_TYPE,
    ST_HISTORY_ONE,
    ST_COUNT
};

struct source_db {
    struct source *of;
    struct source_db *next;
    sqlite3 *handle;
    sqlite3_stmt *st[ST_COUNT];
    bool open;    /* a transaction is */
    bool writing; /* and it holds the source's turn to write */
};

/* What SQLite said, as a refusal. */
err_t source__failed(struct ctx *cx, struct source_db *db, const char *doing) NODISCARD;
/* Runs a statement that gives no row, and resets it. */
int source__step(struct source_db *db, enum statement st);
/* The same of one that changes something, as a refusal. */
err_t source__run(struct ctx *cx, struct source_db *db, enum statement st,
                  const char *doing) NODISCARD;
/* What a bound statement of whole rows finds, until *stop; false at first. */
err_t source__walk_rows(struct ctx *cx, struct source_db *db, enum statement st,
                        source_visit *visit, void *arg, bool *stop) NODISCARD;
/* What a version is found under; and the index, from the old to the new. */
err_t source__terms_of(struct ctx *cx, const struct source_row *row,
                       struct source_terms *out) NODISCARD;
err_t source__index_change(struct ctx *cx, struct source_db *db, int64_t key,
                           const struct source_terms *old,
                           const struct source_terms *new) NODISCARD;
/*
 * What is in the index is made by the parameters that codec/fhir knows: when those
 * are others than the index was made by, it is made anew. At opening.
 */
err_t source__index_anew(struct ctx *cx, struct source_db *db) NODISCARD;

/* --- the log (source_wal.c) ------------------------------------------------------ */
/* `writing` is whose turn it is to write. */
struct source_wal;
err_t source__wal_open(struct ctx *cx, const char *path, pthread_mutex_t *writing,
                       struct source_wal **out) NODISCARD;
void source__wal_close(struct source_wal *w);
/* Looks at what this connection commits. */
void source__wal_watch(struct source_wal *w, sqlite3 *handle);
/* Before taking the turn to write. */
void source__wal_yield(struct source_wal *w);

#endif
