/*
 * tls.h - TLS 1.2 and 1.3 on the doors. The private key stays in the signer.
 *
 *      handshake ─► OpenSSL ─► tls_provider.c ─► tls_signer.sign ─► signer
 *          ▲                        │ pauses the job (ASYNC)             │
 *          └── loop goes on ◄───────┴──────── pool thread ◄──────────────┘
 *
 * Rule      RFC 8446, RFC 5246; no renegotiation, no compression, no resumption on
 *           doors that ask for client certificates.
 * Lifetime  A tls_server is counted: connections keep theirs over a reload.
 * Threads   The loop's, but for tls_signer.sign, which a pool thread calls.
 * Source    Knoop; TLS is OpenSSL's. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_TLS_H
#define KNOOP_SYS_HTTP_TLS_H

#include "base/err.h"

/* What a TLS server signs with its key (RFC 8446 4.2.3; PKCS #1 for 1.2 only). */
enum tls_sig_alg {
    TLS_SIG_NONE,
    TLS_ECDSA_P256_SHA256,
    TLS_ECDSA_P384_SHA384,
    TLS_RSA_PSS_SHA256,
    TLS_RSA_PSS_SHA384,
    TLS_RSA_PSS_SHA512,
    TLS_RSA_PKCS1_SHA256,
    TLS_RSA_PKCS1_SHA384,
    TLS_RSA_PKCS1_SHA512,
    TLS_SIG_COUNT
};
enum { TLS_SIG_MAX = 1024, TLS_TBS_MAX = 1024 };

/*
 * `tbs` is what the handshake signs, whole: for 1.3 sixty-four spaces, "TLS 1.3,
 * server CertificateVerify", a zero byte and the transcript's hash; for 1.2 both
 * randoms and the ServerECDHParams. The signer checks that shape. ECDSA signatures
 * are DER. `*n` holds the room, then the length. Called from pool threads; blocks.
 */
struct tls_signer {
    err_t (*sign)(void *arg, struct str key_id, enum tls_sig_alg alg, struct bytes tbs,
                  uint8_t *sig, size_t *n);
    void *arg;
};

enum tls_client { TLS_CLIENT_NONE, TLS_CLIENT_ASKED, TLS_CLIENT_MUST };

struct tls_async; /* one signature on its way */

struct tls_setup {
    struct str chain_pem;            /* the server's certificate first */
    struct str key_id;               /* in the signer */
    const struct tls_signer *signer; /* borrowed for the process's life */
    struct str trust_pem;            /* for client certificates */
    enum tls_client client;
    bool only_13;
    /*
     * Has tls_async_work(job) called in a thread that may block, and tls_handshake after
     * it on the loop; `owner` as given to tls_accept. false: cannot. NULL: the
     * handshake waits for the signer.
     */
    bool (*defer)(void *owner, struct tls_async *job);
};

struct tls_server;
struct tls_conn;

void tls_async_work(struct tls_async *job);

err_t tls_server_open(struct ctx *cx, const struct tls_setup *setup,
                      struct tls_server **out) NODISCARD;
void tls_server_close(struct tls_server *s); /* NULL is fine */

enum tls_io {
    TLS_IO_OK,
    TLS_IO_READ,  /* again when the socket can be read */
    TLS_IO_WRITE, /* again when it can be written */
    TLS_IO_WAIT,  /* again when the signer has answered */
    TLS_IO_END,   /* the peer has closed in the proper way */
    TLS_IO_FAILED,
};

struct tls_conn *tls_accept(struct tls_server *s, int fd,
                            void *owner); /* NULL: no memory */
void tls_free(struct tls_conn *c);        /* NULL is fine; not while TLS_IO_WAIT */
enum tls_io tls_handshake(struct tls_conn *c);
enum tls_io tls_read(struct tls_conn *c, void *to, size_t room, size_t *n);
enum tls_io tls_write(struct tls_conn *c, const void *from, size_t n, size_t *written);
void tls_bye(struct tls_conn *c); /* close_notify, if it goes at once */
/* The client's certificate, verified by the handshake; empty when it sent none. */
struct bytes tls_client_certificate(struct tls_conn *c);

/* --- for libcurl --------------------------------------------------------------- */
struct tls_trust; /* one X509 store, shared by all connections */
/* `pem` empty: the authorities of the system. CERT when there is none. */
err_t tls_trust_open(struct ctx *cx, struct str pem, bool only_13,
                     struct tls_trust **out) NODISCARD;
void tls_trust_close(struct tls_trust *t);
/* CURLOPT_SSL_CTX_FUNCTION's work: `ssl_ctx` gets the store and the TLS versions. */
void tls_trust_use(struct tls_trust *t, void *ssl_ctx);

#endif
