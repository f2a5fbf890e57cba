/*
 * policy.h - what may be asked, under which scope: the canonical FHIR request
 * and the policies that judge it.
 *
 * Rule      FHIR R4 3.1 (http) and 3.2 (search). A request is parsed once, URL
 *           and form alike, into one meaning; that meaning is judged, and that
 *           meaning alone is written out for the server behind us. Nothing is
 *           dropped: what the parser does not know is refused.
 *           Policies are data (policies/<name>/policy.json) and carry their
 *           own tests; one that fails them, or has none, is not loaded.
 * Trust     A request is a stranger's. A policy file is the operator's, and
 *           read strictly: an unknown member is refused.
 * Lifetime  A request lives in the arena of the context that parsed it. A set
 *           of policies never changes; it is taken and given, and a decision
 *           borrows from the set and from the request.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CARE_POLICY_H
#define KNOOP_CARE_POLICY_H

#include "base/err.h"
#include "care/consent/consent.h"
#include "codec/fhir/fhir.h"
#include "codec/json/json.h"
#include "sys/audit/audit.h"
#include "sys/http/http.h"

/* --- the canonical request -------------------------------------------- */

enum fhir_interaction {
    FHIR_INTERACTION_NONE,
    FHIR_READ,
    FHIR_VREAD,
    FHIR_SEARCH_TYPE,
    FHIR_SEARCH_SYSTEM,
    FHIR_HISTORY_INSTANCE,
    FHIR_HISTORY_TYPE,
    FHIR_HISTORY_SYSTEM,
    FHIR_CAPABILITIES,
    FHIR_OPERATION,
    FHIR_CREATE,
    FHIR_UPDATE,
    FHIR_UPDATE_CONDITIONAL,
    FHIR_PATCH,
    FHIR_PATCH_CONDITIONAL,
    FHIR_DELETE,
    FHIR_DELETE_CONDITIONAL,
    FHIR_TRANSACTION,
    FHIR_INTERACTION_COUNT
};
const char *fhir_interaction_name(enum fhir_interaction i); /* "search-type" */
enum fhir_interaction fhir_interaction_of(struct str name); /* NONE when unknown */

enum {
    FHIR_PATH_MAX = 512,        /* four segments and their punctuation */
    FHIR_ARGS_MAX = 64,         /* URL and form together */
    FHIR_ARG_VALUES_MAX = 128,  /* parts of one value, cut at commas */
    FHIR_QUERY_MAX = 32 * 1024, /* bytes of URL query, and of form, each */
};

struct fhir_arg {
    struct str name;       /* with its modifier: "_include:iterate" */
    struct str value;      /* decoded once; never empty */
    const struct str *any; /* the value cut at commas; backslashes stay */
    size_t any_n;          /* at least 1 */
    bool in_form;
};

struct fhir_request {
    enum fhir_interaction interaction;
    bool head;                    /* HEAD: judged as the GET that it is */
    struct str type, id, version; /* empty where the interaction has none */
    struct str operation;         /* "$lastn" */
    const struct fhir_arg *param; /* sorted by name, then value */
    size_t param_n;
    json *resource; /* of create, update, patch, transaction */

    /* What goes out, and nothing else. */
    enum http_method wire_method;
    struct str wire_path;  /* "Observation/_search": below the base */
    struct str wire_query; /* "a=1&b=2"; empty: none */
    struct str wire_type;  /* content type of wire_body, or empty */
    struct bytes wire_body;
    bool names_person; /* an identifier stood in it */
};

/*
 * One parse of everything. `path` is what stands below the base, as received
 * (not decoded); `query` as received, without '?'. `type` is the content type
 * without parameters, lower case.
 *
 *   ERR_FHIR_REQUEST  it has no one meaning, or one that is not offered
 *   ERR_METHOD        no such interaction by this method
 *   ERR_MEDIA_TYPE    a body of a kind that is not read here
 */
err_t fhir_request_parse(struct ctx *cx, enum http_method method, struct str path,
                         struct str query, struct str type, struct bytes body,
                         struct fhir_request *out) NODISCARD;

/* The only parameter of that name; NULL when absent, or there more than once. */
const struct fhir_arg *fhir_request_single(const struct fhir_request *r, struct str name);
size_t fhir_request_count(const struct fhir_request *r, struct str name);

/* --- policies ----------------------------------------------------------- */

#define BSN_SYSTEM "http://fhir.nl/fhir/NamingSystem/bsn"

enum policy_ground {
    POLICY_GROUND_UNDECIDED,
    POLICY_GROUND_RECORDED,
    POLICY_GROUND_NEEDLESS
};

/* Where a rule finds the patient. */
enum policy_patient {
    POLICY_PATIENT_UNDECIDED,
    POLICY_PATIENT_PATH,       /* Patient/<id> */
    POLICY_PATIENT_PARAM,      /* patient=Patient/<id>, or _id=<id> on Patient */
    POLICY_PATIENT_IDENTIFIER, /* identifier=<BSN system>|<number> */
    POLICY_PATIENT_BODY,       /* only the answer tells: held until judged */
    POLICY_PATIENT_ABSENT,     /* decided: no person is concerned */
};

struct policy_rule;

struct policy {
    struct str name, version, title, author, adopted_by, legal_base;
    int64_t from_ms, until_ms; /* in force from, up to and not including */
    const struct str *scope;   /* as tokens spell it */
    size_t scope_n;
    struct str fhir_version; /* "4.0" */
    enum policy_ground ground;
    struct str ground_scope; /* the scope of grounds that it asks for */
    unsigned ground_kinds;   /* of enum ground_kind, or-ed */
    bool user_required;
    const struct policy_rule *rule;
    size_t rule_n;
    unsigned controls;   /* which control parameters: policy_int.h */
    unsigned predicates; /* which extra predicates: policy_int.h */
};

