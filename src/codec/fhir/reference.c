/*
 * reference.c - what a reference points to: R4 references.html 2.3.0.1.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

bool
fhir__listed(const char *list, struct str word)
{
    struct str rest = str_of(list);

    while (rest.n != 0)
        if (str_eq(str_cut(&rest, ' '), word))
            return true;
    return false;
}

/* R4 datatypes: id is [A-Za-z0-9\-\.]{1,64}. */
static bool
id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.'))
            return false;
    }
    return s.n >= 1 && s.n <= 64;
}

/* The last part of *s behind a slash, cut off; all of it where there is none. */
static struct str
last(struct str *s)
{
    size_t at = s->n;
    struct str part;

    while (at > 0 && s->p[at - 1] != '/')
        at--;
    part = str_sub(*s, at, s->n);
    *s = str_sub(*s, 0, at > 0 ? at - 1 : 0);
    return part;
}

static bool
absolute(struct str s)
{
    return str_search(s, S("://")) < s.n || str_starts(s, S("urn:")) ||
           str_starts(s, S("#"));
}

struct fhir_reference
fhir_reference_parse(struct str text)
{
    struct fhir_reference r = { .url = text };
    struct str rest = text, part = last(&rest), before = rest;
    bool is_absolute = absolute(text);

    if (str_starts(text, S("#")))
        return r;
    if (id(part) && str_is(last(&before), "_history")) {
        r.version = part;
        r.url = rest = before;
        part = last(&rest);
    }
    if (!is_absolute && rest.n == 0 && id(part) && r.version.n == 0 && part.n == text.n) {
        r.id = part; /* an id alone, of whatever type the parameter has */
        r.url = S("");
        return r;
    }
    before = last(&rest);
    if (!id(part) || !fhir_type_known(before) || (!is_absolute && rest.n != 0))
        return r;
    r.type = before;
    r.id = part;
    if (!is_absolute)
        r.url = S("");
    return r;
}
