#pragma once
/*
 * The input document: what a decision can depend on, addressed by JSON Pointers
 * (RFC 6901). One row for each attribute; agentbox-profile(5) has the same
 * table and a test holds them together.
 *
 *   ATTR(ID, "pointer", KIND, SURFACES, "what it is")
 *
 * KIND says how a value is read, compared and matched:
 *   WORD    one of a closed list of words, compared whole (attr_words())
 *   NAME    a string; patterns with *, ** and ?
 *   PATH    a path; patterns in which * and ? stop at "/"
 *   HOST    a host name without trailing dot, case folded; "*.example.com"
 *   ADDR    an IPv4 or IPv6 address; CIDR blocks
 *   INT     an integer
 *   LIST    a list of strings
 *   LABELS  a set of labels
 *   TREE    any JSON value; pointers go on inside it
 */
#define ON(s) (1u << SURFACE_##s)
#define ON_ALL ((1u << SURFACE_MAX) - 1u)

/* SURFACE(ID, "name", "what is decided there") */
#define SURFACES(SURFACE)                                                      \
	SURFACE(FILES, "files", "opening a file; held by the kernel")          \
	SURFACE(PROCESS, "process",                                            \
		"executing a program, making a system call; held by the "      \
		"kernel")                                                      \
	SURFACE(NETWORK, "network", "a connection, or a request in it")        \
	SURFACE(TOOLS, "tools", "a call of a tool")                            \
	SURFACE(MEMORY, "memory",                                              \
		"reading or writing what an agent remembers")                  \
	SURFACE(CREDENTIALS, "credentials",                                    \
		"lending a secret to a connection or a tool")                  \
	SURFACE(HANDOFFS, "handoffs", "passing work to another agent")         \
	SURFACE(ADMIN, "admin", "a verb of an operator or an approver")

enum surface {
#define SURFACE(id, name, text) SURFACE_##id,
	SURFACES(SURFACE)
#undef SURFACE
		SURFACE_MAX
};

/* Action classes, lowest first: a role has a ceiling among them, and an action
 * of unknown class counts as the highest. */
enum action_class {
	CLASS_READ,
	CLASS_WRITE,
	CLASS_DELETE,
	CLASS_SEND,
	CLASS_PAY,
	CLASS_DELEGATE,
	CLASS_SPAWN,
	CLASS_MAX
};

enum attr_kind {
	KIND_WORD,
	KIND_NAME,
	KIND_PATH,
	KIND_HOST,
	KIND_ADDR,
	KIND_INT,
	KIND_LIST,
	KIND_LABELS,
	KIND_TREE
};

