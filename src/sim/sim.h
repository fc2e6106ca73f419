/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: many nodes in one process, on one virtual clock, between model hosts and model
 * routers that fail on command.
 *
 * A node is the engine of the daemon itself (configuration, probe runners, decisions, intent,
 * address sink), composed with a scripted probe kind, a model of the host behind the kernel port,
 * and a speaker: either a model whose neighbors are models, or the BGP speaker itself, which talks
 * to routers over a virtual network. After every event the invariants are checked
 * (sim_check.c); the first one that fails stops the run and is reported with the seed, the number
 * of the event and what happened last.
 *
 * struct sim owns everything; what belongs to a node survives the death of its engine, as hosts and
 * routers do.
 */
#ifndef SIM_H
#define SIM_H

#include "base/log.h"
#include "base/rng.h"
#include "daemon/engine.h"

#define SIM_TRACE      20 /* the last events that a report shows */
#define SIM_TRACE_TEXT 160
#define SIM_NODES      16
#define SIM_NAME       48

#define SIM_LATENCY      (5 * DUR_MS)   /* one way, to a router */
#define SIM_CONNECT      (200 * DUR_MS) /* between attempts to open a session */
#define SIM_HOLD         (9 * DUR_S)    /* hold time of a session */
#define SIM_HOST_DELAY   (1 * DUR_MS)   /* of a request to the host */
#define SIM_NOTICE_DELAY (2 * DUR_MS)   /* until the host tells what somebody else did */

/* What is broken on purpose, to show that the invariants find it. */
enum sim_sabotage {
	SABOTAGE_NONE,
	SABOTAGE_DEAF,   /* a router acknowledges withdrawals and ignores them */
	SABOTAGE_EARLY,  /* a neighbor settles what is still on the wire */
	SABOTAGE_ECHO,   /* a neighbor sends everything again for no reason */
	SABOTAGE_ORDER,  /* a neighbor sends announcements before withdrawals */
	SABOTAGE_LIAR,   /* the host reports an address that it has not put there */
	SABOTAGE_ZOMBIE, /* the routes of a dead node stay */
	SABOTAGE_FORGET, /* a change of state that is not counted */
	SABOTAGE_PAINT,  /* a router takes the attributes of another route */
	SABOTAGE_STUCK,  /* a host that never answers once it has been slow */
};

struct sim;
struct sim_node;
struct sim_conn;
struct sim_router;

/* A route as a router has it from one node. */
struct sim_route {
	struct prefix prefix;
	struct attrs attrs;
};
struct sim_view {
	struct sim_route *routes;
	size_t count;
	size_t cap;
};

/* -- a session between a node and a router: both ends, and the path between -- */

enum sim_message_state { MESSAGE_SENT, MESSAGE_DELIVERED };
struct sim_message {
	TAILQ_ENTRY(sim_message) link;
	struct sim_route route;
	bool wanted;
	uint64_t version;
	enum sim_message_state state;
	mono_t at; /* of the next step: delivery, then acknowledgement */
};
TAILQ_HEAD(sim_messages, sim_message);

struct sim_session {
	LIST_ENTRY(sim_session) link;
	struct sim_node *node;
	char name[SIM_NAME]; /* the neighbor's, as configured */
	/* the path and the router */
	bool cut;
	bool frozen;                   /* the router does nothing, and nobody is told */
	bool closed;                   /* the router refuses sessions */
	dur_t pace;                    /* the router takes one message per so much time */
	bool gone;                     /* the node's end has, and the router does not know */
	struct loop_timer flush;       /* the router learns of it */
	struct loop_timer router_hold; /* the router gives up */
	struct sim_view view;          /* what the router has from the node */
	struct sim_conn *conn;         /* real BGP: the router's end */
	bool believed;                 /* real BGP: the node had it up after the last event */
	/* the node's end; configured: the engine has this neighbor */
	bool configured;
	bool up;
	mono_t since;
	const void *conf; /* struct bgp_neighbor_conf */
	struct sim_speaker *speaker;
	struct intent_sink sink;
	struct loop_task walk;
	struct loop_timer connect;
	struct loop_timer hold;
	struct loop_timer wire;
	struct sim_messages messages; /* on their way, oldest first */
	struct sim_view handed;       /* what the neighbor was told that we have */
	/* books of the invariants */
	uint64_t reset_version; /* of the intent, at the last reset */
	uint64_t reset_entries; /* that were wanted then */
	uint64_t handed_count;  /* entries handed out since */
	uint64_t total_handed;  /* since the beginning, for scenarios */
};
LIST_HEAD(sim_sessions, sim_session);

/* -- the host of a node -- */

struct sim_address {
	TAILQ_ENTRY(sim_address) link;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool present;
	bool reported;  /* what the engine was told last */
	bool ours;      /* this engine has asked for it */
	mono_t lost_at; /* since when no neighbor has a route to it */
	dur_t drain;    /* of its service, as configured last */
};
TAILQ_HEAD(sim_addresses, sim_address);

