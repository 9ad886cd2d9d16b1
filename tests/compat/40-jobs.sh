#!/bin/bash
# An interactive bash at a terminal: job control, line editing, resize. What a
# person types goes through two terminals, the outer one and the box's own.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need python3
need_inside bash

# A key counts for the job that has the terminal when it arrives, so jobs say
# when they have it: this one by a first line, then by an answer to each line.
put reads <<'END'
#!/bin/sh
echo begun
exec sed -u 's/^/got /'
END
put sleeps <<'END'
#!/bin/sh
echo begun
exec sleep 100
END
chmod +x "$WS/reads" "$WS/sleeps"

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
expect ready>
send exit 4\r
end 4
END

at_terminal "control-Z stops, fg goes on, control-C interrupts" <<'END'
expect ready>
send ./reads\r
expect ^begun
send \x1a
expect \[1\]\+ +Stopped +\./reads
expect ready>
send fg\r
expect ^\./reads
send again\r
expect ^got again
send \x03
expect ready>
send echo "got $?"\r
expect ^got 130
expect ready>
send exit\r
end 0
END

at_terminal "bg, jobs, wait, kill %1" <<'END'
expect ready>
send ./sleeps\r
expect ^begun
send \x1a
expect Stopped
expect ready>
send bg\r
expect \[1\]\+ \./sleeps &
expect ready>
send jobs\r
expect Running +\./sleeps
expect ready>
send kill %1; wait; echo "all done"\r
expect ^all done
expect ready>
send exit 0\r
end 0
END

at_terminal "a stopped pipeline is one job" <<'END'
expect ready>
send ./sleeps | cat | cat\r
expect ^begun
send \x1a
expect Stopped
expect ready>
send jobs -p | wc -l\r
expect ^1$
expect ready>
send kill -9 %1; exit 0\rexit 0\r
end 0
END

at_terminal "a background job that reads is stopped" <<'END'
expect ready>
send cat &\r
expect ready>
send until jobs | grep Stop; do sleep 0.1; done\r
expect Stopped
expect ready>
send kill -9 %1; exit 0\rexit 0\r
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
send until stty size | grep '^33 '; do sleep 0.1; done\r
expect ^33 101
expect ready>
send bash size.sh\r
expect ^armed
size 40 120
expect ^changed to 40 120
expect ready>
send exit\r
end 0
END

at_terminal "control-backslash quits, control-S and control-Q hold output" <<'END'
expect ready>
send ./sleeps\r
expect ^begun
send \x1c
expect Quit
expect ready>
send echo "code $?"\r
expect ^code 131
expect ready>
send \x13
send \x11
send echo on\r
expect ^on
expect ready>
send \x04
end 0
END

at_terminal "line editing: arrows, control-A, history" <<'END'
expect ready>
send cho one\x01e\r
expect ^one
expect ready>
send \x1b[A\r
expect ^one
expect ready>
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
expect ready>
send exit\r
end 0
END

at_terminal "the agent is a session leader with a terminal of the box" <<'END'
expect ready>
send tty; ps -o tty= -p $$\r
expect ^/dev/pts/0
expect ^pts/0
expect ready>
send exit\r
end 0
END
finish
