/*
 * match.c - does a resource meet a query? R4 search.html 3.1.1.4.4 to 3.1.1.4.14.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

#include <string.h>

/* --- what has a beginning and an end ------------------------------------------- */

/*
 * 3.1.1.4.4, for a target [a, b) and a search value [c, d):
 *     eq   c <= a and b <= d: the search value holds the target whole
 *     gt   b > d: something of the target lies above        lt   a < c
 *     sa   a >= d: all of the target lies above             eb   b <= c
 */
static bool
range_holds(enum fhir_prefix prefix, struct fhir_range target, struct fhir_range search)
{
    bool equal = search.from <= target.from && target.to <= search.to;

    switch (prefix) {
    case FHIR_EQ: return equal;
    case FHIR_NE: return !equal;
    case FHIR_GT: return target.to > search.to;
    case FHIR_LT: return target.from < search.from;
    case FHIR_GE: return equal || target.to > search.to;
    case FHIR_LE: return equal || target.from < search.from;
    case FHIR_SA: return target.from >= search.to;
    case FHIR_EB: return target.to <= search.from;
    case FHIR_AP: return target.from < search.to && target.to > search.from;
    }
    return false;
}

/* "ap": a tenth of the time between now and the date, on both sides. */
static struct fhir_range
about(struct fhir_range r, int64_t now)
{
    int64_t away = r.from > now ? r.from - now : r.to < now ? now - r.to : 0;

    return (struct fhir_range){ r.from - away / 10, r.to + away / 10 };
}

static bool
date_holds(const struct ctx *cx, const struct fhir_value *v, const struct fhir_entry *x)
{
    return range_holds(v->prefix, x->range,
                       v->prefix == FHIR_AP ? about(v->range, cx->now_ms) : v->range);
}

/*
 * Is there something of the target within a tenth around the number? In twentieths
 * of nothing: n - |n|/10 and n + |n|/10 are 9 and 11 tenths, or the other way round.
 */
static bool
near(struct fhir_decimal n, const struct fhir_entry *x)
{
    struct fhir_decimal nine = { n.digits * 9, n.power - 1 },
                        eleven = { n.digits * 11, n.power - 1 };
    struct fhir_decimal low = n.digits < 0 ? eleven : nine,
                        high = n.digits < 0 ? nine : eleven;

    return (x->low_open || fhir_decimal_cmp(x->low, high) <= 0) &&
           (x->high_open || fhir_decimal_cmp(x->high, low) >= 0);
}

/* 3.1.1.4.9: eq and ne look at the precision given, the others at the number. */
static bool
number_holds(const struct fhir_value *v, const struct fhir_entry *x)
{
    bool equal = !x->low_open && !x->high_open && fhir_decimal_cmp(x->low, v->low) >= 0 &&
                 fhir_decimal_cmp(x->high, v->high) < 0;

    switch (v->prefix) {
    case FHIR_EQ: return equal;
    case FHIR_NE: return !equal;
    case FHIR_GT: return x->high_open || fhir_decimal_cmp(x->high, v->number) > 0;
    case FHIR_LT: return x->low_open || fhir_decimal_cmp(x->low, v->number) < 0;
    case FHIR_GE: return x->high_open || fhir_decimal_cmp(x->high, v->number) >= 0;
    case FHIR_LE: return x->low_open || fhir_decimal_cmp(x->low, v->number) <= 0;
    case FHIR_SA: return !x->low_open && fhir_decimal_cmp(x->low, v->number) > 0;
    case FHIR_EB: return !x->high_open && fhir_decimal_cmp(x->high, v->number) < 0;
    case FHIR_AP: return near(v->number, x);
    }
    return false;
}

/* 3.1.1.4.11: with a system, the code; without, the code or the unit as shown. */
static bool
quantity_holds(const struct fhir_value *v, const struct fhir_entry *x)
{
    if (v->has_system && (!str_eq(v->system, x->system) || !str_eq(v->code, x->code)))
        return false;
    if (!v->has_system && v->has_code && !str_eq(v->code, x->code) &&
        !str_eq(v->code, x->text))
        return false;
    return number_holds(v, x);
}

/* --- words ---------------------------------------------------------------------- */

