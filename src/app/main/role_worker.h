/*
 * role_worker.h - between the process (role_worker.c) and what is in it (worker.c).
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_ROLE_WORKER_H
#define KNOOP_APP_MAIN_ROLE_WORKER_H

#include "app/main/role.h"
#include "sys/audit/audit.h"
#include "sys/keys/keys.h"
#include "sys/loop/loop.h"
#include "sys/sys.h"

struct worker {
    struct role *role; /* doors, options, number */
    struct sys sys;    /* loop, keys and audit are open before worker_open */
    struct loop_io control;
    struct loop_timer tick; /* of what is counted by the minute */
};

/* Before the second narrowing, with the loop there: loads libraries. No threads. */
err_t worker_warm(struct ctx *cx, struct worker *w) NODISCARD;
/* After it: store, rooms, pool, doors. `cx` lives as long as the process. */
err_t worker_open(struct ctx *cx, struct worker *w) NODISCARD;
/* New options; on refusal the old stay. `fresh` is the worker's when taken. */
err_t worker_reload(struct ctx *cx, struct worker *w, struct conf *fresh) NODISCARD;
/* Takes no more requests; loop_stop when those under way are done. */
void worker_drain(struct worker *w);
/* After the loop has stopped. */
void worker_close(struct worker *w);

#endif
