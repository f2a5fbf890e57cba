/*
 * x509_lint.c - rules that a chain must keep and OpenSSL does not ask.
 *
 * Rule      RFC 5280 section 4, clause by clause; where the purpose is a TLS
 *           server also the CA/Browser Baseline Requirements (BR).
 * Trust     The certificates are strangers', the root excepted.
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#include "crypto/x509/x509_int.h"

static bool
has(const struct cert *c, int nid)
{
    return X509_get_ext_by_NID(c->x, nid, -1) >= 0;
}

static bool
is_critical(const struct cert *c, int nid)
{
    int i = X509_get_ext_by_NID(c->x, nid, -1);

    return i >= 0 && X509_EXTENSION_get_critical(X509_get_ext(c->x, i)) == 1;
}

/*
 * Zero is let pass in a root: some that the web trusts have it (Starfield's and
 * Go Daddy's G2), and nothing revokes or names a root by its number.
 */
static bool
serial_valid(const ASN1_INTEGER *serial, enum x509__place place)
{
    int n = ASN1_STRING_length(serial);
    const unsigned char *p = ASN1_STRING_get0_data(serial);

    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER || n < 1 || n > 20 ||
        (n == 20 && (p[0] & 0x80) != 0))
        return false;
    return n > 1 || p[0] != 0 || place == X509__ROOT;
}

static err_t
lint_form(struct ctx *cx, const struct cert *c, enum x509__place place)
{
    if (X509_get_version(c->x) != X509_VERSION_3)
        return refuse(cx, ERR_CERT, "RFC 5280 4.1.2.1", "not a version 3 certificate");
    if (!serial_valid(X509_get0_serialNumber(c->x), place))
        return refuse(cx, ERR_CERT, "RFC 5280 4.1.2.2",
                      "the serial number is not positive, or longer than 20 bytes");
    if (X509_NAME_entry_count(X509_get_issuer_name(c->x)) == 0)
        return refuse(cx, ERR_CERT, "RFC 5280 4.1.2.4", "the issuer has no name");
    return ERR_OK;
}

/* RFC 5280 4.2: no extension twice; and what OpenSSL can read must be readable. */
static err_t
lint_extensions(struct ctx *cx, const struct cert *c)
{
    int n = X509_get_ext_count(c->x);

    if (n > 64)
        return refuse(cx, ERR_LIMIT, "RFC 5280 4.2", "%d extensions", n);
    for (int i = 0; i < n; i++) {
        X509_EXTENSION *ext = X509_get_ext(c->x, i);
        const ASN1_OBJECT *id = X509_EXTENSION_get_object(ext);
        const X509V3_EXT_METHOD *how = X509V3_EXT_get(ext);

        for (int j = 0; j < i; j++)
            if (OBJ_cmp(id, X509_EXTENSION_get_object(X509_get_ext(c->x, j))) == 0)
                return refuse(cx, ERR_CERT, "RFC 5280 4.2", "an extension occurs twice");
        if (how != NULL) {
            void *v = X509V3_EXT_d2i(ext);

            if (v == NULL)
                return x509__refuse(cx, ERR_CERT, "RFC 5280 4.2",
                                    "extension %d is malformed", i);
            if (how->it != NULL)
                ASN1_item_free(v, ASN1_ITEM_ptr(how->it));
            else
                how->ext_free(v);
        }
    }
    return ERR_OK;
}

/* What 4.2.1 says of single extensions' criticality and contents. */
static err_t
lint_contents(struct ctx *cx, const struct cert *c)
{
    bool critical, bad;
    EXTENDED_KEY_USAGE *eku;
    GENERAL_NAMES *san;
    int ekus = 1, sans = 1;

    if ((eku = x509__ext(c->x, NID_ext_key_usage, &critical, &bad)) != NULL)
        ekus = sk_ASN1_OBJECT_num(eku);
    if ((san = x509__ext(c->x, NID_subject_alt_name, &critical, &bad)) != NULL)
        sans = sk_GENERAL_NAME_num(san);
    EXTENDED_KEY_USAGE_free(eku);
    GENERAL_NAMES_free(san);
    if (ekus == 0 || sans == 0)
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1", "an extension is an empty list");
    if (has(c, NID_policy_constraints) && !is_critical(c, NID_policy_constraints))
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.11",
                      "policy constraints are not critical");
    if (has(c, NID_inhibit_any_policy) && !is_critical(c, NID_inhibit_any_policy))
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.14",
                      "inhibitAnyPolicy is not critical");
    if (is_critical(c, NID_info_access) || is_critical(c, NID_freshest_crl))
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.2.1", "an access extension is critical");
    return ERR_OK;
}

