/* data_records.c - what each organisation wrote down. EUPL-1.2. */
#include "app/demo/data_int.h"

#include <stdio.h>

static void
put_list_coding(struct json_out *js, const char *name, const char *system, const char *code,
                const char *text)
{
    json_key(js, name);
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", system);
    json_member_z(js, "code", code);
    json_member_z(js, "display", text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_period(struct data_maker *m, const char *name, unsigned years)
{
    json_key(&m->js, name);
    json_object(&m->js);
    data__member_date(m, "start", years);
    json_end(&m->js);
}

/* A list of one reference. */
static void
put_references(struct json_out *js, const char *name, const char *type, const char *id,
               const char *display)
{
    json_key(js, name);
    json_array(js);
    json_object(js);
    char reference[2 * DATA_FIELD];
    snprintf(reference, sizeof(reference), "%s/%s", type, id);
    json_member_z(js, "reference", reference);
    if (display != NULL)
        json_member_z(js, "display", display);
    json_end(js);
    json_end(js);
}

static void
condition(struct data_maker *m, size_t c)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Condition", NLP "nl-core-Problem", "subject", id);

    data__coding(js, "clinicalStatus",
                 "http://terminology.hl7.org/CodeSystem/condition-clinical", "active",
                 "Active");
    data__coding(js, "verificationStatus",
                 "http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed",
                 "Confirmed");
    put_list_coding(js, "category", SCT, "282291009", "Diagnose");
    data__coding(js, "code", SCT, data_conditions[c].code, data_conditions[c].text);
    data__member_date(m, "onsetDateTime", 1 + data__draw(&m->random, 12));
    data__done(m);
}

/* The hospital is surer than the general practitioner: that is the conflict. */
static void
allergy(struct data_maker *m, const char *verification, const char *criticality)
{
    const struct data_person *p = m->who;
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "AllergyIntolerance",
                                      NLP "nl-core-AllergyIntolerance", "patient", id);

    data__coding(js, "clinicalStatus",
                 "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                 "active", "Active");
    data__coding(js, "verificationStatus",
                 "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
                 verification, verification);
    json_member_z(js, "criticality", criticality);
    data__coding(js, "code", SCT, data_allergens[p->allergen].code,
                 data_allergens[p->allergen].text);
    data__member_date(m, "recordedDate", 1 + data__draw(&m->random, 8));
    json_key(js, "reaction");
    json_array(js);
    json_object(js);
    json_key(js, "manifestation");
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", SCT);
    json_member_z(js, "code", data_reactions[p->reaction].code);
    json_member_z(js, "display", data_reactions[p->reaction].text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
put_dosage(struct json_out *js, const char *name, const struct data_drug *d, int times)
{
    char text[64];

    snprintf(text, sizeof(text), "%d maal per dag %d %s", times, d->value, d->unit);
    json_key(js, name);
    json_array(js);
    json_object(js);
    json_member_z(js, "text", text);
    json_key(js, "timing");
    json_object(js);
    json_key(js, "repeat");
    json_object(js);
    json_member_i64(js, "frequency", times);
    json_member_i64(js, "period", 1);
    json_member_z(js, "periodUnit", "d");
    json_end(js);
    json_end(js);
    json_key(js, "doseAndRate");
    json_array(js);
    json_object(js);
    data__quantity(js, "doseQuantity", d->value, false, "1");
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_medicine(struct json_out *js, const struct data_drug *d)
{
    char id[DATA_FIELD];

    snprintf(id, sizeof(id), "med-%s", d->atc);
    data__reference(js, "medicationReference", "Medication", id, d->text);
}

static void
medication_request(struct data_maker *m, const struct data_drug *d, const char *prescriber)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationRequest", NLP "mp-MedicationAgreement", "subject", id);

    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    put_list_coding(js, "category", SCT, "16076005",
                    "Toedieningsafspraak of medicatieafspraak");
    put_medicine(js, d);
    data__member_date(m, "authoredOn", data__draw(&m->random, 3));
    data__reference(js, "requester", "Practitioner", prescriber, NULL);
    put_dosage(js, "dosageInstruction", d, d->times);
    data__done(m);
}

static void
medication_dispense(struct data_maker *m, const struct data_drug *d)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationDispense", NLP "mp-MedicationDispense", "subject", id);

    json_member_z(js, "status", "completed");
    data__coding(js, "category", SCT, "422037009", "Medicatieverstrekking");
    put_medicine(js, d);
    data__quantity(js, "quantity", 30 * d->value * d->times, false, "1");
    data__member_date(m, "whenHandedOver", 0);
    put_dosage(js, "dosageInstruction", d, d->times);
    data__done(m);
}

/* What is really taken; one in five takes it once less than was agreed. */
static void
medication_statement(struct data_maker *m, const struct data_drug *d)
{
    int times = d->times > 1 && data__draw(&m->random, 5) == 0 ? d->times - 1 : d->times;
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationStatement", NLP "mp-MedicationUse2", "subject", id);

    json_member_z(js, "status", "active");
    data__coding(js, "category", "urn:oid:2.16.840.1.113883.2.4.3.11.60.20.77.5.3", "6",
                 "Medicatiegebruik");
    put_medicine(js, d);
    put_period(m, "effectivePeriod", 1);
    put_dosage(js, "dosage", d, times);
    data__done(m);
}

static struct json_out *
observation(struct data_maker *m, const char *profile, const char *category,
            const char *system, const char *code, const char *text)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Observation", profile, "subject", id);

    json_member_z(js, "status", "final");
    if (category != NULL)
        put_list_coding(js, "category", SCT, category, text);
    data__coding(js, "code", system, code, text);
    data__member_date(m, "effectiveDateTime", data__draw(&m->random, 3));
    return js;
}

static void
measured(struct data_maker *m, const char *profile, const char *code, const char *text,
         long value, bool tenths, const char *unit)
{
    data__quantity(observation(m, profile, NULL, LOINC, code, text), "valueQuantity", value,
                   tenths, unit);
    data__done(m);
}

static void
blood_pressure(struct data_maker *m)
{
    static const struct {
        const char *code, *text;
        unsigned low, range;
    } part[] = { { "8480-6", "Systolische bloeddruk", 105, 65 },
                 { "8462-4", "Diastolische bloeddruk", 60, 35 } };
    struct json_out *js =
        observation(m, NLP "nl-core-BloodPressure", NULL, LOINC, "85354-9", "Bloeddruk");

    json_key(js, "component");
    json_array(js);
    for (size_t i = 0; i < COUNT(part); i++) {
        json_object(js);
        data__coding(js, "code", LOINC, part[i].code, part[i].text);
        data__quantity(js, "valueQuantity",
                       part[i].low + data__draw(&m->random, part[i].range), false,
                       "mm[Hg]");
        json_end(js);
    }
    json_end(js);
    data__done(m);
}

static void
specimen_and_lab(struct data_maker *m, const struct data_lab *lab)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(
        m, "Specimen", NLP "nl-core-LaboratoryTestResult.Specimen", "subject", id);
    unsigned range = (unsigned)(lab->high - lab->low);

    data__coding(js, "type", SCT, "119297000", "Bloedmonster");
    data__done(m);
    js = observation(m, NLP "nl-core-LaboratoryTestResult", "275711006", LOINC, lab->loinc,
                     lab->text);
    data__reference(js, "specimen", "Specimen", id, NULL);
    data__quantity(js, "valueQuantity", lab->low + (long)data__draw(&m->random, range),
                   lab->tenths != 0, lab->unit);
    data__done(m);
}

