/* Running PartiQL statements with what the other operations are made of: searches, item_ops, transactions. */
#include "partiql_run.h"

#include "access.h"
#include "ops_query.h"
#include "ops_transact.h"
#include "partiql.h"
#include "seal.h"
#include "tally.h"
#include "throttle.h"
#include "vector.h"

#include "svc/page.h"

/* A statement with its table. */
struct prepared {
	struct partiql q;
	struct table *t;
	struct fault fault;
};

static bool read_parameters(struct call *c, struct list in, struct av **out, struct fault *f)
{
	*out = arena_array(c->arena, struct av, in.n);
	for (uint32_t i = 0; i < in.n; i++)
		if (!av_from_json(*LIST_AT(in, struct json *, i), &(*out)[i], f))
			return false;
	return true;
}

static bool prepare(struct call *c, struct str statement, struct list parameters, struct prepared *p)
{
	ASSERT(p != NULL);
	struct av *values;
	*p = (struct prepared){.fault = {.arena = c->arena}};
	if (!read_parameters(c, parameters, &values, &p->fault) ||
	    !partiql_parse(c->arena, statement, values, parameters.n, &p->q, &p->fault))
		return false;
	p->t = table_lookup(c, p->q.table);
	if (p->t != NULL && str_eq(p->t->description->TableStatus, S("CREATING")))
		p->t = NULL;
	return true;
}

/* ---- keys in WHERE ---- */

/* The value that a conjunct `name = value` asks for; NULL: none. */
static const struct av *equality(const struct expr *e, struct str name)
{
	ASSERT(name.n > 0);
	if (e == NULL)
		return NULL;
	if (e->kind == EXPR_AND) {
		for (uint32_t i = 0; i < e->n; i++) {
			const struct av *v = equality(e->args[i], name);
			if (v != NULL)
				return v;
		}
		return NULL;
	}
	if (e->kind != EXPR_EQ)
		return NULL;
	for (uint32_t i = 0; i < 2; i++) {
		const struct expr *x = e->args[i], *y = e->args[1 - i];
		if (x->kind == EXPR_PATH && x->path.n == 1 && str_eq(x->path.parts[0].name, name) && y->kind == EXPR_VALUE)
			return y->value;
	}
	return NULL;
}

/* The whole key, when WHERE fixes it. */
static bool whole_key(struct call *c, const struct table *t, const struct expr *where, struct av *key)
{
	ASSERT(t != NULL);
	*key = (struct av){.type = AV_M};
	const struct av *hash = equality(where, t->key.hash);
	if (hash == NULL)
		return false;
	av_set(c->arena, key, t->key.hash, hash);
	if (!str_present(t->key.range))
		return true;
	const struct av *range = equality(where, t->key.range);
	if (range != NULL)
		av_set(c->arena, key, t->key.range, range);
	return range != NULL;
}

/* ---- SELECT ---- */

static bool set_range(struct search *s, const struct partiql *q, struct fault *f)
{
	ASSERT(s->t != NULL && s->schema != NULL);
	struct key_conditions k = {0};
	for (uint32_t i = 0; i < s->schema->n; i++) {
		const struct key_part *part = &s->schema->parts[i];
		const struct av *v = equality(q->where, part->name);
		if (v != NULL && v->type != part->type && i < s->schema->n_hash)
			return fault(f, "One or more parameter values were invalid: Condition parameter type does not match schema type");
		if (v == NULL || v->type != part->type)
			break;
		k.v[k.n++] = (struct key_condition){.name = part->name, .op = KEY_EQ, .low = v};
	}
	if (k.n >= s->schema->n_hash) {
		search_key_bounds(s, &k);
		return true;
	}
	if (str_present(q->order_by))
		return fault(f, "Must have WHERE clause in the statement when using ORDER BY clause.");
	struct buf b;
	space_key(s->c, &b, s->x != NULL ? s->x->space : s->t->space);
	s->from = buf_view(&b);
	s->to = key_after(s->c->arena, s->from);
	return true;
}

