/*
 * audit.h - what happened, provably: typed events in a chained log.
 *
 *   worker threads            auditor, a process of its own
 *   audit_put ──> ring.<n> ──> log.000001.jsonl, log.000002.jsonl, …
 *                 (mapped       one line an event, chained, a Merkle tree over
 *                  file)        all; signed checkpoints also in checkpoints.jsonl
 *
 * Rule      NEN 7513; FHIR AuditEvent as IHE BALP profiles it. Each permit and
 *           each deny is one event, in the ring before the first byte of the
 *           answer leaves. The ring is a file mapping that survives the death
 *           of either end. With the auditor down, the disk full or the ring
 *           full every route with an audit event answers 503.
 * Trust     Patients' numbers arrive here sealed (keys_seal_person). The
 *           auditor (auditor.h) does not trust what it finds in a ring.
 * Lifetime  An audit_record borrows its texts until audit_put returns.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDIT_H
#define KNOOP_SYS_AUDIT_H

#include "base/err.h"

enum audit_event {
    AUDIT_UNDECIDED,  /* 0: a route with it does not start */
    AUDIT_NOT_NEEDED, /* decided: this route leaves no event */
#define X(event, action, subtype, needs, text) AUDIT_##event,
#include "lists/audit.def"
#undef X
    AUDIT_COUNT
};

/* What a permitted event must name; each holds the one before (NEN 7513). */
enum audit_needs {
    AUDIT_NEEDS_UNDECIDED,
    AUDIT_NEEDS_NONE,    /* nothing beyond event, time and outcome */
    AUDIT_NEEDS_CALLER,  /* who, custodian */
    AUDIT_NEEDS_PATIENT, /* patient, patient_mac */
    AUDIT_NEEDS_RECORD,  /* policy, ground */
};

struct audit_row {
    const char *name;    /* "RECORD_READ" */
    char action;         /* C, R, U, D or E */
    const char *subtype; /* "read" */
    enum audit_needs needs;
    const char *text;
};

/* NULL for values that are no event. */
const struct audit_row *audit_event_row(enum audit_event event);

enum audit_outcome { AUDIT_OUTCOME_NONE, AUDIT_PERMITTED, AUDIT_DENIED, AUDIT_FAILED };

/*
 * Texts longer than their limit (audit_record.c) are cut, visibly. Numbers
 * that may be a person's are taken out of what, entity and reason.
 */
struct audit_record {
    enum audit_event event;
    enum audit_outcome outcome;
    int64_t at_ms;         /* 0: cx->now_ms */
    struct str request_id; /* empty: cx->id */
    struct str trace;      /* W3C trace id; may be empty */
    struct str who;        /* the organisation that asks: DID or client_id */
    struct str who_name;   /* its name as proven; may be empty */
    struct str person;     /* the professional's identifier; may be empty */
    struct str role;
    struct str custodian; /* our own organisation (tenant) */
    struct str source_ip;
    struct str what;        /* "GET Patient" - no identifiers in it */
    struct str entity;      /* resource type and id, when that is no person */
    struct str patient;     /* sealed (JWE); never cut: too long is a mistake */
    struct str patient_mac; /* for looking up */
    struct str policy, policy_version, ground, purpose;
    struct str code, clause, reason; /* of what was denied or failed */
    int64_t count;                   /* UNAUTHENTICATED: how many; 0: does not apply */
};

/* --- the worker's end ---------------------------------------------------- */

struct audit;

enum audit_sync {
    AUDIT_SYNC_NONE,
    AUDIT_SYNC_BATCHED, /* in the ring; on disk within 10 ms */
    AUDIT_SYNC_BEFORE,  /* on disk before audit_put returns */
};

struct audit_setup {
    int ring; /* audit_ring_make; closed by audit_open */
    int bell; /* an eventfd that the auditor sleeps on; -1: none */
    int back; /* an eventfd that the auditor answers on; -1: none */
    enum audit_sync sync;
    int64_t patience_ms; /* an auditor silent for longer is down */
};

/*
 * Opens this worker's ring; it becomes cx->sys->audit. One process at a time
 * may have a ring open: who replaces a dead worker takes over its ring.
 */
err_t audit_open(struct ctx *cx, const struct audit_setup *setup,
                 struct audit **out) NODISCARD;
void audit_close(struct audit *a); /* NULL is fine */

/*
 * Keeps one event. From any thread, and then as safe as `audit.sync` says.
 *
 *   INTERNAL     the record lacks what its event needs: a mistake of ours
 *   UNAVAILABLE  it cannot be kept safe: auditor down, disk or ring full. The
 *                answer that the event tells of must not leave.
 *   WOULD_BLOCK  before-answer, on the loop: nothing was kept, run in the pool
 *                (or use a ticket)
 */
err_t audit_put(struct ctx *cx, const struct audit_record *record) NODISCARD;

/*
 * The same without waiting, for a loop in before-answer mode: keeps the event
 * in the ring and says by which number it will be safe on disk. The answer
 * stays until audit_is_safe. audit_want asks for one tick on `back` when more
 * is on disk; ask after the puts of a turn, then look once more.
 */
err_t audit_put_ticket(struct ctx *cx, const struct audit_record *record,
                       uint64_t *ticket) NODISCARD;
bool audit_is_safe(const struct audit *a, uint64_t ticket);
void audit_want(struct audit *a);
/* Blocks until safe; UNAVAILABLE when the deadline or patience ends first. */
err_t audit_wait(struct ctx *cx, uint64_t ticket) NODISCARD;
/* The same for all that this worker has put so far: for who reads the log. */
err_t audit_catch_up(struct ctx *cx) NODISCARD;

/* Would an event be taken now? For /health and for routes, before they work. */
err_t audit_ready(struct ctx *cx) NODISCARD;

/*
 * A caller without proof was refused. Counted per source and `what` (a route,
 * from our own words) in the ring's file, and logged as one UNAUTHENTICATED
 * event when the minute is over, so that a flood does not fill the disk.
 * Beyond AUDIT_SOURCES_MAX sources in a minute the rest is counted together.
 * UNAVAILABLE when it cannot be kept.
 */
enum { AUDIT_SOURCES_MAX = 256 };
err_t audit_count_refusal(struct ctx *cx, struct str source, struct str what) NODISCARD;
/* Logs the counts of minutes that are over. Each worker calls it every second or so. */
void audit_tick(struct ctx *cx);

/* --- who starts the roles ------------------------------------------------ */

/*
 * Opens <folder>/ring.<number>, and makes it first when it is not there:
 * `size` bytes (a power of two from 64 KiB to 1 GiB), all of them on disk. An
 * old ring keeps its size while events wait in it. CONFLICT when a file is
 * there that is no ring: somebody must look at it.
 */
enum { AUDIT_RINGS_MAX = 64 };
err_t audit_ring_make(struct ctx *cx, int folder, unsigned number, size_t size,
                      int *fd) NODISCARD;
/* The supervisor saw the auditor die: workers know at once, not after patience. */
void audit_ring_auditor_died(int fd);

/* --- for tests of other rooms -------------------------------------------- */

/* A ring without an auditor, in memory: always ready. */
err_t audit_open_test(struct ctx *cx, struct audit **out) NODISCARD;
/* The oldest event not taken yet, in cx's arena; false when there is none. */
bool audit_take_test(struct ctx *cx, struct audit *a, struct audit_record *out);
/* From now on puts are refused as if the auditor were down. */
void audit_down_test(struct audit *a);

#endif
