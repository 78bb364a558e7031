/* The launcher's own process: takes requests from the program, makes children, tells of their ends.
 *
 * One thread, one poll loop. A spare child that has its namespaces and root made already waits for the next start, so a
 * start costs mounts, listeners and exec only; a new spare is made when nothing else is to do. What always holds: a
 * child with a control descriptor has not become its program yet; STARTED goes out once a child, EXITED only after a
 * STARTED without error; when the socket to the program closes every child is killed before the launcher ends. */
#include "launcher/proto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	struct child *next;
	uint32_t id; /* the program's; 0: a spare */
	uint32_t serial;
	pid_t pid;
	int control; /* -1 once it runs its program */
	bool sandboxed, listening, started, frozen;
	struct child_report report;
	int fds[LISTENERS_MAX];
	size_t n_fds;
	struct cgroup group;
};

static struct {
	int sock, signals;
	bool sandboxed, as_root, want_spare, greeted;
	uint32_t serial;
	struct child *children, *spare;
	struct child *leftovers; /* gone, but for their groups */
	char *message;
} me;

enum mode { MODE_PLAIN, MODE_SANDBOX, MODE_HOST_NETWORK };

/* ---- children ---- */

static void map_ids(pid_t pid)
{
	ASSERT(pid > 1);
	char path[64], text[64];
	const char *const files[] = {"setgroups", "uid_map", "gid_map"};
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
		int n = i == 0 ? snprintf(text, sizeof text, "deny")
		               : snprintf(text, sizeof text, "%d %d 1", i == 1 ? SANDBOX_UID : SANDBOX_GID, i == 1 ? (int)geteuid() : (int)getegid());
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		(void)!write(fd, text, (size_t)n); /* refused: the child's next step fails and says so */
		close(fd);
	}
}

/* A child in front of its first phase; NULL with errno. */
static struct child *child_make(enum mode mode, bool as_root)
{
	ASSERT(mode <= MODE_HOST_NETWORK);
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return NULL;
	uint64_t flags = mode == MODE_PLAIN ? 0 : CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
	if (mode == MODE_SANDBOX)
		flags |= CLONE_NEWNET;
	if (mode != MODE_PLAIN && !as_root)
		flags |= CLONE_NEWUSER;
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
	pid_t pid = mode == MODE_PLAIN ? fork() : (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0) {
		/* Nothing of the launcher's own stays open while this child waits. */
		if (pair[1] > 3)
			(void)close_range(3, (unsigned)pair[1] - 1, 0);
		(void)close_range((unsigned)pair[1] + 1, ~0u, 0);
		if (mode == MODE_PLAIN)
			plain_child(pair[1]);
		sandbox_child(pair[1], as_root, mode == MODE_SANDBOX);
	}
	int error = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		errno = error;
		return NULL;
	}
	struct child *ch = calloc(1, sizeof *ch);
	if (ch == NULL)
		die("out of memory");
	*ch = (struct child){.next = me.children, .serial = ++me.serial, .pid = pid, .control = pair[0],
	                     .sandboxed = mode != MODE_PLAIN};
	me.children = ch;
	if ((flags & CLONE_NEWUSER) != 0)
		map_ids(pid);
	if (me.greeted)
		(void)cgroup_make(&ch->group, ch->serial, pid);
	(void)send(ch->control, "g", 1, MSG_NOSIGNAL);
	return ch;
}

/* Remove the groups of children that are gone. A plain one's descendants may still be dying in it. */
static void sweep(void)
{
	for (struct child **at = &me.leftovers; *at != NULL;) {
		struct child *ch = *at;
		if (!cgroup_remove(&ch->group)) {
			cgroup_kill(&ch->group);
			at = &ch->next;
			continue;
		}
		*at = ch->next;
		free(ch);
	}
}

static void child_free(struct child *ch)
{
	ASSERT(ch->n_fds <= LISTENERS_MAX);
	for (struct child **at = &me.children; *at != NULL; at = &(*at)->next) {
		if (*at == ch) {
			*at = ch->next;
			break;
		}
	}
	if (me.spare == ch)
		me.spare = NULL;
	if (ch->control >= 0)
		close(ch->control);
	for (size_t i = 0; i < ch->n_fds; i++)
		close(ch->fds[i]);
	ch->control = -1;
	ch->n_fds = 0;
	ch->next = me.leftovers;
	me.leftovers = ch;
	sweep();
}

