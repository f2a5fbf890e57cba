/*
 * trail_events.c - events found, shown, and the person of one opened.
 *
 * Rule      NEN 7513. Each of these is an event itself; whose events were
 *           searched, and whose number was opened, stands in it sealed.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/trail/trail_int.h"

#include "base/bsn.h"
#include "base/time.h"
#include "sys/audit/audit_log.h"
#include "sys/conf/conf.h"

#include <stdio.h>

#define SEARCH "/internal/knoop/v1/audit/search"
#define BSN    "http://fhir.nl/fhir/NamingSystem/bsn"

enum { COUNT_DEFAULT = 100, LINES_MOST = 200000, TEXT_MOST = 160 };

static err_t
bad(struct req *rq, const char *what)
{
    return refuse(&rq->cx, ERR_BAD_REQUEST, "NEN 7513", "%s", what);
}

/* --- the question ------------------------------------------------------------------- */

static err_t
read_body(struct req *rq, const char *const *known, size_t n, json **out)
{
    err_t e = req_json(rq, out);

    if (e != ERR_OK)
        return e;
    if (json_type(*out) != JSON_OBJECT)
        return bad(rq, "the body is no object");
    for (json_each(it, *out)) {
        size_t i = 0;

        while (i < n && !str_is(it.name, known[i]))
            i++;
        if (i == n)
            return refuse(&rq->cx, ERR_BAD_REQUEST, "NEN 7513", "an unknown member '%.*s'",
                          STR(it.name));
        if (json_type(it.value) != JSON_STRING && json_type(it.value) != JSON_NUMBER)
            return refuse(&rq->cx, ERR_BAD_REQUEST, "NEN 7513",
                          "'%.*s' is neither text nor number", STR(it.name));
    }
    return ERR_OK;
}

static err_t
moment(struct req *rq, const json *v, const char *name, int64_t *out)
{
    if (json_get(v, name) == NULL)
        return ERR_OK;
    if (time_parse(&rq->cx, json_get_text(v, name), out) != ERR_OK)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "RFC 3339 5.6", "'%s' is no date-time",
                      name);
    return ERR_OK;
}

/* The number becomes its keyed hash at once; sealed it stands in our own event. */
static err_t
patient(struct req *rq, const json *v, struct audit_filter *f)
{
    struct str number = json_get_text(v, "patient"), sealed;
    struct bsn bsn;
    err_t e;

    if (json_get(v, "patient") == NULL)
        return ERR_OK;
    if (number.n != 9 || !bsn_parse(number, &bsn))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "Wabb 1",
                      "'patient' is no citizen service number");
    e = trail__state(rq)->seal_person(&rq->cx, bsn_expose(&bsn), &sealed, &f->patient_mac);
    if (e != ERR_OK)
        return e;
    rq->audit.patient = sealed;
    rq->audit.patient_mac = f->patient_mac;
    return ERR_OK;
}

static err_t
kinds(struct req *rq, const json *v, struct audit_filter *f)
{
    struct str event = json_get_text(v, "event"), outcome = json_get_text(v, "outcome");

    f->event = event.n != 0 ? audit_event_of(event) : AUDIT_UNDECIDED;
    if (json_get(v, "event") != NULL && f->event == AUDIT_UNDECIDED)
        return bad(rq, "'event' is none of docs/audit.md");
    f->outcome = outcome.n != 0 ? audit_outcome_of(outcome) : AUDIT_OUTCOME_NONE;
    if (json_get(v, "outcome") != NULL && f->outcome == AUDIT_OUTCOME_NONE)
        return bad(rq, "'outcome' is permitted, denied or failed");
    return ERR_OK;
}

