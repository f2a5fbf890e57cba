/* jose_fuzz.c - tokens, keys and sets from strangers. The first byte chooses. EUPL-1.2. */
#include "crypto/jose/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
as_token(struct ctx *cx, struct str text, const struct jwk *key)
{
    struct bytes payload = { (const uint8_t *)"x", 1 }, plain;
    struct jws_raw raw;
    struct jws jws;

    if (jws_parse(cx, text, &raw) == ERR_OK) {
        (void)!jws_peek_payload(cx, &raw, &plain);
        (void)!jws_check(cx, &raw, key, JWS_ALGS_ALL, NULL, &jws);
        (void)!jws_check(cx, &raw, key, JWS_ALGS_ALL, &payload, &jws);
    }
    (void)!jwe_decrypt(cx, text, key, JWE_ALGS_USUAL, &plain);
}

static void
as_json(struct ctx *cx, struct str text, const struct jwk *key)
{
    scoped(jwk_fini) struct jwk k = { .key = NULL };
    scoped(jwk_set_fini) struct jwk_set set = { NULL, 0 };
    static const struct jwt_times rules = { .skew_ms = 5000, .need = JWT_NEED_EXP };
    struct str token;
    json *v;

    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK)
        return;
    (void)!jwk_parse(cx, v, NULL, &k);
    (void)!jwk_set_parse(cx, v, NULL, &set);
    (void)!jwt_verify_times(cx, v, &rules);
    (void)!jwt_verify_audience(cx, v, S("a"));
    (void)!jws_sign(cx, key->key, text, bytes_of(text), &token);
    (void)!jwe_encrypt(cx, key, text, bytes_of(text), &token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[32] = { 1 };
    const struct key_parts parts = { .k = { secret, sizeof(secret) } };
    struct arena a;
    struct ctx cx;
    struct jwk key = { .key = NULL };

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, INT64_C(1767225600000));
    if (size != 0 && key_import(&cx, KEY_OCT, &parts, &key.key) == ERR_OK) {
        struct str text = { (const char *)data + 1, size - 1 };

        if ((data[0] & 1) != 0)
            as_token(&cx, text, &key);
        else
            as_json(&cx, text, &key);
    }
    jwk_fini(&key);
    arena_fini(&a);
    return 0;
}
