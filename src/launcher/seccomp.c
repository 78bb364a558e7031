/* The system calls a sandboxed process may not make: a deny list as classic BPF, answered with EPERM.
 *
 * What could leave the namespaces, change the kernel or reach parts of it that have no namespace. clone3 answers
 * ENOSYS (its flags lie in memory a filter cannot read), so libraries fall back to clone, whose CLONE_NEWUSER is seen.
 *
 * What always holds: the filter cannot be taken off again, and what is unknown to this list is allowed: the
 * namespaces are what confines, the filter is for what they do not cover. */
#include "launcher/proto.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

static const unsigned denied[] = {
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_setns, SYS_unshare, SYS_chroot,
	SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_move_mount, SYS_open_tree, SYS_mount_setattr,
	SYS_name_to_handle_at, SYS_open_by_handle_at,
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
	SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
	SYS_keyctl, SYS_add_key, SYS_request_key,
	SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_syslog, SYS_vhangup, SYS_nfsservctl,
	SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
	SYS_lookup_dcookie, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
#if defined(__x86_64__)
	SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl,
#endif
};

#define FIELD(f) ((unsigned)offsetof(struct seccomp_data, f))
#define LOAD(f) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(f))
#define RETURN(v) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (v))
#define DENY(e) RETURN(SECCOMP_RET_ERRNO | (e))
#define SKIP_UNLESS(v, n) (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), 0, (n))

bool seccomp_install(void)
{
#ifndef OUR_ARCH
	errno = ENOSYS;
	return false;
#else
	struct sock_filter f[2 * COUNT_OF(denied) + 32];
	unsigned short n = 0;
	f[n++] = LOAD(arch);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
	f[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
	f[n++] = LOAD(nr);
	/* x32 calls are numbered from here: another table, none of it denied below. */
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
	f[n++] = DENY(ENOSYS);
	f[n++] = SKIP_UNLESS(SYS_clone3, 1);
	f[n++] = DENY(ENOSYS);
	for (size_t i = 0; i < COUNT_OF(denied); i++) {
		f[n++] = SKIP_UNLESS(denied[i], 1);
		f[n++] = DENY(EPERM);
	}
	f[n++] = SKIP_UNLESS(SYS_clone, 3);
	f[n++] = LOAD(args[0]);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
	f[n++] = DENY(EPERM);
	f[n++] = LOAD(nr);
	f[n++] = SKIP_UNLESS(SYS_socket, 5);
	f[n++] = LOAD(args[0]);
	f[n++] = SKIP_UNLESS(AF_VSOCK, 1); /* vsock reaches the machine's host: it has no namespace */
	f[n++] = DENY(EPERM);
	f[n++] = SKIP_UNLESS(AF_ALG, 1);
	f[n++] = DENY(EPERM);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	ASSERT(n <= COUNT_OF(f));
	struct sock_fprog prog = {n, f};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
#endif
}
