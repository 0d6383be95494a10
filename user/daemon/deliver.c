// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "daemon/deliver.h"
#include "daemon/netdev.h"

#define MTU_MAX 65535U /* XDP's frames have passed the device's own */

static int pair_setup(struct deliver *d, const char *peer, uint32_t target,
		      const uint8_t mac[6])
{
	const uint8_t out_mac[6] = {0x02, 0x68, 0x66, mac[3], mac[4], mac[5]};
	int err;

	d->out = if_nametoindex(d->name);
	d->in = if_nametoindex(peer);
	err = d->out && d->in ? 0 : -errno;
	/* An end takes redirected frames only if the other polls. */
	if (!err)
		err = netdev_gro_on(peer);
	if (!err)
		err = netdev_redirect(d->in, target);
	if (!err)
		err = netdev_up(peer, mac, MTU_MAX, false);
	if (!err)
		err = netdev_up(d->name, out_mac, MTU_MAX, false);
	return err;
}

int deliver_open(struct deliver *d, uint32_t ifindex, const uint8_t mac[6])
{
	char peer[IF_NAMESIZE];
	int err;

	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "hf-out%u", ifindex % 100000000);
	snprintf(peer, sizeof(peer), "hf-in%u", ifindex % 100000000);
	netdev_delete(d->name); /* of a daemon that was killed */
	/* One ring, in which the segments of a flow stay in order, whatever
	 * CPUs they come in on. */
	err = netdev_veth_create(d->name, peer);
	if (!err)
		err = pair_setup(d, peer, ifindex, mac);
	if (!err)
		return 0;
	hf_warn("cannot make the veth pair %s, %s: %s%s; connections for "
		"listeners with delivery kernel take the slower way through "
		"the daemon",
		d->name, peer, strerror(-err),
		err == -EOPNOTSUPP ? " (no veth: modprobe veth)" : "");
	deliver_close(d);
	return err;
}

void deliver_close(struct deliver *d)
{
	if (d->in)
		netdev_redirect_end(d->in);
	if (d->out)
		netdev_delete(d->name);
	memset(d, 0, sizeof(*d));
}
