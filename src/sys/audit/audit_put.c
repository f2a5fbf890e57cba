/*
 * audit_put.c - the worker's end of the ring.
 *
 * Packing and the hash of the body happen outside the lock; under it stand
 * one check of what the auditor says, one copy and one store. Measured in
 * audit_bench.c. EUPL-1.2.
 */
#include "sys/audit/audit_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/sys.h"

enum { TEST_RING = 1 << 20 };

static struct audit *
audit_of(struct ctx *cx)
{
    return cx->sys == NULL ? NULL : cx->sys->audit;
}

static err_t
unavailable(struct ctx *cx, const char *why)
{
    return refuse(cx, ERR_UNAVAILABLE, "NEN 7513", "the audit log: %s", why);
}

/* --- opening ---------------------------------------------------------------- */

static err_t
audit_new(struct ctx *cx, const struct ring *ring, struct audit **out)
{
    struct audit *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return refuse_memory(cx);
    a->ring = *ring;
    a->bell = a->back = -1;
    a->sync = AUDIT_SYNC_BATCHED;
    pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return ERR_OK;
}

err_t
audit_open(struct ctx *cx, const struct audit_setup *setup, struct audit **out)
{
    struct ring ring;
    err_t e;

    *out = NULL;
    if (setup->sync == AUDIT_SYNC_NONE || setup->patience_ms <= 0)
        return refuse(cx, ERR_INTERNAL, "", "nobody decided how the audit log syncs");
    e = audit__ring_map(cx, setup->ring, &ring);
    close(setup->ring); /* who is taken over later cannot cut the file short */
    if (e != ERR_OK)
        return e;
    if ((e = audit_new(cx, &ring, out)) != ERR_OK) {
        audit__ring_unmap(&ring);
        return e;
    }
    (*out)->bell = setup->bell;
    (*out)->back = setup->back;
    (*out)->sync = setup->sync;
    (*out)->patience_ms = setup->patience_ms;
    (*out)->seq = audit__ring_last(&ring, atomic_load(&ring.head->head));
    audit__count_recover(*out);
    return ERR_OK;
}

