/*
 * vc_x509.c - X509Credential: an organisation proven by its certificate.
 *
 *      x5c -> chain -> a root of vc.x509.roots, each certificate not revoked
 *      did:x509 of the issuer (trust/did proves it against the same chain)
 *      credentialSubject { san { otherName }, subject { O, L } }  ⊆ that DID
 *
 * Rule    Nuts RFC023; nuts-node.md 3.11. Revocation is a hard failure. The
 *         credential ends no later than the certificate, begins no earlier.
 * Trust   The chain is a stranger's until it leads to a configured root.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "sys/room.h"

#include <pthread.h>
#include <string.h>

static err_t
no(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_VC_X509, "Nuts RFC023 4", "%s", what);
}

/* --- the chain ---------------------------------------------------------------------- */

void
vc__chain_drop(struct vc__chain *c)
{
    while (c->held != 0)
        cert_free(c->at[--c->held]);
}

err_t
vc__chain_read(struct ctx *cx, const json *header, struct vc__chain *out)
{
    const json *list = json_get(header, "x5c");
    struct str text;

    memset(out, 0, sizeof(*out));
    if (json_type(list) != JSON_ARRAY || json_size(list) < 2 ||
        json_size(list) > VC_CHAIN_MAX)
        return no(cx, "the header has no x5c with leaf and CAs");
    for (json_each(it, list)) {
        if (!json_str(it.value, &text) ||
            b64_decode(cx, text, &out->der[out->count]) != ERR_OK)
            return no(cx, "x5c holds what is no base64");
        ++out->count;
    }
    return ERR_OK;
}

static err_t
parse_chain(struct ctx *cx, struct vc__chain *c)
{
    for (; c->held < c->count; c->held++)
        if (cert_parse(cx, c->der[c->held], &c->at[c->held]) != ERR_OK)
            return no(cx, "x5c holds what is no certificate");
    return ERR_OK;
}

/* x5t and x5t#S256, where they stand, are of the leaf (RFC 7515 4.1.7, 4.1.8). */
static err_t
check_thumbprints(struct ctx *cx, const json *header, const struct cert *leaf)
{
    static const struct {
        const char *name;
        enum hash hash;
    } prints[] = { { "x5t", HASH_SHA1 }, { "x5t#S256", HASH_SHA256 } };
    uint8_t hash[HASH_MAX];
    struct bytes claimed;
    struct str text;
    size_t i;
    err_t e;

    for (i = 0; i < COUNT(prints); i++) {
        if (json_get(header, prints[i].name) == NULL)
            continue;
        if ((e = cert_fingerprint(cx, leaf, prints[i].hash, hash)) != ERR_OK)
            return e;
        if (!json_str(json_get(header, prints[i].name), &text) ||
            b64url_decode(cx, text, &claimed) != ERR_OK ||
            !bytes_eq(claimed, (struct bytes){ hash, hash_size(prints[i].hash) }))
            return no(cx, "a thumbprint in the header is not the leaf's");
    }
    return ERR_OK;
}

/* --- roots and revocation ----------------------------------------------------------- */

/* The room's roots, held for the call: a reload may change them. */
struct held {
    struct cert **roots;
    size_t n;
    uint64_t age;
};

static void
held_drop(struct held *h)
{
    while (h->n != 0)
        cert_free(h->roots[--h->n]);
}

static err_t
hold_roots(struct ctx *cx, struct vc__state *s, struct held *out)
{
    size_t i;
    err_t e = ERR_OK;

    pthread_mutex_lock(s->lock_);
    out->age = s->roots_age;
    out->roots = arena_array(cx->arena, s->roots_count + 1, sizeof(struct cert *));
    if (out->roots == NULL)
        e = refuse_memory(cx);
    for (i = 0; e == ERR_OK && i < s->roots_count; i++)
        out->roots[out->n++] = cert_ref(s->roots[i]);
    pthread_mutex_unlock(s->lock_);
    return e;
}

/* x5c ends in a root, and that root is the one that is believed (Nuts RFC023 3). */
static err_t
find_root(struct ctx *cx, const struct vc__chain *c, struct cert *const *roots, size_t n,
          struct cert *const **root)
{
    size_t i;

