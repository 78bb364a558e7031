/* Methods inside their resource's record, for the operations on methods and integrations and for imports. */
#ifndef TSUBO_APIGW_METHOD_H
#define TSUBO_APIGW_METHOD_H

#include "apigw.h"

/* The method and the resource record that it lies in, or NULL and NotFoundException. */
struct apigateway_Method *method_find(struct call *c, struct str api, struct str resource, struct str http_method, struct apigateway_Resource **r);
void resource_save(struct call *c, struct str api, const struct apigateway_Resource *r);
/* Find or add an entry of a typed map whose entries are `size` bytes and begin with their key. */
void *map_entry(struct arena *a, struct map_of *m, size_t size, struct str key);
bool map_remove(struct map_of *m, size_t size, struct str key);
bool http_method_ok(struct str m);
/* Authorization type, authorizer, validator and models of a method are there; fails c when not. */
bool authorization_check(struct call *c, struct str api, const struct apigateway_Method *m);
/* Is it one that runs here? Fills in defaults; fails c when not. */
bool authorizer_check(struct call *c, struct apigateway_Authorizer *a);
bool policy_ok(struct call *c, struct str policy);
void api_put(struct call *c, const struct apigateway_RestApi *r);

#endif
