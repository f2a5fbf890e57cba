/*
 * store_brief.c - many small transactions become one.
 *
 *      thread ─┐                        ┌─ fn of each, in turn
 *      thread ─┼─► queue ─► one leads ──┤
 *      thread ─┘    (the others wait)   └─ one commit for all
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

#include <sched.h>
#include <time.h>

#include "sys/os/os.h"
#include "sys/sys.h"

enum { BATCH_MAX = 64 };

struct store_brief {
    struct ctx *cx;
    err_t (*fn)(struct ctx *cx, void *arg);
    void *arg;
    err_t e;
    bool taken, done; /* by a leader */
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
}

static void
take_out(struct store *s, struct store_brief *b)
{
    struct store_brief **at = &s->briefs.first;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
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
lead(struct store *s)
{
    struct store_brief *list, *next;

    s->briefs.led = true;
    pthread_mutex_unlock(&s->briefs.lock);
    sched_yield(); /* who is about to come, comes along; alone it costs nothing */
    pthread_mutex_lock(&s->briefs.lock);
    list = take_batch(s);
    pthread_mutex_unlock(&s->briefs.lock);
    run(list);
    pthread_mutex_lock(&s->briefs.lock);
    s->briefs.led = false;
    for (; list != NULL; list = next) {
        next = list->next; /* done, it is its owner's again */
        list->done = true;
    }
    pthread_cond_broadcast(&s->briefs.turn);
}

/* Until it is done, or there is a lead to take; false when its time is over. */
static bool
wait_turn(struct store *s, struct store_brief *b, int64_t until)
{
    const struct timespec ts = { until / 1000, until % 1000 * 1000000 };

    while (!b->done && (s->briefs.led || b->taken)) {
        if (b->taken)
            pthread_cond_wait(&s->briefs.turn, &s->briefs.lock);
        else if (pthread_cond_timedwait(&s->briefs.turn, &s->briefs.lock, &ts) != 0 &&
                 os_tick_ms() >= until && !b->taken && !b->done)
            return false;
    }
    return true;
}

err_t
store_transact_brief(struct ctx *cx, err_t (*fn)(struct ctx *cx, void *arg), void *arg)
{
    struct store *s = cx->sys->store;
    struct store_brief b = { .cx = cx, .fn = fn, .arg = arg, .e = ERR_INTERNAL };
    int64_t until = store__until(cx, s->wait_ms);
    bool in_time = true;

    if (!s->engine->local || cx->may_not_block) /* PostgreSQL gathers commits itself */
        return store__transact(cx, fn, arg, true);
    pthread_mutex_lock(&s->briefs.lock);
    add(s, &b);
    while (!b.done && (in_time = wait_turn(s, &b, until)))
        if (!b.done)
            lead(s);
    if (!in_time)
        take_out(s, &b);
    pthread_mutex_unlock(&s->briefs.lock);
    return in_time ? b.e
                   : refuse(cx, ERR_UNAVAILABLE, "",
                            "other writers held the database for too long");
}
