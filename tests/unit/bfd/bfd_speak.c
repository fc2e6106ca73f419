/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BFD session on real sockets, for the lab: says each change of its state on a line of its
 * output, and on its way out that it is AdminDown.
 *
 *   bfd_speak LOCAL REMOTE single|multi MILLISECONDS [AUTH-TYPE KEY-ID PASSWORD]
 *
 * SIGTERM disables the session, says so to the neighbor, and ends.
 */
#include "base/mem.h"
#include "base/str.h"
#include "proto/bfd/bfd_io.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct speaker {
	struct loop *loop;
	struct bfd_io io;
	struct bfd_peer peer;
	struct bfd_auth auth;
	struct loop_signal term;
};

static void
changed(struct bfd_peer *p, const struct bfd_outcome *what)
{
	printf("%s %s %s\n", bfd_state_str(what->after), bfd_diag_str(p->session.diag),
	    bfd_verdict_str(bfd_session_verdict(&p->session)));
	fflush(stdout);
}

static void
terminated(struct loop_signal *sig)
{
	struct speaker *s = container_of(sig, struct speaker, term);

	bfd_peer_disable(&s->peer);
	loop_stop(s->loop);
}

static bool
key_read(struct bfd_auth *auth, char **words)
{
	size_t len = strlen(words[2]);

	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		if (!str_equal(words[0], bfd_auth_str(t)) || len > bfd_auth_key_max(t))
			continue;
		*auth = (struct bfd_auth){.type = t, .count = 1};
		auth->keys[0].id = (uint8_t)strtoul(words[1], NULL, 10);
		auth->keys[0].len = (uint8_t)len;
		memcpy(auth->keys[0].bytes, words[2], len);
		return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct speaker s = {.peer.fn = changed};
	struct bfd_config c = {.detect_mult = 3};
	int rc;

	if ((argc != 5 && argc != 8) || addr_parse(argv[1], &s.peer.local) < 0 ||
	    addr_parse(argv[2], &s.peer.remote) < 0 ||
	    (argc == 8 && !key_read(&s.auth, argv + 5))) {
		fprintf(
		    stderr, "usage: %s LOCAL REMOTE single|multi MS [TYPE ID PASSWORD]\n", argv[0]);
		return 2;
	}
	s.peer.hops = str_equal(argv[3], "multi") ? BFD_MULTI_HOP : BFD_SINGLE_HOP;
	c.desired_min_tx_us = c.required_min_rx_us = (uint32_t)strtoul(argv[4], NULL, 10) * 1000;
	c.auth = argc == 8 ? &s.auth : NULL;
	s.loop = loop_new();
	bfd_io_init(&s.io, s.loop);
	loop_signal_start(&s.term, s.loop, SIGTERM, terminated);
	rc = bfd_peer_add(&s.io, &s.peer, &c);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-rc));
	else
		loop_run(s.loop);
	for (enum bfd_drop d = 0; d < BFD_DROP_COUNT; d++) {
		if (s.io.table.dropped[d] > 0)
			printf("%s %llu\n", bfd_drop_str(d),
			    (unsigned long long)s.io.table.dropped[d]);
	}
	bfd_io_done(&s.io);
	loop_signal_stop(&s.term);
	loop_free(s.loop);
	return rc < 0 ? 1 : 0;
}
