/*
 * query.c - a query read: R4 search.html 3.1.1.4, and 3.1.1.4.0.1 for escapes.
 *
 * Trust     Nothing that is not understood is passed over.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

#include <string.h>

static err_t
bad(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 search 3.1.1.4", "search: %s", what);
}

/* --- pieces and escapes --------------------------------------------------------- */

/* Cuts at the first `sep` that no backslash stands before. */
static struct str
cut(struct str *rest, char sep, bool *more)
{
    size_t at = 0;
    struct str head;

    while (at < rest->n && rest->p[at] != sep)
        at += rest->p[at] == '\\' ? 2 : 1;
    if (at > rest->n)
        at = rest->n;
    head = str_sub(*rest, 0, at);
    *more = at < rest->n;
    *rest = str_sub(*rest, at + 1, rest->n);
    return head;
}

/* \, \$ \| and \\ stand for what follows; another escape is none. */
static err_t
unescape(struct ctx *cx, struct str raw, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\' &&
            (++i == raw.n || strchr(",$|\\", raw.p[i]) == NULL || !raw.p[i]))
            return bad(cx, "a backslash before what needs none");
        buf_c(&b, raw.p[i]);
    }
    return buf_done(cx, &b, out);
}

/* --- values, by kind -------------------------------------------------------------- */

static const struct {
    char text[3];
    enum fhir_prefix prefix;
} prefixes[] = {
    { "eq", FHIR_EQ }, { "ne", FHIR_NE }, { "gt", FHIR_GT },
    { "lt", FHIR_LT }, { "ge", FHIR_GE }, { "le", FHIR_LE },
    { "sa", FHIR_SA }, { "eb", FHIR_EB }, { "ap", FHIR_AP },
};

static struct str
take_prefix(struct str s, enum fhir_prefix *out)
{
    *out = FHIR_EQ;
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (str_starts(s, str_of(prefixes[i].text))) {
            *out = prefixes[i].prefix;
            return str_sub(s, 2, s.n);
        }
    return s;
}

static err_t
read_token(struct ctx *cx, struct str raw, struct fhir_value *v)
{
    bool more;
    struct str code = raw, system = cut(&code, '|', &v->has_system);
    struct str extra = code;
    err_t e;

    if (!v->has_system) {
        code = system;
        system = S("");
    } else {
        code = cut(&extra, '|', &more);
        if (more)
            return bad(cx, "a token with more than one bar");
    }
    v->has_code = code.n != 0;
    if (!v->has_code && system.n == 0)
        return bad(cx, "a token without system and code");
    if ((e = unescape(cx, system, &v->system)) != ERR_OK)
        return e;
    return unescape(cx, code, &v->code);
}

static err_t
read_number(struct ctx *cx, struct str raw, struct fhir_value *v)
{
    struct str text = take_prefix(raw, &v->prefix);

    if (!fhir_decimal_parse(text, &v->number))
        return bad(cx, "no number");
    v->low = (struct fhir_decimal){ v->number.digits * 10 - 5, v->number.power - 1 };
    v->high = (struct fhir_decimal){ v->number.digits * 10 + 5, v->number.power - 1 };
    return ERR_OK;
}

/* number, number|system|code, number||code */
static err_t
read_quantity(struct ctx *cx, struct str raw, struct fhir_value *v)
{
    bool more;
    struct str rest = raw, number = cut(&rest, '|', &more), system, code;
    err_t e = read_number(cx, number, v);

    if (e != ERR_OK || !more)
        return e;
    system = cut(&rest, '|', &more);
    if (!more)
        return bad(cx, "a quantity with one bar");
    code = cut(&rest, '|', &more);
    if (more || code.n == 0)
        return bad(cx, "a quantity with too many bars, or without a unit");
    v->has_system = system.n != 0;
    v->has_code = true;
    if ((e = unescape(cx, system, &v->system)) != ERR_OK)
        return e;
    return unescape(cx, code, &v->code);
}