    *root = NULL;
    for (i = 0; i < n; i++)
        if (bytes_eq(cert_der(roots[i]), c->der[c->count - 1])) {
            *root = &roots[i];
            return ERR_OK;
        }
    return no(cx, n == 0 ? "option vc.x509.roots names no root that may vouch"
                         : "x5c does not end in a root that is believed here");
}

static void
want_chain(const struct vc__chain *c, struct cert *const *root, int64_t at_ms,
           struct x509_want *want)
{
    *want = (struct x509_want){ .roots = root,
                                .roots_count = 1,
                                .intermediates = &c->at[1],
                                .intermediates_count = c->count - 2,
                                .purpose = X509_FOR_ANY,
                                .clock = X509_AT,
                                .now_ms = at_ms,
                                .revocation = X509_CRLS_WAIVED };
}

/* The same root, chain and DID have the same id. */
static err_t
identify(struct ctx *cx, const struct held *held, struct str did, struct vc__chain *c)
{
    struct bytes parts[VC_CHAIN_MAX + 3];
    uint32_t sizes[VC_CHAIN_MAX];
    uint8_t hash[HASH_MAX];
    size_t i;
    err_t e;

    for (i = 0; i < c->count; i++) {
        sizes[i] = (uint32_t)c->der[i].n;
        parts[i] = c->der[i];
    }
    parts[i++] = (struct bytes){ (const uint8_t *)sizes, c->count * sizeof(*sizes) };
    parts[i++] = (struct bytes){ (const uint8_t *)&held->age, sizeof(held->age) };
    parts[i++] = bytes_of(did);
    if ((e = hash_parts(cx, HASH_SHA256, parts, i, hash)) == ERR_OK)
        memcpy(c->id, hash, sizeof(c->id));
    return e;
}

/* The path that was proven before is x5c itself: its order and its root are the same. */
static err_t
find_path(struct ctx *cx, struct vc__state *s, struct vc__chain *c,
          const struct x509_want *want, struct x509_chain *path)
{
    err_t e;

    if (vc__proven_find(cx, s->proven, c)) {
        path->count = c->held;
        path->at = arena_array(cx->arena, c->held, sizeof(*path->at));
        if (path->at == NULL)
            return refuse_memory(cx);
        memcpy(path->at, c->at, c->held * sizeof(*path->at));
        return x509_verify_again(cx, path, want);
    }
    if ((e = parse_chain(cx, c)) != ERR_OK)
        return e;
    return x509_verify(cx, c->at[0], want, path);
}

/*
 * First to a root, at the moment asked; then, now, with the lists of exactly that
 * path: nothing is fetched for strangers, and what was revoked since is revoked.
 */
static err_t
verify_by_room(struct ctx *cx, struct str did, struct vc__chain *c, int64_t at_ms)
{
    struct vc__state *s = cx->sys != NULL ? ROOM_STATE(cx, vc) : NULL;
    scoped(held_drop) struct held held = { NULL, 0, 0 };
    struct cert *const *root;
    struct x509_want want;
    struct x509_chain path;
    struct crl **crls;
    size_t n, i;
    err_t e;

    if (s == NULL)
        return no(cx, "there are no roots to believe here");
    if ((e = hold_roots(cx, s, &held)) != ERR_OK ||
        (e = find_root(cx, c, held.roots, held.n, &root)) != ERR_OK ||
        (e = identify(cx, &held, did, c)) != ERR_OK)
        return e;
    c->by_room = true;
    want_chain(c, root, at_ms, &want);
    if ((e = find_path(cx, s, c, &want, &path)) != ERR_OK ||
        (e = vc__crls_for(cx, s->crls, &path, &crls, &n)) != ERR_OK)
        return e;
    want.now_ms = cx->now_ms;
    want.revocation = X509_CRLS;
    want.crls = crls;
    want.crls_count = n;
    e = x509_verify_again(cx, &path, &want);
    for (i = 0; i < n; i++)
        crl_free(crls[i]);
    return e;
}

