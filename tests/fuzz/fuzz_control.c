/* links: lib supervisor */
/*
 * The request decoder of the control socket. What it lets through must be
 * within its own bounds and must not be able to steer a terminal.
 */
#include "lib/str.h"
#include "supervisor/control.h"
#include "tests/fuzz/fuzz.h"

#include <signal.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_call call;
	char again[4 * CONTROL_WHY_MAX + 1];

	memset(&call, 0xaa, sizeof(call));
	if (control_decode(data, size, &call) < 0)
		return 0;
	if (size > CONTROL_REQUEST_MAX + CONTROL_BODY_MAX)
		abort();
	if (call.body
		    ? (const uint8_t *)call.body + call.body_len != data + size
		    : size > CONTROL_REQUEST_MAX)
		abort();
	if (call.op >= CONTROL_OP_MAX || call.arg > (uint32_t)SIGRTMAX)
		abort();
	if (strnlen(call.text, sizeof(call.text)) > CONTROL_WHY_MAX)
		abort();
	/* escaped text is its own escape */
	str_escape(call.text, again, sizeof(again));
	if (strcmp(again, call.text) != 0)
		abort();
	return 0;
}
