/*
 * signer_keys.c - keys in use: found, made, forgotten.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include <stdlib.h>
#include <string.h>

#include "sys/keys/signer_int.h"

#define MAC_KID "knoop:audit-mac"
#define OURS    "knoop" /* the owner of what is no organisation's */
enum { PEM_MAX = 64 * 1024, KEYS_MOST = 1 << 20 };

/* --- the table in memory ------------------------------------------------------ */

/* Where it is, or would stand. */
static size_t
place(const struct signer *s, struct str kid, bool *there)
{
    size_t low = 0, high = s->key_n;

    *there = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = str_cmp(str_of(s->keys[middle].kid), kid);

        if (c == 0) {
            *there = true;
            return middle;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
drop(struct kept *k)
{
    key_free(k->key);
    free(k->kid);
    free(k->owner);
    free(k->jwk);
    memset(k, 0, sizeof(*k));
}

static void
take_out(struct signer *s, size_t at)
{
    drop(&s->keys[at]);
    memmove(&s->keys[at], &s->keys[at + 1], (s->key_n - at - 1) * sizeof(*s->keys));
    s->key_n--;
}

void
signer__forget(struct signer *s)
{
    while (s->key_n > 0)
        take_out(s, s->key_n - 1);
    free(s->keys);
    s->keys = NULL;
    secret_fini(&s->mac);
}

static char *
copy(struct str s)
{
    return strndup(s.n > 0 ? s.p : "", s.n);
}

static bool
room_for_one(struct signer *s)
{
    size_t more = s->key_room ? 2 * s->key_room : 16;
    struct kept *p;

    if (s->key_n < s->key_room)
        return true;
    if (s->key_n >= KEYS_MOST || (p = realloc(s->keys, more * sizeof(*p))) == NULL)
        return false;
    s->keys = p;
    s->key_room = more;
    return true;
}

/* Takes `key`; whether it succeeds or not. */
static err_t
put_in(struct ctx *cx, struct signer *s, const struct stored *what, struct key *key,
       unsigned long handle, struct kept **out)
{
    struct kept k = {
        copy(what->kid), copy(what->owner), copy(what->jwk), what->use, key, handle, false
    };
    bool there;
    size_t at = place(s, what->kid, &there);

    if (there)
        take_out(s, at);
    if (k.kid == NULL || k.owner == NULL || k.jwk == NULL || !room_for_one(s)) {
        drop(&k);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for one more key");
    }
    memmove(&s->keys[at + 1], &s->keys[at], (s->key_n - at) * sizeof(*s->keys));
    s->keys[at] = k;
    s->key_n++;
    *out = &s->keys[at];
    return ERR_OK;
}

/* --- public halves ------------------------------------------------------------ */

static void
member(struct ctx *cx, struct json_out *js, const char *name, struct bytes value)
{
    struct str text;

    if (value.n > 0 && b64url(cx, value, &text) == ERR_OK)
        json_member(js, name, text);
}

err_t
signer__jwk(struct ctx *cx, const struct key *k, struct str *out)
{
    static const struct {
        const char *kty, *crv;
    } names[KEY_TYPE_COUNT] = {
        [KEY_P256] = { "EC", "P-256" }, [KEY_P384] = { "EC", "P-384" },
        [KEY_P521] = { "EC", "P-521" }, [KEY_ED25519] = { "OKP", "Ed25519" },
        [KEY_RSA] = { "RSA", NULL },
    };
    struct key_parts p;
    struct json_out js;
    err_t e = key_export(cx, k, &p);

    if (e != ERR_OK)
        return e;
    if (names[key_type(k)].kty == NULL)
        return refuse(cx, ERR_KEY, "", "a key of this type is not kept here");
    json_out_init(&js, cx->arena); /* members in the order of RFC 7638 */
    json_object(&js);
    if (names[key_type(k)].crv != NULL)
        json_member_z(&js, "crv", names[key_type(k)].crv);
    member(cx, &js, "e", p.e);
    json_member_z(&js, "kty", names[key_type(k)].kty);
    member(cx, &js, "n", p.n);
    member(cx, &js, "x", p.x);
    member(cx, &js, "y", p.y);
    json_end(&js);
    return json_out_done(cx, &js, out);
}

/* --- found -------------------------------------------------------------------- */

static err_t
load(struct ctx *cx, struct signer *s, struct str kid, struct kept **out)
{
    scoped(secret_fini) struct secret secret = { 0 };
    struct stored what;
    struct key *key = NULL;
    unsigned long handle = 0;
    err_t e = keystore_get(cx, &s->store, kid, &what, &secret);

    if (e != ERR_OK)
        return e;
    if (what.kind == STORED_PKCS8)
        e = key_from_pkcs8(cx, secret_peek(&secret), &key);
    else if (what.kind == STORED_TOKEN && s->token != NULL)
        e = token_find(cx, s->token, secret_peek(&secret), &handle);
    else if (what.kind == STORED_TOKEN)
        e = refuse(cx, ERR_UNAVAILABLE, "",
                   "'%.*s' is in a token, and keys.pkcs11 names none", STR(kid));
    else
        e = refuse(cx, ERR_NOT_FOUND, "", "'%.*s' is no key to sign with", STR(kid));
    return e != ERR_OK ? e : put_in(cx, s, &what, key, handle, out);
}

err_t
signer__key(struct ctx *cx, struct signer *s, struct str kid, struct kept **out)
{
    bool there;
    size_t at = place(s, kid, &there);

    *out = NULL;
    if (!there)
        return load(cx, s, kid, out);
    *out = &s->keys[at];
    return ERR_OK;
}

/* --- made --------------------------------------------------------------------------- */

static err_t
make_in_file(struct ctx *cx, struct signer *s, struct stored *what, struct key **key)
{
    scoped(secret_fini) struct secret der = { 0 };
    err_t e;

    what->kind = STORED_PKCS8;
    if ((e = key_generate(cx, KEY_P256, key)) != ERR_OK ||
        (e = signer__jwk(cx, *key, &what->jwk)) != ERR_OK ||
        (e = key_to_pkcs8(cx, *key, &der)) != ERR_OK)
        return e;
    return keystore_put(cx, &s->store, what, secret_peek(&der));
}

static err_t
make_in_token(struct ctx *cx, struct signer *s, struct stored *what, unsigned long *handle)
{
    scoped(key_drop) struct key *public_half = NULL;
    struct bytes id;
    err_t e = token_make(cx, s->token, &id, &public_half, handle);

    if (e != ERR_OK)
        return e;
    what->kind = STORED_TOKEN;
    if ((e = signer__jwk(cx, public_half, &what->jwk)) == ERR_OK)
        e = keystore_put(cx, &s->store, what, id);
    if (e != ERR_OK) { /* no key without a name */
        struct ctx scratch = *cx;

        if (token_delete(&scratch, s->token, id) != ERR_OK)
            log_error(cx, "a key without a name stays in the token");
    }
    return e;
}

/* Organisations' keys go to the token when there is one; the others are files. */
err_t
signer__make(struct ctx *cx, struct signer *s, enum key_use use, struct str owner,
             struct str kid, struct kept **out)
{
    struct stored what = {
        .kid = kid, .owner = owner, .use = use, .created_ms = s->now_ms()
    };
    struct key *key = NULL;
    unsigned long handle = 0;
    bool there;
    err_t e;

    *out = NULL;
    (void)place(s, kid, &there);
    if (there)
        return refuse(cx, ERR_CONFLICT, "", "there is a key '%.*s' already", STR(kid));
    if (s->token != NULL && use == KEY_SUBJECT)
        e = make_in_token(cx, s, &what, &handle);
    else
        e = make_in_file(cx, s, &what, &key);
    if (e == ERR_OK)
        return put_in(cx, s, &what, key, handle, out);
    key_free(key);
    return e == ERR_CONFLICT ? refuse(cx, e, "", "there is a key '%.*s' already", STR(kid))
                             : e;
}

static err_t
delete_from_token(struct ctx *cx, struct signer *s, struct str kid)
{
    scoped(secret_fini) struct secret id = { 0 };
    struct stored what;
    err_t e = keystore_get(cx, &s->store, kid, &what, &id);

    return e != ERR_OK ? e : token_delete(cx, s->token, secret_peek(&id));
}

err_t
signer__delete(struct ctx *cx, struct signer *s, struct str kid)
{
    struct kept *k;
    bool there;
    err_t e = signer__key(cx, s, kid, &k);

    if (e != ERR_OK)
        return e;
    if (k->use == KEY_AUDIT || k->handed)
        return refuse(cx, ERR_FORBIDDEN, "", "'%.*s' is not deleted", STR(kid));
    if (k->key == NULL && (e = delete_from_token(cx, s, kid)) != ERR_OK)
        return e;
    if ((e = keystore_remove(cx, &s->store, kid)) != ERR_OK)
        return e;
    take_out(s, place(s, kid, &there));
    return ERR_OK;
}

/* --- the node's own ----------------------------------------------------------- */

static err_t
mac_key(struct ctx *cx, struct signer *s)
{
    struct stored what = { .kid = S(MAC_KID),
                           .owner = S(OURS),
                           .use = KEY_AUDIT,
                           .kind = STORED_SECRET,
                           .created_ms = s->now_ms() };
    struct stored found;
    err_t e = keystore_get(cx, &s->store, what.kid, &found, &s->mac);

    if (e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    if ((e = secret_random(cx, 32, &s->mac)) != ERR_OK)
        return e;
    return keystore_put(cx, &s->store, &what, secret_peek(&s->mac));
}

err_t
signer__audit_keys(struct ctx *cx, struct signer *s)
{
    struct kept *k;
    err_t e = signer__key(cx, s, S(KEYS_AUDIT_KID), &k);

    if (e == ERR_NOT_FOUND) {
        refuse_clear(cx);
        e = signer__make(cx, s, KEY_AUDIT, S(OURS), S(KEYS_AUDIT_KID), &k);
    }
    return e != ERR_OK ? e : mac_key(cx, s);
}

/* The first private key of a PEM file, which may hold parameters before it. */
static err_t
first_key(struct ctx *cx, struct str pem, struct key **out)
{
    struct str label;
    struct bytes der;
    err_t e;

    while ((e = pem_next(cx, &pem, &label, &der)) == ERR_OK) {
        if (str_is(label, "ENCRYPTED PRIVATE KEY"))
            return refuse(cx, ERR_KEY, "",
                          "tls.certkeyfile is encrypted, and nobody is there to"
                          " type a password");
        if (str_ends(label, S("PRIVATE KEY"))) {
            void *p;

            e = key_from_pkcs8(cx, der, out);
            memcpy(&p, &der.p, sizeof(p));
            wipe(p, der.n);
            return e;
        }
    }
    return refuse(cx, ERR_KEY, "", "tls.certkeyfile holds no private key");
}

static err_t
read_tls_key(struct ctx *cx, struct key **out)
{
    scoped(os_close) int fd = -1;
    scoped(secret_fini) struct secret text = { 0 };
    err_t e;

    if ((e = os_open_read(cx, "tls.certkeyfile", &fd)) != ERR_OK ||
        (e = secret_new(cx, PEM_MAX, &text)) != ERR_OK ||
        (e = os_read_into(cx, fd, text.p, PEM_MAX, &text.n)) != ERR_OK)
        return e;
    return first_key(cx, str_of_bytes(secret_peek(&text)), out);
}

/* By its key, since the row stands in another room. */
static struct str
option(const struct conf *c, const char *name)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].key, name) == 0)
            return *(const struct str *)(const void *)((const char *)c + rows[i].at);
    return (struct str){ NULL, 0 };
}

