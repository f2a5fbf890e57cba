/* reply.c - what a handler says, and the head of an answer. EUPL-1.2. */
#include "sys/http/http_int.h"

#include "base/time.h"

#include <string.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *
reply_reason(int status)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status"; /* RFC 9112 4: a client ignores it */
}

/* --- for handlers -------------------------------------------------------------- */

void
reply_reset(struct exchange *ex)
{
    ex->status = 0;
    ex->replied = false;
    ex->type = NULL;
    ex->reply_body = (struct bytes){ NULL, 0 };
    ex->relay_asked = NULL;
    buf_init(&ex->reply_headers, &ex->arena);
}

static bool
is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    }
    return true;
}

void
reply_header(struct req *rq, const char *name, struct str value)
{
    struct exchange *ex = EXCHANGE(rq);

    if (value.p == NULL || !is_clean(value)) { /* no answer is split by what we put in */
        ex->broken_header = true;
        return;
    }
    buf_z(&ex->reply_headers, name);
    buf_z(&ex->reply_headers, ": ");
    buf_str(&ex->reply_headers, value);
    buf_z(&ex->reply_headers, "\r\n");
}

struct json_out *
reply_json_as(struct req *rq, int status, const char *type)
{
    struct exchange *ex = EXCHANGE(rq);

    ex->status = status;
    ex->type = type;
    json_out_init(&ex->js, rq->cx.arena);
    return &ex->js;
}

struct json_out *
reply_json(struct req *rq, int status)
{
    return reply_json_as(rq, status, "application/json");
}

err_t
reply_send(struct req *rq, struct json_out *js)
{
    struct exchange *ex = EXCHANGE(rq);
    struct str text;
    err_t e = json_out_done(&rq->cx, js, &text);

    if (e != ERR_OK)
        return e;
    ex->reply_body = bytes_of(text);
    ex->replied = true;
    return ERR_OK;
}

err_t
reply_bytes(struct req *rq, int status, const char *type, struct bytes body)
{
    struct exchange *ex = EXCHANGE(rq);

    ex->status = status;
    ex->type = type;
    ex->reply_body = arena_bytes(rq->cx.arena, body);
    if (ex->reply_body.p == NULL)
        return refuse_memory(&rq->cx);
    ex->replied = true;
    return ERR_OK;
}

err_t
reply_empty(struct req *rq, int status)
{
    struct exchange *ex = EXCHANGE(rq);

    ex->status = status;
    ex->type = NULL;
    ex->reply_body = (struct bytes){ NULL, 0 };
    ex->replied = true;
    return ERR_OK;
}

/* The texts are copied: what the handler has on its stack ends before the relay. */
err_t
reply_relay(struct req *rq, const struct reply_relay *relay)
{
    struct arena *a = rq->cx.arena;
    struct reply_relay *r = arena_new(a, struct reply_relay);
    struct str *headers = arena_array(a, relay->header_count + 1, sizeof(*headers));

    if (r == NULL || headers == NULL)
        return refuse_memory(&rq->cx);
    *r = *relay;
    r->headers = headers;
    r->url = arena_str(a, relay->url);
    r->body = arena_bytes(a, relay->body);
    for (size_t i = 0; i < relay->header_count; i++) {
        headers[i] = arena_str(a, relay->headers[i]);
        if (headers[i].p == NULL || !is_clean(headers[i]))
            return refuse(&rq->cx, ERR_INTERNAL, "",
                          "header %zu to the upstream is malformed", i);
    }
    if (r->url.p == NULL || r->body.p == NULL)
        return refuse_memory(&rq->cx);
    EXCHANGE(rq)->relay_asked = r;
    EXCHANGE(rq)->replied = true;
    return ERR_OK;
}

/* --- refusals ------------------------------------------------------------------ */

static struct str
public_text(const struct exchange *ex, err_t e)
{
    const struct ctx *cx = &ex->rq.cx;
    bool ours = ex->rq.route == NULL || ex->binding;

    if (ours && (e == ERR_NOT_FOUND || e == ERR_METHOD || e == ERR_MEDIA_TYPE))
        return str_of(reply_reason(err_row(e)->status)); /* as nuts-node says it */
    if (ex->door == HTTP_DOOR_INTERNAL && cx->refused == e && cx->reason.n > 0 &&
        str_is_utf8(cx->reason))
        return cx->reason;
    return str_of(err_row(e)->text);
}

