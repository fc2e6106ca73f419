/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system bus by sd-bus of libsystemd, on our loop.
 *
 * sd-bus tells which descriptor it waits for, for what, and until when; a watcher and a timer of
 * ours follow that after every call, and each that fires lets it process what there is. Nothing
 * waits: connecting, authenticating and calling are all done in pieces. Work that libsystemd has
 * found for itself (a timeout of 0) is left to a timer of no duration, so that other descriptors
 * have their turn.
 *
 * A question is two calls for one property each, ActiveState and then SubState, at the unit's own
 * object, whose path follows from its name (sd_bus_path_encode(3)); systemd makes the object when
 * it is asked for. systemd reads a unit's file for that at most; nothing is started.
 *
 * A connection that breaks fails every question under way (libsystemd answers them with an error),
 * and the next question connects anew.
 *
 * org.freedesktop.systemd1(5), sd_bus_get_fd(3), sd_bus_process(3).
 */
#include "probe/unit_bus.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SYSTEMD     "org.freedesktop.systemd1"
#define UNIT_PREFIX "/org/freedesktop/systemd1/unit"
#define PROCESS_MAX 64 /* messages in one turn of the loop */

struct unit_bus {
	struct loop *loop;
	sd_bus *bus; /* NULL: not connected */
	struct loop_fd watch;
	struct loop_timer timer;
	bool processing; /* inside sd_bus_process(): the connection must stay */
};

const char *
unit_bus_missing(void)
{
	return NULL;
}

/* -- the connection on the loop -- */

static void
disconnect(struct unit_bus *b)
{
	loop_fd_done(&b->watch);
	loop_timer_cancel(&b->timer);
	b->bus = sd_bus_close_unref(b->bus);
}

/* What libsystemd waits for now. False when the connection is of no use any more. */
static bool
follow(struct unit_bus *b)
{
	int events = sd_bus_get_events(b->bus);
	uint64_t until;

	if (events < 0 || sd_bus_get_timeout(b->bus, &until) < 0)
		return false;
	loop_fd_want(&b->watch, ((events & POLLIN) != 0 ? LOOP_READ : 0u) |
				    ((events & POLLOUT) != 0 ? LOOP_WRITE : 0u));
	if (until > INT64_MAX / DUR_US) /* UINT64_MAX: never */
		loop_timer_cancel(&b->timer);
	else /* CLOCK_MONOTONIC, as our loop has it */
		loop_timer_at(&b->timer, (mono_t){(int64_t)until * DUR_US});
	return true;
}

/* Handles what there is. Answers are given from here. */
static void
process(struct unit_bus *b)
{
	int rc = 1;

	b->processing = true;
	for (int i = 0; i < PROCESS_MAX && rc > 0; i++)
		rc = sd_bus_process(b->bus, NULL);
	b->processing = false;
	if (rc < 0 || !follow(b))
		disconnect(b);
	else if (rc > 0)
		loop_timer_after(&b->timer, 0);
}

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	process(container_of(w, struct unit_bus, watch));
}

static void
on_timer(struct loop_timer *t)
{
	process(container_of(t, struct unit_bus, timer));
}

/* 0 or a negative errno. */
static int
ensure_connected(struct unit_bus *b)
{
	int rc, fd;

	if (b->bus != NULL && !b->processing && sd_bus_is_open(b->bus) <= 0)
		disconnect(b);
	if (b->bus != NULL)
		return 0;
	rc = sd_bus_open_system(&b->bus);
	if (rc < 0)
		return rc;
	fd = sd_bus_get_fd(b->bus);
	if (fd < 0) {
		disconnect(b);
		return fd;
	}
	loop_fd_init(&b->watch, b->loop, fd, on_ready);
	return 0;
}

struct unit_bus *
unit_bus_new(struct loop *l)
{
	struct unit_bus *b = mem_alloc(sizeof(*b));

	b->loop = l;
	loop_timer_init(&b->timer, l, on_timer);
	return b;
}

void
unit_bus_free(struct unit_bus *b)
{
	disconnect(b);
	free(b);
}

/* -- questions -- */

static void
ask_done(struct unit_ask *a, int error, const char *text)
{
	struct unit_answer answer = a->answer;

	unit_bus_cancel(a);
	answer.error = error;
	answer.text = text;
	a->fn(a, &answer);
}

/* 0 or a negative errno. */
static int
ask_property(struct unit_ask *a, const char *property, sd_bus_message_handler_t fn)
{
	a->slot = sd_bus_slot_unref(a->slot);
	return sd_bus_call_method_async(a->bus->bus, &a->slot, SYSTEMD, a->path,
	    "org.freedesktop.DBus.Properties", "Get", fn, a, "ss", SYSTEMD ".Unit", property);
}

/* True when the reply held the property; else the question has been answered. */
static bool
read_property(struct unit_ask *a, sd_bus_message *m, char *state)
{
	const sd_bus_error *error = sd_bus_message_get_error(m);
	char text[UNIT_STATE * 4];
	const char *value;

	if (error != NULL) {
		str_copy(text, sizeof(text), error->message != NULL ? error->message : error->name);
		ask_done(a, -sd_bus_message_get_errno(m), text);
		return false;
	}
	if (sd_bus_message_read(m, "v", "s", &value) < 0) {
		ask_done(a, -EBADMSG, "systemd's answer could not be read");
		return false;
	}
	str_copy(state, UNIT_STATE, value);
	return true;
}

static int
on_sub(sd_bus_message *m, void *user, sd_bus_error *error)
{
	struct unit_ask *a = user;

	if (read_property(a, m, a->answer.sub))
		ask_done(a, 0, "");
	return 1;
}

static int
on_active(sd_bus_message *m, void *user, sd_bus_error *error)
{
	struct unit_ask *a = user;
	int rc;

	if (!read_property(a, m, a->answer.active))
		return 1;
	rc = ask_property(a, "SubState", on_sub);
	if (rc < 0)
		ask_done(a, rc, "the call failed");
	return 1;
}

void
unit_bus_ask(struct unit_bus *b, struct unit_ask *a, const char *unit)
{
	int rc = ensure_connected(b);

	a->bus = b;
	a->answer = (struct unit_answer){0};
	if (rc < 0) {
		ask_done(a, rc, "no connection to the system bus");
		return;
	}
	rc = sd_bus_path_encode(UNIT_PREFIX, unit, &a->path);
	if (rc >= 0)
		rc = ask_property(a, "ActiveState", on_active);
	if (rc >= 0 && follow(b))
		return;
	loop_timer_after(&b->timer, 0); /* process() finds out whether the connection is lost */
	ask_done(a, rc < 0 ? rc : -EIO, "the call failed");
}

void
unit_bus_cancel(struct unit_ask *a)
{
	a->slot = sd_bus_slot_unref(a->slot);
	free(a->path);
	a->path = NULL;
}
