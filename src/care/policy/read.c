/*
 * read.c - a policy from its text.
 *
 * Rule      spec 9.3. Strict: an unknown member is refused with the nearest
 *           known one; what nobody decided is refused; what this engine cannot
 *           judge (a transaction, a write) cannot be written down.
 * Trust     The operator's file, read as if a stranger had sent it.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include "base/time.h"

#include <string.h>

#define RULE "spec 9.3"

enum { RULES_MAX = 256, TEXTS_MAX = 64, NAME_MAX_ = 64 };

/* --- telling what was meant ------------------------------------------------ */

/* Edit distance, for names short enough to mistype; large beyond. */
static size_t
distance(struct str a, struct str b)
{
    size_t row[NAME_MAX_ + 1];

    if (a.n > NAME_MAX_ || b.n > NAME_MAX_)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j], least = corner + (a.p[i - 1] != b.p[j - 1]);

            if (above + 1 < least)
                least = above + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            corner = above;
            row[j] = least;
        }
    }
    return row[b.n];
}

static const char *
nearest(struct str name, const char *const *known, size_t n)
{
    const char *best = known[0];
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(name, str_of(known[i]));

        if (d < least) {
            least = d;
            best = known[i];
        }
    }
    return best;
}

err_t
policy__members(struct ctx *cx, const json *v, struct str where, const char *const *known,
                size_t known_n)
{
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "%.*s is no object", STR(where));
    for (json_each(it, v)) {
        size_t i = 0;

        while (i < known_n && !str_is(it.name, known[i]))
            i++;
        if (i == known_n)
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "%.*s has an unknown member '%.*s'; nearest is '%s'", STR(where),
                          STR(it.name), nearest(it.name, known, known_n));
    }
    return ERR_OK;
}

/* --- small readers ---------------------------------------------------------- */

static err_t
need_text(struct ctx *cx, const json *v, const char *name, struct str *out)
{
    if (!json_str(json_get(v, name), out) || out->n == 0)
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "'%s' must be a text that says something", name);
    return ERR_OK;
}

static err_t
texts(struct ctx *cx, const json *v, const char *name, const struct str **out, size_t *n)
{
    struct str *list;
    size_t size = json_size(v);

    *out = NULL;
    *n = 0;
    if (json_type(v) != JSON_ARRAY || size == 0 || size > TEXTS_MAX)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'%s' must be a list of 1 to %d texts",
                      name, TEXTS_MAX);
    if ((list = arena_array(cx->arena, size, sizeof(*list))) == NULL)
        return refuse_memory(cx);
    for (json_each(it, v))
        if (!json_str(it.value, &list[(*n)++]) || list[*n - 1].n == 0)
            return refuse(cx, ERR_POLICY_INVALID, RULE, "'%s' must be a list of texts",
                          name);
    *out = list;
    return ERR_OK;
}

/* "2026-01-01" is the midnight (UTC) that begins that day. */
static err_t
need_moment(struct ctx *cx, const json *v, const char *name, int64_t *out)
{
    struct str s;
    err_t e;

    if ((e = need_text(cx, v, name, &s)) != ERR_OK)
        return e;
    if (s.n == 10 && (s = arena_printf(cx->arena, "%.*sT00:00:00Z", STR(s))).p == NULL)
        return refuse_memory(cx);
    if (time_parse(cx, s, out) != ERR_OK)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'%s' is no date", name);
    return ERR_OK;
}

/* --- grounds ------------------------------------------------------------------ */

static err_t
read_ground(struct ctx *cx, const json *v, struct policy *p)
{
    static const char *const known[] = { "source", "scope", "kinds" };
    err_t e = policy__members(cx, v, S("ground"), known, COUNT(known));

    if (e != ERR_OK)
        return e;
    if (json_is(json_get(v, "source"), "none")) {
        p->ground = POLICY_GROUND_NEEDLESS;
        return ERR_OK;
    }
    if (!json_is(json_get(v, "source"), "recorded"))
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "ground.source is 'recorded' or 'none'");
    p->ground = POLICY_GROUND_RECORDED;
    if ((e = need_text(cx, v, "scope", &p->ground_scope)) != ERR_OK)
        return e;
    for (json_each(it, json_get(v, "kinds"))) {
        struct str name;
        enum ground_kind kind =
            json_str(it.value, &name) ? ground_kind_of(name) : GROUND_KIND_NONE;

        if (kind == GROUND_KIND_NONE)
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "ground.kinds are consent, treatment, referral, law");
        p->ground_kinds |= (unsigned)kind;
    }
    if (p->ground_kinds == 0)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "ground.kinds names none");
    return ERR_OK;
}

