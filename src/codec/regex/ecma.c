/*
 * ecma.c - ECMA-262 patterns read, and written for PCRE2.
 *
 * Rule      ECMA-262 22.2.1 with the u flag, and from its Annex B what JSON
 *           Schemas in the field use: lone braces and brackets, and a backslash
 *           before any punctuation. Quantified assertions are refused.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/regex/regex_int.h"

#include <string.h>

/* ECMA-262 22.2.2.9: WhiteSpace and LineTerminator; and all else. */
#define SPACES                                                                             \
    "\\x09-\\x0d\\x20\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{"     \
    "205f}"                                                                                \
    "\\x{3000}\\x{feff}"
#define NO_SPACES                                                                          \
    "\\x{0}-\\x08\\x0e-\\x1f\\x21-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{"   \
    "2027}"                                                                                \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"         \
    "\\x{ff00}-\\x{10ffff}"
#define ANY "\\x{0}-\\x{10ffff}"

#define NOT_A_CHARACTER 0xFFFFFFFEu

struct ecma {
    struct regex_reader *r;
    unsigned groups, seen;                  /* capturing groups: in all, opened so far */
    struct str names[REGEX_GROUPS_MAX + 1]; /* by number; empty without name */
    char open[REGEX_GROUPS_MAX + 1];        /* '(' group, '?' assertion */
    unsigned depth;
};

static bool
hex_digits(struct regex_reader *r, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = r->at + i < r->in.n ? r->in.p[r->at + i] : '\0';
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

        if (v < 0)
            return false;
        *out = *out << 4 | (uint32_t)v;
    }
    r->at += digits;
    return true;
}

/* RegExpUnicodeEscapeSequence, behind "\u". */
static uint32_t
unicode(struct regex_reader *r)
{
    uint32_t c, low;

    if (regex__eat(r, '{')) {
        size_t digits = str_find(str_sub(r->in, r->at, r->in.n), '}');

        if (digits < 1 || digits > 6 || !hex_digits(r, digits, &c) || !regex__eat(r, '}'))
            c = 0x110000;
    } else if (!hex_digits(r, 4, &c)) {
        c = 0x110000;
    } else if (c >= 0xD800 && c < 0xDC00 && regex__eat_z(r, "\\u") &&
               hex_digits(r, 4, &low) && low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        regex__bad(r, "\\u names no character");
        return 0;
    }
    return c;
}

/* CharacterEscape, the backslash taken; NOT_A_CHARACTER with nothing taken. */
static uint32_t
character_escape(struct regex_reader *r)
{
    static const char from[] = "tnvfr", to[] = "\t\n\v\f\r";
    size_t start = r->at;
    uint32_t c = regex__take(r), v;
    const char *known = c != 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

    if (known != NULL)
        return (uint32_t)to[known - from];
    if (c == 'x' && hex_digits(r, 2, &v))
        return v;
    if (c == 'u')
        return unicode(r);
    if (c == '0' && !(regex__peek(r) >= '0' && regex__peek(r) <= '9'))
        return 0;
    if (c == 'c') {
        v = regex__take(r) | 0x20;
        if (v >= 'a' && v <= 'z')
            return v & 0x1F;
        r->at = start;
        return NOT_A_CHARACTER;
    }
    if (c > 0x20 && c < 0x7F &&
        strchr("^$\\.*+?()[]{}|/-,:;=!<>@#%&~`'\"_ ", (int)c) != NULL)
        return c;
    r->at = start;
    return NOT_A_CHARACTER;
}

