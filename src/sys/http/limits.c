/* limits.c - the options that the hot paths read, checked once. EUPL-1.2. */
#include "sys/http/http_int.h"

/* What http_conf.def says by default; for asking without a socket. */
const struct limits limits_default = {
    .header_size = 32 * 1024,
    .header_count = 64,
    .body_size = 16 * 1024 * 1024,
    .memory = 64 * 1024 * 1024,
};

static err_t
read_proxies(struct ctx *cx, const struct conf *conf, struct arena *room,
             struct limits *out)
{
    struct conf_list list = conf->http_trusted_proxies;
    struct addr_range *ranges = arena_array(room, list.n + 1, sizeof(*ranges));

    if (ranges == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    for (size_t i = 0; i < list.n; i++) {
        if (!addr_range_parse(list.item[i], &ranges[i]))
            return refuse(cx, ERR_BAD_REQUEST, "http.trusted_proxies",
                          "'%.*s' is no address and no range of them", STR(list.item[i]));
    }
    out->proxies = ranges;
    out->proxy_count = list.n;
    return ERR_OK;
}

err_t
limits_read(struct ctx *cx, const struct conf *conf, struct arena *room, struct limits *out)
{
    *out = (struct limits){
        .header_size = (size_t)conf->http_header_size,
        .header_count = (size_t)conf->http_header_count,
        .body_size = (size_t)conf->http_body_size,
        .memory = (size_t)conf->http_request_memory,
        .time_handshake = conf->http_time_handshake,
        .time_header = conf->http_time_header,
        .time_body = conf->http_time_body,
        .time_idle = conf->http_time_idle,
        .time_answer = conf->http_time_answer,
        .time_drain = conf->http_time_drain,
        .connections = (size_t)conf->http_connections,
        .per_peer = (size_t)conf->http_connections_peer,
        .hosts = conf->http_internal_hosts.item,
        .host_count = conf->http_internal_hosts.n,
        .operator_token = !str_eq(conf->http_internal_auth_type, S("none")),
    };
    return read_proxies(cx, conf, room, out);
}
