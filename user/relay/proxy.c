// SPDX-License-Identifier: BSD-2-Clause
/*
 * PROXY protocol, version 2, binary (haproxy.org/download/2.8/doc/
 * proxy-protocol.txt, section 2.2): 12 bytes of signature, version and
 * command, family and protocol, length, the addresses, the ports.
 */
#include <netinet/in.h>
#include <string.h>

#include "relay/relay.h"

#define VERSION_PROXY 0x21 /* version 2, command PROXY */
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21

static const unsigned char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* An address as its family's bytes; a v4-mapped one is an IPv4 address. */
struct endpoint {
	const unsigned char *addr;
	bool ipv6;
	in_port_t port; /* as on the wire */
};

static struct endpoint endpoint_of(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	struct endpoint e;

	if (addr->ss_family == AF_INET) {
		e.addr = (const unsigned char *)&in->sin_addr;
		e.port = in->sin_port;
		e.ipv6 = false;
		return e;
	}
	e.addr = in6->sin6_addr.s6_addr;
	e.port = in6->sin6_port;
	e.ipv6 = !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	if (!e.ipv6)
		e.addr += 12;
	return e;
}

size_t proxy_header(unsigned char *out, const struct sockaddr_storage *peer,
		    const struct sockaddr_storage *local)
{
	struct endpoint from = endpoint_of(peer), to = endpoint_of(local);
	/* Both ends of one connection are of one family. */
	size_t addr_len = from.ipv6 ? 16 : 4, len = 2 * addr_len + 4;
	unsigned char *p = out;

	memcpy(p, signature, sizeof(signature));
	p += sizeof(signature);
	*p++ = VERSION_PROXY;
	*p++ = from.ipv6 ? TCP_OVER_IPV6 : TCP_OVER_IPV4;
	*p++ = len >> 8;
	*p++ = len & 0xff;
	memcpy(p, from.addr, addr_len);
	p += addr_len;
	memcpy(p, to.addr, addr_len);
	p += addr_len;
	memcpy(p, &from.port, 2);
	memcpy(p + 2, &to.port, 2);
	return 16 + len;
}
