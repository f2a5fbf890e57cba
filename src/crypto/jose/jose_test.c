/* jose_test.c - refusals first; what is published runs in test/conformance. EUPL-1.2. */
#include "base/test.h"
#include "crypto/jose/jose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(z) bytes_of(S(z))

/* Several texts as one. */
static struct str
joined(struct test_ctx *t, struct str a, const char *between, struct str b,
       const char *after)
{
    struct str s = arena_printf(&t->arena, "%.*s%s%.*s%s", STR(a), between, STR(b), after);

    assert_non_null(s.p);
    return s;
}

static struct str
b64(struct test_ctx *t, const char *text)
{
    struct str out;

    assert_int_equal(b64url(&t->cx, bytes_of(str_of(text)), &out), ERR_OK);
    return out;
}

static json *
parsed(struct test_ctx *t, const char *text)
{
    json *v;

    assert_int_equal(json_parse(&t->cx, str_of(text), JSON_STRICT, &v), ERR_OK);
    return v;
}

static err_t
parse_key(struct test_ctx *t, const char *text)
{
    struct jwk k;
    err_t e = jwk_parse(&t->cx, parsed(t, text), NULL, &k);

    assert_true((e == ERR_OK) == (k.key != NULL));
    jwk_fini(&k);
    return e;
}

/* --- keys --- */

#define EC_X "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\""
#define EC_Y "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define EC_D "\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\""

static void
jwk_refusals(void **state)
{
    static const struct {
        const char *text;
        err_t e;
    } rows[] = {
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y "}", ERR_OK },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y "," EC_D "}", ERR_OK },
        { "[]", ERR_KEY },
        { "{}", ERR_KEY },
        { "{\"kty\":1}", ERR_KEY },
        { "{\"kty\":\"XX\"}", ERR_UNSUPPORTED },
        { "{\"kty\":\"EC\",\"crv\":\"P-255\"," EC_X "," EC_Y "}", ERR_UNSUPPORTED },
        { "{\"kty\":\"EC\"," EC_X "," EC_Y "}", ERR_UNSUPPORTED },
        { "{\"kty\":\"OKP\",\"crv\":\"P-256\"," EC_X "," EC_Y "}", ERR_UNSUPPORTED },
        { "{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_X "," EC_Y "}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"secp256k1\"," EC_X "," EC_Y "}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_Y ",\"x\":7}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"d\":\"\"}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
          ",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAI\"}",
          ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"kid\":1}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"key_ops\":\"verify\"}",
          ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
          ",\"key_ops\":[\"verify\",\"verify\"]}",
          ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
          ",\"key_ops\":[\"x\",\"verify\",\"x\"]}",
          ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"alg\":\"\"}", ERR_KEY },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
          ",\"use\":\"enc\",\"key_ops\":[\"verify\"]}",
          ERR_KEY },
        { "{\"kty\":\"oct\",\"k\":\"\"}", ERR_KEY },
        { "{\"kty\":\"oct\"}", ERR_KEY },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", ERR_KEY },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ERR_KEY },
    };
    struct test_ctx t;
    struct jwk k;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(parse_key(&t, rows[i].text), rows[i].e);
    assert_int_equal(jwk_parse_public(&t.cx, parsed(&t, rows[1].text), NULL, &k), ERR_KEY);
    assert_int_equal(jwk_parse_public(&t.cx, parsed(&t, rows[0].text), NULL, &k), ERR_OK);
    jwk_fini(&k);
    /* RFC 7638 3.1 */
    assert_int_equal(
        jwk_parse(
            &t.cx,
            parsed(
                &t,
                "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78"
                "LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn6"
                "4tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQ"
                "MicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTW"
                "hAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8aw"
                "apJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}"),
            NULL, &k),
        ERR_OK);
    assert_true(str_is(k.thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    jwk_fini(&k);
    test_ctx_fini(&t);
}

static void
jwk_sets(void **state)
{
    static const char oct[] =
        "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    static const char ec[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"kid\":\"a\"}";
    static const char weak[] =
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"kid\":\"w\"}";
    static const char odd[] = "{\"kty\":\"NEW\",\"kid\":\"n\"}";
    struct test_ctx t;
    struct jwk_set set;
    const struct jwk *k;
    char text[2048];

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, "{}"), NULL, &set), ERR_KEY);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, "{\"keys\":{}}"), NULL, &set),
                     ERR_KEY);
    snprintf(text, sizeof(text), "{\"keys\":[%s,%s]}", oct, ec);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, text), NULL, &set), ERR_KEY);
    assert_int_equal(set.count, 0);
    snprintf(text, sizeof(text), "{\"keys\":[%s,%s]}", ec, ec);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, text), NULL, &set), ERR_KEY);
    snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s]}", ec, weak, odd);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, text), NULL, &set), ERR_OK);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S("a"), &k), ERR_OK);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S("w"), &k), ERR_KEY);
    assert_null(k);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S("n"), &k), ERR_KEY);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S("b"), &k), ERR_KEY);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S(""), &k),
                     ERR_KEY); /* three keys, no kid */
    jwk_set_fini(&set);
    snprintf(text, sizeof(text), "{\"keys\":[%s]}", ec);
    assert_int_equal(jwk_set_parse(&t.cx, parsed(&t, text), NULL, &set), ERR_OK);
    assert_int_equal(jwk_set_pick(&t.cx, &set, S(""), &k), ERR_OK);
    jwk_set_fini(&set);
    test_ctx_fini(&t);
}

