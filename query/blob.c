/* Blobs. What always holds: what is handed out has the digest that was asked
 * for, whoever wrote into the folder. */
#include "query/blob.h"

#include "audit/layout.h"
#include "lib/fd.h"
#include "policy/sha256.h"

#include <fcntl.h>
#include <string.h>

int
blob_read(int audit, const uint8_t digest[SHA256_LEN], size_t max, void **ret,
	  size_t *ret_len, struct err *e)
{
	static const char hex[] = "0123456789abcdef";
	char name[sizeof(LAYOUT_BLOBS) + 1 + 2 * SHA256_LEN];
	size_t at = sizeof(LAYOUT_BLOBS);
	_cleanup_free_ char *data = NULL;
	uint8_t is[SHA256_LEN];
	ssize_t n;

	memcpy(name, LAYOUT_BLOBS "/", at);
	for (size_t i = 0; i < SHA256_LEN; i++) {
		name[at++] = hex[digest[i] >> 4];
		name[at++] = hex[digest[i] & 15];
	}
	name[at] = '\0';
	n = fd_read_file(audit, name, max, &data);
	if (n < 0)
		return err_sys(e, (int)n, "%s", name);
	sha256(data, (size_t)n, is);
	if (memcmp(is, digest, sizeof(is)) != 0)
		return err_set(e, -EBADMSG,
			       "%s was changed: it is not what its name says",
			       name);
	*ret = TAKE_PTR(data);
	*ret_len = (size_t)n;
	return 0;
}
