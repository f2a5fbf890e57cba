/* ca.c - certificates for tests and the demo. EUPL-1.2. */
#include "app/demo/ca.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "crypto/x509/x509.h"
#include "sys/os/os.h"

#define DAY INT64_C(86400000)

enum { PATH_MAX_HERE = 4096, FILE_MAX = 1 << 20 };

static err_t
path_of(struct ctx *cx, const char *folder, struct str name, const char *ending, char *out)
{
    int n = snprintf(out, PATH_MAX_HERE, "%s/%.*s%s", folder, STR(name), ending);

    if (n < 0 || n >= PATH_MAX_HERE || str_find(name, '/') < name.n)
        return refuse(cx, ERR_BAD_REQUEST, "", "a name is too long, or holds a slash");
    return ERR_OK;
}

static err_t
write_pem(struct ctx *cx, const char *folder, struct str name, const struct bytes *ders,
          size_t n)
{
    char path[PATH_MAX_HERE];
    struct buf b;
    struct str text;
    err_t e;

    buf_init(&b, cx->arena);
    for (size_t i = 0; i < n; i++)
        pem_put(&b, "CERTIFICATE", ders[i]);
    if ((e = buf_done(cx, &b, &text)) != ERR_OK ||
        (e = path_of(cx, folder, name, ".pem", path)) != ERR_OK)
        return e;
    return os_write_file(cx, path, bytes_of(text), 0644);
}

