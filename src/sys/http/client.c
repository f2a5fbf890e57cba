/*
 * client.c - a request to another, from its start to its end; and what the options say of
 * them. By libcurl, or by direct.c where that may. EUPL-1.2.
 */
#include "sys/http/client_int.h"
#include "sys/http/route.h"
#include "sys/http/target.h"
#include "sys/os/os.h"
#include "sys/stat/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PEM_MOST = 4 << 20, NAME_MS = 60000 };

/* --- what any of them may ---------------------------------------------------------- */

bool
client_may_repeat(const struct transfer *t)
{
    return t->repeatable || t->method == HTTP_GET || t->method == HTTP_HEAD ||
           t->method == HTTP_OPTIONS;
}

/* From a span of our own. */
bool
client_trace(struct transfer *t, char line[CLIENT_TRACE])
{
    uint8_t span[8];
    size_t n;

    t->span[0] = '\0';
    if (t->cx->trace[0] == '\0' ||
        getrandom(span, sizeof(span), GRND_NONBLOCK) != sizeof(span))
        return false;
    span[0] |= 1; /* never zero */
    n = (size_t)snprintf(t->span, sizeof(t->span), "%.36s", t->cx->trace);
    for (size_t i = 0; i < sizeof(span); i++)
        n += (size_t)snprintf(t->span + n, sizeof(t->span) - n, "%02x", span[i]);
    snprintf(t->span + n, sizeof(t->span) - n, "%s", t->cx->trace + 52);
    snprintf(line, CLIENT_TRACE, "traceparent: %s", t->span);
    t->since_ns = os_tick_ns();
    return true;
}

void
client__release(struct transfer *t)
{
    struct client *c = t->client;

    if (t->direct != NULL)
        direct_cancel(t);
    client__easy_end(c, t);
    if (t->host != NULL)
        client__host_leave(c, t->host, t->use);
    t->host = NULL;
}

/* What for is told, and not whom: a stranger may have named him. */
static void
trace(const struct transfer *t, err_t e)
{
    static const char *const uses[CLIENT_USES] = {
        [CLIENT_FETCH] = "fetch", [CLIENT_RELAY] = "relay"
    };
    struct stat_answer a = { .op = uses[t->use],
                             .method = http_method_name(t->method),
                             .status = t->status,
                             .error = e,
                             .own = t->span };

    if (t->span[0] == '\0' || !stat_trace_parse(str_of(t->cx->trace), &a.trace))
        return;
    a.micros = (os_tick_ns() - t->since_ns) / 1000;
    a.start_ms = os_now_ms() - a.micros / 1000;
    stat_asked(&a);
}

void
client__done(struct transfer *t, err_t e)
{
    client__release(t);
    trace(t, e);
    t->done(t, e);
}

/* --- without libcurl ------------------------------------------------------------- */

void
client__learn(struct client *c, const char *host, const struct direct_to *to)
{
    struct client_name *n = &c->names[c->names_next];

    if (strlen(host) >= sizeof(n->name))
        return;
    strcpy(n->name, host);
    n->to = *to;
    n->until_ms = loop_now(c->loop) + NAME_MS;
    c->names_next = (c->names_next + 1) % CLIENT_NAMES;
}

static bool
known_name(const struct client *c, const char *full, struct direct_to *to)
{
    for (size_t i = 0; i < CLIENT_NAMES; i++)
        if (c->names[i].until_ms > loop_now(c->loop) &&
            strcmp(c->names[i].name, full) == 0) {
            *to = c->names[i].to;
            return true;
        }
    return false;
}

/* A URL that direct.c may ask: where it leads, and by what name its host is counted. */
static bool
leads_directly(const struct client *c, const struct transfer *t, struct direct_url *url,
               char name[256], char port[8], struct direct_to *to)
{
    char full[264];
    uint64_t n = 80;

    if (t->trust != FETCH_CONFIGURED || !direct_url_parse(t->url, url) ||
        url->host.n > 255 || (url->port.n > 0 && !str_to_u64(url->port, &n)) || n == 0 ||
        n > 65535)
        return false;
    snprintf(name, 256, "%.*s", STR(url->host));
    snprintf(port, 8, "%u", (unsigned)n);
    to->port = (uint16_t)n;
    if (addr_parse(url->host, &to->addr))
        return true;
    snprintf(full, sizeof(full), "%s:%s", name, port);
    return known_name(c, full, to);
}

static err_t
start_direct(struct client *c, struct transfer *t, bool *taken)
{
    char name[256], port[8];
    struct direct_url url;
    struct direct_to to;
    err_t e;

    *taken = leads_directly(c, t, &url, name, port, &to);
    if (!*taken)
        return ERR_OK;
    if ((e = client__host_enter(c, t, name, port)) == ERR_OK)
        e = direct_start(c->direct, t, &url, &to);
    if (e != ERR_OK)
        client__release(t);
    return e;
}

/* --- started, and ended ------------------------------------------------------------ */

err_t
client_start(struct client *c, struct transfer *t)
{
    bool taken;
    err_t e;

    t->client = c;
    e = start_direct(c, t, &taken);
    if (taken || (e = client__curl_wake(t->cx, c)) != ERR_OK)
        return e;
    if ((e = client__easy_start(c, t)) != ERR_OK)
        client__release(t);
    return e;
}

