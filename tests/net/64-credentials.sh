#!/bin/bash
# Secrets of the host in requests of a box that holds placeholders only: the
# profile says nothing of HTTP, so that what may be lent is the one reason to
# look into TLS. Every source, every place; what is refused and what is told;
# and that no secret is anywhere but in the request that it is for.
. "$(dirname "$0")/lib.sh"
servers

SECRETS=$TMP/secrets
mkdir -m 700 "$SECRETS" "$SECRETS/systemd"
# secret FILE TEXT: as a file that only its owner can read
secret()
{
	printf '%s' "$2" >"$SECRETS/$1"
	chmod 600 "$SECRETS/$1"
}

# cred NAME SOURCE USE [MORE]: a member of "credentials"; its variable is NAME
# in upper case.
cred()
{
	CREDENTIALS="$CREDENTIALS${CREDENTIALS:+,}
		\"$1\": { \"source\": $2, \"env\": \"${1^^}\", ${4:-}
			\"placeholder\": \"ph-$1-{}\", \"use\": [{ $3 }] }"
}
file()
{
	printf '{ "file": "%s" }' "$SECRETS/$1"
}

# granted NAME...: the profile, with these credentials and plain streams only
granted()
{
	local n list=

	for n; do
		list="$list${list:+, }\"$n\""
	done
	MORE="\"credentials\": { \"allow\": [$list] },"
	allow '"web.test"' '"api.test"' '"git.test"' '"npm.test"' \
		'{"host": "plain.test", "port": 80}' \
		'{"host": "localhost", "tls": "pass"}'
}

records()
{
	limited "$AGENTBOX" audit query --limit 0 --json "$@"
}

# denied NAME STATUS REASON SCRIPT: the last line that the script prints is the
# status of HTTP, the JSON before it has the reason.
denied()
{
	inside "$1" "^$2\$" "$4 -o body -w '%{http_code}\n'; cat body >&2; grep -q '\"$3\"' body"
}

secret header the-header-secret
secret query 'the query&secret=%'
secret basic 'the:basic:secret'
secret always the-always-secret
secret "other" the-other-secret
secret systemd/unit the-systemd-secret
secret two $'the-first-line\nthe-second-line'
secret control $'the-bell\a-secret'
secret empty ''
secret open the-open-secret
chmod 644 "$SECRETS/open"
head -c 9000 /dev/zero | tr '\0' x >"$SECRETS/long"
chmod 600 "$SECRETS/long"
ln -s /dev/zero "$SECRETS/device"
cat >"$SECRETS/print" <<END
#!/bin/sh
echo "\$\$" >>"$TMP/started"
echo "the-command-secret-\$(wc -l <"$TMP/started")"
END
cat >"$SECRETS/fail" <<END
#!/bin/sh
echo the-half-of-a-secret
echo the-complaint-of-it >&2
exit 3
END
cat >"$SECRETS/hang" <<'END'
#!/bin/sh
exec sleep 1000
END
chmod 700 "$SECRETS/print" "$SECRETS/fail" "$SECRETS/hang"

WEB='"host": "web.test"'
H='"header": "authorization", "value": "Bearer {}"'
cred header "$(file header)" "$WEB, $H"
cred query "$(file query)" '"host": "web.test", "path": "/headers", "query": "key"'
cred basic "$(file basic)" '"host": "git.test", "basic": true, "value": "agent"'
cred always "$(file always)" '"host": "npm.test", "header": "x-token", "always": true'
cred anywhere "$(file other)" '"host": "api.test", "method": "GET", "path": "/headers"'
cred clear "$(file other)" '"host": "plain.test", "port": 80, "plain": true, '"$H"
cred tlsonly "$(file other)" '"host": "plain.test", "port": 80, '"$H"
cred command "{ \"command\": [\"$SECRETS/print\"] }" "$WEB, $H"
cred fresh "{ \"command\": [\"$SECRETS/print\"] }" "$WEB, $H" '"lease": "0s",'
cred fails "{ \"command\": [\"$SECRETS/fail\"] }" "$WEB, $H"
cred hangs "{ \"command\": [\"$SECRETS/hang\"], \"timeout\": \"300ms\" }" "$WEB, $H"
cred variable '{ "env": "THE_VARIABLE" }' "$WEB, $H"
cred unset '{ "env": "NO_SUCH_VARIABLE" }' "$WEB, $H"
cred unit '{ "systemd": "unit" }' "$WEB, $H"
for n in two control empty open long device missing; do
	cred "$n" "$(file "$n")" "$WEB, $H"
done
cred unlent "$(file other)" "$WEB, $H"
write_config
export THE_VARIABLE=the-variable-secret CREDENTIALS_DIRECTORY=$SECRETS/systemd
granted header query basic always anywhere clear tlsonly command fresh fails hangs \
	variable unset unit two control empty open long device missing

# ---- places

inside "in a header, in TLS, where no rule looks inside" 'Bearer the-header-secret"' \
	'curl -sS -H "authorization: Bearer $HEADER" https://web.test/headers'
inside "a client may send the placeholder in the header alone" 'Bearer the-header-secret"' \
	'curl -sS -H "authorization: $HEADER" https://web.test/headers'
inside "in a parameter, escaped" 'GET /headers[?]a=1&key=the(%20|\+)query%26secret%3[Dd]%25 ' \
	'curl -sS "https://web.test/headers?a=1&key=$QUERY"'
inside "as a password" "Basic $(printf 'agent:the:basic:secret' | base64 -w0)\"" \
	'curl -sS -u "agent:$BASIC" https://git.test/headers'
inside "where the agent sends nothing" '"x-token", "the-always-secret"' \
	'curl -sS https://npm.test/headers'
