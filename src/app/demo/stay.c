/* stay.c - see stay.h. EUPL-1.2. */
#include "app/demo/stay.h"

#include <stdio.h>

static void
print_addresses(const struct play *p)
{
    puts("\nIt stays until Ctrl-C.\n\n"
         "                 for the network                     for its own systems       "
         "its FHIR store");
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        const struct world_node *n = &p->w->node[org];

        printf("  %-12s  https://%-26.*s  http://127.0.0.1:%-6d    "
               "http://127.0.0.1:%d/fhir\n",
               n->who->id, STR(n->host), n->internal_port, n->source_port);
    }
    puts("\nTry:\n");
}

/* curl to a public door: name and certificate as anywhere, the address is ours. */
static void
print_public(const struct play *p, const struct world_node *n, const char *path)
{
    printf("  $ curl -s --cacert %s/shared/tls-root.pem --connect-to "
           "%.*s:443:127.0.0.1:%d 'https://%.*s%s'\n",
           p->w->folder, STR(n->host), n->public_port, STR(n->host), path);
}

void
stay_print(struct play *p)
{
    const struct world_node *hospital = p->hospital, *homecare = p->homecare;

    print_addresses(p);
    print_public(p, hospital, "/fhir/hospital/metadata");
    print_public(p, hospital, "/.well-known/oauth-authorization-server/oauth2/hospital");
    print_public(p, hospital, "/fhir/hospital/Patient/p00004");
    printf("  $ curl -s http://127.0.0.1:%d/health\n", hospital->internal_port);
    printf("  $ curl -s http://127.0.0.1:%d/internal/vcr/v2/holder/homecare/vc\n",
           homecare->internal_port);
    printf("  $ curl -s 'http://127.0.0.1:%d/fhir/Observation/$lastn?patient=Patient/"
           "p00004'\n",
           hospital->source_port);
    fflush(stdout);
}
