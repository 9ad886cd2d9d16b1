#pragma once
/* agentbox audit, why and trace: run agentbox-query, which alone carries what
 * questions to the log need. Returns only where that fails. */
int cmd_audit(int argc, char **argv);
