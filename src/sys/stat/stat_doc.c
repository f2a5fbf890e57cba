/*
 * stat_doc.c - the house's lists as pages and as JSON: `knoop print`.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/stat/stat_int.h"

#include <stdio.h>

enum { COLUMNS = 5 };

struct table {
    const char *intro;
    const char *columns[COLUMNS]; /* headings; JSON names in lower case */
    const char *const (*rows)[COLUMNS];
    size_t n;
};

#define TEXT_OF(n) #n
#define TEXT(n)    TEXT_OF(n)

static const char *const errors[][COLUMNS] = {
#define X(code, status, oauth, clause, text) { #code, TEXT(status), oauth, clause, text },
#include "lists/errors.def"
#undef X
};
static const char *const events[][COLUMNS] = {
#define X(event, action, subtype, needs, text) { #event, action, subtype, #needs, text },
#include "lists/audit.def"
#undef X
};
static const char *const metrics[][COLUMNS] = {
#define X(metric, kind, name, labels, help) { "knoop_" name, #kind, labels, help, NULL },
#include "lists/metrics.def"
#undef X
};

static const struct table tables[] = {
    [STAT_DOC_ERRORS] = { "# Errors\n\nPrinted by `knoop print errors`. Every way to be "
                          "refused: its code (in logs, "
                          "metrics and the audit log), and what the caller sees.\n",
                          { "code", "status", "oauth", "clause", "text" },
                          errors,
                          COUNT(errors) },
    [STAT_DOC_AUDIT] = { "# Audit events\n\nPrinted by `knoop print audit`. Action and "
                         "subtype as NEN 7513 and BALP "
                         "have them; needs: what a permitted event must name.\n",
                         { "event", "action", "subtype", "needs", "text" },
                         events,
                         COUNT(events) },
    [STAT_DOC_METRICS] = { "# Metrics\n\nPrinted by `knoop print metrics`. Shown at "
                           "`/metrics` on the internal door, "
                           "summed over all workers.\n",
                           { "name", "type", "labels", "help", NULL },
                           metrics,
                           COUNT(metrics) },
};

/* A bar would end the cell. */
static void
put_cell(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++)
        buf_printf(b, *text == '|' ? "\\%c" : "%c", *text);
}

static err_t
page(struct ctx *cx, const struct table *t, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    buf_printf(&b, "%s\n|", t->intro);
    for (int c = 0; c < COLUMNS && t->columns[c] != NULL; c++)
        buf_printf(&b, " %s |", t->columns[c]);
    buf_z(&b, "\n|");
    for (int c = 0; c < COLUMNS && t->columns[c] != NULL; c++)
        buf_z(&b, "---|");
    for (size_t r = 0; r < t->n; r++) {
        buf_z(&b, "\n|");
        for (int c = 0; c < COLUMNS && t->columns[c] != NULL; c++) {
            buf_z(&b, c == 0 ? " `" : " ");
            put_cell(&b, t->rows[r][c]);
            buf_z(&b, c == 0 ? "` |" : " |");
        }
    }
    buf_c(&b, '\n');
    return buf_done(cx, &b, out);
}

static err_t
array(struct ctx *cx, const struct table *t, struct str *out)
{
    struct json_out js;

    json_out_init(&js, cx->arena);
    json_array(&js);
    for (size_t r = 0; r < t->n; r++) {
        json_object(&js);
        for (int c = 0; c < COLUMNS && t->columns[c] != NULL; c++)
            json_member_z(&js, t->columns[c], t->rows[r][c]);
        json_end(&js);
    }
    json_end(&js);
    return json_out_done(cx, &js, out);
}

err_t
stat_print_doc(struct ctx *cx, enum stat_doc which, bool as_json, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (which < STAT_DOC_ERRORS || which > STAT_DOC_METRICS)
        return refuse(cx, ERR_NOT_FOUND, "", "there is no such list");
    return as_json ? array(cx, &tables[which], out) : page(cx, &tables[which], out);
}
