/* The inside of a sandbox: how a cloned child turns fresh namespaces into a small machine of its own.
 *
 * Two phases. The first needs nothing of the launch and is done ahead, in a spare child that waits: host name, loopback,
 * a root of its own on a small tmpfs with the host's programs read-only, /proc, /dev. The second takes the spec: mounts,
 * /tmp, listeners, pivot_root, limits, and gives up every privilege. What always holds at exec: another uid (or one
 * mapped in a user namespace), no capability, no_new_privs, the seccomp filter, nothing of the host's disk but /usr,
 * its library links, a few files of /etc and the launch's own mounts. */
#include "launcher/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The new root is put together over a directory that never holds what is mounted into it. */
#define ROOT "/sys"

static int control_fd;

static void need(bool ok, const char *step)
{
	ASSERT(step != NULL);
	if (!ok)
		child_fail(control_fd, step, errno);
}

/* ---- network ---- */

static void interface_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	need(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0, "loopback");
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_RUNNING);
	need(ioctl(fd, SIOCSIFFLAGS, &r) == 0, "loopback up");
	close(fd);
}

/* Give the loopback one more address, unless it is one of 127/8. */
static void address_add(const char *address, size_t index)
{
	ASSERT(address != NULL);
	struct in_addr in;
	if (inet_pton(AF_INET, address, &in) != 1) {
		errno = EINVAL;
		need(false, "listener address");
	}
	if ((ntohl(in.s_addr) >> 24) == 127 || in.s_addr == INADDR_ANY)
		return;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};
	snprintf(r.ifr_name, sizeof r.ifr_name, "lo:%u", (unsigned)index % LISTENERS_MAX);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = in};
	memcpy(&r.ifr_addr, &sa, sizeof sa);
	need(fd >= 0 && ioctl(fd, SIOCSIFADDR, &r) == 0, "address");
	close(fd);
}

/* ---- root ---- */

static void make_dirs(const char *path)
{
	ASSERT(strncmp(path, ROOT, sizeof ROOT - 1) == 0); /* nothing is made on the host */
	char dir[1024];
	int n = snprintf(dir, sizeof dir, "%s", path);
	errno = ENAMETOOLONG;
	need(n < (int)sizeof dir, "path");
	for (char *p = dir + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		need(mkdir(dir, 0755) == 0 || errno == EEXIST, "mkdir");
		*p = '/';
	}
	need(mkdir(dir, 0755) == 0 || errno == EEXIST, "mkdir");
}

/* Bind `from` with all below it at `to` (below ROOT). Devices are kept usable only where the attributes leave them. */
static bool bind_at(const char *from, const char *to, uint64_t attributes)
{
	ASSERT(strncmp(to, ROOT "/", sizeof ROOT) == 0);
	int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return false;
	struct mount_attr attr = {.attr_set = attributes};
	bool ok = mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0 &&
	          move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) == 0;
	int error = errno;
	close(tree);
	errno = error;
	return ok;
}

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* A directory of the host as it is there: a link stays a link, a directory is bound read-only, a file too. */
static void host_path_in(const char *path)
{
	ASSERT(path[0] == '/');
	struct stat st;
	if (lstat(path, &st) != 0)
		return;
	char to[256], link[256];
	snprintf(to, sizeof to, ROOT "%s", path);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, link, sizeof link - 1);
		need(n > 0, "readlink");
		link[n] = '\0';
		need(symlink(link, to) == 0 || errno == EEXIST, "symlink");
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		make_dirs(to);
	} else {
		int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		need(fd >= 0, "file");
		close(fd);
	}
	need(bind_at(path, to, READ_ONLY), path);
}