/* \p{…}, behind "\p" or "\P". */
static const char *
category_of(struct str name)
{
    static const char *const rows[][2] = {
        { "Letter", "L" },
        { "Lowercase_Letter", "Ll" },
        { "Modifier_Letter", "Lm" },
        { "Other_Letter", "Lo" },
        { "Titlecase_Letter", "Lt" },
        { "Uppercase_Letter", "Lu" },
        { "Mark", "M" },
        { "Combining_Mark", "M" },
        { "Spacing_Mark", "Mc" },
        { "Enclosing_Mark", "Me" },
        { "Nonspacing_Mark", "Mn" },
        { "Number", "N" },
        { "Decimal_Number", "Nd" },
        { "digit", "Nd" },
        { "Letter_Number", "Nl" },
        { "Other_Number", "No" },
        { "Punctuation", "P" },
        { "punct", "P" },
        { "Connector_Punctuation", "Pc" },
        { "Dash_Punctuation", "Pd" },
        { "Close_Punctuation", "Pe" },
        { "Final_Punctuation", "Pf" },
        { "Initial_Punctuation", "Pi" },
        { "Other_Punctuation", "Po" },
        { "Open_Punctuation", "Ps" },
        { "Separator", "Z" },
        { "Line_Separator", "Zl" },
        { "Paragraph_Separator", "Zp" },
        { "Space_Separator", "Zs" },
        { "Symbol", "S" },
        { "Currency_Symbol", "Sc" },
        { "Modifier_Symbol", "Sk" },
        { "Math_Symbol", "Sm" },
        { "Other_Symbol", "So" },
        { "Other", "C" },
        { "Control", "Cc" },
        { "cntrl", "Cc" },
        { "Format", "Cf" },
        { "Unassigned", "Cn" },
        { "Private_Use", "Co" },
        { "LC", "L&" },
        { "Cased_Letter", "L&" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is(name, rows[i][0]))
            return rows[i][1];
    return NULL;
}

static bool
binary_property(struct str name)
{
    static const char *const names[] = {
        "ASCII",
        "Alphabetic",
        "Alpha",
        "Any",
        "Assigned",
        "Bidi_Control",
        "Bidi_Mirrored",
        "Case_Ignorable",
        "Cased",
        "Dash",
        "Default_Ignorable_Code_Point",
        "Diacritic",
        "Emoji",
        "Emoji_Component",
        "Emoji_Modifier",
        "Emoji_Modifier_Base",
        "Emoji_Presentation",
        "Extended_Pictographic",
        "Extender",
        "Grapheme_Base",
        "Grapheme_Extend",
        "Hex_Digit",
        "ASCII_Hex_Digit",
        "ID_Continue",
        "ID_Start",
        "Ideographic",
        "Join_Control",
        "Logical_Order_Exception",
        "Lowercase",
        "Lower",
        "Math",
        "Noncharacter_Code_Point",
        "Pattern_Syntax",
        "Pattern_White_Space",
        "Quotation_Mark",
        "Radical",
        "Regional_Indicator",
        "Sentence_Terminal",
        "Soft_Dotted",
        "Terminal_Punctuation",
        "Unified_Ideograph",
        "Uppercase",
        "Upper",
        "Variation_Selector",
        "White_Space",
        "space",
        "XID_Continue",
        "XID_Start",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static bool
word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') && s.p[i] != '_')
            return false;
    return s.n != 0 && s.n < 40;
}

static void
property(struct regex_reader *r, char p, bool in_class)
{
    struct str rest = str_sub(r->in, r->at, r->in.n), text, name, value;
    bool category;

    if (!regex__eat(r, '{') || str_find(rest, '}') == rest.n) {
        regex__bad(r, "a property is missing");
        return;
    }
    text = str_sub(rest, 1, str_find(rest, '}'));
    r->at += text.n + 1;
    value = text;
    name = str_find(text, '=') < text.n ? str_cut(&value, '=') : S("");
    category = name.n == 0 || str_is(name, "gc") || str_is(name, "General_Category");
    if (category && regex__category(value))
        buf_printf(&r->out, "\\%c{%.*s}", p, STR(value));
    else if (category && category_of(value) != NULL)
        buf_printf(&r->out, "\\%c{%s}", p, category_of(value));
    else if ((str_is(name, "Script") || str_is(name, "sc")) && word(value))
        buf_printf(&r->out, "\\%c{sc:%.*s}", p, STR(value));
    else if ((str_is(name, "Script_Extensions") || str_is(name, "scx")) && word(value))
        buf_printf(&r->out, "\\%c{scx:%.*s}", p, STR(value));
    else if (name.n == 0 && str_is(value, "ASCII"))
        buf_printf(&r->out, in_class ? "%s" : "[%s]",
                   p == 'p' ? "\\x{0}-\\x7f" : "\\x{80}-\\x{10ffff}");
    else if (name.n == 0 && str_is(value, "Assigned"))
        buf_z(&r->out, p == 'p' ? "\\P{Cn}" : "\\p{Cn}");
    else if (name.n == 0 && binary_property(value))
        buf_printf(&r->out, "\\%c{%.*s}", p, STR(value));
    else
        regex__bad(r, "no such property");
}

/* CharacterClassEscape, the backslash taken: false, with nothing taken, for others. */
static bool
class_escape(struct regex_reader *r, bool in_class)
{
    uint32_t c = regex__peek(r);

    if (c == REGEX_END || c > 0x7F || strchr("dDwWsSpP", (int)c) == NULL || c == 0)
        return false;
    regex__take(r);
    if (c == 's')
        buf_z(&r->out, in_class ? SPACES : "[" SPACES "]");
    else if (c == 'S')
        buf_z(&r->out, in_class ? NO_SPACES : "[" NO_SPACES "]");
    else if (c == 'p' || c == 'P')
        property(r, (char)c, in_class);
    else
        buf_printf(&r->out, "\\%c", (char)c); /* ASCII, since PCRE2_UCP is not set */
    return true;
}

/* One ClassAtom: true when it is a single character, in *c; else it was put. */
static bool
class_atom(struct regex_reader *r, uint32_t *c)
{
    *c = regex__take(r);
    if (*c == REGEX_END) {
        regex__bad(r, "a character class does not end");
        return false;
    }
    if (*c != '\\')
        return true;
    if (class_escape(r, true))
        return false;
    if (regex__eat(r, 'b')) {
        *c = 8;
        return true;
    }
    *c = character_escape(r);
    if (*c == NOT_A_CHARACTER) {
        regex__bad(r, "no such escape in a class");
        return false;
    }
    return true;
}

static void
class_range(struct regex_reader *r)
{
    uint32_t from, to;
    bool single = class_atom(r, &from);
    bool hyphen = r->e == ERR_OK && regex__peek(r) == '-' && r->at + 1 < r->in.n &&
                  r->in.p[r->at + 1] != ']';

    if (r->e != ERR_OK)
        return;
    if (hyphen && !single) {
        regex__bad(r, "a range from a class"); /* 22.2.1.1, with the u flag */
        return;
    }
    if (!single)
        return;
    regex__put(r, from);
    if (!hyphen)
        return;
    regex__take(r);
    buf_c(&r->out, '-');
    if (!class_atom(r, &to) || to < from)
        regex__bad(r, "a range is out of order");
    else
        regex__put(r, to);
}

static void class(struct regex_reader *r)
{
    bool negated = regex__eat(r, '^');

    if (regex__eat(r, ']')) {
        buf_z(&r->out, negated ? "[" ANY "]" : "[^" ANY "]");
        return;
    }
    buf_z(&r->out, negated ? "[^" : "[");
    while (r->e == ERR_OK && !regex__eat(r, ']'))
        class_range(r);
    buf_c(&r->out, ']');
}

static struct str
group_name(struct regex_reader *r)
{
    struct str rest = str_sub(r->in, r->at, r->in.n), name = str_cut(&rest, '>');
    bool good =
        name.n != 0 && r->at + name.n < r->in.n && !(name.p[0] >= '0' && name.p[0] <= '9');

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        good &= c >= 0x80 || c == '_' || c == '$' || (c >= '0' && c <= '9') ||
                ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    }
    if (!good) {
        regex__bad(r, "no name of a group");
        return S("");
    }
    r->at += name.n + 1;
    return name;
}

/* Counts the capturing groups and notes their names, before the first is needed. */
static void
count_groups(struct ecma *e)
{
    struct regex_reader ahead = *e->r;
    bool in_class = false;

    while (ahead.at < ahead.in.n) {
        uint32_t c = regex__take(&ahead);

        if (c == '\\')
            regex__take(&ahead);
        else if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
        if (c != '(' || in_class)
            continue;
        if (regex__peek(&ahead) == '?' &&
            (!regex__eat_z(&ahead, "?<") || regex__peek(&ahead) == '=' ||
             regex__peek(&ahead) == '!'))
            continue;
        if (++e->groups > REGEX_GROUPS_MAX) {
            regex__bad(e->r, "too many groups");
            return;
        }
        if (ahead.in.p[ahead.at - 1] == '<')
            e->names[e->groups] = group_name(&ahead);
        for (unsigned i = 1; i < e->groups && e->names[e->groups].n != 0; i++)
            if (str_eq(e->names[i], e->names[e->groups]))
                regex__bad(e->r, "two groups of one name");
    }
}

static void
refer(struct ecma *e, unsigned group)
{
    if (group == 0 || group > e->groups) {
        regex__bad(e->r, "a reference to no group");
        return;
    }
    e->r->refers = true;
    buf_printf(&e->r->out, "\\g{%u}", group);
}

/* AtomEscape; true when what was read may be quantified. */
static bool
escape(struct ecma *e)
{
    struct regex_reader *r = e->r;
    uint32_t c = regex__peek(r);

    if (c == 'b' || c == 'B') {
        buf_printf(&r->out, "\\%c", (char)regex__take(r));
        return false;
    }
    if (class_escape(r, false))
        return true;
    if (c >= '1' && c <= '9') {
        unsigned group = 0;

        while (regex__peek(r) >= '0' && regex__peek(r) <= '9') {
            unsigned digit = regex__take(r) - '0';

            group = group > 1000 ? group : group * 10 + digit;
        }
        refer(e, group);
        return true;
    }
    if (regex__eat_z(r, "k<")) {
        struct str name = group_name(r);
        unsigned group = e->groups;

        while (group > 0 && !str_eq(e->names[group], name))
            group--;
        refer(e, name.n == 0 ? 0 : group);
        return true;
    }
    if ((c = character_escape(r)) == NOT_A_CHARACTER)
        regex__bad(r, "no such escape");
    else
        regex__put(r, c);
    return true;
}

static void
group_open(struct ecma *e)
{
    static const char *const plain[] = { "?:", "?=", "?!", "?<=", "?<!" };
    struct regex_reader *r = e->r;

    if (e->depth == REGEX_GROUPS_MAX) {
        regex__bad(r, "groups are too deep");
        return;
    }
    e->open[++e->depth] = '(';
    buf_c(&r->out, '(');
    for (size_t i = 0; i < COUNT(plain); i++)
        if (regex__eat_z(r, plain[i])) {
            buf_z(&r->out, plain[i]);
            e->open[e->depth] = i == 0 ? '(' : '?';
            return;
        }
    if (regex__eat_z(r, "?<"))
        (void)group_name(r); /* PCRE2 gets a number */
    else if (regex__peek(r) == '?')
        regex__bad(r, "no such group");
    e->seen++;
}

static void
quantifier(struct ecma *e, bool atom)
{
    struct regex_reader *r = e->r;
    uint32_t c = regex__peek(r);

    if (c == '*' || c == '+' || c == '?') {
        buf_c(&r->out, (char)regex__take(r));
    } else if (!regex__braces(r)) {
        return;
    }
    if (!atom)
        regex__bad(r, "an assertion is repeated");
    if (regex__eat(r, '?'))
        buf_c(&r->out, '?');
    c = regex__peek(r);
    if (c == '*' || c == '+' || c == '?')
        regex__bad(r, "a quantifier is repeated");
}

static void
term(struct ecma *e)
{
    struct regex_reader *r = e->r;
    bool atom = true;
    uint32_t c = regex__take(r);

    switch (c) {
    case '|': buf_c(&r->out, '|'); return;
    case '(': group_open(e); return;
    case ')':
        if (e->depth == 0) {
            regex__bad(r, "a group ends that did not begin");
            return;
        }
        atom = e->open[e->depth--] == '(';
        buf_c(&r->out, ')');
        break;
    case '*':
    case '+':
    case '?': regex__bad(r, "nothing to repeat"); return;
    case '^':
    case '$':
        buf_c(&r->out, (char)c);
        atom = false;
        break;
    case '.': buf_z(&r->out, "[^\\n\\r\\x{2028}\\x{2029}]"); break;
    case '[': class(r); break;
    case '\\': atom = escape(e); break;
    case '{':
        r->at--;
        if (regex__braces(r))
            regex__bad(r, "nothing to repeat");
        r->at++;
        regex__put(r, c);
        break;
    default: regex__put(r, c); break;
    }
    quantifier(e, atom);
}

void
regex__read_ecma(struct regex_reader *r)
{
    struct ecma e = { .r = r };

    count_groups(&e);
    while (r->e == ERR_OK && r->at < r->in.n)
        term(&e);
    if (e.depth != 0)
        regex__bad(r, "a group does not end");
}
