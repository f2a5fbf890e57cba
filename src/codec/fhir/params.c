/*
 * params.c - the search parameters of FHIR R4 (4.0.1), type by type, in R4's
 * order. Left out: composite and special ones. To add a type: its rows, and a
 * line in `types` at the end.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

#include <stdlib.h>

/* clang-format off: tables to be read by column */
#define TOKEN(name, path)                                                                  \
    {                                                                                      \
        name, FHIR_TOKEN, path, NULL                                                       \
    }
#define STRING(name, path)                                                                 \
    {                                                                                      \
        name, FHIR_STRING, path, NULL                                                      \
    }
#define DATE(name, path)                                                                   \
    {                                                                                      \
        name, FHIR_DATE, path, NULL                                                        \
    }
#define QUANTITY(name, path)                                                               \
    {                                                                                      \
        name, FHIR_QUANTITY, path, NULL                                                    \
    }
#define URI(name, path)                                                                    \
    {                                                                                      \
        name, FHIR_URI, path, NULL                                                         \
    }
#define REF(name, path)                                                                    \
    {                                                                                      \
        name, FHIR_REFERENCE, path, NULL                                                   \
    }
#define REF_TO(name, path, to)                                                             \
    {                                                                                      \
        name, FHIR_REFERENCE, path, to                                                     \
    }
#define END                                                                                \
    {                                                                                      \
        NULL, 0, NULL, NULL                                                                \
    }

#define ADDRESS                                                                            \
    STRING("address", "address"), STRING("address-city", "address.city"),                  \
        STRING("address-country", "address.country"),                                      \
        STRING("address-postalcode", "address.postalCode"),                                \
        STRING("address-state", "address.state"), TOKEN("address-use", "address.use")
#define TELECOM                                                                            \
    TOKEN("email", "telecom?system=email"), TOKEN("phone", "telecom?system=phone"),        \
        TOKEN("telecom", "telecom")
#define NAME        STRING("name", "name"), STRING("phonetic", "name")
#define PERSON_NAME NAME, STRING("family", "name.family"), STRING("given", "name.given")
#define IDENTIFIER  TOKEN("identifier", "identifier")
#define STATUS      TOKEN("status", "status")
#define SUBJECT     REF_TO("patient", "subject", "Patient"), REF("subject", "subject")
#define PATIENT     REF_TO("patient", "patient", "Patient")
#define ENCOUNTER   REF_TO("encounter", "encounter", "Encounter")
#define INSTANTIATES                                                                       \
    REF("instantiates-canonical", "instantiatesCanonical"),                                \
        URI("instantiates-uri", "instantiatesUri")

static const struct fhir_param common[] = {
    TOKEN("_id", "id"),
    DATE("_lastUpdated", "meta.lastUpdated"),
    TOKEN("_tag", "meta.tag"),
    URI("_profile", "meta.profile"),
    TOKEN("_security", "meta.security"),
    URI("_source", "meta.source"),
    END,
};

static const struct fhir_param patient[] = {
    TOKEN("active", "active"),
    ADDRESS,
    DATE("birthdate", "birthDate"),
    DATE("death-date", "deceasedDateTime"),
    TOKEN("deceased", "=deceased"),
    TOKEN("gender", "gender"),
    REF("general-practitioner", "generalPractitioner"),
    IDENTIFIER,
    TOKEN("language", "communication.language"),
    REF("link", "link.other"),
    PERSON_NAME,
    REF("organization", "managingOrganization"),
    TELECOM,
    END,
};

static const struct fhir_param practitioner[] = {
    TOKEN("active", "active"),
    ADDRESS,
    TOKEN("communication", "communication"),
    TOKEN("gender", "gender"),
    IDENTIFIER,
    PERSON_NAME,
    TELECOM,
    END,
};

static const struct fhir_param related_person[] = {
    TOKEN("active", "active"),
    ADDRESS,
    DATE("birthdate", "birthDate"),
    TOKEN("gender", "gender"),
    IDENTIFIER,
    NAME,
    PATIENT,
    TOKEN("relationship", "relationship"),
    TELECOM,
    END,
};

