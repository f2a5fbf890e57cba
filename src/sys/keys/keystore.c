/* keystore.c - keys at rest: one file each, encrypted. EUPL-1.2. */
#include "sys/keys/keystore.h"

#include <string.h>
#include <unistd.h>

#include "codec/json/json.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"

enum { FILE_MAX = 64 * 1024, SALT = 32, SEAL_KEY = 32, IV = 12, TAG = 16 };
#define FORMAT     "knoop-key/1"
#define ROOT_CHECK "root.check"

static const char *const uses[] = { "", "subject", "tls", "audit" };
static const char *const kinds[] = { "", "pkcs8", "secret", "token" };

static unsigned
one_of(struct str s, const char *const *names, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (str_is(s, names[i]))
            return i;
    return 0;
}

/* --- sealing ------------------------------------------------------------------ */

/* All that stands in clear, each with its length: no two meanings of one text. */
static err_t
bound(struct ctx *cx, const struct stored *s, struct bytes *aad)
{
    const struct str part[] = {
        S(FORMAT), s->kid, s->owner, str_of(uses[s->use]), str_of(kinds[s->kind]), s->jwk
    };
    struct buf b;
    struct str out;
    err_t e;

    buf_init(&b, cx->arena);
    for (size_t i = 0; i < COUNT(part); i++)
        buf_printf(&b, "%zu:%.*s;", part[i].n, STR(part[i]));
    buf_printf(&b, "%lld", (long long)s->created_ms);
    if ((e = buf_done(cx, &b, &out)) == ERR_OK)
        *aad = bytes_of(out);
    return e;
}

static err_t
file_key(struct ctx *cx, const struct keystore *ks, struct bytes salt, struct secret *out)
{
    err_t e = secret_new(cx, SEAL_KEY, out);

    if (e != ERR_OK)
        return e;
    return hkdf(cx, HASH_SHA256, secret_peek(&ks->root), salt,
                bytes_of(S("knoop key at rest")), out->p, SEAL_KEY);
}

struct sealed {
    struct bytes salt, iv, text; /* text: cipher, then tag */
};

static err_t
seal(struct ctx *cx, const struct keystore *ks, struct bytes aad, struct bytes plain,
     struct sealed *out)
{
    scoped(secret_fini) struct secret key = { 0 };
    uint8_t tag[AEAD_TAG_MAX], *p = arena_alloc(cx->arena, SALT + IV + plain.n + TAG);
    struct bytes cipher;
    err_t e;

    if (p == NULL)
        return refuse_memory(cx);
    random_bytes(p, SALT + IV);
    out->salt = (struct bytes){ p, SALT };
    out->iv = (struct bytes){ p + SALT, IV };
    if ((e = file_key(cx, ks, out->salt, &key)) != ERR_OK ||
        (e = aead_seal(cx, AEAD_A256GCM, secret_peek(&key), out->iv, aad, plain, &cipher,
                       tag)) != ERR_OK)
        return e;
    memcpy(p + SALT + IV, cipher.p, cipher.n);
    memcpy(p + SALT + IV + cipher.n, tag, TAG);
    out->text = (struct bytes){ p + SALT + IV, cipher.n + TAG };
    return ERR_OK;
}

static err_t
unseal(struct ctx *cx, const struct keystore *ks, struct bytes aad, const struct sealed *in,
       struct secret *out)
{
    scoped(secret_fini) struct secret key = { 0 };
    struct bytes plain = { NULL, 0 };
    struct bytes cipher = in->text, tag;
    err_t e;

    if (in->salt.n != SALT || in->iv.n != IV || in->text.n < TAG)
        return refuse(cx, ERR_DECRYPT, "", "a sealed key of another form");
    cipher.n -= TAG;
    tag = (struct bytes){ in->text.p + cipher.n, TAG };
    if ((e = file_key(cx, ks, in->salt, &key)) != ERR_OK ||
        (e = aead_open(cx, AEAD_A256GCM, secret_peek(&key), in->iv, aad, cipher, tag,
                       &plain)) != ERR_OK)
        return e;
    e = secret_copy(cx, plain, out);
    if (plain.n > 0) {
        void *p;

        memcpy(&p, &plain.p, sizeof(p));
        wipe(p, plain.n);
    }
    return e;
}

