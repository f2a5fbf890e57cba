/* ca_serve.c - see ca_serve.h; and `knoop ca serve`. EUPL-1.2. */
#include "app/demo/ca_serve.h"

#include <signal.h>
#include <stdio.h>

#include "sys/os/os.h"

enum { LIST_MAX = 32 << 20 };

static err_t
list(struct req *rq)
{
    static const char *const known[] = { "uzi-root.crl", "uzi-ca.crl" };
    const struct ca_serve *s = rq->state_;
    struct str name = req_path(rq, "name"), path;
    struct bytes file;
    size_t i = 0;
    err_t e;

    while (i < COUNT(known) && !str_is(name, known[i]))
        i++;
    if (i == COUNT(known))
        return refuse(&rq->cx, ERR_NOT_FOUND, "", "no such list");
    path = arena_printf(rq->cx.arena, "%s/%s", s->folder, known[i]);
    if (path.p == NULL)
        return refuse_memory(&rq->cx);
    if ((e = os_read_file(&rq->cx, path.p, LIST_MAX, &file)) != ERR_OK)
        return e;
    return reply_bytes(rq, 200, "application/pkix-crl", file);
}

static const struct http_route routes[] = {
    {
        .op = "getRevocationList",
        .doc = "A certificate revocation list.",
        .door = HTTP_DOOR_PUBLIC,
        .method = HTTP_GET,
        .path = "/{name}",
        .auth = HTTP_AUTH_ANYONE,
        .run = HTTP_RUN_LOOP,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_TEXT,
        .audit = AUDIT_NOT_NEEDED,
        .body_max = 0,
        .fn = list,
    },
    { 0 },
};

err_t
ca_serve_open(struct ctx *cx, struct loop *loop, struct conf *conf, struct str address,
              const char *folder, struct ca_serve *s)
{
    static const struct http_route *const tables[] = { routes };
    int fds[OS_LISTEN_MAX];
    struct http_setup setup = { .conf = conf,
                                .sys = &s->sys,
                                .loop = loop,
                                .tables = tables,
                                .table_count = COUNT(tables),
                                .public_fds = fds,
                                .room_state = s };
    err_t e;

    *s = (struct ca_serve){ .folder = folder };
    if ((e = os_listen(cx, address, fds, &setup.public_count)) != ERR_OK)
        return e;
    s->port = os_port(fds[0]);
    conf_take(conf);
    return http_open(cx, &setup, &s->http);
}

void
ca_serve_close(struct ca_serve *s)
{
    http_close(s->http);
    s->http = NULL;
}

/* --- the command ------------------------------------------------------------------- */

struct served {
    struct ca_serve ca;
    struct loop *loop;
    struct loop_io signals;
    struct conf *conf;
};

static void
on_signal(struct loop_io *io, uint32_t ready)
{
    struct served *s = container_of(io, struct served, signals);

    (void)ready;
    if (os_signal_next(io->fd) != 0)
        loop_stop(s->loop);
}

static err_t
open_all(struct cli *c, struct served *s)
{
    static const int signals[] = { SIGTERM, SIGINT, 0 };
    const char *folder = cli_option(c, "folder"), *address = cli_option(c, "address");
    err_t e;

    if ((e = conf_default(&c->cx, &s->conf)) != ERR_OK ||
        (e = os_signals(&c->cx, signals, &s->signals.fd)) != ERR_OK ||
        (e = loop_open(&c->cx, &s->loop)) != ERR_OK)
        return e;
    s->signals.events = EPOLLIN;
    s->signals.fn = on_signal;
    if ((e = loop_add(&c->cx, s->loop, &s->signals)) != ERR_OK)
        return e;
    return ca_serve_open(&c->cx, s->loop, s->conf,
                         str_of(address != NULL ? address : "127.0.0.1:9091"),
                         folder != NULL ? folder : "ca", &s->ca);
}

int
demo__ca_serve(struct cli *c)
{
    struct served s = { 0 };
    err_t e;

    os_log_open(LOG_TEXT, LOG_WARN);
    if ((e = open_all(c, &s)) == ERR_OK) {
        fprintf(stderr, "knoop ca: serves lists on port %d\n", s.ca.port);
        os_notify("READY=1");
        loop_run(s.loop);
    }
    ca_serve_close(&s.ca);
    loop_close(s.loop);
    conf_give(s.conf);
    return e == ERR_OK ? 0 : cli_refused(c, "ca serve");
}
