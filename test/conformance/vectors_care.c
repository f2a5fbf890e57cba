/* vectors_care.c - operations of the floor care: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

const struct op ops_care[] = {
    { NULL, NULL },
};
