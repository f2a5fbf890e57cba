/*
 * worker.c - what is in a worker: the store, the rooms, the doors.
 *
 *   worker_warm   the ways out (libcurl)
 *   worker_open   store ─► rooms ─► doors ─► jobs
 *   worker_close  jobs ─► doors ─► ways out ─► rooms ─► store
 *
 * Rule      A reload is all or nothing: a room that refuses new options leaves
 *           all rooms with the old ones.
 * Lifetime  One worker per process; all of it lives as long as that.
 * Source    Knoop. EUPL-1.2.
 */
#include <stdio.h>
#include <string.h>

#include "app/main/main_rooms.h"
#include "app/main/role_worker.h"
#include "app/main/worker_jobs.h"
#include "sys/http/fetch.h"
#include "sys/http/http.h"
#include "sys/http/tls.h"
#include "sys/operator/operator.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "sys/store/store.h"

enum { TICK_MS = 1000 };

static const struct {
    const char *name;
    const struct room *room;
} rooms[ROOM_COUNT] = {
#define ROOM(name, folder) [ROOM_##name] = { #name, &name##_room },
#include "lists/rooms.def"
#undef ROOM
};

err_t
worker_warm(struct ctx *cx, struct worker *w)
{
    return fetch_open(cx, w->sys.loop, w->role->conf, &w->sys.fetch);
}

/* Empty means SQLite in the one folder of the data folder that a worker may write. */
static err_t
store_place(struct ctx *cx, const struct conf *c, struct str *url)
{
    const char *folder;
    err_t e;

    *url = c->store_url;
    if (url->n > 0)
        return ERR_OK;
    if ((e = role_folder(cx, c, ROLE_FOLDER_STORE, &folder)) != ERR_OK)
        return e;
    *url = arena_printf(cx->arena, "sqlite://%s/" ROLE_DATABASE, folder);
    return url->p != NULL ? ERR_OK : refuse_memory(cx);
}

static err_t
open_rooms(struct ctx *cx, struct worker *w)
{
    for (int i = 0; i < ROOM_COUNT; i++) {
        err_t e;

        if (rooms[i].room == NULL || rooms[i].room->open == NULL)
            continue;
        if ((e = rooms[i].room->open(cx, &w->sys.state[i])) != ERR_OK) {
            log_error(cx, "%s does not open: %.*s", rooms[i].name, STR(cx->reason));
            return e;
        }
    }
    return ERR_OK;
}

/* What TLS asks the signer for; the names differ, the meaning does not. */
static err_t
sign_handshake(void *arg, struct str key_id, enum tls_sig_alg alg, struct bytes content,
               uint8_t *sig, size_t *n)
{
    static const enum sig_alg algs[TLS_SIG_COUNT] = {
        [TLS_ECDSA_P256_SHA256] = SIG_ES256, [TLS_ECDSA_P384_SHA384] = SIG_ES384,
        [TLS_RSA_PSS_SHA256] = SIG_PS256,    [TLS_RSA_PSS_SHA384] = SIG_PS384,
        [TLS_RSA_PSS_SHA512] = SIG_PS512,    [TLS_RSA_PKCS1_SHA256] = SIG_RS256,
        [TLS_RSA_PKCS1_SHA384] = SIG_RS384,  [TLS_RSA_PKCS1_SHA512] = SIG_RS512,
    };
    struct worker *w = arg;
    struct arena scratch;
    struct ctx cx;
    struct bytes signature;
    err_t e;

    arena_init(&scratch, 1 << 20);
    ctx_init(&cx, &scratch, os_now_ms());
    cx.sys = &w->sys;
    cx.conf = w->role->conf;
    e = keys_sign_tls(&cx, key_id, algs[alg], content, &signature);
    if (e == ERR_OK && signature.n > *n)
        e = refuse(&cx, ERR_INTERNAL, "", "a signature of %zu bytes", signature.n);
    if (e == ERR_OK) {
        memcpy(sig, signature.p, signature.n);
        *n = signature.n;
    } else {
        log_error(&cx, "TLS: the signer: %.*s", STR(cx.reason));
    }
    arena_fini(&scratch);
    return e;
}

/*
 * A caller who proved nothing is counted per source and minute: a flood of
 * them does not fill the disk. Without an auditor the count would be lost.
 */
static err_t
put_event(struct ctx *cx, const struct audit_record *record)
{
    err_t e;

    if (record->event != AUDIT_UNAUTHENTICATED || record->outcome != AUDIT_DENIED)
        return audit_put(cx, record);
    if ((e = audit_ready(cx)) != ERR_OK)
        return e;
    return audit_count_refusal(cx, record->source_ip, record->what);
}

