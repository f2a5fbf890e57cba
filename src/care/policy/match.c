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
enum { STAGE_NONE, STAGE_KIND, STAGE_PATIENT, STAGE_PARAMS, STAGE_REQUIRED };

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

/* One place in the request, and only one, says who the patient is. */
static err_t
find_patient(struct ctx *cx, const struct policy_rule *rule, const struct fhir_request *r,
             struct policy_match *m)
{
    size_t found = 0;

    for (size_t i = 0; i < rule->patient_n; i++) {
        const struct policy_source_of_patient *s = &rule->patient[i];
        const struct fhir_arg *p;
        bool well = true;

        if (s->from == POLICY_PATIENT_PARAM || s->from == POLICY_PATIENT_IDENTIFIER) {
            if (fhir_request_count(r, s->param) == 0)
                continue;
            p = fhir_request_single(r, s->param);
            well = p != NULL &&
                   (s->from == POLICY_PATIENT_PARAM ? take_patient_param(s->param, p, m)
                                                    : take_identifier(p, m));
        } else if (s->from == POLICY_PATIENT_PATH) {
            m->patient_id = r->id;
        }
        if (!well)
            return refuse(cx, ERR_POLICY_REQUEST, "spec 2d.6",
                          "parameter '%.*s' does not name one patient", STR(s->param));
        m->patient = s->from;
        found++;
    }
    if (found != 1)
        return refuse(cx, ERR_POLICY_REQUEST, "spec 2d.6", "rule '%.*s': %s", STR(rule->id),
                      found ? "two places name a patient" : "no patient is named");
    return ERR_OK;
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

static err_t
check_param(struct ctx *cx, const struct policy *policy, const struct policy_rule *rule,
            const struct fhir_request *r, const struct fhir_arg *p)
{
    const struct policy_param *want;
    unsigned control = policy__control(p->name);
    size_t most = 1;
    bool well;

    if (is_patient_param(rule, p->name))
        return ERR_OK; /* find_patient judged it */
    if (is_include(p->name)) {
        if (includes_it(rule, p))
            return ERR_OK;
        return refuse(cx, ERR_POLICY_REQUEST, "spec 2d.6",
                      "rule '%.*s' does not bring along that %.*s", STR(rule->id),
                      STR(p->name));
    }
    if (control != 0) {
        well = (policy->controls & control) && policy__control_holds(p);
    } else {
        want = rule_param(rule, p->name);
        well = want != NULL && policy__shape_holds(want, p);
        if (want != NULL && want->shape == SHAPE_DATE)
            most = 2;
    }
    if (!well)
        return refuse(cx, ERR_POLICY_REQUEST, "spec 9.3",
                      "rule '%.*s' does not allow that '%.*s'", STR(rule->id),
                      STR(p->name));
    if (fhir_request_count(r, p->name) > most)
        return refuse(cx, ERR_POLICY_REQUEST, "spec 9.3",
                      "parameter '%.*s' stands there twice", STR(p->name));
    return ERR_OK;
}

static err_t
check_required(struct ctx *cx, const struct policy_rule *rule, const struct fhir_request *r)
{
    size_t includes = 0;

    for (size_t i = 0; i < rule->param_n; i++)
        if (rule->param[i].required && fhir_request_count(r, rule->param[i].name) == 0)
            return refuse(cx, ERR_POLICY_REQUEST, "spec 9.3", "rule '%.*s' demands '%.*s'",
                          STR(rule->id), STR(rule->param[i].name));
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
        return refuse(cx, ERR_POLICY_REQUEST, "spec 2d.6",
                      "rule '%.*s' demands %zu includes", STR(rule->id), rule->include_n);
    return ERR_OK;
}

err_t
policy__fits(struct ctx *cx, const struct policy *p, const struct policy_rule *rule,
             const struct fhir_request *r, struct policy_match *m, int *stage)
{
    err_t e;

    *m = (struct policy_match){ .policy = p, .rule = rule };
    *stage = STAGE_NONE;
    if (rule->interaction != r->interaction || !str_eq(rule->type, r->type) ||
        !str_eq(rule->operation, r->operation))
        return refuse(cx, ERR_POLICY_REQUEST, "spec 9.3", "no rule for %s of '%.*s'%.*s",
                      fhir_interaction_name(r->interaction), STR(r->type),
                      STR(r->operation));
    /* An operation on one instance has a patient of its own: not offered. */
    if (r->interaction == FHIR_OPERATION && r->id.n != 0)
        return refuse(cx, ERR_POLICY_REQUEST, "spec 9.3", "operations on one instance");
    *stage = STAGE_KIND;
    if ((e = find_patient(cx, rule, r, m)) != ERR_OK)
        return e;
    *stage = STAGE_PATIENT;
    for (size_t i = 0; i < r->param_n; i++) {
        if ((e = check_param(cx, p, rule, r, &r->param[i])) != ERR_OK)
            return e;
        *stage = STAGE_PARAMS;
    }
    *stage = STAGE_REQUIRED;
    return check_required(cx, rule, r);
}

/* The first rule that fits; else the reason of the one that came nearest. */
static err_t
first_rule(struct ctx *cx, const struct policy *p, const struct fhir_request *r,
           struct policy_match *m, int *best)
{
    char reason[sizeof(cx->reason_room)] = "";
    const char *clause = "spec 9.3";
    int nearest = -1, stage;

