/*
 * source_search.c - search (FHIR R4 3.1.1), _include and _revinclude, paging,
 * _sort, _elements, Observation/$lastn.
 *
 *   walk by index ──► match ──► page ──► included ──► Bundle
 *
 * A page ends with a link to the next; its handle is the key of the last match,
 * so that pages neither repeat nor skip when others write. EUPL-1.2.
 */
#include "care/source/source_search.h"

#include "codec/fhir/fhir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hit {
    int64_t key;
    struct str type, id, body;
    const json *value;
    int64_t sort_ms;
};

struct hits {
    struct hit *hit;
    size_t n, room;
};

struct matching {
    const struct source_query *query;
    struct source_db *db;
    struct hits hits;
    uint64_t wanted; /* matches to keep; one more tells of a next page */
    uint64_t matched, looked;
    bool sorted; /* all are needed before the first */
    bool lastn;  /* Observation/$lastn */
};

static err_t
add_hit(struct ctx *cx, struct hits *h, const struct hit *hit)
{
    if (h->n == h->room) {
        size_t room = h->room ? 2 * h->room : 64;
        struct hit *p =
            arena_grow(cx->arena, h->hit, h->room * sizeof(*p), room * sizeof(*p));

        if (p == NULL)
            return refuse_memory(cx);
        h->hit = p;
        h->room = room;
    }
    h->hit[h->n++] = *hit;
    return ERR_OK;
}

static err_t
copy_hit(struct ctx *cx, const struct source_row *row, struct hit *out)
{
    json *v;
    err_t e;

    *out = (struct hit){
        .key = row->key,
        .type = arena_str(cx->arena, row->type),
        .id = arena_str(cx->arena, row->id),
        .body = arena_str(cx->arena, row->body),
    };
    if (out->type.p == NULL || out->id.p == NULL || out->body.p == NULL)
        return refuse_memory(cx);
    e = json_parse(cx, out->body, JSON_RAW_NUMBERS, &v);
    out->value = v;
    return e;
}

static err_t
visit(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct matching *m = arg;
    struct arena scratch, *whole = cx->arena;
    struct hit hit;
    bool yes = false;
    json *v;
    err_t e;

    if (++m->looked > SOURCE_SCAN_MAX)
        return refuse(cx, ERR_LIMIT, "",
                      "the search looks at more than %d resources; narrow it",
                      SOURCE_SCAN_MAX);
    arena_init(&scratch, 16u << 20); /* what does not match leaves nothing behind */
    cx->arena = &scratch;
    e = json_parse(cx, row->body, JSON_RAW_NUMBERS, &v);
    if (e == ERR_OK)
        e = source__query_match(cx, m->query, v, &yes);
    cx->arena = whole;
    arena_fini(&scratch);
    if (e != ERR_OK || !yes)
        return e;
    m->matched++;
    if (m->sorted || m->hits.n < m->wanted) {
        if ((e = copy_hit(cx, row, &hit)) != ERR_OK ||
            (e = add_hit(cx, &m->hits, &hit)) != ERR_OK)
            return e;
    }
    *stop = m->matched > SOURCE_TOTAL_MAX && !m->sorted;
    return ERR_OK;
}

static err_t
find(struct ctx *cx, struct matching *m)
{
    struct source_walk walk = {
        .type = m->query->type,
        .param = m->query->param,
        .value = m->query->value,
        .after = m->sorted ? 0 : m->query->after,
        .visit = visit,
        .arg = m,
    };

    return source__walk(cx, m->db, &walk);
}

static int
older_first(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->sort_ms != y->sort_ms)
        return x->sort_ms < y->sort_ms ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int
newer_first(const void *a, const void *b)
{
    return older_first(b, a);
}

/* _sort by one date parameter, with or without '-'. */
static void
sort_hits(struct ctx *cx, struct matching *m)
{
    bool down = m->query->sort.n > 0 && m->query->sort.p[0] == '-';
    struct str param = str_sub(m->query->sort, down ? 1 : 0, m->query->sort.n);

    for (size_t i = 0; i < m->hits.n; i++)
        if (!source__date_of(cx, m->hits.hit[i].value, param, &m->hits.hit[i].sort_ms))
            m->hits.hit[i].sort_ms = down ? INT64_MIN : INT64_MAX; /* without one: last */
    if (m->hits.n > 0)
        qsort(m->hits.hit, m->hits.n, sizeof(*m->hits.hit),
              down ? newer_first : older_first);
}

