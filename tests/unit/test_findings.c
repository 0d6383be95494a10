// SPDX-License-Identifier: BSD-2-Clause
/* What speaks against attaching, for interfaces that this machine lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/findings.h"

/* No interface has this index: nothing more is found out about it. */
static const struct hf_netif nic = {
    .ifindex = 0x7ffffff0,
    .name = "eth7",
    .driver = "ixgbe",
    .mac = {2, 0, 0, 0, 0, 1},
    .ethernet = true,
    .up = true,
    .mtu = 1500,
    .rx_queues = 4,
    .rx_queues_max = 8,
    .lower_nsid = -1,
};

/* The text of the finding about `about` at that level; "" without one. */
static const char *find(const struct hf_netif *n, enum hf_xdp_mode mode,
			enum finding_level level, const char *about)
{
	static struct findings f;
	int i;

	memset(&f, 0, sizeof(f));
	findings_device(&f, n, mode);
	for (i = 0; i < f.count; i++)
		if (f.list[i].level == level && !strcmp(f.list[i].about, about))
			return f.list[i].text;
	return "";
}

static int refusals(const struct hf_netif *n, enum hf_xdp_mode mode)
{
	struct findings f = {};
	int i, count = 0;

	findings_device(&f, n, mode);
	for (i = 0; i < f.count; i++)
		count += f.list[i].level == FINDING_REFUSE;
	return count;
}

static void plain_interface(void **state)
{
	(void)state;
	assert_int_equal(refusals(&nic, HF_XDP_NATIVE), 0);
	assert_int_equal(refusals(&nic, HF_XDP_SKB), 0);
	assert_non_null(strstr(find(&nic, HF_XDP_NATIVE, FINDING_NOTE, "link"),
			       "without traffic on eth7"));
}

static void lro_is_refused(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	n.lro.on = true;
	assert_non_null(strstr(find(&n, HF_XDP_NATIVE, FINDING_REFUSE, "lro"),
			       "ethtool -K eth7 lro off"));
	assert_int_equal(refusals(&n, HF_XDP_SKB), 1);
	n.lro.fixed = true;
	assert_null(
	    strstr(find(&n, HF_XDP_NATIVE, FINDING_REFUSE, "lro"), "ethtool"));
}

static void vlan_offload_is_refused_in_native_mode(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	n.rx_vlan.on = true;
	assert_non_null(strstr(find(&n, HF_XDP_NATIVE, FINDING_REFUSE, "vlan"),
			       "ethtool -K eth7 rxvlan off"));
	assert_int_equal(refusals(&n, HF_XDP_SKB), 0);
	assert_non_null(strstr(find(&n, HF_XDP_SKB, FINDING_WARN, "vlan"),
			       "ethtool -K eth7 rxvlan off"));
	n.rx_vlan.fixed = true;
	assert_non_null(
	    strstr(find(&n, HF_XDP_NATIVE, FINDING_REFUSE, "vlan"), "-m skb"));
}

/* Its flag is on by default, and means nothing. */
static void vlan_offload_of_a_veth(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	strcpy(n.kind, "veth");
	strcpy(n.driver, "veth");
	n.rx_vlan.on = true;
	assert_int_equal(refusals(&n, HF_XDP_NATIVE), 0);
	assert_string_equal(find(&n, HF_XDP_NATIVE, FINDING_WARN, "vlan"), "");
}

static void not_ethernet(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	n.ethernet = false;
	assert_int_equal(refusals(&n, HF_XDP_NATIVE), 1);
	assert_int_equal(refusals(&n, HF_XDP_SKB), 1);
}

static void queues(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	n.rx_queues = n.rx_queues_max = HF_XSKS_MAX + 1;
	assert_int_equal(refusals(&n, HF_XDP_NATIVE), 1);
	assert_int_equal(refusals(&n, HF_XDP_SKB), 1);
	n = nic;
	strcpy(n.driver, "ena");
	assert_int_equal(refusals(&n, HF_XDP_NATIVE), 0);
	n.rx_queues = 8;
	assert_non_null(
	    strstr(find(&n, HF_XDP_NATIVE, FINDING_REFUSE, "queues"),
		   "ethtool -L eth7 combined 4"));
	assert_int_equal(refusals(&n, HF_XDP_SKB), 0);
}

static void other_circumstances(void **state)
{
	struct hf_netif n = nic;

	(void)state;
	n.mtu = 500;
	assert_int_equal(refusals(&n, HF_XDP_SKB), 1);
	n = nic;
	n.up = false;
	assert_non_null(strstr(find(&n, HF_XDP_SKB, FINDING_NOTE, "link"),
			       "ip link set dev eth7 up"));
	n = nic;
	strcpy(n.kind, "bond");
	assert_non_null(
	    strstr(find(&n, HF_XDP_NATIVE, FINDING_WARN, "bond"), "-m skb"));
	n.master = 7;
	assert_non_null(
	    strstr(find(&n, HF_XDP_NATIVE, FINDING_WARN, "port"), "MAC"));
}

static void more_than_there_is_room_for(void **state)
{
	struct findings f = {};
	int i;

	(void)state;
	for (i = 0; i < FINDINGS_MAX + 3; i++)
		findings_add(&f, FINDING_NOTE, "a name of too many letters",
			     "%0*d", 1000, 7);
	assert_int_equal(f.count, FINDINGS_MAX);
	assert_int_equal(f.left_out, 3);
	assert_int_equal(strlen(f.list[0].about), sizeof(f.list[0].about) - 1);
	assert_int_equal(strlen(f.list[0].text), sizeof(f.list[0].text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_interface),
	    cmocka_unit_test(lro_is_refused),
	    cmocka_unit_test(vlan_offload_is_refused_in_native_mode),
	    cmocka_unit_test(vlan_offload_of_a_veth),
	    cmocka_unit_test(not_ethernet),
	    cmocka_unit_test(queues),
	    cmocka_unit_test(other_circumstances),
	    cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
