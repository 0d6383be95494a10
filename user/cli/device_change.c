// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach and detach. Both hold the world's lock from the first look to the
 * last change, and tell a running daemon, which opens or closes its rings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "cli/cli.h"
#include "cli/device.h"
#include "common/ctl.h"
#include "common/log.h"
#include "common/netif.h"
#include "common/sysctl.h"
#include "common/text.h"
#include "handfast.skel.h"

/* The daemon may just be opening its rings, or wait for the last requests
 * whose handshake is complete. */
#define DAEMON_WAIT_MS 30000
/* A daemon that has its lock but not its socket yet. */
#define DAEMON_START_MS 2000

/* ------------------------------------------------------------- the daemon */

static int daemon_call(const struct cli *cli,
		       const struct hf_ctl_request *request,
		       struct hf_ctl_reply *reply)
{
	int waited, err = 0;

	for (waited = 0; waited <= DAEMON_START_MS; waited += 50) {
		if (!hf_world_daemon_pid(cli->bpffs))
			return -ESRCH;
		err = hf_ctl_call(
		    cli->socket_path, request, reply, DAEMON_WAIT_MS);
		if (err != -ENOENT && err != -ECONNREFUSED)
			break;
		usleep(50000);
	}
	return err;
}

int device_daemon_tell(const struct cli *cli, int type, __u32 ifindex,
		       const char *ifname)
{
	struct hf_ctl_request request = {.type = type, .ifindex = ifindex};
	struct hf_ctl_reply reply;
	int pid = hf_world_daemon_pid(cli->bpffs);
	int err = daemon_call(cli, &request, &reply);

	if (err == -ESRCH)
		return err;
	/* Died while it was asked: that is no daemon, too. */
	if (err == -ECONNRESET && !hf_world_daemon_pid(cli->bpffs))
		return -ESRCH;
	if (!err && !reply.error)
		return 0;
	if (!err)
		hf_error("handfastd (pid %d) on %s: %s", pid, ifname,
			 *reply.text ? reply.text : strerror(reply.error));
	else if (err == -ETIMEDOUT)
		hf_error("handfastd (pid %d) does not answer within %d s", pid,
			 DAEMON_WAIT_MS / 1000);
	else if (err == -EPROTO)
		hf_error("handfastd (pid %d) is of another version: restart "
			 "it",
			 pid);
	else
		hf_error("handfastd runs (pid %d), but not at %s: %s; give "
			 "its --socket",
			 pid, cli->socket_path, strerror(-err));
	return err ? err : -(reply.error > 0 ? reply.error : EPROTO);
}

/* ----------------------------------------------------------------- attach */

/* Names a foreign program, as far as the kernel lets us see it. */
static void foreign_refuse(const struct hf_netif *n)
{
	__u32 id = n->xdp.native_id;
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd;

	if (!id)
		id = n->xdp.skb_id ? n->xdp.skb_id : n->xdp.offload_id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	hf_error("%s: another XDP program is attached: id %u%s%.*s%s; remove "
		 "it with 'ip link set dev %s %s off', or, if a bpf_link holds "
		 "it, by ending its owner or removing its pin ('bpftool link "
		 "show')",
		 n->name, id, *info.name ? " (" : "", BPF_OBJ_NAME_LEN,
		 info.name, *info.name ? ")" : "", n->name,
		 n->xdp.native_id ? "xdp" : "xdpgeneric");
}

/* What interfaces that are gone have left behind, first of all a namesake:
 * its pin is in the way, and its ring numbers are wanted. */
static int leftovers_forget(const struct hf_world *world,
			    struct devices *devices)
{
	struct device *device;
	size_t i;
	int err;

	for (i = 0; i < devices->count; i++) {
		device = &devices->list[i];
		if (device->value.lower || device->alive)
			continue;
		hf_info("%s: removing what an earlier attachment left",
			device->value.name);
		err = device_forget(world, device);
		if (err)
			return err;
	}
	devices_free(devices);
	return devices_read(devices, world);
}

static int attached_refuse(const struct devices *devices,
			   const struct hf_netif *netif)
{
	struct device *device = devices_find(devices, netif->name);

	/* What is left of a namesake that is gone is no obstacle. */
	if (device && device->alive) {
		hf_error("%s: attached already, %s mode; 'handfast detach %s' "
			 "first",
			 netif->name, hf_text_xdp_mode(device->value.mode),
			 netif->name);
		return -EBUSY;
	}
	if (netif->xdp.native_id || netif->xdp.skb_id ||
	    netif->xdp.offload_id) {
		foreign_refuse(netif);
		return -EBUSY;
	}
	return 0;
}

