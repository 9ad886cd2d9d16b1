#!/bin/bash
# git over https (clone, fetch, push as far as its rules go) and over ssh.
. "$(dirname "$0")/lib.sh"
need git
servers
git init -q --bare "$NET/git/p.git"
git -C "$NET/git/p.git" config http.receivepack true
git init -q "$NET/seed"
(cd "$NET/seed" && git -c user.name=t -c user.email=t@t commit -q --allow-empty -m first &&
	git push -q "$NET/git/p.git" HEAD:refs/heads/main) || not_ok "a repository to clone"
git -C "$NET/git/p.git" symbolic-ref HEAD refs/heads/main
is_root && chmod -R a+rwX "$NET/git"

allow '{"host": "git.test", "method": "GET", "path": "/git/*.git/info/refs", "when": [{"at": "/query/service", "op": "eq", "value": "git-upload-pack"}]}' \
	'{"host": "git.test", "method": "POST", "path": "/git/*.git/git-upload-pack"}'
inside "clone over https" '^first$' \
	'git clone -q https://git.test/git/p.git c && git -C c log -1 --format=%s'
inside "fetch over https" '^ok$' 'git -C c fetch -q && echo ok'
refused "push, where only fetching is allowed" \
	'cd c && git -c user.name=t -c user.email=t@t commit -q --allow-empty -m second &&
	git push -q origin HEAD' 'POST .*receive-pack'
check_out "nothing was pushed" '^first$' git -C "$NET/git/p.git" log -1 --format=%s main
why_last "why last knows" 'git\.test'

# ---- ssh, to a server of this user's own
user=$(id -un)
as=()
home=$HOME
if is_root; then
	user=${ABX_USER:-}
	[ "$user" ] && as=(setpriv --reuid "$user" --regid "$user" --init-groups) &&
		home=$(getent passwd "$user" | cut -d: -f6)
fi
if ! command -v dropbear >/dev/null || ! command -v ssh >/dev/null; then
	skip "git over ssh" "dropbear or ssh is not installed"
elif [ -z "$user" ] || [ -e "$home/.ssh" ]; then
	skip "git over ssh" "there is no user whose .ssh may be filled: run by tests/run.sh"
else
	mkdir -m 700 "$home/.ssh" "$NET/ssh"
	at_exit rm -rf "$home/.ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$WS/key"
	cp "$WS/key.pub" "$home/.ssh/authorized_keys"
	dropbearkey -t ed25519 -f "$NET/ssh/host" >/dev/null 2>&1
	cp -r "$NET/git/p.git" "$NET/ssh/p.git" # git reads nobody else's
	is_root && chown -R "$user:" "$home/.ssh" "$NET/ssh"
	port=$((20000 + RANDOM % 10000))
	server "${as[@]}" dropbear -F -E -r "$NET/ssh/host" -p "127.0.0.1:$port" -s \
		-P "$NET/ssh/pid"
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" ||
		not_ok "the ssh server listens" "$(cat "$NET"/server.*.log)"
	map ssh.test "$port"
	write_config
	allow '"ssh.test:22"'
	ssh="ssh -i key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
	inside "ssh" '^there$' "chmod 600 key; $ssh $user@ssh.test echo there"
	inside "clone over ssh" '^first$' \
		"GIT_SSH_COMMAND='$ssh' git clone -q ssh://$user@ssh.test$NET/ssh/p.git s && git -C s log -1 --format=%s"
	refused "ssh to another port" "$ssh -p 2222 $user@ssh.test echo there"
fi
finish
