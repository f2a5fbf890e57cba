/*
 * door_fill.c - a row's templates and the command line become a request.
 *
 *      "/a/<1>[[&b=<b>]]"      knoop … x/y --b 1     "/a/x%2Fy?b=1"
 *      "{'a':<1>[[,'b':<!b>]]}"                      {"a":"x/y","b":1}
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/door.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codec/json/json.h"
#include "sys/os/os.h"

enum { VALUE_MAX = 16 << 20 };

/* --- values ------------------------------------------------------------------------- */

static err_t
read_input(struct cli *c, struct str *out)
{
    struct ctx *cx = &c->cx;
    struct buf b;
    char room[65536];
    ssize_t n;

    if (c->input_taken)
        return refuse(cx, ERR_BAD_REQUEST, "", "standard input can stand for one value");
    c->input_taken = true;
    buf_init(&b, cx->arena);
    while ((n = read(STDIN_FILENO, room, sizeof(room))) > 0) {
        buf_add(&b, room, (size_t)n);
        if (b.n > VALUE_MAX)
            return refuse(cx, ERR_TOO_LARGE, "", "standard input is longer than %d bytes",
                          VALUE_MAX);
    }
    if (n < 0)
        return refuse(cx, ERR_BAD_REQUEST, "", "standard input cannot be read");
    return buf_done(cx, &b, out);
}

static err_t
read_value(struct cli *c, struct str said, struct str *out)
{
    struct bytes file;
    err_t e;

    *out = said;
    if (str_starts(said, S("@@"))) {
        *out = str_sub(said, 1, said.n);
        return ERR_OK;
    }
    if (str_is(said, "-"))
        e = read_input(c, out);
    else if (said.n > 0 && said.p[0] == '@') {
        e = os_read_file(&c->cx, said.p + 1, VALUE_MAX, &file);
        *out = str_of_bytes(file);
    } else
        return ERR_OK;
    if (e == ERR_OK && out->n > 0 && out->p[out->n - 1] == '\n')
        out->n--;
    if (e == ERR_OK && out->p == NULL)
        *out = S("");
    return e;
}

static bool
is_switch(const struct cli *c, struct str name)
{
    const struct cli_option *o = c->command->options;

    for (; o != NULL && o->name != NULL; o++)
        if (str_is(name, o->name))
            return o->value == NULL;
    return false;
}

err_t
door_value(struct cli *c, struct str name, struct str *out)
{
    char z[64];
    const char *said;
    uint64_t n;

    *out = (struct str){ NULL, 0 };
    snprintf(z, sizeof(z), "%.*s", STR(name));
    if (!str_to_u64(name, &n))
        said = cli_option(c, z);
    else
        said = n >= 1 && n <= (uint64_t)c->argc ? c->argv[n - 1] : NULL;
    return said == NULL ? ERR_OK : read_value(c, str_of(said), out);
}

/* --- one place in a template -------------------------------------------------------- */

static err_t
missing(struct cli *c, struct str name)
{
    uint64_t n;

    if (str_to_u64(name, &n))
        return refuse(&c->cx, ERR_BAD_REQUEST, "", "argument %.*s is missing", STR(name));
    return refuse(&c->cx, ERR_BAD_REQUEST, "", "--%.*s is needed", STR(name));
}

/* "..", "." and "" would make a path of something else. */
static bool
is_only_dots(struct str s)
{
    size_t i = 0;

    while (i < s.n && s.p[i] == '.')
        i++;
    return i == s.n;
}

static err_t
put_encoded(struct cli *c, struct str value, bool path, struct buf *b)
{
    if (path && is_only_dots(value))
        return refuse(&c->cx, ERR_BAD_REQUEST, "", "'%.*s' names nothing", STR(value));
    buf_percent(b, value);
    return ERR_OK;
}

static err_t
put_json(struct cli *c, struct str name, struct str value, bool raw, struct buf *b)
{
    struct json_out js;
    struct str text;
    json *v;
    err_t e;

    if (raw && is_switch(c, name))
        value = S("true");
    if (!str_is_utf8(value))
        return refuse(&c->cx, ERR_BAD_REQUEST, "RFC 3629", "the value of %.*s is not UTF-8",
                      STR(name));
    if (raw && json_parse(&c->cx, value, JSON_RAW_NUMBERS, &v) != ERR_OK)
        return refuse(&c->cx, ERR_BAD_REQUEST, "RFC 8259", "the value of %.*s is not JSON",
                      STR(name));
    text = value;
    if (!raw) {
        json_out_init(&js, c->cx.arena);
        json_put_str(&js, value);
        if ((e = json_out_done(&c->cx, &js, &text)) != ERR_OK)
            return e;
    }
    buf_str(b, text);
    return ERR_OK;
}

/* `<!name>` behind its '<'; *absent when it was not given. */
static err_t
put_place(struct cli *c, struct str place, enum door_form form, struct buf *b, bool *absent)
{
    bool raw = place.n > 0 && place.p[0] == '!';
    struct str name = str_sub(place, raw, place.n), value;
    err_t e = door_value(c, name, &value);

    if (e != ERR_OK)
        return e;
    *absent = value.p == NULL;
    if (*absent)
        return ERR_OK;
    if (form == DOOR_FORM_JSON)
        return put_json(c, name, value, raw, b);
    return is_switch(c, name) ? ERR_OK : put_encoded(c, value, form == DOOR_FORM_PATH, b);
}

/* --- the whole ---------------------------------------------------------------------- */

static void
put_char(struct buf *b, enum door_form form, char ch)
{
    if (form == DOOR_FORM_JSON && ch == '\'')
        ch = '"';
    if (form == DOOR_FORM_JSON && ch == ',' && b->n > 0 && b->p[b->n - 1] == '{')
        return;
    if (form == DOOR_FORM_WWW && ch == '&' && b->n == 0)
        return;
    if (form == DOOR_FORM_PATH && ch == '&' &&
        (b->n == 0 || memchr(b->p, '?', b->n) == NULL))
        ch = '?';
    buf_c(b, ch);
}

static err_t
fill(struct cli *c, struct str text, enum door_form form, bool part, struct buf *b)
{
    size_t begin = b->n;
    err_t e;

    while (text.n > 0) {
        struct str head = text, inner;
        size_t end;
        bool absent = false;

        if (str_starts(text, S("[["))) {
            end = str_search(text, S("]]"));
            inner = str_sub(text, 2, end);
            text = str_sub(text, end + 2, text.n);
            if ((e = fill(c, inner, form, true, b)) != ERR_OK)
                return e;
            continue;
        }
        if (text.p[0] != '<') {
            put_char(b, form, text.p[0]);
            text = str_sub(text, 1, text.n);
            continue;
        }
        text = str_sub(text, 1, text.n);
        head = str_cut(&text, '>');
        if ((e = put_place(c, head, form, b, &absent)) != ERR_OK)
            return e;
        if (absent && !part)
            return missing(c, head);
        if (absent) {
            b->n = begin; /* the whole part goes */
            return ERR_OK;
        }
    }
    return ERR_OK;
}

err_t
door_fill(struct cli *c, const char *template, enum door_form form, struct str *out)
{
    struct buf b;
    err_t e;

    *out = (struct str){ NULL, 0 };
    buf_init(&b, c->cx.arena);
    if ((e = fill(c, str_of(template), form, false, &b)) != ERR_OK)
        return e;
    return buf_done(&c->cx, &b, out);
}

int
door_wrong(struct cli *c, err_t e)
{
    (void)cli_refused(c, c->command->name);
    return e == ERR_BAD_REQUEST ? 2 : 1;
}
