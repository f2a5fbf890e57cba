/*
 * work.c - what takes the processor's time and not the loop's: a turn's requests have it
 * done together.
 *
 *      handler ─► req_work ─┐
 *      handler ─► req_work ─┼─ end of the turn ─► crews, one a core ─► pool
 *      handler ─► req_work ─┘                                           │
 *      handler, from its start ◄── loop ◄── one message a crew ─────────┘
 *
 * So a hand-over to a thread and back is paid by a turn, not by a request. While as many
 * crews as there are cores are out, more would only wait for one: who comes meanwhile
 * goes with the next, so the busier it is, the more a crew does at once.
 *
 * Lifetime  A crew stands in the arena of the first of its requests, none of which ends
 *           before it is back.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/http_int.h"

#include <sched.h>

enum { CREW_MOST = 32, CORES_MOST = 64 };

struct crew {
    struct pool_job job;
    struct loop_task back;
    struct http *http;
    size_t n;
    struct req_work *list[CREW_MOST];
};

/* A context is the first of a request, and that of an exchange. */
static struct exchange *
exchange_of(const struct req_work *w)
{
    return container_of(w->cx, struct exchange, rq.cx);
}

/* --- asking --------------------------------------------------------------------- */

err_t
req_work(struct req *rq, struct req_work *work)
{
    work->cx = &rq->cx;
    EXCHANGE(rq)->work = work;
    return refuse(&rq->cx, ERR_WOULD_BLOCK, "", "it takes the processor's time");
}

struct req_work *
req_worked(struct req *rq)
{
    return EXCHANGE(rq)->worked;
}

/* --- back on the loop ------------------------------------------------------------- */

static void
come_back(struct exchange *ex, bool done)
{
    ex->conn->busy = false;
    ex->worked = done ? ex->work : NULL;
    ex->work = NULL;
    ex->work_back(ex);
}

static void send_all(struct loop_task *task);

static void
send_soon(struct http *h)
{
    if (h->work.queued || h->work.first == NULL)
        return;
    h->work.queued = true;
    h->work.task.fn = send_all;
    loop_after(h->loop, &h->work.task);
}

/* A copy: with the first of them the crew may go. */
static void
crew_back(struct loop_task *task)
{
    const struct crew crew = *container_of(task, struct crew, back);

    crew.http->work.crews--;
    send_soon(crew.http);
    for (size_t i = 0; i < crew.n; i++)
        come_back(exchange_of(crew.list[i]), true);
}

static void
crew_works(struct pool_job *job)
{
    struct crew *crew = container_of(job, struct crew, job);

    crew->list[0]->together(crew->list, crew->n);
    loop_post(crew->http->loop, &crew->back);
}

/* --- the end of the turn ------------------------------------------------------------ */

static size_t
cores(void)
{
    static size_t known;
    cpu_set_t set;

    if (known == 0)
        known = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    return known < CORES_MOST ? known : CORES_MOST;
}

/* How many wait for the same as the first. */
static size_t
count_alike(const struct exchange *first)
{
    size_t n = 0;

    for (const struct exchange *ex = first; ex != NULL; ex = ex->work_next)
        n += ex->work->together == first->work->together;
    return n;
}

/* Takes up to `most` that want the same as the first out of the list. */
static size_t
pick(struct http *h, size_t most, struct req_work **out)
{
    void (*together)(struct req_work *const *, size_t) = h->work.first->work->together;
    struct exchange **at = &h->work.first;
    size_t n = 0;

    while (*at != NULL && n < most) {
        if ((*at)->work->together != together) {
            at = &(*at)->work_next;
            continue;
        }
        out[n++] = (*at)->work;
        *at = (*at)->work_next;
    }
    while (*at != NULL)
        at = &(*at)->work_next;
    h->work.end = at;
    h->work.waiting -= n;
    return n;
}

static void
send_crew(struct http *h, struct req_work **list, size_t n)
{
    struct crew *crew = arena_new(list[0]->cx->arena, struct crew);

    if (crew != NULL) {
        *crew =
            (struct crew){ .job.fn = crew_works, .back.fn = crew_back, .http = h, .n = n };
        for (size_t i = 0; i < n; i++)
            crew->list[i] = list[i];
        if (pool_put(h->pool, &crew->job)) {
            h->work.crews++;
            return;
        }
    }
    for (size_t i = 0; i < n; i++)
        come_back(exchange_of(list[i]), false);
}

static void
send_all(struct loop_task *task)
{
    struct http *h = container_of(task, struct http, work.task);
    struct req_work *some[CREW_MOST];

    h->work.queued = false;
    while (h->work.first != NULL && h->work.crews < cores()) {
        size_t left = cores() - h->work.crews;
        size_t share = (count_alike(h->work.first) + left - 1) / left;
        size_t n = pick(h, share < CREW_MOST ? share : CREW_MOST, some);

        send_crew(h, some, n);
    }
}

void
work_later(struct exchange *ex, void (*back)(struct exchange *ex))
{
    struct http *h = ex->http;

    ex->work_back = back;
    ex->work_next = NULL;
    ex->rq.cx.may_not_block = false;
    ex->conn->busy = true;
    if (h->work.waiting >= (size_t)h->conf->http_pool_queue) {
        come_back(ex, false);
        return;
    }
    if (h->work.first == NULL)
        h->work.end = &h->work.first;
    *h->work.end = ex;
    h->work.end = &ex->work_next;
    h->work.waiting++;
    send_soon(h);
}
