/*
 * role_worker.c - the process that meets strangers: opens, narrows, serves.
 *
 * Rule      Libraries, name service and OpenSSL are warm before the second
 *           narrowing; threads start after it. The supervisor's words come on
 *           the loop: a loop that hangs does not answer PING, and is replaced.
 * Trust     Whoever connects. After a break-in this process still has no key,
 *           no other process, and no file but those listed here.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role_worker.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/prim/prim.h"
#include "sys/stat/stat.h"

enum { PATHS_MAX = 64, SCRATCH = 8 << 20 };

/* --- narrowing ---------------------------------------------------------------- */

/* What the C library, OpenSSL and name service read. Never /etc as a whole. */
static const struct sandbox_path system_paths[] = {
    { "/usr", SANDBOX_READ | SANDBOX_EXEC },
    { "/lib", SANDBOX_READ | SANDBOX_EXEC },
    { "/lib64", SANDBOX_READ | SANDBOX_EXEC },
    { "/etc/ssl/certs", SANDBOX_READ },
    { "/etc/ssl/openssl.cnf", SANDBOX_READ },
    { "/etc/pki", SANDBOX_READ },
    { "/etc/ca-certificates", SANDBOX_READ },
    { "/etc/resolv.conf", SANDBOX_READ },
    { "/run/systemd/resolve", SANDBOX_READ },
    { "/etc/hosts", SANDBOX_READ },
    { "/etc/host.conf", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ },
    { "/etc/gai.conf", SANDBOX_READ },
    { "/etc/services", SANDBOX_READ },
    { "/etc/passwd", SANDBOX_READ },
    { "/etc/localtime", SANDBOX_READ },
    { "/etc/ld.so.cache", SANDBOX_READ },
    { "policies", SANDBOX_READ }, /* the default of policies.folder */
    { "/dev/null", SANDBOX_READ | SANDBOX_WRITE },
    { "/dev/urandom", SANDBOX_READ },
    { "/proc/self", SANDBOX_READ },
    { "/proc/sys/vm/overcommit_memory", SANDBOX_READ },
    { "/sys/devices/system/cpu", SANDBOX_READ },
};

static bool
is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Folders that options name (policies); files were handed. */
static void
add_folders(const struct conf *c, struct sandbox_path *paths, size_t *n)
{
    size_t count;
    const struct conf_row *rows = conf_rows(&count);

    for (size_t i = 0; i < count && *n < PATHS_MAX; i++) {
        const struct str *value =
            (const struct str *)(const void *)((const char *)c + rows[i].at);

        if (rows[i].kind != CONF_PATH || strcmp(rows[i].key, "datadir") == 0 ||
            role_is_secret_file(&rows[i]) || value->n == 0 || !is_folder(value->p))
            continue;
        paths[(*n)++] = (struct sandbox_path){ value->p, SANDBOX_READ };
    }
}

/* A database file that the options put elsewhere than in the data folder. */
static err_t
add_database(struct ctx *cx, const struct conf *c, struct sandbox_path *paths, size_t *n)
{
    struct str url = c->store_url;
    const char *path;
    char *slash;
    err_t e = role_folder(cx, c, ROLE_FOLDER_STORE, &path);

    if (e != ERR_OK)
        return e;
    paths[(*n)++] = (struct sandbox_path){ path, SANDBOX_READ | SANDBOX_WRITE };
    if (!str_starts(url, S("sqlite://")))
        return ERR_OK;
    if ((slash = arena_z(cx->arena, str_sub(url, sizeof("sqlite://") - 1, url.n))) == NULL)
        return refuse_memory(cx);
    path = slash;
    if ((slash = strrchr(slash, '/')) == NULL || slash == path)
        return refuse(cx, ERR_FORBIDDEN, "",
                      "store.url: put the database in a folder of its own");
    *slash = '\0';
    paths[(*n)++] = (struct sandbox_path){ path, SANDBOX_READ | SANDBOX_WRITE };
    return ERR_OK;
}

/* The audit log is read through the internal door (sys/trail); never written here. */
static err_t
add_log(struct ctx *cx, const struct conf *c, struct sandbox_path *paths, size_t *n)
{
    const char *path;
    err_t e = role_folder(cx, c, ROLE_FOLDER_AUDIT, &path);

    if (e == ERR_OK)
        paths[(*n)++] = (struct sandbox_path){ path, SANDBOX_READ };
    return e;
}

/* The worker proves on itself that the signer's folder is closed to it. */
static err_t
prove_narrow(struct ctx *cx, const struct conf *c)
{
    const char *keys;
    err_t e = role_folder(cx, c, ROLE_FOLDER_KEYS, &keys);

    if (e != ERR_OK)
        return e;
    if (sandbox_state()->landlock > 0 && access(keys, F_OK) == 0) {
        struct str *names;
        size_t n;

        if (os_folder_list(cx, keys, &names, &n) == ERR_OK)
            return refuse(cx, ERR_FORBIDDEN, "",
                          "an option opens the signer's keys to workers: is"
                          " a folder that holds datadir named?");
        refuse_clear(cx);
    }
    return ERR_OK;
}

