/*
 * base58.c - Base58 with Bitcoin's alphabet, as multibase 'z' and service ids use it.
 *
 * Trust   Length is capped before any work: the conversion is quadratic.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"

#include <string.h>

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

enum { BASE58_MAX = 1024 }; /* bytes; an RSA-4096 key has 526 */

err_t
base58(struct ctx *cx, struct bytes data, struct str *out)
{
    uint8_t *digit;
    char *text;
    size_t zeros = 0, used = 0, i, j, room = data.n * 138 / 100 + 1;
    unsigned carry;

    *out = (struct str){ NULL, 0 };
    if (data.n > BASE58_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d bytes for base58", BASE58_MAX);
    while (zeros < data.n && data.p[zeros] == 0)
        zeros++;
    digit = arena_alloc(cx->arena, room);
    text = arena_alloc(cx->arena, zeros + room + 1);
    if (digit == NULL || text == NULL)
        return refuse_memory(cx);
    for (i = zeros; i < data.n; i++) {
        carry = data.p[i];
        for (j = 0; j < used || carry != 0; j++) {
            carry += j < used ? 256u * digit[j] : 0;
            digit[j] = (uint8_t)(carry % 58);
            carry /= 58;
        }
        used = j > used ? j : used;
    }
    memset(text, '1', zeros);
    for (i = 0; i < used; i++)
        text[zeros + i] = alphabet[digit[used - 1 - i]];
    *out = (struct str){ text, zeros + used };
    return ERR_OK;
}

err_t
base58_decode(struct ctx *cx, struct str text, struct bytes *out)
{
    const char *at;
    uint8_t *byte, *turned;
    size_t zeros = 0, used = 0, i, j;
    unsigned carry;

    *out = (struct bytes){ NULL, 0 };
    if (text.n > 2 * BASE58_MAX)
        return refuse(cx, ERR_LIMIT, "", "base58 of more than %d characters",
                      2 * BASE58_MAX);
    while (zeros < text.n && text.p[zeros] == '1')
        zeros++;
    byte = arena_alloc(cx->arena, text.n + 1);
    turned = arena_alloc(cx->arena, text.n + 1);
    if (byte == NULL || turned == NULL)
        return refuse_memory(cx);
    for (i = zeros; i < text.n; i++) {
        at = text.p[i] == '\0' ? NULL : strchr(alphabet, text.p[i]);
        if (at == NULL)
            return refuse(cx, ERR_BAD_REQUEST, "Multibase 'z'", "not base58 at %zu", i);
        carry = (unsigned)(at - alphabet);
        for (j = 0; j < used || carry != 0; j++) {
            carry += j < used ? 58u * byte[j] : 0;
            byte[j] = (uint8_t)(carry & 255);
            carry >>= 8;
        }
        used = j > used ? j : used;
    }
    for (i = 0; i < used; i++)
        turned[zeros + i] = byte[used - 1 - i];
    *out = (struct bytes){ turned, zeros + used };
    return ERR_OK;
}
