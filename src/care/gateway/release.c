/*
 * release.c - the upstream's answer, looked at before it leaves.
 *
 * Rule      Least data: every match is of the judged type and patient; what
 *           came along is of a type that the rule brings, and nobody else's.
 *           One resource that is not refuses the whole answer: an upstream
 *           that mixes patients is broken, and silence would hide it.
 *           Each match is what its rule requires: not every server heeds
 *           "Prefer: handling=strict", none must for an operation, and HAPI
 *           that has no search index answers $lastn with all there is.
 *           Error answers are told in our own words: an upstream's
 *           OperationOutcome may hold anything.
 * Trust     The upstream is the operator's; its answer is checked as if not.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include "codec/fhir/fhir.h"

#define RULE "spec 2d.9"

static err_t
refuse_status(struct ctx *cx, int status)
{
    static const struct {
        int status;
        err_t code;
    } rows[] = {
        { 400, ERR_UPSTREAM_REFUSED }, { 404, ERR_NOT_FOUND },   { 410, ERR_GONE },
        { 422, ERR_UPSTREAM_REFUSED }, { 429, ERR_UNAVAILABLE }, { 501, ERR_UNSUPPORTED },
        { 503, ERR_UNAVAILABLE },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].status == status)
            return refuse(cx, rows[i].code, RULE, "the upstream answered %d", status);
    return refuse(cx, ERR_UPSTREAM, RULE, "the upstream answered %d", status);
}

/* What is asked of an entry, looked up once. */
struct entry {
    const json *value, *search;
    struct gateway_resource resource;
    struct str mode; /* .p NULL: the server marks nothing */
};

static struct entry
read_entry(const json *value)
{
    static const struct str names[] = { S_INIT("resource"), S_INIT("search") };
    struct entry e = { .value = value };
    json *found[COUNT(names)];
    const json *mode;

    json_members(value, names, COUNT(names), found);
    e.resource = gateway__resource(found[0]);
    e.search = found[1];
    mode = json_get_str(e.search, S("mode"));
    if (mode != NULL && !json_str(mode, &e.mode))
        e.mode = S(""); /* marked, as nothing that we know */
    return e;
}

/* What the rule requires, as terms. A page is of the request that it goes on with. */
static err_t
read_required(struct ctx *cx, const struct gateway_judged *j, struct fhir_query *out)
{
    const struct fhir_request *r = &j->request;
    struct fhir_term *terms;
    err_t e;

    *out = (struct fhir_query){ .type = r->type };
    if ((terms = arena_array(cx->arena, r->param_n + 1, sizeof(*terms))) == NULL)
        return refuse_memory(cx);
    out->terms = terms;
    for (size_t i = 0; i < r->param_n; i++) {
        const struct fhir_arg *p = &r->param[i];

        if (!policy_rule_requires(j->match.rule, p->name))
            continue;
        e = fhir_term_parse(cx, r->type, p->name, p->value, &terms[out->n]);
        if (e != ERR_OK)
            return e;
        out->n++;
    }
    return ERR_OK;
}

static err_t
check_required(struct ctx *cx, const struct entry *e, const struct fhir_query *required)
{
    bool met;
    err_t err = fhir_match(cx, required, e->resource.value, &met);

    if (err != ERR_OK)
        return err;
    return met ? ERR_OK
               : refuse(cx, ERR_UPSTREAM, RULE, "a match in the answer was not asked for");
}

static err_t
check_match(struct ctx *cx, const struct entry *e, const struct gateway_judged *j,
            const struct fhir_query *required)
{
    err_t err;

    if (!str_eq(e->resource.type, j->request.type))
        return refuse(cx, ERR_UPSTREAM, RULE, "a match in the answer is of another type");
    if (required->n != 0 && (err = check_required(cx, e, required)) != ERR_OK)
        return err;
    if (j->match.patient == POLICY_PATIENT_ABSENT ||
        policy_rule_releases_any(j->match.rule))
        return ERR_OK;
    if (!gateway__belongs(&e->resource, j))
        return refuse(cx, ERR_UPSTREAM, RULE,
                      "a match in the answer is not this patient's");
    return ERR_OK;
}

