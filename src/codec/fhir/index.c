/*
 * index.c - the values of a resource, for its search parameters: R4 search
 * 3.1.1.4.6 and on, which say how each data type answers each kind.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

struct gather {
    struct ctx *cx;
    const struct fhir_param *param;
    struct fhir_index *out;
    bool equal; /* nobody will look at words */
};

static err_t
add(struct gather *g, struct fhir_entry entry)
{
    struct fhir_index *x = g->out;

    if (x->n == FHIR_INDEX_MAX)
        return refuse(g->cx, ERR_LIMIT, "", "a resource with more than %d values",
                      FHIR_INDEX_MAX);
    if (x->n == x->room_) {
        size_t room = x->room_ ? 2 * x->room_ : 4; /* one parameter has few */
        struct fhir_entry *grown = arena_grow(
            g->cx->arena, x->entries, x->room_ * sizeof(*grown), room * sizeof(*grown));

        if (grown == NULL)
            return refuse_memory(g->cx);
        x->entries = grown;
        x->room_ = room;
    }
    entry.param = g->param;
    x->entries[x->n++] = entry;
    return ERR_OK;
}

/* With the text folded, for people's words. */
static err_t
add_text(struct gather *g, struct fhir_entry entry)
{
    bool fold = entry.text.n != 0 && !g->equal;
    err_t e = fold ? fhir_fold(g->cx, entry.text, &entry.folded) : ERR_OK;

    return e == ERR_OK ? add(g, entry) : e;
}

static err_t
add_coding(struct gather *g, const json *v)
{
    return add_text(g, (struct fhir_entry){ .system = json_get_text(v, "system"),
                                            .code = json_get_text(v, "code"),
                                            .text = json_get_text(v, "display") });
}

static err_t
add_concept(struct gather *g, const json *v)
{
    struct str text = json_get_text(v, "text");
    err_t e = ERR_OK;

    for (json_each(it, json_get(v, "coding")))
        if ((e = add_coding(g, it.value)) != ERR_OK)
            return e;
    return text.n != 0 ? add_text(g, (struct fhir_entry){ .text = text }) : e;
}

/* CodeableConcept, Coding, Identifier, ContactPoint, code, string, boolean. */
static err_t
add_token(struct gather *g, const json *v)
{
    struct fhir_entry entry = { .code = S("") };
    bool yes;

    if (json_bool(v, &yes))
        entry.code = yes ? S("true") : S("false");
    else if (json_str(v, &entry.code))
        entry.exact = str_is(str_of(g->param->name), "_id");
    else if (json_type(v) != JSON_OBJECT)
        return ERR_OK;
    else if (json_get(v, "coding") != NULL ||
             (json_get(v, "text") != NULL && json_get(v, "value") == NULL))
        return add_concept(g, v);
    else if (json_get(v, "value") == NULL)
        return add_coding(g, v);
    else
        entry = (struct fhir_entry){ .system = json_get_text(v, "system"),
                                     .code = json_get_text(v, "value"),
                                     .exact = true,
                                     .text = json_get_text(json_get(v, "type"), "text") };
    return add_text(g, entry);
}

/* A string; of a HumanName or Address, each of its parts. */
static err_t
add_string(struct gather *g, const json *v)
{
    static const char *const parts[] = { "text",   "family",     "given",  "prefix",
                                         "suffix", "line",       "city",   "district",
                                         "state",  "postalCode", "country" };
    struct fhir_entry entry = { .text = S("") };
    err_t e = ERR_OK;

    if (json_str(v, &entry.text))
        return add_text(g, entry);
    for (size_t i = 0; json_type(v) == JSON_OBJECT && i < COUNT(parts); i++) {
        const json *part = json_get(v, parts[i]);

        if (json_str(part, &entry.text) && (e = add_text(g, entry)) != ERR_OK)
            return e;
        if (json_type(part) != JSON_ARRAY)
            continue;
        for (json_each(it, part))
            if (json_str(it.value, &entry.text) && (e = add_text(g, entry)) != ERR_OK)
                return e;
    }
    return e;
}

static bool
period(const json *v, struct fhir_range *out)
{
    struct fhir_range start, end;
    struct str text;
    bool has_start = json_str(json_get(v, "start"), &text) && fhir_date_range(text, &start);
    bool has_end = json_str(json_get(v, "end"), &text) && fhir_date_range(text, &end);

    out->from = has_start ? start.from : INT64_MIN;
    out->to = has_end ? end.to : INT64_MAX;
    /* an end that is there and cannot be read is not an open end */
    return (has_start || has_end) && has_start == (json_get(v, "start") != NULL) &&
           has_end == (json_get(v, "end") != NULL);
}

