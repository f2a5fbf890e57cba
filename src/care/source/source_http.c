/* source_http.c - the FHIR store's REST API (FHIR R4 3.1.0). EUPL-1.2. */
#include "care/source/source_int.h"

#include "base/time.h"
#include "codec/fhir/fhir.h"

#include <stdio.h>

static struct source *
source_of(struct req *rq)
{
    return rq->state_;
}

static err_t
type_of(struct req *rq, struct str *type)
{
    *type = req_path(rq, "type");
    if (!fhir_type_known(*type))
        return refuse(&rq->cx, ERR_NOT_FOUND, "FHIR R4 3.1.0.1.2", "no such resource type");
    return ERR_OK;
}

/* One resource, with ETag and Last-Modified (3.1.0.2). */
static err_t
send_row(struct req *rq, int status, const struct source_row *row, bool location)
{
    char room[320];
    struct json_out *js;
    err_t e;
    int n;

    n = snprintf(room, sizeof(room), "W/\"%lld\"", (long long)row->version);
    reply_header(rq, "ETag", (struct str){ room, (size_t)n });
    if (location) {
        n = snprintf(room, sizeof(room), "/fhir/%.*s/%.*s/_history/%lld", STR(row->type),
                     STR(row->id), (long long)row->version);
        reply_header(rq, "Location", (struct str){ room, (size_t)n });
    }
    js = reply_json_as(rq, status, "application/fhir+json");
    e = source__put_elements(&rq->cx, js, row->body, req_query(rq, "_elements"));
    return e != ERR_OK ? e : reply_send(rq, js);
}

static err_t
read_one(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK ||
        (e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK ||
        (e = source__get(&rq->cx, db, type, req_path(rq, "id"), &row)) != ERR_OK)
        return e;
    return send_row(rq, 200, &row, false);
}

static err_t
read_version(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type;
    uint64_t version;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK)
        return e;
    if (!str_to_u64(req_path(rq, "version"), &version) || version > INT64_MAX)
        return refuse(&rq->cx, ERR_NOT_FOUND, "FHIR R4 3.1.0.3", "no such version");
    if ((e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK ||
        (e = source__get_version(&rq->cx, db, type, req_path(rq, "id"), (int64_t)version,
                                 &row)) != ERR_OK)
        return e;
    return send_row(rq, 200, &row, false);
}

/* If-None-Exist: one match is the answer, several are refused (3.1.0.8.1). */
static err_t
find_existing(struct req *rq, struct source_db *db, struct str type, struct source_row *row)
{
    struct str query = req_header(rq, "if-none-exist"), id[2];
    size_t found;
    err_t e;

    *row = (struct source_row){ 0 };
    if (query.n == 0)
        return ERR_OK;
    if ((e = source__find_two(&rq->cx, db, type, query, id, &found)) != ERR_OK ||
        found == 0)
        return e;
    if (found > 1)
        return refuse(&rq->cx, ERR_PRECONDITION, "FHIR R4 3.1.0.8.1",
                      "If-None-Exist matches more than one resource");
    return source__get(&rq->cx, db, type, id[0], row);
}

