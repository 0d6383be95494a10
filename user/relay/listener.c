// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "relay/relay.h"

static const char *bind_advice(int err)
{
	switch (err) {
	case EADDRINUSE:
		return ": another server has it (ss -ltnp shows which)";
	case EADDRNOTAVAIL:
		return ": no interface has this address";
	case EACCES:
		return ": ports below 1024 need CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

/*
 * What connections inherit: no Nagle, because the peer's own write sizes are
 * relayed; keepalive, so that a dead peer does not stay for ever.
 */
static int options_set(int fd, int family)
{
	int one = 1, zero = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return -errno;
	/* [::] takes IPv4 too, whatever net.ipv6.bindv6only says. */
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)))
		return -errno;
	return 0;
}

static int socket_bind(const struct relay_address *address)
{
	int fd, err;

	fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	err = fd < 0 ? -errno : options_set(fd, address->addr.ss_family);
	if (err) {
		hf_error("cannot make a socket for %s: %s", address->text,
			 strerror(-err));
		goto fail;
	}
	if (bind(fd, (const struct sockaddr *)&address->addr, address->len)) {
		err = -errno;
		hf_error("cannot bind %s: %s%s", address->text, strerror(-err),
			 bind_advice(-err));
		goto fail;
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return err;
}

int relay_listener_open(const struct relay_options *options,
			struct relay_address *address)
{
	struct hf_listen_options opt = {
	    .size = sizeof(opt),
	    .socket_path = options->socket,
	    .cookies = options->cookies,
	    .overflow = options->overflow,
	    .relay = 1,
	    .delivery = options->delivery,
	};
	int bound = socket_bind(&options->listen), fd, err;

	if (bound < 0)
		return bound;
	fd = hf_listen(bound, options->backlog, &opt);
	if (fd < 0) {
		err = -errno;
		hf_error("cannot listen on %s: %s", options->listen.text,
			 hf_listen_error());
		close(bound);
		return err;
	}
	*address = options->listen;
	address->len = sizeof(address->addr);
	getsockname(bound, (struct sockaddr *)&address->addr, &address->len);
	relay_address_print(address);
	close(bound);
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK)) {
		err = -errno;
		hf_error("cannot make the listener non-blocking: %s",
			 strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}
