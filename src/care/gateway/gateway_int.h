/*
 * gateway_int.h - inside the room.
 *
 *   request -> token -> one meaning -> policies -> patient -> grounds -> audit
 *                                                                 |
 *      answer <- links rewritten <- each resource checked <- upstream
 *
 * All that the room asks of others goes through `struct gateway_ports`, so that
 * the whole path is tested without a network.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CARE_GATEWAY_INT_H
#define KNOOP_CARE_GATEWAY_INT_H

#include "care/consent/consent.h"
#include "care/policy/policy.h"
#include "sys/http/fetch.h"
#include "sys/http/http.h"

struct cache;

enum { TOKEN_HASH = 32, PAGE_KEY = 32 };

/* What a token says, once it is found to be good. */
struct gateway_token {
    struct str tenant;       /* the subject that issued it: its only audience */
    struct str client_id;    /* who asks, as the token names it */
    struct str did;          /* his DID; may be empty */
    struct str organisation; /* "ura:00000001" as proven; may be empty */
    struct str name;         /* of the organisation, as proven; may be empty */
    struct str scope;
    struct str user_id, user_role; /* as proven; may be empty */
    struct str enrolled;           /* "<BSN system>|<number>" as claimed; never logged */
    struct str jkt;                /* thumbprint of the DPoP key; empty: a bearer token */
};

struct gateway_proof {
    struct ctx *cx;
    struct str proof, token, jkt; /* the DPoP header; the token; its thumbprint */
    enum http_method method;
    struct str url; /* as the caller knows it, without query */
    err_t e;        /* what came of it; the reason is in cx */
};

/* Who asks, as far as it is known: it goes from the first run of a handler to the next. */
struct gateway_caller {
    struct gateway_token token;
    uint8_t token_hash[TOKEN_HASH];
    struct gateway_proof proof;
    bool proof_wanted;  /* all but the proof is well */
    bool proof_checked; /* once, whatever came of it: proof.e */
};

struct gateway_ports {
    /* UNAUTHORIZED when there is no such token, or no longer. */
    err_t (*token_find)(struct ctx *cx, struct str token, struct gateway_token *out);
    /* Uses up what is good; each of them has its own context, and may block. */
    void (*dpop_check)(struct gateway_proof *const *list, size_t n);
    err_t (*fetch)(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out);
    err_t (*seal_person)(struct ctx *cx, struct str number, struct str *sealed,
                         struct str *mac);
    err_t (*ground_find)(struct ctx *cx, const struct ground_question *q,
                         struct ground *out);
    struct policy_set *(*policies)(struct ctx *cx);
};

struct gateway {
    struct gateway_ports ports;
    struct cache *patients; /* (tenant, id) -> mac, sealed: no number in it */
    uint8_t page_key[PAGE_KEY];
};

/* What came in. */
struct gateway_call {
    enum http_method method;
    struct str tenant;
    struct str path, query; /* below /fhir/<tenant>, as received */
    struct str type;        /* of the body, without parameters */
    struct bytes body;
    struct str authorization, dpop, if_none_exist;
    struct gateway_caller *caller; /* of an earlier run, or zero; may be NULL */
};

/* A patient, known without a number. */
struct gateway_patient {
    struct str id; /* at the upstream; empty when only the number was given */
    struct str sealed, mac;
};

/* What was judged, and so what may be released. */
struct gateway_judged {
    struct str tenant, upstream, public_url; /* URLs without a trailing slash */
    struct fhir_request request;
    struct policy_match match;
    struct gateway_token token;
    uint8_t token_hash[TOKEN_HASH];
    struct gateway_patient patient;
    struct ground ground;
    struct str next; /* a page: what to ask upstream instead */
};

enum gateway_way {
    GATEWAY_WAY_NONE,
    GATEWAY_STREAM, /* passed on as it comes */
    GATEWAY_HOLD,   /* held, then gateway_release */
    GATEWAY_REPLY,  /* `reply` is the answer */
};

struct gateway_plan {
    enum gateway_way way;
    struct gateway_judged *judged; /* NULL for what concerns nobody's record */
    enum http_method method;
    struct str url;
    struct str header[4]; /* "Name: value" */
    size_t header_n;
    struct bytes body;
    bool repeatable; /* a search, whatever its method: reply_relay */
    struct str reply;
    struct str challenge; /* of a refusal: WWW-Authenticate */
};

/*
 * Decides. On refusal plan->challenge may be set; `audit` is filled either way
 * as far as things were known. Nothing was changed when it is WOULD_BLOCK.
 */
err_t gateway__judge(struct ctx *cx, struct gateway *gw, const struct gateway_call *call,
                     struct audit_record *audit, struct gateway_plan *plan) NODISCARD;

/* May an answer of this status and media type go out at all, held or as it comes? */
err_t gateway__accept(struct ctx *cx, int status, struct str type) NODISCARD;
/*
 * An accepted answer, checked and with links to the gateway, or a refusal. Does not block.
 */
