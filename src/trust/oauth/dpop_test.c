/*
 * dpop_test.c - proofs of possession: read, used up, made; URLs in one form. EUPL-1.2.
 */
#include "trust/oauth/oauth_kit.h"

#define W     ((struct world *)*state)
#define CX    (&W->n->t.cx)
#define HTU   "https://node.example.org/fhir/Patient"
#define TOKEN "token-1"

static int
setup(void **state)
{
    *state = world_open();
    return 0;
}

static int
teardown(void **state)
{
    world_close(W);
    return 0;
}

/* The usual claims of a proof for a resource, with one put differently. */
static struct str
claims(struct world *w, const char *name, const char *value)
{
    struct str hash;
    struct buf b;
    struct str out;
    bool put = name == NULL;

    assert_int_equal(oauth__hash(&w->n->t.cx, S(TOKEN), &hash), ERR_OK);
    const struct {
        const char *name;
        struct str value;
    } usual[] = {
        { "htm", S("\"GET\"") },
        { "htu", S("\"" HTU "\"") },
        { "iat", world_text(w, "%lld", (long long)w->n->t.cx.now_ms / 1000) },
        { "jti", world_text(w, "\"j-%d\"", ++w->count) },
        { "ath", world_text(w, "\"%.*s\"", STR(hash)) },
    };

    buf_init(&b, &w->n->t.arena);
    for (size_t i = 0; i < COUNT(usual); i++) {
        bool is = name != NULL && strcmp(name, usual[i].name) == 0;

        put = put || is;
        if (is && value == NULL)
            continue;
        buf_printf(&b, "%s\"%s\":", b.n ? "," : "{", usual[i].name);
        buf_str(&b, is ? str_of(value) : usual[i].value);
    }
    if (!put)
        buf_printf(&b, ",\"%s\":%s", name, value);
    buf_c(&b, '}');
    assert_int_equal(buf_done(&w->n->t.cx, &b, &out), ERR_OK);
    return out;
}

static struct oauth_dpop
about(struct world *w, struct str proof)
{
    struct oauth_dpop in = { proof, S("GET"), S(HTU), S(TOKEN), { NULL, 0 } };

    assert_int_equal(jwk_thumbprint(&w->n->t.cx, w->holder, &in.jkt), ERR_OK);
    return in;
}

/* Is not taken, for this reason; and is not used up by that. */
static void
refuses(struct world *w, const struct oauth_dpop *in, const char *reason)
{
    struct str jkt = S("left over");

    assert_int_equal(oauth_dpop_check(&w->n->t.cx, in, &jkt), ERR_DPOP);
    if (!str_has(w->n->t.cx.reason, reason))
        fail_msg("wanted %s, got %.*s", reason, STR(w->n->t.cx.reason));
    assert_int_equal(jkt.n, 0);
}

/* --- reading ------------------------------------------------------------------------ */

