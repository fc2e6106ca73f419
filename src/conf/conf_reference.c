/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference manual of the configuration, in Markdown: how values are written, then a section
 * with a table for every schema (conf_section.c), in the order of the rows.
 *
 * The text is made of the rows alone, so that it is as complete as the program, and does not depend
 * on anything else: the same rows give the same bytes.
 */
#include "conf/conf_priv.h"

#include <string.h>

struct manual {
	struct conf_sections sections;
	struct str *out;
};

static const char intro[] =
    "# Configuration reference\n"
    "\n"
    "The configuration is one YAML file. This page is made from the program's own table of "
    "options.\n"
    "\n"
    "Every mistake in a file is reported as `file:line:column: message`, all of them at once, and "
    "nothing of a\n"
    "file with a mistake is applied. An option is known by the type in its table, never by the "
    "look of its\n"
    "value: `no` or `12:30` are texts where a text is wanted and refused where it is not. Anchors, "
    "aliases, tags,\n"
    "keys that stand twice and more than one document are refused.\n"
    "\n"
    "How values are written:\n"
    "\n"
    "| type | written as |\n"
    "| --- | --- |\n"
    "| true or false | `true` or `false`, nothing else |\n"
    "| number | decimal digits: `17`, `-3`; where a fraction makes sense also `0.25` |\n"
    "| duration | numbers with the units `d`, `h`, `m`, `s`, `ms`, `us`, `ns`: `300ms`, `1.5s`, "
    "`1h30m`; only `0` needs no unit |\n"
    "| text | as it is; with quotes when it begins with a special character or has `: ` or ` #` in "
    "it |\n"
    "| address | IPv4 or IPv6: `192.0.2.53`, `\"2001:db8::53\"` (in brackets or braces an IPv6 "
    "address needs quotes) |\n"
    "| prefix | an address and a length: `192.0.2.53/32`; an address alone means a single host |\n"
    "| address and port | `192.0.2.53:53`, `\"[2001:db8::53]:53\"` |\n"
    "| list | `[a, b]`, or one line `- a` for each; a single value is a list of one |\n"
    "| names, each with … | a mapping from names to options; a name has 1 to 63 letters, digits "
    "and the characters `_ . : % -` |\n";

static void
add_cell_text(const char *text, struct str *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			str_add(out, "\\|");
		else
			str_addn(out, *text == '\n' ? " " : text, 1);
	}
}

static void
add_link(const struct manual *m, const struct conf_schema *schema, struct str *out)
{
	const char *name = conf_section_name(&m->sections, schema, NULL);

	str_printf(out, "[%s](#", name);
	conf_section_slug(name, out);
	str_add(out, ")");
}

static void
add_choices(const struct conf_row *row, const char *last, struct str *out)
{
	for (const struct conf_choice *c = row->choices; c->word != NULL; c++) {
		if (c != row->choices)
			str_add(out, c[1].word == NULL ? last : ", ");
		str_printf(out, "`%s`", c->word);
	}
}

static void
add_bounded(const struct conf_row *row, struct str *out)
{
	str_add(out, conf_type_ops(row)->word);
	if (row->min == 0 && row->max == 0)
		return;
	str_add(out, " ");
	conf_bounds_format(row, out);
}

static void
add_type(const struct manual *m, const struct conf_row *row, struct str *out)
{
	if ((row->flags & CONF_LIST) != 0)
		str_add(out, "list of: ");
	switch (row->type) {
	case CONF_U32:
	case CONF_I64:
	case CONF_DOUBLE:
	case CONF_DUR: add_bounded(row, out); break;
	case CONF_STRING:
		str_add(out, "text");
		if (row->max > 0)
			str_printf(out, " of at most %u bytes", (unsigned)row->max);
		break;
	case CONF_ENUM: add_choices(row, " or ", out); break;
	case CONF_FLAGS:
		str_add(out, "list of: ");
		add_choices(row, " and ", out);
		break;
	case CONF_ENDPOINT:
		str_add(out, "address and port");
		if (row->min > 0)
			str_printf(out, "; port %u unless written", (unsigned)row->min);
		break;
	case CONF_CUSTOM:
		str_add(out, "`");
		add_cell_text(row->custom->syntax, out);
		str_add(out, "`");
		if (row->sub != NULL) {
			str_add(out, ", with ");
			add_link(m, row->sub, out);
		}
		break;
	case CONF_STRUCT: add_link(m, row->sub, out); break;
	case CONF_MAP:
	case CONF_VARIANT:
		str_add(out, "names, each with ");
		add_link(m, row->sub, out);
		break;
	case CONF_LATER: str_add(out, "–"); break;
	default: str_add(out, conf_type_ops(row)->word); break;
	}
}

