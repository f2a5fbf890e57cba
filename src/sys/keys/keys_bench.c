/*
 * keys_bench.c - what a signature costs when another process makes it: alone,
 * and with many threads whose requests travel together. The bound is the same
 * signature made here. EUPL-1.2.
 */
#include "base/bench.h"
#include "sys/keys/signer_int.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define OWNER "did:web:node.example.org:iam:een"
#define KID   OWNER "#0"

enum { ROUNDS = 4000, THREADS_MAX = 64 };

static struct sys sys;
static struct arena arena;
static struct ctx cx;
static int64_t now_s;

static bool
ready(struct ctx *c, struct signer *s, void *arg)
{
    (void)c;
    (void)s;
    (void)arg;
    return false;
}

static void
must(err_t e, const char *what)
{
    bench_must(&cx, e, what);
}

static pid_t
start(const char *home, int *host)
{
    int pair[2], end[2];
    struct conf *c;
    struct signer *s;
    char keys[96], root[96];
    pid_t pid;

    snprintf(keys, sizeof(keys), "%s/keys", home);
    snprintf(root, sizeof(root), "%s/root", home);
    must(os_folder(&cx, keys), "folder");
    must(keys_root_make(&cx, root), "root");
    must(os_pair(&cx, &pair[0], &pair[1]), "pair");
    must(os_pair(&cx, &end[0], &end[1]), "pair");
    must(conf_default(&cx, &c), "conf");
    if ((pid = fork()) == 0) {
        struct signer_setup setup = { keys, open(root, O_RDONLY | O_CLOEXEC), c,
                                      os_now_ms };
        struct signer_host h = { end[1], ready, NULL };

        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        close(pair[0]);
        close(end[0]);
        must(signer_open(&cx, &setup, &s), "signer");
        must(signer_peer(&cx, s, pair[1], SIGNER_FROM_WORKER, 0), "peer");
        signer_run(s, &h);
        _exit(0);
    }
    close(pair[1]);
    close(end[1]);
    *host = end[0];
    keys_reconnect(sys.keys, pair[0]);
    return pid;
}

static void *
sign_many(void *arg)
{
    long rounds = (long)(intptr_t)arg;
    struct arena a;
    struct ctx own;
    struct str claims, jwt;

    arena_init(&a, 1 << 20);
    for (long i = 0; i < rounds; i++) {
        arena_reset(&a);
        ctx_init(&own, &a, 0);
        own.sys = &sys;
        claims = arena_printf(
            &a,
            "{\"htm\":\"GET\",\"htu\":\"https://a.example.org/fhir/Patient/1\","
            "\"iat\":%lld,\"jti\":\"0123456789abcdef\"}",
            (long long)now_s);
        if (keys_sign_jwt(&own, KEY_DPOP, S(KID), claims, &jwt) != ERR_OK) {
            fprintf(stderr, "%.*s\n", STR(own.reason));
            exit(1);
        }
    }
    arena_fini(&a);
    return NULL;
}

static double
bound(void)
{
    struct key *k;
    struct bytes sig;
    int64_t before;

    must(key_generate(&cx, KEY_P256, &k), "key");
    before = bench_wall_ns();
    for (int i = 0; i < ROUNDS; i++) {
        struct ctx one = cx;
        struct arena a;

        arena_init(&a, 1 << 16);
        one.arena = &a;
        must(key_sign(&one, k, SIG_ES256, SIG_RAW, bytes_of(S("a message")), &sig), "sign");
        arena_fini(&a);
    }
    key_free(k);
    return (double)(bench_wall_ns() - before) / ROUNDS / 1000;
}

int
main(int argc, char **argv)
{
    static const int threads[] = { 1, 4, 16, 64 };
    char home[] = "/tmp/knoop-keys-bench-XXXXXX", command[64];
    struct str jwk;
    double here;
    int host;
    pid_t pid;

    bench_start(argc, argv);
    arena_init(&arena, 64 << 20);
    ctx_init(&cx, &arena, os_now_ms());
    cx.sys = &sys;
    now_s = os_now_ms() / 1000;
    if (mkdtemp(home) == NULL || !prim_start())
        return 1;
    must(keys_open(&cx, &sys.keys), "keys");
    here = bound();
    pid = start(home, &host);
    must(keys_new(&cx, KEY_SUBJECT, S(OWNER), S(KID), &jwk), "new");
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_t t[THREADS_MAX];
        int64_t before = bench_wall_ns();
        int64_t ours = bench_process_ns(), its = bench_cpu_of(pid);
        char name[64];

        for (int n = 0; n < threads[i]; n++)
            pthread_create(&t[n], NULL, sign_many, (void *)(intptr_t)(ROUNDS / threads[i]));
        for (int n = 0; n < threads[i]; n++)
            pthread_join(t[n], NULL);
        snprintf(name, sizeof(name), "keys.dpop.%d-threads", threads[i]);
        bench_cost(name, (double)(bench_wall_ns() - before) / ROUNDS / 1e3, "us", here,
                   "us, the signature alone");
        snprintf(name, sizeof(name), "keys.dpop.%d-threads.cpu", threads[i]);
        bench_cost(name,
                   (double)(bench_process_ns() - ours + bench_cpu_of(pid) - its) / ROUNDS /
                       1e3,
                   "us", here, "us, the signature alone");
    }
    close(host);
    waitpid(pid, NULL, 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    return system(command);
}
