#!/bin/bash
# Programs that know nothing of proxies: python, node, WebSocket, events,
# streams that the server begins.
. "$(dirname "$0")/lib.sh"
need node
servers

allow '{"host": "web.test", "method": ["GET", "POST"]}' \
	'{"host": "plain.test", "port": 80, "method": "GET"}' \
	'"raw.test:7"' '"banner.test:7"'
cat >"$WS/ws.py" <<'END'
import base64, os, socket, ssl, sys
host, port, tls = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls"
s = socket.create_connection((host, port))
if tls:
    s = ssl.create_default_context().wrap_socket(s, server_hostname=host)
s.sendall(("GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: %s\r\n\r\n" % (
               host, base64.b64encode(os.urandom(16)).decode())).encode())
f = s.makefile("rb")
print(f.readline().decode().strip())
while f.readline() not in (b"\r\n", b""):
    pass
for text in (b"one", b"two"):
    mask = os.urandom(4)
    s.sendall(bytes([0x81, 0x80 | len(text)]) + mask +
              bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
    head = f.read(2)
    print(f.read(head[1]).decode())
END
inside "python urllib over TLS" '^hello from https$' \
	'python3 -c "import urllib.request as u; print(u.urlopen(\"https://web.test/hello\").read().decode(), end=\"\")"'
inside "who asks only for families that the machine has" '^4 6$' 'for f in 4 6; do
	curl -$f -sS http://plain.test/hello | grep -q "^hello" &&
	getent ahostsv$f plain.test >/dev/null && echo $f; done | xargs'
inside "python http.client" '^200 hello from http$' 'python3 -c "
import http.client
c = http.client.HTTPConnection(\"plain.test\", 80)
c.request(\"GET\", \"/hello\")
r = c.getresponse()
print(r.status, r.read().decode(), end=\"\")"'
inside "node fetch" '^hello from https$' \
	'node -e "fetch(\"https://web.test/hello\").then(r => r.text()).then(t => process.stdout.write(t))"'
inside "node https.get" '^hello from https$' \
	'node -e "require(\"https\").get(\"https://web.test/hello\", r => r.pipe(process.stdout))"'
inside "WebSocket over TLS" '^two$' 'python3 ws.py web.test 443 tls'
inside "WebSocket in the clear" '^two$' 'python3 ws.py plain.test 80 plain'
inside "events arrive one by one" '^apart$' 'python3 -c "
import time, urllib.request as u
at = []
for line in u.urlopen(\"https://web.test/sse/5\"):
    if line.startswith(b\"data\"):
        at.append(time.time())
print(\"apart\" if len(at) == 5 and at[4] - at[0] > 0.2 else at)"'
inside "a server that speaks first" '^banner$' \
	'exec 3<>/dev/tcp/banner.test/7; head -n 1 <&3'
inside "half-close: the answer comes after the end" '^1000000 ' 'python3 -c "
import socket
s = socket.create_connection((\"raw.test\", 7))
s.sendall(b\"x\" * 1000000)
s.shutdown(socket.SHUT_WR)
print(s.makefile().read(), end=\"\")"'
refused "node fetch elsewhere" 'node -e "fetch(\"https://other.test/hello\").then(r => r.text()).then(console.log)"'
refused "python elsewhere" 'python3 -c "import urllib.request as u; u.urlopen(\"https://other.test/hello\")"'
refused "another port of a name" 'exec 3<>/dev/tcp/raw.test/8; read -r line <&3'
refused "WebSocket where it is not allowed" 'python3 ws.py other.test 443 tls'
finish
