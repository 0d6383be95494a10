/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of drivers, for kernels that do not tell it (before 6.3). */
#ifndef HF_CLI_DRIVER_H
#define HF_CLI_DRIVER_H

#include <stdbool.h>

struct driver {
	const char *name;
	bool zero_copy;   /* AF_XDP without copying, in Linux 6.1 */
	bool half_queues; /* XDP takes a transmit queue for each RX queue out
			     of the same number */
	bool resets;      /* attaching takes the rings down for a while */
	const char *note; /* or NULL */
};

/* A driver with native XDP in Linux 6.1, or NULL. */
const struct driver *driver_find(const char *name);

#endif