/* One page of a SELECT; false with a fault. */
static bool run_select(struct call *c, struct prepared *p, struct search *s, struct str token)
{
	ASSERT(p->t != NULL && p->fault.code == FAULT_NONE);
	const struct partiql *q = &p->q;
	s->c = c;
	s->t = p->t;
	s->schema = &p->t->key;
	s->filter.expr = q->where;
	s->projection = q->projection;
	s->reverse = q->descending;
	consumed_init(c, s->t, &s->used, true);
	if (str_present(q->index)) {
		s->x = table_index(s->t, q->index);
		if (s->x == NULL && vector_index(s->t, q->index) != NULL)
			return fault(&p->fault, "Scan operation not supported on this index type");
		if (s->x == NULL || !s->x->active)
			return fault(&p->fault, "The table does not have the specified index");
		s->schema = &s->x->key;
	}
	if (str_present(q->order_by) && !key_has(s->schema, q->order_by))
		return fault(&p->fault, "Variable reference %.*s in ORDER BY clause must be part of the primary key", STR_ARG(q->order_by));
	if (!set_range(s, q, &p->fault))
		return false;
	struct str place;
	if (str_present(token)) {
		if (!page_position(c->arena, token, &place) || str_cmp(place, s->from) < 0 || str_cmp(place, s->to) >= 0)
			return fault(&p->fault, "NextToken does not match request");
		search_start_after(s, place);
	}
	search_run(s);
	return true;
}

/* ---- writes ---- */

static bool as_item_op(struct call *c, struct prepared *p, struct item_op *op)
{
	ASSERT(p->t != NULL && p->q.kind != PARTIQL_SELECT);
	struct partiql *q = &p->q;
	*op = (struct item_op){.t = p->t};
	if (q->kind == PARTIQL_INSERT) {
		op->kind = ITEM_PUT;
		op->input = q->item;
		if (item_size(&q->item) > ITEM_SIZE_MAX)
			return fault(&p->fault, "Item size has exceeded the maximum allowed size");
		return true;
	}
	if (!whole_key(c, p->t, q->where, &op->input))
		return fault(&p->fault, "Where clause does not contain a mandatory equality on all key attributes");
	op->kind = q->kind == PARTIQL_UPDATE ? ITEM_UPDATE : q->kind == PARTIQL_DELETE ? ITEM_DELETE : ITEM_CHECK;
	op->changes.update = q->update;
	op->condition.expr = q->where;
	return true;
}

/* What became of one write. */
enum outcome { WRITE_DONE, WRITE_INVALID, WRITE_CONDITION, WRITE_DUPLICATE };

/* UPDATE needs an item; DELETE of what is not there does nothing; INSERT wants nothing to be there. */
static enum outcome prepare_write(struct call *c, struct prepared *p, struct item_op *op)
{
	ASSERT(op->t == p->t);
	enum item_op_result result = item_op_prepare(c, op, &p->fault);
	if (result == ITEM_INVALID)
		return WRITE_INVALID;
	if (op->kind == ITEM_PUT && op->old.found)
		return WRITE_DUPLICATE;
	if (op->kind == ITEM_DELETE && !op->old.found)
		return WRITE_DONE;
	return result == ITEM_CONDITION_FAILED ? WRITE_CONDITION : WRITE_DONE;
}

static struct json *returned(struct call *c, const struct partiql *q, const struct item_op *op)
{
	const struct av *fresh = op->has_fresh ? &op->fresh : NULL, *old = op->old.found ? &op->old.item : NULL;
	bool whole = str_eq(q->returning, S("ALL_OLD")) || str_eq(q->returning, S("ALL_NEW"));
	const struct av *item = str_ends(q->returning, S("OLD")) ? old : str_ends(q->returning, S("NEW")) ? fresh : NULL;
	if (item == NULL)
		return NULL;
	if (whole)
		return item_document(c, item);
	struct projection touched = {arena_array(c->arena, struct path, q->update.n), q->update.n};
	for (uint32_t i = 0; i < q->update.n; i++)
		touched.paths[i] = q->update.actions[i].path;
	struct av picked = projection_apply(c->arena, &touched, item);
	return item_document(c, &picked);
}

