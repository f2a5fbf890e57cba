/*
 * data_patient.c - the Patient that each organisation has, under the same number.
 * EUPL-1.2.
 */
#include "app/demo/data_int.h"

#include <stdio.h>

static void
put_extension(struct json_out *js, const char *url, const char *value)
{
    json_object(js);
    json_member_z(js, "url", url);
    json_member_z(js, "valueString", value);
    json_end(js);
}

static void
put_name(struct json_out *js, const struct data_person *p)
{
    char family[96], text[160];

    snprintf(family, sizeof(family), "%s%s%s", p->prefix, p->prefix[0] ? " " : "",
             p->family);
    snprintf(text, sizeof(text), "%s %s", p->given, family);
    json_key(js, "name");
    json_array(js);
    json_object(js);
    json_member_z(js, "use", "official");
    json_member_z(js, "text", text);
    json_member_z(js, "family", family);
    json_key(js, "_family");
    json_object(js);
    json_key(js, "extension");
    json_array(js);
    if (p->prefix[0] != '\0')
        put_extension(js, "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix",
                      p->prefix);
    put_extension(js, "http://hl7.org/fhir/StructureDefinition/humanname-own-name",
                  p->family);
    json_end(js);
    json_end(js);
    json_key(js, "given");
    json_array(js);
    json_put_z(js, p->given);
    json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_address(struct json_out *js, const struct data_person *p)
{
    char line[96], house[16];

    snprintf(house, sizeof(house), "%u", p->house);
    snprintf(line, sizeof(line), "%s %u", p->place->street, p->house);
    json_key(js, "address");
    json_array(js);
    json_object(js);
    json_member_z(js, "use", "home");
    json_key(js, "line");
    json_array(js);
    json_put_z(js, line);
    json_end(js);
    json_key(js, "_line");
    json_array(js);
    json_object(js);
    json_key(js, "extension");
    json_array(js);
    put_extension(js, "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName",
                  p->place->street);
    put_extension(js, "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber",
                  house);
    json_end(js);
    json_end(js);
    json_end(js);
    json_member_z(js, "city", p->place->city);
    json_member_z(js, "postalCode", p->place->postcode);
    json_member_z(js, "country", "NL");
    json_end(js);
    json_end(js);
}

/* Every organisation has its own Patient, under the same number. */
void
data__patient(struct data_maker *m)
{
    const struct data_person *p = m->who;
    struct json_out *js = data__begin(m, "Patient", NLP "nl-core-Patient", p->id);
    char born[16];

    if (p->bsn[0] != '\0')
        data__put_identifier(js, NAMING "bsn", p->bsn);
    json_member_bool(js, "active", true);
    put_name(js, p);
    json_member_z(js, "gender", p->female ? "female" : "male");
    snprintf(born, sizeof(born), "%04u-%02u-%02u", p->year % 10000, p->month % 100,
             p->day % 100);
    json_member_z(js, "birthDate", born);
    json_member_bool(js, "deceasedBoolean", p->died);
    put_address(js, p);
    json_key(js, "generalPractitioner");
    json_array(js);
    data__put_reference(js, "Organization", "gp", data_org(DATA_GP)->name);
    data__put_reference(js, "PractitionerRole", "rol-huisarts", NULL);
    json_end(js);
    data__done(m);
}
