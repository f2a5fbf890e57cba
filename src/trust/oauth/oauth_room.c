/*
 * oauth_room.c - the room's table, and what it keeps in a worker.
 *
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/cache/cache.h"

enum {
    KEYS_CACHED = 4096,     /* DPoP keys, imported */
    REMOTE_CACHE = 4 << 20, /* bytes */
    TOKENS_CACHE = 8 << 20, /* bytes: some ten thousand tokens */
    OPENED_CACHE = 2 << 20, /* bytes: some two thousand */
    SWEEP_MS = 60 * 1000,
    MINUTE_MS = 60 * 1000,
    TOLD_MAX = 120, /* in a minute and worker: 100 MB of log a day at most */
};

err_t
oauth__refuse_as(struct ctx *cx, err_t code, const char *clause, err_t was)
{
    char kept[sizeof(cx->reason_room)];
    size_t n = cx->reason.n < sizeof(kept) ? cx->reason.n : sizeof(kept);

    if (n != 0)
        memcpy(kept, cx->reason.p, n);
    return refuse(cx, code, clause, "%s: %.*s", err_row(was)->name, (int)n, kept);
}

struct oauth__scopes *
oauth__scopes_now(struct ctx *cx)
{
    struct oauth__state *s = cx->sys != NULL ? ROOM_STATE(cx, oauth) : NULL;
    struct oauth__scopes *scopes;

    if (s == NULL)
        return NULL;
    pthread_mutex_lock(s->lock_);
    scopes = oauth__scopes_take(s->scopes);
    pthread_mutex_unlock(s->lock_);
    return scopes;
}

bool
oauth__is_told(struct ctx *cx)
{
    struct oauth__state *s = cx->sys != NULL ? ROOM_STATE(cx, oauth) : NULL;
    bool told;

    if (s == NULL)
        return true;
    pthread_mutex_lock(s->lock_);
    if (s->told_minute != cx->now_ms / MINUTE_MS) {
        s->told_minute = cx->now_ms / MINUTE_MS;
        s->told = 0;
    }
    if ((told = s->told < TOLD_MAX))
        s->told++;
    pthread_mutex_unlock(s->lock_);
    return told;
}

bool
oauth__is_forgotten(struct ctx *cx, int64_t made_ms, int64_t ahead_ms)
{
    struct oauth__state *s = cx->sys != NULL ? ROOM_STATE(cx, oauth) : NULL;
    int64_t uptime_ms = s != NULL ? s->uptime_ms() : os_uptime_ms();

    return made_ms < cx->now_ms - uptime_ms ||
           (s != NULL && made_ms < store_once_since(cx->sys->store) + ahead_ms);
}

static err_t
reload_room(struct ctx *cx, void *state)
{
    struct oauth__state *s = state;
    struct oauth__scopes *fresh, *old;
    err_t e = oauth__scopes_load(cx, &fresh);

    if (e != ERR_OK)
        return e;
    pthread_mutex_lock(s->lock_);
    old = s->scopes;
    s->scopes = fresh;
    pthread_mutex_unlock(s->lock_);
    oauth__scopes_drop(&old);
    log_info(cx, "%zu scopes have presentation definitions", oauth__scopes_count(fresh));
    return ERR_OK;
}

static void
close_room(void *state)
{
    struct oauth__state *s = state;

    if (s == NULL)
        return;
    oauth__scopes_drop(&s->scopes);
    jwk_cache_free(s->keys);
    cache_free(s->remote);
    cache_free(s->tokens);
    cache_free(s->opened);
    if (s->lock_ != NULL)
        pthread_mutex_destroy(s->lock_);
    free(s->lock_);
    free(s);
}

static err_t
open_room(struct ctx *cx, void **state)
{
    struct oauth__state *s = calloc(1, sizeof(*s));
    err_t e;

    *state = NULL;
    if (s == NULL || (s->lock_ = calloc(1, sizeof(pthread_mutex_t))) == NULL ||
        pthread_mutex_init(s->lock_, NULL) != 0 ||
        (s->keys = jwk_cache_new(KEYS_CACHED)) == NULL ||
        (s->remote = cache_new(REMOTE_CACHE)) == NULL ||
        (s->tokens = cache_new(TOKENS_CACHE)) == NULL ||
        (s->opened = cache_new(OPENED_CACHE)) == NULL) {
        close_room(s);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for the room of tokens");
    }
    s->uptime_ms = os_uptime_ms;
    if ((e = reload_room(cx, s)) != ERR_OK) {
        close_room(s);
        return e;
    }
    *state = s;
    return ERR_OK;
}

static err_t
health(struct ctx *cx, void *state, struct str *detail)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *s = oauth__scopes_now(cx);

    (void)state;
    *detail = arena_printf(cx->arena, "%zu scopes", oauth__scopes_count(s));
    return detail->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static const struct room_job jobs[] = {
    { .name = "oauth-sweep", .every_ms = SWEEP_MS, .fn = oauth__sweep },
    { 0 },
};

const struct room oauth_room = {
    .routes = oauth__routes,
    .jobs = jobs,
    .open = open_room,
    .reload = reload_room,
    .health = health,
    .close = close_room,
};
