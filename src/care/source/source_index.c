/*
 * source_index.c - between the store and codec/fhir: what is put in the index,
 * how a query is read, by what it can be narrowed.
 *
 * Only equality is indexed (tokens, references, URIs), without case, as numbers: the
 * index may offer too much, and fhir_match decides. EUPL-1.2.
 */
#include "care/source/source_search.h"

#include <stdlib.h>
#include <string.h>

#include "codec/fhir/fhir.h"
#include "crypto/prim/prim.h"

err_t
source__new_id(struct ctx *cx, struct str *out)
{
    uint8_t random[16];

    random_bytes(random, sizeof(random));
    return hex(cx, (struct bytes){ random, sizeof(random) }, out);
}

/* --- terms ---------------------------------------------------------------------
 *
 *     | value, 32 bits | type and parameter, 32 bits |
 *
 * The value comes first, so that what is stored together (a patient's resources) is
 * close together in the index too. A parameter is known by its paths: two names of one
 * thing are one. Of a token the code counts, its system not. All that can only offer
 * too much.
 */

enum { LAYOUT = 3 };
static const uint32_t FNV = 2166136261u;

/* FNV-1a, ASCII in lower case. */
static uint32_t
hash_on(uint32_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
    }
    return h;
}

/* Each bit of it depends on all (MurmurHash3's end). */
static uint32_t
hash_done(uint32_t h)
{
    h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) * 0xC2B2AE35u;
    return h ^ (h >> 16);
}

int64_t
source__term(struct str type, const struct fhir_param *param, struct str value)
{
    struct str paths = str_of(param != NULL ? param->paths : NULL);
    uint32_t name = hash_on(hash_on(hash_on(FNV, type), S(".")), paths);

    return (int64_t)((uint64_t)hash_done(hash_on(FNV, value)) << 32 | hash_done(name));
}

int64_t
source__term_refers(struct str type, const struct fhir_param *param, struct str to,
                    struct str id)
{
    int64_t name = source__term(type, param, S("")) & 0xFFFFFFFF;
    uint32_t value = hash_on(hash_on(hash_on(FNV, to), S("/")), id);

    return (int64_t)((uint64_t)hash_done(value) << 32) | name;
}

int64_t
source__type_number(struct str type)
{
    return hash_done(hash_on(FNV, type));
}

static err_t
add(struct ctx *cx, struct source_terms *t, int64_t term)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 32;
        int64_t *p = arena_grow(cx->arena, t->at, t->room * sizeof(*p), room * sizeof(*p));

        if (p == NULL)
            return refuse_memory(cx);
        t->at = p;
        t->room = room;
    }
    t->at[t->n++] = term;
    return ERR_OK;
}

static err_t
add_entry(struct ctx *cx, struct source_terms *t, struct str type,
          const struct fhir_entry *en)
{
    const struct fhir_reference *to = &en->reference;

    switch (en->param->kind) {
    case FHIR_TOKEN:
        return en->code.n > 0 ? add(cx, t, source__term(type, en->param, en->code))
                              : ERR_OK;
    case FHIR_REFERENCE:
        return to->type.n > 0 && to->id.n > 0
                   ? add(cx, t, source__term_refers(type, en->param, to->type, to->id))
                   : ERR_OK;
    case FHIR_URI: return add(cx, t, source__term(type, en->param, en->text));
    case FHIR_STRING:
    case FHIR_DATE:
    case FHIR_QUANTITY:
    case FHIR_NUMBER: return ERR_OK;
    }
    return ERR_OK;
}

static int
by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void
each_once(struct source_terms *t)
{
    size_t kept = 0;

    if (t->n == 0)
        return;
    qsort(t->at, t->n, sizeof(*t->at), by_number);
    for (size_t i = 1; i < t->n; i++)
        if (t->at[i] != t->at[kept])
            t->at[++kept] = t->at[i];
    t->n = kept + 1;
}

/* An id is found by its row: what was posted may have another than it got, or none. */
err_t
source__terms(struct ctx *cx, const json *resource, const struct source_row *row,
              struct source_terms *out)
{
    struct fhir_index index = { 0 };
    err_t e;

