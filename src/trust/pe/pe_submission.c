/*
 * pe_submission.c - telling which credential answers which descriptor.
 *
 * Rule    Presentation Exchange 2.0 section 6; nuts-node.md 0.5, 0.7, 3.5.
 *         One credential stands in a presentation as itself, path
 *         $.verifiableCredential; more stand in an array, $.verifiableCredential[i].
 *         A received submission is worth what we find ourselves: it must say
 *         what we would choose from the same presentation.
 * Trust   A received submission is a stranger's. Its paths are of those two
 *         forms; nothing else is evaluated.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/pe/pe.h"
#include "trust/pe/pe_int.h"

#include <string.h>

void
pe_value_put(struct json_out *js, const struct pe_value *v)
{
    json_key_str(js, v->id);
    if (v->text.p != NULL)
        json_put_str(js, v->text);
    else if (v->value != NULL)
        json_put(js, v->value);
    else
        json_put_null(js);
}

static size_t
position(const struct pe_match *m, size_t credential)
{
    size_t i;

    for (i = 0; i < m->selected_count && m->selected[i] != credential; i++)
        ;
    return i;
}

err_t
pe_submission(struct ctx *cx, const struct pe_definition *d, const struct pe_match *m,
              const struct pe_credential *credentials, struct str id, struct str *out)
{
    struct json_out js;
    size_t i, n;
    struct buf b;
    struct str text;
    err_t e;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "id", id);
    json_member(&js, "definition_id", d->id);
    json_key(&js, "descriptor_map");
    json_array(&js);
    for (i = 0; i < m->map_count; i++) {
        n = position(m, m->map[i].credential);
        buf_init(&b, cx->arena);
        buf_z(&b, "$.verifiableCredential");
        if (m->selected_count != 1)
            buf_printf(&b, "[%zu]", n);
        if ((e = buf_done(cx, &b, &text)) != ERR_OK)
            return e;
        json_object(&js);
        json_member(&js, "id", m->map[i].descriptor);
        json_member_z(&js, "format",
                      pe__format_name(credentials[m->map[i].credential].format));
        json_member(&js, "path", text);
        json_end(&js);
    }
    json_end(&js);
    json_end(&js);
    return json_out_done(cx, &js, out);
}

/* --- received ----------------------------------------------------------------------- */

static err_t
bad(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_PE_SUBMISSION, "PE 2.0 6", "%s", what);
}

static err_t
check_entry(struct ctx *cx, const json *entry)
{
    struct str s;

    if (!json_str(json_get(entry, "id"), &s) || !json_str(json_get(entry, "format"), &s) ||
        !json_str(json_get(entry, "path"), &s))
        return bad(cx, "an entry of descriptor_map is none, or lacks id, format or path");
    return ERR_OK;
}

err_t
pe_submission_parse(struct ctx *cx, struct str text, struct pe_submission_in *out)
{
    struct pe_submission_in in = { 0 };
    json *v;
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e == ERR_BAD_REQUEST ? bad(cx, "it is no JSON") : e;
    if (!json_str(json_get(v, "id"), &in.id) || in.id.n == 0)
        return bad(cx, "it is no object, or has no id");
    if (!json_str(json_get(v, "definition_id"), &in.definition_id))
        return bad(cx, "it has no definition_id");
    in.map = json_get(v, "descriptor_map");
    if (json_type(in.map) != JSON_ARRAY || json_size(in.map) > PE_DESCRIPTORS_MAX)
        return bad(cx, "it has no descriptor_map, or one too long");
    for (json_each(it, in.map))
        if ((e = check_entry(cx, it.value)) != ERR_OK)
            return e;
    *out = in;
    return ERR_OK;
}

static err_t
differs(struct ctx *cx, const struct pe_definition *d, const char *what)
{
    return refuse(cx, ERR_PE_CONFORM, "nuts-node 3.5 step 10", "definition '%.*s': %s",
                  (int)(d->id.n < 64 ? d->id.n : 64), d->id.p, what);
}

