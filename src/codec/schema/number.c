/*
 * number.c - multipleOf, in decimals as they were written: 0.0075 is a multiple
 * of 0.0001, which binary fractions would deny (validation 6.2.1).
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/schema/schema_int.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

struct decimal {
    uint64_t digits; /* times ten to the power */
    int power;
};

/* The shortest decimal that reads as the double is what was written, up to 17 digits. */
static bool
decimal(const json *v, struct decimal *out)
{
    char room[JSON_ES_NUMBER];
    struct str s;
    double d;
    int64_t i;
    bool fraction = false;

    *out = (struct decimal){ 0 };
    if (json_i64(v, &i)) {
        out->digits = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
        return true;
    }
    if (!json_double(v, &d))
        return false;
    s = json_es_number(room, fabs(d));
    for (size_t k = 0; k < s.n; k++) {
        if (s.p[k] == 'e') {
            struct str exponent = str_sub(s, k + 1 + (s.p[k + 1] == '+'), s.n);

            if (!str_to_i64(exponent, &i))
                return false;
            out->power += (int)i;
            break;
        }
        if (s.p[k] == '.') {
            fraction = true;
            continue;
        }
        if (out->digits > (UINT64_MAX - 9) / 10) { /* zeros behind 17 digits */
            out->power += !fraction;
            continue;
        }
        out->digits = out->digits * 10 + (uint64_t)(s.p[k] - '0');
        out->power -= fraction;
    }
    return true;
}

bool
schema__multiple(const json *value, const json *of)
{
    struct decimal a, b;
    uint64_t rest;

    if (!decimal(value, &a) || !decimal(of, &b) || b.digits == 0)
        return false;
    if (a.digits == 0)
        return true;
    for (; b.digits % 10 == 0; b.power++)
        b.digits /= 10;
    for (; a.digits % 10 == 0; a.power++)
        a.digits /= 10;
    if (a.power < b.power) /* a has a decimal place that b's multiples have not */
        return false;
    rest = a.digits % b.digits;
    for (int i = a.power - b.power; i > 0 && rest != 0; i--)
        rest = (uint64_t)((wide)rest * 10 % b.digits);
    return rest == 0;
}
