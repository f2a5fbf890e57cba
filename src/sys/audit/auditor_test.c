/*
 * auditor_test.c - what is acknowledged is in the log, once, whoever is killed;
 * and whatever is done to the log afterwards is found. Missions 5 and 87.
 * EUPL-1.2.
 */
#include "base/test.h"
#include "crypto/prim/prim.h"
#include "sys/audit/audit_log.h"
#include "sys/audit/log_int.h"
#include "sys/os/sandbox.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the node around it --------------------------------------------------------- */

static int64_t clock_ms;
static struct key *key;

static int64_t
now(void)
{
    return clock_ms;
}

static err_t
sign(struct ctx *cx, void *state, struct str note, struct str *kid, struct bytes *signature)
{
    (void)state;
    *kid = S("audit-1");
    return key_sign(cx, key, SIG_EDDSA, SIG_RAW, bytes_of(note), signature);
}

static err_t
check(struct ctx *cx, void *state, struct str note, struct str kid, struct bytes signature)
{
    (void)state;
    if (!str_is(kid, "audit-1"))
        return ERR_KEY;
    return key_verify(cx, key, SIG_EDDSA, SIG_RAW, bytes_of(note), signature);
}
static const struct audit_verify_setup checked = { .check = check };

struct node {
    struct test_ctx t;
    struct sys sys;
    struct auditor_setup setup;
    struct auditor *auditor;
    char path[64];
    int folder, stop[2];
};

static struct audit_record
a_read(void)
{
    return (struct audit_record){
        .event = AUDIT_RECORD_READ,
        .outcome = AUDIT_PERMITTED,
        .who = S("did:web:b.example:iam:thuiszorg"),
        .who_name = S("Thuiszorg \"De Linde\"\n"),
        .person = S("uzi:900000009"),
        .role = S("01.015"),
        .custodian = S("did:web:a.example:iam:ziekenhuis"),
        .source_ip = S("2001:db8::7"),
        .what = S("GET Observation"),
        .entity = S("Observation/f001"),
        .patient = S("eyJhbGciOiJFQ0RILUVTIn0..a.b.c"),
        .patient_mac = S("bWFj"),
        .policy = S("bgz"),
        .policy_version = S("1.0.0"),
        .ground = S("consent:7"),
        .purpose = S("TREAT"),
    };
}

static int
setup(void **state)
{
    struct node *n = calloc(1, sizeof(*n));

    test_ctx_init(&n->t);
    clock_ms = n->t.cx.now_ms;
    if (key == NULL && key_generate(&n->t.cx, KEY_ED25519, &key) != ERR_OK)
        return -1;
    strcpy(n->t.cx.id, "req-1");
    n->t.cx.sys = &n->sys;
    /* In memory where there is such a folder: the tests kill processes, not machines. */
    strcpy(n->path, "/dev/shm/knoop-auditor-XXXXXX");
    if (mkdtemp(n->path) == NULL)
        strcpy(n->path, "/tmp/knoop-auditor-XXXXXX");
    if (access(n->path, F_OK) != 0 && mkdtemp(n->path) == NULL)
        return -1;
    if (pipe(n->stop) != 0)
        return -1;
    n->folder = open(n->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    n->setup = (struct auditor_setup){
        .folder = n->folder,
        .bell = eventfd(0, EFD_CLOEXEC),
        .stop = n->stop[0],
        .sync = AUDIT_SYNC_BATCHED,
        .segment_bytes = 64 << 20,
        .checkpoint_ms = 10000,
        .origin = S("node.example"),
        .now_ms = now,
        .sign = sign,
    };
    *state = n;
    return 0;
}

static int
teardown(void **state)
{
    struct node *n = *state;
    char command[128];

    auditor_close(&n->t.cx, n->auditor);
    audit_close(n->sys.audit);
    close(n->folder);
    close(n->setup.bell);
    close(n->stop[0]);
    close(n->stop[1]);
    snprintf(command, sizeof(command), "rm -rf %s", n->path);
    test_ctx_fini(&n->t);
    free(n);
    return system(command);
}

static void
worker_of(struct node *n, unsigned number, size_t ring)
{
    struct audit_setup s = {
        .bell = n->setup.bell, .back = -1, .sync = n->setup.sync, .patience_ms = 5000
    };

    audit_close(n->sys.audit);
    assert_int_equal(audit_ring_make(&n->t.cx, n->folder, number, ring, &s.ring), ERR_OK);
    assert_int_equal(audit_open(&n->t.cx, &s, &n->sys.audit), ERR_OK);
}

static void
worker(struct node *n, unsigned number)
{
    worker_of(n, number, 1 << 20);
}

static void
start(struct node *n)
{
    err_t e = auditor_open(&n->t.cx, &n->setup, &n->auditor);

    if (e != ERR_OK)
        fail_msg("%.*s", STR(n->t.cx.reason));
}

static void
stop(struct node *n)
{
    auditor_close(&n->t.cx, n->auditor);
    n->auditor = NULL;
}

static err_t
sign_never(struct ctx *cx, void *state, struct str note, struct str *kid,
           struct bytes *signature)
{
    (void)state;
    (void)note;
    (void)kid;
    (void)signature;
    return refuse(cx, ERR_UNAVAILABLE, "", "killed");
}

/* As kill -9 would: nothing is finished, nothing is signed. */
static void
kill_auditor(struct node *n)
{
    n->setup.sign = sign_never;
    stop(n);
    n->setup.sign = sign;
}

static size_t
turn(struct node *n)
{
    size_t kept;

    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_OK);
    return kept;
}

static void
put(struct node *n, int count)
{
    struct audit_record r = a_read();

    while (count-- > 0)
        assert_int_equal(audit_put(&n->t.cx, &r), ERR_OK);
}

