/* merkle.c - RFC 6962's tree, with no more in memory than one hash a level. EUPL-1.2. */
#include "sys/audit/merkle.h"

#include <string.h>

#include "crypto/prim/prim.h"

static err_t
sha256(struct ctx *cx, const struct bytes *parts, size_t n, struct merkle_hash *out)
{
    uint8_t room[HASH_MAX];
    err_t e = hash_parts(cx, HASH_SHA256, parts, n, room);

    memset(out, 0, sizeof(*out));
    if (e == ERR_OK)
        memcpy(out->b, room, MERKLE_HASH);
    return e;
}

err_t
merkle_leaf(struct ctx *cx, struct str line, struct merkle_hash *out)
{
    static const uint8_t zero = 0;
    struct bytes parts[] = { { &zero, 1 }, bytes_of(line) };

    return sha256(cx, parts, COUNT(parts), out);
}

/* `out` may be one of the two. */
static err_t
join(struct ctx *cx, const struct merkle_hash *l, const struct merkle_hash *r,
     struct merkle_hash *out)
{
    static const uint8_t one = 1;
    struct merkle_hash both[2] = { *l, *r };
    struct bytes parts[] = { { &one, 1 }, { both[0].b, sizeof(both) } };

    return sha256(cx, parts, COUNT(parts), out);
}

err_t
merkle_add(struct ctx *cx, struct merkle *m, const struct merkle_hash *leaf)
{
    struct merkle_hash h = *leaf;
    unsigned level = 0;
    err_t e = ERR_OK;

    /* As in adding one to a binary number: every 1 on the way is carried. */
    for (; m->size >> level & 1 && e == ERR_OK; level++)
        e = join(cx, &m->node[level], &h, &h);
    if (e != ERR_OK)
        return e;
    m->node[level] = h;
    m->size++;
    return ERR_OK;
}

err_t
merkle_root(struct ctx *cx, const struct merkle *m, struct merkle_hash *out)
{
    bool any = false;
    err_t e = ERR_OK;

    if (m->size == 0)
        return sha256(cx, NULL, 0, out); /* 2.1: the hash of nothing */
    for (unsigned level = 0; level < MERKLE_PATH_MAX && e == ERR_OK; level++) {
        if (!(m->size >> level & 1))
            continue;
        if (any)
            e = join(cx, &m->node[level], out, out);
        else
            *out = m->node[level];
        any = true;
    }
    return e;
}

/* --- proofs: leaves come once, from the first to the last ------------------------- */

/* The root over the next `n` leaves. */
static err_t
root_of(struct ctx *cx, const struct merkle_leaves *from, uint64_t n,
        struct merkle_hash *out)
{
    struct merkle m = { 0 };
    struct merkle_hash leaf;
    err_t e = ERR_OK;

    for (uint64_t i = 0; i < n && e == ERR_OK; i++)
        if ((e = from->next(cx, from->state, &leaf)) == ERR_OK)
            e = merkle_add(cx, &m, &leaf);
    return e != ERR_OK ? e : merkle_root(cx, &m, out);
}

/* The largest power of two under n; n > 1. */
static uint64_t
split(uint64_t n)
{
    uint64_t k = 1;

    while (k < n - k)
        k *= 2;
    return k;
}

static err_t
push(struct ctx *cx, struct merkle_path *p, const struct merkle_hash *h)
{
    if (p->n == MERKLE_PATH_MAX)
        return refuse(cx, ERR_LIMIT, "RFC 6962 2.1.1", "a path has over %d hashes",
                      MERKLE_PATH_MAX);
    p->hash[p->n++] = *h;
    return ERR_OK;
}

/* PATH(m, D[n]); as deep as the tree, which is 64 at most. */
static err_t
path(struct ctx *cx, const struct merkle_leaves *from, uint64_t n, uint64_t index,
     struct merkle_path *out)
{
    struct merkle_hash h;
    uint64_t k;
    err_t e;

    if (n == 1)
        return from->next(cx, from->state, &h);
    k = split(n);
    if (index < k) {
        if ((e = path(cx, from, k, index, out)) != ERR_OK ||
            (e = root_of(cx, from, n - k, &h)) != ERR_OK)
            return e;
    } else if ((e = root_of(cx, from, k, &h)) != ERR_OK ||
               (e = path(cx, from, n - k, index - k, out)) != ERR_OK)
        return e;
    return push(cx, out, &h);
}

err_t
merkle_inclusion(struct ctx *cx, const struct merkle_leaves *from, uint64_t size,
                 uint64_t index, struct merkle_path *out)
{
    memset(out, 0, sizeof(*out));
    if (index >= size)
        return refuse(cx, ERR_NOT_FOUND, "RFC 6962 2.1.1", "the tree has %llu leaves",
                      (unsigned long long)size);
    return path(cx, from, size, index, out);
}

