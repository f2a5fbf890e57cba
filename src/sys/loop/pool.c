/* pool.c - threads for what may block. EUPL-1.2. */
#include "sys/loop/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sys/os/os.h"

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct pool_job *first, **end;
    unsigned waiting, running, most;
    unsigned threads, threads_most;
    bool closing;
    pthread_t thread[];
};

static void *
work(void *arg)
{
    struct pool *p = arg;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct pool_job *job = p->first;

        if (job == NULL) {
            if (p->closing)
                break;
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        if ((p->first = job->next) == NULL)
            p->end = &p->first;
        p->waiting--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        job->fn(job);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals are the loop's business: the threads of the pool get none. */
static int
start(struct pool *p)
{
    int rc = os_thread(&p->thread[p->threads], work, p);

    p->threads += rc == 0;
    return rc;
}

bool
pool_put(struct pool *p, struct pool_job *job)
{
    bool taken = false;

    pthread_mutex_lock(&p->lock);
    if (p->waiting < p->most && !p->closing) {
        job->next = NULL;
        *p->end = job;
        p->end = &job->next;
        p->waiting++;
        taken = true;
        /* One more while all are at work; without it, those that are do it later. */
        if (p->running + p->waiting > p->threads && p->threads < p->threads_most)
            (void)start(p);
    }
    pthread_mutex_unlock(&p->lock);
    if (taken) /* here, so that who wakes up finds the lock free */
        pthread_cond_signal(&p->work);
    return taken;
}

void
pool_use(struct pool *p, unsigned *waiting, unsigned *running)
{
    pthread_mutex_lock(&p->lock);
    *waiting = p->waiting;
    *running = p->running;
    pthread_mutex_unlock(&p->lock);
}

err_t
pool_open(struct ctx *cx, unsigned threads, unsigned queue, struct pool **out)
{
    struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(pthread_t));
    int rc;

    *out = NULL;
    if (p == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a pool");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->end = &p->first;
    p->most = queue;
    p->threads_most = threads;
    if ((rc = start(p)) != 0) {
        pool_close(p);
        return refuse(cx, ERR_INTERNAL, "", "no thread for the pool: %s", strerror(rc));
    }
    *out = p;
    return ERR_OK;
}

void
pool_close(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
