/*
 * audit_search.c - events found again: by patient, time and kind; one by
 * number; and the proofs for one.
 *
 * The log is read from the beginning, a window at a time; a line that does not
 * hold the patient's mac costs one search through its bytes. EUPL-1.2.
 */
#include "sys/audit/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "sys/audit/log_int.h"

/* --- every line, in order ------------------------------------------------------- */

struct scan {
    int folder;
    unsigned segment, last;
    struct reader reader;
    struct ending ending;
};

static err_t
scan_enter(struct ctx *cx, struct scan *s, unsigned segment)
{
    char name[SEGMENT_NAME];
    struct bad bad;
    err_t e;

    audit__reader_close(&s->reader);
    s->segment = segment;
    e = audit__segment_ending(cx, s->folder, segment, s->last, &s->ending, &bad);
    if (e != ERR_OK)
        return e;
    audit__segment_name(segment, name);
    return audit__reader_open(cx, s->folder, name, 0, s->ending.limit, &s->reader);
}

static void
scan_close(struct scan *s)
{
    audit__reader_close(&s->reader);
    if (s->folder >= 0)
        close(s->folder);
    s->folder = -1;
}

/* Begins at the last segment whose first line is not beyond `seq`. */
static err_t
scan_open(struct ctx *cx, const char *folder, uint64_t seq, struct scan *s)
{
    unsigned missing, from = 1;
    err_t e;

    *s = (struct scan){ .reader = { .fd = -1 } };
    s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder < 0)
        return refuse(cx, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "",
                      "the folder of the audit log cannot be opened: %s", strerror(errno));
    if ((e = audit__segments(cx, s->folder, &s->last, &missing)) != ERR_OK)
        return e;
    if (s->last == 0)
        return refuse(cx, ERR_NOT_FOUND, "", "there is no audit log in this folder");
    for (unsigned n = s->last; n > 1; n--) {
        struct line line;
        bool whole;

        if ((e = audit__segment_first(cx, s->folder, n, &whole, &line)) != ERR_OK)
            return e;
        if (whole && line.seq <= seq) {
            from = n;
            break;
        }
    }
    return scan_enter(cx, s, from);
}

/* The empty text at the end (a line that is being written is not there yet). */
static err_t
scan_next(struct ctx *cx, struct scan *s, struct str *text)
{
    for (;;) {
        enum read_what what;
        err_t e;

        if ((e = audit__reader_next(cx, &s->reader, &what, text)) != ERR_OK ||
            what == READ_LINE)
            return e;
        *text = (struct str){ NULL, 0 };
        if (s->ending.next == 0)
            return ERR_OK;
        if ((e = scan_enter(cx, s, s->ending.next)) != ERR_OK)
            return e;
    }
}

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

/* --- search --------------------------------------------------------------------------- */

