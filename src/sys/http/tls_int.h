/* tls_int.h - what tls.c and tls_provider.c share. EUPL-1.2. */
#ifndef KNOOP_SYS_HTTP_TLS_INT_H
#define KNOOP_SYS_HTTP_TLS_INT_H

#include "sys/http/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* One signature: filled by the handshake, answered by a pool thread. */
struct tls_async {
    struct tls_server *server;
    enum tls_sig_alg alg;
    uint8_t tbs[TLS_TBS_MAX];
    size_t tbs_n;
    uint8_t sig[TLS_SIG_MAX];
    size_t sig_n;
    err_t result;
    bool pending;
};

struct tls_server {
    atomic_long uses;
    SSL_CTX *ctx;
    EVP_PKEY *public_key; /* of the certificate */
    struct tls_signer signer;
    struct str key_id; /* in `room` */
    bool (*defer)(void *owner, struct tls_async *job);
    struct arena room;
};

struct tls_conn {
    SSL *ssl;
    struct tls_server *server;
    void *owner;
    struct tls_async async;
    X509 *client;
    uint8_t *client_der;
    int client_der_n;
};

/* The library context in which our provider stands beside OpenSSL's own. */
OSSL_LIB_CTX *tls__lib(struct ctx *cx);
/* A private key that is only a name: of the signer's key that belongs to `server`. */
EVP_PKEY *tls__key(OSSL_LIB_CTX *lib, struct tls_server *server);
/* The connection whose handshake runs in this thread; NULL outside one. */
extern _Thread_local struct tls_conn *tls__current;

#endif
