/*
 * audit_prove.c - proofs about a log, read once from its beginning, and its last
 * checkpoint. EUPL-1.2.
 */
#include "sys/audit/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/audit/log_int.h"

enum { TAIL_MAX = 256 * 1024 };

/* --- proofs ------------------------------------------------------------------------- */

struct proving {
    struct scan scan;
    struct merkle whole; /* over all that was read */
    uint64_t wanted;     /* whose hash is kept in `leaf`; 0: nobody's */
    struct merkle_hash leaf;
};

static void
proving_close(struct proving *p)
{
    audit__scan_close(&p->scan);
}

static err_t
next_leaf(struct ctx *cx, void *state, struct merkle_hash *out)
{
    struct proving *p = state;
    uint64_t seq = p->whole.size + 1;
    struct line line;
    struct str text;
    err_t e;

    if ((e = audit__scan_next(cx, &p->scan, &text)) != ERR_OK)
        return e;
    if (text.p == NULL)
        return refuse(cx, ERR_NOT_FOUND, "", "the log has no line %llu",
                      (unsigned long long)seq);
    if (!audit__line_parse(cx, text, &line) || line.seq != seq)
        return refuse(cx, ERR_LOG_ALTERED, "NEN 7513", "event %llu was altered",
                      (unsigned long long)seq);
    *out = line.hash;
    if (seq == p->wanted)
        p->leaf = line.hash;
    return merkle_add(cx, &p->whole, &line.hash);
}

static err_t
proving_open(struct ctx *cx, const char *folder, uint64_t wanted, struct proving *p,
             struct merkle_leaves *leaves)
{
    *p = (struct proving){ .wanted = wanted };
    *leaves = (struct merkle_leaves){ next_leaf, p };
    return audit__scan_open(cx, folder, 0, &p->scan);
}

static void
put_hash(struct json_out *js, const char *key, const struct merkle_hash *h)
{
    char hex[MERKLE_HEX];

    merkle_hex(h, hex);
    if (key != NULL)
        json_key(js, key);
    json_put_str(js, (struct str){ hex, sizeof(hex) });
}

static err_t
put_proof(struct ctx *cx, struct json_out *js, const struct proving *p,
          const struct merkle_path *path)
{
    struct merkle_hash root;
    err_t e = merkle_root(cx, &p->whole, &root);

    if (e != ERR_OK)
        return e;
    put_hash(js, "root", &root);
    if (p->wanted != 0)
        put_hash(js, "leaf", &p->leaf);
    json_key(js, "path");
    json_array(js);
    for (size_t i = 0; i < path->n; i++)
        put_hash(js, NULL, &path->hash[i]);
    json_end(js);
    return ERR_OK;
}

err_t
audit_prove_event(struct ctx *cx, const char *folder, uint64_t seq, uint64_t size,
                  struct json_out *js)
{
    scoped(proving_close) struct proving p = { .scan.folder = -1, .scan.reader.fd = -1 };
    struct merkle_leaves leaves;
    struct merkle_path path;
    err_t e;

    if (seq == 0 || seq > size)
        return refuse(cx, ERR_NOT_FOUND, "RFC 6962 2.1.1",
                      "event %llu is not among the first %llu lines",
                      (unsigned long long)seq, (unsigned long long)size);
    if ((e = proving_open(cx, folder, seq, &p, &leaves)) != ERR_OK ||
        (e = merkle_inclusion(cx, &leaves, size, seq - 1, &path)) != ERR_OK)
        return e;
    json_object(js);
    json_member_i64(js, "seq", (int64_t)seq);
    json_member_i64(js, "size", (int64_t)size);
    e = put_proof(cx, js, &p, &path);
    json_end(js);
    return e;
}

err_t
audit_prove_growth(struct ctx *cx, const char *folder, uint64_t old, uint64_t size,
                   struct json_out *js)
{
    scoped(proving_close) struct proving p = { .scan.folder = -1, .scan.reader.fd = -1 };
    struct merkle_leaves leaves;
    struct merkle_path path;
    err_t e;

    if ((e = proving_open(cx, folder, 0, &p, &leaves)) != ERR_OK ||
        (e = merkle_consistency(cx, &leaves, size, old, &path)) != ERR_OK)
        return e;
    json_object(js);
    json_member_i64(js, "old", (int64_t)old);
    json_member_i64(js, "size", (int64_t)size);
    e = put_proof(cx, js, &p, &path);
    json_end(js);
    return e;
}

/* --- the last checkpoint ------------------------------------------------------------ */

static void
fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static err_t
no_file(struct ctx *cx)
{
    return errno == ENOENT
               ? refuse(cx, ERR_NOT_FOUND, "", "there is no checkpoint yet")
               : refuse(cx, ERR_UNAVAILABLE, "", "checkpoints.jsonl cannot be read: %s",
                        strerror(errno));
}

/* The end of checkpoints.jsonl, in the arena. */
static err_t
read_tail(struct ctx *cx, const char *folder, struct str *out)
{
    scoped(fd_close) int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scoped(fd_close) int fd = -1;
    struct stat st;
    off_t from;
    ssize_t n;
    char *p;

    *out = (struct str){ NULL, 0 };
    if (at < 0 ||
        (fd = openat(at, "checkpoints.jsonl", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0 ||
        fstat(fd, &st) != 0)
        return no_file(cx);
    from = st.st_size > TAIL_MAX ? st.st_size - TAIL_MAX : 0;
    if ((p = arena_alloc(cx->arena, TAIL_MAX)) == NULL)
        return refuse_memory(cx);
    if ((n = pread(fd, p, TAIL_MAX, from)) < 0)
        return no_file(cx);
    *out = (struct str){ p, (size_t)n };
    return ERR_OK;
}

/* The last whole line that fits itself: behind it may stand what a crash left. */
static bool
last_line(struct ctx *cx, struct str tail, struct line *out)
{
    while (tail.n > 0) {
        size_t begin;

        while (tail.n > 0 && tail.p[tail.n - 1] != '\n')
            tail.n--;
        if (tail.n == 0)
            return false;
        begin = --tail.n;
        while (begin > 0 && tail.p[begin - 1] != '\n')
            begin--;
        if (audit__line_parse(cx, str_sub(tail, begin, tail.n), out))
            return true;
        tail.n = begin;
    }
    return false;
}

err_t
audit_last_checkpoint(struct ctx *cx, const char *folder, struct audit_checkpoint *out)
{
    struct checkpoint cp;
    struct line line;
    struct str tail;
    char hex[MERKLE_HEX];
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = read_tail(cx, folder, &tail)) != ERR_OK)
        return e;
    if (!last_line(cx, tail, &line))
        return refuse(cx, ERR_NOT_FOUND, "", "there is no checkpoint yet");
    if ((e = audit__checkpoint_read(cx, &line, &cp)) != ERR_OK)
        return e;
    merkle_hex(&cp.root, hex);
    out->root = arena_str(cx->arena, (struct str){ hex, sizeof(hex) });
    if (out->root.p == NULL)
        return refuse_memory(cx);
    out->size = cp.size;
    out->kid = cp.kid;
    out->signature = cp.signature;
    return audit__checkpoint_note(cx, cp.origin, cp.size, &cp.root, cp.at, &out->note);
}
