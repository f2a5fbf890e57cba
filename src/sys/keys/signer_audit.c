/*
 * signer_audit.c - people in the log, and checkpoints of it.
 *
 *   number ──┬── ECDH-ES+A256KW, A256GCM to the audit key ──> compact JWE
 *            └── HMAC-SHA-256 under a key that stays here ──> for looking up
 *
 * Rule      A worker seals; who opens has asked on the internal door, and that
 *           is an event too. A checkpoint is signed for the auditor alone, and
 *           the log it tells of never shrinks.
 * Source    RFC 7516, RFC 7518 4.6; Knoop. EUPL-1.2.
 */
#include <string.h>

#include "base/time.h"
#include "sys/keys/signer_int.h"

enum { NUMBER_MAX = 64, SEALED_MAX = 2048, CEK = 32, IV = 12, TAG = 16, HEAD_MAX = 1024 };
enum { ORIGIN_MAX = 512, ROOT_HEX = 64, CLOCK_SKEW_MS = 60000, MARK_MAX = 4096 };

/* RFC 7518 4.6.2 with empty party info: one round of SHA-256. */
static err_t
agreed_key(struct ctx *cx, const struct key *own, const struct key *peer,
           uint8_t kek[HASH_MAX])
{
    static const char alg[] = "ECDH-ES+A256KW";
    static const uint8_t round[4] = { 0, 0, 0, 1 }, alg_n[4] = { 0, 0, 0, sizeof(alg) - 1 };
    static const uint8_t rest[12] = { [10] = 1 }; /* no apu, no apv, 256 bits */
    uint8_t z[ECDH_MAX];
    size_t z_n = 0;
    err_t e = key_agree(cx, own, peer, z, &z_n);
    const struct bytes parts[] = { { round, 4 },
                                   { z, z_n },
                                   { alg_n, 4 },
                                   { (const uint8_t *)alg, sizeof(alg) - 1 },
                                   { rest, 12 } };

    if (e == ERR_OK)
        e = hash_parts(cx, HASH_SHA256, parts, COUNT(parts), kek);
    wipe(z, sizeof(z));
    return e;
}

static err_t
audit_key(struct ctx *cx, struct signer *s, const struct kept **out)
{
    struct kept *k;
    err_t e = signer__key(cx, s, S(KEYS_AUDIT_KID), &k);

    *out = k;
    if (e == ERR_OK && (k->use != KEY_AUDIT || k->key == NULL))
        return refuse(cx, ERR_INTERNAL, "", "the audit key is of another kind");
    return e;
}

/* --- sealing ------------------------------------------------------------------ */

static err_t
jwe_head(struct ctx *cx, const struct key *ephemeral, struct str *out)
{
    struct json_out js;
    struct str jwk, text;
    json *epk;
    err_t e;

    if ((e = signer__jwk(cx, ephemeral, &jwk)) != ERR_OK ||
        (e = json_parse(cx, jwk, JSON_STRICT, &epk)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "alg", "ECDH-ES+A256KW");
    json_member_z(&js, "enc", "A256GCM");
    json_member_z(&js, "kid", KEYS_AUDIT_KID);
    json_member_json(&js, "epk", epk);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK)
        return e;
    return b64url(cx, bytes_of(text), out);
}

static err_t
seal(struct ctx *cx, const struct key *to, struct bytes plain, struct str *out)
{
    scoped(key_drop) struct key *ephemeral = NULL;
    scoped(secret_fini) struct secret cek = { 0 };
    uint8_t kek[HASH_MAX], iv[IV], tag[AEAD_TAG_MAX];
    struct bytes wrapped, cipher;
    struct str head;
    struct buf b;
    err_t e;

    random_bytes(iv, sizeof(iv));
    if ((e = key_generate(cx, KEY_P256, &ephemeral)) != ERR_OK ||
        (e = secret_random(cx, CEK, &cek)) != ERR_OK ||
        (e = agreed_key(cx, ephemeral, to, kek)) != ERR_OK ||
        (e = keywrap_seal(cx, (struct bytes){ kek, 32 }, secret_peek(&cek), &wrapped)) !=
            ERR_OK ||
        (e = jwe_head(cx, ephemeral, &head)) != ERR_OK ||
        (e = aead_seal(cx, AEAD_A256GCM, secret_peek(&cek), (struct bytes){ iv, IV },
                       bytes_of(head), plain, &cipher, tag)) != ERR_OK)
        return e;
    wipe(kek, sizeof(kek));
    buf_init(&b, cx->arena);
    buf_str(&b, head);
    const struct bytes parts[] = { wrapped, { iv, IV }, cipher, { tag, TAG } };
    for (size_t i = 0; i < COUNT(parts); i++) {
        buf_c(&b, '.');
        buf_b64url(&b, parts[i]);
    }
    return buf_done(cx, &b, out);
}

