/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attached interfaces: what the `devices` map and the pinned links tell
 * together, and how both are made and removed.
 */
#ifndef HF_CLI_DEVICE_H
#define HF_CLI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/world.h"

struct cli;
struct hf_netif;

/* NAME_MAX and NUL: also for files that others put there. */
#define DEVICE_PIN_MAX 256

struct device {
	__u32 ifindex;          /* key of its entry, or of the link; 0: gone */
	struct hf_device value; /* zero where not listed */
	bool listed;            /* has an entry in `devices` */
	bool alive;             /* its link is on an interface */
	char pin[DEVICE_PIN_MAX]; /* the link's pin; "": none */
	__u32 prog_id;            /* the XDP program of the link */
};

struct devices {
	size_t count;
	struct device *list;
};

/*
 * devices_read - everything listed or pinned, VLAN devices of the daemon
 * (value.lower set) too. 0 or a negative errno, logged.
 */
int devices_read(struct devices *devices, const struct hf_world *world);
void devices_free(struct devices *devices);

/* An interface that was attached (no VLAN device), by name: by what it is
 * called in `devices`, or by its index now. NULL: not there. */
struct device *devices_find(const struct devices *devices, const char *ifname);

/* How many were attached: without the daemon's VLAN devices. */
size_t devices_attached(const struct devices *devices);

/* DIR/link_IFNAME. bpffs has no dots in names and an interface no colons, so
 * a dot becomes a colon. False: too long. */
bool device_pin_path(char *buf, size_t size, const char *bpffs,
		     const char *ifname);

/* 0, or -EBUSY, logged: it has an XDP program, ours or another's. */
int device_check_free(const struct cli *cli, const struct hf_netif *netif);

/* Attaches and pins. Returns enum cli_exit; all errors are logged, and
 * nothing stays behind. */
int device_attach(const struct cli *cli, const struct hf_netif *netif,
		  enum hf_xdp_mode mode);

/* Detaches; trial_fd: -1, or a file whose removal means that it is to stay
 * attached. Returns enum cli_exit, errors are logged. */
int device_detach(const struct cli *cli, const char *ifname, int trial_fd);

/* Removes entry, VLAN devices above it, link and pin. 0 or -errno. */
int device_forget(const struct hf_world *world, const struct device *device);

/*
 * device_daemon_tell - HF_CTL_ATTACHED or HF_CTL_DETACH, and wait.
 * 0: done. -ESRCH: no daemon runs. Else a negative errno, logged.
 */
int device_daemon_tell(const struct cli *cli, int type, __u32 ifindex,
		       const char *ifname);

/* --------------------------------------------------------------- trials */

/* Path of the file that exists as long as an attachment is on trial. */
bool trial_path(char *buf, size_t size, const char *bpffs, const char *ifname);
bool trial_runs(const char *bpffs, const char *ifname);
/* Ends a trial: its interface stays attached. -ENOENT: there is none. */
int trial_confirm(const char *bpffs, const char *ifname);
/* Makes a process that detaches after so many seconds, unless the trial ends
 * before. 0 or a negative errno, logged. */
int trial_begin(const struct cli *cli, const char *ifname, long seconds);

#endif
