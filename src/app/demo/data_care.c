/* data_care.c - problems, allergies, stays, plans and papers. EUPL-1.2. */
#include "app/demo/data_int.h"

#include <stdio.h>

void
data__condition(struct data_maker *m, size_t c)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Condition", NLP "nl-core-Problem", "subject", id);

    data__coding(js, "clinicalStatus", HL7 "condition-clinical", "active", "Active");
    data__coding(js, "verificationStatus", HL7 "condition-ver-status", "confirmed",
                 "Confirmed");
    data__codings(js, "category", SCT, "282291009", "Diagnose");
    data__coding(js, "code", SCT, data_conditions[c].code, data_conditions[c].text);
    data__member_date(m, "onsetDateTime", 1 + data__draw(&m->random, 12));
    data__done(m);
}

void
data__allergy(struct data_maker *m, const char *verification, const char *criticality)
{
    const struct data_code *what = &data_allergens[m->who->allergen],
                           *sign = &data_reactions[m->who->reaction];
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "AllergyIntolerance",
                                      NLP "nl-core-AllergyIntolerance", "patient", id);

    data__coding(js, "clinicalStatus", HL7 "allergyintolerance-clinical", "active",
                 "Active");
    data__coding(js, "verificationStatus", HL7 "allergyintolerance-verification",
                 verification, verification);
    json_member_z(js, "criticality", criticality);
    data__coding(js, "code", SCT, what->code, what->text);
    data__member_date(m, "recordedDate", 1 + data__draw(&m->random, 8));
    json_key(js, "reaction");
    json_array(js);
    json_object(js);
    data__codings(js, "manifestation", SCT, sign->code, sign->text);
    json_end(js);
    json_end(js);
    data__done(m);
}

void
data__alert(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Flag", NLP "nl-core-Alert", "subject", id);

    json_member_z(js, "status", "active");
    data__coding(js, "code", SCT, "129839007", "Valgevaar");
    data__period(m, "period", 1);
    data__done(m);
}

static void
encounter(struct data_maker *m, unsigned years, char id[DATA_FIELD])
{
    static const struct data_code class[] = { { "IMP", "Klinische opname" },
                                              { "ACUTE", "Spoedopname" },
                                              { "NONAC", "Geplande opname" } };
    const struct data_code *c = &class[data__draw(&m->random, COUNT(class))];
    struct json_out *js =
        data__start(m, "Encounter", NLP "nl-core-Encounter", "subject", id);

    json_member_z(js, "status", "finished");
    json_key(js, "class");
    data__put_coding(js, HL7 "v3-ActCode", c->code, c->text);
    data__period(m, "period", years);
    data__reference(js, "serviceProvider", "Organization", "hospital", NULL);
    data__done(m);
}

void
data__admission(struct data_maker *m)
{
    const struct data_code *what =
        &data_procedures[data__draw(&m->random, (unsigned)data_procedures_n)];
    unsigned years = data__draw(&m->random, 4);
    char visit[DATA_FIELD], id[DATA_FIELD];
    struct json_out *js;

    encounter(m, years, visit);
    js = data__start(m, "Procedure", NLP "nl-core-Procedure-event", "subject", id);
    json_member_z(js, "status", "completed");
    data__coding(js, "category", SCT, "387713003", "Chirurgische verrichting");
    data__coding(js, "code", SCT, what->code, what->text);
    data__reference(js, "encounter", "Encounter", visit, NULL);
    data__member_date(m, "performedDateTime", years);
    data__done(m);
}

void
data__document(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "DocumentReference", NULL, "subject", id);

    json_member_z(js, "status", "current");
    data__coding(js, "type", LOINC, "18842-5", "Ontslagbrief");
    data__reference(js, "custodian", "Organization", "hospital", NULL);
    json_key(js, "content");
    json_array(js);
    json_object(js);
    json_key(js, "attachment");
    json_object(js);
    json_member_z(js, "contentType", "text/plain");
    json_member_z(js, "language", "nl-NL");
    /* "Verzonnen ontslagbrief van een verzonnen patiënt." */
    json_member_z(js, "data",
                  "VmVyem9ubmVuIG9udHNsYWdicmllZiB2YW4gZWVuIHZlcnpvbm5lbiBwYXRpw6tudC4=");
    json_member_z(js, "title", "Ontslagbrief");
    json_end(js);
    json_end(js);
    json_end(js);
    data__done(m);
}

