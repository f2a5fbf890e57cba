/*
 * sandbox_test.c - each forbidden act is tried in a narrowed process, and
 * refused: with an error, or by the end of that process.
 *
 * As root the narrowed process becomes another user first, as the roles do;
 * as an ordinary user it stays who it is, which is the harder case: then only
 * the sandbox stands between worker and key. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/os/os.h"
#include "sys/os/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/knoop-sandbox-XXXXXX";
static char key_file[64], open_file[64], log_file[64], new_file[64];
static pid_t victim; /* plays the signer: same user, hardened, not narrowed */
static char secret[] = "a private key would stand here";

enum { DONE = 0, REFUSED = 1, BROKEN = 2 };

/* Did the call fail for lack of a right? */
static int
refused(long rc)
{
    return rc >= 0 ? DONE : REFUSED;
}

/* --- acts --------------------------------------------------------------------- */

static int
act_open_key(void)
{
    return refused(open(key_file, O_RDONLY));
}
static int
act_open_free(void)
{
    return refused(open(open_file, O_RDONLY));
}
static int
act_write_free(void)
{
    return refused(open(open_file, O_WRONLY));
}
static int
act_ptrace(void)
{
    return refused(ptrace(PTRACE_ATTACH, victim, NULL, NULL));
}
static int
act_signal(void)
{
    return refused(kill(victim, SIGTERM));
}
static int
act_signal_zero(void)
{
    return refused(kill(victim, 0));
}
static int
act_tgkill(void)
{
    return refused(syscall(SYS_tgkill, victim, victim, SIGTERM));
}
static int
act_signal_self(void)
{
    return refused(kill(getpid(), 0));
}
static int
act_memory_call(void)
{
    char room[16];
    struct iovec mine = { room, sizeof(room) }, theirs = { secret, sizeof(room) };

    return refused(process_vm_readv(victim, &mine, 1, &theirs, 1, 0));
}
static int
act_memory_file(void)
{
    char path[64], room[16];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/mem", victim);
    if ((fd = open(path, O_RDONLY)) < 0)
        return REFUSED;
    return refused(pread(fd, room, sizeof(room), (off_t)(uintptr_t)secret));
}
static int
act_environ(void)
{
    char path[64], room[16];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/environ", victim);
    if ((fd = open(path, O_RDONLY)) < 0)
        return REFUSED;
    return refused(read(fd, room, sizeof(room)));
}
static int
act_exec(void)
{
    char *argv[] = { (char[]){ "true" }, NULL };

    execv("/bin/true", argv);
    return REFUSED;
}
static int
act_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return refused(pid);
}
static int
act_socket(void)
{
    return refused(socket(AF_INET, SOCK_STREAM, 0));
}
static int
act_unix_socket(void)
{
    return refused(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int
act_listen(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return REFUSED;
    return refused(listen(fd, 1));
}
static int
act_append(void)
{
    int fd = open(log_file, O_WRONLY | O_APPEND);

    return refused(fd < 0 ? fd : write(fd, "x", 1));
}
static int
act_new_segment(void)
{
    return refused(open(new_file, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0600));
}
static int
act_truncate(void)
{
    return refused(truncate(log_file, 0));
}
static int
act_ftruncate(void)
{
    int fd = open(log_file, O_WRONLY | O_APPEND);

    return fd < 0 ? BROKEN : refused(ftruncate(fd, 0));
}
static int
act_open_truncating(void)
{
    return refused(open(log_file, O_WRONLY | O_TRUNC | O_APPEND));
}
static int
act_open_to_rewrite(void)
{
    return refused(open(log_file, O_WRONLY));
}
static int
act_open_to_map(void)
{
    return refused(open(log_file, O_RDWR | O_APPEND));
}
static int
act_drop_append(void)
{
    int fd = open(log_file, O_WRONLY | O_APPEND);

    return fd < 0 ? BROKEN : refused(fcntl(fd, F_SETFL, 0));
}
static int
act_write_at(void)
{
    int fd = open(log_file, O_WRONLY | O_APPEND);

    return fd < 0 ? BROKEN : refused(pwrite(fd, "x", 1, 0));
}
static int
act_punch(void)
{
    int fd = open(log_file, O_WRONLY | O_APPEND);

    return fd < 0
               ? BROKEN
               : refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
}
static int
act_rename(void)
{
    return refused(rename(log_file, new_file));
}
static int
act_unlink(void)
{
    return refused(unlink(log_file));
}
static int
act_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? REFUSED : DONE;
}
static int
act_dumpable(void)
{
    return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static void *
thread(void *arg)
{
    return arg;
}
static int
act_thread(void)
{
    pthread_t t;

    if (pthread_create(&t, NULL, thread, NULL) != 0)
        return REFUSED;
    return pthread_join(t, NULL) == 0 ? DONE : BROKEN;
}
static int
act_core(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_CORE, &l) < 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return DONE;
    return l.rlim_cur == 0 && l.rlim_max == 0 ? REFUSED : DONE;
}
static int
act_open_to_others(void)
{
    struct stat st;
    int fd = open(new_file, O_WRONLY | O_CREAT | O_EXCL, 0666);

    if (fd < 0 || fstat(fd, &st) < 0)
        return BROKEN;
    unlink(new_file);
    return (st.st_mode & 077) == 0 ? REFUSED : DONE;
}

/* --- the narrowed process ----------------------------------------------------- */

enum held { BY_CALLS = 1, BY_PATHS = 2, BY_BOTH = 3, BY_NOTHING = 4 };

struct act {
    const char *name;
    enum sandbox_role role;
    int (*fn)(void);
    bool allowed;
    enum held by; /* which half holds it: a machine may lack one */
};

static const struct act acts[] = {
    { "a worker opens a key file", SANDBOX_WORKER, act_open_key, false, BY_PATHS },
    { "a worker opens what it may", SANDBOX_WORKER, act_open_free, true, BY_BOTH },
    { "a worker writes what it may only read", SANDBOX_WORKER, act_write_free, false,
      BY_PATHS },
    { "a worker attaches to a role", SANDBOX_WORKER, act_ptrace, false, BY_NOTHING },
    { "a worker ends a role", SANDBOX_WORKER, act_signal, false, BY_BOTH },
    { "a worker signals a role", SANDBOX_WORKER, act_signal_zero, false, BY_BOTH },
    { "a worker signals a thread of a role", SANDBOX_WORKER, act_tgkill, false, BY_BOTH },
    { "a worker signals itself", SANDBOX_WORKER, act_signal_self, true, BY_BOTH },
    { "a worker reads the signer's memory", SANDBOX_WORKER, act_memory_call, false,
      BY_NOTHING },
    { "a worker opens the signer's memory", SANDBOX_WORKER, act_memory_file, false,
      BY_NOTHING },
    { "a worker reads the signer's environment", SANDBOX_WORKER, act_environ, false,
      BY_NOTHING },
    { "a worker runs a program", SANDBOX_WORKER, act_exec, false, BY_BOTH },
    { "a worker forks", SANDBOX_WORKER, act_fork, false, BY_CALLS },
    { "a worker starts a thread", SANDBOX_WORKER, act_thread, true, BY_BOTH },
    { "a worker opens a socket", SANDBOX_WORKER, act_socket, true, BY_BOTH },
    { "a worker becomes dumpable", SANDBOX_WORKER, act_dumpable, false, BY_CALLS },
    { "a worker leaves a core", SANDBOX_WORKER, act_core, false, BY_NOTHING },
    { "a signer opens a network socket", SANDBOX_SIGNER, act_socket, false, BY_CALLS },
    { "a signer opens a local socket", SANDBOX_SIGNER, act_unix_socket, false, BY_CALLS },
    { "a signer runs a program", SANDBOX_SIGNER, act_exec, false, BY_BOTH },
    { "a signer makes code", SANDBOX_SIGNER, act_code, false, BY_CALLS },
    { "a signer attaches to a role", SANDBOX_SIGNER, act_ptrace, false, BY_NOTHING },
    { "a signer signals a role", SANDBOX_SIGNER, act_signal, false, BY_BOTH },
    { "a signer leaves a core", SANDBOX_SIGNER, act_core, false, BY_NOTHING },
    { "a network HSM's signer listens", SANDBOX_SIGNER_HSM, act_listen, false, BY_CALLS },
    { "a network HSM's signer connects", SANDBOX_SIGNER_HSM, act_socket, true, BY_BOTH },
    { "an auditor appends", SANDBOX_AUDITOR, act_append, true, BY_BOTH },
    { "an auditor begins a segment", SANDBOX_AUDITOR, act_new_segment, true, BY_BOTH },
    { "an auditor truncates", SANDBOX_AUDITOR, act_truncate, false, BY_BOTH },
    { "an auditor truncates a descriptor", SANDBOX_AUDITOR, act_ftruncate, false, BY_BOTH },
    { "an auditor opens to truncate", SANDBOX_AUDITOR, act_open_truncating, false,
      BY_BOTH },
    { "an auditor opens to rewrite", SANDBOX_AUDITOR, act_open_to_rewrite, false,
      BY_CALLS },
    { "an auditor opens to map", SANDBOX_AUDITOR, act_open_to_map, false, BY_CALLS },
    { "an auditor drops append", SANDBOX_AUDITOR, act_drop_append, false, BY_CALLS },
    { "an auditor writes in place", SANDBOX_AUDITOR, act_write_at, false, BY_CALLS },
    { "an auditor punches a hole", SANDBOX_AUDITOR, act_punch, false, BY_CALLS },
    { "an auditor renames", SANDBOX_AUDITOR, act_rename, false, BY_BOTH },
    { "an auditor unlinks", SANDBOX_AUDITOR, act_unlink, false, BY_BOTH },
    { "an auditor listens", SANDBOX_AUDITOR, act_listen, false, BY_CALLS },
    { "an auditor opens a key file", SANDBOX_AUDITOR, act_open_key, false, BY_PATHS },
    { "an auditor runs a program", SANDBOX_AUDITOR, act_exec, false, BY_BOTH },
};

static void
become_another(struct ctx *cx)
{
    struct os_user nobody = { 65534, 65534, geteuid() == 0 };

    if (os_user_become(cx, &nobody) != ERR_OK)
        _exit(BROKEN);
}

static int
narrowed(const struct act *a)
{
    const struct sandbox_path paths[] = {
        { a->role == SANDBOX_AUDITOR ? folder : open_file,
          a->role == SANDBOX_AUDITOR ? SANDBOX_READ | SANDBOX_APPEND : SANDBOX_READ },
        { "/proc", SANDBOX_READ },
        { "/nowhere/at/all", SANDBOX_READ },
    };
    struct test_ctx t;

    test_ctx_init(&t);
    become_another(&t.cx);
    if (os_harden(&t.cx) != ERR_OK || sandbox_first(&t.cx, a->role) != ERR_OK ||
        sandbox_second(&t.cx, a->role, paths, COUNT(paths), false) != ERR_OK)
        return BROKEN;
    return a->fn();
}

/* Runs `fn` in a process of its own; a process killed for it was refused. */
static int
apart(int (*fn)(const struct act *), const struct act *a)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn(a));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? REFUSED : BROKEN;
    return WEXITSTATUS(status);
}