void
client_cancel(struct transfer *t)
{
    client__release(t);
}

void
client_go_on(struct transfer *t)
{
    if (t->direct != NULL)
        direct_go_on(t);
    else if (t->running)
        t->client->api.curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

int
client_status(struct transfer *t)
{
    long status = 0;

    if (t->direct != NULL)
        return direct_status(t);
    if (t->easy != NULL)
        t->client->api.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* --- opening ------------------------------------------------------------------- */

static err_t
read_ranges(struct ctx *cx, struct client *c, struct conf_list list)
{
    c->allowed = arena_array(&c->tuning, list.n + 1, sizeof(*c->allowed));
    if (c->allowed == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    for (size_t i = 0; i < list.n; i++) {
        if (!addr_range_parse(list.item[i], &c->allowed[i]))
            return refuse(cx, ERR_BAD_REQUEST, "fetch.allowed_ranges",
                          "'%.*s' is no address and no range of them", STR(list.item[i]));
    }
    c->allowed_count = list.n;
    return ERR_OK;
}

/* "name=address:port" to libcurl's "name::address:port". */
static err_t
read_hosts(struct ctx *cx, struct client *c, struct conf_list list)
{
    if ((c->hosts_to = arena_array(&c->tuning, list.n + 1, sizeof(char *))) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    for (size_t i = 0; i < list.n; i++) {
        struct str to = list.item[i], name = str_cut(&to, '='), host, port;
        struct addr a;

        if (!host_is_well_formed(name) || str_find(name, ':') < name.n ||
            !addr_split(to, &host, &port) || port.n == 0 || !addr_parse(host, &a))
            return refuse(cx, ERR_BAD_REQUEST, "fetch.hosts",
                          "'%.*s' is not name=address:port", STR(list.item[i]));
        c->hosts_to[i] =
            arena_z(&c->tuning, arena_printf(&c->tuning, "%.*s::%.*s", STR(name), STR(to)));
        if (c->hosts_to[i] == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    }
    return ERR_OK;
}

static err_t
read_trust(struct ctx *cx, struct client *c, const struct conf *conf)
{
    struct bytes pem = { NULL, 0 };
    char *path = arena_z(cx->arena, conf->tls_trust);
    err_t e;

    if (path == NULL)
        return refuse_memory(cx);
    if (conf->tls_trust.n > 0 && (e = os_read_file(cx, path, PEM_MOST, &pem)) != ERR_OK)
        return e;
    return tls_trust_open(cx, str_of_bytes(pem), str_eq(conf->tls_least, S("1.3")),
                          &c->trust);
}

static void
drop_tuning(struct client *c)
{
    if (c->connect_to != NULL)
        c->api.curl_slist_free_all(c->connect_to);
    tls_trust_close(c->trust);
    arena_fini(&c->tuning);
}

/* Into a fresh set, which takes the old one's place when all of it is good. */
err_t
client_reload(struct ctx *cx, struct client *c, const struct conf *conf)
{
    struct client old = *c;
    err_t e;

    arena_init(&c->tuning, 1 << 20);
    c->connect_to = NULL;
    c->trust = NULL;
    if ((e = read_ranges(cx, c, conf->fetch_allowed_ranges)) != ERR_OK ||
        (e = read_hosts(cx, c, conf->fetch_hosts)) != ERR_OK ||
        (c->woken && (e = client__curl_hosts(cx, c)) != ERR_OK) ||
        (e = read_trust(cx, c, conf)) != ERR_OK) {
        drop_tuning(c);
        c->tuning = old.tuning;
        c->allowed = old.allowed;
        c->allowed_count = old.allowed_count;
        c->hosts_to = old.hosts_to;
        c->connect_to = old.connect_to;
        c->trust = old.trust;
        return e;
    }
    c->caps = (struct client_caps){
        .per_host = { (size_t)conf->fetch_per_host, (size_t)conf->relay_per_host },
        .most = { (size_t)conf->fetch_most, (size_t)conf->relay_most },
    };
    drop_tuning(&old);
    memset(c->names, 0, sizeof(c->names)); /* the options may lead elsewhere now */
    return ERR_OK;
}

err_t
client_open(struct ctx *cx, struct loop *loop, const struct conf *conf, struct client **out)
{
    struct client *c = calloc(1, sizeof(*c));
    err_t e;

    *out = NULL;
    if (c == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a client");
    c->loop = loop;
    c->connections = (long)(conf->fetch_most + conf->relay_per_host);
    client__curl_init(c);
    if ((c->direct = direct_open(loop, client__done)) == NULL)
        e = refuse(cx, ERR_NO_MEMORY, "", "no memory for a client");
    else
        e = client_reload(cx, c, conf);
    if (e != ERR_OK) {
        client_close(c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

void
client_close(struct client *c)
{
    struct client_host *h;

    if (c == NULL)
        return;
    client__curl_close(c);
    while ((h = c->hosts) != NULL) {
        c->hosts = h->next;
        free(h);
    }
    direct_close(c->direct);
    drop_tuning(c);
    free(c);
}
