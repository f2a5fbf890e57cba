/*
 * did_bench.c - what it costs to know whose key it is, beside one verification with
 * that key. EUPL-1.2.
 */
#include "base/bench.h"

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/room.h"
#include "trust/did/did.h"

#define WEB "did:web:peer.example.org:iam:0f5a4a0b-7d2e-4e64-9a3f-5b0d3f6f0b11"

struct bench {
    struct arena arena;
    struct ctx cx;
    struct sys sys;
    struct key *key;
    struct str web, did_key, did_jwk, document;
    struct bytes signature;
};

static const struct bytes message = { (const uint8_t *)"thirty-two bytes, or a few more",
                                      32 };

static err_t
answer(struct ctx *cx, void *arg, const struct fetch_request *in, struct fetch_reply *out)
{
    struct bench *b = arg;

    (void)cx;
    (void)in;
    *out = (struct fetch_reply){ 200, S("application/json"), bytes_of(b->document), -1 };
    return ERR_OK;
}

static err_t
verify(struct bench *b)
{
    return key_verify(&b->cx, b->key, SIG_ES256, SIG_RAW, message, b->signature);
}

static err_t
resolve(struct bench *b, struct str did)
{
    struct did_doc doc;

    return did_resolve(&b->cx, did, NULL, &doc);
}

static err_t
resolve_web(struct bench *b)
{
    return resolve(b, b->web);
}

static err_t
resolve_key(struct bench *b)
{
    return resolve(b, b->did_key);
}

static err_t
resolve_jwk(struct bench *b)
{
    return resolve(b, b->did_jwk);
}

static double
run(struct bench *b, const char *what, err_t (*fn)(struct bench *))
{
    struct arena *kept = b->cx.arena, scratch;
    int64_t start = bench_thread_ns(), spent = 0;
    long n = 0;

    arena_init(&scratch, 16u << 20);
    b->cx.arena = &scratch;
    for (; spent < 300000000; spent = bench_thread_ns() - start)
        for (int i = 0; i < 64; i++, n++) {
            bench_must(&b->cx, fn(b), what);
            arena_reset(&scratch);
        }
    b->cx.arena = kept;
    arena_fini(&scratch);
    return (double)spent / 1e3 / (double)n;
}

/* A document as real nodes publish it; the DIDs that hold the same key. */
static void
prepare(struct bench *b)
{
    struct ctx *cx = &b->cx;
    struct str jwk, text;
    struct conf *conf;

    arena_init(&b->arena, 16u << 20);
    ctx_init(cx, &b->arena, INT64_C(1767225600000));
    bench_must(cx, conf_default(cx, &conf), "options");
    conf->url = S("https://node.example.org");
    cx->conf = conf;
    cx->sys = &b->sys;
    b->sys.fetch = fetch_pretend(answer, b);
    bench_must(cx, did_room.open(cx, &b->sys.state[ROOM_did]), "the room");
    bench_must(cx, key_generate(cx, KEY_P256, &b->key), "a key");
    bench_must(cx, key_sign(cx, b->key, SIG_ES256, SIG_RAW, message, &b->signature),
               "signing");
    bench_must(cx, jwk_text(cx, b->key, S(""), &jwk), "its JWK");
    bench_must(cx, b64url(cx, bytes_of(jwk), &text), "base64url");
    b->web = S(WEB);
    b->did_jwk = arena_printf(cx->arena, "did:jwk:%.*s", STR(text));
    b->did_key = S("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169");
    b->document = arena_printf(
        cx->arena,
        "{\"@context\":[\"https://www.w3.org/ns/did/v1\"],\"id\":\"" WEB
        "\",\"verificationMethod\":[{\"id\":\"" WEB "#k\",\"type\":\"JsonWebKey2020\","
        "\"controller\":\"" WEB "\",\"publicKeyJwk\":%.*s}],\"authentication\":[\"" WEB
        "#k\"],\"assertionMethod\":[\"" WEB "#k\"],\"capabilityInvocation\":[\"" WEB
        "#k\"],\"capabilityDelegation\":[\"" WEB "#k\"]}",
        STR(jwk));
}

int
main(int argc, char **argv)
{
    static const char one[] = "us, a P-256 verification";
    static struct bench b;
    double signature;

    bench_start(argc, argv);
    prepare(&b);
    signature = run(&b, "verifying", verify);
    bench_cost("did.resolve-web-cached", run(&b, "web", resolve_web), "us", signature, one);
    bench_cost("did.resolve-key", run(&b, "key", resolve_key), "us", signature, one);
    bench_cost("did.resolve-jwk", run(&b, "jwk", resolve_jwk), "us", signature, one);
    did_room.close(b.sys.state[ROOM_did]);
    fetch_close(b.sys.fetch);
    key_free(b.key);
    conf_give((struct conf *)(uintptr_t)b.cx.conf);
    arena_fini(&b.arena);
    return 0;
}
