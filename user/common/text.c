// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A table has a name for each value up to `last`, and none beyond. */
#define NAME_FUNCTION(function, type, last, table)                             \
	_Static_assert(COUNT_OF(table) == (last) + 1, #table);                 \
	const char *function(enum type value)                                  \
	{                                                                      \
		return (size_t)value < COUNT_OF(table) ? table[value] : "?";   \
	}

static const char *const listener_states[] = {
    [HF_LISTENER_FREE] = "free",
    [HF_LISTENER_LISTENING] = "listening",
    [HF_LISTENER_CLOSING] = "closing",
};
NAME_FUNCTION(hf_text_listener_state, hf_listener_state, HF_LISTENER_CLOSING,
	      listener_states)

static const char *const cookie_modes[] = {
    [HF_COOKIES_OFF] = "off",
    [HF_COOKIES_AUTO] = "auto",
    [HF_COOKIES_ALWAYS] = "always",
};
NAME_FUNCTION(hf_text_cookies, hf_cookie_mode, HF_COOKIES_ALWAYS, cookie_modes)

static const char *const overflows[] = {
    [HF_OVERFLOW_HOLD] = "hold",
    [HF_OVERFLOW_RST] = "rst",
};
NAME_FUNCTION(hf_text_overflow, hf_overflow, HF_OVERFLOW_RST, overflows)

static const char *const deliveries[] = {
    [HF_DELIVERY_ACCEPT] = "accept",
    [HF_DELIVERY_RELAY] = "relay",
    [HF_DELIVERY_KERNEL] = "kernel",
};
NAME_FUNCTION(hf_text_delivery, hf_delivery, HF_DELIVERY_KERNEL, deliveries)

static const char *const request_states[] = {
    [HF_REQUEST_NONE] = "none",
    [HF_REQUEST_SYN_RECV] = "syn-recv", /* as ss(8) spells it */
    [HF_REQUEST_ACKED] = "acked",
    [HF_REQUEST_DEAD] = "dead",
};
NAME_FUNCTION(hf_text_request_state, hf_request_state, HF_REQUEST_DEAD,
	      request_states)

static const char *const xdp_modes[] = {
    [HF_XDP_DETACHED] = "detached",
    [HF_XDP_NATIVE] = "native",
    [HF_XDP_SKB] = "skb",
};
NAME_FUNCTION(hf_text_xdp_mode, hf_xdp_mode, HF_XDP_SKB, xdp_modes)

const struct hf_text_counter hf_text_reasons[HF_REASON_COUNT] = {
#define X(name, verdict, text) {#name, #verdict, text},
    HF_REASONS(X)
#undef X
};

const struct hf_text_counter hf_text_daemon_counters[HF_DAEMON_COUNTER_COUNT] =
    {
#define X(name, text) {#name, NULL, text},
	HF_DAEMON_COUNTERS(X)
#undef X
};

/* -------------------------------------------------------------- addresses */

static int is_v4(const struct hf_addr *addr)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr->b, mapped, sizeof(mapped));
}

static int is_zero(const struct hf_addr *addr)
{
	static const struct hf_addr zero;

	return !memcmp(addr, &zero, sizeof(zero));
}

char *hf_text_addr(char *buf, size_t size, const struct hf_addr *addr)
{
	const char *done;

	if (is_v4(addr))
		done = inet_ntop(AF_INET, addr->b + 12, buf, size);
	else
		done = inet_ntop(AF_INET6, addr->b, buf, size);
	if (!done && size)
		buf[0] = '\0';
	return buf;
}

/* "%eth0", or nothing. */
static void scope_text(char *buf, size_t size, __u32 scope)
{
	char name[IF_NAMESIZE];

	if (!scope)
		buf[0] = '\0';
	else if (if_indextoname(scope, name))
		snprintf(buf, size, "%%%s", name);
	else
		snprintf(buf, size, "%%%u", scope);
}

char *hf_text_endpoint(char *buf, size_t size, const struct hf_addr *addr,
		       __u16 port, __u32 scope)
{
	char host[INET6_ADDRSTRLEN], device[IF_NAMESIZE + 2];

	hf_text_addr(host, sizeof(host), addr);
	scope_text(device, sizeof(device), scope);
	snprintf(buf, size, is_v4(addr) ? "%s%s:%u" : "[%s%s]:%u", host, device,
		 port);
	return buf;
}

char *hf_text_listener(char *buf, size_t size, const struct hf_listener *l)
{
	char device[IF_NAMESIZE + 2];

	if (!is_zero(&l->addr))
		return hf_text_endpoint(
		    buf, size, &l->addr, l->port, l->ifindex);
	scope_text(device, sizeof(device), l->ifindex);
	if (l->family == AF_INET)
		snprintf(buf, size, "0.0.0.0%s:%u", device, l->port);
	else if (l->v6only)
		snprintf(buf, size, "[::]%s:%u", device, l->port);
	else
		snprintf(buf, size, "*%s:%u", device, l->port);
	return buf;
}

char *hf_text_tuple(char *buf, size_t size, const struct hf_tuple *tuple)
{
	char client[HF_TEXT_ENDPOINT_MAX], server[HF_TEXT_ENDPOINT_MAX];

	hf_text_endpoint(
	    client, sizeof(client), &tuple->raddr, tuple->rport, 0);
	hf_text_endpoint(
	    server, sizeof(server), &tuple->laddr, tuple->lport, tuple->scope);
	snprintf(buf, size, "%s > %s", client, server);
	return buf;
}

char *hf_text_mac(char *buf, size_t size, const __u8 mac[6])
{
	snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

char *hf_text_duration(char *buf, size_t size, __u64 ns)
{
	unsigned long long us = ns / 1000, s = ns / 1000000000;

	if (us < 1000)
		snprintf(buf, size, "%lluus", us);
	else if (us < 1000000)
		snprintf(buf, size, "%llums", us / 1000);
	else if (s < 60)
		snprintf(buf, size, "%llu.%llus", s, us / 100000 % 10);
	else if (s < 3600)
		snprintf(buf, size, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}