/* When its minute is over a count becomes an event, though nobody else comes. */
static void
on_tick(struct loop_timer *tick)
{
    struct worker *w = container_of(tick, struct worker, tick);
    struct arena scratch;
    struct ctx cx;

    arena_init(&scratch, 1 << 20);
    ctx_init(&cx, &scratch, os_now_ms());
    cx.sys = &w->sys;
    audit_tick(&cx);
    arena_fini(&scratch);
    if (!loop_timer_set(w->sys.loop, tick, loop_clock() + TICK_MS))
        log_warn(NULL, "no memory for a timer: refusals are logged when more come");
}

static err_t
open_doors(struct ctx *cx, struct worker *w)
{
    static struct tls_signer signer = { .sign = sign_handshake };
    int outside[ROLE_DOORS_MAX], inside[ROLE_DOORS_MAX];
    struct http_setup setup = {
        .conf = w->role->conf,
        .sys = &w->sys,
        .loop = w->sys.loop,
        .public_fds = outside,
        .internal_fds = inside,
        .audit_put = put_event,
        .operator_check = operator_check,
        .tls_signer = &signer,
    };

    signer.arg = w;
    setup.tables = main_routes(&setup.table_count);
    for (size_t i = 0; i < w->role->door_n; i++)
        if (w->role->doors[i].which == ROLE_DOOR_PUBLIC)
            outside[setup.public_count++] = w->role->doors[i].fd;
        else
            inside[setup.internal_count++] = w->role->doors[i].fd;
    return http_open(cx, &setup, &w->sys.http);
}

static err_t
open_jobs(struct ctx *cx, struct worker *w)
{
    err_t e = jobs_open(cx, &w->sys, w->role->conf);

    for (int i = 0; i < ROOM_COUNT && e == ERR_OK; i++)
        if (rooms[i].room != NULL)
            e = jobs_add(cx, rooms[i].room->jobs, w->sys.state[i]);
    return e;
}

err_t
worker_open(struct ctx *cx, struct worker *w)
{
    struct str url;
    err_t e;

    if ((e = store_place(cx, w->role->conf, &url)) != ERR_OK ||
        (e = store_open(cx, url, &w->sys.store)) != ERR_OK ||
        (e = open_rooms(cx, w)) != ERR_OK || (e = open_doors(cx, w)) != ERR_OK)
        return e;
    w->tick.fn = on_tick;
    on_tick(&w->tick);
    return w->role->number == 0 ? open_jobs(cx, w) : ERR_OK;
}

static err_t
reload_rooms(struct ctx *cx, struct worker *w, int *failed)
{
    for (*failed = 0; *failed < ROOM_COUNT; (*failed)++) {
        const struct room *room = rooms[*failed].room;
        err_t e =
            room != NULL && room->reload ? room->reload(cx, w->sys.state[*failed]) : ERR_OK;

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* Who took the new options goes back to the old ones. */
static void
go_back(struct ctx *cx, struct worker *w, int rooms_done)
{
    cx->conf = w->role->conf;
    for (int i = 0; i < rooms_done; i++)
        if (rooms[i].room != NULL && rooms[i].room->reload != NULL &&
            rooms[i].room->reload(cx, w->sys.state[i]) != ERR_OK)
            log_error(cx, "%s does not go back to the old options: %.*s", rooms[i].name,
                      STR(cx->reason));
    if (fetch_reload(cx, w->sys.fetch, w->role->conf) != ERR_OK)
        log_error(cx, "fetch does not go back to the old options: %.*s", STR(cx->reason));
}

err_t
worker_reload(struct ctx *cx, struct worker *w, struct conf *fresh)
{
    const struct conf *old = cx->conf;
    char why[256];
    int done = 0;
    err_t e;

    cx->conf = fresh;
    if ((e = fetch_reload(cx, w->sys.fetch, fresh)) == ERR_OK &&
        (e = reload_rooms(cx, w, &done)) == ERR_OK &&
        (e = http_reload(cx, w->sys.http, fresh)) == ERR_OK)
        return ERR_OK;
    snprintf(why, sizeof(why), "%.*s", STR(cx->reason));
    go_back(cx, w, done);
    cx->conf = old;
    return refuse(cx, e, "", "%s", why);
}

static void
drained(void *arg)
{
    loop_stop(arg);
}

void
worker_drain(struct worker *w)
{
    http_drain(w->sys.http, drained, w->sys.loop);
}

void
worker_close(struct worker *w)
{
    jobs_close();
    http_close(w->sys.http);
    fetch_close(w->sys.fetch);
    for (int i = ROOM_COUNT - 1; i >= 0; i--)
        if (rooms[i].room != NULL && rooms[i].room->close != NULL)
            rooms[i].room->close(w->sys.state[i]);
    store_close(w->sys.store);
}
