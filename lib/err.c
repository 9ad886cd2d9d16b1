/*
 * Error text. Truncation is silent and harmless: text is for people, the code
 * decides.
 */
#include "lib/err.h"

#include <stdarg.h>
#include <string.h>

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int c = code > 0 ? -code : code;

	if (!e)
		return c;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	e->cure[0] = '\0';
	e->code = c;
	return c;
}

int
err_sys(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	size_t n;
	int c = code > 0 ? -code : code;

	if (!e)
		return c;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(-c));
	e->cure[0] = '\0';
	e->code = c;
	return c;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char tail[ERR_TEXT_MAX];
	va_list ap;
	size_t n;

	if (!e)
		return -EINVAL;
	memcpy(tail, e->text, sizeof(tail));
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", tail);
	return e->code;
}

int
err_cure(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(e->cure, sizeof(e->cure), fmt, ap);
	va_end(ap);
	return e->code;
}
