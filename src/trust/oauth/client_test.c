/*
 * client_test.c - asking another for a token: the whole way between two organisations
 * with real keys, then everything that others may say. EUPL-1.2.
 */
#include "trust/oauth/oauth_kit.h"

#include "sys/keys/keys.h"
#include "trust/wallet/wallet.h"

#define W        ((struct world *)*state)
#define CX       (&W->n->t.cx)
#define CX_OF(w) (&(w)->n->t.cx)

#define OTHER_AS   "https://as.example.net/oauth2/x"
#define OTHER_META "https://as.example.net/.well-known/oauth-authorization-server/oauth2/x"
#define OTHER_PD   OTHER_AS "/presentation_definition?scope=test"
#define META(more)                                                                         \
    "{\"issuer\":\"" OTHER_AS "\",\"token_endpoint\":\"" OTHER_AS "/token\","              \
    "\"presentation_definition_endpoint\":\"" OTHER_AS "/presentation_definition\"," more  \
    "}"
#define METHODS "\"did_methods_supported\":[\"web\"]"
#define REQUEST "/internal/auth/v2/gp/request-service-access-token"

static int to_ourselves;                 /* how often our own node was asked */
static struct str sent_body, sent_proof; /* to others, last */

static err_t
keep_nothing(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    (void)record;
    return ERR_OK;
}

/* What is asked of our own URL is asked of our own doors. */
static err_t
answer(struct ctx *cx, void *arg, const struct fetch_request *in, struct fetch_reply *out)
{
    struct world *w = arg;
    struct http_ask how = { .tables = w->n->tables,
                            .table_count = w->n->table_count,
                            .door = HTTP_DOOR_PUBLIC,
                            .conf = w->n->conf,
                            .audit_put = keep_nothing };
    struct str reply, text;
    struct buf b;
    err_t e;

    assert_int_equal(in->trust, FETCH_OUTSIDER); /* whatever a stranger's metadata says */
    if (!str_starts(in->url, S(NODE_URL))) {
        sent_body = arena_str(&w->n->t.arena, str_of_bytes(in->body));
        for (size_t i = 0; i < in->header_count; i++)
            if (str_starts(in->headers[i], S("DPoP: ")))
                sent_proof =
                    arena_str(&w->n->t.arena, str_sub(in->headers[i], 6, in->headers[i].n));
        return node_answer(cx, w->n, in, out);
    }
    to_ourselves++;
    buf_init(&b, cx->arena);
    buf_printf(&b, "%s ", http_method_name(in->method));
    buf_str(&b, str_sub(in->url, sizeof(NODE_URL) - 1, in->url.n));
    buf_z(&b, " HTTP/1.1\r\nHost: node.example.org\r\n");
    for (size_t i = 0; i < in->header_count; i++)
        buf_printf(&b, "%.*s\r\n", STR(in->headers[i]));
    buf_printf(&b, "Content-Length: %zu\r\n\r\n", in->body.n);
    buf_str(&b, str_of_bytes(in->body));
    if ((e = buf_done(cx, &b, &text)) != ERR_OK ||
        (e = http_ask(cx, &how, text, &reply)) != ERR_OK)
        return e;
    *out = (struct fetch_reply){ .status = reply_status(reply),
                                 .type = S("application/json"),
                                 .body = bytes_of(reply_body(reply)),
                                 .max_age_ms = str_has(reply, "no-store") ? 0 : -1 };
    return ERR_OK;
}

static struct did_subject gp;

static int
setup(void **state)
{
    struct world *w = *state = world_open();
    json *vc;

    fetch_close(w->n->sys.fetch);
    w->n->sys.fetch = fetch_pretend(answer, w);
    expect(node_ask(w->n, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"gp\"}"), 200,
           NULL);
    assert_int_equal(did_subject_find(CX, S("gp"), &gp), ERR_OK);
    assert_int_equal(json_parse(CX,
                                world_text(w, "\"%.*s\"", STR(world_vc(w, gp.did.p, NULL))),
                                JSON_STRICT, &vc),
                     ERR_OK);
    assert_int_equal(wallet_load(CX, S("gp"), vc), ERR_OK);
    to_ourselves = 0;
    w->n->conf->strictmode = false; /* names of RFC 2606 are refused by it */
    return 0;
}

