# SPDX-License-Identifier: Apache-2.0
"""BGP on the wire: a packet socket on an interface of a host, decoded as it comes.

Time stamps are the kernel's (SO_TIMESTAMPNS), so they do not depend on when this process runs.
Segments are put in order by their sequence numbers, messages are cut from the stream (RFC 4271 4),
and of UPDATEs the prefixes of both families are read (RFC 4271 4.3, RFC 4760 3, 4).
"""

import dataclasses
import ipaddress
import select
import socket
import struct
import threading

from .wait import wait_until

SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
ETH_P_ALL = 3
BGP_PORT = 179
TYPES = {1: "OPEN", 2: "UPDATE", 3: "NOTIFICATION", 4: "KEEPALIVE", 5: "ROUTE-REFRESH"}
MARKER = b"\xff" * 16


@dataclasses.dataclass
class Message:
    """A BGP message, or the end of the connection (kind FIN or RST)."""

    time: float
    source: str
    target: str
    kind: str
    announced: list = dataclasses.field(default_factory=list)
    withdrawn: list = dataclasses.field(default_factory=list)
    attributes: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self):
        """(code, subcode) of a NOTIFICATION."""
        return (self.body[0], self.body[1]) if self.kind == "NOTIFICATION" else None


class Malformed(ValueError):
    """An UPDATE that does not hold together."""