err_t gateway__release(struct ctx *cx, struct gateway *gw, const struct gateway_judged *j,
                       struct bytes body, struct str *out) NODISCARD;

/* --- tenant.c: what the options say ---------------------------------------- */

err_t gateway__upstream(struct ctx *cx, struct str tenant, struct str *url) NODISCARD;
err_t gateway__public_url(struct ctx *cx, struct str tenant, struct str *url) NODISCARD;
err_t gateway__adopted(struct ctx *cx, struct str tenant, struct str **policies,
                       size_t *n) NODISCARD;
/* Every row of the options is one that could be used. */
err_t gateway__prove_options(struct ctx *cx) NODISCARD;

/* --- authenticate.c ---------------------------------------------------------- */

/*
 * On the loop it stops before a proof is used up, with WOULD_BLOCK and `proof_wanted`:
 * the proof is checked elsewhere, and then it is asked again with the same caller.
 */
err_t gateway__authenticate(struct ctx *cx, struct gateway *gw,
                            const struct gateway_call *call, struct gateway_caller *who,
                            struct str *challenge) NODISCARD;

/* --- patient.c ---------------------------------------------------------------- */

/* By id: asks the upstream, or remembers. GROUND when there is no such patient. */
err_t gateway__patient_by_id(struct ctx *cx, struct gateway *gw, struct str tenant,
                             struct str upstream, struct str id,
                             struct gateway_patient *out) NODISCARD;
err_t gateway__patient_by_number(struct ctx *cx, struct gateway *gw, struct str number,
                                 struct gateway_patient *out) NODISCARD;
/* Fetches JSON of the upstream; NULL in *out for 404 and 410. */
err_t gateway__get(struct ctx *cx, struct gateway *gw, struct str url, struct str *text,
                   json **out) NODISCARD;

/* --- subject.c: whose a resource is ------------------------------------------ */

/* What is asked of a resource, looked up once. */
struct gateway_resource {
    const json *value;
    struct str type, id; /* empty: none, or no text */
    const json *subject, *patient;
};
struct gateway_resource gateway__resource(const json *value);
/* The patient's id that a resource names; empty when it names none, or two. */
err_t gateway__subject(struct ctx *cx, const json *resource, struct str upstream,
                       struct str *id) NODISCARD;
/* Can resources of this type belong to a patient by what is in them? */
bool gateway__names_subject(const struct gateway_resource *r);
/* Is it this patient's? By id, or by number for Patient itself. */
bool gateway__belongs(const struct gateway_resource *r, const struct gateway_judged *j);
bool gateway__has_number(const json *patient, struct str number);
/* The one citizen service number of a Patient; false when none, or two. */
bool gateway__number_of(const json *patient, struct str *number);

/* --- rewrite.c: URLs of the upstream become ours -------------------------------- */

/* An answer, and where its values stand in it (json_parse_placed). */
struct gateway_text {
    struct str text;
    struct json_placed json;   /* its marks: what may be URLs of the upstream */
    size_t urls;               /* that many are behind us: parts go out in their order */
    struct str upstream, ours; /* the base URLs; ours as it stands within quotes */
};
struct gateway_part {
    const json *value;
    size_t from, to; /* in the text */
};
/* Parses it, and gets the URLs ready. Good until the scratch of `cx` is reset. */
err_t gateway__read_text(struct ctx *cx, struct str text, const struct gateway_judged *j,
                         struct gateway_text *out) NODISCARD;
/*
 * Where a member of an entry stands that is an object. Each entry behind it must be an
 * object that is not empty. False when it cannot be told.
 */
bool gateway__place(const struct gateway_text *t, const json *entry, const json *member,
                    struct gateway_part *out);
/* As it stands, but for URLs of the upstream. Behind the part before. */
void gateway__put_part(struct buf *b, struct gateway_text *t,
                       const struct gateway_part *part);
struct str gateway__our_url(struct ctx *cx, struct str url, const struct gateway_judged *j);
/* Of the upstream's headers only what describes the content; places become ours. */
bool gateway__pass_header(struct ctx *cx, const struct gateway_judged *j, struct str name,
                          struct str *value);

/* --- page.c: links to next pages ------------------------------------------------- */

/* What a next-link of the upstream becomes. */
err_t gateway__page_seal(struct ctx *cx, const struct gateway *gw,
                         const struct gateway_judged *j, struct str upstream_next,
                         struct str *url) NODISCARD;
/* The request that the page belongs to, and where it continues. */
struct gateway_page {
    enum http_method method;
    struct str path, query, form, next;
    struct str policy, version;
};
err_t gateway__page_open(struct ctx *cx, const struct gateway *gw, struct str tenant,
                         const uint8_t token_hash[TOKEN_HASH], struct str query,
                         struct gateway_page *out) NODISCARD;

/* --- capability.c ------------------------------------------------------------------ */

err_t gateway__capability(struct ctx *cx, struct gateway *gw, struct str tenant,
                          struct str *out) NODISCARD;

extern const struct http_route gateway_routes[];

#endif