/* --- name constraints (4.2.1.10) --- */

static bool
mask_is_whole(const unsigned char *p, int n)
{
    bool ended = false;

    for (int i = 0; i < n * 8; i++) {
        bool bit = (p[i / 8] >> (7 - i % 8) & 1) != 0;

        if (bit && ended)
            return false;
        ended = ended || !bit;
    }
    return true;
}

static bool
email_constraint_valid(struct str s)
{
    size_t at = str_find(s, '@');

    if (s.n != 0 && s.p[0] == '.')
        s = str_sub(s, 1, s.n);
    else if (at < s.n)
        s = at == 0 ? (struct str){ NULL, 0 } : str_sub(s, at + 1, s.n);
    return x509__dns_valid(s, false);
}

static bool
subtree_valid(struct ctx *cx, const GENERAL_SUBTREE *t)
{
    const ASN1_OCTET_STRING *ip = t->base->d.iPAddress;
    struct cert_san name;
    int n;

    switch (t->base->type) {
    case GEN_IPADD:
        n = ASN1_STRING_length(ip);
        return (n == 8 || n == 32) &&
               mask_is_whole(ASN1_STRING_get0_data(ip) + n / 2, n / 2);
    case GEN_DNS:
        return x509__general_name(cx, t->base, &name) == ERR_OK &&
               (name.value.n == 0 || x509__dns_valid(name.value, false));
    case GEN_EMAIL:
        return x509__general_name(cx, t->base, &name) == ERR_OK &&
               email_constraint_valid(name.value);
    default: return true;
    }
}

static bool
subtrees_valid(struct ctx *cx, const STACK_OF(GENERAL_SUBTREE) * list)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list); i++)
        if (!subtree_valid(cx, sk_GENERAL_SUBTREE_value(list, i)))
            return false;
    return true;
}

enum { SUBTREES_MAX = 512 }; /* a constraint is met by every name below it: work */

static err_t
lint_constraints(struct ctx *cx, const struct cert *c)
{
    bool critical, bad;
    NAME_CONSTRAINTS *nc = x509__ext(c->x, NID_name_constraints, &critical, &bad);
    int permitted, excluded;
    err_t e = ERR_OK;

    if (nc == NULL)
        return ERR_OK; /* a malformed one was refused before */
    permitted = sk_GENERAL_SUBTREE_num(nc->permittedSubtrees);
    excluded = sk_GENERAL_SUBTREE_num(nc->excludedSubtrees);
    if (permitted <= 0 && excluded <= 0)
        e = refuse(cx, ERR_CERT, "RFC 5280 4.2.1.10", "name constraints that name nothing");
    else if (permitted > SUBTREES_MAX || excluded > SUBTREES_MAX)
        e = refuse(cx, ERR_LIMIT, "RFC 5280 4.2.1.10", "too many name constraints");
    else if (!subtrees_valid(cx, nc->permittedSubtrees) ||
             !subtrees_valid(cx, nc->excludedSubtrees))
        e = refuse(cx, ERR_CERT, "RFC 5280 4.2.1.10", "a name constraint is malformed");
    NAME_CONSTRAINTS_free(nc);
    return e;
}

