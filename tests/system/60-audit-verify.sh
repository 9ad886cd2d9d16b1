#!/bin/bash
# agentbox-verify: what it says and its status, that anybody can build it with
# the command of its page, and that another program, written from the headers
# alone, finds the same in the same logs.
# emulated: no (bytes of files)
. "$(dirname "$0")/lib.sh"
need python3

VERIFY=${AGENTBOX%/*}/agentbox-verify
[ -x "$VERIFY" ] || skip_all "agentbox-verify is not built"
make_log=$TESTBIN/make_audit_log
oracle=$SRC/tests/tools/audit_verify.py
log=$TMP/log

verify()
{
	limited "$VERIFY" "$@"
}

# place SEQ: its file, offset and size
place()
{
	awk -v seq="$1" '$1 == seq { print $2, $3, $4 }' "$TMP/places"
}

"$make_log" "$log" 400 120 >"$TMP/places" || skip_all "no log could be made"
n=$(wc -l <"$TMP/places")
cp -r "$log" "$TMP/good"

# again: the log as it was
again()
{
	rm -rf "$log"
	cp -r "$TMP/good" "$log"
}

# ---- a good log ----
check_out "whole" '^WHOLE$' verify "$log"
check_out "how many" "^records +1 to $n: .* in 4 files\$" verify "$log"
check_out "the key beside the log proves nothing" \
	'^warning: the public key lies beside the log' verify "$log"
check_out "nothing kept elsewhere" \
	'^warning: no checkpoint kept elsewhere was given' verify "$log"
cp "$log/public.key" "$log/notes" "$log/start.key" "$TMP"
all=(-k "$TMP/public.key" -n "$TMP/notes" -m "$TMP/start.key")
verify "${all[@]}" "$log" >"$out"
check_eq "with keys and notes there is no warning" \
	"$(grep -c warning "$out")" 0
check_out "MACs are checked" '^MACs +checked$' verify "${all[@]}" "$log"
check_out "each note agrees" "^notes +[1-9][0-9]* kept elsewhere; file head" \
	verify "${all[@]}" "$log"
check_out "the files alone" '^WHOLE$' verify "${all[@]}" "$log/log"
mkdir "$TMP/state"
cp -r "$log" "$TMP/state/audit"
check_out "a state folder" '^WHOLE$' verify "$TMP/state"
verify -q "${all[@]}" "$log" >"$out"
check_eq "quiet" "$(wc -c <"$out")" 0
check_out "JSON" '^\{"whole":true,"fault":"ok",' verify -j "$log"
verify -j "$log" | python3 -m json.tool >"$out"
check_eq "it is JSON" "$?" 0
od -An -tx1 -v "$log/start.key" | tr -d ' \n' >"$TMP/start.hex"
check "the MAC key in digits" verify -m "$TMP/start.hex" "$log"
if is_root; then
	chmod -R go+rX "$log"
	[ "${ABX_USER:-}" ] &&
		check "an ordinary user may check" as_user "$VERIFY" "$log"
	chmod -R go-rwx "$log"
fi

# ---- bad ones ----
read -r file offset size <<<"$(place 200)"
printf X | dd of="$log/log/$file" bs=1 seek=$((offset + size - 3)) \
	conv=notrunc status=none
check_status "a byte changed" 1 verify "$log"
capture verify "$log"
check_eq "the place" "$(grep 'NOT WHOLE' "$out" | cut -d: -f1-5)" \
	"NOT WHOLE: $file: offset $offset: record 200: its hash does not fit"
check_status "a byte changed, quietly" 1 verify -q "$log"
check_eq "one line" "$(verify -q "$log" | wc -l)" 1
capture verify -j "$log"
check_eq "the place in JSON" "$(python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
print(r["whole"], r["seq"], r["file"], r["offset"])' "$out")" \
	"False 200 $file $offset"
again
read -r file offset size <<<"$(place $((n - 20)))"
truncate -s "$offset" "$log/log/$file"
check_status "cut" 1 verify "$log"
rm "$log/head"
check_status "cut, and no head" 0 verify "$log"
check_status "cut, no head, but a note" 1 verify -n "$TMP/notes" "$log"
again

# ---- what cannot be checked ----
check_err "no folder" 2 'cannot open the folder' verify "$TMP/nowhere"
mkdir "$TMP/empty"
check_err "no key" 2 'cannot read the public key' verify "$TMP/empty"
check_out_status() # NAME STATUS REGEX COMMAND...
{
	local got=0

	capture "${@:4}" || got=$?
	check_eq "$1" "$got $(grep -Ec -- "$3" "$out")" "$2 1"
}
check_out_status "no log" 2 '^CANNOT CHECK: no record' \
	verify -k "$TMP/public.key" "$TMP/empty"
check_status "no log, and a note of it" 1 verify "${all[@]}" "$TMP/empty"
check_err "no argument" 2 'which folder' verify
check_err "two folders" 2 'more than one folder' verify "$log" "$log"
check_status "no such option" 2 verify --what "$log"
check_err "a key that is none" 2 'no public key of a log' \
	verify -k "$TMP/notes" "$log"
check_err "a MAC key that is none" 2 'neither 32 bytes nor 64' \
	verify -m "$log/public.key" "$log"
sed 's/^time 1/time 2/' "$TMP/notes" >"$TMP/forged"
check_err "a note that is forged" 2 'note 1: the signature' \
	verify -n "$TMP/forged" "$log"
check_out "help" '^usage: agentbox-verify' verify --help
check_out "version" '^agentbox-verify [0-9]' verify --version
if [ -e /dev/full ]; then
	"$VERIFY" "$log" >/dev/full 2>/dev/null
	check_eq "what it says is written, or it fails" "$?" 2
fi

# ---- proofs ----
check_out "a proof" '^PROVED$' verify -k "$TMP/public.key" -p "$log/proof-1" \
	-p "$log/proof-2"
cat "$log"/proof-? >"$TMP/proofs"
capture verify -k "$TMP/public.key" -p "$TMP/proofs"
check_eq "three in one file" "$(grep -c '^record ' "$out")" 3
sed 's/^index 0/index 1/' "$log/proof-1" >"$TMP/proof"
check_status "a proof of another record" 1 verify -k "$TMP/public.key" \
	-p "$TMP/proof"

# ---- built by a third party ----
command=$(sed -n '/^cc /,/[^e]$/{s/\\e$//;p}' "$SRC/docs/man/agentbox-verify.1" |
	tr '\n' ' ')
if ! command -v cc >/dev/null; then
	skip "the command of the page" "cc is not installed"
elif [ ! -d "$SRC/audit" ]; then
	skip "the command of the page" "the sources are not here"
elif ! echo '#include <openssl/sha.h>' | cc -E - >/dev/null 2>&1; then
	skip "the command of the page" "the headers of OpenSSL are not installed"
else
	mkdir "$TMP/src"
	cp -r "$SRC/audit" "$SRC/lib" "$TMP/src"
	check "the command of the page builds it" \
		bash -c "cd '$TMP/src' && $command"
	check_out "and it works" '^WHOLE$' "$TMP/src/agentbox-verify" "$log"
fi

# ---- another program finds the same ----
# same NAME: both say of the log that it is whole, or name the same record
same()
{
	local ours theirs

	ours=$(limited "$VERIFY" -j -m "$TMP/start.key" "$log" | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["whole"], r["root"] if r["whole"] else r["seq"])')
	theirs=$(limited python3 "$oracle" --mac-key "$TMP/start.key" "$log" |
		python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["whole"], r["root"] if r["whole"] else r["seq"])')
	if [ "$ours" = "$theirs" ] && [ "$ours" ]; then
		return 0
	fi
	echo "$1: agentbox-verify: $ours; audit_verify.py: $theirs" >>"$TMP/differ"
	return 1
}

check "a whole log, to the same root" same whole
RANDOM=7
differ=0 bad=0
for i in $(seq 40); do
	again
	seq=$((1 + RANDOM % n))
	read -r file offset size <<<"$(place "$seq")"
	at=$((offset + RANDOM % size))
	case $((i % 5)) in
	0) truncate -s "$at" "$log/log/$file" ;;
	1) head -c 50 /dev/zero >>"$log/log/$file" ;;
	2) rm "$log/log/$file" ;;
	3) { # the record is not there any more
		head -c "$offset" "$TMP/good/log/$file"
		tail -c +$((offset + size + 1)) "$TMP/good/log/$file"
	} >"$log/log/$file" ;;
	4) printf '\125' | dd of="$log/log/$file" bs=1 seek="$at" conv=notrunc \
		status=none ;;
	esac
	same "change $((i % 5)) at record $seq" || differ=$((differ + 1))
	limited "$VERIFY" -q "$log" >/dev/null || bad=$((bad + 1))
done
check_eq "40 changes: the same record is named" "$differ" 0
[ ! -f "$TMP/differ" ] || sed 's/^/# /' "$TMP/differ"
# a byte may have been what it became
check "they are found" test "$bad" -ge 38
finish
