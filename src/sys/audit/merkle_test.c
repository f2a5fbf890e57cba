/*
 * merkle_test.c - the tree against Certificate Transparency's published roots
 * (google/certificate-transparency, merkle_tree tests: eight leaves), then
 * every proof of every size, and every proof spoiled. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/audit/merkle.h"

#include <string.h>

static const struct {
    const char *leaf;
    size_t n;
    const char *root; /* of the tree that ends here */
} published[] = {
    { "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
    { "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
    { "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
    { "\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
    { "\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
    { "\x40\x41\x42\x43", 4,
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
    { "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
    { "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};

static void
roots_are_the_published_ones(void **state)
{
    struct test_ctx t;
    struct merkle m = { 0 };
    struct merkle_hash h, want;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(merkle_root(&t.cx, &m, &h), ERR_OK);
    assert_true(merkle_unhex(
        S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), &want));
    assert_true(merkle_eq(&h, &want));
    for (size_t i = 0; i < COUNT(published); i++) {
        struct str leaf = { published[i].leaf, published[i].n };

        assert_int_equal(merkle_leaf(&t.cx, leaf, &h), ERR_OK);
        assert_int_equal(merkle_add(&t.cx, &m, &h), ERR_OK);
        assert_int_equal(merkle_root(&t.cx, &m, &h), ERR_OK);
        assert_true(merkle_unhex(str_of(published[i].root), &want));
        assert_true(merkle_eq(&h, &want));
    }
    test_ctx_fini(&t);
}

enum { MOST = 40 };
static struct merkle_hash leaves[MOST], roots[MOST + 1];

static void
grow(struct ctx *cx)
{
    struct merkle m = { 0 };

    for (uint8_t i = 0; i < MOST; i++) {
        assert_int_equal(merkle_leaf(cx, (struct str){ (const char *)&i, 1 }, &leaves[i]),
                         ERR_OK);
        assert_int_equal(merkle_add(cx, &m, &leaves[i]), ERR_OK);
        assert_int_equal(merkle_root(cx, &m, &roots[i + 1]), ERR_OK);
    }
}

/* The leaves from the first on; `given` says how many were taken. */
static uint64_t given;

static err_t
next_leaf(struct ctx *cx, void *state, struct merkle_hash *out)
{
    (void)cx;
    (void)state;
    assert_true(given < MOST);
    *out = leaves[given++];
    return ERR_OK;
}

static const struct merkle_leaves *
from_first(void)
{
    static const struct merkle_leaves all = { next_leaf, NULL };

    given = 0;
    return &all;
}

static void
every_leaf_is_proved_and_nothing_else(void **state)
{
    struct test_ctx t;
    struct merkle_path p;

    (void)state;
    test_ctx_init(&t);
    grow(&t.cx);
    for (uint64_t size = 1; size <= MOST; size++)
        for (uint64_t i = 0; i < size; i++) {
            assert_int_equal(merkle_inclusion(&t.cx, from_first(), size, i, &p), ERR_OK);
            assert_int_equal(given, size);
#define PROVES(index, leaf, n, root)                                                       \
    (merkle_inclusion_verify(&t.cx, &p, leaf, index, n, root) == ERR_OK)
            assert_true(PROVES(i, &leaves[i], size, &roots[size]));
            assert_false(PROVES(i, &leaves[(i + 1) % MOST], size, &roots[size]));
            assert_false(PROVES(size, &leaves[i], size, &roots[size]));
            if (size > 1)
                assert_false(PROVES(i, &leaves[i], size, &roots[size - 1]));
            for (size_t k = 0; k < p.n; k++) {
                p.hash[k].b[k % MERKLE_HASH] ^= 1;
                assert_false(PROVES(i, &leaves[i], size, &roots[size]));
                p.hash[k].b[k % MERKLE_HASH] ^= 1;
            }
            p.n++; /* too long */
            assert_false(PROVES(i, &leaves[i], size, &roots[size]));
            p.n -= 2; /* too short */
            if (p.n < MERKLE_PATH_MAX)
                assert_false(PROVES(i, &leaves[i], size, &roots[size]));
        }
    assert_int_equal(merkle_inclusion(&t.cx, from_first(), 3, 3, &p), ERR_NOT_FOUND);
    test_ctx_fini(&t);
}

static void
every_older_tree_is_proved_and_no_other(void **state)
{
    struct test_ctx t;
    struct merkle_path p;

    (void)state;
    test_ctx_init(&t);
    grow(&t.cx);
    for (uint64_t size = 1; size <= MOST; size++)
        for (uint64_t old = 1; old <= size; old++) {
            assert_int_equal(merkle_consistency(&t.cx, from_first(), size, old, &p),
                             ERR_OK);
            assert_int_equal(given, size);
#define GREW(a, ra, b, rb) (merkle_consistency_verify(&t.cx, &p, a, ra, b, rb) == ERR_OK)
            assert_true(GREW(old, &roots[old], size, &roots[size]));
            assert_false(GREW(old, &roots[old == 1 ? 2 : old - 1], size, &roots[size]));
            assert_false(GREW(old, &roots[old], size, &roots[size == 1 ? 2 : size - 1]));
            assert_false(GREW(size + 1, &roots[old], size, &roots[size]));
            assert_false(GREW(0, &roots[old], size, &roots[size]));
            for (size_t k = 0; k < p.n; k++) {
                p.hash[k].b[k % MERKLE_HASH] ^= 1;
                assert_false(GREW(old, &roots[old], size, &roots[size]));
                p.hash[k].b[k % MERKLE_HASH] ^= 1;
            }
            p.n++;
            assert_false(GREW(old, &roots[old], size, &roots[size]));
        }
    assert_int_equal(merkle_consistency(&t.cx, from_first(), 3, 4, &p), ERR_NOT_FOUND);
    assert_int_equal(merkle_consistency(&t.cx, from_first(), 3, 0, &p), ERR_NOT_FOUND);
    test_ctx_fini(&t);
}

static void
hex_is_strict(void **state)
{
    struct merkle_hash h;
    char text[MERKLE_HEX];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(merkle_unhex((struct str){ text, MERKLE_HEX }, &h));
    assert_false(merkle_unhex((struct str){ text, MERKLE_HEX - 1 }, &h));
    text[5] = 'A';
    assert_false(merkle_unhex((struct str){ text, MERKLE_HEX }, &h));
    text[5] = 'g';
    assert_false(merkle_unhex((struct str){ text, MERKLE_HEX }, &h));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_the_published_ones),
        cmocka_unit_test(every_leaf_is_proved_and_nothing_else),
        cmocka_unit_test(every_older_tree_is_proved_and_no_other),
        cmocka_unit_test(hex_is_strict),
    };

    return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}