/* --- rules --------------------------------------------------------------------- */

static err_t
read_bounds(struct ctx *cx, const json *v, struct policy_param *p)
{
    if (json_size(v) != 2 || !json_i64(json_at(v, 0), &p->least) ||
        !json_i64(json_at(v, 1), &p->most) || p->least > p->most)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'integer' is [least, most]");
    p->shape = SHAPE_INTEGER;
    return ERR_OK;
}

static err_t
read_one_value(struct ctx *cx, struct str text, enum shape shape, struct policy_param *p)
{
    struct str *value = arena_new(cx->arena, struct str);

    if (value == NULL)
        return refuse_memory(cx);
    *value = text;
    p->shape = shape;
    p->value = value;
    p->value_n = 1;
    return ERR_OK;
}

static err_t
read_shape(struct ctx *cx, const json *v, struct policy_param *p)
{
    static const char *const known[] = { "exact", "one_of", "set", "prefix", "integer" };
    struct str text;
    err_t e;

    if (json_is(v, "date") || json_is(v, "token")) {
        p->shape = json_is(v, "date") ? SHAPE_DATE : SHAPE_TOKEN;
        return ERR_OK;
    }
    if ((e = policy__members(cx, v, p->name, known, COUNT(known))) != ERR_OK)
        return e;
    if (json_size(v) != 1)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'%.*s' needs one shape", STR(p->name));
    if (json_str(json_get(v, "exact"), &text) && text.n > 0)
        return read_one_value(cx, text, SHAPE_EXACT, p);
    if (json_str(json_get(v, "prefix"), &text) && text.n > 0)
        return read_one_value(cx, text, SHAPE_PREFIX, p);
    if (json_get(v, "integer") != NULL)
        return read_bounds(cx, json_get(v, "integer"), p);
    p->shape = json_get(v, "set") != NULL ? SHAPE_SET : SHAPE_ONE_OF;
    return texts(cx, json_get(v, p->shape == SHAPE_SET ? "set" : "one_of"), "set, one_of",
                 &p->value, &p->value_n);
}

static err_t
read_params(struct ctx *cx, const json *v, bool required, struct policy_param *list,
            size_t *n)
{
    if (v != NULL && json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'require' and 'allow' are objects");
    for (json_each(it, v)) {
        struct policy_param *p = &list[*n];
        err_t e;

        *p = (struct policy_param){ .name = it.name, .required = required };
        if (policy__control(it.name) != 0 || str_starts(it.name, S("_include")) ||
            str_starts(it.name, S("_revinclude")))
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "'%.*s' belongs in 'controls' or 'include'", STR(it.name));
        for (size_t i = 0; i < *n; i++)
            if (str_eq(list[i].name, it.name))
                return refuse(cx, ERR_POLICY_INVALID, RULE,
                              "'%.*s' is required and allowed", STR(it.name));
        if ((e = read_shape(cx, it.value, p)) != ERR_OK)
            return e;
        (*n)++;
    }
    return ERR_OK;
}

/* The gateway looks whether each match is what was required: care/gateway, release.c. */
static bool
can_be_checked(struct str type, struct str name)
{
    return fhir_param_find(type, str_sub(name, 0, str_find(name, ':'))) != NULL;
}

static err_t
read_rule_params(struct ctx *cx, const json *v, struct policy_rule *r)
{
    const json *require = json_get(v, "require"), *allow = json_get(v, "allow");
    struct policy_param *list;
    err_t e;

    list = arena_array(cx->arena, json_size(require) + json_size(allow) + 1, sizeof(*list));
    if (list == NULL)
        return refuse_memory(cx);
    r->param = list;
    if ((e = read_params(cx, require, true, list, &r->param_n)) != ERR_OK)
        return e;
    for (size_t i = 0; i < r->param_n; i++)
        if (!can_be_checked(r->type, list[i].name))
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "'%.*s' of %.*s cannot be checked in an answer: it may be"
                          " allowed, not required",
                          STR(list[i].name), STR(r->type));
    return read_params(cx, allow, false, list, &r->param_n);
}

static err_t
read_types(struct ctx *cx, const json *v, struct policy_include *in)
{
    err_t e = texts(cx, v, "include", &in->type, &in->type_n);

    for (size_t i = 0; e == ERR_OK && i < in->type_n; i++)
        if (!fhir_type_known(in->type[i]))
            e = refuse(cx, ERR_POLICY_INVALID, RULE, "'%.*s' is no type of R4",
                       STR(in->type[i]));
    return e;
}

