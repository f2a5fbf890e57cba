/*
 * did_http.c - the routes of Nuts VDR v2 and of did:web.
 *
 * Rule    nuts-node.md 2.1: paths, methods, statuses and member names are those
 *         of nuts-node. Identifiers in paths are taken with and without
 *         percent-encoded colons.
 * Trust   The operator behind the internal door; anyone at did.json.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "base/time.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/cache/cache.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 64 * 1024 };

/* The body as a JSON object; absent gives NULL where that is allowed. */
static err_t
read_body(struct req *rq, bool optional, json **out)
{
    err_t e;

    *out = NULL;
    if (req_body(rq).n == 0 && optional)
        return ERR_OK;
    if ((e = req_json(rq, out)) != ERR_OK)
        return e;
    if (json_type(*out) != JSON_OBJECT)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "Nuts VDR v2", "the body is no object");
    return ERR_OK;
}

/* A boolean member; absent is `otherwise`. */
static err_t
flag(struct ctx *cx, const json *of, const char *name, bool otherwise, bool *out)
{
    *out = otherwise;
    if (json_get(of, name) == NULL || json_bool(json_get(of, name), out))
        return ERR_OK;
    return refuse(cx, ERR_BAD_REQUEST, "Nuts VDR v2", "%s is not true or false", name);
}

static err_t
reply_text(struct req *rq, int status, struct str text)
{
    struct json_out *js = reply_json(rq, status);

    json_put_raw(js, text);
    return reply_send(rq, js);
}

static void
about(struct req *rq, struct str subject, const char *what)
{
    rq->audit.custodian = subject;
    rq->audit.what = str_of(what);
}

/* --- subjects ------------------------------------------------------------------- */