static err_t
create(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type, id;
    json *v;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK ||
        (e = json_parse(&rq->cx, str_of_bytes(req_body(rq)), JSON_RAW_NUMBERS, &v)) !=
            ERR_OK)
        return e;
    if (!str_eq(json_get_text(v, "resourceType"), type))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.8",
                      "the body is not of the type in the URL");
    if ((e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK ||
        (e = find_existing(rq, db, type, &row)) != ERR_OK)
        return e;
    if (row.version > 0)
        return send_row(rq, 200, &row, true);
    if ((e = source__new_id(&rq->cx, &id)) != ERR_OK ||
        (e = source__put(&rq->cx, db, v, id, "POST", &row)) != ERR_OK ||
        (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return send_row(rq, 201, &row, true);
}

/* If-Match holds the version that the client saw (3.1.0.5). */
static err_t
check_if_match(struct req *rq, struct source_db *db, struct str type, struct str id)
{
    struct str want = req_header(rq, "if-match");
    struct source_row now;
    char room[32];
    int n;
    err_t e;

    if (want.n == 0)
        return ERR_OK;
    if ((e = source__get(&rq->cx, db, type, id, &now)) != ERR_OK)
        return e;
    n = snprintf(room, sizeof(room), "W/\"%lld\"", (long long)now.version);
    if (!str_eq(want, (struct str){ room, (size_t)n }))
        return refuse(&rq->cx, ERR_PRECONDITION, "FHIR R4 3.1.0.5",
                      "If-Match is not the present version");
    return ERR_OK;
}

static err_t
update(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type, id = req_path(rq, "id");
    json *v;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK ||
        (e = json_parse(&rq->cx, str_of_bytes(req_body(rq)), JSON_RAW_NUMBERS, &v)) !=
            ERR_OK)
        return e;
    if (!str_eq(json_get_text(v, "resourceType"), type) ||
        !str_eq(json_get_text(v, "id"), id))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.4",
                      "type and id of the body are not those of the URL");
    if ((e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK ||
        (e = check_if_match(rq, db, type, id)) != ERR_OK ||
        (e = source__put(&rq->cx, db, v, id, "PUT", &row)) != ERR_OK ||
        (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return send_row(rq, row.version == 1 ? 201 : 200, &row, true);
}

static err_t
delete_one(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct str type;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK ||
        (e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK)
        return e;
    e = source__delete(&rq->cx, db, type, req_path(rq, "id"));
    if (e == ERR_NOT_FOUND || e == ERR_GONE) { /* 3.1.0.7: the same answer again */
        refuse_clear(&rq->cx);
        return reply_empty(rq, 204);
    }
    if (e != ERR_OK || (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return reply_empty(rq, 204);
}

static err_t
search_with(struct req *rq, struct str query)
{
    scoped(source__give) struct source_db *db = NULL;
    struct json_out *js;
    struct str type;
    err_t e;

    if ((e = type_of(rq, &type)) != ERR_OK ||
        (e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK)
        return e;
    js = reply_json_as(rq, 200, "application/fhir+json");
    if ((e = source__search(&rq->cx, db, type, query, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

static err_t
search(struct req *rq)
{
    return search_with(rq, req_raw_query(rq));
}

/* 3.1.1.1: the parameters of URL and form together. */
static err_t
search_form(struct req *rq)
{
    struct str query = req_raw_query(rq), form = str_of_bytes(req_body(rq)), both;

    if (!str_is(req_content_type(rq), "application/x-www-form-urlencoded"))
        return refuse(&rq->cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.1.1",
                      "_search takes application/x-www-form-urlencoded");
    both = query.n > 0 && form.n > 0
               ? arena_printf(rq->cx.arena, "%.*s&%.*s", STR(query), STR(form))
           : query.n > 0 ? query
                         : form;
    if (query.n > 0 && form.n > 0 && both.p == NULL)
        return refuse_memory(&rq->cx);
    return search_with(rq, both);
}

static err_t
lastn_with(struct req *rq, struct str query)
{
    scoped(source__give) struct source_db *db = NULL;
    struct json_out *js;
    err_t e;

    if ((e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK)
        return e;
    js = reply_json_as(rq, 200, "application/fhir+json");
    if ((e = source__lastn(&rq->cx, db, query, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

static err_t
lastn(struct req *rq)
{
    return lastn_with(rq, req_raw_query(rq));
}

struct history {
    struct json_out *js;
    struct str base;
};

static err_t
put_version(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct history *h = arg;
    char url[512], when[TIME_TEXT];

    (void)cx, (void)stop;
    json_object(h->js);
    snprintf(url, sizeof(url), "%.*s/%.*s/%.*s", STR(h->base), STR(row->type),
             STR(row->id));
    json_member_z(h->js, "fullUrl", url);
    if (row->body.n > 0) {
        json_key(h->js, "resource");
        json_put_raw(h->js, row->body);
    }
    json_key(h->js, "request");
    json_object(h->js);
    json_member(h->js, "method", row->method);
    snprintf(url, sizeof(url), "%.*s/%.*s", STR(row->type), STR(row->id));
    json_member_z(h->js, "url", url);
    json_end(h->js);
    json_key(h->js, "response");
    json_object(h->js);
    json_member_z(h->js, "status",
                  row->body.n == 0    ? "204"
                  : row->version == 1 ? "201"
                                      : "200");
    json_member(h->js, "lastModified", time_text_ms(when, row->updated_ms));
    json_end(h->js);
    json_end(h->js);
    return ERR_OK;
}

static err_t
history_of(struct req *rq, struct str type, struct str id)
{
    scoped(source__give) struct source_db *db = NULL;
    struct history h;
    struct str since = req_query(rq, "_since"), most = req_query(rq, "_count");
    int64_t since_ms = 0;
    uint64_t count = SOURCE_COUNT_DEFAULT;
    err_t e;

    if (since.p != NULL && (e = time_parse(&rq->cx, since, &since_ms)) != ERR_OK)
        return e;
    if (most.p != NULL && (!str_to_u64(most, &count) || count > SOURCE_COUNT_MAX))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.9", "_count is at most %d",
                      SOURCE_COUNT_MAX);
    if ((e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK)
        return e;
    h.base = source__base(db);
    h.js = reply_json_as(rq, 200, "application/fhir+json");
    json_object(h.js);
    json_member_z(h.js, "resourceType", "Bundle");
    json_member_z(h.js, "type", "history");
    json_key(h.js, "entry");
    json_array(h.js);
    if ((e = source__history(&rq->cx, db, type, id, since_ms, (int64_t)count, put_version,
                             &h)) != ERR_OK)
        return e;
    json_end(h.js);
    json_end(h.js);
    return reply_send(rq, h.js);
}

static err_t
history_all(struct req *rq)
{
    return history_of(rq, S(""), S(""));
}

static err_t
history_type(struct req *rq)
{
    struct str type;
    err_t e = type_of(rq, &type);

    return e != ERR_OK ? e : history_of(rq, type, S(""));
}

static err_t
history_one(struct req *rq)
{
    struct str type;
    err_t e = type_of(rq, &type);

    return e != ERR_OK ? e : history_of(rq, type, req_path(rq, "id"));
}

static err_t
bundle(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct json_out *js;
    json *v;
    err_t e;

    if ((e = json_parse(&rq->cx, str_of_bytes(req_body(rq)), JSON_RAW_NUMBERS, &v)) !=
            ERR_OK ||
        (e = source__take(&rq->cx, source_of(rq), &db)) != ERR_OK)
        return e;
    js = reply_json_as(rq, 200, "application/fhir+json");
    if ((e = source__bundle(&rq->cx, db, v, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

static err_t
metadata(struct req *rq)
{
    static const char *const interactions[] = { "read",         "vread",
                                                "create",       "update",
                                                "delete",       "history-instance",
                                                "history-type", "search-type" };
    struct json_out *js = reply_json_as(rq, 200, "application/fhir+json");
    struct str type;
    char when[TIME_TEXT];

    json_object(js);
    json_member_z(js, "resourceType", "CapabilityStatement");
    json_member_z(js, "status", "active");
    json_member(js, "date", time_text(when, rq->cx.now_ms));
    json_member_z(js, "kind", "instance");
    json_member_z(js, "fhirVersion", "4.0.1");
    json_key(js, "format");
    json_array(js);
    json_put_z(js, "application/fhir+json");
    json_end(js);
    json_key(js, "rest");
    json_array(js);
    json_object(js);
    json_member_z(js, "mode", "server");
    json_key(js, "resource");
    json_array(js);
    for (size_t i = 0; (type = fhir_type_at(i)).p != NULL; i++) {
        json_object(js);
        json_member(js, "type", type);
        json_member_z(js, "versioning", "versioned-update");
        json_key(js, "interaction");
        json_array(js);
        for (size_t k = 0; k < COUNT(interactions); k++) {
            json_object(js);
            json_member_z(js, "code", interactions[k]);
            json_end(js);
        }
        json_end(js);
        json_end(js);
    }
    json_end(js);
    json_key(js, "interaction");
    json_array(js);
    for (size_t k = 0; k < 3; k++) {
        json_object(js);
        json_member_z(js, "code",
                      (const char *[]){ "transaction", "batch", "history-system" }[k]);
        json_end(js);
    }
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    return reply_send(rq, js);
}

/* Who reaches this process may use it: it listens on loopback, behind the gateway. */
#define ROUTE(op_, doc_, method_, path_, body_, fn_)                                       \
    {                                                                                      \
        .op = op_, .doc = doc_, .door = HTTP_DOOR_PUBLIC, .method = method_,               \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = HTTP_RUN_POOL, .rate = RATE_READ,  \
        .errors = HTTP_ERRORS_FHIR, .audit = AUDIT_NOT_NEEDED, .body_max = body_,          \
        .fn = fn_                                                                          \
    }

enum { RESOURCE_MAX = 4 << 20, BUNDLE_MAX = 16 << 20, FORM_MAX = 64 << 10 };

const struct http_route source_routes[] = {
    ROUTE("sourceMetadata", "What this FHIR store offers.", HTTP_GET, "/fhir/metadata", 0,
          metadata),
    ROUTE("sourceBundle", "Transaction or batch.", HTTP_POST, "/fhir", BUNDLE_MAX, bundle),
    ROUTE("sourceHistoryAll", "All versions.", HTTP_GET, "/fhir/_history", 0, history_all),
    ROUTE("sourceLastN", "The last observations of each kind.", HTTP_GET,
          "/fhir/Observation/$lastn", 0, lastn),
    ROUTE("sourceSearch", "Search.", HTTP_GET, "/fhir/{type}", 0, search),
    ROUTE("sourceSearchForm", "Search by form.", HTTP_POST, "/fhir/{type}/_search",
          FORM_MAX, search_form),
    ROUTE("sourceCreate", "Create.", HTTP_POST, "/fhir/{type}", RESOURCE_MAX, create),
    ROUTE("sourceHistoryType", "Versions of a type.", HTTP_GET, "/fhir/{type}/_history", 0,
          history_type),
    ROUTE("sourceRead", "Read.", HTTP_GET, "/fhir/{type}/{id}", 0, read_one),
    ROUTE("sourceUpdate", "Update, or create with this id.", HTTP_PUT, "/fhir/{type}/{id}",
          RESOURCE_MAX, update),
    ROUTE("sourceDelete", "Delete.", HTTP_DELETE, "/fhir/{type}/{id}", 0, delete_one),
    ROUTE("sourceHistoryOne", "Versions of one.", HTTP_GET, "/fhir/{type}/{id}/_history", 0,
          history_one),
    ROUTE("sourceReadVersion", "Read a version.", HTTP_GET,
          "/fhir/{type}/{id}/_history/{version}", 0, read_version),
    { 0 },
};
