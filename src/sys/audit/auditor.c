/*
 * auditor.c - rings in, log out, and who is told what.
 *
 * A ring that does not hold what it must (its worker went wild, or the machine
 * lost power and its pages are older than the log) is written down as lost,
 * closed, and begun anew by its worker. EUPL-1.2.
 */
#include "sys/audit/auditor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sys/audit/log_int.h"

enum {
    BEAT_MS = 200, /* asleep for no longer: audit.patience is 1 s at least */
    FULL_MS = 100, /* between tries on a full disk */
    ARENA = 64 << 20,
};

struct ring_in {
    struct ring ring;
    unsigned number;
    uint64_t epoch;       /* that the three below belong to */
    uint64_t at, safe_at; /* bytes taken; bytes whose lines are on disk */
    uint64_t rseq;        /* the number of the last event taken */
    bool lost;            /* written down as lost; broken once that is on disk */
};

struct auditor {
    const struct auditor_setup *setup;
    struct arena arena;
    int64_t turn_ms; /* the last one took, its sync included */
    struct log log;
    struct ring_in in[AUDIT_RINGS_MAX];
    size_t n;
    bool full;
    bool more; /* the last batch was full */
};

/* --- opening ------------------------------------------------------------------- */

static err_t
map_ring(struct ctx *cx, struct auditor *a, const char *name)
{
    struct ring_in *in = &a->in[a->n];
    int fd = openat(a->setup->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    err_t e;

    if (fd < 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "%s: %s", name, strerror(errno));
    e = audit__ring_map(cx, fd, &in->ring);
    close(fd);
    if (e != ERR_OK)
        return e;
    in->number = in->ring.head->number;
    a->n++;
    return ERR_OK;
}

static bool
is_ring(const char *name)
{
    char again[32];
    uint64_t n;

    if (strncmp(name, "ring.", 5) != 0 || !str_to_u64(str_of(name + 5), &n) ||
        n >= AUDIT_RINGS_MAX)
        return false;
    snprintf(again, sizeof(again), "ring.%u", (unsigned)n);
    return strcmp(name, again) == 0;
}

/* Those of workers that are gone too: their events wait there. */
static err_t
map_rings(struct ctx *cx, struct auditor *a)
{
    int fd = openat(a->setup->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    err_t e = ERR_OK;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return refuse(cx, ERR_UNAVAILABLE, "", "the audit folder: %s", strerror(errno));
    }
    while (e == ERR_OK && (entry = readdir(d)) != NULL)
        if (is_ring(entry->d_name))
            e = map_ring(cx, a, entry->d_name);
    closedir(d);
    return e;
}

static err_t
add_lost(struct ctx *cx, struct auditor *a, struct ring_in *in, uint64_t count,
         const char *why)
{
    struct audit_record r = { .event = AUDIT_RING_LOST,
                              .outcome = AUDIT_FAILED,
                              .at_ms = cx->now_ms,
                              .code = S("RING_LOST"),
                              .reason = str_of(why),
                              .count = (int64_t)count };

    r.entity = arena_printf(cx->arena, "ring.%u", in->number);
    if (r.entity.p == NULL)
        return refuse_memory(cx);
    log_error(cx, "ring %u: %s (%llu events)", in->number, why, (unsigned long long)count);
    return audit__log_add(cx, &a->log, NULL, &r, (struct str){ NULL, 0 });
}

/* Nobody knows how many when the numbers make no sense. */
static uint64_t
plausible(const struct ring_in *in, uint64_t from, uint64_t to)
{
    return to > from && to - from <= in->ring.size / FRAME_EXTRA ? to - from : 0;
}

static err_t
lose(struct ctx *cx, struct auditor *a, struct ring_in *in, const char *why)
{
    uint64_t head = atomic_load(&in->ring.head->head);

    in->lost = true;
    return add_lost(cx, a, in, plausible(in, in->rseq, audit__ring_last(&in->ring, head)),
                    why);
}

/* Where a ring stands against the log, when the auditor or the epoch is new. */
static err_t
join(struct ctx *cx, struct auditor *a, struct ring_in *in)
{
    struct ring_head *h = in->ring.head;
    const struct mark *m = &a->log.now.marks[in->number];
    uint64_t durable = atomic_load(&h->durable), head = atomic_load(&h->head), gone;

    in->epoch = atomic_load(&h->epoch);
    in->at = in->safe_at = atomic_load(&h->tail);
    in->rseq = in->epoch == m->epoch ? m->rseq : 0;
    if (in->epoch < m->epoch || audit__ring_last(&in->ring, head) < in->rseq)
        return lose(cx, a, in, "the ring is older than the log");
    if (durable <= in->rseq || durable > audit__ring_last(&in->ring, head))
        return ERR_OK;
    /* They were on disk once. The gap in the numbers stays for all to see. */
    gone = plausible(in, in->rseq, durable);
    in->rseq = durable;
    return add_lost(cx, a, in, gone, "acknowledged events are not in the log any more");
}

err_t
auditor_open(struct ctx *cx, const struct auditor_setup *setup, struct auditor **out)
{
    struct auditor *a;
    err_t e;

    *out = NULL;
    if (setup->origin.n == 0 || setup->now_ms == NULL || setup->segment_bytes <= 0 ||
        setup->checkpoint_ms <= 0 || setup->sync == AUDIT_SYNC_NONE)
        return refuse(cx, ERR_INTERNAL, "", "the auditor's setup is not complete");
    if ((a = calloc(1, sizeof(*a))) == NULL)
        return refuse_memory(cx);
    a->setup = setup;
    a->log.fd = -1;
    arena_init(&a->arena, ARENA);
    if ((e = audit__log_open(cx, setup, &a->log)) == ERR_OK)
        e = map_rings(cx, a);
    if (e != ERR_OK) {
        for (size_t i = 0; i < a->n; i++)
            audit__ring_unmap(&a->in[i].ring);
        audit__log_close(&a->log);
        arena_fini(&a->arena);
        free(a);
        return e;
    }
    *out = a;
    return ERR_OK;
}

/* --- telling the workers ----------------------------------------------------------- */

static void
beat(struct auditor *a)
{
    int64_t now = audit__tick_ms();

    for (size_t i = 0; i < a->n; i++)
        atomic_store_explicit(&a->in[i].ring.head->heartbeat, now, memory_order_relaxed);
}

static void
say_full(struct auditor *a, bool full)
{
    if (full != a->full)
        log_warn(NULL, full
                           ? "the disk takes no more: routes with an audit event answer 503"
                           : "the disk takes events again");
    a->full = full;
    for (size_t i = 0; i < a->n; i++)
        atomic_store(&a->in[i].ring.head->full, full ? 1 : 0);
}

static void
tick_back(struct auditor *a, const struct ring_in *in)
{
    uint64_t one = 1;
    int fd = in->number < a->setup->backs_n ? a->setup->backs[in->number] : -1;

    if (atomic_load(&in->ring.head->wants) == 0 || fd < 0)
        return;
    atomic_store(&in->ring.head->wants, 0);
    if (write(fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is readable already */
}

/* That it is lost is on disk: its worker begins it anew, newer than the log. */
static void
give_up(struct auditor *a, struct ring_in *in)
{
    struct ring_head *h = in->ring.head;
    uint64_t epoch = a->log.safe.marks[in->number].epoch;

    if (atomic_load(&h->epoch) < epoch)
        atomic_store(&h->epoch, epoch);
    in->lost = false;
    in->epoch = 0;
    atomic_store_explicit(&h->state, RING_BROKEN, memory_order_release);
}

/* Their lines are on disk: the worker may use the bytes again, and answer. */
static void
publish(struct auditor *a)
{
    for (size_t i = 0; i < a->n; i++) {
        struct ring_in *in = &a->in[i];
        struct ring_head *h = in->ring.head;

        if (in->lost) {
            give_up(a, in);
            continue;
        }
        if (in->at == in->safe_at)
            continue;
        in->safe_at = in->at;
        atomic_store_explicit(&h->tail, in->at, memory_order_release);
        atomic_store_explicit(&h->durable, in->rseq, memory_order_seq_cst);
        atomic_store_explicit(&h->durable32, (uint32_t)in->rseq, memory_order_seq_cst);
        if (atomic_load(&h->waiters) != 0)
            audit__futex_wake(&h->durable32);
        tick_back(a, in);
    }
}

/* --- draining ----------------------------------------------------------------------- */

/* One frame becomes one line; `*whole` is false when it is no frame. */
static err_t
take_frame(struct ctx *cx, struct auditor *a, struct ring_in *in, uint64_t head,
           bool *whole)
{
    uint8_t room[FRAME_MAX];
    struct audit_record r;
    struct frame_head f;
    struct bytes body;

    *whole = audit__frame_read(cx, &in->ring, in->at, head, room, &f, &body) == ERR_OK &&
             f.epoch == in->epoch && f.seq <= in->rseq + 1;
    if (*whole && f.seq <= in->rseq) { /* in the log since before a crash */
        in->at += f.size;
        return ERR_OK;
    }
    *whole = *whole && audit__unpack(cx, body, &r) == ERR_OK;
    if (!*whole) {
        refuse_clear(cx);
        return ERR_OK;
    }
    in->at += f.size;
    in->rseq = f.seq;
    return audit__log_add(cx, &a->log, &(struct origin){ in->number, f.epoch, f.seq }, &r,
                          (struct str){ NULL, 0 });
}

static err_t
drain(struct ctx *cx, struct auditor *a, struct ring_in *in, size_t *kept)
{
    struct ring_head *h = in->ring.head;
    uint64_t head;
    err_t e = ERR_OK;

    if (in->lost || atomic_load_explicit(&h->state, memory_order_acquire) != RING_OK)
        return ERR_OK;
    if (in->epoch != atomic_load(&h->epoch) && (e = join(cx, a, in)) != ERR_OK)
        return e;
    head = atomic_load_explicit(&h->head, memory_order_acquire);
    while (e == ERR_OK && !in->lost && in->at != head && !audit__log_batch_full(&a->log)) {
        bool whole;

        e = take_frame(cx, a, in, head, &whole);
        if (e == ERR_OK && !whole)
            e = lose(cx, a, in, "the ring does not hold what it must");
        *kept += 1;
        arena_reset(cx->arena);
    }
    return e;
}

/* What was taken since the last sync is taken again. */
static void
take_back(struct auditor *a)
{
    for (size_t i = 0; i < a->n; i++) {
        a->in[i].epoch = 0; /* join anew */
        a->in[i].lost = false;
    }
}

static err_t
fill_batch(struct ctx *cx, struct auditor *a, size_t *kept)
{
    err_t e = audit__log_ready(cx, &a->log);

    for (size_t i = 0; i < a->n && e == ERR_OK; i++)
        e = drain(cx, a, &a->in[i], kept);
    a->more = audit__log_batch_full(&a->log);
    return e;
}

static err_t
turn(struct ctx *cx, struct auditor *a, size_t *kept)
{
    err_t e = ERR_OK;

    /* A full disk left us with a batch: that first. */
    if (a->log.batch_n == 0 && (e = fill_batch(cx, a, kept)) != ERR_OK)
        audit__log_drop(&a->log);
    if (e == ERR_OK)
        e = audit__log_flush(cx, &a->log);
    if (e == ERR_OK)
        publish(a);
    else if (a->log.batch_n == 0)
        take_back(a);
    return e;
}

err_t
auditor_turn(struct ctx *outer, struct auditor *a, size_t *kept)
{
    struct ctx cx;
    int64_t from;
    err_t e;

    *kept = 0;
    arena_reset(&a->arena);
    ctx_init(&cx, &a->arena, a->setup->now_ms());
    beat(a);
    from = audit__tick_ms();
    e = turn(&cx, a, kept);
    a->turn_ms = audit__tick_ms() - from;
    say_full(a, e != ERR_OK);
    if (e != ERR_OK)
        return refuse(outer, ERR_UNAVAILABLE, "", "%.*s", STR(cx.reason));
    if (audit__log_checkpoint(&cx, &a->log, false) != ERR_OK)
        log_warn(NULL, "no checkpoint now: %.*s", STR(cx.reason)); /* the next turn tries */
    return ERR_OK;
}

/* --- the loop ----------------------------------------------------------------------- */

int
auditor__gather_ms(int64_t turn_ms, bool more)
{
    int64_t left = AUDITOR_SAFE_MS - 2 * (turn_ms + 1);

    return more ? 0 : left > 1 ? (int)left : 1;
}

static bool
anything_waits(const struct auditor *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (atomic_load(&a->in[i].ring.head->head) != a->in[i].at &&
            atomic_load(&a->in[i].ring.head->state) == RING_OK)
            return true;
    return false;
}

static void
set_asleep(struct auditor *a, uint32_t asleep)
{
    for (size_t i = 0; i < a->n; i++)
        atomic_store_explicit(&a->in[i].ring.head->asleep, asleep, memory_order_seq_cst);
}

/* True when it is time to end. */
static bool
wait_for(struct auditor *a, int ms, bool bell)
{
    struct pollfd fds[2] = { { .fd = a->setup->stop, .events = POLLIN },
                             { .fd = bell ? a->setup->bell : -1, .events = POLLIN } };
    uint64_t rung;

    if ((a->setup->poll != NULL ? a->setup->poll : poll)(fds, 2, ms) <= 0)
        return false;
    if (fds[1].revents != 0 && read(a->setup->bell, &rung, sizeof(rung)) < 0)
        return fds[0].revents != 0; /* somebody else's ring of the bell */
    return fds[0].revents != 0;
}

/* Announced first, then looked again: who puts after the look rings the bell. */
static bool
sleep_until_rung(struct auditor *a)
{
    bool stop = false;

    set_asleep(a, 1);
    if (!anything_waits(a))
        stop = wait_for(
            a, a->setup->bell < 0 ? auditor__gather_ms(a->turn_ms, false) : BEAT_MS, true);
    set_asleep(a, 0);
    return stop;
}

err_t
auditor_run(struct ctx *cx, struct auditor *a)
{
    bool stop = false;

    for (;;) {
        size_t kept;
        err_t e = auditor_turn(cx, a, &kept);

        if (e != ERR_OK) {
            if (stop || (stop = wait_for(a, FULL_MS, false)))
                return e; /* what is not on disk waits in the rings */
            continue;
        }
        if (stop && kept == 0)
            return ERR_OK;
        if (stop)
            continue;
        if (kept == 0 && !(stop = sleep_until_rung(a)) &&
            a->setup->sync == AUDIT_SYNC_BEFORE)
            continue;
        if (!stop && a->setup->sync != AUDIT_SYNC_BEFORE)
            stop = wait_for(a, auditor__gather_ms(a->turn_ms, a->more), false);
    }
}

void
auditor_close(struct ctx *outer, struct auditor *a)
{
    struct ctx cx;

    if (a == NULL)
        return;
    arena_reset(&a->arena);
    ctx_init(&cx, &a->arena, a->setup->now_ms());
    if (a->log.batch_n == 0 && audit__log_checkpoint(&cx, &a->log, true) != ERR_OK)
        log_warn(outer, "no checkpoint at the end: %.*s", STR(cx.reason));
    for (size_t i = 0; i < a->n; i++) {
        atomic_store(&a->in[i].ring.head->heartbeat, 0);
        audit__ring_unmap(&a->in[i].ring);
    }
    audit__log_close(&a->log);
    arena_fini(&a->arena);
    free(a);
}
