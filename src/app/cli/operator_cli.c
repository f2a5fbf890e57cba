/*
 * operator_cli.c - `knoop operator`: keys and tokens for an internal door that asks
 * who calls (http.internal.auth.type: token_v2).
 *
 * Rule      nuts-node.md 4.8. The key stays in its file; the node gets its public half.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/node_cli.h"

#include <stdio.h>
#include <string.h>

#include "app/cli/credential.h"
#include "sys/operator/operator.h"
#include "sys/os/os.h"

enum { MINUTES = 60, MINUTES_MAX = 1470 };

static bool
is_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return name[0] != '\0' && name[0] != ' ' && name[strlen(name) - 1] != ' ';
}

static err_t
make(struct ctx *cx, const char *path, struct str name, struct str *line)
{
    scoped(secret_fini) struct secret der = { 0 };
    scoped(key_drop) struct key *key = NULL;
    struct buf b;
    struct str pem;
    err_t e;

    if ((e = key_generate(cx, KEY_P256, &key)) != ERR_OK ||
        (e = operator_key_line(cx, key, name, line)) != ERR_OK ||
        (e = key_to_pkcs8(cx, key, &der)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    pem_put(&b, "PRIVATE KEY", secret_peek(&der));
    if ((e = buf_done(cx, &b, &pem)) != ERR_OK)
        return e;
    return os_write_new(cx, path, bytes_of(pem), 0600);
}

int
cli__operator_init(struct cli *c)
{
    struct str line;

    if (!is_name(c->argv[1])) {
        fprintf(stderr, "knoop: a name is one line, without space around it\n");
        return 2;
    }
    if (make(&c->cx, c->argv[0], str_of(c->argv[1]), &line) != ERR_OK)
        return cli_refused(c, "operator init");
    printf("%.*s\n", STR(line));
    return 0;
}

int
cli__operator_token(struct cli *c)
{
    scoped(key_drop) struct key *key = NULL;
    const char *user = cli_option(c, "user"), *audience = cli_option(c, "audience");
    uint64_t minutes;
    struct str token;

    if (audience == NULL) {
        fprintf(stderr, "knoop: --audience is needed\n");
        return 2;
    }
    if (!cli_number(c, "minutes", MINUTES, &minutes))
        return 2;
    if (minutes < 2 || minutes > MINUTES_MAX) {
        fprintf(stderr, "knoop: --minutes is from 2 to %d\n", MINUTES_MAX);
        return 2;
    }
    if (credential_key(&c->cx, c->argv[0], &key) != ERR_OK ||
        operator_token(&c->cx, key, str_of(c->argv[1]),
                       str_of(user != NULL ? user : c->argv[1]), str_of(audience),
                       (int64_t)minutes * 60000, &token) != ERR_OK)
        return cli_refused(c, "operator token");
    printf("%.*s\n", STR(token));
    return 0;
}
