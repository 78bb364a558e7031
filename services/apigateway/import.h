/* The import of one document: what its parts share. */
#ifndef TSUBO_APIGW_IMPORT_H
#define TSUBO_APIGW_IMPORT_H

#include "base/map.h"
#include "method.h"

struct import {
	struct call *c;
	struct apigateway_RestApi *api;
	const struct json *doc;
	bool swagger;           /* 2.0; else OpenAPI 3 */
	struct map resources;   /* path -> struct apigateway_Resource, all of the API */
	struct map old_ids;     /* path -> struct str: ids that a path had before it was overwritten */
	struct map authorizers; /* security scheme -> struct apigateway_Authorizer */
	struct map validators;  /* name -> struct str, its id */
	struct str validator;   /* the API's default one's name; absent: none */
	unsigned n_made_models;
};

/* import.c */
const struct json *import_resolve(const struct import *im, const struct json *j); /* follows a $ref; NULL when it leads nowhere */
void import_warn(struct import *im, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* import_parts.c: models, validators, authorizers, gateway responses. false: c has failed. */
bool import_parts(struct import *im);
/* The name of the model that a schema is (a $ref), or of one made for it. Absent: c has failed. */
struct str import_model_of(struct import *im, const struct json *schema);
/* import_method.c: one operation into a method of a resource. false: c has failed. */
bool import_method(struct import *im, struct apigateway_Resource *r, struct str http_method, const struct json *operation,
                   const struct json *shared_parameters);

#endif
