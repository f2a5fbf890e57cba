/*
 * signer_test.c - a signer in a process of its own, asked as a worker asks, as
 * an attacker in a worker would, and as the auditor does. EUPL-1.2.
 */
#include "base/test.h"
#include "base/time.h"
#include "sys/keys/keystore.h"
#include "sys/keys/signer_int.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWNER "did:web:node.example.org:iam:een"
#define KID   OWNER "#0"
#define OTHER "did:web:node.example.org:iam:twee"

static struct test_ctx t;
static struct sys sys;
static char home[64];
static pid_t signer_pid;
static int host_end; /* closing it ends the signer */
static int raw_end;  /* a second worker's socket, for raw frames */
static struct keys *worker_keys, *auditor_keys;
static int64_t now_s;

static const char *
at(const char *name)
{
    struct str path = arena_printf(&t.arena, "%s/%s", home, name);

    assert_non_null(path.p);
    return path.p;
}

/* --- the signer's process ----------------------------------------------------- */

static bool
host_ready(struct ctx *cx, struct signer *s, void *arg)
{
    (void)cx;
    (void)s;
    (void)arg;
    return false;
}

static int
signer_process(int host, int worker, int raw, int auditor, const char *root)
{
    struct test_ctx own;
    struct conf *c;
    struct signer *s;
    struct signer_host h = { host, host_ready, NULL };
    struct signer_setup setup = { at("keys"), open(root, O_RDONLY | O_CLOEXEC), NULL,
                                  os_now_ms };

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    test_ctx_init(&own);
    if (conf_default(&own.cx, &c) != ERR_OK)
        return 2;
    setup.conf = c;
    if (signer_open(&own.cx, &setup, &s) != ERR_OK) {
        fprintf(stderr, "%.*s\n", STR(own.cx.reason));
        return 3;
    }
    if (signer_peer(&own.cx, s, worker, SIGNER_FROM_WORKER, 0) != ERR_OK ||
        signer_peer(&own.cx, s, raw, SIGNER_FROM_WORKER, 1) != ERR_OK ||
        signer_peer(&own.cx, s, auditor, SIGNER_FROM_AUDITOR, 0) != ERR_OK)
        return 4;
    signer_run(s, &h);
    signer_close(s);
    return 0;
}

static void
start_signer(void)
{
    int host[2], worker[2], raw[2], auditor[2];

    assert_int_equal(os_pair(&t.cx, &host[0], &host[1]), ERR_OK);
    assert_int_equal(os_pair(&t.cx, &worker[0], &worker[1]), ERR_OK);
    assert_int_equal(os_pair(&t.cx, &raw[0], &raw[1]), ERR_OK);
    assert_int_equal(os_pair(&t.cx, &auditor[0], &auditor[1]), ERR_OK);
    signer_pid = fork();
    if (signer_pid == 0) {
        close(host[0]);
        close(worker[0]);
        close(raw[0]);
        close(auditor[0]);
        _exit(signer_process(host[1], worker[1], raw[1], auditor[1], at("root")));
    }
    close(host[1]);
    close(worker[1]);
    close(raw[1]);
    close(auditor[1]);
    host_end = host[0];
    raw_end = raw[0];
    keys_reconnect(worker_keys, worker[0]);
    keys_reconnect(auditor_keys, auditor[0]);
}

static void
stop_signer(void)
{
    int status = -1;

    os_close(&host_end);
    os_close(&raw_end);
    waitpid(signer_pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int
setup(void **state)
{
    struct str jwk;

    (void)state;
    umask(077);
    test_ctx_init(&t);
    strcpy(home, "/tmp/knoop-signer-XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(mkdir(at("keys"), 0700), 0);
    assert_int_equal(keys_root_make(&t.cx, at("root")), ERR_OK);
    assert_int_equal(keys_open(&t.cx, &worker_keys), ERR_OK);
    assert_int_equal(keys_open(&t.cx, &auditor_keys), ERR_OK);
    sys.keys = worker_keys;
    t.cx.sys = &sys;
    now_s = os_now_ms() / 1000;
    start_signer();
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OWNER), S(KID), &jwk), ERR_OK);
    assert_int_equal(keys_new(&t.cx, KEY_TLS, S("node"), S("tls"), &jwk), ERR_OK);
    return 0;
}

static int
teardown(void **state)
{
    char command[128];

    (void)state;
    stop_signer();
    keys_close(worker_keys);
    keys_close(auditor_keys);
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    test_ctx_fini(&t);
    return system(command);
}

/* --- claims ------------------------------------------------------------------- */

