/*
 * worker_jobs.h - what rooms do by themselves, every so often.
 *
 * Rule      Jobs run in a thread of the first worker, one after the other; the next
 *           run of one is counted from the end of its last. A job that fails is
 *           logged and tried again in its turn.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_WORKER_JOBS_H
#define KNOOP_APP_MAIN_WORKER_JOBS_H

#include "sys/conf/conf.h"
#include "sys/room.h"

/* All three: loop thread, or while it does not run. */
err_t jobs_open(struct ctx *cx, struct sys *sys, struct conf *conf) NODISCARD;
/* `list`, which ends with { 0 } or is NULL, from soon on; `state` is for them. */
err_t jobs_add(struct ctx *cx, const struct room_job *list, void *state) NODISCARD;
/*
 * Turns the loop until the one that runs has ended, since what it asks of others comes by
 * the loop; none begins any more. A job without an end meets process.drain. Before http,
 * fetch and the rooms close.
 */
void jobs_close(void);

#endif
