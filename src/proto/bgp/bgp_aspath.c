/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AS_PATH and AS4_PATH: segments of 2- or 4-octet AS numbers (RFC 4271 section 4.3, RFC 6793).
 *
 * A path is checked once and then walked as a view. What the caller gets is flat: the numbers of
 * sequences and sets in their order, the first BGP_AS_PATH_MAX of them kept and all of them
 * counted. Confederation segments are not ours to see (RFC 5065): they count for nothing and are
 * noted. Sets are noted, too, for RFC 9774 has such routes withdrawn.
 *
 * To a speaker that knows 2-octet numbers alone, others have written AS_TRANS into AS_PATH and the
 * truth into AS4_PATH. Merging takes as many leading numbers from AS_PATH as it is longer, and then
 * AS4_PATH. An AS4_PATH that is longer than AS_PATH, or that came with an AGGREGATOR that somebody
 * rewrote, is stale and ignored (RFC 6793 section 4.2.3).
 */
#include "proto/bgp/bgp_decode.h"

#include <limits.h>

struct segment {
	uint8_t type;
	uint8_t count;
	const uint8_t *data;
};

static uint32_t
as_at(const struct segment *s, unsigned index, unsigned width)
{
	const uint8_t *p = s->data + (size_t)index * width;

	if (width == 2)
		return (uint32_t)p[0] << 8 | p[1];
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct segment
segment_next(struct wire_reader *r, unsigned width)
{
	struct segment s;

	s.type = wire_u8(r);
	s.count = wire_u8(r);
	s.data = wire_bytes(r, (size_t)s.count * width);
	return s;
}

static bool
is_confed(uint8_t type)
{
	return type == BGP_AS_CONFED_SEQUENCE || type == BGP_AS_CONFED_SET;
}

static const char *
segment_check(const struct segment *s, unsigned width)
{
	if (s->type < BGP_AS_SET || s->type > BGP_AS_CONFED_SET)
		return "unknown segment type";
	if (s->count == 0)
		return "empty segment";
	for (unsigned i = 0; i < s->count; i++) {
		if (as_at(s, i, width) == 0)
			return "AS 0";
	}
	return NULL;
}

const char *
bgp_as_view_init(struct as_view *v, const uint8_t *data, size_t len, unsigned width)
{
	struct wire_reader r;

	*v = (struct as_view){.data = data, .len = len, .width = width};
	wire_reader_init(&r, data, len);
	while (wire_left(&r) > 0) {
		struct segment s = segment_next(&r, width);
		const char *error = wire_ok(&r) ? segment_check(&s, width) : "segment overruns it";

		if (error)
			return error;
		v->has_confed |= is_confed(s.type);
		v->has_set |= s.type == BGP_AS_SET || s.type == BGP_AS_CONFED_SET;
		if (s.type == BGP_AS_SEQUENCE)
			v->count += s.count;
		else if (s.type == BGP_AS_SET)
			v->count++;
	}
	v->present = true;
	return NULL;
}

static void
push(struct bgp_path *path, uint32_t as, uint32_t local_as)
{
	if (path->as_count < BGP_AS_PATH_MAX)
		path->as_path[path->as_count] = as;
	path->as_count++; /* no message has room for as many as it can count */
	if (local_as && as == local_as)
		path->own_count++;
}

/* The first `limit` elements of the path. */
static void
push_view(struct bgp_decoder *d, const struct as_view *v, unsigned limit)
{
	struct wire_reader r;

	wire_reader_init(&r, v->data, v->len);
	while (wire_left(&r) > 0 && limit > 0) {
		struct segment s = segment_next(&r, v->width);
		bool sequence = s.type == BGP_AS_SEQUENCE;

		if (is_confed(s.type))
			continue;
		for (unsigned i = 0; i < s.count && limit > 0; i++) {
			push(&d->out->path, as_at(&s, i, v->width), d->ctx->local_as);
			limit -= sequence;
		}
		limit -= !sequence;
	}
}

void
bgp_decode_as_path(struct bgp_decoder *d)
{
	struct bgp_path *path = &d->out->path;
	bool rewritten =
	    d->as4_aggregator && d->aggregator_as != 0 && d->aggregator_as != BGP_AS_TRANS;
	bool merge = d->path4.present && !rewritten && d->path4.count <= d->path.count;

	if (!d->path.present)
		return;
	path->has_as_path = true;
	path->has_as_set = d->path.has_set || (d->path4.present && d->path4.has_set);
	if (!merge) {
		push_view(d, &d->path, UINT_MAX);
		return;
	}
	push_view(d, &d->path, d->path.count - d->path4.count);
	push_view(d, &d->path4, UINT_MAX);
}
