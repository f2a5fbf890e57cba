/*
 * gateway_test.c - the whole path, with fakes for token, upstream, signer and
 * grounds; policies are the shipped ones. EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "care/gateway/gateway_int.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "trust/cache/cache.h"

#define UPSTREAM "http://10.0.0.7:8080/fhir"
#define OURS     "https://a.example/fhir/hospital"
#define BSN_1    "999990019"
#define BSN_2    "999991036"
#define FORM     "application/x-www-form-urlencoded"

/* --- the world --------------------------------------------------------------------- */

struct world {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    struct gateway gw;
    struct policy_set *policies;
};
#define W  ((struct world *)*state)
#define CX (&W->t.cx)

static struct policy_set *policies_now;
static int fetches, proofs;
static err_t proof_result;
static bool ground_there, upstream_down;
static struct str proof_url;

static err_t
token_find(struct ctx *cx, struct str token, struct gateway_token *out)
{
    *out = (struct gateway_token){ .tenant = S("hospital"),
                                   .client_id = S("https://b.example/oauth2/care"),
                                   .did = S("did:web:b.example:iam:care"),
                                   .organisation = S("ura:00000001"),
                                   .name = S("Home care"),
                                   .scope = S("bgz"),
                                   .user_id = S("u-1"),
                                   .user_role = S("30.000") };
    if (str_is(token, "bound"))
        out->jkt = S("thumb");
    else if (str_is(token, "elsewhere"))
        out->tenant = S("pharmacy");
    else if (str_is(token, "medication") || str_is(token, "enrolled-2"))
        out->scope = S("medicatieoverdracht-gf");
    else if (str_is(token, "two-scopes"))
        out->scope = S("bgz medicatieoverdracht-gf");
    else if (!str_is(token, "good") && !str_is(token, "other"))
        return refuse(cx, ERR_NOT_FOUND, "", "no such token");
    if (str_is(token, "medication"))
        out->enrolled = S(BSN_SYSTEM "|" BSN_1);
    if (str_is(token, "enrolled-2"))
        out->enrolled = S(BSN_SYSTEM "|" BSN_2);
    return ERR_OK;
}

static void
dpop_check(struct gateway_proof *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct gateway_proof *p = list[i];

        assert_false(p->cx->may_not_block);
        proofs++;
        proof_url = p->url;
        p->e = str_is(p->jkt, "thumb") && str_is(p->token, "bound") ? ERR_OK : ERR_INTERNAL;
        if (proof_result != ERR_OK)
            p->e = refuse(p->cx, proof_result, "",
                          "the proof is for another, not for " OURS "/Patient/1");
    }
}

#define PATIENT(id, bsn)                                                                   \
    "{\"resourceType\":\"Patient\",\"id\":\"" id                                           \
    "\",\"identifier\":[{\"system\":\"" BSN_SYSTEM "\",\"value\":\"" bsn "\"}]}"

static const struct {
    const char *below, *body;
} resources[] = {
    { "/Patient/1?_elements=identifier", PATIENT("1", BSN_1) },
    { "/Patient/2?_elements=identifier", PATIENT("2", BSN_2) },
    { "/Patient/swapped?_elements=identifier", PATIENT("1", BSN_1) },
    { "/Patient/unnumbered?_elements=identifier",
      "{\"resourceType\":\"Patient\",\"id\":\"unnumbered\"}" },
    { "/Patient/twofold?_elements=identifier",
      "{\"resourceType\":\"Patient\",\"id\":\"twofold\",\"identifier\":[{\"system\":"
      "\"" BSN_SYSTEM "\",\"value\":\"" BSN_2 "\"},{\"system\":\"" BSN_SYSTEM
      "\",\"value\":\"" BSN_1 "\"}]}" },
    { "/DocumentReference/d1",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"d1\",\"subject\":{\"reference\":"
      "\"Patient/1\"},\"content\":[{\"attachment\":{\"url\":\"" UPSTREAM
      "/Binary/9\"}}]}" },
    { "/DocumentReference/d2",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"d2\",\"subject\":{\"reference\":"
      "\"Patient/2\"}}" },
    { "/DocumentReference/two",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"two\",\"subject\":[{\"reference\":"
      "\"Patient/1\"},{\"reference\":\"Patient/2\"}]}" },
    { "/DocumentReference/mixed", "{\"resourceType\":\"DocumentReference\",\"id\":"
                                  "\"mixed\",\"subject\":[{\"reference\":"
                                  "\"Patient/1\"},{\"reference\":\"Group/1\"}]}" },
    { "/DocumentReference/wrong",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"d1\",\"subject\":{\"reference\":"
      "\"Patient/1\"}}" },
    { "/DocumentReference/nobodys",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"nobodys\"}" },
    { "/DocumentReference/group",
      "{\"resourceType\":\"DocumentReference\",\"id\":\"group\",\"subject\":{\"reference\":"
      "\"Group/1\"}}" },
};

static err_t
fetch_fake(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out)
{
    fetches++;
    assert_int_equal(in->trust, FETCH_CONFIGURED);
    *out = (struct fetch_reply){ .status = upstream_down ? 503 : 404 };
    for (size_t i = 0; i < COUNT(resources) && !upstream_down; i++) {
        struct str url = arena_printf(cx->arena, UPSTREAM "%s", resources[i].below);

        if (url.p == NULL)
            return refuse_memory(cx);
        if (!str_eq(url, in->url))
            continue;
        out->status = 200;
        out->type = S("application/fhir+json");
        out->body = arena_bytes(cx->arena, bytes_of(str_of(resources[i].body)));
        if (out->body.p == NULL)
            return refuse_memory(cx);
    }
    return ERR_OK;
}

static err_t
seal(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
{
    const char *which = str_is(number, BSN_1) ? "1" : "2";

    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "the signer");
    *sealed = arena_printf(cx->arena, "jwe-%s", which);
    *mac = arena_printf(cx->arena, "mac-%s", which);
    return sealed->p && mac->p ? ERR_OK : refuse_memory(cx);
}

/* A treatment ground for patient 1, for the asker, under both scopes. */
static err_t
find_ground(struct ctx *cx, const struct ground_question *q, struct ground *out)
{
    *out = (struct ground){ 0 };
    if (!ground_there || !str_is(q->tenant, "hospital") ||
        !str_is(q->patient_mac, "mac-1") || !str_is(q->organisation[0], "ura:00000001") ||
        !(q->kinds & GROUND_TREATMENT))
        return refuse(cx, ERR_GROUND, "mission 3", "no live ground");
    out->id = S("ground-1");
    return ERR_OK;
}

static struct policy_set *
policies(struct ctx *cx)
{
    (void)cx;
    return policy_set_take(policies_now);
}

