/* The items API, one function behind API Gateway's proxy integration:
 *   POST /items            {"name": ..., "category": ..., "poison": true?}  -> 201 and the item
 *   GET /items/{id}        -> the item, or 404
 *   GET /items?category=c  -> the items of a category, newest last
 *   DELETE /items/{id}     -> 204
 * Items live in DynamoDB; the category is a global secondary index. */
#include "aws_call.h"
#include "lambda_runtime.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static char *answer(int status, cJSON *body)
{
	cJSON *out = cJSON_CreateObject(), *headers = cJSON_AddObjectToObject(out, "headers");
	cJSON_AddNumberToObject(out, "statusCode", status);
	cJSON_AddStringToObject(headers, "Content-Type", "application/json");
	char *text = body != NULL ? cJSON_PrintUnformatted(body) : strdup("");
	cJSON_AddStringToObject(out, "body", text);
	char *all = cJSON_PrintUnformatted(out);
	free(text);
	cJSON_Delete(body);
	cJSON_Delete(out);
	return all;
}

static char *problem(int status, const char *message)
{
	cJSON *body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "message", message);
	return answer(status, body);
}

static void add_typed(cJSON *item, const char *name, const char *type, const char *value)
{
	cJSON_AddStringToObject(cJSON_AddObjectToObject(item, name), type, value);
}

/* {"id": {"S": "x"}} to {"id": "x"}. */
static cJSON *plain(const cJSON *item)
{
	cJSON *out = cJSON_CreateObject(), *member;
	cJSON_ArrayForEach(member, item)
		cJSON_AddItemToObject(out, member->string, cJSON_Duplicate(member->child, true));
	return out;
}

static cJSON *request_for_table(void)
{
	cJSON *r = cJSON_CreateObject();
	cJSON_AddStringToObject(r, "TableName", getenv("TABLE_NAME"));
	return r;
}

/* Ask DynamoDB; NULL and a line in the log when it refuses. */
static cJSON *dynamodb(const char *operation, cJSON *request)
{
	char target[64], *body = cJSON_PrintUnformatted(request), *text = NULL;
	snprintf(target, sizeof target, "DynamoDB_20120810.%s", operation);
	int status = aws_call_json("dynamodb", target, "1.0", body, &text);
	cJSON *out = status == 200 ? cJSON_Parse(text) : NULL;
	if (out == NULL)
		printf("{\"level\":\"error\",\"operation\":\"%s\",\"status\":%d,\"answer\":%s}\n", operation, status, text != NULL ? text : "null");
	free(body);
	free(text);
	cJSON_Delete(request);
	return out;
}

static const char *string_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static char *create(const cJSON *event)
{
	const char *text = string_of(event, "body");
	cJSON *in = text != NULL ? cJSON_Parse(text) : NULL;
	const char *name = string_of(in, "name"), *category = string_of(in, "category");
	if (name == NULL || category == NULL) {
		cJSON_Delete(in);
		return problem(400, "name and category are needed");
	}
	unsigned char random[8];
	char id[17], created[32];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return problem(500, "no randomness");
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	time_t now = time(NULL);
	struct tm tm;
	strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	cJSON *put = request_for_table(), *item = cJSON_AddObjectToObject(put, "Item");
	add_typed(item, "id", "S", id);
	add_typed(item, "name", "S", name);
	add_typed(item, "category", "S", category);
	add_typed(item, "createdAt", "S", created);
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(in, "poison")))
		cJSON_AddTrueToObject(cJSON_AddObjectToObject(item, "poison"), "BOOL");
	cJSON *created_item = plain(item), *done = dynamodb("PutItem", put);
	cJSON_Delete(in);
	if (done == NULL) {
		cJSON_Delete(created_item);
		return problem(502, "the table did not take the item");
	}
	cJSON_Delete(done);
	printf("{\"level\":\"info\",\"message\":\"created\",\"id\":\"%s\"}\n", id);
	return answer(201, created_item);
}

static cJSON *key_request(const char *id)
{
	cJSON *r = request_for_table();
	add_typed(cJSON_AddObjectToObject(r, "Key"), "id", "S", id);
	return r;
}

static char *read_item(const char *id)
{
	cJSON *got = dynamodb("GetItem", key_request(id));
	if (got == NULL)
		return problem(502, "the table did not answer");
	cJSON *item = cJSON_GetObjectItemCaseSensitive(got, "Item");
	char *out = item != NULL ? answer(200, plain(item)) : problem(404, "no such item");
	cJSON_Delete(got);
	return out;
}

static char *remove_item(const char *id)
{
	cJSON *done = dynamodb("DeleteItem", key_request(id));
	if (done == NULL)
		return problem(502, "the table did not answer");
	cJSON_Delete(done);
	return answer(204, NULL);
}

static char *list(const cJSON *event)
{
	const char *category = string_of(cJSON_GetObjectItemCaseSensitive(event, "queryStringParameters"), "category");
	if (category == NULL)
		return problem(400, "category is needed");
	cJSON *query = request_for_table();
	cJSON_AddStringToObject(query, "IndexName", "byCategory");
	cJSON_AddStringToObject(query, "KeyConditionExpression", "category = :c");
	add_typed(cJSON_AddObjectToObject(query, "ExpressionAttributeValues"), ":c", "S", category);
	cJSON *got = dynamodb("Query", query);
	if (got == NULL)
		return problem(502, "the table did not answer");
	cJSON *out = cJSON_CreateObject(), *items = cJSON_AddArrayToObject(out, "items"), *item;
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(got, "Items"))
		cJSON_AddItemToArray(items, plain(item));
	cJSON_Delete(got);
	return answer(200, out);
}

static char *handler(const char *payload, size_t n, const struct lambda_context *context, void *user)
{
	(void)context;
	(void)user;
	cJSON *event = cJSON_ParseWithLength(payload, n);
	const char *method = string_of(event, "httpMethod");
	const char *id = string_of(cJSON_GetObjectItemCaseSensitive(event, "pathParameters"), "id");
	char *out;
	if (method == NULL)
		out = problem(400, "not an event of API Gateway");
	else if (strcmp(method, "POST") == 0)
		out = create(event);
	else if (strcmp(method, "GET") == 0)
		out = id != NULL ? read_item(id) : list(event);
	else if (strcmp(method, "DELETE") == 0 && id != NULL)
		out = remove_item(id);
	else
		out = problem(405, "no such method");
	cJSON_Delete(event);
	return out;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return lambda_run(handler, NULL);
}
