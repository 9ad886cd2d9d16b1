#!/bin/bash
# Unix sockets between the box's own processes: by path, abstract, pairs,
# descriptors and credentials sent along; FIFOs. Loopback for the rest.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside python3

put s.py <<'END'
import array, os, socket, struct, sys
kind, addr = sys.argv[1], sys.argv[2]
if addr.startswith("@"):
    addr = "\0" + addr[1:]
t = getattr(socket, "SOCK_" + kind)
s = socket.socket(socket.AF_UNIX, t)
s.bind(addr)
if kind == "DGRAM":
    if os.fork() == 0:
        c = socket.socket(socket.AF_UNIX, t); c.sendto(b"hello", addr)
        os._exit(0)
    print(s.recv(10).decode()); sys.exit()
s.listen()
if os.fork() == 0:
    c = socket.socket(socket.AF_UNIX, t); c.connect(addr)
    r, w = os.pipe(); os.write(w, b"through a descriptor")
    socket.send_fds(c, [b"hello"], [r]); os._exit(0)
c, _ = s.accept()
pid, uid, gid = struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET,
    socket.SO_PEERCRED, 12))
data, fds, _, _ = socket.recv_fds(c, 10, 1)
print(data.decode(), uid, os.read(fds[0], 100).decode())
END
n=0
for kind in STREAM SEQPACKET; do
	for at in ./sock /tmp/sock /home/agent/sock @name; do
		check_out "$kind at $at, a descriptor and credentials" \
			'^hello 1000 through a descriptor$' \
			dev python3 s.py "$kind" "$at"
		rm -f "$WS/sock"
		n=$((n + 1))
	done
done
check_out "DGRAM by path" '^hello$' dev python3 s.py DGRAM /tmp/d
check_out "DGRAM abstract" '^hello$' dev python3 s.py DGRAM @d
inside "a socket pair" '^pair$' 'python3 -c "
import socket
a, b = socket.socketpair(); a.send(b\"pair\"); print(b.recv(9).decode())"'
inside "a FIFO" '^fifo$' 'mkfifo f; echo fifo >f & cat f; rm f'
inside "TCP and UDP, IPv4 and IPv6, on loopback" '^4$' 'python3 -c "
import socket, threading
n = 0
for f, a in ((socket.AF_INET, \"127.0.0.1\"), (socket.AF_INET6, \"::1\")):
    s = socket.socket(f, socket.SOCK_STREAM); s.bind((a, 0)); s.listen()
    c = socket.create_connection(s.getsockname()[:2]); c.send(b\"x\")
    n += s.accept()[0].recv(1) == b\"x\"
    s = socket.socket(f, socket.SOCK_DGRAM); s.bind((a, 0))
    c = socket.socket(f, socket.SOCK_DGRAM); c.sendto(b\"x\",
        s.getsockname()); n += s.recv(1) == b\"x\"
print(n)"'
inside "interfaces: only lo, and it is up" '^lo 127\.0\.0\.1$' 'python3 -c "
import fcntl, socket, struct
names = [n for _, n in socket.if_nameindex()]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a = fcntl.ioctl(s, 0x8915, struct.pack(\"256s\", names[0].encode()))[20:24]
print(*names, socket.inet_ntoa(a))"'
if dev sh -c 'command -v ssh-agent' >/dev/null 2>&1 </dev/null; then
	inside "an ssh-agent of its own" 'SHA256:' \
		'eval "$(ssh-agent)" >&2; ssh-keygen -q -t ed25519 -N "" -f k
		ssh-add k 2>&1; ssh-add -l; rm -f k k.pub'
else
	skip "ssh-agent" "ssh-agent is not installed"
fi
finish
