/*
 * match.c - does a request fit a rule, and under which scopes?
 *
 * Rule      Every parameter of the request must be one that the rule knows,
 *           and every one that the rule demands must be there: what is not
 *           allowed is refused. All scopes of the token that fit must permit.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include "base/bsn.h"

#include <string.h>

/* How near a rule came, for the reason of a refusal. */
enum stage { STAGE_NONE, STAGE_KIND, STAGE_PATIENT, STAGE_PARAMS, STAGE_REQUIRED };

/*
 * Why a rule does not fit. Most rules do not fit most requests, so this is
 * made into text once, for the one that came nearest.
 */
struct misfit {
    enum stage stage;
    const char *clause, *what; /* "rule 'x' <what> 'name'" */
    struct str rule, name;
};

static bool
misfits(struct misfit *why, enum stage stage, const char *clause, const char *what,
        struct str name)
{
    why->stage = stage;
    why->clause = clause;
    why->what = what;
    why->name = name;
    return false;
}

static bool
is_include(struct str name)
{
    return str_starts(name, S("_include")) || str_starts(name, S("_revinclude"));
}

static const struct policy_param *
rule_param(const struct policy_rule *rule, struct str name)
{
    for (size_t i = 0; i < rule->param_n; i++)
        if (str_eq(rule->param[i].name, name))
            return &rule->param[i];
    return NULL;
}

/* Patient/<id>; a bare id where the parameter can mean nothing but a patient. */
static bool
patient_value(struct str name, struct str v, struct str *id)
{
    if (str_starts(v, S("Patient/")))
        *id = str_sub(v, 8, v.n);
    else if (str_is(name, "patient"))
        *id = v;
    else
        return false;
    return fhir_id_valid(*id);
}

static bool
take_patient_param(struct str name, const struct fhir_arg *p, struct policy_match *m)
{
    if (p->any_n != 1)
        return false;
    if (!str_is(name, "_id"))
        return patient_value(name, p->value, &m->patient_id);
    m->patient_id = p->value;
    return fhir_id_valid(p->value);
}

static bool
take_identifier(const struct fhir_arg *p, struct policy_match *m)
{
    struct str prefix = S(BSN_SYSTEM "|");
    struct bsn bsn;

    if (p->any_n != 1 || !str_starts(p->value, prefix))
        return false;
    m->patient_bsn = str_sub(p->value, prefix.n, p->value.n);
    return m->patient_bsn.n == 9 && bsn_parse(m->patient_bsn, &bsn);
}

static bool
take_source(const struct policy_source_of_patient *s, const struct fhir_request *r,
            struct policy_match *m, bool *found)
{
    const struct fhir_arg *p;

    *found = true;
    if (s->from == POLICY_PATIENT_PATH)
        m->patient_id = r->id;
    if (s->from != POLICY_PATIENT_PARAM && s->from != POLICY_PATIENT_IDENTIFIER)
        return true;
    *found = fhir_request_count(r, s->param) > 0;
    if (!*found)
        return true;
    if ((p = fhir_request_single(r, s->param)) == NULL)
        return false;
    return s->from == POLICY_PATIENT_PARAM ? take_patient_param(s->param, p, m)
                                           : take_identifier(p, m);
}

/* One place in the request, and only one, says who the patient is. */
static bool
find_patient(const struct policy_rule *rule, const struct fhir_request *r,
             struct policy_match *m, struct misfit *why)
{
    size_t found = 0;
    bool here;

    for (size_t i = 0; i < rule->patient_n; i++) {
        const struct policy_source_of_patient *s = &rule->patient[i];

        if (!take_source(s, r, m, &here))
            return misfits(why, STAGE_KIND, "spec 2d.6", "wants one patient in", s->param);
        if (here) {
            m->patient = s->from;
            found++;
        }
    }
    if (found != 1)
        return misfits(why, STAGE_KIND, "spec 2d.6",
                       found ? "has two places for a patient, the first"
                             : "wants a patient in",
                       rule->patient[0].param);
    return true;
}

static bool
is_patient_param(const struct policy_rule *rule, struct str name)
{
    for (size_t i = 0; i < rule->patient_n; i++)
        if (rule->patient[i].param.n != 0 && str_eq(rule->patient[i].param, name))
            return true;
    return false;
}

static bool
includes_it(const struct policy_rule *rule, const struct fhir_arg *p)
{
    for (size_t i = 0; i < rule->include_n; i++)
        if (str_eq(rule->include[i].kind, p->name) &&
            str_eq(rule->include[i].value, p->value))
            return true;
    return false;
}

