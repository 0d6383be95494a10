// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/btf.h>
#include <cap-ng.h>

#include "common/log.h"
#include "common/world.h"
#include "deliver.skel.h"
#include "handfast.skel.h"

#define LOCK_DIR "/run/lock"

static const char *const map_names[] = {
#define X(name) #name,
    HF_MAPS(X)
#undef X
};

#define MAP_COUNT (sizeof(map_names) / sizeof(map_names[0]))

static int *map_fd(struct hf_maps *maps, size_t i)
{
	return (int *)maps + i;
}

__u64 hf_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000000000ULL + (__u64)ts.tv_nsec;
}

/* ----------------------------------------------------------------- locks */

/*
 * Locks stand beside the pins, not on them: bpffs has no flock. Their name is
 * the directory's path, so both ends have to spell it alike; the default and
 * what units and tests pass are absolute.
 */
static int lock_open(const char *bpffs, const char *kind)
{
	char path[HF_WORLD_PATH_MAX + 64];
	char name[HF_WORLD_PATH_MAX];
	int fd, n;

	snprintf(name, sizeof(name), "%s", bpffs);
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '-';
	n = snprintf(path, sizeof(path), LOCK_DIR "/handfast%s.%s", name, kind);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EACCES)
		return -errno;
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int hf_world_lock(const char *bpffs)
{
	int fd = lock_open(bpffs, "world");

	if (fd < 0) {
		hf_error(
		    "cannot open the lock in " LOCK_DIR ": %s", strerror(-fd));
		return fd;
	}
	if (flock(fd, LOCK_EX)) {
		int err = -errno;

		hf_error(
		    "cannot lock the world of %s: %s", bpffs, strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

static int lock_read_pid(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? atoi(text) : 0;
}

int hf_world_daemon_lock(const char *bpffs, int *pid)
{
	int fd = lock_open(bpffs, "daemon");
	char text[32];
	int err;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		*pid = lock_read_pid(fd);
		close(fd);
		return err;
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int hf_world_daemon_pid(const char *bpffs)
{
	int fd = lock_open(bpffs, "daemon");
	int pid = 0;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
		pid = lock_read_pid(fd);
	close(fd);
	return pid;
}

/* ------------------------------------------------------------------ open */

static void explain_eperm(enum hf_world_programs programs)
{
	static const struct {
		unsigned int cap;
		const char *name;
		const char *why;
	} needs[] = {
	    {CAP_BPF, "CAP_BPF", "to create and open BPF maps"},
	    {CAP_NET_ADMIN, "CAP_NET_ADMIN", "to load network programs"},
	    {CAP_PERFMON, "CAP_PERFMON", "to load the XDP program"},
	};

	capng_get_caps_process();
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (needs[i].cap == CAP_PERFMON && programs != HF_WORLD_XDP)
			continue;
		if (!capng_have_capability(CAPNG_EFFECTIVE, needs[i].cap))
			hf_error("needs %s: %s (run it as root)", needs[i].name,
				 needs[i].why);
	}
}

/* Makes the directory of the pins; it has to lie on a BPF file system. */
static int bpffs_prepare(const char *bpffs)
{
	struct statfs fs;

	if (mkdir(bpffs, 0755) && errno != EEXIST) {
		int err = -errno;

		hf_error("cannot create %s: %s%s", bpffs, strerror(-err),
			 err == -ENOENT
			     ? " (mount -t bpf bpf /sys/fs/bpf first?)"
			     : "");
		return err;
	}
	if (statfs(bpffs, &fs))
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC) {
		hf_error("%s is not on a BPF file system: mount one with "
			 "'mount -t bpf bpf /sys/fs/bpf', or pass --bpffs",
			 bpffs);
		rmdir(bpffs);
		return -ENODEV;
	}
	return 0;
}

/* 0 where there are no pins yet; -EPROTO for those of another version. */
static int abi_check(const char *bpffs)
{
	char path[HF_WORLD_PATH_MAX + 32];
	struct bpf_map_info info = {};
	struct hf_config config;
	__u32 zero = 0, len = sizeof(info);
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/config", bpffs);
	fd = bpf_obj_get(path);
	if (fd == -ENOENT || (fd < 0 && errno == ENOENT))
		return 0;
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    info.value_size != sizeof(config) ||
	    bpf_map_lookup_elem(fd, &zero, &config))
		err = -EPROTO;
	/* 0: created by a process that died before it wrote the version. */
	else if (config.abi_version && config.abi_version != HF_ABI_VERSION)
		err = -EPROTO;
	close(fd);
	if (err)
		hf_error("the maps pinned in %s are of another version of "
			 "handfast: detach with that version, stop its "
			 "daemon, then remove the directory",
			 bpffs);
	return err;
}

static int maps_set_pins(struct hf_world *world)
{
	for (size_t i = 0; i < MAP_COUNT; i++) {
		char path[HF_WORLD_PATH_MAX + 32];
		struct bpf_map *map = bpf_object__find_map_by_name(
		    world->skel->obj, map_names[i]);
		int err;

		if (!map)
			return -ENOENT;
		snprintf(
		    path, sizeof(path), "%s/%s", world->bpffs, map_names[i]);
		err = bpf_map__set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

static void programs_choose(struct handfast_bpf *skel,
			    enum hf_world_programs programs)
{
	bool xdp = programs == HF_WORLD_XDP;

	bpf_program__set_autoload(skel->progs.handfast_xdp, xdp);
	bpf_program__set_autoload(skel->progs.request_ops, !xdp);
	bpf_program__set_autoload(skel->progs.inject, !xdp);
	if (xdp) {
		/* The daemon's own maps: no need for the memory here. */
		bpf_map__set_autocreate(skel->maps.request_batches, false);
		bpf_map__set_autocreate(skel->maps.inject_targets, false);
	}
}

/* Fresh maps get what they cannot be without: version, limits, secrets. */
static int world_fill(struct hf_world *world)
{
	struct hf_config config;
	struct hf_keys keys;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(world->maps.config, &zero, &config))
		return -errno;
	if (config.abi_version == HF_ABI_VERSION)
		return 0;
	if (getrandom(&keys, sizeof(keys), 0) != sizeof(keys))
		return -EIO;
	keys.epoch = 0;
	keys.pad = 0;
	memset(&config, 0, sizeof(config));
	config.half_open_max = HF_HALF_OPEN_MAX;
	config.key_epoch_ns = 60ULL * 1000000000ULL;
	config.timestamps = config.sack = config.window_scaling = 1;
	config.abi_version = HF_ABI_VERSION;
	if (bpf_map_update_elem(world->maps.keys, &zero, &keys, BPF_ANY) ||
	    bpf_map_update_elem(world->maps.config, &zero, &config, BPF_ANY))
		return -errno;
	return 0;
}

int hf_kernel_has(const char *function)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int has;

	if (!btf)
		return -errno;
	has = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) > 0;
	btf__free(btf);
	return has;
}

