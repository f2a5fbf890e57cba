/*
 * did_parse.c - the syntax of DIDs and DID URLs (DID Core 3.1, 3.2).
 *
 * Trust   Text from strangers; what passes holds only idchars, colons and
 *         sound percent-encodings, so it may stand in a URL or a log.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"

#include <string.h>

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_idchar(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
           c == '-' || c == '_';
}

/* method-specific-id = *( *idchar ":" ) 1*idchar */
static bool
is_id(struct str s)
{
    size_t i;

    if (s.n == 0 || s.p[s.n - 1] == ':')
        return false;
    for (i = 0; i < s.n; i++) {
        if (is_idchar(s.p[i]) || s.p[i] == ':')
            continue;
        if (s.p[i] != '%' || i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
            return false;
        i += 2;
    }
    return true;
}

static bool
is_method(struct str s)
{
    size_t i;

    for (i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'z'))
            return false;
    return s.n != 0;
}

/* RFC 3986 3.5: pchar, '/' and '?'. */
static bool
is_fragment(struct str s)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        if (is_idchar(s.p[i]) || strchr("~!$&'()*+,;=:@/?", s.p[i]) != NULL)
            continue;
        if (s.p[i] != '%' || i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
            return false;
        i += 2;
    }
    return s.n != 0 && memchr(s.p, '\0', s.n) == NULL;
}

err_t
did_parse(struct ctx *cx, struct str text, struct did *out)
{
    struct str rest = text;
    struct did d = { .text = text };

    memset(out, 0, sizeof(*out));
    if (text.n > DID_MAX)
        return refuse(cx, ERR_DID_INVALID, "DID Core 3.1", "longer than %d bytes", DID_MAX);
    if (!str_starts(text, S("did:")))
        return refuse(cx, ERR_DID_INVALID, "DID Core 3.1", "it does not begin with 'did:'");
    rest = str_sub(rest, 4, rest.n);
    d.method = str_cut(&rest, ':');
    d.id = rest;
    if (!is_method(d.method))
        return refuse(cx, ERR_DID_INVALID, "DID Core 3.1", "the method name is not one");
    if (!is_id(d.id))
        return refuse(cx, ERR_DID_INVALID, "DID Core 3.1",
                      "the method-specific identifier is empty or holds what it may not");
    *out = d;
    return ERR_OK;
}

err_t
did_url_parse(struct ctx *cx, struct str text, struct did *out)
{
    size_t cut = str_find(text, '#');
    struct str fragment = { NULL, 0 };
    err_t e;

    memset(out, 0, sizeof(*out));
    if (cut < text.n) {
        fragment = str_sub(text, cut + 1, text.n);
        if (!is_fragment(fragment))
            return refuse(cx, ERR_DID_INVALID, "RFC 3986 3.5", "the fragment is not one");
    }
    if ((e = did_parse(cx, str_sub(text, 0, cut), out)) != ERR_OK)
        return e;
    out->fragment = fragment;
    return ERR_OK;
}

struct str
did_of_url(struct str url)
{
    struct str did = str_sub(url, 0, str_find(url, '#'));

    return str_starts(did, S("did:")) ? did : (struct str){ NULL, 0 };
}
