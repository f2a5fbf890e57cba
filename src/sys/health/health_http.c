/*
 * health_http.c - four routes.
 * Rule      nuts-node.md 2.10: /status on both doors, the rest on the internal.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/health/health_int.h"

#include "sys/os/os.h"

enum { HEALTH_MS = 3000 }; /* a probe waits no longer */

static err_t
status(struct req *rq)
{
    return reply_bytes(rq, 200, "text/plain; charset=UTF-8", bytes_of(S("OK")));
}

static err_t
health(struct req *rq)
{
    int64_t until = os_tick_ms() + HEALTH_MS;
    struct str body;
    bool up;
    err_t e;

    if (rq->cx.deadline_ms == 0 || rq->cx.deadline_ms > until)
        rq->cx.deadline_ms = until;
    if ((e = stat_health(&rq->cx, &body, &up)) != ERR_OK)
        return e;
    return reply_bytes(rq, up ? 200 : 503, "application/json", bytes_of(body));
}

static err_t
metrics(struct req *rq)
{
    struct str text;
    err_t e = stat_print(&rq->cx, &text);

    if (e != ERR_OK)
        return e;
    return reply_bytes(rq, 200, "text/plain; version=0.0.4; charset=utf-8", bytes_of(text));
}

/* JSON to who asks for it; YAML-like text to people, as nuts-node has it. */
static err_t
diagnostics(struct req *rq)
{
    struct str accept = req_header(rq, "accept"), text;
    bool as_json = str_search(accept, S("application/json")) < accept.n;
    err_t e = stat_diagnostics(&rq->cx, !as_json, &text);

    if (e != ERR_OK)
        return e;
    return reply_bytes(rq, 200, as_json ? "application/json" : "text/plain; charset=UTF-8",
                       bytes_of(text));
}

const struct http_route health_routes[] = {
    {
        .op = "status",
        .doc = "Whether the node answers at all; for probes.",
        .door = HTTP_DOOR_BOTH,
        .method = HTTP_GET,
        .path = "/status",
        .auth = HTTP_AUTH_ANYONE,
        .run = HTTP_RUN_LOOP,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_NOT_NEEDED,
        .statuses = (const char *const[]){ "200 text/plain OK", NULL },
        .fn = status,
    },
    {
        .op = "checkHealth",
        .doc = "Whether what the node stands on works: database, signer, audit log.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_GET,
        .path = "/health",
        .auth = HTTP_AUTH_ANYONE,
        .run = HTTP_RUN_POOL,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_NOT_NEEDED,
        .statuses = (const char *const[]){ "200 application/json UP or UNKNOWN",
                                           "503 application/json DOWN", NULL },
        .fn = health,
    },
    {
        .op = "metrics",
        .doc = "Counters for Prometheus (docs/metrics.md).",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_GET,
        .path = "/metrics",
        .auth = HTTP_AUTH_ANYONE,
        .run = HTTP_RUN_POOL,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_NOT_NEEDED,
        .statuses = (const char *const[]){ "200 text/plain Prometheus text format", NULL },
        .fn = metrics,
    },
    {
        .op = "diagnostics",
        .doc = "The state of the node's parts, for its operator.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_GET,
        .path = "/status/diagnostics",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_POOL,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_NOT_NEEDED,
        .statuses =
            (const char *const[]){ "200 text/plain YAML, or JSON when asked for", NULL },
        .fn = diagnostics,
    },
    { 0 },
};
