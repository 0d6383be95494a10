/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network namespace of the test's own, and TCP connections in it. All
 * functions end the test when something fails that should not.
 */
#ifndef TESTNET_H
#define TESTNET_H

#include <netinet/in.h>
#include <unistd.h>

/* Sleeps until `condition` holds; false after 10 s. */
#define eventually(condition)                                                  \
	({                                                                     \
		int tries_ = 0;                                                \
		while (!(condition) && ++tries_ < 5000)                        \
			usleep(2000);                                          \
		tries_ < 5000;                                                 \
	})

/* Moves this process to a network namespace of its own, loopback up. */
void network_own(void);
/* A bound TCP socket on a free port of `address`. */
int tcp_bind(const char *address);
int tcp_port(int fd);
/* A client of address:port, connected, blocking. */
int tcp_connect(const char *address, int port);
/* Two ends of one connection; *peer (may be NULL): the client's address. */
void tcp_pair(int *client, int *child, struct sockaddr_in *peer);
/* Writes text at one end, reads it at the other. */
void tcp_check(int from, int to);
/* Waits for the end of a connection: 0 FIN, -ECONNRESET... */
int tcp_end(int fd);
/* How many descriptors this process has open. */
int descriptors_open(void);

#endif