static bool
check_param(const struct policy *policy, const struct policy_rule *rule,
            const struct fhir_request *r, const struct fhir_arg *p, struct misfit *why)
{
    const struct policy_param *want;
    unsigned control;
    size_t most = 1;
    bool well;

    if (is_patient_param(rule, p->name))
        return true; /* find_patient judged it */
    if (is_include(p->name))
        return includes_it(rule, p) ||
               misfits(why, STAGE_PARAMS, "spec 2d.6", "does not bring that", p->name);
    if ((control = policy__control(p->name)) != 0) {
        well = (policy->controls & control) && policy__control_holds(p);
    } else {
        want = rule_param(rule, p->name);
        well = want != NULL && policy__shape_holds(want, p);
        if (want != NULL && want->shape == SHAPE_DATE)
            most = 2;
    }
    if (!well)
        return misfits(why, STAGE_PARAMS, "spec 9.3", "does not allow that", p->name);
    if (fhir_request_count(r, p->name) > most)
        return misfits(why, STAGE_PARAMS, "spec 9.3", "wants once", p->name);
    return true;
}

static bool
check_required(const struct policy_rule *rule, const struct fhir_request *r,
               struct misfit *why)
{
    size_t includes = 0;

    for (size_t i = 0; i < rule->param_n; i++)
        if (rule->param[i].required && fhir_request_count(r, rule->param[i].name) == 0)
            return misfits(why, STAGE_REQUIRED, "spec 9.3", "demands", rule->param[i].name);
    /* Each was one of the rule's, so as many different ones is all of them. */
    for (size_t i = 0; i < r->param_n; i++) {
        const struct fhir_arg *p = &r->param[i];

        if (!is_include(p->name))
            continue;
        if (i > 0 && str_eq(p[-1].name, p->name) && str_eq(p[-1].value, p->value))
            continue;
        includes++;
    }
    if (includes != rule->include_n)
        return misfits(why, STAGE_REQUIRED, "spec 2d.6", "demands all of its",
                       S("_include"));
    return true;
}

/* An operation on one instance has a patient of its own: no rule says whose. */
static bool
same_kind(const struct policy_rule *rule, const struct fhir_request *r)
{
    return rule->interaction == r->interaction && str_eq(rule->type, r->type) &&
           str_eq(rule->operation, r->operation) &&
           (r->interaction != FHIR_OPERATION || r->id.n == 0);
}

static bool
fits(const struct policy *p, const struct policy_rule *rule, const struct fhir_request *r,
     struct policy_match *m, struct misfit *why)
{
    *m = (struct policy_match){ .policy = p, .rule = rule };
    *why = (struct misfit){ .rule = rule->id };
    if (!same_kind(rule, r))
        return misfits(why, STAGE_NONE, "spec 9.3", "is for another interaction than",
                       r->operation.n != 0 ? r->operation : r->type);
    if (!find_patient(rule, r, m, why))
        return false;
    for (size_t i = 0; i < r->param_n; i++)
        if (!check_param(p, rule, r, &r->param[i], why))
            return false;
    return check_required(rule, r, why);
}

/* The first rule that fits; else `nearest` is told of the one that came nearest. */
static bool
first_rule(const struct policy *p, const struct fhir_request *r, struct policy_match *m,
           struct misfit *nearest)
{
    struct misfit why;

    for (size_t i = 0; i < p->rule_n; i++) {
        if (fits(p, &p->rule[i], r, m, &why))
            return true;
        if (nearest->what == NULL || why.stage > nearest->stage)
            *nearest = why;
    }
    return false;
}

static bool
has_scope(const struct policy *p, struct str scope)
{
    for (size_t i = 0; i < p->scope_n; i++)
        if (str_eq(p->scope[i], scope))
            return true;
    return false;
}

static bool
adopted(const struct policy *p, const struct str *only, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(p->name, only[i]))
            return true;
    return n == 0;
}

bool
policy_in_force(const struct policy *p, int64_t now_ms)
{
    return p->from_ms <= now_ms && now_ms < p->until_ms;
}

struct search {
    struct ctx *cx;
    const struct fhir_request *r;
    struct policy_match *out;
    size_t n;
    size_t asked; /* policies whose scope the token has */
    struct misfit nearest;
};

static err_t
try_policy(struct search *s, const struct policy *p, struct str scope)
{
    struct policy_match m;

    s->asked++;
    if (!first_rule(p, s->r, &m, &s->nearest))
        return ERR_OK;
    m.scope = scope;
    for (size_t i = 0; i < s->n; i++)
        if (s->out[i].policy == p)
            return ERR_OK; /* the scope stood there twice, or by another spelling */
    if (s->n == POLICY_MATCHES_MAX)
        return refuse(s->cx, ERR_POLICY_SCOPE, "spec 2d.9 (10)", "too many scopes fit");
    s->out[s->n++] = m;
    return ERR_OK;
}

