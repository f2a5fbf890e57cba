/*
 * gateway_bench.c - what the gateway adds of its own: a decision, and an answer
 * checked and rewritten. Tokens, grounds, signer and upstream are constants here;
 * test/load/gateway_bench.c measures the whole.
 *
 * Bounds    A decision: one answer on loopback, as it was when the loop was chosen
 *           (194,600/s). An answer: its bytes parsed, as json_parse does it.
 * Source    Knoop. EUPL-1.2.
 */
#include "base/bench.h"

#include "care/gateway/gateway_int.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "trust/cache/cache.h"

#define UPSTREAM "http://10.0.0.7:8080/fhir"

static struct policy_set *shipped;

static err_t
token_find(struct ctx *cx, struct str token, struct gateway_token *out)
{
    (void)cx, (void)token;
    *out = (struct gateway_token){ .tenant = S("hospital"),
                                   .client_id = S("https://b.example/oauth2/care"),
                                   .did = S("did:web:b.example:iam:care"),
                                   .organisation = S("ura:00000001"),
                                   .scope = S("bgz") };
    return ERR_OK;
}

static void
dpop_check(struct gateway_proof *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i]->e = ERR_OK;
}

static err_t
fetch_patient(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out)
{
    (void)cx, (void)in;
    *out = (struct fetch_reply){
        .status = 200,
        .type = S("application/fhir+json"),
        .body = bytes_of(S("{\"resourceType\":\"Patient\",\"id\":\"1\",\"identifier\":[{"
                           "\"system\":\"" BSN_SYSTEM "\",\"value\":\"999990019\"}]}")),
    };
    out->body = arena_bytes(cx->arena, out->body);
    return ERR_OK;
}