static err_t
verify_chain(struct ctx *cx, struct str did, struct vc__chain *c,
             const struct vc_options *options)
{
    const struct vc_x509_trust *trust = options->x509;
    struct cert *const *root;
    struct x509_want want;
    struct x509_chain path;
    err_t e;

    if (trust == NULL)
        return verify_by_room(cx, did, c, vc__at(cx, options));
    if ((e = find_root(cx, c, trust->roots, trust->roots_count, &root)) != ERR_OK ||
        (e = parse_chain(cx, c)) != ERR_OK)
        return e;
    want_chain(c, root, vc__at(cx, options), &want);
    want.revocation = trust->crls_waived ? X509_CRLS_WAIVED : X509_CRLS;
    want.crls = trust->crls;
    want.crls_count = trust->crls_count;
    return x509_verify(cx, c->at[0], &want, &path);
}

/* --- what the credential may say ---------------------------------------------------- */

static bool
did_claims(const struct did_x509 *x, struct str policy, struct str name, struct str value)
{
    size_t i;

    for (i = 0; i < x->count; i++)
        if (str_eq(x->claims[i].policy, policy) && str_eq(x->claims[i].name, name) &&
            str_eq(x->claims[i].value, value))
            return true;
    return false;
}

/* One subject: its id, and groups of names whose values stand in the DID. */
static err_t
check_group(struct ctx *cx, const struct did_x509 *x, struct str policy, const json *group)
{
    struct str value;

    if (json_type(group) != JSON_OBJECT)
        return no(cx, "credentialSubject holds what its DID does not prove");
    for (json_each(it, group))
        if (!json_str(it.value, &value) || !did_claims(x, policy, it.name, value))
            return no(cx, "credentialSubject holds what its DID does not prove");
    return ERR_OK;
}

static err_t
check_claims(struct ctx *cx, const struct vc_raw *raw, const struct did_x509 *x)
{
    const json *subject = json_get(raw->body, "credentialSubject");
    err_t e;

    if (json_type(subject) == JSON_ARRAY)
        subject = json_size(subject) == 1 ? json_at(subject, 0) : NULL;
    if (subject == NULL || raw->subject.p == NULL)
        return no(cx, "an X509Credential has one subject with an id");
    for (json_each(it, subject)) {
        if (str_is(it.name, "id"))
            continue;
        if ((e = check_group(cx, x, it.name, it.value)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static err_t
check_period(struct ctx *cx, const struct vc_raw *raw, const struct cert *leaf)
{
    int64_t from, to;

    cert_period(leaf, &from, &to);
    if (!raw->until.there)
        return no(cx, "an X509Credential needs exp");
    if (raw->until.ms > to)
        return no(cx, "it would outlive its certificate");
    if (!raw->from.there || raw->from.ms < from)
        return no(cx, "it begins before its certificate, or never");
    return ERR_OK;
}

/* A certificate of another kind has none. */
static err_t
read_uzi(struct ctx *cx, const struct cert *leaf, struct uzi *uzi)
{
    err_t e = cert_uzi(cx, leaf, uzi);

    if (e != ERR_NOT_FOUND && e != ERR_CERT)
        return e;
    refuse_clear(cx);
    memset(uzi, 0, sizeof(*uzi));
    return ERR_OK;
}

err_t
vc__chain_check(struct ctx *cx, const struct vc_raw *raw, const struct vc_options *options,
                struct vc__chain *c)
{
    struct did_x509 x;
    struct did did;
    err_t e;

    if ((e = did_parse(cx, raw->issuer, &did)) != ERR_OK ||
        (e = did_x509_parse(cx, &did, &x)) != ERR_OK ||
        (e = verify_chain(cx, raw->issuer, c, options)) != ERR_OK ||
        (e = check_thumbprints(cx, raw->jwt.header, c->at[0])) != ERR_OK)
        return e;
    if (vc_has_type(raw, S("X509Credential")) &&
        ((e = check_period(cx, raw, c->at[0])) != ERR_OK ||
         (e = check_claims(cx, raw, &x)) != ERR_OK))
        return e;
    return read_uzi(cx, c->at[0], &c->uzi);
}
