/* What needs no connection: words for refusals, and the keyed digest. */
#include "audit/client-internal.h"

#include <sha2.h>
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
void
client_digest(const uint8_t key[32], const void *p, size_t n,
	      uint8_t ret[RECORD_HASH_LEN])
{
	uint8_t pad[SHA256_BLOCK_LENGTH];
	SHA2_CTX ctx;

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < 32; i++)
		pad[i] ^= key[i];
	SHA256Init(&ctx);
	SHA256Update(&ctx, pad, sizeof(pad));
	SHA256Update(&ctx, p, n);
	SHA256Final(ret, &ctx);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256Init(&ctx);
	SHA256Update(&ctx, pad, sizeof(pad));
	SHA256Update(&ctx, ret, RECORD_HASH_LEN);
	SHA256Final(ret, &ctx);
	explicit_bzero(pad, sizeof(pad));
	explicit_bzero(&ctx, sizeof(ctx));
}
