#!/usr/bin/env python3
"""Measures agentbox beside other sandboxes; started by run.sh.

bench.py FOLDER [MNTNS]: FOLDER holds ws/ and filter; MNTNS is a mount namespace
with cgroup2 at /sys/fs/cgroup, for crun. Everything that is started here is
ended here. Figures are medians; a goal is judged by the figures of this run
only, and missing one is no failure of the command.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import bench_net

TMP = sys.argv[1]
NS = sys.argv[2] if len(sys.argv) > 2 else ""
AGENTBOX = os.environ["AGENTBOX"]
BIN = os.environ["TESTBIN"]
SOURCE = os.path.dirname(os.path.abspath(__file__)) + "/../.."
N = int(os.environ.get("BENCH_N", "100"))
PARTS = os.environ.get("BENCH_ONLY",
                       "launch phases memory control command calls "
                       "decide query audit net").split()
ROOT = os.geteuid() == 0
WS = TMP + "/ws"
FILTER = TMP + "/filter"
NULL = subprocess.DEVNULL
BUSY = 0.15  # of the machine, by others

goals = []
noise = []


def say(text=""):
    print(text, flush=True)


def title(text):
    say()
    say(text)
    wait_for_quiet()


def least(what, ratio, limit, unit=" x", valid=True):
    """A goal that is reached from above."""
    word = "not measured"
    if valid:
        word = "met" if ratio >= limit else "missed"
    got = f"{ratio:.2f}{unit}" if valid else "-"
    goals.append((what, got, f"{limit:.2f}{unit}", word, "at least"))
    return f"goal at least {limit:g}{unit}: {got}, {word}"


def goal(what, ratio, limit, unit=" x", valid=True):
    if not valid:
        goals.append((what, "-", f"{limit:.2f}{unit}", "not measured",
                      "at most"))
        return "a command failed: not measured"
    word = "met" if ratio <= limit else "missed"
    goals.append((what, f"{ratio:.2f}{unit}", f"{limit:.2f}{unit}", word, "at most"))
    return f"goal at most {limit:g}{unit}: {ratio:.2f}{unit}, {word}"


# ---- the machine

def cpu_times():
    with open("/proc/stat", encoding="ascii") as f:
        v = [int(x) for x in f.readline().split()[1:8]]
    return sum(v), v[3] + v[4]


def busy(seconds):
    all0, idle0 = cpu_times()
    time.sleep(seconds)
    all1, idle1 = cpu_times()
    return 1 - (idle1 - idle0) / max(all1 - all0, 1)


def wait_for_quiet():
    share = busy(0.5)
    for _ in range(int(os.environ.get("BENCH_WAIT", "10"))):
        if share <= BUSY:
            break
        share = busy(1)
    if share > BUSY:
        noise.append(share)
        say(f"  (the machine is busy: {share:.0%} of its processors with "
            "something else; figures are too high)")


# ---- who is measured

BWRAP = ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
         "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
         "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev",
         "--tmpfs", "/tmp", "--bind", WS, "/ws", "--chdir", "/ws",
         "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop",
         "ALL", "--seccomp", "9"]
FIREJAIL = ["firejail", "--noprofile", "--quiet", "--net=none",
            "--private-tmp", "--private-dev", "--caps.drop=all", "--seccomp",
            "--nonewprivs"]
CRUN_REFUSED = """acct add_key bpf delete_module finit_module fsconfig fsmount
    fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup
    kcmp kexec_load keyctl mount mount_setattr move_mount open_by_handle_at
    open_tree perf_event_open pivot_root ptrace quotactl reboot request_key
    sethostname setns swapoff swapon umount2 unshare userfaultfd""".split()


def missing(program):
    """Why it is left out, or None."""
    if program == "crun" and not ROOT:
        return "needs root"
    if not shutil.which(program):
        return "not installed"
    if program == "crun" and not NS:
        return "no cgroup2 mount could be made"
    probe = {"bwrap": ["--ro-bind", "/", "/", "true"],
             "firejail": FIREJAIL[1:] + ["true"]}.get(program, ["--version"])
    try:
        r = subprocess.run([program] + probe, stdin=NULL, stdout=NULL,
                           stderr=NULL, timeout=20, check=False, cwd=WS)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    return None if r.returncode == 0 else f"does not work here: {program} " + \
        " ".join(probe[:3]) + f" says {r.returncode}"


def peers(names):
    have = []
    for name in names:
        why = missing(name)
        if why:
            say(f"  skip {name}: {why}")
        else:
            have.append(name)
    return have


def bundle(name, args):
    """An OCI bundle with the same layers, as far as crun has them."""
    root = f"{TMP}/root"
    for d in ("usr", "etc", "proc", "dev", "tmp", "ws"):
        os.makedirs(f"{root}/{d}", exist_ok=True)
    for link in ("bin", "lib", "lib64"):
        if not os.path.islink(f"{root}/{link}"):
            os.symlink("usr/" + link, f"{root}/{link}")
    ro = ["rbind", "ro"]
    none = {k: [] for k in ("bounding", "effective", "inheritable",
                            "permitted", "ambient")}
    config = {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0},
                    "args": args, "env": ["PATH=/usr/bin:/bin"], "cwd": "/ws",
                    "capabilities": none, "noNewPrivileges": True},
        "root": {"path": root, "readonly": True},
        "hostname": "bench",
        "mounts": [
            {"destination": "/usr", "type": "bind", "source": "/usr",
             "options": ro},
            {"destination": "/etc", "type": "bind", "source": "/etc",
             "options": ro},
            {"destination": "/ws", "type": "bind", "source": WS,
             "options": ["bind", "rw"]},
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {
            "namespaces": [{"type": t} for t in
                           ("pid", "network", "ipc", "uts", "mount",
                            "cgroup")],
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": CRUN_REFUSED,
                                      "action": "SCMP_ACT_ERRNO",
                                      "errnoRet": 1}]}}}
    path = f"{TMP}/bundle-{name}"
    os.makedirs(path, exist_ok=True)
    with open(path + "/config.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
    return path


def own_groups():
    """Where a box has its control groups here: (cgroup2, [v1...])."""
    p = subprocess.Popen([AGENTBOX, "run", "--", "sleep", "30"], cwd=WS,
                         stdin=NULL, stdout=NULL, stderr=NULL)
    pid = payload(p.pid, "sleep")
    v2, v1 = "", []
    mounts = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            w = line.split()
            if " - cgroup2 " in line and "" not in mounts:
                mounts[""] = w[4]
            elif " - cgroup " in line:
                for c in w[-1].split(","):
                    mounts.setdefault(c, w[4])
    if pid:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
            for line in f:
                _, names, path = line.rstrip("\n").split(":", 2)
                parent, leaf = os.path.split(path)
                at = mounts.get(names.split(",")[0])
                if not leaf.startswith("agentbox-") or at is None:
                    continue
                folder = at + (parent if parent != "/" else "")
                if names:
                    v1.append(folder)
                else:
                    v2 = folder
    p.terminate()
    p.wait()
    return v2, v1


# ---- processes

def children():
    kids = {}
    for p in os.listdir("/proc"):
        if not p.isdigit():
            continue
        try:
            with open(f"/proc/{p}/stat", encoding="utf-8",
                      errors="replace") as f:
                s = f.read()
        except OSError:
            continue
        name = s[s.index("(") + 1:s.rindex(")")]
        parent = int(s[s.rindex(")") + 2:].split()[1])
        kids.setdefault(parent, []).append((int(p), name))
    return kids


def below(root, kids):
    todo, out = [root], []
    while todo:
        for pid, name in kids.get(todo.pop(), []):
            out.append((pid, name))
            todo.append(pid)
    return out


def payload(root, name, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pid, comm in below(root, children()):
            if comm == name:
                return pid
        time.sleep(0.02)
    return None


def rounds(lines, n):
    """bench_launch over (label, words): {label: (n, min, p50, p95, cpu, rc)}"""
    text = "".join("\t".join([label] + words) + "\n" for label, words in lines)
    r = subprocess.run([BIN + "/bench_launch", str(n)], input=text, text=True,
                       stdout=subprocess.PIPE, cwd=WS, check=True)
    out = {}
    for line in r.stdout.splitlines():
        label, *v = line.split("\t")
        out[label] = tuple(int(x) for x in v)
    return out


def ms(ns):
    return ns / 1e6


# ---- the parts

def part_launch():
    title(f"Launch: start to exit of /bin/true, {N} rounds in turn (ms)")
    v2, v1 = own_groups()
    have = peers(["bwrap", "crun", "firejail"])
    true = ["/bin/true"]
    lines = [("agentbox", [AGENTBOX, "run", "--"] + true),
             ("floor", [BIN + "/bench_floor", FILTER, WS] +
              [g for g in [v2] + v1 if g] + ["--"] + true),
             ("no sandbox", true)]
    if "bwrap" in have:
        lines.insert(1, ("bwrap", ["9<" + FILTER] + BWRAP + true))
    if "crun" in have:
        lines.append(("crun", ["ns=" + NS, "crun", "run", "-b",
                               bundle("true", true), "abx-bench-true"]))
    if "firejail" in have:
        lines.append(("firejail", FIREJAIL + true))
    got = rounds(lines, N)
    own = got["agentbox"][2]
    say("  %-12s %8s %8s %8s %8s %s" % ("", "least", "median", "p95", "cpu",
                                        "agentbox is"))
    for label, (_, least, p50, p95, cpu, rc) in got.items():
        note = "" if label == "agentbox" else f"{own / p50:.2f} x of it"
        if rc:
            note += f"  (exit status {rc})"
        say("  %-12s %8.2f %8.2f %8.2f %8.2f %s" %
            (label, ms(least), ms(p50), ms(p95), ms(cpu), note))
    say("  floor: the same layers and groups from one static program that "
        "does nothing else")
    for other, limit in (("bwrap", 0.5), ("floor", 1.5)):
        if other in got:
            good = not got["agentbox"][5] and not got[other][5]
            say(f"  beside {other}: " +
                goal(f"launch, beside {other}", own / got[other][2], limit,
                     valid=good))


def part_phases():
    title(f"Phases of a launch, {N} runs (us, each from the end of the one "
          "before)")
    phases = {}
    for _ in range(N):
        r = subprocess.run([AGENTBOX, "run", "--timing", "--", "/bin/true"],
                           stdin=NULL, stdout=NULL, stderr=subprocess.PIPE,
                           text=True, cwd=WS, check=False)
        for line in r.stderr.splitlines():
            w = line.split()
            if len(w) == 4 and w[0] == "timing":
                phases.setdefault(w[1], []).append(float(w[2]))
    total = 0.0
    for name, v in phases.items():
        v.sort()
        total += statistics.median(v)
        say("  %-10s median %8.0f   p95 %8.0f" %
            (name, statistics.median(v), v[int(len(v) * 0.95)]))
    say("  %-10s        %8.0f" % ("sum", total))


def pss(pid):
    """KiB, or None where it may not be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None


