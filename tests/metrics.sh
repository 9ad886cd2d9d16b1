#!/bin/sh
# `make metrics`: the size and shape of the code, folder by folder.
set -eu
cd "$(dirname "$0")/.."

printf '%-12s %5s %7s %9s %9s %8s %8s\n' folder files lines 'file med' \
	'file max' 'fn med' 'fn max'
for d in lib policy sandbox profiles supervisor tests; do
	depth=1
	[ "$d" != tests ] || depth=2
	find "$d" -maxdepth $depth -name '*.[ch]' | sort | xargs -r awk -v dir="$d" '
	FNR == 1 { if (n) len[++files] = n; n = 0; open = 0 }
	{ n++; lines++ }
	/^[{]$/ { open = FNR }
	/^[}]/ && open { fn[++fns] = FNR - open - 1; open = 0 }
	function sorted(a, k,   i, j, t) {
		for (i = 2; i <= k; i++)
			for (j = i; j > 1 && a[j] < a[j - 1]; j--) {
				t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
			}
	}
	END {
		len[++files] = n
		sorted(len, files)
		sorted(fn, fns)
		printf "%-12s %5d %7d %9d %9d %8d %8d\n", dir, files, lines,
			len[int((files + 1) / 2)], len[files],
			fn[int((fns + 1) / 2)], fn[fns]
	}'
done
for f in build/bin/*; do
	[ ! -f "$f" ] || printf '%-20s %8d bytes\n' "${f##*/}" "$(wc -c <"$f")"
done