static int
setup(void **state)
{
    static struct str upstreams[] = { S_INIT("hospital=" UPSTREAM) };
    struct world *w = calloc(1, sizeof(*w));
    struct policy_source *list;
    size_t n, refused;

    test_ctx_init(&w->t);
    assert_int_equal(conf_default(&w->t.cx, &w->conf), ERR_OK);
    w->conf->url = S("https://a.example/");
    w->conf->gateway_upstreams = (struct conf_list){ upstreams, 1 };
    w->t.cx.conf = w->conf;
    w->t.cx.sys = &w->sys;
    w->sys.state[ROOM_gateway] = &w->gw;
    w->gw.ports = (struct gateway_ports){ token_find, dpop_check,  fetch_fake,
                                          seal,       find_ground, policies };
    w->gw.patients = cache_new(1u << 20);
    random_bytes(w->gw.page_key, sizeof(w->gw.page_key));
    assert_int_equal(policy_sources(&w->t.cx, S("policies"), &list, &n), ERR_OK);
    assert_int_equal(policy_set_new(&w->t.cx, list, n, NULL, &w->policies, &refused),
                     ERR_OK);
    assert_int_equal(refused, 0);
    policies_now = w->policies;
    fetches = proofs = 0;
    proof_result = ERR_OK;
    ground_there = true;
    upstream_down = false;
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    policy_set_give(W->policies);
    cache_free(W->gw.patients);
    conf_give(W->conf);
    test_ctx_fini(&W->t);
    free(W);
    return 0;
}

/* --- asking ------------------------------------------------------------------------- */

static struct audit_record told;

static err_t
judge(void **state, const char *token, enum http_method method, const char *path,
      const char *query, const char *form, struct gateway_plan *plan)
{
    struct str header = arena_printf(&W->t.arena, "Bearer %s", token);
    struct gateway_call call = { .method = method,
                                 .tenant = S("hospital"),
                                 .path = str_of(path),
                                 .query = str_of(query),
                                 .type = str_of(form[0] ? FORM : ""),
                                 .body = bytes_of(str_of(form)),
                                 .authorization = header };

    told = (struct audit_record){ 0 };
    refuse_clear(CX);
    return gateway__judge(CX, &W->gw, &call, &told, plan);
}

static err_t
get(void **state, const char *path, const char *query, struct gateway_plan *plan)
{
    return judge(state, "good", HTTP_GET, path, query, "", plan);
}

static err_t
release(void **state, const struct gateway_plan *plan, const char *body, struct str *out)
{
    refuse_clear(CX);
    return gateway__release(CX, &W->gw, plan->judged, bytes_of(str_of(body)), out);
}

static bool
has(struct str s, const char *part)
{
    return str_search(s, str_of(part)) < s.n;
}

static err_t
keep_audit(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    told = *record;
    return ERR_OK;
}

static struct str
ask(void **state, const char *request, long fail_at, const struct reply_relay **relay)
{
    static const struct http_route *tables[] = { gateway_routes };
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_PUBLIC,
                            .conf = W->conf,
                            .audit_put = keep_audit,
                            .fail_at = fail_at,
                            .relay = relay };
    struct str reply;

    told = (struct audit_record){ 0 };
    if (http_ask(CX, &how, str_of(request), &reply) != ERR_OK)
        return S("");
    return reply;
}

/* --- who asks ----------------------------------------------------------------------- */

static void
refuses_callers_without_proof(void **state)
{
    static const struct {
        const char *authorization, *dpop, *challenge;
    } rows[] = {
        { "", "", "DPoP algs" },
        { "Basic Zm9vOmJhcg==", "", "DPoP algs" },
        { "Bearer", "", "DPoP algs" },
        { "Bearer a b", "", "DPoP algs" },
        { "Bearer \"good\"", "", "DPoP algs" },
        { "Bearer unknown", "", "error=\"invalid_token\"" },
        { "Bearer elsewhere", "", "error=\"invalid_token\"" },
        { "Bearer bound", "", "error=\"invalid_token\"" }, /* RFC 9449 7.1: downgrade */
        { "Bearer bound", "a.b.c", "error=\"invalid_token\"" },
        { "DPoP good", "a.b.c", "error=\"invalid_token\"" },
        { "DPoP bound", "", "error=\"invalid_dpop_proof\"" },
    };
    struct gateway_plan plan;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gateway_call call = { .method = HTTP_GET,
                                     .tenant = S("hospital"),
                                     .path = S("/Patient/1"),
                                     .authorization = str_of(rows[i].authorization),
                                     .dpop = str_of(rows[i].dpop) };

        told = (struct audit_record){ 0 };
        assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_UNAUTHORIZED);
        if (!has(plan.challenge, rows[i].challenge))
            fail_msg("row %zu: %.*s", i, STR(plan.challenge));
        assert_int_equal(told.event, AUDIT_UNAUTHENTICATED); /* counted, not logged */
        assert_int_equal(plan.way, GATEWAY_WAY_NONE);
    }
    assert_int_equal(fetches, 0);
    assert_int_equal(proofs, 0);
}

static void
takes_a_bound_token_with_its_proof(void **state)
{
    struct gateway_call call = { .method = HTTP_GET,
                                 .tenant = S("hospital"),
                                 .path = S("/Patient/1"),
                                 .query = S("_format=json"),
                                 .authorization = S("dpop bound"),
                                 .dpop = S("a.b.c") };
    struct gateway_plan plan;

    assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_OK);
    assert_true(str_is(proof_url, OURS "/Patient/1")); /* htu: as the caller knows it */
    proof_result = ERR_CONFLICT;                       /* replayed */
    assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_UNAUTHORIZED);
    assert_true(has(plan.challenge, "invalid_dpop_proof"));
    assert_true(has(CX->reason, "the proof is for another")); /* why; and nobody's id */
    assert_false(has(CX->reason, "Patient/1"));
    proof_result = ERR_UNAVAILABLE; /* our trouble, not his */
    assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_UNAVAILABLE);
    assert_int_equal(plan.challenge.n, 0);
}

/* The loop stops before a proof is used up; what came of it is with the caller. */
static void
a_proof_is_checked_between_two_runs(void **state)
{
    static const err_t results[] = { ERR_OK, ERR_CONFLICT, ERR_UNAVAILABLE },
                       wanted[] = { ERR_OK, ERR_UNAUTHORIZED, ERR_UNAVAILABLE };

    CX->may_not_block = false;
    assert_int_equal(get(state, "/Patient/1", "", &(struct gateway_plan){ 0 }), ERR_OK);
    for (size_t i = 0; i < COUNT(results); i++) {
        struct gateway_caller who = { 0 };
        struct gateway_proof *proof = &who.proof;
        struct gateway_call call = { .method = HTTP_GET,
                                     .tenant = S("hospital"),
                                     .path = S("/Patient/1"),
                                     .authorization = S("dpop bound"),
                                     .dpop = S("a.b.c"),
                                     .caller = &who };
        struct gateway_plan plan;

        proofs = 0;
        CX->may_not_block = true;
        told = (struct audit_record){ 0 };
        assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_WOULD_BLOCK);
        assert_int_equal(proofs, 0); /* nothing was used up on the loop */
        assert_true(who.proof_wanted && !who.proof_checked);
        assert_int_equal(plan.way, GATEWAY_WAY_NONE);

        CX->may_not_block = false;
        refuse_clear(CX);
        proof_result = results[i];
        dpop_check(&proof, 1);
        who.proof_checked = true;
        CX->may_not_block = true;
        told = (struct audit_record){ 0 };
        assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), wanted[i]);
        assert_int_equal(proofs, 1);
        assert_int_equal(plan.challenge.n != 0, wanted[i] == ERR_UNAUTHORIZED);
        assert_int_equal(told.event == AUDIT_UNAUTHENTICATED, wanted[i] != ERR_OK);
        assert_int_equal(plan.way == GATEWAY_STREAM, wanted[i] == ERR_OK);
    }
    CX->may_not_block = false;
}

