/* The command line: parsing, help, and the commands that ask a running server over HTTP.
 *
 * Every mistake is one line on standard error with exit code 2; a server that does not answer is exit code 3. */
#include "cli.h"

#include "base/json.h"
#include "os/os.h"
#include "store/store.h"
#include "svc/clock.h"
#include "svc/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 60000, POLL_MS = 10 };

static const char help[] =
"tsubo: the AWS cloud on one machine\n"
"\n"
"usage: tsubo <command> [options]\n"
"\n"
"  up        run the server (stop it with Ctrl-C or `tsubo stop`)\n"
"  status    what a running server says of itself, as JSON\n"
"  clock     show the service clock, or turn it: tsubo clock +30s, clock -1h (ms s m h d w)\n"
"  env       print the variables that point AWS clients here: eval \"$(tsubo env)\"\n"
"  ca        print the certificate of the local authority, for clients that use https\n"
"  reset     forget everything; a running server starts anew, and has when this ends\n"
"  stop      stop a running server, which has ended when this does\n"
"  coverage  print every operation and resource type that is there, as JSON\n"
"  version   print the version\n"
"\n"
"options\n"
"  --port N        port to listen on or to ask (4566)\n"
"  --host ADDRESS  address to listen on (127.0.0.1)\n"
"  --data DIR      where everything is kept (./.tsubo)\n"
"  --base-name N   a name of this server beside localhost: bucket.N is a bucket, https has a certificate for it\n"
"  --region NAME   region of requests that name none (us-east-1)\n"
"  --log FORMAT    text or json (text on a terminal)\n"
"  --log-level L   debug, info, warn or error (info)\n"
"  --no-tls        do not answer https on the port\n"
"  --help          this text\n"
"\n"
"first steps\n"
"  tsubo up &\n"
"  eval \"$(tsubo env)\"\n"
"  aws sqs create-queue --queue-name hello --endpoint-url $AWS_ENDPOINT_URL\n"
"\n"
"exit codes: 0 done; 1 failed, the reason is on standard error; 2 wrong usage; 3 no server answers\n";

static const struct { const char *name; enum cli_command command; } commands[] = {
	{"up", CLI_UP}, {"status", CLI_STATUS}, {"clock", CLI_CLOCK}, {"env", CLI_ENV}, {"ca", CLI_CA}, {"reset", CLI_RESET},
	{"stop", CLI_STOP}, {"version", CLI_VERSION}, {"coverage", CLI_COVERAGE}, {"help", CLI_HELP},
};

static enum cli_command usage(const char *fmt, const char *what)
{
	fputs("tsubo: ", stderr);
	fprintf(stderr, "%s%s; see tsubo --help\n", fmt, what);
	return CLI_USAGE;
}

static bool to_level(const char *text, enum log_level *level)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(names[i], text) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

enum { OPT_PORT = 256, OPT_HOST, OPT_DATA, OPT_REGION, OPT_LOG, OPT_LOG_LEVEL, OPT_NO_TLS, OPT_RUNTIMES, OPT_BASE_NAME, OPT_VERSION };

static const struct option long_options[] = {
	{"port", required_argument, NULL, OPT_PORT}, {"host", required_argument, NULL, OPT_HOST},
	{"data", required_argument, NULL, OPT_DATA}, {"region", required_argument, NULL, OPT_REGION},
	{"log", required_argument, NULL, OPT_LOG}, {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"no-tls", no_argument, NULL, OPT_NO_TLS}, {"runtimes", required_argument, NULL, OPT_RUNTIMES},
	{"base-name", required_argument, NULL, OPT_BASE_NAME}, {"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0},
};

/* CLI_UP: go on; anything else ends the parsing with it. given: the word that the option came in. */
static enum cli_command take_option(int opt, struct cli_options *o, const char *given)
{
	int64_t port;
	switch (opt) {
	case OPT_PORT:
		if (!str_to_i64(str_c(optarg), &port) || port < 0 || port > 65535)
			return usage("not a port: ", optarg);
		o->port = (int)port;
		return CLI_UP;
	case OPT_HOST: o->host = optarg; return CLI_UP;
	case OPT_DATA: o->data_dir = optarg; o->data_given = true; return CLI_UP;
	case OPT_REGION: o->region = optarg; return CLI_UP;
	case OPT_RUNTIMES: o->runtime_dir = optarg; return CLI_UP;
	case OPT_BASE_NAME: o->base_name = optarg; return CLI_UP;
	case OPT_NO_TLS: o->tls = false; return CLI_UP;
	case OPT_LOG:
		if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0)
			return usage("--log takes text or json, not ", optarg);
		o->log_json = strcmp(optarg, "json") == 0;
		return CLI_UP;
	case OPT_LOG_LEVEL:
		return to_level(optarg, &o->log_level) ? CLI_UP : usage("--log-level takes debug, info, warn or error, not ", optarg);
	case OPT_VERSION: return CLI_VERSION;
	case 'h': return CLI_HELP;
	default: return usage("not an option, or its value is missing: ", given);
	}
}