/* ---- ExecuteStatement ---- */

static void fail_write(struct call *c, struct prepared *p, const struct item_op *op, enum outcome outcome, struct str on_failure)
{
	ASSERT(outcome != WRITE_DONE);
	if (outcome == WRITE_INVALID) {
		fail_fault(c, &p->fault);
	} else if (outcome == WRITE_DUPLICATE) {
		call_fail(c, &dynamodb_err_DuplicateItemException, "Duplicate primary key exists in table");
	} else {
		struct dynamodb_ConditionalCheckFailedException *e =
			call_fail(c, &dynamodb_err_ConditionalCheckFailedException, "The conditional request failed");
		if (op->old.found && str_eq(on_failure, S("ALL_OLD")))
			e->Item = item_document(c, &op->old.item);
	}
}

static void execute_write(struct call *c, struct prepared *p)
{
	ASSERT(p->t != NULL);
	const struct dynamodb_ExecuteStatementInput *in = c->in;
	struct dynamodb_ExecuteStatementOutput *out = c->out;
	struct item_op op;
	if (!as_item_op(c, p, &op)) {
		fail_fault(c, &p->fault);
		return;
	}
	enum outcome outcome = prepare_write(c, p, &op);
	if (outcome != WRITE_DONE) {
		fail_write(c, p, &op, outcome, in->ReturnValuesOnConditionCheckFailure);
		return;
	}
	struct consumed used;
	consumed_init(c, p->t, &used, false);
	item_op_commit(c, &op, &used);
	struct json *item = returned(c, &p->q, &op);
	out->Items = LIST_OF(c->arena, struct json *, item != NULL);
	if (item != NULL)
		*LIST_AT(out->Items, struct json *, 0) = item;
	out->ConsumedCapacity = consumed_answer(c, p->t, &used, in->ReturnConsumedCapacity);
	count_metrics(c, p->t, &used, "ExecuteStatement", -1);
}

static void execute_select(struct call *c, struct prepared *p)
{
	ASSERT(p->q.kind == PARTIQL_SELECT);
	const struct dynamodb_ExecuteStatementInput *in = c->in;
	struct dynamodb_ExecuteStatementOutput *out = c->out;
	struct search s = {.limit = in->Limit.set ? in->Limit.v : 0, .consistent = in->ConsistentRead.v};
	if (!run_select(c, p, &s, in->NextToken)) {
		fail_fault(c, &p->fault);
		return;
	}
	out->Items = (struct list){s.items, s.n, true};
	if (s.last_key != NULL) {
		out->LastEvaluatedKey = s.last_key;
		out->NextToken = page_token(c->arena, s.last_place);
	}
	out->ConsumedCapacity = consumed_answer(c, p->t, &s.used, in->ReturnConsumedCapacity);
	count_metrics(c, p->t, &s.used, "ExecuteStatement", (double)s.matched);
}

void ddb_execute_statement(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ExecuteStatement);
	const struct dynamodb_ExecuteStatementInput *in = c->in;
	struct prepared p;
	if (!prepare(c, in->Statement, in->Parameters, &p)) {
		fail_fault(c, &p.fault);
		return;
	}
	if (p.t == NULL) {
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found");
		return;
	}
	if (!table_unseal(c, p.t))
		return;
	if (!throttle_admit(c, p.t, str_present(p.q.index) ? table_index(p.t, p.q.index) : NULL, p.q.kind == PARTIQL_SELECT))
		return;
	if (p.q.kind == PARTIQL_EXISTS)
		fail_validation(c, "EXISTS is only supported in ExecuteTransaction");
	else if (p.q.kind == PARTIQL_SELECT)
		execute_select(c, &p);
	else
		execute_write(c, &p);
}