/* A presentation that is signed, with up to one member put differently. */
static struct str
vp(const char *member, const char *value)
{
    const char *name[] = { "iss", "sub", "aud", "nonce", "nbf", "exp", "vp" };
    const char *good[] = { "\"" OWNER "\"",
                           "\"" OWNER "\"",
                           "\"https://other.example.org/oauth2/x\"",
                           "\"8f2d5e1c\"",
                           arena_printf(&t.arena, "%lld", (long long)now_s - 1).p,
                           arena_printf(&t.arena, "%lld", (long long)now_s + 4).p,
                           "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],"
                           "\"type\":[\"VerifiablePresentation\"],\"holder\":\"" OWNER
                           "\",\"verifiableCredential\":[\"a.b.c\"]}" };
    struct buf b;
    struct str out;
    bool put = member == NULL;

    buf_init(&b, &t.arena);
    for (size_t i = 0; i < COUNT(name); i++) {
        const char *v = good[i];

        if (member != NULL && strcmp(name[i], member) == 0) {
            v = value;
            put = true;
        }
        if (v != NULL)
            buf_printf(&b, "%s\"%s\":%s", b.n ? "," : "{", name[i], v);
    }
    if (!put)
        buf_printf(&b, ",\"%s\":%s", member, value);
    buf_c(&b, '}');
    assert_int_equal(buf_done(&t.cx, &b, &out), ERR_OK);
    return out;
}

/* ES256 by the public key that the signer gave. */
static void
verify(struct str jwt, struct str jwk, json **head, json **claims)
{
    scoped(key_drop) struct key *key = NULL;
    struct str all = jwt, h = str_cut(&jwt, '.'), c = str_cut(&jwt, '.');
    struct bytes text, sig, x, y;
    struct key_parts parts = { 0 };
    json *v;

    assert_int_equal(json_parse(&t.cx, jwk, JSON_STRICT, &v), ERR_OK);
    assert_int_equal(b64url_decode(&t.cx, json_get_text(v, "x"), &x), ERR_OK);
    assert_int_equal(b64url_decode(&t.cx, json_get_text(v, "y"), &y), ERR_OK);
    parts.x = x;
    parts.y = y;
    assert_int_equal(key_import(&t.cx, KEY_P256, &parts, &key), ERR_OK);
    assert_int_equal(b64url_decode(&t.cx, jwt, &sig), ERR_OK);
    assert_int_equal(key_verify(&t.cx, key, SIG_ES256, SIG_RAW,
                                bytes_of(str_sub(all, 0, h.n + 1 + c.n)), sig),
                     ERR_OK);
    assert_int_equal(b64url_decode(&t.cx, h, &text), ERR_OK);
    assert_int_equal(json_parse(&t.cx, str_of_bytes(text), JSON_STRICT, head), ERR_OK);
    assert_int_equal(b64url_decode(&t.cx, c, &text), ERR_OK);
    assert_int_equal(json_parse(&t.cx, str_of_bytes(text), JSON_STRICT, claims), ERR_OK);
}

static void
refused(enum key_profile p, struct str claims)
{
    struct str jwt;
    err_t e = keys_sign_jwt(&t.cx, p, S(KID), claims, &jwt);

    if (e != ERR_FORBIDDEN && e != ERR_BAD_REQUEST)
        fprintf(stderr, "signed, or %d: %.*s\n", e, STR(claims));
    assert_true(e == ERR_FORBIDDEN || e == ERR_BAD_REQUEST);
    assert_null(jwt.p);
}

#define NUM(x) arena_printf(&t.arena, "%lld", (long long)(x)).p

