/*
 * grant_test.c - the token endpoint: every refusal of nuts-node.md 3.5, of 7 and of 11,
 * with its code, its words, its event, and nothing kept; then tokens. EUPL-1.2.
 */
#include "trust/oauth/oauth_kit.h"

#include <pthread.h>

#define W  ((struct world *)*state)
#define CX (&W->n->t.cx)

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

/* Was the nonce of the request before used up? */
static bool
is_burned(struct world *w, const char *nonce)
{
    struct str hash;
    bool taken;

    assert_int_equal(oauth__hash(&w->n->t.cx, str_of(nonce), &hash), ERR_OK);
    assert_int_equal(store_was_taken(&w->n->t.cx, "vp", hash, &taken), ERR_OK);
    return taken;
}

/* OAuth error in JSON, kept by nobody; an event with code and reason; no token. */
static void
refuses(struct world *w, const struct words *q, err_t code)
{
    struct str reply = world_ask(w, q);
    const json *body;

    if (!str_is(w->n->told.code, err_row(code)->name))
        fail_msg("wanted %s, got %.*s: %.*s\n%.*s", err_row(code)->name,
                 STR(w->n->told.code), STR(w->n->told.reason),
                 (int)(reply.n < 1500 ? reply.n : 1500), reply.p);
    assert_int_equal(w->n->told_count, 1);
    assert_int_equal(w->n->told.event, AUDIT_TOKEN_REFUSED);
    assert_int_equal(w->n->told.outcome, AUDIT_DENIED);
    assert_true(w->n->told.reason.n > 0);
    assert_true(w->n->told.clause.n > 0);
    body = expect_json(w->n, reply, 400);
    assert_true(json_is(json_get(body, "error"), err_row(code)->oauth));
    assert_true(json_is(json_get(body, "error_description"), err_row(code)->text));
    assert_int_equal(json_size(body), 2);
    assert_true(str_has(reply, "Cache-Control: no-store"));
    assert_int_equal(world_kept(w), 0);
}
#define REFUSES(code, ...) refuses(W, &(struct words){ __VA_ARGS__ }, (code))

/* --- 1 to 5 ------------------------------------------------------------------------- */

static void
form(void **state)
{
    static const char *const members[] = { "client_id", "scope", "assertion",
                                           "presentation_submission" };
    struct str vp;

    REFUSES(ERR_SUBJECT_UNKNOWN, .subject = "nobody");
    REFUSES(ERR_OAUTH_GRANT, .grant = "authorization_code");
    REFUSES(ERR_OAUTH_GRANT, .grant = "");
    REFUSES(ERR_OAUTH_GRANT, .without = "grant_type");
    for (size_t i = 0; i < COUNT(members); i++)
        REFUSES(ERR_OAUTH_MISSING, .without = members[i]);
    REFUSES(ERR_OAUTH_MISSING, .assertion = "");
    REFUSES(ERR_BAD_REQUEST, .more = "&scope=test"); /* RFC 6749 3.2: once */
    vp = words_vp(W, &(struct words){ 0 });
    REFUSES(ERR_BAD_REQUEST, .more = world_text(W, "&assertion=%.*s", STR(vp)).p);
}

static void
assertion(void **state)
{
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "x");
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "a.b.c");
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "[]");
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "[\"a.b.c\",\"a.b.c\"]");
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "[5]");
    REFUSES(ERR_OAUTH_ASSERTION, .assertion = "[");
    REFUSES(ERR_OAUTH_ASSERTION,
            .assertion = W->vc.p); /* a credential is no presentation */
    REFUSES(ERR_OAUTH_ASSERTION, .name = "vp", .value = NULL);
    REFUSES(ERR_OAUTH_ASSERTION, .name = "vp", .value = "5");
    REFUSES(ERR_OAUTH_ASSERTION, .name = "exp", .value = "\"soon\"");
    REFUSES(ERR_VC_KID, .header = "{\"alg\":\"ES256\",\"typ\":\"JWT\"}");
    /* linked data is told as such */
    REFUSES(ERR_OAUTH_LDP,
            .assertion = "{\"type\":\"VerifiablePresentation\",\"proof\":{}}");
    REFUSES(ERR_OAUTH_LDP, .assertion = "[{\"proof\":{}}]");
    REFUSES(ERR_OAUTH_LDP, .credentials = "{\"proof\":{}}");
}

