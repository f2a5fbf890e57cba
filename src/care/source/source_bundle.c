/*
 * source_bundle.c - transaction and batch (FHIR R4 3.1.0.11).
 *
 * Rule      All entries of a transaction are one database transaction, done in
 *           the order DELETE, POST, PUT, GET; references to an entry's fullUrl
 *           become the id that it got. No resource stands in it twice. Entries
 *           of a batch stand alone.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/source/source_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/fhir/fhir.h"

#define RULE "FHIR R4 3.1.0.11"

enum verb { VERB_NONE, VERB_DELETE, VERB_POST, VERB_PUT, VERB_GET, VERB_COUNT };

struct entry {
    const json *resource;
    enum verb verb;
    struct str full_url, type, id, query, if_none_exist, if_match;
    bool exists; /* conditional create found one */
    int status;
    struct source_row row;
    struct str body; /* what a GET found */
};

struct bundle {
    struct entry *entry;
    size_t n;
    bool whole;                  /* a transaction */
    const struct entry **by_url; /* those with a fullUrl, in its order */
    size_t urls;
};

static enum verb
verb_of(struct str method)
{
    static const char *const names[VERB_COUNT] = { "", "DELETE", "POST", "PUT", "GET" };

    for (int v = VERB_DELETE; v < VERB_COUNT; v++)
        if (str_is(method, names[v]))
            return (enum verb)v;
    return VERB_NONE;
}

/* Does the URL have the form that this verb needs? What we do not offer is not passed over.
 */
static err_t
check_target(struct ctx *cx, const struct entry *en)
{
    bool one = en->id.n > 0;

    if (!fhir_type_known(en->type))
        return refuse(cx, ERR_BAD_REQUEST, RULE ".1", "entry.request.url has no type");
    if (one && !fhir_id_valid(en->id))
        return refuse(cx, ERR_BAD_REQUEST, RULE ".1", "entry.request.url has no sound id");
    if (en->verb == VERB_GET)
        return one && en->query.n > 0
                   ? refuse(cx, ERR_UNSUPPORTED, RULE, "a read takes no parameters here")
                   : ERR_OK;
    if (en->query.n > 0)
        return refuse(cx, ERR_UNSUPPORTED, "FHIR R4 3.1.0.4.3",
                      "conditional update and delete are not offered");
    if (one != (en->verb != VERB_POST))
        return refuse(cx, ERR_BAD_REQUEST, RULE ".1",
                      "entry.request.url is of another form than its method");
    return ERR_OK;
}

static err_t
check_resource(struct ctx *cx, const struct entry *en)
{
    bool wanted = en->verb == VERB_POST || en->verb == VERB_PUT;

    if (wanted && !str_eq(json_get_text(en->resource, "resourceType"), en->type))
        return refuse(cx, ERR_BAD_REQUEST, RULE ".1",
                      "entry.resource is not of the type in request.url");
    if (en->verb == VERB_PUT && !str_eq(json_get_text(en->resource, "id"), en->id))
        return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 3.1.0.4",
                      "entry.resource.id is not the one in request.url");
    return ERR_OK;
}

static err_t
read_entry(struct ctx *cx, const json *v, struct entry *en)
{
    static const char *const refused[] = { "ifNoneMatch", "ifModifiedSince" };
    const json *request = json_get(v, "request");
    struct str url = json_get_text(request, "url");
    err_t e;

    en->resource = json_get(v, "resource");
    en->full_url = json_get_text(v, "fullUrl");
    en->verb = verb_of(json_get_text(request, "method"));
    en->if_none_exist = json_get_text(request, "ifNoneExist");
    en->if_match = json_get_text(request, "ifMatch");
    en->id = str_cut(&url, '?');
    en->query = url;
    en->type = str_cut(&en->id, '/');
    if (en->verb == VERB_NONE)
        return refuse(cx, ERR_UNSUPPORTED, RULE, "an entry's method is not offered");
    for (size_t i = 0; i < COUNT(refused); i++)
        if (json_get(request, refused[i]) != NULL)
            return refuse(cx, ERR_UNSUPPORTED, RULE, "%s is not offered", refused[i]);
    if ((e = check_target(cx, en)) != ERR_OK)
        return e;
    return check_resource(cx, en);
}

