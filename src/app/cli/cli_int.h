/* cli_int.h - inside the command line: commands by their first word. EUPL-1.2. */
#ifndef KNOOP_APP_CLI_INT_H
#define KNOOP_APP_CLI_INT_H

#include "app/cli/cli.h"

/* "subject" of "subject create". */
struct str cli__first_word(const char *name);
/* Is this the first command of all with its first word? */
bool cli__is_first(const struct cli_command *const *tables, const struct cli_command *cmd);

#endif
