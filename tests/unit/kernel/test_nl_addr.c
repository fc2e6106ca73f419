/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and addresses on a real kernel, in a network namespace of the test's own. ip(8) plays the
 * administrator and is the witness of what is on the host.
 */
#include "base/mem.h"
#include "base/str.h"
#include "kernel/nl_addr.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE (10 * DUR_S)
#define SKIPPED  77

/* One life of the tables, and what they reported last. */
struct life {
	struct loop *loop;
	struct nl nl;
	struct nl_links links;
	struct nl_addrs addrs;
	struct nl_addrs_user user;
	struct helper_policy *policy;
	struct seen {
		char what[PREFIX_TEXT]; /* a prefix or a link */
		bool on;
		int error;
		unsigned reports;
	} seen[32];
};

static void
on_changed(struct nl_addrs_user *u)
{
	(void)u;
}

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void
ip(const char *fmt, ...)
{
	char command[256] = "ip ";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + 3, sizeof(command) - 3, fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("'%s' failed", command);
}

/* Does ip(8) show a line of addresses with all of these words? */
static bool
shown(const char *ifname, const char *address, const char *words)
{
	char command[128], line[512];
	bool found = false;
	FILE *out;

	snprintf(command, sizeof(command), "ip -o addr show dev %s", ifname);
	out = popen(command, "r");
	assert_non_null(out);
	while (fgets(line, sizeof(line), out) != NULL)
		if (strstr(line, address) != NULL && strstr(line, words) != NULL)
			found = true;
	assert_int_equal(pclose(out), 0);
	return found;
}

static struct life *
life_new(void)
{
	struct life *l = mem_alloc(sizeof(*l));

	l->loop = loop_new();
	l->user.changed = on_changed;
	assert_int_equal(nl_init(&l->nl, l->loop), 0);
	assert_int_equal(nl_links_init(&l->links, &l->nl), 0);
	assert_int_equal(nl_addrs_init(&l->addrs, &l->nl, &l->links, &l->user), 0);
	return l;
}

static void
life_free(struct life *l)
{
	nl_addrs_done(&l->addrs);
	nl_links_done(&l->links);
	nl_done(&l->nl);
	helper_policy_free(l->policy);
	loop_free(l->loop);
	free(l);
}

static struct seen *
seen_get(struct life *l, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(l->seen); i++) {
		if (l->seen[i].what[0] == 0)
			str_copy(l->seen[i].what, sizeof(l->seen[i].what), what);
		if (str_equal(l->seen[i].what, what))
			return &l->seen[i];
	}
	fail_msg("too many reports");
	return NULL;
}

static void
seen_set(struct life *l, const char *what, bool on, int error)
{
	struct seen *s = seen_get(l, what);

	s->on = on;
	s->error = error;
	s->reports++;
}

/* Takes the reports that wait. */
static void
collect(struct life *l)
{
	char name[KERNEL_IFNAME], text[PREFIX_TEXT];
	struct nl_addr_report report;
	bool up;

	while (nl_links_report(&l->links, name, &up)) {
		seen_set(l, name, up, 0);
		nl_links_reported(&l->links);
	}
	while (nl_addrs_report(&l->addrs, &report)) {
		prefix_format(&report.prefix, text, sizeof(text));
		seen_set(l, text, report.present, report.error);
		nl_addrs_reported(&l->addrs);
	}
}

/* Until `what` has been reported so. */
static void
await(struct life *l, const char *what, bool on)
{
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	for (;;) {
		collect(l);
		if (seen_get(l, what)->reports > 0 && seen_get(l, what)->on == on)
			return;
		if (!mono_before(mono_clock(), limit))
			fail_msg("%s did not become %s", what, on ? "present" : "absent");
		loop_turn(l->loop, 50 * DUR_MS);
	}
}

static void
await_no_link(struct life *l, const char *name)
{
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	while (nl_links_find(&l->links, name) != NULL) {
		assert_true(mono_before(mono_clock(), limit));
		loop_turn(l->loop, 50 * DUR_MS);
	}
}

