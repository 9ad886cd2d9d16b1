#!/bin/bash
# Node: a server and a client on loopback, worker threads, children, files,
# watchers. V8 maps memory and changes its protection all the time.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside node

js()
{
	check_out "$1" "$2" dev node "$3"
}

put http.js <<'END'
const http = require('http');
const s = http.createServer((q, r) => { q.on('data', () => {});
	q.on('end', () => r.end('you asked ' + q.url)); });
s.listen(0, 'localhost', async () => {
	const get = (i) => new Promise((ok, no) => http.get({ port:
		s.address().port, host: 'localhost', path: '/' + i }, (r) => {
		let t = ''; r.on('data', (d) => t += d);
		r.on('end', () => ok(t)); }).on('error', no));
	const all = await Promise.all([...Array(100).keys()].map(get));
	console.log(all.filter((t) => /^you asked \/\d+$/.test(t)).length);
	s.close();
});
END
js "an http server with 100 clients" '^100$' http.js

put worker.js <<'END'
const { Worker, isMainThread, parentPort, workerData } =
	require('worker_threads');
if (isMainThread) {
	const mem = new SharedArrayBuffer(4);
	let left = 4;
	for (let i = 0; i < 4; i++)
		new Worker(__filename, { workerData: mem }).on('exit', () => {
			if (!--left) console.log('sum', new Int32Array(mem)[0]);
		});
} else {
	const a = new Int32Array(workerData);
	for (let i = 0; i < 1000; i++) Atomics.add(a, 0, 1);
	parentPort.close();
}
END
js "worker threads that share memory" '^sum 4000$' worker.js

put child.js <<'END'
const cp = require('child_process');
const out = cp.execSync('echo from sh').toString().trim();
const f = cp.fork(__dirname + '/echo.js');
f.on('message', (m) => { console.log(out, m); f.kill(); });
f.send('from fork');
END
put echo.js <<'END'
process.on('message', (m) => process.send(m + ' and back'));
END
js "children and messages to them" '^from sh from fork and back$' child.js

put cluster.js <<'END'
const cluster = require('cluster'), net = require('net');
if (cluster.isMaster || cluster.isPrimary) {
	const w = [cluster.fork(), cluster.fork()];
	let up = 0;
	cluster.on('listening', (_, a) => {
		if (++up < 2) return;
		net.connect(a.port, '127.0.0.1').on('data', (d) => {
			console.log('answer', d.toString());
			for (const x of w) x.kill();
		});
	});
} else {
	net.createServer((c) => c.end('worker')).listen(0, '127.0.0.1');
}
END
js "a cluster that shares a listener" '^answer worker$' cluster.js

put fs.js <<'END'
const fs = require('fs'), os = require('os'), path = require('path');
const crypto = require('crypto'), dns = require('dns'), zlib = require('zlib');
const d = fs.mkdtempSync(path.join(os.tmpdir(), 'x-'));
fs.watch(d, (kind, name) => { console.log('seen', name); process.exit(0); });
crypto.pbkdf2('a', 'b', 1000, 32, 'sha256', () => zlib.gzip('z', () =>
	dns.lookup('localhost', (e) => { if (e) throw e;
		fs.writeFileSync(path.join(d, 'new'), os.userInfo().username);
	})));
END
js "watches a folder; thread pool, resolver, user" '^seen new$' fs.js

put tty.js <<'END'
console.log(typeof WebAssembly, process.stdout.isTTY === undefined,
	new Intl.DateTimeFormat('de').format(0).length > 0);
END
js "WebAssembly and Intl" '^object true true$' tty.js
check_status "process.exit" 42 dev node -e 'process.exit(42)'
check_status "an exception" 1 dev node -e 'throw new Error("x")'

put esm.mjs <<'END'
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createReadStream, createWriteStream } from 'node:fs';
await pipeline(createReadStream('/usr/bin/env'), createWriteStream('copy'));
console.log((await readFile('copy')).equals(await readFile('/usr/bin/env')));
END
js "modules, streams" '^true$' esm.mjs

put net.js <<'END'
const t = Date.now();
require('https').get('https://registry.example.org/', { timeout: 5000 })
	.on('error', (e) => console.log(e.code, Date.now() - t < 6000))
	.on('timeout', function () { this.destroy(new Error('late')); });
END
js "the network outside is refused, and soon" '^(EAI_AGAIN|ENOTFOUND) true$' \
	net.js
finish
