/*
 * dpop.c - proofs of possession: read, used up, made.
 *
 * Rule      RFC 9449 4.2, 4.3; nuts-node.md 2.3 (the texts), 3.6. The time must be near
 *           ours, and a proof is good once: what is used up is the key and its jti, so
 *           that a stranger cannot use up another's.
 * Trust     A proof is a stranger's until its signature is verified; what it must be
 *           about (method, URL, token, key) comes from the caller. Nothing here can
 *           end the process on what does not parse (nuts-node 11 B4).
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/conf/conf.h"
#include "sys/keys/keys.h"
#include "sys/room.h"
#include "sys/store/store.h"

enum {
    PROOF_MAX = 8 * 1024, /* bytes: an RSA key and its signature fit */
    JTI_MAX = 256,        /* nuts-node 3.6 */
    URL_MAX = 4096,
    JTI_BYTES = 32,
    DPOP_TOGETHER = 32, /* used up in one transaction */
    DPOP_ALGS = JWS_ALG(SIG_ES256) | JWS_ALG(SIG_ES384) | JWS_ALG(SIG_ES512) |
                JWS_ALG(SIG_EDDSA) | JWS_ALG(SIG_PS256) | JWS_ALG(SIG_PS384) |
                JWS_ALG(SIG_PS512)
};

/* --- URLs ----------------------------------------------------------------------- */

struct parts {
    struct str scheme, host, port, path;
};

static struct str
before(struct str s, const char *ends)
{
    size_t n = 0;

    while (n < s.n && strchr(ends, s.p[n]) == NULL)
        n++;
    return str_sub(s, 0, n);
}

static bool
is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= URL_MAX;
}

/* "host", "host:1", "[::1]:1": false for users, and ports that are no number. */
static bool
split_authority(struct str a, struct parts *out)
{
    size_t end;
    uint64_t port;

    if (str_find(a, '@') < a.n || str_find(a, '%') < a.n)
        return false;
    end = a.n != 0 && a.p[0] == '[' ? str_find(a, ']') + 1 : str_find(a, ':');
    if (end > a.n)
        return false;
    out->host = str_sub(a, 0, end);
    if (end == a.n)
        return out->host.n > 0;
    if (a.p[end] != ':')
        return false;
    out->port = str_sub(a, end + 1, a.n);
    return out->host.n > 0 &&
           (out->port.n == 0 || (str_to_u64(out->port, &port) && port <= 65535));
}

/* Without a scheme where that is allowed: a PEP knows host and path alone (0.10). */
static bool
split_url(struct str url, bool loose, struct parts *out)
{
    size_t at = str_search(url, S("://"));

    *out = (struct parts){ .scheme = S("https") };
    if (!is_visible(url))
        return false;
    if (at < url.n && at == before(url, "/?#").n - 1) {
        out->scheme = str_sub(url, 0, at);
        url = str_sub(url, at + 3, url.n);
    } else if (!loose) {
        return false;
    } else if (str_starts(url, S("//"))) {
        url = str_sub(url, 2, url.n);
    }
    if (!str_eq_case(out->scheme, S("https")) && !str_eq_case(out->scheme, S("http")))
        return false;
    if (!split_authority(before(url, "/?#"), out))
        return false;
    out->path = before(str_sub(url, before(url, "/?#").n, url.n), "?#");
    return true;
}

static void
put_lower(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_c(b, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i]);
}

static bool
is_default_port(const struct parts *p)
{
    return str_is(p->port, str_eq_case(p->scheme, S("https")) ? "443" : "80");
}

bool
oauth__url(struct ctx *cx, struct str url, bool loose, struct str *out)
{
    struct parts p;
    struct buf b;

    *out = (struct str){ NULL, 0 };
    if (!split_url(url, loose, &p))
        return false;
    buf_init(&b, cx->arena);
    if (loose)
        buf_z(&b, "https");
    else
        put_lower(&b, p.scheme);
    buf_z(&b, "://");
    put_lower(&b, p.host);
    if (!loose && p.port.n != 0 && !is_default_port(&p))
        buf_printf(&b, ":%.*s", STR(p.port));
    buf_str(&b, p.path.n != 0 ? p.path : S("/")); /* RFC 3986 6.2.3 */
    return buf_done(cx, &b, out) == ERR_OK;
}

/* --- reading a proof -------------------------------------------------------------- */

static err_t
unread(struct ctx *cx, const char *why)
{
    return refuse(cx, ERR_DPOP, "RFC 9449 4.3",
                  "failed to parse DPoP header: invalid DPoP token: %s", why);
}

static bool
is_our_trouble(err_t e)
{
    return err_row(e)->status >= 500 || e == ERR_TOO_LARGE;
}

