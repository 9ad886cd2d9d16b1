"""The shim alone, with fake_supervisor in place of the supervisor.

    shim.py SHIM FAKE_SUPERVISOR --list | CASE
"""
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading

SHIM, FAKE = sys.argv[1:3]
WAIT = 20  # nothing waits that long unless it is broken
RESET = struct.pack("ii", 1, 0)


def listen():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(512)
    return s


def free_port():
    """For UDP and TCP, and none that the kernel gives to others."""
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
            return port
        except OSError:
            pass


def serve(fn):
    """A server; fn(connection) runs for each in a thread. Its port."""
    s = listen()

    def loop():
        while True:
            c, _ = s.accept()
            c.settimeout(WAIT)
            threading.Thread(target=run, args=(c,), daemon=True).start()

    def run(c):
        try:
            fn(c)
        except OSError:
            pass
        c.close()

    threading.Thread(target=loop, daemon=True).start()
    return s.getsockname()[1]


def echo(c):
    while True:
        data = c.recv(65536)
        if not data:
            break
        c.sendall(data)


def banner(c):
    c.sendall(b"220 hello\r\n")
    echo(c)


class Shim:
    """fake_supervisor and its shim; options as it has them."""

    def __init__(self, *options):
        self.p = subprocess.Popen(
            [FAKE, SHIM, *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, bufsize=0)
        self.lines = []
        self.pid = int(self.until("PID").split()[1])
        self.until("READY")

    def until(self, *words):
        """The next line that has all of the words."""
        while True:
            if not select.select([self.p.stdout], [], [], WAIT)[0]:
                raise AssertionError(f"no {words}; so far: {self.lines}")
            line = self.p.stdout.readline()
            if not line:
                raise AssertionError(f"no {words}, ended: {self.lines}")
            line = line.decode(errors="replace").strip()
            self.lines.append(line)
            if line.startswith(words[0]) and all(w in line for w in words):
                return line

    def say(self, letter):
        self.p.stdin.write(letter.encode() + b"\n")
        self.p.stdin.flush()

    def end(self):
        self.say("q")
        self.until("EXIT 0")


def dial(port):
    c = socket.create_connection(("127.0.0.1", port), WAIT)
    return c


def read_all(c):
    parts = []
    while True:
        data = c.recv(1 << 20)
        if not data:
            return b"".join(parts)
        parts.append(data)


def is_reset(c):
    try:
        data = c.recv(1)
    except ConnectionResetError:
        return True
    raise AssertionError(f"no reset but {data!r}")


def plain(*more, to=None, keys=""):
    """A shim with one port that leads to a server."""
    port = free_port()
    s = Shim(f"port={port}",
             f"allow=127.0.0.1:{port},to={to or serve(echo)}{keys}", *more)
    return s, port


def hello(name):
    """A ClientHello for a name, by Python's own TLS."""
    import ssl
    out = ssl.MemoryBIO()
    ctx = ssl.create_default_context()
    tls = ctx.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def socks(proxy, host, port):
    """Returns the connection and the reply's code."""
    c = dial(proxy)
    c.sendall(b"\5\1\0")
    assert c.recv(2) == b"\5\0"
    c.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() +
              struct.pack(">H", port))
    reply = c.recv(10)
    assert len(reply) == 10 and reply[0] == 5, reply
    return c, reply[1]


# ---- streams ----

def bytes_arrive():
    s, port = plain()
    data = os.urandom(3 << 20)
    c = dial(port)
    t = threading.Thread(
        target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)))
    t.start()
    assert read_all(c) == data
    t.join()
    line = s.until("DONE")
    assert "STATUS=ok" in line and f"BYTES_IN={len(data)}" in line and \
        f"BYTES_OUT={len(data)}" in line, line
    s.until("GONE")
    s.end()


def server_may_speak_first():
    s, port = plain(to=serve(banner))
    c = dial(port)
    assert c.recv(100) == b"220 hello\r\n"
    s.end()