int device_check_free(const struct cli *cli, const struct hf_netif *netif)
{
	struct devices devices = {};
	struct hf_world world;
	int err;

	if (!cli_world_look(cli, &world)) {
		err = devices_read(&devices, &world);
		hf_world_close(&world);
		if (err)
			return err;
	}
	err = attached_refuse(&devices, netif);
	devices_free(&devices);
	return err;
}

/* First of so many slots of xsks that no other device has. -ENOSPC: none. */
static int slots_find(const struct devices *devices, __u32 queues)
{
	bool used[HF_XSKS_MAX] = {};
	const struct hf_device *d;
	__u32 slot, run = 0;
	size_t i;

	for (i = 0; i < devices->count; i++) {
		d = &devices->list[i].value;
		for (slot = d->first_xsk;
		     slot < HF_XSKS_MAX && slot - d->first_xsk < d->queues;
		     slot++)
			used[slot] = !d->lower;
	}
	for (slot = 0; slot < HF_XSKS_MAX; slot++) {
		run = used[slot] ? 0 : run + 1;
		if (run == queues)
			return slot + 1 - queues;
	}
	return -ENOSPC;
}

static __u16 mss_of(__u32 mtu, __u32 headers)
{
	if (mtu > 65535)
		mtu = 65535;
	return mtu > headers ? mtu - headers : 0;
}

static int entry_write(const struct hf_world *world,
		       const struct devices *devices, const struct hf_netif *n,
		       enum hf_xdp_mode mode)
{
	__u32 key = n->ifindex;
	struct hf_device value = {
	    .mode = mode,
	    .queues = n->rx_queues,
	    .mtu = n->mtu,
	    .mss4 = mss_of(n->mtu, 40),
	    .mss6 = mss_of(n->mtu, 60),
	    .ttl = hf_sysctl_ttl(),
	    .hop_limit = hf_sysctl_hop_limit(n->name),
	};
	int slot = slots_find(devices, n->rx_queues);

	if (slot < 0) {
		hf_error("%s: no room for its %u queues: %u in all, on all "
			 "interfaces; fewer by 'ethtool -L %s combined N'",
			 n->name, n->rx_queues, HF_XSKS_MAX, n->name);
		return slot;
	}
	value.first_xsk = slot;
	memcpy(value.mac, n->mac, sizeof(value.mac));
	memcpy(value.name, n->name, sizeof(value.name));
	if (bpf_map_update_elem(world->maps.devices, &key, &value, BPF_ANY)) {
		hf_error("%s: cannot write to %s/devices: %s", n->name,
			 world->bpffs, strerror(errno));
		return -errno;
	}
	return 0;
}

static void link_error(const struct hf_netif *n, enum hf_xdp_mode mode, int err)
{
	const char *hint = "";

	if (err == EOPNOTSUPP || err == EINVAL || err == ERANGE)
		hint = mode == HF_XDP_NATIVE
			   ? "; the driver may have no native XDP, or not "
			     "with this MTU or these features: try -m skb, "
			     "see 'handfast features'"
			   : "; see 'handfast features'";
	else if (err == ENOSPC)
		hint = "; the driver has too few queues: as many receive "
		       "queues as the peer of a veth has transmit queues "
		       "(ethtool -L), or try -m skb";
	else if (err == EBUSY || err == EEXIST)
		hint = "; another XDP program came in between";
	else if (err == EPERM)
		hint = "; needs CAP_NET_ADMIN and CAP_BPF";
	hf_error("%s: cannot attach in %s mode (driver %s): %s%s", n->name,
		 hf_text_xdp_mode(mode), *n->driver ? n->driver : "unknown",
		 strerror(err), hint);
}

static int link_make(const struct hf_world *world, const struct hf_netif *n,
		     enum hf_xdp_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == HF_XDP_NATIVE ? XDP_FLAGS_DRV_MODE
						   : XDP_FLAGS_SKB_MODE);
	int program = bpf_program__fd(world->skel->progs.handfast_xdp);
	char path[HF_WORLD_PATH_MAX + DEVICE_PIN_MAX];
	int fd, err = 0;

	fd = bpf_link_create(program, n->ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		err = errno;
		link_error(n, mode, err);
		return -err;
	}
	device_pin_path(path, sizeof(path), world->bpffs, n->name);
	if (bpf_obj_pin(fd, path)) {
		err = -errno;
		hf_error("%s: cannot pin the link as %s: %s", n->name, path,
			 strerror(-err));
		bpf_link_detach(fd);
	}
	close(fd);
	return err;
}

/* With no daemon the kernel's own listeners go on to answer. */
static int daemon_attached(const struct cli *cli, const struct hf_netif *n)
{
	int err = device_daemon_tell(cli, HF_CTL_ATTACHED, n->ifindex, n->name);

	if (err != -ESRCH)
		return err;
	hf_warn("%s: attached, but no handfastd runs: SYNs go to the kernel's "
		"listeners until it does",
		n->name);
	return 0;
}

