/*
 * source_db.c - the FHIR store's tables, in SQLite.
 *
 *   history  every version, in the order of writing; what is in it stays
 *   current  one row per resource: where its newest version stands
 *   found    term -> current.key: what a search narrows by, before fhir_match decides
 *            (source_index.c)
 *   newest   an Observation's subject, kind and date -> current.key: what $lastn steps
 *            through (source_lastn.c)
 *   secret   what links to pages of forms are sealed with
 *
 * Durable   A commit is on the disk before it is answered (synchronous = full). One
 *           writes at a time, in turn; readers do not wait.
 *
 * EUPL-1.2.
 */
#include "care/source/source_db_int.h"

#include "crypto/prim/prim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROW "c.key, c.type, c.id, h.version, h.updated, h.method, h.body"
#define PAST                                                                               \
    "h.place, c.type, c.id, h.version, h.updated, h.method, h.body"                        \
    " from history h cross join current c on c.key = h.key"

static const char *const statements[ST_COUNT] = {
    [ST_BEGIN] = "begin immediate",
    [ST_SNAPSHOT] = "begin",
    [ST_COMMIT] = "commit",
    [ST_ROLLBACK] = "rollback",
    [ST_GET] = "select " ROW " from current c join history h on h.place = c.place"
               " where c.type = ?1 and c.id = ?2",
    [ST_GET_VERSION] = "select " ROW " from current c join history h on h.key = c.key"
                       " where c.type = ?1 and c.id = ?2 and h.version = ?3",
    /* where its first version will stand: behind all that is in the history */
    [ST_NEW] = "insert into current (type, id, place)"
               " values (?1, ?2, (select coalesce(max(place), 0) + 1 from history))",
    [ST_VERSION] = "insert into history (key, type, version, updated, method, body)"
                   " values (?1, ?2, ?3, ?4, ?5, ?6)",
    [ST_MOVE] = "update current set place = ?2 where key = ?1",
    [ST_FOUND_ADD] = "insert or ignore into found (term, key) values (?1, ?2)",
    [ST_FOUND_DROP] = "delete from found where term = ?1 and key = ?2",
    [ST_NEWEST_ADD] = "insert or ignore into newest (subject, kind, date, key)"
                      " values (?1, ?2, ?3, ?4)",
    [ST_NEWEST_DROP] = "delete from newest"
                       " where subject = ?1 and kind = ?2 and date = ?3 and key = ?4",
    [ST_KEYS] = "select key from found where term = ?1 and key > ?2 order by key",
    [ST_FOUND] = "select 1 from found where term = ?1 and key = ?2",
    [ST_KEY] = "select " ROW " from current c join history h on h.place = c.place"
               " where c.key = ?1",
    [ST_NEWEST] =
        "select n.kind, n.key,"
        " ?4 is null or exists (select 1 from found where term = ?4 and key = n.key)"
        " from newest n where n.subject = ?1 and n.kind >= ?2 and n.kind <= ?3"
        " order by n.kind, n.date desc, n.key desc",
    /* cross join: SQLite keeps the order */
    [ST_WALK] = "select " ROW " from found f cross join current c on c.key = f.key"
                " cross join history h on h.place = c.place"
                " where f.term = ?1 and f.key > ?2 order by f.key",
    [ST_ALL] = "select " ROW " from current c cross join history h on h.place = c.place"
               " where c.key > ?1 and h.method <> 'DELETE' order by c.key",
    [ST_HISTORY_ALL] = "select " PAST " where h.updated >= ?1 and h.place < ?3"
                       " order by h.place desc limit ?2",
    [ST_HISTORY_TYPE] = "select " PAST " where h.type = ?4 and h.updated >= ?1"
                        " and h.place < ?3 order by h.place desc limit ?2",
    [ST_HISTORY_ONE] = "select " PAST " where h.key = ?4 and h.updated >= ?1"
                       " and h.place < ?3 order by h.place desc limit ?2",
};