/* `deliver` has no maps of its own. */
static int deliver_load(struct hf_world *world)
{
	struct bpf_map *map;
	int err = 0;

	if (hf_kernel_has("bpf_sk_assign_tcp_reqsk") != 1)
		return 0;
	world->deliver = deliver_bpf__open();
	if (!world->deliver)
		return -errno;
	bpf_object__for_each_map(map, world->deliver->obj)
	{
		const struct bpf_map *same = bpf_object__find_map_by_name(
		    world->skel->obj, bpf_map__name(map));

		if (!err)
			err = same ? bpf_map__reuse_fd(map, bpf_map__fd(same))
				   : -ENOENT;
	}
	return err ? err : deliver_bpf__load(world->deliver);
}

static int world_load(struct hf_world *world, enum hf_world_programs programs)
{
	int err;

	world->skel = handfast_bpf__open();
	if (!world->skel)
		return -errno;
	programs_choose(world->skel, programs);
	err = maps_set_pins(world);
	if (!err)
		err = handfast_bpf__load(world->skel);
	if (!err && programs == HF_WORLD_DAEMON)
		err = deliver_load(world);
	if (err)
		return err;
	for (size_t i = 0; i < MAP_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(
		    world->skel->obj, map_names[i]);

		*map_fd(&world->maps, i) = bpf_map__fd(map);
	}
	return world_fill(world);
}

