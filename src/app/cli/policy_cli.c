/*
 * policy_cli.c - `knoop policy check|test|explain`: on a folder, without a node.
 *
 * Rule      mission 101. What does not hold is named with where; exit 1.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/node_cli.h"

#include <stdio.h>

#include "care/policy/policy.h"
#include "codec/json/json.h"
#include "sys/conf/conf.h"

extern char **environ;

/* The folder that was named, or the node's own. */
static err_t
folder_of(struct cli *c, struct str *out)
{
    struct conf *conf;
    const char *said = cli_option(c, "folder");
    err_t e;

    *out = str_of(said);
    if (said != NULL)
        return ERR_OK;
    if ((e = conf_load(&c->cx, NULL, environ, cli_option(c, "configfile"), &conf)) !=
        ERR_OK)
        return e;
    *out = arena_str(c->cx.arena, conf->policies_folder);
    conf_give(conf);
    return out->p != NULL ? ERR_OK : refuse_memory(&c->cx);
}

static int
print_json(struct cli *c, struct json_out *js, int code)
{
    struct str text;

    if (json_out_done(&c->cx, js, &text) != ERR_OK)
        return cli_refused(c, c->command->name);
    door_print(text);
    return code;
}

int
cli__policy_check(struct cli *c)
{
    struct json_out js;
    struct str folder;
    size_t bad;

    json_out_init(&js, c->cx.arena);
    if (folder_of(c, &folder) != ERR_OK ||
        policy_report(&c->cx, folder, &js, &bad) != ERR_OK)
        return cli_refused(c, "policy check");
    return print_json(c, &js, bad == 0 ? 0 : 1);
}

static err_t
test_one(struct cli *c, const struct policy_source *s, struct json_out *js, size_t *bad)
{
    size_t failed;
    err_t e;

    json_object(js);
    json_member(js, "policy", s->name);
    json_key(js, "tests");
    e = policy_try(&c->cx, s, js, &failed);
    if (e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
        return e;
    if (e != ERR_OK) {
        json_put_null(js);
        json_member(js, "reason", c->cx.reason);
        refuse_clear(&c->cx);
    }
    *bad += e != ERR_OK || failed != 0;
    json_end(js);
    return ERR_OK;
}

int
cli__policy_test(struct cli *c)
{
    struct policy_source *list;
    struct json_out js;
    struct str folder;
    size_t n, bad = 0, seen = 0;

    if (folder_of(c, &folder) != ERR_OK ||
        policy_sources(&c->cx, folder, &list, &n) != ERR_OK)
        return cli_refused(c, "policy test");
    json_out_init(&js, c->cx.arena);
    json_array(&js);
    for (size_t i = 0; i < n; i++) {
        if (c->argc == 1 && !str_is(list[i].name, c->argv[0]))
            continue;
        seen++;
        if (test_one(c, &list[i], &js, &bad) != ERR_OK)
            return cli_refused(c, "policy test");
    }
    json_end(&js);
    if (seen == 0 && c->argc == 1) {
        fprintf(stderr, "knoop: there is no policy '%s' in %.*s\n", c->argv[0],
                STR(folder));
        return 1;
    }
    return print_json(c, &js, bad == 0 ? 0 : 1);
}

/* Exit 0 whether it is allowed or not: the question was answered. */
int
cli__policy_explain(struct cli *c)
{
    struct policy_source *list;
    struct policy_set *set;
    struct json_out js;
    struct str folder, question;
    size_t n, refused;
    err_t e;

    if ((e = door_value(c, S("1"), &question)) != ERR_OK)
        return door_wrong(c, e);
    if (folder_of(c, &folder) != ERR_OK ||
        policy_sources(&c->cx, folder, &list, &n) != ERR_OK ||
        policy_set_new(&c->cx, list, n, NULL, &set, &refused) != ERR_OK)
        return cli_refused(c, "policy explain");
    if (refused != 0)
        fprintf(stderr, "knoop: %zu policies were refused; knoop policy check tells why\n",
                refused);
    json_out_init(&js, c->cx.arena);
    e = policy_explain(&c->cx, set, question, &js);
    policy_set_give(set);
    return e == ERR_OK ? print_json(c, &js, 0) : cli_refused(c, "policy explain");
}