static void
finding(struct data_maker *m, const char *profile, const char *category, const char *code,
        const char *text, const char *value, const char *value_text)
{
    struct json_out *js = observation(m, profile, category, SCT, code, text);

    data__coding(js, "valueCodeableConcept", SCT, value, value_text);
    data__done(m);
}

static void
immunization(struct data_maker *m)
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

static void
recommendation(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "ImmunizationRecommendation", NULL, "patient", id);

    data__member_date(m, "date", 0);
    json_key(js, "recommendation");
    json_array(js);
    json_object(js);
    put_list_coding(js, "vaccineCode", SCT, data_vaccines[0].code, data_vaccines[0].text);
    data__coding(js, "forecastStatus",
                 "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status",
                 "due", "Due");
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
encounter_and_procedure(struct data_maker *m)
{
    const struct data_code *what =
        &data_procedures[data__draw(&m->random, (unsigned)data_procedures_n)];
    unsigned years = data__draw(&m->random, 4);
    char visit[DATA_FIELD], id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Encounter", NLP "nl-core-Encounter", "subject", visit);

    json_member_z(js, "status", "finished");
    json_key(js, "class");
    json_object(js);
    json_member_z(js, "system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
    json_member_z(js, "code", "IMP");
    json_member_z(js, "display", "Klinische opname");
    json_end(js);
    put_period(m, "period", years);
    data__reference(js, "serviceProvider", "Organization", "hospital", NULL);
    data__done(m);

    js = data__start(m, "Procedure", NLP "nl-core-Procedure-event", "subject", id);
    json_member_z(js, "status", "completed");
    data__coding(js, "category", SCT, "387713003", "Chirurgische verrichting");
    data__coding(js, "code", SCT, what->code, what->text);
    data__reference(js, "encounter", "Encounter", visit, NULL);
    data__member_date(m, "performedDateTime", years);
    data__done(m);
}

static void
document(struct data_maker *m)
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
    json_member_z(js, "data",
                  "VmVyemFtZWxkZSBvbnRzbGFnYnJpZWYgdmFuIGVlbiB2ZXJ6b25uZW4gcGF0acOrbnQu");
    json_member_z(js, "title", "Ontslagbrief");
    json_end(js);
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
appointment(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Appointment", NULL, NULL, id);
    char actor[2 * DATA_FIELD];

    json_member_z(js, "status", "booked");
    json_member_z(js, "start", "2026-12-14T09:30:00+01:00");
    json_member_z(js, "end", "2026-12-14T09:50:00+01:00");
    snprintf(actor, sizeof(actor), "Patient/%s", m->who->id);
    json_key(js, "participant");
    json_array(js);
    json_object(js);
    json_key(js, "actor");
    json_object(js);
    json_member_z(js, "reference", actor);
    json_end(js);
    json_member_z(js, "status", "accepted");
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
orders(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "ServiceRequest", NULL, "subject", id);

    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    data__coding(js, "code", SCT, "91251008", "Fysiotherapie");
    data__member_date(m, "authoredOn", 0);
    data__done(m);
}

static void
treatment_directive(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Consent", NLP "nl-core-TreatmentDirective2", "patient", id);

    json_member_z(js, "status", "active");
    data__coding(js, "scope", "http://terminology.hl7.org/CodeSystem/consentscope",
                 "treatment", "Treatment");
    put_list_coding(js, "category", SCT, "11291000146105", "Behandelaanwijzing");
    data__member_date(m, "dateTime", 1);
    data__coding(js, "policyRule", "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                 "OPTIN", "Opt-in");
    data__done(m);
}

static void
coverage(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "Coverage", NLP "nl-core-Payer.InsuranceCompany", "beneficiary", id);

    json_member_z(js, "status", "active");
    put_references(js, "payor", "Patient", m->who->id, NULL);
    data__done(m);
}

static void
device_in_use(struct data_maker *m)
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
data__hospital(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->conditions; i++)
        condition(m, p->condition[i]);
    if (p->allergic)
        allergy(m, "confirmed", "high");
    if (p->drugs > 0)
        medication_request(m, &data_drugs[p->drug[0]], "cardioloog");
    blood_pressure(m);
    for (unsigned i = 0; i < 3; i++)
        specimen_and_lab(m, &data_labs[(p->index + i) % data_labs_n]);
    encounter_and_procedure(m);
    document(m);
    if (p->frail)
        treatment_directive(m);
    appointment(m);
    coverage(m);
}

