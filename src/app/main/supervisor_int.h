/*
 * supervisor_int.h - the supervisor's own: its children and what it holds open.
 *
 *   NONE ──start──> STARTING ──READY──> RUNNING ──DRAIN──> DRAINING
 *    ^                 │                  │                   │
 *    └── restart_at ───┴──────died────────┴───────────────────┘
 *
 * Before all have been READY there is no restart_at: who ends then would end again, of a
 * wrong option or of what is not there, and a person or systemd is to know.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_SUPERVISOR_INT_H
#define KNOOP_APP_MAIN_SUPERVISOR_INT_H

#include "app/main/role.h"

enum child_state { CHILD_NONE, CHILD_STARTING, CHILD_RUNNING, CHILD_DRAINING };

struct child {
    enum role_kind kind;
    unsigned number;
    enum child_state state;
    pid_t pid;
    int control;
    int64_t started;    /* all times on the monotonic clock */
    int unanswered;     /* pings since its last sign of life */
    int64_t restart_at; /* when NONE; 0: not again */
    int64_t backoff;
    bool reloading;
    bool outdated; /* killed, to begin with other options */
};

enum { SIGNER, AUDITOR, WORKERS, CHILDREN_MAX = WORKERS + ROLE_WORKERS_MAX };

struct supervisor {
    struct ctx cx;
    struct arena arena; /* forgotten at every turn */
    char *const *args;
    struct conf *conf;
    struct os_user user;
    int lock, signals;
    struct {
        int fd, which;
    } doors[ROLE_DOORS_MAX];
    size_t door_n;
    int bell;     /* an eventfd: any worker rings, the auditor wakes */
    int counters; /* shared memory: any worker shows what all have counted */
    struct role_ring rings[ROLE_WORKERS_MAX];
    struct child child[CHILDREN_MAX];
    size_t child_n;
    bool was_ready;             /* all were, once: from here on a death is repaired */
    const struct child *failed; /* the first that ended before */
    bool stopping;
    int64_t stop_at; /* when waiting for workers ends */
    int64_t ping_at, watchdog_at, watchdog_ms;
};

/* supervisor_start.c */
err_t supervisor__open(struct supervisor *s) NODISCARD; /* what is handed out */
err_t supervisor__spawn(struct supervisor *s, struct child *c) NODISCARD;
err_t supervisor__hand_conf(struct supervisor *s, struct child *c, bool again) NODISCARD;

#endif
