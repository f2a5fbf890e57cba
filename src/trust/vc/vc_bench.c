/*
 * vc_bench.c - what a credential and a presentation cost to verify, documents and
 * revocation lists at hand, beside the signatures in them. EUPL-1.2.
 */
#include "base/bench.h"

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/room.h"
#include "trust/vc/vc_int.h"

#define DAY    INT64_C(86400000)
#define HOLDER "did:web:holder.example.org:iam:1"
#define ISSUER "did:web:issuer.example.org:iam:2"
#define UZI    "2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344"

struct bench {
    struct arena arena;
    struct ctx cx;
    struct sys sys;
    struct key *holder, *issuer, *root_key, *ca_key, *leaf_key;
    struct cert *root, *ca, *leaf;
    struct bytes crl[2], chain[3], signature;
    struct str holder_doc, issuer_doc, jwt, vp_jwt, x509, vp_x509;
};

static const struct bytes message = { (const uint8_t *)"thirty-two bytes, or a few more",
                                      32 };

/* --- the world ------------------------------------------------------------------- */

static err_t
answer(struct ctx *cx, void *arg, const struct fetch_request *in, struct fetch_reply *out)
{
    struct bench *b = arg;

    (void)cx;
    *out = (struct fetch_reply){ 200, S("application/json"), { NULL, 0 }, -1 };
    if (in->trust == FETCH_CRL)
        out->body = b->crl[str_ends(in->url, S("root.crl"))];
    else
        out->body = bytes_of(str_starts(in->url, S("https://holder")) ? b->holder_doc
                                                                      : b->issuer_doc);
    return ERR_OK;
}

static struct str
document(struct bench *b, const char *did, const struct key *key)
{
    struct str jwk, doc;

    bench_must(&b->cx, jwk_text(&b->cx, key, S(""), &jwk), "a JWK");
    doc = arena_printf(&b->arena,
                       "{\"id\":\"%s\",\"verificationMethod\":[{\"id\":\"%s#k\",\"type\":"
                       "\"JsonWebKey2020\",\"controller\":\"%s\",\"publicKeyJwk\":%.*s}],"
                       "\"authentication\":[\"%s#k\"],\"assertionMethod\":[\"%s#k\"]}",
                       did, did, did, STR(jwk), did, did);
    return doc;
}

static struct cert *
certify(struct bench *b, enum x509_kind kind, const char *cn, const char *crl,
        const struct key *key, const struct cert *by, const struct key *by_key)
{
    const struct cert_attr names[] = { { S("CN"), str_of(cn) },
                                       { S("O"), S("Huis") },
                                       { S("L"), S("Oss") } };
    const struct cert_san san[] = { { CERT_SAN_DNS, S("h.example.org"), S("") },
                                    { CERT_SAN_OTHER_NAME, S(UZI), S("2.5.5.5") } };
    const struct x509_make what = { .kind = kind,
                                    .subject = names,
                                    .subject_count = kind == X509_MAKE_UZI_SERVER ? 3 : 1,
                                    .san = san,
                                    .san_count = kind == X509_MAKE_UZI_SERVER ? 2 : 0,
                                    .crl_url = str_of(crl),
                                    .from_ms = b->cx.now_ms - DAY,
                                    .to_ms = b->cx.now_ms + 30 * DAY };
    struct bytes der;
    struct cert *c;

    bench_must(&b->cx, x509_make(&b->cx, &what, key, by, by_key, &der), cn);
    bench_must(&b->cx, cert_parse(&b->cx, der, &c), cn);
    return c;
}

static void
make_pki(struct bench *b)
{
    struct ctx *cx = &b->cx;

    b->root = certify(b, X509_MAKE_ROOT, "Root", "", b->root_key, NULL, b->root_key);
    b->ca = certify(b, X509_MAKE_INTERMEDIATE, "CA", "http://c.example.org/root.crl",
                    b->ca_key, b->root, b->root_key);
    b->leaf = certify(b, X509_MAKE_UZI_SERVER, "h.example.org",
                      "http://c.example.org/ca.crl", b->leaf_key, b->ca, b->ca_key);
    b->chain[0] = cert_der(b->leaf);
    b->chain[1] = cert_der(b->ca);
    b->chain[2] = cert_der(b->root);
    bench_must(cx,
               x509_make_crl(cx, b->ca, b->ca_key, NULL, 0, 1, cx->now_ms - DAY,
                             cx->now_ms + DAY, &b->crl[0]),
               "a list");
    bench_must(cx,
               x509_make_crl(cx, b->root, b->root_key, NULL, 0, 1, cx->now_ms - DAY,
                             cx->now_ms + DAY, &b->crl[1]),
               "a list");
}

static struct str
present(struct bench *b, struct str credential)
{
    struct vp_template t = { .holder = S(HOLDER),
                             .audience = S("https://v.example.org/oauth2/x"),
                             .nonce = S("8f2d5e1c"),
                             .credentials = &credential,
                             .count = 1,
                             .from_ms = b->cx.now_ms - 1000,
                             .until_ms = b->cx.now_ms + 4000 };
    struct str claims, jwt;

    bench_must(&b->cx, vp_claims(&b->cx, &t, &claims), "a presentation");
    bench_must(&b->cx,
               jws_sign(&b->cx, b->holder,
                        S("{\"alg\":\"ES256\",\"kid\":\"" HOLDER "#k\",\"typ\":\"JWT\"}"),
                        bytes_of(claims), &jwt),
               "signing");
    return jwt;
}

