/*
 * head.c - is this a request that has one meaning, and whose is it?
 *
 * Rule      RFC 9112 2 to 7, RFC 9110 7 and 10.1.1. What llhttp leaves to us, and
 *           what decides about framing once more, in our own words.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/http_int.h"
#include "sys/os/os.h"

#include <string.h>

/* Exactly one space on either side of the target (RFC 9112 3). */
static err_t
check_request_line(struct exchange *ex)
{
    const char *method = llhttp_method_name((llhttp_method_t)ex->parser.method);
    size_t at = strlen(method) + 1;

    size_t end = at + ex->target_at.n;

    if (ex->target_at.at != at || ex->head.p[at - 1] != ' ' ||
        !str_starts(str_sub(ex->head, end, ex->head.n), S(" HTTP/1.")))
        return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9112 3",
                      "not one space before and behind the target");
    return ERR_OK;
}

static err_t
check_version(struct exchange *ex)
{
    if (ex->parser.http_major != 1 || ex->parser.http_minor > 1)
        return refuse(&ex->rq.cx, ERR_HTTP_VERSION, "RFC 9110 2.5", "version %u.%u",
                      ex->parser.http_major, ex->parser.http_minor);
    ex->is_http10 = ex->parser.http_minor == 0;
    return ERR_OK;
}

static enum http_method
method_of(unsigned m)
{
    switch (m) {
    case LL_GET: return HTTP_GET;
    case LL_HEAD: return HTTP_HEAD;
    case LL_POST: return HTTP_POST;
    case LL_PUT: return HTTP_PUT;
    case LL_PATCH: return HTTP_PATCH;
    case LL_DELETE: return HTTP_DELETE;
    case LL_OPTIONS: return HTTP_OPTIONS;
    }
    return HTTP_METHOD_NONE; /* known to llhttp, offered by none of our routes */
}

/* Fields whose second occurrence could be read instead of the first. */
static const struct str once[] = {
    S_INIT("host"),
    S_INIT("authorization"),
    S_INIT("content-length"),
    S_INIT("dpop"),
    S_INIT("transfer-encoding"),
    S_INIT("content-type"),
    S_INIT("traceparent"),
    S_INIT("expect"),
    S_INIT("origin"),
    S_INIT("if-match"),
    S_INIT("if-none-match"),
    S_INIT("if-none-exist"),
};

static err_t
check_fields(struct exchange *ex)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < ex->headers; i++) {
        for (size_t k = 0; k < ex->value[i].n; k++) {
            unsigned char c = (unsigned char)ex->value[i].p[k];

            if ((c < 0x20 && c != '\t') || c == 0x7F)
                return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9110 5.5",
                              "a control character in a header field");
        }
        for (unsigned k = 0; k < COUNT(once); k++) {
            if (!str_eq_case(ex->name[i], once[k]))
                continue;
            if (seen >> k & 1)
                return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9110 5.3",
                              "two fields %.*s", STR(once[k]));
            seen |= 1u << k;
        }
    }
    return ERR_OK;
}

/* RFC 9112 6: a length or the coding chunked, never both. */
static err_t
check_framing(struct exchange *ex)
{
    struct ctx *cx = &ex->rq.cx;
    struct str coding = exchange_header(ex, S("transfer-encoding"));
    struct str length = exchange_header(ex, S("content-length"));
    uint64_t n = 0;

    if (coding.p != NULL && length.p != NULL)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 6.3",
                      "a length and a transfer coding");
    if (coding.p != NULL && ex->is_http10)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 6.1", "a transfer coding in HTTP/1.0");
    if (coding.p != NULL && !str_eq_case(coding, S("chunked")))
        return refuse(cx, ERR_HTTP_CODING, "RFC 9112 6.1", "a coding other than chunked");
    if (length.p != NULL && !str_to_u64(length, &n))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 6.2",
                      "Content-Length is not a number");
    if ((coding.p != NULL) != ((ex->parser.flags & F_CHUNKED) != 0) ||
        (length.p != NULL && n != ex->parser.content_length))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 6",
                      "two readings of the body's length");
    return ERR_OK;
}

static err_t
check_host(struct exchange *ex)
{
    struct str host = exchange_header(ex, S("host"));

    if (host.p == NULL && !ex->is_http10)
        return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9112 3.2", "no Host");
    if (host.p != NULL && !host_is_well_formed(host))
        return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9112 3.2", "Host is malformed");
    return ERR_OK;
}

static bool
is_our_name(const struct exchange *ex, struct str name)
{
    struct addr a;

    if (str_eq_case(name, S("localhost")) || (addr_parse(name, &a) && addr_is_loopback(&a)))
        return true;
    for (size_t i = 0; i < ex->limits->host_count; i++) {
        if (str_eq_case(name, ex->limits->hosts[i]))
            return true;
    }
    return false;
}

static bool
is_our_origin(const struct exchange *ex, struct str origin)
{
    struct str host, port;
    size_t scheme = str_search(origin, S("://"));

    if (!str_eq(str_sub(origin, 0, scheme), S("http")) &&
        !str_eq(str_sub(origin, 0, scheme), S("https")))
        return false;
    origin = str_sub(origin, scheme + 3, origin.n);
    return addr_split(origin, &host, &port) && is_our_name(ex, host);
}

/*
 * A page from elsewhere, in an operator's browser, must not reach the internal door:
 * neither by a name that it pointed to us (DNS rebinding) nor across origins.
 */