/* POST gets an id here, before references are rewritten. */
static err_t
name_entry(struct ctx *cx, struct source_db *db, struct entry *en)
{
    struct str id[2];
    size_t found;
    err_t e;

    if (en->verb != VERB_POST)
        return ERR_OK;
    if (en->if_none_exist.n > 0) {
        if ((e = source__find_two(cx, db, en->type, en->if_none_exist, id, &found)) !=
            ERR_OK)
            return e;
        if (found > 1)
            return refuse(cx, ERR_PRECONDITION, "FHIR R4 3.1.0.8.1",
                          "ifNoneExist matches more than one resource");
        if (found == 1) {
            en->exists = true;
            en->id = id[0];
            return ERR_OK;
        }
    }
    return source__new_id(cx, &en->id);
}

static int
by_target(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    int type = str_cmp((*x)->type, (*y)->type);

    return type != 0 ? type : str_cmp((*x)->id, (*y)->id);
}

/* 3.1.0.11.2: a resource that is changed twice makes the transaction fail. */
static err_t
check_once(struct ctx *cx, const struct bundle *b)
{
    const struct entry **order = arena_array(cx->arena, b->n + 1, sizeof(*order));
    size_t n = 0;

    if (order == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < b->n; i++)
        if (b->entry[i].verb != VERB_GET)
            order[n++] = &b->entry[i];
    if (n > 1)
        qsort(order, n, sizeof(*order), by_target);
    for (size_t i = 1; i < n; i++)
        if (by_target(&order[i - 1], &order[i]) == 0 &&
            !(order[i - 1]->exists && order[i]->exists))
            return refuse(cx, ERR_BAD_REQUEST, RULE ".2",
                          "a %.*s stands in the transaction twice", STR(order[i]->type));
    return ERR_OK;
}

static int
by_full_url(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;

    return str_cmp((*x)->full_url, (*y)->full_url);
}

static err_t
order_urls(struct ctx *cx, struct bundle *b)
{
    b->by_url = arena_array(cx->arena, b->n + 1, sizeof(*b->by_url));
    if (b->by_url == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < b->n; i++)
        if (b->entry[i].full_url.n > 0)
            b->by_url[b->urls++] = &b->entry[i];
    if (b->urls > 1)
        qsort(b->by_url, b->urls, sizeof(*b->by_url), by_full_url);
    for (size_t i = 1; i < b->urls; i++)
        if (by_full_url(&b->by_url[i - 1], &b->by_url[i]) == 0)
            return refuse(cx, ERR_BAD_REQUEST, "FHIR R4 bdl-7",
                          "a fullUrl stands in the transaction twice");
    return ERR_OK;
}

static const struct entry *
find_url(const struct bundle *b, struct str url)
{
    const struct entry want = { .full_url = url }, *key = &want;
    const struct entry **at = NULL;

    if (b->urls > 0 && url.n > 0)
        at = bsearch(&key, b->by_url, b->urls, sizeof(key), by_full_url);
    return at != NULL ? *at : NULL;
}

/* Is there a reference in it that must become another, or one that is a search? */
struct looking {
    const struct bundle *bundle;
    bool found, conditional;
};

static void
look(struct looking *l, const json *v, bool reference)
{
    struct str text;

    switch (json_type(v)) {
    case JSON_OBJECT:
        for (json_each(it, v))
            look(l, it.value, str_is(it.name, "reference"));
        return;
    case JSON_ARRAY:
        for (json_each(it, v))
            look(l, it.value, false);
        return;
    case JSON_STRING:
        if (!reference || !json_str(v, &text))
            return;
        if (find_url(l->bundle, text) != NULL)
            l->found = true;
        else if (str_find(text, '?') < text.n &&
                 fhir_type_known(str_sub(text, 0, str_find(text, '?'))))
            l->conditional = true;
        return;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER: return;
    }
}

static void
put_reference(struct json_out *js, const struct bundle *b, struct str text)
{
    const struct entry *target = find_url(b, text);
    struct str url = text;

    if (target != NULL)
        url = arena_printf(js->buf.arena, "%.*s/%.*s", STR(target->type), STR(target->id));
    js->buf.failed |= url.p == NULL;
    json_put_str(js, url);
}

