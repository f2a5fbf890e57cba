/*
 * decimal.c - numbers with the precision that they were written in. Exact:
 * 5.4 means 5.35 up to 5.45, and binary fractions would blur the edges.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

__extension__ typedef __int128 wide;

enum { DIGITS_MAX = 17, POWER_MAX = 400 };

static bool
digit(struct str s, size_t at)
{
    return at < s.n && s.p[at] >= '0' && s.p[at] <= '9';
}

static bool
exponent(struct str s, int *power)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    uint64_t v;

    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_sub(s, 1, s.n);
    if (!str_to_u64(s, &v) || v > POWER_MAX)
        return false;
    *power += minus ? -(int)v : (int)v;
    return true;
}

bool
fhir_decimal_parse(struct str s, struct fhir_decimal *out)
{
    size_t at = s.n > 0 && s.p[0] == '-', n = 0;
    bool minus = at == 1;

    *out = (struct fhir_decimal){ 0, 0 };
    if (!digit(s, at))
        return false;
    for (bool point = false; at < s.n; at++) {
        if (s.p[at] == '.' && !point && digit(s, at + 1)) {
            point = true;
            continue;
        }
        if (!digit(s, at))
            break;
        if (out->digits != 0 || s.p[at] != '0')
            n++;
        if (n > DIGITS_MAX)
            return false;
        out->digits = out->digits * 10 + (s.p[at] - '0');
        out->power -= point;
    }
    if (minus)
        out->digits = -out->digits;
    if (out->power < -POWER_MAX)
        return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E'))
        return exponent(str_sub(s, at + 1, s.n), &out->power);
    return at == s.n;
}

static int
sign(wide v)
{
    return v < 0 ? -1 : v > 0;
}

int
fhir_decimal_cmp(struct fhir_decimal a, struct fhir_decimal b)
{
    wide x = a.digits, y = b.digits;

    if (x == 0 || y == 0 || sign(x) != sign(y))
        return sign(x) - sign(y) > 0 ? 1 : sign(x) - sign(y) < 0 ? -1 : 0;
    if (a.power - b.power > 19) /* at most 19 digits on the other side */
        return sign(x);
    if (b.power - a.power > 19)
        return -sign(y);
    for (int i = b.power; i < a.power; i++)
        x *= 10;
    for (int i = a.power; i < b.power; i++)
        y *= 10;
    return x < y ? -1 : x > y;
}