static void
submission(void **state)
{
    static const char *const bad[] = {
        "x",
        "[]",
        "{}",
        "{\"id\":\"s\",\"definition_id\":\"pd_org\"}",
        "{\"id\":\"\",\"definition_id\":\"pd_org\",\"descriptor_map\":[]}",
        "{\"id\":\"s\",\"definition_id\":5,\"descriptor_map\":[]}",
        "{\"id\":\"s\",\"definition_id\":\"pd_org\",\"descriptor_map\":[{\"id\":\"d\"}]}",
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        REFUSES(ERR_PE_SUBMISSION, .submission = bad[i]);
}

/* --- 6 to 8 ------------------------------------------------------------------------- */

static void
lifetime(void **state)
{
    double now = (double)CX->now_ms / 1000;

    REFUSES(ERR_VP_DATES, .name = "exp", .value = NULL);
    REFUSES(ERR_VP_DATES, .name = "nbf", .value = NULL);
    REFUSES(ERR_VP_LIFETIME, .name = "exp", .value = world_text(W, "%.3f", now + 4.001).p);
    REFUSES(ERR_VP_LIFETIME, .name = "exp", .value = world_text(W, "%.0f", now + 3600).p);
    REFUSES(ERR_VP_LIFETIME, .name = "nbf", .value = world_text(W, "%.3f", now - 1.001).p);
    REFUSES(ERR_VP_LIFETIME, .name = "iat", .value = world_text(W, "%.3f", now - 60).p);
    REFUSES(ERR_VP_TIME, .name = "exp",
            .value = world_text(W, "%.3f", now - 1).p); /* as long as nothing */
    REFUSES(ERR_VP_LIFETIME, .name = "exp", .value = "1e300");
    W->n->conf->oauth_presentation_max = 2000;
    REFUSES(ERR_VP_LIFETIME, .name = NULL);
}

static void
signer(void **state)
{
    struct peer other;

    peer_new(W->n, "did:web:client.example.net:iam:2", &other);
    REFUSES(ERR_VP_SUBJECT, .signer = &other);
    REFUSES(ERR_VP_SUBJECT,
            .credentials = world_text(W, "[\"%.*s\",\"%.*s\"]", STR(W->vc),
                                      STR(world_vc(W, "did:web:other.example.net", NULL)))
                               .p);
    REFUSES(ERR_VP_SUBJECT, .header = "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"x\"}");
    /* about nobody is not about the presenter */
    REFUSES(ERR_VP_SUBJECT,
            .credentials =
                "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"type\":"
                "[\"VerifiableCredential\",\"NutsEmployeeCredential\"],\"issuer\":\"" CLIENT
                "\",\"issuanceDate\":\"2026-01-01T00:00:00Z\",\"credentialSubject\":{}}");
    peer_end(&other);
}

static void
audience(void **state)
{
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = NULL);
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "\"" NODE_URL "\"");
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "\"" AS "/\"");
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "\"" AS "/token\"");
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "[\"" NODE_URL "/oauth2/gp\"]");
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "[]");
    REFUSES(ERR_VP_AUDIENCE, .name = "aud", .value = "{\"" AS "\":1}");
}

/* --- client_id (11 B3) -------------------------------------------------------------- */

static void
client(void **state)
{
    static const char *const foreign[] = {
        "https://x.example.net/oauth2/care",
        "https://client.example.net/base/oauth2/care",
        "https://client.example.net:444/oauth2/care",
        "https://client.example.net/oauth2/",
        "https://client.example.net/care",
        "http://client.example.net/oauth2/care",
        "https://client.example.net.evil.nl/oauth2/care",
        "x",
        CLIENT,
        "https://client.example.net@evil.nl/oauth2/care",
        "https://client.example.net/oauth2/care?x",
        "https://client.example.net/oauth2/care#",
        "https://client.example.net/../oauth2/care",
    };
    static struct str exceptions[] = {
        S_INIT("did:web:x=y"), S_INIT(CLIENT "=https://agent.example.net/oauth2/a")
    };

    for (size_t i = 0; i < COUNT(foreign); i++)
        REFUSES(ERR_OAUTH_CLIENT, .client_id = foreign[i]);
    REFUSES(ERR_OAUTH_CLIENT, .client_id = "https://agent.example.net/oauth2/a");
    W->n->conf->oauth_client_exceptions = (struct conf_list){ exceptions, 2 };
    REFUSES(ERR_OAUTH_CLIENT, .client_id = "https://agent.example.net/oauth2/b");
    expect(
        world_ask(W, &(struct words){ .client_id = "https://agent.example.net/oauth2/a" }),
        200, NULL);
}

