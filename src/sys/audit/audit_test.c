/* audit_test.c - the ring, from the worker's side. EUPL-1.2. */
#include "base/test.h"
#include "sys/audit/audit_int.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct test_ctx t;
    struct sys sys;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    test_ctx_init(&f->t);
    strcpy(f->t.cx.id, "req-1");
    f->t.cx.sys = &f->sys;
    *state = f;
    return audit_open_test(&f->t.cx, &f->sys.audit) == ERR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    audit_close(f->sys.audit);
    test_ctx_fini(&f->t);
    free(f);
    return 0;
}

static struct audit_record
a_read(void)
{
    return (struct audit_record){
        .event = AUDIT_RECORD_READ,
        .outcome = AUDIT_PERMITTED,
        .who = S("did:web:b.example:iam:thuiszorg"),
        .who_name = S("Thuiszorg De Linde"),
        .person = S("uzi:900000009"),
        .role = S("01.015"),
        .custodian = S("did:web:a.example:iam:ziekenhuis"),
        .source_ip = S("2001:db8::7"),
        .what = S("GET Patient"),
        .patient = S("eyJhbGciOiJFQ0RILUVTIn0..a.b.c"),
        .patient_mac = S("bWFj"),
        .policy = S("bgz"),
        .policy_version = S("1.0.0"),
        .ground = S("consent:7"),
        .purpose = S("TREAT"),
    };
}

/* --- what an event must hold (NEN 7513; mission 5) --- */

static void
a_record_comes_out_as_it_went_in(void **state)
{
    struct fixture *f = *state;
    struct audit_record in = a_read(), out;

    assert_int_equal(audit_put(&f->t.cx, &in), ERR_OK);
    assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
    for (size_t i = 1; i < audit__texts_n; i++)
        assert_true(str_eq(audit__text_of(&in, &audit__texts[i]),
                           audit__text_of(&out, &audit__texts[i])));
    assert_true(str_is(out.request_id, "req-1"));
    assert_int_equal(out.at_ms, f->t.cx.now_ms);
    assert_false(audit_take_test(&f->t.cx, f->sys.audit, &out));
}

static void
refused(struct fixture *f, const struct audit_record *r, const char *lacks)
{
    struct audit_record none;

    assert_int_equal(audit_put(&f->t.cx, r), ERR_INTERNAL);
    if (str_search(f->t.cx.reason, str_of(lacks)) == f->t.cx.reason.n)
        fail_msg("'%.*s' does not name %s", STR(f->t.cx.reason), lacks);
    assert_false(audit_take_test(&f->t.cx, f->sys.audit, &none));
}

