#!/usr/bin/env python3
"""Compares an audit log with what its clients were told.

    audit_check.py STATE PREFIX

PREFIX-RUN, for each run, is what tests/tools/audit_work.h describes: a line for
each acknowledgement. Each of them must be in the log, under that number, with
that content; each intent that goes ahead must have exactly one outcome. Prints
counts, one "NAME NUMBER" a line; fails with the first differences.
"""
import collections
import glob
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import audit_verify  # noqa: E402

RESTART, GAP, CHANNEL, CHANNEL_END, INTENT, OUTCOME, ANOMALY = \
    3, 4, 16, 17, 32, 33, 38
COUNT, CAUSE, TARGET, GOES_AHEAD, STATUS, DETAIL = 15, 17, 131, 170, 200, 202

Record = collections.namedtuple("Record", "type ref channel fields")


def number(fields, n):
    return struct.unpack("<Q", fields[n])[0] if n in fields else 0


def text(fields, n):
    return fields.get(n, b"").decode()


def records(state):
    """All of them by number. The chain is agentbox-verify's matter."""
    found = {}
    for path in sorted(glob.glob(f"{state}/audit/log/*.seg")):
        data, at = audit_verify.read(path), 0
        while at < len(data):
            size, (seq, _, ref, channel, _, kind), fields = \
                audit_verify.parse(data, at)
            found[seq] = Record(kind, ref, channel, fields)
            at += size
    return found


class Check:
    def __init__(self, state):
        self.log = records(state)
        self.wrong = []
        self.counts = collections.Counter()
        self.of_type = collections.Counter(r.type for r in self.log.values())

    def complain(self, what):
        self.wrong.append(what)

    def acknowledged(self, run, path):
        with open(path, encoding="ascii") as f:
            # what was killed may have been writing its last line
            lines = [l.split() for l in f if l.endswith("\n")]
        for what, a, b in lines:
            if what == "i":
                self.intent(int(a), f"{run}/{b}")
            elif what == "o":
                self.outcome(int(a), int(b))
            self.counts[what] += 1

    def intent(self, seq, target):
        r = self.log.get(seq)
        if not r or r.type != INTENT or text(r.fields, TARGET) != target:
            self.complain(f"intent {seq} ({target}) was acknowledged; "
                          f"the log has {r}")

    def outcome(self, seq, ref):
        r = self.log.get(seq)
        if not r or r.type != OUTCOME or r.ref != ref:
            self.complain(f"outcome {seq} of {ref} was acknowledged; "
                          f"the log has {r}")

    def pairs(self):
        """Each intent that goes ahead has one outcome, nothing else has."""
        ahead = {s for s, r in self.log.items()
                 if r.type == INTENT and number(r.fields, GOES_AHEAD)}
        seen = collections.Counter(
            r.ref for r in self.log.values() if r.type == OUTCOME)
        for seq in sorted(ahead):
            if seen[seq] != 1:
                self.complain(f"intent {seq} has {seen[seq]} outcomes")
        for seq in sorted(set(seen) - ahead):
            self.complain(f"an outcome of {seq}, which is no such intent")

    def statuses(self):
        return collections.Counter(
            text(r.fields, STATUS) for r in self.log.values()
            if r.type == OUTCOME)

    def end(self):
        for line in self.wrong[:10]:
            print("wrong: " + line)
        if self.wrong:
            raise SystemExit(f"{len(self.wrong)} things are wrong")


def check(state, prefix):
    c = Check(state)
    for path in sorted(glob.glob(prefix + "-*")):
        c.acknowledged(path[len(prefix) + 1:], path)
    c.pairs()
    return c


def main():
    c = check(sys.argv[1], sys.argv[2])
    refused = sum(number(r.fields, COUNT) for r in c.log.values()
                  if r.type == GAP)
    causes = {text(r.fields, CAUSE) for r in c.log.values() if r.type == GAP}
    print(f"records {len(c.log)}\nintents {c.counts['i']}\n"
          f"outcomes {c.counts['o']}\nrefused {c.counts['r']}\n"
          f"gaps {c.of_type[GAP]}\ngap_refused {refused}\n"
          f"anomalies {c.of_type[ANOMALY]}\n"
          f"restarts {c.of_type[RESTART]}")
    for cause in sorted(causes):
        print("cause " + cause)
    for status, n in sorted(c.statuses().items()):
        print(f"status-{status} {n}")
    c.end()


if __name__ == "__main__":
    main()