def with_filter(words):
    """The command with the filter as descriptor 9."""
    return ["sh", "-c", 'f=$1; shift; exec "$@" 9< "$f"', "sh", FILTER] + words


def weigh(words, count):
    """Starts so many; the KiB each adds beside its payload, by program."""
    procs = [subprocess.Popen(words + ["sleep", "600"], stdin=NULL,
                              stdout=NULL, stderr=NULL, cwd=WS)
             for _ in range(count)]
    for p in procs:
        if not payload(p.pid, "sleep"):
            say("  a box did not start")
    time.sleep(1)
    kids, sums = children(), {}
    for p in procs:
        with open(f"/proc/{p.pid}/comm", encoding="utf-8") as f:
            tree = [(p.pid, f.read().strip())]
        for pid, name in tree + below(p.pid, kids):
            if name == "sleep":
                continue
            kib = pss(pid)
            if kib is None:
                sums = None
                break
            sums[name] = sums.get(name, 0) + kib
        if sums is None:
            break
    for p in procs:
        p.terminate()
    for p in procs:
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    return sums and {k: v / count for k, v in sums.items()}


def part_memory():
    title("Memory that an idle box adds beside its command (PSS, KiB)")
    have = peers(["bwrap"])
    for count in (1, 50):
        for label, words in [("agentbox", [AGENTBOX, "run", "--"]),
                             ("bwrap", with_filter(BWRAP))]:
            if label == "bwrap" and label not in have:
                continue
            sums = weigh(words, count)
            if sums is None:
                say(f"  skip {label}: only root may read this of its pid 1")
                continue
            total = sum(sums.values())
            say("  %2d x %-9s %6.0f each: %s" %
                (count, label, total,
                 ", ".join(f"{k} {v:.0f}" for k, v in sorted(sums.items()))))
            if label == "agentbox":
                say("    " + goal(f"memory of each of {count}", total / 1024,
                                  1.0, " MiB"))


