/*
 * store.c - live tokens.
 *
 *      token ──SHA-256──────────────► hash: finds the row
 *        └────SHA-256 with a label──► key: opens what is in it
 *
 * Rule      The store holds the hash of a token, when it ends, and what it says sealed
 *           under a key that only the token gives: who reads the file learns neither a
 *           token nor who asked for whom. Each sealed text has a key of its own, so its
 *           iv is constant.
 *           So one sealed text and one token give one text: what was opened last is
 *           remembered by both. The row itself is asked for each time.
 * Lifetime  Rows are swept after their end; one that has ended is not there.
 * Threads   Any. Reading is allowed on the loop with SQLite.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/cache/cache.h"

enum { TOKEN_TEXT = 43, HASH = 32, TAG = 16, IV = 12, SWEEP_ROUNDS = 20 };

#define LABEL_ANSWER S("knoop token 1 answer ")
#define LABEL_MORE   S("knoop token 1 more ")

err_t
oauth__hash(struct ctx *cx, struct str text, struct str *out)
{
    uint8_t hash[HASH_MAX];
    err_t e = hash_bytes(cx, HASH_SHA256, bytes_of(text), hash);

    *out = (struct str){ NULL, 0 };
    return e != ERR_OK ? e : b64url(cx, (struct bytes){ hash, HASH }, out);
}

static err_t
derive(struct ctx *cx, struct str label, struct str token, uint8_t key[HASH_MAX])
{
    const struct bytes parts[] = { bytes_of(label), bytes_of(token) };

    return hash_parts(cx, HASH_SHA256, parts, COUNT(parts), key);
}

/* tag || cipher */
err_t
oauth__seal(struct ctx *cx, const uint8_t *key, struct str text, struct bytes *out)
{
    static const uint8_t iv[IV] = { 0 };
    uint8_t tag[AEAD_TAG_MAX];
    struct bytes cipher;
    uint8_t *all;
    err_t e =
        aead_seal(cx, AEAD_A256GCM, (struct bytes){ key, HASH }, (struct bytes){ iv, IV },
                  bytes_of(S("")), bytes_of(text), &cipher, tag);

    if (e != ERR_OK)
        return e;
    if ((all = arena_alloc(cx->arena, TAG + cipher.n)) == NULL)
        return refuse_memory(cx);
    memcpy(all, tag, TAG);
    memcpy(all + TAG, cipher.p, cipher.n);
    *out = (struct bytes){ all, TAG + cipher.n };
    return ERR_OK;
}

err_t
oauth__unseal(struct ctx *cx, const uint8_t *key, struct bytes sealed, struct str *out)
{
    static const uint8_t iv[IV] = { 0 };
    struct bytes plain;
    err_t e;

    if (sealed.n < TAG)
        return refuse(cx, ERR_STORE, "", "a token's row is cut short");
    e = aead_open(cx, AEAD_A256GCM, (struct bytes){ key, HASH }, (struct bytes){ iv, IV },
                  bytes_of(S("")), (struct bytes){ sealed.p + TAG, sealed.n - TAG },
                  (struct bytes){ sealed.p, TAG }, &plain);
    if (e == ERR_DECRYPT)
        return refuse(cx, ERR_STORE, "", "a token's row was altered");
    if (e == ERR_OK)
        *out = str_of_bytes(plain);
    return e;
}

static err_t
seal(struct ctx *cx, struct str label, struct str token, struct str text, struct bytes *out)
{
    uint8_t key[HASH_MAX];
    err_t e = derive(cx, label, token, key);

    if (e == ERR_OK)
        e = oauth__seal(cx, key, text, out);
    wipe(key, sizeof(key));
    return e;
}

static err_t
unseal(struct ctx *cx, struct str label, struct str token, struct bytes sealed,
       struct str *out)
{
    uint8_t key[HASH_MAX];
    err_t e = derive(cx, label, token, key);

    if (e == ERR_OK)
        e = oauth__unseal(cx, key, sealed, out);
    wipe(key, sizeof(key));
    return e;
}

/* --- in ------------------------------------------------------------------------- */

/* Subject and holder stand before the answer, each on a line: neither has line ends. */
err_t
oauth__token_seal(struct ctx *cx, struct oauth__token *t)
{
    struct str text = arena_printf(cx->arena, "%.*s\n%.*s\n%.*s", STR(t->subject),
                                   STR(t->holder), STR(t->answer));
    err_t e;

    if (text.p == NULL)
        return refuse_memory(cx);
    if ((e = seal(cx, LABEL_ANSWER, t->text, text, &t->sealed)) != ERR_OK)
        return e;
    return seal(cx, LABEL_MORE, t->text, t->more, &t->sealed_more);
}

err_t
oauth__token_put(struct ctx *cx, const struct oauth__token *t)
{
    uint8_t hash[HASH_MAX];
    err_t e = hash_bytes(cx, HASH_SHA256, bytes_of(t->text), hash);

    if (e != ERR_OK)
        return e;
    return store_exec(cx, SQL_oauth_token_add, NULL,
                      SQL_ARGS(sql_blob(((struct bytes){ hash, HASH })),
                               sql_int(t->expires_ms), sql_blob(t->sealed),
                               sql_blob(t->sealed_more)));
}

