/*
 * equal.c - are two values the same? Numbers by value, members in any order.
 *
 * Trust     Both sides may be a stranger's: the work is n log n at worst.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <stdlib.h>

enum { FEW = 16 };

static bool
same_integer(double real, const json *integer)
{
    /* 2^63 and 2^64 are exact doubles; what is below them casts without loss */
    if (unsafe_yyjson_is_sint(json__open(integer)))
        return real >= -0x1p63 && real < 0x1p63 && (double)(int64_t)real == real &&
               (int64_t)real == integer->uni.i64;
    return real >= 0 && real < 0x1p64 && (double)(uint64_t)real == real &&
           (uint64_t)real == integer->uni.u64;
}

static bool
same_number(const json *a, const json *b)
{
    json x = *a, y = *b;

    if (unsafe_yyjson_is_raw(&x) && unsafe_yyjson_is_raw(&y) &&
        str_eq(json__text(a), json__text(b)))
        return true;
    if (unsafe_yyjson_is_raw(&x) && !yyjson_read_number(a->uni.str, &x, 0, NULL, NULL))
        return false;
    if (unsafe_yyjson_is_raw(&y) && !yyjson_read_number(b->uni.str, &y, 0, NULL, NULL))
        return false;
    if (unsafe_yyjson_is_real(&x) && unsafe_yyjson_is_real(&y))
        return !(x.uni.f64 < y.uni.f64) && !(x.uni.f64 > y.uni.f64);
    if (unsafe_yyjson_is_real(&x))
        return same_integer(x.uni.f64, &y);
    if (unsafe_yyjson_is_real(&y))
        return same_integer(y.uni.f64, &x);
    /* both integers: negative ones are signed, others unsigned */
    return x.uni.u64 == y.uni.u64 &&
           (x.uni.u64 == 0 || unsafe_yyjson_is_sint(&x) == unsafe_yyjson_is_sint(&y));
}

static bool
same_array(const json *a, const json *b)
{
    struct json_iter ib = json_iter_start(b);

    for (json_each(ia, a))
        if (!json_iter_next(&ib) || !json_equal(ia.value, ib.value))
            return false;
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return str_cmp(json__text(*(json *const *)a), json__text(*(json *const *)b));
}

/* The names of an object, sorted; NULL without memory. A name's value follows it. */
static json **
sorted_names(const json *v, size_t n)
{
    json **names = calloc(n, sizeof(*names));
    size_t i = 0;

    if (names == NULL)
        return NULL;
    for (json_each(it, v))
        names[i++] = it.value - 1;
    qsort(names, n, sizeof(*names), by_name);
    return names;
}

static bool
same_few(const json *a, const json *b)
{
    for (json_each(it, a)) {
        const json *other = json_get_str(b, it.name);

        if (other == NULL || !json_equal(it.value, other))
            return false;
    }
    return true;
}

static bool
same_object(const json *a, const json *b)
{
    size_t n = json_size(a);
    json **x, **y;
    bool same = true;

    if (n <= FEW)
        return same_few(a, b);
    x = sorted_names(a, n);
    y = sorted_names(b, n);
    if (x == NULL || y == NULL)
        same = same_few(a, b); /* slower, as right */
    else
        for (size_t i = 0; i < n && same; i++)
            same = by_name(&x[i], &y[i]) == 0 && json_equal(x[i] + 1, y[i] + 1);
    free(x);
    free(y);
    return same;
}

bool
json_equal(const json *a, const json *b)
{
    enum json_type type = json_type(a);

    if (type != json_type(b) || json_size(a) != json_size(b))
        return false;
    switch (type) {
    case JSON_ABSENT:
    case JSON_NULL: return true;
    case JSON_BOOL:
        return unsafe_yyjson_is_true(json__open(a)) == unsafe_yyjson_is_true(json__open(b));
    case JSON_NUMBER: return same_number(a, b);
    case JSON_STRING: return str_eq(json__text(a), json__text(b));
    case JSON_ARRAY: return same_array(a, b);
    case JSON_OBJECT: return same_object(a, b);
    }
    return false;
}
