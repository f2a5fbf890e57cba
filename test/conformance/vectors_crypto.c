/* vectors_crypto.c - operations of the floor crypto: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

#include "crypto/canon/canon.h"
#include "crypto/jose/jose.h"
#include "crypto/x509/x509.h"

static err_t
jcs(struct rq *rq)
{
    const json *v;
    struct str text;
    err_t e = rq_value(rq, "value", &v);

    if (e != ERR_OK || (e = canon_jcs(rq->cx, v, &text)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, bytes_of(text));
}

static err_t
hash_member(struct rq *rq, const char *name, enum hash *out)
{
    struct str text;
    err_t e = rq_str(rq, name, &text);

    if (e != ERR_OK)
        return e;
    *out = hash_of(text);
    return *out != HASH_NONE
               ? ERR_OK
               : refuse(rq->cx, ERR_UNSUPPORTED, "", "%s is no hash here", name);
}

static err_t
aead_open_op(struct rq *rq)
{
    struct str alg;
    struct bytes key, iv, aad, cipher, tag, plain;
    err_t e;

    if ((e = rq_str(rq, "alg", &alg)) != ERR_OK ||
        (e = rq_bytes(rq, "key", &key)) != ERR_OK ||
        (e = rq_bytes(rq, "iv", &iv)) != ERR_OK ||
        (e = rq_bytes(rq, "aad", &aad)) != ERR_OK ||
        (e = rq_bytes(rq, "ciphertext", &cipher)) != ERR_OK ||
        (e = rq_bytes(rq, "tag", &tag)) != ERR_OK)
        return e;
    e = aead_open(rq->cx, aead_of(alg), key, iv, aad, cipher, tag, &plain);
    return e != ERR_OK ? e : rq_put_bytes(rq, plain);
}

static err_t
hkdf_op(struct rq *rq)
{
    struct bytes ikm, salt, info;
    enum hash h;
    int64_t size;
    uint8_t *out;
    bool present;
    err_t e;

    if ((e = hash_member(rq, "hash", &h)) != ERR_OK ||
        (e = rq_bytes(rq, "ikm", &ikm)) != ERR_OK ||
        (e = rq_bytes_opt(rq, "salt", &present, &salt)) != ERR_OK ||
        (e = rq_bytes_opt(rq, "info", &present, &info)) != ERR_OK ||
        (e = rq_i64(rq, "size", &size)) != ERR_OK)
        return e;
    if (size <= 0 || size > 255 * HASH_MAX)
        return refuse(rq->cx, ERR_LIMIT, "RFC 5869 2.3", "size");
    if ((out = arena_alloc(rq->cx->arena, (size_t)size)) == NULL)
        return refuse_memory(rq->cx);
    if ((e = hkdf(rq->cx, h, ikm, salt, info, out, (size_t)size)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, (struct bytes){ out, (size_t)size });
}

static err_t
hmac_op(struct rq *rq)
{
    struct bytes key, message;
    uint8_t out[HASH_MAX];
    enum hash h;
    err_t e;

    if ((e = hash_member(rq, "hash", &h)) != ERR_OK ||
        (e = rq_bytes(rq, "key", &key)) != ERR_OK ||
        (e = rq_bytes(rq, "message", &message)) != ERR_OK ||
        (e = hmac_bytes(rq->cx, h, key, message, out)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, (struct bytes){ out, hash_size(h) });
}

static err_t
kw_unwrap_op(struct rq *rq)
{
    static const char *const names[] = { "A128KW", "A192KW", "A256KW" };
    struct str alg;
    struct bytes key, cipher, plain;
    err_t e;

    if ((e = rq_str(rq, "alg", &alg)) != ERR_OK ||
        (e = rq_bytes(rq, "key", &key)) != ERR_OK ||
        (e = rq_bytes(rq, "ciphertext", &cipher)) != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(alg, names[i]) && key.n == 16 + 8 * i) {
            e = keywrap_open(rq->cx, key, cipher, &plain);
            return e != ERR_OK ? e : rq_put_bytes(rq, plain);
        }
    return refuse(rq->cx, ERR_ALGORITHM, "RFC 7518 4.4", "alg and key do not fit");
}

/* --- keys, signatures --- */

