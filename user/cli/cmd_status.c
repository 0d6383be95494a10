// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/status.h"
#include "common/log.h"
#include "common/text.h"

static const struct cli_option status_options[] = {{}};

/* ------------------------------------------------------------------ JSON */

static json_t *queues_json(const struct status *s, const struct hf_device *d)
{
	json_t *queues = json_array();
	__u32 queue, slot;

	for (queue = 0; queue < d->queues && queue < HF_XSKS_MAX; queue++) {
		slot = d->first_xsk + queue;
		json_array_append_new(
		    queues, cli_pack("{s:i, s:o}", "queue", queue, "ring",
				     !s->rings_known || slot >= HF_XSKS_MAX
					 ? json_null()
					 : json_boolean(s->rings[slot])));
	}
	return queues;
}

static json_t *device_json(const struct cli *cli, const struct status *s,
			   const struct device *device)
{
	const struct hf_device *d = &device->value;
	char mac[18], name[CLI_TEXT_MAX];

	cli_printable(name, sizeof(name), d->name, sizeof(d->name));
	return cli_pack(
	    "{s:s, s:I, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, "
	    "s:I, s:I, s:I, s:I, s:o}",
	    "name", name, "ifindex", (json_int_t)device->ifindex, "mode",
	    hf_text_xdp_mode(d->mode), "attached", device->alive, "trial",
	    trial_runs(cli->bpffs, d->name), "lower", (json_int_t)d->lower,
	    "mtu", (json_int_t)d->mtu, "mss4", (json_int_t)d->mss4, "mss6",
	    (json_int_t)d->mss6, "ttl", (json_int_t)d->ttl, "hop_limit",
	    (json_int_t)d->hop_limit, "mac",
	    hf_text_mac(mac, sizeof(mac), d->mac), "prog_id",
	    (json_int_t)device->prog_id, "first_xsk", (json_int_t)d->first_xsk,
	    "zerocopy_rings", (json_int_t)d->zerocopy_rings, "deliver_ifindex",
	    (json_int_t)d->deliver_ifindex, "queues", queues_json(s, d));
}

static json_t *sysctls_json(const struct hf_config *c)
{
	/* The daemon reads them: none has run yet. */
	if (!c->daemon_pid)
		return json_null();
	return cli_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}",
			"tcp_timestamps", c->timestamps, "tcp_sack", c->sack,
			"tcp_window_scaling", c->window_scaling,
			"tcp_synack_retries", c->synack_retries,
			"tcp_max_syn_backlog", c->max_syn_backlog, "somaxconn",
			c->somaxconn, "tcp_abort_on_overflow",
			c->abort_on_overflow, "tcp_invalid_ratelimit",
			c->invalid_ratelimit, "tcp_syncookies", c->syncookies,
			"auto_flowlabels", c->auto_flowlabels);
}

static void status_json(const struct cli *cli, const struct status *s)
{
	const struct hf_config *c = &s->config;
	json_t *devices = json_array(), *problems = json_array();
	size_t i;

	for (i = 0; i < s->devices.count; i++)
		json_array_append_new(
		    devices, device_json(cli, s, &s->devices.list[i]));
	for (i = 0; i < (size_t)s->problem_count; i++)
		json_array_append_new(problems, cli_pack("s", s->problems[i]));
	cli_json_print(
	    cli,
	    cli_pack("{s:b, s:o, s:s, s:I, s:{s:b, s:o}, s:o, s:{s:I, "
		     "s:I}, s:I, s:b, s:{s:b, s:I}, s:f, s:I, s:o}",
		     "healthy", !s->problem_count, "problems", problems,
		     "bpffs", cli->bpffs, "abi_version",
		     (json_int_t)c->abi_version, "daemon", "running",
		     s->daemon_pid != 0, "pid",
		     s->daemon_pid ? json_integer(s->daemon_pid) : json_null(),
		     "devices", devices, "half_open", "used",
		     (json_int_t)s->fills.half_open, "max",
		     (json_int_t)c->half_open_max, "acked",
		     (json_int_t)s->fills.acked, "paused", c->paused, "guard",
		     "on", s->guard_on, "rate", (json_int_t)c->guard_rate,
		     "key_epoch", c->key_epoch_ns / 1e9, "synack_budget",
		     (json_int_t)c->synack_budget, "sysctls", sysctls_json(c)));
}

/* ------------------------------------------------------------------ text */

static void rings_print(const struct status *s, const struct hf_device *d)
{
	__u32 rings = status_rings(s, d);

	if (!s->rings_known)
		printf("rings unknown (needs CAP_BPF and CAP_NET_ADMIN)");
	else if (!rings)
		printf("none with a ring");
	else if (!d->zerocopy_rings)
		printf("%u with a ring (copy)", rings);
	else if (d->zerocopy_rings >= d->queues)
		printf("%u with a ring (zero-copy)", rings);
	else
		printf("%u with a ring (%u of %u zero-copy)", rings,
		       d->zerocopy_rings, d->queues);
}