def half_close_towards_the_client():
    def fn(c):
        c.sendall(b"bye")
        c.shutdown(socket.SHUT_WR)
        assert read_all(c) == b"still here"
    s, port = plain(to=serve(fn))
    c = dial(port)
    assert read_all(c) == b"bye"
    c.sendall(b"still here")
    c.shutdown(socket.SHUT_WR)
    assert "STATUS=ok" in s.until("DONE")
    s.end()


def reset_of_the_server_is_passed_on():
    def fn(c):
        c.recv(1)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s, port = plain(to=serve(fn))
    c = dial(port)
    c.sendall(b"x")
    assert is_reset(c)
    line = s.until("DONE")
    assert "STATUS=error" in line and "ERROR=reset" in line, line
    s.end()


def reset_of_the_client_is_passed_on():
    seen = threading.Event()

    def fn(c):
        try:
            while c.recv(100):
                pass
        except ConnectionResetError:
            seen.set()
    s, port = plain(to=serve(fn))
    c = dial(port)
    c.sendall(b"x")
    s.until("ASK")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    c.close()
    assert seen.wait(WAIT)
    assert "ERROR=reset" in s.until("DONE")
    s.end()


def an_early_answer_arrives():
    """The server answers and closes while the client still sends."""
    def fn(c):
        c.recv(10)
        c.sendall(b"413 too large")
        c.shutdown(socket.SHUT_WR)
        read_all(c)
    s, port = plain(to=serve(fn))
    c = dial(port)
    t = threading.Thread(target=lambda: (
        c.sendall(bytes(1 << 20)), c.shutdown(socket.SHUT_WR)))
    t.start()
    assert read_all(c) == b"413 too large"
    t.join()
    s.end()


def a_kill_is_a_reset():
    s, port = plain()
    c = dial(port)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    os.kill(s.pid, signal.SIGKILL)
    assert is_reset(c)


def the_end_is_a_reset():
    s, port = plain()
    c = dial(port)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    s.end()
    assert is_reset(c)


def a_stopped_shim_goes_on():
    s, port = plain("limit=idle_us=60000000")
    c = dial(port)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    os.kill(s.pid, signal.SIGSTOP)
    c.sendall(b"y")
    os.kill(s.pid, signal.SIGCONT)
    assert c.recv(1) == b"y"
    s.end()


def descriptors(folder):
    """How many there are; a user may not look into a shim that is confined."""
    try:
        return len(os.listdir(folder))
    except PermissionError:
        assert os.geteuid() != 0
        return 0


def many_at_once_and_nothing_is_left():
    s, port = plain("limit=connections=500")
    files = f"/proc/{s.pid}/fd"
    c = dial(port)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    before = descriptors(files)
    cs = [dial(port) for _ in range(300)]
    for i, x in enumerate(cs):
        x.sendall(b"%d" % i)
    for i, x in enumerate(cs):
        assert x.recv(10) == b"%d" % i
        x.close()
    for _ in cs:
        s.until("DONE")
        s.until("GONE")
    assert descriptors(files) <= before, os.listdir(files)
    s.end()


# ---- decisions ----

def what_is_denied_is_reset():
    port = free_port()
    s = Shim(f"port={port}")
    c = dial(port)
    assert "HOST=127.0.0.1" in s.until("ASK", f"PORT={port}")
    c.sendall(b"\0\0\0")
    assert is_reset(c)
    s.end()


def http_is_told():
    port = free_port()
    s = Shim(f"port={port}")
    c = dial(port)
    c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    said = read_all(c)
    assert said.startswith(b"HTTP/1.1 403 ") and b'{"error":"blocked"}' in \
        said, said
    s.end()


def what_cannot_be_dialled_is_told():
    s, port = plain(to=free_port())
    c = dial(port)
    c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_all(c).startswith(b"HTTP/1.1 502 ")
    s.end()


def routes_are_asked_for_once():
    s, port = plain()
    for _ in range(3):
        c = dial(port)
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    s.say("e")
    # EPOCH and the next connection are two ways in: one of these asks
    for _ in range(20):
        c = dial(port)
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    s.end()
    assert sum(x.startswith("ROUTE ") for x in s.lines) == 2, s.lines


