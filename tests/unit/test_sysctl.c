// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sysctl.h"

/* A server with Debian's defaults. */
static const struct hf_rcvbuf debian = {
    .rmem_default = 131072,
    .rmem_max = 6291456,
    .core_max = 212992,
    .adv_win_scale = 1,
};

/* tcp_win_from_space() up to 6.5, for each sign of tcp_adv_win_scale */
static void space_by_adv_win_scale(void **state)
{
	struct hf_rcvbuf r = debian;

	(void)state;
	assert_int_equal(hf_rcv_space(&r, 131072), 65536);
	r.adv_win_scale = 2;
	assert_int_equal(hf_rcv_space(&r, 131072), 98304);
	r.adv_win_scale = 31;
	assert_int_equal(hf_rcv_space(&r, 131072), 131072);
	r.adv_win_scale = 0;
	assert_int_equal(hf_rcv_space(&r, 131072), 131072);
	r.adv_win_scale = -2;
	assert_int_equal(hf_rcv_space(&r, 131072), 32768);
	r.adv_win_scale = -31;
	assert_int_equal(hf_rcv_space(&r, 131072), 0);
}

/* Since 6.6 by a ratio, whatever tcp_adv_win_scale says */
static void space_by_ratio(void **state)
{
	struct hf_rcvbuf r = debian;

	(void)state;
	r.adv_win_scale = -2;
	r.scaling_ratio = 128;
	assert_int_equal(hf_rcv_space(&r, 131072), 65536);
	r.scaling_ratio = 75; /* 1200 of 4096 + sk_buff, as 6.6 has it */
	assert_int_equal(hf_rcv_space(&r, 131072), 38400);
	r.scaling_ratio = 255;
	assert_int_equal(hf_rcv_space(&r, UINT32_MAX), 4278190079U);
}

/* tcp_select_initial_window() */
static void wscale(void **state)
{
	struct hf_rcvbuf r = debian;

	(void)state;
	assert_int_equal(hf_rcv_wscale(&r, 65536, false), 7);
	r.rmem_max = 33554432;
	assert_int_equal(hf_rcv_wscale(&r, 65536, false), 10);
	r.rmem_max = 65535;
	r.core_max = 65535;
	assert_int_equal(hf_rcv_wscale(&r, 65535, false), 0);
	assert_int_equal(hf_rcv_wscale(&r, 65536, false), 1);
	/* net.core.rmem_max counts too */
	r.core_max = 16777216;
	assert_int_equal(hf_rcv_wscale(&r, 65535, false), 9);
}

/* The greatest scale is 14 (RFC 7323), however large the buffers */
static void wscale_bounds(void **state)
{
	struct hf_rcvbuf r = debian;

	(void)state;
	r.rmem_max = INT32_MAX;
	assert_int_equal(hf_rcv_wscale(&r, 65536, false), 14);
	r.rmem_max = 0;
	r.core_max = 0;
	assert_int_equal(hf_rcv_wscale(&r, 0, false), 0);
	assert_int_equal(hf_rcv_wscale(&r, 0, true), 0);
	assert_int_equal(hf_rcv_wscale(&r, 1, false), 0);
	assert_int_equal(hf_rcv_wscale(&r, UINT32_MAX, false), 14);
}

/* SO_RCVBUF that was set clamps the window, and so the scale */
static void wscale_locked(void **state)
{
	(void)state;
	assert_int_equal(hf_rcv_wscale(&debian, 32768, true), 0);
	assert_int_equal(hf_rcv_wscale(&debian, 65536, true), 1);
	assert_int_equal(hf_rcv_wscale(&debian, 1048576, true), 5);
}

static void values(void **state)
{
	long v[3] = {-1, -1, -1};

	(void)state;
	assert_int_equal(hf_sysctl_values("net/ipv4/tcp_rmem", v, 3), 0);
	assert_true(v[0] > 0 && v[0] <= v[1]);
	v[0] = -1;
	assert_int_equal(hf_sysctl_values("net/ipv4/tcp_rmem", v, 2), -EPROTO);
	assert_int_equal(v[0], -1);
	assert_int_equal(hf_sysctl_values("net/ipv4/no_such", v, 1), -ENOENT);
	assert_int_equal(
	    hf_sysctl_values("net/ipv4/tcp_congestion_control", v, 1), -EPROTO);
	assert_int_equal(hf_sysctl_values("net/ipv4", v, 1), -EISDIR);
}

static void config_is_read(void **state)
{
	struct hf_config c = {.abi_version = 7, .key_epoch_ns = 9};
	long v;

	(void)state;
	assert_int_equal(hf_sysctl_read(&c), 0);
	assert_int_equal(c.abi_version, 7);
	assert_int_equal(c.key_epoch_ns, 9);
	assert_int_equal(hf_sysctl_values("net/core/somaxconn", &v, 1), 0);
	assert_int_equal(c.somaxconn, v);
	assert_int_equal(
	    hf_sysctl_values("net/ipv4/tcp_synack_retries", &v, 1), 0);
	assert_int_equal(c.synack_retries, v);
	assert_true(hf_sysctl_ttl() > 0);
	assert_int_equal(hf_sysctl_hop_limit("no such device"), 64);
	assert_int_equal(hf_sysctl_hop_limit("../all"), 64);
}

/* The kernel's own sums, as far as a socket shows them. */
static void rcvbuf_of_this_kernel(void **state)
{
	struct hf_rcvbuf r;
	socklen_t len = sizeof(int);
	int fd = socket(AF_INET, SOCK_STREAM, 0), size;

	(void)state;
	assert_int_equal(hf_rcvbuf_read(&r), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
	close(fd);
	assert_int_equal(r.rmem_default, size);
	assert_true(r.rmem_max >= r.rmem_default);
	assert_true(r.core_max >= 2048);
	assert_true(r.scaling_ratio == 0 ||
		    (r.scaling_ratio > 50 && r.scaling_ratio < 256));
	assert_true(hf_rcv_space(&r, r.rmem_default) <= r.rmem_default);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(space_by_adv_win_scale),
	    cmocka_unit_test(space_by_ratio),
	    cmocka_unit_test(wscale),
	    cmocka_unit_test(wscale_bounds),
	    cmocka_unit_test(wscale_locked),
	    cmocka_unit_test(values),
	    cmocka_unit_test(config_is_read),
	    cmocka_unit_test(rcvbuf_of_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
