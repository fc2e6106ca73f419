/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equality of configurations: what decides on reload whether a thing is left alone.
 *
 * Structs are compared option by option along their rows, never as bytes: padding, pointers into
 * two generations and the lines that things stood on do not count. The entries of a map have no
 * order; the items of a list have one.
 */
#include "conf/conf_priv.h"

static bool
equal_rows(const struct conf_row *rows, const char *a, const char *b)
{
	for (; rows->type != CONF_END; rows++) {
		if (rows->type != CONF_LATER &&
		    !conf_equal_member(rows, a + rows->offset, b + rows->offset))
			return false;
	}
	return true;
}

bool
conf_equal(const struct conf_schema *schema, const void *a, const void *b)
{
	const struct conf_variant *variant = conf_variant_of(schema, a);

	if (a == b)
		return true;
	if (variant != conf_variant_of(schema, b))
		return false;
	if (variant != NULL && !conf_equal(variant->schema, conf_variant_conf_of(schema, a),
				   conf_variant_conf_of(schema, b)))
		return false;
	return equal_rows(schema->rows, a, b);
}

bool
conf_equal_member(const struct conf_row *row, const void *a, const void *b)
{
	const struct conf_type_ops *ops = conf_type_ops(row);
	const struct conf_list *x = a;
	const struct conf_list *y = b;
	size_t size = conf_member_size(row);

	if ((row->flags & CONF_LIST) == 0)
		return ops->equal(row, a, b);
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++) {
		if (!ops->equal(
			row, (const char *)x->items + i * size, (const char *)y->items + i * size))
			return false;
	}
	return true;
}

bool
conf_equal_substruct(const struct conf_row *row, const void *a, const void *b)
{
	const void *x = *(const void *const *)a;
	const void *y = *(const void *const *)b;

	if (x == NULL || y == NULL)
		return x == y;
	return conf_equal(row->sub, x, y);
}

bool
conf_equal_map(const struct conf_row *row, const void *a, const void *b)
{
	const struct conf_map *x = a;
	const struct conf_map *y = b;

	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++) {
		const struct conf_map_entry *other = conf_map_find(y, x->entries[i].name);

		if (other == NULL || !conf_equal(row->sub, x->entries[i].value, other->value))
			return false;
	}
	return true;
}