static struct audit_report
verified(struct node *n)
{
    struct audit_report r;
    err_t e = audit_verify(&n->t.cx, n->path, &checked, &r);

    if (e != ERR_OK)
        fail_msg("%s: %.*s", err_row(e)->name, STR(n->t.cx.reason));
    return r;
}

static char *
slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "r");
    char *p = calloc(1, 8 << 20);

    assert_non_null(f);
    *n = fread(p, 1, 8 << 20, f);
    fclose(f);
    return p;
}

static void
spit(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static char *
path_of(struct node *n, const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", n->path, name);
    return path;
}

/* --- the good path ---------------------------------------------------------------- */

static void
events_are_in_the_log_once_and_in_order(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    struct audit_entry e;
    char root[65];

    worker(n, 0);
    start(n);
    turn(n); /* a beat: the worker sees us */
    put(n, 100);
    assert_int_equal(turn(n), 100);
    assert_true(audit_is_safe(n->sys.audit, 100));
    assert_int_equal(turn(n), 0);
    clock_ms += 10000;
    turn(n);
    r = verified(n);
    assert_int_equal(r.events, 100);
    assert_int_equal(r.size, 101);
    assert_int_equal(r.checkpoints, 1);
    assert_int_equal(r.signatures, 1);
    snprintf(root, sizeof(root), "%.*s", STR(r.root));

    /* another auditor goes on where this one was */
    kill_auditor(n);
    start(n);
    turn(n);
    assert_true(str_is(verified(n).root, root));
    put(n, 10);
    turn(n);
    stop(n);
    r = verified(n);
    assert_int_equal(r.events, 110);
    assert_int_equal(r.checkpoints, 2);
    assert_int_equal(r.torn + r.lost, 0);

    assert_int_equal(audit_show(&n->t.cx, n->path, 50, &e), ERR_OK);
    assert_int_equal(e.seq, 50);
    for (size_t i = 1; i < audit__texts_n; i++) {
        struct audit_record want = a_read();

        assert_true(str_eq(audit__text_of(&want, &audit__texts[i]),
                           audit__text_of(&e.record, &audit__texts[i])));
    }
    assert_int_equal(audit_show(&n->t.cx, n->path, 500, &e), ERR_NOT_FOUND);
}

static void
segments_rotate_and_the_chain_goes_on(void **state)
{
    struct node *n = *state;
    struct audit_report r;

    n->setup.segment_bytes = 10000;
    worker(n, 0);
    start(n);
    turn(n);
    for (int i = 0; i < 20; i++) {
        put(n, 10);
        turn(n);
    }
    stop(n);
    assert_int_equal(access(path_of(n, "log.000005.jsonl"), F_OK), 0);
    r = verified(n);
    assert_int_equal(r.events, 200);
    start(n);
    turn(n);
    put(n, 1);
    turn(n);
    stop(n);
    assert_int_equal(verified(n).events, 201);
}

static void
a_ring_of_a_worker_that_is_gone_is_emptied(void **state)
{
    struct node *n = *state;

    worker(n, 3);
    start(n);
    turn(n);
    put(n, 5);
    kill_auditor(n);
    worker(n, 0); /* ring.3 has nobody any more */
    start(n);
    turn(n);
    put(n, 2);
    turn(n);
    assert_int_equal(verified(n).events, 7);
}

/* --- kill -9 ------------------------------------------------------------------------ */

struct shared {
    _Atomic uint64_t acked;
    _Atomic uint32_t go;
};

/* Narrowed as the role is: whatever it does must be allowed there. */
static pid_t
spawn_auditor(struct node *n)
{
    pid_t pid = fork();

    if (pid == 0) {
        const struct sandbox_path path = { n->path, SANDBOX_READ | SANDBOX_APPEND };
        struct auditor *a;

        if (auditor_open(&n->t.cx, &n->setup, &a) != ERR_OK ||
            sandbox_first(&n->t.cx, SANDBOX_AUDITOR) != ERR_OK ||
            sandbox_second(&n->t.cx, SANDBOX_AUDITOR, &path, 1, false) != ERR_OK) {
            fprintf(stderr, "auditor: %.*s\n", STR(n->t.cx.reason));
            _exit(3);
        }
        if (auditor_run(&n->t.cx, a) != ERR_OK)
            _exit(4);
        auditor_close(&n->t.cx, a);
        _exit(0);
    }
    return pid;
}

static pid_t
spawn_worker(struct node *n, struct shared *s)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct audit_record r = a_read();

        n->sys.audit = NULL;
        worker(n, 0);
        for (;;)
            if (audit_put(&n->t.cx, &r) == ERR_OK)
                atomic_fetch_add(&s->acked, 1);
            else
                usleep(100);
    }
    return pid;
}

