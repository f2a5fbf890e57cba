/* ca_cli.c - `knoop ca`: the commands over ca.h. EUPL-1.2. */
#include "app/demo/ca.h"
#include "app/demo/demo_cli_int.h"

#include <stdio.h>

static const char *
folder_of(const struct cli *c)
{
    return cli_option(c, "folder") != NULL ? cli_option(c, "folder") : "ca";
}

static struct str
text_of(const struct cli *c, const char *name, const char *otherwise)
{
    const char *given = cli_option(c, name);

    return str_of(given != NULL ? given : otherwise);
}

int
demo__ca_init(struct cli *c)
{
    if (ca_init(&c->cx, folder_of(c), text_of(c, "crl-base", "")) != ERR_OK)
        return cli_refused(c, "ca init");
    return 0;
}

int
demo__ca_tls(struct cli *c)
{
    for (int i = 0; i < c->argc; i++)
        if (ca_tls(&c->cx, folder_of(c), str_of(c->argv[i])) != ERR_OK)
            return cli_refused(c, "ca tls");
    return 0;
}

int
demo__ca_uzi(struct cli *c)
{
    struct ca_uzi what = {
        .name = str_of(c->argv[0]),
        .organisation = text_of(c, "organisation", c->argv[0]),
        .locality = text_of(c, "locality", "Vlietdam"),
        .ura = text_of(c, "ura", ""),
        .agb = text_of(c, "agb", "00000000"),
        .number = text_of(c, "number", "900030757"),
    };
    bool expired = cli_option(c, "expired") != NULL;

    if (what.ura.n != 8) {
        fprintf(stderr, "knoop: --ura takes eight digits\n");
        return 2;
    }
    what.to_ms = c->cx.now_ms + (expired ? -3600000 : INT64_C(86400000) * 365);
    what.from_ms = c->cx.now_ms - INT64_C(86400000) * 2;
    if (ca_uzi(&c->cx, folder_of(c), &what) != ERR_OK)
        return cli_refused(c, "ca uzi");
    return 0;
}

int
demo__ca_revoke(struct cli *c)
{
    if (ca_revoke(&c->cx, folder_of(c), str_of(c->argv[0])) != ERR_OK)
        return cli_refused(c, "ca revoke");
    return 0;
}

int
demo__ca_lists(struct cli *c)
{
    if (ca_lists(&c->cx, folder_of(c)) != ERR_OK)
        return cli_refused(c, "ca lists");
    return 0;
}
