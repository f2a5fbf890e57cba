/*
 * http_fuzz.c - whole requests, as one piece and as two: what is read must not depend
 * on where the network cut. EUPL-1.2.
 */
#include "sys/http/http_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static err_t
echo(struct req *rq)
{
    struct json_out *js = reply_json(rq, 200);
    struct str form;

    json_object(js);
    json_member(js, "id", req_path(rq, "id"));
    json_member(js, "q", req_query(rq, "q"));
    if (req_form(rq, "grant_type", &form) == ERR_OK)
        json_member(js, "form", form);
    else
        refuse_clear(&rq->cx);
    json_end(js);
    return reply_send(rq, js);
}

#define ROW(op_, method_, path_, max_)                                                     \
    {                                                                                      \
        .op = op_, .doc = "Fuzz.", .door = HTTP_DOOR_PUBLIC, .method = method_,            \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = HTTP_RUN_LOOP, .rate = RATE_READ,  \
        .errors = HTTP_ERRORS_PROBLEM, .audit = AUDIT_NOT_NEEDED, .body_max = max_,        \
        .fn = echo                                                                         \
    }
static const struct http_route rows[] = {
    ROW("get", HTTP_GET, "/a/{id}", 0),
    ROW("post", HTTP_POST, "/a/{id}", 4096),
    ROW("any", HTTP_ANY, "/r/{*rest}", 100),
    { 0 },
};
static const struct http_route *const tables[] = { rows };

struct seen {
    enum parse_result result;
    err_t refused;
    size_t used, body_n;
    const struct http_route *row;
    enum http_method method;
};

static void
look(struct ctx *cx, struct route_node *tree, const char *text, size_t cut, size_t n,
     struct seen *out)
{
    struct exchange *ex = calloc(1, sizeof(*ex));
    size_t fed = 0;

    assert(ex != NULL);
    arena_init(&ex->arena, 1 << 20);
    exchange_init(ex, &limits_default, cx->now_ms);
    ex->door = HTTP_DOOR_PUBLIC;
    ex->tree = tree;
    *out = (struct seen){ .result = PARSE_MORE };
    if (cut > 0) {
        out->result = parse_feed(ex, text, 0, cut, &out->used);
        fed = cut;
    }
    if (out->result == PARSE_MORE) {
        if (ex->head_done) { /* as the connection does: the head is done with */
            out->result = parse_feed(ex, text + fed, 0, n - fed, &out->used);
            out->used += fed;
        } else {
            out->result = parse_feed(ex, text, fed, n, &out->used);
        }
    }
    out->refused = ex->rq.cx.refused;
    out->body_n = ex->body_n;
    out->row = ex->rq.route;
    out->method = ex->rq.method;
    if (out->result == PARSE_WHOLE) {
        assert(out->used <= n);
        (void)exchange_run(ex);
        assert(reply_build(ex));
    }
    arena_fini(&ex->arena);
    free(ex);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena;
    struct ctx cx;
    struct route_node *tree;
    struct seen once, twice;
    const char *text = (const char *)data + 1;
    size_t cut;

    if (n < 2 || data[1] == '\r' || data[1] == '\n')
        return 0;
    cut = data[0] % n;
    n--;
    if (cut > n)
        cut = n;
    arena_init(&arena, 1 << 20);
    ctx_init(&cx, &arena, 0);
    assert(route_tree(&cx, tables, 1, HTTP_DOOR_PUBLIC, &tree) == ERR_OK);
    look(&cx, tree, text, 0, n, &once);
    look(&cx, tree, text, cut, n, &twice);
    assert(once.result == twice.result);
    if (once.result == PARSE_WHOLE)
        assert(once.used == twice.used && once.body_n == twice.body_n &&
               once.row == twice.row && once.method == twice.method);
    arena_fini(&arena);
    return 0;
}
