/* data_test.c - made-up people are the same people every time. EUPL-1.2. */
#include "base/test.h"
#include "app/demo/data.h"

#include <stdio.h>
#include <string.h>

struct seen {
    uint64_t hash;
    size_t resources, patients;
    size_t of_org[DATA_ORGS];
    char last_type[32];
};

static err_t
count(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    struct seen *s = arg;
    json *v;
    err_t e = json_parse(cx, line, JSON_STRICT, &v);

    if (e != ERR_OK)
        return e;
    assert_true(json_is(json_get(v, "resourceType"), arena_z(cx->arena, type)));
    assert_true(json_get_text(v, "id").n > 0 && json_get_text(v, "id").n <= 64);
    s->resources++;
    s->patients += str_is(type, "Patient");
    s->of_org[org]++;
    for (size_t i = 0; i < line.n; i++)
        s->hash = (s->hash ^ (unsigned char)line.p[i]) * UINT64_C(1099511628211);
    return ERR_OK;
}

static struct seen
make(uint64_t seed, uint64_t from, uint64_t to)
{
    struct test_ctx t;
    struct seen s = { 0 };

    test_ctx_init(&t);
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(data_write_patient(&t.cx, seed, i, count, &s), ERR_OK);
    test_ctx_fini(&t);
    return s;
}

static void
same_every_time(void **state)
{
    struct seen a = make(1, 0, 50), b = make(1, 0, 50), c = make(2, 0, 50);

    (void)state;
    assert_true(a.hash == b.hash && a.resources == b.resources);
    assert_true(a.hash != c.hash);
    for (int org = 0; org < DATA_ORGS; org++)
        assert_true(a.of_org[org] > 0);
}

/* landscape 2.1: nine digits, eleven-test; test numbers begin with 999. */
static void
numbers_pass_and_differ(void **state)
{
    static bool taken[1000000];
    char room[10];

    (void)state;
    for (uint64_t i = 0; i < 90000; i++) {
        int sum = 0;

        assert_int_equal(data_bsn(i, room).n, 9);
        assert_memory_equal(room, "999", 3);
        for (int d = 0; d < 8; d++)
            sum += (room[d] - '0') * (9 - d);
        assert_int_equal((sum - (room[8] - '0')) % 11, 0);
        uint64_t tail;
        assert_true(str_to_u64(str_sub(str_of(room), 3, 9), &tail));
        assert_false(taken[tail]);
        taken[tail] = true;
    }
    assert_int_equal(data_bsn(90000, room).n, 0);
}

/* The number of a patient, and where else than in his identifier it stands. */
struct scan {
    char number[10];
    size_t patients, found;
};

/* Each text of a value, but the one place where a number belongs. */
static void
scan_value(struct scan *s, const json *v, bool is_patient, const char *path)
{
    struct str text;

    if (json_str(v, &text)) {
        bool there = str_search(text, str_of(s->number)) < text.n;
        bool home = is_patient && strcmp(path, "identifier.value") == 0;

        s->patients += there && home;
        s->found += there && !home;
        return;
    }
    for (json_each(it, v)) {
        char below[256];

        snprintf(below, sizeof(below), "%s%s%.*s", path, path[0] && it.name.n ? "." : "",
                 STR(it.name));
        scan_value(s, it.value, is_patient, below);
    }
}

static err_t
scan_line(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    json *v;
    err_t e = json_parse(cx, line, JSON_STRICT, &v);

    (void)org;
    if (e == ERR_OK)
        scan_value(arg, v, str_is(type, "Patient"), "");
    return e;
}

/* No URL, reference, id or text of the data set holds a number: Patient.identifier alone.
 */
static void
numbers_stand_in_identifiers_alone(void **state)
{
    struct test_ctx t;
    struct scan s = { .number = "" };

    (void)state;
    test_ctx_init(&t);
    for (uint64_t i = 0; i < 25; i++) {
        data_bsn(i, s.number);
        assert_int_equal(data_write_patient(&t.cx, 1, i, scan_line, &s), ERR_OK);
    }
    assert_int_equal(s.found, 0);
    assert_true(s.patients >= 75); /* at three organisations, or four */
    test_ctx_fini(&t);
}

static void
common_resources(void **state)
{
    struct test_ctx t;
    struct seen s = { 0 };

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(data_write_common(&t.cx, count, &s), ERR_OK);
    assert_true(s.resources > 4 * DATA_ORGS);
    test_ctx_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_every_time),
        cmocka_unit_test(numbers_pass_and_differ),
        cmocka_unit_test(numbers_stand_in_identifiers_alone),
        cmocka_unit_test(common_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
