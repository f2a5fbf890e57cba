/* der.c - DER, read and written. EUPL-1.2. */
#include "crypto/prim/der.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

/* X.690 8.1.3 and 10.1: definite form, in as few bytes as it takes. */
static bool
take_length(struct bytes *rest, size_t *out)
{
    size_t n = 0, more;

    if (rest->n == 0)
        return false;
    more = *rest->p++;
    rest->n--;
    if (more < 0x80) {
        *out = more;
        return true;
    }
    more &= 0x7f;
    if (more == 0 || more > 4 || more > rest->n || rest->p[0] == 0)
        return false;
    while (more-- != 0) {
        n = n << 8 | *rest->p++;
        rest->n--;
    }
    *out = n;
    return n >= 0x80;
}

bool
der_next(struct bytes *rest, unsigned *tag, struct bytes *value)
{
    struct bytes at = *rest;
    size_t n;

    *tag = 0;
    *value = (struct bytes){ NULL, 0 };
    if (at.n < 2 || (at.p[0] & 0x1f) == 0x1f)
        return false;
    *tag = *at.p++;
    at.n--;
    if (!take_length(&at, &n) || n > at.n)
        return false;
    *value = (struct bytes){ at.p, n };
    *rest = (struct bytes){ at.p + n, at.n - n };
    return true;
}

bool
der_take(struct bytes *rest, unsigned tag, struct bytes *value)
{
    struct bytes at = *rest;
    unsigned found;

    if (!der_next(&at, &found, value) || found != tag) {
        *value = (struct bytes){ NULL, 0 };
        return false;
    }
    *rest = at;
    return true;
}

bool
der_take_uint(struct bytes *rest, struct bytes *value)
{
    struct bytes v;

    if (!der_take(rest, DER_INTEGER, &v) || v.n == 0 || (v.p[0] & 0x80) != 0)
        return false;
    if (v.n > 1 && v.p[0] == 0) {
        if ((v.p[1] & 0x80) == 0)
            return false;
        v.p++;
        v.n--;
    }
    *value = v;
    return true;
}

bool
der_take_bits(struct bytes *rest, struct bytes *value)
{
    struct bytes v;

    if (!der_take(rest, DER_BIT_STRING, &v) || v.n == 0 || v.p[0] != 0)
        return false;
    *value = (struct bytes){ v.p + 1, v.n - 1 };
    return true;
}

/* The content bytes of a dotted OID; false for one that is malformed: ours. */
static bool
oid_encode(const char *text, uint8_t out[64], size_t *size)
{
    struct str rest = str_of(text);
    uint64_t arc, first = 0;
    unsigned index = 0;

    *size = 0;
    while (rest.n != 0) {
        if (!str_to_u64(str_cut(&rest, '.'), &arc) || *size > 50)
            return false;
        if (index == 0) {
            first = arc;
        } else {
            uint64_t v = index == 1 ? first * 40 + arc : arc;
            unsigned shift = 0;

            while (v >> shift >= 128)
                shift += 7;
            for (;; shift -= 7) {
                out[(*size)++] = (uint8_t)((v >> shift & 127) | (shift != 0 ? 128 : 0));
                if (shift == 0)
                    break;
            }
        }
        index++;
    }
    return index >= 2;
}

bool
der_oid_is(struct bytes value, const char *text)
{
    uint8_t want[64];
    size_t n;

    return oid_encode(text, want, &n) && n == value.n && memcmp(want, value.p, n) == 0;
}

void
der_init(struct der_out *o, struct arena *a)
{
    *o = (struct der_out){ .depth_ = 0 };
    buf_init(&o->buf, a);
}

void
der_begin(struct der_out *o, unsigned tag)
{
    assert(o->depth_ < DER_DEPTH);
    buf_c(&o->buf, (char)tag);
    o->at_[o->depth_++] = o->buf.n;
}

static size_t
length_bytes(size_t n, uint8_t out[5])
{
    size_t count = 0;

    if (n < 0x80) {
        out[0] = (uint8_t)n;
        return 1;
    }
    for (size_t v = n; v != 0; v >>= 8)
        count++;
    out[0] = (uint8_t)(0x80 | count);
    for (size_t i = 0; i < count; i++)
        out[1 + i] = (uint8_t)(n >> 8 * (count - 1 - i));
    return count + 1;
}

void
der_end(struct der_out *o)
{
    uint8_t head[5];
    size_t at, n, h;

    assert(o->depth_ > 0);
    at = o->at_[--o->depth_];
    n = o->buf.n - at;
    h = length_bytes(n, head);
    buf_add(&o->buf, head, h); /* makes the room; its bytes are moved below */
    if (o->buf.failed)
        return;
    memmove(o->buf.p + at + h, o->buf.p + at, n);
    memcpy(o->buf.p + at, head, h);
}

void
der_put(struct der_out *o, unsigned tag, struct bytes value)
{
    uint8_t head[5];

    buf_c(&o->buf, (char)tag);
    buf_add(&o->buf, head, length_bytes(value.n, head));
    buf_add(&o->buf, value.p, value.n);
}

void
der_put_z(struct der_out *o, unsigned tag, const char *text)
{
    der_put(o, tag, bytes_of(str_of(text)));
}

void
der_put_raw(struct der_out *o, struct bytes der)
{
    buf_add(&o->buf, der.p, der.n);
}

void
der_put_uint(struct der_out *o, struct bytes v)
{
    while (v.n > 1 && v.p[0] == 0) {
        v.p++;
        v.n--;
    }
    der_begin(o, DER_INTEGER);
    if (v.n == 0 || (v.p[0] & 0x80) != 0)
        buf_c(&o->buf, '\0');
    buf_add(&o->buf, v.p, v.n);
    der_end(o);
}

void
der_put_oid(struct der_out *o, const char *text)
{
    uint8_t oid[64];
    size_t n;
    bool good = oid_encode(text, oid, &n);

    assert(good);
    der_put(o, DER_OID, (struct bytes){ oid, n });
}

void
der_put_bits(struct der_out *o, struct bytes value)
{
    der_begin(o, DER_BIT_STRING);
    buf_c(&o->buf, '\0');
    buf_add(&o->buf, value.p, value.n);
    der_end(o);
}

void
der_put_bool(struct der_out *o, bool v)
{
    der_put(o, DER_BOOLEAN, (struct bytes){ (const uint8_t *)(v ? "\xff" : "\0"), 1 });
}

void
der_put_null(struct der_out *o)
{
    der_put(o, DER_NULL, (struct bytes){ NULL, 0 });
}

void
der_put_time(struct der_out *o, int64_t ms)
{
    char text[TIME_TEXT], digits[TIME_TEXT];
    struct str t = time_text(text, ms);
    size_t n = 0;
    bool utc = t.n == 20 && memcmp(t.p, "1950", 4) >= 0 && memcmp(t.p, "2050", 4) < 0;

    for (size_t i = utc ? 2 : 0; i < t.n; i++)
        if ((t.p[i] >= '0' && t.p[i] <= '9') || t.p[i] == 'Z')
            digits[n++] = t.p[i];
    der_put(o, utc ? DER_UTC_TIME : DER_GENERAL_TIME,
            (struct bytes){ (uint8_t *)digits, n });
}

err_t
der_done(struct ctx *cx, struct der_out *o, struct bytes *out)
{
    struct str text;
    err_t e = buf_done(cx, &o->buf, &text);

    assert(o->depth_ == 0 || e != ERR_OK);
    *out = bytes_of(text);
    return e;
}
