/*
 * audit_fhir.c - an event as a FHIR R4 AuditEvent (IHE BALP 1.1.x).
 *
 *   PatientRead, PatientQuery   what was permitted; the client, we, the person
 *   AuthZconsent                what was decided on a ground, and denied
 *   the others                  DICOM and own codes, same agents and entities
 *
 * A profile is claimed only when the event fills its pattern. EUPL-1.2.
 */
#include "sys/audit/audit_log.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"

#define BALP "https://profiles.ihe.net/ITI/BALP/"
#define THO  "http://terminology.hl7.org/CodeSystem/"
static const char dcm[] = "http://dicom.nema.org/resources/ontology/DCM";
static const char own[] = "urn:knoop:audit-event";
static const char rest[] = "http://hl7.org/fhir/restful-interaction";

struct code {
    const char *system, *code, *display;
};

static const struct code rest_type = { THO "audit-event-type", "rest",
                                       "Restful Operation" };
static const struct code alert = { dcm, "110113", "Security Alert" };
static const struct code activity = { dcm, "110100", "Application Activity" };
static const struct code login = { dcm, "110114", "User Authentication" };
static const struct code record = { dcm, "110110", "Patient Record" };
static const struct code log_used = { dcm, "110101", "Audit Log Used" };

enum shape { SHAPE_NONE, SHAPE_READ, SHAPE_QUERY, SHAPE_DECISION, SHAPE_OTHER };

struct form {
    enum shape shape;
    const struct code *type;
    const char *system; /* of the row's subtype */
};
static const struct form forms[AUDIT_COUNT] = {
    [AUDIT_RECORD_READ] = { SHAPE_READ, &rest_type, rest },
    [AUDIT_RECORD_SEARCHED] = { SHAPE_QUERY, &rest_type, rest },
    [AUDIT_ACCESS_REFUSED] = { SHAPE_DECISION, &alert, own },
    [AUDIT_ANSWER_BROKEN] = { SHAPE_OTHER, &activity, own },
    [AUDIT_TOKEN_ISSUED] = { SHAPE_OTHER, &login, own },
    [AUDIT_TOKEN_REFUSED] = { SHAPE_OTHER, &login, own },
    [AUDIT_TOKEN_REQUESTED] = { SHAPE_OTHER, &login, own },
    [AUDIT_UNAUTHENTICATED] = { SHAPE_OTHER, &alert, own },
    [AUDIT_GROUND_CHANGED] = { SHAPE_OTHER, &record, own },
    [AUDIT_LOG_READ] = { SHAPE_OTHER, &log_used, own },
    [AUDIT_PERSON_OPENED] = { SHAPE_OTHER, &log_used, own },
    [AUDIT_LOG_TORN] = { SHAPE_OTHER, &log_used, own },
    [AUDIT_RING_LOST] = { SHAPE_OTHER, &log_used, own },
    [AUDIT_CHECKPOINT] = { SHAPE_OTHER, &log_used, own },
};
/* What has no row here: something the node did. */
static const struct form plain = { SHAPE_OTHER, &activity, own };

/* --- pieces ----------------------------------------------------------------------- */

static void
put_coding(struct json_out *js, const struct code *c)
{
    json_object(js);
    json_member_z(js, "system", c->system);
    json_member_z(js, "code", c->code);
    if (c->display != NULL)
        json_member_z(js, "display", c->display);
    json_end(js);
}

static void
put_concept(struct json_out *js, const char *key, const struct code *c)
{
    json_key(js, key);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    put_coding(js, c);
    json_end(js);
    json_end(js);
}

static void
put_identifier(struct json_out *js, const char *system, struct str value)
{
    json_key(js, "identifier");
    json_object(js);
    if (system != NULL)
        json_member_z(js, "system", system);
    json_member(js, "value", value);
    json_end(js);
}

static void
put_who(struct json_out *js, struct str id, struct str display)
{
    json_key(js, "who");
    json_object(js);
    if (id.n != 0)
        put_identifier(js, NULL, id);
    if (display.n != 0)
        json_member(js, "display", display);
    json_end(js);
}

static void
put_detail(struct json_out *js, const char *type, struct str value)
{
    json_object(js);
    json_member_z(js, "type", type);
    json_member(js, "valueString", value);
    json_end(js);
}

/* --- agents: the client, we, the person --------------------------------------------- */

