/* Any JSON object as an event and any text as what a target makes of it, apart by NULs: event, path or template, the paths of two
 * variables. It ends, and
 * a path that was let in when the target was put gives JSON. */
#include "../events.h"
#include "svc/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct call c = {.magic = TASK_MAGIC, .arena = a, .now_ms = 1700000000000};
	struct str rest = str_of((const char *)data, size), event = str_cut(&rest, '\0'), text = str_cut(&rest, '\0');
	struct events_TransformerPaths_entry paths[2] = {{.key = S("a"), .value = str_cut(&rest, '\0')}, {.key = S("b-1"), .value = rest}};
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (!str_present(paths[i].value))
			paths[i].value = S("$.detail");
	if (json_is(json_parse(a, event, NULL), JSON_OBJECT) && str_present(text)) {
		struct events_InputTransformer with = {.InputPathsMap = {paths, COUNT_OF(paths), true}, .InputTemplate = text};
		struct events_Target path = {.InputPath = text}, filled = {.InputTransformer = &with};
		if (target_input_wrong(&c, &path) == NULL)
			ASSERT(json_parse(a, target_input(&c, &path, event, S("r"), S("arn:aws:events:us-east-1:000000000000:rule/r")), NULL) != NULL);
		if (target_input_wrong(&c, &filled) == NULL)
			(void)target_input(&c, &filled, event, S("r"), S("arn:aws:events:us-east-1:000000000000:rule/r"));
	}
	arena_free(a);
	return 0;
}
