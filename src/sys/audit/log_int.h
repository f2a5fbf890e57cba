/*
 * log_int.h - the room's private door to the log: lines, the chain, segments.
 *
 * A line, one JSON object, then a newline:
 *
 *   {"seq":7,"prev":"<hash of line 6>",
 *    "ring":0,"epoch":1767225600000,"rseq":5,      from a worker; else absent
 *    "event":"RECORD_READ","outcome":"permitted","at":"2026-…Z", texts …,
 *    "hash":"<hash of this line>"}
 *
 * The hash is RFC 6962's leaf hash over all that stands before `,"hash":`, so
 * one hash serves the line, the chain (prev) and the tree. Anyone can check it:
 * (printf '\0'; printf %s "$line_before_hash") | sha256sum.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDIT_LOG_INT_H
#define KNOOP_SYS_AUDIT_LOG_INT_H

#include "codec/json/json.h"
#include "sys/audit/audit_int.h"
#include "sys/audit/auditor.h"
#include "sys/audit/merkle.h"

/* --- the chain: audit_line.c ------------------------------------------------ */

struct mark {
    uint64_t epoch, rseq; /* of the last line from this ring; 0: none yet */
};

/* Where a log stands after its last line. Copying it is a snapshot. */
struct chain {
    uint64_t seq;
    struct merkle_hash prev;
    struct merkle tree;
    struct mark marks[AUDIT_RINGS_MAX];
};

struct origin { /* where in which ring a line came from */
    unsigned ring;
    uint64_t epoch, rseq;
};

/*
 * Adds a line to the chain: `record`, and `extra`, members that are already
 * JSON (`"size":3,"root":"…"`) or empty. `from` is NULL for the auditor's own.
 * The line has its newline and lives in cx's arena.
 */
err_t audit__chain_add(struct ctx *cx, struct chain *c, const struct origin *from,
                       const struct audit_record *record, struct str extra,
                       struct str *line) NODISCARD;

/* What every line says of itself; borrows from its text. */
struct line {
    uint64_t seq;
    struct merkle_hash prev, hash;
    bool from_ring;
    struct origin from;
    struct str event;
    struct str text; /* without the newline */
    struct str leaf; /* what the hash is over */
};
/* False when the text does not have this form or not this hash. */
bool audit__line_parse(struct ctx *cx, struct str text, struct line *out);

/* Why a line cannot stand here. */
enum audit_fault {
    FAULT_NONE,
    FAULT_ALTERED,
    FAULT_REMOVED,
    FAULT_GAP, /* removed before it came: a ring's numbers jump */
    FAULT_REORDERED,
    FAULT_CUT_OFF,
};
struct bad {
    enum audit_fault fault;
    uint64_t seq;   /* the first event that it concerns */
    struct str why; /* in the context's arena */
};

/* Proves that `line` follows, and takes it in; else fills `bad`. A gap is taken in. */
err_t audit__chain_follow(struct ctx *cx, struct chain *c, const struct line *line,
                          struct bad *bad) NODISCARD;

/* --- checkpoints: audit_checkpoint.c ------------------------------------------ */

/* The members of a CHECKPOINT line that say where the chain stands. */
err_t audit__checkpoint_text(struct ctx *cx, const struct chain *c, struct str origin,
                             int64_t at_ms, struct str kid, struct bytes signature,
                             struct str *extra) NODISCARD;
/* The chain as of just before this line. BAD_REQUEST when it is no checkpoint. */
err_t audit__checkpoint_restore(struct ctx *cx, const struct line *line,
                                struct chain *out) NODISCARD;
struct checkpoint {
    uint64_t size;
    struct merkle_hash root;
    struct str origin, at, kid; /* kid is empty when it is not signed */
    struct bytes signature;
};
err_t audit__checkpoint_read(struct ctx *cx, const struct line *line,
                             struct checkpoint *out) NODISCARD;
/* What is signed. */
err_t audit__checkpoint_note(struct ctx *cx, struct str origin, uint64_t size,
                             const struct merkle_hash *root, struct str at,
                             struct str *note) NODISCARD;

/* --- segments and walking: audit_walk.c ---------------------------------------- */

enum { SEGMENT_NAME = 24 };
void audit__segment_name(unsigned n, char name[SEGMENT_NAME]);
/* The highest number there is, and the lowest that is missing below it (0: none). */
err_t audit__segments(struct ctx *cx, int folder, unsigned *last,
                      unsigned *missing) NODISCARD;

/* Lines of one file through a window. */
struct reader {
    int fd;
    char *room; /* heap; READER_ROOM bytes */
    size_t at, n;
    uint64_t offset; /* of the next line in the file */
    uint64_t limit;  /* nothing is read from here on */
};
enum read_what { READ_LINE, READ_PART, READ_END };
err_t audit__reader_open(struct ctx *cx, int folder, const char *name, uint64_t offset,
                         uint64_t limit, struct reader *r) NODISCARD;
void audit__reader_close(struct reader *r); /* twice is fine */
/* `text` is borrowed until the next call. PART: bytes without their newline, not taken. */
err_t audit__reader_next(struct ctx *cx, struct reader *r, enum read_what *what,
                         struct str *text) NODISCARD;

/*
 * Where a segment's lines end: its size, or where a later segment's LOG_TORN
 * says that a crash left it. `*next` is the segment that goes on (0: none).
 */
