/* health_test.c - the four routes, asked as over the wire. EUPL-1.2. */
#include "base/test.h"
#include "sys/conf/conf.h"
#include "sys/health/health_int.h"
#include "sys/store/store.h"
#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not asked: the tests put their own in its place. Weak, beside the real one. */
__attribute__((weak)) err_t
fetch(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out)
{
    (void)in;
    (void)out;
    return refuse(cx, ERR_UNAVAILABLE, "", "there is no network in this test");
}

struct fix {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    char dir[64];
};
static struct fix f;

static int
setup(void **state)
{
    char url[128];

    (void)state;
    test_ctx_init(&f.t);
    strcpy(f.dir, "/tmp/knoop-health-XXXXXX");
    if (mkdtemp(f.dir) == NULL || conf_default(&f.t.cx, &f.conf) != ERR_OK)
        return 1;
    f.conf->store_once = 4096;
    f.t.cx.conf = f.conf;
    f.t.cx.sys = &f.sys;
    snprintf(url, sizeof(url), "sqlite://%s/knoop.db", f.dir);
    if (store_open(&f.t.cx, str_of(url), &f.sys.store) != ERR_OK ||
        stat_open(&f.t.cx, -1, 0) != ERR_OK)
        return 1;
    return health_room.open(&f.t.cx, &f.sys.state[ROOM_health]) == ERR_OK ? 0 : 1;
}

static int
teardown(void **state)
{
    static const char *const names[] = { "knoop.db", "knoop.db-wal", "knoop.db-shm",
                                         "knoop.db-taken" };
    char path[128];

    (void)state;
    health_room.close(f.sys.state[ROOM_health]);
    store_close(f.sys.store);
    conf_give(f.conf);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", f.dir, names[i]);
        unlink(path);
    }
    rmdir(f.dir);
    test_ctx_fini(&f.t);
    return 0;
}

static struct str
asked(enum http_door door, const char *path, const char *header)
{
    static const struct http_route *const tables[] = { health_routes };
    const struct http_ask ask = {
        .tables = tables, .table_count = 1, .door = door, .conf = f.conf
    };
    struct str reply = { NULL, 0 };
    struct str request = arena_printf(
        &f.t.arena, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n%s\r\n", path, header);

    if (http_ask(&f.t.cx, &ask, request, &reply) != ERR_OK)
        fail_msg("%s: %.*s", path, STR(f.t.cx.reason));
    return reply;
}

static void
has(struct str text, const char *part)
{
    if (str_search(text, str_of(part)) == text.n)
        fail_msg("'%s' is not in:\n%.*s", part, STR(text));
}

static void
the_rows_are_decided(void **state)
{
    static const struct http_route *const tables[] = { health_routes };

    (void)state;
    assert_int_equal(http_prove(&f.t.cx, tables, 1), ERR_OK);
}

static void
the_public_door_shows_status_alone(void **state)
{
    (void)state;
    has(asked(HTTP_DOOR_PUBLIC, "/status", ""), "HTTP/1.1 200 ");
    has(asked(HTTP_DOOR_PUBLIC, "/health", ""), "HTTP/1.1 404 ");
    has(asked(HTTP_DOOR_PUBLIC, "/metrics", ""), "HTTP/1.1 404 ");
    has(asked(HTTP_DOOR_PUBLIC, "/status/diagnostics", ""), "HTTP/1.1 404 ");
}

static void
status_is_ok(void **state)
{
    struct str reply = asked(HTTP_DOOR_INTERNAL, "/status", "");

    (void)state;
    has(reply, "text/plain; charset=UTF-8");
    assert_true(str_ends(reply, S("\r\n\r\nOK")));
}

static void
health_follows_the_store(void **state)
{
    struct str reply = asked(HTTP_DOOR_INTERNAL, "/health", "");

    (void)state;
    has(reply, "HTTP/1.1 200 ");
    has(reply, "{\"status\":\"UP\",\"details\":{\"storage.sql\":{\"status\":\"UP\","
               "\"details\":\"sqlite, ");
    store_fail_at(1);
    reply = asked(HTTP_DOOR_INTERNAL, "/health", "");
    has(reply, "HTTP/1.1 503 ");
    has(reply, "{\"status\":\"DOWN\",");
}

static void
metrics_are_sampled(void **state)
{
    struct str reply;

    (void)state;
    reply = asked(HTTP_DOOR_INTERNAL, "/metrics", "");
    has(reply, "text/plain; version=0.0.4");
    has(reply, "\nknoop_store_connections{state=\"open\"} 1\n");
    has(reply, "\nknoop_store_calls_total ");
    has(reply, "\nknoop_store_memory_bytes{of=\"rows\"} 0\n");
    has(reply, "\nknoop_store_memory_bytes{of=\"pages\"} ");
}

static void
diagnostics_come_in_two_forms(void **state)
{
    struct str reply = asked(HTTP_DOOR_INTERNAL, "/status/diagnostics", "");

    (void)state;
    has(reply, "network: {}\n");
    has(reply, "status:\n    git_commit: ");
    has(reply, "    software_version: ");
    has(reply, "tracing:\n    tracing:\n        enabled: false\n        endpoint: \"\"\n");
    reply =
        asked(HTTP_DOOR_INTERNAL, "/status/diagnostics", "Accept: application/json\r\n");
    has(reply, "application/json");
    has(reply, "\"store\":{\"engine\":\"sqlite\",");
    has(reply, "\"uptime\":");
}

static void
where_traces_go(void **state)
{
    static const struct {
        const char *endpoint, *url;
        bool insecure;
    } rows[] = {
        { "", "", false },
        { "collector:4318", "https://collector:4318/v1/traces", false },
        { "collector:4318", "http://collector:4318/v1/traces", true },
        { "http://c:4318", "http://c:4318/v1/traces", false },
        { "https://c/otlp/v1/traces", "https://c/otlp/v1/traces", true },
    };
    static const char *const bad[] = { "ftp://c", "https://", "/x", "u:p@c:1", "a b" };
    struct str url;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        f.conf->tracing_endpoint = str_of(rows[i].endpoint);
        f.conf->tracing_insecure = rows[i].insecure;
        assert_int_equal(health_trace_url(&f.t.cx, f.conf, &url), ERR_OK);
        assert_true(str_is(url, rows[i].url));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        f.conf->tracing_endpoint = str_of(bad[i]);
        assert_int_equal(health_trace_url(&f.t.cx, f.conf, &url), ERR_CONF);
    }
    f.conf->tracing_endpoint = S("");
    f.conf->tracing_insecure = false;
}

