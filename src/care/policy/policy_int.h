/*
 * policy_int.h - inside the room. EUPL-1.2.
 */
#ifndef KNOOP_CARE_POLICY_INT_H
#define KNOOP_CARE_POLICY_INT_H

#include "care/policy/policy.h"

/* --- request_params.c ---------------------------------------------------- */

err_t policy__read_params(struct ctx *cx, struct str query, struct str form,
                          struct fhir_request *r) NODISCARD;
void policy__write_params(struct buf *b, const struct fhir_request *r);

/* --- what a rule is ------------------------------------------------------- */

/* How a parameter's value must look. */
enum shape {
    SHAPE_UNDECIDED,
    SHAPE_EXACT,   /* one value, this one */
    SHAPE_ONE_OF,  /* one value of these */
    SHAPE_SET,     /* these values together, in any order */
    SHAPE_PREFIX,  /* one value that begins so, and goes on */
    SHAPE_INTEGER, /* a whole number between bounds */
    SHAPE_DATE,    /* FHIR dates with comparators, at most two */
    SHAPE_TOKEN,   /* one value or more, as a code or system|code */
};

struct policy_param {
    struct str name;
    bool required;
    enum shape shape;
    const struct str *value; /* EXACT, ONE_OF, SET, PREFIX */
    size_t value_n;
    int64_t least, most; /* INTEGER */
};

struct policy_include {
    struct str kind;        /* "_include", "_include:iterate", "_revinclude" */
    struct str value;       /* "MedicationRequest:medication" */
    const struct str *type; /* what may come along by it */
    size_t type_n;
};

struct policy_source_of_patient {
    enum policy_patient from;
    struct str param; /* PARAM, IDENTIFIER */
};

enum { PATIENT_SOURCES_MAX = 4 };

struct policy_rule {
    struct str id, doc;
    enum fhir_interaction interaction;
    struct str type, operation;
    const struct policy_param *param; /* required ones first */
    size_t param_n;
    const struct policy_include *include;
    size_t include_n;
    struct policy_source_of_patient patient[PATIENT_SOURCES_MAX];
    size_t patient_n;
    const struct str *role; /* the user's must be one; none: any */
    size_t role_n;
    enum audit_event audit;
    bool releases_any;
};

/* --- controls.c: the parameters that shape an answer --------------------- */

/* The bit of a control parameter; 0 when there is none of that name. */
unsigned policy__control(struct str name);
/* What a control may say: never a count alone, never another format. */
bool policy__control_holds(const struct fhir_arg *p);
bool policy__shape_holds(const struct policy_param *want, const struct fhir_arg *p);

/* --- predicates.c ---------------------------------------------------------- */

unsigned policy__predicate(struct str name); /* its bit; 0 when unknown */
err_t policy__predicates_hold(struct ctx *cx, const struct policy_match *m,
                              const struct policy_facts *facts) NODISCARD;

/* --- read.c: from text ------------------------------------------------------ */

err_t policy__read(struct ctx *cx, struct str name, struct str text,
                   struct policy *out) NODISCARD;
/* Members of `v` are all in `known`; else the reason names the nearest. */
err_t policy__members(struct ctx *cx, const json *v, struct str where,
                      const char *const *known, size_t known_n) NODISCARD;

/* --- proof.c: a policy's own tests ------------------------------------------- */

err_t policy__prove(struct ctx *cx, const struct policy *p, struct str tests,
                    size_t *ran) NODISCARD;
/* Every test, failed ones too: [{test, passes, reason}]. */
err_t policy__try(struct ctx *cx, const struct policy *p, struct str tests,
                  struct json_out *js, size_t *failed) NODISCARD;
/* A question as tests.json and `explain` put it. */
struct policy_question {
    struct fhir_request request;
    struct str scope;
    struct policy_facts facts;
};
err_t policy__question(struct ctx *cx, const json *v,
                       struct policy_question *out) NODISCARD;

/* policy_match and the rest for one policy alone. */
err_t policy__judge_one(struct ctx *cx, const struct policy *p,
                        const struct policy_question *q,
                        struct policy_decision *out) NODISCARD;

#endif
