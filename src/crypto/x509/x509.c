/* x509.c - certificates and lists, read. EUPL-1.2. */
#include "crypto/x509/x509.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "crypto/prim/der.h"
#include "crypto/x509/x509_int.h"

/* --- handles --- */

bool
x509__time(const ASN1_TIME *t, int64_t *ms)
{
    struct tm tm;

    *ms = 0;
    /* RFC 5280 4.1.2.5: Zulu, with seconds, without a fraction. */
    if (t == NULL || ASN1_TIME_check(t) != 1 || ASN1_TIME_to_tm(t, &tm) != 1 ||
        ASN1_STRING_length(t) != (ASN1_STRING_type(t) == V_ASN1_UTCTIME ? 13 : 15) ||
        ASN1_STRING_get0_data(t)[ASN1_STRING_length(t) - 1] != 'Z')
        return false;
    *ms =
        ((time_days(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday) * 24 +
          tm.tm_hour) *
             60 +
         tm.tm_min) *
            INT64_C(60000) +
        tm.tm_sec * INT64_C(1000);
    return true;
}

/* OpenSSL reads some BER as well: what it would write must be what it read. */
static bool
is_der(X509 *x, struct bytes der)
{
    unsigned char *again = NULL;
    int n = i2d_X509(x, &again);
    bool same = n > 0 && (size_t)n == der.n && memcmp(again, der.p, der.n) == 0;

    OPENSSL_free(again);
    return same;
}

err_t
cert_parse(struct ctx *cx, struct bytes der, struct cert **out)
{
    const unsigned char *at = der.p;
    struct cert *c;

    *out = NULL;
    (void)prim_start();
    if (der.n == 0 || der.n > CERT_SIZE_MAX)
        return refuse(cx, ERR_CERT, "RFC 5280 4.1", "%zu bytes are no certificate", der.n);
    if ((c = calloc(1, sizeof(*c))) == NULL || (c->der = malloc(der.n)) == NULL) {
        free(c);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a certificate");
    }
    atomic_init(&c->refs, 1);
    memcpy(c->der, der.p, der.n);
    c->size = der.n;
    c->x = d2i_X509(NULL, &at, (long)der.n);
    if (c->x == NULL || at != der.p + der.n || !is_der(c->x, der) ||
        !x509__time(X509_get0_notBefore(c->x), &c->from_ms) ||
        !x509__time(X509_get0_notAfter(c->x), &c->to_ms)) {
        cert_free(c);
        return x509__refuse(cx, ERR_CERT, "RFC 5280 4.1", "no certificate in DER");
    }
    /* Reads the extensions once, while one thread has it. */
    (void)X509_check_purpose(c->x, -1, 0);
    ERR_clear_error();
    *out = c;
    return ERR_OK;
}

struct cert *
cert_ref(struct cert *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void
cert_free(struct cert *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    X509_free(c->x);
    free(c->der);
    free(c);
}

void
cert_drop(struct cert **c)
{
    cert_free(*c);
    *c = NULL;
}

struct bytes
cert_der(const struct cert *c)
{
    return (struct bytes){ c->der, c->size };
}

err_t
cert_fingerprint(struct ctx *cx, const struct cert *c, enum hash h, uint8_t out[HASH_MAX])
{
    return hash_bytes(cx, h, cert_der(c), out);
}

err_t
cert_key(struct ctx *cx, const struct cert *c, struct key **out)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x), &der);
    err_t e;

    *out = NULL;
    if (n <= 0)
        return x509__refuse(cx, ERR_CERT, "RFC 5280 4.1.2.7", "no public key");
    e = key_from_spki(cx, (struct bytes){ der, (size_t)n }, out);
    OPENSSL_free(der);
    return e;
}

void
cert_period(const struct cert *c, int64_t *from_ms, int64_t *to_ms)
{
    *from_ms = c->from_ms;
    *to_ms = c->to_ms;
}

bool
cert_is_ca(const struct cert *c)
{
    return (X509_get_extension_flags(c->x) & EXFLAG_CA) != 0;
}

bool
cert_is_self_issued(const struct cert *c)
{
    return X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_issuer_name(c->x)) == 0;
}

