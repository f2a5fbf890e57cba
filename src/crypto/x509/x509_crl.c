/*
 * x509_crl.c - was a certificate revoked? Fails closed.
 *
 * Rule      RFC 5280 section 6.3, for complete lists signed by the issuer of
 *           the certificate itself. Delta lists, indirect lists and lists for
 *           some reasons only are not good enough to say "not revoked".
 * Trust     A list is a stranger's until the issuer's key has verified it. A
 *           list that is too old still says who was revoked.
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/x509_int.h"

/* Why this list can clear nobody, or NULL. Asked once, when it is read. */
static const char *
find_fault(X509_CRL *x)
{
    bool number = false;

    if (X509_CRL_get_version(x) != X509_CRL_VERSION_2)
        return "not a version 2 list";
    for (int i = 0; i < X509_CRL_get_ext_count(x); i++) {
        X509_EXTENSION *ext = X509_CRL_get_ext(x, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));
        bool critical = X509_EXTENSION_get_critical(ext) == 1;

        if (nid == NID_delta_crl)
            return "a delta list";
        if (nid == NID_crl_number && (critical || number))
            return "its number is critical, or there twice"; /* 5.2.3 */
        number = number || nid == NID_crl_number;
        if (critical && nid != NID_issuing_distribution_point)
            return "an unknown critical extension";
    }
    return number ? NULL : "it has no number"; /* 5.2.3 */
}

/* An entry with a critical extension may speak of another issuer (5.3.3). */
static bool
entries_plain(X509_CRL *x)
{
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(x);

    for (int i = 0; i < sk_X509_REVOKED_num(list); i++) {
        const X509_REVOKED *r = sk_X509_REVOKED_value(list, i);

        for (int j = 0; j < X509_REVOKED_get_ext_count(r); j++)
            if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(r, j)) == 1)
                return false;
    }
    return true;
}

err_t
crl_parse(struct ctx *cx, struct bytes der, struct crl **out)
{
    const unsigned char *at = der.p;
    struct crl *l;

    *out = NULL;
    (void)prim_start();
    if (der.n == 0 || der.n > CRL_SIZE_MAX)
        return refuse(cx, ERR_CERT, "RFC 5280 5.1", "%zu bytes are no list", der.n);
    if ((l = calloc(1, sizeof(*l))) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a list");
    atomic_init(&l->refs, 1);
    atomic_init(&l->checked, 0);
    l->x = d2i_X509_CRL(NULL, &at, (long)der.n);
    if (l->x == NULL || at != der.p + der.n ||
        !x509__time(X509_CRL_get0_lastUpdate(l->x), &l->from_ms) ||
        (X509_CRL_get0_nextUpdate(l->x) != NULL &&
         !x509__time(X509_CRL_get0_nextUpdate(l->x), &l->to_ms))) {
        crl_free(l);
        return x509__refuse(cx, ERR_CERT, "RFC 5280 5.1", "no revocation list in DER");
    }
    if ((l->fault = find_fault(l->x)) == NULL && !entries_plain(l->x))
        l->fault = "an entry with a critical extension";
    ERR_clear_error();
    *out = l;
    return ERR_OK;
}

struct crl *
crl_ref(struct crl *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void
crl_free(struct crl *l)
{
    if (l == NULL || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return;
    X509_CRL_free(l->x);
    free(l);
}

void
crl_drop(struct crl **l)
{
    crl_free(*l);
    *l = NULL;
}

void
crl_period(const struct crl *l, int64_t *from_ms, int64_t *to_ms)
{
    *from_ms = l->from_ms;
    *to_ms = l->to_ms;
}

/*
 * A list is verified once per issuer: hashing megabytes for every token would
 * be work that strangers can ask for. `checked`: 0 no, 1 being written, 2 yes.
 */
err_t
crl_signed_by(struct ctx *cx, const struct crl *list, const struct cert *issuer)
{
    struct crl *l;
    uint8_t id[HASH_MAX];
    err_t e = cert_fingerprint(cx, issuer, HASH_SHA256, id);
    int unchecked = 0;

    memcpy(&l, &list, sizeof(struct crl *)); /* only `checked` and `by` change */
    if (e != ERR_OK)
        return e;
    if (atomic_load_explicit(&l->checked, memory_order_acquire) == 2 &&
        memcmp(l->by, id, sizeof(l->by)) == 0)
        return ERR_OK;
    if ((cert_key_usage(issuer) & (CERT_KU_CRL_SIGN | CERT_KU_ABSENT)) == 0)
        return refuse(cx, ERR_SIGNATURE, "RFC 5280 6.3.3 f", "the CA may not sign lists");
    if (X509_NAME_cmp(X509_CRL_get_issuer(l->x), X509_get_subject_name(issuer->x)) != 0 ||
        X509_CRL_verify(l->x, X509_get0_pubkey(issuer->x)) != 1)
        return x509__refuse(cx, ERR_SIGNATURE, "RFC 5280 6.3.3 g",
                            "the list is not by this CA");
    if (atomic_compare_exchange_strong(&l->checked, &unchecked, 1)) {
        memcpy(l->by, id, sizeof(l->by));
        atomic_store_explicit(&l->checked, 2, memory_order_release);
    }
    return ERR_OK;
}

/* --- scope (6.3.3 b) --- */

static bool
shares_name(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
        for (int j = 0; j < sk_GENERAL_NAME_num(b); j++)
            if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i),
                                 sk_GENERAL_NAME_value(b, j)) == 0)
                return true;
    return false;
}

