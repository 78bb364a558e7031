/* Templates as trees: YAML and JSON text into struct json, and the checks of a template's shape that need nothing else.
 *
 * Pure: text in, tree or AWS's message out; bounded in size, depth and number of nodes. The trees share nothing with
 * each other, so that transforms may change them in place. Short forms (!Ref) are rewritten to their long forms. */
#ifndef CLOUDFORMATION_TEMPLATE_H
#define CLOUDFORMATION_TEMPLATE_H

#include "base/json.h"

enum {
	TEMPLATE_BODY_MAX = 51200,      /* bytes, as TemplateBody */
	TEMPLATE_URL_MAX = 1024 * 1024, /* bytes, as TemplateURL */
	TEMPLATE_NODES_MAX = 200000,    /* after aliases are expanded */
	TEMPLATE_DEPTH_MAX = 96,
	TEMPLATE_MEMBERS_MAX = 4000,    /* of one mapping */
	TEMPLATE_RESOURCES_MAX = 500,
	TEMPLATE_PARAMETERS_MAX = 200,
	TEMPLATE_OUTPUTS_MAX = 200,
	TEMPLATE_MAPPINGS_MAX = 200
};

/* The tree of a template's text: JSON when it begins with '{', else YAML 1.1. NULL with AWS's message in *why. */
struct json *template_parse(struct arena *a, struct str text, struct str *why);
/* YAML alone (template_parse chooses). */
struct json *template_parse_yaml(struct arena *a, struct str text, struct str *why);
/* Sections, resources, parameters and outputs have the shape that CloudFormation asks for ("Template anatomy"). A
 * template that is still to be transformed (SAM) is checked with `raw`: resource types and foreign sections are let
 * through. false with AWS's message in *why. */
bool template_check(struct arena *a, const struct json *t, bool raw, struct str *why);
/* The names of the transforms that a template declares, in order; an empty array when none. NULL: malformed. */
struct json *template_transforms(struct arena *a, const struct json *t, struct str *why);
bool template_has_transform(const struct json *transforms, struct str name);

#endif