static void
each_missing_field_is_refused(void **state)
{
    struct fixture *f = *state;
    struct audit_record r;

#define WITHOUT(member)                                                                    \
    r = a_read();                                                                          \
    r.member = (struct str){ NULL, 0 };                                                    \
    refused(f, &r, #member)
    WITHOUT(who);
    WITHOUT(custodian);
    WITHOUT(patient);
    WITHOUT(patient_mac);
    WITHOUT(policy);
    WITHOUT(ground);
#undef WITHOUT
    r = a_read();
    r.outcome = AUDIT_OUTCOME_NONE;
    refused(f, &r, "outcome");
    r = a_read();
    r.event = AUDIT_UNDECIDED;
    refused(f, &r, "no event");
    r.event = AUDIT_NOT_NEEDED;
    refused(f, &r, "no event");
    r.event = AUDIT_COUNT;
    refused(f, &r, "no event");
    r = (struct audit_record){ .event = AUDIT_GROUND_CHANGED, .outcome = AUDIT_PERMITTED };
    refused(f, &r, "who");
    r = (struct audit_record){ .event = AUDIT_UNAUTHENTICATED,
                               .outcome = AUDIT_DENIED,
                               .code = S("UNAUTHORIZED"),
                               .reason = S("x") };
    refused(f, &r, "count");
}

static void
a_denial_names_its_reason_and_no_more_is_asked(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = { .event = AUDIT_RECORD_READ, .outcome = AUDIT_DENIED }, out;

    refused(f, &r, "code");
    r.code = S("FORBIDDEN");
    refused(f, &r, "reason");
    r.reason = S("no live ground");
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
    assert_int_equal(out.outcome, AUDIT_DENIED);
}

static void
persons_numbers_are_taken_out_of_free_text(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read(), out;

    r.what = S("GET Patient/999990019");
    r.entity = S("Patient/999990019");
    r.reason = S("was 999990019, not 123");
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
    assert_true(str_is(out.what, "GET Patient/#########"));
    assert_true(str_is(out.entity, "Patient/#########"));
    assert_true(str_is(out.reason, "was #########, not 123"));
    /* a care professional's number is what the log is for */
    assert_true(str_is(out.person, "uzi:900000009"));
}

static void
long_texts_are_cut_visibly_and_bad_ones_made_text(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read(), out;
    char many[5000];

    for (size_t i = 0; i + 1 < sizeof(many); i += 2)
        memcpy(many + i, "\xC3\xA9", 2); /* é: never cut in two */
    r.who = (struct str){ many, 4998 };
    r.role = S("a\xff\xfe");
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
    assert_true(out.who.n <= 1024 && str_ends(out.who, S("…[cut]")));
    assert_true(str_is_utf8(out.who));
    assert_true(str_is(out.role, "a??"));
    r = a_read();
    r.patient = (struct str){ many, 4998 };
    refused(f, &r, "patient");
}

/* --- nobody to keep it --- */

static void
without_an_auditor_nothing_is_taken(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read();

    audit_down_test(f->sys.audit);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    assert_int_equal(audit_ready(&f->t.cx), ERR_UNAVAILABLE);
    f->t.cx.sys = NULL;
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    assert_int_equal(audit_ready(&f->t.cx), ERR_UNAVAILABLE);
    assert_int_equal(audit_count_refusal(&f->t.cx, S("::1"), S("x")), ERR_UNAVAILABLE);
}

static void
a_full_ring_refuses_and_then_takes_again(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read(), out;
    long n = 0;

    while (audit_put(&f->t.cx, &r) == ERR_OK)
        n++;
    assert_int_equal(f->t.cx.refused, ERR_UNAVAILABLE);
    assert_true(n > 1000);
    assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    for (long i = 0; i < n; i++) {
        assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
        assert_true(str_is(out.policy, "bgz"));
        if (i % 500 == 0)
            arena_reset(&f->t.arena);
    }
    assert_false(audit_take_test(&f->t.cx, f->sys.audit, &out));
}

/* --- a ring that is a file --- */

struct folder {
    char path[64];
    int fd;
};

static void
folder_open(struct folder *d)
{
    strcpy(d->path, "/tmp/knoop-audit-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(d->fd >= 0);
}

static void
folder_close(struct folder *d)
{
    char command[128];

    close(d->fd);
    snprintf(command, sizeof(command), "rm -rf %s", d->path);
    assert_int_equal(system(command), 0);
}

static struct audit *
open_ring(struct ctx *cx, const struct folder *d, struct sys *sys)
{
    struct audit_setup set = {
        .bell = -1, .back = -1, .sync = AUDIT_SYNC_BATCHED, .patience_ms = 1000
    };

    assert_int_equal(audit_ring_make(cx, d->fd, 0, 64 * 1024, &set.ring), ERR_OK);
    assert_int_equal(audit_open(cx, &set, &sys->audit), ERR_OK);
    cx->sys = sys;
    atomic_store(&sys->audit->ring.head->heartbeat, audit__tick_ms());
    return sys->audit;
}

/* Reads frames as the auditor does; stops at the first that is none. */
static uint64_t
count_frames(struct ctx *cx, struct ring *r, uint64_t *last)
{
    uint64_t at = atomic_load(&r->head->tail), head = atomic_load(&r->head->head), n = 0;
    uint8_t room[FRAME_MAX];

    for (; at != head; n++) {
        struct audit_record out;
        struct frame_head f;
        struct bytes body;

        assert_int_equal(audit__frame_read(cx, r, at, head, room, &f, &body), ERR_OK);
        assert_int_equal(audit__unpack(cx, body, &out), ERR_OK);
        if (*last != 0)
            assert_int_equal(f.seq, *last + 1);
        *last = f.seq;
        at += f.size;
    }
    atomic_store(&r->head->tail, at);
    return n;
}

/*
 * A worker is killed while it puts, again and again. Whatever it acknowledged
 * (in shared memory, after the put) is in the ring, numbers have no gap, and
 * the next worker goes on where it stopped.
 */
static void
a_killed_producer_loses_nothing_and_leaves_no_hole(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    _Atomic uint64_t *acked =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t read = 0, last = 0;

    folder_open(&d);
    for (int round = 0; round < 40; round++) {
        struct audit *a = open_ring(&f->t.cx, &d, &sys);
        pid_t child = fork();
        uint64_t seen = atomic_load(acked);

        if (child == 0) {
            struct audit_record r = a_read();

            for (;;)
                if (audit_put(&f->t.cx, &r) == ERR_OK)
                    atomic_fetch_add(acked, 1);
        }
        while (atomic_load(acked) < seen + 20) /* in the middle of its work */
            read += count_frames(&f->t.cx, &a->ring, &last);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        read += count_frames(&f->t.cx, &a->ring, &last);
        assert_true(read >= atomic_load(acked));
        /* one per death may be in the ring without having been acknowledged */
        assert_true(read <= atomic_load(acked) + (uint64_t)round + 1);
        assert_int_equal(last, read);
        audit_close(a);
        arena_reset(&f->t.arena);
    }
    munmap(acked, 4096);
    folder_close(&d);
}

/* The same as a proof: every way to die before head moves leaves the ring as it was. */
static void
bytes_beyond_head_mean_nothing(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    struct audit_record r = a_read();
    struct audit *a;
    uint64_t head, last = 0;

    folder_open(&d);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    head = atomic_load(&a->ring.head->head);
    memset(a->ring.data + head, 0xA5, 3000); /* a frame half written */
    audit_close(a);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(a->seq, 1);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_int_equal(count_frames(&f->t.cx, &a->ring, &last), 2);
    audit_close(a);
    folder_close(&d);
}

static void
altered_frames_are_not_believed(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read();
    struct ring *ring = &f->sys.audit->ring;
    uint8_t room[FRAME_MAX];
    struct frame_head h;
    struct bytes body;
    uint64_t head;

    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    head = atomic_load(&ring->head->head);
    for (uint64_t i = 0; i < head; i++) {
        ring->data[i] ^= 0x10;
        assert_int_equal(audit__frame_read(&f->t.cx, ring, 0, head, room, &h, &body),
                         ERR_CONFLICT);
        ring->data[i] ^= 0x10;
    }
    for (uint64_t at = 8; at <= head; at += 8)
        assert_int_equal(audit__frame_read(&f->t.cx, ring, at, head, room, &h, &body),
                         ERR_CONFLICT);
    assert_int_equal(audit__frame_read(&f->t.cx, ring, 0, ring->size + 8, room, &h, &body),
                     ERR_CONFLICT);
    assert_int_equal(audit__frame_read(&f->t.cx, ring, 0, head, room, &h, &body), ERR_OK);
}

static void
what_is_no_ring_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    char path[96];
    FILE *file;
    int fd;

    folder_open(&d);
    snprintf(path, sizeof(path), "%s/ring.3", d.path);
    file = fopen(path, "w");
    fputs("something else", file);
    fclose(file);
    assert_int_equal(audit_ring_make(&f->t.cx, d.fd, 3, 64 * 1024, &fd), ERR_CONFLICT);
    assert_int_equal(fd, -1);
    assert_int_equal(audit_ring_make(&f->t.cx, d.fd, 0, 100000, &fd), ERR_INTERNAL);
    assert_int_equal(audit_ring_make(&f->t.cx, d.fd, AUDIT_RINGS_MAX, 65536, &fd),
                     ERR_INTERNAL);
    folder_close(&d);
}

static void
an_old_ring_keeps_its_size_while_events_wait(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    struct audit_record r = a_read();
    struct audit *a;
    struct ring ring;
    uint64_t epoch, last = 0;
    int fd;

    folder_open(&d);
    a = open_ring(&f->t.cx, &d, &sys);
    epoch = atomic_load(&a->ring.head->epoch);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(audit_ring_make(&f->t.cx, d.fd, 0, 128 * 1024, &fd), ERR_OK);
        assert_int_equal(audit__ring_map(&f->t.cx, fd, &ring), ERR_OK);
        assert_int_equal(ring.size, round == 0 ? 64 * 1024 : 128 * 1024);
        assert_int_equal(count_frames(&f->t.cx, &ring, &last), round == 0 ? 1 : 0);
        if (round == 1)
            assert_true(atomic_load(&ring.head->epoch) > epoch);
        audit__ring_unmap(&ring);
        close(fd);
    }
    audit_close(a);
    folder_close(&d);
}

