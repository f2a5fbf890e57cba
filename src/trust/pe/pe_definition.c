/*
 * pe_definition.c - reading a presentation definition.
 *
 * Rule    Presentation Exchange 2.0, section 5 and its JSON Schema: members that
 *         the schema does not know are refused, as nuts-node does.
 * Trust   A definition may be a remote authorization server's.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/pe/pe.h"
#include "trust/pe/pe_int.h"

#include <string.h>

static err_t
bad(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_PE_DEFINITION, "PE 2.0 5", "%s", what);
}

/* Only these members, by name. */
static err_t
only(struct ctx *cx, const json *v, const char *const *names, size_t n, const char *what)
{
    size_t i;

    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_PE_DEFINITION, "PE 2.0 5", "%s is no object", what);
    for (json_each(it, v)) {
        for (i = 0; i < n && !str_is(it.name, names[i]); i++)
            ;
        if (i == n)
            return refuse(cx, ERR_PE_DEFINITION, "PE 2.0 5", "%s has a member '%.*s'", what,
                          (int)(it.name.n < 64 ? it.name.n : 64), it.name.p);
    }
    return ERR_OK;
}
#define ONLY(cx, v, what, ...)                                                             \
    only((cx), (v), (const char *const[]){ __VA_ARGS__ },                                  \
         sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (what))

/* An optional member of this type. */
static err_t
typed(struct ctx *cx, const json *v, const char *name, enum json_type type)
{
    const json *m = json_get(v, name);

    if (m != NULL && json_type(m) != type)
        return refuse(cx, ERR_PE_DEFINITION, "PE 2.0 5", "%s is of another type", name);
    return ERR_OK;
}

/* --- formats -------------------------------------------------------------------- */

const char *
pe__format_name(enum pe_format f)
{
    return f == PE_JWT_VC ? "jwt_vc" : f == PE_LDP_VC ? "ldp_vc" : "";
}

static err_t
check_format(struct ctx *cx, const json *format)
{
    const json *list;
    struct str s;

    if (format == NULL)
        return ERR_OK;
    if (json_type(format) != JSON_OBJECT)
        return bad(cx, "format is no object");
    for (json_each(it, format)) {
        list = json_get(it.value, str_starts(it.name, S("ldp")) ? "proof_type" : "alg");
        if (json_type(it.value) != JSON_OBJECT || json_type(list) != JSON_ARRAY ||
            json_size(list) == 0)
            return bad(cx, "a format without its algorithms or proof types");
        for (json_each(at, list))
            if (!json_str(at.value, &s))
                return bad(cx, "an algorithm or proof type is no text");
    }
    return ERR_OK;
}

bool
pe__format_fits(const json *format, const struct pe_credential *c)
{
    const json *row;

    if (json_size(format) == 0)
        return true;
    row = json_get(format, pe__format_name(c->format));
    if (row == NULL && c->format == PE_JWT_VC)
        row = json_get(format, "jwt_vc_json");
    if (row == NULL)
        return false;
    if (c->format == PE_LDP_VC)
        return c->self_attested || json_has(json_get(row, "proof_type"), c->proof);
    return json_has(json_get(row, "alg"), c->proof);
}

static bool
format_has_jwt(const json *format)
{
    return json_size(format) == 0 || json_get(format, "jwt_vc") != NULL ||
           json_get(format, "jwt_vc_json") != NULL;
}

bool
pe_definition_takes_jwt(const struct pe_definition *d)
{
    size_t i;

    if (!format_has_jwt(d->format))
        return false;
    for (i = 0; i < d->descriptor_count; i++)
        if (!format_has_jwt(d->descriptors[i].format))
            return false;
    return true;
}

/* --- fields ---------------------------------------------------------------------- */

/* string, number, integer or boolean; a list of types is no scalar. */
static bool
is_scalar(const json *filter)
{
    static const char *const scalars[] = { "string", "number", "integer", "boolean" };
    size_t i;

    for (i = 0; i < COUNT(scalars); i++)
        if (json_is(json_get(filter, "type"), scalars[i]))
            return true;
    return false;
}

static err_t
parse_filter(struct ctx *cx, const json *filter, struct pe__field *f)
{
    struct str pattern;
    err_t e;

    f->filter = filter;
    if (filter == NULL)
        return ERR_OK;
    if (json_type(filter) != JSON_OBJECT)
        return bad(cx, "a filter is no object");
    if ((e = schema_parse(cx, filter, &f->schema)) != ERR_OK)
        return e == ERR_BAD_REQUEST ? bad(cx, "a filter is no JSON Schema") : e;
    f->scalar = is_scalar(filter);
    if (!json_str(json_get(filter, "pattern"), &pattern))
        return ERR_OK;
    if ((e = regex_compile(cx, REGEX_ECMA, pattern, &f->pattern)) != ERR_OK)
        return e == ERR_BAD_REQUEST ? bad(cx, "a pattern is none") : e;
    if (regex_groups(f->pattern) > 1)
        return bad(cx, "a pattern has more than one group, so it has no one value");
    return ERR_OK;
}

