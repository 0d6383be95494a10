/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a world at one moment, and what is wrong with it. */
#ifndef HF_CLI_STATUS_H
#define HF_CLI_STATUS_H

#include <stdbool.h>

#include "cli/device.h"

#define PROBLEM_MAX 160
#define PROBLEMS_MAX 64

struct status {
	int daemon_pid; /* 0: none */
	struct hf_config config;
	struct hf_fills fills;
	bool guard_on; /* on some CPU */
	struct devices devices;
	bool rings_known;
	/* By slot of xsks, as `devices` refer to them. */
	bool rings[HF_XSKS_MAX];
	int problem_count;
	char problems[PROBLEMS_MAX][PROBLEM_MAX];
};

/* 0 or a negative errno, logged. status_free() in any case. */
int status_read(struct status *status, const struct hf_world *world);
void status_free(struct status *status);

/* How many queues of a device have a ring. */
__u32 status_rings(const struct status *status, const struct hf_device *device);

#endif