/* What "$.verifiableCredential" or "$.verifiableCredential[i]" names in the presentation.
 */
static const json *
at_path(const json *vp, struct str path)
{
    static const char head[] = "$.verifiableCredential";
    const json *all = json_get(vp, "verifiableCredential");
    struct str rest;
    uint64_t i;

    if (!str_starts(path, str_of(head)))
        return NULL;
    rest = str_sub(path, sizeof(head) - 1, path.n);
    if (rest.n == 0)
        return json_type(all) == JSON_ARRAY ? NULL : all;
    if (rest.n < 3 || rest.p[0] != '[' || rest.p[rest.n - 1] != ']' ||
        !str_to_u64(str_sub(rest, 1, rest.n - 1), &i) || json_type(all) != JSON_ARRAY ||
        i >= json_size(all))
        return NULL;
    return json_at(all, (size_t)i);
}

static err_t
raw_of(struct ctx *cx, const json *v, struct str *out)
{
    if (json_str(v, out))
        return ERR_OK;
    return json_text(cx, v, out);
}

static const json *
entry_of(const struct pe_submission_in *in, struct str descriptor, size_t *count)
{
    const json *found = NULL;

    *count = 0;
    for (json_each(it, in->map))
        if (str_eq(json_get_text(it.value, "id"), descriptor)) {
            found = it.value;
            ++*count;
        }
    return found;
}

static err_t
check_mapping(struct ctx *cx, const struct pe_submission_in *in,
              const struct pe_definition *d, const struct pe_mapping *m,
              const struct pe_credential *credentials, const json *vp, size_t *seen)
{
    const struct pe_credential *c = &credentials[m->credential];
    const json *entry, *there;
    struct str raw, format;
    size_t count;
    err_t e;

    entry = entry_of(in, m->descriptor, &count);
    /* nuts-node maps a credential once when there are requirements. */
    if (entry == NULL && d->requirement_count != 0)
        return ERR_OK;
    if (entry == NULL || count != 1)
        return differs(cx, d, "a descriptor is not in the submission, or twice");
    ++*seen;
    format = json_get_text(entry, "format");
    if (!str_is(format, pe__format_name(c->format)) &&
        !(c->format == PE_JWT_VC && str_is(format, "jwt_vc_json")))
        return differs(cx, d, "an entry names another format than its credential has");
    if (json_get(entry, "path_nested") != NULL)
        return differs(cx, d, "an entry has a nested path");
    if ((there = at_path(vp, json_get_text(entry, "path"))) == NULL)
        return differs(cx, d, "an entry's path names no credential of the presentation");
    if ((e = raw_of(cx, there, &raw)) != ERR_OK)
        return e;
    if (!str_eq(raw, c->raw))
        return differs(cx, d,
                       "an entry names another credential than the definition takes");
    return ERR_OK;
}

/* With requirements: each credential that was chosen must be named by some entry. */
static bool
is_named(const struct pe_submission_in *in, const struct pe_match *m, size_t credential)
{
    size_t i, count;

    for (i = 0; i < m->map_count; i++)
        if (m->map[i].credential == credential &&
            entry_of(in, m->map[i].descriptor, &count) != NULL)
            return true;
    return false;
}

err_t
pe_submission_check(struct ctx *cx, const struct pe_submission_in *in,
                    const struct pe_definition *d, const struct pe_match *m,
                    const struct pe_credential *credentials, const json *vp)
{
    size_t i, seen = 0;
    err_t e;

    if (!str_eq(in->definition_id, d->id))
        return differs(cx, d, "the submission is for another definition");
    for (i = 0; i < m->map_count; i++)
        if ((e = check_mapping(cx, in, d, &m->map[i], credentials, vp, &seen)) != ERR_OK)
            return e;
    if (seen != json_size(in->map))
        return differs(cx, d, "the submission has entries beyond the definition");
    for (i = 0; i < m->selected_count; i++)
        if (!is_named(in, m, m->selected[i]))
            return differs(cx, d, "a credential is not in the submission");
    return ERR_OK;
}
