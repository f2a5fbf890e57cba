/*
 * source_rows.c - resources as rows: written with their next version, read. EUPL-1.2.
 */
#include "care/source/source_db_int.h"

#include <stdio.h>

#include "base/time.h"
#include "codec/fhir/fhir.h"

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
                : source__failed(cx, db, "reading");
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

err_t
source__run(struct ctx *cx, struct source_db *db, enum statement st, const char *doing)
{
    return source__step(db, st) == SQLITE_DONE ? ERR_OK : source__failed(cx, db, doing);
}

/* The row's place in `current`, when it is the first of its name. */
static err_t
new_row(struct ctx *cx, struct source_db *db, struct source_row *row)
{
    err_t e;

    bind(db->st[ST_NEW], 1, row->type);
    bind(db->st[ST_NEW], 2, row->id);
    e = source__run(cx, db, ST_NEW, "writing");
    row->key = sqlite3_last_insert_rowid(db->handle);
    return e;
}

/* Behind all that is in the history, and current from now on. */
static err_t
write_row(struct ctx *cx, struct source_db *db, struct source_row *row)
{
    sqlite3_stmt *st = db->st[ST_VERSION];
    bool new = row->key == 0;
    err_t e;

    if (new && (e = new_row(cx, db, row)) != ERR_OK)
        return e;
    sqlite3_bind_int64(st, 1, row->key);
    sqlite3_bind_int64(st, 2, source__type_number(row->type));
    sqlite3_bind_int64(st, 3, row->version);
    sqlite3_bind_int64(st, 4, row->updated_ms);
    bind(st, 5, row->method);
    bind(st, 6, row->body);
    if ((e = source__run(cx, db, ST_VERSION, "writing")) != ERR_OK || new)
        return e;
    sqlite3_bind_int64(db->st[ST_MOVE], 1, row->key);
    sqlite3_bind_int64(db->st[ST_MOVE], 2, sqlite3_last_insert_rowid(db->handle));
    return source__run(cx, db, ST_MOVE, "writing");
}

/* The version that is there, or none: `next` gets its key, and the number after its. */
static err_t
before(struct ctx *cx, struct source_db *db, struct source_row *next,
       struct source_terms *old)
{
    struct source_row now;
    err_t e = source__get(cx, db, next->type, next->id, &now);

    if (e != ERR_OK && e != ERR_GONE && e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    next->key = now.key;
    next->version = now.version + 1;
    return source__terms_of(cx, &now, old);
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
    struct source_terms old, new;
    err_t e;

    *out = (struct source_row){ 0 };
    if (!fhir_type_known(row.type))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 2.1", "resourceType is not an R4 type");
    if (!fhir_id_valid(id))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 2.24.0.1", "the id is not a FHIR id");
    if ((e = before(cx, db, &row, &old)) != ERR_OK ||
        (e = source__terms(cx, resource, &row, &new)) != ERR_OK ||
        (e = render(cx, resource, &row, &row.body)) != ERR_OK ||
        (e = write_row(cx, db, &row)) != ERR_OK ||
        (e = source__index_change(cx, db, row.key, &old, &new)) != ERR_OK)
        return e;
    *out = row;
    return ERR_OK;
}

/* FHIR R4 3.1.0.5: the version that the client saw; one that is not there is another. */
err_t
source__check_version(struct ctx *cx, struct source_db *db, struct str type, struct str id,
                      struct str etag)
{
    struct source_row now;
    char room[32];
    int n;
    err_t e = source__get(cx, db, type, id, &now);

    if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_GONE)
        return e;
    n = snprintf(room, sizeof(room), "W/\"%lld\"", (long long)now.version);
    if (e == ERR_OK && str_eq(etag, (struct str){ room, (size_t)n }))
        return ERR_OK;
    return refuse(cx, ERR_PRECONDITION, "FHIR R4 3.1.0.5",
                  "If-Match is not the present version");
}

err_t
source__delete(struct ctx *cx, struct source_db *db, struct str type, struct str id)
{
    struct source_row row = { .type = type,
                              .id = id,
                              .updated_ms = cx->now_ms,
                              .method = S("DELETE"),
                              .body = S("") };
    struct source_terms old, none = { 0 };
    struct source_row now;
    err_t e;

    if ((e = source__get(cx, db, type, id, &now)) != ERR_OK ||
        (e = before(cx, db, &row, &old)) != ERR_OK ||
        (e = write_row(cx, db, &row)) != ERR_OK)
        return e;
    return source__index_change(cx, db, row.key, &old, &none);
}

err_t
source__walk_rows(struct ctx *cx, struct source_db *db, enum statement which,
                  source_visit *visit, void *arg, bool *stop)
{
    sqlite3_stmt *st = db->st[which];
    err_t e = ERR_OK;
    int rc = SQLITE_DONE;

    while (!*stop && e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct source_row row = row_of(st);

        e = visit(cx, arg, &row, stop);
    }
    if (e == ERR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = source__failed(cx, db, "reading");
    sqlite3_reset(st);
    return e;
}

/* 0 for what was never there. */
static err_t
key_of(struct ctx *cx, struct source_db *db, struct str type, struct str id, int64_t *key)
{
    struct source_row row;
    err_t e = source__get(cx, db, type, id, &row);

    *key = row.key;
    if (e != ERR_GONE && e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    return ERR_OK;
}

err_t
source__history(struct ctx *cx, struct source_db *db, const struct source_past *p)
{
    enum statement which = p->id.n > 0     ? ST_HISTORY_ONE
                           : p->type.n > 0 ? ST_HISTORY_TYPE
                                           : ST_HISTORY_ALL;
    sqlite3_stmt *st = db->st[which];
    int64_t key = 0;
    bool stop = false;
    err_t e;

    if (p->id.n > 0 && (e = key_of(cx, db, p->type, p->id, &key)) != ERR_OK)
        return e;
    sqlite3_bind_int64(st, 1, p->since_ms);
    sqlite3_bind_int64(st, 2, p->most);
    sqlite3_bind_int64(st, 3, p->before > 0 ? p->before : INT64_MAX);
    if (p->id.n > 0)
        sqlite3_bind_int64(st, 4, key);
    else if (p->type.n > 0)
        sqlite3_bind_int64(st, 4, source__type_number(p->type));
    return source__walk_rows(cx, db, which, p->visit, p->arg, &stop);
}