static void
killed(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* What happens to them until `more` events are acknowledged. */
static void
until(struct shared *s, uint64_t more)
{
    uint64_t from = atomic_load(&s->acked);

    for (int i = 0; atomic_load(&s->acked) < from + more; i++) {
        usleep(200);
        if (i > 50000)
            fail_msg("no progress after %llu", (unsigned long long)from);
    }
}

static void
kill_round(struct node *n, bool worker_dies, bool auditor_dies)
{
    struct shared *s =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct audit_report r;
    uint64_t deaths = 0;
    struct stat st;
    pid_t w, a;
    int fd;

    n->setup.segment_bytes = 256 * 1024;
    clock_ms = n->t.cx.now_ms;
    assert_int_equal(audit_ring_make(&n->t.cx, n->folder, 0, 1 << 20, &fd), ERR_OK);
    close(fd);
    a = spawn_auditor(n);
    w = spawn_worker(n, s);
    for (int round = 0; round < 10; round++) {
        until(s, 1 + (uint64_t)round * 7);
        if (worker_dies)
            killed(w);
        if (auditor_dies)
            killed(a);
        if (auditor_dies)
            a = spawn_auditor(n);
        if (worker_dies) {
            deaths++;
            w = spawn_worker(n, s);
        }
    }
    until(s, 1);
    killed(w);
    deaths++;
    assert_int_equal(write(n->stop[1], "x", 1), 1); /* drains and ends */
    int status;
    waitpid(a, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    r = verified(n);
    /* A tail may be torn where an auditor died while writing; nothing is missing. */
    assert_true(r.events - r.torn >= atomic_load(&s->acked));
    assert_true(r.events - r.torn <= atomic_load(&s->acked) + deaths);
    assert_int_equal(r.lost, 0);
    assert_int_equal(stat(path_of(n, "checkpoints.jsonl"), &st), 0);
    assert_true(st.st_size > 0);
    munmap(s, 4096);
}

static void
kill_9_of_the_worker_loses_nothing(void **state)
{
    kill_round(*state, true, false);
}

static void
kill_9_of_the_auditor_loses_nothing(void **state)
{
    kill_round(*state, false, true);
}

static void
kill_9_of_both_loses_nothing(void **state)
{
    kill_round(*state, true, true);
}

/* --- a disk that does not do what it should ----------------------------------------- */

static ssize_t write_left; /* bytes that the disk still takes; -1: all */
static int write_error, sync_error;

static ssize_t
poor_write(int fd, const void *p, size_t n)
{
    if (write_left < 0)
        return write(fd, p, n);
    if (write_left == 0) {
        errno = write_error;
        return -1;
    }
    if (n > (size_t)write_left)
        n = (size_t)write_left;
    write_left -= (ssize_t)n;
    return write(fd, p, n);
}

static int
poor_sync(int fd)
{
    if (sync_error != 0) {
        errno = sync_error;
        sync_error = 0;
        return -1;
    }
    return fdatasync(fd);
}

static void
poor_disk(struct node *n)
{
    write_left = -1;
    sync_error = 0;
    n->setup.write = poor_write;
    n->setup.sync_file = poor_sync;
    worker(n, 0);
    start(n);
    turn(n);
    put(n, 10);
    turn(n);
}

/* The events that wait while nothing can be written are kept, the next are refused. */
static void
a_full_disk_refuses_and_loses_nothing(void **state)
{
    struct node *n = *state;
    struct audit_record r = a_read();
    size_t kept;

    poor_disk(n);
    write_left = 700; /* in the middle of a line */
    write_error = ENOSPC;
    put(n, 10);
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    assert_false(audit_is_safe(n->sys.audit, 11));
    assert_int_equal(audit_put(&n->t.cx, &r), ERR_UNAVAILABLE);
    assert_int_equal(audit_ready(&n->t.cx), ERR_UNAVAILABLE);
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    write_left = -1;
    turn(n);
    assert_true(audit_is_safe(n->sys.audit, 20));
    assert_int_equal(audit_put(&n->t.cx, &r), ERR_OK);
    turn(n);
    stop(n);
    assert_int_equal(verified(n).events, 21);
    assert_int_equal(verified(n).torn, 0); /* the line was completed */
}

static void
a_full_disk_and_then_kill_9_leaves_a_recorded_tail(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    size_t kept;

    poor_disk(n);
    write_left = 300;
    write_error = ENOSPC;
    put(n, 10);
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    kill_auditor(n);
    write_left = -1;
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_CUT_OFF);
    assert_int_equal(r.bad_seq, 11);
    start(n);
    turn(n);
    r = verified(n);
    assert_int_equal(r.torn, 1);
    assert_int_equal(r.events, 21); /* 20 and the one that tells of the tail */
    kill_auditor(n);
    start(n);
    turn(n);
    put(n, 1);
    turn(n);
    assert_int_equal(verified(n).events, 22);
}

static void
a_failed_write_or_sync_goes_back_and_begins_a_segment(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    size_t kept;

    poor_disk(n);
    put(n, 10);
    write_left = 700;
    write_error = EIO;
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    assert_false(audit_is_safe(n->sys.audit, 11));
    write_left = -1;
    turn(n);
    assert_true(audit_is_safe(n->sys.audit, 20));
    r = verified(n);
    assert_int_equal(r.events, 21);
    assert_int_equal(r.torn, 1);

    put(n, 10);
    sync_error = EIO; /* whole lines may stand behind the last safe byte */
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    turn(n);
    r = verified(n);
    assert_int_equal(r.events, 32);
    assert_int_equal(r.torn, 2);
    kill_auditor(n);
    start(n);
    turn(n);
    put(n, 1);
    turn(n);
    clock_ms += 10000;
    turn(n);
    assert_int_equal(verified(n).events, 33);
}

static void
a_crash_while_recording_a_crash(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    size_t kept;

    poor_disk(n);
    for (int i = 0; i < 3; i++) {
        write_left = 300;
        write_error = ENOSPC;
        if (i == 0)
            put(n, 10);
        assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
        kill_auditor(n);
        start(n);
    }
    write_left = -1;
    turn(n);
    r = verified(n);
    assert_int_equal(r.torn, 1);
    assert_int_equal(r.events, 21);
}

static bool signer_down;

static err_t
sign_perhaps(struct ctx *cx, void *state, struct str note, struct str *kid,
             struct bytes *signature)
{
    if (signer_down)
        return refuse(cx, ERR_UNAVAILABLE, "", "the signer is down");
    return sign(cx, state, note, kid, signature);
}

static void
without_a_signer_events_go_on_and_are_signed_later(void **state)
{
    struct node *n = *state;

    n->setup.sign = sign_perhaps;
    signer_down = true;
    worker(n, 0);
    start(n);
    turn(n);
    put(n, 3);
    turn(n);
    clock_ms += 10000;
    put(n, 1);
    turn(n);
    assert_int_equal(verified(n).checkpoints, 0);
    signer_down = false;
    clock_ms += 1000;
    turn(n);
    assert_int_equal(verified(n).checkpoints, 1);
    assert_int_equal(verified(n).signatures, 1);
}

/* --- rings that are not what they were ---------------------------------------------- */

static void
a_wild_ring_is_written_down_as_lost(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    size_t kept;

    worker(n, 0);
    start(n);
    turn(n);
    put(n, 5);
    turn(n);
    put(n, 3);
    n->sys.audit->ring.data[(atomic_load(&n->sys.audit->ring.head->tail) + 100) &
                            (n->sys.audit->ring.size - 1)] ^= 1;
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_OK);
    r = verified(n);
    assert_int_equal(r.lost, 1);
    assert_int_equal(r.events, 6);
    put(n, 2); /* the worker begins it anew */
    turn(n);
    r = verified(n);
    assert_int_equal(r.events, 8);
    assert_int_equal(r.lost, 1);
    /* a head that lies far ahead */
    atomic_store(&n->sys.audit->ring.head->head, UINT64_C(1) << 60);
    turn(n);
    assert_int_equal(verified(n).lost, 2);
    clock_ms += 10000;
    turn(n);
    kill_auditor(n);
    start(n);
    turn(n);
    put(n, 1);
    turn(n);
    assert_int_equal(verified(n).events, 10);
}