static void
client_of_a_did(void **state)
{
    static const struct {
        const char *client_id, *did;
        bool good;
    } rows[] = {
        { "https://h.nl/oauth2/a", "did:web:h.nl:iam:1", true },
        { "https://h.nl/oauth2/a", "did:web:h.nl", true },
        { "https://h.nl:8443/oauth2/a", "did:web:h.nl%3A8443:iam:1", true },
        { "https://h.nl/nuts/oauth2/a", "did:web:h.nl:nuts:iam:1", true },
        { "https://H.nl/oauth2/a", "did:web:h.nl:iam:1", true },
        { "https://h.nl/oauth2/a", "did:web:h.nl:nuts:iam:1", false },
        { "https://h.nl/nuts/oauth2/a", "did:web:h.nl:iam:1", false },
        { "https://h.nl/oauth2/a", "did:web:h.nl%3A8443:iam:1", false },
        { "https://h.nl/oauth2/a", "did:web:h.nlx:iam:1", false },
        { "https://h.nl/oauth2/a", "did:web:h.nl:iamx:1", false },
        { "https://h.nl/oauth2/a", "did:web:h.nl:iam:", false },
        { "https://h.nl/oauth2/a", "did:web:h.nl:iam:1:2", false },
        { "https://h.nl/oauth2/a", "did:jwk:h.nl", false },
        { "https://h.nl/xoauth2/a", "did:web:h.nl:iam:1", false },
        { "", "did:web:h.nl", false },
        { "https://", "did:web:h.nl", false },
        { "https:///oauth2/a", "did:web:", false },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if ((oauth__client_check(CX, str_of(rows[i].client_id), str_of(rows[i].did)) ==
             ERR_OK) != rows[i].good)
            fail_msg("%s %s", rows[i].client_id, rows[i].did);
    W->n->conf->strictmode = false;
    assert_int_equal(oauth__client_check(CX, S("http://h.nl/oauth2/a"), S("did:web:h.nl")),
                     ERR_OK);
}

/* --- 9, 10: scope and definitions (11 B2, B21) -------------------------------------- */

static void
scope(void **state)
{
    static const char *const bad[] = {
        "zzz", "test zzz", "test clash",     " ",    "test  twin", " test", "test ",
        "own", "words",    "own words test", "Test", "test\ttwin"
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        REFUSES(ERR_OAUTH_SCOPE, .scope = bad[i]);
}

static void
definitions(void **state)
{
#define MAP(id, format, path)                                                              \
    "{\"id\":\"s\",\"definition_id\":\"pd_org\",\"descriptor_map\":[{\"id\":\"" id         \
    "\",\"format\":\"" format "\",\"path\":\"" path "\"}]}"
    static const char *const bad[] = {
        "{\"id\":\"s\",\"definition_id\":\"pd_org\",\"descriptor_map\":[]}",
        MAP("x", "jwt_vc", "$.verifiableCredential"),
        MAP("d", "ldp_vc", "$.verifiableCredential"),
        MAP("d", "jwt_vp", "$.verifiableCredential"),
        MAP("d", "jwt_vc", "$"),
        MAP("d", "jwt_vc", "$.verifiableCredential[0]"),
        MAP("d", "jwt_vc", "$..verifiableCredential"),
    };

    REFUSES(ERR_OAUTH_DEFINITION, .definition = "zzz");
    REFUSES(ERR_OAUTH_DEFINITION, .definition = "pd_user", .scope = "own words");
    for (size_t i = 0; i < COUNT(bad); i++)
        REFUSES(ERR_PE_CONFORM, .submission = bad[i]);
    /* array of one: only with [0] */
    REFUSES(ERR_PE_CONFORM, .credentials = world_text(W, "[\"%.*s\"]", STR(W->vc)).p);
    REFUSES(ERR_PE_CONFORM, .credentials = "[]"); /* nothing shown */
    REFUSES(ERR_PE_CONFORM, .credentials = EMPLOYEE);
}

/* The organization is never let out, the user not where the policy demands him. */
static void
every_definition(void **state)
{
    struct str both = world_text(W, "[\"%.*s\"," EMPLOYEE "]", STR(W->vc));
    static const char user[] =
        "{\"id\":\"s\",\"definition_id\":\"pd_user\",\"descriptor_map"
        "\":[{\"id\":\"d\",\"format\":\"ldp_vc\",\"path\":"
        "\"$.verifiableCredential%s\"}]}";

    REFUSES(ERR_OAUTH_ORGANIZATION, .credentials = EMPLOYEE,
            .submission = world_text(W, user, "").p);
    REFUSES(ERR_OAUTH_USER, .scope = "strict");
    expect(world_ask(W, &(struct words){ .credentials = both.p,
                                         .submission = world_text(W, user, "[1]").p }),
           200, NULL);
    expect(world_ask(W, &(struct words){ .credentials = both.p,
                                         .scope = "strict",
                                         .submission = MAP("d", "jwt_vc",
                                                           "$.verifiableCredential[0]") }),
           200, NULL);
    expect(world_ask(W, &(struct words){ .credentials = EMPLOYEE,
                                         .scope = "person",
                                         .submission = world_text(W, user, "").p }),
           200, NULL);
}

/* Who vouches is named in the definition: nobody vouches for himself (3.3). */
static void
who_vouches(void **state)
{
    struct peer other;
    struct str vc;

    REFUSES(
        ERR_PE_CONFORM,
        .credentials =
            "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"id\":\"" CLIENT
            "#1\",\"type\":[\"VerifiableCredential\",\"NutsOrganizationCredential\"],"
            "\"issuer\":\"" CLIENT "\",\"issuanceDate\":\"2026-01-01T00:00:00Z\","
            "\"credentialSubject\":{\"id\":\"" CLIENT
            "\",\"organization\":{\"name\":\"Care\",\"city\":\"Town\"}}}");
    /* said to be by the issuer, signed by the client: found at step 13 */
    peer_new(W->n, "did:web:evil.example.net", &other);
    vc = peer_sign(
        W->n, &other, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"" ISSUER "#k\"}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"" CLIENT "\",\"jti\":\"" ISSUER "#1\",\"nbf\":"
        "1767222000,\"exp\":1767300000,\"vc\":{\"@context\":[\"https://www.w3.org/2018/"
        "credentials/v1\",\"https://nuts.nl/credentials/v1\"],\"type\":["
        "\"NutsOrganizationCredential\",\"VerifiableCredential\"],\"credentialSubject\":[{"
        "\"id\":\"" CLIENT "\",\"organization\":{\"name\":\"Care\",\"city\":\"Town\"}}]}}");
    REFUSES(ERR_OAUTH_VERIFY, .credentials = world_text(W, "\"%.*s\"", STR(vc)).p);
    peer_end(&other);
}

/* A type-only filter does not let an array through of which no element fits (11 B21). */
static void
arrays_do_not_fall_through(void **state)
{
    static const char *const names[] = { "[]", "[1]", "{\"a\":1}", "5" };

    for (size_t i = 0; i < COUNT(names); i++) {
        struct str vc = peer_sign(
            W->n, &W->issuer, NULL,
            world_text(W,
                       "{\"iss\":\"" ISSUER "\",\"sub\":\"" CLIENT "\",\"jti\":\"" ISSUER
                       "#1\",\"nbf\":1767222000,\"exp\":1767300000,\"vc\":{\"@context\":["
                       "\"https://www.w3.org/2018/credentials/v1\",\"https://nuts.nl/"
                       "credentials/v1\"],\"type\":[\"NutsOrganizationCredential\","
                       "\"VerifiableCredential\"],\"credentialSubject\":[{\"id\":\"" CLIENT
                       "\",\"organization\":{\"name\":%s,\"city\":\"Town\"}}]}}",
                       names[i])
                .p);

        REFUSES(ERR_PE_CONFORM, .credentials = world_text(W, "\"%.*s\"", STR(vc)).p);
    }
}

/* --- 11: once (7.3, 11 B6) ---------------------------------------------------------- */

static void
nonce(void **state)
{
    struct str twice;
    struct str reply;

    REFUSES(ERR_VP_NONCE, .name = "nonce", .value = NULL);
    REFUSES(ERR_VP_NONCE, .name = "nonce", .value = "\"\"");
    REFUSES(ERR_VP_NONCE, .name = "nonce", .value = "5");
    REFUSES(ERR_VP_NONCE, .name = "nonce", .value = "[\"n\"]");
    REFUSES(ERR_VP_NONCE, .name = "nonce", .value = world_text(W, "\"%0600d\"", 7).p);
    twice = words_request(W, &(struct words){ .nonce = "twice" });
    expect(node_send(W->n, HTTP_DOOR_PUBLIC, twice), 200, NULL);
    reply = node_send(W->n, HTTP_DOOR_PUBLIC, twice);
    expect(reply, 400, "presentation nonce has already been used");
    assert_true(str_is(W->n->told.code, "VP_NONCE_USED"));
    /* another presentation with it, for another client's token: used is used */
    expect(world_ask(W, &(struct words){ .nonce = "twice", .scope = "twin" }), 400,
           "already been used");
    /* and after it has expired it is refused for its time */
    node_set_time(W->n, CX->now_ms + 70 * 1000);
    expect(node_send(W->n, HTTP_DOOR_PUBLIC, twice), 400, NULL);
    assert_true(str_is(W->n->told.code, "VP_NONCE_USED") ||
                str_is(W->n->told.code, "OAUTH_VERIFY_TIME"));
}

/* What is refused before step 11 has not used up its nonce; what is refused after has. */
static void
nonces_burn(void **state)
{
    REFUSES(ERR_OAUTH_SCOPE, .nonce = "early", .scope = "zzz");
    assert_false(is_burned(W, "early"));
    REFUSES(ERR_PE_CONFORM, .nonce = "early", .credentials = EMPLOYEE);
    assert_false(is_burned(W, "early"));
    REFUSES(ERR_DPOP, .nonce = "late", .dpop = "zzz");
    assert_true(is_burned(W, "late"));
    REFUSES(ERR_VP_NONCE_USED, .nonce = "late");
    REFUSES(ERR_OAUTH_VERIFY_TIME, .nonce = "later", .name = "exp",
            .value = "1767225599.5");
    assert_true(is_burned(W, "later"));
}

static int64_t
just_up(void)
{
    return 500;
}

/* What a power cut took from the store is not taken a second time. */
static void
from_before_the_machine_came_up(void **state)
{
    struct oauth__state *s = W->n->sys.state[ROOM_oauth];
    long long now = (long long)CX->now_ms / 1000;
    struct str proof = world_proof(W, NULL,
                                   world_text(W,
                                              "{\"htm\":\"POST\",\"htu\":\"" AS
                                              "/token\",\"iat\":%lld,\"jti\":\"b\"}",
                                              now - 1)
                                       .p);

    s->uptime_ms = just_up;
    REFUSES(ERR_VP_TIME, .nonce = "b"); /* its nbf is a second ago */
    REFUSES(ERR_DPOP, .dpop = proof.p, .name = "nbf",
            .value = world_text(W, "%lld", now).p);
    assert_true(str_has(W->n->told.reason, "before this machine came up"));
    s->uptime_ms = os_uptime_ms;
    expect(world_ask(W, &(struct words){ .dpop = proof.p }), 200, NULL);
}

/* Between two starts somebody takes away the file in which it stands what was used up. */
static void
lose_one_time_values(struct node *n)
{
    char url[128], path[128];

    store_close(n->sys.store);
    snprintf(url, sizeof(url), "sqlite://%s/k.db", n->dir);
    snprintf(path, sizeof(path), "%s/k.db-taken", n->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_open(&n->t.cx, str_of(url), &n->sys.store), ERR_OK);
}

/* A proof's clock may be a window ahead, and a presentation's five seconds. */
static void
from_before_one_time_values_were_lost(void **state)
{
    const int64_t lost = CX->now_ms;
    const char *proof = world_proof(W, NULL, NULL).p;

    lose_one_time_values(W->n);
    REFUSES(ERR_VP_TIME, .nonce = "b");
    node_set_time(W->n, lost + VC_SKEW_MS + 1000); /* its nbf is a second before */
    REFUSES(ERR_DPOP, .dpop = proof);
    assert_true(str_has(W->n->told.reason, "before this machine came up, or"));
    REFUSES(ERR_DPOP, .dpop = world_proof(W, NULL, NULL).p);
    node_set_time(W->n, lost + W->n->conf->oauth_dpop_window);
    expect(world_ask(W, &(struct words){ .dpop = world_proof(W, NULL, NULL).p }), 200,
           NULL);
}

struct racer {
    struct world *w;
    struct arena arena;
    struct ctx cx;
    struct oauth__asked asked;
    err_t e;
    struct oauth__given given;
};

static void *
race(void *arg)
{
    struct racer *r = arg;
    struct audit_record audit = { 0 };

    r->e = oauth__grant(&r->cx, &r->asked, &audit, &r->given);
    return NULL;
}

/* Two at once with one nonce, and with one proof: one gets a token (11 B6). */
static void
parallel(void **state)
{
    enum { RACERS = 8 };
    struct racer racer[RACERS];
    pthread_t thread[RACERS];
    struct str same = words_vp(W, &(struct words){ 0 }), proof = world_proof(W, NULL, NULL);

    for (int round = 0; round < 2; round++) {
        int won = 0;

        for (int i = 0; i < RACERS; i++) {
            arena_init(&racer[i].arena, 32u << 20);
            ctx_init(&racer[i].cx, &racer[i].arena, CX->now_ms);
            racer[i].cx.sys = CX->sys;
            racer[i].cx.conf = CX->conf;
            racer[i].asked = (struct oauth__asked){
                .subject = S("hospital"),
                .grant_type = S("vp_token-bearer"),
                .client_id = S(CLIENT_ID),
                .scope = S("test"),
                .assertion = round == 0 ? same : words_vp(W, &(struct words){ 0 }),
                .submission = S(MAP("d", "jwt_vc", "$.verifiableCredential")),
                .dpop = round == 0 ? (struct str){ NULL, 0 } : proof,
            };
        }
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
        for (int i = 0; i < RACERS; i++)
            pthread_join(thread[i], NULL); /* each, before one is found wanting */
        for (int i = 0; i < RACERS; i++) {
            won += racer[i].e == ERR_OK;
            if (racer[i].e != ERR_OK)
                assert_int_equal(racer[i].e, round == 0 ? ERR_VP_NONCE_USED : ERR_DPOP);
            arena_fini(&racer[i].arena);
        }
        assert_int_equal(won, 1);
        assert_int_equal(world_kept(W), round + 1);
    }
}

/* --- 12: DPoP at the token endpoint (11 B5) ----------------------------------------- */

static void
dpop(void **state)
{
    long long now = (long long)CX->now_ms / 1000;
    struct str proof;

    REFUSES(ERR_DPOP, .dpop = "a.b.c");
#define CLAIMS(htm, htu, iat)                                                              \
    world_proof(W, NULL,                                                                   \
                world_text(W,                                                              \
                           "{\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%lld,\"jti\":\"%d\"}",  \
                           htm, htu, (long long)(iat), ++W->count)                         \
                    .p)                                                                    \
        .p
    REFUSES(ERR_DPOP, .dpop = CLAIMS("GET", AS "/token", now));
    REFUSES(ERR_DPOP, .dpop = CLAIMS("POST", NODE_URL "/oauth2/gp/token", now));
    REFUSES(ERR_DPOP,
            .dpop =
                CLAIMS("POST", "https://node.example.org:444/oauth2/hospital/token", now));
    REFUSES(ERR_DPOP, .dpop = CLAIMS("POST", AS "/token", now - 61));
    REFUSES(ERR_DPOP, .dpop = CLAIMS("POST", AS "/token", now + 61));
    proof = world_proof(W, NULL, NULL);
    expect(world_ask(W, &(struct words){ .dpop = proof.p }), 200, "DPoP");
    expect(world_ask(W, &(struct words){ .dpop = proof.p }), 400, "invalid_dpop_proof");
    assert_true(str_is(W->n->told.reason, "jti already used"));
}

/* --- 13: is it true? (7.1, 7.2) ----------------------------------------------------- */

static void
signatures(void **state)
{
    struct str vp = words_vp(W, &(struct words){ 0 });
    struct peer other, liar;
    char *p;

    /* a byte of the signature; no algorithm; another's key */
    p = arena_z(CX->arena, vp);
    assert_non_null(p);
    p[vp.n - 10] = p[vp.n - 10] == 'A' ? 'B' : 'A';
    REFUSES(ERR_OAUTH_VERIFY, .assertion = p);
    {
        struct str rest = words_vp(W, &(struct words){ 0 }), none;

        (void)str_cut(&rest, '.');
        none = S("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"" CLIENT "#k\"}");
        assert_int_equal(b64url(CX, bytes_of(none), &none), ERR_OK);
        REFUSES(ERR_OAUTH_VERIFY,
                .assertion = world_text(W, "%.*s.%.*s", STR(none), STR(rest)).p);
    }
    other = liar = W->client;
    assert_int_equal(key_generate(CX, KEY_P256, &other.key), ERR_OK);
    REFUSES(ERR_OAUTH_VERIFY, .signer = &other);
    liar.kid = S(CLIENT "#other");
    REFUSES(ERR_OAUTH_VERIFY_DID, .signer = &liar);
    key_drop(&other.key);
    /* a key that may not authenticate */
    peer_new(W->n, "did:web:client.example.net:iam:7", &other);
    peer_publish(W->n, &other,
                 ",\"assertionMethod\":[\"did:web:client.example.net:iam:7#k\"]");
    vp = world_vc(W, other.did.p, NULL);
    REFUSES(ERR_OAUTH_VERIFY_DID, .signer = &other,
            .credentials = world_text(W, "\"%.*s\"", STR(vp)).p);
    peer_end(&other);
}

static void
holders(void **state)
{
    REFUSES(ERR_OAUTH_VERIFY, .name = "iss", .value = "\"did:web:other.example.net\"");
    REFUSES(ERR_OAUTH_VERIFY, .name = "sub", .value = "\"did:web:other.example.net\"");
    REFUSES(ERR_OAUTH_VERIFY,
            .vp = world_text(
                      W,
                      "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"type\":"
                      "\"VerifiablePresentation\",\"holder\":\"did:web:other.example.net\","
                      "\"verifiableCredential\":\"%.*s\"}",
                      STR(W->vc))
                      .p);
}

static void
times(void **state)
{
    int64_t now = CX->now_ms;
    struct str request;

    REFUSES(ERR_OAUTH_VERIFY_TIME, .name = "exp",
            .value = world_text(W, "%.3f", (double)now / 1000).p); /* at exp it is past */
    node_set_time(W->n, now + 7000);
    request = words_request(W, &(struct words){ .name = NULL });
    node_set_time(W->n, now + 999); /* its nbf lies 5.001 s ahead */
    expect(node_send(W->n, HTTP_DOOR_PUBLIC, request), 400, "not valid at this moment");
    node_set_time(W->n, now + 3600 * 1000); /* the credential is over */
    REFUSES(ERR_OAUTH_VERIFY_TIME, .name = NULL);
}

static void
statuses(void **state)
{
    struct str vc = world_vc(W, CLIENT,
                             ",\"credentialStatus\":{\"id\":\"https://x.nl/1#0\",\"type\":"
                             "\"StatusList2021Entry\",\"statusPurpose\":\"revocation\","
                             "\"statusListIndex\":\"0\",\"statusListCredential\":"
                             "\"https://x.nl/1\"}");

    REFUSES(ERR_OAUTH_VERIFY_STATUS, .credentials = world_text(W, "\"%.*s\"", STR(vc)).p);
}

static void
unresolvable(void **state)
{
    struct peer gone;
    struct node_page *page;

    peer_new(W->n, "did:web:client.example.net:iam:9", &gone);
    page = node_publish(W->n, gone.url.p, "");
    for (int i = 0; i < 3; i++) {
        static const err_t how[] = { ERR_UPSTREAM, ERR_DEADLINE, ERR_FORBIDDEN };
        struct str vc = world_vc(W, "did:web:client.example.net:iam:9", NULL);

        page->fails = how[i];
        REFUSES(ERR_OAUTH_VERIFY_DID, .signer = &gone,
                .credentials = world_text(W, "\"%.*s\"", STR(vc)).p);
    }
    page->fails = ERR_UNAVAILABLE; /* our own cap: ask again */
    expect(world_ask(
               W,
               &(struct words){
                   .signer = &gone,
                   .credentials =
                       world_text(W, "\"%.*s\"", STR(world_vc(W, gone.did.p, NULL))).p }),
           503, NULL);
    assert_int_equal(W->n->told.outcome, AUDIT_FAILED);
    peer_end(&gone);
}

/* --- 14 ----------------------------------------------------------------------------- */

static void
fields_that_clash(void **state)
{
    static const char map[] =
        "{\"id\":\"s\",\"definition_id\":\"pd_clash\",\"descriptor_map\":[{\"id\":\"a\","
        "\"format\":\"jwt_vc\",\"path\":\"$.verifiableCredential\"},{\"id\":\"b\","
        "\"format\":"
        "\"jwt_vc\",\"path\":\"$.verifiableCredential\"}]}";

    REFUSES(ERR_OAUTH_FIELDS, .scope = "clash", .submission = map);
}

/* --- tokens ------------------------------------------------------------------------- */

static void
bearer(void **state)
{
    struct str reply = world_ask(W, &(struct words){ 0 }), token, more;
    const json *v = expect_json(W->n, reply, 200);
    struct oauth_token t;

    assert_int_equal(json_size(v), 4);
    assert_true(json_is(json_get(v, "token_type"), "Bearer"));
    assert_true(json_is(json_get(v, "scope"), "test"));
    assert_true(str_has(reply, "\"expires_in\":900"));
    assert_true(str_has(reply, "Cache-Control: no-store"));
    token = world_token(W, reply);
    /* the event says who, once it is proven, and nothing of the token */
    assert_int_equal(W->n->told.event, AUDIT_TOKEN_ISSUED);
    assert_int_equal(W->n->told.outcome, AUDIT_PERMITTED);
    assert_true(str_is(W->n->told.who, CLIENT));
    assert_true(str_is(W->n->told.custodian, "hospital"));
    assert_true(str_is(W->n->told.entity, "test"));
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_true(str_is(t.subject, "hospital") && str_is(t.holder, CLIENT));
    assert_true(str_is(t.client_id, CLIENT_ID) && str_is(t.scope, "test"));
    assert_int_equal(t.jkt.n, 0);
    assert_int_equal(t.issued_ms, CX->now_ms);
    assert_int_equal(t.expires_ms, CX->now_ms + 900000);
    assert_true(str_is(oauth_token_claim(&t, "organization_name"), "Care"));
    assert_int_equal(oauth_token_claim(&t, "nothing").n, 0);
    assert_int_equal(oauth_token_claim(&t, "client_id").n,
                     0); /* no field of a definition */
    assert_int_equal(oauth__token_more(CX, token, &more), ERR_OK);
    assert_true(str_has(more, "pd_org"));
}

static void
bound(void **state)
{
    struct str reply = world_ask(W, &(struct words){ .dpop = "" }), print;
    const json *v = expect_json(W->n, reply, 200);
    struct oauth_token t;

    assert_int_equal(json_size(v), 5);
    assert_true(json_is(json_get(v, "token_type"), "DPoP"));
    assert_true(json_is(json_get(v, "dpop_kid"), ""));
    assert_int_equal(oauth_token_find(CX, json_get_text(v, "access_token"), &t), ERR_OK);
    assert_int_equal(jwk_thumbprint(CX, W->holder, &print), ERR_OK);
    assert_true(str_eq(t.jkt, print));
}

/* What real nodes send: no iss, no iat, aud as text, several scopes of one definition. */
static void
other_forms(void **state)
{
    struct str reply;

    expect(world_ask(W, &(struct words){ .name = "iss", .value = NULL }), 200, NULL);
    expect(world_ask(W, &(struct words){ .name = "aud", .value = "\"" AS "\"" }), 200,
           NULL);
    expect(world_ask(W, &(struct words){ .name = "jti", .value = "\"x\"" }), 200, NULL);
    expect(world_ask(W, &(struct words){ .name = "iat", .value = "1767225599" }), 200,
           NULL);
    expect(world_ask(
               W, &(struct words){ .credentials = world_text(W, "[\"%.*s\"]", STR(W->vc)).p,
                                   .submission = MAP("d", "jwt_vc_json",
                                                     "$.verifiableCredential[0]") }),
           200, NULL);
    reply = world_ask(
        W, &(struct words){
               .assertion =
                   world_text(W, "[\"%.*s\"]", STR(words_vp(W, &(struct words){ 0 }))).p });
    expect(reply, 200, NULL);
    expect(world_ask(W, &(struct words){ .scope = "own words" }), 200, "\"own words\"");
    expect(world_ask(W, &(struct words){ .scope = "test twin" }), 200, "\"test twin\"");
    expect(world_ask(W, &(struct words){ .scope = "twin test twin" }), 200,
           "\"twin test twin\"");
}

/* iat in place of nbf (3.5 step 6). */
static void
iat_for_nbf(void **state)
{
    long long now = (long long)CX->now_ms / 1000;
    struct str vp = world_text(
        W,
        "{\"sub\":\"" CLIENT "\",\"aud\":\"" AS
        "\",\"nonce\":\"n\",\"iat\":%lld,\"exp\":%lld,"
        "\"vp\":{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"type\":"
        "\"VerifiablePresentation\",\"verifiableCredential\":\"%.*s\"}}",
        now, now + 5, STR(W->vc));

    expect(world_ask(W, &(struct words){ .assertion =
                                             peer_sign(W->n, &W->client, NULL, vp.p).p }),
           200, NULL);
}

static void
the_user_who_is_offered(void **state)
{
    struct str token = world_token(
        W, world_ask(
               W, &(struct words){
                      .credentials = world_text(W, "[\"%.*s\"," EMPLOYEE "]", STR(W->vc)).p,
                      .submission = MAP("d", "jwt_vc", "$.verifiableCredential[0]") }));
    struct oauth_token t;

    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_true(str_is(oauth_token_claim(&t, "employee_identifier"), "u-17"));
    assert_int_equal(json_type(json_get(t.claims, "employee_phone")), JSON_NULL);
}

static void
tokens_end(void **state)
{
    struct str token = world_token(W, world_ask(W, &(struct words){ 0 }));
    struct str text = world_text(W, "%.*sx", STR(token));
    struct oauth_token t;

    assert_int_equal(oauth_token_find(CX, text, &t), ERR_UNAUTHORIZED);
    assert_int_equal(oauth_token_find(CX, S(""), &t), ERR_UNAUTHORIZED);
    assert_int_equal(oauth_token_find(CX, (struct str){ NULL, 0 }, &t), ERR_UNAUTHORIZED);
    node_set_time(W->n, CX->now_ms + 900000 - 1);
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    assert_int_equal(oauth__sweep(CX, NULL), ERR_OK);
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    node_set_time(W->n, CX->now_ms + 1);
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_UNAUTHORIZED);
    assert_int_equal(t.subject.n, 0);
    assert_int_equal(oauth__sweep(CX, NULL), ERR_OK);
    assert_int_equal(world_kept(W), 0);
    assert_false(is_burned(W, "nonce-1")); /* swept: a presentation that old is refused */
}

/* What was opened is remembered; the row that stands in the file decides all the same. */
static void
what_was_opened_does_not_outlive_its_row(void **state)
{
    struct str token = world_token(W, world_ask(W, &(struct words){ 0 }));
    scoped(store_rows_close) struct store_rows rows = { 0 };
    uint8_t hash[HASH_MAX];
    struct bytes sealed, altered;
    struct oauth_token t;
    int64_t expires;

    assert_int_equal(hash_bytes(CX, HASH_SHA256, bytes_of(token), hash), ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
        assert_true(str_is(t.client_id, CLIENT_ID));
    }
    assert_int_equal(store_query(CX, SQL_oauth_token_find, &rows,
                                 SQL_ARGS(sql_blob(((struct bytes){ hash, 32 })))),
                     ERR_OK);
    assert_true(store_next(&rows));
    sealed = arena_bytes(CX->arena, store_blob(&rows, 0));
    altered = arena_bytes(CX->arena, sealed);
    expires = store_int(&rows, 1);
    assert_int_equal(store_done(&rows), ERR_OK);
    assert_true(sealed.p != NULL && altered.p != NULL);
    ((uint8_t *)(uintptr_t)altered.p)[altered.n - 1] ^= 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            store_exec(CX, SQL_oauth_token_sweep, NULL, SQL_ARGS(sql_int(INT64_MAX))),
            ERR_OK);
        assert_int_equal(oauth_token_find(CX, token, &t), ERR_UNAUTHORIZED); /* no row */
        assert_int_equal(
            store_exec(CX, SQL_oauth_token_add, NULL,
                       SQL_ARGS(sql_blob(((struct bytes){ hash, 32 })),
                                sql_int(i == 1 ? CX->now_ms : expires),
                                sql_blob(i == 0 ? altered : sealed), sql_null())),
            ERR_OK);
        assert_int_equal(oauth_token_find(CX, token, &t), i == 0   ? ERR_STORE
                                                          : i == 1 ? ERR_UNAUTHORIZED
                                                                   : ERR_OK);
    }
}

