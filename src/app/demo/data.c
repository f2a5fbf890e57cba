/* data.c - people, and what every organisation writes alike. EUPL-1.2. */
#include "app/demo/data_int.h"

#include <stdio.h>
#include <string.h>

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
    p->frail = p->year < 1950 && data__draw(&r, 2) == 0;
    pick_conditions(p, &r);
}

static struct json_out *
begin(struct data_maker *m, const char *type, const char *profile, const char *id)
{
    struct json_out *js = &m->js;

    arena_reset(m->cx->arena);
    json_out_init(js, m->cx->arena);
    m->type = str_of(type);
    json_object(js);
    json_member_z(js, "resourceType", type);
    json_member_z(js, "id", id);
    if (profile != NULL) {
        json_key(js, "meta");
        json_object(js);
        json_key(js, "profile");
        json_array(js);
        json_put_z(js, profile);
        json_end(js);
        json_end(js);
    }
    return js;
}

struct json_out *
data__start(struct data_maker *m, const char *type, const char *profile,
            const char *subject, char id[DATA_FIELD])
{
    struct json_out *js;

    snprintf(id, DATA_FIELD, "%s-%s%u", m->who->id, orgs[m->org].id, ++m->count);
    js = begin(m, type, profile, id);
    if (subject != NULL)
        data__reference(js, subject, "Patient", m->who->id, NULL);
    return js;
}

void
data__done(struct data_maker *m)
{
    struct str line;

    json_end(&m->js);
    if (m->failed == ERR_OK)
        m->failed = json_out_done(m->cx, &m->js, &line);
    if (m->failed == ERR_OK)
        m->failed = m->sink(m->cx, m->arg, m->org, m->type, line);
}

void
data__coding(struct json_out *js, const char *name, const char *system, const char *code,
             const char *text)
{
    json_key(js, name);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", system);
    json_member_z(js, "code", code);
    json_member_z(js, "display", text);
    json_end(js);
    json_end(js);
    json_member_z(js, "text", text);
    json_end(js);
}

void
data__reference(struct json_out *js, const char *name, const char *type, const char *id,
                const char *display)
{
    char reference[2 * DATA_FIELD];

    snprintf(reference, sizeof(reference), "%s/%s", type, id);
    json_key(js, name);
    json_object(js);
    json_member_z(js, "reference", reference);
    if (display != NULL)
        json_member_z(js, "display", display);
    json_end(js);
}

struct str
data__date(struct data_maker *m, unsigned years, char room[16])
{
    unsigned year = 2025 - years, month = 1 + data__draw(&m->random, 12);
    unsigned day = 1 + data__draw(&m->random, 28);
    int n;

    if (year < m->who->year)
        year = m->who->year;
    n = snprintf(room, 16, "%04u-%02u-%02u", year % 10000, month, day);
    return (struct str){ room, (size_t)n };
}

void
data__member_date(struct data_maker *m, const char *name, unsigned years)
{
    char room[16];

    json_member(&m->js, name, data__date(m, years, room));
}

void
data__quantity(struct json_out *js, const char *name, long value, bool tenths,
               const char *unit)
{
    char number[24];
    int n = tenths ? snprintf(number, sizeof(number), "%ld.%ld", value / 10, value % 10)
                   : snprintf(number, sizeof(number), "%ld", value);

    json_key(js, name);
    json_object(js);
    json_key(js, "value");
    json_put_raw(js, (struct str){ number, (size_t)n });
    json_member_z(js, "unit", unit);
    json_member_z(js, "system", "http://unitsofmeasure.org");
    json_member_z(js, "code", unit);
    json_end(js);
}

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
static void
put_patient(struct data_maker *m)
{
    const struct data_person *p = m->who;
    struct json_out *js = begin(m, "Patient", NLP "nl-core-Patient", p->id);
    char born[16];

    if (p->bsn[0] != '\0') {
        json_key(js, "identifier");
        json_array(js);
        json_object(js);
        json_member_z(js, "system", "http://fhir.nl/fhir/NamingSystem/bsn");
        json_member_z(js, "value", p->bsn);
        json_end(js);
        json_end(js);
    }
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
    json_object(js);
    json_member_z(js, "reference", "Organization/gp");
    json_member_z(js, "display", orgs[DATA_GP].name);
    json_end(js);
    json_end(js);
    data__done(m);
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
        put_patient(&m);
        write[org](&m);
        if (m.failed != ERR_OK)
            return m.failed;
    }
    return ERR_OK;
}

