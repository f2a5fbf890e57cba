/*
 * request.c - one request, one meaning: path, method and body.
 *
 *   raw path, query, form --parse--> meaning --judge--> meaning --write--> wire
 *
 * Rule      FHIR R4 3.1.0. Of what servers read in different ways (dot
 *           segments, encoded slashes, empty segments, a parameter in URL and
 *           form) nothing passes. What goes out is written from the meaning.
 * Trust     All input is a stranger's.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include <string.h>

#define HTTP_RULE "FHIR R4 3.1.0"

enum { SEGMENTS_MAX = 4 };

struct path {
    struct str segment[SEGMENTS_MAX];
    size_t n;
    char shape[SEGMENTS_MAX + 1]; /* a letter for each segment, see `shapes` */
};

static bool
segment_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '$';
}

/* Decoded once; what is left must be plain. */
static err_t
read_segment(struct ctx *cx, struct str raw, struct str *out)
{
    err_t e = percent_decode(cx, raw, false, out);

    if (e != ERR_OK)
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3986 2.1",
                      "a broken percent-encoding in the path");
    if (out->n == 0)
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3986 3.3", "an empty segment in the path");
    if (str_is(*out, ".") || str_is(*out, ".."))
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3986 5.2.4", "a dot segment in the path");
    for (size_t i = 0; i < out->n; i++)
        if (!segment_char(out->p[i]))
            return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE,
                          "byte 0x%02x in a segment of the path", (unsigned char)out->p[i]);
    return ERR_OK;
}

static bool
operation_valid(struct str s)
{
    if (s.n < 2 || s.n > 64 || s.p[0] != '$')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '-' || s.p[i] == '.'))
            return false;
    return true;
}

/* What a segment is, by its form and its place; '?' when nothing. */
static char
classify(const struct path *p, size_t i, struct str s)
{
    char before = i ? p->shape[i - 1] : 0;

    if (s.p[0] == '$')
        return operation_valid(s) ? 'O' : '?';
    if (str_is(s, "_history"))
        return 'H';
    if (str_is(s, "_search"))
        return 'S';
    if (i == 0 && str_is(s, "metadata"))
        return 'M';
    if (i == 0)
        return fhir_type_known(s) ? 'T' : '?';
    if (before == 'T')
        return fhir_id_valid(s) ? 'I' : '?';
    if (before == 'H')
        return fhir_id_valid(s) ? 'V' : '?';
    return before == 'I' ? 'C' : '?';
}

static err_t
read_path(struct ctx *cx, struct str raw, struct path *p)
{
    *p = (struct path){ 0 };
    if (raw.n > FHIR_PATH_MAX)
        return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE, "a path of %zu bytes", raw.n);
    if (raw.n > 0 && raw.p[0] == '/')
        raw = str_sub(raw, 1, raw.n);
    for (bool more = raw.n > 0; more;) {
        size_t slash = str_find(raw, '/');
        err_t e;

        if (p->n == SEGMENTS_MAX)
            return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE,
                          "a path of more than %d segments", SEGMENTS_MAX);
        e = read_segment(cx, str_sub(raw, 0, slash), &p->segment[p->n]);
        if (e != ERR_OK)
            return e;
        p->shape[p->n] = classify(p, p->n, p->segment[p->n]);
        if (p->shape[p->n] == '?')
            return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE,
                          "segment %zu of the path is no type, id or operation of R4",
                          p->n + 1);
        p->n++;
        more = slash < raw.n;
        raw = str_sub(raw, slash + 1, raw.n);
    }
    return ERR_OK;
}

/* T type, I id, H _history, V version id, S _search, M metadata, O operation. */
static const struct {
    enum http_method method;
    const char *shape;
    enum fhir_interaction interaction;
} shapes[] = {
    { HTTP_GET, "TI", FHIR_READ },
    { HTTP_GET, "TIHV", FHIR_VREAD },
    { HTTP_GET, "T", FHIR_SEARCH_TYPE },
    { HTTP_POST, "TS", FHIR_SEARCH_TYPE },
    { HTTP_GET, "", FHIR_SEARCH_SYSTEM },
    { HTTP_POST, "S", FHIR_SEARCH_SYSTEM },
    { HTTP_GET, "TIH", FHIR_HISTORY_INSTANCE },
    { HTTP_GET, "TH", FHIR_HISTORY_TYPE },
    { HTTP_GET, "H", FHIR_HISTORY_SYSTEM },
    { HTTP_GET, "M", FHIR_CAPABILITIES },
    { HTTP_GET, "O", FHIR_OPERATION },
    { HTTP_GET, "TO", FHIR_OPERATION },
    { HTTP_GET, "TIO", FHIR_OPERATION },
    { HTTP_POST, "O", FHIR_OPERATION },
    { HTTP_POST, "TO", FHIR_OPERATION },
    { HTTP_POST, "TIO", FHIR_OPERATION },
    { HTTP_POST, "T", FHIR_CREATE },
    { HTTP_POST, "", FHIR_TRANSACTION },
    { HTTP_PUT, "TI", FHIR_UPDATE },
    { HTTP_PUT, "T", FHIR_UPDATE_CONDITIONAL },
    { HTTP_PATCH, "TI", FHIR_PATCH },
    { HTTP_PATCH, "T", FHIR_PATCH_CONDITIONAL },
    { HTTP_DELETE, "TI", FHIR_DELETE },
    { HTTP_DELETE, "T", FHIR_DELETE_CONDITIONAL },
};

