/*
 * pe.h - which credentials answer what a verifier asks.
 *
 * Rule      DIF Presentation Exchange 2.0 as Nuts reads it (nuts-node.md 3.4):
 *           paths in order, the first whose value passes the filter; a filter
 *           of a scalar type holds for an array with one such element; the
 *           value of a field is the whole value, what `pattern` matched, or its
 *           one group. Formats, submission requirements, groups.
 * Trust     Definitions may be a stranger's (we are the client) and views always
 *           are. Unknown members are refused: a rule that is not understood is
 *           not met. Patterns and paths have budgets.
 * Lifetime  All in the context's arena. A definition serves one thread at a
 *           time (its patterns keep their memory).
 * Ignored   is_holder, same_subject, statuses, limit_disclosure: a presentation
 *           here is always by the subject of all its credentials, whole, and
 *           with their status looked at. subject_is_issuer is honoured.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_PE_H
#define KNOOP_TRUST_PE_H

#include "codec/json/json.h"

enum pe_format { PE_FORMAT_NONE, PE_JWT_VC, PE_LDP_VC };

struct pe_credential {
    enum pe_format format;
    struct str proof;   /* alg of a JWT, type of a proof */
    bool self_attested; /* unsigned, by the holder who presents it: passes as ldp_vc */
    const json *view;   /* what paths see */
    struct str raw;     /* as it stands in a presentation: compact JWT or JSON */
};

struct pe_definition;

/* PE_DEFINITION with what is wrong; UNSUPPORTED, LIMIT from its patterns. */
err_t pe_definition_parse(struct ctx *cx, const json *text,
                          struct pe_definition **out) NODISCARD;
struct str pe_definition_id(const struct pe_definition *d);
const json *pe_definition_json(const struct pe_definition *d);
/* The id of the i-th field that has one, over all descriptors; false beyond. */
bool pe_definition_field(const struct pe_definition *d, size_t i, struct str *id);
/* Does the definition, and every descriptor, take presentations of JWT credentials? */
bool pe_definition_takes_jwt(const struct pe_definition *d);

struct pe_mapping {
    struct str descriptor;
    size_t credential; /* index into those given */
};
struct pe_value {
    struct str id;
    const json *value; /* NULL: optional and absent, or a text */
    struct str text;   /* what a pattern matched; .p NULL when it is no text */
};
struct pe_match {
    struct pe_mapping *map; /* in the order of the definition */
    size_t map_count;
    size_t *selected; /* indexes into those given, without repeats, in order */
    size_t selected_count;
    struct pe_value *fields;
    size_t field_count;
};

/*
 * Chooses, per descriptor, the first credential that fits. PE_NO_MATCH names
 * the descriptor; PE_DEFINITION when one field id gets two values.
 */
err_t pe_match(struct ctx *cx, struct pe_definition *d,
               const struct pe_credential *credentials, size_t count,
               struct pe_match *out) NODISCARD;

/* {id, definition_id, descriptor_map}, with paths into a presentation of `selected`. */
err_t pe_submission(struct ctx *cx, const struct pe_definition *d, const struct pe_match *m,
                    const struct pe_credential *credentials, struct str id,
                    struct str *out) NODISCARD;
/* The member `name` of a value, or its null: one field into an open object. */
void pe_value_put(struct json_out *js, const struct pe_value *v);

/*
 * A received submission against what we would choose ourselves: each entry must
 * name the credential (by its raw text) that the match chose, by a path into
 * the presentation `vp` as it was sent, in its format; nothing may be missing.
 * PE_SUBMISSION, PE_CONFORM.
 */
struct pe_submission_in {
    struct str id, definition_id;
    const json *map;
};
err_t pe_submission_parse(struct ctx *cx, struct str text,
                          struct pe_submission_in *out) NODISCARD;
err_t pe_submission_check(struct ctx *cx, const struct pe_submission_in *in,
                          const struct pe_definition *d, const struct pe_match *m,
                          const struct pe_credential *credentials,
                          const json *vp) NODISCARD;

#endif
