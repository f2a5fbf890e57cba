/*
 * data.c - who they are: organisations, and people drawn from a seed. What is
 * written of them is in data_patient.c and data_orgs.c. EUPL-1.2.
 */
#include "app/demo/data_int.h"

#include <stdio.h>

static const struct data_org_row orgs[DATA_ORGS] = {
    [DATA_HOSPITAL] = { "hospital", "Ziekenhuis De Vliet", "90000101", "V4", "Ziekenhuis",
                        "Vlietdam" },
    [DATA_GP] = { "gp", "Huisartsenpraktijk Lindenhof", "90000102", "Z3",
                  "Huisartspraktijk", "Vlietdam" },
    [DATA_HOMECARE] = { "homecare", "Thuiszorg Morgenrood", "90000103", "T2", "Thuiszorg",
                        "Oosterwoud" },
    [DATA_PHARMACY] = { "pharmacy", "Apotheek De Vijzel", "90000104", "J8", "Apotheek",
                        "Nieuwhaven" },
};

const struct data_org_row *
data_org(enum data_org org)
{
    return &orgs[org];
}

/* splitmix64: every (seed, index, organisation) begins a sequence of its own. */
static uint64_t
mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

unsigned
data__draw(uint64_t *state, unsigned n)
{
    return (unsigned)((mix(state) >> 32) * n >> 32);
}

/* The eleven-test's last digit for 999 and five digits, or 10 when none fits. */
static unsigned
check_digit(unsigned five)
{
    unsigned sum = 9 * 9 + 8 * 9 + 7 * 9, weight = 2;

    for (unsigned rest = five; weight <= 6; weight++, rest /= 10)
        sum += weight * (rest % 10);
    return sum % 11;
}

/*
 * As the eighth digit runs from 0 to 9 the sum takes ten of eleven residues, so
 * of every ten prefixes at least nine have a last digit: nine are used.
 */
struct str
data_bsn(uint64_t index, char room[10])
{
    unsigned decade = (unsigned)(index / 9), left = (unsigned)(index % 9);

    room[0] = '\0';
    if (index >= 90000)
        return (struct str){ room, 0 };
    for (unsigned five = decade * 10;; five++) {
        unsigned c = check_digit(five);

        if (c == 10 || left-- != 0)
            continue;
        snprintf(room, 10, "999%05u%u", five % 100000, c % 10);
        return (struct str){ room, 9 };
    }
}

static void
pick_conditions(struct data_person *p, uint64_t *r)
{
    unsigned age = 2026 - p->year, want = age > 70 ? 4 : age > 45 ? 2 : age > 20 ? 1 : 0;

    while (p->conditions < want) {
        size_t c = data__draw(r, (unsigned)data_conditions_n);
        bool twice = (c == 18 && !p->female) || (age < 60 && (c == 13 || c == 14));

        for (size_t i = 0; i < p->conditions; i++)
            twice = twice || p->condition[i] == c;
        if (!twice)
            p->condition[p->conditions++] = c;
    }
    for (size_t d = 0; d < data_drugs_n; d++)
        for (size_t i = 0; i < p->conditions && p->drugs < DATA_DRUGS_MAX; i++)
            if (data_drugs[d].for_condition == (int)p->condition[i])
                p->drug[p->drugs++] = d;
}

static void
make_person(struct data_person *p, uint64_t seed, uint64_t index)
{
    uint64_t r = seed * UINT64_C(0x2545F4914F6CDD1D) + index;

    *p = (struct data_person){ .seed = seed, .index = index };
    snprintf(p->id, sizeof(p->id), "p%05llu", (unsigned long long)index + 1);
    data_bsn(index, p->bsn);
    p->female = data__draw(&r, 2) == 0;
    p->given = p->female ? data_given_f[data__draw(&r, (unsigned)data_given_f_n)]
                         : data_given_m[data__draw(&r, (unsigned)data_given_m_n)];
    size_t family = data__draw(&r, (unsigned)data_families_n);
    p->prefix = data_families[family].prefix;
    p->family = data_families[family].name;
    p->place = &data_places[data__draw(&r, (unsigned)data_places_n)];
    p->house = 1 + data__draw(&r, 180);
    p->year = 1932 + data__draw(&r, 90);
    p->month = 1 + data__draw(&r, 12);
    p->day = 1 + data__draw(&r, 28);
    p->died = p->year < 1940 && data__draw(&r, 6) == 0;
    p->allergic = data__draw(&r, 3) == 0;
    p->allergen = data__draw(&r, (unsigned)data_allergens_n);
    p->reaction = data__draw(&r, (unsigned)data_reactions_n);
    p->frail = p->year < 1950;
    pick_conditions(p, &r);
}

err_t
data_write_patient(struct ctx *cx, uint64_t seed, uint64_t index, data_sink sink, void *arg)
{
    static void (*const write[DATA_ORGS])(struct data_maker *) = {
        [DATA_HOSPITAL] = data__hospital,
        [DATA_GP] = data__gp,
        [DATA_HOMECARE] = data__homecare,
        [DATA_PHARMACY] = data__pharmacy,
    };
    struct data_person who;

    make_person(&who, seed, index);
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct data_maker m = {
            .cx = cx, .sink = sink, .arg = arg, .org = org, .who = &who
        };

        if (org == DATA_HOMECARE && !who.frail)
            continue; /* home care knows only whom it visits */
        m.random = seed ^ (index << 8) ^ (uint64_t)org;
        data__patient(&m);
        write[org](&m);
        if (m.failed != ERR_OK)
            return m.failed;
    }
    return ERR_OK;
}