static void
make_credentials(struct bench *b)
{
    const struct vc_x509_template x509 = {
        .chain = b->chain, .chain_count = 3, .key = b->leaf_key, .subject = S(HOLDER)
    };
    struct vc_template t = { .issuer = S(ISSUER),
                             .from_ms = b->cx.now_ms - DAY,
                             .until_ms = b->cx.now_ms + DAY };
    struct str claims, id;
    json *v;

    bench_must(&b->cx,
               json_parse(&b->cx,
                          S("{\"t\":\"NutsOrganizationCredential\",\"s\":{\"id\":\"" HOLDER
                            "\",\"organization\":{\"name\":\"Huis\",\"city\":\"Oss\"}}}"),
                          JSON_STRICT, &v),
               "JSON");
    t.types = json_get(v, "t");
    t.subject = json_get(v, "s");
    bench_must(&b->cx, vc_claims(&b->cx, &t, &claims, &id), "a credential");
    bench_must(&b->cx,
               jws_sign(&b->cx, b->issuer,
                        S("{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"typ\":\"JWT\"}"),
                        bytes_of(claims), &b->jwt),
               "signing");
    bench_must(&b->cx, vc_x509_issue(&b->cx, &x509, &b->x509), "an X509Credential");
    b->vp_jwt = present(b, b->jwt);
    b->vp_x509 = present(b, b->x509);
}

static void
prepare(struct bench *b)
{
    struct key **const keys[] = { &b->holder, &b->issuer, &b->root_key, &b->ca_key,
                                  &b->leaf_key };
    struct ctx *cx = &b->cx;
    struct vc__state *s;
    struct conf *conf;

    arena_init(&b->arena, 16u << 20);
    ctx_init(cx, &b->arena, INT64_C(1767225600000));
    bench_must(cx, conf_default(cx, &conf), "options");
    conf->url = S("https://node.example.org");
    cx->conf = conf;
    cx->sys = &b->sys;
    b->sys.fetch = fetch_pretend(answer, b);
    bench_must(cx, did_room.open(cx, &b->sys.state[ROOM_did]), "the room");
    bench_must(cx, vc_room.open(cx, &b->sys.state[ROOM_vc]), "the room");
    for (size_t i = 0; i < COUNT(keys); i++)
        bench_must(cx, key_generate(cx, KEY_P256, keys[i]), "a key");
    bench_must(cx, key_sign(cx, b->issuer, SIG_ES256, SIG_RAW, message, &b->signature),
               "signing");
    make_pki(b);
    s = b->sys.state[ROOM_vc];
    s->roots[s->roots_count++] = cert_ref(b->root);
    b->holder_doc = document(b, HOLDER, b->holder);
    b->issuer_doc = document(b, ISSUER, b->issuer);
    make_credentials(b);
}

/* --- what is measured ----------------------------------------------------------- */

static err_t
one_signature(struct bench *b)
{
    return key_verify(&b->cx, b->issuer, SIG_ES256, SIG_RAW, message, b->signature);
}

static err_t
credential(struct bench *b, struct str jwt)
{
    struct vc_raw raw;
    struct vc vc;
    err_t e = vc_parse(&b->cx, jwt, &raw);

    return e != ERR_OK ? e : vc_verify(&b->cx, &raw, NULL, &vc);
}

static err_t
presentation(struct bench *b, struct str jwt)
{
    const struct vp_options how = { .audience = S("https://v.example.org/oauth2/x"),
                                    .nonce = S("8f2d5e1c") };
    struct vp_raw raw;
    struct vp vp;
    err_t e = vp_parse(&b->cx, jwt, &raw);

    return e != ERR_OK ? e : vp_verify(&b->cx, &raw, &how, &vp);
}

static err_t
vc_jwt(struct bench *b)
{
    return credential(b, b->jwt);
}

static err_t
vc_x509(struct bench *b)
{
    return credential(b, b->x509);
}

static err_t
vp_jwt(struct bench *b)
{
    return presentation(b, b->vp_jwt);
}

static err_t
vp_x509(struct bench *b)
{
    return presentation(b, b->vp_x509);
}

static double
run(struct bench *b, const char *what, err_t (*fn)(struct bench *))
{
    struct arena *kept = b->cx.arena, scratch;
    int64_t start = bench_thread_ns(), spent = 0;
    long n = 0;

    arena_init(&scratch, 16u << 20);
    b->cx.arena = &scratch;
    for (; spent < 500000000; spent = bench_thread_ns() - start)
        for (int i = 0; i < 16; i++, n++) {
            bench_must(&b->cx, fn(b), what);
            arena_reset(&scratch);
        }
    b->cx.arena = kept;
    arena_fini(&scratch);
    return (double)spent / 1e3 / (double)n;
}

int
main(int argc, char **argv)
{
    static struct bench b;
    double one;

    bench_start(argc, argv);
    prepare(&b);
    one = run(&b, "a signature", one_signature);
    bench_cost("vc.verify-jwt", run(&b, "vc", vc_jwt), "us", one,
               "us, its signature alone");
    bench_cost("vc.verify-x509", run(&b, "vc", vc_x509), "us", one,
               "us, its signature alone");
    bench_cost("vp.verify-jwt", run(&b, "vp", vp_jwt), "us", 2 * one,
               "us, its two signatures alone");
    bench_cost("vp.verify-x509", run(&b, "vp", vp_x509), "us", 2 * one,
               "us, its two signatures alone");
    vc_room.close(b.sys.state[ROOM_vc]);
    did_room.close(b.sys.state[ROOM_did]);
    fetch_close(b.sys.fetch);
    for (size_t i = 0; i < 5; i++)
        key_free(
            (struct key *[]){ b.holder, b.issuer, b.root_key, b.ca_key, b.leaf_key }[i]);
    cert_free(b.root);
    cert_free(b.ca);
    cert_free(b.leaf);
    conf_give((struct conf *)(uintptr_t)b.cx.conf);
    arena_fini(&b.arena);
    return 0;
}
