/*
 * source_include.c - _include and _revinclude (FHIR R4 3.1.1.5.3): what comes
 * along with the matches. EUPL-1.2.
 */
#include "care/source/source_search.h"

#include "codec/fhir/fhir.h"

enum { REFERENCES_MAX = 64, ON_LOOP = 64 /* resources looked at */ };

struct including {
    struct source_db *db;
    const struct source_include *in;
    const struct source_hits *hits;
    struct source_hits *extra;
    struct str target; /* of _revinclude: "Patient/p1" */
    unsigned looked;
};

/* What brings many along is work for the pool. */
static err_t
look(struct ctx *cx, struct including *g)
{
    return ++g->looked > ON_LOOP && cx->may_not_block
               ? refuse(cx, ERR_WOULD_BLOCK, "", "a search that includes many")
               : ERR_OK;
}

static bool
have(const struct source_hits *h, struct str type, struct str id)
{
    for (size_t i = 0; i < h->n; i++)
        if (str_eq(h->hit[i].id, id) && str_eq(h->hit[i].type, type))
            return true;
    return false;
}

static err_t
add(struct ctx *cx, struct including *g, const struct source_hit *hit)
{
    if (g->extra->n >= SOURCE_COUNT_MAX)
        return refuse(cx, ERR_LIMIT, "", "the includes bring more than %d resources",
                      SOURCE_COUNT_MAX);
    return source__hit_add(cx, g->extra, hit);
}

static err_t
add_referred(struct ctx *cx, struct including *g, struct str reference)
{
    struct str id = reference, type = str_cut(&id, '/');
    struct source_row row;
    struct source_hit hit;
    err_t e;

    if ((g->in->target.n > 0 && !str_eq(type, g->in->target)) || have(g->hits, type, id) ||
        have(g->extra, type, id))
        return ERR_OK;
    if ((e = look(cx, g)) != ERR_OK)
        return e;
    e = source__get(cx, g->db, type, id, &row);
    if (e == ERR_NOT_FOUND || e == ERR_GONE) {
        refuse_clear(cx);
        return ERR_OK;
    }
    if (e != ERR_OK || (e = source__hit_of(cx, &row, NULL, &hit)) != ERR_OK)
        return e;
    return add(cx, g, &hit);
}

static err_t
forward(struct ctx *cx, struct including *g)
{
    struct str base = source__base(g->db), ref[REFERENCES_MAX];
    size_t n;
    err_t e;

    for (size_t i = 0; i < g->hits->n; i++) {
        if (!str_eq(g->hits->hit[i].type, g->in->type))
            continue;
        if ((e = source__references(cx, base, g->hits->hit[i].value, g->in->param, ref,
                                    COUNT(ref), &n)) != ERR_OK)
            return e;
        for (size_t k = 0; k < n; k++)
            if ((e = add_referred(cx, g, ref[k])) != ERR_OK)
                return e;
    }
    return ERR_OK;
}

/* The index knows no case; does this one really refer to the target? */
static err_t
refers(struct ctx *cx, const struct including *g, const json *value, bool *yes)
{
    struct str ref[REFERENCES_MAX];
    size_t n;
    err_t e = source__references(cx, source__base(g->db), value, g->in->param, ref,
                                 COUNT(ref), &n);

    *yes = false;
    for (size_t i = 0; e == ERR_OK && i < n; i++)
        *yes = *yes || str_eq(ref[i], g->target);
    return e;
}

static err_t
visit(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct including *g = arg;
    struct source_hit hit;
    json *value;
    bool yes;
    err_t e;

    (void)stop;
    if (!str_eq(row->type, g->in->type) || have(g->hits, row->type, row->id) ||
        have(g->extra, row->type, row->id))
        return ERR_OK;
    if ((e = look(cx, g)) != ERR_OK ||
        (e = json_parse(cx, row->body, JSON_RAW_NUMBERS, &value)) != ERR_OK ||
        (e = refers(cx, g, value, &yes)) != ERR_OK || !yes ||
        (e = source__hit_of(cx, row, value, &hit)) != ERR_OK)
        return e;
    return add(cx, g, &hit);
}

static err_t
reverse(struct ctx *cx, struct including *g)
{
    struct source_walk walk = { .arg = g, .visit = visit };

    for (size_t i = 0; i < g->hits->n; i++) {
        const struct source_hit *of = &g->hits->hit[i];
        err_t e;

        if (g->in->target.n > 0 && !str_eq(of->type, g->in->target))
            continue;
        g->target = arena_printf(cx->arena, "%.*s/%.*s", STR(of->type), STR(of->id));
        if (g->target.p == NULL)
            return refuse_memory(cx);
        walk.term = source__term_refers(g->in->type, g->in->param, of->type, of->id);
        if ((e = source__walk(cx, g->db, &walk)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

err_t
source__include(struct ctx *cx, struct source_db *db, const struct source_query *q,
                const struct source_hits *hits, struct source_hits *extra)
{
    for (size_t i = 0; i < q->includes; i++) {
        struct including g = {
            .db = db, .in = &q->include[i], .hits = hits, .extra = extra
        };
        err_t e = q->include[i].reverse ? reverse(cx, &g) : forward(cx, &g);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
