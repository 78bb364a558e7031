/* The launcher as the program uses it: real processes, real namespaces. What this kernel refuses is skipped, and said.
 *
 * The whole list runs twice: in the sandbox, and with TSUBO_SANDBOX=off as plain child processes. */
#include "launcher/launcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 120000 }; /* it ends a broken run and judges no slow machine */

static uv_loop_t loop;

struct run {
	struct process *p;
	char out[8192], err[2048];
	size_t n_out, n_err;
	int error, status, fds[4], ports[4];
	size_t n_fds;
	bool started, exited, oom;
};

static void on_started(struct process *p, int error, const int *fds, const int *ports, size_t n)
{
	struct run *r = process_user(p);
	r->error = error;
	r->started = true;
	if (error != 0)
		fprintf(stderr, "not started: %s: %s\n", process_failed_step(p), strerror(error));
	for (size_t i = 0; i < n; i++) {
		r->fds[i] = fds[i];
		r->ports[i] = ports[i];
	}
	r->n_fds = n;
}

static void on_output(struct process *p, bool is_stderr, struct str bytes)
{
	struct run *r = process_user(p);
	char *to = is_stderr ? r->err : r->out;
	size_t *n = is_stderr ? &r->n_err : &r->n_out, cap = is_stderr ? sizeof r->err - 1 : sizeof r->out - 1;
	for (size_t i = 0; i < bytes.n && *n < cap; i++)
		to[(*n)++] = bytes.p[i];
	to[*n] = '\0';
}

static void on_exit_(struct process *p, int status, bool oom)
{
	struct run *r = process_user(p);
	r->exited = true;
	r->status = status;
	r->oom = oom;
}

static const struct process_events events = {on_started, on_output, on_exit_};

static void turn_until(const bool *flag, int64_t timeout_ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)timeout_ms * 1000000u;
	while (!*flag && uv_hrtime() < end) {
		(void)uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	}
}

static void turn_for(int64_t ms)
{
	const bool never = false;
	turn_until(&never, ms);
}

static void begin(struct run *r, const struct launch *l)
{
	*r = (struct run){0};
	r->p = process_start(l, &events, r);
	assert_non_null(r->p);
	turn_until(&r->started, PATIENCE_MS);
	assert_true(r->started);
}

static void finish(struct run *r)
{
	turn_until(&r->exited, PATIENCE_MS);
	assert_true(r->exited);
	turn_for(5);
}

static const char *const plain_env[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};

static void run_shell(struct run *r, const char *script)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct launch l = {.argv = argv, .env = plain_env, .cwd = "/", .tmp_bytes = 4 << 20};
	begin(r, &l);
	assert_int_equal(r->error, 0);
	finish(r);
}

static void need_sandbox(void)
{
	if (launcher_sandboxed())
		return;
	print_message("skipped: %s\n", launcher_limits());
	skip();
}

static void test_output_and_exit_status(void **state)
{
	(void)state;
	static struct run r;
	run_shell(&r, "echo $GREETING; echo oops >&2; pwd; exit 7");
	assert_string_equal(r.out, "hello\n/\n");
	assert_string_equal(r.err, "oops\n");
	assert_true(WIFEXITED(r.status));
	assert_int_equal(WEXITSTATUS(r.status), 7);
	assert_false(r.oom);
}

static void test_merged_output_keeps_order(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sh", "-c", "echo 1; echo 2 >&2; echo 3", NULL};
	struct launch l = {.argv = argv, .env = plain_env, .merge_output = true};
	static struct run r;
	begin(&r, &l);
	finish(&r);
	assert_string_equal(r.out, "1\n2\n3\n");
	assert_string_equal(r.err, "");
}

static void test_a_program_that_is_not_there(void **state)
{
	(void)state;
	const char *argv[] = {"/usr/bin/no-such-program", NULL};
	struct launch l = {.argv = argv, .env = plain_env};
	static struct run r;
	begin(&r, &l);
	assert_int_equal(r.error, ENOENT);
	turn_for(50);
	assert_false(r.exited);
}

static void test_nothing_of_the_host_is_seen(void **state)
{
	(void)state;
	need_sandbox();
	static struct run r;
	run_shell(&r, "echo $$; ls /root /home 2>/dev/null; ls /etc/shadow 2>/dev/null; [ $(ls -d /proc/[0-9]* | wc -l) -le 4 ] && echo few; id -u;"
	              "hostname 2>/dev/null || cat /proc/sys/kernel/hostname");
	/* The shell is process 1; its own children are the only others. */
	assert_string_equal(r.out, "1\nfew\n993\n169-254-100-1\n");
}