/* history.type is current.type as a number: see source__type_number. */
static const char schema[] =
    "create table if not exists history (place integer primary key, key integer not null,"
    " type integer not null, version integer not null, updated integer not null,"
    " method text not null, body text not null) strict;"
    "create index if not exists history_key on history (key);"
    "create index if not exists history_type on history (type);"
    "create table if not exists current (key integer primary key, type text not null,"
    " id text not null, place integer not null, unique (type, id)) strict;"
    "create table if not exists found (term integer not null, key integer not null,"
    " primary key (term, key)) strict, without rowid;"
    "create table if not exists newest (subject integer not null, kind integer not null,"
    " date integer not null, key integer not null,"
    " primary key (subject, kind, date desc, key desc)) strict, without rowid;"
    "create table if not exists secret (name text primary key, value blob not null)"
    " strict;";

/*
 * The loop's own connection waits for nobody. A page of 8 kB is one write where two
 * would be of half of it; how large they are is settled when the database is made.
 */
static const char pragmas[] =
    "pragma page_size = 8192; pragma journal_mode = wal; pragma synchronous = full;"
    "pragma foreign_keys = on; pragma cache_size = -16384; pragma trusted_schema = off;";
enum { PATIENCE_MS = 5000 };

struct source {
    pthread_mutex_t mutex;
    pthread_mutex_t writing; /* SQLite's own waiting sleeps; this one wakes */
    struct source_db *idle;
    struct source_wal *wal;
    struct source_db *of_loop; /* taken by who may not block, one at a time */
    char path[4096];
    char base[256];
    uint8_t page_key[SOURCE_PAGE_KEY];
};

err_t
source__failed(struct ctx *cx, struct source_db *db, const char *doing)
{
    int code = sqlite3_errcode(db->handle);

    if (code == SQLITE_BUSY && cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "source: %s: the database is busy", doing);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return refuse(cx, ERR_UNAVAILABLE, "", "source: %s: the database is busy", doing);
    return refuse(cx, ERR_INTERNAL, "", "source: %s: %s", doing,
                  sqlite3_errmsg(db->handle));
}

static void
statement_done(sqlite3_stmt **st)
{
    sqlite3_finalize(*st);
}

