#pragma once
/* agentbox profile: the commands for authors. argv[0] is "profile". Returns the
 * exit status. */
int cmd_profile(int argc, char **argv);
