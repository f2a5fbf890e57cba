/* exchange.c - one request and its answer. EUPL-1.2. */
#include "sys/http/http_int.h"

#include "base/log.h"
#include "sys/os/os.h"

#include <stdlib.h>
#include <string.h>

const int64_t http_bucket_ms[HTTP_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, INT64_MAX,
};

/* --- having one ---------------------------------------------------------------- */

void
exchange_init(struct exchange *ex, const struct limits *limits, int64_t now_ms)
{
    ctx_init(&ex->rq.cx, &ex->arena, now_ms);
    ex->limits = limits;
    ex->arena.ceiling = limits->memory;
    ex->name_at[0] = ex->value_at[0] = (struct span){ 0, 0 };
    buf_init(&ex->reply_headers, &ex->arena);
    parse_begin(ex);
}

struct exchange *
exchange_take(struct http *h, struct http_conn *c)
{
    struct exchange *ex = h->kept;

    if (ex != NULL) {
        h->kept = ex->next;
        h->kept_count--;
    } else {
        if ((ex = calloc(1, sizeof(*ex))) == NULL)
            return NULL;
        arena_init(&ex->arena, h->limits.memory);
    }
    exchange_init(ex, &h->limits, loop_wall(h->loop));
    ex->http = h;
    ex->conn = c;
    ex->rq.conn_ = c;
    ex->rq.state_ = h->setup.room_state;
    ex->door = c->door;
    ex->tree = h->tree[c->door];
    ex->audit_put = h->setup.audit_put;
    ex->operator_check = h->setup.operator_check;
    ex->operator_token = h->limits.operator_token;
    ex->client = c->address;
    ex->from_proxy = c->proxy;
    ex->since_ms = loop_now(h->loop);
    ex->rq.cx.sys = h->sys;
    ex->rq.cx.conf = conf_take(h->conf);
    http_new_id(h, ex->rq.cx.id);
    return ex;
}

void
exchange_give(struct http *h, struct exchange *ex)
{
    struct arena arena = ex->arena;
    struct conf *conf = (struct conf *)(uintptr_t)ex->rq.cx.conf;

    conf_give(conf);
    if (h->kept_count >= EXCHANGES_KEPT) {
        arena_fini(&ex->arena);
        free(ex);
        return;
    }
    if (arena.used > ARENA_KEPT)
        arena_fini(&arena);
    else
        arena_reset(&arena);
    memset(ex, 0, offsetof(struct exchange, name_at));
    ex->arena = arena;
    ex->next = h->kept;
    h->kept = ex;
    h->kept_count++;
}

/* --- audit --------------------------------------------------------------------- */

static bool
is_audited(const struct exchange *ex)
{
    return ex->rq.route != NULL && ex->rq.route->audit != AUDIT_NOT_NEEDED;
}

static err_t
put_record(struct exchange *ex)
{
    if (ex->audit_put != NULL)
        return ex->audit_put(&ex->rq.cx, &ex->rq.audit);
    return refuse(&ex->rq.cx, ERR_UNAVAILABLE, "NEN 7513", "there is no auditor");
}

static void
tell_refusal(struct exchange *ex, err_t e)
{
    const struct ctx *cx = &ex->rq.cx;
    const char *clause =
        cx->clause != NULL && cx->clause[0] ? cx->clause : err_row(e)->clause;

    ex->rq.audit.code = str_of(err_row(e)->name);
    ex->rq.audit.clause = str_of(clause);
    ex->rq.audit.reason = cx->reason;
}

static void
fill_record(struct exchange *ex, err_t e)
{
    struct audit_record *a = &ex->rq.audit;
    struct ctx *cx = &ex->rq.cx;

    a->at_ms = cx->now_ms;
    a->request_id = str_of(cx->id);
    if (a->source_ip.p == NULL)
        a->source_ip = req_client(&ex->rq);
    if (a->what.p == NULL)
        a->what = str_of(ex->rq.route->op);
    if (e == ERR_OK) {
        if (a->outcome == AUDIT_OUTCOME_NONE)
            a->outcome = AUDIT_PERMITTED;
        if (a->event == AUDIT_UNDECIDED)
            a->event = ex->rq.route->audit;
        return;
    }
    a->outcome = err_row(e)->status >= 500 ? AUDIT_FAILED : AUDIT_DENIED;
    if (a->event == AUDIT_UNDECIDED)
        a->event = AUDIT_ACCESS_REFUSED;
    tell_refusal(ex, e);
}

/* Before the first byte of the answer leaves. What cannot be audited is not answered. */
static void
audit(struct exchange *ex, err_t e)
{
    struct audit_record *a = &ex->rq.audit;

    if (!is_audited(ex))
        return;
    fill_record(ex, e);
    if (put_record(ex) == ERR_OK) {
        ex->audited = e == ERR_OK && a->outcome == AUDIT_PERMITTED;
        return;
    }
    COUNT_UP(ex->http, audit_failed);
    log_error(&ex->rq.cx, "%s: not audited, so not answered: %.*s", ex->rq.route->op,
              STR(ex->rq.cx.reason));
    reply_reset(ex);
    reply_error(ex, ERR_UNAVAILABLE);
}

