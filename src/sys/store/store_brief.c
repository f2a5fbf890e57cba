/*
 * store_brief.c - many small transactions become one.
 *
 *      thread ─┐                        ┌─ fn of each, in turn
 *      thread ─┼─► queue ─► one leads ──┤
 *      thread ─┘    (the others wait)   └─ one commit for all; then the next one leads
 *
 * Whoever comes while a commit is under way waits for the next one, so the busier the
 * database the more a commit carries. Where one of them is refused, nothing of the
 * batch stands, and each is run again on its own.
 *
 * Threads   The leader runs the functions of others with their contexts, while they
 *           wait: an arena is still one thread's at a time.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "sys/os/os.h"
#include "sys/sys.h"

enum { BATCH_MAX = 64 };

struct store_brief {
    struct ctx *cx;
    err_t (*fn)(struct ctx *cx, void *arg);
    void *arg;
    err_t e;
    sem_t wake; /* posted once: with `lead` or with `done` */
    bool lead, done;
    bool taken; /* in a batch; under briefs.lock */
    struct store_brief *next;
};

/* --- a batch ------------------------------------------------------------------ */

static err_t
together(struct store_brief *list)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    err_t e = store__begin(list->cx, &tx, true);

    for (struct store_brief *b = list; b != NULL && e == ERR_OK; b = b->next)
        e = b->e = b->fn(b->cx, b->arg);
    return e == ERR_OK ? store_commit(&tx) : e;
}

static void
run(struct store_brief *list)
{
    if (list->next != NULL && together(list) == ERR_OK)
        return;
    for (struct store_brief *b = list; b != NULL; b = b->next) {
        if (list->next != NULL)
            refuse_clear(b->cx);
        b->e = store__transact(b->cx, b->fn, b->arg, true);
    }
}

/* --- the queue; under s->briefs.lock ------------------------------------------- */

static void
add(struct store *s, struct store_brief *b)
{
    struct store_brief **at = &s->briefs.first;

    while (*at != NULL)
        at = &(*at)->next;
    *at = b;
    b->lead = !s->briefs.led;
    s->briefs.led = true;
}

static struct store_brief *
take_batch(struct store *s)
{
    struct store_brief *list = s->briefs.first, **at = &list;

    for (int n = 0; n < BATCH_MAX && *at != NULL; n++) {
        (*at)->taken = true;
        at = &(*at)->next;
    }
    s->briefs.first = *at;
    *at = NULL;
    return list;
}

static void
pass_lead(struct store *s)
{
    struct store_brief *next = s->briefs.first;

    s->briefs.led = next != NULL;
    if (next == NULL)
        return;
    next->lead = true;
    sem_post(&next->wake);
}

/* Nobody took it: it was only in the queue. */
static bool
give_up(struct store *s, struct store_brief *b)
{
    struct store_brief **at = &s->briefs.first;

    if (b->taken || b->lead)
        return false;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    return true;
}

/* --- leading and waiting ---------------------------------------------------------- */

/* Whoever leads is the first in the queue, so in the batch. */
static void
lead(struct store *s, const struct store_brief *own)
{
    struct store_brief *list, *next;

    sched_yield(); /* who is about to come, comes along; alone it costs nothing */
    pthread_mutex_lock(&s->briefs.lock);
    list = take_batch(s);
    pthread_mutex_unlock(&s->briefs.lock);
    run(list);
    for (; list != NULL; list = next) {
        next = list->next; /* once it is done, it is its owner's again */
        if (list == own)
            continue;
        list->done = true;
        sem_post(&list->wake);
    }
    pthread_mutex_lock(&s->briefs.lock);
    pass_lead(s);
    pthread_mutex_unlock(&s->briefs.lock);
}

/* False when its time was over before anybody took it. */
static bool
wait_turn(struct store *s, struct store_brief *b, int64_t until)
{
    const struct timespec ts = { until / 1000, until % 1000 * 1000000 };
    bool gone;

    while (sem_clockwait(&b->wake, CLOCK_MONOTONIC, &ts) != 0) {
        if (errno == EINTR)
            continue;
        pthread_mutex_lock(&s->briefs.lock);
        gone = give_up(s, b);
        pthread_mutex_unlock(&s->briefs.lock);
        if (gone)
            return false;
        while (sem_wait(&b->wake) != 0) /* it is under way */
            ;
        break;
    }
    return true;
}

err_t
store_transact_brief(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg)
{
    struct store *s = cx->sys->store;
    struct store_brief b = { .cx = cx, .fn = fn, .arg = arg, .e = ERR_INTERNAL };
    bool leads, in_time = true;

    if (!s->engine->local || cx->may_not_block) /* PostgreSQL gathers commits itself */
        return store__transact(cx, fn, arg, true);
    sem_init(&b.wake, 0, 0);
    pthread_mutex_lock(&s->briefs.lock);
    add(s, &b);
    leads = b.lead;
    pthread_mutex_unlock(&s->briefs.lock);
    if (!leads)
        in_time = wait_turn(s, &b, store__until(cx, s->wait_ms));
    if (in_time && !b.done)
        lead(s, &b);
    sem_destroy(&b.wake);
    return in_time ? b.e
                   : refuse(cx, ERR_UNAVAILABLE, "",
                            "other writers held the database for too long");
}
