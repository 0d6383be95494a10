// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/daemon.h"
#include "daemon/inject.h"
#include "daemon/netdev.h"

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

int inject_open(struct inject *inject, uint32_t ifindex, const uint8_t mac[6],
		uint32_t mtu, bool skb)
{
	int err;

	memset(inject, 0, sizeof(*inject));
	err = tap_create(inject);
	if (!err)
		err = netdev_redirect(inject->ifindex, skb ? 0 : ifindex);
	if (!err)
		err = netdev_up(inject->name, mac, mtu, skb);
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
		netdev_redirect_end(inject->ifindex);
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
