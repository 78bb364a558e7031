/* The command line: `tsubo up` runs the server; the other commands talk to a running one.
 *
 * Order at start, and why: the launcher is forked first, before threads and descriptors exist that it must not have; the
 * store opens before the port, so that a port that answers has its data; services start last. */
#include "auth/session.h"
#include "base/json.h"
#include "cli.h"
#include "gateway/gateway.h"
#include "http/tls.h"
#include "launcher/launcher.h"
#include "os/os.h"
#include "svc/clock.h"
#include "svc/task.h"
#include "telemetry/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
	uv_loop_t *loop;
	struct cli_options opt;
	struct store *store;
	struct http_server *server;
	struct http_tls *tls;
	uv_signal_t sigint, sigterm;
	bool stopping, reset;
	char **argv;
} app;

static void stop_loop(void *unused)
{
	(void)unused;
	uv_stop(app.loop);
}

static void stop_server(void)
{
	if (app.stopping)
		return;
	app.stopping = true;
	http_server_stop(app.server, 2000, stop_loop, NULL);
}

static void on_signal(uv_signal_t *s, int signo)
{
	(void)s;
	if (app.stopping)
		_exit(128 + signo);
	log_info("stopping");
	stop_server();
}

static void on_reset(void)
{
	app.reset = true;
	stop_server();
}

static struct str ca_pem(struct arena *a) { return app.tls != NULL ? tls_ca_pem(app.tls, a) : STR_NONE; }

/* The key that seals session tokens: made once, kept in the store. */
static void load_session_key(void)
{
	struct arena *a = arena_new(0);
	struct key k = key_new(a);
	key_str(key_str(&k, S("_server")), S("session-key"));
	unsigned char secret[32];
	struct str value;
	struct txn *t = store_read(app.store);
	bool there = txn_get(t, key_bytes(&k), a, &value);
	txn_end(t);
	if (there) {
		ASSERT(value.n == sizeof secret);
		memcpy(secret, value.p, sizeof secret);
	} else {
		random_bytes(secret, sizeof secret);
		store_group_begin(app.store);
		t = store_group_txn(app.store);
		txn_put(t, key_bytes(&k), str_of((const char *)secret, sizeof secret));
		txn_keep(t);
		if (!store_group_commit(app.store))
			die("cannot write to the store in %s", app.opt.data_dir);
	}
	session_set_key(secret);
	explicit_bzero(secret, sizeof secret);
	arena_free(a);
}

static bool open_store(void)
{
	char *why = NULL;
	app.store = store_open(app.opt.data_dir, NULL, &why);
	if (app.store == NULL) {
		fprintf(stderr, "tsubo: %s\n", why != NULL ? why : "cannot open the store");
		free(why);
		return false;
	}
	return true;
}

static bool open_port(void)
{
	app.server = http_server_new(app.loop, &gateway_handler, &http_default_limits);
	service_http_set(app.server);
	int port = http_listen(app.server, app.opt.host, app.opt.port, app.tls, NULL);
	if (port < 0) {
		fprintf(stderr, "tsubo: cannot listen on %s port %d: %s\n", app.opt.host, app.opt.port, uv_strerror(port));
		return false;
	}
	app.opt.port = port;
	if (strcmp(app.opt.host, "127.0.0.1") == 0) /* "localhost" is both: no matter when there is no IPv6 */
		http_listen(app.server, "::1", port, app.tls, NULL);
	return true;
}

static void open_tls(void)
{
	char dir[4096], *why = NULL;
	snprintf(dir, sizeof dir, "%s/tls", app.opt.data_dir);
	app.tls = tls_open(dir, app.opt.base_name, &why);
	if (app.tls == NULL)
		log_warn("no TLS: %s", why != NULL ? why : "?");
	free(why);
}

/* What need not keep the first call waiting. */
static void after_start(void *unused)
{
	(void)unused;
	size_t n = blob_sweep_orphans(app.store);
	if (n > 0)
		log_info("removed %zu bodies that no record named", n);
	if (app.tls != NULL)
		tls_warm(app.tls);
}

static void services_start(void)
{
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->start != NULL)
			services[i]->start();
}

static void services_stop(void)
{
	for (size_t i = n_services; i-- > 0;)
		if (services[i]->stop != NULL)
			services[i]->stop();
}

static void banner(int64_t started_us)
{
	if (app.opt.log_json)
		log_info("listening on http://%s:%d, data in %s", app.opt.host, app.opt.port, app.opt.data_dir);
	else
		fprintf(stderr, "tsubo %s is up on http://localhost:%d after %.1f ms, data in %s\n%s%s%s", TSUBO_VERSION, app.opt.port,
			(double)(os.monotonic_us() - started_us) / 1000.0, app.opt.data_dir,
			launcher_sandboxed() ? "" : "functions run without a sandbox: ", launcher_sandboxed() ? "" : launcher_limits(),
			launcher_sandboxed() ? "" : "\n");
}

static void configure(void)
{
	static struct service_config config;
	config = (struct service_config){.port = app.opt.port, .data_dir = app.opt.data_dir, .runtime_dir = app.opt.runtime_dir,
		.region = app.opt.region, .account = "000000000000",
		.base_name = app.opt.base_name};
	service_config_set(&config);
}

/* 0, or 1 with a message printed. */
static int serve(void)
{
	int64_t started_us = os.monotonic_us();
	signal(SIGPIPE, SIG_IGN);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (launcher_fork() != 0) {
		fprintf(stderr, "tsubo: cannot fork the launcher: %s\n", strerror(errno));
		return 1;
	}
	log_start(app.opt.log_json, app.opt.log_level, STDERR_FILENO);
	app.loop = uv_default_loop();
	if (!open_store())
		return 1;
	loop_init(app.loop, app.store);
	configure();
	clock_load();
	load_session_key();
	launcher_attach(app.loop);
	const struct gateway_admin admin = {.started_us = started_us, .reset = on_reset, .stop = stop_server, .ca = ca_pem};
	gateway_init(&admin);
	if (app.opt.tls)
		open_tls();
	executor_start(app.loop, app.store, 2);
	services_start();
	if (!open_port())
		return 1;
	configure();
	uv_signal_init(app.loop, &app.sigint);
	uv_signal_init(app.loop, &app.sigterm);
	uv_signal_start(&app.sigint, on_signal, SIGINT);
	uv_signal_start(&app.sigterm, on_signal, SIGTERM);
	banner(started_us);
	worker_run(after_start, NULL, NULL);
	uv_run(app.loop, UV_RUN_DEFAULT);
	loop_finish_work();
	services_stop();
	executor_stop();
	loop_stop_timers();
	launcher_stop();
	store_close(app.store);
	log_stop();
	if (app.reset) {
		if (!cli_wipe(app.opt.data_dir))
			return 1;
		execv("/proc/self/exe", app.argv);
		perror("tsubo: cannot start anew");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	app.argv = argv;
	enum cli_command command = cli_parse(argc, argv, &app.opt);
	if (command == CLI_UP)
		return serve();
	return cli_run(command, &app.opt);
}