static void
add_default(const struct conf_row *row, struct str *out)
{
	if ((row->flags & CONF_REQUIRED) != 0) {
		str_add(out, "**required**");
	} else if (row->dflt != NULL) {
		str_add(out, "`");
		add_cell_text(row->dflt[0] != '\0' ? row->dflt : "\"\"", out);
		str_add(out, "`");
	} else if (row->type == CONF_BOOL && (row->flags & CONF_LIST) == 0) {
		str_add(out, "`false`");
	}
}

static void
add_meaning(const struct conf_row *row, struct str *out)
{
	if (row->type == CONF_LATER)
		str_add(out, "Not in this version: refused. ");
	add_cell_text(row->doc, out);
	for (const struct conf_choice *c = row->choices; c != NULL && c->word != NULL; c++) {
		if (c->doc == NULL)
			continue;
		str_printf(out, " `%s`: ", c->word);
		add_cell_text(c->doc, out);
		if (c->doc[0] != '\0' && c->doc[strlen(c->doc) - 1] != '.')
			str_add(out, ".");
	}
	if ((row->flags & CONF_SECRET) != 0)
		str_printf(out,
		    " Secret: it is never shown; `nigh show config` has the comment `# %s: "
		    "\"(hidden)\"` in its place.",
		    row->key);
}

static void
add_row(const struct manual *m, const struct conf_row *row)
{
	struct str *out = m->out;

	str_printf(out, "| `%s` | ", row->key);
	add_type(m, row, out);
	str_add(out, " | ");
	add_default(row, out);
	str_add(out, " | ");
	add_meaning(row, out);
	str_add(out, " |\n");
}

/* The key that picks a variant, with the way to their sections. */
static void
add_type_row(const struct manual *m, const struct conf_section *s)
{
	const struct conf_variant *const *variants = s->schema->variants;

	str_add(m->out, "| `type` | ");
	for (size_t i = 0; variants[i] != NULL; i++) {
		const char *name = conf_section_name(&m->sections, s->schema, variants[i]);

		if (i > 0)
			str_add(m->out, variants[i + 1] == NULL ? " or " : ", ");
		str_printf(m->out, "[`%s`](#", variants[i]->type);
		conf_section_slug(name, m->out);
		str_add(m->out, ")");
	}
	str_printf(m->out,
	    " | **required** | What kind of %s it is; the kind has options of its own. |\n",
	    s->schema->name);
}

static void
add_section(const struct manual *m, const struct conf_section *s)
{
	const struct conf_schema *schema = s->variant != NULL ? s->variant->schema : s->schema;
	bool has_type = s->variant == NULL && schema->variants != NULL;

	str_printf(m->out, "\n## %s\n\n", s->name);
	if (schema->doc != NULL)
		str_printf(m->out, "%s\n\n", schema->doc);
	if (s->variant != NULL) {
		str_printf(m->out, "Besides the options of ");
		add_link(m, s->schema, m->out);
		str_printf(m->out, ", with `type: %s`:\n\n", s->variant->type);
	}
	if (!has_type && schema->rows[0].type == CONF_END) {
		str_add(m->out, "There are no options.\n");
		return;
	}
	str_add(m->out, "| option | type | default | meaning |\n| --- | --- | --- | --- |\n");
	if (has_type)
		add_type_row(m, s);
	for (const struct conf_row *row = schema->rows; row->type != CONF_END; row++)
		add_row(m, row);
}

void
conf_print_reference(const struct conf_schema *root, struct str *out)
{
	struct manual m = {.out = out};

	conf_sections_init(&m.sections, root);
	str_add(out, intro);
	for (size_t i = 0; i < m.sections.count; i++)
		add_section(&m, &m.sections.items[i]);
	conf_sections_done(&m.sections);
}
