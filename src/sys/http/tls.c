/* tls.c - TLS on the doors, by OpenSSL. EUPL-1.2. */
#include "sys/http/tls_int.h"

#include "base/log.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHAIN_MAX = 10, VERIFY_DEPTH = 5 };

static err_t
because(struct ctx *cx, err_t code, const char *what)
{
    unsigned long why = ERR_peek_last_error();
    char text[160] = "";

    if (why != 0)
        ERR_error_string_n(why, text, sizeof(text));
    ERR_clear_error();
    return refuse(cx, code, "", "TLS: %s %s", what, text);
}

static BIO *
bio_of(struct str pem)
{
    return pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
}

/* --- the server's own chain ---------------------------------------------------- */

static err_t
use_chain(struct ctx *cx, struct tls_server *s, struct str pem)
{
    BIO *bio = bio_of(pem);
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL), *more;
    err_t e = ERR_OK;
    int n = 0;

    if (leaf == NULL || SSL_CTX_use_certificate(s->ctx, leaf) != 1)
        e = because(cx, ERR_CERT, "tls.certfile holds no certificate that can be used:");
    while (e == ERR_OK && (more = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (++n > CHAIN_MAX || SSL_CTX_add0_chain_cert(s->ctx, more) != 1) {
            X509_free(more);
            e = because(cx, ERR_CERT, "tls.certfile holds too many certificates:");
        }
    }
    ERR_clear_error(); /* the end of the file is one, too */
    if (e == ERR_OK)
        s->public_key = X509_get_pubkey(leaf);
    X509_free(leaf);
    BIO_free(bio);
    if (e == ERR_OK && (s->public_key == NULL || (!EVP_PKEY_is_a(s->public_key, "EC") &&
                                                  !EVP_PKEY_is_a(s->public_key, "RSA"))))
        return because(cx, ERR_CERT, "the key of tls.certfile is neither EC nor RSA:");
    return e;
}

static const EVP_MD *
digest_of(const EVP_PKEY *key, enum tls_sig_alg *alg)
{
    bool ec = EVP_PKEY_is_a(key, "EC"), large = ec && EVP_PKEY_get_bits(key) == 384;

    *alg = !ec ? TLS_RSA_PSS_SHA256 : large ? TLS_ECDSA_P384_SHA384 : TLS_ECDSA_P256_SHA256;
    return large ? EVP_sha384() : EVP_sha256();
}

/*
 * Does the signer's key belong to the certificate? It signs what only an empty
 * handshake could have: TLS 1.3's context over a hash of zeros.
 */
static err_t
prove_signer(struct ctx *cx, struct tls_server *s)
{
    static const char label[] = "TLS 1.3, server CertificateVerify";
    uint8_t tbs[64 + sizeof(label) + 48], sig[TLS_SIG_MAX];
    enum tls_sig_alg alg;
    const EVP_MD *md = digest_of(s->public_key, &alg);
    size_t tbs_n = 64 + sizeof(label) + (size_t)EVP_MD_get_size(md), n = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;
    bool good;
    err_t e;

    memset(tbs, 0, sizeof(tbs));
    memset(tbs, ' ', 64);
    memcpy(tbs + 64, label, sizeof(label));
    e = s->signer.sign(s->signer.arg, s->key_id, alg, (struct bytes){ tbs, tbs_n }, sig,
                       &n);
    if (e != ERR_OK) {
        EVP_MD_CTX_free(ctx);
        return refuse(cx, e, "tls.keyid", "the signer does not sign with key '%.*s'",
                      STR(s->key_id));
    }
    good = ctx != NULL && EVP_DigestVerifyInit(ctx, &pctx, md, NULL, s->public_key) == 1 &&
           (alg != TLS_RSA_PSS_SHA256 ||
            (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
           EVP_DigestVerify(ctx, sig, n, tbs, tbs_n) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good)
        return because(cx, ERR_CERT, "the signer's key is not that of tls.certfile:");
    return ERR_OK;
}

static err_t
use_key(struct ctx *cx, struct tls_server *s, OSSL_LIB_CTX *lib)
{
    EVP_PKEY *key = tls__key(lib, s);
    int ok = key != NULL && SSL_CTX_use_PrivateKey(s->ctx, key) == 1;

    EVP_PKEY_free(key);
    if (!ok)
        return because(cx, ERR_CERT,
                       "the certificate and the signer's key do not go together:");
    return prove_signer(cx, s);
}

/* --- rules --------------------------------------------------------------------- */

/* Whoever speaks another protocol to us may be lured here (ALPACA): say no. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                const unsigned char *in, unsigned int n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, out_n, ours, sizeof(ours) - 1, in, n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* NCSC-NL "good": forward secrecy and authenticated encryption, nothing else. */
static err_t
set_rules(struct ctx *cx, SSL_CTX *ctx, bool only_13)
{
    static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
    char curves[] = "X25519:P-256:P-384";
    char sigalgs[] = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                     "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_num_tickets(ctx, 1);
    if (SSL_CTX_set_min_proto_version(ctx, only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) !=
            1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers) != 1 ||
        SSL_CTX_set1_groups_list(ctx, curves) != 1 ||
        SSL_CTX_set1_sigalgs_list(ctx, sigalgs) != 1)
        return because(cx, ERR_INTERNAL, "OpenSSL does not know our rules:");
    return ERR_OK;
}

