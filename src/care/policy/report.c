/*
 * report.c - what `knoop policy check|test|explain` print.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

static void
report_one(struct ctx *cx, const struct policy_source *s, struct json_out *js, size_t *bad)
{
    size_t ran = 0;
    err_t e = policy_check(cx, s, &ran);

    json_object(js);
    json_member(js, "policy", s->name);
    json_member_bool(js, "loads", e == ERR_OK);
    json_member_i64(js, "tests", (int64_t)ran);
    if (e != ERR_OK) {
        json_member_z(js, "code", err_row(e)->name);
        json_member(js, "reason", cx->reason);
        (*bad)++;
    }
    json_end(js);
    refuse_clear(cx);
}

err_t
policy_report(struct ctx *cx, struct str folder, struct json_out *js, size_t *bad)
{
    struct policy_source *list;
    size_t n;
    err_t e;

    *bad = 0;
    if ((e = policy_sources(cx, folder, &list, &n)) != ERR_OK)
        return e;
    json_array(js);
    for (size_t i = 0; i < n; i++)
        report_one(cx, &list[i], js, bad);
    json_end(js);
    return ERR_OK;
}

err_t
policy_try(struct ctx *cx, const struct policy_source *source, struct json_out *js,
           size_t *failed)
{
    struct policy p;
    err_t e;

    *failed = 0;
    if ((e = policy__read(cx, source->name, source->policy, &p)) != ERR_OK)
        return e;
    return policy__try(cx, &p, source->tests, js, failed);
}

static void
explain_match(struct json_out *js, const struct policy_match *m)
{
    json_member(js, "policy", m->policy->name);
    json_member(js, "version", m->policy->version);
    json_member(js, "author", m->policy->author);
    json_member(js, "adopted_by", m->policy->adopted_by);
    json_member(js, "legal_base", m->policy->legal_base);
    json_member(js, "scope", m->scope);
    json_member(js, "rule", m->rule->id);
    json_member(js, "doc", m->rule->doc);
}

err_t
policy_explain(struct ctx *cx, const struct policy_set *set, struct str question,
               struct json_out *js)
{
    struct policy_question q = { 0 };
    struct policy_decision d;
    json *v;
    err_t e;

    if ((e = json_parse(cx, question, JSON_STRICT, &v)) != ERR_OK ||
        (e = policy__question(cx, v, &q)) != ERR_OK ||
        (e = policy_decide(cx, set, &q.request, q.scope, &q.facts, &d)) != ERR_OK)
        return e;
    json_object(js);
    json_member_bool(js, "allow", d.allow);
    if (d.match.policy != NULL)
        explain_match(js, &d.match);
    if (!d.allow) {
        json_member_z(js, "code", err_row(d.code)->name);
        json_member(js, "reason", d.reason);
    }
    /* The interaction, and not the parameters: those may hold a person. */
    json_member_z(js, "interaction", fhir_interaction_name(q.request.interaction));
    json_member(js, "type", q.request.type);
    json_end(js);
    return ERR_OK;
}