err_t
signer__seal_person(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    uint8_t mac[HASH_MAX];
    const struct kept *k;
    err_t e;

    if (in[0].n == 0 || in[0].n > NUMBER_MAX || !str_is_utf8(in[0]))
        return refuse(cx, ERR_BAD_REQUEST, "", "a number of %zu bytes", in[0].n);
    if ((e = audit_key(cx, s, &k)) != ERR_OK ||
        (e = hmac_bytes(cx, HASH_SHA256, secret_peek(&s->mac), bytes_of(in[0]), mac)) !=
            ERR_OK ||
        (e = b64url(cx, (struct bytes){ mac, 32 }, &out[1])) != ERR_OK)
        return e;
    return seal(cx, k->key, bytes_of(in[0]), &out[0]);
}

/* --- opening ------------------------------------------------------------------ */

/* Only what seal() makes: no other algorithm, no other member. */
static err_t
read_head(struct ctx *cx, struct str head, struct key **ephemeral)
{
    struct bytes text, x, y;
    struct key_parts parts = { 0 };
    json *v, *epk;
    err_t e;

    if (head.n > HEAD_MAX)
        return refuse(cx, ERR_DECRYPT, "RFC 7516 4", "not sealed here");
    if ((e = b64url_decode(cx, head, &text)) != ERR_OK ||
        (e = json_parse(cx, str_of_bytes(text), JSON_STRICT, &v)) != ERR_OK)
        return e;
    epk = json_get(v, "epk");
    if (json_size(v) != 4 || !json_is(json_get(v, "alg"), "ECDH-ES+A256KW") ||
        !json_is(json_get(v, "enc"), "A256GCM") ||
        !json_is(json_get(v, "kid"), KEYS_AUDIT_KID) ||
        !json_is(json_get(epk, "kty"), "EC") || !json_is(json_get(epk, "crv"), "P-256"))
        return refuse(cx, ERR_DECRYPT, "RFC 7516 4", "not sealed here");
    if ((e = b64url_decode(cx, json_get_text(epk, "x"), &x)) != ERR_OK ||
        (e = b64url_decode(cx, json_get_text(epk, "y"), &y)) != ERR_OK)
        return e;
    parts.x = x;
    parts.y = y;
    return key_import(cx, KEY_P256, &parts, ephemeral); /* on its curve */
}

static err_t
unseal(struct ctx *cx, const struct key *own, struct str jwe, struct bytes *plain)
{
    scoped(key_drop) struct key *ephemeral = NULL;
    struct str part[5];
    struct bytes data[5], cek;
    uint8_t kek[HASH_MAX];
    err_t e;

    for (size_t i = 0; i < 5; i++)
        part[i] = str_cut(&jwe, '.');
    if (jwe.n != 0)
        return refuse(cx, ERR_DECRYPT, "RFC 7516 7.1", "not five parts");
    for (size_t i = 1; i < 5; i++)
        if ((e = b64url_decode(cx, part[i], &data[i])) != ERR_OK)
            return e;
    if ((e = read_head(cx, part[0], &ephemeral)) != ERR_OK ||
        (e = agreed_key(cx, own, ephemeral, kek)) != ERR_OK ||
        (e = keywrap_open(cx, (struct bytes){ kek, 32 }, data[1], &cek)) != ERR_OK)
        return e;
    wipe(kek, sizeof(kek));
    return aead_open(cx, AEAD_A256GCM, cek, data[2], bytes_of(part[0]), data[3], data[4],
                     plain);
}

err_t
signer__open_person(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    const struct kept *k;
    struct bytes plain;
    err_t e;

    if (in[0].n == 0 || in[0].n > SEALED_MAX)
        return refuse(cx, ERR_DECRYPT, "RFC 7516 7.1", "not sealed here");
    if ((e = audit_key(cx, s, &k)) != ERR_OK ||
        (e = unseal(cx, k->key, in[0], &plain)) != ERR_OK)
        return e;
    out[0] = str_of_bytes(plain);
    return ERR_OK;
}

