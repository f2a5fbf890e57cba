/*
 * conf_print.c - the options as people and programs read them.
 * Trust     Secrets as [set], passwords in URLs as ***.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"

#include <string.h>

static const char *const sources[CONF_SOURCES] = {
    [CONF_FROM_DEFAULT] = "default",      [CONF_FROM_FILE] = "file",
    [CONF_FROM_NUTS_ENV] = "environment", [CONF_FROM_ENV] = "environment",
    [CONF_FROM_ARGS] = "command line",
};
static const char *const kinds[] = {
    [CONF_BOOL] = "bool",         [CONF_INT] = "int",   [CONF_SIZE] = "size",
    [CONF_DURATION] = "duration", [CONF_TEXT] = "text", [CONF_PATH] = "path",
    [CONF_CHOICE] = "choice",     [CONF_LIST] = "list",
};

static bool
is_list(const struct conf_row *row)
{
    return row->kind == CONF_LIST;
}

/* One text of a value as it may be shown. */
static err_t
shown(struct ctx *cx, const struct conf_row *row, struct str text, struct str *out)
{
    if (conf_is_secret(row) && text.n > 0) {
        *out = S("[set]");
        return ERR_OK;
    }
    return conf__mask(cx, text, out);
}

static err_t
json_value(struct ctx *cx, const struct conf_row *row, const struct conf_origin *o,
           struct json_out *js)
{
    struct str text;
    err_t e;

    if (row->kind == CONF_BOOL)
        json_put_bool(js, o->cell.b);
    else if (row->kind == CONF_INT)
        json_put_i64(js, o->cell.i);
    else if (is_list(row)) {
        json_array(js);
        for (size_t i = 0; i < o->cell.l.n; i++) {
            if ((e = shown(cx, row, o->cell.l.item[i], &text)) != ERR_OK)
                return e;
            json_put_str(js, text);
        }
        json_end(js);
    } else {
        if ((e = shown(cx, row, o->said.item[0], &text)) != ERR_OK)
            return e;
        json_put_str(js, text);
    }
    return ERR_OK;
}

err_t
conf_print(struct ctx *cx, const struct conf *c, struct json_out *js)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    err_t e;

    json_array(js);
    for (size_t i = 0; i < n; i++) {
        json_object(js);
        json_member_z(js, "key", rows[i].key);
        json_member_z(js, "type", kinds[rows[i].kind]);
        json_key(js, "value");
        if ((e = json_value(cx, &rows[i], &c->origin_[i], js)) != ERR_OK)
            return e;
        json_member_z(js, "source", sources[c->origin_[i].source]);
        json_member(js, "where", c->origin_[i].where);
        json_member_z(js, "reload", rows[i].reload == CONF_NOW ? "now" : "restart");
        json_member_z(js, "help", rows[i].help);
        json_end(js);
    }
    json_end(js);
    return ERR_OK;
}

/* A double-quoted YAML scalar, whatever the text. */
static void
quoted(struct buf *b, struct str s)
{
    buf_c(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_printf(b, "\\%c", s.p[i]);
        else if ((unsigned char)s.p[i] < 0x20)
            buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
        else
            buf_c(b, s.p[i]);
    }
    buf_c(b, '"');
}

static err_t
yaml_value(struct ctx *cx, const struct conf_row *row, const struct conf_origin *o,
           struct buf *b)
{
    struct str text;
    err_t e;

    if (!is_list(row)) {
        if ((e = shown(cx, row, o->said.item[0], &text)) != ERR_OK)
            return e;
        if (row->kind == CONF_BOOL || row->kind == CONF_INT)
            buf_str(b, text);
        else
            quoted(b, text);
        return ERR_OK;
    }
    buf_c(b, '[');
    for (size_t i = 0; i < o->cell.l.n; i++) {
        if ((e = shown(cx, row, o->cell.l.item[i], &text)) != ERR_OK)
            return e;
        buf_z(b, i ? ", " : "");
        quoted(b, text);
    }
    buf_c(b, ']');
    return ERR_OK;
}

err_t
conf_print_yaml(struct ctx *cx, const struct conf *c, struct str *out)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    struct buf b;
    err_t e;

    *out = (struct str){ NULL, 0 };
    buf_init(&b, cx->arena);
    for (size_t i = 0; i < n; i++) {
        bool other_place = str_is(str_of(rows[i].key), "configfile");
        bool hidden = conf_is_secret(&rows[i]) && c->origin_[i].said.n > 0 &&
                      c->origin_[i].said.item[0].n > 0;

        buf_printf(&b, "%s%s: ", other_place || hidden ? "# " : "", rows[i].key);
        if ((e = yaml_value(cx, &rows[i], &c->origin_[i], &b)) != ERR_OK)
            return e;
        buf_printf(&b, " # %.*s\n", STR(c->origin_[i].where));
    }
    return buf_done(cx, &b, out);
}

static void
doc_bounds(struct buf *b, const struct conf_row *row)
{
    struct str rest = str_of(row->least);

    if (row->kind == CONF_CHOICE)
        while (rest.n > 0) {
            struct str one = str_cut(&rest, '|');

            buf_printf(b, "`%.*s`%s", STR(one), rest.n > 0 ? ", " : "");
        }
    else if (row->least[0] != '\0' || row->most[0] != '\0')
        buf_printf(b, "%s – %s", row->least[0] ? row->least : "any",
                   row->most[0] ? row->most : "any");
}

static void
doc_row(struct buf *b, const struct conf_row *row)
{
    buf_printf(b, "| `%s` | %s | ", row->key, kinds[row->kind]);
    if (row->def[0] != '\0')
        buf_printf(b, "`%s`", row->def);
    buf_z(b, " | ");
    doc_bounds(b, row);
    buf_printf(b, " | %s | %s", row->reload == CONF_NOW ? "SIGHUP" : "restart", row->help);
    if (row->nuts[0] != '\0' && strcmp(row->nuts, row->key) != 0)
        buf_printf(b, " (nuts-node: `%s`.)", row->nuts);
    buf_z(b,
          conf_is_secret(row) ? " Secret: not taken from the command line. |\n" : " |\n");
}

err_t
conf_print_doc(struct ctx *cx, struct str *out)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    struct buf b;

    buf_init(&b, cx->arena);
    buf_z(
        &b,
        "# Options\n\n"
        "Printed by `knoop print options`. The command line (`--key=value`) wins over the\n"
        "environment (`KNOOP_` and the key in capitals, dots as underscores; `NUTS_` with\n"
        "nuts-node's key), that over the file, that over the default.\n\n"
        "| key | type | default | bounds | takes effect | what |\n"
        "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        doc_row(&b, &rows[i]);
    return buf_done(cx, &b, out);
}