static int
add_roots(X509_STORE *store, STACK_OF(X509_NAME) * names, struct str pem)
{
    BIO *bio = bio_of(pem);
    X509 *ca;
    int n = 0;

    while (bio != NULL && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        X509_NAME *name = names == NULL ? NULL : X509_NAME_dup(X509_get_subject_name(ca));

        n += X509_STORE_add_cert(store, ca);
        X509_free(ca);
        if (name != NULL && sk_X509_NAME_push(names, name) == 0)
            X509_NAME_free(name);
    }
    BIO_free(bio);
    ERR_clear_error();
    return n;
}

/* Each handshake verifies anew: a session resumed would outlive a revocation. */
static err_t
ask_clients(struct ctx *cx, SSL_CTX *ctx, const struct tls_setup *setup)
{
    STACK_OF(X509_NAME) * names;
    bool must = setup->client == TLS_CLIENT_MUST;

    if (setup->client == TLS_CLIENT_NONE)
        return ERR_OK;
    names = sk_X509_NAME_new_null();
    if (names == NULL ||
        add_roots(SSL_CTX_get_cert_store(ctx), names, setup->trust_pem) == 0) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return because(cx, ERR_CERT, "tls.truststorefile names no authority for clients:");
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    SSL_CTX_set_verify_depth(ctx, VERIFY_DEPTH);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
    return ERR_OK;
}

