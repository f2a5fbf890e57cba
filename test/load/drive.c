/*
 * drive.c - the generator as a command, for what is set up by a script:
 *
 *     drive PORT PID CONNECTIONS SECONDS MOST RATE FILE
 *
 * FILE holds requests, each behind its length in decimal and a line end. Prints what
 * load.h calls a result, as JSON. EUPL-1.2.
 */
#include "load.h"

static struct arena arena;
static struct ctx cx;

static size_t
read_requests(const char *path, struct str **out)
{
    FILE *f = fopen(path, "r");
    size_t n = 0, room = 0, length;

    while (f != NULL && fscanf(f, "%zu", &length) == 1 && fgetc(f) == '\n') {
        char *p = arena_take(&arena, length);

        if (n == room) {
            *out = arena_grow(&arena, *out, room * sizeof(**out),
                              (room ? 2 * room : 64) * sizeof(**out));
            room = room ? 2 * room : 64;
        }
        if (p == NULL || *out == NULL || fread(p, 1, length, f) != length)
            break;
        (*out)[n++] = (struct str){ p, length };
    }
    if (f != NULL)
        fclose(f);
    return n;
}

int
main(int argc, char **argv)
{
    struct str *requests = NULL;
    struct load load = { 0 };
    struct load_result r;

    if (argc != 8) {
        fprintf(stderr, "usage: drive PORT PID CONNECTIONS SECONDS MOST RATE FILE\n");
        return 2;
    }
    arena_init(&arena, 1u << 30);
    ctx_init(&cx, &arena, 0);
    load.requests = read_requests(argv[7], &requests);
    load.request = requests;
    load.port = atoi(argv[1]);
    load.server = atoi(argv[2]);
    load.connections = (size_t)atoi(argv[3]);
    load.seconds = atof(argv[4]);
    load.most = (uint64_t)atoll(argv[5]);
    load.rate = atof(argv[6]);
    bench_pin(bench_last_core());
    r = load_run(&load);
    printf("{\"answers\":%llu,\"bytes\":%llu,\"per_second\":%.1f,\"cpu_us\":%.2f,"
           "\"own_us\":%.2f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (unsigned long long)r.answers, (unsigned long long)r.bytes, r.per_second,
           r.cpu_us, r.own_us, r.p50_us, r.p99_us);
    arena_fini(&arena);
    return 0;
}
