#!/usr/bin/env python3
"""A second opinion on an audit log, from the headers' words alone.

    audit_verify.py [--mac-key FILE] [--public-key FILE] DIR

Nothing of agentbox is used: frames as audit/record.h says, the chain as
audit/chain.h, the tree as RFC 6962, notes as audit/note.h, Ed25519 as RFC
8032. It checks frames, numbers, hashes, MACs, the roots and signatures of
checkpoints, the state at the begin of each file, that files before the first
were announced to go, and that the log reaches as far as the file head. Prints one JSON object: whole, and either what was seen
or the seq, file and offset of the first bad record.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

SEGMENT, CHECKPOINT, EXPIRE = 5, 6, 7
LOG, PUBLIC_KEY, SIZE, HEAD, PEAKS, ROOT, SIGNATURE, LAST = 4, 6, 8, 9, 10, 11, 12, 14


def sha256(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p)
    return h.digest()


# ---- Ed25519, RFC 8032, 5.1; slow, but of nobody's library ----------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = add(q, p)
        p = add(p, p)
        s >>= 1
    return q


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * I % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


def point(s):
    y = int.from_bytes(s, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signed(public, message, signature):
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    h = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(h, "little") % L
    x, y = multiply(s, BASE), add(r, multiply(k, a))
    return (x[0] * y[2] - y[0] * x[2]) % P == 0 and \
        (x[1] * y[2] - y[1] * x[2]) % P == 0


# ---- RFC 6962, 2.1 ---------------------------------------------------------
class Tree:
    def __init__(self):
        self.peaks = []  # (leaves below, hash), highest first

    def add(self, data):
        n, h = 1, sha256(b"\0", data)
        while self.peaks and self.peaks[-1][0] == n:
            h = sha256(b"\1", self.peaks.pop()[1], h)
            n *= 2
        self.peaks.append((n, h))

    def root(self):
        if not self.peaks:
            return sha256(b"")
        h = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            h = sha256(b"\1", left, h)
        return h

    def set(self, size, peaks):
        bits = [1 << i for i in range(62, -1, -1) if size >> i & 1]
        if len(peaks) != 32 * len(bits):
            raise ValueError("peaks")
        self.peaks = [(n, peaks[32 * i:32 * i + 32])
                      for i, n in enumerate(bits)]


class Bad(Exception):
    pass


def parse(data, at):
    """The frame at a place: (size, head, fields)."""
    if len(data) - at < 120:
        raise Bad("no whole frame")
    magic, size, seq, time, _, ref, channel, key, type_, version = \
        struct.unpack_from("<4sIQQQQQIHH", data, at)
    if magic != b"ABXR" or version != 1 or not 120 <= size <= 65000 or \
            size > len(data) - at:
        raise Bad("no frame")
    fields, p, last = {}, at + 56, 0
    end = at + size - 64
    while p < end:
        if end - p < 4:
            raise Bad("fields")
        number, length = struct.unpack_from("<HH", data, p)
        if number <= last or length > end - p - 4:
            raise Bad("fields")
        fields[number] = data[p + 4:p + 4 + length]
        last = number
        p += 4 + length
    return size, (seq, time, ref, channel, key, type_), fields


def note_body(log, size, root, head, time, key):
    return (f"agentbox-audit/{log.hex()}\n{size}\n"
            f"{base64.b64encode(root).decode()}\nhead {head.hex()}\n"
            f"time {time}\nkey {key}\n").encode()


def number(fields, n):
    return struct.unpack("<Q", fields[n])[0] if len(fields[n]) == 8 else -1


class Log:
    def __init__(self, public, mac):
        self.public, self.mac, self.mac_number = public, mac, 0
        self.size, self.head, self.tree = 0, bytes(32), Tree()
        self.log, self.signed, self.marks = None, 0, {}
        self.first, self.start, self.gone, self.told = 1, None, 0, None

    def check_mac(self, d, key, mac):
        if self.mac is None:
            return
        if key < self.mac_number:
            raise Bad("key goes back")
        while self.mac_number < key:
            self.mac = sha256(b"agentbox-audit step", self.mac)
            self.mac_number += 1
        if hmac.new(self.mac, d, hashlib.sha256).digest() != mac:
            raise Bad("MAC")

    def check_state(self, fields, seq):
        self.log = self.log or fields[LOG]
        if number(fields, SIZE) != seq - 1 or fields[HEAD] != self.head or \
                fields[PUBLIC_KEY] != self.public or fields[LOG] != self.log:
            raise Bad("segment")
        if fields.get(PEAKS, b"") != b"".join(h for _, h in self.tree.peaks):
            raise Bad("peaks")

    def check_checkpoint(self, fields, time, key):
        root = self.tree.root()
        if number(fields, SIZE) != self.size or fields[HEAD] != self.head \
                or fields[ROOT] != root:
            raise Bad("checkpoint")
        body = note_body(self.log, self.size, root, self.head, time, key)
        if not signed(self.public, body, fields[SIGNATURE]):
            raise Bad("signature")
        self.signed = self.size
        self.marks[self.size] = body

    def begin(self, first, type_, fields):
        """The state before a first file that is not the first of all."""
        if type_ != SEGMENT:
            raise Bad("no segment")
        self.size, self.head = first - 1, fields[HEAD]
        self.tree.set(first - 1, fields.get(PEAKS, b""))
        self.first, self.start = first, self.head

    def check_expire(self, fields, seq):
        last = number(fields, LAST)
        if not 0 < last < seq:
            raise Bad("expire")
        if last + 1 < self.first:
            self.gone = max(self.gone, last)
        elif last + 1 == self.first:
            if fields[HEAD] != self.start:
                raise Bad("expire")
            self.told = seq

    def check_begin(self):
        if self.first > 1 and self.told is None:
            self.size = self.gone  # the first that nobody says anything of
            raise Bad("files are missing")
        if self.first > 1 and self.mac is None and self.told > self.signed:
            self.size = self.told - 1
            raise Bad("expire is not signed")

    def record(self, data, at, first, begins):
        size, (seq, time, _, _, key, type_), fields = parse(data, at)
        if begins and self.size == 0 and first > 1:
            self.begin(first, type_, fields)
        if seq != self.size + 1:
            raise Bad("number")
        end = at + size
        d = sha256(self.head, data[at:end - 64])
        mac, stored = data[end - 64:end - 32], data[end - 32:end]
        if sha256(d, mac) != stored:
            raise Bad("hash")
        self.check_mac(d, key, mac)
        if begins != (type_ == SEGMENT) or (begins and first != seq):
            raise Bad("segment")
        if begins:
            self.check_state(fields, seq)
        if type_ == EXPIRE:
            self.check_expire(fields, seq)
        if type_ == CHECKPOINT:
            self.check_checkpoint(fields, time, key)
        self.head = stored
        self.tree.add(stored)
        self.size = seq
        return size


def read(path):
    with open(path, "rb") as f:
        return f.read()


def public_key(text):
    """<name>+<key id, hex>+<base64 of 0x01 and key>"""
    raw = base64.b64decode(text.decode().strip().split("+", 2)[2])
    if len(raw) != 33 or raw[0] != 1:
        raise ValueError("no Ed25519 key")
    return raw[1:]


def check_head(log, path):
    text = read(path)
    body, _, rest = text.partition(b"\n\n")
    body += b"\n"
    line = base64.b64decode(rest.split(b"\n")[0].split(b" ")[2])
    size = int(body.split(b"\n")[1])
    if not signed(log.public, body, line[4:]):
        raise Bad("the file head")
    if log.marks.get(size) != body:
        raise Bad("the log is shorter than head says, or another")


def verify(folder, public, mac):
    where = os.path.join(folder, "log")
    where = where if os.path.isdir(where) else folder
    names = sorted(n for n in os.listdir(where)
                   if len(n) == 24 and n.endswith(".seg"))
    log = Log(public, mac)
    name, at = "", 0
    try:
        for name in names:
            data, at, first = read(os.path.join(where, name)), 0, int(name[:20])
            if not data:
                raise Bad("empty file")
            while at < len(data):
                at += log.record(data, at, first, at == 0)
        if not log.signed:
            raise Bad("nothing is signed")
        log.check_begin()
        if os.path.exists(os.path.join(folder, "head")):
            check_head(log, os.path.join(folder, "head"))
    except (Bad, KeyError, ValueError) as why:
        return {"whole": False, "seq": log.size + 1, "file": name,
                "offset": at, "text": str(why)}
    return {"whole": True, "last": log.size, "covered": log.signed,
            "root": log.tree.root().hex()}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--mac-key")
    a.add_argument("--public-key")
    a.add_argument("dir")
    a = a.parse_args()
    key = a.public_key or os.path.join(a.dir, "public.key")
    report = verify(a.dir, public_key(read(key)),
                    read(a.mac_key) if a.mac_key else None)
    print(json.dumps(report))
    return 0 if report["whole"] else 1


if __name__ == "__main__":
    sys.exit(main())
