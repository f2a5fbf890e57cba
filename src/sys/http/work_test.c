/* work_test.c - what handlers have done together, and are run again for. EUPL-1.2. */
#include "sys/http/served.h"

#include <stdatomic.h>
#include <time.h>

static struct served s;
static char answer[64 * 1024];
static atomic_int runs, batches, items, largest, audits, in_pool;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

struct sum {
    struct req_work work;
    int times;
};

static void
add_up(struct req_work *const *list, size_t n)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_add(&batches, 1);
    atomic_fetch_add(&items, (int)n);
    if ((int)n > atomic_load(&largest))
        atomic_store(&largest, (int)n);
    for (size_t i = 0; i < n; i++) {
        assert_false(list[i]->cx->may_not_block);
        container_of(list[i], struct sum, work)->times++;
    }
}

static void
add_up_otherwise(struct req_work *const *list, size_t n)
{
    add_up(list, n);
}

static err_t
have_done(struct req *rq, void (*together)(struct req_work *const *, size_t))
{
    struct sum *sum = arena_new(rq->cx.arena, struct sum);

    assert_non_null(sum);
    assert_true(rq->cx.may_not_block);
    sum->work.together = together;
    return req_work(rq, &sum->work);
}

static err_t
answer_for(struct req *rq)
{
    const struct sum *sum = container_of(req_worked(rq), struct sum, work);
    struct str text = arena_printf(rq->cx.arena, "done %d", sum->times);

    return reply_bytes(rq, 200, "text/plain", bytes_of(text));
}

static err_t
works(struct req *rq)
{
    atomic_fetch_add(&runs, 1);
    if (req_worked(rq) == NULL)
        return have_done(rq, add_up);
    assert_true(rq->cx.may_not_block); /* on the loop again */
    return answer_for(rq);
}

static err_t
works_otherwise(struct req *rq)
{
    return req_worked(rq) == NULL ? have_done(rq, add_up_otherwise) : answer_for(rq);
}

static err_t
works_then_waits(struct req *rq)
{
    if (req_worked(rq) == NULL)
        return have_done(rq, add_up);
    if (rq->cx.may_not_block)
        return refuse(&rq->cx, ERR_WOULD_BLOCK, "", "the database");
    atomic_fetch_add(&in_pool, 1);
    return answer_for(rq);
}

static err_t
naps(struct req *rq) /* the loop: what comes meanwhile is one turn's */
{
    nanosleep(&(struct timespec){ .tv_nsec = 150000000 }, NULL);
    return reply_empty(rq, 204);
}

static err_t
count_audit(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    (void)record;
    atomic_fetch_add(&audits, 1);
    return ERR_OK;
}

#define ROW(op_, path_, audit_, fn_)                                                       \
    {                                                                                      \
        .op = op_, .doc = "Tests.", .door = HTTP_DOOR_PUBLIC, .method = HTTP_GET,          \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = HTTP_RUN_LOOP, .rate = RATE_READ,  \
        .errors = HTTP_ERRORS_PROBLEM, .audit = audit_, .fn = fn_                          \
    }
static const struct http_route rows[] = {
    ROW("works", "/works", AUDIT_RECORD_READ, works),
    ROW("worksOtherwise", "/otherwise", AUDIT_NOT_NEEDED, works_otherwise),
    ROW("worksThenWaits", "/waits", AUDIT_NOT_NEEDED, works_then_waits),
    ROW("naps", "/naps", AUDIT_NOT_NEEDED, naps),
    { 0 },
};
static const struct http_route *const tables[] = { rows };

static void
prepare(void)
{
    served_init(&s, tables, count_audit);
    runs = batches = items = largest = audits = in_pool = 0;
}

static int
setup(void **state)
{
    (void)state;
    prepare();
    served_start(&s);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    served_stop(&s);
    return 0;
}

static void
ask(int fd, const char *path)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);

    say(fd, text, (size_t)n);
}

static void
hears(int fd, const char *what)
{
    hear_answer(fd, answer, sizeof(answer), 5000);
    if (strstr(answer, what) == NULL)
        fail_msg("wanted %s, got %s", what, answer);
}

