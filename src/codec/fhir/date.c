/*
 * date.c - dates of any precision: each is the time from its first to its last
 * instant (R4 datatypes, dateTime; search 3.1.1.4.7).
 *
 * A time without zone, and a date, are taken as UTC: what the asker's zone is,
 * a query does not say.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

#include "base/time.h"

enum { MINUTE = 60 * 1000 };

static bool
digits(struct str s, size_t at, size_t n, unsigned *out)
{
    uint64_t v;

    *out = 0;
    if (at + n > s.n || !str_to_u64(str_sub(s, at, at + n), &v))
        return false;
    *out = (unsigned)v;
    return true;
}

/* "Z", "+01:00", or nothing: minutes to take off. */
static bool
zone(struct str s, int64_t *minutes)
{
    unsigned h, m;

    *minutes = 0;
    if (s.n == 0 || str_is(s, "Z"))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        !digits(s, 1, 2, &h) || !digits(s, 4, 2, &m) || h > 14 || m > 59)
        return false;
    *minutes = (int64_t)(h * 60 + m) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

/* ".5" lasts 100 ms, ".123456" the millisecond that it lies in. */
static bool
fraction(struct str *s, int64_t *ms, int64_t *lasts)
{
    size_t n = 1;
    int64_t weight = 1000;

    for (*ms = 0; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        weight = weight > 1 ? weight / 10 : 0;
        *ms += (s->p[n] - '0') * weight;
    }
    *lasts = weight > 1 ? weight : 1;
    *s = str_sub(*s, n, s->n);
    return n > 1 && n < 20;
}

/* Behind the 'T'. `day` is its first millisecond. */
static bool
time_range(struct str s, int64_t day, struct fhir_range *out)
{
    unsigned hour, minute, second = 0;
    int64_t minutes, ms = 0, lasts = MINUTE;

    if (!digits(s, 0, 2, &hour) || s.n < 5 || s.p[2] != ':' || !digits(s, 3, 2, &minute))
        return false;
    s = str_sub(s, 5, s.n);
    if (s.n > 0 && s.p[0] == ':') {
        if (!digits(s, 1, 2, &second))
            return false;
        lasts = 1000;
        s = str_sub(s, 3, s.n);
        if (s.n > 0 && s.p[0] == '.' && !fraction(&s, &ms, &lasts))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 60 || !zone(s, &minutes))
        return false;
    out->from =
        day + ((int64_t)(hour * 60 + minute) - minutes) * MINUTE + second * 1000 + ms;
    out->to = out->from + lasts;
    return true;
}

static int64_t
first_ms(unsigned year, unsigned month, unsigned day)
{
    return time_days(year, month, day) * 24 * 60 * MINUTE;
}

bool
fhir_date_range(struct str s, struct fhir_range *out)
{
    unsigned year, month, day;

    *out = (struct fhir_range){ 0, 0 };
    if (!digits(s, 0, 4, &year) || year == 0)
        return false;
    if (s.n == 4) {
        *out = (struct fhir_range){ first_ms(year, 1, 1), first_ms(year + 1, 1, 1) };
        return true;
    }
    if (s.p[4] != '-' || !digits(s, 5, 2, &month) || month < 1 || month > 12)
        return false;
    if (s.n == 7) {
        *out = (struct fhir_range){ first_ms(year, month, 1),
                                    month == 12 ? first_ms(year + 1, 1, 1)
                                                : first_ms(year, month + 1, 1) };
        return true;
    }
    if (s.p[7] != '-' || !digits(s, 8, 2, &day) || day < 1 ||
        day > time_month_days(year, month))
        return false;
    out->from = first_ms(year, month, day);
    out->to = out->from + 24 * 60 * MINUTE;
    if (s.n == 10)
        return true;
    return s.p[10] == 'T' && time_range(str_sub(s, 11, s.n), out->from, out);
}
