/*
 * ground.c - grounds in the store.
 *
 * Rule      See consent.h. What the query selects is checked once more here:
 *           a wrong row must not share a record. Time is looked at here alone.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/consent/consent.h"

#include "base/time.h"
#include "crypto/prim/prim.h"
#include "sys/store/store.h"

#include <string.h>

#define RULE "mission 3"

static const struct {
    enum ground_kind kind;
    const char *name;
} kinds[] = {
    { GROUND_CONSENT, "consent" },
    { GROUND_TREATMENT, "treatment" },
    { GROUND_REFERRAL, "referral" },
    { GROUND_LAW, "law" },
};

const char *
ground_kind_name(enum ground_kind k)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].kind == k)
            return kinds[i].name;
    return "none";
}

enum ground_kind
ground_kind_of(struct str name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_is(name, kinds[i].name))
            return kinds[i].kind;
    return GROUND_KIND_NONE;
}

bool
ground_is_live(const struct ground *g, int64_t now_ms)
{
    return g->ended_ms == 0 && g->from_ms <= now_ms && now_ms < g->until_ms;
}

err_t
ground_organisation(struct ctx *cx, struct str text, struct str *out)
{
    uint64_t number;

    *out = (struct str){ NULL, 0 };
    if (str_starts(text, S("did:")) && text.n > 7 && text.n <= GROUND_TEXT_MAX) {
        for (size_t i = 0; i < text.n; i++)
            if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '#')
                return refuse(cx, ERR_BAD_REQUEST, "DID Core 3.1", "that is no DID");
        *out = text;
        return ERR_OK;
    }
    if (str_starts(text, S("ura:")))
        text = str_sub(text, 4, text.n);
    if (text.n == 0 || text.n > 8 || !str_to_u64(text, &number) || number == 0)
        return refuse(cx, ERR_BAD_REQUEST, "spec 2a.1",
                      "an organisation is a URA of at most 8 digits, or a DID");
    *out = arena_join(cx->arena, S("ura:"), str_sub(S("0000000"), 0, 8 - text.n), text);
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
check_text(struct ctx *cx, const char *name, struct str s)
{
    if (s.n == 0 || s.n > GROUND_TEXT_MAX)
        return refuse(cx, ERR_GROUND_INVALID, RULE, "'%s' must have 1 to %d bytes", name,
                      GROUND_TEXT_MAX);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return refuse(cx, ERR_GROUND_INVALID, RULE, "'%s' holds a control character",
                          name);
    return ERR_OK;
}

static err_t
check_new(struct ctx *cx, const struct ground *g)
{
    const int64_t longest = INT64_C(1000) * 86400 * 366 * GROUND_YEARS_MAX;
    err_t e;

    if ((e = check_text(cx, "tenant", g->tenant)) != ERR_OK ||
        (e = check_text(cx, "scope", g->scope)) != ERR_OK ||
        (e = check_text(cx, "evidence", g->evidence)) != ERR_OK ||
        (e = check_text(cx, "recorded_by", g->recorded_by)) != ERR_OK)
        return e;
    if (g->patient_mac.n == 0 || g->patient_sealed.n == 0)
        return refuse(cx, ERR_GROUND_INVALID, RULE, "it names no patient");
    if (str_find(g->scope, ' ') < g->scope.n)
        return refuse(cx, ERR_GROUND_INVALID, RULE, "'scope' is one scope");
    if (strcmp(ground_kind_name(g->kind), "none") == 0)
        return refuse(cx, ERR_GROUND_INVALID, RULE,
                      "'kind' is consent, treatment, referral or law");
    if (g->until_ms <= g->from_ms)
        return refuse(cx, ERR_GROUND_INVALID, RULE, "'until' is not after 'from'");
    if (g->until_ms <= cx->now_ms)
        return refuse(cx, ERR_GROUND_INVALID, RULE, "'until' has passed");
    if (g->until_ms - g->from_ms > longest)
        return refuse(cx, ERR_GROUND_INVALID, "BW 7:454", "longer than %d years",
                      GROUND_YEARS_MAX);
    return ERR_OK;
}

err_t
ground_record(struct ctx *cx, const struct ground *in, struct ground *out)
{
    struct ground g = *in;
    err_t e;

    *out = (struct ground){ 0 };
    if ((e = check_new(cx, in)) != ERR_OK ||
        (e = ground_organisation(cx, in->organisation, &g.organisation)) != ERR_OK ||
        (e = random_text(cx, 18, &g.id)) != ERR_OK)
        return e;
    g.recorded_ms = cx->now_ms;
    g.ended_ms = 0;
    g.ended_by = g.ended_why = (struct str){ "", 0 };
    e = store_exec(cx, SQL_ground_add, NULL,
                   SQL_ARGS(sql_text(g.id), sql_text(g.tenant), sql_text(g.patient_mac),
                            sql_text(g.patient_sealed), sql_text(g.organisation),
                            sql_text(g.scope), sql_int((int64_t)g.kind), sql_int(g.from_ms),
                            sql_int(g.until_ms), sql_text(g.evidence),
                            sql_int(g.recorded_ms), sql_text(g.recorded_by)));
    if (e == ERR_OK)
        *out = g;
    return e;
}

/* Copies a row; the store's texts end with the next one. */
static err_t
take_row(struct ctx *cx, struct store_rows *rows, struct ground *g)
{
    struct {
        struct str *to;
        int column;
    } texts[] = {
        { &g->id, 0 },           { &g->tenant, 1 },
        { &g->patient_mac, 2 },  { &g->patient_sealed, 3 },
        { &g->organisation, 4 }, { &g->scope, 5 },
        { &g->evidence, 9 },     { &g->recorded_by, 11 },
        { &g->ended_by, 13 },    { &g->ended_why, 14 },
    };

    *g = (struct ground){ .kind = (enum ground_kind)store_int(rows, 6),
                          .from_ms = store_int(rows, 7),
                          .until_ms = store_int(rows, 8),
                          .recorded_ms = store_int(rows, 10),
                          .ended_ms = store_int(rows, 12) };
    for (size_t i = 0; i < COUNT(texts); i++) {
        *texts[i].to = arena_str(cx->arena, store_text(rows, texts[i].column));
        if (texts[i].to->p == NULL)
            return refuse_memory(cx);
    }
    return ERR_OK;
}

