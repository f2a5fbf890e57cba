/* steps_refused.c - who asks is not who he says, or says it twice. EUPL-1.2. */
#include "app/demo/steps.h"

#include <string.h>

#include "app/demo/ca.h"
#include "sys/os/os.h"

static struct str
patient_path(struct play *p)
{
    return arena_printf(p->cx->arena, "/fhir/hospital/Patient/%.*s", STR(p->patient));
}

err_t
step_no_token(struct play *p)
{
    const struct world_call call = { .to = p->hospital,
                                     .method = HTTP_GET,
                                     .path = patient_path(p) };

    return refused(p, &call, 401, "no Authorization header");
}

/* --- presentations ------------------------------------------------------------------ */

err_t
present(struct play *p, const struct world_node *by, struct str credential,
        struct str audience, struct str *vp)
{
    struct world_reply reply;
    err_t e = post(
        p, by, S("/internal/vcr/v2/holder/vp"), 200, &reply,
        "{\"verifiableCredentials\":[\"%.*s\"],\"signerDID\":\"%.*s\",\"format\":"
        "\"jwt_vp\",\"domain\":\"%.*s\",\"challenge\":\"demo-%llu\"}",
        STR(credential), STR(by->did), STR(audience), (unsigned long long)os_tick_ns());

    *vp = S("");
    if (e == ERR_OK && !json_str(reply.v, vp))
        e = refuse(p->cx, ERR_UPSTREAM, "", "no presentation was made");
    return e;
}

/* {id, definition_id, descriptor_map}: the one credential answers each descriptor. */
static err_t
submission(struct play *p, struct str *out)
{
    struct json_out js;

    json_out_init(&js, p->cx->arena);
    json_object(&js);
    json_member_z(&js, "id", "demo");
    json_member(&js, "definition_id", json_get_text(p->definition, "id"));
    json_key(&js, "descriptor_map");
    json_array(&js);
    for (json_each(it, json_get(p->definition, "input_descriptors"))) {
        json_object(&js);
        json_member(&js, "id", json_get_text(it.value, "id"));
        json_member_z(&js, "format", "jwt_vc");
        json_member_z(&js, "path", "$.verifiableCredential");
        json_end(&js);
    }
    json_end(&js);
    json_end(&js);
    return json_out_done(p->cx, &js, out);
}

err_t
token_form(struct play *p, const struct world_node *by, const char *scope, struct str vp,
           struct str *form)
{
    struct str map;
    struct buf b;
    err_t e = submission(p, &map);

    if (e != ERR_OK)
        return e;
    buf_init(&b, p->cx->arena);
    buf_z(&b, "grant_type=vp_token-bearer&client_id=");
    buf_percent(&b, by->issuer);
    buf_printf(&b, "&scope=%s&assertion=", scope);
    buf_percent(&b, vp);
    buf_z(&b, "&presentation_submission=");
    buf_percent(&b, map);
    return buf_done(p->cx, &b, form);
}

struct world_call
token_call(struct play *p, struct str form)
{
    return (struct world_call){ .to = p->hospital,
                                .method = HTTP_POST,
                                .path = S("/oauth2/hospital/token"),
                                .type = "application/x-www-form-urlencoded",
                                .body = form };
}

static err_t
refused_presentation(struct play *p, const struct world_node *by, struct str credential,
                     struct str audience, const char *why)
{
    struct world_call call;
    struct str vp, form;
    err_t e;

    if ((e = present(p, by, credential, audience, &vp)) != ERR_OK ||
        (e = token_form(p, by, "bgz", vp, &form)) != ERR_OK)
        return e;
    call = token_call(p, form);
    return refused(p, &call, 400, why);
}

err_t
step_foreign_audience(struct play *p)
{
    return refused_presentation(p, p->homecare, p->credential, p->gp->issuer,
                                "VP_AUDIENCE");
}

/* Granted once, and then never again. */
err_t
step_replayed_presentation(struct play *p)
{
    struct world_reply reply;
    struct world_call call;
    struct str vp, form;
    err_t e;

    if ((e = present(p, p->homecare, p->credential, p->hospital->issuer, &vp)) != ERR_OK ||
        (e = token_form(p, p->homecare, "bgz", vp, &form)) != ERR_OK)
        return e;
    call = token_call(p, form);
    if ((e = want(p, &call, 200, &reply)) != ERR_OK)
        return e;
    tell(p, "first", "200: a token was given for it");
    return refused(p, &call, 400, "VP_NONCE");
}

/* --- proofs ------------------------------------------------------------------------- */

