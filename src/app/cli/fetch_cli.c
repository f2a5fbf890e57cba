/*
 * fetch_cli.c - `knoop fetch`: a record of another organisation, as a system of
 * ours would fetch it.
 *
 *      node ── request-service-access-token ──► token
 *      node ── dpop ──► proof for this one request
 *      the other's gateway ◄── Authorization: DPoP token, DPoP: proof
 *
 * Rule      RFC 9449 4.2: the proof names the URL without its query. A number
 *           of a person goes in a form (--form), never in a URL.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/node_cli.h"

#include <stdio.h>

#include "codec/json/json.h"
#include "sys/http/fetch.h"

enum { ANSWER_MAX = 64 << 20 };

struct got {
    struct str token, kid;
    bool dpop;
};

static err_t
post(struct cli *c, const char *path, const char *body, struct str *reply)
{
    struct str target, text;
    err_t e;

    if ((e = door_fill(c, path, DOOR_FORM_PATH, &target)) != ERR_OK ||
        (e = door_fill(c, body, DOOR_FORM_JSON, &text)) != ERR_OK)
        return e;
    return door_get(c, "POST", target, S("application/json"), text, reply);
}

static err_t
get_token(struct cli *c, struct got *got)
{
    struct str reply;
    json *v;
    err_t e = post(c, "/internal/auth/v2/<1>/request-service-access-token",
                   "{'authorization_server':<server>,'scope':<scope>"
                   "[[,'token_type':<type>]][[,'credentials':<!credentials>]]}",
                   &reply);

    if (e != ERR_OK || (e = json_parse(&c->cx, reply, JSON_STRICT, &v)) != ERR_OK)
        return e;
    got->token = json_get_text(v, "access_token");
    got->kid = json_get_text(v, "dpop_kid");
    got->dpop = str_eq_case(json_get_text(v, "token_type"), S("DPoP"));
    if (got->token.n == 0 || (got->dpop && got->kid.n == 0))
        return refuse(&c->cx, ERR_UPSTREAM, "RFC 6749 5.1", "the node gave no token");
    return ERR_OK;
}

/* A proof for this method and URL, with this token. */
static err_t
get_proof(struct cli *c, const struct got *got, const char *method, struct str url,
          struct str *proof)
{
    struct str whole = url, path, reply;
    struct json_out js;
    struct buf b;
    json *v;
    err_t e;

    url = str_cut(&whole, '#');
    whole = url;
    url = str_cut(&whole, '?');
    buf_init(&b, c->cx.arena);
    buf_z(&b, "/internal/auth/v2/dpop/");
    buf_percent(&b, got->kid);
    json_out_init(&js, c->cx.arena);
    json_object(&js);
    json_member_z(&js, "htm", method);
    json_member(&js, "htu", url);
    json_member(&js, "token", got->token);
    json_end(&js);
    if ((e = buf_done(&c->cx, &b, &path)) != ERR_OK ||
        (e = json_out_done(&c->cx, &js, &whole)) != ERR_OK ||
        (e = door_get(c, "POST", path, S("application/json"), whole, &reply)) != ERR_OK ||
        (e = json_parse(&c->cx, reply, JSON_STRICT, &v)) != ERR_OK)
        return e;
    *proof = json_get_text(v, "dpop");
    return proof->n != 0
               ? ERR_OK
               : refuse(&c->cx, ERR_UPSTREAM, "RFC 9449 4.2", "the node gave no proof");
}

static err_t
add(struct cli *c, struct fetch_request *in, struct str *headers, const char *before,
    struct str value)
{
    struct str *h = &headers[in->header_count++];

    *h = arena_printf(c->cx.arena, "%s%.*s", before, STR(value));
    return h->p != NULL ? ERR_OK : refuse_memory(&c->cx);
}

static err_t
ask_other(struct cli *c, const struct got *got, struct fetch_reply *out)
{
    struct str headers[4], form, proof;
    struct fetch_request in = { .trust = FETCH_CONFIGURED,
                                .method = HTTP_GET,
                                .url = str_of(c->argv[1]),
                                .headers = headers,
                                .body_max = ANSWER_MAX };
    err_t e;

    if ((e = door_value(c, S("form"), &form)) != ERR_OK)
        return e;
    if (form.p != NULL) {
        in.method = HTTP_POST;
        in.body = bytes_of(form);
        if ((e = add(c, &in, headers,
                     "Content-Type: ", S("application/x-www-form-urlencoded"))) != ERR_OK)
            return e;
    }
    if ((e = add(c, &in, headers, "Accept: ", S("application/fhir+json"))) != ERR_OK ||
        (e = add(c, &in, headers,
                 got->dpop ? "Authorization: DPoP " : "Authorization: Bearer ",
                 got->token)) != ERR_OK)
        return e;
    if (got->dpop &&
        ((e = get_proof(c, got, http_method_name(in.method), in.url, &proof)) != ERR_OK ||
         (e = add(c, &in, headers, "DPoP: ", proof)) != ERR_OK))
        return e;
    return door_fetch(c, &in, out);
}

int
cli__fetch(struct cli *c)
{
    struct got got = { 0 };
    struct fetch_reply out;
    err_t e;

    if (cli_option(c, "server") == NULL || cli_option(c, "scope") == NULL) {
        fprintf(stderr, "knoop: --server and --scope are needed\n");
        return 2;
    }
    if ((e = get_token(c, &got)) != ERR_OK)
        return e == ERR_BAD_REQUEST ? door_wrong(c, e) : cli_refused(c, "fetch: token");
    if (ask_other(c, &got, &out) != ERR_OK)
        return cli_refused(c, "fetch");
    fprintf(stderr, "knoop: %d %.*s, %zu bytes\n", out.status, STR(out.type), out.body.n);
    door_print(str_of_bytes(out.body));
    return out.status >= 200 && out.status < 300 ? 0 : 1;
}