static void
jwk_caching(void **state)
{
    struct test_ctx t;
    struct jwk_cache *cache = jwk_cache_new(4);
    struct jwk a, b;

    (void)state;
    test_ctx_init(&t);
    assert_non_null(cache);
    for (int i = 0; i < 40; i++) { /* more than its places */
        scoped(key_drop) struct key *k = NULL;
        struct str text;

        assert_int_equal(key_generate(&t.cx, i % 2 ? KEY_P256 : KEY_ED25519, &k), ERR_OK);
        assert_int_equal(jwk_text(&t.cx, k, S("kid"), &text), ERR_OK);
        assert_int_equal(jwk_parse(&t.cx, parsed(&t, text.p), cache, &a), ERR_OK);
        assert_int_equal(jwk_parse(&t.cx, parsed(&t, text.p), cache, &b), ERR_OK);
        assert_ptr_equal(a.key, b.key);
        assert_true(str_is(a.kid, "kid"));
        jwk_fini(&a);
        jwk_fini(&b);
    }
    jwk_cache_free(cache);
    test_ctx_fini(&t);
}

/* --- signatures --- */

struct signer {
    struct test_ctx t;
    struct key *key;
    struct jwk jwk;
};

static void
signer_init(struct signer *s, enum key_type type)
{
    test_ctx_init(&s->t);
    assert_int_equal(key_generate(&s->t.cx, type, &s->key), ERR_OK);
    assert_int_equal(jwk_of_key(&s->t.cx, s->key, S("k1"), &s->jwk), ERR_OK);
}

static void
signer_fini(struct signer *s)
{
    jwk_fini(&s->jwk);
    key_free(s->key);
    test_ctx_fini(&s->t);
}

/* Signs any header over any payload text, without jws_sign's own checks. */
static struct str
forge(struct signer *s, struct str header64, struct str payload)
{
    struct str input = joined(&s->t, header64, ".", payload, ""), sig64;
    struct bytes sig;

    assert_int_equal(key_sign(&s->t.cx, s->key, SIG_ES256, SIG_RAW, bytes_of(input), &sig),
                     ERR_OK);
    assert_int_equal(b64url(&s->t.cx, sig, &sig64), ERR_OK);
    return joined(&s->t, input, ".", sig64, "");
}