/* What a rule says to those who carry it out. */
const struct policy_rule *policy_rule_at(const struct policy *p, size_t i);
enum fhir_interaction policy_rule_interaction(const struct policy_rule *r);
struct str policy_rule_type(const struct policy_rule *r);
struct str policy_rule_operation(const struct policy_rule *r); /* or empty */
enum audit_event policy_rule_audit(const struct policy_rule *r);
/* The i-th parameter that the rule knows, required ones first; empty at the end. */
struct str policy_rule_param(const struct policy_rule *r, size_t i);
/* Must that parameter be asked? */
bool policy_rule_requires(const struct policy_rule *r, struct str name);
/* The i-th include ("_include" or "_revinclude" in *kind); empty at the end. */
struct str policy_rule_include(const struct policy_rule *r, size_t i, struct str *kind);
/* May a resource of this type come along as an include? */
bool policy_rule_brings(const struct policy_rule *r, struct str type);
/* The answer need not be the judged patient's alone: the policy says so. */
bool policy_rule_releases_any(const struct policy_rule *r);

struct policy_set;

/* One policy as text, before it is believed. */
struct policy_source {
    struct str name; /* of its folder */
    struct str policy, tests;
};

/*
 * Reads the text of one policy and runs its tests. Refused with
 * ERR_POLICY_INVALID and where; `ran` (may be NULL) is the number of tests.
 */
err_t policy_check(struct ctx *cx, const struct policy_source *source,
                   size_t *ran) NODISCARD;

/*
 * A set of what holds. What is refused is logged by name; where `old` (may be
 * NULL) holds a policy of that name, the old one stays. `refused` counts.
 */
err_t policy_set_new(struct ctx *cx, const struct policy_source *source, size_t n,
                     struct policy_set *old, struct policy_set **out,
                     size_t *refused) NODISCARD;
struct policy_set *policy_set_take(struct policy_set *s); /* one more user */
void policy_set_give(struct policy_set *s);               /* one less; the last frees */
/* Reads policies/<name>/{policy,tests}.json below `folder`, sorted by name. */
err_t policy_sources(struct ctx *cx, struct str folder, struct policy_source **out,
                     size_t *n) NODISCARD;

size_t policy_count(const struct policy_set *s);
const struct policy *policy_at(const struct policy_set *s, size_t i);
const struct policy *policy_find(const struct policy_set *s, struct str name);
/* Is the policy in force at this moment? */
bool policy_in_force(const struct policy *p, int64_t now_ms);

/* --- judging -------------------------------------------------------------- */

/* A request fits a rule: who the patient would be, as the request says it. */
struct policy_match {
    const struct policy *policy;
    const struct policy_rule *rule;
    struct str scope; /* the token's, under which it is judged */
    enum policy_patient patient;
    struct str patient_id;  /* PATH, PARAM */
    struct str patient_bsn; /* IDENTIFIER: never to be logged */
};

enum { POLICY_MATCHES_MAX = 8 }; /* scopes of one token that fit one request */

/*
 * Every scope in the token whose policy has a rule that fits the request.
 * Each of them must permit: a broad scope never weakens a narrow one.
 * `only` (empty: all) is the list of policies adopted by this custodian.
 *
 *   ERR_POLICY_SCOPE    no scope of the token has a policy in force here
 *   ERR_POLICY_REQUEST  no rule of those policies fits; the reason names the
 *                       nearest rule and what was wrong
 */
err_t policy_match(struct ctx *cx, const struct policy_set *set,
                   const struct fhir_request *r, struct str scopes, const struct str *only,
                   size_t only_n, struct policy_match out[POLICY_MATCHES_MAX],
                   size_t *n) NODISCARD;

/* What is known once the patient is resolved. */
struct policy_facts {
    struct str user_id, user_role; /* proven; empty: none */
    /*
     * The patient, and the one that the requester says is enrolled there: both
     * in one form, the number itself or its keyed hash.
     */
    struct str patient, enrolled;
    bool ground_found; /* a live ground of the policy's own kind */
};

/*
 * What a match asks beside its shape, the ground not counted.
 *
 *   ERR_POLICY_USER       a user is demanded, or another role
 *   ERR_POLICY_PREDICATE  an extra predicate does not hold
 */
err_t policy_conditions(struct ctx *cx, const struct policy_match *m,
                        const struct policy_facts *facts) NODISCARD;

struct policy_decision {
    bool allow;
    struct policy_match match; /* the first that fitted; zero when none did */
    err_t code;                /* of a denial */
    struct str reason;         /* in the context's arena */
};

/* All of it, for `policy test`, `policy explain` and the decision API. */
err_t policy_decide(struct ctx *cx, const struct policy_set *set,
                    const struct fhir_request *r, struct str scopes,
                    const struct policy_facts *facts,
                    struct policy_decision *out) NODISCARD;

/* --- the room -------------------------------------------------------------- */

/*
 * The set in force in this worker; give it back. NULL: none. What a request
 * borrowed from it stays good until the request ends, given back or not.
 */
struct policy_set *policy_now(struct ctx *cx);

/*
 * Behind `knoop policy check|test|explain`: each writes JSON. `explain` takes
 * {"method","path","query","type","body","scope",…} as tests.json has it.
 */
err_t policy_report(struct ctx *cx, struct str folder, struct json_out *js,
                    size_t *bad) NODISCARD;
/* Every test of one policy with its outcome; refused when the policy cannot be read. */
err_t policy_try(struct ctx *cx, const struct policy_source *source, struct json_out *js,
                 size_t *failed) NODISCARD;
err_t policy_explain(struct ctx *cx, const struct policy_set *set, struct str question,
                     struct json_out *js) NODISCARD;

#endif
