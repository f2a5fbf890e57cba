/*
 * process.h - programs that the demo starts, waits for and ends: our own, as a
 * person would start them.
 *
 *     start ──► "READY=1" (sd_notify) ──► … SIGHUP ──► "READY=1" … ──► SIGTERM
 *
 * Rule      What a child needs of the environment is given to it, and nothing else.
 *           It ends when we do, however we do.
 * Lifetime  A struct process is its owner's; process_end gives all back.
 * Threads   One: waiting turns the loop, so that who is waited for is answered
 *           meanwhile.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_PROCESS_H
#define KNOOP_APP_DEMO_PROCESS_H

#include <sys/types.h>

#include "sys/loop/loop.h"

struct process {
    struct loop_io notify; /* fd 0 or less: not open */
    struct loop *loop;
    pid_t pid;         /* 0: none */
    const char *name;  /* for reasons */
    struct str folder; /* its log and notify socket stand here */
    bool ready;        /* said so since it was asked last */
    bool kept;         /* and that it kept the options from before */
    const bool *stop;  /* set: nobody waits any longer */
};

/* The path of the program that runs, in cx's arena. */
err_t process_self(struct ctx *cx, char **out) NODISCARD;

/*
 * Runs argv[0]. `p` has loop, name, folder and stop set; standard error goes to
 * <folder>/log. On refusal nothing runs.
 */
err_t process_start(struct ctx *cx, struct process *p, char *const *argv) NODISCARD;
/* Until it says READY=1; refused with the end of its log when it ends before. */
err_t process_wait(struct ctx *cx, struct process *p) NODISCARD;
/* SIGHUP, and until it is ready again. */
err_t process_reload(struct ctx *cx, struct process *p) NODISCARD;
/* SIGTERM; SIGKILL when it does not end. UPSTREAM when it did not end well. */
err_t process_end(struct ctx *cx, struct process *p) NODISCARD;

/* What it has logged since `from` bytes; borrowed from cx's arena. */
struct str process_log(struct ctx *cx, const struct process *p, size_t from);
/* The number behind `what` in its log, as in "… port 40123"; 0 when it is not there. */
int process_number(struct ctx *cx, const struct process *p, const char *line,
                   const char *what);

#endif