static void device_print(const struct cli *cli, const struct status *s,
			 const struct device *device)
{
	const struct hf_device *d = &device->value;
	char mac[18], name[CLI_TEXT_MAX];

	cli_printable(name, sizeof(name), d->name, sizeof(d->name));
	if (d->lower) {
		printf("  vlan      %s: above interface %u, mtu %u\n", name,
		       d->lower, d->mtu);
		return;
	}
	printf("interface   %s: %s, %u queue%s, ", name,
	       device->alive ? hf_text_xdp_mode(d->mode) : "gone", d->queues,
	       d->queues == 1 ? "" : "s");
	rings_print(s, d);
	printf("%s\n", trial_runs(cli->bpffs, d->name) ? ", on trial" : "");
	printf("            mtu %u, mss %u/%u, ttl %u, hop limit %u, mac %s\n",
	       d->mtu, d->mss4, d->mss6, d->ttl, d->hop_limit,
	       hf_text_mac(mac, sizeof(mac), d->mac));
	if (d->deliver_ifindex)
		printf("            delivery kernel by way of interface %u\n",
		       d->deliver_ifindex);
}

static void sysctls_print(const struct hf_config *c)
{
	if (!c->daemon_pid) {
		printf("sysctls     not read yet: handfastd does when it "
		       "starts\n");
		return;
	}
	printf("sysctls     tcp_timestamps %u, tcp_sack %u, "
	       "tcp_window_scaling %u\n"
	       "            tcp_synack_retries %u, tcp_max_syn_backlog %u, "
	       "somaxconn %u\n"
	       "            tcp_abort_on_overflow %u, tcp_invalid_ratelimit "
	       "%u ms\n"
	       "            tcp_syncookies %u, auto_flowlabels %u\n",
	       c->timestamps, c->sack, c->window_scaling, c->synack_retries,
	       c->max_syn_backlog, c->somaxconn, c->abort_on_overflow,
	       c->invalid_ratelimit, c->syncookies, c->auto_flowlabels);
}

static void status_print(const struct cli *cli, const struct status *s)
{
	const struct hf_config *c = &s->config;
	char epoch[HF_TEXT_DURATION_MAX];
	size_t i;

	if (s->daemon_pid)
		printf("daemon      runs, pid %d\n", s->daemon_pid);
	else
		printf("daemon      does not run\n");
	if (!devices_attached(&s->devices))
		printf("interface   none attached\n");
	for (i = 0; i < s->devices.count; i++)
		device_print(cli, s, &s->devices.list[i]);
	printf("half-open   %u of %u\n", s->fills.half_open, c->half_open_max);
	printf("acked       %u\n", s->fills.acked);
	printf("paused      %s\n", c->paused ? "yes" : "no");
	printf("ack guard   %s, from %u unknown segments a second and CPU\n",
	       s->guard_on ? "on" : "off", c->guard_rate);
	printf("key epoch   %s\n",
	       hf_text_duration(epoch, sizeof(epoch), c->key_epoch_ns));
	sysctls_print(c);
	printf("health      %s\n", s->problem_count ? "NOT HEALTHY" : "ok");
	for (i = 0; i < (size_t)s->problem_count; i++)
		printf("            %s\n", s->problems[i]);
}

/* Neither attached nor with a daemon: there is nothing to look at. */
static int nothing_there(const struct cli *cli)
{
	if (cli->json)
		cli_json_print(
		    cli, cli_pack("{s:b, s:[s], s:s, s:{s:b, s:n}, s:[]}",
				  "healthy", 0, "problems",
				  "nothing is attached, and no daemon "
				  "runs",
				  "bpffs", cli->bpffs, "daemon", "running", 0,
				  "pid", "devices"));
	else
		hf_error("nothing is attached, and no handfastd runs, with "
			 "pins in %s",
			 cli->bpffs);
	return CLI_FAILED;
}

static int status_run(struct cli *cli)
{
	struct hf_world world;
	struct status status;
	int err;

	err = cli_world_look(cli, &world);
	if (err == -ENOENT)
		return nothing_there(cli);
	if (err)
		return CLI_FAILED;
	err = status_read(&status, &world);
	if (!err && cli->json)
		status_json(cli, &status);
	else if (!err)
		status_print(cli, &status);
	if (!err && status.problem_count)
		err = -EIO;
	status_free(&status);
	hf_world_close(&world);
	return err ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_status = {
    .name = "status",
    .operands = "",
    .summary = "daemon, interfaces, fills, health (exit code 1: not "
	       "healthy)",
    .options = status_options,
    .run = status_run,
};