/* "PREFIX IFNAME PREFIX IFNAME...", put in force. */
static void
set_policy(struct life *l, const char *const *words)
{
	struct helper_policy *p = helper_policy_new();

	for (; *words != NULL; words += 2) {
		struct prefix prefix = pfx(words[0]);

		helper_policy_add_address(p, &prefix, words[1]);
	}
	helper_policy_seal(p);
	nl_addrs_set_policy(&l->addrs, p);
	helper_policy_free(l->policy);
	l->policy = p;
	collect(l);
}
#define SET_POLICY(l, ...) set_policy(l, (const char *const[]){__VA_ARGS__, NULL})

static void
add(struct life *l, const char *text, const char *ifname)
{
	struct prefix p = pfx(text);

	nl_addrs_add(&l->addrs, &p, ifname);
	collect(l);
}

static void
del(struct life *l, const char *text)
{
	struct prefix p = pfx(text);

	nl_addrs_del(&l->addrs, &p);
	collect(l);
}

static bool
ours(struct life *l, const char *text)
{
	struct prefix p = pfx(text);

	return nl_addrs_is_ours(&l->addrs, &p);
}

#define V4 "192.0.2.53/32"
#define V6 "2001:db8::53/128"

static int
setup(void **state)
{
	ip("link set lo up");
	ip("link add veth0 type veth peer name veth1");
	ip("link set veth0 up");
	ip("link set veth1 up");
	*state = life_new();
	return 0;
}

static int
teardown(void **state)
{
	life_free(*state);
	ip("addr flush dev lo");
	ip("link set lo up");
	return system("ip link del veth0 2>/dev/null || ip link del veth1 2>/dev/null; exit 0");
}

static void
test_add_and_delete(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V4, "lo", V6, "lo");
	assert_int_equal(seen_get(l, V4)->reports, 1);
	assert_false(seen_get(l, V4)->on);
	assert_int_equal(seen_get(l, V6)->reports, 1);
	add(l, V4, "lo");
	add(l, V6, "lo");
	assert_true(seen_get(l, V4)->on);
	assert_true(seen_get(l, V6)->on);
	assert_true(shown("lo", V4, "scope host"));
	assert_true(shown("lo", V6, "nodad"));
	assert_true(shown("lo", V6, "deprecated"));
	assert_true(shown("lo", V6, "valid_lft forever preferred_lft 0sec"));
	assert_true(ours(l, V4));

	add(l, V4, "lo"); /* idempotent, and answered */
	assert_int_equal(seen_get(l, V4)->error, 0);
	assert_true(seen_get(l, V4)->on);

	del(l, V4);
	del(l, V6);
	assert_false(seen_get(l, V4)->on);
	assert_false(seen_get(l, V6)->on);
	assert_false(shown("lo", V4, ""));
	assert_false(shown("lo", V6, ""));
	del(l, V4);
	assert_int_equal(seen_get(l, V4)->error, 0);
}

static void
test_adopted_stays(void **state)
{
	struct life *l = *state;

	ip("addr add " V4 " dev lo");
	ip("addr add " V6 " dev lo");
	SET_POLICY(l, V4, "lo", V6, "lo");
	assert_true(seen_get(l, V4)->on);
	add(l, V4, "lo");
	add(l, V6, "lo");
	assert_true(seen_get(l, V4)->on);
	assert_false(ours(l, V4));
	assert_false(ours(l, V6));
	del(l, V4);
	del(l, V6);
	assert_true(shown("lo", V4, ""));
	assert_true(shown("lo", V6, ""));
	assert_true(seen_get(l, V4)->on);
	assert_int_equal(seen_get(l, V4)->error, 0);
}

/* Adopted with another length of prefix, as loopback aliases often are. */
static void
test_adopted_in_a_subnet(void **state)
{
	struct life *l = *state;

	ip("addr add 192.0.2.53/24 dev lo");
	SET_POLICY(l, V4, "lo");
	assert_true(seen_get(l, V4)->on);
	add(l, V4, "lo");
	assert_false(shown("lo", V4, ""));
	ip("addr del 192.0.2.53/24 dev lo");
	await(l, V4, false);
	add(l, V4, "lo");
	assert_true(shown("lo", V4, ""));
	assert_true(ours(l, V4));
}

