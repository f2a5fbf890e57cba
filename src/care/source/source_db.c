/*
 * source_db.c - the FHIR store's tables, in SQLite.
 *
 *   current  one row per resource: its newest version
 *   history  every version
 *   found    (type, parameter, value) -> current.key, for equality alone: what a
 *            search narrows by, before fhir_match decides
 *   secret   what links to pages of forms are sealed with
 *
 * EUPL-1.2.
 */
#include "care/source/source_db_int.h"

#include "crypto/prim/prim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const statements[ST_COUNT] = {
    [ST_BEGIN] = "begin immediate",
    [ST_SNAPSHOT] = "begin",
    [ST_COMMIT] = "commit",
    [ST_ROLLBACK] = "rollback",
    [ST_GET] = "select key, type, id, version, updated, method, body from current"
               " where type = ?1 and id = ?2",
    [ST_GET_VERSION] = "select 0, type, id, version, updated, method, body from history"
                       " where type = ?1 and id = ?2 and version = ?3",
    [ST_PUT] = "insert into current (type, id, version, updated, method, body)"
               " values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (type, id) do update set"
               " version = ?3, updated = ?4, method = ?5, body = ?6 returning key",
    [ST_PUT_HISTORY] = "insert into history (type, id, version, updated, method, body)"
                       " values (?1, ?2, ?3, ?4, ?5, ?6)",
    [ST_FOUND_ADD] =
        "insert or ignore into found (type, param, value, key) values (?1, ?2, ?3, ?4)",
    [ST_FOUND_CLEAR] = "delete from found where key = ?1",
    [ST_WALK] = "select key, type, id, version, updated, method, body from current"
                " where type = ?1 and key > ?2 and method <> 'DELETE' order by key",
    [ST_WALK_FOUND] = "select c.key, c.type, c.id, c.version, c.updated, c.method, c.body"
                      " from found f join current c on c.key = f.key"
                      " where f.type = ?1 and f.param = ?3 and f.value = ?4 and f.key > ?2"
                      " and c.method <> 'DELETE' order by f.key",
    [ST_HISTORY_ALL] = "select rowid, type, id, version, updated, method, body from history"
                       " where updated >= ?1 and rowid < ?3 order by rowid desc limit ?2",
    [ST_HISTORY_TYPE] =
        "select rowid, type, id, version, updated, method, body from history"
        " where type = ?4 and updated >= ?1 and rowid < ?3 order by rowid desc limit ?2",
    [ST_HISTORY_ONE] =
        "select rowid, type, id, version, updated, method, body from history"
        " where type = ?4 and id = ?5 and updated >= ?1 and rowid < ?3"
        " order by rowid desc limit ?2",
};

static const char schema[] =
    "create table if not exists current (key integer primary key, type text not null,"
    " id text not null, version integer not null, updated integer not null,"
    " method text not null, body text not null, unique (type, id)) strict;"
    "create table if not exists history (type text not null, id text not null,"
    " version integer not null, updated integer not null, method text not null,"
    " body text not null, unique (type, id, version)) strict;"
    "create index if not exists history_type on history (type);"
    "create table if not exists found (type text not null, param text not null,"
    " value text not null, key integer not null, primary key (type, param, value, key))"
    " strict, without rowid;"
    "create index if not exists found_key on found (key);"
    "create index if not exists current_type on current (type, key);"
    "create table if not exists secret (name text primary key, value blob not null)"
    " strict;";

struct source {
    pthread_mutex_t mutex;
    struct source_db *idle;
    char path[4096];
    char base[256];
    uint8_t page_key[SOURCE_PAGE_KEY];
};

err_t
source__failed(struct ctx *cx, struct source_db *db, const char *doing)
{
    int code = sqlite3_errcode(db->handle);

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
open_db(struct ctx *cx, struct source *s, struct source_db **out)
{
    struct source_db *db = calloc(1, sizeof(*db));

    *out = NULL;
    if (db == NULL)
        return refuse_memory(cx);
    db->of = s;
    if (sqlite3_open_v2(s->path, &db->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(db->handle,
                     "pragma journal_mode = wal; pragma synchronous = full;"
                     "pragma busy_timeout = 5000; pragma foreign_keys = on;"
                     "pragma cache_size = -65536; pragma trusted_schema = off;",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db->handle, schema, NULL, NULL, NULL) != SQLITE_OK)
        goto refused;
    for (size_t i = 0; i < ST_COUNT; i++)
        if (sqlite3_prepare_v3(db->handle, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->st[i], NULL) != SQLITE_OK)
            goto refused;
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
    mask = umask(077);
    e = open_db(cx, s, &db);
    umask(mask);
    if (e == ERR_OK) {
        s->idle = db;
        e = read_page_key(cx, s, db);
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
    pthread_mutex_destroy(&s->mutex);
    wipe(s->page_key, sizeof(s->page_key));
    free(s);
}

err_t
source__take(struct ctx *cx, struct source *s, struct source_db **out)
{
    struct source_db *db;

    pthread_mutex_lock(&s->mutex);
    db = s->idle;
    if (db != NULL)
        s->idle = db->next;
    pthread_mutex_unlock(&s->mutex);
    *out = db;
    return db != NULL ? ERR_OK : open_db(cx, s, out);
}

int
source__step(struct source_db *db, enum statement st)
{
    int rc = sqlite3_step(db->st[st]);

    sqlite3_reset(db->st[st]);
    return rc;
}

void
source__rollback(struct source_db *db)
{
    if (db->open)
        source__step(db, ST_ROLLBACK);
    db->open = false;
}

void
source__give(struct source_db **at)
{
    struct source_db *db = *at;

    if (db == NULL)
        return;
    source__rollback(db);
    pthread_mutex_lock(&db->of->mutex);
    db->next = db->of->idle;
    db->of->idle = db;
    pthread_mutex_unlock(&db->of->mutex);
    *at = NULL;
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
    if (source__step(db, ST_BEGIN) != SQLITE_DONE)
        return source__failed(cx, db, "beginning a transaction");
    db->open = true;
    return ERR_OK;
}

err_t
source__commit(struct ctx *cx, struct source_db *db)
{
    if (source__step(db, ST_COMMIT) != SQLITE_DONE)
        return source__failed(cx, db, "committing");
    db->open = false;
    return ERR_OK;
}
