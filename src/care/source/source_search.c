/*
 * source_search.c - search (FHIR R4 3.1.1), paging, _sort.
 *
 *   walk by index ──► match ──► sort ──► page ──► included ──► Bundle
 *
 * A page ends with a link to the next, which holds the mark of the last match:
 * its key, and where sorted its date. So pages neither repeat nor skip when
 * others write. EUPL-1.2.
 */
#include "care/source/source_search.h"

#include <stdlib.h>

#include "codec/fhir/fhir.h"

enum {
    SCRATCH = 16 << 20,
    FIRST = 64, /* candidates that the loop looks at; beyond, it is work for the pool */
    SMALL = 16 << 10 /* bytes of one that may stay behind though it does not match */
};

err_t
source__hit_add(struct ctx *cx, struct source_hits *h, const struct source_hit *hit)
{
    if (h->n == h->room) {
        size_t room = h->room ? 2 * h->room : 8;
        struct source_hit *p =
            arena_grow(cx->arena, h->hit, h->room * sizeof(*p), room * sizeof(*p));

        if (p == NULL)
            return refuse_memory(cx);
        h->hit = p;
        h->room = room;
    }
    h->hit[h->n++] = *hit;
    return ERR_OK;
}

err_t
source__hit_of(struct ctx *cx, const struct source_row *row, const json *value,
               struct source_hit *out)
{
    *out = (struct source_hit){
        .key = row->key,
        .type = arena_str(cx->arena, row->type),
        .id = arena_str(cx->arena, row->id),
        .body = arena_str(cx->arena, row->body),
        .value = value,
    };
    return out->type.p && out->id.p && out->body.p ? ERR_OK : refuse_memory(cx);
}

/* What does not match leaves nothing behind; what does is parsed again. */
static err_t
match_aside(struct ctx *cx, const struct source_matching *m, const struct source_row *row,
            json **value)
{
    struct arena scratch, *whole = cx->arena;
    bool yes = false;
    json *v;
    err_t e;

    *value = NULL;
    arena_init(&scratch, SCRATCH);
    cx->arena = &scratch;
    if ((e = json_parse(cx, row->body, JSON_RAW_NUMBERS, &v)) == ERR_OK)
        e = source__query_match(cx, m->query, v, &yes);
    cx->arena = whole;
    arena_fini(&scratch);
    return e != ERR_OK || !yes ? e : json_parse(cx, row->body, JSON_RAW_NUMBERS, value);
}

/* *value is NULL when it does not match. The first few, if small, are parsed but once. */
static err_t
match(struct ctx *cx, const struct source_matching *m, const struct source_row *row,
      json **value)
{
    bool yes;
    err_t e;

    if (m->looked > FIRST || row->body.n > SMALL)
        return match_aside(cx, m, row, value);
    if ((e = json_parse(cx, row->body, JSON_RAW_NUMBERS, value)) != ERR_OK)
        return e;
    e = source__query_match(cx, m->query, *value, &yes);
    if (e != ERR_OK || !yes)
        *value = NULL;
    return e;
}

err_t
source__match(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct source_matching *m = arg;
    struct source_hit hit;
    json *value;
    err_t e;

    if (++m->looked > SOURCE_SCAN_MAX)
        return refuse(cx, ERR_LIMIT, "",
                      "the search looks at more than %d resources; narrow it",
                      SOURCE_SCAN_MAX);
    if (cx->may_not_block && m->looked > FIRST)
        return refuse(cx, ERR_WOULD_BLOCK, "", "a search that looks at many");
    if ((e = match(cx, m, row, &value)) != ERR_OK || value == NULL)
        return e;
    m->matched++;
    if (m->all || m->hits.n < m->wanted) {
        if ((e = source__hit_of(cx, row, value, &hit)) != ERR_OK ||
            (e = source__hit_add(cx, &m->hits, &hit)) != ERR_OK)
            return e;
    }
    *stop =
        !m->all && m->hits.n >= m->wanted && (!m->total || m->matched > SOURCE_TOTAL_MAX);
    return ERR_OK;
}

