// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/log.h"
#include "daemon/daemon.h"
#include "daemon/inject.h"
#include "handfast.skel.h"

#define TAP_NAME "hf-inj%d" /* the kernel puts the number in */

static int tap_create(struct inject *inject)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	inject->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (inject->fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, TAP_NAME, sizeof(TAP_NAME));
	if (ioctl(inject->fd, TUNSETIFF, &ifr))
		return -errno;
	memcpy(inject->name, ifr.ifr_name, IF_NAMESIZE);
	inject->ifindex = if_nametoindex(inject->name);
	return inject->ifindex ? 0 : -errno;
}

static void tap_sysctl(const struct inject *inject, const char *family,
		       const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
		 inject->name, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		hf_debug("%s: %s", path, strerror(errno));
	close(fd);
}

/* The MAC of the device it stands for, and up; no address of its own. */
static int tap_up(const struct inject *inject, const uint8_t mac[6],
		  uint32_t mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {};
	int err = 0;

	if (fd < 0)
		return -errno;
	tap_sysctl(inject, "ipv6", "disable_ipv6", "1");
	tap_sysctl(inject, "ipv4", "rp_filter", "0");
	memcpy(ifr.ifr_name, inject->name, IF_NAMESIZE);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(fd, SIOCSIFHWADDR, &ifr))
		err = -errno;
	ifr.ifr_mtu = (int)mtu;
	if (!err && ioctl(fd, SIOCSIFMTU, &ifr))
		err = -errno;
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	if (!err && ioctl(fd, SIOCSIFFLAGS, &ifr))
		err = -errno;
	close(fd);
	return err;
}

static int tap_redirect(const struct inject *inject, uint32_t target)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)inject->ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
		    .prog_fd = bpf_program__fd(hfd.world.skel->progs.inject));
	int err;

	if (bpf_map_update_elem(
		bpf_map__fd(hfd.world.skel->maps.inject_targets),
		&inject->ifindex, &target, BPF_ANY))
		return -errno;
	err = bpf_tc_hook_create(&hook);
	return err ? err : bpf_tc_attach(&hook, &opts);
}

int inject_open(struct inject *inject, uint32_t ifindex, const uint8_t mac[6],
		uint32_t mtu, bool skb)
{
	int err;

	memset(inject, 0, sizeof(*inject));
	err = tap_create(inject);
	if (!err && !skb)
		err = tap_redirect(inject, ifindex);
	if (!err)
		err = tap_up(inject, mac, mtu);
	if (!err) {
		inject->redirected = !skb;
		return 0;
	}
	hf_error("cannot make the injection device (TAP): %s%s", strerror(-err),
		 err == -EPERM    ? " (needs CAP_NET_ADMIN)"
		 : err == -ENOENT ? " (/dev/net/tun is missing: modprobe tun)"
				  : "");
	inject_close(inject);
	return err;
}

void inject_close(struct inject *inject)
{
	if (inject->ifindex)
		bpf_map_delete_elem(
		    bpf_map__fd(hfd.world.skel->maps.inject_targets),
		    &inject->ifindex);
	if (inject->fd > 0)
		close(inject->fd); /* the device goes with it */
	memset(inject, 0, sizeof(*inject));
	inject->fd = -1;
}

int inject_frame(const struct inject *inject, const uint8_t *frame, size_t len)
{
	if (write(inject->fd, frame, len) == (ssize_t)len) {
		DAEMON_COUNT(injected);
		return 0;
	}
	DAEMON_COUNT(inject_errors);
	return -errno;
}
