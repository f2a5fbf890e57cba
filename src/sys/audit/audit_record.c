/* audit_record.c - what an event must hold, and its form in the ring. EUPL-1.2. */
#include "sys/audit/audit_int.h"

#include <string.h>

static const struct audit_row rows[AUDIT_COUNT] = {
#define X(event, act, sub, need, words)                                                    \
    [AUDIT_##event] = { #event, act[0], sub, AUDIT_NEEDS_##need, words },
#include "lists/audit.def"
#undef X
};

/*
 * The limits hold what is real (a did:x509 with its policies, a sealed number,
 * refuse()'s reasons) and keep a stranger's client_id from filling the ring.
 */
#define T(member, most, rule)                                                              \
    {                                                                                      \
#member, S_INIT("\"" #member "\":"), offsetof(struct audit_record, member), most,  \
            rule                                                                           \
    }
const struct audit_text audit__texts[] = {
    T(request_id, 64, TEXT_CUT),
    T(trace, 64, TEXT_CUT),
    T(who, 1024, TEXT_CUT),
    T(who_name, 256, TEXT_CUT),
    T(person, 256, TEXT_CUT),
    T(role, 128, TEXT_CUT),
    T(custodian, 1024, TEXT_CUT),
    T(source_ip, 64, TEXT_CUT),
    T(what, 256, TEXT_CUT | TEXT_MASKED),
    T(entity, 256, TEXT_CUT | TEXT_MASKED),
    T(patient, 2048, TEXT_WHOLE),
    T(patient_mac, 128, TEXT_WHOLE),
    T(policy, 128, TEXT_CUT),
    T(policy_version, 64, TEXT_CUT),
    T(ground, 256, TEXT_CUT),
    T(purpose, 128, TEXT_CUT),
    T(code, 64, TEXT_CUT),
    T(clause, 128, TEXT_CUT),
    T(reason, 512, TEXT_CUT | TEXT_MASKED),
};
#undef T
const size_t audit__texts_n = COUNT(audit__texts);

static const char *const outcomes[] = { NULL, "permitted", "denied", "failed" };

const struct audit_row *
audit_event_row(enum audit_event event)
{
    if (event <= AUDIT_NOT_NEEDED || event >= AUDIT_COUNT)
        return NULL;
    return &rows[event];
}

enum audit_event
audit__event_of(struct str name)
{
    for (enum audit_event e = AUDIT_NOT_NEEDED + 1; e < AUDIT_COUNT; e++)
        if (str_is(name, rows[e].name))
            return e;
    return AUDIT_UNDECIDED;
}

const char *
audit__outcome_name(enum audit_outcome o)
{
    return o > AUDIT_OUTCOME_NONE && o <= AUDIT_FAILED ? outcomes[o] : NULL;
}

enum audit_outcome
audit__outcome_of(struct str name)
{
    for (enum audit_outcome o = AUDIT_PERMITTED; o <= AUDIT_FAILED; o++)
        if (str_is(name, outcomes[o]))
            return o;
    return AUDIT_OUTCOME_NONE;
}

/* --- what must be there --------------------------------------------------- */

static err_t
lacks(struct ctx *cx, const struct audit_row *row, const char *what)
{
    return refuse(cx, ERR_INTERNAL, "NEN 7513", "audit event %s has no %s", row->name,
                  what);
}

static err_t
check_permitted(struct ctx *cx, const struct audit_row *row, const struct audit_record *r)
{
    const struct {
        enum audit_needs from;
        struct str text;
        const char *name;
    } need[] = {
        { AUDIT_NEEDS_CALLER, r->who, "who" },
        { AUDIT_NEEDS_CALLER, r->custodian, "custodian" },
        { AUDIT_NEEDS_PATIENT, r->patient, "patient" },
        { AUDIT_NEEDS_PATIENT, r->patient_mac, "patient_mac" },
        { AUDIT_NEEDS_RECORD, r->policy, "policy" },
        { AUDIT_NEEDS_RECORD, r->ground, "ground" },
    };

    for (size_t i = 0; i < COUNT(need); i++)
        if (row->needs >= need[i].from && need[i].text.n == 0)
            return lacks(cx, row, need[i].name);
    return ERR_OK;
}

err_t
audit__check(struct ctx *cx, const struct audit_record *r)
{
    const struct audit_row *row = audit_event_row(r->event);

    if (row == NULL)
        return refuse(cx, ERR_INTERNAL, "NEN 7513", "an audit record has no event");
    if (audit__outcome_name(r->outcome) == NULL)
        return lacks(cx, row, "outcome");
    /* Half a patient is neither to be looked up nor to be opened. */
    if ((r->patient.n == 0) != (r->patient_mac.n == 0))
        return lacks(cx, row, r->patient.n == 0 ? "patient" : "patient_mac");
    /* What was refused early need not know whom it was about, but why. */
    if (r->outcome != AUDIT_PERMITTED && r->code.n == 0)
        return lacks(cx, row, "code");
    if (r->outcome != AUDIT_PERMITTED && r->reason.n == 0)
        return lacks(cx, row, "reason");
    if (r->event == AUDIT_UNAUTHENTICATED && r->count < 1)
        return lacks(cx, row, "count");
    return r->outcome == AUDIT_PERMITTED ? check_permitted(cx, row, r) : ERR_OK;
}

/* --- into the ring -------------------------------------------------------- */

struct packer {
    uint8_t *p, *end;
};

static void
put(struct packer *w, const void *from, size_t n)
{
    if (n != 0)
        memcpy(w->p, from, n);
    w->p += n;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The eleven-test on nine digits (landscape 2.1), for hiding, not checking. */
static bool
may_be_person(const uint8_t *p)
{
    int sum = -(p[8] - '0');

    for (int i = 0; i < 8; i++)
        sum += (p[i] - '0') * (9 - i);
    return sum % 11 == 0;
}

static void
mask_numbers(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t run = 0;

        while (i + run < n && is_digit((char)p[i + run]))
            run++;
        if (run == 9 && may_be_person(p + i))
            memset(p + i, '#', run);
        i += run;
    }
}

/* Strangers' bytes that are no UTF-8 would make a line that is no JSON. */
static void
make_utf8(uint8_t *p, size_t n)
{
    if (str_is_utf8((struct str){ (const char *)p, n }))
        return;
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 0x80)
            p[i] = '?';
}

