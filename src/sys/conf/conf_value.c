/*
 * conf_value.c - from what was written to what is meant, within bounds.
 *
 * Trust     Nothing of a secret's value is quoted in a reason.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"

#include <string.h>

/* "knoop.yaml:3: http.port is 'x': must be a whole number" */
static err_t
bad(struct ctx *cx, const struct conf_row *row, struct str where, struct str text,
    const char *must)
{
    if (conf_is_secret(row) || conf__has_url_password(text))
        return refuse(cx, ERR_CONF, "", "%.*s: %s (a secret) %s", STR(where), row->key,
                      must);
    return refuse(cx, ERR_CONF, "", "%.*s: %s is '%.*s': %s", STR(where), row->key,
                  STR(str_sub(text, 0, 48)), must);
}

static bool
read_bool(struct str t, bool *out)
{
    *out = str_eq_case(t, S("true")) || str_is(t, "1");
    return *out || str_eq_case(t, S("false")) || str_is(t, "0");
}

/* 64k, 10m, 2g: powers of 1024; a bare number is bytes. */
static bool
read_size(struct str t, int64_t *out)
{
    static const char units[] = "kmg";
    const char *unit;
    uint64_t v;
    int shift = 0;

    if (t.n > 1 && (unit = strchr(units, t.p[t.n - 1] | 0x20)) != NULL && *unit != '\0') {
        shift = 10 * (int)(unit - units + 1);
        t.n--;
    }
    if (!str_to_u64(t, &v) || v > (uint64_t)INT64_MAX >> shift)
        return false;
    *out = (int64_t)(v << shift);
    return true;
}

static const struct {
    const char *name;
    int64_t micros;
} units[] = {
    { "us", 1 },
    { "\xC2\xB5s", 1 },
    { "ms", 1000 },
    { "s", 1000000 },
    { "m", 60000000 },
    { "h", INT64_C(3600000000) },
    { "d", INT64_C(86400000000) },
};

/* One "1.5h" from the front of `rest`, added to `*micros`. */
static bool
read_span(struct str *rest, int64_t *micros)
{
    int64_t whole = 0, part = 0, scale = 1, sum;
    size_t i = 0, digits, from;

    for (; i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9'; i++)
        if (i > 15 || (whole = whole * 10 + (rest->p[i] - '0')) < 0)
            return false;
    digits = i;
    if (i < rest->n && rest->p[i] == '.')
        for (i++; i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9'; i++, digits++)
            if (scale < 1000000) {
                part = part * 10 + (rest->p[i] - '0');
                scale *= 10;
            }
    for (from = i;
         i < rest->n && rest->p[i] != '.' && (rest->p[i] < '0' || rest->p[i] > '9');)
        i++;
    for (size_t u = 0; digits > 0 && u < COUNT(units); u++)
        if (str_is(str_sub(*rest, from, i), units[u].name)) {
            if (__builtin_mul_overflow(whole, units[u].micros, &sum) ||
                __builtin_add_overflow(sum, units[u].micros / scale * part, &sum) ||
                __builtin_add_overflow(*micros, sum, micros))
                return false;
            *rest = str_sub(*rest, i, rest->n);
            return true;
        }
    return false;
}

/* Go's durations (10m0s, 1.5h, 100ms), and d for days; a bare 0 too. */
static bool
read_duration(struct str t, int64_t *out)
{
    int64_t micros = 0;

    *out = 0;
    if (str_is(t, "0"))
        return true;
    if (t.n == 0)
        return false;
    while (t.n > 0)
        if (!read_span(&t, &micros))
            return false;
    *out = micros / 1000;
    return micros == 0 || *out > 0; /* less than a millisecond is not "none" */
}

static bool
read_number(enum conf_kind kind, struct str t, int64_t *out)
{
    if (kind == CONF_SIZE)
        return read_size(t, out);
    if (kind == CONF_DURATION)
        return read_duration(t, out);
    return str_to_i64(t, out);
}

static const char *
number_form(enum conf_kind kind)
{
    return kind == CONF_SIZE ? "must be a size in bytes, such as 65536, 64k or 10m"
           : kind == CONF_DURATION
               ? "must be a duration with its unit, such as 500ms, 5s or 10m"
               : "must be a whole number";
}

static err_t
number(struct ctx *cx, const struct conf_row *row, struct str text, struct str where,
       int64_t *out)
{
    struct str least = str_of(row->least), most = str_of(row->most);
    int64_t bound;

    if (!read_number(row->kind, text, out))
        return bad(cx, row, where, text, number_form(row->kind));
    if ((least.n > 0 && (!read_number(row->kind, least, &bound) || *out < bound)) ||
        (most.n > 0 && (!read_number(row->kind, most, &bound) || *out > bound)))
        return refuse(cx, ERR_CONF, "", "%.*s: %s is '%.*s': must be from %s up to %s",
                      STR(where), row->key, STR(str_sub(text, 0, 48)),
                      least.n ? row->least : "any", most.n ? row->most : "any");
    return ERR_OK;
}

/* Bounds of TEXT, PATH and LIST count bytes or items. */
static err_t
count_within(struct ctx *cx, const struct conf_row *row, struct str where, size_t n,
             size_t cap)
{
    uint64_t least = 0, most = cap;

    if (row->least[0] != '\0' && !str_to_u64(str_of(row->least), &least))
        return refuse(cx, ERR_CONF, "", "the row of %s has a bound that is no number",
                      row->key);
    if (row->most[0] != '\0' && !str_to_u64(str_of(row->most), &most))
        return refuse(cx, ERR_CONF, "", "the row of %s has a bound that is no number",
                      row->key);
    if (n < least || n > most)
        return refuse(cx, ERR_CONF, "", "%.*s: %s has %zu %s: must have %llu up to %llu",
                      STR(where), row->key, n, row->kind == CONF_LIST ? "items" : "bytes",
                      (unsigned long long)least, (unsigned long long)most);
    return ERR_OK;
}

/* Line ends and tabs may stand in a PEM; no other control character. */
static err_t
clean(struct ctx *cx, const struct conf_row *row, struct str where, struct str text)
{
    if (!str_is_utf8(text))
        return refuse(cx, ERR_CONF, "", "%.*s: %s is not UTF-8", STR(where), row->key);
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] < 0x20 && strchr("\n\r\t", text.p[i]) == NULL) ||
            text.p[i] == '\0' || text.p[i] == 0x7F)
            return refuse(cx, ERR_CONF, "", "%.*s: %s holds a control character",
                          STR(where), row->key);
    return ERR_OK;
}

