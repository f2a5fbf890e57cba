/*
 * supervisor_test.c - the program itself, started as systemd or a person does:
 * its processes, what they may, and what happens when one of them dies. Run
 * as who runs the test, and when that is root, also as root with process.user
 * and as an ordinary user. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"
#include "sys/os/sandbox.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, PATIENCE = 10000, HANGING = 60000, FOUND_MAX = 8 };

static struct test_ctx t;
static const char *program;
static char home[64];
static int notify_fd;

struct node {
    pid_t pid;
    const char *data, *log;
};

static const char *
at(const char *name)
{
    return arena_printf(&t.arena, "%s/%s", home, name).p;
}

static bool
copy(const char *from, const char *to)
{
    char command[8400];

    snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
    return system(command) == 0;
}

/* --- a node ------------------------------------------------------------------- */

static void
become_nobody(void)
{
    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        _exit(99);
}

/* An option stands once on the command line. */
static bool
is_set(const char *const *more, const char *option)
{
    size_t key = strcspn(option, "=") + 1;

    for (; more != NULL && *more != NULL; more++)
        if (strncmp(*more, option, key) == 0)
            return true;
    return false;
}

/* Starts it with these options; its log goes to a file. */
static bool old_kernel; /* the next node finds no landlock */

/* As a kernel without it answers: ENOSYS. Raw, as seccomp's library is fenced off here. */
static void
without_landlock(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program_of = { COUNT(code), code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program_of) < 0)
        _exit(96);
}

static struct node
start(const char *data, bool nobody, const char *const *more)
{
    struct node n = { 0, at(data), arena_printf(&t.arena, "%s/%s.log", home, data).p };
    char *argv[24] = { (char[]){ "knoop" }, (char[]){ "server" } };
    const char *always[] = {
        "url=https://node.knoop.nl/nuts",
        "http.public.address=127.0.0.1:0",
        "http.internal.address=127.0.0.1:0",
        arena_printf(&t.arena, "datadir=%s", n.data).p,
        arena_printf(&t.arena, "keys.root_file=%s", at(nobody ? "root-nobody" : "root")).p,
    };
    size_t a = 2;

    for (size_t i = 0; i < COUNT(always); i++)
        if (!is_set(more, always[i]))
            argv[a++] = arena_z(&t.arena, str_of(always[i]));
    for (; more != NULL && *more != NULL; more++)
        argv[a++] = arena_z(&t.arena, str_of(*more));
    n.pid = fork();
    if (n.pid == 0) {
        int log = open(n.log, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0666);

        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (log < 0 || dup2(log, STDERR_FILENO) < 0)
            _exit(98);
        if (nobody)
            become_nobody();
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (old_kernel)
            without_landlock();
        setenv("NOTIFY_SOCKET", at("notify"), 1);
        execv(program, argv);
        _exit(97);
    }
    return n;
}

static bool
said(const char *what, int ms)
{
    int64_t until = os_tick_ms() + ms;
    char room[256];

    while (os_tick_ms() < until) {
        ssize_t got = recv(notify_fd, room, sizeof(room) - 1, MSG_DONTWAIT);

        if (got > 0) {
            room[got] = '\0';
            if (strstr(room, what) != NULL)
                return true;
        } else
            usleep(2000);
    }
    return false;
}

static struct str
log_of(const struct node *n)
{
    struct bytes text;

    return os_read_file(&t.cx, n->log, 1 << 20, &text) == ERR_OK ? str_of_bytes(text)
                                                                 : S("");
}

static bool
logged(const struct node *n, const char *what)
{
    struct str text = log_of(n);

    return str_search(text, str_of(what)) < text.n;
}

static void
must_be_ready(const struct node *n)
{
    for (int i = 0; i < PATIENCE / 50; i++) {
        if (said("READY=1", 50))
            return;
        if (waitpid(n->pid, NULL, WNOHANG) == n->pid)
            break;
    }
    fprintf(stderr, "not ready: %.*s\n", STR(log_of(n)));
    fail();
}

