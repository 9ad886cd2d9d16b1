"""broker.py AGENTBOX FOLDER SEED BOXES REQUESTS

A broker that counts for itself. Starts boxes under a profile with random rules,
asks for random actions over their control sockets, has an effect (a line in a
file) where it was allowed one and says what became of it; kills the writer of
the audit log now and then, and reloads policies. Prints "ok - ..." or
"not ok - ..." lines:

- what the file has is what the log has as outcomes "ok";
- nothing happened without an intent that allows it, before;
- every intent that went ahead has one outcome."""
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

MAGIC, DECIDE, OUTCOME = 0x62786741, 8, 9
AGENTBOX, FOLDER = sys.argv[1:3]
SEED, BOXES, REQUESTS = map(int, sys.argv[3:6])
RUNTIME = os.environ["AGENTBOX_RUNTIME_DIR"]
STATE = os.environ["AGENTBOX_STATE_DIR"]
PROFILE = os.path.join(FOLDER, "profile.json")
rnd = random.Random(SEED)


def rule(i):
    r = {"id": f"r{i}", "on": rnd.choice(["network", "tools", "memory"]),
         "effect": rnd.choice(["allow"] * 6 + ["deny", "limit", "ask"])}
    names = [f"n{rnd.randrange(6)}.example" for _ in range(rnd.randint(1, 3))]
    key = {"network": "host", "tools": "server", "memory": "namespace"}[r["on"]]
    r["match"] = {key: names}
    if r["effect"] in ("limit", "allow") and rnd.random() < 0.4 or \
            r["effect"] == "limit":
        r["rate"] = f"{rnd.randint(3, 30)}/{rnd.choice(['1s', '1m'])}"
    if r["effect"] == "allow" and rnd.random() < 0.2:
        r["max_uses"] = rnd.randint(1, 20)
    if rnd.random() < 0.3:
        r["when"] = [{"at": "/run/labels", "op": "disjoint",
                      "value": [rnd.choice(["web", "private"])]}]
    elif rnd.random() < 0.3 and r["on"] == "tools":
        r["when"] = [{"at": "/args/token", "op": "prefix",
                      "value": ["sk-a", "sk-b"]}]
    if r["effect"] == "allow" and rnd.random() < 0.15:
        r["labels"] = {"add": [rnd.choice(["web", "private"])]}
    return r


def write_profile():
    p = {"version": 1, "name": "broker", "role": "execute",
         "requires": {"optional": ["memory", "swap", "pids", "cpu", "io",
                                   "freeze"]},
         "process": {"syscalls": ["base"]},
         "files": {"exec": ["@system"], "workspace": {"access": "write"}},
         "labels": {"define": {"web": "w", "private": "p"}},
         "rules": [rule(i) for i in range(14)]}
    with open(PROFILE + ".new", "w", encoding="utf-8") as f:
        json.dump(p, f)
    os.rename(PROFILE + ".new", PROFILE)


def request():
    surface = rnd.choice(["network", "tools", "memory"])
    name = f"n{rnd.randrange(7)}.example"
    q = {"surface": surface}
    if surface == "network":
        q.update(host=name, port=443, method=rnd.choice(["GET", "POST"]),
                 scheme="https", path="/x",
                 headers={"authorization": f"Bearer {rnd.random()}"})
    elif surface == "tools":
        q.update({"server": name, "tool": "t", "stage": "call",
                  "class": rnd.choice(["read", "write", "send"])})
        if rnd.random() < 0.8:
            q["args"] = {"token": f"sk-{rnd.choice('abc')}{rnd.random()}",
                         "text": "\x1b[31m\u202e" + "x" * rnd.randrange(3000)}
    else:
        q.update(namespace=name, op=rnd.choice(["get", "put", "delete"]),
                 key=f"k/{rnd.randrange(5)}", type="note", value={"v": 1})
    return q


class Box:
    def __init__(self, name):
        self.name, self.sock, self.id = name, None, None
        self.process = subprocess.Popen(
            [AGENTBOX, "run", "-p", PROFILE, "-w", FOLDER, "-n", name, "--",
             "sleep", "600"], stdin=subprocess.DEVNULL,
            start_new_session=True)

    def wait(self):
        for _ in range(600):
            try:
                self.id = os.readlink(f"{RUNTIME}/@{self.name}")
                self.call(0, b"")
                return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"box {self.name} did not start")
                time.sleep(0.05)
        sys.exit(f"box {self.name} does not answer")

    def call(self, op, body):
        """Status and answer; a connection of its own where there is none."""
        if self.sock is None:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(60)
            s.connect(f"{RUNTIME}/{self.id}.sock")
            self.sock = s
        try:
            self.sock.send(struct.pack("=IHHII", MAGIC, 1, op, 0, len(body)) +
                           body)
            data = self.sock.recv(16 + 65536)
            if not data:
                raise OSError("closed")
        except OSError:
            self.sock.close()
            self.sock = None
            raise
        status, = struct.unpack("=i", data[8:12])
        return status, json.loads(data[16:])


