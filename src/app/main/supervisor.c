/*
 * supervisor.c - starts the roles, watches them, replaces those that die.
 *
 * Rule      Reads no byte of a stranger. What it holds (listening sockets, rings,
 *           the lock) outlives any role, so that a role's death costs no
 *           connection and no event. Its own death ends the roles.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/supervisor_int.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/audit/audit.h"

enum {
    ARENA = 32 << 20,
    BACKOFF_FIRST = 50, /* ms before the second restart in a row; then doubled */
    BACKOFF_MOST = 10000,
    BACKOFF_READY = 400, /* who could serve is back within a second, however often */
    STEADY = 10000,      /* who lived this long starts again at once */
    PING_EVERY = 5000,
    UNANSWERED_MOST = 4, /* a role that left so many hangs, and is replaced */
    STARTING_MOST = 120, /* the same while it starts: a large database may be migrated */
    AUDITOR_DRAIN = 10000,
};

static const char *
name_of(const struct child *c)
{
    static const char *const names[] = { "", "supervisor", "signer", "auditor", "worker" };

    return names[c->kind];
}

/* --- deaths ------------------------------------------------------------------- */

static void
why(struct supervisor *s, const struct child *c, int status)
{
    if (c->outdated)
        return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && c->state == CHILD_DRAINING)
        log_warn(&s->cx, "%s %u was not done when its time to stop was over: ended",
                 name_of(c), c->number);
    else if (WIFSIGNALED(status))
        log_error(&s->cx, "%s %u died of signal %d%s", name_of(c), c->number,
                  WTERMSIG(status),
                  WTERMSIG(status) == SIGSYS ? ": it did what its role may never do" : "");
    else if (WEXITSTATUS(status) != 0 || c->state != CHILD_DRAINING)
        log_error(&s->cx, "%s %u ended with %d", name_of(c), c->number,
                  WEXITSTATUS(status));
}

/* First at once; when it keeps dying, ever slower, above all before it is ready. */
static void
plan_restart(struct child *c, int64_t now)
{
    int64_t most = c->state == CHILD_RUNNING ? BACKOFF_READY : BACKOFF_MOST;

    if (now - c->started > STEADY)
        c->backoff = 0;
    if (c->backoff > most)
        c->backoff = most;
    c->restart_at = now + c->backoff;
    c->backoff = c->backoff == 0 ? BACKOFF_FIRST : c->backoff * 2;
}

static void
buried(struct supervisor *s, struct child *c, int status)
{
    why(s, c, status);
    os_close(&c->control);
    if (c->kind == ROLE_AUDITOR)
        for (size_t i = 0; i < ROLE_WORKERS_MAX; i++)
            if (s->rings[i].ring >= 0)
                audit_ring_auditor_died(s->rings[i].ring);
    c->restart_at = 0;
    if (!s->stopping && (s->was_ready || c->outdated))
        plan_restart(c, os_tick_ms());
    else if (!s->stopping && s->failed == NULL)
        s->failed = c;
    c->pid = 0;
    c->state = CHILD_NONE;
    c->reloading = c->outdated = false;
}

static struct child *
child_of(struct supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < s->child_n; i++)
        if (s->child[i].pid == pid)
            return &s->child[i];
    return NULL;
}

static void
bury(struct supervisor *s)
{
    struct child *c;
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if ((c = child_of(s, pid)) != NULL)
            buried(s, c, status);
}

static void
start(struct supervisor *s, struct child *c)
{
    c->restart_at = 0;
    if (supervisor__spawn(s, c) == ERR_OK)
        return;
    log_error(&s->cx, "%s %u does not start: %.*s", name_of(c), c->number,
              STR(s->cx.reason));
    if (c->pid > 0)
        kill(c->pid, SIGKILL); /* buried when the kernel says so */
    else {
        os_close(&c->control);
        plan_restart(c, os_tick_ms());
    }
}

/* --- what roles say ----------------------------------------------------------- */

static bool
all_are(const struct supervisor *s, enum child_state state)
{
    for (size_t i = 0; i < s->child_n; i++)
        if (s->child[i].state != state)
            return false;
    return true;
}

static void
ready(struct supervisor *s, struct child *c)
{
    if (c->state == CHILD_STARTING)
        c->state = CHILD_RUNNING;
    if (!s->was_ready && all_are(s, CHILD_RUNNING)) {
        s->was_ready = true;
        os_notify("READY=1\nSTATUS=serving");
        log_info(&s->cx, "serving");
    }
}