void
exchange_broken(struct exchange *ex)
{
    COUNT_UP(ex->http, requests[0]);
    if (!ex->audited)
        return;
    ex->audited = false;
    ex->rq.audit.event = AUDIT_ANSWER_BROKEN;
    ex->rq.audit.outcome = AUDIT_FAILED;
    if (ex->rq.cx.refused != ERR_OK) {
        tell_refusal(ex, ex->rq.cx.refused);
    } else { /* nothing of ours: the client went */
        ex->rq.audit.code = S("CLIENT_GONE");
        ex->rq.audit.reason = S("the client went before the answer was whole");
    }
    ex->rq.audit.at_ms = ex->http == NULL ? ex->rq.cx.now_ms : loop_wall(ex->http->loop);
    if (put_record(ex) != ERR_OK)
        log_error(&ex->rq.cx, "a broken answer was not audited: %.*s",
                  STR(ex->rq.cx.reason));
}

void
exchange_ended(const struct exchange *ex, int status)
{
    const struct http_route *row = ex->rq.route;
    const struct stat_answer a = {
        .op = row == NULL ? NULL : row->op,
        .method = http_method_name(ex->rq.method),
        .route = row == NULL ? NULL : row->path,
        .status = status,
        .error = status >= 400 ? ex->rq.cx.refused : ERR_OK,
        .start_ms = ex->rq.cx.now_ms,
        .micros = ex->since_ns == 0 ? 0 : (os_tick_ns() - ex->since_ns) / 1000,
        .trace = ex->trace,
        .own = ex->rq.cx.trace,
    };

    stat_answered(&a);
}

/* --- running --------------------------------------------------------------- */

static void
log_refusal(const struct exchange *ex, err_t e)
{
    const struct ctx *cx = &ex->rq.cx;
    const char *op = ex->rq.route == NULL ? "no route" : ex->rq.route->op;
    const char *clause = cx->clause == NULL ? "" : cx->clause;

    if (err_row(e)->status >= 500)
        log_error(cx, "%s: %s [%s]: %.*s", op, err_row(e)->name, clause, STR(cx->reason));
    else
        log_info(cx, "%s: %s [%s]: %.*s", op, err_row(e)->name, clause, STR(cx->reason));
}

void
exchange_refused(struct exchange *ex, err_t e)
{
    log_refusal(ex, e);
    reply_error(ex, e);
    audit(ex, e);
}

/* The internal door's rule. That the door is on loopback was proven at start. */
static err_t
prove_operator(struct exchange *ex)
{
    struct ctx *cx = &ex->rq.cx;

    if (ex->rq.route->auth != HTTP_AUTH_OPERATOR)
        return ERR_OK;
    if (ex->door != HTTP_DOOR_INTERNAL)
        return refuse(cx, ERR_FORBIDDEN, "", "an operator's route on the public door");
    if (!ex->operator_token)
        return ERR_OK;
    if (ex->operator_check == NULL)
        return refuse(cx, ERR_UNAUTHORIZED, "nuts-node 4.8",
                      "nothing here can prove an operator");
    return ex->operator_check(&ex->rq);
}

static err_t
call(struct exchange *ex)
{
    err_t e = ex->result; /* what the head was refused for, when the connection may live */
    char room[64];

    if (e != ERR_OK)
        return e;
    if (ex->rq.route == NULL) { /* OPTIONS that no row answers */
        reply_header(&ex->rq, "Allow",
                     arena_str(ex->rq.cx.arena, route_allow(room, ex->found.allow)));
        return reply_empty(&ex->rq, 204);
    }
    if ((e = prove_operator(ex)) != ERR_OK)
        return e;
    return ex->rq.route->fn(&ex->rq);
}

/* A handler that refuses without a reason, or says nothing, made a mistake of ours. */
static err_t
judge(struct exchange *ex, err_t e)
{
    struct ctx *cx = &ex->rq.cx;

    if (ex->arena.failed) /* what looked absent may not have been: no answer stands on it */
        return refuse_memory(cx);
    if (e == ERR_OK && (!ex->replied || (ex->status == 0 && ex->relay_asked == NULL)))
        return refuse(cx, ERR_INTERNAL, "", "the handler gave no answer");
    if (e == ERR_OK && ex->broken_header)
        return refuse(cx, ERR_INTERNAL, "RFC 9112 5",
                      "a header of the answer was malformed");
    if (e == ERR_OK && ex->reply_headers.failed)
        return refuse_memory(cx);
    if (e != ERR_OK && cx->refused != e)
        return refuse(cx, e, "", "refused without a reason");
    return e;
}

err_t
exchange_run(struct exchange *ex)
{
    err_t e;

    ex->work = NULL;
    e = call(ex);
    if (e == ERR_WOULD_BLOCK && ex->rq.cx.may_not_block) {
        reply_reset(ex);
        refuse_clear(&ex->rq.cx);
        memset(&ex->rq.audit, 0, sizeof(ex->rq.audit));
        return e;
    }
    if ((e = judge(ex, e)) != ERR_OK)
        exchange_refused(ex, e);
    else
        audit(ex, e);
    return ERR_OK;
}