/* {"_include": {"Coverage:payor:Patient": ["Patient"]}} */
static err_t
read_includes(struct ctx *cx, const json *v, struct policy_rule *r)
{
    static const char *const known[] = { "_include", "_include:iterate", "_revinclude" };
    struct policy_include *list;
    size_t n = 0;
    err_t e;

    if (v == NULL)
        return ERR_OK;
    if ((e = policy__members(cx, v, S("include"), known, COUNT(known))) != ERR_OK)
        return e;
    for (json_each(kind, v))
        n += json_size(kind.value);
    if ((list = arena_array(cx->arena, n + 1, sizeof(*list))) == NULL)
        return refuse_memory(cx);
    r->include = list;
    for (json_each(kind, v)) {
        if (json_type(kind.value) != JSON_OBJECT)
            return refuse(cx, ERR_POLICY_INVALID, RULE, "'include' holds objects");
        for (json_each(it, kind.value)) {
            list[r->include_n].kind = kind.name;
            list[r->include_n].value = it.name;
            if ((e = read_types(cx, it.value, &list[r->include_n])) != ERR_OK)
                return e;
            r->include_n++;
        }
    }
    return ERR_OK;
}

static err_t
read_patient(struct ctx *cx, struct str s, struct policy_rule *r)
{
    struct policy_source_of_patient *p = &r->patient[r->patient_n];

    if (str_is(s, "path"))
        p->from = POLICY_PATIENT_PATH;
    else if (str_is(s, "body"))
        p->from = POLICY_PATIENT_BODY;
    else if (str_is(s, "none"))
        p->from = POLICY_PATIENT_ABSENT;
    else if (str_starts(s, S("param:")) && s.n > 6)
        *p = (struct policy_source_of_patient){ POLICY_PATIENT_PARAM, str_sub(s, 6, s.n) };
    else if (str_starts(s, S("identifier:")) && s.n > 11)
        *p = (struct policy_source_of_patient){ POLICY_PATIENT_IDENTIFIER,
                                                str_sub(s, 11, s.n) };
    else
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "'patient' is path, body, none, param:NAME or identifier:NAME");
    r->patient_n++;
    return ERR_OK;
}

/* Which sources of a patient an interaction can have. */
static bool
source_makes_sense(const struct policy_rule *r, enum policy_patient from)
{
    bool instance = r->interaction == FHIR_READ || r->interaction == FHIR_VREAD ||
                    r->interaction == FHIR_HISTORY_INSTANCE;
    bool is_patient = str_is(r->type, "Patient");

    switch (from) {
    case POLICY_PATIENT_PATH: return instance && is_patient;
    case POLICY_PATIENT_BODY: return instance && !is_patient;
    case POLICY_PATIENT_PARAM:
        return r->interaction == FHIR_SEARCH_TYPE || r->interaction == FHIR_OPERATION;
    case POLICY_PATIENT_IDENTIFIER: return r->interaction == FHIR_SEARCH_TYPE && is_patient;
    case POLICY_PATIENT_ABSENT: return !is_patient;
    case POLICY_PATIENT_UNDECIDED: break;
    }
    return false;
}

static err_t
read_patients(struct ctx *cx, const json *v, struct policy_rule *r)
{
    const struct str *list;
    size_t n;
    err_t e = texts(cx, v, "patient", &list, &n);

    if (e != ERR_OK)
        return e;
    if (n > PATIENT_SOURCES_MAX)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'patient' has more than %d sources",
                      PATIENT_SOURCES_MAX);
    for (size_t i = 0; i < n; i++) {
        if ((e = read_patient(cx, list[i], r)) != ERR_OK)
            return e;
        if (!source_makes_sense(r, r->patient[i].from))
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "rule '%.*s': no patient can be found by '%.*s'", STR(r->id),
                          STR(list[i]));
        if (n > 1 && r->patient[i].param.n == 0)
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "'path', 'body', 'none' stand alone");
        for (size_t j = 0; j < r->param_n; j++)
            if (str_eq(r->param[j].name, r->patient[i].param))
                return refuse(cx, ERR_POLICY_INVALID, RULE,
                              "rule '%.*s': '%.*s' is the patient's already", STR(r->id),
                              STR(r->param[j].name));
    }
    return ERR_OK;
}