def schemes():
    for first, scheme in ((b"GET / HTTP/1.1\r\n", "http"),
                          (hello("127.0.0.1"), "tls"),
                          (b"SSH-2.0-OpenSSH_9 Debian\r\n", "tcp"),
                          (b"\0\1", "tcp")):
        s, port = plain(keys=",data")
        c = dial(port)
        c.sendall(first)
        assert c.recv(len(first)) == first
        line = s.until("ASK")
        assert f"SCHEME={scheme}" in line and "flags=3" in line, line
        s.end()


def who_is_silent_is_decided_on_without():
    s, port = plain(to=serve(banner), keys=",data")
    c = dial(port)
    assert c.recv(100) == b"220 hello\r\n"
    line = s.until("ASK")
    assert "SCHEME=tcp" in line and "flags=1" in line, line
    c.sendall(b"EHLO\r\n")
    assert c.recv(100) == b"EHLO\r\n"
    s.end()


def what_comes_late_is_neither_tls_nor_http():
    for first in (hello("127.0.0.1"), b"GET / HTTP/1.1\r\n\r\n"):
        s, port = plain(to=serve(banner), keys=",data")
        c = dial(port)
        assert c.recv(100) == b"220 hello\r\n"
        c.sendall(first)
        assert "REASON=late-protocol" in s.until("FOUND")
        assert "STATUS=denied" in s.until("DONE")
        assert is_reset(c)
        s.end()


def the_server_name_must_be_the_host():
    for name, keys, good in (("a.example", "", True),
                             ("A.Example", "", True),
                             ("b.example", "", False),
                             ("b.example", ",data", False),
                             ("b.example", ",pass", False)):
        proxy, got = free_port(), []

        def fn(c):
            got.append(c.recv(65536))
            echo(c)
        s = Shim(f"proxy={proxy}",
                 f"allow=a.example:443,to={serve(fn)}{keys}")
        c, code = socks(proxy, "a.example", 443)
        assert code == 0
        first = hello(name)
        for i in range(0, len(first), 100):  # in pieces
            c.sendall(first[i:i + 100])
        if good:
            c.shutdown(socket.SHUT_WR)
            read_all(c)
            assert b"".join(got)[:3] == first[:3]
        else:
            assert "REASON=sni-mismatch" in s.until("FOUND")
            assert is_reset(c)
            assert got in ([], [b""]), got
        s.end()


def an_address_has_no_server_name():
    s, port = plain()
    c = dial(port)
    c.sendall(hello("a.example"))
    assert "REASON=sni-mismatch" in s.until("FOUND")
    assert "STATUS=denied" in s.until("DONE")
    assert is_reset(c)
    s.end()


# ---- SOCKS ----

def socks_names_and_codes():
    proxy = free_port()
    s = Shim(f"proxy={proxy}", f"allow=a.example:22,to={serve(echo)}",
             f"allow=b.example:22,to={free_port()}")
    c, code = socks(proxy, "A.example.", 22)
    assert code == 0
    line = s.until("ASK")
    assert "HOST=a.example" in line and "VIA=3" in line and \
        "ORIGINAL" not in line, line
    c.sendall(b"hi")
    assert c.recv(2) == b"hi"
    assert socks(proxy, "c.example", 22)[1] == 2
    assert socks(proxy, "b.example", 22)[1] == 4
    assert socks(proxy, "0x7f.1", 22)[1] == 8
    assert "REASON=socks-host" in s.until("FOUND")
    s.end()


def socks_four_is_refused():
    proxy = free_port()
    s = Shim(f"proxy={proxy}")
    c = dial(proxy)
    c.sendall(b"\4\1\0\x50\1\2\3\4x\0")
    assert c.recv(8)[:2] == b"\0\x5b"
    assert "REASON=socks-version" in s.until("FOUND")
    s.end()


