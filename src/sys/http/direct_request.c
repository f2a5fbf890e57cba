/* direct_request.c - from a URL and a transfer to the bytes of a request. EUPL-1.2. */
#include "sys/http/direct_int.h"

#include <string.h>

/* RFC 3986 2, without what sets user and fragment apart. */
static bool
is_url_char(char c)
{
    switch (c) {
    case '#':
    case '@':
    case '\\':
    case '"':
    case '<':
    case '>':
    case '^':
    case '`':
    case '{':
    case '|':
    case '}': return false;
    default: return c > ' ' && c < 0x7F;
    }
}

bool
direct_url_parse(struct str url, struct direct_url *out)
{
    struct str rest;
    size_t end = 0;

    *out = (struct direct_url){ 0 };
    if (!str_starts(url, S("http://")))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (!is_url_char(url.p[i]))
            return false;
    rest = str_sub(url, 7, url.n);
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    out->authority = str_sub(rest, 0, end);
    out->target = str_sub(rest, end, rest.n);
    return addr_split(out->authority, &out->host, &out->port) && out->host.n > 0 &&
           (out->target.n == 0 || out->target.p[0] == '/');
}

static err_t
put_header(struct transfer *t, struct buf *b, struct str h)
{
    if (memchr(h.p, '\0', h.n) != NULL || memchr(h.p, '\r', h.n) != NULL ||
        memchr(h.p, '\n', h.n) != NULL || str_find(h, ':') == h.n)
        return refuse(t->cx, ERR_BAD_REQUEST, "RFC 9112 5", "a header is malformed");
    buf_str(b, h);
    buf_z(b, "\r\n");
    return ERR_OK;
}

err_t
direct_request(struct transfer *t, const struct direct_url *url, struct str *out)
{
    bool sized = t->request.n > 0 || t->method == HTTP_POST || t->method == HTTP_PUT;
    bool accepts = false;
    char trace[CLIENT_TRACE];
    struct buf b;
    err_t e;

    buf_init(&b, t->cx->arena);
    buf_z(&b, http_method_name(t->method));
    buf_c(&b, ' ');
    buf_str(&b, url->target.n > 0 ? url->target : S("/"));
    buf_z(&b, " HTTP/1.1\r\nHost: ");
    buf_str(&b, url->authority);
    buf_z(&b, "\r\nUser-Agent: knoop/" KNOOP_VERSION "\r\n");
    for (size_t i = 0; i < t->header_count; i++) {
        if ((e = put_header(t, &b, t->headers[i])) != ERR_OK)
            return e;
        accepts = accepts || str_eq_case(str_sub(t->headers[i], 0, 7), S("accept:"));
    }
    if (!accepts)
        buf_z(&b, "Accept: */*\r\n");
    if (client_trace(t, trace)) {
        buf_z(&b, trace);
        buf_z(&b, "\r\n");
    }
    if (!client_may_repeat(t)) /* its connection ends with it */
        buf_z(&b, "Connection: close\r\n");
    if (sized)
        buf_printf(&b, "Content-Length: %zu\r\n", t->request.n);
    buf_z(&b, "\r\n");
    return buf_done(t->cx, &b, out);
}
