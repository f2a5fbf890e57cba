/*
 * audit.h - what happened, provably: typed events in a chained log.
 *
 * Rule      NEN 7513; FHIR AuditEvent as IHE BALP profiles it. Each permit and
 *           each deny is one event, in the ring before the first byte of the
 *           answer leaves. The ring is a file mapping that survives the death
 *           of either end; the auditor, a process of its own, appends it to
 *           the chain. With the auditor down or the disk full every route
 *           with an audit event answers 503.
 * Trust     Patients' numbers arrive here sealed (keys_seal_person).
 * Lifetime  An audit_record borrows its texts until audit_put.
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

enum audit_outcome { AUDIT_OUTCOME_NONE, AUDIT_PERMITTED, AUDIT_DENIED, AUDIT_FAILED };

struct audit_record {
    enum audit_event event;
    enum audit_outcome outcome;
    int64_t at_ms;
    struct str request_id;
    struct str who;          /* the organisation that asks: DID or client_id */
    struct str who_name;     /* its name as proven; may be empty */
    struct str person;       /* the professional's identifier; may be empty */
    struct str role;
    struct str custodian;    /* our own organisation (tenant) */
    struct str source_ip;
    struct str what;         /* "GET Patient" - no identifiers in it */
    struct str entity;       /* resource type and id, when that is no person */
    struct str patient;      /* sealed (JWE) */
    struct str patient_mac;  /* for looking up */
    struct str policy, policy_version, ground, purpose;
    struct str code, clause, reason; /* of a denial */
    int64_t count;           /* UNAUTHENTICATED: how many */
};

struct audit;

/* From any thread; does not block. UNAVAILABLE when it cannot be kept safe. */
err_t audit_put(struct ctx *cx, const struct audit_record *record) NODISCARD;

#endif
