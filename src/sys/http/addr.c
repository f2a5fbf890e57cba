/* addr.c - addresses, ranges, and the guard. EUPL-1.2. */
#include "sys/http/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

static bool
is_v4(const struct addr *a)
{
    return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

bool
addr_parse(struct str text, struct addr *out)
{
    char z[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof(*out));
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = str_sub(text, 1, text.n - 1);
    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    if (inet_pton(AF_INET6, z, out->ip) == 1)
        return true;
    memcpy(out->ip, mapped, sizeof(mapped));
    return inet_pton(AF_INET, z, out->ip + 12) == 1;
}

bool
addr_of_sockaddr(const struct sockaddr *sa, struct addr *out)
{
    memset(out, 0, sizeof(*out));
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, sa, sizeof(v4));
        memcpy(out->ip, mapped, sizeof(mapped));
        memcpy(out->ip + 12, &v4.sin_addr, 4);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, sa, sizeof(v6));
        memcpy(out->ip, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

struct str
addr_text(char room[ADDR_TEXT], const struct addr *a)
{
    bool v4 = is_v4(a);

    if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->ip + 12 : a->ip, room, ADDR_TEXT) ==
        NULL)
        room[0] = '\0';
    return str_of(room);
}

static bool
in_range(const struct addr *a, const struct addr_range *r)
{
    unsigned whole = r->bits / 8, rest = r->bits % 8;
    unsigned mask = 0xFF00u >> rest & 0xFF;

    return memcmp(a->ip, r->base.ip, whole) == 0 &&
           (rest == 0 || ((a->ip[whole] ^ r->base.ip[whole]) & mask) == 0);
}

bool
addr_in(const struct addr *a, const struct addr_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (in_range(a, &ranges[i]))
            return true;
    }
    return false;
}

bool
addr_range_parse(struct str text, struct addr_range *out)
{
    struct str rest = text, base = str_cut(&rest, '/');
    uint64_t bits = 0;
    bool whole = base.n == text.n;

    memset(out, 0, sizeof(*out));
    if (!addr_parse(base, &out->base) ||
        (!whole && (rest.n > 3 || !str_to_u64(rest, &bits))))
        return false;
    if (whole)
        bits = 128;
    else if (is_v4(&out->base) && memchr(base.p, ':', base.n) == NULL)
        bits += 96;
    if (bits > 128)
        return false;
    out->bits = (unsigned)bits;
    for (unsigned i = out->bits; i < 128; i++) { /* "10.1.0.0/8" is a slip: say so */
        if (out->base.ip[i / 8] >> (7 - i % 8) & 1)
            return false;
    }
    return true;
}

#define V4(a, b, c, d, n)                                                                  \
    {                                                                                      \
        { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d } }, 96 + (n)             \
    }
#define V6(a, b, c, d, n)                                                                  \
    {                                                                                      \
        { { (a) >> 8, (a)&255, (b) >> 8, (b)&255, (c) >> 8, (c)&255, (d) >> 8,             \
            (d)&255 } },                                                                   \
            n                                                                              \
    }

/* RFC 6890 and its registries: not for the public internet, or a way to such. */
static const struct addr_range special[] = {
    V4(0, 0, 0, 0, 8),           V4(10, 0, 0, 0, 8),      V4(100, 64, 0, 0, 10),
    V4(127, 0, 0, 0, 8),         V4(169, 254, 0, 0, 16),  V4(172, 16, 0, 0, 12),
    V4(192, 0, 0, 0, 24),        V4(192, 0, 2, 0, 24),    V4(192, 88, 99, 0, 24),
    V4(192, 168, 0, 0, 16),      V4(198, 18, 0, 0, 15),   V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24),      V4(224, 0, 0, 0, 4),     V4(240, 0, 0, 0, 4),
    V6(0x2001, 0, 0, 0, 23), /* Teredo and the protocol assignments */
    V6(0x2001, 0xDB8, 0, 0, 32), V6(0x2002, 0, 0, 0, 16), /* 6to4 carries IPv4 */
    V6(0x3FFF, 0, 0, 0, 20),
};
static const struct addr_range unicast = V6(0x2000, 0, 0, 0, 3);

bool
addr_is_guarded(const struct addr *a)
{
    if (!is_v4(a) && !in_range(a, &unicast)) /* ::1, fc00::/7, fe80::/10, 64:ff9b::/96 … */
        return true;
    return addr_in(a, special, COUNT(special));
}

bool
addr_is_loopback(const struct addr *a)
{
    static const struct addr_range loopback[] = {
        V4(127, 0, 0, 0, 8),
        { { { [15] = 1 } }, 128 },
    };

    return addr_in(a, loopback, COUNT(loopback));
}

bool
addr_split(struct str text, struct str *host, struct str *port)
{
    size_t colon;
    uint64_t number;

    *host = text;
    *port = S("");
    if (text.n > 0 && text.p[0] == '[') {
        colon = str_find(text, ']') + 1;
        if (colon > text.n || (colon < text.n && text.p[colon] != ':'))
            return false;
    } else {
        colon = str_find(text, ':');
    }
    if (colon >= text.n)
        return text.n > 0;
    *host = str_sub(text, 0, colon);
    *port = str_sub(text, colon + 1, text.n);
    return port->n > 0 && port->n <= 5 && str_to_u64(*port, &number) && number <= 65535;
}
