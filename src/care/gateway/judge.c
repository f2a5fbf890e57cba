/*
 * judge.c - the decision, in the order of spec 9.2.
 *
 *   tenant -> token -> meaning -> policies -> patient -> conditions -> grounds
 *
 * Rule      Deny until everything is known. Every scope of the token that fits
 *           must permit (spec 2d.9, hole 10). What would tell whether a record
 *           exists is refused in the same words, whether it exists or not.
 * Trust     Nothing of the call. The upstream is asked for what only it knows:
 *           which number an id stands for, and whose a resource is.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include <string.h>

#include "sys/conf/conf.h"

#define RULE "spec 9.2"

struct judging {
    struct ctx *cx;
    struct gateway *gw;
    const struct gateway_call *call;
    struct audit_record *audit;
    struct gateway_plan *plan;
    struct gateway_judged *j;
    struct policy_match m[POLICY_MATCHES_MAX];
    size_t n;
    struct str body_text; /* POLICY_PATIENT_BODY: the resource, held */
    const json *body;
};

/* --- what the audit is told -------------------------------------------------- */

/* A Patient's id stands for a person: the type alone is told. */
static err_t
tell_request(struct judging *g)
{
    const struct fhir_request *r = &g->j->request;

    g->audit->what =
        arena_join(g->cx->arena, str_of(fhir_interaction_name(r->interaction)), S(" "),
                   r->type, r->operation.n ? S("/") : S(""), r->operation);
    if (r->id.n != 0 && !str_is(r->type, "Patient"))
        g->audit->entity = arena_join(g->cx->arena, r->type, S("/"), r->id);
    return g->audit->what.p == NULL ? refuse_memory(g->cx) : ERR_OK;
}

static void
tell_caller(struct judging *g)
{
    const struct gateway_token *t = &g->j->token;

    g->audit->event = AUDIT_UNDECIDED; /* known from here on: each refusal is one event */
    g->audit->who = t->did.n != 0 ? t->did : t->client_id;
    g->audit->who_name = t->name;
    g->audit->person = t->user_id;
    g->audit->role = t->user_role;
}

/* mission 37: each permit names the policy and the organisation that adopted it. */
static err_t
tell_policy(struct judging *g)
{
    const struct policy *p = g->m[0].policy;
    struct str adopted = str_is(p->adopted_by, "custodian") ? g->j->tenant : p->adopted_by;

    g->audit->policy = p->name;
    g->audit->purpose = g->m[0].scope;
    g->audit->policy_version =
        arena_join(g->cx->arena, p->version, S(", adopted by "), adopted);
    return g->audit->policy_version.p == NULL ? refuse_memory(g->cx) : ERR_OK;
}

/* --- what is asked --------------------------------------------------------------- */

static bool
is_page(const struct gateway_call *call)
{
    return str_is(call->path, "/_page");
}

/* The page continues this request; the request is judged anew. */
static err_t
read_page(struct judging *g)
{
    struct gateway_page page;
    err_t e;

    if (g->call->method != HTTP_GET)
        return refuse(g->cx, ERR_METHOD, "FHIR R4 3.1.1.3", "pages are read with GET");
    e = gateway__page_open(g->cx, g->gw, g->call->tenant, g->j->token_hash, g->call->query,
                           &page);
    if (e != ERR_OK)
        return e;
    g->j->next = page.next;
    e = fhir_request_parse(g->cx, page.method, page.path, page.query,
                           page.method == HTTP_POST ? S("application/x-www-form-urlencoded")
                                                    : S(""),
                           bytes_of(page.form), &g->j->request);
    if (e != ERR_OK)
        return e;
    g->audit->policy = page.policy;
    g->audit->policy_version = page.version;
    return ERR_OK;
}

static err_t
read_request(struct judging *g)
{
    if (g->call->if_none_exist.n != 0)
        return refuse(g->cx, ERR_FHIR_REQUEST, "FHIR R4 3.1.0.7",
                      "If-None-Exist is a search that no policy judges");
    if (is_page(g->call))
        return read_page(g);
    return fhir_request_parse(g->cx, g->call->method, g->call->path, g->call->query,
                              g->call->type, g->call->body, &g->j->request);
}

/* --- under which policies ----------------------------------------------------------- */

/* A page goes on under the policy that it began under, or not at all. */
static err_t
check_page_policy(struct judging *g)
{
    const struct policy *p = g->m[0].policy;

    if (g->j->next.n == 0 ||
        (str_eq(g->audit->policy, p->name) && str_eq(g->audit->policy_version, p->version)))
        return ERR_OK;
    return refuse(g->cx, ERR_GONE, "FHIR R4 3.1.1.3",
                  "the policy has changed; search again");
}

