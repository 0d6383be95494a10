// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sysctl.h"

#define DEFAULT_HOPS 64
#define WSCALE_MAX 14 /* TCP_MAX_WSCALE */
#define WINDOW_MAX (65535U << WSCALE_MAX)
#define RATIO_SHIFT 8 /* TCP_RMEM_TO_WIN_SCALE */

static int numbers_parse(char *text, long *values, size_t n)
{
	char *next = text;
	long parsed[8];
	size_t i;

	if (n > sizeof(parsed) / sizeof(parsed[0]))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		errno = 0;
		parsed[i] = strtol(text, &next, 10);
		if (next == text || errno)
			return -EPROTO;
		text = next;
	}
	if (text[strspn(text, " \t\n")])
		return -EPROTO;
	memcpy(values, parsed, n * sizeof(*values));
	return 0;
}

int hf_sysctl_values(const char *name, long *values, size_t n)
{
	char path[256], text[256];
	ssize_t len;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	err = len < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	text[len] = '\0';
	return numbers_parse(text, values, n);
}

/* One number, cut to [0, max]; `missing` (if >= 0) where there is no file. */
static int number_read(const char *name, long max, long missing, long *value)
{
	int err = hf_sysctl_values(name, value, 1);

	if (err == -ENOENT && missing >= 0) {
		*value = missing;
		return 0;
	}
	if (err) {
		hf_error("cannot read /proc/sys/%s: %s", name, strerror(-err));
		return err;
	}
	if (*value < 0)
		*value = 0;
	if (*value > max)
		*value = max;
	return 0;
}

int hf_sysctl_read(struct hf_config *config)
{
	enum {
		BACKLOG,
		RETRIES,
		SOMAXCONN_,
		RATELIMIT,
		TIMESTAMPS,
		SACK,
		SCALING,
		ABORT,
		FLOWLABELS,
		COOKIES,
		COUNT
	};
	static const struct {
		const char *name;
		long max, missing;
	} table[COUNT] = {
	    [BACKLOG] = {"net/ipv4/tcp_max_syn_backlog", INT_MAX, -1},
	    [RETRIES] = {"net/ipv4/tcp_synack_retries", 255, -1},
	    [SOMAXCONN_] = {"net/core/somaxconn", INT_MAX, -1},
	    [RATELIMIT] = {"net/ipv4/tcp_invalid_ratelimit", INT_MAX, 500},
	    [TIMESTAMPS] = {"net/ipv4/tcp_timestamps", 255, -1},
	    [SACK] = {"net/ipv4/tcp_sack", 255, -1},
	    [SCALING] = {"net/ipv4/tcp_window_scaling", 255, -1},
	    [ABORT] = {"net/ipv4/tcp_abort_on_overflow", 255, -1},
	    [FLOWLABELS] = {"net/ipv6/auto_flowlabels", 255, 0},
	    [COOKIES] = {"net/ipv4/tcp_syncookies", 255, 0},
	};
	long v[COUNT];
	int i, err;

	for (i = 0; i < COUNT; i++) {
		err = number_read(
		    table[i].name, table[i].max, table[i].missing, &v[i]);
		if (err)
			return err;
	}
	config->max_syn_backlog = v[BACKLOG];
	config->synack_retries = v[RETRIES];
	config->somaxconn = v[SOMAXCONN_];
	config->invalid_ratelimit = v[RATELIMIT];
	config->timestamps = v[TIMESTAMPS];
	config->sack = v[SACK];
	config->window_scaling = v[SCALING];
	config->abort_on_overflow = v[ABORT];
	config->auto_flowlabels = v[FLOWLABELS];
	config->syncookies = v[COOKIES];
	return 0;
}

static __u8 hops_read(const char *name)
{
	long value;

	if (hf_sysctl_values(name, &value, 1) || value < 1 || value > 255)
		return DEFAULT_HOPS;
	return value;
}

__u8 hf_sysctl_ttl(void)
{
	return hops_read("net/ipv4/ip_default_ttl");
}

