/*
 * sandbox.h - what a role may never do, told to the kernel.
 *
 * Rule      Narrowed twice: at start, before options are read, and again when
 *           all that the role needs is open. Both before threads start.
 *
 *             role        first                 second
 *             supervisor  no ptrace, no other    -
 *                         process's memory
 *             signer      and no exec            no socket, no signal, files
 *                                                under its key folder alone
 *             auditor     and no exec            no socket, files only appended
 *             worker      and no exec            no signal to others, no key
 *                                                file, named folders alone
 *
 *           What is forbidden kills the process, which the supervisor logs; what
 *           is merely not needed fails with ENOSYS.
 * Trust     The code that runs in the role, after an attacker took it over.
 * Source    Knoop, after OpenSSH's sandboxes. EUPL-1.2.
 */
#ifndef KNOOP_SYS_OS_SANDBOX_H
#define KNOOP_SYS_OS_SANDBOX_H

#include "base/err.h"

enum sandbox_role {
    SANDBOX_NONE,
    SANDBOX_SUPERVISOR,
    SANDBOX_SIGNER,
    SANDBOX_SIGNER_HSM, /* with a network HSM: may connect */
    SANDBOX_AUDITOR,
    SANDBOX_WORKER,
};

enum sandbox_access {
    SANDBOX_READ = 1,
    SANDBOX_WRITE = 2,  /* and make, remove, truncate */
    SANDBOX_APPEND = 4, /* write and make, never remove or truncate */
    SANDBOX_EXEC = 8,   /* map as code: libraries */
};

struct sandbox_path {
    const char *path; /* what does not exist is left out */
    unsigned access;
};

/* What this machine gave; for diagnostics. */
struct sandbox_state {
    int landlock; /* ABI; 0: the kernel has none */
    bool seccomp;
    char note[160]; /* what is missing and why; "" when nothing is */
};
const struct sandbox_state *sandbox_state(void);

/* no_new_privs, and the system calls that no role needs. */
err_t sandbox_first(struct ctx *cx, enum sandbox_role role) NODISCARD;
/*
 * The rest. With `required`, anything missing on this machine is refused
 * (UNAVAILABLE); otherwise it stands in sandbox_state()->note.
 */
err_t sandbox_second(struct ctx *cx, enum sandbox_role role,
                     const struct sandbox_path *paths, size_t n, bool required) NODISCARD;

#endif