/* RFC 9457, with the members that nuts-node gives: title, status, detail. */
static void
put_problem(struct exchange *ex, err_t e, struct json_out *js)
{
    const struct http_route *row = ex->rq.route;
    char title[96] = "Operation failed";

    if (row != NULL && !ex->binding) {
        struct str op = str_sub(str_of(row->op), 0, sizeof(title) - sizeof(" failed"));

        memcpy(title, op.p, op.n);
        memcpy(title + op.n, " failed", sizeof(" failed"));
        if (title[0] >= 'a' && title[0] <= 'z')
            title[0] = (char)(title[0] - 'a' + 'A');
    }
    ex->type = "application/problem+json";
    json_object(js);
    json_member(js, "detail", public_text(ex, e));
    json_member_i64(js, "status", ex->status);
    json_member_z(js, "title", title);
    json_end(js);
}

/*
 * RFC 6749 5.2. nuts-node answers 400 to every code but server_error; what is about
 * HTTP itself (sizes, load, outages) keeps its own status.
 */
static void
put_oauth(struct exchange *ex, err_t e, struct json_out *js)
{
    int own = ex->status;

    if (own < 500 && own != 405 && own != 413 && own != 415 && own != 429)
        ex->status = 400;
    ex->type = "application/json";
    json_object(js);
    json_member_z(js, "error", err_row(e)->oauth);
    json_member(js, "error_description", public_text(ex, e));
    json_end(js);
}

static const char *
fhir_code(int status)
{
    switch (status) { /* IssueType, http://hl7.org/fhir/R4/valueset-issue-type.html */
    case 401: return "login";
    case 403: return "forbidden";
    case 404: return "not-found";
    case 405:
    case 415: return "not-supported";
    case 409: return "conflict";
    case 410: return "deleted";
    case 413: return "too-long";
    case 429: return "throttled";
    case 500: return "exception";
    case 502:
    case 503: return "transient";
    case 504: return "timeout";
    }
    return status < 500 ? "invalid" : "exception";
}

static void
put_fhir(struct exchange *ex, err_t e, struct json_out *js)
{
    ex->type = "application/fhir+json";
    json_object(js);
    json_member_z(js, "resourceType", "OperationOutcome");
    json_key(js, "issue");
    json_array(js);
    json_object(js);
    json_member_z(js, "severity", "error");
    json_member_z(js, "code", fhir_code(ex->status));
    json_member(js, "diagnostics", public_text(ex, e));
    json_end(js);
    json_end(js);
    json_end(js);
}

/* Of what the handler put before it refused, this helps the caller; the rest goes. */
static bool
helps_when_refused(struct str line)
{
    static const struct str names[] = {
        S_INIT("www-authenticate: "),
        S_INIT("dpop-nonce: "),
        S_INIT("allow: "),
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        if (line.n > names[i].n && str_eq_case(str_sub(line, 0, names[i].n), names[i]))
            return true;
    }
    return false;
}

static void
put_refusal_headers(struct exchange *ex)
{
    struct str old = { ex->reply_headers.p, ex->reply_headers.n };

    buf_init(&ex->reply_headers, &ex->arena);
    while (old.n > 0) {
        struct str line = str_cut(&old, '\n');

        if (!helps_when_refused(line))
            continue;
        buf_str(&ex->reply_headers, line);
        buf_c(&ex->reply_headers, '\n');
    }
    if (ex->status == 503 || ex->status == 429)
        reply_header(&ex->rq, "Retry-After", S("1"));
    reply_header(&ex->rq, "Cache-Control", S("no-store"));
}

/* The operator's 401 is nuts-node's own (nuts-node.md 2.0): "Unauthorized". */
static enum http_errors
form_of(const struct http_route *row, err_t e)
{
    if (row == NULL)
        return HTTP_ERRORS_PROBLEM;
    return e == ERR_UNAUTHORIZED && row->auth == HTTP_AUTH_OPERATOR ? HTTP_ERRORS_TEXT
                                                                    : row->errors;
}