static bool
point_is_certs(const DIST_POINT_NAME *point, const struct cert *c)
{
    bool critical, bad, found = false;
    CRL_DIST_POINTS *points;

    if (point == NULL)
        return true;
    if (point->type != 0)
        return false;
    points = x509__ext(c->x, NID_crl_distribution_points, &critical, &bad);
    for (int i = 0; points != NULL && i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *p = sk_DIST_POINT_value(points, i);

        found = found ||
                (p->distpoint != NULL && p->distpoint->type == 0 && p->reasons == NULL &&
                 shares_name(p->distpoint->name.fullname, point->name.fullname));
    }
    CRL_DIST_POINTS_free(points);
    return found;
}

static bool
covers(const struct crl *l, const struct cert *c)
{
    int crit = -1;
    ISSUING_DIST_POINT *idp =
        X509_CRL_get_ext_d2i(l->x, NID_issuing_distribution_point, &crit, NULL);
    bool good;

    ERR_clear_error();
    if (idp == NULL)
        return crit == -1; /* absent; malformed or double covers nothing */
    good = idp->indirectCRL <= 0 && idp->onlyattr <= 0 && idp->onlysomereasons == NULL &&
           !(idp->onlyuser > 0 && cert_is_ca(c)) && !(idp->onlyCA > 0 && !cert_is_ca(c)) &&
           point_is_certs(idp->distpoint, c);
    ISSUING_DIST_POINT_free(idp);
    return good;
}

static bool
current(const struct crl *l, int64_t now_ms)
{
    return l->from_ms <= now_ms && l->to_ms != 0 && now_ms < l->to_ms;
}

static bool
lists(const struct crl *l, const struct cert *c)
{
    X509_REVOKED *entry = NULL;

    return X509_CRL_get0_by_serial(l->x, &entry, X509_get0_serialNumber(c->x)) != 0;
}

static err_t
check_one(struct ctx *cx, const struct cert *c, const struct cert *issuer,
          const struct x509_want *want, size_t place)
{
    const char *why = "no list of its issuer";
    bool clear = false;

    for (size_t i = 0; i < want->crls_count; i++) {
        const struct crl *l = want->crls[i];

        if (X509_NAME_cmp(X509_CRL_get_issuer(l->x), X509_get_subject_name(issuer->x)) != 0)
            continue;
        if (crl_signed_by(cx, l, issuer) != ERR_OK) {
            why = "a list that its issuer did not sign";
            continue;
        }
        if (lists(l, c))
            return refuse(cx, ERR_CERT_REVOKED, "RFC 5280 6.3.3",
                          "certificate %zu was revoked", place);
        if (l->fault != NULL)
            why = l->fault;
        else if (!covers(l, c))
            why = "the list is for other certificates";
        else if (!current(l, want->now_ms))
            why = "the list is too old, or not yet due";
        else
            clear = true;
    }
    if (!clear)
        return refuse(cx, ERR_CERT_STATUS_UNKNOWN, "RFC 5280 6.3.3", "certificate %zu: %s",
                      place, why);
    return ERR_OK;
}

err_t
x509__crls(struct ctx *cx, const struct x509_chain *chain, const struct x509_want *want)
{
    for (size_t i = 0; i + 1 < chain->count; i++) {
        err_t e = check_one(cx, chain->at[i], chain->at[i + 1], want, i);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
