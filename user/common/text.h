/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and numbers for people: enums of abi.h, addresses, flows, times.
 *
 * Functions that fill a buffer return it and always end it with NUL. Names
 * of values that are out of range are "?", so that damaged or hostile map
 * contents can be printed.
 */
#ifndef HF_TEXT_H
#define HF_TEXT_H

#include <stddef.h>

#include "handfast/abi.h"

const char *hf_text_listener_state(enum hf_listener_state state);
const char *hf_text_cookies(enum hf_cookie_mode mode);
const char *hf_text_overflow(enum hf_overflow policy);
const char *hf_text_delivery(enum hf_delivery delivery);
const char *hf_text_request_state(enum hf_request_state state);
const char *hf_text_xdp_mode(enum hf_xdp_mode mode);

/* One counter of struct hf_stats or hf_daemon_stats. */
struct hf_text_counter {
	const char *name;
	const char *verdict; /* "TX", "DROP", "PASS", "REDIRECT", "INFO" */
	const char *text;
};

/* By enum hf_reason. */
extern const struct hf_text_counter hf_text_reasons[HF_REASON_COUNT];

#define HF_DAEMON_COUNTER_COUNT (sizeof(struct hf_daemon_stats) / sizeof(__u64))

/* By position in struct hf_daemon_stats; verdict is NULL. */
extern const struct hf_text_counter
    hf_text_daemon_counters[HF_DAEMON_COUNTER_COUNT];

/* "[fe80:...:255]%interface:65535" and NUL. */
#define HF_TEXT_ENDPOINT_MAX 80
/* Two of these and what stands between them. */
#define HF_TEXT_TUPLE_MAX (2 * HF_TEXT_ENDPOINT_MAX + 4)
#define HF_TEXT_DURATION_MAX 32

/* Without brackets: "192.0.2.1", "2001:db8::1". size: INET6_ADDRSTRLEN. */
char *hf_text_addr(char *buf, size_t size, const struct hf_addr *addr);

/*
 * "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%eth0]:80". scope is an
 * interface index, 0: none; an index that has no interface is printed as a
 * number.
 */
char *hf_text_endpoint(char *buf, size_t size, const struct hf_addr *addr,
		       __u16 port, __u32 scope);

/* Address and port of a listener as `ss -lt` prints them: "0.0.0.0:80",
 * "[::]:80" (IPv6 only), "*:80" (both), with "%eth0" if it is bound to a
 * device. */
char *hf_text_listener(char *buf, size_t size, const struct hf_listener *l);

/* "client > server". */
char *hf_text_tuple(char *buf, size_t size, const struct hf_tuple *tuple);

/* 12:34:56:78:9a:bc; size: 18. */
char *hf_text_mac(char *buf, size_t size, const __u8 mac[6]);

/* "850us", "12ms", "3.4s", "2m05s", "1h02m", "3d04h". */
char *hf_text_duration(char *buf, size_t size, __u64 ns);

#endif
