#pragma once
/*
 * Packets of the channel that leave together, at the end of a turn of the loop:
 * in one message where they can, so that the other side wakes up once for all
 * that this turn made. Owned by one end of a channel.
 *
 * Such a message is NET_MANY (u32) and the packets, each behind its length
 * (u32). A packet with a descriptor, or that is alone, is sent as it is.
 */
#include "net/wire.h"

#define NET_BATCH_MAX 32u
#define NET_MANY 0x3154424eu /* "NBT1" */

struct net_batch {
	uint8_t *buf; /* twice NET_PACKET_MAX; untouched, it is no memory */
	size_t used, n;
	struct net_batch_packet {
		size_t at, len;
		int fd;	     /* or -EBADF; ours */
		bool secret; /* is wiped when it was sent */
	} packet[NET_BATCH_MAX];
};

int net_batch_init(struct net_batch *b);
/* What was not sent is dropped. */
void net_batch_done(struct net_batch *b);
/* Where the next packet is made: NET_PACKET_MAX bytes. */
uint8_t *net_batch_at(const struct net_batch *b);
/* It was made there. fd (or -EBADF) is taken. True: there is no room for
 * another before some are sent. */
bool net_batch_add(struct net_batch *b, size_t len, int fd, bool secret);
/* Sends as many as the channel takes, in order, and forgets them. 0: all;
 * -EAGAIN: the rest is there still; negative errno: the channel is broken. */
int net_batch_send(struct net_batch *b, int chan);
/* The packets of a message, each for net_decode(). Start with *at = 0. 1; 0:
 * there are no more; -EPROTO. Pure; fuzzed. */
int net_batch_next(const uint8_t *data, size_t len, size_t *at,
		   const uint8_t **ret, size_t *ret_len);
/* Forgets those that are there. */
void net_batch_clear(struct net_batch *b);

/* Packets that come together. */
#define NET_INBOX_MAX 16u
struct net_inbox {
	uint8_t *buf; /* NET_INBOX_MAX times NET_PACKET_MAX, likewise */
	size_t len[NET_INBOX_MAX];
};
int net_inbox_init(struct net_inbox *in);
void net_inbox_done(struct net_inbox *in);
uint8_t *net_inbox_at(const struct net_inbox *in, size_t i);
/* How many came, at most max; 0: end of file or -EAGAIN, negative errno;
 * -EBADMSG: one that is too long, or that brought a descriptor. */
int net_inbox_recv(struct net_inbox *in, int chan, size_t max);
