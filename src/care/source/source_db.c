/*
 * source_db.c - the FHIR store's tables, in SQLite.
 *
 *   current  one row per resource: its newest version
 *   history  every version
 *   found    (type, parameter, value) -> current.key, for equality alone: what a
 *            search narrows by, before fhir_match decides
 *
 * EUPL-1.2.
 */
#include "care/source/source_int.h"

#include "base/time.h"
#include "codec/fhir/fhir.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_GET,
    ST_GET_VERSION,
    ST_PUT,
    ST_PUT_HISTORY,
    ST_FOUND_ADD,
    ST_FOUND_CLEAR,
    ST_WALK,
    ST_WALK_FOUND,
    ST_HISTORY_ALL,
    ST_HISTORY_TYPE,
    ST_HISTORY_ONE,
    ST_COUNT
};

static const char *const statements[ST_COUNT] = {
    [ST_BEGIN] = "begin immediate",
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
    [ST_HISTORY_ALL] = "select 0, type, id, version, updated, method, body from history"
                       " where updated >= ?1 order by updated desc, rowid desc limit ?2",
    [ST_HISTORY_TYPE] = "select 0, type, id, version, updated, method, body from history"
                        " where type = ?3 and updated >= ?1"
                        " order by updated desc, rowid desc limit ?2",
    [ST_HISTORY_ONE] = "select 0, type, id, version, updated, method, body from history"
                       " where type = ?3 and id = ?4 and updated >= ?1"
                       " order by version desc limit ?2",
};

static const char schema[] =
    "create table if not exists current (key integer primary key, type text not null,"
    " id text not null, version integer not null, updated integer not null,"
    " method text not null, body text not null, unique (type, id)) strict;"
    "create table if not exists history (type text not null, id text not null,"
    " version integer not null, updated integer not null, method text not null,"
    " body text not null, unique (type, id, version)) strict;"
    "create index if not exists history_updated on history (updated);"
    "create table if not exists found (type text not null, param text not null,"
    " value text not null, key integer not null, primary key (type, param, value, key))"
    " strict, without rowid;"
    "create index if not exists found_key on found (key);"
    "create index if not exists current_type on current (type, key);";

struct source_db {
    struct source *of;
    struct source_db *next;
    sqlite3 *handle;
    sqlite3_stmt *st[ST_COUNT];
    bool open; /* a transaction is */
};

struct source {
    pthread_mutex_t mutex;
    struct source_db *idle;
    char path[4096];
    char base[256];
};

