/* process.c - the programs that are measured: started, watched, ended. EUPL-1.2. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct sockaddr
loopback(int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr any;

    memcpy(&any, &sa, sizeof(any));
    return any;
}

int
load_port(void)
{
    struct sockaddr any = loopback(0);
    struct sockaddr_in sa;
    socklen_t n = sizeof(any);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, &any, sizeof(any)) != 0 || getsockname(fd, &any, &n) != 0) {
        perror("a free port");
        exit(1);
    }
    close(fd);
    memcpy(&sa, &any, sizeof(sa));
    return ntohs(sa.sin_port);
}

pid_t
load_start(const char *const *argv, unsigned core, const char *log)
{
    pid_t parent = getpid(), pid = fork();
    int fd;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(1);
    bench_pin(core);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    perror(argv[0]);
    _exit(127);
}

bool
load_serves(pid_t pid, int port)
{
    struct sockaddr any = loopback(port);

    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool good = connect(fd, &any, sizeof(any)) == 0;

        close(fd);
        if (good)
            return true;
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return false;
        usleep(10000);
    }
    return false;
}

void
load_stop(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    for (int i = 0; i < 500; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static size_t
add_children(pid_t parent, pid_t pids[LOAD_PIDS], size_t n)
{
    char path[64];
    FILE *f;
    int child;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    if ((f = fopen(path, "r")) == NULL)
        return n;
    while (n < LOAD_PIDS && fscanf(f, "%d", &child) == 1) {
        pids[n++] = child;
        n = add_children(child, pids, n);
    }
    fclose(f);
    return n;
}

size_t
load_tree(pid_t root, pid_t pids[LOAD_PIDS])
{
    pids[0] = root;
    return add_children(root, pids, 1);
}

int64_t
load_cpu_ns(pid_t root)
{
    pid_t pids[LOAD_PIDS];
    size_t n = load_tree(root, pids);
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bench_cpu_of(pids[i]);
    return sum;
}

static int64_t
pss_kb(pid_t pid)
{
    char path[64], row[256];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    if ((f = fopen(path, "r")) == NULL)
        return 0;
    while (fgets(row, sizeof(row), f) != NULL && sscanf(row, "Pss: %ld", &kb) != 1)
        ;
    fclose(f);
    return kb;
}

int64_t
load_memory_kb(pid_t root)
{
    pid_t pids[LOAD_PIDS];
    size_t n = load_tree(root, pids);
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += pss_kb(pids[i]);
    return sum;
}

static char folder[] = "/tmp/knoop-load-XXXXXX";

static void
remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s was not removed\n", folder);
}

const char *
load_folder(void)
{
    static bool made;

    if (!made && (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)) {
        perror(folder);
        exit(1);
    }
    made = true;
    return folder;
}
