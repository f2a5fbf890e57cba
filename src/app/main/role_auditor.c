/*
 * role_auditor.c - the process that keeps the log: opens, narrows, appends.
 *
 * Rule      Outlives the supervisor for as long as events wait in a ring: it
 *           is told by the end of the control pair, and drains first.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role.h"

#include <poll.h>
#include <string.h>

#include "crypto/prim/prim.h"

static err_t
narrow(struct ctx *cx, const struct conf *c)
{
    struct sandbox_path path = { NULL, SANDBOX_READ | SANDBOX_APPEND };
    err_t e = role_folder(cx, c, ROLE_FOLDER_AUDIT, &path.path);

    if (e != ERR_OK)
        return e;
    return sandbox_second(cx, SANDBOX_AUDITOR, &path, 1,
                          str_is(c->process_sandbox, "required"));
}

err_t
role_auditor(struct ctx *cx, struct role *r)
{
    static struct role_message m;
    err_t e;

    if (!prim_start())
        return refuse(cx, ERR_UNSUPPORTED, "", "OpenSSL here lacks an algorithm");
    if ((e = narrow(cx, r->conf)) != ERR_OK ||
        (e = role_tell(cx, r->control, ROLE_READY, 0, NULL, NULL, 0)) != ERR_OK)
        return e;
    while (role_hear(cx, r->control, &m) == ERR_OK && m.say != ROLE_DRAIN) {
        if (m.say == ROLE_PING &&
            role_tell(cx, r->control, ROLE_PONG, 0, NULL, NULL, 0) != ERR_OK)
            break;
        if (m.say == ROLE_CONF &&
            role_tell(cx, r->control, ROLE_RELOADED, 0, NULL, NULL, 0) != ERR_OK)
            break;
        role_message_close(&m);
    }
    return ERR_OK;
}
