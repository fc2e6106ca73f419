/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes that ask over HTTP, against a small web server.
 */
#include "probe/probe_kinds.h"
#include "probe/tls_trust.h"
#include "probe_run.h"
#include "web_server.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n"
#define METRICS                                                                                    \
	"# HELP up Whether it is.\n# TYPE up gauge\nup{job=\"a\"} 1\nup{job=\"b\"} 0\nload 0.25\n"

static const struct web_page pages[] = {
    {"/", WEB_KEEP, OK_HEAD "X-Role: primary\r\nX-Many: one\r\nX-Many: two\r\n\r\nhello world\n"},
    {"/404", WEB_KEEP, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"},
    {"/503", WEB_KEEP, "HTTP/1.1 503 Sorry\r\nContent-Length: 3\r\n\r\nno\n"},
    {"/moved", WEB_KEEP, "HTTP/1.1 302 Found\r\nLocation: /503\r\nContent-Length: 0\r\n\r\n"},
    {"/until-close", WEB_CLOSE, "HTTP/1.0 200 OK\r\n\r\nhello"},
    {"/cut", WEB_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"},
    {"/closed", WEB_CLOSE, NULL},
    {"/silent", WEB_SILENT, NULL},
    {"/endless", WEB_SILENT, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"},
    {"/reset", WEB_RESET, NULL},
    {"/ssh", WEB_CLOSE, "SSH-2.0-OpenSSH_9.2\r\n"},
    {"/bad-length", WEB_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\nhello"},
    {"/metrics", WEB_KEEP, "HTTP/1.0 200 OK\r\n\r\n" METRICS},
    {"/metrics-end", WEB_CLOSE, "HTTP/1.0 200 OK\r\n\r\n" METRICS},
    {NULL, 0, NULL},
};

/* Asks a fresh server for a path. */
static void
check_http(const char *path, enum why why, const char *detail, const char *options)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct web_server s = {.pages = pages};
		web_server_start(&s, addresses[i]);
		probe_check(&probe_http, why, detail, "timeout: 300ms, url: \"http://%s%s\"%s%s",
		    s.name, path, options[0] != '\0' ? ", " : "", options);
		web_server_stop(&s);
	}
}

static void
status(void **state)
{
	check_http("/", WHY_OK, "200, 12 bytes", "");
	check_http("/404", WHY_STATUS, "404, expected 200-399", "");
	check_http("/404", WHY_OK, "404, 3 bytes", "expect: {status: [200-299, 404]}");
	check_http(
	    "/503", WHY_STATUS, "503, expected 200-299, 404", "expect: {status: [200-299, 404]}");
	check_http("/", WHY_STATUS, "200, expected 204", "expect: {status: 204}");
	check_http("/moved", WHY_OK, "302, 0 bytes", ""); /* not followed */
	check_http("/moved", WHY_STATUS, "302, expected 200", "expect: {status: 200}");
	check_http("/until-close", WHY_OK, "200, 5 bytes", "");
}

static void
content(void **state)
{
	check_http("/", WHY_OK, "200, 12 bytes", "expect: {body: world}");
	check_http("/", WHY_OK, "200, 12 bytes", "expect: {body: 'regex:^hello w'}");
	check_http("/", WHY_CONTENT, "200, what is expected is not in the body (12 bytes)",
	    "expect: {body: World}");
	check_http("/", WHY_OK, "200, 12 bytes", "expect: {header: 'x-role: regex:^primary$'}");
	check_http(
	    "/", WHY_CONTENT, "200, header X-Role: primary", "expect: {header: 'X-Role: standby'}");
	check_http("/", WHY_CONTENT, "200, no header X-Other", "expect: {header: 'X-Other: a'}");
	check_http("/", WHY_OK, NULL, "expect: {header: ['X-Many: two', 'X-Many: one']}");
}

static void
broken(void **state)
{
	check_http("/cut", WHY_RESET, "the connection ended in the middle of the answer", "");
	check_http("/closed", WHY_RESET, "the server closed the connection without an answer", "");
	check_http("/reset", WHY_RESET, "receive: Connection reset by peer", "");
	check_http("/ssh", WHY_MALFORMED, "the answer is not HTTP", "");
	check_http("/bad-length", WHY_MALFORMED, NULL, "");
	check_http("/silent", WHY_TIMEOUT, "connected, but no answer", "");
	check_http("/endless", WHY_TIMEOUT, "the answer did not end", "");
}

/* A body without an end: read up to the limit and no further. */
static void
long_body(void **state)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";
	const size_t len = 200000;
	char *answer = mem_alloc(sizeof(head) + len);
	struct web_page page[] = {{"/", WEB_CLOSE, answer}, {NULL, 0, NULL}};
	static const struct {
		const char *options;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"expect: {}", WHY_OK, "200, over 66 kB"},
	    {"expect: {body: early}", WHY_OK, "200, over 66 kB"},
	    {"expect: {body: late}", WHY_CONTENT,
		"200, what is expected is not in the first 64 kB of the body (65536 bytes)"},
	};

	memcpy(answer, head, strlen(head));
	memset(answer + strlen(head), 'x', len);
	memcpy(answer + strlen(head) + 65531, "early", 5);
	memcpy(answer + strlen(head) + 65537, "late", 4);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct web_server s = {.pages = page};
		web_server_start(&s, "127.0.0.1");
		probe_check(&probe_http, cases[i].why, cases[i].detail,
		    "timeout: 2s, url: \"http://%s/\", %s", s.name, cases[i].options);
		web_server_stop(&s);
	}
	free(answer);
}