static err_t
find_interaction(struct ctx *cx, enum http_method method, const struct path *p,
                 struct fhir_request *r)
{
    bool shape_known = false;

    for (size_t i = 0; i < COUNT(shapes); i++) {
        if (strcmp(shapes[i].shape, p->shape) != 0)
            continue;
        shape_known = true;
        if (shapes[i].method == method) {
            r->interaction = shapes[i].interaction;
            return ERR_OK;
        }
    }
    if (shape_known)
        return refuse(cx, ERR_METHOD, HTTP_RULE,
                      "no interaction of shape '%s' by this method", p->shape);
    if (strncmp(p->shape, "TIC", 3) == 0 || strncmp(p->shape, "TIS", 3) == 0)
        return refuse(cx, ERR_FHIR_REQUEST, "FHIR R4 3.1.0.11",
                      "searches within a compartment are not offered; use patient=");
    return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE, "no interaction of shape '%s'",
                  p->shape);
}

static void
take_segments(const struct path *p, struct fhir_request *r)
{
    for (size_t i = 0; i < p->n; i++) {
        switch (p->shape[i]) {
        case 'T': r->type = p->segment[i]; break;
        case 'I': r->id = p->segment[i]; break;
        case 'V': r->version = p->segment[i]; break;
        case 'O': r->operation = p->segment[i]; break;
        default: break; /* the words; the interaction holds them */
        }
    }
}

enum body_kind { BODY_NONE, BODY_FORM, BODY_RESOURCE, BODY_PATCH };

static enum body_kind
body_kind(const struct fhir_request *r, enum http_method method)
{
    switch (r->interaction) {
    case FHIR_SEARCH_TYPE:
    case FHIR_SEARCH_SYSTEM:
    case FHIR_OPERATION: return method == HTTP_POST ? BODY_FORM : BODY_NONE;
    case FHIR_CREATE:
    case FHIR_UPDATE:
    case FHIR_UPDATE_CONDITIONAL:
    case FHIR_TRANSACTION: return BODY_RESOURCE;
    case FHIR_PATCH:
    case FHIR_PATCH_CONDITIONAL: return BODY_PATCH;
    case FHIR_INTERACTION_NONE:
    case FHIR_READ:
    case FHIR_VREAD:
    case FHIR_HISTORY_INSTANCE:
    case FHIR_HISTORY_TYPE:
    case FHIR_HISTORY_SYSTEM:
    case FHIR_CAPABILITIES:
    case FHIR_DELETE:
    case FHIR_DELETE_CONDITIONAL:
    case FHIR_INTERACTION_COUNT: break;
    }
    return BODY_NONE;
}

/* The resource in the body is what the path says that it is. */
static err_t
read_resource(struct ctx *cx, struct str type, struct bytes body, struct fhir_request *r)
{
    struct str want = r->interaction == FHIR_TRANSACTION ? S("Bundle") : r->type;
    err_t e;

    if (!str_is(type, "application/fhir+json") && !str_is(type, "application/json"))
        return refuse(cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.0.1.7",
                      "a resource must come as JSON");
    if ((e = json_parse(cx, str_of_bytes(body), JSON_RAW_NUMBERS, &r->resource)) != ERR_OK)
        return e;
    if (!str_eq(json_get_text(r->resource, "resourceType"), want))
        return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE,
                      "the body is another type than the path");
    if (r->interaction == FHIR_UPDATE && !str_eq(json_get_text(r->resource, "id"), r->id))
        return refuse(cx, ERR_FHIR_REQUEST, "FHIR R4 3.1.0.4",
                      "the body's id is not the path's");
    r->wire_type = S("application/fhir+json");
    r->wire_body = body;
    return ERR_OK;
}

