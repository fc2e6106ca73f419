# SPDX-License-Identifier: Apache-2.0
"""A resolver client: asks one question at a steady rate and records who answered, and when.

Every query carries the NSID option (RFC 5001), so that the answer itself tells which server it
comes from. One thread sends and receives; arrival times are the kernel's. Nothing is retried: what
a real resolver would hide, this client shows.
"""

import dataclasses
import select
import socket
import struct
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from .wait import wait_until

SO_TIMESTAMPNS = 35
QUERY_NAME = "www.example.net"
ANSWER = "192.0.2.80"


@dataclasses.dataclass
class Query:
    """One query and what became of it."""

    sent: float
    received: float = 0.0
    server: str = ""  # the NSID of who answered; "" when nobody did
    rcode: str = ""
    good: bool = False  # NOERROR with the expected address


def make_query(name=QUERY_NAME, kind="A"):
    """A query in wire format whose id can be written over."""
    query = dns.message.make_query(name, kind, use_edns=0)
    query.use_edns(0, options=[dns.edns.GenericOption(dns.edns.NSID, b"")])
    query.flags &= ~dns.flags.RD
    return bytearray(query.to_wire())


def read_answer(wire):
    """(server, rcode, addresses) of a response."""
    message = dns.message.from_wire(wire)
    server = ""
    for option in message.options:
        if option.otype == dns.edns.NSID:
            server = option.data.decode("ascii", "replace")
    addresses = [r.to_text() for rrset in message.answer for r in rrset if hasattr(r, "address")]
    return server, dns.rcode.to_text(message.rcode()), addresses


def ask(host, server, name=QUERY_NAME, kind="A", timeout=1.0):
    """Asks once from `host`. (server's name, rcode, addresses), or None when nobody answers."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with host.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        try:
            s.sendto(make_query(name, kind), (server, 53))
            return read_answer(s.recv(4096))
        except OSError:
            return None


class Client:
    """Asks `server` `rate` times a second from `host` until stopped."""

    def __init__(self, host, server, rate=200):
        self.host = host
        self.server = server
        self.rate = rate
        self._wire = make_query()
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self._socket = host.inside(lambda: self._open(family))
        self._lock = threading.Lock()
        self._sent = []  # times
        self._answers = []  # (index, time, wire)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.stop)

    @staticmethod
    def _open(family):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.setblocking(False)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopped.set()
        self._thread.join(5)
        self._socket.close()

    def _run(self):
        period = 1.0 / self.rate
        due = time.monotonic()
        index = 0
        while not self._stopped.is_set():
            now = time.monotonic()
            if now >= due:
                struct.pack_into("!H", self._wire, 0, index & 0xFFFF)
                with self._lock:
                    self._sent.append(time.time())
                try:
                    self._socket.sendto(self._wire, (self.server, 53))
                except OSError:
                    pass  # no route at the moment: that query is lost
                index += 1
                due = max(due + period, now - 1.0)
            ready, _, _ = select.select([self._socket], [], [], max(0.0, due - time.monotonic()))
            if ready:
                self._receive(index)

    def _receive(self, sent):
        try:
            data, ancillary, _, _ = self._socket.recvmsg(4096, 64)
        except OSError:
            return
        when = time.time()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value[:16])
                when = seconds + nanoseconds / 1e9
        (low,) = struct.unpack_from("!H", data)
        index = sent - 1 - ((sent - 1 - low) & 0xFFFF)
        if index >= 0:
            with self._lock:
                self._answers.append((index, when, data))

    # -- looking --

    def queries(self, since=0.0):
        """Every query sent since then, in order."""
        with self._lock:
            sent, answers = list(self._sent), list(self._answers)
        queries = [Query(t) for t in sent]
        read = {}
        for index, when, data in answers:
            body = bytes(data[2:])
            if body not in read:
                server, rcode, addresses = read_answer(data)
                read[body] = (server, rcode, rcode == "NOERROR" and ANSWER in addresses)
            q = queries[index]
            q.received = when
            q.server, q.rcode, q.good = read[body]
        return [q for q in queries if q.sent >= since]

    def _recent(self, count):
        with self._lock:
            answers = self._answers[-count:]
        return [read_answer(data) for _, _, data in answers]

    def recent_servers(self, count=20):
        """Who gave the last answers."""
        return {server for server, _, _ in self._recent(count)}

    def wait_server(self, server, deadline, count=5):
        """Waits until the last `count` answers all come from `server`, and are good."""

        def steady():
            recent = self._recent(count)
            return len(recent) == count and all(
                s == server and r == "NOERROR" and ANSWER in a for s, r, a in recent
            )

        wait_until(
            steady,
            deadline,
            lambda: f"{self.host.name} is answered by {server}; last answers {self._recent(count)}",
        )

    def first_answer(self, server, since):
        """When the first good answer of `server` came to a query sent after `since`; 0.0: never."""
        times = [q.received for q in self.queries(since) if q.good and q.server == server]
        return min(times, default=0.0)

    def lost(self, since, until):
        """How many queries sent in this time had no good answer."""
        return sum(1 for q in self.queries(since) if q.sent < until and not q.good)
