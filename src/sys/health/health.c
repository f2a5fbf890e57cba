/*
 * health.c - the room: what is checked, sampled and swept.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/health/health_int.h"

#include <stdlib.h>
#include <string.h>

#include "sys/audit/audit.h"
#include "sys/conf/conf.h"
#include "sys/keys/keys.h"
#include "sys/os/os.h"
#include "sys/os/sandbox.h"
#include "sys/stat/stat.h"
#include "sys/store/store.h"
#include "sys/sys.h"

enum { SAMPLE_MS = 2000, SPANS_MS = 5000, SPANS_BATCH = 256 };

/* --- checks ------------------------------------------------------------------- */

static err_t
check_store(struct ctx *cx, void *arg, struct str *detail)
{
    (void)arg;
    return store_health(cx, detail);
}

/* A key that nobody has: the signer says so, or it does not answer. */
static err_t
check_signer(struct ctx *cx, void *arg, struct str *detail)
{
    struct str jwk;
    err_t e = keys_public(cx, S("health"), &jwk);

    (void)arg;
    (void)detail;
    if (e != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    return ERR_OK;
}

static err_t
check_audit(struct ctx *cx, void *arg, struct str *detail)
{
    (void)arg;
    (void)detail;
    return audit_ready(cx);
}

/* --- diagnostics ----------------------------------------------------------------- */

/* Go's way: 1h2m3s. */
static struct str
uptime(struct ctx *cx, int64_t s)
{
    if (s >= 3600)
        return arena_printf(cx->arena, "%lldh%lldm%llds", (long long)(s / 3600),
                            (long long)(s / 60 % 60), (long long)(s % 60));
    if (s >= 60)
        return arena_printf(cx->arena, "%lldm%llds", (long long)(s / 60),
                            (long long)(s % 60));
    return arena_printf(cx->arena, "%llds", (long long)s);
}

static err_t
section_status(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    const struct health *h = arg;
    int64_t ms = os_tick_ms() - h->started;
    struct str up = uptime(cx, ms / 1000);

    if (up.p == NULL)
        return refuse_memory(cx);
    json_object(js);
    json_member_z(js, "git_commit", KNOOP_COMMIT);
    json_member_z(js, "os_arch", "linux/" KNOOP_ARCH);
    json_member_z(js, "software_version", KNOOP_VERSION);
    if (people)
        json_member(js, "uptime", up);
    else
        json_member_i64(js, "uptime", ms * 1000000); /* nanoseconds */
    json_end(js);
    return ERR_OK;
}

/* nuts-node always shows it; programs that read the diagnostics may expect it. */
static err_t
section_network(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    (void)cx;
    (void)arg;
    (void)people;
    json_object(js);
    json_end(js);
    return ERR_OK;
}

static err_t
section_tracing(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    (void)arg;
    (void)people;
    json_object(js);
    json_key(js, "tracing");
    json_object(js);
    json_member_bool(js, "enabled", stat_trace_is_on());
    json_member(js, "endpoint", cx->conf->tracing_endpoint);
    json_member_bool(js, "insecure", cx->conf->tracing_insecure);
    json_member(js, "service_name", cx->conf->tracing_servicename);
    json_end(js);
    json_end(js);
    return ERR_OK;
}

static err_t
section_sandbox(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    const struct sandbox_state *s = sandbox_state();

    (void)cx;
    (void)arg;
    (void)people;
    json_object(js);
    json_member_i64(js, "landlock_abi", s->landlock);
    json_member_bool(js, "seccomp", s->seccomp);
    json_member_z(js, "note", s->note);
    json_end(js);
    return ERR_OK;
}

static err_t
section_store(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    struct store_state s = store_state(cx->sys->store);

    (void)arg;
    (void)people;
    json_object(js);
    json_member_z(js, "engine", store_is_local(cx->sys->store) ? "sqlite" : "postgres");
    json_member_i64(js, "connections_open", s.open);
    json_member_i64(js, "connections_busy", s.busy);
    json_member_i64(js, "connections_most", s.most);
    json_member_i64(js, "calls", s.calls);
    json_member_i64(js, "failures", s.failures);
    json_end(js);
    return ERR_OK;
}

/* --- sampling ----------------------------------------------------------------------- */

/* A counter of another kind, whose growth since the last time is added. */
static void
grow(struct health *h, size_t at, enum stat_metric metric, const char *label, int64_t now)
{
    if (h->series[at] == 0)
        h->series[at] = stat_find(metric, label, "");
    stat_add(h->series[at], now - h->last[at]);
    h->last[at] = now;
}

static void
level(enum stat_metric metric, const char *label, int64_t now)
{
    stat_set(stat_find(metric, label, ""), now);
}

static void
sample_latency(struct health *h, const struct http_stats *s)
{
    stat_series to = stat_find(STAT_HTTP_SECONDS, "", "");
    int64_t sum = (int64_t)s->latency_ms, more = (sum - h->latency_sum) * 1000;

    for (size_t i = 0; i < HTTP_BUCKETS; i++) {
        int64_t now = (int64_t)s->latency[i], n = now - h->latency[i];
        int64_t most =
            http_bucket_ms[i] == INT64_MAX ? INT64_MAX : http_bucket_ms[i] * 1000;

        if (n == 0)
            continue;
        stat_times(to, most, n, more);
        more = 0;
        h->latency[i] = now;
        h->latency_sum = sum;
    }
}

static void
sample_doors(struct health *h, struct http *http)
{
    static const char *const classes[HTTP_CLASSES] = { "broken", "1xx", "2xx",
                                                       "3xx",    "4xx", "5xx" };
    const struct http_stats *s = http_stats(http);
    const struct {
        enum stat_metric metric;
        const char *label;
        uint64_t now;
    } rows[] = {
        { STAT_HTTP_CONNECTIONS, "", s->connections },
        { STAT_HTTP_HANDSHAKES, "ok", s->handshakes },
        { STAT_HTTP_HANDSHAKES, "failed", s->handshakes_failed },
        { STAT_HTTP_DROPPED, "peer", s->refused_peer },
        { STAT_HTTP_DROPPED, "most", s->refused_most },
        { STAT_HTTP_DROPPED, "malformed", s->malformed },
        { STAT_HTTP_DROPPED, "timeout", s->timeouts },
        { STAT_HTTP_DROPPED, "pool_full", s->pool_full },
        { STAT_HTTP_DROPPED, "audit", s->audit_failed },
        { STAT_HTTP_RERUNS, "", s->reruns },
        { STAT_FETCHES, "asked", s->fetches },
        { STAT_FETCHES, "failed", s->fetches_failed },
        { STAT_FETCHES, "capped", s->fetches_capped },
        { STAT_FETCHES, "guarded", s->fetches_guarded },
        { STAT_RELAYS, "asked", s->relays },
        { STAT_RELAYS, "broken", s->relays_broken },
    };
    unsigned waiting = 0, running = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        grow(h, i, rows[i].metric, rows[i].label, (int64_t)rows[i].now);
    for (size_t i = 0; i < HTTP_CLASSES; i++)
        grow(h, COUNT(rows) + i, STAT_HTTP_REQUESTS, classes[i], (int64_t)s->requests[i]);
    sample_latency(h, s);
    http_pool_use(http, &waiting, &running);
    level(STAT_HTTP_OPEN, "", (int64_t)s->connections_now);
    level(STAT_POOL, "waiting", waiting);
    level(STAT_POOL, "running", running);
}

static void
sample_store(struct health *h, struct store *store)
{
    struct store_state s = store_state(store);

    grow(h, HEALTH_SERIES - 2, STAT_STORE_CALLS, "", s.calls);
    grow(h, HEALTH_SERIES - 1, STAT_STORE_FAILURES, "", s.failures);
    level(STAT_STORE_CONNECTIONS, "open", s.open);
    level(STAT_STORE_CONNECTIONS, "busy", s.busy);
    level(STAT_STORE_MEMORY, "rows", s.kept);
    level(STAT_STORE_MEMORY, "pages", s.pages);
}

static void
sample(void *arg)
{
    struct health *h = arg;

    if (h->sys->http != NULL)
        sample_doors(h, h->sys->http);
    if (h->sys->store != NULL)
        sample_store(h, h->sys->store);
}

static void
on_timer(struct loop_timer *t)
{
    struct health *h =
        (struct health *)(void *)((char *)t - offsetof(struct health, timer));

    stat_sample();
    (void)!loop_timer_set(h->sys->loop, t,
                          loop_clock() + SAMPLE_MS); /* no memory: no samples */
}

/* --- traces ------------------------------------------------------------------------- */

/* host:port and a path of ours, or a URL with a path of theirs. */
err_t
health_trace_url(struct ctx *cx, const struct conf *c, struct str *out)
{
    struct str e = c->tracing_endpoint, rest = e;
    const char *scheme = c->tracing_insecure ? "http://" : "https://";
    bool has_scheme = str_starts(e, S("http://")) || str_starts(e, S("https://"));

    *out = (struct str){ NULL, 0 };
    if (e.n == 0)
        return ERR_OK;
    if (has_scheme)
        rest = str_sub(e, str_search(e, S("://")) + 3, e.n);
    if (rest.n == 0 || rest.p[0] == '/' || str_search(rest, S("://")) < rest.n ||
        str_find(rest, '@') < rest.n || str_find(rest, ' ') < rest.n)
        return refuse(cx, ERR_CONF, "", "tracing.endpoint is neither host:port nor a URL");
    *out = arena_printf(cx->arena, "%s%.*s%s", has_scheme ? "" : scheme, STR(e),
                        str_find(rest, '/') < rest.n ? "" : "/v1/traces");
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
send_spans(struct ctx *cx, struct health *h, struct str url, const struct stat_span *spans,
           size_t n)
{
    static const struct str header = S_INIT("Content-Type: application/json");
    struct fetch_request rq = { .trust = FETCH_CONFIGURED,
                                .method = HTTP_POST,
                                .url = url,
                                .headers = &header,
                                .header_count = 1,
                                .timeout_ms = 3000 };
    struct fetch_reply reply;
    struct str body;
    err_t e;

    if ((e = stat_span_json(cx, cx->conf->tracing_servicename, spans, n, &body)) != ERR_OK)
        return e;
    rq.body = bytes_of(body);
    if ((e = h->fetch(cx, &rq, &reply)) != ERR_OK)
        return e;
    if (reply.status / 100 != 2)
        return refuse(cx, ERR_UPSTREAM, "OTLP 1.0", "tracing.endpoint answered %d",
                      reply.status);
    return ERR_OK;
}

/* What cannot be sent is dropped and counted: traces never fill memory. */
static err_t
job_spans(struct ctx *cx, void *state)
{
    struct stat_span *spans;
    struct str url;
    size_t n = SPANS_BATCH;
    err_t e;

    if (!stat_trace_is_on())
        return ERR_OK;
    if ((e = health_trace_url(cx, cx->conf, &url)) != ERR_OK)
        return e;
    if ((spans = arena_array(cx->arena, SPANS_BATCH, sizeof(*spans))) == NULL)
        return refuse_memory(cx);
    while (e == ERR_OK && n == SPANS_BATCH &&
           (n = stat_span_take(spans, SPANS_BATCH)) > 0) {
        e = send_spans(cx, state, url, spans, n);
        stat_add(stat_find(STAT_SPANS, e == ERR_OK ? "sent" : "dropped", ""), (int64_t)n);
    }
    return e;
}

/* --- the room ----------------------------------------------------------------------- */

static void
register_all(struct ctx *cx, struct health *h)
{
    if (cx->sys->store != NULL) {
        stat_check("storage.sql", check_store, NULL);
        stat_section("store", section_store, NULL);
    }
    if (cx->sys->keys != NULL)
        stat_check("crypto.signer", check_signer, NULL);
    if (cx->sys->audit != NULL)
        stat_check("audit", check_audit, NULL);
    stat_section("network", section_network, NULL);
    stat_section("sandbox", section_sandbox, NULL);
    stat_section("status", section_status, h);
    stat_section("tracing", section_tracing, NULL);
    stat_sampler(sample, h);
}

static err_t
room_open(struct ctx *cx, void **state)
{
    struct health *h;
    struct str url;
    err_t e;

    *state = NULL;
    if ((e = health_trace_url(cx, cx->conf, &url)) != ERR_OK)
        return e;
    if ((h = calloc(1, sizeof(*h))) == NULL)
        return refuse_memory(cx);
    if (!stat_is_open() && (e = stat_open(cx, -1, 0)) != ERR_OK) {
        free(h); /* a worker that was handed no shared counters counts alone */
        return e;
    }
    h->sys = cx->sys;
    h->started = os_tick_ms();
    h->timer.fn = on_timer;
    h->fetch = fetch;
    stat_trace_on(url.n > 0);
    register_all(cx, h);
    if (cx->sys->loop != NULL &&
        !loop_timer_set(cx->sys->loop, &h->timer, loop_clock() + SAMPLE_MS)) {
        free(h);
        return refuse_memory(cx);
    }
    *state = h;
    return ERR_OK;
}

static void
room_close(void *state)
{
    struct health *h = state;

    if (h != NULL && h->sys->loop != NULL)
        loop_timer_clear(h->sys->loop, &h->timer);
    /* Samplers still point to it until the process ends, which it now does. */
}

static const struct room_job jobs[] = {
    { "health.spans", SPANS_MS, job_spans },
    { NULL, 0, NULL },
};

const struct room health_room = {
    .routes = health_routes,
    .jobs = jobs,
    .open = room_open,
    .close = room_close,
};
