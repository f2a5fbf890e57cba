/*
 * audit_count.c - refusals of callers without proof, counted.
 *
 * Rule      One event per source, route and minute, at most AUDIT_SOURCES_MAX
 *           and one more in a minute: a flood costs a known number of bytes.
 * Lifetime  The counts stand in the ring's file and survive the worker. One
 *           that was put in a frame is cleared exactly once: flush_head tells
 *           whoever opens the ring next whether the frame came to be.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/audit/audit_int.h"

#include <string.h>

#include "sys/sys.h"

enum { MINUTE_MS = 60000, OTHERS = AUDIT_SOURCES_MAX };

/* The table belongs to this worker alone; who wrote nonsense there was it. */
static struct str
text_of(const char *p, size_t room)
{
    return (struct str){ p, strnlen(p, room) };
}

static void
text_set(char *p, size_t room, struct str s)
{
    size_t n = s.n < room ? s.n : room - 1;

    memset(p, 0, room);
    if (n != 0)
        memcpy(p, s.p, n);
}

static void
clear(struct audit *a, uint32_t entry)
{
    memset(&a->ring.refusals[entry - 1], 0, sizeof(struct ring_refusal));
    atomic_store(&a->ring.head->flush_entry, 0);
}

void
audit__count_recover(struct audit *a)
{
    struct ring_head *h = a->ring.head;
    uint32_t entry = atomic_load(&h->flush_entry);

    if (entry == 0 || entry > AUDIT_SOURCES_MAX + 1)
        return;
    if (atomic_load(&h->head) == atomic_load(&h->flush_head))
        clear(a, entry);
    else
        atomic_store(&h->flush_entry, 0); /* the frame did not come to be */
}

/* Under the lock: one count becomes one event. */
static err_t
flush(struct ctx *cx, struct audit *a, uint32_t entry)
{
    const struct ring_refusal *f = &a->ring.refusals[entry - 1];
    struct audit_record r = { 0 };
    uint8_t room[FRAME_MAX], *body = room + sizeof(struct frame_head);
    size_t n, padded;
    uint64_t ticket;
    err_t e;

    r.event = AUDIT_UNAUTHENTICATED;
    r.outcome = AUDIT_DENIED;
    r.at_ms = f->minute * MINUTE_MS;
    r.count = (int64_t)f->count;
    r.source_ip = text_of(f->source, sizeof(f->source));
    r.what = text_of(f->what, sizeof(f->what));
    r.code = S("UNAUTHORIZED");
    r.reason = S("without proof of who they are, within this minute");
    if ((e = audit__pack(cx, &r, body, &n)) != ERR_OK)
        return e;
    padded = (n + 7) & ~(size_t)7;
    memset(body + n, 0, padded - n);
    e = audit__publish(cx, a, room, padded,
                       str_hash((struct str){ (const char *)body, padded }), entry,
                       &ticket);
    if (e == ERR_OK)
        clear(a, entry);
    return e;
}

/* Logs what was counted in minutes that are over, once a minute. */
static err_t
flush_over(struct ctx *cx, struct audit *a)
{
    int64_t minute = cx->now_ms / MINUTE_MS;
    err_t e = ERR_OK;

    if (a->flushed_minute == minute)
        return ERR_OK;
    for (uint32_t i = AUDIT_SOURCES_MAX + 1; i > 0 && e == ERR_OK; i--) {
        const struct ring_refusal *f = &a->ring.refusals[i - 1];

        if (f->minute != 0 && f->minute != minute)
            e = flush(cx, a, i);
    }
    if (e == ERR_OK)
        a->flushed_minute = minute;
    return e;
}

/*
 * Entries fill from the front, so the first free one ends the search. (After
 * minutes without an auditor a source may have two: two events, right sums.)
 */
static struct ring_refusal *
entry_of(struct audit *a, struct str source, struct str what)
{
    struct ring_refusal *f = a->ring.refusals;

    for (size_t i = 0; i < AUDIT_SOURCES_MAX; i++, f++) {
        if (f->minute == 0)
            return f;
        if (str_eq(text_of(f->source, sizeof(f->source)), source) &&
            str_eq(text_of(f->what, sizeof(f->what)), what))
            return f;
    }
    return f; /* the others */
}

static void
count(struct ctx *cx, struct audit *a, struct str source, struct str what)
{
    struct ring_refusal *f = entry_of(a, source, what);

    if (f == &a->ring.refusals[OTHERS]) {
        source = S("others");
        what = S("");
    }
    if (f->minute == 0) {
        text_set(f->source, sizeof(f->source), source);
        text_set(f->what, sizeof(f->what), what);
        f->count = 0;
        f->minute = cx->now_ms / MINUTE_MS;
    }
    f->count++;
}

err_t
audit_count_refusal(struct ctx *cx, struct str source, struct str what)
{
    struct audit *a = cx->sys == NULL ? NULL : cx->sys->audit;
    err_t e;

    if (a == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "NEN 7513", "the audit log: is not open");
    source = str_sub(source, 0, sizeof(a->ring.refusals->source) - 1);
    what = str_sub(what, 0, sizeof(a->ring.refusals->what) - 1);
    pthread_mutex_lock(&a->lock);
    /* With the auditor down an old minute stays, and this refusal joins it. */
    if ((e = flush_over(cx, a)) == ERR_UNAVAILABLE) {
        refuse_clear(cx);
        e = ERR_OK;
    }
    if (e == ERR_OK)
        count(cx, a, source, what);
    pthread_mutex_unlock(&a->lock);
    audit__ring_bell(a);
    return e;
}

void
audit_tick(struct ctx *cx)
{
    struct audit *a = cx->sys == NULL ? NULL : cx->sys->audit;

    if (a == NULL)
        return;
    pthread_mutex_lock(&a->lock);
    if (flush_over(cx, a) != ERR_OK)
        refuse_clear(cx); /* the next tick tries again */
    pthread_mutex_unlock(&a->lock);
    audit__ring_bell(a);
}
