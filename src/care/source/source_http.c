/*
 * source_http.c - the FHIR store's REST API (FHIR R4 3.1.0): reading, writing,
 * searching. EUPL-1.2.
 */
#include "care/source/source_int.h"

#include <stdio.h>
#include <time.h>

#include "codec/fhir/fhir.h"

#define FHIR_JSON "application/fhir+json"

struct source *
source__of(struct req *rq)
{
    return rq->state_;
}

err_t
source__type_of(struct req *rq, struct str *type)
{
    *type = req_path(rq, "type");
    if (!fhir_type_known(*type))
        return refuse(&rq->cx, ERR_NOT_FOUND, "FHIR R4 3.1.0.1.2", "no such resource type");
    return ERR_OK;
}

/* RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". */
static struct str
http_date(char room[40], int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        return S("");
    return (struct str){ room, strftime(room, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm) };
}

/* What is sent along with a version: ETag, Last-Modified (3.1.0.2), Location (3.1.0.8). */
static err_t
put_headers(struct req *rq, const struct source_db *db, const struct source_row *row,
            bool location)
{
    char etag[32], date[40];
    struct str url;
    int n = snprintf(etag, sizeof(etag), "W/\"%lld\"", (long long)row->version);

    reply_header(rq, "ETag", (struct str){ etag, (size_t)n });
    reply_header(rq, "Last-Modified", http_date(date, row->updated_ms));
    if (!location)
        return ERR_OK;
    url = arena_printf(rq->cx.arena, "%.*s/%.*s/%.*s/_history/%lld", STR(source__base(db)),
                       STR(row->type), STR(row->id), (long long)row->version);
    if (url.p == NULL)
        return refuse_memory(&rq->cx);
    reply_header(rq, "Location", url);
    return ERR_OK;
}

static err_t
send_row(struct req *rq, int status, const struct source_db *db,
         const struct source_row *row, bool location)
{
    struct json_out *js;
    err_t e = put_headers(rq, db, row, location);

    if (e != ERR_OK)
        return e;
    js = reply_json_as(rq, status, FHIR_JSON);
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

    if ((e = source__type_of(rq, &type)) != ERR_OK ||
        (e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__get(&rq->cx, db, type, req_path(rq, "id"), &row)) != ERR_OK)
        return e;
    return send_row(rq, 200, db, &row, false);
}

static err_t
read_version(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type;
    uint64_t version;
    err_t e;

    if ((e = source__type_of(rq, &type)) != ERR_OK)
        return e;
    if (!str_to_u64(req_path(rq, "version"), &version) || version > INT64_MAX)
        return refuse(&rq->cx, ERR_NOT_FOUND, "FHIR R4 3.1.0.3", "no such version");
    if ((e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__get_version(&rq->cx, db, type, req_path(rq, "id"), (int64_t)version,
                                 &row)) != ERR_OK)
        return e;
    return send_row(rq, 200, db, &row, false);
}

/* --- writing ------------------------------------------------------------------ */

static err_t
read_resource(struct req *rq, json **out)
{
    struct str type = req_content_type(rq);

    *out = NULL;
    if (!str_is(type, FHIR_JSON) && !str_is(type, "application/json"))
        return refuse(&rq->cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.0.1.10",
                      "a resource must come as " FHIR_JSON);
    return json_parse(&rq->cx, str_of_bytes(req_body(rq)), JSON_RAW_NUMBERS, out);
}

