/* sandbox.c - both halves, and what this machine lacks. EUPL-1.2. */
#include "sys/os/sandbox_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static struct sandbox_state state;

const struct sandbox_state *
sandbox_state(void)
{
    return &state;
}

err_t
sandbox_first(struct ctx *cx, enum sandbox_role role)
{
    if (role == SANDBOX_NONE)
        return refuse(cx, ERR_INTERNAL, "", "nobody chose a sandbox");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return refuse(cx, ERR_INTERNAL, "", "no_new_privs: %s", strerror(errno));
    return SANDBOX_SANITIZED ? ERR_OK : sandbox__calls_first(cx, role);
}

static void
note(void)
{
    snprintf(state.note, sizeof(state.note), "%s%s%s",
             state.landlock > 0 ? "" : "this kernel has no landlock: paths are not held",
             state.landlock > 0 || state.seccomp ? "" : "; ",
             state.seccomp ? "" : "a sanitizer build: system calls are not filtered");
}

err_t
sandbox_second(struct ctx *cx, enum sandbox_role role, const struct sandbox_path *paths,
               size_t n, bool required)
{
    err_t e;

    if (role == SANDBOX_NONE || role == SANDBOX_SUPERVISOR)
        return refuse(cx, ERR_INTERNAL, "", "nobody chose a sandbox");
    if ((e = sandbox__paths(cx, role, paths, n, &state.landlock)) != ERR_OK)
        return e;
    if (!SANDBOX_SANITIZED) {
        if ((e = sandbox__calls_second(cx, role)) != ERR_OK)
            return e;
        state.seccomp = true;
    }
    note();
    if (required && state.note[0] != '\0')
        return refuse(cx, ERR_UNAVAILABLE, "", "process.sandbox is 'required', and %s",
                      state.note);
    return ERR_OK;
}
