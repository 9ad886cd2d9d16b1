/* links: lib policy sandbox profiles audit net supervisor */
/* What no shim does: whatever speaks so is not one, and is ended. */
#include "tests/unit/net_box.h"

/* ---- what no shim does --------------------------------------------------- */

typedef void offence(struct box *b);

static void
is_ended(const char *what, offence *fn, bool ready)
{
	struct box b;
	char buf[64];
	ssize_t r = -EAGAIN;
	size_t n;

	if (ready) {
		box_new(&b, profile);
		turn(&b);
	} else {
		box_begin(&b, profile);
		arrive(&b);
		meet(&b);
		ASSERT_EQ(hear(&b), NET_SETUP);
		close(b.fd);
	}
	fn(&b);
	/* its process is killed, whoever else holds the channel */
	while (r == -EAGAIN) {
		turn(&b);
		r = net_recv(b.shim, buf, sizeof(buf), NULL, 0, &n);
	}
	if (r != 0 || b.n_found != 1)
		FAIL("%s: %zu findings", what, b.n_found);
	ASSERT_STRSTR(b.found[0], "network.shim-p");
	box_done(&b);
}

static void
ask_early(struct box *b)
{
	ask(b, &tcp);
}

static void
ready_twice(struct box *b)
{
	say_bare(b, NET_READY, 0);
}

static void
host_not_canonical(struct box *b)
{
	ask(b, &(struct q){ .host = "A.example" });
}

static void
host_dotted(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example." });
}

static void
host_decimal(struct box *b)
{
	ask(b, &(struct q){ .host = "2130706433" });
}

static void
scheme_unknown(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .scheme = "dns" });
}

static void
method_on_stream(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "tls",
			    .method = "GET",
			    .path = "/" });
}

static void
request_without_path(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "https",
			    .method = "GET" });
}

static void
path_relative(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "https",
			    .method = "GET",
			    .path = "x" });
}

static void
both_fd_and_conn(struct box *b)
{
	ask(b, &(struct q){
		       .host = "a.example", .conn = 1, .flags = NET_WANT_FD });
}

static void
neither(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .flags = NET_FIRST_DATA });
}

static void
conn_unknown(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .conn = 77 });
}

static void
conn_of_another_host(struct box *b)
{
	struct q q = get;

	(void)yes(b, &tcp);
	q.conn = b->m.number[NET_F_CONN];
	ask(b, &q);
}

static void
conn_of_another_port(struct box *b)
{
	struct q q = tcp;

	(void)yes(b, &tcp);
	q.conn = b->m.number[NET_F_CONN];
	q.port = 22;
	ask(b, &q);
}

static void
same_number_twice(struct box *b)
{
	fake.slow = true;
	ask(b, &tcp);
	b->id--;
	ask(b, &tcp);
}

static void
done_unknown(struct box *b)
{
	(void)yes(b, &tcp);
	done(b, b->m.number[NET_F_ACTION] + 1, "ok");
}

static void
done_twice(struct box *b)
{
	uint64_t action = yes(b, &get);

	done(b, action, "ok");
	done(b, action, "ok");
}

static void
done_with_a_word_of_its_own(struct box *b)
{
	done(b, yes(b, &tcp), "fine");
}

static void
done_unknown_status(struct box *b)
{
	done(b, yes(b, &tcp), "unknown"); /* which is the supervisor's */
}

static void
gone_unknown(struct box *b)
{
	gone(b, 5);
}

static void
more_without_lease(struct box *b)
{
	struct net_writer w;
	uint64_t action = yes(b, &tcp);

	net_begin(&w, out, NET_MORE, 0, ++b->id);
	net_put_u64(&w, NET_F_ACTION, action);
	say(b, &w);
}

static void
found_unknown_word(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_FOUND, 0, 1);
	net_put_text(&w, NET_F_REASON, "because");
	say(b, &w);
}

static void
seen_without_credentials(struct box *b)
{
	struct q q = get;

	q.seen = NET_SEEN_HEADER;
	ask(b, &q);
}

static void
a_descriptor(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_IDLE, 0, 1);
	ASSERT_OK(net_send(b->chan, out, (size_t)net_end(&w), &b->listener, 1));
}

static void
garbage(struct box *b)
{
	ASSERT_OK(net_send(b->chan, "garbage", 7, NULL, 0));
}

static void
the_supervisors_op(struct box *b)
{
	say_bare(b, NET_END, 0);
}

static void
name_with_port(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_NAME, 0, 1);
	net_put_text(&w, NET_F_HOST, "a.example");
	net_put_u64(&w, NET_F_PORT, 1);
	say(b, &w);
}

static void
route_not_canonical(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_ROUTE, 0, 1);
	net_put_text(&w, NET_F_HOST, "0x7f.1");
	net_put_u64(&w, NET_F_PORT, 1);
	say(b, &w);
}

TEST_LIMIT(what_no_shim_does_ends_it, 60)
{
	static const struct {
		const char *what;
		offence *fn;
		bool early;
	} row[] = {
#define ROW(fn) { #fn, fn, false }
		{ "early", ask_early, true },
		ROW(ready_twice),
		ROW(host_not_canonical),
		ROW(host_dotted),
		ROW(host_decimal),
		ROW(scheme_unknown),
		ROW(method_on_stream),
		ROW(request_without_path),
		ROW(path_relative),
		ROW(both_fd_and_conn),
		ROW(neither),
		ROW(conn_unknown),
		ROW(conn_of_another_host),
		ROW(conn_of_another_port),
		ROW(same_number_twice),
		ROW(done_unknown),
		ROW(done_twice),
		ROW(done_with_a_word_of_its_own),
		ROW(done_unknown_status),
		ROW(gone_unknown),
		ROW(more_without_lease),
		ROW(found_unknown_word),
		ROW(seen_without_credentials),
		ROW(a_descriptor),
		ROW(garbage),
		ROW(the_supervisors_op),
		ROW(name_with_port),
		ROW(route_not_canonical),
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			is_ended(row[i].what, row[i].fn, !row[i].early);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		if (status)
			FAIL("%s: %d", row[i].what, status);
	}
}
