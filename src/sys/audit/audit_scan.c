/*
 * audit_scan.c - every line of a log, in order, from the segment that holds a
 * number on. EUPL-1.2.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys/audit/log_int.h"
#include "sys/os/os.h"

enum { DEADLINE_EVERY = 1024 };

static err_t
enter(struct ctx *cx, struct scan *s, unsigned segment)
{
    char name[SEGMENT_NAME];
    struct bad bad;
    err_t e;

    audit__reader_close(&s->reader);
    s->segment = segment;
    e = audit__segment_ending(cx, s->folder, segment, s->last, &s->ending, &bad);
    if (e != ERR_OK)
        return e;
    audit__segment_name(segment, name);
    return audit__reader_open(cx, s->folder, name, 0, s->ending.limit, &s->reader);
}

void
audit__scan_close(struct scan *s)
{
    audit__reader_close(&s->reader);
    if (s->folder >= 0)
        close(s->folder);
    s->folder = -1;
}

err_t
audit__scan_open(struct ctx *cx, const char *folder, uint64_t seq, struct scan *s)
{
    unsigned missing, from = 1;
    err_t e;

    *s = (struct scan){ .reader = { .fd = -1 } };
    s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder < 0)
        return refuse(cx, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "",
                      "the folder of the audit log cannot be opened: %s", strerror(errno));
    if ((e = audit__segments(cx, s->folder, &s->last, &missing)) != ERR_OK)
        return e;
    if (s->last == 0)
        return refuse(cx, ERR_NOT_FOUND, "", "there is no audit log in this folder");
    for (unsigned n = s->last; n > 1; n--) {
        struct line line;
        bool whole;

        if ((e = audit__segment_first(cx, s->folder, n, &whole, &line)) != ERR_OK)
            return e;
        if (whole && line.seq <= seq) {
            from = n;
            break;
        }
    }
    return enter(cx, s, from);
}

/* Who asks may have waited long enough: a log is long. */
static err_t
in_time(struct ctx *cx, struct scan *s)
{
    if (++s->lines % DEADLINE_EVERY != 0 || cx->deadline_ms == 0 ||
        os_tick_ms() < cx->deadline_ms)
        return ERR_OK;
    return refuse(cx, ERR_DEADLINE, "", "the log is longer than there is time for");
}

err_t
audit__scan_next(struct ctx *cx, struct scan *s, struct str *text)
{
    *text = (struct str){ NULL, 0 };
    for (;;) {
        enum read_what what;
        err_t e;

        if ((e = audit__reader_next(cx, &s->reader, &what, text)) != ERR_OK ||
            what == READ_LINE)
            return e != ERR_OK ? e : in_time(cx, s);
        *text = (struct str){ NULL, 0 };
        if (s->ending.next == 0)
            return ERR_OK;
        if ((e = enter(cx, s, s->ending.next)) != ERR_OK)
            return e;
    }
}