static void
jws_headers(void **state)
{
    static const struct {
        const char *header;
        err_t e;
    } rows[] = {
        { "{\"alg\":\"ES256\"}", ERR_OK },
        { "{\"alg\":\"ES256\",\"kid\":\"other\"}",
          ERR_OK }, /* a hint: the caller chose the key */
        { "{\"alg\":\"ES256\",\"jwk\":{},\"jku\":\"x\",\"x5c\":[]}",
          ERR_OK }, /* not followed */
        { "{\"alg\":\"none\"}", ERR_ALGORITHM },
        { "{\"alg\":\"\"}", ERR_ALGORITHM },
        { "{}", ERR_ALGORITHM },
        { "{\"alg\":\"es256\"}", ERR_ALGORITHM },
        { "{\"alg\":\"ES384\"}", ERR_ALGORITHM },
        { "{\"alg\":\"HS256\"}", ERR_ALGORITHM },
        { "{\"alg\":256}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"kid\":1}", ERR_JOSE },
        { "[\"ES256\"]", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", ERR_BAD_REQUEST },
        { "{\"alg\":\"ES256\",\"crit\":[]}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":\"b64\"}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\",\"b64\"],\"b64\":true}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":\"true\"}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":true}", ERR_OK },
        { "{\"alg\":\"ES256\",\"b64\":true}", ERR_JOSE },
        { "{\"alg\":\"ES256\",\"b64\":false}", ERR_JOSE },
    };
    struct signer s;
    struct jws jws;

    (void)state;
    signer_init(&s, KEY_P256);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str token = forge(&s, b64(&s.t, rows[i].header), b64(&s.t, "payload"));
        err_t e = jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws);

        if (rows[i].e == ERR_BAD_REQUEST) /* the reader's own code */
            assert_int_not_equal(e, ERR_OK);
        else
            assert_int_equal(e, rows[i].e);
        if (e == ERR_OK)
            assert_true(bytes_eq(jws.payload, TEXT("payload")));
        else
            assert_true(jws.alg == SIG_NONE && jws.key == NULL && jws.payload.p == NULL);
    }
    signer_fini(&s);
}

static void
jws_keys(void **state)
{
    struct signer s, other;
    struct str token;
    struct jws jws;

    (void)state;
    signer_init(&s, KEY_P256);
    signer_init(&other, KEY_P256);
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES256\",\"kid\":\"k1\"}"),
                              TEXT("hello"), &token),
                     ERR_OK);
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALG(SIG_ES256), &jws), ERR_OK);
    assert_true(jws.alg == SIG_ES256 && str_is(jws.kid, "k1") && jws.key == &s.jwk);
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, 0, &jws), ERR_ALGORITHM);
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALG(SIG_PS256), &jws),
                     ERR_ALGORITHM);
    assert_int_equal(jws_verify(&s.t.cx, token, &other.jwk, JWS_ALGS_ALL, &jws),
                     ERR_SIGNATURE);
    s.jwk.alg = S("ES384");
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_ALGORITHM);
    s.jwk.alg = S("ES256");
    s.jwk.use = JWK_USE_ENC;
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_KEY);
    s.jwk.use = JWK_USE_SIG;
    s.jwk.has_ops = true;
    s.jwk.ops = JWK_OP_SIGN;
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_KEY);
    s.jwk.ops = JWK_OP_VERIFY;
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_OK);
    { /* a set picks by kid, and only so */
        struct jwk two[2] = { s.jwk, other.jwk };
        struct jwk_set set = { two, 2 };

        assert_int_equal(jws_verify_set(&s.t.cx, token, &set, JWS_ALGS_ALL, &jws),
                         ERR_SIGNATURE);
        two[1].kid = S("k2");
        assert_int_equal(jws_verify_set(&s.t.cx, token, &set, JWS_ALGS_ALL, &jws), ERR_OK);
        two[0].kid = S("k3");
        assert_int_equal(jws_verify_set(&s.t.cx, token, &set, JWS_ALGS_ALL, &jws), ERR_KEY);
        set.count = 1; /* one key alone: for tokens without a kid, not with an empty one */
        assert_int_equal(
            jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES256\"}"), TEXT("x"), &token), ERR_OK);
        assert_int_equal(jws_verify_set(&s.t.cx, token, &set, JWS_ALGS_ALL, &jws), ERR_OK);
        assert_int_equal(jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES256\",\"kid\":\"\"}"),
                                  TEXT("x"), &token),
                         ERR_OK);
        assert_int_equal(jws_verify_set(&s.t.cx, token, &set, JWS_ALGS_ALL, &jws), ERR_KEY);
    }
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES384\"}"), TEXT(""), &token),
                     ERR_ALGORITHM);
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("{}"), TEXT(""), &token), ERR_ALGORITHM);
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("[]"), TEXT(""), &token), ERR_JOSE);
    assert_int_equal(jws_sign(&s.t.cx, s.key,
                              S("{\"alg\":\"ES256\",\"crit\":[\"x\"],\"x\":1}"), TEXT(""),
                              &token),
                     ERR_JOSE);
    signer_fini(&other);
    signer_fini(&s);
}

