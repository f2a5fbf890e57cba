/* world.c - see world.h: starting, asking, ending. EUPL-1.2. */
#include "app/demo/world_int.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/http/fetch.h"
#include "sys/os/os.h"

enum { ANSWER_MAX = 16 << 20, ANSWER_MS = 20000, FORWARD_MS = 100 };

/* --- the policies ----------------------------------------------------------------- */

static bool
is_policies(struct str path)
{
    struct stat st;

    return path.p != NULL && stat(path.p, &st) == 0 && S_ISDIR(st.st_mode);
}

err_t
world_policies(struct ctx *cx, const char *program, const char **out)
{
    static const char *const beside[] = { "../policies", "../share/knoop/policies" };
    struct str folder = str_of(program);

    *out = NULL;
    while (folder.n > 0 && folder.p[folder.n - 1] != '/')
        folder.n--;
    for (size_t i = 0; i < COUNT(beside); i++) {
        struct str path = arena_printf(cx->arena, "%.*s%s", STR(folder), beside[i]);

        if (is_policies(path)) {
            *out = path.p;
            return ERR_OK;
        }
    }
    return refuse(cx, ERR_NOT_FOUND, "",
                  "no policies beside %s; --policies names their folder", program);
}

/* --- opening ------------------------------------------------------------------------ */

static void
on_signal(struct loop_io *io, uint32_t ready)
{
    struct world *w = container_of(io, struct world, signals);

    (void)ready;
    if (os_signal_next(io->fd) == 0)
        return;
    w->stop = true;
    loop_stop(w->loop);
}

static err_t
name_nodes(struct world *w)
{
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct world_node *n = &w->node[org];
        const char *id = data_org(org)->id;

        *n = (struct world_node){ .org = org, .who = data_org(org) };
        n->host = arena_printf(w->cx->arena, "%s." WORLD_DOMAIN, id);
        n->issuer = arena_printf(w->cx->arena, "https://%.*s/oauth2/%s", STR(n->host), id);
        n->folder = world__path(w, id, "");
        n->node = (struct process){
            .loop = w->loop, .name = id, .folder = n->folder, .stop = &w->stop
        };
        n->source = (struct process){ .loop = w->loop,
                                      .name = "the FHIR store",
                                      .folder = world__path(w, id, "source"),
                                      .stop = &w->stop };
        if (n->host.p == NULL || n->issuer.p == NULL || n->folder.p == NULL ||
            n->source.folder.p == NULL)
            return refuse_memory(w->cx);
    }
    return ERR_OK;
}

static err_t
start_source(struct world *w, struct world_node *n)
{
    char *argv[] = {
        w->program,
        (char[]){ "source" },
        (char[]){ "--address" },
        (char[]){ "127.0.0.1:0" },
        (char[]){ "--data" },
        arena_z(w->cx->arena, n->source.folder),
        (char[]){ "--load" },
        arena_z(w->cx->arena, world__path(w, n->who->id, "source/records.ndjson")),
        NULL,
    };

    if (argv[5] == NULL || argv[7] == NULL)
        return refuse_memory(w->cx);
    return process_start(w->cx, &n->source, argv);
}

static err_t
start_node(struct world *w, struct world_node *n)
{
    struct str file =
        arena_printf(w->cx->arena, "--configfile=%.*s/knoop.yaml", STR(n->folder));
    char *argv[] = { w->program, (char[]){ "server" }, arena_z(w->cx->arena, file), NULL };
    err_t e = world__options(w, n);

    if (e != ERR_OK)
        return e;
    return argv[2] == NULL ? refuse_memory(w->cx) : process_start(w->cx, &n->node, argv);
}

static err_t
know_port(struct world *w, const struct process *p, const char *line, int *port)
{
    *port = process_number(w->cx, p, line, "port ");
    return *port != 0 ? ERR_OK
                      : refuse(w->cx, ERR_UPSTREAM, "",
                               "%s did not say on which port it listens", p->name);
}

/* All at once, as on machines of their own. */
static err_t
start_all(struct world *w)
{
    struct ctx *cx = w->cx;
    err_t e;

    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if ((e = start_source(w, &w->node[org])) != ERR_OK)
            return e;
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct world_node *n = &w->node[org];

        if ((e = process_wait(cx, &n->source)) != ERR_OK ||
            (e = know_port(w, &n->source, "listens on port", &n->source_port)) != ERR_OK ||
            (e = start_node(w, n)) != ERR_OK)
            return e;
    }
    if ((e = world__make_certificates(w)) != ERR_OK)
        return e;
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct world_node *n = &w->node[org];

        if ((e = process_wait(cx, &n->node)) != ERR_OK ||
            (e = know_port(w, &n->node, "the public door listens", &n->public_port)) !=
                ERR_OK ||
            (e = know_port(w, &n->node, "the internal door listens", &n->internal_port)) !=
                ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* Ports came from the kernel: only now can each be told where the others are. */
static err_t
introduce(struct world *w)
{
    err_t e;

    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if ((e = world__options(w, &w->node[org])) != ERR_OK ||
            (e = process_reload(w->cx, &w->node[org].node)) != ERR_OK)
            return e;
    if ((e = world__own_conf(w)) != ERR_OK)
        return e;
    return fetch_open(w->cx, w->loop, w->conf, &w->sys.fetch);
}

err_t
world_open(struct world *w)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
    struct ctx *cx = w->cx;
    err_t e;

    if ((e = process_self(cx, &w->program)) != ERR_OK ||
        (w->policies == NULL &&
         (e = world_policies(cx, w->program, &w->policies)) != ERR_OK) ||
        (e = conf_default(cx, &w->conf)) != ERR_OK ||
        (e = os_signals(cx, signals, &w->signals.fd)) != ERR_OK ||
        (e = loop_open(cx, &w->loop)) != ERR_OK)
        return e;
    w->signals.events = EPOLLIN;
    w->signals.fn = on_signal;
    if ((e = loop_add(cx, w->loop, &w->signals)) != ERR_OK ||
        (e = name_nodes(w)) != ERR_OK || (e = world__write(w)) != ERR_OK ||
        (e = ca_serve_open(cx, w->loop, w->conf, S("127.0.0.1:0"),
                           world__path(w, "ca", "").p, &w->ca)) != ERR_OK ||
        (e = start_all(w)) != ERR_OK)
        return e;
    return introduce(w);
}