/* No character is cut in two. */
static size_t
cut_at(struct str s, size_t n)
{
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static err_t
put_text(struct ctx *cx, struct packer *w, const struct audit_text *t, struct str s)
{
    static const char cut[] = "…[cut]";
    uint8_t *size_at = w->p, *from = w->p + 2;
    uint16_t n;
    bool long_ = s.n > t->most;

    if (long_ && t->rule & TEXT_WHOLE)
        return refuse(cx, ERR_INTERNAL, "NEN 7513",
                      "the audit text %s has %zu bytes, not %zu", t->name, s.n, t->most);
    w->p = from;
    put(w, s.p, long_ ? cut_at(s, t->most - (sizeof(cut) - 1)) : s.n);
    if (t->rule & TEXT_MASKED)
        mask_numbers(from, (size_t)(w->p - from));
    make_utf8(from, (size_t)(w->p - from));
    if (long_)
        put(w, cut, sizeof(cut) - 1);
    n = (uint16_t)(w->p - from);
    memcpy(size_at, &n, 2);
    return ERR_OK;
}

err_t
audit__pack(struct ctx *cx, const struct audit_record *r, uint8_t *room, size_t *n)
{
    struct packer w = { room, room + AUDIT_BODY_MAX };
    const char *name;
    uint8_t name_n, outcome = (uint8_t)r->outcome;
    int64_t at = r->at_ms != 0 ? r->at_ms : cx->now_ms;
    err_t e;

    *n = 0;
    if ((e = audit__check(cx, r)) != ERR_OK)
        return e;
    /* By name: a ring outlives the program that filled it. */
    name = rows[r->event].name;
    name_n = (uint8_t)strlen(name);
    put(&w, &name_n, 1);
    put(&w, name, name_n);
    put(&w, &outcome, 1);
    put(&w, &at, sizeof(at));
    put(&w, &r->count, sizeof(r->count));
    for (size_t i = 0; i < audit__texts_n; i++) {
        struct str s = audit__text_of(r, &audit__texts[i]);

        if (s.n == 0 && audit__texts[i].offset == offsetof(struct audit_record, request_id))
            s = str_of(cx->id);
        if ((e = put_text(cx, &w, &audit__texts[i], s)) != ERR_OK)
            return e;
    }
    *n = (size_t)(w.p - room);
    return ERR_OK;
}

/* --- and out of it: the auditor trusts nothing of it ----------------------- */

static bool
take(struct bytes *rest, void *to, size_t n)
{
    if (rest->n < n)
        return false;
    memcpy(to, rest->p, n);
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool
take_text(struct bytes *rest, size_t n, struct str *out)
{
    if (rest->n < n)
        return false;
    *out = (struct str){ (const char *)rest->p, n };
    rest->p += n;
    rest->n -= n;
    return str_is_utf8(*out);
}

static bool
unpack(struct bytes *rest, struct audit_record *out)
{
    struct str name;
    uint8_t name_n, outcome;

    if (!take(rest, &name_n, 1) || !take_text(rest, name_n, &name) ||
        !take(rest, &outcome, 1) || !take(rest, &out->at_ms, 8) ||
        !take(rest, &out->count, 8))
        return false;
    out->event = audit__event_of(name);
    out->outcome =
        outcome <= AUDIT_FAILED ? (enum audit_outcome)outcome : AUDIT_OUTCOME_NONE;
    for (size_t i = 0; i < audit__texts_n; i++) {
        uint16_t n;

        if (!take(rest, &n, 2) || n > audit__texts[i].most ||
            !take_text(rest, n, audit__text_at(out, &audit__texts[i])))
            return false;
    }
    return true;
}

err_t
audit__unpack(struct ctx *cx, struct bytes body, struct audit_record *out)
{
    struct bytes rest = body;

    memset(out, 0, sizeof(*out));
    if (!unpack(&rest, out) || rest.n >= 8) /* at most the pad is left */
        return refuse(cx, ERR_BAD_REQUEST, "", "a frame's body is not an audit record");
    return audit__check(cx, out);
}
