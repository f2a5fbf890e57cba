/*
 * x509.h - certificates: read, verified, and made for tests and demo.
 *
 * Rule      RFC 5280 strictly; for servers also what the CA/Browser rules
 *           forbid. OpenSSL validates each path; which paths there are, names,
 *           revocation and the rules that OpenSSL leaves out are ours.
 * Trust     A `struct cert` is parsed and nothing more: a stranger's claim.
 *           Only what stands in a `struct x509_chain` led to a root.
 * Lifetime  Certificates and lists are counted handles: scoped(cert_drop),
 *           scoped(crl_drop). Texts asked of them stand in the arena.
 * Threads   A handle may be read by many threads at once.
 * Source    Knoop; OpenSSL. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_X509_H
#define KNOOP_CRYPTO_X509_H

#include "crypto/prim/prim.h"

enum {
    CERT_SIZE_MAX = 64 * 1024,
    CRL_SIZE_MAX = 32 * 1024 * 1024,
    X509_DEPTH_MAX = 8,  /* intermediates in a chain, unless less is asked */
    X509_POOL_MAX = 64,  /* intermediates offered */
    X509_PATHS_MAX = 64, /* paths tried before LIMIT */
};

/* --- reading ---------------------------------------------------------------- */

struct cert;

/* CERT when it is no certificate in DER, to the last byte. */
err_t cert_parse(struct ctx *cx, struct bytes der, struct cert **out) NODISCARD;
struct cert *cert_ref(struct cert *c); /* another owner; returns c */
void cert_free(struct cert *c);
void cert_drop(struct cert **c);             /* for scoped(cert_drop) */
struct bytes cert_der(const struct cert *c); /* borrowed from the handle */

/* The hash of the whole certificate; `out` receives hash_size(h) bytes. */
err_t cert_fingerprint(struct ctx *cx, const struct cert *c, enum hash h,
                       uint8_t out[HASH_MAX]) NODISCARD;
/* The public key, checked as key_import does. */
err_t cert_key(struct ctx *cx, const struct cert *c, struct key **out) NODISCARD;
/* notBefore and notAfter, both inclusive, in milliseconds. */
void cert_period(const struct cert *c, int64_t *from_ms, int64_t *to_ms);
bool cert_is_ca(const struct cert *c);
bool cert_is_self_issued(const struct cert *c);
/* Serial number, hexadecimal, lower case. */
err_t cert_serial(struct ctx *cx, const struct cert *c, struct str *out) NODISCARD;

/* Key usage (RFC 5280 4.2.1.3). Without the extension: CERT_KU_ABSENT alone. */
enum cert_ku {
    CERT_KU_DIGITAL_SIGNATURE = 1 << 0,
    CERT_KU_CONTENT_COMMITMENT = 1 << 1,
    CERT_KU_KEY_ENCIPHERMENT = 1 << 2,
    CERT_KU_DATA_ENCIPHERMENT = 1 << 3,
    CERT_KU_KEY_AGREEMENT = 1 << 4,
    CERT_KU_KEY_CERT_SIGN = 1 << 5,
    CERT_KU_CRL_SIGN = 1 << 6,
    CERT_KU_ABSENT = 1 << 15,
};
unsigned cert_key_usage(const struct cert *c);

struct cert_texts {
    struct str *at;
    size_t count;
};
/* Extended key usages as dotted OIDs; none when the extension is absent. */
err_t cert_eku(struct ctx *cx, const struct cert *c, struct cert_texts *out) NODISCARD;
/* http and https URLs of CRL distribution points (RFC 5280 4.2.1.13). */
err_t cert_crl_urls(struct ctx *cx, const struct cert *c, struct cert_texts *out) NODISCARD;

/* An attribute of a name: "CN", "O", "serialNumber", "STREET"…, or a dotted OID. */
struct cert_attr {
    struct str name;
    struct str value; /* UTF-8 */
};
struct cert_attrs {
    struct cert_attr *at;
    size_t count;
};
err_t cert_subject(struct ctx *cx, const struct cert *c, struct cert_attrs *out) NODISCARD;
err_t cert_issuer(struct ctx *cx, const struct cert *c, struct cert_attrs *out) NODISCARD;

enum cert_san_type {
    CERT_SAN_NONE,
    CERT_SAN_DNS,
    CERT_SAN_IP,
    CERT_SAN_EMAIL,
    CERT_SAN_URI,
    CERT_SAN_OTHER_NAME,
    CERT_SAN_ELSE, /* present, of a kind that is not read: value is empty */
};
struct cert_san {
    enum cert_san_type type;
    struct str value; /* as text: IP addresses in their canonical form */
    struct str oid;   /* otherName: its type-id, dotted */
};
struct cert_sans {
    struct cert_san *at;
    size_t count;
};
err_t cert_san(struct ctx *cx, const struct cert *c, struct cert_sans *out) NODISCARD;

/*
 * The UZI otherName (2.5.5.5), as CIBG lays it out:
 *   <CA OID>-<version>-<UZI number>-<type>-<URA>-<role>-<AGB>
 * NOT_FOUND when there is none; CERT when there are two or it is malformed.
 */
