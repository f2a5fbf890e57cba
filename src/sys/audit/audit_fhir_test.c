/*
 * audit_fhir_test.c - events as AuditEvents, against the patterns that IHE BALP
 * publishes with its examples (PatientRead, PatientQuery, AuthZconsent) and the
 * cardinalities of FHIR R4. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/audit/audit_log.h"

#include <string.h>

#define BALP "https://profiles.ihe.net/ITI/BALP/"
#define THO  "http://terminology.hl7.org/CodeSystem/"
#define DCM  "http://dicom.nema.org/resources/ontology/DCM"

static struct audit_entry
a_read(void)
{
    return (struct audit_entry){
        .seq = 42,
        .record = {
            .event = AUDIT_RECORD_READ,
            .outcome = AUDIT_PERMITTED,
            .at_ms = INT64_C(1767225600123),
            .request_id = S("76d148b6586d11ecbf630242ac130002"),
            .trace = S("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            .who = S("did:web:b.example:iam:thuiszorg"),
            .who_name = S("Thuiszorg De Linde"),
            .person = S("uzi:900000009"),
            .role = S("01.015"),
            .custodian = S("did:web:a.example:iam:ziekenhuis"),
            .source_ip = S("2001:db8::7"),
            .what = S("GET Observation"),
            .entity = S("Observation/f001"),
            .patient = S("eyJhbGciOiJFQ0RILUVTIn0..a.b.c"),
            .patient_mac = S("bWFj"),
            .policy = S("bgz"),
            .policy_version = S("1.0.0"),
            .ground = S("consent:7"),
            .purpose = S("TREAT"),
        },
    };
}

static json *
rendered(struct test_ctx *t, const struct audit_entry *e)
{
    struct json_out js;
    struct str text;
    json *v;

    json_out_init(&js, &t->arena);
    assert_int_equal(audit_fhir(&t->cx, e, S("node.example"), &js), ERR_OK);
    assert_int_equal(json_out_done(&t->cx, &js, &text), ERR_OK);
    assert_int_equal(json_parse(&t->cx, text, JSON_STRICT, &v), ERR_OK);
    return v;
}

static bool
coding(const json *v, const char *system, const char *code)
{
    return json_is(json_get(v, "system"), system) && json_is(json_get(v, "code"), code);
}

/* The agent with this type; NULL when there is none. */
static json *
agent(const json *v, const char *system, const char *code)
{
    for (json_each(it, json_get(v, "agent")))
        if (coding(json_at(json_path(it.value, "type", "coding", NULL), 0), system, code))
            return it.value;
    return NULL;
}

static json *
entity(const json *v, const char *type_system, const char *type, const char *role)
{
    for (json_each(it, json_get(v, "entity")))
        if (coding(json_get(it.value, "type"), type_system, type) &&
            (role == NULL || coding(json_get(it.value, "role"), THO "object-role", role)))
            return it.value;
    return NULL;
}

static size_t
requestors(const json *v)
{
    size_t n = 0;
    bool is;

    for (json_each(it, json_get(v, "agent"))) {
        assert_true(json_bool(json_get(it.value, "requestor"), &is)); /* R4: 1..1 */
        n += is;
    }
    return n;
}

/* What R4 asks of every AuditEvent, and NEN 7513 of every event. */
static void
is_audit_event(const json *v)
{
    struct str text;

    assert_true(json_is(json_get(v, "resourceType"), "AuditEvent"));
    assert_true(json_str(json_path(v, "type", "system", NULL), &text));
    assert_true(json_str(json_path(v, "type", "code", NULL), &text));
    assert_true(json_size(json_get(v, "subtype")) >= 1);
    assert_true(json_str(json_get(v, "action"), &text) && text.n == 1);
    assert_true(json_str(json_get(v, "recorded"), &text));
    assert_true(json_str(json_get(v, "outcome"), &text));
    assert_true(json_size(json_get(v, "agent")) >= 1);
    assert_int_equal(requestors(v), 1);
    assert_non_null(json_path(v, "source", "observer", NULL));
    for (json_each(it, json_get(v, "entity")))
        assert_non_null(json_get(it.value, "type"));
}