static void
jws_shapes(void **state)
{
    struct signer s;
    struct str token, h, p, g, rest;
    struct jws_raw raw;
    struct jws jws;
    struct bytes hello = TEXT("hello"), other = TEXT("hallo");

    (void)state;
    signer_init(&s, KEY_P256);
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES256\"}"), hello, &token),
                     ERR_OK);
    rest = token;
    h = str_cut(&rest, '.');
    p = str_cut(&rest, '.');
    g = rest;
    const struct {
        struct str text;
        err_t e;
    } rows[] = {
        { joined(&s.t, h, ".", p, ""), ERR_JOSE },
        { joined(&s.t, token, ".", S(""), ""), ERR_JOSE },
        { joined(&s.t, token, "=", S(""), ""), ERR_BAD_REQUEST },
        { joined(&s.t, S(" "), "", token, ""), ERR_BAD_REQUEST },
        { S(""), ERR_JOSE },
        { S("{}"), ERR_JOSE },
        { S("{\"payload\":\"aGVsbG8\",\"signatures\":[]}"), ERR_JOSE },
        { S("{\"payload\":\"aGVsbG8\",\"signature\":\"AA\"}"), ERR_JOSE }, /* no header */
        { S("{\"payload\":\"aGVsbG8\",\"protected\":\"\",\"signature\":\"AA\"}"),
          ERR_JOSE },
        { arena_printf(
              &s.t.arena,
              "{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"signature\":\"%.*s\"}",
              STR(p), STR(h), STR(g)),
          ERR_OK },
        { arena_printf(
              &s.t.arena,
              "{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"header\":{\"alg\":\"ES256\"},"
              "\"signature\":\"%.*s\"}",
              STR(p), STR(h), STR(g)),
          ERR_JOSE }, /* a name in both headers */
        { arena_printf(
              &s.t.arena,
              "{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"header\":{\"crit\":[\"x\"]},"
              "\"signature\":\"%.*s\"}",
              STR(p), STR(h), STR(g)),
          ERR_JOSE },
        { arena_printf(
              &s.t.arena,
              "{\"payload\":\"%.*s\",\"signatures\":[{\"header\":{\"alg\":\"none\"},"
              "\"signature\":\"\"},{\"protected\":\"%.*s\",\"signature\":\"%.*s\"}]}",
              STR(p), STR(h), STR(g)),
          ERR_OK }, /* one of several */
        { arena_printf(
              &s.t.arena,
              "{\"payload\":\"%.*s\",\"signature\":\"AA\",\"signatures\":[{\"protected\":"
              "\"%.*s\",\"signature\":\"%.*s\"}]}",
              STR(p), STR(h), STR(g)),
          ERR_JOSE }, /* both forms at once */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(jws_verify(&s.t.cx, rows[i].text, &s.jwk, JWS_ALGS_ALL, &jws),
                         rows[i].e);

    /* detached */
    rest = joined(&s.t, h, "..", g, "");
    assert_int_equal(jws_parse(&s.t.cx, rest, &raw), ERR_OK);
    assert_int_equal(jws_check(&s.t.cx, &raw, &s.jwk, JWS_ALGS_ALL, &hello, &jws), ERR_OK);
    assert_int_equal(jws_check(&s.t.cx, &raw, &s.jwk, JWS_ALGS_ALL, &other, &jws),
                     ERR_SIGNATURE);
    assert_int_equal(jws_check(&s.t.cx, &raw, &s.jwk, JWS_ALGS_ALL, NULL, &jws),
                     ERR_SIGNATURE);
    assert_int_equal(jws_parse(&s.t.cx, token, &raw), ERR_OK);
    assert_int_equal(jws_check(&s.t.cx, &raw, &s.jwk, JWS_ALGS_ALL, &hello, &jws),
                     ERR_JOSE);
    signer_fini(&s);
}

static void
jws_unencoded(void **state)
{
    static const char header[] = "{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"]}";
    struct signer s;
    struct str token;
    struct jws_raw raw;
    struct jws jws;
    struct bytes dots = TEXT("$.02"), peeked;

    (void)state;
    signer_init(&s, KEY_P256);
    assert_int_equal(jws_sign(&s.t.cx, s.key, str_of(header), dots, &token), ERR_OK);
    assert_true(str_search(token, S("..")) < token.n); /* detached */
    assert_int_equal(jws_parse(&s.t.cx, token, &raw), ERR_OK);
    assert_int_equal(jws_check(&s.t.cx, &raw, &s.jwk, JWS_ALGS_ALL, &dots, &jws), ERR_OK);
    /* the same signature does not hold for the encoded reading */
    token = forge(&s, b64(&s.t, header), S("plain text"));
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_OK);
    assert_true(bytes_eq(jws.payload, TEXT("plain text")));
    token = forge(&s, b64(&s.t, header), S("pl\nain"));
    assert_int_equal(jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws), ERR_JOSE);
    assert_int_equal(
        jws_parse(&s.t.cx, forge(&s, b64(&s.t, "{\"alg\":\"x\"}"), b64(&s.t, "{}")), &raw),
        ERR_OK);
    assert_int_equal(jws_peek_payload(&s.t.cx, &raw, &peeked), ERR_OK);
    assert_true(bytes_eq(peeked, TEXT("{}")));
    signer_fini(&s);
}

