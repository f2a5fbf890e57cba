/*
 * vc_proven.c - chains that were proven before, so that who presents the same
 * certificate again costs no signatures of CAs again.
 *
 *      id of (chain, did:x509, roots in force) -> certificates, document
 *
 * Rule    Only what never changes is remembered: that this chain leads to that root,
 *         and what it proves. Periods and revocation are asked each time.
 * Trust   Only chains of configured CAs come in here, so strangers do not fill it.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PROVEN_MAX = 256 }; /* about 10 kB each: an organisation's certificate */

struct entry {
    uint8_t id[32];
    struct cert *at[VC_CHAIN_MAX];
    size_t count; /* 0: free */
    char *document;
    size_t document_n;
    uint64_t used;
};

struct vc__proven {
    pthread_mutex_t lock;
    uint64_t clock;
    struct entry entry[PROVEN_MAX];
};

struct vc__proven *
vc__proven_new(void)
{
    struct vc__proven *p = calloc(1, sizeof(*p));

    if (p != NULL && pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return NULL;
    }
    return p;
}

static void
clear(struct entry *e)
{
    while (e->count != 0)
        cert_free(e->at[--e->count]);
    free(e->document);
    *e = (struct entry){ .count = 0 };
}

void
vc__proven_forget(struct vc__proven *p)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PROVEN_MAX; i++)
        clear(&p->entry[i]);
    pthread_mutex_unlock(&p->lock);
}

void
vc__proven_free(struct vc__proven *p)
{
    if (p == NULL)
        return;
    vc__proven_forget(p);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Under the lock. */
static struct entry *
find(struct vc__proven *p, const uint8_t id[32])
{
    for (size_t i = 0; i < PROVEN_MAX; i++)
        if (p->entry[i].count != 0 && memcmp(p->entry[i].id, id, 32) == 0)
            return &p->entry[i];
    return NULL;
}

bool
vc__proven_find(struct ctx *cx, struct vc__proven *p, struct vc__chain *c)
{
    struct entry *e;

    pthread_mutex_lock(&p->lock);
    if ((e = find(p, c->id)) != NULL) {
        e->used = ++p->clock;
        c->document = arena_str(cx->arena, (struct str){ e->document, e->document_n });
        for (; c->document.p != NULL && c->held < e->count; c->held++)
            c->at[c->held] = cert_ref(e->at[c->held]);
    }
    pthread_mutex_unlock(&p->lock);
    return c->document.p != NULL;
}

/* Under the lock: a CA that is held already is held once. */
static struct cert *
shared(const struct vc__proven *p, struct cert *c)
{
    for (size_t i = 0; i < PROVEN_MAX; i++)
        for (size_t k = 1; k < p->entry[i].count; k++)
            if (bytes_eq(cert_der(p->entry[i].at[k]), cert_der(c)))
                return cert_ref(p->entry[i].at[k]);
    return cert_ref(c);
}

/* Under the lock: a free one, or that which was used longest ago. */
static struct entry *
room(struct vc__proven *p)
{
    struct entry *oldest = &p->entry[0];

    for (size_t i = 0; i < PROVEN_MAX; i++) {
        if (p->entry[i].count == 0)
            return &p->entry[i];
        if (p->entry[i].used < oldest->used)
            oldest = &p->entry[i];
    }
    clear(oldest);
    return oldest;
}

void
vc__proven_keep(struct vc__proven *p, const struct vc__chain *c, struct str document)
{
    char *copy = malloc(document.n + 1);
    struct entry *e;

    if (copy == NULL)
        return; /* it will be proven again */
    memcpy(copy, document.p, document.n);
    copy[document.n] = '\0';
    pthread_mutex_lock(&p->lock);
    if (find(p, c->id) == NULL) {
        e = room(p);
        memcpy(e->id, c->id, sizeof(e->id));
        for (size_t i = 0; i < c->held; i++)
            e->at[i] = i == 0 ? cert_ref(c->at[0]) : shared(p, c->at[i]);
        e->count = c->held;
        e->document = copy;
        e->document_n = document.n;
        e->used = ++p->clock;
        copy = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    free(copy);
}