enum { UZI_SERVER = 'S', UZI_CAREGIVER = 'Z', UZI_NAMED = 'N', UZI_UNNAMED = 'M' };
struct uzi {
    struct str ca, version, number, ura, role, agb;
    char type; /* one of the above */
};
err_t cert_uzi(struct ctx *cx, const struct cert *c, struct uzi *out) NODISCARD;

/* --- revocation lists --------------------------------------------------------- */

struct crl;

err_t crl_parse(struct ctx *cx, struct bytes der, struct crl **out) NODISCARD;
struct crl *crl_ref(struct crl *l);
void crl_free(struct crl *l);
void crl_drop(struct crl **l);
/* thisUpdate and nextUpdate in ms; `to_ms` is 0 when there is no nextUpdate. */
void crl_period(const struct crl *l, int64_t *from_ms, int64_t *to_ms);
/* Is it signed by this CA, and may that CA sign lists? Else SIGNATURE. */
err_t crl_signed_by(struct ctx *cx, const struct crl *l,
                    const struct cert *issuer) NODISCARD;

/* --- verifying ------------------------------------------------------------------ */

enum x509_purpose { X509_FOR_NOBODY, X509_FOR_SERVER, X509_FOR_CLIENT, X509_FOR_ANY };
enum x509_clock { X509_CLOCK_NONE, X509_AT, X509_WHENEVER /* periods are not looked at */ };
enum x509_revocation {
    X509_REVOCATION_NONE,
    X509_CRLS,        /* each certificate below the root: a good, current list */
    X509_CRLS_WAIVED, /* the caller has another way, and says so */
};

struct x509_name {
    enum cert_san_type type; /* DNS, IP or EMAIL */
    struct str value;
};

/* Whom to trust and for what. Zeros refuse. Everything is borrowed. */
struct x509_want {
    struct cert *const *roots;
    size_t roots_count;
    struct cert *const *intermediates; /* any order; strangers' too */
    size_t intermediates_count;
    enum x509_purpose purpose;
    enum x509_clock clock;
    int64_t now_ms; /* for X509_AT */
    enum x509_revocation revocation;
    struct crl *const *crls;
    size_t crls_count;
    const struct x509_name *names; /* the certificate must be for each of them */
    size_t names_count;
    const struct str *eku; /* and must name each of these, dotted or "serverAuth" */
    size_t eku_count;
    unsigned depth; /* most intermediates, when depth_set; X509_DEPTH_MAX else */
    bool depth_set;
};

/* A leaf that led to a root: leaf first, root last. Borrowed from the inputs. */
struct x509_chain {
    const struct cert **at;
    size_t count;
};

/*
 * CERT (a rule of the certificate itself), CERT_CHAIN, CERT_TIME, CERT_NAME,
 * CERT_REVOKED, CERT_STATUS_UNKNOWN, or LIMIT.
 */
err_t x509_verify(struct ctx *cx, const struct cert *leaf, const struct x509_want *want,
                  struct x509_chain *out) NODISCARD;

/*
 * A chain that x509_verify gave before, as it is now: its periods, and its lists when
 * `want` asks for them. Signatures and rules do not change, and are not looked at.
 */
err_t x509_verify_again(struct ctx *cx, const struct x509_chain *chain,
                        const struct x509_want *want) NODISCARD;

/* --- making (for `knoop ca`: tests and demo) ------------------------------------- */

enum x509_kind {
    X509_MAKE_NONE,
    X509_MAKE_ROOT,         /* issuer NULL */
    X509_MAKE_INTERMEDIATE, /* pathlen 0 */
    X509_MAKE_UZI_SERVER,   /* otherName 2.5.5.5, server and client */
    X509_MAKE_TLS,          /* server and client, names from `san` */
};

struct x509_make {
    enum x509_kind kind;
    const struct cert_attr *subject; /* in order */
    size_t subject_count;
    const struct cert_san *san; /* DNS, IP (text), EMAIL, URI, OTHER_NAME (IA5) */
    size_t san_count;
    struct str crl_url; /* distribution point; may be empty */
    int64_t from_ms, to_ms;
};

/*
 * Makes a certificate for `key` (its public half), signed by `issuer_key`.
 * For a root, `issuer` is NULL and `issuer_key` is `key`. The serial number is
 * random. RSA signs SHA-256 with PKCS#1, EC by its curve's hash.
 */
err_t x509_make(struct ctx *cx, const struct x509_make *what, const struct key *key,
                const struct cert *issuer, const struct key *issuer_key,
                struct bytes *der) NODISCARD;

struct x509_revoked {
    struct str serial; /* hexadecimal, as cert_serial gives it */
    int64_t when_ms;
};
err_t x509_make_crl(struct ctx *cx, const struct cert *issuer, const struct key *issuer_key,
                    const struct x509_revoked *revoked, size_t count, uint64_t number,
                    int64_t from_ms, int64_t to_ms, struct bytes *der) NODISCARD;

#endif
