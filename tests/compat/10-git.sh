#!/bin/bash
# git in the workspace: clone, commit, branches, worktrees, hooks, and that what
# it did is there outside, owned by whoever owns the workspace.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside git
need git

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
id='-c user.name=Agent -c user.email=agent@example.org'

inside "init, add, commit" '^[0-9a-f]{40}$' "git init -q -b main origin
	cd origin; seq 1 2000 >numbers; git add numbers
	git $id commit -qm first; git rev-parse HEAD"
inside "clone over local links" '^2000 numbers$' \
	"git clone -q origin copy; cd copy; wc -l numbers"
inside "clone over the file protocol" '^first$' \
	'git clone -q "file://$PWD/origin" far; cd far; git log --format=%s'
inside "a repository with many objects, packed" '^count: 0$' \
	"cd origin; for i in \$(seq 50); do echo \$i >f\$i; done; git add .
	git $id commit -qm many; git gc -q; git count-objects -v | grep ^count"
inside "diff, stash, branch, merge" '^merged$' \
	"cd copy; git checkout -qb topic; echo x >>numbers
	git diff --stat | grep -q numbers
	git $id stash -q; git stash pop -q; git $id commit -qam topic
	git checkout -q main; git $id merge -q --no-ff topic -m merged
	git log -1 --format=%s"
inside "fetch and push between repositories" '^topic$' \
	"cd copy; git fetch -q; git push -q origin topic
	cd ../origin; git log -1 --format=%s topic"
inside "rebase" '^rebased$' \
	"cd far; git checkout -qb side; echo y >y; git add y
	git $id commit -qm rebased; git $id pull -q --rebase origin main
	git log -1 --format=%s"
inside "a worktree" '^  *wt-branch|^\+ wt-branch' \
	"cd origin; git worktree add -q ../tree -b wt-branch; cd ../tree
	echo z >z; git add z; git $id commit -qm wt; cd ../origin
	git branch --list wt-branch; git worktree remove ../tree"
inside "hooks of the repository run" '^hook saw it$' \
	"cd origin; printf '#!/bin/sh\necho hook saw it\n' >.git/hooks/pre-commit
	chmod +x .git/hooks/pre-commit; echo h >h; git add h
	git $id commit -qm hooked 2>&1"
inside "a hook can refuse" '^refused$' \
	"cd origin; printf '#!/bin/sh\nexit 1\n' >.git/hooks/pre-commit
	echo i >i; git add i; git $id commit -qm no || echo refused"
inside "global settings go to the private home" '^Agent A$' \
	'git config --global user.name "Agent A"; git config user.name'
inside "and are gone with the box" '^none$' \
	'git config --global user.name || echo none'
inside "fsck" '^sound$' 'cd origin; git fsck --strict && echo sound'
check_out "the commits are there outside" '^many$' \
	git -C "$WS/origin" -c safe.directory='*' log --format=%s main
check_eq "files belong to the owner of the workspace" \
	"$(stat -c %u:%g "$WS/origin/numbers" "$WS/origin/.git/HEAD" | sort -u)" \
	"$(stat -c %u:%g "$WS")"

# a worktree whose repository lies outside of the workspace: only with a grant
mkdir "$TMP/outer"
git init -q -b main "$TMP/outer/repo"
# shellcheck disable=SC2086 # options
git -C "$TMP/outer/repo" $id commit -q --allow-empty -m base
git -C "$TMP/outer/repo" worktree add -q "$WS/linked" -b linked
check_err "its repository is not there" 128 'not a git repository' \
	dev git -C linked status
cat >"$TMP/linked.json" <<END
{ "version": 1, "name": "linked", "role": "execute",
  "requires": { "optional": ["memory", "swap", "pids", "freeze"] },
  "files": { "exec": ["@system"], "read": ["@etc"],
	"write": ["$TMP/outer/repo/.git"],
	"workspace": { "access": "write", "exec": true } } }
END
check_out "with a grant for it, commits go there" '^from the worktree$' \
	run_box --profile "$TMP/linked.json" --workspace "$WS/linked" -- sh -c \
	"echo w >w; git add w; git $id commit -qm 'from the worktree'
	git log -1 --format=%s"
check_out "and are there outside" '^from the worktree$' \
	git -C "$TMP/outer/repo" log -1 --format=%s linked
finish
