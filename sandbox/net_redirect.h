#pragma once
/*
 * nf_tables in a box: TCP to any address and port is led to one listener, which
 * learns from SO_ORIGINAL_DST where it was going. Spoken in bare nfnetlink, one
 * batch: either all of it holds or nothing.
 */
#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

#define NET_REDIRECT_TABLE "agentbox"
#define NET_REDIRECT_EXCEPT_MAX 24
#define NET_REDIRECT_SIZE_MAX 32768

/* The batch that leads TCP to port; except: ports that are left alone. Returns
 * its length, *ret_last the number of the message that the kernel acknowledges;
 * -EMSGSIZE. Pure. */
int net_redirect_encode(uint16_t port, const uint16_t *except, size_t n,
			void *buf, size_t size, uint32_t *ret_last);

/* fd: net_sockets.nft; borrowed. -EOPNOTSUPP and others: this kernel has no
 * nf_tables, or not what this needs of it. */
int net_redirect(int fd, uint16_t port, const uint16_t *except, size_t n,
		 struct err *e);