static err_t
jwk_member(struct rq *rq, const char *name, struct jwk *out)
{
    const json *v;
    err_t e = rq_value(rq, name, &v);

    *out = (struct jwk){ .key = NULL };
    return e != ERR_OK ? e : jwk_parse(rq->cx, v, NULL, out);
}

static err_t
jwk_parse_op(struct rq *rq)
{
    static const char *const ktys[KEY_TYPE_COUNT] = {
        [KEY_P256] = "EC",      [KEY_P384] = "EC",     [KEY_P521] = "EC",
        [KEY_SECP256K1] = "EC", [KEY_ED25519] = "OKP", [KEY_X25519] = "OKP",
        [KEY_RSA] = "RSA",      [KEY_OCT] = "oct",
    };
    scoped(jwk_fini) struct jwk k = { .key = NULL };
    err_t e = jwk_member(rq, "jwk", &k);

    if (e != ERR_OK)
        return e;
    json_object(rq->out);
    json_member_z(rq->out, "kty", ktys[key_type(k.key)]);
    json_member(rq->out, "thumbprint", k.thumbprint);
    json_end(rq->out);
    return ERR_OK;
}

static err_t
sig_verify_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk k = { .key = NULL };
    struct str alg;
    struct bytes message, signature;
    enum sig_form form = SIG_RAW;
    err_t e;

    if ((e = rq_str(rq, "alg", &alg)) != ERR_OK ||
        (e = rq_bytes(rq, "message", &message)) != ERR_OK ||
        (e = rq_bytes(rq, "signature", &signature)) != ERR_OK ||
        (e = jwk_member(rq, "jwk", &k)) != ERR_OK)
        return e;
    if (str_starts(alg, S("ES")) && str_ends(alg, S("-DER"))) {
        form = SIG_DER;
        alg = str_sub(alg, 0, alg.n - 4);
    }
    if (k.alg.n != 0 && !str_eq(k.alg, alg))
        return refuse(rq->cx, ERR_ALGORITHM, "RFC 7517 4.4", "the key is for another alg");
    if ((e = jwk_may(rq->cx, &k, JWK_USE_SIG, JWK_OP_VERIFY)) != ERR_OK)
        return e;
    e = key_verify(rq->cx, k.key, sig_alg_of(alg), form, message, signature);
    if (e == ERR_SIGNATURE)
        return rq_put_bool(rq, false);
    return e != ERR_OK ? e : rq_put_bool(rq, true);
}

static err_t
oaep_decrypt_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk k = { .key = NULL };
    enum hash h, mgf;
    struct bytes cipher, label, plain;
    bool present;
    err_t e;

    if ((e = hash_member(rq, "hash", &h)) != ERR_OK ||
        (e = hash_member(rq, "mgf", &mgf)) != ERR_OK ||
        (e = rq_bytes(rq, "ciphertext", &cipher)) != ERR_OK ||
        (e = rq_bytes_opt(rq, "label", &present, &label)) != ERR_OK ||
        (e = jwk_member(rq, "jwk", &k)) != ERR_OK ||
        (e = oaep_open(rq->cx, k.key, h, mgf, label, cipher, &plain)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, plain);
}

static err_t
ecdh_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk own = { .key = NULL }, peer = { .key = NULL };
    uint8_t out[ECDH_MAX];
    size_t n;
    err_t e;

    if ((e = jwk_member(rq, "jwk", &own)) != ERR_OK ||
        (e = jwk_member(rq, "peer", &peer)) != ERR_OK ||
        (e = key_agree(rq->cx, own.key, peer.key, out, &n)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, (struct bytes){ out, n });
}

/* --- jws --- */

