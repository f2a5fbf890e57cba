/*
 * loop.h - one thread that waits for many things: sockets, times, messages of
 * other threads. Everything that must not wait for a slow peer lives here.
 *
 *      epoll ──► io->fn(io, ready)          readiness, level-triggered
 *      heap  ──► timer->fn(timer)           absolute times, monotonic clock
 *      post  ──► task->fn(task)             from any thread, through an eventfd
 *      after ──► task->fn(task)             at the end of this turn: what one turn
 *                                           has for another process travels together
 *
 * Rule      Nothing called from the loop may block.
 * Lifetime  The structs stand in their owner's memory (container_of). A removed
 *           io or timer is never called again, in the running turn neither.
 * Threads   loop_post and loop_stop from any thread; all else from the loop's own.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_LOOP_H
#define KNOOP_SYS_LOOP_H

#include "base/err.h"

#include <sys/epoll.h>

#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

struct loop;

struct loop_io {
    int fd;
    uint32_t events; /* EPOLLIN and so on, as asked last */
    void (*fn)(struct loop_io *io, uint32_t ready);
};

struct loop_timer {
    int64_t at_ms;   /* when it is wanted; monotonic */
    int64_t heap_ms; /* when the heap looks at it: never later */
    size_t place;    /* in the heap, from 1; 0: not armed */
    void (*fn)(struct loop_timer *timer);
};

struct loop_task {
    struct loop_task *next;
    void (*fn)(struct loop_task *task);
};

err_t loop_open(struct ctx *cx, struct loop **out) NODISCARD;
void loop_close(struct loop *l); /* NULL is fine; what is posted and not run is forgotten */
void loop_run(struct loop *l);   /* until loop_stop */
void loop_stop(struct loop *l);
/* One turn: waits `most_ms` at most (-1: for as long as it takes). */
void loop_turn(struct loop *l, int most_ms);
bool loop_is_mine(const struct loop *l); /* does the caller run it? */
/* Nobody runs it now, and the caller is who opened it, or turned it last. */
bool loop_is_mine_to_turn(const struct loop *l);

int64_t loop_now(const struct loop *l);  /* monotonic, ms; read once a turn */
int64_t loop_wall(const struct loop *l); /* UTC, ms since 1970; read once a turn */
int64_t loop_clock(void);                /* monotonic, ms; read now; any thread */

/* INTERNAL when epoll refuses (no descriptors, no memory). */
err_t loop_add(struct ctx *cx, struct loop *l, struct loop_io *io) NODISCARD;
void loop_change(struct loop *l, struct loop_io *io, uint32_t events);
void loop_remove(struct loop *l, struct loop_io *io); /* before close(io->fd) */

/*
 * Arms, or moves. Later is free: the heap looks when it must. false when there is no
 * memory for one more, and the caller gives up what the timer guards.
 */
bool loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms) NODISCARD;
void loop_timer_clear(struct loop *l, struct loop_timer *t);

void loop_post(struct loop *l, struct loop_task *task);  /* in order per thread */
void loop_after(struct loop *l, struct loop_task *task); /* at this turn's end */

#endif
