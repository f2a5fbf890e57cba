/*
 * release_fuzz.c - bytes as the upstream's answer to a search. What is released reads as
 * JSON, and each resource in it is the one that came, but for URLs of the upstream.
 * EUPL-1.2.
 */
#include <assert.h>

#include "care/gateway/gateway_int.h"
#include "sys/conf/conf.h"

#define UPSTREAM "http://u/f"
#define OURS     "https://a.example/\"fhir\"/h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gateway_judged judged;

/* The judged request is real; it lives as long as the fuzzer. */
static void
prepare(void)
{
    static struct arena arena;
    static struct ctx cx;
    struct policy_source *list;
    struct policy_set *set;
    struct policy_match m[POLICY_MATCHES_MAX];
    size_t n, refused;

    arena_init(&arena, 64u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    assert(policy_sources(&cx, S("policies"), &list, &n) == ERR_OK);
    assert(policy_set_new(&cx, list, n, NULL, &set, &refused) == ERR_OK);
    assert(fhir_request_parse(&cx, HTTP_GET, S("/Condition"), S("patient=1"), S(""),
                              (struct bytes){ NULL, 0 }, &judged.request) == ERR_OK);
    assert(policy_match(&cx, set, &judged.request, S("bgz"), NULL, 0, m, &n) == ERR_OK);
    judged.match = m[0];
    judged.upstream = S(UPSTREAM);
    judged.public_url = S(OURS);
    judged.tenant = S("h");
    judged.patient.id = S("1");
}

static bool
same_text(struct ctx *cx, struct str in, struct str out)
{
    struct str ours = gateway__our_url(cx, in, &judged);

    return ours.p == NULL || str_eq(ours, out);
}

static bool
same(struct ctx *cx, const json *in, const json *out)
{
    struct json_iter a = json_iter_start(in), b = json_iter_start(out);
    struct str x, y;

    if (json_type(in) != json_type(out) || json_size(in) != json_size(out))
        return false;
    if (json_str(in, &x))
        return json_str(out, &y) && same_text(cx, x, y);
    if (json_type(in) != JSON_ARRAY && json_type(in) != JSON_OBJECT)
        return json_equal(in, out);
    while (json_iter_next(&a) && json_iter_next(&b))
        if (!same_text(cx, a.name, b.name) || !same(cx, a.value, b.value))
            return false;
    return true;
}

/* Of an entry's search its mode goes on, as one of two words; where none was, nothing. */
static bool
is_search(const json *in, const json *out)
{
    const json *mode = json_path(in, "mode", NULL);

    if (mode == NULL)
        return out == NULL;
    return json_size(out) == 1 &&
           json_is(json_get(out, "mode"), json_is(mode, "include") ? "include" : "match");
}

static void
compare(struct ctx *cx, const json *in, const json *out)
{
    struct json_iter b = json_iter_start(json_get(out, "entry"));

    for (json_each(a, json_get(in, "entry"))) {
        const json *resource = json_get(a.value, "resource");

        if (json_is(json_get(resource, "resourceType"), "OperationOutcome") ||
            json_is(json_path(a.value, "search", "mode", NULL), "outcome"))
            continue;
        assert(json_iter_next(&b));
        assert(same(cx, resource, json_get(b.value, "resource")));
        assert(is_search(json_get(a.value, "search"), json_get(b.value, "search")));
    }
    assert(!json_iter_next(&b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gateway gw;
    struct arena arena;
    struct ctx cx;
    struct str out;
    json *before, *after;

    if (judged.tenant.n == 0)
        prepare();
    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    if (gateway__release(&cx, &gw, &judged, (struct bytes){ data, size }, &out) == ERR_OK) {
        assert(json_parse(&cx, out, JSON_RAW_NUMBERS, &after) == ERR_OK);
        assert(json_parse(&cx, (struct str){ (const char *)data, size }, JSON_RAW_NUMBERS,
                          &before) == ERR_OK);
        compare(&cx, before, after);
    }
    arena_fini(&arena);
    return 0;
}
