/*
 * did_node_test.c - a node's own subjects over the routes of VDR v2, and the
 * documents of others: where they come from and how long they are kept. EUPL-1.2.
 */
#include "trust/did/did_kit.h"

#include "trust/cache/cache.h"
#include "trust/did/did_int.h"

#define N  ((struct node *)*state)
#define CX (&N->t.cx)
#define V2 "/internal/vdr/v2"

static int
setup(void **state)
{
    const struct room *rooms[ROOM_COUNT] = { [ROOM_did] = &did_room };

    *state = node_open(rooms);
    return 0;
}

static int
teardown(void **state)
{
    node_close(N);
    return 0;
}

/* Makes a subject and gives its DID. */
static struct str
subject(struct node *n, const char *name)
{
    struct str body = arena_printf(&n->t.arena, "{\"subject\":\"%s\"}", name);
    const json *v;

    assert_non_null(body.p);
    v = expect_json(n, node_ask(n, "POST", V2 "/subject", body.p), 200);
    v = json_at(json_get(v, "documents"), 0);
    assert_non_null(v);
    return json_get_text(v, "id");
}

static struct str
ask_for(struct node *n, const char *method, const char *format, struct str with,
        const char *body)
{
    struct buf b;
    struct str target;

    buf_init(&b, &n->t.arena);
    buf_z(&b, format);
    buf_percent(&b, with);
    assert_int_equal(buf_done(&n->t.cx, &b, &target), ERR_OK);
    return node_ask(n, method, target.p, body);
}

/* --- subjects --------------------------------------------------------------------- */

static void
refuses_subjects(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *title;
    } rows[] = {
        { "{\"subject\":\"a b\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\"a/b\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\"\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\"..\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\".\"}", 400, "CreateSubject failed" },
        { "{\"subject\":7}", 400, "CreateSubject failed" },
        { "{\"subject\":\"\\u00e9\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\"a\\u0000\"}", 400, "CreateSubject failed" },
        { "{\"subject\":\"e\",\"keys\":{\"assertionKey\":true,\"encryptionKey\":true}}",
          400, "CreateSubject failed" },
        { "{\"subject\":\"e\",\"keys\":{\"assertionKey\":1}}", 400,
          "CreateSubject failed" },
        { "[]", 400, "CreateSubject failed" },
        { "{", 400, "Operation failed" },
        { "{\"subject\":\"e\",\"subject\":\"f\"}", 400, "Operation failed" },
    };
    struct str big;
    char name[300];

    for (size_t i = 0; i < COUNT(rows); i++)
        expect(node_ask(N, "POST", V2 "/subject", rows[i].body), rows[i].status,
               rows[i].title);
    memset(name, 'a', sizeof(name));
    big = arena_printf(CX->arena, "{\"subject\":\"%.*s\"}", 256, name);
    assert_non_null(big.p);
    expect(node_ask(N, "POST", V2 "/subject", big.p), 400, NULL);
    big = arena_printf(CX->arena, "{\"subject\":\"%.*s\"}", 255, name);
    expect(node_ask(N, "POST", V2 "/subject", big.p), 200, NULL);
    expect(node_send(N, HTTP_DOOR_INTERNAL,
                     S("POST " V2 "/subject HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                       "15\r\n\r\n{\"subject\":\"x\"}")),
           415, "Operation failed");
    expect(node_ask(N, "GET", V2 "/subject", NULL), 200, "{\"aaaa");
    /* the public door has none of this */
    expect(node_send(N, HTTP_DOOR_PUBLIC,
                     S("GET " V2 "/subject HTTP/1.1\r\nHost: localhost\r\n\r\n")),
           404, NULL);
}

