/* audit_fuzz.c - what the auditor and verify read: lines, checkpoints, frames. EUPL-1.2. */
#include <stdlib.h>
#include <string.h>

#include "sys/audit/log_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
as_frame(struct ctx *cx, const uint8_t *data, size_t n)
{
    static struct ring ring;
    uint8_t room[FRAME_MAX];
    struct audit_record record;
    struct frame_head head;
    struct bytes body;

    if (ring.head == NULL && audit__ring_anonymous(cx, RING_MIN, &ring) != ERR_OK)
        abort();
    if (n > RING_MIN)
        return;
    audit__ring_in(&ring, RING_MIN - 100, data, n); /* so that it wraps */
    if (audit__frame_read(cx, &ring, RING_MIN - 100, RING_MIN - 100 + n, room, &head,
                          &body) == ERR_OK)
        (void)!audit__unpack(cx, body, &record);
    (void)!audit__unpack(cx, (struct bytes){ data, n }, &record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct arena arena;
    struct ctx cx;
    struct chain chain = { 0 };
    struct line line;
    struct bad bad;

    arena_init(&arena, 8 << 20);
    ctx_init(&cx, &arena, 1);
    if (audit__line_parse(&cx, text, &line))
        (void)!audit__chain_follow(&cx, &chain, &line, &bad);
    /* and as if it had fitted its hash, which a fuzzer does not find */
    line.text = text;
    line.event = S("CHECKPOINT");
    (void)!audit__checkpoint_restore(&cx, &line, &chain);
    as_frame(&cx, data, n);
    arena_fini(&arena);
    return 0;
}
