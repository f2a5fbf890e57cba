/*
 * vectors.c - the adapter that runs published vectors: build/knoop-vectors.
 *
 * One JSON object per line comes in, one line per request goes out, in order:
 *     {"id":"7","op":"bsn.check","value":"999990019"}
 *     {"id":"7","ok":true,"out":true}
 *     {"id":"8","ok":false,"err":"BAD_REQUEST","why":"…"}
 *
 * To add an operation
 *   1. Open vectors_<floor>.c of the floor that does the work, and write
 *          static err_t thing_do(struct rq *rq)
 *      that reads members with rq_… (vectors.h), calls the same function that
 *      the server calls, and puts one value in rq->out (rq_put_…, json_…).
 *   2. Add its row to the table at the end of that file: { "thing.do", thing_do }.
 * Nothing else changes. A refusal is the err_t of the function that refused:
 * its name becomes `err`, its reason `why`; a limit of any kind becomes LIMIT.
 * An op holds no second implementation, and fetches nothing: what a request
 * does not bring is not found.
 *
 * Trust     Lines are anyone's. What is no request is answered as a refusal;
 *           the tool ends at the end of its input, and only there.
 * Source    Knoop. EUPL-1.2.
 */
#include "vectors.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

enum { LINE_MAX_BYTES = JSON_SIZE_MAX };
static const size_t arena_ceiling = (size_t)1 << 30;

/* --- lines: a thread reads on while the other answers ---------------------- */

struct line {
    struct line *next;
    size_t n;
    bool too_long;
    char text[];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct line *first, **last;
    bool ended;
} queue = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, &queue.first,
            false };

static void
give(struct line *line)
{
    pthread_mutex_lock(&queue.lock);
    if (line == NULL)
        queue.ended = true;
    else {
        *queue.last = line;
        queue.last = &line->next;
    }
    pthread_cond_signal(&queue.more);
    pthread_mutex_unlock(&queue.lock);
}

static struct line *
take_line(void)
{
    struct line *line;

    pthread_mutex_lock(&queue.lock);
    while (queue.first == NULL && !queue.ended)
        pthread_cond_wait(&queue.more, &queue.lock);
    line = queue.first;
    if (line != NULL && (queue.first = line->next) == NULL)
        queue.last = &queue.first;
    pthread_mutex_unlock(&queue.lock);
    return line;
}

/* What is kept of a line that is too long is enough to find its id. */
static void
give_text(const char *text, size_t n, bool too_long)
{
    struct line *line = malloc(sizeof(*line) + n);

    if (line == NULL)
        abort();
    *line = (struct line){ .n = n, .too_long = too_long };
    if (n != 0)
        memcpy(line->text, text, n);
    give(line);
}

