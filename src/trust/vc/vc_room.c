/*
 * vc_room.c - what the room keeps in each worker: the roots that may vouch, revocation
 * lists, chains proven before, keys seen before.
 *
 * Trust   vc.x509.roots is the operator's file: certificates of CAs, or it is refused
 *         and the old ones stay.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/room.h"

#include <pthread.h>
#include <stdlib.h>

enum { ROOTS_FILE_MAX = 1024 * 1024, ROOTS_MAX = 64, KEYS_CACHED = 4096 };

static void
free_roots(struct cert **roots, size_t n)
{
    while (n != 0)
        cert_free(roots[--n]);
    free(roots);
}

/* All certificates of the PEM file, each a CA. */
static err_t
read_roots(struct ctx *cx, struct str path, struct cert **roots, size_t *n)
{
    struct bytes file, der;
    struct str rest, label;
    err_t e = os_read_file(cx, path.p, ROOTS_FILE_MAX, &file);

    if (e != ERR_OK)
        return e;
    rest = str_of_bytes(file);
    while ((e = pem_next(cx, &rest, &label, &der)) == ERR_OK) {
        if (!str_is(label, "CERTIFICATE"))
            continue;
        if (*n == ROOTS_MAX)
            return refuse(cx, ERR_CONF, "", "vc.x509.roots: more than %d certificates",
                          ROOTS_MAX);
        if ((e = cert_parse(cx, der, &roots[*n])) != ERR_OK)
            return e;
        if (!cert_is_ca(roots[(*n)++]))
            return refuse(cx, ERR_CONF, "RFC 5280 4.2.1.9",
                          "vc.x509.roots: certificate %zu is no CA's", *n);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    return *n != 0 ? ERR_OK
                   : refuse(cx, ERR_CONF, "",
                            "vc.x509.roots: there is no certificate in the file");
}

static err_t
reload_room(struct ctx *cx, void *state)
{
    struct vc__state *s = state;
    struct cert **roots = calloc(ROOTS_MAX, sizeof(struct cert *)), **old;
    size_t n = 0, old_n;
    err_t e = ERR_OK;

    if (roots == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for roots");
    if (cx->conf->vc_x509_roots.n != 0)
        e = read_roots(cx, cx->conf->vc_x509_roots, roots, &n);
    if (e != ERR_OK) {
        free_roots(roots, n);
        return e;
    }
    pthread_mutex_lock(s->lock_);
    old = s->roots;
    old_n = s->roots_count;
    s->roots = roots;
    s->roots_count = n;
    s->roots_age++;
    pthread_mutex_unlock(s->lock_);
    free_roots(old, old_n);
    vc__proven_forget(s->proven);
    return ERR_OK;
}

static void
close_room(void *state)
{
    struct vc__state *s = state;

    if (s == NULL)
        return;
    free_roots(s->roots, s->roots_count);
    vc__crls_free(s->crls);
    vc__proven_free(s->proven);
    jwk_cache_free(s->keys);
    if (s->lock_ != NULL)
        pthread_mutex_destroy(s->lock_);
    free(s->lock_);
    free(s);
}

static err_t
open_room(struct ctx *cx, void **state)
{
    struct vc__state *s = calloc(1, sizeof(*s));
    err_t e;

    *state = NULL;
    if (s == NULL || (s->lock_ = calloc(1, sizeof(pthread_mutex_t))) == NULL ||
        pthread_mutex_init(s->lock_, NULL) != 0 || (s->crls = vc__crls_new()) == NULL ||
        (s->proven = vc__proven_new()) == NULL ||
        (s->keys = jwk_cache_new(KEYS_CACHED)) == NULL) {
        close_room(s);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for the room of credentials");
    }
    if ((e = reload_room(cx, s)) != ERR_OK) {
        close_room(s);
        return e;
    }
    *state = s;
    return ERR_OK;
}

static const struct room_job jobs[] = {
    { .name = "vc-crls", .every_ms = 60000, .fn = vc__crls_refresh },
    { 0 },
};

const struct room vc_room = {
    .routes = vc__routes,
    .jobs = jobs,
    .open = open_room,
    .reload = reload_room,
    .close = close_room,
};
