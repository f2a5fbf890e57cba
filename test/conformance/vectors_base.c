/* vectors_base.c - operations of the floor base: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

const struct op ops_base[] = {
    { NULL, NULL },
};
