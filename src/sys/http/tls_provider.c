/*
 * tls_provider.c - an OpenSSL provider whose private keys are names.
 *
 * It has key management for EC and RSA (all but the private part is answered from the
 * certificate's public key) and one operation: a signature, for which it asks the
 * signer. A handshake that waits for it is an OpenSSL job, paused, so that the loop
 * goes on with others.
 *
 * Rule      provider(7), provider-keymgmt(7), provider-signature(7).
 * Lifetime  A key object borrows its tls_server, whose SSL_CTX owns the key.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/tls_int.h"

#include <openssl/async.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>

#define OUR_PARAM "knoop-server"

_Thread_local struct tls_conn *tls__current;

/* --- keys: a pointer to the server, whose certificate has the public part --- */

struct key {
    struct tls_server *server;
};

static void *
key_new(void *provider)
{
    (void)provider;
    return OPENSSL_zalloc(sizeof(struct key));
}

static void
key_free(void *key)
{
    OPENSSL_free(key);
}

/* Only what tls__key gives is taken; anybody else's key material is not. */
static int
key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct key *key = keydata;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OUR_PARAM);
    const void *server;
    size_t n;

    (void)selection;
    if (p == NULL || !OSSL_PARAM_get_octet_ptr(p, &server, &n) ||
        n != sizeof(struct tls_server))
        return 0;
    key->server = (struct tls_server *)(uintptr_t)server;
    return 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_ptr(OUR_PARAM, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return types;
}

static int
key_has(const void *key, int selection)
{
    (void)selection; /* the private part is in the signer: it can be used, not had */
    return ((const struct key *)key)->server != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
    (void)selection;
    return EVP_PKEY_eq(((const struct key *)a)->server->public_key,
                       ((const struct key *)b)->server->public_key) == 1;
}

static int
key_export(void *keydata, int selection, OSSL_CALLBACK *give, void *arg)
{
    struct key *key = keydata;
    OSSL_PARAM *params = NULL;
    int ok;

    if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
        return 0;
    if (EVP_PKEY_todata(key->server->public_key, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    ok = give(params, arg);
    OSSL_PARAM_free(params);
    return ok;
}

static const OSSL_PARAM *
ec_export_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

static const OSSL_PARAM *
rsa_export_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

static int
key_get_params(void *key, OSSL_PARAM params[])
{
    return EVP_PKEY_get_params(((struct key *)key)->server->public_key, params);
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return types;
}

static const char *
ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *
rsa_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

/* --- signatures ---------------------------------------------------------------- */

struct signing {
    struct tls_server *server;
    bool pss;
    char digest[32];
};

static void *
sig_new(void *provider, const char *propq)
{
    (void)provider;
    (void)propq;
    return OPENSSL_zalloc(sizeof(struct signing));
}

static void
sig_free(void *s)
{
    OPENSSL_free(s);
}

static int
sig_set_params(void *signing, const OSSL_PARAM params[])
{
    struct signing *s = signing;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) != NULL) {
        int mode = 0;

        if (p->data_type == OSSL_PARAM_UTF8_STRING) {
            s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
            if (!s->pss && strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) != 0)
                return 0;
        } else if (OSSL_PARAM_get_int(p, &mode)) {
            s->pss = mode == RSA_PKCS1_PSS_PADDING;
            if (!s->pss && mode != RSA_PKCS1_PADDING)
                return 0;
        } else {
            return 0;
        }
    }
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) != NULL) {
        int length = 0;

        if (p->data_type == OSSL_PARAM_UTF8_STRING)
            return strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
        return OSSL_PARAM_get_int(p, &length) && length == RSA_PSS_SALTLEN_DIGEST;
    }
    return 1;
}

static const OSSL_PARAM *
sig_settable(void *signing, void *provider)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)signing;
    (void)provider;
    return types;
}

static int
sig_init(void *signing, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signing *s = signing;

    if (key == NULL || digest == NULL || strlen(digest) >= sizeof(s->digest))
        return 0;
    s->server = ((struct key *)key)->server;
    memcpy(s->digest, digest, strlen(digest) + 1);
    return sig_set_params(s, params);
}

static enum tls_sig_alg
algorithm(const struct signing *s)
{
    static const struct {
        const char *key, *digest;
        bool pss;
        int bits; /* ECDSA: of the curve that goes with the digest */
        enum tls_sig_alg alg;
    } table[] = {
        { "EC", "SHA256", false, 256, TLS_ECDSA_P256_SHA256 },
        { "EC", "SHA384", false, 384, TLS_ECDSA_P384_SHA384 },
        { "RSA", "SHA256", true, 0, TLS_RSA_PSS_SHA256 },
        { "RSA", "SHA384", true, 0, TLS_RSA_PSS_SHA384 },
        { "RSA", "SHA512", true, 0, TLS_RSA_PSS_SHA512 },
        { "RSA", "SHA256", false, 0, TLS_RSA_PKCS1_SHA256 },
        { "RSA", "SHA384", false, 0, TLS_RSA_PKCS1_SHA384 },
        { "RSA", "SHA512", false, 0, TLS_RSA_PKCS1_SHA512 },
    };
    const EVP_PKEY *key = s->server->public_key;
    /* Both spellings are OpenSSL's: "SHA256" and "SHA2-256". */
    const char *size =
        strrchr(s->digest, '-') ? strrchr(s->digest, '-') + 1 : s->digest + 3;

    if (strncmp(s->digest, "SHA", 3) != 0 || strncmp(s->digest, "SHA3", 4) == 0)
        return TLS_SIG_NONE;
    for (size_t i = 0; i < COUNT(table); i++) {
        if (EVP_PKEY_is_a(key, table[i].key) && table[i].pss == s->pss &&
            strcmp(table[i].digest + 3, size) == 0 &&
            (table[i].bits == 0 || table[i].bits == EVP_PKEY_get_bits(key)))
            return table[i].alg;
    }
    return TLS_SIG_NONE;
}

