/* p256.c - microseconds of one P-256 verification here and now, for scripts. EUPL-1.2. */
#include "base/bench.h"
#include "crypto/prim/prim.h"

int
main(void)
{
    enum { ROUNDS = 3000 };
    struct arena arena, scratch;
    struct bytes message = bytes_of(S("a message")), signature;
    struct key *k;
    struct ctx cx;
    int64_t from;

    arena_init(&arena, 1u << 20);
    arena_init(&scratch, 1u << 20);
    ctx_init(&cx, &arena, 0);
    bench_must(&cx, key_generate(&cx, KEY_P256, &k), "key");
    bench_must(&cx, key_sign(&cx, k, SIG_ES256, SIG_RAW, message, &signature), "sign");
    bench_pin(0);
    cx.arena = &scratch;
    from = bench_thread_ns();
    for (int i = 0; i < ROUNDS; i++) {
        bench_must(&cx, key_verify(&cx, k, SIG_ES256, SIG_RAW, message, signature),
                   "verify");
        arena_reset(&scratch);
    }
    printf("%.2f\n", (double)(bench_thread_ns() - from) / 1e3 / ROUNDS);
    key_free(k);
    arena_fini(&scratch);
    arena_fini(&arena);
    return 0;
}
