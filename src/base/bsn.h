/*
 * bsn.h - the Dutch citizen service number.
 *
 * Rule      Wet algemene bepalingen burgerservicenummer; the eleven-test:
 *           9a+8b+7c+6d+5e+4f+3g+2h-i is a multiple of eleven. Nine digits, or
 *           eight, to which a zero is put in front.
 * Trust     A number is a person. The type has no printing function, and is not
 *           a struct str, so that none of the functions that print takes it;
 *           bsn_expose is the one way out, easy to find, for the wire formats
 *           that carry the number.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_BSN_H
#define KNOOP_BASE_BSN_H

#include "base/str.h"

struct bsn {
    char digits_[9]; /* not NUL-terminated, so that "%s" is a mistake at once */
};

/* False, with *out zeroed, for what is no number: shape, eleven-test, all zeros. */
bool bsn_parse(struct str text, struct bsn *out) NODISCARD;
bool bsn_eq(struct bsn a, struct bsn b);
/* Nine digits, borrowed from `bsn`. For a wire format or a hash, never for a log. */
struct str bsn_expose(const struct bsn *bsn);

#endif