static void
wait_for(atomic_int *what, int least)
{
    for (int i = 0; i < 500 && atomic_load(what) < least; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    assert_true(atomic_load(what) >= least);
}

static void
a_handler_is_run_again(void **state)
{
    int fd = dial(s.public_port);

    (void)state;
    for (int i = 1; i <= 3; i++) {
        ask(fd, "/works");
        hears(fd, "done 1");
        assert_int_equal(runs, 2 * i);
        assert_int_equal(batches, i);
        assert_int_equal(audits, i);
    }
    close(fd);
}

static void
those_of_a_turn_go_together(void **state)
{
    enum { MANY = 100 };
    int fd[MANY], first = dial(s.public_port);

    (void)state;
    for (int i = 0; i < MANY; i++)
        fd[i] = dial(s.public_port);
    ask(fd[0], "/works"); /* they are all known to the loop */
    hears(fd[0], "done 1");
    batches = items = largest = 0;
    ask(first, "/naps");
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    for (int i = 0; i < MANY; i++)
        ask(fd[i], i % 4 == 3 ? "/otherwise" : "/works");
    for (int i = 0; i < MANY; i++) {
        hears(fd[i], "done 1");
        close(fd[i]);
    }
    hears(first, " 204 ");
    close(first);
    assert_int_equal(items, MANY);
    assert_true(largest > 1);
    assert_true(batches < MANY / 2);
}

static void
what_waits_after_it_goes_to_the_pool(void **state)
{
    int fd = dial(s.public_port);

    (void)state;
    ask(fd, "/waits");
    hears(fd, "done 1"); /* not done twice */
    assert_int_equal(in_pool, 1);
    close(fd);
}

static void
who_goes_meanwhile_is_forgotten(void **state)
{
    const struct http_stats *stats = http_stats(s.http);
    int fd[20];

    (void)state;
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < COUNT(fd); i++) {
        fd[i] = dial(s.public_port);
        ask(fd[i], "/works");
    }
    wait_for(&runs, (int)COUNT(fd));
    for (size_t i = 0; i < COUNT(fd); i++) {
        struct linger now = { 1, 0 }; /* a reset */

        setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd[i]);
    }
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 500 && atomic_load(&stats->connections_now) > 0; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    assert_int_equal(stats->connections_now, 0);
    assert_int_equal(runs, COUNT(fd)); /* none was run again */
    fd[0] = dial(s.public_port);
    ask(fd[0], "/works");
    hears(fd[0], "done 1");
    close(fd[0]);
}

static void
the_pool_is_bounded(void **state)
{
    int fd[5], done = 0, refused = 0;

    (void)state;
    prepare();
    s.conf->http_pool_threads = 1;
    s.conf->http_pool_queue = 1;
    served_start(&s);
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < COUNT(fd); i++) {
        fd[i] = dial(s.public_port);
        ask(fd[i], "/works");
        wait_for(&runs, (int)i + 1);
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    }
    hears(fd[4], " 503 "); /* one is under way, one queued, one waits for a crew */
    assert_non_null(strstr(answer, "Retry-After: "));
    pthread_mutex_unlock(&gate);
    for (size_t i = 0; i < 4; i++) {
        hear_answer(fd[i], answer, sizeof(answer), 5000);
        done += strstr(answer, "done 1") != NULL;
        refused += strstr(answer, " 503 ") != NULL;
    }
    assert_true(done >= 2 && done + refused == 4);
    assert_int_equal(audits, 5);
    for (size_t i = 0; i < COUNT(fd); i++)
        close(fd[i]);
    served_stop(&s);
}

/* While crews are out, who comes is gathered; and each kind has its turn. */
static void
the_busier_the_more_at_once(void **state)
{
    enum { MANY = 200 };
    int fd[MANY];

    (void)state;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < MANY; i++) {
        fd[i] = dial(s.public_port);
        ask(fd[i], i % 10 == 9 ? "/otherwise" : "/works");
    }
    wait_for(&runs, MANY / 10 * 9);
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < MANY; i++) {
        hears(fd[i], "done 1");
        close(fd[i]);
    }
    assert_int_equal(items, MANY);
    assert_true(largest > 1 && batches < MANY / 2);
}

static void
asked_without_a_socket(void **state)
{
    struct test_ctx t;
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_PUBLIC,
                            .audit_put = count_audit };
    struct str reply;

    (void)state;
    test_ctx_init(&t);
    audits = 0;
    assert_int_equal(
        http_ask(&t.cx, &how, S("GET /works HTTP/1.1\r\nHost: a\r\n\r\n"), &reply), ERR_OK);
    assert_true(str_search(reply, S("done 1")) < reply.n);
    assert_int_equal(
        http_ask(&t.cx, &how, S("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n"), &reply), ERR_OK);
    assert_true(str_search(reply, S("done 1")) < reply.n);
    assert_int_equal(audits, 1);
    test_ctx_fini(&t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_handler_is_run_again),
        T(those_of_a_turn_go_together),
        T(the_busier_the_more_at_once),
        T(what_waits_after_it_goes_to_the_pool),
        T(who_goes_meanwhile_is_forgotten),
        cmocka_unit_test(the_pool_is_bounded),
        cmocka_unit_test(asked_without_a_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
