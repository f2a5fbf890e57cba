/* audit_line.c - one line of the log: made, read, proved to follow. EUPL-1.2. */
#include "sys/audit/log_int.h"

#include <string.h>

#include "base/time.h"

/* --- making ------------------------------------------------------------------ */

static void
put_hash(struct buf *b, const struct merkle_hash *h)
{
    char hex[MERKLE_HEX];

    merkle_hex(h, hex);
    buf_add(b, hex, sizeof(hex));
}

/* What the chain says of the line, the comma behind it included. */
static void
put_head(struct buf *b, const struct chain *c, const struct origin *from)
{
    buf_str(b, S("\"seq\":"));
    buf_u64(b, c->seq + 1);
    buf_str(b, S(",\"prev\":\""));
    put_hash(b, &c->prev);
    buf_str(b, S("\","));
    if (from == NULL)
        return;
    buf_str(b, S("\"ring\":"));
    buf_u64(b, from->ring);
    buf_str(b, S(",\"epoch\":"));
    buf_u64(b, from->epoch);
    buf_str(b, S(",\"rseq\":"));
    buf_u64(b, from->rseq);
    buf_c(b, ',');
}

static void
put_record(struct json_out *js, const struct audit_record *r)
{
    char at[TIME_TEXT];

    json_member_z(js, "event", audit_event_row(r->event)->name);
    json_member_z(js, "outcome", audit__outcome_name(r->outcome));
    json_member(js, "at", time_text_ms(at, r->at_ms));
    for (size_t i = 0; i < audit__texts_n; i++) {
        struct str s = audit__text_of(r, &audit__texts[i]);

        if (s.n == 0)
            continue;
        json_key_raw(js, audit__texts[i].key);
        json_put_str(js, s);
    }
    if (r->count != 0)
        json_member_i64(js, "count", r->count);
}

err_t
audit__chain_add(struct ctx *cx, struct chain *c, const struct origin *from,
                 const struct audit_record *record, struct str extra, struct str *line)
{
    struct json_out js;
    struct buf *b = &js.buf;
    struct merkle_hash h;
    err_t e;

    *line = (struct str){ NULL, 0 };
    json_out_init(&js, cx->arena);
    json_object(&js);
    put_head(b, c, from);
    put_record(&js, record);
    if (extra.n != 0) {
        buf_c(b, ',');
        buf_str(b, extra);
    }
    if (b->failed)
        return refuse_memory(cx);
    if ((e = merkle_leaf(cx, (struct str){ b->p, b->n }, &h)) != ERR_OK)
        return e;
    buf_str(b, S(",\"hash\":\""));
    put_hash(b, &h);
    buf_c(b, '"');
    json_end(&js);
    buf_c(b, '\n');
    if ((e = json_out_done(cx, &js, line)) != ERR_OK)
        return e;
    if (line->n > AUDIT_LINE_MAX)
        return refuse(cx, ERR_INTERNAL, "", "an audit line would have %zu bytes", line->n);

    if ((e = merkle_add(cx, &c->tree, &h)) != ERR_OK)
        return e;
    c->seq++;
    c->prev = h;
    if (from != NULL)
        c->marks[from->ring] = (struct mark){ from->epoch, from->rseq };
    return ERR_OK;
}

/* --- reading: the form is ours, so it is exact ---------------------------------- */

static bool
literal(struct str *rest, const char *z)
{
    size_t n = strlen(z);

    if (rest->n < n || memcmp(rest->p, z, n) != 0)
        return false;
    *rest = str_sub(*rest, n, rest->n);
    return true;
}

static bool
number(struct str *rest, uint64_t *out)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    if ((n > 1 && rest->p[0] == '0') || !str_to_u64(str_sub(*rest, 0, n), out))
        return false;
    *rest = str_sub(*rest, n, rest->n);
    return true;
}

static bool
hash(struct str *rest, struct merkle_hash *out)
{
    if (rest->n < MERKLE_HEX || !merkle_unhex(str_sub(*rest, 0, MERKLE_HEX), out))
        return false;
    *rest = str_sub(*rest, MERKLE_HEX, rest->n);
    return true;
}

static bool
from_ring(struct str *rest, struct line *out)
{
    uint64_t ring;

    if (!literal(rest, "\"ring\":"))
        return true;
    out->from_ring = true;
    if (!number(rest, &ring) || ring >= AUDIT_RINGS_MAX || !literal(rest, ",\"epoch\":") ||
        !number(rest, &out->from.epoch) || !literal(rest, ",\"rseq\":") ||
        !number(rest, &out->from.rseq) || !literal(rest, ","))
        return false;
    out->from.ring = (unsigned)ring;
    return true;
}

static bool
head(struct str rest, struct line *out)
{
    if (!literal(&rest, "{\"seq\":") || !number(&rest, &out->seq) ||
        !literal(&rest, ",\"prev\":\"") || !hash(&rest, &out->prev) ||
        !literal(&rest, "\",") || !from_ring(&rest, out) || !literal(&rest, "\"event\":\""))
        return false;
    out->event = str_sub(rest, 0, str_find(rest, '"'));
    return out->event.n < rest.n;
}

