/* loop.c - epoll, a heap of timers, a stack of posts. EUPL-1.2. */
#include "sys/loop/loop.h"
#include "sys/os/os.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 256 };

struct loop {
    int epoll, wake;
    struct loop_io wake_io;
    int64_t now_ms, wall_ms;
    struct loop_timer **heap; /* heap[1] is the earliest */
    size_t timers, room;
    _Atomic(struct loop_task *) posted; /* newest first */
    struct loop_task *after, **after_end;
    atomic_bool stop;
    _Atomic pthread_t thread;
    atomic_bool running;
    struct epoll_event batch[BATCH];
    int batch_n, batch_at;
};

int64_t
loop_clock(void)
{
    return os_tick_ms();
}

static void
read_clocks(struct loop *l)
{
    l->now_ms = os_tick_ms();
    l->wall_ms = os_now_ms();
}

int64_t
loop_now(const struct loop *l)
{
    return l->now_ms;
}

int64_t
loop_wall(const struct loop *l)
{
    return l->wall_ms;
}

bool
loop_is_mine(const struct loop *l)
{
    return atomic_load(&l->running) &&
           pthread_equal(atomic_load(&l->thread), pthread_self());
}

bool
loop_is_mine_to_turn(const struct loop *l)
{
    return !atomic_load(&l->running) &&
           pthread_equal(atomic_load(&l->thread), pthread_self());
}

/* --- sockets ------------------------------------------------------------------- */

err_t
loop_add(struct ctx *cx, struct loop *l, struct loop_io *io)
{
    struct epoll_event ev = { .events = io->events, .data.ptr = io };

    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, io->fd, &ev) != 0)
        return refuse(cx, ERR_INTERNAL, "", "epoll does not take descriptor %d: %s", io->fd,
                      strerror(errno));
    return ERR_OK;
}

void
loop_change(struct loop *l, struct loop_io *io, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = io };

    if (events == io->events)
        return;
    io->events = events;
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, io->fd, &ev) != 0)
        assert(errno == ENOMEM);
}

void
loop_remove(struct loop *l, struct loop_io *io)
{
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = l->batch_at; i < l->batch_n; i++) { /* not in this turn either */
        if (l->batch[i].data.ptr == io)
            l->batch[i].data.ptr = NULL;
    }
}

/* --- timers: a binary heap by heap_ms, which is never later than at_ms --------- */

static void
put_at(struct loop *l, size_t place, struct loop_timer *t)
{
    l->heap[place] = t;
    t->place = place;
}

static void
sift_up(struct loop *l, struct loop_timer *t, size_t i)
{
    for (; i > 1 && l->heap[i / 2]->heap_ms > t->heap_ms; i /= 2)
        put_at(l, i, l->heap[i / 2]);
    put_at(l, i, t);
}

static void
sift_down(struct loop *l, struct loop_timer *t, size_t i)
{
    size_t child;

    while ((child = 2 * i) <= l->timers) {
        if (child < l->timers && l->heap[child + 1]->heap_ms < l->heap[child]->heap_ms)
            child++;
        if (l->heap[child]->heap_ms >= t->heap_ms)
            break;
        put_at(l, i, l->heap[child]);
        i = child;
    }
    put_at(l, i, t);
}

static bool
grow_heap(struct loop *l)
{
    size_t room = l->room ? 2 * l->room : 64;
    struct loop_timer **heap = realloc(l->heap, room * sizeof(*heap));

    if (heap == NULL)
        return false;
    l->heap = heap;
    l->room = room;
    return true;
}

bool
loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms)
{
    t->at_ms = at_ms;
    if (t->place != 0 && t->heap_ms <= at_ms)
        return true; /* the heap looks early enough */
    if (t->place == 0) {
        if (l->timers + 1 >= l->room && !grow_heap(l))
            return false;
        t->place = ++l->timers;
    }
    t->heap_ms = at_ms;
    sift_up(l, t, t->place);
    return true;
}

void
loop_timer_clear(struct loop *l, struct loop_timer *t)
{
    size_t place = t->place;
    struct loop_timer *last;

    if (place == 0)
        return;
    t->place = 0;
    last = l->heap[l->timers--];
    if (last == t)
        return;
    if (place > 1 && l->heap[place / 2]->heap_ms > last->heap_ms)
        sift_up(l, last, place);
    else
        sift_down(l, last, place);
}