/* A power cut: the log is synced, the ring's pages are of before. */
static void
a_ring_older_than_the_log_is_not_read_again(void **state)
{
    struct node *n = *state;
    size_t ring_n;
    char *old;

    worker(n, 0);
    start(n);
    turn(n);
    put(n, 5);
    turn(n);
    old = slurp(path_of(n, "ring.0"), &ring_n);
    put(n, 5);
    turn(n);
    kill_auditor(n);
    audit_close(n->sys.audit);
    n->sys.audit = NULL;
    spit(path_of(n, "ring.0"), old, ring_n);
    free(old);
    worker(n, 0);
    start(n);
    turn(n);
    put(n, 4);
    turn(n);
    assert_int_equal(verified(n).events, 15); /* 10, one that tells, 4 */
    assert_int_equal(verified(n).lost, 1);
}

/* --- before-answer ------------------------------------------------------------------ */

/* An auditor as a process, and a worker that it listens to. */
static pid_t
both(struct node *n)
{
    pid_t a;
    int fd;

    assert_int_equal(audit_ring_make(&n->t.cx, n->folder, 0, 1 << 20, &fd), ERR_OK);
    close(fd);
    worker(n, 0);
    a = spawn_auditor(n);
    for (int i = 0; i < 2000 && audit_ready(&n->t.cx) != ERR_OK; i++)
        usleep(1000);
    return a;
}

static void
before_answer_returns_when_it_is_on_disk(void **state)
{
    struct node *n = *state;
    struct audit_record r = a_read();
    uint64_t ticket = 0, rung;
    int back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pid_t a;

    n->setup.sync = AUDIT_SYNC_BEFORE;
    n->setup.backs = &back;
    n->setup.backs_n = 1;
    a = both(n);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(audit_put(&n->t.cx, &r), ERR_OK);
        assert_true(audit_is_safe(n->sys.audit, n->sys.audit->seq));
    }
    assert_int_equal(verified(n).events, 50);
    /* for a loop: put, ask for a tick, be told */
    assert_int_equal(audit_put_ticket(&n->t.cx, &r, &ticket), ERR_OK);
    audit_want(n->sys.audit);
    for (int i = 0; i < 2000 && !audit_is_safe(n->sys.audit, ticket); i++)
        usleep(1000);
    assert_true(audit_is_safe(n->sys.audit, ticket));
    (void)!read(back, &rung, sizeof(rung)); /* may have been safe before we asked */
    killed(a);
    audit_ring_auditor_died(-1);
    close(back);
}

/* Events are gathered before they are written: who reads the log waits for what was put. */
static void
who_reads_has_caught_up(void **state)
{
    struct node *n = *state;
    struct audit_record r = a_read();
    pid_t a = both(n);

    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(audit_put(&n->t.cx, &r), ERR_OK);
        assert_int_equal(audit_catch_up(&n->t.cx), ERR_OK);
        assert_int_equal(verified(n).events, i);
    }
    killed(a);
    audit_ring_auditor_died(-1);
    assert_int_equal(audit_catch_up(&n->t.cx), ERR_OK); /* there is nothing to wait for */
}

/* --- what is done to the log afterwards --------------------------------------------- */

struct tampered {
    struct node *n;
    const char *name; /* of the file that is spoiled */
    char *p, *q;
    size_t size;
    size_t line[200], lines; /* where lines begin; line[lines] is the end */
};

static void
tamper(struct node *n, const char *name, struct tampered *t)
{
    *t = (struct tampered){ .n = n, .name = name };
    t->p = slurp(path_of(n, name), &t->size);
    t->q = malloc(t->size + 4096);
    for (size_t i = 0; i < t->size; i++)
        if (i == 0 || t->p[i - 1] == '\n')
            t->line[t->lines++] = i;
    t->line[t->lines] = t->size;
}

static err_t
spoiled(struct tampered *t, size_t n, uint64_t *seq)
{
    struct audit_report r;
    err_t e;

    spit(path_of(t->n, t->name), t->q, n);
    e = audit_verify(&t->n->t.cx, t->n->path, &checked, &r);
    *seq = r.bad_seq;
    arena_reset(&t->n->t.arena);
    return e;
}

