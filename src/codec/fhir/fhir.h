/*
 * fhir.h - FHIR R4 search: what a query asks, what a resource answers.
 *
 * Rule      FHIR R4 (4.0.1) search.html 3.1.1, and the search parameters that
 *           R4 defines for the types in params.c. What is not known here
 *           (parameter, modifier, prefix, date, escape, chain) is an error,
 *           never passed over: a filter that is not understood would let
 *           through more than was asked.
 * Trust     Query and resource may both be a stranger's. A resource's element
 *           of the wrong shape gives no value.
 * Lifetime  Queries and indexes live in the arena of the context; an index
 *           borrows text from the resource.
 * Source    Knoop. EUPL-1.2.
 *
 *   "date=ge2024&code=http://loinc.org|718-7,789-8"   resource (JSON)
 *                 │ fhir_query_parse                       │ fhir_index
 *                 ▼                                        ▼
 *   query ── terms (AND) ── values (OR)          index ── entries: param, value
 *                 └───────────────── fhir_match ───────────┘
 */
#ifndef KNOOP_CODEC_FHIR_H
#define KNOOP_CODEC_FHIR_H

#include "codec/json/json.h"

enum {
    FHIR_TERMS_MAX = 64,   /* parameters of a query */
    FHIR_VALUES_MAX = 256, /* values of all of them */
    FHIR_INDEX_MAX = 20000 /* values of one resource */
};

enum fhir_kind {
    FHIR_TOKEN = 1,
    FHIR_STRING,
    FHIR_DATE,
    FHIR_REFERENCE,
    FHIR_QUANTITY,
    FHIR_NUMBER,
    FHIR_URI
};

/*
 * A search parameter. `paths` are alternatives, separated by '|': element names
 * with dots, the last with "?name=text" where only some of a list count. The
 * path "=deceased" is the one computed value (Patient.deceased.exists()).
 */
struct fhir_param {
    const char *name;
    enum fhir_kind kind;
    const char *paths;
    const char *targets; /* FHIR_REFERENCE: types, by space; NULL: any */
};

/* Is this a resource type of R4? */
bool fhir_type_known(struct str type);
/* The i-th of them, by name; .p is NULL at the end. */
struct str fhir_type_at(size_t i);
/* A logical id (R4 2.24.0.1): 1 to 64 of letters, digits, '-' and '.'; no dot segment. */
bool fhir_id_valid(struct str id);

/* NULL for what R4 does not define for the type, or we do not offer. */
const struct fhir_param *fhir_param_find(struct str type, struct str name);
/* The i-th parameter of a type, common ones first; NULL at the end. For manuals. */
const struct fhir_param *fhir_param_at(struct str type, size_t i);
/* "token", "string", … as R4 spells them. */
const char *fhir_kind_name(enum fhir_kind kind);

/* --- values ------------------------------------------------------------------ */

/* digits * 10^power. At most 17 digits. */
struct fhir_decimal {
    int64_t digits;
    int power;
};

/* Where a value begins and ends, in UTC milliseconds; `to` is not part of it. */
struct fhir_range {
    int64_t from, to; /* INT64_MIN and INT64_MAX: open */
};

struct fhir_reference {
    struct str type, id, version; /* empty where not given */
    struct str url;               /* absolute or #contained; empty for Type/id */
};

/* --- what a query asks -------------------------------------------------------- */

enum fhir_prefix {
    FHIR_EQ = 1,
    FHIR_NE,
    FHIR_GT,
    FHIR_LT,
    FHIR_GE,
    FHIR_LE,
    FHIR_SA,
    FHIR_EB,
    FHIR_AP
};

enum fhir_modifier {
    FHIR_PLAIN = 1, /* no modifier */
    FHIR_MISSING,
    FHIR_EXACT,
    FHIR_CONTAINS,
    FHIR_NOT,
    FHIR_TEXT,
    FHIR_IDENTIFIER,
    FHIR_OF_TYPE_REFERENCE /* :Patient and the like; the type is in the value */
};

