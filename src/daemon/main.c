/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nighd: options, a first look at the configuration, the control socket, and then the family.
 *
 * Exit status: 0 after a clean stop or a good --check, 1 for a bad configuration or an unclean end,
 * 2 for usage.
 */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/config.h"
#include "daemon/family.h"
#include "loop/net.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: nighd [-c FILE] [--check] [--single] [--foreground]\n"
    "\n"
    "  -c, --config FILE   the configuration (" CONFIG_FILE ")\n"
    "  --check             say whether the configuration is good, and end\n"
    "  --single            one process instead of two, for debugging\n"
    "  --foreground        stay in the foreground (nighd always does)\n"
    "  --version, --help\n";

struct options {
	const char *config;
	bool check;
	bool single;
};

/* 0: go on; 1: done, exit 0; 2: wrong usage. */
static int
options_read(struct options *o, int argc, char **argv)
{
	enum { OPT_CHECK = 256, OPT_SINGLE, OPT_FOREGROUND, OPT_VERSION, OPT_HELP };
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, OPT_CHECK},
	    {"single", no_argument, NULL, OPT_SINGLE},
	    {"foreground", no_argument, NULL, OPT_FOREGROUND},
	    {"version", no_argument, NULL, OPT_VERSION},
	    {"help", no_argument, NULL, OPT_HELP},
	    {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.config = CONFIG_FILE};
	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->config = optarg; break;
		case OPT_CHECK: o->check = true; break;
		case OPT_SINGLE: o->single = true; break;
		case OPT_FOREGROUND: break;
		case OPT_VERSION: puts("nighd " NIGH_VERSION); return 1;
		case 'h':
		case OPT_HELP: fputs(usage_text, stdout); return 1;
		default: fputs(usage_text, stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nighd: '%s' is not understood\n%s", argv[optind], usage_text);
		return 2;
	}
	return 0;
}

/* The directory of the socket, when systemd has not made it. */
static void
make_parent(const char *path)
{
	char *copy = mem_strdup(path);

	mkdir(dirname(copy), 0755);
	free(copy);
}

/* Why there is no socket, and what to do. */
static void
say_no_control(const char *path, int error)
{
	switch (-error) {
	case EADDRINUSE:
		log_error("another nighd answers on %s: stop it first, or set control.socket to "
			  "another path",
		    path);
		return;
	case EEXIST:
		log_error("%s is there already and is not a socket: remove it, or set "
			  "control.socket to another path",
		    path);
		return;
	case ENOENT:
		log_error("cannot listen on %s: its directory is not there and could not be made: "
			  "make it, start nighd as root, or set control.socket to another path",
		    path);
		return;
	default:
		log_error("cannot listen on %s: %s%s", path, strerror(-error),
		    geteuid() != 0 ? ": start nighd as root" : "");
	}
}

/* A listening socket for root and the group `nigh`; negative after saying why not. A socket that
 * nobody listens on any more is replaced. */
static int
open_control(const char *path)
{
	const struct group *group = getgrnam(FAMILY_USER);
	int fd;

	make_parent(path);
	fd = net_unix_listen(path, 0660);
	if (fd < 0) {
		say_no_control(path, fd);
		return fd;
	}
	if (group != NULL && chown(path, (uid_t)-1, group->gr_gid) != 0)
		log_warn(
		    "cannot give %s to the group '%s': %s", path, FAMILY_USER, strerror(errno));
	return fd;
}

static int
run(const struct options *o, const struct conf_generation *g)
{
	char host[64];
	const struct config *config = g->root;
	struct control_conf control = config_control(config);
	struct family_start start = {
	    .config_path = o->config,
	    .mode = o->single ? FAMILY_SINGLE : FAMILY_SPLIT,
	    .node = config_node(config, host, sizeof(host)),
	};
	int status;

	log_open("nighd", (enum log_level)start.node.log_level);
	start.control_fd = open_control(control.socket);
	if (start.control_fd < 0)
		return 1;
	log_notice("nighd " NIGH_VERSION " starts on %s", start.node.name);
	if (geteuid() != 0)
		log_warn("not started as root: addresses, low ports and users of exec probes may "
			 "be out of reach");
	status = family_run(&start);
	unlink(control.socket);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct conf_generation *g;
	struct str problems = {0};
	int status = options_read(&options, argc, argv);

	if (status != 0)
		return status == 1 ? 0 : 2;
	signal(SIGHUP, SIG_IGN); /* until somebody can carry out a reload: it must not end us */
	log_open("nighd", LOG_LVL_INFO);
	g = config_load(options.config, &problems);
	if (g == NULL) {
		fputs(str_text(&problems), stderr);
		str_done(&problems);
		return 1;
	}
	if (options.check) {
		printf("%s: good\n", options.config);
		status = 0;
	} else {
		status = run(&options, g);
	}
	conf_free(g);
	return status;
}