static bool
profile(const json *v, const char *name)
{
    return json_is(json_at(json_path(v, "meta", "profile", NULL), 0), name);
}

static void
a_read_is_balp_patient_read(void **state)
{
    struct test_ctx t;
    struct audit_entry e = a_read();
    json *v, *a;
    bool is;

    (void)state;
    test_ctx_init(&t);
    v = rendered(&t, &e);
    is_audit_event(v);
    assert_true(profile(v, BALP "StructureDefinition/IHE.BasicAudit.PatientRead"));
    assert_true(coding(json_get(v, "type"), THO "audit-event-type", "rest"));
    assert_true(coding(json_at(json_get(v, "subtype"), 0),
                       "http://hl7.org/fhir/restful-interaction", "read"));
    assert_true(json_is(json_get(v, "action"), "R"));
    assert_true(json_is(json_get(v, "outcome"), "0"));
    assert_true(json_is(json_get(v, "recorded"), "2026-01-01T00:00:00.123Z"));
    a = agent(v, DCM, "110152"); /* the client is the destination of what is read */
    assert_true(json_is(json_path(a, "network", "address", NULL), "2001:db8::7"));
    assert_true(json_is(json_path(a, "network", "type", NULL), "2"));
    assert_true(json_is(json_path(a, "who", "display", NULL), "Thuiszorg De Linde"));
    a = agent(v, DCM, "110153");
    assert_true(json_is(json_path(a, "who", "identifier", "value", NULL),
                        "did:web:a.example:iam:ziekenhuis"));
    a = agent(v, THO "v3-ParticipationType", "IRCP");
    assert_true(json_bool(json_get(a, "requestor"), &is) && is);
    assert_true(json_is(json_path(a, "who", "identifier", "value", NULL), "uzi:900000009"));
    assert_true(json_is(json_at(json_get(a, "policy"), 0), "bgz|1.0.0"));
    assert_true(
        coding(json_at(json_get(json_at(json_get(a, "purposeOfUse"), 0), "coding"), 0),
               THO "v3-ActReason", "TREAT"));
    assert_non_null(
        agent(v, THO "v3-RoleClass", "PROV")); /* the responsible organisation */
    test_ctx_fini(&t);
}

static void
entities_name_patient_data_ground_and_request(void **state)
{
    struct test_ctx t;
    struct audit_entry e = a_read();
    json *v, *x;

    (void)state;
    test_ctx_init(&t);
    v = rendered(&t, &e);
    x = entity(v, THO "audit-entity-type", "1", "1");
    assert_true(json_is(json_path(x, "what", "identifier", "value", NULL),
                        "eyJhbGciOiJFQ0RILUVTIn0..a.b.c"));
    assert_true(
        json_is(json_get(json_at(json_get(x, "detail"), 0), "valueString"), "bWFj"));
    x = entity(v, THO "audit-entity-type", "2", "4");
    assert_true(json_is(json_path(x, "what", "reference", NULL), "Observation/f001"));
    x = entity(v, "http://hl7.org/fhir/resource-types", "Consent", NULL);
    assert_true(json_is(json_path(x, "what", "identifier", "value", NULL), "consent:7"));
    x = entity(v, BALP "CodeSystem/BasicAuditEntityType", "XrequestId", NULL);
    assert_true(json_is(json_path(x, "what", "identifier", "value", NULL),
                        "76d148b6586d11ecbf630242ac130002"));
    x = entity(v, "urn:knoop:audit-event", "log-line", NULL);
    assert_true(json_is(json_path(x, "what", "identifier", "value", NULL), "42"));
    test_ctx_fini(&t);
}

