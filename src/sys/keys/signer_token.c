/*
 * signer_token.c - keys in hardware, through PKCS#11.
 *
 * Rule      P-256 keys are made in the token, sensitive and not extractable,
 *           and are named by 16 random bytes that stand sealed in the key
 *           store: the token needs no name of an organisation. The module is
 *           loaded in the signer alone, before its second narrowing.
 * Trust     The module runs in this process and is the operator's choice.
 * Source    PKCS#11 v2.40; headers of p11-kit. Knoop. EUPL-1.2.
 */
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "sys/keys/signer_int.h"
#include "sys/os/dl.h"

enum { SLOTS_MAX = 64, LABEL = 32, PIN_MAX = 256, ID = 16, POINT = 67 };

struct token {
    struct {
        CK_C_GetFunctionList C_GetFunctionList;
    } module;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
};

static err_t
failed(struct ctx *cx, const char *what, CK_RV rv)
{
    return refuse(cx, rv == CKR_PIN_INCORRECT ? ERR_CONF : ERR_UNAVAILABLE, "PKCS#11",
                  "%s: 0x%lx", what, rv);
}

/* --- opening ------------------------------------------------------------------ */

/* Labels are padded with blanks to 32 bytes. */
static bool
labelled(const CK_TOKEN_INFO *info, struct str label)
{
    size_t n = LABEL;

    while (n > 0 && info->label[n - 1] == ' ')
        n--;
    return str_eq((struct str){ (const char *)info->label, n }, label);
}

static err_t
find_slot(struct ctx *cx, struct token *t, struct str label, CK_SLOT_ID *out)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    CK_RV rv = t->f->C_GetSlotList(CK_TRUE, slots, &n);

    if (rv != CKR_OK)
        return failed(cx, "C_GetSlotList", rv);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;

        if (t->f->C_GetTokenInfo(slots[i], &info) == CKR_OK && labelled(&info, label)) {
            *out = slots[i];
            return ERR_OK;
        }
    }
    return refuse(cx, ERR_CONF, "PKCS#11", "no token is labelled '%.*s'", STR(label));
}

static err_t
login(struct ctx *cx, struct token *t)
{
    scoped(os_close) int fd = -1;
    scoped(secret_fini) struct secret pin = { 0 };
    size_t n;
    CK_RV rv;
    err_t e;

    if ((e = os_open_read(cx, "keys.pkcs11.pin_file", &fd)) != ERR_OK ||
        (e = secret_new(cx, PIN_MAX, &pin)) != ERR_OK ||
        (e = os_read_into(cx, fd, pin.p, PIN_MAX, &n)) != ERR_OK)
        return e;
    while (n > 0 && (pin.p[n - 1] == '\n' || pin.p[n - 1] == '\r'))
        n--;
    rv = t->f->C_Login(t->session, CKU_USER, pin.p, n);
    return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? ERR_OK
                                                            : failed(cx, "C_Login", rv);
}

static err_t
start(struct ctx *cx, struct token *t, struct str label)
{
    CK_SLOT_ID slot;
    CK_RV rv;
    err_t e;

    if ((rv = t->module.C_GetFunctionList(&t->f)) != CKR_OK)
        return failed(cx, "C_GetFunctionList", rv);
    if ((rv = t->f->C_Initialize(NULL)) != CKR_OK)
        return failed(cx, "C_Initialize", rv);
    if ((e = find_slot(cx, t, label, &slot)) != ERR_OK)
        return e;
    rv = t->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                             &t->session);
    return rv == CKR_OK ? login(cx, t) : failed(cx, "C_OpenSession", rv);
}

