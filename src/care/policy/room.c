/*
 * room.c - policies from their folder, and the set in force in this worker.
 *
 * Rule      house.md: a policy is a folder, dropped in, found at start; SIGHUP
 *           reads again, and what is invalid is named and the old stays.
 * Trust     Folder and files are the operator's.
 * Lifetime  The set in force changes under a lock; who took one keeps it. A set
 *           that was replaced stays for RETIRED_MS, longer than any request, so
 *           that a request may borrow from it while an upstream answers.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include "base/log.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/room.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1024 * 1024, FOLDERS_MAX = 256, RETIRED_MS = 2 * 3600 * 1000 };

/* A missing tests.json is an empty text: prove says what that means. */
static err_t
read_file(struct ctx *cx, struct str folder, struct str name, const char *file,
          struct str *out)
{
    struct str path = arena_printf(cx->arena, "%.*s/%.*s/%s", STR(folder), STR(name), file);
    struct bytes data;
    err_t e;

    *out = (struct str){ NULL, 0 };
    if (path.p == NULL)
        return refuse_memory(cx);
    e = os_read_file(cx, path.p, FILE_MAX, &data);
    if (e == ERR_NOT_FOUND) {
        refuse_clear(cx);
        return ERR_OK;
    }
    if (e == ERR_OK)
        *out = str_of_bytes(data);
    return e;
}

err_t
policy_sources(struct ctx *cx, struct str folder, struct policy_source **out, size_t *n)
{
    char *path = arena_z(cx->arena, folder);
    struct policy_source *list;
    struct str *names;
    size_t names_n;
    err_t e;

    *out = NULL;
    *n = 0;
    if (path == NULL)
        return refuse_memory(cx);
    if ((e = os_folder_list(cx, path, &names, &names_n)) != ERR_OK)
        return e;
    if (names_n > FOLDERS_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d policies", FOLDERS_MAX);
    if ((list = arena_array(cx->arena, names_n + 1, sizeof(*list))) == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < names_n; i++) {
        struct policy_source *s = &list[*n];

        s->name = names[i];
        if ((e = read_file(cx, folder, names[i], "policy.json", &s->policy)) != ERR_OK ||
            (e = read_file(cx, folder, names[i], "tests.json", &s->tests)) != ERR_OK)
            return e;
        *n += s->policy.p != NULL; /* a file, or a folder without a policy */
    }
    *out = list;
    return ERR_OK;
}

struct retired {
    struct policy_set *set;
    int64_t until_ms;
    struct retired *next;
};

struct state {
    pthread_mutex_t lock;
    struct policy_set *set;
    struct retired *retired; /* the newest first */
};

/* Gives back those of which the time has come. */
static void
bury(struct state *st, int64_t now_ms)
{
    struct retired **at = &st->retired;

    while (*at != NULL) {
        struct retired *r = *at;

        if (now_ms < r->until_ms) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        policy_set_give(r->set);
        free(r);
    }
}

/* Without memory the old set stays forever: that is safe, and small. */
static void
retire(struct state *st, struct policy_set *old, int64_t now_ms)
{
    struct retired *r = old != NULL ? malloc(sizeof(*r)) : NULL;

    if (r == NULL)
        return;
    *r = (struct retired){ old, now_ms + RETIRED_MS, st->retired };
    st->retired = r;
}

/* Without the folder nothing is shared, which is safe, and said aloud. */
static err_t
sources_in_force(struct ctx *cx, struct policy_source **out, size_t *n)
{
    err_t e = policy_sources(cx, cx->conf->policies_folder, out, n);

    if (e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    log_warn(cx, "there is no folder '%.*s': without policies nothing is shared",
             STR(cx->conf->policies_folder));
    return ERR_OK;
}

static err_t
load(struct ctx *cx, struct state *st)
{
    struct policy_source *source;
    struct policy_set *fresh, *old;
    size_t n, refused;
    err_t e;

    if ((e = sources_in_force(cx, &source, &n)) != ERR_OK ||
        (e = policy_set_new(cx, source, n, st->set, &fresh, &refused)) != ERR_OK)
        return e;
    pthread_mutex_lock(&st->lock);
    old = st->set;
    st->set = fresh;
    pthread_mutex_unlock(&st->lock);
    bury(st, cx->now_ms);
    retire(st, old, cx->now_ms);
    log_info(cx, "%zu policies in force, %zu refused", policy_count(fresh), refused);
    return ERR_OK;
}

static void
room_close(void *state)
{
    struct state *st = state;

    if (st == NULL)
        return;
    policy_set_give(st->set);
    bury(st, INT64_MAX);
    pthread_mutex_destroy(&st->lock);
    free(st);
}

static err_t
room_open(struct ctx *cx, void **state)
{
    struct state *st = calloc(1, sizeof(*st));
    err_t e;

    *state = NULL;
    if (st == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    pthread_mutex_init(&st->lock, NULL);
    if ((e = load(cx, st)) != ERR_OK) {
        room_close(st);
        return e;
    }
    *state = st;
    return ERR_OK;
}

static err_t
room_reload(struct ctx *cx, void *state)
{
    return load(cx, state);
}

struct policy_set *
policy_now(struct ctx *cx)
{
    struct state *st = cx->sys != NULL ? ROOM_STATE(cx, policy) : NULL;
    struct policy_set *set;

    if (st == NULL)
        return NULL;
    pthread_mutex_lock(&st->lock);
    set = policy_set_take(st->set);
    pthread_mutex_unlock(&st->lock);
    return set;
}

static err_t
room_health(struct ctx *cx, void *state, struct str *detail)
{
    struct policy_set *set = policy_now(cx);

    (void)state;
    *detail = arena_printf(cx->arena, "%zu policies in force", policy_count(set));
    policy_set_give(set);
    return detail->p == NULL ? refuse_memory(cx) : ERR_OK;
}

const struct room policy_room = {
    .open = room_open,
    .reload = room_reload,
    .health = room_health,
    .close = room_close,
};
