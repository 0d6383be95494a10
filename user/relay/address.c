// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/relay.h"

/* Decimal digits, to 65535. */
static bool port_valid(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > 5 || strspn(text, "0123456789") != len)
		return false;
	return strtol(text, NULL, 10) <= 65535;
}

/* inet_pton() does not know "fe80::1%eth0". */
static int address_resolve(const char *host, bool ipv6, const char *port,
			   struct relay_address *out)
{
	struct addrinfo hints = {.ai_family = ipv6 ? AF_INET6 : AF_INET,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *info;
	struct in_addr in;

	/* Only four numbers: getaddrinfo() also takes "1.2" and "0x7f.1". */
	if (!ipv6 && inet_pton(AF_INET, host, &in) != 1)
		return -1;
	if (getaddrinfo(host, port, &hints, &info))
		return -1;
	memcpy(&out->addr, info->ai_addr, info->ai_addrlen);
	out->len = info->ai_addrlen;
	freeaddrinfo(info);
	return 0;
}

void relay_address_print(struct relay_address *address)
{
	char host[64] = "?", port[8] = "?";
	bool ipv6 = address->addr.ss_family == AF_INET6;

	getnameinfo((struct sockaddr *)&address->addr, address->len, host,
		    sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(address->text, sizeof(address->text),
		 ipv6 ? "[%s]:%s" : "%s:%s", host, port);
}

const char *relay_address_parse(const char *text, struct relay_address *out)
{
	struct relay_address result = {};
	bool ipv6 = text[0] == '[';
	const char *colon = strrchr(text, ':'), *end;
	char host[64];
	size_t len;

	if (!colon)
		return "there is no port: write ADDR:PORT or [ADDR]:PORT";
	end = colon;
	if (ipv6) {
		text++;
		end = strchr(text, ']');
		if (!end || end + 1 != colon)
			return "write [ADDR]:PORT";
	} else if (memchr(text, ':', colon - text)) {
		return "an IPv6 address needs brackets: write [ADDR]:PORT";
	}
	if (!port_valid(colon + 1))
		return "the port has to be a number up to 65535";
	len = end - text;
	if (len >= sizeof(host))
		return "that is no address";
	memcpy(host, text, len);
	host[len] = '\0';
	if (address_resolve(host, ipv6, colon + 1, &result))
		return ipv6 ? "that is no IPv6 address (or its interface does "
			      "not exist)"
			    : "that is no IPv4 address: names are not looked "
			      "up";
	relay_address_print(&result);
	*out = result;
	return NULL;
}
