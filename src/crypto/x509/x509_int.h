/* x509_int.h - what the files of this room share. Private door. EUPL-1.2. */
#ifndef KNOOP_CRYPTO_X509_INT_H
#define KNOOP_CRYPTO_X509_INT_H

#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "crypto/x509/x509.h"

struct cert {
    atomic_uint refs;
    X509 *x;
    uint8_t *der;
    size_t size;
    int64_t from_ms, to_ms;
};

struct crl {
    atomic_uint refs;
    X509_CRL *x;
    int64_t from_ms, to_ms; /* to_ms 0: no nextUpdate */
    const char *fault;      /* why it can clear nobody; NULL: it can */
    atomic_int checked;     /* 2: `by` is the CA that signed it */
    uint8_t by[32];
};

/* refuse(), after emptying OpenSSL's error queue, which TLS shares. */
#define x509__refuse(...) (ERR_clear_error(), refuse(__VA_ARGS__))

/* A time of a certificate; false when it is malformed. */
bool x509__time(const ASN1_TIME *t, int64_t *ms);
/* An extension by NID: NULL and *bad when it is there twice or malformed. */
void *x509__ext(const X509 *x, int nid, bool *critical, bool *bad);
err_t x509__general_name(struct ctx *cx, const GENERAL_NAME *name,
                         struct cert_san *out) NODISCARD;
/* The text of an object identifier, dotted. */
err_t x509__oid(struct ctx *cx, const ASN1_OBJECT *o, struct str *out) NODISCARD;

/* Where in a chain a certificate stands: other rules hold. */
enum x509__place { X509__LEAF = 1, X509__MIDDLE, X509__ROOT };
/* Rules of RFC 5280 (and for servers CA/Browser) that OpenSSL leaves out. */
err_t x509__lint(struct ctx *cx, const struct cert *c, enum x509__place place,
                 enum x509_purpose purpose) NODISCARD;
/* DNS name constraints of `ca` against the names of one certificate below it. */
err_t x509__constrain(struct ctx *cx, const struct cert *ca, const struct cert *below,
                      enum x509__place place) NODISCARD;
/* The leaf is for every name wanted. */
err_t x509__names(struct ctx *cx, const struct cert *leaf,
                  const struct x509_want *want) NODISCARD;
/* A DNS name as certificates may hold it; `wildcard` allows a leading "*.". */
bool x509__dns_valid(struct str name, bool wildcard);
/* Every certificate below the root has a good, current list. */
err_t x509__crls(struct ctx *cx, const struct x509_chain *chain,
                 const struct x509_want *want) NODISCARD;

#endif
