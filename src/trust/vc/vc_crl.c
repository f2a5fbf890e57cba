/*
 * vc_crl.c - certificate revocation lists, had before they are needed.
 *
 *      url -> list, its CA, when it was fetched      (per worker, in memory)
 *
 *      first use   fetched while the request waits; fails closed
 *      job         fetches again what is older than vc.crl.refresh
 *      overdue     a worker without the job fetches while a request waits
 *      fetch fails the old list serves until its own nextUpdate, not longer
 *
 * Rule    RFC 5280 6.3. Distribution points of a verified chain alone are asked:
 *         a stranger's certificate makes us fetch nothing.
 * Trust   It may come over plain http: only a list that its CA signed is kept, and
 *         never one older than what is held. x509_verify looks at all the rest.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "base/log.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/room.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS_MAX = 256, RETRY_MS = 60000, FETCH_MS = 10000 };

struct list {
    char *url; /* heap */
    struct crl *crl;
    struct cert *issuer; /* who must have signed the next one */
    int64_t fetched_ms, tried_ms;
    int64_t from_ms, until_ms; /* thisUpdate, nextUpdate */
};

struct vc__crls {
    pthread_mutex_t lock;
    struct list list[LISTS_MAX];
    size_t n;
};

struct vc__crls *
vc__crls_new(void)
{
    struct vc__crls *c = calloc(1, sizeof(*c));

    if (c != NULL && pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

void
vc__crls_free(struct vc__crls *c)
{
    size_t i;

    if (c == NULL)
        return;
    for (i = 0; i < c->n; i++) {
        free(c->list[i].url);
        crl_free(c->list[i].crl);
        cert_free(c->list[i].issuer);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Under the lock. NULL when it is not there: a CA with a new key has a list of its own. */
static struct list *
find(struct vc__crls *c, struct str url, const struct cert *issuer)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (str_is(url, c->list[i].url) &&
            bytes_eq(cert_der(c->list[i].issuer), cert_der(issuer)))
            return &c->list[i];
    return NULL;
}

/* Under the lock. NULL when the table is full or there is no memory. */
static struct list *
add(struct vc__crls *c, struct str url, struct cert *issuer)
{
    char *copy = c->n < LISTS_MAX ? strndup(url.p, url.n) : NULL;

    if (copy == NULL)
        return NULL;
    c->list[c->n] = (struct list){ .url = copy, .issuer = cert_ref(issuer) };
    return &c->list[c->n++];
}

/*
 * A current list, held for the caller; NULL when there is none. `overdue`: the job
 * of this worker did not renew it, and it is this caller's turn to try.
 */
static struct crl *
held(struct ctx *cx, struct vc__crls *c, struct str url, const struct cert *issuer,
     bool *overdue)
{
    struct crl *found = NULL;
    struct list *l;

    *overdue = false;
    pthread_mutex_lock(&c->lock);
    l = find(c, url, issuer);
    if (l != NULL && cx->now_ms < l->until_ms) {
        found = crl_ref(l->crl);
        *overdue = !cx->may_not_block && cx->now_ms - l->tried_ms >= RETRY_MS &&
                   cx->now_ms - l->fetched_ms >= cx->conf->vc_crl_refresh + 2 * RETRY_MS;
        if (*overdue)
            l->tried_ms = cx->now_ms;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* False when a newer one is held. Without room it serves this once. */
static bool
keep(struct ctx *cx, struct vc__crls *c, struct str url, struct crl *crl,
     struct cert *issuer)
{
    struct list *l;
    struct crl *old = NULL;
    int64_t from, to;
    bool newer;

    crl_period(crl, &from, &to);
    pthread_mutex_lock(&c->lock);
    if ((l = find(c, url, issuer)) == NULL)
        l = add(c, url, issuer);
    newer = l == NULL || from >= l->from_ms;
    if (l != NULL && newer) {
        old = l->crl;
        *l = (struct list){ l->url,     crl_ref(crl), l->issuer, cx->now_ms,
                            cx->now_ms, from,         to };
    }
    pthread_mutex_unlock(&c->lock);
    crl_free(old);
    return newer;
}

/* From a distribution point of a configured CA: plain http is allowed, capped. */
static err_t
get(struct ctx *cx, struct str url, struct bytes *der)
{
    struct fetch_request in = { .trust = FETCH_CRL,
                                .method = HTTP_GET,
                                .url = url,
                                .body_max = (size_t)cx->conf->vc_crl_most,
                                .timeout_ms = FETCH_MS };
    struct fetch_reply reply;
    err_t e;

    if ((e = fetch(cx, &in, &reply)) != ERR_OK)
        return e;
    if (reply.status != 200)
        return refuse(cx, ERR_UPSTREAM, "RFC 5280 6.3",
                      "the distribution point answered %d", reply.status);
    *der = reply.body;
    return ERR_OK;
}

static err_t
check_list(struct ctx *cx, const struct crl *crl, const struct cert *issuer)
{
    int64_t from, to;

    crl_period(crl, &from, &to);
    if (from > cx->now_ms || to <= cx->now_ms) /* without nextUpdate: good until when? */
        return refuse(cx, ERR_UPSTREAM, "RFC 5280 5.1.2.5",
                      "the list fetched is not of this time, or has no end");
    return crl_signed_by(cx, crl, issuer);
}

static err_t
fetch_list(struct ctx *cx, struct vc__crls *c, struct str url, struct cert *issuer,
           struct crl **out)
{
    scoped(crl_drop) struct crl *crl = NULL;
    struct bytes der;
    err_t e;

    *out = NULL;
    if ((e = get(cx, url, &der)) != ERR_OK || (e = crl_parse(cx, der, &crl)) != ERR_OK ||
        (e = check_list(cx, crl, issuer)) != ERR_OK)
        return e;
    if (!keep(cx, c, url, crl, issuer))
        return refuse(cx, ERR_UPSTREAM, "RFC 5280 6.3",
                      "the list fetched is older than the one that is held");
    *out = crl_ref(crl);
    return ERR_OK;
}

/* From memory, or fetched; with the old one where fetching again fails. */
static err_t
list_at(struct ctx *cx, struct vc__crls *c, struct str url, struct cert *issuer,
        struct crl **out)
{
    struct crl *fresh;
    bool overdue;

    *out = held(cx, c, url, issuer, &overdue);
    if (*out == NULL)
        return fetch_list(cx, c, url, issuer, out);
    if (!overdue)
        return ERR_OK;
    if (fetch_list(cx, c, url, issuer, &fresh) != ERR_OK) {
        log_warn(cx, "a revocation list was not renewed: %.*s", STR(cx->reason));
        refuse_clear(cx);
        return ERR_OK;
    }
    crl_free(*out);
    *out = fresh;
    return ERR_OK;
}

static err_t
lists_of(struct ctx *cx, struct vc__crls *c, const struct cert *cert, struct cert *issuer,
         struct crl **out, size_t *n)
{
    struct cert_texts urls;
    size_t i;
    err_t e = cert_crl_urls(cx, cert, &urls), last = ERR_OK;

    if (e != ERR_OK)
        return e;
    if (urls.count == 0)
        return refuse(cx, ERR_CERT_STATUS_UNKNOWN, "RFC 5280 4.2.1.13",
                      "a certificate names no place where its revocation could be seen");
    for (i = 0; i < urls.count; i++) {
        last = list_at(cx, c, urls.at[i], issuer, &out[*n]);
        if (last == ERR_OK) {
            ++*n;
            return ERR_OK; /* the places of one certificate hold the same */
        }
        if (last == ERR_WOULD_BLOCK || last == ERR_NO_MEMORY)
            return last;
    }
    log_warn(cx, "revocation list of a configured CA could not be had: %.*s",
             STR(cx->reason));
    return refuse(cx, ERR_CERT_STATUS_UNKNOWN, "RFC 5280 6.3",
                  "no revocation list could be had for a certificate of the chain");
}

err_t
vc__crls_for(struct ctx *cx, struct vc__crls *c, const struct x509_chain *chain,
             struct crl ***out, size_t *count)
{
    struct crl **lists = arena_array(cx->arena, chain->count + 1, sizeof(*lists));
    size_t i, n = 0;
    err_t e = ERR_OK;

    *out = NULL;
    *count = 0;
    if (lists == NULL)
        return refuse_memory(cx);
    for (i = 0; i + 1 < chain->count && e == ERR_OK; i++) { /* the root: its own word */
        struct cert *issuer;

        memcpy(&issuer, &chain->at[i + 1], sizeof(struct cert *)); /* to be counted */
        e = lists_of(cx, c, chain->at[i], issuer, lists, &n);
    }
    if (e != ERR_OK) {
        while (n != 0)
            crl_free(lists[--n]);
        return e;
    }
    *out = lists;
    *count = n;
    return ERR_OK;
}

/* The next list that is due, its CA held; false: none. Without memory its URL is none. */
static bool
next_due(struct ctx *cx, struct vc__crls *c, struct str *url, struct cert **issuer)
{
    int64_t refresh = cx->conf->vc_crl_refresh;
    struct list *l;
    size_t i;
    bool due = false;

    pthread_mutex_lock(&c->lock);
    for (i = 0; i < c->n && !due; i++) {
        l = &c->list[i];
        due = cx->now_ms - l->tried_ms >= RETRY_MS &&
              (cx->now_ms - l->fetched_ms >= refresh || l->until_ms - cx->now_ms < refresh);
        if (due) {
            l->tried_ms = cx->now_ms;
            *url = arena_str(cx->arena, str_of(l->url));
            *issuer = cert_ref(l->issuer);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return due;
}

err_t
vc__crls_refresh(struct ctx *cx, void *state)
{
    struct vc__state *s = state;
    struct cert *issuer;
    struct str url;
    err_t e, last = ERR_OK;

    while (next_due(cx, s->crls, &url, &issuer)) {
        struct crl *crl = NULL;

        e = url.p == NULL ? refuse_memory(cx) : fetch_list(cx, s->crls, url, issuer, &crl);
        crl_free(crl);
        cert_free(issuer);
        if (e != ERR_OK) {
            last = e;
            log_warn(cx, "a revocation list was not renewed: %.*s", STR(cx->reason));
        }
    }
    return last;
}
