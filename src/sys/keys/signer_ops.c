/*
 * signer_ops.c - every request, in one table: who may ask, when, and what.
 *
 * Source    Knoop, after OpenSSH's monitor. EUPL-1.2.
 */
#include <string.h>

#include "sys/keys/signer_int.h"

#define WORKER  SIGNER_FROM_WORKER
#define AUDITOR SIGNER_FROM_AUDITOR
#define SERVING SIGNER_SERVING
#define ALWAYS  (SIGNER_SERVING | SIGNER_DRAINING)

/*
 * A subject's key is made for a DID and carries its name, so that no key can
 * be made for one and pass as another's. The audit keys make themselves.
 */
static err_t
may_be_made(struct ctx *cx, uint64_t use, struct str owner, struct str kid)
{
    if (owner.n == 0 || owner.n > KEYS_NAME_MAX || kid.n == 0 || kid.n > KEYS_NAME_MAX ||
        !str_is_utf8(owner) || !str_is_utf8(kid) || str_find(owner, '\0') != owner.n ||
        str_find(kid, '\0') != kid.n)
        return refuse(cx, ERR_BAD_REQUEST, "", "a name of another form");
    if (use == KEY_TLS)
        return str_starts(kid, S("did:")) || str_starts(kid, S("knoop:"))
                   ? refuse(cx, ERR_FORBIDDEN, "", "'%.*s' is no name for a TLS key",
                            STR(kid))
                   : ERR_OK;
    if (use != KEY_SUBJECT)
        return refuse(cx, ERR_FORBIDDEN, "", "a key of this use is not made on request");
    if (!str_starts(owner, S("did:")) || str_find(owner, '#') != owner.n)
        return refuse(cx, ERR_FORBIDDEN, "DID Core 3.1", "the owner '%.*s' is no DID",
                      STR(owner));
    if (!str_starts(kid, owner) || kid.n < owner.n + 2 || kid.p[owner.n] != '#')
        return refuse(cx, ERR_FORBIDDEN, "DID Core 5.2", "'%.*s' is not of '%.*s'",
                      STR(kid), STR(owner));
    return ERR_OK;
}

static err_t
new_key(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    struct kept *k;
    uint64_t use;
    err_t e;

    if ((e = keys__number(cx, in[0], &use)) != ERR_OK ||
        (e = may_be_made(cx, use, in[1], in[2])) != ERR_OK ||
        (e = signer__make(cx, s, (enum key_use)use, in[1], in[2], &k)) != ERR_OK)
        return e;
    out[0] = str_of(k->jwk);
    return ERR_OK;
}

static err_t
public_half(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    struct kept *k;
    err_t e = signer__key(cx, s, in[0], &k);

    if (e == ERR_OK)
        out[0] = str_of(k->jwk);
    return e;
}

static err_t
delete_key(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    (void)out;
    return signer__delete(cx, s, in[0]);
}

static const struct signer_op ops[KEYS_OP_COUNT] = {
    /*                     name            from              states   in out */
    [KEYS_NEW] = { "new", WORKER, SERVING, 3, 1, new_key },
    [KEYS_PUBLIC] = { "public", WORKER | AUDITOR, ALWAYS, 1, 1, public_half },
    [KEYS_DELETE] = { "delete", WORKER, SERVING, 1, 0, delete_key },
    [KEYS_SIGN_JWT] = { "sign-jwt", WORKER, ALWAYS, 3, 1, signer__sign_jwt },
    [KEYS_SIGN_TLS] = { "sign-tls", WORKER, ALWAYS, 3, 1, signer__sign_tls },
    [KEYS_SEAL_PERSON] = { "seal-person", WORKER, ALWAYS, 1, 2, signer__seal_person },
    [KEYS_OPEN_PERSON] = { "open-person", WORKER, SERVING, 1, 1, signer__open_person },
    [KEYS_CHECKPOINT] = { "checkpoint", AUDITOR, ALWAYS, 1, 2, signer__checkpoint },
};

const struct signer_op *
signer__op(unsigned op)
{
    return op < KEYS_OP_COUNT && ops[op].fn != NULL ? &ops[op] : NULL;
}
