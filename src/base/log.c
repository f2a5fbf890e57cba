/* log.c - lines for those who run the node. EUPL-1.2. */
#include "base/log.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static log_sink sink;
static enum log_level least;

void
log_open(log_sink to, enum log_level from)
{
    sink = to;
    least = from;
}

enum log_level
log_level(void)
{
    return sink == NULL ? 0 : least;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The eleven-test on nine digits (landscape 2.1), for hiding, not checking. */
static bool
may_be_person(const char *p)
{
    int sum = -(p[8] - '0');

    for (int i = 0; i < 8; i++)
        sum += (p[i] - '0') * (9 - i);
    return sum % 11 == 0;
}

/* Takes out every run of nine digits that could be a citizen's number. */
static size_t
hide_numbers(char *text, size_t n)
{
    static const char mask[] = "[number]";
    size_t out = 0;

    for (size_t i = 0; i < n;) {
        size_t run = 0;

        while (i + run < n && is_digit(text[i + run]))
            run++;
        if (run == 9 && may_be_person(text + i)) {
            memcpy(text + out, mask, sizeof(mask) - 1);
            out += sizeof(mask) - 1;
            i += run;
        } else {
            size_t step = run ? run : 1;

            memmove(text + out, text + i, step);
            out += step;
            i += step;
        }
    }
    return out;
}

void
log_write(const struct ctx *cx, enum log_level level, const char *file,
          const char *function, const char *format, ...)
{
    char text[LOG_MAX / 2], room[64];
    const char *src = strstr(file, "src/"), *slash;
    va_list args;
    int n;

    if (sink == NULL)
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof(text))
        n = sizeof(text) - 1;
    file = src != NULL ? src + 4 : file;
    slash = strrchr(file, '/');
    snprintf(room, sizeof(room), "%.*s", (int)(slash ? slash - file : (long)strlen(file)),
             file);
    sink(&(struct log_line){
        level, room, function, cx ? cx->id : "", { text, hide_numbers(text, (size_t)n) } });
}

/* Appends with JSON escapes, which serve as well for text. */
static size_t
put_escaped(char *room, size_t at, struct str s, bool quotes)
{
    for (size_t i = 0; i < s.n && at < LOG_MAX - 16; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7F)
            at += (size_t)snprintf(room + at, 8, "\\u%04x", c);
        else if (quotes && (c == '"' || c == '\\'))
            at += (size_t)snprintf(room + at, 4, "\\%c", c);
        else
            room[at++] = (char)c;
    }
    return at;
}

static size_t
put(char *room, size_t at, const char *before, struct str s, bool quotes)
{
    size_t n = strlen(before);

    if (at + n >= LOG_MAX - 16)
        return at;
    memcpy(room + at, before, n);
    return put_escaped(room, at + n, s, quotes);
}

size_t
log_format_line(char room[LOG_MAX], enum log_format form, int64_t now_ms,
                const struct log_line *line)
{
    static const char *const names[] = { "", "error", "warn", "info", "debug" };
    char when[TIME_TEXT];
    bool json = form == LOG_JSON;
    size_t at = 0;

    at = put(room, at, json ? "{\"time\":\"" : "", time_text_ms(when, now_ms), json);
    at = put(room, at, json ? "\",\"level\":\"" : " ", str_of(names[line->level]), json);
    at = put(room, at, json ? "\",\"room\":\"" : " ", str_of(line->room), json);
    at = put(room, at, json ? "\",\"function\":\"" : ".", str_of(line->function), json);
    if (line->request[0] != '\0')
        at = put(room, at, json ? "\",\"request\":\"" : " ", str_of(line->request), json);
    at = put(room, at, json ? "\",\"msg\":\"" : ": ", line->text, json);
    at = put(room, at, json ? "\"}\n" : "\n", S(""), json);
    return at;
}
