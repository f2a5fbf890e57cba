/*
 * consent.h - on what ground the source may share: recorded, live, ended.
 *
 *   recorded --[from, until)--> live --end--> ended     nothing is ever deleted
 *
 * Rule      issue 2.4, mission 3 and 103: no byte of a record leaves without a
 *           live ground, and the decision names it. A period is strict: from
 *           its first millisecond up to and not including its last; a ground
 *           without an end cannot be recorded. Ended grounds stay, so that an
 *           old decision can be explained.
 * Trust     Who records is the operator, or his system, on the internal door.
 *           A patient's number never stands here: its keyed hash does, and the
 *           number sealed to the audit key (keys_seal_person).
 * Lifetime  What is returned lives in the context's arena.
 * Threads   Any; blocks as the store does.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CARE_CONSENT_H
#define KNOOP_CARE_CONSENT_H

#include "base/err.h"
#include "codec/json/json.h"

/* On what grounds one may share: a set of bits (care/policy asks with them). */
enum ground_kind {
    GROUND_KIND_NONE = 0,
    GROUND_CONSENT = 1,
    GROUND_TREATMENT = 2,
    GROUND_REFERRAL = 4,
    GROUND_LAW = 8,
};
const char *ground_kind_name(enum ground_kind k); /* "treatment" */
enum ground_kind ground_kind_of(struct str name); /* NONE when unknown */

struct ground {
    struct str id;
    struct str tenant;         /* whose records */
    struct str patient_mac;    /* keyed hash of the number */
    struct str patient_sealed; /* JWE, for an officer */
    struct str organisation;   /* who may ask: "ura:00000001" or a DID */
    struct str scope;          /* for what: a policy's ground scope */
    enum ground_kind kind;
    int64_t from_ms, until_ms; /* from, up to and not including */
    struct str evidence;       /* where it can be checked: a document, a reference */
    int64_t recorded_ms;
    struct str recorded_by;
    int64_t ended_ms; /* 0: not ended */
    struct str ended_by, ended_why;
};

enum {
    GROUND_TEXT_MAX = 1024,
    GROUND_YEARS_MAX = 20, /* no ground is forever: BW 7:454 keeps records as long */
};

/*
 * "ura:1" or "1" to "ura:00000001"; a DID stays. BAD_REQUEST otherwise.
 */
err_t ground_organisation(struct ctx *cx, struct str text, struct str *out) NODISCARD;

/*
 * Records. Of `in` all but id, recorded_ms and ended_* is read; `out` is what
 * was stored. GROUND_INVALID says what is wrong.
 */
err_t ground_record(struct ctx *cx, const struct ground *in, struct ground *out) NODISCARD;

/* Ends a ground now, for good. NOT_FOUND; CONFLICT when it had ended. */
err_t ground_end(struct ctx *cx, struct str id, struct str by, struct str why,
                 struct ground *out) NODISCARD;

err_t ground_get(struct ctx *cx, struct str id,
                 struct ground *out) NODISCARD; /* NOT_FOUND */

/* The live ground for this question; GROUND when there is none. */
struct ground_question {
    struct str tenant, patient_mac, scope;
    const struct str *organisation; /* any of these names of the asker */
    size_t organisation_n;
    unsigned kinds; /* of enum ground_kind, or-ed */
};
err_t ground_find(struct ctx *cx, const struct ground_question *q,
                  struct ground *out) NODISCARD;

/* All of a tenant's, newest first; `patient_mac` empty: of anybody. */
enum { GROUND_LIST_MAX = 500 };
err_t ground_list(struct ctx *cx, struct str tenant, struct str patient_mac,
                  struct ground **out, size_t *n) NODISCARD;

bool ground_is_live(const struct ground *g, int64_t now_ms);

/* As the internal API shows it: with the hash, without any form of the number. */
void ground_put(struct json_out *js, const struct ground *g, int64_t now_ms);

#endif
