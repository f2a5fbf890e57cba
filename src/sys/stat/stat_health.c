/*
 * stat_health.c - checks and diagnostics, in nuts-node's shape.
 * Rule      nuts-node.md 2.10; nuts-node-transcript.md "health", "diagnostics".
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum verdict { UP, UNKNOWN, DOWN };
static const char *const words[] = { "UP", "UNKNOWN", "DOWN" };

static struct {
    const char *name;
    err_t (*fn)(struct ctx *cx, void *arg, struct str *detail);
    void *arg;
    int last; /* verdict, atomic: a line in the log when it changes */
} checks[STAT_CHECKS];
static size_t check_n;

static struct {
    const char *name;
    err_t (*fn)(struct ctx *cx, void *arg, bool people, struct json_out *js);
    void *arg;
} sections[STAT_CHECKS];
static size_t section_n;

void
stat_check(const char *name, err_t (*fn)(struct ctx *cx, void *arg, struct str *detail),
           void *arg)
{
    size_t at = 0;

    while (at < check_n && strcmp(checks[at].name, name) < 0)
        at++;
    if (check_n == STAT_CHECKS)
        return;
    memmove(&checks[at + 1], &checks[at], (check_n++ - at) * sizeof(checks[0]));
    checks[at].name = name;
    checks[at].fn = fn;
    checks[at].arg = arg;
}

void
stat_section(const char *name,
             err_t (*fn)(struct ctx *cx, void *arg, bool people, struct json_out *js),
             void *arg)
{
    size_t at = 0;

    while (at < section_n && strcmp(sections[at].name, name) < 0)
        at++;
    if (section_n == STAT_CHECKS)
        return;
    memmove(&sections[at + 1], &sections[at], (section_n++ - at) * sizeof(sections[0]));
    sections[at].name = name;
    sections[at].fn = fn;
    sections[at].arg = arg;
}

/* One check; the reason of one that is DOWN is for the operator, who reads this. */
static err_t
one(struct ctx *cx, size_t i, struct json_out *js, enum verdict *worst)
{
    struct str detail = { NULL, 0 };
    err_t e = checks[i].fn(cx, checks[i].arg, &detail);
    enum verdict is = e == ERR_OK ? UP : e == ERR_UNSUPPORTED ? UNKNOWN : DOWN;

    if (is != UP && (detail = arena_str(cx->arena, cx->reason)).p == NULL)
        return refuse_memory(cx);
    if (__atomic_exchange_n(&checks[i].last, (int)is, __ATOMIC_RELAXED) != (int)is)
        log_at(cx, is == DOWN ? LOG_WARN : LOG_INFO, "%s is %s%s%.*s", checks[i].name,
               words[is], detail.n > 0 ? ": " : "", STR(detail));
    refuse_clear(cx);
    *worst = is > *worst ? is : *worst;
    json_key(js, checks[i].name);
    json_object(js);
    json_member_z(js, "status", words[is]);
    if (detail.n > 0)
        json_member(js, "details", detail);
    json_end(js);
    return ERR_OK;
}

err_t
stat_health(struct ctx *cx, struct str *body, bool *up)
{
    enum verdict worst = UP;
    struct json_out details, js;
    struct str text;
    err_t e;

    *up = false;
    *body = (struct str){ NULL, 0 };
    json_out_init(&details, cx->arena);
    json_object(&details);
    for (size_t i = 0; i < check_n; i++)
        if ((e = one(cx, i, &details, &worst)) != ERR_OK)
            return e;
    json_end(&details);
    if ((e = json_out_done(cx, &details, &text)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "status", words[worst]);
    json_key(&js, "details");
    json_put_raw(&js, text);
    json_end(&js);
    if ((e = json_out_done(cx, &js, body)) == ERR_OK)
        *up = worst != DOWN;
    return e;
}

/* --- diagnostics ------------------------------------------------------------------ */

static void
indent(struct buf *b, int depth)
{
    buf_c(b, '\n');
    for (int i = 0; i < depth; i++)
        buf_z(b, "    ");
}

/* Plain where YAML reads the same text back as a text; quoted otherwise. */
static void
put_text(struct buf *b, struct str s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-_ ";
    bool is_plain = s.n > 0 && s.p[0] != ' ' && s.p[0] != '-' && s.p[s.n - 1] != ' ' &&
                    !(s.p[0] >= '0' && s.p[0] <= '9' && s.p[s.n - 1] <= '9') &&
                    s.p[0] != '.';
    static const char *const others[] = {
        "true", "false", "null", "yes", "no", "on", "off"
    };

    for (size_t i = 0; i < s.n && is_plain; i++)
        is_plain = s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL;
    for (size_t i = 0; i < COUNT(others) && is_plain; i++)
        is_plain = !str_eq_case(s, str_of(others[i]));
    if (is_plain) {
        buf_str(b, s);
        return;
    }
    buf_c(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_printf(b, "\\x%02x", c);
        else
            buf_c(b, (char)c);
    }
    buf_c(b, '"');
}

static void
put_scalar(struct buf *b, const json *v)
{
    struct str s;
    int64_t i;
    double d;
    bool t;

    if (json_str(v, &s))
        put_text(b, s);
    else if (json_i64(v, &i))
        buf_printf(b, "%lld", (long long)i);
    else if (json_double(v, &d))
        buf_printf(b, "%g", d);
    else if (json_bool(v, &t))
        buf_z(b, t ? "true" : "false");
    else
        buf_z(b, "null");
}

void
stat__yaml(struct buf *b, const json *v, int depth)
{
    bool object = json_type(v) == JSON_OBJECT;

    if (!object && json_type(v) != JSON_ARRAY) {
        put_scalar(b, v);
        return;
    }
    if (json_size(v) == 0) {
        buf_z(b, object ? "{}" : "[]");
        return;
    }
    for (json_each(it, v)) {
        bool nested =
            json_type(it.value) == JSON_OBJECT || json_type(it.value) == JSON_ARRAY;

        if (b->n > 0)
            indent(b, depth);
        if (object)
            put_text(b, it.name);
        buf_z(b, object ? ":" : "-");
        if (!nested || json_size(it.value) == 0)
            buf_c(b, ' ');
        stat__yaml(b, it.value, depth + 1);
    }
}

err_t
stat_diagnostics(struct ctx *cx, bool yaml, struct str *out)
{
    struct json_out js;
    struct buf b;
    json *v;
    err_t e;

    *out = (struct str){ NULL, 0 };
    json_out_init(&js, cx->arena);
    json_object(&js);
    for (size_t i = 0; i < section_n; i++) {
        json_key(&js, sections[i].name);
        if ((e = sections[i].fn(cx, sections[i].arg, yaml, &js)) != ERR_OK)
            return e;
    }
    json_end(&js);
    if ((e = json_out_done(cx, &js, out)) != ERR_OK || !yaml)
        return e;
    if ((e = json_parse(cx, *out, JSON_STRICT, &v)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    stat__yaml(&b, v, 0);
    buf_c(&b, '\n');
    return buf_done(cx, &b, out);
}
