/*
 * pe_match.c - choosing credentials, and what their fields say.
 *
 *      per descriptor: the first credential whose format and fields fit
 *      requirements:   which of the fulfilled descriptors count
 *
 * Rule    See pe.h. An array of which no element passes is no match
 *         (nuts-node lets it through: nuts-node.md 3.4, B21).
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/pe/pe.h"
#include "trust/pe/pe_int.h"

#include <string.h>

struct work {
    struct ctx *cx;
    struct pe_definition *d;
    const struct pe_credential *credentials;
    size_t count;
    size_t *chosen;           /* per descriptor: a credential, or `count` for none */
    struct pe_value **values; /* per descriptor: one per field */
    uint64_t visits, checks, patterns; /* budgets of the whole match */
};

/* --- one field ------------------------------------------------------------------- */

/* Several nodes of one path are seen as an array of their values. */
static err_t
joined(struct ctx *cx, const struct path_nodes *nodes, const json **out)
{
    struct json_out js;
    struct str text;
    json *v;
    size_t i;
    err_t e;

    *out = nodes->n != 0 ? nodes->v[0] : NULL;
    if (nodes->n < 2)
        return ERR_OK;
    json_out_init(&js, cx->arena);
    json_array(&js);
    for (i = 0; i < nodes->n; i++)
        json_put(&js, nodes->v[i]);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    *out = v;
    return ERR_OK;
}

static err_t
passes(struct work *w, const struct pe__field *f, const json *v, bool *out)
{
    err_t e;

    *out = f->filter == NULL;
    if (f->filter == NULL)
        return ERR_OK;
    if (!f->scalar || json_type(v) != JSON_ARRAY)
        return schema_check_within(w->cx, f->schema, v, &w->checks, &w->patterns, out);
    for (json_each(it, v)) {
        e = schema_check_within(w->cx, f->schema, it.value, &w->checks, &w->patterns, out);
        if (e != ERR_OK || *out)
            return e;
    }
    return ERR_OK;
}

/* What the pattern matched in a text, or its group; else the value as it is. */
static err_t
value_of(struct work *w, const struct pe__field *f, const json *v, struct pe_value *out)
{
    struct regex_match m;
    struct str text;
    err_t e;

    *out = (struct pe_value){ .id = f->id, .value = v };
    if (f->pattern == NULL || !json_str(v, &text))
        return ERR_OK;
    e = regex_run(w->cx, f->pattern, REGEX_SEARCH, text, &w->patterns, &m);
    if (e != ERR_OK)
        return e;
    out->value = NULL;
    out->text = regex_groups(f->pattern) == 1 ? m.first : m.whole;
    if (!m.found || out->text.p == NULL) { /* a group that took no part says nothing */
        out->text = S("");
    }
    return ERR_OK;
}

static err_t
try_field(struct work *w, const struct pe__field *f, const json *view,
          struct pe_value *value, bool *ok)
{
    struct path_nodes nodes;
    const json *v;
    bool there = false;
    size_t i;
    err_t e;

    *ok = false;
    for (i = 0; i < f->path_count; i++) {
        if ((e = path_select_within(w->cx, f->paths[i], view, &w->visits, &w->patterns,
                                    &nodes)) != ERR_OK ||
            (e = joined(w->cx, &nodes, &v)) != ERR_OK)
            return e;
        if (v == NULL)
            continue;
        there = true;
        if ((e = passes(w, f, v, ok)) != ERR_OK)
            return e;
        if (*ok)
            return value_of(w, f, v, value);
    }
    *value = (struct pe_value){ .id = f->id };
    *ok = !there && f->optional;
    return ERR_OK;
}

/* --- one descriptor ----------------------------------------------------------------- */

static struct str
id_of(const json *v)
{
    struct str s;

    if (json_str(v, &s))
        return s;
    return json_get_text(v, "id");
}

static bool
subject_is_issuer(const json *view)
{
    struct str issuer = id_of(json_get(view, "issuer"));
    const json *subject = json_get(view, "credentialSubject");

    if (issuer.n == 0 || subject == NULL)
        return false;
    if (json_type(subject) != JSON_ARRAY)
        return str_eq(issuer, json_get_text(subject, "id"));
    for (json_each(it, subject))
        if (!str_eq(issuer, json_get_text(it.value, "id")))
            return false;
    return json_size(subject) != 0;
}

