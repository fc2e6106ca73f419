/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file, from disk to the engine.
 *
 * The engine may not open files, so the helper reads the one file that it was started with and
 * hands the bytes over in a memfd. The memfd is sealed: both sides parse the very same bytes, and
 * neither can change them under the other. Only a regular file is read, with a bound on its size,
 * so that a pipe or a device in its place cannot hold the helper up.
 */
#include "kernel/helper_config.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Reads all of a regular file from its start. */
static int
read_all(int fd, char **text, size_t *len)
{
	struct stat st;
	size_t done = 0, size;
	char *buf;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > (off_t)HELPER_CONFIG_MAX)
		return -EFBIG;
	size = (size_t)st.st_size;
	buf = mem_alloc(size + 1);
	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = -errno;

			free(buf);
			return error;
		}
		if (n == 0)
			break;
		done += (size_t)n;
	}
	buf[done] = 0;
	*text = buf;
	*len = done;
	return 0;
}

int
helper_config_load(const char *path, char **text, size_t *len)
{
	int fd, error;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	error = read_all(fd, text, len);
	close(fd);
	return error;
}

int
helper_config_seal(const char *text, size_t len)
{
	size_t done = 0;
	int fd, error;

	fd = memfd_create("nigh-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			goto fail;
		if (n > 0)
			done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
fail:
	error = -errno;
	close(fd);
	return error;
}

int
helper_config_unseal(int fd, char **text, size_t *len)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	return read_all(fd, text, len);
}
