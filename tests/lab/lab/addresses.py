# SPDX-License-Identifier: Apache-2.0
"""Changes of addresses in a host, as the kernel tells them (rtnetlink), with the time of each."""

import dataclasses
import ipaddress
import select
import socket
import struct
import threading
import time

from .wait import wait_until

RTMGRP_IPV4_IFADDR = 0x10
RTMGRP_IPV6_IFADDR = 0x100
RTM_NEWADDR = 20
RTM_DELADDR = 21
IFA_ADDRESS = 1
IFA_LOCAL = 2


@dataclasses.dataclass
class Change:
    """An address came (added) or went."""

    time: float
    address: str
    added: bool


class AddressMonitor:
    """Records from construction until close()."""

    def __init__(self, host):
        self._changes = []
        self._socket = host.inside(self._open)
        self._stop_r, self._stop_w = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.close)

    @staticmethod
    def _open():
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        s.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
        return s

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._thread.is_alive():
            self._stop_w.send(b"x")
            self._thread.join(5)
            for s in (self._socket, self._stop_r, self._stop_w):
                s.close()

    def _run(self):
        while True:
            ready, _, _ = select.select([self._socket, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            data, now = self._socket.recv(65536), time.time()
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (RTM_NEWADDR, RTM_DELADDR):
                    self._message(data[16:length], kind == RTM_NEWADDR, now)
                data = data[(length + 3) & ~3 :]

    def _message(self, body, added, now):
        attributes, at = {}, 8
        while at + 4 <= len(body):
            length, kind = struct.unpack_from("=HH", body, at)
            attributes[kind] = body[at + 4 : at + length]
            at += (length + 3) & ~3
        raw = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
        if raw:
            self._changes.append(Change(now, str(ipaddress.ip_address(raw)), added))

    def changes(self, address, since=0.0):
        return [c for c in list(self._changes) if c.address == address and c.time >= since]

    def wait_change(self, address, added, since, deadline):
        def seen():
            return next((c for c in self.changes(address, since) if c.added == added), None)

        what = "comes" if added else "goes"
        return wait_until(
            seen, deadline, lambda: f"{address} {what}, seen {self.changes(address, since)}"
        )
