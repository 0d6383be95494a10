// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/text.h"

static const struct hf_addr v4 = {
    .b = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
static const struct hf_addr v6 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
static const struct hf_addr link_local = {.b = {0xfe, 0x80, [15] = 1}};

static void names(void **state)
{
	(void)state;
	assert_string_equal(
	    hf_text_listener_state(HF_LISTENER_CLOSING), "closing");
	assert_string_equal(hf_text_cookies(HF_COOKIES_AUTO), "auto");
	assert_string_equal(hf_text_overflow(HF_OVERFLOW_RST), "rst");
	assert_string_equal(hf_text_delivery(HF_DELIVERY_RELAY), "relay");
	assert_string_equal(
	    hf_text_request_state(HF_REQUEST_SYN_RECV), "syn-recv");
	assert_string_equal(hf_text_xdp_mode(HF_XDP_SKB), "skb");
}

static void names_of_damaged_values(void **state)
{
	(void)state;
	assert_string_equal(hf_text_listener_state(77), "?");
	assert_string_equal(hf_text_cookies(3), "?");
	assert_string_equal(hf_text_overflow(0xffffffff), "?");
	assert_string_equal(hf_text_request_state(-1), "?");
	assert_string_equal(hf_text_xdp_mode(3), "?");
}

static void every_counter_has_texts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HF_REASON_COUNT; i++) {
		assert_true(strlen(hf_text_reasons[i].name) > 2);
		assert_true(strlen(hf_text_reasons[i].verdict) > 1);
		assert_true(strlen(hf_text_reasons[i].text) > 5);
	}
	for (i = 0; i < HF_DAEMON_COUNTER_COUNT; i++) {
		assert_true(strlen(hf_text_daemon_counters[i].name) > 2);
		assert_null(hf_text_daemon_counters[i].verdict);
	}
	assert_string_equal(hf_text_reasons[HF_R_drop_race].name, "drop_race");
	assert_string_equal(hf_text_reasons[HF_R_drop_race].verdict, "DROP");
}

static void endpoints(void **state)
{
	char buf[HF_TEXT_ENDPOINT_MAX];

	(void)state;
	assert_string_equal(
	    hf_text_endpoint(buf, sizeof(buf), &v4, 80, 0), "192.0.2.1:80");
	assert_string_equal(hf_text_endpoint(buf, sizeof(buf), &v6, 65535, 0),
			    "[2001:db8::1]:65535");
	assert_string_equal(
	    hf_text_endpoint(buf, sizeof(buf), &link_local, 22, 1),
	    "[fe80::1%lo]:22");
	assert_string_equal(
	    hf_text_endpoint(buf, sizeof(buf), &link_local, 22, 4000000000U),
	    "[fe80::1%4000000000]:22");
}

static void endpoint_in_little_room(void **state)
{
	char buf[8] = "xxxxxxx";

	(void)state;
	assert_string_equal(hf_text_endpoint(buf, 5, &v6, 80, 0), "[200");
	assert_int_equal(buf[5], 'x');
	assert_string_equal(hf_text_addr(buf, 4, &v4), "");
}

static void listeners(void **state)
{
	struct hf_listener l = {.port = 443, .family = AF_INET};
	char buf[HF_TEXT_ENDPOINT_MAX];

	(void)state;
	assert_string_equal(
	    hf_text_listener(buf, sizeof(buf), &l), "0.0.0.0:443");
	l.ifindex = 1;
	assert_string_equal(
	    hf_text_listener(buf, sizeof(buf), &l), "0.0.0.0%lo:443");
	l.ifindex = 0;
	l.family = AF_INET6;
	assert_string_equal(hf_text_listener(buf, sizeof(buf), &l), "*:443");
	l.v6only = 1;
	assert_string_equal(hf_text_listener(buf, sizeof(buf), &l), "[::]:443");
	l.addr = v6;
	assert_string_equal(
	    hf_text_listener(buf, sizeof(buf), &l), "[2001:db8::1]:443");
}

static void tuples(void **state)
{
	struct hf_tuple t = {
	    .raddr = v4, .laddr = v4, .rport = 40000, .lport = 80};
	char buf[HF_TEXT_TUPLE_MAX];

	(void)state;
	assert_string_equal(hf_text_tuple(buf, sizeof(buf), &t),
			    "192.0.2.1:40000 > 192.0.2.1:80");
}

static void macs(void **state)
{
	static const __u8 mac[6] = {0, 0x1b, 0x21, 0xab, 0xcd, 0xef};
	char buf[18];

	(void)state;
	assert_string_equal(
	    hf_text_mac(buf, sizeof(buf), mac), "00:1b:21:ab:cd:ef");
}

static void durations(void **state)
{
	static const struct {
		__u64 ns;
		const char *text;
	} rows[] = {
	    {0, "0us"},
	    {999999, "999us"},
	    {1000000, "1ms"},
	    {999999999, "999ms"},
	    {1000000000, "1.0s"},
	    {59990000000, "59.9s"},
	    {60000000000, "1m00s"},
	    {125000000000, "2m05s"},
	    {3720000000000, "1h02m"},
	    {273600000000000, "3d04h"},
	    {UINT64_MAX, "213503d23h"},
	};
	char buf[HF_TEXT_DURATION_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
		    hf_text_duration(buf, sizeof(buf), rows[i].ns),
		    rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(names_of_damaged_values),
	    cmocka_unit_test(every_counter_has_texts),
	    cmocka_unit_test(endpoints),
	    cmocka_unit_test(endpoint_in_little_room),
	    cmocka_unit_test(listeners),
	    cmocka_unit_test(tuples),
	    cmocka_unit_test(macs),
	    cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