void
audit_close(struct audit *a)
{
    if (a == NULL)
        return;
    audit__ring_unmap(&a->ring);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* --- is there anyone to keep it? --------------------------------------------- */

static err_t
ready(struct ctx *cx, struct audit *a)
{
    struct ring_head *h = a->ring.head;
    int64_t beat = atomic_load_explicit(&h->heartbeat, memory_order_relaxed);

    if (a->test)
        return beat < 0 ? unavailable(cx, "the auditor is down") : ERR_OK;
    /* A beat in the future is one of before the machine's restart. */
    if (beat <= 0 || (uint64_t)(audit__tick_ms() - beat) > (uint64_t)a->patience_ms)
        return unavailable(cx, "the auditor is down");
    if (atomic_load_explicit(&h->full, memory_order_relaxed) != 0)
        return unavailable(cx, "the disk takes no more");
    return ERR_OK;
}

err_t
audit_ready(struct ctx *cx)
{
    struct audit *a = audit_of(cx);

    return a == NULL ? unavailable(cx, "is not open") : ready(cx, a);
}

/* --- putting ------------------------------------------------------------------ */

/* The auditor found the ring damaged, wrote that down, and left it to us. */
static void
renew_broken(struct ctx *cx, struct audit *a)
{
    if (atomic_load_explicit(&a->ring.head->state, memory_order_acquire) != RING_BROKEN)
        return;
    audit__ring_renew(&a->ring, cx->now_ms);
    a->seq = 0;
}

err_t
audit__publish(struct ctx *cx, struct audit *a, uint8_t *room, size_t body_n, uint64_t hash,
               uint32_t flush_entry, uint64_t *ticket)
{
    struct ring_head *h = a->ring.head;
    struct frame_head f = { .size = (uint32_t)(body_n + FRAME_EXTRA) };
    uint64_t head, used;
    err_t e;

    renew_broken(cx, a);
    if ((e = ready(cx, a)) != ERR_OK)
        return e;
    head = atomic_load_explicit(&h->head, memory_order_relaxed);
    used = head - atomic_load_explicit(&h->tail, memory_order_acquire);
    if (used > a->ring.size || a->ring.size - used < f.size)
        return unavailable(cx, "the ring is full");

    f.seq = a->seq + 1;
    f.epoch = atomic_load_explicit(&h->epoch, memory_order_relaxed);
    f.sum = audit__frame_sum(hash, f.seq, f.epoch);
    memcpy(room, &f, sizeof(f));
    memcpy(room + sizeof(f) + body_n, &f.seq, sizeof(f.seq));
    audit__ring_in(&a->ring, head, room, f.size);
    if (flush_entry != 0) {
        atomic_store(&h->flush_head, head + f.size);
        atomic_store(&h->flush_entry, flush_entry);
    }
    /* From here on the event is kept, whoever dies. */
    atomic_store_explicit(&h->head, head + f.size, memory_order_seq_cst);
    *ticket = a->seq = f.seq;
    return ERR_OK;
}

/* Only a sleeping auditor costs a system call, and only the first who comes. */
void
audit__ring_bell(struct audit *a)
{
    uint64_t one = 1;

    if (atomic_load_explicit(&a->ring.head->asleep, memory_order_seq_cst) == 0 ||
        atomic_exchange(&a->ring.head->asleep, 0) == 0 || a->bell < 0)
        return;
    if (write(a->bell, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is ringing already */
}

err_t
audit_put_ticket(struct ctx *cx, const struct audit_record *record, uint64_t *ticket)
{
    struct audit *a = audit_of(cx);
    uint8_t room[FRAME_MAX], *body = room + sizeof(struct frame_head);
    size_t n, padded;
    uint64_t hash;
    err_t e;

    *ticket = 0;
    if (a == NULL)
        return unavailable(cx, "is not open");
    if ((e = audit__pack(cx, record, body, &n)) != ERR_OK)
        return e;
    padded = (n + 7) & ~(size_t)7;
    memset(body + n, 0, padded - n);
    hash = str_hash((struct str){ (const char *)body, padded });

    pthread_mutex_lock(&a->lock);
    e = audit__publish(cx, a, room, padded, hash, 0, ticket);
    pthread_mutex_unlock(&a->lock);
    if (e == ERR_OK)
        audit__ring_bell(a);
    return e;
}

err_t
audit_put(struct ctx *cx, const struct audit_record *record)
{
    struct audit *a = audit_of(cx);
    bool wait = a != NULL && a->sync == AUDIT_SYNC_BEFORE && !a->test;
    uint64_t ticket;
    err_t e;

    if (wait && cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "audit.sync is before-answer");
    if ((e = audit_put_ticket(cx, record, &ticket)) != ERR_OK)
        return e;
    return wait ? audit_wait(cx, ticket) : ERR_OK;
}

/* --- waiting for the disk ------------------------------------------------------ */

bool
audit_is_safe(const struct audit *a, uint64_t ticket)
{
    return a->test ||
           atomic_load_explicit(&a->ring.head->durable, memory_order_acquire) >= ticket;
}

void
audit_want(struct audit *a)
{
    atomic_store(&a->ring.head->wants, 1);
}

err_t
audit_wait(struct ctx *cx, uint64_t ticket)
{
    struct audit *a = audit_of(cx);
    struct ring_head *h;
    int64_t until;
    err_t e = ERR_OK;

    if (a == NULL)
        return unavailable(cx, "is not open");
    h = a->ring.head;
    until = audit__tick_ms() + a->patience_ms;
    if (cx->deadline_ms != 0 && cx->deadline_ms < until)
        until = cx->deadline_ms;
    atomic_fetch_add(&h->waiters, 1);
    while (!audit_is_safe(a, ticket) && e == ERR_OK) {
        uint32_t seen = atomic_load(&h->durable32);
        int64_t left = until - audit__tick_ms();

        if (audit_is_safe(a, ticket))
            break;
        if (left <= 0)
            e = unavailable(cx, "the disk did not answer in time");
        else
            audit__futex_wait(&h->durable32, seen, left < 50 ? left : 50);
    }
    atomic_fetch_sub(&h->waiters, 1);
    return e;
}

err_t
audit_catch_up(struct ctx *cx)
{
    struct audit *a = audit_of(cx);
    uint64_t ticket;

    if (a == NULL)
        return ERR_OK; /* nothing was put */
    pthread_mutex_lock(&a->lock);
    ticket = a->seq;
    pthread_mutex_unlock(&a->lock);
    return audit_wait(cx, ticket);
}

/* --- for tests of other rooms --------------------------------------------------- */

err_t
audit_open_test(struct ctx *cx, struct audit **out)
{
    struct ring ring;
    err_t e;

    *out = NULL;
    if ((e = audit__ring_anonymous(cx, TEST_RING, &ring)) != ERR_OK)
        return e;
    if ((e = audit_new(cx, &ring, out)) != ERR_OK) {
        audit__ring_unmap(&ring);
        return e;
    }
    (*out)->test = true;
    return ERR_OK;
}

bool
audit_take_test(struct ctx *cx, struct audit *a, struct audit_record *out)
{
    struct ring_head *h = a->ring.head;
    uint64_t head = atomic_load(&h->head), tail = atomic_load(&h->tail);
    uint8_t *room = arena_alloc(cx->arena, FRAME_MAX);
    struct frame_head f;
    struct bytes body;

    memset(out, 0, sizeof(*out));
    if (head == tail || room == NULL ||
        audit__frame_read(cx, &a->ring, tail, head, room, &f, &body) != ERR_OK ||
        audit__unpack(cx, body, out) != ERR_OK)
        return false;
    atomic_store(&h->tail, tail + f.size);
    return true;
}

void
audit_down_test(struct audit *a)
{
    atomic_store(&a->ring.head->heartbeat, -1);
}
