/*
 * uri.c - a reference and its base make a URI: RFC 3986 5.2.2.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/schema/schema_int.h"

#include <string.h>

struct uri {
    struct str scheme, authority, path, query, fragment;
    bool has_scheme, has_authority, has_query, has_fragment;
};

static struct uri
split(struct str s)
{
    struct uri u = { .scheme = S("") };
    size_t at = 0;

    while (at < s.n && s.p[at] != ':' && s.p[at] != '/' && s.p[at] != '?' && s.p[at] != '#')
        at++;
    if (at > 0 && at < s.n && s.p[at] == ':') {
        u.scheme = str_sub(s, 0, at);
        u.has_scheme = true;
        s = str_sub(s, at + 1, s.n);
    }
    if ((u.has_fragment = str_find(s, '#') < s.n)) {
        u.fragment = s;
        s = str_cut(&u.fragment, '#');
    }
    if ((u.has_query = str_find(s, '?') < s.n)) {
        u.query = s;
        s = str_cut(&u.query, '?');
    }
    if ((u.has_authority = str_starts(s, S("//")))) {
        s = str_sub(s, 2, s.n);
        at = str_find(s, '/');
        u.authority = str_sub(s, 0, at);
        s = str_sub(s, at, s.n);
    }
    u.path = s;
    return u;
}

/* 5.2.4, in place: `p` holds n bytes. Returns what is left of them. */
static size_t
remove_dots(char *p, size_t n)
{
    size_t out = 0;

    for (size_t i = 0; i < n;) {
        size_t end = i + (p[i] == '/');
        size_t len;

        while (end < n && p[end] != '/')
            end++;
        len = end - i;
        if ((len == 2 && memcmp(p + i, "/.", 2) == 0) || (len == 1 && p[i] == '.')) {
            if (end == n && p[i] == '/')
                p[out++] = '/';
        } else if ((len == 3 && memcmp(p + i, "/..", 3) == 0) ||
                   (len == 2 && memcmp(p + i, "..", 2) == 0)) {
            while (out > 0 && p[--out] != '/')
                continue;
            if (end == n && p[i] == '/')
                p[out++] = '/';
        } else {
            memmove(p + out, p + i, len);
            out += len;
        }
        i = end;
    }
    return out;
}

/* 5.2.3 and 5.2.4: the path of a relative reference. */
static err_t
merge(struct ctx *cx, const struct uri *base, struct str path, struct str *out)
{
    struct buf b;
    size_t n = base->path.n;
    err_t e;

    buf_init(&b, cx->arena);
    while (n > 0 && base->path.p[n - 1] != '/')
        n--;
    if (str_starts(path, S("/")))
        n = 0;
    else if (base->has_authority && base->path.n == 0)
        buf_c(&b, '/');
    buf_str(&b, str_sub(base->path, 0, n));
    buf_str(&b, path);
    if ((e = buf_done(cx, &b, out)) == ERR_OK)
        out->n = remove_dots(b.p, b.n);
    return e;
}

static err_t
join(struct ctx *cx, const struct uri *u, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    if (u->has_scheme) {
        buf_str(&b, u->scheme);
        buf_c(&b, ':');
    }
    if (u->has_authority) {
        buf_z(&b, "//");
        buf_str(&b, u->authority);
    }
    buf_str(&b, u->path);
    if (u->has_query) {
        buf_c(&b, '?');
        buf_str(&b, u->query);
    }
    if (u->has_fragment && u->fragment.n != 0) { /* an empty one names the whole */
        buf_c(&b, '#');
        buf_str(&b, u->fragment);
    }
    return buf_done(cx, &b, out);
}

err_t
schema__uri(struct ctx *cx, struct str base, struct str ref, struct str *out)
{
    struct uri b = split(base), r = split(ref), t = r;
    err_t e = ERR_OK;

    *out = S("");
    if ((r.has_scheme || r.has_authority) && str_starts(r.path, S("/")))
        e = merge(cx, &b, r.path, &t.path);
    if (!r.has_scheme && !r.has_authority) {
        t.authority = b.authority;
        t.has_authority = b.has_authority;
        if (r.path.n == 0) {
            t.path = b.path;
            t.query = r.has_query ? r.query : b.query;
            t.has_query = r.has_query || b.has_query;
        } else {
            e = merge(cx, &b, r.path, &t.path);
        }
    }
    if (!r.has_scheme) {
        t.scheme = b.scheme;
        t.has_scheme = b.has_scheme;
    }
    return e == ERR_OK ? join(cx, &t, out) : e;
}
