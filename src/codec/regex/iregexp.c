/*
 * iregexp.c - I-Regexp (RFC 9485 3) read, and written for PCRE2.
 * Recursion-free: groups are counted.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/regex/regex_int.h"

#include <string.h>

/* SingleCharEsc, the backslash taken: the character meant, or REGEX_END. */
static uint32_t
single(struct regex_reader *r)
{
    uint32_t c = regex__take(r);

    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: break;
    }
    if (c != 0 && c < 0x80 && strchr("()*+-.?[\\]^{|}", (int)c) != NULL)
        return c;
    regex__bad(r, "no such escape");
    return REGEX_END;
}

/* charClassEsc, behind "\p" or "\P". */
static void
category(struct regex_reader *r, char p)
{
    size_t from;
    struct str name;

    if (!regex__eat(r, '{')) {
        regex__bad(r, "a category is missing");
        return;
    }
    from = r->at;
    while (r->at < r->in.n && r->in.p[r->at] != '}')
        r->at++;
    name = str_sub(r->in, from, r->at);
    if (!regex__eat(r, '}') || !regex__category(name)) {
        regex__bad(r, "no such category");
        return;
    }
    buf_printf(&r->out, "\\%c{%.*s}", p, STR(name));
}

/* CCchar; `first` may be put as it is. */
static uint32_t
class_char(struct regex_reader *r)
{
    uint32_t c = regex__take(r);

    if (c == '\\')
        return single(r);
    if (c == REGEX_END || c == '[' || c == ']' || c == '-') {
        regex__bad(r, "not in a character class");
        return REGEX_END;
    }
    return c;
}

static void
class_member(struct regex_reader *r)
{
    uint32_t from, to;

    if (regex__eat_z(r, "\\p")) {
        category(r, 'p');
        return;
    }
    if (regex__eat_z(r, "\\P")) {
        category(r, 'P');
        return;
    }
    from = to = class_char(r);
    if (regex__peek(r) == '-' && r->at + 1 < r->in.n && r->in.p[r->at + 1] != ']') {
        regex__take(r);
        to = class_char(r);
    }
    if (r->e != ERR_OK)
        return;
    if (to < from) {
        regex__bad(r, "a range is out of order");
        return;
    }
    regex__put(r, from);
    if (to != from) {
        buf_c(&r->out, '-');
        regex__put(r, to);
    }
}

/* charClassExpr, behind "[". */
static void class(struct regex_reader *r)
{
    buf_z(&r->out, regex__eat(r, '^') ? "[^" : "[");
    if (regex__eat(r, '-'))
        regex__put(r, '-');
    else
        class_member(r);
    while (r->e == ERR_OK && !regex__eat(r, ']')) {
        if (regex__eat(r, '-')) {
            regex__put(r, '-');
            if (regex__peek(r) != ']')
                regex__bad(r, "a hyphen stands in the middle of a class");
        } else {
            class_member(r);
        }
    }
    buf_c(&r->out, ']');
}

static void
escape(struct regex_reader *r)
{
    uint32_t c;

    if (regex__eat(r, 'p'))
        category(r, 'p');
    else if (regex__eat(r, 'P'))
        category(r, 'P');
    else if ((c = single(r)) != REGEX_END)
        regex__put(r, c);
}

static void
quantifier(struct regex_reader *r)
{
    uint32_t c = regex__peek(r);

    if (c == '*' || c == '+' || c == '?')
        buf_c(&r->out, (char)regex__take(r));
    else if (c == '{' && !regex__braces(r))
        regex__bad(r, "no quantifier");
}

/* One piece, or a boundary of a group or branch. */
static void
piece(struct regex_reader *r, unsigned *depth)
{
    uint32_t c = regex__take(r);

    switch (c) {
    case '|': buf_c(&r->out, '|'); return;
    case '(':
        if (++*depth > REGEX_GROUPS_MAX)
            regex__bad(r, "groups are too deep");
        buf_z(&r->out, "(?:");
        return;
    case ')':
        if ((*depth)-- == 0) {
            *depth = 0;
            regex__bad(r, "a group ends that did not begin");
        }
        buf_c(&r->out, ')');
        break;
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']': regex__bad(r, "nothing to repeat, or a lone bracket"); return;
    case '.': buf_z(&r->out, "[^\\n\\r]"); break;
    case '[': class(r); break;
    case '\\': escape(r); break;
    case '^': buf_c(&r->out, '^'); return; /* RFC 9485 5.3: left as ECMAScript reads it */
    case '$': buf_c(&r->out, '$'); return;
    default: regex__put(r, c); break;
    }
    quantifier(r);
}

void
regex__read_i(struct regex_reader *r)
{
    unsigned depth = 0;

    while (r->e == ERR_OK && r->at < r->in.n)
        piece(r, &depth);
    if (depth != 0)
        regex__bad(r, "a group does not end");
}