static void file_with(const char *path, const char *text)
{
	ASSERT(strncmp(path, ROOT "/", sizeof ROOT) == 0);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* Names and certificates, nothing of the host's users. */
static void make_etc(void)
{
	static const char *const wanted[] = {"/etc/ld.so.cache", "/etc/ssl", "/etc/alternatives", "/etc/localtime",
	                                     "/etc/mime.types", "/etc/pki"};
	make_dirs(ROOT "/etc");
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		host_path_in(wanted[i]);
	file_with(ROOT "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n");
	file_with(ROOT "/etc/group", "root:x:0:\nsbx_user1051:x:990:\n");
	file_with(ROOT "/etc/hosts", "127.0.0.1 localhost\n");
	file_with(ROOT "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
	file_with(ROOT "/etc/resolv.conf", "");
}

/* mknod where it is allowed; in a user namespace it is not, so the host's devices are bound. */
static void make_dev(bool as_root)
{
	static const struct { const char *host, *inside; unsigned major, minor; } devices[] = {
		{"/dev/null", ROOT "/dev/null", 1, 3}, {"/dev/zero", ROOT "/dev/zero", 1, 5}, {"/dev/full", ROOT "/dev/full", 1, 7},
		{"/dev/random", ROOT "/dev/random", 1, 8}, {"/dev/urandom", ROOT "/dev/urandom", 1, 9}};
	make_dirs(ROOT "/dev");
	for (size_t i = 0; i < COUNT_OF(devices); i++) {
		if (as_root && mknod(devices[i].inside, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) == 0) {
			need(chmod(devices[i].inside, 0666) == 0, "chmod");
			continue;
		}
		int fd = open(devices[i].inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		need(fd >= 0, "device");
		close(fd);
		need(bind_at(devices[i].host, devices[i].inside, MOUNT_ATTR_NOSUID), devices[i].host);
	}
	need(symlink("/proc/self/fd", ROOT "/dev/fd") == 0, "symlink");
	need(symlink("/proc/self/fd/0", ROOT "/dev/stdin") == 0, "symlink");
	need(symlink("/proc/self/fd/1", ROOT "/dev/stdout") == 0, "symlink");
	need(symlink("/proc/self/fd/2", ROOT "/dev/stderr") == 0, "symlink");
}

static void make_root(bool as_root)
{
	static const char *const programs[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
	need(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	need(mount("tmpfs", ROOT, "tmpfs", MS_NOSUID, "mode=755,size=1m") == 0, "root tmpfs");
	for (size_t i = 0; i < COUNT_OF(programs); i++)
		host_path_in(programs[i]);
	make_etc();
	make_dev(as_root);
	make_dirs(ROOT "/proc");
	need(mount("proc", ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	make_dirs(ROOT "/tmp");
	make_dirs(ROOT "/var/task");
	make_dirs(ROOT "/var/runtime");
	make_dirs(ROOT "/opt");
}

/* In the order given: a later mount may lie inside an earlier one. */
static void mount_spec(const struct spec *s, bool as_root)
{
	char to[1024], options[80];
	for (size_t i = 0; i < s->n_mounts; i++) {
		int n = snprintf(to, sizeof to, ROOT "%s", s->mounts[i].to);
		errno = ENAMETOOLONG;
		need(n < (int)sizeof to && strstr(to, "/../") == NULL, "mount");
		struct stat st;
		need(stat(s->mounts[i].from, &st) == 0, "mount source");
		char *slash = strrchr(to, '/');
		if (S_ISDIR(st.st_mode)) {
			make_dirs(to);
		} else {
			*slash = '\0';
			make_dirs(to);
			*slash = '/';
			int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
			need(fd >= 0, "mount point");
			close(fd);
		}
		need(bind_at(s->mounts[i].from, to, READ_ONLY), "mount");
	}
	uint64_t tmp_bytes = s->tmp_bytes > 0 ? s->tmp_bytes : 64ull << 20;
	snprintf(options, sizeof options, "mode=1777,size=%llu", (unsigned long long)tmp_bytes);
	need(mount("tmpfs", ROOT "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) == 0, "tmp");
	if (s->rw_dir[0] == '\0')
		return;
	int n = snprintf(to, sizeof to, ROOT "%s", s->rw_at);
	errno = ENAMETOOLONG;
	need(n < (int)sizeof to, "rw_at");
	make_dirs(to);
	struct stat st;
	if (as_root && stat(s->rw_dir, &st) == 0 && st.st_uid == 0)
		need(chown(s->rw_dir, SANDBOX_UID, SANDBOX_GID) == 0, "chown");
	need(bind_at(s->rw_dir, to, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), "rw_dir");
}

static void enter_root(void)
{
	ASSERT(control_fd >= 0);
	need(chdir(ROOT) == 0, "chdir");
	need(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root"); /* the old root lies on top of the new one */
	need(umount2(".", MNT_DETACH) == 0, "umount");
	need(chdir("/") == 0, "chdir");
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	need(mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) == 0, "read-only root");
}

/* ---- privileges ---- */

static void drop_privileges(bool as_root)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (as_root) {
		need(setgroups(0, NULL) == 0, "setgroups");
		need(setresgid(SANDBOX_GID, SANDBOX_GID, SANDBOX_GID) == 0, "setresgid");
		need(setresuid(SANDBOX_UID, SANDBOX_UID, SANDBOX_UID) == 0, "setresuid");
	}
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}, {0}};
	need(syscall(SYS_capset, &h, none) == 0, "capset");
	/* Changing uid cleared it; the launcher's death must be ours. */
	need(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "pdeathsig");
}

NORETURN void sandbox_child(int control, bool as_root, bool own_network)
{
	ASSERT(control >= 0);
	control_fd = control;
	char go;
	if (recv(control, &go, 1, 0) != 1)
		_exit(0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)umask(022);
	need(setsid() >= 0, "setsid");
	(void)unshare(CLONE_NEWCGROUP); /* after the launcher has moved us, so that our group is its root; nice to have */
	need(sethostname("169-254-100-1", 13) == 0, "hostname");
	if (own_network)
		interface_up("lo");
	make_root(as_root);
	struct child_report ready = {.prepared = 1};
	if (message_send(control, &ready, sizeof ready, NULL, 0, NULL, 0) != 0)
		_exit(127);

	int out_err[2], fds[LISTENERS_MAX], ports[LISTENERS_MAX];
	struct spec *s = child_receive_spec(control, out_err);
	mount_spec(s, as_root);
	for (size_t i = 0; i < s->n_listeners && own_network; i++)
		address_add(s->listeners[i].address, i);
	ASSERT(s->host_network == !own_network);
	child_listen(control, s, own_network, fds, ports);
	child_report_listening(control, s, fds, ports);
	if (!own_network) {
		s->n_mounts = 0; /* paths are as asked; only addresses change */
		s->rw_at[0] = '\0';
		spec_to_plain(s, ports);
	}
	enter_root();
	child_stdio(control, out_err, s->merge_output);
	child_limits(s, !as_root);
	drop_privileges(as_root);
	child_exec(control, s);
}