__u8 hf_sysctl_hop_limit(const char *ifname)
{
	char name[128];

	/* A slash separates here, so a dot in the name is itself. */
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/hop_limit", ifname);
	return hops_read(name);
}

/* ------------------------------------------------------- receive windows */

static int rcvbuf_get(int fd)
{
	socklen_t len = sizeof(int);
	int size;

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len))
		return -errno;
	return size;
}

/*
 * SO_RCVBUF is cut to net.core.rmem_max and doubled. Needed up to 6.13,
 * where the sysctl is not shown in other namespaces than the first.
 */
static int core_max_measure(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int size = INT_MAX, result;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)))
		result = -errno;
	else
		result = rcvbuf_get(fd) / 2;
	close(fd);
	return result;
}

static bool kernel_has_ratio(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 6 || (major == 6 && minor >= 6);
}

/*
 * tcp_set_rcvlowat() enlarges the receive buffer so that `low` bytes of
 * window fit in it: buffer = low * 256 / ratio. Before 6.6 it doubles `low`
 * whatever tcp_adv_win_scale says, so the version has to decide there.
 */
static int ratio_measure(__u32 rmem_default, __u32 rmem_max)
{
	int low = rmem_max / 2, fd, size, result;

	if (!kernel_has_ratio())
		return 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low))) {
		result = -errno;
		goto out;
	}
	size = rcvbuf_get(fd);
	result = size;
	if (size < 0)
		goto out;
	/* Not enlarged: rmem_max is too small a bound to measure below. */
	if ((__u32)size <= rmem_default || !low)
		result = 1 << (RATIO_SHIFT - 1);
	else
		result = (((__u64)low << RATIO_SHIFT) + size / 2) / size;
out:
	close(fd);
	return result;
}

int hf_rcvbuf_read(struct hf_rcvbuf *rcvbuf)
{
	struct hf_rcvbuf r = {};
	long rmem[3], value;
	int err;

	err = hf_sysctl_values("net/ipv4/tcp_rmem", rmem, 3);
	if (err) {
		hf_error("cannot read /proc/sys/net/ipv4/tcp_rmem: %s",
			 strerror(-err));
		return err;
	}
	r.rmem_default = rmem[1];
	r.rmem_max = rmem[2];
	if (hf_sysctl_values("net/ipv4/tcp_adv_win_scale", &value, 1))
		value = 1; /* its default */
	r.adv_win_scale = value;
	if (hf_sysctl_values("net/core/rmem_max", &value, 1))
		value = core_max_measure();
	err = value < 0 ? value : ratio_measure(r.rmem_default, r.rmem_max);
	if (err < 0) {
		hf_error("cannot measure the receive window of a TCP socket: "
			 "%s",
			 strerror(-err));
		return err;
	}
	r.core_max = value;
	r.scaling_ratio = err;
	*rcvbuf = r;
	return 0;
}

__u32 hf_rcv_space(const struct hf_rcvbuf *rcvbuf, __u32 size)
{
	int scale = rcvbuf->adv_win_scale;

	if (rcvbuf->scaling_ratio)
		return ((__u64)size * rcvbuf->scaling_ratio) >> RATIO_SHIFT;
	return scale <= 0 ? size >> -scale : size - (size >> scale);
}

__u8 hf_rcv_wscale(const struct hf_rcvbuf *rcvbuf, __u32 space, bool locked)
{
	__u32 clamp = locked && space ? space : WINDOW_MAX;
	__u32 most = space;
	int scale;

	if (most < rcvbuf->rmem_max)
		most = rcvbuf->rmem_max;
	if (most < rcvbuf->core_max)
		most = rcvbuf->core_max;
	if (most > clamp)
		most = clamp;
	if (!most)
		return 0;
	scale = 31 - __builtin_clz(most) - 15;
	if (scale < 0)
		scale = 0;
	return scale > WSCALE_MAX ? WSCALE_MAX : scale;
}
