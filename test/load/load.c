/* load.c - the generator: one thread, one epoll, one request a connection. EUPL-1.2. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { HEAD = 8192, SAMPLES = 1 << 20 };

struct line {
    int fd;
    bool busy, framed, chunked;
    int64_t due_ns;
    size_t head_n, left; /* bytes of the body that are still to come */
    char head[HEAD + 1];
    char tail[5]; /* the last bytes, where only they tell the end */
};

struct run {
    const struct load *load;
    struct line *lines;
    int epoll;
    size_t next; /* request */
    int64_t from_ns, next_due_ns;
    uint64_t asked, answers, bytes;
    int64_t *took;
    size_t samples;
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static int
dial(int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    memcpy(&any, &sa, sizeof(any));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, &any, sizeof(sa)) != 0)
        die("connect");
    return fd;
}

static void
send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

        if (n <= 0)
            die("send");
        s = str_sub(s, (size_t)n, s.n);
    }
}

/* The value of a header in a head of ours or a peer's; empty when it is not there. */
static struct str
header(struct str head, struct str name)
{
    while (head.n > 0) {
        struct str row = str_cut(&head, '\n'), rest = row;

        if (str_eq_case(str_cut(&rest, ':'), name))
            return str_trim(str_sub(rest, 0, rest.n > 0 ? rest.n - 1 : 0));
    }
    return S("");
}

static int
status_of(struct str head)
{
    uint64_t status;

    return str_starts(head, S("HTTP/1.")) && str_to_u64(str_sub(head, 9, 12), &status)
               ? (int)status
               : 0;
}

static void
unexpected(const struct line *l, size_t n)
{
    fprintf(stderr, "not the answer that was expected:\n%.*s\n", (int)n, l->head);
    exit(1);
}

/* Reads the head once it is there: how long is the body? Keeps what came of it. */
static void
read_head(const struct run *r, struct line *l)
{
    char *end = strstr(l->head, "\r\n\r\n");
    struct str head = { l->head, end != NULL ? (size_t)(end - l->head) + 2 : 0 };
    uint64_t length = 0;
    size_t came;
    int status;

    if (end == NULL) {
        if (l->head_n == HEAD)
            unexpected(l, l->head_n);
        return;
    }
    came = l->head_n - head.n - 2;
    status = status_of(head);
    if (r->load->status != 0 ? status != r->load->status : status / 100 != 2)
        unexpected(l, l->head_n);
    l->framed = true;
    l->chunked = str_eq_case(header(head, S("transfer-encoding")), S("chunked"));
    if (l->chunked) {
        size_t keep = came < 5 ? came : 5;

        memcpy(l->tail + 5 - keep, l->head + l->head_n - keep, keep);
        return;
    }
    if (status != 204 && !str_to_u64(header(head, S("content-length")), &length))
        unexpected(l, l->head_n);
    l->left = length - came;
}

static void
keep_tail(struct line *l, const char *p, size_t n)
{
    if (n >= 5) {
        memcpy(l->tail, p + n - 5, 5);
        return;
    }
    memmove(l->tail, l->tail + n, 5 - n);
    memcpy(l->tail + 5 - n, p, n);
}

/* Takes in what is there; true when the answer is whole. */
static bool
hear(struct run *r, struct line *l)
{
    static char room[256 * 1024];
    ssize_t n;

    if (!l->framed) {
        n = recv(l->fd, l->head + l->head_n, HEAD - l->head_n, 0);
        if (n <= 0)
            die("the server hung up");
        l->head_n += (size_t)n;
        l->head[l->head_n] = '\0';
        read_head(r, l);
    } else {
        n = recv(l->fd, room, l->chunked || l->left > sizeof(room) ? sizeof(room) : l->left,
                 0);
        if (n <= 0)
            die("the server hung up");
        l->left -= l->chunked ? 0 : (size_t)n;
        if (l->chunked)
            keep_tail(l, room, (size_t)n);
    }
    r->bytes += (size_t)n;
    if (!l->framed)
        return false;
    return l->chunked ? memcmp(l->tail, "0\r\n\r\n", 5) == 0 : l->left == 0;
}

static void
ask_next(struct run *r, struct line *l, int64_t due_ns)
{
    l->busy = true;
    l->framed = l->chunked = false;
    l->head_n = l->left = 0;
    memset(l->tail, 0, sizeof(l->tail));
    l->due_ns = due_ns;
    r->asked++;
    send_all(l->fd, r->load->request[r->next]);
    r->next = r->next + 1 == r->load->requests ? 0 : r->next + 1;
}

static bool
may_ask(const struct run *r)
{
    return r->load->most == 0 || r->asked < r->load->most;
}

static void
answered(struct run *r, struct line *l)
{
    int64_t now = bench_wall_ns();

    if (r->samples < SAMPLES)
        r->took[r->samples++] = now - l->due_ns;
    r->answers++;
    l->busy = false;
    if (r->load->rate == 0 && may_ask(r))
        ask_next(r, l, now);
}