static void
close_db(struct source_db *db)
{
    for (size_t i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(db->st[i]);
    sqlite3_close(db->handle);
    free(db);
}

static err_t
open_db(struct ctx *cx, struct source *s, int patience_ms, struct source_db **out)
{
    struct source_db *db = calloc(1, sizeof(*db));

    *out = NULL;
    if (db == NULL)
        return refuse_memory(cx);
    db->of = s;
    if (sqlite3_open_v2(s->path, &db->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(db->handle, PATIENCE_MS) != SQLITE_OK ||
        sqlite3_exec(db->handle, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db->handle, schema, NULL, NULL, NULL) != SQLITE_OK)
        goto refused;
    for (size_t i = 0; i < ST_COUNT; i++)
        if (sqlite3_prepare_v3(db->handle, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->st[i], NULL) != SQLITE_OK)
            goto refused;
    sqlite3_busy_timeout(db->handle, patience_ms);
    source__wal_watch(s->wal, db->handle);
    *out = db;
    return ERR_OK;
refused:;
    err_t e = source__failed(cx, db, "opening the database");
    close_db(db);
    return e;
}

/* Two that open it at once: the first insert counts for both. */
static err_t
read_page_key(struct ctx *cx, struct source *s, struct source_db *db)
{
    scoped(statement_done) sqlite3_stmt *add = NULL, *get = NULL;
    uint8_t fresh[SOURCE_PAGE_KEY];

    random_bytes(fresh, sizeof(fresh));
    if (sqlite3_prepare_v2(db->handle,
                           "insert or ignore into secret (name, value) values ('page', ?1)",
                           -1, &add, NULL) != SQLITE_OK ||
        sqlite3_bind_blob(add, 1, fresh, sizeof(fresh), SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(add) != SQLITE_DONE ||
        sqlite3_prepare_v2(db->handle, "select value from secret where name = 'page'", -1,
                           &get, NULL) != SQLITE_OK ||
        sqlite3_step(get) != SQLITE_ROW)
        return source__failed(cx, db, "reading the secret of pages");
    if (sqlite3_column_bytes(get, 0) != SOURCE_PAGE_KEY)
        return refuse(cx, ERR_INTERNAL, "", "source: the secret of pages has another size");
    memcpy(s->page_key, sqlite3_column_blob(get, 0), SOURCE_PAGE_KEY);
    return ERR_OK;
}

err_t
source_open(struct ctx *cx, struct str path, struct str base, struct source **out)
{
    struct source *s = calloc(1, sizeof(*s));
    struct source_db *db;
    mode_t mask;
    err_t e;

    *out = NULL;
    if (s == NULL)
        return refuse_memory(cx);
    if (path.n >= sizeof(s->path) || base.n >= sizeof(s->base)) {
        free(s);
        return refuse(cx, ERR_BAD_REQUEST, "", "source: path or base URL is too long");
    }
    memcpy(s->path, path.p, path.n);
    memcpy(s->base, base.p, base.n);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->writing, NULL);
    mask = umask(077);
    if ((e = source__wal_open(cx, s->path, &s->writing, &s->wal)) == ERR_OK)
        e = open_db(cx, s, PATIENCE_MS, &db);
    umask(mask);
    if (e == ERR_OK) {
        s->idle = db;
        if ((e = read_page_key(cx, s, db)) == ERR_OK &&
            (e = source__index_anew(cx, db)) == ERR_OK)
            e = open_db(cx, s, 0, &s->of_loop);
    }
    if (e != ERR_OK) {
        source_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void
source_close(struct source *s)
{
    if (s == NULL)
        return;
    while (s->idle != NULL) {
        struct source_db *next = s->idle->next;

        close_db(s->idle);
        s->idle = next;
    }
    if (s->of_loop != NULL)
        close_db(s->of_loop);
    source__wal_close(s->wal);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->writing);
    wipe(s->page_key, sizeof(s->page_key));
    free(s);
}

err_t
source__take(struct ctx *cx, struct source *s, struct source_db **out)
{
    struct source_db *db;

    if (cx->may_not_block) {
        *out = s->of_loop;
        return ERR_OK;
    }
    pthread_mutex_lock(&s->mutex);
    db = s->idle;
    if (db != NULL)
        s->idle = db->next;
    pthread_mutex_unlock(&s->mutex);
    *out = db;
    return db != NULL ? ERR_OK : open_db(cx, s, PATIENCE_MS, out);
}

int
source__step(struct source_db *db, enum statement st)
{
    int rc = sqlite3_step(db->st[st]);

    sqlite3_reset(db->st[st]);
    return rc;
}

/* What was open is over, either way. */
static void
ended(struct source_db *db)
{
    if (db->writing)
        pthread_mutex_unlock(&db->of->writing);
    db->open = db->writing = false;
}

void
source__rollback(struct source_db *db)
{
    if (db->open)
        source__step(db, ST_ROLLBACK);
    ended(db);
}

void
source__give(struct source_db **at)
{
    struct source_db *db = *at;

    if (db == NULL)
        return;
    *at = NULL;
    source__rollback(db);
    if (db == db->of->of_loop)
        return;
    pthread_mutex_lock(&db->of->mutex);
    db->next = db->of->idle;
    db->of->idle = db;
    pthread_mutex_unlock(&db->of->mutex);
}

struct str
source__base(const struct source_db *db)
{
    return str_of(db->of->base);
}

struct bytes
source__page_key(const struct source_db *db)
{
    return (struct bytes){ db->of->page_key, SOURCE_PAGE_KEY };
}

/* What is read until the connection is given back is of one moment. */
err_t
source__snapshot(struct ctx *cx, struct source_db *db)
{
    if (source__step(db, ST_SNAPSHOT) != SQLITE_DONE)
        return source__failed(cx, db, "beginning to read");
    db->open = true;
    return ERR_OK;
}

err_t
source__begin(struct ctx *cx, struct source_db *db)
{
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "source: who writes may have to wait");
    source__wal_yield(db->of->wal);
    pthread_mutex_lock(&db->of->writing);
    db->writing = true;
    if (source__step(db, ST_BEGIN) != SQLITE_DONE) {
        ended(db);
        return source__failed(cx, db, "beginning a transaction");
    }
    db->open = true;
    return ERR_OK;
}

err_t
source__commit(struct ctx *cx, struct source_db *db)
{
    if (source__step(db, ST_COMMIT) != SQLITE_DONE)
        return source__failed(cx, db, "committing");
    ended(db);
    return ERR_OK;
}