err_t
token_open(struct ctx *cx, const struct conf *c, struct token **out)
{
    static const struct dl_name names[] = { { "C_GetFunctionList", 0 } };
    struct token *t = calloc(1, sizeof(*t));
    err_t e;

    *out = NULL;
    if (t == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    e = dl_load(cx, c->keys_pkcs11_module.p, names, COUNT(names), &t->module);
    if (e == ERR_OK)
        e = start(cx, t, c->keys_pkcs11_label);
    if (e != ERR_OK) {
        token_close(t);
        return e;
    }
    *out = t;
    return ERR_OK;
}

void
token_close(struct token *t)
{
    if (t == NULL)
        return;
    if (t->f != NULL)
        (void)t->f->C_Finalize(NULL); /* ends sessions too */
    free(t);
}

/* --- keys --------------------------------------------------------------------- */

/* CKA_EC_POINT: an OCTET STRING around the uncompressed point. */
static err_t
read_point(struct ctx *cx, struct token *t, CK_OBJECT_HANDLE object, struct key **out)
{
    uint8_t point[POINT];
    CK_ATTRIBUTE a = { CKA_EC_POINT, point, sizeof(point) };
    CK_RV rv = t->f->C_GetAttributeValue(t->session, object, &a, 1);
    struct key_parts parts = { 0 };

    if (rv != CKR_OK)
        return failed(cx, "C_GetAttributeValue", rv);
    if (a.ulValueLen != POINT || point[0] != 0x04 || point[1] != 65 || point[2] != 0x04)
        return refuse(cx, ERR_KEY, "PKCS#11", "a point of another form");
    parts.x = (struct bytes){ point + 3, 32 };
    parts.y = (struct bytes){ point + 35, 32 };
    return key_import(cx, KEY_P256, &parts, out);
}

err_t
token_make(struct ctx *cx, struct token *t, struct bytes *id, struct key **public_half,
           unsigned long *handle)
{
    static uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }; /* RFC 5480 */
    uint8_t *name = arena_alloc(cx->arena, ID);
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_MECHANISM how = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE open = 0, closed = 0;
    CK_RV rv;

    if (name == NULL)
        return refuse_memory(cx);
    random_bytes(name, ID);
    CK_ATTRIBUTE for_open[] = { { CKA_TOKEN, &yes, sizeof(yes) },
                                { CKA_VERIFY, &yes, sizeof(yes) },
                                { CKA_EC_PARAMS, p256, sizeof(p256) },
                                { CKA_ID, name, ID } };
    CK_ATTRIBUTE for_closed[] = {
        { CKA_TOKEN, &yes, sizeof(yes) },     { CKA_PRIVATE, &yes, sizeof(yes) },
        { CKA_SENSITIVE, &yes, sizeof(yes) }, { CKA_EXTRACTABLE, &no, sizeof(no) },
        { CKA_SIGN, &yes, sizeof(yes) },      { CKA_ID, name, ID }
    };
    rv = t->f->C_GenerateKeyPair(t->session, &how, for_open, COUNT(for_open), for_closed,
                                 COUNT(for_closed), &open, &closed);
    if (rv != CKR_OK)
        return failed(cx, "C_GenerateKeyPair", rv);
    *id = (struct bytes){ name, ID };
    *handle = closed;
    return read_point(cx, t, open, public_half);
}

/* The objects of one class with this id; how many, up to two. */
static err_t
search(struct ctx *cx, struct token *t, struct bytes id, CK_OBJECT_CLASS class,
       CK_OBJECT_HANDLE found[2], CK_ULONG *n)
{
    uint8_t name[ID];
    CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, name, ID } };
    CK_RV rv;

    *n = 0;
    if (id.n != ID)
        return refuse(cx, ERR_KEY, "PKCS#11", "an id of %zu bytes", id.n);
    memcpy(name, id.p, ID);
    if ((rv = t->f->C_FindObjectsInit(t->session, like, COUNT(like))) != CKR_OK)
        return failed(cx, "C_FindObjectsInit", rv);
    rv = t->f->C_FindObjects(t->session, found, 2, n);
    (void)t->f->C_FindObjectsFinal(t->session);
    return rv == CKR_OK ? ERR_OK : failed(cx, "C_FindObjects", rv);
}

err_t
token_find(struct ctx *cx, struct token *t, struct bytes id, unsigned long *handle)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n;
    err_t e = search(cx, t, id, CKO_PRIVATE_KEY, found, &n);

    if (e != ERR_OK)
        return e;
    if (n != 1)
        return refuse(cx, ERR_NOT_FOUND, "PKCS#11", "the token holds %lu such keys", n);
    *handle = found[0];
    return ERR_OK;
}

err_t
token_sign(struct ctx *cx, struct token *t, unsigned long handle, const uint8_t digest[32],
           uint8_t signature[64])
{
    CK_MECHANISM how = { CKM_ECDSA, NULL, 0 };
    uint8_t in[32];
    CK_ULONG n = 64;
    CK_RV rv = t->f->C_SignInit(t->session, &how, handle);

    if (rv != CKR_OK)
        return failed(cx, "C_SignInit", rv);
    memcpy(in, digest, sizeof(in));
    rv = t->f->C_Sign(t->session, in, sizeof(in), signature, &n);
    if (rv == CKR_OK && n == 64)
        return ERR_OK;
    return failed(cx, "C_Sign", rv);
}

err_t
token_delete(struct ctx *cx, struct token *t, struct bytes id)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY };

    for (size_t i = 0; i < COUNT(classes); i++) {
        CK_OBJECT_HANDLE found[2];
        CK_ULONG n;
        err_t e = search(cx, t, id, classes[i], found, &n);

        if (e != ERR_OK)
            return e;
        while (n > 0) {
            CK_RV rv = t->f->C_DestroyObject(t->session, found[--n]);

            if (rv != CKR_OK)
                return failed(cx, "C_DestroyObject", rv);
        }
    }
    return ERR_OK;
}