/* Few run at once; a spare has no number and is never found. */
static struct child *child_by_id(uint32_t id)
{
	for (struct child *ch = me.children; ch != NULL; ch = ch->next) {
		if (ch->id == id)
			return ch;
	}
	return NULL;
}

/* Signal a process and all that descend from it, by the parents that /proc tells. Newest first does not matter: the
 * first is stopped before its children are looked for. */
static void tree_signal(pid_t root, int signo, int depth)
{
	ASSERT(root > 1 && depth >= 0);
	if (signo == SIGKILL && depth == 0)
		(void)kill(root, SIGSTOP);
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)root, (int)root);
	int fd = depth < 64 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *at = text, *end; *at != '\0'; at = *end == ' ' ? end + 1 : end) {
		long pid = strtol(at, &end, 10);
		if (end == at || pid <= 1)
			break;
		tree_signal((pid_t)pid, signo, depth + 1);
	}
	(void)kill(root, signo);
}

static void child_kill(struct child *ch)
{
	ASSERT(ch->pid > 1); /* 0 and -1 are everyone */
	if (ch->sandboxed) {
		(void)kill(ch->pid, SIGKILL); /* the first of its pid namespace: all go with it */
	} else {
		tree_signal(ch->pid, SIGKILL, 0);
		(void)kill(-ch->pid, SIGKILL);
		cgroup_kill(&ch->group);
	}
	if (ch->frozen)
		(void)cgroup_freeze(&ch->group, false); /* a version-1 freezer holds even SIGKILL back */
	ch->frozen = false;
}

static void child_set_frozen(struct child *ch, bool frozen)
{
	ASSERT(ch->pid > 1);
	if (ch->frozen == frozen)
		return;
	ch->frozen = frozen;
	if (!cgroup_freeze(&ch->group, frozen))
		tree_signal(ch->pid, frozen ? SIGSTOP : SIGCONT, 0);
}

/* ---- answers ---- */

static void reply(const struct reply *r, const int *fds, size_t n_fds)
{
	ASSERT(r->kind >= REPLY_HELLO && r->kind <= REPLY_EXITED && n_fds <= LISTENERS_MAX);
	if (message_send(me.sock, r, sizeof *r, NULL, 0, fds, n_fds) != 0 && errno != EPIPE && errno != ECONNRESET)
		die("launcher: cannot answer: %s", strerror(errno));
}

static void tell_started(struct child *ch, int error)
{
	ASSERT(error != 0 || ch->n_fds == ch->report.n_ports);
	ASSERT(ch->id != 0 && !ch->started);
	struct reply r = {.kind = REPLY_STARTED, .id = ch->id, .pid = ch->pid, .error = error, .sandboxed = ch->sandboxed,
	                  .n_ports = error == 0 ? ch->report.n_ports : 0};
	if (error != 0)
		snprintf(r.text, sizeof r.text, "%s", ch->report.step);
	else if (!cgroup_peak_path(&ch->group, r.text, sizeof r.text))
		r.text[0] = '\0';
	memcpy(r.ports, ch->report.ports, sizeof r.ports);
	reply(&r, ch->fds, error == 0 ? ch->n_fds : 0);
	ch->started = error == 0;
	for (size_t i = 0; i < ch->n_fds; i++)
		close(ch->fds[i]);
	ch->n_fds = 0;
	if (error != 0)
		ch->id = 0; /* the program has forgotten it */
}

/* Something came on a child's control socket. */
static void child_heard(struct child *ch)
{
	ASSERT(ch->control >= 0);
	struct child_report r;
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = message_receive(ch->control, &r, sizeof r, fds, &n_fds);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n == (ssize_t)sizeof r && r.error == 0) {
		if (r.prepared)
			return;
		ASSERT(n_fds <= LISTENERS_MAX && n_fds == r.n_ports && !ch->listening);
		ch->report = r;
		ch->listening = true;
		memcpy(ch->fds, fds, n_fds * sizeof(int));
		ch->n_fds = n_fds;
		return;
	}
	/* Broken, or the end of file that exec makes. */
	close(ch->control);
	ch->control = -1;
	if (n == (ssize_t)sizeof r)
		ch->report = r;
	int error = n == (ssize_t)sizeof r ? r.error : ch->listening ? 0 : ECHILD;
	if (ch->id != 0 && !ch->started)
		tell_started(ch, error);
	if (ch == me.spare)
		me.spare = NULL;
}

