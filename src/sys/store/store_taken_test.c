/* store_taken_test.c - one-time values in memory that processes share. EUPL-1.2. */
#include "base/test.h"
#include "sys/conf/conf.h"
#include "sys/store/store_int.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD = 4096, ENTRY = 16, VALUES = 4096, SIZE = HEAD + VALUES * ENTRY };

struct fix {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    char dir[64], url[128], path[128];
};
#define CX  (&((struct fix *)*state)->t.cx)
#define FIX ((struct fix *)*state)

static void
shut(struct fix *f)
{
    store_close(f->sys.store);
    f->sys.store = NULL;
}

static err_t
open_again(struct fix *f)
{
    shut(f);
    refuse_clear(&f->t.cx);
    return store_open(&f->t.cx, str_of(f->url), &f->sys.store);
}

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    *state = f;
    test_ctx_init(&f->t);
    assert_int_equal(conf_default(&f->t.cx, &f->conf), ERR_OK);
    f->conf->store_wait = 200;
    f->conf->store_once = VALUES;
    f->t.cx.conf = f->conf;
    f->t.cx.sys = &f->sys;
    snprintf(f->dir, sizeof(f->dir), "/tmp/knoop-taken-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->url, sizeof(f->url), "sqlite://%s/knoop.db", f->dir);
    snprintf(f->path, sizeof(f->path), "%s/knoop.db-taken", f->dir);
    assert_int_equal(open_again(f), ERR_OK);
    return 0;
}

static int
teardown(void **state)
{
    char command[96];

    shut(FIX);
    conf_give(FIX->conf);
    snprintf(command, sizeof(command), "rm -rf '%s'", FIX->dir);
    assert_int_equal(system(command), 0);
    test_ctx_fini(&FIX->t);
    free(*state);
    return 0;
}

static err_t
take(struct ctx *cx, const char *value)
{
    refuse_clear(cx);
    return store_take_once(cx, "jti", str_of(value), cx->now_ms + 60000);
}

