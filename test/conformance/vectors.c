/* vectors.c - the adapter that runs published vectors. EUPL-1.2. */
#include "base/str.h"

int
main(void)
{
    return 0;
}
