/*
 * x509_verify.c - does this certificate lead to a root that we trust?
 *
 *   leaf --issuer?--> intermediate --issuer?--> … --issuer?--> root
 *
 * Rule      RFC 5280 section 6. Paths are walked depth first, roots before
 *           intermediates; OpenSSL validates each whole path, alone, so that
 *           it has nothing to choose from. The first path that keeps every
 *           rule is taken; when none does, the first one's reason is told.
 * Trust     Intermediates are strangers': the work is bounded by
 *           X509_PATHS_MAX paths and VISITS_MAX steps.
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#include "crypto/x509/x509_int.h"

enum { VISITS_MAX = 2048, PATH_MAX_CERTS = 32 };

struct walk {
    struct ctx *cx;
    const struct x509_want *want;
    const struct cert *path[PATH_MAX_CERTS];
    size_t count;     /* certificates in the path */
    unsigned logical; /* intermediates that are not self-issued */
    unsigned visits, paths;
    err_t first; /* the first path's refusal */
    const char *clause;
    char reason[256];
};

/* --- one whole path --- */

/*
 * X509_V_FLAG_X509_STRICT asks what 4.2 says CAs MUST do, with one thing that
 * 6.1.4 (n) leaves open: a CA without key usage.
 */
static int
on_error(int ok, X509_STORE_CTX *c)
{
    if (ok == 0 && X509_STORE_CTX_get_error(c) == X509_V_ERR_CA_CERT_MISSING_KEY_USAGE) {
        X509_STORE_CTX_set_error(c, X509_V_OK);
        return 1;
    }
    return ok;
}

static bool
set_up(const struct walk *w, X509_STORE_CTX *c)
{
    static const int purposes[] = { [X509_FOR_SERVER] = X509_PURPOSE_SSL_SERVER,
                                    [X509_FOR_CLIENT] = X509_PURPOSE_SSL_CLIENT,
                                    [X509_FOR_ANY] = X509_PURPOSE_ANY };
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN |
                          X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_CHECK_SS_SIGNATURE |
                          X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_NO_CHECK_TIME;

    X509_STORE_CTX_set_verify_cb(c, on_error);
    X509_VERIFY_PARAM_set_depth(p, PATH_MAX_CERTS);
    X509_VERIFY_PARAM_set_auth_level(p, 2); /* 112 bits, no SHA-1 */
    X509_VERIFY_PARAM_set_hostflags(
        p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT); /* x509_lint.c does */
    return X509_VERIFY_PARAM_set_flags(p, flags) == 1 &&
           X509_VERIFY_PARAM_set_purpose(p, purposes[w->want->purpose]) == 1;
}

static err_t
validate_with(struct walk *w, X509_STORE_CTX *c, STACK_OF(X509) * between,
              STACK_OF(X509) * root)
{
    X509 *leaf = w->path[0]->x;
    int error;

    for (size_t i = 1; i + 1 < w->count; i++)
        if (sk_X509_push(between, w->path[i]->x) <= 0)
            return refuse(w->cx, ERR_NO_MEMORY, "", "no memory for a path");
    if (sk_X509_push(root, w->path[w->count - 1]->x) <= 0 ||
        X509_STORE_CTX_init(c, NULL, leaf, between) != 1 || !set_up(w, c))
        return x509__refuse(w->cx, ERR_NO_MEMORY, "", "no memory for a path");
    X509_STORE_CTX_set0_trusted_stack(c, root);
    if (X509_verify_cert(c) == 1 && X509_STORE_CTX_get_error(c) == X509_V_OK)
        return ERR_OK;
    error = X509_STORE_CTX_get_error(c);
    return x509__refuse(
        w->cx, error == X509_V_ERR_OUT_OF_MEM ? ERR_NO_MEMORY : ERR_CERT_CHAIN,
        "RFC 5280 6", "certificate %d of the path: %s", X509_STORE_CTX_get_error_depth(c),
        X509_verify_cert_error_string(error));
}

static err_t
validate(struct walk *w)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null(), *root = sk_X509_new_null();
    err_t e;

    if (c == NULL || between == NULL || root == NULL)
        e = x509__refuse(w->cx, ERR_NO_MEMORY, "", "no memory for a path");
    else
        e = validate_with(w, c, between, root);
    X509_STORE_CTX_free(c);
    sk_X509_free(between); /* the certificates are borrowed */
    sk_X509_free(root);
    ERR_clear_error();
    return e;
}