static err_t
find_policies(struct judging *g, const struct policy_set *set)
{
    struct str *only;
    size_t only_n;
    err_t e;

    if ((e = gateway__adopted(g->cx, g->call->tenant, &only, &only_n)) != ERR_OK ||
        (e = policy_match(g->cx, set, &g->j->request, g->j->token.scope, only, only_n, g->m,
                          &g->n)) != ERR_OK)
        return e;
    for (size_t i = 1; i < g->n; i++)
        if (g->m[i].patient != g->m[0].patient ||
            !str_eq(g->m[i].patient_id, g->m[0].patient_id) ||
            !str_eq(g->m[i].patient_bsn, g->m[0].patient_bsn))
            return refuse(g->cx, ERR_POLICY_SCOPE, "spec 2d.9 (10)",
                          "the token's scopes find the patient in different places");
    g->j->match = g->m[0];
    if ((e = check_page_policy(g)) != ERR_OK)
        return e;
    return tell_policy(g);
}

/* --- whose record ------------------------------------------------------------------- */

static err_t
resolve_body(struct judging *g)
{
    struct gateway_judged *j = g->j;
    struct str url, id;
    json *body;
    err_t e;

    url = arena_join(g->cx->arena, j->upstream, S("/"), j->request.wire_path);
    if (url.p == NULL)
        return refuse_memory(g->cx);
    if ((e = gateway__get(g->cx, g->gw, url, &g->body_text, &body)) != ERR_OK)
        return e;
    g->body = body;
    if (body == NULL)
        return refuse(g->cx, ERR_NOT_FOUND, RULE, "the upstream has no such resource");
    if (!str_eq(json_get_text(body, "resourceType"), j->request.type) ||
        !str_eq(json_get_text(body, "id"), j->request.id))
        return refuse(g->cx, ERR_UPSTREAM, RULE, "the upstream gave another resource");
    if ((e = gateway__subject(g->cx, body, j->upstream, &id)) != ERR_OK)
        return e;
    return gateway__patient_by_id(g->cx, g->gw, j->tenant, j->upstream, id, &j->patient);
}

static err_t
resolve(struct judging *g)
{
    struct gateway_judged *j = g->j;
    err_t e = ERR_OK;

    switch (j->match.patient) {
    case POLICY_PATIENT_PATH:
    case POLICY_PATIENT_PARAM:
        e = gateway__patient_by_id(g->cx, g->gw, j->tenant, j->upstream,
                                   j->match.patient_id, &j->patient);
        break;
    case POLICY_PATIENT_IDENTIFIER:
        e = gateway__patient_by_number(g->cx, g->gw, j->match.patient_bsn, &j->patient);
        break;
    case POLICY_PATIENT_BODY: e = resolve_body(g); break;
    case POLICY_PATIENT_ABSENT: break;
    case POLICY_PATIENT_UNDECIDED:
        e = refuse(g->cx, ERR_INTERNAL, RULE,
                   "a rule without a decision about the patient");
        break;
    }
    g->audit->patient = j->patient.sealed;
    g->audit->patient_mac = j->patient.mac;
    return e;
}

/* --- on what conditions, and what ground -------------------------------------------- */

/* The enrolment that the token claims, in the form that the patient has: hashed. */
static err_t
find_enrolled(struct judging *g, struct str *mac)
{
    struct str prefix = S(BSN_SYSTEM "|"), claim = g->j->token.enrolled;
    struct gateway_patient p;
    err_t e;

    *mac = (struct str){ NULL, 0 };
    if (!str_starts(claim, prefix))
        return ERR_OK;
    e = gateway__patient_by_number(g->cx, g->gw, str_sub(claim, prefix.n, claim.n), &p);
    if (e == ERR_GROUND) { /* no number: no enrolment */
        refuse_clear(g->cx);
        return ERR_OK;
    }
    *mac = p.mac;
    return e;
}

static err_t
check_conditions(struct judging *g)
{
    struct policy_facts facts = { .user_id = g->j->token.user_id,
                                  .user_role = g->j->token.user_role,
                                  .patient = g->j->patient.mac };
    unsigned predicates = 0;
    err_t e = ERR_OK;

    for (size_t i = 0; i < g->n; i++)
        predicates |= g->m[i].policy->predicates;
    if (predicates != 0 && (e = find_enrolled(g, &facts.enrolled)) != ERR_OK)
        return e;
    for (size_t i = 0; i < g->n && e == ERR_OK; i++)
        e = policy_conditions(g->cx, &g->m[i], &facts);
    return e;
}

static err_t
find_ground(struct judging *g, const struct policy *p, struct ground *out)
{
    const struct gateway_judged *j = g->j;
    struct str asker[] = { j->token.organisation, j->token.did };
    struct ground_question q = { j->tenant, j->patient.mac, p->ground_scope,
                                 asker,     COUNT(asker),   p->ground_kinds };

    return g->gw->ports.ground_find(g->cx, &q, out);
}

static err_t
check_grounds(struct judging *g)
{
    struct ground other;
    err_t e = ERR_OK;

    for (size_t i = 0; i < g->n && e == ERR_OK; i++)
        if (g->m[i].policy->ground != POLICY_GROUND_NEEDLESS)
            e = find_ground(g, g->m[i].policy, i == 0 ? &g->j->ground : &other);
    g->audit->ground = g->j->ground.id;
    return e;
}

