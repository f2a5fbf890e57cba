/*
 * wallet_http.c - the holder's routes of Nuts VCR v2.
 *
 * Rule    nuts-node.md 2.2. A JWT credential is a JSON text everywhere.
 * Trust   The operator behind the internal door.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/wallet/wallet.h"

#include "sys/room.h"

enum { BODY_MAX = 128 * 1024 };

static void
about(struct req *rq, const char *what)
{
    rq->audit.custodian = req_path(rq, "subjectID");
    rq->audit.what = str_of(what);
}

static err_t
load(struct req *rq)
{
    struct vc_raw raw;
    json *body;
    err_t e;

    about(rq, "load credential");
    if ((e = req_json(rq, &body)) != ERR_OK)
        return e;
    if ((e = vc_parse_json(&rq->cx, body, &raw)) != ERR_OK)
        return req_malformed(rq, e); /* whosever it was to be */
    if ((e = wallet_load(&rq->cx, req_path(rq, "subjectID"), body)) != ERR_OK)
        return e;
    return reply_empty(rq, 204);
}

static err_t
remove_one(struct req *rq)
{
    struct did_subject owner;
    err_t e;

    about(rq, "remove credential");
    if ((e = did_subject_find(&rq->cx, req_path(rq, "subjectID"), &owner)) != ERR_OK ||
        (e = wallet_delete(&rq->cx, owner.subject, req_path(rq, "id"))) != ERR_OK)
        return e;
    return reply_empty(rq, 204);
}

static err_t
read_all(struct req *rq, bool verify, struct wallet_item **items, size_t *n)
{
    struct did_subject owner;
    err_t e = did_subject_find(&rq->cx, req_path(rq, "subjectID"), &owner);

    return e != ERR_OK ? e : wallet_list(&rq->cx, owner.subject, verify, items, n);
}

/* Those that are good now. */
static err_t
list(struct req *rq)
{
    struct wallet_item *items;
    struct json_out *js;
    size_t n, i;
    err_t e = read_all(rq, true, &items, &n);

    if (e != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_array(js);
    for (i = 0; i < n; i++)
        if (items[i].good)
            json_put_str(js, items[i].raw.text);
    json_end(js);
    return reply_send(rq, js);
}

/* All, those past their time too. */
static err_t
search(struct req *rq)
{
    struct wallet_item *items;
    struct json_out *js;
    size_t n, i;
    err_t e = read_all(rq, false, &items, &n);

    if (e != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    json_key(js, "verifiableCredentials");
    json_array(js);
    for (i = 0; i < n; i++) {
        json_object(js);
        json_member(js, "verifiableCredential", items[i].raw.text);
        json_end(js);
    }
    json_end(js);
    json_end(js);
    return reply_send(rq, js);
}

static const char *const ok_json[] = { "200 application/json", "404", NULL };
static const char *const no_content[] = { "204", "400", "404", "409", "415", NULL };

#define HOLDER "/internal/vcr/v2/holder/{subjectID}/vc"
#define INTERNAL(op_, doc_, method_, path_, audit_, body_, statuses_, fn_)                 \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_INTERNAL, .method = (method_),       \
        .path = (path_), .auth = HTTP_AUTH_OPERATOR, .run = HTTP_RUN_POOL,                 \
        .rate = (method_) == HTTP_GET ? RATE_READ : RATE_PROOF,                            \
        .errors = HTTP_ERRORS_PROBLEM, .audit = (audit_), .body_max = (body_),             \
        .statuses = (statuses_), .fn = (fn_),                                              \
    }

static const struct http_route routes[] = {
    INTERNAL("getCredentialsInWallet",
             "The credentials of an organisation that are good now.", HTTP_GET, HOLDER,
             AUDIT_NOT_NEEDED, 0, ok_json, list),
    INTERNAL("searchCredentialsInWallet",
             "All credentials of an organisation, those past their time too.", HTTP_GET,
             HOLDER "/search", AUDIT_NOT_NEEDED, 0, ok_json, search),
    INTERNAL("loadVC", "Verifies a credential and puts it in the wallet.", HTTP_POST,
             HOLDER, AUDIT_WALLET_CHANGED, BODY_MAX, no_content, load),
    INTERNAL("removeCredentialFromWallet", "Takes a credential out.", HTTP_DELETE,
             HOLDER "/{id}", AUDIT_WALLET_CHANGED, 0, no_content, remove_one),
    { 0 },
};

const struct room wallet_room = { .routes = routes };