static void
test_foreign_changes_are_seen(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V4, "lo", V6, "lo");
	add(l, V4, "lo");
	add(l, V6, "lo");
	ip("addr del " V4 " dev lo");
	await(l, V4, false);
	assert_false(ours(l, V4));
	ip("addr del " V6 " dev lo");
	await(l, V6, false);
	ip("addr add " V4 " dev lo"); /* not ours now */
	await(l, V4, true);
	assert_false(ours(l, V4));
	ip("addr add 198.51.100.1/32 dev lo"); /* nobody's business */
	ip("addr del " V4 " dev lo");
	await(l, V4, false);
	assert_int_equal(seen_get(l, "198.51.100.1/32")->reports, 0);
}

static void
test_earlier_life(void **state)
{
	struct life *l = *state, *next;

	SET_POLICY(l, V4, "lo", V6, "lo", "192.0.2.54/32", "lo", "192.0.2.55/32", "veth0");
	add(l, V4, "lo");
	add(l, V6, "lo");
	add(l, "192.0.2.54/32", "lo");
	add(l, "192.0.2.55/32", "veth0");
	ip("addr add 198.51.100.1/32 dev lo");
	life_free(l);

	next = life_new();
	SET_POLICY(next, V4, "lo", V6, "lo", "192.0.2.55/32", "lo");
	*state = next;
	assert_true(seen_get(next, V4)->on);
	assert_true(seen_get(next, V6)->on);
	assert_true(ours(next, V4));
	assert_false(shown("lo", "192.0.2.54", ""));    /* not named any more */
	assert_false(shown("veth0", "192.0.2.55", "")); /* not there any more */
	assert_true(shown("lo", "198.51.100.1", ""));
	assert_false(seen_get(next, "192.0.2.55/32")->on);
	del(next, V4);
	del(next, V6);
	assert_false(shown("lo", V4, ""));
	assert_false(shown("lo", V6, ""));
	/* Only the first policy of a life clears up: a reload leaves removal to the engine. */
	add(next, "192.0.2.55/32", "lo");
	SET_POLICY(next, V4, "lo");
	assert_true(shown("lo", "192.0.2.55", ""));
	del(next, "192.0.2.55/32");
	assert_false(shown("lo", "192.0.2.55", ""));
	assert_false(seen_get(next, "192.0.2.55/32")->on);
}

static void
test_another_interface(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V4, "lo", V6, "lo");
	add(l, V4, "lo");
	add(l, V6, "lo");
	SET_POLICY(l, V4, "veth0", V6, "veth0");
	assert_false(seen_get(l, V4)->on);
	assert_true(shown("lo", V4, ""));
	add(l, V4, "veth0");
	add(l, V6, "veth0");
	assert_true(seen_get(l, V4)->on);
	assert_true(seen_get(l, V6)->on);
	assert_false(shown("lo", V4, ""));
	assert_false(shown("lo", V6, ""));
	assert_true(shown("veth0", V4, ""));
	assert_true(shown("veth0", V6, "nodad"));
	assert_false(shown("veth0", V6, "tentative"));
	del(l, V4);
	del(l, V6);
	assert_false(shown("veth0", V4, ""));
	assert_false(shown("veth0", V6, ""));
}

static void
test_no_such_interface(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V4, "late0");
	add(l, V4, "late0");
	assert_false(seen_get(l, V4)->on);
	assert_int_equal(seen_get(l, V4)->error, -ENODEV);
	ip("link set veth1 down");
	ip("link set veth1 name late0");
	ip("addr add " V4 " dev late0");
	ip("link set late0 up");
	await(l, V4, true);
	ip("link set late0 down");
	ip("link set late0 name veth1");
	await(l, V4, false);
}