/* Is `name` the domain or below it? */
static bool
under(struct str name, struct str domain)
{
    if (domain.n == 0)
        return true;
    if (name.n < domain.n || !str_eq_case(str_sub(name, name.n - domain.n, name.n), domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

/* "*.example.com" stands for every name that it could be. */
static bool
dns_touches(struct str name, struct str domain)
{
    struct str base = str_starts(name, S("*.")) ? str_sub(name, 2, name.n) : name;

    return under(base, domain) || (base.n != name.n && under(domain, base));
}

static err_t
constrain_name(struct ctx *cx, const NAME_CONSTRAINTS *nc, struct str name)
{
    struct str base = str_starts(name, S("*.")) ? str_sub(name, 2, name.n) : name;
    bool asked = false, met = false;
    struct cert_san domain;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(nc->excludedSubtrees); i++) {
        const GENERAL_NAME *g = sk_GENERAL_SUBTREE_value(nc->excludedSubtrees, i)->base;

        if (g->type == GEN_DNS && x509__general_name(cx, g, &domain) == ERR_OK &&
            dns_touches(name, domain.value))
            return refuse(cx, ERR_CERT_CHAIN, "RFC 5280 6.1.4 g",
                          "a CA above excludes the name");
    }
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(nc->permittedSubtrees); i++) {
        const GENERAL_NAME *g = sk_GENERAL_SUBTREE_value(nc->permittedSubtrees, i)->base;

        if (g->type != GEN_DNS || x509__general_name(cx, g, &domain) != ERR_OK)
            continue;
        asked = true;
        met = met || under(base, domain.value);
    }
    if (asked && !met)
        return refuse(cx, ERR_CERT_CHAIN, "RFC 5280 6.1.4 g",
                      "no CA above permits the name");
    return ERR_OK;
}

/* One '@', something before it, a host behind it: else a constraint could be misread. */
static bool
mailbox_valid(struct str s)
{
    size_t at = str_find(s, '@');

    return at != 0 && at < s.n && x509__dns_valid(str_sub(s, at + 1, s.n), false);
}

/*
 * A leaf without a DNS name may be read by its common name elsewhere: one that is a
 * host is held to the constraints as well. (OpenSSL would hold an address to them.)
 */
static err_t
constrain_common_name(struct ctx *cx, const NAME_CONSTRAINTS *nc, const struct cert *leaf,
                      const struct cert_sans *sans)
{
    struct cert_attrs subject;
    err_t e = cert_subject(cx, leaf, &subject);

    for (size_t i = 0; i < sans->count; i++)
        if (sans->at[i].type == CERT_SAN_DNS)
            return ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < subject.count; i++) {
        struct str cn = subject.at[i].value;

        if (str_is(subject.at[i].name, "CN") && str_find(cn, '.') < cn.n &&
            x509__dns_valid(cn, true))
            e = constrain_name(cx, nc, cn);
    }
    return e;
}

err_t
x509__constrain(struct ctx *cx, const struct cert *ca, const struct cert *below,
                enum x509__place place)
{
    bool critical, bad;
    NAME_CONSTRAINTS *nc = x509__ext(ca->x, NID_name_constraints, &critical, &bad);
    struct cert_sans sans;
    err_t e;

    if (nc == NULL)
        return ERR_OK;
    e = cert_san(cx, below, &sans);
    if (e == ERR_OK && sans.count > SUBTREES_MAX)
        e = refuse(cx, ERR_LIMIT, "RFC 5280 4.2.1.6", "too many names under a constraint");
    for (size_t i = 0; e == ERR_OK && i < sans.count; i++) {
        if (sans.at[i].type == CERT_SAN_DNS)
            e = constrain_name(cx, nc, sans.at[i].value);
        else if (sans.at[i].type == CERT_SAN_EMAIL && !mailbox_valid(sans.at[i].value))
            e = refuse(cx, ERR_CERT_CHAIN, "RFC 5280 4.2.1.6",
                       "a name under a constraint is no mailbox");
    }
    if (e == ERR_OK && place == X509__LEAF)
        e = constrain_common_name(cx, nc, below, &sans);
    NAME_CONSTRAINTS_free(nc);
    return e;
}

/* --- what only a TLS server must keep --- */

static bool
eku_has(const struct cert *c, int nid)
{
    bool critical, bad, found = false;
    EXTENDED_KEY_USAGE *eku = x509__ext(c->x, NID_ext_key_usage, &critical, &bad);

    for (int i = 0; eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++)
        found = found || OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == nid;
    EXTENDED_KEY_USAGE_free(eku);
    return found;
}

/* Does the common name look like what a client would connect to? */
static bool
looks_like_host(struct str cn)
{
    bool digit_first = cn.n != 0 && cn.p[0] >= '0' && cn.p[0] <= '9';

    return cn.n != 0 && str_find(cn, ' ') == cn.n &&
           (digit_first || str_find(cn, '.') < cn.n || str_find(cn, ':') < cn.n);
}

/*
 * BR 7.1.4.3: a common name that names a host repeats an alternative name as it
 * stands. The domain of one is let pass, as is a host beside addresses alone:
 * nothing reads the common name here, but a reader elsewhere may.
 */
static bool
common_name_fits(struct str cn, const struct cert_sans *sans)
{
    bool hosts = false,
         address = str_find(cn, ':') < cn.n || (cn.p[0] >= '0' && cn.p[0] <= '9');

    for (size_t i = 0; i < sans->count; i++) {
        struct str v = sans->at[i].value;

        if (sans->at[i].type == CERT_SAN_ELSE)
            continue;
        if (str_eq(v, cn) ||
            (v.n > cn.n + 1 && str_ends(v, cn) && v.p[v.n - cn.n - 1] == '.'))
            return true;
        hosts = hosts || sans->at[i].type == CERT_SAN_DNS;
    }
    return !hosts && !address;
}

