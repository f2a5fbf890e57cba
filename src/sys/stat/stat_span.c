/*
 * stat_span.c - spans wait here until they are sent.
 * Rule      W3C Trace Context 1; OTLP 1.0, JSON encoding.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <errno.h>
#include <string.h>

static bool on;

/* Lower-case hex alone (W3C Trace Context 3.2.2). */
static bool
unhex(struct str text, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    bool zero = true;

    for (size_t i = 0; i < text.n; i++) {
        const char *d = text.p[i] ? strchr(digits, text.p[i]) : NULL;

        if (d == NULL)
            return false;
        out[i / 2] = (uint8_t)(i % 2 == 0 ? (d - digits) << 4 : out[i / 2] | (d - digits));
    }
    for (size_t i = 0; i < text.n / 2; i++)
        zero &= out[i] == 0;
    return !zero;
}

/* 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
bool
stat_trace_parse(struct str t, struct stat_trace *out)
{
    uint8_t flags = 0;

    memset(out, 0, sizeof(*out));
    if (t.n != 55 || !str_starts(t, S("00-")) || t.p[35] != '-' || t.p[52] != '-' ||
        !unhex(str_sub(t, 3, 35), out->trace) || !unhex(str_sub(t, 36, 52), out->parent) ||
        (!unhex(str_sub(t, 53, 55), &flags) && !str_is(str_sub(t, 53, 55), "00"))) {
        memset(out, 0, sizeof(*out));
        return false;
    }
    out->sampled = flags & 1;
    return true;
}

void
stat_trace_on(bool wanted)
{
    __atomic_store_n(&on, wanted, __ATOMIC_RELAXED);
}

bool
stat_trace_is_on(void)
{
    return __atomic_load_n(&on, __ATOMIC_RELAXED);
}

bool
stat__ring_init(struct stat_ring *r)
{
    pthread_mutexattr_t attr;
    bool ok = pthread_mutexattr_init(&attr) == 0 &&
              pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
              pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0 &&
              pthread_mutex_init(&r->lock, &attr) == 0;

    pthread_mutexattr_destroy(&attr);
    return ok;
}

/* Whoever died in there may have left it in between: it is emptied. */
static bool
enter(struct stat_ring *r)
{
    int rc = r ? pthread_mutex_lock(&r->lock) : EINVAL;

    if (rc == EOWNERDEAD) {
        r->first = r->waiting = 0;
        rc = pthread_mutex_consistent(&r->lock);
    }
    if (rc == 0 && r->waiting > STAT_RING)
        r->waiting = 0;
    return rc == 0;
}

void
stat_span_put(const struct stat_span *span)
{
    struct stat_ring *r = stat__ring();
    bool dropped;

    if (!stat_trace_is_on() || !enter(r))
        return;
    dropped = r->waiting == STAT_RING;
    if (dropped) {
        r->first++;
        r->waiting--;
    }
    r->span[(r->first + r->waiting++) % STAT_RING] = *span;
    pthread_mutex_unlock(&r->lock);
    if (dropped)
        stat_add(stat_find(STAT_SPANS, "dropped", ""), 1);
}

/* From memory that others write: what could lead outside is made safe. */
static void
make_safe(struct stat_span *s)
{
    s->name[sizeof(s->name) - 1] = '\0';
    s->method[sizeof(s->method) - 1] = '\0';
    s->route[sizeof(s->route) - 1] = '\0';
    if ((unsigned)s->error >= ERR_COUNT)
        s->error = ERR_OK;
}

size_t
stat_span_take(struct stat_span *out, size_t most)
{
    struct stat_ring *r = stat__ring();
    size_t n = 0;

    if (!enter(r))
        return 0;
    for (; n < most && r->waiting > 0; n++, r->waiting--, r->first++) {
        out[n] = r->span[r->first % STAT_RING];
        make_safe(&out[n]);
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* --- OTLP -------------------------------------------------------------------------- */

static void
put_hex(struct json_out *js, const char *name, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char room[33];

    for (size_t i = 0; i < n; i++) {
        room[2 * i] = digits[p[i] >> 4];
        room[2 * i + 1] = digits[p[i] & 15];
    }
    json_member(js, name, (struct str){ room, 2 * n });
}

static void
put_attribute(struct json_out *js, const char *key, const char *type, struct str value)
{
    json_object(js);
    json_member_z(js, "key", key);
    json_key(js, "value");
    json_object(js);
    json_member(js, type, value);
    json_end(js);
    json_end(js);
}

static void
put_nanos(struct ctx *cx, struct json_out *js, const char *name, int64_t micros)
{
    /* 64 bits are a string in this encoding. */
    struct str text = arena_printf(cx->arena, "%lld000", (long long)micros);

    json_member(js, name, text.p ? text : S("0"));
}

static void
put_span(struct ctx *cx, struct json_out *js, const struct stat_span *s)
{
    static const uint8_t none[8];
    int64_t start = s->start_ms * 1000;
    struct str status = arena_printf(cx->arena, "%d", s->status);

    json_object(js);
    put_hex(js, "traceId", s->trace.trace, 16);
    put_hex(js, "spanId", s->id, 8);
    if (memcmp(s->trace.parent, none, 8) != 0)
        put_hex(js, "parentSpanId", s->trace.parent, 8);
    json_member_z(js, "name", s->name);
    json_member_i64(js, "kind", s->kind);
    put_nanos(cx, js, "startTimeUnixNano", start);
    put_nanos(cx, js, "endTimeUnixNano", start + s->micros);
    json_key(js, "attributes");
    json_array(js);
    put_attribute(js, "http.request.method", "stringValue", str_of(s->method));
    if (s->route[0] != '\0')
        put_attribute(js, "http.route", "stringValue", str_of(s->route));
    if (s->status > 0)
        put_attribute(js, "http.response.status_code", "intValue", status);
    if (s->error != ERR_OK)
        put_attribute(js, "error.type", "stringValue", str_of(err_row(s->error)->name));
    json_end(js);
    json_key(js, "status");
    json_object(js);
    if (s->error != ERR_OK && (s->status == 0 || s->status >= 500))
        json_member_i64(js, "code", 2); /* STATUS_CODE_ERROR */
    json_end(js);
    json_end(js);
}

err_t
stat_span_json(struct ctx *cx, struct str service, const struct stat_span *spans, size_t n,
               struct str *out)
{
    struct json_out js;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_key(&js, "resourceSpans");
    json_array(&js);
    json_object(&js);
    json_key(&js, "resource");
    json_object(&js);
    json_key(&js, "attributes");
    json_array(&js);
    put_attribute(&js, "service.name", "stringValue", service);
    put_attribute(&js, "service.version", "stringValue", str_of(KNOOP_VERSION));
    json_end(&js);
    json_end(&js);
    json_key(&js, "scopeSpans");
    json_array(&js);
    json_object(&js);
    json_key(&js, "scope");
    json_object(&js);
    json_member_z(&js, "name", "knoop");
    json_end(&js);
    json_key(&js, "spans");
    json_array(&js);
    for (size_t i = 0; i < n; i++)
        put_span(cx, &js, &spans[i]);
    json_end(&js);
    json_end(&js);
    json_end(&js);
    json_end(&js);
    json_end(&js);
    json_end(&js);
    return json_out_done(cx, &js, out);
}