/* What a dead child had said before it died is heard first: STARTED comes before EXITED. */
static void reap(void)
{
	for (;;) {
		int status;
		struct rusage used;
		pid_t pid = wait4(-1, &status, WNOHANG, &used);
		if (pid <= 0)
			return;
		struct child *ch = me.children;
		while (ch != NULL && ch->pid != pid)
			ch = ch->next;
		if (ch == NULL)
			continue; /* an orphan that came to us as subreaper */
		while (ch->control >= 0)
			child_heard(ch);
		if (!ch->sandboxed) {
			(void)kill(-ch->pid, SIGKILL);
			cgroup_kill(&ch->group);
		}
		uint64_t peak = cgroup_peak(&ch->group);
		struct reply r = {.kind = REPLY_EXITED, .id = ch->id, .status = status,
		                  .peak_bytes = peak > 0 ? peak : (uint64_t)used.ru_maxrss * 1024,
		                  .oom = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && cgroup_oom(&ch->group)};
		if (ch->id != 0 && ch->started)
			reply(&r, NULL, 0);
		child_free(ch);
	}
}

/* ---- requests ---- */

static void start(const struct request_head *h, const char *spec, int fds[2])
{
	ASSERT(h->id != 0 && h->spec_bytes > 0 && h->spec_bytes <= MESSAGE_MAX);
	char *copy = malloc(h->spec_bytes);
	if (copy == NULL)
		die("out of memory");
	memcpy(copy, spec, h->spec_bytes);
	struct spec *s = spec_read(copy, h->spec_bytes);
	struct child *ch = NULL;
	if (me.sandboxed && !s->host_network && me.spare != NULL) {
		ch = me.spare;
		me.spare = NULL;
	}
	if (ch == NULL)
		ch = child_make(!me.sandboxed ? MODE_PLAIN : s->host_network ? MODE_HOST_NETWORK : MODE_SANDBOX, me.as_root);
	me.want_spare = me.sandboxed;
	if (ch == NULL) {
		struct reply r = {.kind = REPLY_STARTED, .id = h->id, .error = errno, .text = "clone"};
		reply(&r, NULL, 0);
	} else {
		ch->id = h->id;
		cgroup_limit(&ch->group, s);
		/* A child that is gone already is told of by its control socket. */
		(void)message_send(ch->control, spec, h->spec_bytes, NULL, 0, fds, 2);
	}
	free(s->argv);
	free(s->env);
	free(s->mounts);
	free(s->listeners);
	free(s);
	free(copy);
}

static void request(const struct request_head *h, const char *spec, int *fds, size_t n_fds)
{
	if (h->kind == REQUEST_START) {
		ASSERT(n_fds == 2);
		start(h, spec, fds);
	}
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	struct child *ch = h->kind != REQUEST_START ? child_by_id(h->id) : NULL;
	if (ch == NULL)
		return;
	switch (h->kind) {
	case REQUEST_FREEZE: child_set_frozen(ch, true); break;
	case REQUEST_THAW: child_set_frozen(ch, false); break;
	case REQUEST_KILL: child_kill(ch); break;
	case REQUEST_SIGNAL: (void)kill(ch->pid, h->signo); break;
	default: ASSERT(!"request kind");
	}
}

/* Kill everything and end; the program is gone. */
NORETURN static void end_all(void)
{
	for (struct child *ch = me.children; ch != NULL; ch = ch->next)
		child_kill(ch);
	for (int i = 0; i < 400 && (me.children != NULL || me.leftovers != NULL); i++) {
		for (struct child *ch = me.children; ch != NULL; ch = ch->next)
			ch->id = 0; /* nobody to tell */
		reap();
		sweep();
		(void)poll(NULL, 0, 5);
	}
	cgroup_remove_base();
	_exit(0);
}

/* ---- the beginning ---- */

