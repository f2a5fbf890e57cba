/*
 * audit_int.h - the room's private door: the ring's file, frames, lines, tree.
 *
 * The ring's file:
 *
 *   0      ring_head: who has put how far, who has kept how far
 *   4096   refusals of this minute, AUDIT_SOURCES_MAX + 1 of them
 *   40960  data: frames, one behind the other, round and round
 *
 * A frame:
 *
 *   | size 4 | sum 4 | seq 8 | epoch 8 | body … pad | seq 8 |
 *
 * What makes a frame exist is the one word `head`, stored after all its bytes
 * (release). A producer that dies in the middle of a frame has not moved head:
 * nothing was acknowledged, and the next producer writes over it. That is why
 * producers (threads of one process) take turns under a lock instead of
 * reserving places: no hole can come into being. The seq behind a frame tells
 * who opens the ring which number came last.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDIT_INT_H
#define KNOOP_SYS_AUDIT_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "sys/audit/audit.h"

/* --- records: audit_record.c --------------------------------------------- */

struct audit_text {
    const char *name;
    struct str key; /* as it stands in the log's lines: "\"name\":" */
    size_t offset;  /* in struct audit_record */
    size_t most;    /* bytes */
    enum { TEXT_CUT = 1, TEXT_WHOLE = 2, TEXT_MASKED = 4 } rule;
};
extern const struct audit_text audit__texts[];
extern const size_t audit__texts_n;

static inline struct str *
audit__text_at(struct audit_record *r, const struct audit_text *t)
{
    return (struct str *)(void *)((char *)r + t->offset);
}
static inline struct str
audit__text_of(const struct audit_record *r, const struct audit_text *t)
{
    return *(const struct str *)(const void *)((const char *)r + t->offset);
}

enum {
    AUDIT_BODY_MAX = 8 * 1024,  /* sum of all limits, and what frames them */
    AUDIT_LINE_MAX = 64 * 1024, /* every byte of a body escaped, and the rest */
};

const char *audit__outcome_name(enum audit_outcome o); /* NULL for NONE */
enum audit_outcome audit__outcome_of(struct str name);
enum audit_event audit__event_of(struct str name); /* UNDECIDED when unknown */

/* INTERNAL when the record lacks what its event and outcome need. */
err_t audit__check(struct ctx *cx, const struct audit_record *r) NODISCARD;
/* Into `room` of AUDIT_BODY_MAX bytes; cut and masked as the texts' rules say. */
err_t audit__pack(struct ctx *cx, const struct audit_record *r, uint8_t *room,
                  size_t *n) NODISCARD;
/* Borrows from `body`. BAD_REQUEST when it is not what audit__pack makes. */
err_t audit__unpack(struct ctx *cx, struct bytes body, struct audit_record *out) NODISCARD;

/* --- the ring: audit_ring.c ---------------------------------------------- */

enum { RING_PAGE = 4096, RING_DATA = 40960, RING_MIN = 64 * 1024, RING_MAX = 1 << 30 };
enum ring_state { RING_NEW, RING_OK, RING_BROKEN };

struct ring_head {
    char magic[8]; /* written last when a ring is made */
    uint32_t number;
    uint32_t unused;
    _Atomic uint64_t epoch; /* of its making, ms; numbers begin at 1 in each */
    _Atomic uint32_t state;

    /* the worker's */
    _Alignas(64) _Atomic uint64_t head; /* bytes ever put */
    _Atomic uint64_t flush_head;        /* audit_count.c: where head will be … */
    _Atomic uint32_t flush_entry;       /* … when this entry (from 1) is in a frame */
    _Atomic uint32_t waiters;           /* threads in audit_wait */
    _Atomic uint32_t wants;             /* the loop wants a tick on `back` */

    /* the auditor's */
    _Alignas(64) _Atomic uint64_t tail; /* bytes that are on disk in the log */
    _Atomic uint64_t durable;           /* the seq of the last of them */
    _Atomic uint32_t durable32;         /* its low half, to wait on */
    _Atomic uint32_t asleep;            /* ring the bell */
    _Atomic uint32_t full;              /* the log cannot be written now */
    _Atomic int64_t heartbeat;          /* monotonic ms; 0: down */
};

struct ring_refusal {
    int64_t minute; /* since 1970, of the first one counted; 0: free */
    uint64_t count;
    char source[64], what[48]; /* zero-terminated */
};

struct ring {
    struct ring_head *head;
    struct ring_refusal *refusals;
    uint8_t *data;
    uint64_t size; /* of data, a power of two; ours, not read from the file again */
    size_t map_n;
};

struct frame_head {
    uint32_t size; /* of the whole frame, a multiple of 8 */
    uint32_t sum;  /* of body and pad, then seq and epoch */
    uint64_t seq, epoch;
};
enum {
    FRAME_EXTRA = sizeof(struct frame_head) + sizeof(uint64_t),
    FRAME_MAX = AUDIT_BODY_MAX + FRAME_EXTRA + 8,
};

/* Maps a ring's file; CONFLICT when it is none. Does not take the descriptor. */
err_t audit__ring_map(struct ctx *cx, int fd, struct ring *out) NODISCARD;
/* A ring in memory alone. */
err_t audit__ring_anonymous(struct ctx *cx, uint64_t size, struct ring *out) NODISCARD;
void audit__ring_unmap(struct ring *r);
/* Begins a new epoch on an empty ring. The worker's act. */
void audit__ring_renew(struct ring *r, int64_t now_ms);
/* The number of the last frame before `head`; 0 when there is none. */
uint64_t audit__ring_last(const struct ring *r, uint64_t head);

void audit__ring_in(struct ring *r, uint64_t at, const void *from, size_t n);
void audit__ring_out(const struct ring *r, uint64_t at, void *to, size_t n);

/*
 * Copies the frame at `at` into `room` (FRAME_MAX bytes) and proves it there:
 * length, sum, epoch, both numbers. CONFLICT when it is no frame.
 */
err_t audit__frame_read(struct ctx *cx, const struct ring *r, uint64_t at, uint64_t head,
                        uint8_t *room, struct frame_head *out,
                        struct bytes *body) NODISCARD;
/* `body`: str_hash of body and pad, outside the lock. */
uint32_t audit__frame_sum(uint64_t body, uint64_t seq, uint64_t epoch);

int64_t audit__tick_ms(void);
void audit__futex_wake(_Atomic uint32_t *word);
void audit__futex_wait(_Atomic uint32_t *word, uint32_t while_is, int64_t most_ms);

/* --- the worker's end: audit_put.c, audit_count.c ------------------------- */

struct audit {
    struct ring ring;
    pthread_mutex_t lock; /* producers take turns; held for one copy */
    uint64_t seq;         /* of the last frame put */
    int bell, back;
    enum audit_sync sync;
    int64_t patience_ms;
    int64_t flushed_minute; /* no refusals of before it are left */
    bool test;              /* no auditor */
};

/* Under the lock. The frame's body stands in `room` behind a frame_head. */
err_t audit__publish(struct ctx *cx, struct audit *a, uint8_t *room, size_t body_n,
                     uint64_t hash, uint32_t flush_entry, uint64_t *ticket) NODISCARD;
void audit__ring_bell(struct audit *a);
/* After opening: a count that was in a frame when its worker died is cleared. */
void audit__count_recover(struct audit *a);

#endif
