/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as a JSON Schema (draft 2020-12), for editors.
 *
 * Every schema becomes a definition, one property to a line. Editors read YAML by its own rules and
 * hand over numbers and truth values, so a text may be any of them, and the quoted spelling of a
 * number, which the program takes, is not offered. What only the program can judge (names that
 * dangle, combinations of options) is not in here.
 */
#include "conf/conf_priv.h"

#include <inttypes.h>
#include <string.h>

#define PATTERN_PORT "[0-9]{1,5}"
#define PATTERN_V4   "[0-9]{1,3}(\\\\.[0-9]{1,3}){3}"
#define PATTERN_V6   "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[^\\\\]]+)?"
#define PATTERN_DUR  "([0-9]+(\\\\.[0-9]+)?(d|h|m|s|ms|us|ns))+"

struct json {
	struct conf_sections sections;
	struct conf_ctx ctx; /* for defaults */
	struct str *out;
};

static void
add_string(const char *text, struct str *out)
{
	str_add(out, "\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			str_printf(out, "\\%c", c);
		else if (c < 0x20)
			str_printf(out, "\\u%04x", c);
		else
			str_addn(out, text, 1);
	}
	str_add(out, "\"");
}

static void
add_ref(const struct json *j, const struct conf_schema *schema, const struct conf_variant *variant)
{
	str_add(j->out, "\"$ref\": \"#/$defs/");
	conf_section_slug(conf_section_name(&j->sections, schema, variant), j->out);
	str_add(j->out, "\"");
}

/* -- what a value may be -- */

static void
add_bounds(const struct conf_row *row, struct str *out)
{
	struct conf_bounds b = conf_row_bounds(row);

	if (b.min != INT64_MIN)
		str_printf(out, ", \"minimum\": %" PRId64, b.min);
	if (b.max != INT64_MAX)
		str_printf(out, ", \"maximum\": %" PRId64, b.max);
}

/* 0 needs no unit, and editors take it for a number. */
static void
add_dur(const struct conf_row *row, struct str *out)
{
	if (conf_row_bounds(row).min > 0)
		str_add(out, "\"type\": \"string\", \"pattern\": \"^" PATTERN_DUR "$\"");
	else
		str_add(out, "\"type\": [\"string\", \"integer\"], \"pattern\": \"^(0|" PATTERN_DUR
			     ")$\", \"minimum\": 0, \"maximum\": 0");
}

static void
add_endpoint(const struct conf_row *row, struct str *out)
{
	if (row->min > 0)
		str_add(out, "\"type\": \"string\", \"pattern\": \"^(" PATTERN_V4 "(:" PATTERN_PORT
			     ")?|" PATTERN_V6 "|\\\\[" PATTERN_V6 "\\\\](:" PATTERN_PORT ")?)$\"");
	else
		str_add(out, "\"type\": \"string\", \"pattern\": \"^(" PATTERN_V4
			     "|\\\\[" PATTERN_V6 "\\\\]):" PATTERN_PORT "$\"");
}

static void
add_enum(const struct conf_row *row, struct str *out)
{
	str_add(out, "\"enum\": [");
	for (const struct conf_choice *c = row->choices; c->word != NULL; c++) {
		str_add(out, c != row->choices ? ", " : "");
		add_string(c->word, out);
	}
	str_add(out, "]");
}

static bool
has_required(const struct conf_schema *schema)
{
	for (const struct conf_row *row = schema->rows; row->type != CONF_END; row++) {
		if ((row->flags & CONF_REQUIRED) != 0)
			return true;
	}
	return schema->variants != NULL;
}

/* The members of the schema of one value. */
static void
add_value(const struct json *j, const struct conf_row *row)
{
	struct str *out = j->out;

	switch (row->type) {
	case CONF_U32:
	case CONF_I64:
		str_add(out, "\"type\": \"integer\"");
		add_bounds(row, out);
		break;
	case CONF_DOUBLE:
		str_add(out, "\"type\": \"number\"");
		add_bounds(row, out);
		break;
	case CONF_DUR: add_dur(row, out); break;
	case CONF_STRING:
		str_printf(out,
		    "\"type\": [\"string\", \"number\", \"boolean\"], \"minLength\": %d, "
		    "\"maxLength\": %" PRId64,
		    row->min > 0 ? 1 : 0, row->max > 0 ? row->max : 255);
		break;
	case CONF_ENUM:
	case CONF_FLAGS: add_enum(row, out); break;
	case CONF_ENDPOINT: add_endpoint(row, out); break;
	case CONF_CUSTOM:
		str_printf(out, "\"allOf\": [%s]",
		    row->custom->json_schema != NULL ? row->custom->json_schema : "{}");
		break;
	case CONF_STRUCT: add_ref(j, row->sub, NULL); break;
	case CONF_MAP:
	case CONF_VARIANT:
		str_printf(out,
		    "\"type\": [\"object\", \"null\"], \"propertyNames\": {\"pattern\": "
		    "\"^[A-Za-z0-9_.:%%-]{1,%d}$\"}, \"additionalProperties\": {",
		    CONF_NAME_MAX);
		add_ref(j, row->sub, NULL);
		str_add(out, "}");
		break;
	default: str_add(out, conf_type_ops(row)->json); break;
	}
}