/* --- encryption --- */

static void
jwe_round(struct test_ctx *t, const struct jwk *k, const char *alg)
{
    static const char *const encs[] = { "A128GCM",       "A192GCM",       "A256GCM",
                                        "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512" };
    unsigned bit = JWE_ALG(jwe_alg_of(str_of(alg)));

    for (size_t i = 0; i < COUNT(encs); i++) {
        struct str header = arena_printf(
            &t->arena, "{\"alg\":\"%s\",\"enc\":\"%s\",\"apu\":\"QWxpY2U\"}", alg, encs[i]);
        struct str token;
        struct bytes plain;
        char *at;

        if (strcmp(alg, "dir") == 0 &&
            aead_key_size(aead_of(str_of(encs[i]))) != key_bits(k->key) / 8) {
            assert_int_equal(jwe_encrypt(&t->cx, k, header, TEXT("x"), &token), ERR_KEY);
            continue;
        }
        assert_int_equal(jwe_encrypt(&t->cx, k, header, TEXT("plain"), &token), ERR_OK);
        assert_int_equal(jwe_decrypt(&t->cx, token, k, bit, &plain), ERR_OK);
        assert_true(bytes_eq(plain, TEXT("plain")));
        assert_int_equal(jwe_decrypt(&t->cx, token, k, 0, &plain), ERR_ALGORITHM);
        assert_int_equal(jwe_decrypt(&t->cx, token, k, ~bit, &plain), ERR_ALGORITHM);
        if (i != 0)
            continue;
        memcpy(&at, &token.p, sizeof(at));
        for (size_t j = 3; j < token.n; j += token.n / 9) { /* no byte may change */
            char was = at[j];

            if (was == '.')
                continue;
            at[j] = was == 'A' ? 'B' : 'A';
            assert_int_not_equal(jwe_decrypt(&t->cx, token, k, bit, &plain), ERR_OK);
            assert_null(plain.p);
            at[j] = was;
        }
    }
}

static void
jwe_algs(void **state)
{
    static const struct {
        const char *alg;
        enum key_type type;
        size_t size;
    } rows[] = {
        { "RSA-OAEP", KEY_RSA, 0 },
        { "RSA-OAEP-256", KEY_RSA, 0 },
        { "A128KW", KEY_OCT, 16 },
        { "A192KW", KEY_OCT, 24 },
        { "A256KW", KEY_OCT, 32 },
        { "A128GCMKW", KEY_OCT, 16 },
        { "A192GCMKW", KEY_OCT, 24 },
        { "A256GCMKW", KEY_OCT, 32 },
        { "dir", KEY_OCT, 32 },
        { "dir", KEY_OCT, 64 },
        { "ECDH-ES", KEY_P256, 0 },
        { "ECDH-ES+A128KW", KEY_P384, 0 },
        { "ECDH-ES+A192KW", KEY_P521, 0 },
        { "ECDH-ES+A256KW", KEY_X25519, 0 },
    };
    scoped(key_drop) struct key *rsa = NULL; /* made once: it takes long */
    struct test_ctx t;
    uint8_t secret[64];

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_generate(&t.cx, KEY_RSA, &rsa), ERR_OK);
    random_bytes(secret, sizeof(secret));
    for (size_t i = 0; i < COUNT(rows); i++) {
        scoped(key_drop) struct key *k = NULL;
        scoped(jwk_fini) struct jwk jwk = { .key = NULL };
        struct key_parts parts = { .k = { secret, rows[i].size } };

        if (rows[i].type == KEY_OCT)
            assert_int_equal(key_import(&t.cx, KEY_OCT, &parts, &k), ERR_OK);
        else if (rows[i].type == KEY_RSA)
            k = key_ref(rsa);
        else
            assert_int_equal(key_generate(&t.cx, rows[i].type, &k), ERR_OK);
        assert_int_equal(jwk_of_key(&t.cx, k, S(""), &jwk), ERR_OK);
        jwe_round(&t, &jwk, rows[i].alg);
    }
    test_ctx_fini(&t);
}

