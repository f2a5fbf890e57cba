/*
 * x509_cli.c - `knoop credential x509`: who an organisation is, by its certificate.
 *
 * Rule      The certificate's key is used here and goes nowhere: no node sees it.
 * Trust     What was made was verified before it is printed (vc_x509_issue).
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/credential.h"
#include "app/cli/door.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "codec/json/json.h"
#include "sys/os/os.h"
#include "trust/vc/vc.h"

enum { PEM_MAX = 256 * 1024, KEY_MAX = 32 * 1024, DAYS_MAX = 36500 };

static err_t
read_chain(struct ctx *cx, const char *path, struct bytes *chain, size_t *n)
{
    struct bytes file;
    struct str rest, label;
    err_t e = os_read_file(cx, path, PEM_MAX, &file);

    *n = 0;
    if (e != ERR_OK)
        return e;
    for (rest = str_of_bytes(file); *n < VC_CHAIN_MAX; ++*n) {
        if ((e = pem_next(cx, &rest, &label, &chain[*n])) == ERR_NOT_FOUND)
            break;
        if (e != ERR_OK)
            return e;
        if (!str_is(label, "CERTIFICATE"))
            return refuse(cx, ERR_CERT, "RFC 7468 5", "%s holds a block '%.*s'", path,
                          STR(label));
    }
    refuse_clear(cx);
    if (*n == 0)
        return refuse(cx, ERR_CERT, "RFC 7468 5", "%s holds no certificate", path);
    return ERR_OK;
}

/* The first private key among the blocks. */
static err_t
key_of_pem(struct ctx *cx, const char *path, struct str rest, struct key **key)
{
    struct str label;
    struct bytes der;
    err_t e;

    while ((e = pem_next(cx, &rest, &label, &der)) == ERR_OK) {
        if (str_is(label, "ENCRYPTED PRIVATE KEY"))
            return refuse(cx, ERR_KEY, "RFC 7468 11",
                          "the key in %s is encrypted; decrypt it first", path);
        if (!str_ends(label, S("PRIVATE KEY")))
            continue;
        e = key_from_pkcs8(cx, der, key);
        if (der.n != 0)
            wipe((void *)(uintptr_t)der.p, der.n);
        return e;
    }
    return e != ERR_NOT_FOUND
               ? e
               : refuse(cx, ERR_KEY, "RFC 7468 10", "%s holds no private key", path);
}

err_t
credential_key(struct ctx *cx, const char *path, struct key **key)
{
    scoped(secret_fini) struct secret text = { 0 };
    scoped(os_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n;
    err_t e;

    *key = NULL;
    if (fd < 0)
        return refuse(cx, ERR_NOT_FOUND, "", "%s cannot be read", path);
    if ((e = secret_new(cx, KEY_MAX, &text)) != ERR_OK ||
        (e = os_read_into(cx, fd, text.p, text.n, &n)) != ERR_OK)
        return e;
    return key_of_pem(cx, path, (struct str){ (const char *)text.p, n }, key);
}

err_t
credential_x509(struct ctx *cx, const char *certificate, const char *key_file,
                struct str subject, int64_t until_ms, struct str *jwt)
{
    scoped(key_drop) struct key *key = NULL;
    struct bytes chain[VC_CHAIN_MAX];
    struct vc_x509_template t = { .chain = chain,
                                  .subject = subject,
                                  .until_ms = until_ms };
    err_t e;

    *jwt = (struct str){ NULL, 0 };
    if ((e = read_chain(cx, certificate, chain, &t.chain_count)) != ERR_OK ||
        (e = credential_key(cx, key_file, &key)) != ERR_OK)
        return e;
    t.key = key;
    return vc_x509_issue(cx, &t, jwt);
}

/* --- the command ------------------------------------------------------------------- */

/* The DID that was named, or that of the organisation whose wallet it is for. */
static err_t
subject_of(struct cli *c, struct str *did)
{
    const char *said = cli_option(c, "subject");
    struct str path, reply;
    json *v;
    err_t e;

    *did = str_of(said);
    if (said != NULL)
        return ERR_OK;
    if (cli_option(c, "wallet") == NULL)
        return refuse(&c->cx, ERR_BAD_REQUEST, "", "--subject or --wallet is needed");
    if ((e = door_fill(c, "/internal/vdr/v2/subject/<wallet>", DOOR_FORM_PATH, &path)) !=
            ERR_OK ||
        (e = door_get(c, "GET", path, S(""), S(""), &reply)) != ERR_OK ||
        (e = json_parse(&c->cx, reply, JSON_STRICT, &v)) != ERR_OK)
        return e;
    return json_str(json_at(v, 0), did)
               ? ERR_OK
               : refuse(&c->cx, ERR_NOT_FOUND, "", "the organisation has no DID");
}

static err_t
load(struct cli *c, struct str jwt)
{
    struct str path, body, reply;
    err_t e;

    if (cli_option(c, "wallet") == NULL)
        return ERR_OK;
    body = arena_printf(c->cx.arena, "\"%.*s\"", STR(jwt)); /* base64url and dots */
    if (body.p == NULL)
        return refuse_memory(&c->cx);
    if ((e = door_fill(c, "/internal/vcr/v2/holder/<wallet>/vc", DOOR_FORM_PATH, &path)) !=
        ERR_OK)
        return e;
    return door_get(c, "POST", path, S("application/json"), body, &reply);
}

static int
x509(struct cli *c)
{
    const char *certificate = cli_option(c, "certificate"), *key = cli_option(c, "key");
    uint64_t days;
    struct str did, jwt;
    err_t e;

    if (certificate == NULL || key == NULL) {
        fprintf(stderr, "knoop: --certificate and --key are needed\n");
        return 2;
    }
    if (!cli_number(c, "days", 0, &days))
        return 2;
    if (days > DAYS_MAX) {
        fprintf(stderr, "knoop: --days takes at most %d\n", DAYS_MAX);
        return 2;
    }
    if ((e = subject_of(c, &did)) != ERR_OK)
        return door_wrong(c, e);
    e = credential_x509(&c->cx, certificate, key, did,
                        days ? c->cx.now_ms + (int64_t)days * 86400000 : 0, &jwt);
    if (e != ERR_OK || load(c, jwt) != ERR_OK)
        return cli_refused(c, "credential x509");
    printf("%.*s\n", STR(jwt));
    return 0;
}

static const struct cli_option x509_options[] = {
    { "certificate", "FILE", "the chain as PEM: leaf, CAs, root (needed)" },
    { "key", "FILE", "the leaf's private key as PEM (needed)" },
    { "subject", "DID", "whom it is about (default: the DID of --wallet)" },
    { "wallet", "NAME", "load it into this organisation's wallet on the node" },
    { "days", "N", "how long it is good (default: as long as the certificate)" },
    DOOR_OPTIONS,
    { 0 },
};

const struct cli_command credential_commands[] = {
    { "credential x509", "",
      "Make an X509Credential with the key of an organisation's certificate.", x509_options,
      0, 0, x509 },
    { 0 },
};
