/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the vectors of tests/vectors/bgp: bytes to text, and back to bytes.
 *
 * A vector is a block of "key: value" lines; a line that begins with a space continues the value
 * before it, a line that begins with # is a comment, an empty line ends the block.
 *
 *   about     where it comes from, or what it shows
 *   flags     what the session agreed on: as4 or as2, ipv4, ipv6, first-as=N, local-as=N
 *   message   in hexadecimal
 *   text      what bgp_msg_format() must make of it, for any neighbor
 *   external  ... for an external neighbor alone
 *   internal  ... for an internal neighbor alone
 *   again     same: writing what was read gives the same bytes
 *
 * Whatever our encoders can express is also written again without being asked, and must then show
 * the same text. With --text the program reads "flags... hex" from each line of its input instead,
 * and shows the message on a line.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_msg.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 20000

struct vector {
	const char *path;
	unsigned line; /* of its first line */
	struct str about, flags, message, text, external, internal, again;
	struct str *open; /* takes the continuation lines */
};

struct result {
	unsigned vectors, rewritten, failed;
};

/* -- contexts and bytes -- */

static bool
flag_read(const char *word, struct bgp_update_ctx *ctx)
{
	static const struct {
		const char *word;
		uint32_t af;
	} families[] = {
	    {"ipv4", BGP_AF_BIT(BGP_AF_IPV4)},
	    {"ipv6", BGP_AF_BIT(BGP_AF_IPV6)},
	};

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (strcmp(word, families[i].word) == 0) {
			ctx->af |= families[i].af;
			return true;
		}
	}
	if (strcmp(word, "as4") == 0 || strcmp(word, "as2") == 0) {
		ctx->as4 = word[2] == '4';
		return true;
	}
	return sscanf(word, "first-as=%u", &ctx->first_as) == 1 ||
	       sscanf(word, "local-as=%u", &ctx->local_as) == 1;
}

static bool
hex_read(const char *hex, uint8_t *out, size_t cap, size_t *len)
{
	*len = 0;
	while (*hex) {
		unsigned v;

		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		if (*len == cap || !isxdigit((unsigned char)hex[0]) ||
		    !isxdigit((unsigned char)hex[1]) || sscanf(hex, "%2x", &v) != 1)
			return false;
		out[(*len)++] = (uint8_t)v;
		hex += 2;
	}
	return true;
}

/* -- writing again -- */

static size_t
open_again(const uint8_t *msg, size_t len, uint8_t *buf, size_t cap)
{
	struct bgp_open_expect anyone = {0};
	struct bgp_open o;
	struct bgp_notify n;

	if (bgp_open_decode(msg, len, &anyone, &o, &n) < 0 || o.caps.unknown > 0)
		return 0;
	return bgp_open_encode(&o, buf, cap);
}

/* Is the path one that we could have made: our own AS, once or more, and nothing foreign? */
static bool
is_ours(const struct bgp_update *u, const struct bgp_update_ctx *ctx)
{
	const struct bgp_path *path = &u->path;

	for (unsigned i = 1; i < path->as_count && i < BGP_AS_PATH_MAX; i++) {
		if (path->as_path[i] != path->as_path[0])
			return false;
	}
	return path->has_origin && path->origin == BGP_ORIGIN_IGP && !path->has_as_set &&
	       !path->atomic_aggregate && path->large_count == 0 && path->ext_count == 0 &&
	       path->as_count <= BGP_AS_PATH_MAX && (path->as_count > 0) == ctx->ebgp &&
	       path->has_local_pref == !ctx->ebgp;
}

static size_t
pack_again(struct bgp_packer *p, struct bgp_nlri list)
{
	struct prefix prefix;

	while (bgp_nlri_next(&list, &prefix)) {
		if (!bgp_pack_add(p, &prefix))
			return 0;
	}
	return bgp_pack_finish(p);
}

