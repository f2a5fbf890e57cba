/*
 * audit_walk.c - from line to line through the segments, each proved to follow.
 *
 * A crash can leave a segment with a torn tail. It stays where it is; the next
 * segment begins with a LOG_TORN line that names the segment, the offset up to
 * which it counts, and the hash of all that lies behind it. So a tail that was
 * torn is told from one that somebody tore: the second has no such line, or one
 * that does not fit the bytes. EUPL-1.2.
 */
#include "sys/audit/log_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/prim/prim.h"

enum { READER_ROOM = 16 * AUDIT_LINE_MAX };

/* --- names ------------------------------------------------------------------------ */

void
audit__segment_name(unsigned n, char name[SEGMENT_NAME])
{
    snprintf(name, SEGMENT_NAME, "log.%06u.jsonl", n);
}

/* 0 when the name is not exactly a segment's. */
static unsigned
segment_of(const char *name)
{
    char again[SEGMENT_NAME];
    uint64_t n;

    if (strncmp(name, "log.", 4) != 0 || strlen(name) < 10 ||
        !str_to_u64((struct str){ name + 4, strcspn(name + 4, ".") }, &n) || n > 99999999)
        return 0;
    audit__segment_name((unsigned)n, again);
    return strcmp(name, again) == 0 ? (unsigned)n : 0;
}

static bool
exists(int folder, unsigned n)
{
    char name[SEGMENT_NAME];

    audit__segment_name(n, name);
    return faccessat(folder, name, F_OK, 0) == 0;
}

err_t
audit__segments(struct ctx *cx, int folder, unsigned *last, unsigned *missing)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    *last = *missing = 0;
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return refuse(cx, ERR_UNAVAILABLE, "", "the audit folder cannot be listed: %s",
                      strerror(errno));
    }
    while ((entry = readdir(d)) != NULL) {
        unsigned n = segment_of(entry->d_name);

        if (n > *last)
            *last = n;
    }
    closedir(d);
    for (unsigned n = 1; n < *last && *missing == 0; n++)
        if (!exists(folder, n))
            *missing = n;
    return ERR_OK;
}

/* --- a file's lines ----------------------------------------------------------------- */

static err_t
cannot_read(struct ctx *cx, const char *name)
{
    return refuse(cx, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "",
                  "%s cannot be read: %s", name, strerror(errno));
}

err_t
audit__reader_open(struct ctx *cx, int folder, const char *name, uint64_t offset,
                   uint64_t limit, struct reader *r)
{
    *r = (struct reader){ .fd = -1, .offset = offset, .limit = limit };
    r->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r->fd < 0)
        return cannot_read(cx, name);
    if ((r->room = malloc(READER_ROOM)) == NULL) {
        audit__reader_close(r);
        return refuse_memory(cx);
    }
    return ERR_OK;
}

void
audit__reader_close(struct reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    free(r->room);
    *r = (struct reader){ .fd = -1 };
}

