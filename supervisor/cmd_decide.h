#pragma once
/* agentbox decide: a decision of a running box, or the outcome of an action.
 * Returns the exit status. */
int cmd_decide(int argc, char **argv);
