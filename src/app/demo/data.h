/*
 * data.h - made-up people, and the records that four organisations hold.
 *
 * Rule      Patient n of seed s is always the same patient, byte for byte, on
 *           every machine; so are its records. Numbers are test numbers
 *           (999…, eleven-test); beyond the 90,000 that are used patients
 *           have no number, as some in life. FHIR R4, shaped after nl-core.
 * Lifetime  Text is handed to the sink and not kept.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_DATA_H
#define KNOOP_APP_DEMO_DATA_H

#include "codec/json/json.h"

enum data_org { DATA_HOSPITAL, DATA_GP, DATA_HOMECARE, DATA_PHARMACY, DATA_ORGS };

/* Who they are: used by the demo's nodes too. */
struct data_org_row {
    const char *id;   /* "hospital": tenant, subject and file name */
    const char *name; /* "Ziekenhuis De Vliet" */
    const char *ura;  /* 8 digits */
    const char *type; /* code of 2.16.840.1.113883.2.4.15.1060 */
    const char *type_text;
    const char *city;
};
const struct data_org_row *data_org(enum data_org org);

/* Who works there: the first is the one who asks, in the demo. */
enum { DATA_STAFF = 2 };
struct data_staff {
    const char *id, *uzi, *given, *family, *role, *role_text;
};
const struct data_staff *data_staff(enum data_org org, size_t i);

/* One resource as a line of JSON, newline not included. Not ERR_OK ends it. */
typedef err_t (*data_sink)(struct ctx *cx, void *arg, enum data_org org, struct str type,
                           struct str line);

/* The resources that belong to no patient: organisations, people, medicines. */
err_t data_write_common(struct ctx *cx, data_sink sink, void *arg) NODISCARD;
/*
 * All that the organisations hold of patient `index` (from 0). The context's
 * arena is used and reset: nothing of the caller may live in it.
 */
err_t data_write_patient(struct ctx *cx, uint64_t seed, uint64_t index, data_sink sink,
                         void *arg) NODISCARD;

/* The citizen service number of patient `index`, 9 digits, or "" beyond. */
struct str data_bsn(uint64_t index, char room[10]);

#endif
