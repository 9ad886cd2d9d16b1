#!/bin/sh
# Runs each fuzz target for some seconds (`make fuzz`). New inputs go to
# build/fuzz/corpus; a finding is kept in build/fuzz/findings and fails.
#
#	tests/fuzz/run.sh BUILD SECONDS
set -eu
cd "$(dirname "$0")/../.."
build=$1 seconds=$2 passed=0 failed=0

for f in "$build"/fuzz/tests/fuzz_*; do
	[ -x "$f" ] || continue
	name=${f##*/fuzz_}
	mkdir -p "$build/fuzz/corpus/$name" "$build/fuzz/findings"
	if "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$build/fuzz/findings/$name-" \
		"$build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" \
		>"$build/fuzz/$name.log" 2>&1; then
		echo "ok - $name ($(sed -n 's/^stat::number_of_executed_units: *//p' \
			"$build/fuzz/$name.log") runs)"
		passed=$((passed + 1))
	else
		echo "not ok - $name, see $build/fuzz/$name.log"
		tail -n 20 "$build/fuzz/$name.log" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
