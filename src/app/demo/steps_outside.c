/* steps_outside.c - who asks is known, but what he asks is not his. EUPL-1.2. */
#include "app/demo/steps.h"

#include <string.h>

err_t
step_unknown_scope(struct play *p)
{
    struct world_call call;
    struct str vp, form;
    err_t e;

    if ((e = present(p, p->homecare, p->credential, p->hospital->issuer, &vp)) != ERR_OK ||
        (e = token_form(p, p->homecare, "research", vp, &form)) != ERR_OK)
        return e;
    call = token_call(p, form);
    return refused(p, &call, 400, "scope");
}

static err_t
refused_get(struct play *p, struct str path, int status, const char *why)
{
    struct world_call call = { .method = HTTP_GET };
    err_t e;

    if (path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = ask_hospital(p, path, &call)) != ERR_OK)
        return e;
    return refused(p, &call, status, why);
}

/* All stays of a patient is not a question of the BgZ. */
err_t
step_outside_scope(struct play *p)
{
    return refused_get(p,
                       arena_printf(p->cx->arena, "/fhir/hospital/Encounter?patient=%.*s",
                                    STR(p->patient)),
                       403, "POLICY_REQUEST");
}

/* One in the URL, another in the form: a server behind may join them. */
err_t
step_two_patients(struct play *p)
{
    struct world_call call = {
        .method = HTTP_POST,
        .type = "application/x-www-form-urlencoded",
        .body = arena_printf(p->cx->arena, "patient=%.*s", STR(p->patient)),
    };
    struct str path = arena_printf(
        p->cx->arena, "/fhir/hospital/Condition/_search?patient=%.*s", STR(p->other));
    err_t e;

    if (path.p == NULL || call.body.p == NULL)
        return refuse_memory(p->cx);
    if ((e = ask_hospital(p, path, &call)) != ERR_OK)
        return e;
    return refused(p, &call, 400, "FHIR_REQUEST");
}

err_t
step_path(struct play *p)
{
    return refused_get(p, S("/fhir/hospital/Patient/%2e%2e/metadata"), 400, "dot segment");
}

err_t
step_other_patient(struct play *p)
{
    return refused_get(
        p,
        arena_printf(p->cx->arena, "/fhir/hospital/Condition?patient=%.*s", STR(p->other)),
        403, "GROUND");
}

/* What was given a moment ago is not given any more. */
err_t
step_no_ground(struct play *p)
{
    struct world_call call = {
        .to = p->hospital,
        .door = WORLD_INTERNAL,
        .method = HTTP_DELETE,
        .path = arena_printf(p->cx->arena,
                             "/internal/knoop/v1/grounds/%.*s?why=care%%20has%%20ended",
                             STR(p->ground)),
    };
    struct world_reply reply;
    err_t e;

    if (call.path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = want(p, &call, 200, &reply)) != ERR_OK)
        return e;
    tell(p, "first", "the hospital ends ground %.*s", STR(p->ground));
    return refused_get(p,
                       arena_printf(p->cx->arena, "/fhir/hospital/Condition?patient=%.*s",
                                    STR(p->patient)),
                       403, "GROUND");
}