static size_t
announce_again(
    const struct bgp_update *u, const struct bgp_update_ctx *ctx, uint8_t *buf, size_t cap)
{
	const struct bgp_path *path = &u->path;
	bool mp = u->mp_announced.len > 0;
	uint32_t *communities = mem_array(path->community_count + 1u, sizeof(uint32_t));
	struct bgp_announce a = {
	    .ebgp = ctx->ebgp,
	    .as4 = ctx->as4,
	    .local_as = path->as_path[0],
	    .prepend = (uint8_t)(path->as_count ? path->as_count - 1 : 0),
	    .next_hop = mp ? u->mp_next_hop : path->next_hop,
	    .next_hop_ll = u->mp_next_hop_ll,
	    .has_med = path->has_med,
	    .med = path->med,
	    .local_pref = path->local_pref,
	    .communities = communities,
	    .community_count = path->community_count,
	};
	struct bgp_nlri list = mp ? u->mp_announced : u->announced;
	struct wire_reader r;
	struct bgp_packer p;

	wire_reader_init(&r, path->communities, path->community_count * 4u);
	for (unsigned i = 0; i < path->community_count; i++)
		communities[i] = wire_u32(&r);
	bgp_pack_announce(&p, buf, cap, list.af, &a);
	size_t len = pack_again(&p, list);
	free(communities);
	return len;
}

static size_t
update_again(
    const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, uint8_t *buf, size_t cap)
{
	struct bgp_update u;
	struct bgp_packer p;

	bgp_update_decode(msg, len, ctx, &u);
	bool v4 = u.withdrawn.len > 0;
	bool v6 = u.mp_withdrawn.len > 0 && u.mp_withdrawn.af == BGP_AF_IPV6;
	bool announces4 = u.announced.len > 0;
	bool announces6 = u.mp_announced.len > 0 && u.mp_announced.af == BGP_AF_IPV6;

	if (u.disposition != BGP_ACCEPT)
		return 0;
	if (u.end_of_rib)
		return bgp_end_of_rib_encode(u.end_of_rib_af, buf, cap);
	if (v4 + v6 + announces4 + announces6 != 1)
		return 0;
	if (v4 || v6) {
		bgp_pack_withdraw(&p, buf, cap, v4 ? BGP_AF_IPV4 : BGP_AF_IPV6);
		return u.path.has_origin ? 0 : pack_again(&p, v4 ? u.withdrawn : u.mp_withdrawn);
	}
	if (!is_ours(&u, ctx) || (announces6 && u.path.has_next_hop))
		return 0;
	return announce_again(&u, ctx, buf, cap);
}

/* The message written anew from what was read; 0: not one that we could write. */
static size_t
encode_again(
    const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, uint8_t *buf, size_t cap)
{
	struct bgp_refresh refresh;
	struct bgp_notify n;
	int whole = bgp_frame(msg, len, UINT16_MAX, &n);

	if (whole <= 0 || (size_t)whole != len)
		return 0;
	switch (bgp_frame_type(msg)) {
	case BGP_OPEN: return open_again(msg, len, buf, cap);
	case BGP_UPDATE: return update_again(msg, len, ctx, buf, cap);
	case BGP_NOTIFICATION:
		bgp_notify_decode(msg, len, &n);
		return bgp_notify_encode(&n, buf, cap);
	case BGP_KEEPALIVE: return bgp_keepalive_encode(buf, cap);
	case BGP_REFRESH:
		if (bgp_refresh_decode(msg, len, &refresh, &n) < 0)
			return 0;
		return bgp_refresh_encode(&refresh, buf, cap);
	}
	return 0;
}

/* -- checking -- */

static void
failed(const struct vector *v, struct result *result, const char *what, const char *got,
    const char *want)
{
	fprintf(stderr, "%s:%u: %s: %s\n  got:  %s\n  want: %s\n", v->path, v->line,
	    str_text(&v->about), what, got, want);
	result->failed++;
}

static void
check_side(
    const struct vector *v, struct bgp_update_ctx *ctx, const char *want, struct result *result)
{
	uint8_t msg[LINE_MAX_LEN / 2], again[LINE_MAX_LEN / 2];
	struct str text = {0};
	size_t len;

	if (!hex_read(str_text(&v->message), msg, sizeof(msg), &len)) {
		failed(v, result, "message", "not hexadecimal", "hexadecimal digits");
		return;
	}
	bgp_msg_format(msg, len, ctx, &text);
	if (!str_equal(str_text(&text), want))
		failed(v, result, ctx->ebgp ? "external" : "internal", str_text(&text), want);

	size_t again_len = encode_again(msg, len, ctx, again, sizeof(again));
	bool same = again_len == len && memcmp(msg, again, len) == 0;
	if (again_len > 0) {
		result->rewritten++;
		str_clear(&text);
		bgp_msg_format(again, again_len, ctx, &text);
		if (!str_equal(str_text(&text), want))
			failed(v, result, "written again", str_text(&text), want);
	}
	if (str_equal(str_text(&v->again), "same") && !same)
		failed(v, result, "again", "other bytes", "the same bytes");
	str_done(&text);
}