static int
teardown(void **state)
{
    world_close(W);
    return 0;
}

static struct str
ask(struct world *w, const char *body)
{
    return node_ask(w->n, "POST", REQUEST, body);
}

#define WANT(more) "{\"authorization_server\":\"" AS "\",\"scope\":\"test\"" more "}"

static struct str
token_of(struct world *w, const char *body)
{
    return json_get_text(expect_json(w->n, ask(w, body), 200), "access_token");
}

/* --- the whole way ------------------------------------------------------------------ */

static void
with_dpop(void **state)
{
    const json *v = expect_json(W->n, ask(W, WANT("")), 200);
    struct oauth_token t;
    struct str jwk, print;
    json *key;
    int64_t n;

    assert_int_equal(json_size(v), 6);
    assert_true(json_is(json_get(v, "token_type"), "DPoP"));
    assert_true(str_eq(json_get_text(v, "dpop_kid"), gp.kid));
    assert_true(json_is(json_get(v, "scope"), "test"));
    assert_true(json_i64(json_get(v, "expires_in"), &n) && n == 900);
    assert_true(json_i64(json_get(v, "expires_at"), &n) && n == CX->now_ms / 1000 + 900);
    assert_int_equal(W->n->told.event, AUDIT_TOKEN_REQUESTED);
    assert_true(str_is(W->n->told.custodian, "gp"));
    assert_true(str_is(W->n->told.entity, AS));
    assert_int_equal(oauth_token_find(CX, json_get_text(v, "access_token"), &t), ERR_OK);
    assert_true(str_eq(t.holder, gp.did));
    assert_true(str_is(t.client_id, NODE_URL "/oauth2/gp"));
    assert_true(str_is(oauth_token_claim(&t, "organization_name"), "Care"));
    assert_int_equal(keys_public(CX, gp.kid, &jwk), ERR_OK);
    assert_int_equal(json_parse(CX, jwk, JSON_STRICT, &key), ERR_OK);
    {
        scoped(jwk_fini) struct jwk k = { 0 };

        assert_int_equal(jwk_parse_public(CX, key, NULL, &k), ERR_OK);
        print = k.thumbprint;
        assert_true(str_eq(t.jkt, print));
    }
}

static void
as_bearer(void **state)
{
    static const char *const types[] = { "Bearer", "bearer", "BEARER" };

    for (size_t i = 0; i < COUNT(types); i++) {
        const json *v = expect_json(
            W->n, ask(W, world_text(W, WANT(",\"token_type\":\"%s\""), types[i]).p), 200);

        assert_int_equal(json_size(v), 5);
        assert_true(json_is(json_get(v, "token_type"), "Bearer"));
    }
    expect(ask(W, WANT(",\"token_type\":\"else\"")), 200, "\"token_type\":\"DPoP\"");
}

#define PERSON                                                                             \
    "[{\"@context\":[\"https://www.w3.org/2018/credentials/v1\",\"https://nuts.nl/"        \
    "credentials"                                                                          \
    "/v1\"],\"type\":[\"VerifiableCredential\",\"NutsEmployeeCredential\"],"               \
    "\"credentialSubject\":{\"identifier\":\"u-17\",\"name\":\"A\",\"roleName\":\"N\"}}]"

static void
for_a_person(void **state)
{
    struct str token = token_of(W, WANT(",\"credentials\":" PERSON));
    struct oauth_token t;

    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_true(str_is(oauth_token_claim(&t, "employee_identifier"), "u-17"));
    /* where he is demanded */
    expect(ask(W, "{\"authorization_server\":\"" AS "\",\"scope\":\"strict\"}"), 400,
           "the user's presentation definition is not fulfilled");
    token = token_of(W, "{\"authorization_server\":\"" AS
                        "\",\"scope\":\"strict\",\"credentials\":" PERSON "}");
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_true(str_is(oauth_token_claim(&t, "employee_identifier"), "u-17"));
    /* a scope that asks for no user takes what is given as nothing */
    token = token_of(W, "{\"authorization_server\":\"" AS
                        "\",\"scope\":\"own words\",\"credentials\":" PERSON "}");
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_null(json_get(t.claims, "employee_identifier"));
}

