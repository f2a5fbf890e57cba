/* server_test.c - the doors, by bare sockets: refusals first. EUPL-1.2. */
#include "sys/http/served.h"

#include <stdatomic.h>

static struct served s;
static char answer[256 * 1024];

/* --- handlers ------------------------------------------------------------------ */

static atomic_int calls, audits, audit_fails;
static atomic_int last_event, last_outcome;
static char last_code[64], last_what[64], last_ip[64];

static err_t
fake_audit(struct ctx *cx, const struct audit_record *a)
{
    if (atomic_load(&audit_fails))
        return refuse(cx, ERR_UNAVAILABLE, "", "the auditor is down");
    atomic_store(&last_event, (int)a->event);
    atomic_store(&last_outcome, (int)a->outcome);
    snprintf(last_code, sizeof(last_code), "%.*s", STR(a->code));
    snprintf(last_what, sizeof(last_what), "%.*s", STR(a->what));
    snprintf(last_ip, sizeof(last_ip), "%.*s", STR(a->source_ip));
    atomic_fetch_add(&audits, 1);
    return ERR_OK;
}

static err_t
echo(struct req *rq)
{
    struct json_out *js;

    atomic_fetch_add(&calls, 1);
    reply_header(rq, "X-Echo", S("yes"));
    js = reply_json(rq, 200);
    json_object(js);
    json_member(js, "method", str_of(http_method_name(rq->method)));
    json_member(js, "id", req_path(rq, "id"));
    json_member(js, "rest", req_path(rq, "rest"));
    json_member(js, "q", req_query(rq, "q"));
    json_member(js, "body", str_of_bytes(req_body(rq)));
    json_member(js, "client", req_client(rq));
    json_member_z(js, "trace", rq->cx.trace);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
form(struct req *rq)
{
    struct str grant;
    struct json_out *js;
    err_t e = req_form(rq, "grant_type", &grant);

    if (e != ERR_OK)
        return e;
    if (grant.p == NULL)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "RFC 6749 4", "grant_type is missing");
    js = reply_json(rq, 200);
    json_object(js);
    json_member(js, "grant", grant);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
make(struct req *rq)
{
    json *body;
    err_t e = req_json(rq, &body);

    if (e != ERR_OK)
        return e;
    if (json_get(body, "teapot") != NULL)
        return refuse(&rq->cx, ERR_CONFLICT, "RFC 2324 2.3.2", "the teapot is short");
    return reply_empty(rq, 204);
}

static err_t
blocks(struct req *rq)
{
    if (rq->cx.may_not_block)
        return refuse(&rq->cx, ERR_WOULD_BLOCK, "", "not here");
    return reply_bytes(rq, 200, "text/plain", bytes_of(S("from the pool")));
}

static err_t
deny(struct req *rq)
{
    reply_header(rq, "WWW-Authenticate", S("DPoP algs=\"ES256\""));
    reply_header(rq, "ETag", S("\"secret\""));
    return refuse(&rq->cx, ERR_UNAUTHORIZED, "RFC 6750 3", "no token");
}

static err_t
silent(struct req *rq)
{
    (void)rq;
    return ERR_OK;
}

static err_t
splits(struct req *rq)
{
    reply_header(rq, "Location", S("/a\r\nSet-Cookie: b"));
    return reply_empty(rq, 204);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static err_t
waits(struct req *rq)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return reply_empty(rq, 204);
}

static err_t
big(struct req *rq)
{
    size_t n = 20u << 20;
    uint8_t *p = arena_alloc(rq->cx.arena, n);

    if (p == NULL)
        return refuse_memory(&rq->cx);
    memset(p, 'x', n);
    return reply_bytes(rq, 200, "application/octet-stream", (struct bytes){ p, n });
}

#define ROW(op_, door_, method_, path_, run_, errors_, audit_, body_, fn_)                 \
    {                                                                                      \
        .op = op_, .doc = "Tests.", .door = door_, .method = method_, .path = path_,       \
        .auth = (door_) == HTTP_DOOR_INTERNAL ? HTTP_AUTH_OPERATOR : HTTP_AUTH_ANYONE,     \
        .run = run_, .rate = RATE_READ, .errors = errors_, .audit = audit_,                \
        .body_max = body_, .fn = fn_                                                       \
    }
#define PUBLIC   HTTP_DOOR_PUBLIC
#define INTERNAL HTTP_DOOR_INTERNAL
#define LOOP     HTTP_RUN_LOOP
#define POOL     HTTP_RUN_POOL
#define PROBLEM  HTTP_ERRORS_PROBLEM

static const struct http_route rows[] = {
    ROW("echo", PUBLIC, HTTP_GET, "/echo/{id}", LOOP, PROBLEM, AUDIT_NOT_NEEDED, 0, echo),
    ROW("echoPost", PUBLIC, HTTP_POST, "/echo/{id}", POOL, PROBLEM, AUDIT_NOT_NEEDED, 1000,
        echo),
    ROW("rest", PUBLIC, HTTP_ANY, "/rest/{*rest}", LOOP, HTTP_ERRORS_FHIR, AUDIT_NOT_NEEDED,
        100, echo),
    ROW("token", PUBLIC, HTTP_POST, "/token", POOL, HTTP_ERRORS_OAUTH, AUDIT_NOT_NEEDED,
        4096, form),
    ROW("createThing", INTERNAL, HTTP_POST, "/internal/thing", POOL, PROBLEM,
        AUDIT_NOT_NEEDED, 4096, make),
    ROW("publicThing", PUBLIC, HTTP_POST, "/thing", POOL, PROBLEM, AUDIT_NOT_NEEDED, 4096,
        make),
    ROW("blocks", PUBLIC, HTTP_GET, "/blocks", LOOP, PROBLEM, AUDIT_NOT_NEEDED, 0, blocks),
    ROW("deny", PUBLIC, HTTP_GET, "/deny", LOOP, HTTP_ERRORS_FHIR, AUDIT_RECORD_READ, 0,
        deny),
    ROW("read", PUBLIC, HTTP_GET, "/read", LOOP, HTTP_ERRORS_FHIR, AUDIT_RECORD_READ, 0,
        blocks),
    ROW("silent", PUBLIC, HTTP_GET, "/silent", LOOP, PROBLEM, AUDIT_NOT_NEEDED, 0, silent),
    ROW("splits", PUBLIC, HTTP_GET, "/splits", LOOP, PROBLEM, AUDIT_NOT_NEEDED, 0, splits),
    ROW("waits", PUBLIC, HTTP_GET, "/waits", POOL, PROBLEM, AUDIT_NOT_NEEDED, 0, waits),
    ROW("big", PUBLIC, HTTP_GET, "/big", LOOP, PROBLEM, AUDIT_RECORD_READ, 0, big),
    { 0 },
};
static const struct http_route *const tables[] = { rows };

static void
prepare(void)
{
    served_init(&s, tables, fake_audit);
    audits = audit_fails = 0;
}

static int
setup(void **state)
{
    (void)state;
    prepare();
    served_start(&s);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    served_stop(&s);
    return 0;
}

/* Sends `text` to the door; its status, the whole answer in `answer`. */
static int
ask_at(int port, const char *text, size_t n)
{
    int fd = dial(port), status = 0;

    assert_true(fd >= 0);
    say(fd, text, n);
    hear_answer(fd, answer, sizeof(answer), 2000);
    if (strncmp(answer, "HTTP/1.1 ", 9) == 0)
        status = atoi(answer + 9);
    close(fd);
    return status;
}

#define ASK(text)     ask_at(s.public_port, text, sizeof(text) - 1)
#define ASK_IN(text)  ask_at(s.internal_port, text, sizeof(text) - 1)
#define SAY(fd, text) say(fd, text, sizeof(text) - 1)
#define HAS(part)                                                                          \
    do {                                                                                   \
        if (strstr(answer, part) == NULL)                                                  \
            fail_msg("'%s' is not in:\n%s", part, answer);                                 \
    } while (0)
#define HAS_NOT(part) assert_null(strstr(answer, part))

/* --- refusals of the wire ------------------------------------------------------ */

#define H "Host: a\r\n"
static const struct {
    const char *what;
    int status;
    struct str text;
} bad[] = {
    { "length and coding", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "coding and length", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n") },
    { "length twice", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc") },
    { "coding twice", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "length list", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc") },
    { "length sign", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc") },
    { "length minus", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc") },
    { "length overflow", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Content-Length: 99999999999999999999999\r\n\r\n") },
    { "two Host", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "Host: b\r\n\r\n") },
    { "no Host", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n\r\n") },
    { "empty Host", 400, S_INIT("GET /echo/1 HTTP/1.1\r\nHost:\r\n\r\n") },
    { "bad Host", 400, S_INIT("GET /echo/1 HTTP/1.1\r\nHost: a/b\r\n\r\n") },
    { "user in Host", 400, S_INIT("GET /echo/1 HTTP/1.1\r\nHost: u@a\r\n\r\n") },
    { "two Authorization", 400,
      S_INIT("GET /echo/1 HTTP/1.1\r\n" H
             "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n") },
    { "two DPoP", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "DPoP: a\r\nDPoP: b\r\n\r\n") },
    { "coding gzip", 501,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") },
    { "coding identity", 501,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n") },
    { "coding chunked chunked", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n") },
    { "coding in 1.0", 400,
      S_INIT("POST /echo/1 HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "bare LF", 400, S_INIT("GET /echo/1 HTTP/1.1\nHost: a\n\n") },
    { "bare LF in a header", 400, S_INIT("GET /echo/1 HTTP/1.1\r\nHost: a\nX: b\r\n\r\n") },
    { "CR before CRLF", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X: b\r\r\n\r\n") },
    { "bare CR", 400, S_INIT("GET /echo/1 HTTP/1.1\r\nHost: a\rX: b\r\n\r\n") },
    { "NUL in a value", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X: a\0b\r\n\r\n") },
    { "NUL in a name", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X\0: a\r\n\r\n") },
    { "NUL in the target", 400, S_INIT("GET /echo/\0 HTTP/1.1\r\n" H "\r\n") },
    { "folding", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n") },
    { "folding first", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n X: a\r\n" H "\r\n") },
    { "space before colon", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X : a\r\n\r\n") },
    { "bad name", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X(y): a\r\n\r\n") },
    { "empty name", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H ": a\r\n\r\n") },
    { "control in a value", 400, S_INIT("GET /echo/1 HTTP/1.1\r\n" H "X: a\x01\r\n\r\n") },
    { "absolute target", 400, S_INIT("GET http://a/echo/1 HTTP/1.1\r\n" H "\r\n") },
    { "absolute target with TLS", 400,
      S_INIT("GET https://a/echo/1 HTTP/1.1\r\n" H "\r\n") },
    { "CONNECT", 400, S_INIT("CONNECT a:443 HTTP/1.1\r\n" H "\r\n") },
    { "asterisk", 400, S_INIT("GET * HTTP/1.1\r\n" H "\r\n") },
    { "fragment", 400, S_INIT("GET /echo/1#x HTTP/1.1\r\n" H "\r\n") },
    { "fragment behind a query", 400, S_INIT("GET /echo/1?a#x HTTP/1.1\r\n" H "\r\n") },
    { "encoded slash", 400, S_INIT("GET /echo/a%2Fb HTTP/1.1\r\n" H "\r\n") },
    { "encoded slash, lower", 400, S_INIT("GET /rest/a%2fb HTTP/1.1\r\n" H "\r\n") },
    { "encoded backslash", 400, S_INIT("GET /echo/a%5cb HTTP/1.1\r\n" H "\r\n") },
    { "backslash", 400, S_INIT("GET /echo/a\\b HTTP/1.1\r\n" H "\r\n") },
    { "encoded NUL", 400, S_INIT("GET /echo/a%00 HTTP/1.1\r\n" H "\r\n") },
    { "encoded NUL in the query", 400, S_INIT("GET /echo/a?q=%00 HTTP/1.1\r\n" H "\r\n") },
    { "encoded newline", 400, S_INIT("GET /echo/a%0d%0a HTTP/1.1\r\n" H "\r\n") },
    { "bad encoding", 400, S_INIT("GET /echo/a%g1 HTTP/1.1\r\n" H "\r\n") },
    { "cut encoding", 400, S_INIT("GET /echo/a%2 HTTP/1.1\r\n" H "\r\n") },
    { "dot", 400, S_INIT("GET /rest/./a HTTP/1.1\r\n" H "\r\n") },
    { "dot dot", 400, S_INIT("GET /rest/../a HTTP/1.1\r\n" H "\r\n") },
    { "encoded dots", 400, S_INIT("GET /rest/%2e%2E/a HTTP/1.1\r\n" H "\r\n") },
    { "mixed dots", 400, S_INIT("GET /rest/.%2e HTTP/1.1\r\n" H "\r\n") },
    { "dots last", 400, S_INIT("GET /rest/a/.. HTTP/1.1\r\n" H "\r\n") },
    { "dot last", 400, S_INIT("GET /rest/a/. HTTP/1.1\r\n" H "\r\n") },
    { "empty segment", 400, S_INIT("GET /rest//a HTTP/1.1\r\n" H "\r\n") },
    { "high byte", 400, S_INIT("GET /rest/\xC3\xA9 HTTP/1.1\r\n" H "\r\n") },
    { "0.9", 505, S_INIT("GET /echo/1 HTTP/0.9\r\n" H "\r\n") },
    { "simple request", 505, S_INIT("GET /echo/1\r\n\r\n") },
    { "1.2", 505, S_INIT("GET /echo/1 HTTP/1.2\r\n" H "\r\n") },
    { "2.0", 505, S_INIT("GET /echo/1 HTTP/2.0\r\n" H "\r\n") },
    { "h2 preface", 505, S_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
    { "no version", 400, S_INIT("GET /echo/1 FTP/1.1\r\n" H "\r\n") },
    { "lower-case method", 400, S_INIT("get /echo/1 HTTP/1.1\r\n" H "\r\n") },
    { "two spaces", 400, S_INIT("GET  /echo/1 HTTP/1.1\r\n" H "\r\n") },
    { "two spaces behind", 400, S_INIT("GET /echo/1  HTTP/1.1\r\n" H "\r\n") },
    { "tab", 400, S_INIT("GET\t/echo/1 HTTP/1.1\r\n" H "\r\n") },
    { "expectation", 417,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na") },
    { "chunk size", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n") },
    { "chunk overflow", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n") },
    { "chunk sign", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n") },
    { "chunk end", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n") },
    { "chunk LF", 400,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H
             "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n") },
    { "body too large", 413,
      S_INIT("POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n") },
    { "body where none is taken", 413,
      S_INIT("GET /echo/1 HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na") },
    { "not TLS", 400, S_INIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") },
};

static void
the_wire_is_read_in_one_way(void **state)
{
    (void)state;
    calls = 0;
    for (size_t i = 0; i < COUNT(bad); i++) {
        int status = ask_at(s.public_port, bad[i].text.p, bad[i].text.n);

        if (status != bad[i].status)
            fail_msg("%s: %d, not %d:\n%s", bad[i].what, status, bad[i].status, answer);
        HAS("Connection: close");
        HAS("\"title\":\"Operation failed\"");
    }
    assert_int_equal(calls, 0); /* no handler saw one */
}

/* Byte by byte, what is refused stays refused, and what is right stays right. */
static void
one_byte_at_a_time(void **state)
{
    static const char good[] =
        "POST /echo/a%2Bb?q=%41 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i += 7) {
        int fd = dial(s.public_port);

        for (size_t k = 0; k < bad[i].text.n; k++)
            say(fd, bad[i].text.p + k, 1);
        hear_answer(fd, answer, sizeof(answer), 2000);
        assert_int_equal(atoi(answer + 9), bad[i].status);
        close(fd);
    }
    {
        int fd = dial(s.public_port);

        for (size_t k = 0; k < sizeof(good) - 1; k++) {
            say(fd, good + k, 1);
            if (k % 8 == 0)
                usleep(500);
        }
        hear_answer(fd, answer, sizeof(answer), 2000);
        HAS("200 OK");
        HAS("\"id\":\"a+b\",\"rest\":");
        HAS("\"q\":\"A\",\"body\":\"abc\"");
        close(fd);
    }
}

static void
chunked_body_beyond_its_limit(void **state)
{
    char text[4096] =
        "POST /echo/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t n = strlen(text);

    (void)state;
    for (int i = 0; i < 11; i++)
        n += (size_t)sprintf(text + n, "64\r\n%0100d\r\n", i);
    assert_int_equal(ask_at(s.public_port, text, n), 413);
}

static void
header_limits(void **state)
{
    static char text[80 * 1024];
    size_t n = (size_t)sprintf(text, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n");

    (void)state;
    for (int i = 0; i < 70; i++)
        n += (size_t)sprintf(text + n, "X-%d: a\r\n", i);
    assert_int_equal(ask_at(s.public_port, text, n), 431);
    n = (size_t)sprintf(text, "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + n, 'a', 40000);
    assert_int_equal(ask_at(s.public_port, text, n + 40000), 431);
    n = (size_t)sprintf(text, "GET /");
    memset(text + n, 'a', 40000);
    assert_int_equal(ask_at(s.public_port, text, n + 40000), 414);
    n = (size_t)sprintf(text, "POST /echo/1 HTTP/1.1\r\n" H
                              "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ");
    memset(text + n, 'a', 40000);
    assert_int_equal(ask_at(s.public_port, text, n + 40000), 431);
}

/* --- what is right ------------------------------------------------------------- */

static void
paths_and_parameters(void **state)
{
    (void)state;
    assert_int_equal(
        ASK("GET /echo/did%3Aweb%3Aa%253A80%23k?q=a%20b+c&q=2 HTTP/1.1\r\n" H "\r\n"), 200);
    HAS("\"id\":\"did:web:a%3A80#k\"");
    HAS("\"q\":\"a b c\"");
    HAS("X-Echo: yes\r\n");
    HAS("Content-Type: application/json\r\n");
    HAS("X-Request-Id: ");
    HAS("Date: ");
    assert_int_equal(ASK("GET /rest/Patient/1/_history?x=a|b HTTP/1.1\r\n" H "\r\n"), 200);
    HAS("\"rest\":\"Patient/1/_history\"");
    assert_int_equal(ASK("DELETE /rest/a HTTP/1.1\r\n" H "\r\n"), 200);
    HAS("\"method\":\"DELETE\"");
    assert_int_equal(ASK("GET /rest/ HTTP/1.1\r\n" H "\r\n"), 200);
    assert_int_equal(ASK("\r\n\r\nGET /echo/1 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 200);
}

static void
not_found_and_not_offered(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET /nowhere HTTP/1.1\r\n" H "\r\n"), 404);
    HAS("{\"detail\":\"Not Found\",\"status\":404,\"title\":\"Operation failed\"}");
    HAS("application/problem+json");
    assert_int_equal(ASK("GET /echo/ HTTP/1.1\r\n" H "\r\n"), 404);
    assert_int_equal(ASK("GET /echo/1/2 HTTP/1.1\r\n" H "\r\n"), 404);
    assert_int_equal(ASK("GET /internal/thing HTTP/1.1\r\n" H "\r\n"),
                     404); /* the other door */
    assert_int_equal(ASK("PUT /echo/1 HTTP/1.1\r\n" H "\r\n"), 405);
    HAS("Allow: GET, HEAD, POST, OPTIONS\r\n");
    HAS("{\"detail\":\"Method Not Allowed\",\"status\":405,\"title\":\"Operation "
        "failed\"}");
    assert_int_equal(ASK("TRACE /rest/a HTTP/1.1\r\n" H "\r\n"), 405);
    assert_int_equal(ASK("OPTIONS /echo/1 HTTP/1.1\r\n" H "\r\n"), 204);
    HAS("Allow: GET, HEAD, POST, OPTIONS\r\n");
    HAS_NOT("Content-Length");
    assert_int_equal(ASK("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 204);
}

static void
head_has_the_head_alone(void **state)
{
    int fd = dial(s.public_port);

    (void)state;
    SAY(fd, "HEAD /echo/1 HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 2000);
    HAS("200 OK");
    assert_null(strstr(answer, "Content-Length: 0"));
    HAS("Content-Length: ");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void
keep_alive_pipelining_and_1_0(void **state)
{
    static const char two[] =
        "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
        "GET /echo/2 HTTP/1.1\r\n" H "\r\n"
        "POST /echo/3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "1;x=y\r\nd\r\n2\r\nef\r\n0\r\nT: v\r\n\r\n"
        "GET /blocks HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
    int fd = dial(s.public_port);
    char *at;

    (void)state;
    say(fd, two, sizeof(two) - 1);
    hear(fd, answer, sizeof(answer), SIZE_MAX, 2000);
    assert_non_null(at = strstr(answer, "\"id\":\"1\""));
    assert_non_null(at = strstr(at, "\"body\":\"abc\""));
    assert_non_null(at = strstr(at, "\"id\":\"2\""));
    assert_non_null(at = strstr(at, "\"body\":\"def\""));
    assert_non_null(at = strstr(at, "Connection: close"));
    assert_non_null(strstr(at, "from the pool"));
    close(fd);

    assert_int_equal(ASK("GET /echo/1 HTTP/1.0\r\n\r\n"), 200);
    HAS("Connection: close");
    assert_int_equal(ASK("GET /echo/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 200);
    HAS("Connection: keep-alive");
}

static void
many_pipelined_requests(void **state)
{
    static const char one[] = "GET /echo/1 HTTP/1.1\r\n" H "\r\n";
    static char text[500 * sizeof(one)];
    size_t n = 0;
    int fd = dial(s.public_port), found = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        memcpy(text + n, one, sizeof(one) - 1);
        n += sizeof(one) - 1;
    }
    say(fd, text, n);
    SAY(fd, "GET /no HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    hear(fd, answer, sizeof(answer), SIZE_MAX, 3000);
    for (char *at = answer; (at = strstr(at, "HTTP/1.1 200")) != NULL; at++)
        found++;
    assert_int_equal(found, 500);
    HAS("404");
    close(fd);
}

static void
expect_continue(void **state)
{
    int fd = dial(s.public_port);

    (void)state;
    SAY(fd,
        "POST /echo/1 HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    hear(fd, answer, sizeof(answer), 25, 2000);
    assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    SAY(fd, "hi");
    hear_answer(fd, answer, sizeof(answer), 2000);
    HAS("\"body\":\"hi\"");
    close(fd);
    /* an oversized body is refused, not asked for */
    assert_int_equal(ASK("POST /echo/1 HTTP/1.1\r\n" H
                         "Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"),
                     413);
    HAS_NOT("100 Continue");
}

static void
errors_have_the_form_of_their_door(void **state)
{
    (void)state;
    assert_int_equal(ASK_IN("POST /internal/thing HTTP/1.1\r\nHost: "
                            "localhost\r\nContent-Length: 2\r\n\r\n{}"),
                     415);
    HAS("{\"detail\":\"Unsupported Media Type\",\"status\":415,\"title\":\"Operation "
        "failed\"}");
    assert_int_equal(
        ASK_IN("POST /internal/thing HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
               "application/json\r\nContent-Length: 1\r\n\r\n{"),
        400);
    HAS("\"title\":\"Operation failed\"");
    assert_int_equal(
        ASK_IN("POST /internal/thing HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
               "application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"),
        204);
    assert_int_equal(
        ASK_IN("POST /internal/thing HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
               "application/json\r\nContent-Length: 12\r\n\r\n{\"teapot\":1}"),
        409);
    HAS("{\"detail\":\"the teapot is short\",\"status\":409,\"title\":\"CreateThing "
        "failed\"}");
    assert_int_equal(
        ASK("POST /thing HTTP/1.1\r\n" H
            "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"teapot\":1}"),
        409);
    HAS("\"detail\":\"this conflicts with what is already there\""); /* strangers learn less
                                                                      */
    assert_int_equal(
        ASK("POST /token HTTP/1.1\r\n" H
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            "5\r\n\r\na=b&c"),
        400);
    HAS("{\"error\":\"invalid_request\",\"error_description\":\"the request is not "
        "well-formed\"}");
    HAS("Cache-Control: no-store");
    assert_int_equal(
        ASK("POST /token HTTP/1.1\r\n" H
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            "27\r\n\r\ngrant_type=a&grant%5Ftype=b"),
        400);
    assert_int_equal(ASK("POST /token HTTP/1.1\r\n" H
                         "Content-Type: application/x-www-form-urlencoded; "
                         "charset=utf-8\r\nContent-Length: 16\r\n\r\ngrant_type=a+%2B"),
                     200);
    HAS("{\"grant\":\"a +\"}");
}

static void
mistakes_of_ours_are_not_answers(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET /silent HTTP/1.1\r\n" H "\r\n"), 500);
    assert_int_equal(ASK("GET /splits HTTP/1.1\r\n" H "\r\n"), 500);
    HAS_NOT("Set-Cookie");
}

/* --- audit --------------------------------------------------------------------- */

static void
every_answer_of_an_audited_route_is_audited_first(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET /read HTTP/1.1\r\n" H "\r\n"), 200);
    assert_int_equal(audits, 1); /* once, though it ran twice */
    assert_int_equal(last_event, AUDIT_RECORD_READ);
    assert_int_equal(last_outcome, AUDIT_PERMITTED);
    assert_string_equal(last_what, "read");
    assert_string_equal(last_ip, "127.0.0.1");
    assert_int_equal(ASK("GET /deny HTTP/1.1\r\n" H "\r\n"), 401);
    HAS("WWW-Authenticate: DPoP algs=\"ES256\"\r\n");
    HAS_NOT("ETag");
    HAS("\"resourceType\":\"OperationOutcome\"");
    HAS("\"code\":\"login\"");
    assert_int_equal(audits, 2);
    assert_int_equal(last_event, AUDIT_ACCESS_REFUSED);
    assert_int_equal(last_outcome, AUDIT_DENIED);
    assert_string_equal(last_code, "UNAUTHORIZED");
    audit_fails = 1;
    assert_int_equal(ASK("GET /read HTTP/1.1\r\n" H "\r\n"), 503);
    HAS("Retry-After: 1");
    HAS_NOT("from the pool");
    assert_int_equal(ASK("GET /deny HTTP/1.1\r\n" H "\r\n"), 503);
    assert_int_equal(ASK("GET /echo/1 HTTP/1.1\r\n" H "\r\n"), 200);
}

static void
a_broken_answer_is_audited_too(void **state)
{
    int fd = dial(s.public_port);

    (void)state;
    SAY(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
    hear(fd, answer, 1000, 500, 2000);
    close(fd);
    for (int i = 0; i < 200 && atomic_load(&last_event) != AUDIT_ANSWER_BROKEN; i++)
        usleep(10000);
    assert_int_equal(last_event, AUDIT_ANSWER_BROKEN);
    assert_int_equal(last_outcome, AUDIT_FAILED);
    assert_int_equal(audits, 2);
}

/* --- the internal door --------------------------------------------------------- */

static void
the_internal_door_knows_its_names(void **state)
{
    (void)state;
#define THING                                                                              \
    "POST /internal/thing HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "  \
    "2\r\n"
    assert_int_equal(ASK_IN(THING "Host: evil.example\r\n\r\n{}"), 421);
    assert_int_equal(ASK_IN(THING "Host: localhost.evil.example\r\n\r\n{}"), 421);
    assert_int_equal(ASK_IN(THING "Host: 10.0.0.1\r\n\r\n{}"), 421);
    assert_int_equal(
        ASK_IN(THING "Host: localhost\r\nOrigin: https://evil.example\r\n\r\n{}"), 403);
    assert_int_equal(ASK_IN(THING "Host: localhost\r\nOrigin: null\r\n\r\n{}"), 403);
    assert_int_equal(
        ASK_IN(THING "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n{}"), 403);
    assert_int_equal(
        ASK_IN(THING "Host: localhost:8081\r\nOrigin: http://localhost:8081\r\n\r\n{}"),
        204);
    assert_int_equal(ASK_IN(THING "Host: 127.0.0.1:8081\r\n\r\n{}"), 204);
    assert_int_equal(ASK_IN(THING "Host: [::1]\r\n\r\n{}"), 204);
}

static void
the_internal_door_stays_on_loopback(void **state)
{
    int fds[2];
    size_t n;

    (void)state;
    prepare();
    assert_int_equal(os_listen(&s.t.cx, S("0.0.0.0:0"), fds, &n), ERR_OK);
    close(s.fds[1]);
    s.fds[1] = fds[0];
    assert_int_equal(http_open(&s.t.cx, &s.setup, &s.http), ERR_FORBIDDEN);
    loop_close(s.loop);
    conf_give(s.conf);
    test_ctx_fini(&s.t);

    prepare(); /* with authentication asked, but nothing that can do it */
    s.conf->http_internal_auth_type = S("token_v2");
    assert_int_equal(http_open(&s.t.cx, &s.setup, &s.http), ERR_UNSUPPORTED);
    loop_close(s.loop);
    conf_give(s.conf);
    test_ctx_fini(&s.t);

    prepare(); /* audited routes without an auditor */
    s.setup.audit_put = NULL;
    assert_int_equal(http_open(&s.t.cx, &s.setup, &s.http), ERR_UNAVAILABLE);
    loop_close(s.loop);
    conf_give(s.conf);
    test_ctx_fini(&s.t);
}

/* --- who calls ----------------------------------------------------------------- */

static void
proxies_are_believed_only_when_trusted(void **state)
{
    static const struct str trusted[] = { S_INIT("127.0.0.1"), S_INIT("10.0.0.0/8") };

    (void)state;
    prepare();
    served_start(&s);
    assert_int_equal(ASK("GET /echo/1 HTTP/1.1\r\n" H "X-Forwarded-For: 192.0.2.1\r\n\r\n"),
                     200);
    HAS("\"client\":\"127.0.0.1\"");
    served_stop(&s);
    prepare();
    s.conf->http_trusted_proxies = (struct conf_list){ trusted, 2 };
    served_start(&s);
    assert_int_equal(ASK("GET /echo/1 HTTP/1.1\r\n" H
                         "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1\r\n\r\n"),
                     200);
    HAS("\"client\":\"192.0.2.1\"");
    assert_int_equal(
        ASK("GET /echo/1 HTTP/1.1\r\n" H
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 2001:db8::1\r\n\r\n"),
        200);
    HAS("\"client\":\"2001:db8::1\"");
    assert_int_equal(
        ASK("GET /echo/1 HTTP/1.1\r\n" H "X-Forwarded-For: 6.6.6.6, junk\r\n\r\n"), 200);
    HAS("\"client\":\"127.0.0.1\"");
    served_stop(&s);
}

static void
traceparent_passes_when_well_formed(void **state)
{
    (void)state;
    assert_int_equal(
        ASK("GET /echo/1 HTTP/1.1\r\n" H
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"),
        200);
    HAS("\"trace\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"");
    assert_int_equal(
        ASK("GET /echo/1 HTTP/1.1\r\n" H
            "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\n\r\n"),
        200);
    HAS("\"trace\":\"\"");
    assert_int_equal(ASK("GET /echo/1 HTTP/1.1\r\n" H "traceparent: "
                         "00-4bf92f3577b34da6a3ce929d0e0e4736-"
                         "00f067aa0ba902b7-01\r\ntraceparent: x\r\n\r\n"),
                     400);
}

/* --- caps and clocks ----------------------------------------------------------- */

static void
connections_per_peer(void **state)
{
    int fd[4];

    (void)state;
    prepare();
    s.conf->http_connections_peer = 3;
    served_start(&s);
    for (int i = 0; i < 4; i++)
        fd[i] = dial(s.public_port);
    assert_true(is_closed(fd[3], 1000));
    assert_false(is_closed(fd[0], 20));
    close(fd[0]);
    usleep(50000);
    close(fd[3]);
    fd[3] = dial(s.public_port);
    assert_false(is_closed(fd[3], 50));
    for (int i = 1; i < 4; i++)
        close(fd[i]);
    assert_int_equal(http_stats(s.http)->refused_peer, 1);
    served_stop(&s);
}

static void
the_pool_is_bounded(void **state)
{
    int fd[8], busy = 0, done = 0;

    (void)state;
    prepare();
    s.conf->http_pool_threads = 2;
    s.conf->http_pool_queue = 3;
    served_start(&s);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 8; i++) {
        fd[i] = dial(s.public_port);
        SAY(fd[i], "GET /waits HTTP/1.1\r\n" H "\r\n");
        usleep(20000);
    }
    assert_int_equal(ASK("GET /echo/1 HTTP/1.1\r\n" H "\r\n"), 200); /* the loop is free */
    for (int i = 0; i < 8; i++) {
        if (hear_answer(fd[i], answer, sizeof(answer), i < 5 ? 10 : 1000) == 0)
            continue;
        HAS("503 ");
        HAS("Retry-After: 1");
        busy++;
    }
    assert_int_equal(busy, 3);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 5; i++) {
        hear_answer(fd[i], answer, sizeof(answer), 1000);
        done += strncmp(answer, "HTTP/1.1 204", 12) == 0;
    }
    assert_int_equal(done, 5);
    for (int i = 0; i < 8; i++)
        close(fd[i]);
    served_stop(&s);
}

/* A byte now and then does not buy time. */
static void
deadlines_are_absolute(void **state)
{
    int64_t from;
    int header, body, quiet, waiting;

    (void)state;
    prepare();
    s.conf->http_time_header = 300;
    s.conf->http_time_body = 300;
    s.conf->http_time_idle = 300;
    s.conf->http_time_answer = 300;
    served_start(&s);
    header = dial(s.public_port);
    body = dial(s.public_port);
    quiet = dial(s.public_port);
    waiting = dial(s.public_port);
    from = os_tick_ms();
    pthread_mutex_lock(&gate);
    SAY(waiting, "GET /waits HTTP/1.1\r\n" H "\r\n");
    SAY(header, "GET /echo/1 HTTP/1.1\r\nX: ");
    SAY(body, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\n");
    while (os_tick_ms() - from < 500) {
        SAY(header, "a");
        SAY(body, "a");
        usleep(20000);
    }
    assert_true(is_closed(quiet, 100));
    assert_true(is_closed(waiting, 100));
    pthread_mutex_unlock(&gate);
    hear(header, answer, sizeof(answer), SIZE_MAX, 300);
    HAS("408 Request Timeout");
    hear(body, answer, sizeof(answer), SIZE_MAX, 300);
    HAS("408 Request Timeout");
    close(header);
    close(body);
    close(quiet);
    close(waiting);
    served_stop(&s);
}

static atomic_int drained;

static void
on_drained(void *arg)
{
    (void)arg;
    atomic_store(&drained, 1);
}

static void
start_drain(struct loop_task *task)
{
    (void)task;
    http_drain(s.http, on_drained, NULL);
}

static void
drain_finishes_what_is_under_way(void **state)
{
    struct loop_task task = { NULL, start_drain };
    int idle, busy;

    (void)state;
    prepare();
    served_start(&s);
    pthread_mutex_lock(&gate);
    busy = dial(s.public_port);
    SAY(busy, "GET /waits HTTP/1.1\r\n" H "\r\n");
    idle = dial(s.public_port);
    usleep(50000);
    loop_post(s.loop, &task);
    assert_true(is_closed(idle, 1000));
    assert_int_equal(dial(s.public_port), -1);
    assert_int_equal(drained, 0);
    pthread_mutex_unlock(&gate);
    hear(busy, answer, sizeof(answer), SIZE_MAX, 1000);
    HAS("204 No Content");
    HAS("Connection: close");
    for (int i = 0; i < 100 && !atomic_load(&drained); i++)
        usleep(10000);
    assert_int_equal(drained, 1);
    close(idle);
    close(busy);
    served_stop(&s);
}

/* --- who is refused while still sending (RFC 9112 9.6) ---------------------------- */

/* Every byte must be taken: many clients never look for an answer after a reset. */
static bool
says_all(int fd, size_t n, size_t piece, unsigned pause_us)
{
    static char x[64 * 1024];

    memset(x, 'x', sizeof(x));
    for (size_t at = 0; at < n; at += piece) {
        if (send(fd, x, piece, MSG_NOSIGNAL) != (ssize_t)piece)
            return false;
        usleep(pause_us);
    }
    return true;
}

static const char *const too_early[] = {
    "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n",
    "POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n493e0\r\n",
    "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "POST /nowhere HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n",
};
static const int too_early_status[] = { 413, 413, 400, 404 };

static void
who_still_sends_reads_the_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(too_early); i++) {
        int fd = dial(s.public_port);

        say(fd, too_early[i], strlen(too_early[i]));
        assert_true(says_all(fd, 300000, 3000, 2000));
        hear_answer(fd, answer, sizeof(answer), 1000);
        assert_int_equal(strlen(answer) > 12 ? atoi(answer + 9) : 0, too_early_status[i]);
        HAS("Connection: close");
        assert_true(is_closed(fd, 1000)); /* said whole, though we may go on */
        close(fd);
    }
}

static void
lingering_has_its_bounds(void **state)
{
    int64_t from;
    int flood = dial(s.public_port), drip = dial(s.public_port);

    (void)state;
    say(flood, too_early[0], strlen(too_early[0]));
    assert_false(says_all(flood, 64u << 20, 64 * 1024, 0)); /* 1 MB is dropped, no more */
    close(flood);
    say(drip, too_early[0], strlen(too_early[0]));
    from = os_tick_ms();
    while (os_tick_ms() - from < 5000 && says_all(drip, 1, 1, 20000))
        ;
    assert_in_range(os_tick_ms() - from, LINGER_MS - 100, LINGER_MS + 1500);
    close(drip);
}

static void
lingering_counts_and_makes_room(void **state)
{
    int fd[18];

    (void)state;
    prepare();
    s.conf->http_connections = 16;
    s.conf->http_connections_peer = 17;
    served_start(&s);
    for (int i = 0; i < 16; i++) {
        fd[i] = dial(s.public_port);
        say(fd[i], too_early[0], strlen(too_early[0]));
        hear_answer(fd[i], answer, sizeof(answer), 1000);
        HAS("413");
    }
    assert_int_equal(http_stats(s.http)->connections_now, 16);
    for (int i = 16; i < 18; i++) { /* one that is done goes for each */
        fd[i] = dial(s.public_port);
        SAY(fd[i], "GET /echo/1 HTTP/1.1\r\n" H "\r\n");
        hear_answer(fd[i], answer, sizeof(answer), 1000);
        HAS("HTTP/1.1 200");
    }
    assert_int_equal(http_stats(s.http)->connections_now, 16);
    assert_int_equal(http_stats(s.http)->refused_most, 0);
    for (int i = 0; i < 18; i++)
        close(fd[i]);
    served_stop(&s);
}

static void
lingering_holds_up_no_drain(void **state)
{
    struct loop_task task = { NULL, start_drain };
    int64_t from;
    int before, busy, after;

    (void)state;
    prepare();
    served_start(&s);
    drained = 0;
    before = dial(s.public_port);
    after = dial(s.public_port);
    busy = dial(s.public_port);
    pthread_mutex_lock(&gate);
    SAY(busy, "GET /waits HTTP/1.1\r\n" H "\r\n");
    SAY(after, "POST /echo/1 HTTP/1.1\r\n");
    say(before, too_early[0], strlen(too_early[0]));
    hear_answer(before, answer, sizeof(answer), 1000);
    HAS("413");
    loop_post(s.loop, &task);
    usleep(50000);
    assert_int_equal(drained, 0);
    SAY(after, H "Content-Length: 300000\r\n\r\n"); /* refused during the drain */
    hear_answer(after, answer, sizeof(answer), 1000);
    HAS("413");
    assert_int_equal(drained, 0);
    from = os_tick_ms();
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 100 && !atomic_load(&drained); i++)
        usleep(10000);
    assert_int_equal(drained, 1);
    assert_true(os_tick_ms() - from < LINGER_MS / 2);
    assert_true(says_all(busy, 30000, 3000, 2000)); /* nobody told it that we end */
    hear_answer(busy, answer, sizeof(answer), 1000);
    HAS("204 No Content");
    close(before);
    close(after);
    close(busy);
    served_stop(&s);
}

/* Clients that go at any moment leave nothing behind. */
static void
clients_that_go(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        int fd = dial(s.public_port);

        switch (i % 5) {
        case 0: break;
        case 1: SAY(fd, "GET /echo/1 HT"); break;
        case 2: SAY(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\n"); break;
        case 3: SAY(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na"); break;
        case 4:
            if (i % 25 == 4)
                SAY(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
            break;
        }
        close(fd);
    }
    for (int i = 0; i < 2000 && http_stats(s.http)->connections_now > 0; i++)
        usleep(10000);
    assert_int_equal(http_stats(s.http)->connections_now, 0);
}

/* --- asking without a socket, and every allocation failing in turn ------------- */

static void
asked_without_a_socket(void **state)
{
    struct test_ctx t;
    struct str reply;
    struct http_ask ask = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_PUBLIC,
                            .audit_put = fake_audit };

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(http_ask(&t.cx, &ask, S("GET /echo/7 HTTP/1.1\r\n" H "\r\n"), &reply),
                     ERR_OK);
    assert_true(str_starts(reply, S("HTTP/1.1 200 OK\r\n")));
    assert_true(str_search(reply, S("\"id\":\"7\"")) < reply.n);
    assert_int_equal(http_ask(&t.cx, &ask, S("GET /echo/7 HTTP/1.1\r\n"), &reply),
                     ERR_BAD_REQUEST);
    assert_int_equal(http_ask(&t.cx, &ask, S("GET /a#b HTTP/1.1\r\n" H "\r\n"), &reply),
                     ERR_OK);
    assert_true(str_starts(reply, S("HTTP/1.1 400 ")));
    for (long n = 1; n < 60; n++) {
        ask.fail_at = n;
        assert_int_equal(http_ask(&t.cx, &ask,
                                  S("POST /token HTTP/1.1\r\n" H
                                    "Content-Type: application/x-www-form-urlencoded\r\n"
                                    "Content-Length: 12\r\n\r\ngrant_type=a"),
                                  &reply),
                         ERR_OK);
        assert_true(str_starts(reply, S("HTTP/1.1 200 ")) ||
                    str_starts(reply, S("HTTP/1.1 503 ")));
    }
    assert_true(str_starts(reply, S("HTTP/1.1 200 ")));
    test_ctx_fini(&t);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_wire_is_read_in_one_way),
        T(one_byte_at_a_time),
        T(chunked_body_beyond_its_limit),
        T(header_limits),
        T(paths_and_parameters),
        T(not_found_and_not_offered),
        T(head_has_the_head_alone),
        T(keep_alive_pipelining_and_1_0),
        T(many_pipelined_requests),
        T(expect_continue),
        T(errors_have_the_form_of_their_door),
        T(mistakes_of_ours_are_not_answers),
        T(every_answer_of_an_audited_route_is_audited_first),
        T(a_broken_answer_is_audited_too),
        T(the_internal_door_knows_its_names),
        cmocka_unit_test(the_internal_door_stays_on_loopback),
        cmocka_unit_test(proxies_are_believed_only_when_trusted),
        T(traceparent_passes_when_well_formed),
        cmocka_unit_test(connections_per_peer),
        cmocka_unit_test(the_pool_is_bounded),
        cmocka_unit_test(deadlines_are_absolute),
        cmocka_unit_test(drain_finishes_what_is_under_way),
        T(who_still_sends_reads_the_refusal),
        T(lingering_has_its_bounds),
        cmocka_unit_test(lingering_counts_and_makes_room),
        cmocka_unit_test(lingering_holds_up_no_drain),
        T(clients_that_go),
        cmocka_unit_test(asked_without_a_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