static void
claims_that_are_wrong(void **state)
{
    long long now = (long long)CX->now_ms / 1000;
    const struct {
        const char *name, *value, *reason;
    } rows[] = {
        { "htm", NULL, "missing htm" },
        { "htm", "\"\"", "missing htm" },
        { "htm", "5", "missing htm" },
        { "htm", "\"POST\"", "method mismatch, token: POST, given: GET" },
        { "htm", "\"get\"", "method mismatch, token: get, given: GET" },
        { "htu", NULL, "missing htu" },
        { "htu", "[\"" HTU "\"]", "missing htu" },
        { "htu", "\"" HTU "/1\"", "url mismatch, token: " HTU "/1, given: " HTU },
        { "htu", "\"http://node.example.org/fhir/Patient\"", "url mismatch" },
        { "htu", "\"https://node.example.org:8443/fhir/Patient\"", "url mismatch" },
        { "htu", "\"https://node.example.org/fhir/patient\"", "url mismatch" },
        { "htu", "\"node.example.org/fhir/Patient\"", "url mismatch" },
        { "htu", "\"https://%zz/\"", "url mismatch" },
        { "htu", "\"https://a b/\"", "url mismatch, token: (unreadable)" },
        { "iat", NULL, "missing iat" },
        { "iat", "\"1767225600\"", "missing iat" },
        { "iat", world_text(W, "%lld", now - 61).p, "\"iat\" not satisfied" },
        { "iat", world_text(W, "%lld", now + 61).p, "\"iat\" not satisfied" },
        { "iat", world_text(W, "%lld", now - 86400).p, "\"iat\" not satisfied" },
        { "exp", world_text(W, "%lld", now).p, "\"exp\"" },
        { "nbf", world_text(W, "%lld", now + 61).p, "\"nbf\"" },
        { "jti", NULL, "missing jti" },
        { "jti", "\"\"", "missing jti" },
        { "jti", world_text(W, "\"%0257d\"", 1).p, "the jti is too long" },
        { "ath", NULL, "missing ath claim" },
        { "ath", "\"x\"", "ath/token claim mismatch" },
        { "ath", "5", "ath is no text" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct oauth_dpop in =
            about(W, world_proof(W, NULL, claims(W, rows[i].name, rows[i].value).p));

        refuses(W, &in, rows[i].reason);
    }
}

static void
headers_that_are_wrong(void **state)
{
    struct str jwk, private_jwk;
    struct oauth_dpop in;
    static const char *const proofs[] = { "", "zzz", "a.b", "a.b.c", "{}", "..", "a..c" };

    assert_int_equal(jwk_text(CX, W->holder, S(""), &jwk), ERR_OK);
    for (size_t i = 0; i < COUNT(proofs); i++) {
        in = about(W, str_of(proofs[i]));
        refuses(W, &in, "failed to parse DPoP header: invalid DPoP token");
    }
    private_jwk = world_text(W, "%.*s,\"d\":\"AAAA\"}", (int)jwk.n - 1, jwk.p);
    const struct {
        struct str header;
        const char *reason;
    } rows[] = {
        { world_text(W, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"jwk\":%.*s}", STR(jwk)),
          "typ is not dpop+jwt" },
        { world_text(W, "{\"alg\":\"ES256\",\"jwk\":%.*s}", STR(jwk)), "typ" },
        { world_text(W, "{\"alg\":\"ES256\",\"typ\":\"DPoP+JWT\",\"jwk\":%.*s}", STR(jwk)),
          "typ" },
        { S("{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}"), "there is no jwk" },
        { S("{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":\"x\"}"), "there is no jwk" },
        { S("{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}"
            "}"),
          "the jwk is no public key" },
        { world_text(W, "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":%.*s}",
                     STR(private_jwk)),
          "the jwk is no public key" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        in = about(W, world_proof(W, rows[i].header.p, claims(W, NULL, NULL).p));
        refuses(W, &in, rows[i].reason);
    }
}

/* Signed by another key than the one in its header; a key of another. */
static void
keys_that_are_wrong(void **state)
{
    struct str proof = world_proof(W, NULL, claims(W, NULL, NULL).p);
    struct oauth_dpop in = about(W, proof);
    char *p = arena_z(CX->arena, proof);

    assert_non_null(p);
    p[proof.n - 8] = p[proof.n - 8] == 'A' ? 'B' : 'A';
    in.proof = str_of(p);
    refuses(W, &in, "its signature does not verify");
    in = about(W, proof);
    in.jkt = S("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    refuses(W, &in, "jkt mismatch");
    in = about(W, proof);
    in.token = S("token-2");
    refuses(W, &in, "ath/token claim mismatch");
    in = about(W, proof);
    in.method = S("DELETE");
    refuses(W, &in, "method mismatch");
    in = about(W, proof);
    in.url = S("nope");
    refuses(W, &in, "url mismatch");
    in = about(W, proof); /* none of these used it up */
    assert_int_equal(oauth_dpop_check(CX, &in, NULL), ERR_OK);
}

static void
once(void **state)
{
    struct str same = claims(W, "jti", "\"once\"");
    struct oauth_dpop in = about(W, world_proof(W, NULL, same.p));
    struct str jkt, print;
    struct key *first = W->holder;

    assert_int_equal(jwk_thumbprint(CX, W->holder, &print), ERR_OK);
    assert_int_equal(oauth_dpop_check(CX, &in, &jkt), ERR_OK);
    assert_true(str_eq(jkt, print));
    refuses(W, &in, "jti already used");
    in = about(W, world_proof(W, NULL, same.p)); /* signed anew: the same jti */
    refuses(W, &in, "jti already used");
    /* another key's jti is another: nobody uses up what is not his */
    assert_int_equal(key_generate(CX, KEY_P256, &W->holder), ERR_OK);
    in = about(W, world_proof(W, NULL, same.p));
    assert_int_equal(oauth_dpop_check(CX, &in, NULL), ERR_OK);
    key_drop(&W->holder);
    W->holder = first;
    /* as long as it would be taken, it is remembered */
    node_set_time(W->n, CX->now_ms + 60000);
    in = about(W, world_proof(W, NULL, same.p));
    refuses(W, &in, "jti already used");
}

/* Of different requests: each is refused for itself, and the same proof is one's. */
static void
several(void **state)
{
    static const err_t wanted[] = { ERR_OK, ERR_DPOP, ERR_DPOP, ERR_OK, ERR_DPOP };
    static const char *const reasons[] = { "", "method mismatch", "jti already used", "",
                                           "jti already used" };
    struct str same = world_proof(W, NULL, claims(W, NULL, NULL).p),
               other = world_proof(W, NULL, claims(W, NULL, NULL).p),
               old = world_proof(W, NULL, claims(W, NULL, NULL).p);
    struct oauth_dpop first = about(W, old);
    struct oauth_dpop_one list[5];
    struct ctx cx[5];
    struct arena arena[5];

    assert_int_equal(oauth_dpop_check(CX, &first, NULL), ERR_OK);
    for (size_t i = 0; i < COUNT(list); i++) {
        arena_init(&arena[i], 1 << 20);
        cx[i] = *CX;
        cx[i].arena = &arena[i];
        list[i] = (struct oauth_dpop_one){ &cx[i],
                                           about(W, i == 3   ? other
                                                    : i == 4 ? old
                                                             : same),
                                           ERR_INTERNAL };
    }
    list[1].in.method = S("DELETE"); /* before its twin: it uses up nothing */
    oauth_dpop_check_all(list, 0);
    oauth_dpop_check_all(list, COUNT(list));
    for (size_t i = 0; i < COUNT(list); i++) {
        assert_int_equal(list[i].e, wanted[i]);
        if (wanted[i] != ERR_OK && !str_has(cx[i].reason, reasons[i]))
            fail_msg("%zu: wanted %s, got %.*s", i, reasons[i], STR(cx[i].reason));
    }
    for (size_t i = 0; i < COUNT(list); i++)
        arena_fini(&arena[i]);
    first = about(W, other);
    refuses(W, &first, "jti already used");
}

static void
the_window_is_an_option(void **state)
{
    long long now = (long long)CX->now_ms / 1000;
    struct oauth_dpop in;

    in = about(W,
               world_proof(W, NULL, claims(W, "iat", world_text(W, "%lld", now - 60).p).p));
    assert_int_equal(oauth_dpop_check(CX, &in, NULL), ERR_OK);
    W->n->conf->oauth_dpop_window = 5000;
    in = about(W,
               world_proof(W, NULL, claims(W, "iat", world_text(W, "%lld", now - 6).p).p));
    refuses(W, &in, "\"iat\" not satisfied");
}

/* --- URLs --------------------------------------------------------------------------- */

static void
urls(void **state)
{
    static const struct {
        const char *url;
        bool loose;
        const char *form; /* NULL: none */
    } rows[] = {
        { "https://h/a", false, "https://h/a" },
        { "HTTPS://H/A", false, "https://h/A" },
        { "https://h:443/a", false, "https://h/a" },
        { "http://h:80/a", false, "http://h/a" },
        { "https://h:8443/a?x#y", false, "https://h:8443/a" },
        { "https://h", false, "https://h/" },
        { "https://h?x", false, "https://h/" },
        { "https://h/a?u=https://x/", false, "https://h/a" },
        { "https://[::1]:8443/a", false, "https://[::1]:8443/a" },
        { "https://h:/a", false, "https://h/a" },
        { "h/a", false, NULL },
        { "//h/a", false, NULL },
        { "ftp://h/a", false, NULL },
        { "https://", false, NULL },
        { "https:///a", false, NULL },
        { "https://u@h/a", false, NULL },
        { "https://h:x/a", false, NULL },
        { "https://h:99999/a", false, NULL },
        { "https://[::1/a", false, NULL },
        { "https://%zz/", false, NULL },
        { "https://h/ a", false, NULL },
        { "", false, NULL },
        /* nuts-node.md 0.10: what a PEP knows */
        { "nodea/resource", true, "https://nodea/resource" },
        { "nodea:443/resource", true, "https://nodea/resource" },
        { "127.0.0.1:443/x", true, "https://127.0.0.1/x" },
        { "//nodea/resource", true, "https://nodea/resource" },
        { "http://nodea/resource", true, "https://nodea/resource" },
        { "https://nodea:8443/resource?x#y", true, "https://nodea/resource" },
        { "nodea", true, "https://nodea/" },
        { "https://%zz/", true, NULL },
        { "/resource", true, NULL },
        { "?", true, NULL },
        { "://", true, NULL },
        { "", true, NULL },
    };
    struct str out;

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool read = oauth__url(CX, str_of(rows[i].url), rows[i].loose, &out);

        if (read != (rows[i].form != NULL) || (read && !str_is(out, rows[i].form)))
            fail_msg("%s: %.*s", rows[i].url, STR(out));
    }
}

/* --- the routes (nuts-node.md 2.3) -------------------------------------------------- */

#define VALIDATE "/internal/auth/v2/dpop/validate"

static struct str
validate(struct world *w, struct str proof, const char *name, const char *value)
{
    struct str jkt;
    struct buf b;
    struct str body;

    assert_int_equal(jwk_thumbprint(&w->n->t.cx, w->holder, &jkt), ERR_OK);
    const struct {
        const char *name;
        struct str value;
    } usual[] = { { "dpop_proof", proof },
                  { "method", S("GET") },
                  { "url", S("node.example.org:8443/fhir/Patient?x=1") },
                  { "thumbprint", jkt },
                  { "token", S(TOKEN) } };

    buf_init(&b, &w->n->t.arena);
    for (size_t i = 0; i < COUNT(usual); i++) {
        bool is = name != NULL && strcmp(name, usual[i].name) == 0;

        if (is && value == NULL)
            continue;
        buf_printf(&b, "%s\"%s\":\"", b.n ? "," : "{", usual[i].name);
        buf_str(&b, is ? str_of(value) : usual[i].value);
        buf_c(&b, '"');
    }
    buf_c(&b, '}');
    assert_int_equal(buf_done(&w->n->t.cx, &b, &body), ERR_OK);
    return node_ask(w->n, "POST", VALIDATE, body.p);
}

static void
validates(void **state)
{
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {
        { "thumbprint", "x", "{\"reason\":\"jkt mismatch\",\"valid\":false}" },
        { "thumbprint", NULL, "jkt mismatch" },
        { "method", "POST", "{\"reason\":\"method mismatch, token: GET, given: POST\"" },
        { "method", NULL, "method mismatch, token: GET, given: \"" },
        { "url", "https://nodea/other",
          "url mismatch, token: " HTU ", given: https://nodea/other" },
        { "url", "https://%zz/", "url mismatch" },
        { "url", "", "url mismatch" },
        { "url", NULL, "url mismatch" },
        { "token", "zzz", "{\"reason\":\"ath/token claim mismatch\",\"valid\":false}" },
        { "token", NULL, "ath/token claim mismatch" },
        { "dpop_proof", "zzz", "failed to parse DPoP header: invalid DPoP token" },
        { "dpop_proof", NULL, "failed to parse DPoP header: invalid DPoP token" },
    };
    struct str proof = world_proof(W, NULL, claims(W, NULL, NULL).p);

    for (size_t i = 0; i < COUNT(rows); i++)
        expect(validate(W, proof, rows[i].name, rows[i].value), 200, rows[i].reason);
    expect(validate(W, world_proof(W, NULL, claims(W, "ath", NULL).p), NULL, NULL), 200,
           "{\"reason\":\"missing ath claim\",\"valid\":false}");
    expect(validate(W, proof, NULL, NULL), 200, "{\"valid\":true}");
    expect(validate(W, proof, NULL, NULL), 200,
           "{\"reason\":\"jti already used\",\"valid\":false}");
    expect(node_ask(W->n, "POST", VALIDATE, "{}"), 200, "\"valid\":false");
    expect(node_ask(W->n, "POST", VALIDATE, "[]"), 400, NULL);
    expect(node_ask(W->n, "POST", VALIDATE, "{"), 400, NULL);
    expect(node_ask(W->n, "POST", VALIDATE, NULL), 415, NULL);
}

static void
makes(void **state)
{
    struct did_subject s;
    struct str path, proof;
    const json *v;
    struct oauth_dpop in = { { NULL, 0 }, S("GET"), S(HTU), S(TOKEN), { NULL, 0 } };

    assert_int_equal(did_subject_find(CX, S("hospital"), &s), ERR_OK);
    path = world_text(W, "/internal/auth/v2/dpop/%.*s%%23%.*s", STR(s.did),
                      (int)(s.kid.n - s.did.n - 1), s.kid.p + s.did.n + 1);
    v = expect_json(W->n,
                    node_ask(W->n, "POST", path.p,
                             "{\"htm\":\"GET\",\"htu\":\"" HTU "?x=1#f\",\"token\":\"" TOKEN
                             "\"}"),
                    200);
    assert_int_equal(W->n->told.event, AUDIT_TOKEN_REQUESTED);
    proof = json_get_text(v, "dpop");
    in.proof = proof;
    assert_int_equal(oauth_dpop_check(CX, &in, NULL), ERR_OK);
    expect(node_ask(W->n, "POST", path.p, "{}"), 400, "\"detail\":\"missing method\"");
    expect(node_ask(W->n, "POST", path.p, "{\"htm\":\"GET\"}"), 400, "missing url");
    expect(node_ask(W->n, "POST", path.p, "{\"htm\":\"GET\",\"htu\":\"" HTU "\"}"), 400,
           "missing token");
    expect(node_ask(W->n, "POST", path.p,
                    "{\"htm\":\"GET\",\"htu\":\"nope\",\"token\":\"" TOKEN "\"}"),
           400, "CreateDPoPProof failed");
    expect(node_ask(W->n, "POST", "/internal/auth/v2/dpop/nope",
                    "{\"htm\":\"GET\",\"htu\":\"" HTU "\",\"token\":\"" TOKEN "\"}"),
           404, "CreateDPoPProof failed");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(claims_that_are_wrong),
        T(headers_that_are_wrong),
        T(keys_that_are_wrong),
        T(once),
        T(several),
        T(the_window_is_an_option),
        T(urls),
        T(validates),
        T(makes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