static err_t
lint_server_names(struct ctx *cx, const struct cert *c)
{
    struct cert_attrs subject;
    struct cert_sans sans;
    err_t e;

    if ((e = cert_subject(cx, c, &subject)) != ERR_OK ||
        (e = cert_san(cx, c, &sans)) != ERR_OK)
        return e;
    if (sans.count == 0)
        return refuse(cx, ERR_CERT_NAME, "BR 7.1.4.2.1",
                      "a server without alternative names");
    if (is_critical(c, NID_subject_alt_name) && subject.count != 0)
        return refuse(cx, ERR_CERT, "BR 7.1.2.7.12", "critical names beside a subject");
    for (size_t i = 0; i < sans.count; i++)
        if (sans.at[i].type == CERT_SAN_DNS && !x509__dns_valid(sans.at[i].value, true))
            return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.6",
                          "an alternative name is no DNS name");
    for (size_t i = 0; i < subject.count; i++)
        if (str_is(subject.at[i].name, "CN") && looks_like_host(subject.at[i].value) &&
            !common_name_fits(subject.at[i].value, &sans))
            return refuse(cx, ERR_CERT_NAME, "BR 7.1.4.3",
                          "the common name is no alternative name");
    return ERR_OK;
}

static err_t
lint_server_leaf(struct ctx *cx, const struct cert *c)
{
    if (is_critical(c, NID_ext_key_usage) || eku_has(c, NID_anyExtendedKeyUsage))
        return refuse(cx, ERR_CERT, "BR 7.1.2.7.10",
                      "a server for any use, or critically so");
    return lint_server_names(cx, c);
}

/* BR 7.1.2.1: a root says of itself only what identifies its key. */
static err_t
lint_server_root(struct ctx *cx, const struct cert *c)
{
    bool critical, bad;
    AUTHORITY_KEYID *aki;
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(c->x);
    err_t e = ERR_OK;

    if (has(c, NID_ext_key_usage))
        return refuse(cx, ERR_CERT, "BR 7.1.2.1", "a root with an extended key usage");
    aki = x509__ext(c->x, NID_authority_key_identifier, &critical, &bad);
    if (aki != NULL && cert_is_self_issued(c) &&
        (aki->issuer != NULL || aki->serial != NULL || aki->keyid == NULL || ski == NULL ||
         ASN1_OCTET_STRING_cmp(aki->keyid, ski) != 0))
        e = refuse(cx, ERR_CERT, "BR 7.1.2.1.3",
                   "a root whose authority is not its own key");
    AUTHORITY_KEYID_free(aki);
    return e;
}

/* BR 6.1.5 and key_import's own rules, for every key in the chain. */
static err_t
lint_key(struct ctx *cx, const struct cert *c)
{
    scoped(key_drop) struct key *k = NULL;
    err_t e = cert_key(cx, c, &k);

    if (e != ERR_OK)
        return e;
    if (key_type(k) == KEY_RSA && key_bits(k) % 8 != 0)
        return refuse(cx, ERR_KEY, "BR 6.1.5", "an RSA key of %u bits", key_bits(k));
    return ERR_OK;
}

static err_t
lint_leaf(struct ctx *cx, const struct cert *c, enum x509_purpose purpose)
{
    if (has(c, NID_name_constraints))
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.10", "name constraints outside a CA");
    if (cert_is_ca(c) && purpose != X509_FOR_ANY)
        return refuse(cx, ERR_CERT, "BR 7.1.2.7.8", "a CA is no end entity");
    if (!cert_is_ca(c) && (cert_key_usage(c) & (CERT_KU_KEY_CERT_SIGN | CERT_KU_ABSENT)) ==
                              CERT_KU_KEY_CERT_SIGN)
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.3", "keyCertSign outside a CA");
    return purpose == X509_FOR_SERVER ? lint_server_leaf(cx, c) : ERR_OK;
}

err_t
x509__lint(struct ctx *cx, const struct cert *c, enum x509__place place,
           enum x509_purpose purpose)
{
    err_t e;

    if ((e = lint_form(cx, c, place)) != ERR_OK || (e = lint_extensions(cx, c)) != ERR_OK ||
        (e = lint_contents(cx, c)) != ERR_OK || (e = lint_constraints(cx, c)) != ERR_OK ||
        (e = lint_key(cx, c)) != ERR_OK)
        return e;
    if (place == X509__LEAF)
        return lint_leaf(cx, c, purpose);
    if (place == X509__ROOT && purpose == X509_FOR_SERVER)
        return lint_server_root(cx, c);
    return ERR_OK;
}
