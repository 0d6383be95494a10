// SPDX-License-Identifier: BSD-2-Clause
/* Opening a world: to look at it, and under its lock to change it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "common/log.h"
#include "common/world.h"

/* Values of another version would not fit in our variables. */
static int version_check(const struct hf_world *world)
{
	__u32 zero = 0, len = sizeof(struct bpf_map_info);
	struct bpf_map_info info = {};
	struct hf_config config;
	int fd = world->maps.config;

	/* 0: just being created. */
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
	    info.value_size == sizeof(config) &&
	    !bpf_map_lookup_elem(fd, &zero, &config) &&
	    (!config.abi_version || config.abi_version == HF_ABI_VERSION))
		return 0;
	hf_error("the maps in %s are of another version of handfast than this "
		 "program: use that one's",
		 world->bpffs);
	return -EPROTO;
}

int cli_world_look(const struct cli *cli, struct hf_world *world)
{
	int err = hf_world_open_readonly(world, cli->bpffs, true);

	if (err == -ENOENT)
		return err;
	if (err)
		err = hf_world_open_readonly(world, cli->bpffs, false);
	if (err)
		return err;
	err = version_check(world);
	if (err)
		hf_world_close(world);
	return err;
}

bool cli_world_open(const struct cli *cli, struct hf_world *world)
{
	int err = cli_world_look(cli, world);

	if (err == -ENOENT)
		hf_error("nothing is attached, and no handfastd runs, with "
			 "pins in %s",
			 cli->bpffs);
	return !err;
}

static __u32 map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* Are these maps still the pinned ones? */
static bool still_pinned(const struct hf_world *world)
{
	char path[HF_WORLD_PATH_MAX + 32];
	bool same;
	int fd;

	snprintf(path, sizeof(path), "%s/config", world->bpffs);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	same = map_id(fd) && map_id(fd) == map_id(world->maps.config);
	close(fd);
	return same;
}

/*
 * hf_world_open() has a use of the lock for itself, and lets it go: whoever
 * comes in between may remove what was just opened.
 */
#define OPEN_TRIES 8

int cli_world_create(const struct cli *cli, struct hf_world *world)
{
	int lock, err, i;

	for (i = 0; i < OPEN_TRIES; i++) {
		err = hf_world_open(world, cli->bpffs, HF_WORLD_XDP);
		if (err)
			return err;
		lock = hf_world_lock(cli->bpffs);
		if (lock >= 0 && still_pinned(world))
			return lock;
		hf_world_close(world);
		if (lock < 0)
			return lock;
		close(lock);
	}
	hf_error("the pins in %s keep being removed by others", cli->bpffs);
	return -EBUSY;
}
