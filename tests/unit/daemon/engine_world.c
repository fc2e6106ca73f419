/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See engine_world.h. Owns the engine, the made-up kernel and the provider of streams; the world
 * and its loop belong to the test.
 */
#include "engine_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_DELAY DUR_MS

/* -- the kernel: addresses -- */

struct site_answer {
	LIST_ENTRY(site_answer) link;
	struct site_kernel *kernel;
	struct loop_timer timer;
	struct site_address *address;
	int error;
};

static struct prefix
prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct site_address *
address_find(struct site_kernel *k, const struct prefix *prefix)
{
	struct site_address *a;

	LIST_FOREACH (a, &k->addresses, link) {
		if (prefix_equal(&a->prefix, prefix))
			return a;
	}
	return NULL;
}

static struct site_address *
address_get(struct site_kernel *k, const struct prefix *prefix)
{
	struct site_address *a = address_find(k, prefix);

	if (a == NULL) {
		a = mem_alloc(sizeof(*a));
		a->prefix = *prefix;
		LIST_INSERT_HEAD(&k->addresses, a, link);
	}
	return a;
}

static void
address_tell(struct site_kernel *k, struct site_address *a, bool present, int error)
{
	if (a->present != present)
		a->changed = loop_now(k->site->world->loop);
	a->present = present;
	if (k->port.listener != NULL)
		k->port.listener->address(k->port.listener, &a->prefix, present, error);
}

static void
answer_free(struct site_answer *x)
{
	loop_timer_cancel(&x->timer);
	LIST_REMOVE(x, link);
	free(x);
}

static void
on_answer(struct loop_timer *t)
{
	struct site_answer *x = container_of(t, struct site_answer, timer);
	struct site_kernel *k = x->kernel;
	struct site_address *a = x->address;
	int error = x->error;

	answer_free(x);
	address_tell(k, a, error == 0 ? a->asked : a->present, error);
}

static void
kernel_address_set(
    struct kernel_port *port, const struct prefix *prefix, const char *ifname, bool present)
{
	struct site_kernel *k = container_of(port, struct site_kernel, port);
	struct site_answer *x = mem_alloc(sizeof(*x));

	x->kernel = k;
	x->address = address_get(k, prefix);
	x->address->asked = present;
	x->address->requests++;
	x->error = present ? k->refuse : 0;
	str_copy(x->address->ifname, sizeof(x->address->ifname), ifname);
	loop_timer_init(&x->timer, k->site->world->loop, on_answer);
	loop_timer_after(&x->timer, KERNEL_DELAY);
	LIST_INSERT_HEAD(&k->answers, x, link);
}

/* -- the kernel: programs -- */

struct site_run {
	LIST_ENTRY(site_run) link;
	struct site_kernel *kernel;
	struct kernel_exec *exec;
	struct loop_timer timer;
	char name[KERNEL_EXEC_NAME];
};

static struct site_health *
health_find(struct site_kernel *k, const char *name)
{
	struct site_health *h;

	LIST_FOREACH (h, &k->health, link) {
		if (str_equal(h->name, name))
			return h;
	}
	return NULL;
}

static void
run_free(struct site_run *r)
{
	r->exec->id = 0;
	loop_timer_cancel(&r->timer);
	LIST_REMOVE(r, link);
	free(r);
}

static void
on_run_end(struct loop_timer *t)
{
	struct site_run *r = container_of(t, struct site_run, timer);
	struct site_health *h = health_find(r->kernel, r->name);
	struct kernel_exec_result result = {.end = KERNEL_EXEC_EXITED};
	struct kernel_exec *exec = r->exec;

	if (h != NULL && h->code != 0) {
		result.code = h->code;
		str_copy(result.output, sizeof(result.output), "no luck");
	}
	run_free(r);
	exec->fn(exec, &result);
}

static void
kernel_exec_start(struct kernel_port *port, struct kernel_exec *exec, const char *name)
{
	struct site_kernel *k = container_of(port, struct site_kernel, port);
	struct site_run *r = mem_alloc(sizeof(*r));

	assert_int_equal(exec->id, 0);
	exec->id = ++k->starts;
	r->kernel = k;
	r->exec = exec;
	str_copy(r->name, sizeof(r->name), name);
	loop_timer_init(&r->timer, k->site->world->loop, on_run_end);
	if (!k->hung)
		loop_timer_after(&r->timer, KERNEL_DELAY);
	LIST_INSERT_HEAD(&k->runs, r, link);
}

