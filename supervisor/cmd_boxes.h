#pragma once
/* Commands on running boxes. argv[0] is the command's name. They return the
 * exit status. */
int cmd_ps(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_freeze(int argc, char **argv); /* freeze and thaw */
int cmd_kill(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_logs(int argc, char **argv);