struct sim_request {
	TAILQ_ENTRY(sim_request) link;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool asked; /* by the engine; else somebody changed it and the engine is to be told */
	bool present;
	mono_t at;
};
TAILQ_HEAD(sim_requests, sim_request);

struct sim_link {
	TAILQ_ENTRY(sim_link) link;
	char name[KERNEL_IFNAME];
	bool up;
};
TAILQ_HEAD(sim_links, sim_link);

/* A server on the host: it serves its port on every address, or has gone. */
struct sim_server {
	LIST_ENTRY(sim_server) link;
	enum kernel_proto proto;
	uint16_t port;
	bool gone;
};
LIST_HEAD(sim_servers, sim_server);

struct sim_host {
	struct kernel_port port;
	struct sim_node *node;
	struct sim_addresses addresses;
	struct sim_requests requests; /* in order: the host does one after the other */
	struct sim_links links;
	struct sim_servers servers;
	struct loop_timer work;
	dur_t delay;
	bool refuses;
};

/* -- the answers of a node's probes -- */

enum sim_answer { ANSWER_OK, ANSWER_FAIL, ANSWER_HANG };
struct sim_result {
	LIST_ENTRY(sim_result) link;
	char name[SIM_NAME];
	enum sim_answer answer;
	dur_t delay;
};
LIST_HEAD(sim_results, sim_result);

/* -- a node -- */

struct sim_node {
	struct sim *sim;
	unsigned number; /* from 1 */
	struct engine_env env;
	struct engine *engine;   /* NULL: not running */
	struct net net;          /* what the speaker is given */
	struct speaker *speaker; /* of the running engine */
	struct net *cloud_net;   /* real BGP: the way into the cloud */
	struct sim_host host;
	struct sim_sessions sessions;
	struct sim_results results;
	char *next_config;       /* what a reload reads; owned */
	struct loop_task reload; /* the answer to env.reload */
	struct loop_task ended;  /* the engine has stopped and is to be freed */
	bool stopping;
	uint64_t uncounted; /* events in the history that no counter tells any more */
};

struct sim {
	struct loop *loop;
	struct rng rng;
	uint64_t seed;
	uint64_t events;
	uint64_t limit; /* of events; 0: none */
	struct sim_node *nodes[SIM_NODES];
	size_t node_count;
	enum sim_sabotage sabotage;
	bool real;               /* nodes speak BGP */
	struct net_cloud *cloud; /* then */
	LIST_HEAD(, sim_router) routers;
	char trace[SIM_TRACE][SIM_TRACE_TEXT];
	uint64_t traced;
	char *violated;    /* the invariant's name; owned; NULL: none so far */
	struct str report; /* what there is to say about it */
};

