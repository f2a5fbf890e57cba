/*
 * oauth_bench.c - what a token costs the node that gives it: an X509Credential (RSA, as
 * CIBG's are) in a presentation, with a DPoP proof, documents and lists at hand; beside
 * the signatures in it. And what a live token costs in memory. The whole program under
 * load is in test/load. EUPL-1.2.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/oauth/oauth_int.h"
#include "trust/vc/vc_bench.h"

#define AS "https://node.example.org/oauth2/hospital"

enum { REQUESTS = 4500, WARM = 500, ROUNDS = 4, THREADS = 16 };

struct bench {
    struct arena arena;
    struct ctx cx;
    struct sys sys;
    char dir[64], url[96];
    struct key *holder;
    struct bench_pki pki;
    struct bytes ec_signature, rsa_signature;
    struct str doc, x509;
    struct oauth__asked asked[REQUESTS];
    char token[REQUESTS][43];
};

static const struct bytes message = { (const uint8_t *)"thirty-two bytes, or a few more",
                                      32 };

/* --- the world ------------------------------------------------------------------- */

static err_t
answer(struct ctx *cx, void *arg, const struct fetch_request *in, struct fetch_reply *out)
{
    struct bench *b = arg;

    (void)cx;
    *out = bench_reply(&b->pki, in, b->doc);
    return ERR_OK;
}

static void
make_holder(struct bench *b)
{
    const struct vc_x509_template x509 = { .chain = b->pki.chain,
                                           .chain_count = 3,
                                           .key = b->pki.leaf_key,
                                           .subject = S(BENCH_HOLDER) };

    b->doc = bench_document(&b->cx, BENCH_HOLDER, b->holder);
    bench_must(&b->cx, vc_x509_issue(&b->cx, &x509, &b->x509), "an X509Credential");
}

/* A file in the folder of policies. */
static void
put_definitions(struct bench *b)
{
    struct bytes shipped;
    struct str path = arena_printf(&b->arena, "%s/bgz", b->dir);

    bench_must(&b->cx,
               os_read_file(&b->cx, "policies/bgz/definitions.json", 1 << 20, &shipped),
               "policies/bgz: run from the root of the sources");
    (void)mkdir(path.p, 0700);
    path = arena_printf(&b->arena, "%s/bgz/definitions.json", b->dir);
    bench_must(&b->cx, os_write_new(&b->cx, path.p, shipped, 0600), "a folder of policies");
}

static void
open_rooms(struct bench *b)
{
    struct ctx *cx = &b->cx;
    struct conf *conf = (struct conf *)(uintptr_t)cx->conf;
    struct str roots = arena_printf(&b->arena, "%s/roots.pem", b->dir), pem;
    struct buf out;

    buf_init(&out, &b->arena);
    pem_put(&out, "CERTIFICATE", cert_der(b->pki.root));
    bench_must(cx, buf_done(cx, &out, &pem), "roots");
    bench_must(cx, os_write_new(cx, roots.p, bytes_of(pem), 0600), "roots");
    conf->vc_x509_roots = roots;
    conf->policies_folder = str_of(b->dir);
    put_definitions(b);
    bench_must(cx, did_room.open(cx, &b->sys.state[ROOM_did]), "the room");
    bench_must(cx, vc_room.open(cx, &b->sys.state[ROOM_vc]), "the room");
    bench_must(cx, oauth_room.open(cx, &b->sys.state[ROOM_oauth]), "the room");
}

static err_t
told(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    (void)record;
    return ERR_OK;
}

/* A subject needs no key to give tokens. */
static void
make_subject(struct bench *b)
{
    const struct http_route *const tables[] = { did_room.routes };
    const struct http_ask ask = {
        .tables = tables, .table_count = 1, .door = HTTP_DOOR_INTERNAL, .audit_put = told
    };
    struct str reply;

    bench_must(&b->cx,
               http_ask(&b->cx, &ask,
                        S("POST /internal/vdr/v2/subject HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: 52\r\n\r\n"
                          "{\"subject\":\"hospital\",\"keys\":{\"assertionKey\":false}}"),
                        &reply),
               "a subject");
    if (!str_starts(reply, S("HTTP/1.1 200"))) {
        fprintf(stderr, "%.*s\n", STR(reply));
        exit(1);
    }
}

/* --- requests ----------------------------------------------------------------------- */

static struct str
sign(struct bench *b, struct str header, struct str claims)
{
    struct str jwt;

    bench_must(&b->cx, jws_sign(&b->cx, b->holder, header, bytes_of(claims), &jwt),
               "signing");
    return jwt;
}

