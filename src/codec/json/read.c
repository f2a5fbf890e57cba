/*
 * read.c - reading values. A wrong type reads as absent.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <stdarg.h>
#include <string.h>

enum json_type
json_type(const json *v)
{
    static const enum json_type types[8] = {
        [YYJSON_TYPE_RAW] = JSON_NUMBER, [YYJSON_TYPE_NULL] = JSON_NULL,
        [YYJSON_TYPE_BOOL] = JSON_BOOL,  [YYJSON_TYPE_NUM] = JSON_NUMBER,
        [YYJSON_TYPE_STR] = JSON_STRING, [YYJSON_TYPE_ARR] = JSON_ARRAY,
        [YYJSON_TYPE_OBJ] = JSON_OBJECT,
    };

    return v == NULL ? JSON_ABSENT : types[unsafe_yyjson_get_type(json__open(v))];
}

/* By yyjson's own values: most of what the house asks of JSON is asked here. */
json *
json_get_str(const json *v, struct str name)
{
    json *at;

    if (json_type(v) != JSON_OBJECT)
        return NULL;
    at = unsafe_yyjson_get_first(json__open(v));
    for (size_t n = unsafe_yyjson_get_len(json__open(v)); n > 0; n--) {
        struct str s = json__text(at++);

        if (s.n == name.n && memcmp(s.p, name.p, s.n) == 0)
            return at;
        at = unsafe_yyjson_get_next(at);
    }
    return NULL;
}

void
json_members(const json *v, const struct str *names, size_t n, json **out)
{
    uint64_t lengths = 0; /* that are asked for */
    json *at;

    memset(out, 0, n * sizeof(*out));
    if (json_type(v) != JSON_OBJECT)
        return;
    for (size_t i = 0; i < n; i++)
        lengths |= UINT64_C(1) << (names[i].n % 64);
    at = unsafe_yyjson_get_first(json__open(v));
    for (size_t left = unsafe_yyjson_get_len(json__open(v)); left > 0; left--) {
        struct str s = json__text(at++);

        for (size_t i = 0; lengths >> (s.n % 64) & 1 && i < n; i++)
            if (str_eq(s, names[i])) {
                out[i] = at;
                break;
            }
        at = unsafe_yyjson_get_next(at);
    }
}

json *
json_path(const json *v, ...)
{
    va_list names;
    const char *name;

    va_start(names, v);
    while (v != NULL && (name = va_arg(names, const char *)) != NULL)
        v = json_get(v, name);
    va_end(names);
    return json__open(v);
}

size_t
json_size(const json *v)
{
    return v != NULL && unsafe_yyjson_is_ctn(json__open(v))
               ? unsafe_yyjson_get_len(json__open(v))
               : 0;
}

size_t
json_extent(const json *v)
{
    return v == NULL ? 0 : (size_t)(unsafe_yyjson_get_next(json__open(v)) - json__open(v));
}

size_t
json_index(const json *root, const json *v)
{
    return (size_t)(v - root);
}

const json *
json_after(const json *v)
{
    return v + 1;
}

const json *
json_behind(const json *v)
{
    return unsafe_yyjson_get_next(json__open(v));
}

json *
json_at(const json *array, size_t i)
{
    return yyjson_arr_get(json__open(array), i);
}

bool
json_str(const json *v, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (json_type(v) != JSON_STRING)
        return false;
    *out = json__text(v);
    return true;
}

/* A number kept as text, as yyjson would have read it. */
static json
cooked(const json *v)
{
    json number = *v;

    if (unsafe_yyjson_is_raw(json__open(v)) &&
        yyjson_read_number(v->uni.str, &number, 0, NULL, NULL) == NULL)
        number.tag = YYJSON_TYPE_NULL; /* beyond a double */
    return number;
}

bool
json_i64(const json *v, int64_t *out)
{
    json number;

    *out = 0;
    if (json_type(v) != JSON_NUMBER)
        return false;
    number = cooked(v);
    if (unsafe_yyjson_is_sint(&number))
        *out = number.uni.i64;
    else if (unsafe_yyjson_is_uint(&number) && number.uni.u64 <= INT64_MAX)
        *out = (int64_t)number.uni.u64;
    else
        return false;
    return true;
}

bool
json_double(const json *v, double *out)
{
    json number;

    *out = 0;
    if (json_type(v) != JSON_NUMBER)
        return false;
    number = cooked(v);
    if (!unsafe_yyjson_is_num(&number))
        return false;
    *out = unsafe_yyjson_get_num(&number);
    return true;
}

bool
json_bool(const json *v, bool *out)
{
    *out = json_type(v) == JSON_BOOL && unsafe_yyjson_is_true(json__open(v));
    return json_type(v) == JSON_BOOL;
}

bool
json_number_text(const json *v, struct ctx *cx, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (json_type(v) != JSON_NUMBER)
        return false;
    if (unsafe_yyjson_is_raw(json__open(v))) {
        *out = json__text(v);
        return true;
    }
    return json_text(cx, v, out) == ERR_OK;
}

struct json_iter
json_iter_start(const json *v)
{
    struct json_iter it = { .of = v, .left = json_size(v) };

    if (it.left != 0)
        it.next_ = unsafe_yyjson_get_first(json__open(v));
    return it;
}

bool
json_iter_next(struct json_iter *it)
{
    json *at = it->next_;

    if (it->left == 0)
        return false;
    if (it->value != NULL)
        it->index++;
    it->left--;
    if (unsafe_yyjson_is_obj(json__open(it->of)))
        it->name = json__text(at++);
    it->value = at;
    it->next_ = unsafe_yyjson_get_next(at);
    return true;
}

bool
json_has(const json *v, struct str text)
{
    struct str s;

    if (json_str(v, &s))
        return str_eq(s, text);
    if (json_type(v) == JSON_ARRAY)
        for (json_each(it, v))
            if (json_str(it.value, &s) && str_eq(s, text))
                return true;
    return false;
}
