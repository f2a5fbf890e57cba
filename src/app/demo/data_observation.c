/* data_observation.c - what was measured, seen and found. EUPL-1.2. */
#include "app/demo/data_int.h"

#include <stdio.h>
#include <string.h>

#define KIND HL7 "observation-category"

/* Category and code stand beside each other; `years` ago. */
struct finding {
    const char *profile;
    const char *category_system, *category, *category_text;
    const char *system, *code, *text;
    unsigned years;
};

static struct json_out *
observation(struct data_maker *m, const struct finding *f, char id[DATA_FIELD])
{
    struct json_out *js = data__start(m, "Observation", f->profile, "subject", id);

    json_member_z(js, "status", "final");
    if (f->category != NULL)
        data__codings(js, "category", f->category_system, f->category, f->category_text);
    data__coding(js, "code", f->system, f->code, f->text);
    data__member_date(m, "effectiveDateTime", f->years);
    return js;
}

static void
measured(struct data_maker *m, const char *profile, const char *code, const char *text,
         unsigned years, long value, bool tenths, const char *unit)
{
    const struct finding f = { profile, KIND, "vital-signs", "Vital Signs",
                               LOINC,   code, text,          years };
    char id[DATA_FIELD];

    data__quantity(observation(m, &f, id), "valueQuantity", value, tenths, unit);
    data__done(m);
}

void
data__weight(struct data_maker *m, unsigned years)
{
    measured(m, NLP "nl-core-BodyWeight", "29463-7", "Lichaamsgewicht", years,
             500 + (long)data__draw(&m->random, 500), true, "kg");
}

void
data__size(struct data_maker *m, unsigned years)
{
    measured(m, NLP "nl-core-BodyHeight", "8302-2", "Lichaamslengte", years,
             150 + (long)data__draw(&m->random, 45), false, "cm");
    data__weight(m, years);
}

void
data__blood_pressure(struct data_maker *m, unsigned years)
{
    static const struct {
        const char *code, *text;
        unsigned low, range;
    } part[] = { { "8480-6", "Systolische bloeddruk", 105, 65 },
                 { "8462-4", "Diastolische bloeddruk", 60, 35 } };
    const struct finding f = { NLP "nl-core-BloodPressure",
                               KIND,
                               "vital-signs",
                               "Vital Signs",
                               LOINC,
                               "85354-9",
                               "Bloeddruk",
                               years };
    char id[DATA_FIELD];
    struct json_out *js = observation(m, &f, id);

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

static const struct finding laboratory = { NLP "nl-core-LaboratoryTestResult",
                                           SCT,
                                           "275711006",
                                           "Laboratoriumonderzoek",
                                           LOINC,
                                           NULL,
                                           NULL,
                                           0 };

static void
result(struct data_maker *m, const struct data_lab *lab, char id[DATA_FIELD])
{
    struct finding f = laboratory;
    unsigned range = (unsigned)(lab->high - lab->low);
    char specimen[DATA_FIELD];
    struct json_out *js = data__start(
        m, "Specimen", NLP "nl-core-LaboratoryTestResult.Specimen", "subject", specimen);

    data__coding(js, "type", SCT, "119297000", "Bloedmonster");
    data__done(m);
    f.code = lab->loinc;
    f.text = lab->text;
    js = observation(m, &f, id);
    data__reference(js, "specimen", "Specimen", specimen, NULL);
    data__quantity(js, "valueQuantity", lab->low + (long)data__draw(&m->random, range),
                   lab->tenths != 0, lab->unit);
    data__done(m);
}

void
data__laboratory(struct data_maker *m)
{
    enum { RESULTS = 3 };
    struct finding f = laboratory;
    char member[RESULTS][DATA_FIELD], id[DATA_FIELD];
    struct json_out *js;

    for (size_t i = 0; i < RESULTS; i++)
        result(m, &data_labs[(m->who->index + i) % data_labs_n], member[i]);
    f.code = "26436-6";
    f.text = "Laboratoriumonderzoek";
    js = observation(m, &f, id);
    json_key(js, "hasMember");
    json_array(js);
    for (size_t i = 0; i < RESULTS; i++)
        data__put_reference(js, "Observation", member[i], NULL);
    json_end(js);
    data__done(m);
}

struct concept {
    const char *profile, *category, *code, *text, *value, *value_text;
};

static void
found(struct data_maker *m, const struct concept *c, unsigned years)
{
    const struct finding f = { c->profile, SCT,     c->category, c->text,
                               SCT,        c->code, c->text,     years };
    char id[DATA_FIELD];

    data__coding(observation(m, &f, id), "valueCodeableConcept", SCT, c->value,
                 c->value_text);
    data__done(m);
}

void
data__substances(struct data_maker *m)
{
    static const struct concept use[] = {
        { NLP "nl-core-TobaccoUse", NULL, "365980008", "Tabakgebruik", "266919005",
          "Nooit gerookt" },
        { NLP "nl-core-AlcoholUse", NULL, "228273003", "Alcoholgebruik", "219006",
          "Drinkt alcohol" },
        { NLP "nl-core-DrugUse", NULL, "228366006", "Drugsgebruik", "228367002",
          "Gebruikt geen drugs" },
    };

    for (size_t i = 0; i < COUNT(use); i++)
        found(m, &use[i], data__draw(&m->random, 3));
}

void
data__functioning(struct data_maker *m)
{
    static const struct concept seen[] = {
        { NLP "nl-core-LivingSituation", NULL, "365508006", "Woonsituatie", "224212001",
          "Woont in eengezinswoning" },
        { NLP "nl-core-AbilityToWalk", "118228005", "301438001", "Vermogen om te lopen",
          "282145008", "Kan lopen met hulpmiddel" },
        { NLP "nl-core-MentalStatus", "384821006", "363871006", "Psychisch functioneren",
          "17326005", "Goed georiënteerd" },
    };

    for (size_t i = 0; i < COUNT(seen); i++)
        found(m, &seen[i], data__draw(&m->random, 2));
}
