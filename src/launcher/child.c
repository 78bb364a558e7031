/* What every started child does, sandboxed or plain: take the spec, listen, set limits, become the program.
 *
 * Runs in a single-threaded child of the launcher between fork and exec. Failures are told on the control socket
 * with the step that failed; the child then exits.
 *
 * What always holds: until exec only our own code runs; every failure ends the child, so that no program ever
 * starts half confined. */
#include "launcher/proto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

NORETURN void child_fail(int control, const char *step, int error)
{
	ASSERT(control >= 0 && step != NULL);
	struct child_report r = {.error = error != 0 ? error : EIO};
	snprintf(r.step, sizeof r.step, "%s", step);
	(void)message_send(control, &r, sizeof r, NULL, 0, NULL, 0);
	_exit(127);
}

/* A spare waits here, perhaps for ever; the launcher's end of the socket closing is its end too. */
struct spec *child_receive_spec(int control, int out_err[2])
{
	char *bytes = malloc(MESSAGE_MAX);
	if (bytes == NULL)
		_exit(127);
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = message_receive(control, bytes, MESSAGE_MAX, fds, &n_fds);
	if (n <= 0)
		_exit(0);
	ASSERT(n_fds == 2);
	out_err[0] = fds[0];
	out_err[1] = fds[1];
	return spec_read(bytes, (size_t)n);
}

static int listen_at(const char *address, int port)
{
	ASSERT(port >= 0 && port <= 65535);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int one = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, address, &sa.sin_addr) != 1) {
		errno = EINVAL;
		close(fd);
		return -1;
	}
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, 128) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void child_listen(int control, const struct spec *s, bool in_namespace, int *fds, int *ports)
{
	ASSERT(s->n_listeners <= LISTENERS_MAX);
	for (size_t i = 0; i < s->n_listeners; i++) {
		fds[i] = in_namespace ? listen_at(s->listeners[i].address, (int)s->listeners[i].port) : listen_at("127.0.0.1", 0);
		if (fds[i] < 0)
			child_fail(control, "listen", errno);
		struct sockaddr_in sa = {0};
		socklen_t len = sizeof sa;
		if (getsockname(fds[i], (struct sockaddr *)&sa, &len) != 0)
			child_fail(control, "getsockname", errno);
		ports[i] = ntohs(sa.sin_port);
	}
}

void child_report_listening(int control, const struct spec *s, const int *fds, const int *ports)
{
	ASSERT(s->n_listeners <= LISTENERS_MAX);
	struct child_report r = {.n_ports = (uint32_t)s->n_listeners};
	for (size_t i = 0; i < s->n_listeners; i++)
		r.ports[i] = ports[i];
	if (message_send(control, &r, sizeof r, NULL, 0, fds, s->n_listeners) != 0)
		_exit(127);
}

void child_stdio(int control, int out_err[2], bool merge)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		child_fail(control, "/dev/null", errno);
	if (dup2(null, 0) < 0 || dup2(out_err[0], 1) < 0 || dup2(merge ? out_err[0] : out_err[1], 2) < 0)
		child_fail(control, "dup2", errno);
}

/* Processes are counted here only where no cgroup counts them: this limit is per user, and all sandboxes of root
 * share one. */
void child_limits(const struct spec *s, bool count_pids)
{
	struct rlimit files = {s->files > 0 ? s->files : 1024, s->files > 0 ? s->files : 1024};
	struct rlimit none = {0, 0}, pids = {s->pids > 0 ? s->pids : 1024, s->pids > 0 ? s->pids : 1024};
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)setrlimit(RLIMIT_CORE, &none);
	if (count_pids)
		(void)setrlimit(RLIMIT_NPROC, &pids);
}

/* The last steps that can fail. The filter comes after everything that it forbids. */
NORETURN void child_exec(int control, const struct spec *s)
{
	ASSERT(s->argv[0] != NULL && s->argv[0][0] == '/');
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		child_fail(control, "no_new_privs", errno);
	if (!seccomp_install() && errno != ENOSYS && errno != EINVAL)
		child_fail(control, "seccomp", errno);
	if (s->cwd[0] != '\0' && chdir(s->cwd) != 0)
		child_fail(control, "chdir", errno);
	for (int sig = 1; sig < 32; sig++) /* ignored signals would stay ignored in the program */
		(void)signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	execve(s->argv[0], s->argv, s->env);
	child_fail(control, "exec", errno);
}

NORETURN void plain_child(int control)
{
	ASSERT(control >= 0);
	char go;
	if (recv(control, &go, 1, 0) != 1)
		_exit(0);
	(void)setsid();
	int out_err[2], fds[LISTENERS_MAX], ports[LISTENERS_MAX];
	struct spec *s = child_receive_spec(control, out_err);
	child_listen(control, s, false, fds, ports);
	child_report_listening(control, s, fds, ports);
	spec_to_plain(s, ports);
	child_stdio(control, out_err, s->merge_output);
	child_limits(s, false);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	child_exec(control, s);
}
