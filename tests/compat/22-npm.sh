#!/bin/bash
# npm without a network: pack, install a local package with an install script,
# run scripts. Its cache and logs go to the private home.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside node npm

mkdir -p "$WS/lib" "$WS/app"
put lib/package.json <<'END'
{ "name": "lib", "version": "1.2.3", "bin": { "lib-tool": "tool.js" },
  "scripts": { "postinstall": "node -e \"require('fs').writeFileSync('built','1')\"" } }
END
put lib/index.js <<<'module.exports = () => "lib works";'
put lib/tool.js <<'END'
#!/usr/bin/env node
console.log('tool runs');
END
chmod +x "$WS/lib/tool.js"
put app/package.json <<'END'
{ "name": "app", "version": "0.0.1", "private": true,
  "scripts": { "start": "node -e \"console.log(require('lib')())\"",
	"tool": "lib-tool", "fail": "exit 9" } }
END
off='--offline --no-audit --no-fund --loglevel=error'
inside "npm --version" '^[0-9]+\.' 'npm --version'
inside "npm pack" '^lib-1.2.3.tgz$' "cd lib; npm pack $off"
inside "npm install of the tarball" '^1.2.3$' "cd app
	npm install $off ../lib/lib-1.2.3.tgz >&2
	node -p \"require('lib/package.json').version\""
check "its install script ran" test -e "$WS/app/node_modules/lib/built"
inside "npm run" '^lib works$' 'cd app; npm run -s start'
inside "a tool of the package" '^tool runs$' 'cd app; npm run -s tool'
inside "npm ci from the lock file" '^lib works$' "cd app
	rm -rf node_modules; npm install $off --package-lock-only >&2
	npm ci $off >&2; npm run -s start"
check_status "the status of a script" 9 dev sh -c 'cd app; npm run -s fail'
finish
