/*
 * x509_names.c - is this certificate for that name?
 *
 * Rule      RFC 9525: alternative names only, never the common name; a star is
 *           a whole leftmost label over at least two labels.
 * Source    Knoop. EUPL-1.2.
 */
#include <arpa/inet.h>
#include <string.h>

#include "crypto/x509/x509_int.h"

static bool
label_valid(struct str l)
{
    if (l.n == 0 || l.n > 63 || l.p[0] == '-' || l.p[l.n - 1] == '-')
        return false;
    for (size_t i = 0; i < l.n; i++) {
        char c = l.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-'))
            return false;
    }
    return true;
}

static bool
is_ip(struct str s)
{
    char z[64];
    uint8_t out[16];

    if (s.n == 0 || s.n >= sizeof(z))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(AF_INET, z, out) == 1 || inet_pton(AF_INET6, z, out) == 1;
}

bool
x509__dns_valid(struct str name, bool wildcard)
{
    struct str rest = name;
    size_t labels = 0;
    bool star = wildcard && str_starts(name, S("*."));

    if (name.n == 0 || name.n > 253 || is_ip(name) || name.p[name.n - 1] == '.')
        return false;
    if (star)
        rest = str_sub(name, 2, name.n);
    while (rest.n != 0) {
        if (!label_valid(str_cut(&rest, '.')))
            return false;
        labels++;
    }
    return labels >= (star ? 2u : 1u);
}

static bool
dns_matches(struct str pattern, struct str name)
{
    size_t dot;

    if (!x509__dns_valid(pattern, true))
        return false;
    if (!str_starts(pattern, S("*.")))
        return str_eq_case(pattern, name);
    dot = str_find(name, '.');
    return dot != 0 && dot < name.n &&
           str_eq_case(str_sub(pattern, 1, pattern.n), str_sub(name, dot, name.n));
}

/* RFC 5280 4.2.1.6: the mailbox as it stands, the host without regard to case. */
static bool
email_matches(struct str a, struct str b)
{
    size_t i = str_find(a, '@'), j = str_find(b, '@');

    return i != 0 && i + 1 < a.n && i == j && str_eq(str_sub(a, 0, i), str_sub(b, 0, j)) &&
           str_eq_case(str_sub(a, i, a.n), str_sub(b, j, b.n));
}

/* Both as addresses, so that two spellings of one are one. */
static bool
ip_matches(struct str canonical, struct str wanted)
{
    char z[64], text[INET6_ADDRSTRLEN];
    uint8_t out[16];
    int family =
        memchr(wanted.n ? wanted.p : "", ':', wanted.n) == NULL ? AF_INET : AF_INET6;

    if (wanted.n == 0 || wanted.n >= sizeof(z))
        return false;
    memcpy(z, wanted.p, wanted.n);
    z[wanted.n] = '\0';
    return inet_pton(family, z, out) == 1 &&
           inet_ntop(family, out, text, sizeof(text)) != NULL && str_is(canonical, text);
}

static bool
matches(const struct cert_san *san, const struct x509_name *want)
{
    if (san->type != want->type)
        return false;
    switch (want->type) {
    case CERT_SAN_DNS: return dns_matches(san->value, want->value);
    case CERT_SAN_IP: return ip_matches(san->value, want->value);
    case CERT_SAN_EMAIL: return email_matches(san->value, want->value);
    case CERT_SAN_NONE:
    case CERT_SAN_URI:
    case CERT_SAN_OTHER_NAME:
    case CERT_SAN_ELSE: break;
    }
    return false;
}

err_t
x509__names(struct ctx *cx, const struct cert *leaf, const struct x509_want *want)
{
    struct cert_sans sans;
    err_t e;

    if (want->names_count == 0)
        return ERR_OK;
    if ((e = cert_san(cx, leaf, &sans)) != ERR_OK)
        return e;
    for (size_t i = 0; i < want->names_count; i++) {
        bool found = false;

        if (want->names[i].type == CERT_SAN_DNS &&
            !x509__dns_valid(want->names[i].value, false))
            return refuse(cx, ERR_CERT_NAME, "RFC 9525 4",
                          "what was asked for is no DNS name");
        for (size_t j = 0; !found && j < sans.count; j++)
            found = matches(&sans.at[j], &want->names[i]);
        if (!found)
            return refuse(cx, ERR_CERT_NAME, "RFC 9525 6",
                          "the certificate is not for '%.*s'", STR(want->names[i].value));
    }
    return ERR_OK;
}
