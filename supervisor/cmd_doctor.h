#pragma once
/* `agentbox doctor`: can boxes run here, and if not, what would help? Returns
 * 0 if `run` would start, 1 if it would refuse, 2 for wrong usage, 125 when
 * the answer cannot be printed. */
int cmd_doctor(int argc, char **argv);
