/*
 * policy_bench.c - one request read and judged, against what one loopback
 * answer costs (dependencies.md: 194,600/s on one core, so 5.1 us).
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "base/bench.h"
#include "care/policy/policy.h"

enum { ROUNDS = 200000 };

static const struct {
    const char *name, *path, *query;
} asked[] = {
    { "policy.read", "/Patient/1", "" },
    { "policy.search", "/Appointment", "patient=1&status=booked,pending,proposed" },
    { "policy.lastn", "/Observation/$lastn",
      "patient=1&code=http://loinc.org%7C8302-2,http://loinc.org%7C8306-3,http://"
      "loinc.org%7C8308-9" },
};

static err_t
once(struct ctx *cx, const struct policy_set *set, size_t i)
{
    struct policy_match m[POLICY_MATCHES_MAX];
    struct fhir_request r;
    size_t n;
    err_t e;

    e = fhir_request_parse(cx, HTTP_GET, str_of(asked[i].path), str_of(asked[i].query),
                           S(""), (struct bytes){ NULL, 0 }, &r);
    return e != ERR_OK ? e : policy_match(cx, set, &r, S("bgz"), NULL, 0, m, &n);
}

int
main(int argc, char **argv)
{
    const double bound_ns = 1e9 / 194600;
    struct arena arena, kept;
    struct ctx cx;
    struct policy_source *list;
    struct policy_set *set;
    size_t n, refused;

    bench_start(argc, argv);
    arena_init(&kept, 16u << 20);
    ctx_init(&cx, &kept, INT64_C(1767225600000));
    if (policy_sources(&cx, S("policies"), &list, &n) != ERR_OK ||
        policy_set_new(&cx, list, n, NULL, &set, &refused) != ERR_OK)
        return 1;
    for (size_t i = 0; i < COUNT(asked); i++) {
        int64_t start = bench_thread_ns(), spent;

        arena_init(&arena, 1u << 20);
        cx.arena = &arena;
        for (int k = 0; k < ROUNDS; k++) {
            arena_reset(&arena);
            if (once(&cx, set, i) != ERR_OK)
                return 1;
        }
        spent = bench_thread_ns() - start;
        arena_fini(&arena);
        bench_cost(asked[i].name, (double)spent / ROUNDS, "ns", bound_ns,
                   "ns, one answer on loopback");
    }
    policy_set_give(set);
    arena_fini(&kept);
    return 0;
}
