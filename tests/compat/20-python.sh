#!/bin/bash
# Python: venv and pip without a network, threads, multiprocessing with its
# semaphores and shared memory, asyncio servers, subprocesses, ptys.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside python3

py()
{
	check_out "$1" "$2" dev python3 "$3"
}

put threads.py <<'END'
import threading, queue, time
q = queue.Queue()
def work(i):
    time.sleep(0.01)
    q.put(i)
ts = [threading.Thread(target=work, args=(i,)) for i in range(50)]
[t.start() for t in ts]; [t.join() for t in ts]
print("sum", sum(q.get() for _ in ts))
END
py "threads" '^sum 1225$' threads.py

for how in fork spawn forkserver; do
	put "mp-$how.py" <<END
import multiprocessing as mp
def square(x):
    return x * x
def count(lock, value):
    for _ in range(100):
        with lock:
            value.value += 1
if __name__ == "__main__":
    mp.set_start_method("$how")
    with mp.Pool(4) as pool:
        print("squares", sum(pool.map(square, range(100))))
    lock, value = mp.Lock(), mp.Value("i", 0)
    ps = [mp.Process(target=count, args=(lock, value)) for _ in range(3)]
    [p.start() for p in ps]; [p.join() for p in ps]
    print("counted", value.value)
    with mp.Manager() as m:
        d = m.dict(); d["a"] = 1
        print("manager", dict(d))
END
	py "multiprocessing: $how" '^counted 300$' "mp-$how.py"
done

put shm.py <<'END'
from multiprocessing import shared_memory
a = shared_memory.SharedMemory(create=True, size=1 << 20)
b = shared_memory.SharedMemory(name=a.name)
a.buf[:5] = b"hello"
print(bytes(b.buf[:5]).decode())
b.close(); a.close(); a.unlink()
END
py "shared memory by name" '^hello$' shm.py

put loop.py <<'END'
import asyncio
async def serve(r, w):
    w.write((await r.readline()).upper())
    await w.drain(); w.close()
async def ask(port, i):
    r, w = await asyncio.open_connection("localhost", port)
    w.write(f"line {i}\n".encode())
    got = await r.readline()
    w.close()
    return got
async def main():
    s = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = s.sockets[0].getsockname()[1]
    got = await asyncio.gather(*[ask(port, i) for i in range(100)])
    p = await asyncio.create_subprocess_exec("echo", "child",
        stdout=asyncio.subprocess.PIPE)
    print(len(set(got)), (await p.communicate())[0].decode().strip())
asyncio.run(main())
END
py "an asyncio server with 100 clients, and a child" '^100 child$' loop.py

put http.py <<'END'
import http.server, threading, urllib.request
s = http.server.ThreadingHTTPServer(("localhost", 0),
    http.server.SimpleHTTPRequestHandler)
threading.Thread(target=s.serve_forever, daemon=True).start()
u = f"http://localhost:{s.server_port}/http.py"
print("fetched", urllib.request.urlopen(u, timeout=5).status)
END
mv "$WS/http.py" "$WS/web.py"
sed -i 's/http\.py/web.py/' "$WS/web.py"
py "an http server and client" '^fetched 200$' web.py

put pty_.py <<'END'
import os, pty
out = b""
pid, fd = pty.fork()
if pid == 0:
    os.execlp("sh", "sh", "-c", "test -t 0 && stty size && echo tty")
while True:
    try:
        d = os.read(fd, 1024)
    except OSError:
        break
    if not d:
        break
    out += d
os.waitpid(pid, 0)
print(out.decode().split())
END
py "a pty of its own" "'tty'" pty_.py

put std.py <<'END'
import ctypes, hashlib, os, pwd, socket, sqlite3, ssl, tempfile, zoneinfo, zlib
import uuid, time, locale, random, fcntl, resource, select, signal, mmap
print(pwd.getpwuid(os.getuid()).pw_name, os.path.expanduser("~"))
tempfile.NamedTemporaryFile().write(b"x")
ssl.create_default_context()
sqlite3.connect(":memory:").execute("select 1")
print(socket.gethostbyname("localhost"), socket.getfqdn() != "")
e = select.epoll(); e.close()
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.signal(signal.SIGALRM,
    lambda *a: None); signal.pause()
print("cpus", os.cpu_count() > 0, len(os.sched_getaffinity(0)) > 0)
END
py "what programs ask of the system" '^cpus True True$' std.py

if dev python3 -c 'import venv, ensurepip' >/dev/null 2>&1 </dev/null; then
	mkdir -p "$WS/pkg"
	put pkg/pyproject.toml <<'END'
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1.0"
END
	# A wheel needs no tools: a build backend in ten lines.
	put pkg/backend.py <<'END'
import zipfile
def build_wheel(folder, config=None, meta=None):
    name = "tiny-1.0-py3-none-any.whl"
    d = "tiny-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as z:
        z.writestr("tiny.py", "def main():\n    print('tiny runs')\n")
        z.writestr(f"{d}/METADATA",
            "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        z.writestr(f"{d}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{d}/entry_points.txt",
            "[console_scripts]\ntiny = tiny:main\n")
        z.writestr(f"{d}/RECORD", "")
    return name
END
	inside "a venv in the workspace" 'ws/venv$' \
		'python3 -m venv venv; . venv/bin/activate
		python -c "import sys; print(sys.prefix)"'
	inside "pip installs a local package into it" '^tiny runs$' \
		'. venv/bin/activate
		pip install -q --no-index --disable-pip-version-check ./pkg >&2
		tiny'
	inside "a venv in the private home" '^/home/agent/v$' \
		'python3 -m venv --without-pip ~/v
		~/v/bin/python -c "import sys; print(sys.prefix)"'
	inside "pip without a network fails soon" '^soon$' \
		'SECONDS=0; venv/bin/pip install -q --retries 0 requests >&2 &&
		exit 1; [ $SECONDS -lt 20 ] && echo soon'
else
	skip "venv" "python3 has no venv module (python3-venv)"
fi
finish
