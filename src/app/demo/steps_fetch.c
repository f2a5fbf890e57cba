/* steps_fetch.c - a ground, a token, a record. EUPL-1.2. */
#include "app/demo/steps.h"

#include <string.h>

#include "app/demo/bgz.h"
#include "base/time.h"

#define DAY INT64_C(86400000)

/* --- the ground ------------------------------------------------------------------ */

err_t
play_ground(struct play *p)
{
    struct world_reply reply;
    char until[TIME_TEXT];
    err_t e = post(
        p, p->hospital, S("/internal/knoop/v1/grounds"), 201, &reply,
        "{\"tenant\":\"hospital\",\"patient\":\"%s\",\"organisation\":\"ura:%s\","
        "\"scope\":\"bgz\",\"kind\":\"treatment\",\"until\":\"%s\","
        "\"evidence\":\"handover of 2026-11-20, ward C3\"}",
        p->number, p->homecare->who->ura, time_text(until, p->cx->now_ms + 30 * DAY).p);

    if (e != ERR_OK)
        return e;
    p->ground = json_get_text(reply.v, "id");
    tell(p, "proved", "%s treats this patient: URA %s may ask for the BgZ, for 30 days",
         p->homecare->who->name, p->homecare->who->ura);
    tell(p, "vouched", "by the hospital, which stays responsible; ground %.*s",
         STR(p->ground));
    return ERR_OK;
}

/* --- the token ---------------------------------------------------------------------- */

static err_t
read_definition(struct play *p)
{
    struct world_call call = {
        .to = p->hospital,
        .method = HTTP_GET,
        .path = S("/oauth2/hospital/presentation_definition?scope=bgz"),
    };
    struct world_reply reply;
    err_t e = want(p, &call, 200, &reply);

    p->definition = reply.v;
    return e;
}

err_t
step_metadata(struct play *p)
{
    struct world_call call = {
        .to = p->hospital,
        .method = HTTP_GET,
        .path = S("/.well-known/oauth-authorization-server/oauth2/hospital"),
    };
    struct world_reply reply;
    err_t e;

    if ((e = want(p, &call, 200, &reply)) != ERR_OK || (e = read_definition(p)) != ERR_OK)
        return e;
    if (!str_eq(json_get_text(reply.v, "issuer"), p->hospital->issuer))
        return refuse(p->cx, ERR_UPSTREAM, "RFC 8414 3.3", "the issuer is another");
    tell(p, "proved", "tokens: %.*s", STR(json_get_text(reply.v, "token_endpoint")));
    tell(p, "", "for the BgZ it asks to be shown: %.*s",
         STR(json_get_text(p->definition, "id")));
    tell(p, "vouched", "by the hospital's TLS certificate");
    return ERR_OK;
}

err_t
step_token(struct play *p)
{
    struct world_reply reply;
    err_t e =
        post(p, p->homecare, S("/internal/auth/v2/homecare/request-service-access-token"),
             200, &reply,
             "{\"authorization_server\":\"%.*s\",\"scope\":\"bgz\",\"token_type\":"
             "\"DPoP\",\"credentials\":[{\"@context\":[\"https://www.w3.org/2018/"
             "credentials/v1\",\"https://nuts.nl/credentials/v1\"],\"type\":["
             "\"VerifiableCredential\",\"NutsEmployeeCredential\"],"
             "\"credentialSubject\":{\"name\":\"%s %s\",\"roleName\":\"%s\","
             "\"identifier\":\"%s\"}}]}",
             STR(p->hospital->issuer), p->nurse->given, p->nurse->family,
             p->nurse->role_text, p->nurse->uzi);

    if (e != ERR_OK)
        return e;
    p->token = json_get_text(reply.v, "access_token");
    p->kid = json_get_text(reply.v, "dpop_kid");
    if (p->token.n == 0 || p->kid.n == 0)
        return refuse(p->cx, ERR_UPSTREAM, "RFC 9449 5",
                      "no token bound to a key was given");
    tell(p, "proved", "the organisation, by its X509Credential; the key, by DPoP");
    tell(p, "vouched", "by the UZI authority for the organisation (URA %s),",
         p->homecare->who->ura);
    tell(p, "", "by the organisation for its employee, %s %s, %s", p->nurse->given,
         p->nurse->family, p->nurse->role_text);
    return ERR_OK;
}

err_t
step_introspect(struct play *p)
{
    struct world_call call = {
        .to = p->hospital,
        .door = WORLD_INTERNAL,
        .method = HTTP_POST,
        .path = S("/internal/auth/v2/accesstoken/introspect"),
        .type = "application/x-www-form-urlencoded",
        .body = arena_printf(p->cx->arena, "token=%.*s", STR(p->token)),
    };
    struct world_reply reply;
    bool active = false;
    err_t e = want(p, &call, 200, &reply);

    if (e != ERR_OK)
        return e;
    if (!json_bool(json_get(reply.v, "active"), &active) || !active)
        return refuse(p->cx, ERR_UPSTREAM, "RFC 7662 2.2", "the token is not active");
    if (!str_is(json_get_text(reply.v, "organization_ura"), p->homecare->who->ura))
        return refuse(p->cx, ERR_UPSTREAM, "", "the token is of another organisation");
    tell(p, "proved", "%.*s, URA %.*s; %.*s (%.*s)",
         STR(json_get_text(reply.v, "organization_name")),
         STR(json_get_text(reply.v, "organization_ura")),
         STR(json_get_text(reply.v, "employee_name")),
         STR(json_get_text(reply.v, "employee_role")));
    tell(p, "vouched", "by what the request itself carried: no exchange was asked");
    return ERR_OK;
}

