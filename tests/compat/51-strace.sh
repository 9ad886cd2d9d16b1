#!/bin/bash
# strace on the box's own processes. It also shows that a tracer does not lift
# the filter of what it traces.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside strace perl

inside "calls of a program" '^execve\("/usr/bin/true"|^execve\("/bin/true"' \
	'strace true 2>&1'
inside "only some, of children too" 'openat\(.*"/etc/passwd"' \
	'strace -f -e trace=openat sh -c "cat /etc/passwd >/dev/null" 2>&1'
inside "counting" '^100.00 .*total$' 'strace -c ls 2>&1'
inside "attach to a running child" 'nanosleep|restart_syscall' \
	'sleep 100 & until grep -q "(sleep) S" /proc/$!/stat; do sleep 0.05; done
	strace -o log -p $! & until [ -s log ]; do sleep 0.05; done
	kill %1; wait || true; cat log'
inside "the status goes through" '^status 7$' \
	'strace -o /dev/null sh -c "exit 7" || echo "status $?"'
inside "a signal that kills goes through" '^status 143$' \
	'strace -o /dev/null sh -c "kill \$\$" || echo "status $?"'
inside "an injected error" 'INJECTED' \
	'strace -e inject=chdir:error=EIO -e trace=chdir \
	perl -e "chdir q(/)" 2>&1 || true'
inside "what the filter refuses stays refused" 'unshare\(.*= -1 EPERM' \
	'strace -e trace=unshare unshare -U true 2>&1 || true'
inside "pid 1 cannot be traced" 'attach: ptrace\(PTRACE_SEIZE, 1\): Operation not permitted' \
	'strace -p 1 2>&1 || true'
finish