static err_t
try_credential(struct work *w, const struct pe__descriptor *d,
               const struct pe_credential *c, struct pe_value *values, bool *ok)
{
    size_t i;
    err_t e;

    *ok = pe__format_fits(w->d->format, c) && pe__format_fits(d->format, c) &&
          (!d->subject_is_issuer || subject_is_issuer(c->view));
    for (i = 0; *ok && i < d->field_count; i++)
        if ((e = try_field(w, &d->fields[i], c->view, &values[i], ok)) != ERR_OK)
            return e;
    return ERR_OK;
}

static err_t
choose(struct work *w, size_t index)
{
    const struct pe__descriptor *d = &w->d->descriptors[index];
    bool ok = false;
    size_t i;
    err_t e;

    w->values[index] = arena_array(w->cx->arena, d->field_count + 1, sizeof(**w->values));
    if (w->values[index] == NULL)
        return refuse_memory(w->cx);
    for (i = 0; i < w->count; i++) {
        e = try_credential(w, d, &w->credentials[i], w->values[index], &ok);
        if (e != ERR_OK)
            return e;
        if (ok)
            break;
    }
    w->chosen[index] = i;
    return ERR_OK;
}

/* --- requirements ------------------------------------------------------------------- */

static bool
enough(const struct pe__requirement *r, size_t got, size_t of)
{
    if (r->rule == PE_RULE_ALL)
        return got == of && of != 0;
    if (r->count >= 0)
        return got >= (size_t)r->count;
    if (r->min >= 0)
        return got >= (size_t)r->min;
    return r->max >= 0 || got != 0; /* no number is no leave to give nothing */
}

/* How many may be taken. */
static size_t
most(const struct pe__requirement *r, size_t got)
{
    if (r->rule == PE_RULE_PICK && r->count >= 0)
        return (size_t)r->count;
    if (r->rule == PE_RULE_PICK && r->max >= 0)
        return (size_t)r->max;
    return got;
}

static bool
met_from_group(const struct work *w, const struct pe__requirement *r, bool *take)
{
    size_t i, got = 0, of = 0, taken = 0, limit;

    for (i = 0; i < w->d->descriptor_count; i++)
        if (pe__in_group(&w->d->descriptors[i], r->from)) {
            of++;
            got += w->chosen[i] < w->count;
        }
    if (!enough(r, got, of))
        return false;
    limit = most(r, got);
    for (i = 0; i < w->d->descriptor_count && taken < limit; i++)
        if (pe__in_group(&w->d->descriptors[i], r->from) && w->chosen[i] < w->count) {
            take[i] = true;
            taken++;
        }
    return true;
}

static bool
met(const struct work *w, const struct pe__requirement *r, bool *take)
{
    bool mine[PE_DESCRIPTORS_MAX], sum[PE_DESCRIPTORS_MAX];
    size_t i, k, got = 0;

    if (r->from.p != NULL)
        return met_from_group(w, r, take);
    memcpy(sum, take, sizeof(sum));
    for (i = 0; i < r->nested_count && got < most(r, r->nested_count); i++) {
        memset(mine, 0, sizeof(mine));
        if (!met(w, &r->nested[i], mine))
            continue;
        got++;
        for (k = 0; k < PE_DESCRIPTORS_MAX; k++)
            sum[k] = sum[k] || mine[k];
    }
    if (!enough(r, got, r->nested_count))
        return false;
    memcpy(take, sum, sizeof(sum));
    return true;
}

/* Which descriptors count: all, or those that the requirements take. */
static err_t
settle(const struct work *w, bool *take)
{
    size_t i;

    memset(take, 0, PE_DESCRIPTORS_MAX * sizeof(*take));
    for (i = 0; i < w->d->requirement_count; i++)
        if (!met(w, &w->d->requirements[i], take))
            return refuse(w->cx, ERR_PE_NO_MATCH, "PE 2.0 5.1.1",
                          "submission requirement %zu is not met", i + 1);
    for (i = 0; w->d->requirement_count == 0 && i < w->d->descriptor_count; i++) {
        if (w->chosen[i] == w->count)
            return refuse(
                w->cx, ERR_PE_NO_MATCH, "PE 2.0 6",
                "no credential for input descriptor '%.*s'",
                (int)(w->d->descriptors[i].id.n < 64 ? w->d->descriptors[i].id.n : 64),
                w->d->descriptors[i].id.p);
        take[i] = true;
    }
    if (memchr(take, true, PE_DESCRIPTORS_MAX * sizeof(*take)) == NULL)
        return refuse(w->cx, ERR_PE_NO_MATCH, "PE 2.0 5.1.1",
                      "no credential for any input descriptor");
    return ERR_OK;
}

