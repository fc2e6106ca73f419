/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words and sentences of enum why, from one table.
 *
 * The word is a metric label and part of the machine-readable answers: it never changes once
 * released. The text completes "service dns is down: ..." and may be improved at any time.
 */
#include "core/why.h"

#include <assert.h>
#include <stddef.h>

static const struct {
	const char *word;
	const char *text;
} why_table[WHY_COUNT] = {
    [WHY_NONE] = {"none", "no reason"},
    [WHY_START] = {"start", "just created, nothing known yet"},
    [WHY_OK] = {"ok", "answered as expected"},
    [WHY_TIMEOUT] = {"timeout", "no answer in time"},
    [WHY_REFUSED] = {"refused", "the port is closed"},
    [WHY_UNREACHABLE] = {"unreachable", "no way to the target"},
    [WHY_RESET] = {"reset", "the connection broke off"},
    [WHY_MALFORMED] = {"malformed", "the answer could not be read"},
    [WHY_STATUS] = {"status", "the answer reports a failure"},
    [WHY_CONTENT] = {"content", "the answer is not what was expected"},
    [WHY_TLS] = {"tls", "the certificate or the handshake failed"},
    [WHY_LOCAL] = {"local", "this host could not ask"},
    [WHY_MISSED] = {"missed", "the attempt could not start in time"},
    [WHY_RISE] = {"rise", "enough successes in a row"},
    [WHY_FALL] = {"fall", "enough failures in a row"},
    [WHY_LINK] = {"link", "the interface changed"},
    [WHY_MEMBER] = {"member", "a member of the list changed"},
    [WHY_SOCKET] = {"socket", "no socket is bound to the service's port any more"},
    [WHY_EXIT] = {"exit", "the process that served the port has ended"},
    [WHY_SERVED] = {"served", "a socket serves the port"},
    [WHY_LATE] = {"late", "answers come later than the threshold"},
    [WHY_QUALITY] = {"quality", "loss and delay over the last samples"},
    [WHY_DAMPED] = {"damped", "it went down too often and must stay well for a while"},
    [WHY_STALL] = {"stall", "the server's queue does not move"},
    [WHY_REQUIRE] = {"require", "something that is required is not up"},
    [WHY_PREFER] = {"prefer", "something that is preferred is not up"},
    [WHY_UNKNOWN] = {"unknown", "something that is required has not reported yet"},
    [WHY_HEALTHY] = {"healthy", "all that is required and preferred is up"},
    [WHY_HOLD_UP] = {"hold-up", "good, but not for long enough"},
    [WHY_ADMIN] = {"admin", "an operator said so"},
    [WHY_DRAIN] = {"drain", "an operator drains it"},
    [WHY_ADDRESS] = {"address", "the service address is not on the host"},
    [WHY_CONFIG] = {"config", "the configuration changed"},
    [WHY_STOP] = {"stop", "nigh is stopping"},
};

const char *
why_str(enum why why)
{
	assert(why < WHY_COUNT && why_table[why].word != NULL);
	return why_table[why].word;
}

const char *
why_text(enum why why)
{
	assert(why < WHY_COUNT && why_table[why].text != NULL);
	return why_table[why].text;
}
