// SPDX-License-Identifier: BSD-2-Clause
#include "relay/relay.h"

#define INTERVAL_NS 1000000000ULL

bool relay_notice_due(struct relay_notice *notice, uint64_t *left_out)
{
	uint64_t now = relay_now();
	bool due;

	pthread_mutex_lock(&notice->mutex);
	due = !notice->last_ns || now - notice->last_ns >= INTERVAL_NS;
	if (due) {
		*left_out = notice->left_out;
		notice->left_out = 0;
		notice->last_ns = now;
	} else {
		notice->left_out++;
	}
	pthread_mutex_unlock(&notice->mutex);
	return due;
}
