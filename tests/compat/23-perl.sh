#!/bin/bash
# Perl: sockets, forks, signals, shared memory, locks, the tools built on it.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside perl

pl()
{
	check_out "$1" "$2" dev perl -Mstrict -w -e "$3"
}

pl "fork, pipe, wait" '^child 7$' 'pipe(my $r, my $w); my $p = fork // die;
	if (!$p) { syswrite $w, "child"; exit 7 } close $w; my $s = <$r>;
	waitpid $p, 0; print "$s ", $? >> 8, "\n"'
pl "TCP on loopback" '^echo: hi$' 'use IO::Socket::INET;
	my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")
		or die; if (!fork) { my $c = $l->accept; print $c "echo: ",
		scalar <$c>; exit }
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:" . $l->sockport)
		or die $!; print $s "hi\n"; print <$s>'
pl "signals and alarm" '^alarm$' '$SIG{ALRM} = sub { print "alarm\n"; exit };
	alarm 1; sleep 10'
pl "flock between processes" '^waited$' 'use Fcntl ":flock";
	open my $f, ">", "lock" or die; flock $f, LOCK_EX; my $p = fork;
	if (!$p) { open my $g, ">", "lock"; exit(flock($g, LOCK_EX | LOCK_NB)
		? 1 : 0) } waitpid $p, 0; print $? ? "not\n" : "waited\n"'
if dev perl -MIPC::SysV -e 1 >/dev/null 2>&1 </dev/null; then
	pl "System V shared memory and semaphores" '^ipc$' 'use IPC::SysV
	qw(IPC_PRIVATE IPC_CREAT IPC_RMID S_IRUSR S_IWUSR);
	my $m = shmget(IPC_PRIVATE, 4096, IPC_CREAT | S_IRUSR | S_IWUSR)
		// die $!; shmwrite($m, "ipc", 0, 3) or die $!; my $x;
	shmread($m, $x, 0, 3) or die $!; shmctl($m, IPC_RMID, 0);
	my $s = semget(IPC_PRIVATE, 1, IPC_CREAT | S_IRUSR | S_IWUSR) // die $!;
	semctl($s, 0, IPC_RMID, 0); print "$x\n"'
else
	skip "System V shared memory and semaphores" \
		"perl has no IPC::SysV here"
fi
pl "users, time zones, locale" '^agent /home/agent$' 'use POSIX;
	setlocale(LC_ALL, ""); my @p = getpwuid $<; localtime;
	print "$p[0] $p[7]\n"'
pl "in-place editing" '^done$' 'open my $f, ">", "e" or die;
	print $f "abc\n"; close $f; system("perl", "-pi", "-e", "s/b/B/", "e")
		&& die; open $f, "<", "e"; <$f> eq "aBc\n" or die;
	print "done\n"'
check_status "die" 255 dev perl -e 'die "x"'
finish