static void
put_organisation(struct data_maker *m, enum data_org which)
{
    const struct data_org_row *o = &orgs[which];
    struct json_out *js = &m->js;

    json_object(js);
    json_member_z(js, "resourceType", "Organization");
    json_member_z(js, "id", o->id);
    json_key(js, "identifier");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", "http://fhir.nl/fhir/NamingSystem/ura");
    json_member_z(js, "value", o->ura);
    json_end(js);
    json_end(js);
    json_member_bool(js, "active", true);
    json_key(js, "type");
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", "urn:oid:2.16.840.1.113883.2.4.15.1060");
    json_member_z(js, "code", o->type);
    json_member_z(js, "display", o->type_text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    json_member_z(js, "name", o->name);
    json_key(js, "address");
    json_array(js);
    json_object(js);
    json_member_z(js, "city", o->city);
    json_member_z(js, "country", "NL");
    json_end(js);
    json_end(js);
}

/* The people who work there; their numbers are made up, as the patients are. */
static const struct {
    const char *id, *uzi, *given, *family, *role, *role_text;
} staff[DATA_ORGS][2] = {
    [DATA_HOSPITAL] = { { "cardioloog", "900030101", "Irene", "Mertens", "01.010",
                          "Cardioloog" },
                        { "verpleegkundige", "900030102", "Tom", "Slager", "30.000",
                          "Verpleegkundige" } },
    [DATA_GP] = { { "huisarts", "900030201", "Marleen", "Kuiper", "01.015", "Huisarts" },
                  { "assistent", "900030202", "Joyce", "Pinas", "00.000",
                    "Doktersassistent" } },
    [DATA_HOMECARE] = { { "wijkverpleegkundige", "900030301", "Carla", "Zwart", "30.000",
                          "Verpleegkundige" },
                        { "verzorgende", "900030302", "Samira", "Haddou", "00.000",
                          "Verzorgende IG" } },
    [DATA_PHARMACY] = { { "apotheker", "900030401", "Victor", "Lam", "17.000",
                          "Apotheker" },
                        { "apothekersassistent", "900030402", "Els", "Bron", "00.000",
                          "Apothekersassistent" } },
};

static void
put_practitioner(struct data_maker *m, size_t i)
{
    struct json_out *js = &m->js;

    json_object(js);
    json_member_z(js, "resourceType", "Practitioner");
    json_member_z(js, "id", staff[m->org][i].id);
    json_key(js, "identifier");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", "http://fhir.nl/fhir/NamingSystem/uzi-nr-pers");
    json_member_z(js, "value", staff[m->org][i].uzi);
    json_end(js);
    json_end(js);
    json_key(js, "name");
    json_array(js);
    json_object(js);
    json_member_z(js, "family", staff[m->org][i].family);
    json_key(js, "given");
    json_array(js);
    json_put_z(js, staff[m->org][i].given);
    json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_role(struct data_maker *m, size_t i)
{
    struct json_out *js = &m->js;
    char id[DATA_FIELD];

    snprintf(id, sizeof(id), "rol-%s", staff[m->org][i].id);
    json_object(js);
    json_member_z(js, "resourceType", "PractitionerRole");
    json_member_z(js, "id", id);
    data__reference(js, "practitioner", "Practitioner", staff[m->org][i].id, NULL);
    data__reference(js, "organization", "Organization", orgs[m->org].id, orgs[m->org].name);
    json_key(js, "code");
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", "http://fhir.nl/fhir/NamingSystem/uzi-rolcode");
    json_member_z(js, "code", staff[m->org][i].role);
    json_member_z(js, "display", staff[m->org][i].role_text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
}

static void
put_medicine(struct data_maker *m, size_t d)
{
    struct json_out *js = &m->js;
    char id[DATA_FIELD];

    snprintf(id, sizeof(id), "med-%s", data_drugs[d].atc);
    json_object(js);
    json_member_z(js, "resourceType", "Medication");
    json_member_z(js, "id", id);
    data__coding(js, "code", ATC, data_drugs[d].atc, data_drugs[d].text);
}

static void
common(struct data_maker *m, const char *type, void (*put)(struct data_maker *, size_t),
       size_t i)
{
    arena_reset(m->cx->arena);
    json_out_init(&m->js, m->cx->arena);
    m->type = str_of(type);
    put(m, i);
    data__done(m);
}

static void
put_organisation_at(struct data_maker *m, size_t i)
{
    put_organisation(m, (enum data_org)i);
}

err_t
data_write_common(struct ctx *cx, data_sink sink, void *arg)
{
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct data_maker m = { .cx = cx, .sink = sink, .arg = arg, .org = org };

        for (size_t i = 0; i < DATA_ORGS; i++)
            common(&m, "Organization", put_organisation_at, i);
        for (size_t i = 0; i < COUNT(staff[org]); i++) {
            common(&m, "Practitioner", put_practitioner, i);
            common(&m, "PractitionerRole", put_role, i);
        }
        for (size_t d = 0; d < data_drugs_n; d++)
            common(&m, "Medication", put_medicine, d);
        if (m.failed != ERR_OK)
            return m.failed;
    }
    return ERR_OK;
}