static int print_nothing(enum libbpf_print_level level, const char *format,
			 va_list args)
{
	if (hf_log_level() >= HF_LOG_DEBUG)
		return vfprintf(stderr, format, args);
	(void)level;
	return 0;
}

int hf_world_open(struct hf_world *world, const char *bpffs,
		  enum hf_world_programs programs)
{
	int lock, err;

	memset(world, 0, sizeof(*world));
	libbpf_set_print(print_nothing);
	if (snprintf(world->bpffs, sizeof(world->bpffs), "%s", bpffs) >=
	    (int)sizeof(world->bpffs))
		return -ENAMETOOLONG;
	lock = hf_world_lock(bpffs);
	if (lock < 0)
		return lock;
	err = bpffs_prepare(bpffs);
	if (!err)
		err = abi_check(bpffs);
	if (!err) {
		err = world_load(world, programs);
		if (err)
			hf_error("cannot create the maps in %s or load the "
				 "programs: %s",
				 bpffs, strerror(-err));
	}
	if (err == -EPERM || err == -EACCES)
		explain_eperm(programs);
	if (err)
		hf_world_close(world);
	close(lock);
	return err;
}

int hf_world_open_readonly(struct hf_world *world, const char *bpffs,
			   bool quiet)
{
	int err = 0;

	memset(world, 0, sizeof(*world));
	libbpf_set_print(print_nothing);
	for (size_t i = 0; i < MAP_COUNT; i++)
		*map_fd(&world->maps, i) = -1;
	if (snprintf(world->bpffs, sizeof(world->bpffs), "%s", bpffs) >=
	    (int)sizeof(world->bpffs))
		return -ENAMETOOLONG;
	for (size_t i = 0; i < MAP_COUNT && !err; i++) {
		char path[HF_WORLD_PATH_MAX + 32];
		int fd;

		/* Secrets are not for looking at. */
		if (!strcmp(map_names[i], "keys"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", bpffs, map_names[i]);
		fd = bpf_obj_get(path);
		if (fd < 0)
			err = -errno;
		else
			*map_fd(&world->maps, i) = fd;
	}
	if (!err)
		return 0;
	hf_world_close(world);
	if (quiet)
		return err;
	if (err == -ENOENT)
		hf_error("no handfast in %s: neither 'handfast attach' nor "
			 "handfastd ran here (or pass --bpffs)",
			 bpffs);
	else
		hf_error("cannot open the maps in %s: %s%s", bpffs,
			 strerror(-err),
			 err == -EPERM || err == -EACCES
			     ? " (needs CAP_BPF and access to the pins)"
			     : "");
	return err;
}

void hf_world_close(struct hf_world *world)
{
	if (world->deliver)
		deliver_bpf__destroy(world->deliver);
	world->deliver = NULL;
	if (world->skel) {
		handfast_bpf__destroy(world->skel);
		world->skel = NULL;
		return;
	}
	for (size_t i = 0; i < MAP_COUNT; i++) {
		int *fd = map_fd(&world->maps, i);

		if (*fd > 0)
			close(*fd);
		*fd = -1;
	}
}

int hf_world_remove(const char *bpffs)
{
	char path[HF_WORLD_PATH_MAX + 32];
	int err = 0;

	for (size_t i = 0; i < MAP_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/%s", bpffs, map_names[i]);
		if (unlink(path) && errno != ENOENT && !err)
			err = -errno;
	}
	if (rmdir(bpffs) && errno != ENOENT && !err)
		err = -errno;
	return err;
}

int hf_percpu_sum(int fd, __u32 key, __u64 *out, size_t n)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus * n, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, values)) {
		err = -errno;
	} else {
		memset(out, 0, n * sizeof(*out));
		for (size_t i = 0; i < (size_t)cpus * n; i++)
			out[i % n] += values[i];
	}
	free(values);
	return err;
}
