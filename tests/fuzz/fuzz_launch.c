/* What the program tells its launcher: any strings arrive as they were, and become a plain process's. */
#include "launcher/proto.h"

#include <stdlib.h>

enum { STRINGS_MAX = 24 };

static void check(char *const *got, const char *const *sent)
{
	size_t i = 0;
	for (; sent[i] != NULL; i++)
		ASSERT(strcmp(got[i], sent[i]) == 0);
	ASSERT(got[i] == NULL);
}

static void spec_free(struct spec *s)
{
	free(s->argv);
	free(s->env);
	free(s->mounts);
	free(s->listeners);
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	const char *argv[STRINGS_MAX + 2] = {"/bin/true"}, *env[STRINGS_MAX + 1] = {NULL};
	struct launch_mount mounts[4];
	struct launch_listener listeners[2] = {{"169.254.100.1", 9001}, {"127.0.0.1", 80}};
	struct launch l = {.argv = argv, .env = env, .mounts = mounts, .listeners = listeners, .n_listeners = size % 3,
	                   .rw_dir = "/host/rw", .rw_at = "/rw"};
	size_t n_argv = 1, n_env = 0;
	struct str rest = str_of((const char *)data, size);
	for (size_t i = 0; str_present(rest) && i < STRINGS_MAX; i++) {
		struct str text = str_cut(&rest, '\n');
		ptrdiff_t nul = str_find(text, '\0');
		const char *c = arena_cstr(a, nul >= 0 ? str_slice(text, 0, (size_t)nul) : text);
		if (i % 4 == 0)
			argv[n_argv++] = c;
		else if (i % 4 == 1)
			env[n_env++] = c;
		else if (i % 4 == 2 && l.n_mounts < COUNT_OF(mounts))
			mounts[l.n_mounts++] = (struct launch_mount){"/host/place", c};
		else
			l.cwd = c;
	}
	struct buf b;
	buf_init(&b, NULL, MESSAGE_MAX);
	if (spec_write(&b, &l)) {
		struct spec *s = spec_read(b.p, b.n);
		const int ports[LISTENERS_MAX] = {40001, 40002};
		check(s->argv, argv);
		check(s->env, env);
		ASSERT(strcmp(s->cwd, l.cwd != NULL ? l.cwd : "") == 0 && s->n_mounts == l.n_mounts && s->n_listeners == l.n_listeners);
		spec_to_plain(s, ports);
		free(s->cwd);
		for (size_t i = 0; i < s->n_argv; i++)
			free(s->argv[i]);
		for (size_t i = 0; i < s->n_env; i++)
			free(s->env[i]);
		spec_free(s);
	}
	buf_free(&b);
	arena_free(a);
	return 0;
}
