/*
 * data_lists.h - the words that made-up people are made of. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_DATA_LISTS_H
#define KNOOP_APP_DEMO_DATA_LISTS_H

#include "base/str.h"

struct data_code {
    const char *code, *text;
};
struct data_family {
    const char *prefix, *name;
};
struct data_place {
    const char *street, *city, *postcode;
};
struct data_drug {
    const char *atc, *text, *dose, *unit;
    int value, times;  /* how much, how often a day */
    int for_condition; /* index in data_conditions, or -1 */
};
struct data_lab {
    const char *loinc, *text, *unit;
    int low, high, tenths; /* value range; tenths: one decimal */
};

extern const char *const data_given_f[], *const data_given_m[];
extern const size_t data_given_f_n, data_given_m_n;
extern const struct data_family data_families[];
extern const size_t data_families_n;
extern const struct data_place data_places[];
extern const size_t data_places_n;
extern const struct data_code data_conditions[];
extern const size_t data_conditions_n;
extern const struct data_code data_allergens[], data_reactions[];
extern const size_t data_allergens_n, data_reactions_n;
extern const struct data_drug data_drugs[];
extern const size_t data_drugs_n;
extern const struct data_code data_vaccines[], data_procedures[], data_devices[],
    data_diets[];
extern const size_t data_vaccines_n, data_procedures_n, data_devices_n, data_diets_n;
extern const struct data_lab data_labs[];
extern const size_t data_labs_n;

#endif
