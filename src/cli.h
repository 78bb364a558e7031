/* Options and the commands that need no server of their own. */
#ifndef TSUBO_CLI_H
#define TSUBO_CLI_H

#include "telemetry/log.h"

enum cli_command { CLI_UP, CLI_STATUS, CLI_CLOCK, CLI_ENV, CLI_CA, CLI_RESET, CLI_STOP, CLI_VERSION, CLI_COVERAGE, CLI_HELP, CLI_USAGE };

struct cli_options {
	const char *host, *data_dir, *runtime_dir, *region, *base_name;
	int port;
	bool log_json, tls, data_given;
	enum log_level log_level;
	const char *span; /* clock */
};

/* Parse; messages about mistakes go to standard error, the command is CLI_USAGE then. */
enum cli_command cli_parse(int argc, char **argv, struct cli_options *o);
/* Exit codes: 0 done, 1 failed (said why), 2 wrong usage, 3 no server answers. */
int cli_run(enum cli_command command, const struct cli_options *o);
/* Remove what a data directory of ours holds (db, blobs, lambda, tls stays). false with a message. */
bool cli_wipe(const char *data_dir);

#endif
