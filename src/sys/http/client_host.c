/* client_host.c - how many requests are under way, per host and in all. EUPL-1.2. */
#include "sys/http/client_int.h"

#include <stdlib.h>
#include <string.h>

static struct client_host *
host_of(struct client *c, const char *name, const char *port)
{
    size_t name_n = strlen(name), n = name_n + strlen(port) + 2;
    struct client_host *h;
    char full[300];

    if (n > sizeof(full))
        return NULL;
    memcpy(full, name, name_n);
    full[name_n] = ':';
    memcpy(full + name_n + 1, port, strlen(port) + 1);
    for (h = c->hosts; h != NULL; h = h->next) {
        if (strcmp(h->name, full) == 0)
            return h;
    }
    if ((h = calloc(1, sizeof(*h) + n)) == NULL)
        return NULL;
    memcpy(h->name, full, n);
    h->next = c->hosts;
    return c->hosts = h;
}

void
client__host_leave(struct client *c, struct client_host *h, enum client_use use)
{
    struct client_host **at;

    c->running[use]--;
    if (--h->running[use] > 0 || h->running[CLIENT_FETCH] + h->running[CLIENT_RELAY] > 0)
        return;
    for (at = &c->hosts; *at != h; at = &(*at)->next)
        ;
    *at = h->next;
    free(h);
}

err_t
client__host_enter(struct client *c, struct transfer *t, const char *name, const char *port)
{
    enum client_use use = t->use;
    struct client_host *h;

    if (c->running[use] >= c->caps.most[use])
        return refuse(t->cx, ERR_UNAVAILABLE, "fetch.most", "%zu requests are under way",
                      c->running[use]);
    if ((h = host_of(c, name, port)) == NULL)
        return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for a request");
    h->running[use]++;
    c->running[use]++;
    t->host = h;
    if (h->running[use] > c->caps.per_host[use]) {
        size_t now = h->running[use] - 1;

        client__host_leave(c, h, use);
        t->host = NULL;
        return refuse(t->cx, ERR_UNAVAILABLE, "fetch.per_host",
                      "%zu requests to this host are under way", now);
    }
    return ERR_OK;
}
