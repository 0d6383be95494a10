/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world: one network namespace and one directory of pins. `attach` and
 * the daemon open it alike; whoever comes first creates it.
 */
#ifndef HF_WORLD_H
#define HF_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "handfast/abi.h"

struct handfast_bpf; /* the skeleton, build/handfast.skel.h */
struct deliver_bpf;  /* and build/deliver.skel.h */

#define HF_WORLD_PATH_MAX 256

/* Descriptors of the pinned maps, -1 where not opened. */
struct hf_maps {
#define HF_MAPS(X)                                                             \
	X(config)                                                              \
	X(keys)                                                                \
	X(devices)                                                             \
	X(vlans)                                                               \
	X(xsks)                                                                \
	X(local_addrs)                                                         \
	X(port_table)                                                          \
	X(listen_hash)                                                         \
	X(listen_table)                                                        \
	X(reuseport_groups)                                                    \
	X(listener_stats)                                                      \
	X(syn_table)                                                           \
	X(syn_filter)                                                          \
	X(fills)                                                               \
	X(guard)                                                               \
	X(stats)                                                               \
	X(daemon_stats)
#define X(name) int name;
	HF_MAPS(X)
#undef X
};

struct hf_world {
	char bpffs[HF_WORLD_PATH_MAX]; /* directory of the pins */
	struct hf_maps maps;
	struct handfast_bpf *skel; /* NULL after hf_world_open_readonly() */
	/* The daemon's, where the kernel takes complete requests
	 * (bpf_sk_assign_tcp_reqsk(), Linux 6.9), else NULL. */
	struct deliver_bpf *deliver;
};

/* Which programs hf_world_open() loads. */
enum hf_world_programs {
	HF_WORLD_XDP = 1,    /* `attach`: the XDP program */
	HF_WORLD_DAEMON = 2, /* the daemon: request_ops, inject, deliver */
};

/*
 * hf_world_open - create or reuse all maps, load programs.
 *
 * Takes the world's lock (flock on a file under /run/lock named after the
 * directory's device and inode) while it works. Returns 0 or a negative
 * errno, logged: -EPROTO for pins of another ABI version, -EPERM with the
 * missing capability's name, -ENODEV where bpffs is not a bpf file system.
 * On success hf_world_close() releases all but the pins.
 */
int hf_world_open(struct hf_world *world, const char *bpffs,
		  enum hf_world_programs programs);

/*
 * hf_world_open_readonly - open the pinned maps to look at them.
 *
 * Needs no daemon. Returns 0 or a negative errno, logged unless `quiet`:
 * -ENOENT: there is no world at this place.
 */
int hf_world_open_readonly(struct hf_world *world, const char *bpffs,
			   bool quiet);

void hf_world_close(struct hf_world *world);

/* Removes all pins and the directory. 0 or a negative errno. */
int hf_world_remove(const char *bpffs);

/*
 * The lock that makes `attach`, `detach` and the daemon's start one at a
 * time. Returns a descriptor to close, or a negative errno.
 */
int hf_world_lock(const char *bpffs);

/*
 * The daemon's lock, held for its life: returns a descriptor, or -EBUSY and
 * in *pid the process that holds it.
 */
int hf_world_daemon_lock(const char *bpffs, int *pid);

/* Pid of the daemon that serves this world, 0 if none lives. */
int hf_world_daemon_pid(const char *bpffs);

/* Sums a per-CPU value made of __u64 over all CPUs: `out` gets n of them. */
int hf_percpu_sum(int map_fd, __u32 key, __u64 *out, size_t n);

/* Whether the kernel has this function: 1, 0, or -errno: it has no BTF. */
int hf_kernel_has(const char *function);

/* CLOCK_MONOTONIC, as bpf_ktime_get_ns(). */
__u64 hf_now_ns(void);

#endif
