/*
 * shown.c - what was presented for a token, kept small.
 *
 *      presentation ──► its own words, sealed under the token
 *            └────────► each signed credential in it, once for all tokens
 *
 * Rule      Extended introspection gives the presentation back byte for byte
 *           (nuts-node.md 2.3). A credential with its certificates is most of it, and
 *           the same each time, so it is kept once: found by one hash of its text, and
 *           sealed under another, which stands in what only the token opens.
 * Lifetime  A credential is kept longer than every token that it was shown for.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/store/store.h"

enum {
    HASH = 32,
    LARGE = 1024,              /* a smaller credential stands in the words */
    KEPT_MS = 2 * 3600 * 1000, /* beyond the token: no write for each of them */
};

#define LABEL_ID  S("knoop shown 1 id ")
#define LABEL_KEY S("knoop shown 1 key ")

/* --- parts: "<length>:<bytes>" --------------------------------------------------- */

static void
put_part(struct buf *b, struct str s)
{
    buf_printf(b, "%zu:", s.n);
    buf_str(b, s);
}

static bool
take_part(struct str *rest, struct str *out)
{
    struct str number = str_cut(rest, ':');
    uint64_t n;

    if (!str_to_u64(number, &n) || n > rest->n)
        return false;
    *out = str_sub(*rest, 0, (size_t)n);
    *rest = str_sub(*rest, (size_t)n, rest->n);
    return true;
}

/* --- taking apart ------------------------------------------------------------------ */

static err_t
hash_text(struct ctx *cx, struct str label, struct str text, uint8_t out[HASH_MAX])
{
    const struct bytes parts[] = { bytes_of(label), bytes_of(text) };

    return hash_parts(cx, HASH_SHA256, parts, COUNT(parts), out);
}

static bool
is_large(const struct vc_raw *vc)
{
    return vc->jwt.text.p != NULL && vc->text.n >= LARGE;
}

/* id and key, raw: 64 bytes. */
static err_t
put_reference(struct ctx *cx, struct buf *b, struct str text)
{
    uint8_t id[HASH_MAX], key[HASH_MAX];
    err_t e;

    if ((e = hash_text(cx, LABEL_ID, text, id)) != ERR_OK ||
        (e = hash_text(cx, LABEL_KEY, text, key)) != ERR_OK)
        return e;
    buf_printf(b, "%d:", 2 * HASH);
    buf_add(b, id, HASH);
    buf_add(b, key, HASH);
    wipe(key, sizeof(key));
    return ERR_OK;
}

/* The payload with its large credentials left out: words, reference, words, … words. */
static err_t
put_payload(struct ctx *cx, struct buf *b, const struct vp_raw *vp, struct str payload)
{
    err_t e;

    for (size_t i = 0; i < vp->count; i++) {
        struct str text = vp->credentials[i].text;
        size_t at = is_large(&vp->credentials[i]) ? str_search(payload, text) : payload.n;

        if (at == payload.n) /* small, or spelled otherwise: it stays among the words */
            continue;
        put_part(b, str_sub(payload, 0, at));
        if ((e = put_reference(cx, b, text)) != ERR_OK)
            return e;
        payload = str_sub(payload, at + text.n, payload.n);
    }
    put_part(b, payload);
    return ERR_OK;
}

err_t
oauth__shown_pack(struct ctx *cx, const struct vp_raw *vp, struct str *out)
{
    struct str rest = vp->text, header = str_cut(&rest, '.'), body = str_cut(&rest, '.');
    struct bytes payload;
    struct buf b;
    err_t e = b64url_decode(cx, body, &payload);

    if (e != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    put_part(&b, header);
    put_part(&b, rest); /* the signature */
    if ((e = put_payload(cx, &b, vp, str_of_bytes(payload))) != ERR_OK)
        return e;
    return buf_done(cx, &b, out);
}

/* --- keeping ------------------------------------------------------------------------ */

static err_t
is_kept(struct ctx *cx, struct bytes id, int64_t until_ms, bool *kept)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e = store_query(cx, SQL_oauth_shown_until, &rows, SQL_ARGS(sql_blob(id)));

    *kept = false;
    if (e != ERR_OK)
        return e;
    if (store_next(&rows))
        *kept = store_int(&rows, 0) >= until_ms;
    return store_done(&rows);
}

static err_t
keep_one(struct ctx *cx, struct str text, int64_t until_ms)
{
    uint8_t id[HASH_MAX], key[HASH_MAX];
    struct bytes sealed;
    bool kept;
    err_t e;

    if ((e = hash_text(cx, LABEL_ID, text, id)) != ERR_OK ||
        (e = is_kept(cx, (struct bytes){ id, HASH }, until_ms, &kept)) != ERR_OK || kept)
        return e;
    if ((e = hash_text(cx, LABEL_KEY, text, key)) == ERR_OK)
        e = oauth__seal(cx, key, text, &sealed);
    wipe(key, sizeof(key));
    if (e != ERR_OK)
        return e;
    return store_exec(cx, SQL_oauth_shown_put, NULL,
                      SQL_ARGS(sql_blob(((struct bytes){ id, HASH })),
                               sql_int(until_ms + KEPT_MS), sql_blob(sealed)));
}

err_t
oauth__shown_keep(struct ctx *cx, const struct vp_raw *vp, int64_t until_ms)
{
    err_t e = ERR_OK;

    for (size_t i = 0; i < vp->count && e == ERR_OK; i++)
        if (is_large(&vp->credentials[i]))
            e = keep_one(cx, vp->credentials[i].text, until_ms);
    return e;
}

/* --- putting together --------------------------------------------------------------- */

static err_t
broken(struct ctx *cx)
{
    return refuse(cx, ERR_STORE, "", "what was presented for a token is not whole");
}

static err_t
find_one(struct ctx *cx, struct str reference, struct str *text)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct bytes all = bytes_of(reference);
    uint8_t key[HASH_MAX];
    err_t e;

    *text = (struct str){ NULL, 0 };
    if (all.n != 2 * HASH)
        return broken(cx);
    e = store_query(cx, SQL_oauth_shown_find, &rows,
                    SQL_ARGS(sql_blob(((struct bytes){ all.p, HASH }))));
    if (e != ERR_OK)
        return e;
    if (store_next(&rows)) {
        memcpy(key, all.p + HASH, HASH);
        if ((e = oauth__unseal(cx, key, store_blob(&rows, 0), text)) != ERR_OK)
            return e;
    }
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return text->p == NULL ? broken(cx) : ERR_OK;
}

err_t
oauth__shown_unpack(struct ctx *cx, struct str packed, struct str *jwt)
{
    struct str header, signature, part, payload;
    struct buf b;
    err_t e;

    if (!take_part(&packed, &header) || !take_part(&packed, &signature))
        return broken(cx);
    buf_init(&b, cx->arena);
    for (;;) { /* words, reference, words, … words */
        if (!take_part(&packed, &part))
            return broken(cx);
        buf_str(&b, part);
        if (packed.n == 0)
            break;
        if (!take_part(&packed, &part))
            return broken(cx);
        if ((e = find_one(cx, part, &part)) != ERR_OK)
            return e;
        buf_str(&b, part);
    }
    if ((e = buf_done(cx, &b, &payload)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_str(&b, header);
    buf_c(&b, '.');
    buf_b64url(&b, bytes_of(payload));
    buf_c(&b, '.');
    buf_str(&b, signature);
    return buf_done(cx, &b, jwt);
}