/* SUBPROOF(m, D[n], b); b: the old tree is known to who checks. */
static err_t
subproof(struct ctx *cx, const struct merkle_leaves *from, uint64_t n, uint64_t m,
         bool known, struct merkle_path *out)
{
    struct merkle_hash h;
    uint64_t k;
    err_t e;

    if (m == n)
        return (e = root_of(cx, from, n, &h)) != ERR_OK || known ? e : push(cx, out, &h);
    k = split(n);
    if (m <= k) {
        if ((e = subproof(cx, from, k, m, known, out)) != ERR_OK ||
            (e = root_of(cx, from, n - k, &h)) != ERR_OK)
            return e;
    } else if ((e = root_of(cx, from, k, &h)) != ERR_OK ||
               (e = subproof(cx, from, n - k, m - k, false, out)) != ERR_OK)
        return e;
    return push(cx, out, &h);
}

err_t
merkle_consistency(struct ctx *cx, const struct merkle_leaves *from, uint64_t size,
                   uint64_t old, struct merkle_path *out)
{
    memset(out, 0, sizeof(*out));
    if (old == 0 || old > size)
        return refuse(cx, ERR_NOT_FOUND, "RFC 6962 2.1.2",
                      "no tree of %llu among %llu leaves", (unsigned long long)old,
                      (unsigned long long)size);
    return subproof(cx, from, size, old, true, out);
}

/* --- checking them (RFC 9162 2.1.3.2 and 2.1.4.2 say how) ------------------------- */

static err_t
not_proved(struct ctx *cx, const char *clause)
{
    return refuse(cx, ERR_CONFLICT, clause, "the path does not lead to the root");
}

err_t
merkle_inclusion_verify(struct ctx *cx, const struct merkle_path *p,
                        const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                        const struct merkle_hash *root)
{
    struct merkle_hash r = *leaf;
    uint64_t fn = index, sn = size - 1;
    err_t e;

    if (index >= size || p->n > MERKLE_PATH_MAX)
        return not_proved(cx, "RFC 9162 2.1.3.2");
    for (size_t i = 0; i < p->n; i++) {
        if (sn == 0)
            return not_proved(cx, "RFC 9162 2.1.3.2");
        if (fn & 1 || fn == sn) {
            e = join(cx, &p->hash[i], &r, &r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            e = join(cx, &r, &p->hash[i], &r);
        }
        if (e != ERR_OK)
            return e;
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && merkle_eq(&r, root) ? ERR_OK : not_proved(cx, "RFC 9162 2.1.3.2");
}

static err_t
climb(struct ctx *cx, const struct merkle_path *p, size_t i, uint64_t fn, uint64_t sn,
      struct merkle_hash *fr, struct merkle_hash *sr, bool *ends)
{
    err_t e = ERR_OK;

    for (; i < p->n && e == ERR_OK; i++) {
        if (sn == 0)
            return not_proved(cx, "RFC 9162 2.1.4.2");
        if (fn & 1 || fn == sn) {
            if ((e = join(cx, &p->hash[i], fr, fr)) == ERR_OK)
                e = join(cx, &p->hash[i], sr, sr);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            e = join(cx, sr, &p->hash[i], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    *ends = sn == 0;
    return e;
}

err_t
merkle_consistency_verify(struct ctx *cx, const struct merkle_path *p, uint64_t old,
                          const struct merkle_hash *old_root, uint64_t size,
                          const struct merkle_hash *root)
{
    bool known = (old & (old - 1)) == 0; /* a whole subtree: its root is given */
    uint64_t fn = old - 1, sn = size - 1;
    struct merkle_hash fr, sr;
    bool ends = false;
    err_t e;

    if (old == 0 || old > size || p->n > MERKLE_PATH_MAX ||
        (old != size && !known && p->n == 0))
        return not_proved(cx, "RFC 9162 2.1.4.2");
    if (old == size)
        return p->n == 0 && merkle_eq(old_root, root) ? ERR_OK
                                                      : not_proved(cx, "RFC 9162 2.1.4.2");
    fr = sr = known ? *old_root : p->hash[0];
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    if ((e = climb(cx, p, known ? 0 : 1, fn, sn, &fr, &sr, &ends)) != ERR_OK)
        return e;
    return ends && merkle_eq(&fr, old_root) && merkle_eq(&sr, root)
               ? ERR_OK
               : not_proved(cx, "RFC 9162 2.1.4.2");
}

/* --- text -------------------------------------------------------------------------- */

void
merkle_hex(const struct merkle_hash *h, char out[MERKLE_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < MERKLE_HASH; i++) {
        out[2 * i] = digits[h->b[i] >> 4];
        out[2 * i + 1] = digits[h->b[i] & 15];
    }
}

static int
digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
merkle_unhex(struct str text, struct merkle_hash *out)
{
    memset(out, 0, sizeof(*out));
    if (text.n != MERKLE_HEX)
        return false;
    for (size_t i = 0; i < MERKLE_HASH; i++) {
        int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out->b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool
merkle_eq(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}
