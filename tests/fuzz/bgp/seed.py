#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the BGP fuzz targets from tests/vectors/bgp; run it after adding vectors."""

import hashlib
import os

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "vectors", "bgp")
OPEN, UPDATE, NOTIFICATION, REFRESH = 1, 2, 3, 5


def blocks(path):
    """The vectors of a file, as {key: value}."""
    for text in open(path).read().split("\n\n"):
        block, key = {}, None
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            if not line.startswith(" "):
                key, _, line = line.partition(":")
            block[key] = block.get(key, "") + line.strip()
        if "message" in block:
            yield block


def write(target, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()[:12]), "wb") as f:
        f.write(data)


def update_flags(block, side):
    flags = block["flags"]
    value = 1 if side == "external" else 0
    value |= 2 if "as4" in flags else 0
    value |= 4 if "ipv4" in flags else 0
    value |= 8 if "ipv6" in flags else 0
    return bytes([value | (16 if "first-as" in flags else 0)])


def seed(path):
    stream = b""
    for block in blocks(path):
        message = bytes.fromhex(block["message"])
        kind, body = message[18] if len(message) > 18 else 0, message[19:]
        if int.from_bytes(message[16:18], "big") != len(message):
            write("stream", message)
            continue
        stream += message
        if kind == OPEN:
            write("open", body)
        elif kind == UPDATE:
            for side in ("external", "internal"):
                if "text" in block or side in block:
                    write("update", update_flags(block, side) + body)
        elif kind == NOTIFICATION:
            write("small", b"\0" + body)
        elif kind == REFRESH:
            write("small", b"\1" + body)
    write("stream", stream)


if __name__ == "__main__":
    for name in sorted(os.listdir(VECTORS)):
        if name.endswith(".txt"):
            seed(os.path.join(VECTORS, name))
