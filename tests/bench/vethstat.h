/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interface's driver counted, by `ethtool -S` names. */
#ifndef BENCH_VETHSTAT_H
#define BENCH_VETHSTAT_H

#include <stdint.h>

/*
 * Sums the counters whose name begins with `prefix` and ends with `suffix`,
 * as "tx_queue_" and "_xdp_xmit": over all queues. 0, or a negative errno,
 * -ENOENT where there is none of that name.
 */
int vethstat_sum(const char *ifname, const char *prefix, const char *suffix,
		 uint64_t *sum);

#endif