static err_t
choice(struct ctx *cx, const struct conf_row *row, struct str text, struct str where,
       struct str *out)
{
    struct str rest = str_of(row->least);
    char must[160] = "must be one of ";

    while (rest.n > 0)
        if (str_eq(*out = str_cut(&rest, '|'), text)) {
            *out = text;
            return ERR_OK;
        }
    *out = (struct str){ NULL, 0 };
    strncat(must, row->least, sizeof(must) - strlen(must) - 1);
    return bad(cx, row, where, text, must);
}

static err_t
list(struct ctx *cx, struct arena *to, const struct conf_row *row,
     const struct conf_said *said, struct str where, struct conf_list *out)
{
    struct conf_said split = *said;
    err_t e;

    if (!said->list && (e = conf__split(cx, to, said->item[0], &split)) != ERR_OK)
        return e;
    for (size_t i = 0; i < split.n; i++) {
        if (split.item[i].n == 0 || split.item[i].n > CONF_TEXT_MAX)
            return refuse(cx, ERR_CONF, "", "%.*s: item %zu of %s is empty or too long",
                          STR(where), i + 1, row->key);
        if ((e = clean(cx, row, where, split.item[i])) != ERR_OK)
            return e;
    }
    *out = (struct conf_list){ split.item, split.n };
    return count_within(cx, row, where, split.n, CONF_ITEMS_MAX);
}

err_t
conf__read(struct ctx *cx, struct arena *to, const struct conf_row *row,
           const struct conf_said *said, struct str where, union conf_cell *out)
{
    struct str text;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (row->kind == CONF_LIST)
        return list(cx, to, row, said, where, &out->l);
    if (said->list || said->n != 1)
        return refuse(cx, ERR_CONF, "", "%.*s: %s takes one value, not a list", STR(where),
                      row->key);
    text = said->item[0];
    if ((e = clean(cx, row, where, text)) != ERR_OK)
        return e;
    switch (row->kind) {
    case CONF_BOOL:
        return read_bool(text, &out->b)
                   ? ERR_OK
                   : bad(cx, row, where, text, "must be true or false");
    case CONF_INT:
    case CONF_SIZE:
    case CONF_DURATION: return number(cx, row, text, where, &out->i);
    case CONF_CHOICE: return choice(cx, row, text, where, &out->s);
    case CONF_TEXT:
    case CONF_PATH:
        out->s = text;
        return count_within(cx, row, where, text.n, CONF_TEXT_MAX);
    case CONF_LIST: break;
    }
    return refuse(cx, ERR_CONF, "", "the row of %s has no type", row->key);
}