static err_t
page(struct req *rq, const json *v, struct audit_filter *f)
{
    struct str after = req_query(rq, "after");
    int64_t count = COUNT_DEFAULT;

    if (json_get(v, "count") != NULL &&
        (!json_i64(json_get(v, "count"), &count) || count < 1 || count > AUDIT_SEARCH_MAX))
        return refuse(&rq->cx, ERR_BAD_REQUEST, "NEN 7513", "'count' is from 1 to %d",
                      AUDIT_SEARCH_MAX);
    f->most = (size_t)count;
    f->lines_most = LINES_MOST;
    if (after.p != NULL && !str_to_u64(after, &f->after))
        return bad(rq, "'after' is a number");
    return ERR_OK;
}

static err_t
read_filter(struct req *rq, struct audit_filter *f)
{
    static const char *const known[] = { "patient", "event", "outcome", "organisation",
                                         "from",    "until", "count" };
    json *v;
    err_t e;

    *f = (struct audit_filter){ 0 };
    if ((e = read_body(rq, known, COUNT(known), &v)) != ERR_OK ||
        (e = kinds(rq, v, f)) != ERR_OK || (e = page(rq, v, f)) != ERR_OK ||
        (e = moment(rq, v, "from", &f->from_ms)) != ERR_OK ||
        (e = moment(rq, v, "until", &f->to_ms)) != ERR_OK)
        return e;
    f->who = json_get_text(v, "organisation");
    if (json_get(v, "organisation") != NULL && f->who.n == 0)
        return bad(rq, "'organisation' is empty");
    return patient(rq, v, f);
}

/* --- the answer --------------------------------------------------------------------- */

/* An event that a later version of the program wrote. */
static void
put_unknown(struct json_out *js, uint64_t seq)
{
    char words[80];

    snprintf(words, sizeof(words), "event %llu is of a later version of this program",
             (unsigned long long)seq);
    json_object(js);
    json_member_z(js, "resourceType", "OperationOutcome");
    json_key(js, "issue");
    json_array(js);
    json_object(js);
    json_member_z(js, "severity", "warning");
    json_member_z(js, "code", "not-supported");
    json_member_z(js, "diagnostics", words);
    json_end(js);
    json_end(js);
    json_end(js);
}

static err_t
put_entry(struct req *rq, struct json_out *js, const struct audit_entry *entry)
{
    bool known = entry->record.event != AUDIT_UNDECIDED;
    err_t e = ERR_OK;

    json_object(js);
    json_key(js, "resource");
    if (known)
        e = audit_fhir(&rq->cx, entry, rq->cx.conf->url, js);
    else
        put_unknown(js, entry->seq);
    json_key(js, "search");
    json_object(js);
    json_member_z(js, "mode", known ? "match" : "outcome");
    json_end(js);
    json_end(js);
    return e;
}

static void
put_next(struct json_out *js, uint64_t next)
{
    char url[80];

    if (next == 0)
        return;
    snprintf(url, sizeof(url), SEARCH "?after=%llu", (unsigned long long)next);
    json_key(js, "link");
    json_array(js);
    json_object(js);
    json_member_z(js, "relation", "next");
    json_member_z(js, "url", url);
    json_end(js);
    json_end(js);
}

static err_t
reply_bundle(struct req *rq, const struct audit_entry *list, size_t n, uint64_t next)
{
    struct json_out *js;
    err_t e = ERR_OK;

    reply_header(rq, "Cache-Control", S("no-store"));
    js = reply_json_as(rq, 200, "application/fhir+json");
    json_object(js);
    json_member_z(js, "resourceType", "Bundle");
    json_member_z(js, "type", "searchset");
    put_next(js, next);
    if (n != 0) { /* FHIR R4 2.6.2.1: no empty lists */
        json_key(js, "entry");
        json_array(js);
        for (size_t i = 0; i < n && e == ERR_OK; i++)
            e = put_entry(rq, js, &list[i]);
        json_end(js);
    }
    json_end(js);
    return e != ERR_OK ? e : reply_send(rq, js);
}

