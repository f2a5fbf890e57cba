/* process.c - see process.h. EUPL-1.2. */
#include "app/demo/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/os/os.h"

enum {
    START_MS = 30000,
    END_MS = 20000,
    TURN_MS = 20,
    LOG_MOST = 64 << 20,
    TAIL = 1200,
};

err_t
process_self(struct ctx *cx, char **out)
{
    char room[4096];
    ssize_t n = readlink("/proc/self/exe", room, sizeof(room));

    *out = NULL;
    if (n <= 0 || n == sizeof(room))
        return refuse(cx, ERR_INTERNAL, "", "where this program is cannot be read");
    *out = arena_z(cx->arena, (struct str){ room, (size_t)n });
    return *out != NULL ? ERR_OK : refuse_memory(cx);
}

/* --- what it says ------------------------------------------------------------------ */

static void
on_notify(struct loop_io *io, uint32_t events)
{
    struct process *p = container_of(io, struct process, notify);
    char room[256];
    ssize_t n;

    (void)events;
    while ((n = recv(io->fd, room, sizeof(room) - 1, MSG_DONTWAIT)) > 0) {
        room[n] = '\0';
        if (strncmp(room, "READY=1", 7) == 0) {
            p->ready = true;
            p->kept = strstr(room, "from before") != NULL;
        }
    }
}

static err_t
open_notify(struct ctx *cx, struct process *p, struct sockaddr_un *at)
{
    int n = snprintf(at->sun_path, sizeof(at->sun_path), "%.*s/notify", STR(p->folder));
    int fd;

    if (n < 0 || (size_t)n >= sizeof(at->sun_path))
        return refuse(cx, ERR_LIMIT, "", "%.*s is too long a path", STR(p->folder));
    unlink(at->sun_path);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0) {
        os_close(&fd);
        return refuse(cx, ERR_INTERNAL, "", "%s: %s", at->sun_path, strerror(errno));
    }
    p->notify = (struct loop_io){ fd, EPOLLIN, on_notify };
    if (loop_add(cx, p->loop, &p->notify) != ERR_OK) {
        os_close(&p->notify.fd);
        return ERR_INTERNAL;
    }
    return ERR_OK;
}

struct str
process_log(struct ctx *cx, const struct process *p, size_t from)
{
    struct str path = arena_printf(cx->arena, "%.*s/log", STR(p->folder));
    struct bytes text;

    if (path.p == NULL || os_read_file(cx, path.p, LOG_MOST, &text) != ERR_OK) {
        refuse_clear(cx);
        return S("");
    }
    return str_sub(str_of_bytes(text), from, text.n);
}

int
process_number(struct ctx *cx, const struct process *p, const char *line, const char *what)
{
    struct str log = process_log(cx, p, 0);
    size_t at = str_search(log, str_of(line));
    uint64_t n = 0;
    size_t digits = 0;

    log = str_sub(log, at, log.n);
    log = str_sub(log, 0, str_find(log, '\n'));
    at = str_search(log, str_of(what));
    log = str_sub(log, at + strlen(what), log.n);
    while (digits < log.n && log.p[digits] >= '0' && log.p[digits] <= '9')
        digits++;
    return str_to_u64(str_sub(log, 0, digits), &n) && n < 65536 ? (int)n : 0;
}

/* --- life --------------------------------------------------------------------------- */

/* In the child: nothing of us but what is meant for it. */
_Noreturn static void
become(const struct process *p, const char *notify, char *const *argv)
{
    char log[4096], *path = getenv("PATH");
    sigset_t none;
    int fd, in;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* Ctrl-C is ours: we end the children in order */
    snprintf(log, sizeof(log), "%.*s/log", STR(p->folder));
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    path = path != NULL ? strdup(path) : NULL;
    clearenv();
    setenv("NOTIFY_SOCKET", notify, 1);
    if (path != NULL)
        setenv("PATH", path, 1);
    execv(argv[0], argv);
    _exit(127);
}

err_t
process_start(struct ctx *cx, struct process *p, char *const *argv)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    err_t e = open_notify(cx, p, &at);

    if (e != ERR_OK)
        return e;
    p->ready = false;
    fflush(stdout);
    p->pid = fork();
    if (p->pid == 0)
        become(p, at.sun_path, argv);
    if (p->pid > 0)
        return ERR_OK;
    p->pid = 0;
    return refuse(cx, ERR_INTERNAL, "", "%s: fork: %s", p->name, strerror(errno));
}

static err_t
ended_early(struct ctx *cx, const struct process *p)
{
    struct str log = process_log(cx, p, 0);

    fprintf(stderr, "--- the end of %s's log\n%.*s", p->name,
            STR(str_sub(log, log.n > TAIL ? log.n - TAIL : 0, log.n)));
    return refuse(cx, ERR_UPSTREAM, "", "%s ended before it served", p->name);
}

static bool
stopped(const struct process *p)
{
    return p->stop != NULL && *p->stop;
}

err_t
process_wait(struct ctx *cx, struct process *p)
{
    int64_t until = os_tick_ms() + START_MS;

    while (!p->ready) {
        if (stopped(p))
            return refuse(cx, ERR_GONE, "", "stopped");
        if (waitpid(p->pid, NULL, WNOHANG) == p->pid) {
            p->pid = 0;
            return ended_early(cx, p);
        }
        if (os_tick_ms() >= until)
            return refuse(cx, ERR_DEADLINE, "", "%s is not ready after %d s", p->name,
                          START_MS / 1000);
        loop_turn(p->loop, TURN_MS);
    }
    return ERR_OK;
}

err_t
process_reload(struct ctx *cx, struct process *p)
{
    err_t e;

    p->ready = false;
    if (p->pid <= 0 || kill(p->pid, SIGHUP) != 0)
        return refuse(cx, ERR_UPSTREAM, "", "%s does not run", p->name);
    if ((e = process_wait(cx, p)) != ERR_OK)
        return e;
    return p->kept ? refuse(cx, ERR_CONF, "", "%s refuses its new options", p->name)
                   : ERR_OK;
}

/* False while it runs. */
static bool
has_ended(struct process *p, int *status)
{
    if (waitpid(p->pid, status, WNOHANG) != p->pid)
        return false;
    p->pid = 0;
    return true;
}

/* By itself; or by our signal, before it knew what to do with one. */
static bool
ended_well(const struct process *p, int status)
{
    if (WIFSIGNALED(status))
        return !p->ready && WTERMSIG(status) == SIGTERM;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

err_t
process_end(struct ctx *cx, struct process *p)
{
    int64_t until = os_tick_ms() + END_MS;
    int status = 0;
    err_t e = ERR_OK;

    if (p->pid > 0) {
        kill(p->pid, SIGTERM);
        while (!has_ended(p, &status) && os_tick_ms() < until)
            loop_turn(p->loop, TURN_MS);
        if (p->pid > 0) {
            kill(p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
            p->pid = 0;
            e = refuse(cx, ERR_DEADLINE, "", "%s did not end by itself", p->name);
        } else if (!ended_well(p, status)) {
            e = refuse(cx, ERR_UPSTREAM, "", "%s did not end well", p->name);
        }
    }
    if (p->notify.fd > 0) {
        loop_remove(p->loop, &p->notify);
        os_close(&p->notify.fd);
    }
    p->notify.fd = 0;
    return e;
}