/* Moves what is left to the front and reads behind it. */
static err_t
fill(struct ctx *cx, struct reader *r)
{
    uint64_t from = r->offset + (r->n - r->at);
    size_t room;
    ssize_t got;

    memmove(r->room, r->room + r->at, r->n - r->at);
    r->n -= r->at;
    r->at = 0;
    room = READER_ROOM - r->n;
    if (from >= r->limit)
        return ERR_OK;
    if (room > r->limit - from)
        room = (size_t)(r->limit - from);
    while ((got = pread(r->fd, r->room + r->n, room, (off_t)from)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        return cannot_read(cx, "the log");
    r->n += (size_t)got;
    return ERR_OK;
}

err_t
audit__reader_next(struct ctx *cx, struct reader *r, enum read_what *what, struct str *text)
{
    const char *end = NULL;
    err_t e;

    *text = (struct str){ NULL, 0 };
    *what = READ_END;
    if (r->n > r->at)
        end = memchr(r->room + r->at, '\n', r->n - r->at);
    if (end == NULL && r->n - r->at < AUDIT_LINE_MAX) {
        if ((e = fill(cx, r)) != ERR_OK)
            return e;
        end = r->n == 0 ? NULL : memchr(r->room, '\n', r->n);
    }
    *text = (struct str){ r->room + r->at, r->n - r->at };
    if (end == NULL) {
        *what = text->n == 0 ? READ_END : READ_PART;
        return ERR_OK;
    }
    text->n = (size_t)(end - text->p);
    r->at += text->n + 1;
    r->offset += text->n + 1;
    *what = READ_LINE;
    return ERR_OK;
}

/* --- torn tails --------------------------------------------------------------------- */

/* Appends a file's bytes from `offset` on to `*room`, which grows. */
static err_t
slurp(struct ctx *cx, int folder, unsigned segment, uint64_t offset, char **room,
      uint64_t *n)
{
    char name[SEGMENT_NAME], *more;
    struct stat st;
    ssize_t got = 1;
    int fd;

    audit__segment_name(segment, name);
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0)
        return cannot_read(cx, name);
    if ((uint64_t)st.st_size < offset)
        st.st_size = (off_t)offset;
    more = realloc(*room, *n + (uint64_t)st.st_size - offset + 1);
    if (more == NULL) {
        close(fd);
        return refuse_memory(cx);
    }
    *room = more;
    while (got > 0 && offset < (uint64_t)st.st_size) {
        got = pread(fd, more + *n, (uint64_t)st.st_size - offset, (off_t)offset);
        *n += got > 0 ? (uint64_t)got : 0;
        offset += got > 0 ? (uint64_t)got : 0;
    }
    close(fd);
    return got < 0 ? cannot_read(cx, name) : ERR_OK;
}

err_t
audit__torn_hash(struct ctx *cx, int folder, unsigned segment, uint64_t offset, unsigned to,
                 uint64_t *bytes, struct merkle_hash *out)
{
    uint8_t sum[HASH_MAX] = { 0 };
    char *room = NULL;
    err_t e = ERR_OK;

    *bytes = 0;
    memset(out, 0, sizeof(*out));
    for (unsigned n = segment; n <= to && e == ERR_OK; n++, offset = 0)
        e = slurp(cx, folder, n, offset, &room, bytes);
    if (e == ERR_OK)
        e = hash_bytes(cx, HASH_SHA256, (struct bytes){ (uint8_t *)room, *bytes }, sum);
    free(room);
    memcpy(out->b, sum, MERKLE_HASH);
    return e;
}

err_t
audit__segment_first(struct ctx *cx, int folder, unsigned segment, bool *whole,
                     struct line *line)
{
    char name[SEGMENT_NAME], *room;
    const char *end;
    ssize_t got;
    int fd;

    *whole = false;
    audit__segment_name(segment, name);
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) /* one that is missing is found elsewhere */
        return errno == ENOENT ? ERR_OK : cannot_read(cx, name);
    if ((room = arena_alloc(cx->arena, AUDIT_LINE_MAX)) == NULL) {
        close(fd);
        return refuse_memory(cx);
    }
    got = pread(fd, room, AUDIT_LINE_MAX, 0);
    close(fd);
    if (got < 0)
        return cannot_read(cx, name);
    end = memchr(room, '\n', (size_t)got);
    *whole = end != NULL &&
             audit__line_parse(cx, (struct str){ room, (size_t)(end - room) }, line);
    return ERR_OK;
}

struct torn {
    struct str segment;
    uint64_t offset, bytes;
    struct merkle_hash hash;
};

static bool
torn_of(struct ctx *cx, const struct line *line, struct torn *out)
{
    int64_t offset, bytes;
    json *v;

    if (!str_is(line->event, "LOG_TORN") || line->from_ring)
        return false;
    if (json_parse(cx, line->text, JSON_STRICT, &v) != ERR_OK) {
        refuse_clear(cx);
        return false;
    }
    out->segment = json_get_text(v, "segment");
    if (!json_i64(json_get(v, "offset"), &offset) || offset < 0 ||
        !json_i64(json_get(v, "bytes"), &bytes) || bytes < 0 ||
        !merkle_unhex(json_get_text(v, "sha256"), &out->hash))
        return false;
    out->offset = (uint64_t)offset;
    out->bytes = (uint64_t)bytes;
    return true;
}