struct fhir_value {
    struct str text;   /* as given, unescaped */
    struct str folded; /* FHIR_STRING, and tokens with :text: for comparing without case and
                          accents */
    enum fhir_prefix prefix;
    struct fhir_range range;               /* FHIR_DATE */
    struct fhir_decimal number, low, high; /* as given; and the bounds of its precision */
    bool has_system, has_code; /* a token's or quantity's; "|x" has an empty system */
    struct str system, code;
    struct fhir_reference reference;
};

struct fhir_term {
    const struct fhir_param *param;
    enum fhir_modifier modifier;
    bool missing;              /* of :missing */
    struct fhir_value *values; /* one of these must hold */
    size_t n;
};

struct fhir_query {
    struct str type;
    struct fhir_term *terms; /* each of these must hold */
    size_t n;
};

/*
 * `text` is what stands behind the '?', percent-encoded ('+' is a space). Only
 * filters: _count, _include and their like are the caller's to take out before.
 * ERR_BAD_REQUEST; ERR_UNSUPPORTED for what R4 has and we do not; ERR_LIMIT.
 */
err_t fhir_query_parse(struct ctx *cx, struct str type, struct str text,
                       struct fhir_query *out) NODISCARD;

/* One parameter, already decoded: `name` with its modifier. Adds nothing to a query. */
err_t fhir_term_parse(struct ctx *cx, struct str type, struct str name, struct str value,
                      struct fhir_term *out) NODISCARD;

/* A date as a query or a resource has it: how long it lasts follows from its precision. */
bool fhir_date_range(struct str text, struct fhir_range *out);

/* A decimal as JSON or a query has it; false for more than 17 digits. */
bool fhir_decimal_parse(struct str text, struct fhir_decimal *out);
int fhir_decimal_cmp(struct fhir_decimal a, struct fhir_decimal b);

/* "Patient/1", "Patient/1/_history/2", "https://…", "urn:…", "#x". */
struct fhir_reference fhir_reference_parse(struct str text);

/* Lower case, without accents, white space as single spaces. For comparing strings. */
err_t fhir_fold(struct ctx *cx, struct str text, struct str *out) NODISCARD;

/* --- what a resource answers --------------------------------------------------- */

struct fhir_entry {
    const struct fhir_param *param;
    /* token, and the identifier of a reference */
    struct str system, code;
    bool exact; /* the code's case counts: identifiers and ids */
    /* a string or uri; what a token says for people; a quantity's unit */
    struct str text;
    struct str folded;             /* of `text`, where FHIR_STRING or FHIR_TOKEN */
    struct fhir_range range;       /* FHIR_DATE */
    struct fhir_decimal low, high; /* number and quantity: equal, but for ranges */
    bool low_open, high_open;      /* "<5" has no low bound */
    struct fhir_reference reference;
};

struct fhir_index {
    struct fhir_entry *entries;
    size_t n, room_;
};

/* All values of a resource, for all parameters of its type. */
err_t fhir_index(struct ctx *cx, const json *resource, struct fhir_index *out) NODISCARD;
/* Of those that are compared for equality alone: tokens, references, URIs; none folded. */
err_t fhir_index_equal(struct ctx *cx, const json *resource,
                       struct fhir_index *out) NODISCARD;
/* The values for one parameter, added to `out`. */
err_t fhir_index_param(struct ctx *cx, const json *resource, const struct fhir_param *param,
                       struct fhir_index *out) NODISCARD;

/* Does the index meet the term? `now_ms` of the context is what "ap" of a date looks at. */
bool fhir_term_holds(const struct ctx *cx, const struct fhir_term *term,
                     const struct fhir_index *index);

/* Does the resource meet the query? Another type than the query's does not. */
err_t fhir_match(struct ctx *cx, const struct fhir_query *query, const json *resource,
                 bool *out) NODISCARD;

#endif
