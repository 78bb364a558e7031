/* What the program and its launcher say to each other over their SOCK_SEQPACKET pair, and the two ends' shared pieces.
 *
 * Both ends are the same binary, so messages are plain structs. Descriptors travel as SCM_RIGHTS. Only files of
 * src/launcher include this. */
#ifndef TSUBO_LAUNCHER_PROTO_H
#define TSUBO_LAUNCHER_PROTO_H

#include "base/buf.h"
#include "launcher/launcher.h"

#include <sys/types.h>

enum {
	LISTENERS_MAX = 8,
	FDS_MAX = LISTENERS_MAX + 2,
	MESSAGE_MAX = 192 * 1024, /* below the default socket buffer: a start is one message */
	SANDBOX_UID = 993,        /* as functions see themselves on AWS: sbx_user1051 */
	SANDBOX_GID = 990
};

enum request_kind { REQUEST_START = 1, REQUEST_FREEZE, REQUEST_THAW, REQUEST_KILL, REQUEST_SIGNAL };

struct request_head {
	uint32_t kind, id;
	int32_t signo;
	uint32_t spec_bytes; /* START: the spec follows; descriptors: stdout's, stderr's write end */
};

enum reply_kind { REPLY_HELLO = 1, REPLY_STARTED, REPLY_EXITED };

struct reply {
	uint32_t kind, id;
	int32_t pid, error, status;
	uint32_t sandboxed, oom, n_ports;
	uint64_t peak_bytes; /* EXITED: most memory it had; its group is gone by now */
	int32_t ports[LISTENERS_MAX];
	char text[512]; /* HELLO: what is missing; STARTED: the file that tells peak memory, or the step that failed, or "" */
};

/* A launch as the child reads it: every pointer is into one buffer. */
struct spec {
	uint64_t tmp_bytes, memory_bytes;
	uint32_t cpu_millis, pids, files;
	bool host_network, merge_output;
	char *cwd, *rw_dir, *rw_at; /* "" when not given */
	char **argv, **env;
	size_t n_argv, n_env, n_mounts, n_listeners;
	struct { char *from, *to; } *mounts;
	struct { char *address; uint32_t port; } *listeners;
};

/* Flatten; false when it is over MESSAGE_MAX. */
bool spec_write(struct buf *b, const struct launch *l);
/* Read back; the spec and its arrays are heap memory, pointers go into bytes. */
struct spec *spec_read(char *bytes, size_t n);
/* Make it run on the host: paths below a mount's `to` become its `from`, listeners' addresses 127.0.0.1:ports[i]. */
void spec_to_plain(struct spec *s, const int *ports);

/* One message with descriptors. 0, or -1 with errno. */
int message_send(int sock, const void *head, size_t head_n, const void *body, size_t body_n, const int *fds, size_t n_fds);
/* Bytes read (0: the other end is gone), or -1 with errno. Descriptors are close-on-exec. */
ssize_t message_receive(int sock, void *p, size_t n, int *fds, size_t *n_fds);

/* ---- cgroups (cgroup.c) ---- */

enum cgroup_part { CG_MEMORY, CG_PIDS, CG_CPU, CG_FREEZER, CG_V2, CG_PARTS };

struct cgroup { uint32_t id; bool made[CG_PARTS]; };

/* Find where groups may be made. Appends what is missing to `missing`. Call once in the launcher. */
void cgroup_probe(struct buf *missing);
void cgroup_remove_base(void);
bool cgroup_make(struct cgroup *g, uint32_t id, pid_t pid); /* and move pid into it; false: no part could be made */
void cgroup_limit(const struct cgroup *g, const struct spec *s);
bool cgroup_freeze(const struct cgroup *g, bool frozen); /* false: there is no freezer */
bool cgroup_oom(const struct cgroup *g);
uint64_t cgroup_peak(const struct cgroup *g); /* bytes; 0: not known */
bool cgroup_peak_path(const struct cgroup *g, char *out, size_t n);
void cgroup_kill(const struct cgroup *g); /* SIGKILL to each member: descendants that left the process tree */
bool cgroup_remove(struct cgroup *g); /* false: members are still dying; call it again later */

/* ---- the child (sandbox.c, plain.c, seccomp.c) ---- */

/* What a child says on its control socket: prepared, listening (with descriptors), or broken at a step. */
struct child_report {
	int32_t error;
	uint32_t prepared, n_ports;
	int32_t ports[LISTENERS_MAX];
	char step[32];
};

/* Runs in the cloned child: waits for the go, prepares the namespaces, waits for the spec, becomes the program. */
NORETURN void sandbox_child(int control, bool as_root, bool own_network);
/* The same without namespaces. */
NORETURN void plain_child(int control);
/* Receive the spec and its two descriptors on the control socket; exits when the launcher is gone. */
struct spec *child_receive_spec(int control, int out_err[2]);
NORETURN void child_fail(int control, const char *step, int error);
/* Listeners of the spec, in_namespace: at their own addresses. Reports failure itself. */
void child_listen(int control, const struct spec *s, bool in_namespace, int *fds, int *ports);
void child_report_listening(int control, const struct spec *s, const int *fds, const int *ports);
void child_stdio(int control, int out_err[2], bool merge);
void child_limits(const struct spec *s, bool count_pids);
NORETURN void child_exec(int control, const struct spec *s);
/* The deny list. false with errno when the kernel has no filters. Needs no_new_privs. */
bool seccomp_install(void);

NORETURN void launcher_main(int sock);

#endif