/* "name" of a role to its processes, by their supervisor. */
static size_t
roles(pid_t parent, const char *name, pid_t found[FOUND_MAX])
{
    DIR *d = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;

    while ((entry = readdir(d)) != NULL && n < FOUND_MAX) {
        char path[300], room[256];
        int ppid = 0;
        FILE *f;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        if ((f = fopen(path, "re")) == NULL)
            continue;
        if (fgets(room, sizeof(room), f) != NULL && strrchr(room, ')') != NULL) {
            char state = 'Z';

            sscanf(strrchr(room, ')') + 1, " %c %d", &state, &ppid);
            if (ppid == parent && state != 'Z' && strstr(room, name) != NULL)
                found[n++] = atoi(entry->d_name);
        }
        fclose(f);
    }
    closedir(d);
    return n;
}

static pid_t
one(const struct node *n, const char *name)
{
    pid_t found[FOUND_MAX];

    return roles(n->pid, name, found) == 1 ? found[0] : 0;
}

static int
ended(const struct node *n, int ms)
{
    int64_t until = os_tick_ms() + ms;
    int status;

    while (os_tick_ms() < until) {
        if (waitpid(n->pid, &status, WNOHANG) == n->pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        usleep(2000);
    }
    fprintf(stderr, "does not end: %.*s\n", STR(log_of(n)));
    return -1;
}

static void
stop(const struct node *n)
{
    assert_int_equal(kill(n->pid, SIGTERM), 0);
    assert_int_equal(ended(n, PATIENCE), 0);
}

/* --- what a process is -------------------------------------------------------- */

static struct str
proc(pid_t pid, const char *file)
{
    char path[64];
    struct str text = { NULL, 0 };
    char *room = arena_alloc(&t.arena, 1 << 18);
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    if ((f = fopen(path, "re")) != NULL) {
        text = (struct str){ room, fread(room, 1, 1 << 18, f) };
        fclose(f);
    }
    return text;
}

static bool
proc_says(pid_t pid, const char *file, const char *what)
{
    struct str text = proc(pid, file);

    return str_search(text, str_of(what)) < text.n;
}

static bool
sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return true;
#endif
#endif
    return false;
}

static void
is_narrow(pid_t pid, const char *name)
{
    static const char *const heavy[] = { "libcurl", "libpq", "libxml2", "libsqlite3" };
    struct str maps = proc(pid, "maps");

    assert_true(pid > 0);
    assert_true(proc_says(pid, "status", "NoNewPrivs:\t1"));
    if (!sanitized())
        assert_true(proc_says(pid, "status", "Seccomp:\t2"));
    assert_true(proc_says(pid, "status", "Umask:\t0077"));
    assert_true(
        proc_says(pid, "limits", "Max core file size        0                    0"));
    if (strcmp(name, "worker") == 0)
        return;
    if (maps.n == 0) { /* not dumpable: as an ordinary user not ours to see */
        fprintf(stderr, "SKIPPED here: the libraries of the %s are not ours to see\n",
                name);
        return;
    }
    for (size_t i = 0; i < COUNT(heavy) - 1; i++)
        if (str_search(maps, str_of(heavy[i])) < maps.n) {
            fprintf(stderr, "%s loads %s\n", name, heavy[i]);
            fail();
        }
}

static bool
all_closed(const char *folder)
{
    char command[256];

    snprintf(command, sizeof(command), "test -z \"$(find '%s' -perm /077)\"", folder);
    return system(command) == 0;
}

static int
port_of(const struct node *n, const char *door)
{
    struct str text = log_of(n), mark = str_of(door);
    size_t i = str_search(text, mark);
    struct str rest = str_sub(text, i, text.n), port = S(", port ");
    uint64_t v;

    rest = str_sub(rest, str_search(rest, port) + port.n, rest.n);
    return str_to_u64(str_cut(&rest, '\n'), &v) ? (int)v : 0;
}

static int
connected(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        os_close(&fd);
    return fd;
}

static bool
connects(int port)
{
    int fd = connected(port);
    bool good = fd >= 0;

    os_close(&fd);
    return good;
}

/* Asks the internal door: 200, and `what` stands in the answer, which is left in `room`. */
static char room_of_answer[8192];

static bool
answers(const struct node *n, const char *method, const char *path, const char *body,
        const char *what)
{
    int port = port_of(n, "the internal door"), fd = connected(port);
    struct str rq = arena_printf(&t.arena,
                                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                 "Content-Type: application/json\r\nConnection: close\r\n"
                                 "Content-Length: %zu\r\n\r\n%s",
                                 method, path, port, strlen(body), body);
    size_t at = 0;
    ssize_t got;

    assert_int_equal(write(fd, rq.p, rq.n), (ssize_t)rq.n);
    while ((got = read(fd, room_of_answer + at, sizeof(room_of_answer) - 1 - at)) > 0)
        at += (size_t)got;
    os_close(&fd);
    room_of_answer[at] = '\0';
    return strncmp(room_of_answer, "HTTP/1.1 200", 12) == 0 &&
           strstr(room_of_answer, what) != NULL;
}

