/*
 * source_lastn.c - Observation/$lastn: of each kind the newest.
 *
 *   newest:  subject | kind | date, the newest first | -> key
 *            ──────────────   steps from kind to kind: the first that match are read
 *
 * Rule      FHIR R4 Observation $lastn: Observations that share a code are of one kind;
 *           without any, those with the same text. A code is the same without regard to
 *           case, as in a search.
 * Exact     What the steps find is the answer when none of it shares a kind with `max`
 *           newer ones: of what they left, each has `max` newer of its kind that were
 *           found. When one does (it has two codes, of which others are newer), all
 *           are looked at.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/source/source_search.h"

#include "codec/fhir/fhir.h"

/* --- kinds -------------------------------------------------------------------------- */

/* 64 bits: two kinds of one patient have the same by design or never. */
static uint64_t
hash_on(uint64_t h, struct str s, bool fold)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        h = (h ^ (fold && c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(1099511628211);
    }
    return (h ^ s.n) * UINT64_C(1099511628211);
}

static int64_t
kind_of(struct str system, struct str code)
{
    uint64_t h = UINT64_C(14695981039346656037);

    return (int64_t)hash_on(hash_on(h, system, false), code, true);
}

static int64_t
kind_of_text(struct str text)
{
    return (int64_t)hash_on(1, text, false);
}

static bool
same_code(const json *a, const json *b)
{
    return str_eq_case(json_get_text(a, "code"), json_get_text(b, "code")) &&
           str_eq(json_get_text(a, "system"), json_get_text(b, "system"));
}

static bool
same_kind(const json *a, const json *b)
{
    const json *x = json_get(a, "code"), *y = json_get(b, "code");

    for (json_each(i, json_get(x, "coding")))
        for (json_each(k, json_get(y, "coding")))
            if (same_code(i.value, k.value))
                return true;
    return json_size(json_get(x, "coding")) == 0 && json_size(json_get(y, "coding")) == 0 &&
           str_eq(json_get_text(x, "text"), json_get_text(y, "text"));
}

static const struct fhir_param *
subject_param(void)
{
    return fhir_param_find(S("Observation"), S("subject"));
}

static const struct fhir_param *
date_param(void)
{
    return fhir_param_find(S("Observation"), S("date"));
}

/* An Observation has one subject, and a kind for each of its codes. */
err_t
source__kinds(struct ctx *cx, const json *resource, const struct fhir_index *index,
              struct source_terms *out)
{
    const struct fhir_param *param = subject_param();
    const json *code = json_get(resource, "code"), *coding = json_get(code, "coding");
    struct source_kind row = { .date = INT64_MIN };
    const struct fhir_reference *to = NULL;

    for (size_t i = 0; i < index->n; i++)
        if (index->entries[i].param == param)
            to = &index->entries[i].reference;
    if (to == NULL || to->type.n == 0 || to->id.n == 0)
        return ERR_OK;
    if ((out->kind = arena_array(cx->arena, json_size(coding) + 1, sizeof(row))) == NULL)
        return refuse_memory(cx);
    row.subject = source__term_refers(S("Observation"), param, to->type, to->id);
    if (!source__date_of(cx, resource, date_param(), &row.date))
        row.date = INT64_MIN;
    row.kind = kind_of_text(json_get_text(code, "text"));
    if (json_size(coding) == 0)
        out->kind[out->kinds++] = row;
    for (json_each(it, coding)) {
        row.kind =
            kind_of(json_get_text(it.value, "system"), json_get_text(it.value, "code"));
        out->kind[out->kinds++] = row;
    }
    return ERR_OK;
}

/* --- what is asked ------------------------------------------------------------------ */

struct lastn {
    struct source_matching matching;
    int64_t kind;     /* that the steps are at */
    uint64_t of_kind; /* matches of it */
};

static bool
have(const struct source_hits *h, int64_t key)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->hit[i].key == key)
            return true;
    return false;
}

