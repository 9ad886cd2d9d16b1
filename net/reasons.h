#pragma once
/*
 * Why the supervisor refuses what a policy did not, or could not do what was
 * allowed. The word goes into the record and to the agent; the sentences are
 * for people, `agentbox why` among them. shim/reasons.h has those of the shim.
 *
 * NET_REASON(ID, "word", HTTP status, "what", "cure")
 */
#define NET_REASONS(NET_REASON)                                                \
	/* by policy, in the words of agents */                                \
	NET_REASON(NO_RULE, "no-rule", 403,                                    \
		   "nothing in the profile of this box allows it",             \
		   "use what is allowed, or ask for a grant in the profile")   \
	NET_REASON(RULE, "rule", 403, "a rule forbids it",                     \
		   "do it another way, or ask who wrote the rule")             \
	NET_REASON(APPROVAL, "approval-needed", 403,                           \
		   "a rule says that somebody has to approve it, and nobody "  \
		   "can be asked",                                             \
		   "do without, or ask for a grant in the profile")            \
	NET_REASON(UNKNOWN_INPUT, "unknown-input", 403,                        \
		   "a rule looks at something that this action does not say",  \
		   "say it, in the form that the rule expects")                \
	NET_REASON(CLASS, "class-above-role", 403,                             \
		   "the role of this box does not go so far",                  \
		   "only read, or ask for another role")                       \
	NET_REASON(CONDITION, "condition", 403,                                \
		   "a rule would allow it under a condition that does not "    \
		   "hold",                                                     \
		   "meet the condition")                                       \
	NET_REASON(EXPIRED, "grant-expired", 403,                              \
		   "what allowed it has expired", "ask for a new grant")       \
	NET_REASON(USES, "uses-exhausted", 403,                                \
		   "it was allowed so and so often, which is used up",         \
		   "do without, or ask for more in the profile")               \
	NET_REASON(RATE, "rate-limited", 429,                                  \
		   "it is allowed less often than this", "wait and try again") \
	NET_REASON(BUDGET, "budget-exhausted", 403,                            \
		   "what may be sent in all is used up, or this is more than " \
		   "is left",                                                  \
		   "send less, or ask for a larger budget in the profile")     \
	/* of the record */                                                    \
	NET_REASON(NO_RECORD, "no-record", 403,                                \
		   "it could not be recorded, and nothing is done without a "  \
		   "record",                                                   \
		   "try again; the operator finds out more with: agentbox "    \
		   "audit writer")                                             \
	NET_REASON(BUSY, "busy", 429,                                          \
		   "too much is under way in this box at once",                \
		   "wait and try again")                                       \
	/* of the host */                                                      \
	NET_REASON(ADDRESS, "address-not-granted", 403,                        \
		   "the name leads to an address that nobody gets to by a "    \
		   "name alone",                                               \
		   "name the address in a rule, or the host in hosts of "      \
		   "network.json")                                             \
	NET_REASON(NO_NAME, "no-such-name", 502, "there is no such host",      \
		   "check the name")                                           \
	NET_REASON(NO_ADDRESS, "no-address", 502, "the name has no address",   \
		   "check the name")                                           \
	NET_REASON(NAME_TIMEOUT, "name-timeout", 504,                          \
		   "the host's name servers did not answer in time",           \
		   "try again; see dns in network.json")                       \
	NET_REASON(NAME_FAILED, "name-failed", 502,                            \
		   "the name could not be resolved",                           \
		   "try again; see dns in network.json")                       \
	NET_REASON(REFUSED, "connection-refused", 502, "nobody listens there", \
		   "check host and port")                                      \
	NET_REASON(TIMEOUT, "connect-timeout", 504,                            \
		   "the other side did not answer in time", "try again")       \
	NET_REASON(UNREACHABLE, "unreachable", 502,                            \
		   "there is no way to that address from this host",           \
		   "check this host's network")                                \
	NET_REASON(CONNECT, "connect-failed", 502,                             \
		   "it could not be connected to", "try again")                \
	/* of requests */                                                      \
	NET_REASON(SNI, "sni-not-host", 403,                                   \
		   "the TLS hello names another host than the one that was "   \
		   "decided on",                                               \
		   "ask for the host that is dialled")                         \
	NET_REASON(REDACT, "cannot-redact", 403,                               \
		   "a rule takes out something that cannot be taken out here", \
		   "send it without, or change the rule's redact")             \
	NET_REASON(CONNECTIONS, "too-many-connections", 403,                   \
		   "more connections at once than the profile allows",         \
		   "close some, or raise network.limits.connections")          \
	NET_REASON(BYTES, "run-used-up", 403,                                  \
		   "the run has moved as many bytes as the profile allows",    \
		   "raise network.limits.sent and received")                   \
	/* of credentials */                                                   \
	NET_REASON(                                                            \
		ELSEWHERE, "placeholder-elsewhere", 403,                       \
		"the placeholder of a credential was about to go where its "   \
		"secret may not",                                              \
		"send it only where network.json says: use of the "            \
		"credential")                                                  \
	NET_REASON(NOT_LENT, "credential-denied", 403,                         \
		   "the policy does not lend this credential",                 \
		   "ask for a grant in the profile: credentials.allow")        \
	NET_REASON(REVOKED, "credential-revoked", 403,                         \
		   "the credential was revoked for this run",                  \
		   "start a new run, if it was not meant")                     \
	NET_REASON(NO_SECRET, "credential-unavailable", 502,                   \
		   "the secret of the credential could not be read",           \
		   "the operator finds out more with: agentbox logs")

enum net_reason {
#define NET_REASON(id, word, status, what, cure) NET_REASON_##id,
	NET_REASONS(NET_REASON)
#undef NET_REASON
		NET_REASON_MAX
};
