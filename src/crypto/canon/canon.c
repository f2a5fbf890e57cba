/*
 * canon.c - JCS (RFC 8785). Recursion is bounded by JSON_DEPTH_MAX.
 * Source    Knoop. EUPL-1.2.
 */
#include "crypto/canon/canon.h"

#include <stdlib.h>

struct member {
    struct str name;
    const json *value;
};

/*
 * UTF-8 sorts by code point; UTF-16 puts the surrogates (what lies beyond
 * U+FFFF, lead bytes F0 and up) before U+E000 to U+FFFF (lead bytes EE and EF).
 */
static int
rank(unsigned char c)
{
    if (c >= 0xF0)
        return c - 2;
    return c >= 0xEE ? c + 8 : c;
}

int
canon_name_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++)
        if (a.p[i] != b.p[i])
            return rank((unsigned char)a.p[i]) - rank((unsigned char)b.p[i]);
    return a.n < b.n ? -1 : a.n > b.n;
}

static int
by_name(const void *a, const void *b)
{
    return canon_name_cmp(((const struct member *)a)->name,
                          ((const struct member *)b)->name);
}

static err_t put(struct ctx *cx, struct json_out *js, struct buf *b, const json *v);

/* A string, escaped as RFC 8785 3.2.2.2 has it, which is as json.h writes. */
static err_t
put_text(struct ctx *cx, struct json_out *js, struct buf *b, struct str s)
{
    struct str text;
    err_t e;

    js->buf.n = 0;
    json_put_str(js, s);
    if ((e = json_out_done(cx, js, &text)) == ERR_OK)
        buf_str(b, text);
    return e;
}

static err_t
put_number(struct ctx *cx, struct buf *b, const json *v)
{
    char room[JSON_ES_NUMBER];
    double d;

    if (!json_double(v, &d))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 8785 3.2.2.3",
                      "JCS: a number beyond a double");
    buf_str(b, json_es_number(room, d));
    return ERR_OK;
}

static err_t
put_array(struct ctx *cx, struct json_out *js, struct buf *b, const json *v)
{
    err_t e = ERR_OK;

    buf_c(b, '[');
    for (json_each(it, v)) {
        if (it.index != 0)
            buf_c(b, ',');
        if ((e = put(cx, js, b, it.value)) != ERR_OK)
            return e;
    }
    buf_c(b, ']');
    return e;
}

static err_t
put_object(struct ctx *cx, struct json_out *js, struct buf *b, const json *v)
{
    size_t n = 0;
    struct member *members = arena_array(cx->arena, json_size(v) + 1, sizeof(*members));
    err_t e = ERR_OK;

    if (members == NULL)
        return refuse_memory(cx);
    for (json_each(it, v))
        members[n++] = (struct member){ it.name, it.value };
    qsort(members, n, sizeof(*members), by_name);
    buf_c(b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            buf_c(b, ',');
        if ((e = put_text(cx, js, b, members[i].name)) != ERR_OK)
            return e;
        buf_c(b, ':');
        if ((e = put(cx, js, b, members[i].value)) != ERR_OK)
            return e;
    }
    buf_c(b, '}');
    return e;
}

static err_t
put(struct ctx *cx, struct json_out *js, struct buf *b, const json *v)
{
    struct str s;
    bool yes;

    switch (json_type(v)) {
    case JSON_NULL: buf_z(b, "null"); return ERR_OK;
    case JSON_BOOL: buf_z(b, json_bool(v, &yes) && yes ? "true" : "false"); return ERR_OK;
    case JSON_NUMBER: return put_number(cx, b, v);
    case JSON_STRING: (void)json_str(v, &s); return put_text(cx, js, b, s);
    case JSON_ARRAY: return put_array(cx, js, b, v);
    case JSON_OBJECT: return put_object(cx, js, b, v);
    case JSON_ABSENT: break;
    }
    return refuse(cx, ERR_BAD_REQUEST, "RFC 8785 3.2", "JCS: there is no value");
}

err_t
canon_jcs(struct ctx *cx, const json *v, struct str *out)
{
    struct json_out strings; /* one scratch buffer for all strings */
    struct buf b;
    err_t e;

    *out = S("");
    json_out_init(&strings, cx->arena);
    buf_init(&b, cx->arena);
    if ((e = put(cx, &strings, &b, v)) != ERR_OK)
        return e;
    return buf_done(cx, &b, out);
}
