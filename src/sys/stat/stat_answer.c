/*
 * stat_answer.c - a request at the door, counted and traced.
 *
 * The series of an operation and status is found once per thread and kept, so
 * that an answer costs one addition. Random bytes are drawn only when spans
 * are wanted.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <stdio.h>
#include <string.h>

#include "crypto/prim/prim.h"

enum { KEPT = 512 }; /* a power of two */

/* Ours are few: what is no HTTP status is not printed as one. */
static stat_series
operation(const char *op, int status)
{
    static _Thread_local struct {
        const char *op;
        int status;
        stat_series series;
    } kept[KEPT];
    size_t at = (((uintptr_t)op >> 3) * 31 + (size_t)status) % KEPT;
    char text[12];

    if (kept[at].op == op && kept[at].status == status && kept[at].series != 0)
        return kept[at].series;
    snprintf(text, sizeof(text), "%d", status);
    kept[at].op = op;
    kept[at].status = status;
    kept[at].series = stat_find(STAT_OPERATIONS, op, status > 0 ? text : "broken");
    return kept[at].series;
}

static stat_series
refusal(err_t error)
{
    static _Thread_local stat_series kept[ERR_COUNT];

    if (kept[error] == 0)
        kept[error] = stat_find(STAT_REFUSALS, err_row(error)->name, "");
    return kept[error];
}

static void
put_traceparent(char own[56], const uint8_t trace[16], const uint8_t id[8], bool sampled)
{
    char *p = own + sprintf(own, "00-");

    for (int i = 0; i < 16; i++)
        p += sprintf(p, "%02x", trace[i]);
    *p++ = '-';
    for (int i = 0; i < 8; i++)
        p += sprintf(p, "%02x", id[i]);
    sprintf(p, "-%02x", sampled);
}

void
stat_trace_begin(struct str traceparent, struct stat_trace *out, char own[56])
{
    bool goes_on = stat_trace_parse(traceparent, out);
    uint8_t id[8];

    own[0] = '\0';
    if (!stat_trace_is_on()) {
        if (goes_on)
            put_traceparent(own, out->trace, out->parent, out->sampled);
        return;
    }
    if (!goes_on) {
        random_bytes(out->trace, sizeof(out->trace));
        out->trace[0] |= 1; /* all zero would be no trace */
        out->sampled = true;
    }
    random_bytes(id, sizeof(id));
    id[0] |= 1;
    put_traceparent(own, out->trace, id, out->sampled);
}

static void
copy(char *room, size_t size, const char *text)
{
    snprintf(room, size, "%s", text != NULL ? text : "");
}

static void
trace(const struct stat_answer *a, enum stat_span_kind kind)
{
    struct stat_span s = { .trace = a->trace, .kind = kind };
    struct stat_trace own;

    if (!stat_trace_is_on() || !a->trace.sampled || a->own == NULL ||
        !stat_trace_parse(str_of(a->own), &own))
        return;
    memcpy(s.id, own.parent, sizeof(s.id));
    s.start_ms = a->start_ms;
    s.micros = a->micros;
    s.status = a->status;
    s.error = a->error;
    copy(s.name, sizeof(s.name), a->op != NULL ? a->op : "none");
    copy(s.method, sizeof(s.method), a->method);
    copy(s.route, sizeof(s.route), a->route);
    stat_span_put(&s);
}

void
stat_answered(const struct stat_answer *a)
{
    stat_add(operation(a->op != NULL ? a->op : "none", a->status), 1);
    if (a->error > ERR_OK && a->error < ERR_COUNT)
        stat_add(refusal(a->error), 1);
    trace(a, STAT_SPAN_SERVER);
}

void
stat_asked(const struct stat_answer *a)
{
    trace(a, STAT_SPAN_CLIENT);
}