/* The database holds neither a token nor what it says. */
static void
the_file_tells_nothing(void **state)
{
    struct str token = world_token(W, world_ask(W, &(struct words){ .dpop = "" }));
    static const char *const files[] = { "k.db", "k.db-wal" };
    struct str hash;
    int seen = 0;

    assert_int_equal(oauth__hash(CX, token, &hash), ERR_OK);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct bytes data;
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", W->n->dir, files[i]);
        if (os_read_file(CX, path, 32u << 20, &data) != ERR_OK)
            continue;
        seen++;
        assert_false(str_has(str_of_bytes(data), token.p));
        assert_false(str_has(str_of_bytes(data), "organization_name"));
        assert_false(str_has(str_of_bytes(data), "client.example.net"));
        assert_false(str_has(str_of_bytes(data), "nonce-1"));
    }
    assert_true(seen > 0);
}

/* A flood of refusals is counted by code, not told one by one (issue 1.9). */
static void
floods_are_counted(void **state)
{
    int told = 0;

    for (int i = 0; i < 200; i++) {
        expect(world_ask(W, &(struct words){ .assertion = "x" }), 400, NULL);
        told += W->n->told.event == AUDIT_TOKEN_REFUSED;
    }
    assert_int_equal(told, 120);
    assert_int_equal(W->n->told.event, AUDIT_UNAUTHENTICATED);
    assert_true(str_is(W->n->told.what, "token OAUTH_ASSERTION"));
    node_set_time(W->n, CX->now_ms + 60000);
    expect(world_ask(W, &(struct words){ .assertion = "x" }), 400, NULL);
    assert_int_equal(W->n->told.event, AUDIT_TOKEN_REFUSED);
}

