/*
 * worker.c - what is in a worker: the store, the rooms, the doors.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role_worker.h"

err_t
worker_warm(struct ctx *cx, struct worker *w)
{
    (void)cx;
    (void)w;
    return ERR_OK;
}

err_t
worker_open(struct ctx *cx, struct worker *w)
{
    (void)cx;
    (void)w;
    return ERR_OK;
}

err_t
worker_reload(struct ctx *cx, struct worker *w, struct conf *fresh)
{
    (void)cx;
    (void)w;
    (void)fresh;
    return ERR_OK;
}

void
worker_drain(struct worker *w)
{
    loop_stop(w->sys.loop);
}

void
worker_close(struct worker *w)
{
    (void)w;
}
