/*
 * keys_root.c - the root key, and what is done with a whole store.
 *
 * Rule      32 random bytes in a file of its own, outside the data folder, that
 *           only its owner may read. Open to others is refused, not repaired:
 *           who could read it may have done so.
 * Source    Knoop. EUPL-1.2.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/keys/keystore.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"

err_t
keys_root_make(struct ctx *cx, const char *path)
{
    scoped(secret_fini) struct secret root = { 0 };
    err_t e = secret_random(cx, KEYS_ROOT_SIZE, &root);

    return e != ERR_OK ? e : os_write_new(cx, path, secret_peek(&root), 0600);
}

err_t
keys_root_check(struct ctx *cx, const char *path, const char *datadir)
{
    if (os_path_inside(path, datadir))
        return refuse(cx, ERR_KEY_ROOT, "",
                      "the root key %s lies inside datadir: who takes the one"
                      " would have both",
                      path);
    return ERR_OK;
}

static err_t
is_closed(struct ctx *cx, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return refuse(cx, ERR_KEY_ROOT, "", "the root key's file: %s", strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0))
        return refuse(cx, ERR_KEY_ROOT, "", "the root key's file belongs to user %u",
                      st.st_uid);
    if (st.st_mode & 077)
        return refuse(cx, ERR_KEY_ROOT, "",
                      "the root key's file is open to others (mode %03o)",
                      st.st_mode & 0777);
    return ERR_OK;
}

err_t
keys_root_read(struct ctx *cx, int fd, struct secret *out)
{
    size_t n;
    err_t e;

    *out = (struct secret){ NULL, 0 };
    if (fd < 0)
        return refuse(cx, ERR_KEY_ROOT, "",
                      "there is no root key: make one with 'knoop keys init"
                      " FILE' and name it in keys.root_file");
    if ((e = is_closed(cx, fd)) != ERR_OK ||
        (e = secret_new(cx, KEYS_ROOT_SIZE, out)) != ERR_OK)
        return e;
    if (os_read_into(cx, fd, out->p, KEYS_ROOT_SIZE, &n) == ERR_OK && n == KEYS_ROOT_SIZE)
        return ERR_OK;
    secret_fini(out);
    return refuse(cx, ERR_KEY_ROOT, "", "the root key's file does not hold 32 bytes");
}

/* Files are whole or absent under their names, so a copy of each is a copy of all. */
err_t
keys_backup(struct ctx *cx, const char *folder, const char *to)
{
    return os_copy_tree(cx, folder, to);
}

err_t
keys_prove(struct ctx *cx, const char *folder, int root, size_t *count)
{
    struct keystore ks;
    err_t e = keystore_open(cx, folder, root, &ks);

    *count = 0;
    if (e != ERR_OK)
        return e;
    e = keystore_prove(cx, &ks, count);
    keystore_close(&ks);
    return e;
}