/* RFC 5280 4.1.2.5: both ends inclusive, in whole seconds. (OpenSSL leaves out the last.)
 */
static err_t
check_periods(struct ctx *cx, const struct x509_chain *chain, const struct x509_want *want)
{
    int64_t now = want->now_ms;

    if (want->clock != X509_AT)
        return ERR_OK;
    for (size_t i = 0; i < chain->count; i++) {
        if (now < chain->at[i]->from_ms)
            return refuse(cx, ERR_CERT_TIME, "RFC 5280 4.1.2.5",
                          "certificate %zu of the path is not valid yet", i);
        if (now >= chain->at[i]->to_ms + 1000)
            return refuse(cx, ERR_CERT_TIME, "RFC 5280 4.1.2.5",
                          "certificate %zu of the path has expired", i);
    }
    return ERR_OK;
}

/* The rules that OpenSSL leaves out, over the path as it stands. */
static err_t
check_rules(struct walk *w)
{
    err_t e;

    for (size_t i = 1; i < w->count; i++) {
        enum x509__place place = i + 1 == w->count ? X509__ROOT : X509__MIDDLE;

        if ((e = x509__lint(w->cx, w->path[i], place, w->want->purpose)) != ERR_OK)
            return e;
        for (size_t j = 0; j < i; j++) {
            if (j != 0 && cert_is_self_issued(w->path[j]))
                continue; /* 6.1.3 (b): but the final one */
            if ((e = x509__constrain(w->cx, w->path[i], w->path[j],
                                     j == 0 ? X509__LEAF : X509__MIDDLE)) != ERR_OK)
                return e;
        }
    }
    return ERR_OK;
}

static err_t
try_path(struct walk *w)
{
    struct x509_chain chain = { w->path, w->count };
    err_t e;

    if (++w->paths > X509_PATHS_MAX)
        return refuse(w->cx, ERR_LIMIT, "RFC 5280 6", "more than %d paths", X509_PATHS_MAX);
    if ((e = validate(w)) == ERR_OK &&
        (e = check_periods(w->cx, &chain, w->want)) == ERR_OK &&
        (e = check_rules(w)) == ERR_OK && w->want->revocation == X509_CRLS)
        e = x509__crls(w->cx, &chain, w->want);
    if (e != ERR_OK && w->first == ERR_OK) {
        w->first = e;
        w->clause = w->cx->clause;
        memcpy(w->reason, w->cx->reason_room, sizeof(w->reason));
    }
    return e;
}

/* --- the walk --- */

static bool
issued(const struct cert *issuer, const struct cert *subject)
{
    return X509_check_issued(issuer->x, subject->x) == X509_V_OK;
}

static bool
in_path(const struct walk *w, const struct cert *c)
{
    for (size_t i = 0; i < w->count; i++)
        if (bytes_eq(cert_der(w->path[i]), cert_der(c)))
            return true;
    return false;
}

static bool
spent(const struct walk *w)
{
    return w->visits > VISITS_MAX || w->paths > X509_PATHS_MAX || w->cx->arena->failed;
}

static bool walk_up(struct walk *w);

/* True when a path through `c` was taken. The path is as before otherwise. */
static bool
step(struct walk *w, const struct cert *c, bool root)
{
    unsigned logical = w->logical;
    bool done;

    w->path[w->count++] = c;
    if (!root && !cert_is_self_issued(c))
        w->logical++;
    done = root ? try_path(w) == ERR_OK : walk_up(w);
    if (!done) {
        w->count--;
        w->logical = logical;
    }
    return done;
}

static bool
walk_up(struct walk *w)
{
    const struct x509_want *want = w->want;
    unsigned depth = want->depth_set ? want->depth : X509_DEPTH_MAX;
    const struct cert *at = w->path[w->count - 1];

    w->visits++;
    if (w->count >= PATH_MAX_CERTS || w->logical > depth)
        return false;
    for (size_t i = 0; i < want->roots_count && !spent(w); i++)
        if (issued(want->roots[i], at) && !in_path(w, want->roots[i]) &&
            step(w, want->roots[i], true))
            return true;
    for (size_t i = 0; i < want->intermediates_count && !spent(w); i++)
        if (issued(want->intermediates[i], at) && !in_path(w, want->intermediates[i]) &&
            step(w, want->intermediates[i], false))
            return true;
    return false;
}

