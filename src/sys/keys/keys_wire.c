/* keys_wire.c - frames, read with distrust on both ends. EUPL-1.2. */
#include <string.h>

#include "sys/keys/keys_int.h"

static bool
take(struct bytes *rest, void *out, size_t n)
{
    if (rest->n < n)
        return false;
    memcpy(out, rest->p, n);
    rest->p += n;
    rest->n -= n;
    return true;
}

err_t
keys__frame(struct ctx *cx, struct bytes *rest, struct keys_frame *out)
{
    struct bytes in = *rest;
    uint32_t length;

    memset(out, 0, sizeof(*out));
    if (!take(&in, &length, sizeof(length)) || length < KEYS_FRAME_HEAD - 4 ||
        length > in.n)
        return refuse(cx, ERR_BAD_REQUEST, "", "a frame that is not whole");
    (void)take(&in, &out->id, 4);
    (void)take(&in, &out->op, 2);
    (void)take(&in, &out->error, 2);
    out->fields = (struct bytes){ in.p, length - (KEYS_FRAME_HEAD - 4) };
    rest->p += 4 + length;
    rest->n -= 4 + length;
    return ERR_OK;
}

err_t
keys__fields(struct ctx *cx, struct bytes in, struct str *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t length;

        fields[i] = (struct str){ NULL, 0 };
        if (!take(&in, &length, sizeof(length)) || length > in.n)
            return refuse(cx, ERR_BAD_REQUEST, "", "field %zu is not whole", i);
        fields[i] = (struct str){ (const char *)in.p, length };
        in.p += length;
        in.n -= length;
    }
    if (in.n != 0)
        return refuse(cx, ERR_BAD_REQUEST, "", "%zu bytes too many", in.n);
    return ERR_OK;
}

err_t
keys__number(struct ctx *cx, struct str field, uint64_t *out)
{
    *out = 0;
    if (field.n != sizeof(*out))
        return refuse(cx, ERR_BAD_REQUEST, "", "a number of %zu bytes", field.n);
    memcpy(out, field.p, sizeof(*out));
    return ERR_OK;
}

err_t
keys__put(struct ctx *cx, uint32_t id, uint16_t op, err_t error, const struct str *fields,
          size_t n, struct bytes *out)
{
    size_t total = KEYS_FRAME_HEAD;
    uint16_t code = (uint16_t)error;
    uint32_t length;
    uint8_t *p;

    *out = (struct bytes){ NULL, 0 };
    for (size_t i = 0; i < n; i++)
        total += 4 + fields[i].n;
    if (total > OS_MESSAGE_MAX)
        return refuse(cx, ERR_TOO_LARGE, "", "%zu bytes do not fit a packet to the signer",
                      total);
    if ((p = arena_alloc(cx->arena, total)) == NULL)
        return refuse_memory(cx);
    *out = (struct bytes){ p, total };
    length = (uint32_t)(total - 4);
    memcpy(p, &length, 4);
    memcpy(p + 4, &id, 4);
    memcpy(p + 8, &op, 2);
    memcpy(p + 10, &code, 2);
    p += KEYS_FRAME_HEAD;
    for (size_t i = 0; i < n; i++) {
        length = (uint32_t)fields[i].n;
        memcpy(p, &length, 4);
        if (length > 0)
            memcpy(p + 4, fields[i].p, length);
        p += 4 + length;
    }
    return ERR_OK;
}