static err_t
check_internal(struct exchange *ex)
{
    struct str host = exchange_header(ex, S("host")), name = host, port;
    struct str origin = exchange_header(ex, S("origin"));
    struct str site = exchange_header(ex, S("sec-fetch-site"));

    if (ex->door != HTTP_DOOR_INTERNAL)
        return ERR_OK;
    if (host.p != NULL && (!addr_split(host, &name, &port) || !is_our_name(ex, name)))
        return refuse(&ex->rq.cx, ERR_MISDIRECTED, "RFC 9110 7.4",
                      "Host is not a name of the internal door (http.internal.hosts)");
    if (origin.p != NULL && !is_our_origin(ex, origin))
        return refuse(&ex->rq.cx, ERR_FORBIDDEN, "RFC 6454 7",
                      "a request of another origin");
    if (str_eq(site, S("cross-site")))
        return refuse(&ex->rq.cx, ERR_FORBIDDEN, "Fetch Metadata 2",
                      "a request of another site");
    return ERR_OK;
}

static err_t
check_expect(struct exchange *ex)
{
    struct str expect = exchange_header(ex, S("expect"));

    if (expect.p == NULL || ex->is_http10) /* RFC 9110 10.1.1: 1.0 is ignored */
        return ERR_OK;
    if (!str_eq_case(expect, S("100-continue")))
        return refuse(&ex->rq.cx, ERR_EXPECTATION, "RFC 9110 10.1.1",
                      "an unknown expectation");
    ex->expects = true;
    return ERR_OK;
}

/* The last address that no trusted proxy has: proxies append on the right. */
static void
find_client(struct exchange *ex)
{
    const struct limits *l = ex->limits;

    if (!ex->from_proxy)
        return;
    for (unsigned i = ex->headers; i-- > 0;) {
        struct str list = ex->value[i];

        if (!str_eq_case(ex->name[i], S("x-forwarded-for")))
            continue;
        while (list.n > 0) {
            size_t comma = list.n;
            struct addr a;

            while (comma > 0 && list.p[comma - 1] != ',')
                comma--;
            if (!addr_parse(str_trim(str_sub(list, comma, list.n)), &a))
                return; /* nobody whom we trust wrote what stands left of this */
            ex->client = a;
            if (!addr_in(&a, l->proxies, l->proxy_count))
                return;
            list = str_sub(list, 0, comma > 0 ? comma - 1 : 0);
        }
    }
}

/* The caller's goes on, or one begins where spans are wanted. */
static void
find_trace(struct exchange *ex)
{
    struct str t = exchange_header(ex, S("traceparent"));

    if (t.p == NULL && !stat_trace_is_on())
        return;
    ex->since_ns = os_tick_ns();
    stat_trace_begin(t, &ex->trace, ex->rq.cx.trace);
}

static err_t
find_route(struct exchange *ex)
{
    struct ctx *cx = &ex->rq.cx;
    char room[64];

    if (str_eq(ex->target.path, S("*"))) {
        if (ex->rq.method != HTTP_OPTIONS)
            return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 3.2.4",
                          "'*' is for OPTIONS alone");
        ex->found.allow = (1u << HTTP_ANY) - 2;
        return ERR_OK;
    }
    route_find(ex->tree, ex->target.path, ex->rq.method, &ex->found);
    ex->rq.route = ex->found.row;
    if (ex->found.row != NULL || (ex->found.allow != 0 && ex->rq.method == HTTP_OPTIONS))
        return ERR_OK;
    if (ex->found.allow == 0)
        return refuse(cx, ERR_NOT_FOUND, "RFC 9110 15.5.5", "no route has this path");
    reply_header(&ex->rq, "Allow",
                 arena_str(cx->arena, route_allow(room, ex->found.allow)));
    return refuse(cx, ERR_METHOD, "RFC 9110 15.5.6",
                  "the route does not offer this method");
}

static err_t
set_body_max(struct exchange *ex)
{
    const struct http_route *row = ex->rq.route;
    size_t most = ex->limits->body_size;

    ex->body_max = row == NULL ? 0 : row->body_max < most ? row->body_max : most;
    if (ex->parser.flags & F_CONTENT_LENGTH && ex->parser.content_length > ex->body_max)
        return refuse(&ex->rq.cx, ERR_TOO_LARGE, "RFC 9110 15.5.14",
                      "a body of %llu bytes; %zu are allowed here",
                      (unsigned long long)ex->parser.content_length, ex->body_max);
    return ERR_OK;
}

static err_t
check_all(struct exchange *ex)
{
    static err_t (*const checks[])(struct exchange *) = {
        check_version, check_request_line, check_fields,   check_framing,
        check_host,    check_expect,       check_internal,
    };
    err_t e;

    for (size_t i = 0; i < COUNT(checks); i++) {
        if ((e = checks[i](ex)) != ERR_OK)
            return e;
    }
    if (ex->parser.method == HTTP_CONNECT)
        return refuse(&ex->rq.cx, ERR_BAD_REQUEST, "RFC 9110 9.3.6", "this is no proxy");
    return target_parse(&ex->rq.cx, ex->raw_target, &ex->target);
}

err_t
exchange_head(struct exchange *ex)
{
    bool bodiless = !(ex->parser.flags & F_CHUNKED) && ex->parser.content_length == 0;
    err_t e;

    ex->rq.method = method_of(ex->parser.method);
    find_client(ex);
    find_trace(ex);
    if ((e = check_all(ex)) != ERR_OK)
        return e;
    if ((e = find_route(ex)) == ERR_OK)
        return set_body_max(ex);
    if (!bodiless || (e != ERR_NOT_FOUND && e != ERR_METHOD))
        return e;
    ex->result = e; /* well-formed: the connection lives on */
    return ERR_OK;
}
