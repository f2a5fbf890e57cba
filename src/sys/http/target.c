/* target.c - the request target and form bodies. EUPL-1.2. */
#include "sys/http/target.h"
#include "sys/http/addr.h"

#include <string.h>

/* RFC 3986 3.3: pchar and '/', without '%'. */
static bool
is_path_char(unsigned char c)
{
    static const char also[] = "-._~!$&'()*+,;=:@/";

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(also, c) != NULL);
}

/* '|' is not for queries by RFC 3986, but FHIR clients send it bare in tokens. */
static bool
is_query_char(unsigned char c)
{
    return is_path_char(c) || c == '?' || c == '|' || c == '[' || c == ']';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that %XX at `i` stands for; -1 when it is none. */
static int
encoded(struct str s, size_t i)
{
    int hi, lo;

    if (i + 2 >= s.n || (hi = hex_digit(s.p[i + 1])) < 0 ||
        (lo = hex_digit(s.p[i + 2])) < 0)
        return -1;
    return hi * 16 + lo;
}

static err_t
check_path(struct ctx *cx, struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        int byte = c;

        if (c == '%') {
            byte = encoded(path, i);
            if (byte < 0)
                return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 2.1",
                              "path: a bad %%XX at %zu", i);
            if (byte == '/' || byte == '\\' || byte < 0x20 || byte == 0x7F)
                return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 7.3",
                              "path: an encoded byte %02x at %zu", (unsigned)byte, i);
            i += 2;
        } else if (!is_path_char(c)) {
            return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 3.3", "path: a byte %02x at %zu",
                          (unsigned)c, i);
        }
    }
    return ERR_OK;
}

/* "." and "..", in any mixture of plain and encoded. */
static bool
is_dots(struct str segment)
{
    size_t dots = 0;

    for (size_t i = 0; i < segment.n; i++, dots++) {
        if (segment.p[i] == '%' && encoded(segment, i) == '.')
            i += 2;
        else if (segment.p[i] != '.')
            return false;
    }
    return dots == 1 || dots == 2;
}

static err_t
check_segments(struct ctx *cx, struct str path)
{
    struct str rest = str_sub(path, 1, path.n);

    while (rest.n > 0) {
        struct str segment = str_cut(&rest, '/');

        if (is_dots(segment))
            return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 5.2.4", "path: a dot segment");
        if (segment.n == 0)
            return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 3.3", "path: an empty segment");
    }
    return ERR_OK;
}

static err_t
check_query(struct ctx *cx, struct str query)
{
    for (size_t i = 0; i < query.n; i++) {
        unsigned char c = (unsigned char)query.p[i];

        if (c == '%') {
            int byte = encoded(query, i);

            if (byte <= 0) /* -1: none; 0: NUL */
                return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 2.1",
                              "query: a bad %%XX at %zu", i);
            i += 2;
        } else if (!is_query_char(c)) {
            return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 3.4", "query: a byte %02x at %zu",
                          (unsigned)c, i);
        }
    }
    return ERR_OK;
}

err_t
target_parse(struct ctx *cx, struct str raw, struct target *out)
{
    struct str rest = raw, path = str_cut(&rest, '?');
    err_t e;

    *out = (struct target){ { NULL, 0 }, { NULL, 0 } };
    if (str_eq(raw, S("*"))) {
        out->path = raw;
        return ERR_OK;
    }
    if (path.n == 0 || path.p[0] != '/')
        return refuse(cx, ERR_BAD_REQUEST, "RFC 9112 3.2.1",
                      "the target is not in origin-form: it does not begin with '/'");
    if ((e = check_path(cx, path)) != ERR_OK || (e = check_segments(cx, path)) != ERR_OK)
        return e;
    if (path.n < raw.n) {
        out->query = str_sub(raw, path.n + 1, raw.n);
        if ((e = check_query(cx, out->query)) != ERR_OK)
            return e;
    }
    out->path = path;
    return ERR_OK;
}

/* --- forms --------------------------------------------------------------------- */

/* Whether a raw member name decodes to `name`, without decoding what cannot. */
static err_t
name_is(struct ctx *cx, struct str raw, struct str name, bool *same)
{
    struct str decoded;
    err_t e;

    *same = str_eq(raw, name);
    if (*same || (memchr(raw.p, '%', raw.n) == NULL && memchr(raw.p, '+', raw.n) == NULL))
        return ERR_OK;
    if ((e = percent_decode(cx, raw, true, &decoded)) != ERR_OK)
        return e;
    *same = str_eq(decoded, name);
    return ERR_OK;
}

static err_t
value_of(struct ctx *cx, struct str raw, struct str name, struct str *out)
{
    err_t e = percent_decode(cx, raw, true, out);

    if (e != ERR_OK)
        return e;
    if (!str_is_utf8(*out) || (out->n > 0 && memchr(out->p, '\0', out->n) != NULL))
        return refuse(cx, ERR_BAD_REQUEST, "WHATWG URL 5.1",
                      "the value of '%.*s' is not UTF-8, or holds a NUL", STR(name));
    return ERR_OK;
}

err_t
form_find(struct ctx *cx, struct str text, struct str name, struct str *out,
          unsigned *count)
{
    *out = (struct str){ NULL, 0 };
    *count = 0;
    while (text.n > 0) {
        struct str value = str_cut(&text, '&'), member;
        bool same;
        err_t e;

        if (value.n == 0)
            continue;
        member = str_cut(&value, '=');
        if (member.n == 0)
            continue;
        if ((e = name_is(cx, member, name, &same)) != ERR_OK)
            return e;
        if (same && (*count)++ == 0 && (e = value_of(cx, value, name, out)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* --- header values ------------------------------------------------------------- */

err_t
media_type(struct ctx *cx, struct str value, struct str *out)
{
    char *p;

    *out = (struct str){ NULL, 0 };
    value = str_trim(str_cut(&value, ';'));
    if ((p = arena_z(cx->arena, value)) == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < value.n; i++) {
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20);
    }
    *out = (struct str){ p, value.n };
    return ERR_OK;
}

static bool
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_';
}

bool
host_is_well_formed(struct str host)
{
    struct str name, port;
    struct addr a;

    if (host.n == 0 || host.n > 255 + 6 || !addr_split(host, &name, &port) || name.n == 0)
        return false;
    if (name.p[0] == '[')
        return addr_parse(name, &a);
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i]))
            return false;
    }
    return true;
}
