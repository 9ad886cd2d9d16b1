"""What the network costs in a box, beside direct, tinyproxy, haproxy and
sandbox-runtime; part "net" of bench.py.

One origin (nginx, one worker) and one client (wrk, one thread) for all; each
row is measured in each round, the ratios are of medians. sandbox-runtime comes
from npm: SRT names its command, else it is looked for in PATH. Ports are said
in numbers: wrk looks up others by name, in a file that a box need not have.
"""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

ROUNDS = int(os.environ.get("BENCH_NET_ROUNDS", "3"))
SECONDS = os.environ.get("BENCH_NET_SECONDS", "2")
BULK = 1 << 30
NULL = subprocess.DEVNULL
ABSOLUTE = """request = function() return "GET " .. os.getenv("ABS") ..
" HTTP/1.1\\r\\nHost: x\\r\\n" .. (os.getenv("MORE") or "") .. "\\r\\n" end
"""
PAUTH = "export MORE=\"$(printf 'Proxy-Authorization: Basic %s\\r\\n' " \
    "\"$(echo $HTTP_PROXY | sed 's#http://\\([^@]*\\)@.*#\\1#' | tr -d '\\n' | base64 -w0)\")" \
    "$(printf '\\r\\n')\"; "


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Net:
    """Servers, configurations, boxes; all below one folder."""

    def __init__(self, b):
        self.b = b
        self.dir = b.TMP + "/net"
        self.ws = self.dir + "/ws"
        self.children = []
        os.makedirs(self.ws)
        os.chmod(self.dir, 0o755)
        names = ("http", "https", "tcp", "tcps", "hap", "both", "tiny")
        self.port = {n: free_port() for n in names}

    def put(self, name, text):
        path = self.dir + "/" + name
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def start(self, *argv):
        self.children.append(subprocess.Popen(
            argv, stdin=NULL, stdout=NULL, stderr=NULL, cwd=self.dir))

    def stop(self):
        for c in self.children:
            c.terminate()
        for c in self.children:
            c.wait()

    def certificates(self):
        d = self.dir
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", d + "/key.pem",
             "-out", d + "/cert.pem", "-days", "2", "-subj", "/CN=bench",
             "-addext", "subjectAltName=DNS:tls.bench,DNS:pass.bench,"
             "DNS:localhost"], stdout=NULL, stderr=NULL, check=True)
        with open(d + "/both.pem", "w", encoding="ascii") as out:
            for n in ("cert.pem", "key.pem"):
                with open(d + "/" + n, encoding="ascii") as f:
                    out.write(f.read())

    def servers(self):
        d, p = self.dir, self.port
        os.makedirs(d + "/www")
        with open(d + "/www/small", "w", encoding="ascii") as f:
            f.write("x" * 128)
        with open(d + "/www/big", "wb") as f:
            f.truncate(BULK)
        self.certificates()
        user = "user root;" if os.geteuid() == 0 else ""
        self.put("nginx.conf", f"""
worker_processes 1; daemon off; pid {d}/nginx.pid; error_log {d}/nginx.err crit; {user}
events {{ worker_connections 16384; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 300;
 client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3;
 uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5; ssl_certificate {d}/cert.pem;
 ssl_certificate_key {d}/key.pem; root {d}/www;
 server {{ listen 127.0.0.1:{p['http']} backlog=4096; }}
 server {{ listen 127.0.0.1:{p['https']} ssl backlog=4096; }} }}
""")
        self.put("haproxy.cfg", f"""
global
  nbthread 1
  maxconn 8000
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen tcp
  mode tcp
  bind 127.0.0.1:{p['tcp']}
  server o 127.0.0.1:{p['http']}
listen tcps
  mode tcp
  bind 127.0.0.1:{p['tcps']}
  server o 127.0.0.1:{p['https']}
listen http
  mode http
  bind 127.0.0.1:{p['hap']}
  http-request deny unless {{ method GET }} {{ path_beg /small /big }}
  server o 127.0.0.1:{p['http']}
listen both
  mode http
  bind 127.0.0.1:{p['both']} ssl crt {d}/both.pem
  http-request deny unless {{ method GET }} {{ path_beg /small /big }}
  server o 127.0.0.1:{p['https']} ssl verify required ca-file {d}/cert.pem sni str(localhost)
""")
        self.put("tiny.conf", f"""
Port {p['tiny']}
Listen 127.0.0.1
Timeout 60
MaxClients 600
Allow 127.0.0.1
LogLevel Critical
LogFile "{d}/tiny.log"
ConnectPort {p['http']}
""")
        self.put("ws/abs.lua", ABSOLUTE)
        self.start("nginx", "-e", d + "/nginx.err", "-c", d + "/nginx.conf")
        if shutil.which("haproxy"):
            self.start("haproxy", "-q", "-db", "-f", d + "/haproxy.cfg")
        if shutil.which("tinyproxy"):
            self.start("tinyproxy", "-d", "-c", d + "/tiny.conf")
        time.sleep(1)

    def settings(self):
        p = self.port
        host = "127.0.0.1:%d"
        self.put("network.json", json.dumps({
            "hosts": {"raw.bench": host % p["http"],
                      "http.bench": host % p["http"],
                      "pass.bench": host % p["https"],
                      "tls.bench": host % p["https"]},
            "ca": [self.dir + "/cert.pem"]}))
        os.chmod(self.dir + "/network.json", 0o600)
        rules = {"method": "GET", "path": ["/small", "/big"]}
        self.put("profile.json", json.dumps({
            "version": 1, "name": "bench", "role": "execute",
            "purpose": "a client of the benchmark",
            "requires": {"optional": ["memory", "swap", "pids", "cpu", "io",
                                      "freeze"]},
            "process": {"syscalls": ["dev"], "loopback": True,
                        "limits": {"nofile": 65536}},
            "files": {"exec": ["@system", "@opt"], "read": ["@etc"],
                      "workspace": {"access": "write", "exec": True}},
            "network": {"allow": [
                "raw.bench:80", {"host": "pass.bench", "tls": "pass"},
                dict(rules, host="http.bench", port=80),
                dict(rules, host="tls.bench")]}}))
        self.put("srt.json", json.dumps({
            "network": {"allowedDomains": ["127.0.0.1", "localhost"],
                        "deniedDomains": []},
            "filesystem": {"denyRead": [], "allowWrite": ["."],
                           "denyWrite": []}}))

    def run(self, command, where, env=None):
        argv = ["sh", "-c", command]
        if where == "box":
            argv = [self.b.AGENTBOX, "run", "--profile",
                    self.dir + "/profile.json", "--workspace", self.ws,
                    "--"] + argv
        elif where == "srt":
            argv = [srt(), "-s", self.dir + "/srt.json", "-c",
                    (PAUTH if "wrk" in command else "") + command]
        e = dict(os.environ, AGENTBOX_NETWORK_CONFIG=self.dir +
                 "/network.json", **(env or {}))
        try:
            return subprocess.run(
                argv, stdin=NULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, env=e, cwd=self.ws,
                timeout=120, check=False).stdout
        except subprocess.TimeoutExpired:
            return ""