/* --- out ------------------------------------------------------------------------- */

static err_t
gone(struct ctx *cx)
{
    return refuse(cx, ERR_UNAUTHORIZED, "RFC 7662 2.2", "no such token, or no longer");
}

/* As unseal, unless this very text was opened for this very token. */
static err_t
unseal_once(struct ctx *cx, struct cache *opened, struct str token,
            const uint8_t hash[HASH], struct bytes sealed, int64_t expires_ms,
            struct str *out)
{
    struct str key = arena_join(cx->arena, (struct str){ (const char *)hash, HASH },
                                str_of_bytes(sealed));
    struct bytes known;
    err_t e;

    if (key.p == NULL)
        return refuse_memory(cx);
    if (cache_get(cx, opened, bytes_of(key), &known)) {
        *out = str_of_bytes(known);
        return ERR_OK;
    }
    if ((e = unseal(cx, LABEL_ANSWER, token, sealed, out)) == ERR_OK)
        cache_put(opened, cx->now_ms, bytes_of(key), bytes_of(*out), expires_ms);
    return e;
}

/* What stands sealed under this token, and until when. */
static err_t
look_up(struct ctx *cx, enum sql_id id, struct str label, struct str token,
        struct str *text, int64_t *expires_ms)
{
    const struct oauth__state *s = ROOM_STATE(cx, oauth);
    struct cache *opened = s != NULL && id == SQL_oauth_token_find ? s->opened : NULL;
    scoped(store_rows_close) struct store_rows rows = { 0 };
    uint8_t hash[HASH_MAX];
    err_t e;

    *text = (struct str){ NULL, 0 };
    if (token.n != TOKEN_TEXT) /* none of ours */
        return gone(cx);
    if ((e = hash_bytes(cx, HASH_SHA256, bytes_of(token), hash)) != ERR_OK ||
        (e = store_query_kept(
             cx, id, &rows, SQL_ARGS(sql_blob(((struct bytes){ hash, HASH }))))) != ERR_OK)
        return e;
    if (store_next(&rows)) {
        struct bytes sealed = store_blob(&rows, 0);

        *expires_ms = store_int(&rows, 1);
        if (*expires_ms <= cx->now_ms)
            return gone(cx);
        e = opened == NULL
                ? unseal(cx, label, token, sealed, text)
                : unseal_once(cx, opened, token, hash, sealed, *expires_ms, text);
        if (e != ERR_OK)
            return e;
    }
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return text->p == NULL ? gone(cx) : ERR_OK;
}

err_t
oauth__token_get(struct ctx *cx, struct str token, struct oauth__token *out)
{
    struct oauth__token t = { 0 };
    struct str text;
    err_t e = look_up(cx, SQL_oauth_token_find, LABEL_ANSWER, token, &text, &t.expires_ms);

    *out = (struct oauth__token){ 0 };
    if (e != ERR_OK)
        return e;
    t.subject = str_cut(&text, '\n');
    t.holder = str_cut(&text, '\n');
    t.answer = text;
    *out = t;
    return ERR_OK;
}

err_t
oauth__token_more(struct ctx *cx, struct str token, struct str *more)
{
    int64_t expires_ms;

    return look_up(cx, SQL_oauth_token_more, LABEL_MORE, token, more, &expires_ms);
}

/* --- for other rooms ---------------------------------------------------------------- */

static int64_t
seconds(const json *v, const char *name)
{
    int64_t t = 0;

    return json_i64(json_get(v, name), &t) ? t * 1000 : 0;
}

err_t
oauth_token_find(struct ctx *cx, struct str token, struct oauth_token *out)
{
    struct oauth__token t;
    json *answer;
    err_t e;

    *out = (struct oauth_token){ 0 };
    if ((e = oauth__token_get(cx, token, &t)) != ERR_OK ||
        (e = json_parse(cx, t.answer, JSON_STRICT, &answer)) != ERR_OK)
        return e;
    *out = (struct oauth_token){
        .subject = t.subject,
        .client_id = json_get_text(answer, "client_id"),
        .holder = t.holder,
        .scope = json_get_text(answer, "scope"),
        .jkt = json_get_text(json_get(answer, "cnf"), "jkt"),
        .issued_ms = seconds(answer, "iat"),
        .expires_ms = t.expires_ms,
        .claims = answer,
    };
    return ERR_OK;
}

struct str
oauth_token_claim(const struct oauth_token *t, const char *field)
{
    return oauth__is_reserved(str_of(field)) ? (struct str){ NULL, 0 }
                                             : json_get_text(t->claims, field);
}

/* --- the job ------------------------------------------------------------------------ */

err_t
oauth__sweep(struct ctx *cx, void *state)
{
    static const enum sql_id tables[] = { SQL_oauth_token_sweep, SQL_oauth_shown_sweep };
    err_t e = ERR_OK;

    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++) {
        int64_t changed = 1;

        for (int i = 0; i < SWEEP_ROUNDS && changed > 0 && e == ERR_OK; i++)
            e = store_exec(cx, tables[t], &changed, SQL_ARGS(sql_int(cx->now_ms)));
    }
    return e != ERR_OK ? e : store_sweep(cx); /* nonces, and proofs used up */
}
