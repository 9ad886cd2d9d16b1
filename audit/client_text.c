/* What needs no connection: words for refusals. */
#include "audit/client-internal.h"

#include <string.h>

const char *
client_status_text(int status)
{
	switch (-status) {
	case 0:
		return "recorded";
	case ENOSPC:
		return "the disk of the audit log is full";
	case EFBIG:
		return "the audit log has reached max_size";
	case EDQUOT:
		return "the agent has used up its share of the audit log for "
		       "today, or the disk quota is used up";
	case EMFILE:
		return "the agent has too many open actions";
	case EROFS:
		return "the audit log lies on a file system that is read-only";
	case EIO:
		return "the disk of the audit log fails";
	case EUCLEAN:
		return "the audit log was changed";
	case EPIPE:
	case ECONNRESET:
		return "the writer of the audit log is gone";
	case ETIMEDOUT:
		return "the writer of the audit log does not answer";
	case EBADMSG:
	case ENODATA:
	case EPROTO:
		return "the record is malformed";
	case EALREADY:
		return "the action has its outcome already";
	case ENOENT:
		return "there is no such open action";
	}
	return strerror(-status);
}

int
client_refused(struct err *e, int status)
{
	err_set(e, status, "the record was refused: %s",
		client_status_text(status));
	if (status == -ENOSPC)
		err_cure(e, "make room; records are taken again by themselves");
	else if (status == -EROFS)
		err_cure(e, "mount it read-write; records are taken again by "
			    "themselves");
	else if (status == -EIO)
		err_cure(e, "see the kernel's log (dmesg) for the disk");
	else if (status == -EUCLEAN)
		err_cure(e,
			 "look with `agentbox audit verify`; `agentbox "
			 "audit anew` sets the log aside and begins another");
	else if (status == -EDQUOT || status == -EFBIG || status == -EMFILE)
		err_cure(e, "agentbox-audit.json(5) says how to change the "
			    "bound");
	return status;
}

/* RFC 2104 over FIPS 180-4. */
