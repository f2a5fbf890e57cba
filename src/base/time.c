/* time.c - dates. EUPL-1.2. */
#include "base/time.h"

/* After Howard Hinnant's days_from_civil, which is in the public domain. */
int64_t
time_days(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t)doe - 719468;
}

unsigned
time_month_days(int64_t year, unsigned month)
{
    static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (month < 1 || month > 12)
        return 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool
digits(struct str s, size_t at, size_t n, unsigned *out)
{
    uint64_t v;

    if (at + n > s.n || !str_to_u64(str_sub(s, at, at + n), &v))
        return false;
    *out = (unsigned)v;
    return true;
}

static bool
zone(struct str s, int64_t *minutes)
{
    unsigned h, m;

    *minutes = 0;
    if (str_is(s, "Z") || str_is(s, "z"))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        !digits(s, 1, 2, &h) || !digits(s, 4, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = (int64_t)(h * 60 + m) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

static bool
parse(struct str s, int64_t *ms)
{
    unsigned year, month, day, hour, minute, second, milli = 0;
    size_t at = 19;
    int64_t offset;

    if (s.n < 20 || !digits(s, 0, 4, &year) || s.p[4] != '-' || !digits(s, 5, 2, &month) ||
        s.p[7] != '-' || !digits(s, 8, 2, &day) || (s.p[10] != 'T' && s.p[10] != 't') ||
        !digits(s, 11, 2, &hour) || s.p[13] != ':' || !digits(s, 14, 2, &minute) ||
        s.p[16] != ':' || !digits(s, 17, 2, &second))
        return false;
    if (day < 1 || day > time_month_days(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    if (s.p[at] == '.') {
        size_t n = 0;
        unsigned weight = 100;

        for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, n++) {
            milli += (unsigned)(s.p[at] - '0') * weight;
            weight /= 10;
        }
        if (n < 1 || n > 9)
            return false;
    }
    if (!zone(str_sub(s, at, s.n), &offset))
        return false;
    if (second == 60 && ((int64_t)(hour * 60 + minute) - offset + 2880) % 1440 != 1439)
        return false; /* leap seconds stand at 23:59:60 UTC alone */
    *ms = ((time_days(year, month, day) * 24 + hour) * 60 + minute - offset) * 60000 +
          (int64_t)second * 1000 + milli;
    return true;
}

err_t
time_parse(struct ctx *cx, struct str text, int64_t *ms)
{
    *ms = 0;
    if (!parse(text, ms))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 3339 5.6", "not a date-time");
    return ERR_OK;
}

/* `n` digits, and what stands behind them. */
static char *
put(char *at, unsigned v, int n, char behind)
{
    for (int i = n; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    at[n] = behind;
    return at + n + 1;
}

/* Without printf: each line of the audit log has one. */
static struct str
format(char room[TIME_TEXT], int64_t ms, bool milli)
{
    int64_t day = (ms >= 0 ? ms : ms - 86399999) / 86400000;
    int64_t in_day = ms - day * 86400000;
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = (int64_t)yoe + era * 400 + (month <= 2);
    unsigned s = (unsigned)(in_day / 1000);
    char *at = room;

    at = put(at, (unsigned)year % 10000, 4, '-');
    at = put(at, month, 2, '-');
    at = put(at, doy - (153 * mp + 2) / 5 + 1, 2, 'T');
    at = put(at, s / 3600, 2, ':');
    at = put(at, s / 60 % 60, 2, ':');
    at = put(at, s % 60, 2, milli ? '.' : 'Z');
    if (milli)
        at = put(at, (unsigned)(in_day % 1000), 3, 'Z');
    *at = '\0';
    return (struct str){ room, (size_t)(at - room) };
}

struct str
time_text(char room[TIME_TEXT], int64_t ms)
{
    return format(room, ms, false);
}

struct str
time_text_ms(char room[TIME_TEXT], int64_t ms)
{
    return format(room, ms, true);
}