void
data__appointment(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Appointment", NULL, NULL, id);

    json_member_z(js, "status", "booked");
    json_member_z(js, "start", "2026-12-14T09:30:00+01:00");
    json_member_z(js, "end", "2026-12-14T09:50:00+01:00");
    json_key(js, "participant");
    json_array(js);
    json_object(js);
    data__reference(js, "actor", "Patient", m->who->id, NULL);
    json_member_z(js, "status", "accepted");
    json_end(js);
    json_end(js);
    data__done(m);
}

void
data__planned(struct data_maker *m, const char *code, const char *text)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "ServiceRequest", NULL, "subject", id);

    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    data__coding(js, "code", SCT, code, text);
    data__member_date(m, "authoredOn", 0);
    data__done(m);
}

void
data__directive(struct data_maker *m, const char *category, const char *text)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Consent", NLP "nl-core-TreatmentDirective2", "patient", id);

    json_member_z(js, "status", "active");
    data__coding(js, "scope", HL7 "consentscope", "treatment", "Treatment");
    data__codings(js, "category", SCT, category, text);
    data__member_date(m, "dateTime", 1);
    data__coding(js, "policyRule", HL7 "v3-ActCode", "OPTIN", "Opt-in");
    data__done(m);
}

/* One in eight pays himself. */
void
data__coverage(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Coverage", NLP "nl-core-Payer.InsuranceCompany", "beneficiary", id);

    json_member_z(js, "status", "active");
    if (data__draw(&m->random, 8) == 0)
        data__references(js, "payor", "Patient", m->who->id, NULL);
    else
        data__references(js, "payor", "Organization", "verzekeraar", NULL);
    data__done(m);
}

void
data__device(struct data_maker *m)
{
    const struct data_code *d =
        &data_devices[data__draw(&m->random, (unsigned)data_devices_n)];
    char device[DATA_FIELD], id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Device", NLP "nl-core-MedicalDevice.Product", "patient", device);

    json_member_z(js, "status", "active");
    data__coding(js, "type", SCT, d->code, d->text);
    data__done(m);
    js = data__start(m, "DeviceUseStatement", NLP "nl-core-MedicalDevice", "subject", id);
    json_member_z(js, "status", "active");
    data__reference(js, "device", "Device", device, d->text);
    data__done(m);
    js = data__start(m, "DeviceRequest", NULL, "subject", id);
    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    data__reference(js, "codeReference", "Device", device, d->text);
    data__done(m);
}

void
data__diet(struct data_maker *m)
{
    const struct data_code *d = &data_diets[data__draw(&m->random, (unsigned)data_diets_n)];
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "NutritionOrder", NLP "nl-core-NutritionAdvice", "patient", id);

    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    data__member_date(m, "dateTime", 0);
    json_key(js, "oralDiet");
    json_object(js);
    data__codings(js, "type", SCT, d->code, d->text);
    json_end(js);
    data__done(m);
}

void
data__care_plan(struct data_maker *m)
{
    const struct data_staff *nurse = data_staff(DATA_HOMECARE, 0);
    char team[DATA_FIELD], id[DATA_FIELD], name[DATA_FIELD];
    struct json_out *js =
        data__start(m, "CareTeam", NLP "nl-core-CareTeam", "subject", team);

    snprintf(name, sizeof(name), "%s %s", nurse->given, nurse->family);
    json_member_z(js, "status", "active");
    json_key(js, "participant");
    json_array(js);
    json_object(js);
    data__reference(js, "member", "Practitioner", nurse->id, name);
    json_end(js);
    json_end(js);
    data__done(m);
    js = data__start(m, "CarePlan", NULL, "subject", id);
    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "plan");
    json_member_z(js, "title", "Zorgplan thuis");
    data__period(m, "period", 1);
    data__references(js, "careTeam", "CareTeam", team, NULL);
    data__done(m);
}

void
data__vaccination(struct data_maker *m)
{
    const struct data_code *v =
        &data_vaccines[data__draw(&m->random, (unsigned)data_vaccines_n)];
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Immunization", NLP "nl-core-Vaccination-event", "patient", id);

    json_member_z(js, "status", "completed");
    data__coding(js, "vaccineCode", SCT, v->code, v->text);
    data__member_date(m, "occurrenceDateTime", data__draw(&m->random, 5));
    data__done(m);
}

void
data__vaccination_due(struct data_maker *m)
{
    const struct data_code *v = &data_vaccines[0];
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "ImmunizationRecommendation", NULL, "patient", id);

    data__member_date(m, "date", 0);
    json_key(js, "recommendation");
    json_array(js);
    json_object(js);
    data__codings(js, "vaccineCode", SCT, v->code, v->text);
    data__coding(js, "forecastStatus", HL7 "immunization-recommendation-status", "due",
                 "Due");
    json_end(js);
    json_end(js);
    data__done(m);
}