static err_t
close_search(struct search *s)
{
    const struct misfit *why = &s->nearest;

    if (s->asked == 0)
        return refuse(s->cx, ERR_POLICY_SCOPE, "spec 2d.3",
                      "no scope of the token has a policy here");
    if (s->n == 0)
        return refuse(s->cx, ERR_POLICY_REQUEST, why->clause, "rule '%.*s' %s '%.*s'",
                      STR(why->rule), why->what, STR(why->name));
    return ERR_OK;
}

err_t
policy_match(struct ctx *cx, const struct policy_set *set, const struct fhir_request *r,
             struct str scopes, const struct str *only, size_t only_n,
             struct policy_match out[POLICY_MATCHES_MAX], size_t *n)
{
    struct search s = { .cx = cx, .r = r, .out = out };
    err_t e;

    *n = 0;
    while (scopes.n > 0) {
        struct str scope = str_cut(&scopes, ' ');

        for (size_t i = 0; scope.n > 0 && i < policy_count(set); i++) {
            const struct policy *p = policy_at(set, i);

            if (!has_scope(p, scope) || !adopted(p, only, only_n) ||
                !policy_in_force(p, cx->now_ms))
                continue;
            if ((e = try_policy(&s, p, scope)) != ERR_OK)
                return e;
        }
    }
    if ((e = close_search(&s)) == ERR_OK)
        *n = s.n;
    return e;
}

err_t
policy_conditions(struct ctx *cx, const struct policy_match *m,
                  const struct policy_facts *facts)
{
    const struct policy_rule *rule = m->rule;

    if (m->policy->user_required && facts->user_id.n == 0)
        return refuse(cx, ERR_POLICY_USER, "spec 9.3",
                      "policy '%.*s' demands a proven user", STR(m->policy->name));
    if (rule->role_n > 0) {
        size_t i = 0;

        while (i < rule->role_n && !str_eq(rule->role[i], facts->user_role))
            i++;
        if (i == rule->role_n)
            return refuse(cx, ERR_POLICY_USER, "mission 102",
                          "rule '%.*s' is for users of another role", STR(rule->id));
    }
    return policy__predicates_hold(cx, m, facts);
}

/* Every match must hold; the first names the decision. */
static err_t
judge(struct ctx *cx, const struct policy_match *m, size_t n,
      const struct policy_facts *facts, struct policy_decision *out)
{
    err_t e;

    out->match = m[0];
    for (size_t i = 0; i < n; i++) {
        if ((e = policy_conditions(cx, &m[i], facts)) != ERR_OK)
            return e;
        if (m[i].policy->ground != POLICY_GROUND_NEEDLESS && !facts->ground_found)
            return refuse(cx, ERR_GROUND, "mission 3", "no live ground for scope '%.*s'",
                          STR(m[i].policy->ground_scope));
    }
    return ERR_OK;
}

/* A denial is an answer here, not an error; only our own troubles are. */
static err_t
close_decision(struct ctx *cx, err_t e, struct policy_decision *out)
{
    out->allow = e == ERR_OK;
    out->code = e;
    if (e == ERR_OK)
        return ERR_OK;
    if (e == ERR_NO_MEMORY || e == ERR_TOO_LARGE || e == ERR_INTERNAL)
        return e;
    out->reason = arena_str(cx->arena, cx->reason);
    refuse_clear(cx);
    return out->reason.p == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
policy_decide(struct ctx *cx, const struct policy_set *set, const struct fhir_request *r,
              struct str scopes, const struct policy_facts *facts,
              struct policy_decision *out)
{
    struct policy_match m[POLICY_MATCHES_MAX];
    size_t n;
    err_t e;

    *out = (struct policy_decision){ 0 };
    e = policy_match(cx, set, r, scopes, NULL, 0, m, &n);
    if (e == ERR_OK)
        e = judge(cx, m, n, facts, out);
    return close_decision(cx, e, out);
}

err_t
policy__judge_one(struct ctx *cx, const struct policy *p, const struct policy_question *q,
                  struct policy_decision *out)
{
    struct policy_match m[POLICY_MATCHES_MAX];
    struct search s = { .cx = cx, .r = &q->request, .out = m };
    struct str scopes = q->scope;
    err_t e = ERR_OK;

    *out = (struct policy_decision){ 0 };
    while (scopes.n > 0 && e == ERR_OK) {
        struct str scope = str_cut(&scopes, ' ');

        if (has_scope(p, scope))
            e = try_policy(&s, p, scope);
    }
    if (e == ERR_OK && (e = close_search(&s)) == ERR_OK)
        e = judge(cx, m, s.n, &q->facts, out);
    return close_decision(cx, e, out);
}