/* Try to prepare a child; keeps it as the spare. 0, or an errno with the step. */
static int probe(bool as_root, char *step, size_t n)
{
	ASSERT(me.spare == NULL && n > 0);
	struct child *ch = child_make(MODE_SANDBOX, as_root);
	if (ch == NULL) {
		snprintf(step, n, "clone3");
		return errno;
	}
	struct child_report r = {.error = ETIMEDOUT, .step = "no answer"};
	struct pollfd p = {ch->control, POLLIN, 0};
	int fds[FDS_MAX];
	size_t n_fds;
	if (poll(&p, 1, 5000) == 1 && message_receive(ch->control, &r, sizeof r, fds, &n_fds) != (ssize_t)sizeof r)
		r.error = ECHILD;
	if (r.error == 0) {
		me.spare = ch;
		return 0;
	}
	r.step[sizeof r.step - 1] = '\0';
	snprintf(step, n, "%s", r.step);
	(void)kill(ch->pid, SIGKILL);
	(void)waitpid(ch->pid, NULL, 0);
	child_free(ch);
	return r.error;
}

static void hello(void)
{
	struct buf missing;
	buf_init(&missing, NULL, 400);
	char step[40] = "";
	cgroup_probe(&missing);
	const char *wanted = getenv("TSUBO_SANDBOX");
	bool off = wanted != NULL && strcmp(wanted, "off") == 0;
	int error = off ? 0 : EPERM;
	me.as_root = geteuid() == 0;
	if (!off && me.as_root)
		error = probe(true, step, sizeof step);
	if (!off && error != 0 && (!me.as_root || error == EPERM)) {
		me.as_root = false;
		error = probe(false, step, sizeof step);
	}
	me.sandboxed = !off && error == 0;
	if (!me.sandboxed) {
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		if (off)
			buf_printf(&missing, "%sno sandbox (TSUBO_SANDBOX=off)", missing.n > 0 ? "; " : "");
		else
			buf_printf(&missing, "%sno sandbox (%s: %s)", missing.n > 0 ? "; " : "", step, strerror(error));
	}
	struct reply r = {.kind = REPLY_HELLO, .sandboxed = me.sandboxed};
	snprintf(r.text, sizeof r.text, "%.*s", STR_ARG(buf_view(&missing)));
	buf_free(&missing);
	reply(&r, NULL, 0);
	me.greeted = true;
	/* The very first move into a group waits for the kernel (13 ms measured): the program need not. */
	if (me.spare != NULL)
		(void)cgroup_make(&me.spare->group, me.spare->serial, me.spare->pid);
}

static void read_request(void)
{
	struct request_head h;
	int fds[FDS_MAX];
	size_t n_fds;
	ssize_t n = message_receive(me.sock, me.message, MESSAGE_MAX + sizeof h, fds, &n_fds);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		end_all();
	if (n < 0)
		return;
	ASSERT((size_t)n >= sizeof h);
	memcpy(&h, me.message, sizeof h);
	ASSERT((size_t)n == sizeof h + h.spec_bytes);
	request(&h, me.message + sizeof h, fds, n_fds);
}

NORETURN void launcher_main(int sock)
{
	me.sock = sock;
	me.message = malloc(MESSAGE_MAX + sizeof(struct request_head));
	if (me.message == NULL)
		die("out of memory");
	(void)prctl(PR_SET_NAME, "tsubo-launcher", 0, 0, 0);
	/* A terminal's ^C is the program's to handle: it closes the socket when it ends. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &chld, NULL);
	me.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (me.signals < 0)
		die("launcher: signalfd: %s", strerror(errno));
	hello();
	for (;;) {
		struct pollfd p[512];
		struct child *of[512];
		nfds_t n = 2;
		p[0] = (struct pollfd){me.sock, POLLIN, 0};
		p[1] = (struct pollfd){me.signals, POLLIN, 0};
		for (struct child *ch = me.children; ch != NULL && n < COUNT_OF(p); ch = ch->next) {
			if (ch->control >= 0) {
				of[n] = ch;
				p[n++] = (struct pollfd){ch->control, POLLIN, 0};
			}
		}
		bool short_of_spare = me.want_spare && me.spare == NULL;
		int ready = poll(p, n, short_of_spare ? 5 : me.leftovers != NULL ? 50 : -1);
		if (ready == 0) {
			sweep();
			if (short_of_spare)
				me.spare = child_make(MODE_SANDBOX, me.as_root);
			me.want_spare = false;
			continue;
		}
		for (nfds_t i = 2; i < n; i++) {
			if (p[i].revents != 0)
				child_heard(of[i]);
		}
		if (p[0].revents != 0)
			read_request();
		if (p[1].revents != 0) {
			struct signalfd_siginfo si;
			while (read(me.signals, &si, sizeof si) > 0)
				;
			reap();
		}
	}
}
