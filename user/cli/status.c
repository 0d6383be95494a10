// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cli/cli.h"
#include "cli/rings.h"
#include "cli/status.h"
#include "common/log.h"

static void __attribute__((format(printf, 2, 3)))
problem(struct status *s, const char *format, ...)
{
	char text[PROBLEM_MAX];
	va_list args;

	if (s->problem_count == PROBLEMS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cli_printable(
	    s->problems[s->problem_count++], PROBLEM_MAX, text, sizeof(text));
}

static int one_read(const struct hf_world *world, int map_fd, const char *name,
		    void *value)
{
	__u32 zero = 0;

	if (!bpf_map_lookup_elem(map_fd, &zero, value))
		return 0;
	hf_error("cannot read %s/%s: %s", world->bpffs, name, strerror(errno));
	return -errno;
}

static int guard_read(struct status *s, const struct hf_world *world)
{
	int cpu, cpus = libbpf_num_possible_cpus(), err;
	struct hf_guard *guard;
	__u64 now = hf_now_ns();

	if (cpus < 0)
		return cpus;
	guard = calloc(cpus, sizeof(*guard));
	if (!guard)
		return -ENOMEM;
	err = one_read(world, world->maps.guard, "guard", guard);
	for (cpu = 0; !err && cpu < cpus; cpu++)
		s->guard_on |= guard[cpu].until_ns > now;
	free(guard);
	return err;
}

__u32 status_rings(const struct status *s, const struct hf_device *d)
{
	__u32 queue, n = 0;

	for (queue = 0; queue < d->queues && d->first_xsk < HF_XSKS_MAX &&
			queue < HF_XSKS_MAX - d->first_xsk;
	     queue++)
		n += s->rings[d->first_xsk + queue];
	return n;
}

static void rings_read(struct status *s, const struct hf_world *world)
{
	struct rings *rings = rings_open(world->maps.xsks);
	const struct hf_device *d;
	__u32 slot;
	size_t i;

	s->rings_known = rings != NULL;
	for (i = 0; rings && i < s->devices.count; i++) {
		d = &s->devices.list[i].value;
		if (d->lower)
			continue;
		for (slot = d->first_xsk;
		     slot < HF_XSKS_MAX && slot - d->first_xsk < d->queues;
		     slot++)
			s->rings[slot] = rings_present(rings, slot);
	}
	rings_close(rings);
}

static void device_judge(struct status *s, const struct device *device)
{
	const struct hf_device *d = &device->value;

	if (d->lower)
		return;
	if (!device->alive) {
		problem(s,
			"%s: the interface or its link is gone; 'handfast "
			"detach %s' cleans up",
			d->name, d->name);
		return;
	}
	if (!device->listed)
		problem(s,
			"%s: attached, but not in the map devices: detach it "
			"and attach it again",
			d->name);
	else if (s->daemon_pid && s->rings_known &&
		 status_rings(s, d) < d->queues)
		problem(s,
			"%s: %u of %u queues have no ring, their SYNs go to "
			"the kernel: it has just started, or see its log",
			d->name, d->queues - status_rings(s, d), d->queues);
}

static void judge(struct status *s)
{
	size_t i;

	if (!s->daemon_pid)
		problem(s, "no handfastd runs: SYNs go to the kernel's "
			   "listeners");
	if (s->config.paused)
		problem(s, "the daemon is short of descriptors: SYNs are not "
			   "answered");
	for (i = 0; i < s->devices.count; i++)
		device_judge(s, &s->devices.list[i]);
}

int status_read(struct status *s, const struct hf_world *world)
{
	int err;

	memset(s, 0, sizeof(*s));
	err = one_read(world, world->maps.config, "config", &s->config);
	if (!err)
		err = one_read(world, world->maps.fills, "fills", &s->fills);
	if (!err)
		err = guard_read(s, world);
	if (!err)
		err = devices_read(&s->devices, world);
	if (err)
		return err;
	s->daemon_pid = hf_world_daemon_pid(world->bpffs);
	rings_read(s, world);
	judge(s);
	return 0;
}

void status_free(struct status *s)
{
	devices_free(&s->devices);
}