static struct str
make_proof(struct bench *b, int i)
{
    struct str jwk, header, claims;

    bench_must(&b->cx, jwk_text(&b->cx, b->holder, S(""), &jwk), "a JWK");
    header = arena_printf(
        &b->arena, "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":%.*s}", STR(jwk));
    claims = arena_printf(&b->arena,
                          "{\"htm\":\"POST\",\"htu\":\"" AS "/token\",\"iat\":%lld,\"jti\":"
                          "\"%043d\"}",
                          (long long)b->cx.now_ms / 1000, i);
    return sign(b, header, claims);
}

static void
make_request(struct bench *b, int i)
{
    struct vp_template t = { .holder = S(BENCH_HOLDER),
                             .audience = S(AS),
                             .nonce = arena_printf(&b->arena, "%043d", i),
                             .credentials = &b->x509,
                             .count = 1,
                             .from_ms = b->cx.now_ms - 1000,
                             .until_ms = b->cx.now_ms + 4000 };
    struct str claims;

    bench_must(&b->cx, vp_claims(&b->cx, &t, &claims), "a presentation");
    b->asked[i] = (struct oauth__asked){
        .subject = S("hospital"),
        .grant_type = S("vp_token-bearer"),
        .client_id = S("https://holder.example.org/oauth2/care"),
        .scope = S("bgz"),
        .assertion =
            sign(b, S("{\"alg\":\"ES256\",\"kid\":\"" BENCH_HOLDER "#k\",\"typ\":\"JWT\"}"),
                 claims),
        .submission = S("{\"id\":\"s\",\"definition_id\":\"pd_bgz_organization\","
                        "\"descriptor_map\":[{\"id\":\"id_x509\",\"format\":\"jwt_vc\","
                        "\"path\":\"$.verifiableCredential\"}]}"),
        .dpop = make_proof(b, i),
    };
}

