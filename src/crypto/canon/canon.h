/*
 * canon.h - one text for one value: JCS, the JSON Canonicalization Scheme.
 *
 * Rule      RFC 8785: members sorted by UTF-16 code units, numbers as
 *           ECMAScript writes them, no white space.
 * Trust     The value went through json_parse, so names are unique and text is
 *           well-formed. Numbers are IEEE doubles (RFC 8785 3.2.2.3): an integer
 *           that a double does not hold is written as the double nearest to it,
 *           as every other implementation does.
 * Lifetime  The text lives in the arena of the context.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_CANON_H
#define KNOOP_CRYPTO_CANON_H

#include "codec/json/json.h"

/* UTF-8 bytes, NUL-terminated behind the end. */
err_t canon_jcs(struct ctx *cx, const json *v, struct str *out) NODISCARD;

/*
 * The order of RFC 8785 3.2.3: by UTF-16 code units. Both are UTF-8. Less than,
 * equal to or greater than 0.
 */
int canon_name_cmp(struct str a, struct str b);

#endif
