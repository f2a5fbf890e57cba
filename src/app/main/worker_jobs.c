/*
 * worker_jobs.c - timers that have rooms' jobs run, one after the other.
 *
 *   timer ─► thread: run ─► loop: arm again
 *
 * In a thread of their own: what malloc keeps of a large job it keeps for the thread
 * that ran it, and in the pool that would be each of them in the course of time.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/worker_jobs.h"

#include <stdatomic.h>

#include "base/log.h"
#include "sys/loop/loop.h"
#include "sys/loop/pool.h"
#include "sys/os/os.h"

enum { JOBS_MAX = 64, JOB_MEMORY = 64 << 20, SOON_MS = 1000 };

struct job {
    struct loop_timer timer;
    struct pool_job run;
    struct loop_task again;
    const struct room_job *what;
    void *state;
};

static struct {
    struct sys *sys;
    struct conf *conf;
    struct pool *thread;
    struct job job[JOBS_MAX];
    size_t n;
    atomic_bool closing; /* none begins any more */
} jobs;

static void
arm(struct job *j, int64_t in_ms)
{
    if (!loop_timer_set(jobs.sys->loop, &j->timer, loop_now(jobs.sys->loop) + in_ms))
        log_error(NULL, "job %s has no timer any more: no memory", j->what->name);
}

static void
on_again(struct loop_task *task)
{
    struct job *j = container_of(task, struct job, again);

    if (!jobs.closing)
        arm(j, j->what->every_ms);
}

static void
on_run(struct pool_job *run)
{
    struct job *j = container_of(run, struct job, run);
    struct arena arena;
    struct ctx cx;

    if (jobs.closing)
        return;
    arena_init(&arena, JOB_MEMORY);
    ctx_init(&cx, &arena, os_now_ms());
    cx.sys = jobs.sys;
    cx.conf = jobs.conf;
    if (j->what->fn(&cx, j->state) != ERR_OK)
        log_warn(&cx, "job %s: %.*s", j->what->name, STR(cx.reason));
    arena_fini(&arena);
    loop_post(jobs.sys->loop, &j->again);
}

static void
on_timer(struct loop_timer *timer)
{
    struct job *j = container_of(timer, struct job, timer);

    if (!pool_put(jobs.thread, &j->run)) /* busy: a little later */
        arm(j, SOON_MS);
}

err_t
jobs_add(struct ctx *cx, const struct room_job *what, void *state)
{
    for (; what != NULL && what->name != NULL; what++) {
        struct job *j = &jobs.job[jobs.n];

        if (jobs.n == JOBS_MAX)
            return refuse(cx, ERR_INTERNAL, "", "more than %d jobs", JOBS_MAX);
        jobs.n++;
        j->what = what;
        j->state = state;
        j->timer.fn = on_timer;
        j->run.fn = on_run;
        j->again.fn = on_again;
        arm(j, SOON_MS);
    }
    return ERR_OK;
}

err_t
jobs_open(struct ctx *cx, struct sys *sys, struct conf *conf)
{
    err_t e = pool_open(cx, 1, JOBS_MAX, &jobs.thread);

    if (e != ERR_OK)
        return e;
    jobs.sys = sys;
    jobs.conf = conf_take(conf);
    jobs.closing = false;
    return ERR_OK;
}

void
jobs_close(void)
{
    unsigned waiting, running;

    if (jobs.thread == NULL)
        return;
    jobs.closing = true;
    for (size_t i = 0; i < jobs.n; i++)
        loop_timer_clear(jobs.sys->loop, &jobs.job[i].timer);
    do {
        loop_turn(jobs.sys->loop, 10);
        pool_use(jobs.thread, &waiting, &running);
    } while (waiting + running > 0);
    pool_close(jobs.thread);
    jobs.thread = NULL;
    jobs.n = 0;
    conf_give(jobs.conf);
    jobs.conf = NULL;
}
