#pragma once
/*
 * Where a log lies and what its folder holds. $AGENTBOX_STATE_DIR, else
 * root: /var/lib/agentbox; a user: $XDG_STATE_HOME/agentbox, else
 * ~/.local/state/agentbox. In there:
 *
 *   audit/               the writer's: 0700, of its own uid when root runs it
 *     lock               held by the writer (OFD write lock)
 *     socket             SOCK_SEQPACKET, where the writer listens
 *     log/<seq>.seg      records; the name is the first seq, 20 digits
 *     blobs/<sha256>     policies and counters that records name by digest
 *     torn/<seq>-<n>     what was cut off after a crash, never thrown away
 *     head               the last checkpoint, as a signed note
 *     public.key         of the checkpoints; give it to those who verify
 *     sign.key           0600: the private half, 32 bytes
 *     mac.key            0600: the MAC key, in two slots; see keys.h
 *     start.key          0600: the first MAC key; `agentbox audit keys --take`
 *                        hands it out and removes it
 *     digest.key         0600: key of args_digest and result_digest
 *     reserve            space for outcomes when the disk is full
 *   audit-index.sqlite   made from the log by those who ask it; may be removed
 */
#include "lib/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define LAYOUT_AUDIT "audit"
#define LAYOUT_LOCK "lock"
#define LAYOUT_SOCKET "socket"
#define LAYOUT_LOG "log"
#define LAYOUT_BLOBS "blobs"
#define LAYOUT_TORN "torn"
#define LAYOUT_HEAD "head"
#define LAYOUT_PUBLIC "public.key"
#define LAYOUT_SIGN "sign.key"
#define LAYOUT_MAC "mac.key"
#define LAYOUT_START "start.key"
#define LAYOUT_DIGEST "digest.key"
#define LAYOUT_RESERVE "reserve"
#define LAYOUT_INDEX "audit-index.sqlite"
#define LAYOUT_SEGMENT_SUFFIX ".seg"
#define LAYOUT_SEGMENT_NAME 24u /* "00000000000000000001.seg" */

/* The uid of the writer where root runs it: the first above those of boxes
 * (supervisor/runtime.h). */
#define LAYOUT_WRITER_UID 1879113728u

/* Whom the writer becomes: LAYOUT_WRITER_UID where the caller is root; the
 * caller where he is not, or is root of a user namespace that lacks that uid.
 */
uid_t layout_writer_uid(void);
/* The path of the state folder into buf of PATH_MAX bytes. -ENOENT: there is no
 * HOME. */
int layout_state(char *buf, struct err *e);
/* Opens the state folder, or (audit) the folder audit in it; create makes what
 * is missing, 0700. Checked: a folder, of the caller or (root) of the writer,
 * closed to others. Returns a descriptor. */
int layout_open(bool audit, bool create, struct err *e);
