/*
 * demo_run.c - `knoop demo`: the folder, the world, the play, the summary.
 *
 * Rule      Exit 0 when every step went as it should, 1 when not, or when it was
 *           stopped. Nothing is left running; the folder stays only where that was
 *           asked for.
 * Source    Knoop. EUPL-1.2.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/demo/demo_cli_int.h"
#include "app/demo/play.h"
#include "app/demo/stay.h"
#include "sys/os/os.h"

/* Femke Mulder, whom home care visits; and one on whom there is no ground. */
enum { THE_PATIENT = 3, THE_OTHER = 16, PATH_ROOM = 4096 };

/* --- the folder -------------------------------------------------------------------- */

/* Others may pass: a node may run as another user than we. */
static err_t
make_folder(struct cli *c, const char **out)
{
    const char *given = cli_option(c, "folder"), *tmp = getenv("TMPDIR");
    char *path = NULL;

    if (given != NULL && mkdir(given, 0755) != 0)
        return refuse(&c->cx, ERR_CONFLICT, "", "%s: %s (a new folder is wanted)", given,
                      strerror(errno));
    if (given != NULL)
        path = realpath(given, NULL); /* lives as long as the process */
    else if ((path = arena_alloc(&c->arena, PATH_ROOM)) != NULL) {
        snprintf(path, PATH_ROOM, "%s/knoop-demo-XXXXXX",
                 tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
        path = mkdtemp(path);
    }
    *out = path;
    if (path == NULL || chmod(path, 0755) != 0)
        return refuse(&c->cx, ERR_INTERNAL, "", "no folder to work in: %s",
                      strerror(errno));
    return ERR_OK;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void
leave_folder(struct cli *c, const char *folder)
{
    bool keep = cli_option(c, "folder") != NULL || cli_option(c, "keep") != NULL;

    if (folder == NULL)
        return;
    if (keep)
        printf("All that was made is in %s\n", folder);
    else if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "knoop: %s could not be removed\n", folder);
}

/* --- the play ----------------------------------------------------------------------- */

static void
cast(struct play *p, struct world *w)
{
    *p = (struct play){ .w = w,
                        .cx = w->cx,
                        .hospital = &w->node[DATA_HOSPITAL],
                        .gp = &w->node[DATA_GP],
                        .homecare = &w->node[DATA_HOMECARE],
                        .pharmacy = &w->node[DATA_PHARMACY],
                        .nurse = data_staff(DATA_HOMECARE, 0),
                        .patient = S("p00004"),
                        .other = S("p00017") };
    data_bsn(THE_PATIENT, p->number);
    data_bsn(THE_OTHER, p->other_number);
}

static void
introduce(const struct world *w)
{
    printf("A country on this machine, in %s\n\n", w->folder);
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        const struct world_node *n = &w->node[org];

        printf("  %-29s URA %s   https://%.*s  (127.0.0.1:%d)\n", n->who->name, n->who->ura,
               STR(n->host), n->public_port);
    }
    puts("\nEach has a node and a FHIR store of its own, in processes of their own: TLS, "
         "strict mode.\nLoosened by name alone: fetch.hosts, fetch.allowed_ranges, and a "
         "test authority as root.");
    fflush(stdout);
}

static bool
perform(struct cli *c, struct world *w)
{
    struct play p;
    int64_t from = os_tick_ms();
    bool well;

    cast(&p, w);
    introduce(w);
    well = play_all(&p);
    printf("\n%u passed, %u failed, in %.1f s\n", p.passed, p.failed,
           (double)(os_tick_ms() - from) / 1000);
    if (cli_option(c, "stay") != NULL && !w->stop) {
        stay_print(&p);
        world_stay(w);
    }
    return well;
}

int
demo__run(struct cli *c)
{
    struct world w = { .cx = &c->cx, .policies = cli_option(c, "policies") };
    bool well = false;
    int64_t from = os_tick_ms();

    umask(022);
    os_log_open(LOG_TEXT, LOG_WARN);
    if (make_folder(c, &w.folder) != ERR_OK)
        return cli_refused(c, "demo");
    if (world_open(&w) == ERR_OK) {
        printf("Started in %.1f s. ", (double)(os_tick_ms() - from) / 1000);
        well = perform(c, &w);
    } else {
        cli_refused(c, "demo");
    }
    if (world_close(&w) != ERR_OK) {
        well = false;
        cli_refused(c, "demo: at the end");
    }
    leave_folder(c, w.folder);
    return well ? 0 : 1;
}
