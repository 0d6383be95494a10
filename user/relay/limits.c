// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "relay/relay.h"

/* The library's, stdio, the listener, connections on their way through. */
#define RESERVED 96
#define RESERVED_WORKER 2
/* A larger limit would only cost memory. */
#define LIMIT_MAX 4194304
#define PIPES_MAX 8192

static rlim_t nr_open(void)
{
	unsigned long value = 0;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &value) != 1)
		value = 0;
	fclose(file);
	return value < LIMIT_MAX ? value : LIMIT_MAX;
}

/* The hard limit as far as the system allows, then the soft one to it. */
static int limit_raise(rlim_t *result)
{
	struct rlimit limit, higher;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	higher.rlim_cur = higher.rlim_max = nr_open();
	if (higher.rlim_max > limit.rlim_max &&
	    !setrlimit(RLIMIT_NOFILE, &higher)) {
		*result = higher.rlim_cur;
		return 0;
	}
	if (limit.rlim_max > LIMIT_MAX) /* "unlimited" */
		limit.rlim_max = nr_open();
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			return -errno;
	}
	*result = limit.rlim_cur;
	return 0;
}

/*
 * Two descriptors a connection, and pipes for those that have data under way.
 * A slow reader keeps its pipe; where all are taken, data is copied instead,
 * so that their number is a matter of speed, not of who is served.
 */
int relay_limits_raise(int workers, struct relay_limits *limits)
{
	int reserved = RESERVED + RESERVED_WORKER * workers, err;
	rlim_t limit = 0;

	err = limit_raise(&limit);
	if (err) {
		hf_error(
		    "cannot raise the limit of open files: %s", strerror(-err));
		return err;
	}
	if (limit > LIMIT_MAX)
		limit = LIMIT_MAX;
	if ((int)limit < reserved + 8) {
		hf_error("only %d files may be open: give it at least %d "
			 "(LimitNOFILE= of the unit, or ulimit -n)",
			 (int)limit, reserved + 8);
		return -EMFILE;
	}
	limits->descriptors = limit;
	limits->pipes = limit / 16 < PIPES_MAX ? limit / 16 : PIPES_MAX;
	limits->connections = (limit - reserved - 2 * limits->pipes) / 2;
	return 0;
}
