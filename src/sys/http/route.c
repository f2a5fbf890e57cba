/* route.c - rows, proven, in a tree. EUPL-1.2. */
#include "sys/http/route.h"

#include <string.h>

struct route_node {
    struct str literal; /* empty for the root and for {name} */
    struct route_node *next, *children, *param;
    const struct http_route *here[HTTP_ANY + 1], *rest[HTTP_ANY + 1];
};

static const char *const method_names[] = {
    [HTTP_METHOD_NONE] = "",  [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS", [HTTP_ANY] = "",
};

const char *
http_method_name(enum http_method m)
{
    return method_names[m];
}

struct str
route_allow(char room[64], unsigned allow)
{
    size_t n = 0;

    for (enum http_method m = HTTP_GET; m < HTTP_ANY; m++) {
        size_t len = strlen(method_names[m]);

        if ((allow >> m & 1) == 0)
            continue;
        if (n > 0) {
            memcpy(room + n, ", ", 2);
            n += 2;
        }
        memcpy(room + n, method_names[m], len);
        n += len;
    }
    return (struct str){ room, n };
}

/* --- proving ------------------------------------------------------------------- */

static bool
is_param(struct str s)
{
    return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}';
}

static bool
is_rest(struct str s)
{
    return is_param(s) && s.p[1] == '*';
}

static err_t
prove_path(struct ctx *cx, const struct http_route *r)
{
    struct str rest = str_of(r->path), segment;
    unsigned segments = 0, captures = 0;

    if (rest.n == 0 || rest.p[0] != '/')
        return refuse(cx, ERR_INTERNAL, "", "route %s: the path does not begin with '/'",
                      r->op);
    str_cut(&rest, '/');
    while (rest.n > 0) {
        segment = str_cut(&rest, '/');
        segments++;
        captures += is_param(segment);
        if (segment.n == 0 || (is_rest(segment) && rest.n > 0) ||
            (!is_param(segment) &&
             (str_find(segment, '{') < segment.n || str_find(segment, '%') < segment.n)))
            return refuse(cx, ERR_INTERNAL, "",
                          "route %s: segment %u of its path is malformed", r->op, segments);
    }
    if (segments > ROUTE_SEGMENTS || captures > ROUTE_CAPTURES)
        return refuse(cx, ERR_INTERNAL, "", "route %s: its path is too long", r->op);
    return ERR_OK;
}

static err_t
prove_row(struct ctx *cx, const struct http_route *r)
{
    const struct {
        bool missing;
        const char *what;
    } fields[] = {
        { r->doc == NULL || r->doc[0] == '\0', "doc" },
        { r->path == NULL, "path" },
        { r->fn == NULL, "fn" },
        { r->door == HTTP_DOOR_NONE, "door" },
        { r->method == HTTP_METHOD_NONE, "method" },
        { r->auth == HTTP_AUTH_NONE, "auth" },
        { r->run == HTTP_RUN_NONE, "run" },
        { r->rate == RATE_NONE, "rate" },
        { r->errors == HTTP_ERRORS_NONE, "errors" },
        { r->audit == AUDIT_UNDECIDED, "audit" },
    };

    for (size_t i = 0; i < COUNT(fields); i++) {
        if (fields[i].missing)
            return refuse(cx, ERR_INTERNAL, "house.md 4", "route %s: nobody decided its %s",
                          r->op, fields[i].what);
    }
    if (r->auth == HTTP_AUTH_OPERATOR && r->door != HTTP_DOOR_INTERNAL)
        return refuse(cx, ERR_INTERNAL, "house.md 4",
                      "route %s: an operator's route stands on the public door", r->op);
    return prove_path(cx, r);
}

static err_t
prove_names(struct ctx *cx, const struct http_route *const *tables, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (const struct http_route *r = tables[i]; r->op != NULL; r++) {
            for (size_t j = i; j < n; j++) {
                const struct http_route *s = j == i ? r + 1 : tables[j];

                for (; s->op != NULL; s++) {
                    if (strcmp(r->op, s->op) == 0)
                        return refuse(cx, ERR_INTERNAL, "", "two routes are called %s",
                                      r->op);
                }
            }
        }
    }
    return ERR_OK;
}

err_t
http_prove(struct ctx *cx, const struct http_route *const *tables, size_t n)
{
    struct route_node *tree;
    err_t e;

    for (size_t i = 0; i < n; i++) {
        for (const struct http_route *r = tables[i]; r->op != NULL; r++) {
            if ((e = prove_row(cx, r)) != ERR_OK)
                return e;
        }
    }
    if ((e = prove_names(cx, tables, n)) != ERR_OK ||
        (e = route_tree(cx, tables, n, HTTP_DOOR_PUBLIC, &tree)) != ERR_OK)
        return e;
    return route_tree(cx, tables, n, HTTP_DOOR_INTERNAL, &tree);
}

