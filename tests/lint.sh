#!/bin/bash
# `make lint`: everything that is checked without running the programs. One
# line for each check; what a check said follows it.
#
#	tests/lint.sh [CHECK...]
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0
JOBS=$(nproc)
CHECKS=(format layers headers calls sizes words shell man cppcheck tidy)
CPP=(-std=gnu17 -I. -isystem /usr/include/libnl3 -D_GNU_SOURCE
	-DAGENTBOX_VERSION='"lint"')
WARN=(-Wall -Wextra -Werror)

# Every file of the project, new ones too.
files()
{
	{
		git ls-files -co --exclude-standard 2>/dev/null ||
			find . -type f ! -path './build/*' ! -path './.git/*' |
			sed 's,^\./,,'
	} | sort -u | grep -E "$1" | while IFS= read -r f; do
		[ ! -f "$f" ] || echo "$f"
	done
}

product()
{
	files '^(audit|net|query|shim|lib|policy|sandbox|profiles|supervisor)/.*\.[ch]$'
}

shell_files()
{
	files '\.(sh|bash)$|^\.ci/' | grep -v '^packaging/completions/_'
}

check_format()
{
	local hits

	hits=$(files '\.[ch]$' | xargs -r clang-format --dry-run -Werror 2>&1 |
		sed -n 's/^\([^ :]*\):\([0-9]*\):.*/\1/p' | sort | uniq -c)
	[ ! "$hits" ] || {
		echo "places that clang-format would change (make format):"
		echo "$hits"
		return 1
	}
}

check_layers()
{
	product | xargs -r python3 tests/lint.py layers
}

check_calls()
{
	product | xargs -r python3 tests/lint.py calls
}

check_sizes()
{
	files '\.[ch]$' | xargs -r python3 tests/lint.py sizes
}

check_words()
{
	files . | xargs -r -d '\n' python3 tests/lint.py words
}

# Each header alone.
header_one()
{
	echo "#include \"$1\"" | "${CC:-gcc}" "${CPP[@]}" "${WARN[@]}" \
		-fsyntax-only -x c - || {
		echo "$1 does not compile alone"
		return 1
	}
}

check_headers()
{
	files '\.h$' | xargs -r -P "$JOBS" -n 1 tests/lint.sh --header-one
}

check_shell()
{
	shell_files | xargs -r -P "$JOBS" -n 8 shellcheck -x
}

check_man()
{
	files '^docs/man/.*\.[1-9]$' | xargs -r mandoc -T lint -W warning
}

check_cppcheck()
{
	local hits

	hits=$(files '^(audit|net|query|shim|lib|policy|sandbox|profiles|supervisor|tests)/.*\.c$' |
		xargs -r cppcheck -q -j "$JOBS" --std=c11 --inline-suppr \
			--enable=warning,portability,performance \
			--suppress=missingIncludeSystem \
			--suppress=nullPointerOutOfMemory \
			--suppress=va_end_missing:tests/escape/util.c \
			--template='{file}:{line}: {message} [{id}]' \
			-D_GNU_SOURCE -D__linux__ -D__x86_64__ \
			-DAGENTBOX_VERSION='"lint"' \
			--include=tests/lint-macros.h -I. 2>&1)
	[ ! "$hits" ] || { echo "$hits"; return 1; }
}

# One file: the flags come after "--", so xargs cannot put the name last.
tidy_one()
{
	clang-tidy -quiet "$1" -- "${CPP[@]}" 2>/dev/null |
		grep -E ': (error|warning): ' | sed "s,$PWD/,,"
	[ "${PIPESTATUS[0]}" = 0 ]
}

check_tidy()
{
	files '^(audit|net|query|shim|lib|policy|sandbox|profiles|supervisor)/.*\.c$|^tests/(tap|tools/.*)\.c$' |
		xargs -r -P "$JOBS" -n 1 tests/lint.sh --tidy-one
}

case ${1:-} in
--tidy-one)
	tidy_one "$2"
	exit ;;
--header-one)
	header_one "$2"
	exit ;;
esac

[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for c; do
	t=$SECONDS
	if said=$("check_$c" 2>&1); then
		passed=$((passed + 1))
		echo "ok - $c ($((SECONDS - t)) s)"
		[ ! "$said" ] || printf '%s\n' "$said" | sed 's/^/# /'
	else
		failed=$((failed + 1))
		echo "not ok - $c ($((SECONDS - t)) s)"
		printf '%s\n' "$said" | sed 's/^/# /'
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