static void
makes_subjects_as_nuts_node_does(void **state)
{
    static const char *const relations[] = { "authentication", "assertionMethod",
                                             "capabilityInvocation",
                                             "capabilityDelegation" };
    struct str reply = node_ask(N, "POST", V2 "/subject", "{\"subject\":\"hospital-1\"}");
    const json *v = expect_json(N, reply, 200), *doc, *method;
    struct str did, kid;

    assert_int_equal(N->told.event, AUDIT_SUBJECT_CHANGED);
    assert_true(json_is(json_get(v, "subject"), "hospital-1"));
    assert_int_equal(json_size(json_get(v, "documents")), 1);
    doc = json_at(json_get(v, "documents"), 0);
    assert_true(
        json_is(json_at(json_get(doc, "@context"), 0), "https://www.w3.org/ns/did/v1"));
    did = json_get_text(doc, "id");
    assert_true(str_starts(did, S(NODE_BASE ":iam:")));
    assert_int_equal(did.n, strlen(NODE_BASE ":iam:") + 36);
    method = json_at(json_get(doc, "verificationMethod"), 0);
    kid = json_get_text(method, "id");
    assert_true(str_eq(did_of_url(kid), did));
    assert_true(json_is(json_get(method, "type"), "JsonWebKey2020"));
    assert_true(str_eq(json_get_text(method, "controller"), did));
    assert_true(json_is(json_get(json_get(method, "publicKeyJwk"), "crv"), "P-256"));
    assert_null(json_get(json_get(method, "publicKeyJwk"), "d"));
    for (size_t i = 0; i < COUNT(relations); i++) {
        assert_int_equal(json_size(json_get(doc, relations[i])), 1);
        assert_true(str_eq(
            kid, json_str(json_at(json_get(doc, relations[i]), 0), &kid) ? kid : S("")));
    }
    assert_null(json_get(doc, "keyAgreement"));
    assert_null(json_get(doc, "service"));
    expect(node_ask(N, "POST", V2 "/subject", "{\"subject\":\"hospital-1\"}"), 409,
           "{\"detail\":\"this subject is already there\",\"status\":409,\"title\":"
           "\"CreateSubject failed\"}");
    /* no name, or no body at all: a random one */
    v = expect_json(N, node_ask(N, "POST", V2 "/subject", "{}"), 200);
    assert_int_equal(json_get_text(v, "subject").n, 36);
    v = expect_json(N, node_ask(N, "POST", V2 "/subject", NULL), 200);
    assert_int_equal(json_get_text(v, "subject").n, 36);
    /* no key asked: none made */
    v = expect_json(N,
                    node_ask(N, "POST", V2 "/subject",
                             "{\"subject\":\"bare\",\"keys\":{\"assertionKey\":false,"
                             "\"encryptionKey\":false}}"),
                    200);
    assert_null(json_get(json_at(json_get(v, "documents"), 0), "verificationMethod"));
    v = expect_json(N, node_ask(N, "GET", V2 "/subject", NULL), 200);
    assert_int_equal(json_size(v), 4);
    assert_int_equal(json_size(json_get(v, "hospital-1")), 1);
    v = expect_json(N, node_ask(N, "GET", V2 "/subject/hospital-1", NULL), 200);
    assert_true(json_has(v, did));
    expect(node_ask(N, "GET", V2 "/subject/nope", NULL), 404, "SubjectDIDs failed");
}

/* --- the documents, to the world ---------------------------------------------------- */

static void
serves_its_documents(void **state)
{
    struct str did = subject(N, "hospital"), reply, id;

    id = str_sub(did, strlen(NODE_BASE ":iam:"), did.n);
    reply = ask_for(N, "GET", "/iam/", id, NULL);
    expect(reply, 404, NULL); /* the path is /iam/<id>/did.json */
    reply = arena_printf(CX->arena, "/iam/%.*s/did.json", STR(id));
    reply = node_ask(N, "GET", reply.p, NULL);
    expect(reply, 200, "Cache-Control: max-age=300\r\n");
    expect(reply, 200, "Content-Type: application/json\r\n");
    assert_true(str_search(reply_body(reply), did) < reply.n);
    assert_false(str_has(reply, "\"d\":"));
    assert_int_equal(N->told_count, 0);
    reply = node_ask(N, "GET", "/iam/hospital/did.json", NULL);
    assert_int_equal(expect(reply, 404, NULL).n, 0);
    assert_int_equal(expect(node_ask(N, "GET", "/.well-known/did.json", NULL), 404, NULL).n,
                     0);
    assert_int_equal(expect(node_ask(N, "GET", "/iam/a%2520b/did.json", NULL), 404, NULL).n,
                     0);
    assert_int_equal(N->asked, 0);
}

