/*
 * audit_log.h - reading the log: is it whole, who did what, as FHIR.
 *
 * Rule      RFC 6962 for the tree, NEN 7513 for what can be asked, IHE BALP
 *           for the form in which an event is shown.
 * Trust     The log's files may have been altered by whoever could write them;
 *           an event is shown only when its line fits its hash.
 * Lifetime  Results live in the context's arena.
 * Threads   Any; the auditor may be writing meanwhile.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDIT_LOG_H
#define KNOOP_SYS_AUDIT_LOG_H

#include "codec/json/json.h"
#include "sys/audit/audit.h"

/* --- is it whole? ----------------------------------------------------------- */

struct audit_verify_setup {
    /*
     * Checks a checkpoint's signature over `note`; every checkpoint must then
     * be signed. NULL: signatures are not looked at, and the report says so by
     * `signatures` 0. The key comes from the signer, not from the log's folder.
     */
    err_t (*check)(struct ctx *cx, void *state, struct str note, struct str kid,
                   struct bytes signature);
    void *state;
    /* A checkpoint that is known from elsewhere (signer, witness); 0: none. */
    uint64_t known_size;
    struct str known_root; /* hex */
};

struct audit_report {
    uint64_t events;                  /* checkpoints not counted */
    uint64_t size;                    /* of the tree: every line */
    struct str root;                  /* hex */
    uint64_t checkpoints, signatures; /* seen; checked and good */
    uint64_t torn, lost; /* recorded: torn tails, rings that could not be read */
    /* On refusal: the first event concerned. */
    uint64_t bad_seq;
    struct str bad_why;
};

/*
 * Reads the whole log at `folder`: every line fits its hash and follows the one
 * before it, every ring's numbers have no gap, every checkpoint has the root of
 * what stands before it, stands in checkpoints.jsonl, and has a good signature;
 * nothing that a checkpoint or a ring acknowledged is missing at the end.
 * `setup` may be NULL. On refusal the report tells as far as it came.
 *
 *   LOG_ALTERED, LOG_REMOVED, LOG_REORDERED, LOG_CUT_OFF   reason names the event
 *   NOT_FOUND    there is no log here
 *   UNAVAILABLE  it cannot be read
 *
 * What only outside knowledge finds: a log, its checkpoints and rings all cut
 * back to an earlier checkpoint (give known_size; the signer remembers).
 */
err_t audit_verify(struct ctx *cx, const char *folder,
                   const struct audit_verify_setup *setup,
                   struct audit_report *out) NODISCARD;

/*
 * The last checkpoint: `note` is what was signed (keys.h: keys_sign_checkpoint);
 * kid is empty when it is not signed. NOT_FOUND when there is none yet.
 */
struct audit_checkpoint {
    uint64_t size;
    struct str root; /* hex */
    struct str note, kid;
    struct bytes signature; /* ES256, r||s */
};
err_t audit_last_checkpoint(struct ctx *cx, const char *folder,
                            struct audit_checkpoint *out) NODISCARD;

/*
 * Proofs for one event: its leaf, its path to the root of the first `size`
 * lines, as JSON {seq, size, root, leaf, path: [hex]}. NOT_FOUND beyond the log.
 * These read the log from its beginning; DEADLINE when that takes too long.
 */
err_t audit_prove_event(struct ctx *cx, const char *folder, uint64_t seq, uint64_t size,
                        struct json_out *js) NODISCARD;
/* That the tree of `old` lines is the beginning of that of `size`: {old, size, path}. */
err_t audit_prove_growth(struct ctx *cx, const char *folder, uint64_t old, uint64_t size,
                         struct json_out *js) NODISCARD;

/* --- who did what? ------------------------------------------------------------ */

struct audit_entry {
    uint64_t seq;
    struct audit_record record; /* event is UNDECIDED when this program has no such row */
    struct str line;            /* as it stands in the log */
};

struct audit_filter {
    struct str patient_mac;     /* empty: anyone's */
    enum audit_event event;     /* UNDECIDED: any but CHECKPOINT */
    enum audit_outcome outcome; /* NONE: any */
    struct str who;             /* who asked, exactly; empty: anyone */
    int64_t from_ms, to_ms;     /* from, up to and not including; 0: open */
    uint64_t after;             /* only events with a higher seq: for the next page */
    size_t most;                /* 0: AUDIT_SEARCH_MAX */
    uint64_t lines_most;        /* look at no more lines than this; 0: at all */
};
enum { AUDIT_SEARCH_MAX = 1000 };

/*
 * In the order of the log. `*next` is 0 at its end; else the page is full, or
 * lines_most were looked at, and the search goes on with it as `after`.
 */
err_t audit_search(struct ctx *cx, const char *folder, const struct audit_filter *filter,
                   struct audit_entry **out, size_t *n, uint64_t *next) NODISCARD;
/* The event and outcome of these names; UNDECIDED, NONE when there is none. */
enum audit_event audit_event_of(struct str name);
enum audit_outcome audit_outcome_of(struct str name);
/* One event; NOT_FOUND, or LOG_ALTERED when its line does not fit its hash. */
err_t audit_show(struct ctx *cx, const char *folder, uint64_t seq,
                 struct audit_entry *out) NODISCARD;

/*
 * A FHIR R4 AuditEvent after IHE BALP: PatientRead, PatientQuery and
 * AuthZconsent where the event fills their patterns. The patient is named by
 * the sealed number and the mac, never by a number that people have. `site`
 * names this node where the event does not name the organisation.
 */
err_t audit_fhir(struct ctx *cx, const struct audit_entry *entry, struct str site,
                 struct json_out *js) NODISCARD;

#endif
