/* json_bench.c - a bundle of 1 MB read, read strictly, and written. EUPL-1.2. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec/json/json_int.h"

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
main(void)
{
    enum { ROUNDS = 200 };
    struct arena text_arena, a;
    struct ctx cx;
    struct str text, out;
    double bare = 0, strict = 0, written = 0, at;

    arena_init(&text_arena, 64u << 20);
    arena_init(&a, 64u << 20);
    text = bundle(&text_arena);
    if (arena_alloc(&a, 20u << 20) == NULL) /* one block for all, touched: no page faults below */
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
    printf("bench json.parse %.0f MB/s ratio %.2f of yyjson_bare\n",
           (double)text.n * ROUNDS / strict / 1e6, bare / strict);
    printf("bench json.write %.0f MB/s ratio %.2f of json.parse\n",
           (double)out.n * ROUNDS / written / 1e6, strict / written);
    arena_fini(&a);
    arena_fini(&text_arena);
    return 0;
}
