/* print.c - endpoints as Markdown and OpenAPI 3.1. EUPL-1.2. */
#include "app/cli/print.h"

#include <stdio.h>
#include <string.h>

static const char *const methods[] = {
    [HTTP_METHOD_NONE] = "?", [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS", [HTTP_ANY] = "any",
};
static const char *const doors[] = { "?", "public", "internal", "both" };
static const char *const callers[] = { "?", "anyone", "operator", "with proof" };

void
print_routes(const struct http_route *const *tables, size_t n)
{
    puts("# Endpoints\n\nPrinted by `knoop print routes`. The same as OpenAPI: `knoop "
         "print openapi`.\n");
    puts("| method | path | door | who | operation | what |\n|---|---|---|---|---|---|");
    for (size_t t = 0; t < n; t++)
        for (const struct http_route *r = tables[t]; r != NULL && r->op != NULL; r++)
            printf("| %s | `%s` | %s | %s | %s | %s |\n", methods[r->method], r->path,
                   doors[r->door], callers[r->auth], r->op, r->doc);
}

/* "{*rest}" is "{rest}" in OpenAPI. */
static struct str
openapi_path(struct ctx *cx, const char *path)
{
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    for (; *path != '\0'; path++)
        if (*path != '*')
            buf_c(&b, *path);
    return buf_done(cx, &b, &out) == ERR_OK ? out : S("");
}

static void
put_parameters(struct json_out *js, struct str path)
{
    if (str_find(path, '{') == path.n)
        return;
    json_key(js, "parameters");
    json_array(js);
    while (path.n > 0) {
        str_cut(&path, '{');
        if (path.n == 0)
            break;
        struct str name = str_cut(&path, '}');

        json_object(js);
        json_member(js, "name", name);
        json_member_z(js, "in", "path");
        json_member_bool(js, "required", true);
        json_key(js, "schema");
        json_object(js);
        json_member_z(js, "type", "string");
        json_end(js);
        json_end(js);
    }
    json_end(js);
}

static void
put_response(struct json_out *js, const char *status, struct str type, struct str text)
{
    json_key(js, status);
    json_object(js);
    json_member(js, "description", text.n > 0 ? text : S("See the operation."));
    if (type.n > 0) {
        json_key(js, "content");
        json_object(js);
        json_key_str(js, type);
        json_object(js);
        json_end(js);
        json_end(js);
    }
    json_end(js);
}

static void
put_responses(struct json_out *js, const struct http_route *r)
{
    static const char *const error_types[] = { "text/plain", "application/problem+json",
                                               "application/json", "application/fhir+json",
                                               "text/plain" };

    json_key(js, "responses");
    json_object(js);
    if (r->statuses == NULL)
        put_response(js, "2XX", S(""), S("Done."));
    for (size_t i = 0; r->statuses != NULL && r->statuses[i] != NULL; i++) {
        struct str rest = str_of(r->statuses[i]), status = str_cut(&rest, ' ');
        char z[8];
        bool typed = str_find(rest, '/') < str_find(rest, ' ');

        snprintf(z, sizeof(z), "%.*s", STR(status));
        struct str type = typed ? str_cut(&rest, ' ') : S("");
        put_response(js, z, type, rest);
    }
    put_response(js, "default", str_of(error_types[r->errors]),
                 S("Refused; the body says why."));
    json_end(js);
}

/* `more`: what makes the id of a second method unique. */
static void
put_operation(struct json_out *js, const struct http_route *r, const char *method,
              const char *more, struct str path)
{
    char id[96];

    snprintf(id, sizeof(id), "%s%s", r->op, more);
    json_key(js, method);
    json_object(js);
    json_member_z(js, "operationId", id);
    json_member_z(js, "summary", r->doc);
    json_member_z(js, "x-door", doors[r->door]);
    json_member_z(js, "x-caller", callers[r->auth]);
    if (r->audit != AUDIT_NOT_NEEDED)
        json_member_z(js, "x-audit", audit_event_row(r->audit)->name);
    put_parameters(js, path);
    if (r->body_max > 0) {
        json_key(js, "requestBody");
        json_object(js);
        json_member_i64(js, "x-most-bytes", (int64_t)r->body_max);
        json_key(js, "content");
        json_object(js);
        json_key(js, "*/*");
        json_object(js);
        json_end(js);
        json_end(js);
        json_end(js);
    }
    put_responses(js, r);
    json_end(js);
}

/* A row for any method decides itself; what it takes is GET and POST (FHIR R4 3.1.0). */
static void
put_operations(struct json_out *js, const struct http_route *r, struct str path)
{
    static const char *const lower[] = {
        [HTTP_GET] = "get",         [HTTP_HEAD] = "head",   [HTTP_POST] = "post",
        [HTTP_PUT] = "put",         [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete",
        [HTTP_OPTIONS] = "options",
    };

    if (r->method != HTTP_ANY) {
        put_operation(js, r, lower[r->method], "", path);
        return;
    }
    put_operation(js, r, "get", "", path);
    put_operation(js, r, "post", "ByPost", path);
}

struct flat {
    const struct http_route *route;
    struct str path;
    bool done;
};

err_t
print_openapi(struct ctx *cx, const struct http_route *const *tables, size_t n)
{
    struct json_out js;
    struct flat *all;
    struct str text;
    size_t count = 0, at = 0;
    err_t e;

    for (size_t t = 0; t < n; t++)
        for (const struct http_route *r = tables[t]; r != NULL && r->op != NULL; r++)
            count++;
    if ((all = arena_array(cx->arena, count + 1, sizeof(*all))) == NULL)
        return refuse_memory(cx);
    for (size_t t = 0; t < n; t++)
        for (const struct http_route *r = tables[t]; r != NULL && r->op != NULL; r++)
            all[at++] = (struct flat){ r, openapi_path(cx, r->path), false };
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "openapi", "3.1.0");
    json_key(&js, "info");
    json_object(&js);
    json_member_z(&js, "title", "Knoop");
    json_member_z(&js, "version", KNOOP_VERSION);
    json_key(&js, "license");
    json_object(&js);
    json_member_z(&js, "name", "EUPL-1.2");
    json_member_z(&js, "identifier", "EUPL-1.2");
    json_end(&js);
    json_end(&js);
    json_key(&js, "paths");
    json_object(&js);
    for (size_t i = 0; i < count; i++) {
        if (all[i].done)
            continue;
        json_key_str(&js, all[i].path);
        json_object(&js);
        for (size_t k = i; k < count; k++)
            if (!all[k].done && str_eq(all[k].path, all[i].path)) {
                put_operations(&js, all[k].route, all[k].path);
                all[k].done = true;
            }
        json_end(&js);
    }
    json_end(&js);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK)
        return e;
    printf("%.*s\n", STR(text));
    return ERR_OK;
}