/* The server takes the first credential that fits: our order must give what we say. */
static void
in_an_order_that_holds(void **state)
{
    json *vc;
    struct str one = peer_sign(
        W->n, &W->issuer, NULL,
        world_text(
            W,
            "{\"iss\":\"" ISSUER "\",\"sub\":\"%.*s\",\"jti\":\"" ISSUER
            "#2\",\"nbf\":1767222000,\"exp\":1767300000,\"vc\":{\"@context\":["
            "\"https://www.w3.org/2018/credentials/v1\",\"https://nuts.nl/credentials/"
            "v1\"],\"type\":[\"VerifiableCredential\",\"OtherCredential\"],"
            "\"credentialSubject\":[{\"id\":\"%.*s\",\"special\":\"yes\"}]}}",
            STR(gp.did), STR(gp.did))
            .p);

    assert_int_equal(json_parse(CX, world_text(W, "\"%.*s\"", STR(one)), JSON_STRICT, &vc),
                     ERR_OK);
    assert_int_equal(wallet_load(CX, S("gp"), vc), ERR_OK); /* behind the other */
    world_file(W, "policies/new/definitions.json",
               "{\"order\":{\"organization\":{\"id\":\"pd_order\",\"input_descriptors\":[{"
               "\"id\":\"special\",\"constraints\":{\"fields\":[" FIELD(
                   "s", "special",
                   "") "]}},"
                       "{\"id\":\"any\",\"constraints\":{\"fields\":[" BY_ISSUER "]}}]}}}");
    assert_int_equal(world_reload(W), ERR_OK);
    expect(ask(W, "{\"authorization_server\":\"" AS "\",\"scope\":\"order\"}"), 200, NULL);
}

/* --- kept --------------------------------------------------------------------------- */

static void
tokens_are_kept(void **state)
{
    struct str first = token_of(W, WANT("")), other;
    int asked = to_ourselves;
    const json *v;
    int64_t n;

    assert_true(asked > 0);
    node_set_time(W->n, CX->now_ms + 100000);
    v = expect_json(W->n, ask(W, WANT("")), 200);
    assert_true(str_eq(json_get_text(v, "access_token"), first));
    assert_true(str_eq(json_get_text(v, "dpop_kid"), gp.kid));
    assert_true(json_i64(json_get(v, "expires_in"), &n) && n == 800);
    assert_int_equal(to_ourselves, asked);
    /* for this request alone */
    other = token_of(W, WANT(",\"token_type\":\"Bearer\""));
    assert_false(str_eq(other, first));
    assert_true(str_eq(token_of(W, WANT(",\"token_type\":\"bearer\"")), other));
    assert_false(str_eq(token_of(W, WANT(",\"credentials\":" PERSON)), first));
    assert_false(str_eq(
        token_of(W, "{\"authorization_server\":\"" AS "\",\"scope\":\"twin\"}"), first));
    assert_true(str_eq(token_of(W, WANT("")), first));
    /* until 30 s before its end */
    node_set_time(W->n, CX->now_ms + 769999);
    assert_true(str_eq(token_of(W, WANT("")), first));
    node_set_time(W->n, CX->now_ms + 1000);
    assert_false(str_eq(token_of(W, WANT("")), first));
}

static void
a_changed_wallet_asks_anew(void **state)
{
    struct str first = token_of(W, WANT("")), second;

    expect(node_ask(W->n, "DELETE", "/internal/vcr/v2/holder/gp/vc/" ISSUER "%231", NULL),
           204, NULL);
    expect(ask(W, WANT("")), 412, "no credential for input descriptor 'd'");
    json *vc;
    assert_int_equal(json_parse(CX,
                                world_text(W, "\"%.*s\"", STR(world_vc(W, gp.did.p, NULL))),
                                JSON_STRICT, &vc),
                     ERR_OK);
    assert_int_equal(wallet_load(CX, S("gp"), vc), ERR_OK);
    second = token_of(W, WANT(""));
    assert_false(str_eq(first, second));
}