/* A span like "-5s" must not be taken for options: out of argv before they are read. */
static void take_negative_span(int *argc, char **argv, struct cli_options *o)
{
	for (int i = 1; i + 1 < *argc; i++) {
		const char *next = argv[i + 1];
		if (strcmp(argv[i], "clock") != 0 || next[0] != '-' || next[1] < '0' || next[1] > '9')
			continue;
		o->span = next;
		memmove(argv + i + 1, argv + i + 2, (size_t)(*argc - i - 1) * sizeof *argv);
		--*argc;
		return;
	}
}

static enum cli_command check_host(struct cli_options *o)
{
	unsigned char address[16];
	if (strcmp(o->host, "localhost") == 0)
		o->host = "127.0.0.1";
	if (inet_pton(AF_INET, o->host, address) != 1 && inet_pton(AF_INET6, o->host, address) != 1)
		return usage("--host takes an address like 127.0.0.1 or 0.0.0.0, not ", o->host);
	return CLI_UP;
}

/* Beside the binary: <dir of the binary>/runtimes. */
static const char *default_runtimes(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "/runtimes");
	if (n <= 0)
		return "build/runtimes";
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	ASSERT(slash != NULL);
	memcpy(slash, "/runtimes", sizeof "/runtimes");
	return path;
}

enum cli_command cli_parse(int argc, char **argv, struct cli_options *o)
{
	*o = (struct cli_options){.host = "127.0.0.1", .data_dir = ".tsubo", .port = 4566, .region = "us-east-1", .tls = true,
		.base_name = "localhost", .log_level = LOG_INFO, .log_json = isatty(STDERR_FILENO) == 0};
	o->runtime_dir = default_runtimes();
	take_negative_span(&argc, argv, o);
	opterr = 0;
	for (;;) {
		int at = optind, opt = getopt_long(argc, argv, "h", long_options, NULL);
		if (opt == -1)
			break;
		/* words that are no options are moved behind; the option's own is the last one read */
		enum cli_command end = take_option(opt, o, argv[optind > at ? optind - 1 : at]);
		if (end != CLI_UP)
			return end;
	}
	if (optind >= argc)
		return CLI_HELP;
	const char *name = argv[optind++];
	enum cli_command command = CLI_USAGE;
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			command = commands[i].command;
	if (command == CLI_USAGE)
		return usage("no such command: ", name);
	if (command == CLI_CLOCK && optind < argc && o->span == NULL)
		o->span = argv[optind++];
	if (optind < argc)
		return usage("too many arguments: ", argv[optind]);
	int64_t ms;
	if (o->span != NULL && !clock_parse_span(str_c(o->span), &ms))
		return usage("a time span is like +30s, +5m, -2h, +1d, not ", o->span);
	return command == CLI_UP ? check_host(o) : command;
}

/* ---- asking a server ---- */