static int answer;
static struct str sent_to, sent;

static err_t
collector(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out)
{
    sent_to = arena_str(cx->arena, in->url);
    sent = arena_str(cx->arena, str_of_bytes(in->body));
    assert_int_equal(in->trust, FETCH_CONFIGURED);
    *out = (struct fetch_reply){ .status = answer };
    return answer == 0 ? refuse(cx, ERR_UPSTREAM, "", "no connection") : ERR_OK;
}

static void
spans_are_sent_or_dropped(void **state)
{
    static const int answers[] = { 200, 500, 0 };
    struct health *h = f.sys.state[ROOM_health];
    struct stat_span span = { .name = "status", .kind = STAT_SPAN_SERVER, .status = 200 };

    (void)state;
    f.conf->tracing_endpoint = S("http://127.0.0.1:4318");
    h->fetch = collector;
    stat_trace_on(true);
    for (size_t i = 0; i < COUNT(answers); i++) {
        answer = answers[i];
        stat_span_put(&span);
        assert_int_equal(health_room.jobs[0].fn(&f.t.cx, h) == ERR_OK, answer == 200);
        assert_true(str_is(sent_to, "http://127.0.0.1:4318/v1/traces"));
        has(sent, "\"name\":\"status\"");
    }
    stat_trace_on(false);
    f.conf->tracing_endpoint = S("");
    assert_int_equal(stat_read(stat_find(STAT_SPANS, "sent", "")), 1);
    assert_int_equal(stat_read(stat_find(STAT_SPANS, "dropped", "")), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_decided),
        cmocka_unit_test(the_public_door_shows_status_alone),
        cmocka_unit_test(status_is_ok),
        cmocka_unit_test(health_follows_the_store),
        cmocka_unit_test(metrics_are_sampled),
        cmocka_unit_test(diagnostics_come_in_two_forms),
        cmocka_unit_test(where_traces_go),
        cmocka_unit_test(spans_are_sent_or_dropped),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
