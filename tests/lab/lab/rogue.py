# SPDX-License-Identifier: Apache-2.0
"""A BGP neighbor that says what a test tells it to say, right or wrong."""

import socket
import struct

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4


def message(kind, body=b"", marker=MARKER, length=None):
    """A BGP message; `length` overrides the one that is right."""
    return marker + struct.pack("!HB", 19 + len(body) if length is None else length, kind) + body


def open_body(asn, router_id, hold=9, capabilities=None):
    """The body of an OPEN with IPv4 unicast and the 4-octet AS (RFC 4271 4.2, RFC 5492)."""
    if capabilities is None:
        capabilities = b"\x01\x04\x00\x01\x00\x01" + b"\x41\x04" + struct.pack("!I", asn)
    parameter = b"\x02" + bytes([len(capabilities)]) + capabilities
    head = struct.pack("!BHH", 4, asn if asn < 65536 else 23456, hold)
    return head + socket.inet_aton(router_id) + bytes([len(parameter)]) + parameter


def attribute(flags, kind, value):
    return bytes([flags, kind, len(value)]) + value


def update_body(attributes=b"", nlri=b"", withdrawn=b""):
    return (
        struct.pack("!H", len(withdrawn)) + withdrawn
        + struct.pack("!H", len(attributes)) + attributes + nlri
    )


class RoguePeer:
    """Connects from `source` in `host` to the BGP port of `target`."""

    def __init__(self, host, source, target, asn, router_id):
        self.asn = asn
        self.router_id = router_id
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self._socket = host.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(5)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((source, 0))
        self._socket.connect((target, 179))
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next message as (type, body); None when the connection has ended."""
        while True:
            if len(self._buffer) >= 19:
                length, kind = struct.unpack_from("!HB", self._buffer, 16)
                if len(self._buffer) >= length:
                    body, self._buffer = self._buffer[19:length], self._buffer[length:]
                    return kind, body
            try:
                piece = self._socket.recv(65536)
            except ConnectionResetError:
                return None
            if not piece:
                return None
            self._buffer += piece

    def receive_kind(self, kind):
        """The body of the next message of this type, others are passed over; None at the end."""
        while True:
            got = self.receive()
            if got is None:
                return None
            if got[0] == kind:
                return got[1]

    def establish(self):
        """OPEN and KEEPALIVE in both directions."""
        self.send(message(OPEN, open_body(self.asn, self.router_id)))
        assert self.receive_kind(OPEN) is not None, "the session was closed instead of opened"
        self.send(message(KEEPALIVE))
        assert self.receive_kind(KEEPALIVE) is not None, "no KEEPALIVE after OPEN"
        return self

    def notification(self):
        """(code, subcode) of the NOTIFICATION that comes next, or None when the end comes first."""
        body = self.receive_kind(NOTIFICATION)
        return (body[0], body[1]) if body else None
