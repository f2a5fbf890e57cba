/*
 * fold.c - strings as search compares them: R4 3.1.1.4.8, without regard to
 * case and accents; white space counts as one space between words.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/fhir/fhir_int.h"

/* Letters that are another letter with a mark, or two letters in one. Sorted. */
static const struct {
    uint16_t first, last;
    char to[3];
} letters[] = {
    { 0xC0, 0xC5, "a" },     { 0xC6, 0xC6, "ae" },    { 0xC7, 0xC7, "c" },
    { 0xC8, 0xCB, "e" },     { 0xCC, 0xCF, "i" },     { 0xD0, 0xD0, "d" },
    { 0xD1, 0xD1, "n" },     { 0xD2, 0xD6, "o" },     { 0xD8, 0xD8, "o" },
    { 0xD9, 0xDC, "u" },     { 0xDD, 0xDD, "y" },     { 0xDE, 0xDE, "th" },
    { 0xDF, 0xDF, "ss" },    { 0xE0, 0xE5, "a" },     { 0xE6, 0xE6, "ae" },
    { 0xE7, 0xE7, "c" },     { 0xE8, 0xEB, "e" },     { 0xEC, 0xEF, "i" },
    { 0xF0, 0xF0, "d" },     { 0xF1, 0xF1, "n" },     { 0xF2, 0xF6, "o" },
    { 0xF8, 0xF8, "o" },     { 0xF9, 0xFC, "u" },     { 0xFD, 0xFD, "y" },
    { 0xFE, 0xFE, "th" },    { 0xFF, 0xFF, "y" },     { 0x100, 0x105, "a" },
    { 0x106, 0x10D, "c" },   { 0x10E, 0x111, "d" },   { 0x112, 0x11B, "e" },
    { 0x11C, 0x123, "g" },   { 0x124, 0x127, "h" },   { 0x128, 0x131, "i" },
    { 0x132, 0x133, "ij" },  { 0x134, 0x135, "j" },   { 0x136, 0x138, "k" },
    { 0x139, 0x142, "l" },   { 0x143, 0x14B, "n" },   { 0x14C, 0x151, "o" },
    { 0x152, 0x153, "oe" },  { 0x154, 0x159, "r" },   { 0x15A, 0x161, "s" },
    { 0x162, 0x167, "t" },   { 0x168, 0x173, "u" },   { 0x174, 0x175, "w" },
    { 0x176, 0x178, "y" },   { 0x179, 0x17E, "z" },   { 0x17F, 0x17F, "s" },
    { 0x218, 0x219, "s" },   { 0x21A, 0x21B, "t" },   { 0x300, 0x36F, "" },
    { 0x1EA0, 0x1EB7, "a" }, { 0x1EB8, 0x1EC7, "e" }, { 0x1EC8, 0x1ECB, "i" },
    { 0x1ECC, 0x1EE3, "o" }, { 0x1EE4, 0x1EF1, "u" }, { 0x1EF2, 0x1EF9, "y" },
};

static const char *
letter(uint32_t c)
{
    size_t low = 0, high = COUNT(letters);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c < letters[middle].first)
            high = middle;
        else if (c > letters[middle].last)
            low = middle + 1;
        else
            return letters[middle].to;
    }
    return NULL;
}

/* Two bytes of UTF-8: Greek and Cyrillic capitals, by distance to the small. */
static uint32_t
small(uint32_t c)
{
    if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40F)
        return c + 0x50;
    return c;
}

static size_t
decode(const char *at, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)at;

    if (p[0] < 0xE0) {
        *c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        return 2;
    }
    if (p[0] < 0xF0) {
        *c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        return 3;
    }
    *c = 0x10000; /* beyond the table */
    return 4;
}

static void
put(struct buf *b, const char *at, size_t n, uint32_t c)
{
    const char *to = letter(c);
    uint32_t low = small(c);

    if (to != NULL) {
        buf_z(b, to);
    } else if (low != c) {
        buf_c(b, (char)(0xC0 | low >> 6));
        buf_c(b, (char)(0x80 | (low & 0x3F)));
    } else {
        buf_add(b, at, n);
    }
}

err_t
fhir_fold(struct ctx *cx, struct str text, struct str *out)
{
    struct buf b;
    bool space = false;

    *out = S("");
    if (!str_is_utf8(text))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 3629 3", "a string is no UTF-8");
    buf_init(&b, cx->arena);
    for (size_t i = 0, n; i < text.n; i += n) {
        char c = text.p[i];
        uint32_t wide;

        n = 1;
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            space = b.n != 0;
            continue;
        }
        if (space)
            buf_c(&b, ' ');
        space = false;
        if ((unsigned char)c < 0x80) {
            buf_c(&b, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
        } else {
            n = decode(text.p + i, &wide);
            put(&b, text.p + i, n, wide);
        }
    }
    return buf_done(cx, &b, out);
}
