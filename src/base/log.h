/*
 * log.h - one line about what happened, for the people who run the node.
 *
 * Rule      A line has time, level, room, function, request id and text. No
 *           person has a form in which to be logged: struct bsn and struct
 *           secret have no printing function, and a number that passes the
 *           eleven-test never reaches the sink (it is written as [number]).
 * Trust     Control characters in the text are escaped, so that a stranger
 *           cannot forge a line.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_LOG_H
#define KNOOP_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR = 1, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT = 1, LOG_JSON };

struct log_line {
    enum log_level level;
    const char *room; /* "sys/http" */
    const char *function;
    const char *request; /* id or "" */
    struct str text;     /* already free of numbers that may be persons */
};

/* Where lines go; handed in at start by sys/os. Thread-safe by contract. */
typedef void (*log_sink)(const struct log_line *line);
void log_open(log_sink sink, enum log_level least);
enum log_level log_level(void);

/*
 * Formats a line as text or as one JSON object, newline included. `room` must
 * hold LOG_MAX bytes; longer lines are cut, visibly.
 */
enum { LOG_MAX = 2048 };
size_t log_format_line(char room[LOG_MAX], enum log_format form, int64_t now_ms,
                       const struct log_line *line);

void log_write(const struct ctx *cx, enum log_level level, const char *file,
               const char *function, const char *format, ...) PRINTF(5, 6);

/* `cx` may be NULL where there is no request. */
#define log_at(cx, level, ...)                                                             \
    do {                                                                                   \
        if ((level) <= log_level())                                                        \
            log_write((cx), (level), __FILE__, __func__, __VA_ARGS__);                     \
    } while (0)
#define log_error(cx, ...) log_at(cx, LOG_ERROR, __VA_ARGS__)
#define log_warn(cx, ...)  log_at(cx, LOG_WARN, __VA_ARGS__)
#define log_info(cx, ...)  log_at(cx, LOG_INFO, __VA_ARGS__)
#define log_debug(cx, ...) log_at(cx, LOG_DEBUG, __VA_ARGS__)

#endif
