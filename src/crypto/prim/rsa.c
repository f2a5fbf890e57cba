/*
 * rsa.c - which RSA keys are good enough to exist here, and OAEP.
 *
 * Rule      2048 to 8192 bits, odd modulus, odd exponent from 3, no ROCA
 *           fingerprint (CVE-2017-15361), numbers without leading zeros
 *           (RFC 7518 2), and private halves that fit (RFC 8017 3.2).
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

/* --- ROCA --- */

/* Is `v` a power of 65537 modulo the small prime? */
static bool
in_subgroup(unsigned v, unsigned prime)
{
    unsigned power = 1;

    for (unsigned i = 0; i < prime; i++) {
        if (power == v)
            return true;
        power = power * (65537 % prime) % prime;
    }
    return false;
}

/*
 * Keys of the flawed generator are powers of 65537 modulo each of the first
 * primes; another key is so for all of these with a chance of about 2^-27.
 */
static bool
has_roca(const BIGNUM *n)
{
    static const unsigned primes[] = { 3,   5,   7,   11,  13,  17,  19,  23,  29,  31,
                                       37,  41,  43,  47,  53,  59,  61,  67,  71,  73,
                                       79,  83,  89,  97,  101, 103, 107, 109, 113, 127,
                                       131, 137, 139, 149, 151, 157, 163, 167 };

    for (size_t i = 0; i < COUNT(primes); i++)
        if (!in_subgroup((unsigned)BN_mod_word(n, primes[i]), primes[i]))
            return false;
    return true;
}

/* --- the numbers of one key --- */

struct numbers {
    BN_CTX *work;
    BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi, *t, *u;
};

static BIGNUM *
number(struct bytes b)
{
    return b.n == 0 ? NULL : BN_bin2bn(b.p, (int)b.n, NULL);
}

static void
numbers_init(struct numbers *z, const struct key_parts *in)
{
    *z = (struct numbers){
        .work = BN_CTX_new(),
        .n = number(in->n),
        .e = number(in->e),
        .d = number(in->d),
        .p = number(in->p),
        .q = number(in->q),
        .dp = number(in->dp),
        .dq = number(in->dq),
        .qi = number(in->qi),
        .t = BN_new(),
        .u = BN_new(),
    };
}

static void
numbers_fini(struct numbers *z)
{
    BN_free(z->n);
    BN_free(z->e);
    BN_clear_free(z->d);
    BN_clear_free(z->p);
    BN_clear_free(z->q);
    BN_clear_free(z->dp);
    BN_clear_free(z->dq);
    BN_clear_free(z->qi);
    BN_clear_free(z->t);
    BN_clear_free(z->u);
    BN_CTX_free(z->work);
}

static err_t
check_public(struct ctx *cx, const struct numbers *z)
{
    int bits;

    if (z->work == NULL || z->t == NULL || z->u == NULL || z->n == NULL || z->e == NULL)
        return refuse(cx, ERR_KEY, "RFC 7518 6.3.1", "the modulus or exponent is missing");
    bits = BN_num_bits(z->n);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return refuse(cx, ERR_KEY, "RFC 7518 3.3", "an RSA key of %d bits", bits);
    if (!BN_is_odd(z->n))
        return refuse(cx, ERR_KEY, "RFC 8017 3.1", "the modulus is even");
    if (!BN_is_odd(z->e) || BN_is_one(z->e))
        return refuse(cx, ERR_KEY, "RFC 8017 3.1", "the exponent is even or under 3");
    if (BN_num_bits(z->e) > 64)
        return refuse(cx, ERR_KEY, "RFC 8017 3.1", "the exponent has more than 64 bits");
    if (has_roca(z->n))
        return refuse(cx, ERR_KEY, "CVE-2017-15361", "the key has the ROCA fingerprint");
    return ERR_OK;
}

/* a * b = 1 modulo (m - less)? For secrets: nothing here tells time by value but OpenSSL.
 */
static bool
inverse(struct numbers *z, const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, bool less_one)
{
    return BN_copy(z->u, m) != NULL && (!less_one || BN_sub_word(z->u, 1) == 1) &&
           !BN_is_zero(z->u) && BN_mod_mul(z->t, a, b, z->u, z->work) == 1 &&
           BN_is_one(z->t);
}

/* RFC 8017 3.2: n = pq, e dp = 1 (p-1), e dq = 1 (q-1), q qi = 1 (p), e d = 1 (both). */
static bool
primes_fit(struct numbers *z)
{
    return !BN_is_one(z->p) && !BN_is_one(z->q) && BN_mul(z->t, z->p, z->q, z->work) == 1 &&
           BN_cmp(z->t, z->n) == 0 && BN_cmp(z->dp, z->p) < 0 && BN_cmp(z->dq, z->q) < 0 &&
           BN_cmp(z->qi, z->p) < 0 && inverse(z, z->e, z->dp, z->p, true) &&
           inverse(z, z->e, z->dq, z->q, true) && inverse(z, z->q, z->qi, z->p, false) &&
           inverse(z, z->e, z->d, z->p, true) && inverse(z, z->e, z->d, z->q, true);
}

/* Without the primes: does d undo e, for the number 2? */
static bool
exponent_fits(struct numbers *z)
{
    BN_set_flags(z->d, BN_FLG_CONSTTIME);
    return BN_set_word(z->t, 2) == 1 && BN_mod_exp(z->u, z->t, z->e, z->n, z->work) == 1 &&
           BN_mod_exp(z->t, z->u, z->d, z->n, z->work) == 1 && BN_is_word(z->t, 2);
}