static void test_root_is_read_only_and_tmp_is_bounded(void **state)
{
	(void)state;
	need_sandbox();
	static struct run r;
	run_shell(&r, "for d in / /usr /etc /var/task /dev; do touch $d/x 2>/dev/null && echo wrote $d; done;"
	              "head -c 1000000 /dev/zero >/tmp/a && echo fits; head -c 9000000 /dev/zero >/tmp/b 2>/dev/null || echo full");
	assert_string_equal(r.out, "fits\nfull\n");
}

static void test_privileges_are_gone(void **state)
{
	(void)state;
	need_sandbox();
	static struct run r;
	run_shell(&r, "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t' ' ';"
	              "unshare -U true 2>/dev/null && echo unshared; mount -t tmpfs x /tmp 2>/dev/null && echo mounted; true");
	assert_string_equal(r.out, "CapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n");
}

static void test_mounts_are_seen_read_only(void **state)
{
	(void)state;
	char dir[] = "/tmp/tsubo-test-XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	char file[64];
	snprintf(file, sizeof file, "%s/code", dir);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fputs("the code\n", f);
	fclose(f);
	/* In plain mode /var/task in arguments and environment becomes the directory itself. */
	const char *argv[] = {"/bin/sh", "-c", "cat $TASK/code; cat code; touch $TASK/x 2>/dev/null && echo wrote; true", NULL};
	const char *env[] = {"PATH=/usr/bin:/bin", "TASK=/var/task", NULL};
	struct launch_mount m = {dir, "/var/task"};
	struct launch l = {.argv = argv, .env = env, .cwd = "/var/task", .mounts = &m, .n_mounts = 1};
	static struct run r;
	begin(&r, &l);
	assert_int_equal(r.error, 0);
	finish(&r);
	assert_string_equal(r.out, launcher_sandboxed() ? "the code\nthe code\n" : "the code\nthe code\nwrote\n");
	(void)unlink(file);
	snprintf(file, sizeof file, "%s/x", dir);
	(void)unlink(file);
	assert_int_equal(rmdir(dir), 0);
}

static void test_listeners_are_handed_out(void **state)
{
	(void)state;
	/* bash speaks to the address it knows; we accept on the descriptor that came out. */
	if (access("/bin/bash", X_OK) != 0)
		skip();
	const char *argv[] = {"/bin/bash", "-c",
	                      "for a in $API $LOCAL; do exec 3<>/dev/tcp/${a%:*}/${a#*:}; echo \"asks $a\" >&3; read -u 3 line; echo $line; done", NULL};
	const char *env[] = {"PATH=/usr/bin:/bin", "API=169.254.100.1:9001", "LOCAL=127.0.0.1:4566", NULL};
	struct launch_listener at[] = {{"169.254.100.1", 9001}, {"127.0.0.1", 4566}};
	struct launch l = {.argv = argv, .env = env, .listeners = at, .n_listeners = 2};
	static struct run r;
	begin(&r, &l);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.n_fds, 2);
	for (int i = 0; i < 2; i++) {
		int c = -1;
		for (int tries = 0; c < 0 && tries < 2000; tries++) {
			c = accept(r.fds[i], NULL, NULL);
			turn_for(1);
		}
		assert_true(c >= 0);
		char line[64];
		ssize_t n = read(c, line, sizeof line);
		assert_true(n > 5 && memcmp(line, "asks ", 5) == 0);
		assert_int_equal(write(c, "answer\n", 7), 7);
		close(c);
		close(r.fds[i]);
	}
	finish(&r);
	assert_string_equal(r.out, "answer\nanswer\n");
	if (launcher_sandboxed())
		assert_int_equal(r.ports[0], 9001);
	else
		assert_true(r.ports[0] != 9001 && r.ports[0] > 0);
}

static void test_two_sandboxes_listen_at_the_same_address(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sleep", "5", NULL};
	struct launch_listener at = {"169.254.100.1", 9001};
	struct launch l = {.argv = argv, .env = plain_env, .listeners = &at, .n_listeners = 1};
	static struct run a, b;
	begin(&a, &l);
	begin(&b, &l);
	assert_int_equal(a.error, 0);
	assert_int_equal(b.error, 0);
	process_kill(a.p);
	process_kill(b.p);
	finish(&a);
	finish(&b);
	close(a.fds[0]);
	close(b.fds[0]);
}