static void
ends_a_subject_for_good(void **state)
{
    struct str did = subject(N, "hospital"), jwk, reply, kid, jwt;
    struct did_subject s;

    assert_int_equal(did_subject_find(CX, S("hospital"), &s), ERR_OK);
    kid = s.kid;
    assert_int_equal(keys_public(CX, kid, &jwk), ERR_OK);
    expect(ask_for(N, "GET", V2 "/did/", did, NULL), 200, "\"deactivated\":false");
    expect(node_ask(N, "DELETE", V2 "/subject/nope", NULL), 404, "Deactivate failed");
    reply = node_ask(N, "DELETE", V2 "/subject/hospital", NULL);
    assert_int_equal(expect(reply, 204, NULL).n, 0);
    assert_int_equal(N->told.event, AUDIT_SUBJECT_CHANGED);
    /* 13.1.4: its document is gone, its DID stays listed, resolving says why */
    reply = arena_printf(CX->arena, "/iam/%.*s/did.json",
                         STR(str_sub(did, strlen(NODE_BASE ":iam:"), did.n)));
    assert_int_equal(expect(node_ask(N, "GET", reply.p, NULL), 404, NULL).n, 0);
    expect(ask_for(N, "GET", V2 "/did/", did, NULL), 409, "ResolveDID failed");
    expect(node_ask(N, "GET", V2 "/subject/hospital", NULL), 200, "did:web:");
    /* nothing can be done with it any more, and its key is gone from the signer */
    expect(node_ask(N, "DELETE", V2 "/subject/hospital", NULL), 409, NULL);
    expect(node_ask(N, "POST", V2 "/subject/hospital/service",
                    "{\"type\":\"a\",\"serviceEndpoint\":\"b\"}"),
           409, NULL);
    expect(node_ask(N, "POST", V2 "/subject/hospital/verificationmethod",
                    "{\"assertionKey\":true,\"encryptionKey\":false}"),
           409, NULL);
    expect(node_ask(N, "POST", V2 "/subject", "{\"subject\":\"hospital\"}"), 409, NULL);
    assert_int_equal(keys_public(CX, kid, &jwk), ERR_NOT_FOUND);
    assert_int_equal(keys_sign_jwt(CX, KEY_VC_JWT, kid, S("{}"), &jwt), ERR_NOT_FOUND);
    assert_int_equal(did_subject_find(CX, S("hospital"), &s), ERR_OK);
    assert_false(s.active);
    assert_null(s.kid.p);
}

/* --- services ----------------------------------------------------------------------- */

#define SERVICE V2 "/subject/hospital/service"
#define METHOD  V2 "/subject/hospital/verificationmethod"