static void
presentations(void **state)
{
    struct str jwt, jwk;
    json *head, *claims;

    (void)state;
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_VP_JWT, S(KID), vp(NULL, NULL), &jwt),
                     ERR_OK);
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_OK);
    verify(jwt, jwk, &head, &claims);
    assert_true(json_is(json_get(head, "kid"), KID) &&
                json_is(json_get(head, "alg"), "ES256"));
    assert_int_equal(json_size(head), 3);
    assert_true(json_is(json_get(claims, "iss"), OWNER));
    /* in another's name */
    refused(KEY_VP_JWT, vp("iss", "\"" OTHER "\""));
    refused(KEY_VP_JWT, vp("sub", "\"" OTHER "\""));
    refused(KEY_VP_JWT, vp("iss", NULL));
    refused(KEY_VP_JWT, vp("sub", NULL));
    refused(KEY_VP_JWT, vp("iss", "[\"" OWNER "\"]"));
    refused(KEY_VP_JWT, vp("vp", "{\"@context\":[],\"type\":\"VerifiablePresentation\","
                                 "\"holder\":\"" OTHER "\"}"));
    refused(KEY_VP_JWT, vp("vp", "{\"@context\":[],\"type\":\"VerifiablePresentation\"}"));
    /* to nobody, or to two */
    refused(KEY_VP_JWT, vp("aud", NULL));
    refused(KEY_VP_JWT, vp("aud", "[]"));
    refused(KEY_VP_JWT, vp("aud", "\"\""));
    refused(KEY_VP_JWT, vp("aud", "[\"a\",\"b\"]"));
    refused(KEY_VP_JWT, vp("nonce", NULL));
    refused(KEY_VP_JWT, vp("nonce", "\"\""));
    /* too long, too late, too early, without an end */
    refused(KEY_VP_JWT, vp("exp", NUM(now_s + 5)));
    refused(KEY_VP_JWT, vp("exp", NUM(now_s - 1)));
    refused(KEY_VP_JWT, vp("exp", NULL));
    refused(KEY_VP_JWT, vp("nbf", NULL));
    refused(KEY_VP_JWT, vp("exp", "1e99"));
    refused(KEY_VP_JWT, vp("exp", arena_printf(&t.arena, "\"%s\"", NUM(now_s + 4)).p));
    refused(KEY_VP_JWT, vp("iat", NUM(now_s + 3600)));
    refused(KEY_VP_JWT, vp("iat", NUM(now_s - 3600)));
    /* something else than a presentation */
    refused(KEY_VP_JWT, vp("vp", NULL));
    refused(KEY_VP_JWT, vp("vp", "\"x\""));
    refused(KEY_VP_JWT,
            vp("vp", "{\"@context\":[],\"type\":\"Other\",\"holder\":\"" OWNER "\"}"));
    refused(KEY_VP_JWT, vp("vc", "{}"));
    refused(KEY_VP_JWT, vp("htm", "\"POST\""));
    refused(KEY_VP_JWT, vp("client_id", "\"x\""));
    refused(KEY_VP_JWT, S("[]"));
    refused(KEY_VP_JWT, S("not json"));
    refused(KEY_VP_JWT, S("{\"iss\":\"" OWNER "\",\"iss\":\"" OTHER "\"}"));
}

/* Both ends moved: valid for as long as is allowed, but not now. */
static struct str
vp_at(int64_t nbf, int64_t exp)
{
    struct str s = vp("nbf", NUM(nbf)), mark = S("\"exp\":");
    size_t i = str_search(s, mark), end = i + str_find(str_sub(s, i, s.n), ',');

    return arena_printf(&t.arena, "%.*s\"exp\":%lld%.*s", (int)i, s.p, (long long)exp,
                        STR(str_sub(s, end, s.n)));
}

static void
presentations_for_later(void **state)
{
    struct str jwt;

    (void)state;
    assert_int_equal(
        keys_sign_jwt(&t.cx, KEY_VP_JWT, S(KID), vp_at(now_s, now_s + 5), &jwt), ERR_OK);
    refused(KEY_VP_JWT, vp_at(now_s + 3600, now_s + 3605));
    refused(KEY_VP_JWT, vp_at(now_s + 10, now_s + 14));
    refused(KEY_VP_JWT, vp_at(now_s - 3600, now_s - 3596));
    refused(KEY_VP_JWT, vp_at(now_s - 3600, now_s + 4));
}

#define VC(extra, inner)                                                                   \
    arena_printf(&t.arena,                                                                 \
                 "{\"iss\":\"" OWNER "\",\"nbf\":%lld,\"vc\":{\"type\":"                   \
                 "[\"VerifiableCredential\"],\"credentialSubject\":{}" inner "}" extra     \
                 "}",                                                                      \
                 (long long)now_s)

static void
credentials(void **state)
{
    struct str jwt, jwk;
    json *head, *claims;

    (void)state;
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_VC_JWT, S(KID),
                                   VC(",\"sub\":\"" OTHER "\",\"jti\":\"x\"",
                                      ",\"issuer\":\"" OWNER "\""),
                                   &jwt),
                     ERR_OK);
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_OK);
    verify(jwt, jwk, &head, &claims);
    assert_true(json_is(json_get(claims, "sub"), OTHER));
    refused(KEY_VC_JWT, VC("", ",\"issuer\":\"" OTHER "\""));
    refused(KEY_VC_JWT, VC("", ",\"issuer\":{\"id\":\"" OTHER "\"}"));
    refused(KEY_VC_JWT, VC("", ",\"issuer\":[]"));
    refused(KEY_VC_JWT, VC("", ",\"proof\":{}"));
    refused(KEY_VC_JWT, VC("", ",\"holder\":\"" OWNER "\""));
    refused(KEY_VC_JWT, VC(",\"vp\":{}", ""));
    refused(KEY_VC_JWT, VC(",\"nonce\":\"x\"", ""));
    refused(KEY_VC_JWT, VC(",\"aud\":\"x\"", ""));
    refused(KEY_VC_JWT, VC(",\"exp\":1", ""));
    refused(KEY_VC_JWT, vp(NULL, NULL));
    refused(KEY_VC_JWT, S("{\"iss\":\"" OWNER "\",\"nbf\":1}"));
    refused(KEY_VC_JWT, S("{\"iss\":\"" OTHER "\",\"nbf\":1,\"vc\":{\"type\":"
                          "\"VerifiableCredential\",\"credentialSubject\":{}}}"));
    refused(KEY_VC_JWT, S("{\"iss\":\"" OWNER "\",\"nbf\":1,\"vc\":{\"type\":"
                          "[\"VerifiableCredential\",\"VerifiablePresentation\"],"
                          "\"credentialSubject\":{}}}"));
    refused(KEY_VC_JWT, S("{\"iss\":\"" OWNER "\",\"nbf\":1,\"vc\":{\"type\":"
                          "\"VerifiableCredential\"}}"));
}