void
reply_error(struct exchange *ex, err_t e)
{
    const struct http_route *row = ex->rq.route;
    struct json_out js;
    struct str text = { NULL, 0 };

    ex->status = err_row(e)->status;
    ex->relay_asked = NULL;
    ex->broken_header = false;
    put_refusal_headers(ex);
    json_out_init(&js, &ex->arena);
    switch (form_of(row, e)) {
    case HTTP_ERRORS_NONE:
    case HTTP_ERRORS_PROBLEM: put_problem(ex, e, &js); break;
    case HTTP_ERRORS_OAUTH: put_oauth(ex, e, &js); break;
    case HTTP_ERRORS_FHIR: put_fhir(ex, e, &js); break;
    case HTTP_ERRORS_TEXT:
        ex->type = "text/plain; charset=utf-8";
        text = str_of(reply_reason(ex->status));
    }
    if (text.p == NULL && (js.buf.failed || js.buf.p == NULL))
        text = S("{}");
    else if (text.p == NULL)
        text = (struct str){ js.buf.p, js.buf.n };
    ex->reply_body = bytes_of(text);
    ex->replied = true;
}

/* --- the head -------------------------------------------------------------- */

static bool
has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

/* Every answer has two: printf is a tenth of the work of a small one. */
static void
put_number(struct buf *b, uint64_t n)
{
    char room[20];
    char *p = room + sizeof(room);

    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    buf_add(b, p, (size_t)(room + sizeof(room) - p));
}

static void
put_head(struct exchange *ex, struct buf *b, int64_t length)
{
    bool chunked = length < 0 && !ex->is_http10 && !has_no_body(ex->status);

    buf_z(b, "HTTP/1.1 ");
    put_number(b, (uint64_t)ex->status);
    buf_c(b, ' ');
    buf_z(b, reply_reason(ex->status));
    buf_z(b, "\r\n");
    if (ex->http != NULL) {
        buf_z(b, "Date: ");
        buf_str(b, http_date(ex->http));
        buf_z(b, "\r\n");
    }
    if (ex->type != NULL && !has_no_body(ex->status)) {
        buf_z(b, "Content-Type: ");
        buf_z(b, ex->type);
        buf_z(b, "\r\nX-Content-Type-Options: nosniff\r\n");
    }
    if (length >= 0 && !has_no_body(ex->status)) {
        buf_z(b, "Content-Length: ");
        put_number(b, (uint64_t)length);
        buf_z(b, "\r\n");
    } else if (chunked)
        buf_z(b, "Transfer-Encoding: chunked\r\n");
    else if (length < 0 && !has_no_body(ex->status))
        ex->close_after = true;
    buf_z(b, "X-Request-Id: ");
    buf_z(b, ex->rq.cx.id);
    buf_z(b, "\r\n");
    buf_add(b, ex->reply_headers.p, ex->reply_headers.n);
    if (ex->close_after)
        buf_z(b, "Connection: close\r\n");
    else if (ex->is_http10)
        buf_z(b, "Connection: keep-alive\r\n");
    buf_z(b, "\r\n");
}

static bool
build_head(struct exchange *ex, int64_t length, struct buf *b)
{
    buf_init(b, &ex->arena);
    put_head(ex, b, length);
    if (b->failed || ex->reply_headers.failed)
        return false;
    ex->out[0] = (struct bytes){ (const uint8_t *)b->p, b->n };
    return true;
}

/* The last resort: no more than a status, from an arena that is emptied first. */
static bool
build_bare(struct exchange *ex)
{
    struct buf b;

    arena_reset(&ex->arena);
    ex->arena.fail_at = 0;
    ex->audited = false; /* its texts are gone; it was put before */
    buf_init(&ex->reply_headers, &ex->arena);
    ex->status = 503;
    ex->type = NULL;
    ex->close_after = true;
    ex->reply_body = (struct bytes){ NULL, 0 };
    return build_head(ex, 0, &b);
}

bool
reply_build(struct exchange *ex)
{
    struct buf b;

    ex->out[1] = (struct bytes){ NULL, 0 };
    if (has_no_body(ex->status))
        ex->reply_body = (struct bytes){ NULL, 0 };
    if (!build_head(ex, (int64_t)ex->reply_body.n, &b) && !build_bare(ex))
        return false;
    if (ex->rq.method != HTTP_HEAD)
        ex->out[1] = ex->reply_body;
    return true;
}

bool
reply_head_stream(struct exchange *ex, int64_t length)
{
    struct buf b;

    ex->out[1] = (struct bytes){ NULL, 0 };
    return build_head(ex, length, &b);
}
