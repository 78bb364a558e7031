/* Outputs of a stack, and exports: names of an account and region by which other stacks import values. */
#include "stack.h"

static struct key *export_key(struct call *c, struct str name) { return key_str(call_key(c, "export"), name); }

struct json *export_value(struct call *c, struct str name)
{
	const struct cloudformation_ExportRecord *e = call_get(c, export_key(c, name), &cloudformation_shape_ExportRecord);
	return e != NULL ? json_new_str(c->arena, e->Value) : NULL;
}

/* ---- imports ---- */

void import_note(struct call *c, struct str name, struct str stack_id)
{
	ASSERT(str_present(name) && str_present(stack_id) && txn_writable(c->txn));
	txn_put(c->txn, key_bytes(key_str(key_str(call_key(c, "import"), name), stack_id)), S("-"));
	txn_put(c->txn, key_bytes(key_str(key_str(call_key(c, "imported"), stack_id), name)), S("-"));
}

void imports_drop(struct call *c, struct str stack_id)
{
	struct key *prefix = key_str(call_key(c, "imported"), stack_id);
	struct str key, value, name;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_str(&r, c->arena, &name);
		ASSERT(ok);
		call_del(c, key_str(key_str(call_key(c, "import"), name), stack_id));
		call_del(c, key_str(key_str(call_key(c, "imported"), stack_id), name));
	}
	scan_close(s);
}

/* The name of a stack that imports an export; absent: none does. */
static struct str importer(struct call *c, struct str name)
{
	struct key *prefix = key_str(call_key(c, "import"), name);
	struct str key, value, id = STR_NONE;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	if (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_str(&r, c->arena, &id);
		ASSERT(ok);
	}
	scan_close(s);
	const struct cloudformation_StackRecord *stack = str_present(id) ? stack_load(c, id) : NULL;
	return stack != NULL ? stack->Name : STR_NONE;
}

struct str finish_export_in_use(struct call *c, const struct cloudformation_StackRecord *s, struct str *user)
{
	for (uint32_t i = 0; s->Outputs != NULL && i < s->Outputs->n; i++) {
		struct str name = json_get_str(&s->Outputs->items[i], "ExportName");
		*user = str_present(name) ? importer(c, name) : STR_NONE;
		if (str_present(*user))
			return name;
	}
	return STR_NONE;
}

void finish_drop_exports(struct call *c, const struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && txn_writable(c->txn));
	for (uint32_t i = 0; s->Outputs != NULL && i < s->Outputs->n; i++) {
		struct str name = json_get_str(&s->Outputs->items[i], "ExportName");
		const struct cloudformation_ExportRecord *e = str_present(name) ? call_get(c, export_key(c, name), &cloudformation_shape_ExportRecord) : NULL;
		if (e != NULL && str_eq(e->StackId, s->Id))
			call_del(c, export_key(c, name));
	}
}

/* ---- outputs ---- */

static struct json *one_output(struct scope *sc, struct str key, const struct json *output)
{
	ASSERT(str_present(key) && output != NULL);
	struct arena *a = sc->c->arena;
	struct json *out = json_new_object(a);
	struct str value = intrinsics_text(&sc->x, json_get(output, S("Value")));
	const struct json *export = json_get(json_get(output, S("Export")), S("Name"));
	struct str name = export != NULL && str_present(value) ? intrinsics_text(&sc->x, export) : STR_NONE;
	if (str_present(sc->x.error))
		return NULL;
	json_set_str(a, out, "OutputKey", key);
	json_set_str(a, out, "OutputValue", value);
	struct str description = json_get_str(output, "Description");
	if (str_present(description))
		json_set_str(a, out, "Description", description);
	if (str_present(name))
		json_set_str(a, out, "ExportName", name);
	return out;
}

static struct json *outputs_of(struct scope *sc)
{
	const struct json *all = json_get(sc->x.template, S("Outputs"));
	struct json *list = json_new_array(sc->c->arena);
	for (uint32_t i = 0; all != NULL && i < all->n; i++) {
		if (!intrinsics_present(&sc->x, &all->members[i].value))
			continue;
		struct json *o = one_output(sc, all->members[i].key, &all->members[i].value);
		if (o == NULL)
			return NULL;
		json_push(sc->c->arena, list, o);
	}
	return str_present(sc->x.error) ? NULL : list;
}

static const struct json *output_exporting(const struct json *outputs, struct str name)
{
	for (uint32_t i = 0; outputs != NULL && i < outputs->n; i++)
		if (str_eq(json_get_str(&outputs->items[i], "ExportName"), name) && str_present(name))
			return &outputs->items[i];
	return NULL;
}

/* May the exports become these? Others' names are taken, and what is imported must not change. */
static bool exports_allowed(struct call *c, const struct cloudformation_StackRecord *s, const struct json *outputs, struct str *why)
{
	ASSERT(json_is(outputs, JSON_ARRAY) && why != NULL);
	for (uint32_t i = 0; i < outputs->n; i++) {
		struct str name = json_get_str(&outputs->items[i], "ExportName");
		const struct cloudformation_ExportRecord *e = str_present(name) ? call_get(c, export_key(c, name), &cloudformation_shape_ExportRecord) : NULL;
		if (e != NULL && !str_eq(e->StackId, s->Id)) {
			const struct cloudformation_StackRecord *owner = stack_load(c, e->StackId);
			*why = arena_printf(c->arena, "Export with name %.*s is already exported by stack %.*s", STR_ARG(name),
			                    STR_ARG(owner != NULL ? owner->Name : e->StackId));
			return false;
		}
	}
	for (uint32_t i = 0; s->Outputs != NULL && i < s->Outputs->n; i++) {
		struct str name = json_get_str(&s->Outputs->items[i], "ExportName");
		const struct json *now = output_exporting(outputs, name);
		bool same = now != NULL && str_eq(json_get_str(now, "OutputValue"), json_get_str(&s->Outputs->items[i], "OutputValue"));
		struct str user = str_present(name) && !same ? importer(c, name) : STR_NONE;
		if (str_present(user)) {
			*why = arena_printf(c->arena, "Export %.*s cannot be %s as it is in use by %.*s", STR_ARG(name),
			                    now == NULL ? "deleted" : "updated", STR_ARG(user));
			return false;
		}
	}
	return true;
}

bool finish_outputs(struct call *c, struct cloudformation_StackRecord *s, struct str *why)
{
	struct scope sc;
	struct json *outputs = NULL;
	if (scope_init(&sc, c, s, stack_template(c, s), s->Parameters, stack_resources(c, s->Id)))
		outputs = outputs_of(&sc);
	if (outputs == NULL) {
		*why = sc.x.error;
		return false;
	}
	if (!exports_allowed(c, s, outputs, why))
		return false;
	finish_drop_exports(c, s);
	for (uint32_t i = 0; i < outputs->n; i++) {
		struct cloudformation_ExportRecord e = {.Name = json_get_str(&outputs->items[i], "ExportName"),
			.Value = json_get_str(&outputs->items[i], "OutputValue"), .StackId = s->Id};
		if (str_present(e.Name))
			call_put(c, export_key(c, e.Name), &cloudformation_shape_ExportRecord, &e);
	}
	s->Outputs = outputs;
	/* imports as they are used now: evaluate everything once more and note them anew */
	imports_drop(c, s->Id);
	const struct json *resources = json_get(sc.x.template, S("Resources"));
	for (uint32_t i = 0; i < resources->n; i++)
		if (intrinsics_present(&sc.x, &resources->members[i].value))
			scope_properties(&sc, resources->members[i].key);
	outputs_of(&sc);
	return true;
}