static struct str
dpop(const char *htm, const char *htu, int64_t iat, const char *rest)
{
    return arena_printf(&t.arena, "{\"htm\":%s,\"htu\":%s,\"iat\":%lld,\"jti\":\"a1\"%s}",
                        htm, htu, (long long)iat, rest);
}

static void
dpop_proofs(void **state)
{
    const char *htm = "\"GET\"", *htu = "\"https://a.example.org/fhir/Patient/1\"";
    const char *ath = ",\"ath\":\"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ\"";
    struct str jwt, jwk;
    json *head, *claims;

    (void)state;
    assert_int_equal(
        keys_sign_jwt(&t.cx, KEY_DPOP, S(KID), dpop(htm, htu, now_s, ath), &jwt), ERR_OK);
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_OK);
    verify(jwt, jwk, &head, &claims);
    assert_true(json_is(json_get(head, "typ"), "dpop+jwt"));
    assert_null(json_get(head, "kid"));
    assert_null(json_path(head, "jwk", "d", NULL));
    assert_true(json_is(json_path(head, "jwk", "crv", NULL), "P-256"));
    refused(KEY_DPOP, dpop("\"get\"", htu, now_s, ""));
    refused(KEY_DPOP, dpop("\"\"", htu, now_s, ""));
    refused(KEY_DPOP, dpop(htm, "\"https://a/?q=1\"", now_s, ""));
    refused(KEY_DPOP, dpop(htm, "\"https://a/#f\"", now_s, ""));
    refused(KEY_DPOP, dpop(htm, "\"ftp://a/\"", now_s, ""));
    refused(KEY_DPOP, dpop(htm, "1", now_s, ""));
    refused(KEY_DPOP, dpop(htm, htu, now_s + 3600, ""));
    refused(KEY_DPOP, dpop(htm, htu, now_s - 3600, ""));
    refused(KEY_DPOP, dpop(htm, htu, now_s, ",\"ath\":\"short\""));
    refused(KEY_DPOP, dpop(htm, htu, now_s, ",\"iss\":\"" OWNER "\""));
    refused(KEY_DPOP, dpop(htm, htu, now_s, ",\"vp\":{}"));
    refused(KEY_DPOP, dpop(htm, htu, now_s, ",\"exp\":1"));
    refused(KEY_DPOP, S("{}"));
    refused(KEY_PROFILE_NONE, vp(NULL, NULL));
    refused(KEY_PROFILE_COUNT, vp(NULL, NULL));
}

/* What is signed is what was understood, not what was sent. */
static void
claims_are_written_anew(void **state)
{
    struct str jwt,
        text = arena_printf(&t.arena,
                            " {\"jti\":\"\\u0061\", \"htm\":\"GET\" "
                            ",\"htu\":\"https://a.example.org/\",\"iat\":%lld}\n",
                            (long long)now_s);
    struct bytes got;

    (void)state;
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_DPOP, S(KID), text, &jwt), ERR_OK);
    (void)str_cut(&jwt, '.');
    assert_int_equal(b64url_decode(&t.cx, str_cut(&jwt, '.'), &got), ERR_OK);
    assert_true(
        str_starts(str_of_bytes(got), S("{\"jti\":\"a\",\"htm\":\"GET\",\"htu\":")));
}

/* --- keys --------------------------------------------------------------------------- */

