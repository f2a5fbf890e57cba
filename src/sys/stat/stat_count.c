/*
 * stat_count.c - counters, gauges and histograms in shared memory.
 *
 * The table of series has one writer per row: who turns a row's state from
 * FREE to TAKEN fills it in and sets READY. Two workers may make the same
 * series at once; the printing adds up rows of one name.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum row_state { FREE, TAKEN, READY };

struct row {
    uint32_t state; /* atomic */
    uint16_t metric;
    uint16_t cell;                 /* the first of its cells */
    char label[2][STAT_LABEL_MAX]; /* NUL-terminated, or so we hope */
};

struct shared {
    uint32_t cells; /* atomic: given out so far */
    uint32_t pad[15];
    struct row row[STAT_ROWS];
    int64_t value[STAT_WORKERS_MAX][STAT_CELLS]; /* atomic, each */
    struct stat_ring ring;
};

static struct shared *shared;
static unsigned slot;
static size_t mapped;

static const struct stat_row rows[] = {
#define X(metric, kind, name, labels, help) { STAT_##kind, name, labels, help },
#include "lists/metrics.def"
#undef X
};

const int64_t stat__bounds[STAT_BUCKETS] = {
    500,    1000,   2000,   5000,    10000,   25000,   50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

const struct stat_row *
stat__row(enum stat_metric metric)
{
    return &rows[metric];
}

static size_t
cells_of(enum stat_metric metric)
{
    return rows[metric].kind == STAT_HISTOGRAM ? STAT_BUCKETS + 2
                                               : 1; /* and sum, and count */
}

static bool
prepare(int fd)
{
    struct shared *p;
    bool ok;

    if (fd < 0 || ftruncate(fd, sizeof(*p)) != 0)
        return false;
    p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return false;
    ok = stat__ring_init(&p->ring) &&
         fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    munmap(p, sizeof(*p));
    return ok;
}

err_t
stat_make(struct ctx *cx, int *fd)
{
    *fd = memfd_create("knoop-stat", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (prepare(*fd))
        return ERR_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return refuse(cx, ERR_UNAVAILABLE, "", "no memory for counters: %s", strerror(errno));
}

struct stat_ring *
stat__ring(void)
{
    return shared == NULL ? NULL : &shared->ring;
}

static struct row *
row_at(uint32_t i)
{
    return &shared->row[i];
}

/* What a row says, read once and judged: another worker could change it meanwhile. */
struct said {
    enum stat_metric metric;
    enum stat_kind kind;
    uint32_t cell;
};

static bool
is_ready(struct row *r, struct said *out)
{
    uint16_t metric;

    if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != READY)
        return false;
    metric = __atomic_load_n(&r->metric, __ATOMIC_RELAXED);
    if (metric >= STAT_COUNT)
        return false;
    out->metric = (enum stat_metric)metric;
    out->kind = rows[metric].kind;
    out->cell = __atomic_load_n(&r->cell, __ATOMIC_RELAXED);
    return out->cell + cells_of(out->metric) <= STAT_CELLS;
}

/* What the worker before us had open is open no more. */
static void
forget_gauges(void)
{
    struct said is;

    for (uint32_t i = 1; i < STAT_ROWS; i++)
        if (is_ready(row_at(i), &is) && is.kind == STAT_GAUGE)
            __atomic_store_n(&shared->value[slot][is.cell], 0, __ATOMIC_RELAXED);
}

err_t
stat_open(struct ctx *cx, int fd, unsigned worker)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    struct stat st;
    void *p;

    if (worker >= STAT_WORKERS_MAX)
        return refuse(cx, ERR_INTERNAL, "", "there are counters for %d workers",
                      STAT_WORKERS_MAX);
    if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_size != (off_t)sizeof(struct shared)))
        return refuse(cx, ERR_INTERNAL, "", "the memory for counters has another size");
    p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (p == MAP_FAILED)
        return refuse(cx, ERR_UNAVAILABLE, "", "no memory for counters: %s",
                      strerror(errno));
    stat_close();
    if (fd < 0 && !stat__ring_init(&((struct shared *)p)->ring)) {
        munmap(p, sizeof(struct shared));
        return refuse(cx, ERR_UNAVAILABLE, "", "no lock for spans");
    }
    shared = p;
    mapped = sizeof(struct shared);
    slot = worker;
    forget_gauges();
    return ERR_OK;
}

bool
stat_is_open(void)
{
    return shared != NULL;
}

void
stat_close(void)
{
    if (shared != NULL)
        munmap(shared, mapped);
    shared = NULL;
}

/* --- finding and making ------------------------------------------------------- */