err_t
cert_serial(struct ctx *cx, const struct cert *c, struct str *out)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(c->x);

    return hex(
        cx, (struct bytes){ ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) }, out);
}

unsigned
cert_key_usage(const struct cert *c)
{
    static const struct {
        uint32_t theirs;
        unsigned ours;
    } bits[] = {
        { KU_DIGITAL_SIGNATURE, CERT_KU_DIGITAL_SIGNATURE },
        { KU_NON_REPUDIATION, CERT_KU_CONTENT_COMMITMENT },
        { KU_KEY_ENCIPHERMENT, CERT_KU_KEY_ENCIPHERMENT },
        { KU_DATA_ENCIPHERMENT, CERT_KU_DATA_ENCIPHERMENT },
        { KU_KEY_AGREEMENT, CERT_KU_KEY_AGREEMENT },
        { KU_KEY_CERT_SIGN, CERT_KU_KEY_CERT_SIGN },
        { KU_CRL_SIGN, CERT_KU_CRL_SIGN },
    };
    unsigned out = 0;

    if ((X509_get_extension_flags(c->x) & EXFLAG_KUSAGE) == 0)
        return CERT_KU_ABSENT;
    for (size_t i = 0; i < COUNT(bits); i++)
        if ((X509_get_key_usage(c->x) & bits[i].theirs) != 0)
            out |= bits[i].ours;
    return out;
}

/* --- extensions as texts --- */

void *
x509__ext(const X509 *x, int nid, bool *critical, bool *bad)
{
    int crit = -1;
    void *v = X509_get_ext_d2i(x, nid, &crit, NULL);

    *bad = v == NULL && crit != -1; /* -1: absent; -2: twice; else malformed */
    *critical = crit == 1;
    ERR_clear_error();
    return v;
}

err_t
x509__oid(struct ctx *cx, const ASN1_OBJECT *o, struct str *out)
{
    char text[128];
    int n = OBJ_obj2txt(text, sizeof(text), o, 1);

    *out = (struct str){ NULL, 0 };
    if (n <= 0 || (size_t)n >= sizeof(text))
        return x509__refuse(cx, ERR_CERT, "X.690 8.19",
                            "an object identifier is malformed");
    *out = arena_str(cx->arena, (struct str){ text, (size_t)n });
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
texts_room(struct ctx *cx, struct cert_texts *out, size_t count)
{
    out->count = 0;
    out->at = arena_array(cx->arena, count + 1, sizeof(*out->at));
    return out->at == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
cert_eku(struct ctx *cx, const struct cert *c, struct cert_texts *out)
{
    bool critical, bad;
    EXTENDED_KEY_USAGE *eku = x509__ext(c->x, NID_ext_key_usage, &critical, &bad);
    err_t e = texts_room(cx, out, eku == NULL ? 0 : (size_t)sk_ASN1_OBJECT_num(eku));

    if (e == ERR_OK && bad)
        e = refuse(cx, ERR_CERT, "RFC 5280 4.2.1.12", "extended key usage is malformed");
    for (int i = 0; e == ERR_OK && eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++)
        e = x509__oid(cx, sk_ASN1_OBJECT_value(eku, i), &out->at[out->count++]);
    EXTENDED_KEY_USAGE_free(eku);
    return e;
}

static bool
is_web(struct str url)
{
    return str_starts(url, S("http://")) || str_starts(url, S("https://"));
}

static err_t
add_urls(struct ctx *cx, const GENERAL_NAMES *names, struct cert_texts *out, size_t room)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && out->count < room; i++) {
        struct cert_san san;
        err_t e = x509__general_name(cx, sk_GENERAL_NAME_value(names, i), &san);

        if (e != ERR_OK)
            return e;
        if (san.type == CERT_SAN_URI && is_web(san.value))
            out->at[out->count++] = san.value;
    }
    return ERR_OK;
}