static void
keys_are_made_for_their_owner(void **state)
{
    struct str jwk, jwt;

    (void)state;
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OWNER), S(KID), &jwk), ERR_CONFLICT);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OWNER), S(OTHER "#0"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OWNER), S(OWNER "x#0"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OWNER), S(OWNER "#"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S("x"), S("x#0"), &jwk), ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(""), S("#0"), &jwk), ERR_BAD_REQUEST);
    assert_int_equal(keys_new(&t.cx, KEY_AUDIT, S("knoop"), S("a"), &jwk), ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_USE_NONE, S(OWNER), S(OWNER "#9"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_TLS, S("node"), S(OTHER "#1"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_delete(&t.cx, S(KEYS_AUDIT_KID)), ERR_FORBIDDEN);
    assert_int_equal(keys_delete(&t.cx, S(OTHER "#0")), ERR_NOT_FOUND);
    assert_int_equal(keys_public(&t.cx, S("knoop:audit-mac"), &jwk), ERR_NOT_FOUND);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OTHER), S(OTHER "#0"), &jwk), ERR_OK);
    assert_true(str_search(jwk, S("\"d\"")) == jwk.n);
    /* one owner's key signs nothing of another's */
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_VP_JWT, S(OTHER "#0"), vp(NULL, NULL), &jwt),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_delete(&t.cx, S(OTHER "#0")), ERR_OK);
    assert_int_equal(keys_public(&t.cx, S(OTHER "#0"), &jwk), ERR_NOT_FOUND);
    /* each key for its use */
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_VP_JWT, S("tls"), vp(NULL, NULL), &jwt),
                     ERR_FORBIDDEN);
    assert_int_equal(
        keys_sign_jwt(&t.cx, KEY_VP_JWT, S(KEYS_AUDIT_KID), vp(NULL, NULL), &jwt),
        ERR_FORBIDDEN);
}

/* --- TLS ---------------------------------------------------------------------- */

static struct bytes
verify_content(const char *who, size_t hash)
{
    struct buf b;
    struct str out;

    buf_init(&b, &t.arena);
    for (int i = 0; i < 64; i++)
        buf_c(&b, ' ');
    buf_printf(&b, "TLS 1.3, %s CertificateVerify", who);
    buf_c(&b, '\0');
    for (size_t i = 0; i < hash; i++)
        buf_c(&b, 'h');
    assert_int_equal(buf_done(&t.cx, &b, &out), ERR_OK);
    return bytes_of(out);
}

static struct bytes
exchange(uint8_t type, unsigned curve, uint8_t said, size_t point, uint8_t first)
{
    uint8_t *p = arena_alloc(&t.arena, 68 + point + 1);

    assert_non_null(p);
    memset(p, 'r', 64);
    p[64] = type;
    p[65] = (uint8_t)(curve >> 8);
    p[66] = (uint8_t)curve;
    p[67] = said;
    memset(p + 68, 'p', point);
    p[68] = first;
    return (struct bytes){ p, 68 + point };
}

static err_t
tls(const char *kid, enum sig_alg alg, struct bytes content)
{
    struct bytes sig;
    err_t e = keys_sign_tls(&t.cx, str_of(kid), alg, content, &sig);

    assert_true(e == ERR_OK || sig.p == NULL);
    return e;
}

static void
handshakes(void **state)
{
    struct bytes c = verify_content("server", 32), spaces = c;

    (void)state;
    assert_int_equal(tls("tls", SIG_ES256, c), ERR_OK);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("client", 48)), ERR_OK);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 23, 65, 65, 4)), ERR_OK);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 29, 32, 32, 9)), ERR_OK);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("other ", 32)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("server", 31)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("server", 33)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("server", 0)), ERR_FORBIDDEN);
    spaces.p++;
    spaces.n--;
    assert_int_equal(tls("tls", SIG_ES256, spaces), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, exchange(2, 23, 65, 65, 4)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 23, 65, 65, 2)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 23, 64, 65, 4)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 23, 65, 66, 4)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, exchange(3, 99, 65, 65, 4)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, bytes_of(S("eyJhbGciOiJFUzI1NiJ9.e30"))),
                     ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, (struct bytes){ NULL, 0 }), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_RS256, c), ERR_ALGORITHM);
    assert_int_equal(tls("tls", SIG_HS256, c), ERR_ALGORITHM);
    assert_int_equal(tls("tls", SIG_NONE, c), ERR_ALGORITHM);
    assert_int_equal(tls(KID, SIG_ES256, c), ERR_FORBIDDEN);
    assert_int_equal(tls(KEYS_AUDIT_KID, SIG_ES256, c), ERR_FORBIDDEN);
}

/* --- people and checkpoints --------------------------------------------------- */

static void
people(void **state)
{
    struct str a, b, mac_a, mac_b, number;
    char *bent;

    (void)state;
    assert_int_equal(keys_seal_person(&t.cx, S("999990019"), &a, &mac_a), ERR_OK);
    assert_int_equal(keys_seal_person(&t.cx, S("999990019"), &b, &mac_b), ERR_OK);
    assert_true(str_eq(mac_a, mac_b));
    assert_false(str_eq(a, b));
    assert_int_equal(keys_seal_person(&t.cx, S("999990020"), &b, &mac_b), ERR_OK);
    assert_false(str_eq(mac_a, mac_b));
    assert_int_equal(keys_open_person(&t.cx, a, &number), ERR_OK);
    assert_true(str_is(number, "999990019"));
    for (size_t i = 0; i < a.n; i += 7) {
        bent = arena_z(&t.arena, a);
        assert_non_null(bent);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_true(keys_open_person(&t.cx, str_of(bent), &number) != ERR_OK);
        assert_null(number.p);
    }
    assert_true(keys_open_person(&t.cx, S(""), &number) != ERR_OK);
    assert_true(keys_open_person(&t.cx, str_sub(a, 0, a.n - 30), &number) != ERR_OK);
    assert_true(keys_open_person(&t.cx, arena_printf(&t.arena, "%.*s.x", STR(a)),
                                 &number) != ERR_OK);
    assert_int_equal(keys_seal_person(&t.cx, S(""), &a, &mac_a), ERR_BAD_REQUEST);
}