static void
untamper(struct tampered *t)
{
    spit(path_of(t->n, t->name), t->p, t->size);
    verified(t->n);
    free(t->p);
    free(t->q);
}

/* Twelve events, a checkpoint, six events, a checkpoint: twenty lines in one segment. */
static void
a_small_log(struct node *n)
{
    worker(n, 0);
    start(n);
    turn(n);
    put(n, 12);
    turn(n);
    clock_ms += 10000;
    turn(n);
    put(n, 6);
    turn(n);
    stop(n);
    assert_int_equal(verified(n).size, 20);
}

static void
every_altered_byte_is_found_and_named(void **state)
{
    struct node *n = *state;
    struct tampered t;
    uint64_t seq;

    a_small_log(n);
    tamper(n, "log.000001.jsonl", &t);
    for (size_t l = 0; l < t.lines; l++)
        /* all bytes of one line, and of the others every 29th */
        for (size_t i = t.line[l]; i < t.line[l + 1]; i += l == 4 ? 1 : 29) {
            memcpy(t.q, t.p, t.size);
            t.q[i] ^= 0x01;
            assert_int_not_equal(spoiled(&t, t.size, &seq), ERR_OK);
            assert_int_equal(seq, l + 1);
        }
    untamper(&t);
}

static void
every_removed_line_is_found_and_named(void **state)
{
    struct node *n = *state;
    struct tampered t;
    uint64_t seq;

    a_small_log(n);
    tamper(n, "log.000001.jsonl", &t);
    for (size_t l = 0; l < t.lines; l++) {
        size_t gone = t.line[l + 1] - t.line[l];
        err_t want = l + 1 == t.lines ? ERR_LOG_CUT_OFF : ERR_LOG_REMOVED;

        memcpy(t.q, t.p, t.line[l]);
        memcpy(t.q + t.line[l], t.p + t.line[l + 1], t.size - t.line[l + 1]);
        assert_int_equal(spoiled(&t, t.size - gone, &seq), want);
        assert_int_equal(seq, l + 1);
    }
    untamper(&t);
}

static void
every_exchanged_or_doubled_line_is_found_and_named(void **state)
{
    struct node *n = *state;
    struct tampered t;
    uint64_t seq;

    a_small_log(n);
    tamper(n, "log.000001.jsonl", &t);
    for (size_t l = 0; l + 1 < t.lines; l++) {
        size_t a = t.line[l], b = t.line[l + 1], c = t.line[l + 2];

        memcpy(t.q, t.p, t.size);
        memcpy(t.q + a, t.p + b, c - b);
        memcpy(t.q + a + (c - b), t.p + a, b - a);
        assert_int_equal(spoiled(&t, t.size, &seq), ERR_LOG_REORDERED);
        assert_int_equal(seq, l + 1);

        memcpy(t.q, t.p, b);
        memcpy(t.q + b, t.p + a, b - a);
        memcpy(t.q + b + (b - a), t.p + b, t.size - b);
        assert_int_equal(spoiled(&t, t.size + (b - a), &seq), ERR_LOG_REORDERED);
        assert_int_equal(seq, l + 1);
    }
    untamper(&t);
}

static void
every_cut_is_found_and_named(void **state)
{
    struct node *n = *state;
    struct tampered t;
    uint64_t seq;

    a_small_log(n);
    /* by the checkpoints alone, without a ring */
    audit_close(n->sys.audit);
    n->sys.audit = NULL;
    unlink(path_of(n, "ring.0"));
    tamper(n, "log.000001.jsonl", &t);
    for (size_t l = 0; l < t.lines; l++)
        for (size_t more = 0; more < t.line[l + 1] - t.line[l]; more += 211) {
            memcpy(t.q, t.p, t.size);
            assert_int_equal(spoiled(&t, t.line[l] + more, &seq), ERR_LOG_CUT_OFF);
            assert_int_equal(seq, l + 1);
        }
    untamper(&t);
}

static void
a_cut_behind_the_last_checkpoint_is_found_by_the_ring(void **state)
{
    struct node *n = *state;
    struct tampered t;
    uint64_t seq;

    a_small_log(n);
    start(n);
    turn(n);
    put(n, 5);
    turn(n);
    kill_auditor(n);
    tamper(n, "log.000001.jsonl", &t);
    assert_int_equal(t.lines, 25);
    for (size_t l = 20; l < 25; l++) {
        memcpy(t.q, t.p, t.size);
        assert_int_equal(spoiled(&t, t.line[l], &seq), ERR_LOG_CUT_OFF);
        assert_int_equal(seq, l + 1);
    }
    untamper(&t);

    /* and the next auditor does not heal it in silence */
    tamper(n, "log.000001.jsonl", &t);
    spit(path_of(n, t.name), t.p, t.line[22]);
    start(n);
    turn(n);
    put(n, 1);
    turn(n);
    stop(n);
    struct audit_report r;
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_REMOVED);
    assert_int_equal(r.lost, 1);
    free(t.p);
    free(t.q);
}