def the_proxy_speaks_http_too():
    proxy = free_port()
    s = Shim(f"proxy={proxy}")
    c = dial(proxy)
    c.sendall(b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert c.recv(9) == b"HTTP/1.1 "
    s.end()


# ---- names ----

def question(name, kind, id=7):
    return struct.pack(">6H", id, 0x100, 1, 0, 0, 0) + b"".join(
        bytes([len(x)]) + x.encode() for x in name.split(".") if x) + \
        struct.pack(">BHH", 0, kind, 1)


def ask(port, q):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(WAIT)
        s.sendto(q, ("127.0.0.1", port))
        return parse(s.recv(4096), q)


def parse(a, q):
    """(code, data of the record or None)"""
    assert a[:2] == q[:2] and a[2] & 0x80 and a[12:len(q)] == q[12:], a
    n = struct.unpack(">H", a[6:8])[0]
    return a[3] & 15, a[len(q) + 12:] if n else None


def names_have_addresses():
    dns = free_port()
    s = Shim(f"dns={dns}", "allow=a.example:1", "allow=b.example:1")
    a = ask(dns, question("a.example", 1))
    assert a == (0, bytes([198, 18, 0, 1])), a
    assert ask(dns, question("B.example", 28)) == \
        (0, bytes.fromhex("fd6167626f78") + bytes(6) +
         bytes([198, 18, 0, 2]))
    assert ask(dns, question("A.EXAMPLE", 1)) == a
    for kind in (65, 64, 16, 255, 15):
        assert ask(dns, question("a.example", kind)) == (0, None)
    assert ask(dns, question("c.example", 1)) == (3, None)
    assert ask(dns, question("1.0.18.198.in-addr.arpa", 12)) == \
        (0, b"\1a\7example\0")
    assert ask(dns, question("9.0.18.198.in-addr.arpa", 12)) == (3, None)
    assert ask(dns, question("9.9.9.9.in-addr.arpa", 12)) == (3, None)
    assert ask(dns, question("localhost", 1)) == (0, bytes([127, 0, 0, 1]))
    assert ask(dns, question("a b", 1)) == (3, None)
    assert "REASON=dns-name" in s.until("FOUND")
    s.end()
    assert sum("NAME HOST=localhost" in x for x in s.lines) == 0


def dns_over_tcp():
    dns = free_port()
    s = Shim(f"dns={dns}", "allow=a.example:1")
    q = question("a.example", 1)
    c = dial(dns)
    two = (struct.pack(">H", len(q)) + q) * 2
    for i in range(len(two)):  # two questions, in the smallest pieces
        c.sendall(two[i:i + 1])
    got = b""
    while len(got) < 2 * (2 + len(q) + 16):
        got += c.recv(1000)
    n = struct.unpack(">H", got[:2])[0]
    assert parse(got[2:2 + n], q) == (0, bytes([198, 18, 0, 1]))
    assert got[2 + n:] == got[:2 + n]
    c.shutdown(socket.SHUT_WR)
    assert c.recv(1) == b""
    c = dial(dns)
    c.sendall(b"\xff\xff" + bytes(5000))
    assert is_reset(c)
    s.end()


def names_outlive_the_shim():
    path = os.environ["TMP"] + "/names"
    for name, last in (("a.example", 1), ("b.example", 2), ("a.example", 1)):
        dns = free_port()
        s = Shim(f"dns={dns}", "allow=a.example:1", "allow=b.example:1",
                 f"names={path}")
        assert ask(dns, question(name, 1)) == (0, bytes([198, 18, 0, last]))
        s.end()


# ---- limits ----

def connections_wait():
    s, port = plain("limit=connections=2")
    cs = [dial(port) for _ in range(3)]
    for c in cs[:2]:
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    cs[2].sendall(b"x")
    asked = sum(x.startswith("ASK") for x in s.lines)
    cs[0].close()
    assert cs[2].recv(1) == b"x"
    s.end()
    first = [x.split()[0] for x in s.lines if x.split()[0] in ("ASK", "DONE")]
    assert first[:4] == ["ASK", "ASK", "DONE", "ASK"], (first, asked)


def bytes_of_the_run():
    s, port = plain("limit=bytes_out=1000")
    c = dial(port)
    c.sendall(bytes(1000))
    got = 0
    while got < 1000:
        got += len(c.recv(1000))
    c.sendall(b"x")
    assert "REASON=limit-sent" in s.until("FOUND")
    line = s.until("DONE")
    assert "STATUS=denied" in line and "BYTES_OUT=1000" in line, line
    assert is_reset(c)
    s.end()


def a_rate_slows_and_loses_nothing():
    s, port = plain("limit=rate_out=200000", "limit=rate_in=300000")
    data = os.urandom(150000)
    c = dial(port)
    t = threading.Thread(
        target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)))
    t.start()
    assert read_all(c) == data
    t.join()
    assert "STATUS=ok" in s.until("DONE")
    s.end()


