/* parse.c - bytes to a request: llhttp, and what it leaves to us. EUPL-1.2. */
#include "sys/http/http_int.h"

#include <string.h>

/* llhttp stops at the first callback that answers other than 0. */
static int
stop(err_t e)
{
    return e == ERR_OK ? 0 : HPE_USER;
}

static void
extend(const struct exchange *ex, struct span *s, const char *at, size_t n)
{
    if (s->n == 0)
        s->at = (uint32_t)(at - ex->base);
    s->n += (uint32_t)n;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
    struct exchange *ex = p->data;

    extend(ex, &ex->target_at, at, n);
    return 0;
}

static int
on_field(llhttp_t *p, const char *at, size_t n)
{
    struct exchange *ex = p->data;

    if (ex->head_done) { /* trailers are read and forgotten, up to the head's limit */
        ex->trailer_bytes += n;
        return 0;
    }
    if (ex->in_value) {
        if (++ex->headers >= ex->limits->header_count || ex->headers >= HEADERS_MOST)
            return stop(refuse(&ex->rq.cx, ERR_HEADER_SIZE, "RFC 6585 5",
                               "over %u header fields", ex->headers));
        ex->in_value = false;
        ex->name_at[ex->headers] = ex->value_at[ex->headers] = (struct span){ 0, 0 };
    }
    extend(ex, &ex->name_at[ex->headers], at, n);
    return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
    struct exchange *ex = p->data;

    if (ex->head_done)
        ex->trailer_bytes += n;
    else
        extend(ex, &ex->value_at[ex->headers], at, n);
    return 0;
}

static int
on_value_complete(llhttp_t *p)
{
    struct exchange *ex = p->data;

    ex->in_value = true;
    return 0;
}

static struct str
piece(const struct exchange *ex, struct span s)
{
    return str_sub(ex->head, s.at, s.at + s.n);
}

/* The head moves to the arena: the connection's buffer is free for what follows. */
static err_t
keep_head(struct exchange *ex)
{
    size_t end = ex->target_at.at + ex->target_at.n;

    if (ex->parser.http_major != 0) /* 0.9 has no version to stand behind its target */
        end += sizeof(" HTTP/1.1") - 1;

    ex->headers += ex->in_value; /* from an index to a count */
    for (unsigned i = 0; i < ex->headers; i++) {
        size_t name_end = ex->name_at[i].at + ex->name_at[i].n;
        size_t value_end = ex->value_at[i].at + ex->value_at[i].n;

        end = name_end > end ? name_end : end;
        end = value_end > end ? value_end : end;
    }
    ex->head = arena_str(&ex->arena, (struct str){ ex->base, end });
    if (ex->head.p == NULL)
        return refuse_memory(&ex->rq.cx);
    ex->raw_target = piece(ex, ex->target_at);
    for (unsigned i = 0; i < ex->headers; i++) {
        ex->name[i] = piece(ex, ex->name_at[i]);
        ex->value[i] = str_trim(piece(ex, ex->value_at[i]));
    }
    return ERR_OK;
}

static int
on_headers_complete(llhttp_t *p)
{
    struct exchange *ex = p->data;
    err_t e = keep_head(ex);

    ex->head_done = true;
    p->upgrade = 0; /* RFC 9110 7.8: a server may ignore Upgrade; this one always does */
    return stop(e != ERR_OK ? e : exchange_head(ex));
}

static err_t
body_room(struct exchange *ex, size_t n)
{
    size_t want = ex->body_room ? 2 * ex->body_room : 1024;
    uint8_t *p;

    if (n > ex->body_max - ex->body_n)
        return refuse(&ex->rq.cx, ERR_TOO_LARGE, "RFC 9110 15.5.14",
                      "the body passes %zu bytes", ex->body_max);
    if (ex->body_n + n <= ex->body_room)
        return ERR_OK;
    if (ex->parser.flags & F_CONTENT_LENGTH && ex->body_room == 0)
        want = ex->parser.content_length + n; /* what is left, and this */
    while (want < ex->body_n + n)
        want *= 2;
    want = want > ex->body_max ? ex->body_max : want;
    if ((p = arena_grow(&ex->arena, ex->body, ex->body_n, want)) == NULL)
        return refuse_memory(&ex->rq.cx);
    ex->body = p;
    ex->body_room = want;
    return ERR_OK;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
    struct exchange *ex = p->data;
    err_t e = body_room(ex, n);

    if (e == ERR_OK) {
        memcpy(ex->body + ex->body_n, at, n);
        ex->body_n += n;
    }
    return stop(e);
}

static int
on_message_complete(llhttp_t *p)
{
    struct exchange *ex = p->data;

    ex->keep_alive = llhttp_should_keep_alive(p) != 0;
    ex->whole = true;
    return HPE_PAUSED; /* what comes behind it is another request */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void
parse_begin(struct exchange *ex)
{
    llhttp_init(&ex->parser, HTTP_REQUEST, &settings);
    ex->parser.data = ex;
}

static enum parse_result
malformed(struct exchange *ex, enum llhttp_errno why)
{
    const char *text = llhttp_get_error_reason(&ex->parser);
    err_t e = ERR_BAD_REQUEST;

    if (ex->rq.cx.refused != ERR_OK) /* a callback of ours said no */
        return PARSE_REFUSED;
    if ((why == HPE_INVALID_VERSION && /* also said of a bare LF behind "HTTP/1.1" */
         (ex->parser.http_major != 1 || ex->parser.http_minor > 1)) ||
        why == HPE_PAUSED_H2_UPGRADE)
        e = ERR_HTTP_VERSION;
    (void)!refuse(&ex->rq.cx, e, "RFC 9112", "%s",
                  text != NULL && *text ? text : "malformed");
    COUNT_UP(ex->http, malformed);
    return PARSE_REFUSED;
}

/* A head or a trailer that does not end. */
static enum parse_result
too_long(struct exchange *ex)
{
    bool in_target = !ex->head_done && ex->headers == 0 && ex->name_at[0].n == 0;

    (void)!refuse(&ex->rq.cx, in_target ? ERR_TARGET_LENGTH : ERR_HEADER_SIZE, "RFC 6585 5",
                  "the head passes %zu bytes", ex->limits->header_size);
    return PARSE_REFUSED;
}

enum parse_result
parse_feed(struct exchange *ex, const char *bytes, size_t fed, size_t n, size_t *used)
{
    enum llhttp_errno e;

    *used = n;
    ex->base = bytes;
    e = llhttp_execute(&ex->parser, bytes + fed, n - fed);
    ex->base = NULL;
    if (ex->whole && e == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&ex->parser) - bytes);
        return PARSE_WHOLE;
    }
    if (e != HPE_OK)
        return malformed(ex, e);
    if ((ex->head_done ? ex->trailer_bytes : n) > ex->limits->header_size)
        return too_long(ex);
    return PARSE_MORE;
}

struct str
exchange_header(const struct exchange *ex, struct str name)
{
    for (unsigned i = 0; i < ex->headers; i++) {
        if (str_eq_case(ex->name[i], name))
            return ex->value[i];
    }
    return (struct str){ NULL, 0 };
}
