/*
 * patient.c - from an id at the upstream to a person, sealed.
 *
 * Rule      spec 9.2: the patient is resolved before a ground is looked for.
 *           The number is held for as long as it takes to seal it; what is
 *           remembered is its keyed hash and its sealed form.
 * Trust     The upstream says which number belongs to which id: it holds the
 *           record. Its answer is read strictly all the same.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include "base/bsn.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "trust/cache/cache.h"

err_t
gateway__patient_by_number(struct ctx *cx, struct gateway *gw, struct str number,
                           struct gateway_patient *out)
{
    struct bsn bsn;

    *out = (struct gateway_patient){ 0 };
    if (number.n != 9 || !bsn_parse(number, &bsn))
        return refuse(cx, ERR_GROUND, "Wabb 1", "no citizen service number");
    return gw->ports.seal_person(cx, bsn_expose(&bsn), &out->sealed, &out->mac);
}

err_t
gateway__get(struct ctx *cx, struct gateway *gw, struct str url, struct str *text,
             json **out)
{
    struct str accept[] = { S("Accept: application/fhir+json") };
    struct fetch_request in = { .trust = FETCH_CONFIGURED,
                                .method = HTTP_GET,
                                .url = url,
                                .headers = accept,
                                .header_count = COUNT(accept),
                                .body_max = (size_t)cx->conf->gateway_hold,
                                .timeout_ms = cx->conf->gateway_timeout };
    struct fetch_reply reply;
    err_t e;

    *text = (struct str){ NULL, 0 };
    *out = NULL;
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "the upstream must be asked");
    if ((e = gw->ports.fetch(cx, &in, &reply)) != ERR_OK)
        return e;
    if (reply.status == 404 || reply.status == 410)
        return ERR_OK;
    if (reply.status == 429 || reply.status == 503)
        return refuse(cx, ERR_UNAVAILABLE, "", "the upstream answered %d", reply.status);
    if (reply.status != 200)
        return refuse(cx, ERR_UPSTREAM, "FHIR R4 3.1.0.1.9", "the upstream answered %d",
                      reply.status);
    *text = str_of_bytes(reply.body);
    if (json_parse(cx, *text, JSON_RAW_NUMBERS, out) != ERR_OK)
        return refuse(cx, ERR_UPSTREAM, "FHIR R4 2.6.2",
                      "the upstream's answer is no sound JSON");
    return ERR_OK;
}

/* tenant NUL id: no tenant holds a NUL. */
static err_t
cache_key(struct ctx *cx, struct str tenant, struct str upstream, struct str id,
          struct bytes *key)
{
    struct buf b;
    struct str text;
    err_t e;

    buf_init(&b, cx->arena);
    buf_str(&b, tenant);
    buf_c(&b, '\0');
    buf_str(&b, upstream);
    buf_c(&b, '\0');
    buf_str(&b, id);
    e = buf_done(cx, &b, &text);
    *key = bytes_of(text);
    return e;
}

static bool
remembered(struct ctx *cx, struct gateway *gw, struct bytes key,
           struct gateway_patient *out)
{
    struct bytes value;
    struct str text;

    if (gw->patients == NULL || !cache_get(cx, gw->patients, key, &value))
        return false;
    text = str_of_bytes(value);
    out->mac = str_cut(&text, ' ');
    out->sealed = text;
    return out->mac.n != 0 && out->sealed.n != 0;
}

static err_t
remember(struct ctx *cx, struct gateway *gw, struct bytes key,
         const struct gateway_patient *p)
{
    struct str value;

    if (gw->patients == NULL || cx->conf->gateway_patients == 0)
        return ERR_OK;
    value = arena_join(cx->arena, p->mac, S(" "), p->sealed);
    if (value.p == NULL)
        return refuse_memory(cx);
    cache_put(gw->patients, cx->now_ms, key, bytes_of(value),
              cx->now_ms + cx->conf->gateway_patients);
    return ERR_OK;
}

/* The answer is wiped once the number is sealed: it does not stay behind in the arena. */
static err_t
ask(struct ctx *cx, struct gateway *gw, struct str upstream, struct str id,
    struct gateway_patient *out)
{
    struct str url, text, number;
    json *patient;
    err_t e;

    url = arena_join(cx->arena, upstream, S("/Patient/"), id, S("?_elements=identifier"));
    if (url.p == NULL)
        return refuse_memory(cx);
    if ((e = gateway__get(cx, gw, url, &text, &patient)) != ERR_OK)
        return e;
    if (patient == NULL)
        return refuse(cx, ERR_GROUND, "spec 9.2", "the upstream has no such patient");
    if (!json_is(json_get(patient, "resourceType"), "Patient") ||
        !str_eq(json_get_text(patient, "id"), id))
        return refuse(cx, ERR_UPSTREAM, "FHIR R4 3.1.0.2",
                      "the upstream gave another resource");
    if (!gateway__number_of(patient, &number))
        e = refuse(cx, ERR_GROUND, "spec 2d.5",
                   "the patient has no single citizen service number");
    else
        e = gateway__patient_by_number(cx, gw, number, out);
    wipe((void *)(uintptr_t)text.p, text.n);
    wipe((void *)(uintptr_t)number.p, number.n);
    return e;
}

err_t
gateway__patient_by_id(struct ctx *cx, struct gateway *gw, struct str tenant,
                       struct str upstream, struct str id, struct gateway_patient *out)
{
    struct bytes key;
    err_t e;

    *out = (struct gateway_patient){ 0 };
    if ((e = cache_key(cx, tenant, upstream, id, &key)) != ERR_OK)
        return e;
    if (!remembered(cx, gw, key, out)) {
        if ((e = ask(cx, gw, upstream, id, out)) != ERR_OK ||
            (e = remember(cx, gw, key, out)) != ERR_OK)
            return e;
    }
    out->id = id;
    return ERR_OK;
}
