// SPDX-License-Identifier: BSD-2-Clause
/*
 * garbage - hostile messages for the control socket
 *
 *   garbage PATH [OTHER_NETNS]
 *
 * Each case is a connection of its own. Says for each what was answered;
 * exit code 1 where that is not what control.h promises.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "handfast/control.h"

#define FDS_MAX 64
#define CLOSED 1000 /* the connection ended without an answer */
#define ANYTHING (-1)

static const char *path;
static int failures;

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("garbage: connect");
		exit(1);
	}
	return fd;
}

static int send_packet(int fd, const void *data, size_t len, const int *fds,
		       int count)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_MAX)] = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (count) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The errno of the reply, or CLOSED, or -ETIMEDOUT. */
static int read_answer(int fd)
{
	struct hf_ctl_reply reply;
	struct pollfd pfd = {fd, POLLIN, 0};
	ssize_t n;

	if (poll(&pfd, 1, 5000) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, &reply, sizeof(reply), 0);
	if (n <= 0)
		return CLOSED;
	if (n != sizeof(reply) || reply.version != HF_CTL_VERSION ||
	    !memchr(reply.text, 0, sizeof(reply.text)))
		return -EBADMSG;
	return reply.error;
}

static void check(const char *name, int answer, int wanted)
{
	bool good = answer == wanted || wanted == ANYTHING ||
		    (wanted == EPROTO && answer == CLOSED);

	if (answer == -ETIMEDOUT || answer == -EBADMSG)
		good = false;
	printf("%s: %s: %s\n", good ? "ok" : "FAIL", name,
	       answer == CLOSED ? "closed" : strerror(abs(answer)));
	failures += !good;
}

static void try_packet(const char *name, const void *data, size_t len,
		       const int *fds, int count, int wanted)
{
	int fd = dial();

	if (send_packet(fd, data, len, fds, count))
		printf("ok: %s: not sent\n", name);
	else
		check(name, read_answer(fd), wanted);
	close(fd);
}

static struct hf_ctl_request good_request(uint32_t type)
{
	return (struct hf_ctl_request){
	    .version = HF_CTL_VERSION,
	    .type = type,
	    .backlog = 16,
	    .overflow = HF_CTL_DEFAULT,
	};
}

static void try_sizes(void)
{
	static char big[60000];
	struct hf_ctl_request req = good_request(HF_CTL_LISTEN);
	size_t len;

	try_packet("one byte", "x", 1, NULL, 0, EPROTO);
	for (len = 4; len < sizeof(req); len += 4)
		try_packet("short packet", &req, len, NULL, 0, EPROTO);
	memcpy(big, &req, sizeof(req));
	try_packet("one byte too many", big, sizeof(req) + 1, NULL, 0, EPROTO);
	try_packet("60000 bytes", big, sizeof(big), NULL, 0, EPROTO);
}

static void try_fields(void)
{
	struct hf_ctl_request req = good_request(HF_CTL_LISTEN);

	req.version = 77;
	try_packet("wrong version", &req, sizeof(req), NULL, 0, EPROTO);
	req = good_request(0);
	try_packet("type 0", &req, sizeof(req), NULL, 0, EPROTO);
	req = good_request(0xffffffff);
	try_packet("type 2^32-1", &req, sizeof(req), NULL, 0, EPROTO);
	req = good_request(HF_CTL_ATTACHED);
	req.ifindex = 0x7fffffff;
	try_packet(
	    "attached: no such device", &req, sizeof(req), NULL, 0, ANYTHING);
	req = good_request(HF_CTL_DETACH);
	req.ifindex = 0xffffffff;
	try_packet(
	    "detach: no such device", &req, sizeof(req), NULL, 0, ANYTHING);
}

static void try_listen(const char *name, int sock, int channel, int wanted)
{
	struct hf_ctl_request req = good_request(HF_CTL_LISTEN);
	int fds[2] = {sock, channel};

	try_packet(name, &req, sizeof(req), fds, 2, wanted);
}

static void try_options(int tcp, int channel)
{
	struct hf_ctl_request req = good_request(HF_CTL_LISTEN);
	int fds[2] = {tcp, channel};

	req.cookies = 99;
	try_packet("cookies 99", &req, sizeof(req), fds, 2, EPROTO);
	req = good_request(HF_CTL_LISTEN);
	req.overflow = 99;
	try_packet("overflow 99", &req, sizeof(req), fds, 2, EPROTO);
}

static void try_descriptors(void)
{
	struct hf_ctl_request req = good_request(HF_CTL_LISTEN);
	int i, many[FDS_MAX], pair[2], null = open("/dev/null", O_RDWR);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int stream[2];

	if (null < 0 || tcp < 0 || udp < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, stream))
		exit(1);
	for (i = 0; i < FDS_MAX; i++)
		many[i] = null;
	try_packet(
	    "listen: no descriptor", &req, sizeof(req), NULL, 0, ANYTHING);
	try_packet(
	    "listen: one descriptor", &req, sizeof(req), &tcp, 1, ANYTHING);
	try_packet("listen: 64 descriptors", &req, sizeof(req), many, FDS_MAX,
		   ANYTHING);
	try_listen("listen: /dev/null", null, pair[1], ENOTSOCK);
	try_listen("listen: a UDP socket", udp, pair[1], EPROTONOSUPPORT);
	try_listen("listen: a unix socket", pair[0], pair[1], EPROTONOSUPPORT);
	try_listen("listen: the channel is /dev/null", tcp, null, ANYTHING);
	try_listen("listen: the channel is a stream", tcp, stream[1], ANYTHING);
	try_options(tcp, pair[1]);
}

static void try_other_netns(const char *netns)
{
	int pair[2], tcp, home = open("/proc/self/ns/net", O_RDONLY);
	int other = open(netns, O_RDONLY);

	if (home < 0 || other < 0 || setns(other, CLONE_NEWNET)) {
		perror(netns);
		exit(1);
	}
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (tcp < 0 || setns(home, CLONE_NEWNET) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		exit(1);
	try_listen(
	    "listen: a socket of another namespace", tcp, pair[1], EXDEV);
}

static void try_random(void)
{
	uint32_t data[128];
	unsigned int seed = 1;
	int i, j, fd;

	for (i = 0; i < 500; i++) {
		fd = dial();
		for (j = 0; j < 128; j++)
			data[j] = rand_r(&seed) ^ (uint32_t)rand_r(&seed) << 16;
		if (i & 1) {
			data[0] = HF_CTL_VERSION;
			data[1] = rand_r(&seed) % 6;
		}
		send_packet(fd, data,
			    i & 2 ? sizeof(struct hf_ctl_request)
				  : 1 + rand_r(&seed) % sizeof(data),
			    NULL, 0);
		close(fd);
	}
	printf("ok: 500 random packets, connection closed at once\n");
}

/* Requests without reading an answer: must not stop the daemon. */
static void try_never_read(void)
{
	struct hf_ctl_request req = good_request(HF_CTL_RELOAD);
	int i, fd = dial();

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 10000; i++)
		if (send_packet(fd, &req, sizeof(req), NULL, 0))
			break;
	printf("ok: %d requests, no answer read\n", i);
	req = good_request(0);
	try_packet("another one meanwhile", &req, sizeof(req), NULL, 0, EPROTO);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: garbage PATH [OTHER_NETNS]\n");
		return 2;
	}
	path = argv[1];
	try_sizes();
	try_fields();
	try_descriptors();
	if (argc > 2)
		try_other_netns(argv[2]);
	try_random();
	try_never_read();
	return failures ? 1 : 0;
}
