/* SPDX-License-Identifier: BSD-2-Clause */
/* A request whose handshake is complete becomes an established socket. */
#ifndef HF_CHILD_H
#define HF_CHILD_H

#include "daemon/listener.h"

/*
 * child_build - the socket, through TCP_REPAIR; it sends nothing.
 *
 * What the SYN-ACK promised is what it has: ISN, window, scale, MSS, SACK,
 * timestamps. A socket that is in the way (TIME_WAIT, or what a client that
 * was restarted left behind: this one has just proved the tuple its own) is
 * destroyed. Fills *child and returns 0, or a negative errno.
 */
int child_build(const struct hf_tuple *tuple, const struct hf_request *req,
		const struct listener *l, struct waiting *child);

#endif