def part_control():
    title("Freeze, thaw and kill of busy processes in a box (us): the control "
          "request beside the plain write to the cgroup file")
    v2, _ = own_groups()
    if not v2:
        say("  skip the plain write: this user has no control group here")
    for n, count in ((1, max(N // 3, 4)), (100, max(N // 8, 4)),
                     (1000, max(N // 25, 4))):
        profile = WS + "/bench.json"
        with open(profile, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "name": "bench",
                       "role": "execute", "requires": {
                "optional": ["memory", "swap", "pids", "cpu", "io",
                             "freeze"]},
                "process": {"limits": {"pids": 4096}, "syscalls": ["base"]},
                "files": {"exec": ["@system"], "read": ["@etc"],
                          "workspace": {"access": "read", "exec": True}}}, f)
        r = subprocess.run([BIN + "/bench_control", AGENTBOX, profile,
                            v2, str(n), str(count)], stdin=NULL, text=True,
                           capture_output=True, cwd=WS, check=False)
        got = {}
        for line in r.stdout.splitlines():
            act, way, _, p50, p95 = line.split("\t")
            got[act, way] = int(p50) / 1e3, int(p95) / 1e3
        if r.returncode:
            say(f"  {n}: failed with {r.returncode}: " +
                r.stderr.strip().replace("\n", "; ")[-300:])
        for act in ("freeze", "thaw", "kill"):
            if (act, "request") not in got:
                continue
            p50, p95 = got[act, "request"]
            text = "  %4d %-7s request median %9.0f p95 %9.0f" % \
                (n, act, p50, p95)
            if (act, "write") in got:
                base = got[act, "write"][0]
                text += "   write median %9.0f   %.2f x" % (base, p50 / base)
                if act != "thaw":
                    text += "   " + goal(f"{act} of {n} busy", p50 / base,
                                         1.3)
            say(text)


def start_all(count):
    """Boxes and containers named 0..count-1, for their commands."""
    procs = []
    path = bundle("sleep", ["/bin/sleep", "600"])
    for i in range(count):
        procs.append(subprocess.Popen(
            [AGENTBOX, "run", "-n", f"bench-{i}", "--", "sleep", "600"],
            stdin=NULL, stdout=NULL, stderr=NULL, cwd=WS))
        procs.append(subprocess.Popen(
            ["nsenter", "--mount=" + NS, "crun", "run", "-b", path,
             f"abx-bench-{i}"],
            stdin=NULL, stdout=NULL, stderr=NULL, cwd="/"))
    for p in procs:
        if not payload(p.pid, "sleep"):
            say("  a box or container did not start")
    time.sleep(0.3)
    return procs


def part_command():
    title("The commands, beside those of crun (ms)")
    if "crun" not in peers(["crun"]):
        return
    count = max(N // 8, 4)
    procs = start_all(count)
    crun = ["ns=" + NS, "crun"]
    got = rounds([("agentbox freeze", [AGENTBOX, "freeze", "bench-0"]),
                  ("crun pause", crun + ["pause", "abx-bench-0"]),
                  ("agentbox thaw", [AGENTBOX, "thaw", "bench-0"]),
                  ("crun resume", crun + ["resume", "abx-bench-0"])],
                 max(N // 4, 8))
    kills = []
    for i in range(count):
        kills += [("agentbox kill", [AGENTBOX, "kill", f"bench-{i}"]),
                  ("crun kill", crun + ["kill", f"abx-bench-{i}", "KILL"])]
    got.update(rounds(kills, 1))
    for p in procs:
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
    for i in range(count):
        subprocess.run(["nsenter", "--mount=" + NS, "crun", "delete", "-f",
                        f"abx-bench-{i}"], stdin=NULL, stdout=NULL,
                       stderr=NULL, check=False)
    for own, other in (("freeze", "pause"), ("thaw", "resume"),
                       ("kill", "kill")):
        a, c = got["agentbox " + own], got["crun " + other]
        text = "  agentbox %-7s %7.2f   crun %-7s %7.2f   " % \
            (own, ms(a[2]), other, ms(c[2]))
        if own == "thaw":
            text += f"{a[2] / c[2]:.2f} x"
        else:
            text += goal(f"command {own}, beside crun {other}", a[2] / c[2],
                         0.5, valid=not a[5] and not c[5])
        say(text)


def part_calls():
    title("System calls (ns): inside, beside outside and bwrap with a filter")
    have = peers(["bwrap"])
    loops = "90000"
    ways = [("outside", [WS + "/bench_calls", loops]),
            ("agentbox", [AGENTBOX, "run", "--", "./bench_calls", loops])]
    if "bwrap" in have:
        ways.append(("bwrap",
                     with_filter(BWRAP + ["/ws/bench_calls", loops])))
    got = {}
    for _ in range(max(N // 20, 3)):
        for label, words in ways:
            r = subprocess.run(words, stdin=NULL, stdout=subprocess.PIPE,
                               text=True, cwd=WS, check=False)
            for line in r.stdout.splitlines():
                call, ns = line.split("\t")
                got.setdefault(call, {}).setdefault(label, []).append(
                    float(ns))
    say("  %-12s" % "" + "".join("%12s" % w[0] for w in ways))
    for call, by in got.items():
        mid = {k: statistics.median(v) for k, v in by.items()}
        text = "  %-12s" % call + "".join(
            "%12.0f" % mid.get(w[0], 0) for w in ways)
        text += "   %.2f x outside" % (mid["agentbox"] / mid["outside"])
        if "bwrap" in mid:
            text += ", %.2f x bwrap" % (mid["agentbox"] / mid["bwrap"])
        say(text)
        if call == "getpid" and "bwrap" in mid:
            say("    " + goal("getpid, beside bwrap",
                              mid["agentbox"] / mid["bwrap"], 1.0))
        if call == "open+close":
            say("    " + goal("open+close, beside outside",
                              mid["agentbox"] / mid["outside"], 1.7))


def part_decide():
    title("Decisions: profiles of so many rules (ns; load and compile in ms)")
    r = subprocess.run([BIN + "/bench_decide", TMP], stdin=NULL,
                       stdout=subprocess.PIPE, text=True, cwd=SOURCE,
                       check=False)
    rows = [line.split("\t") for line in r.stdout.splitlines()]
    if r.returncode or len(rows) != 4:
        say(f"  bench_decide failed (exit status {r.returncode})")
    say("  %6s %8s %8s %14s %12s %8s %8s" %
        ("rules", "median", "p99", "per second", "allocations", "load",
         "compile"))
    p50 = {}
    for rules, mid, p99, rate, made, load, compiled in rows:
        load, compiled = float(load) / 1e3, float(compiled) / 1e3
        p50[int(rules)] = float(mid)
        say("  %6s %8s %8s %14s %12s %8.2f %8.2f" %
            (rules, mid, p99, f"{int(rate):,}", made, load, compiled))
        if rules == "1000":
            say("    " + goal("load and compile 1000 rules", load + compiled,
                              10.0, " ms"))
        say("    " + goal(f"allocations, {rules} rules", float(made), 0.0, ""))
    valid = {1, 100, 1000, 10000} <= set(p50)
    say("    " + goal("decision, 100 rules", p50.get(100, 0) / 1e3, 1.0,
                      " us", valid=valid))
    say("    " + goal("decision, 10000 beside 100 rules",
                      p50.get(10000, 0) / max(p50.get(100, 0), 1), 10.0,
                      valid=valid))


def audit_durable(rows):
    say("  %8s %-20s %12s %10s %10s" %
        ("waiting", "", "records/s", "median us", "p99 us"))
    rate = {}
    for _, width, name, each, mid, p99 in rows:
        rate[width, name] = int(each)
        say("  %8s %-20s %12s %10.0f %10.0f" %
            (width, name, f"{int(each):,}", int(mid) / 1e3, int(p99) / 1e3))
    own = rate.get(("64", "agentbox-audit"), 0)
    one = rate.get(("1", "fdatasync for each"), 0)
    # a chain is written in one order: who syncs for each record does so one
    # after the other, however many wait
    say("    " + least("durable, 64 beside one by one", own / max(one, 1),
                       5.0, valid=bool(one)))
    for name in ("fdatasync for each", "SQLite WAL, FULL"):
        if rate.get(("64", name)):
            say("    64 agents, beside 64 processes with %s of their own: "
                "%.2f x" % (name, own / rate["64", name]))


def part_audit():
    title("Records: durable, to the kernel, verified")
    r = subprocess.run([BIN + "/bench_audit",
                        os.path.dirname(AGENTBOX) + "/agentbox-audit",
                        os.path.dirname(AGENTBOX) + "/agentbox-verify",
                        TMP + "/audit"], stdin=NULL, stdout=subprocess.PIPE,
                       text=True, check=False)
    rows = [line.split("\t") for line in r.stdout.splitlines()]
    if r.returncode:
        say(f"  bench_audit failed (exit status {r.returncode})")
    audit_durable([x for x in rows if x[0] == "durable"])
    last = {x[0]: [int(y) for y in x[1:]] for x in rows
            if x[0] in ("ratio", "stream", "verify")}
    last.update({"one " + x[1]: [int(y) for y in x[2:]] for x in rows
                 if x[0] == "one"})
    if "one record" in last:
        say("  one record, durable: %.0f us; one fdatasync: %.0f us" %
            (last["one record"][0] / 1e3, last["one fdatasync"][0] / 1e3))
    valid = r.returncode == 0
    ratio = last.get("ratio", [0])[0]
    stream = last.get("stream", [0, 0])
    size, took = last.get("verify", [0, 1])
    say("    " + goal("durable record beside a sync", ratio / 1e3, 1.3,
                      valid=valid))
    say("  to the kernel: %s records/s were sent; the writer on one processor "
        "takes %.2f us for each" % (f"{stream[0]:,}", stream[1] / 1e3))
    say("    " + least("records per second, one core",
                       stream[0] / 1e3, 300.0, " k", valid))
    say("    " + goal("processor time of a record", stream[1] / 1e3, 3.0,
                      " us", valid))
    say("  verify: %d MB in %.2f s" % (size / 1e6, took / 1e9))
    say("    " + least("verify", size / 1e6 / (took / 1e9), 300.0, " MB/s",
                       valid))


def part_query():
    title("Questions to a log of 1,250,000 records (the newest 1000)")
    r = subprocess.run([BIN + "/bench_query", "1000000", TMP], stdin=NULL,
                       stdout=subprocess.PIPE, text=True, check=False)
    rows = [line.split("\t") for line in r.stdout.splitlines()]
    if r.returncode or len(rows) < 10:
        say(f"  bench_query failed (exit status {r.returncode})")
    slowest = 0.0
    for name, us, n in rows:
        ms, n = int(us) / 1e3, int(n)
        if name.startswith("index, "):
            rate = f"{n:,} records a second" if n else ""
            say(f"  {name:24} {ms:10.2f} ms  {rate}")
            if n:
                say("    " + goal(name + ": microseconds a record", 1e6 / n,
                                  1e6 / 300000, " us"))
            continue
        say(f"  {name:24} {ms:10.2f} ms  {n:,} records")
        if not name.startswith("all"):
            slowest = max(slowest, ms)
    say("    " + goal("the slowest question", slowest, 100.0, " ms",
                      valid=slowest > 0))


def part_net():
    bench_net.part(sys.modules[__name__])


def main():
    u = os.uname()
    say(f"agentbox bench: Linux {u.release}, {os.cpu_count()} processors, "
        f"as {'root' if ROOT else 'uid ' + str(os.geteuid())}, load average "
        + " ".join(f"{x:.2f}" for x in os.getloadavg()))
    for part in PARTS:
        globals()["part_" + part]()
    if goals:
        say()
        say("Goals")
        for what, got, limit, word, side in goals:
            say("  %-32s %10s   %-8s %9s   %s" %
                (what, got, side, limit, word))
    if noise:
        say("  the machine was busy with something else before "
            f"{len(noise)} parts: judge again when it is quiet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
