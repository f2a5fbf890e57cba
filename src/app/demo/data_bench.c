/* data_bench.c - how fast are patients made? Wanted: 50,000 resources/s. EUPL-1.2. */
#include "app/demo/data.h"

#include <stdio.h>
#include <time.h>

static err_t
count(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    size_t *n = arg;

    (void)cx, (void)org, (void)type;
    n[0]++;
    n[1] += line.n;
    return ERR_OK;
}

int
main(void)
{
    struct arena arena;
    struct ctx cx;
    struct timespec a, b;
    size_t n[2] = { 0 };
    double seconds;

    arena_init(&arena, 1u << 20);
    ctx_init(&cx, &arena, 0);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t i = 0; i < 20000; i++)
        if (data_write_patient(&cx, 1, i, count, n) != ERR_OK)
            return 1;
    clock_gettime(CLOCK_MONOTONIC, &b);
    arena_fini(&arena);
    seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    printf("resources %zu, %.0f a second (%.1f times the 50,000 wanted), %.0f MB/s\n", n[0],
           (double)n[0] / seconds, (double)n[0] / seconds / 50000,
           (double)n[1] / seconds / 1e6);
    return 0;
}
