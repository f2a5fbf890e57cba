/*
 * predicates.c - what a policy may ask beside the shape of a request, by name.
 *
 * Rule      spec 9.3, "extra predicate id". A new one is a row and a function.
 * Trust     Facts are proven by the caller of this room; a claim that the
 *           requester attests itself stays that, and is named so.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

/* The enrolment in the token is of the patient who is asked about. */
static err_t
enrolment_is_patient(struct ctx *cx, const struct policy_match *m,
                     const struct policy_facts *facts)
{
    (void)m;
    if (facts->enrolled.n == 0)
        return refuse(cx, ERR_POLICY_PREDICATE, "spec 2d.6", "no enrolment in the token");
    if (facts->patient.n == 0 || !str_eq(facts->enrolled, facts->patient))
        return refuse(cx, ERR_POLICY_PREDICATE, "spec 2d.6",
                      "the enrolment in the token is of another patient");
    return ERR_OK;
}

static const struct {
    const char *name;
    err_t (*holds)(struct ctx *cx, const struct policy_match *m,
                   const struct policy_facts *facts);
} predicates[] = {
    { "enrolment-is-patient", enrolment_is_patient },
};

unsigned
policy__predicate(struct str name)
{
    for (size_t i = 0; i < COUNT(predicates); i++)
        if (str_is(name, predicates[i].name))
            return 1u << i;
    return 0;
}

err_t
policy__predicates_hold(struct ctx *cx, const struct policy_match *m,
                        const struct policy_facts *facts)
{
    for (size_t i = 0; i < COUNT(predicates); i++) {
        err_t e = ERR_OK;

        if (m->policy->predicates & 1u << i)
            e = predicates[i].holds(cx, m, facts);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