static void
refuses_services(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"type\":\"fhir\"}",
        "{\"serviceEndpoint\":\"https://x\"}",
        "{\"type\":\"\",\"serviceEndpoint\":\"https://x\"}",
        "{\"type\":1,\"serviceEndpoint\":\"https://x\"}",
        "{\"type\":\"fhir\",\"serviceEndpoint\":1}",
        "{\"type\":\"fhir\",\"serviceEndpoint\":null}",
        "{\"type\":\"fhir\",\"serviceEndpoint\":true}",
        "[]",
    };
    struct buf b;
    struct str text;

    subject(N, "hospital");
    for (size_t i = 0; i < COUNT(bad); i++)
        expect(node_ask(N, "POST", SERVICE, bad[i]), 400, "CreateService failed");
    expect(node_ask(N, "POST", SERVICE, NULL), 415, NULL);
    expect(node_ask(N, "POST", V2 "/subject/nope/service",
                    "{\"type\":\"a\",\"serviceEndpoint\":\"b\"}"),
           404, "CreateService failed");
    expect(node_ask(N, "GET", V2 "/subject/nope/service", NULL), 404,
           "FindServices failed");
    expect(node_ask(N, "DELETE", V2 "/subject/nope/service/x", NULL), 404, NULL);
    expect(node_ask(N, "POST", SERVICE "/absent",
                    "{\"type\":\"a\",\"serviceEndpoint\":\"b\"}"),
           404, "UpdateService failed");
    buf_init(&b, CX->arena);
    buf_z(&b, "{\"type\":\"big\",\"serviceEndpoint\":\"");
    for (int i = 0; i < 17000; i++)
        buf_c(&b, 'a');
    buf_z(&b, "\"}");
    assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
    expect(node_ask(N, "POST", SERVICE, text.p), 400, NULL);
    expect(node_ask(N, "GET", SERVICE, NULL), 200, "\r\n\r\n[]");
}

static void
keeps_services(void **state)
{
    struct str did = subject(N, "hospital"), reply, id, target;
    const json *v;

    reply = node_ask(
        N, "POST", SERVICE,
        "{\"type\":\"fhir\",\"serviceEndpoint\":\"https://ehr.example.com/fhir\"}");
    v = expect_json(N, reply, 200);
    assert_int_equal(json_size(v), 1);
    id = json_get_text(json_at(v, 0), "id");
    /* the id that nuts-node v6.2.10 gives the same service */
    assert_true(str_ends(id, S("#5rDxEazCivMok7bWnZxWhxkZLe97xRj45y1TgTySpK7x")));
    assert_true(str_eq(did_of_url(id), did));
    expect(node_ask(
               N, "POST", SERVICE,
               "{\"serviceEndpoint\":\"https://ehr.example.com/fhir\",\"type\":\"fhir\"}"),
           409, "this service is already there");
    expect(node_ask(N, "POST", SERVICE,
                    "{\"type\":\"o\",\"serviceEndpoint\":{\"b\":1,\"a\":2}}"),
           200, NULL);
    /* the order of members makes no other service */
    expect(node_ask(N, "POST", SERVICE,
                    "{\"type\":\"o\",\"serviceEndpoint\":{\"a\":2,\"b\":1}}"),
           409, NULL);
    expect(node_ask(N, "POST", SERVICE, "{\"type\":\"l\",\"serviceEndpoint\":[\"x\"]}"),
           200, NULL);
    assert_int_equal(json_size(expect_json(N, node_ask(N, "GET", SERVICE, NULL), 200)), 3);
    v = expect_json(N, node_ask(N, "GET", SERVICE "?type=fhir", NULL), 200);
    assert_int_equal(json_size(v), 1);
    v = expect_json(N, node_ask(N, "GET", SERVICE "?endpointType=object", NULL), 200);
    assert_true(json_is(json_get(json_at(v, 0), "type"), "o"));
    v = expect_json(N, node_ask(N, "GET", SERVICE "?type=o&endpointType=array", NULL), 200);
    assert_int_equal(json_size(v), 0);
    v = expect_json(N, ask_for(N, "GET", V2 "/did/", did, NULL), 200);
    assert_int_equal(json_size(json_get(json_get(v, "document"), "service")), 3);
    /* by fragment, by '#' and fragment, by the whole id; in either form of escaping */
    target = arena_printf(CX->arena, SERVICE "/%.*s", STR(str_sub(id, did.n + 1, id.n)));
    v = expect_json(N,
                    node_ask(N, "POST", target.p,
                             "{\"type\":\"fhir\",\"serviceEndpoint\":\"https://new\"}"),
                    200);
    expect(node_ask(N, "POST", target.p, "{\"type\":\"x\",\"serviceEndpoint\":\"y\"}"), 404,
           NULL);
    id = json_get_text(json_at(v, 0), "id");
    assert_int_equal(json_size(expect_json(N, node_ask(N, "GET", SERVICE, NULL), 200)), 3);
    reply = ask_for(N, "DELETE", SERVICE "/", id, NULL);
    expect(reply, 204, NULL);
    assert_int_equal(json_size(expect_json(N, node_ask(N, "GET", SERVICE, NULL), 200)), 2);
    expect(ask_for(N, "DELETE", SERVICE "/", id, NULL), 204, NULL); /* absent is fine */
    expect(node_ask(N, "DELETE", SERVICE "/nope", NULL), 204, NULL);
    /* of another DID: names nothing here */
    subject(N, "gp");
    v = expect_json(N,
                    node_ask(N, "POST", V2 "/subject/gp/service",
                             "{\"type\":\"fhir\",\"serviceEndpoint\":\"https://gp\"}"),
                    200);
    expect(ask_for(N, "DELETE", SERVICE "/", json_get_text(json_at(v, 0), "id"), NULL), 204,
           NULL);
    assert_int_equal(
        json_size(expect_json(N, node_ask(N, "GET", V2 "/subject/gp/service", NULL), 200)),
        1);
}

