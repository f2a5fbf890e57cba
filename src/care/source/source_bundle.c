/*
 * source_bundle.c - transaction and batch (FHIR R4 3.1.0.11). All entries of a
 * transaction are one database transaction; references to an entry's fullUrl
 * are rewritten to the id that it got. EUPL-1.2.
 */
#include "care/source/source_int.h"

#include "codec/fhir/fhir.h"

#include <stdio.h>
#include <string.h>

struct entry {
    const json *resource;
    struct str full_url, type, id, method, if_none_exist;
    bool exists; /* conditional create found one */
    int status;
    struct source_row row;
    struct str body; /* of a GET */
};

struct bundle {
    struct entry *entry;
    size_t n;
};

static struct str
path_of(struct str url)
{
    return str_sub(url, 0, str_find(url, '?'));
}

/* "Patient/p1" -> type and id; "Patient" -> type. */
static void
split_target(struct entry *en, struct str url)
{
    struct str path = path_of(url);

    en->type = str_cut(&path, '/');
    en->id = path;
}

static err_t
read_entry(struct ctx *cx, const json *v, struct entry *en)
{
    const json *request = json_get(v, "request");

    en->resource = json_get(v, "resource");
    en->full_url = json_get_text(v, "fullUrl");
    en->method = json_get_text(request, "method");
    en->if_none_exist = json_get_text(request, "ifNoneExist");
    split_target(en, json_get_text(request, "url"));
    if (en->type.n == 0 || !fhir_type_known(en->type))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.11.1",
                      "entry.request.url has no type");
    if (str_is(en->method, "POST") || str_is(en->method, "PUT")) {
        if (!str_eq(json_get_text(en->resource, "resourceType"), en->type))
            return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.11.1",
                          "entry.resource is not of the type in request.url");
        if (str_is(en->method, "PUT") && en->id.n == 0)
            return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.0.4.3",
                          "conditional update is not offered");
    }
    return ERR_OK;
}

/* POST gets an id here, before references are rewritten. */
static err_t
name_entry(struct ctx *cx, struct source_db *db, struct entry *en)
{
    struct str id[2];
    size_t found;
    err_t e;

    if (!str_is(en->method, "POST"))
        return ERR_OK;
    if (en->if_none_exist.n > 0) {
        if ((e = source__find_two(cx, db, en->type, en->if_none_exist, id, &found)) !=
            ERR_OK)
            return e;
        if (found > 1)
            return refuse(cx, ERR_PRECONDITION, "FHIR R4 3.1.0.8.1",
                          "ifNoneExist matches more than one resource");
        if (found == 1) {
            en->exists = true;
            en->id = id[0];
            return ERR_OK;
        }
    }
    return source__new_id(cx, &en->id);
}

static const struct entry *
by_full_url(const struct bundle *b, struct str url)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->entry[i].full_url.n > 0 && str_eq(b->entry[i].full_url, url))
            return &b->entry[i];
    return NULL;
}

static void
put_rewritten(struct json_out *js, const struct bundle *b, const json *v, bool reference)
{
    struct str text;
    const struct entry *target;

    switch (json_type(v)) {
    case JSON_OBJECT:
        json_object(js);
        for (json_each(it, v)) {
            json_key_str(js, it.name);
            put_rewritten(js, b, it.value, str_is(it.name, "reference"));
        }
        json_end(js);
        break;
    case JSON_ARRAY:
        json_array(js);
        for (json_each(it, v))
            put_rewritten(js, b, it.value, false);
        json_end(js);
        break;
    case JSON_STRING:
        if (reference && json_str(v, &text) && (target = by_full_url(b, text)) != NULL) {
            char room[160];
            int n = snprintf(room, sizeof(room), "%.*s/%.*s", STR(target->type),
                             STR(target->id));

            json_put_str(js, (struct str){ room, n > 0 ? (size_t)n : 0 });
            break;
        }
        json_put(js, v);
        break;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER: json_put(js, v); break;
    }
}

static err_t
rewrite(struct ctx *cx, const struct bundle *b, struct entry *en)
{
    struct json_out js;
    struct str text;
    json *v;
    err_t e;

    json_out_init(&js, cx->arena);
    put_rewritten(&js, b, en->resource, false);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_RAW_NUMBERS, &v)) != ERR_OK)
        return e;
    en->resource = v;
    return ERR_OK;
}

static err_t
run_entry(struct ctx *cx, struct source_db *db, const struct bundle *b, struct entry *en)
{
    bool put = str_is(en->method, "PUT"), post = str_is(en->method, "POST");
    err_t e;

    if (en->exists) {
        en->status = 200;
        return source__get(cx, db, en->type, en->id, &en->row);
    }
    if (put || post) {
        if ((e = rewrite(cx, b, en)) != ERR_OK ||
            (e = source__put(cx, db, en->resource, en->id, post ? "POST" : "PUT",
                             &en->row)) != ERR_OK)
            return e;
        en->status = en->row.version == 1 ? 201 : 200;
        return ERR_OK;
    }
    if (str_is(en->method, "DELETE")) {
        en->status = 204;
        e = source__delete(cx, db, en->type, en->id);
        if (e == ERR_NOT_FOUND || e == ERR_GONE) { /* idempotent, 3.1.0.7 */
            refuse_clear(cx);
            return ERR_OK;
        }
        return e;
    }
    if (str_is(en->method, "GET") && en->id.n > 0) {
        en->status = 200;
        if ((e = source__get(cx, db, en->type, en->id, &en->row)) == ERR_OK)
            en->body = en->row.body;
        return e;
    }
    return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.0.11",
                  "this entry's method is not offered");
}

