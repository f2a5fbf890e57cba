/* prim_test.c - refusals first, then known answers of the RFCs. EUPL-1.2. */
#include "base/test.h"
#include "crypto/prim/der.h"
#include "crypto/prim/prim.h"

#include <string.h>

static struct bytes
unhex(struct test_ctx *t, const char *text)
{
    struct bytes b;

    assert_int_equal(hex_decode(&t->cx, str_of(text), &b), ERR_OK);
    return b;
}

static void
assert_hex(struct test_ctx *t, struct bytes got, const char *want)
{
    struct bytes b = unhex(t, want);

    assert_int_equal(got.n, b.n);
    assert_memory_equal(got.p, b.p, b.n);
}

#define TEXT(z) bytes_of(S(z))

static void
hashes(void **state)
{
    struct test_ctx t;
    uint8_t out[HASH_MAX], okm[42];
    struct bytes two[2] = { TEXT("a"), TEXT("bc") };

    (void)state;
    test_ctx_init(&t);
    assert_true(prim_start());
    assert_int_equal(hash_bytes(&t.cx, HASH_NONE, TEXT("abc"), out), ERR_ALGORITHM);
    assert_int_equal(hash_bytes(&t.cx, HASH_SHA256, TEXT("abc"), out), ERR_OK);
    assert_hex(&t, (struct bytes){ out, 32 },
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(hash_parts(&t.cx, HASH_SHA256, two, 2, out), ERR_OK);
    assert_hex(&t, (struct bytes){ out, 32 },
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* RFC 4231 case 2 */
    assert_int_equal(hmac_bytes(&t.cx, HASH_SHA256, TEXT("Jefe"),
                                TEXT("what do ya want for nothing?"), out),
                     ERR_OK);
    assert_hex(&t, (struct bytes){ out, 32 },
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* RFC 5869 A.1 */
    assert_int_equal(hkdf(&t.cx, HASH_SHA256,
                          unhex(&t, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                          unhex(&t, "000102030405060708090a0b0c"),
                          unhex(&t, "f0f1f2f3f4f5f6f7f8f9"), okm, 42),
                     ERR_OK);
    assert_hex(&t, (struct bytes){ okm, 42 },
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b"
               "887185865");
    assert_int_equal(hkdf(&t.cx, HASH_SHA256, TEXT("k"), TEXT(""), TEXT(""), okm, 0),
                     ERR_LIMIT);
    assert_int_equal(
        hkdf(&t.cx, HASH_SHA256, TEXT("k"), TEXT(""), TEXT(""), okm, 255 * 32 + 1),
        ERR_LIMIT);
    /* RFC 7914 11 */
    assert_int_equal(pbkdf2(&t.cx, HASH_SHA256, TEXT("passwd"), TEXT("salt"), 1, okm, 32),
                     ERR_OK);
    assert_hex(&t, (struct bytes){ okm, 32 },
               "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    test_ctx_fini(&t);
}

static void
secrets(void **state)
{
    struct test_ctx t;
    scoped(secret_fini) struct secret s = { 0 };
    uint8_t a[32] = { 0 }, b[32] = { 0 };

    (void)state;
    test_ctx_init(&t);
    random_bytes(a, sizeof(a));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(secret_copy(&t.cx, (struct bytes){ a, 32 }, &s), ERR_OK);
    assert_true(secret_eq(secret_peek(&s), (struct bytes){ a, 32 }));
    assert_false(secret_eq(secret_peek(&s), (struct bytes){ a, 31 }));
    assert_false(secret_eq(secret_peek(&s), (struct bytes){ b, 32 }));
    wipe(a, sizeof(a));
    assert_memory_equal(a, b, sizeof(a));
    test_ctx_fini(&t);
}

static void
aeads(void **state)
{
    struct test_ctx t;
    uint8_t key[64], iv[16], tag[AEAD_TAG_MAX];
    struct bytes cipher, plain;

    (void)state;
    test_ctx_init(&t);
    random_bytes(key, sizeof(key));
    random_bytes(iv, sizeof(iv));
    for (enum aead a = AEAD_A128GCM; a < AEAD_COUNT; a++) {
        struct bytes k = { key, aead_key_size(a) }, v = { iv, aead_iv_size(a) };
        struct bytes tagged = { tag, aead_tag_size(a) };

        for (size_t n = 0; n < 40; n += 13) {
            struct bytes text = {
                (const uint8_t *)"0123456789012345678901234567890123456789", n
            };
            uint8_t *at;

            assert_int_equal(aead_seal(&t.cx, a, k, v, TEXT("aad"), text, &cipher, tag),
                             ERR_OK);
            assert_int_equal(aead_open(&t.cx, a, k, v, TEXT("aad"), cipher, tagged, &plain),
                             ERR_OK);
            assert_true(bytes_eq(plain, text));
            assert_int_equal(aead_open(&t.cx, a, k, v, TEXT("aae"), cipher, tagged, &plain),
                             ERR_DECRYPT);
            assert_null(plain.p);
            tag[0] ^= 1;
            assert_int_equal(aead_open(&t.cx, a, k, v, TEXT("aad"), cipher, tagged, &plain),
                             ERR_DECRYPT);
            tag[0] ^= 1;
            memcpy(&at, &cipher.p, sizeof(at));
            if (cipher.n != 0) {
                at[cipher.n - 1] ^= 1;
                assert_int_equal(
                    aead_open(&t.cx, a, k, v, TEXT("aad"), cipher, tagged, &plain),
                    ERR_DECRYPT);
            }
        }
        tagged.n--;
        assert_int_equal(aead_open(&t.cx, a, k, v, TEXT(""), TEXT(""), tagged, &plain),
                         ERR_DECRYPT);
        k.n--;
        assert_int_equal(aead_seal(&t.cx, a, k, v, TEXT(""), TEXT(""), &cipher, tag),
                         ERR_KEY);
    }
    /* RFC 3394 4.1 */
    assert_int_equal(keywrap_seal(&t.cx, unhex(&t, "000102030405060708090a0b0c0d0e0f"),
                                  unhex(&t, "00112233445566778899aabbccddeeff"), &cipher),
                     ERR_OK);
    assert_hex(&t, cipher, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
    assert_int_equal(
        keywrap_open(&t.cx, unhex(&t, "000102030405060708090a0b0c0d0e0f"), cipher, &plain),
        ERR_OK);
    assert_hex(&t, plain, "00112233445566778899aabbccddeeff");
    assert_int_equal(
        keywrap_open(&t.cx, unhex(&t, "000102030405060708090a0b0c0d0e0e"), cipher, &plain),
        ERR_DECRYPT);
    assert_int_equal(keywrap_seal(&t.cx, TEXT("short"), cipher, &plain), ERR_KEY);
    test_ctx_fini(&t);
}

static void
key_refusals(void **state)
{
    struct test_ctx t;
    struct key *k = NULL, *good = NULL;
    struct key_parts parts, p;
    uint8_t n[256], small[255];

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_generate(&t.cx, KEY_P256, &good), ERR_OK);
    assert_int_equal(key_export(&t.cx, good, &parts), ERR_OK);

    assert_int_equal(key_import(&t.cx, KEY_NONE, &parts, &k), ERR_KEY);
    p = parts;
    p.x.n--;
    assert_int_equal(key_import(&t.cx, KEY_P256, &p, &k), ERR_KEY); /* length */
    p = parts;
    p.x = parts.y;
    assert_int_equal(key_import(&t.cx, KEY_P256, &p, &k), ERR_KEY); /* off the curve */
    p = parts;
    p.d = parts.x;
    assert_int_equal(key_import(&t.cx, KEY_P256, &p, &k),
                     ERR_KEY); /* not its private half */
    assert_null(k);

    /* RSA: small, even, exponents, ROCA, leading zero */
    memset(n, 0xff, sizeof(n));
    memset(small, 0xff, sizeof(small));
    p = (struct key_parts){ .n = { small, 255 }, .e = TEXT("\x01\x00\x01") };
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    p.n = (struct bytes){ n, 256 };
    p.e = TEXT("\x01");
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    p.e = TEXT("\x02");
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    p.e = TEXT("\x04");
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    p.e = TEXT("\x03");
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_OK);
    key_drop(&k);
    n[255] = 0xfe;
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    n[255] = 0xff;
    p.e = TEXT("\x00\x03");
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    key_drop(&good);
    test_ctx_fini(&t);
}

/* One modulo every small prime is a power of 65537 (the 0th) modulo each: the fingerprint.
 */
static void
roca(void **state)
{
    struct test_ctx t;
    struct key *k = NULL;
    uint8_t n[256] = { 0 };
    unsigned primes[] = { 3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                          47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                          107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167 };
    struct key_parts p = { .n = { n, 256 }, .e = TEXT("\x01\x00\x01") };

    (void)state;
    test_ctx_init(&t);
    /* the product of the primes, shifted up to 2048 bits (a multiple of it), plus one */
    n[255] = 1;
    for (size_t i = 0; i < COUNT(primes); i++)
        for (unsigned carry = 0, at = 256; at-- > 0;) {
            unsigned v = n[at] * primes[i] + carry;

            n[at] = (uint8_t)v;
            carry = v >> 8;
        }
    while ((n[0] & 0x80) == 0)
        for (size_t i = 0; i < 256; i++)
            n[i] = (uint8_t)(n[i] << 1 | (i + 1 < 256 ? n[i + 1] >> 7 : 0));
    n[255] |= 1;
    assert_int_equal(key_import(&t.cx, KEY_RSA, &p, &k), ERR_KEY);
    assert_string_equal(t.cx.clause, "CVE-2017-15361");
    test_ctx_fini(&t);
}

static void
sign_all(struct test_ctx *t, const struct key *k, const struct key *other, enum sig_alg alg)
{
    for (enum sig_form form = SIG_RAW; form <= SIG_DER; form++) {
        enum sig_form wrong = form == SIG_RAW ? SIG_DER : SIG_RAW;
        bool ec = alg <= SIG_ES256K;
        struct bytes sig;

        assert_int_equal(key_sign(&t->cx, k, alg, form, TEXT("message"), &sig), ERR_OK);
        assert_int_equal(key_verify(&t->cx, k, alg, form, TEXT("message"), sig), ERR_OK);
        assert_int_equal(key_verify(&t->cx, k, alg, form, TEXT("massage"), sig),
                         ERR_SIGNATURE);
        assert_int_equal(key_verify(&t->cx, other, alg, form, TEXT("message"), sig),
                         ERR_SIGNATURE);
        assert_int_equal(key_verify(&t->cx, k, alg, wrong, TEXT("message"), sig),
                         ec ? ERR_SIGNATURE : ERR_OK);
        sig.n--;
        assert_int_equal(key_verify(&t->cx, k, alg, form, TEXT("message"), sig),
                         ERR_SIGNATURE);
        assert_int_equal(key_verify(&t->cx, k, alg, form, TEXT("message"), TEXT("")),
                         ERR_SIGNATURE);
    }
    assert_int_equal(key_verify(&t->cx, k, SIG_NONE, SIG_RAW, TEXT(""), TEXT("")),
                     ERR_ALGORITHM);
    assert_int_equal(key_verify(&t->cx, k, alg, SIG_FORM_NONE, TEXT(""), TEXT("")),
                     ERR_INTERNAL);
}

static void
signatures(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++) {
        scoped(key_drop) struct key *k = NULL, *other = NULL, *pub = NULL, *back = NULL;
        scoped(secret_fini) struct secret der = { 0 };
        struct bytes spki, again, sig;

        if (type == KEY_X25519)
            continue;
        assert_int_equal(key_generate(&t.cx, type, &k), ERR_OK);
        assert_int_equal(key_generate(&t.cx, type, &other), ERR_OK);
        for (enum sig_alg alg = SIG_ES256; alg < SIG_COUNT; alg++) {
            if (sig_alg_fits(alg, k))
                sign_all(&t, k, other, alg);
            else
                assert_int_equal(key_sign(&t.cx, k, alg, SIG_RAW, TEXT("m"), &sig),
                                 ERR_ALGORITHM);
        }
        assert_int_equal(key_to_spki(&t.cx, k, &spki), ERR_OK);
        assert_int_equal(key_from_spki(&t.cx, spki, &pub), ERR_OK);
        assert_false(key_has_private(pub));
        assert_int_equal(key_sign(&t.cx, pub, sig_alg_for(pub), SIG_RAW, TEXT("m"), &sig),
                         ERR_KEY);
        assert_int_equal(key_to_pkcs8(&t.cx, pub, &der), ERR_KEY);
        assert_int_equal(key_to_pkcs8(&t.cx, k, &der), ERR_OK);
        assert_int_equal(key_from_pkcs8(&t.cx, secret_peek(&der), &back), ERR_OK);
        assert_int_equal(key_sign(&t.cx, back, sig_alg_for(k), SIG_RAW, TEXT("m"), &sig),
                         ERR_OK);
        assert_int_equal(key_verify(&t.cx, pub, sig_alg_for(k), SIG_RAW, TEXT("m"), sig),
                         ERR_OK);
        assert_int_equal(key_to_spki(&t.cx, back, &again), ERR_OK);
        assert_true(bytes_eq(spki, again));
        key_drop(&back);
        der.n--;
        assert_int_equal(key_from_pkcs8(&t.cx, secret_peek(&der), &back), ERR_KEY);
        spki.n--;
        assert_int_equal(key_from_spki(&t.cx, spki, &back), ERR_KEY);
    }
    test_ctx_fini(&t);
}

static void
hmac_keys(void **state)
{
    struct test_ctx t;
    struct key_parts p = { .k = TEXT("0123456789abcdef0123456789abcde") };
    scoped(key_drop) struct key *k = NULL;
    struct bytes sig;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_import(&t.cx, KEY_OCT, &p, &k), ERR_OK);
    assert_int_equal(key_sign(&t.cx, k, SIG_HS256, SIG_RAW, TEXT("m"), &sig),
                     ERR_KEY); /* 31 */
    key_drop(&k);
    p.k = TEXT("0123456789abcdef0123456789abcdef");
    assert_int_equal(key_import(&t.cx, KEY_OCT, &p, &k), ERR_OK);
    assert_int_equal(key_sign(&t.cx, k, SIG_HS256, SIG_RAW, TEXT("m"), &sig), ERR_OK);
    assert_int_equal(key_verify(&t.cx, k, SIG_HS256, SIG_RAW, TEXT("m"), sig), ERR_OK);
    assert_int_equal(key_verify(&t.cx, k, SIG_HS256, SIG_RAW, TEXT("n"), sig),
                     ERR_SIGNATURE);
    sig.n -= 16; /* a cut tag */
    assert_int_equal(key_verify(&t.cx, k, SIG_HS256, SIG_RAW, TEXT("m"), sig),
                     ERR_SIGNATURE);
    assert_int_equal(key_verify(&t.cx, k, SIG_HS512, SIG_RAW, TEXT("m"), sig), ERR_KEY);
    test_ctx_fini(&t);
}

static void
agreement(void **state)
{
    static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_P521, KEY_X25519 };
    struct test_ctx t;
    uint8_t zero[32] = { 0 }, one[ECDH_MAX], two[ECDH_MAX];
    struct key_parts p = { .x = { zero, 32 } };
    size_t n, m;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(types); i++) {
        scoped(key_drop) struct key *a = NULL, *b = NULL, *bad = NULL;

        assert_int_equal(key_generate(&t.cx, types[i], &a), ERR_OK);
        assert_int_equal(key_generate(&t.cx, types[i], &b), ERR_OK);
        assert_int_equal(key_agree(&t.cx, a, b, one, &n), ERR_OK);
        assert_int_equal(key_agree(&t.cx, b, a, two, &m), ERR_OK);
        assert_int_equal(n, m);
        assert_memory_equal(one, two, n);
        if (types[i] != KEY_X25519)
            continue;
        assert_int_equal(key_import(&t.cx, KEY_X25519, &p, &bad), ERR_OK);
        assert_int_equal(key_agree(&t.cx, a, bad, one, &n), ERR_KEY); /* all zeros */
        key_drop(&bad);
        assert_int_equal(key_generate(&t.cx, KEY_P256, &bad), ERR_OK);
        assert_int_equal(key_agree(&t.cx, a, bad, one, &n), ERR_KEY); /* another curve */
    }
    test_ctx_fini(&t);
}

