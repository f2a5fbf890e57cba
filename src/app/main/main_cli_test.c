/* main_cli_test.c - what commands ask for is what the doors offer. EUPL-1.2. */
#include "base/test.h"

#include <string.h>

#include "app/cli/door.h"
#include "app/main/main_rooms.h"
#include "sys/http/http.h"

static const struct door_call rows[] = {
#define DOOR(command, args, least, most, options, method, path, form, body, yes, help)     \
    { command, method, path, DOOR_FORM_##form, body, yes },
#include "app/cli/door.def"
#undef DOOR
};

/* The path as it would be sent, with x for each value; `with` the parts in [[ ]] too. */
static void
shape(const char *template, bool with, char *out, size_t room)
{
    size_t n = 0;
    int part = 0;

    for (const char *p = template; *p != '\0' && *p != '?' && n + 1 < room; p++) {
        if (strncmp(p, "[[", 2) == 0 || strncmp(p, "]]", 2) == 0) {
            part += *p == '[' ? 1 : -1;
            p++;
        } else if (part > 0 && (!with || *p == '&'))
            while (strncmp(p + 1, "]]", 2) != 0)
                p++;
        else if (*p == '<') {
            bool value = !(part > 0 && with); /* a switch stands for nothing */

            p = strchr(p, '>');
            if (value)
                out[n++] = 'x';
        } else
            out[n++] = *p;
    }
    out[n] = '\0';
}

static bool
fits(const struct http_route *r, const char *method, struct str path)
{
    struct str route = str_of(r->path);

    if (r->door == HTTP_DOOR_PUBLIC || strcmp(http_method_name(r->method), method))
        return false;
    while (route.n > 0 && path.n > 0) {
        struct str a = str_cut(&route, '/'), b = str_cut(&path, '/');

        if (!str_eq(a, b) && !(a.n > 0 && a.p[0] == '{' && b.n > 0))
            return false;
    }
    return route.n == 0 && path.n == 0;
}

static bool
is_offered(const char *method, const char *path)
{
    size_t n;
    const struct http_route *const *tables = main_routes(&n);

    for (size_t i = 0; i < n; i++)
        for (const struct http_route *r = tables[i]; r->op != NULL; r++)
            if (fits(r, method, str_of(path)))
                return true;
    return false;
}

static void
every_command_asks_for_what_is_there(void **state)
{
    char path[256];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int with = 0; with < 2; with++) {
            shape(rows[i].path, with, path, sizeof(path));
            if (!is_offered(rows[i].method, path))
                fail_msg("knoop %s: there is no %s %s", rows[i].command, rows[i].method,
                         path);
        }
    assert_false(is_offered("GET", "/internal/nothing"));
    assert_false(is_offered("PATCH", "/internal/vdr/v2/subject"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_asks_for_what_is_there),
    };

    return cmocka_run_group_tests_name("main_cli", tests, NULL, NULL);
}
