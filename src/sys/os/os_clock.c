/* os_clock.c - the clocks, and the log's way out. EUPL-1.2. */
#include "sys/os/os.h"

#include <time.h>
#include <unistd.h>

int64_t
os_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
os_tick_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
os_tick_ms(void)
{
    return os_tick_ns() / 1000000;
}

static enum log_format form;

/* A line that cannot be written is lost: there is nowhere to say so. */
static void
to_stderr(const struct log_line *line)
{
    char room[LOG_MAX];
    size_t n = log_format_line(room, form, os_now_ms(), line);

    if (write(STDERR_FILENO, room, n) < 0)
        return;
}

void
os_log_open(enum log_format as, enum log_level least)
{
    form = as;
    log_open(to_stderr, least);
}

int64_t
os_uptime_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