/* --- the form of a file ------------------------------------------------------- */

static void
put_b64(struct ctx *cx, struct json_out *js, const char *name, struct bytes data)
{
    struct str text;

    if (b64url(cx, data, &text) == ERR_OK)
        json_member(js, name, text);
}

static err_t
write_form(struct ctx *cx, const struct stored *s, const struct sealed *in, struct str *out)
{
    struct json_out js;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "format", FORMAT);
    json_member(&js, "kid", s->kid);
    json_member(&js, "owner", s->owner);
    json_member_z(&js, "use", uses[s->use]);
    json_member_i64(&js, "created", s->created_ms);
    json_member_z(&js, "kind", kinds[s->kind]);
    json_member(&js, "public", s->jwk);
    put_b64(cx, &js, "salt", in->salt);
    put_b64(cx, &js, "iv", in->iv);
    put_b64(cx, &js, "sealed", in->text);
    json_end(&js);
    return json_out_done(cx, &js, out);
}

static err_t
get_b64(struct ctx *cx, const json *v, const char *name, struct bytes *out)
{
    return b64url_decode(cx, json_get_text(v, name), out);
}

static err_t
read_form(struct ctx *cx, struct str text, struct stored *s, struct sealed *out)
{
    json *v;
    err_t e = json_parse(cx, text, JSON_STRICT, &v);

    if (e != ERR_OK)
        return e;
    s->kid = json_get_text(v, "kid");
    s->owner = json_get_text(v, "owner");
    s->jwk = json_get_text(v, "public");
    s->use = (enum key_use)one_of(json_get_text(v, "use"), uses, COUNT(uses));
    s->kind = (enum stored_kind)one_of(json_get_text(v, "kind"), kinds, COUNT(kinds));
    if (!json_is(json_get(v, "format"), FORMAT) || s->use == KEY_USE_NONE ||
        s->kind == STORED_NONE || !json_i64(json_get(v, "created"), &s->created_ms))
        return refuse(cx, ERR_DECRYPT, "", "a key file of another form");
    if ((e = get_b64(cx, v, "salt", &out->salt)) != ERR_OK ||
        (e = get_b64(cx, v, "iv", &out->iv)) != ERR_OK)
        return e;
    return get_b64(cx, v, "sealed", &out->text);
}

/* --- files -------------------------------------------------------------------------- */