/* Do the bytes that LOG_TORN at the head of `next` names still stand there? */
static err_t
check_torn(struct ctx *cx, int folder, unsigned segment, unsigned next,
           const struct torn *t, uint64_t seq, struct bad *bad)
{
    struct merkle_hash h;
    uint64_t bytes;
    err_t e = audit__torn_hash(cx, folder, segment, t->offset, next - 1, &bytes, &h);

    if (e == ERR_NOT_FOUND) { /* whoever enters the segment finds that it is gone */
        refuse_clear(cx);
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    if (bytes == t->bytes && merkle_eq(&h, &t->hash))
        return ERR_OK;
    bad->fault = FAULT_ALTERED;
    bad->seq = seq;
    bad->why =
        arena_printf(cx->arena, "the torn tail of %.*s was altered after it was recorded",
                     STR(t->segment));
    return bad->why.p == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
audit__segment_ending(struct ctx *cx, int folder, unsigned segment, unsigned last,
                      struct ending *out, struct bad *bad)
{
    char name[SEGMENT_NAME];

    *out = (struct ending){ .limit = UINT64_MAX, .next = segment < last ? segment + 1 : 0 };
    *bad = (struct bad){ FAULT_NONE, 0, { NULL, 0 } };
    audit__segment_name(segment, name);
    /* Segments without a whole first line were torn themselves: look further. */
    for (unsigned n = segment + 1; n <= last; n++) {
        struct line line;
        struct torn torn;
        bool whole;
        err_t e = audit__segment_first(cx, folder, n, &whole, &line);

        if (e != ERR_OK)
            return e;
        if (!whole)
            continue;
        if (torn_of(cx, &line, &torn) && str_is(torn.segment, name)) {
            *out = (struct ending){ .limit = torn.offset, .next = n, .torn = true };
            return check_torn(cx, folder, segment, n, &torn, line.seq, bad);
        }
        return ERR_OK;
    }
    return ERR_OK;
}

/* --- walking ------------------------------------------------------------------------ */

static err_t
enter(struct ctx *cx, struct walk *w, unsigned segment, uint64_t offset)
{
    char name[SEGMENT_NAME];
    err_t e;

    audit__reader_close(&w->reader);
    w->segment = segment;
    e = audit__segment_ending(cx, w->folder, segment, w->last, &w->ending, &w->bad);
    if (e != ERR_OK)
        return e;
    audit__segment_name(segment, name);
    e = audit__reader_open(cx, w->folder, name, offset,
                           segment == w->last ? w->tail_limit : w->ending.limit,
                           &w->reader);
    if (e == ERR_NOT_FOUND) {
        refuse_clear(cx);
        w->bad = (struct bad){ FAULT_REMOVED, w->chain.seq + 1,
                               arena_printf(cx->arena, "%s is not there", name) };
        e = w->bad.why.p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    return e;
}

/*
 * The last segment counts as far as it reached when we began, and to the end
 * of the line that was being written then (the auditor may be at work).
 */
static err_t
measure_tail(struct ctx *cx, struct walk *w)
{
    char name[SEGMENT_NAME];
    struct stat st;

    audit__segment_name(w->last, name);
    if (fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot_read(cx, name);
    w->tail_limit = (uint64_t)st.st_size;
    return ERR_OK;
}

err_t
audit__walk_open(struct ctx *cx, int folder, unsigned segment, uint64_t offset,
                 const struct chain *chain, struct walk *w)
{
    unsigned missing;
    err_t e;

    memset(w, 0, sizeof(*w));
    w->folder = folder;
    w->reader.fd = -1;
    if (chain != NULL)
        w->chain = *chain;
    if ((e = audit__segments(cx, folder, &w->last, &missing)) != ERR_OK)
        return e;
    if (w->last == 0)
        return refuse(cx, ERR_NOT_FOUND, "", "there is no audit log in this folder");
    if ((e = measure_tail(cx, w)) != ERR_OK)
        return e;
    return enter(cx, w, segment, offset);
}

void
audit__walk_close(struct walk *w)
{
    audit__reader_close(&w->reader);
}

/* Bytes without a newline at the end of all: a line being written, or cut. */
static err_t
partial(struct ctx *cx, struct walk *w, struct str text)
{
    bool last = w->segment == w->last;
    struct stat st;

    for (int i = 0; last && w->live && i < 5; i++) {
        if (fstat(w->reader.fd, &st) == 0 && (uint64_t)st.st_size > w->reader.limit) {
            w->reader.limit = w->tail_limit = (uint64_t)st.st_size;
            return ERR_OK; /* read on */
        }
        usleep(20000);
    }
    w->bad.fault = FAULT_CUT_OFF;
    w->bad.seq = w->chain.seq + 1;
    w->bad.why =
        arena_printf(cx->arena, "segment %u ends within event %llu, after %zu bytes",
                     w->segment, (unsigned long long)w->bad.seq, text.n);
    return w->bad.why.p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
take(struct ctx *cx, struct walk *w, struct str text, struct line *line)
{
    err_t e;

    if (!audit__line_parse(cx, text, line)) {
        w->bad.fault = FAULT_ALTERED;
        w->bad.seq = w->chain.seq + 1;
        w->bad.why = arena_printf(
            cx->arena, "event %llu (segment %u, byte %llu) does not fit its hash",
            (unsigned long long)w->bad.seq, w->segment, (unsigned long long)w->line_at);
        return w->bad.why.p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    e = audit__chain_follow(cx, &w->chain, line, &w->bad);
    if (w->bad.fault == FAULT_GAP && w->gaps)
        w->bad.fault = FAULT_NONE;
    return e;
}

err_t
audit__walk_next(struct ctx *cx, struct walk *w, enum walk_what *what, struct line *line)
{
    memset(line, 0, sizeof(*line));
    *what = WALK_BAD;
    while (w->bad.fault == FAULT_NONE) {
        enum read_what got;
        struct str text;
        err_t e;

        w->line_at = w->reader.offset;
        if ((e = audit__reader_next(cx, &w->reader, &got, &text)) != ERR_OK)
            return e;
        if (got == READ_LINE) {
            e = take(cx, w, text, line);
            *what = w->bad.fault == FAULT_NONE ? WALK_LINE : WALK_BAD;
            return e;
        }
        if (got == READ_END && w->ending.next == 0) {
            *what = WALK_END;
            return ERR_OK;
        }
        e = got == READ_PART ? partial(cx, w, text) : enter(cx, w, w->ending.next, 0);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
