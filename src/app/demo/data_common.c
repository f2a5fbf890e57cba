/*
 * data_common.c - what belongs to no patient: organisations, the people who work
 * there, medicines. EUPL-1.2.
 */
#include "app/demo/data_int.h"

#include <stdio.h>

static void
put_type(struct json_out *js, const char *code, const char *text)
{
    json_key(js, "type");
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    data__put_coding(js, "urn:oid:2.16.840.1.113883.2.4.15.1060", code, text);
    json_end(js);
    json_end(js);
    json_end(js);
}

/* Behind the four, at DATA_ORGS: who pays. */
static void
put_organisation(struct data_maker *m, size_t i)
{
    static const struct data_org_row payer = { "verzekeraar", "Zorgverzekeraar De Dijk",
                                               "9991",        NULL,
                                               NULL,          "Nieuwhaven" };
    const struct data_org_row *o = i < DATA_ORGS ? data_org((enum data_org)i) : &payer;
    struct json_out *js = data__begin(m, "Organization", NULL, o->id);

    data__put_identifier(js, i < DATA_ORGS ? NAMING "ura" : NAMING "uzovi", o->ura);
    json_member_bool(js, "active", true);
    if (o->type != NULL)
        put_type(js, o->type, o->type_text);
    json_member_z(js, "name", o->name);
    json_key(js, "address");
    json_array(js);
    json_object(js);
    json_member_z(js, "city", o->city);
    json_member_z(js, "country", "NL");
    json_end(js);
    json_end(js);
    data__done(m);
}

/* The people who work there; their numbers are made up, as the patients are. */
static const struct data_staff staff[DATA_ORGS][DATA_STAFF] = {
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

const struct data_staff *
data_staff(enum data_org org, size_t i)
{
    return &staff[org][i];
}

static void
put_practitioner(struct data_maker *m, const struct data_staff *who)
{
    struct json_out *js = data__begin(m, "Practitioner", NULL, who->id);

    data__put_identifier(js, NAMING "uzi-nr-pers", who->uzi);
    json_key(js, "name");
    json_array(js);
    json_object(js);
    json_member_z(js, "family", who->family);
    json_key(js, "given");
    json_array(js);
    json_put_z(js, who->given);
    json_end(js);
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
put_role(struct data_maker *m, enum data_org org, const struct data_staff *who)
{
    struct json_out *js;
    char id[DATA_FIELD];

    snprintf(id, sizeof(id), "rol-%s", who->id);
    js = data__begin(m, "PractitionerRole", NULL, id);
    data__reference(js, "practitioner", "Practitioner", who->id, NULL);
    data__reference(js, "organization", "Organization", data_org(org)->id,
                    data_org(org)->name);
    json_key(js, "code");
    json_array(js);
    json_object(js);
    json_key(js, "coding");
    json_array(js);
    data__put_coding(js, NAMING "uzi-rolcode", who->role, who->role_text);
    json_end(js);
    json_end(js);
    json_end(js);
    data__done(m);
}

static void
put_medicine(struct data_maker *m, const struct data_drug *drug)
{
    char id[DATA_FIELD];

    snprintf(id, sizeof(id), "med-%s", drug->atc);
    data__coding(data__begin(m, "Medication", NULL, id), "code", ATC, drug->atc,
                 drug->text);
    data__done(m);
}

/* Each knows the others: whom it refers to, and who refers to it. */
err_t
data_write_common(struct ctx *cx, data_sink sink, void *arg)
{
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct data_maker m = { .cx = cx, .sink = sink, .arg = arg, .org = org };

        for (size_t i = 0; i <= DATA_ORGS; i++)
            put_organisation(&m, i);
        for (size_t i = 0; i < DATA_ORGS * DATA_STAFF; i++) {
            put_practitioner(&m, &staff[i / DATA_STAFF][i % DATA_STAFF]);
            put_role(&m, (enum data_org)(i / DATA_STAFF),
                     &staff[i / DATA_STAFF][i % DATA_STAFF]);
        }
        for (size_t d = 0; d < data_drugs_n; d++)
            put_medicine(&m, &data_drugs[d]);
        if (m.failed != ERR_OK)
            return m.failed;
    }
    return ERR_OK;
}