static void
checkpoints_are_guarded_as_well(void **state)
{
    struct node *n = *state;
    struct tampered t;
    struct audit_report r;
    uint64_t seq;

    a_small_log(n);
    tamper(n, "checkpoints.jsonl", &t);
    assert_int_equal(t.lines, 2);
    for (size_t i = 0; i < t.size; i += 17) { /* altered */
        memcpy(t.q, t.p, t.size);
        t.q[i] ^= 0x01;
        assert_int_not_equal(spoiled(&t, t.size, &seq), ERR_OK);
    }
    memcpy(t.q, t.p + t.line[1], t.size - t.line[1]); /* the first removed */
    assert_int_equal(spoiled(&t, t.size - t.line[1], &seq), ERR_LOG_ALTERED);
    assert_int_equal(spoiled(&t, 0, &seq), ERR_LOG_ALTERED); /* both */
    memcpy(t.q, t.p, t.size); /* one that may be on its way */
    assert_int_equal(spoiled(&t, t.line[1], &seq), ERR_OK);
    /* a crash left half a line; its whole line follows */
    memcpy(t.q, t.p, t.line[1]);
    memcpy(t.q + t.line[1], t.p + t.line[1], 50);
    t.q[t.line[1] + 50] = '\n';
    memcpy(t.q + t.line[1] + 51, t.p + t.line[1], t.size - t.line[1]);
    assert_int_equal(spoiled(&t, t.size + 51, &seq), ERR_OK);
    untamper(&t);

    /* log, checkpoints and ring cut together: only outside knowledge helps */
    r = verified(n);
    struct audit_verify_setup known = { .check = check,
                                        .known_size = r.size,
                                        .known_root = r.root };
    tamper(n, "checkpoints.jsonl", &t);
    spit(path_of(n, t.name), t.p, t.line[1]);
    free(t.p);
    free(t.q);
    tamper(n, "log.000001.jsonl", &t);
    spit(path_of(n, t.name), t.p, t.line[13]);
    unlink(path_of(n, "ring.0"));
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_OK);
    assert_int_equal(audit_verify(&n->t.cx, n->path, &known, &r), ERR_LOG_CUT_OFF);
    known.known_size = 13;
    assert_int_equal(audit_verify(&n->t.cx, n->path, &known, &r), ERR_LOG_ALTERED);
    free(t.p);
    free(t.q);
}

/* Somebody with the sources makes the whole log anew, hashes and roots and all. */
static void
a_log_made_anew_fails_on_its_signatures(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    struct key *real = key;

    assert_int_equal(key_generate(&n->t.cx, KEY_ED25519, &key), ERR_OK);
    a_small_log(n); /* by the book, but with another key */
    key_free(key);
    key = real;
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_ALTERED);
    assert_int_equal(r.bad_seq, 1);
    assert_int_equal(audit_verify(&n->t.cx, n->path, NULL, &r), ERR_OK);
    assert_int_equal(r.signatures, 0); /* and says that none was checked */
}

static void
an_unsigned_checkpoint_is_not_taken_for_a_signed_one(void **state)
{
    struct node *n = *state;
    struct audit_report r;

    n->setup.sign = NULL;
    worker(n, 0);
    start(n);
    turn(n);
    put(n, 2);
    turn(n);
    stop(n);
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_ALTERED);
    assert_int_equal(audit_verify(&n->t.cx, n->path, NULL, &r), ERR_OK);
}

static void
segments_and_torn_tails_are_guarded(void **state)
{
    struct node *n = *state;
    struct audit_report r;
    struct tampered t;
    size_t kept;
    uint64_t seq;

    poor_disk(n);
    put(n, 10);
    write_left = 700;
    write_error = EIO;
    assert_int_equal(auditor_turn(&n->t.cx, n->auditor, &kept), ERR_UNAVAILABLE);
    write_left = -1;
    turn(n);
    stop(n);
    verified(n);
    tamper(n, "log.000001.jsonl", &t);
    memcpy(t.q, t.p, t.size);
    t.q[t.size - 5] ^= 1; /* within the torn tail */
    assert_int_equal(spoiled(&t, t.size, &seq), ERR_LOG_ALTERED);
    memcpy(t.q, t.p, t.size);
    assert_int_equal(spoiled(&t, t.size - 5, &seq), ERR_LOG_ALTERED);
    assert_int_equal(spoiled(&t, t.line[10], &seq), ERR_LOG_ALTERED);
    untamper(&t);

    char aside[128];
    snprintf(aside, sizeof(aside), "%s/aside", n->path);
    assert_int_equal(rename(path_of(n, "log.000002.jsonl"), aside), 0);
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_CUT_OFF);
    assert_int_equal(rename(aside, path_of(n, "log.000002.jsonl")), 0);
    assert_int_equal(unlink(path_of(n, "log.000001.jsonl")), 0);
    assert_int_equal(audit_verify(&n->t.cx, n->path, &checked, &r), ERR_LOG_REMOVED);
    assert_int_equal(r.bad_seq, 1);
    assert_int_equal(auditor_open(&n->t.cx, &n->setup, &n->auditor), ERR_CONFLICT);
}

static void
an_auditor_does_not_build_on_an_altered_log(void **state)
{
    struct node *n = *state;
    struct tampered t;

    n->setup.segment_bytes = 3000;
    n->setup.checkpoint_ms = INT64_MAX;
    worker(n, 0);
    start(n);
    turn(n);
    for (int i = 0; i < 4; i++) {
        put(n, 5);
        turn(n);
    }
    kill_auditor(n);
    tamper(n, "log.000001.jsonl", &t);
    t.p[t.line[2] + 300] ^= 1;
    spit(path_of(n, t.name), t.p, t.size);
    assert_int_equal(auditor_open(&n->t.cx, &n->setup, &n->auditor), ERR_CONFLICT);
    free(t.p);
    free(t.q);
}

/* --- finding ------------------------------------------------------------------------ */