/* `algs` absent: all of `all`. Names that are not known allow nothing. */
static err_t
algs_member(struct rq *rq, unsigned all, unsigned (*bit)(struct str), unsigned *out)
{
    const json *list = json_get(rq->in, "algs");

    *out = list == NULL ? all : 0;
    if (list != NULL && json_type(list) != JSON_ARRAY)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "algs is no list");
    for (json_each(it, list)) {
        struct str name;

        if (!json_str(it.value, &name))
            return refuse(rq->cx, ERR_BAD_REQUEST, "", "algs holds what is no text");
        *out |= bit(name);
    }
    return ERR_OK;
}

static unsigned
jws_bit(struct str name)
{
    enum sig_alg a = sig_alg_of(name);

    return a == SIG_NONE ? 0 : JWS_ALG(a);
}

static unsigned
jwe_bit(struct str name)
{
    enum jwe_alg a = jwe_alg_of(name);

    return a == JWE_ALG_NONE ? 0 : JWE_ALG(a);
}

static err_t
put_jws(struct rq *rq, const struct jws *jws)
{
    const json *headers[2] = { jws->protected_header, jws->header };
    struct str payload;
    err_t e = b64url(rq->cx, jws->payload, &payload);

    if (e != ERR_OK)
        return e;
    json_object(rq->out);
    json_key(rq->out, "header");
    json_object(rq->out);
    for (size_t i = 0; i < 2; i++)
        for (json_each(it, headers[i])) {
            json_key_str(rq->out, it.name);
            json_put(rq->out, it.value);
        }
    json_end(rq->out);
    json_member(rq->out, "payload", payload);
    json_end(rq->out);
    return ERR_OK;
}

static err_t
jws_member(struct rq *rq, struct jws_raw *out)
{
    const json *v;
    struct str text;
    err_t e = rq_value(rq, "jws", &v);

    if (e != ERR_OK)
        return e;
    return json_str(v, &text) ? jws_parse(rq->cx, text, out)
                              : jws_parse_json(rq->cx, v, out);
}

static err_t
jws_verify_op(struct rq *rq)
{
    scoped(jwk_set_fini) struct jwk_set set = { NULL, 0 };
    scoped(jwk_fini) struct jwk key = { .key = NULL };
    const json *keys = json_get(rq->in, "jwks");
    struct bytes payload;
    struct jws_raw raw;
    struct jws jws;
    unsigned algs;
    bool detached;
    err_t e;

    if ((e = algs_member(rq, JWS_ALGS_ALL, jws_bit, &algs)) != ERR_OK ||
        (e = rq_bytes_opt(rq, "payload", &detached, &payload)) != ERR_OK ||
        (e = jws_member(rq, &raw)) != ERR_OK)
        return e;
    if (keys != NULL) {
        if ((e = jwk_set_parse(rq->cx, keys, NULL, &set)) == ERR_OK)
            e = jws_check_set(rq->cx, &raw, &set, algs, detached ? &payload : NULL, &jws);
    } else if ((e = jwk_member(rq, "jwk", &key)) == ERR_OK) {
        e = jws_check(rq->cx, &raw, &key, algs, detached ? &payload : NULL, &jws);
    }
    return e != ERR_OK ? e : put_jws(rq, &jws);
}

static err_t
jws_sign_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk key = { .key = NULL };
    const json *header;
    struct bytes payload;
    struct str text, out;
    err_t e;

    if ((e = rq_bytes(rq, "payload", &payload)) != ERR_OK ||
        (e = rq_value(rq, "header", &header)) != ERR_OK ||
        (e = json_text(rq->cx, header, &text)) != ERR_OK ||
        (e = jwk_member(rq, "jwk", &key)) != ERR_OK ||
        (e = jwk_may(rq->cx, &key, JWK_USE_SIG, JWK_OP_SIGN)) != ERR_OK)
        return e;
    if (key.alg.n != 0 && !json_is(json_get(header, "alg"), key.alg.p))
        return refuse(rq->cx, ERR_ALGORITHM, "RFC 7517 4.4", "the key is for another alg");
    e = jws_sign(rq->cx, key.key, text, payload, &out);
    return e != ERR_OK ? e : rq_put_str(rq, out);
}