static void
kernel_exec_kill(struct kernel_port *port, struct kernel_exec *exec)
{
	struct site_kernel *k = container_of(port, struct site_kernel, port);
	struct site_run *r;

	LIST_FOREACH (r, &k->runs, link) {
		if (r->exec == exec) {
			run_free(r);
			return;
		}
	}
}

static const struct kernel_ops kernel_ops = {
    .address_set = kernel_address_set,
    .exec_start = kernel_exec_start,
    .exec_kill = kernel_exec_kill,
};

static void
kernel_done(struct site_kernel *k)
{
	struct site_address *a;
	struct site_answer *x;
	struct site_health *h;

	assert_true(LIST_EMPTY(&k->runs)); /* the engine killed what it had started */
	while ((x = LIST_FIRST(&k->answers)) != NULL)
		answer_free(x);
	while ((a = LIST_FIRST(&k->addresses)) != NULL) {
		LIST_REMOVE(a, link);
		free(a);
	}
	while ((h = LIST_FIRST(&k->health)) != NULL) {
		LIST_REMOVE(h, link);
		free(h);
	}
}

void
site_health(struct site *s, const char *probe, int code)
{
	struct site_health *h = health_find(&s->kernel, probe);

	if (h == NULL) {
		h = mem_alloc(sizeof(*h));
		str_copy(h->name, sizeof(h->name), probe);
		LIST_INSERT_HEAD(&s->kernel.health, h, link);
	}
	h->code = code;
}

bool
site_present(struct site *s, const char *prefix)
{
	struct prefix p = prefix_of(prefix);
	const struct site_address *a = address_find(&s->kernel, &p);

	return a != NULL && a->present;
}

unsigned
site_requests(struct site *s, const char *prefix)
{
	struct prefix p = prefix_of(prefix);
	const struct site_address *a = address_find(&s->kernel, &p);

	return a != NULL ? a->requests : 0;
}

mono_t
site_changed(struct site *s, const char *prefix)
{
	struct prefix p = prefix_of(prefix);

	return address_get(&s->kernel, &p)->changed;
}

void
site_meddle(struct site *s, const char *prefix, bool present)
{
	struct prefix p = prefix_of(prefix);

	address_tell(&s->kernel, address_get(&s->kernel, &p), present, 0);
}

void
site_link(struct site *s, const char *ifname, bool up)
{
	struct kernel_listener *l = s->kernel.port.listener;

	l->link(l, ifname, up);
}

/* -- the engine -- */

static void
on_stopped(struct engine_env *env)
{
	struct site *s = container_of(env, struct site, env);

	assert_false(s->stopped);
	s->stopped = true;
	s->stopped_at = loop_now(s->world->loop);
}

static void
on_reload(struct engine_env *env)
{
	container_of(env, struct site, env)->reloads++;
}

void
site_init(struct site *s, struct world *w)
{
	const struct node_conf node = {
	    .name = "ns1", .log_level = LOG_LVL_DEBUG, .history = SITE_HISTORY};
	struct addr addr;

	*s = (struct site){.world = w};
	assert_int_equal(addr_parse(SITE_ADDR, &addr), 0);
	s->net = net_cloud_node(w->cloud, &addr, 1);
	s->kernel.site = s;
	s->kernel.port.ops = &kernel_ops;
	s->env = (struct engine_env){
	    .loop = w->loop,
	    .net = s->net,
	    .kernel = &s->kernel.port,
	    .seed = 1,
	    .stopped = on_stopped,
	    .reload = on_reload,
	};
	s->engine = engine_new(&s->env, &node);
}

void
site_done(struct site *s)
{
	engine_free(s->engine);
	kernel_done(&s->kernel);
	net_free(s->net);
}

void
site_load(struct site *s, const char *yaml)
{
	struct conf_generation *g;
	struct str errors = {0};
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, "nigh.yaml", yaml, strlen(yaml), &diag);
	diag_print(&diag, &errors);
	if (g == NULL)
		fail_msg("%s", str_text(&errors));
	engine_apply(s->engine, g);
	str_done(&errors);
	diag_done(&diag);
}

void
site_reloaded(struct site *s, const char *yaml)
{
	site_load(s, yaml);
	engine_reloaded(s->engine, NULL);
}

/* -- asking -- */

static bool
value_fits(const json_t *value, const char *unit)
{
	static const char *const numbers[] = {"number", "duration", "ago", "time"};

	if (json_is_null(value))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (str_equal(unit, numbers[i]))
			return json_is_integer(value);
	}
	assert_true(str_equal(unit, "text") || str_equal(unit, "state"));
	return json_is_string(value);
}

