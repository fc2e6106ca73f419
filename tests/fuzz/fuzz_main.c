/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files instead of under a fuzzer.
 *
 * A target is one function, LLVMFuzzerTestOneInput(). libFuzzer brings a main() of its own; linked
 * with this one instead, the target becomes a plain program for any compiler, that reads every file
 * named as an argument, and every file in every folder named, and feeds it in. The test suite runs
 * it over the corpus, so that what a fuzzer once found stays mended.
 *
 * An input lies in memory of exactly its size, so that a sanitizer sees an overrun by one byte.
 * A run that finds no input fails: it has tested nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void
die(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

static void
replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size > 0 ? size : 1);

	if (file == NULL || data == NULL || fread(data, 1, size, file) != size)
		die(path);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

/* Replays a file, or what a folder contains. Returns how many inputs that were. */
static unsigned
replay(const char *path)
{
	struct dirent *entry;
	unsigned count = 0;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) != 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path, (size_t)st.st_size);
		return 1;
	}
	dir = opendir(path);
	if (dir == NULL)
		die(path);
	while ((entry = readdir(dir)) != NULL) {
		char inner[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		count += replay(inner);
	}
	closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		count += replay(argv[i]);
	if (count == 0) {
		fprintf(stderr, "no input found: name files or folders that contain some\n");
		return 1;
	}
	printf("%u inputs replayed\n", count);
	return 0;
}
