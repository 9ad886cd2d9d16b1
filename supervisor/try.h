#pragma once
/*
 * What `agentbox profile test --live` and agentbox-try say to each other.
 * agentbox-try runs as the command of a throwaway box and does there, for real
 * and without harm, what the cases of a profile ask about.
 *
 * Its standard input is a list of attempts, two NUL-terminated fields each: a
 * kind (a letter of TRY_KINDS) and what to do it to. It reads all of it first.
 * Its standard output is one line for each attempt, in order, as soon as it is
 * done: 0 when it went through, else the errno. When it ends before all are
 * done, the attempt that it stood at went through so well that it ended the
 * process (execve(2), exit(2) where no child can be made).
 */
#define TRY_INPUT_MAX (1u << 20)
#define TRY_EXIT_INPUT 3 /* exit status: the list was no list */

/* TRY_KIND(ID, letter, "what it does") */
#define TRY_KINDS(TRY_KIND)                                                    \
	TRY_KIND(READ, 'r', "opens a path for reading")                        \
	TRY_KIND(WRITE, 'w', "opens it for writing; makes it if need be")      \
	TRY_KIND(EXEC, 'x', "executes it, and ends it before it does a thing") \
	TRY_KIND(DELETE, 'd', "makes a file beside it and removes that")       \
	TRY_KIND(MAKE, 'm', "makes the file, in folders that it makes")        \
	TRY_KIND(CALL, 'c', "NUMBER ARG1 ... ARG6: makes that system call")

enum try_kind {
#define TRY_KIND(id, letter, text) TRY_##id = (letter),
	TRY_KINDS(TRY_KIND)
#undef TRY_KIND
};