static void
jwe_refusals(void **state)
{
    static const struct {
        const char *header;
        err_t e;
    } rows[] = {
        { "{\"alg\":\"A256KW\",\"enc\":\"A128GCM\"}", ERR_OK },
        { "{\"alg\":\"RSA1_5\",\"enc\":\"A128GCM\"}", ERR_ALGORITHM },
        { "{\"alg\":\"A256KW\",\"enc\":\"A128CBC\"}", ERR_ALGORITHM },
        { "{\"enc\":\"A128GCM\"}", ERR_ALGORITHM },
        { "{\"alg\":\"A256KW\"}", ERR_ALGORITHM },
        { "{\"alg\":\"A128KW\",\"enc\":\"A128GCM\"}", ERR_KEY },
        { "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", ERR_KEY },
        { "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\"}", ERR_KEY },
        { "{\"alg\":\"A256KW\",\"enc\":\"A128GCM\",\"zip\":\"DEF\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"A256KW\",\"enc\":\"A128GCM\",\"crit\":[\"x\"],\"x\":1}", ERR_JOSE },
        { "{\"alg\":\"A256KW\",\"enc\":\"A128GCM\",\"epk\":{}}", ERR_JOSE },
        { "{\"alg\":1,\"enc\":\"A128GCM\"}", ERR_JOSE },
        { "[]", ERR_JOSE },
    };
    struct test_ctx t;
    uint8_t secret[32] = { 1 };
    struct key_parts parts = { .k = { secret, 32 } };
    scoped(key_drop) struct key *k = NULL;
    scoped(jwk_fini) struct jwk jwk = { .key = NULL };
    struct str token;
    struct bytes plain;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_import(&t.cx, KEY_OCT, &parts, &k), ERR_OK);
    assert_int_equal(jwk_of_key(&t.cx, k, S(""), &jwk), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(
            jwe_encrypt(&t.cx, &jwk, str_of(rows[i].header), TEXT("x"), &token), rows[i].e);
    /* PBES2: only who names it, and not for any number of rounds */
    assert_int_equal(
        jwe_encrypt(&t.cx, &jwk,
                    S("{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\",\"p2c\":1000}"),
                    TEXT("x"), &token),
        ERR_OK);
    assert_int_equal(jwe_decrypt(&t.cx, token, &jwk, JWE_ALGS_USUAL, &plain),
                     ERR_ALGORITHM);
    assert_int_equal(jwe_decrypt(&t.cx, token, &jwk, JWE_ALGS_PBES2, &plain), ERR_OK);
    assert_int_equal(
        jwe_encrypt(&t.cx, &jwk,
                    S("{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\",\"p2c\":999}"),
                    TEXT("x"), &token),
        ERR_LIMIT);
    token = joined(&t,
                   b64(&t, "{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\",\"p2s\":"
                           "\"AAAAAAAAAAAAAAAA\",\"p2c\":2000000000}"),
                   ".AAAA.AAAA.AAAA.AAAA", S(""), "");
    assert_int_equal(jwe_decrypt(&t.cx, token, &jwk, JWE_ALGS_PBES2, &plain), ERR_LIMIT);
    assert_int_equal(jwe_decrypt(&t.cx, S("a.b.c.d"), &jwk, JWE_ALGS_USUAL, &plain),
                     ERR_JOSE);
    assert_int_equal(jwe_decrypt(&t.cx, S("{}"), &jwk, JWE_ALGS_USUAL, &plain), ERR_JOSE);
    jwk.use = JWK_USE_SIG;
    assert_int_equal(jwe_encrypt(&t.cx, &jwk, str_of(rows[0].header), TEXT("x"), &token),
                     ERR_KEY);
    test_ctx_fini(&t);
}

/* --- claims --- */