static void
oaep(void **state)
{
    struct test_ctx t;
    scoped(key_drop) struct key *k = NULL, *ec = NULL;
    struct bytes c, p;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_generate(&t.cx, KEY_RSA, &k), ERR_OK);
    assert_int_equal(key_generate(&t.cx, KEY_P256, &ec), ERR_OK);
    assert_int_equal(
        oaep_seal(&t.cx, ec, HASH_SHA256, HASH_SHA256, TEXT(""), TEXT("x"), &c), ERR_KEY);
    assert_int_equal(
        oaep_seal(&t.cx, k, HASH_SHA256, HASH_SHA1, TEXT("label"), TEXT("x"), &c), ERR_OK);
    assert_int_equal(oaep_open(&t.cx, k, HASH_SHA256, HASH_SHA1, TEXT("label"), c, &p),
                     ERR_OK);
    assert_true(bytes_eq(p, TEXT("x")));
    assert_int_equal(oaep_open(&t.cx, k, HASH_SHA256, HASH_SHA256, TEXT("label"), c, &p),
                     ERR_DECRYPT);
    assert_int_equal(oaep_open(&t.cx, k, HASH_SHA256, HASH_SHA1, TEXT(""), c, &p),
                     ERR_DECRYPT);
    test_ctx_fini(&t);
}

