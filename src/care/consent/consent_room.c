/* consent_room.c - the room's table: its routes, and what they need of others. EUPL-1.2. */
#include "care/consent/consent_int.h"

#include "sys/keys/keys.h"
#include "sys/room.h"
#include "trust/did/did.h"

static err_t
tenant_known(struct ctx *cx, struct str tenant)
{
    struct did_subject s;

    return did_subject_find(cx, tenant, &s);
}

static struct consent_state real = { keys_seal_person, tenant_known };

static err_t
room_open(struct ctx *cx, void **state)
{
    (void)cx;
    *state = &real;
    return ERR_OK;
}

const struct room consent_room = {
    .routes = consent_routes,
    .open = room_open,
};