struct ending {
    uint64_t limit;
    unsigned next;
    bool torn;
};
err_t audit__segment_ending(struct ctx *cx, int folder, unsigned segment, unsigned last,
                            struct ending *out, struct bad *bad) NODISCARD;
/* Its first line, copied to the arena, when that fits itself. */
err_t audit__segment_first(struct ctx *cx, int folder, unsigned segment, bool *whole,
                           struct line *line) NODISCARD;
/* SHA-256 over what lies behind (segment, offset), up to and with segment `to`. */
err_t audit__torn_hash(struct ctx *cx, int folder, unsigned segment, uint64_t offset,
                       unsigned to, uint64_t *bytes, struct merkle_hash *out) NODISCARD;

struct walk {
    int folder;
    unsigned segment, last;
    struct reader reader;
    struct ending ending;
    struct chain chain;
    uint64_t tail_limit; /* of the last segment: what was there when we began */
    bool live;           /* an auditor may be writing: wait for the end of its line */
    bool gaps;           /* a gap that was written down as lost does not end the walk */
    uint64_t line_at;    /* offset of the line last given */
    struct bad bad;
};
/* Starts at a place where the chain stands as `chain` (NULL: at the beginning). */
err_t audit__walk_open(struct ctx *cx, int folder, unsigned segment, uint64_t offset,
                       const struct chain *chain, struct walk *w) NODISCARD;
void audit__walk_close(struct walk *w);
enum walk_what { WALK_LINE, WALK_END, WALK_BAD };
/* One line, proved to follow. The arena may be reset between calls. */
err_t audit__walk_next(struct ctx *cx, struct walk *w, enum walk_what *what,
                       struct line *line) NODISCARD;

/* --- reading without proving: audit_scan.c --------------------------------------- */

struct scan {
    int folder;
    unsigned segment, last;
    struct reader reader;
    struct ending ending;
    uint64_t lines;
};
/* Begins at the last segment whose first line is not beyond `seq`. */
err_t audit__scan_open(struct ctx *cx, const char *folder, uint64_t seq,
                       struct scan *s) NODISCARD;
/*
 * The next line, borrowed until the next call; .p NULL at the end (a line that is
 * being written is not there yet). DEADLINE when the context's has passed.
 */
err_t audit__scan_next(struct ctx *cx, struct scan *s, struct str *text) NODISCARD;
void audit__scan_close(struct scan *s); /* twice is fine */

/* --- where the last auditor left it: audit_recover.c ------------------------------ */

struct recovered {
    struct chain chain; /* after the last line that follows */
    unsigned segment;   /* where that line ends */
    uint64_t size;
    bool torn;             /* more stands behind it, which does not count */
    uint64_t covered;      /* the seq of the last checkpoint; 0: none */
    struct str checkpoint; /* its line, newline included, in the arena */
};
/* CONFLICT when the log was altered before its tail. */
err_t audit__recover(struct ctx *cx, int folder, struct recovered *out) NODISCARD;

/* --- writing: audit_log.c -------------------------------------------------------- */

struct log {
    const struct auditor_setup *setup;
    int fd;
    unsigned segment, safe_segment;
    uint64_t size, safe_size; /* bytes of the segment: written; synced */
    struct chain now, safe;   /* with the batch; as of the last sync */
    char *batch;              /* heap; lines not synced yet */
    size_t batch_n, written;
    uint64_t covered;     /* what was signed last, the checkpoint included */
    int64_t uncovered_ms; /* when the first line beyond it came; 0: none */
    int64_t retry_ms;     /* the signer was not there: not before this */
    char *copy;           /* heap; a checkpoint that is not in checkpoints.jsonl yet */
    size_t copy_n;
    bool torn; /* a write failed: the next line begins a segment */
};
err_t audit__log_open(struct ctx *cx, const struct auditor_setup *setup,
                      struct log *l) NODISCARD;
void audit__log_close(struct log *l);
/* Begins a segment when the last write failed. Before the first add of a turn. */
err_t audit__log_ready(struct ctx *cx, struct log *l) NODISCARD;
/* Into the batch, which must not be full. */
err_t audit__log_add(struct ctx *cx, struct log *l, const struct origin *from,
                     const struct audit_record *record, struct str extra) NODISCARD;
/* Forgets a batch of which nothing was written. */
void audit__log_drop(struct log *l);
bool audit__log_batch_full(const struct log *l);
/*
 * The batch onto the disk. UNAVAILABLE while the disk is full: call again,
 * nothing is lost. Any other refusal took the log back to its last sync: what
 * was added since must be added again.
 */
err_t audit__log_flush(struct ctx *cx, struct log *l) NODISCARD;
/* A signed checkpoint, when one is due or `now`. */
err_t audit__log_checkpoint(struct ctx *cx, struct log *l, bool now) NODISCARD;

/* --- the turns: auditor.c ------------------------------------------------------ */

/* From its being put an event is on disk, as long as the disk keeps up. */
enum { AUDITOR_SAFE_MS = 10 };
/*
 * How long events are gathered before the next turn, when the last took `turn_ms`, its
 * sync included: what is put when a turn has just begun waits for its end, and for all
 * of the next. Behind a full batch `more` waits already: not at all.
 */
int auditor__gather_ms(int64_t turn_ms, bool more);

#endif