static void
der_strict(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } rows[] = {
        { "0403616263", true },
        { "04810361626300", false }, /* long form for 3 */
        { "0480616200", false },     /* indefinite */
        { "0404616263", false },     /* cut */
        { "1f01610a61", false },     /* a tag of more bytes */
        { "04850000000001", false },
        { "04", false },
        { "", false },
    };
    struct test_ctx t;
    struct bytes in, v;
    unsigned tag;
    struct der_out o;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++) {
        in = unhex(&t, rows[i].hex);
        assert_int_equal(der_next(&in, &tag, &v), rows[i].good);
    }
    in = unhex(&t, "02020080");
    assert_true(der_take_uint(&in, &v) && v.n == 1);
    in = unhex(&t, "0202007f");
    assert_false(der_take_uint(&in, &v));
    in = unhex(&t, "020180");
    assert_false(der_take_uint(&in, &v));
    der_init(&o, t.cx.arena);
    der_begin(&o, DER_SEQUENCE);
    der_put_oid(&o, "1.2.840.113549.1.1.1");
    der_put_oid(&o, "2.5.29.17");
    for (int i = 0; i < 20; i++)
        der_put_z(&o, DER_UTF8, "0123456789");
    der_put_time(&o, INT64_C(1767225600000));
    der_put_time(&o, INT64_C(2524608000000)); /* 2050 */
    der_end(&o);
    assert_int_equal(der_done(&t.cx, &o, &in), ERR_OK);
    assert_true(der_take(&in, DER_SEQUENCE, &v) && in.n == 0);
    assert_true(der_take(&v, DER_OID, &in) && der_oid_is(in, "1.2.840.113549.1.1.1"));
    assert_true(der_take(&v, DER_OID, &in) && der_oid_is(in, "2.5.29.17"));
    assert_false(der_oid_is(in, "2.5.29.18"));
    for (int i = 0; i < 20; i++)
        assert_true(der_take(&v, DER_UTF8, &in));
    assert_true(der_take(&v, DER_UTC_TIME, &in));
    assert_true(str_is(str_of_bytes(in), "260101000000Z"));
    assert_true(der_take(&v, DER_GENERAL_TIME, &in));
    assert_true(str_is(str_of_bytes(in), "20500101000000Z"));
    test_ctx_fini(&t);
}