static void
reloaded(struct supervisor *s, struct child *c, const char *text)
{
    c->reloading = false;
    if (text[0] != '\0')
        log_error(&s->cx, "%s %u keeps what it had: %s", name_of(c), c->number, text);
    for (size_t i = 0; i < s->child_n; i++)
        if (s->child[i].reloading)
            return;
    log_info(&s->cx, "reloaded");
    if (s->was_ready)
        os_notify("READY=1\nSTATUS=serving");
}

static void
heard(struct supervisor *s, struct child *c)
{
    static struct role_message m;

    while (c->control >= 0) {
        err_t e = role_hear(&s->cx, c->control, &m);

        if (e == ERR_GONE) /* its death follows */
            os_close(&c->control);
        if (e != ERR_OK)
            return;
        role_message_close(&m); /* a role has no descriptor for us */
        c->unanswered = 0;
        if (m.say == ROLE_READY)
            ready(s, c);
        else if (m.say == ROLE_RELOADED)
            reloaded(s, c, m.text);
    }
}

/* --- signals ------------------------------------------------------------------------ */

static void
reload(struct supervisor *s)
{
    char text[64];
    struct conf *fresh, *old = s->conf;
    err_t e;

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(os_tick_ns() / 1000));
    os_notify(text);
    if (conf_reload(&s->cx, old, s->args, environ, NULL, &fresh) != ERR_OK) {
        log_error(&s->cx, "the old options stay: %.*s", STR(s->cx.reason));
        os_notify("READY=1\nSTATUS=serving with the options from before");
        return;
    }
    s->conf = fresh;
    role_log_open(fresh);
    for (size_t i = 0; i < s->child_n; i++) {
        struct child *c = &s->child[i];

        if (c->state != CHILD_RUNNING)
            continue; /* who is starting was given the old; see below */
        if ((e = supervisor__hand_conf(s, c, true)) == ERR_OK)
            c->reloading = true;
        else
            log_error(&s->cx, "%s %u keeps what it had: %.*s", name_of(c), c->number,
                      STR(s->cx.reason));
    }
    for (size_t i = 0; i < s->child_n; i++)
        if (s->child[i].state == CHILD_STARTING) {
            s->child[i].outdated = true;
            kill(s->child[i].pid, SIGKILL);
        }
    conf_give(old);
}

/* Workers first: what they still do needs the auditor and the signer. */
static void
drain(struct supervisor *s, struct child *c)
{
    if (c->state == CHILD_NONE || c->state == CHILD_DRAINING)
        return;
    c->state = CHILD_DRAINING;
    if (role_tell(&s->cx, c->control, ROLE_DRAIN, 0, NULL, NULL, 0) != ERR_OK)
        kill(c->pid, SIGKILL);
}

static void
stop(struct supervisor *s)
{
    if (s->stopping) { /* asked twice: do not wait for slow peers */
        s->stop_at = os_tick_ms();
        return;
    }
    log_info(&s->cx, "stopping");
    os_notify("STOPPING=1");
    s->stopping = true;
    s->stop_at = os_tick_ms() + s->conf->process_drain;
    for (size_t i = 0; i < s->door_n; i++)
        os_close(&s->doors[i].fd);
    for (size_t i = WORKERS; i < s->child_n; i++)
        drain(s, &s->child[i]);
    drain(s, &s->child[SIGNER]); /* which serves until nobody is left to ask */
}

static bool
any_worker(const struct supervisor *s)
{
    for (size_t i = WORKERS; i < s->child_n; i++)
        if (s->child[i].pid > 0)
            return true;
    return false;
}

static void
stopping(struct supervisor *s, int64_t now)
{
    bool late = now >= s->stop_at;

    if (any_worker(s)) {
        for (size_t i = WORKERS; late && i < s->child_n; i++)
            if (s->child[i].pid > 0)
                kill(s->child[i].pid, SIGKILL);
        return;
    }
    if (s->child[AUDITOR].pid > 0) {
        if (s->child[AUDITOR].state != CHILD_DRAINING) {
            drain(s, &s->child[AUDITOR]);
            s->stop_at = now + AUDITOR_DRAIN;
        } else if (late)
            kill(s->child[AUDITOR].pid, SIGKILL);
        return;
    }
    if (late && s->child[SIGNER].pid > 0)
        kill(s->child[SIGNER].pid, SIGKILL);
}

static void
signals(struct supervisor *s)
{
    int signal;

    while ((signal = os_signal_next(s->signals)) != 0) {
        if (signal == SIGCHLD)
            bury(s);
        else if (signal == SIGHUP && !s->stopping)
            reload(s);
        else if (signal == SIGTERM || signal == SIGINT)
            stop(s);
    }
}

/* --- time --------------------------------------------------------------------------- */

