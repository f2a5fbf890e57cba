/*
 * bgz.h - what a professional asks for, to see a patient's basic data (BgZ).
 *
 * Rule      spec generic-functions.md 2d.6, R4 names; body weight added. Each rule
 *           of policies/bgz has its question here (bgz_test.c sees to that).
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_BGZ_H
#define KNOOP_APP_DEMO_BGZ_H

#include "base/err.h"

struct bgz_query {
    const char *rule;  /* of policies/bgz */
    const char *title; /* for people */
    const char *path;  /* below the FHIR base; '#' stands for the patient's id */
};

/* Ended by { 0 }. Questions by number and for one document are not in it. */
extern const struct bgz_query bgz_queries[];

/* The path with the id in it; .p NULL without memory. */
struct str bgz_path(struct ctx *cx, const struct bgz_query *q, struct str patient);

#endif
