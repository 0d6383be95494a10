// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vethstat.h"

static int ethtool(int fd, const char *ifname, void *data)
{
	struct ifreq ifr = {.ifr_data = data};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static int stat_count(int fd, const char *ifname, uint32_t *n)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} sset = {
	    .info =
		{
		    .cmd = ETHTOOL_GSSET_INFO,
		    .sset_mask = 1ULL << ETH_SS_STATS,
		},
	};
	int err = ethtool(fd, ifname, &sset);

	*n = sset.count;
	return err;
}

static bool name_fits(const char *name, const char *prefix, const char *suffix)
{
	size_t len = strnlen(name, ETH_GSTRING_LEN);
	size_t tail = strlen(suffix);

	return !strncmp(name, prefix, strlen(prefix)) && len >= tail &&
	       !strncmp(name + len - tail, suffix, tail);
}

static int stats_add(int fd, const char *ifname, uint32_t n, const char *prefix,
		     const char *suffix, uint64_t *sum)
{
	struct ethtool_gstrings *names =
	    calloc(1, sizeof(*names) + n * ETH_GSTRING_LEN);
	struct ethtool_stats *stats =
	    calloc(1, sizeof(*stats) + n * sizeof(stats->data[0]));
	int err = -ENOMEM;
	uint32_t i;

	if (!names || !stats)
		goto out;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = n;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = n;
	err = ethtool(fd, ifname, names);
	if (!err)
		err = ethtool(fd, ifname, stats);
	if (err)
		goto out;
	err = -ENOENT;
	*sum = 0;
	for (i = 0; i < n; i++) {
		char *name = (char *)names->data + i * ETH_GSTRING_LEN;

		if (!name_fits(name, prefix, suffix))
			continue;
		*sum += stats->data[i];
		err = 0;
	}
out:
	free(names);
	free(stats);
	return err;
}

int vethstat_sum(const char *ifname, const char *prefix, const char *suffix,
		 uint64_t *sum)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t n = 0;
	int err;

	if (fd < 0)
		return -errno;
	err = stat_count(fd, ifname, &n);
	if (!err)
		err = stats_add(fd, ifname, n, prefix, suffix, sum);
	close(fd);
	return err;
}