/* Through the door, as a request: one proof, and once. */
static void
a_bound_token_through_the_door(void **state)
{
    static const char request[] = "GET /fhir/hospital/Patient/1 HTTP/1.1\r\nHost: a\r\n"
                                  "Authorization: DPoP bound\r\nDPoP: a.b.c\r\n\r\n";
    const struct reply_relay *relay;
    struct str reply;

    (void)ask(state, request, 0, &relay);
    assert_non_null(relay);
    assert_int_equal(proofs, 1);
    assert_int_equal(told.event, AUDIT_RECORD_READ);
    proof_result = ERR_CONFLICT;
    reply = ask(state, request, 0, &relay);
    assert_null(relay);
    assert_true(has(reply, " 401 ") && has(reply, "invalid_dpop_proof"));
    assert_int_equal(told.event, AUDIT_UNAUTHENTICATED);
    assert_int_equal(told.outcome, AUDIT_DENIED);
}

static void
refuses_unknown_tenants(void **state)
{
    struct gateway_call call = { .method = HTTP_GET,
                                 .tenant = S("nobody"),
                                 .path = S("/Patient/1") };
    struct gateway_plan plan;

    assert_int_equal(gateway__judge(CX, &W->gw, &call, &told, &plan), ERR_NOT_FOUND);
}

/* --- what, about whom, on what ground ----------------------------------------------- */

/* The thin line of the issue. mission 3, 37. */
static void
permits_a_patient_under_a_ground(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_OK);
    assert_int_equal(plan.way, GATEWAY_STREAM);
    assert_int_equal(plan.method, HTTP_GET);
    assert_true(str_is(plan.url, UPSTREAM "/Patient/1"));
    assert_int_equal(told.event, AUDIT_RECORD_READ);
    assert_true(str_is(told.who, "did:web:b.example:iam:care"));
    assert_true(str_is(told.person, "u-1"));
    assert_true(str_is(told.custodian, "hospital"));
    assert_true(str_is(told.policy, "bgz"));
    assert_true(str_is(told.policy_version, "1.0.0, adopted by hospital"));
    assert_true(str_is(told.ground, "ground-1"));
    assert_true(str_is(told.patient, "jwe-1"));
    assert_true(str_is(told.patient_mac, "mac-1"));
    assert_true(str_is(told.what, "read Patient"));
    assert_int_equal(told.entity.n, 0); /* a patient's id is a person */
    ground_there = false;
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_GROUND);
    assert_int_equal(told.event, AUDIT_UNDECIDED); /* the door writes ACCESS_REFUSED */
    assert_int_equal(plan.way, GATEWAY_WAY_NONE);
}

static void
refuses_who_cannot_be_resolved(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(get(state, "/Patient/2", "", &plan), ERR_GROUND); /* other patient */
    assert_int_equal(get(state, "/Patient/nobody", "", &plan), ERR_GROUND);
    assert_int_equal(get(state, "/Patient/unnumbered", "", &plan), ERR_GROUND);
    assert_int_equal(get(state, "/Patient/twofold", "", &plan), ERR_GROUND);
    assert_int_equal(get(state, "/Patient/swapped", "", &plan), ERR_UPSTREAM);
    upstream_down = true;
    assert_int_equal(get(state, "/Patient/other", "", &plan), ERR_UNAVAILABLE);
}

/* What exists and what does not are refused in the same words. */
static void
existence_does_not_leak(void **state)
{
    static const char *const pairs[][2] = {
        { "/fhir/hospital/Patient/2", "/fhir/hospital/Patient/nobody" },
        { "/fhir/hospital/Condition?patient=2", "/fhir/hospital/Condition?patient=nobody" },
        { "/fhir/hospital/DocumentReference/d2", "/fhir/hospital/DocumentReference/none" },
        { "/fhir/hospital/DocumentReference/d2",
          "/fhir/hospital/DocumentReference/nobodys" },
    };

    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct str reply[2];

        for (int k = 0; k < 2; k++)
            reply[k] =
                ask(state,
                    arena_printf(&W->t.arena,
                                 "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                                 "good\r\n\r\n",
                                 pairs[i][k])
                        .p,
                    0, NULL);
        assert_true(has(reply[0], "OperationOutcome"));
        if (!str_eq(reply[0], reply[1]))
            fail_msg("%s: %.*s\n%.*s", pairs[i][0], STR(reply[0]), STR(reply[1]));
        assert_int_equal(told.outcome, AUDIT_DENIED);
    }
}