/* --- the tree ------------------------------------------------------------------ */

static struct route_node *
child_of(struct arena *a, struct route_node *at, struct str segment)
{
    struct route_node *c;

    if (is_param(segment)) {
        if (at->param == NULL)
            at->param = arena_new(a, struct route_node);
        return at->param;
    }
    for (c = at->children; c != NULL; c = c->next) {
        if (str_eq(c->literal, segment))
            return c;
    }
    if ((c = arena_new(a, struct route_node)) != NULL) {
        c->literal = segment;
        c->next = at->children;
        at->children = c;
    }
    return c;
}

static err_t
plant(struct ctx *cx, struct route_node *at, const struct http_route *r)
{
    struct str rest = str_of(r->path);
    const struct http_route **slot;

    str_cut(&rest, '/');
    while (rest.n > 0) {
        struct str segment = str_cut(&rest, '/');

        if (is_rest(segment)) {
            slot = at->rest;
            goto found;
        }
        if ((at = child_of(cx->arena, at, segment)) == NULL)
            return refuse_memory(cx);
    }
    slot = at->here;
found:
    if (slot[r->method] != NULL)
        return refuse(cx, ERR_CONFLICT, "", "routes %s and %s answer the same",
                      slot[r->method]->op, r->op);
    slot[r->method] = r;
    return ERR_OK;
}

err_t
route_tree(struct ctx *cx, const struct http_route *const *tables, size_t n,
           enum http_door door, struct route_node **out)
{
    struct route_node *root = arena_new(cx->arena, struct route_node);
    err_t e;

    *out = NULL;
    if (root == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < n; i++) {
        for (const struct http_route *r = tables[i]; r->op != NULL; r++) {
            if ((r->door == door || r->door == HTTP_DOOR_BOTH) &&
                (e = plant(cx, root, r)) != ERR_OK)
                return e;
        }
    }
    *out = root;
    return ERR_OK;
}

/* --- finding ------------------------------------------------------------------- */

/* Takes the row for the method; HEAD is answered by GET. Notes what is offered. */
static bool
take(const struct http_route *const *slot, enum http_method method, struct route_found *out)
{
    for (enum http_method m = HTTP_GET; m <= HTTP_ANY; m++) {
        if (slot[m] != NULL)
            out->allow |= m == HTTP_ANY ? (1u << HTTP_ANY) - 2 : 1u << m;
    }
    if (method == HTTP_METHOD_NONE)
        return false;
    out->row = slot[method];
    if (out->row == NULL && method == HTTP_HEAD)
        out->row = slot[HTTP_GET];
    if (out->row == NULL)
        out->row = slot[HTTP_ANY];
    return out->row != NULL;
}

static bool
find(const struct route_node *at, struct str rest, bool more, enum http_method method,
     struct route_found *out)
{
    unsigned mark = out->captures;
    struct str tail = rest, segment;
    bool behind;

    if (!more)
        return take(at->here, method, out);
    segment = str_cut(&tail, '/');
    behind = segment.n < rest.n;
    for (const struct route_node *c = at->children; c != NULL; c = c->next) {
        if (str_eq(c->literal, segment) && find(c, tail, behind, method, out))
            return true;
    }
    if (at->param != NULL && segment.n > 0 && out->captures < ROUTE_CAPTURES) {
        out->capture[out->captures++] = segment;
        if (find(at->param, tail, behind, method, out))
            return true;
        out->captures = mark;
    }
    if (out->captures < ROUTE_CAPTURES) {
        out->capture[out->captures++] = rest;
        if (take(at->rest, method, out))
            return true;
        out->captures = mark;
    }
    return false;
}

void
route_find(const struct route_node *tree, struct str path, enum http_method method,
           struct route_found *out)
{
    *out = (struct route_found){ 0 };
    find(tree, str_sub(path, 1, path.n), path.n > 1, method, out);
    if (out->allow & 1u << HTTP_GET)
        out->allow |= 1u << HTTP_HEAD;
    if (out->allow != 0)
        out->allow |= 1u << HTTP_OPTIONS;
}

int
route_capture(const struct http_route *row, struct str name)
{
    struct str rest = str_of(row->path);
    int i = 0;

    while (rest.n > 0) {
        struct str s = str_cut(&rest, '/');

        if (!is_param(s))
            continue;
        if (str_eq(str_sub(s, is_rest(s) ? 2 : 1, s.n - 1), name))
            return i;
        i++;
    }
    return -1;
}