err_t
cert_crl_urls(struct ctx *cx, const struct cert *c, struct cert_texts *out)
{
    enum { ROOM = 16 }; /* more distribution points than this are not a certificate's */
    bool critical, bad;
    CRL_DIST_POINTS *points = x509__ext(c->x, NID_crl_distribution_points, &critical, &bad);
    err_t e = texts_room(cx, out, ROOM);

    if (e == ERR_OK && bad)
        e = refuse(cx, ERR_CERT, "RFC 5280 4.2.1.13",
                   "CRL distribution points are malformed");
    for (int i = 0; e == ERR_OK && points != NULL && i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *p = sk_DIST_POINT_value(points, i);

        if (p->distpoint != NULL && p->distpoint->type == 0)
            e = add_urls(cx, p->distpoint->name.fullname, out, ROOM);
    }
    CRL_DIST_POINTS_free(points);
    return e;
}

/* --- names --- */

static const struct {
    int nid;
    const char *name;
} attr_names[] = {
    { NID_commonName, "CN" },
    { NID_serialNumber, "serialNumber" },
    { NID_localityName, "L" },
    { NID_countryName, "C" },
    { NID_organizationName, "O" },
    { NID_organizationalUnitName, "OU" },
    { NID_stateOrProvinceName, "ST" },
    { NID_streetAddress, "STREET" },
    { NID_surname, "SN" },
    { NID_givenName, "GN" },
    { NID_title, "title" },
    { NID_organizationIdentifier, "organizationIdentifier" },
    { NID_domainComponent, "DC" },
    { NID_pkcs9_emailAddress, "emailAddress" },
};

static err_t
attr_name(struct ctx *cx, const ASN1_OBJECT *o, struct str *out)
{
    int nid = OBJ_obj2nid(o);

    for (size_t i = 0; nid != NID_undef && i < COUNT(attr_names); i++)
        if (attr_names[i].nid == nid) {
            *out = str_of(attr_names[i].name);
            return ERR_OK;
        }
    return x509__oid(cx, o, out);
}

/* Text of any ASN.1 string; one that holds a NUL or is no text is refused. */
static err_t
string_text(struct ctx *cx, const ASN1_STRING *s, struct str *out)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, s);
    struct str text = { (const char *)utf8, n < 0 ? 0 : (size_t)n };
    err_t e = ERR_OK;

    *out = (struct str){ NULL, 0 };
    if (n < 0 || !str_is_utf8(text) || memchr(text.n ? text.p : "", '\0', text.n) != NULL)
        e = x509__refuse(cx, ERR_CERT, "RFC 5280 4.1.2.4", "a name is not text");
    else if ((*out = arena_str(cx->arena, text)).p == NULL)
        e = refuse_memory(cx);
    OPENSSL_free(utf8);
    return e;
}

static err_t
name_attrs(struct ctx *cx, const X509_NAME *name, struct cert_attrs *out)
{
    int n = X509_NAME_entry_count(name);

    *out = (struct cert_attrs){ NULL, 0 };
    if ((out->at = arena_array(cx->arena, (size_t)n + 1, sizeof(*out->at))) == NULL)
        return refuse_memory(cx);
    for (int i = 0; i < n; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        struct cert_attr *a = &out->at[out->count];
        err_t e = attr_name(cx, X509_NAME_ENTRY_get_object(entry), &a->name);

        if (e == ERR_OK)
            e = string_text(cx, X509_NAME_ENTRY_get_data(entry), &a->value);
        if (e != ERR_OK)
            return e;
        out->count++;
    }
    return ERR_OK;
}

err_t
cert_subject(struct ctx *cx, const struct cert *c, struct cert_attrs *out)
{
    return name_attrs(cx, X509_get_subject_name(c->x), out);
}

err_t
cert_issuer(struct ctx *cx, const struct cert *c, struct cert_attrs *out)
{
    return name_attrs(cx, X509_get_issuer_name(c->x), out);
}

