/*
 * world_certificates.c - server certificates of the UZI kind. An RSA key takes a
 * second to make: four are made side by side, while the nodes start. EUPL-1.2.
 */
#include "app/demo/world_int.h"

#include <pthread.h>
#include <stdlib.h>

#include "app/demo/ca.h"

#define YEAR INT64_C(31536000000)
#define DAY  INT64_C(86400000)

enum { MAKER_ARENA = 8 << 20 };

struct world_maker {
    struct maker {
        pthread_t thread;
        const char *folder;
        struct ca_uzi what;
        struct arena arena;
        struct ctx cx;
        err_t result;
    } one[DATA_ORGS];
    size_t running;
};

static struct ca_uzi
certificate_of(const struct world_node *n, struct str name, int64_t now_ms,
               int64_t until_ms)
{
    static const char *const agb[DATA_ORGS] = { "06010101", "01010102", "75010103",
                                                "02010104" };
    static const char *const number[DATA_ORGS] = { "900030757", "900030758", "900030759",
                                                   "900030760" };

    return (struct ca_uzi){
        .name = name,
        .organisation = str_of(n->who->name),
        .locality = str_of(n->who->city),
        .ura = str_of(n->who->ura),
        .agb = str_of(agb[n->org]),
        .number = str_of(number[n->org]),
        .from_ms = now_ms - 2 * DAY,
        .to_ms = until_ms,
    };
}

static void *
make(void *arg)
{
    struct maker *m = arg;

    m->result = ca_uzi(&m->cx, m->folder, &m->what);
    return NULL;
}

err_t
world__make_certificates(struct world *w)
{
    const char *folder = world__path(w, "ca", "").p;

    if (folder == NULL || (w->maker = calloc(1, sizeof(*w->maker))) == NULL)
        return refuse_memory(w->cx);
    for (enum data_org org = 0; org < DATA_ORGS; org++) {
        const struct world_node *n = &w->node[org];
        struct maker *m = &w->maker->one[org];

        m->folder = folder;
        m->what =
            certificate_of(n, str_of(n->who->id), w->cx->now_ms, w->cx->now_ms + YEAR);
        arena_init(&m->arena, MAKER_ARENA);
        ctx_init(&m->cx, &m->arena, w->cx->now_ms);
        if (pthread_create(&m->thread, NULL, make, m) != 0)
            return refuse(w->cx, ERR_NO_MEMORY, "", "no thread for a certificate");
        w->maker->running++;
    }
    return ERR_OK;
}

err_t
world_certificates(struct world *w)
{
    struct world_maker *all = w->maker;
    err_t e = ERR_OK;

    w->maker = NULL;
    for (size_t i = 0; all != NULL && i < all->running; i++) {
        struct maker *m = &all->one[i];

        pthread_join(m->thread, NULL);
        if (m->result != ERR_OK && e == ERR_OK)
            e = refuse(w->cx, m->result, "", "%.*s", STR(m->cx.reason));
        arena_fini(&m->arena);
    }
    free(all);
    return e;
}

err_t
world_certificate(struct world *w, const struct world_node *n, struct str name,
                  int64_t until_ms)
{
    struct ca_uzi what = certificate_of(n, name, w->cx->now_ms, until_ms);

    what.key_of = str_of(n->who->id);
    return ca_uzi(w->cx, world__path(w, "ca", "").p, &what);
}
