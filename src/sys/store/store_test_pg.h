/*
 * store_test_pg.h - a PostgreSQL of its own for a test program: on a private
 * socket in a temporary folder, as another user when we are root (it refuses
 * to run as root), gone when the program ends, however it ends. KNOOP_TEST_PG
 * names the folder of one that runs already, and stays (tools/faults).
 *
 * EUPL-1.2.
 */
#ifndef KNOOP_SYS_STORE_TEST_PG_H
#define KNOOP_SYS_STORE_TEST_PG_H

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct test_pg {
    char dir[64], bin[200];
    pid_t pid;
};

/* The newest of Debian's places, else the PATH. */
static inline int
test_pg_find(struct test_pg *pg)
{
    glob_t g = { 0 };
    const char *path = getenv("PATH");
    char name[256];

    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &g) == 0 && g.gl_pathc > 0)
        snprintf(pg->bin, sizeof(pg->bin), "%s", g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    while (pg->bin[0] == '\0' && path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");

        snprintf(name, sizeof(name), "%.*s/initdb", (int)n, path);
        if (access(name, X_OK) == 0)
            snprintf(pg->bin, sizeof(pg->bin), "%.*s", (int)n, path);
        path += n + (path[n] == ':');
    }
    snprintf(name, sizeof(name), "%s/initdb", pg->bin);
    return access(name, X_OK) == 0;
}

static inline pid_t
test_pg_run(const struct test_pg *pg, const char *program, const char **args)
{
    pid_t parent = getpid(), pid;
    struct passwd *user = getpwnam("postgres");

    if (user == NULL)
        user = getpwnam("nobody");
    if (geteuid() == 0 && user != NULL && chown(pg->dir, user->pw_uid, user->pw_gid) != 0)
        return -1;
    if ((pid = fork()) == 0) {
        char name[300];
        int null = open("/dev/null", O_RDWR);

        if (geteuid() == 0 &&
            (user == NULL || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 ||
             setuid(user->pw_uid) != 0 || setenv("HOME", pg->dir, 1) != 0))
            _exit(126);
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (getppid() != parent || chdir(pg->dir) != 0)
            _exit(126);
        dup2(null, 0);
        dup2(null, 1);
        /* By its whole name, so that it finds the others beside it, whatever PATH says. */
        snprintf(name, sizeof(name), "%s/%s", pg->bin, program);
        args[0] = name;
        execv(name, (char *const *)(uintptr_t)args);
        _exit(127);
    }
    return pid;
}

static inline int
test_pg_wait(pid_t pid)
{
    int status = -1;

    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static inline void
test_pg_stop(struct test_pg *pg)
{
    pid_t rm;

    if (getenv("KNOOP_TEST_PG") != NULL || pg->dir[0] == '\0')
        return;
    if (pg->pid > 0) {
        kill(pg->pid, SIGQUIT);
        waitpid(pg->pid, NULL, 0);
    }
    pg->pid = 0;
    if ((rm = fork()) == 0) {
        execlp("rm", "rm", "-rf", pg->dir, (char *)NULL);
        _exit(127);
    }
    waitpid(rm, NULL, 0);
}

/* False, and said aloud, where there is no PostgreSQL. */
static inline int
test_pg_start(struct test_pg *pg)
{
    const char *there = getenv("KNOOP_TEST_PG");
    char data[100];
    int status;

    memset(pg, 0, sizeof(*pg));
    if (there != NULL)
        return snprintf(pg->dir, sizeof(pg->dir), "%s", there) > 0;
    if (!test_pg_find(pg)) {
        fprintf(stderr, "SKIPPED: there is no PostgreSQL server on this machine\n");
        return 0;
    }
    strcpy(pg->dir, "/tmp/knoop-pg-XXXXXX");
    if (mkdtemp(pg->dir) == NULL)
        return 0;
    snprintf(data, sizeof(data), "%s/data", pg->dir);
    status = test_pg_wait(
        test_pg_run(pg, "initdb",
                    (const char *[]){ "initdb", "-D", data, "-A", "trust", "-U", "knoop",
                                      "-N", "-E", "UTF8", "--locale=C.UTF-8",
                                      /* an order of text that is not ours */
                                      "--locale-provider=icu", "--icu-locale=nl", NULL }));
    if (status != 0) {
        fprintf(stderr, "FAILED: initdb of %s\n", pg->bin);
        test_pg_stop(pg);
        return -1;
    }
    status = -1;
    pg->pid = test_pg_run(pg, "postgres",
                          (const char *[]){ "postgres", "-D", data, "-k", pg->dir, "-h", "",
                                            "-c", "fsync=off", "-c", "max_connections=60",
                                            "-c", "shared_buffers=16MB", NULL });
    for (int i = 0; i < 1000 && status != 0; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        status = test_pg_wait(test_pg_run(
            pg, "pg_isready", (const char *[]){ "pg_isready", "-q", "-h", pg->dir, NULL }));
    }
    return pg->pid > 0 && status == 0 ? 1 : -1;
}

#endif
