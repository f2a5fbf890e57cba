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
 * Starts a resource of this type: id, profile, and (where `subject` is named)
 * the reference to the patient. data__done ends and hands it over. Returns the
 * writer; the id that it got is in `id`.
 */
struct json_out *data__start(struct data_maker *m, const char *type, const char *profile,
                             const char *subject, char id[DATA_FIELD]);
void data__done(struct data_maker *m);

void data__coding(struct json_out *js, const char *name, const char *system,
                  const char *code, const char *text);
void data__reference(struct json_out *js, const char *name, const char *type,
                     const char *id, const char *display);
/* A date `years` before 2026-11-01 minus a few drawn days: "2024-03-09". */
struct str data__date(struct data_maker *m, unsigned years, char room[16]);
void data__member_date(struct data_maker *m, const char *name, unsigned years);
void data__quantity(struct json_out *js, const char *name, long value, bool tenths,
                    const char *unit);

#define SCT   "http://snomed.info/sct"
#define LOINC "http://loinc.org"
#define ATC   "http://www.whocc.no/atc"
#define NLP   "http://nictiz.nl/fhir/StructureDefinition/"

/* What each organisation writes about a person. */
void data__hospital(struct data_maker *m);
void data__gp(struct data_maker *m);
void data__homecare(struct data_maker *m);
void data__pharmacy(struct data_maker *m);

#endif