static bool
have(const struct hits *h, struct str type, struct str id)
{
    for (size_t i = 0; i < h->n; i++)
        if (str_eq(h->hit[i].id, id) && str_eq(h->hit[i].type, type))
            return true;
    return false;
}

static err_t
add_referred(struct ctx *cx, struct matching *m, struct hits *extra, struct str reference,
             struct str target)
{
    struct str type = str_sub(reference, 0, str_find(reference, '/'));
    struct str id = str_sub(reference, type.n + 1, reference.n);
    struct source_row row;
    struct hit hit;
    err_t e;

    if ((target.n > 0 && !str_eq(type, target)) || have(&m->hits, type, id) ||
        have(extra, type, id))
        return ERR_OK;
    e = source__get(cx, m->db, type, id, &row);
    if (e == ERR_NOT_FOUND || e == ERR_GONE) {
        refuse_clear(cx);
        return ERR_OK;
    }
    if (e != ERR_OK || (e = copy_hit(cx, &row, &hit)) != ERR_OK)
        return e;
    return add_hit(cx, extra, &hit);
}

static err_t
include_forward(struct ctx *cx, struct matching *m, const struct source_include *in,
                struct hits *extra)
{
    struct str ref[64];
    size_t n;
    err_t e;

    for (size_t i = 0; i < m->hits.n; i++) {
        if (!str_eq(m->hits.hit[i].type, in->type))
            continue;
        if ((e = source__references(cx, m->hits.hit[i].value, in->param, ref, COUNT(ref),
                                    &n)) != ERR_OK)
            return e;
        for (size_t k = 0; k < n; k++)
            if ((e = add_referred(cx, m, extra, ref[k], in->target)) != ERR_OK)
                return e;
    }
    return ERR_OK;
}

struct reverse {
    struct matching *of;
    const struct source_include *in;
    struct str target; /* "Patient/p1" */
    struct hits *extra;
};

/* The index knows no case; does this one really refer to the target? */
static err_t
refers(struct ctx *cx, const struct reverse *r, const json *value, bool *yes)
{
    struct str ref[64];
    size_t n;
    err_t e = source__references(cx, value, r->in->param, ref, COUNT(ref), &n);

    *yes = false;
    for (size_t i = 0; e == ERR_OK && i < n; i++)
        *yes = *yes || str_eq(ref[i], r->target);
    return e;
}

static err_t
visit_reverse(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct reverse *r = arg;
    struct hit hit;
    bool yes;
    err_t e;

    (void)stop;
    if (have(&r->of->hits, row->type, row->id) || have(r->extra, row->type, row->id))
        return ERR_OK;
    if (r->extra->n >= SOURCE_COUNT_MAX)
        return refuse(cx, ERR_LIMIT, "", "_revinclude finds more than %d",
                      SOURCE_COUNT_MAX);
    if ((e = copy_hit(cx, row, &hit)) != ERR_OK ||
        (e = refers(cx, r, hit.value, &yes)) != ERR_OK || !yes)
        return e;
    return add_hit(cx, r->extra, &hit);
}

static err_t
include_reverse(struct ctx *cx, struct matching *m, const struct source_include *in,
                struct hits *extra)
{
    struct reverse r = { .of = m, .in = in, .extra = extra };