static struct str
note(const char *origin, const char *size, const char *root, int64_t at_s)
{
    char when[TIME_TEXT];

    return arena_printf(&t.arena, "knoop-audit/1 %s\n%s\n%s\n%.*s\n", origin, size, root,
                        STR(time_text(when, at_s * 1000)));
}

static err_t
checkpoint(struct str n)
{
    struct str kid;
    struct bytes sig;
    err_t e = keys_sign_checkpoint(&t.cx, n, &kid, &sig);

    assert_true((e == ERR_OK) == (sig.n == 64));
    return e;
}

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
checkpoints(void **state)
{
    struct str jwk, jwt, sealed, mac;

    (void)state;
    assert_int_equal(checkpoint(note("een", "1", ROOT, now_s)),
                     ERR_FORBIDDEN); /* a worker */
    sys.keys = auditor_keys;
    assert_int_equal(checkpoint(note("een", "10", ROOT, now_s)), ERR_OK);
    assert_int_equal(checkpoint(note("een", "10", ROOT, now_s)), ERR_OK);
    assert_int_equal(checkpoint(note("een", "9", ROOT, now_s)), ERR_CONFLICT);
    assert_int_equal(checkpoint(note("twee", "9", ROOT, now_s)), ERR_OK);
    assert_int_equal(checkpoint(note("een", "11", ROOT, now_s - 3600)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("een", "11", ROOT, now_s + 3600)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("een", "011", ROOT, now_s)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("een", "x", ROOT, now_s)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("een", "11", ROOT "0", now_s)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("", "11", ROOT, now_s)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(note("een\nx", "11", ROOT, now_s)), ERR_FORBIDDEN);
    assert_int_equal(checkpoint(S("eyJhbGciOiJFUzI1NiJ9.e30")), ERR_FORBIDDEN);
    /* and nothing else is the auditor's */
    assert_int_equal(keys_sign_jwt(&t.cx, KEY_VP_JWT, S(KID), vp(NULL, NULL), &jwt),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_new(&t.cx, KEY_SUBJECT, S(OTHER), S(OTHER "#5"), &jwk),
                     ERR_FORBIDDEN);
    assert_int_equal(keys_seal_person(&t.cx, S("1"), &sealed, &mac), ERR_FORBIDDEN);
    assert_int_equal(keys_open_person(&t.cx, S("1"), &sealed), ERR_FORBIDDEN);
    assert_int_equal(keys_delete(&t.cx, S(KID)), ERR_FORBIDDEN);
    assert_int_equal(tls("tls", SIG_ES256, verify_content("server", 32)), ERR_FORBIDDEN);
    /* the size is remembered over restarts */
    stop_signer();
    start_signer();
    assert_int_equal(checkpoint(note("een", "9", ROOT, now_s)), ERR_CONFLICT);
    assert_int_equal(checkpoint(note("een", "10", ROOT, now_s)), ERR_OK);
    sys.keys = worker_keys;
}

/* --- raw frames from a worker's socket ---------------------------------------- */

/* The error of the answer; -1 when the signer cut us off. */
static int
raw(struct bytes packet)
{
    static uint8_t room[OS_MESSAGE_MAX];
    struct keys_frame f;
    struct bytes rest = { room, 0 };
    int fds[OS_FDS_MAX];

    if (os_send(&t.cx, raw_end, packet, NULL, 0) != ERR_OK ||
        os_recv(&t.cx, raw_end, room, sizeof(room), &rest.n, fds) != ERR_OK)
        return -1;
    assert_int_equal(keys__frame(&t.cx, &rest, &f), ERR_OK);
    return f.error;
}

static void
no_op_signs_bytes(void **state)
{
    const struct str fields[] = { S("tls"), S("\1\0\0\0\0\0\0\0"), S("any bytes"), S("x") };
    struct bytes frame;

    (void)state;
    for (unsigned op = 0; op < 64; op++)
        for (size_t n = 0; n <= COUNT(fields); n++) {
            if (op == KEYS_SEAL_PERSON || op == KEYS_PUBLIC || op == KEYS_DELETE)
                continue;
            assert_int_equal(keys__put(&t.cx, 7, (uint16_t)op, ERR_OK, fields, n, &frame),
                             ERR_OK);
            assert_int_not_equal(raw(frame), ERR_OK);
        }
    assert_int_equal(keys__put(&t.cx, 7, KEYS_ANSWER, ERR_OK, fields, 1, &frame), ERR_OK);
    assert_int_not_equal(raw(frame), ERR_OK);
}

static void
what_has_no_form_is_cut_off(void **state)
{
    struct str jwk;

    (void)state;
    assert_int_equal(raw(bytes_of(S("\xff\xff\xff\x7f garbage"))), -1);
    /* others are served on */
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_OK);
    stop_signer();
    start_signer();
}