static err_t
read_date(struct ctx *cx, struct fhir_value *v)
{
    if (!fhir_date_range(take_prefix(v->text, &v->prefix), &v->range))
        return bad(cx, "no date");
    return ERR_OK;
}

/* Every string starts with the empty one: what folds to nothing is no filter. */
static err_t
read_string(struct ctx *cx, struct fhir_value *v)
{
    err_t e = fhir_fold(cx, v->text, &v->folded);

    return e == ERR_OK && v->folded.n == 0 ? bad(cx, "a string without letters") : e;
}

/* `type`: what a modifier says, or empty. */
static err_t
read_reference(struct ctx *cx, struct str type, struct fhir_value *v)
{
    v->reference = fhir_reference_parse(v->text);
    if (type.n == 0)
        return ERR_OK;
    if (v->reference.id.n == 0 ||
        (v->reference.type.n != 0 && !str_eq(v->reference.type, type)))
        return bad(cx, "a reference that is not of the type in the modifier");
    v->reference.type = type;
    return ERR_OK;
}

static err_t
read_value(struct ctx *cx, const struct fhir_term *term, struct str type, struct str raw,
           struct fhir_value *v)
{
    err_t e = unescape(cx, raw, &v->text);

    v->prefix = FHIR_EQ;
    if (e != ERR_OK)
        return e;
    if (raw.n == 0)
        return bad(cx, "an empty value");
    if (term->modifier == FHIR_TEXT)
        return read_string(cx, v);
    if (term->modifier == FHIR_IDENTIFIER)
        return read_token(cx, raw, v);
    switch (term->param->kind) {
    case FHIR_TOKEN: return read_token(cx, raw, v);
    case FHIR_STRING: return term->modifier == FHIR_EXACT ? ERR_OK : read_string(cx, v);
    case FHIR_DATE: return read_date(cx, v);
    case FHIR_REFERENCE: return read_reference(cx, type, v);
    case FHIR_QUANTITY: return read_quantity(cx, raw, v);
    case FHIR_NUMBER: return read_number(cx, raw, v);
    case FHIR_URI: return ERR_OK;
    }
    return ERR_OK;
}

/* --- names and modifiers ------------------------------------------------------------ */

#define KIND(k) (1u << (k))

static const struct {
    const char *name;
    enum fhir_modifier modifier; /* 0: R4 has it, we do not */
    unsigned kinds;
} modifiers[] = {
    { "missing", FHIR_MISSING, ~0u },
    { "exact", FHIR_EXACT, KIND(FHIR_STRING) },
    { "contains", FHIR_CONTAINS, KIND(FHIR_STRING) },
    { "not", FHIR_NOT, KIND(FHIR_TOKEN) },
    { "text", FHIR_TEXT, KIND(FHIR_TOKEN) },
    { "identifier", FHIR_IDENTIFIER, KIND(FHIR_REFERENCE) },
    { "in", 0, KIND(FHIR_TOKEN) },
    { "not-in", 0, KIND(FHIR_TOKEN) },
    { "of-type", 0, KIND(FHIR_TOKEN) },
    { "above", 0, KIND(FHIR_TOKEN) | KIND(FHIR_REFERENCE) | KIND(FHIR_URI) },
    { "below", 0, KIND(FHIR_TOKEN) | KIND(FHIR_REFERENCE) | KIND(FHIR_URI) },
};

/* `*type` is the type that the modifier names, or empty. */
static err_t
read_modifier(struct ctx *cx, struct str text, struct fhir_term *term, struct str *type)
{
    *type = S("");
    for (size_t i = 0; i < COUNT(modifiers); i++) {
        if (!str_is(text, modifiers[i].name))
            continue;
        if ((modifiers[i].kinds & KIND(term->param->kind)) == 0)
            return bad(cx, "a modifier that this parameter has not");
        if (modifiers[i].modifier == 0)
            return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 search 3.1.1.4.5",
                          "search: modifier %s is not offered", modifiers[i].name);
        term->modifier = modifiers[i].modifier;
        return ERR_OK;
    }
    if (term->param->kind != FHIR_REFERENCE || !fhir_type_known(text) ||
        (term->param->targets != NULL && !fhir__listed(term->param->targets, text)))
        return bad(cx, "no such modifier of this parameter");
    term->modifier = FHIR_OF_TYPE_REFERENCE;
    *type = text;
    return ERR_OK;
}

