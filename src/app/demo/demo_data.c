/* demo_data.c - `knoop demo data`: made-up patients as NDJSON. EUPL-1.2. */
#include "app/demo/data.h"
#include "app/demo/demo_cli_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where the lines go: one file per organisation, or all to standard output. */
struct out {
    FILE *file[DATA_ORGS];
    bool wanted[DATA_ORGS];
    uint64_t written;
};

static err_t
write_line(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    struct out *out = arg;
    FILE *f = out->file[org];

    (void)type;
    if (!out->wanted[org])
        return ERR_OK;
    out->written++;
    if (fwrite(line.p, 1, line.n, f) != line.n || putc('\n', f) == EOF)
        return refuse(cx, ERR_INTERNAL, "", "writing failed: %s", strerror(errno));
    return ERR_OK;
}

static bool
choose(struct out *out, const char *organisation)
{
    bool any = false;

    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        out->wanted[org] =
            organisation == NULL || strcmp(organisation, data_org(org)->id) == 0;
        any = any || out->wanted[org];
    }
    if (!any)
        fprintf(stderr, "knoop: --organisation is hospital, gp, homecare or pharmacy\n");
    return any;
}

static bool
open_files(struct out *out, const char *folder)
{
    char path[4096];

    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        out->file[org] = stdout;
        if (folder == NULL || !out->wanted[org])
            continue;
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            break;
        snprintf(path, sizeof(path), "%s/%s.ndjson", folder, data_org(org)->id);
        out->file[org] = fopen(path, "w");
        if (out->file[org] == NULL)
            break;
        setvbuf(out->file[org], NULL, _IOFBF, 1 << 20);
    }
    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if (out->file[org] == NULL) {
            fprintf(stderr, "knoop: cannot write in %s: %s\n", folder, strerror(errno));
            return false;
        }
    return true;
}

static err_t
write_all(struct ctx *cx, struct out *out, uint64_t seed, uint64_t patients)
{
    err_t e = data_write_common(cx, write_line, out);

    for (uint64_t i = 0; e == ERR_OK && i < patients; i++)
        e = data_write_patient(cx, seed, i, write_line, out);
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        bool bad = out->file[org] != stdout && fclose(out->file[org]) != 0;

        if (bad && e == ERR_OK)
            e = refuse(cx, ERR_INTERNAL, "", "writing failed: %s", strerror(errno));
    }
    if (e == ERR_OK && fflush(stdout) != 0)
        e = refuse(cx, ERR_INTERNAL, "", "writing failed: %s", strerror(errno));
    return e;
}

int
demo__data(struct cli *c)
{
    struct out out = { 0 };
    uint64_t patients, seed;

    if (!cli_number(c, "patients", 25, &patients) || !cli_number(c, "seed", 1, &seed) ||
        !choose(&out, cli_option(c, "organisation")) ||
        !open_files(&out, cli_option(c, "out")))
        return 2;
    if (write_all(&c->cx, &out, seed, patients) != ERR_OK)
        return cli_refused(c, "demo data");
    fprintf(stderr, "knoop: %llu resources of %llu patients\n",
            (unsigned long long)out.written, (unsigned long long)patients);
    return 0;
}