static err_t
seal(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
{
    (void)cx, (void)number;
    *sealed = S("sealed");
    *mac = S("mac");
    return ERR_OK;
}

static err_t
find_ground(struct ctx *cx, const struct ground_question *q, struct ground *out)
{
    (void)cx, (void)q;
    *out = (struct ground){ .id = S("ground-1") };
    return ERR_OK;
}

static struct policy_set *
policies(struct ctx *cx)
{
    (void)cx;
    return policy_set_take(shipped);
}

/* --- a decision ---------------------------------------------------------------- */

static const struct {
    const char *name, *path, *query;
} asked[] = {
    { "gateway.judge.read", "/Patient/1", "" },
    { "gateway.judge.search", "/Condition", "patient=Patient/1" },
    { "gateway.judge.lastn", "/Observation/$lastn",
      "patient=Patient/1&code=http://loinc.org%7C29463-7" },
};

static void
decide(struct ctx *cx, struct gateway *gw, size_t i, struct gateway_plan *plan)
{
    struct gateway_call call = { .method = HTTP_GET,
                                 .tenant = S("hospital"),
                                 .path = str_of(asked[i].path),
                                 .query = str_of(asked[i].query),
                                 .authorization = S("Bearer 0123456789abcdef0123456789") };
    struct audit_record told = { 0 };

    bench_must(cx, gateway__judge(cx, gw, &call, &told, plan), asked[i].name);
}

static void
decisions(struct ctx *cx, struct gateway *gw)
{
    enum { ROUNDS = 100000 };
    struct gateway_plan plan;

    for (size_t i = 0; i < COUNT(asked); i++) {
        int64_t from = bench_thread_ns();

        for (int k = 0; k < ROUNDS; k++) {
            arena_reset(cx->arena);
            decide(cx, gw, i, &plan);
        }
        bench_cost(asked[i].name, (double)(bench_thread_ns() - from) / 1e3 / ROUNDS, "us",
                   1e6 / 194600, "us, one answer on loopback");
    }
}

/* --- an answer ------------------------------------------------------------------- */

static struct str
bundle(struct ctx *cx, size_t size)
{
    static const char entry[] =
        "%s{\"fullUrl\":\"" UPSTREAM "/Condition/c%d\",\"resource\":{\"resourceType\":"
        "\"Condition\",\"id\":\"c%d\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":"
        "\"2026-11-28T10:01:17.788Z\"},\"clinicalStatus\":{\"coding\":[{\"system\":"
        "\"http://terminology.hl7.org/CodeSystem/"
        "condition-clinical\",\"code\":\"active\"}]}"
        ",\"code\":{\"coding\":[{\"system\":\"http://snomed.info/sct\",\"code\":"
        "\"38341003\",\"display\":\"Hypertensie\"}]},\"subject\":{\"reference\":"
        "\"Patient/1\",\"display\":\"Jansen\"},\"recorder\":{\"reference\":\"" UPSTREAM
        "/Practitioner/9\"},\"onsetDateTime\":\"2020-01-01\"},\"search\":{\"mode\":"
        "\"match\"}}";
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    buf_z(&b,
          "{\"resourceType\":\"Bundle\",\"id\":\"x\",\"type\":\"searchset\",\"total\":9,"
          "\"link\":[{\"relation\":\"self\",\"url\":\"" UPSTREAM "\"}],\"entry\":[");
    for (int i = 0; b.n < size - 700; i++)
        buf_printf(&b, entry, i ? "," : "", i, i);
    buf_z(&b, "]}");
    bench_must(cx, buf_done(cx, &b, &out), "bundle");
    return out;
}

/* Microseconds of CPU of one round. */
static double
each(struct ctx *cx, struct gateway *gw, const struct gateway_judged *j, struct str text)
{
    int rounds = (int)(20000000 / text.n);
    int64_t from = bench_thread_ns();

    for (int k = 0; k < rounds; k++) {
        struct str out;
        json *v;

        arena_reset(cx->arena);
        if (j != NULL)
            bench_must(cx, gateway__release(cx, gw, j, bytes_of(text), &out), "release");
        else
            bench_must(cx, json_parse(cx, text, JSON_RAW_NUMBERS, &v), "parse");
    }
    return (double)(bench_thread_ns() - from) / 1e3 / rounds;
}

static void
answers(struct ctx *cx, struct gateway *gw)
{
    static const struct {
        const char *name;
        size_t size;
    } rows[] = { { "gateway.release.10k", 10000 }, { "gateway.release.200k", 200000 } };
    struct arena kept, *scratch = cx->arena;
    struct gateway_plan plan;

    arena_init(&kept, 16u << 20);
    cx->arena = &kept;
    decide(cx, gw, 1, &plan);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str text;

        cx->arena = &kept;
        text = bundle(cx, rows[i].size);
        cx->arena = scratch;
        (void)each(cx, gw, NULL, text);
        bench_cost(rows[i].name, each(cx, gw, plan.judged, text), "us",
                   each(cx, gw, NULL, text), "us, parsed alone");
    }
    arena_fini(&kept);
}

int
main(int argc, char **argv)
{
    static struct str upstreams[] = { S_INIT("hospital=" UPSTREAM) };
    struct gateway gw = { .ports = { token_find, dpop_check, fetch_patient, seal,
                                     find_ground, policies } };
    struct arena kept, arena;
    struct policy_source *list;
    struct sys sys = { 0 };
    struct conf *conf;
    struct ctx cx;
    size_t n, refused;

    bench_start(argc, argv);
    arena_init(&kept, 16u << 20);
    arena_init(&arena, 64u << 20);
    ctx_init(&cx, &kept, INT64_C(1767225600000));
    bench_must(&cx, conf_default(&cx, &conf), "options");
    conf->url = S("https://a.example/");
    conf->gateway_upstreams = (struct conf_list){ upstreams, 1 };
    cx.conf = conf;
    cx.sys = &sys;
    gw.patients = cache_new(1u << 20);
    random_bytes(gw.page_key, sizeof(gw.page_key));
    bench_must(&cx, policy_sources(&cx, S("policies"), &list, &n), "policies");
    bench_must(&cx, policy_set_new(&cx, list, n, NULL, &shipped, &refused), "policies");
    cx.arena = cx.scratch = &arena;
    decisions(&cx, &gw);
    answers(&cx, &gw);
    policy_set_give(shipped);
    cache_free(gw.patients);
    conf_give(conf);
    arena_fini(&arena);
    arena_fini(&kept);
    return 0;
}