static err_t
parse_paths(struct ctx *cx, const json *list, struct pe__field *f)
{
    struct str text;
    err_t e;

    if (json_type(list) != JSON_ARRAY || json_size(list) == 0 ||
        json_size(list) > PE_PATHS_MAX)
        return bad(cx, "a field has no path, or too many");
    f->paths = arena_array(cx->arena, json_size(list), sizeof(*f->paths));
    if (f->paths == NULL)
        return refuse_memory(cx);
    for (json_each(it, list)) {
        if (!json_str(it.value, &text))
            return bad(cx, "a path is no text");
        if ((e = path_parse(cx, text, &f->paths[f->path_count++])) != ERR_OK)
            return e == ERR_BAD_REQUEST ? bad(cx, "a path is no JSONPath") : e;
    }
    return ERR_OK;
}

static err_t
parse_field(struct ctx *cx, const json *v, struct pe__field *f)
{
    err_t e = ONLY(cx, v, "a field", "id", "path", "purpose", "name", "filter", "optional",
                   "intent_to_retain", "predicate");

    if (e != ERR_OK || (e = typed(cx, v, "id", JSON_STRING)) != ERR_OK ||
        (e = typed(cx, v, "optional", JSON_BOOL)) != ERR_OK ||
        (e = parse_paths(cx, json_get(v, "path"), f)) != ERR_OK)
        return e;
    json_str(json_get(v, "id"), &f->id);
    json_bool(json_get(v, "optional"), &f->optional);
    return parse_filter(cx, json_get(v, "filter"), f);
}

/* --- descriptors -------------------------------------------------------------------- */

static err_t
parse_constraints(struct ctx *cx, const json *v, struct pe__descriptor *d)
{
    const json *fields = json_get(v, "fields");
    size_t i = 0;
    err_t e = ONLY(cx, v, "constraints", "fields", "limit_disclosure", "statuses",
                   "subject_is_issuer", "is_holder", "same_subject");

    if (e != ERR_OK || (e = typed(cx, v, "fields", JSON_ARRAY)) != ERR_OK)
        return e;
    d->subject_is_issuer = json_is(json_get(v, "subject_is_issuer"), "required");
    d->field_count = json_size(fields);
    if (d->field_count > PE_FIELDS_MAX)
        return bad(cx, "too many fields");
    d->fields = arena_array(cx->arena, d->field_count + 1, sizeof(*d->fields));
    if (d->fields == NULL)
        return refuse_memory(cx);
    for (json_each(it, fields))
        if ((e = parse_field(cx, it.value, &d->fields[i++])) != ERR_OK)
            return e;
    return ERR_OK;
}

static err_t
parse_descriptor(struct ctx *cx, const json *v, struct pe_definition *def,
                 struct pe__descriptor *d)
{
    struct str s;
    size_t i;
    err_t e = ONLY(cx, v, "an input descriptor", "id", "name", "purpose", "format", "group",
                   "constraints");

    if (e != ERR_OK)
        return e;
    if (!json_str(json_get(v, "id"), &d->id) || d->id.n == 0)
        return bad(cx, "an input descriptor has no id");
    for (i = 0; i < def->descriptor_count; i++)
        if (str_eq(def->descriptors[i].id, d->id))
            return bad(cx, "two input descriptors have the same id");
    d->format = json_get(v, "format");
    d->group = json_get(v, "group");
    if ((e = check_format(cx, d->format)) != ERR_OK ||
        (e = typed(cx, v, "group", JSON_ARRAY)) != ERR_OK)
        return e;
    for (json_each(it, d->group))
        if (!json_str(it.value, &s))
            return bad(cx, "a group is no text");
    return parse_constraints(cx, json_get(v, "constraints"), d);
}

bool
pe__in_group(const struct pe__descriptor *d, struct str group)
{
    return json_has(d->group, group);
}

/* --- submission requirements -------------------------------------------------------- */

static err_t
parse_number(struct ctx *cx, const json *v, const char *name, int64_t *out)
{
    *out = -1;
    if (json_get(v, name) == NULL)
        return ERR_OK;
    if (!json_i64(json_get(v, name), out) || *out < 0)
        return bad(cx, "count, min or max is no natural number");
    return ERR_OK;
}