inside "the agent's own header does not stay beside it" '^1$' \
	'curl -sS -H "x-token: mine" https://npm.test/headers | tee all | grep -o "x-token" | wc -l; ! grep -q mine all'
inside "wherever the placeholder stands, where no place is said" 'the-other-secret' \
	'curl -sS -H "x-some: a $ANYWHERE b" https://api.test/headers'
inside "without TLS, where the settings say so" 'Bearer the-other-secret"' \
	'curl -sS -H "authorization: Bearer $CLEAR" http://plain.test/headers'
inside "requests without a placeholder go through as they are" '^hello from https$' \
	'curl -sS https://web.test/hello'
inside "each request of a connection gets its own" '^2$' \
	'curl -sS -H "authorization: Bearer $HEADER" https://web.test/headers --next -sS https://web.test/headers \
		--next -sS -H "authorization: Bearer $HEADER" https://web.test/headers | grep -c the-header-secret'

# ---- sources

inside "what a command prints" 'Bearer the-command-secret-1"' \
	'curl -sS -H "authorization: Bearer $COMMAND" https://web.test/headers'
: >"$TMP/started"
inside "a lease is one reading" '^the-command-secret-1 the-command-secret-1$' \
	'for i in 1 2; do curl -sS -H "authorization: Bearer $COMMAND" https://web.test/headers; done |
		grep -o "the-command-secret-[0-9]*" | paste -sd" "'
: >"$TMP/started"
inside "without a lease it is read each time" '^the-command-secret-1 the-command-secret-2$' \
	'for i in 1 2; do curl -sS -H "authorization: Bearer $FRESH" https://web.test/headers; done |
		grep -o "the-command-secret-[0-9]*" | paste -sd" "'
inside "a variable of who runs the box" 'Bearer the-variable-secret"' \
	'curl -sS -H "authorization: Bearer $VARIABLE" https://web.test/headers'
inside "a credential of a service" 'Bearer the-systemd-secret"' \
	'curl -sS -H "authorization: Bearer $UNIT" https://web.test/headers'

# ---- what cannot be read

# unreadable NAME WHAT: the agent hears that it cannot be had, the operator why
unreadable()
{
	denied "$1: no request goes out" 502 credential-unavailable \
		"curl -sS -H \"authorization: Bearer \$${1^^}\" https://web.test/headers"
	check_out "$1: the operator hears why" "network.secret.*\"$1\\\\\".*($2)" \
		records --type anomaly
}
unreadable two "control character|more than one line"
unreadable control "control character"
unreadable empty "empty"
unreadable long "8192"
unreadable open "open to others .mode 0644.; chmod go= $SECRETS/open"
unreadable device "no regular file"
unreadable missing "No such file"
unreadable unset "NO_SUCH_VARIABLE is not set"
unreadable fails "status 3|exit"
unreadable hangs "did not|time|300"

# ---- where it may not go

denied "to another host" 403 placeholder-elsewhere \
	'curl -sS -H "authorization: Bearer $HEADER" https://api.test/headers'
denied "in another header" 403 placeholder-elsewhere \
	'curl -sS -H "x-mine: $HEADER" https://web.test/headers'
denied "in the path" 403 placeholder-in-path 'curl -sS "https://web.test/echo/$HEADER"'
denied "in a body" 403 placeholder-in-body 'curl -sS -d "$HEADER" https://web.test/echo'
denied "with another method" 403 placeholder-elsewhere \
	'curl -sS -X PUT -H "x-some: $ANYWHERE" https://api.test/headers'
denied "to another path" 403 placeholder-elsewhere 'curl -sS "https://web.test/hello?key=$QUERY"'
denied "without TLS, where the settings do not say so" 403 placeholder-elsewhere \
	'curl -sS -H "authorization: Bearer $TLSONLY" http://plain.test/headers'
denied "one that the policy does not lend" 403 credential-denied \
	'curl -sS -H "authorization: Bearer $UNLENT" https://web.test/headers'
check_out "a placeholder elsewhere is a finding" 'network.placeholder' records --type anomaly

# ---- where the policy lends nothing

granted nothing-of-this
inside "no lending: TLS is not looked into" "issuer=CN *= *test CA" \
	'openssl s_client -connect web.test:443 -servername web.test </dev/null 2>/dev/null |
		openssl x509 -noout -issuer'
granted header
inside "where it could be lent, it is" "issuer=.*agentbox" \
	'openssl s_client -connect web.test:443 -servername web.test </dev/null 2>/dev/null |
		openssl x509 -noout -issuer'
inside "and only there" "issuer=CN *= *test CA" \
	'openssl s_client -connect api.test:443 -servername api.test </dev/null 2>/dev/null |
		openssl x509 -noout -issuer'

# ---- nowhere else

granted header always variable unit
inside "no secret in the box" '^clean$' '
	curl -sS -o /dev/null -H "authorization: Bearer $HEADER" https://web.test/hello
	! env | grep -E "the-[a-z]+-secret" && ! cat /proc/[0-9]*/environ 2>/dev/null | grep -aE "the-[a-z]+-secret" &&
	! grep -rasE "the-[a-z]+-secret" /run /tmp /home /root "$HOME" . --exclude=body --exclude=all &&
	[[ $HEADER = ph-header-* ]] && echo clean'
check "no secret in the record, in any form" bash -c \
	"! grep -rqaE 'the-[a-z]+-secret|$(printf 'agent:the:basic' | base64 -w0 | cut -c1-16)|the-half-of|the-complaint|the-(first|second)-line' '$AGENTBOX_STATE_DIR'"
check_out "each use is in the record" '"surface": ?"credentials"' records --surface credentials
finish
