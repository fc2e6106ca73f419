/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema that uses every type and flag, for the tests of conf: unit, golden and fuzz.
 */
#ifndef TESTS_CONF_TEST_SCHEMA_H
#define TESTS_CONF_TEST_SCHEMA_H

#include "conf/conf.h"

struct test_delay {
	dur_t up;
	dur_t down;
};

struct test_route {
	struct prefix prefix;
	struct addr via;
	uint32_t distance;
	const char *key; /* secret */
};

struct test_neighbor {
	uint32_t as;
	bool bfd;
	const char *password; /* secret */
};

struct test_query {
	const char *name;
	const char *type;
};

struct test_dns {
	struct endpoint server;
	struct test_query query; /* custom */
	struct conf_list expect; /* of struct addr */
};

struct test_tcp {
	struct endpoint target;
	const char *send;
};

struct test_probe {
	const struct conf_variant *variant;
	const void *kind;
	dur_t frequency;
	dur_t timeout;
	uint32_t rise;
};

enum test_mode { TEST_MODE_FAST, TEST_MODE_SLOW, TEST_MODE_ODD = 7 };
#define TEST_FAMILY_V4 1
#define TEST_FAMILY_V6 2

struct test_conf {
	const char *name;
	const char *motto;
	const char *empty;
	bool enabled;
	uint32_t rise;
	uint32_t count;
	int64_t offset;
	int64_t big;
	double ratio;
	double factor;
	dur_t timeout;
	dur_t wait;
	int mode;
	int level; /* no choice has the value 0 */
	uint32_t families;
	struct addr router_id;
	struct prefix net;
	struct endpoint server;
	struct endpoint target;
	struct test_query query; /* custom */
	const char *password;    /* secret */
	const struct test_delay *delay;
	const struct test_delay *pause; /* always there */
	struct conf_list addresses;     /* of struct prefix */
	struct conf_list ports;         /* of uint32_t */
	struct conf_list names;         /* of const char * */
	struct conf_list modes;         /* of int */
	struct conf_list queries;       /* of struct test_query */
	struct conf_list routes;        /* of const struct test_route * */
	struct conf_map neighbors;      /* of struct test_neighbor */
	struct conf_map probes;         /* of struct test_probe */
	struct conf_list use;           /* of const char *: names of probes */
};

extern const struct conf_schema test_schema;
extern const struct conf_variant test_variant_dns, test_variant_tcp;

#endif
