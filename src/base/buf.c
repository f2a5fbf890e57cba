/* buf.c - growing bytes, and the text forms of bytes. EUPL-1.2. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
buf_init(struct buf *b, struct arena *a)
{
    *b = (struct buf){ .arena = a };
}

/* Room for `n` more bytes and a NUL, or false and failed. */
static bool
reserve(struct buf *b, size_t n)
{
    size_t want;
    char *p;

    if (b->failed)
        return false;
    if (b->p != NULL && n < b->room - b->n)
        return true;
    if (n > SIZE_MAX / 4 || b->n > SIZE_MAX / 4) {
        b->failed = true;
        return false;
    }
    want = b->room ? 2 * b->room : 256;
    if (want <= b->n + n)
        want = b->n + n + 1;
    p = arena_stretch(b->arena, b->p, b->room, want);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = want;
    return true;
}

void
buf_room(struct buf *b, size_t n)
{
    (void)reserve(b, n);
}

void
buf_add_far(struct buf *b, const void *p, size_t n)
{
    if (reserve(b, n))
        buf_add(b, p, n);
}

void
buf_u64(struct buf *b, uint64_t v)
{
    char room[20], *at = room + sizeof(room);

    do
        *--at = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    buf_add(b, at, (size_t)(room + sizeof(room) - at));
}

void
buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    int n;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (reserve(b, (size_t)n + 1)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
encode(struct buf *b, struct bytes d, const char *alphabet, bool pad)
{
    size_t i;

    if (!reserve(b, d.n / 3 * 4 + 4))
        return;
    for (i = 0; i + 2 < d.n; i += 3) {
        unsigned v = (unsigned)d.p[i] << 16 | (unsigned)d.p[i + 1] << 8 | d.p[i + 2];

        b->p[b->n++] = alphabet[v >> 18];
        b->p[b->n++] = alphabet[v >> 12 & 63];
        b->p[b->n++] = alphabet[v >> 6 & 63];
        b->p[b->n++] = alphabet[v & 63];
    }
    if (i < d.n) {
        bool two = i + 1 < d.n;
        unsigned v = (unsigned)d.p[i] << 16 | (two ? (unsigned)d.p[i + 1] << 8 : 0);

        b->p[b->n++] = alphabet[v >> 18];
        b->p[b->n++] = alphabet[v >> 12 & 63];
        if (two)
            b->p[b->n++] = alphabet[v >> 6 & 63];
        if (pad) {
            b->p[b->n++] = '=';
            if (!two)
                b->p[b->n++] = '=';
        }
    }
    b->p[b->n] = '\0';
}

void
buf_b64url(struct buf *b, struct bytes data)
{
    encode(b, data, url_alphabet, false);
}

void
buf_b64(struct buf *b, struct bytes data)
{
    encode(b, data, std_alphabet, true);
}

void
buf_hex(struct buf *b, struct bytes d)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < d.n; i++) {
        buf_c(b, digits[d.p[i] >> 4]);
        buf_c(b, digits[d.p[i] & 15]);
    }
}

static bool
unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

void
buf_percent(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (!reserve(b, 3))
            return;
        if (unreserved(s.p[i])) {
            b->p[b->n++] = s.p[i];
            continue;
        }
        b->p[b->n++] = '%';
        b->p[b->n++] = digits[c >> 4];
        b->p[b->n++] = digits[c & 15];
    }
    if (reserve(b, 0))
        b->p[b->n] = '\0';
}

err_t
buf_done(struct ctx *cx, struct buf *b, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (!reserve(b, 0))
        return refuse_memory(cx);
    b->p[b->n] = '\0';
    *out = (struct str){ b->p, b->n };
    return ERR_OK;
}

/*
 * By character below 128: its 6 bits, and who does not have it in his alphabet. Those
 * in neither have both bits.
 */
enum { NOT_BASE64 = 0x40, NOT_BASE64URL = 0x80, IN_NEITHER = NOT_BASE64 | NOT_BASE64URL };
static const uint8_t sextets[128] = {
    // clang-format off
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192,
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192,
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 190, 192, 126, 192, 191,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 192, 192, 192, 192, 192, 192,
    192, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 192, 192, 192, 192, 127,
    192, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 192, 192, 192, 192, 192,
    // clang-format on
};