static err_t
read_audit(struct ctx *cx, const json *v, struct policy_rule *r)
{
    bool patient = r->patient[0].from != POLICY_PATIENT_ABSENT;

    for (int i = AUDIT_NOT_NEEDED + 1; i < AUDIT_COUNT; i++) {
        const struct audit_row *row = audit_event_row((enum audit_event)i);

        if (row == NULL || !json_is(v, row->name))
            continue;
        if ((row->needs == AUDIT_NEEDS_RECORD) != patient)
            return refuse(cx, ERR_POLICY_INVALID, "NEN 7513",
                          "rule '%.*s': audit event '%s' %s a patient", STR(r->id),
                          row->name, patient ? "does not name" : "needs");
        r->audit = (enum audit_event)i;
        return ERR_OK;
    }
    return refuse(cx, ERR_POLICY_INVALID, "NEN 7513", "rule '%.*s' names no audit event",
                  STR(r->id));
}

static err_t
read_kind(struct ctx *cx, const json *v, struct policy_rule *r)
{
    struct str name = json_get_text(v, "interaction");

    r->interaction = fhir_interaction_of(name);
    switch (r->interaction) {
    case FHIR_READ:
    case FHIR_VREAD:
    case FHIR_HISTORY_INSTANCE:
    case FHIR_SEARCH_TYPE:
    case FHIR_HISTORY_TYPE:
    case FHIR_OPERATION: break;
    case FHIR_INTERACTION_NONE:
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "rule '%.*s': no interaction is called so", STR(r->id));
    case FHIR_SEARCH_SYSTEM:
    case FHIR_HISTORY_SYSTEM:
    case FHIR_CAPABILITIES:
    case FHIR_CREATE:
    case FHIR_UPDATE:
    case FHIR_UPDATE_CONDITIONAL:
    case FHIR_PATCH:
    case FHIR_PATCH_CONDITIONAL:
    case FHIR_DELETE:
    case FHIR_DELETE_CONDITIONAL:
    case FHIR_TRANSACTION:
    case FHIR_INTERACTION_COUNT:
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "rule '%.*s': '%.*s' cannot be judged by a rule", STR(r->id),
                      STR(name));
    }
    r->type = json_get_text(v, "type");
    if (!fhir_type_known(r->type))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "rule '%.*s': 'type' is none of R4",
                      STR(r->id));
    r->operation = json_get_text(v, "operation");
    if ((r->interaction == FHIR_OPERATION) !=
        (r->operation.n > 1 && r->operation.p[0] == '$'))
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "rule '%.*s': 'operation' goes with the interaction", STR(r->id));
    return ERR_OK;
}

static err_t
read_release(struct ctx *cx, const json *v, struct policy_rule *r)
{
    if (v == NULL || json_is(v, "patient"))
        return ERR_OK;
    if (!json_is(v, "any"))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'release' is 'patient' or 'any'");
    r->releases_any = true;
    return ERR_OK;
}

static err_t
read_rule(struct ctx *cx, const json *v, struct policy_rule *r)
{
    static const char *const known[] = { "id",        "doc",     "interaction", "type",
                                         "operation", "patient", "require",     "allow",
                                         "include",   "roles",   "audit",       "release" };
    err_t e;

    if ((e = policy__members(cx, v, S("a rule"), known, COUNT(known))) != ERR_OK ||
        (e = need_text(cx, v, "id", &r->id)) != ERR_OK ||
        (e = need_text(cx, v, "doc", &r->doc)) != ERR_OK ||
        (e = read_kind(cx, v, r)) != ERR_OK || (e = read_rule_params(cx, v, r)) != ERR_OK ||
        (e = read_includes(cx, json_get(v, "include"), r)) != ERR_OK ||
        (e = read_patients(cx, json_get(v, "patient"), r)) != ERR_OK ||
        (e = read_audit(cx, json_get(v, "audit"), r)) != ERR_OK ||
        (e = read_release(cx, json_get(v, "release"), r)) != ERR_OK)
        return e;
    if (json_get(v, "roles") == NULL)
        return ERR_OK;
    return texts(cx, json_get(v, "roles"), "roles", &r->role, &r->role_n);
}

