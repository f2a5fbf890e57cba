/* req.c - what a handler reads of a request. EUPL-1.2. */
#include "sys/http/http_int.h"

#include <string.h>

static const struct str absent;

struct str
req_path(struct req *rq, const char *name)
{
    struct exchange *ex = EXCHANGE(rq);
    int i = rq->route == NULL ? -1 : route_capture(rq->route, str_of(name));
    struct str out;

    if (i < 0 || percent_decode(&rq->cx, ex->found.capture[i], false, &out) != ERR_OK)
        return absent;
    return str_is_utf8(out) ? out : absent;
}

struct str
req_raw_target(struct req *rq)
{
    return EXCHANGE(rq)->raw_target;
}

struct str
req_raw_query(struct req *rq)
{
    return EXCHANGE(rq)->target.query;
}

struct str
req_query(struct req *rq, const char *name)
{
    struct str out;
    unsigned count;

    if (form_find(&rq->cx, EXCHANGE(rq)->target.query, str_of(name), &out, &count) !=
        ERR_OK)
        return absent;
    return out;
}

struct str
req_header(struct req *rq, const char *name)
{
    return exchange_header(EXCHANGE(rq), str_of(name));
}

struct bytes
req_body(struct req *rq)
{
    return (struct bytes){ EXCHANGE(rq)->body, EXCHANGE(rq)->body_n };
}

struct str
req_content_type(struct req *rq)
{
    struct str value = req_header(rq, "content-type"), out;

    if (value.p == NULL || media_type(&rq->cx, value, &out) != ERR_OK)
        return absent;
    return out;
}

err_t
req_malformed(struct req *rq, err_t e)
{
    EXCHANGE(rq)->binding = e != ERR_OK;
    return e;
}

err_t
req_form(struct req *rq, const char *name, struct str *out)
{
    struct bytes body = req_body(rq);
    unsigned count;
    err_t e;

    *out = absent;
    if (!str_eq(req_content_type(rq), S("application/x-www-form-urlencoded")))
        return refuse(&rq->cx, ERR_MEDIA_TYPE, "RFC 6749 B",
                      "Content-Type MUST be set to application/x-www-form-urlencoded");
    if ((e = form_find(&rq->cx, str_of_bytes(body), str_of(name), out, &count)) != ERR_OK)
        return e;
    if (count > 1) {
        *out = absent;
        return refuse(&rq->cx, ERR_BAD_REQUEST, "RFC 6749 3.2", "'%s' occurs twice", name);
    }
    return ERR_OK;
}

err_t
req_json(struct req *rq, json **out)
{
    struct exchange *ex = EXCHANGE(rq);
    struct str type = req_content_type(rq);
    err_t e;

    *out = ex->json;
    if (ex->json != NULL)
        return ERR_OK;
    if (!str_eq(type, S("application/json")) && !str_ends(type, S("+json")))
        return req_malformed(rq, refuse(&rq->cx, ERR_MEDIA_TYPE, "RFC 9110 15.5.16",
                                        "Content-Type is not application/json"));
    e = json_parse(&rq->cx, str_of_bytes(req_body(rq)), JSON_STRICT, &ex->json);
    *out = ex->json;
    return req_malformed(rq, e);
}

struct str
req_client(struct req *rq)
{
    char room[ADDR_TEXT];

    return arena_str(rq->cx.arena, addr_text(room, &EXCHANGE(rq)->client));
}

struct bytes
req_client_certificate(struct req *rq)
{
    struct exchange *ex = EXCHANGE(rq);

    if (ex->conn == NULL || ex->conn->tls == NULL)
        return (struct bytes){ NULL, 0 };
    return tls_client_certificate(ex->conn->tls);
}
