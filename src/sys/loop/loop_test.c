/* loop_test.c - sockets, times and messages in one thread. EUPL-1.2. */
#include "base/test.h"
#include "sys/loop/loop.h"
#include "sys/loop/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct test_ctx t;
static struct loop *l;

static int
setup(void **state)
{
    (void)state;
    test_ctx_init(&t);
    return loop_open(&t.cx, &l) != ERR_OK;
}

static int
teardown(void **state)
{
    (void)state;
    loop_close(l);
    test_ctx_fini(&t);
    return 0;
}

struct timed {
    struct loop_timer timer;
    int number;
};
static int order[2000], ran;

static void
note(struct loop_timer *timer)
{
    order[ran++] = container_of(timer, struct timed, timer)->number;
}

static void
timers_run_in_order(void **state)
{
    static struct timed many[1000];
    int64_t now = loop_now(l);

    (void)state;
    ran = 0;
    for (int i = 0; i < 1000; i++) {
        many[i] = (struct timed){ .timer.fn = note, .number = i * 7 % 1000 };
        assert_true(loop_timer_set(l, &many[i].timer, now - 2000 + many[i].number));
    }
    for (int i = 0; i < 1000; i += 2)
        loop_timer_clear(l, &many[i].timer);
    loop_turn(l, 0);
    assert_int_equal(ran, 500);
    for (int i = 1; i < ran; i++)
        assert_true(order[i - 1] < order[i]);
}

static void
a_timer_moved_later_or_sooner_keeps_its_word(void **state)
{
    struct timed later = { .timer.fn = note, .number = 1 };
    struct timed sooner = { .timer.fn = note, .number = 2 };
    int64_t now = loop_clock();

    (void)state;
    ran = 0;
    assert_true(loop_timer_set(l, &later.timer, now));
    assert_true(loop_timer_set(l, &later.timer, now + 60));
    assert_true(loop_timer_set(l, &sooner.timer, now + 10000));
    assert_true(loop_timer_set(l, &sooner.timer, now + 20));
    while (ran < 2)
        loop_turn(l, 1000);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_true(loop_clock() - now >= 60);
    assert_true(loop_clock() - now < 1000);
}

struct pair {
    struct loop_io a, b;
    int called;
};
static struct pair pair;

static void
removes_other(struct loop_io *io, uint32_t ready)
{
    (void)ready;
    pair.called++;
    loop_remove(l, &pair.a);
    loop_remove(l, &pair.b);
    (void)io;
}

/* Both are ready in one batch; the first takes the other out. */
static void
what_is_removed_is_not_called_in_the_same_turn(void **state)
{
    int one[2], two[2];

    (void)state;
    assert_int_equal(pipe(one), 0);
    assert_int_equal(pipe(two), 0);
    assert_int_equal(write(one[1], "x", 1), 1);
    assert_int_equal(write(two[1], "x", 1), 1);
    pair = (struct pair){ { one[0], EPOLLIN, removes_other },
                          { two[0], EPOLLIN, removes_other },
                          0 };
    assert_int_equal(loop_add(&t.cx, l, &pair.a), ERR_OK);
    assert_int_equal(loop_add(&t.cx, l, &pair.b), ERR_OK);
    loop_turn(l, 0);
    loop_turn(l, 0);
    assert_int_equal(pair.called, 1);
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
}

static void
a_closed_descriptor_is_refused(void **state)
{
    struct loop_io io = { 9999, EPOLLIN, removes_other };

    (void)state;
    assert_int_equal(loop_add(&t.cx, l, &io), ERR_INTERNAL);
}

enum { POSTERS = 4, EACH = 5000 };
struct letter {
    struct loop_task task;
    int from, number;
};
static struct letter letters[POSTERS][EACH];
static int last[POSTERS], received;

static void
receive(struct loop_task *task)
{
    struct letter *letter = container_of(task, struct letter, task);

    assert_int_equal(letter->number, last[letter->from] + 1); /* in order per thread */
    last[letter->from] = letter->number;
    if (++received == POSTERS * EACH)
        loop_stop(l);
}

static void *
post_many(void *arg)
{
    int from = (int)(intptr_t)arg;

    for (int i = 0; i < EACH; i++) {
        letters[from][i] = (struct letter){ { NULL, receive }, from, i + 1 };
        loop_post(l, &letters[from][i].task);
    }
    return NULL;
}

static void
no_post_is_lost(void **state)
{
    pthread_t thread[POSTERS];

    (void)state;
    for (intptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, post_many, (void *)i), 0);
    loop_run(l);
    assert_int_equal(received, POSTERS * EACH);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(thread[i], NULL);
}

static int after_runs;

static void
again(struct loop_task *task)
{
    if (++after_runs < 3)
        loop_after(l, task);
}

static void
after_runs_at_the_end_of_the_turn(void **state)
{
    struct loop_task task = { NULL, again };

    (void)state;
    loop_after(l, &task);
    loop_turn(l, 10000); /* does not wait */
    assert_int_equal(after_runs, 1);
    loop_turn(l, 10000);
    loop_turn(l, 10000);
    assert_int_equal(after_runs, 3);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int jobs_done;

static void
blocked_job(struct pool_job *job)
{
    (void)job;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_add(&jobs_done, 1);
}

static void
a_full_queue_says_no(void **state)
{
    struct pool *p;
    struct pool_job jobs[8];
    unsigned waiting, running, taken = 0;

    (void)state;
    assert_int_equal(pool_open(&t.cx, 2, 3, &p), ERR_OK);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 2; i++) {
        jobs[i] = (struct pool_job){ NULL, blocked_job };
        assert_true(pool_put(p, &jobs[i]));
    }
    do
        pool_use(p, &waiting, &running);
    while (running < 2);
    for (int i = 2; i < 8; i++) {
        jobs[i] = (struct pool_job){ NULL, blocked_job };
        taken += pool_put(p, &jobs[i]);
    }
    assert_int_equal(taken, 3);
    pthread_mutex_unlock(&gate);
    pool_close(p); /* what was taken is done */
    assert_int_equal(jobs_done, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_run_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_moved_later_or_sooner_keeps_its_word, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_removed_is_not_called_in_the_same_turn,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_descriptor_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_post_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(after_runs_at_the_end_of_the_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_says_no, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