/* --- the outcome -------------------------------------------------------------------- */

static bool
same_value(const struct pe_value *a, const struct pe_value *b)
{
    struct str s = a->text, t = b->text;

    if (s.p == NULL)
        json_str(a->value, &s);
    if (t.p == NULL)
        json_str(b->value, &t);
    if (s.p != NULL || t.p != NULL)
        return s.p != NULL && t.p != NULL && str_eq(s, t);
    if (a->value == NULL || b->value == NULL)
        return a->value == b->value;
    return json_equal(a->value, b->value);
}

static err_t
add_field(struct ctx *cx, struct pe_match *m, const struct pe_value *v)
{
    size_t i;

    if (v->id.p == NULL)
        return ERR_OK;
    for (i = 0; i < m->field_count; i++)
        if (str_eq(m->fields[i].id, v->id)) {
            if (same_value(&m->fields[i], v))
                return ERR_OK;
            return refuse(cx, ERR_PE_DEFINITION, "nuts-node 3.5 step 14",
                          "the field id '%.*s' has two values",
                          (int)(v->id.n < 64 ? v->id.n : 64), v->id.p);
        }
    m->fields[m->field_count++] = *v;
    return ERR_OK;
}

static void
add_selected(struct pe_match *m, size_t credential)
{
    size_t i;

    for (i = 0; i < m->selected_count; i++)
        if (m->selected[i] == credential)
            return;
    m->selected[m->selected_count++] = credential;
}

static err_t
gather(struct work *w, const bool *take, struct pe_match *m)
{
    size_t n = w->d->descriptor_count, fields = 0, i, k;
    err_t e;

    for (i = 0; i < n; i++)
        fields += w->d->descriptors[i].field_count;
    m->map = arena_array(w->cx->arena, n, sizeof(*m->map));
    m->selected = arena_array(w->cx->arena, n, sizeof(*m->selected));
    m->fields = arena_array(w->cx->arena, fields + 1, sizeof(*m->fields));
    if (m->map == NULL || m->selected == NULL || m->fields == NULL)
        return refuse_memory(w->cx);
    for (i = 0; i < n; i++) {
        if (!take[i])
            continue;
        m->map[m->map_count++] =
            (struct pe_mapping){ w->d->descriptors[i].id, w->chosen[i] };
        add_selected(m, w->chosen[i]);
        for (k = 0; k < w->d->descriptors[i].field_count; k++)
            if ((e = add_field(w->cx, m, &w->values[i][k])) != ERR_OK)
                return e;
    }
    return ERR_OK;
}

err_t
pe_match(struct ctx *cx, struct pe_definition *d, const struct pe_credential *credentials,
         size_t count, struct pe_match *out)
{
    struct work w = { .cx = cx,
                      .d = d,
                      .credentials = credentials,
                      .count = count,
                      .visits = PATH_WORK,
                      .checks = SCHEMA_WORK,
                      .patterns = REGEX_WORK };
    struct pe_match m = { 0 };
    bool take[PE_DESCRIPTORS_MAX];
    size_t i;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (count > PE_CREDENTIALS_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d credentials", PE_CREDENTIALS_MAX);
    w.chosen = arena_array(cx->arena, d->descriptor_count, sizeof(*w.chosen));
    w.values = arena_array(cx->arena, d->descriptor_count, sizeof(*w.values));
    if (w.chosen == NULL || w.values == NULL)
        return refuse_memory(cx);
    for (i = 0; i < d->descriptor_count; i++)
        if ((e = choose(&w, i)) != ERR_OK)
            return e;
    if ((e = settle(&w, take)) != ERR_OK || (e = gather(&w, take, &m)) != ERR_OK)
        return e;
    *out = m;
    return ERR_OK;
}
