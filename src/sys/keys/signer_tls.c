/*
 * signer_tls.c - is this what a TLS handshake signs?
 *
 *   TLS 1.3   64 spaces | "TLS 1.3, server CertificateVerify" or client | 0 |
 *             hash of the handshake: 32 or 48 bytes       RFC 8446 4.4.3
 *   TLS 1.2   client random 32 | server random 32 | 3 (named curve) | curve |
 *             length | point                              RFC 8422 5.4
 *
 * Rule      Exactly one of these, to its last byte. None of them can be read as
 *           a JWT: neither begins as base64url does, the one with spaces, the
 *           other with 64 bytes before a byte 3, which base64url has not.
 * Source    Knoop. EUPL-1.2.
 */
#include <string.h>

#include "sys/keys/signer_int.h"

enum { PAD = 64, RANDOMS = 64, NAMED_CURVE = 3 };

static bool
is_verify(struct bytes c)
{
    static const struct str said[] = { S_INIT("TLS 1.3, server CertificateVerify"),
                                       S_INIT("TLS 1.3, client CertificateVerify") };
    size_t n = said[0].n, hash;

    if (c.n < PAD + n + 1)
        return false;
    for (size_t i = 0; i < PAD; i++)
        if (c.p[i] != ' ')
            return false;
    if ((memcmp(c.p + PAD, said[0].p, n) != 0 && memcmp(c.p + PAD, said[1].p, n) != 0) ||
        c.p[PAD + n] != 0)
        return false;
    hash = c.n - PAD - n - 1;
    return hash == 32 || hash == 48;
}

static bool
is_key_exchange(struct bytes c)
{
    static const struct {
        unsigned curve;
        size_t point;
        bool weierstrass; /* its points begin with 4: not compressed */
    } curves[] = { { 23, 65, true },
                   { 24, 97, true },
                   { 25, 133, true },
                   { 29, 32, false },
                   { 30, 56, false } };
    unsigned curve;

    if (c.n < RANDOMS + 4 || c.p[RANDOMS] != NAMED_CURVE)
        return false;
    curve = (unsigned)c.p[RANDOMS + 1] << 8 | c.p[RANDOMS + 2];
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].curve == curve)
            return c.p[RANDOMS + 3] == curves[i].point &&
                   c.n == RANDOMS + 4 + curves[i].point &&
                   (!curves[i].weierstrass || c.p[RANDOMS + 4] == 4);
    return false;
}

err_t
signer__sign_tls(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    struct bytes content = bytes_of(in[2]), signature;
    struct kept *k;
    uint64_t alg;
    err_t e;

    if ((e = keys__number(cx, in[1], &alg)) != ERR_OK ||
        (e = signer__key(cx, s, in[0], &k)) != ERR_OK)
        return e;
    if (k->use != KEY_TLS)
        return refuse(cx, ERR_FORBIDDEN, "RFC 8446 4.4.3", "'%s' is not a key for TLS",
                      k->kid);
    if (!is_verify(content) && !is_key_exchange(content))
        return refuse(cx, ERR_FORBIDDEN, "RFC 8446 4.4.3",
                      "not what a TLS handshake signs");
    if (alg == SIG_NONE || alg >= SIG_HS256)
        return refuse(cx, ERR_ALGORITHM, "RFC 8446 4.2.3", "not an algorithm of TLS");
    if ((e = signer__sign(cx, s, k, (enum sig_alg)alg, SIG_DER, content, &signature)) ==
        ERR_OK)
        out[0] = str_of_bytes(signature);
    return e;
}
