// SPDX-License-Identifier: BSD-2-Clause
#include "cli/cli.h"
#include "cli/device.h"

static const struct cli_option detach_options[] = {{}};

static int detach_run(struct cli *cli)
{
	return device_detach(cli, cli->operands[0], -1);
}

const struct cli_command cli_detach = {
    .name = "detach",
    .operands = "IFACE",
    .summary = "leave an interface to the kernel again",
    .options = detach_options,
    .operands_min = 1,
    .operands_max = 1,
    .run = detach_run,
};