static err_t
check_include(struct ctx *cx, const struct entry *e, const struct gateway_judged *j)
{
    if (!policy_rule_brings(j->match.rule, e->resource.type))
        return refuse(cx, ERR_UPSTREAM, RULE, "a %.*s came along that nobody asked for",
                      STR(e->resource.type));
    /* A Patient that a rule brings (a payor) is that rule's decision. */
    if (str_is(e->resource.type, "Patient") || j->match.patient == POLICY_PATIENT_ABSENT ||
        !gateway__names_subject(&e->resource) || gateway__belongs(&e->resource, j))
        return ERR_OK;
    return refuse(cx, ERR_UPSTREAM, RULE, "a %.*s of another patient came along",
                  STR(e->resource.type));
}

/* What the server says about the search is not the patient's data: left out. */
static bool
is_outcome(const struct entry *e)
{
    return str_eq(e->mode, S("outcome")) || str_eq(e->resource.type, S("OperationOutcome"));
}

static bool
is_include(const struct entry *e)
{
    return str_eq(e->mode, S("include"));
}

static err_t
check_entry(struct ctx *cx, const struct entry *e, const struct gateway_judged *j,
            const struct fhir_query *required)
{
    if (json_type(e->resource.value) != JSON_OBJECT)
        return refuse(cx, ERR_UPSTREAM, RULE, "an entry without a resource");
    if (e->search != NULL && json_type(e->search) != JSON_OBJECT)
        return refuse(cx, ERR_UPSTREAM, RULE, "an entry's 'search' is none");
    if (!fhir_id_valid(e->resource.id))
        return refuse(cx, ERR_UPSTREAM, RULE, "a resource without an id");
    if (is_include(e))
        return check_include(cx, e, j);
    /* A server that marks nothing: what the rule does not ask must be brought. */
    if (e->mode.p == NULL && !str_eq(e->resource.type, j->request.type))
        return check_include(cx, e, j);
    return check_match(cx, e, j, required);
}

/* Text of ours around theirs. Type and id were checked: nothing in them needs an escape. */
static err_t
put_entry(struct ctx *cx, struct buf *b, struct gateway_text *t, const struct entry *e)
{
    struct gateway_part part;

    if (!gateway__place(t, e->value, e->resource.value, &part))
        return refuse(cx, ERR_UPSTREAM, RULE, "it cannot be told where a resource stands");
    buf_str(b, S("{\"fullUrl\":\""));
    buf_str(b, t->ours);
    buf_c(b, '/');
    buf_str(b, e->resource.type);
    buf_c(b, '/');
    buf_str(b, e->resource.id);
    buf_str(b, S("\",\"resource\":"));
    gateway__put_part(b, t, &part);
    if (e->mode.p != NULL)
        buf_str(b, is_include(e) ? S(",\"search\":{\"mode\":\"include\"}")
                                 : S(",\"search\":{\"mode\":\"match\"}"));
    buf_c(b, '}');
    return ERR_OK;
}

/* What json_behind finds next must have a name: see gateway__place. */
static err_t
check_entries(struct ctx *cx, const json *bundle)
{
    const json *entries = json_get(bundle, "entry");

    if (entries != NULL && json_type(entries) != JSON_ARRAY)
        return refuse(cx, ERR_UPSTREAM, RULE, "the answer's entries are no array");
    for (json_each(it, entries))
        if (json_type(it.value) != JSON_OBJECT || json_size(it.value) == 0)
            return refuse(cx, ERR_UPSTREAM, RULE, "an entry without a resource");
    return ERR_OK;
}

/* Ours: the request as it was judged, without what names a person. */
static void
put_self(struct json_out *js, const struct gateway_judged *j)
{
    const struct fhir_request *r = &j->request;
    struct buf b;

    buf_init(&b, js->buf.arena);
    buf_str(&b, j->public_url);
    buf_c(&b, '/');
    buf_str(&b, r->type);
    if (r->operation.n != 0) {
        buf_c(&b, '/');
        buf_str(&b, r->operation);
    }
    if (!r->names_person && r->param_n > 0) {
        struct str params = r->wire_query.n ? r->wire_query : str_of_bytes(r->wire_body);

        buf_c(&b, '?');
        buf_str(&b, params);
    }
    js->buf.failed |= b.failed;
    json_object(js);
    json_member_z(js, "relation", "self");
    json_member(js, "url", (struct str){ b.p, b.n });
    json_end(js);
}