/* --- jwe --- */

static err_t
jwe_decrypt_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk key = { .key = NULL };
    const json *v;
    struct str text;
    struct bytes plain;
    unsigned algs;
    err_t e;

    if ((e = rq_value(rq, "jwe", &v)) != ERR_OK ||
        (e = algs_member(rq, JWE_ALGS_USUAL, jwe_bit, &algs)) != ERR_OK ||
        (e = jwk_member(rq, "jwk", &key)) != ERR_OK)
        return e;
    e = json_str(v, &text) ? jwe_decrypt(rq->cx, text, &key, algs, &plain)
                           : jwe_decrypt_json(rq->cx, v, &key, algs, &plain);
    return e != ERR_OK ? e : rq_put_bytes(rq, plain);
}

static err_t
jwe_encrypt_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk key = { .key = NULL };
    const json *header;
    struct bytes payload;
    struct str text, out;
    err_t e;

    if ((e = rq_bytes(rq, "payload", &payload)) != ERR_OK ||
        (e = rq_value(rq, "header", &header)) != ERR_OK ||
        (e = json_text(rq->cx, header, &text)) != ERR_OK ||
        (e = jwk_member(rq, "jwk", &key)) != ERR_OK ||
        (e = jwe_encrypt(rq->cx, &key, text, payload, &out)) != ERR_OK)
        return e;
    return rq_put_str(rq, out);
}

/* --- x509.verify --- */

enum { CERTS = X509_POOL_MAX, CRLS = 64 };

struct material {
    struct cert *leaf, *roots[CERTS], *intermediates[CERTS];
    struct crl *crls[CRLS];
};

static void
material_fini(struct material *m)
{
    cert_free(m->leaf);
    for (size_t i = 0; i < CERTS; i++) {
        cert_free(m->roots[i]);
        cert_free(m->intermediates[i]);
    }
    for (size_t i = 0; i < CRLS; i++)
        crl_free(m->crls[i]);
}

/* An intermediate that does not parse is of no use, and no reason to refuse. */
static err_t
read_certs(struct rq *rq, const char *name, bool lenient, struct cert **to, size_t *count)
{
    struct bytes *ders;
    size_t n;
    bool present;
    err_t e = rq_bytes_list(rq, name, &present, &ders, &n);

    *count = 0;
    if (e != ERR_OK)
        return e;
    if (n > CERTS)
        return refuse(rq->cx, ERR_LIMIT, "", "too many %s", name);
    for (size_t i = 0; i < n; i++) {
        e = cert_parse(rq->cx, ders[i], &to[*count]);
        if (e == ERR_OK)
            ++*count;
        else if (!lenient || e != ERR_CERT)
            return e;
    }
    return ERR_OK;
}

static err_t
read_crls(struct rq *rq, struct material *m, struct x509_want *want)
{
    struct bytes *ders;
    size_t n;
    bool present;
    err_t e = rq_bytes_list(rq, "crls", &present, &ders, &n);

    if (e != ERR_OK)
        return e;
    if (n > CRLS)
        return refuse(rq->cx, ERR_LIMIT, "", "too many crls");
    want->revocation = present ? X509_CRLS : X509_CRLS_WAIVED;
    want->crls = m->crls;
    for (size_t i = 0; i < n; i++)
        if (crl_parse(rq->cx, ders[i], &m->crls[want->crls_count]) == ERR_OK)
            want->crls_count++;
    return ERR_OK;
}

