/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the configuration file on its way from the helper to the engine: read once, sealed
 * into a memfd, mapped back into text on the other side. Private to the folder.
 */
#ifndef KERNEL_HELPER_CONFIG_H
#define KERNEL_HELPER_CONFIG_H

#include <stddef.h>

/* No configuration is larger. */
#define HELPER_CONFIG_MAX (64u * 1024 * 1024)

/* Reads a regular file into zero-terminated memory (free()). 0 or a negative errno: -EISDIR or
 * -EINVAL when it is no regular file, -EFBIG when it is too large. */
int helper_config_load(const char *path, char **text, size_t *len);
/* A sealed memfd with these bytes, or a negative errno. Owned by the caller. */
int helper_config_seal(const char *text, size_t len);
/* The way back: reads a sealed memfd; does not close it. As helper_config_load(); -EPERM when it is
 * not sealed, so that nobody can change it while it is read. */
int helper_config_unseal(int fd, char **text, size_t *len);

#endif
