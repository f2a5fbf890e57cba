/* oauth_int.h - inside trust/oauth. EUPL-1.2. */
#ifndef KNOOP_TRUST_OAUTH_INT_H
#define KNOOP_TRUST_OAUTH_INT_H

#include "crypto/jose/jose.h"
#include "sys/audit/audit.h"
#include "sys/http/fetch.h"
#include "trust/oauth/oauth.h"
#include "trust/pe/pe.h"
#include "trust/vc/vc.h"

enum {
    OAUTH_SCOPE_MAX = 1024,        /* bytes of a scope parameter */
    OAUTH_BODY_MAX = 1024 * 1024,  /* a presentation, percent-encoded */
    OAUTH_ANSWER_MAX = 64 * 1024,  /* what introspection says of one token */
    OAUTH_REMOTE_MAX = 256 * 1024, /* an answer of another server */
    OAUTH_FORGET_MS = 60 * 1000,   /* one-time values are kept this much longer */
};

/* --- scopes: what must be presented for them (definitions.c) ------------------ */

struct oauth__scope {
    struct str name;
    struct str file;                 /* where it stands */
    const json *organization, *user; /* definitions; NULL where there is none */
    bool user_required;
    bool once; /* a JSONPath of it keeps memory of who asked: never used twice */
};

struct oauth__scopes; /* never changes; counted */

/*
 * Reads policies/<name>/definitions.json and policy.directory. One fault refuses all:
 * CONF names file, scope and fault.
 */
err_t oauth__scopes_load(struct ctx *cx, struct oauth__scopes **out) NODISCARD;
/* Those in force in this worker; to be dropped. NULL when there are none. */
struct oauth__scopes *oauth__scopes_now(struct ctx *cx);
struct oauth__scopes *oauth__scopes_take(struct oauth__scopes *s);
void oauth__scopes_drop(struct oauth__scopes **s); /* for scoped() */
size_t oauth__scopes_count(const struct oauth__scopes *s);

/*
 * What a scope parameter asks: one known scope, or several with the very same
 * definitions. `granted` is it in canonical form. OAUTH_SCOPE.
 */
err_t oauth__scope_find(struct ctx *cx, const struct oauth__scopes *s, struct str text,
                        const struct oauth__scope **out, struct str *granted) NODISCARD;

/* Its definitions, ready to match: one user at a time, then given back. */
struct oauth__ready {
    struct pe_definition *organization, *user; /* NULL where there is none */
    struct arena arena;
    const struct oauth__scope *scope;
    struct oauth__scopes *set;
    struct oauth__ready *next;
};
err_t oauth__ready_take(struct ctx *cx, struct oauth__scopes *s,
                        const struct oauth__scope *scope,
                        struct oauth__ready **out) NODISCARD;
void oauth__ready_give(struct oauth__ready **r); /* for scoped() */

/* A name that introspection itself uses: no field may have it. */
bool oauth__is_reserved(struct str field);

/* --- DPoP (dpop.c) -------------------------------------------------------------- */

struct oauth__proof {
    struct str jkt;
    struct str once; /* what store_take_once gets */
    int64_t until_ms;
};
/*
 * All checks but the using up. `token` and `jkt` are compared unless their .p is NULL;
 * `loose`: URLs as nuts-node compares them (2.3).
 */
err_t oauth__dpop_read(struct ctx *cx, const struct oauth_dpop *in, bool loose,
                       struct oauth__proof *out) NODISCARD;
err_t oauth__dpop_use(struct ctx *cx, const struct oauth__proof *proof) NODISCARD;
/* A URL in one form; false when it is none. */
bool oauth__url(struct ctx *cx, struct str url, bool loose, struct str *out);
/* A proof of ours by this key; `token` may be empty. */
err_t oauth__dpop_make(struct ctx *cx, struct str kid, struct str method, struct str url,
                       struct str token, struct str *jwt) NODISCARD;

/* --- tokens in the store (store.c) ---------------------------------------------- */

struct oauth__token {
    struct str text; /* to be given away once */
    struct str subject, holder;
    struct str answer; /* JSON: what introspection says */
    struct str more;   /* lines: the length of the submission, "user" where that definition
                          was met too; the submission; what shown.c packed */
    struct bytes sealed, sealed_more;
    int64_t expires_ms;
};
/* Fills in what is kept. */
err_t oauth__token_seal(struct ctx *cx, struct oauth__token *t) NODISCARD;
/* Within the caller's transaction. */
err_t oauth__token_put(struct ctx *cx, const struct oauth__token *t) NODISCARD;
/* UNAUTHORIZED when it is not there, or no longer. `text` of *out stays empty. */
err_t oauth__token_get(struct ctx *cx, struct str token,
                       struct oauth__token *out) NODISCARD;
/* `more` of a live token; UNAUTHORIZED. */
err_t oauth__token_more(struct ctx *cx, struct str token, struct str *more) NODISCARD;
err_t oauth__sweep(struct ctx *cx, void *state) NODISCARD; /* the job */

