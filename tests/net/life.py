#!/usr/bin/env python3
"""Streams that live long, from both ends.

    life.py serve DIR       a server; writes DIR/life-port, DIR/life-events, and
                            DIR/life-sent, how many bytes it has poured so far
    life.py agent NAME      in a box, in its workspace; see agent()
    life.py fetch HOST N M  N connections that stay, M requests on each, all at
                            once; says how many were answered with 200

The client's first line is "WORD NAME": echo, pour (the server sends without
end), sink (it reads), or a request of HTTP: GET /never (no answer), GET /drip
(a head, byte by byte), GET /half (half of a body), GET /late (an end of file
in the head). Events: "open NAME", "eof NAME BYTES", "reset NAME BYTES".
"""
import asyncio
import os
import socket
import sys
import threading
import time

LOCK = threading.Lock()


def event(folder, text):
    with LOCK, open(os.path.join(folder, "life-events"), "a", encoding="utf-8") as f:
        f.write(text + "\n")


def put(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text + "\n")
    os.rename(path + ".new", path)


def pour(sock, folder):
    sent, block = 0, b"x" * 65536
    while True:
        sent += sock.send(block)
        put(os.path.join(folder, "life-sent"), str(sent))


def http(sock, path):
    if path == "/half":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50)
    elif path == "/late":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        sock.shutdown(socket.SHUT_WR)
    elif path == "/drip":
        for c in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10000:
            sock.sendall(bytes([c]))
            time.sleep(0.2)
    while sock.recv(65536):
        pass


def serve_one(sock, folder):
    line = b""
    while not line.endswith(b"\n"):
        c = sock.recv(1)
        if not c:
            return
        line += c
    word, name = line.decode().split()[:2]
    got, how = 0, "eof"
    event(folder, "open " + name)
    try:
        if word == "pour":
            pour(sock, folder)
        elif word == "GET":
            http(sock, name)
        while True:
            data = sock.recv(65536)
            if not data:
                break
            got += len(data)
            if word == "echo":
                sock.sendall(data)
    except OSError:
        how = "reset"
    event(folder, "%s %s %d" % (how, name, got))
    sock.close()


def serve(folder):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    put(os.path.join(folder, "life-port"), str(listener.getsockname()[1]))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_one, args=(sock, folder), daemon=True).start()


def agent(word, name, host="life.test"):
    """A stream: NAME.state says what became of it, NAME.count how often an echo
    came back or a block was read."""
    try:
        s = socket.create_connection((host, 7), timeout=60)
        s.settimeout(None)
        s.sendall(b"%s %s\n" % (word.encode(), name.encode()))
        count = 0
        put(name + ".state", "open")
        while True:
            if word == "echo":
                s.sendall(b"%d\n" % count)
            elif word == "sink":
                s.sendall(b"x" * 65536)
            if word != "sink" and not s.recv(65536):
                put(name + ".state", "eof %d" % count)
                return
            count += 1
            put(name + ".count", str(count))
            if word == "echo":
                time.sleep(0.02)
            elif word == "quiet":
                time.sleep(3600)
    except OSError as why:
        put(name + ".state", "reset %s" % (why.strerror or "timed out"))


async def fetch_one(host, port, n, gate):
    reader, writer = await asyncio.open_connection(host, port)
    await gate.wait()
    good = 0
    for _ in range(n):
        writer.write(b"GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        good += head.startswith(b"HTTP/1.1 200 ")
    writer.close()
    return good


async def fetch(host, n, m):
    gate = asyncio.Event()
    tasks = [asyncio.create_task(fetch_one(host, 80, m, gate)) for _ in range(n)]
    await asyncio.sleep(0)
    gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    print(sum(d for d in done if isinstance(d, int)),
          [d for d in done if not isinstance(d, int)][:3])


if sys.argv[1] == "serve":
    serve(sys.argv[2])
elif sys.argv[1] == "agent":
    threads = [threading.Thread(target=agent, args=a.split(":"), daemon=True)
               for a in sys.argv[2:]]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
else:
    asyncio.run(fetch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