/* --- the connection ----------------------------------------------------------- */

enum { THREADS = 8, EACH = 40 };

static void *
many(void *arg)
{
    struct arena a;
    struct ctx cx;
    struct str jwt, claims;
    long good = 0;

    (void)arg;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < EACH; i++) {
        arena_reset(&a);
        ctx_init(&cx, &a, 0);
        cx.sys = &sys;
        claims =
            arena_printf(&a,
                         "{\"htm\":\"GET\",\"htu\":\"https://a.example.org/\",\"iat\":%lld,"
                         "\"jti\":\"%p-%d\"}",
                         (long long)now_s, (void *)&cx, i);
        struct bytes got;
        struct str rest;

        if (keys_sign_jwt(&cx, KEY_DPOP, S(KID), claims, &jwt) != ERR_OK)
            break;
        rest = jwt;
        (void)str_cut(&rest, '.');
        if (b64url_decode(&cx, str_cut(&rest, '.'), &got) == ERR_OK &&
            str_eq(str_of_bytes(got), claims)) /* mine, not a neighbour's */
            good++;
    }
    arena_fini(&a);
    return (void *)(intptr_t)good;
}

static void
many_threads_one_pair(void **state)
{
    pthread_t thread[THREADS];
    void *good;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, many, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], &good), 0);
        assert_int_equal((intptr_t)good, EACH);
    }
}

static void
a_dead_signer_is_an_error(void **state)
{
    struct str jwk;
    int64_t before = os_tick_ms();
    err_t e;

    (void)state;
    kill(signer_pid, SIGSTOP); /* silent */
    t.cx.deadline_ms = os_tick_ms() + 50;
    e = keys_public(&t.cx, S(KID), &jwk);
    kill(signer_pid, SIGKILL); /* gone */
    waitpid(signer_pid, NULL, 0);
    assert_int_equal(e, ERR_UNAVAILABLE);
    t.cx.deadline_ms = os_tick_ms() + 50;
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_UNAVAILABLE);
    assert_true(os_tick_ms() - before < 1000);
    t.cx.deadline_ms = 0;
    keys_reconnect(worker_keys, -1); /* and none will come: no wait at all */
    before = os_tick_ms();
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_UNAVAILABLE);
    assert_true(os_tick_ms() - before < 1000);
    os_close(&host_end);
    os_close(&raw_end);
    start_signer(); /* the next is used at once, and has the keys */
    assert_int_equal(keys_public(&t.cx, S(KID), &jwk), ERR_OK);
}

/* --- at rest ------------------------------------------------------------------ */

static int
prove(const char *folder, const char *root, size_t *n)
{
    scoped(os_close) int fd = open(root, O_RDONLY | O_CLOEXEC);

    return (int)keys_prove(&t.cx, folder, fd, n);
}

