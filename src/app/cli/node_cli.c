/* node_cli.c - commands that are more than one question to a node. EUPL-1.2. */
#include "app/cli/node_cli.h"

static const struct cli_option fetch_options[] = {
    { "server", "URL", "the other's authorization server: URL/oauth2/NAME (needed)" },
    { "scope", "SCOPE", "what is asked for (needed)" },
    { "type", "TYPE", "DPoP or Bearer (default: DPoP)" },
    { "credentials", "JSON", "list of self-attested credentials: who the user is" },
    { "form", "FORM", "post these search parameters (@FILE or -): a number belongs here" },
    DOOR_OPTIONS,
    { 0 },
};
#define POLICY_FOLDER                                                                      \
    { "folder", "FOLDER", "where policies are (default: as the options say)" },            \
    {                                                                                      \
        "configfile", "FILE", "the node's options file (default: as the server's)"         \
    }
static const struct cli_option policy_options[] = { POLICY_FOLDER, { 0 } };
static const struct cli_option verify_options[] = {
    { "key", "JWK", "the signer's public key, as @FILE (knoop audit key)" },
    { "size", "N", "a checkpoint that is known from elsewhere: its size" },
    { "root", "HEX", "and its root" },
    { "configfile", "FILE", "the node's options file (default: as the server's)" },
    { 0 },
};
static const struct cli_option asking_options[] = { DOOR_OPTIONS, { 0 } };

static const struct cli_option operator_options[] = {
    { "user", "USER", "who asks: stands in the audit log (default: the key's name)" },
    { "audience", "TEXT", "the node's http.internal.auth.audience (needed)" },
    { "minutes", "N", "how long it is good (default 60, at most 1470)" },
    { 0 },
};

const struct cli_command node_commands[] = {
    { "fetch", "SUBJECT URL",
      "Fetch from another organisation's gateway: token, proof and request.", fetch_options,
      2, 2, cli__fetch },
    { "token who", "TOKEN",
      "Who is behind a token that this node gave, vouched for by whom, and how surely.",
      asking_options, 1, 1, cli__token_who },
    { "policy check", "", "Would each policy of a folder be loaded? Exit 0 when all would.",
      policy_options, 0, 0, cli__policy_check },
    { "policy test", "[POLICY]", "Every test of the policies, and which fail.",
      policy_options, 0, 1, cli__policy_test },
    { "policy explain", "QUESTION",
      "What the policies say to a request: JSON as in tests.json, or @FILE or -.",
      policy_options, 1, 1, cli__policy_explain },
    { "audit verify", "[FOLDER]",
      "Is the log of a node whole? Names the first event that is not as it was.",
      verify_options, 0, 1, cli__audit_verify },
    { "audit key", "", "The public key that signs checkpoints: keep it apart.",
      asking_options, 0, 0, cli__audit_key },
    { "operator init", "FILE NAME",
      "Make an operator's key; prints its line for the node's authorized_keys.", NULL, 2, 2,
      cli__operator_init },
    { "operator token", "FILE NAME",
      "Make a token with an operator's key, for --token-file.", operator_options, 2, 2,
      cli__operator_token },
    { 0 },
};