/* An organisation is made: from here on the log has an event, and the signer a key. */
static const char *
an_event(const struct node *n)
{
    struct str did, all;

    assert_true(answers(n, "POST", "/internal/vdr/v2/subject", "{}", "did:web:"));
    all = str_of(strstr(room_of_answer, "did:web:"));
    did = str_cut(&all, '"');
    return arena_z(&t.arena, did);
}

/* --- a life ------------------------------------------------------------------------- */

static const char *const names[] = { "signer", "auditor", "worker" };

static void
replaced(const struct node *n, const char *name)
{
    char process[32];
    int port = port_of(n, "the public door");
    pid_t was, is;
    int64_t died;

    snprintf(process, sizeof(process), "(knoop-%s)", name);
    was = one(n, process);
    assert_true(was > 0);
    assert_int_equal(kill(was, SIGKILL), 0);
    died = os_tick_ms();
    do { /* the door is never closed meanwhile */
        assert_true(connects(port));
        is = one(n, process);
    } while ((is == 0 || is == was) && os_tick_ms() < died + 3000);
    assert_true(is > 0 && is != was);
    assert_true(os_tick_ms() - died < 1500);
}

static void
roles_end(const struct node *n)
{
    pid_t pid[COUNT(names)];
    int64_t until;
    char process[32];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(process, sizeof(process), "(knoop-%s)", names[i]);
        pid[i] = one(n, process);
        assert_true(pid[i] > 0);
    }
    assert_int_equal(kill(n->pid, SIGKILL), 0);
    assert_int_equal(ended(n, PATIENCE), 128 + SIGKILL);
    until = os_tick_ms() + 3000;
    for (size_t i = 0; i < COUNT(names); i++)
        while (kill(pid[i], 0) == 0 && !proc_says(pid[i], "status", "State:\tZ")) {
            assert_true(os_tick_ms() < until);
            usleep(2000);
        }
}

static void
life(const char *data, bool nobody, const char *const *more, uid_t uid)
{
    struct node n = start(data, nobody, more);
    char line[64], process[32];

    must_be_ready(&n);
    snprintf(line, sizeof(line), "Uid:\t%u\t%u\t%u", uid, uid, uid);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(process, sizeof(process), "(knoop-%s)", names[i]);
        is_narrow(one(&n, process), names[i]);
        assert_true(proc_says(one(&n, process), "status", line));
    }
    assert_true(all_closed(n.data));
    for (size_t i = 0; i < COUNT(names); i++)
        replaced(&n, names[i]);
    roles_end(&n);
    n = start(data, nobody, more); /* on what is there, at once */
    must_be_ready(&n);
    an_event(&n);
    replaced(&n, names[0]); /* whose pair is handed to the narrowed auditor late */
    stop(&n);               /* and the last checkpoint is signed over it */
}

static void
as_who_runs_the_test(void **state)
{
    (void)state;
    life("own", false, NULL, geteuid());
}

static void
as_root_for_a_user(void **state)
{
    static const char *const more[] = { "process.user=nobody", NULL };

    (void)state;
    if (geteuid() != 0)
        skip();
    life("changed", false, more, NOBODY);
}

static void
as_an_ordinary_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    life("nobody/data", true, NULL, NOBODY);
}

/* --- reload ------------------------------------------------------------------- */

static void
rewrite(const char *text)
{
    assert_int_equal(os_write_file(&t.cx, at("knoop.yaml"), bytes_of(str_of(text)), 0600),
                     ERR_OK);
}

static void
options_are_read_again(void **state)
{
    const char *more[] = { arena_printf(&t.arena, "configfile=%s", at("knoop.yaml")).p,
                           NULL };
    struct node n;

    (void)state;
    rewrite("verbosity: info\n");
    n = start("reload", false, more);
    must_be_ready(&n);
    rewrite("verbosity: debug\n");
    kill(n.pid, SIGHUP);
    assert_true(said("RELOADING=1", PATIENCE));
    assert_true(said("READY=1", PATIENCE));
    assert_true(logged(&n, "reloaded"));
    rewrite("verbosity: loud\n"); /* the old stays, and the reason is named */
    kill(n.pid, SIGHUP);
    assert_true(said("READY=1", PATIENCE));
    assert_true(logged(&n, "verbosity"));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(one(&n, names[i]) > 0);
    kill(n.pid, SIGTERM);
    assert_true(said("STOPPING=1", PATIENCE));
    assert_int_equal(ended(&n, PATIENCE), 0);
}