static bool
can_be_held(const struct act *a, int abi)
{
    bool calls = !SANDBOX_SANITIZED, paths = abi > 0;

    if (a->allowed || a->by == BY_NOTHING)
        return true;
    if (a->fn == act_signal || a->fn == act_signal_zero || a->fn == act_tgkill)
        paths = abi >= 6;
    if (a->fn == act_truncate || a->fn == act_ftruncate || a->fn == act_open_truncating)
        paths = abi >= 3;
    return ((a->by & BY_CALLS) && calls) || ((a->by & BY_PATHS) && paths);
}

static void
each_act(void **state)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(acts); i++) {
        const struct act *a = &acts[i];
        int did;

        if (!can_be_held(a, (int)abi)) {
            fprintf(stderr, "SKIPPED here (landlock %ld, sanitized %d): %s\n", abi,
                    SANDBOX_SANITIZED, a->name);
            continue;
        }
        /* ftruncate under a sanitizer is landlock's, which holds it at open */
        if (SANDBOX_SANITIZED && (a->fn == act_ftruncate || a->fn == act_exec) &&
            !a->allowed)
            continue;
        did = apart(narrowed, a);
        unlink(new_file);
        if (did != (a->allowed ? DONE : REFUSED)) {
            fprintf(stderr, "%s: %s\n", a->name,
                    did == DONE      ? "done"
                    : did == REFUSED ? "refused"
                                     : "broken");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(kill(victim, 0), 0); /* still there */
}

/* Without the sandbox the acts work: the test tests something. */
static int
bare(const struct act *a)
{
    return a->fn();
}
static void
acts_work_without(void **state)
{
    const struct act key = { .fn = act_open_key }, net = { .fn = act_socket },
                     cut = { .fn = act_open_truncating }, sig = { .fn = act_signal_zero },
                     run = { .fn = act_exec };

    (void)state;
    assert_int_equal(apart(bare, &key), DONE);
    assert_int_equal(apart(bare, &net), DONE);
    assert_int_equal(apart(bare, &cut), DONE);
    assert_int_equal(apart(bare, &sig), DONE);
    assert_int_equal(apart(bare, &run), DONE);
}

static int
mask(const struct act *a)
{
    struct test_ctx t;

    (void)a;
    test_ctx_init(&t);
    return os_harden(&t.cx) == ERR_OK ? act_open_to_others() : BROKEN;
}
static void
files_are_ours_alone(void **state)
{
    (void)state;
    assert_int_equal(apart(mask, NULL), REFUSED);
}

static int
undecided(const struct act *a)
{
    struct test_ctx t;

    (void)a;
    test_ctx_init(&t);
    return sandbox_first(&t.cx, SANDBOX_NONE) != ERR_OK &&
                   sandbox_second(&t.cx, SANDBOX_NONE, NULL, 0, false) != ERR_OK
               ? REFUSED
               : DONE;
}
static void
zero_is_refusal(void **state)
{
    (void)state;
    assert_int_equal(apart(undecided, NULL), REFUSED);
}

/* On a machine that lacks a half, `required` refuses; else it does not. */
static int
required(const struct act *a)
{
    struct test_ctx t;
    err_t e;

    (void)a;
    test_ctx_init(&t);
    if (sandbox_first(&t.cx, SANDBOX_WORKER) != ERR_OK)
        return BROKEN;
    e = sandbox_second(&t.cx, SANDBOX_WORKER, NULL, 0, true);
    return (e != ERR_OK) == (sandbox_state()->note[0] != '\0') ? DONE : BROKEN;
}
static void
required_is_kept(void **state)
{
    (void)state;
    assert_int_equal(apart(required, NULL), DONE);
}

static void
put_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "knoop", 5), 5);
    assert_int_equal(fchmod(fd, 0666), 0); /* the sandbox holds it, not the mode */
    close(fd);
}

static int
setup(void **state)
{
    struct test_ctx t;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    snprintf(key_file, sizeof(key_file), "%s/key", folder);
    snprintf(open_file, sizeof(open_file), "%s/open", folder);
    snprintf(log_file, sizeof(log_file), "%s/log", folder);
    snprintf(new_file, sizeof(new_file), "%s/new", folder);
    put_file(open_file);
    put_file(log_file);
    /* the auditor's folder is allowed: the key lies elsewhere */
    snprintf(key_file, sizeof(key_file), "%s.key", folder);
    put_file(key_file);
    victim = fork();
    if (victim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        test_ctx_init(&t);
        become_another(&t.cx);
        if (os_harden(&t.cx) != ERR_OK)
            _exit(1);
        for (;;)
            pause();
    }
    usleep(20000);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    unlink(key_file);
    unlink(open_file);
    unlink(log_file);
    unlink(new_file);
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acts_work_without), cmocka_unit_test(files_are_ours_alone),
        cmocka_unit_test(zero_is_refusal),   cmocka_unit_test(required_is_kept),
        cmocka_unit_test(each_act),
    };

    return cmocka_run_group_tests_name("sandbox", tests, setup, teardown);
}