    for (size_t i = 0; i < p->rule_n; i++) {
        if (policy__fits(cx, p, &p->rule[i], r, m, &stage) == ERR_OK) {
            refuse_clear(cx);
            return ERR_OK;
        }
        if (stage > nearest) {
            nearest = stage;
            clause = cx->clause;
            memcpy(reason, cx->reason_room, sizeof(reason));
        }
    }
    *best = nearest;
    return refuse(cx, ERR_POLICY_REQUEST, clause, "%s", reason);
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
    int nearest;
    const char *clause;
    char reason[256];
};

static err_t
try_policy(struct search *s, const struct policy *p, struct str scope)
{
    struct policy_match m;
    int stage = 0;

    s->asked++;
    if (first_rule(s->cx, p, s->r, &m, &stage) != ERR_OK) {
        if (stage > s->nearest) {
            s->nearest = stage;
            s->clause = s->cx->clause;
            memcpy(s->reason, s->cx->reason_room, sizeof(s->reason));
        }
        return ERR_OK;
    }
    m.scope = scope;
    for (size_t i = 0; i < s->n; i++)
        if (s->out[i].policy == p)
            return ERR_OK; /* the scope stood there twice, or by another spelling */
    if (s->n == POLICY_MATCHES_MAX)
        return refuse(s->cx, ERR_POLICY_SCOPE, "spec 2d.9 (10)", "too many scopes fit");
    s->out[s->n++] = m;
    return ERR_OK;
}

err_t
policy_match(struct ctx *cx, const struct policy_set *set, const struct fhir_request *r,
             struct str scopes, const struct str *only, size_t only_n,
             struct policy_match out[POLICY_MATCHES_MAX], size_t *n)
{
    struct search s = { .cx = cx, .r = r, .out = out, .nearest = -1, .clause = "spec 9.3" };
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
    if (s.asked == 0)
        return refuse(cx, ERR_POLICY_SCOPE, "spec 2d.3",
                      "no scope of the token has a policy here");
    if (s.n == 0)
        return refuse(cx, ERR_POLICY_REQUEST, s.clause, "%s", s.reason);
    refuse_clear(cx);
    *n = s.n;
    return ERR_OK;
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
    struct search s = {
        .cx = cx, .r = &q->request, .out = m, .nearest = -1, .clause = "spec 9.3"
    };
    struct str scopes = q->scope;
    err_t e = ERR_OK;

    *out = (struct policy_decision){ 0 };
    while (scopes.n > 0 && e == ERR_OK) {
        struct str scope = str_cut(&scopes, ' ');

        if (has_scope(p, scope))
            e = try_policy(&s, p, scope);
    }
    if (e == ERR_OK && s.asked == 0)
        e = refuse(cx, ERR_POLICY_SCOPE, "spec 2d.3",
                   "no scope of the token has a policy here");
    else if (e == ERR_OK && s.n == 0)
        e = refuse(cx, ERR_POLICY_REQUEST, s.clause, "%s", s.reason);
    if (e == ERR_OK)
        e = judge(cx, m, s.n, &q->facts, out);
    return close_decision(cx, e, out);
}