static void
events_are_found_by_patient_time_and_kind(void **state)
{
    struct node *n = *state;
    struct audit_record r = a_read();
    struct audit_filter f = { .patient_mac = S("bWFj") };
    struct audit_entry *hits;
    size_t hits_n;
    uint64_t next;

    n->setup.segment_bytes = 3000;
    worker(n, 0);
    start(n);
    turn(n);
    for (int i = 0; i < 30; i++) {
        r.patient_mac = i % 3 == 0 ? S("b3RoZXI") : S("bWFj");
        r.event = i % 2 ? AUDIT_RECORD_READ : AUDIT_RECORD_SEARCHED;
        r.at_ms = n->t.cx.now_ms + i * 1000;
        assert_int_equal(audit_put(&n->t.cx, &r), ERR_OK);
        if (i % 4 == 0)
            turn(n);
    }
    turn(n);
    stop(n);
#define FIND(want)                                                                         \
    assert_int_equal(audit_search(&n->t.cx, n->path, &f, &hits, &hits_n, &next), ERR_OK);  \
    assert_int_equal(hits_n, want)
    FIND(20);
    assert_int_equal(next, 0);
    for (size_t i = 0; i < hits_n; i++)
        assert_true(str_is(hits[i].record.patient_mac, "bWFj"));
    f.event = AUDIT_RECORD_READ;
    FIND(10);
    f.from_ms = n->t.cx.now_ms + 10000;
    f.to_ms = n->t.cx.now_ms + 20000;
    FIND(4); /* 11, 13, 17, 19 */
    f = (struct audit_filter){ .most = 7 };
    FIND(7);
    assert_true(next >= hits[6].seq);
    f.after = next;
    FIND(7);
    assert_int_equal(hits[0].seq, 8);
    f = (struct audit_filter){ .lines_most = 5, .event = AUDIT_RECORD_READ };
    FIND(2); /* of 1 to 5 */
    assert_int_equal(next, 5);
    for (size_t seen = 0; next != 0; seen += hits_n) { /* every page together: all */
        f.after = next;
        FIND(hits_n);
        if (next == 0)
            assert_int_equal(2 + seen + hits_n, 15);
    }
    f = (struct audit_filter){ .outcome = AUDIT_DENIED };
    FIND(0);
    f.outcome = AUDIT_PERMITTED;
    f.who = a_read().who;
    FIND(30);
    f.who.n--;
    FIND(0);
    f = (struct audit_filter){ .patient_mac = S("nobody") };
    FIND(0);
    f.patient_mac = S("\",\"");
    assert_int_equal(audit_search(&n->t.cx, n->path, &f, &hits, &hits_n, &next),
                     ERR_BAD_REQUEST);
    assert_int_equal(audit_search(&n->t.cx, "/nonexistent", &f, &hits, &hits_n, &next),
                     ERR_BAD_REQUEST);
    f = (struct audit_filter){ 0 };
    assert_int_equal(audit_search(&n->t.cx, "/nonexistent", &f, &hits, &hits_n, &next),
                     ERR_NOT_FOUND);
}

static void
proofs_are_given_for_what_the_log_holds(void **state)
{
    struct node *n = *state;
    struct json_out js;
    struct merkle_hash leaf, root;
    struct merkle_path p = { 0 };
    struct str text;
    json *v;

    a_small_log(n);
    json_out_init(&js, n->t.cx.arena);
    assert_int_equal(audit_prove_event(&n->t.cx, n->path, 7, 20, &js), ERR_OK);
    assert_int_equal(json_out_done(&n->t.cx, &js, &text), ERR_OK);
    assert_int_equal(json_parse(&n->t.cx, text, JSON_STRICT, &v), ERR_OK);
    assert_true(merkle_unhex(json_get_text(v, "leaf"), &leaf));
    assert_true(merkle_unhex(json_get_text(v, "root"), &root));
    for (json_each(it, json_get(v, "path"))) {
        struct str hex;

        assert_true(json_str(it.value, &hex) && merkle_unhex(hex, &p.hash[p.n++]));
    }
    assert_true(str_eq(json_get_text(v, "root"), verified(n).root));
    assert_int_equal(merkle_inclusion_verify(&n->t.cx, &p, &leaf, 6, 20, &root), ERR_OK);
    assert_int_equal(merkle_inclusion_verify(&n->t.cx, &p, &leaf, 7, 20, &root),
                     ERR_CONFLICT);
    json_out_init(&js, n->t.cx.arena);
    assert_int_equal(audit_prove_event(&n->t.cx, n->path, 7, 21, &js), ERR_NOT_FOUND);
    assert_int_equal(audit_prove_event(&n->t.cx, n->path, 21, 20, &js), ERR_NOT_FOUND);
    json_out_init(&js, n->t.cx.arena);
    assert_int_equal(audit_prove_growth(&n->t.cx, n->path, 12, 20, &js), ERR_OK);
    assert_int_equal(audit_prove_growth(&n->t.cx, n->path, 21, 20, &js), ERR_NOT_FOUND);
}

/* A proof over lines that do not follow each other would prove nothing. */
static void
proofs_are_not_given_over_a_log_with_a_hole(void **state)
{
    struct node *n = *state;
    struct tampered t;
    struct json_out js;

    a_small_log(n);
    tamper(n, "log.000001.jsonl", &t);
    memcpy(t.q, t.p, t.line[2]);
    memcpy(t.q + t.line[2], t.p + t.line[3], t.size - t.line[3]);
    spit(path_of(n, t.name), t.q, t.size - (t.line[3] - t.line[2]));
    json_out_init(&js, n->t.cx.arena);
    assert_int_equal(audit_prove_event(&n->t.cx, n->path, 7, 19, &js), ERR_LOG_ALTERED);
    assert_int_equal(audit_prove_growth(&n->t.cx, n->path, 7, 19, &js), ERR_LOG_ALTERED);
    untamper(&t);
    tamper(n, "log.000001.jsonl", &t);
    memcpy(t.q, t.p, t.size);
    t.q[t.line[2] + 300] ^= 1;
    spit(path_of(n, t.name), t.q, t.size);
    assert_int_equal(audit_prove_event(&n->t.cx, n->path, 7, 20, &js), ERR_LOG_ALTERED);
    untamper(&t);
}

