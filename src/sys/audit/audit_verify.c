/*
 * audit_verify.c - the log against itself, its checkpoints and its rings.
 *
 * What was acknowledged is read first (rings, then checkpoints.jsonl), then the
 * log: it may grow meanwhile, but can only hold more. EUPL-1.2.
 */
#include "sys/audit/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/audit/log_int.h"

struct verify {
    struct ctx *outer;
    struct ctx cx; /* its arena is emptied from line to line */
    struct arena arena;
    const struct audit_verify_setup *setup;
    struct audit_report *report;
    int folder;
    struct mark acked[AUDIT_RINGS_MAX]; /* what the rings say is on disk */
    struct reader copies;               /* checkpoints.jsonl */
    unsigned unmatched;                 /* checkpoints that are not there */
    uint64_t proved;                    /* the size of the last good checkpoint */
    struct walk walk;
    struct bad bad;
};

static err_t
bad(struct verify *v, enum audit_fault fault, uint64_t seq, struct str why)
{
    v->bad = (struct bad){ fault, seq, why };
    return why.p == NULL ? refuse_memory(&v->cx) : ERR_OK;
}
#define BAD(fault, seq, ...) bad(v, (fault), (seq), arena_printf(v->cx.arena, __VA_ARGS__))

/* --- what was acknowledged ---------------------------------------------------- */

static void
read_ring(struct verify *v, unsigned number)
{
    struct ring_head h;
    char name[32];
    int fd;

    snprintf(name, sizeof(name), "ring.%u", number);
    fd = openat(v->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) && h.number == number &&
        atomic_load(&h.state) == RING_OK)
        v->acked[number] = (struct mark){ atomic_load(&h.epoch), atomic_load(&h.durable) };
    close(fd);
}

