/*
 * vc_crl.c - certificate revocation lists, had before they are needed.
 *
 *      url -> list, when it was fetched      (per worker, in memory and store)
 *
 *      first use   fetched while the request waits; fails closed
 *      job         fetches again what is older than vc.crl.refresh
 *      fetch fails the old list serves until its own nextUpdate, not longer
 *
 * Rule    RFC 5280 6.3. Distribution points of a verified chain alone are asked:
 *         a stranger's certificate makes us fetch nothing.
 * Trust   A list is worth its signature: x509_verify looks at that.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "base/log.h"
#include "sys/conf/conf.h"
#include "sys/room.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS_MAX = 256, RETRY_MS = 60000 };

struct list {
    char *url; /* heap; NULL: free */
    struct crl *crl;
    int64_t fetched_ms; /* 0: never */
    int64_t tried_ms;
    int64_t until_ms; /* nextUpdate */
};

struct vc__crls {
    pthread_mutex_t lock;
    vc__crl_get *get;
    struct list list[LISTS_MAX];
    size_t n;
};

struct vc__crls *
vc__crls_new(vc__crl_get *get)
{
    struct vc__crls *c = calloc(1, sizeof(*c));

    if (c != NULL)
        c->get = get;
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
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Under the lock. NULL when the table is full or there is no memory. */
static struct list *
list_of(struct vc__crls *c, struct str url)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (str_is(url, c->list[i].url))
            return &c->list[i];
    if (c->n == LISTS_MAX)
        return NULL;
    c->list[c->n] = (struct list){ .url = strndup(url.p, url.n) };
    return c->list[c->n].url == NULL ? NULL : &c->list[c->n++];
}

/* A good list, held for the caller; NULL when there is none, or none still current. */
static struct crl *
held(struct ctx *cx, struct vc__crls *c, struct str url, bool *stale)
{
    struct crl *found = NULL;
    struct list *l;

    pthread_mutex_lock(&c->lock);
    l = list_of(c, url);
    *stale = l == NULL || l->fetched_ms == 0 ||
             cx->now_ms - l->fetched_ms > cx->conf->vc_crl_refresh;
    if (l != NULL && l->crl != NULL && (l->until_ms == 0 || cx->now_ms < l->until_ms))
        found = crl_ref(l->crl);
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void
keep(struct ctx *cx, struct vc__crls *c, struct str url, struct crl *crl)
{
    struct list *l;
    int64_t from, to;

    crl_period(crl, &from, &to);
    pthread_mutex_lock(&c->lock);
    l = list_of(c, url);
    if (l != NULL) {
        crl_free(l->crl);
        *l = (struct list){ .url = l->url,
                            .crl = crl_ref(crl),
                            .fetched_ms = cx->now_ms,
                            .tried_ms = cx->now_ms,
                            .until_ms = to };
    }
    pthread_mutex_unlock(&c->lock);
}

static err_t
fetch_list(struct ctx *cx, struct vc__crls *c, struct str url, struct crl **out)
{
    struct crl *crl = NULL;
    struct bytes der;
    int64_t from, to;
    err_t e;

    *out = NULL;
    if ((e = c->get(cx, url, &der)) != ERR_OK || (e = crl_parse(cx, der, &crl)) != ERR_OK)
        return e;
    crl_period(crl, &from, &to);
    if (to != 0 && to <= cx->now_ms) {
        crl_free(crl);
        return refuse(cx, ERR_UPSTREAM, "RFC 5280 6.3",
                      "the list fetched is past its time");
    }
    keep(cx, c, url, crl);
    *out = crl;
    return ERR_OK;
}

/* From memory, or fetched; with the old one where fetching fails. */
static err_t
list_at(struct ctx *cx, struct vc__crls *c, struct str url, struct crl **out)
{
    bool stale;
    struct crl *old = held(cx, c, url, &stale), *fresh = NULL;
    err_t e = ERR_OK;

    /* A current one serves: the job sees to it that it does not grow old. */
    if (old == NULL)
        e = fetch_list(cx, c, url, &fresh);
    *out = fresh != NULL ? fresh : old;
    return *out != NULL ? ERR_OK : e;
}

static err_t
lists_of(struct ctx *cx, struct vc__crls *c, const struct cert *cert, struct crl **out,
         size_t *n, size_t room)
{
    struct cert_texts urls;
    size_t i;
    err_t e = cert_crl_urls(cx, cert, &urls), last = ERR_OK;

    if (e != ERR_OK)
        return e;
    if (urls.count == 0)
        return refuse(cx, ERR_CERT_STATUS_UNKNOWN, "RFC 5280 4.2.1.13",
                      "a certificate names no place where its revocation could be seen");
    for (i = 0; i < urls.count && *n < room; i++) {
        last = list_at(cx, c, urls.at[i], &out[*n]);
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
    for (i = 0; i + 1 < chain->count && e == ERR_OK; i++) /* the root vouches for itself */
        e = lists_of(cx, c, chain->at[i], lists, &n, chain->count);
    if (e != ERR_OK) {
        while (n != 0)
            crl_free(lists[--n]);
        return e;
    }
    *out = lists;
    *count = n;
    return ERR_OK;
}

/* The next list that is due, its URL copied; false when none is. */
static bool
next_due(struct ctx *cx, struct vc__crls *c, struct str *url)
{
    struct list *l;
    size_t i;
    bool due = false;

    pthread_mutex_lock(&c->lock);
    for (i = 0; i < c->n && !due; i++) {
        l = &c->list[i];
        due = cx->now_ms - l->tried_ms >= RETRY_MS &&
              (cx->now_ms - l->fetched_ms >= cx->conf->vc_crl_refresh ||
               (l->until_ms != 0 && l->until_ms - cx->now_ms < cx->conf->vc_crl_refresh));
        if (due) {
            l->tried_ms = cx->now_ms;
            *url = arena_str(cx->arena, str_of(l->url));
            due = url->p != NULL;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return due;
}

err_t
vc__crls_refresh(struct ctx *cx, void *state)
{
    struct vc__state *s = state;
    struct crl *crl;
    struct str url;
    err_t e = ERR_OK, last = ERR_OK;

    while (next_due(cx, s->crls, &url)) {
        e = fetch_list(cx, s->crls, url, &crl);
        crl_free(crl);
        if (e != ERR_OK) {
            last = e;
            log_warn(cx, "a revocation list was not renewed: %.*s", STR(cx->reason));
        }
    }
    return last;
}
