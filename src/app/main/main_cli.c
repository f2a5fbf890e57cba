/*
 * main_cli.c - the commands of the whole program.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/main_cli_int.h"

#include <stdio.h>

#include "app/cli/print.h"
#include "app/main/main_rooms.h"
#include "codec/json/json.h"
#include "sys/conf/conf.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"
#include "sys/stat/stat.h"

extern char **environ;

static int
print_str(struct cli *c, err_t e, struct str text, const char *what)
{
    if (e != ERR_OK)
        return cli_refused(c, what);
    fwrite(text.p, 1, text.n, stdout);
    return 0;
}

static int
load_conf(struct cli *c, struct conf **conf)
{
    os_log_open(LOG_TEXT, LOG_WARN); /* what does nothing is named */
    if (conf_load(&c->cx, c->argv, environ, cli_option(c, "configfile"), conf) != ERR_OK)
        return cli_refused(c, c->command->name);
    return 0;
}

static int
config_print(struct cli *c)
{
    struct conf *conf;
    struct str text;
    int code;
    err_t e;

    c->argv[c->argc] = NULL;
    if ((code = load_conf(c, &conf)) != 0)
        return code;
    e = conf_print_yaml(&c->cx, conf, &text);
    conf_give(conf);
    return print_str(c, e, text, "config print");
}

static int
config_check(struct cli *c)
{
    struct conf *conf;
    int code;
    err_t e;

    c->argv[c->argc] = NULL;
    if ((code = load_conf(c, &conf)) != 0)
        return code;
    e = conf_prove(&c->cx, conf);
    conf_give(conf);
    if (e != ERR_OK)
        return cli_refused(c, "config check");
    puts("the options are well");
    return 0;
}

static int
print_options(struct cli *c)
{
    struct str text;
    err_t e = conf_print_doc(&c->cx, &text);

    return print_str(c, e, text, "print options");
}

static int
print_the_routes(struct cli *c)
{
    size_t n;
    const struct http_route *const *const tables = main_routes(&n);

    (void)c;
    print_routes(tables, n);
    return 0;
}

static int
print_the_openapi(struct cli *c)
{
    size_t n;
    const struct http_route *const *const tables = main_routes(&n);

    return print_openapi(&c->cx, tables, n) == ERR_OK ? 0 : cli_refused(c, "print openapi");
}

static int
print_doc(struct cli *c, enum stat_doc which)
{
    struct str text;
    err_t e = stat_print_doc(&c->cx, which, false, &text);

    return print_str(c, e, text, c->command->name);
}

static int
print_errors(struct cli *c)
{
    return print_doc(c, STAT_DOC_ERRORS);
}

static int
print_audit(struct cli *c)
{
    return print_doc(c, STAT_DOC_AUDIT);
}

static int
print_metrics(struct cli *c)
{
    return print_doc(c, STAT_DOC_METRICS);
}

static int
keys_init(struct cli *c)
{
    if (keys_root_make(&c->cx, c->argv[0]) != ERR_OK)
        return cli_refused(c, "keys init");
    fprintf(stderr,
            "knoop: made %s. Keep a copy apart from the data folder: without it no key\n"
            "       can be read again.\n",
            c->argv[0]);
    return 0;
}

static int
print_man(struct cli *c)
{
    (void)c;
    cli_print_man(main_tables());
    return 0;
}

static int
print_completion(struct cli *c)
{
    (void)c;
    cli_print_completion(main_tables());
    return 0;
}

static const struct cli_option conf_options[] = {
    { "configfile", "FILE", "the options file (default: as the server's)" },
    { "OPTION=VALUE", NULL, "as the server is given them" },
    { 0 },
};

static const struct cli_option source_options[] = {
    { "address", "HOST:PORT", "where it listens (default 127.0.0.1:9090)" },
    { "data", "FOLDER", "where its database is (default ./source)" },
    { "load", "FILE", "first load these resources (NDJSON)" },
    { "base", "URL", "its base URL in answers (default from the address)" },
    { "allow-remote", NULL, "listen on another address than loopback" },
    { 0 },
};

/* Only for help: main.c sees to `knoop server` itself. */
static const struct cli_option server_options[] = {
    { "configfile", "FILE",
      "the options file (default: config/knoop.yaml, config/nuts.yaml "
      "or /etc/knoop/knoop.yaml)" },
    { "OPTION=VALUE", NULL, "any option: knoop print options lists them" },
    { 0 },
};

static int
server(struct cli *c)
{
    (void)c;
    return 2;
}

const struct cli_command main_commands[] = {
    { "server", "",
      "Run the node until SIGTERM; SIGHUP reads options, certificates and policies anew.",
      server_options, 0, 0, server },
    { "source", "",
      "Serve a FHIR R4 store, for the demo and for whoever has no FHIR server.",
      source_options, 0, 0, main__source },
    { "config print", "[KEY=VALUE...]",
      "Print every option as it would be in force, and whence.", conf_options, 0, 64,
      config_print },
    { "config check", "[KEY=VALUE...]",
      "See whether a server would start with these options.", conf_options, 0, 64,
      config_check },
    { "keys init", "FILE", "Make the root key under which a node's keys are kept.", NULL, 1,
      1, keys_init },
    { "print options", "", "Print docs/options.md.", NULL, 0, 0, print_options },
    { "print routes", "", "Print docs/api.md.", NULL, 0, 0, print_the_routes },
    { "print openapi", "", "Print the endpoints as OpenAPI 3.1.", NULL, 0, 0,
      print_the_openapi },
    { "print errors", "", "Print docs/errors.md.", NULL, 0, 0, print_errors },
    { "print audit", "", "Print docs/audit.md.", NULL, 0, 0, print_audit },
    { "print metrics", "", "Print docs/metrics.md.", NULL, 0, 0, print_metrics },
    { "print man", "", "Print the man page.", NULL, 0, 0, print_man },
    { "print completion", "", "Print the completion for bash.", NULL, 0, 0,
      print_completion },
    { 0 },
};