static void
put_policy(struct json_out *js, const struct audit_record *r)
{
    if (r->policy.n == 0)
        return;
    json_key(js, "policy");
    json_array(js);
    if (r->policy_version.n != 0) {
        char both[256];

        snprintf(both, sizeof(both), "%.*s|%.*s", STR(r->policy), STR(r->policy_version));
        json_put_z(js, both);
    } else {
        json_put_str(js, r->policy);
    }
    json_end(js);
}

static bool
is_act_reason(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n != 0;
}

static void
put_purpose(struct json_out *js, struct str purpose)
{
    if (purpose.n == 0)
        return;
    json_key(js, "purposeOfUse");
    json_array(js);
    json_object(js);
    if (is_act_reason(purpose)) { /* TREAT, ETREAT, PATRQT … */
        json_key(js, "coding");
        json_array(js);
        json_object(js);
        json_member_z(js, "system", THO "v3-ActReason");
        json_member(js, "code", purpose);
        json_end(js);
        json_end(js);
    } else {
        json_member(js, "text", purpose);
    }
    json_end(js);
    json_end(js);
}

static void
put_client(struct json_out *js, const struct audit_record *r, const struct code *role)
{
    bool asks = r->person.n == 0; /* without a person the system itself asks */

    json_object(js);
    put_concept(js, "type", role);
    if (r->who.n != 0 || r->who_name.n != 0)
        put_who(js, r->who, r->who_name);
    json_member_bool(js, "requestor", asks);
    if (asks)
        put_policy(js, r);
    if (r->source_ip.n != 0) {
        json_key(js, "network");
        json_object(js);
        json_member(js, "address", r->source_ip);
        json_member_z(js, "type", "2"); /* network-type: IP address */
        json_end(js);
    }
    if (asks)
        put_purpose(js, r->purpose);
    json_end(js);
}

static void
put_us(struct json_out *js, const struct audit_record *r, const struct code *role,
       struct str site)
{
    json_object(js);
    put_concept(js, "type", role);
    put_who(js, r->custodian, r->custodian.n == 0 ? site : (struct str){ NULL, 0 });
    json_member_bool(js, "requestor", false);
    json_end(js);
}

static void
put_person(struct json_out *js, const struct audit_record *r)
{
    static const struct code recipient = { THO "v3-ParticipationType", "IRCP",
                                           "information recipient" };

    if (r->person.n == 0)
        return;
    json_object(js);
    put_concept(js, "type", &recipient);
    if (r->role.n != 0) {
        json_key(js, "role");
        json_array(js);
        json_object(js);
        json_member(js, "text", r->role);
        json_end(js);
        json_end(js);
    }
    put_who(js, r->person, (struct str){ NULL, 0 });
    json_member_bool(js, "requestor", true);
    put_policy(js, r);
    put_purpose(js, r->purpose);
    json_end(js);
}

/* The organisation for which the person asks: NEN 7513's responsible user. */
static void
put_provider(struct json_out *js, const struct audit_record *r)
{
    static const struct code provider = { THO "v3-RoleClass", "PROV",
                                          "healthcare provider" };

    if (r->who.n == 0)
        return;
    json_object(js);
    put_concept(js, "type", &provider);
    put_who(js, r->who, r->who_name);
    json_member_bool(js, "requestor", false);
    json_end(js);
}

static void
put_agents(struct json_out *js, const struct audit_record *r, enum shape shape,
           struct str site)
{
    static const struct code application = { dcm, "110150", "Application" };
    static const struct code source = { dcm, "110153", "Source Role ID" };
    static const struct code destination = { dcm, "110152", "Destination Role ID" };
    static const struct code server = { THO "extra-security-role-type", "authserver",
                                        "authorization server" };
    /* Data flows from us when it is read; a query flows to us (BALP). */
    const struct code *client = shape == SHAPE_READ    ? &destination
                                : shape == SHAPE_QUERY ? &source
                                                       : &application;
    const struct code *us = shape == SHAPE_READ    ? &source
                            : shape == SHAPE_QUERY ? &destination
                                                   : &server;

    json_key(js, "agent");
    json_array(js);
    put_client(js, r, client);
    put_us(js, r, us, site);
    put_person(js, r);
    put_provider(js, r);
    json_end(js);
}

/* --- entities ----------------------------------------------------------------------- */