/* --- what is asked, and of the leaf alone --- */

static err_t
check_want(struct ctx *cx, const struct x509_want *want)
{
    if (want->purpose == X509_FOR_NOBODY || want->clock == X509_CLOCK_NONE ||
        want->revocation == X509_REVOCATION_NONE)
        return refuse(cx, ERR_INTERNAL, "", "purpose, clock or revocation was not chosen");
    if (want->clock == X509_WHENEVER && want->revocation == X509_CRLS)
        return refuse(cx, ERR_INTERNAL, "", "lists have no meaning without a clock");
    if (want->roots_count == 0)
        return refuse(cx, ERR_CERT_CHAIN, "RFC 5280 6.1.1 d", "there is no trusted root");
    if (want->intermediates_count > X509_POOL_MAX)
        return refuse(cx, ERR_LIMIT, "RFC 5280 6", "%zu intermediates",
                      want->intermediates_count);
    return ERR_OK;
}

/* "serverAuth" and the other names of RFC 5280 4.2.1.12, or dotted. */
static struct str
eku_oid(struct str name)
{
    static const struct {
        const char *name, *oid;
    } rows[] = {
        { "anyExtendedKeyUsage", "2.5.29.37.0" },   { "serverAuth", "1.3.6.1.5.5.7.3.1" },
        { "clientAuth", "1.3.6.1.5.5.7.3.2" },      { "codeSigning", "1.3.6.1.5.5.7.3.3" },
        { "emailProtection", "1.3.6.1.5.5.7.3.4" }, { "timeStamping", "1.3.6.1.5.5.7.3.8" },
        { "OCSPSigning", "1.3.6.1.5.5.7.3.9" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is(name, rows[i].name))
            return str_of(rows[i].oid);
    return name;
}

/* Without the extension a key is for every use (4.2.1.12). */
static err_t
check_eku(struct ctx *cx, const struct cert *leaf, const struct x509_want *want)
{
    struct cert_texts eku;
    err_t e;

    if (want->eku_count == 0)
        return ERR_OK;
    if ((e = cert_eku(cx, leaf, &eku)) != ERR_OK || eku.count == 0)
        return e;
    for (size_t i = 0; i < want->eku_count; i++) {
        bool found = false;

        for (size_t j = 0; !found && j < eku.count; j++)
            found = str_eq(eku.at[j], eku_oid(want->eku[i])) ||
                    str_is(eku.at[j], "2.5.29.37.0");
        if (!found)
            return refuse(cx, ERR_CERT_CHAIN, "RFC 5280 4.2.1.12",
                          "the key is not for %.*s", STR(want->eku[i]));
    }
    return ERR_OK;
}

err_t
x509_verify(struct ctx *cx, const struct cert *leaf, const struct x509_want *want,
            struct x509_chain *out)
{
    struct walk w = { .cx = cx, .want = want, .path = { leaf }, .count = 1 };
    err_t e;

    *out = (struct x509_chain){ NULL, 0 };
    if ((e = check_want(cx, want)) != ERR_OK ||
        (e = x509__lint(cx, leaf, X509__LEAF, want->purpose)) != ERR_OK ||
        (e = x509__names(cx, leaf, want)) != ERR_OK ||
        (e = check_eku(cx, leaf, want)) != ERR_OK)
        return e;
    if (!walk_up(&w)) {
        ERR_clear_error();
        if (cx->arena->failed)
            return refuse_memory(cx);
        if (w.first != ERR_OK)
            return refuse(cx, w.first, w.clause, "%s", w.reason);
        return refuse(cx, ERR_CERT_CHAIN, "RFC 5280 6.1", "no path to a trusted root");
    }
    ERR_clear_error();
    if ((out->at = arena_array(cx->arena, w.count, sizeof(*out->at))) == NULL)
        return refuse_memory(cx);
    memcpy(out->at, w.path, w.count * sizeof(*out->at));
    out->count = w.count;
    refuse_clear(cx); /* of the paths that were tried before this one */
    return ERR_OK;
}

err_t
x509_verify_again(struct ctx *cx, const struct x509_chain *chain,
                  const struct x509_want *want)
{
    err_t e = check_want(cx, want);

    if (e != ERR_OK || (e = check_periods(cx, chain, want)) != ERR_OK)
        return e;
    return want->revocation == X509_CRLS ? x509__crls(cx, chain, want) : ERR_OK;
}