def srt():
    return os.environ.get("SRT") or shutil.which("srt")


def in_ms(text):
    m = re.fullmatch(r"([0-9.]+)(us|ms|s)", text)
    return float(m[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[m[2]] if m else 0.0


def wrk(net, row, conns, close):
    """Requests a second, p50 and p99 in ms; None if there was an error."""
    where, url, absolute = row
    header = '-H "Connection: close" ' if close else ""
    lua, env = "", {}
    if absolute:
        lua = "-s abs.lua "
        env["ABS"] = absolute
        if where == "srt":
            url = "http://localhost:3128/"
    out = net.run(f"wrk -t1 -c{conns} -d{SECONDS}s --latency {header}{lua}{url}",
                  where, env)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    p50 = re.search(r"50%\s+(\S+)", out)
    p99 = re.search(r"99%\s+(\S+)", out)
    bad = re.search(r"Non-2xx.*", out)
    if not rate or not p50 or bad or float(rate[1]) == 0:
        return None
    return float(rate[1]), in_ms(p50[1]), in_ms(p99[1])


def table(net, name, rows, conns, close):
    """{row: (median rate, p50, p99)}, printed with ratios to the first."""
    b = net.b
    b.title(f"network: {name}")
    got = {r: [] for r in rows}
    for _ in range(ROUNDS):
        for r, row in rows.items():
            one = wrk(net, row, conns, close)
            if one:
                got[r].append(one)
    first = next(iter(rows))
    med = {r: tuple(statistics.median(x[i] for x in v) for i in range(3))
           for r, v in got.items() if v}
    for r in rows:
        if r not in med:
            b.say(f"  {r:34} failed")
            continue
        rate, p50, p99 = med[r]
        part = f"{rate / med[first][0]:8.2f}" if first in med else ""
        b.say(f"  {r:34} {rate:9.0f}/s {part}   p50 {p50:7.3f} ms   "
              f"p99 {p99:7.3f} ms")
    return med


def ratio(med, a, of):
    return med[a][0] / med[of][0] if a in med and of in med else 0.0


def bulk(net, rows):
    b = net.b
    b.title("network: 1 GiB")
    got = {r: [] for r in rows}
    for _ in range(ROUNDS):
        for r, (where, url, more) in rows.items():
            out = net.run(f"curl -s -o /dev/null {more} -w "
                          f"'%{{http_code}} %{{speed_download}}' {url}", where)
            m = re.search(r"200 ([0-9.]+)", out)
            if m:
                got[r].append(float(m[1]) / 1e6)
    first = next(iter(rows))
    med = {r: (statistics.median(v),) for r, v in got.items() if v}
    for r in rows:
        b.say(f"  {r:34} failed" if r not in med else
              f"  {r:34} {med[r][0]:9.0f} MB/s {ratio(med, r, first):8.2f}")
    return med


def idle_memory(net):
    """PSS of the shim of a box that has nothing open, in MiB."""
    b = net.b
    box = subprocess.Popen(
        [b.AGENTBOX, "run", "--profile", net.dir + "/profile.json",
         "--workspace", net.ws, "--", "sh", "-c",
         "curl -s -o /dev/null http://raw.bench/small; echo done; sleep 30"],
        stdin=NULL, stdout=subprocess.PIPE, stderr=NULL, text=True,
        env=dict(os.environ, AGENTBOX_NETWORK_CONFIG=net.dir + "/network.json"))
    before = shims()
    box.stdout.readline()
    time.sleep(1)
    new = [p for p in shims() if p not in before] or shims()
    size = b.pss(new[-1]) / 1024 if new else None
    box.terminate()
    box.wait()
    return size


def shims():
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/comm", encoding="ascii") as f:
                if f.read().strip() == "agentbox-shim":
                    found.append(int(p))
        except OSError:
            pass
    return sorted(found)


def peers(net):
    b = net.b
    have = set()
    for name, path, cure in (
            ("haproxy", shutil.which("haproxy"), "the package haproxy"),
            ("tinyproxy", shutil.which("tinyproxy"), "the package tinyproxy"),
            ("srt", srt(), "npm i -g @anthropic-ai/sandbox-runtime")):
        if path:
            have.add(name)
        else:
            b.say(f"  skip {name}: not installed: {cure}")
    return have


def only(rows, have):
    return {k: v for k, v in rows.items()
            if k.split()[0] in ("direct", "agentbox") or k.split()[0] in have}


def part(b):
    lacks = [p for p in ("nginx", "wrk", "curl", "openssl")
             if not shutil.which(p)]
    if lacks:
        b.say(f"  skip the network: {' '.join(lacks)} not installed")
        return
    net = Net(b)
    try:
        net.servers()
        net.settings()
        measure(b, net)
    finally:
        net.stop()


def measure(b, net):
    have = peers(net)
    at = "http://127.0.0.1:%d/small"
    p = net.port
    origin = at % p["http"]
    plain = only({
        "direct": ("host", origin, None),
        "haproxy tcp": ("host", at % p["tcp"], None),
        "haproxy http": ("host", at % p["hap"], None),
        "tinyproxy": ("host", at % p["tiny"], origin),
        "srt in its sandbox": ("srt", origin, origin),
        "agentbox raw": ("box", "http://raw.bench:80/small", None),
        "agentbox http rules": ("box", "http://http.bench:80/small", None),
    }, have)
    tls = only({
        "direct": ("host", at.replace("http", "https") % p["https"], None),
        "haproxy tcp": ("host", at.replace("http", "https") % p["tcps"], None),
        "haproxy tls both sides": ("host", at.replace("http", "https") %
                                   p["both"], None),
        "agentbox tls passed through": ("box", "https://pass.bench:443/small", None),
        "agentbox tls intercepted": ("box", "https://tls.bench:443/small", None),
    }, have)
    keep = table(net, "keep-alive, 32 connections", plain, 32, False)
    first = table(net, "a connection for each request, one at a time", plain, 1, True)
    close = table(net, "a connection for each request, 32 at once", plain, 32, True)
    keep_tls = table(net, "TLS, keep-alive, 32 connections", tls, 32, False)
    table(net, "TLS, a connection for each request, 4 at once", tls, 4, True)
    big = at.replace("small", "big") % p["http"]
    much = bulk(net, only({
        "direct": ("host", big, ""),
        "haproxy tcp": ("host", big.replace(str(p["http"]), str(p["tcp"])), ""),
        "tinyproxy": ("host", big, f"-p -x http://127.0.0.1:{p['tiny']}"),
        "srt in its sandbox": ("srt", big, "--noproxy ''"),
        "agentbox raw": ("box", "http://raw.bench/big", ""),
        "agentbox http rules": ("box", "http://http.bench/big", ""),
        "agentbox tls intercepted": ("box", "https://tls.bench/big", ""),
    }, have))
    b.title("network: goals")
    for what, med, own, other, limit in (
            ("first connect, beside direct", first, "agentbox http rules", "direct", 0.5),
            ("32 connecting, beside direct", close, "agentbox http rules", "direct", 0.5),
            ("raw, beside haproxy tcp", keep, "agentbox raw", "haproxy tcp", 1.0),
            ("TLS passed, beside haproxy tcp", keep_tls,
             "agentbox tls passed through", "haproxy tcp", 1.0),
            ("http rules, beside haproxy http", keep, "agentbox http rules",
             "haproxy http", 0.9),
            ("http rules, beside srt", keep, "agentbox http rules",
             "srt in its sandbox", 5.0),
            ("TLS intercepted, beside haproxy", keep_tls,
             "agentbox tls intercepted", "haproxy tls both sides", 0.9),
            ("bulk, beside direct", much, "agentbox raw", "direct", 0.75)):
        r = ratio(med, own, other)
        b.say("  " + b.least(what, r, limit, valid=r > 0))
    size = idle_memory(net)
    b.say("  " + b.goal("idle shim", size or 0, 1.5, " MiB", valid=bool(size)))