/* Writes `n` bytes of the file, as nobody does who is well. */
static void
scribble(struct fix *f, const void *bytes, size_t n, off_t at)
{
    int fd = open(f->path, O_WRONLY);

    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void
it_outlives_the_process(void **state)
{
    assert_int_equal(take(CX, "a"), ERR_OK);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
    assert_int_equal(take(CX, "b"), ERR_OK);
}

static void
kill_9_loses_nothing(void **state)
{
    int ends[2], status;
    char said = 0;
    pid_t pid;

    shut(FIX); /* no connection crosses a fork */
    assert_int_equal(pipe(ends), 0);
    if ((pid = fork()) == 0) {
        said = open_again(FIX) == ERR_OK && take(CX, "a") == ERR_OK ? 'y' : 'n';
        if (write(ends[1], &said, 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &said, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(said, 'y');
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
}

/* Every bucket holds 64 values that live: no more are taken, nor is one forgotten. */
static void
a_full_one_takes_no_more(void **state)
{
    int64_t entry[2] = { 1, CX->now_ms + 1000 };
    char *all = malloc(SIZE - HEAD);
    bool taken = true;

    for (size_t at = 0; at < SIZE - HEAD; at += ENTRY)
        memcpy(all + at, entry, ENTRY);
    assert_int_equal(take(CX, "before"), ERR_OK);
    scribble(FIX, all, SIZE - HEAD, HEAD);
    free(all);
    assert_int_equal(take(CX, "a"), ERR_UNAVAILABLE);
    refuse_clear(CX);
    assert_int_equal(store_was_taken(CX, "jti", S("a"), &taken), ERR_OK);
    assert_false(taken);
    CX->now_ms += 1000; /* all have ended */
    assert_int_equal(take(CX, "a"), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
}

static void
who_holds_the_lock_is_waited_for(void **state)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(FIX->path, O_RDWR);

    assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
    assert_int_equal(take(CX, "a"), ERR_UNAVAILABLE);
    refuse_clear(CX);
    assert_int_equal(open_again(FIX), ERR_UNAVAILABLE);
    close(fd); /* as the kernel does for who is killed */
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_OK);
}

/* Its other name holds what was written until then: half a magic, here. */
static void
a_start_that_was_cut_off_is_made_anew(void **state)
{
    char new[sizeof(FIX->path) + 4];
    struct stat st;

    shut(FIX);
    snprintf(new, sizeof(new), "%s-new", FIX->path);
    assert_int_equal(rename(FIX->path, new), 0);
    assert_int_equal(truncate(new, 9), 0);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(stat(new, &st), -1);
    assert_int_equal(take(CX, "a"), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
    assert_int_equal(link(FIX->path, new), 0); /* it had both names */
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
}

/* A file that lost its head or its end may hold values that live. */
static void
what_is_there_is_not_made_anew(void **state)
{
    static const char zeros[HEAD];
    char head[HEAD];
    int fd;

    assert_int_equal(take(CX, "a"), ERR_OK);
    shut(FIX);
    fd = open(FIX->path, O_RDONLY);
    assert_int_equal(read(fd, head, HEAD), HEAD);
    close(fd);
    scribble(FIX, zeros, HEAD, 0);
    assert_int_equal(open_again(FIX), ERR_STORE_SCHEMA);
    scribble(FIX, head, HEAD, 0);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
    shut(FIX);
    assert_int_equal(truncate(FIX->path, 0), 0);
    assert_int_equal(open_again(FIX), ERR_STORE_SCHEMA);
}

/* In a process of its own, once `go` is closed: opens, takes "a", and says how that went.
 */
static void
start(struct fix *f, const int go[2], int said)
{
    struct ctx *cx = &f->t.cx;
    char byte = '-';

    if (fork() != 0)
        return;
    close(go[1]);
    (void)!read(go[0], &byte, 1);
    if (open_again(f) == ERR_OK)
        switch (take(cx, "a")) {
        case ERR_OK: byte = 'y'; break;
        case ERR_CONFLICT: byte = 'n'; break;
        default: break;
        }
    (void)!write(said, &byte, 1);
    _exit(0);
}

/* Several make the file at once: one of them wins, and all use it. */
static void
starts_at_once_use_one_file(void **state)
{
    enum { ROUNDS = 8, STARTS = 4 };

    for (int round = 0; round < ROUNDS; round++) {
        int go[2], said[2], taken = 0;
        char how;

        shut(FIX);
        assert_int_equal(unlink(FIX->path), 0);
        assert_int_equal(pipe(go), 0);
        assert_int_equal(pipe(said), 0);
        for (int i = 0; i < STARTS; i++)
            start(FIX, go, said[1]);
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < STARTS; i++) {
            assert_int_equal(read(said[0], &how, 1), 1);
            assert_true(how == 'y' || how == 'n');
            taken += how == 'y';
        }
        assert_int_equal(taken, 1);
        while (wait(NULL) > 0)
            ;
        close(said[0]);
        close(said[1]);
        assert_int_equal(open_again(FIX), ERR_OK);
        assert_int_equal(take(CX, "a"), ERR_CONFLICT);
    }
}

/* A new database has used up nothing; one that lost its file may have. */
static void
since_when_it_remembers(void **state)
{
    assert_int_equal(store_once_since(NULL), 0);
    assert_int_equal(store_once_since(FIX->sys.store), 0);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(store_once_since(FIX->sys.store), 0);
    shut(FIX);
    assert_int_equal(unlink(FIX->path), 0);
    CX->now_ms += 1000;
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(store_once_since(FIX->sys.store), CX->now_ms);
    CX->now_ms += 1000; /* and it stays so */
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(store_once_since(FIX->sys.store), CX->now_ms - 1000);
}

/* A first start that was cut off before its database was there. */
static void
a_file_without_its_database_is_kept(void **state)
{
    char path[sizeof(FIX->url)];

    assert_int_equal(take(CX, "a"), ERR_OK);
    shut(FIX);
    snprintf(path, sizeof(path), "%s/knoop.db", FIX->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(store_once_since(FIX->sys.store), 0);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
}

static void
another_s_file_is_refused(void **state)
{
    shut(FIX);
    scribble(FIX, "knoop one-time values 2", 23, 0);
    assert_int_equal(open_again(FIX), ERR_STORE_SCHEMA);
    assert_int_equal(truncate(FIX->path, 100), 0);
    assert_int_equal(open_again(FIX), ERR_STORE_SCHEMA);
}

/* A file that is there has the size that it was made with: what lives in it lives on. */
static void
another_size_counts_for_a_new_file(void **state)
{
    struct stat st;

    assert_int_equal(take(CX, "a"), ERR_OK);
    FIX->conf->store_once = 2 * VALUES;
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
    shut(FIX);
    assert_int_equal(unlink(FIX->path), 0);
    assert_int_equal(open_again(FIX), ERR_OK);
    assert_int_equal(stat(FIX->path, &st), 0);
    assert_int_equal(st.st_size, HEAD + 2 * VALUES * ENTRY);
    assert_int_equal(take(CX, "a"), ERR_OK);
    assert_int_equal(take(CX, "a"), ERR_CONFLICT);
}

static void
its_file_is_private(void **state)
{
    struct stat st;

    assert_int_equal(stat(FIX->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, SIZE);
    assert_int_equal(chmod(FIX->path, 0640), 0);
    assert_int_equal(open_again(FIX), ERR_STORE);
    assert_int_equal(unlink(FIX->path), 0);
    assert_int_equal(symlink("/tmp/elsewhere", FIX->path), 0);
    assert_int_equal(open_again(FIX), ERR_STORE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_outlives_the_process),
        T(kill_9_loses_nothing),
        T(a_full_one_takes_no_more),
        T(who_holds_the_lock_is_waited_for),
        T(a_start_that_was_cut_off_is_made_anew),
        T(what_is_there_is_not_made_anew),
        T(starts_at_once_use_one_file),
        T(since_when_it_remembers),
        T(a_file_without_its_database_is_kept),
        T(another_s_file_is_refused),
        T(another_size_counts_for_a_new_file),
        T(its_file_is_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
