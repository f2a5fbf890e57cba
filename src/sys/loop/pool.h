/*
 * pool.h - threads for what may block: up to a fixed number, each started when
 * all others are at work, before them a queue of a fixed length. Beyond it the
 * answer is no, at once.
 *
 * Lifetime  A job stands in its owner's memory until its function has begun.
 * Threads   All functions from any thread.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_POOL_H
#define KNOOP_SYS_POOL_H

#include "base/err.h"

struct pool;

struct pool_job {
    struct pool_job *next;
    void (*fn)(struct pool_job *job);
};

err_t pool_open(struct ctx *cx, unsigned threads, unsigned queue,
                struct pool **out) NODISCARD;
/* Runs what is queued, then ends the threads. NULL is fine. */
void pool_close(struct pool *p);
/* false: the queue is full, or the pool is closing. */
bool pool_put(struct pool *p, struct pool_job *job) NODISCARD;
/* How many wait, and how many run. */
void pool_use(struct pool *p, unsigned *waiting, unsigned *running);

#endif