static err_t
write_key(struct ctx *cx, const char *folder, struct str name, const struct key *key)
{
    scoped(secret_fini) struct secret der = { 0 };
    char path[PATH_MAX_HERE];
    struct buf b;
    struct str text;
    err_t e;

    if ((e = key_to_pkcs8(cx, key, &der)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    pem_put(&b, "PRIVATE KEY", secret_peek(&der));
    if ((e = buf_done(cx, &b, &text)) != ERR_OK ||
        (e = path_of(cx, folder, name, ".key", path)) != ERR_OK)
        return e;
    return os_write_file(cx, path, bytes_of(text), 0600);
}

static err_t
read_block(struct ctx *cx, const char *folder, struct str name, const char *ending,
           struct bytes *der)
{
    char path[PATH_MAX_HERE];
    struct bytes file;
    struct str rest, label;
    err_t e;

    if ((e = path_of(cx, folder, name, ending, path)) != ERR_OK ||
        (e = os_read_file(cx, path, FILE_MAX, &file)) != ERR_OK)
        return e;
    rest = str_of_bytes(file);
    return pem_next(cx, &rest, &label, der);
}

/* One authority: its certificate and key, from the folder. */
struct authority {
    struct cert *cert;
    struct key *key;
    struct bytes der;
};

static void
authority_fini(struct authority *a)
{
    cert_free(a->cert);
    key_free(a->key);
}

static err_t
authority_read(struct ctx *cx, const char *folder, struct str name, struct authority *out)
{
    struct bytes key;
    err_t e;

    if ((e = read_block(cx, folder, name, ".pem", &out->der)) != ERR_OK ||
        (e = cert_parse(cx, out->der, &out->cert)) != ERR_OK ||
        (e = read_block(cx, folder, name, ".key", &key)) != ERR_OK)
        return e;
    return key_from_pkcs8(cx, key, &out->key);
}

/* The base URL of the lists, as given to ca_init; may be empty. */
static err_t
crl_url(struct ctx *cx, const char *folder, const char *list, struct str *out)
{
    char path[PATH_MAX_HERE];
    struct bytes base;
    err_t e;

    *out = S("");
    if ((e = path_of(cx, folder, S("crl-base"), "", path)) != ERR_OK ||
        (e = os_read_file(cx, path, FILE_MAX, &base)) != ERR_OK)
        return e;
    if (base.n == 0)
        return ERR_OK;
    *out = arena_printf(cx->arena, "%.*s/%s", STR(str_of_bytes(base)), list);
    return out->p != NULL ? ERR_OK : refuse_memory(cx);
}

static err_t
make_authority(struct ctx *cx, const char *folder, const char *name, enum key_type type,
               const char *common_name, const struct authority *issuer, struct str url)
{
    scoped(key_drop) struct key *key = NULL;
    struct cert_attr subject[] = { { S("C"), S("NL") },
                                   { S("O"), S("Knoop Test") },
                                   { S("CN"), str_of(common_name) } };
    struct x509_make make = {
        .kind = issuer ? X509_MAKE_INTERMEDIATE : X509_MAKE_ROOT,
        .subject = subject,
        .subject_count = COUNT(subject),
        .crl_url = url,
        .from_ms = cx->now_ms - DAY,
        .to_ms = cx->now_ms + 3650 * DAY,
    };
    struct bytes ders[2];
    err_t e;

    if ((e = key_generate(cx, type, &key)) != ERR_OK ||
        (e = x509_make(cx, &make, key, issuer ? issuer->cert : NULL,
                       issuer ? issuer->key : key, &ders[0])) != ERR_OK)
        return e;
    if (issuer != NULL)
        ders[1] = issuer->der;
    if ((e = write_key(cx, folder, str_of(name), key)) != ERR_OK)
        return e;
    return write_pem(cx, folder, str_of(name), ders, issuer ? 2 : 1);
}

err_t
ca_init(struct ctx *cx, const char *folder, struct str crl_base)
{
    scoped(authority_fini) struct authority root = { 0 };
    char path[PATH_MAX_HERE];
    struct str url;
    err_t e;

    if ((e = os_folder(cx, folder)) != ERR_OK ||
        (e = path_of(cx, folder, S("crl-base"), "", path)) != ERR_OK ||
        (e = os_write_new(cx, path, bytes_of(crl_base), 0600)) != ERR_OK ||
        (e = path_of(cx, folder, S("revoked"), "", path)) != ERR_OK ||
        (e = os_write_new(cx, path, bytes_of(S("")), 0600)) != ERR_OK ||
        (e = make_authority(cx, folder, "tls-root", KEY_P256, "Knoop Test TLS Root", NULL,
                            S(""))) != ERR_OK ||
        (e = make_authority(cx, folder, "uzi-root", KEY_P256, "TEST Zorg CSP Root", NULL,
                            S(""))) != ERR_OK ||
        (e = authority_read(cx, folder, S("uzi-root"), &root)) != ERR_OK ||
        (e = crl_url(cx, folder, "uzi-root.crl", &url)) != ERR_OK ||
        (e = make_authority(cx, folder, "uzi-ca", KEY_P256,
                            "TEST UZI-register Private Server CA", &root, url)) != ERR_OK)
        return e;
    return ca_lists(cx, folder);
}

static bool
is_address(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if ((host.p[i] < '0' || host.p[i] > '9') && host.p[i] != '.' && host.p[i] != ':')
            return false;
    return host.n > 0;
}

err_t
ca_tls(struct ctx *cx, const char *folder, struct str host)
{
    scoped(authority_fini) struct authority root = { 0 };
    scoped(key_drop) struct key *key = NULL;
    struct cert_attr subject[] = { { S("CN"), host } };
    struct cert_san san[] = { { is_address(host) ? CERT_SAN_IP : CERT_SAN_DNS, host,
                                S("") } };
    struct x509_make make = {
        .kind = X509_MAKE_TLS,
        .subject = subject,
        .subject_count = COUNT(subject),
        .san = san,
        .san_count = COUNT(san),
        .from_ms = cx->now_ms - DAY,
        .to_ms = cx->now_ms + 390 * DAY,
    };
    struct bytes der;
    err_t e;

    if ((e = authority_read(cx, folder, S("tls-root"), &root)) != ERR_OK ||
        (e = key_generate(cx, KEY_P256, &key)) != ERR_OK ||
        (e = x509_make(cx, &make, key, root.cert, root.key, &der)) != ERR_OK ||
        (e = write_key(cx, folder, host, key)) != ERR_OK)
        return e;
    return write_pem(cx, folder, host, &der, 1);
}

/* An RSA key takes a second to make; one that is certified again takes none. */
static err_t
uzi_key(struct ctx *cx, const char *folder, struct str key_of, struct key **out)
{
    struct bytes der;
    err_t e;

    if (key_of.n == 0)
        return key_generate(cx, KEY_RSA, out);
    if ((e = read_block(cx, folder, key_of, ".key", &der)) != ERR_OK)
        return e;
    return key_from_pkcs8(cx, der, out);
}

err_t
ca_uzi(struct ctx *cx, const char *folder, const struct ca_uzi *what)
{
    scoped(authority_fini) struct authority root = { 0 }, ca = { 0 };
    scoped(key_drop) struct key *key = NULL;
    struct cert_attr subject[] = {
        { S("C"), S("NL") },
        { S("L"), what->locality },
        { S("O"), what->organisation },
        { S("serialNumber"), what->ura },
        { S("CN"), what->name },
    };
    struct cert_san san[2];
    struct x509_make make = {
        .kind = X509_MAKE_UZI_SERVER,
        .subject = subject,
        .subject_count = COUNT(subject),
        .san = san,
        .san_count = COUNT(san),
        .from_ms = what->from_ms,
        .to_ms = what->to_ms,
    };
    struct str uzi;
    struct bytes ders[3];
    err_t e;

    uzi = arena_printf(cx->arena, "2.16.528.1.1007.99.2110-1-%.*s-S-%.*s-00.000-%.*s",
                       STR(what->number), STR(what->ura), STR(what->agb));
    if (uzi.p == NULL)
        return refuse_memory(cx);
    san[0] = (struct cert_san){ CERT_SAN_DNS, what->name, S("") };
    san[1] = (struct cert_san){ CERT_SAN_OTHER_NAME, uzi, S("2.5.5.5") };
    if ((e = authority_read(cx, folder, S("uzi-root"), &root)) != ERR_OK ||
        (e = authority_read(cx, folder, S("uzi-ca"), &ca)) != ERR_OK ||
        (e = crl_url(cx, folder, "uzi-ca.crl", &make.crl_url)) != ERR_OK ||
        (e = uzi_key(cx, folder, what->key_of, &key)) != ERR_OK ||
        (e = x509_make(cx, &make, key, ca.cert, ca.key, &ders[0])) != ERR_OK ||
        (e = write_key(cx, folder, what->name, key)) != ERR_OK)
        return e;
    ders[1] = ca.der;
    ders[2] = root.der;
    return write_pem(cx, folder, what->name, ders, 3);
}

/* The file `revoked`: "<serial> <date>" a line. */
static err_t
read_revoked(struct ctx *cx, const char *folder, struct x509_revoked **out, size_t *n)
{
    char path[PATH_MAX_HERE];
    struct bytes file;
    struct str rest;
    err_t e;

    *n = 0;
    if ((e = path_of(cx, folder, S("revoked"), "", path)) != ERR_OK ||
        (e = os_read_file(cx, path, FILE_MAX, &file)) != ERR_OK)
        return e;
    if ((*out = arena_array(cx->arena, file.n / 8 + 1, sizeof(**out))) == NULL)
        return refuse_memory(cx);
    for (rest = str_of_bytes(file); rest.n > 0; (*n)++) {
        struct str line = str_cut(&rest, '\n');

        (*out)[*n].serial = str_cut(&line, ' ');
        if ((e = time_parse(cx, line, &(*out)[*n].when_ms)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static err_t
write_list(struct ctx *cx, const char *folder, struct str name,
           const struct x509_revoked *revoked, size_t n)
{
    scoped(authority_fini) struct authority ca = { 0 };
    char path[PATH_MAX_HERE];
    struct bytes der;
    err_t e;

    if ((e = authority_read(cx, folder, name, &ca)) != ERR_OK ||
        (e = x509_make_crl(cx, ca.cert, ca.key, revoked, n, (uint64_t)cx->now_ms,
                           cx->now_ms - 60000, cx->now_ms + DAY, &der)) != ERR_OK ||
        (e = path_of(cx, folder, name, ".crl", path)) != ERR_OK)
        return e;
    return os_write_file(cx, path, der, 0644);
}

err_t
ca_lists(struct ctx *cx, const char *folder)
{
    struct x509_revoked *revoked;
    size_t n;
    err_t e;

    if ((e = read_revoked(cx, folder, &revoked, &n)) != ERR_OK ||
        (e = write_list(cx, folder, S("uzi-root"), NULL, 0)) != ERR_OK)
        return e;
    return write_list(cx, folder, S("uzi-ca"), revoked, n);
}

err_t
ca_revoke(struct ctx *cx, const char *folder, struct str name)
{
    scoped(cert_drop) struct cert *cert = NULL;
    char path[PATH_MAX_HERE], when[TIME_TEXT];
    struct bytes der, file;
    struct str serial, text;
    err_t e;

    if ((e = read_block(cx, folder, name, ".pem", &der)) != ERR_OK ||
        (e = cert_parse(cx, der, &cert)) != ERR_OK ||
        (e = cert_serial(cx, cert, &serial)) != ERR_OK ||
        (e = path_of(cx, folder, S("revoked"), "", path)) != ERR_OK ||
        (e = os_read_file(cx, path, FILE_MAX, &file)) != ERR_OK)
        return e;
    text = arena_printf(cx->arena, "%.*s%.*s %.*s\n", STR(str_of_bytes(file)), STR(serial),
                        STR(time_text(when, cx->now_ms - 1000)));
    if (text.p == NULL)
        return refuse_memory(cx);
    if ((e = os_write_file(cx, path, bytes_of(text), 0600)) != ERR_OK)
        return e;
    return ca_lists(cx, folder);
}
