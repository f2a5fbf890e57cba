/*
 * supervisor_start.c - what the supervisor opens, and how a role is started.
 *
 * Rule      A role gets a fresh program image, no environment but a short list,
 *           and descriptors one by one, each for a reason.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/audit/audit.h"
#include "sys/keys/signer.h"
#include "sys/stat/stat.h"

enum { LOCK_TRIES = 300, BIND_TRIES = 100, WAIT_US = 10000, CERTIFICATES_MAX = 1 << 20 };

/* --- the data folder ---------------------------------------------------------- */

/* An auditor that outlived its supervisor drains first: wait for it a while. */
static err_t
lock(struct supervisor *s, const char *path)
{
    err_t e = ERR_OK;

    for (int i = 0; i < LOCK_TRIES; i++) {
        e = os_folder_lock(&s->cx, path, &s->lock);
        if (e != ERR_CONFLICT)
            return e;
        usleep(WAIT_US);
    }
    return e;
}

static err_t
open_folders(struct supervisor *s)
{
    const char *const parts[] = { ROLE_FOLDER_STORE, ROLE_FOLDER_AUDIT, ROLE_FOLDER_KEYS };
    const char *path = s->conf->datadir.p;
    err_t e;

    if ((e = os_folder_of(&s->cx, path, &s->user)) != ERR_OK ||
        (e = lock(s, path)) != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT(parts); i++)
        if ((e = role_folder(&s->cx, s->conf, parts[i], &path)) != ERR_OK ||
            (e = os_folder_of(&s->cx, path, &s->user)) != ERR_OK)
            return e;
    return ERR_OK;
}

/* --- doors and rings ---------------------------------------------------------- */

/* A worker whose supervisor was killed dies too, but holds its doors a moment longer. */
static err_t
listen_soon(struct supervisor *s, struct str address, int fds[OS_LISTEN_MAX], size_t *n)
{
    err_t e = ERR_OK;

    for (int i = 0; i < BIND_TRIES; i++) {
        e = os_listen(&s->cx, address, fds, n);
        if (e != ERR_CONFLICT)
            return e;
        usleep(WAIT_US);
    }
    return e;
}

static err_t
open_door(struct supervisor *s, struct str address, int which)
{
    int fds[OS_LISTEN_MAX];
    size_t n;
    err_t e = listen_soon(s, address, fds, &n);

    for (size_t i = 0; i < n; i++) {
        s->doors[s->door_n].fd = fds[i];
        s->doors[s->door_n++].which = which;
    }
    if (e == ERR_OK)
        log_info(&s->cx, "the %s door listens on '%.*s', port %d",
                 which == ROLE_DOOR_PUBLIC ? "public" : "internal", STR(address),
                 os_port(fds[0]));
    return e;
}

static err_t
open_ring(struct supervisor *s, int folder, unsigned worker)
{
    struct role_ring *r = &s->rings[worker];
    err_t e =
        audit_ring_make(&s->cx, folder, worker, (size_t)s->conf->audit_ring, &r->ring);

    if (e != ERR_OK)
        return e;
    if (s->user.change && fchown(r->ring, s->user.uid, s->user.gid) < 0)
        return refuse(&s->cx, ERR_INTERNAL, "", "chown of a ring: %s", strerror(errno));
    r->bell = s->bell;
    r->back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->back < 0)
        return refuse(&s->cx, ERR_INTERNAL, "", "eventfd: %s", strerror(errno));
    return ERR_OK;
}

