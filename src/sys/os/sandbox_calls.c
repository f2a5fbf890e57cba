/*
 * sandbox_calls.c - seccomp: the system calls that a role may make.
 *
 * Rule      First a short list of what no role ever needs, which kills; then a
 *           list per role of what it needs, and ENOSYS for the rest (with which
 *           the C library falls back). What is forbidden to the role by name
 *           kills there too.
 * Note      A filter holds for all that come after: the second can only take
 *           away. Of several verdicts the kernel takes the hardest.
 * Source    Knoop; the filter is made by libseccomp. EUPL-1.2.
 */
#include "sys/os/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define N(name) SCMP_SYS(name)

/* Comparisons of an argument: the whole, and the lower half that an int is. */
#define WHOLE(arg, op, v) ((struct scmp_arg_cmp){ (arg), (op), (scmp_datum_t)(v), 0 })
#define BITS(arg, mask, v)                                                                 \
    ((struct scmp_arg_cmp){ (arg), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask),               \
                            (scmp_datum_t)(v) })
#define INT_IS(arg, v) BITS(arg, 0xffffffffu, (uint32_t)(v))

/* Never, in any role: other processes, the machine, and ways around a filter. */
static const int never[] = {
    N(ptrace),
    N(process_vm_readv),
    N(process_vm_writev),
    N(process_madvise),
    N(kcmp),
    N(pidfd_getfd),
    N(pidfd_send_signal),
    N(bpf),
    N(perf_event_open),
    N(userfaultfd),
    N(io_uring_setup),
    N(io_uring_enter),
    N(io_uring_register),
    N(kexec_load),
    N(kexec_file_load),
    N(init_module),
    N(finit_module),
    N(delete_module),
    N(reboot),
    N(mount),
    N(umount2),
    N(pivot_root),
    N(chroot),
    N(setns),
    N(unshare),
    N(open_by_handle_at),
    N(add_key),
    N(request_key),
    N(keyctl),
    N(swapon),
    N(swapoff),
    N(acct),
    N(quotactl),
    N(settimeofday),
    N(clock_settime),
    N(iopl),
    N(ioperm),
    N(personality),
    N(uselib),
    N(move_mount),
    N(open_tree),
    N(fsopen),
    N(fsmount),
    N(fsconfig),
    N(fspick),
    N(mount_setattr),
    N(lookup_dcookie),
    N(vhangup),
    N(sethostname),
    N(setdomainname),
    N(migrate_pages),
    N(move_pages),
    N(name_to_handle_at),
    N(nfsservctl),
    -1,
};
static const int exec_calls[] = { N(execve), N(execveat), N(fork), N(vfork), -1 };

/* What threads, memory, time and open descriptors need. */
static const int plain[] = {
    N(read),
    N(write),
    N(readv),
    N(writev),
    N(pread64),
    N(preadv),
    N(close),
    N(close_range),
    N(fstat),
    N(newfstatat),
    N(stat),
    N(lstat),
    N(statx),
    N(lseek),
    N(munmap),
    N(mremap),
    N(madvise),
    N(brk),
    N(mlock),
    N(mlock2),
    N(munlock),
    N(msync),
    N(mincore),
    N(futex),
    N(sched_yield),
    N(sched_getaffinity),
    N(sched_getparam),
    N(sched_getscheduler),
    N(nanosleep),
    N(clock_nanosleep),
    N(clock_gettime),
    N(clock_getres),
    N(gettimeofday),
    N(time),
    N(getpid),
    N(gettid),
    N(getppid),
    N(getuid),
    N(geteuid),
    N(getgid),
    N(getegid),
    N(getresuid),
    N(getresgid),
    N(getgroups),
    N(getpgrp),
    N(rt_sigaction),
    N(rt_sigprocmask),
    N(rt_sigreturn),
    N(rt_sigtimedwait),
    N(rt_sigpending),
    N(rt_sigsuspend),
    N(sigaltstack),
    N(exit),
    N(exit_group),
    N(getrandom),
    N(poll),
    N(ppoll),
    N(select),
    N(pselect6),
    N(epoll_create1),
    N(epoll_ctl),
    N(epoll_wait),
    N(epoll_pwait),
    N(epoll_pwait2),
    N(eventfd2),
    N(timerfd_create),
    N(timerfd_settime),
    N(timerfd_gettime),
    N(signalfd4),
    N(dup),
    N(dup2),
    N(dup3),
    N(recvmsg),
    N(sendmsg),
    N(recvfrom),
    N(sendto),
    N(recvmmsg),
    N(sendmmsg),
    N(shutdown),
    N(getsockopt),
    N(setsockopt),
    N(getsockname),
    N(getpeername),
    N(set_robust_list),
    N(get_robust_list),
    N(rseq),
    N(restart_syscall),
    N(uname),
    N(sysinfo),
    N(getrusage),
    N(times),
    N(getcpu),
    N(membarrier),
    N(prlimit64),
    N(getrlimit),
    N(umask),
    N(access),
    N(faccessat),
    N(faccessat2),
    N(readlink),
    N(readlinkat),
    N(getdents64),
    N(getcwd),
    N(fsync),
    N(fdatasync),
    N(fstatfs),
    N(statfs),
    N(arch_prctl),
    N(set_tid_address),
    N(pipe2),
    -1,
};

