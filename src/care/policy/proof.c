/*
 * proof.c - a policy's own tests, run before it is believed.
 *
 * Rule      mission 101: a policy without tests is refused on load. Each rule
 *           is permitted by a test, and something is denied; a case says which
 *           rule permits it, or by which code it is denied.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include <string.h>

#define RULE "mission 101"

static err_t
read_facts(struct ctx *cx, const json *v, struct policy_facts *out)
{
    static const char *const known[] = { "user_id", "user_role", "patient", "enrolled",
                                         "ground" };
    err_t e;

    *out = (struct policy_facts){ 0 };
    if (v == NULL)
        return ERR_OK;
    if ((e = policy__members(cx, v, S("facts"), known, COUNT(known))) != ERR_OK)
        return e;
    out->user_id = json_get_text(v, "user_id");
    out->user_role = json_get_text(v, "user_role");
    out->patient = json_get_text(v, "patient");
    out->enrolled = json_get_text(v, "enrolled");
    if (json_get(v, "ground") != NULL &&
        !json_bool(json_get(v, "ground"), &out->ground_found))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'ground' is true or false");
    return ERR_OK;
}

static enum http_method
method_of(struct str name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = { { "GET", HTTP_GET },        { "HEAD", HTTP_HEAD },
                    { "POST", HTTP_POST },      { "PUT", HTTP_PUT },
                    { "PATCH", HTTP_PATCH },    { "DELETE", HTTP_DELETE },
                    { "OPTIONS", HTTP_OPTIONS } };

    for (size_t i = 0; i < COUNT(methods); i++)
        if (str_is(name, methods[i].name))
            return methods[i].method;
    return HTTP_METHOD_NONE;
}

/* Absent facts stay as the caller set them. */
err_t
policy__question(struct ctx *cx, const json *v, struct policy_question *out)
{
    struct str type = json_get_text(v, "type"), body = json_get_text(v, "body");
    enum http_method method = method_of(json_get_text(v, "method"));
    err_t e;

    out->scope = json_get_text(v, "scope");
    if (method == HTTP_METHOD_NONE)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'method' is no method");
    if (json_get(v, "facts") != NULL &&
        (e = read_facts(cx, json_get(v, "facts"), &out->facts)) != ERR_OK)
        return e;
    if (body.n > 0 && type.n == 0)
        type = S("application/x-www-form-urlencoded");
    return fhir_request_parse(cx, method, json_get_text(v, "path"),
                              json_get_text(v, "query"), type, bytes_of(body),
                              &out->request);
}

struct proof {
    const struct policy *policy;
    struct policy_facts given;
    bool *permitted; /* per rule */
    bool denied;
};

static err_t
decide(struct ctx *cx, struct proof *pr, const json *v, struct policy_decision *d)
{
    struct policy_question q = { .facts = pr->given };
    err_t e = policy__question(cx, v, &q);

    *d = (struct policy_decision){ .code = e };
    if (e == ERR_POLICY_INVALID || e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
        return e;
    if (e != ERR_OK) {
        refuse_clear(cx); /* the request had no meaning, and that is an answer */
        return ERR_OK;
    }
    if (q.scope.n == 0)
        q.scope = pr->policy->scope[0];
    return policy__judge_one(cx, pr->policy, &q, d);
}

static err_t
run_case(struct ctx *cx, struct proof *pr, const json *v)
{
    static const char *const known[] = { "name",  "method", "path",  "query",
                                         "type",  "body",   "scope", "facts",
                                         "allow", "rule",   "code" };
    struct str name = json_get_text(v, "name");
    struct policy_decision d;
    bool allow;
    err_t e;

    if ((e = policy__members(cx, v, S("a test"), known, COUNT(known))) != ERR_OK)
        return e;
    if (name.n == 0 || !json_bool(json_get(v, "allow"), &allow) ||
        json_get_text(v, allow ? "rule" : "code").n == 0 ||
        json_get(v, allow ? "code" : "rule"))
        return refuse(
            cx, ERR_POLICY_INVALID, RULE,
            "test '%.*s' must say allow: true with rule, or allow: false with code",
            STR(name));
    if ((e = decide(cx, pr, v, &d)) != ERR_OK)
        return e;
    if (d.allow != allow)
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "test '%.*s' fails: it was %s (%s: %.*s)", STR(name),
                      d.allow ? "allowed" : "denied", err_row(d.code)->name, STR(d.reason));
    if (!allow) {
        pr->denied = true;
        if (!str_is(json_get_text(v, "code"), err_row(d.code)->name))
            return refuse(cx, ERR_POLICY_INVALID, RULE, "test '%.*s' fails: denied by %s",
                          STR(name), err_row(d.code)->name);
        return ERR_OK;
    }
    if (!str_eq(json_get_text(v, "rule"), d.match.rule->id))
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "test '%.*s' fails: allowed by rule '%.*s'", STR(name),
                      STR(d.match.rule->id));
    pr->permitted[d.match.rule - pr->policy->rule] = true;
    return ERR_OK;
}