/* If-None-Exist: one match is the answer, several are refused (3.1.0.8.1). */
static err_t
find_existing(struct req *rq, struct source_db *db, struct str type, struct source_row *row)
{
    struct str query = req_header(rq, "if-none-exist"), id[2];
    size_t found;
    err_t e;

    *row = (struct source_row){ 0 };
    if (query.p == NULL)
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

    if ((e = source__type_of(rq, &type)) != ERR_OK || (e = read_resource(rq, &v)) != ERR_OK)
        return e;
    if (!str_eq(json_get_text(v, "resourceType"), type))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.8",
                      "the body is not of the type in the URL");
    if ((e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK ||
        (e = find_existing(rq, db, type, &row)) != ERR_OK)
        return e;
    if (row.version > 0)
        return send_row(rq, 200, db, &row, true);
    if ((e = source__new_id(&rq->cx, &id)) != ERR_OK ||
        (e = source__put(&rq->cx, db, v, id, "POST", &row)) != ERR_OK ||
        (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return send_row(rq, 201, db, &row, true);
}

/* If-Match holds the version that the client saw (3.1.0.5). */
static err_t
check_if_match(struct req *rq, struct source_db *db, struct str type, struct str id)
{
    struct str want = req_header(rq, "if-match");

    return want.p == NULL ? ERR_OK : source__check_version(&rq->cx, db, type, id, want);
}

static err_t
update(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct source_row row;
    struct str type, id = req_path(rq, "id");
    json *v;
    err_t e;

    if ((e = source__type_of(rq, &type)) != ERR_OK || (e = read_resource(rq, &v)) != ERR_OK)
        return e;
    if (!str_eq(json_get_text(v, "resourceType"), type) ||
        !str_eq(json_get_text(v, "id"), id))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.4",
                      "type and id of the body are not those of the URL");
    if ((e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK ||
        (e = check_if_match(rq, db, type, id)) != ERR_OK ||
        (e = source__put(&rq->cx, db, v, id, "PUT", &row)) != ERR_OK ||
        (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return send_row(rq, row.version == 1 ? 201 : 200, db, &row, true);
}

static err_t
delete_one(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct str type, id = req_path(rq, "id");
    err_t e;

    if ((e = source__type_of(rq, &type)) != ERR_OK ||
        (e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__begin(&rq->cx, db)) != ERR_OK ||
        (e = check_if_match(rq, db, type, id)) != ERR_OK)
        return e;
    e = source__delete(&rq->cx, db, type, id);
    if (e == ERR_NOT_FOUND || e == ERR_GONE) { /* 3.1.0.7: the same answer again */
        refuse_clear(&rq->cx);
        return reply_empty(rq, 204);
    }
    if (e != ERR_OK || (e = source__commit(&rq->cx, db)) != ERR_OK)
        return e;
    return reply_empty(rq, 204);
}

static err_t
bundle(struct req *rq)
{
    scoped(source__give) struct source_db *db = NULL;
    struct json_out *js;
    json *v;
    err_t e;

    if ((e = read_resource(rq, &v)) != ERR_OK ||
        (e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK)
        return e;
    js = reply_json_as(rq, 200, FHIR_JSON);
    if ((e = source__bundle(&rq->cx, db, v, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

/* --- searching ------------------------------------------------------------------ */

/* 3.1.1.1: the parameters of URL and form together. */
static err_t
both_queries(struct req *rq, struct str *out)
{
    struct str query = req_raw_query(rq), form = str_of_bytes(req_body(rq));

    *out = query.n > 0 ? query : form;
    if (form.n > 0 && !str_is(req_content_type(rq), "application/x-www-form-urlencoded"))
        return refuse(&rq->cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.1.1",
                      "parameters come as application/x-www-form-urlencoded");
    if (query.n == 0 || form.n == 0)
        return ERR_OK;
    *out = arena_printf(rq->cx.arena, "%.*s&%.*s", STR(query), STR(form));
    return out->p != NULL ? ERR_OK : refuse_memory(&rq->cx);
}

/* `type` empty: the last observations of each kind. */
static err_t
search_with(struct req *rq, struct str type, struct str query, bool form)
{
    scoped(source__give) struct source_db *db = NULL;
    struct json_out *js;
    err_t e;

    if ((e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK ||
        (e = source__snapshot(&rq->cx, db)) != ERR_OK)
        return e;
    js = reply_json_as(rq, 200, FHIR_JSON);
    e = type.n > 0 ? source__search(&rq->cx, db, type, query, form, js)
                   : source__lastn(&rq->cx, db, query, form, js);
    return e != ERR_OK ? e : reply_send(rq, js);
}

static err_t
search(struct req *rq)
{
    struct str type;
    err_t e = source__type_of(rq, &type);

    return e != ERR_OK ? e : search_with(rq, type, req_raw_query(rq), false);
}

static err_t
search_form(struct req *rq)
{
    struct str type, query;
    err_t e;

    if ((e = source__type_of(rq, &type)) != ERR_OK ||
        (e = both_queries(rq, &query)) != ERR_OK)
        return e;
    return search_with(rq, type, query, true);
}

static err_t
lastn(struct req *rq)
{
    return search_with(rq, S(""), req_raw_query(rq), false);
}

static err_t
lastn_form(struct req *rq)
{
    struct str query;
    err_t e = both_queries(rq, &query);

    return e != ERR_OK ? e : search_with(rq, S(""), query, true);
}

/* Who reaches this process may use it: it listens on loopback, behind the gateway. */
#define ROUTE_RUN(run_, op_, doc_, method_, path_, body_, fn_)                             \
    {                                                                                      \
        .op = op_, .doc = doc_, .door = HTTP_DOOR_PUBLIC, .method = method_,               \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = run_, .rate = RATE_READ,           \
        .errors = HTTP_ERRORS_FHIR, .audit = AUDIT_NOT_NEEDED, .body_max = body_,          \
        .fn = fn_                                                                          \
    }
/* Handing over costs more than most reads do: they begin on the loop. */
#define READ(...)  ROUTE_RUN(HTTP_RUN_LOOP, __VA_ARGS__)
#define WRITE(...) ROUTE_RUN(HTTP_RUN_POOL, __VA_ARGS__)

enum { RESOURCE_MAX = 4 << 20, BUNDLE_MAX = 16 << 20, FORM_MAX = 64 << 10 };

const struct http_route source_routes[] = {
    READ("sourceMetadata", "What this FHIR store offers.", HTTP_GET, "/fhir/metadata", 0,
         source__metadata),
    WRITE("sourceBundle", "Transaction or batch.", HTTP_POST, "/fhir", BUNDLE_MAX, bundle),
    WRITE("sourceHistoryAll", "All versions.", HTTP_GET, "/fhir/_history", 0,
          source__history_all),
    READ("sourceLastN", "The last observations of each kind.", HTTP_GET,
         "/fhir/Observation/$lastn", 0, lastn),
    READ("sourceLastNForm", "The last observations of each kind, by form.", HTTP_POST,
         "/fhir/Observation/$lastn", FORM_MAX, lastn_form),
    READ("sourceSearch", "Search.", HTTP_GET, "/fhir/{type}", 0, search),
    READ("sourceSearchForm", "Search by form.", HTTP_POST, "/fhir/{type}/_search", FORM_MAX,
         search_form),
    WRITE("sourceCreate", "Create.", HTTP_POST, "/fhir/{type}", RESOURCE_MAX, create),
    WRITE("sourceHistoryType", "Versions of a type.", HTTP_GET, "/fhir/{type}/_history", 0,
          source__history_type),
    READ("sourceRead", "Read.", HTTP_GET, "/fhir/{type}/{id}", 0, read_one),
    WRITE("sourceUpdate", "Update, or create with this id.", HTTP_PUT, "/fhir/{type}/{id}",
          RESOURCE_MAX, update),
    WRITE("sourceDelete", "Delete.", HTTP_DELETE, "/fhir/{type}/{id}", 0, delete_one),
    WRITE("sourceHistoryOne", "Versions of one.", HTTP_GET, "/fhir/{type}/{id}/_history", 0,
          source__history_one),
    READ("sourceReadVersion", "Read a version.", HTTP_GET,
         "/fhir/{type}/{id}/_history/{version}", 0, read_version),
    { 0 },
};
