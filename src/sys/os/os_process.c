/*
 * os_process.c - what this process is, may keep, and tells its parents.
 *
 * Rule      No role dumps core, lets itself be attached to, or makes files
 *           that others can read (issue 1.4).
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void
os_memory_keep(void)
{
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

err_t
os_harden(struct ctx *cx)
{
    const struct rlimit none = { 0, 0 };
    struct rlimit files;

    umask(077);
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return refuse(cx, ERR_INTERNAL, "", "core dumps cannot be turned off: %s",
                      strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return refuse(cx, ERR_INTERNAL, "", "no_new_privs: %s", strerror(errno));
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    return ERR_OK;
}

void
os_process_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

err_t
os_user_find(struct ctx *cx, struct str name, struct os_user *out)
{
    const char *wanted = name.n ? arena_z(cx->arena, name) : "knoop";
    const struct passwd *pw;

    *out = (struct os_user){ geteuid(), getegid(), false };
    if (geteuid() != 0)
        return ERR_OK;
    if (wanted == NULL)
        return refuse_memory(cx);
    pw = getpwnam(wanted);
    if (pw == NULL && name.n > 0)
        return refuse(cx, ERR_NOT_FOUND, "", "process.user: there is no user '%s'", wanted);
    if (pw == NULL) {
        log_warn(cx, "running as root: make a user 'knoop', or name one in process.user");
        return ERR_OK;
    }
    if (pw->pw_uid == 0)
        return refuse(cx, ERR_FORBIDDEN, "", "process.user: '%s' is root", wanted);
    *out = (struct os_user){ pw->pw_uid, pw->pw_gid, true };
    return ERR_OK;
}

err_t
os_user_become(struct ctx *cx, const struct os_user *u)
{
    if (!u->change)
        return ERR_OK;
    if (setgroups(0, NULL) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
        setresuid(u->uid, u->uid, u->uid) < 0)
        return refuse(cx, ERR_INTERNAL, "", "changing to user %u: %s", u->uid,
                      strerror(errno));
    if (setuid(0) == 0 || getuid() != u->uid || getgid() != u->gid)
        return refuse(cx, ERR_INTERNAL, "", "user %u can become root again", u->uid);
    return ERR_OK;
}

void
os_die_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

err_t
os_signals(struct ctx *cx, const int *signals, int *fd)
{
    sigset_t set;

    *fd = -1;
    sigemptyset(&set);
    for (; *signals != 0; signals++)
        sigaddset(&set, *signals);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return refuse(cx, ERR_INTERNAL, "", "sigprocmask: %s", strerror(errno));
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0)
        return refuse(cx, ERR_INTERNAL, "", "signalfd: %s", strerror(errno));
    return ERR_OK;
}

int
os_signal_next(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

int
os_thread(pthread_t *out, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(out, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* --- sd_notify(3), which is one datagram -------------------------------------- */

void
os_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    socklen_t size;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@') || path[1] == '\0' ||
        strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path));
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') /* the abstract name space */
        to.sun_path[0] = '\0';
    if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
        log_warn(NULL, "sd_notify: %s", strerror(errno));
    close(fd);
}

int64_t
os_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t v;

    if (pid != NULL && (!str_to_u64(str_of(pid), &v) || v != (uint64_t)getpid()))
        return 0;
    if (usec == NULL || !str_to_u64(str_of(usec), &v) || v > (uint64_t)INT64_MAX)
        return 0;
    return (int64_t)(v / 1000);
}
