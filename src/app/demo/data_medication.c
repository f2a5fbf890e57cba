/*
 * data_medication.c - what was agreed, handed over and is really taken: one
 * medicine, three organisations, not always the same story. EUPL-1.2.
 */
#include "app/demo/data_int.h"

#include <stdio.h>

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

void
data__prescribed(struct data_maker *m, size_t drug, const char *by)
{
    const struct data_drug *d = &data_drugs[drug];
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationRequest", NLP "mp-MedicationAgreement", "subject", id);

    json_member_z(js, "status", "active");
    json_member_z(js, "intent", "order");
    data__codings(js, "category", SCT, "16076005", "Medicatieafspraak");
    put_medicine(js, d);
    data__member_date(m, "authoredOn", data__draw(&m->random, 3));
    data__reference(js, "requester", "Practitioner", by, NULL);
    put_dosage(js, "dosageInstruction", d, d->times);
    data__done(m);
}

void
data__dispensed(struct data_maker *m, size_t drug)
{
    const struct data_drug *d = &data_drugs[drug];
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationDispense", NLP "mp-MedicationDispense", "subject", id);

    json_member_z(js, "status", "completed");
    data__coding(js, "category", SCT, "422037009", "Toedieningsafspraak");
    put_medicine(js, d);
    data__quantity(js, "quantity", 30 * d->value * d->times, false, "1");
    data__member_date(m, "whenHandedOver", 0);
    put_dosage(js, "dosageInstruction", d, d->times);
    data__done(m);
}

/* One in five takes it once less than was agreed. */
void
data__taken(struct data_maker *m, size_t drug)
{
    const struct data_drug *d = &data_drugs[drug];
    int times = d->times > 1 && data__draw(&m->random, 5) == 0 ? d->times - 1 : d->times;
    char id[DATA_FIELD];
    struct json_out *js =
        data__start(m, "MedicationStatement", NLP "mp-MedicationUse2", "subject", id);

    json_member_z(js, "status", "active");
    data__coding(js, "category", "urn:oid:2.16.840.1.113883.2.4.3.11.60.20.77.5.3", "6",
                 "Medicatiegebruik");
    put_medicine(js, d);
    data__period(m, "effectivePeriod", 1);
    put_dosage(js, "dosage", d, times);
    data__done(m);
}
