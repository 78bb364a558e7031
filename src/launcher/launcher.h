/* The launcher: a small process of its own, forked before anything else, that starts sandboxed processes.
 *
 * The program talks to it over a socket pair; answers and deaths come back on the loop. Each process gets mount, pid,
 * net, ipc, uts and user namespaces, a cgroup (v1 or v2, where permitted) with memory, cpu and pids limits, seccomp,
 * a read-only root, a private /tmp. Where the kernel refuses, a plain child process, said once in the log and by
 * launcher_sandboxed(). When the program dies every process dies with it. */
#ifndef TSUBO_LAUNCHER_H
#define TSUBO_LAUNCHER_H

#include "base/str.h"

#include <uv.h>

/* Fork it: before threads, before the loop. 0, or -1 with errno. */
int launcher_fork(void);
/* Connect it to the loop. */
void launcher_attach(uv_loop_t *loop);
void launcher_stop(void);
bool launcher_sandboxed(void);
const char *launcher_limits(void); /* what is missing, in words; "" when all is there */

struct launch_mount { const char *from, *to; }; /* bind, read-only, into the sandbox */

/* A listener made inside the sandbox's own network namespace on address:port; its descriptor comes back in
 * on_started (same order). In plain mode it is made on 127.0.0.1 with a free port. */
struct launch_listener { const char *address; int port; };

struct launch {
	const char *const *argv;  /* NULL-terminated; argv[0] an absolute path inside */
	const char *const *env;   /* NULL-terminated "K=V"; all of it */
	const char *cwd;          /* inside */
	const struct launch_mount *mounts;
	size_t n_mounts;
	const struct launch_listener *listeners;
	size_t n_listeners;
	const char *rw_dir;       /* host directory bound read-write at rw_at; NULL: none */
	const char *rw_at;
	uint64_t tmp_bytes;       /* size of /tmp */
	uint64_t memory_bytes;    /* 0: no limit */
	uint32_t cpu_millis;      /* 1000: one core; 0: no limit */
	uint32_t pids, files;     /* 0: 1,024 */
	bool host_network;
	bool merge_output;        /* stderr comes as stdout, in order */
};

struct process; /* a started one, on the loop */

struct process_events {
	/* Started: listener descriptors (now yours) and, in plain mode, their ports. error != 0: an errno, nothing runs and
	 * nothing else is called. */
	void (*on_started)(struct process *p, int error, const int *fds, const int *ports, size_t n);
	/* Bytes the process wrote. */
	void (*on_output)(struct process *p, bool is_stderr, struct str bytes);
	/* All of it is gone and its output has been read. status as waitpid's; oom: killed for memory. p is gone after it. */
	void (*on_exit)(struct process *p, int status, bool oom);
};

/* Start; all strings are copied. user: process_user(). NULL only when the launcher is gone. */
struct process *process_start(const struct launch *l, const struct process_events *ev, void *user);
void *process_user(struct process *p);
pid_t process_pid(struct process *p);
const char *process_failed_step(struct process *p); /* in on_started with an error: what could not be done; else "" */
void process_freeze(struct process *p); /* cgroup freezer, or SIGSTOP to all of it */
void process_thaw(struct process *p);
void process_kill(struct process *p);   /* SIGKILL to all of it; on_exit follows */
void process_signal(struct process *p, int signo); /* to the first process */
/* Give on_output at once what the process has written and nobody has read yet. */
void process_drain(struct process *p);
/* Peak resident memory so far in bytes (cgroup's, or the sum over its processes); 0 when not known. Quick. */
uint64_t process_memory_peak(struct process *p);

#endif
