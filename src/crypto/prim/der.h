/*
 * der.h - DER (X.690), read and written: the little that keys, certificates
 * and signatures need.
 *
 * Rule      Reading is strict: definite, minimal lengths and tags of one byte.
 * Trust     Bytes come from strangers; a reader never passes its end.
 * Lifetime  What is read is borrowed from the input. Writing stands in an
 *           arena and is sticky: der_done says once whether all was well.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_DER_H
#define KNOOP_CRYPTO_DER_H

#include "base/buf.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0A,
    DER_UTF8 = 0x0C,
    DER_PRINTABLE = 0x13,
    DER_IA5 = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERAL_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80,
    DER_CONTEXT_MADE = 0xA0, /* + number */
};

/* Takes the next element off `*rest`. False when there is none or it is no DER. */
bool der_next(struct bytes *rest, unsigned *tag, struct bytes *value) NODISCARD;
/* As der_next, for an element of this tag. */
bool der_take(struct bytes *rest, unsigned tag, struct bytes *value) NODISCARD;
/* A non-negative INTEGER, minimal; the bytes without a leading zero. */
bool der_take_uint(struct bytes *rest, struct bytes *value) NODISCARD;
/* A BIT STRING of whole bytes. */
bool der_take_bits(struct bytes *rest, struct bytes *value) NODISCARD;
/* Is the value of an OID this one? `text` is dotted: "2.5.29.17". */
bool der_oid_is(struct bytes value, const char *text);

enum { DER_DEPTH = 16 };
struct der_out {
    struct buf buf;
    size_t at_[DER_DEPTH];
    unsigned depth_;
};
void der_init(struct der_out *o, struct arena *a);
void der_begin(struct der_out *o, unsigned tag); /* ended by der_end */
void der_end(struct der_out *o);
void der_put(struct der_out *o, unsigned tag, struct bytes value);
void der_put_z(struct der_out *o, unsigned tag, const char *text);
void der_put_raw(struct der_out *o, struct bytes der); /* already DER */
void der_put_uint(struct der_out *o, struct bytes big_endian);
void der_put_oid(struct der_out *o, const char *text); /* dotted */
void der_put_bits(struct der_out *o, struct bytes value);
void der_put_bool(struct der_out *o, bool v);
void der_put_null(struct der_out *o);
/* UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
void der_put_time(struct der_out *o, int64_t ms);
err_t der_done(struct ctx *cx, struct der_out *o, struct bytes *out) NODISCARD;

#endif
