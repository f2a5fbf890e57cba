/* vectors_trust.c - operations of the floor trust: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

const struct op ops_trust[] = {
    { NULL, NULL },
};
