// SPDX-License-Identifier: BSD-2-Clause
/*
 * An attachment on trial: a file under /run/lock exists as long as it lasts,
 * and a process of its own detaches when the time is over and the file still
 * there. --confirm and `detach` remove the file. All look at it under the
 * world's lock, so nobody detaches what was confirmed a moment ago.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/device.h"
#include "common/log.h"

/* Named after the directory of the pins, as the world's lock is: the same
 * interface name may be on trial in several network namespaces. */
bool trial_path(char *buf, size_t size, const char *bpffs, const char *ifname)
{
	struct stat st;
	int len;

	if (stat(bpffs, &st))
		return false;
	len = snprintf(buf, size, "/run/lock/handfast-try-%lx-%lx-%s",
		       (unsigned long)st.st_dev, (unsigned long)st.st_ino,
		       ifname);
	return len > 0 && (size_t)len < size;
}

/* The process that ends a trial holds a lock on the file. */
bool trial_runs(const char *bpffs, const char *ifname)
{
	char path[512];
	bool runs;
	int fd;

	if (!trial_path(path, sizeof(path), bpffs, ifname))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	runs = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return runs;
}

int trial_confirm(const char *bpffs, const char *ifname)
{
	char path[512];

	if (!trial_path(path, sizeof(path), bpffs, ifname))
		return -ENOENT;
	return unlink(path) ? -errno : 0;
}

static bool trial_ended(int fd)
{
	struct stat st;

	return fstat(fd, &st) || !st.st_nlink;
}

/* Suspended time counts too: whoever is locked out does not wait longer. */
static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

/* Of the session's terminal and pipes nothing may stay open: an ssh that
 * waits for them would not end. 3 is the trial's file. */
static void session_leave(int fd)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	dup2(fd, 3);
	close_range(4, ~0U, 0);
}

static void trial_run(const struct cli *cli, const char *ifname, int fd,
		      long seconds)
{
	const struct timespec tick = {.tv_nsec = 250000000};
	time_t end = now() + seconds;
	int result;

	session_leave(fd);
	openlog("handfast", LOG_PID, LOG_DAEMON);
	while (now() < end && !trial_ended(3))
		nanosleep(&tick, NULL);
	if (trial_ended(3))
		return;
	result = device_detach(cli, ifname, 3);
	if (result == CLI_OK)
		syslog(LOG_NOTICE, "%s: not confirmed within %ld s: detached",
		       ifname, seconds);
	else
		syslog(LOG_ERR,
		       "%s: not confirmed within %ld s, but detach failed: "
		       "run 'handfast detach %s'",
		       ifname, seconds, ifname);
}

static int trial_file(const struct cli *cli, const char *ifname)
{
	char path[512];
	int fd;

	if (!trial_path(path, sizeof(path), cli->bpffs, ifname))
		return -ENAMETOOLONG;
	unlink(path); /* of a trial whose process was killed */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
		hf_error("cannot make %s: %s", path, strerror(errno));
		return -errno;
	}
	return fd;
}

int trial_begin(const struct cli *cli, const char *ifname, long seconds)
{
	int fd = trial_file(cli, ifname), err = 0;
	pid_t pid;

	if (fd < 0)
		return fd;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		trial_run(cli, ifname, fd, seconds);
		_exit(0);
	}
	if (pid < 0) {
		err = -errno;
		hf_error("cannot start the process that ends the trial: %s",
			 strerror(-err));
		trial_confirm(cli->bpffs, ifname);
	}
	close(fd);
	return err;
}
