/* stat_test.c - counters, health, spans, lists. EUPL-1.2. */
#include "base/test.h"
#include "sys/stat/stat_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int
setup(void **state)
{
    struct test_ctx *t = calloc(1, sizeof(*t));

    test_ctx_init(t);
    *state = t;
    return stat_open(&t->cx, -1, 0) == ERR_OK ? 0 : 1;
}

static int
teardown(void **state)
{
    struct test_ctx *t = *state;

    stat_close();
    test_ctx_fini(t);
    free(t);
    return 0;
}

#define CX (&((struct test_ctx *)*state)->cx)

static void
has(struct str text, const char *part)
{
    if (str_search(text, str_of(part)) == text.n)
        fail_msg("'%s' is not in:\n%.*s", part, STR(text));
}

static void
before_opening_nothing_counts(void **state)
{
    (void)state;
    stat_close();
    assert_int_equal(stat_find(STAT_REFUSALS, "X", ""), 0);
    stat_add(0, 1);
    stat_time(7, 1);
    assert_int_equal(stat_read(7), 0);
}

static void
counting_is_within_bounds(void **state)
{
    struct str text;
    char label[200];

    memset(label, 'a', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    assert_int_equal(stat_find(STAT_REFUSALS, label, ""),
                     stat_find(STAT_REFUSALS, label, ""));
    stat_add(STAT_ROWS, 1);
    stat_add(UINT32_MAX, 1);
    stat_add(stat_find(STAT_HTTP_SECONDS, "", ""), 1); /* a histogram is not added to */
    assert_int_equal(stat_read(stat_find(STAT_HTTP_SECONDS, "", "")), 0);
    for (int i = 0; i < STAT_ROWS + 10;
         i++) { /* a full table gives none, and breaks nothing */
        snprintf(label, sizeof(label), "op%d", i);
        stat_add(stat_find(STAT_OPERATIONS, label, "200"), 1);
    }
    assert_int_equal(stat_find(STAT_OPERATIONS, "one more", "200"), 0);
    assert_int_equal(stat_print(CX, &text), ERR_OK);
}

static void
what_is_counted_is_printed(void **state)
{
    struct str text;

    stat_add(stat_find(STAT_REFUSALS, "CONFLICT", ""), 2);
    stat_add(stat_find(STAT_REFUSALS, "CONFLICT", ""), 1);
    stat_add(stat_find(STAT_OPERATIONS, "we\"ird\n", "200"), 1);
    stat_set(stat_find(STAT_HTTP_OPEN, "", ""), 7);
    stat_time(stat_find(STAT_HTTP_SECONDS, "", ""), 400);
    stat_time(stat_find(STAT_HTTP_SECONDS, "", ""), 1600);
    stat_time(stat_find(STAT_HTTP_SECONDS, "", ""), 99000000);
    assert_int_equal(stat_print(CX, &text), ERR_OK);
    has(text,
        "# TYPE knoop_refusals_total counter\nknoop_refusals_total{code=\"CONFLICT\"} 3\n");
    has(text, "knoop_operations_total{op=\"we\\\"ird?\",status=\"200\"} 1\n");
    has(text, "# TYPE knoop_http_connections gauge\nknoop_http_connections 7\n");
    has(text, "knoop_http_request_seconds_bucket{le=\"0.0005\"} 1\n");
    has(text, "knoop_http_request_seconds_bucket{le=\"0.002\"} 2\n");
    has(text, "knoop_http_request_seconds_bucket{le=\"10\"} 2\n");
    has(text, "knoop_http_request_seconds_bucket{le=\"+Inf\"} 3\n");
    has(text, "knoop_http_request_seconds_sum 99.002000\n");
    has(text, "knoop_http_request_seconds_count 3\n");
    has(text, "process_resident_memory_bytes ");
    assert_int_equal(text.p[text.n - 1], '\n');
}

/* Two workers count, one dies and is replaced: counters stay, its gauges go. */
static void
workers_are_added_up(void **state)
{
    int fd, status;

    assert_int_equal(stat_make(CX, &fd), ERR_OK);
    for (unsigned w = 1; w <= 2; w++) {
        pid_t pid = fork();

        if (pid == 0) {
            if (stat_open(CX, fd, w) != ERR_OK)
                _exit(1);
            stat_add(stat_find(STAT_REFUSALS, "GONE", ""), 5);
            stat_set(stat_find(STAT_HTTP_OPEN, "", ""), 10);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    assert_int_equal(stat_open(CX, fd, 0), ERR_OK);
    assert_int_equal(stat_read(stat_find(STAT_REFUSALS, "GONE", "")), 10);
    assert_int_equal(stat_read(stat_find(STAT_HTTP_OPEN, "", "")), 20);
    assert_int_equal(stat_open(CX, fd, 2), ERR_OK);
    assert_int_equal(stat_read(stat_find(STAT_HTTP_OPEN, "", "")), 10);
    assert_int_equal(stat_read(stat_find(STAT_REFUSALS, "GONE", "")), 10);
    assert_int_equal(stat_open(CX, fd, STAT_WORKERS_MAX), ERR_INTERNAL);
    assert_int_not_equal(ftruncate(fd, 10), 0); /* nobody can pull it from under us */
    close(fd);
    assert_int_not_equal(stat_open(CX, 0, 0), ERR_OK); /* no memory of ours */
}

static err_t
up(struct ctx *cx, void *arg, struct str *detail)
{
    (void)cx;
    (void)arg;
    *detail = S("all well");
    return ERR_OK;
}

static err_t verdict = ERR_OK;

static err_t
as_told(struct ctx *cx, void *arg, struct str *detail)
{
    (void)arg;
    (void)detail;
    return verdict == ERR_OK ? ERR_OK : refuse(cx, verdict, "", "the \"disk\" is full");
}

static err_t
section(struct ctx *cx, void *arg, bool people, struct json_out *js)
{
    (void)cx;
    (void)arg;
    json_object(js);
    json_member_i64(js, "credential_count", 3);
    json_member_z(js, "for", people ? "people" : "programs");
    json_member_z(js, "odd", "a: b #\n");
    json_member_z(js, "number", "12");
    json_member_z(js, "word", "true");
    json_member_z(js, "version", "v6.2.10");
    json_key(js, "list");
    json_array(js);
    json_put_z(js, "x");
    json_array(js);
    json_end(js);
    json_end(js);
    json_key(js, "nothing");
    json_object(js);
    json_end(js);
    json_end(js);
    return ERR_OK;
}

static void
health_is_as_bad_as_its_worst(void **state)
{
    struct str body;
    bool is_up = true;

    stat_check("storage.sql", as_told, NULL);
    stat_check("crypto.signer", up, NULL);
    verdict = ERR_STORE;
    assert_int_equal(stat_health(CX, &body, &is_up), ERR_OK);
    assert_false(is_up);
    assert_true(str_is(
        body, "{\"status\":\"DOWN\",\"details\":{\"crypto.signer\":{\"status\":\"UP\","
              "\"details\":\"all well\"},\"storage.sql\":{\"status\":\"DOWN\","
              "\"details\":\"the \\\"disk\\\" is full\"}}}"));
    verdict = ERR_UNSUPPORTED;
    assert_int_equal(stat_health(CX, &body, &is_up), ERR_OK);
    assert_true(is_up);
    has(body, "{\"status\":\"UNKNOWN\",");
    verdict = ERR_OK;
    assert_int_equal(stat_health(CX, &body, &is_up), ERR_OK);
    assert_true(is_up);
    has(body, "\"storage.sql\":{\"status\":\"UP\"}");
    assert_int_equal(CX->refused, ERR_OK);
    for (long n = 1; n < 12; n++) { /* without memory: refused, never UP */
        CX->arena->taken = 0;
        CX->arena->fail_at = n;
        is_up = true;
        if (stat_health(CX, &body, &is_up) != ERR_OK)
            assert_false(is_up);
    }
    CX->arena->fail_at = 0;
}

static void
diagnostics_are_for_people_and_programs(void **state)
{
    struct str text;

    stat_section("vcr", section, NULL);
    assert_int_equal(stat_diagnostics(CX, false, &text), ERR_OK);
    has(text, "{\"vcr\":{\"credential_count\":3,\"for\":\"programs\",");
    assert_int_equal(stat_diagnostics(CX, true, &text), ERR_OK);
    assert_true(str_is(text,
                       "vcr:\n    credential_count: 3\n    for: people\n"
                       "    odd: \"a: b #\\x0a\"\n    number: \"12\"\n    word: \"true\"\n"
                       "    version: v6.2.10\n    list:\n        - x\n        - []\n"
                       "    nothing: {}\n"));
}

static void
a_traceparent_is_read_strictly(void **state)
{
    static const char *const bad[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c+b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
    };
    struct stat_trace t;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(stat_trace_parse(str_of(bad[i]), &t));
    assert_true(
        stat_trace_parse(S("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), &t));
    assert_true(t.sampled);
    assert_int_equal(t.trace[0], 0x0a);
    assert_int_equal(t.parent[7], 0x31);
    assert_true(
        stat_trace_parse(S("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"), &t));
    assert_false(t.sampled);
}

static void
spans_wait_in_a_ring(void **state)
{
    static struct stat_span out[STAT_RING];
    struct stat_span s = { .name = "createSubject",
                           .method = "POST",
                           .route = "/x/{id}",
                           .kind = STAT_SPAN_SERVER,
                           .start_ms = 1767225600000,
                           .micros = 1500,
                           .status = 503,
                           .error = ERR_STORE };
    struct str json_text;
    json *v;

    stat_span_put(&s); /* nobody wants them yet */
    assert_int_equal(stat_span_take(out, 10), 0);
    stat_trace_on(true);
    for (int i = 0; i < STAT_RING + 5; i++) {
        s.id[0] = (uint8_t)(i < 250 ? i : 250);
        s.trace.trace[0] = 1;
        stat_span_put(&s);
    }
    stat_trace_on(false);
    assert_int_equal(stat_read(stat_find(STAT_SPANS, "dropped", "")), 5);
    assert_int_equal(stat_span_take(out, 3), 3);
    assert_int_equal(out[0].id[0], 5); /* the oldest went first */
    assert_int_equal(stat_span_take(&out[3], STAT_RING), STAT_RING - 3);
    assert_int_equal(stat_span_json(CX, S("node"), out, 2, &json_text), ERR_OK);
    assert_int_equal(json_parse(CX, json_text, JSON_STRICT, &v), ERR_OK);
    v = json_at(json_get(v, "resourceSpans"), 0);
    has(json_text, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"node\"}}");
    v = json_get(json_at(json_get(v, "scopeSpans"), 0), "spans");
    assert_int_equal(json_size(v), 2);
    v = json_at(v, 0);
    assert_true(json_is(json_get(v, "traceId"), "01000000000000000000000000000000"));
    assert_true(json_is(json_get(v, "spanId"), "0500000000000000"));
    assert_null(json_get(v, "parentSpanId"));
    assert_true(json_is(json_get(v, "startTimeUnixNano"), "1767225600000000000"));
    assert_true(json_is(json_get(v, "endTimeUnixNano"), "1767225600001500000"));
    has(json_text, "\"error.type\",\"value\":{\"stringValue\":\"STORE\"}");
    has(json_text, "\"status\":{\"code\":2}");
}

static void
a_request_is_counted_and_traced(void **state)
{
    static const char caller[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    static const char unsampled[] =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    struct stat_answer a = {
        "createSubject",         "POST", "/x/{id}", 201, ERR_OK, 1000, 500,
        { { 0 }, { 0 }, false }, NULL
    };
    struct stat_answer lost = { .status = 404, .error = ERR_NOT_FOUND };
    struct stat_span out[4];
    struct str text;
    char own[56];

    stat_trace_begin(S(""), &a.trace, own); /* nobody wants spans */
    assert_string_equal(own, "");
    stat_trace_begin(str_of(caller), &a.trace, own); /* but the caller's goes on */
    assert_string_equal(own, caller);
    a.own = own;
    stat_answered(&a);
    stat_answered(&lost);
    assert_int_equal(stat_span_take(out, 4), 0);
    stat_trace_on(true);
    stat_trace_begin(str_of(caller), &a.trace, own);
    assert_memory_equal(own, caller, 36); /* the trace goes on, with a span of ours */
    assert_memory_not_equal(own + 36, caller + 36, 16);
    stat_answered(&a);
    stat_trace_begin(str_of(unsampled), &a.trace, own);
    stat_answered(&a); /* the caller does not want it */
    stat_trace_begin(S("junk"), &a.trace, own);
    stat_answered(&a);
    stat_trace_on(false);
    assert_int_equal(stat_span_take(out, 4), 2);
    assert_int_equal(out[0].trace.parent[0], 0xb7);
    assert_int_equal(out[1].trace.parent[0] | out[1].trace.parent[7], 0); /* a root */
    assert_string_equal(out[0].name, "createSubject");
    assert_int_equal(stat_print(CX, &text), ERR_OK);
    has(text, "knoop_operations_total{op=\"createSubject\",status=\"201\"} 4\n");
    has(text, "knoop_operations_total{op=\"none\",status=\"404\"} 1\n");
    has(text, "knoop_refusals_total{code=\"NOT_FOUND\"} 1\n");
}

static void
lists_are_printed(void **state)
{
    struct str text;
    json *v;

    for (int i = STAT_DOC_ERRORS; i <= STAT_DOC_METRICS; i++) {
        assert_int_equal(stat_print_doc(CX, (enum stat_doc)i, true, &text), ERR_OK);
        assert_int_equal(json_parse(CX, text, JSON_STRICT, &v), ERR_OK);
        assert_true(json_size(v) > 5);
        assert_int_equal(stat_print_doc(CX, (enum stat_doc)i, false, &text), ERR_OK);
        has(text, "|---|---|");
    }
    assert_int_equal(stat_print_doc(CX, STAT_DOC_ERRORS, false, &text), ERR_OK);
    has(text, "| `CONFLICT` | 409 | invalid_request |");
    assert_int_equal(stat_print_doc(CX, (enum stat_doc)9, false, &text), ERR_NOT_FOUND);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(before_opening_nothing_counts),
        EACH(counting_is_within_bounds),
        EACH(what_is_counted_is_printed),
        EACH(workers_are_added_up),
        EACH(health_is_as_bad_as_its_worst),
        EACH(diagnostics_are_for_people_and_programs),
        EACH(a_traceparent_is_read_strictly),
        EACH(spans_wait_in_a_ring),
        EACH(a_request_is_counted_and_traced),
        EACH(lists_are_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
