/*
 * point.h - an EC public key from its compressed point (SEC 1 2.3.4), as did:key
 * writes it. Every other door takes coordinates alone.
 *
 * Source    Knoop; OpenSSL does the square root. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_POINT_H
#define KNOOP_CRYPTO_POINT_H

#include "crypto/prim/prim.h"

/* `point` is 02 or 03 and x. KEY for another length or a point off the curve. */
err_t key_from_point(struct ctx *cx, enum key_type type, struct bytes point,
                     struct key **out) NODISCARD;

#endif
