/* demo_people.c - `knoop demo people`: who the made-up people are, as Markdown. EUPL-1.2.
 */
#include <stdio.h>

#include "app/demo/data.h"
#include "app/demo/demo_cli_int.h"

enum { PEOPLE = 25 };

struct row {
    char id[24], number[16], name[96], born[16], city[64];
    unsigned resources[DATA_ORGS];
};

static void
copy(char *room, size_t n, struct str s)
{
    snprintf(room, n, "%.*s", STR(s));
}

static err_t
take(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    struct row *r = arg;
    json *v;
    err_t e;

    r->resources[org]++;
    if (org != DATA_HOSPITAL || !str_is(type, "Patient"))
        return ERR_OK;
    if ((e = json_parse(cx, line, JSON_STRICT, &v)) != ERR_OK)
        return e;
    copy(r->id, sizeof(r->id), json_get_text(v, "id"));
    copy(r->number, sizeof(r->number),
         json_get_text(json_at(json_get(v, "identifier"), 0), "value"));
    copy(r->name, sizeof(r->name), json_get_text(json_at(json_get(v, "name"), 0), "text"));
    copy(r->born, sizeof(r->born), json_get_text(v, "birthDate"));
    copy(r->city, sizeof(r->city),
         json_get_text(json_at(json_get(v, "address"), 0), "city"));
    return ERR_OK;
}

static void
print_organisations(void)
{
    puts("## Organisations\n\n| id | name | URA | kind | city | works there |\n"
         "|---|---|---|---|---|---|");
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        const struct data_org_row *o = data_org(org);

        printf("| `%s` | %s | %s | %s | %s | ", o->id, o->name, o->ura, o->type_text,
               o->city);
        for (size_t i = 0; i < DATA_STAFF; i++) {
            const struct data_staff *s = data_staff(org, i);

            printf("%s%s %s (%s, %s)", i ? "; " : "", s->given, s->family, s->role_text,
                   s->uzi);
        }
        puts(" |");
    }
}

int
demo__people(struct cli *c)
{
    puts("# Made-up people\n\nPrinted by `knoop demo people`. Nobody here exists; numbers "
         "are test numbers.\n");
    print_organisations();
    puts("\n## Patients\n\nHow many resources each organisation holds of them.\n\n"
         "| id | name | born | city | number | hospital | gp | homecare | pharmacy |\n"
         "|---|---|---|---|---|---|---|---|---|");
    for (uint64_t i = 0; i < PEOPLE; i++) {
        struct row r = { 0 };

        if (data_write_patient(&c->cx, 1, i, take, &r) != ERR_OK)
            return cli_refused(c, "demo people");
        printf("| `%s` | %s | %s | %s | %s | %u | %u | %u | %u |\n", r.id, r.name, r.born,
               r.city, r.number, r.resources[DATA_HOSPITAL], r.resources[DATA_GP],
               r.resources[DATA_HOMECARE], r.resources[DATA_PHARMACY]);
    }
    return 0;
}
