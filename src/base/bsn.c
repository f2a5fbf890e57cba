/* bsn.c - the eleven-test. EUPL-1.2. */
#include "base/bsn.h"

#include <string.h>

static bool
eleven(const char d[9])
{
    int sum = 0, digits = 0;

    for (int i = 0; i < 9; i++) {
        if (d[i] < '0' || d[i] > '9')
            return false;
        sum += (d[i] - '0') * (i == 8 ? -1 : 9 - i);
        digits |= d[i] - '0';
    }
    return digits != 0 && sum % 11 == 0;
}

bool
bsn_parse(struct str text, struct bsn *out)
{
    struct bsn bsn = { "0" };

    memset(out, 0, sizeof(*out));
    if (text.n != 8 && text.n != 9)
        return false;
    memcpy(bsn.digits_ + 9 - text.n, text.p, text.n);
    if (!eleven(bsn.digits_))
        return false;
    *out = bsn;
    return true;
}

bool
bsn_eq(struct bsn a, struct bsn b)
{
    return memcmp(a.digits_, b.digits_, sizeof(a.digits_)) == 0;
}

struct str
bsn_expose(const struct bsn *bsn)
{
    return (struct str){ bsn->digits_, sizeof(bsn->digits_) };
}
