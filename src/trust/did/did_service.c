/*
 * did_service.c - the services in an organisation's DID document.
 *
 * Rule      nuts-node.md 2.1; DID Core 5.4. A service's id is the hash of what it
 *           says, so that the same one is there once.
 * Trust     The operator's door.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "crypto/canon/canon.h"
#include "crypto/prim/prim.h"
#include "sys/store/store.h"

enum { SERVICE_MAX = 16 * 1024, SERVICES_MAX = 128 };

static err_t
check_service(struct ctx *cx, const json *body, struct str *type)
{
    const json *endpoint = json_get(body, "serviceEndpoint");
    enum json_type kind = json_type(endpoint);

    if (!json_str(json_get(body, "type"), type) || type->n == 0)
        return refuse(cx, ERR_SERVICE_INVALID, "DID Core 5.4", "a service needs a type");
    if (kind != JSON_STRING && kind != JSON_OBJECT && kind != JSON_ARRAY)
        return refuse(cx, ERR_SERVICE_INVALID, "DID Core 5.4",
                      "serviceEndpoint must be a string, an object or an array");
    return ERR_OK;
}

/*
 * id = <did>#base58(SHA-256(canonical JSON of the service, its id empty)): the same
 * service has the same id, the one that nuts-node gives it too.
 */
static err_t
service_text(struct ctx *cx, struct str did, struct str type, const json *endpoint,
             struct str *id, struct str *text)
{
    uint8_t hash[HASH_MAX];
    struct json_out js;
    struct str bare, print;
    json *v;
    err_t e;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "id", "");
    json_member_json(&js, "serviceEndpoint", endpoint);
    json_member(&js, "type", type);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &bare)) != ERR_OK ||
        (e = json_parse(cx, bare, JSON_STRICT, &v)) != ERR_OK ||
        (e = canon_jcs(cx, v, &bare)) != ERR_OK ||
        (e = hash_bytes(cx, HASH_SHA256, bytes_of(bare), hash)) != ERR_OK ||
        (e = base58(cx, (struct bytes){ hash, 32 }, &print)) != ERR_OK)
        return e;
    if (bare.n > SERVICE_MAX)
        return refuse(cx, ERR_SERVICE_INVALID, "", "more than %d bytes in a service",
                      SERVICE_MAX);
    *id = arena_printf(cx->arena, "%.*s#%.*s", STR(did), STR(print));
    if (id->p == NULL)
        return refuse_memory(cx);
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "id", *id);
    json_member(&js, "type", type);
    json_member_json(&js, "serviceEndpoint", endpoint);
    json_end(&js);
    return json_out_done(cx, &js, text);
}

/* "x", "#x" and "<did>#x" name the same service. */
static err_t
service_id(struct ctx *cx, struct str did, struct str given, struct str *id)
{
    size_t cut = str_find(given, '#');

    if (cut < given.n && cut != 0 && !str_eq(str_sub(given, 0, cut), did)) {
        *id = given; /* of another DID: names nothing here */
        return ERR_OK;
    }
    if (cut < given.n)
        given = str_sub(given, cut + 1, given.n);
    *id = arena_printf(cx->arena, "%.*s#%.*s", STR(did), STR(given));
    return id->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
next_place(struct ctx *cx, struct str did, int64_t *place)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    size_t n = 0;
    err_t e;

    *place = 1;
    if ((e = store_query(cx, SQL_did_services, &rows, SQL_ARGS(sql_text(did)))) != ERR_OK)
        return e;
    while (store_next(&rows)) {
        *place = store_int(&rows, 3) + 1;
        n++;
    }
    if (n >= SERVICES_MAX)
        return refuse(cx, ERR_LIMIT, "", "a subject has at most %d services", SERVICES_MAX);
    return store_done(&rows);
}

static err_t
drop_service(struct ctx *cx, struct str did, struct str given, int64_t *changed)
{
    struct str id;
    err_t e = service_id(cx, did, given, &id);

    if (e != ERR_OK)
        return e;
    return store_exec(cx, SQL_did_service_drop, changed,
                      SQL_ARGS(sql_text(id), sql_text(did)));
}

err_t
did__service_put(struct ctx *cx, struct str subject, const json *body, struct str replaces,
                 struct str *service)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct did__row row;
    struct str type, id;
    int64_t place, changed;
    err_t e;

    *service = (struct str){ NULL, 0 };
    if ((e = check_service(cx, body, &type)) != ERR_OK ||
        (e = store_begin(cx, &tx)) != ERR_OK ||
        (e = did__active_row(cx, subject, &row)) != ERR_OK)
        return e;
    if (replaces.n != 0) {
        if ((e = drop_service(cx, row.of.did, replaces, &changed)) != ERR_OK)
            return e;
        if (changed == 0)
            return refuse(cx, ERR_NOT_FOUND, "Nuts VDR v2", "no service of that id");
    }
    e = service_text(cx, row.of.did, type, json_get(body, "serviceEndpoint"), &id, service);
    if (e != ERR_OK || (e = next_place(cx, row.of.did, &place)) != ERR_OK)
        return e;
    e = store_exec(cx, SQL_did_service_add, NULL,
                   SQL_ARGS(sql_text(id), sql_text(row.of.did), sql_int(place),
                            sql_text(type), sql_text(*service)));
    if (e == ERR_CONFLICT)
        return refuse(cx, ERR_CONFLICT, "Nuts VDR v2", "this service is already there");
    if (e != ERR_OK || (e = did__rewrite(cx, &row)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

err_t
did__service_drop(struct ctx *cx, struct str subject, struct str id)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct did__row row;
    int64_t changed;
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK ||
        (e = did__active_row(cx, subject, &row)) != ERR_OK ||
        (e = drop_service(cx, row.of.did, id, &changed)) != ERR_OK)
        return e;
    if (changed != 0 && (e = did__rewrite(cx, &row)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

/* endpointType: string, object or array. */
static bool
is_kind(const json *service, struct str kind)
{
    static const struct {
        const char *name;
        enum json_type type;
    } kinds[] = { { "string", JSON_STRING },
                  { "object", JSON_OBJECT },
                  { "array", JSON_ARRAY } };
    size_t i;

    for (i = 0; i < COUNT(kinds); i++)
        if (str_is(kind, kinds[i].name))
            return json_type(json_get(service, "serviceEndpoint")) == kinds[i].type;
    return false;
}

err_t
did__services_put(struct ctx *cx, struct str subject, struct str type, struct str kind,
                  struct json_out *js)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct did__row row;
    json *service;
    err_t e;

    if ((e = did__row_by_subject(cx, subject, &row)) != ERR_OK)
        return e;
    e = store_query(cx, SQL_did_services, &rows, SQL_ARGS(sql_text(row.of.did)));
    if (e != ERR_OK)
        return e;
    json_array(js);
    while (store_next(&rows)) {
        if (type.n != 0 && !str_eq(type, store_text(&rows, 1)))
            continue;
        if ((e = json_parse(cx, store_text(&rows, 2), JSON_STRICT, &service)) != ERR_OK)
            return e;
        if (kind.n == 0 || is_kind(service, kind))
            json_put(js, service);
    }
    json_end(js);
    return store_done(&rows);
}
