/*
 * controls.c - how values of parameters must look: the shapes that rules ask,
 * and the control parameters that shape an answer.
 *
 * Rule      FHIR R4 3.1.1.5 (result parameters), 3.1.1.4 (values). A policy
 *           lists the control parameters that it takes; here stands what each
 *           may say. `_summary=count` may not be said: it answers "is there
 *           any?" and shows nothing that could be judged.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include <string.h>

enum { COUNT_MOST = 1000 };

static bool
one_of(const struct fhir_arg *p, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && p->any_n == 1; i++)
        if (str_is(p->value, words[i]))
            return true;
    return false;
}

static bool
format_holds(const struct fhir_arg *p)
{
    static const char *const words[] = { "json", "application/json",
                                         "application/fhir+json" };

    return one_of(p, words, COUNT(words));
}

static bool
flag_holds(const struct fhir_arg *p)
{
    static const char *const words[] = { "true", "false" };

    return one_of(p, words, COUNT(words));
}

static bool
summary_holds(const struct fhir_arg *p)
{
    static const char *const words[] = { "true", "false", "text", "data" };

    return one_of(p, words, COUNT(words));
}

static bool
total_holds(const struct fhir_arg *p)
{
    static const char *const words[] = { "none", "estimate", "accurate" };

    return one_of(p, words, COUNT(words));
}

static bool
contained_holds(const struct fhir_arg *p)
{
    return str_is(p->value, "false");
}

static bool
count_holds(const struct fhir_arg *p)
{
    uint64_t n;

    return str_to_u64(p->value, &n) && n >= 1 && n <= COUNT_MOST;
}

static bool
word(struct str s)
{
    if (s.n > 0 && s.p[0] == '-')
        s = str_sub(s, 1, s.n);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
              c == '.' || (c >= '0' && c <= '9')))
            return false;
    }
    return s.n > 0;
}

static bool
words_hold(const struct fhir_arg *p)
{
    for (size_t i = 0; i < p->any_n; i++)
        if (!word(p->any[i]))
            return false;
    return true;
}

static const struct {
    const char *name;
    bool (*holds)(const struct fhir_arg *p);
} controls[] = {
    { "_format", format_holds },       { "_pretty", flag_holds },
    { "_count", count_holds },         { "_sort", words_hold },
    { "_total", total_holds },         { "_summary", summary_holds },
    { "_contained", contained_holds }, { "_elements", words_hold },
};

unsigned
policy__control(struct str name)
{
    for (size_t i = 0; i < COUNT(controls); i++)
        if (str_is(name, controls[i].name))
            return 1u << i;
    return 0;
}

bool
policy__control_holds(const struct fhir_arg *p)
{
    for (size_t i = 0; i < COUNT(controls); i++)
        if (str_is(p->name, controls[i].name))
            return controls[i].holds(p);
    return false;
}

static bool
among(struct str s, const struct str *set, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, set[i]))
            return true;
    return false;
}

/* Equal as sets, and neither says a thing twice. */
static bool
same_set(const struct policy_param *want, const struct fhir_arg *p)
{
    if (p->any_n != want->value_n)
        return false;
    for (size_t i = 0; i < p->any_n; i++)
        if (!among(p->any[i], want->value, want->value_n) || among(p->any[i], p->any, i))
            return false;
    return true;
}

/* YYYY[-MM[-DD[Thh:mm…]]] with an optional comparator. */
static bool
date_holds(const struct fhir_arg *p)
{
    static const char *const comparators[] = { "eq", "ge", "gt", "le", "lt", "sa", "eb" };
    struct str s = p->value;

    if (p->any_n != 1)
        return false;
    for (size_t i = 0; i < COUNT(comparators); i++)
        if (str_starts(s, str_of(comparators[i]))) {
            s = str_sub(s, 2, s.n);
            break;
        }
    if (s.n < 4 || s.n > 35)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr(i < 4 ? "0123456789" : "0123456789-T:.Z+", s.p[i]) == NULL ||
            s.p[i] == 0)
            return false;
    return true;
}

bool
policy__shape_holds(const struct policy_param *want, const struct fhir_arg *p)
{
    int64_t n;

    switch (want->shape) {
    case SHAPE_EXACT:
    case SHAPE_ONE_OF: return p->any_n == 1 && among(p->value, want->value, want->value_n);
    case SHAPE_SET: return same_set(want, p);
    case SHAPE_PREFIX:
        return p->any_n == 1 && str_starts(p->value, want->value[0]) &&
               p->value.n > want->value[0].n;
    case SHAPE_INTEGER:
        return p->any_n == 1 && str_to_i64(p->value, &n) && n >= want->least &&
               n <= want->most;
    case SHAPE_DATE: return date_holds(p);
    case SHAPE_TOKEN: return true; /* any code: its name was allowed, and it narrows */
    case SHAPE_UNDECIDED: break;
    }
    return false;
}
