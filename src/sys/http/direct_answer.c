/* direct_answer.c - the answer: llhttp reads it, the transfer's owner takes it. EUPL-1.2.
 */
#include "sys/http/direct_int.h"

#include <stdlib.h>
#include <string.h>

static int
give_line(struct direct_conn *c)
{
    struct transfer *t = c->t;
    struct str line = { c->line.p, c->line.n };

    c->line.n = 0;
    t->head_bytes += line.n;
    t->stopped = t->head_bytes > CLIENT_HEAD_MAX || c->line.failed || !t->head(t, line);
    return t->stopped ? HPE_USER : 0;
}

static int
on_status_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;
    struct buf *b = &c->line;

    b->n = 0;
    buf_str(b, S("HTTP/"));
    buf_u64(b, p->http_major);
    buf_c(b, '.');
    buf_u64(b, p->http_minor);
    buf_c(b, ' ');
    buf_u64(b, p->status_code);
    return give_line(c);
}

/* Trailers are read and forgotten, up to the head's limit. */
static int
on_part(llhttp_t *p, const char *at, size_t n)
{
    struct direct_conn *c = p->data;

    if (c->head_done) {
        c->t->head_bytes += n;
        c->t->stopped = c->t->head_bytes > CLIENT_HEAD_MAX;
        return c->t->stopped ? HPE_USER : 0;
    }
    if (c->line.n + n > CLIENT_HEAD_MAX) {
        c->t->stopped = true;
        return HPE_USER;
    }
    buf_add(&c->line, at, n);
    return 0;
}

static int
on_field_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (!c->head_done)
        buf_c(&c->line, ':');
    return 0;
}

static int
on_value_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    return c->head_done ? 0 : give_line(c);
}

static int
on_headers_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (p->status_code / 100 ==
        1) /* 101 was not asked for; others come before the answer */
        return p->status_code == 101 ? HPE_USER : 0;
    c->head_done = true;
    return c->t->method == HTTP_HEAD ? 1 : 0; /* 1: no body follows */
}

static int
put_aside(struct direct_conn *c, const char *at, size_t n)
{
    uint8_t *more = realloc(c->aside, c->aside_n + n);

    if (more == NULL) {
        c->t->stopped = true;
        return HPE_USER;
    }
    memcpy(more + c->aside_n, at, n);
    c->aside = more;
    c->aside_n += n;
    return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
    struct direct_conn *c = p->data;

    if (c->paused)
        return put_aside(c, at, n);
    switch (c->t->body(c->t, (struct bytes){ (const uint8_t *)at, n })) {
    case CLIENT_TAKEN: return 0;
    case CLIENT_PAUSE: c->paused = true; return put_aside(c, at, n);
    case CLIENT_STOP: break;
    }
    c->t->stopped = true;
    return HPE_USER;
}

static int
on_message_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (!c->head_done) /* an interim answer: the one that was asked for follows */
        return 0;
    c->whole = true;
    c->keep = llhttp_should_keep_alive(p) && client_may_repeat(c->t);
    return HPE_PAUSED;
}

void
direct_answer_begin(struct direct_conn *c)
{
    llhttp_init(&c->parser, HTTP_RESPONSE, &c->of->settings);
    c->parser.data = c;
    c->head_done = c->whole = c->keep = c->paused = c->answered = false;
}

void
direct_answer_settings(llhttp_settings_t *out)
{
    llhttp_settings_init(out);
    out->on_status_complete = on_status_complete;
    out->on_header_field = on_part;
    out->on_header_field_complete = on_field_complete;
    out->on_header_value = on_part;
    out->on_header_value_complete = on_value_complete;
    out->on_headers_complete = on_headers_complete;
    out->on_body = on_body;
    out->on_message_complete = on_message_complete;
}
