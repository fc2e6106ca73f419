/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metric probe: fetches a page of metrics as Prometheus does, and compares one of them with
 * bounds. Whatever a service counts can so decide about its routes: queue length, replication lag,
 * temperature.
 *
 * The transfer is the pool's (http_pool.c). The page is read as it comes (metric_msg.c) and never
 * kept: at most PAGE_MAX bytes of it.
 */
#include "probe/http_expect.h"
#include "probe/http_pool.h"
#include "probe/metric_msg.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"

#include <stdlib.h>

#define PAGE_MAX (8u << 20)

struct metric_conf {
	struct http_target_conf target;
	struct tls_conf tls;
	struct probe_net_conf net;
	bool reuse;
	struct metric_selector metric;
	const struct metric_expect *expect;
};

struct metric_probe {
	struct probe probe;
	struct http_group *group;
	struct tls_trust *trust; /* NULL: nothing is verified */
	int connection;          /* enum http_connection */
	struct http_target target;
	struct http_transfer transfer;
	struct metric_scan scan;
};

static const struct conf_row expect_rows[] = {
    {.key = "above",
	.type = CONF_CUSTOM,
	.custom = &metric_bound_custom,
	.offset = offsetof(struct metric_expect, above),
	.doc = "The value must be greater."},
    {.key = "below",
	.type = CONF_CUSTOM,
	.custom = &metric_bound_custom,
	.offset = offsetof(struct metric_expect, below),
	.doc = "The value must be smaller."},
    {.key = "equal",
	.type = CONF_CUSTOM,
	.custom = &metric_bound_custom,
	.offset = offsetof(struct metric_expect, equal),
	.doc = "The value must be the same."},
    {.type = CONF_END},
};

static const struct conf_schema expect_schema = {
    .name = "expect",
    .size = sizeof(struct metric_expect),
    .rows = expect_rows,
    .doc = "What the value must be; several bounds hold together. Without this section: the metric "
	   "must be there.",
};

static const struct conf_row rows[] = {
    HTTP_URL_ROWS(struct metric_conf, target, 80, CONF_REQUIRED, "http://192.0.2.80:9100/metrics"),
    {.key = "metric",
	.type = CONF_CUSTOM,
	.custom = &metric_selector_custom,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct metric_conf, metric),
	.doc = "Which samples to look at: the name, and labels that they must have among others. "
	       "Every one of them must be as expected."},
    {.key = "reuse",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct metric_conf, reuse),
	.doc = "Keep the connection for the next attempt."},
    TLS_ROWS(struct metric_conf, tls),
    PROBE_NET_ROWS(struct metric_conf, net),
    {.key = "expect",
	.type = CONF_STRUCT,
	.sub = &expect_schema,
	.offset = offsetof(struct metric_conf, expect),
	.doc = "What the value must be."},
    {.type = CONF_END},
};

static void
metric_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	struct metric_conf *c = obj;

	http_target_check(ctx, node, &c->target, HTTP_EITHER);
	probe_net_check(ctx, node, &c->net, &c->target.server.addr);
	tls_conf_check(ctx, node, &c->tls);
}

static const struct conf_schema schema = {
    .name = "metric",
    .size = sizeof(struct metric_conf),
    .rows = rows,
    .check = metric_check,
    .doc = "Fetches metrics as Prometheus does and compares one with bounds.",
};

static bool
on_body(struct http_transfer *t, const uint8_t *data, size_t len)
{
	struct metric_probe *m = container_of(t, struct metric_probe, transfer);

	metric_scan_feed(&m->scan, data, len);
	return true;
}

static void
on_done(struct http_transfer *t, const struct http_reply *reply)
{
	struct metric_probe *m = container_of(t, struct metric_probe, transfer);
	const struct metric_conf *c = m->probe.conf;
	struct probe_sample sample = {0};

	if (http_reply_fails(&m->probe, reply, &c->tls))
		return;
	if (reply->status < 200 || reply->status > 299) {
		probe_fail(&m->probe, WHY_STATUS, "%u, expected 200-299", reply->status);
		return;
	}
	metric_scan_end(&m->scan, &sample);
	probe_done(&m->probe, &sample);
}

static struct probe *
metric_new(const struct probe_env *env, const void *kind_conf)
{
	const struct metric_conf *c = kind_conf;
	struct metric_probe *m = mem_alloc(sizeof(*m));

	m->connection = c->reuse ? HTTP_REUSE : HTTP_FRESH;
	m->group = http_group_join(env, m->connection);
	http_target_init(&m->target, &c->target, HTTP_EITHER, http_group_serial(m->group));
	if (m->target.scheme == HTTP_TLS && c->tls.verify)
		m->trust = tls_trust_get(env, &c->tls);
	m->transfer.body = on_body;
	m->transfer.done = on_done;
	return &m->probe;
}

static void
metric_start(struct probe *p)
{
	struct metric_probe *m = container_of(p, struct metric_probe, probe);
	const struct metric_conf *c = p->conf;
	struct http_request request = {
	    .target = &m->target,
	    .net = probe_net_opts(&c->net),
	    .method = HTTP_GET,
	    .version = HTTP_VERSION_1_1,
	    .connection = m->connection,
	    .body_max = PAGE_MAX,
	};

	if (m->trust != NULL) {
		request.trust = tls_trust_context(m->trust);
		if (request.trust == NULL) {
			probe_fail(p, WHY_LOCAL, "%s", tls_trust_error(m->trust));
			return;
		}
	}
	http_transfer_start(m->group, &m->transfer, &request);
	metric_scan_init(&m->scan, &c->metric, c->expect, http_transfer_buffer(&m->transfer));
}

static void
metric_cancel(struct probe *p)
{
	http_transfer_cancel(&container_of(p, struct metric_probe, probe)->transfer);
}

static void
metric_free(struct probe *p)
{
	struct metric_probe *m = container_of(p, struct metric_probe, probe);

	http_group_leave(m->group, m->connection);
	tls_trust_put(m->trust);
	http_target_done(&m->target);
	free(m);
}

static void
metric_describe(const struct probe *p, struct str *out)
{
	const struct metric_conf *c = p->conf;

	str_printf(out, "%s of ", c->metric.text);
	http_target_describe(&c->target, HTTP_EITHER, out);
}

static void
metric_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct metric_probe *m = const_container_of(p, struct metric_probe, probe);

	str_copy(detail, size, http_transfer_progress(&m->transfer));
}

const struct probe_kind probe_metric = {
    .variant = {.type = "metric", .schema = &schema},
    .new = metric_new,
    .start = metric_start,
    .cancel = metric_cancel,
    .free = metric_free,
    .describe = metric_describe,
    .timed_out = metric_timed_out,
};