/* date, dateTime, instant; Period; Timing by its events and bounds. */
static err_t
add_date(struct gather *g, const json *v)
{
    struct fhir_entry entry = { .text = S("") };
    err_t e = ERR_OK;

    if (json_str(v, &entry.text))
        return fhir_date_range(entry.text, &entry.range) ? add(g, entry) : ERR_OK;
    if (json_type(v) != JSON_OBJECT)
        return ERR_OK;
    if (period(v, &entry.range) ||
        period(json_path(v, "repeat", "boundsPeriod", NULL), &entry.range))
        return add(g, entry);
    if (json_type(json_get(v, "event")) == JSON_ARRAY)
        for (json_each(it, json_get(v, "event")))
            if (json_str(it.value, &entry.text) &&
                fhir_date_range(entry.text, &entry.range) && (e = add(g, entry)) != ERR_OK)
                break;
    return e;
}

/* "Patient", or the URL of its definition. */
static struct str
type_of(const json *v)
{
    struct str type = json_get_text(v, "type"),
               base = S_INIT("http://hl7.org/fhir/StructureDefinition/");

    return str_starts(type, base) ? str_sub(type, base.n, type.n) : type;
}

/* Reference, by what it points to and by its identifier; canonical and uri by their text.
 */
static err_t
add_reference(struct gather *g, const json *v)
{
    const json *identifier = json_get(v, "identifier");
    struct fhir_entry entry = { .system = json_get_text(identifier, "system"),
                                .code = json_get_text(identifier, "value"),
                                .exact = true };
    const char *targets = g->param->targets;

    if (json_str(v, &entry.text)) {
        entry.reference.url = entry.text;
        return targets == NULL ? add(g, entry) : ERR_OK;
    }
    if (json_str(json_get(v, "reference"), &entry.text))
        entry.reference = fhir_reference_parse(entry.text);
    else if (identifier == NULL)
        return ERR_OK;
    if (entry.reference.type.n == 0)
        entry.reference.type = type_of(v);
    /* what points nowhere and has no type is known by its identifier alone */
    if (targets != NULL && !fhir__listed(targets, entry.reference.type) &&
        (entry.text.n != 0 || entry.reference.type.n != 0))
        return ERR_OK;
    return add(g, entry);
}

static bool
number_of(struct gather *g, const json *v, struct fhir_decimal *out)
{
    struct str text;

    return json_number_text(v, g->cx, &text) && fhir_decimal_parse(text, out);
}

/* Quantity and its kinds; Money; Range. "<5" is everything below 5. */
static err_t
add_quantity(struct gather *g, const json *v)
{
    struct fhir_entry entry = { .system = json_get_text(v, "system"),
                                .code = json_get_text(v, "code"),
                                .text = json_get_text(v, "unit") };
    struct str comparator = json_get_text(v, "comparator");
    const json *low = json_get(v, "low"), *high = json_get(v, "high");

    if (low != NULL || high != NULL) {
        entry = (struct fhir_entry){ .system = json_get_text(low ? low : high, "system"),
                                     .code = json_get_text(low ? low : high, "code"),
                                     .text = json_get_text(low ? low : high, "unit") };
        entry.low_open = !number_of(g, json_get(low, "value"), &entry.low);
        entry.high_open = !number_of(g, json_get(high, "value"), &entry.high);
        return entry.low_open && entry.high_open ? ERR_OK : add(g, entry);
    }
    if (!number_of(g, json_get(v, "value"), &entry.low))
        return ERR_OK;
    if (json_get(v, "currency") != NULL) {
        entry.system = S("urn:iso:std:iso:4217");
        entry.code = json_get_text(v, "currency");
    }
    entry.high = entry.low;
    entry.low_open = comparator.n != 0 && comparator.p[0] == '<';
    entry.high_open = comparator.n != 0 && comparator.p[0] == '>';
    return add(g, entry);
}

static err_t
add_number(struct gather *g, const json *v)
{
    struct fhir_entry entry = { .text = S("") };

    if (!number_of(g, v, &entry.low))
        return ERR_OK;
    entry.high = entry.low;
    return add(g, entry);
}

static err_t
add_uri(struct gather *g, const json *v)
{
    struct fhir_entry entry = { .text = S("") };

    return json_str(v, &entry.text) ? add(g, entry) : ERR_OK;
}