static int attach_all(const struct cli *cli, const struct hf_world *world,
		      const struct hf_netif *n, enum hf_xdp_mode mode)
{
	struct devices devices;
	struct device *device;
	int err = devices_read(&devices, world);

	if (err)
		return err;
	err = leftovers_forget(world, &devices);
	if (!err)
		err = attached_refuse(&devices, n);
	/* The program that is about to run looks for its device's entry. */
	if (!err)
		err = entry_write(world, &devices, n, mode);
	if (err)
		goto out;
	err = link_make(world, n, mode);
	if (!err)
		err = daemon_attached(cli, n);
	if (!err)
		goto out;
	devices_free(&devices);
	device = devices_read(&devices, world)
		     ? NULL
		     : devices_find(&devices, n->name);
	if (device)
		device_forget(world, device);
out:
	devices_free(&devices);
	return err;
}

/* Nothing attached, nobody there: nothing stays behind. */
static void world_remove_unused(const struct cli *cli)
{
	struct devices devices;
	struct hf_world world;
	size_t attached;

	if (hf_world_daemon_pid(cli->bpffs) || cli_world_look(cli, &world))
		return;
	attached =
	    devices_read(&devices, &world) ? 1 : devices_attached(&devices);
	hf_world_close(&world);
	devices_free(&devices);
	if (!attached)
		hf_world_remove(cli->bpffs);
}

int device_attach(const struct cli *cli, const struct hf_netif *netif,
		  enum hf_xdp_mode mode)
{
	struct hf_world world;
	int err, lock;

	lock = cli_world_create(cli, &world);
	if (lock < 0)
		return CLI_FAILED;
	err = attach_all(cli, &world, netif, mode);
	hf_world_close(&world);
	if (err)
		world_remove_unused(cli);
	close(lock);
	return err ? CLI_FAILED : CLI_OK;
}

/* ----------------------------------------------------------------- detach */

static int not_attached(const char *ifname)
{
	struct hf_netif netif;

	if (hf_netif_read(ifname, 0, &netif))
		hf_error("%s: no such interface, and not attached", ifname);
	else if (netif.xdp.native_id || netif.xdp.skb_id)
		hf_error("%s: not attached by handfast with these --bpffs pins "
			 "(XDP program %u on it is not ours)",
			 ifname,
			 netif.xdp.native_id ? netif.xdp.native_id
					     : netif.xdp.skb_id);
	else
		hf_error("%s: not attached; 'handfast status' shows what is",
			 ifname);
	return -ENOENT;
}

/*
 * A daemon that is stuck must not keep XDP on; one that was only looked for at
 * the wrong place has connections to complete. A trial that ends may not fail:
 * its interface may be the only way to this machine.
 */
static int daemon_detach(const struct cli *cli, const struct device *device,
			 const char *ifname, bool on_trial)
{
	int err;

	if (!device->ifindex)
		return 0;
	err = device_daemon_tell(cli, HF_CTL_DETACH, device->ifindex, ifname);
	if (!err || err == -ESRCH)
		return 0;
	if (!on_trial && (err == -ENOENT || err == -ECONNREFUSED))
		return err;
	hf_warn("%s: detached without its help; connections in the middle of "
		"their handshake may be lost",
		ifname);
	return 0;
}

static int detach_all(const struct cli *cli, const struct hf_world *world,
		      const char *ifname, bool on_trial)
{
	struct device *device;
	struct devices devices;
	int err = devices_read(&devices, world);

	if (err)
		return err;
	device = devices_find(&devices, ifname);
	if (!device) {
		devices_free(&devices);
		return not_attached(ifname);
	}
	err = daemon_detach(cli, device, ifname, on_trial);
	if (!err)
		err = device_forget(world, device);
	devices_free(&devices);
	return err;
}

static bool trial_over(int fd)
{
	struct stat st;

	return fd >= 0 && (fstat(fd, &st) || !st.st_nlink);
}

int device_detach(const struct cli *cli, const char *ifname, int trial_fd)
{
	struct hf_world world;
	int err, lock;

	lock = hf_world_lock(cli->bpffs);
	if (lock < 0)
		return CLI_FAILED;
	if (trial_over(trial_fd)) {
		close(lock);
		return CLI_OK;
	}
	err = cli_world_look(cli, &world);
	if (err == -ENOENT)
		not_attached(ifname);
	if (!err) {
		err = detach_all(cli, &world, ifname, trial_fd >= 0);
		hf_world_close(&world);
		if (!err)
			world_remove_unused(cli);
	}
	close(lock);
	return err ? CLI_FAILED : CLI_OK;
}