    *out = (struct source_terms){ 0 };
    if ((e = fhir_index_equal(cx, resource, &index)) != ERR_OK ||
        (e = add(cx, out, source__term(row->type, NULL, S("")))) != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < index.n; i++)
        if (!str_is(S("_id"), index.entries[i].param->name))
            e = add_entry(cx, out, row->type, &index.entries[i]);
    each_once(out);
    return e != ERR_OK || !str_is(row->type, "Observation")
               ? e
               : source__kinds(cx, resource, &index, out);
}

int
source__index_version(void)
{
    uint32_t h = FNV + LAYOUT;
    struct str type;
    const struct fhir_param *p;

    for (size_t i = 0; (type = fhir_type_at(i)).p != NULL; i++)
        for (size_t k = 0; (p = fhir_param_at(type, k)) != NULL; k++) {
            h = hash_on(hash_on(h, type), str_of(p->name));
            h = hash_on(hash_on(h, str_of(p->paths)), str_of(p->targets));
            h = hash_on(h, str_of(fhir_kind_name(p->kind)));
        }
    return (int)(hash_done(h) & 0x7FFFFFFF) | 1;
}

/* --- what a query narrows by ------------------------------------------------------ */

static bool
value_narrows(const struct fhir_term *t, const struct fhir_value *v)
{
    switch (t->param->kind) {
    case FHIR_TOKEN: return v->code.n > 0 && (!v->has_system || v->system.n > 0);
    case FHIR_REFERENCE: return v->reference.type.n > 0 && v->reference.id.n > 0;
    case FHIR_URI: return v->text.n > 0;
    case FHIR_STRING:
    case FHIR_DATE:
    case FHIR_QUANTITY:
    case FHIR_NUMBER: return false;
    }
    return false;
}

/* Can the index answer it? Each of its values, then. */
static bool
narrows(const struct fhir_term *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!value_narrows(t, &t->values[i]))
            return false;
    return t->n > 0 && t->modifier == FHIR_PLAIN;
}

/* How much a term of one value narrows; 0: not at all. */
static int
rank(const struct fhir_term *t)
{
    if (t->n != 1 || !narrows(t))
        return 0;
    if (t->param->kind == FHIR_REFERENCE)
        return 3;
    if (t->param->kind == FHIR_URI)
        return 2;
    return str_is(S("_id"), t->param->name)          ? 5
           : str_is(S("identifier"), t->param->name) ? 4
                                                     : 1;
}

static int64_t
term_of(const struct source_query *q, const struct fhir_param *param,
        const struct fhir_value *v)
{
    if (param->kind == FHIR_REFERENCE)
        return source__term_refers(q->type, param, v->reference.type, v->reference.id);
    return source__term(q->type, param, param->kind == FHIR_URI ? v->text : v->code);
}

static err_t
narrow_also(struct ctx *cx, const struct fhir_term *t, struct source_query *q)
{
    struct source_also *also = &q->also[q->alsos];

    if (!narrows(t) || str_is(S("_id"), t->param->name) || q->alsos == COUNT(q->also))
        return ERR_OK;
    if ((also->terms = arena_array(cx->arena, t->n, sizeof(*also->terms))) == NULL)
        return refuse_memory(cx);
    for (also->n = 0; also->n < t->n; also->n++)
        also->terms[also->n] = term_of(q, t->param, &t->values[also->n]);
    q->alsos++;
    return ERR_OK;
}

/* The term that narrows the most, or all of the type; and the others. */
static err_t
narrow(struct ctx *cx, struct source_query *q)
{
    const struct fhir_term *best = NULL;
    err_t e = ERR_OK;

    q->term = source__term(q->type, NULL, S(""));
    for (size_t i = 0; i < q->filters->n; i++)
        if (rank(&q->filters->terms[i]) > (best != NULL ? rank(best) : 0))
            best = &q->filters->terms[i];
    if (best != NULL && str_is(S("_id"), best->param->name)) {
        q->id = best->values[0].code;
        return ERR_OK;
    }
    if (best != NULL) {
        q->term = term_of(q, best->param, &best->values[0]);
        q->term_of = best->param;
    }
    for (size_t i = 0; e == ERR_OK && i < q->filters->n; i++)
        if (&q->filters->terms[i] != best)
            e = narrow_also(cx, &q->filters->terms[i], q);
    return e;
}

