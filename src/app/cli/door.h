/*
 * door.h - commands that ask a running node through its internal door.
 *
 * Rule      A command is one row of door.def: method, path and body as
 *           templates. <1> is the first argument, <name> the value of --name:
 *           percent-encoded in a path or form, a JSON string in a body; <!1>
 *           is JSON itself, checked. A part in [[ ]] is left out when a value
 *           in it was not given. In a JSON body ' stands for ", and a comma
 *           that would stand first is left out; in a path the first & is
 *           written ?. A switch is `true` in JSON, and nothing in a path.
 *           @FILE as a value, or - for standard input, stands for what is
 *           read there, without the newline at its end; @@ is one @.
 * Trust     What stands in a path is refused when it is empty or made of dots:
 *           it would name something else than was meant.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_DOOR_H
#define KNOOP_APP_CLI_DOOR_H

#include "app/cli/cli.h"

enum door_form { DOOR_FORM_NONE, DOOR_FORM_PATH, DOOR_FORM_JSON, DOOR_FORM_WWW };

struct door_call {
    const char *command;       /* the cli_command's name */
    const char *method, *path; /* "GET" */
    enum door_form form;       /* of the body; NONE: there is none */
    const char *body;
    const char *yes; /* exit 0 only when this member of the answer is true; NULL: any */
};

extern const struct cli_command door_commands[];

/* What every command that asks a node takes; put it before { 0 }. */
#define DOOR_OPTIONS                                                                       \
    { "address", "ADDRESS",                                                                \
      "the node's internal door: HOST:PORT or URL (default: as the options say)" },        \
        { "configfile", "FILE", "the node's options file (default: as the server's)" },    \
    {                                                                                      \
        "token-file", "FILE", "a file with the operator's token, where the door asks one"  \
    }

/*
 * Asks the node. Any HTTP status is ERR_OK. `type` and `body` may be empty.
 *
 *   ERR_UPSTREAM   nobody answers there; the reason says where
 *   ERR_CONF       the options cannot be read
 */
err_t door_ask(struct cli *c, const char *method, struct str path, struct str type,
               struct str body, int *status, struct str *reply) NODISCARD;
/*
 * The same, and then: 2xx is ERR_OK; else NOT_FOUND or UPSTREAM, and the reason is
 * what the node said was wrong.
 */
err_t door_get(struct cli *c, const char *method, struct str path, struct str type,
               struct str body, struct str *reply) NODISCARD;

/*
 * Fills a template; see above.
 *
 *   ERR_BAD_REQUEST   a value is missing, no JSON, not to stand in a path, or not UTF-8
 *   what os_read_file says of @FILE
 */
err_t door_fill(struct cli *c, const char *template, enum door_form form,
                struct str *out) NODISCARD;
/* One value: what was said, or what @FILE or - holds. .p NULL when it was not given. */
err_t door_value(struct cli *c, struct str name, struct str *out) NODISCARD;
/* Says why a template could not be filled; the exit code. */
int door_wrong(struct cli *c, err_t e);

/*
 * On standard output: a JSON text without its quotes, other JSON indented when
 * that is a terminal, whatever else as it is; a terminal gets no control
 * characters.
 */
void door_print(struct str reply);
/* JSON indented by four; the text must be valid. */
err_t door_indent(struct ctx *cx, struct str text, struct str *out) NODISCARD;

/* Asks others as the node would: its options for hosts and authorities. */
struct fetch_request;
struct fetch_reply;
err_t door_fetch(struct cli *c, const struct fetch_request *in,
                 struct fetch_reply *out) NODISCARD;

#endif
