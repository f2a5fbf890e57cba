/*
 * equal.c - are two values the same? Numbers by value, members in any order.
 *
 * Trust     Both sides may be a stranger's: the work is n log n at worst.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

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

static bool same(const json *a, const json *b, uint64_t *left);

static bool
spend(uint64_t *left, uint64_t work)
{
    *left = work < *left ? *left - work : 0;
    return *left != 0;
}

static bool
same_array(const json *a, const json *b, uint64_t *left)
{
    struct json_iter ib = json_iter_start(b);

    for (json_each(ia, a))
        if (!json_iter_next(&ib) || !same(ia.value, ib.value, left))
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
same_few(const json *a, const json *b, uint64_t *left)
{
    for (json_each(it, a)) {
        const json *other = json_get_str(b, it.name);

        if (other == NULL || !same(it.value, other, left))
            return false;
    }
    return true;
}

static bool
same_object(const json *a, const json *b, uint64_t *left)
{
    size_t n = json_size(a);
    json **x, **y;
    bool all = true;

    if (n <= FEW)
        return same_few(a, b, left);
    x = sorted_names(a, n);
    y = sorted_names(b, n);
    if (x == NULL || y == NULL)
        all = same_few(a, b, left); /* slower, as right */
    else
        for (size_t i = 0; i < n && all; i++)
            all = by_name(&x[i], &y[i]) == 0 && same(x[i] + 1, y[i] + 1, left);
    free(x);
    free(y);
    return all;
}

static bool
same(const json *a, const json *b, uint64_t *left)
{
    enum json_type type = json_type(a);

    if (type != json_type(b) || json_size(a) != json_size(b) || !spend(left, 1))
        return false;
    switch (type) {
    case JSON_ABSENT:
    case JSON_NULL: return true;
    case JSON_BOOL:
        return unsafe_yyjson_get_tag(json__open(a)) == unsafe_yyjson_get_tag(json__open(b));
    case JSON_NUMBER: return same_number(a, b);
    case JSON_STRING:
        return json__text(a).n == json__text(b).n && spend(left, json__text(a).n / 64) &&
               str_eq(json__text(a), json__text(b));
    case JSON_ARRAY: return same_array(a, b, left);
    case JSON_OBJECT: return same_object(a, b, left);
    }
    return false;
}

bool
json_equal_within(const json *a, const json *b, uint64_t *budget)
{
    return same(a, b, budget) && *budget != 0;
}

bool
json_equal(const json *a, const json *b)
{
    uint64_t no_end = UINT64_MAX;

    return same(a, b, &no_end);
}

/* Numbers hash by their double, since 1 equals 1.0. */
static uint64_t
hash_number(const json *v)
{
    double d;
    uint64_t bits;

    if (!json_double(v, &d))
        return 0;
    d += 0.0; /* -0 is 0 */
    memcpy(&bits, &d, sizeof(bits));
    return str_mix(JSON_NUMBER, bits);
}

uint64_t
json_hash(const json *v)
{
    uint64_t h = (uint64_t)json_type(v) << 32 | json_size(v);

    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL: return str_mix(1, h);
    case JSON_BOOL: return str_mix(2, unsafe_yyjson_is_true(json__open(v)));
    case JSON_NUMBER: return hash_number(v);
    case JSON_STRING: return str_hash(json__text(v));
    case JSON_ARRAY:
        for (json_each(it, v))
            h = str_mix(h, json_hash(it.value));
        return h;
    case JSON_OBJECT:
        for (json_each(it, v))
            h += str_mix(str_hash(it.name), json_hash(it.value));
        return h;
    }
    return h;
}

/* A long double holds every double and every 64-bit integer, on what we run on. */
static bool
exact(const json *v, long double *out)
{
    json number;

    *out = 0;
    if (json_type(v) != JSON_NUMBER)
        return false;
    number = *v;
    if (unsafe_yyjson_is_raw(&number) &&
        yyjson_read_number(v->uni.str, &number, 0, NULL, NULL) == NULL)
        return false;
    if (unsafe_yyjson_is_real(&number))
        *out = number.uni.f64;
    else if (unsafe_yyjson_is_sint(&number))
        *out = (long double)number.uni.i64;
    else
        *out = (long double)number.uni.u64;
    return true;
}

_Static_assert(LDBL_MANT_DIG >= 64, "a long double must hold 64-bit integers");

int
json_number_cmp(const json *a, const json *b)
{
    long double x, y;

    if (!exact(a, &x) || !exact(b, &y))
        return 0;
    return x < y ? -1 : x > y;
}
