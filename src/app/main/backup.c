/* backup.c - the data folder of a node that stands still. EUPL-1.2. */
#include "app/main/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/main/role.h"
#include "sys/keys/signer.h"

static err_t
not_there(struct ctx *cx, const char *path)
{
    if (access(path, F_OK) == 0)
        return refuse(cx, ERR_CONFLICT, "", "%s is there already", path);
    return ERR_OK;
}

/*
 * What was used up after the copy was made is not in it: no copy has the file of one-time
 * values, so that a database without one refuses what was made before (store_once_since).
 */
static err_t
forget_once(struct ctx *cx, const char *folder)
{
    const char *path =
        arena_printf(cx->arena, "%s/" ROLE_FOLDER_STORE "/" ROLE_DATABASE "-taken", folder)
            .p;

    if (path == NULL)
        return refuse_memory(cx);
    if (unlink(path) < 0 && errno != ENOENT)
        return refuse(cx, ERR_FORBIDDEN, "", "%s: %s", path, strerror(errno));
    return ERR_OK;
}

static err_t
copy(struct ctx *cx, const char *from, const char *to)
{
    err_t e = os_copy_tree(cx, from, to);

    return e != ERR_OK ? e : forget_once(cx, to);
}

err_t
backup_make(struct ctx *cx, const char *datadir, const char *to)
{
    scoped(os_close) int lock = -1;
    err_t e;

    if ((e = not_there(cx, to)) != ERR_OK ||
        (e = os_folder_lock(cx, datadir, &lock)) != ERR_OK)
        return e;
    return copy(cx, datadir, to);
}

static err_t
prove_keys(struct ctx *cx, const char *from, const char *root_file, size_t *keys)
{
    scoped(os_close) int root = open(root_file, O_RDONLY | O_CLOEXEC);
    struct str folder = arena_printf(cx->arena, "%s/" ROLE_FOLDER_KEYS, from);
    struct str check = arena_printf(cx->arena, "%s/" ROLE_FOLDER_KEYS "/root.check", from);

    if (folder.p == NULL || check.p == NULL)
        return refuse_memory(cx);
    if (access(check.p, R_OK) != 0) /* proving must not begin a store there */
        return refuse(cx, ERR_NOT_FOUND, "", "%s is no backup of a data folder", from);
    return keys_prove(cx, folder.p, root, keys);
}

err_t
backup_restore(struct ctx *cx, const char *from, const char *datadir, const char *root_file,
               size_t *keys)
{
    err_t e;

    *keys = 0;
    if ((e = not_there(cx, datadir)) != ERR_OK ||
        (e = prove_keys(cx, from, root_file, keys)) != ERR_OK)
        return e;
    return copy(cx, from, datadir);
}

/* --- commands ----------------------------------------------------------------- */

static int
backup(struct cli *c)
{
    if (backup_make(&c->cx, c->argv[0], c->argv[1]) != ERR_OK)
        return cli_refused(c, "backup");
    fprintf(stderr, "knoop: %s holds it all but the root key, which is kept apart\n",
            c->argv[1]);
    return 0;
}

static int
restore(struct cli *c)
{
    size_t keys;

    if (backup_restore(&c->cx, c->argv[0], c->argv[1], c->argv[2], &keys) != ERR_OK)
        return cli_refused(c, "restore");
    fprintf(stderr, "knoop: %s stands again; its root key opens all %zu keys\n", c->argv[1],
            keys);
    return 0;
}

const struct cli_command backup_commands[] = {
    { "backup", "DATADIR TO", "Copy the data folder of a node that stands still.", NULL, 2,
      2, backup },
    { "restore", "FROM DATADIR ROOTFILE",
      "Restore a data folder, once the root key has opened every key in it.", NULL, 3, 3,
      restore },
    { 0 },
};