/* Another code for what was refused; its reason stays, behind the name of the old code. */
err_t oauth__refuse_as(struct ctx *cx, err_t code, const char *clause, err_t was) NODISCARD;

/* AES-256-GCM; `key` of 32 bytes seals one text in its life. STORE when altered. */
err_t oauth__seal(struct ctx *cx, const uint8_t *key, struct str text,
                  struct bytes *out) NODISCARD;
err_t oauth__unseal(struct ctx *cx, const uint8_t *key, struct bytes sealed,
                    struct str *out) NODISCARD;

/* --- what was presented (shown.c) ------------------------------------------------- */

err_t oauth__shown_pack(struct ctx *cx, const struct vp_raw *vp, struct str *out) NODISCARD;
/* Within the token's transaction: its large credentials, until then at least. */
err_t oauth__shown_keep(struct ctx *cx, const struct vp_raw *vp,
                        int64_t until_ms) NODISCARD;
err_t oauth__shown_unpack(struct ctx *cx, struct str packed, struct str *jwt) NODISCARD;

/* SHA-256 as base64url. */
err_t oauth__hash(struct ctx *cx, struct str text, struct str *out) NODISCARD;

/* --- the token endpoint (grant.c) ------------------------------------------------- */

struct oauth__asked { /* .p NULL where absent */
    struct str subject, grant_type, client_id, scope, assertion, submission;
    struct str dpop;
};
struct oauth__given {
    struct str token, type, scope;
    int64_t lifetime_ms;
};
/* The fourteen checks of nuts-node.md 3.5, and ours. `audit` learns what was proven. */
err_t oauth__grant(struct ctx *cx, const struct oauth__asked *in,
                   struct audit_record *audit, struct oauth__given *out) NODISCARD;

/* Is `client_id` of the organisation that `did` names? OAUTH_CLIENT. */
err_t oauth__client_check(struct ctx *cx, struct str client_id, struct str did) NODISCARD;

bool oauth__is_subject(struct str s); /* the last segment of an issuer */

/* What pe_match is given of a credential. */
err_t oauth__pe_view(struct ctx *cx, const struct vc_raw *raw,
                     struct pe_credential *out) NODISCARD;

/* --- asking others (client.c, remote.c) --------------------------------------------- */

struct oauth__want {
    struct str subject;       /* ours */
    struct str server, scope; /* issuer of the authorization server */
    bool bearer;
    const json *credentials; /* self-attested, from the caller; may be NULL */
    bool fresh;              /* not from the cache */
};
struct oauth__got {
    struct str token, type, scope, kid; /* kid: of the DPoP key; empty for a bearer token */
    int64_t expires_ms;
};
err_t oauth__request(struct ctx *cx, const struct oauth__want *want,
                     struct oauth__got *out) NODISCARD;

struct oauth__server { /* metadata of another; texts are a stranger's */
    struct str issuer, token_endpoint, definition_endpoint;
    bool takes_web, takes_jwt;
};
err_t oauth__server_get(struct ctx *cx, struct str issuer,
                        struct oauth__server *out) NODISCARD;
err_t oauth__server_parse(struct ctx *cx, struct str issuer, struct str text,
                          struct oauth__server *out) NODISCARD;
/* NOT_FOUND when this owner type has none there. */
err_t oauth__definition_get(struct ctx *cx, const struct oauth__server *s, struct str scope,
                            const char *owner, struct pe_definition **out) NODISCARD;
/* Posts the form, and reads what comes back. */
err_t oauth__token_post(struct ctx *cx, const struct oauth__server *s, struct str form,
                        struct str dpop, struct oauth__got *out) NODISCARD;
err_t oauth__token_parse(struct ctx *cx, int status, struct str text, bool dpop,
                         struct oauth__got *out) NODISCARD;

/* --- what is served ----------------------------------------------------------------- */

void oauth__metadata_put(struct json_out *js, struct str issuer);
void oauth__client_metadata_put(struct json_out *js);

extern const struct http_route oauth__routes[];

/* Per worker. */
struct cache;
struct oauth__state {
    void *lock_; /* guards what a reload changes, and told */
    struct oauth__scopes *scopes;
    struct jwk_cache *keys;     /* of DPoP proofs seen before */
    struct cache *remote;       /* metadata and definitions of others */
    struct cache *tokens;       /* ours at others */
    struct cache *opened;       /* what our own say: store.c */
    int64_t told_minute;        /* in this minute so many refusals */
    int64_t (*uptime_ms)(void); /* os_uptime_ms, or a test's */
    int told;                   /* had an event of their own */
};
/* May this refusal have an event of its own? Else it is counted (audit_count_refusal). */
bool oauth__is_told(struct ctx *cx);
/*
 * May the store have forgotten that it was used, since it was made before this machine
 * came up (store_transact_brief), or before the file of one-time values was
 * (store_once_since)? Then it is not taken. `ahead_ms`: what its maker's clock may be.
 */
#define OAUTH_FORGOTTEN                                                                    \
    "it was made before this machine came up, or its file of one-time values was made"
bool oauth__is_forgotten(struct ctx *cx, int64_t made_ms, int64_t ahead_ms);

#endif