static void
refused(void **state)
{
	struct web_server s = {.pages = pages};

	web_server_start(&s, "127.0.0.1");
	web_server_stop(&s);
	probe_check(&probe_http, WHY_REFUSED, "connect: Connection refused",
	    "timeout: 300ms, server: \"%s\"", s.name);
	probe_check(&probe_http, WHY_LOCAL, NULL,
	    "timeout: 300ms, server: \"%s\", source: 192.0.2.1", s.name);
	probe_check(&probe_tls, WHY_REFUSED, "connect: Connection refused",
	    "timeout: 300ms, server: \"%s\"", s.name);
}

/* What goes out: the host's name in the header, the connection to the address. */
static void
request(void **state)
{
	struct web_server s = {.pages = pages};
	struct probe_run run = {.kind = &probe_http};
	char host[64];

	web_server_start(&s, "127.0.0.1");
	probe_run(
	    &run, "timeout: 300ms, url: \"http://www.example.net/?#top\", server: \"%s\"", s.name);
	web_server_stop(&s);
	assert_non_null(strstr(s.request, "GET /? HTTP/1.1\r\n"));
	assert_non_null(strstr(s.request, "\r\nHost: www.example.net\r\n"));
	assert_non_null(strstr(s.request, "\r\nUser-Agent: nigh/" NIGH_VERSION "\r\n"));
	assert_non_null(strstr(run.description, "http://www.example.net/?#top at 127.0.0.1:"));

	s = (struct web_server){.pages = pages};
	web_server_start(&s, "::1");
	run = (struct probe_run){.kind = &probe_http};
	probe_run(&run,
	    "timeout: 300ms, server: \"%s\", method: HEAD, host: www.example.net, path: "
	    "/404",
	    s.name);
	web_server_stop(&s);
	snprintf(host, sizeof(host), "\r\nHost: www.example.net:%u\r\n", s.port);
	assert_non_null(strstr(s.request, "HEAD /404 HTTP/1.1\r\n"));
	assert_non_null(strstr(s.request, host));
	assert_string_equal(run.sample.detail, "404, expected 200-399");
}