/* --- before all are ready ------------------------------------------------------- */

/* A node whose worker waits for its database, which this process has locked. */
static struct node
start_that_waits(const char *data, int *database)
{
    static const char *const more[] = { "store.wait=1m", NULL };
    struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct node n = start(data, false, NULL);

    must_be_ready(&n);
    stop(&n);
    *database =
        open(at(arena_printf(&t.arena, "%s/store/knoop.db", data).p), O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(*database, F_OFD_SETLK, &all), 0);
    n = start(data, false, more);
    for (size_t i = 0; i < COUNT(names); i++)
        for (int64_t until = os_tick_ms() + PATIENCE; one(&n, names[i]) == 0; usleep(2000))
            assert_true(os_tick_ms() < until);
    return n;
}

static void
who_ends_ends_the_start(void **state)
{
    int database;
    struct node n = start_that_waits("early", &database);

    (void)state;
    assert_int_equal(kill(one(&n, "auditor"), SIGKILL), 0);
    assert_int_equal(ended(&n, PATIENCE), 1);
    assert_true(logged(&n, "auditor 0 died of signal 9"));
    assert_true(logged(&n, "does not start: auditor 0 ended before all were ready; mend"));
    os_close(&database);
}

/* Whoever is still starting begins anew with them. */
static void
options_may_change_meanwhile(void **state)
{
    int database;
    struct node n = start_that_waits("hasty", &database);
    pid_t was = one(&n, "worker");

    (void)state;
    kill(n.pid, SIGHUP);
    assert_true(said("RELOADING=1", PATIENCE));
    for (int64_t until = os_tick_ms() + PATIENCE;
         one(&n, "worker") == was || one(&n, "worker") == 0; usleep(2000))
        assert_true(os_tick_ms() < until);
    assert_false(said("READY=1", 50)); /* it waits again */
    os_close(&database);
    must_be_ready(&n);
    assert_false(logged(&n, "died of"));
    stop(&n);
}

/* --- the limit of a stop -------------------------------------------------------- */

static void
who_does_not_end_is_ended(void **state)
{
    static const char *const more[] = { "process.drain=500ms", NULL };
    struct node n = start("late", false, more);

    (void)state;
    must_be_ready(&n);
    assert_int_equal(kill(one(&n, "worker"), SIGSTOP), 0);
    stop(&n);
    assert_true(logged(&n, "worker 0 was not done when its time to stop was over"));
}

/* A machine that is moved or paused stops us too, and nobody hangs. */
static void
who_hangs_is_replaced_and_nobody_else(void **state)
{
    struct node n = start("hangs", false, NULL), still;
    pid_t was, others;

    (void)state;
    must_be_ready(&n);
    still = start("still", false, NULL);
    must_be_ready(&still);
    was = one(&n, "worker");
    others = one(&still, "worker");
    assert_int_equal(kill(was, SIGSTOP), 0);
    assert_int_equal(kill(still.pid, SIGSTOP), 0);
    for (int64_t until = os_tick_ms() + HANGING; one(&n, "worker") == was; usleep(50000))
        assert_true(os_tick_ms() < until);
    assert_true(logged(&n, "worker 0 hangs"));
    assert_int_equal(kill(still.pid, SIGCONT), 0);
    usleep(7000000); /* it asks, and is answered */
    assert_int_equal(one(&still, "worker"), others);
    assert_false(logged(&still, "hangs"));
    stop(&n);
    stop(&still);
}

/* --- refusals ----------------------------------------------------------------- */

static void
does_not_start(const char *data, const char *option, const char *reason)
{
    const char *more[] = { option, NULL };
    struct node n = start(data, false, more);

    assert_int_equal(ended(&n, PATIENCE), 1);
    if (!logged(&n, reason)) {
        fprintf(stderr, "'%s' is not in: %.*s\n", reason, STR(log_of(&n)));
        fail();
    }
}