static void
subjects_that_ended(void **state)
{
    expect(node_ask(W->n, "DELETE", "/internal/vdr/v2/subject/hospital", NULL), 204, NULL);
    REFUSES(ERR_SUBJECT_UNKNOWN, .name = NULL);
}

/* With the n-th allocation or database call failing: refused, or given; kept never twice.
 */
static void
faults(void **state)
{
    int64_t tokens, before = 0;
    int good = 0;

    for (W->n->fail_at = 1; W->n->fail_at < 2000 && good < 3; W->n->fail_at++) {
        int got = reply_status(world_ask(W, &(struct words){ .dpop = "" }));

        tokens = world_kept(W);
        assert_true(got == 200 || got == 503 || got == 500 || got == 0);
        /* one that was kept and could not be told is nobody's, and ends */
        assert_true(tokens - before == 1 || (tokens == before && got != 200));
        before = tokens;
        good = got == 200 ? good + 1 : 0;
    }
    assert_int_equal(good, 3);
    W->n->fail_at = 0;
    good = 0;
    for (long i = 1; i < 200 && good < 3; i++) {
        struct str request = words_request(W, &(struct words){ .dpop = "" });
        int got;

        store_fail_at(i);
        got = reply_status(node_send(W->n, HTTP_DOOR_PUBLIC, request));
        store_fail_at(0);
        tokens = world_kept(W);
        assert_true(got == 200 || got == 503 || got == 500);
        assert_int_equal(tokens - before, got == 200);
        before = tokens;
        good = got == 200 ? good + 1 : 0;
    }
    assert_int_equal(good, 3);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(form),
        T(assertion),
        T(submission),
        T(lifetime),
        T(signer),
        T(audience),
        T(client),
        T(client_of_a_did),
        T(scope),
        T(definitions),
        T(every_definition),
        T(who_vouches),
        T(arrays_do_not_fall_through),
        T(nonce),
        T(nonces_burn),
        T(from_before_the_machine_came_up),
        T(from_before_one_time_values_were_lost),
        T(parallel),
        T(dpop),
        T(signatures),
        T(holders),
        T(times),
        T(statuses),
        T(unresolvable),
        T(fields_that_clash),
        T(bearer),
        T(bound),
        T(other_forms),
        T(iat_for_nbf),
        T(the_user_who_is_offered),
        T(tokens_end),
        T(what_was_opened_does_not_outlive_its_row),
        T(the_file_tells_nothing),
        T(floods_are_counted),
        T(subjects_that_ended),
        T(faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
