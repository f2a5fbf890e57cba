/*
 * vc.h - credentials and presentations: what somebody claims, and what was verified.
 *
 * Rule      VC Data Model 1.1 as JWT (6.3.1), VC 2.0 with JOSE (typ vc+jwt),
 *           Nuts RFC023 for X509Credential; conformance: iss is the DID of kid and
 *           the credential's issuer, the key stands in assertionMethod (a
 *           presentation's in authentication), exp is past at now = exp, 5 s of
 *           skew for what lies ahead.
 * Types     `struct vc_raw` and `struct vp_raw` are parsed: a stranger's claim.
 *           `struct vc` and `struct vp` come out of verify alone; who uses a
 *           credential takes those.
 * Trust     Everything comes from strangers. Linked-data proofs are refused as
 *           UNSUPPORTED. A credentialStatus that is not understood refuses.
 * Lifetime  All in the context's arena; a verified one borrows its raw one.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_VC_H
#define KNOOP_TRUST_VC_H

#include "crypto/x509/x509.h"
#include "trust/did/did.h"

enum {
    VC_SKEW_MS = 5000,
    VC_TEXT_MAX = 64 * 1024,  /* one credential */
    VP_TEXT_MAX = 512 * 1024, /* one presentation */
    VP_CREDENTIALS_MAX = 64,
    VC_CHAIN_MAX = 10, /* certificates in x5c */
};

/* A date claim: seconds with a fraction, as milliseconds. */
struct vc_time {
    bool there;
    int64_t ms;
};

/* A compact JWT, taken apart; nothing of it is verified. */
struct vc_jwt {
    struct str text;
    const json *header, *claims;
    struct str alg, kid, typ;
    struct str iss, sub, jti; /* .p NULL when absent */
    struct vc_time nbf, exp, iat;
};

struct vc_raw {
    struct str text;   /* compact JWT, or JSON of one without a signature */
    struct vc_jwt jwt; /* .text.p NULL for one without a signature */
    const json *body;  /* the members of the credential */
    bool version_2;    /* VC 2.0: the payload is the credential */
    struct str id, issuer, subject;
    const json *types; /* string or array */
    struct vc_time from,
        until; /* all its dates joined: the latest from, the earliest until */
};

/* JOSE when it is no JWT; VC_FORMAT when what it holds is no credential. */
err_t vc_parse(struct ctx *cx, struct str jwt, struct vc_raw *out) NODISCARD;
/* A JSON string (JWT) or object: without a proof it is self-attested at best;
 * with one UNSUPPORTED. */
err_t vc_parse_json(struct ctx *cx, const json *v, struct vc_raw *out) NODISCARD;
bool vc_has_type(const struct vc_raw *raw, struct str type);
/* The type that is not VerifiableCredential; empty when there is none. */
struct str vc_type(const struct vc_raw *raw);
/* What paths see: JWT claims joined in, the listed members as arrays (nuts-node.md 0.6). */
err_t vc_view(struct ctx *cx, const struct vc_raw *raw, const json **out) NODISCARD;
/* The same for a credential that is an object: lists of one are opened. */
err_t vc_view_object(struct ctx *cx, const json *credential, const json **out) NODISCARD;

/* --- verifying ------------------------------------------------------------- */

/* Whom to believe about certificates. NULL in the options means the room's. */
struct vc_x509_trust {
    struct cert *const *roots;
    size_t roots_count;
    struct crl *const *crls;
    size_t crls_count;
    bool crls_waived; /* vectors without `crls`; never the server */
};

struct vc_options {
    const struct did_source *source;  /* see did.h; NULL: the room's */
    const struct vc_x509_trust *x509; /* NULL: the room's */
    struct str holder;                /* in a presentation: who signed it */
    bool unsigned_by_holder; /* take unsigned ones that the holder claims himself */
    int64_t at_ms;           /* valid then? 0: now. Documents and lists are those of now */
};

struct vc {
    const struct vc_raw *raw;
    struct str issuer;  /* the DID that signed */
    bool self_attested; /* unsigned, in a presentation that its subject signed */
    struct uzi uzi;     /* of an X509Credential; .type 0 when there is none */
};