/* Adds the item that stands in `word` (trimmed), if it is not empty. */
static err_t
add_item(struct ctx *cx, struct arena *to, struct str word, struct str *items, size_t *n)
{
    if ((word = str_trim(word)).n == 0)
        return ERR_OK;
    if (*n == CONF_ITEMS_MAX)
        return refuse(cx, ERR_CONF, "", "a list has more than %d items", CONF_ITEMS_MAX);
    if ((items[*n] = arena_str(to, word)).p == NULL)
        return refuse_memory(cx);
    ++*n;
    return ERR_OK;
}

err_t
conf__split(struct ctx *cx, struct arena *to, struct str text, struct conf_said *out)
{
    size_t commas = 1, n = 0, w = 0;
    struct str *items;
    char *word;
    err_t e;

    *out = (struct conf_said){ NULL, 0, true };
    for (size_t i = 0; i < text.n; i++)
        commas += text.p[i] == ',';
    if (commas > CONF_ITEMS_MAX)
        return refuse(cx, ERR_CONF, "", "a list has more than %d items", CONF_ITEMS_MAX);
    items = arena_array(to, commas, sizeof(*items));
    word = arena_alloc(to, text.n + 1);
    if (items == NULL || word == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == ',') {
            word[w++] = ',';
            i++;
        } else if (i < text.n && text.p[i] != ',') {
            word[w++] = text.p[i];
        } else {
            if ((e = add_item(cx, to, (struct str){ word, w }, items, &n)) != ERR_OK)
                return e;
            w = 0;
        }
    }
    *out = (struct conf_said){ items, n, true };
    return ERR_OK;
}

/* Where the password of scheme://user:password@host stands. */
static bool
url_password(struct str t, size_t *from, size_t *to)
{
    size_t at = str_search(t, S("://")), slash, sign, colon;

    if (at == t.n)
        return false;
    at += 3;
    slash = at + str_find(str_sub(t, at, t.n), '/');
    for (sign = slash;
         sign > at && t.p[sign - 1] != '@';) /* the last @ ends the user part */
        sign--;
    if (sign == at) {
        /* A password with a bare slash would hide behind it: look in all. */
        for (sign = t.n; sign > at && t.p[sign - 1] != '@';)
            sign--;
        if (sign == at)
            return false;
    }
    colon = at + str_find(str_sub(t, at, sign), ':');
    if (colon >= sign - 1)
        return false;
    *from = colon + 1;
    *to = sign - 1;
    return *to > *from;
}

/* libpq and Go drivers take it as a parameter too. */
static bool
parameter_password(struct str t, size_t *from, size_t *to)
{
    static const char *const names[] = { "password=", "passwd=", "pwd=" };

    for (size_t i = 0; i < COUNT(names); i++) {
        size_t at = str_search(t, str_of(names[i]));

        if (at == t.n)
            continue;
        *from = *to = at + strlen(names[i]);
        while (*to < t.n && strchr("&; \t", t.p[*to]) == NULL)
            ++*to;
        return *to > *from;
    }
    return false;
}

bool
conf__has_url_password(struct str text)
{
    size_t from, to;

    return url_password(text, &from, &to) || parameter_password(text, &from, &to);
}

err_t
conf__mask(struct ctx *cx, struct str text, struct str *out)
{
    size_t from, to;

    *out = text;
    if (url_password(*out, &from, &to))
        *out = arena_printf(cx->arena, "%.*s***%.*s", STR(str_sub(*out, 0, from)),
                            STR(str_sub(*out, to, out->n)));
    if (out->p != NULL && parameter_password(*out, &from, &to))
        *out = arena_printf(cx->arena, "%.*s***%.*s", STR(str_sub(*out, 0, from)),
                            STR(str_sub(*out, to, out->n)));
    return out->p == NULL && text.p != NULL ? refuse_memory(cx) : ERR_OK;
}
