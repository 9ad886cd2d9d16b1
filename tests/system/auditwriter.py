#!/usr/bin/env python3
"""A client of the audit writer, for tests.

    auditwriter.py SOCKET COMMAND...

Each command prints one line:
    open           a channel; "open SEQ" or "open -ERRNO"
    intent         on the channel, an intent that goes ahead and is durable
    outcome        of the last intent
    checkpoint, rotate, status   on a connection of its own
    hold           until standard input ends
"refused" and status 1 where the writer does not take the connection.
"""
import errno
import json
import os
import socket
import struct
import sys

MAGIC = 0x31445541
OPEN, RECORD, STATUS, CHECKPOINT, ROTATE = 1, 2, 4, 5, 6
DURABLE = 1
AGENT, RUN, WHAT, SURFACE, EFFECT, GOES_AHEAD, STATUS_FIELD = \
    64, 67, 128, 129, 160, 170, 200


def field(number, value):
    data = struct.pack("<Q", value) if isinstance(value, int) \
        else value.encode()
    return struct.pack("<HH", number, len(data)) + data


def head(op, flags=0):
    return struct.pack("=IHHQ", MAGIC, op, flags, 1)


def record(kind, ref, fields, flags):
    return head(RECORD, flags) + struct.pack("=QHHHH", ref, kind, 0, 0, 0) \
        + fields


class Refused(Exception):
    pass


class Link:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.connect(path)

    def ask(self, message):
        try:
            self.s.send(message)
            answer = self.s.recv(1 << 18)
        except (BrokenPipeError, ConnectionResetError):
            raise Refused from None
        if not answer:
            raise Refused
        return answer

    def ack(self, message):
        answer = self.ask(message)
        _, seq, status, _ = struct.unpack_from("=QQiI", answer, 8)
        return -status and f"-{errno.errorcode[-status]}" or seq


def main():
    path = sys.argv[1]
    channel, last = None, 0
    for what in sys.argv[2:]:
        said = ""
        if what == "open":
            channel = Link(path)
            said = channel.ack(head(OPEN) + field(AGENT, "tester") +
                               field(RUN, "run-1"))
        elif what == "intent":
            last = said = channel.ack(record(
                32, 0, field(WHAT, "tools.call") + field(SURFACE, "tool") +
                field(EFFECT, "allow") + field(GOES_AHEAD, 1), DURABLE))
        elif what == "outcome":
            said = channel.ack(record(33, last, field(STATUS_FIELD, "ok"), 0))
        elif what == "status":
            text = Link(path).ask(head(STATUS))[16:]
            said = json.dumps(json.loads(text))
        elif what == "hold":
            sys.stdin.read()
        else:
            said = Link(path).ack(head(
                {"checkpoint": CHECKPOINT, "rotate": ROTATE}[what]))
        print(what, said, flush=True)
    return 0


try:
    sys.exit(main())
except (Refused, PermissionError):
    print("refused", flush=True)
    sys.exit(1)
except BrokenPipeError:
    os._exit(1)