static err_t
read_rules(struct ctx *cx, const json *v, struct policy *p)
{
    size_t n = json_size(v);
    struct policy_rule *list;
    err_t e;

    if (json_type(v) != JSON_ARRAY || n == 0 || n > RULES_MAX)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'rules' holds 1 to %d rules",
                      RULES_MAX);
    if ((list = arena_array(cx->arena, n, sizeof(*list))) == NULL)
        return refuse_memory(cx);
    p->rule = list;
    for (json_each(it, v)) {
        struct policy_rule *r = &list[p->rule_n++];

        if ((e = read_rule(cx, it.value, r)) != ERR_OK)
            return e;
        for (size_t i = 0; i + 1 < p->rule_n; i++)
            if (str_eq(list[i].id, r->id))
                return refuse(cx, ERR_POLICY_INVALID, RULE,
                              "rule '%.*s' stands there twice", STR(r->id));
        if (r->patient[0].from == POLICY_PATIENT_ABSENT &&
            p->ground != POLICY_GROUND_NEEDLESS)
            return refuse(cx, ERR_POLICY_INVALID, "mission 103",
                          "rule '%.*s': a ground needs a patient", STR(r->id));
        if (r->patient[0].from != POLICY_PATIENT_ABSENT &&
            p->ground == POLICY_GROUND_NEEDLESS)
            return refuse(cx, ERR_POLICY_INVALID, "mission 103",
                          "rule '%.*s': a patient needs a ground", STR(r->id));
    }
    return ERR_OK;
}

/* --- the whole ------------------------------------------------------------------- */

static err_t
read_bits(struct ctx *cx, const json *v, const char *name, unsigned (*bit)(struct str),
          unsigned *out)
{
    if (v != NULL && json_type(v) != JSON_ARRAY)
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'%s' is a list", name);
    for (json_each(it, v)) {
        struct str word;
        unsigned b = json_str(it.value, &word) ? bit(word) : 0;

        if (b == 0)
            return refuse(cx, ERR_POLICY_INVALID, RULE,
                          "element %zu of '%s' is none known here", it.index, name);
        *out |= b;
    }
    return ERR_OK;
}

static err_t
read_about(struct ctx *cx, const json *v, struct str name, struct policy *p)
{
    err_t e;

    if ((e = need_text(cx, v, "name", &p->name)) != ERR_OK ||
        (e = need_text(cx, v, "version", &p->version)) != ERR_OK ||
        (e = need_text(cx, v, "title", &p->title)) != ERR_OK ||
        (e = need_text(cx, v, "author", &p->author)) != ERR_OK ||
        (e = need_text(cx, v, "adopted_by", &p->adopted_by)) != ERR_OK ||
        (e = need_text(cx, v, "legal_base", &p->legal_base)) != ERR_OK ||
        (e = need_moment(cx, v, "valid_from", &p->from_ms)) != ERR_OK ||
        (e = need_moment(cx, v, "valid_until", &p->until_ms)) != ERR_OK)
        return e;
    if (!str_eq(p->name, name))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'name' is not that of its folder");
    if (p->from_ms >= p->until_ms)
        return refuse(cx, ERR_POLICY_INVALID, RULE,
                      "'valid_until' is not after 'valid_from'");
    return ERR_OK;
}

err_t
policy__read(struct ctx *cx, struct str name, struct str text, struct policy *out)
{
    static const char *const known[] = { "name",         "version",     "title",
                                         "author",       "adopted_by",  "legal_base",
                                         "valid_from",   "valid_until", "scopes",
                                         "fhir_version", "ground",      "user",
                                         "controls",     "predicates",  "rules" };
    json *v;
    err_t e;

    *out = (struct policy){ 0 };
    if ((e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK ||
        (e = policy__members(cx, v, S("policy.json"), known, COUNT(known))) != ERR_OK ||
        (e = read_about(cx, v, name, out)) != ERR_OK ||
        (e = texts(cx, json_get(v, "scopes"), "scopes", &out->scope, &out->scope_n)) !=
            ERR_OK ||
        (e = need_text(cx, v, "fhir_version", &out->fhir_version)) != ERR_OK)
        return e;
    if (!str_is(out->fhir_version, "4.0"))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'fhir_version' is 4.0 here");
    if ((e = read_ground(cx, json_get(v, "ground"), out)) != ERR_OK)
        return e;
    out->user_required = json_is(json_get(v, "user"), "required");
    if (!out->user_required && !json_is(json_get(v, "user"), "optional"))
        return refuse(cx, ERR_POLICY_INVALID, RULE, "'user' is 'required' or 'optional'");
    if ((e = read_bits(cx, json_get(v, "controls"), "controls", policy__control,
                       &out->controls)) != ERR_OK ||
        (e = read_bits(cx, json_get(v, "predicates"), "predicates", policy__predicate,
                       &out->predicates)) != ERR_OK)
        return e;
    return read_rules(cx, json_get(v, "rules"), out);
}
