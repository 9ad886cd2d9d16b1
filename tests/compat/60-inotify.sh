#!/bin/bash
# File watchers, as editors, test runners and build servers use them.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside python3

put watch.py <<'END'
import ctypes, os, select, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
d = sys.argv[1]
wd = libc.inotify_add_watch(fd, d.encode(), 0xfff)
assert fd >= 0 and wd >= 0, os.strerror(ctypes.get_errno())
with open(d + "/made", "w") as f:
    f.write("x")
os.rename(d + "/made", d + "/moved")
os.unlink(d + "/moved")
names, seen = {0x100: "create", 0x2: "modify", 0x8: "close-write",
    0x40: "moved-from", 0x80: "moved-to", 0x200: "delete"}, []
ep = select.epoll()
ep.register(fd, select.EPOLLIN)
while "delete" not in seen and ep.poll(50):
    data = os.read(fd, 65536)
    while data:
        _, mask, _, n = struct.unpack("iIII", data[:16])
        seen += [names[m] for m in names if mask & m]
        data = data[16 + n:]
print(" ".join(dict.fromkeys(seen)))
END
for d in . /tmp /home/agent /dev/shm; do
	check_out "events in $d" \
		'^create modify close-write moved-from moved-to delete$' \
		dev python3 watch.py "$d"
done
inside "a thousand watches" '^1000$' 'mkdir -p /tmp/w; cd /tmp/w
	seq 1000 | xargs mkdir; python3 -c "
import ctypes, os
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
print(sum(libc.inotify_add_watch(fd, str(i).encode(), 2) > 0
    for i in range(1, 1001)))"'
inside "what another process of the box writes is seen" '^seen$' \
	'python3 -c "
import ctypes, os, select
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
libc.inotify_add_watch(fd, b\".\", 0x100)
os.spawnlp(os.P_NOWAIT, \"touch\", \"touch\", \"other\")
print(\"seen\" if select.select([fd], [], [], 50)[0] else \"not\")"'

# the person outside edits while the agent watches
mkdir "$WS/up"
(wait_for 50 test -e "$WS/up/watching" && echo edited >"$WS/from-outside") &
inside "what the person outside writes is seen" '^from-outside$' \
	'python3 -c "
import ctypes, os, select, struct
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
libc.inotify_add_watch(fd, b\".\", 0x100)
open(\"up/watching\", \"w\").close()
if select.select([fd], [], [], 50)[0]:
    print(os.read(fd, 4096)[16:].rstrip(b\"\\0\").decode())"'
wait
inside "timers and events: timerfd, eventfd, signalfd" '^3$' \
	'python3 -c "
import ctypes
libc = ctypes.CDLL(None)
print(sum(x >= 0 for x in (libc.timerfd_create(1, 0), libc.eventfd(0, 0),
    libc.signalfd(-1, bytes(128), 0))))"'
finish
