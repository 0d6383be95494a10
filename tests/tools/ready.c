// SPDX-License-Identifier: BSD-2-Clause
/* ready PATH: exit code 0 when the control socket at PATH takes connections. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (argc != 2 || fd < 0)
		return 2;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[1]);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? 1 : 0;
}
