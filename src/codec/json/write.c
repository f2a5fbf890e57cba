/*
 * write.c - from values to text. Sticky: the first failure is told at the end.
 *
 * Rule      RFC 8259 7: quotation mark, backslash and control characters are
 *           escaped, in the short form where there is one (as RFC 8785 3.2.2.2
 *           has it), all else stands as it is.
 * Trust     Bytes that are no UTF-8 become U+FFFD: what a stranger sends never
 *           makes our JSON ill-formed.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WRITER_DEPTH_MAX = 64 };

void
json_out_init(struct json_out *js, struct arena *a)
{
    *js = (struct json_out){ .depth = 0 };
    buf_init(&js->buf, a);
}

static uint64_t
bit(const struct json_out *js)
{
    return UINT64_C(1) << (js->depth - 1);
}

/* Before every value: a comma where one is due, and is a value due at all? */
static void
before(struct json_out *js)
{
    if (js->key_) {
        js->key_ = false;
        return;
    }
    if (js->depth == 0) {
        assert(js->buf.n == 0 || js->buf.failed); /* one value at the top */
        return;
    }
    assert((js->object_ & bit(js)) == 0); /* a member needs its name */
    if (js->comma_ & bit(js))
        buf_c(&js->buf, ',');
    js->comma_ |= bit(js);
}

static void
open_container(struct json_out *js, char c)
{
    before(js);
    assert(js->depth < WRITER_DEPTH_MAX);
    buf_c(&js->buf, c);
    js->depth++;
    js->comma_ &= ~bit(js);
    js->object_ = c == '{' ? js->object_ | bit(js) : js->object_ & ~bit(js);
}

void
json_object(struct json_out *js)
{
    open_container(js, '{');
}

void
json_array(struct json_out *js)
{
    open_container(js, '[');
}

void
json_end(struct json_out *js)
{
    assert(js->depth > 0 && !js->key_);
    buf_c(&js->buf, js->object_ & bit(js) ? '}' : ']');
    js->depth--;
}

/* The length of the well-formed character at s.p[0]; 0 when it is none. */
static size_t
character(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

    return n <= s.n && str_is_utf8(str_sub(s, 0, n)) ? n : 0;
}

