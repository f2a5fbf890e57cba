/*
 * keys_int.h - what client and signer say to each other.
 *
 *   packet   frame, frame, ...            at most OS_MESSAGE_MAX bytes
 *   frame    u32 length of all that follows
 *            u32 id         the client's; the answer carries the same
 *            u16 operation  of a request, or ~0 of an answer
 *            u16 error      err_t of an answer; 0 in a request
 *            fields         u32 length and bytes, in the operation's order
 *
 *   A refusal's fields are clause and reason. Byte order is the machine's: both
 *   ends are one program.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_KEYS_INT_H
#define KNOOP_SYS_KEYS_INT_H

#include "sys/keys/keys.h"
#include "sys/os/os.h"

enum keys_op {
    KEYS_OP_NONE,
    KEYS_NEW,         /* use, owner, kid            -> jwk */
    KEYS_PUBLIC,      /* kid                        -> jwk */
    KEYS_DELETE,      /* kid                        -> */
    KEYS_SIGN_JWT,    /* profile, kid, claims       -> jwt */
    KEYS_SIGN_TLS,    /* kid, algorithm, content    -> signature */
    KEYS_SEAL_PERSON, /* number                     -> sealed, mac */
    KEYS_OPEN_PERSON, /* sealed                     -> number */
    KEYS_CHECKPOINT,  /* note                       -> kid, signature */
    KEYS_OP_COUNT
};

enum { KEYS_ANSWER = 0xffff, KEYS_FRAME_HEAD = 12, KEYS_FIELDS_MAX = 4 };

struct keys_frame {
    uint32_t id;
    uint16_t op, error;
    struct bytes fields; /* borrowed from the packet */
};

/* Reads the next frame of `*rest`. BAD_REQUEST when it is not whole. */
err_t keys__frame(struct ctx *cx, struct bytes *rest, struct keys_frame *out) NODISCARD;
/* Exactly `n` fields, borrowed. */
err_t keys__fields(struct ctx *cx, struct bytes in, struct str *fields, size_t n) NODISCARD;
/* A number as a field of 8 bytes. */
err_t keys__number(struct ctx *cx, struct str field, uint64_t *out) NODISCARD;

/* Puts a frame together; TOO_LARGE when it would not fit a packet. */
err_t keys__put(struct ctx *cx, uint32_t id, uint16_t op, err_t error,
                const struct str *fields, size_t n, struct bytes *out) NODISCARD;

#endif