static const struct fhir_param organization[] = {
    TOKEN("active", "active"),
    ADDRESS,
    REF("endpoint", "endpoint"),
    IDENTIFIER,
    STRING("name", "name|alias"),
    STRING("phonetic", "name"),
    REF("partof", "partOf"),
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param condition[] = {
    QUANTITY("abatement-age", "abatementAge|abatementRange"),
    DATE("abatement-date", "abatementDateTime|abatementPeriod"),
    STRING("abatement-string", "abatementString"),
    REF("asserter", "asserter"),
    TOKEN("body-site", "bodySite"),
    TOKEN("category", "category"),
    TOKEN("clinical-status", "clinicalStatus"),
    TOKEN("code", "code"),
    ENCOUNTER,
    TOKEN("evidence", "evidence.code"),
    REF("evidence-detail", "evidence.detail"),
    IDENTIFIER,
    QUANTITY("onset-age", "onsetAge|onsetRange"),
    DATE("onset-date", "onsetDateTime|onsetPeriod"),
    STRING("onset-info", "onsetString"),
    DATE("recorded-date", "recordedDate"),
    TOKEN("severity", "severity"),
    TOKEN("stage", "stage.summary"),
    SUBJECT,
    TOKEN("verification-status", "verificationStatus"),
    END,
};

static const struct fhir_param allergy_intolerance[] = {
    REF("asserter", "asserter"),
    TOKEN("category", "category"),
    TOKEN("clinical-status", "clinicalStatus"),
    TOKEN("code", "code|reaction.substance"),
    TOKEN("criticality", "criticality"),
    DATE("date", "recordedDate"),
    IDENTIFIER,
    DATE("last-date", "lastOccurrence"),
    TOKEN("manifestation", "reaction.manifestation"),
    DATE("onset", "reaction.onset"),
    PATIENT,
    REF("recorder", "recorder"),
    TOKEN("route", "reaction.exposureRoute"),
    TOKEN("severity", "reaction.severity"),
    TOKEN("type", "type"),
    TOKEN("verification-status", "verificationStatus"),
    END,
};

static const struct fhir_param medication[] = {
    TOKEN("code", "code"),
    DATE("expiration-date", "batch.expirationDate"),
    TOKEN("form", "form"),
    IDENTIFIER,
    REF("ingredient", "ingredient.itemReference"),
    TOKEN("ingredient-code", "ingredient.itemCodeableConcept"),
    TOKEN("lot-number", "batch.lotNumber"),
    REF("manufacturer", "manufacturer"),
    STATUS,
    END,
};

static const struct fhir_param medication_request[] = {
    DATE("authoredon", "authoredOn"),
    TOKEN("category", "category"),
    TOKEN("code", "medicationCodeableConcept"),
    DATE("date", "dosageInstruction.timing.event"),
    ENCOUNTER,
    IDENTIFIER,
    REF("intended-dispenser", "dispenseRequest.performer"),
    REF("intended-performer", "performer"),
    TOKEN("intended-performertype", "performerType"),
    TOKEN("intent", "intent"),
    REF("medication", "medicationReference"),
    TOKEN("priority", "priority"),
    REF("requester", "requester"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param medication_statement[] = {
    TOKEN("category", "category"),
    TOKEN("code", "medicationCodeableConcept"),
    REF("context", "context"),
    DATE("effective", "effectiveDateTime|effectivePeriod"),
    IDENTIFIER,
    REF("medication", "medicationReference"),
    REF("part-of", "partOf"),
    REF("source", "informationSource"),
    STATUS,
    SUBJECT,
    END,
};

/* "category" is not R4's: Nictiz added it, and the BgZ is asked for with it. */
static const struct fhir_param medication_dispense[] = {
    TOKEN("category", "category"),
    TOKEN("code", "medicationCodeableConcept"),
    REF("context", "context"),
    REF("destination", "destination"),
    IDENTIFIER,
    REF("medication", "medicationReference"),
    REF("performer", "performer.actor"),
    REF("prescription", "authorizingPrescription"),
    REF("receiver", "receiver"),
    REF("responsibleparty", "substitution.responsibleParty"),
    STATUS,
    SUBJECT,
    TOKEN("type", "type"),
    DATE("whenhandedover", "whenHandedOver"),
    DATE("whenprepared", "whenPrepared"),
    END,
};

static const struct fhir_param medication_administration[] = {
    TOKEN("code", "medicationCodeableConcept"),
    REF("context", "context"),
    REF("device", "device"),
    DATE("effective-time", "effectiveDateTime|effectivePeriod"),
    IDENTIFIER,
    REF("medication", "medicationReference"),
    REF("performer", "performer.actor"),
    TOKEN("reason-given", "reasonCode"),
    TOKEN("reason-not-given", "statusReason"),
    REF("request", "request"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param immunization[] = {
    DATE("date", "occurrenceDateTime"),
    IDENTIFIER,
    REF("location", "location"),
    STRING("lot-number", "lotNumber"),
    REF("manufacturer", "manufacturer"),
    PATIENT,
    REF("performer", "performer.actor"),
    REF("reaction", "reaction.detail"),
    DATE("reaction-date", "reaction.date"),
    TOKEN("reason-code", "reasonCode"),
    REF("reason-reference", "reasonReference"),
    STRING("series", "protocolApplied.series"),
    STATUS,
    TOKEN("status-reason", "statusReason"),
    TOKEN("target-disease", "protocolApplied.targetDisease"),
    TOKEN("vaccine-code", "vaccineCode"),
    END,
};

static const struct fhir_param immunization_recommendation[] = {
    DATE("date", "date"),
    IDENTIFIER,
    REF("information", "recommendation.supportingPatientInformation"),
    PATIENT,
    TOKEN("status", "recommendation.forecastStatus"),
    REF("support", "recommendation.supportingImmunization"),
    TOKEN("target-disease", "recommendation.targetDisease"),
    TOKEN("vaccine-type", "recommendation.vaccineCode"),
    END,
};

static const struct fhir_param observation[] = {
    REF("based-on", "basedOn"),
    TOKEN("category", "category"),
    TOKEN("code", "code"),
    TOKEN("combo-code", "code|component.code"),
    TOKEN("combo-data-absent-reason", "dataAbsentReason|component.dataAbsentReason"),
    TOKEN("combo-value-concept", "valueCodeableConcept|component.valueCodeableConcept"),
    QUANTITY("combo-value-quantity", "valueQuantity|component.valueQuantity"),
    TOKEN("component-code", "component.code"),
    TOKEN("component-data-absent-reason", "component.dataAbsentReason"),
    TOKEN("component-value-concept", "component.valueCodeableConcept"),
    QUANTITY("component-value-quantity", "component.valueQuantity"),
    TOKEN("data-absent-reason", "dataAbsentReason"),
    DATE("date", "effectiveDateTime|effectivePeriod|effectiveTiming|effectiveInstant"),
    REF("derived-from", "derivedFrom"),
    REF("device", "device"),
    ENCOUNTER,
    REF("focus", "focus"),
    REF("has-member", "hasMember"),
    IDENTIFIER,
    TOKEN("method", "method"),
    REF("part-of", "partOf"),
    REF("performer", "performer"),
    REF("specimen", "specimen"),
    STATUS,
    SUBJECT,
    TOKEN("value-concept", "valueCodeableConcept"),
    DATE("value-date", "valueDateTime|valuePeriod"),
    QUANTITY("value-quantity", "valueQuantity"),
    STRING("value-string", "valueString|valueCodeableConcept.text"),
    END,
};

static const struct fhir_param diagnostic_report[] = {
    REF("based-on", "basedOn"),
    TOKEN("category", "category"),
    TOKEN("code", "code"),
    TOKEN("conclusion", "conclusionCode"),
    DATE("date", "effectiveDateTime|effectivePeriod"),
    ENCOUNTER,
    IDENTIFIER,
    DATE("issued", "issued"),
    REF("media", "media.link"),
    REF("performer", "performer"),
    REF("result", "result"),
    REF("results-interpreter", "resultsInterpreter"),
    REF("specimen", "specimen"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param procedure[] = {
    REF("based-on", "basedOn"),
    TOKEN("category", "category"),
    TOKEN("code", "code"),
    DATE("date", "performedDateTime|performedPeriod"),
    ENCOUNTER,
    IDENTIFIER,
    INSTANTIATES,
    REF("location", "location"),
    REF("part-of", "partOf"),
    REF("performer", "performer.actor"),
    TOKEN("reason-code", "reasonCode"),
    REF("reason-reference", "reasonReference"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param encounter[] = {
    REF("account", "account"),
    REF("appointment", "appointment"),
    REF("based-on", "basedOn"),
    TOKEN("class", "class"),
    DATE("date", "period"),
    REF("diagnosis", "diagnosis.condition"),
    REF("episode-of-care", "episodeOfCare"),
    IDENTIFIER,
    QUANTITY("length", "length"),
    REF("location", "location.location"),
    DATE("location-period", "location.period"),
    REF("part-of", "partOf"),
    REF("participant", "participant.individual"),
    TOKEN("participant-type", "participant.type"),
    REF_TO("practitioner", "participant.individual", "Practitioner"),
    TOKEN("reason-code", "reasonCode"),
    REF("reason-reference", "reasonReference"),
    REF("service-provider", "serviceProvider"),
    TOKEN("special-arrangement", "hospitalization.specialArrangement"),
    STATUS,
    SUBJECT,
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param care_plan[] = {
    TOKEN("activity-code", "activity.detail.code"),
    DATE("activity-date",
         "activity.detail.scheduledTiming|activity.detail.scheduledPeriod"),
    REF("activity-reference", "activity.reference"),
    REF("based-on", "basedOn"),
    REF("care-team", "careTeam"),
    TOKEN("category", "category"),
    REF("condition", "addresses"),
    DATE("date", "period"),
    ENCOUNTER,
    REF("goal", "goal"),
    IDENTIFIER,
    INSTANTIATES,
    TOKEN("intent", "intent"),
    REF("part-of", "partOf"),
    REF("performer", "activity.detail.performer"),
    REF("replaces", "replaces"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param care_team[] = {
    TOKEN("category", "category"),
    DATE("date", "period"),
    ENCOUNTER,
    IDENTIFIER,
    REF("participant", "participant.member"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param goal[] = {
    TOKEN("achievement-status", "achievementStatus"),
    TOKEN("category", "category"),
    IDENTIFIER,
    TOKEN("lifecycle-status", "lifecycleStatus"),
    DATE("start-date", "startDate"),
    SUBJECT,
    DATE("target-date", "target.dueDate"),
    END,
};

static const struct fhir_param document_reference[] = {
    REF("authenticator", "authenticator"),
    REF("author", "author"),
    TOKEN("category", "category"),
    TOKEN("contenttype", "content.attachment.contentType"),
    REF("custodian", "custodian"),
    DATE("date", "date"),
    STRING("description", "description"),
    REF_TO("encounter", "context.encounter", "Encounter"),
    TOKEN("event", "context.event"),
    TOKEN("facility", "context.facilityType"),
    TOKEN("format", "content.format"),
    TOKEN("identifier", "masterIdentifier|identifier"),
    TOKEN("language", "content.attachment.language"),
    URI("location", "content.attachment.url"),
    DATE("period", "context.period"),
    REF("related", "context.related"),
    REF("relatesto", "relatesTo.target"),
    TOKEN("relation", "relatesTo.code"),
    TOKEN("security-label", "securityLabel"),
    TOKEN("setting", "context.practiceSetting"),
    STATUS,
    SUBJECT,
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param coverage[] = {
    REF("beneficiary", "beneficiary"),
    TOKEN("class-type", "class.type"),
    STRING("class-value", "class.value"),
    STRING("dependent", "dependent"),
    IDENTIFIER,
    REF_TO("patient", "beneficiary", "Patient"),
    REF("payor", "payor"),
    REF("policy-holder", "policyHolder"),
    STATUS,
    REF("subscriber", "subscriber"),
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param consent[] = {
    TOKEN("action", "provision.action"),
    REF("actor", "provision.actor.reference"),
    TOKEN("category", "category"),
    REF("consentor", "performer"),
    REF("data", "provision.data.reference"),
    DATE("date", "dateTime"),
    IDENTIFIER,
    REF("organization", "organization"),
    PATIENT,
    DATE("period", "provision.period"),
    TOKEN("purpose", "provision.purpose"),
    TOKEN("scope", "scope"),
    TOKEN("security-label", "provision.securityLabel"),
    REF("source-reference", "sourceReference"),
    STATUS,
    END,
};

static const struct fhir_param nutrition_order[] = {
    TOKEN("additive", "enteralFormula.additiveType"),
    DATE("datetime", "dateTime"),
    ENCOUNTER,
    TOKEN("formula", "enteralFormula.baseFormulaType"),
    IDENTIFIER,
    INSTANTIATES,
    TOKEN("oraldiet", "oralDiet.type"),
    PATIENT,
    REF("provider", "orderer"),
    STATUS,
    TOKEN("supplement", "supplement.type"),
    END,
};

static const struct fhir_param flag[] = {
    REF("author", "author"), DATE("date", "period"), ENCOUNTER, IDENTIFIER, SUBJECT, END,
};

static const struct fhir_param device_use_statement[] = {
    REF("device", "device"),
    IDENTIFIER,
    SUBJECT,
    END,
};

static const struct fhir_param device[] = {
    STRING("device-name", "deviceName.name|type.coding.display|type.text"),
    IDENTIFIER,
    REF("location", "location"),
    STRING("manufacturer", "manufacturer"),
    STRING("model", "modelNumber"),
    REF("organization", "owner"),
    PATIENT,
    STATUS,
    TOKEN("type", "type"),
    STRING("udi-carrier", "udiCarrier.carrierHRF"),
    STRING("udi-di", "udiCarrier.deviceIdentifier"),
    URI("url", "url"),
    END,
};

static const struct fhir_param service_request[] = {
    DATE("authored", "authoredOn"),
    REF("based-on", "basedOn"),
    TOKEN("body-site", "bodySite"),
    TOKEN("category", "category"),
    TOKEN("code", "code"),
    ENCOUNTER,
    IDENTIFIER,
    INSTANTIATES,
    TOKEN("intent", "intent"),
    DATE("occurrence", "occurrenceDateTime|occurrencePeriod|occurrenceTiming"),
    REF("performer", "performer"),
    TOKEN("performer-type", "performerType"),
    TOKEN("priority", "priority"),
    REF("replaces", "replaces"),
    REF("requester", "requester"),
    TOKEN("requisition", "requisition"),
    REF("specimen", "specimen"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param device_request[] = {
    DATE("authored-on", "authoredOn"),
    REF("based-on", "basedOn"),
    TOKEN("code", "codeCodeableConcept"),
    REF("device", "codeReference"),
    ENCOUNTER,
    DATE("event-date", "occurrenceDateTime|occurrencePeriod"),
    TOKEN("group-identifier", "groupIdentifier"),
    IDENTIFIER,
    INSTANTIATES,
    REF("insurance", "insurance"),
    TOKEN("intent", "intent"),
    REF("performer", "performer"),
    REF("prior-request", "priorRequest"),
    REF("requester", "requester"),
    STATUS,
    SUBJECT,
    END,
};

static const struct fhir_param appointment[] = {
    REF("actor", "participant.actor"),
    TOKEN("appointment-type", "appointmentType"),
    REF("based-on", "basedOn"),
    DATE("date", "start"),
    IDENTIFIER,
    REF_TO("location", "participant.actor", "Location"),
    TOKEN("part-status", "participant.status"),
    REF_TO("patient", "participant.actor", "Patient"),
    REF_TO("practitioner", "participant.actor", "Practitioner"),
    TOKEN("reason-code", "reasonCode"),
    REF("reason-reference", "reasonReference"),
    TOKEN("service-category", "serviceCategory"),
    TOKEN("service-type", "serviceType"),
    REF("slot", "slot"),
    TOKEN("specialty", "specialty"),
    STATUS,
    REF("supporting-info", "supportingInformation"),
    END,
};

static const struct fhir_param task[] = {
    DATE("authored-on", "authoredOn"),
    REF("based-on", "basedOn"),
    TOKEN("business-status", "businessStatus"),
    TOKEN("code", "code"),
    ENCOUNTER,
    REF("focus", "focus"),
    TOKEN("group-identifier", "groupIdentifier"),
    IDENTIFIER,
    TOKEN("intent", "intent"),
    DATE("modified", "lastModified"),
    REF("owner", "owner"),
    REF("part-of", "partOf"),
    REF_TO("patient", "for", "Patient"),
    TOKEN("performer", "performerType"),
    DATE("period", "executionPeriod"),
    TOKEN("priority", "priority"),
    REF("requester", "requester"),
    STATUS,
    REF("subject", "for"),
    END,
};

static const struct fhir_param composition[] = {
    REF("attester", "attester.party"),
    REF("author", "author"),
    TOKEN("category", "category"),
    TOKEN("confidentiality", "confidentiality"),
    TOKEN("context", "event.code"),
    DATE("date", "date"),
    ENCOUNTER,
    REF("entry", "section.entry"),
    IDENTIFIER,
    DATE("period", "event.period"),
    TOKEN("related-id", "relatesTo.targetIdentifier"),
    REF("related-ref", "relatesTo.targetReference"),
    TOKEN("section", "section.code"),
    STATUS,
    SUBJECT,
    STRING("title", "title"),
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param provenance[] = {
    REF("agent", "agent.who"),
    TOKEN("agent-role", "agent.role"),
    TOKEN("agent-type", "agent.type"),
    REF("entity", "entity.what"),
    REF("location", "location"),
    REF_TO("patient", "target", "Patient"),
    DATE("recorded", "recorded"),
    TOKEN("signature-type", "signature.type"),
    REF("target", "target"),
    DATE("when", "occurredDateTime"),
    END,
};

static const struct fhir_param audit_event[] = {
    TOKEN("action", "action"),
    STRING("address", "agent.network.address"),
    REF("agent", "agent.who"),
    STRING("agent-name", "agent.name"),
    TOKEN("agent-role", "agent.role"),
    TOKEN("altid", "agent.altId"),
    DATE("date", "recorded"),
    REF("entity", "entity.what"),
    STRING("entity-name", "entity.name"),
    TOKEN("entity-role", "entity.role"),
    TOKEN("entity-type", "entity.type"),
    TOKEN("outcome", "outcome"),
    REF_TO("patient", "agent.who|entity.what", "Patient"),
    URI("policy", "agent.policy"),
    TOKEN("site", "source.site"),
    REF("source", "source.observer"),
    TOKEN("subtype", "subtype"),
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param list[] = {
    TOKEN("code", "code"),
    DATE("date", "date"),
    TOKEN("empty-reason", "emptyReason"),
    ENCOUNTER,
    IDENTIFIER,
    REF("item", "entry.item"),
    STRING("notes", "note.text"),
    REF("source", "source"),
    STATUS,
    SUBJECT,
    STRING("title", "title"),
    END,
};

static const struct fhir_param endpoint[] = {
    TOKEN("connection-type", "connectionType"),
    IDENTIFIER,
    STRING("name", "name"),
    REF("organization", "managingOrganization"),
    TOKEN("payload-type", "payloadType"),
    STATUS,
    END,
};

static const struct fhir_param location[] = {
    ADDRESS,
    REF("endpoint", "endpoint"),
    IDENTIFIER,
    STRING("name", "name|alias"),
    TOKEN("operational-status", "operationalStatus"),
    REF("organization", "managingOrganization"),
    REF("partof", "partOf"),
    STATUS,
    TOKEN("type", "type"),
    END,
};

static const struct fhir_param healthcare_service[] = {
    TOKEN("active", "active"),
    TOKEN("characteristic", "characteristic"),
    REF("coverage-area", "coverageArea"),
    REF("endpoint", "endpoint"),
    IDENTIFIER,
    REF("location", "location"),
    STRING("name", "name"),
    REF("organization", "providedBy"),
    TOKEN("program", "program"),
    TOKEN("service-category", "category"),
    TOKEN("service-type", "type"),
    TOKEN("specialty", "specialty"),
    END,
};

static const struct fhir_param practitioner_role[] = {
    TOKEN("active", "active"),
    DATE("date", "period"),
    REF("endpoint", "endpoint"),
    IDENTIFIER,
    REF("location", "location"),
    REF("organization", "organization"),
    REF("practitioner", "practitioner"),
    TOKEN("role", "code"),
    REF("service", "healthcareService"),
    TOKEN("specialty", "specialty"),
    TELECOM,
    END,
};

static const struct fhir_param organization_affiliation[] = {
    TOKEN("active", "active"),
    DATE("date", "period"),
    REF("endpoint", "endpoint"),
    IDENTIFIER,
    REF("location", "location"),
    REF("network", "network"),
    REF("participating-organization", "participatingOrganization"),
    REF("primary-organization", "organization"),
    TOKEN("role", "code"),
    REF("service", "healthcareService"),
    TOKEN("specialty", "specialty"),
    TELECOM,
    END,
};

/* Sorted by type. */
static const struct type_row {
    const char *type;
    const struct fhir_param *params;
} types[] = {
    { "AllergyIntolerance", allergy_intolerance },
    { "Appointment", appointment },
    { "AuditEvent", audit_event },
    { "CarePlan", care_plan },
    { "CareTeam", care_team },
    { "Composition", composition },
    { "Condition", condition },
    { "Consent", consent },
    { "Coverage", coverage },
    { "Device", device },
    { "DeviceRequest", device_request },
    { "DeviceUseStatement", device_use_statement },
    { "DiagnosticReport", diagnostic_report },
    { "DocumentReference", document_reference },
    { "Encounter", encounter },
    { "Endpoint", endpoint },
    { "Flag", flag },
    { "Goal", goal },
    { "HealthcareService", healthcare_service },
    { "Immunization", immunization },
    { "ImmunizationRecommendation", immunization_recommendation },
    { "List", list },
    { "Location", location },
    { "Medication", medication },
    { "MedicationAdministration", medication_administration },
    { "MedicationDispense", medication_dispense },
    { "MedicationRequest", medication_request },
    { "MedicationStatement", medication_statement },
    { "NutritionOrder", nutrition_order },
    { "Observation", observation },
    { "Organization", organization },
    { "OrganizationAffiliation", organization_affiliation },
    { "Patient", patient },
    { "Practitioner", practitioner },
    { "PractitionerRole", practitioner_role },
    { "Procedure", procedure },
    { "Provenance", provenance },
    { "RelatedPerson", related_person },
    { "ServiceRequest", service_request },
    { "Task", task },
};
/* clang-format on */

static int
by_type(const void *type, const void *row)
{
    return str_cmp(*(const struct str *)type, str_of(((const struct type_row *)row)->type));
}

const struct fhir_param *
fhir__params(struct str type)
{
    static const struct fhir_param none[] = { END };
    const struct type_row *row =
        bsearch(&type, types, COUNT(types), sizeof(*types), by_type);

    return row != NULL ? row->params : none;
}

const struct fhir_param *
fhir__common(void)
{
    return common;
}

static const struct fhir_param *
find(const struct fhir_param *rows, struct str name)
{
    for (; rows->name != NULL; rows++)
        if (str_is(name, rows->name))
            return rows;
    return NULL;
}

const struct fhir_param *
fhir_param_find(struct str type, struct str name)
{
    const struct fhir_param *found;

    if (!fhir_type_known(type))
        return NULL;
    found = find(common, name);
    return found != NULL ? found : find(fhir__params(type), name);
}

const struct fhir_param *
fhir_param_at(struct str type, size_t i)
{
    const struct fhir_param *rows = fhir__params(type);

    if (!fhir_type_known(type))
        return NULL;
    if (i < COUNT(common) - 1)
        return &common[i];
    for (i -= COUNT(common) - 1; i > 0 && rows->name != NULL; i--)
        rows++;
    return rows->name != NULL ? rows : NULL;
}