static int connect_to(const char *host, int port)
{
	char service[8];
	snprintf(service, sizeof service, "%d", port);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return -1;
	int fd = -1;
	for (struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

/* The body of the answer in the arena; absent when there is no server. *status gets its code. */
static struct str ask(struct arena *a, const struct cli_options *o, const char *method, const char *path, int *status)
{
	const char *host = strcmp(o->host, "0.0.0.0") == 0 ? "127.0.0.1" : o->host;
	int fd = connect_to(host, o->port);
	if (fd < 0)
		return STR_NONE;
	struct str q = arena_printf(a, "%s %s HTTP/1.1\r\nHost: localhost\r\nX-Tsubo: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		method, path);
	struct buf b;
	buf_init(&b, a, 1 << 20);
	if (write(fd, q.p, q.n) == (ssize_t)q.n) {
		char piece[4096];
		ssize_t n;
		while ((n = read(fd, piece, sizeof piece)) > 0)
			buf_put(&b, piece, (size_t)n);
	}
	close(fd);
	struct str answer = buf_view(&b);
	int64_t code = 0;
	ptrdiff_t end = str_find_str(answer, S("\r\n\r\n"));
	if (end < 0 || !str_to_i64(str_slice(answer, 9, 12), &code))
		return STR_NONE;
	*status = (int)code;
	return str_slice(answer, (size_t)end + 4, answer.n);
}

static int no_server(const struct cli_options *o)
{
	fprintf(stderr, "tsubo: no server answers on port %d; start one with tsubo up\n", o->port);
	return 3;
}

static int ask_and_print(const struct cli_options *o, const char *method, const char *path)
{
	struct arena *a = arena_new(0);
	int status = 0;
	struct str body = ask(a, o, method, path, &status);
	int code = 0;
	if (!str_present(body)) {
		code = no_server(o);
	} else if (status != 200) {
		struct str message = json_get_str(json_parse(a, body, NULL), "message");
		fprintf(stderr, "tsubo: %.*s\n", STR_ARG(str_present(message) ? message : body));
		code = 1;
	} else {
		printf("%.*s%s", STR_ARG(body), str_ends(body, S("\n")) ? "" : "\n");
	}
	arena_free(a);
	return code;
}

static int turn_clock(const struct cli_options *o)
{
	char path[128];
	ASSERT(strlen(o->span) <= 65); /* cli_parse has read it */
	snprintf(path, sizeof path, "/_tsubo/clock?turn=%s%s", o->span[0] == '+' ? "%2B" : "", o->span[0] == '+' ? o->span + 1 : o->span);
	return ask_and_print(o, "POST", path);
}

static int print_env(const struct cli_options *o)
{
	printf("export AWS_ENDPOINT_URL=http://localhost:%d\n"
	       "export AWS_ACCESS_KEY_ID=test\n"
	       "export AWS_SECRET_ACCESS_KEY=test\n"
	       "export AWS_DEFAULT_REGION=%s\n"
	       "export AWS_REGION=%s\n", o->port, o->region, o->region);
	return 0;
}

static void add_service(struct arena *a, struct json *list, const struct service *s)
{
	struct json *j = json_new_object(a), *there = json_new_array(a), *missing = json_new_array(a), *types = json_new_array(a);
	json_set_str(a, j, "name", str_c(s->name));
	json_set_i64(a, j, "of", s->model != NULL ? s->model->n_ops : 0);
	for (size_t i = 0; s->model != NULL && i < s->model->n_ops; i++) {
		struct str name = str_c(model_op_name(&model_ops(s->model)[i]));
		json_push(a, service_op(s, name) != NULL ? there : missing, json_new_str(a, name));
	}
	for (size_t i = 0; i < s->n_cfn_types; i++)
		json_push(a, types, json_new_str(a, str_c(s->cfn_types[i].name)));
	json_set(a, j, S("operations"), there);
	json_set(a, j, S("missing"), missing);
	json_set(a, j, S("types"), types);
	json_push(a, list, j);
}

static int print_coverage(void)
{
	struct arena *a = arena_new(0);
	struct json *list = json_new_array(a);
	for (size_t i = 0; i < n_services; i++)
		add_service(a, list, services[i]);
	struct str text = json_text_pretty(a, list);
	printf("%.*s\n", STR_ARG(text));
	arena_free(a);
	return 0;
}

/* Wait for a process of this machine to end; one that runs elsewhere is not waited for. false: it has not, in WAIT_MS. */
static bool wait_for_end(int64_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0)
		return true;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = poll(&p, 1, WAIT_MS);
	close(fd);
	return n > 0;
}

static int stop(const struct cli_options *o)
{
	struct arena *a = arena_new(0);
	int status = 0;
	struct str body = ask(a, o, "POST", "/_tsubo/stop", &status);
	int code = 0;
	if (!str_present(body)) {
		code = no_server(o);
	} else if (status != 200 || !wait_for_end(json_get_i64(json_parse(a, body, NULL), "pid", 0))) {
		fprintf(stderr, "tsubo: the server on port %d does not stop\n", o->port);
		code = 1;
	}
	arena_free(a);
	return code;
}

bool cli_wipe(const char *data_dir)
{
	/* only what is ours, by name: a wrong --data must not cost anything else */
	static const char *const ours[] = {"db", "wal", "packs", "blobs", "lambda", "FORMAT", "LOCK"};
	char *why = NULL;
	int lock = store_lock_dir(data_dir, &why);
	if (lock < 0) {
		fprintf(stderr, "tsubo: %s\n", why != NULL ? why : data_dir);
		free(why);
		return false;
	}
	for (size_t i = 0; i < COUNT_OF(ours); i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", data_dir, ours[i]);
		struct stat st;
		if (lstat(path, &st) != 0)
			continue;
		pid_t pid = fork();
		if (pid == 0) {
			execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
			_exit(127);
		}
		int status = 0;
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
			fprintf(stderr, "tsubo: cannot remove %s\n", path);
			close(lock);
			return false;
		}
	}
	close(lock);
	return true;
}

/* After a reset was taken: until the server, begun anew, answers. */
static bool wait_for_new(const struct cli_options *o)
{
	struct arena *a = arena_new(0);
	bool up = false;
	int64_t asked_ms = os.monotonic_us() / 1000;
	for (int i = 0; i < WAIT_MS / POLL_MS && !up; i++) {
		usleep(POLL_MS * 1000);
		int status = 0;
		struct str body = ask(a, o, "GET", "/_tsubo/status", &status);
		int64_t uptime_ms = json_get_i64(json_parse(a, body, NULL), "uptime_ms", INT64_MAX);
		up = str_present(body) && status == 200 && uptime_ms <= os.monotonic_us() / 1000 - asked_ms;
	}
	arena_free(a);
	return up;
}

static int reset(const struct cli_options *o)
{
	struct arena *a = arena_new(0);
	int status = 0;
	struct str body = ask(a, o, "POST", "/_tsubo/reset", &status);
	bool running = str_present(body);
	arena_free(a);
	if (running && status == 200 && wait_for_new(o))
		return 0;
	if (running) {
		fprintf(stderr, "tsubo: the server on port %d does not start anew\n", o->port);
		return 1;
	}
	char mark[4096];
	snprintf(mark, sizeof mark, "%s/FORMAT", o->data_dir);
	if (access(mark, F_OK) != 0) {
		fprintf(stderr, "tsubo: no server answers on port %d, and %s holds no data of tsubo's\n", o->port, o->data_dir);
		return 3;
	}
	return cli_wipe(o->data_dir) ? 0 : 1;
}

int cli_run(enum cli_command command, const struct cli_options *o)
{
	switch (command) {
	case CLI_STATUS: return ask_and_print(o, "GET", "/_tsubo/status");
	case CLI_CLOCK: return o->span != NULL ? turn_clock(o) : ask_and_print(o, "GET", "/_tsubo/clock");
	case CLI_ENV: return print_env(o);
	case CLI_CA: return ask_and_print(o, "GET", "/_tsubo/ca");
	case CLI_RESET: return reset(o);
	case CLI_STOP: return stop(o);
	case CLI_COVERAGE: return print_coverage();
	case CLI_VERSION: puts("tsubo " TSUBO_VERSION); return 0;
	case CLI_HELP: fputs(help, stdout); return 0;
	default: return 2;
	}
}
