/*
 * addr.h - internet addresses and ranges of them, and which ones an outsider's
 * URL may not lead to.
 *
 * Rule      An IPv4 address is kept as ::ffff:a.b.c.d, so that there is one form
 *           of each address and one comparison.
 * Source    Knoop; the ranges are IANA's special-purpose registries (RFC 6890).
 *           EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_ADDR_H
#define KNOOP_SYS_HTTP_ADDR_H

#include "base/err.h"

struct sockaddr;

struct addr {
    uint8_t ip[16];
};
struct addr_range {
    struct addr base;
    unsigned bits; /* of 128 */
};

enum { ADDR_TEXT = 48 };

/* "192.0.2.1", "2001:db8::1", and "[2001:db8::1]". No name, no port, no zone. */
bool addr_parse(struct str text, struct addr *out) NODISCARD;
bool addr_of_sockaddr(const struct sockaddr *sa, struct addr *out) NODISCARD;
struct str addr_text(char room[ADDR_TEXT], const struct addr *a);
bool addr_is_loopback(const struct addr *a);
/* May only we ourselves lead there? Everything that is not public unicast. */
bool addr_is_guarded(const struct addr *a);

/* "10.0.0.0/8", "fd00::/8", or an address alone. Bits beyond the prefix: refused. */
bool addr_range_parse(struct str text, struct addr_range *out) NODISCARD;
bool addr_in(const struct addr *a, const struct addr_range *ranges, size_t n);

/* "host:port" or "host", host perhaps in []; false when it has no such form. */
bool addr_split(struct str text, struct str *host, struct str *port) NODISCARD;

#endif
