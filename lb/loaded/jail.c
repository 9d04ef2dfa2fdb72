// SPDX-License-Identifier: Apache-2.0
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/options.h"
#include "queue/privileges.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the list of system calls was never tried on this architecture"
#endif

/* A sanitizer's run-time library has calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* What threads, memory, sockets and the end of a process take. */
static const int allowed[] = {
	SYS_accept4, SYS_bind, SYS_brk, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_clone3, SYS_close,
	SYS_connect, SYS_exit, SYS_exit_group, SYS_fcntl, SYS_futex, SYS_geteuid, SYS_getpid, SYS_getrandom,
	SYS_getsockopt, SYS_gettid, SYS_kill, SYS_lseek, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_mremap,
	SYS_munmap, SYS_newfstatat, SYS_fstat, SYS_ppoll, SYS_prlimit64, SYS_read, SYS_recvfrom, SYS_recvmmsg,
	SYS_recvmsg, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_yield, SYS_sendmsg, SYS_sendto,
	SYS_set_robust_list, SYS_setsockopt, SYS_socket, SYS_tgkill, SYS_write, SYS_writev,
#ifdef SYS_poll
	SYS_poll,
#endif
};

/* An empty folder that is gone as soon as it is open. False: not permitted. */
static bool change_root(void)
{
	char folder[] = "/tmp/loaded-lb-XXXXXX";
	int fd = -1, error = 0;

	if (!mkdtemp(folder) || (fd = open(folder, O_DIRECTORY | O_CLOEXEC)) < 0 || rmdir(folder))
		fail(EXIT_ERROR, "Cannot make an empty folder in /tmp: %s.", strerror(errno));
	if (fchdir(fd) || chroot(".") || chdir("/"))
		error = errno;
	close(fd);
	if (error && error != EPERM)
		fail(EXIT_ERROR, "Cannot change the root directory: %s.", strerror(error));
	return !error;
}

/* A system call that is not on the list ends the process: then it is no longer what was written here. */
static void filter_calls(void)
{
	enum { N = sizeof(allowed) / sizeof(*allowed) };
	struct sock_filter filter[N + 6];
	struct sock_fprog program = {.filter = filter};
	size_t n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N; i++)
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i],
							   (uint8_t)(N - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		fail(EXIT_ERROR, "Cannot filter system calls: %s.", strerror(errno));
}

bool jail_enter(void)
{
	const bool changed = change_root();

	privileges_drop();
	if (!SANITIZED)
		filter_calls();
	return changed;
}
