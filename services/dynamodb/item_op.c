/* One write of one item: see item_op.h. */
#include "item_op.h"
#include "insights.h"

bool item_op_read(struct request *r, const struct item_input *in, struct item_op *op)
{
	ASSERT(in->kind == ITEM_UPDATE || (!str_present(in->update) && !in->updates.set));
	const struct given expressions[] = {{"UpdateExpression", str_present(in->update)}, {"ConditionExpression", str_present(in->condition)}};
	const struct given legacy[] = {{"AttributeUpdates", in->updates.set}, {"Expected", in->expected.set},
	                               {"ConditionalOperator", str_present(in->conditional_operator)}};
	/* Only an update has the first of each. */
	size_t skip = in->kind == ITEM_UPDATE ? 0 : 1;
	bool bare = in->in_transaction && !str_present(in->update) && !str_present(in->condition);
	*op = (struct item_op){.kind = in->kind};
	if ((!bare && !request_check_given(r, expressions + skip, 2 - skip, legacy + skip, 3 - skip, in->names, in->values)) ||
	    !request_check_joined(r, in->conditional_operator, in->expected) || !item_from_json(in->item, &op->input, &r->fault))
		return false;
	if (skip == 1 && str_present(in->return_values) && !str_eq(in->return_values, S("NONE")) && !str_eq(in->return_values, S("ALL_OLD")))
		return fault(&r->fault, "ReturnValues can only be ALL_OLD or NONE");
	return (!in->updates.set || request_attribute_updates(r, in->updates, &op->changes)) &&
	       (!in->expected.set || request_expected(r, in->expected, in->conditional_operator, &op->condition)) &&
	       (bare || request_placeholders(r, in->names, in->values)) && request_update(r, in->update, &op->changes) &&
	       request_condition(r, "ConditionExpression", in->condition, &op->condition) && expr_check_unused(&r->x);
}

/* No change makes an item; `strict`: and none looks at what is there. */
static bool only_removes(const struct changes *u, bool strict)
{
	if (u->update.n + u->n_legacy == 0)
		return false;
	for (uint32_t i = 0; i < u->update.n; i++)
		if (u->update.actions[i].kind != UPDATE_REMOVE && (strict || u->update.actions[i].kind != UPDATE_DELETE))
			return false;
	for (uint32_t i = 0; i < u->n_legacy; i++)
		if (u->legacy[i].action != LEGACY_DELETE)
			return false;
	return true;
}

static bool make_updated(struct call *c, struct item_op *op, struct fault *f)
{
	ASSERT(op->kind == ITEM_UPDATE);
	if (op->old.found) {
		/* A tree of its own: the old one is still needed. */
		bool ok = item_decode(c->arena, op->old.bytes, &op->fresh);
		ASSERT(ok);
	} else if (only_removes(&op->changes, true)) {
		return true; /* whatever the paths are */
	} else {
		op->fresh = av_copy(c->arena, &op->input);
	}
	if (!changes_apply(&op->changes, &op->fresh, f) || !check_index_keys(op->t, &op->fresh, true, f))
		return false;
	if (item_size(&op->fresh) > ITEM_SIZE_MAX)
		return fault(f, "Item size to update has exceeded the maximum allowed size");
	/* Removing attributes of an item that is not there makes none. */
	op->has_fresh = op->old.found || !only_removes(&op->changes, false);
	return true;
}

enum item_op_result item_op_prepare(struct call *c, struct item_op *op, struct fault *f)
{
	ASSERT(op->t != NULL && op->key.n == 0);
	if (op->kind == ITEM_PUT && item_size(&op->input) > ITEM_SIZE_MAX) {
		fault(f, "Item size has exceeded the maximum allowed size");
		return ITEM_INVALID;
	}
	if (op->kind == ITEM_PUT ? !check_item_keys(op->t, &op->input, f) : !check_key(op->t, &op->input, f))
		return ITEM_INVALID;
	if (!check_changes_keys(op->t, &op->changes, f) || !check_condition_paths(op->t, op->condition.expr, f))
		return ITEM_INVALID;
	op->key = item_key(c, op->t, &op->input);
	item_load(c, op->t, op->key, &op->old);
	if (!item_condition_holds(&op->condition, op->old.found ? &op->old.item : NULL, c->arena))
		return ITEM_CONDITION_FAILED;
	if (op->kind == ITEM_UPDATE)
		return make_updated(c, op, f) ? ITEM_READY : ITEM_INVALID;
	op->has_fresh = op->kind == ITEM_PUT;
	op->fresh = op->input;
	return ITEM_READY;
}

static void commit(struct call *c, const struct item_op *op, struct consumed *used)
{
	ASSERT(op->key.n > 0);
	if (op->kind == ITEM_CHECK) {
		used->table += write_units(op->old.found ? item_size(&op->old.item) : 0);
		return;
	}
	item_write(c, op->t, op->key, &op->old, op->has_fresh ? &op->fresh : NULL, false, used);
}

void item_op_commit(struct call *c, const struct item_op *op, struct consumed *used)
{
	if (!insights_kept(op->t)) {
		commit(c, op, used);
		return;
	}
	struct consumed one;
	consumed_init(c, op->t, &one, false);
	commit(c, op, &one);
	insights_write(c, op->t, &op->input, op->has_fresh ? &op->fresh : NULL, op->old.found ? &op->old.item : NULL, &one);
	used->table += one.table;
	for (uint32_t i = 0; i < op->t->n_indexes; i++)
		used->indexes[i] += one.indexes[i];
	for (uint32_t i = 0; i < op->t->n_vectors; i++)
		used->vectors[i] += one.vectors[i];
}