def read_prefixes(data, bits):
    """Prefixes in the encoding of RFC 4271 4.3."""
    found, at = [], 0
    while at < len(data):
        length = data[at]
        octets = (length + 7) // 8
        if length > bits or at + 1 + octets > len(data):
            raise Malformed(f"prefix of {length} bits at {at}")
        raw = data[at + 1 : at + 1 + octets].ljust(bits // 8, b"\0")
        found.append(f"{ipaddress.ip_address(raw)}/{length}")
        at += 1 + octets
    return found


def read_update(body):
    """(announced, withdrawn, {attribute type: value}) of an UPDATE's body."""
    (withdrawn_len,) = struct.unpack_from("!H", body)
    withdrawn = read_prefixes(body[2 : 2 + withdrawn_len], 32)
    at = 2 + withdrawn_len
    (attributes_len,) = struct.unpack_from("!H", body, at)
    at += 2
    end = at + attributes_len
    announced = read_prefixes(body[end:], 32)
    attributes = {}
    while at < end:
        flags, kind = body[at], body[at + 1]
        if flags & 0x10:
            (length,) = struct.unpack_from("!H", body, at + 2)
            at += 4
        else:
            length = body[at + 2]
            at += 3
        attributes[kind] = body[at : at + length]
        at += length
    if 14 in attributes:
        reach = attributes[14]
        afi = struct.unpack_from("!H", reach)[0]
        announced += read_prefixes(reach[5 + reach[3] :], 128 if afi == 2 else 32)
    if 15 in attributes:
        unreach = attributes[15]
        afi = struct.unpack_from("!H", unreach)[0]
        withdrawn += read_prefixes(unreach[3:], 128 if afi == 2 else 32)
    return announced, withdrawn, attributes


class _Stream:
    """One direction of a TCP connection, put in order."""

    def __init__(self):
        self.next = None
        self.waiting = {}
        self.buffer = b""

    def add(self, seq, data):
        if self.next is None:
            self.next = seq
        self.waiting[seq] = data
        while True:
            for s in list(self.waiting):
                ahead = (s - self.next) & 0xFFFFFFFF
                behind = (self.next - s) & 0xFFFFFFFF
                piece = self.waiting[s]
                if ahead == 0 or behind < len(piece):
                    del self.waiting[s]
                    piece = piece[behind if ahead else 0 :]
                    self.buffer += piece
                    self.next = (self.next + len(piece)) & 0xFFFFFFFF
                    break
                if behind < 0x80000000:
                    del self.waiting[s]
            else:
                return

    def messages(self):
        while len(self.buffer) >= 19:
            length, kind = struct.unpack_from("!HB", self.buffer, 16)
            if self.buffer[:16] != MARKER or length < 19:
                self.buffer = b""
                return
            if len(self.buffer) < length:
                return
            yield kind, self.buffer[19:length]
            self.buffer = self.buffer[length:]


class Capture:
    """Records the BGP messages that pass an interface, from construction until close()."""

    def __init__(self, host, ifname):
        self.host = host
        self.ifname = ifname
        self._lock = threading.Lock()
        self._messages = []
        self._streams = {}
        self._socket = host.inside(self._open)
        self._stop_r, self._stop_w = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.close)

    def _open(self):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind((self.ifname, ETH_P_ALL))
        index = socket.if_nametoindex(self.ifname)
        request = struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b"")
        s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._thread.is_alive():
            self._stop_w.send(b"x")
            self._thread.join(5)
            self._socket.close()
            self._stop_r.close()
            self._stop_w.close()

    def _run(self):
        while True:
            ready, _, _ = select.select([self._socket, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            try:
                data, ancillary, _, _ = self._socket.recvmsg(65535, 128)
            except OSError:
                continue
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    self._packet(data, seconds + nanoseconds / 1e9)

    def _packet(self, frame, when):
        kind = frame[12:14]
        if kind == b"\x08\x00":
            header = (frame[14] & 15) * 4
            total = struct.unpack_from("!H", frame, 16)[0]
            protocol, source, target = frame[23], frame[26:30], frame[30:34]
            segment = frame[14 + header : 14 + total]
        elif kind == b"\x86\xdd":
            total = struct.unpack_from("!H", frame, 18)[0]
            protocol, source, target = frame[20], frame[22:38], frame[38:54]
            segment = frame[54 : 54 + total]
        else:
            return
        if protocol != 6 or len(segment) < 20:
            return
        source_port, target_port, seq = struct.unpack_from("!HHI", segment)
        if BGP_PORT not in (source_port, target_port):
            return
        source, target = str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target))
        key = (source, source_port, target, target_port)
        flags = segment[13]
        payload = segment[(segment[12] >> 4) * 4 :]
        if flags & 0x02:
            self._streams[key] = _Stream()
            self._streams[key].next = (seq + 1) & 0xFFFFFFFF
        stream = self._streams.setdefault(key, _Stream())
        if payload:
            stream.add(seq, payload)
            for number, body in stream.messages():
                self._message(when, source, target, number, body)
        for bit, name in ((0x01, "FIN"), (0x04, "RST")):
            if flags & bit:
                self._record(Message(when, source, target, name))

    def _message(self, when, source, target, number, body):
        message = Message(when, source, target, TYPES.get(number, str(number)), body=body)
        if number == 2:
            try:
                message.announced, message.withdrawn, message.attributes = read_update(body)
            except (Malformed, struct.error, IndexError):
                message.kind = "MALFORMED"
        self._record(message)

    def _record(self, message):
        with self._lock:
            self._messages.append(message)

    # -- looking --

    def messages(self, since=0.0, kind=None, source=None):
        with self._lock:
            return [
                m
                for m in self._messages
                if m.time >= since
                and (kind is None or m.kind == kind)
                and (source is None or m.source == source)
            ]

    def withdrawals(self, prefix, since=0.0, source=None):
        return [m for m in self.messages(since, "UPDATE", source) if prefix in m.withdrawn]

    def announcements(self, prefix, since=0.0, source=None):
        return [m for m in self.messages(since, "UPDATE", source) if prefix in m.announced]

    def wait_withdrawal(self, prefix, since, deadline, source=None):
        """The first withdrawal of `prefix` after `since`. The end of the session counts, because
        it takes all routes away; the message's kind tells which it was."""

        def found():
            for m in self.messages(since, source=source):
                if prefix in m.withdrawn or m.kind in ("NOTIFICATION", "FIN", "RST"):
                    return m
            return None

        return wait_until(
            found, deadline, lambda: f"withdrawal of {prefix} on {self.host.name}/{self.ifname}"
        )