/* Also those of an earlier start with more workers: events may wait there. */
static err_t
open_rings(struct supervisor *s)
{
    scoped(os_close) int folder = -1;
    const char *path;
    err_t e = role_folder(&s->cx, s->conf, ROLE_FOLDER_AUDIT, &path);

    if (e != ERR_OK)
        return e;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return refuse(&s->cx, ERR_INTERNAL, "", "%s: %s", path, strerror(errno));
    if ((s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return refuse(&s->cx, ERR_INTERNAL, "", "eventfd: %s", strerror(errno));
    for (unsigned i = 0; i < ROLE_WORKERS_MAX; i++) {
        char name[32];

        s->rings[i] = (struct role_ring){ -1, -1, -1 };
        snprintf(name, sizeof(name), "ring.%u", i);
        if (i >= s->child_n - WORKERS && faccessat(folder, name, F_OK, 0) != 0)
            continue;
        if ((e = open_ring(s, folder, i)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* --- children ----------------------------------------------------------------- */

static size_t
workers(const struct conf *c)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->process_workers > 0)
        return (size_t)c->process_workers;
    if (!str_starts(c->store_url, S("postgres")))
        return 1;
    return cpus < 1 ? 1 : cpus > ROLE_WORKERS_MAX ? ROLE_WORKERS_MAX : (size_t)cpus;
}

static void
name_children(struct supervisor *s)
{
    s->child_n = WORKERS + workers(s->conf);
    for (size_t i = 0; i < s->child_n; i++) {
        s->child[i].kind = i == SIGNER    ? ROLE_SIGNER
                           : i == AUDITOR ? ROLE_AUDITOR
                                          : ROLE_WORKER;
        s->child[i].number = i < WORKERS ? 0 : (unsigned)(i - WORKERS);
        s->child[i].control = -1;
    }
}

err_t
supervisor__open(struct supervisor *s)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
    err_t e;

    name_children(s);
    if ((e = os_signals(&s->cx, signals, &s->signals)) != ERR_OK ||
        (e = os_user_find(&s->cx, s->conf->process_user, &s->user)) != ERR_OK ||
        (e = open_folders(s)) != ERR_OK || (e = open_rings(s)) != ERR_OK ||
        (e = stat_make(&s->cx, &s->counters)) != ERR_OK ||
        (e = open_door(s, s->conf->http_public_address, ROLE_DOOR_PUBLIC)) != ERR_OK ||
        (e = open_door(s, s->conf->http_internal_address, ROLE_DOOR_INTERNAL)) != ERR_OK)
        return e;
    return ERR_OK;
}

/* --- what is handed ----------------------------------------------------------- */

static err_t
tell(struct supervisor *s, struct child *c, enum role_say say, unsigned arg,
     const char *text, int fd)
{
    return role_tell(&s->cx, c->control, say, arg, text, &fd, fd >= 0);
}

/* The options in memory that cannot change any more. */
static err_t
tell_conf(struct supervisor *s, struct child *c, bool again)
{
    scoped(os_close) int fd = memfd_create("options", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct str packed;
    err_t e = conf_pack(&s->cx, s->conf, &packed);

    if (e != ERR_OK)
        return e;
    if (fd < 0 || write(fd, packed.p, packed.n) != (ssize_t)packed.n ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
            0)
        return refuse(&s->cx, ERR_INTERNAL, "", "memfd: %s", strerror(errno));
    return tell(s, c, ROLE_CONF, again, NULL, fd);
}

/* A private key that is handed to a worker is lost: refuse to start instead. */
static err_t
holds_no_key(struct supervisor *s, const struct conf_row *row, int fd)
{
    size_t n;
    char *room = arena_alloc(s->cx.arena, CERTIFICATES_MAX);
    struct str text;
    err_t e;

    if (room == NULL)
        return refuse_memory(&s->cx);
    e = os_read_into(&s->cx, fd, room, CERTIFICATES_MAX, &n);
    if (e == ERR_TOO_LARGE) { /* no key is that large */
        refuse_clear(&s->cx);
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    text = (struct str){ room, n };
    if (str_search(text, S("PRIVATE KEY-----")) != n) {
        explicit_bzero(room, n);
        return refuse(&s->cx, ERR_FORBIDDEN, "",
                      "%s: the file holds a private key, which no"
                      " worker may read; name it in the option for keys",
                      row->key);
    }
    return ERR_OK;
}

static err_t
hand_file(struct supervisor *s, struct child *c, const struct conf_row *row,
          const char *path)
{
    scoped(os_close) int fd = -1;
    bool secret = role_is_secret_file(row);
    struct stat st;
    err_t e;

    if (c->kind != (secret ? ROLE_SIGNER : ROLE_WORKER))
        return ERR_OK;
    if ((e = os_open_read(&s->cx, path, &fd)) != ERR_OK)
        return refuse(&s->cx, e, "", "%s: %s cannot be opened", row->key, path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) && !secret
                   ? ERR_OK /* a folder: the worker may read in it */
                   : refuse(&s->cx, ERR_FORBIDDEN, "", "%s: %s is no file", row->key, path);
    if (!secret && (e = holds_no_key(s, row, fd)) != ERR_OK)
        return e;
    if (strcmp(row->key, "keys.root_file") == 0 &&
        (e = keys_root_check(&s->cx, path, s->conf->datadir.p)) != ERR_OK)
        return e;
    return tell(s, c, ROLE_FILE, 0, secret ? row->key : path, fd);
}

/*
 * Without keys.root_file the root key is systemd's credential. A default that is not
 * there (policies) is the room's to judge; what was named must be there.
 */
static const char *
path_of(struct supervisor *s, const struct conf_row *row)
{
    const struct str *value =
        (const struct str *)(const void *)((const char *)s->conf + row->at);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");

    if (value->n > 0 && str_is(*value, row->def) && access(value->p, F_OK) != 0)
        return NULL;
    if (value->n > 0)
        return value->p;
    if (strcmp(row->key, "keys.root_file") == 0 && credentials != NULL)
        return arena_printf(s->cx.arena, "%s/knoop-root", credentials).p;
    return NULL;
}

static err_t
hand_files(struct supervisor *s, struct child *c)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    err_t e;

    for (size_t i = 0; i < n; i++) {
        const char *path;

        if (rows[i].kind != CONF_PATH || strcmp(rows[i].key, "configfile") == 0 ||
            strcmp(rows[i].key, "datadir") == 0)
            continue;
        path = path_of(s, &rows[i]);
        if (path != NULL && (e = hand_file(s, c, &rows[i], path)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

err_t
supervisor__hand_conf(struct supervisor *s, struct child *c, bool again)
{
    err_t e = hand_files(s, c);

    return e != ERR_OK ? e : tell_conf(s, c, again);
}

static err_t
hand_ring(struct supervisor *s, struct child *c, unsigned i)
{
    const int fds[] = { s->rings[i].ring, s->rings[i].bell, s->rings[i].back };

    if (fds[0] < 0)
        return ERR_OK;
    return role_tell(&s->cx, c->control, ROLE_RING, i, NULL, fds, 3);
}

/* A new pair between a role and the signer, when both are there. Made non-blocking here:
 * the auditor may set no flags. */
static err_t
link_to_signer(struct supervisor *s, struct child *c)
{
    scoped(os_close) int a = -1, b = -1;
    struct child *signer = &s->child[SIGNER];
    err_t e;

    if (c->control < 0 || signer->control < 0)
        return ERR_OK;
    if ((e = os_pair(&s->cx, &a, &b)) != ERR_OK || (e = os_nonblock(&s->cx, a)) != ERR_OK ||
        (e = os_nonblock(&s->cx, b)) != ERR_OK)
        return e;
    if ((e = tell(s, signer, ROLE_PEER,
                  c->kind == ROLE_AUDITOR ? ROLE_PEER_AUDITOR : c->number, NULL, a)) !=
        ERR_OK)
        return e;
    return tell(s, c, ROLE_PEER, ROLE_PEER_SIGNER, NULL, b);
}

static err_t
link_all(struct supervisor *s, struct child *c)
{
    err_t e = ERR_OK;

    if (c->kind != ROLE_SIGNER)
        return link_to_signer(s, c);
    for (size_t i = AUDITOR; i < s->child_n && e == ERR_OK; i++)
        e = link_to_signer(s, &s->child[i]);
    return e;
}

static err_t
hand_all(struct supervisor *s, struct child *c)
{
    err_t e = supervisor__hand_conf(s, c, false);

    if (e == ERR_OK && c->kind == ROLE_WORKER) {
        for (size_t i = 0; i < s->door_n && e == ERR_OK; i++)
            e = tell(s, c, ROLE_DOOR, (unsigned)s->doors[i].which, NULL, s->doors[i].fd);
        if (e == ERR_OK)
            e = tell(s, c, ROLE_COUNTERS, 0, NULL, s->counters);
        if (e == ERR_OK)
            e = hand_ring(s, c, c->number);
    }
    if (e == ERR_OK && c->kind == ROLE_AUDITOR) {
        e = tell(s, c, ROLE_LOCK, 0, NULL, s->lock);
        for (unsigned i = 0; i < ROLE_WORKERS_MAX && e == ERR_OK; i++)
            e = hand_ring(s, c, i);
    }
    if (e == ERR_OK)
        e = link_all(s, c);
    return e != ERR_OK ? e : tell(s, c, ROLE_RUN, 0, NULL, -1);
}

/* --- the process -------------------------------------------------------------- */

static char **
short_environment(struct supervisor *s)
{
    static const char *const kept[] = { "PATH",          "TZ",
                                        "LANG",          "LC_ALL",
                                        "SSL_CERT_FILE", "SSL_CERT_DIR",
                                        "SOFTHSM2_CONF", "ASAN_OPTIONS",
                                        "UBSAN_OPTIONS", "LLVM_PROFILE_FILE" };
    char **env = arena_array(s->cx.arena, COUNT(kept) + 1, sizeof(*env));
    size_t n = 0;

    for (size_t i = 0; env != NULL && i < COUNT(kept); i++) {
        const char *value = getenv(kept[i]);

        if (value == NULL)
            continue;
        env[n] = arena_z(s->cx.arena, arena_printf(s->cx.arena, "%s=%s", kept[i], value));
        if (env[n++] == NULL)
            return NULL;
    }
    return env;
}

/* In the new process. Nothing here returns. */
static void
become(struct supervisor *s, const struct child *c, int control, char **env)
{
    static const char *const names[] = { "", "supervisor", "signer", "auditor", "worker" };
    char number[16], program[] = "knoop", word[] = "role", name[16];
    char *argv[] = { program, word, name, number, NULL };
    sigset_t none;

    snprintf(number, sizeof(number), "%u", c->number);
    snprintf(name, sizeof(name), "%s", names[c->kind]);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (os_user_become(&s->cx, &s->user) != ERR_OK)
        _exit(126);
    if (control == ROLE_CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0
                                   : dup2(control, ROLE_CONTROL_FD) < 0)
        _exit(126);
    execve("/proc/self/exe", argv, env);
    _exit(127);
}

err_t
supervisor__spawn(struct supervisor *s, struct child *c)
{
    scoped(os_close) int theirs = -1;
    char **env = short_environment(s);
    err_t e;

    if (env == NULL)
        return refuse_memory(&s->cx);
    if ((e = os_pair(&s->cx, &c->control, &theirs)) != ERR_OK ||
        (e = os_nonblock(&s->cx, c->control)) != ERR_OK)
        return e;
    c->pid = fork();
    if (c->pid == 0)
        become(s, c, theirs, env);
    if (c->pid < 0)
        return refuse(&s->cx, ERR_UNAVAILABLE, "", "fork: %s", strerror(errno));
    c->state = CHILD_STARTING;
    c->started = os_tick_ms();
    c->unanswered = 0;
    return hand_all(s, c);
}
