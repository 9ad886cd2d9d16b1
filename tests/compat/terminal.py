#!/usr/bin/python3
"""Plays a person at a terminal: runs a command on a pty of its own and follows
a script of steps from standard input, one on each line:

    expect REGEX     until the output since the last match has it
    send TEXT        with Python's escapes: \\r, \\x03
    size ROWS COLS   of the terminal
    end STATUS       the command ends by itself with that status

Only what was read says that a thing has happened, never that time has passed:
control-D, say, is lost where the shell has not read its terminal yet, so an
"expect" of the prompt comes first. A step has LIMIT seconds.

Status 0 if every step came true; otherwise what was seen goes to stderr.
Usage: terminal.py COMMAND [ARG...] <STEPS
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 50  # a deadline for what takes milliseconds where nothing else runs


# What moves a cursor or colours, and carriage returns.
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z@]|\x1b[=>]|\r")


class Terminal:
    def __init__(self, argv):
        self.raw = b""
        self.seen = b""  # without the control sequences
        self.at = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execvp(argv[0], argv)
        self.size(24, 80)

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, seconds):
        """False at the end of the output."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            return False
        self.raw += data
        self.seen = CONTROL.sub(b"", self.raw)
        return bool(data)

    def expect(self, regex):
        end = time.monotonic() + LIMIT
        while True:
            m = re.search(regex.encode(), self.seen[self.at:], re.M)
            if m:
                self.at += m.end()
                return True
            if time.monotonic() > end or not self.read(0.1):
                return False

    def end(self, status):
        end = time.monotonic() + LIMIT
        while self.read(0.1):
            if time.monotonic() > end:
                return False
        got = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        got = os.waitstatus_to_exitcode(got)
        self.seen += b"\n[status %d]" % got
        return got == status

    def step(self, word, rest):
        if word == "expect":
            return self.expect(rest)
        if word == "send":
            os.write(self.fd, rest.encode().decode("unicode_escape").encode())
        elif word == "size":
            self.size(*map(int, rest.split()))
        elif word == "end":
            return self.end(int(rest))
        else:
            sys.exit("terminal.py: no step " + word)
        return True


def main():
    steps = [s.strip() for s in sys.stdin if s.strip()]
    t = Terminal(sys.argv[1:])
    for s in steps:
        word, _, rest = s.partition(" ")
        if not t.step(word, rest):
            print("this did not come:", s, "\nseen:", file=sys.stderr)
            print(t.seen.decode(errors="replace"), file=sys.stderr)
            if t.pid:
                os.kill(t.pid, signal.SIGTERM)
            sys.exit(1)
    if t.pid:
        os.kill(t.pid, signal.SIGTERM)


main()
