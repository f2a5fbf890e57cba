/*
 * operator.c - tokens proven and made; the room.
 *
 * Rule      nuts-node.md 4.8, clause by clause. What is refused says why in the log;
 *           the caller sees "Unauthorized".
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/operator/operator.h"

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE "nuts-node 4.8"

enum {
    ALGS = JWS_ALG(SIG_ES256) | JWS_ALG(SIG_ES384) | JWS_ALG(SIG_ES512) |
           JWS_ALG(SIG_RS512) | JWS_ALG(SIG_PS512) | JWS_ALG(SIG_EDDSA),
    LIFE_MAX = 88200000, /* 24.5 h */
    BACKDATE_MS = 60000,
    FILE_MAX = 1 << 20,
    ROOM_ARENA = 4 << 20,
};

static err_t
no(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_UNAUTHORIZED, RULE, "%s", what);
}

/* --- proving ------------------------------------------------------------------------ */

static const struct operator_key *
key_of(const struct operator_keys *keys, struct str kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (str_eq(kid, keys->at[i].fingerprint) || str_eq(kid, keys->at[i].jwk.thumbprint))
            return &keys->at[i];
    return NULL;
}

/* A key that came with the token would prove nothing. */
static bool
brings_a_key(const json *header)
{
    static const char *const members[] = { "jwk", "jku", "x5c", "x5u" };

    for (size_t i = 0; i < COUNT(members); i++)
        if (json_get(header, members[i]) != NULL)
            return true;
    return false;
}

static err_t
verify(struct ctx *cx, const struct operator_keys *keys, struct str token,
       const struct operator_key **key, const json **claims)
{
    struct jws_raw raw;
    struct jws jws;
    json *v;

    if (token.n == 0 || token.n > OPERATOR_TOKEN_MAX || token.p[0] == '{')
        return no(cx, "the token is no compact JWT of at most 4096 bytes");
    if (jws_parse(cx, token, &raw) != ERR_OK || raw.count != 1)
        return no(cx, "the token is no JWT");
    if (brings_a_key(raw.at[0].protected_header))
        return no(cx, "the token brings a key of its own");
    if (raw.at[0].kid.n == 0 || (*key = key_of(keys, raw.at[0].kid)) == NULL)
        return no(cx, "the token's kid is no operator's key");
    if (jws_check(cx, &raw, &(*key)->jwk, ALGS, NULL, &jws) != ERR_OK)
        return no(cx, "the token's signature is not good");
    if (json_parse(cx, str_of_bytes(jws.payload), JSON_STRICT, &v) != ERR_OK ||
        json_type(v) != JSON_OBJECT)
        return no(cx, "the token's claims are no JSON object");
    *claims = v;
    return ERR_OK;
}

static bool
is_uuid(struct str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? s.p[i] != '-'
                 : strchr("0123456789abcdefABCDEF", s.p[i]) == NULL || s.p[i] == '\0')
            return false;
    }
    return true;
}

static err_t
check_times(struct ctx *cx, const json *claims)
{
    int64_t iat, nbf, exp;
    bool has_iat, has_nbf, has_exp;

    if (jwt_date(cx, claims, "iat", &has_iat, &iat) != ERR_OK ||
        jwt_date(cx, claims, "nbf", &has_nbf, &nbf) != ERR_OK ||
        jwt_date(cx, claims, "exp", &has_exp, &exp) != ERR_OK || !has_iat || !has_nbf ||
        !has_exp)
        return no(cx, "the token needs iat, nbf and exp");
    if (iat > nbf)
        return no(cx, "the token begins before it was made");
    if (exp > nbf + LIFE_MAX || exp > iat + LIFE_MAX)
        return no(cx, "the token is good for more than 24.5 hours");
    if (nbf > cx->now_ms)
        return no(cx, "the token is not good yet");
    if (exp <= cx->now_ms)
        return no(cx, "the token is past");
    return ERR_OK;
}

