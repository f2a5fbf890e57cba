/*
 * time.h - dates as text and as milliseconds. Reads no clock: `now` comes in
 * by the front door (sys/os reads it).
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_TIME_H
#define KNOOP_BASE_TIME_H

#include "base/err.h"

/*
 * RFC 3339 5.6 date-time, with 'T' and 'Z' in capitals or not, any offset, up
 * to nine digits of a fraction (cut to milliseconds). A leap second is taken
 * as the second after. BAD_REQUEST otherwise.
 */
err_t time_parse(struct ctx *cx, struct str text, int64_t *ms) NODISCARD;

/* Days since 1970-01-01 of a civil date (proleptic Gregorian). */
int64_t time_days(int64_t year, unsigned month, unsigned day);
/* The days in a month; 0 for a month that is not 1 to 12. */
unsigned time_month_days(int64_t year, unsigned month);

enum { TIME_TEXT = 32 };

/* "2026-11-22T11:03:22Z": whole seconds, as signed documents want them. */
struct str time_text(char room[TIME_TEXT], int64_t ms);
/* "2026-11-22T11:03:22.123Z", for logs and audit. */
struct str time_text_ms(char room[TIME_TEXT], int64_t ms);

#endif