static void
a_search_is_balp_patient_query(void **state)
{
    struct test_ctx t;
    struct audit_entry e = a_read();
    json *v, *x;

    (void)state;
    test_ctx_init(&t);
    e.record.event = AUDIT_RECORD_SEARCHED;
    e.record.entity = S("");
    v = rendered(&t, &e);
    is_audit_event(v);
    assert_true(profile(v, BALP "StructureDefinition/IHE.BasicAudit.PatientQuery"));
    assert_true(coding(json_at(json_get(v, "subtype"), 0),
                       "http://hl7.org/fhir/restful-interaction", "search"));
    assert_true(json_is(json_get(v, "action"), "E"));
    assert_non_null(json_get(agent(v, DCM, "110153"), "network")); /* the query's source */
    assert_non_null(agent(v, DCM, "110152"));
    x = entity(v, THO "audit-entity-type", "2", "24");
    assert_true(json_is(json_get(x, "query"), "R0VUIE9ic2VydmF0aW9u"));
    assert_null(json_get(x, "what")); /* R4 and BALP: 0..0 beside query */
    assert_non_null(entity(v, THO "audit-entity-type", "1", "1"));
    test_ctx_fini(&t);
}

static void
a_denial_is_balp_authz_consent(void **state)
{
    struct test_ctx t;
    struct audit_entry e = a_read();
    json *v;

    (void)state;
    test_ctx_init(&t);
    e.record.outcome = AUDIT_DENIED;
    e.record.code = S("POLICY_REQUEST");
    e.record.clause = S("RFC 6750 3.1");
    e.record.reason = S("the policy has no such query");
    v = rendered(&t, &e);
    is_audit_event(v);
    assert_true(profile(v, BALP "StructureDefinition/IHE.BasicAudit.AuthZconsent"));
    assert_true(coding(json_get(v, "type"), DCM, "110113"));
    assert_true(coding(json_at(json_get(v, "subtype"), 0), BALP "CodeSystem/AuthZsubType",
                       "AuthZ-Consent"));
    assert_true(json_is(json_get(v, "action"), "E"));
    assert_true(json_is(json_get(v, "outcome"), "8"));
    assert_true(json_is(json_get(v, "outcomeDesc"),
                        "POLICY_REQUEST, RFC 6750 3.1: the policy has no such query"));
    assert_non_null(agent(v, DCM, "110150"));
    assert_non_null(agent(v, THO "extra-security-role-type", "authserver"));
    assert_non_null(agent(v, THO "v3-RoleClass", "PROV"));
    assert_true(coding(json_at(json_path(v, "source", "type", NULL), 0),
                       THO "security-source-type", "6"));
    /* without a ground there is no consent to name: the profile is not claimed */
    e.record.ground = S("");
    v = rendered(&t, &e);
    is_audit_event(v);
    assert_null(json_get(v, "meta"));
    test_ctx_fini(&t);
}

/* Whatever the event, however little it holds. */
static void
every_event_is_an_audit_event(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    for (enum audit_event x = AUDIT_NOT_NEEDED + 1; x < AUDIT_COUNT; x++)
        for (enum audit_outcome o = AUDIT_PERMITTED; o <= AUDIT_FAILED; o++) {
            struct audit_entry e = { .seq = 1, .record = { .event = x, .outcome = o } };

            is_audit_event(rendered(&t, &e));
            e = a_read();
            e.record.event = x;
            e.record.outcome = o;
            is_audit_event(rendered(&t, &e));
            e.record.person = S(""); /* then the system is who asks */
            is_audit_event(rendered(&t, &e));
        }
    struct audit_entry none = { .seq = 1 };
    struct json_out js;

    json_out_init(&js, &t.arena);
    assert_int_equal(audit_fhir(&t.cx, &none, S("x"), &js), ERR_UNSUPPORTED);
    test_ctx_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_is_balp_patient_read),
        cmocka_unit_test(entities_name_patient_data_ground_and_request),
        cmocka_unit_test(a_search_is_balp_patient_query),
        cmocka_unit_test(a_denial_is_balp_authz_consent),
        cmocka_unit_test(every_event_is_an_audit_event),
    };

    return cmocka_run_group_tests_name("audit_fhir", tests, NULL, NULL);
}
