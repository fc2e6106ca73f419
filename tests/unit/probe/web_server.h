/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small web server in a thread, with or without TLS, that answers by the path asked for; and
 * certificates made for it.
 */
#ifndef TEST_WEB_SERVER_H
#define TEST_WEB_SERVER_H

#include "base/addr.h"

#include <openssl/ssl.h>
#include <pthread.h>

/* What is done for a path. */
enum web_manner {
	WEB_KEEP,   /* answers, and waits for the next request */
	WEB_CLOSE,  /* answers, and closes the connection */
	WEB_SILENT, /* says nothing */
	WEB_RESET,  /* resets the connection */
};
struct web_page {
	const char *path; /* NULL ends the table */
	enum web_manner manner;
	const char *answer; /* all of it, from the status line on */
};

struct web_server {
	const struct web_page *pages;
	int fd, stop[2];
	char name[ENDPOINT_TEXT];
	uint16_t port;
	SSL_CTX *tls;         /* NULL: plain */
	bool mute;            /* accepts, and says nothing: not even a handshake */
	unsigned connections; /* so far; read it when the server has stopped */
	char request[2048];   /* the last one; likewise */
	char server_name[64]; /* of the last handshake; likewise */
	char dir[32];         /* with ca.pem; "": no certificate was made */
	pthread_t thread;
};

/* Gives the server a certificate for www.example.net, 127.0.0.1 and ::1, valid for so many days
 * (negative: expired), and writes the CA that signed it to DIR/ca.pem. */
void web_server_certify(struct web_server *s, int days);
/* `s` is zeroed but for pages, certificate and mute. */
void web_server_start(struct web_server *s, const char *address);
void web_server_stop(struct web_server *s);

#endif