/* -- sim.c -- */
struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *s);
/* Remembers what happened, for a report. */
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An invariant does not hold: the first one is kept. */
void sim_violation(struct sim *s, const char *invariant, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Runs events up to `until` (virtual time since the start) and checks after each; stops early at a
 * violation or at the limit of events. */
void sim_run(struct sim *s, mono_t until);
/* Something was changed from outside: checked like an event. */
void sim_event(struct sim *s);
mono_t sim_now(const struct sim *s);
/* Cuts a line into words, in place; how many. */
size_t sim_split(char *text, const char **words, size_t max);
const char *sim_sabotage_str(enum sim_sabotage x);
int sim_sabotage_parse(const char *word, enum sim_sabotage *out);

/* -- sim_node.c -- */
/* The node of that number, made when it is asked for first. */
struct sim_node *sim_node_get(struct sim *s, unsigned number);
void sim_node_free(struct sim_node *n);
/* What the next start or reload reads (copied). */
void sim_node_set_config(struct sim_node *n, const char *text);
/* Starts the engine. 0, or -1 with the mistakes of the configuration in `out`. */
int sim_node_start(struct sim_node *n, struct str *out);
/* The process ends without a word; the host and the routers stay. */
void sim_node_kill(struct sim_node *n);
void sim_node_stop(struct sim_node *n);
/* Runs a command as `nigh` would. 0, or -1 with the error in `out`. */
int sim_node_command(struct sim_node *n, const char *text, struct str *out);
/* From what a speaker is given to the node that gives it. */
struct sim_node *sim_node_of_net(struct net *net);

/* -- sim_host.c -- */
void sim_host_init(struct sim_host *h, struct sim_node *n);
void sim_host_done(struct sim_host *h);
/* An engine came or went: requests are forgotten, links are told. */
void sim_host_attach(struct sim_host *h);
void sim_host_detach(struct sim_host *h);
void sim_host_link(struct sim_host *h, const char *name, bool up);
/* A server comes or goes. One that nothing was said of is there. */
void sim_host_serve(struct sim_host *h, enum kernel_proto proto, uint16_t port, bool served);
bool sim_host_serves(struct sim_host *h, enum kernel_proto proto, uint16_t port);
/* Tells the engine of every port that its configuration names. */
void sim_host_tell_ports(struct sim_host *h);
/* Somebody deletes the address. False when it is not there. */
bool sim_host_delete(struct sim_host *h, const struct prefix *p);
struct sim_address *sim_host_find(struct sim_host *h, const struct prefix *p);

/* -- sim_probe.c -- */
extern const struct probe_kind sim_probe;
struct sim_result *sim_result_get(struct sim_node *n, const char *probe);
void sim_results_done(struct sim_node *n);

/* -- sim_kinds.c -- */
/* Either the model or the real one, as the simulation says. */
extern const struct speaker_kind sim_speaker;

/* -- sim_bgp.c: routers that speak BGP -- */
void sim_bgp_start(struct sim *s);
void sim_bgp_done(struct sim *s);
/* The node's process is there, with its address 10.1.1.N; or it is not. */
void sim_bgp_node_up(struct sim_node *n);
void sim_bgp_node_down(struct sim_node *n);
/* A session was made: its router has to be there. */
void sim_bgp_session(struct sim_session *x);
void sim_bgp_session_done(struct sim_session *x);
/* `cut`, `frozen` or `closed` were changed. */
void sim_bgp_path(struct sim_session *x);
/* Is the session up, as the node sees it? */
bool sim_bgp_is_up(const struct sim_session *x);
/* Has the router the prefix, as far as the node can know? */
bool sim_bgp_told(const struct sim_session *x, const struct prefix *p);
/* After every event: a session that the node has given up has nothing any more, for the node. */
void sim_bgp_watch(struct sim_session *x);

/* -- sim_speaker.c: the node's end of modelled sessions -- */
extern const struct speaker_kind sim_model_speaker;
/* The session of that name, made when it is asked for first. */
struct sim_session *sim_session_get(struct sim_node *n, const char *name);
/* The path is open again, or not. */
void sim_session_path(struct sim_session *x);
/* Does a neighbor of the node have the prefix, or a withdrawal of it on its way? */
bool sim_node_told(struct sim_node *n, const struct prefix *p);
/* A neighbor has lost the prefix: remembers when the last one did. */
void sim_node_lost(struct sim_node *n, const struct prefix *p);
/* The node's end gives up. */
void sim_session_down(struct sim_session *x, const char *why);
void sim_session_free(struct sim_session *x);

/* -- sim_router.c: the path and the router's end -- */
void sim_router_init(struct sim_session *x);
void sim_router_done(struct sim_session *x);
void sim_router_opened(struct sim_session *x);
/* The node's end has gone; the router will notice unless the path is cut. */
void sim_router_lost(struct sim_session *x);
void sim_router_take(struct sim_session *x, const struct sim_message *m);
/* `cut`, `frozen` or `closed` were changed: timers and sessions follow. */
void sim_path_update(struct sim_session *x);
/* May messages pass at the moment? */
bool sim_path_open(const struct sim_session *x);

struct sim_route *sim_view_find(struct sim_view *v, const struct prefix *p);
void sim_view_put(struct sim_view *v, const struct sim_route *r);
void sim_view_del(struct sim_view *v, const struct prefix *p);

/* -- sim_check.c, sim_truth.c -- */
/* Does the level announce routes, and with which attributes? */
bool sim_level_announces(
    const struct service_conf *conf, enum service_level level, struct attrs *attrs);
void sim_check(struct sim *s);
/* The whole history against the counters; costs more. */
void sim_check_counters(struct sim_node *n);
/* The host is about to take the address off. */
void sim_check_removal(struct sim_node *n, struct sim_address *a);
/* An entry is about to be sent. */
void sim_check_handed(struct sim_session *x, const struct intent_entry *e);
/* Nothing has been going on for long enough: everything must be as facts and configuration say. */
void sim_check_truth(struct sim *s);

/* -- sim_words.c -- */
/* Carries out "node 1 probe resolver fail" and the like. 0, or -1 with what is wrong in `out`. */
int sim_do(struct sim *s, const char *line, struct str *out);

/* -- sim_expect.c -- */
/* Checks "node 1 service dns up" and the like. 0, or -1 with what is the case in `out`. */
int sim_expect(struct sim *s, const char *line, struct str *out);

/* -- sim_script.c, sim_random.c -- */
/* Replays a scenario. 0 fine; 1 an expectation or an invariant failed; 2 cannot be read. Explains
 * itself in `out`. */
int sim_script_run(const char *file, struct str *out);
/* A seeded random run of so many events. */
void sim_random_run(struct sim *s, uint64_t events);

#endif
