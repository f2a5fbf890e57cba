/*
 * os.h - what the kernel is asked for: clocks, descriptors, files, processes.
 *
 * Rule      Every descriptor is close-on-exec. What must survive a crash is
 *           written new, synced, renamed, and its folder synced. A folder or
 *           secret that others could read is refused, not repaired.
 * Trust     Paths come from options, never from a request.
 * Lifetime  What is read lives in the context's arena; descriptors belong to
 *           the caller (os_close, also for scoped()).
 * Threads   Any, but for what says "at start".
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_OS_H
#define KNOOP_SYS_OS_H

#include <pthread.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"

/* Who a role becomes; os_user_find below. */
struct os_user {
    uid_t uid;
    gid_t gid;
    bool change; /* false: stay who we are */
};

/* --- clocks: the only place where they are read ------------------------------- */
int64_t os_now_ms(void);    /* UTC, since 1970 */
int64_t os_tick_ms(void);   /* monotonic; deadlines are on this one */
int64_t os_tick_ns(void);   /* monotonic, for measuring */
int64_t os_uptime_ms(void); /* since this machine came up, sleep included */

/* --- log ------------------------------------------------------------------
 * Lines go to standard error, one write each. At start. */
void os_log_open(enum log_format form, enum log_level least);

/* --- descriptors -------------------------------------------------------------- */
void os_close(int *fd); /* sets it to -1; -1 is fine */

enum { OS_FDS_MAX = 8, OS_MESSAGE_MAX = 64 * 1024 };

/* A pair of connected sockets that keep messages whole (SOCK_SEQPACKET). */
err_t os_pair(struct ctx *cx, int *a, int *b) NODISCARD;
/* One message, with up to OS_FDS_MAX descriptors (copied, not moved). GONE
 * when the other end is closed, UNAVAILABLE when it does not take more now. */
err_t os_send(struct ctx *cx, int sock, struct bytes message, const int *fds,
              size_t n) NODISCARD;
/*
 * One message into `room`. `fds` must hold OS_FDS_MAX; those not received are
 * -1. GONE when the other end is closed, UNAVAILABLE when nothing waits on a
 * non-blocking socket, TOO_LARGE (with all descriptors closed) when cut.
 */
err_t os_recv(struct ctx *cx, int sock, void *room, size_t size, size_t *n,
              int fds[OS_FDS_MAX]) NODISCARD;
err_t os_nonblock(struct ctx *cx, int fd) NODISCARD;

/*
 * Listens on "host:port": a numeric host, "[::1]:80", "localhost:80" (both
 * loopbacks) or ":80" (IPv6 and IPv4). No name service is asked. `fds` gets
 * one or two sockets, non-blocking. CONFLICT when the address is taken.
 */
enum { OS_LISTEN_MAX = 2 };
err_t os_listen(struct ctx *cx, struct str address, int fds[OS_LISTEN_MAX],
                size_t *n) NODISCARD;
/* The port a socket is bound to; 0 when it has none. */
int os_port(int fd);

/* --- files -------------------------------------------------------------------- */
/* The whole file. NOT_FOUND, FORBIDDEN, TOO_LARGE beyond `most`. */
err_t os_read_file(struct ctx *cx, const char *path, size_t most,
                   struct bytes *out) NODISCARD;
/* The same into the caller's memory, for secrets: nothing stays behind. */
err_t os_read_into(struct ctx *cx, int fd, void *room, size_t most, size_t *n) NODISCARD;
/* Opens for reading: a handed file (below) when there is one of this path. */
err_t os_open_read(struct ctx *cx, const char *path, int *fd) NODISCARD;
/*
 * Durable: written beside, synced, renamed over, folder synced. A reader sees
 * the old or the new, never half. os_write_new: CONFLICT when it is there.
 */
err_t os_write_file(struct ctx *cx, const char *path, struct bytes data,
                    mode_t mode) NODISCARD;
err_t os_write_new(struct ctx *cx, const char *path, struct bytes data,
                   mode_t mode) NODISCARD;
err_t os_remove(struct ctx *cx, const char *path) NODISCARD; /* durable; NOT_FOUND */
/*
 * Makes the folder (0700, and those above it) when it is not there; refuses
 * one that belongs to another or that others may enter.
 */
err_t os_folder(struct ctx *cx, const char *path) NODISCARD;
/* The same for another user, by root: `owner` gets what is made here. */
err_t os_folder_of(struct ctx *cx, const char *path, const struct os_user *owner) NODISCARD;
/* Holds the folder for one process until `*fd` is closed; CONFLICT. */
err_t os_folder_lock(struct ctx *cx, const char *path, int *fd) NODISCARD;
/* The names in a folder, sorted, without "." and "..". */
err_t os_folder_list(struct ctx *cx, const char *path, struct str **names,
                     size_t *n) NODISCARD;
/* Is `path` inside `folder` (or the same), links resolved? */
bool os_path_inside(const char *path, const char *folder);
/* Copies what is at `from` (0700 folders, 0600 files, no links) durably. */
err_t os_copy_tree(struct ctx *cx, const char *from, const char *to) NODISCARD;

/*
 * A file that a more trusted process opened for this one: os_open_read and
 * os_read_file of `path` then use it, so that a narrowed role reads what it
 * could not open, and sees renewed files. Takes the descriptor; -1 forgets.
 */
err_t os_hand(struct ctx *cx, const char *path, int fd) NODISCARD;

/* --- this process; at start, before threads ----------------------------------- */
/* umask 077, no core, not dumpable, no new privileges, descriptors to the max. */
err_t os_harden(struct ctx *cx) NODISCARD;
/*
 * What requests gave back stays with the process, up to 64 MiB: asking the kernel for
 * the same pages again costs more than all else that is done with them.
 */
void os_memory_keep(void);
/* The name in top(1) and in /proc, 15 bytes. */
void os_process_name(const char *name);

/*
 * As an ordinary user: stay. As root: `name`, or "knoop" when it is empty and
 * exists; otherwise stay root and say so in the log. A name that does not
 * exist, or is root, is refused.
 */
err_t os_user_find(struct ctx *cx, struct str name, struct os_user *out) NODISCARD;
/* For good: groups, group, user; checks that there is no way back. */
err_t os_user_become(struct ctx *cx, const struct os_user *user) NODISCARD;

/* Die (SIGKILL) when the parent does. After os_user_become. */
void os_die_with_parent(void);

/* Blocks these signals and reads them from a descriptor. 0 ends the list. */
err_t os_signals(struct ctx *cx, const int *signals, int *fd) NODISCARD;
int os_signal_next(int fd); /* 0 when none waits */
/* A thread that takes no signals: they are for who waits for them. 0, or errno's value. */
int os_thread(pthread_t *out, void *(*fn)(void *), void *arg) NODISCARD;

/* sd_notify(3): "READY=1". Nothing happens without NOTIFY_SOCKET. */
void os_notify(const char *state);
int64_t os_watchdog_ms(void); /* WATCHDOG_USEC; 0 when none is asked */

#endif
