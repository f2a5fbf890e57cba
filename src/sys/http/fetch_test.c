/* fetch_test.c - asking others, and relaying what they say. EUPL-1.2. */
#include "sys/http/client.h"
#include "sys/http/served.h"
#include "sys/stat/stat.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>

static struct served s;
static struct fetch *fetcher;
static char answer[1 << 20], url[256];

/* --- an upstream of bare sockets ----------------------------------------------- */

static int up_fds[OS_LISTEN_MAX], up_port;
static pthread_t up_thread;
static atomic_int up_stop, up_calls, up_gone;
static const char *up_text;        /* what it says; NULL: nothing */
static size_t up_text_n, up_flood; /* and so many bytes behind it */
static int up_pause_ms;            /* between the two */
static bool up_keeps;              /* the connection, for a next request */
static bool up_tires;              /* and hangs up when that comes */
static bool up_is_rude;            /* hangs up on all that come */
static atomic_int up_last;         /* the descriptor that answered last */
static char up_heard[8192];
static atomic_long up_sent;

static void
up_flood_it(int fd, size_t flood)
{
    static char x[64 * 1024];

    memset(x, 'x', sizeof(x));
    for (size_t left = flood; left > 0 && !up_stop;) {
        ssize_t n = send(fd, x, left < sizeof(x) ? left : sizeof(x), MSG_NOSIGNAL);

        if (n <= 0)
            break;
        left -= (size_t)n;
        atomic_fetch_add(&up_sent, n);
    }
}

static void *
up_serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char heard[sizeof(up_heard)];
    size_t flood;
    int asked = 0;

    while (!up_stop && hear(fd, heard, sizeof(heard), 1, 5000) > 0) {
        while (strstr(heard, "\r\n\r\n") == NULL &&
               hear(fd, heard + strlen(heard), sizeof(heard) - strlen(heard), 1, 500))
            ;
        memcpy(up_heard, heard, sizeof(heard));
        flood = up_flood; /* what the test wants next is for the next request */
        atomic_fetch_add(&up_calls, 1);
        if (up_text == NULL) {
            is_closed(fd, 5000);
            break;
        }
        if (up_is_rude || (up_tires && asked++ > 0))
            break;
        up_last = fd;
        say(fd, up_text, up_text_n);
        usleep((useconds_t)up_pause_ms * 1000);
        up_flood_it(fd, flood);
        if (!up_keeps)
            break;
    }
    close(fd);
    atomic_fetch_add(&up_gone, 1);
    return NULL;
}

static void *
up_run(void *arg)
{
    (void)arg;
    for (;;) {
        struct pollfd p = { up_fds[0], POLLIN, 0 };
        pthread_t t;
        pthread_attr_t detached;
        int fd;

        if (poll(&p, 1, 100) == 0) {
            if (up_stop)
                return NULL;
            continue;
        }
        if ((fd = accept(up_fds[0], NULL, NULL)) < 0)
            continue;
        pthread_attr_init(&detached);
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&t, &detached, up_serve, (void *)(intptr_t)fd) != 0)
            close(fd);
        pthread_attr_destroy(&detached);
    }
}

static void
says(const char *text)
{
    up_text = text;
    up_text_n = text == NULL ? 0 : strlen(text);
}

/* --- handlers ------------------------------------------------------------------ */

static struct fetch_request wish;
static atomic_int events[AUDIT_COUNT];
static size_t relay_body_max, relay_hold_max;
static int64_t relay_ms;
static bool relay_accepts, relay_rewrites, relay_headers, relay_repeatable;

static err_t
fake_audit(struct ctx *cx, const struct audit_record *a)
{
    (void)cx;
    if (a->outcome == AUDIT_FAILED) /* audit_put would refuse it (audit_record.c) */
        assert_true(a->code.n > 0 && a->reason.n > 0);
    atomic_fetch_add(&events[a->event], 1);
    return ERR_OK;
}

