/* vectors_sys.c - operations of the floor sys: see vectors.c for how to add one. EUPL-1.2.
 */
#include "vectors.h"

const struct op ops_sys[] = {
    { NULL, NULL },
};