static void
a_silent_auditor_is_down(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    struct audit_record r = a_read();
    struct audit *a;
    int fd;

    folder_open(&d);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    atomic_store(&a->ring.head->heartbeat, audit__tick_ms() - 1001);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    /* a beat from before the machine's restart */
    atomic_store(&a->ring.head->heartbeat, audit__tick_ms() + 5000);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    atomic_store(&a->ring.head->heartbeat, audit__tick_ms());
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    assert_int_equal(audit_ring_make(&f->t.cx, d.fd, 0, 64 * 1024, &fd), ERR_OK);
    atomic_store(&a->ring.head->heartbeat, audit__tick_ms());
    audit_ring_auditor_died(fd);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    atomic_store(&a->ring.head->heartbeat, audit__tick_ms());
    atomic_store(&a->ring.head->full, 1);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    atomic_store(&a->ring.head->full, 0);
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    close(fd);
    audit_close(a);
    folder_close(&d);
}

static void
before_answer_waits_and_gives_up(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    struct audit_record r = a_read();
    struct audit *a;
    uint64_t ticket;

    folder_open(&d);
    a = open_ring(&f->t.cx, &d, &sys);
    a->sync = AUDIT_SYNC_BEFORE;
    a->patience_ms = 1000;
    f->t.cx.may_not_block = true;
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_WOULD_BLOCK);
    assert_int_equal(atomic_load(&a->ring.head->head), 0); /* and nothing was kept */
    assert_int_equal(audit_put_ticket(&f->t.cx, &r, &ticket), ERR_OK);
    assert_false(audit_is_safe(a, ticket));
    f->t.cx.may_not_block = false;
    f->t.cx.deadline_ms = audit__tick_ms() + 30;
    assert_int_equal(audit_put(&f->t.cx, &r), ERR_UNAVAILABLE);
    atomic_store(&a->ring.head->durable, 2);
    assert_true(audit_is_safe(a, ticket));
    assert_int_equal(audit_wait(&f->t.cx, 2), ERR_OK);
    audit_close(a);
    folder_close(&d);
}

