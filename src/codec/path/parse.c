/*
 * parse.c - a query read: RFC 9535 2.1 to 2.3 but for filters (filter.c).
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/path/path_int.h"

#include <string.h>

#define INTEGER_MAX INT64_C(9007199254740991) /* RFC 9535 2.1: I-JSON */

err_t
path__bad(struct path_reader *r, const char *what)
{
    return refuse(r->cx, ERR_BAD_REQUEST, "RFC 9535 2.1", "JSONPath: %s at byte %zu", what,
                  r->at);
}

int
path__peek(const struct path_reader *r)
{
    return r->at < r->in.n ? (unsigned char)r->in.p[r->at] : -1;
}

bool
path__eat(struct path_reader *r, const char *z)
{
    if (!str_starts(str_sub(r->in, r->at, r->in.n), str_of(z)))
        return false;
    r->at += strlen(z);
    return true;
}

void
path__space(struct path_reader *r)
{
    while (r->at < r->in.n && strchr(" \t\n\r", r->in.p[r->at]) != NULL &&
           r->in.p[r->at] != '\0')
        r->at++;
}

static bool
digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool
name_first(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

bool
path__string_here(const struct path_reader *r)
{
    return path__peek(r) == '"' || path__peek(r) == '\'';
}

static bool
hex4(struct path_reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = path__peek(r), v = digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;

        if (!digit(c) && (v < 10 || v > 15))
            return false;
        *out = *out << 4 | (uint32_t)v;
    }
    return true;
}

