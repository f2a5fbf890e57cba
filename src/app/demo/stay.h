/* stay.h - `knoop demo --stay`: addresses, and lines to try. EUPL-1.2. */
#ifndef KNOOP_APP_DEMO_STAY_H
#define KNOOP_APP_DEMO_STAY_H

#include "app/demo/play.h"

/* Each line that begins with "  $ " works when it is pasted in a shell. */
void stay_print(struct play *p);

#endif
