/*
 * stat.h - what is counted, what is well, what took how long.
 *
 * Rule      Prometheus text format 0.0.4; W3C Trace Context; nuts-node.md 2.10
 *           for the shape of health and diagnostics. A label never holds
 *           anything of a person, nor anything that a stranger chose.
 * Trust     The counters lie in memory that all workers share: what another
 *           one wrote there is read as bytes within bounds.
 * Lifetime  One set per process, from stat_open to the end. Before that,
 *           counting does nothing.
 * Threads   Counting from any, without locks. The rest as it says.
 * Source    Knoop. EUPL-1.2.
 *
 * Who shows it is sys/health, which may see the doors; this room may not, since
 * the doors count here.
 *
 *      worker 0   worker 1   ...          each its own cells: no cache line is
 *     +--------+ +--------+                shared, and what a worker that died
 *     | cells  | | cells  |                left behind is told apart
 *     +--------+ +--------+
 *         \________/ sum per series, at /metrics
 */
#ifndef KNOOP_SYS_STAT_H
#define KNOOP_SYS_STAT_H

#include "base/err.h"
#include "codec/json/json.h"

/* --- counting ------------------------------------------------------------- */

enum stat_metric {
#define X(metric, kind, name, labels, help) STAT_##metric,
#include "lists/metrics.def"
#undef X
    STAT_COUNT
};

/*
 * Makes the memory that workers share (a memfd), in the supervisor; each
 * worker is handed it and opens it with its number. `fd` -1 in stat_open gives
 * memory of this process alone. A worker that takes the place of a dead one
 * goes on with its counters, and its gauges start at zero. stat_open is called
 * once, at start.
 */
enum { STAT_WORKERS_MAX = 64 };
err_t stat_make(struct ctx *cx, int *fd) NODISCARD;
err_t stat_open(struct ctx *cx, int fd, unsigned worker) NODISCARD;
bool stat_is_open(void);
void stat_close(void); /* for tests */

/*
 * One series of a metric: the values of its labels, in their order; "" for
 * those not needed. Found by search: keep what it gives. 0 when the table is
 * full or nothing is open; counting on 0 does nothing.
 */
typedef uint32_t stat_series;
stat_series stat_find(enum stat_metric metric, const char *first, const char *second);

void stat_add(stat_series s, int64_t n);       /* counters; gauges may go down */
void stat_set(stat_series s, int64_t v);       /* gauges */
void stat_time(stat_series s, int64_t micros); /* histograms */
/* `n` of them, each at most `most` micros, `sum` together: counted elsewhere. */
void stat_times(stat_series s, int64_t most, int64_t n, int64_t sum);
/* The sum over all workers; of a histogram, how many. */
int64_t stat_read(stat_series s);

/*
 * Brings counters of another kind up to date: called by stat_sample, one at a
 * time, from the loop (so it may not block) and before each printing. At start.
 */
void stat_sampler(void (*fn)(void *arg), void *arg);
void stat_sample(void);
/* The whole, as text for Prometheus. */
err_t stat_print(struct ctx *cx, struct str *out) NODISCARD;

/* --- health and diagnostics ------------------------------------------------ */

/*
 * A check: ERR_OK is UP, ERR_UNSUPPORTED is UNKNOWN, anything else DOWN with
 * the reason. `detail` may stay empty. Names as nuts-node has them where it has
 * one ("storage.sql"). At start; `name` lives as long as the process.
 */
void stat_check(const char *name,
                err_t (*fn)(struct ctx *cx, void *arg, struct str *detail), void *arg);
/* {"status":"UP","details":{…}}; `up` is false when any is DOWN. */
err_t stat_health(struct ctx *cx, struct str *body, bool *up) NODISCARD;

/* A section of the diagnostics: puts one JSON value; for `people` or for programs. At
 * start. */
void stat_section(const char *name,
                  err_t (*fn)(struct ctx *cx, void *arg, bool people, struct json_out *js),
                  void *arg);
/* All sections as one JSON object, names sorted; or as YAML. */
err_t stat_diagnostics(struct ctx *cx, bool yaml, struct str *out) NODISCARD;

/* --- traces ------------------------------------------------------------------ */

struct stat_trace {
    uint8_t trace[16], parent[8];
    bool sampled;
};
/* W3C traceparent 00: false for anything else. */
bool stat_trace_parse(struct str traceparent, struct stat_trace *out) NODISCARD;

enum stat_span_kind { STAT_SPAN_SERVER = 2, STAT_SPAN_CLIENT = 3 }; /* OTLP's numbers */

struct stat_span {
    struct stat_trace trace; /* parent: all zero at a root */
    uint8_t id[8];
    enum stat_span_kind kind;
    int64_t start_ms, micros;   /* wall clock; how long it took */
    char name[64];              /* the operation id */
    char method[12], route[96]; /* as the route table has it: no identifiers */
    int status;                 /* HTTP; 0: none came */
    err_t error;                /* or ERR_OK */
};
/*
 * A request begins: reads the caller's traceparent (empty or malformed: a new
 * trace) into *out, and writes the one that calls to others carry, with a span
 * of our own. `own` must hold 56 bytes; it becomes "" when no span is wanted and
 * the caller sent none.
 */
void stat_trace_begin(struct str traceparent, struct stat_trace *out, char own[56]);

/* A request ends. */
struct stat_answer {
    const char *op, *method, *route; /* of the route's row; NULL where none matched */
    int status;                      /* HTTP; 0: none was sent */
    err_t error;                     /* what was refused, or ERR_OK */
    int64_t start_ms, micros;        /* wall clock; how long it took */
    struct stat_trace trace;         /* from stat_trace_begin */
    const char *own;                 /* likewise */
};
/* One at the door: counted by operation, and traced. */
void stat_answered(const struct stat_answer *a);
/* One of ours to another, `op` says what for: traced below the request it was made for. */
void stat_asked(const struct stat_answer *a);

/* Are spans wanted? Set from tracing.endpoint. */
void stat_trace_on(bool on);
bool stat_trace_is_on(void);
/* Copies it into a bounded ring that all workers share; the oldest is dropped, and counted,
 * when full. */
void stat_span_put(const struct stat_span *span);
/* Takes up to `most` away, oldest first. */
size_t stat_span_take(struct stat_span *out, size_t most);
/* ExportTraceServiceRequest of OTLP 1.0 as JSON. */
err_t stat_span_json(struct ctx *cx, struct str service, const struct stat_span *spans,
                     size_t n, struct str *out) NODISCARD;

/* --- the lists, printed ------------------------------------------------------- */

enum stat_doc { STAT_DOC_ERRORS = 1, STAT_DOC_AUDIT, STAT_DOC_METRICS };
/* docs/errors.md, docs/audit-events.md, docs/metrics.md; or the rows as JSON. */
err_t stat_print_doc(struct ctx *cx, enum stat_doc which, bool as_json,
                     struct str *out) NODISCARD;

#endif
