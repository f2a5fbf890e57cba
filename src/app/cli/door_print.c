/* door_print.c - answers for people and for programs. EUPL-1.2. */
#include "app/cli/door.h"

#include <stdio.h>
#include <unistd.h>

#include "codec/json/json.h"

enum { PRINT_ARENA = 512 << 20, STEP = 4 };

static void
new_line(struct buf *b, size_t depth)
{
    buf_c(b, '\n');
    for (size_t i = 0; i < depth * STEP; i++)
        buf_c(b, ' ');
}

/* Behind '{' or '[': is it empty? */
static bool
closes(struct str text, size_t at)
{
    for (at++; at < text.n; at++)
        if (text.p[at] != ' ' && text.p[at] != '\n' && text.p[at] != '\t' &&
            text.p[at] != '\r')
            return text.p[at] == '}' || text.p[at] == ']';
    return false;
}

static void
put(struct buf *b, struct str text, size_t i, size_t *depth)
{
    char ch = text.p[i];

    if (ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r')
        return;
    if ((ch == '}' || ch == ']') && b->n > 0 && b->p[b->n - 1] != '{' &&
        b->p[b->n - 1] != '[')
        new_line(b, --*depth);
    buf_c(b, ch);
    if ((ch == '{' || ch == '[') && !closes(text, i))
        new_line(b, ++*depth);
    if (ch == ',')
        new_line(b, *depth);
    if (ch == ':')
        buf_c(b, ' ');
}

/* By its own characters, so that numbers stay as they were written. */
err_t
door_indent(struct ctx *cx, struct str text, struct str *out)
{
    struct buf b;
    size_t depth = 0;
    bool quoted = false;

    buf_init(&b, cx->arena);
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];

        if (quoted) {
            buf_c(&b, ch);
            if (ch == '\\' && i + 1 < text.n)
                buf_c(&b, text.p[++i]);
            else if (ch == '"')
                quoted = false;
            continue;
        }
        if (ch == '"') {
            quoted = true;
            buf_c(&b, ch);
        } else
            put(&b, text, i, &depth);
    }
    return buf_done(cx, &b, out);
}

void
door_print(struct str reply)
{
    bool people = isatty(STDOUT_FILENO) != 0, is_json;
    struct str shown = reply, pretty;
    struct arena arena;
    struct ctx cx;
    json *v;

    if (reply.n == 0)
        return;
    arena_init(&arena, PRINT_ARENA);
    ctx_init(&cx, &arena, 0);
    is_json = json_parse(&cx, reply, JSON_RAW_NUMBERS, &v) == ERR_OK;
    if (is_json && json_str(v, &pretty))
        shown = pretty; /* a credential: the next command takes it as it is */
    else if (is_json && people && door_indent(&cx, reply, &pretty) == ERR_OK)
        shown = pretty;
    cli_put(stdout, shown);
    if (shown.n > 0 && shown.p[shown.n - 1] != '\n')
        putchar('\n');
    arena_fini(&arena);
}