/* tests.json, taken apart. */
static err_t
read_tests(struct ctx *cx, struct str tests, struct proof *pr, json **cases)
{
    static const char *const known[] = { "given", "cases" };
    json *v;
    err_t e;

    if (tests.n == 0)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "it has no tests");
    if ((e = json_parse(cx, tests, JSON_STRICT, &v)) != ERR_OK ||
        (e = policy__members(cx, v, S("tests.json"), known, COUNT(known))) != ERR_OK ||
        (e = read_facts(cx, json_get(v, "given"), &pr->given)) != ERR_OK)
        return e;
    *cases = json_get(v, "cases");
    if (json_type(*cases) != JSON_ARRAY)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'cases' is a list");
    pr->permitted = arena_array(cx->arena, pr->policy->rule_n, sizeof(bool));
    return pr->permitted == NULL ? refuse_memory(cx) : ERR_OK;
}

/* Each rule is permitted by a test, and something is denied. */
static err_t
check_whole(struct ctx *cx, const struct proof *pr)
{
    const struct policy *p = pr->policy;

    for (size_t i = 0; i < p->rule_n; i++)
        if (!pr->permitted[i])
            return refuse(cx, ERR_POLICY_INVALID, RULE, "no test is allowed by rule '%.*s'",
                          STR(p->rule[i].id));
    if (!pr->denied)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "no test is denied");
    return ERR_OK;
}

err_t
policy__prove(struct ctx *cx, const struct policy *p, struct str tests, size_t *ran)
{
    struct proof pr = { .policy = p };
    json *cases;
    err_t e = read_tests(cx, tests, &pr, &cases);

    *ran = 0;
    if (e != ERR_OK)
        return e;
    for (json_each(it, cases)) {
        if ((e = run_case(cx, &pr, it.value)) != ERR_OK)
            return e;
        (*ran)++;
    }
    return check_whole(cx, &pr);
}

static void
put_outcome(struct ctx *cx, struct json_out *js, struct str test, err_t e)
{
    json_object(js);
    json_member(js, "test", test);
    json_member_bool(js, "passes", e == ERR_OK);
    if (e != ERR_OK)
        json_member(js, "reason", cx->reason);
    json_end(js);
    refuse_clear(cx);
}

err_t
policy__try(struct ctx *cx, const struct policy *p, struct str tests, struct json_out *js,
            size_t *failed)
{
    struct proof pr = { .policy = p };
    json *cases;
    err_t e = read_tests(cx, tests, &pr, &cases);

    *failed = 0;
    if (e != ERR_OK)
        return e;
    json_array(js);
    for (json_each(it, cases)) {
        e = run_case(cx, &pr, it.value);
        *failed += e != ERR_OK;
        put_outcome(cx, js, json_get_text(it.value, "name"), e);
    }
    if (*failed == 0 && (e = check_whole(cx, &pr)) != ERR_OK) {
        *failed = 1;
        put_outcome(cx, js, S("the whole"), e);
    }
    json_end(js);
    return ERR_OK;
}
