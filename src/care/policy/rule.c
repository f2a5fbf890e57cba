/* rule.c - what a rule says to those who carry it out. EUPL-1.2. */
#include "care/policy/policy_int.h"

const struct policy_rule *
policy_rule_at(const struct policy *p, size_t i)
{
    return &p->rule[i];
}

enum fhir_interaction
policy_rule_interaction(const struct policy_rule *r)
{
    return r->interaction;
}

struct str
policy_rule_type(const struct policy_rule *r)
{
    return r->type;
}

struct str
policy_rule_operation(const struct policy_rule *r)
{
    return r->operation;
}

enum audit_event
policy_rule_audit(const struct policy_rule *r)
{
    return r->audit;
}

/* The rule's own first, then those that name the patient. */
struct str
policy_rule_param(const struct policy_rule *r, size_t i)
{
    if (i < r->param_n)
        return r->param[i].name;
    i -= r->param_n;
    return i < r->patient_n ? r->patient[i].param : (struct str){ NULL, 0 };
}

struct str
policy_rule_include(const struct policy_rule *r, size_t i, struct str *kind)
{
    *kind = (struct str){ NULL, 0 };
    if (i >= r->include_n)
        return (struct str){ NULL, 0 };
    *kind = r->include[i].kind;
    return r->include[i].value;
}

bool
policy_rule_requires(const struct policy_rule *r, struct str name)
{
    for (size_t i = 0; i < r->param_n; i++)
        if (str_eq(r->param[i].name, name))
            return r->param[i].required;
    return false;
}

bool
policy_rule_brings(const struct policy_rule *r, struct str type)
{
    for (size_t i = 0; i < r->include_n; i++)
        for (size_t j = 0; j < r->include[i].type_n; j++)
            if (str_eq(r->include[i].type[j], type))
                return true;
    return false;
}

bool
policy_rule_releases_any(const struct policy_rule *r)
{
    return r->releases_any;
}
