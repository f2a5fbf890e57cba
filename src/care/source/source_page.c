/*
 * source_page.c - links to a next page.
 *
 *   …?patient=Patient/p1&_page=17         what was asked in a URL, and the mark
 *   …?_page=~base64url( iv | tag | AES-256-GCM( query ) )    what came in a form
 *
 * Rule      FHIR R4 3.1.1.3. What came in a form may name a person by number,
 *           which stands in no URL that we make.
 * Trust     A sealed query comes back from whoever has the link; what was not
 *           sealed here is refused.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/source/source_int.h"

#include <string.h>

#include "crypto/prim/prim.h"

#define RULE "FHIR R4 3.1.1.3"
#define AAD  "knoop source page 1"
#define MARK "_page="

enum { IV = 12, TAG = 16, HANDLE_MAX = 96 * 1024 };

/* The query without an earlier page's mark, and with this one. */
static err_t
with_mark(struct ctx *cx, struct str query, struct str mark, struct str *out)
{
    struct buf b;

    buf_init(&b, cx->arena);
    while (query.n > 0) {
        struct str part = str_cut(&query, '&');

        if (part.n == 0 || str_starts(part, S(MARK)))
            continue;
        buf_str(&b, part);
        buf_c(&b, '&');
    }
    buf_z(&b, MARK);
    buf_str(&b, mark);
    return buf_done(cx, &b, out);
}

static err_t
seal(struct ctx *cx, struct bytes key, struct str query, struct str *out)
{
    uint8_t iv[IV], tag[AEAD_TAG_MAX];
    struct bytes cipher;
    struct buf whole, b;
    struct str raw;
    err_t e;

    random_bytes(iv, sizeof(iv));
    if ((e = aead_seal(cx, AEAD_A256GCM, key, (struct bytes){ iv, IV }, bytes_of(S(AAD)),
                       bytes_of(query), &cipher, tag)) != ERR_OK)
        return e;
    buf_init(&whole, cx->arena);
    buf_add(&whole, iv, IV);
    buf_add(&whole, tag, TAG);
    buf_add(&whole, cipher.p, cipher.n);
    if ((e = buf_done(cx, &whole, &raw)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_z(&b, MARK "~");
    buf_b64url(&b, bytes_of(raw));
    return buf_done(cx, &b, out);
}

err_t
source__page_link(struct ctx *cx, struct source_db *db, struct str query, struct str mark,
                  bool hidden, struct str *out)
{
    struct str whole;
    err_t e = with_mark(cx, query, mark, &whole);

    if (e != ERR_OK)
        return e;
    if (hidden)
        return seal(cx, source__page_key(db), whole, out);
    *out = whole;
    return ERR_OK;
}

err_t
source__page_open(struct ctx *cx, struct source_db *db, struct str *query, bool *hidden)
{
    struct str handle = *query, prefix = S(MARK "~");
    struct bytes raw, plain;

    if (!str_starts(handle, prefix))
        return ERR_OK;
    handle = str_sub(handle, prefix.n, handle.n);
    if (handle.n > HANDLE_MAX || b64url_decode(cx, handle, &raw) != ERR_OK ||
        raw.n <= IV + TAG ||
        aead_open(cx, AEAD_A256GCM, source__page_key(db), (struct bytes){ raw.p, IV },
                  bytes_of(S(AAD)), (struct bytes){ raw.p + IV + TAG, raw.n - IV - TAG },
                  (struct bytes){ raw.p + IV, TAG }, &plain) != ERR_OK)
        return refuse(cx, ERR_BAD_REQUEST, RULE, "_page is no mark that was made here");
    *query = str_of_bytes(plain);
    *hidden = true;
    return ERR_OK;
}