static err_t
failed(struct ctx *cx, struct source_db *db, const char *doing)
{
    int code = sqlite3_errcode(db->handle);

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return refuse(cx, ERR_UNAVAILABLE, "", "source: %s: the database is busy", doing);
    return refuse(cx, ERR_INTERNAL, "", "source: %s: %s", doing,
                  sqlite3_errmsg(db->handle));
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
    err_t e = failed(cx, db, "opening the database");
    close_db(db);
    return e;
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
    if (e != ERR_OK) {
        source_close(s);
        return e;
    }
    s->idle = db;
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

static int
step(struct source_db *db, enum statement st)
{
    int rc = sqlite3_step(db->st[st]);

    sqlite3_reset(db->st[st]);
    return rc;
}

void
source__rollback(struct source_db *db)
{
    if (db->open)
        step(db, ST_ROLLBACK);
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

err_t
source__begin(struct ctx *cx, struct source_db *db)
{
    if (step(db, ST_BEGIN) != SQLITE_DONE)
        return failed(cx, db, "beginning a transaction");
    db->open = true;
    return ERR_OK;
}

err_t
source__commit(struct ctx *cx, struct source_db *db)
{
    if (step(db, ST_COMMIT) != SQLITE_DONE)
        return failed(cx, db, "committing");
    db->open = false;
    return ERR_OK;
}

static void
bind(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_text(st, at, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static struct str
column(sqlite3_stmt *st, int at)
{
    const char *p = (const char *)sqlite3_column_text(st, at);

    return (struct str){ p, p ? (size_t)sqlite3_column_bytes(st, at) : 0 };
}

/* Borrowed until the statement moves on. */
static struct source_row
row_of(sqlite3_stmt *st)
{
    return (struct source_row){
        .key = sqlite3_column_int64(st, 0),
        .type = column(st, 1),
        .id = column(st, 2),
        .version = sqlite3_column_int64(st, 3),
        .updated_ms = sqlite3_column_int64(st, 4),
        .method = column(st, 5),
        .body = column(st, 6),
    };
}

static err_t
copy_row(struct ctx *cx, struct source_row *row)
{
    row->type = arena_str(cx->arena, row->type);
    row->id = arena_str(cx->arena, row->id);
    row->method = arena_str(cx->arena, row->method);
    row->body = arena_str(cx->arena, row->body);
    return row->type.p && row->id.p && row->method.p && row->body.p ? ERR_OK
                                                                    : refuse_memory(cx);
}

/* One row of a bound statement; `missing` says what there is none of. */
static err_t
one_row(struct ctx *cx, struct source_db *db, enum statement which, struct source_row *out)
{
    sqlite3_stmt *st = db->st[which];
    int rc = sqlite3_step(st);
    err_t e;

    *out = (struct source_row){ 0 };
    if (rc == SQLITE_ROW) {
        *out = row_of(st);
        e = copy_row(cx, out);
    } else {
        e = rc == SQLITE_DONE
                ? refuse(cx, ERR_NOT_FOUND, "FHIR R4 3.1.0.2", "no such resource")
                : failed(cx, db, "reading");
    }
    sqlite3_reset(st);
    if (e == ERR_OK && str_is(out->method, "DELETE"))
        return refuse(cx, ERR_GONE, "FHIR R4 3.1.0.2", "the resource was deleted");
    return e;
}

err_t
source__get(struct ctx *cx, struct source_db *db, struct str type, struct str id,
            struct source_row *out)
{
    bind(db->st[ST_GET], 1, type);
    bind(db->st[ST_GET], 2, id);
    return one_row(cx, db, ST_GET, out);
}

err_t
source__get_version(struct ctx *cx, struct source_db *db, struct str type, struct str id,
                    int64_t version, struct source_row *out)
{
    bind(db->st[ST_GET_VERSION], 1, type);
    bind(db->st[ST_GET_VERSION], 2, id);
    sqlite3_bind_int64(db->st[ST_GET_VERSION], 3, version);
    return one_row(cx, db, ST_GET_VERSION, out);
}

/* The resource as it is kept: with its id, version and time. */
static err_t
render(struct ctx *cx, const json *resource, const struct source_row *row, struct str *out)
{
    struct json_out js;
    char when[TIME_TEXT], version[24];

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "resourceType", row->type);
    json_member(&js, "id", row->id);
    json_key(&js, "meta");
    json_object(&js);
    snprintf(version, sizeof(version), "%lld", (long long)row->version);
    json_member_z(&js, "versionId", version);
    json_member(&js, "lastUpdated", time_text_ms(when, row->updated_ms));
    for (json_each(it, json_get(resource, "meta")))
        if (!str_is(it.name, "versionId") && !str_is(it.name, "lastUpdated")) {
            json_key_str(&js, it.name);
            json_put(&js, it.value);
        }
    json_end(&js);
    for (json_each(it, resource))
        if (!str_is(it.name, "resourceType") && !str_is(it.name, "id") &&
            !str_is(it.name, "meta")) {
            json_key_str(&js, it.name);
            json_put(&js, it.value);
        }
    json_end(&js);
    return json_out_done(cx, &js, out);
}

static err_t
write_row(struct ctx *cx, struct source_db *db, struct source_row *row)
{
    static const enum statement both[] = { ST_PUT_HISTORY, ST_PUT };

    for (size_t i = 0; i < COUNT(both); i++) {
        sqlite3_stmt *st = db->st[both[i]];
        int rc;

        bind(st, 1, row->type);
        bind(st, 2, row->id);
        sqlite3_bind_int64(st, 3, row->version);
        sqlite3_bind_int64(st, 4, row->updated_ms);
        bind(st, 5, row->method);
        bind(st, 6, row->body);
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            row->key = sqlite3_column_int64(st, 0);
        sqlite3_reset(st);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return failed(cx, db, "writing");
    }
    sqlite3_bind_int64(db->st[ST_FOUND_CLEAR], 1, row->key);
    return step(db, ST_FOUND_CLEAR) == SQLITE_DONE ? ERR_OK : failed(cx, db, "unindexing");
}

/* `next` of the version that is there, or 1. */
static err_t
next_version(struct ctx *cx, struct source_db *db, struct source_row *row)
{
    struct source_row now;
    err_t e = source__get(cx, db, row->type, row->id, &now);

    if (e == ERR_OK || e == ERR_GONE) {
        row->version = now.version + 1;
        refuse_clear(cx);
        return ERR_OK;
    }
    if (e != ERR_NOT_FOUND)
        return e;
    row->version = 1;
    refuse_clear(cx);
    return ERR_OK;
}

err_t
source__found_add(struct ctx *cx, struct source_db *db, const struct source_row *row,
                  struct str param, struct str value)
{
    sqlite3_stmt *st = db->st[ST_FOUND_ADD];

    bind(st, 1, row->type);
    bind(st, 2, param);
    bind(st, 3, value);
    sqlite3_bind_int64(st, 4, row->key);
    return step(db, ST_FOUND_ADD) == SQLITE_DONE ? ERR_OK : failed(cx, db, "indexing");
}

err_t
source__put(struct ctx *cx, struct source_db *db, const json *resource, struct str id,
            const char *method, struct source_row *out)
{
    struct source_row row = {
        .type = json_get_text(resource, "resourceType"),
        .id = id,
        .updated_ms = cx->now_ms,
        .method = str_of(method),
    };
    err_t e;

    *out = (struct source_row){ 0 };
    if (!fhir_type_known(row.type))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 2.1", "resourceType is not an R4 type");
    if (!fhir_id_valid(id))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 2.24.0.1", "the id is not a FHIR id");
    if ((e = next_version(cx, db, &row)) != ERR_OK ||
        (e = render(cx, resource, &row, &row.body)) != ERR_OK ||
        (e = write_row(cx, db, &row)) != ERR_OK ||
        (e = source__index(cx, db, resource, &row)) != ERR_OK)
        return e;
    *out = row;
    return ERR_OK;
}

err_t
source__delete(struct ctx *cx, struct source_db *db, struct str type, struct str id)
{
    struct source_row row = {
        .type = type, .id = id, .updated_ms = cx->now_ms, .body = S("")
    };
    struct source_row now;
    err_t e = source__get(cx, db, type, id, &now);

    if (e != ERR_OK)
        return e;
    row.method = S("DELETE");
    row.version = now.version + 1;
    return write_row(cx, db, &row);
}

static err_t
walk_rows(struct ctx *cx, struct source_db *db, enum statement which,
          err_t (*visit)(struct ctx *, void *, const struct source_row *, bool *),
          void *arg)
{
    sqlite3_stmt *st = db->st[which];
    bool stop = false;
    err_t e = ERR_OK;
    int rc = SQLITE_DONE;

    while (!stop && e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct source_row row = row_of(st);

        e = visit(cx, arg, &row, &stop);
    }
    if (e == ERR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = failed(cx, db, "reading");
    sqlite3_reset(st);
    return e;
}

err_t
source__walk(struct ctx *cx, struct source_db *db, const struct source_walk *w)
{
    enum statement which = w->param.n > 0 ? ST_WALK_FOUND : ST_WALK;
    sqlite3_stmt *st = db->st[which];

    bind(st, 1, w->type);
    sqlite3_bind_int64(st, 2, w->after);
    if (w->param.n > 0) {
        bind(st, 3, w->param);
        bind(st, 4, w->value);
    }
    return walk_rows(cx, db, which, w->visit, w->arg);
}

err_t
source__history(struct ctx *cx, struct source_db *db, struct str type, struct str id,
                int64_t since_ms, int64_t most,
                err_t (*visit)(struct ctx *, void *, const struct source_row *, bool *),
                void *arg)
{
    enum statement which = id.n > 0     ? ST_HISTORY_ONE
                           : type.n > 0 ? ST_HISTORY_TYPE
                                        : ST_HISTORY_ALL;
    sqlite3_stmt *st = db->st[which];

    sqlite3_bind_int64(st, 1, since_ms);
    sqlite3_bind_int64(st, 2, most);
    if (type.n > 0)
        bind(st, 3, type);
    if (id.n > 0)
        bind(st, 4, id);
    return walk_rows(cx, db, which, visit, arg);
}
