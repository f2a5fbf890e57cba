/*
 * fetch.c - asking others: a pool thread waits, the loop transfers. EUPL-1.2.
 *
 * While the thread waits, its context and arena are the loop's to use: an arena
 * belongs to one thread at a time, and the hand-over is under the job's lock.
 */
#include "sys/http/client.h"
#include "sys/http/http_int.h"
#include "sys/os/os.h"
#include "sys/sys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_DEFAULT = 1 << 20, TURN_MS = 100 };

struct fetch {
    struct loop *loop;
    struct client *client;
    struct conf *conf;
    fetch_answer *answer; /* fetch_pretend */
    void *arg;
};

struct fetch_job {
    struct transfer t;
    struct loop_task task;
    struct fetch *fetch;
    struct fetch_reply *out;
    size_t body_max;
    struct buf body;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
    err_t result;
};

struct client *
fetch_client(struct fetch *f)
{
    return f->client;
}

/* --- the answer, on the loop ----------------------------------------------- */

static int64_t
max_age(struct str value)
{
    while (value.n > 0) {
        struct str one = str_trim(str_cut(&value, ','));
        uint64_t s;

        if (str_eq_case(one, S("no-store")) || str_eq_case(one, S("no-cache")))
            return 0;
        if (one.n > 8 && str_eq_case(str_sub(one, 0, 8), S("max-age=")) &&
            str_to_u64(str_sub(one, 8, one.n), &s) && s < 1000000000)
            return (int64_t)s * 1000;
    }
    return -1;
}

static bool
on_head(struct transfer *t, struct str line)
{
    struct fetch_job *job = container_of(t, struct fetch_job, t);
    struct str value = line, name = str_cut(&value, ':');

    if (str_starts(line, S("HTTP/"))) /* a new head: what an interim one said is past */
        *job->out = (struct fetch_reply){ .max_age_ms = -1 };
    value = str_trim(value);
    if (str_eq_case(name, S("content-type")))
        return media_type(t->cx, value, &job->out->type) == ERR_OK;
    if (str_eq_case(name, S("cache-control")))
        job->out->max_age_ms = max_age(value);
    return true;
}

static enum client_taken
on_body(struct transfer *t, struct bytes piece)
{
    struct fetch_job *job = container_of(t, struct fetch_job, t);

    if (piece.n > job->body_max - job->body.n) {
        (void)!refuse(t->cx, ERR_UPSTREAM, "nuts-node 7.4", "the answer passes %zu bytes",
                      job->body_max);
        return CLIENT_STOP;
    }
    buf_add(&job->body, piece.p, piece.n);
    if (!job->body.failed)
        return CLIENT_TAKEN;
    (void)!refuse_memory(t->cx);
    return CLIENT_STOP;
}

static void
finish(struct fetch_job *job, err_t e)
{
    pthread_mutex_lock(&job->lock);
    job->result = e;
    job->done = true;
    pthread_cond_signal(&job->over);
    pthread_mutex_unlock(&job->lock);
}

static void
on_done(struct transfer *t, err_t e)
{
    struct fetch_job *job = container_of(t, struct fetch_job, t);

    finish(job, e);
}

static void
start(struct loop_task *task)
{
    struct fetch_job *job = container_of(task, struct fetch_job, task);
    err_t e = client_start(job->fetch->client, &job->t);

    if (e != ERR_OK)
        finish(job, e);
}

/* --- the waiting thread -------------------------------------------------------- */

/*
 * At start, nobody turns the loop yet: then the one who waits does, if it is his. At the
 * end another turns it, now and then.
 */
static void
wait_for(struct fetch_job *job)
{
    if (loop_is_mine_to_turn(job->fetch->loop)) {
        while (!job->done)
            loop_turn(job->fetch->loop, TURN_MS);
        return;
    }
    pthread_mutex_lock(&job->lock);
    while (!job->done)
        pthread_cond_wait(&job->over, &job->lock);
    pthread_mutex_unlock(&job->lock);
}