/* Files that may change in any way; landlock says where. */
static const int files[] = {
    N(open),     N(openat),    N(fcntl),           N(pwrite64),
    N(pwritev),  N(ftruncate), N(truncate),        N(fallocate),
    N(rename),   N(renameat),  N(renameat2),       N(unlink),
    N(unlinkat), N(mkdir),     N(mkdirat),         N(rmdir),
    N(flock),    N(fchmod),    N(chmod),           N(fchmodat),
    N(fchown),   N(utimensat), N(sync_file_range), N(copy_file_range),
    N(link),     N(linkat),    N(fadvise64),       -1,
};
static const int network[] = {
    N(socket), N(socketpair), N(connect),      N(bind), N(listen),
    N(accept), N(accept4),    N(memfd_create), -1,
};
static const int any_memory[] = { N(mmap), N(mprotect), N(pkey_mprotect), -1 };

static const int signer_never[] = {
    N(socket), N(connect),         N(bind),
    N(listen), N(accept),          N(accept4),
    N(tkill),  N(rt_sigqueueinfo), N(rt_tgsigqueueinfo),
    -1,
};
static const int signer_hsm_never[] = {
    N(bind),
    N(listen),
    N(accept),
    N(accept4),
    N(tkill),
    N(rt_sigqueueinfo),
    N(rt_tgsigqueueinfo),
    -1,
};
static const int hsm_network[] = { N(socket), N(socketpair), N(connect), -1 };
static const int auditor_never[] = {
    N(truncate),
    N(ftruncate),
    N(fallocate),
    N(rename),
    N(renameat),
    N(renameat2),
    N(unlink),
    N(unlinkat),
    N(rmdir),
    N(link),
    N(linkat),
    N(symlink),
    N(symlinkat),
    N(pwrite64),
    N(pwritev),
    N(pwritev2),
    N(copy_file_range),
    N(sendfile),
    N(splice),
    N(creat),
    N(chmod),
    N(fchmod),
    N(fchmodat),
    N(socket),
    N(connect),
    N(bind),
    N(listen),
    N(accept),
    N(accept4),
    N(tkill),
    N(rt_sigqueueinfo),
    N(rt_tgsigqueueinfo),
    -1,
};
static const int worker_never[] = { N(tkill), N(rt_sigqueueinfo), N(rt_tgsigqueueinfo),
                                    -1 };

struct filter {
    scmp_filter_ctx f;
    uint32_t otherwise;
    int failed; /* the first error, negative */
};

/* A call that this libseccomp or machine does not know needs no rule. */
static void
rule(struct filter *f, uint32_t verdict, int call, unsigned n,
     const struct scmp_arg_cmp *args)
{
    int rc;

    if (call == __NR_SCMP_ERROR || verdict == f->otherwise)
        return;
    rc = seccomp_rule_add_array(f->f, verdict, call, n, args);
    if (rc < 0 && rc != -EDOM && rc != -EEXIST && f->failed == 0)
        f->failed = rc;
}

static void
rules(struct filter *f, uint32_t verdict, const int *calls)
{
    for (; *calls != -1; calls++)
        rule(f, verdict, *calls, 0, NULL);
}

static void
rule1(struct filter *f, uint32_t verdict, int call, struct scmp_arg_cmp a)
{
    rule(f, verdict, call, 1, &a);
}

static err_t
load(struct ctx *cx, struct filter *f)
{
    int rc = f->failed;

    if (rc == 0)
        rc = seccomp_load(f->f);
    seccomp_release(f->f);
    if (rc < 0)
        return refuse(cx, ERR_INTERNAL, "", "seccomp: %s", strerror(-rc));
    return ERR_OK;
}

