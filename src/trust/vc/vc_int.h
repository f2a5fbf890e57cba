/* vc_int.h - inside trust/vc. EUPL-1.2. */
#ifndef KNOOP_TRUST_VC_INT_H
#define KNOOP_TRUST_VC_INT_H

#include "trust/vc/vc.h"

struct jwk_cache;

/* Takes a compact JWT apart: header and claims are objects, dates are numbers. */
err_t vc__jwt_parse(struct ctx *cx, struct str text, size_t most,
                    struct vc_jwt *out) NODISCARD;
/* An optional text member; of another type it is refused. */
err_t vc__text(struct ctx *cx, const json *of, const char *name,
               struct str *out) NODISCARD;
/* Its signature, under a key of a document; VC_PROOF. */
err_t vc__jwt_verify(struct ctx *cx, const struct vc_jwt *jwt, const json *jwk) NODISCARD;
/* The moment that is asked about. */
int64_t vc__at(const struct ctx *cx, const struct vc_options *options);
/* That moment within [from - skew, until). */
err_t vc__in_time(struct ctx *cx, const struct vc_options *options, struct vc_time from,
                  struct vc_time until, err_t code, const char *what) NODISCARD;

/* The rules of known types (nuts-node.md 3.9). */
err_t vc__check_type(struct ctx *cx, const struct vc_raw *raw) NODISCARD;

/* x5c as DER; VC_PROOF when it is malformed. */
err_t vc__x5c(struct ctx *cx, const json *header, struct bytes *chain,
              size_t *count) NODISCARD;
/* The rules of RFC023 beyond the DID: chain to a root, not revoked, exp, claims. */
err_t vc__x509_check(struct ctx *cx, const struct vc_raw *raw,
                     const struct vc_options *options, const struct bytes *chain,
                     size_t count, struct uzi *uzi) NODISCARD;

/* --- revocation lists, fetched ahead -------------------------------------- */

struct vc__crls;
/* Fetches a list, DER; tests give their own. */
typedef err_t vc__crl_get(struct ctx *cx, struct str url, struct bytes *der);
struct vc__crls *vc__crls_new(vc__crl_get *get);
void vc__crls_free(struct vc__crls *c);
/*
 * The lists for each certificate of the chain below its root, from memory or
 * fetched; handles to drop. CERT_STATUS_UNKNOWN when one cannot be had.
 */
err_t vc__crls_for(struct ctx *cx, struct vc__crls *c, const struct x509_chain *chain,
                   struct crl ***out, size_t *count) NODISCARD;
/* The job: fetches again what is known and near its end. */
err_t vc__crls_refresh(struct ctx *cx, void *state) NODISCARD;

/* Per worker. */
struct vc__state {
    struct cert **roots; /* of option vc.x509.roots */
    size_t roots_count;
    struct vc__crls *crls;
    struct jwk_cache *keys; /* of signers seen before */
    void *lock_;            /* guards roots while a reload changes them */
};

#endif