err_t
ground_get(struct ctx *cx, struct str id, struct ground *out)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    bool found;
    err_t e;

    *out = (struct ground){ 0 };
    if ((e = store_query(cx, SQL_ground_by_id, &rows, SQL_ARGS(sql_text(id)))) != ERR_OK)
        return e;
    found = store_next(&rows);
    if (found && (e = take_row(cx, &rows, out)) != ERR_OK)
        return e;
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return found ? ERR_OK : refuse(cx, ERR_NOT_FOUND, RULE, "there is no such ground");
}

err_t
ground_end(struct ctx *cx, struct str id, struct str by, struct str why, struct ground *out)
{
    int64_t changed;
    err_t e;

    *out = (struct ground){ 0 };
    if ((e = check_text(cx, "ended_by", by)) != ERR_OK ||
        (e = check_text(cx, "why", why)) != ERR_OK)
        return e;
    e = store_exec(
        cx, SQL_ground_end, &changed,
        SQL_ARGS(sql_int(cx->now_ms), sql_text(by), sql_text(why), sql_text(id)));
    if (e != ERR_OK || (e = ground_get(cx, id, out)) != ERR_OK)
        return e;
    return changed == 1 ? ERR_OK
                        : refuse(cx, ERR_CONFLICT, RULE, "this ground had ended already");
}