/* 3.1.1.4.10: codes without regard to case, but for ids and identifiers, where case counts.
 */
static bool
token_holds(const struct fhir_value *v, const struct fhir_entry *x)
{
    if (v->has_system && !str_eq(v->system, x->system))
        return false;
    if (!v->has_code)
        return true;
    return x->exact ? str_eq(v->code, x->code) : str_eq_case(v->code, x->code);
}

static bool
string_holds(enum fhir_modifier modifier, const struct fhir_value *v,
             const struct fhir_entry *x)
{
    if (modifier == FHIR_EXACT)
        return str_eq(v->text, x->text);
    if (modifier == FHIR_CONTAINS)
        return x->folded.n != 0 &&
               memmem(x->folded.p, x->folded.n, v->folded.p, v->folded.n) != NULL;
    return str_starts(x->folded, v->folded);
}

/* 3.1.1.4.12: Type/id and a bare id are of this server; a URL is itself. */
static bool
reference_holds(const struct fhir_value *v, const struct fhir_entry *x)
{
    const struct fhir_reference *want = &v->reference, *have = &x->reference;

    if (want->version.n != 0 && !str_eq(want->version, have->version))
        return false;
    if (want->url.n != 0)
        return str_eq(want->url, have->url);
    return have->url.n == 0 && str_eq(want->id, have->id) &&
           (want->type.n == 0 || str_eq(want->type, have->type));
}

/* --- a term, a query --------------------------------------------------------------- */

static bool
value_holds(const struct ctx *cx, const struct fhir_term *term, const struct fhir_value *v,
            const struct fhir_entry *x)
{
    if (term->modifier == FHIR_TEXT)
        return x->folded.n != 0 && str_starts(x->folded, v->folded);
    if (term->modifier == FHIR_IDENTIFIER)
        return (x->system.n != 0 || x->code.n != 0) && token_holds(v, x);
    switch (term->param->kind) {
    case FHIR_TOKEN: return token_holds(v, x);
    case FHIR_STRING: return string_holds(term->modifier, v, x);
    case FHIR_DATE: return date_holds(cx, v, x);
    case FHIR_REFERENCE: return reference_holds(v, x);
    case FHIR_QUANTITY: return quantity_holds(v, x);
    case FHIR_NUMBER: return number_holds(v, x);
    case FHIR_URI: return str_eq(v->text, x->text);
    }
    return false;
}

bool
fhir_term_holds(const struct ctx *cx, const struct fhir_term *term,
                const struct fhir_index *index)
{
    bool there = false, holds = false;

    for (size_t i = 0; i < index->n; i++) {
        const struct fhir_entry *x = &index->entries[i];

        if (x->param != term->param)
            continue;
        there = true;
        for (size_t j = 0; j < term->n && !holds; j++)
            holds = value_holds(cx, term, &term->values[j], x);
    }
    if (term->modifier == FHIR_MISSING)
        return term->missing != there;
    return term->modifier == FHIR_NOT ? !holds : holds;
}

err_t
fhir_match(struct ctx *cx, const struct fhir_query *query, const json *resource, bool *out)
{
    struct str type = json_get_text(resource, "resourceType");

    *out = false;
    if (!fhir_type_known(type))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 json 2.6.2",
                      "resourceType is missing or unknown");
    if (!str_eq(type, query->type))
        return ERR_OK;
    for (size_t i = 0; i < query->n; i++) {
        struct fhir_index index = { .n = 0 };
        err_t e = fhir__index_term(cx, resource, &query->terms[i], &index);

        if (e != ERR_OK)
            return e;
        if (!fhir_term_holds(cx, &query->terms[i], &index))
            return ERR_OK;
    }
    *out = true;
    return ERR_OK;
}

const char *
fhir_kind_name(enum fhir_kind kind)
{
    static const char *const names[] = {
        [FHIR_TOKEN] = "token",       [FHIR_STRING] = "string",
        [FHIR_DATE] = "date",         [FHIR_REFERENCE] = "reference",
        [FHIR_QUANTITY] = "quantity", [FHIR_NUMBER] = "number",
        [FHIR_URI] = "uri",
    };

    return kind >= FHIR_TOKEN && kind <= FHIR_URI ? names[kind] : "";
}
