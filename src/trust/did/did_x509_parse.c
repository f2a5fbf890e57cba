/*
 * did_x509_parse.c - the text of a did:x509, taken apart.
 *
 *      did:x509:0:sha256:<fingerprint>::subject:O:Huis%20Oss::san:otherName:2.16…
 *               |  |      |            |-- policies, each with its claims
 *
 * Rule    did:x509 version 0; Nuts RFC023 3. sha1 is refused (nuts-node takes it).
 * Trust   A stranger's text. Nothing is believed before a chain proves it.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include <string.h>

enum { CLAIMS_MAX = 64 };

static const char *const subject_names[] = { "serialNumber", "CN", "L",     "ST", "O",
                                             "OU",           "C",  "STREET" };
static const char *const san_names[] = { "otherName", "dns", "email", "uri", "ip" };

static bool
listed(struct str s, const char *const *list, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (str_is(s, list[i]))
            return true;
    return false;
}

static err_t
malformed(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_DID_INVALID, "did:x509 0", "%s", what);
}

static err_t
add_claim(struct ctx *cx, struct did_x509 *x, struct str policy, struct str name,
          struct str value)
{
    struct did_x509_claim *c;
    size_t i;

    if (x->count == CLAIMS_MAX)
        return malformed(cx, "too many claims");
    c = &x->claims[x->count];
    *c = (struct did_x509_claim){ .policy = policy, .name = name };
    if (value.n == 0)
        return malformed(cx, "a claim without a value");
    if (percent_decode(cx, value, false, &c->value) != ERR_OK || !str_is_utf8(c->value))
        return malformed(cx, "a value is badly encoded");
    if (memchr(c->value.p, '\0', c->value.n) != NULL)
        return malformed(cx, "a value holds a NUL");
    /* One certificate name has one value: a second `O` could never be met. */
    for (i = 0; i < x->count && str_is(policy, "subject"); i++)
        if (str_eq(x->claims[i].policy, policy) && str_eq(x->claims[i].name, name) &&
            !str_eq(x->claims[i].value, c->value))
            return malformed(cx, "a subject name is claimed twice");
    x->count++;
    return ERR_OK;
}

static err_t
parse_subject(struct ctx *cx, struct did_x509 *x, struct str policy, struct str rest)
{
    struct str name;
    err_t e;

    if (rest.n == 0)
        return malformed(cx, "the subject policy needs pairs of name and value");
    while (rest.n != 0) {
        name = str_cut(&rest, ':');
        if (!listed(name, subject_names, COUNT(subject_names)))
            return malformed(cx, "the subject policy has a name that is not known");
        if ((e = add_claim(cx, x, policy, name, str_cut(&rest, ':'))) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static err_t
parse_san(struct ctx *cx, struct did_x509 *x, struct str policy, struct str rest)
{
    struct str name = str_cut(&rest, ':');

    if (!listed(name, san_names, COUNT(san_names)))
        return malformed(cx, "the san policy has a type that is not known");
    if (rest.n == 0 || str_find(rest, ':') < rest.n)
        return malformed(cx, "the san policy needs one type and one value");
    return add_claim(cx, x, policy, name, rest);
}

static err_t
parse_single(struct ctx *cx, struct did_x509 *x, struct str policy, struct str rest)
{
    if (str_find(rest, ':') < rest.n)
        return malformed(cx, "the policy takes one value");
    return add_claim(cx, x, policy, (struct str){ NULL, 0 }, rest);
}

static const struct {
    const char *policy;
    err_t (*parse)(struct ctx *cx, struct did_x509 *x, struct str policy, struct str rest);
} policies[] = {
    { "subject", parse_subject },
    { "san", parse_san },
    { "eku", parse_single },
    { "fulcio-issuer", parse_single },
};

static err_t
parse_policy(struct ctx *cx, struct did_x509 *x, struct str text)
{
    struct str policy = str_cut(&text, ':');
    size_t i;

    for (i = 0; i < COUNT(policies); i++)
        if (str_is(policy, policies[i].policy))
            return policies[i].parse(cx, x, policy, text);
    return malformed(cx, "a policy that is not known");
}

static err_t
parse_head(struct ctx *cx, struct did_x509 *x, struct str head)
{
    static const struct {
        const char *name;
        size_t size; /* of the fingerprint in base64url */
    } hashes[] = { { "sha256", 43 }, { "sha384", 64 }, { "sha512", 86 } };
    size_t i;

    if (!str_is(str_cut(&head, ':'), "0"))
        return malformed(cx, "only version 0 is known");
    x->hash = str_cut(&head, ':');
    x->fingerprint = head;
    for (i = 0; i < COUNT(hashes); i++)
        if (str_is(x->hash, hashes[i].name))
            return head.n == hashes[i].size
                       ? ERR_OK
                       : malformed(cx, "the fingerprint is not as long as its hash");
    return malformed(cx, "the fingerprint's hash is not taken");
}

err_t
did_x509_parse(struct ctx *cx, const struct did *did, struct did_x509 *out)
{
    struct did_x509 x = { .claims = arena_array(cx->arena, CLAIMS_MAX, sizeof(*x.claims)) };
    struct str rest = did->id;
    size_t cut = str_search(rest, S("::"));
    err_t e;

    memset(out, 0, sizeof(*out));
    if (x.claims == NULL)
        return refuse_memory(cx);
    if (!str_is(did->method, "x509"))
        return refuse(cx, ERR_DID_METHOD, "did:x509 0", "this is not a did:x509");
    if ((e = parse_head(cx, &x, str_sub(rest, 0, cut))) != ERR_OK)
        return e;
    if (cut == rest.n)
        return malformed(cx, "there is no policy");
    while (cut < rest.n) {
        rest = str_sub(rest, cut + 2, rest.n);
        cut = str_search(rest, S("::"));
        if ((e = parse_policy(cx, &x, str_sub(rest, 0, cut))) != ERR_OK)
            return e;
    }
    *out = x;
    return ERR_OK;
}
