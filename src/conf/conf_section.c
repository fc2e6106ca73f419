/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemas that hang on a root, each once, in the order in which a reader meets them: a schema,
 * then those that its options lead to, then its variants with theirs. The reference has a section
 * and the JSON Schema a definition for each; conf_lint() looks at each.
 *
 * Two schemas may have the same name; the later one gets a number behind it.
 */
#include "conf/conf_priv.h"

#include <assert.h>
#include <stdlib.h>

static void collect(struct conf_sections *s, const struct conf_schema *schema);

static bool
name_taken(const struct conf_sections *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		if (str_equal(s->items[i].name, name))
			return true;
	}
	return false;
}

static const struct conf_section *
section_find(const struct conf_sections *s, const struct conf_schema *schema,
    const struct conf_variant *variant)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->items[i].schema == schema && s->items[i].variant == variant)
			return &s->items[i];
	}
	return NULL;
}

static void
section_add(
    struct conf_sections *s, const struct conf_schema *schema, const struct conf_variant *variant)
{
	struct str name = {0};

	for (unsigned n = 1; n == 1 || name_taken(s, str_text(&name)); n++) {
		str_clear(&name);
		str_add(&name, schema->name);
		if (variant != NULL)
			str_printf(&name, " %s", variant->type);
		if (n > 1)
			str_printf(&name, " %u", n);
	}
	s->items = mem_resize(s->items, s->count + 1, sizeof(s->items[0]));
	s->items[s->count++] = (struct conf_section){
	    .name = str_take(&name),
	    .schema = schema,
	    .variant = variant,
	};
}

static void
collect_subs(struct conf_sections *s, const struct conf_row *rows)
{
	for (; rows->type != CONF_END; rows++) {
		if (rows->sub != NULL && rows->type != CONF_LATER)
			collect(s, rows->sub);
	}
}

static void
collect(struct conf_sections *s, const struct conf_schema *schema)
{
	if (section_find(s, schema, NULL) != NULL)
		return;
	section_add(s, schema, NULL);
	collect_subs(s, schema->rows);
	for (size_t i = 0; schema->variants != NULL && schema->variants[i] != NULL; i++) {
		section_add(s, schema, schema->variants[i]);
		collect_subs(s, schema->variants[i]->schema->rows);
	}
}

void
conf_sections_init(struct conf_sections *s, const struct conf_schema *root)
{
	*s = (struct conf_sections){0};
	collect(s, root);
}

void
conf_sections_done(struct conf_sections *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].name);
	free(s->items);
	*s = (struct conf_sections){0};
}

const char *
conf_section_name(const struct conf_sections *s, const struct conf_schema *schema,
    const struct conf_variant *variant)
{
	const struct conf_section *found = section_find(s, schema, variant);

	assert(found != NULL);
	return found->name;
}

void
conf_section_slug(const char *name, struct str *out)
{
	for (; *name != '\0'; name++)
		str_addn(out, *name == ' ' ? "-" : name, 1);
}