static void
put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_c(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_c(b, (char)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_c(b, (char)(0xE0 | c >> 12));
        } else {
            buf_c(b, (char)(0xF0 | c >> 18));
            buf_c(b, (char)(0x80 | (c >> 12 & 0x3F)));
        }
        buf_c(b, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    buf_c(b, (char)(0x80 | (c & 0x3F)));
}

/* Behind the backslash. `quote` is the one that the string stands in. */
static err_t
escape(struct path_reader *r, struct buf *b, int quote)
{
    static const char from[] = "bfnrt/\\", to[] = "\b\f\n\r\t/\\";
    int c = path__peek(r);
    const char *known = c > 0 && c < 0x80 ? strchr(from, c) : NULL;
    uint32_t u, low;

    if (c == quote || known != NULL) {
        buf_c(b, c == quote ? (char)c : to[known - from]);
        r->at++;
        return ERR_OK;
    }
    if (!path__eat(r, "u") || !hex4(r, &u) || (u >= 0xDC00 && u < 0xE000))
        return path__bad(r, "no such escape");
    if (u >= 0xD800 && u < 0xDC00) {
        if (!path__eat(r, "\\u") || !hex4(r, &low) || low < 0xDC00 || low > 0xDFFF)
            return path__bad(r, "half a surrogate pair");
        u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
    }
    put_utf8(b, u);
    return ERR_OK;
}

err_t
path__string(struct path_reader *r, struct str *out)
{
    struct buf b;
    int quote = path__peek(r), c;
    err_t e;

    *out = S("");
    buf_init(&b, r->cx->arena);
    for (r->at++; (c = path__peek(r)) != quote;) {
        if (c < 0x20)
            return path__bad(r, c < 0 ? "a string does not end" : "a control character");
        r->at++;
        if (c != '\\')
            buf_c(&b, (char)c);
        else if ((e = escape(r, &b, quote)) != ERR_OK)
            return e;
    }
    r->at++;
    return buf_done(r->cx, &b, out);
}

/* int of RFC 9535 2.3.3.1: no leading zero, no -0, within I-JSON's range. */
static err_t
integer(struct path_reader *r, int64_t *out)
{
    size_t from = r->at;
    struct str text;

    *out = 0;
    path__eat(r, "-");
    while (digit(path__peek(r)))
        r->at++;
    text = str_sub(r->in, from, r->at);
    if (!str_to_i64(text, out) || *out > INTEGER_MAX || *out < -INTEGER_MAX)
        return path__bad(r, "no integer, or one out of range");
    if (text.p[0] == '-' ? text.p[1] == '0' : text.n > 1 && text.p[0] == '0')
        return path__bad(r, "an integer with a leading zero, or -0");
    return ERR_OK;
}

static bool
integer_here(const struct path_reader *r)
{
    return digit(path__peek(r)) || path__peek(r) == '-';
}

/* index-selector or slice-selector (2.3.4.1). */
static err_t
index_or_slice(struct path_reader *r, struct path_selector *s)
{
    size_t end;
    err_t e;

    s->kind = SELECT_INDEX;
    s->step = 1;
    if ((s->has_start = integer_here(r)) && (e = integer(r, &s->start)) != ERR_OK)
        return e;
    end = r->at;
    path__space(r);
    if (!path__eat(r, ":")) {
        r->at = end;
        return s->has_start ? ERR_OK : path__bad(r, "no selector");
    }
    s->kind = SELECT_SLICE;
    path__space(r);
    if ((s->has_end = integer_here(r)) && (e = integer(r, &s->end)) != ERR_OK)
        return e;
    end = r->at;
    path__space(r);
    if (!path__eat(r, ":")) {
        r->at = end;
        return ERR_OK;
    }
    end = r->at;
    path__space(r);
    if (integer_here(r))
        return integer(r, &s->step);
    r->at = end;
    return ERR_OK;
}

static err_t
selector(struct path_reader *r, struct path_selector *s)
{
    if (path__string_here(r)) {
        s->kind = SELECT_NAME;
        return path__string(r, &s->name);
    }
    if (path__eat(r, "*")) {
        s->kind = SELECT_WILDCARD;
        return ERR_OK;
    }
    if (path__eat(r, "?")) {
        s->kind = SELECT_FILTER;
        path__space(r);
        return path__filter(r, &s->filter);
    }
    return index_or_slice(r, s);
}

/* bracketed-selection, behind "[". */
static err_t
bracketed(struct path_reader *r, struct path_segment *segment)
{
    struct path_selector **last = &segment->selectors;
    err_t e;

    do {
        struct path_selector *s = arena_new(r->cx->arena, struct path_selector);

        if (s == NULL)
            return refuse_memory(r->cx);
        path__space(r);
        if ((e = selector(r, s)) != ERR_OK)
            return e;
        *last = s;
        last = &s->next;
        path__space(r);
    } while (path__eat(r, ","));
    return path__eat(r, "]") ? ERR_OK : path__bad(r, "a bracket does not end");
}

/* wildcard-selector or member-name-shorthand (2.5.1.1). */
static err_t
dotted(struct path_reader *r, struct path_segment *segment)
{
    struct path_selector *s = arena_new(r->cx->arena, struct path_selector);
    size_t from = r->at;

    if (s == NULL)
        return refuse_memory(r->cx);
    segment->selectors = s;
    s->kind = SELECT_WILDCARD;
    if (path__eat(r, "*"))
        return ERR_OK;
    s->kind = SELECT_NAME;
    if (!name_first(path__peek(r)))
        return path__bad(r, "no name");
    while (name_first(path__peek(r)) || digit(path__peek(r)))
        r->at++;
    s->name = str_sub(r->in, from, r->at);
    return ERR_OK;
}

static err_t
segment_content(struct path_reader *r, struct path_segment *segment)
{
    if (path__eat(r, ".."))
        segment->descendant = true;
    else if (path__eat(r, "."))
        return dotted(r, segment);
    return path__eat(r, "[") ? bracketed(r, segment) : dotted(r, segment);
}

static bool
singular(const struct path_segment *s)
{
    return !s->descendant && s->selectors->next == NULL &&
           (s->selectors->kind == SELECT_NAME || s->selectors->kind == SELECT_INDEX);
}

err_t
path__query(struct path_reader *r, struct path **out)
{
    struct path *q = arena_new(r->cx->arena, struct path);
    struct path_segment **last;
    err_t e;

    *out = NULL;
    if (q == NULL)
        return refuse_memory(r->cx);
    q->singular = true;
    q->relative = path__eat(r, "@");
    if (!q->relative && !path__eat(r, "$"))
        return path__bad(r, "a query begins with $");
    for (last = &q->segments;; last = &(*last)->next) {
        size_t end = r->at;

        path__space(r);
        if (path__peek(r) != '.' && path__peek(r) != '[') {
            r->at = end; /* space belongs to what follows */
            *out = q;
            return ERR_OK;
        }
        if ((*last = arena_new(r->cx->arena, struct path_segment)) == NULL)
            return refuse_memory(r->cx);
        if ((e = segment_content(r, *last)) != ERR_OK)
            return e;
        q->singular &= singular(*last);
    }
}

err_t
path_parse(struct ctx *cx, struct str text, struct path **out)
{
    struct path_reader r = { .cx = cx, .in = text };
    struct path *q;
    err_t e;

    *out = NULL;
    if (text.n > PATH_TEXT_MAX)
        return refuse(cx, ERR_LIMIT, "RFC 9535 4", "JSONPath: %zu bytes", text.n);
    if (!str_is_utf8(text))
        return path__bad(&r, "no UTF-8");
    if (path__peek(&r) != '$')
        return path__bad(&r, "a query begins with $");
    if ((e = path__query(&r, &q)) != ERR_OK)
        return e;
    if (r.at != text.n)
        return path__bad(&r, "something follows the query");
    *out = q;
    return ERR_OK;
}