static err_t
create_subject(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct did__new in = { 0 };
    struct did__row row;
    struct json_out *js;
    json *body;
    const json *keys;
    bool assertion, encryption;
    err_t e;

    if ((e = read_body(rq, true, &body)) != ERR_OK)
        return e;
    keys = json_get(body, "keys");
    if (json_get(body, "subject") != NULL &&
        !json_str(json_get(body, "subject"), &in.subject))
        return refuse(cx, ERR_BAD_REQUEST, "Nuts VDR v2", "subject is no text");
    if (in.subject.p != NULL && in.subject.n == 0 && json_get(body, "subject") != NULL)
        return refuse(cx, ERR_SUBJECT_INVALID, "Nuts VDR v2", "subject is empty");
    if ((e = flag(cx, keys, "assertionKey", true, &assertion)) != ERR_OK ||
        (e = flag(cx, keys, "encryptionKey", false, &encryption)) != ERR_OK)
        return e;
    if (encryption)
        return refuse(cx, ERR_DID_KEY_AGREEMENT, "Nuts VDR v2",
                      "an encryption key was asked");
    in.no_key = !assertion;
    about(rq, in.subject, "create subject");
    if ((e = did__subject_new(cx, &in, &row)) != ERR_OK)
        return e;
    about(rq, row.of.subject, "create subject");
    rq->audit.entity = row.of.did;
    js = reply_json(rq, 200);
    json_object(js);
    json_key(js, "documents");
    json_array(js);
    json_put_raw(js, row.document);
    json_end(js);
    json_member(js, "subject", row.of.subject);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
list_subjects(struct req *rq)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct json_out *js;
    err_t e;

    if ((e = store_query(&rq->cx, SQL_did_list, &rows, SQL_NO_ARGS)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    while (store_next(&rows)) {
        json_key_str(js, store_text(&rows, 0));
        json_array(js);
        json_put_str(js, store_text(&rows, 1));
        json_end(js);
    }
    json_end(js);
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

static err_t
subject_dids(struct req *rq)
{
    struct did_subject s;
    struct json_out *js;
    err_t e = did_subject_find(&rq->cx, req_path(rq, "id"), &s);

    if (e != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_array(js);
    json_put_str(js, s.did);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
deactivate(struct req *rq)
{
    err_t e;

    about(rq, req_path(rq, "id"), "deactivate subject");
    if ((e = did__subject_end(&rq->cx, req_path(rq, "id"))) != ERR_OK)
        return e;
    return reply_empty(rq, 204);
}

/* --- services ------------------------------------------------------------------- */

static err_t
put_service(struct req *rq, struct str replaces)
{
    struct json_out *js;
    struct str service;
    json *body;
    err_t e;

    about(rq, req_path(rq, "id"), replaces.n != 0 ? "replace service" : "add service");
    if ((e = read_body(rq, false, &body)) != ERR_OK ||
        (e = did__service_put(&rq->cx, req_path(rq, "id"), body, replaces, &service)) !=
            ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_array(js); /* one per DID; a subject has one */
    json_put_raw(js, service);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
create_service(struct req *rq)
{
    return put_service(rq, (struct str){ NULL, 0 });
}

static err_t
update_service(struct req *rq)
{
    return put_service(rq, req_path(rq, "serviceId"));
}

static err_t
find_services(struct req *rq)
{
    struct json_out *js;
    struct json_out found;
    struct str text;
    err_t e;

    json_out_init(&found, rq->cx.arena);
    if ((e = did__services_put(&rq->cx, req_path(rq, "id"), req_query(rq, "type"),
                               req_query(rq, "endpointType"), &found)) != ERR_OK ||
        (e = json_out_done(&rq->cx, &found, &text)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_put_raw(js, text);
    return reply_send(rq, js);
}

static err_t
delete_service(struct req *rq)
{
    err_t e;

    about(rq, req_path(rq, "id"), "delete service");
    e = did__service_drop(&rq->cx, req_path(rq, "id"), req_path(rq, "serviceId"));
    return e != ERR_OK ? e : reply_empty(rq, 204);
}

/* --- keys ------------------------------------------------------------------------ */

static err_t
add_method(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct json_out *js;
    struct str method;
    json *body;
    bool assertion, encryption;
    err_t e;

    about(rq, req_path(rq, "id"), "add verification method");
    if ((e = read_body(rq, false, &body)) != ERR_OK ||
        (e = flag(cx, body, "assertionKey", false, &assertion)) != ERR_OK ||
        (e = flag(cx, body, "encryptionKey", false, &encryption)) != ERR_OK)
        return e;
    if (encryption)
        return refuse(cx, ERR_DID_KEY_AGREEMENT, "Nuts VDR v2",
                      "an encryption key was asked");
    if (!assertion)
        return refuse(cx, ERR_BAD_REQUEST, "Nuts VDR v2", "no key was asked");
    if ((e = did__key_add(cx, req_path(rq, "id"), &method)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_array(js);
    json_put_raw(js, method);
    json_end(js);
    return reply_send(rq, js);
}

/* --- documents ------------------------------------------------------------------- */

static err_t
put_metadata(struct ctx *cx, struct json_out *js, const struct did_doc *doc,
             const struct did__row *row)
{
    char room[TIME_TEXT];
    uint8_t hash[HASH_MAX];
    struct str text, print;
    err_t e;

    if ((e = json_text(cx, doc->json, &text)) != ERR_OK ||
        (e = hash_bytes(cx, HASH_SHA256, bytes_of(text), hash)) != ERR_OK ||
        (e = hex(cx, (struct bytes){ hash, 32 }, &print)) != ERR_OK)
        return e;
    json_key(js, "documentMetadata");
    json_object(js);
    json_member(js, "created",
                time_text(room, row->of.did.p ? row->created_ms : cx->now_ms));
    if (row->of.did.p != NULL && row->updated_ms > row->created_ms)
        json_member(js, "updated", time_text(room, row->updated_ms));
    json_member(js, "hash", print);
    json_key(js, "txs");
    json_array(js);
    json_end(js);
    json_member_bool(js, "deactivated", false);
    json_end(js);
    return ERR_OK;
}

static err_t
resolve_did(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct did__row row = { 0 };
    struct did_doc doc;
    struct json_out out, *js;
    struct str text;
    err_t e;

    if ((e = did_resolve(cx, req_path(rq, "did"), NULL, &doc)) != ERR_OK)
        return e;
    if (did__row_by_did(cx, doc.id, &row) != ERR_OK)
        refuse_clear(cx); /* not ours: then it has no history here */
    json_out_init(&out, cx->arena);
    json_object(&out);
    json_member_json(&out, "document", doc.json);
    if ((e = put_metadata(cx, &out, &doc, &row)) != ERR_OK)
        return e;
    json_end(&out);
    if ((e = json_out_done(cx, &out, &text)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_put_raw(js, text);
    return reply_send(rq, js);
}

/* 404 has an empty body, for what never was and for what was ended (13.1.4). */
static err_t
serve_document(struct req *rq, struct str did)
{
    struct did__row row;
    err_t e = did__row_by_did(&rq->cx, did, &row);

    if (e != ERR_OK && e != ERR_SUBJECT_UNKNOWN)
        return e;
    reply_header(rq, "Cache-Control", S("max-age=300"));
    if (e == ERR_SUBJECT_UNKNOWN || !row.of.active) {
        refuse_clear(&rq->cx);
        return reply_empty(rq, 404);
    }
    return reply_text(rq, 200, row.document);
}

static err_t
did_json(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct str base, id, did;
    struct buf b;
    err_t e;

    if ((e = did_web_of_url(cx, did_base_url(cx), &base)) != ERR_OK)
        return e;
    id = req_path(rq, "id");
    buf_init(&b, cx->arena);
    buf_str(&b, base);
    buf_z(&b, ":iam:");
    buf_percent(&b, id);
    if ((e = buf_done(cx, &b, &did)) != ERR_OK)
        return e;
    return serve_document(rq, did);
}

static err_t
root_did_json(struct req *rq)
{
    struct str base;
    err_t e = did_web_of_url(&rq->cx, did_base_url(&rq->cx), &base);

    return e != ERR_OK ? e : serve_document(rq, base);
}

/* --- tables ------------------------------------------------------------------------ */

static const char *const ok_json[] = { "200 application/json", "400", "404", "409", NULL };
static const char *const no_content[] = { "204", "400", "404", "409", NULL };
static const char *const document[] = { "200 application/json DID document", "404", NULL };

#define INTERNAL(op_, doc_, method_, path_, audit_, body_, statuses_, fn_)                 \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_INTERNAL, .method = (method_),       \
        .path = (path_), .auth = HTTP_AUTH_OPERATOR, .run = HTTP_RUN_POOL,                 \
        .rate = (method_) == HTTP_GET ? RATE_READ : RATE_WRITE,                            \
        .errors = HTTP_ERRORS_PROBLEM, .audit = (audit_), .body_max = (body_),             \
        .statuses = (statuses_), .fn = (fn_),                                              \
    }
#define SUBJECT "/internal/vdr/v2/subject"

static const struct http_route routes[] = {
    INTERNAL("createSubject", "Makes an organisation with a did:web and a signing key.",
             HTTP_POST, SUBJECT, AUDIT_SUBJECT_CHANGED, BODY_MAX, ok_json, create_subject),
    INTERNAL("listSubjects", "All organisations of this node with their DIDs.", HTTP_GET,
             SUBJECT, AUDIT_NOT_NEEDED, 0, ok_json, list_subjects),
    INTERNAL("subjectDIDs", "The DIDs of an organisation.", HTTP_GET, SUBJECT "/{id}",
             AUDIT_NOT_NEEDED, 0, ok_json, subject_dids),
    INTERNAL("deactivate", "Ends an organisation's DIDs and deletes their keys.",
             HTTP_DELETE, SUBJECT "/{id}", AUDIT_SUBJECT_CHANGED, 0, no_content,
             deactivate),
    INTERNAL("createService", "Adds a service to an organisation's DID documents.",
             HTTP_POST, SUBJECT "/{id}/service", AUDIT_SUBJECT_CHANGED, BODY_MAX, ok_json,
             create_service),
    INTERNAL("findServices",
             "The services of an organisation, by type and kind of endpoint.", HTTP_GET,
             SUBJECT "/{id}/service", AUDIT_NOT_NEEDED, 0, ok_json, find_services),
    INTERNAL("updateService", "Replaces a service.", HTTP_POST,
             SUBJECT "/{id}/service/{serviceId}", AUDIT_SUBJECT_CHANGED, BODY_MAX, ok_json,
             update_service),
    INTERNAL("deleteService", "Takes a service out; absent is fine.", HTTP_DELETE,
             SUBJECT "/{id}/service/{serviceId}", AUDIT_SUBJECT_CHANGED, 0, no_content,
             delete_service),
    INTERNAL("addVerificationMethod", "Adds a signing key to an organisation.", HTTP_POST,
             SUBJECT "/{id}/verificationmethod", AUDIT_SUBJECT_CHANGED, BODY_MAX, ok_json,
             add_method),
    INTERNAL("resolveDID", "The document of any DID.", HTTP_GET,
             "/internal/vdr/v2/did/{did}", AUDIT_NOT_NEEDED, 0, ok_json, resolve_did),
    { .op = "getWebDID",
      .doc = "The DID document of one of this node's organisations.",
      .door = HTTP_DOOR_PUBLIC,
      .method = HTTP_GET,
      .path = "/iam/{id}/did.json",
      .auth = HTTP_AUTH_ANYONE,
      .run = HTTP_RUN_LOOP,
      .rate = RATE_READ,
      .errors = HTTP_ERRORS_PROBLEM,
      .audit = AUDIT_NOT_NEEDED,
      .statuses = document,
      .fn = did_json },
    { .op = "getRootWebDID",
      .doc = "The DID document at the root of this node's host.",
      .door = HTTP_DOOR_PUBLIC,
      .method = HTTP_GET,
      .path = "/.well-known/did.json",
      .auth = HTTP_AUTH_ANYONE,
      .run = HTTP_RUN_LOOP,
      .rate = RATE_READ,
      .errors = HTTP_ERRORS_PROBLEM,
      .audit = AUDIT_NOT_NEEDED,
      .statuses = document,
      .fn = root_did_json },
    { 0 },
};

static err_t
open_room(struct ctx *cx, void **state)
{
    struct did__state *s;
    struct str base;
    err_t e;

    *state = NULL;
    if ((e = did_web_of_url(cx, did_base_url(cx), &base)) != ERR_OK)
        return e != ERR_BAD_REQUEST && e != ERR_DID_INVALID
                   ? e
                   : refuse(cx, ERR_BAD_REQUEST, "did:web 2",
                            "option url must be the node's public base URL, such as "
                            "https://node.example.org: a host name, no query, no address");
    s = calloc(1, sizeof(*s));
    if (s == NULL || (s->documents = cache_new((size_t)cx->conf->did_cache_size)) == NULL) {
        free(s);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for the cache of documents");
    }
    s->world = (struct did_source){ s, did__world_document, did__world_get };
    *state = s;
    return ERR_OK;
}

static void
close_room(void *state)
{
    struct did__state *s = state;

    if (s != NULL)
        cache_free(s->documents);
    free(s);
}

const struct room did_room = { .routes = routes, .open = open_room, .close = close_room };