static void
put_rewritten(struct json_out *js, const struct bundle *b, const json *v, bool reference)
{
    struct str text;

    switch (json_type(v)) {
    case JSON_OBJECT:
        json_object(js);
        for (json_each(it, v)) {
            json_key_str(js, it.name);
            put_rewritten(js, b, it.value, str_is(it.name, "reference"));
        }
        json_end(js);
        return;
    case JSON_ARRAY:
        json_array(js);
        for (json_each(it, v))
            put_rewritten(js, b, it.value, false);
        json_end(js);
        return;
    case JSON_STRING:
        if (reference && json_str(v, &text))
            put_reference(js, b, text);
        else
            json_put(js, v);
        return;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER: json_put(js, v); return;
    }
}

static err_t
rewrite(struct ctx *cx, const struct bundle *b, struct entry *en)
{
    struct looking l = { .bundle = b };
    struct json_out js;
    struct str text;
    json *v;
    err_t e;

    look(&l, en->resource, false);
    if (l.conditional)
        return refuse(cx, ERR_UNSUPPORTED, RULE ".2.3",
                      "a search in place of a reference is not offered");
    if (!l.found)
        return ERR_OK;
    json_out_init(&js, cx->arena);
    put_rewritten(&js, b, en->resource, false);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_RAW_NUMBERS, &v)) != ERR_OK)
        return e;
    en->resource = v;
    return ERR_OK;
}

static err_t
check_version(struct ctx *cx, struct source_db *db, const struct entry *en)
{
    return en->if_match.n == 0
               ? ERR_OK
               : source__check_version(cx, db, en->type, en->id, en->if_match);
}

static err_t
run_write(struct ctx *cx, struct source_db *db, const struct bundle *b, struct entry *en)
{
    err_t e;

    if (en->exists) {
        en->status = 200;
        return source__get(cx, db, en->type, en->id, &en->row);
    }
    if ((e = check_version(cx, db, en)) != ERR_OK ||
        (b->whole && (e = rewrite(cx, b, en)) != ERR_OK) ||
        (e = source__put(cx, db, en->resource, en->id,
                         en->verb == VERB_POST ? "POST" : "PUT", &en->row)) != ERR_OK)
        return e;
    en->status = en->row.version == 1 ? 201 : 200;
    return ERR_OK;
}

static err_t
run_delete(struct ctx *cx, struct source_db *db, struct entry *en)
{
    err_t e = check_version(cx, db, en);

    if (e == ERR_OK)
        e = source__delete(cx, db, en->type, en->id);
    if (e == ERR_NOT_FOUND || e == ERR_GONE) { /* idempotent, 3.1.0.7 */
        refuse_clear(cx);
        e = ERR_OK;
    }
    en->status = 204;
    return e;
}

static err_t
run_get(struct ctx *cx, struct source_db *db, struct entry *en)
{
    struct json_out js;
    err_t e;

    en->status = 200;
    if (en->id.n > 0) {
        if ((e = source__get(cx, db, en->type, en->id, &en->row)) == ERR_OK)
            en->body = en->row.body;
        return e;
    }
    json_out_init(&js, cx->arena);
    if ((e = source__search(cx, db, en->type, en->query, false, &js)) != ERR_OK)
        return e;
    return json_out_done(cx, &js, &en->body);
}

static err_t
run_entry(struct ctx *cx, struct source_db *db, const struct bundle *b, struct entry *en)
{
    switch (en->verb) {
    case VERB_DELETE: return run_delete(cx, db, en);
    case VERB_POST:
    case VERB_PUT: return run_write(cx, db, b, en);
    case VERB_GET: return run_get(cx, db, en);
    case VERB_NONE:
    case VERB_COUNT: break;
    }
    return refuse(cx, ERR_INTERNAL, RULE, "an entry without a method");
}

static void
put_answer(struct json_out *js, const struct entry *en)
{
    char room[192];

    json_object(js);
    if (en->body.n > 0) {
        json_key(js, "resource");
        json_put_raw(js, en->body);
    }
    json_key(js, "response");
    json_object(js);
    snprintf(room, sizeof(room), "%d", en->status);
    json_member_z(js, "status", room);
    if (en->row.version > 0) {
        snprintf(room, sizeof(room), "%.*s/%.*s/_history/%lld", STR(en->type), STR(en->id),
                 (long long)en->row.version);
        json_member_z(js, "location", room);
        snprintf(room, sizeof(room), "W/\"%lld\"", (long long)en->row.version);
        json_member_z(js, "etag", room);
    }
    json_end(js);
    json_end(js);
}