void
data__gp(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->conditions; i++)
        condition(m, p->condition[i]);
    if (p->allergic)
        allergy(m, "unconfirmed", "low");
    for (size_t i = 0; i < p->drugs; i++)
        medication_request(m, &data_drugs[p->drug[i]], "huisarts");
    blood_pressure(m);
    measured(m, NLP "nl-core-BodyHeight", "8302-2", "Lichaamslengte",
             150 + (long)data__draw(&m->random, 45), false, "cm");
    measured(m, NLP "nl-core-BodyWeight", "29463-7", "Lichaamsgewicht",
             500 + (long)data__draw(&m->random, 500), true, "kg");
    finding(m, NLP "nl-core-TobaccoUse", NULL, "365980008", "Tabakgebruik", "266919005",
            "Nooit gerookt");
    finding(m, NLP "nl-core-AlcoholUse", NULL, "228273003", "Alcoholgebruik", "219006",
            "Drinkt alcohol");
    finding(m, NLP "nl-core-DrugUse", NULL, "228366006", "Drugsgebruik", "228367002",
            "Gebruikt geen drugs");
    immunization(m);
    recommendation(m);
    orders(m);
}

static void
flag(struct data_maker *m)
{
    char id[DATA_FIELD];
    struct json_out *js = data__start(m, "Flag", NLP "nl-core-Alert", "subject", id);

    json_member_z(js, "status", "active");
    data__coding(js, "code", SCT, "129839007", "Valgevaar");
    put_period(m, "period", 1);
    data__done(m);
}

