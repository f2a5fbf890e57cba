/*
 * http_bench.c - what the doors cost, beside the bounds of docs/dependencies.
 *
 * The server is a process of its own on one core, the generator on another. CPU time
 * is the server's, all threads, per request.
 * EUPL-1.2.
 */
#include "base/bench.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/http/http.h"
#include "sys/loop/loop.h"
#include "sys/os/os.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { CONNECTIONS = 32, SECONDS = 2, HANGING = 200, SAMPLES = 4000 };

static int port;
static char upstream[64];

/* --- the server --------------------------------------------------------------- */

static err_t
small(struct req *rq)
{
    struct json_out *js = reply_json(rq, 200);

    json_object(js);
    json_member_bool(js, "active", true);
    json_member_z(js, "iss", "https://node.example.com/oauth2/hospital");
    json_member_i64(js, "exp", 1783003600);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
large(struct req *rq)
{
    static uint8_t text[200 * 1024];
    uint64_t n = 0;

    if (text[0] == 0)
        memset(text, ' ', sizeof(text));
    if (!str_to_u64(req_path(rq, "n"), &n) || n > sizeof(text))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "", "no size");
    return reply_bytes(rq, 200, "application/fhir+json", (struct bytes){ text, n });
}

static err_t
relay(struct req *rq)
{
    struct str url =
        arena_printf(rq->cx.arena, "%s%.*s", upstream, STR(req_path(rq, "rest")));

    if (url.p == NULL)
        return refuse_memory(&rq->cx);
    return reply_relay(
        rq, &(struct reply_relay){ .method = HTTP_GET, .url = url, .body_max = 1 << 20 });
}

static err_t
hang(struct req *rq)
{
    (void)rq;
    sleep(20);
    return reply_empty(rq, 204);
}

#define ROW(op_, path_, run_, fn_)                                                         \
    {                                                                                      \
        .op = op_, .doc = "Bench.", .door = HTTP_DOOR_PUBLIC, .method = HTTP_GET,          \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = run_, .rate = RATE_READ,           \
        .errors = HTTP_ERRORS_PROBLEM, .audit = AUDIT_NOT_NEEDED, .fn = fn_                \
    }
static const struct http_route rows[] = {
    ROW("loop", "/loop", HTTP_RUN_LOOP, small),
    ROW("pool", "/pool", HTTP_RUN_POOL, small),
    ROW("large", "/large/{n}", HTTP_RUN_LOOP, large),
    ROW("relay", "/relay/{*rest}", HTTP_RUN_LOOP, relay),
    ROW("hang", "/hang", HTTP_RUN_POOL, hang),
    { 0 },
};
static const struct http_route *const tables[] = { rows };

static void
serve(struct ctx *cx, int fd, unsigned core, int threads)
{
    struct sys sys = { 0 };
    struct conf *conf;
    struct http *http;
    struct http_setup setup = { .sys = &sys,
                                .tables = tables,
                                .table_count = 1,
                                .public_fds = &fd,
                                .public_count = 1 };

    bench_pin(core);
    bench_must(cx, conf_default(cx, &conf), "options");
    bench_must(cx, loop_open(cx, &sys.loop), "loop");
    conf->http_connections_peer = 2000;
    conf->http_pool_threads = threads;
    conf->http_pool_queue = 1000;
    conf->relay_per_host = 1000;
    setup.conf = conf;
    setup.loop = sys.loop;
    bench_must(cx, fetch_open(cx, sys.loop, conf, &sys.fetch), "fetch");
    bench_must(cx, http_open(cx, &setup, &http), "server");
    loop_run(sys.loop);
}

static pid_t
start_server(struct ctx *cx, unsigned core, int threads, int *its_port)
{
    int fds[OS_LISTEN_MAX];
    size_t n;
    pid_t pid;

    bench_must(cx, os_listen(cx, S("127.0.0.1:0"), fds, &n), "listen");
    *its_port = os_port(fds[0]);
    if ((pid = fork()) == 0) {
        os_die_with_parent();
        serve(cx, fds[0], core, threads);
        _exit(0);
    }
    close(fds[0]);
    return pid;
}

/* --- the generator ------------------------------------------------------------- */

static int
dial(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    memcpy(&any, &sa, sizeof(any));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, &any, sizeof(sa)) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

struct line {
    int fd;
    size_t have, whole;
    char head[1024];
};

/* One whole answer: its head is small, its body is only counted. */
static bool
got_all(struct line *l)
{
    static char room[256 * 1024];
    ssize_t n = recv(l->fd, room, sizeof(room) - 1, 0);
    char *end, *length;

    if (n <= 0) {
        perror("recv");
        exit(1);
    }
    if (l->have == 0) {
        room[n] = '\0';
        end = strstr(room, "\r\n\r\n");
        length = strstr(room, "Content-Length: ");
        if (strncmp(room, "HTTP/1.1 200", 12) != 0 || end == NULL || length == NULL) {
            fprintf(stderr, "not an answer: %.*s\n", 200, room);
            exit(1);
        }
        l->whole = (size_t)(end - room) + 4 + strtoul(length + 16, NULL, 10);
    }
    l->have += (size_t)n;
    return l->have >= l->whole;
}

