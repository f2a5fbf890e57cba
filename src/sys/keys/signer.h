/*
 * signer.h - the process that holds the private keys.
 *
 *   worker 0 ──pair──┐
 *   worker 1 ──pair──┼──> one loop: a packet of requests, each judged by its row
 *   auditor  ──pair──┘    (who may ask, in which state), answered in order
 *
 * Rule      One request, one row of signer_ops.c: what it takes, from whom, when.
 *           Claims are parsed here again, checked against the key's owner and
 *           this process's own clock, and written anew before they are signed.
 * Trust     Nobody who asks. A worker may be an attacker: it gets no signature
 *           on bytes of its choice, none in another's name, none that lasts.
 * Lifetime  Keys are decrypted at first use and stay in this process's memory,
 *           which is locked where the limits allow, never dumped, and ends
 *           with it.
 * Source    Knoop, after OpenSSH's monitor. EUPL-1.2.
 */
#ifndef KNOOP_SYS_SIGNER_H
#define KNOOP_SYS_SIGNER_H

#include "sys/keys/keys.h"

struct signer;
struct conf;

enum signer_from { SIGNER_FROM_NONE, SIGNER_FROM_WORKER = 1, SIGNER_FROM_AUDITOR = 2 };

struct signer_setup {
    const char *folder;      /* of the key store; exists */
    int root;                /* the root key's file; borrowed */
    const struct conf *conf; /* signer.*, keys.pkcs11.*, tls.*; taken */
    int64_t (*now_ms)(void); /* UTC */
};

/*
 * Reads the root key, proves that it is the store's own, makes the audit
 * keys when the store is new, takes in the TLS key, opens the token.
 *
 *   ERR_KEY_ROOT   no root key, or one that is open to others, or not the store's
 */
err_t signer_open(struct ctx *cx, const struct signer_setup *setup,
                  struct signer **out) NODISCARD;
/* New options and the TLS key again; on refusal the old stay. */
err_t signer_reload(struct ctx *cx, struct signer *s, struct conf *fresh) NODISCARD;
/* One more asker, or the same (`from`, `number`) anew; the descriptor is taken. */
err_t signer_peer(struct ctx *cx, struct signer *s, int fd, enum signer_from from,
                  unsigned number) NODISCARD;
/* From here on no key is made or deleted; ends when nobody is left to ask. */
void signer_drain(struct signer *s);

/* What else its loop listens to; false ends it. */
struct signer_host {
    int fd;
    bool (*ready)(struct ctx *cx, struct signer *s, void *arg);
    void *arg;
};
/* Until the host says so, or drained. Never ends for what a peer did. */
void signer_run(struct signer *s, const struct signer_host *host);
void signer_close(struct signer *s); /* wipes; NULL is fine */

/* --- the root key, for the command line and the supervisor -------------------- */

enum { KEYS_ROOT_SIZE = 32 };
/* Makes a root key file (0600). CONFLICT when it is there: it is never replaced. */
err_t keys_root_make(struct ctx *cx, const char *path) NODISCARD;
/* Where it must not be: inside the data folder, with which it would be lost or stolen. */
err_t keys_root_check(struct ctx *cx, const char *path, const char *datadir) NODISCARD;
/* Exactly 32 bytes of a file that only its owner (us, or root) may read. */
err_t keys_root_read(struct ctx *cx, int fd, struct secret *out) NODISCARD;

/*
 * Backup and restore of a key store, while no signer writes to it or through
 * the one that does. Keys stay encrypted: the backup is worth nothing
 * without the root key, which is kept elsewhere.
 */
err_t keys_backup(struct ctx *cx, const char *folder, const char *to) NODISCARD;
/* Proves that `root` opens every key in `folder`. `*count` keys were read. */
err_t keys_prove(struct ctx *cx, const char *folder, int root, size_t *count) NODISCARD;

#endif