err_t
signer__take_tls(struct ctx *cx, struct signer *s, const struct conf *c)
{
    struct stored what = { .kid = option(c, "tls.keyid"),
                           .owner = S(OURS),
                           .use = KEY_TLS };
    struct key *key = NULL;
    struct kept *k;
    err_t e;

    if (option(c, "tls.certkeyfile").n == 0)
        return ERR_OK;
    if (what.kid.n == 0)
        return refuse(cx, ERR_CONF, "", "tls.certkeyfile needs a name in tls.keyid");
    if ((e = read_tls_key(cx, &key)) != ERR_OK)
        return e;
    if ((e = signer__jwk(cx, key, &what.jwk)) != ERR_OK) {
        key_free(key);
        return e;
    }
    if ((e = put_in(cx, s, &what, key, 0, &k)) == ERR_OK)
        k->handed = true;
    return e;
}

/* --- used --------------------------------------------------------------------- */

err_t
signer__sign(struct ctx *cx, struct signer *s, const struct kept *k, enum sig_alg alg,
             enum sig_form form, struct bytes message, struct bytes *signature)
{
    uint8_t digest[HASH_MAX], *room;
    err_t e;

    if (k->key != NULL)
        return key_sign(cx, k->key, alg, form, message, signature);
    if (alg != SIG_ES256 || form != SIG_RAW)
        return refuse(cx, ERR_ALGORITHM, "", "a key in the token signs with ES256 alone");
    if ((room = arena_alloc(cx->arena, 64)) == NULL)
        return refuse_memory(cx);
    if ((e = hash_bytes(cx, HASH_SHA256, message, digest)) != ERR_OK)
        return e;
    *signature = (struct bytes){ room, 64 };
    return token_sign(cx, s->token, k->handle, digest, room);
}