err_t
operator_prove(struct ctx *cx, const struct operator_keys *keys, struct str audience,
               struct str token, struct str *user)
{
    const struct operator_key *key = NULL;
    const json *claims = NULL;
    err_t e;

    *user = (struct str){ NULL, 0 };
    if ((e = verify(cx, keys, token, &key, &claims)) != ERR_OK ||
        (e = check_times(cx, claims)) != ERR_OK)
        return e;
    if (!is_uuid(json_get_text(claims, "jti")))
        return no(cx, "the token's jti is no UUID");
    if (!str_eq(json_get_text(claims, "iss"), key->name))
        return no(cx, "the token's iss is not the name of its key");
    if (audience.n == 0 || !json_has(json_get(claims, "aud"), audience))
        return no(cx, "the token is for another audience");
    if (json_get_text(claims, "sub").n == 0)
        return no(cx, "the token has no sub");
    *user = json_get_text(claims, "sub");
    return ERR_OK;
}

/* --- making ------------------------------------------------------------------------- */

static err_t
new_jti(struct ctx *cx, struct str *out)
{
    uint8_t r[16];
    struct str h;
    err_t e;

    random_bytes(r, sizeof(r));
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    if ((e = hex(cx, (struct bytes){ r, sizeof(r) }, &h)) != ERR_OK)
        return e;
    *out = arena_printf(cx->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", h.p, h.p + 8, h.p + 12,
                        h.p + 16, h.p + 20);
    return out->p != NULL ? ERR_OK : refuse_memory(cx);
}

err_t
operator_token(struct ctx *cx, const struct key *key, struct str name, struct str user,
               struct str audience, int64_t life_ms, struct str *out)
{
    int64_t from = (cx->now_ms - BACKDATE_MS) / 1000, life = life_ms / 1000;
    struct json_out head, body;
    struct str header, claims, jti, kid;
    err_t e;

    *out = (struct str){ NULL, 0 };
    if (life <= BACKDATE_MS / 1000 || life_ms > LIFE_MAX)
        return refuse(cx, ERR_BAD_REQUEST, RULE, "a token is good for up to 24.5 hours");
    if ((e = new_jti(cx, &jti)) != ERR_OK || (e = jwk_thumbprint(cx, key, &kid)) != ERR_OK)
        return e;
    json_out_init(&head, cx->arena);
    json_object(&head);
    json_member(&head, "alg",
                key_type(key) == KEY_RSA ? S("PS512") : sig_alg_name(sig_alg_for(key)));
    json_member_z(&head, "typ", "JWT");
    json_member(&head, "kid", kid);
    json_end(&head);
    json_out_init(&body, cx->arena);
    json_object(&body);
    json_member(&body, "iss", name);
    json_member(&body, "sub", user);
    json_member(&body, "aud", audience);
    json_member(&body, "jti", jti);
    json_member_i64(&body, "iat", from);
    json_member_i64(&body, "nbf", from);
    json_member_i64(&body, "exp", from + life);
    json_end(&body);
    if ((e = json_out_done(cx, &head, &header)) != ERR_OK ||
        (e = json_out_done(cx, &body, &claims)) != ERR_OK)
        return e;
    return jws_sign(cx, key, header, bytes_of(claims), out);
}

/* --- the room ----------------------------------------------------------------------- */

struct operators {
    struct arena arena; /* the texts of `keys` */
    struct operator_keys keys;
    char audience[256];
};

struct state {
    pthread_rwlock_t lock;
    struct operators *now; /* NULL: the door asks for no proof */
};

static void
operators_free(struct operators *o)
{
    if (o == NULL)
        return;
    operator_keys_fini(&o->keys);
    arena_fini(&o->arena);
    free(o);
}

