/*
 * consent_http.c - recording, finding and ending grounds, for the operator.
 *
 * Rule      issue 2.4. A patient's number stands in a body, never in a URL,
 *           and goes no further than the signer, which seals it.
 * Trust     The operator behind the internal door, or his system; read
 *           strictly all the same.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/consent/consent_int.h"

#include "base/bsn.h"
#include "base/time.h"
#include "sys/room.h"

#define RULE "RFC 9110 15.5.1"

enum { BODY_MAX = 16 * 1024 };

static const struct consent_state *
state_of(struct req *rq)
{
    return ROOM_STATE(&rq->cx, consent);
}

static err_t
read_body(struct req *rq, const char *const *known, size_t n, json **out)
{
    err_t e = req_json(rq, out);

    if (e != ERR_OK)
        return e;
    if (json_type(*out) != JSON_OBJECT)
        return refuse(&rq->cx, ERR_GROUND_INVALID, RULE, "the body is no object");
    for (json_each(it, *out)) {
        size_t i = 0;

        while (i < n && !str_is(it.name, known[i]))
            i++;
        if (i == n)
            return refuse(&rq->cx, ERR_GROUND_INVALID, RULE, "an unknown member '%.*s'",
                          STR(it.name));
    }
    return ERR_OK;
}

static err_t
seal(struct req *rq, struct str number, struct str *sealed, struct str *mac)
{
    struct bsn bsn;

    *sealed = *mac = (struct str){ NULL, 0 };
    if (number.n != 9 || !bsn_parse(number, &bsn))
        return refuse(&rq->cx, ERR_GROUND_INVALID, "Wabb 1",
                      "'patient' is no citizen service number");
    return state_of(rq)->seal_person(&rq->cx, bsn_expose(&bsn), sealed, mac);
}

static err_t
moment(struct ctx *cx, const json *v, const char *name, int64_t *out)
{
    if (time_parse(cx, json_get_text(v, name), out) != ERR_OK)
        return refuse(cx, ERR_GROUND_INVALID, "RFC 3339 5.6", "'%s' is no date-time", name);
    return ERR_OK;
}

static void
fill_audit(struct req *rq, const struct ground *g, const char *what)
{
    rq->audit.who = S("operator");
    rq->audit.custodian = g->tenant;
    rq->audit.what = str_of(what);
    rq->audit.patient = g->patient_sealed;
    rq->audit.patient_mac = g->patient_mac;
    rq->audit.ground = g->id;
    rq->audit.purpose = g->scope;
}

static err_t
reply_ground(struct req *rq, int status, const struct ground *g)
{
    struct json_out *js = reply_json(rq, status);

    ground_put(js, g, rq->cx.now_ms);
    return reply_send(rq, js);
}

static err_t
read_ground(struct req *rq, const json *v, struct ground *g)
{
    struct ctx *cx = &rq->cx;
    err_t e;

    *g = (struct ground){ .tenant = json_get_text(v, "tenant"),
                          .organisation = json_get_text(v, "organisation"),
                          .scope = json_get_text(v, "scope"),
                          .kind = ground_kind_of(json_get_text(v, "kind")),
                          .evidence = json_get_text(v, "evidence"),
                          .recorded_by = json_get_text(v, "recorded_by") };
    if (g->recorded_by.n == 0)
        g->recorded_by = S("operator");
    g->from_ms = cx->now_ms;
    if (json_get(v, "from") != NULL && (e = moment(cx, v, "from", &g->from_ms)) != ERR_OK)
        return e;
    if ((e = moment(cx, v, "until", &g->until_ms)) != ERR_OK)
        return e;
    if ((e = state_of(rq)->tenant_known(cx, g->tenant)) != ERR_OK)
        return e;
    return seal(rq, json_get_text(v, "patient"), &g->patient_sealed, &g->patient_mac);
}

static err_t
record(struct req *rq)
{
    static const char *const known[] = { "tenant", "patient",  "organisation",
                                         "scope",  "kind",     "from",
                                         "until",  "evidence", "recorded_by" };
    struct ground g, stored;
    json *v;
    err_t e;

    if ((e = read_body(rq, known, COUNT(known), &v)) != ERR_OK ||
        (e = read_ground(rq, v, &g)) != ERR_OK)
        return e;
    fill_audit(rq, &g, "record a ground");
    rq->audit.event = AUDIT_GROUND_CHANGED;
    if ((e = ground_record(&rq->cx, &g, &stored)) != ERR_OK)
        return e;
    rq->audit.ground = stored.id;
    return reply_ground(rq, 201, &stored);
}

static err_t
search(struct req *rq)
{
    static const char *const known[] = { "tenant", "patient", "live" };
    struct str tenant, sealed, mac = { NULL, 0 };
    struct ground *list;
    struct json_out *js;
    bool live = false;
    size_t n;
    json *v;
    err_t e;

    if ((e = read_body(rq, known, COUNT(known), &v)) != ERR_OK)
        return e;
    tenant = json_get_text(v, "tenant");
    if (json_get(v, "live") != NULL && !json_bool(json_get(v, "live"), &live))
        return refuse(&rq->cx, ERR_GROUND_INVALID, RULE, "'live' is true or false");
    rq->audit.who = S("operator");
    rq->audit.custodian = tenant;
    if ((e = state_of(rq)->tenant_known(&rq->cx, tenant)) != ERR_OK)
        return e;
    if (json_get(v, "patient") != NULL &&
        (e = seal(rq, json_get_text(v, "patient"), &sealed, &mac)) != ERR_OK)
        return e;
    if (mac.n != 0) {
        rq->audit.patient = sealed;
        rq->audit.patient_mac = mac;
    }
    if ((e = ground_list(&rq->cx, tenant, mac, &list, &n)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_array(js);
    for (size_t i = 0; i < n; i++)
        if (!live || ground_is_live(&list[i], rq->cx.now_ms))
            ground_put(js, &list[i], rq->cx.now_ms);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
get(struct req *rq)
{
    struct ground g;
    err_t e;

    rq->audit.who = S("operator");
    if ((e = ground_get(&rq->cx, req_path(rq, "id"), &g)) != ERR_OK)
        return e;
    fill_audit(rq, &g, "read a ground");
    return reply_ground(rq, 200, &g);
}

static err_t
end(struct req *rq)
{
    struct str why = req_query(rq, "why");
    struct ground g;
    err_t e;

    e = ground_end(&rq->cx, req_path(rq, "id"), S("operator"),
                   why.n ? why : S("ended by the operator"), &g);
    if (g.id.n != 0) {
        fill_audit(rq, &g, "end a ground");
        rq->audit.event = AUDIT_GROUND_CHANGED;
    }
    if (e != ERR_OK)
        return e;
    return reply_ground(rq, 200, &g);
}

#define RECORD_STATUSES                                                                    \
    (const char *const[])                                                                  \
    {                                                                                      \
        "201 application/json the ground as it was recorded",                              \
            "422 application/problem+json what does not hold", NULL                        \
    }

const struct http_route consent_routes[] = {
    {
        .op = "recordGround",
        .doc = "Record on what ground an organisation may ask for a patient's data.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_POST,
        .path = "/internal/knoop/v1/grounds",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_POOL,
        .rate = RATE_WRITE,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_GROUND_CHANGED,
        .body_max = BODY_MAX,
        .statuses = RECORD_STATUSES,
        .fn = record,
    },
    {
        .op = "searchGrounds",
        .doc = "Find grounds of a tenant, or of one of its patients; the number stands in "
               "the body.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_POST,
        .path = "/internal/knoop/v1/grounds/search",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_POOL,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_GROUND_READ,
        .body_max = BODY_MAX,
        .statuses = (const char *const[]){ "200 application/json a list of grounds", NULL },
        .fn = search,
    },
    {
        .op = "getGround",
        .doc = "One ground, live or ended.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_GET,
        .path = "/internal/knoop/v1/grounds/{id}",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_POOL,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_GROUND_READ,
        .body_max = 0,
        .statuses = (const char *const[]){ "200 application/json the ground", "404", NULL },
        .fn = get,
    },
    {
        .op = "endGround",
        .doc = "End a ground now; it stays on record. `why` is kept with it.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_DELETE,
        .path = "/internal/knoop/v1/grounds/{id}",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_POOL,
        .rate = RATE_WRITE,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_GROUND_CHANGED,
        .body_max = 0,
        .statuses =
            (const char *const[]){ "200 application/json the ground as it ended",
                                   "404 application/problem+json",
                                   "409 application/problem+json it had ended", NULL },
        .fn = end,
    },
    { 0 },
};
