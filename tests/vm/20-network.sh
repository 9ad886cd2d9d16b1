#!/bin/bash
# The network of a box on the distribution's kernel: TLS that is looked into and
# plain HTTP get through by name, what is not granted does not, and the agent
# and the record say why. tests/net has the rest, on the host's kernel.
. "$(dirname "$0")/../net/lib.sh"
servers
allow '{"host": "web.test", "method": "GET", "path": "/hello"}' \
	'{"host": "plain.test", "port": 80}' '{"host": "git.test", "tls": "pass"}'
inside "TLS that is looked into" '^hello from https$' 'curl -sS https://web.test/hello'
inside "TLS that passes through" '^hello from https$' 'curl -sSk https://git.test/hello'
inside "plain HTTP" '^hello from http$' 'curl -sS http://plain.test/hello'
inside "the agent is told why not" '^403$' \
	'curl -sS -o /dev/null -w "%{http_code}\n" https://web.test/headers'
why_last "so is the operator" 'web\.test'
refused "another name" 'curl -sSf https://other.test/hello'
refused "an address" 'curl -sSf http://127.0.0.2/'
finish
