/*
 * authenticate.c - who asks: the token, and the proof that it is his.
 *
 * Rule      RFC 6750 2.1, 3 (Bearer); RFC 9449 7.1 (DPoP). A token that is
 *           bound to a key is not taken without that key's proof, under
 *           whatever scheme. A token is good at its issuer's tenant alone.
 * Trust     Everything here comes from a stranger until the end.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include <string.h>

#include "crypto/prim/prim.h"

#define ALGS "algs=\"ES256 ES384 ES512 EdDSA PS256\""

enum scheme { SCHEME_NONE, SCHEME_BEARER, SCHEME_DPOP };

/* Both ways in, so that a client can choose (RFC 9110 11.6.1). */
static const char ask_any[] = "DPoP " ALGS ", Bearer";
static const char token_bad[] =
    "DPoP error=\"invalid_token\", " ALGS ", Bearer error=\"invalid_token\"";
static const char proof_bad[] = "DPoP error=\"invalid_dpop_proof\", " ALGS;

/* RFC 6750 2.1: b64token. */
static bool
is_b64token(struct str s)
{
    static const char more[] = "-._~+/=";

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr(more, c) != NULL)))
            return false;
    }
    return s.n > 0;
}

static enum scheme
read_header(struct str header, struct str *token)
{
    struct str rest = header, scheme = str_cut(&rest, ' ');

    *token = str_trim(rest);
    if (!is_b64token(*token))
        return SCHEME_NONE;
    if (str_eq_case(scheme, S("Bearer")))
        return SCHEME_BEARER;
    return str_eq_case(scheme, S("DPoP")) ? SCHEME_DPOP : SCHEME_NONE;
}

static err_t
unauthorized(struct ctx *cx, struct str *challenge, const char *say, const char *clause,
             const char *reason)
{
    *challenge = str_of(say);
    return refuse(cx, ERR_UNAUTHORIZED, clause, "%s", reason);
}

/* The path is the one received: a proof is over what the client sent. */
static err_t
plan_proof(struct ctx *cx, const struct gateway_call *call, struct str token,
           struct gateway_caller *who, struct str *challenge)
{
    struct gateway_proof *p = &who->proof;
    struct str base;
    err_t e;

    if (call->dpop.n == 0)
        return unauthorized(cx, challenge, proof_bad, "RFC 9449 7.1",
                            "a bound token without a DPoP proof");
    if ((e = gateway__public_url(cx, call->tenant, &base)) != ERR_OK)
        return e;
    *p = (struct gateway_proof){ cx,           call->dpop,  token,       who->token.jkt,
                                 call->method, { NULL, 0 }, ERR_INTERNAL };
    p->url = arena_join(cx->arena, base, call->path);
    if (p->url.p == NULL)
        return refuse_memory(cx);
    who->proof_wanted = true;
    return ERR_OK;
}

static err_t
tell_proof(struct ctx *cx, const struct gateway_caller *who, struct str *challenge)
{
    err_t e = who->proof.e;

    if (e != ERR_OK && err_row(e)->status < 500) {
        /* Behind a comma it quotes URLs, which may hold a patient's id: not for a log. */
        struct str why =
            arena_str(cx->arena, str_sub(cx->reason, 0, str_find(cx->reason, ',')));

        *challenge = str_of(proof_bad);
        return refuse(cx, ERR_UNAUTHORIZED, "RFC 9449 7.1", "DPoP: %.*s", STR(why));
    }
    return e;
}

static err_t
check_scheme(struct ctx *cx, enum scheme scheme, const struct gateway_token *token,
             struct str *challenge)
{
    if (token->jkt.n != 0 && scheme != SCHEME_DPOP)
        return unauthorized(cx, challenge, token_bad, "RFC 9449 7.1",
                            "a DPoP-bound token was used as a bearer token");
    if (token->jkt.n == 0 && scheme != SCHEME_BEARER)
        return unauthorized(cx, challenge, token_bad, "RFC 9449 7.1",
                            "a bearer token was used under the DPoP scheme");
    return ERR_OK;
}

static err_t
find_token(struct ctx *cx, struct gateway *gw, const struct gateway_call *call,
           struct gateway_caller *who, struct str *text, struct str *challenge)
{
    struct gateway_token *token = &who->token;
    enum scheme scheme;
    err_t e;

    if (call->authorization.n == 0)
        return unauthorized(cx, challenge, ask_any, "RFC 6750 3",
                            "no Authorization header");
    if ((scheme = read_header(call->authorization, text)) == SCHEME_NONE)
        return unauthorized(cx, challenge, ask_any, "RFC 6750 2.1",
                            "Authorization is no Bearer or DPoP token");
    e = gw->ports.token_find(cx, *text, token);
    if (e != ERR_OK && err_row(e)->status < 500) {
        *challenge = str_of(token_bad);
        return refuse(cx, ERR_UNAUTHORIZED, "RFC 6750 3.1", "the token is not good: %s",
                      err_row(e)->name);
    }
    if (e != ERR_OK)
        return e;
    if (token->tenant.n == 0 || !str_eq(token->tenant, call->tenant))
        return unauthorized(cx, challenge, token_bad, "RFC 7662 2.2",
                            "the token was issued by another tenant");
    return check_scheme(cx, scheme, token, challenge);
}

err_t
gateway__authenticate(struct ctx *cx, struct gateway *gw, const struct gateway_call *call,
                      struct gateway_caller *who, struct str *challenge)
{
    struct gateway_proof *proof = &who->proof;
    uint8_t full[HASH_MAX];
    struct str text;
    err_t e;

    if (who->proof_checked)
        return tell_proof(cx, who, challenge);
    *who = (struct gateway_caller){ 0 };
    if ((e = find_token(cx, gw, call, who, &text, challenge)) != ERR_OK ||
        (e = hash_bytes(cx, HASH_SHA256, bytes_of(text), full)) != ERR_OK)
        return e;
    memcpy(who->token_hash, full, TOKEN_HASH);
    if (who->token.jkt.n == 0)
        return ERR_OK;
    if ((e = plan_proof(cx, call, text, who, challenge)) != ERR_OK)
        return e;
    /* What is used up cannot be undone when the loop must hand over: so not there. */
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "DPoP proofs are checked in the pool");
    gw->ports.dpop_check(&proof, 1);
    who->proof_checked = true;
    return tell_proof(cx, who, challenge);
}