/* The environment of the process has no say. */
static void
environment(void **state)
{
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	check_http("/", WHY_OK, "200, 12 bytes", "");
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

/* A connection for each attempt, or one for all. */
static void
connections(void **state)
{
	static const struct {
		const char *reuse;
		unsigned count;
	} cases[] = {{"false", 3}, {"true", 1}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct web_server s = {.pages = pages};
		struct probe_run run = {.kind = &probe_http, .attempts = 3};
		web_server_start(&s, "127.0.0.1");
		probe_run(
		    &run, "timeout: 300ms, url: \"http://%s/\", reuse: %s", s.name, cases[i].reuse);
		web_server_stop(&s);
		assert_string_equal(run.sample.detail, "200, 12 bytes");
		assert_int_equal(s.connections, cases[i].count);
	}
}

/* -- TLS -- */

/* `options` with DIR for the folder with the CA. */
static void
check_tls(const struct probe_kind *kind, const char *address, int days, enum why why,
    const char *detail, const char *options)
{
	struct web_server s = {.pages = pages};
	const char *dir = strstr(options, "DIR");
	int before = dir != NULL ? (int)(dir - options) : 0;

	web_server_certify(&s, days);
	web_server_start(&s, address);
	probe_check(kind, why, detail, "timeout: 1s, server: \"%s\", %.*s%s%s", s.name, before,
	    options, dir != NULL ? s.dir : "", dir != NULL ? dir + 3 : options);
	web_server_stop(&s);
}

static void
https_certificate(void **state)
{
	const struct probe_kind *k = &probe_https;

	check_tls(k, "127.0.0.1", 41, WHY_OK, "200, 12 bytes, certificate 41 days",
	    "url: \"https://www.example.net/\", ca: DIR/ca.pem");
	check_tls(k, "::1", 41, WHY_OK, "200, 12 bytes, certificate 41 days",
	    "ca: DIR/ca.pem, certificate-days: 41");
	check_tls(k, "127.0.0.1", 1, WHY_OK, "200, 12 bytes, certificate 1 day", "ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_TLS, "certificate 41 days, expected at least 42",
	    "ca: DIR/ca.pem, certificate-days: 42");
	check_tls(k, "127.0.0.1", -3, WHY_TLS, "certificate has expired",
	    "host: www.example.net, ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", -3, WHY_OK, "200, 12 bytes, certificate expired 3 days ago",
	    "verify: false");
	check_tls(k, "127.0.0.1", 41, WHY_TLS, "unable to get local issuer certificate",
	    "host: www.example.net");
	check_tls(k, "127.0.0.1", 41, WHY_TLS,
	    "no alternative certificate subject name matches target host name 'other.example'",
	    "host: other.example, ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_LOCAL,
	    "cannot use the CA file: No such file or directory", "ca: DIR/none.pem");
	check_tls(k, "127.0.0.1", 41, WHY_LOCAL, "cannot use the CA file: no certificate in it",
	    "ca: /etc/passwd");
	check_tls(k, "127.0.0.1", 41, WHY_CONTENT, "200 by HTTP/1.1, expected HTTP/2",
	    "version: 2, ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_OK, NULL, "version: any, ca: DIR/ca.pem");
}

static void
tls_handshake(void **state)
{
	const struct probe_kind *k = &probe_tls;

	check_tls(k, "127.0.0.1", 41, WHY_OK, "TLSv1.3, certificate 41 days",
	    "name: www.example.net, ca: DIR/ca.pem");
	check_tls(k, "::1", 41, WHY_OK, "TLSv1.3, certificate 41 days", "ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_TLS, "certificate 41 days, expected at least 50",
	    "ca: DIR/ca.pem, certificate-days: 50");
	check_tls(k, "127.0.0.1", -1, WHY_TLS, "certificate has expired", "ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_TLS, "unable to get local issuer certificate",
	    "name: www.example.net");
	check_tls(k, "127.0.0.1", 41, WHY_TLS, "hostname mismatch",
	    "name: other.example, ca: DIR/ca.pem");
	check_tls(k, "127.0.0.1", 41, WHY_OK, NULL, "name: other.example, verify: false");
	check_tls(k, "127.0.0.1", 41, WHY_CONTENT, "TLSv1.3, the server picked no protocol (ALPN)",
	    "ca: DIR/ca.pem, alpn: [h2, http/1.1]");
	check_tls(k, "127.0.0.1", 41, WHY_LOCAL, NULL, "ca: /etc/passwd");
}

static int
pick_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	static const unsigned char mine[] = "\2h2";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_len, mine, 3, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void
tls_alpn(void **state)
{
	static const struct {
		const char *alpn;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"[dot, h2]", WHY_OK, "TLSv1.3, h2, certificate 41 days"},
	    {"dot", WHY_TLS, "tlsv1 alert no application protocol"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct web_server s = {.pages = pages};
		web_server_certify(&s, 41);
		SSL_CTX_set_alpn_select_cb(s.tls, pick_h2, NULL);
		web_server_start(&s, "127.0.0.1");
		probe_check(&probe_tls, cases[i].why, cases[i].detail,
		    "timeout: 1s, server: \"%s\", name: www.example.net, ca: %s/ca.pem, alpn: %s",
		    s.name, s.dir, cases[i].alpn);
		assert_string_equal(
		    cases[i].why == WHY_OK ? s.server_name : "www.example.net", "www.example.net");
		web_server_stop(&s);
	}
}

/* No TLS at the other end, or nobody who speaks. */
static void
tls_broken(void **state)
{
	static const struct probe_kind *const kinds[] = {&probe_https, &probe_tls};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct web_server s = {.mute = true};
		web_server_start(&s, "127.0.0.1");
		probe_check(kinds[i], WHY_TIMEOUT, "connected, but the TLS handshake did not end",
		    "timeout: 200ms, server: \"%s\"", s.name);
		web_server_stop(&s);

		s = (struct web_server){.pages = pages};
		web_server_start(&s, "127.0.0.1");
		probe_check(kinds[i], WHY_TIMEOUT, "connected, but the TLS handshake did not end",
		    "timeout: 200ms, server: \"%s\"", s.name);
		web_server_stop(&s);
	}
}

/* A CA file is read once, again when it has changed, and again when it is back. */
static void
ca_changes(void **state)
{
	struct web_server first = {.pages = pages}, second = {.pages = pages};
	struct probe_shared_list shared = LIST_HEAD_INITIALIZER(shared);
	struct probe_env env = {.shared = &shared};
	struct tls_trust *t, *other;
	char from[64], to[64];
	SSL_CTX *before, *after;

	web_server_certify(&first, 41);
	web_server_certify(&second, 41);
	snprintf(from, sizeof(from), "%s/ca.pem", second.dir);
	snprintf(to, sizeof(to), "%s/ca.pem", first.dir);
	t = tls_trust_get(&env, &(struct tls_conf){.verify = true, .ca = to});
	other = tls_trust_get(&env, &(struct tls_conf){.verify = true, .ca = to});
	assert_ptr_equal(t, other);
	tls_trust_put(other);
	before = tls_trust_context(t);
	assert_non_null(before);
	SSL_CTX_up_ref(before); /* so that its address is not used again */
	assert_ptr_equal(tls_trust_context(t), before);
	assert_int_equal(rename(from, to), 0);
	after = tls_trust_context(t);
	assert_non_null(after);
	assert_ptr_not_equal(after, before);
	assert_int_equal(unlink(to), 0);
	assert_null(tls_trust_context(t));
	assert_non_null(strstr(tls_trust_error(t), "No such file"));
	SSL_CTX_free(before);
	tls_trust_put(t);
	probe_shared_free_all(&env);
	SSL_CTX_free(first.tls);
	SSL_CTX_free(second.tls);
	rmdir(first.dir);
	rmdir(second.dir);
}

/* -- metrics -- */

static void
metric(void **state)
{
	static const struct {
		const char *path, *options;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"/metrics-end", "metric: load, expect: {below: 0.5}", WHY_OK, "load 0.25"},
	    {"/metrics-end", "metric: load, expect: {above: 0.5}", WHY_CONTENT,
		"load 0.25, expected above 0.5"},
	    {"/metrics-end", "metric: 'up{job=\"a\"}', expect: {equal: 1}", WHY_OK, "up 1"},
	    {"/metrics-end", "metric: up, expect: {equal: 1}", WHY_CONTENT,
		"up 0, expected equal to 1"},
	    {"/metrics-end", "metric: down", WHY_CONTENT, "there is no down"},
	    {"/metrics", "metric: load", WHY_TIMEOUT, "the answer did not end"},
	    {"/503", "metric: load", WHY_STATUS, "503, expected 200-299"},
	    {"/closed", "metric: load", WHY_RESET,
		"the server closed the connection without an answer"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct web_server s = {.pages = pages};
		web_server_start(&s, i % 2 == 0 ? "127.0.0.1" : "::1");
		probe_check(&probe_metric, cases[i].why, cases[i].detail,
		    "timeout: 300ms, url: \"http://%s%s\", %s", s.name, cases[i].path,
		    cases[i].options);
		web_server_stop(&s);
	}
	check_tls(&probe_metric, "127.0.0.1", 41, WHY_OK, "load 0.25",
	    "url: \"https://www.example.net/metrics-end\", ca: DIR/ca.pem, metric: load");
}

static void
options_are_checked(void **state)
{
	static const struct {
		const struct probe_kind *kind;
		const char *options, *message;
	} cases[] = {
	    {&probe_http, "url: http://www.example.net/", "add 'server: ADDRESS'"},
	    {&probe_http, "url: https://192.0.2.1/", "is for a probe of type https"},
	    {&probe_https, "url: http://192.0.2.1/", "is for a probe of type http"},
	    {&probe_http, "url: ftp://192.0.2.1/", "must begin with http:// or https://"},
	    {&probe_http, "url: 'http://192.0.2.1/a b'", "is no URL"},
	    {&probe_http, "url: http://me:secret@192.0.2.1/", "is no URL"},
	    {&probe_http, "url: http://192.0.2.1/, path: /x", "remove 'path' and 'host'"},
	    {&probe_http, "path: /x", "a 'server' or a 'url' is needed"},
	    {&probe_http, "server: 192.0.2.1, path: x", "must begin with a '/'"},
	    {&probe_http, "server: 192.0.2.1, host: 'a/b'", "must be a host name"},
	    {&probe_http, "server: 192.0.2.1, source: 2001:db8::1", "IPv4 address is needed"},
	    {&probe_http, "url: 'http://[2001:db8::1]/', source: 192.0.2.1",
		"IPv6 address is needed"},
	    {&probe_http, "server: 192.0.2.1, method: HEAD, expect: {body: x}", "no body comes"},
	    {&probe_http, "server: 192.0.2.1, expect: {status: 99}", "a status or a range"},
	    {&probe_http, "server: 192.0.2.1, expect: {status: 299-200}", "a status or a range"},
	    {&probe_http, "server: 192.0.2.1, expect: {header: Server}", "Name: pattern"},
	    {&probe_http, "server: 192.0.2.1, expect: {header: 'A: regex:('}",
		"no regular expression"},
	    {&probe_http, "server: 192.0.2.1, verify: false", "verify"},
	    {&probe_https, "server: 192.0.2.1, verify: false, ca: /x", "of no use"},
	    {&probe_https, "server: 192.0.2.1, ca: x.pem", "absolute path"},
	    {&probe_tls, "server: 192.0.2.1", "port"},
	    {&probe_tls, "server: \"192.0.2.1:853\", alpn: ['']", "alpn"},
	    {&probe_metric, "metric: up", "url"},
	    {&probe_metric, "url: http://192.0.2.1/metrics, metric: 'up{'", "'up{job="},
	    {&probe_metric, "url: http://192.0.2.1/metrics, metric: up, expect: {above: x}",
		"number"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		probe_refused(cases[i].kind, cases[i].message, cases[i].options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(status),
	    cmocka_unit_test(content),
	    cmocka_unit_test(broken),
	    cmocka_unit_test(long_body),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(request),
	    cmocka_unit_test(environment),
	    cmocka_unit_test(connections),
	    cmocka_unit_test(https_certificate),
	    cmocka_unit_test(tls_handshake),
	    cmocka_unit_test(tls_alpn),
	    cmocka_unit_test(tls_broken),
	    cmocka_unit_test(ca_changes),
	    cmocka_unit_test(metric),
	    cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
