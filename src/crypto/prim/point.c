/* point.c - compressed points: see point.h. EUPL-1.2. */
#include "crypto/prim/point.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

/* OpenSSL's key of a point in any form; NULL when it is not on the curve. */
static EVP_PKEY *
public_of(const struct prim__curve *curve, struct bytes point)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c =
        EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *evp = NULL;
    uint8_t octets[1 + 66];
    char group[32] = "";
    OSSL_PARAM params[3];

    memcpy(octets, point.p, point.n);
    memcpy(group, curve->group, strnlen(curve->group, sizeof(group) - 1));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, point.n);
    params[2] = OSSL_PARAM_construct_end();
    if (c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &evp, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return evp;
}

/* A coordinate, left-padded to the curve's size. */
static bool
coordinate(EVP_PKEY *evp, const char *name, size_t size, uint8_t out[66])
{
    BIGNUM *n = NULL;
    bool ok = EVP_PKEY_get_bn_param(evp, name, &n) == 1 &&
              BN_bn2binpad(n, out, (int)size) == (int)size;

    BN_free(n);
    return ok;
}

err_t
key_from_point(struct ctx *cx, enum key_type type, struct bytes point, struct key **out)
{
    const struct prim__curve *curve = prim__curve(type);
    scoped(prim__drop_pkey) EVP_PKEY *evp = NULL;
    uint8_t x[66], y[66];
    struct key_parts parts;

    *out = NULL;
    if (curve == NULL || point.n != curve->size + 1 || (point.p[0] != 2 && point.p[0] != 3))
        return refuse(cx, ERR_KEY, "SEC 1 2.3.4", "no compressed point of this curve");
    if ((evp = public_of(curve, point)) == NULL ||
        !coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_X, curve->size, x) ||
        !coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_Y, curve->size, y))
        return prim__refuse(cx, ERR_KEY, "SEC 1 2.3.4", "the point is not on %s",
                            curve->group);
    parts = (struct key_parts){ .x = { x, curve->size }, .y = { y, curve->size } };
    return key_import(cx, type, &parts, out);
}
