#!/bin/bash
# curl and wget, without knowing of any proxy: names, TLS that is intercepted
# and TLS that is not, plain HTTP, big bodies both ways, what is refused and how.
. "$(dirname "$0")/lib.sh"
need wget
servers

allow '{"host": "web.test", "method": ["GET", "HEAD"], "path": ["/hello", "/big/*", "/status/*", "/sse/*"]}' \
	'{"host": "api.test", "method": "POST", "path": "/echo", "id": "post"}' \
	'{"host": "plain.test", "port": 80, "method": ["GET", "PUT"]}' \
	'{"host": "git.test", "tls": "pass"}'
inside "curl over intercepted TLS" '^hello from https$' 'curl -sS https://web.test/hello'
inside "curl over plain HTTP" '^hello from http$' 'curl -sS http://plain.test/hello'
inside "curl over TLS that is passed through" '^hello from https$' \
	'! curl -sS https://git.test/hello &&
	curl -sSk https://git.test/hello'
inside "wget over intercepted TLS" '^hello from https$' 'wget -qO- https://web.test/hello'
inside "wget over plain HTTP" '^hello from http$' 'wget -qO- http://plain.test/hello'
inside "HEAD" '^HTTP/1.1 200' 'curl -sSI https://web.test/hello'
inside "64 MiB come through whole" '^67108864$' 'curl -sS https://web.test/big/67108864 | wc -c'
inside "16 MiB go out whole" '^same$' 'head -c 16777216 /dev/urandom >x
	a=$(sha256sum <x | cut -d" " -f1)
	curl -sS -D head -o y --data-binary @x -H "content-type: application/octet-stream" https://api.test/echo
	b=$(sha256sum <y | cut -d" " -f1); [ "$a" = "$b" ] && grep -qi "x-digest: $a" head && echo same'
inside "a chunked body goes out" '^x-length: 3000000' \
	'head -c 3000000 /dev/zero | curl -sS -T - -X PUT -D - -o /dev/null http://plain.test/echo | tr -d "\r"'
inside "several requests on one connection" '^3$' \
	'curl -sSv https://web.test/hello https://web.test/hello https://web.test/hello 2>&1 | grep -c "^hello from https"'
inside "answers that have no body" '^204 304$' \
	'echo $(curl -sS -o /dev/null -w "%{http_code}\n" https://web.test/status/204 https://web.test/status/304)'
inside "HTTP/2 is negotiated down" '^HTTP/1.1 200' 'curl -sS --http2 -o /dev/null -D - https://web.test/hello'

refused "another name" 'curl -sS https://other.test/hello'
refused "another method" 'curl -sSf -X DELETE https://web.test/hello'
refused "another path" 'curl -sSf https://web.test/headers'
refused "a path that only looks like one" 'curl -sSf --path-as-is https://web.test/hello/../headers'
refused "an address in place of a name" 'curl -sSf http://127.0.0.2/'
refused "metadata of a cloud" 'curl -sSf http://169.254.169.254/latest/meta-data/'
inside "the agent is told in JSON" '"rule"' \
	'curl -sS -X POST https://web.test/hello -d x'
inside "with the status 403" '^403$' \
	'curl -sS -o /dev/null -w "%{http_code}\n" -X POST https://web.test/hello -d x'
why_last "why last knows" 'web\.test'
finish
