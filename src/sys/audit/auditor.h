/*
 * auditor.h - the process that keeps the chain. app/main execs it, narrows it
 * and calls auditor_run; it holds no socket, starts nothing, and only appends.
 *
 *   open ──> recover: walk from the last checkpoint, prove each line
 *              │ a torn tail: stays where it is, a new segment names it
 *              v
 *   turn: drain every ring ─> lines ─> write ─> fdatasync ─> rings' tails
 *           ^                                       │ not all the disk's fault:
 *           └─── bell, gathering, stop ────────────┘ keep the rest, say "full"
 *
 * Rule      The log is append-only: nothing is truncated, renamed or removed.
 *           An event is in the log once: a line holds its ring, epoch and
 *           number there, and a ring's tail moves after the sync.
 * Trust     Rings are written by workers, who may be taken over: every frame
 *           is copied out, proved and checked again. The clock and the signer
 *           come in as functions.
 * Needs     In its folder: open and create files, read, append, fdatasync; and
 *           mmap of the rings. No truncate, no unlink, no rename.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDITOR_H
#define KNOOP_SYS_AUDITOR_H

#include <poll.h>
#include <sys/types.h>

#include "sys/audit/audit.h"

struct auditor;

struct auditor_setup {
    int folder;       /* <datadir>/audit; borrowed. Rings are made before */
    int bell;         /* the eventfd that workers ring; -1: none */
    int stop;         /* readable or hung up: finish and end; -1: none */
    const int *backs; /* by ring number: an eventfd for its loop, or -1 */
    size_t backs_n;
    enum audit_sync sync; /* BEFORE: events are not gathered */
    int64_t segment_bytes;
    int64_t checkpoint_ms;
    struct str origin; /* names this log in checkpoints; borrowed, not empty */
    int64_t (*now_ms)(void);

    /*
     * Asks the signer for a signature over `note` (audit_note: four lines of
     * text). The signer should refuse a size under the last it signed for this
     * origin: that is what finds a log cut off together with its checkpoints.
     * NULL: checkpoints are not signed. Results live in cx's arena.
     */
    err_t (*sign)(struct ctx *cx, void *state, struct str note, struct str *kid,
                  struct bytes *signature);
    void *state;

    /* NULL: write, fdatasync and poll. Tests put a full disk here, and count. */
    ssize_t (*write)(int fd, const void *p, size_t n);
    int (*sync_file)(int fd);
    int (*poll)(struct pollfd *fds, nfds_t n, int ms);
};

/*
 * Recovers the log in setup->folder and maps the rings there. `setup` is
 * borrowed until auditor_close.
 *
 *   CONFLICT     the log was altered before its tail: run `knoop audit verify`
 *   UNAVAILABLE  the folder cannot be read or written
 */
err_t auditor_open(struct ctx *cx, const struct auditor_setup *setup,
                   struct auditor **out) NODISCARD;

/*
 * One turn: everything that waits in the rings gets on disk. `*kept` is how
 * many lines that were. UNAVAILABLE while the disk is full: call again.
 */
err_t auditor_turn(struct ctx *cx, struct auditor *a, size_t *kept) NODISCARD;

/* Turns until setup->stop; then drains, signs a last checkpoint and returns. */
err_t auditor_run(struct ctx *cx, struct auditor *a) NODISCARD;

/* Signs what is not signed yet, when the disk allows. NULL is fine. */
void auditor_close(struct ctx *cx, struct auditor *a);

#endif
