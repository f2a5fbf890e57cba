/*
 * did.h - who a DID names, and which keys speak for it.
 *
 * Rule      DID Core 1.0; the methods web, key, jwk and x509 (Nuts RFC023).
 *           A method is a row of a table: see did_resolve.c.
 * Trust     DIDs and documents come from strangers. A document is taken only
 *           when its id is the DID that was asked for, and a key only from the
 *           relationship that its use asks for.
 * Lifetime  All that is returned lives in the context's arena; the cache of
 *           foreign documents belongs to one worker (did.cache, stated expiry).
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_DID_H
#define KNOOP_TRUST_DID_H

#include "codec/json/json.h"

enum { DID_MAX = 8192 }; /* bytes: a did:jwk of an RSA key, a did:x509 with names */

struct did {
    struct str text;     /* "did:web:h:iam:1" */
    struct str method;   /* "web" */
    struct str id;       /* "h:iam:1", still percent-encoded */
    struct str fragment; /* behind '#', DID URLs only; .p NULL when there is none */
};

/* A DID and nothing behind it. DID_INVALID otherwise. Borrows `text`. */
err_t did_parse(struct ctx *cx, struct str text, struct did *out) NODISCARD;
/* A DID, or a DID URL with a fragment; paths and queries are refused. */
err_t did_url_parse(struct ctx *cx, struct str text, struct did *out) NODISCARD;
/* The DID of a DID URL such as a kid: all before '#'. Empty when it is none. */
struct str did_of_url(struct str url);

/* What a key may be used for (DID Core 5.3); bits. */
enum did_use {
    DID_AUTHENTICATION = 1,
    DID_ASSERTION = 2,
    DID_KEY_AGREEMENT = 4,
    DID_INVOCATION = 8,
    DID_DELEGATION = 16,
};

struct did_key {
    struct str id;   /* absolute: "did:web:h#1" */
    const json *jwk; /* publicKeyJwk, checked to be public and sound by did_key_find */
    unsigned uses;   /* of enum did_use */
};

struct did_doc {
    struct str id;
    const json *json; /* as it was received, or made */
    struct did_key *keys;
    size_t key_count;
};

/*
 * Reads a document that must be `did`'s own. DID_DOCUMENT when it is not, when
 * a key id occurs twice, is another DID's, or a private member is in it.
 */
err_t did_doc_parse(struct ctx *cx, struct str did, const json *document,
                    struct did_doc *out) NODISCARD;

/* The key with this absolute id and use. DID_KEY when it is not there. */
err_t did_key_find(struct ctx *cx, const struct did_doc *doc, struct str kid,
                   enum did_use use, const struct did_key **out) NODISCARD;

/*
 * The outside world, handed in: tests and the vector adapter give their own;
 * NULL means the room's (own documents, cache, network). A function that has
 * nothing answers NOT_FOUND; one that is NULL has nothing at all.
 */
struct did_source {
    void *self;
    err_t (*document)(struct ctx *cx, void *self, struct str did, struct str *json);
    err_t (*get)(struct ctx *cx, void *self, struct str did, struct str url,
                 struct str *body);
};

struct did_options {
    const struct did_source *source;
    const struct bytes *chain; /* did:x509: DER, leaf first, root included */
    size_t chain_count;
    bool any_time; /* did:x509: do not look at periods (vectors without `now`) */
    int64_t at_ms; /* did:x509: the moment that periods are asked about; 0: now */
};

/*
 * The document of a DID. `options` may be NULL.
 *
 *   DID_INVALID      not a DID, or not one of its method
 *   DID_METHOD       a method that is not taken here
 *   DID_NOT_FOUND    nowhere to be found; for did:web also: not fetched
 *   DID_DEACTIVATED  one of ours that was ended
 *   DID_DOCUMENT     found, but not a sound document of this DID
 *   DID_CHAIN        did:x509: the chain does not carry it
 *   WOULD_BLOCK      on the loop, and not cached
 */
err_t did_resolve(struct ctx *cx, struct str did, const struct did_options *options,
                  struct did_doc *out) NODISCARD;

/* The URL where a did:web's document is fetched. DID_INVALID. */
err_t did_web_url(struct ctx *cx, const struct did *did, struct str *url) NODISCARD;
/* "https://h/base" to "did:web:h:base"; with `port` as %3A. BAD_REQUEST. */
err_t did_web_of_url(struct ctx *cx, struct str url, struct str *did) NODISCARD;

/*
 * did:x509, taken apart: what a credential may claim about its holder
 * (Nuts RFC023 4). Values are percent-decoded.
 */
struct did_x509_claim {
    struct str policy; /* "subject", "san", "eku", "fulcio-issuer" */
    struct str name;   /* "O", "otherName"; empty for eku and fulcio-issuer */
    struct str value;
};
struct did_x509 {
    struct str hash;        /* "sha256" */
    struct str fingerprint; /* base64url */
    struct did_x509_claim *claims;
    size_t count;
};
err_t did_x509_parse(struct ctx *cx, const struct did *did, struct did_x509 *out) NODISCARD;

/* --- our own: subjects, each with one did:web ---------------------------- */

struct did_subject {
    struct str subject; /* "hospital" */
    struct str did;
    struct str kid; /* the key that signs: the oldest that is there */
    bool active;
};
/* By name. NOT_FOUND. Reads one row; allowed on the loop with SQLite. */
err_t did_subject_find(struct ctx *cx, struct str subject,
                       struct did_subject *out) NODISCARD;
/* By DID: the subject that owns it. NOT_FOUND when it is not ours. */
err_t did_subject_of(struct ctx *cx, struct str did, struct did_subject *out) NODISCARD;

/* The public base URL without a trailing slash (option url). */
struct str did_base_url(const struct ctx *cx);
/* "<url>/oauth2/<subject>": issuer, audience and client_id of a subject. */
err_t did_oauth_url(struct ctx *cx, struct str subject, struct str *url) NODISCARD;

/* Base58 with Bitcoin's alphabet. BAD_REQUEST. */
err_t base58(struct ctx *cx, struct bytes data, struct str *out) NODISCARD;
err_t base58_decode(struct ctx *cx, struct str text, struct bytes *out) NODISCARD;
/* A random UUID, version 4 (RFC 9562). INTERNAL when there is no randomness. */
err_t uuid4(struct ctx *cx, struct str *out) NODISCARD;

#endif