static err_t
read_patch(struct ctx *cx, struct str type, struct bytes body, struct fhir_request *r)
{
    err_t e;

    if (!str_is(type, "application/json-patch+json"))
        return refuse(cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.0.6",
                      "a patch must be a JSON patch");
    if ((e = json_parse(cx, str_of_bytes(body), JSON_RAW_NUMBERS, &r->resource)) != ERR_OK)
        return e;
    if (json_type(r->resource) != JSON_ARRAY)
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 6902 3", "a JSON patch is an array");
    r->wire_type = S("application/json-patch+json");
    r->wire_body = body;
    return ERR_OK;
}

static err_t
read_body(struct ctx *cx, enum http_method method, struct str type, struct bytes body,
          struct fhir_request *r, struct str *form)
{
    *form = (struct str){ NULL, 0 };
    switch (body_kind(r, method)) {
    case BODY_RESOURCE: return read_resource(cx, type, body, r);
    case BODY_PATCH: return read_patch(cx, type, body, r);
    case BODY_FORM:
        if (body.n == 0)
            return ERR_OK;
        if (!str_is(type, "application/x-www-form-urlencoded"))
            return refuse(cx, ERR_MEDIA_TYPE, "FHIR R4 3.1.0.9",
                          "parameters come in the URL or as a form");
        *form = str_of_bytes(body);
        return ERR_OK;
    case BODY_NONE: break;
    }
    if (body.n != 0)
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 9110 9.3.1",
                      "a body where none has a meaning");
    return ERR_OK;
}

/*
 * A search that names a person goes out as a POST, so that the number stands
 * in no server's log; anything else goes out by the method that it came by.
 */
static err_t
write_wire(struct ctx *cx, enum http_method method, const struct path *p,
           struct fhir_request *r)
{
    bool search =
        r->interaction == FHIR_SEARCH_TYPE || r->interaction == FHIR_SEARCH_SYSTEM;
    bool post = method == HTTP_POST || (search && r->names_person);
    struct buf path, params;
    struct str text;
    err_t e;

    if (r->names_person && !search)
        return refuse(cx, ERR_FHIR_REQUEST, HTTP_RULE,
                      "an identifier is taken in searches alone");
    buf_init(&path, cx->arena);
    for (size_t i = 0; i < p->n; i++) {
        if (p->shape[i] == 'S')
            continue; /* written below, from the meaning */
        if (path.n > 0)
            buf_c(&path, '/');
        buf_str(&path, p->segment[i]);
    }
    if (search && post)
        buf_z(&path, path.n ? "/_search" : "_search");
    buf_init(&params, cx->arena);
    policy__write_params(&params, r);
    if ((e = buf_done(cx, &path, &r->wire_path)) != ERR_OK ||
        (e = buf_done(cx, &params, &text)) != ERR_OK)
        return e;
    r->wire_method = method == HTTP_GET && post ? HTTP_POST : method;
    if (post && (search || r->interaction == FHIR_OPERATION)) {
        r->wire_type = S("application/x-www-form-urlencoded");
        r->wire_body = bytes_of(text);
    } else {
        r->wire_query = text;
    }
    return ERR_OK;
}

static bool
conditional(enum fhir_interaction i)
{
    return i == FHIR_UPDATE_CONDITIONAL || i == FHIR_PATCH_CONDITIONAL ||
           i == FHIR_DELETE_CONDITIONAL;
}

err_t
fhir_request_parse(struct ctx *cx, enum http_method method, struct str path,
                   struct str query, struct str type, struct bytes body,
                   struct fhir_request *out)
{
    bool head = method == HTTP_HEAD;
    struct path p;
    struct str form;
    err_t e;

    *out = (struct fhir_request){ .head = head };
    if (head)
        method = HTTP_GET;
    if ((e = read_path(cx, path, &p)) != ERR_OK)
        return e;
    if ((e = find_interaction(cx, method, &p, out)) != ERR_OK)
        return e;
    take_segments(&p, out);
    if ((e = read_body(cx, method, type, body, out, &form)) != ERR_OK)
        return e;
    if ((e = policy__read_params(cx, query, form, out)) != ERR_OK)
        return e;
    if (out->param_n == 0 && conditional(out->interaction))
        return refuse(cx, ERR_FHIR_REQUEST, "FHIR R4 3.1.0.4.3",
                      "a condition without parameters");
    return write_wire(cx, method, &p, out);
}