static err_t
read_name(struct ctx *cx, struct str type, struct str name, struct fhir_term *term,
          struct str *target)
{
    struct str modifier = name, base = str_cut(&modifier, ':');

    *target = S("");
    term->modifier = FHIR_PLAIN;
    if (str_find(name, '.') < name.n || str_is(base, "_has"))
        return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 search 3.1.1.4.12",
                      "search: chains are not offered");
    if ((term->param = fhir_param_find(type, base)) == NULL)
        return bad(cx, "no such parameter of this type");
    return base.n == name.n ? ERR_OK : read_modifier(cx, modifier, term, target);
}

static err_t
read_missing(struct ctx *cx, struct str value, struct fhir_term *term)
{
    term->missing = str_is(value, "true");
    return term->missing || str_is(value, "false")
               ? ERR_OK
               : bad(cx, ":missing is neither true nor false");
}

static size_t
count_values(struct str value)
{
    size_t n = 0;
    bool more = true;

    for (; more; n++)
        (void)cut(&value, ',', &more);
    return n;
}

err_t
fhir_term_parse(struct ctx *cx, struct str type, struct str name, struct str value,
                struct fhir_term *out)
{
    struct fhir_term term = { .n = 0 };
    struct str target;
    bool more = true;
    size_t n = count_values(value);
    err_t e = read_name(cx, type, name, &term, &target);

    *out = (struct fhir_term){ .n = 0 };
    if (e != ERR_OK)
        return e;
    if (!str_is_utf8(value) || str_find(value, '\0') < value.n)
        return bad(cx, "a value that is no text");
    if (n > FHIR_VALUES_MAX)
        return refuse(cx, ERR_LIMIT, "", "search: more than %d values", FHIR_VALUES_MAX);
    if (term.modifier == FHIR_MISSING) {
        e = read_missing(cx, value, &term);
    } else if ((term.values = arena_array(cx->arena, n, sizeof(*term.values))) == NULL) {
        return refuse_memory(cx);
    } else {
        while (more && e == ERR_OK)
            e = read_value(cx, &term, target, cut(&value, ',', &more),
                           &term.values[term.n++]);
    }
    if (e == ERR_OK)
        *out = term;
    return e;
}

err_t
fhir_query_parse(struct ctx *cx, struct str type, struct str text, struct fhir_query *out)
{
    struct fhir_term *terms = arena_array(cx->arena, FHIR_TERMS_MAX, sizeof(*terms));
    size_t n = 0, values = 0;
    err_t e;

    *out = (struct fhir_query){ .n = 0 };
    if (terms == NULL)
        return refuse_memory(cx);
    if (!fhir_type_known(type))
        return bad(cx, "no such type");
    while (text.n != 0) {
        bool has_value =
            str_find(str_sub(text, 0, str_find(text, '&')), '=') < str_find(text, '&');
        struct str value = str_cut(&text, '&'), name = str_cut(&value, '=');

        if (!has_value || name.n == 0)
            return bad(cx, "a parameter without name or value");
        if (n == FHIR_TERMS_MAX || values > FHIR_VALUES_MAX)
            return refuse(cx, ERR_LIMIT, "", "search: more than %d parameters or %d values",
                          FHIR_TERMS_MAX, FHIR_VALUES_MAX);
        if ((e = percent_decode(cx, name, true, &name)) != ERR_OK ||
            (e = percent_decode(cx, value, true, &value)) != ERR_OK ||
            (e = fhir_term_parse(cx, type, name, value, &terms[n])) != ERR_OK)
            return e;
        values += terms[n++].n;
    }
    *out = (struct fhir_query){ type, terms, n };
    return ERR_OK;
}
