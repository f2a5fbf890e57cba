/*
 * data_int.h - one patient in the making. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_DATA_INT_H
#define KNOOP_APP_DEMO_DATA_INT_H

#include "app/demo/data.h"
#include "app/demo/data_lists.h"

enum { DATA_FIELD = 64, DATA_DRUGS_MAX = 4, DATA_CONDITIONS_MAX = 4 };

/* The facts that the organisations share, each in its own words. */
struct data_person {
    uint64_t seed, index;
    char id[24]; /* "p00007": the logical id at every organisation */
    char bsn[10];
    bool female, died;
    const char *given, *prefix, *family;
    const struct data_place *place;
    unsigned house, year, month, day; /* born */
    size_t condition[DATA_CONDITIONS_MAX], conditions;
    size_t drug[DATA_DRUGS_MAX], drugs;
    size_t allergen, reaction;
    bool allergic, frail;
};

struct data_maker {
    struct ctx *cx;
    data_sink sink;
    void *arg;
    enum data_org org;
    const struct data_person *who;
    uint64_t random; /* state of the generator, per organisation */
    unsigned count;  /* of this patient's resources here, for ids */
    struct json_out js;
    struct str type;
    err_t failed; /* sticky */
};

/* A number below `n`, drawn from the maker's own sequence. */
unsigned data__draw(uint64_t *state, unsigned n);

/*
 * data__begin starts a resource; data__start names it after patient and
 * organisation too, and puts the reference to the patient where `subject` is
 * given. data__done ends it and hands it over.
 */
struct json_out *data__begin(struct data_maker *m, const char *type, const char *profile,
                             const char *id);
struct json_out *data__start(struct data_maker *m, const char *type, const char *profile,
                             const char *subject, char id[DATA_FIELD]);
void data__done(struct data_maker *m);

/* --- shapes: an element of a list has _put_; a list of one is in the plural ------ */
void data__put_coding(struct json_out *js, const char *system, const char *code,
                      const char *text);
void data__coding(struct json_out *js, const char *name, const char *system,
                  const char *code, const char *text);
void data__codings(struct json_out *js, const char *name, const char *system,
                   const char *code, const char *text);
void data__put_identifier(struct json_out *js, const char *system, const char *value);
void data__put_reference(struct json_out *js, const char *type, const char *id,
                         const char *display);
void data__reference(struct json_out *js, const char *name, const char *type,
                     const char *id, const char *display);
void data__references(struct json_out *js, const char *name, const char *type,
                      const char *id, const char *display);
/* A date some drawn days before `years` ago: "2024-03-09". */
struct str data__date(struct data_maker *m, unsigned years, char room[16]);
void data__member_date(struct data_maker *m, const char *name, unsigned years);
void data__period(struct data_maker *m, const char *name, unsigned years);
void data__quantity(struct json_out *js, const char *name, long value, bool tenths,
                    const char *unit);

#define SCT    "http://snomed.info/sct"
#define LOINC  "http://loinc.org"
#define ATC    "http://www.whocc.no/atc"
#define NLP    "http://nictiz.nl/fhir/StructureDefinition/"
#define HL7    "http://terminology.hl7.org/CodeSystem/"
#define NAMING "http://fhir.nl/fhir/NamingSystem/"

void data__patient(struct data_maker *m);

/* --- what is written of a person: data_care.c, data_medication.c, data_observation.c -- */
void data__condition(struct data_maker *m, size_t condition);
/* The hospital is surer than the general practitioner: that is a conflict to show. */
void data__allergy(struct data_maker *m, const char *verification, const char *criticality);
void data__alert(struct data_maker *m);
void data__admission(struct data_maker *m); /* with the procedure that it was for */
void data__document(struct data_maker *m);
void data__appointment(struct data_maker *m);
void data__planned(struct data_maker *m, const char *code, const char *text);
void data__directive(struct data_maker *m, const char *category, const char *text);
void data__coverage(struct data_maker *m);
void data__device(struct data_maker *m);
void data__diet(struct data_maker *m);
void data__care_plan(struct data_maker *m); /* and the team */
void data__vaccination(struct data_maker *m);
void data__vaccination_due(struct data_maker *m);

void data__prescribed(struct data_maker *m, size_t drug, const char *by);
void data__dispensed(struct data_maker *m, size_t drug);
void data__taken(struct data_maker *m, size_t drug);

void data__blood_pressure(struct data_maker *m, unsigned years);
void data__size(struct data_maker *m, unsigned years); /* height and weight */
void data__weight(struct data_maker *m, unsigned years);
void data__laboratory(struct data_maker *m); /* three results, their specimens, a panel */
void data__substances(struct data_maker *m);
void data__functioning(struct data_maker *m); /* living, walking, mind */

/* What each organisation writes about a person. */
void data__hospital(struct data_maker *m);
void data__gp(struct data_maker *m);
void data__homecare(struct data_maker *m);
void data__pharmacy(struct data_maker *m);

#endif