/* One that has two kinds is met twice, and read once. */
static err_t
step(struct ctx *cx, void *arg, int64_t kind, int64_t key, bool *full)
{
    struct lastn *l = arg;
    uint64_t before = l->matching.matched;
    bool stop = false;
    err_t e = ERR_OK;

    if (kind != l->kind)
        l->of_kind = 0;
    l->kind = kind;
    if (have(&l->matching.hits, key))
        l->of_kind++;
    else
        e = source__visit_key(cx, l->matching.db, key, source__match, &l->matching, &stop);
    l->of_kind += l->matching.matched - before;
    *full = l->of_kind >= l->matching.query->most;
    return e;
}

/* The kinds that the query names, when it does: "system|code" each, as `code`. */
static err_t
kinds_asked(struct ctx *cx, const struct source_query *q, struct source_steps *s)
{
    const struct fhir_term *t = NULL;
    int64_t *kind;

    for (size_t i = 0; i < q->filters->n && t == NULL; i++)
        if (str_is(S("code"), q->filters->terms[i].param->name) &&
            q->filters->terms[i].modifier == FHIR_PLAIN)
            t = &q->filters->terms[i];
    for (size_t i = 0; t != NULL && i < t->n; i++)
        if (t->values[i].code.n == 0 || !t->values[i].has_system)
            return ERR_OK;
    if (t == NULL)
        return ERR_OK;
    if ((kind = arena_array(cx->arena, t->n, sizeof(*kind))) == NULL)
        return refuse_memory(cx);
    s->kind = kind;
    for (; s->kinds < t->n; s->kinds++)
        kind[s->kinds] = kind_of(t->values[s->kinds].system, t->values[s->kinds].code);
    return ERR_OK;
}

static err_t
step_through(struct ctx *cx, struct lastn *l)
{
    const struct source_query *q = l->matching.query;
    struct source_steps s = {
        .subject = q->term, .also = q->also, .alsos = q->alsos, .visit = step, .arg = l
    };
    err_t e = kinds_asked(cx, q, &s);

    return e != ERR_OK ? e : source__step_through(cx, l->matching.db, &s);
}

/* Of each kind the first `most`, in the order that they have. */
static err_t
keep_first(struct ctx *cx, const struct source_hits *from, uint64_t most,
           struct source_hits *kept)
{
    for (size_t i = 0; i < from->n; i++) {
        uint64_t before = 0;
        err_t e;

        for (size_t k = 0; k < kept->n; k++)
            before += same_kind(kept->hit[k].value, from->hit[i].value);
        if (before < most && (e = source__hit_add(cx, kept, &from->hit[i])) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static err_t
find_newest(struct ctx *cx, struct source_db *db, const struct source_query *q, bool steps,
            struct source_hits *kept, bool *whole)
{
    struct lastn l = { .matching = { .query = q, .db = db, .all = true } };
    err_t e = steps ? step_through(cx, &l) : source__match_all(cx, &l.matching);

    *kept = (struct source_hits){ 0 };
    if (e != ERR_OK)
        return e;
    source__sort(cx, date_param(), true, &l.matching.hits);
    e = keep_first(cx, &l.matching.hits, q->most, kept);
    *whole = !steps || kept->n == l.matching.hits.n;
    return e;
}

err_t
source__lastn(struct ctx *cx, struct source_db *db, struct str query, bool hidden,
              struct json_out *js)
{
    struct source_query q;
    struct source_answer a = { .query = &q, .total_known = true };
    bool whole = false;
    err_t e;

    if ((e = source__query_parse(cx, S("Observation"), query, true, &q)) != ERR_OK)
        return e;
    q.hidden = hidden;
    if (q.term_of != NULL && str_is(str_of(q.term_of->paths), subject_param()->paths) &&
        (e = find_newest(cx, db, &q, true, &a.match, &whole)) != ERR_OK)
        return e;
    if (!whole && (e = find_newest(cx, db, &q, false, &a.match, &whole)) != ERR_OK)
        return e;
    a.total = a.match.n;
    if ((e = source__include(cx, db, &q, &a.match, &a.included)) != ERR_OK)
        return e;
    return source__put_answer(cx, db, &a, js);
}
