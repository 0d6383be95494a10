// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>
#include <string.h>

#include "cli/driver.h"

/*
 * From drivers/net of Linux 6.1: who has ndo_bpf with XDP_SETUP_PROG, and
 * XDP_SETUP_XSK_POOL; names as ETHTOOL_GDRVINFO gives them.
 */
static const struct driver drivers[] = {
    {.name = "veth"},
    {.name = "tun"},
    {.name = "virtio_net",
     .resets = true,
     .note = "as many free queue pairs as there are CPUs are needed, else "
	     "sending is slow; and the host's guest offloads off"},
    {.name = "ena", .half_queues = true, .resets = true},
    {.name = "mana", .resets = true},
    {.name = "hv_netvsc", .resets = true},
    {.name = "ixgbe", .zero_copy = true, .resets = true},
    {.name = "ixgbevf", .resets = true},
    {.name = "i40e", .zero_copy = true, .resets = true},
    {.name = "ice", .zero_copy = true, .resets = true},
    {.name = "igb", .resets = true},
    {.name = "igc", .zero_copy = true, .resets = true},
    {.name = "mlx4_en", .resets = true},
    {.name = "mlx5_core", .zero_copy = true, .resets = true},
    {.name = "bnxt_en",
     .resets = true,
     .note = "needs combined channels, and free transmit rings for XDP"},
    {.name = "nfp", .zero_copy = true, .resets = true},
    {.name = "qede", .resets = true},
    {.name = "sfc", .resets = true},
    {.name = "mvneta", .resets = true},
    {.name = "mvpp2", .resets = true},
    {.name = "fsl_dpaa2_eth", .resets = true},
    {.name = "fsl_enetc", .resets = true},
    {.name = "thunder-nicvf", .resets = true},
    {.name = "octeontx2-nicpf", .resets = true},
};

const struct driver *driver_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}
