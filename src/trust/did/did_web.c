/*
 * did_web.c - did:web, to a URL and back.
 *
 * Rule    did:web method specification; nuts-node.md 3.1. Always https.
 * Trust   The DID is a stranger's and decides whom we ask: so a host is letters,
 *         digits and hyphens with an optional port, no address, no user; a path
 *         segment is never empty, a dot segment, or one that hides a slash.
 *         That the address behind the name is allowed is sys/http's guard.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include <string.h>

enum { HOST_MAX = 253, LABEL_MAX = 63 };

static bool
is_label(struct str s)
{
    size_t i;

    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
              (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
            return false;
    return true;
}

/* RFC 1123 2.1; the last label is not all digits, so it is no IPv4 address. */
static bool
is_host(struct str s)
{
    struct str label = { NULL, 0 };
    uint64_t number;

    if (s.n == 0 || s.n > HOST_MAX || s.p[s.n - 1] == '.')
        return false;
    while (s.n != 0) {
        label = str_cut(&s, '.');
        if (!is_label(label))
            return false;
    }
    return !str_to_u64(label, &number);
}

static bool
is_port(struct str s)
{
    uint64_t port;

    return s.n <= 5 && str_to_u64(s, &port) && port >= 1 && port <= 65535 && s.p[0] != '0';
}

/* A path segment, still encoded: decoded it may hold no slash, control or dots alone. */
static err_t
check_segment(struct ctx *cx, struct str segment)
{
    struct str plain;
    size_t i;
    err_t e;

    if (segment.n == 0)
        return refuse(cx, ERR_DID_INVALID, "did:web 2", "an empty path segment");
    if ((e = percent_decode(cx, segment, false, &plain)) != ERR_OK)
        return refuse(cx, ERR_DID_INVALID, "did:web 2", "a path segment is badly encoded");
    for (i = 0; i < plain.n; i++)
        if ((unsigned char)plain.p[i] < 0x20 || plain.p[i] == 0x7f || plain.p[i] == '/' ||
            plain.p[i] == '\\')
            return refuse(cx, ERR_DID_INVALID, "did:web 2",
                          "a path segment hides a slash or a control");
    if (str_is(plain, ".") || str_is(plain, "..") || !str_is_utf8(plain))
        return refuse(cx, ERR_DID_INVALID, "did:web 2",
                      "a path segment of dots or no text");
    return ERR_OK;
}

/* "h%3A8443" to host and port. */
static err_t
split_host(struct ctx *cx, struct str text, struct str *host, struct str *port)
{
    size_t at = str_find(text, '%');

    *host = str_sub(text, 0, at);
    *port = (struct str){ NULL, 0 };
    if (at < text.n) {
        if (!str_eq_case(str_sub(text, at, at + 3), S("%3A")))
            return refuse(cx, ERR_DID_INVALID, "did:web 2", "the host is encoded");
        *port = str_sub(text, at + 3, text.n);
        if (!is_port(*port))
            return refuse(cx, ERR_DID_INVALID, "did:web 2",
                          "the port is not a number of one");
    }
    if (!is_host(*host))
        return refuse(cx, ERR_DID_INVALID, "did:web 2", "the host is not a name");
    return ERR_OK;
}

err_t
did_web_url(struct ctx *cx, const struct did *did, struct str *url)
{
    struct str rest = did->id, host, port, segment;
    struct buf b;
    bool path = false;
    err_t e;

    *url = (struct str){ NULL, 0 };
    if (!str_is(did->method, "web"))
        return refuse(cx, ERR_DID_METHOD, "did:web", "this is not a did:web");
    if ((e = split_host(cx, str_cut(&rest, ':'), &host, &port)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_z(&b, "https://");
    buf_str(&b, host);
    if (port.n != 0)
        buf_printf(&b, ":%.*s", STR(port));
    while (rest.p != NULL && rest.n != 0) {
        bool last = str_find(rest, ':') == rest.n;

        segment = str_cut(&rest, ':');
        if ((e = check_segment(cx, segment)) != ERR_OK)
            return e;
        buf_c(&b, '/');
        buf_str(&b, segment);
        path = true;
        if (last)
            break;
    }
    buf_z(&b, path ? "/did.json" : "/.well-known/did.json");
    return buf_done(cx, &b, url);
}

/* Host and port of our own URL, as the DID spells them. */
static err_t
put_host(struct ctx *cx, struct str host, struct buf *b)
{
    struct str port = host, name = str_cut(&port, ':');
    size_t i;

    if (!is_host(name) || (port.n != 0 && !is_port(port)))
        return refuse(cx, ERR_BAD_REQUEST, "did:web 2", "the URL's host is not a name");
    for (i = 0; i < name.n; i++)
        buf_c(b, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i]);
    if (port.n != 0)
        buf_printf(b, "%%3A%.*s", STR(port));
    return ERR_OK;
}

err_t
did_web_of_url(struct ctx *cx, struct str url, struct str *did)
{
    struct str rest, host, segment;
    struct buf b;
    err_t e;

    *did = (struct str){ NULL, 0 };
    if (!str_starts(url, S("https://")) && !str_starts(url, S("http://")))
        return refuse(cx, ERR_BAD_REQUEST, "did:web 2", "not a web URL");
    rest = str_sub(url, str_search(url, S("//")) + 2, url.n);
    if (str_find(rest, '?') != rest.n || str_find(rest, '#') != rest.n)
        return refuse(cx, ERR_BAD_REQUEST, "did:web 2", "a query or fragment in the URL");
    host = str_cut(&rest, '/');
    buf_init(&b, cx->arena);
    buf_z(&b, "did:web:");
    if ((e = put_host(cx, host, &b)) != ERR_OK)
        return e;
    while (rest.n != 0) {
        segment = str_cut(&rest, '/');
        if (segment.n == 0 && rest.n == 0)
            break; /* a trailing slash */
        if ((e = check_segment(cx, segment)) != ERR_OK)
            return e;
        buf_c(&b, ':');
        buf_str(&b, segment);
    }
    return buf_done(cx, &b, did);
}
