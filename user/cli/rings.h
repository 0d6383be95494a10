/* SPDX-License-Identifier: BSD-2-Clause */
/* Which queues have an AF_XDP ring, that is, a worker. */
#ifndef HF_CLI_RINGS_H
#define HF_CLI_RINGS_H

#include <stdbool.h>

#include <linux/types.h>

struct rings; /* a loaded program that looks into xsks */

/* NULL: it cannot be told, for lack of CAP_BPF and CAP_NET_ADMIN. */
struct rings *rings_open(int xsks_fd);
/* Is there one at this index of xsks? */
bool rings_present(const struct rings *rings, __u32 slot);
void rings_close(struct rings *rings);

#endif
