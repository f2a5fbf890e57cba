/* data_put.c - the shapes that resources share. EUPL-1.2. */
#include "app/demo/data_int.h"

#include <stdio.h>

struct json_out *
data__begin(struct data_maker *m, const char *type, const char *profile, const char *id)
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

    snprintf(id, DATA_FIELD, "%s-%s%u", m->who->id, data_org(m->org)->id, ++m->count);
    js = data__begin(m, type, profile, id);
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
data__put_coding(struct json_out *js, const char *system, const char *code,
                 const char *text)
{
    json_object(js);
    json_member_z(js, "system", system);
    json_member_z(js, "code", code);
    json_member_z(js, "display", text);
    json_end(js);
}

static void
put_concept(struct json_out *js, const char *system, const char *code, const char *text)
{
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    data__put_coding(js, system, code, text);
    json_end(js);
    json_member_z(js, "text", text);
    json_end(js);
}

void
data__coding(struct json_out *js, const char *name, const char *system, const char *code,
             const char *text)
{
    json_key(js, name);
    put_concept(js, system, code, text);
}

void
data__codings(struct json_out *js, const char *name, const char *system, const char *code,
              const char *text)
{
    json_key(js, name);
    json_array(js);
    put_concept(js, system, code, text);
    json_end(js);
}

void
data__put_identifier(struct json_out *js, const char *system, const char *value)
{
    json_key(js, "identifier");
    json_array(js);
    json_object(js);
    json_member_z(js, "system", system);
    json_member_z(js, "value", value);
    json_end(js);
    json_end(js);
}

void
data__put_reference(struct json_out *js, const char *type, const char *id,
                    const char *display)
{
    char reference[2 * DATA_FIELD];

    snprintf(reference, sizeof(reference), "%s/%s", type, id);
    json_object(js);
    json_member_z(js, "reference", reference);
    if (display != NULL)
        json_member_z(js, "display", display);
    json_end(js);
}

void
data__reference(struct json_out *js, const char *name, const char *type, const char *id,
                const char *display)
{
    json_key(js, name);
    data__put_reference(js, type, id, display);
}

void
data__references(struct json_out *js, const char *name, const char *type, const char *id,
                 const char *display)
{
    json_key(js, name);
    json_array(js);
    data__put_reference(js, type, id, display);
    json_end(js);
}

void
data__period(struct data_maker *m, const char *name, unsigned years)
{
    json_key(&m->js, name);
    json_object(&m->js);
    data__member_date(m, "start", years);
    json_end(&m->js);
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