static void
run_timers(struct loop *l)
{
    while (l->timers > 0 && l->heap[1]->heap_ms <= l->now_ms) {
        struct loop_timer *t = l->heap[1];

        if (t->at_ms > l->now_ms) { /* it was moved to later */
            t->heap_ms = t->at_ms;
            sift_down(l, t, 1);
            continue;
        }
        loop_timer_clear(l, t);
        t->fn(t);
    }
}

/* --- messages ------------------------------------------------------------------ */

static void
wake_up(struct loop *l)
{
    uint64_t one = 1;

    if (write(l->wake, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN); /* full: it is awake */
}

void
loop_post(struct loop *l, struct loop_task *task)
{
    struct loop_task *head = atomic_load(&l->posted);

    do
        task->next = head;
    while (!atomic_compare_exchange_weak(&l->posted, &head, task));
    if (head == NULL) /* others found it awake */
        wake_up(l);
}

static void
woken(struct loop_io *io, uint32_t ready)
{
    uint64_t n;

    (void)ready;
    if (read(io->fd, &n, sizeof(n)) < 0)
        assert(errno == EAGAIN);
}

static void
run_posted(struct loop *l)
{
    struct loop_task *newest = atomic_exchange(&l->posted, NULL), *oldest = NULL;

    while (newest != NULL) { /* turn it round */
        struct loop_task *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct loop_task *task = oldest;

        oldest = task->next;
        task->fn(task);
    }
}

void
loop_after(struct loop *l, struct loop_task *task)
{
    task->next = NULL;
    *l->after_end = task;
    l->after_end = &task->next;
}

/* Those added while these run wait for the next turn, which then does not wait. */
static void
run_after(struct loop *l)
{
    struct loop_task *task = l->after;

    l->after = NULL;
    l->after_end = &l->after;
    while (task != NULL) {
        struct loop_task *next = task->next;

        task->fn(task);
        task = next;
    }
}

/* --- turning ------------------------------------------------------------------- */

static int
wait_ms(const struct loop *l, int most_ms)
{
    int64_t until;

    if (l->after != NULL)
        return 0;
    if (l->timers == 0)
        return most_ms;
    until = l->heap[1]->heap_ms - os_tick_ms();
    if (until < 0)
        until = 0;
    if (most_ms >= 0 && until > most_ms)
        return most_ms;
    return until > 1000000 ? 1000000 : (int)until;
}

void
loop_turn(struct loop *l, int most_ms)
{
    bool was = atomic_load(&l->running);

    atomic_store(&l->thread, pthread_self());
    atomic_store(&l->running, true);
    l->batch_n = epoll_wait(l->epoll, l->batch, BATCH, wait_ms(l, most_ms));
    read_clocks(l);
    for (l->batch_at = 0; l->batch_at < l->batch_n;) {
        struct epoll_event *ev = &l->batch[l->batch_at++];
        struct loop_io *io = ev->data.ptr;

        if (io != NULL)
            io->fn(io, ev->events);
    }
    l->batch_n = 0;
    run_posted(l);
    run_timers(l);
    run_after(l);
    atomic_store(&l->running, was);
}

void
loop_run(struct loop *l)
{
    atomic_store(&l->thread, pthread_self());
    atomic_store(&l->running, true);
    while (!atomic_load(&l->stop))
        loop_turn(l, -1);
    atomic_store(&l->stop, false);
    atomic_store(&l->running, false);
}

void
loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake_up(l);
}

err_t
loop_open(struct ctx *cx, struct loop **out)
{
    struct loop *l = calloc(1, sizeof(*l));

    *out = NULL;
    if (l == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a loop");
    l->thread = pthread_self();
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->after_end = &l->after;
    l->wake_io = (struct loop_io){ l->wake, EPOLLIN, woken };
    read_clocks(l);
    if (l->epoll < 0 || l->wake < 0 || loop_add(cx, l, &l->wake_io) != ERR_OK) {
        loop_close(l);
        return refuse(cx, ERR_INTERNAL, "", "no descriptors for a loop: %s",
                      strerror(errno));
    }
    *out = l;
    return ERR_OK;
}

void
loop_close(struct loop *l)
{
    if (l == NULL)
        return;
    if (l->epoll >= 0)
        close(l->epoll);
    if (l->wake >= 0)
        close(l->wake);
    free(l->heap);
    free(l);
}
