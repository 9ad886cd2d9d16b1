/*
 * Device nodes: only the harmless ones may be there.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum group { MEM, KMSG, DISK, LOOP, FUSE, KVM, TUN, CONSOLE, VSOCK, INPUT, DM };

static const char *const groups[][6] = {
	[MEM] = { "/dev/mem", "/dev/port", "/dev/kmem" },
	[KMSG] = { "/dev/kmsg" },
	[DISK] = { "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/zram0",
		   "/dev/sg0" },
	[LOOP] = { "/dev/loop-control", "/dev/loop0", "/dev/loop7" },
	[FUSE] = { "/dev/fuse", "/dev/cuse" },
	[KVM] = { "/dev/kvm", "/dev/vhost-net", "/dev/vfio/vfio" },
	[TUN] = { "/dev/net/tun", "/dev/ppp" },
	[CONSOLE] = { "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0",
		      "/dev/vcs" },
	[VSOCK] = { "/dev/vsock", "/dev/vhost-vsock" },
	[INPUT] = { "/dev/uinput", "/dev/input/event0", "/dev/snd/timer",
		    "/dev/dri/card0", "/dev/rfkill" },
	[DM] = { "/dev/mapper/control", "/dev/btrfs-control", "/dev/autofs",
		 "/dev/cpu_dma_latency" },
};

static void
open_devices(_unused_ const struct params *p, long arg)
{
	int e = ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(groups[0]) && groups[arg][i]; i++) {
		if (open(groups[arg][i],
			 O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) >= 0)
			escaped("%s opens", groups[arg][i]);
		if (errno != ENOENT)
			e = errno;
	}
	errno = e;
	refused("open");
}

static bool
is_odd(const char *name, void *arg)
{
	static const char *const fine[] = { "null",    "zero", "full", "random",
					    "urandom", "tty",  "ptmx" };
	struct stat st;

	if (stat(path_join("/dev", name), &st) < 0 ||
	    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (!strcmp(name, fine[i]))
			return false;
	if (!strncmp(name, "std", 3))
		return false;
	snprintf(arg, 64, "%.60s", name);
	return true;
}

static void
odd_devices(_unused_ const struct params *p, _unused_ long arg)
{
	char name[64];

	if (each_entry("/dev", is_odd, name))
		escaped("/dev/%s is there", name);
	blocked("only the harmless nodes");
}

/* urandom is shared with the host: its counters may not be reset. */
static void
random_ioctl(_unused_ const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		refused("open");
	judge(ioctl(fd, 0x5207 /* RNDRESEEDCRNG */, 0), "RNDRESEEDCRNG");
}

static void
write_node(_unused_ const struct params *p, _unused_ long arg)
{
	judge(chmod("/dev/null", 0666), "chmod of /dev/null");
}

#define LAYER "minimal /dev, Landlock"
const struct probe probes_device[] = {
	{ "dev-mem", OPEN_HOST, 0, "/dev/mem, port, kmem", LAYER, open_devices,
	  MEM },
	{ "dev-kmsg", OPEN_HOST, 0, "/dev/kmsg", LAYER, open_devices, KMSG },
	{ "dev-disk", OPEN_HOST, 0, "disks", LAYER, open_devices, DISK },
	{ "dev-loop", OPEN_HOST, 0, "loop devices", LAYER, open_devices, LOOP },
	{ "dev-fuse", OPEN_HOST, 0, "/dev/fuse, cuse", LAYER, open_devices,
	  FUSE },
	{ "dev-kvm", OPEN_HOST, 0, "/dev/kvm, vhost-net, vfio", LAYER,
	  open_devices, KVM },
	{ "dev-tun", OPEN_HOST, 0, "/dev/net/tun, ppp", LAYER, open_devices,
	  TUN },
	{ "dev-console", OPEN_HOST, 0, "consoles and serial lines", LAYER,
	  open_devices, CONSOLE },
	{ "dev-vsock", OPEN_HOST, 0, "/dev/vsock, vhost-vsock", LAYER,
	  open_devices, VSOCK },
	{ "dev-input", OPEN_HOST, 0, "input, sound, video, radio", LAYER,
	  open_devices, INPUT },
	{ "dev-control", OPEN_HOST, 0, "device mapper, btrfs, autofs", LAYER,
	  open_devices, DM },
	{ "dev-extra", OPEN_USER, 0, "any node but the harmless ones", LAYER,
	  odd_devices, 0 },
	{ "dev-random-reseed", OPEN_ROOT, 0, "reseeding the kernel's generator",
	  "seccomp, Landlock, no capability", random_ioctl, 0 },
	{ "dev-null-chmod", OPEN_ROOT, 0, "chmod of the host's /dev/null",
	  "user namespace, own uid", write_node, 0 },
	{ 0 },
};
