// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "common/ethtool.h"
#include "common/netif.h"

static int ethtool_ioctl(int fd, const char *name, void *command)
{
	struct ifreq ifr = {};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static void driver_read(int fd, struct hf_netif *netif)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (!ethtool_ioctl(fd, netif->name, &info))
		snprintf(netif->driver, sizeof(netif->driver), "%.*s",
			 (int)sizeof(netif->driver) - 1, info.driver);
}

/* Entries rx-0, rx-1, ... The directory is that of the namespace in which
 * /sys was mounted: a device of another one is not found, or its namesake. */
static __u32 sysfs_rx_queues(const char *name)
{
	struct dirent *entry;
	char path[128];
	__u32 count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", name);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, "rx-", 3);
	closedir(dir);
	return count;
}

static void queues_read(int fd, struct hf_netif *netif)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (!ethtool_ioctl(fd, netif->name, &channels)) {
		netif->rx_queues = channels.rx_count + channels.combined_count;
		netif->rx_queues_max = channels.max_rx + channels.max_combined;
	}
	if (!netif->rx_queues)
		netif->rx_queues = sysfs_rx_queues(netif->name);
	if (!netif->rx_queues)
		netif->rx_queues = 1;
	if (netif->rx_queues_max < netif->rx_queues)
		netif->rx_queues_max = netif->rx_queues;
}

/* The names of all features, in the order of their bits; to be freed. */
static struct ethtool_gstrings *feature_names(int fd, const char *name)
{
	struct {
		struct ethtool_sset_info info;
		__u32 count;
	} set = {.info = {.cmd = ETHTOOL_GSSET_INFO,
			  .sset_mask = 1ULL << ETH_SS_FEATURES}};
	struct ethtool_gstrings *names;

	if (ethtool_ioctl(fd, name, &set) || !set.info.sset_mask ||
	    !set.info.data[0])
		return NULL;
	names = calloc(
	    1, sizeof(*names) + (size_t)set.info.data[0] * ETH_GSTRING_LEN);
	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = set.info.data[0];
	if (ethtool_ioctl(fd, name, names)) {
		free(names);
		return NULL;
	}
	return names;
}

static struct hf_netif_feature
feature_find(const struct ethtool_gstrings *names,
	     const struct ethtool_gfeatures *features, const char *wanted)
{
	struct hf_netif_feature result = {.fixed = true};
	const struct ethtool_get_features_block *block;
	__u32 i, bit;

	for (i = 0; i < names->len; i++) {
		if (strncmp((const char *)names->data + i * ETH_GSTRING_LEN,
			    wanted, ETH_GSTRING_LEN))
			continue;
		block = &features->features[i / 32];
		bit = 1U << (i % 32);
		result.on = block->active & bit;
		result.fixed =
		    !(block->available & bit) || (block->never_changed & bit);
		break;
	}
	return result;
}

static void features_read(int fd, struct hf_netif *netif)
{
	struct ethtool_gstrings *names = feature_names(fd, netif->name);
	struct ethtool_gfeatures *features;
	__u32 blocks;

	if (!names)
		return;
	blocks = (names->len + 31) / 32;
	features = calloc(
	    1, sizeof(*features) + blocks * sizeof(features->features[0]));
	if (!features)
		goto out;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (ethtool_ioctl(fd, netif->name, features))
		goto out;
	netif->lro = feature_find(names, features, "rx-lro");
	netif->gro = feature_find(names, features, "rx-gro");
	netif->rx_vlan = feature_find(names, features, "rx-vlan-hw-parse");
	netif->tx_vlan = feature_find(names, features, "tx-vlan-hw-insert");
	netif->tx_checksum =
	    feature_find(names, features, "tx-checksum-ip-generic");
out:
	free(features);
	free(names);
}

int hf_ethtool_read(struct hf_netif *netif)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	driver_read(fd, netif);
	queues_read(fd, netif);
	features_read(fd, netif);
	close(fd);
	return 0;
}