static void
has_room_for_so_many(void **state)
{
    struct did_subject s;
    struct str text;

    subject(N, "hospital");
    for (int i = 0; i < 128; i++) {
        text = arena_printf(CX->arena, "{\"type\":\"t%d\",\"serviceEndpoint\":\"x\"}", i);
        expect(node_ask(N, "POST", SERVICE, text.p), 200, NULL);
    }
    expect(node_ask(N, "POST", SERVICE, "{\"type\":\"u\",\"serviceEndpoint\":\"x\"}"), 400,
           "at most 128 services");
    for (int i = 1; i < 32; i++)
        expect(node_ask(N, "POST", METHOD, "{\"assertionKey\":true}"), 200, NULL);
    expect(node_ask(N, "POST", METHOD, "{\"assertionKey\":true}"), 400, "at most 32 keys");
    /* a table that holds more, whoever wrote that */
    assert_int_equal(did_subject_find(CX, S("hospital"), &s), ERR_OK);
    assert_int_equal(store_exec(CX, SQL_did_method_add, NULL,
                                SQL_ARGS(sql_text(S("x#y")), sql_text(s.did), sql_int(99),
                                         sql_text(S("{}")))),
                     ERR_OK);
    expect(node_ask(N, "DELETE", SERVICE "/x", NULL), 204, NULL);
    expect(node_ask(N, "DELETE", V2 "/subject/hospital", NULL), 400, "at most 32 keys");
}

/* --- keys --------------------------------------------------------------------------- */

static void
adds_keys(void **state)
{
    struct did_subject before, after;
    const json *v;

    subject(N, "hospital");
    assert_int_equal(did_subject_find(CX, S("hospital"), &before), ERR_OK);
    expect(node_ask(N, "POST", METHOD, "{\"assertionKey\":false,\"encryptionKey\":false}"),
           400, "AddVerificationMethod failed");
    expect(node_ask(N, "POST", METHOD, "{\"assertionKey\":true,\"encryptionKey\":true}"),
           400, "encryption key");
    expect(node_ask(N, "POST", METHOD, "{\"assertionKey\":\"yes\"}"), 400, NULL);
    expect(node_ask(N, "POST", V2 "/subject/nope/verificationmethod",
                    "{\"assertionKey\":true,\"encryptionKey\":false}"),
           404, NULL);
    node_set_time(N, CX->now_ms + 1000);
    v = expect_json(
        N, node_ask(N, "POST", METHOD, "{\"assertionKey\":true,\"encryptionKey\":false}"),
        200);
    assert_int_equal(json_size(v), 1);
    assert_true(json_is(json_get(json_at(v, 0), "type"), "JsonWebKey2020"));
    /* the oldest key goes on signing (3.1) */
    assert_int_equal(did_subject_find(CX, S("hospital"), &after), ERR_OK);
    assert_true(str_eq(before.kid, after.kid));
    v = expect_json(N, ask_for(N, "GET", V2 "/did/", before.did, NULL), 200);
    assert_int_equal(json_size(json_get(json_get(v, "document"), "verificationMethod")), 2);
    assert_int_equal(json_size(json_get(json_get(v, "document"), "assertionMethod")), 2);
    assert_non_null(json_get(json_get(v, "documentMetadata"), "updated"));
}

