/*
 * source_cli.c - `knoop source`: the FHIR store as a process of its own.
 *
 * Rule      Listens on loopback; another address only when that is asked for,
 *           since who reaches it may read and write all of it.
 * Source    Knoop. EUPL-1.2.
 */
#include <signal.h>
#include <stdio.h>

#include "app/main/main_cli_int.h"
#include "care/source/source.h"
#include "sys/conf/conf.h"
#include "sys/http/http.h"
#include "sys/loop/loop.h"
#include "sys/os/os.h"
#include "sys/sys.h"

struct served {
    struct loop *loop;
    struct http *http;
    struct source *source;
    struct conf *conf;
    struct sys sys;
    struct loop_io signals;
    int fd[OS_LISTEN_MAX];
    size_t fds;
};

static void
on_drained(void *loop)
{
    loop_stop(loop);
}

static void
on_signal(struct loop_io *io, uint32_t ready)
{
    struct served *s = container_of(io, struct served, signals);

    (void)ready;
    if (os_signal_next(io->fd) != 0)
        http_drain(s->http, on_drained, s->loop);
}

static bool
is_loopback(struct str address)
{
    return str_starts(address, S("127.")) || str_starts(address, S("[::1]:")) ||
           str_starts(address, S("localhost:"));
}

/* The address as it was given, with the port that it became (0: any). */
static struct str
base_of(struct cli *c, struct str address, int port)
{
    const char *given = cli_option(c, "base");
    size_t n = address.n;

    if (given != NULL)
        return str_of(given);
    while (n > 0 && address.p[n - 1] != ':')
        n--;
    return arena_printf(c->cx.arena, "http://%.*s%d/fhir", STR(str_sub(address, 0, n)),
                        port);
}

static err_t
load(struct cli *c, struct served *s, const char *file)
{
    uint64_t n;
    err_t e = source_load(&c->cx, s->source, file, &n);

    if (e == ERR_OK)
        fprintf(stderr, "knoop source: %llu resources loaded\n", (unsigned long long)n);
    return e;
}

static err_t
open_all(struct cli *c, struct served *s, struct str address)
{
    static const struct http_route *const tables[] = { source_routes };
    static const int signals[] = { SIGTERM, SIGINT, 0 };
    struct http_setup setup = {
        .sys = &s->sys,
        .tables = tables,
        .table_count = COUNT(tables),
        .public_fds = s->fd,
    };
    const char *folder = cli_option(c, "data") ? cli_option(c, "data") : "./source";
    const char *file = cli_option(c, "load");
    struct str path, base;
    err_t e;

    if ((e = os_listen(&c->cx, address, s->fd, &s->fds)) != ERR_OK ||
        (e = os_folder(&c->cx, folder)) != ERR_OK)
        return e;
    path = arena_printf(c->cx.arena, "%s/fhir.db", folder);
    base = base_of(c, address, os_port(s->fd[0]));
    if (path.p == NULL || base.p == NULL)
        return refuse_memory(&c->cx);
    if ((e = source_open(&c->cx, path, base, &s->source)) != ERR_OK ||
        (file != NULL && (e = load(c, s, file)) != ERR_OK) ||
        (e = os_signals(&c->cx, signals, &s->signals.fd)) != ERR_OK ||
        (e = loop_open(&c->cx, &s->loop)) != ERR_OK)
        return e;
    s->signals.events = EPOLLIN;
    s->signals.fn = on_signal;
    if ((e = loop_add(&c->cx, s->loop, &s->signals)) != ERR_OK)
        return e;
    setup.conf = s->conf;
    setup.loop = s->loop;
    setup.public_count = s->fds;
    setup.room_state = s->source;
    return http_open(&c->cx, &setup, &s->http);
}

int
main__source(struct cli *c)
{
    static struct served s;
    struct str address =
        str_of(cli_option(c, "address") ? cli_option(c, "address") : "127.0.0.1:9090");
    err_t e;

    if (!is_loopback(address) && cli_option(c, "allow-remote") == NULL) {
        fprintf(stderr,
                "knoop: whoever reaches the FHIR store may read and write all of it;\n"
                "       listen on loopback, or say --allow-remote\n");
        return 2;
    }
    os_log_open(LOG_TEXT, LOG_WARN);
    if ((e = os_harden(&c->cx)) == ERR_OK && (e = conf_default(&c->cx, &s.conf)) == ERR_OK)
        e = open_all(c, &s, address);
    if (e == ERR_OK) {
        fprintf(stderr, "knoop source: listens on port %d\n", os_port(s.fd[0]));
        os_notify("READY=1");
        loop_run(s.loop);
    }
    http_close(s.http);
    loop_close(s.loop);
    source_close(s.source);
    conf_give(s.conf);
    return e == ERR_OK ? 0 : cli_refused(c, "source");
}
