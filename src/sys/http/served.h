/*
 * served.h - a server in a thread of its own, and clients of bare sockets.
 * Included by the tests and benchmarks of sys/http alone. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_SERVED_H
#define KNOOP_SYS_HTTP_SERVED_H

#include "base/test.h"
#include "sys/http/http_int.h"
#include "sys/os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct served {
    struct test_ctx t;
    struct conf *conf;
    struct sys sys;
    struct loop *loop;
    struct http *http;
    struct http_setup setup;
    pthread_t thread;
    int public_port, internal_port;
    int fds[4];
};

static inline void *
served_run(void *arg)
{
    loop_run(((struct served *)arg)->loop);
    return NULL;
}

/*
 * Opens both doors on loopback, for `tables` (one) and `audit`, which may be NULL;
 * `s->conf` and `s->setup` may be changed before _start.
 */
static inline void
served_init(struct served *s, const struct http_route *const *tables,
            err_t (*audit)(struct ctx *cx, const struct audit_record *record))
{
    size_t n;

    memset(s, 0, sizeof(*s));
    test_ctx_init(&s->t);
    assert_int_equal(conf_default(&s->t.cx, &s->conf), ERR_OK);
    assert_int_equal(loop_open(&s->t.cx, &s->loop), ERR_OK);
    assert_int_equal(os_listen(&s->t.cx, S("127.0.0.1:0"), &s->fds[0], &n), ERR_OK);
    assert_int_equal(os_listen(&s->t.cx, S("127.0.0.1:0"), &s->fds[1], &n), ERR_OK);
    s->public_port = os_port(s->fds[0]);
    s->internal_port = os_port(s->fds[1]);
    s->sys.loop = s->loop;
    s->conf->http_connections_peer = 1000; /* all come from one */
    s->setup = (struct http_setup){ .conf = s->conf,
                                    .tables = tables,
                                    .table_count = 1,
                                    .audit_put = audit,
                                    .sys = &s->sys,
                                    .loop = s->loop,
                                    .public_fds = &s->fds[0],
                                    .public_count = 1,
                                    .internal_fds = &s->fds[1],
                                    .internal_count = 1 };
}

static inline void
served_start(struct served *s)
{
    err_t e = http_open(&s->t.cx, &s->setup, &s->http);

    if (e != ERR_OK)
        fail_msg("http_open: %.*s", STR(s->t.cx.reason));
    assert_int_equal(pthread_create(&s->thread, NULL, served_run, s), 0);
}

static inline void
served_stop(struct served *s)
{
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    http_close(s->http);
    loop_close(s->loop);
    conf_give(s->conf);
    test_ctx_fini(&s->t);
}

static inline int
dial(int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&any, &sa, sizeof(any));
    if (fd >= 0 && connect(fd, &any, sizeof(sa)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void
say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t r = send(fd, text, n, MSG_NOSIGNAL);

        if (r <= 0)
            return; /* the server has hung up: what it said counts */
        text += r;
        n -= (size_t)r;
    }
}

/* Bytes until the server closes, `want` bytes are there, or `ms` went by. */
static inline size_t
hear(int fd, char *room, size_t size, size_t want, int ms)
{
    int64_t until = os_tick_ms() + ms;
    size_t n = 0;

    while (n < size - 1 && n < want) {
        struct pollfd p = { fd, POLLIN, 0 };
        int64_t left = until - os_tick_ms();
        ssize_t r;

        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        if ((r = recv(fd, room + n, size - 1 - n, 0)) <= 0)
            break;
        n += (size_t)r;
    }
    room[n] = '\0';
    return n;
}

/* One whole answer: head, and as many bytes as Content-Length says. */
static inline size_t
hear_answer(int fd, char *room, size_t size, int ms)
{
    size_t n = 0, whole = SIZE_MAX;

    while (n < whole) {
        size_t more = hear(fd, room + n, size - n, 1, ms);
        char *end, *length;

        if (more == 0)
            break;
        n += more;
        if ((end = strstr(room, "\r\n\r\n")) == NULL)
            continue;
        length = strcasestr(room, "\r\nContent-Length: ");
        whole = (size_t)(end - room) + 4;
        if (length != NULL && length < end)
            whole += strtoul(length + 18, NULL, 10);
    }
    return n;
}

static inline bool
is_closed(int fd, int ms)
{
    struct pollfd p = { fd, POLLIN, 0 };
    char c;

    return poll(&p, 1, ms) > 0 && recv(fd, &c, 1, MSG_PEEK) <= 0;
}

#endif