/* --- checkpoints -------------------------------------------------------------------- */

struct note {
    struct str origin, size_text, root, time;
    uint64_t size;
};

static err_t
read_note(struct ctx *cx, struct str text, struct note *n)
{
    static const char hex_digits[] = "0123456789abcdef";
    struct str first = str_cut(&text, '\n'), intro = S("knoop-audit/1 ");
    bool fine, ends = str_ends(text, S("\n"));

    n->size_text = str_cut(&text, '\n');
    n->root = str_cut(&text, '\n');
    n->time = str_cut(&text, '\n');
    n->origin = str_sub(first, intro.n, first.n);
    fine = ends && str_starts(first, intro) && n->origin.n > 0 &&
           n->origin.n <= ORIGIN_MAX && str_is_utf8(n->origin) &&
           str_to_u64(n->size_text, &n->size) &&
           (n->size_text.p[0] != '0' || n->size_text.n == 1) && n->root.n == ROOT_HEX &&
           text.n == 0;
    for (size_t i = 0; i < n->root.n && fine; i++)
        fine = n->root.p[i] != '\0' && strchr(hex_digits, n->root.p[i]) != NULL;
    if (!fine)
        return refuse(cx, ERR_FORBIDDEN, "", "not a checkpoint of a log");
    return ERR_OK;
}

static err_t
mark_path(struct ctx *cx, const struct signer *s, struct str origin, const char **out)
{
    uint8_t digest[HASH_MAX];
    struct str name;
    err_t e;

    if ((e = hash_bytes(cx, HASH_SHA256, bytes_of(origin), digest)) != ERR_OK ||
        (e = hex(cx, (struct bytes){ digest, 16 }, &name)) != ERR_OK)
        return e;
    *out = arena_printf(cx->arena, "%s/log-%.*s.size", s->store.folder, STR(name)).p;
    return *out == NULL ? refuse_memory(cx) : ERR_OK;
}

/* The size never shrinks; the last one is on disk before its signature leaves. */
static err_t
grows(struct ctx *cx, struct signer *s, const struct note *n)
{
    const char *path;
    struct bytes text = { NULL, 0 };
    struct str fresh;
    uint64_t last = 0;
    err_t e;

    if ((e = mark_path(cx, s, n->origin, &path)) != ERR_OK)
        return e;
    e = os_read_file(cx, path, MARK_MAX, &text);
    if (e == ERR_NOT_FOUND)
        refuse_clear(cx);
    else if (e != ERR_OK || !str_to_u64(str_of_bytes(text), &last))
        return refuse(cx, ERR_UNAVAILABLE, "", "%s cannot be read", path);
    if (n->size < last)
        return refuse(cx, ERR_CONFLICT, "", "the log had %llu events, and now has %llu",
                      (unsigned long long)last, (unsigned long long)n->size);
    if (n->size == last && text.p != NULL)
        return ERR_OK;
    fresh = arena_printf(cx->arena, "%llu", (unsigned long long)n->size);
    return fresh.p == NULL ? refuse_memory(cx)
                           : os_write_file(cx, path, bytes_of(fresh), 0600);
}

err_t
signer__checkpoint(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    const struct kept *k;
    struct bytes signature;
    struct note n;
    int64_t at, now = s->now_ms();
    err_t e;

    if ((e = read_note(cx, in[0], &n)) != ERR_OK ||
        (e = time_parse(cx, n.time, &at)) != ERR_OK)
        return e;
    if (at > now + CLOCK_SKEW_MS || at < now - CLOCK_SKEW_MS)
        return refuse(cx, ERR_FORBIDDEN, "", "a checkpoint of another time than now");
    if ((e = audit_key(cx, s, &k)) != ERR_OK || (e = grows(cx, s, &n)) != ERR_OK ||
        (e = signer__sign(cx, s, k, SIG_ES256, SIG_RAW, bytes_of(in[0]), &signature)) !=
            ERR_OK)
        return e;
    out[0] = S(KEYS_AUDIT_KID);
    out[1] = str_of_bytes(signature);
    return ERR_OK;
}
