/*
 * capability.c - what may be asked here at all: the policies, as FHIR tells it.
 *
 * Rule      FHIR R4 3.1.0.9 (capabilities). Made from the policies in force
 *           that the tenant adopted, and from nothing else: what the server
 *           behind us could do more is nobody's business.
 * Trust     Public; it holds no person and no inner address.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include <stdlib.h>
#include "base/time.h"
#include "codec/fhir/fhir.h"

struct gathering {
    const struct policy_rule **rule; /* sorted by type */
    size_t n;
};

static int
by_type(const void *a, const void *b)
{
    const struct policy_rule *const *x = a, *const *y = b;

    return str_cmp(policy_rule_type(*x), policy_rule_type(*y));
}

static bool
adopted(struct str name, const struct str *only, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, only[i]))
            return true;
    return n == 0;
}

static err_t
gather(struct ctx *cx, const struct policy_set *set, struct str tenant, struct gathering *g)
{
    struct str *only;
    size_t only_n, room = 1;
    err_t e = gateway__adopted(cx, tenant, &only, &only_n);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < policy_count(set); i++)
        room += policy_at(set, i)->rule_n;
    *g = (struct gathering){ .rule = arena_array(cx->arena, room, sizeof(*g->rule)) };
    if (g->rule == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < policy_count(set); i++) {
        const struct policy *p = policy_at(set, i);

        if (!policy_in_force(p, cx->now_ms) || !adopted(p->name, only, only_n))
            continue;
        for (size_t k = 0; k < p->rule_n; k++)
            g->rule[g->n++] = policy_rule_at(p, k);
    }
    qsort(g->rule, g->n, sizeof(*g->rule), by_type);
    return ERR_OK;
}

static struct str
interaction_name(const struct policy_rule *r)
{
    return str_of(fhir_interaction_name(policy_rule_interaction(r)));
}

/* The k-th name of a kind that a rule gives; empty at the end. */
typedef struct str (*namer)(const struct policy_rule *r, size_t k);

static struct str
name_interaction(const struct policy_rule *r, size_t k)
{
    bool is_operation = policy_rule_interaction(r) == FHIR_OPERATION;

    return k == 0 && !is_operation ? interaction_name(r) : (struct str){ NULL, 0 };
}

static struct str
name_param(const struct policy_rule *r, size_t k)
{
    return policy_rule_interaction(r) == FHIR_SEARCH_TYPE ? policy_rule_param(r, k)
                                                          : (struct str){ NULL, 0 };
}

static struct str
name_operation(const struct policy_rule *r, size_t k)
{
    struct str s = k == 0 ? policy_rule_operation(r) : (struct str){ NULL, 0 };

    return str_sub(s, 1, s.n); /* without '$' */
}

static struct str
name_include(const struct policy_rule *r, size_t k)
{
    struct str kind;

    return policy_rule_include(r, k, &kind);
}

/* What R4 says; a parameter that it does not know is told as a token. */
static const char *
param_type(struct str type, struct str name)
{
    const struct fhir_param *p =
        fhir_param_find(type, str_sub(name, 0, str_find(name, ':')));

    return p != NULL ? fhir_kind_name(p->kind) : "token";
}

static bool
named_before(const struct gathering *g, size_t from, size_t rule, size_t k, namer name)
{
    struct str s = name(g->rule[rule], k), other;

    for (size_t i = from; i <= rule; i++)
        for (size_t m = 0; (i < rule || m < k) && (other = name(g->rule[i], m)).n != 0; m++)
            if (str_eq(other, s))
                return true;
    return false;
}

static void
put_names(struct json_out *js, const struct gathering *g, size_t from, size_t to,
          const char *list, const char *member, const char *type, namer name)
{
    struct str s;

    json_key(js, list);
    json_array(js);
    for (size_t i = from; i < to; i++)
        for (size_t k = 0; (s = name(g->rule[i], k)).n != 0; k++) {
            if (named_before(g, from, i, k, name))
                continue;
            if (member == NULL) {
                json_put_str(js, s);
                continue;
            }
            json_object(js);
            json_member(js, member, s);
            if (type != NULL)
                json_member_z(js, type, param_type(policy_rule_type(g->rule[from]), s));
            json_end(js);
        }
    json_end(js);
}

/* FHIR forbids empty arrays: a list without names is left out. */
static bool
has_names(const struct gathering *g, size_t from, size_t to, namer name)
{
    for (size_t i = from; i < to; i++)
        if (name(g->rule[i], 0).n != 0)
            return true;
    return false;
}

static void
put_resource(struct json_out *js, const struct gathering *g, size_t from, size_t to)
{
    static const struct {
        const char *list, *member, *type;
        namer name;
    } lists[] = {
        { "interaction", "code", NULL, name_interaction },
        { "searchInclude", NULL, NULL, name_include },
        { "searchParam", "name", "type", name_param },
        { "operation", "name", NULL, name_operation },
    };

    json_object(js);
    json_member(js, "type", policy_rule_type(g->rule[from]));
    for (size_t i = 0; i < COUNT(lists); i++)
        if (has_names(g, from, to, lists[i].name))
            put_names(js, g, from, to, lists[i].list, lists[i].member, lists[i].type,
                      lists[i].name);
    json_end(js);
}

static void
put_rest(struct json_out *js, const struct gathering *g)
{
    json_key(js, "rest");
    json_array(js);
    json_object(js);
    json_member_z(js, "mode", "server");
    json_key(js, "security");
    json_object(js);
    json_member_z(
        js, "description",
        "OAuth 2.0 access tokens of this subject's authorization server, bound by DPoP; "
        "each request is judged under a policy and a recorded ground.");
    json_end(js);
    if (g->n > 0)
        json_key(js, "resource");
    if (g->n > 0)
        json_array(js);
    for (size_t from = 0, to; from < g->n; from = to) {
        for (to = from + 1; to < g->n && by_type(&g->rule[from], &g->rule[to]) == 0; to++)
            ;
        put_resource(js, g, from, to);
    }
    if (g->n > 0)
        json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_statement(struct ctx *cx, struct json_out *js, const struct gathering *g,
              struct str url)
{
    char room[TIME_TEXT];

    json_object(js);
    json_member_z(js, "resourceType", "CapabilityStatement");
    json_member_z(js, "status", "active");
    json_member(js, "date", time_text(room, cx->now_ms));
    json_member_z(js, "kind", "instance");
    json_key(js, "software");
    json_object(js);
    json_member_z(js, "name", "Knoop");
    json_end(js);
    json_key(js, "implementation");
    json_object(js);
    json_member_z(js, "description", "What the policies in force here allow to be asked.");
    json_member(js, "url", url);
    json_end(js);
    json_member_z(js, "fhirVersion", "4.0.1");
    json_key(js, "format");
    json_array(js);
    json_put_z(js, "application/fhir+json");
    json_end(js);
    put_rest(js, g);
    json_end(js);
}

err_t
gateway__capability(struct ctx *cx, struct gateway *gw, struct str tenant, struct str *out)
{
    struct gathering g;
    struct policy_set *set;
    struct json_out js;
    struct str url;
    err_t e;

    *out = (struct str){ NULL, 0 };
    if ((e = gateway__upstream(cx, tenant, &url)) != ERR_OK ||
        (e = gateway__public_url(cx, tenant, &url)) != ERR_OK)
        return e;
    set = gw->ports.policies(cx);
    if ((e = gather(cx, set, tenant, &g)) == ERR_OK) {
        json_out_init(&js, cx->arena);
        put_statement(cx, &js, &g, url);
        e = json_out_done(cx, &js, out);
    }
    policy_set_give(set);
    return e;
}