bool
audit__line_parse(struct ctx *cx, struct str text, struct line *out)
{
    static const size_t tail_n = sizeof(",\"hash\":\"") - 1 + MERKLE_HEX + 2;
    struct str tail;
    struct merkle_hash h;

    memset(out, 0, sizeof(*out));
    out->text = text;
    if (text.n < tail_n || !head(text, out))
        return false;
    out->leaf = str_sub(text, 0, text.n - tail_n);
    tail = str_sub(text, text.n - tail_n, text.n);
    return literal(&tail, ",\"hash\":\"") && hash(&tail, &out->hash) &&
           str_is(tail, "\"}") && merkle_leaf(cx, out->leaf, &h) == ERR_OK &&
           merkle_eq(&h, &out->hash);
}

/* --- following -------------------------------------------------------------------- */

static err_t
fault(struct ctx *cx, struct bad *bad, enum audit_fault f, uint64_t seq, struct str why)
{
    *bad = (struct bad){ f, seq, why };
    return why.p == NULL ? refuse_memory(cx) : ERR_OK;
}
#define FAULT(f, seq, ...) fault(cx, bad, (f), (seq), arena_printf(cx->arena, __VA_ARGS__))

/* Numbers within a ring and epoch have no gap: what was taken in stands here. */
static err_t
follow_ring(struct ctx *cx, const struct chain *c, const struct line *l, struct bad *bad)
{
    const struct mark *m = &c->marks[l->from.ring];
    bool same = l->from.epoch == m->epoch;
    uint64_t want = same ? m->rseq + 1 : 1;

    if (!same && l->from.epoch < m->epoch)
        return FAULT(FAULT_ALTERED, l->seq, "ring %u goes back to an older epoch",
                     l->from.ring);
    if (l->from.rseq < want)
        return FAULT(FAULT_ALTERED, l->seq, "event %llu of ring %u stands here twice",
                     (unsigned long long)l->from.rseq, l->from.ring);
    if (l->from.rseq > want)
        return FAULT(
            FAULT_GAP, l->seq,
            "events %llu to %llu of ring %u were acknowledged and are not in the log",
            (unsigned long long)want, (unsigned long long)l->from.rseq - 1, l->from.ring);
    return ERR_OK;
}

static err_t
follow_checkpoint(struct ctx *cx, const struct chain *c, const struct line *l,
                  struct bad *bad)
{
    struct checkpoint cp;
    struct chain said;
    struct merkle_hash root;
    err_t e;

    if (audit__checkpoint_read(cx, l, &cp) != ERR_OK ||
        audit__checkpoint_restore(cx, l, &said) != ERR_OK) {
        refuse_clear(cx);
        return FAULT(FAULT_ALTERED, l->seq, "the checkpoint at %llu has not its form",
                     (unsigned long long)l->seq);
    }
    if ((e = merkle_root(cx, &c->tree, &root)) != ERR_OK)
        return e;
    if (cp.size != c->seq || !merkle_eq(&cp.root, &root))
        return FAULT(
            FAULT_ALTERED, l->seq,
            "the checkpoint at %llu names another root than the events before it have",
            (unsigned long long)l->seq);
    if (memcmp(said.marks, c->marks, sizeof(said.marks)) != 0)
        return FAULT(FAULT_ALTERED, l->seq, "the checkpoint at %llu has other ring numbers",
                     (unsigned long long)l->seq);
    return ERR_OK;
}

err_t
audit__chain_follow(struct ctx *cx, struct chain *c, const struct line *l, struct bad *bad)
{
    err_t e = ERR_OK;

    *bad = (struct bad){ FAULT_NONE, 0, { NULL, 0 } };
    if (l->seq > c->seq + 1)
        return FAULT(FAULT_REMOVED, c->seq + 1, "event %llu is followed by %llu",
                     (unsigned long long)c->seq, (unsigned long long)l->seq);
    if (l->seq <= c->seq)
        return FAULT(FAULT_REORDERED, l->seq, "event %llu stands behind %llu",
                     (unsigned long long)l->seq, (unsigned long long)c->seq);
    if (!merkle_eq(&l->prev, &c->prev)) /* both lines fit themselves: one was made anew */
        return FAULT(FAULT_ALTERED, c->seq == 0 ? 1 : c->seq,
                     "event %llu does not follow from the one before it",
                     (unsigned long long)l->seq);
    if (l->from_ring)
        e = follow_ring(cx, c, l, bad);
    else if (str_is(l->event, "CHECKPOINT"))
        e = follow_checkpoint(cx, c, l, bad);
    if (e != ERR_OK || (bad->fault != FAULT_NONE && bad->fault != FAULT_GAP))
        return e;

    if ((e = merkle_add(cx, &c->tree, &l->hash)) != ERR_OK)
        return e;
    c->seq = l->seq;
    c->prev = l->hash;
    if (l->from_ring)
        c->marks[l->from.ring] = (struct mark){ l->from.epoch, l->from.rseq };
    return ERR_OK;
}