static void
put_type(struct json_out *js, const struct code *type, const struct code *role)
{
    json_key(js, "type");
    put_coding(js, type);
    if (role != NULL) {
        json_key(js, "role");
        put_coding(js, role);
    }
}

static const struct code person_type = { THO "audit-entity-type", "1", "Person" };
static const struct code system_type = { THO "audit-entity-type", "2", "System Object" };

static void
put_patient(struct json_out *js, const struct audit_record *r)
{
    static const struct code role = { THO "object-role", "1", "Patient" };

    if (r->patient.n == 0)
        return;
    json_object(js);
    json_key(js, "what");
    json_object(js);
    put_identifier(js, "urn:knoop:sealed-person", r->patient);
    json_end(js);
    put_type(js, &person_type, &role);
    json_key(js, "detail");
    json_array(js);
    put_detail(js, "urn:knoop:person-mac", r->patient_mac);
    json_end(js);
    json_end(js);
}

/* "Observation/7" is a reference; anything else is words. */
static void
put_what(struct json_out *js, struct str entity, struct str words)
{
    size_t slash = str_find(entity, '/');

    json_key(js, "what");
    json_object(js);
    if (slash > 0 && slash + 1 < entity.n && entity.p[0] >= 'A' && entity.p[0] <= 'Z')
        json_member(js, "reference", entity);
    else
        json_member(js, "display", entity.n != 0 ? entity : words);
    json_end(js);
}

static void
put_data(struct json_out *js, const struct audit_record *r, enum shape shape)
{
    static const struct code resource = { THO "object-role", "4", "Domain Resource" };
    static const struct code query = { THO "object-role", "24", "Query" };

    if (r->what.n == 0 && r->entity.n == 0)
        return;
    json_object(js);
    if (shape != SHAPE_QUERY)
        put_what(js, r->entity, r->what);
    put_type(js, &system_type, shape == SHAPE_QUERY ? &query : &resource);
    if (r->what.n != 0)
        json_member(js, "description", r->what);
    if (shape == SHAPE_QUERY) {
        struct buf b;

        buf_init(&b, js->buf.arena);
        buf_b64(&b, bytes_of(r->what));
        json_member(js, "query", (struct str){ b.p, b.failed ? 0 : b.n });
    }
    json_end(js);
}

static void
put_ground(struct json_out *js, const struct audit_record *r)
{
    static const struct code consent = { "http://hl7.org/fhir/resource-types", "Consent",
                                         "Consent" };

    if (r->ground.n == 0)
        return;
    json_object(js);
    json_key(js, "what");
    json_object(js);
    put_identifier(js, NULL, r->ground);
    json_end(js);
    put_type(js, &consent, NULL);
    json_end(js);
}

static void
put_request(struct json_out *js, const struct audit_record *r)
{
    static const struct code request = { BALP "CodeSystem/BasicAuditEntityType",
                                         "XrequestId", NULL };

    if (r->request_id.n == 0)
        return;
    json_object(js);
    json_key(js, "what");
    json_object(js);
    put_identifier(js, NULL, r->request_id);
    json_end(js);
    put_type(js, &request, NULL);
    if (r->trace.n != 0) {
        json_key(js, "detail");
        json_array(js);
        put_detail(js, "traceparent", r->trace);
        json_end(js);
    }
    json_end(js);
}

/* Which line of the log this is, so that it can be proved; and how many it stands for. */
static void
put_place(struct json_out *js, const struct audit_entry *entry)
{
    static const struct code line = { own, "log-line", NULL };
    char number[24];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)entry->seq);
    json_object(js);
    json_key(js, "what");
    json_object(js);
    put_identifier(js, "urn:knoop:audit-seq", str_of(number));
    json_end(js);
    put_type(js, &line, NULL);
    if (entry->record.count != 0) {
        snprintf(number, sizeof(number), "%lld", (long long)entry->record.count);
        json_key(js, "detail");
        json_array(js);
        put_detail(js, "count", str_of(number));
        json_end(js);
    }
    json_end(js);
}

/* --- the whole ---------------------------------------------------------------------- */

static const char *
profile_of(const struct audit_record *r, enum shape shape)
{
    if (r->patient.n == 0)
        return NULL;
    switch (shape) {
    case SHAPE_READ: return BALP "StructureDefinition/IHE.BasicAudit.PatientRead";
    case SHAPE_QUERY: return BALP "StructureDefinition/IHE.BasicAudit.PatientQuery";
    case SHAPE_DECISION:
        /* The profile wants the consent that was decided on, and the user. */
        return r->ground.n != 0 && r->person.n != 0 ? BALP
                   "StructureDefinition/IHE.BasicAudit.AuthZconsent"
                                                    : NULL;
    case SHAPE_NONE:
    case SHAPE_OTHER: return NULL;
    }
    return NULL;
}

