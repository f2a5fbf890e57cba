/*
 * role_auditor.c - the process that keeps the log: opens, narrows, appends.
 *
 *   main thread      auditor_run: rings to disk, checkpoints by the signer
 *   control thread   the supervisor's words; DRAIN or its end stops the other
 *
 * Rule      Outlives the supervisor for as long as events wait in a ring. The
 *           lock of the data folder is held here too, so that the next node
 *           does not begin before this log is whole.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto/prim/prim.h"
#include "sys/audit/auditor.h"
#include "sys/keys/keys.h"
#include "sys/sys.h"

enum { SCRATCH = 8 << 20, SIGN_PATIENCE = 500 };

struct audit_role {
    struct role *role;
    struct sys sys;
    int stop;
    int folder;
    int backs[ROLE_WORKERS_MAX];
};

/* --- the supervisor's words --------------------------------------------------- */

static void
tell(struct ctx *cx, struct audit_role *a, enum role_say say)
{
    if (role_tell(cx, a->role->control, say, 0, NULL, NULL, 0) != ERR_OK)
        refuse_clear(cx); /* its end is heard next */
}

static bool
word(struct ctx *cx, struct audit_role *a, struct role_message *m)
{
    struct conf *fresh;
    int fd = m->fds[0];

    if (m->say == ROLE_PEER) {
        m->fds[0] = -1;
        keys_reconnect(a->sys.keys, fd);
    } else if (m->say == ROLE_PING)
        tell(cx, a, ROLE_PONG);
    else if (m->say == ROLE_CONF && role_take_conf(cx, m, &fresh) == ERR_OK) {
        role_log_open(fresh); /* the rest of its options needs a restart */
        conf_give(fresh);
        tell(cx, a, ROLE_RELOADED);
    }
    return m->say != ROLE_DRAIN;
}

static void *
listen_to_supervisor(void *arg)
{
    static struct role_message m;
    const uint64_t one = 1;
    struct audit_role *a = arg;
    struct arena arena;
    struct ctx cx;
    err_t e;
    bool on = true;

    arena_init(&arena, SCRATCH);
    do {
        arena_reset(&arena);
        ctx_init(&cx, &arena, os_now_ms());
        if ((e = role_hear(&cx, a->role->control, &m)) == ERR_OK) {
            on = word(&cx, a, &m);
            role_message_close(&m);
        }
    } while (on && e == ERR_OK);
    if (e != ERR_OK) /* the supervisor is gone, and the signer with it */
        keys_reconnect(a->sys.keys, -1);
    if (write(a->stop, &one, sizeof(one)) < 0)
        _exit(1);
    arena_fini(&arena);
    return NULL;
}

/* --- the log ------------------------------------------------------------------ */

/* The auditor's own context knows no signer; and a silent one must not stop the log. */
static err_t
sign(struct ctx *cx, void *state, struct str note, struct str *kid, struct bytes *signature)
{
    struct sys *before = cx->sys;
    int64_t deadline = cx->deadline_ms;
    err_t e;

    cx->sys = state;
    cx->deadline_ms = os_tick_ms() + SIGN_PATIENCE;
    e = keys_sign_checkpoint(cx, note, kid, signature);
    cx->sys = before;
    cx->deadline_ms = deadline;
    return e;
}

/* What this log is called in its checkpoints: the node's own address. */
static struct str
origin(const struct conf *c)
{
    return c->url.n > 0 ? c->url : c->datadir;
}

static struct auditor_setup
setup_of(struct audit_role *a)
{
    const struct conf *c = a->role->conf;

    for (size_t i = 0; i < COUNT(a->backs); i++)
        a->backs[i] = a->role->rings[i].back;
    return (struct auditor_setup){
        .folder = a->folder,
        .bell = a->role->rings[0].bell, /* one for all workers */
        .stop = a->stop,
        .backs = a->backs,
        .backs_n = COUNT(a->backs),
        .sync =
            str_is(c->audit_sync, "before-answer") ? AUDIT_SYNC_BEFORE : AUDIT_SYNC_BATCHED,
        .segment_bytes = c->audit_segment,
        .checkpoint_ms = c->audit_checkpoint,
        .origin = origin(c),
        .now_ms = os_now_ms,
        .sign = sign,
        .state = &a->sys,
    };
}

static err_t
narrow(struct ctx *cx, const struct conf *c, const char *folder)
{
    const struct sandbox_path path = { folder, SANDBOX_READ | SANDBOX_APPEND };
    err_t e = sandbox_second(cx, SANDBOX_AUDITOR, &path, 1,
                             str_is(c->process_sandbox, "required"));

    if (e == ERR_OK && sandbox_state()->note[0] != '\0')
        log_warn(cx, "%s", sandbox_state()->note);
    return e;
}

static err_t
open_all(struct ctx *cx, struct audit_role *a, const char **folder)
{
    err_t e = role_folder(cx, a->role->conf, ROLE_FOLDER_AUDIT, folder);

    if (e != ERR_OK)
        return e;
    a->folder = open(*folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    a->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->folder < 0 || a->stop < 0)
        return refuse(cx, ERR_INTERNAL, "", "%s: %s", *folder, strerror(errno));
    if ((e = keys_open(cx, &a->sys.keys)) != ERR_OK)
        return e;
    for (size_t i = 0; i < a->role->peer_n; i++)
        keys_reconnect(a->sys.keys, a->role->peers[i].fd);
    return ERR_OK;
}

static err_t
keep(struct ctx *cx, struct audit_role *a, const char *folder)
{
    struct auditor_setup setup = setup_of(a);
    struct auditor *auditor;
    pthread_t thread;
    err_t e;

    /* The rings are mapped before this process can no longer map them. */
    if ((e = auditor_open(cx, &setup, &auditor)) != ERR_OK ||
        (e = narrow(cx, a->role->conf, folder)) != ERR_OK)
        return e;
    if (os_thread(&thread, listen_to_supervisor, a) != 0)
        return refuse(cx, ERR_NO_MEMORY, "", "no thread for the supervisor's words");
    tell(cx, a, ROLE_READY);
    e = auditor_run(cx, auditor);
    auditor_close(cx, auditor);
    return e;
}

err_t
role_auditor(struct ctx *cx, struct role *r)
{
    static struct audit_role a;
    const char *folder;
    err_t e;

    a.role = r;
    if (!prim_start())
        return refuse(cx, ERR_UNSUPPORTED, "", "OpenSSL here lacks an algorithm");
    e = open_all(cx, &a, &folder);
    return e != ERR_OK ? e : keep(cx, &a, folder);
}
