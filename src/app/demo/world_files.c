/*
 * world_files.c - what is written before anything starts: the authority, the options
 * of each node, its records. EUPL-1.2.
 */
#include "app/demo/world_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/demo/ca.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"

enum { COPY_MAX = 1 << 20, SCRATCH = 4 << 20 };

#define CRL_BASE "http://crl." WORLD_DOMAIN

static err_t
folder(struct ctx *cx, struct str path, mode_t mode)
{
    if (mkdir(path.p, mode) != 0 && errno != EEXIST)
        return refuse(cx, ERR_INTERNAL, "", "%s: %s", path.p, strerror(errno));
    if (chmod(path.p, mode) != 0) /* the umask does not decide this */
        return refuse(cx, ERR_INTERNAL, "", "%s: %s", path.p, strerror(errno));
    return ERR_OK;
}

struct str
world__path(struct world *w, const char *a, const char *b)
{
    return arena_printf(w->cx->arena, "%s/%s%s%s", w->folder, a, b[0] ? "/" : "", b);
}

static err_t
copy_file(struct ctx *cx, const char *from, const char *to)
{
    struct bytes data;
    err_t e = os_read_file(cx, from, COPY_MAX, &data);

    return e != ERR_OK ? e : os_write_file(cx, to, data, 0644);
}

