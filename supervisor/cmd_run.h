#pragma once
/* agentbox run: options to box_options. Returns the exit status. */
int cmd_run(int argc, char **argv);
