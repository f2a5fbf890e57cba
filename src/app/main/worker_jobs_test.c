/* worker_jobs_test.c - a stop while a job asks a slow peer. EUPL-1.2. */
#include "app/main/worker_jobs.h"
#include "base/test.h"
#include "sys/http/fetch.h"
#include "sys/loop/loop.h"
#include "sys/os/os.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_S = 30, ASKS = 2 };

static struct test_ctx t;
static struct sys services;
static struct conf *conf;
static int door;
static char url[64];
static atomic_int begun, answered, knocked;

/* --- a peer that takes its time --------------------------------------------------- */

static void *
slow_peer(void *arg)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    char heard[1024];

    (void)arg;
    for (int i = 0; i < ASKS; i++) {
        struct pollfd knock = { door, POLLIN, 0 };
        int fd;

        poll(&knock, 1, -1);
        fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
        if (read(fd, heard, sizeof(heard)) <= 0)
            abort();
        knocked++;
        usleep(100000);
        if (write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
            abort();
        close(fd);
    }
    return NULL;
}

/* --- two jobs, of which one asks and the other waits for its turn ------------------ */

static err_t
ask(struct ctx *cx, void *state)
{
    const struct fetch_request in = { .trust = FETCH_CONFIGURED,
                                      .method = HTTP_GET,
                                      .url = str_of(url) };

    assert_ptr_equal(state, &services);
    begun++;
    for (int i = 0; i < ASKS; i++) {
        struct fetch_reply out;

        answered += fetch(cx, &in, &out) == ERR_OK && out.status == 200;
    }
    return ERR_OK;
}

static const struct room_job two[] = {
    { .name = "one", .every_ms = 1, .fn = ask },
    { .name = "other", .every_ms = 1, .fn = ask },
    { 0 },
};

static void
the_one_that_runs_ends_and_none_begins(void **state)
{
    pthread_t peer;

    (void)state;
    assert_int_equal(jobs_open(&t.cx, &services, conf), ERR_OK);
    assert_int_equal(jobs_add(&t.cx, NULL, NULL), ERR_OK);
    assert_int_equal(jobs_add(&t.cx, two, &services), ERR_OK);
    assert_int_equal(pthread_create(&peer, NULL, slow_peer, NULL), 0);
    while (knocked == 0)
        loop_turn(services.loop, 10);
    jobs_close();
    assert_int_equal(answered, ASKS);
    assert_int_equal(begun, 1);
    for (int i = 0; i < 5; i++)
        loop_turn(services.loop, 10);
    assert_int_equal(begun, 1);
    pthread_join(peer, NULL);
}

static int
setup(void **state)
{
    int fds[OS_LISTEN_MAX];
    size_t n;

    (void)state;
    alarm(PATIENCE_S); /* a stop that hangs fails */
    test_ctx_init(&t);
    if (conf_default(&t.cx, &conf) != ERR_OK ||
        loop_open(&t.cx, &services.loop) != ERR_OK ||
        fetch_open(&t.cx, services.loop, conf, &services.fetch) != ERR_OK ||
        os_listen(&t.cx, S("127.0.0.1:0"), fds, &n) != ERR_OK)
        return -1;
    door = fds[0];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", os_port(door));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    fetch_close(services.fetch);
    loop_close(services.loop);
    close(door);
    conf_give(conf);
    test_ctx_fini(&t);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_runs_ends_and_none_begins),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