static bool
has_labels(const struct row *r, const char *first, const char *second)
{
    return strncmp(r->label[0], first, STAT_LABEL_MAX - 1) == 0 &&
           strncmp(r->label[1], second, STAT_LABEL_MAX - 1) == 0;
}

static void
copy_label(char room[STAT_LABEL_MAX], const char *text)
{
    size_t n = strlen(text);

    n = n < STAT_LABEL_MAX ? n : STAT_LABEL_MAX - 1;
    memcpy(room, text, n);
    room[n] = '\0';
}

/* Makes row `i` ours, or not. */
static bool
make(uint32_t i, enum stat_metric metric, const char *first, const char *second)
{
    struct row *r = row_at(i);
    uint32_t none = FREE, n = (uint32_t)cells_of(metric), cell;

    if (!__atomic_compare_exchange_n(&r->state, &none, TAKEN, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    cell = __atomic_fetch_add(&shared->cells, n, __ATOMIC_RELAXED);
    if (cell + n > STAT_CELLS)
        return false; /* stays TAKEN: there is no room for it anyway */
    r->metric = (uint16_t)metric;
    r->cell = (uint16_t)cell;
    copy_label(r->label[0], first);
    copy_label(r->label[1], second);
    __atomic_store_n(&r->state, READY, __ATOMIC_RELEASE);
    return true;
}

stat_series
stat_find(enum stat_metric metric, const char *first, const char *second)
{
    struct said is;

    if (shared == NULL)
        return 0;
    first = first != NULL ? first : "";
    second = second != NULL ? second : "";
    for (uint32_t i = 1; i < STAT_ROWS; i++) {
        struct row *r = row_at(i);

        if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) == FREE &&
            make(i, metric, first, second))
            return i;
        if (is_ready(r, &is) && is.metric == metric && has_labels(r, first, second))
            return i;
    }
    return 0;
}

/* --- counting ------------------------------------------------------------------- */

static int64_t *
cell(stat_series s, enum stat_kind kind)
{
    struct said is;

    if (shared == NULL || s == 0 || s >= STAT_ROWS || !is_ready(row_at(s), &is) ||
        (is.kind == STAT_HISTOGRAM) != (kind == STAT_HISTOGRAM))
        return NULL;
    return &shared->value[slot][is.cell];
}

void
stat_add(stat_series s, int64_t n)
{
    int64_t *v = cell(s, STAT_COUNTER);

    if (v != NULL)
        __atomic_fetch_add(v, n, __ATOMIC_RELAXED);
}

void
stat_set(stat_series s, int64_t to)
{
    int64_t *v = cell(s, STAT_GAUGE);

    if (v != NULL)
        __atomic_store_n(v, to, __ATOMIC_RELAXED);
}

void
stat_times(stat_series s, int64_t most, int64_t n, int64_t sum)
{
    int64_t *v = cell(s, STAT_HISTOGRAM);
    size_t i = 0;

    if (v == NULL)
        return;
    while (i < STAT_BUCKETS && most > stat__bounds[i])
        i++;
    if (i < STAT_BUCKETS)
        __atomic_fetch_add(&v[i], n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&v[STAT_BUCKETS], sum > 0 ? sum : 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&v[STAT_BUCKETS + 1], n, __ATOMIC_RELAXED);
}

void
stat_time(stat_series s, int64_t micros)
{
    stat_times(s, micros, 1, micros);
}

static void
add_up(const struct said *is, int64_t *out)
{
    for (size_t w = 0; w < STAT_WORKERS_MAX; w++)
        for (size_t i = 0; i < cells_of(is->metric); i++)
            out[i] += __atomic_load_n(&shared->value[w][is->cell + i], __ATOMIC_RELAXED);
}

int64_t
stat_read(stat_series s)
{
    int64_t v[STAT_BUCKETS + 2] = { 0 };
    struct said is;

    if (shared == NULL || s == 0 || s >= STAT_ROWS || !is_ready(row_at(s), &is))
        return 0;
    add_up(&is, v);
    return v[cells_of(is.metric) - 1];
}

/* --- for the printing ------------------------------------------------------------- */

bool
stat__series(enum stat_metric metric, uint32_t *at, struct stat_values *out)
{
    for (uint32_t i = *at + 1; shared != NULL && i < STAT_ROWS; i++) {
        struct said is;

        if (!is_ready(row_at(i), &is) || is.metric != metric)
            continue;
        memset(out, 0, sizeof(*out));
        memcpy(out->label, row_at(i)->label, sizeof(out->label));
        out->label[0][STAT_LABEL_MAX - 1] = out->label[1][STAT_LABEL_MAX - 1] = '\0';
        add_up(&is, out->v);
        *at = i;
        return true;
    }
    return false;
}