static err_t
parse_rule(struct ctx *cx, const json *v, struct pe__requirement *r)
{
    err_t e = ONLY(cx, v, "a submission requirement", "name", "purpose", "rule", "count",
                   "min", "max", "from", "from_nested");

    if (e != ERR_OK || (e = parse_number(cx, v, "count", &r->count)) != ERR_OK ||
        (e = parse_number(cx, v, "min", &r->min)) != ERR_OK ||
        (e = parse_number(cx, v, "max", &r->max)) != ERR_OK)
        return e;
    if (json_is(json_get(v, "rule"), "all"))
        r->rule = PE_RULE_ALL;
    else if (json_is(json_get(v, "rule"), "pick"))
        r->rule = PE_RULE_PICK;
    else
        return bad(cx, "a submission requirement's rule is neither all nor pick");
    if (r->count == 0 || (r->min >= 0 && r->max >= 0 && r->min > r->max))
        return bad(cx, "a submission requirement's numbers cannot be met");
    return ERR_OK;
}

static err_t
parse_requirements(struct ctx *cx, const struct pe_definition *def, const json *list,
                   unsigned depth, size_t *budget, struct pe__requirement **out,
                   size_t *count)
{
    struct pe__requirement *r;
    const json *nested;
    size_t i;
    err_t e;

    *out = NULL;
    *count = 0;
    if (json_type(list) != JSON_ARRAY || json_size(list) == 0)
        return bad(cx, "submission requirements are no array, or an empty one");
    if (depth > PE_NESTING_MAX || json_size(list) > *budget)
        return bad(cx, "submission requirements are nested too deep, or too many");
    *budget -= json_size(list);
    r = *out = arena_array(cx->arena, json_size(list), sizeof(*r));
    if (r == NULL)
        return refuse_memory(cx);
    for (json_each(it, list)) {
        if ((e = parse_rule(cx, it.value, r)) != ERR_OK)
            return e;
        nested = json_get(it.value, "from_nested");
        if (json_str(json_get(it.value, "from"), &r->from) == (nested != NULL))
            return bad(cx, "a submission requirement needs one of from and from_nested");
        for (i = 0; nested == NULL && i < def->descriptor_count &&
                    !pe__in_group(&def->descriptors[i], r->from);
             i++)
            ;
        if (nested == NULL && i == def->descriptor_count)
            return bad(cx, "a submission requirement names a group that nobody is in");
        if (nested != NULL &&
            (e = parse_requirements(cx, def, nested, depth + 1, budget, &r->nested,
                                    &r->nested_count)) != ERR_OK)
            return e;
        r++;
        ++*count;
    }
    return ERR_OK;
}

/* --- all ---------------------------------------------------------------------------- */

static err_t
parse_descriptors(struct ctx *cx, const json *list, struct pe_definition *d)
{
    err_t e;

    if (json_type(list) != JSON_ARRAY || json_size(list) == 0)
        return bad(cx, "there are no input descriptors");
    if (json_size(list) > PE_DESCRIPTORS_MAX)
        return bad(cx, "there are too many input descriptors");
    d->descriptors = arena_array(cx->arena, json_size(list), sizeof(*d->descriptors));
    if (d->descriptors == NULL)
        return refuse_memory(cx);
    for (json_each(it, list)) {
        e = parse_descriptor(cx, it.value, d, &d->descriptors[d->descriptor_count]);
        if (e != ERR_OK)
            return e;
        d->descriptor_count++;
    }
    return ERR_OK;
}

err_t
pe_definition_parse(struct ctx *cx, const json *text, struct pe_definition **out)
{
    struct pe_definition *d = arena_new(cx->arena, struct pe_definition);
    const json *rules = json_get(text, "submission_requirements");
    size_t budget = PE_REQUIREMENTS_MAX;
    err_t e;

    *out = NULL;
    if (d == NULL)
        return refuse_memory(cx);
    if ((e = ONLY(cx, text, "the definition", "id", "name", "purpose", "format", "frame",
                  "submission_requirements", "input_descriptors")) != ERR_OK)
        return e;
    if (!json_str(json_get(text, "id"), &d->id) || d->id.n == 0)
        return bad(cx, "the definition has no id");
    d->json = text;
    d->format = json_get(text, "format");
    if ((e = check_format(cx, d->format)) != ERR_OK ||
        (e = parse_descriptors(cx, json_get(text, "input_descriptors"), d)) != ERR_OK)
        return e;
    if (rules != NULL && (e = parse_requirements(cx, d, rules, 0, &budget, &d->requirements,
                                                 &d->requirement_count)) != ERR_OK)
        return e;
    *out = d;
    return ERR_OK;
}

struct str
pe_definition_id(const struct pe_definition *d)
{
    return d->id;
}

const json *
pe_definition_json(const struct pe_definition *d)
{
    return d->json;
}

bool
pe_definition_field(const struct pe_definition *d, size_t i, struct str *id)
{
    size_t a, b;

    for (a = 0; a < d->descriptor_count; a++)
        for (b = 0; b < d->descriptors[a].field_count; b++) {
            *id = d->descriptors[a].fields[b].id;
            if (id->p != NULL && i-- == 0)
                return true;
        }
    *id = (struct str){ NULL, 0 };
    return false;
}
