#!/bin/bash
# npm installs from a registry that is allowed, and publishes nothing.
. "$(dirname "$0")/lib.sh"
need node npm
servers
allow '{"host": "npm.test", "method": "GET", "path": "/npm/**"}'
cat >"$WS/package.json" <<'END'
{ "name": "app", "version": "0.0.1", "private": true }
END
q='--no-audit --no-fund --no-update-notifier --loglevel=error --fetch-retries=0'
inside "npm install" '^padded x$' "npm install $q --registry https://npm.test/npm/ left-pad-test >&2
	node -p 'require(\"left-pad-test\")(\"x\")'"
refused "a package that is not there is no way out" \
	"npm install $q --registry https://other.test/npm/ left-pad-test"
refused "npm publish" "mkdir -p p && cd p && echo '{\"name\":\"p\",\"version\":\"1.0.0\"}' >package.json &&
	npm publish $q --registry https://npm.test/npm/ --//npm.test/npm/:_authToken=x" 'PUT'
finish