static err_t
add_value(struct gather *g, const json *v)
{
    switch (g->param->kind) {
    case FHIR_TOKEN: return add_token(g, v);
    case FHIR_STRING: return add_string(g, v);
    case FHIR_DATE: return add_date(g, v);
    case FHIR_REFERENCE: return add_reference(g, v);
    case FHIR_QUANTITY: return add_quantity(g, v);
    case FHIR_NUMBER: return add_number(g, v);
    case FHIR_URI: return add_uri(g, v);
    }
    return ERR_OK;
}

/* Goes down the path; lists count as each of their elements. */
static err_t
walk(struct gather *g, const json *v, struct str path)
{
    struct str step, condition, name;
    err_t e = ERR_OK;

    if (v == NULL)
        return ERR_OK;
    if (json_type(v) == JSON_ARRAY) {
        for (json_each(it, v))
            if (json_type(it.value) != JSON_ARRAY &&
                (e = walk(g, it.value, path)) != ERR_OK)
                break;
        return e;
    }
    if (path.n != 0 && path.p[0] == '?') { /* "?system=phone": this element, if it is so */
        condition = str_sub(path, 1, path.n);
        name = str_cut(&condition, '=');
        return json_str(json_get_str(v, name), &step) && str_eq(step, condition)
                   ? add_value(g, v)
                   : ERR_OK;
    }
    if (path.n == 0)
        return add_value(g, v);
    step = str_cut(&path, '.');
    condition = str_sub(step, str_find(step, '?'), step.n);
    return walk(g, json_get_str(v, str_sub(step, 0, str_find(step, '?'))),
                condition.n != 0 ? condition : path);
}

/* Patient: deceased.exists() and deceased != false. */
static err_t
add_deceased(struct gather *g, const json *resource)
{
    bool dead = false;

    (void)json_bool(json_get(resource, "deceasedBoolean"), &dead);
    dead = dead || json_get(resource, "deceasedDateTime") != NULL;
    return add(g, (struct fhir_entry){ .code = dead ? S("true") : S("false") });
}

static err_t
gather(struct ctx *cx, const json *resource, const struct fhir_param *param, bool equal,
       struct fhir_index *out)
{
    struct gather g = { cx, param, out, equal };
    struct str paths = str_of(param->paths);
    err_t e = ERR_OK;

    if (str_is(paths, "=deceased"))
        return add_deceased(&g, resource);
    while (paths.n != 0 && e == ERR_OK)
        e = walk(&g, resource, str_cut(&paths, '|'));
    return e;
}

err_t
fhir_index_param(struct ctx *cx, const json *resource, const struct fhir_param *param,
                 struct fhir_index *out)
{
    return gather(cx, resource, param, false, out);
}

/* A token is compared by its words with :text alone (3.1.1.4.10). */
err_t
fhir__index_term(struct ctx *cx, const json *resource, const struct fhir_term *term,
                 struct fhir_index *out)
{
    bool words = term->param->kind == FHIR_STRING || term->modifier == FHIR_TEXT;

    return gather(cx, resource, term->param, !words, out);
}

static bool
by_equality(enum fhir_kind kind)
{
    return kind == FHIR_TOKEN || kind == FHIR_REFERENCE || kind == FHIR_URI;
}

static err_t
index_all(struct ctx *cx, const json *resource, const struct fhir_param *params, bool equal,
          struct fhir_index *out)
{
    err_t e = ERR_OK;

    for (; params->name != NULL && e == ERR_OK; params++)
        if (!equal || by_equality(params->kind))
            e = gather(cx, resource, params, equal, out);
    return e;
}

static err_t
index_of(struct ctx *cx, const json *resource, bool equal, struct fhir_index *out)
{
    struct str type = json_get_text(resource, "resourceType");
    err_t e;

    *out = (struct fhir_index){ .n = 0 };
    if (!fhir_type_known(type))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 json 2.6.2",
                      "resourceType is missing or unknown");
    if ((e = index_all(cx, resource, fhir__common(), equal, out)) != ERR_OK)
        return e;
    return index_all(cx, resource, fhir__params(type), equal, out);
}

err_t
fhir_index(struct ctx *cx, const json *resource, struct fhir_index *out)
{
    return index_of(cx, resource, false, out);
}

err_t
fhir_index_equal(struct ctx *cx, const json *resource, struct fhir_index *out)
{
    return index_of(cx, resource, true, out);
}
