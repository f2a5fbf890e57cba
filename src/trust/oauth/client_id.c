/*
 * client_id.c - is this client_id of the organisation that presents?
 *
 *      https://h:8443/base/oauth2/gp  ◄─►  did:web:h%3A8443:base:iam:<id>
 *
 * Rule      nuts-node.md 3.1, 11 B3: host and base path are those of the presenter's
 *           did:web; the operator names exceptions (oauth.client_exceptions).
 * Trust     Both texts are a stranger's. That he holds the DID is proven elsewhere.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include "sys/conf/conf.h"

static err_t
another(struct ctx *cx, const char *why)
{
    return refuse(cx, ERR_OAUTH_CLIENT, "nuts-node 11 B3", "%s", why);
}

/* "did=client_id", both whole. */
static bool
is_exception(const struct conf *conf, struct str client_id, struct str did)
{
    for (size_t i = 0; i < conf->oauth_client_exceptions.n; i++) {
        struct str rest = conf->oauth_client_exceptions.item[i];
        struct str who = str_cut(&rest, '=');

        if (str_eq(who, did) && str_eq(rest, client_id))
            return true;
    }
    return false;
}

/* ^[a-zA-Z0-9._-]+$: what stands in our URLs, and in those of every nuts-node. */
bool
oauth__is_subject(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
              (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.' || s.p[i] == '_' ||
              s.p[i] == '-'))
            return false;
    return s.n > 0 && s.n <= 255;
}

/* The last "/oauth2/<subject>" of it; false when it has none. */
static bool
split_client(struct str client_id, struct str *base)
{
    size_t slash = client_id.n;

    while (slash > 0 && client_id.p[slash - 1] != '/')
        slash--;
    *base = str_sub(client_id, 0, slash != 0 ? slash - 1 : 0);
    if (!oauth__is_subject(str_sub(client_id, slash, client_id.n)) ||
        !str_ends(*base, S("/oauth2")))
        return false;
    base->n -= sizeof("/oauth2") - 1;
    return true;
}

/* did:web:<host and base>, or that with :iam:<id>. */
static bool
is_of(struct str did, struct str base_did)
{
    struct str rest;

    if (!str_starts(did, base_did))
        return false;
    rest = str_sub(did, base_did.n, did.n);
    if (rest.n == 0)
        return true;
    if (!str_starts(rest, S(":iam:")))
        return false;
    rest = str_sub(rest, sizeof(":iam:") - 1, rest.n);
    return rest.n != 0 && str_find(rest, ':') == rest.n;
}

err_t
oauth__client_check(struct ctx *cx, struct str client_id, struct str did)
{
    struct str base, base_did;

    if (is_exception(cx->conf, client_id, did))
        return ERR_OK;
    if (!str_starts(did, S("did:web:")))
        return another(cx, "the presenter has no did:web, and no exception names it");
    if (!str_starts(client_id, S("https://")) &&
        (cx->conf->strictmode || !str_starts(client_id, S("http://"))))
        return another(cx, "client_id is no https URL");
    if (!split_client(client_id, &base))
        return another(cx, "client_id does not end with /oauth2/<subject>");
    if (did_web_of_url(cx, base, &base_did) != ERR_OK)
        return cx->arena->failed ? refuse_memory(cx)
                                 : another(cx, "client_id has no sound host or path");
    return is_of(did, base_did) ? ERR_OK
                                : another(cx, "client_id is of another host or base path");
}
