/*
 * merkle.h - the tree over the log's lines.
 *
 * Rule      RFC 6962 2.1: leaf SHA-256(00 || line), node SHA-256(01 || l || r).
 * Trust     Proofs come from strangers; a proof that is too long or too short
 *           is refused like a wrong one.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_AUDIT_MERKLE_H
#define KNOOP_SYS_AUDIT_MERKLE_H

#include "base/err.h"

enum { MERKLE_HASH = 32, MERKLE_PATH_MAX = 64 };

struct merkle_hash {
    uint8_t b[MERKLE_HASH];
};

/* What must be kept to go on: the whole subtrees, node[i] of 2^i leaves. */
struct merkle {
    uint64_t size;
    struct merkle_hash node[MERKLE_PATH_MAX];
};

err_t merkle_leaf(struct ctx *cx, struct str line, struct merkle_hash *out) NODISCARD;
err_t merkle_add(struct ctx *cx, struct merkle *m,
                 const struct merkle_hash *leaf) NODISCARD;
err_t merkle_root(struct ctx *cx, const struct merkle *m,
                  struct merkle_hash *out) NODISCARD;

struct merkle_path {
    struct merkle_hash hash[MERKLE_PATH_MAX];
    size_t n;
};

/* The leaves of a tree, each once and in order: a log need not fit in memory. */
struct merkle_leaves {
    err_t (*next)(struct ctx *cx, void *state, struct merkle_hash *out);
    void *state;
};

/* RFC 6962 2.1.1: that leaf `index` is among the first `size`. NOT_FOUND beyond them. */
err_t merkle_inclusion(struct ctx *cx, const struct merkle_leaves *from, uint64_t size,
                       uint64_t index, struct merkle_path *out) NODISCARD;
/* CONFLICT when it does not prove it. */
err_t merkle_inclusion_verify(struct ctx *cx, const struct merkle_path *path,
                              const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                              const struct merkle_hash *root) NODISCARD;

/* RFC 6962 2.1.2: that the first `old` of these were a tree, and still are its beginning.
 */
err_t merkle_consistency(struct ctx *cx, const struct merkle_leaves *from, uint64_t size,
                         uint64_t old, struct merkle_path *out) NODISCARD;
err_t merkle_consistency_verify(struct ctx *cx, const struct merkle_path *path,
                                uint64_t old, const struct merkle_hash *old_root,
                                uint64_t size, const struct merkle_hash *root) NODISCARD;

enum { MERKLE_HEX = 2 * MERKLE_HASH };
void merkle_hex(const struct merkle_hash *h, char out[MERKLE_HEX]); /* lower case, no NUL */
bool merkle_unhex(struct str text, struct merkle_hash *out) NODISCARD;
bool merkle_eq(const struct merkle_hash *a, const struct merkle_hash *b);

#endif