static bool
answers(const struct ground *g, const struct ground_question *q, struct str organisation,
        int64_t now_ms)
{
    return (q->kinds & (unsigned)g->kind) != 0 && ground_is_live(g, now_ms) &&
           str_eq(g->tenant, q->tenant) && str_eq(g->patient_mac, q->patient_mac) &&
           str_eq(g->scope, q->scope) && str_eq(g->organisation, organisation);
}

static err_t
find_for(struct ctx *cx, const struct ground_question *q, struct str organisation,
         struct ground *out, bool *found)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct ground g;
    err_t e;

    e = store_query_kept(cx, SQL_ground_live, &rows,
                         SQL_ARGS(sql_text(q->tenant), sql_text(q->patient_mac),
                                  sql_text(organisation), sql_text(q->scope)));
    if (e != ERR_OK)
        return e;
    while (!*found && store_next(&rows)) {
        if ((e = take_row(cx, &rows, &g)) != ERR_OK)
            return e;
        if (g.until_ms <= cx->now_ms)
            break; /* so have those behind it ended */
        *found = answers(&g, q, organisation, cx->now_ms);
        if (*found)
            *out = g;
    }
    if (*found)
        return ERR_OK;
    return store_done(&rows);
}

err_t
ground_find(struct ctx *cx, const struct ground_question *q, struct ground *out)
{
    bool found = false;
    err_t e;

    *out = (struct ground){ 0 };
    if (q->patient_mac.n == 0 || q->tenant.n == 0 || q->scope.n == 0)
        return refuse(cx, ERR_GROUND, RULE,
                      "a ground was asked without patient, tenant or scope");
    for (size_t i = 0; i < q->organisation_n && !found; i++)
        if (q->organisation[i].n != 0 &&
            (e = find_for(cx, q, q->organisation[i], out, &found)) != ERR_OK)
            return e;
    if (!found)
        return refuse(cx, ERR_GROUND, RULE, "no live ground for scope '%.*s'",
                      STR(q->scope));
    return ERR_OK;
}

err_t
ground_list(struct ctx *cx, struct str tenant, struct str patient_mac, struct ground **out,
            size_t *n)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct ground *list = arena_array(cx->arena, GROUND_LIST_MAX, sizeof(*list));
    err_t e;

    *out = NULL;
    *n = 0;
    if (list == NULL)
        return refuse_memory(cx);
    e = patient_mac.n != 0
            ? store_query(cx, SQL_ground_of_patient, &rows,
                          SQL_ARGS(sql_text(tenant), sql_text(patient_mac)))
            : store_query(cx, SQL_ground_of_tenant, &rows, SQL_ARGS(sql_text(tenant)));
    if (e != ERR_OK)
        return e;
    while (*n < GROUND_LIST_MAX && store_next(&rows))
        if ((e = take_row(cx, &rows, &list[(*n)++])) != ERR_OK)
            return e;
    *out = list;
    return *n < GROUND_LIST_MAX ? store_done(&rows) : ERR_OK;
}

void
ground_put(struct json_out *js, const struct ground *g, int64_t now_ms)
{
    char room[TIME_TEXT];

    json_object(js);
    json_member(js, "id", g->id);
    json_member(js, "tenant", g->tenant);
    json_member(js, "patient_mac", g->patient_mac);
    json_member(js, "organisation", g->organisation);
    json_member(js, "scope", g->scope);
    json_member_z(js, "kind", ground_kind_name(g->kind));
    json_member(js, "from", time_text(room, g->from_ms));
    json_member(js, "until", time_text(room, g->until_ms));
    json_member(js, "evidence", g->evidence);
    json_member(js, "recorded_at", time_text(room, g->recorded_ms));
    json_member(js, "recorded_by", g->recorded_by);
    json_member_bool(js, "live", ground_is_live(g, now_ms));
    if (g->ended_ms != 0) {
        json_member(js, "ended_at", time_text(room, g->ended_ms));
        json_member(js, "ended_by", g->ended_by);
        json_member(js, "ended_why", g->ended_why);
    }
    json_end(js);
}
