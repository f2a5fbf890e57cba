/* str.c - text and bytes as values. EUPL-1.2. */
#include "base/str.h"

#include <string.h>

static int
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool
str_eq_case_n(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool
str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, s.n), suffix);
}

int
str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool
bytes_eq(struct bytes a, struct bytes b)
{
    return str_eq(str_of_bytes(a), str_of_bytes(b));
}

size_t
str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

size_t
str_search(struct str haystack, struct str needle)
{
    for (size_t i = 0; i + needle.n <= haystack.n; i++)
        if (str_eq(str_sub(haystack, i, i + needle.n), needle))
            return i;
    return haystack.n;
}

struct str
str_trim(struct str s)
{
    size_t from = 0, to = s.n;

    while (from < to && (s.p[from] == ' ' || s.p[from] == '\t'))
        from++;
    while (to > from && (s.p[to - 1] == ' ' || s.p[to - 1] == '\t'))
        to--;
    return str_sub(s, from, to);
}

struct str
str_cut(struct str *rest, char sep)
{
    size_t at = str_find(*rest, sep);
    struct str head = str_sub(*rest, 0, at);

    *rest = str_sub(*rest, at + 1, rest->n);
    return head;
}

bool
str_to_u64(struct str s, uint64_t *out)
{
    uint64_t value = 0;

    *out = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');

        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool
str_to_i64(struct str s, int64_t *out)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    uint64_t magnitude;

    *out = 0;
    if (!str_to_u64(str_sub(s, minus ? 1 : 0, s.n), &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX)
        return false;
    *out = minus ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

/* The length of the UTF-8 sequence at `p`, or 0 when it is not one. */
static size_t
utf8_len(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t lead_from, lead_to, second_from, second_to, size;
    } forms[] = {
        /* Unicode 15, table 3-7 */
        { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 },
        { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
        { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };

    if (p[0] < 0x80)
        return 1;
    for (size_t f = 0; f < COUNT(forms); f++) {
        if (p[0] < forms[f].lead_from || p[0] > forms[f].lead_to)
            continue;
        if (n < forms[f].size || p[1] < forms[f].second_from || p[1] > forms[f].second_to)
            return 0;
        for (size_t i = 2; i < forms[f].size; i++)
            if ((p[i] & 0xC0) != 0x80)
                return 0;
        return forms[f].size;
    }
    return 0;
}

bool
str_is_utf8(struct str s)
{
    struct bytes b = bytes_of(s);

    for (size_t i = 0, step; i < b.n; i += step) {
        uint64_t word = ~UINT64_C(0);

        if (b.n - i >= sizeof(word))
            memcpy(&word, b.p + i, sizeof(word));
        step = sizeof(word);
        if ((word & UINT64_C(0x8080808080808080)) != 0 && /* else all of it is ASCII */
            (step = utf8_len(b.p + i, b.n - i)) == 0)
            return false;
    }
    return true;
}

uint64_t
str_mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

uint64_t
str_hash(struct str s)
{
    uint64_t h = UINT64_C(0xD6E8FEB86659FD93) ^ s.n, word = 0;

    for (; s.n >= sizeof(word); s = str_sub(s, sizeof(word), s.n)) {
        memcpy(&word, s.p, sizeof(word));
        h = str_mix(h, word);
    }
    word = 0;
    memcpy(&word, s.p, s.n);
    return str_mix(h, word);
}