static err_t
read_include(struct ctx *cx, struct str value, bool reverse, struct source_query *q)
{
    struct source_include *in = &q->include[q->includes];

    if (q->includes == SOURCE_INCLUDES_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d includes", SOURCE_INCLUDES_MAX);
    in->reverse = reverse;
    in->type = str_cut(&value, ':');
    in->param = fhir_param_find(in->type, str_cut(&value, ':'));
    in->target = value;
    if (in->param == NULL || in->param->kind != FHIR_REFERENCE ||
        (in->target.n > 0 && !fhir_type_known(in->target)))
        return refuse(
            cx, ERR_BAD_REQUEST, "FHIR R4 3.1.1.5.3",
            "an include is Type:parameter or Type:parameter:Target of a reference");
    q->includes++;
    return ERR_OK;
}

static err_t
read_number(struct ctx *cx, struct str value, uint64_t most, uint64_t *out)
{
    if (!str_to_u64(value, out) || *out > most)
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.1.5",
                      "a number up to %llu is wanted", (unsigned long long)most);
    return ERR_OK;
}

static err_t
read_sort(struct ctx *cx, struct str value, struct source_query *q)
{
    q->sort = value;
    q->sort_down = str_starts(value, S("-"));
    q->sort_by = fhir_param_find(q->type, str_sub(value, q->sort_down, value.n));
    if (q->sort_by == NULL || q->sort_by->kind != FHIR_DATE)
        return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.1.5.1",
                      "_sort takes one date parameter");
    return ERR_OK;
}

static err_t
read_mark(struct ctx *cx, struct str value, struct source_query *q)
{
    struct str ms = value, key = str_cut(&ms, '_');
    uint64_t n;

    if (!str_to_u64(key, &n) || n > INT64_MAX ||
        (ms.n > 0 && !str_to_i64(ms, &q->after.ms)))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.1.3",
                      "_page is no mark that was made here");
    q->after.key = (int64_t)n;
    q->after.there = true;
    return ERR_OK;
}

err_t
source__mark_text(struct ctx *cx, const struct source_query *q,
                  const struct source_mark *mark, struct str *out)
{
    *out = q->sort.n > 0 ? arena_printf(cx->arena, "%lld_%lld", (long long)mark->key,
                                        (long long)mark->ms)
                         : arena_printf(cx->arena, "%lld", (long long)mark->key);
    return out->p != NULL ? ERR_OK : refuse_memory(cx);
}

static err_t
read_format(struct ctx *cx, struct str value)
{
    static const char *const known[] = { "json", "application/json", "text/json",
                                         "application/fhir+json" };

    for (size_t i = 0; i < COUNT(known); i++)
        if (str_is(value, known[i]))
            return ERR_OK;
    return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.0.1.11", "JSON alone is spoken here");
}

/* Of the shape of an answer, what the last of each kind have not (no pages). */
static bool
not_of_lastn(struct str name)
{
    return str_is(name, "_count") || str_is(name, "_sort") || str_is(name, "_page") ||
           str_is(name, "_summary") || str_is(name, "_total");
}

/* Those that shape the answer; *taken says that `name` was one. */
static err_t
read_shape(struct ctx *cx, struct str name, struct str value, bool lastn,
           struct source_query *q, bool *taken)
{
    *taken = true;
    if (lastn && not_of_lastn(name))
        return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 observation $lastn",
                      "%.*s is not offered with $lastn", STR(name));
    if (str_is(name, "_include") || str_is(name, "_revinclude"))
        return read_include(cx, value, str_is(name, "_revinclude"), q);
    if (str_is(name, "_count"))
        return read_number(cx, value, SOURCE_COUNT_MAX, &q->count);
    if (str_is(name, "max") && lastn)
        return read_number(cx, value, 100, &q->most);
    if (str_is(name, "_sort"))
        return read_sort(cx, value, q);
    if (str_is(name, "_page"))
        return read_mark(cx, value, q);
    if (str_is(name, "_format"))
        return read_format(cx, value);
    if (str_is(name, "_elements"))
        q->elements = value;
    else if (str_is(name, "_summary") && (str_is(value, "count") || str_is(value, "false")))
        q->count_only = str_is(value, "count");
    else if (str_is(name, "_total") && (str_is(value, "none") || str_is(value, "accurate")))
        q->total_none = str_is(value, "none");
    else if (!str_is(name, "_pretty"))
        *taken = false;
    return ERR_OK;
}