static void
what_does_not_start(void **state)
{
    struct node n;

    (void)state;
    /* a root key that others may read, that is not there, or lies in the data folder */
    assert_int_equal(os_write_new(&t.cx, at("open"),
                                  bytes_of(S("0123456789abcdef0123456789abcdef")), 0644),
                     ERR_OK);
    does_not_start("r1", arena_printf(&t.arena, "keys.root_file=%s", at("open")).p,
                   "open to others");
    does_not_start("r2", arena_printf(&t.arena, "keys.root_file=%s", at("none")).p,
                   "cannot be opened");
    does_not_start("r3", "keys.root_file=", "knoop keys init");
    assert_int_equal(mkdir(at("r4"), 0700), 0);
    assert_int_equal(keys_root_make(&t.cx, at("r4/root")), ERR_OK);
    does_not_start("r4", arena_printf(&t.arena, "keys.root_file=%s", at("r4/root")).p,
                   "inside datadir");
    /* a data folder that others may enter, or that another node holds */
    assert_int_equal(mkdir(at("r5"), 0755), 0);
    does_not_start("r5", "verbosity=info", "open to others");
    /* a private key where a worker would read it */
    assert_int_equal(os_write_new(&t.cx, at("mixed.pem"),
                                  bytes_of(S("-----BEGIN PRIVATE KEY-----\nAA==\n"
                                             "-----END PRIVATE KEY-----\n")),
                                  0600),
                     ERR_OK);
    does_not_start("r6", arena_printf(&t.arena, "tls.certfile=%s", at("mixed.pem")).p,
                   "no worker may read");
    does_not_start("r7", "http.public.address=example.org:80", "not an address");
    does_not_start("r8", "no.such.option=1", "no.such.option");
    /* what a role finds wrong: its reason, and then who it was */
    does_not_start("r10", arena_printf(&t.arena, "vc.x509.roots=%s", at("open")).p,
                   "does not start: worker 0 ended before all were ready; mend");
    /* two on one folder */
    n = start("r9", false, NULL);
    must_be_ready(&n);
    does_not_start("r9", "verbosity=info", "in use by another");
    stop(&n);
}

/* Without keys.root_file the root key is systemd's credential of this name. */
static void
the_root_key_is_a_credential(void **state)
{
    static const char *const more[] = { "keys.root_file=", NULL };
    struct node n;

    (void)state;
    assert_int_equal(mkdir(at("credentials"), 0700), 0);
    assert_int_equal(keys_root_make(&t.cx, at("credentials/knoop-root")), ERR_OK);
    setenv("CREDENTIALS_DIRECTORY", at("credentials"), 1);
    n = start("credential", false, more);
    must_be_ready(&n);
    an_event(&n);
    stop(&n);
    unsetenv("CREDENTIALS_DIRECTORY");
    does_not_start("credential", "keys.root_file=", "knoop keys init");
}

/* It serves and says what it lacks; where the sandbox is required it does not. */
static void
a_kernel_without_landlock(void **state)
{
    struct node n;

    (void)state;
    old_kernel = true;
    n = start("old", false, NULL);
    must_be_ready(&n);
    assert_true(logged(&n, "this kernel has no landlock"));
    assert_true(
        answers(&n, "GET", "/status/diagnostics", "", "this kernel has no landlock"));
    stop(&n);
    does_not_start("old", "process.sandbox=required", "this kernel has no landlock");
    old_kernel = false;
}

/* --- backup and restore ------------------------------------------------------- */

static int
command(const char *word, const char *a, const char *b, const char *c)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        int quiet = open("/dev/null", O_WRONLY);

        if (quiet < 0 || dup2(quiet, STDERR_FILENO) < 0)
            _exit(98);
        execl(program, "knoop", word, a, b, c, (char *)NULL);
        _exit(97);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