static void
the_last_checkpoint_is_given_as_it_was_signed(void **state)
{
    struct node *n = *state;
    struct audit_checkpoint cp;
    struct ctx *cx = &n->t.cx;

    a_small_log(n);
    assert_int_equal(audit_last_checkpoint(cx, n->path, &cp), ERR_OK);
    assert_int_equal(cp.size + 1, verified(n).size); /* its own line is behind it */
    assert_int_equal(check(cx, NULL, cp.note, cp.kid, cp.signature), ERR_OK);
    assert_true(str_search(cp.note, cp.root) < cp.note.n);
    assert_int_equal(audit_last_checkpoint(cx, "/nonexistent", &cp), ERR_NOT_FOUND);
}

/* --- when turns come ---------------------------------------------------------------- */

static void
an_event_waits_for_two_turns_and_the_gathering_between(void **state)
{
    (void)state;
    for (int64_t turn = 0; turn < 4; turn++) /* in whole ms: each may have taken one more */
        assert_int_equal(auditor__gather_ms(turn, false) + 2 * (turn + 1), AUDITOR_SAFE_MS);
    for (int64_t turn = 4; turn < 100;
         turn++) /* the disk does not keep up: nearly at once */
        assert_int_equal(auditor__gather_ms(turn, false), 1);
    assert_int_equal(auditor__gather_ms(0, true), 0);
}

static struct node *watched;
static int waits[8]; /* ms that it asked for */
static size_t waits_n, stop_at;
static int puts_at[8]; /* what comes during each */

static int
watch(struct pollfd *fds, nfds_t n, int ms)
{
    assert_true(n > 0 && waits_n < COUNT(waits));
    put(watched, puts_at[waits_n]);
    waits[waits_n++] = ms;
    fds[0].revents = waits_n == stop_at ? POLLIN : 0;
    return waits_n == stop_at;
}

/* Runs to the `n`-th wait. */
static void
watch_run(struct node *n, enum audit_sync sync, size_t last)
{
    worker_of(n, 0, 4 << 20);
    n->setup.sync = sync;
    n->setup.poll = watch;
    watched = n;
    waits_n = 0;
    stop_at = last;
    start(n);
    assert_int_equal(auditor_run(&n->t.cx, n->auditor), ERR_OK);
    assert_int_equal(waits_n, last);
    stop(n);
}

static void
events_are_gathered_but_behind_a_full_batch(void **state)
{
    enum { TOO_MANY = 4000 }; /* for one batch */
    struct node *n = *state;

    memset(puts_at, 0, sizeof(puts_at));
    puts_at[0] = 1;
    puts_at[2] = TOO_MANY;
    watch_run(n, AUDIT_SYNC_BATCHED, 5);
    assert_true(waits[0] > AUDITOR_SAFE_MS); /* asleep, until one comes */
    assert_in_range(waits[1], 1, AUDITOR_SAFE_MS - 2);
    assert_in_range(waits[2], 1, AUDITOR_SAFE_MS - 2);
    assert_int_equal(waits[3], 0); /* a full batch was written, and more waits */
    assert_in_range(waits[4], 1, AUDITOR_SAFE_MS - 2);
    assert_int_equal(verified(n).events, 1 + TOO_MANY);
}

static void
before_an_answer_nothing_is_gathered(void **state)
{
    struct node *n = *state;

    memset(puts_at, 0, sizeof(puts_at));
    puts_at[0] = 1;
    watch_run(n, AUDIT_SYNC_BEFORE, 2);
    assert_true(waits[0] > AUDITOR_SAFE_MS && waits[1] > AUDITOR_SAFE_MS);
    assert_int_equal(verified(n).events, 1);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(events_are_in_the_log_once_and_in_order),
        T(segments_rotate_and_the_chain_goes_on),
        T(a_ring_of_a_worker_that_is_gone_is_emptied),
        T(a_full_disk_refuses_and_loses_nothing),
        T(a_full_disk_and_then_kill_9_leaves_a_recorded_tail),
        T(a_failed_write_or_sync_goes_back_and_begins_a_segment),
        T(a_crash_while_recording_a_crash),
        T(without_a_signer_events_go_on_and_are_signed_later),
        T(a_wild_ring_is_written_down_as_lost),
        T(a_ring_older_than_the_log_is_not_read_again),
        T(before_answer_returns_when_it_is_on_disk),
        T(who_reads_has_caught_up),
        T(an_event_waits_for_two_turns_and_the_gathering_between),
        T(events_are_gathered_but_behind_a_full_batch),
        T(before_an_answer_nothing_is_gathered),
        T(every_altered_byte_is_found_and_named),
        T(every_removed_line_is_found_and_named),
        T(every_exchanged_or_doubled_line_is_found_and_named),
        T(every_cut_is_found_and_named),
        T(a_cut_behind_the_last_checkpoint_is_found_by_the_ring),
        T(checkpoints_are_guarded_as_well),
        T(a_log_made_anew_fails_on_its_signatures),
        T(an_unsigned_checkpoint_is_not_taken_for_a_signed_one),
        T(segments_and_torn_tails_are_guarded),
        T(an_auditor_does_not_build_on_an_altered_log),
        T(events_are_found_by_patient_time_and_kind),
        T(proofs_are_given_for_what_the_log_holds),
        T(proofs_are_not_given_over_a_log_with_a_hole),
        T(the_last_checkpoint_is_given_as_it_was_signed),
        T(kill_9_of_the_worker_loses_nothing),
        T(kill_9_of_the_auditor_loses_nothing),
        T(kill_9_of_both_loses_nothing),
    };

    return cmocka_run_group_tests_name("auditor", tests, NULL, NULL);
}