static err_t
ip_text(struct ctx *cx, const ASN1_OCTET_STRING *ip, struct str *out)
{
    char text[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(ip);

    if ((n != 4 && n != 16) ||
        inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text,
                  sizeof(text)) == NULL)
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.6", "an IP address of %d bytes", n);
    *out = arena_str(cx->arena, str_of(text));
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
other_name(struct ctx *cx, const OTHERNAME *o, struct cert_san *out)
{
    err_t e = x509__oid(cx, o->type_id, &out->oid);

    if (e != ERR_OK)
        return e;
    switch (o->value == NULL ? V_ASN1_UNDEF : o->value->type) {
    case V_ASN1_IA5STRING:
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_BMPSTRING: return string_text(cx, o->value->value.asn1_string, &out->value);
    default: return ERR_OK; /* no text: the value stays empty */
    }
}

err_t
x509__general_name(struct ctx *cx, const GENERAL_NAME *name, struct cert_san *out)
{
    *out = (struct cert_san){ .type = CERT_SAN_ELSE };
    switch (name->type) {
    case GEN_DNS:
        out->type = CERT_SAN_DNS;
        return string_text(cx, name->d.dNSName, &out->value);
    case GEN_EMAIL:
        out->type = CERT_SAN_EMAIL;
        return string_text(cx, name->d.rfc822Name, &out->value);
    case GEN_URI:
        out->type = CERT_SAN_URI;
        return string_text(cx, name->d.uniformResourceIdentifier, &out->value);
    case GEN_IPADD:
        out->type = CERT_SAN_IP;
        return ip_text(cx, name->d.iPAddress, &out->value);
    case GEN_OTHERNAME:
        out->type = CERT_SAN_OTHER_NAME;
        return other_name(cx, name->d.otherName, out);
    default: return ERR_OK;
    }
}

err_t
cert_san(struct ctx *cx, const struct cert *c, struct cert_sans *out)
{
    bool critical, bad;
    GENERAL_NAMES *names = x509__ext(c->x, NID_subject_alt_name, &critical, &bad);
    size_t n = names == NULL ? 0 : (size_t)sk_GENERAL_NAME_num(names);
    err_t e = ERR_OK;

    *out = (struct cert_sans){ .count = 0 };
    if (bad)
        e = refuse(cx, ERR_CERT, "RFC 5280 4.2.1.6", "the alternative names are malformed");
    else if ((out->at = arena_array(cx->arena, n + 1, sizeof(*out->at))) == NULL)
        e = refuse_memory(cx);
    for (size_t i = 0; e == ERR_OK && i < n; i++)
        e = x509__general_name(cx, sk_GENERAL_NAME_value(names, (int)i),
                               &out->at[out->count++]);
    GENERAL_NAMES_free(names);
    return e;
}

/* --- UZI --- */

static bool
digits(struct str s, size_t least, size_t most)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n >= least && s.n <= most;
}

static bool
uzi_parse(struct str text, struct uzi *u)
{
    struct str rest = text, type;
    size_t dashes = 0;

    for (size_t i = 0; i < text.n; i++)
        dashes += text.p[i] == '-';
    u->ca = str_cut(&rest, '-');
    u->version = str_cut(&rest, '-');
    u->number = str_cut(&rest, '-');
    type = str_cut(&rest, '-');
    u->ura = str_cut(&rest, '-');
    u->role = str_cut(&rest, '-');
    u->agb = rest;
    u->type = type.n == 1 ? type.p[0] : '\0';
    return dashes == 6 && u->ca.n >= 3 && digits(u->version, 1, 2) &&
           digits(u->number, 1, 12) && memchr("SZNM", u->type, 4) != NULL &&
           digits(u->ura, 8, 8) && u->role.n == 6 && u->role.p[2] == '.' &&
           digits(str_sub(u->role, 0, 2), 2, 2) && digits(str_sub(u->role, 3, 6), 3, 3) &&
           digits(u->agb, 8, 8);
}

err_t
cert_uzi(struct ctx *cx, const struct cert *c, struct uzi *out)
{
    struct cert_sans sans;
    size_t found = 0;
    err_t e = cert_san(cx, c, &sans);

    *out = (struct uzi){ .type = '\0' };
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < sans.count; i++) {
        if (sans.at[i].type != CERT_SAN_OTHER_NAME || !str_is(sans.at[i].oid, "2.5.5.5"))
            continue;
        if (++found > 1 || !uzi_parse(sans.at[i].value, out)) {
            *out = (struct uzi){ .type = '\0' };
            return refuse(cx, ERR_CERT, "CIBG CPS 7.1",
                          "the UZI name is malformed or double");
        }
    }
    return found == 1 ? ERR_OK
                      : refuse(cx, ERR_NOT_FOUND, "CIBG CPS 7.1",
                               "no UZI name in the certificate");
}