/* An address that came under the interface's old name. */
static void
test_renamed_interface(void **state)
{
	struct life *l = *state;

	ip("addr add " V4 " dev veth1");
	SET_POLICY(l, V4, "new0");
	assert_false(seen_get(l, V4)->on);
	ip("link set veth1 down");
	ip("link set veth1 name new0");
	ip("link set new0 up");
	await(l, V4, true);
	ip("link del new0");
	await(l, V4, false);
	await(l, "new0", false);
}

static void
test_interface_down(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V4, "lo");
	add(l, V4, "lo");
	assert_true(seen_get(l, V4)->on);
	ip("link set lo down");
	await(l, V4, false);
	add(l, V4, "lo");
	assert_false(seen_get(l, V4)->on);
	assert_int_equal(seen_get(l, V4)->error, -ENETDOWN);
	ip("link set lo up");
	await(l, V4, true);
	assert_int_equal(seen_get(l, V4)->error, 0);
}

/* An adopted IPv6 address counts when duplicate address detection is through, not before. */
static void
test_tentative(void **state)
{
	struct life *l = *state;

	SET_POLICY(l, V6, "veth0");
	await(l, "veth0", true);
	ip("addr add " V6 " dev veth0");
	add(l, V6, "veth0");
	if (shown("veth0", V6, "tentative"))
		assert_false(seen_get(l, V6)->on);
	assert_int_equal(seen_get(l, V6)->error, 0);
	await(l, V6, true);
	assert_false(shown("veth0", V6, "tentative"));
	assert_false(ours(l, V6));
}

/* Changes come faster than they are read: what was lost is read anew. */
static void
test_resync(void **state)
{
	struct life *l = *state;
	int size = 1;
	FILE *batch;

	SET_POLICY(l, V4, "lo", V6, "lo");
	add(l, V4, "lo");
	add(l, V6, "lo");
	assert_int_equal(setsockopt(l->nl.watch.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	for (unsigned i = 0; i < 200; i++)
		fprintf(batch, "addr add 198.51.100.%u/32 dev lo\n", i);
	fprintf(batch, "addr del " V4 " dev lo\nlink set veth1 down\n");
	assert_int_equal(pclose(batch), 0);
	await(l, V4, false);
	await(l, "veth0", false);
	assert_true(l->nl.resyncs > 0);
	assert_true(seen_get(l, V6)->on);
	assert_true(seen_get(l, V6)->reports > 2); /* said again, though nothing changed */
}

static void
test_links(void **state)
{
	struct life *l = *state;

	await(l, "lo", true);
	await(l, "veth0", true);
	await(l, "veth1", true);
	ip("link set veth1 down"); /* no carrier for the other */
	await(l, "veth1", false);
	await(l, "veth0", false);
	ip("link set veth1 up");
	await(l, "veth0", true);
	ip("link set veth0 down");
	await(l, "veth0", false);
	ip("link del veth0");
	await(l, "veth1", false);
	await_no_link(l, "veth0");
	ip("link add veth0 type veth peer name veth1");
	await(l, "veth0", false);
	ip("link set veth0 up");
	ip("link set veth1 up");
	await(l, "veth0", true);
}

/* The kernel's own words about a refusal are kept. */
static void
test_refusal_text(void **state)
{
	struct life *l = *state;
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	struct nlmsghdr *nlh = nl_request_start(&l->nl, buf, RTM_NEWADDR, NLM_F_CREATE);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET6;
	ifa->ifa_prefixlen = 64;
	mnl_attr_put_u32(nlh, IFA_ADDRESS, 1); /* too short */
	assert_true(nl_request(&l->nl, nlh) < 0);
	assert_string_not_equal(l->nl.error, "");
	assert_int_equal(nl_dump(&l->nl, &l->links.dump), 0); /* the socket is in step */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_add_and_delete, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_adopted_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_adopted_in_a_subnet, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign_changes_are_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_earlier_life, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_another_interface, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_such_interface, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_renamed_interface, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_interface_down, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tentative, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resync, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusal_text, setup, teardown),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "skipped: a network namespace needs root (%s)\n", strerror(errno));
		return SKIPPED;
	}
	if (system("command -v ip >/dev/null") != 0) {
		fprintf(stderr, "skipped: there is no ip(8); install iproute2\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