the_data_folder_comes_back(void **state)
{
    struct node n = start("kept", false, NULL);
    const char *subject;

    (void)state;
    must_be_ready(&n);
    subject = an_event(&n);
    assert_int_equal(command("backup", n.data, at("copy"), NULL), 1); /* it runs */
    stop(&n);
    assert_int_equal(command("backup", n.data, at("copy"), NULL), 0);
    assert_true(all_closed(at("copy")));
    assert_int_equal(access(at("copy/store/knoop.db"), F_OK), 0);
    assert_int_equal(access(at("copy/store/knoop.db-taken"), F_OK), -1);
    assert_int_equal(command("backup", n.data, at("copy"), NULL),
                     1); /* never over another */
    assert_int_equal(command("restore", at("copy"), n.data, at("root")), 1);
    assert_int_equal(rename(n.data, at("lost")), 0);
    assert_int_equal(command("restore", at("copy"), n.data, at("root-nobody")), 1);
    assert_int_equal(access(n.data, F_OK), -1); /* a wrong root key restores nothing */
    assert_int_equal(command("restore", at("nobody"), n.data, at("root")), 1);
    /* one of before copies had none: what was used up since is not in it */
    assert_true(copy(at("lost/store/knoop.db-taken"), at("copy/store/knoop.db-taken")));
    assert_int_equal(command("restore", at("copy"), n.data, at("root")), 0);
    assert_int_equal(access(at("kept/store/knoop.db-taken"), F_OK), -1);
    n = start("kept", false, NULL);
    must_be_ready(&n);
    assert_true(logged(&n, "knoop.db-taken is made anew"));
    assert_true(answers(&n, "GET", "/internal/vdr/v2/subject", "", subject));
    stop(&n);
    does_not_start("kept", arena_printf(&t.arena, "keys.root_file=%s", at("root-other")).p,
                   "is not the one of");
    does_not_start("kept", arena_printf(&t.arena, "keys.root_file=%s", at("root-other")).p,
                   "does not start: signer 0 ended");
}

/* --- the fixture -------------------------------------------------------------- */

/* The library that a build for an older Debian brings: where this test has it from. */
static bool
own_library(char path[4096])
{
    char line[4400];
    FILE *f = fopen("/proc/self/maps", "re");
    bool found = false;

    while (!found && fgets(line, sizeof(line), f) != NULL) {
        found = strstr(line, "/libyyjson.so") != NULL && strstr(line, " /usr/") == NULL;
        if (found)
            sscanf(strchr(line, '/'), "%4095[^\n]", path);
    }
    fclose(f);
    return found;
}

/* As `make install` lays it, where an ordinary user may come whoever made the clone. */
static bool
install_program(void)
{
    char path[4096];

    if (mkdir(at("bin"), 0755) < 0 || mkdir(at("lib"), 0755) < 0 ||
        mkdir(at("lib/knoop"), 0755) < 0 || !copy(program, at("bin/knoop")))
        return false;
    program = arena_z(&t.arena, str_of(at("bin/knoop")));
    return !own_library(path) || copy(path, at("lib/knoop/libyyjson.so.0"));
}

static int
setup(void **state)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    (void)state;
    umask(022);
    test_ctx_init(&t);
    strcpy(home, "/tmp/knoop-super-XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(chmod(home, 0755), 0);
    assert_true(install_program());
    assert_int_equal(keys_root_make(&t.cx, at("root")), ERR_OK);
    assert_int_equal(keys_root_make(&t.cx, at("root-nobody")), ERR_OK);
    assert_int_equal(keys_root_make(&t.cx, at("root-other")), ERR_OK);
    assert_int_equal(mkdir(at("nobody"), 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(at("nobody"), NOBODY, NOBODY), 0);
        assert_int_equal(chown(at("root-nobody"), NOBODY, NOBODY), 0);
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strcpy(sa.sun_path, at("notify"));
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return chmod(at("notify"), 0777);
}

static int
teardown(void **state)
{
    char command[128];

    (void)state;
    close(notify_fd);
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    test_ctx_fini(&t);
    return system(command);
}

int
main(int argc, char **argv)
{
    static char path[4096];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_folder_comes_back),
        cmocka_unit_test(as_who_runs_the_test),
        cmocka_unit_test(as_root_for_a_user),
        cmocka_unit_test(as_an_ordinary_user),
        cmocka_unit_test(options_are_read_again),
        cmocka_unit_test(who_ends_ends_the_start),
        cmocka_unit_test(options_may_change_meanwhile),
        cmocka_unit_test(who_does_not_end_is_ended),
        cmocka_unit_test(who_hangs_is_replaced_and_nobody_else),
        cmocka_unit_test(what_does_not_start),
        cmocka_unit_test(a_kernel_without_landlock),
        cmocka_unit_test(the_root_key_is_a_credential),
    };
    char *cut;

    /* build/test/src/... stands beside build/knoop */
    (void)argc;
    if (realpath(argv[0], path) == NULL || (cut = strstr(path, "/test/")) == NULL)
        return 1;
    strcpy(cut, "/knoop");
    program = path;
    return cmocka_run_group_tests_name("supervisor", tests, setup, teardown);
}
