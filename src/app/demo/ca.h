/*
 * ca.h - a certification authority for tests and the demo: a TLS root, and a
 * UZI-like pair (root and intermediate) with revocation lists.
 *
 *   tls-root ──► <host>                         TLS of the doors
 *   uzi-root ──► uzi-ca ──► <name>              who the organisation is
 *      │           └─► uzi-ca.crl
 *      └─► uzi-root.crl
 *
 * Rule      Certificates as CIBG lays them out (otherName 2.5.5.5). Never for
 *           production: the keys lie in plain files.
 * Lifetime  All state is files in one folder.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_CA_H
#define KNOOP_APP_DEMO_CA_H

#include "base/err.h"

struct ca_uzi {
    struct str name; /* file name, without .pem */
    struct str organisation, locality, ura, agb, number;
    struct str key_of; /* another's name: its key is certified again; empty: a new key */
    int64_t from_ms, to_ms;
};

/* Makes the three authorities and their first, empty, lists. CONFLICT when there. */
err_t ca_init(struct ctx *cx, const char *folder, struct str crl_base) NODISCARD;
/* <host>.pem and <host>.key, for two years. IP addresses are taken as such. */
err_t ca_tls(struct ctx *cx, const char *folder, struct str host) NODISCARD;
/* <name>.pem (leaf, intermediate, root) and <name>.key (RSA). */
err_t ca_uzi(struct ctx *cx, const char *folder, const struct ca_uzi *what) NODISCARD;
/* Revokes the leaf of <name>.pem and writes the lists anew. */
err_t ca_revoke(struct ctx *cx, const char *folder, struct str name) NODISCARD;
/* Writes both lists anew, good for a day. */
err_t ca_lists(struct ctx *cx, const char *folder) NODISCARD;

#endif
