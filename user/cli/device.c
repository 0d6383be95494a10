// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "cli/device.h"
#include "common/log.h"

#define PIN_PREFIX "link_"

bool device_pin_path(char *buf, size_t size, const char *bpffs,
		     const char *ifname)
{
	int len = snprintf(buf, size, "%s/" PIN_PREFIX, bpffs);

	if (len < 0 || len + strlen(ifname) >= size)
		return false;
	for (buf += len; *ifname; ifname++)
		*buf++ = *ifname == '.' ? ':' : *ifname;
	*buf = '\0';
	return true;
}

static struct device *devices_add(struct devices *devices)
{
	struct device *grown;

	grown = reallocarray(devices->list, devices->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	devices->list = grown;
	grown += devices->count++;
	memset(grown, 0, sizeof(*grown));
	return grown;
}

/* ---------------------------------------------------------- what there is */

static int entries_read(struct devices *devices, int map_fd)
{
	__u32 key, *previous = NULL;
	struct hf_device value;
	struct device *device;

	/* An entry that goes meanwhile makes the walk begin anew: bounded. */
	while (devices->count < 2 * HF_DEVICES_MAX &&
	       !bpf_map_get_next_key(map_fd, previous, &key)) {
		previous = &key;
		if (bpf_map_lookup_elem(map_fd, &key, &value))
			continue;
		device = devices_add(devices);
		if (!device)
			return -ENOMEM;
		device->ifindex = key;
		device->value = value;
		device->value.name[sizeof(value.name) - 1] = '\0';
		device->listed = true;
	}
	return 0;
}

static struct device *entry_for(const struct devices *devices, __u32 ifindex,
				const char *pin)
{
	char path[DEVICE_PIN_MAX];
	struct device *device;
	size_t i;

	for (i = 0; i < devices->count; i++) {
		device = &devices->list[i];
		if (!device->listed || device->value.lower || *device->pin)
			continue;
		device_pin_path(path, sizeof(path), "", device->value.name);
		if (ifindex ? device->ifindex == ifindex
			    : !strcmp(path + 1, pin))
			return device;
	}
	return NULL;
}

static int pin_read(struct devices *devices, const char *bpffs, const char *pin)
{
	char path[HF_WORLD_PATH_MAX + DEVICE_PIN_MAX];
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	struct device *device;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", bpffs, pin);
	fd = bpf_obj_get(path);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len))
		memset(&info, 0, sizeof(info));
	if (fd >= 0)
		close(fd);
	device = entry_for(devices, info.xdp.ifindex, pin);
	if (!device)
		device = devices_add(devices);
	if (!device)
		return -ENOMEM;
	snprintf(device->pin, sizeof(device->pin), "%s", pin);
	device->prog_id = info.prog_id;
	/* A link whose interface went away has no index. One that cannot be
	 * opened for lack of rights is taken as alive. */
	device->alive = fd < 0 || info.xdp.ifindex;
	if (!device->listed)
		device->ifindex = info.xdp.ifindex;
	return 0;
}

static int pins_read(struct devices *devices, const char *bpffs)
{
	DIR *dir = opendir(bpffs);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, PIN_PREFIX, strlen(PIN_PREFIX)))
			err = pin_read(devices, bpffs, entry->d_name);
	closedir(dir);
	return err;
}

/* What has a pin only is called after it. */
static void names_fill(struct devices *devices)
{
	struct device *device;
	size_t i;
	char *at;

	for (i = 0; i < devices->count; i++) {
		device = &devices->list[i];
		if (device->listed)
			continue;
		snprintf(device->value.name, sizeof(device->value.name),
			 "%.15s", device->pin + strlen(PIN_PREFIX));
		for (at = device->value.name; *at; at++)
			if (*at == ':')
				*at = '.';
	}
}

static int by_ifindex(const void *a, const void *b)
{
	const struct device *one = a, *other = b;

	return one->ifindex < other->ifindex ? -1
					     : one->ifindex > other->ifindex;
}

int devices_read(struct devices *devices, const struct hf_world *world)
{
	int err;

	*devices = (struct devices){};
	err = entries_read(devices, world->maps.devices);
	if (!err)
		err = pins_read(devices, world->bpffs);
	if (err) {
		hf_error("cannot read the attached interfaces in %s: %s",
			 world->bpffs, strerror(-err));
		devices_free(devices);
		return err;
	}
	names_fill(devices);
	if (devices->count)
		qsort(devices->list, devices->count, sizeof(struct device),
		      by_ifindex);
	return 0;
}

void devices_free(struct devices *devices)
{
	free(devices->list);
	*devices = (struct devices){};
}

struct device *devices_find(const struct devices *devices, const char *ifname)
{
	__u32 ifindex = if_nametoindex(ifname);
	struct device *device, *by_name = NULL;
	size_t i;

	for (i = 0; i < devices->count; i++) {
		device = &devices->list[i];
		if (device->value.lower)
			continue;
		/* Renamed, perhaps: the index is what counts. */
		if (ifindex && device->ifindex == ifindex)
			return device;
		if (!strcmp(device->value.name, ifname))
			by_name = device;
	}
	return by_name;
}

size_t devices_attached(const struct devices *devices)
{
	size_t i, n = 0;

	for (i = 0; i < devices->count; i++)
		n += !devices->list[i].value.lower;
	return n;
}

/* --------------------------------------------------------------- removing */

/* The daemon keeps VLAN devices of its own accord, if it lives. */
static void vlans_forget(const struct hf_world *world, __u32 lower)
{
	struct hf_vlan_key vlan, *vlan_previous = NULL;
	struct devices all = {};
	size_t i, n = 0;

	if (!entries_read(&all, world->maps.devices))
		for (i = 0; i < all.count; i++)
			if (all.list[i].value.lower == lower)
				bpf_map_delete_elem(
				    world->maps.devices, &all.list[i].ifindex);
	devices_free(&all);
	while (n++ < 2 * HF_VLANS_MAX &&
	       !bpf_map_get_next_key(world->maps.vlans, vlan_previous, &vlan)) {
		if (vlan.ifindex == lower) {
			bpf_map_delete_elem(world->maps.vlans, &vlan);
			vlan_previous = NULL;
			continue;
		}
		vlan_previous = &vlan;
	}
}

static int link_remove(const char *bpffs, const char *pin)
{
	char path[HF_WORLD_PATH_MAX + DEVICE_PIN_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", bpffs, pin);
	/* Removing the pin detaches, but not while somebody else has the link
	 * open: so detach it first, whose failure does not matter then. */
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	if (unlink(path) && errno != ENOENT) {
		hf_error("cannot remove %s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
}

int device_forget(const struct hf_world *world, const struct device *device)
{
	char path[512];
	int err = 0;

	if (*device->pin)
		err = link_remove(world->bpffs, device->pin);
	if (err)
		return err;
	if (device->listed &&
	    bpf_map_delete_elem(world->maps.devices, &device->ifindex) &&
	    errno != ENOENT) {
		hf_error("cannot remove %s from %s/devices: %s",
			 device->value.name, world->bpffs, strerror(errno));
		return -errno;
	}
	if (device->ifindex)
		vlans_forget(world, device->ifindex);
	if (trial_path(path, sizeof(path), world->bpffs, device->value.name))
		unlink(path);
	return 0;
}
