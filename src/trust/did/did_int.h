/* did_int.h - inside trust/did. EUPL-1.2. */
#ifndef KNOOP_TRUST_DID_INT_H
#define KNOOP_TRUST_DID_INT_H

#include "trust/did/did.h"

/* A method: makes the document's JSON text from the DID, or fetches it. */
struct did_method {
    const char *name;
    err_t (*document)(struct ctx *cx, const struct did *did,
                      const struct did_options *options, struct str *text);
};

err_t did__document_key(struct ctx *cx, const struct did *did,
                        const struct did_options *options, struct str *text) NODISCARD;
err_t did__document_jwk(struct ctx *cx, const struct did *did,
                        const struct did_options *options, struct str *text) NODISCARD;
err_t did__document_web(struct ctx *cx, const struct did *did,
                        const struct did_options *options, struct str *text) NODISCARD;
err_t did__document_x509(struct ctx *cx, const struct did *did,
                         const struct did_options *options, struct str *text) NODISCARD;

/* Writes a document with one key, for the methods that hold their key. */
err_t did__document_put(struct ctx *cx, struct str did, struct str kid, struct str jwk,
                        unsigned uses, struct str *text) NODISCARD;

/* One row of did_subject. Texts are copied. */
struct did__row {
    struct did_subject of;
    struct str document;
    int64_t created_ms, updated_ms, version;
};
err_t did__row_by_subject(struct ctx *cx, struct str subject,
                          struct did__row *out) NODISCARD;
err_t did__row_by_did(struct ctx *cx, struct str did, struct did__row *out) NODISCARD;

/* A row that may still change; DID_DEACTIVATED. */
err_t did__active_row(struct ctx *cx, struct str subject, struct did__row *out) NODISCARD;
/* Writes the document again, inside the caller's transaction; CONFLICT when another
 * wrote in between. */
err_t did__rewrite(struct ctx *cx, const struct did__row *row) NODISCARD;

/* --- the subjects of this node; what the routes do ---------------------- */

struct did__new {
    struct str subject; /* empty: a random UUID */
    bool no_key;
};
/* Makes a subject with a did:web and, unless `no_key`, a signing key. */
err_t did__subject_new(struct ctx *cx, const struct did__new *in,
                       struct did__row *out) NODISCARD;
/* Ends a subject's DID and deletes its keys. */
err_t did__subject_end(struct ctx *cx, struct str subject) NODISCARD;
/* Adds a P-256 key; `method` is its verification method as JSON text. */
err_t did__key_add(struct ctx *cx, struct str subject, struct str *method) NODISCARD;
/* `body` is {type, serviceEndpoint}; `replaces` a service's id, or empty. */
err_t did__service_put(struct ctx *cx, struct str subject, const json *body,
                       struct str replaces, struct str *service) NODISCARD;
/* Absent is fine. */
err_t did__service_drop(struct ctx *cx, struct str subject, struct str id) NODISCARD;
/* Services of a type, and of a kind of endpoint; empty: all. */
err_t did__services_put(struct ctx *cx, struct str subject, struct str type,
                        struct str kind, struct json_out *js) NODISCARD;

/* Per worker. */
struct cache;
struct did__state {
    struct cache *documents; /* of others */
    struct did_source world;
};
err_t did__world_document(struct ctx *cx, void *self, struct str did,
                          struct str *text) NODISCARD;
err_t did__world_get(struct ctx *cx, void *self, struct str did, struct str url,
                     struct str *text) NODISCARD;

/* A public key as JWK text. */
struct key;
err_t did__key_text(struct ctx *cx, const struct key *key, struct str *jwk) NODISCARD;

/* Has a member that only a private key has (RFC 7518 6, RFC 8037 2). */
bool did__jwk_is_private(const json *jwk);

#endif
