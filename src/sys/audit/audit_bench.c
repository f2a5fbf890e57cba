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
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/bench.h"
#include "crypto/prim/prim.h"
#include "sys/audit/audit_log.h"
#include "sys/audit/auditor.h"
#include "sys/os/os.h"
#include "sys/sys.h"

enum { THREADS_MAX = 8, SYNCS = 100 };
static const double HAND_OVER_US = 3.5;

/* --- the disk alone ----------------------------------------------------------- */

static int64_t
one_sync_ns(int folder)
{
    static int64_t took[SYNCS];
    char kilobyte[1024] = { 0 };
    int fd = openat(folder, "sync", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    for (int i = 0; i < SYNCS; i++) {
        int64_t from = bench_wall_ns();

        if (write(fd, kilobyte, sizeof(kilobyte)) < 0 || fdatasync(fd) != 0)
            return 0;
        took[i] = bench_wall_ns() - from;
    }
    close(fd);
    unlinkat(folder, "sync", 0);
    return bench_quantile(took, SYNCS, 0.5);
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
    ctx_init(&cx, &arena, os_now_ms());
    cx.sys = &sys;
    for (int i = 0; i < r->puts; i++) {
        int64_t from = bench_wall_ns();
        err_t e;

        while ((e = audit_put(&cx, &record)) != ERR_OK) {
            r->refused++; /* the ring is full: the disk is the bound */
            usleep(200);
            from = bench_wall_ns();
        }
        r->took[i] = bench_wall_ns() - from;
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
        bench_must(cx, auditor_open(cx, s, &a), "auditor");
        bench_must(cx, auditor_run(cx, a), "auditor");
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
    int64_t from = bench_wall_ns(), cpu = bench_process_ns();
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
    out->per_second = (double)n * 1e9 / (double)(bench_wall_ns() - from);
    out->cpu_ns = (double)(bench_process_ns() - cpu) / (double)n;
    out->p50_ns = (double)bench_quantile(took, n, 0.5);
    out->p99_ns = (double)bench_quantile(took, n, 0.99);
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
                               .now_ms = os_now_ms };
    struct audit_setup w = { .bell = bell, .back = -1, .sync = sync, .patience_ms = 5000 };
    struct result out = { 0 };
    struct rusage used;
    struct sys sys = { 0 };
    pid_t pid;

    if (pipe(ends) != 0)
        exit(1);
    bench_must(cx, audit_ring_make(cx, folder, 0, 4 << 20, &ring), "ring");
    s.stop = ends[0];
    w.ring = ring;
    pid = spawn_auditor(cx, &s);
    bench_must(cx, audit_open(cx, &w, &sys.audit), "open");
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
verify(struct ctx *cx, const char *path, double written)
{
    int64_t from = bench_process_ns();
    struct audit_report r;

    bench_must(cx, audit_verify(cx, path, NULL, &r), "verify");
    bench_rate("audit.verify", (double)r.size * 1e9 / (double)(bench_process_ns() - from),
               "1/s", written, "1/s, as fast as they were written");
}

int
main(int argc, char **argv)
{
    static const char hand[] = "us, a batched hand-over when it was chosen";
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
    ctx_init(&cx, &arena, os_now_ms());

    bench_start(argc, argv);
    sync = (double)one_sync_ns(folder) / 1e3;
    b1 = run(&cx, folder, AUDIT_SYNC_BATCHED, 1, 100000, 0);
    b4 = run(&cx, folder, AUDIT_SYNC_BATCHED, 4, 25000, 0);
    paced = run(&cx, folder, AUDIT_SYNC_BATCHED, 1, 5000, 100);
    s1 = run(&cx, folder, AUDIT_SYNC_BEFORE, 1, 300, 0);
    s4 = run(&cx, folder, AUDIT_SYNC_BEFORE, 8, 100, 0);

    bench_cost("audit.batched.put.p50", b1.p50_ns / 1e3, "us", HAND_OVER_US, hand);
    bench_cost("audit.batched.put.p99", b1.p99_ns / 1e3, "us", HAND_OVER_US, hand);
    bench_cost("audit.batched.put.p99.paced", paced.p99_ns / 1e3, "us", HAND_OVER_US, hand);
    bench_cost("audit.batched.put.p99.4threads", b4.p99_ns / 1e3, "us", HAND_OVER_US, hand);
    bench_rate("audit.batched.events", b1.per_second, "1/s", 1e6 / sync,
               "1/s, one event a sync");
    bench_cost("audit.batched.auditor.cpu", b1.auditor_cpu_ns / 1e3, "us", HAND_OVER_US,
               hand);
    bench_cost("audit.before.put.p50", s1.p50_ns / 1e3, "us", sync, "us, one fdatasync");
    bench_cost("audit.before.put.p99", s1.p99_ns / 1e3, "us", sync, "us, one fdatasync");
    bench_rate("audit.before.events.8threads", s4.per_second, "1/s", 1e6 / sync,
               "1/s, one event a sync");
    verify(&cx, path, b1.per_second);

    close(folder);
    arena_fini(&arena);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    return system(command);
}
