/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with the daemon: a line of JSON out, a line of JSON in. The only blocking
 * sockets of the project: this is a program that waits for an answer and does nothing else.
 */
#include "cli/cli.h"
#include "loop/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int
cli_connect(struct cli_client *c, const char *socket_path)
{
	const struct timeval timeout = {.tv_sec = CLI_TIMEOUT_S};
	int fd = net_unix_connect(socket_path);

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_SETFL, 0) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	c->fd = fd;
	c->in = fdopen(fd, "r");
	if (c->in == NULL)
		close(fd);
	return c->in != NULL ? 0 : -ENOMEM;
}

void
cli_say_unreachable(const char *socket_path, int error)
{
	const char *advice = "";

	if (error == -ENOENT || error == -ECONNREFUSED)
		advice = ": is nighd running, with this socket?";
	else if (error == -EACCES)
		advice = ": become root or a member of the group 'nigh'";
	else if (error == -EAGAIN)
		advice = ": nighd takes no more connections, it may hang";
	fprintf(stderr, "nigh: cannot reach nighd on %s: %s%s\n", socket_path, strerror(-error),
	    advice);
}

void
cli_close(struct cli_client *c)
{
	fclose(c->in);
}

static int
send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
send_words(const struct cli_client *c, const char *const *words, size_t count)
{
	json_t *list = json_array();
	json_t *request;
	char *text;
	int rc;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(words[i]));
	request = json_pack("{s:o}", "words", list);
	text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (text == NULL) {
		fprintf(stderr, "nigh: the words are not valid UTF-8\n");
		return -1;
	}
	rc = send_all(c->fd, text, strlen(text));
	if (rc == 0)
		rc = send_all(c->fd, "\n", 1);
	free(text);
	if (rc != 0)
		fprintf(stderr, "nigh: nighd closed the connection\n");
	return rc;
}

json_t *
cli_ask(struct cli_client *c, const char *const *words, size_t count)
{
	json_error_t error;
	json_t *answer = NULL;
	char *line = NULL;
	size_t cap = 0;

	if (send_words(c, words, count) != 0)
		return NULL;
	errno = 0;
	if (getline(&line, &cap, c->in) > 0) {
		answer = json_loads(line, 0, &error);
		if (answer == NULL)
			fprintf(stderr, "nigh: the answer is not JSON: %s\n", error.text);
	} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
		fprintf(stderr,
		    "nigh: nighd has not answered for %d s: is it stopped or overloaded?\n",
		    CLI_TIMEOUT_S);
	} else {
		fprintf(stderr, "nigh: nighd closed the connection\n");
	}
	free(line);
	return answer;
}