/* ---- BatchExecuteStatement ---- */

static void batch_error(struct call *c, struct dynamodb_BatchStatementResponse *out, const char *code, struct str message)
{
	ASSERT(out->Error == NULL && message.n > 0);
	out->Error = arena_new_of(c->arena, struct dynamodb_BatchStatementError);
	out->Error->Code = str_c(code);
	out->Error->Message = message;
}

static void batch_select(struct call *c, struct prepared *p, bool consistent, struct tally *y, struct dynamodb_BatchStatementResponse *out)
{
	ASSERT(p->t != NULL);
	struct av key;
	struct search s = {.consistent = consistent};
	const struct key_schema *schema = &p->t->key;
	if (!whole_key(c, p->t, p->q.where, &key) || key.n != 1u + str_present(schema->range))
		batch_error(c, out, "ValidationError", S("Select statements within BatchExecuteStatement must specify the primary key in the where clause."));
	else if (!run_select(c, p, &s, STR_NONE))
		batch_error(c, out, "ValidationError", p->fault.message);
	else
		out->Item = s.n > 0 ? s.items[0] : NULL;
	if (out->Error == NULL)
		tally_add(c, y, p->t, &s.used, 1);
}

static void batch_write(struct call *c, struct prepared *p, struct str on_failure, struct tally *y, struct dynamodb_BatchStatementResponse *out)
{
	ASSERT(p->t != NULL && txn_writable(c->txn));
	struct item_op op;
	enum outcome outcome = as_item_op(c, p, &op) ? prepare_write(c, p, &op) : WRITE_INVALID;
	if (outcome == WRITE_INVALID) {
		batch_error(c, out, "ValidationError", p->fault.message);
	} else if (outcome == WRITE_DUPLICATE) {
		batch_error(c, out, "DuplicateItem", S("Duplicate primary key exists in table"));
	} else if (outcome == WRITE_CONDITION) {
		batch_error(c, out, "ConditionalCheckFailed", S("The conditional request failed"));
		if (op.old.found && str_eq(on_failure, S("ALL_OLD")))
			out->Error->Item = item_document(c, &op.old.item);
	} else {
		struct consumed used;
		consumed_init(c, p->t, &used, false);
		item_op_commit(c, &op, &used);
		tally_add(c, y, p->t, &used, 1);
		out->Item = returned(c, &p->q, &op);
	}
}

void ddb_batch_execute_statement(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchExecuteStatement);
	const struct dynamodb_BatchExecuteStatementInput *in = c->in;
	struct dynamodb_BatchExecuteStatementOutput *out = c->out;
	out->Responses = LIST_OF(c->arena, struct dynamodb_BatchStatementResponse, in->Statements.n);
	int reads = 0, writes = 0;
	struct prepared *all = arena_array(c->arena, struct prepared, in->Statements.n);
	bool *good = arena_array(c->arena, bool, in->Statements.n);
	for (uint32_t i = 0; i < in->Statements.n; i++) {
		const struct dynamodb_BatchStatementRequest *one = LIST_AT(in->Statements, struct dynamodb_BatchStatementRequest, i);
		good[i] = prepare(c, one->Statement, one->Parameters, &all[i]);
		reads += good[i] && all[i].q.kind == PARTIQL_SELECT;
		writes += good[i] && all[i].q.kind != PARTIQL_SELECT;
		if (good[i] && all[i].t != NULL && !table_unseal(c, all[i].t))
			return;
	}
	if (reads > 0 && writes > 0) {
		fail_validation(c, "BatchExecuteStatement can only contain all read or all write statements");
		return;
	}
	struct tally y;
	tally_init(c, &y, in->Statements.n, reads > 0);
	for (uint32_t i = 0; i < in->Statements.n; i++) {
		const struct dynamodb_BatchStatementRequest *one = LIST_AT(in->Statements, struct dynamodb_BatchStatementRequest, i);
		struct dynamodb_BatchStatementResponse *r = LIST_AT(out->Responses, struct dynamodb_BatchStatementResponse, i);
		r->TableName = all[i].q.table;
		if (!good[i])
			batch_error(c, r, "ValidationError", all[i].fault.message);
		else if (all[i].t == NULL)
			batch_error(c, r, "ResourceNotFound", S("Requested resource not found"));
		else if (throttle_left(c, all[i].t, NULL, reads > 0) <= tally_of(c, &y, all[i].t)->table)
			batch_error(c, r, "ProvisionedThroughputExceeded", str_c(throttle_message));
		else if (all[i].q.kind == PARTIQL_SELECT)
			batch_select(c, &all[i], one->ConsistentRead.v, &y, r);
		else
			batch_write(c, &all[i], one->ReturnValuesOnConditionCheckFailure, &y, r);
	}
	tally_count(c, &y, "BatchExecuteStatement", reads > 0 ? reads : -1);
	tally_answer(c, &y, in->ReturnConsumedCapacity, false, &out->ConsumedCapacity);
}

