/*
 * agentbox-scope ID PID: asks the systemd manager of this user to make the
 * transient unit agentbox-ID.scope with process PID in it, delegated, and waits
 * until that is done. Silent on success; one line on stderr and status 1
 * otherwise. It is run by the supervisor that has PID, and only where a user
 * stands outside of all that is delegated to it (sandbox/cgroup_scope.c).
 *
 * The manager's private socket is tried first: it needs no message bus, which
 * minimal systems do not have, and saves a hop. The calls are those of
 * org.freedesktop.systemd1(5).
 */
#include "lib/macro.h"
#include "lib/str.h"

#include <limits.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define BUS_NAME "org.freedesktop.systemd1"
#define BUS_PATH "/org/freedesktop/systemd1"
#define BUS_MANAGER "org.freedesktop.systemd1.Manager"
#define WAIT_US 10000000

static void
bus_close_ptr(sd_bus **bus)
{
	sd_bus_close_unref(*bus);
}

static void
message_ptr(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}

/* The job that we wait for, and what became of it. */
struct job {
	char path[128];
	char result[32]; /* "done", "failed", ...; "" as long as it runs */
};

/* JobRemoved(u id, o job, s unit, s result). It may come before we know the
 * name of our job, so the unit's name would not do: only ours is waited for,
 * and signals are read only after the reply (sd_bus_call queues them). */
static int
on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *error _unused_)
{
	const char *path, *unit, *result;
	struct job *j = arg;
	uint32_t id;

	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (!strcmp(path, j->path))
		snprintf(j->result, sizeof(j->result), "%s", result);
	return 0;
}

/* The manager's own socket: both ends speak without a bus between them. */
static int
connect_private(sd_bus **ret)
{
	_cleanup_(bus_close_ptr) sd_bus *bus = NULL;
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	char address[PATH_MAX];
	int r;

	/* ',', ';' and '%' mean something in an address */
	if (!run || run[0] != '/' || strpbrk(run, ",;%"))
		return -ENOENT;
	snprintf(address, sizeof(address), "unix:path=%s/systemd/private", run);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(bus);
	return 0;
}

static int
append_properties(sd_bus_message *m, uint32_t pid)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "Description", "s",
					  "agentbox: a confined agent");
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, pid);
	/* The subtree is ours: systemd does not touch what we make in it. */
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1);
	/* Nothing stays, not even the memory of a failure. */
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "CollectMode", "s",
					  "inactive-or-failed");
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* StartTransientUnit(s name, s mode, a(sv) properties, a(sa(sv)) aux) */
static int
start_scope(sd_bus *bus, const char *unit, uint32_t pid, struct job *j,
	    sd_bus_error *error)
{
	_cleanup_(message_ptr) sd_bus_message *m = NULL, *reply = NULL;
	const char *path;
	int r;

	r = sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH,
					   BUS_MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", unit, "fail");
	if (r >= 0)
		r = append_properties(m, pid);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, m, WAIT_US, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		snprintf(j->path, sizeof(j->path), "%s", path);
	return r;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int
wait_for_job(sd_bus *bus, const struct job *j)
{
	uint64_t end = now_us() + WAIT_US, now;
	int r;

	while (!j->result[0]) {
		r = sd_bus_process(bus, NULL);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		now = now_us();
		if (now >= end)
			return -ETIMEDOUT;
		r = sd_bus_wait(bus, end - now);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return strcmp(j->result, "done") == 0 ? 0 : -EIO;
}

static int
complain(const char *what, int r, const sd_bus_error *error)
{
	char text[256];

	str_escape(error && error->message ? error->message : strerror(-r),
		   text, sizeof(text));
	fprintf(stderr, "%s: %s\n", what, text);
	return 1;
}

static int
ask(sd_bus *bus, const char *unit, uint32_t pid)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct job j = { .path = "" };
	int r, status = 0;

	r = sd_bus_match_signal(bus, NULL, BUS_NAME, BUS_PATH, BUS_MANAGER,
				"JobRemoved", on_job_removed, &j);
	if (r < 0)
		return complain("cannot listen to systemd", r, NULL);
	r = start_scope(bus, unit, pid, &j, &error);
	if (r < 0)
		status = complain("StartTransientUnit", r, &error);
	else if ((r = wait_for_job(bus, &j)) < 0)
		status = complain("the job of the scope did not succeed", r,
				  NULL);
	sd_bus_error_free(&error);
	return status;
}

int
main(int argc, char **argv)
{
	_cleanup_(bus_close_ptr) sd_bus *bus = NULL;
	char unit[128];
	uint64_t pid;
	int r;

	if (argc != 3 || !str_is_name(argv[1]) ||
	    str_to_u64(argv[2], &pid) < 0 || pid < 2 || pid > INT_MAX) {
		fprintf(stderr, "usage: agentbox-scope ID PID\n");
		return 2;
	}
	snprintf(unit, sizeof(unit), "agentbox-%s.scope", argv[1]);
	r = connect_private(&bus);
	if (r < 0)
		r = sd_bus_open_user(&bus);
	if (r < 0)
		return complain("cannot reach the user's systemd", r, NULL);
	return ask(bus, unit, (uint32_t)pid);
}
