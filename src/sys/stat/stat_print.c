/*
 * stat_print.c - the counters as Prometheus reads them.
 * Rule      Prometheus text exposition format 0.0.4.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/os/os.h"

static struct {
    void (*fn)(void *arg);
    void *arg;
} samplers[STAT_CHECKS];
static size_t sampler_n;

void
stat_sampler(void (*fn)(void *arg), void *arg)
{
    if (sampler_n < STAT_CHECKS) {
        samplers[sampler_n].fn = fn;
        samplers[sampler_n++].arg = arg;
    }
}

void
stat_sample(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sampler_n; i++)
        samplers[i].fn(samplers[i].arg);
    pthread_mutex_unlock(&lock);
}

/* A label's value, escaped; what is not printable came from no list of ours. */
static void
put_value(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            buf_printf(b, "\\%c", *text);
        else
            buf_c(b, *text >= 0x20 && *text < 0x7F ? *text : '?');
}

/* {op="x",status="200"}, with `le` last; nothing when there is no label. */
static void
put_labels(struct buf *b, const struct stat_row *row, const struct stat_values *v,
           const char *le)
{
    struct str rest = str_of(row->labels);
    char sep = '{';

    for (int i = 0; i < 2 && rest.n > 0; i++) {
        struct str name = str_cut(&rest, ',');

        buf_printf(b, "%c%.*s=\"", sep, STR(name));
        put_value(b, v->label[i]);
        buf_c(b, '"');
        sep = ',';
    }
    if (le != NULL) {
        buf_printf(b, "%cle=\"%s\"", sep, le);
        sep = ',';
    }
    if (sep == ',')
        buf_c(b, '}');
}

static void
put_histogram(struct buf *b, const struct stat_row *row, const struct stat_values *v)
{
    int64_t sum = 0;
    char le[24];

    for (size_t i = 0; i < STAT_BUCKETS; i++) {
        sum += v->v[i];
        snprintf(le, sizeof(le), "%g", (double)stat__bounds[i] / 1e6);
        buf_printf(b, "knoop_%s_bucket", row->name);
        put_labels(b, row, v, le);
        buf_printf(b, " %lld\n", (long long)sum);
    }
    buf_printf(b, "knoop_%s_bucket", row->name);
    put_labels(b, row, v, "+Inf");
    buf_printf(b, " %lld\nknoop_%s_sum", (long long)v->v[STAT_BUCKETS + 1], row->name);
    put_labels(b, row, v, NULL);
    buf_printf(b, " %.6f\nknoop_%s_count", (double)v->v[STAT_BUCKETS] / 1e6, row->name);
    put_labels(b, row, v, NULL);
    buf_printf(b, " %lld\n", (long long)v->v[STAT_BUCKETS + 1]);
}

static bool
same_labels(const struct stat_values *a, const struct stat_values *b)
{
    return strcmp(a->label[0], b->label[0]) == 0 && strcmp(a->label[1], b->label[1]) == 0;
}

/* Two workers that met a series first made it twice: printed once, added up. */
static bool
was_before(enum stat_metric metric, uint32_t at, const struct stat_values *v)
{
    struct stat_values other;
    uint32_t i = 0;

    while (stat__series(metric, &i, &other) && i < at)
        if (same_labels(&other, v))
            return true;
    return false;
}

static void
add_later(enum stat_metric metric, uint32_t at, struct stat_values *v)
{
    struct stat_values other;

    while (stat__series(metric, &at, &other))
        if (same_labels(&other, v))
            for (size_t i = 0; i < COUNT(v->v); i++)
                v->v[i] += other.v[i];
}

static void
put_metric(struct buf *b, enum stat_metric metric)
{
    static const char *const types[] = {
        [STAT_COUNTER] = "counter", [STAT_GAUGE] = "gauge", [STAT_HISTOGRAM] = "histogram"
    };
    const struct stat_row *row = stat__row(metric);
    struct stat_values v;
    uint32_t at = 0;

    buf_printf(b, "# HELP knoop_%s %s\n# TYPE knoop_%s %s\n", row->name, row->help,
               row->name, types[row->kind]);
    while (stat__series(metric, &at, &v)) {
        if (was_before(metric, at, &v))
            continue;
        add_later(metric, at, &v);
        if (row->kind == STAT_HISTOGRAM) {
            put_histogram(b, row, &v);
            continue;
        }
        buf_printf(b, "knoop_%s", row->name);
        put_labels(b, row, &v, NULL);
        buf_printf(b, " %lld\n", (long long)v.v[0]);
    }
}

/* The names that Prometheus' own client libraries use; of this worker alone. */
static void
put_process(struct buf *b)
{
    struct rusage u;
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (getrusage(RUSAGE_SELF, &u) == 0)
        buf_printf(
            b,
            "# HELP process_cpu_seconds_total CPU time of the worker that answered.\n"
            "# TYPE process_cpu_seconds_total counter\n"
            "process_cpu_seconds_total %.6f\n",
            (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    if (f != NULL && fscanf(f, "%*d %ld", &pages) == 1)
        buf_printf(
            b,
            "# HELP process_resident_memory_bytes Memory of the worker that answered.\n"
            "# TYPE process_resident_memory_bytes gauge\n"
            "process_resident_memory_bytes %ld\n",
            pages * sysconf(_SC_PAGESIZE));
    if (f != NULL)
        fclose(f);
}

err_t
stat_print(struct ctx *cx, struct str *out)
{
    struct buf b;

    stat_sample();
    buf_init(&b, cx->arena);
    buf_z(&b, "# HELP knoop_info The program that runs.\n# TYPE knoop_info gauge\n"
              "knoop_info{version=\"" KNOOP_VERSION "\"} 1\n");
    for (int m = 0; m < STAT_COUNT; m++)
        put_metric(&b, (enum stat_metric)m);
    put_process(&b);
    return buf_done(cx, &b, out);
}
