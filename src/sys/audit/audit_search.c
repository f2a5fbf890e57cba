/*
 * audit_search.c - events found again: by patient, time and kind; one by
 * number.
 *
 * The log is read from the beginning, a window at a time; a line that does not
 * hold the patient's mac costs one search through its bytes. EUPL-1.2.
 */
#include "sys/audit/audit_log.h"

#include <string.h>

#include "base/time.h"
#include "sys/audit/log_int.h"

/* --- a line as an event ------------------------------------------------------------ */

static err_t
entry_of(struct ctx *cx, struct str text, struct audit_entry *out)
{
    struct line line;
    struct str at;
    json *v;
    err_t e;

    memset(out, 0, sizeof(*out));
    out->line = arena_str(cx->arena, text);
    if (out->line.p == NULL)
        return refuse_memory(cx);
    if (!audit__line_parse(cx, out->line, &line))
        return refuse(cx, ERR_LOG_ALTERED, "NEN 7513",
                      "an event that answers does not fit its hash; run audit verify");
    if ((e = json_parse(cx, out->line, JSON_STRICT, &v)) != ERR_OK)
        return e;
    out->seq = line.seq;
    out->record.event = audit__event_of(line.event);
    out->record.outcome = audit__outcome_of(json_get_text(v, "outcome"));
    at = json_get_text(v, "at");
    if ((e = time_parse(cx, at, &out->record.at_ms)) != ERR_OK)
        return e;
    for (size_t i = 0; i < audit__texts_n; i++)
        *audit__text_at(&out->record, &audit__texts[i]) =
            json_get_text(v, audit__texts[i].name);
    if (!json_i64(json_get(v, "count"), &out->record.count))
        out->record.count = 0;
    return ERR_OK;
}

/* --- search ------------------------------------------------------------------------- */

static bool
fits(const struct audit_filter *f, const struct audit_entry *e)
{
    if (f->event == AUDIT_UNDECIDED ? e->record.event == AUDIT_CHECKPOINT
                                    : e->record.event != f->event)
        return false;
    if (f->patient_mac.n != 0 && !str_eq(e->record.patient_mac, f->patient_mac))
        return false;
    if (f->outcome != AUDIT_OUTCOME_NONE && e->record.outcome != f->outcome)
        return false;
    if (f->who.n != 0 && !str_eq(e->record.who, f->who))
        return false;
    return (f->from_ms == 0 || e->record.at_ms >= f->from_ms) &&
           (f->to_ms == 0 || e->record.at_ms < f->to_ms);
}