static void
put_answer(struct json_out *js, const struct entry *en)
{
    char room[192];

    json_object(js);
    if (en->body.n > 0) {
        json_key(js, "resource");
        json_put_raw(js, en->body);
    }
    json_key(js, "response");
    json_object(js);
    snprintf(room, sizeof(room), "%d", en->status);
    json_member_z(js, "status", room);
    if (en->row.version > 0) {
        snprintf(room, sizeof(room), "%.*s/%.*s/_history/%lld", STR(en->type), STR(en->id),
                 (long long)en->row.version);
        json_member_z(js, "location", room);
        snprintf(room, sizeof(room), "W/\"%lld\"", (long long)en->row.version);
        json_member_z(js, "etag", room);
    }
    json_end(js);
    json_end(js);
}

static void
put_refusal(struct json_out *js, err_t code)
{
    char room[16];

    json_object(js);
    json_key(js, "response");
    json_object(js);
    snprintf(room, sizeof(room), "%d", err_row(code)->status);
    json_member_z(js, "status", room);
    json_key(js, "outcome");
    json_object(js);
    json_member_z(js, "resourceType", "OperationOutcome");
    json_key(js, "issue");
    json_array(js);
    json_object(js);
    json_member_z(js, "severity", "error");
    json_member_z(js, "code", "processing");
    json_member_z(js, "diagnostics", err_row(code)->text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
}

static err_t
read_bundle(struct ctx *cx, struct source_db *db, const json *v, struct bundle *b)
{
    const json *entries = json_get(v, "entry");
    err_t e;

    if (json_size(entries) > SOURCE_BUNDLE_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d entries", SOURCE_BUNDLE_MAX);
    b->entry = arena_array(cx->arena, json_size(entries) + 1, sizeof(*b->entry));
    if (b->entry == NULL)
        return refuse_memory(cx);
    for (json_each(it, entries)) {
        struct entry *en = &b->entry[b->n++];

        if ((e = read_entry(cx, it.value, en)) != ERR_OK ||
            (e = name_entry(cx, db, en)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* FHIR R4 3.1.0.11.2: DELETE, POST, PUT, then GET, whatever their order. */
static err_t
run_transaction(struct ctx *cx, struct source_db *db, struct bundle *b, struct json_out *js)
{
    static const char *const order[] = { "DELETE", "POST", "PUT", "GET" };
    err_t e;

    for (size_t m = 0; m < COUNT(order); m++)
        for (size_t i = 0; i < b->n; i++)
            if (str_is(b->entry[i].method, order[m]) &&
                (e = run_entry(cx, db, b, &b->entry[i])) != ERR_OK)
                return e;
    for (size_t i = 0; i < b->n; i++) {
        if (b->entry[i].status == 0)
            return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.0.11",
                          "an entry's method is not offered");
        put_answer(js, &b->entry[i]);
    }
    return ERR_OK;
}

/* Each entry stands alone (3.1.0.11): one refused leaves the others. */
static err_t
run_batch(struct ctx *cx, struct source_db *db, struct bundle *b, struct json_out *js)
{
    for (size_t i = 0; i < b->n; i++) {
        err_t e = source__begin(cx, db);

        if (e != ERR_OK)
            return e;
        if ((e = run_entry(cx, db, b, &b->entry[i])) == ERR_OK)
            e = source__commit(cx, db);
        if (e == ERR_OK) {
            put_answer(js, &b->entry[i]);
        } else {
            source__rollback(db);
            put_refusal(js, e);
            refuse_clear(cx);
        }
    }
    return ERR_OK;
}

err_t
source__bundle(struct ctx *cx, struct source_db *db, const json *v, struct json_out *js)
{
    struct bundle b = { 0 };
    bool whole = json_is(json_get(v, "type"), "transaction");
    err_t e;

    if (!json_is(json_get(v, "resourceType"), "Bundle") ||
        (!whole && !json_is(json_get(v, "type"), "batch")))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.11",
                      "the body is not a Bundle of type transaction or batch");
    if (whole && (e = source__begin(cx, db)) != ERR_OK)
        return e;
    if ((e = read_bundle(cx, db, v, &b)) != ERR_OK)
        return e;
    json_object(js);
    json_member_z(js, "resourceType", "Bundle");
    json_member_z(js, "type", whole ? "transaction-response" : "batch-response");
    json_key(js, "entry");
    json_array(js);
    if ((e = (whole ? run_transaction : run_batch)(cx, db, &b, js)) != ERR_OK)
        return e;
    json_end(js);
    json_end(js);
    return whole ? source__commit(cx, db) : ERR_OK;
}
