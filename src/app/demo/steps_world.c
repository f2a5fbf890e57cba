/* steps_world.c - who the organisations are, and how that is known. EUPL-1.2. */
#include "app/demo/steps.h"

#include "app/cli/credential.h"
#include "app/demo/ca.h"
#include "sys/os/os.h"

#define DAY INT64_C(86400000)

/* Of the pharmacy's bad certificates: long enough to be made, over by when it matters. */
enum { SHORT_LIFE_MS = 2000 };

static err_t
make_identity(struct play *p, struct world_node *n)
{
    struct world_reply reply;
    const json *doc;
    err_t e = post(p, n, S("/internal/vdr/v2/subject"), 200, &reply, "{\"subject\":\"%s\"}",
                   n->who->id);

    if (e != ERR_OK)
        return e;
    doc = json_at(json_get(reply.v, "documents"), 0);
    n->did = json_get_text(doc, "id");
    n->kid = json_get_text(json_at(json_get(doc, "verificationMethod"), 0), "id");
    if (n->did.n == 0 || n->kid.n == 0)
        return refuse(p->cx, ERR_UPSTREAM, "", "%s got no DID", n->who->id);
    tell(p, n == p->hospital ? "proved" : "", "%s is %.*s", n->who->name, STR(n->did));
    return ERR_OK;
}

err_t
step_identities(struct play *p)
{
    err_t e = ERR_OK;

    for (enum data_org org = 0; e == ERR_OK && org < DATA_ORGS; org++)
        e = make_identity(p, &p->w->node[org]);
    tell(p, "vouched",
         "by each node's TLS certificate (Knoop Test TLS Root); the keys "
         "are in its signer");
    return e;
}

/* --- certificates ------------------------------------------------------------------- */

/* Of the certificate <name>, by its own key. */
static err_t
credential_of(struct play *p, const struct world_node *n, const char *name, struct str *jwt)
{
    struct ctx *cx = p->cx;
    struct str certificate = arena_printf(cx->arena, "%s/ca/%s.pem", p->w->folder, name),
               key = arena_printf(cx->arena, "%s/ca/%s.key", p->w->folder, name);

    if (certificate.p == NULL || key.p == NULL)
        return refuse_memory(cx);
    return credential_x509(cx, certificate.p, key.p, n->did, 0, jwt);
}

static err_t
load(struct play *p, const struct world_node *n, struct str jwt)
{
    struct world_reply reply;
    struct str path =
        arena_printf(p->cx->arena, "/internal/vcr/v2/holder/%s/vc", n->who->id);

    if (path.p == NULL)
        return refuse_memory(p->cx);
    return post(p, n, path, 204, &reply, "\"%.*s\"", STR(jwt));
}

static err_t
prove(struct play *p, const struct world_node *n)
{
    struct str jwt;
    err_t e = credential_of(p, n, n->who->id, &jwt);

    if (e != ERR_OK || (e = load(p, n, jwt)) != ERR_OK)
        return e;
    if (n == p->homecare)
        p->credential = jwt;
    tell(p, n == p->hospital ? "proved" : "", "URA %s is %s", n->who->ura, n->who->name);
    return ERR_OK;
}

/* Two that were good once: for the refusals. */
static err_t
make_bad_ones(struct play *p)
{
    struct world_node *n = p->pharmacy;
    struct str ca = arena_printf(p->cx->arena, "%s/ca", p->w->folder);
    err_t e;

    if (ca.p == NULL)
        return refuse_memory(p->cx);
    p->expired_ms = p->cx->now_ms + SHORT_LIFE_MS;
    if ((e = world_certificate(p->w, n, S("pharmacy-expired"), p->expired_ms)) != ERR_OK ||
        (e = world_certificate(p->w, n, S("pharmacy-revoked"),
                               p->cx->now_ms + 365 * DAY)) != ERR_OK ||
        (e = credential_of(p, n, "pharmacy-expired", &p->expired)) != ERR_OK ||
        (e = credential_of(p, n, "pharmacy-revoked", &p->revoked)) != ERR_OK)
        return e;
    return ca_revoke(p->cx, ca.p, S("pharmacy-revoked"));
}

err_t
step_credentials(struct play *p)
{
    err_t e = world_certificates(p->w);

    p->cx->now_ms = os_now_ms();
    if (e == ERR_OK)
        e = make_bad_ones(p);
    for (enum data_org org = 0; e == ERR_OK && org < DATA_ORGS; org++)
        e = prove(p, &p->w->node[org]);
    tell(p, "vouched", "by TEST UZI-register Private Server CA, under TEST Zorg CSP Root");
    tell(p, "", "chain, validity and revocation list were looked at by each node");
    return e;
}

err_t
step_resolve(struct play *p)
{
    struct world_call call = { .to = p->hospital,
                               .door = WORLD_INTERNAL,
                               .method = HTTP_GET };
    struct world_reply reply;
    err_t e;

    call.path = arena_printf(p->cx->arena, "/internal/vdr/v2/did/%.*s",
                             STR(part_of_path(p->cx, p->homecare->did)));
    if (call.path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = want(p, &call, 200, &reply)) != ERR_OK)
        return e;
    if (!str_eq(json_get_text(json_get(reply.v, "document"), "id"), p->homecare->did))
        return refuse(p->cx, ERR_UPSTREAM, "", "another document was found");
    if (!str_eq(json_get_text(
                    json_at(json_path(reply.v, "document", "verificationMethod", NULL), 0),
                    "id"),
                p->homecare->kid))
        return refuse(p->cx, ERR_UPSTREAM, "", "the document has another key");
    tell(p, "proved", "what home care signs can be checked: its document has its key");
    tell(p, "vouched", "by https://%.*s, and by nobody in between", STR(p->homecare->host));
    return ERR_OK;
}
