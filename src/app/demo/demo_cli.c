/* demo_cli.c - the commands of the demo. EUPL-1.2. */
#include "app/demo/demo_cli_int.h"

static const struct cli_option data_options[] = {
    { "patients", "N", "how many (default 25)" },
    { "seed", "S", "which ones: the same seed gives the same people (default 1)" },
    { "organisation", "ID", "hospital, gp, homecare or pharmacy alone (default all)" },
    { "out", "FOLDER", "write FOLDER/<organisation>.ndjson (default: standard output)" },
    { 0 },
};

const struct cli_command demo_commands[] = {
    { "demo data", "", "Make up patients and their records, as NDJSON of FHIR resources.",
      data_options, 0, 0, demo__data },
    { 0 },
};