void
tls_async_work(struct tls_async *job)
{
    const struct tls_signer *signer = &job->server->signer;

    job->sig_n = sizeof(job->sig);
    job->result =
        signer->sign(signer->arg, job->server->key_id, job->alg,
                     (struct bytes){ job->tbs, job->tbs_n }, job->sig, &job->sig_n);
}

/* In a handshake on the loop: others go on while the signer works. */
static bool
work_elsewhere(struct tls_conn *c)
{
    if (ASYNC_get_current_job() == NULL || c->server->defer == NULL)
        return false;
    c->async.pending = true;
    if (!c->server->defer(c->owner, &c->async)) {
        c->async.pending = false;
        c->async.result = ERR_UNAVAILABLE;
        return true;
    }
    return ASYNC_pause_job() == 1;
}

static int
sig_sign(void *signing, unsigned char *sig, size_t *n, size_t room,
         const unsigned char *tbs, size_t tbs_n)
{
    struct signing *s = signing;
    struct tls_conn *c = tls__current;
    enum tls_sig_alg alg = algorithm(s);
    struct tls_async *job;

    if (sig == NULL) {
        *n = (size_t)EVP_PKEY_get_size(s->server->public_key);
        return alg != TLS_SIG_NONE;
    }
    if (c == NULL || c->server != s->server || alg == TLS_SIG_NONE || tbs_n > TLS_TBS_MAX)
        return 0;
    job = &c->async;
    job->server = s->server;
    job->alg = alg;
    job->tbs_n = tbs_n;
    memcpy(job->tbs, tbs, tbs_n);
    if (!work_elsewhere(c))
        tls_async_work(job);
    if (job->result != ERR_OK || job->sig_n > room)
        return 0;
    memcpy(sig, job->sig, job->sig_n);
    *n = job->sig_n;
    return 1;
}

/* --- the provider -------------------------------------------------------------- */

/* OpenSSL's tables hold functions of all types in one. */
#define FN(id, fn)                                                                         \
    {                                                                                      \
        id, (void (*)(void))fn                                                             \
    }
#define KEYMGMT(types, operation)                                                          \
    {                                                                                      \
        FN(OSSL_FUNC_KEYMGMT_NEW, key_new), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),          \
            FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                      \
            FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                          \
            FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_MATCH, key_match),    \
            FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                      \
            FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, types),                                     \
            FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                              \
            FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),                    \
            FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation), { 0, NULL },            \
    }

static const OSSL_DISPATCH ec_keys[] = KEYMGMT(ec_export_types, ec_operation);
static const OSSL_DISPATCH rsa_keys[] = KEYMGMT(rsa_export_types, rsa_operation);
static const OSSL_DISPATCH signatures[] = {
    FN(OSSL_FUNC_SIGNATURE_NEWCTX, sig_new),
    FN(OSSL_FUNC_SIGNATURE_FREECTX, sig_free),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_init),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sig_sign),
    FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sig_set_params),
    FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sig_settable),
    { 0, NULL },
};

static const OSSL_ALGORITHM keys[] = {
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=knoop", ec_keys,
      "keys in the signer" },
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=knoop", rsa_keys,
      "keys in the signer" },
    { NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signers[] = {
    { "ECDSA", "provider=knoop", signatures, "signatures by the signer" },
    { "RSA:rsaEncryption", "provider=knoop", signatures, "signatures by the signer" },
    { NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT: return keys;
    case OSSL_OP_SIGNATURE: return signers;
    }
    return NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
    { 0, NULL },
};

static int
provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
              const OSSL_DISPATCH **out, void **provider)
{
    (void)in;
    *out = provider_functions;
    *provider = (void *)(uintptr_t)core;
    return 1;
}

/*
 * A context of its own, so that nobody else in the program gets our keys when asking
 * for EC. It lasts as long as the process: OpenSSL keeps references everywhere. The
 * default provider is first: what has no key of ours is its own business.
 */
OSSL_LIB_CTX *
tls__lib(struct ctx *cx)
{
    static OSSL_LIB_CTX *lib;

    if (lib != NULL)
        return lib;
    lib = OSSL_LIB_CTX_new();
    if (lib == NULL || OSSL_PROVIDER_load(lib, "default") == NULL ||
        OSSL_PROVIDER_add_builtin(lib, "knoop", provider_init) != 1 ||
        OSSL_PROVIDER_load(lib, "knoop") == NULL) {
        OSSL_LIB_CTX_free(lib);
        lib = NULL;
        (void)!refuse(cx, ERR_INTERNAL, "", "OpenSSL does not take our provider");
    }
    return lib;
}

EVP_PKEY *
tls__key(OSSL_LIB_CTX *lib, struct tls_server *server)
{
    const char *type = EVP_PKEY_is_a(server->public_key, "EC") ? "EC" : "RSA";
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib, type, "provider=knoop");
    EVP_PKEY *key = NULL;
    void *pointer = server;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_ptr(OUR_PARAM, &pointer, sizeof(*server)),
        OSSL_PARAM_END,
    };

    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}