/*
 * A resource that is somebody else's and one that is not there look alike to
 * the caller; the audit has the reason.
 */
static err_t
hide_existence(struct judging *g, err_t e)
{
    struct str reason;

    if (g->j->match.patient != POLICY_PATIENT_BODY ||
        (e != ERR_GROUND && e != ERR_POLICY_PREDICATE))
        return e;
    reason = arena_str(g->cx->arena, g->cx->reason);
    return refuse(g->cx, ERR_NOT_FOUND, RULE, "%.*s", STR(reason));
}

static err_t
judge(struct judging *g)
{
    err_t e;

    if ((e = resolve(g)) != ERR_OK || (e = check_conditions(g)) != ERR_OK ||
        (e = check_grounds(g)) != ERR_OK)
        return hide_existence(g, e);
    g->audit->event = policy_rule_audit(g->j->match.rule);
    return ERR_OK;
}

/* --- what goes out ------------------------------------------------------------------ */

static void
add_header(struct gateway_plan *plan, struct str header)
{
    plan->header[plan->header_n++] = header;
}

/* Only what is written here goes out: no token, proof, cookie or address of the caller. */
static err_t
plan_upstream(struct judging *g)
{
    const struct gateway_judged *j = g->j;
    const struct fhir_request *r = &j->request;
    struct gateway_plan *plan = g->plan;

    plan->method = r->wire_method;
    plan->repeatable = /* FHIR R4 3.1.0.3: a search by POST changes nothing either */
        r->interaction == FHIR_SEARCH_TYPE || r->interaction == FHIR_SEARCH_SYSTEM;
    add_header(plan, S("Accept: application/fhir+json"));
    if (j->next.n != 0) {
        plan->method = HTTP_GET;
        plan->url = arena_join(g->cx->arena, j->upstream, j->next);
    } else {
        plan->url = arena_join(g->cx->arena, j->upstream, S("/"), r->wire_path,
                               r->wire_query.n ? S("?") : S(""), r->wire_query);
        plan->body = r->wire_body;
        add_header(plan,
                   S("Prefer: handling=strict")); /* what is not known narrows nothing */
        if (r->wire_type.n != 0)
            add_header(plan, arena_join(g->cx->arena, S("Content-Type: "), r->wire_type));
    }
    if (plan->url.p == NULL || plan->header[plan->header_n - 1].p == NULL)
        return refuse_memory(g->cx);
    plan->way =
        j->match.patient == POLICY_PATIENT_PATH && r->interaction == FHIR_READ && !r->head
            ? GATEWAY_STREAM
            : GATEWAY_HOLD;
    return ERR_OK;
}

static err_t
plan_answer(struct judging *g)
{
    if (g->j->match.patient != POLICY_PATIENT_BODY)
        return plan_upstream(g);
    g->plan->way = GATEWAY_REPLY;
    return gateway__release(g->cx, g->gw, g->j, bytes_of(g->body_text), &g->plan->reply);
}

static err_t
judge_with(struct judging *g, const struct policy_set *set)
{
    err_t e;

    if ((e = read_request(g)) != ERR_OK || (e = tell_request(g)) != ERR_OK ||
        (e = find_policies(g, set)) != ERR_OK || (e = judge(g)) != ERR_OK)
        return e;
    return plan_answer(g);
}

err_t
gateway__judge(struct ctx *cx, struct gateway *gw, const struct gateway_call *call,
               struct audit_record *audit, struct gateway_plan *plan)
{
    struct judging g = { .cx = cx, .gw = gw, .call = call, .audit = audit, .plan = plan };
    struct gateway_caller fresh = { 0 }, *who = call->caller ? call->caller : &fresh;
    struct policy_set *set;
    err_t e;

    *plan = (struct gateway_plan){ 0 };
    if ((g.j = arena_new(cx->arena, struct gateway_judged)) == NULL)
        return refuse_memory(cx);
    plan->judged = g.j;
    g.j->tenant = call->tenant;
    audit->custodian = call->tenant;
    audit->event =
        AUDIT_UNAUTHENTICATED; /* until the caller is known: counted, not logged */
    audit->what = S("fhir");
    if ((e = gateway__upstream(cx, call->tenant, &g.j->upstream)) != ERR_OK ||
        (e = gateway__public_url(cx, call->tenant, &g.j->public_url)) != ERR_OK ||
        (e = gateway__authenticate(cx, gw, call, who, &plan->challenge)) != ERR_OK)
        return e;
    g.j->token = who->token;
    memcpy(g.j->token_hash, who->token_hash, TOKEN_HASH);
    tell_caller(&g);
    if ((set = gw->ports.policies(cx)) == NULL)
        return refuse(cx, ERR_POLICY_SCOPE, RULE, "there are no policies here");
    e = judge_with(&g, set);
    policy_set_give(set);
    return e;
}