/* One policy: a folder of files. */
static err_t
copy_policy(struct world *w, struct str name)
{
    struct str to = arena_printf(w->cx->arena, "%s/shared/policies/%.*s", w->folder,
                                 STR(name)),
               from = arena_printf(w->cx->arena, "%s/%.*s", w->policies, STR(name)), *files;
    size_t n;
    err_t e;

    if (to.p == NULL || from.p == NULL)
        return refuse_memory(w->cx);
    if ((e = folder(w->cx, to, 0755)) != ERR_OK ||
        (e = os_folder_list(w->cx, from.p, &files, &n)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++) {
        struct str a = arena_printf(w->cx->arena, "%.*s/%.*s", STR(from), STR(files[i])),
                   b = arena_printf(w->cx->arena, "%.*s/%.*s", STR(to), STR(files[i]));

        if (a.p == NULL || b.p == NULL)
            return refuse_memory(w->cx);
        if ((e = copy_file(w->cx, a.p, b.p)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* A node may run as another user than who owns this program's folder: so copies. */
static err_t
share(struct world *w)
{
    static const char *const roots[] = { "tls-root.pem", "uzi-root.pem" };
    struct str *names;
    size_t n;
    err_t e;

    if ((e = folder(w->cx, world__path(w, "shared", ""), 0755)) != ERR_OK ||
        (e = folder(w->cx, world__path(w, "shared/policies", ""), 0755)) != ERR_OK ||
        (e = os_folder_list(w->cx, w->policies, &names, &n)) != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT(roots); i++)
        if ((e = copy_file(w->cx, world__path(w, "ca", roots[i]).p,
                           world__path(w, "shared", roots[i]).p)) != ERR_OK)
            return e;
    for (size_t i = 0; i < n; i++)
        if ((e = copy_policy(w, names[i])) != ERR_OK)
            return e;
    return ERR_OK;
}

/* --- records ------------------------------------------------------------------------ */

struct writing {
    FILE *file[DATA_ORGS];
};

static err_t
write_line(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    FILE *f = ((struct writing *)arg)->file[org];

    (void)type;
    if (fwrite(line.p, 1, line.n, f) != line.n || putc('\n', f) == EOF)
        return refuse(cx, ERR_INTERNAL, "", "writing records: %s", strerror(errno));
    return ERR_OK;
}

static err_t
write_records(struct world *w)
{
    struct writing out = { 0 };
    struct arena scratch;
    struct ctx cx;
    err_t e = ERR_OK;

    for (enum data_org org = 0; org < DATA_ORGS && e == ERR_OK; org++) {
        struct str path = world__path(w, data_org(org)->id, "source/records.ndjson");

        if (path.p == NULL || (out.file[org] = fopen(path.p, "we")) == NULL)
            e = refuse(w->cx, ERR_INTERNAL, "", "records cannot be written: %s",
                       strerror(errno));
    }
    arena_init(&scratch, SCRATCH);
    ctx_init(&cx, &scratch, w->cx->now_ms);
    if (e == ERR_OK)
        e = data_write_common(&cx, write_line, &out);
    for (uint64_t i = 0; e == ERR_OK && i < WORLD_PATIENTS; i++)
        e = data_write_patient(&cx, 1, i, write_line, &out);
    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if (out.file[org] != NULL && fclose(out.file[org]) != 0 && e == ERR_OK)
            e = ERR_INTERNAL;
    arena_fini(&scratch);
    return e == ERR_OK ? e : refuse(w->cx, e, "", "records cannot be written");
}

err_t
world__write(struct world *w)
{
    struct ctx *cx = w->cx;
    err_t e = ca_init(cx, world__path(w, "ca", "").p, S(CRL_BASE));

    if (e != ERR_OK || (e = share(w)) != ERR_OK)
        return e;
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        struct world_node *n = &w->node[org];

        if ((e = folder(cx, n->folder, 0755)) != ERR_OK ||
            (e = folder(cx, n->source.folder, 0700)) != ERR_OK ||
            (e = ca_tls(cx, world__path(w, "ca", "").p, n->host)) != ERR_OK ||
            (e = keys_root_make(cx, world__path(w, n->who->id, "root.key").p)) != ERR_OK)
            return e;
    }
    return write_records(w);
}

/* --- options ------------------------------------------------------------------------ */

/* Known once each listens: names of this country to doors of this machine. */
static void
put_hosts(struct world *w, struct buf *b)
{
    buf_printf(b,
               "fetch:\n  allowed_ranges:\n    - 127.0.0.0/8\n  hosts:\n"
               "    - crl." WORLD_DOMAIN "=127.0.0.1:%d\n",
               w->ca.port);
    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if (w->node[org].public_port != 0)
            buf_printf(b, "    - %.*s=127.0.0.1:%d\n", STR(w->node[org].host),
                       w->node[org].public_port);
}

err_t
world__options(struct world *w, const struct world_node *n)
{
    const char *id = n->who->id;
    struct str path = world__path(w, id, "knoop.yaml"), text;
    struct buf b;
    err_t e;

    buf_init(&b, w->cx->arena);
    buf_printf(&b,
               "# %s: a node of the demo\n"
               "url: https://%.*s\n"
               "strictmode: true\n"
               "datadir: \"%s/%s/data\"\n"
               "keys:\n  root_file: \"%s/%s/root.key\"\n"
               "http:\n"
               "  public:\n    address: 127.0.0.1:0\n    tls: server\n"
               "  internal:\n    address: 127.0.0.1:0\n"
               "tls:\n"
               "  certfile: \"%s/ca/%.*s.pem\"\n"
               "  certkeyfile: \"%s/ca/%.*s.key\"\n"
               "  truststorefile: \"%s/shared/tls-root.pem\"\n"
               "vc:\n  x509:\n    roots: \"%s/shared/uzi-root.pem\"\n"
               "policies:\n  folder: \"%s/shared/policies\"\n"
               "audit:\n  checkpoint: 1s\n"
               "gateway:\n  upstreams:\n    - %s=http://127.0.0.1:%d/fhir\n",
               n->who->name, STR(n->host), w->folder, id, w->folder, id, w->folder,
               STR(n->host), w->folder, STR(n->host), w->folder, w->folder, w->folder, id,
               n->source_port);
    put_hosts(w, &b);
    if (path.p == NULL)
        return refuse_memory(w->cx);
    if ((e = buf_done(w->cx, &b, &text)) != ERR_OK)
        return e;
    return os_write_file(w->cx, path.p, bytes_of(text), 0600);
}

/* Ours: the same country, seen from outside; and a file for whoever stays. */
err_t
world__own_conf(struct world *w)
{
    struct str path = world__path(w, "client.yaml", ""), text;
    struct buf b;
    err_t e;

    buf_init(&b, w->cx->arena);
    buf_printf(&b, "tls:\n  truststorefile: \"%s/shared/tls-root.pem\"\n", w->folder);
    put_hosts(w, &b);
    if (path.p == NULL)
        return refuse_memory(w->cx);
    if ((e = buf_done(w->cx, &b, &text)) != ERR_OK ||
        (e = os_write_file(w->cx, path.p, bytes_of(text), 0644)) != ERR_OK)
        return e;
    conf_give(w->conf);
    w->conf = NULL;
    return conf_parse(w->cx, NULL, NULL, text, path.p, &w->conf);
}