static err_t
ask(struct req *rq)
{
    struct fetch_reply r;
    struct json_out *js;
    err_t e = fetch(&rq->cx, &wish, &r);

    if (e != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    json_member_i64(js, "status", r.status);
    json_member(js, "type", r.type);
    json_member_i64(js, "age", r.max_age_ms);
    json_member_i64(js, "n", (int64_t)r.body.n);
    json_member(js, "body",
                str_of_bytes(r.body.n < 100 ? r.body : (struct bytes){ NULL, 0 }));
    json_end(js);
    return reply_send(rq, js);
}

static err_t
only_fhir(struct req *rq, int status, struct str type)
{
    if (status == 200 && str_is(type, "application/fhir+json"))
        return ERR_OK;
    return refuse(&rq->cx, ERR_FORBIDDEN, "test", "this may not pass");
}

static err_t
shout(struct req *rq, struct bytes body, struct str *out)
{
    if (body.n > 0 && body.p[0] == '!')
        return refuse(&rq->cx, ERR_FORBIDDEN, "test", "this may not be said");
    *out = arena_printf(rq->cx.arena, "[%.*s]", STR(str_of_bytes(body)));
    return out->p == NULL ? refuse_memory(&rq->cx) : ERR_OK;
}

static bool
header(struct req *rq, struct str name, struct str *value)
{
    if (str_eq_case(name, S("location")))
        *value = arena_str(rq->cx.arena, S("https://gateway/fhir/1"));
    return !str_eq_case(name, S("x-secret"));
}

static err_t
relay(struct req *rq)
{
    struct str headers[] = { S("Accept: application/fhir+json"), S("X-Tenant: a") };

    reply_header(rq, "X-Gate", S("knoop"));
    return reply_relay(rq,
                       &(struct reply_relay){ .method = rq->method,
                                              .url = str_of(url),
                                              .headers = headers,
                                              .header_count = 2,
                                              .body = req_body(rq),
                                              .body_max = relay_body_max,
                                              .hold_max = relay_hold_max,
                                              .timeout_ms = relay_ms,
                                              .repeatable = relay_repeatable,
                                              .accept = relay_accepts ? only_fhir : NULL,
                                              .rewrite = relay_rewrites ? shout : NULL,
                                              .header = relay_headers ? header : NULL });
}

static err_t
here(struct req *rq)
{
    return reply_bytes(rq, 200, "text/plain", bytes_of(S("here")));
}

#define ROW(op_, method_, path_, run_, errors_, audit_, fn_)                               \
    {                                                                                      \
        .op = op_, .doc = "Tests.", .door = HTTP_DOOR_INTERNAL, .method = method_,         \
        .path = path_, .auth = HTTP_AUTH_OPERATOR, .run = run_, .rate = RATE_READ,         \
        .errors = errors_, .audit = audit_, .body_max = 1000, .fn = fn_                    \
    }
static const struct http_route rows[] = {
    ROW("ask", HTTP_GET, "/ask", HTTP_RUN_LOOP, HTTP_ERRORS_PROBLEM, AUDIT_NOT_NEEDED, ask),
    ROW("relay", HTTP_ANY, "/relay", HTTP_RUN_LOOP, HTTP_ERRORS_FHIR, AUDIT_RECORD_READ,
        relay),
    ROW("here", HTTP_GET, "/here", HTTP_RUN_LOOP, HTTP_ERRORS_PROBLEM, AUDIT_NOT_NEEDED,
        here),
    { 0 },
};
static const struct http_route *const tables[] = { rows };

static void
prepare(void)
{
    size_t n;

    served_init(&s, tables, fake_audit);
    assert_int_equal(stat_open(&s.t.cx, -1, 0), ERR_OK); /* all from zero */
    assert_int_equal(os_listen(&s.t.cx, S("127.0.0.1:0"), up_fds, &n), ERR_OK);
    up_port = os_port(up_fds[0]);
    up_stop = up_calls = up_gone = 0;
    up_sent = 0;
    up_flood = 0;
    up_pause_ms = 0;
    up_keeps = up_tires = up_is_rude = false;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x?y=z", up_port);
    wish = (struct fetch_request){ .trust = FETCH_CONFIGURED,
                                   .method = HTTP_GET,
                                   .url = str_of(url) };
    relay_body_max = relay_hold_max = 1 << 20;
    relay_ms = 0;
    relay_accepts = relay_rewrites = relay_headers = relay_repeatable = false;
    for (int i = 0; i < AUDIT_COUNT; i++)
        events[i] = 0;
    says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: Text/Plain; "
         "a=b\r\n\r\nhello");
}

static void
start(void)
{
    assert_int_equal(fetch_open(&s.t.cx, s.loop, s.conf, &fetcher), ERR_OK);
    s.sys.fetch = fetcher;
    assert_int_equal(pthread_create(&up_thread, NULL, up_run, NULL), 0);
    served_start(&s);
}

static void
stop(void)
{
    up_stop = 1;
    pthread_join(up_thread, NULL);
    close(up_fds[0]);
    loop_stop(s.loop);
    pthread_join(s.thread, NULL);
    http_close(s.http);
    fetch_close(fetcher);
    loop_close(s.loop);
    conf_give(s.conf);
    test_ctx_fini(&s.t);
}

static int
setup(void **state)
{
    (void)state;
    prepare();
    start();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    stop();
    return 0;
}

