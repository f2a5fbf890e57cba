/*
 * role_signer.c - the process that holds the private keys: opens, narrows, signs.
 *
 * Rule      No socket but the pairs that it is handed, no folder but its own,
 *           no exec. The root key comes as a descriptor.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role.h"

#include <string.h>
#include <unistd.h>

#include "sys/keys/signer.h"

/* A module of a network HSM looks names up and loads what it needs late. */
static const struct sandbox_path network_paths[] = {
    { "/usr", SANDBOX_READ | SANDBOX_EXEC },
    { "/lib", SANDBOX_READ | SANDBOX_EXEC },
    { "/lib64", SANDBOX_READ | SANDBOX_EXEC },
    { "/etc/resolv.conf", SANDBOX_READ },
    { "/etc/hosts", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ },
    { "/etc/ssl/certs", SANDBOX_READ },
};

static err_t
narrow(struct ctx *cx, const struct conf *c, const char *folder)
{
    bool network = str_is(c->keys_pkcs11_profile, "network");
    struct sandbox_path paths[COUNT(network_paths) + 2];
    size_t n = 0;
    err_t e;

    paths[n++] = (struct sandbox_path){ folder, SANDBOX_READ | SANDBOX_WRITE };
    if (c->keys_pkcs11_folder.n > 0)
        paths[n++] =
            (struct sandbox_path){ c->keys_pkcs11_folder.p, SANDBOX_READ | SANDBOX_WRITE };
    for (size_t i = 0; network && i < COUNT(network_paths); i++)
        paths[n++] = network_paths[i];
    e = sandbox_second(cx, network ? SANDBOX_SIGNER_HSM : SANDBOX_SIGNER, paths, n,
                       str_is(c->process_sandbox, "required"));
    if (e == ERR_OK && sandbox_state()->note[0] != '\0')
        log_warn(cx, "%s", sandbox_state()->note);
    return e;
}

static err_t
take_peer(struct ctx *cx, struct signer *s, unsigned who, int fd)
{
    return who == ROLE_PEER_AUDITOR ? signer_peer(cx, s, fd, SIGNER_FROM_AUDITOR, 0)
                                    : signer_peer(cx, s, fd, SIGNER_FROM_WORKER, who);
}

static err_t
reload(struct ctx *cx, struct signer *s, struct role *r, struct role_message *m)
{
    struct conf *fresh, *old = r->conf;
    const char *why = NULL;

    if (role_take_conf(cx, m, &fresh) != ERR_OK)
        why = arena_z(cx->arena, cx->reason);
    else if (signer_reload(cx, s, fresh) != ERR_OK) {
        why = arena_z(cx->arena, cx->reason);
        conf_give(fresh);
    } else {
        r->conf = fresh;
        role_log_open(fresh);
        conf_give(old);
    }
    return role_tell(cx, r->control, ROLE_RELOADED, 0, why, NULL, 0);
}

static err_t
word(struct ctx *cx, struct signer *s, struct role *r, struct role_message *m)
{
    int fd = m->fds[0];

    if (m->say == ROLE_PEER) {
        m->fds[0] = -1;
        return take_peer(cx, s, m->arg, fd);
    }
    if (m->say == ROLE_FILE)
        return role_take_file(cx, m);
    if (m->say == ROLE_CONF)
        return reload(cx, s, r, m);
    if (m->say == ROLE_PING)
        return role_tell(cx, r->control, ROLE_PONG, 0, NULL, NULL, 0);
    if (m->say == ROLE_DRAIN)
        signer_drain(s);
    return ERR_OK;
}

static bool
control_ready(struct ctx *cx, struct signer *s, void *arg)
{
    static struct role_message m;
    struct role *r = arg;
    err_t e;

    while ((e = role_hear(cx, r->control, &m)) == ERR_OK) {
        if (word(cx, s, r, &m) != ERR_OK)
            log_error(cx, "the supervisor's word %u: %.*s", m.say, STR(cx->reason));
        role_message_close(&m);
    }
    return e == ERR_UNAVAILABLE; /* nothing more waits; otherwise nobody is there */
}

static err_t
open_signer(struct ctx *cx, struct role *r, const char *folder, struct signer **s)
{
    scoped(os_close) int root = -1;
    struct signer_setup setup = { folder, -1, r->conf, os_now_ms };
    err_t e;

    if (os_open_read(cx, "keys.root_file", &root) != ERR_OK)
        refuse_clear(cx); /* signer_open says what to do */
    setup.root = root;
    e = signer_open(cx, &setup, s);
    for (size_t i = 0; e == ERR_OK && i < r->peer_n; i++)
        e = take_peer(cx, *s, r->peers[i].who, r->peers[i].fd);
    return e;
}

err_t
role_signer(struct ctx *cx, struct role *r)
{
    struct signer_host host = { r->control, control_ready, r };
    struct signer *s = NULL;
    const char *folder;
    err_t e;

    if (!prim_start())
        return refuse(cx, ERR_UNSUPPORTED, "", "OpenSSL here lacks an algorithm");
    if ((e = role_folder(cx, r->conf, ROLE_FOLDER_KEYS, &folder)) != ERR_OK ||
        (e = open_signer(cx, r, folder, &s)) != ERR_OK ||
        (e = narrow(cx, r->conf, folder)) != ERR_OK ||
        (e = os_nonblock(cx, r->control)) != ERR_OK ||
        (e = role_tell(cx, r->control, ROLE_READY, 0, NULL, NULL, 0)) != ERR_OK)
        return e;
    signer_run(s, &host);
    signer_close(s);
    return ERR_OK;
}