/* Every row has a value of the right kind for every column, and nothing else. */
static void
check_table(const char *words, const json_t *table)
{
	const json_t *columns = json_object_get(table, "columns");
	size_t r, c;
	const json_t *row, *column;

	assert_true(json_array_size(columns) > 0);
	json_array_foreach(json_object_get(table, "rows"), r, row)
	{
		if (json_object_size(row) != json_array_size(columns))
			fail_msg("%s: row %zu has other values than columns", words, r);
		json_array_foreach(columns, c, column)
		{
			const char *key = json_string_value(json_object_get(column, "key"));
			const char *unit = json_string_value(json_object_get(column, "unit"));
			const json_t *value = json_object_get(row, key);

			assert_non_null(json_string_value(json_object_get(column, "head")));
			if (value == NULL || !value_fits(value, unit))
				fail_msg(
				    "%s: row %zu: '%s' is missing or no %s", words, r, key, unit);
		}
	}
}

static void
check_answer(const char *words, const json_t *answer)
{
	const json_t *ok = json_object_get(answer, "ok");
	const json_t *error = json_object_get(answer, "error");
	size_t i;
	const json_t *one;

	assert_true(json_is_boolean(ok));
	if (json_is_false(ok)) {
		if (json_string_length(error) == 0)
			fail_msg("%s: failed without a word", words);
		return;
	}
	assert_null(error);
	json_array_foreach(json_object_get(answer, "tables"), i, one) check_table(words, one);
	json_array_foreach(json_object_get(answer, "lines"), i, one)
	{
		assert_true(json_is_integer(json_object_get(one, "level")));
		assert_true(json_is_string(json_object_get(one, "text")));
	}
}

static char *
request_of(const char *words)
{
	json_t *list = json_array(), *request;
	char *copy = mem_strdup(words), *rest = copy, *word, *text;

	while ((word = strsep(&rest, " ")) != NULL)
		json_array_append_new(list, json_string(word));
	request = json_pack("{s:o}", "words", list);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	free(copy);
	return text;
}

json_t *
site_ask(struct site *s, const char *words)
{
	const struct control_source source = {.commands = engine_commands(s->engine)};
	char *request = request_of(words);
	struct str line = {0};
	json_error_t error;
	json_t *answer;

	control_answer(&source, request, strlen(request), loop_now(s->world->loop), &line);
	if (line.len == 0 || strchr(line.text, '\n') != line.text + line.len - 1)
		fail_msg("%s: not exactly one line: %s", words, str_text(&line));
	answer = json_loadb(line.text, line.len, 0, &error);
	if (answer == NULL)
		fail_msg("%s: not JSON: %s", words, error.text);
	check_answer(words, answer);
	str_done(&line);
	free(request);
	return answer;
}

static void
add_value(struct str *out, const json_t *value)
{
	if (json_is_string(value))
		str_printf(out, "%s|", json_string_value(value));
	else if (json_is_integer(value))
		str_printf(out, "%lld|", (long long)json_integer_value(value));
	else
		str_add(out, "-|");
}

static void
add_table(struct str *out, const json_t *table)
{
	size_t r, c;
	const json_t *row, *column;

	json_array_foreach(json_object_get(table, "rows"), r, row)
	{
		str_add(out, "|");
		json_array_foreach(json_object_get(table, "columns"), c, column) add_value(
		    out, json_object_get(row, json_string_value(json_object_get(column, "key"))));
		str_add(out, "\n");
	}
}

char *
site_text(struct site *s, const char *words)
{
	json_t *answer = site_ask(s, words);
	const json_t *error = json_object_get(answer, "error");
	struct str text = {0};
	size_t i;
	const json_t *one;

	str_add(&text, "");
	if (error != NULL)
		str_printf(&text, "error: %s\n", json_string_value(error));
	json_array_foreach(json_object_get(answer, "tables"), i, one) add_table(&text, one);
	json_array_foreach(json_object_get(answer, "lines"), i, one)
	    str_printf(&text, "%*s%s\n", 2 * (int)json_integer_value(json_object_get(one, "level")),
		"", json_string_value(json_object_get(one, "text")));
	json_decref(answer);
	return str_take(&text);
}

void
site_says(struct site *s, const char *words, const char *part)
{
	char *text = site_text(s, words);

	if (strstr(text, part) == NULL)
		fail_msg("'%s' does not say '%s' but:\n%s", words, part, text);
	free(text);
}

const char *
site_level(struct site *s, const char *service)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(engine_core(s->engine), i, &v); i++) {
		if (str_equal(v.name, service))
			return service_level_str(v.level);
	}
	return "(no such service)";
}
