/*
 * wallet.h - the credentials that an organisation of this node holds.
 *
 * Rule      nuts-node.md 2.2. A credential is verified before it comes in, and
 *           must be about a DID of the organisation. The same one twice is fine;
 *           another one under the same id is a conflict.
 * Trust     The operator puts them in; their issuers are strangers.
 * Lifetime  Rows are copied into the context's arena.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_WALLET_H
#define KNOOP_TRUST_WALLET_H

#include "trust/vc/vc.h"

enum { WALLET_MAX = 200 }; /* credentials of one organisation */

struct wallet_item {
    struct str id;
    struct vc_raw raw; /* as it was stored; verified when it came in */
    bool good;         /* verified anew, now */
};

/*
 * All of a subject, in the order in which they came. With `verify` each is
 * verified anew, and `good` says how that went; its refusal is forgotten.
 */
err_t wallet_list(struct ctx *cx, struct str subject, bool verify, struct wallet_item **out,
                  size_t *count) NODISCARD;
/* Verifies and stores. WALLET_OWNER, CONFLICT, and those of vc_verify. */
err_t wallet_load(struct ctx *cx, struct str subject, const json *credential) NODISCARD;
/* NOT_FOUND when it is not there. */
err_t wallet_delete(struct ctx *cx, struct str subject, struct str id) NODISCARD;
/*
 * Counts the changes of a wallet: who keeps something made of its credentials
 * keeps this beside it, and drops both when it differs.
 */
err_t wallet_version(struct ctx *cx, struct str subject, int64_t *version) NODISCARD;

#endif