static void *
read_lines(void *unused)
{
    static char chunk[1 << 16];
    char *text = malloc(LINE_MAX_BYTES);
    size_t n = 0;
    bool too_long = false;
    ssize_t got;

    if (text == NULL)
        abort();
    while ((got = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
        for (char *at = chunk, *end = chunk + got; at < end;) {
            char *stop = memchr(at, '\n', (size_t)(end - at));
            size_t part = (size_t)((stop ? stop : end) - at);
            size_t fits = part < LINE_MAX_BYTES - n ? part : LINE_MAX_BYTES - n;

            memcpy(text + n, at, fits);
            n += fits;
            too_long |= fits < part;
            if (stop != NULL) {
                give_text(text, n, too_long);
                n = 0;
                too_long = false;
            }
            at += part + (stop != NULL);
        }
    }
    if (n != 0)
        give_text(text, n, too_long);
    free(text);
    give(NULL);
    return unused;
}

/* --- answers ---------------------------------------------------------------- */

/* The JSON string that `text` starts with, quotes included; or empty. */
static struct str
literal(struct str text)
{
    if (text.n == 0 || text.p[0] != '"')
        return S("");
    for (size_t i = 1; i < text.n; i++) {
        if (text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            return str_sub(text, 0, i + 1);
    }
    return S("");
}

static size_t
space(struct str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\r'))
        at++;
    return at;
}

/* The id of a line that is refused as JSON, so that its sender knows which. */
static struct str
id_of_bad_line(struct ctx *cx, struct str line)
{
    long depth = 0;

    for (size_t i = 0; i < line.n; i++) {
        struct str word = literal(str_sub(line, i, line.n)), id;
        json *v;
        size_t colon;

        depth += line.p[i] == '{' || line.p[i] == '[';
        depth -= line.p[i] == '}' || line.p[i] == ']';
        if (word.n == 0 && line.p[i] == '"')
            break; /* it does not end: nothing behind it is a name */
        if (word.n == 0)
            continue;
        i += word.n - 1;
        colon = space(line, i + 1);
        if (depth != 1 || !str_is(word, "\"id\"") || colon >= line.n ||
            line.p[colon] != ':')
            continue;
        id = literal(str_sub(line, space(line, colon + 1), line.n));
        if (id.n != 0 && json_parse(cx, id, JSON_STRICT, &v) == ERR_OK && json_str(v, &id))
            return id;
    }
    return S("");
}

static const struct op *
op_find(struct str name)
{
    static const struct op *const tables[] = { ops_base, ops_codec, ops_crypto,
                                               ops_sys,  ops_trust, ops_care };

    for (size_t i = 0; i < COUNT(tables); i++)
        for (const struct op *op = tables[i]; op->name != NULL; op++)
            if (str_is(name, op->name))
                return op;
    return NULL;
}

static err_t
read_now(struct rq *rq)
{
    struct timespec now;
    struct str text;
    bool present;
    err_t e = rq_str_opt(rq, "now", &present, &text);

    if (e != ERR_OK)
        return e;
    if (present)
        return time_parse(rq->cx, text, &rq->cx->now_ms);
    clock_gettime(CLOCK_REALTIME, &now);
    rq->cx->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return ERR_OK;
}

static err_t
run(struct rq *rq)
{
    const struct op *op;
    struct str name;
    err_t e = rq_str(rq, "op", &name);

    if (e != ERR_OK || (e = read_now(rq)) != ERR_OK)
        return e;
    if ((op = op_find(name)) == NULL) {
        rq->code = "UNKNOWN_OP";
        return refuse(rq->cx, ERR_UNSUPPORTED, "", "there is no such operation here");
    }
    return op->run(rq);
}

static const char *
code_name(const struct rq *rq, err_t e)
{
    if (rq->code != NULL)
        return rq->code;
    if (e == ERR_LIMIT || e == ERR_TOO_LARGE || e == ERR_NO_MEMORY || e == ERR_DEADLINE)
        return "LIMIT";
    return err_row(e)->name;
}

static void
print(struct arena *a, struct str id, const struct rq *rq, err_t e, struct str out)
{
    struct json_out js;
    struct ctx cx;
    struct str text;

    ctx_init(&cx, a, 0);
    json_out_init(&js, a);
    json_object(&js);
    json_member(&js, "id", id);
    json_member_bool(&js, "ok", e == ERR_OK);
    if (e == ERR_OK) {
        json_key(&js, "out");
        json_put_raw(&js, out);
    } else {
        json_member_z(&js, "err", code_name(rq, e));
        json_member(&js, "why", rq->cx->reason);
    }
    json_end(&js);
    if (json_out_done(&cx, &js, &text) != ERR_OK)
        text = S(
            "{\"id\":\"\",\"ok\":false,\"err\":\"LIMIT\",\"why\":\"no memory to answer\"}");
    fwrite(text.p, 1, text.n, stdout);
    fputc('\n', stdout);
    fflush(stdout);
}

static void
answer(struct arena *a, struct arena *answers, const struct line *line)
{
    struct str text = { line->text, line->n }, id = S(""), out = S("null");
    struct json_out js;
    struct ctx cx;
    struct rq rq = { &cx, NULL, &js, NULL };
    json *in;
    err_t e;

    ctx_init(&cx, a, 0);
    json_out_init(&js, a);
    e = line->too_long ? refuse(&cx, ERR_TOO_LARGE, "", "the line is longer than 16 MiB")
                       : json_parse(&cx, text, JSON_STRICT, &in);
    if (e != ERR_OK) {
        struct ctx tried;

        ctx_init(&tried, answers, 0);
        id = id_of_bad_line(&tried, text);
    } else {
        rq.in = in;
        e = rq_str(&rq, "id", &id);
    }
    if (e == ERR_OK && (e = run(&rq)) == ERR_OK)
        e = json_out_done(&cx, &js, &out);
    print(answers, id, &rq, e, out);
}

int
main(void)
{
    struct arena arena, answers;
    struct line *line;
    pthread_t reader;

    arena_init(&arena, arena_ceiling);
    arena_init(&answers, arena_ceiling);
    if (pthread_create(&reader, NULL, read_lines, NULL) != 0)
        return 1;
    while ((line = take_line()) != NULL) {
        answer(&arena, &answers, line);
        arena_reset(&arena);
        arena_reset(&answers);
        free(line);
    }
    pthread_join(reader, NULL);
    arena_fini(&arena);
    arena_fini(&answers);
    return 0;
}