static void
claims(void **state)
{
    static const struct {
        const char *text;
        err_t e;
    } rows[] = {
        /* now is 1767225600; skew 5 s */
        { "{}", ERR_OK },
        { "{\"exp\":1767225601}", ERR_OK },
        { "{\"exp\":1767225600}", ERR_JWT_TIME },
        { "{\"exp\":1767225600.5}", ERR_OK },
        { "{\"exp\":1e20}", ERR_OK },
        { "{\"exp\":\"1767225700\"}", ERR_JWT_CLAIM },
        { "{\"exp\":null}", ERR_JWT_CLAIM },
        { "{\"nbf\":1767225605}", ERR_OK },
        { "{\"nbf\":1767225606}", ERR_JWT_TIME },
        { "{\"nbf\":-1}", ERR_OK },
        { "{\"nbf\":true}", ERR_JWT_CLAIM },
        { "{\"iat\":1767225605}", ERR_OK },
        { "{\"iat\":1767225606}", ERR_JWT_TIME },
        { "{\"nbf\":1767225603,\"exp\":1767225602}", ERR_JWT_TIME },
    };
    static const struct jwt_times rules = { .skew_ms = 5000 };
    static const struct jwt_times strict = { .need = JWT_NEED_EXP,
                                             .age_max_ms = 60000,
                                             .life_max_ms = 100000 };
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(jwt_verify_times(&t.cx, parsed(&t, rows[i].text), &rules),
                         rows[i].e);
    assert_int_equal(jwt_verify_times(&t.cx, parsed(&t, "{\"iat\":1767225600}"), &strict),
                     ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_times(&t.cx, parsed(&t, "{\"exp\":1767225700}"), &strict),
                     ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_times(&t.cx,
                                      parsed(&t, "{\"iat\":1767225540,\"exp\":1767225640}"),
                                      &strict),
                     ERR_OK);
    assert_int_equal(jwt_verify_times(&t.cx,
                                      parsed(&t, "{\"iat\":1767225539,\"exp\":1767225601}"),
                                      &strict),
                     ERR_JWT_TIME);
    assert_int_equal(jwt_verify_times(&t.cx,
                                      parsed(&t, "{\"iat\":1767225560,\"exp\":1767225661}"),
                                      &strict),
                     ERR_JWT_TIME);
    assert_int_equal(jwt_verify_audience(&t.cx, parsed(&t, "{}"), S("a")), ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_audience(&t.cx, parsed(&t, "{\"aud\":\"b\"}"), S("a")),
                     ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_audience(&t.cx, parsed(&t, "{\"aud\":\"\"}"), S("")),
                     ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_audience(&t.cx, parsed(&t, "{\"aud\":[\"a\",1]}"), S("a")),
                     ERR_JWT_CLAIM);
    assert_int_equal(jwt_verify_audience(&t.cx, parsed(&t, "{\"aud\":\"a\"}"), S("a")),
                     ERR_OK);
    assert_int_equal(
        jwt_verify_audience(&t.cx, parsed(&t, "{\"aud\":[\"b\",\"a\"]}"), S("a")), ERR_OK);
    test_ctx_fini(&t);
}

/* --- the n-th allocation fails, for every n --- */

static void
faults(void **state)
{
    struct signer s;
    struct str token, sealed;
    struct jws jws;
    struct bytes plain;
    err_t e = ERR_NO_MEMORY;

    (void)state;
    signer_init(&s, KEY_P256);
    assert_int_equal(jws_sign(&s.t.cx, s.key, S("{\"alg\":\"ES256\"}"), TEXT("x"), &token),
                     ERR_OK);
    for (long n = 1; e != ERR_OK; n++) {
        s.t.arena.taken = 0;
        s.t.arena.fail_at = n;
        s.t.arena.failed = false;
        if ((e = jws_verify(&s.t.cx, token, &s.jwk, JWS_ALGS_ALL, &jws)) == ERR_OK &&
            (e = jwe_encrypt(&s.t.cx, &s.jwk,
                             S("{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\"}"),
                             TEXT("x"), &sealed)) == ERR_OK)
            e = jwe_decrypt(&s.t.cx, sealed, &s.jwk, JWE_ALGS_USUAL, &plain);
        assert_true(e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_TOO_LARGE);
        assert_true(n < 1000);
    }
    signer_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwk_refusals),  cmocka_unit_test(jwk_sets),
        cmocka_unit_test(jwk_caching),   cmocka_unit_test(jws_headers),
        cmocka_unit_test(jws_keys),      cmocka_unit_test(jws_shapes),
        cmocka_unit_test(jws_unencoded), cmocka_unit_test(jwe_refusals),
        cmocka_unit_test(jwe_algs),      cmocka_unit_test(claims),
        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
