/* ask.c - asking a handler without a socket. EUPL-1.2. */
#include "sys/http/http_int.h"

#include <stdlib.h>
#include <string.h>

static err_t
read_whole(struct ctx *cx, struct exchange *ex, struct str request)
{
    size_t used;

    switch (parse_feed(ex, request.p, 0, request.n, &used)) {
    case PARSE_WHOLE: return ERR_OK;
    case PARSE_REFUSED: return ERR_OK; /* an answer too */
    case PARSE_MORE: break;
    }
    return refuse(cx, ERR_BAD_REQUEST, "", "the request that is asked is not whole");
}

static void
run(struct exchange *ex)
{
    const struct http_route *row = ex->rq.route;

    if (ex->rq.cx.refused != ERR_OK && ex->result == ERR_OK) {
        exchange_refused(ex, ex->rq.cx.refused);
        return;
    }
    ex->rq.cx.may_not_block = row == NULL || row->run == HTTP_RUN_LOOP;
    while (exchange_run(ex) == ERR_WOULD_BLOCK) {
        ex->rq.cx.may_not_block = false;
        if (ex->work == NULL)
            continue;
        ex->work->together(&ex->work, 1);
        ex->worked = ex->work;
        ex->rq.cx.may_not_block = true;
    }
}

/* Into the asker's arena; accept, rewrite and header are for a live request alone. */
static err_t
keep_relay(struct ctx *cx, const struct reply_relay *from, const struct reply_relay **out)
{
    struct reply_relay *r = arena_new(cx->arena, struct reply_relay);
    struct str *headers = arena_array(cx->arena, from->header_count + 1, sizeof(*headers));

    if (r == NULL || headers == NULL)
        return refuse_memory(cx);
    *r = *from;
    r->url = arena_str(cx->arena, from->url);
    r->body = arena_bytes(cx->arena, from->body);
    r->headers = headers;
    for (size_t i = 0; i < from->header_count; i++)
        headers[i] = arena_str(cx->arena, from->headers[i]);
    *out = r;
    return ERR_OK;
}

static err_t
answer(struct ctx *cx, const struct http_ask *ask, struct exchange *ex, struct str *reply)
{
    struct buf b;

    if (ask->relay != NULL)
        *ask->relay = NULL;
    if (ex->relay_asked != NULL) {
        if (ask->relay == NULL)
            return refuse(cx, ERR_UNSUPPORTED, "",
                          "a relay has no answer without an upstream");
        return keep_relay(cx, ex->relay_asked, ask->relay);
    }
    if (!reply_build(ex))
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for an answer");
    buf_init(&b, cx->arena);
    buf_add(&b, ex->out[0].p, ex->out[0].n);
    buf_add(&b, ex->out[1].p, ex->out[1].n);
    return buf_done(cx, &b, reply);
}

/*
 * Without a caller's conf, operators are as on loopback, and other limits the defaults.
 * A request's allocations are counted as its asker's, so that an asker's n-th that is to
 * fail (tools/faults) may be one of the handler's.
 */
static err_t
prepare(struct ctx *cx, const struct http_ask *ask, struct exchange *ex)
{
    static const char id[] = "00000000000000000000000000000001";
    struct route_node *tree;
    err_t e = route_tree(cx, ask->tables, ask->table_count, ask->door, &tree);

    arena_init(&ex->arena, limits_default.memory);
    exchange_init(ex, &limits_default, cx->now_ms);
    ex->arena.fail_at =
        ask->fail_at != 0 ? ask->fail_at : cx->arena->fail_at - cx->arena->taken;
    ex->door = ask->door;
    ex->tree = tree;
    ex->audit_put = ask->audit_put;
    ex->rq.cx.sys = cx->sys;
    ex->rq.cx.conf = ask->conf != NULL ? ask->conf : cx->conf;
    ex->rq.cx.deadline_ms = cx->deadline_ms;
    ex->rq.state_ = ask->state;
    memcpy(ex->rq.cx.id, id, sizeof(id));
    (void)!addr_parse(S("127.0.0.1"), &ex->client);
    return e;
}

err_t
http_ask(struct ctx *cx, const struct http_ask *ask, struct str request, struct str *reply)
{
    struct exchange *ex = calloc(1, sizeof(*ex));
    err_t e;

    *reply = (struct str){ NULL, 0 };
    if (ex == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a request");
    if ((e = prepare(cx, ask, ex)) == ERR_OK &&
        (e = read_whole(cx, ex, request)) == ERR_OK) {
        run(ex);
        e = answer(cx, ask, ex, reply);
    }
    if (ask->fail_at == 0)
        cx->arena->taken += ex->arena.taken;
    arena_fini(&ex->arena);
    free(ex);
    return e;
}