static int
get_ms(const char *text, int ms)
{
    int fd = dial(s.internal_port);

    answer[0] = '\0';
    say(fd, text, strlen(text));
    hear_answer(fd, answer, sizeof(answer), ms);
    close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

#define SAY(fd, text) say(fd, text, sizeof(text) - 1)
#define GET(path)     get_ms("GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n", 3000)
#define POST(path)                                                                         \
    get_ms("POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b",    \
           2000)
#define HAS(part)                                                                          \
    do {                                                                                   \
        if (strstr(answer, part) == NULL)                                                  \
            fail_msg("'%s' is not in:\n%s", part, answer);                                 \
    } while (0)
#define HAS_NOT(part) assert_null(strstr(answer, part))
#define HEARD(part)   assert_non_null(strstr(up_heard, part))

/* The event follows the end of the connection, in its own time. */
static void
assert_broken(int n)
{
    for (int i = 0; i < 100 && atomic_load(&events[AUDIT_ANSWER_BROKEN]) < n; i++)
        usleep(5000);
    assert_int_equal(events[AUDIT_ANSWER_BROKEN], n);
}

/* --- fetch --------------------------------------------------------------------- */

static void
whom_outsiders_may_not_name(void **state)
{
    static const char *const guarded[] = {
        "https://127.0.0.1",          "https://localhost",       "https://[::1]",
        "https://2130706433",         "https://0x7f.1",          "https://0",
        "https://[::ffff:127.0.0.1]", "https://169.254.169.254", "https://10.0.0.1",
        "https://[fd00::1]",          "https://[fe80::1]",       "https://192.168.1.1",
        "https://[64:ff9b::7f00:1]",  "https://100.64.0.1",
    };

    (void)state;
    wish.trust = FETCH_OUTSIDER;
    for (size_t i = 0; i < COUNT(guarded); i++) {
        snprintf(url, sizeof(url), "%s:%d/", guarded[i], up_port);
        wish.url = str_of(url);
        if (GET("/ask") != 403)
            fail_msg("%s: %s", url, answer);
        HAS("outsiders may not name");
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", up_port);
    wish.url = str_of(url);
    assert_int_equal(GET("/ask"), 403);
    HAS("not https");
    wish.trust = FETCH_CRL; /* http it may be, guarded it stays */
    assert_int_equal(GET("/ask"), 403);
    HAS("outsiders may not name");
    wish.trust = FETCH_TRUST_NONE;
    assert_int_equal(GET("/ask"), 403);
    assert_int_equal(up_calls, 0);
    assert_int_equal(http_stats(s.http)->fetches_guarded, COUNT(guarded) + 2);
}

static void
ranges_that_the_operator_allows(void **state)
{
    static const struct str range[] = { S_INIT("127.0.0.0/8") };
    static struct str host[1];
    static char text[64];

    (void)state;
    prepare();
    snprintf(text, sizeof(text), "far.example=127.0.0.1:%d", up_port);
    host[0] = str_of(text);
    s.conf->fetch_hosts = (struct conf_list){ host, 1 };
    start();
    wish.trust = FETCH_CRL;
    wish.url = S("http://far.example/list.crl");
    assert_int_equal(GET("/ask"), 403); /* mapped, and guarded all the same */
    stop();
    prepare();
    snprintf(text, sizeof(text), "far.example=127.0.0.1:%d", up_port);
    host[0] = str_of(text);
    s.conf->fetch_hosts = (struct conf_list){ host, 1 };
    s.conf->fetch_allowed_ranges = (struct conf_list){ range, 1 };
    start();
    wish.trust = FETCH_CRL;
    wish.url = S("http://far.example/list.crl");
    assert_int_equal(GET("/ask"), 200);
    HEARD("Host: far.example\r\n");
    stop();
}

static void
what_configured_hosts_say(void **state)
{
    struct str headers[] = { S("X-A: b") };

    (void)state;
    wish.headers = headers;
    wish.header_count = 1;
    says("HTTP/1.1 404 No\r\nContent-Length: 5\r\nContent-Type: Text/Plain; a=b\r\n"
         "Cache-Control: public, max-age=300\r\n\r\nhello");
    assert_int_equal(
        get_ms(
            "GET /ask HTTP/1.1\r\nHost: localhost\r\n"
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
            3000),
        200);
    HAS("{\"status\":404,\"type\":\"text/"
        "plain\",\"age\":300000,\"n\":5,\"body\":\"hello\"}");
    HEARD("GET /x?y=z HTTP/1.1\r\n");
    HEARD("User-Agent: knoop/");
    HEARD("X-A: b\r\n");
    HEARD("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
    assert_null(strstr(up_heard, "00f067aa0ba902b7")); /* a span of our own */
    wish.method = HTTP_POST;
    wish.body = bytes_of(S("a=b"));
    assert_int_equal(GET("/ask"), 200);
    HEARD("POST /x");
    HEARD("\r\n\r\na=b");
    assert_null(strcasestr(up_heard, "content-type"));
    assert_null(strcasestr(up_heard, "expect:"));
}

static void
what_is_not_followed_nor_taken(void **state)
{
    struct str bad[] = { S("X-A: b\r\nX-C: d") };

    (void)state;
    says(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(GET("/ask"), 200);
    HAS("\"status\":302");
    says("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
    up_flood = 2000000;
    assert_int_equal(GET("/ask"), 502);
    HAS("passes 1048576 bytes");
    up_flood = 1000;
    wish.body_max = 999;
    says("HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(GET("/ask"), 502);
    up_flood = 0;
    says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
    assert_int_equal(GET("/ask"), 502);
    says("nonsense\r\n\r\n");
    assert_int_equal(GET("/ask"), 502);
    wish.headers = bad;
    wish.header_count = 1;
    assert_int_equal(GET("/ask"), 400);
    wish.header_count = 0;
    wish.url = S("http://user:pass@127.0.0.1/");
    assert_int_equal(GET("/ask"), 400);
    wish.url = S("gopher://127.0.0.1/");
    assert_int_equal(GET("/ask"), 403);
    wish.url = S("file:///etc/passwd");
    assert_true(GET("/ask") >= 400);
    wish.url = S("http://127.0.0.1:1/");
    assert_int_equal(GET("/ask"), 502);
}

/* A handle that never got an answer is not used again: it would take no options. */
static void
a_name_that_nobody_has_spoils_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct str good = wish.url;

        wish.url = S("http://nobody.invalid/");
        assert_int_equal(GET("/ask"), 502);
        wish.url = good;
        says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_int_equal(GET("/ask"), 200);
    }
}

static void
a_slow_host_meets_the_deadline(void **state)
{
    int64_t from = os_tick_ms();

    (void)state;
    says(NULL);
    wish.timeout_ms = 200;
    assert_int_equal(GET("/ask"), 504);
    assert_true(os_tick_ms() - from < 1000);
}

static void *
one_ask(void *arg)
{
    int fd = dial(s.internal_port);
    char room[2048];

    (void)arg;
    SAY(fd, "GET /ask HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear_answer(fd, room, sizeof(room), 3000);
    close(fd);
    return (void *)(intptr_t)atoi(room + 9);
}

static void
hosts_have_a_cap(void **state)
{
    pthread_t thread[6];
    int busy = 0, late = 0;

    (void)state;
    prepare();
    s.conf->fetch_per_host = 4;
    start();
    says(NULL);
    wish.timeout_ms = 400;
    for (int i = 0; i < 6; i++)
        pthread_create(&thread[i], NULL, one_ask, NULL);
    usleep(100000);
    assert_int_equal(GET("/here"), 200);
    for (int i = 0; i < 6; i++) {
        void *status;

        pthread_join(thread[i], &status);
        busy += (intptr_t)status == 503;
        late += (intptr_t)status == 504;
    }
    assert_int_equal(busy, 2);
    assert_int_equal(late, 4);
    assert_int_equal(http_stats(s.http)->fetches_capped, 2);
    stop();
}

static void
at_start_nobody_turns_the_loop(void **state)
{
    struct fetch_reply r;

    (void)state;
    prepare();
    assert_int_equal(fetch_open(&s.t.cx, s.loop, s.conf, &fetcher), ERR_OK);
    s.sys.fetch = fetcher;
    s.t.cx.sys = &s.sys;
    assert_int_equal(pthread_create(&up_thread, NULL, up_run, NULL), 0);
    assert_int_equal(fetch(&s.t.cx, &wish, &r), ERR_OK);
    assert_int_equal(r.body.n, 5);
    s.t.cx.may_not_block = true;
    assert_int_equal(fetch(&s.t.cx, &wish, &r), ERR_WOULD_BLOCK);
    served_start(&s);
    stop();
}

static void *
fetch_beside(void *arg)
{
    struct test_ctx t;
    struct fetch_reply r;
    intptr_t e;

    test_ctx_init(&t);
    t.cx.sys = arg;
    e = fetch(&t.cx, &wish, &r);
    test_ctx_fini(&t);
    return (void *)e;
}

/* When the node stops, the loop is turned now and then, by one thread. */
static void
a_loop_that_stands_is_turned_by_its_own_thread(void **state)
{
    pthread_t beside;
    void *e;

    (void)state;
    prepare();
    assert_int_equal(fetch_open(&s.t.cx, s.loop, s.conf, &fetcher), ERR_OK);
    s.sys.fetch = fetcher;
    assert_int_equal(pthread_create(&up_thread, NULL, up_run, NULL), 0);
    assert_int_equal(pthread_create(&beside, NULL, fetch_beside, &s.sys), 0);
    usleep(100000);
    assert_int_equal(up_calls, 0);
    while (pthread_tryjoin_np(beside, &e) != 0)
        loop_turn(s.loop, 10);
    assert_int_equal((intptr_t)e, ERR_OK);
    assert_int_equal(up_calls, 1);
    served_start(&s);
    stop();
}

/* --- relay --------------------------------------------------------------------- */

static void
relays_with_a_length(void **state)
{
    (void)state;
    says("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nContent-Type: "
         "application/fhir+json\r\n"
         "ETag: W/\"1\"\r\nSet-Cookie: a=b\r\nServer: hapi\r\nLocation: http://inside/1\r\n"
         "X-Secret: 1\r\nConnection: close\r\n\r\nhello");
    assert_int_equal(GET("/relay"), 201);
    HAS("Content-Length: 5\r\n");
    HAS("Content-Type: application/fhir+json\r\n");
    HAS("ETag: W/\"1\"\r\n");
    HAS("X-Gate: knoop\r\n");
    HAS("\r\n\r\nhello");
    HAS_NOT("Set-Cookie");
    HAS_NOT("hapi");
    HAS_NOT("Location");
    HAS_NOT("X-Secret");
    HAS_NOT("Connection: close");
    HEARD("Accept: application/fhir+json\r\n");
    HEARD("X-Tenant: a\r\n");
    assert_int_equal(events[AUDIT_RECORD_READ], 1);
    assert_broken(0);
    relay_headers = true;
    assert_int_equal(GET("/relay"), 201);
    HAS("Location: https://gateway/fhir/1\r\n");
    HAS_NOT("X-Secret");
    HAS_NOT("Set-Cookie");
}

static void
relays_of_every_framing(void **state)
{
    int fd = dial(s.internal_port);

    (void)state;
    says("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
         "chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 300);
    HAS("Transfer-Encoding: chunked\r\n");
    HAS("\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    says("HTTP/1.1 204 No Content\r\n\r\n"); /* the connection goes on */
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 300);
    HAS("204");
    HAS_NOT("chunked");
    says("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
    SAY(fd, "HEAD /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 300);
    HAS("Content-Length: 77\r\n");
    HEARD("HEAD /x");
    says("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    SAY(fd, "GET /relay HTTP/1.0\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 1000);
    HAS("Connection: close\r\n");
    HAS_NOT("chunked");
    HAS("\r\n\r\nuntil the end");
    close(fd);
    says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(
        get_ms("POST /relay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b",
               2000),
        200);
    HEARD("POST /x");
    HEARD("\r\n\r\na=b");
}

static void
upstreams_that_fail(void **state)
{
    (void)state;
    says("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
    assert_int_equal(GET("/relay"), 502); /* more than body_max */
    HAS("OperationOutcome");
    says("garbage");
    assert_int_equal(GET("/relay"), 502);
    says(NULL);
    relay_ms = 200;
    assert_int_equal(GET("/relay"), 504);
    snprintf(url, sizeof(url), "http://127.0.0.1:1/");
    assert_int_equal(GET("/relay"), 502);
    assert_int_equal(events[AUDIT_RECORD_READ], 4);
    assert_broken(4); /* permitted, and not arrived */
    assert_int_equal(http_stats(s.http)->relays_broken, 4);
}

/* --- seen from outside --------------------------------------------------------------- */

#define CALLER "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"

/* They are put when the last byte went, which the client may see before. */
static void
spans_are(struct stat_span *out, size_t n)
{
    size_t have = 0;

    for (int i = 0; i < 500 && have < n; i++) {
        usleep(10000);
        have += stat_span_take(&out[have], n - have);
    }
    assert_int_equal(have, n);
    usleep(50000);
    assert_int_equal(stat_span_take(out + n, 1), 0); /* and no more */
}

static const char *
id_text(const uint8_t id[8])
{
    struct str text;

    assert_int_equal(hex(&s.t.cx, (struct bytes){ id, 8 }, &text), ERR_OK);
    return arena_z(s.t.cx.arena, text);
}

/* What was asked of an upstream stands below what was asked of us, and that below the
 * caller. */
static void
requests_are_traced(void **state)
{
    static const char unwanted[] = "GET /ask HTTP/1.1\r\nHost: localhost\r\n"
                                   "traceparent: " CALLER "00\r\n\r\n";
    static const char wanted[] = "GET /ask HTTP/1.1\r\nHost: localhost\r\n"
                                 "traceparent: " CALLER "01\r\n\r\n";
    struct stat_span two[3];

    (void)state;
    stat_trace_on(true);
    assert_int_equal(get_ms(unwanted, 3000), 200);
    assert_int_equal(get_ms(wanted, 3000), 200);
    spans_are(two, 2);
    assert_int_equal(two[0].kind, STAT_SPAN_CLIENT);
    assert_string_equal(two[0].name, "fetch");
    assert_string_equal(two[0].method, "GET");
    assert_string_equal(two[0].route, ""); /* its URL is nobody's business */
    assert_int_equal(two[0].status, 200);
    assert_int_equal(two[1].kind, STAT_SPAN_SERVER);
    assert_string_equal(two[1].name, "ask");
    assert_string_equal(two[1].route, "/ask");
    assert_int_equal(two[1].status, 200);
    assert_string_equal(id_text(two[1].trace.parent), "00f067aa0ba902b7");
    assert_memory_equal(two[0].trace.trace, two[1].trace.trace, 16);
    assert_memory_equal(two[0].trace.parent, two[1].id, 8);
    HEARD("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
    HEARD(id_text(two[0].id));
    assert_in_range(two[1].micros, two[0].micros, 10000000);
    /* nobody's trace goes on: one begins */
    says("garbage");
    assert_int_equal(GET("/relay"), 502);
    spans_are(two, 2);
    assert_string_equal(two[0].name, "relay");
    assert_int_equal(two[0].error, ERR_UPSTREAM);
    assert_string_equal(two[1].name, "relay");
    assert_string_equal(id_text(two[1].trace.parent), "0000000000000000");
    assert_int_equal(two[1].error, ERR_UPSTREAM);
    stat_trace_on(false);
    assert_int_equal(GET("/here"), 200);
    spans_are(two, 0);
}

static int64_t
answered(const char *op, const char *status)
{
    return stat_read(stat_find(STAT_OPERATIONS, op, status));
}

static void
requests_are_counted_by_operation(void **state)
{
    int64_t is = 0;
    int fd = dial(s.internal_port);

    (void)state;
    assert_int_equal(GET("/here"), 200);
    assert_int_equal(GET("/nowhere"), 404);
    says("garbage");
    assert_int_equal(GET("/relay"), 502);
    says(NULL);
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 500 && up_calls < 2; i++)
        usleep(10000);
    close(fd); /* permitted, and gone before the answer */
    for (int i = 0; i < 500 && (is = answered("relay", "broken")) == 0; i++)
        usleep(10000);
    assert_int_equal(is, 1);
    assert_int_equal(answered("here", "200"), 1);
    assert_int_equal(answered("none", "404"), 1);
    assert_int_equal(answered("relay", "502"), 1);
    assert_int_equal(stat_read(stat_find(STAT_REFUSALS, "UPSTREAM", "")), 1);
    assert_int_equal(stat_read(stat_find(STAT_REFUSALS, "NOT_FOUND", "")), 1);
}

/* Broken off in the middle: the client must see that it is not whole. */
static void
answers_that_break_off(void **state)
{
    int fd = dial(s.internal_port);

    (void)state;
    up_pause_ms = 100;
    says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 1000);
    HAS_NOT("0\r\n\r\n");
    assert_true(is_closed(fd, 100));
    close(fd);
    says("HTTP/1.1 200 OK\r\n\r\n"); /* no length, and more than body_max */
    up_flood = 3 << 20;
    fd = dial(s.internal_port);
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (;;) {
        size_t n = hear(fd, answer, sizeof(answer), 1, 500);

        if (n == 0)
            break;
        assert_null(strstr(answer, "0\r\n\r\n"));
    }
    assert_true(is_closed(fd, 100));
    close(fd);
    assert_broken(2);
}

static void
held_and_rewritten(void **state)
{
    (void)state;
    relay_rewrites = true;
    says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
         "application/fhir+json; x=y\r\n"
         "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    assert_int_equal(GET("/relay"), 200);
    HAS("Content-Length: 7\r\n");
    HAS("[hello]");
    says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    assert_int_equal(GET("/relay"), 403);
    HAS_NOT("!");
    up_flood = 100000;
    says("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    assert_int_equal(GET("/relay"), 200);
    HAS("Content-Length: 100002\r\n");
    HAS("[xxx");
    up_flood = 300000;
    says("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"); /* in the pool */
    assert_int_equal(GET("/relay"), 200);
    HAS("Content-Length: 300002\r\n");
    HAS("[xxx");
    up_flood = 0;
    relay_hold_max = 10;
    says("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
    assert_int_equal(GET("/relay"), 502);
    says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nxx");
    assert_int_equal(GET("/relay"), 502);
    says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbrea");
    assert_int_equal(GET("/relay"), 502);
    assert_broken(4);
}

/* What an upstream says of its own troubles may hold anything: not a byte of it goes out.
 */
static void
what_is_not_accepted_stays(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 500 Oops\r\nContent-Type: application/fhir+json\r\nContent-Length: 6\r\n"
        "\r\nSECRET",
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/fhir+json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n6\r\nSECRET\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nSECRET",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET",
        "HTTP/1.1 204 No Content\r\nX-Name: SECRET\r\n\r\n",
    };

    (void)state;
    relay_accepts = true;
    says("HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json; charset=utf-8\r\n"
         "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(GET("/relay"), 200);
    HAS("{}");
    for (size_t i = 0; i < 2 * COUNT(heads); i++) {
        relay_rewrites = i % 2;
        says(heads[i / 2]);
        assert_int_equal(GET("/relay"), 403);
        HAS_NOT("SECRET");
    }
    relay_rewrites = false;
    says("HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 2\r\n"
         "Content-Encoding: gzip\r\n\r\nxx");
    assert_int_equal(GET("/relay"), 502); /* it was not asked for: who could read it? */
    assert_broken(2 * COUNT(heads) + 1);
}

/* A client that does not read stops the upstream, and costs no memory. */
static void
back_pressure(void **state)
{
    size_t want = 32u << 20, got = 0;
    int fd, small = 64 * 1024;
    long sent;

    (void)state;
    relay_body_max = 64u << 20;
    says("HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    up_flood = want;
    fd = dial(s.internal_port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    usleep(300000);
    sent = atomic_load(&up_sent);
    assert_true(sent < 20 << 20); /* what sockets buffer, and two of ours */
    usleep(100000);
    assert_int_equal(atomic_load(&up_sent), sent);
    while (got < want) {
        size_t n = hear(fd, answer, sizeof(answer), sizeof(answer) - 1, 1000);

        if (n == 0)
            break;
        got += n;
    }
    assert_true(got > want);
    assert_int_equal(atomic_load(&up_sent), (long)want);
    close(fd);
    assert_broken(0);
}

static void
clients_that_go_let_the_upstream_go(void **state)
{
    int fd;

    (void)state;
    says(NULL);
    fd = dial(s.internal_port);
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    usleep(50000);
    close(fd);
    for (int i = 0; i < 100 && atomic_load(&up_gone) < 1; i++)
        usleep(10000);
    assert_int_equal(up_gone, 1);
    assert_broken(1);

    relay_body_max = 64u << 20;
    says("HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    up_flood = 32u << 20;
    fd = dial(s.internal_port);
    SAY(fd, "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof(answer), 100000, 1000);
    close(fd);
    for (int i = 0; i < 100 && atomic_load(&up_gone) < 2; i++)
        usleep(10000);
    assert_int_equal(up_gone, 2);
    assert_broken(2);
}

static void
upstream_connections_are_used_again(void **state)
{
    (void)state;
    up_keeps = true;
    for (int i = 0; i < 10; i++)
        assert_int_equal(GET("/relay"), 200);
    assert_int_equal(up_calls, 10);
    assert_int_equal(up_gone, 0);
}

/* The server hung up as the request came: it is asked again, over a new one. */
static void
a_kept_connection_that_was_closed_is_no_failure(void **state)
{
    (void)state;
    up_keeps = up_tires = true;
    assert_int_equal(GET("/relay"), 200);
    assert_int_equal(GET("/relay"), 200);
    assert_int_equal(up_calls, 3);
    relay_repeatable = true; /* as a search is */
    assert_int_equal(POST("/relay"), 200);
    HEARD("\r\n\r\na=b");
    assert_int_equal(up_calls, 5);
    assert_broken(0);
}

struct held_up {
    struct loop_task task;
    sem_t here, go;
};

static void
wait_for_go(struct loop_task *task)
{
    struct held_up *held = container_of(task, struct held_up, task);

    sem_post(&held->here);
    sem_wait(&held->go);
}

/* What is said on a kept connection before it was asked is nobody's answer. */
static void
an_answer_to_nothing_is_not_taken(void **state)
{
    static const char get[] = "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct held_up held = { .task.fn = wait_for_go };
    int fd = dial(s.internal_port);

    (void)state;
    up_keeps = true;
    SAY(fd, get);
    assert_true(hear_answer(fd, answer, sizeof(answer), 3000) > 0);
    sem_init(&held.here, 0, 0);
    sem_init(&held.go, 0, 0);
    loop_post(s.loop, &held.task);
    sem_wait(&held.here);
    SAY(fd, get); /* the loop finds both in one turn, this first */
    SAY(up_last, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    sem_post(&held.go);
    assert_true(hear_answer(fd, answer, sizeof(answer), 3000) > 0);
    HAS("\r\n\r\nhello");
    assert_int_equal(up_calls, 2);
    close(fd);
}

/* RFC 9110 9.2.2: what changes something is sent once, whether it was seen or not. */
static void
a_post_is_not_sent_twice(void **state)
{
    (void)state;
    up_keeps = up_tires = true;
    assert_int_equal(GET("/relay"), 200); /* its connection is kept, and tired */
    assert_int_equal(POST("/relay"), 200);
    HEARD("\r\nConnection: close\r\n");
    HEARD("\r\n\r\na=b");
    assert_int_equal(up_calls, 2);
    assert_int_equal(POST("/relay"), 200);
    assert_int_equal(up_calls, 3);
    up_is_rude = true;
    assert_int_equal(POST("/relay"), 502);
    assert_int_equal(up_calls, 4);
    up_is_rude = false;
    assert_int_equal(GET("/relay"), 200); /* over the tired one, and over a new one */
    assert_int_equal(up_calls, 6);
}

/* libcurl sends anything again when a kept connection gave nothing: it is given none. */
static void
nor_does_libcurl_send_it_twice(void **state)
{
    static const struct str range[] = { S_INIT("127.0.0.0/8") };

    (void)state;
    prepare();
    s.conf->fetch_allowed_ranges = (struct conf_list){ range, 1 };
    start();
    up_keeps = up_tires = true;
    wish.trust = FETCH_CRL; /* plain http, and not direct.c's */
    assert_int_equal(GET("/ask"), 200);
    assert_int_equal(GET("/ask"), 200);
    assert_int_equal(up_calls, 3); /* a GET it does send again */
    wish.method = HTTP_POST;
    wish.body = bytes_of(S("a=b"));
    assert_int_equal(GET("/ask"), 200);
    assert_int_equal(up_calls, 4);
    assert_int_equal(GET("/ask"), 200);
    assert_int_equal(up_calls, 5);
    up_is_rude = true;
    assert_int_equal(GET("/ask"), 502);
    assert_int_equal(up_calls, 6);
    up_is_rude = false;
    wish.repeatable = true;
    assert_int_equal(GET("/ask"), 200); /* over the GET's tired one, and over a new one */
    assert_int_equal(up_calls, 8);
    stop();
}

static void
what_comes_before_the_answer(void **state)
{
    (void)state;
    up_keeps = true;
    says("HTTP/1.1 103 Early Hints\r\nETag: \"0\"\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"1\"\r\n\r\nok");
    assert_int_equal(GET("/relay"), 200);
    HAS("ETag: \"1\"");
    HAS_NOT("ETag: \"0\"");
    HAS("\r\n\r\nok");
    says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    assert_int_equal(GET("/relay"), 502);
}

/* RFC 9112 6.3: what could be read in two ways is not read; what was not asked ends it. */
static void
framing_that_is_not_sound(void **state)
{
    static const char *const bad[] = {
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\r\n b\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        says(bad[i]);
        assert_int_equal(GET("/ask"), 502);
    }
    up_keeps = true;
    says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
         "Content-Length: 6\r\n\r\npoison");
    for (int i = 0; i < 3; i++) { /* what came behind is nobody's answer */
        assert_int_equal(GET("/relay"), 200);
        HAS("\r\n\r\nok");
        HAS_NOT("poison");
    }
}

/* A name is libcurl's first, and ours once it has led somewhere. */
static void
upstreams_by_name(void **state)
{
    (void)state;
    up_keeps = true;
    snprintf(url, sizeof(url), "http://localhost:%d/x?y=z", up_port);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(GET("/relay"), 200);
        HAS("\r\n\r\nhello");
        HEARD("GET /x?y=z HTTP/1.1\r\n");
        HEARD("Host: localhost:");
    }
    assert_int_equal(up_calls, 4);
}

static void
relays_have_a_cap(void **state)
{
    int fd[4];

    (void)state;
    prepare();
    s.conf->relay_per_host = 4;
    start();
    says(NULL);
    relay_ms = 300;
    for (int i = 0; i < 4; i++) {
        fd[i] = dial(s.internal_port);
        SAY(fd[i], "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    usleep(50000);
    assert_int_equal(GET("/relay"), 503);
    HAS("Retry-After: 1");
    for (int i = 0; i < 4; i++) {
        hear_answer(fd[i], answer, sizeof(answer), 1000);
        HAS("504");
        close(fd[i]);
    }
    says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(GET("/relay"), 200);
    stop();
}

/* --- 200 of each hang, and the loop answers as before -------------------------- */

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

enum {
    TURNS = 500,
    TURNS_LEAST = 5,
    TURNS_MOST = 40,
    HANGING = 200,
    RENEWED = 4,
    SLICE_US = 2000
};

static int64_t
took_us(int fd, bool *lost)
{
    int64_t from = os_tick_ns();
    char room[1024];

    SAY(fd, "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n");
    *lost = *lost || hear_answer(fd, room, sizeof(room), 2000) == 0;
    return (os_tick_ns() - from) / 1000;
}

/* False when no answer came at all. */
static bool
p99_us(int calm, int crowded, int64_t *alone, int64_t *beside)
{
    static int64_t took[2][TURNS];
    bool lost = false;

    for (int i = 0; i < TURNS; i++) { /* in turns: what else runs here bends both alike */
        took[0][i] = took_us(calm, &lost);
        took[1][i] = took_us(crowded, &lost);
        if (lost)
            return false;
    }
    qsort(took[0], TURNS, sizeof(took[0][0]), by_size);
    qsort(took[1], TURNS, sizeof(took[1][0]), by_size);
    *alone = took[0][TURNS * 99 / 100];
    *beside = took[1][TURNS * 99 / 100];
    return true;
}

static struct {
    int relay[HANGING], drip[HANGING];
    atomic_bool stop;
} crowd;

static void
ask_what_hangs(int i)
{
    crowd.relay[i] = dial(s.internal_port);
    SAY(crowd.relay[i], "GET /relay HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

/* A byte of each now and then; and some of the relays end and begin, all the time. */
static void *
keep_hanging(void *arg)
{
    (void)arg;
    for (int n = 0; !crowd.stop; n += RENEWED) {
        for (int i = 0; i < HANGING; i++)
            say(crowd.drip[i], "a", 1);
        for (int i = n; i < n + RENEWED; i++) {
            close(crowd.relay[i % HANGING]);
            ask_what_hangs(i % HANGING);
        }
        usleep(20000);
    }
    return NULL;
}

/* hang.py says why: where more want the processors than there are, slices are seen. */
static int64_t
slices_us(void)
{
    double load = 0, processors = (double)sysconf(_SC_NPROCESSORS_ONLN);

    return getloadavg(&load, 1) < 1 || load < processors
               ? 0
               : (int64_t)(SLICE_US * (load / processors - 1));
}

/*
 * Against a second server, alike but for those who hang. What else runs here only adds to
 * a time, and not for ever; one of these 200 who held us up would be in every turn. So each
 * server is judged by its best turn, and a busy machine is given some more of them.
 */
static void
who_hangs_does_not_delay_others(void **state)
{
    int64_t alone = INT64_MAX, beside = INT64_MAX, a, b;
    struct served calm;
    pthread_t thread;
    bool within = false;
    int fd[2], turns = 0;

    (void)state;
    served_init(&calm, tables, fake_audit);
    served_start(&calm);
    says(NULL);
    for (int i = 0; i < HANGING; i++) {
        ask_what_hangs(i);
        crowd.drip[i] = dial(s.internal_port);
        SAY(crowd.drip[i], "GET /here HTTP/1.1\r\nX: ");
    }
    crowd.stop = false;
    pthread_create(&thread, NULL, keep_hanging, NULL);
    usleep(100000);
    fd[0] = dial(calm.internal_port);
    fd[1] = dial(s.internal_port);
    while (turns < (within ? TURNS_LEAST : TURNS_MOST) && p99_us(fd[0], fd[1], &a, &b)) {
        turns++;
        alone = a < alone ? a : alone;
        beside = b < beside ? b : beside;
        within = beside < 2 * alone + 200 + slices_us();
    }
    crowd.stop = true;
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
    for (int i = 0; i < HANGING; i++) {
        close(crowd.relay[i]);
        close(crowd.drip[i]);
    }
    served_stop(&calm);
    print_message("# p99 alone %lld us, beside 200 + 200 %lld us\n", (long long)alone,
                  (long long)beside);
    assert_true(within && turns >= TURNS_LEAST);
}

/* An ordinary user begins with 1024, which 200 of each with both their ends pass. */
static void
many_descriptors(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(whom_outsiders_may_not_name),
        cmocka_unit_test(ranges_that_the_operator_allows),
        T(what_configured_hosts_say),
        T(requests_are_traced),
        T(requests_are_counted_by_operation),
        T(what_is_not_followed_nor_taken),
        T(a_slow_host_meets_the_deadline),
        cmocka_unit_test(hosts_have_a_cap),
        cmocka_unit_test(at_start_nobody_turns_the_loop),
        cmocka_unit_test(a_loop_that_stands_is_turned_by_its_own_thread),
        T(relays_with_a_length),
        T(relays_of_every_framing),
        T(a_name_that_nobody_has_spoils_nothing),
        T(upstreams_that_fail),
        T(answers_that_break_off),
        T(held_and_rewritten),
        T(what_is_not_accepted_stays),
        T(back_pressure),
        T(clients_that_go_let_the_upstream_go),
        T(upstream_connections_are_used_again),
        T(a_kept_connection_that_was_closed_is_no_failure),
        T(an_answer_to_nothing_is_not_taken),
        T(a_post_is_not_sent_twice),
        cmocka_unit_test(nor_does_libcurl_send_it_twice),
        T(what_comes_before_the_answer),
        T(framing_that_is_not_sound),
        T(upstreams_by_name),
        cmocka_unit_test(relays_have_a_cap),
        T(who_hangs_does_not_delay_others),
    };

    many_descriptors();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