def writer_pid():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        s.connect(f"{STATE}/audit/socket")
        cred = s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack("=iii", cred)[0]
    except OSError:
        return 0
    finally:
        s.close()


class Broker:
    def __init__(self, boxes):
        self.boxes, self.said = boxes, collections.Counter()
        self.effects = open(os.path.join(FOLDER, "effects"), "a",
                            encoding="utf-8")

    def effect(self, action):
        self.effects.write(f"{action}\n")
        self.effects.flush()

    def one(self):
        box = rnd.choice(self.boxes)
        for _ in range(2):  # an idle connection is closed after a while
            try:
                status, a = box.call(DECIDE, json.dumps(request()).encode())
                break
            except OSError:
                status, a = -1, {}
        if status < 0:
            self.said["no decision"] += 1
            return
        if not a["allowed"]:
            self.said["no record" if a["decision"]["reason"] == "no-record"
                      else "denied"] += 1
            return
        self.said["allowed"] += 1
        done = {"action": a["action"], "status": "ok"}
        if rnd.random() < 0.15:
            done.update(status="error", error="refused")
        else:
            self.effect(a["action"])
        if rnd.random() < 0.03:
            done["labels"] = [rnd.choice(["web", "private"])]
        if rnd.random() < 0.5:
            done.update(result="what came back", bytes_in=14)
        status, _ = box.call(OUTCOME, json.dumps(done).encode())
        if status:
            self.said["outcome refused"] += 1


def tell(good, text, *more):
    print(("ok - " if good else "not ok - ") + text)
    for m in more if not good else ():
        print(f"# {m}")


def records():
    out = subprocess.run(
        [os.path.join(os.path.dirname(AGENTBOX), "agentbox-query"), "audit",
         "query", "--limit", "0", "--json"], stdout=subprocess.PIPE,
        check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def compare():
    with open(os.path.join(FOLDER, "effects"), encoding="utf-8") as f:
        effects = [int(line) for line in f]
    log = records()
    intents = {r["seq"]: r for r in log if r["type"] == "intent" and
               "inputs" in r}
    outcomes = collections.defaultdict(list)
    for r in log:
        if r["type"] == "outcome" and r["ref"] in intents:
            outcomes[r["ref"]].append(r["status"])
    good = sorted(n for n, o in outcomes.items() if o == ["ok"])
    tell(sorted(effects) == good,
         f"{len(effects)} effects, {len(good)} outcomes ok: the same",
         f"only effects: {sorted(set(effects) - set(good))[:9]}",
         f"only in the log: {sorted(set(good) - set(effects))[:9]}")
    bad = [n for n in effects if n not in intents or
           intents[n]["effect"] not in ("allow", "limit", "redact") or
           intents[n]["goes_ahead"] != 1]
    tell(not bad, "no effect without an intent that allows it", bad[:9])
    ahead = [n for n, r in intents.items() if r["goes_ahead"] == 1]
    bad = [n for n in ahead if len(outcomes[n]) != 1]
    tell(not bad, f"{len(ahead)} of {len(intents)} went ahead, each has one "
         "outcome", [(n, outcomes[n]) for n in bad[:9]])
    bad = [n for n, r in intents.items() if r["goes_ahead"] != 1 and
           outcomes[n]]
    tell(not bad, "what was denied has none", bad[:9])
    starts = [r["seq"] for r in log if r.get("what") == "box.start"]
    ends = [r["ref"] for r in log if r["type"] == "outcome" and
            r["ref"] in starts]
    tell(sorted(starts) == sorted(ends) and len(starts) == BOXES,
         f"{len(starts)} boxes began and ended", starts, ends)
    text = json.dumps(log)
    tell("Bearer 0" not in text and "sk-a0" not in text,
         "no secret is in the log")
    return len(intents)


def main():
    write_profile()
    boxes = [Box(f"b{i}") for i in range(BOXES)]
    broker, kills, reloads = None, 0, 0
    try:
        for b in boxes:
            b.wait()
        broker = Broker(boxes)
        for i in range(REQUESTS):
            if rnd.random() < 0.01:
                pid = writer_pid()
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
            if rnd.random() < 0.005:
                write_profile()
                subprocess.run([AGENTBOX, "reload", "--all"], check=False,
                               stderr=subprocess.DEVNULL)
                reloads += 1
            broker.one()
    finally:
        subprocess.run([AGENTBOX, "kill", "--all"], check=False)
        for b in boxes:
            b.process.wait(60)
    print(f"# seed {SEED}: {dict(broker.said)}, {kills} kills of the writer, "
          f"{reloads} reloads")
    tell(broker.said["allowed"] > 0 and broker.said["denied"] > 0,
         "some were allowed, some denied")
    tell(kills > 0, f"the writer was killed {kills} times")
    tell(not broker.said["outcome refused"], "every outcome was taken",
         broker.said["outcome refused"])
    time.sleep(0.1)
    compare()


main()