static err_t
read_file(struct ctx *cx, struct operators *o)
{
    struct str path = cx->conf->http_internal_auth_authorized_keys, why;
    struct bytes file;
    struct ctx own;
    err_t e;

    if (path.n == 0)
        return refuse(
            cx, ERR_CONF, RULE,
            "http.internal.auth.authorizedkeyspath is not set, and token_v2 needs "
            "it");
    if ((e = os_read_file(cx, path.p, FILE_MAX, &file)) != ERR_OK)
        return e;
    ctx_init(&own, &o->arena, cx->now_ms);
    e = operator_keys_parse(&own, str_of_bytes(file), &o->keys);
    why = own.reason;
    if (e != ERR_OK)
        return refuse(cx, e, RULE, "%s, %.*s", path.p, STR(why));
    return o->keys.count != 0
               ? ERR_OK
               : refuse(cx, ERR_CONF, RULE, "%s: no key with a name in it", path.p);
}

static err_t
load(struct ctx *cx, struct operators **out)
{
    const struct conf *c = cx->conf;
    struct operators *o;
    err_t e;

    *out = NULL;
    if (!str_is(c->http_internal_auth_type, "token_v2"))
        return ERR_OK;
    if ((o = calloc(1, sizeof(*o))) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for operators' keys");
    arena_init(&o->arena, ROOM_ARENA);
    if (c->http_internal_auth_audience.n >= sizeof(o->audience))
        e = refuse(cx, ERR_CONF, RULE, "http.internal.auth.audience is too long");
    else
        e = read_file(cx, o);
    if (e != ERR_OK) {
        operators_free(o);
        return e;
    }
    if (c->http_internal_auth_audience.n != 0)
        memcpy(o->audience, c->http_internal_auth_audience.p,
               c->http_internal_auth_audience.n);
    else if (gethostname(o->audience, sizeof(o->audience) - 1) != 0)
        o->audience[0] = '\0'; /* no token is for nobody */
    *out = o;
    return ERR_OK;
}

static err_t
reload_room(struct ctx *cx, void *state)
{
    struct state *s = state;
    struct operators *fresh, *old;
    err_t e = load(cx, &fresh);

    if (e != ERR_OK)
        return e;
    pthread_rwlock_wrlock(&s->lock);
    old = s->now;
    s->now = fresh;
    pthread_rwlock_unlock(&s->lock);
    operators_free(old);
    return ERR_OK;
}

static void
close_room(void *state)
{
    struct state *s = state;

    if (s == NULL)
        return;
    operators_free(s->now);
    pthread_rwlock_destroy(&s->lock);
    free(s);
}

static err_t
open_room(struct ctx *cx, void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    err_t e;

    *state = NULL;
    if (s == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for operators");
    pthread_rwlock_init(&s->lock, NULL);
    if ((e = reload_room(cx, s)) != ERR_OK) {
        close_room(s);
        return e;
    }
    *state = s;
    return ERR_OK;
}

const struct room operator_room = {
    .open = open_room,
    .reload = reload_room,
    .close = close_room,
};

/* --- a request ---------------------------------------------------------------------- */

static err_t
prove_request(struct req *rq, struct state *s, struct str *user)
{
    struct str token = req_header(rq, "authorization"), scheme = str_cut(&token, ' ');
    err_t e;

    if (!str_eq_case(scheme, S("Bearer")))
        return no(&rq->cx, "there is no bearer token");
    pthread_rwlock_rdlock(&s->lock);
    e = s->now == NULL ? no(&rq->cx, "no operators are known")
                       : operator_prove(&rq->cx, &s->now->keys, str_of(s->now->audience),
                                        str_trim(token), user);
    pthread_rwlock_unlock(&s->lock);
    return e;
}

err_t
operator_check(struct req *rq)
{
    struct state *s = rq->cx.sys != NULL ? ROOM_STATE(&rq->cx, operator) : NULL;
    struct str user;
    err_t e =
        s == NULL ? no(&rq->cx, "no operators are known") : prove_request(rq, s, &user);

    if (e != ERR_OK) {
        rq->audit.event = AUDIT_UNAUTHENTICATED; /* counted per source and minute */
        rq->audit.count = 1;
        return e;
    }
    rq->audit.person = user;
    return ERR_OK;
}