/* Signed by the very key in its header, which is public and fits its alg. */
static err_t
read_signed(struct ctx *cx, struct str proof, struct jwk *key, json **claims)
{
    struct oauth__state *s = cx->sys != NULL ? ROOM_STATE(cx, oauth) : NULL;
    struct jws_raw raw;
    struct jws jws;
    const json *head;
    err_t e;

    if (proof.n == 0 || proof.n > PROOF_MAX || proof.p[0] == '{')
        return unread(cx, "it is no compact JWS, or too long");
    if ((e = jws_parse(cx, proof, &raw)) != ERR_OK)
        return is_our_trouble(e) ? e : unread(cx, "it is no compact JWS");
    head = raw.at[0].protected_header;
    if (!json_is(json_get(head, "typ"), "dpop+jwt"))
        return unread(cx, "typ is not dpop+jwt");
    if (json_type(json_get(head, "jwk")) != JSON_OBJECT)
        return unread(cx, "there is no jwk");
    e = jwk_parse_public(cx, json_get(head, "jwk"), s != NULL ? s->keys : NULL, key);
    if (e != ERR_OK)
        return is_our_trouble(e) ? e : unread(cx, "the jwk is no public key");
    if ((e = jws_check(cx, &raw, key, DPOP_ALGS, NULL, &jws)) != ERR_OK)
        return is_our_trouble(e) ? e : unread(cx, "its signature does not verify");
    e = json_parse(cx, str_of_bytes(jws.payload), JSON_STRICT, claims);
    if (e != ERR_OK)
        return is_our_trouble(e) ? e : unread(cx, "its claims are not JSON");
    return ERR_OK;
}

struct claims {
    struct str htm, htu, jti, ath; /* ath.p NULL: absent */
    int64_t iat_ms;
};

static err_t
read_claims(struct ctx *cx, const json *v, struct claims *out)
{
    int64_t window = cx->conf->oauth_dpop_window;
    const json *ath = json_get(v, "ath");
    bool there;

    *out = (struct claims){ 0 };
    if (!json_str(json_get(v, "htm"), &out->htm) || out->htm.n == 0)
        return unread(cx, "missing htm claim");
    if (!json_str(json_get(v, "htu"), &out->htu) || out->htu.n == 0)
        return unread(cx, "missing htu claim");
    if (!json_str(json_get(v, "jti"), &out->jti) || out->jti.n == 0)
        return unread(cx, "missing jti claim");
    if (out->jti.n > JTI_MAX)
        return unread(cx, "the jti is too long");
    if (ath != NULL && !json_str(ath, &out->ath))
        return unread(cx, "ath is no text");
    if (jwt_date(cx, v, "iat", &there, &out->iat_ms) != ERR_OK || !there)
        return unread(cx, "missing iat claim");
    if (out->iat_ms > cx->now_ms + window || out->iat_ms < cx->now_ms - window)
        return unread(cx, "\"iat\" not satisfied");
    if (oauth__is_forgotten(cx, out->iat_ms, window))
        return unread(cx, OAUTH_FORGOTTEN);
    if (jwt_verify_times(cx, v, &(struct jwt_times){ .skew_ms = window }) != ERR_OK)
        return unread(cx, "\"exp\" or \"nbf\" not satisfied");
    return ERR_OK;
}

static err_t
differs(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_DPOP, "RFC 9449 4.3", "%s", what);
}

/* A stranger's text in a reason: short, and plain. */
static struct str
shown(struct str s)
{
    if (s.n == 0)
        return S("");
    return is_visible(s) ? str_sub(s, 0, s.n < 80 ? s.n : 80) : S("(unreadable)");
}

static err_t
mismatch(struct ctx *cx, const char *what, struct str theirs, struct str ours)
{
    struct str a = shown(theirs), b = shown(ours);

    return refuse(cx, ERR_DPOP, "RFC 9449 4.3", "%s mismatch, token: %.*s, given: %.*s",
                  what, STR(a), STR(b));
}

static err_t
check_url(struct ctx *cx, struct str theirs, struct str ours, bool loose)
{
    struct str a, b;
    bool read = oauth__url(cx, theirs, loose, &a) && oauth__url(cx, ours, loose, &b);

    if (cx->arena->failed)
        return refuse_memory(cx);
    if (!read) /* said as it came: it has no form of ours */
        return mismatch(cx, "url", theirs, ours);
    return str_eq(a, b) ? ERR_OK : mismatch(cx, "url", a, b);
}

/* RFC 9449 4.3 item 11: the token that goes with it. */
static err_t
check_token(struct ctx *cx, const struct claims *c, struct str token)
{
    struct str hash;
    err_t e;

    if (token.p == NULL)
        return ERR_OK;
    if (c->ath.p == NULL)
        return differs(cx, "missing ath claim");
    if ((e = oauth__hash(cx, token, &hash)) != ERR_OK)
        return e;
    return str_eq(hash, c->ath) ? ERR_OK : differs(cx, "ath/token claim mismatch");
}