static void
escaped(struct buf *b, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* 8 to 13; 11 has no name */

    if (c == '"' || c == '\\') {
        buf_c(b, '\\');
        buf_c(b, (char)c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        buf_c(b, '\\');
        buf_c(b, names[c - 8]);
    } else {
        buf_printf(b, "\\u%04x", c);
    }
}

/* Eight bytes of ASCII of which none is a quotation mark, a backslash or a control? */
static bool
is_plain(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t w, mark, slash;

    memcpy(&w, p, sizeof(w));
    mark = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return (((mark - ones) | (slash - ones) | (w - ones * 0x20) | w) & high) == 0;
}

/* How many bytes at the beginning are ASCII and need no escape? */
static size_t
plain_run(struct str s)
{
    size_t i = 0;

    while (s.n - i >= 8 && is_plain(s.p + i))
        i += 8;
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return i;
}

/* From `i` on, of which all before is plain. */
static void
put_escaped(struct buf *b, struct str s, size_t i)
{
    bool clean = str_is_utf8(str_sub(s, i, s.n));
    size_t from = 0, n;

    for (; i < s.n; i += n + plain_run(str_sub(s, i + n, s.n))) {
        unsigned char c = (unsigned char)s.p[i];

        n = clean ? 1 : character(str_sub(s, i, s.n));
        if (n != 0 && c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s.p + from, i - from);
        if (n == 0)
            buf_z(b, "\xEF\xBF\xBD");
        else
            escaped(b, c);
        n = 1;
        from = i + 1;
    }
    buf_add(b, s.p + from, s.n - from);
}

static void
quoted(struct buf *b, struct str s)
{
    size_t plain = plain_run(s);

    buf_c(b, '"');
    if (plain == s.n)
        buf_str(b, s);
    else
        put_escaped(b, s, plain);
    buf_c(b, '"');
}

/* Before every name: a comma where one is due. */
static void
before_name(struct json_out *js)
{
    assert(js->depth > 0 && (js->object_ & bit(js)) != 0 && !js->key_);
    if (js->comma_ & bit(js))
        buf_c(&js->buf, ',');
    js->comma_ |= bit(js);
    js->key_ = true;
}

void
json_key_str(struct json_out *js, struct str name)
{
    before_name(js);
    quoted(&js->buf, name);
    buf_c(&js->buf, ':');
}

void
json_key_raw(struct json_out *js, struct str text)
{
    before_name(js);
    buf_str(&js->buf, text);
}

void
json_key(struct json_out *js, const char *name)
{
    json_key_str(js, str_of(name));
}

void
json_put_str(struct json_out *js, struct str s)
{
    before(js);
    quoted(&js->buf, s);
}

void
json_put_null(struct json_out *js)
{
    json_put_raw(js, S("null"));
}

void
json_put_z(struct json_out *js, const char *z)
{
    if (z == NULL)
        json_put_null(js);
    else
        json_put_str(js, str_of(z));
}

void
json_put_i64(struct json_out *js, int64_t v)
{
    before(js);
    if (v < 0)
        buf_c(&js->buf, '-');
    buf_u64(&js->buf, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void
json_put_bool(struct json_out *js, bool v)
{
    json_put_raw(js, v ? S("true") : S("false"));
}

void
json_put_raw(struct json_out *js, struct str text)
{
    before(js);
    buf_str(&js->buf, text);
}

void
json_put(struct json_out *js, const json *v)
{
    struct yyjson_alc alc = json__allocator(js->buf.arena);
    size_t n = 0;
    char *text;

    if (v == NULL) {
        json_put_null(js);
        return;
    }
    before(js);
    text = yyjson_val_write_opts(v, 0, &alc, &n, NULL);
    if (text == NULL)
        js->buf.failed = true;
    else
        buf_add(&js->buf, text, n);
}

void
json_member(struct json_out *js, const char *name, struct str value)
{
    json_key(js, name);
    json_put_str(js, value);
}

void
json_member_z(struct json_out *js, const char *name, const char *value)
{
    json_key(js, name);
    json_put_z(js, value);
}

void
json_member_i64(struct json_out *js, const char *name, int64_t value)
{
    json_key(js, name);
    json_put_i64(js, value);
}

void
json_member_bool(struct json_out *js, const char *name, bool value)
{
    json_key(js, name);
    json_put_bool(js, value);
}

void
json_member_json(struct json_out *js, const char *name, const json *value)
{
    json_key(js, name);
    json_put(js, value);
}

err_t
json_out_done(struct ctx *cx, struct json_out *js, struct str *out)
{
    assert(js->depth == 0 && !js->key_);
    return buf_done(cx, &js->buf, out);
}

err_t
json_text(struct ctx *cx, const json *v, struct str *out)
{
    struct json_out js;

    json_out_init(&js, cx->arena);
    json_put(&js, v);
    return json_out_done(cx, &js, out);
}

/* Shortest digits that read back as `v`: yyjson finds them, we place the point. */
static size_t
shortest(double v, char digits[32], int *point)
{
    char room[512];
    struct yyjson_alc alc;
    json number = { 0 };
    size_t n = 0, len = 0;
    int exponent = 0, before_point = -1;
    char *text;

    yyjson_alc_pool_init(&alc, room, sizeof(room));
    number.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
    number.uni.f64 = v;
    text = yyjson_val_write_opts(&number, 0, &alc, &len, NULL);
    assert(text != NULL && len < 32);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '.') {
            before_point = (int)n;
        } else if (*p == 'e' || *p == 'E') {
            bool minus = p[1] == '-';

            for (p += p[1] == '-' || p[1] == '+' ? 2 : 1; *p != '\0'; p++)
                exponent = exponent * 10 + (*p - '0');
            exponent = minus ? -exponent : exponent;
            break;
        } else {
            digits[n++] = *p;
        }
    }
    *point = (before_point < 0 ? (int)n : before_point) + exponent;
    for (; n > 1 && digits[0] == '0'; n--, --*point)
        memmove(digits, digits + 1, n - 1);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* ECMA-262 6.1.6.1.20 (Number::toString), where k is n, and n is `point`. */
struct str
json_es_number(char room[JSON_ES_NUMBER], double v)
{
    char digits[32], *at = room;
    int point, k;

    assert(isfinite(v));
    if (fpclassify(v) == FP_ZERO) { /* -0 too */
        room[0] = '0';
        room[1] = '\0';
        return (struct str){ room, 1 };
    }
    if (v < 0)
        *at++ = '-';
    k = (int)shortest(fabs(v), digits, &point);
    if (point > 21 || point < -5) {
        *at++ = digits[0];
        if (k > 1) {
            *at++ = '.';
            at = (char *)memcpy(at, digits + 1, (size_t)k - 1) + k - 1;
        }
        at += snprintf(at, 8, "e%+d", point - 1);
    } else {
        for (int i = point < 1 ? point - 1 : 0; i < k || i < point; i++) {
            if (i == point && point > 0)
                *at++ = '.';
            *at++ = i >= 0 && i < k ? digits[i] : '0';
            if (i == point - 1 && point < 1)
                *at++ = '.';
        }
    }
    *at = '\0';
    return (struct str){ room, (size_t)(at - room) };
}
