/* world_int.h - between the files of the world. EUPL-1.2. */
#ifndef KNOOP_APP_DEMO_WORLD_INT_H
#define KNOOP_APP_DEMO_WORLD_INT_H

#include "app/demo/world.h"

enum { WORLD_PATIENTS = 25 };

/* <folder>/<a>[/<b>], NUL-terminated; .p NULL without memory. */
struct str world__path(struct world *w, const char *a, const char *b);
/* The authority, folders, root keys, TLS certificates, records. */
err_t world__write(struct world *w) NODISCARD;
/* <node>/knoop.yaml, with what is known by now. */
err_t world__options(struct world *w, const struct world_node *n) NODISCARD;
err_t world__own_conf(struct world *w) NODISCARD;
/* Begins to make certificates, in threads of their own; no process is started after. */
err_t world__make_certificates(struct world *w) NODISCARD;

#endif
