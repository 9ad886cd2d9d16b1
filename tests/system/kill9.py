"""kill9.py AGENTBOX WORKSPACE RUNTIME_DIR ROUNDS [PROFILE]

Starts boxes, kills their supervisors with SIGKILL in every state of a box, and
looks for what is left. Prints one line per state, or what was found and fails.
"""
import glob
import os
import random
import signal
import subprocess
import sys
import time

AGENTBOX, WS, RT, ROUNDS = sys.argv[1:5]
PROFILE = sys.argv[5] if len(sys.argv) > 5 else "default"
TOKEN = "abx-kill9-%d" % os.getpid()
LIMIT = 60.0  # seconds until everything must be gone
random.seed(20261122)

SLEEP = ["sleep", "1000"]
DAEMONS = ["sh", "-c", "trap '' TERM INT HUP; for i in 1 2 3; do"
           " (setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & sleep 1000' &) ;"
           " done; sleep 1000"]
FORKS = ["sh", "-c", "while :; do (sleep 0.01 &) ; done"]


def start(name, command):
    return subprocess.Popen(
        [AGENTBOX, "run", "--profile", PROFILE, "--name", name,
         "--env", "TOKEN=" + TOKEN, "--workspace", WS, "--"] + command,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)


def control(*words):
    return subprocess.run([AGENTBOX] + list(words), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, timeout=LIMIT).returncode


def wait_running(name):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if control("inspect", name) == 0:
            return
        time.sleep(0.005)
    raise SystemExit("box %s never ran" % name)


def namespaces():
    seen = set()
    for path in glob.glob("/proc/[0-9]*/ns/*"):
        try:
            seen.add(os.readlink(path))
        except OSError:
            pass
    return seen


def processes():
    """Pids with our token in the environment, the guard's arguments too."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        for name in ("environ", "cmdline"):
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as f:
                    data = f.read()
            except OSError:
                continue
            if TOKEN.encode() in data or RT.encode() + b"/" in data:
                if b"kill9.py" not in data and b"40-kill9" not in data:
                    found.append(pid)
                    break
    return found


def cgroups(name_of):
    return [d for d in glob.glob("/sys/fs/cgroup/**/agentbox-" + name_of + "*",
                                 recursive=True)]


def empty_parents():
    """Folders in which boxes have their groups, with no box in them."""
    return [d for d in glob.glob("/sys/fs/cgroup/**/agentbox", recursive=True)
            if not glob.glob(d + "/*/")]


def ids():
    return {n[:-5] for n in os.listdir(RT) if n.endswith(".sock")}


def leftovers(box_ids):
    left = ["process " + p for p in processes()]
    left += ["cgroup " + c for i in box_ids for c in cgroups(i)]
    left += ["cgroup " + p for p in empty_parents()]
    with open("/proc/self/mountinfo") as f:
        left += ["mount " + l for l in f if "agentbox" in l]
    return left


def stale_files():
    """A supervisor killed before its guard was there leaves a socket that
    refuses; `agentbox ps` removes those that are older than ten seconds."""
    time.sleep(12)
    control("ps")
    return [n for n in os.listdir(RT)
            if n.endswith(".sock") or n.startswith("@")]


def expect_gone(state, box_ids):
    end = time.monotonic() + LIMIT
    while True:
        left = leftovers(box_ids)
        if not left:
            return
        if time.monotonic() > end:
            raise SystemExit("%s: left behind: %s" % (state, ", ".join(left)))
        time.sleep(0.01)


def kill9(p):
    os.kill(p.pid, signal.SIGKILL)
    p.wait()


def starting(name, known):
    p = start(name, DAEMONS)
    time.sleep(random.uniform(0, 0.03))
    known |= ids()
    kill9(p)


def running(name, known):
    p = start(name, DAEMONS)
    wait_running(name)
    known |= ids()
    kill9(p)


def forking(name, known):
    p = start(name, FORKS)
    wait_running(name)
    known |= ids()
    kill9(p)


def frozen(name, known):
    p = start(name, DAEMONS)
    wait_running(name)
    known |= ids()
    control("freeze", name)
    kill9(p)


def stopping(name, known):
    p = start(name, FORKS)
    wait_running(name)
    known |= ids()
    k = subprocess.Popen([AGENTBOX, "kill", name], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(0, 0.003))
    kill9(p)
    k.wait(timeout=LIMIT)


def main():
    states = [starting, running, starting, frozen, forking, stopping]
    before = namespaces()
    counts = {}
    for i in range(int(ROUNDS)):
        state = states[i % len(states)]
        known = set()
        state("k%d" % i, known)
        expect_gone("round %d, %s" % (i, state.__name__), known)
        counts[state.__name__] = counts.get(state.__name__, 0) + 1
    if stale_files():
        raise SystemExit("left behind: %s" % ", ".join(stale_files()))
    end = time.monotonic() + LIMIT
    while namespaces() - before and time.monotonic() < end:
        time.sleep(0.05)
    for state, n in sorted(counts.items()):
        print("%s: %d supervisors killed, nothing left" % (state, n))


main()
