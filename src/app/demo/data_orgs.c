/*
 * data_orgs.c - what each organisation holds of a person. They overlap: problems
 * and allergies at hospital and general practitioner, medicines at three, sizes
 * at all who measure. Whom home care visits, the hospital knows in full.
 * EUPL-1.2.
 */
#include "app/demo/data_int.h"

/* What an old patient leaves behind at a stay. */
static void
hospital_of_the_frail(struct data_maker *m)
{
    const struct data_person *p = m->who;

    data__directive(m, "11291000146105", "Behandelaanwijzing");
    data__directive(m, "11341000146107", "Wilsverklaring");
    data__functioning(m);
    data__diet(m);
    data__alert(m);
    data__device(m);
    data__vaccination(m);
    data__vaccination_due(m);
    data__planned(m, "91251008", "Fysiotherapie");
    for (size_t i = 0; i < p->drugs; i++)
        data__taken(m, p->drug[i]);
    if (p->drugs > 0)
        data__dispensed(m, p->drug[0]);
}

void
data__hospital(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->conditions; i++)
        data__condition(m, p->condition[i]);
    if (p->allergic)
        data__allergy(m, "confirmed", "high");
    if (p->drugs > 0)
        data__prescribed(m, p->drug[0], "cardioloog");
    data__blood_pressure(m, 0);
    data__blood_pressure(m, 1);
    data__size(m, 1);
    data__laboratory(m);
    data__substances(m);
    data__admission(m);
    data__document(m);
    data__appointment(m);
    data__coverage(m);
    if (p->frail)
        hospital_of_the_frail(m);
}

void
data__gp(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->conditions; i++)
        data__condition(m, p->condition[i]);
    if (p->allergic)
        data__allergy(m, "unconfirmed", "low");
    for (size_t i = 0; i < p->drugs; i++)
        data__prescribed(m, p->drug[i], "huisarts");
    data__blood_pressure(m, 2);
    data__size(m, 2);
    data__substances(m);
    data__vaccination(m);
    data__vaccination_due(m);
    data__planned(m, "91251008", "Fysiotherapie");
}

void
data__homecare(struct data_maker *m)
{
    data__care_plan(m);
    data__alert(m);
    data__diet(m);
    data__device(m);
    data__weight(m, 0);
    data__functioning(m);
}

void
data__pharmacy(struct data_maker *m)
{
    const struct data_person *p = m->who;

    for (size_t i = 0; i < p->drugs; i++) {
        data__dispensed(m, p->drug[i]);
        data__taken(m, p->drug[i]);
    }
    if (p->allergic)
        data__allergy(m, "confirmed", "high");
}