static err_t
open_copies(struct verify *v)
{
    struct stat st;
    err_t e;

    if (fstatat(v->folder, "checkpoints.jsonl", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return ERR_OK; /* none yet; more than one in the log will be missed */
    e = audit__reader_open(&v->cx, v->folder, "checkpoints.jsonl", 0, (uint64_t)st.st_size,
                           &v->copies);
    return e;
}

/* --- checkpoints ---------------------------------------------------------------- */

static err_t
next_copy(struct verify *v, enum read_what *what, struct str *text)
{
    *what = READ_END;
    return v->copies.fd < 0 ? ERR_OK : audit__reader_next(&v->cx, &v->copies, what, text);
}

/* A crash may leave the beginning of a line; the whole line then follows it. */
static err_t
match_copy(struct verify *v, const struct line *line)
{
    enum read_what what;
    struct str text;
    err_t e;

    do {
        if ((e = next_copy(v, &what, &text)) != ERR_OK)
            return e;
        if (what == READ_LINE && str_eq(text, line->text))
            return v->unmatched == 0 ? ERR_OK
                                     : BAD(FAULT_ALTERED, v->proved + 1,
                                           "checkpoints.jsonl lacks a checkpoint");
    } while (what == READ_LINE && str_starts(line->text, text));
    if (what == READ_LINE || (what == READ_PART && !str_starts(line->text, text)))
        return BAD(FAULT_ALTERED, v->proved + 1,
                   "the checkpoint at %llu is another one in checkpoints.jsonl",
                   (unsigned long long)line->seq);
    /* The log is synced first: one may be on its way to checkpoints.jsonl. */
    if (++v->unmatched > 1)
        return BAD(FAULT_ALTERED, v->proved + 1, "checkpoints.jsonl lacks checkpoints");
    return ERR_OK;
}

static err_t
check_signature(struct verify *v, const struct line *line)
{
    struct checkpoint cp;
    struct str note;
    err_t e;

    if (v->setup == NULL || v->setup->check == NULL)
        return ERR_OK;
    if ((e = audit__checkpoint_read(&v->cx, line, &cp)) != ERR_OK)
        return e;
    if (cp.kid.n == 0)
        return BAD(FAULT_ALTERED, v->proved + 1, "the checkpoint at %llu is not signed",
                   (unsigned long long)line->seq);
    e = audit__checkpoint_note(&v->cx, cp.origin, cp.size, &cp.root, cp.at, &note);
    if (e != ERR_OK)
        return e;
    if (v->setup->check(&v->cx, v->setup->state, note, cp.kid, cp.signature) != ERR_OK)
        return BAD(FAULT_ALTERED, v->proved + 1,
                   "the signature of the checkpoint at %llu is not good",
                   (unsigned long long)line->seq);
    v->report->signatures++;
    return ERR_OK;
}

static err_t
checkpoint(struct verify *v, const struct line *line)
{
    err_t e = check_signature(v, line);

    if (e == ERR_OK && v->bad.fault == FAULT_NONE)
        e = match_copy(v, line);
    if (e == ERR_OK && v->bad.fault == FAULT_NONE) {
        v->report->checkpoints++;
        v->proved = line->seq;
    }
    return e;
}

/* --- line by line ----------------------------------------------------------------- */

static err_t
compare_known(struct verify *v)
{
    const struct audit_verify_setup *s = v->setup;
    struct merkle_hash root, want;
    err_t e;

    if (s == NULL || s->known_size == 0 || s->known_size != v->walk.chain.seq)
        return ERR_OK;
    if ((e = merkle_root(&v->cx, &v->walk.chain.tree, &root)) != ERR_OK)
        return e;
    if (!merkle_unhex(s->known_root, &want) || !merkle_eq(&root, &want))
        return BAD(FAULT_ALTERED, v->proved + 1,
                   "the first %llu events have not the root that is known from elsewhere",
                   (unsigned long long)s->known_size);
    return ERR_OK;
}

static err_t
line(struct verify *v, const struct line *l)
{
    err_t e;

    if (!str_is(l->event, "CHECKPOINT"))
        v->report->events++;
    v->report->torn += str_is(l->event, "LOG_TORN") && !l->from_ring;
    v->report->lost += str_is(l->event, "RING_LOST") && !l->from_ring;
    if (str_is(l->event, "CHECKPOINT") && !l->from_ring &&
        ((e = checkpoint(v, l)) != ERR_OK || v->bad.fault != FAULT_NONE))
        return e;
    return compare_known(v);
}

/* Taken out, or only put elsewhere? */
static err_t
find_elsewhere(struct verify *v)
{
    enum read_what what = READ_LINE;
    err_t e = ERR_OK;

    for (unsigned n = v->walk.segment; n <= v->walk.last && e == ERR_OK; n++) {
        struct reader r;
        char name[SEGMENT_NAME];

        audit__segment_name(n, name);
        e = audit__reader_open(&v->cx, v->folder, name, 0, UINT64_MAX, &r);
        if (e == ERR_NOT_FOUND) { /* it is gone, which is why we are here */
            e = ERR_OK;
            continue;
        }
        what = READ_LINE;
        while (e == ERR_OK && what == READ_LINE) {
            struct str text;
            struct line l;

            e = audit__reader_next(&v->cx, &r, &what, &text);
            if (e == ERR_OK && what == READ_LINE && audit__line_parse(&v->cx, text, &l) &&
                l.seq == v->bad.seq)
                v->bad.fault = FAULT_REORDERED;
        }
        audit__reader_close(&r);
    }
    return e;
}

static err_t
walk(struct verify *v)
{
    enum walk_what what = WALK_LINE;
    err_t e = ERR_OK;

    while (e == ERR_OK && what == WALK_LINE && v->bad.fault == FAULT_NONE) {
        struct line l;

        arena_reset(&v->arena);
        e = audit__walk_next(&v->cx, &v->walk, &what, &l);
        if (e == ERR_OK && what == WALK_LINE)
            e = line(v, &l);
    }
    if (e != ERR_OK || what != WALK_BAD)
        return e;
    v->bad = v->walk.bad;
    return v->bad.fault == FAULT_REMOVED ? find_elsewhere(v) : ERR_OK;
}

/* --- the end ------------------------------------------------------------------------ */

static err_t
end_against_rings(struct verify *v)
{
    const struct chain *c = &v->walk.chain;

    for (unsigned i = 0; i < AUDIT_RINGS_MAX; i++) {
        struct mark said = v->acked[i], got = c->marks[i];
        uint64_t have = said.epoch == got.epoch ? got.rseq : 0;

        if (said.epoch >= got.epoch && said.rseq > have)
            return BAD(FAULT_CUT_OFF, c->seq + 1,
                       "the log ends at %llu, but ring %u had %llu more on disk",
                       (unsigned long long)c->seq, i,
                       (unsigned long long)(said.rseq - have));
    }
    return ERR_OK;
}

static err_t
end_against_copies(struct verify *v)
{
    enum read_what what;
    struct str text;
    struct line l;
    err_t e = next_copy(v, &what, &text);

    if (e != ERR_OK || what == READ_END || v->unmatched != 0)
        return e;
    if (what == READ_LINE && audit__line_parse(&v->cx, text, &l) &&
        l.seq > v->walk.chain.seq)
        return BAD(FAULT_CUT_OFF, v->walk.chain.seq + 1,
                   "the log ends at %llu, but a checkpoint was made at %llu",
                   (unsigned long long)v->walk.chain.seq, (unsigned long long)l.seq);
    return BAD(FAULT_ALTERED, v->proved + 1,
               "checkpoints.jsonl holds a checkpoint that the log does not");
}

static err_t
end(struct verify *v)
{
    err_t e = end_against_rings(v);

    if (e == ERR_OK && v->bad.fault == FAULT_NONE)
        e = end_against_copies(v);
    if (e == ERR_OK && v->bad.fault == FAULT_NONE && v->setup != NULL &&
        v->setup->known_size > v->walk.chain.seq)
        e = BAD(FAULT_CUT_OFF, v->walk.chain.seq + 1,
                "the log ends at %llu, but %llu events are known from elsewhere",
                (unsigned long long)v->walk.chain.seq,
                (unsigned long long)v->setup->known_size);
    return e;
}

static err_t
verdict(struct verify *v)
{
    static const err_t codes[] = {
        [FAULT_NONE] = ERR_OK,
        [FAULT_ALTERED] = ERR_LOG_ALTERED,
        [FAULT_REMOVED] = ERR_LOG_REMOVED,
        [FAULT_GAP] = ERR_LOG_REMOVED,
        [FAULT_REORDERED] = ERR_LOG_REORDERED,
        [FAULT_CUT_OFF] = ERR_LOG_CUT_OFF,
    };
    struct audit_report *r = v->report;
    struct merkle_hash root;
    char hex[MERKLE_HEX];
    err_t e;

    if ((e = merkle_root(&v->cx, &v->walk.chain.tree, &root)) != ERR_OK)
        return e;
    merkle_hex(&root, hex);
    r->size = v->walk.chain.seq;
    r->root = arena_str(v->outer->arena, (struct str){ hex, sizeof(hex) });
    if (r->root.p == NULL)
        return refuse_memory(&v->cx);
    if (v->bad.fault == FAULT_NONE)
        return ERR_OK;
    r->bad_seq = v->bad.seq;
    r->bad_why = arena_str(v->outer->arena, v->bad.why);
    return refuse(&v->cx, codes[v->bad.fault], "NEN 7513", "%.*s", STR(v->bad.why));
}

static err_t
verify(struct verify *v)
{
    err_t e;

    for (unsigned i = 0; i < AUDIT_RINGS_MAX; i++)
        read_ring(v, i);
    if ((e = open_copies(v)) != ERR_OK ||
        (e = audit__walk_open(&v->cx, v->folder, 1, 0, NULL, &v->walk)) != ERR_OK)
        return e;
    v->walk.live = true;
    if ((e = walk(v)) == ERR_OK && v->bad.fault == FAULT_NONE)
        e = end(v);
    return e == ERR_OK ? verdict(v) : e;
}

err_t
audit_verify(struct ctx *cx, const char *folder, const struct audit_verify_setup *setup,
             struct audit_report *out)
{
    struct verify v = { .outer = cx, .setup = setup, .report = out };
    err_t e;

    memset(out, 0, sizeof(*out));
    v.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v.folder < 0)
        return refuse(cx, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "",
                      "the folder of the audit log cannot be opened: %s", strerror(errno));
    v.copies.fd = v.walk.reader.fd = -1;
    arena_init(&v.arena, 64u << 20);
    ctx_init(&v.cx, &v.arena, cx->now_ms);
    v.cx.sys = cx->sys;
    v.cx.conf = cx->conf;
    if ((e = verify(&v)) != ERR_OK)
        e = refuse(cx, e, "NEN 7513", "%.*s", STR(v.cx.reason));
    audit__walk_close(&v.walk);
    audit__reader_close(&v.copies);
    arena_fini(&v.arena);
    close(v.folder);
    return e;
}
