// SPDX-License-Identifier: BSD-2-Clause
/*
 * A TAP device as the pacemaker: each frame that is written to it meets its
 * XDP program, which makes a burst of it. A test run with live frames begins
 * with a page pool of its own and ends with its destruction: too much for
 * bursts of 32, and while the receiver still holds frames the pool lives on
 * for a second, until thousands of them slow the whole kernel down
 * (mem_allocator_disconnect(), seen on 6.18).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "synflood.h"

static int tap_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {};
	int err = 0;

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		err = -errno;
	ifr.ifr_flags |= IFF_UP | IFF_NOARP;
	if (!err && ioctl(fd, SIOCSIFFLAGS, &ifr))
		err = -errno;
	close(fd);
	return err;
}

int flood_tap_open(int *ifindex)
{
	struct ifreq ifr = {
	    .ifr_name = "flood%d",
	    .ifr_flags = IFF_TAP | IFF_NO_PI,
	};
	/* tun_can_build_skb(): native XDP only for writes that do not block. */
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		err = -errno;
		close(fd);
		return err;
	}
	err = tap_up(ifr.ifr_name);
	if (err) {
		close(fd);
		return err;
	}
	*ifindex = if_nametoindex(ifr.ifr_name);
	return fd;
}

int flood_tap_send(int fd, uint32_t frame_len)
{
	static const uint8_t frame[FLOOD_FRAME_MAX];

	if (write(fd, frame, frame_len) < 0 && errno != EINTR)
		return -errno;
	return 0;
}
