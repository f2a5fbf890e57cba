/* source_load.c - resources by the million, a line each. EUPL-1.2. */
#include "care/source/source_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_PER_TRANSACTION = 5000 };

static err_t
load_line(struct ctx *cx, struct source_db *db, struct str line)
{
    struct source_row row;
    json *v;
    err_t e = json_parse(cx, line, JSON_RAW_NUMBERS, &v);

    if (e != ERR_OK)
        return e;
    return source__put(cx, db, v, json_get_text(v, "id"), "PUT", &row);
}

static void
close_file(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}

static void
free_line(char **line)
{
    free(*line);
}

err_t
source_load(struct ctx *cx, struct source *s, const char *file, uint64_t *count)
{
    scoped(source__give) struct source_db *db = NULL;
    scoped(close_file) FILE *f = fopen(file, "r");
    scoped(free_line) char *line = NULL;
    struct arena per_line, *whole = cx->arena;
    size_t room = 0;
    uint64_t number = 0;
    ssize_t n;
    err_t e;

    *count = 0;
    if (f == NULL)
        return refuse(cx, ERR_NOT_FOUND, "", "%s: %s", file, strerror(errno));
    if ((e = source__take(cx, s, &db)) != ERR_OK || (e = source__begin(cx, db)) != ERR_OK)
        return e;
    arena_init(&per_line, 64u << 20);
    cx->arena = &per_line;
    while (e == ERR_OK && (n = getline(&line, &room, f)) > 0) {
        number++;
        arena_reset(&per_line);
        if (n == 1)
            continue;
        e = load_line(cx, db, (struct str){ line, (size_t)n - (line[n - 1] == '\n') });
        if (e == ERR_OK && ++*count % LINES_PER_TRANSACTION == 0 &&
            (e = source__commit(cx, db)) == ERR_OK)
            e = source__begin(cx, db);
    }
    if (e == ERR_OK)
        e = source__commit(cx, db);
    cx->arena = whole;
    arena_fini(&per_line);
    if (e != ERR_OK) {
        char why[160];

        snprintf(why, sizeof(why), "%.*s", STR(cx->reason));
        return refuse(cx, e, "", "%s, line %llu: %s", file, (unsigned long long)number,
                      why);
    }
    return ERR_OK;
}