static err_t
check_private(struct ctx *cx, struct numbers *z, const struct key_parts *in)
{
    int have = (in->p.n != 0) + (in->q.n != 0) + (in->dp.n != 0) + (in->dq.n != 0) +
               (in->qi.n != 0);

    if (in->d.n == 0)
        return have == 0
                   ? ERR_OK
                   : refuse(cx, ERR_KEY, "RFC 7518 6.3.2", "primes without an exponent");
    if (have != 0 && have != 5)
        return refuse(cx, ERR_KEY, "RFC 7518 6.3.2",
                      "of p, q, dp, dq and qi some are missing");
    if (BN_cmp(z->d, z->n) >= 0 || !(have == 5 ? primes_fit(z) : exponent_fits(z)))
        return prim__refuse(cx, ERR_KEY, "RFC 8017 3.2", "the private numbers do not fit");
    return ERR_OK;
}

err_t
prim__rsa_check(struct ctx *cx, const struct key_parts *in)
{
    const struct bytes *all[] = { &in->n, &in->e,  &in->d,  &in->p,
                                  &in->q, &in->dp, &in->dq, &in->qi };
    scoped(numbers_fini) struct numbers z = { 0 };
    err_t e;

    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i]->n > RSA_BITS_MAX / 8 || (all[i]->n != 0 && all[i]->p[0] == 0))
            return refuse(cx, ERR_KEY, "RFC 7518 2",
                          "a number is too long or starts with zeros");
    numbers_init(&z, in);
    if ((e = check_public(cx, &z)) != ERR_OK)
        return e;
    return check_private(cx, &z, in);
}

EVP_PKEY *
prim__rsa_build(const struct key_parts *in)
{
    struct numbers z;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *evp = NULL;
    int kind = in->d.n != 0 ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    bool good;

    numbers_init(&z, in);
    const struct {
        const char *name;
        const BIGNUM *value;
    } rows[] = {
        { OSSL_PKEY_PARAM_RSA_N, z.n },          { OSSL_PKEY_PARAM_RSA_E, z.e },
        { OSSL_PKEY_PARAM_RSA_D, z.d },          { OSSL_PKEY_PARAM_RSA_FACTOR1, z.p },
        { OSSL_PKEY_PARAM_RSA_FACTOR2, z.q },    { OSSL_PKEY_PARAM_RSA_EXPONENT1, z.dp },
        { OSSL_PKEY_PARAM_RSA_EXPONENT2, z.dq }, { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, z.qi },
    };
    good = build != NULL && c != NULL;
    for (size_t i = 0; good && i < COUNT(rows); i++)
        good = rows[i].value == NULL ||
               OSSL_PARAM_BLD_push_BN(build, rows[i].name, rows[i].value);
    if (good && (params = OSSL_PARAM_BLD_to_param(build)) != NULL &&
        EVP_PKEY_fromdata_init(c) == 1 && EVP_PKEY_fromdata(c, &evp, kind, params) != 1)
        evp = NULL;
    if (params != NULL)
        for (const OSSL_PARAM *p = params; p->key != NULL; p++)
            wipe(p->data, p->data_size);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(c);
    numbers_fini(&z);
    return evp;
}

/* --- RSAES-OAEP (RFC 8017 7.1) --- */

static bool
oaep_setup(EVP_PKEY_CTX *c, enum hash h, enum hash mgf, struct bytes label)
{
    void *copy;

    if (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(c, prim__algs()->md[h]) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(c, prim__algs()->md[mgf]) != 1)
        return false;
    if (label.n == 0)
        return true;
    if ((copy = OPENSSL_memdup(label.p, label.n)) == NULL)
        return false;
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(c, copy, (int)label.n) == 1)
        return true; /* it owns the copy now */
    OPENSSL_free(copy);
    return false;
}

static err_t
oaep_run(struct ctx *cx, const struct key *k, bool sealing, enum hash h, enum hash mgf,
         struct bytes label, struct bytes in, struct bytes *out)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c = NULL;
    uint8_t *p;
    size_t n = RSA_BITS_MAX / 8;
    bool good;

    *out = (struct bytes){ NULL, 0 };
    if (k->type != KEY_RSA || (!sealing && !k->has_private))
        return refuse(cx, ERR_KEY, "RFC 8017 7.1", "OAEP needs an RSA key%s",
                      sealing ? "" : " with its private half");
    if (h == HASH_NONE || mgf == HASH_NONE || label.n > 64 * 1024)
        return refuse(cx, ERR_ALGORITHM, "RFC 8017 7.1", "no hash was chosen");
    if ((p = arena_alloc(cx->arena, n)) == NULL)
        return refuse_memory(cx);
    c = EVP_PKEY_CTX_new_from_pkey(NULL, k->evp, NULL);
    good = c != NULL &&
           (sealing ? EVP_PKEY_encrypt_init(c) : EVP_PKEY_decrypt_init(c)) == 1 &&
           oaep_setup(c, h, mgf, label) &&
           (sealing ? EVP_PKEY_encrypt(c, p, &n, in.p, in.n)
                    : EVP_PKEY_decrypt(c, p, &n, in.p, in.n)) == 1;
    if (!good) {
        wipe(p, RSA_BITS_MAX / 8);
        return prim__refuse(cx, ERR_DECRYPT, "RFC 8017 7.1.2", "OAEP did not open");
    }
    *out = (struct bytes){ p, n };
    return ERR_OK;
}

err_t
oaep_seal(struct ctx *cx, const struct key *k, enum hash h, enum hash mgf,
          struct bytes label, struct bytes plain, struct bytes *out)
{
    return oaep_run(cx, k, true, h, mgf, label, plain, out);
}

err_t
oaep_open(struct ctx *cx, const struct key *k, enum hash h, enum hash mgf,
          struct bytes label, struct bytes cipher, struct bytes *out)
{
    return oaep_run(cx, k, false, h, mgf, label, cipher, out);
}
