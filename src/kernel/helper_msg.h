/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between engine and helper: typed, of a fixed size for each kind, one to a datagram.
 * A new request is one row in helper_msg.c, one member here, and one handler on either side.
 */
#ifndef KERNEL_HELPER_MSG_H
#define KERNEL_HELPER_MSG_H

#include "base/addr.h"
#include "core/kernel_port.h"

#include <stddef.h>
#include <stdint.h>

/* Both ends come from one binary; this guards against a half-done upgrade. */
#define HELPER_VERSION 1
/* No message is larger. */
#define HELPER_MSG_MAX 320

enum helper_kind {
	/* engine -> helper */
	HELPER_READY = 1,
	HELPER_HEARTBEAT,
	HELPER_ADDRESS_SET,
	HELPER_LISTEN,
	HELPER_EXEC_START,
	HELPER_EXEC_KILL,
	HELPER_CONFIG_READ,
	HELPER_CONFIG_COMMIT,
	HELPER_STOPPING,
	HELPER_SOCKET_OPEN,
	/* helper -> engine */
	HELPER_HEARTBEAT_ACK,
	HELPER_ADDRESS_STATE,
	HELPER_LINK_STATE,
	HELPER_LISTEN_RESULT, /* with a descriptor when error is 0 */
	HELPER_EXEC_RESULT,
	HELPER_CONFIG_DATA, /* with a sealed memfd when error is 0 */
	HELPER_STOP,
	HELPER_RELOAD,
	HELPER_SOCKET_RESULT, /* with a descriptor when error is 0 */
	HELPER_SERVED_STATE,
	HELPER_SUSPECT,
	HELPER_KIND_END
};

enum helper_from { HELPER_FROM_ENGINE, HELPER_FROM_HELPER };

/* Of a served port: SERVED for WHY_OK, DESERTED for WHY_SOCKET or WHY_EXIT, and nothing else. */
struct helper_verdict {
	enum kernel_served served;
	enum why why;
};

struct helper_msg {
	enum helper_kind kind;
	union {
		struct {
			uint32_t version;
		} ready;
		struct {
			uint64_t seq;
		} heartbeat; /* and its ack */
		struct {
			struct prefix prefix;
			char ifname[KERNEL_IFNAME];
			bool present;
		} address_set;
		struct {
			uint32_t ticket;
			struct endpoint local;
			char device[KERNEL_IFNAME]; /* "": none */
			uint8_t ttl;
			uint8_t min_ttl;
			uint8_t tos;
		} listen;
		struct {
			uint32_t id;
			char name[KERNEL_EXEC_NAME];
		} exec_start;
		struct {
			uint32_t id;
		} exec_kill;
		struct {
			uint32_t serial;
		} config; /* read and commit */
		struct {
			struct prefix prefix;
			bool present;
			int error;
		} address_state;
		struct {
			char ifname[KERNEL_IFNAME];
			bool up;
		} link_state;
		struct {
			uint32_t ticket;
			int error;
		} listen_result;
		struct {
			uint32_t id;
			struct kernel_exec_result result;
		} exec_result;
		struct {
			uint32_t serial;
			int error;
		} config_data;
		struct {
			uint32_t id;
			enum kernel_socket_kind kind;
		} socket_open;
		struct {
			uint32_t id;
			int error;
		} socket_result;
		struct {
			struct kernel_listen what;
			struct helper_verdict verdict;
		} served_state;
		struct {
			struct kernel_listen what;
			enum why why; /* WHY_STALL */
		} suspect;
	};
};

/* Writes `m` into `buf`, which holds HELPER_MSG_MAX bytes; returns the length. The fields must be
 * such that the other side accepts them (asserted). */
size_t helper_msg_encode(const struct helper_msg *m, uint8_t *buf);
/* Reads one datagram that the side `from` sent. 0, or -1 when it is anything else than a message
 * which that side may send, of the right size, with every field in its range. */
int helper_msg_decode(
    const uint8_t *data, size_t len, enum helper_from from, struct helper_msg *out);
/* How many descriptors come with it: 0 or 1. */
size_t helper_msg_fds(const struct helper_msg *m);
/* "address-set"; "?" for what is none. */
const char *helper_kind_str(enum helper_kind kind);

#endif
