/*
 * audit_bench.c - what an event costs who puts it, and the machine.
 *
 * An auditor in a process of its own on a folder beside us (the disk that
 * TMPDIR names), events as a gateway makes them. Bounds: one fdatasync on that
 * disk, measured here; the hand-over to another process, batched by 64
 * (dependencies.md: 3-4 us of CPU). EUPL-1.2.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/prim/prim.h"
#include "sys/audit/audit_log.h"
#include "sys/audit/auditor.h"
#include "sys/sys.h"

enum { THREADS_MAX = 8, SYNCS = 100, HAND_OVER_NS = 3500 };

static int64_t
ns(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
now_ms(void)
{
    return ns(CLOCK_REALTIME) / 1000000;
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void
print(const char *name, double value, const char *unit, double ratio, const char *bound)
{
    printf("bench audit.%s %.2f %s ratio %.2f of %s\n", name, value, unit, ratio, bound);
}

static void
die(const struct ctx *cx, const char *what)
{
    fprintf(stderr, "%s: %.*s\n", what, STR(cx->reason));
    exit(1);
}

/* --- the disk alone ----------------------------------------------------------- */

static int64_t
one_sync_ns(int folder)
{
    static int64_t took[SYNCS];
    char kilobyte[1024] = { 0 };
    int fd = openat(folder, "sync", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    for (int i = 0; i < SYNCS; i++) {
        int64_t from = ns(CLOCK_MONOTONIC);

        if (write(fd, kilobyte, sizeof(kilobyte)) < 0 || fdatasync(fd) != 0)
            return 0;
        took[i] = ns(CLOCK_MONOTONIC) - from;
    }
    close(fd);
    unlinkat(folder, "sync", 0);
    qsort(took, SYNCS, sizeof(*took), by_size);
    return took[SYNCS / 2];
}

/* --- one run --------------------------------------------------------------------- */

struct run {
    struct audit *audit;
    int puts; /* of each thread */
    int pace_us;
    int64_t *took;
    long refused;
};

static struct audit_record
a_read(void)
{
    static char sealed[560];

    memset(sealed, 'A', sizeof(sealed)); /* a compact JWE of ECDH-ES+A256KW is so long */
    return (struct audit_record){
        .event = AUDIT_RECORD_READ,
        .outcome = AUDIT_PERMITTED,
        .request_id = S("76d148b6586d11ecbf630242ac130002"),
        .who = S("did:web:b.example:iam:thuiszorg"),
        .who_name = S("Thuiszorg De Linde"),
        .person = S("uzi:900000009"),
        .role = S("01.015"),
        .custodian = S("did:web:a.example:iam:ziekenhuis"),
        .source_ip = S("2001:db8::7"),
        .what = S("GET Observation"),
        .entity = S("Observation/f001"),
        .patient = { sealed, sizeof(sealed) },
        .patient_mac = S("n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"),
        .policy = S("bgz"),
        .policy_version = S("1.0.0"),
        .ground = S("consent:7"),
        .purpose = S("TREAT"),
    };
}

static void *
producer(void *arg)
{
    struct run *r = arg;
    struct audit_record record = a_read();
    struct sys sys = { .audit = r->audit };
    struct arena arena;
    struct ctx cx;

    arena_init(&arena, 1 << 20);
    ctx_init(&cx, &arena, now_ms());
    cx.sys = &sys;
    for (int i = 0; i < r->puts; i++) {
        int64_t from = ns(CLOCK_MONOTONIC);
        err_t e;

        while ((e = audit_put(&cx, &record)) != ERR_OK) {
            r->refused++; /* the ring is full: the disk is the bound */
            usleep(200);
            from = ns(CLOCK_MONOTONIC);
        }
        r->took[i] = ns(CLOCK_MONOTONIC) - from;
        if (r->pace_us != 0)
            usleep((useconds_t)r->pace_us);
    }
    arena_fini(&arena);
    return NULL;
}

static pid_t
spawn_auditor(struct ctx *cx, const struct auditor_setup *s)
{
    pid_t pid = fork();
    struct auditor *a;

    if (pid == 0) {
        if (auditor_open(cx, s, &a) != ERR_OK)
            die(cx, "auditor");
        if (auditor_run(cx, a) != ERR_OK)
            die(cx, "auditor");
        auditor_close(cx, a);
        _exit(0);
    }
    return pid;
}

struct result {
    double per_second, p50_ns, p99_ns, cpu_ns, auditor_cpu_ns;
    long refused;
};

static int64_t
cpu_of(const struct rusage *u)
{
    return ((int64_t)u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000000 +
           ((int64_t)u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000;
}

static void
measure(struct audit *a, int threads, int puts, int pace_us, struct result *out)
{
    int64_t *took = calloc((size_t)threads * (size_t)puts, sizeof(*took));
    int64_t from = ns(CLOCK_MONOTONIC), cpu = ns(CLOCK_PROCESS_CPUTIME_ID);
    struct run runs[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    size_t n = (size_t)threads * (size_t)puts;

    if (took == NULL)
        exit(1);
    for (int i = 0; i < threads; i++) {
        runs[i] = (struct run){ a, puts, pace_us, took + (size_t)i * (size_t)puts, 0 };
        pthread_create(&ids[i], NULL, producer, &runs[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        out->refused += runs[i].refused;
    }
    out->per_second = (double)n * 1e9 / (double)(ns(CLOCK_MONOTONIC) - from);
    out->cpu_ns = (double)(ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)n;
    qsort(took, n, sizeof(*took), by_size);
    out->p50_ns = (double)took[n / 2];
    out->p99_ns = (double)took[n * 99 / 100];
    free(took);
}

static struct result
run(struct ctx *cx, int folder, enum audit_sync sync, int threads, int puts, int pace_us)
{
    int ends[2], ring = -1, bell = eventfd(0, EFD_CLOEXEC);
    struct auditor_setup s = { .folder = folder,
                               .bell = bell,
                               .sync = sync,
                               .segment_bytes = 64 << 20,
                               .checkpoint_ms = 10000,
                               .origin = S("bench"),
                               .now_ms = now_ms };
    struct audit_setup w = { .bell = bell, .back = -1, .sync = sync, .patience_ms = 5000 };
    struct result out = { 0 };
    struct rusage used;
    struct sys sys = { 0 };
    pid_t pid;

    if (pipe(ends) != 0 || audit_ring_make(cx, folder, 0, 4 << 20, &ring) != ERR_OK)
        die(cx, "ring");
    s.stop = ends[0];
    w.ring = ring;
    pid = spawn_auditor(cx, &s);
    if (audit_open(cx, &w, &sys.audit) != ERR_OK)
        die(cx, "open");
    cx->sys = &sys;
    while (audit_ready(cx) != ERR_OK)
        usleep(1000);
    measure(sys.audit, threads, puts, pace_us, &out);
    if (write(ends[1], "x", 1) != 1) /* drain and end */
        exit(1);
    wait4(pid, NULL, 0, &used);
    out.auditor_cpu_ns = (double)cpu_of(&used) / ((double)threads * puts);
    close(ends[0]);
    close(ends[1]);
    close(bell);
    audit_close(sys.audit);
    cx->sys = NULL;
    return out;
}

static void
verify(struct ctx *cx, const char *path)
{
    int64_t from = ns(CLOCK_PROCESS_CPUTIME_ID);
    struct audit_report r;

    if (audit_verify(cx, path, NULL, &r) != ERR_OK)
        die(cx, "verify");
    print("verify", (double)r.size * 1e9 / (double)(ns(CLOCK_PROCESS_CPUTIME_ID) - from),
          "lines/s", 1, "the log it made");
}

int
main(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[256], command[300];
    struct result b1, b4, paced, s1, s4;
    struct arena arena;
    struct ctx cx;
    double sync;
    int folder;

    snprintf(path, sizeof(path), "%s/knoop-audit-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(path) == NULL || !prim_start())
        return 1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    arena_init(&arena, 64 << 20);
    ctx_init(&cx, &arena, now_ms());

    sync = (double)one_sync_ns(folder);
    print("fdatasync", sync / 1e3, "us", 1, "itself");
    b1 = run(&cx, folder, AUDIT_SYNC_BATCHED, 1, 100000, 0);
    b4 = run(&cx, folder, AUDIT_SYNC_BATCHED, 4, 25000, 0);
    paced = run(&cx, folder, AUDIT_SYNC_BATCHED, 1, 5000, 100);
    s1 = run(&cx, folder, AUDIT_SYNC_BEFORE, 1, 300, 0);
    s4 = run(&cx, folder, AUDIT_SYNC_BEFORE, 8, 100, 0);

    print("batched.put.p50", b1.p50_ns / 1e3, "us", b1.p50_ns / HAND_OVER_NS, "hand-over");
    print("batched.put.p99", b1.p99_ns / 1e3, "us", b1.p99_ns / HAND_OVER_NS, "hand-over");
    print("batched.put.p99.paced", paced.p99_ns / 1e3, "us", paced.p99_ns / HAND_OVER_NS,
          "hand-over");
    print("batched.put.p99.4threads", b4.p99_ns / 1e3, "us", b4.p99_ns / HAND_OVER_NS,
          "hand-over");
    print("batched.events", b1.per_second, "1/s", b1.per_second * sync / 1e9,
          "one event a sync");
    print("batched.auditor.cpu", b1.auditor_cpu_ns / 1e3, "us/event",
          b1.auditor_cpu_ns / HAND_OVER_NS, "hand-over");
    print("before.put.p50", s1.p50_ns / 1e3, "us", s1.p50_ns / sync, "fdatasync");
    print("before.put.p99", s1.p99_ns / 1e3, "us", s1.p99_ns / sync, "fdatasync");
    print("before.events.8threads", s4.per_second, "1/s", s4.per_second * sync / 1e9,
          "one event a sync");
    verify(&cx, path);

    close(folder);
    arena_fini(&arena);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    return system(command);
}
