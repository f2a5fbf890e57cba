/*
 * gateway_http.c - the gateway's door: from a request to a call, from a plan
 * to an answer.
 *
 * Rule      RFC 6750 3, RFC 9449 7.1: a refusal of the caller says how to ask.
 *           RFC 9110 9.3.2: HEAD is judged and fetched as GET.
 * Trust     Public: strangers, until judge.c says otherwise.
 * Threads   On the loop; what must wait says WOULD_BLOCK before anything was
 *           used up, and runs again in the pool. DPoP proofs of one turn are checked
 *           there together; what came of it is with the caller when it runs again.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include "sys/conf/conf.h"
#include "sys/loop/loop.h"
#include "sys/room.h"

enum {
    BODY_MAX = 256 * 1024,
    PROOFS = 32, /* checked together */
};

/* What the loop needs when the upstream's answer comes. */
struct carried {
    struct gateway *gw;
    const struct gateway_judged *judged;
};

/* Behind "/fhir/<tenant>", as it was received. */
static struct str
path_below(struct req *rq)
{
    struct str path = req_raw_target(rq);

    path = str_sub(path, 0, str_find(path, '?'));
    for (int i = 0; i < 2; i++) {
        path = str_sub(path, 1, path.n);
        path = str_sub(path, str_find(path, '/'), path.n);
    }
    return path;
}

static struct gateway_call
read_call(struct req *rq)
{
    return (struct gateway_call){ .method = rq->method,
                                  .tenant = req_path(rq, "tenant"),
                                  .path = path_below(rq),
                                  .query = req_raw_query(rq),
                                  .type = req_content_type(rq),
                                  .body = req_body(rq),
                                  .authorization = req_header(rq, "Authorization"),
                                  .dpop = req_header(rq, "DPoP"),
                                  .if_none_exist = req_header(rq, "If-None-Exist") };
}

static err_t
accept_answer(struct req *rq, int status, struct str type)
{
    return gateway__accept(&rq->cx, status, type);
}

static err_t
rewrite(struct req *rq, struct bytes body, struct str *out)
{
    const struct carried *c = rq->state_;

    return gateway__release(&rq->cx, c->gw, c->judged, body, out);
}

static bool
pass_header(struct req *rq, struct str name, struct str *value)
{
    const struct carried *c = rq->state_;

    return gateway__pass_header(&rq->cx, c->judged, name, value);
}

static err_t
relay(struct req *rq, struct gateway *gw, const struct gateway_plan *plan)
{
    const struct conf *conf = rq->cx.conf;
    bool hold = plan->way == GATEWAY_HOLD;
    struct reply_relay relay = {
        .method = plan->method,
        .url = plan->url,
        .headers = plan->header,
        .header_count = plan->header_n,
        .body = plan->body,
        .body_max = (size_t)(hold ? conf->gateway_hold : conf->gateway_stream),
        .hold_max = hold ? (size_t)conf->gateway_hold : 0,
        .timeout_ms = conf->gateway_timeout,
        .repeatable = plan->repeatable,
        .accept = accept_answer,
        .rewrite = hold ? rewrite : NULL,
        .header = pass_header,
    };
    struct carried *c = arena_new(rq->cx.arena, struct carried);

    if (c == NULL)
        return refuse_memory(&rq->cx);
    *c = (struct carried){ gw, plan->judged };
    rq->state_ = c;
    return reply_relay(rq, &relay);
}

/* --- the proofs of a turn --------------------------------------------------------- */

/* In the request's arena: it outlives a run of the handler. */
struct proving {
    struct req_work work;
    struct gateway_caller caller;
};

static void
check_proofs(struct req_work *const *list, size_t n)
{
    const struct gateway *gw = ROOM_STATE(list[0]->cx, gateway);
    struct gateway_proof *proofs[PROOFS];

    for (size_t at = 0; at < n; at += PROOFS) {
        size_t some = n - at < PROOFS ? n - at : PROOFS;

        for (size_t i = 0; i < some; i++)
            proofs[i] = &container_of(list[at + i], struct proving, work)->caller.proof;
        gw->ports.dpop_check(proofs, some);
    }
    for (size_t i = 0; i < n; i++)
        container_of(list[i], struct proving, work)->caller.proof_checked = true;
}