static void
check_vector(struct vector *v, struct result *result)
{
	struct bgp_update_ctx ctx = {.as4 = true};
	char *flags = mem_strdup(str_text(&v->flags));
	char *rest = flags;
	bool any = v->text.len > 0;

	for (char *w = strsep(&rest, " "); w; w = strsep(&rest, " ")) {
		if (*w && !flag_read(w, &ctx))
			failed(v, result, "flags", w, "as4 as2 ipv4 ipv6 first-as=N local-as=N");
	}
	free(flags);
	for (unsigned side = 0; side < 2; side++) {
		const struct str *own = side ? &v->external : &v->internal;
		const struct str *want = own->len ? own : &v->text;

		ctx.ebgp = side;
		any |= own->len > 0;
		if (want->len)
			check_side(v, &ctx, str_text(want), result);
	}
	if (!any)
		failed(v, result, "incomplete", "no text", "text, external or internal");
	result->vectors++;
}

/* -- reading -- */

static void
vector_reset(struct vector *v)
{
	struct str *fields[] = {
	    &v->about, &v->flags, &v->message, &v->text, &v->external, &v->internal, &v->again};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		str_done(fields[i]);
	v->open = NULL;
	v->line = 0;
}

static bool
line_take(struct vector *v, char *line)
{
	const struct {
		const char *key;
		struct str *field;
	} keys[] = {
	    {"about:", &v->about},
	    {"flags:", &v->flags},
	    {"message:", &v->message},
	    {"text:", &v->text},
	    {"external:", &v->external},
	    {"internal:", &v->internal},
	    {"again:", &v->again},
	};
	const char *value = line;

	if (line[0] != ' ') {
		v->open = NULL;
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			if (strncmp(line, keys[i].key, strlen(keys[i].key)) == 0) {
				v->open = keys[i].field;
				value = line + strlen(keys[i].key);
			}
		}
	}
	if (!v->open)
		return false;
	value += strspn(value, " ");
	if (v->open->len > 0 && *value)
		str_add(v->open, " ");
	str_add(v->open, value);
	return true;
}

static void
check_file(const char *path, struct result *result)
{
	char *line = mem_alloc(LINE_MAX_LEN);
	FILE *file = fopen(path, "r");
	struct vector v = {.path = path};
	unsigned number = 0;

	if (!file) {
		perror(path);
		exit(1);
	}
	while (fgets(line, LINE_MAX_LEN, file)) {
		line[strcspn(line, "\n")] = '\0';
		number++;
		if (line[0] == '#')
			continue;
		if (line[0] == '\0') {
			if (v.line)
				check_vector(&v, result);
			vector_reset(&v);
			continue;
		}
		v.line = v.line ? v.line : number;
		if (!line_take(&v, line)) {
			fprintf(stderr, "%s:%u: unknown key\n", path, number);
			result->failed++;
		}
	}
	if (v.line)
		check_vector(&v, result);
	vector_reset(&v);
	fclose(file);
	free(line);
}

static int
name_cmp(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_vector_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

/* -- showing -- */

static int
show_lines(void)
{
	char *line = mem_alloc(LINE_MAX_LEN);

	while (fgets(line, LINE_MAX_LEN, stdin)) {
		struct bgp_update_ctx ctx = {.ebgp = true, .as4 = true};
		uint8_t msg[LINE_MAX_LEN / 2];
		struct str text = {0};
		char *rest = line;
		size_t len = 0;

		for (char *w = strsep(&rest, " \n"); w; w = strsep(&rest, " \n")) {
			if (*w && !flag_read(w, &ctx) && !hex_read(w, msg, sizeof(msg), &len))
				return 1;
		}
		bgp_msg_format(msg, len, &ctx, &text);
		puts(str_text(&text));
		str_done(&text);
	}
	free(line);
	return 0;
}

int
main(int argc, char **argv)
{
	struct result result = {0};
	struct dirent **names;

	if (argc == 2 && strcmp(argv[1], "--text") == 0)
		return show_lines();
	int count = argc == 2 ? scandir(argv[1], &names, is_vector_file, name_cmp) : -1;
	if (count < 0) {
		fprintf(stderr, "usage: %s FOLDER | --text\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
		check_file(path, &result);
		free(names[i]);
	}
	free(names);
	printf("%u vectors in %d files, %u written again, %u failed\n", result.vectors, count,
	    result.rewritten, result.failed);
	return result.failed || result.vectors == 0;
}