err_t
source__query_parse(struct ctx *cx, struct str type, struct str query, bool lastn,
                    struct source_query *q)
{
    struct buf filter;
    err_t e;

    *q = (struct source_query){ .type = type,
                                .asked = query,
                                .lastn = lastn,
                                .count = SOURCE_COUNT_DEFAULT,
                                .most = 1 };
    buf_init(&filter, cx->arena);
    while (query.n > 0) {
        struct str part = str_cut(&query, '&'), rest = part, name, value;
        bool taken;

        if (part.n == 0)
            continue;
        if ((e = percent_decode(cx, str_cut(&rest, '='), true, &name)) != ERR_OK ||
            (e = percent_decode(cx, rest, true, &value)) != ERR_OK ||
            (e = read_shape(cx, name, value, lastn, q, &taken)) != ERR_OK)
            return e;
        if (taken)
            continue;
        if (filter.n > 0)
            buf_c(&filter, '&');
        buf_str(&filter, part);
    }
    if ((e = buf_done(cx, &filter, &q->filter)) != ERR_OK)
        return e;
    if ((q->filters = arena_new(cx->arena, struct fhir_query)) == NULL)
        return refuse_memory(cx);
    if ((e = fhir_query_parse(cx, type, q->filter, q->filters)) != ERR_OK)
        return e;
    if (q->sort.n == 0 && q->after.ms != 0)
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.1.3",
                      "_page is the mark of a sorted search");
    return narrow(cx, q);
}

err_t
source__query_match(struct ctx *cx, const struct source_query *q, const json *resource,
                    bool *out)
{
    return fhir_match(cx, q->filters, resource, out);
}

/* Does this absolute URL begin with our own base? */
static bool
is_ours(struct str url, struct str base)
{
    return str_starts(url, base) && url.n > base.n && url.p[base.n] == '/';
}

static bool
reference_text(struct arena *a, const struct fhir_reference *r, struct str *out)
{
    size_t n = r->type.n + 1 + r->id.n;
    char *p = arena_take(a, n);

    *out = (struct str){ p, p != NULL ? n : 0 };
    if (p == NULL)
        return false;
    memcpy(p, r->type.p, r->type.n);
    p[r->type.n] = '/';
    memcpy(p + r->type.n + 1, r->id.p, r->id.n);
    return true;
}

err_t
source__references(struct ctx *cx, struct str base, const json *resource,
                   const struct fhir_param *param, struct str *out, size_t room, size_t *n)
{
    struct fhir_index index = { 0 };
    err_t e = fhir_index_param(cx, resource, param, &index);

    *n = 0;
    for (size_t i = 0; e == ERR_OK && i < index.n; i++) {
        const struct fhir_reference *r = &index.entries[i].reference;

        if (r->type.n == 0 || r->id.n == 0 || (r->url.n > 0 && !is_ours(r->url, base)))
            continue;
        if (*n == room)
            return refuse(cx, ERR_LIMIT, "", "a resource refers to more than %zu others",
                          room);
        if (!reference_text(cx->arena, r, &out[*n]))
            return refuse_memory(cx);
        ++*n;
    }
    return e;
}

bool
source__date_of(struct ctx *cx, const json *resource, const struct fhir_param *param,
                int64_t *ms)
{
    struct fhir_index index = { 0 };

    *ms = 0;
    if (fhir_index_param(cx, resource, param, &index) != ERR_OK) {
        refuse_clear(cx);
        return false;
    }
    if (index.n == 0)
        return false;
    *ms = index.entries[0].range.from;
    return true;
}
