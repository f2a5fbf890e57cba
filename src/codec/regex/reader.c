/*
 * reader.c - what both dialects share.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/regex/regex_int.h"

#include <string.h>

/* The text is known to be UTF-8: regex_compile checked it. */
static uint32_t
decode(struct str s, size_t at, size_t *n)
{
    const unsigned char *p = (const unsigned char *)s.p + at;

    if (p[0] < 0x80) {
        *n = 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *n = 2;
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    }
    if (p[0] < 0xF0) {
        *n = 3;
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    }
    *n = 4;
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 |
           (p[3] & 0x3Fu);
}

uint32_t
regex__peek(const struct regex_reader *r)
{
    size_t n;

    return r->at < r->in.n ? decode(r->in, r->at, &n) : REGEX_END;
}

uint32_t
regex__take(struct regex_reader *r)
{
    size_t n = 0;
    uint32_t c;

    if (r->at >= r->in.n)
        return REGEX_END;
    c = decode(r->in, r->at, &n);
    r->at += n;
    return c;
}

bool
regex__eat(struct regex_reader *r, char c)
{
    if (r->at >= r->in.n || r->in.p[r->at] != c)
        return false;
    r->at++;
    return true;
}

bool
regex__eat_z(struct regex_reader *r, const char *z)
{
    if (!str_starts(str_sub(r->in, r->at, r->in.n), str_of(z)))
        return false;
    r->at += strlen(z);
    return true;
}

void
regex__bad(struct regex_reader *r, const char *what)
{
    if (r->e == ERR_OK)
        r->e = refuse(r->cx, ERR_BAD_REQUEST, "", "pattern: %s at byte %zu", what, r->at);
}

void
regex__put(struct regex_reader *r, uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        buf_c(&r->out, (char)c);
    else
        buf_printf(&r->out, "\\x{%x}", (unsigned)c);
}

static bool
number(struct regex_reader *r, size_t *out)
{
    size_t from = r->at;

    for (*out = 0; r->at < r->in.n && r->in.p[r->at] >= '0' && r->in.p[r->at] <= '9';
         r->at++)
        if (*out <= 65535)
            *out = *out * 10 + (size_t)(r->in.p[r->at] - '0');
    return r->at > from;
}

bool
regex__braces(struct regex_reader *r)
{
    size_t from = r->at, least, most;
    bool comma, bounded;

    if (!regex__eat(r, '{') || !number(r, &least)) {
        r->at = from;
        return false;
    }
    most = least;
    comma = regex__eat(r, ',');
    bounded = !comma || number(r, &most);
    if (!regex__eat(r, '}')) {
        r->at = from;
        return false;
    }
    if (least > 65535 || most > 65535) {
        if (r->e == ERR_OK)
            r->e = refuse(r->cx, ERR_LIMIT, "", "pattern: repeated more than 65535 times");
    } else if (bounded && most < least) {
        regex__bad(r, "a quantifier's numbers are out of order");
    }
    if (bounded)
        buf_printf(&r->out, "{%zu,%zu}", least, most);
    else
        buf_printf(&r->out, "{%zu,}", least);
    if (least > r->repeat)
        r->repeat = least;
    return true;
}

bool
regex__category(struct str name)
{
    static const char all[] =
        "L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps "
        "Z Zl Zp Zs S Sc Sk Sm So C Cc Cf Cn Co";
    struct str rest = { all, sizeof(all) - 1 };

    while (rest.n != 0)
        if (str_eq(str_cut(&rest, ' '), name))
            return name.n != 0;
    return false;
}