/* --- resolving ---------------------------------------------------------------------- */

static err_t
resolve(struct node *n, const char *did)
{
    struct did_doc doc;

    refuse_clear(&n->t.cx);
    return did_resolve(&n->t.cx, str_of(did), NULL, &doc);
}

static void
resolves_with_metadata(void **state)
{
    struct str did = subject(N, "hospital"), target;
    const json *v = expect_json(N, ask_for(N, "GET", V2 "/did/", did, NULL), 200), *meta;

    meta = json_get(v, "documentMetadata");
    assert_true(json_is(json_get(meta, "created"), "2026-01-01T00:00:00Z"));
    assert_null(json_get(meta, "updated"));
    assert_int_equal(json_get_text(meta, "hash").n, 64);
    assert_int_equal(json_type(json_get(meta, "txs")), JSON_ARRAY);
    assert_int_equal(json_type(json_get(meta, "deactivated")), JSON_BOOL);
    /* colons as they are (nuts-node wants these), or escaped: both (13.1.5) */
    target = arena_printf(CX->arena, V2 "/did/%.*s", STR(did));
    expect(node_ask(N, "GET", target.p, NULL), 200, NULL);
    expect(node_ask(N, "GET", V2 "/did/nope", NULL), 400, "ResolveDID failed");
    expect(node_ask(N, "GET", V2 "/did/did:nosuch:1", NULL), 400, NULL);
    expect(node_ask(N, "GET", V2 "/did/did:web:127.0.0.1", NULL), 400, NULL);
    expect(node_ask(N, "GET", V2 "/did/" NODE_BASE ":iam:nope", NULL), 404, NULL);
    assert_int_equal(resolve(N, NODE_BASE ":iam:nope"), ERR_DID_NOT_FOUND);
    assert_int_equal(N->asked, 0); /* our own are never asked over the network */
    expect(node_ask(N, "GET", V2 "/did/" NODE_BASE, NULL), 404, NULL);
    assert_int_equal(N->asked, 0);
    expect(node_ask(N, "GET",
                    V2 "/did/did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
                    NULL),
           200, "\"kty\":\"OKP\"");
}

#define PEER     "did:web:peer.example.net:iam:1"
#define PEER_URL "https://peer.example.net/iam/1/did.json"
#define PEER_DOC "{\"id\":\"" PEER "\"}"

