#!/usr/bin/env python3
"""The other side of the network tests: servers on loopback.

    origin.py DIR

DIR/cert.pem and DIR/key.pem are the certificate of the TLS servers, DIR/files
is served below /files/, DIR/git holds bare repositories, served below /git/.
Writes DIR/ports (a line NAME=PORT each) when it listens, and DIR/log, a line
for each request that arrived: NAME METHOD PATH and, for TLS, the server name.

    /hello            a line
    /big/N            N bytes
    /echo             what was sent, with its length and digest in headers
    /headers          the request's headers as JSON
    /status/N         an answer with that status
    /slow/S           an answer after S seconds
    /sse/N            N events, one each 100 ms, chunked
    /ws               WebSocket: every message comes back
    /npm/             a registry with one package
    /v1/responses     a model that answers with events
"""
import base64
import hashlib
import http.server
import io
import json
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import time

DIR = sys.argv[1]
LOCK = threading.Lock()


def log(*words):
    with LOCK, open(os.path.join(DIR, "log"), "a", encoding="utf-8") as f:
        f.write(" ".join(str(w) for w in words) + "\n")


def package():
    """left-pad-test 1.0.0 as npm packs it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (
                ("package/package.json", json.dumps(
                    {"name": "left-pad-test", "version": "1.0.0"})),
                ("package/index.js",
                 "module.exports = s => 'padded ' + s;\n")):
            info = tarfile.TarInfo(name)
            data = text.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKAGE = package()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "origin"

    def log_message(self, *args):
        pass

    def setup(self):
        super().setup()
        self.name = self.server.name

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            data = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    return data
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status, data, kind="text/plain", more=()):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for k, v in more:
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def chunks(self, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def any(self):
        sni = getattr(self.connection, "server_name_seen", "-")
        log(self.name, self.command, self.path, sni)
        path, _, query = self.path.partition("?")
        part = path.split("/")
        known = {"hello": self.hello, "ok": self.hello, "big": self.big, "echo": self.echo,
                 "headers": self.show, "status": self.status,
                 "slow": self.slow, "sse": self.sse, "ws": self.ws,
                 "npm": self.npm, "files": self.files, "git": self.git,
                 "v1": self.model}
        fn = known.get(part[1] if len(part) > 1 else "")
        if fn:
            fn(part[2:], query)
        else:
            self.body()
            self.answer(404, b"no such thing\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = any
    do_OPTIONS = any

    def hello(self, _part, _query):
        self.body()
        self.answer(200, b"hello from %s\n" % self.name.encode())

    def big(self, part, _query):
        n = int(part[0])
        self.send_response(200)
        self.send_header("content-length", str(n))
        self.end_headers()
        block = bytes(range(256)) * 256
        while n > 0:
            self.wfile.write(block[:n])
            n -= len(block)

    def echo(self, _part, _query):
        data = self.body()
        self.answer(200, data, "application/octet-stream",
                    (("x-length", str(len(data))),
                     ("x-digest", hashlib.sha256(data).hexdigest())))

    def show(self, _part, _query):
        self.body()
        self.answer(200, json.dumps(
            {"line": self.requestline,
             "headers": self.headers.items()}).encode() + b"\n",
            "application/json")

    def status(self, part, _query):
        self.body()
        self.answer(int(part[0]), b"as asked\n")

    def slow(self, part, _query):
        time.sleep(float(part[0]))
        self.answer(200, b"at last\n")

    def sse(self, part, _query):
        self.body()
        self.chunks("text/event-stream")
        for i in range(int(part[0])):
            self.chunk(b"id: %d\ndata: {\"at\": %.3f}\n\n" % (i, time.time()))
            time.sleep(0.1)
        self.chunk(b"")

    def model(self, _part, _query):
        """The shape of a model's stream, and what authorised it."""
        self.body()
        self.chunks("text/event-stream")
        text = self.headers.get("authorization", "nothing")
        for word in ("I", "was", "called", "with", text):
            self.chunk(b"event: response.output_text.delta\ndata: %s\n\n" %
                       json.dumps({"delta": word}).encode())
            time.sleep(0.02)
        self.chunk(b"event: response.completed\ndata: {}\n\n")
        self.chunk(b"")

    def ws(self, _part, _query):
        key = self.headers.get("sec-websocket-key", "") + \
            "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "Upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(
            hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            n = head[1] & 127
            if n == 126:
                n, = struct.unpack(">H", self.rfile.read(2))
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4]
                         for i, b in enumerate(self.rfile.read(n)))
            size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n)
            self.wfile.write(bytes([head[0]]) + size + data)

    def npm(self, part, _query):
        self.body()
        base = "%s://%s/npm" % (self.server.scheme, self.headers["host"])
        if part[-1].endswith(".tgz"):
            self.answer(200, PACKAGE, "application/octet-stream")
        elif part[0] == "left-pad-test":
            self.answer(200, json.dumps({
                "name": "left-pad-test", "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": {
                    "name": "left-pad-test", "version": "1.0.0", "dist": {
                        "tarball": base + "/left-pad-test/-/x-1.0.0.tgz",
                        "integrity": "sha512-" + base64.b64encode(
                            hashlib.sha512(PACKAGE).digest()).decode()}}},
            }).encode(), "application/json")
        else:
            self.answer(404, b"{}", "application/json")

    def files(self, part, _query):
        self.body()
        path = os.path.join(DIR, "files", *part)
        if ".." in part or not os.path.isfile(path):
            return self.answer(404, b"no such file\n")
        with open(path, "rb") as f:
            return self.answer(200, f.read(), "application/octet-stream")

    def git(self, part, query):
        data = self.body()
        env = dict(os.environ, GIT_PROJECT_ROOT=os.path.join(DIR, "git"),
                   GIT_HTTP_EXPORT_ALL="1", PATH_INFO="/" + "/".join(part),
                   QUERY_STRING=query, REQUEST_METHOD=self.command,
                   REMOTE_USER="agent", REMOTE_ADDR="127.0.0.1",
                   CONTENT_TYPE=self.headers.get("content-type", ""),
                   CONTENT_LENGTH=str(len(data)),
                   HTTP_CONTENT_ENCODING=self.headers.get(
                       "content-encoding", ""),
                   GIT_PROTOCOL=self.headers.get("git-protocol", ""))
        out = subprocess.run(["git", "http-backend"], input=data, env=env,
                             stdout=subprocess.PIPE, check=False).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        status, more, kind = 200, [], "text/plain"
        for line in head.decode().split("\r\n"):
            k, _, v = line.partition(": ")
            if k.lower() == "status":
                status = int(v.split()[0])
            elif k.lower() == "content-type":
                kind = v
            elif k:
                more.append((k, v))
        self.answer(status, rest, kind, more)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    context = None

    def get_request(self):
        sock, addr = super().get_request()
        return sock, addr

    def finish_request(self, request, client_address):
        if self.context:
            request.settimeout(20)
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError as why:
                log(self.name, "tls-failed", type(why).__name__)
                return
            request.settimeout(None)
        super().finish_request(request, client_address)

    def handle_error(self, *_):
        pass