static unsigned
sextet(char c)
{
    return (unsigned char)c < sizeof(sextets) ? sextets[(unsigned char)c] : IN_NEITHER;
}

/* `t` holds no padding any more. */
static err_t
decode(struct ctx *cx, struct str t, bool url, struct bytes *out)
{
    size_t tail = t.n % 4, n = t.n / 4 * 3 + (tail ? tail - 1 : 0), i = 0;
    unsigned bad = url ? NOT_BASE64URL : NOT_BASE64, acc = 0, have = 0;
    uint8_t *p, *at;

    *out = (struct bytes){ NULL, 0 };
    if (tail == 1)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 4",
                      "base64: %zu characters are no bytes", t.n);
    if ((p = at = arena_alloc(cx->arena, n + 1)) == NULL)
        return refuse_memory(cx);
    for (; i + 4 <= t.n; i += 4) { /* four at a time, while all is well */
        unsigned a = sextet(t.p[i]), b = sextet(t.p[i + 1]);
        unsigned c = sextet(t.p[i + 2]), d = sextet(t.p[i + 3]);

        if (((a | b | c | d) & bad) != 0)
            break;
        acc = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
        *at++ = (uint8_t)(acc >> 16);
        *at++ = (uint8_t)(acc >> 8);
        *at++ = (uint8_t)acc;
    }
    for (acc = 0; i < t.n; i++) {
        unsigned v = sextet(t.p[i]);

        if ((v & bad) != 0)
            return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 3.3",
                          "base64: character %zu is not in the alphabet", i);
        acc = acc << 6 | (v & 63);
        if ((have += 6) >= 8) {
            have -= 8;
            *at++ = (uint8_t)(acc >> have);
        }
    }
    if ((acc & ((1u << have) - 1)) != 0)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 3.5",
                      "base64: left-over bits are not zero");
    *out = (struct bytes){ p, n };
    return ERR_OK;
}

err_t
b64url_decode(struct ctx *cx, struct str text, struct bytes *out)
{
    return decode(cx, text, true, out);
}

err_t
b64_decode(struct ctx *cx, struct str text, struct bytes *out)
{
    size_t pad = 0;

    *out = (struct bytes){ NULL, 0 };
    if (text.n % 4 != 0)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 3.2", "base64: padding is missing");
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    return decode(cx, str_sub(text, 0, text.n - pad), false, out);
}

static unsigned
nibble(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

err_t
hex_decode(struct ctx *cx, struct str t, struct bytes *out)
{
    uint8_t *p = arena_alloc(cx->arena, t.n / 2 + 1);

    *out = (struct bytes){ NULL, 0 };
    if (p == NULL)
        return refuse_memory(cx);
    if (t.n % 2 != 0)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 8", "hex: an odd number of digits");
    for (size_t i = 0; i < t.n; i += 2) {
        unsigned hi = nibble(t.p[i]), lo = nibble(t.p[i + 1]);

        if (hi == 16 || lo == 16)
            return refuse(cx, ERR_BAD_REQUEST, "RFC 4648 8", "hex: not a digit at %zu", i);
        p[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    *out = (struct bytes){ p, t.n / 2 };
    return ERR_OK;
}

err_t
percent_decode(struct ctx *cx, struct str t, bool form, struct str *out)
{
    char *p = arena_alloc(cx->arena, t.n + 1);
    size_t n = 0;

    *out = (struct str){ NULL, 0 };
    if (p == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '%') {
            unsigned hi = i + 1 < t.n ? nibble(t.p[i + 1]) : 16;
            unsigned lo = i + 2 < t.n ? nibble(t.p[i + 2]) : 16;

            if (hi == 16 || lo == 16)
                return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 2.1", "a bad %%XX at %zu", i);
            p[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            p[n++] = form && t.p[i] == '+' ? ' ' : t.p[i];
        }
    }
    *out = (struct str){ p, n };
    return ERR_OK;
}

err_t
b64url(struct ctx *cx, struct bytes data, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    buf_b64url(&b, data);
    return buf_done(cx, &b, out);
}

err_t
hex(struct ctx *cx, struct bytes data, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    buf_hex(&b, data);
    return buf_done(cx, &b, out);
}
