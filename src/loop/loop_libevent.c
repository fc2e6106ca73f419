/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's real back end: libevent's epoll, on the monotonic clock.
 *
 * Timers are the loop's own (loop_timer.c); libevent has a single one, armed for the earliest
 * deadline and touched only when that changes, so the process wakes for descriptors, signals and
 * due timers and for nothing else. The base is exact to the microsecond
 * (EVENT_BASE_FLAG_PRECISE_TIMER). libevent cuts the clock to microseconds and we wait in
 * nanoseconds, so the wait is rounded up and one microsecond longer: waking a moment early would
 * cost a second wake-up.
 *
 * A ready descriptor's callback runs inside of event_base_loop(). A signal's libevent callback only
 * queues it: loop.c delivers it after the descriptors. Other users of the base (the HTTP server)
 * run among the descriptors.
 *
 * The struct event of a watcher belongs to the watcher and is made when it is first needed. One
 * event serves both directions: it is deleted and added anew when the mask changes.
 */
#include "loop/loop_priv.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct real_loop {
	struct loop loop;
	struct event_base *base;
	struct event *wake; /* the earliest deadline */
	mono_t wake_at;     /* what it is armed for; DUR_NEVER: not armed */
};

static const struct loop_ops real_ops;

static struct real_loop *
real_of(struct loop *l)
{
	assert(l->ops == &real_ops);
	return container_of(l, struct real_loop, loop);
}

/* Memory or watches of the kernel ran out: as with memory, the process ends and its routes go. */
static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	log_error("event loop: cannot %s: %s", what, strerror(errno));
	abort();
}

static mono_t
real_clock(const struct loop *l)
{
	(void)l;
	return mono_clock();
}

static int64_t
real_wall_ns(const struct loop *l)
{
	(void)l;
	return wall_clock_ns();
}

static void
wake_fired(evutil_socket_t fd, short what, void *arg)
{
	struct real_loop *r = arg;

	(void)fd;
	(void)what;
	r->wake_at.ns = DUR_NEVER;
}

static void
wake_set(struct real_loop *r, mono_t until, dur_t wait)
{
	if (until.ns == r->wake_at.ns)
		return;
	r->wake_at = until;
	if (until.ns == DUR_NEVER) {
		event_del(r->wake);
		return;
	}

	int64_t us = wait / DUR_US + 2;
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
	must(event_add(r->wake, &tv) == 0, "arm the timer");
}

static void
real_wait(struct loop *l, mono_t until)
{
	struct real_loop *r = real_of(l);
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
	dur_t wait = until.ns == DUR_NEVER ? DUR_NEVER : mono_sub(until, mono_clock());

	if (wait <= 0)
		flags |= EVLOOP_NONBLOCK;
	else
		wake_set(r, until, wait);
	must(event_base_loop(r->base, flags) >= 0, "wait for events");
}

static bool
real_dead(const struct loop *l)
{
	(void)l;
	return false;
}

static void
real_free(struct loop *l)
{
	struct real_loop *r = real_of(l);

	event_free(r->wake);
	event_base_free(r->base);
	loop_base_done(l);
	free(r);
}

static const struct loop_ops real_ops = {
    .clock = real_clock,
    .wall_ns = real_wall_ns,
    .wait = real_wait,
    .dead = real_dead,
    .free = real_free,
};

/* libevent's own words, into our log. */
static void
libevent_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_warn("libevent: %s", text);
	else
		log_debug("libevent: %s", text);
}

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();

	must(config != NULL, "configure libevent");
	must(event_config_avoid_method(config, "poll") == 0 &&
		 event_config_avoid_method(config, "select") == 0 &&
		 event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER |
						   EVENT_BASE_FLAG_NOLOCK |
						   EVENT_BASE_FLAG_IGNORE_ENV) == 0,
	    "configure libevent");
	struct event_base *base = event_base_new_with_config(config);
	must(base != NULL, "open epoll");
	event_config_free(config);
	return base;
}

struct loop *
loop_new(void)
{
	struct real_loop *r = mem_alloc(sizeof(*r));

	event_set_log_callback(libevent_log);
	loop_base_init(&r->loop, &real_ops);
	r->base = base_new();
	r->wake = evtimer_new(r->base, wake_fired, r);
	must(r->wake != NULL, "make the timer");
	r->wake_at.ns = DUR_NEVER;
	return &r->loop;
}

struct event_base *
loop_event_base(struct loop *l)
{
	return l->ops == &real_ops ? real_of(l)->base : NULL;
}

static void
fd_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *w = arg;
	unsigned ready = 0;

	(void)fd;
	if (what & EV_READ)
		ready |= LOOP_READ;
	if (what & EV_WRITE)
		ready |= LOOP_WRITE;
	w->loop->ran++;
	w->fn(w, ready);
}

void
loop_fd_init(struct loop_fd *w, struct loop *l, int fd, loop_fd_fn *fn)
{
	assert(l->ops == &real_ops && fd >= 0);
	*w = (struct loop_fd){.loop = l, .fn = fn, .fd = fd};
}

void
loop_fd_want(struct loop_fd *w, unsigned mask)
{
	assert(w->loop != NULL && (mask & ~(unsigned)(LOOP_READ | LOOP_WRITE)) == 0);
	if (mask == w->want)
		return;

	struct real_loop *r = real_of(w->loop);
	short what = EV_PERSIST;
	if (mask & LOOP_READ)
		what |= EV_READ;
	if (mask & LOOP_WRITE)
		what |= EV_WRITE;
	if (w->event == NULL) {
		w->event = event_new(r->base, w->fd, what, fd_ready, w);
		must(w->event != NULL, "watch a descriptor");
	} else {
		if (w->want != 0)
			event_del(w->event);
		must(event_assign(w->event, r->base, w->fd, what, fd_ready, w) == 0,
		    "watch a descriptor");
	}
	w->want = mask;
	if (mask != 0)
		must(event_add(w->event, NULL) == 0, "watch a descriptor");
}

void
loop_fd_done(struct loop_fd *w)
{
	if (w->event != NULL)
		event_free(w->event);
	w->event = NULL;
	w->want = 0;
}

static void
signal_caught(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)signo;
	(void)what;
	if (s->pending)
		return;
	s->pending = true;
	TAILQ_INSERT_TAIL(&s->loop->signals, s, link);
}

void
loop_signal_start(struct loop_signal *s, struct loop *l, int signo, loop_signal_fn *fn)
{
	struct real_loop *r = real_of(l);

	*s = (struct loop_signal){.loop = l, .fn = fn, .signo = signo};
	s->event = evsignal_new(r->base, signo, signal_caught, s);
	must(s->event != NULL && event_add(s->event, NULL) == 0, "catch a signal");
}

void
loop_signal_stop(struct loop_signal *s)
{
	if (s->pending)
		TAILQ_REMOVE(&s->loop->signals, s, link);
	s->pending = false;
	if (s->event != NULL)
		event_free(s->event);
	s->event = NULL;
}