/* nuts-node.md 3.1: 2xx, one of three types, the id that was asked. */
static void
refuses_documents_of_others(void **state)
{
    static const struct {
        int status;
        const char *type, *body;
        err_t fails, want;
    } rows[] = {
        { 404, "application/json", PEER_DOC, ERR_OK, ERR_DID_NOT_FOUND },
        { 500, "application/json", PEER_DOC, ERR_OK, ERR_DID_NOT_FOUND },
        { 301, "application/json", PEER_DOC, ERR_OK, ERR_DID_NOT_FOUND },
        { 199, "application/json", PEER_DOC, ERR_OK, ERR_DID_NOT_FOUND },
        { 200, "text/html", PEER_DOC, ERR_OK, ERR_DID_DOCUMENT },
        { 200, "", PEER_DOC, ERR_OK, ERR_DID_DOCUMENT },
        { 200, "application/jsonp", PEER_DOC, ERR_OK, ERR_DID_DOCUMENT },
        { 200, "application/json", "<html>", ERR_OK, ERR_DID_DOCUMENT },
        { 200, "application/json", "", ERR_OK, ERR_DID_DOCUMENT },
        { 200, "application/json", "{\"id\":\"" PEER "2\"}", ERR_OK, ERR_DID_DOCUMENT },
        { 200, "application/json", "{\"id\":\"" PEER "\",\"id\":\"" PEER "\"}", ERR_OK,
          ERR_DID_DOCUMENT },
        { 200, "application/json", PEER_DOC, ERR_UPSTREAM, ERR_UPSTREAM },
        { 200, "application/json", PEER_DOC, ERR_FORBIDDEN, ERR_FORBIDDEN },
        { 200, "application/json", PEER_DOC, ERR_DEADLINE, ERR_DEADLINE },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct node_page *p = node_publish(N, PEER_URL, rows[i].body);
        err_t e;

        p->status = rows[i].status;
        p->type = rows[i].type;
        p->fails = rows[i].fails;
        N->asked = 0;
        e = resolve(N, PEER);
        if (e != rows[i].want)
            fail_msg("row %zu: %s", i, err_row(e)->name);
        /* what is not sound is not kept either: it is asked again */
        assert_int_equal(resolve(N, PEER), rows[i].want);
        assert_int_equal(N->asked, 2);
    }
    expect(node_ask(N, "GET", V2 "/did/" PEER, NULL), 504, NULL);
    node_publish(N, PEER_URL, PEER_DOC);
    assert_int_equal(resolve(N, PEER), ERR_OK);
}

static void
asks_others_as_strangers(void **state)
{
    static const char *const types[] = { "application/json", "application/did+json",
                                         "application/did+ld+json" };
    struct did_doc doc;
    struct buf b;
    struct str big;

    for (size_t i = 0; i < COUNT(types); i++) {
        node_publish(N, PEER_URL, PEER_DOC)->type = types[i];
        assert_non_null(ROOM_STATE(CX, did));
        cache_clear(((struct did__state *)ROOM_STATE(CX, did))->documents);
        assert_int_equal(resolve(N, PEER), ERR_OK);
    }
    assert_int_equal(N->last.trust, FETCH_OUTSIDER); /* guarded, and https alone */
    assert_int_equal(N->last.method, HTTP_GET);
    assert_string_equal(N->last_url, PEER_URL);
    assert_int_equal(N->last.timeout_ms, 5000);
    node_publish(N, "https://peer.example.net:8443/.well-known/did.json",
                 "{\"id\":\"did:web:peer.example.net%3A8443\"}");
    assert_int_equal(resolve(N, "did:web:peer.example.net%3A8443"), ERR_OK);
    assert_int_equal(resolve(N, "did:web:nobody.example.net"), ERR_UPSTREAM);
    /* on the loop nothing is fetched, and what is kept is still found */
    CX->may_not_block = true;
    assert_int_equal(resolve(N, "did:web:other.example.net"), ERR_WOULD_BLOCK);
    assert_int_equal(resolve(N, PEER), ERR_OK);
    CX->may_not_block = false;
    /* more than 256 KiB is more than anybody needs */
    buf_init(&b, CX->arena);
    buf_z(&b, "{\"id\":\"did:web:big.example.net\",\"x\":\"");
    for (int i = 0; i < 256 * 1024; i++)
        buf_c(&b, 'x');
    buf_z(&b, "\"}");
    assert_int_equal(buf_done(CX, &b, &big), ERR_OK);
    node_publish(N, "https://big.example.net/.well-known/did.json", big.p);
    assert_int_equal(did_resolve(CX, S("did:web:big.example.net"), NULL, &doc),
                     ERR_UPSTREAM);
}

