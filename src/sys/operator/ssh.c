/*
 * ssh.c - public keys as OpenSSH writes them.
 *
 *      [options] ssh-ed25519 AAAAC3Nza… alice@hospital
 *                            └ base64 of length-prefixed fields: type, numbers
 *
 * Rule      RFC 4253 6.6 (RSA), RFC 5656 3.1 (ECDSA), RFC 8709 4 (Ed25519), sshd(8).
 *           Every byte is read: a field too many or too long is refused.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/operator/operator.h"

#include <string.h>

static const struct {
    const char *name, *curve; /* curve NULL: no ECDSA */
    enum key_type type;
    size_t size; /* of a coordinate, or of the key */
} kinds[] = {
    { "ssh-rsa", NULL, KEY_RSA, 0 },
    { "ecdsa-sha2-nistp256", "nistp256", KEY_P256, 32 },
    { "ecdsa-sha2-nistp384", "nistp384", KEY_P384, 48 },
    { "ecdsa-sha2-nistp521", "nistp521", KEY_P521, 66 },
    { "ssh-ed25519", NULL, KEY_ED25519, 32 },
};

static err_t
malformed(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_CONF, "RFC 4253 6.6", "%s", what);
}

/* --- the blob ----------------------------------------------------------------------- */

static bool
field(struct bytes *rest, struct bytes *out)
{
    size_t n;

    if (rest->n < 4)
        return false;
    n = (size_t)rest->p[0] << 24 | (size_t)rest->p[1] << 16 | (size_t)rest->p[2] << 8 |
        rest->p[3];
    if (n > rest->n - 4)
        return false;
    *out = (struct bytes){ rest->p + 4, n };
    *rest = (struct bytes){ rest->p + 4 + n, rest->n - 4 - n };
    return true;
}

/* A positive number (RFC 4251 5: mpint) without the zero before its sign bit. */
static bool
number(struct bytes *rest, struct bytes *out)
{
    if (!field(rest, out) || out->n == 0 || (out->p[0] & 0x80) != 0)
        return false;
    if (out->p[0] == 0)
        *out = (struct bytes){ out->p + 1, out->n - 1 };
    return out->n != 0 && out->p[0] != 0;
}

static bool
parts_of(size_t kind, struct bytes blob, struct key_parts *parts)
{
    struct bytes f;
    size_t n = kinds[kind].size;

    if (!field(&blob, &f) || !str_is(str_of_bytes(f), kinds[kind].name))
        return false;
    if (kinds[kind].type == KEY_RSA)
        return number(&blob, &parts->e) && number(&blob, &parts->n) && blob.n == 0;
    if (kinds[kind].curve != NULL &&
        (!field(&blob, &f) || !str_is(str_of_bytes(f), kinds[kind].curve)))
        return false;
    if (!field(&blob, &f) || blob.n != 0)
        return false;
    if (kinds[kind].type == KEY_ED25519) {
        parts->x = f;
        return f.n == n;
    }
    if (f.n != 2 * n + 1 || f.p[0] != 4) /* SEC 1 2.3.3, uncompressed */
        return false;
    parts->x = (struct bytes){ f.p + 1, n };
    parts->y = (struct bytes){ f.p + 1 + n, n };
    return true;
}

/* --- the line ----------------------------------------------------------------------- */

/* The next word; quotes keep spaces together (sshd(8): options). */
static struct str
word(struct str *line)
{
    struct str rest = str_trim(*line);
    bool quoted = false;
    size_t i;

    for (i = 0; i < rest.n && (quoted || (rest.p[i] != ' ' && rest.p[i] != '\t')); i++) {
        if (rest.p[i] == '"' && (i == 0 || rest.p[i - 1] != '\\'))
            quoted = !quoted;
    }
    *line = str_trim(str_sub(rest, i, rest.n));
    return str_sub(rest, 0, i);
}

static size_t
kind_of(struct str name)
{
    size_t i = 0;

    while (i < COUNT(kinds) && !str_is(name, kinds[i].name))
        i++;
    return i;
}