static void
put_refusal(struct json_out *js, err_t code)
{
    char room[16];

    json_object(js);
    json_key(js, "response");
    json_object(js);
    snprintf(room, sizeof(room), "%d", err_row(code)->status);
    json_member_z(js, "status", room);
    json_key(js, "outcome");
    json_object(js);
    json_member_z(js, "resourceType", "OperationOutcome");
    json_key(js, "issue");
    json_array(js);
    json_object(js);
    json_member_z(js, "severity", "error");
    json_member_z(js, "code", "processing");
    json_member_z(js, "diagnostics", err_row(code)->text);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
    json_end(js);
}

/* 3.1.0.11.2: DELETE, POST, PUT, then GET, whatever their order. */
static err_t
run_transaction(struct ctx *cx, struct source_db *db, const json *entries, struct bundle *b,
                struct json_out *js)
{
    err_t e = source__begin(cx, db);

    for (json_each(it, entries)) {
        struct entry *en = &b->entry[b->n++];

        if (e != ERR_OK || (e = read_entry(cx, it.value, en)) != ERR_OK ||
            (e = name_entry(cx, db, en)) != ERR_OK)
            return e;
    }
    if (e != ERR_OK || (e = check_once(cx, b)) != ERR_OK ||
        (e = order_urls(cx, b)) != ERR_OK)
        return e;
    for (int verb = VERB_DELETE; verb < VERB_COUNT; verb++)
        for (size_t i = 0; i < b->n; i++)
            if (b->entry[i].verb == (enum verb)verb &&
                (e = run_entry(cx, db, b, &b->entry[i])) != ERR_OK)
                return e;
    for (size_t i = 0; i < b->n; i++)
        put_answer(js, &b->entry[i]);
    return source__commit(cx, db);
}

static err_t
run_alone(struct ctx *cx, struct source_db *db, const json *v, const struct bundle *b,
          struct entry *en)
{
    err_t e;

    if ((e = read_entry(cx, v, en)) != ERR_OK || (e = source__begin(cx, db)) != ERR_OK ||
        (e = name_entry(cx, db, en)) != ERR_OK || (e = run_entry(cx, db, b, en)) != ERR_OK)
        return e;
    return source__commit(cx, db);
}

/* Each entry stands alone: one refused leaves the others. */
static err_t
run_batch(struct ctx *cx, struct source_db *db, const json *entries, struct bundle *b,
          struct json_out *js)
{
    for (json_each(it, entries)) {
        struct entry *en = &b->entry[b->n++];
        err_t e = run_alone(cx, db, it.value, b, en);

        if (e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
            return e;
        if (e == ERR_OK) {
            put_answer(js, en);
        } else {
            source__rollback(db);
            put_refusal(js, e);
            refuse_clear(cx);
        }
    }
    return ERR_OK;
}

err_t
source__bundle(struct ctx *cx, struct source_db *db, const json *v, struct json_out *js)
{
    const json *entries = json_get(v, "entry");
    struct bundle b = { .whole = json_is(json_get(v, "type"), "transaction") };
    err_t e;

    if (!json_is(json_get(v, "resourceType"), "Bundle") ||
        (!b.whole && !json_is(json_get(v, "type"), "batch")))
        return refuse(cx, ERR_BAD_REQUEST, RULE,
                      "the body is not a Bundle of type transaction or batch");
    if (json_size(entries) > SOURCE_BUNDLE_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d entries", SOURCE_BUNDLE_MAX);
    b.entry = arena_array(cx->arena, json_size(entries) + 1, sizeof(*b.entry));
    if (b.entry == NULL)
        return refuse_memory(cx);
    json_object(js);
    json_member_z(js, "resourceType", "Bundle");
    json_member_z(js, "type", b.whole ? "transaction-response" : "batch-response");
    json_key(js, "entry");
    json_array(js);
    if ((e = (b.whole ? run_transaction : run_batch)(cx, db, entries, &b, js)) != ERR_OK)
        return e;
    json_end(js);
    json_end(js);
    return ERR_OK;
}
