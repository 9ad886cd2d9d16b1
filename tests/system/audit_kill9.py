"""audit_kill9.py LOAD WRITER VERIFY STATE ROUNDS

Keeps clients of the audit log's writer busy, kills the writer or one of them
with SIGKILL at random points, and looks afterwards whether all that was ever
acknowledged is in the log. Prints one line for each thing that held, or what
did not and fails. AUDIT_KILL_SEED repeats a run as far as chance allows.
"""
import collections
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

LOAD, WRITER, VERIFY, STATE, ROUNDS = sys.argv[1:6]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import audit_check  # noqa: E402

SEED = int(os.environ.get("AUDIT_KILL_SEED", random.randrange(2**32)))
random.seed(SEED)
ACKED = STATE + "/acked"
# one by one and pipelined, on the disk and with the kernel
KINDS = [["--durable"], ["--durable", "--window", "16"],
         ["--window", "64"], []]
HELLO = struct.pack("<IHHQ", 0x31445541, 0, 0, 1)
LIMIT = 60.0
# where an instruction costs ten times as much, all comes ten times as late
PACE = 10 if os.environ.get("EMULATED") else 1

counts = collections.Counter()


def give_up(what):
    raise SystemExit(f"{what} (AUDIT_KILL_SEED={SEED})")


class Loader:
    """A supervisor-like process; when it is killed, the next one follows."""

    def __init__(self, slot):
        self.slot, self.life = slot, 0
        self.start()

    def start(self):
        self.life += 1
        run = f"run-{self.slot}-{self.life}"
        self.acked = f"{ACKED}-{run}"
        self.process = subprocess.Popen(
            [LOAD, "--writer", WRITER, "--stay", "--seconds", "3600",
             "--run", run, "--acked", self.acked] + KINDS[self.slot],
            stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        if self.process.wait() != -signal.SIGKILL:
            give_up(f"a client ended by itself: {self.process.returncode}")


def writer():
    """(pid, whether it serves already) of the writer; (0, False): none."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        s.settimeout(random.choice([0.001, 0.05]))
        s.connect(STATE + "/audit/socket")
        pid = struct.unpack("iII", s.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        s.send(HELLO)
        return pid, len(s.recv(4096)) > 0
    except socket.timeout:
        return pid, False
    except OSError:
        return 0, False
    finally:
        s.close()


def kill_writer():
    end = time.monotonic() + LIMIT
    pid = 0
    while not pid:
        if time.monotonic() > end:
            give_up("no writer came back")
        pid, serves = writer()
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself meanwhile: another had the lock
    counts["writer"] += 1
    counts["served"] += serves


def kill_loader(loaders):
    loader = random.choice(loaders)
    loader.kill()
    loader.start()
    counts["client"] += 1


def one_round(loaders):
    time.sleep(random.choice([0, 0.002, 0.01, 0.04]) * random.random() * 2 *
               PACE)
    what = random.random()
    if what < 0.55:
        kill_writer()
    if what > 0.45:
        kill_loader(loaders)


def wait_busy(loaders):
    """Until something of each was acknowledged."""
    end = time.monotonic() + LIMIT * PACE
    while not all(os.path.exists(l.acked) and os.path.getsize(l.acked)
                  for l in loaders):
        if time.monotonic() > end:
            give_up("a client gets nothing recorded")
        time.sleep(0.01)


def wait_writer():
    """Until one serves again, since nobody starts one afterwards."""
    end = time.monotonic() + LIMIT * PACE
    while not writer()[1]:
        if time.monotonic() > end:
            give_up("no writer came back")
        time.sleep(0.01)


def verify():
    r = subprocess.run([VERIFY, "--json", "--public-key",
                        STATE + "/audit/public.key", STATE + "/audit"],
                       stdout=subprocess.PIPE, check=False)
    return r.returncode, json.loads(r.stdout)


def settle():
    """Until the writer has said of every action what is known of it."""
    end = time.monotonic() + LIMIT * PACE
    while True:
        status, report = verify()
        if status == 0 and report["open_actions"] == 0:
            return
        if time.monotonic() > end:
            give_up(f"status {status}, open actions stay: {report}")
        time.sleep(0.3)


def stop_writer():
    pid, _ = writer()
    if not pid:
        return
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + LIMIT
    while os.path.exists(f"/proc/{pid}"):
        if time.monotonic() > end:
            give_up("the writer does not end")
        time.sleep(0.01)


def judge():
    status, report = verify()
    if status != 0 or report["uncovered"] != 0:
        give_up(f"agentbox-verify: {status}, {report}")
    c = audit_check.check(STATE, ACKED)
    c.end()
    restarts = c.of_type[audit_check.RESTART]
    unknown = c.statuses()["unknown"]
    if not counts["served"] <= restarts <= counts["writer"]:
        give_up(f"{restarts} restarts are in the log, {counts}")
    if not unknown or not c.of_type[audit_check.CHANNEL_END]:
        give_up(f"{unknown} unknown outcomes, "
                f"{c.of_type[audit_check.CHANNEL_END]} ends of channels")
    print(f"{c.counts['i']} intents and {c.counts['o']} outcomes were "
          "acknowledged, and every one is in the log")
    print(f"the writer was killed {counts['writer']} times, "
          f"{restarts} restarts are in the log")
    print(f"clients were killed {counts['client']} times; "
          f"{unknown} actions have the outcome \"unknown\"")
    print(f"the log of {report['records']} records is whole")


def main():
    loaders = [Loader(i) for i in range(len(KINDS))]
    try:
        wait_busy(loaders)
        for _ in range(int(ROUNDS)):
            one_round(loaders)
            for loader in loaders:
                if loader.process.poll() is not None:
                    give_up(f"a client ended: {loader.process.returncode}")
        wait_busy(loaders)
        wait_writer()
    finally:
        for loader in loaders:
            loader.process.kill()
            loader.process.wait()
    settle()
    stop_writer()
    judge()


main()