static err_t
narrow(struct ctx *cx, const struct conf *c)
{
    struct sandbox_path paths[PATHS_MAX + 3];
    size_t n = COUNT(system_paths);
    err_t e;

    memcpy(paths, system_paths, sizeof(system_paths));
    add_folders(c, paths, &n);
    if ((e = add_database(cx, c, paths, &n)) != ERR_OK ||
        (e = add_log(cx, c, paths, &n)) != ERR_OK)
        return e;
    e = sandbox_second(cx, SANDBOX_WORKER, paths, n,
                       str_is(c->process_sandbox, "required"));
    if (e != ERR_OK)
        return e;
    if (sandbox_state()->note[0] != '\0')
        log_warn(cx, "%s", sandbox_state()->note);
    return prove_narrow(cx, c);
}

/* --- the supervisor's words --------------------------------------------------- */

static void
tell(struct worker *w, struct ctx *cx, enum role_say say, const char *text)
{
    if (role_tell(cx, w->role->control, say, 0, text, NULL, 0) != ERR_OK)
        loop_stop(w->sys.loop); /* the supervisor is gone */
}

static void
reload(struct worker *w, struct ctx *cx, struct role_message *m)
{
    struct conf *fresh, *old = w->role->conf;

    if (role_take_conf(cx, m, &fresh) != ERR_OK) {
        tell(w, cx, ROLE_RELOADED, arena_z(cx->arena, cx->reason));
        return;
    }
    if (worker_reload(cx, w, fresh) != ERR_OK) {
        tell(w, cx, ROLE_RELOADED, arena_z(cx->arena, cx->reason));
        conf_give(fresh);
        return;
    }
    role_log_open(fresh);
    w->role->conf = fresh;
    conf_give(old);
    tell(w, cx, ROLE_RELOADED, NULL);
}

static void
word(struct worker *w, struct ctx *cx, struct role_message *m)
{
    int fd = m->fds[0];

    if (m->say == ROLE_PING)
        tell(w, cx, ROLE_PONG, NULL);
    else if (m->say == ROLE_FILE && role_take_file(cx, m) != ERR_OK)
        log_error(cx, "a handed file: %.*s", STR(cx->reason));
    else if (m->say == ROLE_CONF)
        reload(w, cx, m);
    else if (m->say == ROLE_PEER) {
        m->fds[0] = -1;
        keys_reconnect(w->sys.keys, fd);
    } else if (m->say == ROLE_DRAIN)
        worker_drain(w);
}

static void
control_ready(struct loop_io *io, uint32_t ready)
{
    static struct role_message m;
    struct worker *w = container_of(io, struct worker, control);
    struct arena scratch;
    struct ctx cx;
    err_t e;

    (void)ready;
    arena_init(&scratch, SCRATCH);
    ctx_init(&cx, &scratch, loop_wall(w->sys.loop));
    while ((e = role_hear(&cx, w->role->control, &m)) == ERR_OK) {
        word(w, &cx, &m);
        role_message_close(&m);
    }
    if (e == ERR_GONE)
        loop_stop(w->sys.loop);
    arena_fini(&scratch);
}

/* --- the process -------------------------------------------------------------------- */

static err_t
open_keys(struct ctx *cx, struct worker *w)
{
    err_t e = keys_open(cx, &w->sys.keys);

    for (size_t i = 0; e == ERR_OK && i < w->role->peer_n; i++)
        keys_reconnect(w->sys.keys, w->role->peers[i].fd);
    return e;
}

static err_t
open_audit(struct ctx *cx, struct worker *w)
{
    const struct role_ring *ring = &w->role->rings[w->role->number];
    const struct conf *c = w->role->conf;
    const struct audit_setup setup = {
        .ring = ring->ring,
        .bell = ring->bell,
        .back = ring->back,
        .sync =
            str_is(c->audit_sync, "before-answer") ? AUDIT_SYNC_BEFORE : AUDIT_SYNC_BATCHED,
        .patience_ms = c->audit_patience,
    };

    return audit_open(cx, &setup, &w->sys.audit);
}

err_t
role_worker(struct ctx *cx, struct role *r)
{
    static struct worker w;
    err_t e;

    w.role = r;
    cx->sys = &w.sys;
    if (!prim_start())
        return refuse(cx, ERR_UNSUPPORTED, "", "OpenSSL here lacks an algorithm");
    if ((e = loop_open(cx, &w.sys.loop)) != ERR_OK || (e = worker_warm(cx, &w)) != ERR_OK ||
        (e = narrow(cx, r->conf)) != ERR_OK || (e = open_keys(cx, &w)) != ERR_OK ||
        (e = open_audit(cx, &w)) != ERR_OK ||
        (e = stat_open(cx, r->counters, r->number)) != ERR_OK ||
        (e = worker_open(cx, &w)) != ERR_OK || (e = os_nonblock(cx, r->control)) != ERR_OK)
        return e;
    w.control =
        (struct loop_io){ .fd = r->control, .events = EPOLLIN, .fn = control_ready };
    if ((e = loop_add(cx, w.sys.loop, &w.control)) != ERR_OK ||
        (e = role_tell(cx, r->control, ROLE_READY, 0, NULL, NULL, 0)) != ERR_OK)
        return e;
    loop_run(w.sys.loop);
    worker_close(&w);
    audit_close(w.sys.audit);
    keys_close(w.sys.keys);
    return ERR_OK;
}
