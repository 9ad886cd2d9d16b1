# bash completion for agentbox

_agentbox_boxes()
{
	agentbox ps 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_agentbox_profiles()
{
	local bin dir f

	bin=$(readlink -f "$(command -v agentbox)") || return
	for dir in "${bin%/*}/../share/agentbox/profiles" \
		"${bin%/*}/../../profiles" /etc/agentbox/profiles \
		"${XDG_CONFIG_HOME:-$HOME/.config}/agentbox/profiles"; do
		for f in "$dir"/*.json; do
			[ ! -e "$f" ] || basename "$f" .json
		done
	done
}

# _agentbox_words WORDS: completes from them.
_agentbox_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_agentbox_profile_files()
{
	_agentbox_words "$(_agentbox_profiles)" "$1"
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X '!*.json' -- "$1")
}

_agentbox_record_types()
{
	echo log.start log.stop log.restart log.gap log.segment log.checkpoint \
		log.expire channel channel.end intent outcome lifecycle policy \
		approval admin anomaly
}

# The word after an option of a command; false if it takes none.
_agentbox_value()
{
	local cur=$3

	case $1,$2 in
	run,-p | run,--profile | doctor,-p | doctor,--profile | profile,--from)
		_agentbox_profile_files "$cur" ;;
	run,--narrow | profile,-o | profile,--output)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	profile,--role)
		_agentbox_words "retrieve reason execute approve monitor" "$cur" ;;
	profile,--on)
		_agentbox_words "files process network tools memory credentials handoffs admin" "$cur" ;;
	run,-w | run,--workspace | doctor,-w | doctor,--workspace)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	audit,--effect)
		_agentbox_words "allow deny ask redact limit prohibit none" "$cur" ;;
	audit,--status)
		_agentbox_words "ok error denied timeout killed unknown" "$cur" ;;
	audit,--type)
		_agentbox_words "$(_agentbox_record_types)" "$cur" ;;
	audit,--surface)
		_agentbox_words "files process network tools memory credentials handoffs admin" "$cur" ;;
	audit,--format) _agentbox_words "jsonl csv ocsf otel" "$cur" ;;
	audit,--public-key | audit,--mac-key | audit,--note | audit,--take)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	audit,--agent | audit,--run | audit,--box | audit,--owner | audit,--parent | \
		audit,--handoff | audit,--rule | audit,--what | audit,--since | \
		audit,--until | audit,--seq | audit,--limit | audit,-n | audit,--lines | \
		why,--agent | why,--run)
		COMPREPLY=() ;;
	run,--env)
		mapfile -t COMPREPLY < <(compgen -v -S = -- "$cur") ;;
	kill,-s | kill,--signal)
		_agentbox_words "TERM INT HUP KILL QUIT USR1 USR2 STOP CONT" "$cur" ;;
	profile,-l) return 1 ;; # --live
	run,-n | run,--name | run,-t | run,--timeout | profile,-c | profile,--case | *,-l | *,--label | *,-w | *,--why)
		COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_agentbox_options()
{
	case $1 in
	run) echo --profile --workspace --name --timeout --env --label \
		--narrow --observe --show-enforced --json --timing --help -- ;;
	ps) echo --label --json --help ;;
	inspect) echo --json --help ;;
	freeze | thaw | reload) echo --all --label --why --json --help ;;
	kill) echo --signal --all --label --why --json --help ;;
	revoke) echo --all --label --json --help ;;
	logs) echo --follow --json --help ;;
	decide) echo --outcome --error --detail --label --bytes-in \
		--bytes-out --help ;;
	doctor) echo --json --profile --workspace --help ;;
	profile) case $2 in
		list | diff) echo --json --help ;;
		show) echo --resolved --json --help ;;
		check) echo --strict --json --help ;;
		test) echo --live --case --json --help ;;
		explain) echo --on --json --help ;;
		init) echo --role --from --output --json --help ;;
		esac ;;
	audit) case $2 in
		verify) echo --public-key --mac-key --note --json --help ;;
		keys) echo --take --json --help ;;
		index) echo --rebuild --json --help ;;
		checkpoint | rotate | anew | schema) echo --help ;;
		*) echo --agent --run --box --owner --parent --handoff --rule \
			--effect --surface --what --status --type --since \
			--until --seq --limit --json --utc --no-index --help
			case $2 in
			tail) echo --follow --lines ;;
			query) echo --count ;;
			export) echo --format --proof ;;
			esac ;;
		esac ;;
	why) echo --agent --run --json --as-agent --help ;;
	trace) echo --json --help ;;
	esac
}

_agentbox()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local cmd=${COMP_WORDS[1]:-} i
	local all="run ps inspect freeze thaw kill reload revoke logs decide doctor profile audit why trace version help"

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_agentbox_words "$all" "$cur"
		return
	fi
	if [ "$cmd" = run ]; then # behind "--" or the first word: the command's
		for ((i = 2; i < COMP_CWORD; i++)); do
			if [ "${COMP_WORDS[i]}" = -- ]; then
				_command_offset $((i + 1)) 2>/dev/null ||
					mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
				return
			fi
		done
	fi
	_agentbox_value "$cmd" "$prev" "$cur" && return
	if [[ $cur == -* ]]; then
		_agentbox_words "$(_agentbox_options "$cmd" "${COMP_WORDS[2]:-}")" "$cur"
		return
	fi
	case $cmd in
	run) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	profile)
		if [ "$COMP_CWORD" = 2 ]; then
			_agentbox_words "list show check test explain diff init" "$cur"
		else
			_agentbox_profile_files "$cur"
		fi ;;
	decide) if [ "$COMP_CWORD" = 2 ]; then
			_agentbox_words "$(_agentbox_boxes)" "$cur"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	audit)
		if [ "$COMP_CWORD" = 2 ]; then
			_agentbox_words "tail query verify export stats replay keys checkpoint rotate index schema anew" "$cur"
		elif [ "${COMP_WORDS[2]}" = schema ]; then
			_agentbox_words "$(_agentbox_record_types)" "$cur"
		fi ;;
	why) _agentbox_words last "$cur" ;;
	trace) _agentbox_words "last $(_agentbox_boxes)" "$cur" ;;
	inspect | freeze | thaw | kill | reload | revoke | logs)
		_agentbox_words "$(_agentbox_boxes)" "$cur" ;;
	help) _agentbox_words "$all" "$cur" ;;
	esac
}
complete -F _agentbox agentbox
