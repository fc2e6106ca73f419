/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the vectors of tests/vectors/bfd: bytes to text, and back to bytes.
 *
 * A vector is a block of "key: value" lines; a line that begins with # is a comment, an empty line
 * ends the block.
 *
 *   about   where it comes from
 *   key     authentication: type, key ID, password
 *   packet  the UDP payload, in hexadecimal
 *   text    what bfd_msg_format() must make of it
 *
 * Every packet must stand the rules of reception, be authentic with its key and not with another,
 * and be the same when it is written again. With --text the program reads packets from its input
 * instead, one a line, and shows each.
 */
#include "base/mem.h"
#include "proto/bfd/bfd_receive.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 1024

struct vector {
	const char *path;
	unsigned line;
	char key[LINE_MAX_LEN], packet[LINE_MAX_LEN], text[LINE_MAX_LEN];
};

struct result {
	unsigned vectors, keyed, failed;
};

static size_t
hex_bytes(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]) && n < cap;
	     hex += 2) {
		char digits[3] = {hex[0], hex[1], '\0'};

		out[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static bool
key_read(const char *text, struct bfd_auth *auth)
{
	char type[32], password[21];
	unsigned id;

	if (sscanf(text, "%31s %u %20s", type, &id, password) != 3)
		return false;
	*auth = (struct bfd_auth){.count = 1};
	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		if (str_equal(type, bfd_auth_str(t)))
			auth->type = t;
	}
	auth->keys[0].id = (uint8_t)id;
	auth->keys[0].len = (uint8_t)strlen(password);
	memcpy(auth->keys[0].bytes, password, auth->keys[0].len);
	return auth->type != BFD_AUTH_NONE;
}

static const char *
judge_key(const struct vector *v, const struct bfd_msg *m, const uint8_t *data, size_t len)
{
	struct bfd_auth auth;
	struct bfd_auth_state state = {0};
	uint8_t again[BFD_PACKET_MAX];

	if (!key_read(v->key, &auth))
		return "the key cannot be read";
	if (bfd_auth_check(&auth, &state, m, data) != BFD_AUTH_OK)
		return "not authentic with its key";
	bfd_msg_write(m, again);
	if (bfd_auth_sign(&auth, m->auth_seq, again) != len || memcmp(again, data, len) != 0)
		return "signed again, it is another packet";
	auth.keys[0].bytes[0] ^= 1;
	state = (struct bfd_auth_state){0};
	if (bfd_auth_check(&auth, &state, m, data) != BFD_AUTH_BAD_DIGEST)
		return "authentic with another key";
	return NULL;
}

static const char *
judge(const struct vector *v)
{
	uint8_t data[BFD_PACKET_MAX], again[BFD_LEN];
	size_t len = hex_bytes(v->packet, data, sizeof(data));
	struct bfd_packet p = {.data = data, .len = len};
	struct str text = {0};
	struct bfd_msg m;
	bool same;

	bfd_msg_read(data, len, &m);
	bfd_msg_format(&m, &text);
	same = str_equal(str_text(&text), v->text);
	if (!same)
		printf("%s:%u: got  %s\n", v->path, v->line, str_text(&text));
	str_done(&text);
	if (!same)
		return "the text differs";
	if (bfd_receive_header(&p, &m) != BFD_ACCEPTED)
		return "it breaks a rule";
	if (v->key[0] != '\0')
		return judge_key(v, &m, data, len);
	bfd_msg_write(&m, again);
	return len == BFD_LEN && memcmp(data, again, len) == 0 ? NULL : "written again, it differs";
}

static void
vector_end(struct vector *v, struct result *r)
{
	if (v->packet[0] != '\0') {
		const char *wrong = judge(v);

		r->vectors++;
		r->keyed += v->key[0] != '\0';
		if (wrong != NULL) {
			r->failed++;
			printf("%s:%u: %s\n", v->path, v->line, wrong);
		}
	}
	v->key[0] = v->packet[0] = v->text[0] = '\0';
}

static void
line_take(struct vector *v, const char *line)
{
	struct {
		const char *word;
		char *to;
	} keys[] = {{"key: ", v->key}, {"packet: ", v->packet}, {"text: ", v->text}};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t len = strlen(keys[i].word);

		if (strncmp(line, keys[i].word, len) == 0)
			str_copy(keys[i].to, LINE_MAX_LEN, line + len);
	}
}

static void
file_run(const char *path, struct result *r)
{
	FILE *f = fopen(path, "r");
	struct vector v = {.path = path};
	char line[LINE_MAX_LEN];
	unsigned number = 0;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		v.line = ++number;
		if (line[0] == '\0')
			vector_end(&v, r);
		else
			line_take(&v, line);
	}
	vector_end(&v, r);
	fclose(f);
}

static int
show_lines(void)
{
	char line[LINE_MAX_LEN];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint8_t data[BFD_PACKET_MAX];
		struct str text = {0};
		struct bfd_msg m;

		bfd_msg_read(data, hex_bytes(line, data, sizeof(data)), &m);
		bfd_msg_format(&m, &text);
		puts(str_text(&text));
		str_done(&text);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct result r = {0};
	struct dirent *entry;
	DIR *dir;

	if (argc == 2 && strcmp(argv[1], "--text") == 0)
		return show_lines();
	dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (dir == NULL) {
		fprintf(stderr, "usage: %s FOLDER | --text\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		struct str path = {0};

		if (dot == NULL || strcmp(dot, ".txt") != 0)
			continue;
		str_printf(&path, "%s/%s", argv[1], entry->d_name);
		file_run(str_text(&path), &r);
		str_done(&path);
	}
	closedir(dir);
	printf("%u vectors, %u of them with a key, %u failed\n", r.vectors, r.keyed, r.failed);
	return r.failed > 0 || r.vectors == 0 || r.keyed == 0 ? 1 : 0;
}