struct crowd {
    struct sys *sys;
    _Atomic bool *stop;
    _Atomic uint64_t put;
};

static void *
one_of_many(void *arg)
{
    struct crowd *c = arg;
    struct test_ctx t;
    struct audit_record r = a_read();

    test_ctx_init(&t);
    t.cx.sys = c->sys;
    while (!atomic_load(c->stop))
        if (audit_put(&t.cx, &r) == ERR_OK)
            atomic_fetch_add(&c->put, 1);
    test_ctx_fini(&t);
    return NULL;
}

static void
many_threads_one_ring(void **state)
{
    struct fixture *f = *state;
    _Atomic bool stop = false;
    struct crowd c = { .sys = &f->sys, .stop = &stop };
    pthread_t t[4];
    uint64_t read = 0, last = 0;

    for (size_t i = 0; i < COUNT(t); i++)
        pthread_create(&t[i], NULL, one_of_many, &c);
    while (read < 20000) {
        read += count_frames(&f->t.cx, &f->sys.audit->ring, &last);
        arena_reset(&f->t.arena);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < COUNT(t); i++)
        pthread_join(t[i], NULL);
    read += count_frames(&f->t.cx, &f->sys.audit->ring, &last);
    assert_int_equal(read, atomic_load(&c.put));
    assert_int_equal(last, read);
}

/* --- refusals without proof --- */

static void
a_flood_becomes_one_event_a_source_and_minute(void **state)
{
    struct fixture *f = *state;
    struct audit_record out;

    for (int i = 0; i < 100000; i++)
        assert_int_equal(audit_count_refusal(&f->t.cx, i % 2 ? S("192.0.2.1") : S("::2"),
                                             S("POST /oauth2/{id}/token")),
                         ERR_OK);
    audit_tick(&f->t.cx);
    assert_false(
        audit_take_test(&f->t.cx, f->sys.audit, &out)); /* the minute is not over */
    f->t.cx.now_ms += 60000;
    audit_tick(&f->t.cx);
    for (int i = 0; i < 2; i++) {
        assert_true(audit_take_test(&f->t.cx, f->sys.audit, &out));
        assert_int_equal(out.event, AUDIT_UNAUTHENTICATED);
        assert_int_equal(out.count, 50000);
        assert_int_equal(out.at_ms, f->t.cx.now_ms - 60000);
        assert_true(str_is(out.what, "POST /oauth2/{id}/token"));
    }
    assert_false(audit_take_test(&f->t.cx, f->sys.audit, &out));
    audit_tick(&f->t.cx);
    assert_false(audit_take_test(&f->t.cx, f->sys.audit, &out));
}