err_t
trail__search(struct req *rq)
{
    struct audit_filter filter;
    struct audit_entry *list;
    const char *folder;
    uint64_t next;
    size_t n;
    err_t e;

    rq->audit.who = S("operator");
    rq->audit.what = S("search the audit log");
    if ((e = read_filter(rq, &filter)) != ERR_OK ||
        (e = trail__folder(rq, &folder)) != ERR_OK ||
        (e = audit_catch_up(&rq->cx)) != ERR_OK ||
        (e = audit_search(&rq->cx, folder, &filter, &list, &n, &next)) != ERR_OK)
        return e;
    return reply_bundle(rq, list, n, next);
}

/* --- one event ---------------------------------------------------------------------- */

static err_t
find(struct req *rq, struct audit_entry *out)
{
    char entity[48];
    const char *folder;
    uint64_t seq;
    err_t e;

    rq->audit.who = S("operator");
    if ((e = trail__number(rq, &seq)) != ERR_OK ||
        (e = trail__folder(rq, &folder)) != ERR_OK ||
        (e = audit_catch_up(&rq->cx)) != ERR_OK)
        return e;
    snprintf(entity, sizeof(entity), "AuditEvent/%llu", (unsigned long long)seq);
    rq->audit.entity = arena_str(rq->cx.arena, str_of(entity));
    if ((e = audit_show(&rq->cx, folder, seq, out)) != ERR_OK)
        return e;
    if (out->record.patient.n != 0) { /* whom it is about, sealed as it was */
        rq->audit.patient = out->record.patient;
        rq->audit.patient_mac = out->record.patient_mac;
    }
    rq->audit.custodian = out->record.custodian;
    return ERR_OK;
}

err_t
trail__event(struct req *rq)
{
    struct audit_entry entry;
    struct json_out *js;
    err_t e;

    rq->audit.what = S("read an event of the audit log");
    if ((e = find(rq, &entry)) != ERR_OK)
        return e;
    reply_header(rq, "Cache-Control", S("no-store"));
    js = reply_json_as(rq, 200, "application/fhir+json");
    if ((e = audit_fhir(&rq->cx, &entry, rq->cx.conf->url, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

/* --- the person --------------------------------------------------------------------- */

static err_t
read_ground(struct req *rq)
{
    static const char *const known[] = { "officer", "why" };
    struct str officer, why;
    json *v;
    err_t e = read_body(rq, known, COUNT(known), &v);

    if (e != ERR_OK)
        return e;
    officer = json_get_text(v, "officer");
    why = json_get_text(v, "why");
    if (officer.n == 0 || officer.n > TEXT_MOST)
        return bad(rq, "'officer' names who opens the number");
    if (why.n == 0 || why.n > TEXT_MOST)
        return bad(rq, "'why' says on what ground, in at most 160 bytes");
    rq->audit.person = officer;
    rq->audit.what = arena_printf(rq->cx.arena, "open the number: %.*s", STR(why));
    return rq->audit.what.p != NULL ? ERR_OK : refuse_memory(&rq->cx);
}

err_t
trail__person(struct req *rq)
{
    struct audit_entry entry;
    struct json_out *js;
    struct str number;
    err_t e;

    rq->audit.who = S("operator");
    rq->audit.what = S("open the number");
    if ((e = read_ground(rq)) != ERR_OK || (e = find(rq, &entry)) != ERR_OK)
        return e;
    if (entry.record.patient.n == 0)
        return refuse(&rq->cx, ERR_NOT_FOUND, "NEN 7513", "event %llu names no patient",
                      (unsigned long long)entry.seq);
    e = trail__state(rq)->open_person(&rq->cx, entry.record.patient, &number);
    if (e != ERR_OK)
        return e;
    reply_header(rq, "Cache-Control", S("no-store"));
    js = reply_json(rq, 200);
    json_object(js);
    json_member_i64(js, "event", (int64_t)entry.seq);
    json_member_z(js, "system", BSN);
    json_member(js, "value", number);
    json_end(js);
    return reply_send(rq, js);
}