err_t
tls_server_open(struct ctx *cx, const struct tls_setup *setup, struct tls_server **out)
{
    OSSL_LIB_CTX *lib = tls__lib(cx);
    struct tls_server *s = lib == NULL ? NULL : calloc(1, sizeof(*s));
    err_t e;

    *out = NULL;
    if (lib == NULL)
        return cx->refused;
    if (s == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for TLS");
    s->uses = 1;
    s->signer = *setup->signer;
    s->defer = setup->defer;
    arena_init(&s->room, 64 * 1024);
    s->key_id = arena_str(&s->room, setup->key_id);
    s->ctx = SSL_CTX_new_ex(lib, NULL, TLS_server_method());
    if (s->ctx == NULL || s->key_id.p == NULL)
        e = because(cx, ERR_NO_MEMORY, "no context:");
    else if ((e = set_rules(cx, s->ctx, setup->only_13)) == ERR_OK &&
             (e = use_chain(cx, s, setup->chain_pem)) == ERR_OK &&
             (e = use_key(cx, s, lib)) == ERR_OK)
        e = ask_clients(cx, s->ctx, setup);
    if (e != ERR_OK) {
        tls_server_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void
tls_server_close(struct tls_server *s)
{
    if (s == NULL || atomic_fetch_sub(&s->uses, 1) > 1)
        return;
    SSL_CTX_free(s->ctx);
    EVP_PKEY_free(s->public_key);
    arena_fini(&s->room);
    free(s);
}

/* --- connections --------------------------------------------------------------- */

struct tls_conn *
tls_accept(struct tls_server *s, int fd, void *owner)
{
    struct tls_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    if ((c->ssl = SSL_new(s->ctx)) == NULL || SSL_set_fd(c->ssl, fd) != 1) {
        SSL_free(c->ssl);
        free(c);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(c->ssl);
    if (s->defer != NULL)
        SSL_set_mode(c->ssl, SSL_MODE_ASYNC);
    atomic_fetch_add(&s->uses, 1);
    c->server = s;
    c->owner = owner;
    return c;
}

void
tls_free(struct tls_conn *c)
{
    if (c == NULL)
        return;
    SSL_free(c->ssl);
    OPENSSL_free(c->client_der);
    X509_free(c->client);
    tls_server_close(c->server);
    free(c);
}

static enum tls_io
outcome(struct tls_conn *c, int r)
{
    int why = SSL_get_error(c->ssl, r);

    switch (why) {
    case SSL_ERROR_NONE: return TLS_IO_OK;
    case SSL_ERROR_WANT_READ: return TLS_IO_READ;
    case SSL_ERROR_WANT_WRITE: return TLS_IO_WRITE;
    case SSL_ERROR_WANT_ASYNC: return TLS_IO_WAIT;
    case SSL_ERROR_ZERO_RETURN: return TLS_IO_END;
    }
    ERR_clear_error(); /* the queue belongs to the thread, not to this connection */
    return TLS_IO_FAILED;
}

enum tls_io
tls_handshake(struct tls_conn *c)
{
    enum tls_io io;
    int r;

    ERR_clear_error();
    tls__current = c;
    c->async.pending = false;
    r = SSL_do_handshake(c->ssl);
    tls__current = NULL;
    io = outcome(c, r);
    if (io == TLS_IO_OK)
        SSL_clear_mode(c->ssl, SSL_MODE_ASYNC); /* no more signatures: no more jobs */
    return io;
}

enum tls_io
tls_read(struct tls_conn *c, void *to, size_t room, size_t *n)
{
    *n = 0;
    ERR_clear_error();
    return outcome(c, SSL_read_ex(c->ssl, to, room, n) == 1 ? 1 : 0);
}

enum tls_io
tls_write(struct tls_conn *c, const void *from, size_t n, size_t *written)
{
    *written = 0;
    ERR_clear_error();
    return outcome(c, SSL_write_ex(c->ssl, from, n, written) == 1 ? 1 : 0);
}

void
tls_bye(struct tls_conn *c)
{
    ERR_clear_error();
    if (SSL_shutdown(c->ssl) < 0)
        ERR_clear_error();
}

struct bytes
tls_client_certificate(struct tls_conn *c)
{
    if (c->client_der == NULL && SSL_get_verify_result(c->ssl) == X509_V_OK &&
        (c->client = SSL_get1_peer_certificate(c->ssl)) != NULL)
        c->client_der_n = i2d_X509(c->client, &c->client_der);
    if (c->client_der == NULL || c->client_der_n <= 0)
        return (struct bytes){ NULL, 0 };
    return (struct bytes){ c->client_der, (size_t)c->client_der_n };
}

/* --- for libcurl: one store for all -------------------------------------------- */

/*
 * The system's authorities, each read when it is first asked for: the file with all of
 * them takes 25 ms to parse, which every start would pay.
 */
static bool
add_system(X509_STORE *store)
{
    static const char folder[] = "/etc/ssl/certs";

    return access(folder, R_OK | X_OK) == 0 && X509_STORE_load_path(store, folder) == 1;
}

struct tls_trust {
    X509_STORE *store;
    int least; /* version */
};

err_t
tls_trust_open(struct ctx *cx, struct str pem, bool only_13, struct tls_trust **out)
{
    struct tls_trust *t = calloc(1, sizeof(*t));

    *out = NULL;
    if (t == NULL || (t->store = X509_STORE_new()) == NULL) {
        free(t);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for authorities");
    }
    t->least = only_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (pem.n == 0 ? !add_system(t->store) : add_roots(t->store, NULL, pem) == 0) {
        tls_trust_close(t);
        return because(cx, ERR_CERT, "no certification authorities to trust:");
    }
    *out = t;
    return ERR_OK;
}

void
tls_trust_close(struct tls_trust *t)
{
    if (t == NULL)
        return;
    X509_STORE_free(t->store);
    free(t);
}

void
tls_trust_use(struct tls_trust *t, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, t->store);
    SSL_CTX_set_min_proto_version(ssl_ctx, t->least);
}
