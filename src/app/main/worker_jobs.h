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
#include "sys/sys.h"

/* Arms the timers of every room's jobs. Loop thread, or before it runs. */
err_t jobs_open(struct ctx *cx, struct sys *sys, struct conf *conf) NODISCARD;
/* Waits for the one that runs. Before http, fetch and the rooms close. */
void jobs_close(void);

#endif
