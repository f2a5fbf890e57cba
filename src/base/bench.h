/*
 * bench.h - what every x_bench.c starts with: one line a benchmark, and clocks.
 *
 *     bench NAME VALUE UNIT ratio R of BOUND
 *
 * Rule      A ratio of 1 is the bound itself, and more is better: value / bound of
 *           what is done per second, bound / value of what something costs. A bound
 *           is measured in the same run wherever it can be; else it says whose it is.
 *           With --json each line is an object with the same members.
 * Clocks    CPU time is steadier than the wall on a busy machine: costs are told in
 *           it, and by the wall only where waiting is the thing that is measured.
 * Included by benchmarks alone.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_BENCH_H
#define KNOOP_BASE_BENCH_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

static bool bench_json_;

static inline void
bench_start(int argc, char **argv)
{
    bench_json_ = argc > 1 && strcmp(argv[1], "--json") == 0;
}

/* Four digits that count, and no exponent. */
static inline const char *
bench_number_(char room[32], double v)
{
    snprintf(room, 32, "%.*f", v >= 1000 ? 0 : v >= 100 ? 1 : v >= 1 ? 2 : 4, v);
    return room;
}

static inline void
bench_line_(const char *name, double value, const char *unit, double ratio, double bound,
            const char *of)
{
    char v[32], b[32];

    printf(bench_json_ ? "{\"bench\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"ratio\":%.3f,"
                         "\"bound\":%s,\"of\":\"%s\"}\n"
                       : "bench %s %s %s ratio %.2f of %s %s\n",
           name, bench_number_(v, value), unit, ratio, bench_number_(b, bound), of);
    fflush(stdout);
}

/* More is better: requests a second, bytes a second. `of` says what the bound is. */
static inline void
bench_rate(const char *name, double value, const char *unit, double bound, const char *of)
{
    bench_line_(name, value, unit, bound > 0 ? value / bound : 0, bound, of);
}

/* Less is better: microseconds, bytes. */
static inline void
bench_cost(const char *name, double value, const char *unit, double bound, const char *of)
{
    bench_line_(name, value, unit, value > 0 ? bound / value : 0, bound, of);
}

/* What could not be measured is said, and is no failure. */
static inline void
bench_skip(const char *name, const char *why)
{
    printf(bench_json_ ? "{\"bench\":\"%s\",\"skipped\":\"%s\"}\n" : "skipped %s: %s\n",
           name, why);
    fflush(stdout);
}

/* A benchmark whose work fails measures nothing. */
static inline void
bench_must(const struct ctx *cx, err_t e, const char *what)
{
    if (e == ERR_OK)
        return;
    fprintf(stderr, "%s: %s: %.*s\n", what, err_row(e)->name, STR(cx->reason));
    exit(1);
}

/* --- clocks: nanoseconds ----------------------------------------------------- */

static inline int64_t
bench_clock_(clockid_t which)
{
    struct timespec t;

    if (clock_gettime(which, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t
bench_wall_ns(void)
{
    return bench_clock_(CLOCK_MONOTONIC);
}

static inline int64_t
bench_thread_ns(void) /* CPU of this thread */
{
    return bench_clock_(CLOCK_THREAD_CPUTIME_ID);
}

static inline int64_t
bench_process_ns(void) /* CPU of this process, all threads */
{
    return bench_clock_(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int64_t
bench_cpu_of(pid_t pid) /* CPU of another process, all threads; 0 when it is gone */
{
    clockid_t clock;

    return clock_getcpuclockid(pid, &clock) == 0 ? bench_clock_(clock) : 0;
}

/* --- cores ------------------------------------------------------------------- */

/* Servers are pinned to core 0, generators to the last one. */
static inline unsigned
bench_last_core(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 1 ? (unsigned)n - 1 : 0;
}

static inline void
bench_pin(unsigned core) /* this thread, and what it starts */
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        fprintf(stderr, "core %u is not to be had: not pinned\n", core);
}

/* --- sorting ------------------------------------------------------------------ */

static inline int
bench_by_size_(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The value below which `part` (0.5, 0.99) of them lie. Sorts them. */
static inline int64_t
bench_quantile(int64_t *values, size_t n, double part)
{
    size_t at = (size_t)((double)n * part);

    if (n == 0)
        return 0;
    qsort(values, n, sizeof(*values), bench_by_size_);
    return values[at < n ? at : n - 1];
}

#endif
