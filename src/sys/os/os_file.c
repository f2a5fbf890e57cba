/*
 * os_file.c - files that survive a crash, folders that are ours alone.
 *
 * Rule      Durable means: a new file, synced, renamed over the old, and the
 *           folder synced. Half a file is never seen under its own name.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HANDED_MAX = 64, NAMES_MAX = 1 << 20 };

/* --- files that another process opened for us --------------------------------- */

static struct handed {
    char path[PATH_MAX];
    int fd;
} * handed;
static size_t handed_n;
static pthread_mutex_t handed_lock = PTHREAD_MUTEX_INITIALIZER;

static struct handed *
handed_find(const char *path)
{
    for (size_t i = 0; i < handed_n; i++)
        if (strcmp(handed[i].path, path) == 0)
            return &handed[i];
    return NULL;
}

static err_t
hand_locked(struct ctx *cx, const char *path, int fd)
{
    struct handed *h = handed_find(path);

    if (h == NULL && fd < 0)
        return ERR_OK;
    if (h == NULL) {
        if (handed == NULL && (handed = calloc(HANDED_MAX, sizeof(*handed))) == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for handed files");
        if (handed_n == HANDED_MAX || strlen(path) >= sizeof(h->path))
            return refuse(cx, ERR_LIMIT, "", "more than %d files were handed", HANDED_MAX);
        h = &handed[handed_n++];
        strcpy(h->path, path);
        h->fd = -1;
    }
    os_close(&h->fd);
    h->fd = fd;
    return ERR_OK;
}

err_t
os_hand(struct ctx *cx, const char *path, int fd)
{
    err_t e;

    pthread_mutex_lock(&handed_lock);
    e = hand_locked(cx, path, fd);
    pthread_mutex_unlock(&handed_lock);
    if (e != ERR_OK)
        os_close(&fd);
    return e;
}

/* A descriptor of a handed file, or -1. Its offset is shared: read with pread. */
static int
handed_dup(const char *path)
{
    struct handed *h;
    int fd = -1;

    pthread_mutex_lock(&handed_lock);
    h = handed_find(path);
    if (h != NULL && h->fd >= 0)
        fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
    pthread_mutex_unlock(&handed_lock);
    return fd;
}

/* --- reading ------------------------------------------------------------------ */

static err_t
because(struct ctx *cx, const char *what, const char *path)
{
    int no = errno;
    err_t e = no == ENOENT || no == ENOTDIR  ? ERR_NOT_FOUND
              : no == EACCES || no == EPERM  ? ERR_FORBIDDEN
              : no == EEXIST                 ? ERR_CONFLICT
              : no == ENOSPC || no == EDQUOT ? ERR_UNAVAILABLE
              : no == EMFILE || no == ENFILE ? ERR_UNAVAILABLE
                                             : ERR_INTERNAL;

    return refuse(cx, e, "", "%s %s: %s", what, path, strerror(no));
}

err_t
os_open_read(struct ctx *cx, const char *path, int *fd)
{
    *fd = handed_dup(path);
    if (*fd < 0)
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return *fd < 0 ? because(cx, "open", path) : ERR_OK;
}

err_t
os_read_into(struct ctx *cx, int fd, void *room, size_t most, size_t *n)
{
    char *to = room;
    char more;
    size_t at = 0;

    *n = 0;
    while (at < most) {
        ssize_t got = pread(fd, to + at, most - at, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return because(cx, "read", "of a file");
        if (got == 0)
            break;
        at += (size_t)got;
    }
    if (at == most && pread(fd, &more, 1, (off_t)at) == 1)
        return refuse(cx, ERR_TOO_LARGE, "", "the file is larger than %zu bytes", most);
    *n = at;
    return ERR_OK;
}

err_t
os_read_file(struct ctx *cx, const char *path, size_t most, struct bytes *out)
{
    scoped(os_close) int fd = -1;
    struct stat st;
    uint8_t *room;
    err_t e;

    *out = (struct bytes){ NULL, 0 };
    if ((e = os_open_read(cx, path, &fd)) != ERR_OK)
        return e;
    if (fstat(fd, &st) < 0)
        return because(cx, "stat", path);
    if (!S_ISREG(st.st_mode))
        return refuse(cx, ERR_FORBIDDEN, "", "%s is not a file", path);
    if ((uint64_t)st.st_size > most)
        return refuse(cx, ERR_TOO_LARGE, "", "%s is larger than %zu bytes", path, most);
    if ((room = arena_alloc(cx->arena, (size_t)st.st_size + 1)) == NULL)
        return refuse_memory(cx);
    if ((e = os_read_into(cx, fd, room, (size_t)st.st_size, &out->n)) != ERR_OK)
        return e;
    out->p = room;
    return ERR_OK;
}

/* --- writing ------------------------------------------------------------------ */

static err_t
sync_folder_of(struct ctx *cx, const char *path)
{
    scoped(os_close) int fd = -1;
    char folder[PATH_MAX];
    char *slash;

    if (strlen(path) >= sizeof(folder))
        return refuse(cx, ERR_BAD_REQUEST, "", "a path longer than %d bytes", PATH_MAX);
    strcpy(folder, path);
    slash = strrchr(folder, '/');
    if (slash == folder)
        slash++;
    if (slash == NULL)
        strcpy(folder, ".");
    else
        *slash = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return because(cx, "sync", folder);
    return ERR_OK;
}

static err_t
write_all(struct ctx *cx, int fd, struct bytes data, const char *path)
{
    while (data.n > 0) {
        ssize_t n = write(fd, data.p, data.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return because(cx, "write", path);
        data.p += n;
        data.n -= (size_t)n;
    }
    return fsync(fd) < 0 ? because(cx, "sync", path) : ERR_OK;
}

static err_t
write_beside(struct ctx *cx, const char *path, struct bytes data, mode_t mode, bool replace)
{
    scoped(os_close) int fd = -1;
    char beside[PATH_MAX];
    err_t e;
    int n = snprintf(beside, sizeof(beside), "%s.new-XXXXXX", path);

    if (n < 0 || (size_t)n >= sizeof(beside))
        return refuse(cx, ERR_BAD_REQUEST, "", "a path longer than %d bytes", PATH_MAX);
    if ((fd = mkostemp(beside, O_CLOEXEC)) < 0)
        return because(cx, "make", beside);
    e = fchmod(fd, mode) < 0 ? because(cx, "chmod", beside)
                             : write_all(cx, fd, data, beside);
    if (e == ERR_OK &&
        renameat2(AT_FDCWD, beside, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE) < 0)
        e = because(cx, "rename to", path);
    if (e != ERR_OK) {
        unlink(beside);
        return e;
    }
    return sync_folder_of(cx, path);
}

err_t
os_write_file(struct ctx *cx, const char *path, struct bytes data, mode_t mode)
{
    return write_beside(cx, path, data, mode, true);
}

err_t
os_write_new(struct ctx *cx, const char *path, struct bytes data, mode_t mode)
{
    return write_beside(cx, path, data, mode, false);
}

err_t
os_remove(struct ctx *cx, const char *path)
{
    if (unlink(path) < 0)
        return because(cx, "remove", path);
    return sync_folder_of(cx, path);
}

/* --- folders ------------------------------------------------------------------ */

static err_t
folder_check(struct ctx *cx, const char *path, uid_t owner)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return because(cx, "stat", path);
    if (!S_ISDIR(st.st_mode))
        return refuse(cx, ERR_CONFLICT, "", "%s is not a folder", path);
    if (st.st_uid != owner)
        return refuse(cx, ERR_FORBIDDEN, "", "%s belongs to user %u, and should to user %u",
                      path, st.st_uid, owner);
    if (st.st_mode & 077)
        return refuse(cx, ERR_FORBIDDEN, "",
                      "%s is open to others (mode %03o): chmod 700 it", path,
                      st.st_mode & 0777);
    return ERR_OK;
}

/* Those above may be there, and be anybody's; made here, they may be passed. */
static err_t
folders_above(struct ctx *cx, char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        int rc;

        *slash = '\0';
        rc = mkdir(path, 0700);
        if (rc < 0 && errno != EEXIST)
            return because(cx, "make", path);
        if (rc == 0 && chmod(path, 0711) < 0)
            return because(cx, "chmod", path);
        *slash = '/';
    }
    return ERR_OK;
}

err_t
os_folder_of(struct ctx *cx, const char *path, const struct os_user *owner)
{
    char name[PATH_MAX];
    err_t e;

    if (path[0] == '\0' || strlen(path) >= sizeof(name))
        return refuse(cx, ERR_BAD_REQUEST, "", "'%s' is no path for a folder", path);
    strcpy(name, path);
    if ((e = folders_above(cx, name)) != ERR_OK)
        return e;
    if (mkdir(name, 0700) < 0)
        return errno == EEXIST ? folder_check(cx, name, owner->uid)
                               : because(cx, "make", name);
    if (owner->change && lchown(name, owner->uid, owner->gid) < 0)
        return because(cx, "chown", name);
    return sync_folder_of(cx, name);
}

err_t
os_folder(struct ctx *cx, const char *path)
{
    return os_folder_of(cx, path, &(struct os_user){ geteuid(), getegid(), false });
}

err_t
os_folder_lock(struct ctx *cx, const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return because(cx, "open", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    os_close(fd);
    return refuse(cx, ERR_CONFLICT, "", "%s is in use by another knoop", path);
}

static int
by_name(const void *a, const void *b)
{
    const struct str *x = a, *y = b;

    return str_cmp(*x, *y);
}

static void
close_dir(DIR **d)
{
    if (*d != NULL)
        closedir(*d);
}

err_t
os_folder_list(struct ctx *cx, const char *path, struct str **names, size_t *n)
{
    scoped(close_dir) DIR *d = opendir(path);
    struct dirent *entry;
    size_t room = 0;

    *names = NULL;
    *n = 0;
    if (d == NULL)
        return because(cx, "open", path);
    while ((entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (*n == room) {
            size_t more = room ? 2 * room : 16;

            if (room >= NAMES_MAX)
                return refuse(cx, ERR_LIMIT, "", "%s holds too many files", path);
            *names = arena_grow(cx->arena, *names, room * sizeof(**names),
                                more * sizeof(**names));
            if (*names == NULL)
                return refuse_memory(cx);
            room = more;
        }
        (*names)[*n] = arena_str(cx->arena, str_of(entry->d_name));
        if ((*names)[(*n)++].p == NULL)
            return refuse_memory(cx);
    }
    if (*n > 1)
        qsort(*names, *n, sizeof(**names), by_name);
    return ERR_OK;
}

bool
os_path_inside(const char *path, const char *folder)
{
    char a[PATH_MAX], b[PATH_MAX];
    size_t n;

    if (realpath(path, a) == NULL || realpath(folder, b) == NULL)
        return false;
    n = strlen(b);
    return strncmp(a, b, n) == 0 &&
           (a[n] == '\0' || a[n] == '/' || (n == 1 && b[0] == '/'));
}

static err_t copy_folder(struct ctx *cx, const char *from, const char *to, int depth);

static err_t
copy_file(struct ctx *cx, const char *from, const char *to)
{
    scoped(os_close) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    scoped(os_close) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char room[16384];
    ssize_t n;
    err_t e;

    if (in < 0)
        return because(cx, "open", from);
    if (out < 0)
        return because(cx, "make", to);
    while ((n = read(in, room, sizeof(room))) > 0)
        for (ssize_t at = 0; at < n;) {
            ssize_t put = write(out, room + at, (size_t)(n - at));

            if (put < 0)
                return because(cx, "write", to);
            at += put;
        }
    e = n < 0            ? because(cx, "read", from)
        : fsync(out) < 0 ? because(cx, "sync", to)
                         : ERR_OK;
    explicit_bzero(room, sizeof(room));
    return e;
}

static err_t
copy_one(struct ctx *cx, const char *from, const char *to, int depth)
{
    struct stat st;

    if (lstat(from, &st) < 0)
        return because(cx, "stat", from);
    if (S_ISDIR(st.st_mode))
        return copy_folder(cx, from, to, depth + 1);
    if (S_ISREG(st.st_mode))
        return copy_file(cx, from, to);
    return refuse(cx, ERR_FORBIDDEN, "", "%s is neither file nor folder", from);
}

static err_t
copy_folder(struct ctx *cx, const char *from, const char *to, int depth)
{
    struct str *names;
    size_t n;
    err_t e;

    if (depth > 16)
        return refuse(cx, ERR_LIMIT, "", "%s is nested too deeply", from);
    if ((e = os_folder(cx, to)) != ERR_OK ||
        (e = os_folder_list(cx, from, &names, &n)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++) {
        struct str a = arena_printf(cx->arena, "%s/%.*s", from, STR(names[i]));
        struct str b = arena_printf(cx->arena, "%s/%.*s", to, STR(names[i]));

        if (a.p == NULL || b.p == NULL)
            return refuse_memory(cx);
        if ((e = copy_one(cx, a.p, b.p, depth)) != ERR_OK)
            return e;
    }
    return sync_folder_of(cx, to);
}

err_t
os_copy_tree(struct ctx *cx, const char *from, const char *to)
{
    return copy_one(cx, from, to, 0);
}