static bool
fits(const struct audit_filter *f, const struct audit_entry *e)
{
    if (e->seq <= f->after)
        return false;
    if (f->event == AUDIT_UNDECIDED ? e->record.event == AUDIT_CHECKPOINT
                                    : e->record.event != f->event)
        return false;
    if (f->patient_mac.n != 0 && !str_eq(e->record.patient_mac, f->patient_mac))
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

static err_t
search(struct ctx *cx, struct scan *s, const struct audit_filter *f, struct str needle,
       struct hits *h, bool *more)
{
    size_t most = f->most == 0 || f->most > AUDIT_SEARCH_MAX ? AUDIT_SEARCH_MAX : f->most;

    for (;;) {
        struct audit_entry entry;
        struct str text;
        err_t e;

        if ((e = scan_next(cx, s, &text)) != ERR_OK || text.p == NULL)
            return e;
        if (f->patient_mac.n != 0 && !at_hand(text, needle))
            continue;
        if ((e = entry_of(cx, text, &entry)) != ERR_OK)
            return e;
        if (!fits(f, &entry))
            continue;
        if (h->n == most) {
            *more = true;
            return ERR_OK;
        }
        if ((e = add_hit(cx, h, &entry)) != ERR_OK)
            return e;
    }
}

err_t
audit_search(struct ctx *cx, const char *folder, const struct audit_filter *filter,
             struct audit_entry **out, size_t *n, bool *more)
{
    struct hits h = { NULL, 0, 0 };
    struct scan s = { .folder = -1, .reader = { .fd = -1 } };
    struct str needle;
    err_t e;

    *out = NULL;
    *n = 0;
    *more = false;
    if ((e = needle_of(cx, filter, &needle)) == ERR_OK &&
        (e = scan_open(cx, folder, filter->after, &s)) == ERR_OK)
        e = search(cx, &s, filter, needle, &h, more);
    scan_close(&s);
    if (e != ERR_OK)
        return e;
    *out = h.item;
    *n = h.n;
    return ERR_OK;
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
    e = scan_open(cx, folder, seq, &s);
    while (e == ERR_OK) {
        e = scan_next(cx, &s, &text);
        if (text.p == NULL || str_starts(text, needle))
            break;
    }
    if (e == ERR_OK)
        e = text.p != NULL ? entry_of(cx, text, out)
                           : refuse(cx, ERR_NOT_FOUND, "", "the log has no event %llu",
                                    (unsigned long long)seq);
    scan_close(&s);
    return e;
}

/* --- proofs ------------------------------------------------------------------------------
 */

struct leaves {
    struct merkle_hash *hash; /* heap */
    uint64_t n;
};

static err_t
read_leaves(struct ctx *cx, struct scan *s, uint64_t size, struct leaves *out)
{
    while (out->n < size) {
        struct line line;
        struct str text;
        err_t e;

        if ((e = scan_next(cx, s, &text)) != ERR_OK)
            return e;
        if (text.p == NULL)
            return refuse(cx, ERR_NOT_FOUND, "", "the log has %llu events, not %llu",
                          (unsigned long long)out->n, (unsigned long long)size);
        if (!audit__line_parse(cx, text, &line) || line.seq != out->n + 1)
            return refuse(cx, ERR_LOG_ALTERED, "NEN 7513", "event %llu was altered",
                          (unsigned long long)out->n + 1);
        out->hash[out->n++] = line.hash;
    }
    return ERR_OK;
}

static err_t
leaves_open(struct ctx *cx, const char *folder, uint64_t size, struct leaves *out)
{
    struct scan s;
    err_t e;

    *out = (struct leaves){ NULL, 0 };
    if (size == 0 || size > SIZE_MAX / MERKLE_HASH / 2)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 6962 2.1", "a tree cannot have this size");
    if ((e = scan_open(cx, folder, 0, &s)) == ERR_OK) {
        out->hash = malloc((size_t)size * sizeof(*out->hash));
        e = out->hash == NULL ? refuse(cx, ERR_NO_MEMORY, "", "no memory for the tree")
                              : read_leaves(cx, &s, size, out);
    }
    scan_close(&s);
    return e;
}

static void
put_hash(struct json_out *js, const char *key, const struct merkle_hash *h)
{
    char hex[MERKLE_HEX];

    merkle_hex(h, hex);
    if (key != NULL)
        json_key(js, key);
    json_put_str(js, (struct str){ hex, sizeof(hex) });
}

static err_t
put_root(struct ctx *cx, struct json_out *js, const struct leaves *l)
{
    struct merkle m = { 0 };
    struct merkle_hash root;
    err_t e = ERR_OK;

    for (uint64_t i = 0; i < l->n && e == ERR_OK; i++)
        e = merkle_add(cx, &m, &l->hash[i]);
    if (e == ERR_OK && (e = merkle_root(cx, &m, &root)) == ERR_OK)
        put_hash(js, "root", &root);
    return e;
}

static void
put_path(struct json_out *js, const struct merkle_path *p)
{
    json_key(js, "path");
    json_array(js);
    for (size_t i = 0; i < p->n; i++)
        put_hash(js, NULL, &p->hash[i]);
    json_end(js);
}

err_t
audit_prove_event(struct ctx *cx, const char *folder, uint64_t seq, uint64_t size,
                  struct json_out *js)
{
    struct merkle_path path;
    struct leaves l;
    err_t e = leaves_open(cx, folder, size, &l);

    if (e == ERR_OK)
        e = merkle_inclusion(cx, l.hash, size, seq - 1, &path);
    if (e == ERR_OK) {
        json_object(js);
        json_member_i64(js, "seq", (int64_t)seq);
        json_member_i64(js, "size", (int64_t)size);
        e = put_root(cx, js, &l);
        put_hash(js, "leaf", &l.hash[seq - 1]);
        put_path(js, &path);
        json_end(js);
    }
    free(l.hash);
    return e;
}

err_t
audit_prove_growth(struct ctx *cx, const char *folder, uint64_t old, uint64_t size,
                   struct json_out *js)
{
    struct merkle_path path;
    struct leaves l;
    err_t e = leaves_open(cx, folder, size, &l);

    if (e == ERR_OK)
        e = merkle_consistency(cx, l.hash, size, old, &path);
    if (e == ERR_OK) {
        json_object(js);
        json_member_i64(js, "old", (int64_t)old);
        json_member_i64(js, "size", (int64_t)size);
        e = put_root(cx, js, &l);
        put_path(js, &path);
        json_end(js);
    }
    free(l.hash);
    return e;
}
