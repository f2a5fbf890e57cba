/* stat_int.h - between the files of sys/stat. EUPL-1.2. */
#ifndef KNOOP_SYS_STAT_INT_H
#define KNOOP_SYS_STAT_INT_H

#include <pthread.h>

#include "sys/stat/stat.h"

enum {
    STAT_ROWS = 2048, /* series: 150 operations with six statuses, and the rest */
    STAT_CELLS = 16384,
    STAT_LABEL_MAX = 60,
    STAT_BUCKETS = 14,
    STAT_CHECKS = 32, /* checks, sections, samplers: a room has one or two */
    STAT_RING = 1024, /* spans that wait */
};

enum stat_kind { STAT_COUNTER = 1, STAT_GAUGE, STAT_HISTOGRAM };

struct stat_row {
    enum stat_kind kind;
    const char *name, *labels, *help;
};
const struct stat_row *stat__row(enum stat_metric metric);
extern const int64_t stat__bounds[STAT_BUCKETS]; /* microseconds */

struct stat_values {
    char label[2][STAT_LABEL_MAX];
    int64_t v[STAT_BUCKETS + 2]; /* histogram: buckets, sum, count; else v[0] */
};
/* The next series of a metric behind row `*at` (start with 0). */
bool stat__series(enum stat_metric metric, uint32_t *at, struct stat_values *out);

/* Spans of all workers, in the shared memory. */
struct stat_ring {
    pthread_mutex_t lock; /* robust: a worker may die with it */
    uint32_t first, waiting;
    struct stat_span span[STAT_RING];
};
struct stat_ring *stat__ring(void); /* NULL when nothing is open */
bool stat__ring_init(struct stat_ring *r);

/* A parsed JSON value as YAML, keys in their order, `depth` levels in. */
void stat__yaml(struct buf *b, const json *v, int depth);

#endif