/* --- asking as home care does ------------------------------------------------------- */

err_t
make_proof(struct play *p, const struct world_node *by, struct str kid, const char *method,
           struct str path, struct str *proof)
{
    struct str to = arena_printf(p->cx->arena, "/internal/auth/v2/dpop/%.*s",
                                 STR(part_of_path(p->cx, kid)));
    struct world_reply reply;
    err_t e;

    *proof = S("");
    if (to.p == NULL)
        return refuse_memory(p->cx);
    path = str_sub(path, 0, str_find(path, '?'));
    e = post(p, by, to, 200, &reply,
             "{\"htm\":\"%s\",\"htu\":\"https://%.*s%.*s\",\"token\":\"%.*s\"}", method,
             STR(p->hospital->host), STR(path), STR(p->token));
    if (e == ERR_OK)
        *proof = json_get_text(reply.v, "dpop");
    return e;
}

err_t
ask_hospital(struct play *p, struct str path, struct world_call *call)
{
    const char *method = call->method == HTTP_POST ? "POST" : "GET";

    call->to = p->hospital;
    call->door = WORLD_PUBLIC;
    call->path = path;
    call->authorization = arena_printf(p->cx->arena, "DPoP %.*s", STR(p->token));
    if (call->authorization.p == NULL)
        return refuse_memory(p->cx);
    return make_proof(p, p->homecare, p->kid, method, path, &call->dpop);
}

static err_t
get(struct play *p, struct str path, struct world_reply *reply)
{
    struct world_call call = { .method = HTTP_GET };
    err_t e = ask_hospital(p, path, &call);

    if (e != ERR_OK)
        return e;
    p->proof = call.dpop;
    return want(p, &call, 200, reply);
}

err_t
step_patient(struct play *p)
{
    struct world_reply reply;
    struct str path =
        arena_printf(p->cx->arena, "/fhir/hospital/Patient/%.*s", STR(p->patient));
    const json *name;
    err_t e;

    if (path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = get(p, path, &reply)) != ERR_OK)
        return e;
    name = json_at(json_get(reply.v, "name"), 0);
    tell(p, "proved", "token and key fit; the policy bgz allows it; ground %.*s",
         STR(p->ground));
    tell(p, "found", "%.*s, born %.*s", STR(json_get_text(name, "text")),
         STR(json_get_text(reply.v, "birthDate")));
    return ERR_OK;
}

err_t
step_by_number(struct play *p)
{
    struct world_call call = {
        .method = HTTP_POST,
        .type = "application/x-www-form-urlencoded",
        .body =
            arena_printf(p->cx->arena,
                         "identifier=http%%3A%%2F%%2Ffhir.nl%%2Ffhir%%2FNamingSystem%%2F"
                         "bsn%%7C%s",
                         p->number),
    };
    struct world_reply reply;
    const json *found;
    err_t e;

    if ((e = ask_hospital(p, S("/fhir/hospital/Patient/_search"), &call)) != ERR_OK ||
        (e = want(p, &call, 200, &reply)) != ERR_OK)
        return e;
    found = json_get(json_at(json_get(reply.v, "entry"), 0), "resource");
    if (!str_eq(json_get_text(found, "id"), p->patient))
        return refuse(p->cx, ERR_UPSTREAM, "", "another patient was found, or none");
    tell(p, "proved",
         "the number went in a form; what comes back names no number in a link");
    return ERR_OK;
}

/* One question: how many resources came, and whether they are this patient's. */
static err_t
ask_one(struct play *p, const struct bgz_query *q, size_t *found)
{
    struct world_reply reply;
    struct str below = bgz_path(p->cx, q, p->patient),
               path = arena_printf(p->cx->arena, "/fhir/hospital/%.*s", STR(below));
    err_t e;

    *found = 0;
    if (below.p == NULL || path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = get(p, path, &reply)) != ERR_OK)
        return e;
    *found = json_is(json_get(reply.v, "resourceType"), "Patient")
                 ? 1
                 : json_size(json_get(reply.v, "entry"));
    if (*found == 0)
        return refuse(p->cx, ERR_UPSTREAM, "", "nothing was found: %s", q->title);
    return ERR_OK;
}

/* Told in threes, since they are many. */
err_t
step_bgz(struct play *p)
{
    struct str row = S("");
    size_t in_row = 0;

    for (const struct bgz_query *q = bgz_queries; q->rule != NULL; q++) {
        size_t found;
        int64_t before = p->ns;
        err_t e = ask_one(p, q, &found);

        if (e != ERR_OK)
            return e;
        p->questions++;
        p->resources += found;
        row = arena_printf(p->cx->arena, "%.*s%-28s%3zu %5.1f ms   ", STR(row), q->title,
                           found, (double)(p->ns - before) / 1e6);
        if (++in_row == 2 || q[1].rule == NULL) {
            tell(p, "", "%.*s", STR(row));
            row = S("");
            in_row = 0;
        }
    }
    tell(p, "found", "%zu resources by %zu questions, each judged and logged by itself",
         p->resources, p->questions);
    return ERR_OK;
}