/*
 * VC_FORMAT, VC_ISSUER, VC_TIME, VC_STATUS, VC_PROOF, VC_SUBJECT, and what
 * did_resolve, the chain and its revocation refuse with.
 */
err_t vc_verify(struct ctx *cx, const struct vc_raw *raw, const struct vc_options *options,
                struct vc *out) NODISCARD;

/*
 * Does this refusal speak of the credential (or of those who vouch for it), and not
 * of our own trouble: memory, store, a thread that may not wait?
 */
bool vc_is_verdict(err_t e);

/* --- presentations ----------------------------------------------------------- */

struct vp_raw {
    struct str text;
    struct vc_jwt jwt;
    const json *body;  /* the vp claim, as it was sent */
    struct str signer; /* the DID of kid */
    const json *types;
    struct vc_raw *credentials;
    size_t count;
    struct str nonce; /* .p NULL when absent or no text */
};

struct vp {
    const struct vp_raw *raw;
    struct str holder;
    struct vc *credentials;
    size_t count;
};

struct vp_options {
    struct vc_options vc;
    struct str audience;   /* must be in aud; .p NULL: not asked */
    struct str nonce;      /* must be the nonce; .p NULL: not asked */
    bool skip_credentials; /* the caller verifies them, or said not to */
};

err_t vp_parse(struct ctx *cx, struct str jwt, struct vp_raw *out) NODISCARD;
bool vp_has_audience(const struct vp_raw *raw, struct str audience);
/* VP_FORMAT, VP_HOLDER, VP_TIME, VP_AUDIENCE, VP_NONCE, VC_PROOF, and those of vc_verify.
 */
err_t vp_verify(struct ctx *cx, const struct vp_raw *raw, const struct vp_options *options,
                struct vp *out) NODISCARD;

/* --- making -------------------------------------------------------------------- */

struct vc_template {
    struct str issuer;   /* DID */
    struct str id;       /* empty: <issuer>#<uuid> */
    const json *context; /* string or array; NULL: the two default ones */
    const json *types;   /* string or array, at most one beside VerifiableCredential */
    const json *subject; /* object, or array of one */
    const json *rest;    /* an object whose other members go in as they are; NULL: none */
    int64_t from_ms, until_ms; /* until 0: none */
};
/* All but the dates, which are the caller's, of a credential's JSON without proof. */
err_t vc_template_of(struct ctx *cx, const json *credential,
                     struct vc_template *out) NODISCARD;
/* The claims of a JWT credential. VC_FORMAT when the template is none. */
err_t vc_claims(struct ctx *cx, const struct vc_template *t, struct str *claims,
                struct str *id) NODISCARD;
/* vc_claims signed in the signer, by a key of the issuer. */
err_t vc_issue(struct ctx *cx, const struct vc_template *t, struct str kid, struct str *jwt,
               struct str *id) NODISCARD;

struct vp_template {
    struct str holder, kid;
    struct str audience, nonce;
    const struct str *credentials; /* each a compact JWT, or JSON of a self-attested one */
    size_t count;
    int64_t from_ms, until_ms;
    const json *extra_types; /* beside VerifiablePresentation; may be NULL */
};
err_t vp_claims(struct ctx *cx, const struct vp_template *t, struct str *claims) NODISCARD;
err_t vp_issue(struct ctx *cx, const struct vp_template *t, struct str *jwt) NODISCARD;

/*
 * An X509Credential (Nuts RFC023) for `subject`, signed with the certificate's
 * own key, which the caller holds (a command, not the server). The DID pins
 * the root and names the certificate's otherName, O and L where they are.
 */
struct vc_x509_template {
    const struct bytes *chain; /* DER, leaf first, root last */
    size_t chain_count;
    const struct key *key;     /* the leaf's */
    struct str subject;        /* DID of the organisation */
    int64_t from_ms, until_ms; /* 0: a minute ago; the leaf's notAfter */
};
err_t vc_x509_issue(struct ctx *cx, const struct vc_x509_template *t,
                    struct str *jwt) NODISCARD;

#endif
