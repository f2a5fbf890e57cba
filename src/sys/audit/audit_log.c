/*
 * audit_log.c - the log as the auditor writes it: appended to, synced,
 * continued in the next segment, signed. Nothing is ever cut or rewritten.
 *
 * Two states of the chain are kept: `safe`, as of the last sync, and `now`,
 * with the batch. A full disk keeps the rest of the batch for later. Any other
 * failure takes the log back to `safe`; since nobody can say what the file then
 * holds behind it (a failed sync may have dropped pages), the next batch begins
 * a segment whose first line says so. EUPL-1.2.
 */
#include "base/log.h"
#include "base/time.h"
#include "sys/audit/log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH_ROOM = 2 * 1024 * 1024, /* a turn's lines travel together */
    CHECKPOINT_EVERY = 1000,      /* lines: what recovery reads, and verify narrows to */
    SIGNER_RETRY_MS = 1000,
};
static const char copies[] = "checkpoints.jsonl";

static err_t
cannot(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_UNAVAILABLE, "", "the audit log: %s: %s", what, strerror(errno));
}

/* --- segments ------------------------------------------------------------------- */

static err_t
open_segment(struct ctx *cx, struct log *l, unsigned segment)
{
    int folder = l->setup->folder, fd;
    char name[SEGMENT_NAME];
    struct stat st;

    audit__segment_name(segment, name);
    fd = openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return cannot(cx, name);
    if (fstat(fd, &st) != 0 || fsync(folder) != 0) {
        err_t e = cannot(cx, name);

        close(fd);
        return e;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = fd;
    l->segment = segment;
    l->size = (uint64_t)st.st_size;
    return ERR_OK;
}

/* The one after the last; a last one that was made and never begun is begun now. */
static err_t
next_segment(struct ctx *cx, struct log *l)
{
    unsigned last, missing;
    char name[SEGMENT_NAME];
    struct stat st;
    err_t e;

    if ((e = audit__segments(cx, l->setup->folder, &last, &missing)) != ERR_OK)
        return e;
    audit__segment_name(last, name);
    if (last == 0 || fstatat(l->setup->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        st.st_size != 0)
        last++;
    return open_segment(cx, l, last);
}

/* Begins a segment whose first line names all that lies behind the last safe byte. */
static err_t
begin_after_torn(struct ctx *cx, struct log *l)
{
    struct audit_record r = { .event = AUDIT_LOG_TORN,
                              .outcome = AUDIT_FAILED,
                              .at_ms = cx->now_ms,
                              .code = S("LOG_TORN"),
                              .reason = S("what stands behind was not on disk when the "
                                          "auditor ended, and does not count") };
    char name[SEGMENT_NAME], hex[MERKLE_HEX];
    struct merkle_hash h;
    struct str extra;
    uint64_t bytes;
    err_t e;

    if ((e = next_segment(cx, l)) != ERR_OK ||
        (e = audit__torn_hash(cx, l->setup->folder, l->safe_segment, l->safe_size,
                              l->segment - 1, &bytes, &h)) != ERR_OK)
        return e;
    merkle_hex(&h, hex);
    audit__segment_name(l->safe_segment, name);
    extra = arena_printf(
        cx->arena, "\"segment\":\"%s\",\"offset\":%llu,\"bytes\":%llu,\"sha256\":\"%.*s\"",
        name, (unsigned long long)l->safe_size, (unsigned long long)bytes, MERKLE_HEX, hex);
    if (extra.p == NULL)
        return refuse_memory(cx);
    log_warn(cx, "%s is torn at byte %llu: %llu bytes do not count", name,
             (unsigned long long)l->safe_size, (unsigned long long)bytes);
    return audit__log_add(cx, l, NULL, &r, extra);
}

err_t
audit__log_ready(struct ctx *cx, struct log *l)
{
    return l->torn && l->batch_n == 0 ? begin_after_torn(cx, l) : ERR_OK;
}

void
audit__log_drop(struct log *l)
{
    l->now = l->safe;
    l->batch_n = l->written = 0;
}

/* --- adding and flushing ----------------------------------------------------------- */

bool
audit__log_batch_full(const struct log *l)
{
    return BATCH_ROOM - l->batch_n < 4 * AUDIT_LINE_MAX; /* room for our own lines stays */
}

err_t
audit__log_add(struct ctx *cx, struct log *l, const struct origin *from,
               const struct audit_record *record, struct str extra)
{
    struct str line;
    err_t e = audit__chain_add(cx, &l->now, from, record, extra, &line);

    if (e != ERR_OK)
        return e;
    if (line.n > BATCH_ROOM - l->batch_n)
        return refuse(cx, ERR_INTERNAL, "", "the batch has no room for %zu bytes", line.n);
    memcpy(l->batch + l->batch_n, line.p, line.n);
    l->batch_n += line.n;
    if (l->uncovered_ms == 0)
        l->uncovered_ms = cx->now_ms;
    return ERR_OK;
}

static bool
is_full(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EINTR ||
           error == EAGAIN;
}

static err_t
back(struct ctx *cx, struct log *l, const char *what)
{
    err_t e =
        refuse(cx, ERR_UPSTREAM, "", "the audit log: %s failed: %s", what, strerror(errno));

    audit__log_drop(l);
    l->torn = true;
    if (l->covered > l->safe.seq) { /* a checkpoint was in it */
        l->covered = l->safe.seq;
        free(l->copy);
        l->copy = NULL;
    }
    return e;
}

err_t
audit__log_flush(struct ctx *cx, struct log *l)
{
    const struct auditor_setup *s = l->setup;
    err_t e;

    if (l->batch_n == 0)
        return ERR_OK;
    if (l->written == 0 && (int64_t)l->size >= s->segment_bytes &&
        (e = next_segment(cx, l)) != ERR_OK)
        return e;
    while (l->written < l->batch_n) {
        const char *p = l->batch + l->written;
        size_t n = l->batch_n - l->written;
        ssize_t w = s->write != NULL ? s->write(l->fd, p, n) : write(l->fd, p, n);

        if (w < 0 && !is_full(errno))
            return back(cx, l, "writing");
        if (w <= 0)
            return cannot(cx, "the disk takes no more");
        l->written += (size_t)w;
        l->size += (uint64_t)w;
    }
    if ((s->sync_file != NULL ? s->sync_file(l->fd) : fdatasync(l->fd)) != 0)
        return back(cx, l, "syncing");
    l->safe = l->now;
    l->safe_segment = l->segment;
    l->safe_size = l->size;
    l->batch_n = l->written = 0;
    l->torn = false;
    return ERR_OK;
}

/* --- checkpoints -------------------------------------------------------------------- */

/* Ended a full disk or a crash the file in a fragment? A narrowed auditor opens no file
 * both to read and to write, so this looks first. */
static err_t
look_at_end(struct ctx *cx, const struct log *l, char *last)
{
    int fd = openat(l->setup->folder, copies, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    bool well;

    *last = '\n';
    if (fd < 0)
        return errno == ENOENT ? ERR_OK : cannot(cx, copies);
    well =
        fstat(fd, &st) == 0 && (st.st_size == 0 || pread(fd, last, 1, st.st_size - 1) == 1);
    close(fd);
    return well ? ERR_OK : cannot(cx, copies);
}

/* Into checkpoints.jsonl, which finds a log that was cut off. */
static err_t
copy_checkpoint(struct ctx *cx, struct log *l)
{
    char last;
    bool well;
    err_t e;
    int fd;

    if (l->copy == NULL)
        return ERR_OK;
    if ((e = look_at_end(cx, l, &last)) != ERR_OK)
        return e;
    fd = openat(l->setup->folder, copies,
                O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return cannot(cx, copies);
    well = (last == '\n' || write(fd, "\n", 1) == 1) && /* the fragment ends here */
           write(fd, l->copy, l->copy_n) == (ssize_t)l->copy_n && fdatasync(fd) == 0;
    e = well ? ERR_OK : cannot(cx, copies);
    close(fd);
    if (e == ERR_OK) {
        free(l->copy);
        l->copy = NULL;
    }
    return e;
}

static err_t
keep_copy(struct ctx *cx, struct log *l, struct str line)
{
    free(l->copy);
    l->copy_n = 0;
    if ((l->copy = malloc(line.n)) == NULL)
        return refuse_memory(cx);
    memcpy(l->copy, line.p, line.n);
    l->copy_n = line.n;
    return ERR_OK;
}

static bool
is_due(const struct ctx *cx, const struct log *l, bool now)
{
    uint64_t open = l->safe.seq - l->covered;

    if (open == 0 || l->batch_n != 0 || l->torn)
        return false;
    return now || (cx->now_ms >= l->retry_ms &&
                   (open >= CHECKPOINT_EVERY ||
                    cx->now_ms - l->uncovered_ms >= l->setup->checkpoint_ms));
}

static err_t
sign(struct ctx *cx, struct log *l, struct str *kid, struct bytes *signature)
{
    const struct auditor_setup *s = l->setup;
    struct merkle_hash root;
    struct str note;
    char at[TIME_TEXT];
    err_t e;

    *kid = (struct str){ NULL, 0 };
    *signature = (struct bytes){ NULL, 0 };
    if (s->sign == NULL)
        return ERR_OK;
    if ((e = merkle_root(cx, &l->safe.tree, &root)) != ERR_OK ||
        (e = audit__checkpoint_note(cx, s->origin, l->safe.seq, &root,
                                    time_text_ms(at, cx->now_ms), &note)) != ERR_OK ||
        (e = s->sign(cx, s->state, note, kid, signature)) != ERR_OK)
        return e;
    return kid->n != 0 && signature->n != 0
               ? ERR_OK
               : refuse(cx, ERR_INTERNAL, "", "the signer gave no signature");
}

static err_t
add_checkpoint(struct ctx *cx, struct log *l)
{
    struct audit_record r = { .event = AUDIT_CHECKPOINT,
                              .outcome = AUDIT_PERMITTED,
                              .at_ms = cx->now_ms };
    struct str kid, extra;
    struct bytes signature;
    err_t e;

    if ((e = sign(cx, l, &kid, &signature)) != ERR_OK) {
        l->retry_ms = cx->now_ms + SIGNER_RETRY_MS;
        return e;
    }
    if ((e = audit__checkpoint_text(cx, &l->safe, l->setup->origin, cx->now_ms, kid,
                                    signature, &extra)) != ERR_OK ||
        (e = audit__log_add(cx, l, NULL, &r, extra)) != ERR_OK ||
        (e = keep_copy(cx, l, (struct str){ l->batch, l->batch_n })) != ERR_OK)
        return e;
    l->covered = l->now.seq;
    l->uncovered_ms = 0;
    return ERR_OK;
}

err_t
audit__log_checkpoint(struct ctx *cx, struct log *l, bool now)
{
    err_t e;

    if (l->batch_n == 0 && (e = copy_checkpoint(cx, l)) != ERR_OK)
        return e;
    if (!is_due(cx, l, now))
        return ERR_OK;
    if ((e = add_checkpoint(cx, l)) != ERR_OK || (e = audit__log_flush(cx, l)) != ERR_OK)
        return e;
    return copy_checkpoint(cx, l);
}

/* --- opening: audit_recover.c finds the place --------------------------------------- */

/* Is this line the last one of checkpoints.jsonl already? */
static err_t
note_copy(struct ctx *cx, struct log *l, struct str line)
{
    int fd = openat(l->setup->folder, copies, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *room = arena_alloc(cx->arena, line.n + 1);
    struct stat st;
    bool there = false;

    if (room == NULL) {
        if (fd >= 0)
            close(fd);
        return refuse_memory(cx);
    }
    if (fd >= 0) {
        there = fstat(fd, &st) == 0 && st.st_size >= (off_t)line.n &&
                pread(fd, room, line.n, st.st_size - (off_t)line.n) == (ssize_t)line.n &&
                memcmp(room, line.p, line.n) == 0;
        close(fd);
    }
    return there ? ERR_OK : keep_copy(cx, l, line);
}

err_t
audit__log_open(struct ctx *cx, const struct auditor_setup *setup, struct log *l)
{
    struct recovered found;
    err_t e;

    memset(l, 0, sizeof(*l));
    l->setup = setup;
    l->fd = -1;
    if ((l->batch = malloc(BATCH_ROOM)) == NULL)
        return refuse_memory(cx);
    if ((e = audit__recover(cx, setup->folder, &found)) != ERR_OK)
        return e;
    l->now = l->safe = found.chain;
    l->covered = found.covered;
    l->uncovered_ms = found.chain.seq > found.covered ? cx->now_ms : 0;
    l->safe_segment = found.segment;
    l->safe_size = found.size;
    l->torn = found.torn;
    if (found.checkpoint.n != 0 && (e = note_copy(cx, l, found.checkpoint)) != ERR_OK)
        return e;
    if (found.torn)
        return ERR_OK; /* audit__log_ready begins the next */
    if ((e = open_segment(cx, l, found.segment)) != ERR_OK)
        return e;
    /* What the last auditor wrote and did not sync counts from here on. */
    return fdatasync(l->fd) == 0 ? ERR_OK : cannot(cx, "syncing");
}

void
audit__log_close(struct log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    free(l->batch);
    free(l->copy);
    memset(l, 0, sizeof(*l));
    l->fd = -1;
}