/* The one that _id names, when it is there. */
static err_t
find_one(struct ctx *cx, struct source_matching *m, int64_t after)
{
    struct source_row row;
    bool stop;
    err_t e = source__get(cx, m->db, m->query->type, m->query->id, &row);

    if (e == ERR_OK && row.key > after)
        return source__match(cx, m, &row, &stop);
    if (e == ERR_NOT_FOUND || e == ERR_GONE) {
        refuse_clear(cx);
        return ERR_OK;
    }
    return e;
}

err_t
source__match_all(struct ctx *cx, struct source_matching *m)
{
    const struct source_query *q = m->query;
    struct source_walk walk = {
        .term = q->term,
        .after = q->after.there && !m->all ? q->after.key : 0,
        .also = q->also,
        .alsos = q->alsos,
        .visit = source__match,
        .arg = m,
    };

    return q->id.n > 0 ? find_one(cx, m, walk.after) : source__walk(cx, m->db, &walk);
}

static int
older_first(const void *a, const void *b)
{
    const struct source_hit *x = a, *y = b;

    if (x->sort_ms != y->sort_ms)
        return x->sort_ms < y->sort_ms ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int
newer_first(const void *a, const void *b)
{
    return older_first(b, a);
}

void
source__sort(struct ctx *cx, const struct fhir_param *date, bool down,
             struct source_hits *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (!source__date_of(cx, h->hit[i].value, date, &h->hit[i].sort_ms))
            h->hit[i].sort_ms = down ? INT64_MIN : INT64_MAX;
    if (h->n > 0)
        qsort(h->hit, h->n, sizeof(*h->hit), down ? newer_first : older_first);
}

/* Sorted ones begin behind the mark, wherever that is by now. */
static void
skip_before(const struct source_query *q, struct source_hits *h)
{
    struct source_hit mark = { .key = q->after.key, .sort_ms = q->after.ms };

    while (q->after.there && h->n > 0 &&
           (q->sort_down ? newer_first : older_first)(&h->hit[0], &mark) <= 0) {
        h->hit++;
        h->n--;
    }
}

/* Cuts what was found to one page, and says where it ends. */
static void
cut_page(const struct source_query *q, struct source_answer *a)
{
    const struct source_hit *last;

    if (q->count_only || q->count == 0) {
        a->match.n = 0;
        return;
    }
    if (a->match.n <= q->count)
        return;
    a->match.n = q->count;
    last = &a->match.hit[q->count - 1];
    a->next = (struct source_mark){ true, last->key, last->sort_ms };
}

err_t
source__search(struct ctx *cx, struct source_db *db, struct str type, struct str query,
               bool hidden, struct json_out *js)
{
    struct source_query q;
    struct source_matching m = { .query = &q, .db = db };
    struct source_answer a = { .query = &q };
    err_t e;

    if ((e = source__page_open(cx, db, &query, &hidden)) != ERR_OK ||
        (e = source__query_parse(cx, type, query, false, &q)) != ERR_OK)
        return e;
    q.hidden = hidden;
    m.all = q.sort_by != NULL;
    m.total = q.count_only || q.count == 0 || (!q.after.there && !q.total_none);
    m.wanted = q.count_only ? 0 : q.count + 1; /* one more tells of a next page */
    if ((e = source__match_all(cx, &m)) != ERR_OK)
        return e;
    a.match = m.hits;
    a.total = m.matched;
    a.total_known = m.total && m.matched <= SOURCE_TOTAL_MAX;
    if (m.all) {
        source__sort(cx, q.sort_by, q.sort_down, &a.match);
        skip_before(&q, &a.match);
    }
    cut_page(&q, &a);
    if ((e = source__include(cx, db, &q, &a.match, &a.included)) != ERR_OK)
        return e;
    return source__put_answer(cx, db, &a, js);
}

err_t
source__find_two(struct ctx *cx, struct source_db *db, struct str type, struct str query,
                 struct str id[2], size_t *found)
{
    struct source_query q;
    struct source_matching m = { .query = &q, .db = db, .wanted = 2 };
    err_t e;

    *found = 0;
    if ((e = source__query_parse(cx, type, query, false, &q)) != ERR_OK)
        return e;
    if (q.filters->n == 0) /* no condition holds for all there is */
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.8.1",
                      "a condition without parameters");
    if ((e = source__match_all(cx, &m)) != ERR_OK)
        return e;
    for (; *found < m.hits.n && *found < 2; (*found)++)
        id[*found] = m.hits.hit[*found].id;
    return ERR_OK;
}