static err_t
put_links(struct ctx *cx, struct gateway *gw, struct json_out *js, const json *bundle,
          const struct gateway_judged *j)
{
    struct str url;
    err_t e;

    json_key(js, "link");
    json_array(js);
    put_self(js, j);
    for (json_each(it, json_get(bundle, "link"))) {
        if (!json_is(json_get(it.value, "relation"), "next"))
            continue;
        e = gateway__page_seal(cx, gw, j, json_get_text(it.value, "url"), &url);
        if (e != ERR_OK)
            return e;
        json_object(js);
        json_member_z(js, "relation", "next");
        json_member(js, "url", url);
        json_end(js);
        break;
    }
    json_end(js);
    return ERR_OK;
}

/* FHIR R4 2.6.2.1: a list that would be empty is left out. */
static err_t
put_entries(struct ctx *cx, struct json_out *js, struct gateway_text *t,
            const struct gateway_judged *j)
{
    struct fhir_query required;
    bool any = false;
    err_t e;

    if ((e = read_required(cx, j, &required)) != ERR_OK)
        return e;
    for (json_each(it, json_get(t->json.root, "entry"))) {
        struct entry entry = read_entry(it.value);

        if (is_outcome(&entry))
            continue;
        if ((e = check_entry(cx, &entry, j, &required)) != ERR_OK)
            return e;
        if (!any) {
            json_key(js, "entry");
            json_array(js);
        }
        any = true;
        json_put_raw(js, S(""));
        if ((e = put_entry(cx, &js->buf, t, &entry)) != ERR_OK)
            return e;
    }
    if (any)
        json_end(js);
    return ERR_OK;
}

static err_t
release_bundle(struct ctx *cx, struct gateway *gw, struct gateway_text *t,
               const struct gateway_judged *j, struct str *out)
{
    const json *bundle = t->json.root;
    struct json_out js;
    int64_t total;
    err_t e;

    if ((e = check_entries(cx, bundle)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    buf_room(&js.buf, t->text.n + t->text.n / 8 + 1024);
    json_object(&js);
    json_member_z(&js, "resourceType", "Bundle");
    json_member_z(&js, "type",
                  json_is(json_get(bundle, "type"), "history") ? "history" : "searchset");
    if (json_get(bundle, "total") != NULL) {
        struct str text;

        if (!json_number_text(json_get(bundle, "total"), cx, &text) ||
            !str_to_i64(text, &total))
            return refuse(cx, ERR_UPSTREAM, RULE, "a total that is no number");
        json_member_i64(&js, "total", total);
    }
    if ((e = put_links(cx, gw, &js, bundle, j)) != ERR_OK)
        return e;
    if ((e = put_entries(cx, &js, t, j)) != ERR_OK)
        return e;
    json_end(&js);
    return json_out_done(cx, &js, out);
}

static err_t
release_resource(struct ctx *cx, struct gateway_text *t, const struct gateway_judged *j,
                 struct str *out)
{
    const json *resource = t->json.root;
    struct gateway_part whole = { resource, 0, t->text.n };
    struct json_out js;

    if (!str_eq(json_get_text(resource, "resourceType"), j->request.type) ||
        !str_eq(json_get_text(resource, "id"), j->request.id))
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream gave another resource");
    json_out_init(&js, cx->arena);
    json_put_raw(&js, S(""));
    gateway__put_part(&js.buf, t, &whole);
    return json_out_done(cx, &js, out);
}

err_t
gateway__accept(struct ctx *cx, int status, struct str type)
{
    if (status != 200)
        return refuse_status(cx, status);
    if (!str_is(type, "application/fhir+json") && !str_is(type, "application/json"))
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream's answer is no JSON");
    return ERR_OK;
}

err_t
gateway__release(struct ctx *cx, struct gateway *gw, const struct gateway_judged *j,
                 struct bytes body, struct str *out)
{
    struct gateway_text t;

    *out = (struct str){ NULL, 0 };
    if (gateway__read_text(cx, str_of_bytes(body), j, &t) != ERR_OK)
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream's answer is no sound JSON");
    if (j->request.interaction == FHIR_READ || j->request.interaction == FHIR_VREAD)
        return release_resource(cx, &t, j, out);
    if (!json_is(json_get(t.json.root, "resourceType"), "Bundle"))
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream's answer is no Bundle");
    return release_bundle(cx, gw, &t, j, out);
}