static void
pem(void **state)
{
    struct test_ctx t;
    struct buf b;
    struct str text, label;
    struct bytes der;

    (void)state;
    test_ctx_init(&t);
    buf_init(&b, t.cx.arena);
    buf_z(&b, "words before\n");
    pem_put(&b, "THING",
            TEXT("twice forty-eight bytes, and then some more bytes to break the line"));
    pem_put(&b, "OTHER", TEXT("x"));
    assert_int_equal(buf_done(&t.cx, &b, &text), ERR_OK);
    assert_int_equal(pem_next(&t.cx, &text, &label, &der), ERR_OK);
    assert_true(str_is(label, "THING") && der.n == 67);
    assert_int_equal(pem_next(&t.cx, &text, &label, &der), ERR_OK);
    assert_true(str_is(label, "OTHER") && der.n == 1);
    assert_int_equal(pem_next(&t.cx, &text, &label, &der), ERR_NOT_FOUND);
    text = S("-----BEGIN A-----\nAA==\n-----END B-----\n");
    assert_int_equal(pem_next(&t.cx, &text, &label, &der), ERR_BAD_REQUEST);
    text = S("-----BEGIN A-----\nA!==\n-----END A-----\n");
    assert_int_equal(pem_next(&t.cx, &text, &label, &der), ERR_BAD_REQUEST);
    test_ctx_fini(&t);
}

/* Named on a command line, it is no option. */
static void
texts_by_chance(void **state)
{
    struct test_ctx t;
    struct str text;

    (void)state;
    test_ctx_init(&t);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(random_text(&t.cx, 18, &text), ERR_OK);
        assert_int_equal(text.n, 24);
        assert_int_not_equal(text.p[0], '-');
    }
    test_ctx_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_strict), cmocka_unit_test(pem),
        cmocka_unit_test(hashes),     cmocka_unit_test(secrets),
        cmocka_unit_test(aeads),      cmocka_unit_test(key_refusals),
        cmocka_unit_test(roca),       cmocka_unit_test(hmac_keys),
        cmocka_unit_test(agreement),  cmocka_unit_test(signatures),
        cmocka_unit_test(oaep),       cmocka_unit_test(texts_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
