#!/bin/bash
# sqlite3: journals, write-ahead log with shared memory, locks between
# processes, in the workspace and in the private folders.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside sqlite3

inside "create, fill, ask" '^500500$' \
	'sqlite3 a.db "create table t(n); with recursive c(x) as (select 1
	union all select x+1 from c where x<1000) insert into t select x from c;
	select sum(n) from t"'
inside "it is there for the next box" '^1000$' \
	'sqlite3 a.db "select count(*) from t"'
inside "write-ahead log" '^wal$' 'sqlite3 a.db "pragma journal_mode=wal"'
inside "four writers at once, none lost" '^400$' \
	'sqlite3 a.db "create table w(n)"
	for i in 1 2 3 4; do
		(for j in $(seq 100); do echo ".timeout 20000
		insert into w values($j);"; done | sqlite3 a.db) &
	done; wait; sqlite3 a.db "select count(*) from w"'
inside "a reader beside a writer" '^1000$' \
	'(echo "begin immediate; delete from t;"; sleep 1; echo "rollback;") |
	sqlite3 a.db & sleep 0.3; sqlite3 a.db "select count(*) from t"; wait'
inside "memory map, vacuum, integrity" '^ok$' \
	'sqlite3 a.db "pragma mmap_size=100000000; vacuum;
	pragma integrity_check" | tail -n 1'
inside "in /tmp, HOME and /dev/shm" '^3$' \
	'for d in /tmp ~ /dev/shm; do sqlite3 $d/x.db "create table t(n);
	pragma journal_mode=wal"; done | grep -c wal'
inside "full text search, json" '^found$' \
	"sqlite3 :memory: \"create virtual table f using fts5(x);
	insert into f values('needle found');
	select json_extract('{\\\"a\\\":\\\"found\\\"}', '\$.a') from f
	where f match 'needle'\""
finish
