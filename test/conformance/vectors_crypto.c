/* vectors_crypto.c - operations of the floor crypto: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

const struct op ops_crypto[] = {
    { NULL, NULL },
};