/* What every line that fits must hold, for a first look: cheap and never wrong. */
static err_t
needle_of(struct ctx *cx, const struct audit_filter *f, struct str *out)
{
    for (size_t i = 0; i < f->patient_mac.n; i++)
        if (f->patient_mac.p[i] <= ' ' || f->patient_mac.p[i] > '~' ||
            strchr("\"\\/", f->patient_mac.p[i]) != NULL)
            return refuse(cx, ERR_BAD_REQUEST, "", "this is no patient mac");
    *out = arena_printf(cx->arena, "\"patient_mac\":\"%.*s\"", STR(f->patient_mac));
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static bool
at_hand(struct str text, struct str needle)
{
    return memmem(text.p, text.n, needle.p, needle.n) != NULL;
}

struct hits {
    struct audit_entry *item;
    size_t n, room;
};

static err_t
add_hit(struct ctx *cx, struct hits *h, const struct audit_entry *entry)
{
    if (h->n == h->room) {
        size_t room = h->room == 0 ? 16 : 2 * h->room;
        void *more = arena_grow(cx->arena, h->item, h->n * sizeof(*h->item),
                                room * sizeof(*h->item));

        if (more == NULL)
            return refuse_memory(cx);
        h->item = more;
        h->room = room;
    }
    h->item[h->n++] = *entry;
    return ERR_OK;
}

/* The number of a line, by its first bytes; 0 when it has none. */
static uint64_t
seq_of(struct str text)
{
    struct str front = S("{\"seq\":"), rest = str_sub(text, front.n, text.n);
    uint64_t seq;

    if (!str_starts(text, front) || !str_to_u64(str_cut(&rest, ','), &seq))
        return 0;
    return seq;
}

/* Whether a line fits, in an arena of its own: most lines of a log do not. */
static err_t
look(struct ctx *cx, struct arena *scratch, const struct audit_filter *f, struct str text,
     bool *hit)
{
    struct audit_entry entry;
    struct ctx own;
    err_t e;

    arena_reset(scratch);
    ctx_init(&own, scratch, cx->now_ms);
    *hit = false;
    if ((e = entry_of(&own, text, &entry)) != ERR_OK)
        return refuse(cx, e, own.clause ? own.clause : "", "event %llu: %.*s",
                      (unsigned long long)seq_of(text), STR(own.reason));
    *hit = fits(f, &entry);
    return ERR_OK;
}

struct searching {
    struct scan scan;
    struct arena scratch;
    struct str needle;
    struct hits hits;
    uint64_t last; /* the number of the line that was looked at last */
};

static err_t
search(struct ctx *cx, struct searching *s, const struct audit_filter *f, uint64_t *next)
{
    size_t most = f->most == 0 || f->most > AUDIT_SEARCH_MAX ? AUDIT_SEARCH_MAX : f->most;

    for (uint64_t looked = 0;;) {
        struct audit_entry entry;
        struct str text;
        bool hit = false;
        err_t e;

        if ((e = audit__scan_next(cx, &s->scan, &text)) != ERR_OK || text.p == NULL)
            return e;
        if (f->after != 0 && seq_of(text) <= f->after)
            continue;
        if (f->patient_mac.n == 0 || at_hand(text, s->needle))
            e = look(cx, &s->scratch, f, text, &hit);
        if (e != ERR_OK)
            return e;
        if ((hit && s->hits.n == most) ||
            (f->lines_most != 0 && looked++ == f->lines_most)) {
            *next = s->last;
            return ERR_OK;
        }
        s->last = seq_of(text);
        if (hit && ((e = entry_of(cx, text, &entry)) != ERR_OK ||
                    (e = add_hit(cx, &s->hits, &entry)) != ERR_OK))
            return e;
    }
}

err_t
audit_search(struct ctx *cx, const char *folder, const struct audit_filter *filter,
             struct audit_entry **out, size_t *n, uint64_t *next)
{
    struct searching s = { .scan = { .folder = -1, .reader = { .fd = -1 } } };
    err_t e;

    *out = NULL;
    *n = 0;
    *next = 0;
    arena_init(&s.scratch, AUDIT_LINE_MAX * 16);
    if ((e = needle_of(cx, filter, &s.needle)) == ERR_OK &&
        (e = audit__scan_open(cx, folder, filter->after, &s.scan)) == ERR_OK)
        e = search(cx, &s, filter, next);
    audit__scan_close(&s.scan);
    arena_fini(&s.scratch);
    if (e != ERR_OK)
        return e;
    *out = s.hits.item;
    *n = s.hits.n;
    return ERR_OK;
}

enum audit_event
audit_event_of(struct str name)
{
    return audit__event_of(name);
}

enum audit_outcome
audit_outcome_of(struct str name)
{
    return audit__outcome_of(name);
}

err_t
audit_show(struct ctx *cx, const char *folder, uint64_t seq, struct audit_entry *out)
{
    struct str needle = arena_printf(cx->arena, "{\"seq\":%llu,", (unsigned long long)seq);
    struct str text = { NULL, 0 };
    struct scan s;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (needle.p == NULL)
        return refuse_memory(cx);
    e = audit__scan_open(cx, folder, seq, &s);
    while (e == ERR_OK) {
        e = audit__scan_next(cx, &s, &text);
        if (text.p == NULL || str_starts(text, needle))
            break;
    }
    if (e == ERR_OK)
        e = text.p != NULL ? entry_of(cx, text, out)
                           : refuse(cx, ERR_NOT_FOUND, "", "the log has no event %llu",
                                    (unsigned long long)seq);
    audit__scan_close(&s);
    return e;
}
