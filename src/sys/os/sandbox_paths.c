/*
 * sandbox_paths.c - landlock: the folders that a role may see at all.
 *
 * Rule      What is not listed does not open. Numbers of the interface are
 *           written here, because the headers of Debian 12 know ABI 2 only.
 * Source    Knoop; Documentation/userspace-api/landlock.rst. EUPL-1.2.
 */
#include "sys/os/os.h"
#include "sys/os/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* Rights on files, by their bit in the interface. */
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE = 1 << 1,
    FS_READ = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,    /* ABI 2 */
    FS_TRUNCATE = 1 << 14, /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15 /* ABI 5 */
};
enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 };     /* ABI 4 */
enum { SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2 }; /* ABI 6 */

struct ruleset {
    uint64_t fs, net, scope;
};
struct beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static uint64_t
handled_fs(int abi)
{
    uint64_t all = (FS_MAKE_SYM << 1) - 1;

    if (abi >= 2)
        all |= FS_REFER;
    if (abi >= 3)
        all |= FS_TRUNCATE;
    if (abi >= 5)
        all |= FS_IOCTL_DEV;
    return all;
}

static uint64_t
rights(unsigned access, bool folder)
{
    uint64_t r = 0;

    if (access & SANDBOX_READ)
        r |= FS_READ | FS_READ_DIR;
    if (access & SANDBOX_EXEC)
        r |= FS_EXECUTE;
    if (access & SANDBOX_APPEND)
        r |= FS_WRITE | FS_MAKE_REG;
    if (access & SANDBOX_WRITE)
        r |= FS_WRITE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR | FS_REMOVE_FILE |
             FS_REMOVE_DIR | FS_REFER;
    return folder ? r : r & (FS_READ | FS_WRITE | FS_TRUNCATE | FS_EXECUTE);
}

static err_t
allow(struct ctx *cx, int ruleset, uint64_t handled, const struct sandbox_path *p)
{
    scoped(os_close) int fd = open(p->path, O_PATH | O_CLOEXEC);
    struct beneath rule = { 0 };
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return ERR_OK; /* not there: nothing to allow */
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(cx, ERR_INTERNAL, "", "landlock: %s: %s", p->path, strerror(errno));
    rule.allowed = rights(p->access, S_ISDIR(st.st_mode)) & handled;
    rule.parent = fd;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        return refuse(cx, ERR_INTERNAL, "", "landlock: %s: %s", p->path, strerror(errno));
    return ERR_OK;
}

/* The older the kernel, the shorter the structure that it knows. */
static size_t
ruleset_size(int abi)
{
    return abi >= 6   ? sizeof(struct ruleset)
           : abi >= 4 ? 2 * sizeof(uint64_t)
                      : sizeof(uint64_t);
}

err_t
sandbox__paths(struct ctx *cx, enum sandbox_role role, const struct sandbox_path *paths,
               size_t n, int *abi)
{
    scoped(os_close) int fd = -1;
    struct ruleset rs = { 0 };
    bool network = role == SANDBOX_WORKER || role == SANDBOX_SIGNER_HSM;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    err_t e;

    *abi = 0;
    if (version <= 0)
        return ERR_OK; /* no landlock: the caller decides what that means */
    rs.fs = handled_fs((int)version);
    if (!network)
        rs.net = NET_BIND_TCP | NET_CONNECT_TCP;
    rs.scope = SCOPE_SIGNAL | (network ? 0 : SCOPE_ABSTRACT_UNIX);
    fd = (int)syscall(SYS_landlock_create_ruleset, &rs, ruleset_size((int)version), 0);
    if (fd < 0)
        return refuse(cx, ERR_INTERNAL, "", "landlock: %s", strerror(errno));
    for (size_t i = 0; i < n; i++)
        if ((e = allow(cx, fd, rs.fs, &paths[i])) != ERR_OK)
            return e;
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return refuse(cx, ERR_INTERNAL, "", "landlock: %s", strerror(errno));
    *abi = (int)version;
    return ERR_OK;
}