    for (size_t i = 0; i < m->hits.n; i++) {
        struct source_walk walk = {
            .type = in->type, .param = in->param, .arg = &r, .visit = visit_reverse
        };
        err_t e;

        r.target = arena_printf(cx->arena, "%.*s/%.*s", STR(m->hits.hit[i].type),
                                STR(m->hits.hit[i].id));
        if (r.target.p == NULL || (walk.value = source__folded(cx, r.target)).p == NULL)
            return refuse_memory(cx);
        if ((e = source__walk(cx, m->db, &walk)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static bool
listed(struct str elements, struct str name)
{
    while (elements.n > 0)
        if (str_eq(str_trim(str_cut(&elements, ',')), name))
            return true;
    return false;
}

static void
put_subset_meta(struct json_out *js, const json *meta)
{
    json_key(js, "meta");
    json_object(js);
    for (json_each(it, meta))
        if (!str_is(it.name, "tag")) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
    json_key(js, "tag");
    json_array(js);
    for (json_each(it, json_get(meta, "tag")))
        json_put(js, it.value);
    json_object(js);
    json_member_z(js, "system",
                  "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
    json_member_z(js, "code", "SUBSETTED");
    json_end(js);
    json_end(js);
    json_end(js);
}

err_t
source__put_elements(struct ctx *cx, struct json_out *js, struct str body,
                     struct str elements)
{
    json *v;
    err_t e;

    if (elements.n == 0) {
        json_put_raw(js, body);
        return ERR_OK;
    }
    if ((e = json_parse(cx, body, JSON_RAW_NUMBERS, &v)) != ERR_OK)
        return e;
    json_object(js);
    for (json_each(it, v)) {
        struct str plain = str_sub(it.name, str_starts(it.name, S("_")) ? 1 : 0, it.name.n);

        if (str_is(it.name, "meta")) {
            put_subset_meta(js, it.value);
        } else if (str_is(it.name, "resourceType") || str_is(it.name, "id") ||
                   listed(elements, plain)) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
    }
    json_end(js);
    return ERR_OK;
}

static err_t
put_hit(struct ctx *cx, struct json_out *js, struct str base, const struct hit *hit,
        const char *mode, struct str elements)
{
    char url[512];
    err_t e;

    json_object(js);
    snprintf(url, sizeof(url), "%.*s/%.*s/%.*s", STR(base), STR(hit->type), STR(hit->id));
    json_member_z(js, "fullUrl", url);
    json_key(js, "resource");
    if ((e = source__put_elements(cx, js, hit->body, elements)) != ERR_OK)
        return e;
    json_key(js, "search");
    json_object(js);
    json_member_z(js, "mode", mode);
    json_end(js);
    json_end(js);
    return ERR_OK;
}

static void
put_link(struct json_out *js, const char *relation, struct str url)
{
    json_object(js);
    json_member_z(js, "relation", relation);
    json_member(js, "url", url);
    json_end(js);
}

/* The query as asked, without an earlier page's mark. */
static struct str
without_page(struct ctx *cx, struct str query)
{
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    while (query.n > 0) {
        struct str part = str_cut(&query, '&');

        if (str_starts(part, S("_page=")) || part.n == 0)
            continue;
        if (b.n > 0)
            buf_c(&b, '&');
        buf_str(&b, part);
    }
    return buf_done(cx, &b, &out) == ERR_OK ? out : S("");
}

static err_t
put_links(struct ctx *cx, const struct matching *m, struct json_out *js, struct str query,
          int64_t next)
{
    struct str base = source__base(m->db), type = m->query->type,
               plain = without_page(cx, query);
    struct str self =
        arena_printf(cx->arena, "%.*s/%.*s?%.*s", STR(base), STR(type), STR(query));
    struct str more = arena_printf(cx->arena, "%.*s/%.*s?%.*s&_page=%lld", STR(base),
                                   STR(type), STR(plain), (long long)next);

    if (self.p == NULL || more.p == NULL)
        return refuse_memory(cx);
    json_key(js, "link");
    json_array(js);
    put_link(js, "self", self);
    if (next > 0)
        put_link(js, "next", more);
    json_end(js);
    return ERR_OK;
}

static err_t
put_bundle(struct ctx *cx, const struct matching *m, const struct hits *extra,
           struct json_out *js, struct str query, int64_t next)
{
    struct str base = source__base(m->db);
    err_t e;

    json_object(js);
    json_member_z(js, "resourceType", "Bundle");
    json_member_z(js, "type", "searchset");
    if (m->matched <= SOURCE_TOTAL_MAX && m->query->after == 0 && !m->query->total_none)
        json_member_i64(js, "total", (int64_t)m->matched);
    if ((e = put_links(cx, m, js, query, next)) != ERR_OK)
        return e;
    if (!str_is(m->query->summary, "count")) {
        json_key(js, "entry");
        json_array(js);
        for (size_t i = 0; i < m->hits.n; i++)
            if ((e = put_hit(cx, js, base, &m->hits.hit[i], "match", m->query->elements)) !=
                ERR_OK)
                return e;
        for (size_t i = 0; i < extra->n; i++)
            if ((e = put_hit(cx, js, base, &extra->hit[i], "include", S(""))) != ERR_OK)
                return e;
        json_end(js);
    }
    json_end(js);
    return ERR_OK;
}

/* Cuts the hits to one page; returns the mark of the next, 0 when there is none. */
static int64_t
cut_page(struct matching *m)
{
    const struct source_query *q = m->query;

    if (m->sorted) { /* the mark is how many were shown */
        size_t from = (size_t)q->after < m->hits.n ? (size_t)q->after : m->hits.n;
        size_t left = m->hits.n - from;
        bool more = left > q->count;

        m->hits.hit += from;
        m->hits.n = more ? q->count : left;
        return more ? (int64_t)(from + q->count) : 0;
    }
    if (m->hits.n <= q->count || q->count == 0)
        return 0;
    m->hits.n = q->count;
    return m->hits.hit[q->count - 1].key;
}

err_t
source__search(struct ctx *cx, struct source_db *db, struct str type, struct str query,
               struct json_out *js)
{
    struct source_query q;
    struct matching m = { .query = &q, .db = db };
    struct hits extra = { 0 };
    int64_t next;
    err_t e;

    if ((e = source__query_parse(cx, type, query, false, &q)) != ERR_OK)
        return e;
    m.wanted = q.count + 1;
    m.sorted = q.sort.n > 0;
    if ((e = find(cx, &m)) != ERR_OK)
        return e;
    if (m.sorted)
        sort_hits(cx, &m);
    next = cut_page(&m);
    for (size_t i = 0; i < q.includes; i++)
        if ((e = (q.include[i].reverse ? include_reverse : include_forward)(
                 cx, &m, &q.include[i], &extra)) != ERR_OK)
            return e;
    return put_bundle(cx, &m, &extra, js, query, next);
}

err_t
source__find_two(struct ctx *cx, struct source_db *db, struct str type, struct str query,
                 struct str id[2], size_t *found)
{
    struct source_query q;
    struct matching m = { .query = &q, .db = db, .wanted = 2 };
    err_t e;

    *found = 0;
    if ((e = source__query_parse(cx, type, query, false, &q)) != ERR_OK ||
        (e = find(cx, &m)) != ERR_OK)
        return e;
    for (; *found < m.hits.n && *found < 2; (*found)++)
        id[*found] = m.hits.hit[*found].id;
    return ERR_OK;
}

/* The codes of an observation: two that share one are of the same kind. */
static bool
same_kind(const json *a, const json *b)
{
    for (json_each(x, json_path(a, "code", "coding", NULL)))
        for (json_each(y, json_path(b, "code", "coding", NULL)))
            if (str_eq(json_get_text(x.value, "code"), json_get_text(y.value, "code")) &&
                str_eq(json_get_text(x.value, "system"), json_get_text(y.value, "system")))
                return true;
    return false;
}

/* FHIR R4 observation $lastn: of each kind the newest `max`. */
err_t
source__lastn(struct ctx *cx, struct source_db *db, struct str query, struct json_out *js)
{
    struct source_query q;
    struct matching m = { .query = &q, .db = db, .sorted = true, .lastn = true };
    struct hits kept = { 0 }, extra = { 0 };
    err_t e;

    if ((e = source__query_parse(cx, S("Observation"), query, true, &q)) != ERR_OK)
        return e;
    q.sort = S("-date");
    if ((e = find(cx, &m)) != ERR_OK)
        return e;
    sort_hits(cx, &m);
    for (size_t i = 0; i < m.hits.n; i++) {
        uint64_t before = 0;

        for (size_t k = 0; k < kept.n; k++)
            before += same_kind(kept.hit[k].value, m.hits.hit[i].value);
        if (before < q.most && (e = add_hit(cx, &kept, &m.hits.hit[i])) != ERR_OK)
            return e;
    }
    m.hits = kept;
    m.matched = kept.n;
    for (size_t i = 0; i < q.includes; i++)
        if (!q.include[i].reverse &&
            (e = include_forward(cx, &m, &q.include[i], &extra)) != ERR_OK)
            return e;
    return put_bundle(cx, &m, &extra, js, query, 0);
}
