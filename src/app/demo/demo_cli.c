/* demo_cli.c - the commands of the demo. EUPL-1.2. */
#include "app/demo/ca_serve.h"
#include "app/demo/demo_cli_int.h"

static const struct cli_option run_options[] = {
    { "stay", NULL, "keep it running, and print addresses and lines to try" },
    { "keep", NULL, "leave the folder behind" },
    { "folder", "FOLDER", "work there, and leave it (default: a temporary one)" },
    { "policies", "FOLDER", "where the policies are (default: beside the program)" },
    { 0 },
};

static const struct cli_option data_options[] = {
    { "patients", "N", "how many (default 25)" },
    { "seed", "S", "which ones: the same seed gives the same people (default 1)" },
    { "organisation", "ID", "hospital, gp, homecare or pharmacy alone (default all)" },
    { "out", "FOLDER", "write FOLDER/<organisation>.ndjson (default: standard output)" },
    { 0 },
};

#define FOLDER                                                                             \
    {                                                                                      \
        "folder", "FOLDER", "where the authority's files are (default: ca)"                \
    }
static const struct cli_option ca_options[] = { FOLDER, { 0 } };
static const struct cli_option serve_options[] = {
    { "address", "HOST:PORT", "where it listens (default 127.0.0.1:9091)" },
    FOLDER,
    { 0 },
};
static const struct cli_option init_options[] = {
    { "crl-base", "URL", "where revocation lists will be served; put in certificates" },
    FOLDER,
    { 0 },
};
static const struct cli_option uzi_options[] = {
    { "ura", "URA", "eight digits" },
    { "organisation", "TEXT", "its name" },
    { "locality", "TEXT", "its city" },
    { "agb", "AGB", "eight digits" },
    { "number", "NUMBER", "UZI number" },
    { "expired", NULL, "a certificate that is over" },
    FOLDER,
    { 0 },
};

const struct cli_command demo_commands[] = {
    { "ca init", "", "Make a certification authority for tests (never for production).",
      init_options, 0, 0, demo__ca_init },
    { "ca tls", "HOST...", "Make TLS certificates: HOST.pem and HOST.key.", ca_options, 1,
      64, demo__ca_tls },
    { "ca uzi", "NAME", "Make a UZI-like server certificate: NAME.pem and NAME.key.",
      uzi_options, 1, 1, demo__ca_uzi },
    { "ca revoke", "NAME", "Revoke NAME.pem and write the lists anew.", ca_options, 1, 1,
      demo__ca_revoke },
    { "ca lists", "", "Write the revocation lists anew.", ca_options, 0, 0,
      demo__ca_lists },
    { "ca serve", "", "Serve the revocation lists over http.", serve_options, 0, 0,
      demo__ca_serve },
    { "demo", "",
      "Run a country on this machine: a record is fetched, and refused where that is "
      "right.",
      run_options, 0, 0, demo__run },
    { "demo data", "", "Make up patients and their records, as NDJSON of FHIR resources.",
      data_options, 0, 0, demo__data },
    { "demo people", "", "Print who the made-up people are.", NULL, 0, 0, demo__people },
    { 0 },
};