static err_t
read_names(struct rq *rq, struct x509_want *want)
{
    const json *list = json_get(rq->in, "names");
    struct x509_name *at = arena_array(rq->cx->arena, json_size(list) + 1, sizeof(*at));

    if (at == NULL)
        return refuse_memory(rq->cx);
    if (list != NULL && json_type(list) != JSON_ARRAY)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "names is no array");
    want->names = at;
    for (json_each(it, list)) {
        const json *type = json_get(it.value, "type");

        *at = (struct x509_name){ json_is(type, "dns")     ? CERT_SAN_DNS
                                  : json_is(type, "ip")    ? CERT_SAN_IP
                                  : json_is(type, "email") ? CERT_SAN_EMAIL
                                                           : CERT_SAN_NONE,
                                  json_get_text(it.value, "value") };
        if (at->type == CERT_SAN_NONE || at->value.p == NULL)
            return refuse(rq->cx, ERR_BAD_REQUEST, "",
                          "a name of no known type, or without value");
        at++;
        want->names_count++;
    }
    return ERR_OK;
}

static err_t
read_want(struct rq *rq, struct x509_want *want)
{
    const json *eku = json_get(rq->in, "eku");
    struct str purpose,
        *texts = arena_array(rq->cx->arena, json_size(eku) + 1, sizeof(*texts));
    int64_t depth;
    err_t e = rq_str(rq, "purpose", &purpose);

    if (e != ERR_OK)
        return e;
    if (texts == NULL)
        return refuse_memory(rq->cx);
    if (eku != NULL && json_type(eku) != JSON_ARRAY)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "eku is no array");
    want->purpose = str_is(purpose, "server")   ? X509_FOR_SERVER
                    : str_is(purpose, "client") ? X509_FOR_CLIENT
                                                : X509_FOR_NOBODY;
    if (want->purpose == X509_FOR_NOBODY)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "purpose is server or client");
    want->eku = texts;
    for (json_each(it, eku))
        if (!json_str(it.value, &texts[want->eku_count++]))
            return refuse(rq->cx, ERR_BAD_REQUEST, "", "eku holds what is no string");
    if (json_type(json_get(rq->in, "depth")) > JSON_NULL) {
        if ((e = rq_i64(rq, "depth", &depth)) != ERR_OK)
            return e;
        if (depth < 0 || depth > 100)
            return refuse(rq->cx, ERR_LIMIT, "", "depth");
        want->depth = (unsigned)depth;
        want->depth_set = true;
    }
    want->clock = X509_AT;
    want->now_ms = rq->cx->now_ms;
    return read_names(rq, want);
}

static err_t
x509_verify_op(struct rq *rq)
{
    scoped(material_fini) struct material m = { 0 };
    struct x509_want want = { .roots = m.roots, .intermediates = m.intermediates };
    struct x509_chain chain;
    struct bytes leaf;
    err_t e;

    if ((e = rq_bytes(rq, "leaf", &leaf)) != ERR_OK ||
        (e = read_want(rq, &want)) != ERR_OK ||
        (e = read_certs(rq, "roots", true, m.roots, &want.roots_count)) != ERR_OK ||
        (e = read_certs(rq, "intermediates", true, m.intermediates,
                        &want.intermediates_count)) != ERR_OK ||
        (e = read_crls(rq, &m, &want)) != ERR_OK ||
        (e = cert_parse(rq->cx, leaf, &m.leaf)) != ERR_OK)
        return e;
    e = x509_verify(rq->cx, m.leaf, &want, &chain);
    return e != ERR_OK ? e : rq_put_bool(rq, true);
}

const struct op ops_crypto[] = {
    { "aead.open", aead_open_op },
    { "ecdh", ecdh_op },
    { "hkdf", hkdf_op },
    { "hmac", hmac_op },
    { "jcs", jcs },
    { "jwe.decrypt", jwe_decrypt_op },
    { "jwe.encrypt", jwe_encrypt_op },
    { "jwk.parse", jwk_parse_op },
    { "jws.sign", jws_sign_op },
    { "jws.verify", jws_verify_op },
    { "kw.unwrap", kw_unwrap_op },
    { "oaep.decrypt", oaep_decrypt_op },
    { "sig.verify", sig_verify_op },
    { "x509.verify", x509_verify_op },
    { NULL, NULL },
};