static void test_memory_limit_kills(void **state)
{
	(void)state;
	if (strstr(launcher_limits(), "no memory limit") != NULL) {
		print_message("skipped: %s\n", launcher_limits());
		skip();
	}
	if (access("/bin/bash", X_OK) != 0)
		skip();
	const char *argv[] = {"/bin/bash", "-c", "exec tail -c 500000000 < <(cat /dev/zero)", NULL};
	struct launch l = {.argv = argv, .env = plain_env, .memory_bytes = 32 << 20};
	static struct run r;
	begin(&r, &l);
	assert_int_equal(r.error, 0);
	finish(&r);
	assert_true(WIFSIGNALED(r.status));
	assert_int_equal(WTERMSIG(r.status), SIGKILL);
	assert_true(r.oom);
}

static void test_process_count_is_limited(void **state)
{
	(void)state;
	need_sandbox();
	if (strstr(launcher_limits(), "no pids limit") != NULL)
		skip();
	const char *argv[] = {"/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; echo all", NULL};
	struct launch l = {.argv = argv, .env = plain_env, .pids = 8};
	static struct run r;
	begin(&r, &l);
	finish(&r);
	assert_null(strstr(r.out, "all"));
	assert_non_null(strstr(r.err, "ork"));
}

static void test_freeze_and_thaw(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sh", "-c", "while :; do echo tick; sleep 0.01; done", NULL};
	struct launch l = {.argv = argv, .env = plain_env};
	static struct run r;
	begin(&r, &l);
	assert_int_equal(r.error, 0);
	for (int i = 0; i < 500 && r.n_out == 0; i++)
		turn_for(10);
	assert_true(r.n_out > 0);
	process_freeze(r.p);
	turn_for(100);
	size_t frozen_at = r.n_out;
	turn_for(200);
	assert_int_equal(r.n_out, frozen_at);
	process_thaw(r.p);
	for (int i = 0; i < 500 && r.n_out == frozen_at; i++)
		turn_for(10);
	assert_true(r.n_out > frozen_at);
	process_freeze(r.p);
	process_kill(r.p); /* frozen: goes all the same */
	finish(&r);
	assert_true(WIFSIGNALED(r.status));
}

/* How many processes of this machine carry the mark in their environment. */
static int marked(const char *mark)
{
	char command[200];
	snprintf(command, sizeof command, "grep -lzs '^MARK=%s$' /proc/[0-9]*/environ | wc -l", mark);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	int n = -1;
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void test_kill_takes_the_whole_tree(void **state)
{
	(void)state;
	char mark[40], env_mark[60];
	snprintf(mark, sizeof mark, "tree%d", (int)getpid());
	snprintf(env_mark, sizeof env_mark, "MARK=%s", mark);
	const char *argv[] = {"/bin/sh", "-c", "sleep 100 & (sleep 100 & sleep 100) & setsid sleep 100 & echo up; wait", NULL};
	const char *env[] = {"PATH=/usr/bin:/bin", env_mark, NULL};
	struct launch l = {.argv = argv, .env = env};
	static struct run r;
	begin(&r, &l);
	for (int i = 0; i < 300 && (r.n_out == 0 || marked(mark) < 5); i++)
		turn_for(10);
	assert_true(marked(mark) >= 5);
	process_kill(r.p);
	finish(&r);
	for (int i = 0; i < 100 && marked(mark) > 0; i++)
		turn_for(10);
	assert_int_equal(marked(mark), 0);
}

static void test_signal_reaches_the_first_process(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sh", "-c", "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.01; done", NULL};
	struct launch l = {.argv = argv, .env = plain_env};
	static struct run r;
	begin(&r, &l);
	for (int i = 0; i < 300 && r.n_out == 0; i++)
		turn_for(10);
	process_signal(r.p, SIGTERM);
	finish(&r);
	assert_string_equal(r.out, "up\nasked\n");
	assert_int_equal(WEXITSTATUS(r.status), 3);
}

static void test_peak_memory_is_known(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sh", "-c", "echo up; sleep 100", NULL};
	struct launch l = {.argv = argv, .env = plain_env};
	static struct run r;
	begin(&r, &l);
	for (int i = 0; i < 300 && r.n_out == 0; i++)
		turn_for(10);
	uint64_t peak = process_memory_peak(r.p);
	assert_true(peak > 50000 && peak < 64 << 20);
	process_kill(r.p);
	finish(&r);
}

/* A program that starts a process and dies by kill -9: the process must go too. */
static void test_death_of_the_program_kills_all(void **state)
{
	(void)state;
	char mark[40], env_mark[60];
	snprintf(mark, sizeof mark, "death%d", (int)getpid());
	snprintf(env_mark, sizeof env_mark, "MARK=%s", mark);
	fflush(NULL);
	launcher_stop();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const char *argv[] = {"/bin/sleep", "100", NULL};
		const char *env[] = {env_mark, NULL};
		uv_loop_t own;
		if (launcher_fork() != 0 || uv_loop_init(&own) != 0)
			_exit(1);
		launcher_attach(&own);
		struct launch l = {.argv = argv, .env = env};
		struct run r = {0};
		r.p = process_start(&l, &events, &r);
		while (!r.started)
			(void)uv_run(&own, UV_RUN_ONCE);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < PATIENCE_MS / 10 && marked(mark) > 0; i++)
		usleep(10000);
	assert_int_equal(marked(mark), 0);
	assert_int_equal(launcher_fork(), 0);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
	launcher_attach(&loop);
}