/* NULL without memory. */
static struct proving *
proving_of(struct req *rq)
{
    struct req_work *worked = req_worked(rq);
    struct proving *p;

    if (worked != NULL)
        return container_of(worked, struct proving, work);
    if ((p = arena_new(rq->cx.arena, struct proving)) != NULL)
        p->work.together = check_proofs;
    return p;
}

/* --- the routes ------------------------------------------------------------------- */

static err_t
fhir(struct req *rq)
{
    struct gateway *gw = ROOM_STATE(&rq->cx, gateway);
    struct gateway_call call = read_call(rq);
    struct proving *proving = proving_of(rq);
    struct gateway_plan plan;
    err_t e;

    if (proving == NULL)
        return refuse_memory(&rq->cx);
    call.caller = &proving->caller;
    e = gateway__judge(&rq->cx, gw, &call, &rq->audit, &plan);
    if (e == ERR_WOULD_BLOCK && proving->caller.proof_wanted &&
        !proving->caller.proof_checked)
        return req_work(rq, &proving->work);
    if (e != ERR_OK) {
        if (plan.challenge.n != 0)
            reply_header(rq, "WWW-Authenticate", plan.challenge);
        if (e == ERR_METHOD)
            reply_header(rq, "Allow", S("GET, HEAD, POST"));
        return e;
    }
    reply_header(rq, "Cache-Control", S("no-store"));
    if (plan.way == GATEWAY_REPLY)
        return reply_bytes(rq, 200, "application/fhir+json", bytes_of(plan.reply));
    return relay(rq, gw, &plan);
}

static err_t
metadata(struct req *rq)
{
    struct str text;
    err_t e = gateway__capability(&rq->cx, ROOM_STATE(&rq->cx, gateway),
                                  req_path(rq, "tenant"), &text);

    if (e != ERR_OK)
        return e;
    return reply_bytes(rq, 200, "application/fhir+json", bytes_of(text));
}

#define STATUSES                                                                           \
    (const char *const[])                                                                  \
    {                                                                                      \
        "200 application/fhir+json what was asked",                                        \
            "401 application/fhir+json no good token",                                     \
            "403 application/fhir+json not under this policy or ground",                   \
            "404 application/fhir+json not there, or not yours to know",                   \
            "410 application/fhir+json a page that has expired",                           \
            "502 application/fhir+json the upstream did not answer properly",              \
            "503 application/fhir+json see Retry-After", NULL                              \
    }

#define GATEWAY_ROW(name, at)                                                              \
    {                                                                                      \
        .op = name,                                                                        \
        .doc = "Ask for a patient's data under a policy and a recorded ground.",           \
        .door = HTTP_DOOR_PUBLIC, .method = HTTP_ANY, .path = at,                          \
        .auth = HTTP_AUTH_HANDLER, .run = HTTP_RUN_LOOP, .rate = RATE_READ,                \
        .errors = HTTP_ERRORS_FHIR, .audit = AUDIT_RECORD_READ, .body_max = BODY_MAX,      \
        .statuses = STATUSES, .fn = fhir,                                                  \
    }

const struct http_route gateway_routes[] = {
    GATEWAY_ROW("fhir", "/fhir/{tenant}/{*rest}"),
    GATEWAY_ROW("fhirRoot", "/fhir/{tenant}"),
    {
        .op = "fhirCapabilities",
        .doc = "What the policies in force allow to be asked, as a CapabilityStatement.",
        .door = HTTP_DOOR_PUBLIC,
        .method = HTTP_GET,
        .path = "/fhir/{tenant}/metadata",
        .auth = HTTP_AUTH_ANYONE,
        .run = HTTP_RUN_LOOP,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_FHIR,
        .audit = AUDIT_NOT_NEEDED,
        .body_max = 0,
        .statuses =
            (const char *const[]){ "200 application/fhir+json the statement",
                                   "404 application/fhir+json no such tenant", NULL },
        .fn = metadata,
    },
    { 0 },
};