static err_t
path_of(struct ctx *cx, const struct keystore *ks, struct str kid, const char **out)
{
    uint8_t digest[HASH_MAX];
    struct str name;
    err_t e;

    if ((e = hash_bytes(cx, HASH_SHA256, bytes_of(kid), digest)) != ERR_OK ||
        (e = hex(cx, (struct bytes){ digest, 32 }, &name)) != ERR_OK)
        return e;
    *out = arena_printf(cx->arena, "%s/%.*s.key", ks->folder, STR(name)).p;
    return *out == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
write_stored(struct ctx *cx, const struct keystore *ks, const char *path,
             const struct stored *s, struct bytes secret)
{
    struct sealed sealed;
    struct bytes aad;
    struct str text;
    err_t e;

    if ((e = bound(cx, s, &aad)) != ERR_OK ||
        (e = seal(cx, ks, aad, secret, &sealed)) != ERR_OK ||
        (e = write_form(cx, s, &sealed, &text)) != ERR_OK)
        return e;
    return os_write_new(cx, path, bytes_of(text), 0600);
}

static err_t
read_stored(struct ctx *cx, const struct keystore *ks, const char *path, struct stored *s,
            struct secret *secret)
{
    struct bytes text, aad;
    struct sealed sealed;
    err_t e;

    memset(s, 0, sizeof(*s));
    if ((e = os_read_file(cx, path, FILE_MAX, &text)) != ERR_OK)
        return e;
    if (read_form(cx, str_of_bytes(text), s, &sealed) != ERR_OK)
        return refuse(cx, ERR_DECRYPT, "", "%s is damaged", path);
    if ((e = bound(cx, s, &aad)) != ERR_OK)
        return e;
    e = unseal(cx, ks, aad, &sealed, secret);
    if (e == ERR_DECRYPT)
        return refuse(cx, e, "", "%s was altered, or belongs to another root key", path);
    return e;
}

/* --- the store ---------------------------------------------------------------- */

static const struct stored check = { .kid = S_INIT(ROOT_CHECK),
                                     .use = KEY_AUDIT,
                                     .kind = STORED_SECRET };

static err_t
prove_root(struct ctx *cx, const struct keystore *ks)
{
    scoped(secret_fini) struct secret found = { 0 };
    const char *path = arena_printf(cx->arena, "%s/" ROOT_CHECK, ks->folder).p;
    struct stored s;
    struct str *names;
    size_t n;
    err_t e;

    if (path == NULL)
        return refuse_memory(cx);
    e = read_stored(cx, ks, path, &s, &found);
    if (e == ERR_OK && str_is(s.kid, ROOT_CHECK))
        return ERR_OK;
    if (e != ERR_NOT_FOUND)
        return refuse(cx, ERR_KEY_ROOT, "", "the root key is not the one of %s",
                      ks->folder);
    if ((e = os_folder_list(cx, ks->folder, &names, &n)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++)
        if (str_ends(names[i], S(".key")))
            return refuse(cx, ERR_KEY_ROOT, "", "%s holds keys but no " ROOT_CHECK,
                          ks->folder);
    return write_stored(cx, ks, path, &check, bytes_of(S("knoop")));
}

err_t
keystore_open(struct ctx *cx, const char *folder, int root, struct keystore *out)
{
    err_t e;

    *out = (struct keystore){ .folder = folder };
    if ((e = keys_root_read(cx, root, &out->root)) == ERR_OK &&
        (e = prove_root(cx, out)) == ERR_OK)
        return ERR_OK;
    keystore_close(out);
    return e;
}

void
keystore_close(struct keystore *ks)
{
    secret_fini(&ks->root);
}

err_t
keystore_put(struct ctx *cx, const struct keystore *ks, const struct stored *s,
             struct bytes secret)
{
    const char *path;
    err_t e = path_of(cx, ks, s->kid, &path);

    return e != ERR_OK ? e : write_stored(cx, ks, path, s, secret);
}

err_t
keystore_get(struct ctx *cx, const struct keystore *ks, struct str kid, struct stored *out,
             struct secret *secret)
{
    const char *path;
    err_t e = path_of(cx, ks, kid, &path);

    if (e != ERR_OK || (e = read_stored(cx, ks, path, out, secret)) != ERR_OK)
        return e == ERR_NOT_FOUND ? refuse(cx, e, "", "there is no key '%.*s'", STR(kid))
                                  : e;
    if (str_eq(out->kid, kid))
        return ERR_OK;
    secret_fini(secret);
    return refuse(cx, ERR_DECRYPT, "", "%s holds the key of another", path);
}

err_t
keystore_remove(struct ctx *cx, const struct keystore *ks, struct str kid)
{
    const char *path;
    err_t e = path_of(cx, ks, kid, &path);

    return e != ERR_OK ? e : os_remove(cx, path);
}

err_t
keystore_prove(struct ctx *cx, const struct keystore *ks, size_t *count)
{
    struct str *names;
    size_t n;
    err_t e = os_folder_list(cx, ks->folder, &names, &n);

    *count = 0;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        scoped(secret_fini) struct secret secret = { 0 };
        struct stored s;
        const char *own,
            *path = arena_printf(cx->arena, "%s/%.*s", ks->folder, STR(names[i])).p;

        if (path == NULL)
            return refuse_memory(cx);
        if (!str_ends(names[i], S(".key")))
            continue;
        if ((e = read_stored(cx, ks, path, &s, &secret)) != ERR_OK ||
            (e = path_of(cx, ks, s.kid, &own)) != ERR_OK)
            break;
        if (strcmp(own, path) != 0)
            return refuse(cx, ERR_DECRYPT, "", "%s holds the key of another", path);
        ++*count;
    }
    return e;
}