def who_is_idle_is_ended():
    s, port = plain("limit=idle_us=1000000")
    c = dial(port)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    line = s.until("DONE")
    assert "STATUS=timeout" in line and "ERROR=idle" in line, line
    assert is_reset(c)
    s.end()


def a_life_has_an_end():
    s, port = plain("limit=lifetime_us=1000000")
    c = dial(port)
    line = s.until("DONE")
    assert "STATUS=timeout" in line and "ERROR=lifetime" in line, line
    assert is_reset(c)
    s.end()


def slow_hellos_are_ended():
    for keys in ("", ",data"):
        s, port = plain("limit=head_us=1000000", keys=keys)
        c = dial(port)
        c.sendall(hello("127.0.0.1")[:20])
        assert "REASON=too-slow" in s.until("FOUND")
        assert is_reset(c)
        s.end()


def leases():
    s, port = plain(keys=",lease=1000,more=1")
    c = dial(port)
    data = os.urandom(100000)
    threading.Thread(target=lambda: c.sendall(data)).start()
    got = b""
    while len(got) < len(data):
        got += c.recv(1 << 16)
    assert got == data
    assert "SIZE=1048576" in s.until("MORE")
    s.end()
    s, port = plain(keys=",lease=1000")
    c = dial(port)
    c.sendall(bytes(5000))
    line = s.until("DONE")
    assert "STATUS=denied" in line and "ERROR=lease" in line, line
    n = {k: int(v) for k, v in (
        x.split("=") for x in line.split()[1:]) if k.startswith("BYTES")}
    assert n["BYTES_IN"] + n["BYTES_OUT"] <= 1000, line
    assert is_reset_after(c)
    s.end()


def is_reset_after(c):
    try:
        while c.recv(1000):
            pass
    except ConnectionResetError:
        return True
    raise AssertionError("an end of file")


def main():
    if sys.argv[3] == "--list":
        print("\n".join(CASES))
        return
    CASES[sys.argv[3]]()


CASES = {f.__name__: f for f in (
    bytes_arrive, server_may_speak_first, half_close_towards_the_client,
    reset_of_the_server_is_passed_on, reset_of_the_client_is_passed_on,
    an_early_answer_arrives, a_kill_is_a_reset, the_end_is_a_reset,
    a_stopped_shim_goes_on, many_at_once_and_nothing_is_left,
    what_is_denied_is_reset, http_is_told, what_cannot_be_dialled_is_told,
    routes_are_asked_for_once, schemes, who_is_silent_is_decided_on_without,
    what_comes_late_is_neither_tls_nor_http,
    the_server_name_must_be_the_host, an_address_has_no_server_name,
    socks_names_and_codes, socks_four_is_refused, the_proxy_speaks_http_too,
    names_have_addresses, dns_over_tcp, names_outlive_the_shim,
    connections_wait, bytes_of_the_run, a_rate_slows_and_loses_nothing,
    who_is_idle_is_ended, a_life_has_an_end, slow_hellos_are_ended, leases)}

if __name__ == "__main__":
    main()
