/*
 * audit_recover.c - where the last auditor left the log.
 *
 * Looks back for the last checkpoint (2 MiB are read before more are) and
 * proves every line from there to the end. What does not follow is a torn tail
 * when nothing begun stands behind it; else the log was altered, and the
 * auditor does not build on it. EUPL-1.2.
 */
#include "sys/audit/log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOK_BACK = 2 * 1024 * 1024 };

struct place {
    bool found;
    unsigned segment;
    uint64_t offset;
    struct chain chain;
};

static bool
looks_like_checkpoint(struct str text)
{
    struct str front = str_sub(text, 0, 256); /* where our own form has it */

    return str_search(front, S("\"event\":\"CHECKPOINT\"")) < front.n;
}

/* Remembers the last whole checkpoint of a segment from `offset` on. */
static err_t
look_from(struct ctx *cx, int folder, unsigned segment, uint64_t offset, uint64_t limit,
          struct place *out)
{
    char name[SEGMENT_NAME];
    struct reader r;
    enum read_what what = READ_LINE;
    err_t e;

    audit__segment_name(segment, name);
    if ((e = audit__reader_open(cx, folder, name, offset, limit, &r)) != ERR_OK)
        return e;
    while (e == ERR_OK && what == READ_LINE) {
        uint64_t at = r.offset;
        struct str text;
        struct line line;
        struct chain chain;

        e = audit__reader_next(cx, &r, &what, &text);
        if (e != ERR_OK || what != READ_LINE || !looks_like_checkpoint(text) ||
            !audit__line_parse(cx, text, &line) ||
            audit__checkpoint_restore(cx, &line, &chain) != ERR_OK)
            continue;
        *out = (struct place){ true, segment, at, chain };
    }
    audit__reader_close(&r);
    return e;
}

static err_t
look_in(struct ctx *cx, int folder, unsigned segment, unsigned last, struct place *out)
{
    char name[SEGMENT_NAME];
    struct ending ending;
    struct bad bad;
    struct stat st;
    uint64_t size;
    err_t e;

    if ((e = audit__segment_ending(cx, folder, segment, last, &ending, &bad)) != ERR_OK)
        return e;
    audit__segment_name(segment, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(cx, errno == ENOENT ? ERR_CONFLICT : ERR_UNAVAILABLE, "",
                      "%s cannot be found: %s", name, strerror(errno));
    size = (uint64_t)st.st_size < ending.limit ? (uint64_t)st.st_size : ending.limit;
    /* In the middle of a line first; the rest of that one is no line and is skipped. */
    if (size > LOOK_BACK)
        e = look_from(cx, folder, segment, size - LOOK_BACK, ending.limit, out);
    if (e == ERR_OK && !out->found)
        e = look_from(cx, folder, segment, 0, ending.limit, out);
    return e;
}

static err_t
last_checkpoint(struct ctx *cx, int folder, unsigned last, struct place *out)
{
    err_t e = ERR_OK;

    *out = (struct place){ .segment = 1 };
    for (unsigned n = last; n > 0 && e == ERR_OK && !out->found; n--)
        e = look_in(cx, folder, n, last, out);
    refuse_clear(cx); /* lines that were no checkpoints */
    return e;
}

/* Was anything begun behind the place where the walk stopped? */
static err_t
only_a_tail(struct ctx *cx, const struct walk *w)
{
    bool begun = w->bad.fault == FAULT_REMOVED || w->bad.fault == FAULT_REORDERED;

    for (unsigned n = w->segment + 1; n <= w->last && !begun; n++) {
        struct line line;
        err_t e = audit__segment_first(cx, w->folder, n, &begun, &line);

        if (e != ERR_OK)
            return e;
    }
    if (begun)
        return refuse(cx, ERR_CONFLICT, "", "the audit log was altered at event %llu: %.*s",
                      (unsigned long long)w->bad.seq, STR(w->bad.why));
    return ERR_OK;
}

static err_t
walk_on(struct ctx *cx, struct walk *w, struct recovered *out)
{
    enum walk_what what = WALK_LINE;
    err_t e = ERR_OK;

    while (e == ERR_OK && what == WALK_LINE) {
        struct line line;

        out->segment = w->segment;
        out->size = w->line_at;
        e = audit__walk_next(cx, w, &what, &line);
        if (e != ERR_OK || what != WALK_LINE || !str_is(line.event, "CHECKPOINT"))
            continue;
        out->covered = line.seq;
        out->checkpoint = arena_printf(cx->arena, "%.*s\n", STR(line.text));
        if (out->checkpoint.p == NULL)
            e = refuse_memory(cx);
    }
    if (e != ERR_OK)
        return e;
    out->segment = w->segment;
    out->size = w->line_at;
    out->chain = w->chain;
    out->torn = what == WALK_BAD;
    return out->torn ? only_a_tail(cx, w) : ERR_OK;
}

err_t
audit__recover(struct ctx *cx, int folder, struct recovered *out)
{
    unsigned last, missing;
    struct place from;
    struct walk w;
    err_t e;

    memset(out, 0, sizeof(*out));
    out->segment = 1;
    if ((e = audit__segments(cx, folder, &last, &missing)) != ERR_OK || last == 0)
        return e;
    if (missing != 0)
        return refuse(cx, ERR_CONFLICT, "", "segment %u of the audit log is not there",
                      missing);
    if ((e = last_checkpoint(cx, folder, last, &from)) != ERR_OK)
        return e;
    e = audit__walk_open(cx, folder, from.segment, from.offset,
                         from.found ? &from.chain : NULL, &w);
    w.gaps = true;
    if (e == ERR_OK)
        e = walk_on(cx, &w, out);
    audit__walk_close(&w);
    return e;
}