static void
more_sources_than_places_are_counted_together(void **state)
{
    struct fixture *f = *state;
    struct audit_record out;
    int64_t sum = 0, others = 0;
    int events = 0;

    for (int i = 0; i < 10000; i++) {
        char source[32];

        snprintf(source, sizeof(source), "2001:db8::%x", i);
        assert_int_equal(audit_count_refusal(&f->t.cx, str_of(source), S("x")), ERR_OK);
    }
    f->t.cx.now_ms += 60000;
    audit_tick(&f->t.cx);
    while (audit_take_test(&f->t.cx, f->sys.audit, &out)) {
        events++;
        sum += out.count;
        if (str_is(out.source_ip, "others"))
            others = out.count;
    }
    assert_int_equal(events, AUDIT_SOURCES_MAX + 1);
    assert_int_equal(sum, 10000);
    assert_int_equal(others, 10000 - AUDIT_SOURCES_MAX);
}

static void
counts_survive_their_worker_and_a_dead_auditor(void **state)
{
    struct fixture *f = *state;
    struct folder d;
    struct sys sys = { 0 };
    struct audit *a;
    uint64_t last = 0;

    folder_open(&d);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(audit_count_refusal(&f->t.cx, S("::1"), S("x")), ERR_OK);
    audit_ring_auditor_died(-1);
    atomic_store(&a->ring.head->heartbeat, 0);
    f->t.cx.now_ms += 60000;
    assert_int_equal(audit_count_refusal(&f->t.cx, S("::1"), S("x")), ERR_OK); /* joins */
    assert_int_equal(a->ring.refusals[0].count, 2);
    audit_close(a); /* as good as killed: the file has it all */
    f->t.cx.now_ms += 60000;
    a = open_ring(&f->t.cx, &d, &sys);
    audit_tick(&f->t.cx);
    assert_int_equal(count_frames(&f->t.cx, &a->ring, &last), 1);
    assert_int_equal(a->ring.refusals[0].minute, 0);

    /* killed between the frame and the clearing: not logged twice */
    assert_int_equal(audit_count_refusal(&f->t.cx, S("::1"), S("x")), ERR_OK);
    struct ring_refusal kept = a->ring.refusals[0];
    f->t.cx.now_ms += 60000;
    audit_tick(&f->t.cx);
    a->ring.refusals[0] = kept;
    atomic_store(&a->ring.head->flush_entry, 1);
    audit_close(a);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(a->ring.refusals[0].minute, 0);

    /* killed before the frame came to be: still there */
    assert_int_equal(audit_count_refusal(&f->t.cx, S("::1"), S("x")), ERR_OK);
    atomic_store(&a->ring.head->flush_head, atomic_load(&a->ring.head->head) + 800);
    atomic_store(&a->ring.head->flush_entry, 1);
    audit_close(a);
    a = open_ring(&f->t.cx, &d, &sys);
    assert_int_equal(a->ring.refusals[0].count, 1);
    audit_close(a);
    folder_close(&d);
}

static void
a_broken_ring_begins_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    struct audit_record r = a_read();
    struct audit *a = f->sys.audit;
    uint64_t epoch = atomic_load(&a->ring.head->epoch), last = 0, ticket;

    assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    atomic_store(&a->ring.head->state, RING_BROKEN);
    assert_int_equal(audit_put_ticket(&f->t.cx, &r, &ticket), ERR_OK);
    assert_int_equal(ticket, 1);
    assert_true(atomic_load(&a->ring.head->epoch) > epoch);
    assert_int_equal(count_frames(&f->t.cx, &a->ring, &last), 1);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_record_comes_out_as_it_went_in),
        T(each_missing_field_is_refused),
        T(a_denial_names_its_reason_and_no_more_is_asked),
        T(persons_numbers_are_taken_out_of_free_text),
        T(long_texts_are_cut_visibly_and_bad_ones_made_text),
        T(without_an_auditor_nothing_is_taken),
        T(a_full_ring_refuses_and_then_takes_again),
        T(a_killed_producer_loses_nothing_and_leaves_no_hole),
        T(bytes_beyond_head_mean_nothing),
        T(altered_frames_are_not_believed),
        T(what_is_no_ring_is_left_alone),
        T(an_old_ring_keeps_its_size_while_events_wait),
        T(a_silent_auditor_is_down),
        T(before_answer_waits_and_gives_up),
        T(many_threads_one_ring),
        T(a_flood_becomes_one_event_a_source_and_minute),
        T(more_sources_than_places_are_counted_together),
        T(counts_survive_their_worker_and_a_dead_auditor),
        T(a_broken_ring_begins_a_new_epoch),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
