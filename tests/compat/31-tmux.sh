#!/bin/bash
# tmux: a server in the background with terminals of its own.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside tmux

put wait-pane <<'END'
# wait-pane TEXT: until a line of the pane is TEXT.
for _ in $(seq 1000); do
	tmux capture-pane -p -t s | grep -qx "$1" && exit 0
	sleep 0.05
done
tmux capture-pane -p -t s >&2
exit 1
END
inside "a detached session, keys, the screen" '^sum 42$' \
	'tmux -f /dev/null new-session -d -s s -x 80 -y 24 bash --norc
	tmux send-keys -t s "echo sum \$((6*7))" Enter
	bash wait-pane "sum 42"; tmux capture-pane -p -t s; tmux kill-server'
inside "windows, panes, resize" '^2 windows 3 panes 40x10$' \
	'tmux -f /dev/null new-session -d -s s -x 80 -y 24
	tmux split-window -t s; tmux new-window -t s
	tmux resize-window -t s -x 40 -y 10
	echo "$(tmux list-windows -t s | wc -l) windows" \
		"$(tmux list-panes -s -t s | wc -l) panes" \
		"$(tmux display -p -t s "#{window_width}x#{window_height}")"
	tmux kill-server'
put trap.sh <<'END'
trap 'echo interrupted; sleep 9' INT
echo ready
while :; do sleep 0.1; done
END
inside "control-C reaches the program in it" 'interrupted$' \
	'tmux -f /dev/null new-session -d -s s bash trap.sh
	bash wait-pane ready; tmux send-keys -t s C-c
	for _ in $(seq 1000); do tmux capture-pane -p -t s | grep interrupted &&
		break; sleep 0.05; done
	tmux kill-server'
inside "wait-for between sessions" '^signalled$' \
	'tmux -f /dev/null new-session -d -s s "tmux wait-for -S done; sleep 9"
	tmux wait-for done; echo signalled; tmux kill-server'
inside "the server ends with the box" '^started$' \
	'tmux -f /dev/null new-session -d -s s; echo started'
finish