static void
root_keys(void **state)
{
    scoped(secret_fini) struct secret s = { 0 };
    scoped(os_close) int fd = -1;
    size_t n;

    (void)state;
    assert_int_equal(keys_root_make(&t.cx, at("root")), ERR_CONFLICT);
    assert_int_equal(keys_root_check(&t.cx, at("root"), at("keys")), ERR_OK);
    assert_int_equal(keys_root_check(&t.cx, at("root"), home), ERR_KEY_ROOT);
    assert_int_equal(keys_root_make(&t.cx, at("root2")), ERR_OK);
    assert_int_equal(prove(at("keys"), at("root2"), &n), ERR_KEY_ROOT);
    assert_int_equal(chmod(at("root2"), 0640), 0);
    assert_int_equal(prove(at("keys"), at("root2"), &n), ERR_KEY_ROOT);
    assert_int_equal(os_write_new(&t.cx, at("short"), bytes_of(S("0123")), 0600), ERR_OK);
    assert_int_equal(prove(at("keys"), at("short"), &n), ERR_KEY_ROOT);
    assert_int_equal(prove(at("keys"), at("none"), &n), ERR_KEY_ROOT);
    fd = open(at("root"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(keys_root_read(&t.cx, fd, &s), ERR_OK);
    assert_int_equal(s.n, KEYS_ROOT_SIZE);
}

static void
nothing_in_clear(void **state)
{
    struct str *names;
    size_t n;
    struct bytes text;

    (void)state;
    assert_int_equal(os_folder_list(&t.cx, at("keys"), &names, &n), ERR_OK);
    assert_true(n >= 4);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        const char *path = at(arena_printf(&t.arena, "keys/%.*s", STR(names[i])).p);

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
        assert_int_equal(os_read_file(&t.cx, path, 1 << 20, &text), ERR_OK);
        assert_true(str_search(str_of_bytes(text), S("PRIVATE")) == text.n);
        assert_true(str_search(str_of_bytes(text), S("\"d\":")) == text.n);
    }
}

/* Each member of a key file is bound to its secret. */
static void
altered_files_do_not_open(void **state)
{
    const char *const parts[][2] = { { "\"owner\":\"did:web:node",
                                       "\"owner\":\"did:web:fake" },
                                     { "\"use\":\"subject\"", "\"use\":\"tls\"" },
                                     { "\"created\":1", "\"created\":2" },
                                     { "#0\"", "#1\"" },
                                     { "\"kind\":\"pkcs8\"", "\"kind\":\"token\"" },
                                     { "P-256", "P-384" } };
    struct str *names;
    size_t n, count;
    struct bytes was;

    (void)state;
    assert_int_equal(keys_backup(&t.cx, at("keys"), at("copy")), ERR_OK);
    assert_int_equal(os_folder_list(&t.cx, at("copy"), &names, &n), ERR_OK);
    for (size_t i = 0; i < n; i++) {
        const char *path = at(arena_printf(&t.arena, "copy/%.*s", STR(names[i])).p);

        assert_int_equal(os_read_file(&t.cx, path, 1 << 20, &was), ERR_OK);
        for (size_t p = 0; p < COUNT(parts); p++) {
            struct str text = str_of_bytes(was), from = str_of(parts[p][0]);
            size_t found = str_search(text, from);
            struct str bent;

            if (found == text.n)
                continue;
            bent = arena_printf(&t.arena, "%.*s%s%.*s", (int)found, text.p, parts[p][1],
                                STR(str_sub(text, found + from.n, text.n)));
            assert_int_equal(os_write_file(&t.cx, path, bytes_of(bent), 0600), ERR_OK);
            assert_int_not_equal(prove(at("copy"), at("root"), &count), ERR_OK);
        }
        assert_int_equal(os_write_file(&t.cx, path, was, 0600), ERR_OK);
    }
    assert_int_equal(prove(at("copy"), at("root"), &count), ERR_OK);
}

static void
backup_and_restore(void **state)
{
    size_t were, are;
    struct str before, after;

    (void)state;
    assert_int_equal(keys_public(&t.cx, S(KID), &before), ERR_OK);
    assert_int_equal(prove(at("keys"), at("root"), &were), ERR_OK);
    assert_true(were >= 3);
    assert_int_equal(keys_backup(&t.cx, at("keys"), at("backup")), ERR_OK);
    stop_signer();
    assert_int_equal(rename(at("keys"), at("lost")), 0);
    assert_int_equal(keys_backup(&t.cx, at("backup"), at("keys")), ERR_OK);
    assert_int_equal(prove(at("keys"), at("root"), &are), ERR_OK);
    assert_int_equal(were, are);
    start_signer();
    assert_int_equal(keys_public(&t.cx, S(KID), &after), ERR_OK);
    assert_true(str_eq(before, after));
    assert_int_equal(
        keys_sign_jwt(&t.cx, KEY_VP_JWT, S(KID), vp_at(now_s, now_s + 4), &after), ERR_OK);
    /* a store whose proof was taken away does not take a new root key */
    assert_int_equal(unlink(at("lost/root.check")), 0);
    assert_int_equal(keys_root_make(&t.cx, at("root3")), ERR_OK);
    assert_int_equal(prove(at("lost"), at("root3"), &are), ERR_KEY_ROOT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presentations),
        cmocka_unit_test(presentations_for_later),
        cmocka_unit_test(credentials),
        cmocka_unit_test(dpop_proofs),
        cmocka_unit_test(claims_are_written_anew),
        cmocka_unit_test(keys_are_made_for_their_owner),
        cmocka_unit_test(handshakes),
        cmocka_unit_test(people),
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(no_op_signs_bytes),
        cmocka_unit_test(what_has_no_form_is_cut_off),
        cmocka_unit_test(many_threads_one_pair),
        cmocka_unit_test(a_dead_signer_is_an_error),
        cmocka_unit_test(root_keys),
        cmocka_unit_test(nothing_in_clear),
        cmocka_unit_test(altered_files_do_not_open),
        cmocka_unit_test(backup_and_restore),
    };

    return cmocka_run_group_tests_name("signer", tests, setup, teardown);
}