/* By what was asked of it, not by the clock: we may have stood still ourselves. */
static bool
hangs(const struct child *c)
{
    return c->unanswered >= (c->state == CHILD_STARTING ? STARTING_MOST : UNANSWERED_MOST);
}

static void
ping(struct supervisor *s, int64_t now)
{
    for (size_t i = 0; i < s->child_n; i++) {
        struct child *c = &s->child[i];

        if (c->pid <= 0)
            continue;
        if (hangs(c) && c->state != CHILD_DRAINING) {
            log_error(&s->cx, "%s %u hangs", name_of(c), c->number);
            kill(c->pid, SIGKILL);
        } else if (c->control >= 0) {
            c->unanswered++;
            if (role_tell(&s->cx, c->control, ROLE_PING, 0, NULL, NULL, 0) != ERR_OK)
                refuse_clear(&s->cx); /* silence will tell */
        }
    }
    s->ping_at = now + PING_EVERY;
}

static void
on_time(struct supervisor *s)
{
    int64_t now = os_tick_ms();

    for (size_t i = 0; i < s->child_n && !s->stopping; i++)
        if (s->child[i].restart_at != 0 && now >= s->child[i].restart_at)
            start(s, &s->child[i]);
    if (now >= s->ping_at)
        ping(s, now);
    if (s->watchdog_ms > 0 && now >= s->watchdog_at) {
        os_notify("WATCHDOG=1");
        s->watchdog_at = now + s->watchdog_ms / 2;
    }
    if (s->stopping)
        stopping(s, now);
}

static int
wait_ms(const struct supervisor *s)
{
    int64_t now = os_tick_ms(), next = s->ping_at;

    for (size_t i = 0; i < s->child_n; i++)
        if (s->child[i].restart_at != 0 && s->child[i].restart_at < next)
            next = s->child[i].restart_at;
    if (s->watchdog_ms > 0 && s->watchdog_at < next)
        next = s->watchdog_at;
    if (s->stopping && s->stop_at < next)
        next = s->stop_at;
    return next <= now ? 1 : (int)(next - now);
}

static void
turn(struct supervisor *s)
{
    struct pollfd p[1 + CHILDREN_MAX];

    p[0] = (struct pollfd){ s->signals, POLLIN, 0 };
    for (size_t i = 0; i < s->child_n; i++)
        p[1 + i] = (struct pollfd){ s->child[i].control, POLLIN, 0 };
    if (poll(p, 1 + s->child_n, wait_ms(s)) < 0 && errno != EINTR)
        abort(); /* nothing can be watched any more; the roles end with us */
    arena_reset(&s->arena);
    ctx_init(&s->cx, &s->arena, os_now_ms());
    for (size_t i = 0; i < s->child_n; i++)
        if (p[1 + i].revents != 0)
            heard(s, &s->child[i]);
    signals(s);
    on_time(s);
}

/* Alive until the last child is gone, or the first start failed. */
static bool
goes_on(const struct supervisor *s)
{
    return s->stopping ? !all_are(s, CHILD_NONE) : s->failed == NULL;
}

static err_t
begin(struct supervisor *s)
{
    err_t e;

    if ((e = os_harden(&s->cx)) != ERR_OK ||
        (e = sandbox_first(&s->cx, SANDBOX_SUPERVISOR)) != ERR_OK ||
        (e = conf_load(&s->cx, s->args, environ, NULL, &s->conf)) != ERR_OK ||
        (e = conf_prove(&s->cx, s->conf)) != ERR_OK)
        return e;
    role_log_open(s->conf);
    if ((e = supervisor__open(s)) != ERR_OK)
        return e;
    for (size_t i = 0; i < s->child_n; i++)
        if ((e = supervisor__spawn(s, &s->child[i])) != ERR_OK && e != ERR_GONE)
            return e; /* GONE: a role has ended already; its burial names it */
    refuse_clear(&s->cx);
    s->ping_at = os_tick_ms() + PING_EVERY;
    s->watchdog_ms = os_watchdog_ms();
    return ERR_OK;
}

int
supervisor_main(char *const *args)
{
    static struct supervisor s;

    os_log_open(LOG_TEXT, LOG_INFO);
    arena_init(&s.arena, ARENA);
    ctx_init(&s.cx, &s.arena, os_now_ms());
    s.args = args;
    s.lock = s.signals = -1;
    if (begin(&s) != ERR_OK) {
        log_error(&s.cx, "does not start: %.*s", STR(s.cx.reason));
        return 1; /* roles that did start end with us */
    }
    while (goes_on(&s))
        turn(&s);
    if (s.stopping)
        return 0;
    log_error(
        &s.cx,
        "does not start: %s %u ended before all were ready; mend what is said above, and"
        " start again",
        name_of(s.failed), s.failed->number);
    return 1;
}