/* Those whose time has come, as far as connections are free: the others wait, late. */
static void
ask_due(struct run *r)
{
    int64_t now = bench_wall_ns();

    for (size_t i = 0; i < r->load->connections && r->next_due_ns <= now && may_ask(r); i++)
        if (!r->lines[i].busy) {
            ask_next(r, &r->lines[i], r->next_due_ns);
            r->next_due_ns += (int64_t)(1e9 / r->load->rate);
        }
}

static bool
over(const struct run *r)
{
    return r->load->most > 0
               ? r->answers >= r->load->most
               : (double)(bench_wall_ns() - r->from_ns) >= r->load->seconds * 1e9;
}

static void
turn(struct run *r)
{
    struct epoll_event ev[64];
    struct timespec wait = { .tv_nsec = 100000000 };
    int64_t left;
    int n;

    if (r->load->rate > 0) {
        ask_due(r);
        left = r->next_due_ns - bench_wall_ns();
        wait.tv_nsec = left < 0 ? 0 : left < wait.tv_nsec ? (long)left : wait.tv_nsec;
    }
    n = epoll_pwait2(r->epoll, ev, COUNT(ev), &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct line *l = ev[i].data.ptr;

        if (hear(r, l))
            answered(r, l);
    }
}

static void
open_lines(struct run *r)
{
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < r->load->connections; i++) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &r->lines[i] };

        r->lines[i].fd = dial(r->load->port);
        epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->lines[i].fd, &ev);
    }
}

static void
close_lines(struct run *r)
{
    for (size_t i = 0; i < r->load->connections; i++)
        close(r->lines[i].fd);
    close(r->epoll);
    free(r->lines);
    free(r->took);
}

struct load_result
load_run(const struct load *load)
{
    struct run r = { .load = load };
    struct load_result out = { 0 };
    int64_t cpu, own, wall;

    r.lines = calloc(load->connections, sizeof(*r.lines));
    r.took = calloc(SAMPLES, sizeof(*r.took));
    if (r.lines == NULL || r.took == NULL || load->requests == 0)
        die("load");
    open_lines(&r);
    cpu = load_cpu_ns(load->server);
    own = bench_thread_ns();
    r.from_ns = r.next_due_ns = bench_wall_ns();
    for (size_t i = 0; load->rate == 0 && i < load->connections && may_ask(&r); i++)
        ask_next(&r, &r.lines[i], bench_wall_ns());
    while (!over(&r))
        turn(&r);
    wall = bench_wall_ns() - r.from_ns;
    own = bench_thread_ns() - own;
    cpu = load_cpu_ns(load->server) - cpu;
    out = (struct load_result){
        .answers = r.answers,
        .bytes = r.bytes,
        .per_second = (double)r.answers * 1e9 / (double)wall,
        .cpu_us = (double)cpu / 1e3 / (double)(r.answers ? r.answers : 1),
        .own_us = (double)own / 1e3 / (double)(r.answers ? r.answers : 1),
        .p50_us = (double)bench_quantile(r.took, r.samples, 0.5) / 1e3,
        .p99_us = (double)bench_quantile(r.took, r.samples, 0.99) / 1e3,
        .most_us = (double)bench_quantile(r.took, r.samples, 1) / 1e3,
    };
    close_lines(&r);
    return out;
}

/* --- one at a time ------------------------------------------------------------------ */

struct load_answer
load_ask(struct ctx *cx, int port, struct str request)
{
    struct load_answer out = { 0 };
    struct buf b;
    struct str all;
    size_t at;
    int fd = dial(port);
    char room[65536];
    ssize_t n;

    buf_init(&b, cx->arena);
    send_all(fd, request);
    shutdown(fd, SHUT_WR);
    while ((n = recv(fd, room, sizeof(room), 0)) > 0) {
        struct str head, length;
        uint64_t body;

        buf_add(&b, room, (size_t)n);
        at = str_search((struct str){ b.p, b.n }, S("\r\n\r\n"));
        if (at == b.n)
            continue;
        head = (struct str){ b.p, at + 2 };
        length = header(head, S("content-length"));
        if (str_to_u64(length, &body) && b.n >= at + 4 + body)
            break; /* whole; who keeps the connection open need not be waited for */
    }
    close(fd);
    bench_must(cx, buf_done(cx, &b, &all), "an answer");
    at = str_search(all, S("\r\n\r\n"));
    out.head = str_sub(all, 0, at + 2);
    out.body = str_sub(all, at + 4, all.n);
    out.status = status_of(all);
    return out;
}

struct str
load_request(struct ctx *cx, const char *method, const char *path, const char *headers,
             struct str body)
{
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path, headers);
    if (body.n > 0)
        buf_printf(&b, "Content-Length: %zu\r\n", body.n);
    buf_z(&b, "\r\n");
    buf_str(&b, body);
    bench_must(cx, buf_done(cx, &b, &out), "a request");
    return out;
}