/* The process that is ours and no sandbox's: the launcher. */
static pid_t launcher_pid(void)
{
	char path[64];
	int pid = 0;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

static void test_death_of_the_launcher_is_told(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/sleep", "1000", NULL}, *env[] = {NULL};
	struct launch l = {.argv = argv, .env = env};
	struct run r = {0}, late = {0};
	r.p = process_start(&l, &events, &r);
	turn_until(&r.started, PATIENCE_MS);
	assert_int_equal(r.error, 0);
	pid_t pid = launcher_pid();
	assert_int_equal(kill(pid, SIGSTOP), 0);
	late.p = process_start(&l, &events, &late);
	assert_non_null(late.p);
	assert_int_equal(kill(pid, SIGKILL), 0);
	turn_until(&r.exited, PATIENCE_MS);
	assert_true(r.exited && WIFSIGNALED(r.status));
	assert_true(late.started && late.error != 0 && !late.exited);
	assert_null(process_start(&l, &events, &late));
	launcher_stop();
	(void)uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(launcher_fork(), 0);
	launcher_attach(&loop);
}

static void test_no_descriptors_left(void **state)
{
	(void)state;
	const char *argv[] = {"/bin/true", NULL}, *env[] = {NULL};
	struct launch l = {.argv = argv, .env = env};
	int taken[4096];
	size_t n = 0;
	struct rlimit few = {128, 0}, was;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < COUNT_OF(taken) && (taken[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	struct run r = {0}, one = {0};
	r.p = process_start(&l, &events, &r); /* no pipe */
	assert_non_null(r.p);
	for (int i = 0; i < 3; i++)
		close(taken[--n]);
	one.p = process_start(&l, &events, &one); /* one pipe, not both */
	while (n > 0)
		close(taken[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	turn_until(&r.started, PATIENCE_MS);
	turn_until(&one.started, PATIENCE_MS);
	assert_int_equal(r.error, EMFILE);
	assert_int_equal(one.error, EMFILE);
	turn_for(20);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_output_and_exit_status),
	cmocka_unit_test(test_merged_output_keeps_order),
	cmocka_unit_test(test_a_program_that_is_not_there),
	cmocka_unit_test(test_nothing_of_the_host_is_seen),
	cmocka_unit_test(test_root_is_read_only_and_tmp_is_bounded),
	cmocka_unit_test(test_privileges_are_gone),
	cmocka_unit_test(test_mounts_are_seen_read_only),
	cmocka_unit_test(test_listeners_are_handed_out),
	cmocka_unit_test(test_two_sandboxes_listen_at_the_same_address),
	cmocka_unit_test(test_memory_limit_kills),
	cmocka_unit_test(test_process_count_is_limited),
	cmocka_unit_test(test_freeze_and_thaw),
	cmocka_unit_test(test_kill_takes_the_whole_tree),
	cmocka_unit_test(test_signal_reaches_the_first_process),
	cmocka_unit_test(test_peak_memory_is_known),
	cmocka_unit_test(test_no_descriptors_left),
	cmocka_unit_test(test_death_of_the_launcher_is_told),
	cmocka_unit_test(test_death_of_the_program_kills_all),
};

static int run_all(const char *name, const char *sandbox)
{
	if (sandbox != NULL)
		setenv("TSUBO_SANDBOX", sandbox, 1);
	if (launcher_fork() != 0 || uv_loop_init(&loop) != 0)
		return 1;
	launcher_attach(&loop);
	printf("%s: sandboxed %d, missing: \"%s\"\n", name, launcher_sandboxed(), launcher_limits());
	fflush(stdout);
	int failed = cmocka_run_group_tests_name(name, tests, NULL, NULL);
	launcher_stop();
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	return failed != 0 || uv_loop_close(&loop) != 0;
}

int main(void)
{
	int failed = run_all("as the kernel allows", NULL);
	return run_all("plain processes", "off") != 0 || failed != 0;
}