static void
no_cache_asks_anew(void **state)
{
    struct str first = token_of(W, WANT("")), reply;
    static const char body[] = WANT("");

    reply =
        node_send(W->n, HTTP_DOOR_INTERNAL,
                  world_text(W,
                             "POST " REQUEST " HTTP/1.1\r\nHost: localhost\r\nContent-Type:"
                             " application/json\r\nCache-Control: no-store, No-Cache\r\n"
                             "Content-Length: %zu\r\n\r\n%s",
                             sizeof(body) - 1, body));
    expect(reply, 200, NULL);
    assert_false(str_has(reply, first.p));
}

/* --- what the caller may not say ---------------------------------------------------- */

static void
requests_that_are_wrong(void **state)
{
#define CRED(text) WANT(",\"credentials\":" text)
    static const struct {
        const char *body;
        int status;
        const char *part;
    } rows[] = {
        { "{", 400, "Operation failed" },
        { "[]", 400, "the body is no object" },
        { "{}", 400, "missing authorization_server" },
        { "{\"authorization_server\":\"" AS "\"}", 400, "missing scope" },
        { "{\"authorization_server\":5,\"scope\":\"x\"}", 400,
          "missing authorization_server" },
        { "{\"authorization_server\":\"nope\",\"scope\":\"x\"}", 400, "https URL" },
        { "{\"authorization_server\":\"https://\",\"scope\":\"x\"}", 400, "https URL" },
        { "{\"authorization_server\":\"http://as.example.net/oauth2/x\",\"scope\":\"x\"}",
          400, "https URL" },
        { "{\"authorization_server\":\"https://nobody.nl/oauth2/x\",\"scope\":\"x\"}", 400,
          "nobody is there" },
        { CRED("{}"), 400, "credentials is no list" },
        { CRED("[5]"), 400, "no object" },
        { CRED("[{}]"), 400, "exactly 1 'credentialSubject'" },
        { CRED("[{\"credentialSubject\":[{},{}]}]"), 400, "exactly 1 'credentialSubject'" },
        { CRED("[{\"issuer\":\"did:web:x\",\"credentialSubject\":{}}]"), 400,
          "self-asserted credentials MUST NOT contain an 'issuer'" },
        { CRED("[{\"credentialSubject\":{\"id\":\"did:web:x\"}}]"), 400,
          "MUST NOT contain a 'credentialSubject.id'" },
        { CRED("[{\"credentialSubject\":{},\"proof\":{}}]"), 400, "no proof" },
        { CRED("[{\"credentialSubject\":{},\"credentialStatus\":{}}]"), 400, "no status" },
        { CRED("[{\"credentialSubject\":{}}]"), 400, "RequestServiceAccessToken failed" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        expect(ask(W, rows[i].body), rows[i].status, rows[i].part);
    W->n->conf->strictmode = true;
    expect(ask(W, WANT("")), 400, "https URL");
    expect(
        ask(W, "{\"authorization_server\":\"https://10.0.0.1/oauth2/x\",\"scope\":\"x\"}"),
        400, "https URL");
    W->n->conf->strictmode = false;
    expect(node_ask(W->n, "POST", "/internal/auth/v2/nobody/request-service-access-token",
                    WANT("")),
           400, "\"detail\":\"invalid_request - subject not found\"");
    expect(ask(W, "{\"authorization_server\":\"" NODE_URL
                  "/oauth2/nope\",\"scope\":\"test\"}"),
           400, "invalid_request - subject not found");
    expect(ask(W, "{\"authorization_server\":\"" AS "\",\"scope\":\"zzz\"}"), 502,
           "server returned HTTP 400 (expected: 200)");
    expect(ask(W, "{\"authorization_server\":\"" AS "\",\"scope\":\"clash\"}"), 502, NULL);
}

/* --- what others may say ------------------------------------------------------------ */

#define OTHER "{\"authorization_server\":\"" OTHER_AS "\",\"scope\":\"test\"}"

static void
metadata_of_others(void **state)
{
    static const struct {
        int http;
        const char *text;
        int status;
        const char *part;
    } rows[] = {
        { 404, "x", 400, "server returned HTTP 404" },
        { 302, "", 400, "server returned HTTP 302" },
        { 500, "x", 502, "5xx" },
        { 200, "<html>", 502, "it is no JSON object" },
        { 200, "[]", 502, "it is no JSON object" },
        { 200, "{\"issuer\":\"" OTHER_AS "/\"}", 502, "its issuer is another" },
        { 200, "{\"issuer\":\"https://evil.nl/oauth2/x\",\"issuer\":\"" OTHER_AS "\"}", 502,
          "it is no JSON object" },
        { 200, "{\"issuer\":\"" OTHER_AS "\"}", 502, "no https URL" },
        { 200,
          "{\"issuer\":\"" OTHER_AS "\",\"token_endpoint\":\"http://as.example.net/t\","
          "\"presentation_definition_endpoint\":\"https://as.example.net/p\"}",
          502, "no https URL" },
        { 200,
          "{\"issuer\":\"" OTHER_AS "\",\"token_endpoint\":\"https://as.example.net/t\","
          "\"presentation_definition_endpoint\":\"file:///etc/passwd\"}",
          502, "no https URL" },
        { 200,
          "{\"issuer\":\"" OTHER_AS "\",\"token_endpoint\":\"https://as.example.net/t\\r\\n"
          "X: y\",\"presentation_definition_endpoint\":\"https://as.example.net/p\"}",
          502, "no https URL" },
        { 200, META("\"x\":1"), 412, "DIDs of method web" },
        { 200, META("\"did_methods_supported\":[\"nuts\"]"), 412, "DIDs of method web" },
        { 200, META(METHODS ",\"vp_formats_supported\":{\"ldp_vp\":{}}"), 412,
          "JWT presentations" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        node_publish(W->n, OTHER_META, rows[i].text)->status = rows[i].http;
        expect(ask(W, OTHER), rows[i].status, rows[i].part);
    }
    node_publish(W->n, OTHER_META, "")->fails = ERR_DEADLINE;
    expect(ask(W, OTHER), 400, "DEADLINE");
    node_publish(W->n, OTHER_META, "")->fails =
        ERR_FORBIDDEN; /* an address that is guarded */
    expect(ask(W, OTHER), 400, "FORBIDDEN");
    node_publish(W->n, OTHER_META, "")->fails = ERR_UNAVAILABLE;
    expect(ask(W, OTHER), 503, NULL);
}

static void
definitions_of_others(void **state)
{
    static const struct {
        int http;
        const char *text;
        int status;
        const char *part;
    } rows[] = {
        { 400, "{}", 502, "server returned HTTP 400" },
        { 404, "", 502, "server returned HTTP 404" },
        { 500, "", 502, "server returned HTTP 500" },
        { 200, "<html>", 502, "it is not JSON" },
        { 200, "{}", 502, "PE_DEFINITION" },
        { 200, "{\"id\":\"\",\"input_descriptors\":null}", 502, "PE_DEFINITION" },
        { 200,
          PD("p", "{\"path\":[\"$.type\"],\"filter\":{\"type\":\"string\",\"pattern\":"
                  "\"(\"}}"),
          502, "PE_DEFINITION" },
        { 200, PD("p", TYPE("NobodyHasIt")), 412,
          "no credential for input descriptor 'd'" },
        { 200,
          "{\"id\":\"p\",\"format\":{\"ldp_vc\":{\"proof_type\":[\"JsonWebSignature2020\"]"
          "}},\"input_descriptors\":[{\"id\":\"d\",\"constraints\":{\"fields\":[" BY_ISSUER
          "]}}]}",
          412, "no credential" },
    };

    node_publish(W->n, OTHER_META, META(METHODS));
    for (size_t i = 0; i < COUNT(rows); i++) {
        node_publish(W->n, OTHER_PD, rows[i].text)->status = rows[i].http;
        expect(ask(W, OTHER), rows[i].status, rows[i].part);
    }
    node_publish(W->n, OTHER_PD, "")->fails = ERR_UPSTREAM;
    expect(ask(W, OTHER), 502, NULL);
}

/* A stranger's pattern costs no more than its budget (11 B22). */
static void
patterns_of_others(void **state)
{
    int64_t from = os_tick_ms();

    node_publish(W->n, OTHER_META, META(METHODS));
    node_publish(W->n, OTHER_PD,
                 PD("p",
                    "{\"path\":[\"$.issuer\"],\"filter\":{\"type\":\"string\",\"pattern\":"
                    "\"^(([a-z:.])+.)+[A-Z]([a-z])+$\"}}"));
    assert_true(reply_status(ask(W, OTHER)) >= 400);
    assert_true(os_tick_ms() - from < 5000);
}

static void
tokens_of_others(void **state)
{
    static const struct {
        int http;
        const char *text;
        int status;
        const char *part;
    } rows[] = {
        { 400, "{\"error\":\"invalid_scope\",\"error_description\":\"no\\nsuch\"}", 400,
          "\"detail\":\"invalid_scope - no.such\"" },
        { 400, "<html>", 400, "the token endpoint answered HTTP 400" },
        { 401, "{\"error\":5}", 400, "HTTP 401" },
        { 302, "", 400, "HTTP 302" },
        { 500, "{\"error\":\"server_error\"}", 502, "HTTP 500" },
        { 200, "<html>", 502, "no access_token" },
        { 200, "{}", 502, "no access_token" },
        { 200, "{\"access_token\":\"\",\"token_type\":\"DPoP\"}", 502, "no access_token" },
        { 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", 502,
          "of the type asked" },
        { 200, "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"DPoP\"}", 502,
          "no access_token" },
        { 200, "{\"access_token\":\"a b\",\"token_type\":\"DPoP\"}", 502,
          "no access_token" },
    };

    node_publish(W->n, OTHER_META, META(METHODS));
    node_publish(W->n, OTHER_PD, PD_ORG);
    for (size_t i = 0; i < COUNT(rows); i++) {
        node_publish(W->n, OTHER_AS "/token", rows[i].text)->status = rows[i].http;
        expect(ask(W, OTHER), rows[i].status, rows[i].part);
    }
    node_publish(W->n, OTHER_AS "/token", "")->fails = ERR_UPSTREAM;
    expect(ask(W, OTHER), 400, NULL);
    /* without expires_in, or with nonsense, it is not kept */
    node_publish(W->n, OTHER_AS "/token",
                 "{\"access_token\":\"a\",\"token_type\":\"dpop\","
                 "\"expires_in\":99999999999}");
    expect(ask(W, OTHER), 200,
           "\"expires_in\":0,\"scope\":\"test\",\"token_type\":\"DPoP\"");
    node_publish(W->n, OTHER_AS "/token",
                 "{\"access_token\":\"b\",\"token_type\":\"DPoP\",\"scope\":\"less\"}");
    expect(ask(W, OTHER), 200, "\"access_token\":\"b\"");
    expect(ask(W, OTHER), 200, "\"scope\":\"less\"");
}

static struct str
sent(struct world *w, const char *name)
{
    struct str rest = sent_body, pair, value = S("");

    while (rest.n != 0) {
        pair = str_cut(&rest, '&');
        if (str_is(str_cut(&pair, '='), name))
            assert_int_equal(percent_decode(CX_OF(w), pair, true, &value), ERR_OK);
    }
    return value;
}

/* What is sent, as real nodes read it (0.2, 0.4, 0.5, 3.5, 3.6). */
static void
what_is_sent(void **state)
{
    int64_t now = CX->now_ms;
    struct vp_raw vp;
    struct oauth_dpop proof = { .method = S("POST"), .url = S(OTHER_AS "/token") };
    struct str nonce;

    node_publish(W->n, OTHER_META, META(METHODS));
    node_publish(W->n, OTHER_PD, PD_ORG);
    node_publish(W->n, OTHER_AS "/token",
                 "{\"access_token\":\"a\",\"token_type\":\"DPoP\"}");
    expect(ask(W, OTHER), 200, NULL);
    assert_true(str_is(sent(W, "grant_type"), "vp_token-bearer"));
    assert_true(str_is(sent(W, "client_id"), NODE_URL "/oauth2/gp"));
    assert_true(str_is(sent(W, "scope"), "test"));
    assert_true(str_has(sent(W, "presentation_submission"),
                        "\"definition_id\":\"pd_org\",\"descriptor_map\":[{\"id\":\"d\","
                        "\"format\":\"jwt_vc\",\"path\":\"$.verifiableCredential\"}]"));
    assert_int_equal(vp_parse(CX, sent(W, "assertion"), &vp), ERR_OK);
    assert_true(str_eq(vp.jwt.kid, gp.kid) && str_is(vp.jwt.alg, "ES256"));
    assert_true(str_eq(vp.jwt.iss, gp.did) && str_eq(vp.jwt.sub, gp.did));
    assert_true(json_size(json_get(vp.jwt.claims, "aud")) == 1 &&
                vp_has_audience(&vp, S(OTHER_AS)));
    /* real nodes know no skew: from a second ago, for five */
    assert_true(vp.jwt.nbf.ms / 1000 <= now / 1000 - 1 && vp.jwt.nbf.ms >= now - 2000);
    assert_int_equal(vp.jwt.exp.ms - vp.jwt.nbf.ms, 5000);
    assert_int_equal(vp.nonce.n, 43);
    nonce = vp.nonce;
    /* one credential stands alone */
    assert_int_equal(json_type(json_get(vp.body, "verifiableCredential")), JSON_STRING);
    proof.proof = sent_proof;
    assert_int_equal(oauth_dpop_check(CX, &proof, NULL), ERR_OK);
    expect(ask(W, OTHER), 200, NULL);
    assert_int_equal(vp_parse(CX, sent(W, "assertion"), &vp), ERR_OK);
    assert_false(str_eq(vp.nonce, nonce));
    assert_int_equal(oauth_dpop_check(CX, &proof, NULL), ERR_DPOP); /* the one before */
}

/* Metadata and definitions are kept as long as they may be, and no longer than the option.
 */
static void
answers_are_kept(void **state)
{
    int asked;

    node_publish(W->n, OTHER_META, META(METHODS))->max_age_ms = 3600000;
    node_publish(W->n, OTHER_PD, PD("p", TYPE("NobodyHasIt")))->max_age_ms = 60000;
    expect(ask(W, OTHER), 412, NULL);
    asked = W->n->asked;
    expect(ask(W, OTHER), 412, NULL);
    assert_int_equal(W->n->asked, asked);
    node_set_time(W->n, CX->now_ms + 60000);
    expect(ask(W, OTHER), 412, NULL);
    assert_int_equal(W->n->asked, asked + 1); /* the definition alone */
    node_set_time(W->n, CX->now_ms + 300000);
    expect(ask(W, OTHER), 412, NULL);
    assert_int_equal(W->n->asked, asked + 4); /* oauth.remote_cache; and the issuer's DID */
}

static void
faults(void **state)
{
    node_survives(W->n, "POST", REQUEST, WANT(""), 200);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(with_dpop),
        T(as_bearer),
        T(for_a_person),
        T(in_an_order_that_holds),
        T(tokens_are_kept),
        T(a_changed_wallet_asks_anew),
        T(no_cache_asks_anew),
        T(requests_that_are_wrong),
        T(metadata_of_others),
        T(definitions_of_others),
        T(patterns_of_others),
        T(tokens_of_others),
        T(what_is_sent),
        T(answers_are_kept),
        T(faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
