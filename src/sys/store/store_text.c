/*
 * store_text.c - one set of statements, in the words of either engine.
 *
 * SQLite's STRICT tables know integer, not bigint; PostgreSQL says bytea for
 * blob, and orders text by the database's language unless told "C". Words in
 * quotes are left alone.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <string.h>

static const struct store_step steps[] = {
#define SCHEMA(room, step, text) { #room, step, text, text },
#define SQL(name, text)
#include "gen/sql.def"
#undef SQL
#undef SCHEMA
};

const struct store_step *
store__steps(size_t *n)
{
    *n = COUNT(steps);
    return steps;
}

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

/* The length of what stands in quotes at `p`, quotes included; 0 when nothing does. */
static size_t
quoted(const char *p)
{
    size_t i = 1;

    if (*p != '\'' && *p != '"')
        return 0;
    while (p[i] != '\0' && p[i] != *p)
        i++;
    return p[i] == '\0' ? i : i + 1;
}

int
store__params(const char *text)
{
    int most = 0;

    for (const char *p = text; *p != '\0';) {
        size_t skip = quoted(p);
        int v = 0;

        if (skip > 0 || *p != '$') {
            p += skip ? skip : 1;
            continue;
        }
        while (*++p >= '0' && *p <= '9')
            v = v * 10 + (*p - '0');
        if (v < 1 || v > most + 1)
            return -1; /* SQLite numbers them by first appearance, PostgreSQL by name */
        if (v > most)
            most = v;
    }
    return most;
}

struct out {
    char *p;
    size_t n, room;
};

static void
add(struct out *o, const char *p, size_t n)
{
    if (o->n + n < o->room) {
        memcpy(o->p + o->n, p, n);
        o->n += n;
    } else {
        o->room = 0; /* too long: remembered, store__ddl gives NULL */
    }
}

static void
word(struct out *o, const char *p, size_t n, bool sqlite)
{
    static const struct {
        const char *said, *sqlite, *pg;
    } words[] = {
        { "bigint", "integer", "bigint" },
        { "blob", "blob", "bytea" },
        { "text", "text", "text collate \"C\"" },
    };
    struct str w = { p, n };

    for (size_t i = 0; i < COUNT(words); i++)
        if (str_eq_case(w, str_of(words[i].said))) {
            const char *to = sqlite ? words[i].sqlite : words[i].pg;

            add(o, to, strlen(to));
            return;
        }
    add(o, p, n);
}

/* One statement, up to `end`. */
static void
statement(struct out *o, const char *p, const char *end, bool sqlite)
{
    static const struct str without = S_INIT("without rowid");
    struct str s;
    bool table, rowid = true;

    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\t'))
        end--;
    s = (struct str){ p, (size_t)(end - p) };
    table = str_eq_case(str_sub(s, 0, 12), S("create table"));
    if (table && s.n > without.n &&
        str_eq_case(str_sub(s, s.n - without.n, s.n), without)) {
        rowid = false;
        end -= without.n;
    }
    while (p < end) {
        size_t n = quoted(p);

        if (n == 0 && is_word(*p)) {
            while (p + n < end && is_word(p[n]))
                n++;
            word(o, p, n, sqlite);
        } else {
            n = n ? n : 1;
            add(o, p, n);
        }
        p += n;
    }
    if (table && sqlite)
        add(o, rowid ? " strict" : " without rowid, strict", rowid ? 7 : 22);
}

const char *
store__ddl(struct arena *a, const char *text, bool sqlite)
{
    char room[STORE_TEXT_MAX];
    struct out o = { room, 0, sizeof(room) };

    while (*text != '\0') {
        const char *end = text;

        while (*end != '\0' && *end != ';')
            end += quoted(end) ? quoted(end) : 1;
        statement(&o, text, end, sqlite);
        if (*end == ';') {
            add(&o, "; ", 2);
            end++;
        }
        text = end;
    }
    if (o.room == 0)
        return NULL;
    return arena_z(a, (struct str){ room, o.n });
}
