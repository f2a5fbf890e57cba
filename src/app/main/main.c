/* main.c - the one program. EUPL-1.2. */
#include <stdio.h>

int
main(void)
{
    puts("knoop " KNOOP_VERSION);
    return 0;
}
