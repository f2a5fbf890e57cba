/*
 * backup.h - the data folder of a node that stands still, copied and restored.
 *
 * Rule      A backup is whole or refused: the folder's lock is held meanwhile, so
 *           no node writes to it. Keys stay encrypted; the root key is not in it,
 *           and a restore proves first that the root key given opens every key.
 *           With PostgreSQL the database is backed up by its own means, in the
 *           same standstill.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_BACKUP_H
#define KNOOP_APP_MAIN_BACKUP_H

#include "app/cli/cli.h"

/* CONFLICT while a node runs on `datadir`, or when `to` is there. */
err_t backup_make(struct ctx *cx, const char *datadir, const char *to) NODISCARD;
/*
 * KEY_ROOT or DECRYPT when the root key in `root_file` does not open the
 * backup's keys; CONFLICT when `datadir` is there. `*keys` were opened.
 */
err_t backup_restore(struct ctx *cx, const char *from, const char *datadir,
                     const char *root_file, size_t *keys) NODISCARD;

extern const struct cli_command backup_commands[];

#endif
