/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control.c and control_http.c share.
 */
#ifndef CONTROL_PRIV_H
#define CONTROL_PRIV_H

#include "control/control.h"

struct evhttp;
struct control_client;
LIST_HEAD(control_clients, control_client);

struct control {
	struct loop *loop;
	struct control_source *source;
	struct loop_fd listener;
	int listen_fd;
	struct control_clients clients;
	size_t client_count;
	struct evhttp *http;
	struct endpoint http_where;
};

void control_http_close(struct control *c);

#endif
