/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file probe: a file is there, was written lately, and says what it should.
 *
 * Programs write such files to say that they are well: a heartbeat that a job touches, a status
 * that a server writes. The path is opened with O_PATH first, which has no side effect and waits
 * for nothing, whatever stands there (a FIFO, a device, a directory), and only a regular file is
 * opened again for reading. Symbolic links are followed, because status files are often switched by
 * them. A file system whose server hangs (NFS) would hold up the whole engine, so the file belongs
 * on a local one.
 *
 * The file is read by the engine, which is no superuser: what it may not read is a failure of this
 * host ("local"), never of the file.
 */
#include "core/probe.h"
#include "probe/probe_kinds.h"
#include "probe/probe_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_MAX 65536

struct file_conf {
	const char *path;
	dur_t fresh; /* 0: of any age */
	struct probe_pattern content;
};

struct file_probe {
	struct probe probe;
	const struct probe_env *env;
	struct probe_matcher *content; /* NULL: whatever it says */
	uint8_t *data;                 /* NULL: nothing was ever read */
};

static const struct conf_row rows[] = {
    {.key = "path",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.max = 4095,
	.offset = offsetof(struct file_conf, path),
	.doc = "The file, with its absolute path. It must be a regular file, or a symbolic link to "
	       "one, on a local file system."},
    {.key = "fresh",
	.type = CONF_DUR,
	.offset = offsetof(struct file_conf, fresh),
	.doc = "How long ago the file may have been written at most. 0: at any time."},
    {.key = "content",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct file_conf, content),
	.doc = "What must occur in the first 64 KiB of the file."},
    {.type = CONF_END},
};

static void
file_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct file_conf *c = obj;

	if (c->path[0] != '/')
		conf_error(ctx, conf_node_find(node, "path"),
		    "path: '%s' must begin with '/': the daemon has no directory of its own",
		    c->path);
}

static const struct conf_schema schema = {
    .name = "file",
    .size = sizeof(struct file_conf),
    .rows = rows,
    .check = file_check,
    .doc = "Looks at a file: whether it is there, how old it is, what it says. The file must be "
	   "readable for the user that the daemon's engine runs as.",
};

static struct probe *
file_new(const struct probe_env *env, const void *kind_conf)
{
	const struct file_conf *c = kind_conf;
	struct file_probe *f = mem_alloc(sizeof(*f));

	f->env = env;
	f->content = probe_matcher_new(&c->content);
	return &f->probe;
}

/* How long before `now_ns` (wall clock) the file was written; negative when after it. */
static dur_t
age_of(const struct stat *st, int64_t now_ns)
{
	return now_ns - ((int64_t)st->st_mtim.tv_sec * DUR_S + st->st_mtim.tv_nsec);
}

/* True when it was written lately; else the sample says why not. A time in the future means that a
 * clock was set, and says nothing of when the file was written. */
static bool
judge_age(const struct file_conf *c, dur_t age, struct probe_sample *s)
{
	char is[24], limit[24];

	if (c->fresh == 0 || (age <= c->fresh && -age <= c->fresh))
		return true;
	dur_format(age < 0 ? -age : age, is, sizeof(is));
	if (age < 0)
		probe_sample_set(s, WHY_STATUS, "its time is %s in the future", is);
	else
		probe_sample_set(s, WHY_STATUS, "written %s ago, expected within %s", is,
		    dur_format(c->fresh, limit, sizeof(limit)));
	return false;
}

/* Reads the first bytes of what `path_fd` refers to. The length, or a negative errno. */
static ssize_t
read_start(int path_fd, uint8_t *data)
{
	size_t len = 0;
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, data + len, CONTENT_MAX - len);
		if (n > 0)
			len += (size_t)n;
	} while (len < CONTENT_MAX && (n > 0 || (n < 0 && errno == EINTR)));
	n = n < 0 ? -errno : (ssize_t)len;
	close(fd);
	return n;
}

static void
judge_content(struct file_probe *f, int path_fd, struct probe_sample *s)
{
	char excerpt[PROBE_EXCERPT];
	ssize_t n;

	if (f->data == NULL)
		f->data = mem_alloc(CONTENT_MAX);
	n = read_start(path_fd, f->data);
	if (n < 0)
		probe_sample_set(s, WHY_LOCAL, "read: %s", strerror((int)-n));
	else if (n == 0)
		probe_sample_set(s, WHY_CONTENT, "empty");
	else if (!probe_matcher_find(f->content, f->data, (size_t)n))
		probe_sample_set(s, WHY_CONTENT, "got \"%s\"",
		    probe_bytes_excerpt(f->data, (size_t)n, excerpt, sizeof(excerpt)));
	else
		probe_sample_set(s, WHY_OK, "%s",
		    probe_bytes_excerpt(f->data, (size_t)n, excerpt, sizeof(excerpt)));
}

static void
judge(struct file_probe *f, int path_fd, struct probe_sample *s)
{
	const struct file_conf *c = f->probe.conf;
	char text[24];
	struct stat st;
	dur_t age;

	if (fstat(path_fd, &st) != 0) {
		probe_sample_set(s, WHY_LOCAL, "stat: %s", strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		probe_sample_set(s, WHY_STATUS, "not a regular file");
		return;
	}
	age = age_of(&st, loop_wall_ns(f->env->loop));
	if (!judge_age(c, age, s))
		return;
	if (f->content != NULL)
		judge_content(f, path_fd, s);
	else
		probe_sample_set(
		    s, WHY_OK, "written %s ago", dur_format(age < 0 ? 0 : age, text, sizeof(text)));
}

static void
file_start(struct probe *p)
{
	struct file_probe *f = container_of(p, struct file_probe, probe);
	const struct file_conf *c = p->conf;
	struct probe_sample sample;
	int fd = open(c->path, O_PATH | O_CLOEXEC);

	if (fd >= 0) {
		judge(f, fd, &sample);
		close(fd);
	} else if (errno == ENOENT || errno == ENOTDIR) {
		probe_sample_set(&sample, WHY_STATUS, "there is no such file");
	} else {
		probe_sample_set(&sample, WHY_LOCAL, "open: %s", strerror(errno));
	}
	probe_done(p, &sample);
}

/* No attempt is ever under way: each ends inside start(). */
static void
file_cancel(struct probe *p)
{
}

static void
file_free(struct probe *p)
{
	struct file_probe *f = container_of(p, struct file_probe, probe);

	probe_matcher_free(f->content);
	free(f->data);
	free(f);
}

static void
file_describe(const struct probe *p, struct str *out)
{
	const struct file_conf *c = p->conf;
	char text[24];

	str_printf(out, "file %s", c->path);
	if (c->fresh != 0)
		str_printf(out, " fresh %s", dur_format(c->fresh, text, sizeof(text)));
	if (c->content.regex != NULL || c->content.bytes.data != NULL) {
		str_add(out, " content ");
		probe_pattern_custom.show(&c->content, out);
	}
}

const struct probe_kind probe_file = {
    .variant = {.type = "file", .schema = &schema},
    .new = file_new,
    .start = file_start,
    .cancel = file_cancel,
    .free = file_free,
    .describe = file_describe,
};
