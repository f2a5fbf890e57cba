/*
 * buf.h - bytes that grow in an arena. Writers stick: after the first failure
 * every further write does nothing, and buf_done says so once.
 *
 * Lifetime  What buf_done returns lives in the arena.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_BUF_H
#define KNOOP_BASE_BUF_H

#include "base/err.h"

struct buf {
    struct arena *arena;
    char *p;
    size_t n, room;
    bool failed;
};

void buf_init(struct buf *b, struct arena *a);
void buf_room(struct buf *b, size_t n);                   /* for so many more, at once */
void buf_add_far(struct buf *b, const void *p, size_t n); /* buf_add, with room to make */
/* Here, so that a short literal is a few stores. */
static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
    if (b->failed || n >= b->room - b->n) {
        buf_add_far(b, p, n);
        return;
    }
    if (n != 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

static inline void
buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

static inline void
buf_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

static inline void
buf_c(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v); /* in decimal */
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);

/* Base64url without padding (RFC 4648 5), and with (standard alphabet, 4). */
void buf_b64url(struct buf *b, struct bytes data);
void buf_b64(struct buf *b, struct bytes data);
void buf_hex(struct buf *b, struct bytes data); /* lower case */
/* Percent-encodes all but RFC 3986 unreserved characters. */
void buf_percent(struct buf *b, struct str s);

/* NUL-terminated; the NUL is not counted. */
err_t buf_done(struct ctx *cx, struct buf *b, struct str *out) NODISCARD;

/*
 * Decoders. Strict: wrong alphabet, padding where none belongs (or none where
 * it belongs), white space and left-over bits are refused with BAD_REQUEST.
 */
err_t b64url_decode(struct ctx *cx, struct str text, struct bytes *out) NODISCARD;
err_t b64_decode(struct ctx *cx, struct str text, struct bytes *out) NODISCARD;
err_t hex_decode(struct ctx *cx, struct str text, struct bytes *out) NODISCARD;
/* '+' stays '+' unless `form`; a bad or truncated %XX is refused. */
err_t percent_decode(struct ctx *cx, struct str text, bool form, struct str *out) NODISCARD;

/* One-shots over a buf. */
err_t b64url(struct ctx *cx, struct bytes data, struct str *out) NODISCARD;
err_t hex(struct ctx *cx, struct bytes data, struct str *out) NODISCARD;

#endif
