/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something changed: one enum for samples, tracks, services and intents. Its word is the metric
 * label, the history's `why`, and what `nigh explain` says.
 */
#ifndef CORE_WHY_H
#define CORE_WHY_H

enum why {
	WHY_NONE,
	WHY_START, /* just created: nothing known yet */
	/* samples */
	WHY_OK,          /* answered as expected */
	WHY_TIMEOUT,     /* no answer in time */
	WHY_REFUSED,     /* port closed: connection refused or ICMP port unreachable */
	WHY_UNREACHABLE, /* no way to the target: no route, ICMP unreachable, link down */
	WHY_RESET,       /* the connection broke off */
	WHY_MALFORMED,   /* the answer could not be read */
	WHY_STATUS,      /* wrong rcode, status or exit code */
	WHY_CONTENT,     /* the answer is not what was expected */
	WHY_TLS,         /* the certificate or the TLS handshake failed */
	WHY_LOCAL,       /* this host could not ask: no descriptor, no memory, no permission */
	WHY_MISSED,      /* the attempt could not start: the one before still ran */
	/* tracks */
	WHY_RISE,    /* enough successes in a row */
	WHY_FALL,    /* enough failures in a row */
	WHY_LINK,    /* the interface changed */
	WHY_MEMBER,  /* a member of the list changed */
	WHY_SOCKET,  /* no socket is bound to the service's port any more */
	WHY_EXIT,    /* the process that served the port has ended */
	WHY_STALL,   /* the server's queue does not move */
	WHY_SERVED,  /* a socket serves the port on every address */
	WHY_LATE,    /* answers come later than the threshold */
	WHY_QUALITY, /* loss and delay over the last samples */
	WHY_DAMPED,  /* it went down too often: it has to stay well for a while */
	/* services and intents */
	WHY_REQUIRE, /* something that is required is not up */
	WHY_PREFER,  /* something that is preferred is not up */
	WHY_UNKNOWN, /* something that is required has not reported yet */
	WHY_HEALTHY, /* all that is required and preferred is up */
	WHY_HOLD_UP, /* good, but not for long enough */
	WHY_ADMIN,   /* an operator said so */
	WHY_DRAIN,   /* an operator drains it */
	WHY_ADDRESS, /* the service address is not on the host */
	WHY_CONFIG,  /* the configuration changed */
	WHY_STOP,    /* nigh is stopping */
	WHY_COUNT
};

/* "timeout": stable, lower case, no blanks. */
const char *why_str(enum why why);
/* "no answer in time": for sentences. */
const char *why_text(enum why why);

#endif
