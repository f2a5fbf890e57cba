/*
 * audit_cli.c - `knoop audit verify`: is the log whole? On its folder, without a node.
 *
 * Rule      The first altered, removed, reordered or cut-off event is named; exit 1.
 *           Signatures are checked under a key that was kept apart (knoop audit
 *           key); a checkpoint that was kept apart finds a log cut back whole.
 * Trust     The folder may have been written by anyone.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/node_cli.h"

#include <stdio.h>
#include <sys/stat.h>

#include "codec/json/json.h"
#include "crypto/jose/jose.h"
#include "sys/audit/audit_log.h"
#include "sys/conf/conf.h"

extern char **environ;

/* --- the key of checkpoints --------------------------------------------------------- */

static err_t
check_signature(struct ctx *cx, void *state, struct str note, struct str kid,
                struct bytes signature)
{
    const struct jwk *key = state;

    if (key->kid.n != 0 && !str_eq(key->kid, kid))
        return refuse(cx, ERR_KEY, "", "signed with another key");
    return key_verify(cx, key->key, SIG_ES256, SIG_RAW, bytes_of(note), signature);
}

/* What `knoop audit key` printed: a JWK, or the answer with one. */
static err_t
read_key(struct cli *c, struct jwk *out)
{
    struct str text;
    json *v;
    err_t e;

    if ((e = door_value(c, S("key"), &text)) != ERR_OK ||
        (e = json_parse(&c->cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    return jwk_parse_public(&c->cx, v, NULL, out);
}

int
cli__audit_key(struct cli *c)
{
    struct str reply, key;
    json *v;

    if (door_get(c, "GET", S("/internal/knoop/v1/audit/checkpoint"), S(""), S(""),
                 &reply) != ERR_OK ||
        json_parse(&c->cx, reply, JSON_STRICT, &v) != ERR_OK ||
        json_text(&c->cx, json_get(v, "key"), &key) != ERR_OK)
        return cli_refused(c, "audit key");
    door_print(key);
    return 0;
}

/* --- where the log is --------------------------------------------------------------- */

static bool
is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A data folder holds the log in `audit`; a folder of the log is taken as it is. */
static err_t
folder_of(struct cli *c, const char **out)
{
    struct conf *conf;
    const char *base = c->argc == 1 ? c->argv[0] : NULL, *inside;
    err_t e;

    if (base == NULL) {
        if ((e = conf_load(&c->cx, NULL, environ, cli_option(c, "configfile"), &conf)) !=
            ERR_OK)
            return e;
        base = arena_z(c->cx.arena, conf->datadir);
        conf_give(conf);
    }
    inside = base != NULL ? arena_printf(c->cx.arena, "%s/audit", base).p : NULL;
    if (inside == NULL)
        return refuse_memory(&c->cx);
    *out = is_folder(inside) ? inside : base;
    return ERR_OK;
}

/* --- the report --------------------------------------------------------------------- */

static void
tell(const struct audit_report *r, bool with_key)
{
    printf("events       %llu\nlines        %llu\nroot         %.*s\ncheckpoints  %llu\n",
           (unsigned long long)r->events, (unsigned long long)r->size, STR(r->root),
           (unsigned long long)r->checkpoints);
    if (with_key)
        printf("signatures   %llu\n", (unsigned long long)r->signatures);
    else
        printf("signatures   not checked: name the signer's key with --key\n");
    if (r->torn + r->lost != 0)
        printf("torn tails   %llu\nlost rings   %llu\n", (unsigned long long)r->torn,
               (unsigned long long)r->lost);
}

static err_t
known(struct cli *c, struct audit_verify_setup *setup)
{
    const char *root = cli_option(c, "root");

    if (!cli_number(c, "size", 0, &setup->known_size))
        return refuse(&c->cx, ERR_BAD_REQUEST, "", "--size takes a number");
    setup->known_root = str_of(root);
    if ((setup->known_size != 0) != (root != NULL))
        return refuse(&c->cx, ERR_BAD_REQUEST, "", "--size and --root go together");
    return ERR_OK;
}

int
cli__audit_verify(struct cli *c)
{
    scoped(jwk_fini) struct jwk key = { 0 };
    struct audit_verify_setup setup = { 0 };
    struct audit_report report;
    bool with_key = cli_option(c, "key") != NULL;
    const char *folder = NULL;
    err_t e;

    if ((e = known(c, &setup)) != ERR_OK || (with_key && (e = read_key(c, &key)) != ERR_OK))
        return door_wrong(c, e);
    if (with_key) {
        setup.check = check_signature;
        setup.state = &key;
    }
    if (folder_of(c, &folder) != ERR_OK)
        return cli_refused(c, "audit verify");
    e = audit_verify(&c->cx, folder, &setup, &report);
    if (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE)
        return cli_refused(c, "audit verify");
    tell(&report, with_key);
    if (e == ERR_OK) {
        puts("the log is whole");
        return 0;
    }
    if (report.bad_seq != 0)
        printf("first bad    event %llu\n", (unsigned long long)report.bad_seq);
    return cli_refused(c, err_row(e)->text);
}
