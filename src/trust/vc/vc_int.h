/* vc_int.h - inside trust/vc. EUPL-1.2. */
#ifndef KNOOP_TRUST_VC_INT_H
#define KNOOP_TRUST_VC_INT_H

#include "sys/http/http.h"
#include "trust/vc/vc.h"

struct jwk_cache;

/* Takes a compact JWT apart: header and claims are objects, dates are numbers. */
err_t vc__jwt_parse(struct ctx *cx, struct str text, size_t most,
                    struct vc_jwt *out) NODISCARD;
/* An optional text member; of another type it is refused. */
err_t vc__text(struct ctx *cx, const json *of, const char *name, struct str *out) NODISCARD;
/* Its signature, under a key of a document; VC_PROOF. */
err_t vc__jwt_verify(struct ctx *cx, const struct vc_jwt *jwt, const json *jwk) NODISCARD;
/* The moment that is asked about. */
int64_t vc__at(const struct ctx *cx, const struct vc_options *options);
/* That moment within [from - skew, until). */
err_t vc__in_time(struct ctx *cx, const struct vc_options *options, struct vc_time from,
                  struct vc_time until, err_t code, const char *what) NODISCARD;

/* The rules of known types (nuts-node.md 3.9). */
err_t vc__check_type(struct ctx *cx, const struct vc_raw *raw) NODISCARD;

/* --- X509Credential: its chain, on the way through vc_verify ------------------ */

struct vc__chain {
    struct bytes der[VC_CHAIN_MAX]; /* x5c, leaf first */
    size_t count;
    struct cert *at[VC_CHAIN_MAX]; /* held; all of them, or none yet */
    size_t held;
    struct str document; /* of the did:x509, when it was proven by this chain before */
    uint8_t id[32];      /* of chain, DID and configured roots */
    bool by_room;        /* these are the room's roots: may be kept */
    struct uzi uzi;
};
void vc__chain_drop(struct vc__chain *c); /* for scoped(vc__chain_drop) */

/* x5c of the header; VC_X509 when it is malformed. */
err_t vc__chain_read(struct ctx *cx, const json *header, struct vc__chain *out) NODISCARD;
/* The rules of RFC023 beyond the DID: chain to a root, not revoked, exp, claims. */
err_t vc__chain_check(struct ctx *cx, const struct vc_raw *raw,
                      const struct vc_options *options, struct vc__chain *c) NODISCARD;

/*
 * What was proven before: a path that led to a root of ours, and the did:x509 that it
 * carries. Periods and lists are looked at each time. All are forgotten with a reload.
 */
struct vc__proven;
struct vc__proven *vc__proven_new(void);
void vc__proven_free(struct vc__proven *p);
void vc__proven_forget(struct vc__proven *p);
/* By c->id: gives c->at and c->document. */
bool vc__proven_find(struct ctx *cx, struct vc__proven *p, struct vc__chain *c);
void vc__proven_keep(struct vc__proven *p, const struct vc__chain *c, struct str document);

/* --- revocation lists, fetched ahead -------------------------------------- */

struct vc__crls;
struct vc__crls *vc__crls_new(void);
void vc__crls_free(struct vc__crls *c);
/*
 * The lists for each certificate of the chain below its root, from memory or
 * fetched; handles to drop. CERT_STATUS_UNKNOWN when one cannot be had.
 */
err_t vc__crls_for(struct ctx *cx, struct vc__crls *c, const struct x509_chain *chain,
                   struct crl ***out, size_t *count) NODISCARD;
/* The job: fetches again what is known and near its end. */
err_t vc__crls_refresh(struct ctx *cx, void *state) NODISCARD;

extern const struct http_route vc__routes[];

/* Per worker. */
struct vc__state {
    struct cert **roots; /* of option vc.x509.roots */
    size_t roots_count;
    uint64_t roots_age; /* one more with each reload */
    struct vc__crls *crls;
    struct vc__proven *proven;
    struct jwk_cache *keys; /* of signers seen before */
    void *lock_;            /* guards roots while a reload changes them */
};

#endif