/* --- closing ------------------------------------------------------------------------ */

/* Told together, waited for one by one. */
static void
tell_all(struct world *w)
{
    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if (w->node[org].node.pid > 0)
            kill(w->node[org].node.pid, SIGTERM);
}

err_t
world_close(struct world *w)
{
    struct ctx *cx = w->cx;
    err_t first = world_certificates(w), e;

    fetch_close(w->sys.fetch); /* idle connections would be waited for */
    w->sys.fetch = NULL;
    tell_all(w);
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        if ((e = process_end(cx, &w->node[org].node)) != ERR_OK && first == ERR_OK)
            first = e;
        if ((e = process_end(cx, &w->node[org].source)) != ERR_OK && first == ERR_OK)
            first = e;
    }
    ca_serve_close(&w->ca);
    loop_close(w->loop);
    os_close(&w->signals.fd);
    conf_give(w->conf);
    w->loop = NULL;
    w->conf = NULL;
    return first;
}

void
world_stay(struct world *w)
{
    while (!w->stop)
        loop_turn(w->loop, FORWARD_MS);
}

/* --- asking ------------------------------------------------------------------------- */

static err_t
put_header(struct ctx *cx, struct fetch_request *in, struct str *headers, const char *name,
           struct str value)
{
    struct str *h = &headers[in->header_count];

    if (value.n == 0)
        return ERR_OK;
    *h = arena_printf(cx->arena, "%s: %.*s", name, STR(value));
    in->header_count++;
    return h->p != NULL ? ERR_OK : refuse_memory(cx);
}

static struct str
url_of(struct ctx *cx, const struct world_call *call)
{
    return call->door == WORLD_PUBLIC
               ? arena_printf(cx->arena, "https://%.*s%.*s", STR(call->to->host),
                              STR(call->path))
               : arena_printf(cx->arena, "http://127.0.0.1:%d%.*s", call->to->internal_port,
                              STR(call->path));
}

static err_t
fill(struct ctx *cx, const struct world_call *call, struct fetch_request *in,
     struct str *headers)
{
    struct str type = str_of(call->type != NULL ? call->type : "application/json");
    err_t e;

    in->url = url_of(cx, call);
    if (in->url.p == NULL)
        return refuse_memory(cx);
    if ((e = put_header(cx, in, headers, "Accept",
                        S("application/fhir+json, application/json"))) != ERR_OK ||
        (call->body.n > 0 &&
         (e = put_header(cx, in, headers, "Content-Type", type)) != ERR_OK) ||
        (e = put_header(cx, in, headers, "Authorization", call->authorization)) != ERR_OK)
        return e;
    return put_header(cx, in, headers, "DPoP", call->dpop);
}

err_t
world_ask(struct world *w, const struct world_call *call, struct world_reply *out)
{
    struct ctx *cx = w->cx;
    struct str headers[4];
    struct fetch_request in = { .trust = FETCH_CONFIGURED,
                                .method = call->method,
                                .headers = headers,
                                .body = bytes_of(call->body),
                                .body_max = ANSWER_MAX,
                                .timeout_ms = ANSWER_MS };
    struct fetch_reply reply;
    int64_t from;
    json *v;
    err_t e;

    *out = (struct world_reply){ 0 };
    if (w->stop)
        return refuse(cx, ERR_GONE, "", "stopped");
    if ((e = fill(cx, call, &in, headers)) != ERR_OK)
        return e;
    cx->sys = &w->sys;
    cx->conf = w->conf;
    from = os_tick_ns();
    e = fetch(cx, &in, &reply);
    out->ns = os_tick_ns() - from;
    cx->sys = NULL;
    cx->conf = NULL;
    if (e != ERR_OK)
        return e;
    out->status = reply.status;
    out->body = str_of_bytes(reply.body);
    if (out->body.n > 0 && json_parse(cx, out->body, JSON_RAW_NUMBERS, &v) == ERR_OK)
        out->v = v;
    refuse_clear(cx);
    return ERR_OK;
}

struct str
world_words(const struct world_reply *r)
{
    static const char *const members[] = { "detail", "error_description", "error" };
    struct str text;

    for (size_t i = 0; i < COUNT(members); i++)
        if ((text = json_get_text(r->v, members[i])).n > 0)
            return text;
    text = json_get_text(json_at(json_get(r->v, "issue"), 0), "diagnostics");
    return text.n > 0 ? text : str_sub(r->body, 0, 120);
}

err_t
world_want(struct world *w, const struct world_call *call, int status,
           struct world_reply *out)
{
    err_t e = world_ask(w, call, out);

    if (e != ERR_OK || out->status == status)
        return e;
    return refuse(w->cx, ERR_UPSTREAM, "", "%s answers %d, not %d: %.*s", call->to->who->id,
                  out->status, status, STR(world_words(out)));
}
