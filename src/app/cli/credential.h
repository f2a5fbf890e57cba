/*
 * credential.h - X509Credentials on the command line, and for the demo.
 *
 * Rule      Nuts RFC023. The certificate's key is used here and goes nowhere.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_CREDENTIAL_H
#define KNOOP_APP_CLI_CREDENTIAL_H

#include "app/cli/cli.h"

/*
 * An X509Credential for `subject` (a DID) from PEM files: the chain (leaf, CAs,
 * root) and the leaf's private key. `until_ms` 0: as long as the certificate.
 *
 *   NOT_FOUND             a file is not there
 *   CERT, KEY             it holds no certificate, or no key that is taken
 *   VC_X509               no leaf first, no root last, another's key, too long
 *   CERT_CHAIN, CERT_TIME, DID_CHAIN   the chain does not verify, or not in order
 */
err_t credential_x509(struct ctx *cx, const char *certificate, const char *key_file,
                      struct str subject, int64_t until_ms, struct str *jwt) NODISCARD;

/* A private key from a PEM file; its bytes pass through guarded memory. */
struct key;
err_t credential_key(struct ctx *cx, const char *path, struct key **key) NODISCARD;

extern const struct cli_command credential_commands[];

#endif