static void
prepare(struct bench *b)
{
    struct ctx *cx = &b->cx;
    struct conf *conf;

    arena_init(&b->arena, 1024u << 20);
    ctx_init(cx, &b->arena, INT64_C(1767225600000));
    bench_must(cx, conf_default(cx, &conf), "options");
    conf->url = S("https://node.example.org");
    cx->conf = conf;
    cx->sys = &b->sys;
    umask(077);
    snprintf(b->dir, sizeof(b->dir), "/tmp/knoop-bench-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        exit(1);
    snprintf(b->url, sizeof(b->url), "sqlite://%s/store/k.db", b->dir);
    bench_must(cx, store_open(cx, str_of(b->url), &b->sys.store), "the store");
    b->sys.fetch = fetch_pretend(answer, b);
    bench_must(cx, key_generate(cx, KEY_P256, &b->holder), "a key");
    bench_pki_make(cx, KEY_RSA, &b->pki);
    bench_must(cx, key_sign(cx, b->holder, SIG_ES256, SIG_RAW, message, &b->ec_signature),
               "signing");
    bench_must(
        cx, key_sign(cx, b->pki.leaf_key, SIG_PS256, SIG_RAW, message, &b->rsa_signature),
        "signing");
    open_rooms(b);
    make_subject(b);
    make_holder(b);
    for (int i = 0; i < REQUESTS; i++)
        make_request(b, i);
}

/* --- what is measured --------------------------------------------------------------- */

/* One thread of a pool: its share of the requests, or as many bounds. */
struct share {
    struct bench *b;
    int from, to;
    bool bound;
};

static void
verify(struct bench *b, struct ctx *cx, const struct key *key, enum sig_alg alg,
       struct bytes signature)
{
    (void)b;
    bench_must(cx, key_verify(cx, key, alg, SIG_RAW, message, signature), "a signature");
}

/*
 * What a request stands on: presentation, proof, credential, its certificate and the
 * CA's, and the lists of both (docs/dependencies: "when every part is counted"). The
 * first three are verified each time; that the others were is remembered.
 */
static void
bound(struct bench *b, struct ctx *cx)
{
    verify(b, cx, b->holder, SIG_ES256, b->ec_signature);
    verify(b, cx, b->holder, SIG_ES256, b->ec_signature);
    for (int i = 0; i < 5; i++)
        verify(b, cx, b->pki.leaf_key, SIG_PS256, b->rsa_signature);
}

static void
grant(struct bench *b, struct ctx *cx, int i)
{
    struct audit_record audit = { 0 };
    struct oauth__given given;

    bench_must(cx, oauth__grant(cx, &b->asked[i], &audit, &given), "a token");
    memcpy(b->token[i], given.token.p, sizeof(b->token[i]));
}

static void *
work(void *arg)
{
    const struct share *s = arg;
    struct arena arena;
    struct ctx cx;

    arena_init(&arena, 64u << 20);
    for (int i = s->from; i < s->to; i++) {
        ctx_init(&cx, &arena, s->b->cx.now_ms);
        cx.conf = s->b->cx.conf;
        cx.sys = &s->b->sys;
        if (s->bound)
            bound(s->b, &cx);
        else
            grant(s->b, &cx, i);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    return NULL;
}

/* CPU of the process for each of them, in microseconds. */
static double
pool_us(struct bench *b, int from, int to, bool is_bound)
{
    struct share share[THREADS];
    pthread_t thread[THREADS];
    int64_t start = bench_process_ns();

    for (int i = 0; i < THREADS; i++) {
        share[i] = (struct share){ b, from + (to - from) * i / THREADS,
                                   from + (to - from) * (i + 1) / THREADS, is_bound };
        if (pthread_create(&thread[i], NULL, work, &share[i]) != 0)
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return (double)(bench_process_ns() - start) / 1e3 / (to - from);
}

static double
finds_us(struct bench *b)
{
    enum { TIMES = 20000 };
    struct arena *kept = b->cx.arena, scratch;
    struct oauth_token t;
    int64_t start = bench_thread_ns();

    arena_init(&scratch, 64u << 20);
    b->cx.arena = &scratch;
    for (int i = 0; i < TIMES; i++) {
        struct str token = { b->token[i % REQUESTS], 43 };

        bench_must(&b->cx, oauth_token_find(&b->cx, token, &t), "a token");
        arena_reset(&scratch);
    }
    b->cx.arena = kept;
    arena_fini(&scratch);
    return (double)(bench_thread_ns() - start) / 1e3 / TIMES;
}

static double
resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (f != NULL)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* As many live tokens as a busy quarter of an hour gives. */
static err_t
put_many(struct ctx *cx, void *arg)
{
    static const uint8_t sealed[1200];
    struct oauth__token t = { .sealed = { sealed, 600 },
                              .sealed_more = { sealed, 1200 },
                              .expires_ms = cx->now_ms + 900000 };
    err_t e = ERR_OK;

    (void)arg;
    for (int i = 0; i < 1000 && e == ERR_OK; i++)
        if ((e = random_text(cx, 32, &t.text)) == ERR_OK)
            e = oauth__token_put(cx, &t);
    return e;
}

static double
memory_bytes(struct bench *b)
{
    enum { THOUSANDS = 60 };
    struct arena *kept = b->cx.arena, scratch;
    double before = resident_bytes();

    arena_init(&scratch, 64u << 20);
    b->cx.arena = &scratch;
    for (int i = 0; i < THOUSANDS; i++) {
        bench_must(&b->cx, store_transact_brief(&b->cx, put_many, NULL), "tokens");
        arena_reset(&scratch);
    }
    b->cx.arena = kept;
    arena_fini(&scratch);
    return (resident_bytes() - before) / (THOUSANDS * 1000);
}

int
main(int argc, char **argv)
{
    static struct bench b;
    char command[128];
    double grown, us = 0, least = 0;

    bench_start(argc, argv);
    prepare(&b);
    (void)pool_us(&b, 0, WARM, false);
    for (int i = 0; i < ROUNDS; i++) { /* turn by turn: a busy machine slows both alike */
        int from = WARM + (REQUESTS - WARM) * i / ROUNDS;
        int to = WARM + (REQUESTS - WARM) * (i + 1) / ROUNDS;

        least += pool_us(&b, from, to, true) / ROUNDS;
        us += pool_us(&b, from, to, false) / ROUNDS;
    }
    grown = memory_bytes(&b);
    bench_cost("oauth.token-x509-dpop", us, "us", least,
               "us, the seven signatures that it stands on");
    bench_cost("oauth.memory-per-token", grown > 1 ? grown : 1, "B", 1000,
               "B, nuts-node takes 10000 to 28000");
    bench_cost("oauth.find", finds_us(&b), "us", 1e6 / 155000, "us, one look-up in SQLite");
    oauth_room.close(b.sys.state[ROOM_oauth]);
    vc_room.close(b.sys.state[ROOM_vc]);
    did_room.close(b.sys.state[ROOM_did]);
    fetch_close(b.sys.fetch);
    store_close(b.sys.store);
    key_free(b.holder);
    bench_pki_free(&b.pki);
    conf_give((struct conf *)(uintptr_t)b.cx.conf);
    arena_fini(&b.arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", b.dir);
    return system(command) == 0 ? 0 : 1;
}