/* did.cache, or less when its host says so; never more. */
static void
keeps_documents_for_a_stated_time(void **state)
{
    int64_t start = CX->now_ms;
    struct node_page *p = node_publish(N, PEER_URL, PEER_DOC);

    N->conf->did_cache = 300000;
    assert_int_equal(resolve(N, PEER), ERR_OK);
    node_set_time(N, start + 299999);
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(N->asked, 1);
    p->status = 404; /* it was ended there: from now on it may be seen */
    node_set_time(N, start + 300000);
    assert_int_equal(resolve(N, PEER), ERR_DID_NOT_FOUND);
    assert_int_equal(N->asked, 2);
    p->status = 200;
    p->max_age_ms = 1000;
    assert_int_equal(resolve(N, PEER), ERR_OK);
    node_set_time(N, start + 301000);
    p->max_age_ms = 9999999;
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(N->asked, 4);
    node_set_time(N, start + 601000);
    p->max_age_ms = 0; /* no-store */
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(N->asked, 6);
    p->max_age_ms = -1;
    N->conf->did_cache = 0;
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(resolve(N, PEER), ERR_OK);
    assert_int_equal(N->asked, 8);
}

/* --- start-up, faults --------------------------------------------------------------- */

static void
does_not_open_without_a_public_name(void **state)
{
    static const char *const bad[] = { "", "https://127.0.0.1", "https://h.example?x",
                                       "ftp://h.example" };
    void *s = NULL;

    for (size_t i = 0; i < COUNT(bad); i++) {
        N->conf->url = str_of(bad[i]);
        assert_int_equal(did_room.open(CX, &s), ERR_BAD_REQUEST);
        assert_null(s);
    }
    N->conf->url = S(NODE_URL);
}

static void
survives_faults(void **state)
{
    struct str did = subject(N, "hospital"), target;

    node_survives(N, "POST", V2 "/subject", NULL, 200);
    node_survives(N, "GET", V2 "/subject", NULL, 200);
    node_survives(N, "GET", V2 "/subject/hospital", NULL, 200);
    node_survives(N, "GET", SERVICE, NULL, 200);
    node_survives(N, "DELETE", SERVICE "/x", NULL, 204);
    target = arena_printf(CX->arena, V2 "/did/%.*s", STR(did));
    node_survives(N, "GET", target.p, NULL, 200);
    node_survives(N, "GET", V2 "/did/" NODE_BASE ":iam:x", NULL, 404);
    target = arena_printf(CX->arena, "/iam/%.*s/did.json",
                          STR(str_sub(did, strlen(NODE_BASE ":iam:"), did.n)));
    node_survives(N, "GET", target.p, NULL, 200);
    node_publish(N, PEER_URL, PEER_DOC)->max_age_ms = 0;
    node_survives(N, "GET", V2 "/did/" PEER, NULL, 200);
    /* half a change was never left behind: the document is what the tables say */
    expect(node_ask(N, "POST", SERVICE, "{\"type\":\"a\",\"serviceEndpoint\":\"b\"}"), 200,
           NULL);
    for (long i = 1; i < 60; i++) {
        store_fail_at(i);
        (void)node_ask(N, "DELETE", V2 "/subject/hospital", NULL);
        store_fail_at(0);
        if (reply_status(node_ask(N, "GET", target.p, NULL)) == 404)
            break;
        expect(node_ask(N, "GET", target.p, NULL), 200, "\"service\"");
    }
    expect(node_ask(N, "GET", target.p, NULL), 404, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(does_not_open_without_a_public_name),
        TEST(refuses_subjects),
        TEST(makes_subjects_as_nuts_node_does),
        TEST(serves_its_documents),
        TEST(ends_a_subject_for_good),
        TEST(refuses_services),
        TEST(keeps_services),
        TEST(has_room_for_so_many),
        TEST(adds_keys),
        TEST(resolves_with_metadata),
        TEST(refuses_documents_of_others),
        TEST(asks_others_as_strangers),
        TEST(keeps_documents_for_a_stated_time),
        TEST(survives_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
