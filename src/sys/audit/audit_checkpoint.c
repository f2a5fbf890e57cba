/*
 * audit_checkpoint.c - what a checkpoint says: the size and root that are
 * signed, and beside them what the auditor needs to go on after a crash
 * without reading the whole log (that part needs no signature: a wrong one
 * makes wrong roots, which do not verify). EUPL-1.2.
 */
#include "sys/audit/log_int.h"

#include <string.h>

#include "base/time.h"

err_t
audit__checkpoint_note(struct ctx *cx, struct str origin, uint64_t size,
                       const struct merkle_hash *root, struct str at, struct str *note)
{
    char hex[MERKLE_HEX];

    merkle_hex(root, hex);
    *note = arena_printf(cx->arena, "knoop-audit/1 %.*s\n%llu\n%.*s\n%.*s\n", STR(origin),
                         (unsigned long long)size, MERKLE_HEX, hex, STR(at));
    return note->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static void
put_hash(struct json_out *js, const struct merkle_hash *h)
{
    char hex[MERKLE_HEX];

    merkle_hex(h, hex);
    json_put_str(js, (struct str){ hex, MERKLE_HEX });
}

static void
put_rings(struct json_out *js, const struct chain *c)
{
    json_key(js, "rings");
    json_array(js);
    for (unsigned i = 0; i < AUDIT_RINGS_MAX; i++) {
        if (c->marks[i].epoch == 0)
            continue;
        json_array(js);
        json_put_i64(js, i);
        json_put_i64(js, (int64_t)c->marks[i].epoch);
        json_put_i64(js, (int64_t)c->marks[i].rseq);
        json_end(js);
    }
    json_end(js);
}

err_t
audit__checkpoint_text(struct ctx *cx, const struct chain *c, struct str origin,
                       int64_t at_ms, struct str kid, struct bytes signature,
                       struct str *extra)
{
    struct merkle_hash root;
    struct json_out js;
    struct str text, sig;
    char at[TIME_TEXT];
    err_t e;

    *extra = (struct str){ NULL, 0 };
    if ((e = merkle_root(cx, &c->tree, &root)) != ERR_OK ||
        (e = b64url(cx, signature, &sig)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "origin", origin);
    json_member_i64(&js, "size", (int64_t)c->seq);
    json_key(&js, "root");
    put_hash(&js, &root);
    json_member(&js, "time", time_text_ms(at, at_ms));
    if (kid.n != 0) {
        json_member(&js, "kid", kid);
        json_member(&js, "sig", sig);
    }
    json_key(&js, "tree");
    json_array(&js);
    for (unsigned level = 0; level < MERKLE_PATH_MAX; level++)
        if (c->tree.size >> level & 1)
            put_hash(&js, &c->tree.node[level]);
    json_end(&js);
    put_rings(&js, c);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) == ERR_OK)
        *extra = str_sub(text, 1, text.n - 1);
    return e;
}

/* --- and back --------------------------------------------------------------------- */

static err_t
no_checkpoint(struct ctx *cx)
{
    return refuse(cx, ERR_BAD_REQUEST, "", "the line is no checkpoint");
}

err_t
audit__checkpoint_read(struct ctx *cx, const struct line *line, struct checkpoint *out)
{
    int64_t size;
    json *v;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (!str_is(line->event, "CHECKPOINT"))
        return no_checkpoint(cx);
    if ((e = json_parse(cx, line->text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    out->origin = json_get_text(v, "origin");
    out->at = json_get_text(v, "time");
    out->kid = json_get_text(v, "kid");
    if (!json_i64(json_get(v, "size"), &size) || size < 0 ||
        !merkle_unhex(json_get_text(v, "root"), &out->root) || out->at.n == 0)
        return no_checkpoint(cx);
    out->size = (uint64_t)size;
    return b64url_decode(cx, json_get_text(v, "sig"), &out->signature);
}

static bool
restore_tree(const json *v, uint64_t size, struct merkle *out)
{
    size_t i = 0;

    out->size = size;
    for (unsigned level = 0; level < MERKLE_PATH_MAX; level++) {
        struct str hex;

        if (!(size >> level & 1))
            continue;
        if (!json_str(json_at(v, i++), &hex) || !merkle_unhex(hex, &out->node[level]))
            return false;
    }
    return json_size(v) == i;
}

static bool
restore_mark(const json *v, struct chain *out)
{
    int64_t ring, epoch, rseq;

    if (json_size(v) != 3 || !json_i64(json_at(v, 0), &ring) ||
        !json_i64(json_at(v, 1), &epoch) || !json_i64(json_at(v, 2), &rseq) || ring < 0 ||
        ring >= AUDIT_RINGS_MAX || epoch <= 0 || rseq < 0)
        return false;
    out->marks[ring] = (struct mark){ (uint64_t)epoch, (uint64_t)rseq };
    return true;
}

err_t
audit__checkpoint_restore(struct ctx *cx, const struct line *line, struct chain *out)
{
    struct checkpoint cp;
    struct merkle_hash root;
    json *v;
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = audit__checkpoint_read(cx, line, &cp)) != ERR_OK ||
        (e = json_parse(cx, line->text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    if (cp.size + 1 != line->seq || !restore_tree(json_get(v, "tree"), cp.size, &out->tree))
        return no_checkpoint(cx);
    for (json_each(it, json_get(v, "rings")))
        if (!restore_mark(it.value, out))
            return no_checkpoint(cx);
    if ((e = merkle_root(cx, &out->tree, &root)) != ERR_OK)
        return e;
    if (!merkle_eq(&root, &cp.root))
        return no_checkpoint(cx);
    out->seq = cp.size;
    out->prev = line->prev;
    return ERR_OK;
}