class Raw(socketserver.BaseRequestHandler):
    """Reads to the end, then says what it was: half-close must work."""

    def handle(self):
        digest, n = hashlib.sha256(), 0
        while True:
            data = self.request.recv(65536)
            if not data:
                break
            digest.update(data)
            n += len(data)
        log("raw", n)
        self.request.sendall(b"%d %s\n" % (n, digest.hexdigest().encode()))


class Banner(socketserver.BaseRequestHandler):
    """Speaks first, as ssh and databases do, then echoes."""

    def handle(self):
        log("banner")
        self.request.sendall(b"banner\n")
        while True:
            data = self.request.recv(65536)
            if not data:
                return
            self.request.sendall(data)


class Threaded(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(DIR, "cert.pem"),
                            os.path.join(DIR, "key.pem"))
    context.set_alpn_protocols(["http/1.1"])

    def seen(sock, name, _context):
        sock.server_name_seen = name or "-"
    context.sni_callback = seen
    return context


def serve(name, server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "%s=%d\n" % (name, server.server_address[1])


def main():
    host = os.environ.get("ORIGIN_HOST", "127.0.0.1")
    ports = ""
    for name in ("http", "https", "other"):
        server = Server((host, 0), Handler)
        server.name = name
        server.scheme = "http" if name == "http" else "https"
        if name != "http":
            server.context = tls()
        ports += serve(name, server)
    ports += serve("raw", Threaded((host, 0), Raw))
    ports += serve("banner", Threaded((host, 0), Banner))
    path = os.path.join(DIR, "ports")
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(ports)
    os.rename(path + ".new", path)
    while os.getppid() != 1:
        time.sleep(0.5)


socket.setdefaulttimeout(None)
main()