static void
holds_a_read_until_its_patient_is_judged(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(get(state, "/DocumentReference/d1", "", &plan), ERR_OK);
    assert_int_equal(plan.way, GATEWAY_REPLY);
    assert_true(has(plan.reply, "\"url\":\"" OURS "/Binary/9\""));
    assert_false(has(plan.reply, "10.0.0.7"));
    assert_true(str_is(told.entity, "DocumentReference/d1"));
    assert_true(str_is(told.patient_mac, "mac-1"));
    assert_int_equal(get(state, "/DocumentReference/d2", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(plan.reply.n, 0);
    assert_int_equal(get(state, "/DocumentReference/nobodys", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/DocumentReference/group", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/DocumentReference/two", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/DocumentReference/mixed", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/DocumentReference/none", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/DocumentReference/wrong", "", &plan), ERR_UPSTREAM);
    ground_there = false;
    assert_int_equal(get(state, "/DocumentReference/d1", "", &plan), ERR_NOT_FOUND);
    assert_true(has(CX->reason, "no live ground")); /* the audit knows */
}

static void
sends_a_number_out_of_sight(void **state)
{
    struct gateway_plan plan;
    struct str out;

    assert_int_equal(get(state, "/Patient", "identifier=" BSN_SYSTEM "%7C" BSN_1, &plan),
                     ERR_OK);
    assert_int_equal(plan.way, GATEWAY_HOLD);
    assert_int_equal(plan.method, HTTP_POST);
    assert_true(str_is(plan.url, UPSTREAM "/Patient/_search"));
    assert_true(has(str_of_bytes(plan.body), BSN_1));
    assert_true(str_is(told.patient, "jwe-1"));
    assert_int_equal(fetches, 0); /* the number is the person: nothing to resolve */
    assert_int_equal(
        release(state, &plan,
                "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{"
                "\"relation\":\"self\",\"url\":\"" UPSTREAM "/Patient?identifier=" BSN_1
                "\"}],\"entry\":[{\"resource\":" PATIENT("1", BSN_1) "}]}",
                &out),
        ERR_OK);
    assert_true(has(out, "{\"relation\":\"self\",\"url\":\"" OURS "/Patient\"}"));
    assert_true(has(out, "\"fullUrl\":\"" OURS "/Patient/1\""));
    assert_int_equal(
        release(state, &plan,
                "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{"
                "\"resource\":" PATIENT("2", BSN_2) "}]}",
                &out),
        ERR_UPSTREAM);
    /* no page may carry a number */
    assert_int_equal(
        release(state, &plan,
                "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{"
                "\"relation\":\"next\",\"url\":\"" UPSTREAM "?p=2\"}]}",
                &out),
        ERR_UPSTREAM);
    assert_int_equal(get(state, "/Patient", "identifier=" BSN_SYSTEM "%7C" BSN_2, &plan),
                     ERR_GROUND);
}

static void
asks_for_the_enrolment_of_the_patient(void **state)
{
    static const char query[] = "patient=1&_include=MedicationRequest:medication";
    struct gateway_plan plan;

    assert_int_equal(
        judge(state, "medication", HTTP_GET, "/MedicationRequest", query, "", &plan),
        ERR_OK);
    assert_int_equal(
        judge(state, "enrolled-2", HTTP_GET, "/MedicationRequest", query, "", &plan),
        ERR_POLICY_PREDICATE);
    assert_int_equal(judge(state, "good", HTTP_GET, "/MedicationRequest", query, "", &plan),
                     ERR_POLICY_REQUEST);
}

static void
a_tenant_adopts_its_policies(void **state)
{
    static struct str adopted[] = { S_INIT("hospital=medicatieoverdracht_gf"),
                                    S_INIT("pharmacy=bgz") };
    struct gateway_plan plan;

    W->conf->gateway_adopted = (struct conf_list){ adopted, 2 };
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_POLICY_SCOPE);
}

/* --- the holes of spec 2d.9 --------------------------------------------------------- */

static void
hole_1_no_parameter_is_smuggled_beside_a_form(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(judge(state, "good", HTTP_POST, "/Condition/_search",
                           "_include=Condition:encounter", "patient=1", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(judge(state, "good", HTTP_POST, "/Condition/_search", "patient=2",
                           "patient=1", &plan),
                     ERR_FHIR_REQUEST);
    assert_int_equal(judge(state, "good", HTTP_POST, "/Condition/_search", "_count=5",
                           "patient=1", &plan),
                     ERR_OK); /* one request, forwarded as one form */
    assert_true(str_is(plan.url, UPSTREAM "/Condition/_search"));
    assert_true(str_is(str_of_bytes(plan.body), "_count=5&patient=1"));
    assert_true(plan.repeatable); /* though it is a POST */
}

static void
hole_2_what_is_judged_is_forwarded(void **state)
{
    static const char *const paths[] = { "/Patient/..",     "/Patient/%2e%2e",
                                         "/Patient/1/..",   "/Patient//1",
                                         "/Patient%2f1",    "/../Patient/1",
                                         "/Patient/1%3f_x", "/Patient/1/",
                                         "/Patient/%2531" };
    struct gateway_plan plan;

    for (size_t i = 0; i < COUNT(paths); i++)
        if (get(state, paths[i], "", &plan) != ERR_FHIR_REQUEST)
            fail_msg("%s", paths[i]);
    assert_int_equal(get(state, "/%50atient/%31", "", &plan), ERR_OK);
    assert_true(str_is(plan.url, UPSTREAM "/Patient/1"));
}

static void
hole_4_parameters_of_operations_are_judged(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(get(state, "/Observation/$lastn", "patient=1", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(
        get(state, "/Observation/$lastn", "patient=1&code=http://loinc.org%7C1-8", &plan),
        ERR_POLICY_REQUEST);
    assert_int_equal(get(state, "/Observation/$lastn",
                         "patient=1&code=http://loinc.org%7C29463-7&max=1000", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(get(state, "/Observation/$everything", "patient=1", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(get(state, "/Observation/$lastn",
                         "patient=1&code=http://loinc.org%7C29463-7", &plan),
                     ERR_OK); /* body weight */
    assert_true(str_is(plan.url,
                       UPSTREAM "/Observation/$lastn?code=http%3A%2F%2Floinc.org%7C"
                                "29463-7&patient=1"));
    assert_false(plan.repeatable); /* nobody said what an operation changes */
}

static void
hole_5_no_question_of_existence_alone(void **state)
{
    struct gateway_plan plan;

    assert_int_equal(get(state, "/Condition", "patient=1&_summary=count", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(get(state, "/Condition", "patient=1&_elements=code", &plan),
                     ERR_POLICY_REQUEST);
    assert_int_equal(get(state, "/Condition", "patient=1&_contained=both", &plan),
                     ERR_POLICY_REQUEST);
}

static void
hole_6_a_large_body_is_not_judged_empty(void **state)
{
    size_t sizes[] = { 33 * 1024, 300 * 1024 };
    struct str reply;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct buf b;

        buf_init(&b, &W->t.arena);
        buf_printf(
            &b,
            "POST /fhir/hospital/Condition/_search HTTP/1.1\r\nHost: a\r\nAuthorization: "
            "Bearer good\r\nContent-Type: " FORM
            "\r\nContent-Length: %zu\r\n\r\npatient=1&x=",
            sizes[i] + 12);
        for (size_t k = 0; k < sizes[i]; k++)
            buf_c(&b, 'x');
        buf_c(&b, '\0');
        reply = ask(state, b.p, 0, NULL);
        assert_true(has(str_sub(reply, 0, 12), i == 0 ? " 400" : " 413"));
    }
}

static void
hole_10_a_broad_scope_does_not_weaken_a_narrow_one(void **state)
{
    struct gateway_plan plan;

    /* Both scopes fit a search by number; the narrow one asks an enrolment too. */
    assert_int_equal(judge(state, "good", HTTP_GET, "/Patient",
                           "identifier=" BSN_SYSTEM "%7C" BSN_1, "", &plan),
                     ERR_OK);
    assert_int_equal(judge(state, "two-scopes", HTTP_GET, "/Patient",
                           "identifier=" BSN_SYSTEM "%7C" BSN_1, "", &plan),
                     ERR_POLICY_PREDICATE);
    assert_int_equal(judge(state, "two-scopes", HTTP_GET, "/Patient/1", "", "", &plan),
                     ERR_OK);
    assert_true(str_is(told.purpose, "bgz")); /* the scope it was judged under */
}

static void
hole_12_a_ground_that_ended_is_none(void **state)
{
    struct gateway_plan plan;

    ground_there = false; /* periods and ends: consent_test.c */
    assert_int_equal(get(state, "/Condition", "patient=1", &plan), ERR_GROUND);
}

/* --- what goes out, what comes back ------------------------------------------------- */

static void
forwards_no_credentials(void **state)
{
    const struct reply_relay *relay = NULL;

    ask(state,
        "GET /fhir/hospital/Condition?patient=1 HTTP/1.1\r\nHost: a\r\nAuthorization: "
        "Bearer "
        "good\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nX-HTTP-Method-Override: "
        "DELETE\r\n"
        "Prefer: handling=lenient\r\nDPoP: x.y.z\r\n\r\n",
        0, &relay);
    assert_non_null(relay);
    assert_int_equal(relay->header_count, 2);
    assert_true(str_is(relay->headers[0], "Accept: application/fhir+json"));
    assert_true(str_is(relay->headers[1], "Prefer: handling=strict"));
    assert_true(str_is(relay->url, UPSTREAM "/Condition?patient=1"));
    assert_non_null(relay->rewrite);
    assert_true(relay->repeatable);
    assert_int_equal(told.event, AUDIT_RECORD_SEARCHED);
    assert_int_equal(told.outcome, AUDIT_PERMITTED);
    assert_true(
        has(ask(state,
                "GET /fhir/hospital/Patient/1 HTTP/1.1\r\nHost: a\r\nAuthorization: "
                "Bearer good\r\nIf-None-Exist: identifier=1\r\n\r\n",
                0, NULL),
            "HTTP/1.1 400"));
    ask(state,
        "POST /fhir/hospital/Patient HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n"
        "If-None-Exist: identifier=1\r\nContent-Length: 0\r\n\r\n",
        0, NULL);
    assert_int_equal(told.outcome, AUDIT_DENIED);
}

static void
door_answers_as_the_rfcs_say(void **state)
{
    struct str reply =
        ask(state, "GET /fhir/hospital/Patient/1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL);

    assert_true(has(reply, "HTTP/1.1 401"));
    assert_true(has(reply, "WWW-Authenticate: DPoP algs="));
    assert_true(has(reply, ", Bearer"));
    assert_true(has(reply, "OperationOutcome"));
    reply =
        ask(state,
            "OPTIONS /fhir/hospital/Patient/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
            "good\r\n\r\n",
            0, NULL);
    assert_true(has(reply, "Allow: "));
    reply = ask(state, "GET /fhir/hospital/metadata HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL);
    assert_true(has(reply, "HTTP/1.1 200"));
    assert_true(has(reply, "\"CapabilityStatement\""));
    assert_true(has(reply, "\"url\":\"" OURS "\""));
    assert_true(has(reply,
                    "{\"type\":\"AllergyIntolerance\",\"interaction\":[{\"code\":"
                    "\"search-type\"}],\"searchParam\":[{\"name\":\"patient\",\"type\":"
                    "\"reference\"}]}"));
    assert_false(has(reply, "10.0.0.7"));
    assert_false(has(reply, "[]"));
}

#define BUNDLE(entries)                                                                    \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" entries "]}"
#define MATCH(resource)   "{\"resource\":" resource ",\"search\":{\"mode\":\"match\"}}"
#define INCLUDE(resource) "{\"resource\":" resource ",\"search\":{\"mode\":\"include\"}}"
#define DEVICE_USE(patient)                                                                \
    "{\"resourceType\":\"DeviceUseStatement\",\"id\":\"u\",\"subject\":{\"reference\":"    \
    "\"" patient "\"}}"
#define DEVICE(more) "{\"resourceType\":\"Device\",\"id\":\"v\"" more "}"

static void
releases_what_was_judged_and_no_more(void **state)
{
    static const struct {
        const char *body;
        err_t want;
    } rows[] = {
        { BUNDLE(MATCH(DEVICE_USE("Patient/1"))), ERR_OK },
        { BUNDLE(MATCH(DEVICE_USE(UPSTREAM "/Patient/1"))), ERR_OK },
        { BUNDLE(MATCH(DEVICE_USE("Patient/1/_history/3"))), ERR_OK },
        { BUNDLE(MATCH(DEVICE_USE("Patient/1")) "," INCLUDE(DEVICE(""))), ERR_OK },
        { BUNDLE(INCLUDE(DEVICE(",\"patient\":{\"reference\":\"Patient/1\"}"))), ERR_OK },
        { BUNDLE(""), ERR_OK },
        /* another patient, a stranger's patient, no patient, two patients */
        { BUNDLE(MATCH(DEVICE_USE("Patient/2"))), ERR_UPSTREAM },
        { BUNDLE(MATCH(DEVICE_USE("Patient/1")) "," MATCH(DEVICE_USE("Patient/2"))),
          ERR_UPSTREAM },
        { BUNDLE(MATCH(DEVICE_USE("https://else.example/fhir/Patient/1"))), ERR_UPSTREAM },
        { BUNDLE(MATCH(DEVICE_USE("Group/1"))), ERR_UPSTREAM },
        { BUNDLE(MATCH("{\"resourceType\":\"DeviceUseStatement\",\"id\":\"u\"}")),
          ERR_UPSTREAM },
        { BUNDLE(MATCH("{\"resourceType\":\"DeviceUseStatement\",\"id\":\"u\",\"subject\":["
                       "{\"reference\":\"Patient/1\"},{\"reference\":\"Patient/2\"}]}")),
          ERR_UPSTREAM },
        { BUNDLE(INCLUDE(DEVICE(",\"patient\":{\"reference\":\"Patient/2\"}"))),
          ERR_UPSTREAM },
        /* other types than asked */
        { BUNDLE(MATCH(DEVICE(""))), ERR_UPSTREAM },
        { BUNDLE(INCLUDE("{\"resourceType\":\"Practitioner\",\"id\":\"p\"}")),
          ERR_UPSTREAM },
        { BUNDLE("{\"resource\":{\"resourceType\":\"Practitioner\",\"id\":\"p\"}}"),
          ERR_UPSTREAM },
        { BUNDLE("{\"fullUrl\":\"x\"}"), ERR_UPSTREAM },
        { BUNDLE(
              MATCH("{\"resourceType\":\"DeviceUseStatement\",\"id\":\"../x\",\"subject\":"
                    "{\"reference\":\"Patient/1\"}}")),
          ERR_UPSTREAM },
        /* no Bundle, no JSON */
        { DEVICE_USE("Patient/1"), ERR_UPSTREAM },
        { "{\"resourceType\":\"Bundle\",\"resourceType\":\"Bundle\"}", ERR_UPSTREAM },
        { "<Bundle/>", ERR_UPSTREAM },
        { "{\"resourceType\":\"Bundle\",\"total\":\"many\"}", ERR_UPSTREAM },
    };
    struct gateway_plan plan;
    struct str out;

    assert_int_equal(get(state, "/DeviceUseStatement",
                         "patient=1&_include=DeviceUseStatement:device", &plan),
                     ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e = release(state, &plan, rows[i].body, &out);

        if (e != rows[i].want)
            fail_msg("row %zu: %s (%.*s)", i, err_row(e)->name, STR(CX->reason));
        assert_true(e == ERR_OK || out.n == 0);
    }
}

#define OBSERVATION(id, more)                                                              \
    "{\"resourceType\":\"Observation\",\"id\":\"" id "\",\"subject\":{\"reference\":"      \
    "\"Patient/1\"}" more "}"
#define CODED(member, system, code)                                                        \
    ",\"" member "\":{\"coding\":[{\"system\":\"" system "\",\"code\":\"" code "\"}]}"
#define WEIGHT        OBSERVATION("w", CODED("code", "http://loinc.org", "29463-7"))
#define HEIGHT        OBSERVATION("h", CODED("code", "http://loinc.org", "8302-2"))
#define ALCOHOL_ASKED "patient=1&code=http://snomed.info/sct%7C228273003"
#define ALCOHOL       OBSERVATION("a", CODED("code", "http://snomed.info/sct", "228273003"))
#define LABORATORY                                                                         \
    OBSERVATION("l", CODED("category", "http://snomed.info/sct", "275711006"))

/*
 * HAPI without a search index answers $lastn with all observations of all patients; and who
 * does not know "handling=strict" answers a search as if a filter had not been there.
 */
static void
an_answer_is_what_its_rule_requires(void **state)
{
    static const char lastn[] = "/Observation/$lastn", search[] = "/Observation",
                      weight[] = "patient=1&code=http://loinc.org%7C29463-7",
                      laboratory[] =
                          "patient=1&category=http://snomed.info/sct%7C275711006"
                          "&_include=Observation:has-member&_include=Observation:specimen";
    static const struct {
        const char *path, *query, *body;
        err_t want;
    } rows[] = {
        { lastn, weight, BUNDLE(MATCH(HEIGHT)), ERR_UPSTREAM },
        { lastn, weight, BUNDLE(MATCH(WEIGHT) "," MATCH(HEIGHT)), ERR_UPSTREAM },
        { lastn, weight, BUNDLE("{\"resource\":" HEIGHT "}"), ERR_UPSTREAM },
        { lastn, weight, BUNDLE(MATCH(OBSERVATION("n", ""))), ERR_UPSTREAM },
        { lastn, weight,
          BUNDLE(MATCH(OBSERVATION("s", CODED("code", "http://other.example", "29463-7")))),
          ERR_UPSTREAM },
        { lastn, laboratory, BUNDLE(MATCH(WEIGHT)), ERR_UPSTREAM },
        { lastn, weight, BUNDLE(MATCH(WEIGHT)), ERR_OK },
        { lastn, laboratory, BUNDLE(MATCH(LABORATORY) "," INCLUDE(WEIGHT)), ERR_OK },
        { search, ALCOHOL_ASKED, BUNDLE(MATCH(WEIGHT)), ERR_UPSTREAM },
        { search, ALCOHOL_ASKED, BUNDLE(MATCH(ALCOHOL) "," MATCH(WEIGHT)), ERR_UPSTREAM },
        { search, ALCOHOL_ASKED, BUNDLE("{\"resource\":" WEIGHT "}"), ERR_UPSTREAM },
        { search, ALCOHOL_ASKED, BUNDLE(MATCH(ALCOHOL)), ERR_OK },
    };
    struct gateway_plan plan;
    struct str out;

    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e;

        assert_int_equal(get(state, rows[i].path, rows[i].query, &plan), ERR_OK);
        e = release(state, &plan, rows[i].body, &out);
        if (e != rows[i].want)
            fail_msg("row %zu: %s (%.*s)", i, err_row(e)->name, STR(CX->reason));
    }
}

static void
links_lead_to_the_gateway(void **state)
{
    struct gateway_plan plan;
    struct str out;

    assert_int_equal(get(state, "/Condition", "patient=1&_count=2", &plan), ERR_OK);
    assert_int_equal(
        release(
            state, &plan,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":1,\"link\":["
            "{\"relation\":\"self\",\"url\":\"" UPSTREAM "/Condition?patient=1\"},"
            "{\"relation\":\"last\",\"url\":\"" UPSTREAM "?page=9\"}],\"entry\":["
            "{\"fullUrl\":\"" UPSTREAM "/Condition/c\",\"resource\":{\"resourceType\":"
            "\"Condition\",\"id\":\"c\",\"subject\":{\"reference\":\"" UPSTREAM
            "/Patient/1\"},"
            "\"note\":[{\"text\":\"see " UPSTREAM "\"}],\"value\":1.50}},"
            "{\"resource\":{\"resourceType\":\"OperationOutcome\"},\"search\":{\"mode\":"
            "\"outcome\"}}]}",
            &out),
        ERR_OK);
    assert_true(has(out, "\"url\":\"" OURS "/Condition?_count=2&patient=1\""));
    assert_true(has(out, "\"fullUrl\":\"" OURS "/Condition/c\""));
    assert_true(has(out, "\"reference\":\"" OURS "/Patient/1\""));
    assert_true(has(out, "1.50"));
    assert_false(has(out, "page=9"));
    assert_false(has(out, "OperationOutcome"));
}

#define COND(rest)                                                                         \
    "{\"resourceType\":\"Condition\",\"id\":\"c\",\"subject\":{\"reference\":\"Patient/"   \
    "1\"}" rest "}"

/* What the server says of an entry, nobody looked at: its mode alone goes on. */
static void
of_a_search_the_mode_passes(void **state)
{
    static const struct {
        const char *search, *want;
    } rows[] = {
        { ",\"search\":{\"mode\":\"match\",\"score\":0.5}", "{\"mode\":\"match\"}" },
        { ",\"search\":{\"mode\":\"nearly\"}", "{\"mode\":\"match\"}" },
        { ",\"search\":{\"score\":1,\"extension\":[]}", NULL },
        { "", NULL },
    };
    struct gateway_plan plan;
    struct str out, text;
    const json *search;
    json *got;

    assert_int_equal(get(state, "/Condition", "patient=1", &plan), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        text = arena_printf(CX->arena, BUNDLE("{\"resource\":" COND("") "%s}"),
                            rows[i].search);
        assert_int_equal(release(state, &plan, text.p, &out), ERR_OK);
        assert_int_equal(json_parse(CX, out, JSON_STRICT, &got), ERR_OK);
        search = json_get(json_at(json_get(got, "entry"), 0), "search");
        assert_int_equal(search != NULL, rows[i].want != NULL);
        if (search == NULL)
            continue;
        assert_int_equal(json_text(CX, search, &text), ERR_OK);
        assert_true(str_is(text, rows[i].want));
    }
}

/* FHIR R4 2.6.2.1: no list is empty; what is left out does not make one. */
static void
an_answer_without_matches_has_no_list(void **state)
{
    static const char *const empty[] = {
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}",
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0,\"entry\":["
        "{\"resource\":{\"resourceType\":\"OperationOutcome\"},\"search\":{\"mode\":"
        "\"outcome\"}}]}",
    };
    struct gateway_plan plan;
    struct str out;

    assert_int_equal(get(state, "/Condition", "patient=1", &plan), ERR_OK);
    for (size_t i = 0; i < COUNT(empty); i++) {
        assert_int_equal(release(state, &plan, empty[i], &out), ERR_OK);
        assert_true(has(out, "\"total\":0"));
        assert_false(has(out, "entry"));
    }
}

#define FOUND "\"search\":{\"mode\":\"match\"}"

/* Resources are passed on by where they stand in the text, however it is laid out. */
static void
resources_pass_whole_and_alone(void **state)
{
    static const struct {
        const char *in, *resource[2];
    } rows[] = {
        { BUNDLE("{\"resource\":" COND(",\"a\":1.50") "," FOUND "}"),
          { COND(",\"a\":1.50") } },
        /* last in its entry: at the end of all, before another entry, before a name */
        { BUNDLE("{" FOUND ",\"resource\":" COND(",\"a\":[{\"b\":[{}]}]") "}"),
          { COND(",\"a\":[{\"b\":[{}]}]") } },
        { BUNDLE("{" FOUND ",\"resource\":" COND(",\"a\":null") "},{\"resource\":" COND(
              ",\"a\":2") "," FOUND "}"),
          { COND(",\"a\":null"), COND(",\"a\":2") } },
        { "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{" FOUND
          ",\"resource\":" COND("") "}],\"total\":1}",
          { COND("") } },
        /* white space everywhere */
        { "{ \"resourceType\" : \"Bundle\" ,\n\"type\" : \"searchset\" ,\r\n\t\"entry\" : "
          "[ {\n"
          "\"search\" : { \"mode\" : \"match\" } ,\n \"resource\" : \n{ \"resourceType\" : "
          "\"Condition\" , \"id\" : \"c\" , \"subject\" : { \"reference\" : \"Patient/1\" "
          "} }\n}\n, "
          "{ \"resource\" : " COND("") " , \"search\" : { \"mode\" : \"match\" } } ] \n}\n",
          { COND(""), COND("") } },
        /* texts that look like the structure */
        { BUNDLE("{" FOUND ",\"resource\":" COND(",\"a\":\"}]}\\\"},{\"") "}"),
          { COND(",\"a\":\"}]}\\\"},{\"") } },
        { BUNDLE("{\"resource\":" COND(",\"a}\":[\"{\",\"\\\\\"]") "," FOUND "}"),
          { COND(",\"a}\":[\"{\",\"\\\\\"]") } },
        /* URLs of the upstream, as they may be written; its namesake is another */
        { BUNDLE("{\"resource\":" COND(
              ",\"a\":[\"" UPSTREAM "/X/1\",\"" UPSTREAM "\",\"" UPSTREAM "?a\",\"" UPSTREAM
              "2/X/1\",\"http:\\/\\/10.0.0.7:8080\\/fhir\\/X\\/\\u0031\\\"\"]") "," FOUND
                                                                                "}"),
          { COND(",\"a\":[\"" OURS "/X/1\",\"" OURS "\",\"" OURS "?a\",\"" UPSTREAM
                 "2/X/1\",\"" OURS "/X/1\\\"\"]") } },
        { BUNDLE("{\"fullUrl\":\"" UPSTREAM "/Condition/c\",\"link\":[{\"url\":\"" UPSTREAM
                 "\"}],\"resource\":" COND("") ",\"response\":{\"status\":\"200\"}}"),
          { COND("") } },
    };
    struct gateway_plan plan;
    struct str out;
    json *want, *got;

    assert_int_equal(get(state, "/Condition", "patient=1", &plan), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (release(state, &plan, rows[i].in, &out) != ERR_OK)
            fail_msg("row %zu: %.*s", i, STR(CX->reason));
        assert_int_equal(json_parse(CX, out, JSON_RAW_NUMBERS, &got), ERR_OK);
        assert_int_equal(json_size(json_get(got, "entry")), rows[i].resource[1] ? 2 : 1);
        for (size_t k = 0; k < 2 && rows[i].resource[k] != NULL; k++) {
            const json *entry = json_at(json_get(got, "entry"), k);

            assert_int_equal(
                json_parse(CX, str_of(rows[i].resource[k]), JSON_RAW_NUMBERS, &want),
                ERR_OK);
            if (!json_equal(want, json_get(entry, "resource")))
                fail_msg("row %zu: %.*s", i, STR(out));
            assert_true(json_is(json_get(entry, "fullUrl"), OURS "/Condition/c"));
            assert_null(json_get(entry, "response"));
            assert_null(json_get(entry, "link"));
        }
    }
    assert_int_equal(release(state, &plan, BUNDLE("{\"resource\":" COND("") "},{}"), &out),
                     ERR_UPSTREAM);
    assert_int_equal(release(state, &plan, BUNDLE("{\"resource\":" COND("") "},7"), &out),
                     ERR_UPSTREAM);
    assert_int_equal(
        release(state, &plan, BUNDLE("{\"resource\":" COND("") ",\"search\":7}"), &out),
        ERR_UPSTREAM);
}

static void
upstream_errors_are_told_in_our_words(void **state)
{
    static const struct {
        int status;
        err_t want;
    } rows[] = { { 400, ERR_UPSTREAM_REFUSED }, { 422, ERR_UPSTREAM_REFUSED },
                 { 401, ERR_UPSTREAM },         { 403, ERR_UPSTREAM },
                 { 404, ERR_NOT_FOUND },        { 410, ERR_GONE },
                 { 429, ERR_UNAVAILABLE },      { 500, ERR_UPSTREAM },
                 { 503, ERR_UNAVAILABLE },      { 204, ERR_UPSTREAM },
                 { 302, ERR_UPSTREAM },         { 501, ERR_UNSUPPORTED } };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(gateway__accept(CX, rows[i].status, S("application/fhir+json")),
                         rows[i].want);
    assert_int_equal(gateway__accept(CX, 200, S("text/html")), ERR_UPSTREAM);
    assert_int_equal(gateway__accept(CX, 200, S("")), ERR_UPSTREAM);
    assert_int_equal(gateway__accept(CX, 200, S("application/json")), ERR_OK);
}

static void
headers_tell_the_content_and_places_of_ours(void **state)
{
    static const struct {
        const char *path, *query, *name, *value, *want; /* NULL: it does not go out */
    } rows[] = {
        { "/Patient/1", "", "Server", "HAPI", NULL },
        { "/Patient/1", "", "Set-Cookie", "a=b", NULL },
        { "/Patient/1", "", "Content-Location", "https://else.example/fhir/Patient/1",
          NULL },
        { "/Patient/1", "", "Content-Location", UPSTREAM "2/Patient/1", NULL },
        { "/Condition", "patient=1", "Content-Location", UPSTREAM "/Bundle/5e4c-6b", NULL },
        { "/Condition", "patient=1", "Location", UPSTREAM "?_getpages=5e4c-6b", NULL },
        { "/Patient/1", "", "etag", "W/\"1\"", "W/\"1\"" },
        { "/Patient/1", "", "Content-Location", UPSTREAM "/Patient/1/_history/1",
          OURS "/Patient/1/_history/1" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gateway_plan plan;
        struct str value = str_of(rows[i].value);
        bool passes;

        assert_int_equal(get(state, rows[i].path, rows[i].query, &plan), ERR_OK);
        passes = gateway__pass_header(CX, plan.judged, str_of(rows[i].name), &value);
        if (passes != (rows[i].want != NULL) ||
            (passes && !str_eq(value, str_of(rows[i].want))))
            fail_msg("row %zu: %.*s", i, STR(value));
    }
}

/* --- pages -------------------------------------------------------------------------- */

#define NEXT(url)                                                                          \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":"         \
    "\"next\",\"url\":\"" url "\"}],\"entry\":[]}"

static struct str
page_of(void **state, const char *path, const char *query)
{
    struct gateway_plan plan;
    struct str out;
    size_t at;

    assert_int_equal(get(state, path, query, &plan), ERR_OK);
    assert_int_equal(release(state, &plan, NEXT(UPSTREAM "?_getpages=abc&patient=1"), &out),
                     ERR_OK);
    assert_false(has(out, "getpages"));
    at = str_search(out, S("/_page?h="));
    assert_true(at < out.n);
    out = str_sub(out, at + 7, out.n);
    return arena_str(&W->t.arena, str_sub(out, 0, str_find(out, '"')));
}

static void
pages_are_bound_to_token_patient_and_policy(void **state)
{
    struct gateway_plan plan;
    struct str page = page_of(state, "/Condition", "patient=1");
    char *broken = arena_z(&W->t.arena, page);

    assert_non_null(broken);
    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_OK);
    assert_true(str_is(plan.url, UPSTREAM "?_getpages=abc&patient=1"));
    assert_int_equal(plan.method, HTTP_GET);
    assert_int_equal(plan.way, GATEWAY_HOLD);
    assert_int_equal(told.event, AUDIT_RECORD_SEARCHED);
    assert_true(str_is(told.ground, "ground-1"));
    /* another token, though it may ask the same */
    assert_int_equal(judge(state, "other", HTTP_GET, "/_page", page.p, "", &plan),
                     ERR_NOT_FOUND);
    /* altered, cut, none */
    broken[40] = broken[40] == 'A' ? 'B' : 'A';
    assert_int_equal(get(state, "/_page", broken, &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/_page", "h=AAAA", &plan), ERR_NOT_FOUND);
    assert_int_equal(get(state, "/_page", "", &plan), ERR_NOT_FOUND);
    assert_int_equal(judge(state, "good", HTTP_POST, "/_page", page.p, "", &plan),
                     ERR_METHOD);
    /* the ground ended meanwhile */
    ground_there = false;
    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_GROUND);
    ground_there = true;
    CX->now_ms += W->conf->gateway_pages;
    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_GONE);
}

/* What the search had to ask for, its pages must give. */
static void
a_page_is_what_its_rule_requires(void **state)
{
    struct gateway_plan plan;
    struct str page = page_of(state, "/Observation", ALCOHOL_ASKED), out;

    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_OK);
    assert_int_equal(release(state, &plan, BUNDLE(MATCH(ALCOHOL)), &out), ERR_OK);
    assert_int_equal(release(state, &plan, BUNDLE(MATCH(WEIGHT)), &out), ERR_UPSTREAM);
}

/* A reload between two pages: another version of the policy is another decision. */
static void
a_page_ends_with_its_policy(void **state)
{
    struct gateway_plan plan;
    struct str page = page_of(state, "/Condition", "patient=1"), rest,
               version = S("\"version\": \"1.0.0\"");
    struct policy_source *list;
    struct policy_set *later;
    size_t n, refused, at;

    assert_int_equal(policy_sources(CX, S("policies"), &list, &n), ERR_OK);
    assert_true(str_is(list[0].name, "bgz"));
    at = str_search(list[0].policy, version);
    assert_true(at < list[0].policy.n);
    rest = str_sub(list[0].policy, at + version.n, list[0].policy.n);
    list[0].policy = arena_printf(&W->t.arena, "%.*s\"version\": \"1.0.1\"%.*s", (int)at,
                                  list[0].policy.p, STR(rest));
    assert_int_equal(policy_set_new(CX, list, 1, NULL, &later, &refused), ERR_OK);
    assert_int_equal(refused, 0);
    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_OK);
    policies_now = later;
    assert_int_equal(get(state, "/_page", page.p, &plan), ERR_GONE);
    policy_set_give(later);
}

static void
pages_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const bodies[] = {
        NEXT("http://evil.example/fhir?p=2"),
        NEXT(UPSTREAM "2?p=2"),
        NEXT("http://10.0.0.7:8080/other?p=2"),
        NEXT(UPSTREAM "/../other"),
        NEXT(UPSTREAM "/%2e%2e/other"),
        NEXT(UPSTREAM "//other"),
        NEXT(UPSTREAM "?a=b#c"),
        NEXT(""),
        NEXT("Condition?page=2"),
        NEXT(UPSTREAM "?a b"),
        NEXT(UPSTREAM "@evil.example/"),
    };
    struct gateway_plan plan;
    struct str out;

    assert_int_equal(get(state, "/Condition", "patient=1", &plan), ERR_OK);
    for (size_t i = 0; i < COUNT(bodies); i++)
        if (release(state, &plan, bodies[i], &out) != ERR_UPSTREAM)
            fail_msg("%s", bodies[i]);
}

/* --- the loop, memory, options ------------------------------------------------------ */

static void
a_known_patient_is_judged_on_the_loop(void **state)
{
    struct gateway_plan plan;

    CX->may_not_block = true;
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_WOULD_BLOCK);
    CX->may_not_block = false;
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_OK);
    CX->may_not_block = true;
    fetches = 0;
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_OK);
    assert_int_equal(fetches, 0);
    CX->now_ms += W->conf->gateway_patients; /* and forgotten in time */
    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_WOULD_BLOCK);
    CX->may_not_block = false;
}

static void
remembers_no_number(void **state)
{
    struct gateway_plan plan;
    struct bytes value, key = { (const uint8_t *)"hospital\0" UPSTREAM "\0"
                                                 "1",
                                sizeof("hospital\0" UPSTREAM "\0"
                                       "1") -
                                    1 };

    assert_int_equal(get(state, "/Patient/1", "", &plan), ERR_OK);
    assert_true(cache_get(CX, W->gw.patients, key, &value));
    assert_true(str_is(str_of_bytes(value), "mac-1 jwe-1"));
}

static void
survives_every_failing_allocation(void **state)
{
    static const char *const requests[] = {
        "GET /fhir/hospital/Condition?patient=1 HTTP/1.1\r\nHost: a\r\nAuthorization: "
        "Bearer "
        "good\r\n\r\n",
        "GET /fhir/hospital/DocumentReference/d1 HTTP/1.1\r\nHost: a\r\nAuthorization: "
        "Bearer "
        "good\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT(requests); i++) {
        const struct reply_relay *relay = NULL;
        struct str reply = { NULL, 0 };

        for (long n = 1; n < 400 && relay == NULL && !has(reply, "HTTP/1.1 200"); n++) {
            cache_clear(W->gw.patients);
            reply = ask(state, requests[i], n, &relay);
            if (reply.n != 0 && !has(reply, "HTTP/1.1 200"))
                assert_true(has(reply, "HTTP/1.1 5") || has(reply, "HTTP/1.1 413"));
        }
        assert_true(relay != NULL || has(reply, "HTTP/1.1 200"));
    }
}

static void
options_are_proven(void **state)
{
    static struct str bad[] = { S_INIT("hospital"),
                                S_INIT("=http://h"),
                                S_INIT("hospital=ftp://h"),
                                S_INIT("hospital=http://h/fhir/"),
                                S_INIT("hospital=http://h/fhir?x=1"),
                                S_INIT("hospital=http://user@h/fhir") };
    static struct str twice[] = { S_INIT("hospital=http://h"),
                                  S_INIT("hospital=http://g") };

    assert_int_equal(gateway__prove_options(CX), ERR_OK);
    for (size_t i = 0; i < COUNT(bad); i++) {
        W->conf->gateway_upstreams = (struct conf_list){ &bad[i], 1 };
        assert_int_equal(gateway__prove_options(CX), ERR_CONF);
    }
    W->conf->gateway_upstreams = (struct conf_list){ twice, 2 };
    assert_int_equal(gateway__prove_options(CX), ERR_CONF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_callers_without_proof),
        TEST(takes_a_bound_token_with_its_proof),
        TEST(a_proof_is_checked_between_two_runs),
        TEST(a_bound_token_through_the_door),
        TEST(refuses_unknown_tenants),
        TEST(permits_a_patient_under_a_ground),
        TEST(refuses_who_cannot_be_resolved),
        TEST(existence_does_not_leak),
        TEST(holds_a_read_until_its_patient_is_judged),
        TEST(sends_a_number_out_of_sight),
        TEST(asks_for_the_enrolment_of_the_patient),
        TEST(a_tenant_adopts_its_policies),
        TEST(hole_1_no_parameter_is_smuggled_beside_a_form),
        TEST(hole_2_what_is_judged_is_forwarded),
        TEST(hole_4_parameters_of_operations_are_judged),
        TEST(hole_5_no_question_of_existence_alone),
        TEST(hole_6_a_large_body_is_not_judged_empty),
        TEST(hole_10_a_broad_scope_does_not_weaken_a_narrow_one),
        TEST(hole_12_a_ground_that_ended_is_none),
        TEST(forwards_no_credentials),
        TEST(door_answers_as_the_rfcs_say),
        TEST(releases_what_was_judged_and_no_more),
        TEST(an_answer_is_what_its_rule_requires),
        TEST(links_lead_to_the_gateway),
        TEST(of_a_search_the_mode_passes),
        TEST(an_answer_without_matches_has_no_list),
        TEST(resources_pass_whole_and_alone),
        TEST(upstream_errors_are_told_in_our_words),
        TEST(headers_tell_the_content_and_places_of_ours),
        TEST(pages_are_bound_to_token_patient_and_policy),
        TEST(a_page_is_what_its_rule_requires),
        TEST(a_page_ends_with_its_policy),
        TEST(pages_that_lead_elsewhere_are_refused),
        TEST(a_known_patient_is_judged_on_the_loop),
        TEST(remembers_no_number),
        TEST(survives_every_failing_allocation),
        TEST(options_are_proven),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
