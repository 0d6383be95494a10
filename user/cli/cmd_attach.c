// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cap-ng.h>
#include <linux/capability.h>

#include "cli/cli.h"
#include "cli/device.h"
#include "cli/findings.h"
#include "common/log.h"
#include "common/netif.h"

#define TRIAL_MAX_SECONDS 86400

static const struct cli_option attach_options[] = {
    {'m', "mode", "native|skb", "XDP in the driver (default) or after it"},
    {0, "try", "SECONDS", "detach after that time, unless confirmed"},
    {0, "confirm", NULL, "of an attachment on trial: keep it"},
    {},
};

/* CAP_SYS_ADMIN stands for the first two, as before Linux 5.8. */
static bool capabilities_check(void)
{
	static const struct {
		unsigned int number;
		const char *name;
		bool sys_admin;
	} needed[] = {
	    {CAP_BPF, "CAP_BPF", true},
	    {CAP_PERFMON, "CAP_PERFMON", true},
	    {CAP_NET_ADMIN, "CAP_NET_ADMIN", false},
	};
	char missing[64] = "";
	bool admin;
	size_t i;

	if (capng_get_caps_process())
		return true; /* the kernel will tell */
	admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if ((needed[i].sys_admin && admin) ||
		    capng_have_capability(CAPNG_EFFECTIVE, needed[i].number))
			continue;
		if (*missing)
			strcat(missing, ", ");
		strcat(missing, needed[i].name);
	}
	if (*missing)
		hf_error("attach needs %s: run it as root, or give it the "
			 "capability",
			 missing);
	return !*missing;
}

static int confirm(const struct cli *cli, const char *ifname)
{
	int lock = hf_world_lock(cli->bpffs), err;

	if (lock < 0)
		return CLI_FAILED;
	err = trial_confirm(cli->bpffs, ifname);
	close(lock);
	if (!err)
		return CLI_OK;
	if (err == -ENOENT)
		hf_error("%s is not attached on trial: never was, was "
			 "confirmed, or the time is over",
			 ifname);
	else
		hf_error("cannot confirm %s: %s", ifname, strerror(-err));
	return CLI_FAILED;
}

/* False: something refuses. */
static bool findings_tell(const struct findings *f, const char *ifname)
{
	bool go_on = true;
	int i;

	for (i = 0; i < f->count; i++) {
		switch (f->list[i].level) {
		case FINDING_NOTE:
			hf_info("%s: %s", ifname, f->list[i].text);
			break;
		case FINDING_WARN:
			hf_warn("%s: warning: %s", ifname, f->list[i].text);
			break;
		case FINDING_REFUSE:
			hf_error("%s: %s", ifname, f->list[i].text);
			go_on = false;
		}
	}
	return go_on;
}

static int attach(const struct cli *cli, const char *ifname,
		  enum hf_xdp_mode mode, long seconds)
{
	struct findings findings = {};
	struct hf_netif netif;
	int result;

	if (!capabilities_check())
		return CLI_FAILED;
	if (hf_netif_read(ifname, 0, &netif)) {
		hf_error(
		    "%s: no such interface in this network namespace", ifname);
		return CLI_FAILED;
	}
	if (device_check_free(cli, &netif))
		return CLI_FAILED;
	findings_device(&findings, &netif, mode);
	findings_firewall(&findings);
	if (!findings_tell(&findings, ifname))
		return CLI_FAILED;
	result = device_attach(cli, &netif, mode);
	if (result || !seconds)
		return result;
	if (trial_begin(cli, netif.name, seconds)) {
		device_detach(cli, netif.name, -1);
		return CLI_FAILED;
	}
	hf_info("%s: on trial for %ld s; keep it: handfast attach %s --confirm",
		ifname, seconds, ifname);
	return CLI_OK;
}

static int attach_run(struct cli *cli)
{
	const char *mode_name = cli_value(cli, "mode");
	const char *trial = cli_value(cli, "try");
	enum hf_xdp_mode mode = HF_XDP_NATIVE;
	long seconds = 0;

	if (mode_name && !strcmp(mode_name, "skb")) {
		mode = HF_XDP_SKB;
	} else if (mode_name && strcmp(mode_name, "native")) {
		hf_error("unknown mode '%s': native or skb", mode_name);
		return CLI_USAGE;
	}
	if (trial && !cli_number(trial, 1, TRIAL_MAX_SECONDS, &seconds)) {
		hf_error("--try: '%s' is not a number of seconds from 1 to %d",
			 trial, TRIAL_MAX_SECONDS);
		return CLI_USAGE;
	}
	if (!cli_value(cli, "confirm"))
		return attach(cli, cli->operands[0], mode, seconds);
	if (mode_name || trial) {
		hf_error("--confirm takes no other option of attach");
		return CLI_USAGE;
	}
	return confirm(cli, cli->operands[0]);
}

const struct cli_command cli_attach = {
    .name = "attach",
    .operands = "IFACE",
    .summary = "answer SYNs on an interface",
    .options = attach_options,
    .operands_min = 1,
    .operands_max = 1,
    .run = attach_run,
};