static void
care_plan_and_team(struct data_maker *m)
{
    char team[DATA_FIELD], id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "CareTeam", NLP "nl-core-CareTeam", "subject", team);

    json_member_z(js, "status", "active");
    json_key(js, "participant");
    json_array(js);
    json_object(js);
    data__reference(js, "member", "Practitioner", "wijkverpleegkundige", "Carla Zwart");
    json_end(js);
    json_end(js);
    data__done(m);
    js = data__start(m, "CarePlan", NULL, "subject", id);
    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "plan");
    json_member_z(js, "title", "Zorgplan thuis");
    put_period(m, "period", 1);
    put_references(js, "careTeam", "CareTeam", team, NULL);
    data__done(m);
}

static void
nutrition(struct data_maker *m)
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
    put_list_coding(js, "type", SCT, d->code, d->text);
    json_end(js);
    data__done(m);
}

void
data__homecare(struct data_maker *m)
{
    care_plan_and_team(m);
    flag(m);
    nutrition(m);
    device_in_use(m);
    measured(m, NLP "nl-core-BodyWeight", "29463-7", "Lichaamsgewicht",
             500 + (long)data__draw(&m->random, 500), true, "kg");
    finding(m, NLP "nl-core-LivingSituation", NULL, "365508006", "Woonsituatie",
            "224212001", "Woont in eengezinswoning");
    finding(m, NLP "nl-core-AbilityToWalk", "118228005", "301438001",
            "Vermogen om te lopen", "282145008", "Kan lopen met hulpmiddel");
    finding(m, NLP "nl-core-MentalStatus", "384821006", "363871006",
            "Psychisch functioneren", "17326005", "Goed georiënteerd");
}

void
data__pharmacy(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->drugs; i++) {
        medication_dispense(m, &data_drugs[p->drug[i]]);
        medication_statement(m, &data_drugs[p->drug[i]]);
    }
    if (p->allergic)
        allergy(m, "confirmed", "high");
}