/* ---- ExecuteTransaction ---- */

/* In a transaction INSERT is a put on a condition, UPDATE and DELETE are what WHERE says. */
static bool as_part(struct call *c, struct prepared *p, struct str on_failure, struct transact_part *part)
{
	ASSERT(p->t != NULL);
	part->on_failure = on_failure;
	if (!as_item_op(c, p, &part->op))
		return false;
	if (p->q.kind != PARTIQL_INSERT)
		return true;
	struct path_part *hash = arena_new_of(c->arena, struct path_part);
	struct expr *absent = arena_new_of(c->arena, struct expr), *path = arena_new_of(c->arena, struct expr);
	hash->name = p->t->key.hash;
	*path = (struct expr){.kind = EXPR_PATH, .path = {hash, 1}};
	*absent = (struct expr){.kind = EXPR_FUNCTION, .function = FN_ATTRIBUTE_NOT_EXISTS, .args = arena_new_of(c->arena, struct expr *), .n = 1};
	absent->args[0] = path;
	part->op.condition.expr = absent;
	part->insert = true;
	return true;
}

static void transact_select(struct call *c, struct prepared *all, uint32_t n)
{
	ASSERT(n > 0);
	const struct dynamodb_ExecuteTransactionInput *in = c->in;
	struct dynamodb_ExecuteTransactionOutput *out = c->out;
	struct tally y;
	tally_init(c, &y, n, true);
	out->Responses = LIST_OF(c->arena, struct dynamodb_ItemResponse, n);
	for (uint32_t i = 0; i < n; i++) {
		struct search s = {.consistent = true};
		struct av key;
		if (!whole_key(c, all[i].t, all[i].q.where, &key)) {
			fail_validation(c, "Where clause does not contain a mandatory equality on all key attributes");
			return;
		}
		if (!run_select(c, &all[i], &s, STR_NONE)) {
			fail_fault(c, &all[i].fault);
			return;
		}
		if (s.n > 0)
			LIST_AT(out->Responses, struct dynamodb_ItemResponse, i)->Item = s.items[0];
		struct consumed once;
		consumed_init(c, all[i].t, &once, true);
		once.table = read_units(s.bytes, true);
		tally_add(c, &y, all[i].t, &once, 2);
	}
	tally_count(c, &y, "ExecuteTransaction", n);
	tally_answer(c, &y, in->ReturnConsumedCapacity, true, &out->ConsumedCapacity);
}

