#!/bin/bash
# An interactive bash at a terminal: job control, line editing, resize. What a
# person types goes through two terminals, the outer one and the box's own.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need python3
need_inside bash

# at_terminal NAME <STEPS: bash in a box, with a short prompt.
at_terminal()
{
	local got=0

	limited python3 "$SRC/tests/compat/terminal.py" "$AGENTBOX" run \
		--profile dev --workspace "$WS" --env PS1='ready> ' \
		-- bash --norc --noprofile -i >"$out" 2>"$err" || got=$?
	if [ "$got" = 0 ]; then
		ok "$1"
	else
		not_ok "$1"
		show
	fi
}

at_terminal "a command, its echo, its status" <<'END'
expect ready>
send (exit 3); echo "status $?"\r
expect ^status 3
send exit 4\r
end 4
END

at_terminal "control-Z stops, fg goes on, control-C interrupts" <<'END'
expect ready>
send sleep 100\r
wait 0.3
send \x1a
expect \[1\]\+ +Stopped +sleep 100
expect ready>
send fg\r
expect sleep 100
wait 0.3
send \x03
expect ready>
send echo "got $?"\r
expect ^got 130
send exit\r
end 0
END

at_terminal "bg, jobs, wait, kill %1" <<'END'
expect ready>
send sleep 100\r
wait 0.3
send \x1a
expect Stopped
send bg\r
expect \[1\]\+ sleep 100 &
send jobs\r
expect Running +sleep 100
send kill %1; wait; echo "all done"\r
expect ^all done
send exit 0\r
end 0
END

at_terminal "a stopped pipeline is one job" <<'END'
expect ready>
send sleep 100 | cat | cat\r
wait 0.3
send \x1a
expect Stopped
send jobs -p | wc -l\r
expect ^1$
send kill -9 %1; exit 0\r
wait 0.5
send exit 0\r
end 0
END

at_terminal "a background job that reads is stopped" <<'END'
expect ready>
send cat &\r
expect ready>
send jobs; sleep 0.2; jobs\r
expect Stopped
send kill -9 %1; exit 0\r
wait 0.5
send exit 0\r
end 0
END

put size.sh <<'END'
trap 'echo "changed to $(stty size)"; exit' WINCH
echo armed
while :; do sleep 0.1; done
END
at_terminal "the size, and changes of it" <<'END'
expect ready>
size 33 101
wait 0.5
send stty size\r
expect ^33 101
send bash size.sh\r
expect ^armed
size 40 120
expect ^changed to 40 120
send exit\r
end 0
END

at_terminal "control-backslash quits, control-S and control-Q hold output" <<'END'
expect ready>
send sleep 100\r
wait 0.3
send \x1c
expect Quit
send echo "code $?"\r
expect ^code 131
send \x13
wait 0.2
send \x11
send echo on\r
expect ^on
send \x04
end 0
END

at_terminal "line editing: arrows, control-A, history" <<'END'
expect ready>
send cho one\x01e\r
expect ^one
send \x1b[A\r
expect ^one
send exit\r
end 0
END

at_terminal "a full screen program in raw mode" <<'END'
expect ready>
send seq 500 | less\r
expect ^:
send G
expect ^500
send q
expect ready>
send stty -a | grep -o -w icanon\r
expect ^icanon
send exit\r
end 0
END

at_terminal "the agent is a session leader with a terminal of the box" <<'END'
expect ready>
send tty; ps -o tty= -p $$\r
expect ^/dev/pts/0
expect ^pts/0
send exit\r
end 0
END
finish
