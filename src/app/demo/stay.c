/* stay.c - see stay.h. EUPL-1.2. */
#include "app/demo/stay.h"

#include <stdio.h>

static void
print_addresses(const struct play *p)
{
    puts("\nIt stays until Ctrl-C.\n\n"
         "                for the network                       its own systems         "
         "its FHIR store");
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        const struct world_node *n = &p->w->node[org];

        printf(
            "  %-12s  https://%-28.*s  http://127.0.0.1:%-6d  http://127.0.0.1:%d/fhir\n",
            n->who->id, STR(n->host), n->internal_port, n->source_port);
    }
    puts("\nTo try:\n");
}

/* curl to a public door: name and certificate as anywhere; the address is this machine's.
 */
static void
print_public(const struct play *p, const struct world_node *n, const char *path)
{
    printf("  $ curl -s --cacert %s/shared/tls-root.pem --connect-to "
           "%.*s:443:127.0.0.1:%d 'https://%.*s%s'\n",
           p->w->folder, STR(n->host), n->public_port, STR(n->host), path);
}

static void
print_fetch(const struct play *p, const char *path)
{
    printf("  $ %s fetch homecare 'https://%.*s/fhir/hospital/%s' --server %.*s --scope bgz"
           " --address 127.0.0.1:%d --configfile %s/client.yaml\n",
           p->w->program, STR(p->hospital->host), path, STR(p->hospital->issuer),
           p->homecare->internal_port, p->w->folder);
}

static void
print_lines(const struct play *p)
{
    const char *program = p->w->program, *folder = p->w->folder;
    int hospital = p->hospital->internal_port, homecare = p->homecare->internal_port;

    puts("  the hospital, as strangers see it");
    print_public(p, p->hospital, "/fhir/hospital/metadata");
    print_public(p, p->hospital, "/.well-known/oauth-authorization-server/oauth2/hospital");
    print_public(p, p->hospital, "/fhir/hospital/Patient/p00004");
    puts("  home care: what it can show, a token, a record");
    printf("  $ curl -s http://127.0.0.1:%d/internal/vcr/v2/holder/homecare/vc\n",
           homecare);
    printf("  $ curl -s http://127.0.0.1:%d/internal/auth/v2/homecare/"
           "request-service-access-token -H 'Content-Type: application/json' -d "
           "'{\"authorization_server\":\"%.*s\",\"scope\":\"bgz\"}'\n",
           homecare, STR(p->hospital->issuer));
    print_fetch(p, "Patient/p00004");
    print_fetch(p, "AllergyIntolerance?patient=Patient/p00004");
    puts("  the hospital: on what ground, and who asked");
    printf("  $ %s ground list hospital --live --address 127.0.0.1:%d\n", program,
           hospital);
    printf("  $ echo %s | %s audit search --patient - --address 127.0.0.1:%d\n", p->number,
           program, hospital);
    printf("  $ %s audit verify %s/hospital/data\n", program, folder);
    printf("  $ curl -s 'http://127.0.0.1:%d/fhir/Observation/$lastn?patient=Patient/"
           "p00004'\n",
           p->hospital->source_port);
}

void
stay_print(struct play *p)
{
    if (play_ground(p) != ERR_OK) /* the last one has ended */
        fprintf(stderr, "knoop: no ground could be recorded: %.*s\n", STR(p->cx->reason));
    print_addresses(p);
    print_lines(p);
    fflush(stdout);
}