#define ATTRS(ATTR)                                                            \
	ATTR(SURFACE, "/surface", WORD, ON_ALL, "the surface")                 \
	ATTR(CLASS, "/class", WORD, ON_ALL,                                    \
	     "action class: read, write, delete, send, pay, delegate, spawn")  \
	ATTR(PATH, "/path", PATH, ON(FILES) | ON(PROCESS) | ON(NETWORK),       \
	     "file, program, or path of a URL")                                \
	ATTR(ACCESS, "/access", WORD, ON(FILES),                               \
	     "read, write, exec or delete")                                    \
	ATTR(ARGV, "/argv", LIST, ON(PROCESS), "the arguments")                \
	ATTR(SYSCALL, "/syscall", NAME, ON(PROCESS), "name of a system call")  \
	ATTR(HOST, "/host", HOST, ON(NETWORK) | ON(CREDENTIALS),               \
	     "host name as the agent gave it")                                 \
	ATTR(ADDRESS, "/address", ADDR, ON(NETWORK),                           \
	     "address that is connected to")                                   \
	ATTR(PORT, "/port", INT, ON(NETWORK), "port, 1 to 65535")              \
	ATTR(SCHEME, "/scheme", WORD, ON(NETWORK),                             \
	     "tcp, tls, http, https, ws, wss, dns")                            \
	ATTR(METHOD, "/method", NAME, ON(NETWORK), "HTTP method")              \
	ATTR(QUERY, "/query", TREE, ON(NETWORK), "parameters of the URL")      \
	ATTR(HEADERS, "/headers", TREE, ON(NETWORK),                           \
	     "headers, names in lower case")                                   \
	ATTR(SERVER, "/server", NAME, ON(TOOLS), "tool server")                \
	ATTR(TOOL, "/tool", NAME, ON(TOOLS), "tool")                           \
	ATTR(ARGS, "/args", TREE, ON(TOOLS) | ON(HANDOFFS),                    \
	     "arguments of the call, message of the handoff")                  \
	ATTR(STAGE, "/stage", WORD, ON(NETWORK) | ON(TOOLS),                   \
	     "call: before it; result: what came back")                        \
	ATTR(RESULT, "/result", TREE, ON(TOOLS), "what the tool answered")     \
	ATTR(SCHEMA, "/schema", WORD, ON(TOOLS),                               \
	     "full, partial or none: how far the arguments were checked")      \
	ATTR(OP, "/op", WORD, ON(MEMORY), "get, list, search, put or delete")  \
	ATTR(NAMESPACE, "/namespace", NAME, ON(MEMORY),                        \
	     "agent, user or workflow that the memory belongs to")             \
	ATTR(TYPE, "/type", NAME, ON(MEMORY), "class of memory")               \
	ATTR(KEY, "/key", PATH, ON(MEMORY), "key of the entry")                \
	ATTR(VALUE, "/value", TREE, ON(MEMORY), "the entry")                   \
	ATTR(LANE, "/lane", WORD, ON(MEMORY),                                  \
	     "quarantined, observed, verified or approved")                    \
	ATTR(TTL, "/ttl", INT, ON(MEMORY), "seconds that it is to live")       \
	ATTR(NAME, "/name", NAME, ON(CREDENTIALS), "name of the credential")   \
	ATTR(USE, "/use", NAME, ON(CREDENTIALS),                               \
	     "what for: network, tools, signing")                              \
	ATTR(TO, "/to", NAME, ON(HANDOFFS), "agent that receives")             \
	ATTR(DEPTH, "/depth", INT, ON(HANDOFFS), "handoffs before this one")   \
	ATTR(PURPOSE, "/purpose", NAME, ON(HANDOFFS), "what it is for")        \
	ATTR(REFS, "/refs", LIST, ON(HANDOFFS), "digests of the context")      \
	ATTR(VERB, "/verb", NAME, ON(ADMIN),                                   \
	     "approve, freeze, kill, promote, register, ...")                  \
	ATTR(TARGET, "/target", NAME, ON(ADMIN), "what the verb is done to")   \
	ATTR(SIZE, "/size", INT, ON_ALL, "bytes of what is read or sent")      \
	ATTR(REGION, "/region", NAME, ON_ALL,                                  \
	     "where the other side is: eu, eu-west-1, us")                     \
	ATTR(DATA_LABELS, "/data/labels", LABELS, ON_ALL,                      \
	     "labels of the data in this action")                              \
	ATTR(RUN_ID, "/run/id", NAME, ON_ALL, "the run")                       \
	ATTR(RUN_AGENT, "/run/agent", NAME, ON_ALL, "the agent")               \
	ATTR(RUN_OWNER, "/run/owner", NAME, ON_ALL, "its owner")               \
	ATTR(RUN_ROLE, "/run/role", NAME, ON_ALL, "its role")                  \
	ATTR(RUN_PURPOSE, "/run/purpose", NAME, ON_ALL, "its purpose")         \
	ATTR(RUN_LABELS, "/run/labels", LABELS, ON_ALL,                        \
	     "labels that the run carries")                                    \
	ATTR(RUN_AGE, "/run/age", INT, ON_ALL, "seconds since it began")       \
	ATTR(APPROVERS, "/approvers", LIST, ON_ALL,                            \
	     "who approved this very action")

enum attr {
#define ATTR(id, pointer, kind, on, text) ATTR_##id,
	ATTRS(ATTR)
#undef ATTR
		ATTR_MAX
};

const char *surface_name(enum surface s);
int surface_from_name(const char *name); /* or -EINVAL */
const char *class_name(enum action_class c);
int class_from_name(const char *name); /* or -EINVAL */
const char *attr_pointer(enum attr a);
const char *attr_text(enum attr a);
enum attr_kind attr_kind(enum attr a);
unsigned int attr_surfaces(enum attr a); /* ON() bits */
/* The words of a KIND_WORD attribute, NULL at the end; else NULL. */
const char *const *attr_words(enum attr a);
/* The attribute that a pointer begins with. *ret_rest is what goes on inside a
 * TREE ("/amount" of "/args/amount"), else "". Or -ENOENT. */
int attr_from_pointer(const char *pointer, const char **ret_rest);
