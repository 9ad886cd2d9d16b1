#!/bin/bash
# Databases: raw streams, in which the server or the client speaks first.
. "$(dirname "$0")/lib.sh"
servers

as=()
owner=$(id -un)
if is_root; then
	owner=${ABX_USER:-nobody}
	as=(setpriv --reuid "$owner" --regid "$(id -gn "$owner")" --clear-groups env "HOME=$NET")
fi

redis=$(command -v redis-server || command -v redis-check-rdb)
if [ "$redis" ] && command -v redis-cli >/dev/null; then
	port=$((30000 + RANDOM % 5000))
	# the same program under its other name
	server bash -c 'exec -a redis-server "$0" --port "$1" --bind 127.0.0.1 --save "" --dir "$2"' \
		"$redis" "$port" "$NET"
	wait_for 10 redis-cli -p "$port" ping >/dev/null || not_ok "redis listens"
	map redis.test "$port"
	write_config
	allow '"redis.test:6379"'
	inside "redis-cli" '^kept$' \
		'redis-cli -h redis.test set k kept >&2; redis-cli -h redis.test get k'
	refused "redis-cli to another port" 'redis-cli -h redis.test -p 6380 ping'
else
	skip "redis-cli" "redis-tools is not installed"
fi

bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort | tail -n 1)
if [ "$bin" ] && command -v psql >/dev/null; then
	port=$((25000 + RANDOM % 5000))
	mkdir "$NET/pg"
	is_root && chown "$owner" "$NET/pg"
	capture "${as[@]}" "$bin/initdb" -D "$NET/pg" -U agent -A trust --no-sync ||
		{ not_ok "a database is made"; show; }
	server "${as[@]}" "$bin/postgres" -D "$NET/pg" -p "$port" -h 127.0.0.1 -k "$NET/pg" -F
	wait_for 20 "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" || not_ok "postgres listens"
	map pg.test "$port"
	write_config
	allow '"pg.test:5432"'
	inside "psql" '^ *42$' 'psql -h pg.test -U agent -d postgres -Atc "select 6 * 7"'
	inside "a large answer" '^300000$' \
		'psql -h pg.test -U agent -d postgres -Atc "select generate_series(1, 300000)" | tail -n 1'
	refused "psql to a name that is not allowed" 'psql -h other.test -U agent -d postgres -Atc "select 1"'
else
	skip "psql" "postgresql is not installed"
fi
finish
