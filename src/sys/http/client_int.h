/*
 * client_int.h - what client's files share. Private to them.
 *
 *      client.c        a transfer from its start to its end; the options   the room's door
 *      client_host.c   how many are under way, per host and in all
 *      client_curl.c   libcurl: loaded, its sockets and timers on the loop
 *      client_easy.c   a transfer as libcurl's: URL, options, guard, bytes
 *
 * Source    Knoop; the protocol is libcurl's. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_CLIENT_INT_H
#define KNOOP_SYS_HTTP_CLIENT_INT_H

#include "sys/http/client.h"
#include "sys/http/direct.h"

enum { CLIENT_EASY_KEPT = 64, CLIENT_NAMES = 16 };

struct client_multi {
    struct client *client;
    CURLM *multi;
    struct loop_timer timer;
};

struct client_host {
    struct client_host *next;
    size_t running[CLIENT_USES];
    char name[]; /* "host:port" */
};

/* Where libcurl went last for a configured host: good for a minute. */
struct client_name {
    char name[256]; /* "host:port" */
    struct direct_to to;
    int64_t until_ms;
};

struct client {
    struct loop *loop;
    struct direct *direct;
    struct client_name names[CLIENT_NAMES];
    size_t names_next;
    bool woken; /* libcurl is there; before, none of what follows is */
    struct curl_api api;
    struct client_multi multi[CLIENT_KINDS];
    long connections; /* that each multi keeps */
    struct client_host *hosts;
    size_t running[CLIENT_USES];
    struct client_caps caps;
    struct arena tuning; /* what a reload replaces */
    struct addr_range *allowed;
    size_t allowed_count;
    char **hosts_to;               /* "name::address:port", ended by NULL */
    struct curl_slist *connect_to; /* the same for libcurl */
    struct tls_trust *trust;
    CURL *kept[CLIENT_EASY_KEPT];
    size_t kept_count;
};

/* Gives back all that a transfer holds. */
void client__release(struct transfer *t);
void client__done(struct transfer *t, err_t e); /* releases, traces, and says so */
/* Where libcurl went for a configured host: direct.c goes there for a while. */
void client__learn(struct client *c, const char *host, const struct direct_to *to);

/* --- client_host.c ------------------------------------------------------------------ */
err_t client__host_enter(struct client *c, struct transfer *t, const char *name,
                         const char *port) NODISCARD;
void client__host_leave(struct client *c, struct client_host *h, enum client_use use);

/* --- client_curl.c ------------------------------------------------------------------ */
void client__curl_init(struct client *c);
/* Loads it, unless it is there; from then on c->api is. */
err_t client__curl_wake(struct ctx *cx, struct client *c) NODISCARD;
/* c->hosts_to in libcurl's words. */
err_t client__curl_hosts(struct ctx *cx, struct client *c) NODISCARD;
void client__curl_close(struct client *c);

/* --- client_easy.c ------------------------------------------------------------------ */
/* The multi of a transfer's kind. */
CURLM *client__multi(const struct transfer *t);
/* After a failure client__release is due. */
err_t client__easy_start(struct client *c, struct transfer *t) NODISCARD;
void client__easy_end(struct client *c, struct transfer *t);

#endif
