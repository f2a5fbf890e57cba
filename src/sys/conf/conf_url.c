/*
 * conf_url.c - a base URL that others can reach.
 * Rule      nuts-node.md 4.3 (its core/url.go, ParsePublicURL).
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"

#include <arpa/inet.h>
#include <string.h>

static err_t
no(struct ctx *cx, struct str url, const char *why)
{
    struct str shown;

    if (conf__mask(cx, str_sub(url, 0, 120), &shown) != ERR_OK)
        return cx->refused;
    return refuse(cx, ERR_CONF, "nuts-node 4.3", "url '%.*s' %s", STR(shown), why);
}

static bool
is_address(struct str host)
{
    unsigned char room[16];
    char z[64];

    if (host.n == 0 || host.p[0] == '[')
        return true;
    if (host.n >= sizeof(z))
        return false;
    memcpy(z, host.p, host.n);
    z[host.n] = '\0';
    /* 127.1 and 0x7f.1 are addresses to many a resolver: a last label that is a number is
     * one. */
    struct str last = host;
    for (size_t dot; (dot = str_find(last, '.')) < last.n;)
        last = str_sub(last, dot + 1, last.n);
    return inet_pton(AF_INET, z, room) == 1 || inet_pton(AF_INET6, z, room) == 1 ||
           (last.n > 0 && last.p[0] >= '0' && last.p[0] <= '9');
}

static bool
is_name(struct str host)
{
    struct str rest = host;

    if (host.n == 0 || host.n > 253)
        return false;
    while (rest.n > 0) {
        bool more = str_find(rest, '.') < rest.n;
        struct str label = str_cut(&rest, '.');

        if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
            label.p[label.n - 1] == '-' || (more && rest.n == 0))
            return false;
        for (size_t i = 0; i < label.n; i++) {
            char c = (char)(label.p[i] | 0x20);

            if (!(c >= 'a' && c <= 'z') && !(label.p[i] >= '0' && label.p[i] <= '9') &&
                label.p[i] != '-')
                return false;
        }
    }
    return true;
}

/* RFC 2606, RFC 6761, and what nuts-node adds. */
static bool
is_unreachable(struct str host)
{
    static const char *const last[] = { "corp",      "example", "home",  "host",
                                        "invalid",   "lan",     "local", "localdomain",
                                        "localhost", "test" };
    static const char *const whole[] = { "example.com", "example.net", "example.org" };
    size_t dot = host.n;

    while (dot > 0 && host.p[dot - 1] != '.')
        dot--;
    if (dot == 0)
        return true; /* a single label */
    for (size_t i = 0; i < COUNT(last); i++)
        if (str_eq_case(str_sub(host, dot, host.n), str_of(last[i])))
            return true;
    for (size_t i = 0; i < COUNT(whole); i++) {
        struct str w = str_of(whole[i]);

        if (host.n >= w.n && str_eq_case(str_sub(host, host.n - w.n, host.n), w) &&
            (host.n == w.n || host.p[host.n - w.n - 1] == '.'))
            return true;
    }
    return false;
}

/* "host:port" into its two; false when the port is none. */
static bool
split_port(struct str *host)
{
    size_t end = host->n;
    struct str port;
    uint64_t v;

    while (end > 0 && host->p[end - 1] != ':' && host->p[end - 1] != ']')
        end--;
    if (end == 0 || host->p[end - 1] == ']')
        return true;
    port = str_sub(*host, end, host->n);
    *host = str_sub(*host, 0, end - 1);
    return port.n <= 5 && str_to_u64(port, &v) && v > 0 && v < 65536;
}

err_t
conf_url_check(struct ctx *cx, struct str url, bool strict)
{
    bool https = str_starts(url, S("https://"));
    struct str rest, host;
    uint8_t six[16];
    char z[48];

    if (!https && !str_starts(url, S("http://")))
        return no(cx, url, "must begin with https://");
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= 0x20 || (unsigned char)url.p[i] >= 0x7F ||
            strchr("?#\\\"<>^`{|}", url.p[i]) != NULL)
            return no(cx, url,
                      "holds a query, a fragment, a space or another character that has no "
                      "place in a base URL");
    rest = str_sub(url, https ? 8 : 7, url.n);
    host = str_sub(rest, 0, str_find(rest, '/'));
    if (str_find(host, '@') < host.n)
        return no(cx, url, "holds a user name; leave it out");
    if (!split_port(&host))
        return no(cx, url, "has a port that is none");
    if (host.n > 2 && host.p[0] == '[' && host.n < sizeof(z)) {
        memcpy(z, host.p + 1, host.n - 2);
        z[host.n - 2] = '\0';
        if (host.p[host.n - 1] != ']' || inet_pton(AF_INET6, z, six) != 1)
            return no(cx, url, "has a host that is none");
    } else if (!is_name(host)) {
        return no(cx, url, "has a host that is none");
    }
    if (strict && !https)
        return no(cx, url, "must begin with https:// in strict mode");
    if (strict && is_address(host))
        return no(cx, url, "must have a name, not an address, in strict mode");
    if (strict && is_unreachable(host))
        return no(
            cx, url,
            "has a name that cannot be reached from outside, which strict mode refuses");
    return ERR_OK;
}
