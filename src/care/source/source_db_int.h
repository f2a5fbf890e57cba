/*
 * source_db_int.h - one connection and its statements: between source_db.c and
 * source_rows.c alone. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_DB_INT_H
#define KNOOP_CARE_SOURCE_DB_INT_H

#include "care/source/source_int.h"

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
    ST_WALK,
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
/*
 * What is in the index is made by the parameters that codec/fhir knows: when those
 * are others than the index was made by, it is made anew. At opening.
 */
err_t source__index_anew(struct ctx *cx, struct source_db *db) NODISCARD;

#endif
