/* data_bench.c - how fast are patients made? Wanted: 50,000 resources/s. EUPL-1.2. */
#include "app/demo/data.h"

#include "base/bench.h"

static err_t
count(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    size_t *n = arg;

    (void)cx, (void)org, (void)type, (void)line;
    ++*n;
    return ERR_OK;
}

int
main(int argc, char **argv)
{
    struct arena arena;
    struct ctx cx;
    int64_t from;
    size_t n = 0;
    double seconds;

    bench_start(argc, argv);
    arena_init(&arena, 1u << 20);
    ctx_init(&cx, &arena, 0);
    from = bench_thread_ns();
    for (uint64_t i = 0; i < 20000; i++)
        if (data_write_patient(&cx, 1, i, count, &n) != ERR_OK)
            return 1;
    seconds = (double)(bench_thread_ns() - from) / 1e9;
    arena_fini(&arena);
    bench_rate("data.resources", (double)n / seconds, "1/s", 50000, "1/s, wanted");
    return 0;
}
