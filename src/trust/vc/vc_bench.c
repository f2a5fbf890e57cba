/*
 * vc_bench.c - what a credential and a presentation cost to verify, documents and
 * revocation lists at hand, beside the signatures in them. EUPL-1.2.
 */
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "trust/vc/vc_bench.h"
#include "trust/vc/vc_int.h"

#define ISSUER "did:web:issuer.example.org:iam:2"

struct bench {
    struct arena arena;
    struct ctx cx;
    struct sys sys;
    struct key *holder, *issuer;
    struct bench_pki pki;
    struct bytes signature;
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
    *out = bench_reply(&b->pki, in,
                       str_starts(in->url, S("https://holder")) ? b->holder_doc
                                                                : b->issuer_doc);
    return ERR_OK;
}

static struct str
present(struct bench *b, struct str credential)
{
    struct vp_template t = { .holder = S(BENCH_HOLDER),
                             .audience = S("https://v.example.org/oauth2/x"),
                             .nonce = S("8f2d5e1c"),
                             .credentials = &credential,
                             .count = 1,
                             .from_ms = b->cx.now_ms - 1000,
                             .until_ms = b->cx.now_ms + 4000 };
    struct str claims, jwt;

    bench_must(&b->cx, vp_claims(&b->cx, &t, &claims), "a presentation");
    bench_must(
        &b->cx,
        jws_sign(&b->cx, b->holder,
                 S("{\"alg\":\"ES256\",\"kid\":\"" BENCH_HOLDER "#k\",\"typ\":\"JWT\"}"),
                 bytes_of(claims), &jwt),
        "signing");
    return jwt;
}

static void
make_credentials(struct bench *b)
{
    const struct vc_x509_template x509 = { .chain = b->pki.chain,
                                           .chain_count = 3,
                                           .key = b->pki.leaf_key,
                                           .subject = S(BENCH_HOLDER) };
    struct vc_template t = { .issuer = S(ISSUER),
                             .from_ms = b->cx.now_ms - BENCH_DAY,
                             .until_ms = b->cx.now_ms + BENCH_DAY };
    struct str claims, id;
    json *v;

    bench_must(
        &b->cx,
        json_parse(&b->cx,
                   S("{\"t\":\"NutsOrganizationCredential\",\"s\":{\"id\":\"" BENCH_HOLDER
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
    bench_must(cx, key_generate(cx, KEY_P256, &b->holder), "a key");
    bench_must(cx, key_generate(cx, KEY_P256, &b->issuer), "a key");
    bench_pki_make(cx, KEY_P256, &b->pki);
    bench_must(cx, key_sign(cx, b->issuer, SIG_ES256, SIG_RAW, message, &b->signature),
               "signing");
    s = b->sys.state[ROOM_vc];
    s->roots[s->roots_count++] = cert_ref(b->pki.root);
    b->holder_doc = bench_document(cx, BENCH_HOLDER, b->holder);
    b->issuer_doc = bench_document(cx, ISSUER, b->issuer);
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
    key_free(b.holder);
    key_free(b.issuer);
    bench_pki_free(&b.pki);
    conf_give((struct conf *)(uintptr_t)b.cx.conf);
    arena_fini(&b.arena);
    return 0;
}
