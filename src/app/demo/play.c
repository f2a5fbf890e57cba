/* play.c - runs the table and tells how it went (play.h). EUPL-1.2. */
#include "app/demo/play.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sys/os/os.h"

enum { WIDTH = 70, LOG_TRIES = 100, LOG_WAIT_MS = 10 };

void
tell(struct play *p, const char *what, const char *format, ...)
{
    char room[512];
    va_list args;
    struct str line;

    va_start(args, format);
    vsnprintf(room, sizeof(room), format, args);
    va_end(args);
    line = arena_printf(p->cx->arena, "%-9s %s", what, room);
    if (p->lines < PLAY_LINES && line.p != NULL)
        p->line[p->lines++] = line;
}

/* --- asking ---------------------------------------------------------------------- */

err_t
want(struct play *p, const struct world_call *call, int status, struct world_reply *out)
{
    err_t e = world_want(p->w, call, status, out);

    p->ns += out->ns;
    return e;
}

err_t
post(struct play *p, const struct world_node *to, struct str path, int status,
     struct world_reply *out, const char *format, ...)
{
    struct world_call call = {
        .to = to, .door = WORLD_INTERNAL, .method = HTTP_POST, .path = path
    };
    char *room = arena_alloc(p->cx->arena, 1u << 16);
    va_list args;
    int n;

    *out = (struct world_reply){ 0 };
    if (room == NULL)
        return refuse_memory(p->cx);
    va_start(args, format);
    n = vsnprintf(room, 1u << 16, format, args);
    va_end(args);
    call.body = (struct str){ room, n > 0 ? (size_t)n : 0 };
    return want(p, &call, status, out);
}

struct str
part_of_path(struct ctx *cx, struct str s)
{
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    buf_percent(&b, s);
    return buf_done(cx, &b, &out) == ERR_OK ? out : S("");
}

/* --- refusals ----------------------------------------------------------------------- */

/* The reason that the node logged behind `from`: "CODE [clause]: reason". */
static struct str
logged_reason(struct play *p, const struct world_node *n, size_t from)
{
    for (int i = 0; i < LOG_TRIES; i++) {
        struct str log = process_log(p->cx, &n->node, from), line;
        size_t at = str_search(log, S(".log_refusal "));

        if (at < log.n) {
            line = str_sub(log, at, log.n);
            line = str_sub(line, 0, str_find(line, '\n'));
            str_cut(&line, ':'); /* the request's id, the operation */
            str_cut(&line, ':');
            return str_trim(line);
        }
        loop_turn(p->w->loop, LOG_WAIT_MS);
    }
    return S("");
}

err_t
refused(struct play *p, const struct world_call *call, int status, const char *why)
{
    size_t from = process_log(p->cx, &call->to->node, 0).n;
    struct world_reply reply;
    struct str reason;
    err_t e;

    if ((e = want(p, call, status, &reply)) != ERR_OK)
        return e;
    reason = logged_reason(p, call->to, from);
    tell(p, "refused", "%d: %.*s", status, STR(world_words(&reply)));
    tell(p, "because", "%.*s", STR(reason));
    if (str_search(reason, str_of(why)) < reason.n)
        return ERR_OK;
    return refuse(p->cx, ERR_UPSTREAM, "", "refused, but not because of '%s'", why);
}

/* --- telling ------------------------------------------------------------------------ */

static void
print_part(const char *part)
{
    printf("\n%s\n", part);
    for (size_t i = 0; i < strlen(part); i++)
        putchar('-');
    putchar('\n');
}

static void
print_step(const struct play *p, const struct step *s, unsigned number, err_t e)
{
    printf("%3u  %-*s %7.1f ms   %s\n", number, WIDTH, s->title, (double)p->ns / 1e6,
           e == ERR_OK ? "ok" : "FAILED");
    for (size_t i = 0; i < p->lines; i++)
        printf("       %.*s\n", STR(p->line[i]));
    if (s->mission != NULL)
        printf("       %-9s mission %s\n", "shows", s->mission);
    if (e != ERR_OK)
        printf("       %-9s %.*s [%s]\n", "FAILED", STR(p->cx->reason), err_row(e)->name);
    fflush(stdout);
}

bool
play_all(struct play *p)
{
    for (const struct step *s = play_steps; s->title != NULL; s++) {
        err_t e;

        if (s->part != NULL)
            print_part(s->part);
        p->cx->now_ms = os_now_ms();
        p->ns = 0;
        p->lines = 0;
        e = s->run(p);
        if (p->w->stop)
            break;
        print_step(p, s, (unsigned)(s - play_steps) + 1, e);
        if (e == ERR_OK)
            p->passed++;
        else
            p->failed++;
        refuse_clear(p->cx);
    }
    return !p->w->stop && p->failed == 0;
}