static double
run(const char *path, int connections, pid_t server, double *cpu_us)
{
    static struct line lines[512];
    struct epoll_event ev[64];
    char text[256];
    size_t n =
        (size_t)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    int epoll = epoll_create1(0);
    int64_t from;
    int64_t cpu;
    long done = 0;

    for (int i = 0; i < connections; i++) {
        lines[i] = (struct line){ .fd = dial() };
        ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.ptr = &lines[i] };
        epoll_ctl(epoll, EPOLL_CTL_ADD, lines[i].fd, &ev[0]);
        if (send(lines[i].fd, text, n, MSG_NOSIGNAL) < 0)
            exit(1);
    }
    from = os_tick_ns();
    cpu = bench_cpu_of(server);
    while (os_tick_ns() - from < (int64_t)SECONDS * 1000000000) {
        int ready = epoll_wait(epoll, ev, 64, 100);

        for (int i = 0; i < ready; i++) {
            struct line *l = ev[i].data.ptr;

            if (!got_all(l))
                continue;
            l->have = 0;
            done++;
            if (send(l->fd, text, n, MSG_NOSIGNAL) < 0)
                exit(1);
        }
    }
    *cpu_us = (double)(bench_cpu_of(server) - cpu) / 1e3 / (double)done;
    for (int i = 0; i < connections; i++)
        close(lines[i].fd);
    close(epoll);
    return (double)done * 1e9 / (double)(os_tick_ns() - from);
}

static void
bench(const char *name, const char *path, pid_t server, double bound, const char *of)
{
    double cpu, rate = run(path, CONNECTIONS, server, &cpu);

    char cpu_name[64];

    snprintf(cpu_name, sizeof(cpu_name), "%s.cpu", name);
    bench_rate(name, rate, "1/s", bound, of);
    bench_cost(cpu_name, cpu, "us", 1e6 / bound, "us, one core at that rate");
}

/* --- tails --------------------------------------------------------------------- */

static double
p99_us(void)
{
    static int64_t took[SAMPLES];
    struct line l = { .fd = dial() };
    const char text[] = "GET /loop HTTP/1.1\r\nHost: a\r\n\r\n";

    for (int i = 0; i < SAMPLES; i++) {
        int64_t from = os_tick_ns();

        l.have = 0;
        if (send(l.fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0)
            exit(1);
        while (!got_all(&l))
            ;
        took[i] = os_tick_ns() - from;
    }
    close(l.fd);
    return (double)bench_quantile(took, SAMPLES, 0.99) / 1000;
}

/* 200 clients that drip, 200 whose handler or upstream hangs: nobody else may notice. */
static void
tails(void)
{
    const char hangs[] = "GET /relay/hang HTTP/1.1\r\nHost: a\r\n\r\n";
    const char drips[] = "GET /loop HTTP/1.1\r\nX: ";
    double alone = p99_us(), beside;
    int fd[2 * HANGING];
    pid_t dripper;

    for (int i = 0; i < HANGING; i++) {
        fd[2 * i] = dial();
        fd[2 * i + 1] = dial();
        if (send(fd[2 * i], hangs, sizeof(hangs) - 1, MSG_NOSIGNAL) < 0 ||
            send(fd[2 * i + 1], drips, sizeof(drips) - 1, MSG_NOSIGNAL) < 0)
            exit(1);
    }
    if ((dripper = fork()) == 0) {
        for (;;) {
            for (int i = 0; i < HANGING; i++)
                (void)!send(fd[2 * i + 1], "a", 1, MSG_NOSIGNAL);
            usleep(100000);
        }
    }
    usleep(300000);
    beside = p99_us();
    kill(dripper, SIGKILL);
    waitpid(dripper, NULL, 0);
    bench_cost("http.p99.alone", alone, "us", alone, "us, itself");
    bench_cost("http.p99.beside_200_hanging", beside, "us", 2 * alone, "us, twice alone");
}

int
main(int argc, char **argv)
{
    static const char docs[] = "1/s, a bare loop when it was chosen",
                      nginx[] = "1/s, nginx passing 10 kB when it was measured";
    struct arena arena;
    struct ctx cx;
    unsigned last = bench_last_core();
    int up_port;
    pid_t server, up;

    bench_start(argc, argv);
    arena_init(&arena, 64 << 20);
    ctx_init(&cx, &arena, os_now_ms());
    up = start_server(&cx, last, 64, &up_port);
    snprintf(upstream, sizeof(upstream), "http://127.0.0.1:%d/", up_port);
    server = start_server(&cx, 0, 4, &port);
    bench_pin(last);
    usleep(200000);
    bench("http.loop", "/loop", server, 96000, docs);
    bench("http.pool4", "/pool", server, 39000, docs);
    bench("http.large_10k", "/large/10000", server, 96000, docs);
    bench("http.relay_10k", "/relay/large/10000", server, 1e6 / 32, nginx);
    bench("http.relay_200k", "/relay/large/200000", server, 1e6 / 32, nginx);
    tails();
    kill(server, SIGKILL);
    kill(up, SIGKILL);
    waitpid(server, NULL, 0);
    waitpid(up, NULL, 0);
    return 0;
}