static err_t
begin(struct ctx *cx, struct filter *f, uint32_t otherwise)
{
    f->f = seccomp_init(otherwise);
    f->otherwise = otherwise;
    f->failed = 0;
    if (f->f == NULL)
        return refuse(cx, ERR_INTERNAL, "", "seccomp is not there");
    /* A second architecture's numbers (32 bits on 64) kill: the default. */
    (void)seccomp_attr_set(f->f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(f->f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return ERR_OK;
}

err_t
sandbox__calls_first(struct ctx *cx, enum sandbox_role role)
{
    struct filter f;
    err_t e = begin(cx, &f, SCMP_ACT_ALLOW);

    if (e != ERR_OK)
        return e;
    rules(&f, SCMP_ACT_KILL_PROCESS, never);
    if (role != SANDBOX_SUPERVISOR)
        rules(&f, SCMP_ACT_KILL_PROCESS, exec_calls);
    return load(cx, &f);
}

/* --- arguments ---------------------------------------------------------------- */

/* Threads yes, processes no. clone3 hides its flags: ENOSYS, and glibc uses clone. */
static void
threads(struct filter *f)
{
    rule1(f, SCMP_ACT_ALLOW, N(clone), BITS(0, CLONE_THREAD, CLONE_THREAD));
    rule1(f, SCMP_ACT_KILL_PROCESS, N(clone), BITS(0, CLONE_THREAD, 0));
    rule(f, SCMP_ACT_ERRNO(ENOSYS), N(clone3), 0, NULL);
}

/* Signals to oneself alone (abort, pthread_cancel). */
static void
own_signals(struct filter *f)
{
    pid_t me = getpid();

    for (size_t i = 0; i < 2; i++) {
        int call = i ? N(tgkill) : N(kill);

        rule1(f, SCMP_ACT_ALLOW, call, INT_IS(0, me));
        rule1(f, SCMP_ACT_KILL_PROCESS, call, WHOLE(0, SCMP_CMP_NE, me));
    }
}

static void
mild_prctl(struct filter *f)
{
    const int
        ok[] = { PR_SET_NAME,    PR_GET_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ,
                 PR_GET_SECCOMP, 0x53564d41 /* PR_SET_VMA: glibc names its memory */ };

    for (size_t i = 0; i < COUNT(ok); i++)
        rule1(f, SCMP_ACT_ALLOW, N(prctl), INT_IS(0, ok[i]));
    rule1(f, SCMP_ACT_ALLOW, N(ioctl), INT_IS(1, 0x541B /* FIONREAD */));
    rule1(f, SCMP_ACT_ALLOW, N(ioctl), INT_IS(1, 0x5421 /* FIONBIO */));
    rule1(f, SCMP_ACT_ALLOW, N(ioctl), INT_IS(1, 0x5401 /* TCGETS */));
}

/* Memory becomes code no more: for roles that load nothing after start. */
static void
no_new_code(struct filter *f)
{
    const int calls[] = { N(mmap), N(mprotect), N(pkey_mprotect) };

    for (size_t i = 0; i < COUNT(calls); i++)
        rule1(f, SCMP_ACT_ALLOW, calls[i], BITS(2, PROT_EXEC, 0));
}

/*
 * The auditor opens to read, or to append; never to cut, nor to read and
 * write, so that no mapping of a segment can be written. Its append flag
 * stays: no F_SETFL.
 */
static void
append_only(struct filter *f)
{
    const int fcntls[] = { F_GETFL,         F_GETFD, F_SETFD, F_DUPFD,
                           F_DUPFD_CLOEXEC, F_GETLK, F_SETLK };
    const int opens[] = { N(open), N(openat) };

    for (unsigned i = 0; i < COUNT(opens); i++) {
        rule1(f, SCMP_ACT_ALLOW, opens[i], BITS(i ? 2 : 1, O_ACCMODE | O_TRUNC, O_RDONLY));
        rule1(f, SCMP_ACT_ALLOW, opens[i],
              BITS(i ? 2 : 1, O_ACCMODE | O_TRUNC | O_APPEND, O_WRONLY | O_APPEND));
        rule1(f, SCMP_ACT_KILL_PROCESS, opens[i], BITS(i ? 2 : 1, O_TRUNC, O_TRUNC));
    }
    for (size_t i = 0; i < COUNT(fcntls); i++)
        rule1(f, SCMP_ACT_ALLOW, N(fcntl), INT_IS(1, fcntls[i]));
}

static err_t
as_ordered(struct ctx *cx, struct filter *f, enum sandbox_role role)
{
    switch (role) {
    case SANDBOX_SIGNER:
        rules(f, SCMP_ACT_ALLOW, files);
        rules(f, SCMP_ACT_KILL_PROCESS, signer_never);
        no_new_code(f);
        return ERR_OK;
    case SANDBOX_SIGNER_HSM:
        rules(f, SCMP_ACT_ALLOW, files);
        rules(f, SCMP_ACT_ALLOW, hsm_network);
        rules(f, SCMP_ACT_KILL_PROCESS, signer_hsm_never);
        rules(f, SCMP_ACT_ALLOW, any_memory);
        return ERR_OK;
    case SANDBOX_AUDITOR:
        rules(f, SCMP_ACT_KILL_PROCESS, auditor_never);
        append_only(f);
        no_new_code(f);
        return ERR_OK;
    case SANDBOX_WORKER:
        rules(f, SCMP_ACT_ALLOW, files);
        rules(f, SCMP_ACT_ALLOW, network);
        rules(f, SCMP_ACT_KILL_PROCESS, worker_never);
        rules(f, SCMP_ACT_ALLOW, any_memory); /* libraries and pcre2's code come late */
        return ERR_OK;
    case SANDBOX_NONE:
    case SANDBOX_SUPERVISOR: break;
    }
    return refuse(cx, ERR_INTERNAL, "", "nobody chose a sandbox");
}

err_t
sandbox__calls_second(struct ctx *cx, enum sandbox_role role)
{
    struct filter f;
    err_t e = begin(cx, &f, SCMP_ACT_ERRNO(ENOSYS));

    if (e != ERR_OK)
        return e;
    rules(&f, SCMP_ACT_ALLOW, plain);
    threads(&f);
    own_signals(&f);
    mild_prctl(&f);
    if ((e = as_ordered(cx, &f, role)) != ERR_OK) {
        seccomp_release(f.f);
        return e;
    }
    return load(cx, &f);
}