static struct world_call
with_proof(struct play *p, struct str path, struct str proof)
{
    return (struct world_call){
        .to = p->hospital,
        .method = HTTP_GET,
        .path = path,
        .authorization = arena_printf(p->cx->arena, "DPoP %.*s", STR(p->token)),
        .dpop = proof,
    };
}

err_t
step_replayed_proof(struct play *p)
{
    struct world_reply reply;
    struct world_call call = { .method = HTTP_GET };
    err_t e;

    if ((e = ask_hospital(p, patient_path(p), &call)) != ERR_OK ||
        (e = want(p, &call, 200, &reply)) != ERR_OK)
        return e;
    tell(p, "first", "200: the patient was given for it");
    return refused(p, &call, 401, "used");
}

err_t
step_other_question(struct play *p)
{
    struct str path = arena_printf(p->cx->arena, "/fhir/hospital/Condition?patient=%.*s",
                                   STR(p->patient)),
               proof;
    struct world_call call;
    err_t e = make_proof(p, p->homecare, p->kid, "GET", patient_path(p), &proof);

    if (e != ERR_OK)
        return e;
    call = with_proof(p, path, proof);
    return refused(p, &call, 401, "url");
}

/* A thief has the token, and a node of his own. */
err_t
step_wrong_key(struct play *p)
{
    struct world_call call;
    struct str proof;
    err_t e = make_proof(p, p->gp, p->gp->kid, "GET", patient_path(p), &proof);

    if (e != ERR_OK)
        return e;
    call = with_proof(p, patient_path(p), proof);
    return refused(p, &call, 401, "jkt");
}

err_t
step_bearer(struct play *p)
{
    struct world_call call = with_proof(p, patient_path(p), S(""));

    call.authorization = arena_printf(p->cx->arena, "Bearer %.*s", STR(p->token));
    return refused(p, &call, 401, "used as a bearer token");
}

/* --- certificates ------------------------------------------------------------------- */

/* Good when it was made; a credential lasts no longer than its certificate. */
err_t
step_expired(struct play *p)
{
    while (os_now_ms() <= p->expired_ms && !p->w->stop)
        loop_turn(p->w->loop, 20);
    return refused_presentation(p, p->pharmacy, p->expired, p->hospital->issuer, "_TIME");
}

err_t
step_revoked(struct play *p)
{
    return refused_presentation(p, p->pharmacy, p->revoked, p->hospital->issuer,
                                "CERT_REVOKED");
}

/* --- credentials in a wallet -------------------------------------------------------- */

static err_t
refused_credential(struct play *p, const struct world_node *n, struct str jwt,
                   const char *why)
{
    const struct world_call call = {
        .to = n,
        .door = WORLD_INTERNAL,
        .method = HTTP_POST,
        .path = arena_printf(p->cx->arena, "/internal/vcr/v2/holder/%s/vc", n->who->id),
        .body = arena_printf(p->cx->arena, "\"%.*s\"", STR(jwt)),
    };

    return refused(p, &call, 400, why);
}

/* The payload, with URA 90000103 become 90000108, under the old signature. */
static err_t
change_digit(struct play *p, struct str *out)
{
    struct str signature = p->credential, header = str_cut(&signature, '.'),
               payload = str_cut(&signature, '.'), ura = str_of(p->homecare->who->ura),
               text;
    struct bytes raw;
    struct buf b;
    size_t at;
    char *p8;
    err_t e = b64url_decode(p->cx, payload, &raw);

    if (e != ERR_OK)
        return e;
    if ((p8 = arena_z(p->cx->arena, str_of_bytes(raw))) == NULL)
        return refuse_memory(p->cx);
    text = (struct str){ p8, raw.n };
    for (at = 0; at + ura.n <= text.n; at++)
        if (memcmp(p8 + at, ura.p, ura.n) == 0)
            p8[at + ura.n - 1] = '8';
    buf_init(&b, p->cx->arena);
    buf_str(&b, header);
    buf_c(&b, '.');
    buf_b64url(&b, bytes_of(text));
    buf_c(&b, '.');
    buf_str(&b, signature);
    return buf_done(p->cx, &b, out);
}

err_t
step_changed_digit(struct play *p)
{
    struct str jwt;
    err_t e = change_digit(p, &jwt);

    return e != ERR_OK ? e : refused_credential(p, p->homecare, jwt, "VC_ISSUER");
}

err_t
step_somebody_elses(struct play *p)
{
    return refused_credential(p, p->pharmacy, p->credential, "WALLET_OWNER");
}
