/* os_test.c - files that survive, folders of our own, messages, doors. EUPL-1.2. */
#include "base/test.h"
#include "sys/os/dl.h"
#include "sys/os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct test_ctx t;
static char folder[64];

static const char *
at(const char *name)
{
    const char *path = arena_printf(&t.arena, "%s/%s", folder, name).p;

    assert_non_null(path);
    return path;
}

static struct bytes
text(const char *z)
{
    return bytes_of(str_of(z));
}

static void
written_is_whole(void **state)
{
    struct bytes got;
    struct str *names;
    size_t n;
    struct stat st;

    (void)state;
    assert_int_equal(os_write_new(&t.cx, at("a"), text("one"), 0600), ERR_OK);
    assert_int_equal(os_write_new(&t.cx, at("a"), text("two"), 0600), ERR_CONFLICT);
    assert_int_equal(os_read_file(&t.cx, at("a"), 3, &got), ERR_OK);
    assert_true(bytes_eq(got, text("one")));
    assert_int_equal(os_write_file(&t.cx, at("a"), text("three"), 0600), ERR_OK);
    assert_int_equal(os_read_file(&t.cx, at("a"), 4, &got), ERR_TOO_LARGE);
    assert_int_equal(os_read_file(&t.cx, at("a"), 5, &got), ERR_OK);
    assert_true(bytes_eq(got, text("three")));
    assert_int_equal(stat(at("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* nothing was left beside it, after success and after refusal */
    assert_int_equal(os_folder_list(&t.cx, folder, &names, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(os_remove(&t.cx, at("a")), ERR_OK);
    assert_int_equal(os_remove(&t.cx, at("a")), ERR_NOT_FOUND);
    assert_int_equal(os_read_file(&t.cx, at("a"), 5, &got), ERR_NOT_FOUND);
    assert_int_equal(os_read_file(&t.cx, folder, 5, &got), ERR_FORBIDDEN);
}

static void
folders_are_ours(void **state)
{
    int a, b;

    (void)state;
    assert_int_equal(os_folder(&t.cx, at("x/y/z")), ERR_OK);
    assert_int_equal(os_folder(&t.cx, at("x/y/z")), ERR_OK);
    assert_int_equal(chmod(at("x/y/z"), 0750), 0);
    assert_int_equal(os_folder(&t.cx, at("x/y/z")), ERR_FORBIDDEN);
    assert_int_equal(chmod(at("x/y/z"), 0700), 0);
    assert_int_equal(os_folder_lock(&t.cx, at("x"), &a), ERR_OK);
    assert_int_equal(os_folder_lock(&t.cx, at("x"), &b), ERR_CONFLICT);
    os_close(&a);
    assert_int_equal(os_folder_lock(&t.cx, at("x"), &a), ERR_OK);
    os_close(&a);
    assert_true(os_path_inside(at("x/y"), at("x")));
    assert_true(os_path_inside(at("x"), at("x")));
    assert_false(os_path_inside(at("x"), at("x/y")));
    assert_int_equal(mkdir(at("xx"), 0700), 0);
    assert_false(os_path_inside(at("xx"), at("x")));
    assert_int_equal(symlink(at("x/y"), at("xx/link")), 0);
    assert_true(os_path_inside(at("xx/link"), at("x")));
}

static void
trees_are_copied(void **state)
{
    struct bytes got;

    (void)state;
    assert_int_equal(os_folder(&t.cx, at("from/sub")), ERR_OK);
    assert_int_equal(os_write_new(&t.cx, at("from/sub/f"), text("f"), 0600), ERR_OK);
    assert_int_equal(os_copy_tree(&t.cx, at("from"), at("to")), ERR_OK);
    assert_int_equal(os_read_file(&t.cx, at("to/sub/f"), 5, &got), ERR_OK);
    assert_true(bytes_eq(got, text("f")));
    /* never over what is there, and no links */
    assert_int_equal(os_copy_tree(&t.cx, at("from"), at("to")), ERR_CONFLICT);
    assert_int_equal(symlink("/etc/passwd", at("from/link")), 0);
    assert_int_equal(os_copy_tree(&t.cx, at("from"), at("to2")), ERR_FORBIDDEN);
}

static void
messages_carry_descriptors(void **state)
{
    int a, b, none[2], fds[OS_FDS_MAX];
    char room[16];
    size_t n;
    struct bytes got;

    (void)state;
    assert_int_equal(os_write_new(&t.cx, at("handed"), text("by hand"), 0600), ERR_OK);
    assert_int_equal(os_pair(&t.cx, &a, &b), ERR_OK);
    assert_int_equal(os_nonblock(&t.cx, b), ERR_OK);
    assert_int_equal(os_recv(&t.cx, b, room, sizeof(room), &n, fds), ERR_UNAVAILABLE);
    none[0] = open(at("handed"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(os_send(&t.cx, a, text("hello"), none, 1), ERR_OK);
    os_close(&none[0]);
    assert_int_equal(os_recv(&t.cx, b, room, sizeof(room), &n, fds), ERR_OK);
    assert_int_equal(n, 5);
    assert_true(fds[0] >= 0 && fds[1] == -1);
    assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    /* a file that was handed is read by its name, though it is not there */
    assert_int_equal(os_hand(&t.cx, "/no/such/name", fds[0]), ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(os_read_file(&t.cx, "/no/such/name", 64, &got), ERR_OK);
        assert_true(bytes_eq(got, text("by hand")));
    }
    assert_int_equal(os_hand(&t.cx, "/no/such/name", -1), ERR_OK);
    assert_int_equal(os_read_file(&t.cx, "/no/such/name", 64, &got), ERR_NOT_FOUND);
    /* cut messages are refused whole */
    assert_int_equal(os_send(&t.cx, a, text("longer than sixteen"), NULL, 0), ERR_OK);
    assert_int_equal(os_recv(&t.cx, b, room, sizeof(room), &n, fds), ERR_TOO_LARGE);
    os_close(&a);
    assert_int_equal(os_recv(&t.cx, b, room, sizeof(room), &n, fds), ERR_GONE);
    assert_int_equal(os_send(&t.cx, b, text("x"), NULL, 0), ERR_GONE);
    os_close(&b);
}

static void
doors(void **state)
{
    int a[2], b[2];
    size_t n;
    char taken[32];

    (void)state;
    assert_int_equal(os_listen(&t.cx, S("127.0.0.1:0"), a, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_true(os_port(a[0]) > 0);
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", os_port(a[0]));
    assert_int_equal(os_listen(&t.cx, str_of(taken), b, &n), ERR_CONFLICT);
    os_close(&a[0]);
    assert_int_equal(os_listen(&t.cx, S("localhost:0"), a, &n), ERR_OK);
    if (n == 2)
        assert_int_equal(os_port(a[0]), os_port(a[1]));
    os_close(&a[0]);
    os_close(&a[1]);
    assert_int_equal(os_listen(&t.cx, S(":0"), a, &n), ERR_OK);
    assert_int_equal(n, 1);
    os_close(&a[0]);
    static const char *const bad[] = { "",          "8080",          "host:80",
                                       "1.2.3.4:",  "1.2.3.4:65536", "::1:80",
                                       "1.2.3.4:x", "[::1:80",       "1.2.3:80" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(os_listen(&t.cx, str_of(bad[i]), a, &n), ERR_BAD_REQUEST);
}

static void
notify(void **state)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    char room[32] = { 0 };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    strcpy(sa.sun_path, at("notify"));
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    setenv("NOTIFY_SOCKET", sa.sun_path, 1);
    os_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(recv(fd, room, sizeof(room), MSG_DONTWAIT), 7);
    assert_string_equal(room, "READY=1");
    close(fd);
    setenv("WATCHDOG_USEC", "3000000", 1);
    assert_int_equal(os_watchdog_ms(), 3000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(os_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

static void
libraries(void **state)
{
    struct {
        const char *(*zlibVersion)(void);
        int (*missing)(void);
    } z = { NULL, NULL };
    const struct dl_name names[] = {
        { "zlibVersion", offsetof(__typeof__(z), zlibVersion) },
        { "no_such_symbol", offsetof(__typeof__(z), missing) }
    };

    (void)state;
    assert_int_equal(dl_load(&t.cx, "libz.so.1", names, 2, &z), ERR_UNAVAILABLE);
    assert_int_equal(dl_load(&t.cx, "libz.so.1", names, 1, &z), ERR_OK);
    assert_non_null(z.zlibVersion());
    assert_int_equal(dl_load(&t.cx, "libnosuch.so.1", names, 1, &z), ERR_UNAVAILABLE);
}

static void
users(void **state)
{
    struct os_user u;

    (void)state;
    assert_int_equal(os_user_find(&t.cx, S(""), &u), ERR_OK);
    if (geteuid() != 0) {
        assert_false(u.change);
        return;
    }
    assert_int_equal(os_user_find(&t.cx, S("root"), &u), ERR_FORBIDDEN);
    assert_int_equal(os_user_find(&t.cx, S("no-such-user"), &u), ERR_NOT_FOUND);
    assert_int_equal(os_user_find(&t.cx, S("nobody"), &u), ERR_OK);
    assert_true(u.change && u.uid != 0);
}

static int
setup(void **state)
{
    (void)state;
    umask(077);
    test_ctx_init(&t);
    strcpy(folder, "/tmp/knoop-os-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int
teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    test_ctx_fini(&t);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_are_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(trees_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_carry_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(doors, setup, teardown),
        cmocka_unit_test_setup_teardown(notify, setup, teardown),
        cmocka_unit_test_setup_teardown(libraries, setup, teardown),
        cmocka_unit_test_setup_teardown(users, setup, teardown),
    };

    return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