void ddb_execute_transaction(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ExecuteTransaction);
	const struct dynamodb_ExecuteTransactionInput *in = c->in;
	struct dynamodb_ExecuteTransactionOutput *out = c->out;
	uint32_t n = in->TransactStatements.n, reads = 0;
	struct prepared *all = arena_array(c->arena, struct prepared, n);
	struct transact_part *parts = arena_array(c->arena, struct transact_part, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct dynamodb_ParameterizedStatement *one = LIST_AT(in->TransactStatements, struct dynamodb_ParameterizedStatement, i);
		if (!prepare(c, one->Statement, one->Parameters, &all[i])) {
			fail_fault(c, &all[i].fault);
			return;
		}
		if (all[i].t == NULL) {
			call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found");
			return;
		}
		if (!table_unseal(c, all[i].t))
			return;
		reads += all[i].q.kind == PARTIQL_SELECT;
		if (all[i].q.kind != PARTIQL_SELECT && !as_part(c, &all[i], one->ReturnValuesOnConditionCheckFailure, &parts[i])) {
			fail_fault(c, &all[i].fault);
			return;
		}
	}
	if (reads > 0 && reads < n) {
		fail_validation(c, "ExecuteTransaction can only contain all read or all write statements");
		return;
	}
	if (reads > 0) {
		transact_select(c, all, n);
		return;
	}
	if (transact_token(c, in->ClientRequestToken, &dynamodb_shape_ExecuteTransactionInput, in) == TOKEN_FRESH &&
	    transact_write(c, parts, n, in->ReturnConsumedCapacity, &out->ConsumedCapacity))
		out->Responses = LIST_OF(c->arena, struct dynamodb_ItemResponse, n);
}

/* ---- what only reads, told before it is queued: the writer is for those who write ---- */

static bool is_select(struct str statement)
{
	return str_starts_nocase(str_trim(statement), S("SELECT"));
}

bool ddb_statement_reads(const void *in)
{
	return is_select(((const struct dynamodb_ExecuteStatementInput *)in)->Statement);
}

bool ddb_batch_reads(const void *in)
{
	struct list l = ((const struct dynamodb_BatchExecuteStatementInput *)in)->Statements;
	bool all = l.n > 0;
	for (uint32_t i = 0; i < l.n; i++)
		all = all && is_select(LIST_AT(l, struct dynamodb_BatchStatementRequest, i)->Statement);
	return all;
}

bool ddb_transaction_reads(const void *in)
{
	struct list l = ((const struct dynamodb_ExecuteTransactionInput *)in)->TransactStatements;
	bool all = l.n > 0;
	for (uint32_t i = 0; i < l.n; i++)
		all = all && is_select(LIST_AT(l, struct dynamodb_ParameterizedStatement, i)->Statement);
	return all;
}

/* ---- permissions: PartiQLSelect, PartiQLInsert, PartiQLUpdate, PartiQLDelete on the statement's table ---- */

static void access_of(struct call *c, struct str statement, struct list parameters)
{
	static const char *const actions[] = {"dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate",
	                                      "dynamodb:PartiQLDelete", "dynamodb:PartiQLSelect"};
	struct prepared p;
	if (prepare(c, statement, parameters, &p))
		ddb_access_one(c, actions[p.q.kind], p.q.table, p.q.index, NULL, 0);
	else /* the operation itself will say what is wrong with it */
		authorize(c, "dynamodb:PartiQLSelect", S("*"), NULL);
}

void ddb_access_statement(struct call *c)
{
	const struct dynamodb_ExecuteStatementInput *in = c->in;
	access_of(c, in->Statement, in->Parameters);
}

void ddb_access_statements(struct call *c)
{
	if (c->op->model == &dynamodb_op_BatchExecuteStatement) {
		const struct dynamodb_BatchExecuteStatementInput *in = c->in;
		for (uint32_t i = 0; i < in->Statements.n && !c->failed; i++)
			access_of(c, LIST_AT(in->Statements, struct dynamodb_BatchStatementRequest, i)->Statement,
			          LIST_AT(in->Statements, struct dynamodb_BatchStatementRequest, i)->Parameters);
		return;
	}
	const struct dynamodb_ExecuteTransactionInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactStatements.n && !c->failed; i++)
		access_of(c, LIST_AT(in->TransactStatements, struct dynamodb_ParameterizedStatement, i)->Statement,
		          LIST_AT(in->TransactStatements, struct dynamodb_ParameterizedStatement, i)->Parameters);
}