static err_t
check_about(struct ctx *cx, const struct oauth_dpop *in, bool loose, struct str jkt,
            const struct claims *c)
{
    err_t e;

    if (in->jkt.p != NULL && !str_eq(in->jkt, jkt))
        return differs(cx, "jkt mismatch");
    if (!str_eq(c->htm, in->method))
        return mismatch(cx, "method", c->htm, in->method);
    if ((e = check_url(cx, c->htu, in->url, loose)) != ERR_OK)
        return e;
    return check_token(cx, c, in->token);
}

err_t
oauth__dpop_read(struct ctx *cx, const struct oauth_dpop *in, bool loose,
                 struct oauth__proof *out)
{
    scoped(jwk_fini) struct jwk key = { 0 };
    struct claims c;
    struct str once;
    json *claims;
    err_t e;

    *out = (struct oauth__proof){ 0 };
    if ((e = read_signed(cx, in->proof, &key, &claims)) != ERR_OK ||
        (e = read_claims(cx, claims, &c)) != ERR_OK ||
        (e = check_about(cx, in, loose, key.thumbprint, &c)) != ERR_OK)
        return e;
    once = arena_printf(cx->arena, "%.*s %.*s", STR(key.thumbprint), STR(c.jti));
    if (once.p == NULL)
        return refuse_memory(cx);
    if ((e = oauth__hash(cx, once, &once)) != ERR_OK)
        return e;
    *out = (struct oauth__proof){ .jkt = key.thumbprint,
                                  .once = once,
                                  .until_ms = c.iat_ms + cx->conf->oauth_dpop_window +
                                              OAUTH_FORGET_MS };
    return ERR_OK;
}

static err_t
used(struct ctx *cx, err_t e)
{
    return e == ERR_CONFLICT ? differs(cx, "jti already used") : e;
}

err_t
oauth__dpop_use(struct ctx *cx, const struct oauth__proof *proof)
{
    return used(cx, store_take_once(cx, "dpop", proof->once, proof->until_ms));
}

/* oauth.h: what is empty is not asked. */
static err_t
read_asked(struct ctx *cx, const struct oauth_dpop *in, struct oauth__proof *proof)
{
    struct oauth_dpop about = *in;

    if (about.token.n == 0)
        about.token.p = NULL;
    if (about.jkt.n == 0)
        about.jkt.p = NULL;
    return oauth__dpop_read(cx, &about, false, proof);
}

err_t
oauth_dpop_check(struct ctx *cx, const struct oauth_dpop *in, struct str *jkt)
{
    struct oauth__proof proof;
    err_t e;

    if (jkt != NULL)
        *jkt = (struct str){ NULL, 0 };
    if ((e = read_asked(cx, in, &proof)) != ERR_OK ||
        (e = oauth__dpop_use(cx, &proof)) != ERR_OK)
        return e;
    if (jkt != NULL)
        *jkt = proof.jkt;
    return ERR_OK;
}

static void
check_some(struct oauth_dpop_one *list, size_t n)
{
    struct store_once once[DPOP_TOGETHER];
    size_t sound = 0;

    for (size_t i = 0; i < n; i++) {
        struct oauth__proof proof;

        list[i].e = read_asked(list[i].cx, &list[i].in, &proof);
        if (list[i].e == ERR_OK)
            once[sound++] = (struct store_once){ .cx = list[i].cx,
                                                 .kind = "dpop",
                                                 .value = proof.once,
                                                 .until_ms = proof.until_ms };
    }
    store_take_all(once, sound);
    for (size_t i = 0, at = 0; i < n; i++)
        if (list[i].e == ERR_OK)
            list[i].e = used(list[i].cx, once[at++].e);
}

void
oauth_dpop_check_all(struct oauth_dpop_one *list, size_t n)
{
    for (size_t i = 0; i < n; i += DPOP_TOGETHER)
        check_some(&list[i], n - i < DPOP_TOGETHER ? n - i : DPOP_TOGETHER);
}

/* --- making one --------------------------------------------------------------------- */

err_t
oauth__dpop_make(struct ctx *cx, struct str kid, struct str method, struct str url,
                 struct str token, struct str *jwt)
{
    struct str jti, ath, claims;
    struct json_out js;
    err_t e;

    *jwt = (struct str){ NULL, 0 };
    if ((e = random_text(cx, JTI_BYTES, &jti)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    json_object(&js);
    if (token.n != 0) {
        if ((e = oauth__hash(cx, token, &ath)) != ERR_OK)
            return e;
        json_member(&js, "ath", ath);
    }
    json_member(&js, "htm", method);
    json_member(&js, "htu", before(url, "?#")); /* RFC 9449 4.2 */
    json_member_i64(&js, "iat", cx->now_ms / 1000);
    json_member(&js, "jti", jti);
    json_end(&js);
    e = json_out_done(cx, &js, &claims);
    return e != ERR_OK ? e : keys_sign_jwt(cx, KEY_DPOP, kid, claims, jwt);
}
