/* json_bench.c - a bundle of 1 MB read, read strictly, and written. EUPL-1.2. */
#include "base/bench.h"
#include "codec/json/json_int.h"

static double
now(void)
{
    return (double)bench_process_ns() / 1e9;
}

static struct str
bundle(struct arena *a)
{
    struct buf b;
    struct ctx cx;
    struct str text;
    static const char entry[] =
        "%s{\"fullUrl\":\"urn:uuid:%08d\",\"resource\":{\"resourceType\":\"Observation\","
        "\"id\":\"o%d\","
        "\"status\":\"final\",\"code\":{\"coding\":[{\"system\":\"http://"
        "loinc.org\",\"code\":\"29463-7\","
        "\"display\":\"Gewicht \\u2013 "
        "pati\xC3\xABnt\"}]},\"subject\":{\"reference\":\"Patient/p%d\"},"
        "\"effectiveDateTime\":\"2026-01-01T10:00:00+01:00\",\"valueQuantity\":{\"value\":%"
        "d.5,"
        "\"unit\":\"kg\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"kg\"}}}";

    ctx_init(&cx, a, 0);
    buf_init(&b, a);
    buf_z(&b, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[");
    for (int i = 0; b.n < 1000000; i++)
        buf_printf(&b, entry, i ? "," : "", i, i, i % 100, 50 + i % 50);
    buf_z(&b, "]}");
    if (buf_done(&cx, &b, &text) != ERR_OK)
        abort();
    return text;
}

int
main(int argc, char **argv)
{
    enum { ROUNDS = 200 };
    struct arena text_arena, a;
    struct ctx cx;
    struct str text, out;
    double bare = 0, strict = 0, written = 0, at;

    bench_start(argc, argv);
    arena_init(&text_arena, 64u << 20);
    arena_init(&a, 64u << 20);
    text = bundle(&text_arena);
    if (arena_alloc(&a, 20u << 20) ==
        NULL) /* one block for all, touched: no page faults below */
        abort();
    for (int i = 0; i < ROUNDS; i++) {
        struct yyjson_alc alc = json__allocator(&a);
        json *v;

        arena_reset(&a);
        ctx_init(&cx, &a, 0);
        at = now();
        if (yyjson_read_opts((char *)(uintptr_t)text.p, text.n, 0, &alc, NULL) == NULL)
            abort();
        bare += now() - at;
        arena_reset(&a);
        at = now();
        if (json_parse(&cx, text, JSON_STRICT, &v) != ERR_OK)
            abort();
        strict += now() - at;
        at = now();
        if (json_text(&cx, v, &out) != ERR_OK)
            abort();
        written += now() - at;
    }
    bench_rate("json.parse", (double)text.n * ROUNDS / strict / 1e6, "MB/s",
               (double)text.n * ROUNDS / bare / 1e6, "MB/s, bare yyjson");
    bench_rate("json.write", (double)out.n * ROUNDS / written / 1e6, "MB/s",
               (double)text.n * ROUNDS / strict / 1e6, "MB/s, json.parse");
    arena_fini(&a);
    arena_fini(&text_arena);
    return 0;
}