/* One value, a list of them, or nothing behind the colon. */
static void
add_values(const struct json *j, const struct conf_row *row)
{
	struct str *out = j->out;

	if ((row->flags & CONF_LIST) == 0 && row->type != CONF_FLAGS) {
		add_value(j, row);
		return;
	}
	str_add(out, "\"anyOf\": [");
	if (row->type != CONF_STRUCT) {
		str_add(out, "{");
		add_value(j, row);
		str_add(out, "}, ");
	}
	if ((row->flags & CONF_REQUIRED) == 0)
		str_add(out, "{\"type\": \"null\"}, ");
	str_add(out, "{\"type\": \"array\", \"items\": {");
	add_value(j, row);
	str_add(out, "}");
	if ((row->flags & CONF_REQUIRED) != 0)
		str_add(out, ", \"minItems\": 1");
	str_add(out, "}]");
}

/* -- defaults -- */

static void
add_node(const struct conf_row *row, const struct conf_node *node, struct str *out)
{
	bool bare = row->type == CONF_BOOL || row->type == CONF_U32 || row->type == CONF_I64 ||
		    row->type == CONF_DOUBLE;

	if (node->kind == CONF_SCALAR && bare) {
		str_add(out, node->text);
		return;
	}
	if (node->kind == CONF_SCALAR) {
		add_string(node->text, out);
		return;
	}
	str_add(out, node->kind == CONF_SEQUENCE ? "[" : "{");
	for (size_t i = 0; i < node->count; i++) {
		str_add(out, i > 0 ? ", " : "");
		if (node->kind == CONF_MAPPING) {
			add_string(node->pairs[i].key->text, out);
			str_add(out, ": ");
		}
		add_node(row, node->pairs[i].value, out);
	}
	str_add(out, node->kind == CONF_SEQUENCE ? "]" : "}");
}

static void
add_default(struct json *j, const struct conf_row *row)
{
	const struct conf_node *node;

	if (row->dflt == NULL)
		return;
	node = conf_default_node(&j->ctx, row);
	if (node == NULL)
		return;
	str_add(j->out, ", \"default\": ");
	add_node(row, node, j->out);
}

/* -- definitions -- */

static void
add_property(struct json *j, const struct conf_row *row)
{
	str_add(j->out, "        ");
	add_string(row->key, j->out);
	str_add(j->out, ": {");
	add_values(j, row);
	add_default(j, row);
	if ((row->flags & CONF_SECRET) != 0)
		str_add(j->out, ", \"writeOnly\": true");
	str_add(j->out, ", \"description\": ");
	add_string(row->doc, j->out);
	str_add(j->out, "}");
}

static void
add_properties(struct json *j, const struct conf_row *rows, const char **comma)
{
	for (; rows->type != CONF_END; rows++) {
		if (rows->type == CONF_LATER)
			continue;
		str_add(j->out, *comma);
		add_property(j, rows);
		*comma = ",\n";
	}
}

static void
add_required(struct json *j, const struct conf_row *rows, const char **comma)
{
	for (; rows->type != CONF_END; rows++) {
		if ((rows->flags & CONF_REQUIRED) == 0)
			continue;
		str_add(j->out, *comma);
		add_string(rows->key, j->out);
		*comma = ", ";
	}
}

/* A schema without variants, or one variant with the common options. */
static void
add_object(struct json *j, const struct conf_section *s)
{
	const struct conf_row *own = s->variant != NULL ? s->variant->schema->rows : NULL;
	bool needs = s->variant != NULL || has_required(s->schema);
	const char *comma = "";

	str_printf(j->out, "      \"type\": %s,\n      \"additionalProperties\": false,\n",
	    needs ? "\"object\"" : "[\"object\", \"null\"]");
	str_add(j->out, "      \"required\": [");
	if (s->variant != NULL) {
		str_add(j->out, "\"type\"");
		comma = ", ";
		add_required(j, own, &comma);
	}
	add_required(j, s->schema->rows, &comma);
	str_add(j->out, "],\n      \"properties\": {\n");
	comma = "";
	if (s->variant != NULL) {
		str_add(j->out, "        \"type\": {\"const\": ");
		add_string(s->variant->type, j->out);
		str_add(j->out, "}");
		comma = ",\n";
		add_properties(j, own, &comma);
	}
	add_properties(j, s->schema->rows, &comma);
	str_add(j->out, "\n      }");
}

static void
add_choice_of_variants(struct json *j, const struct conf_section *s)
{
	str_add(j->out, "      \"oneOf\": [");
	for (size_t i = 0; s->schema->variants[i] != NULL; i++) {
		str_add(j->out, i > 0 ? ", {" : "{");
		add_ref(j, s->schema, s->schema->variants[i]);
		str_add(j->out, "}");
	}
	str_add(j->out, "]");
}

static void
add_definition(struct json *j, const struct conf_section *s)
{
	const char *doc = s->variant != NULL ? s->variant->schema->doc : s->schema->doc;

	str_add(j->out, "    \"");
	conf_section_slug(s->name, j->out);
	str_add(j->out, "\": {\n      \"description\": ");
	add_string(doc != NULL ? doc : "", j->out);
	str_add(j->out, ",\n");
	if (s->variant == NULL && s->schema->variants != NULL)
		add_choice_of_variants(j, s);
	else
		add_object(j, s);
	str_add(j->out, "\n    }");
}

void
conf_print_json_schema(const struct conf_schema *root, struct str *out)
{
	struct json j = {.ctx = {.arena = arena_new(), .file = ""}, .out = out};

	conf_sections_init(&j.sections, root);
	str_add(out,
	    "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ");
	add_string(root->name, out);
	str_add(out, ",\n  ");
	add_ref(&j, root, NULL);
	str_add(out, ",\n  \"$defs\": {\n");
	for (size_t i = 0; i < j.sections.count; i++) {
		str_add(out, i > 0 ? ",\n" : "");
		add_definition(&j, &j.sections.items[i]);
	}
	str_add(out, "\n  }\n}\n");
	conf_sections_done(&j.sections);
	arena_free(j.ctx.arena);
}