static err_t
time_left(struct ctx *cx, const struct fetch *f, const struct fetch_request *in,
          int64_t *ms)
{
    int64_t left;

    *ms = in->timeout_ms > 0 ? in->timeout_ms : f->conf->fetch_timeout;
    if (cx->deadline_ms != 0 && (left = cx->deadline_ms - os_tick_ms()) < *ms)
        *ms = left;
    if (*ms <= 0)
        return refuse(cx, ERR_DEADLINE, "", "no time is left for a request to another");
    return ERR_OK;
}

static void
count(struct http *h, err_t e)
{
    COUNT_UP(h, fetches);
    if (e != ERR_OK)
        COUNT_UP(h, fetches_failed);
    if (e == ERR_UNAVAILABLE)
        COUNT_UP(h, fetches_capped);
    if (e == ERR_FORBIDDEN)
        COUNT_UP(h, fetches_guarded);
}

err_t
fetch(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out)
{
    struct fetch *f = cx->sys == NULL ? NULL : cx->sys->fetch;
    struct fetch_job job = { .fetch = f, .out = out, .task.fn = start };
    int64_t ms;
    err_t e;

    *out = (struct fetch_reply){ .max_age_ms = -1 };
    if (f == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "", "this role asks nobody");
    if (in->trust == FETCH_TRUST_NONE || in->method == HTTP_METHOD_NONE)
        return refuse(cx, ERR_FORBIDDEN, "house.md 4", "nobody decided whom to trust");
    if (cx->may_not_block || (f->loop != NULL && loop_is_mine(f->loop)))
        return refuse(cx, ERR_WOULD_BLOCK, "", "asking others waits");
    if (f->answer != NULL)
        return f->answer(cx, f->arg, in, out);
    if ((e = time_left(cx, f, in, &ms)) != ERR_OK || (e = client_preload(cx)) != ERR_OK)
        return e;
    job.t = (struct transfer){ .cx = cx,
                               .trust = in->trust,
                               .use = CLIENT_FETCH,
                               .method = in->method,
                               .url = in->url,
                               .headers = in->headers,
                               .header_count = in->header_count,
                               .request = in->body,
                               .timeout_ms = ms,
                               .repeatable = in->repeatable,
                               .head = on_head,
                               .body = on_body,
                               .done = on_done };
    job.body_max = in->body_max ? in->body_max : BODY_DEFAULT;
    buf_init(&job.body, cx->arena);
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.over, NULL);
    loop_post(f->loop, &job.task);
    wait_for(&job);
    pthread_cond_destroy(&job.over);
    pthread_mutex_destroy(&job.lock);
    count(cx->sys->http, job.result);
    if (job.result != ERR_OK)
        return job.result;
    out->status = job.t.status;
    out->body = (struct bytes){ (const uint8_t *)job.body.p, job.body.n };
    return ERR_OK;
}

/* --- the service --------------------------------------------------------------- */

err_t
fetch_open(struct ctx *cx, struct loop *loop, struct conf *conf, struct fetch **out)
{
    struct fetch *f = calloc(1, sizeof(*f));
    err_t e;

    *out = NULL;
    if (f == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a client");
    f->loop = loop;
    if ((e = client_open(cx, loop, conf, &f->client)) != ERR_OK) {
        free(f);
        return e;
    }
    f->conf = conf_take(conf);
    *out = f;
    return ERR_OK;
}

struct fetch *
fetch_pretend(fetch_answer *answer, void *arg)
{
    struct fetch *f = calloc(1, sizeof(*f));

    if (f != NULL)
        *f = (struct fetch){ .answer = answer, .arg = arg };
    return f;
}

err_t
fetch_reload(struct ctx *cx, struct fetch *f, struct conf *conf)
{
    struct conf *old = f->conf;
    err_t e = client_reload(cx, f->client, conf);

    if (e != ERR_OK)
        return e;
    f->conf = conf_take(conf);
    conf_give(old);
    return ERR_OK;
}

void
fetch_close(struct fetch *f)
{
    if (f == NULL)
        return;
    client_close(f->client);
    conf_give(f->conf);
    free(f);
}