/* `out->name` empty: a key of nobody. */
static err_t
read_line(struct ctx *cx, struct str line, struct operator_key *out)
{
    scoped(key_drop) struct key *key = NULL;
    struct key_parts parts = { 0 };
    uint8_t print[HASH_MAX];
    struct bytes blob;
    struct buf b;
    size_t kind = kind_of(word(&line));
    err_t e;

    if (kind == COUNT(kinds)) /* options stood first */
        kind = kind_of(word(&line));
    if (kind == COUNT(kinds))
        return malformed(cx, "no key of a kind that is taken");
    if ((e = b64_decode(cx, word(&line), &blob)) != ERR_OK)
        return malformed(cx, "the key is no base64");
    if (!parts_of(kind, blob, &parts))
        return malformed(cx, "the key is not of its kind");
    if ((e = key_import(cx, kinds[kind].type, &parts, &key)) != ERR_OK ||
        (e = hash_bytes(cx, HASH_SHA256, blob, print)) != ERR_OK ||
        (e = jwk_of_key(cx, key, S(""), &out->jwk)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_z(&b, "SHA256:");
    buf_b64(&b, (struct bytes){ print, 32 });
    e = buf_done(cx, &b, &out->fingerprint);
    while (out->fingerprint.n > 0 && out->fingerprint.p[out->fingerprint.n - 1] == '=')
        out->fingerprint.n--;
    out->name = line;
    return e;
}

static err_t
add(struct ctx *cx, struct operator_keys *keys, struct str line, size_t number)
{
    struct operator_key *k = &keys->at[keys->count];
    err_t e;

    if (keys->count == OPERATOR_KEYS_MAX)
        return refuse(cx, ERR_CONF, "", "more than %d operators' keys", OPERATOR_KEYS_MAX);
    if ((e = read_line(cx, line, k)) != ERR_OK) {
        struct str why = arena_str(cx->arena, cx->reason);

        if (e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
            return e;
        return refuse(cx, ERR_CONF, "nuts-node 4.8", "line %zu: %.*s", number, STR(why));
    }
    if (k->name.n == 0)
        jwk_fini(&k->jwk);
    else
        keys->count++;
    return ERR_OK;
}

err_t
operator_keys_parse(struct ctx *cx, struct str text, struct operator_keys *out)
{
    struct operator_keys keys = { 0 };
    size_t line_number = 0;
    err_t e = ERR_OK;

    *out = keys;
    keys.at = arena_array(cx->arena, OPERATOR_KEYS_MAX, sizeof(*keys.at));
    text = arena_str(cx->arena, text);
    if (keys.at == NULL || text.p == NULL)
        return refuse_memory(cx);
    while (text.n > 0 && e == ERR_OK) {
        struct str line = str_cut(&text, '\n');

        line_number++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        line = str_trim(line);
        if (line.n != 0 && line.p[0] != '#')
            e = add(cx, &keys, line, line_number);
    }
    if (e != ERR_OK) {
        operator_keys_fini(&keys);
        return e;
    }
    *out = keys;
    return ERR_OK;
}

void
operator_keys_fini(struct operator_keys *k)
{
    while (k->count != 0)
        jwk_fini(&k->at[--k->count].jwk);
}

/* --- writing ------------------------------------------------------------------------ */

static void
put_field(struct buf *b, struct bytes data)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_c(b, (char)(data.n >> shift & 0xff));
    buf_add(b, data.p, data.n);
}

err_t
operator_key_line(struct ctx *cx, const struct key *key, struct str name, struct str *out)
{
    struct key_parts parts;
    struct buf blob, b;
    uint8_t point[65] = { 4 };
    err_t e;

    *out = (struct str){ NULL, 0 };
    if (key_type(key) != KEY_P256)
        return refuse(cx, ERR_KEY, "RFC 5656 3.1", "operators' keys are made as P-256");
    if ((e = key_export(cx, key, &parts)) != ERR_OK)
        return e;
    memcpy(point + 1, parts.x.p, 32);
    memcpy(point + 33, parts.y.p, 32);
    buf_init(&blob, cx->arena);
    put_field(&blob, bytes_of(str_of(kinds[1].name)));
    put_field(&blob, bytes_of(str_of(kinds[1].curve)));
    put_field(&blob, (struct bytes){ point, sizeof(point) });
    if (blob.failed)
        return refuse_memory(cx);
    buf_init(&b, cx->arena);
    buf_printf(&b, "%s ", kinds[1].name);
    buf_b64(&b, (struct bytes){ (const uint8_t *)blob.p, blob.n });
    buf_printf(&b, " %.*s", STR(name));
    return buf_done(cx, &b, out);
}
