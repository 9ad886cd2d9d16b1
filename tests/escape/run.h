#pragma once
/* Between the runner (main.c) and the verdicts (util.c). */
enum verdict {
	VERDICT_NONE,
	VERDICT_BLOCKED,
	VERDICT_ABSENT,
	VERDICT_ESCAPED,
};

struct result {
	int verdict;
	char detail[200];
};

/* The shared page of the running probe. */
struct result *run_result(void);