static void
put_meta(struct json_out *js, const char *profile)
{
    if (profile == NULL)
        return;
    json_key(js, "meta");
    json_object(js);
    json_key(js, "profile");
    json_array(js);
    json_put_z(js, profile);
    json_end(js);
    json_end(js);
}

static void
put_outcome(struct json_out *js, const struct audit_record *r)
{
    char words[1024];

    /* R4 audit-event-outcome: success, serious failure (BALP's deny), minor failure. */
    json_member_z(js, "outcome",
                  r->outcome == AUDIT_PERMITTED ? "0"
                  : r->outcome == AUDIT_DENIED  ? "8"
                                                : "4");
    if (r->code.n == 0 && r->reason.n == 0)
        return;
    snprintf(words, sizeof(words), "%.*s%s%.*s: %.*s", STR(r->code),
             r->clause.n ? ", " : "", STR(r->clause), STR(r->reason));
    json_member_z(js, "outcomeDesc", words);
}

static void
put_source(struct json_out *js, const struct audit_record *r, enum shape shape,
           struct str site)
{
    static const struct code application = { THO "security-source-type", "4",
                                             "Application Server" };
    static const struct code security = { THO "security-source-type", "6",
                                          "Security Server" };

    json_key(js, "source");
    json_object(js);
    json_member(js, "site", site);
    json_key(js, "observer");
    json_object(js);
    if (r->custodian.n != 0)
        put_identifier(js, NULL, r->custodian);
    else
        json_member(js, "display", site);
    json_end(js);
    json_key(js, "type");
    json_array(js);
    put_coding(js, shape == SHAPE_DECISION ? &security : &application);
    json_end(js);
    json_end(js);
}

/* What was denied is a decision, whatever was asked. */
static struct form
form_of(const struct audit_record *r)
{
    struct form f = forms[r->event].shape == SHAPE_NONE ? plain : forms[r->event];

    if (r->outcome == AUDIT_DENIED && (f.shape == SHAPE_READ || f.shape == SHAPE_QUERY))
        return (struct form){ SHAPE_DECISION, &alert, own };
    return f;
}

static void
put_subtypes(struct json_out *js, const struct audit_row *row, const struct form *f)
{
    static const struct code authz = { BALP "CodeSystem/AuthZsubType", "AuthZ-Consent",
                                       NULL };
    struct code sub = { f->system, row->subtype, NULL };

    json_key(js, "subtype");
    json_array(js);
    if (f->shape == SHAPE_DECISION)
        put_coding(js, &authz);
    put_coding(js, &sub);
    json_end(js);
}

err_t
audit_fhir(struct ctx *cx, const struct audit_entry *entry, struct str site,
           struct json_out *js)
{
    const struct audit_record *r = &entry->record;
    const struct audit_row *row = audit_event_row(r->event);
    char at[TIME_TEXT], id[32], action[2];
    struct form f;

    if (row == NULL)
        return refuse(cx, ERR_UNSUPPORTED, "", "this program does not know the event %llu",
                      (unsigned long long)entry->seq);
    f = form_of(r);
    action[0] = f.shape == SHAPE_DECISION ? 'E' : row->action;
    action[1] = 0;
    snprintf(id, sizeof(id), "%llu", (unsigned long long)entry->seq);

    json_object(js);
    json_member_z(js, "resourceType", "AuditEvent");
    json_member_z(js, "id", id);
    put_meta(js, profile_of(r, f.shape));
    json_key(js, "type");
    put_coding(js, f.type);
    put_subtypes(js, row, &f);
    json_member_z(js, "action", action);
    json_member(js, "recorded", time_text_ms(at, r->at_ms));
    put_outcome(js, r);
    put_agents(js, r, f.shape, site);
    put_source(js, r, f.shape, site);
    json_key(js, "entity");
    json_array(js);
    put_patient(js, r);
    put_data(js, r, f.shape);
    put_ground(js, r);
    put_request(js, r);
    put_place(js, entry);
    json_end(js);
    json_end(js);
    return ERR_OK;
}
