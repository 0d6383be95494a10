// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <cap-ng.h>

#include "common/log.h"
#include "daemon/device.h"
#include "daemon/listener.h"
#include "handfast.skel.h"

#ifndef HF_VERSION
#define HF_VERSION "0.1"
#endif

#define GRACE_NS (2 * NSEC_PER_SEC)
#define TICK_BUSY_NS (10 * NSEC_PER_MSEC)
#define TICK_IDLE_NS (100 * NSEC_PER_MSEC)
#define SCAN_NS (100 * NSEC_PER_MSEC)
#define SCAN_LARGE_NS (250 * NSEC_PER_MSEC)
#define SCAN_LARGE 4096U     /* requests */
#define DESCRIPTORS_KEPT 256 /* for everything but children */
#define GUARD_RATE 2000      /* unknown segments a second and CPU */

struct daemon hfd = {
    .lock = PTHREAD_RWLOCK_INITIALIZER,
    .devices = TAILQ_HEAD_INITIALIZER(hfd.devices),
    .socket_path = HF_SOCKET_DEFAULT,
    .group = (gid_t)-1,
    .epoll_fd = -1,
};

struct options {
	const char *bpffs;
	unsigned long key_epoch;
	unsigned long synack_budget;
	enum hf_log_level level;
};

static struct source signal_source, timer_source;
static int signal_fd = -1, timer_fd = -1;
static struct request_batch main_batch;

/* ------------------------------------------------------------------ loop */

int source_add(struct source *source, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(hfd.epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int source_change(struct source *source, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(hfd.epoll_fd, EPOLL_CTL_MOD, fd, &event) ? -errno : 0;
}

void source_remove(int fd)
{
	epoll_ctl(hfd.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---------------------------------------------------------------- config */

int config_write(void)
{
	__u32 zero = 0;

	return bpf_map_update_elem(
		   hfd.world.maps.config, &zero, &hfd.config, BPF_ANY)
		   ? -errno
		   : 0;
}

int config_reload(void)
{
	int err = hf_sysctl_read(&hfd.config);

	if (!err)
		err = hf_rcvbuf_read(&hfd.rcvbuf);
	if (!err)
		err = config_write();
	if (err)
		return err;
	listener_refresh_all();
	return netlink_sync();
}

static int config_init(const struct options *o)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem(hfd.world.maps.config, &zero, &hfd.config))
		return -errno;
	hfd.config.key_epoch_ns = o->key_epoch * NSEC_PER_SEC;
	hfd.config.synack_budget = (__u32)o->synack_budget;
	hfd.config.guard_rate = GUARD_RATE;
	hfd.config.paused = 0;
	hfd.config.daemon_pid = (__u32)getpid();
	return config_reload();
}

/* ----------------------------------------------------------------- timer */

static void accept_queues_run(bool *busy)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		struct listener *l = hfd.listeners[i];

		if (!l)
			continue;
		acceptq_refresh(l);
		*busy |= (l->mem->acceptq_len | l->mem->acceptq_kernel) != 0;
	}
}

/* Descriptors are the bound on what can wait: near it SYNs stay unanswered,
 * until a quarter is free again. */
static void descriptors_run(void)
{
	long open = hfd.open_children;
	bool paused = hfd.config.paused;

	if (!paused && open < hfd.children_max)
		return;
	if (paused && open > hfd.children_max * 3 / 4)
		return;
	hfd.config.paused = !paused;
	config_write();
	if (!paused)
		hf_warn("%ld connections wait to be accepted: at the limit of "
			"open files (ulimit -n), SYNs are not answered until "
			"applications accept",
			open);
	else
		hf_info("descriptors are free again, SYNs are answered");
}

static void grace_run(uint64_t now)
{
	if (!hfd.grace_until_ns ||
	    (restart_has_orphans() && now < hfd.grace_until_ns))
		return;
	restart_end_grace();
	hfd.grace_until_ns = 0;
	device_publish_all();
}

static void requests_run(uint64_t now)
{
	static uint64_t last;
	uint64_t every =
	    hfd.fills->half_open > SCAN_LARGE ? SCAN_LARGE_NS : SCAN_NS;

	if (now - last < every)
		return;
	last = now;
	timer_run(&main_batch, now);
	keys_run(now);
	keys_end_spells(now);
	device_count_drops();
}

static void timer_arm(uint64_t ns)
{
	const struct itimerspec spec = {
	    .it_value.tv_nsec = (long)ns,
	};

	timerfd_settime(timer_fd, 0, &spec, NULL);
}

static void timer_ready(struct source *source, uint32_t events)
{
	uint64_t now = hf_now_ns(), n;
	bool busy = hfd.grace_until_ns != 0;

	(void)source;
	(void)events;
	if (read(timer_fd, &n, sizeof(n)) < 0)
		return;
	control_reap();
	accept_queues_run(&busy);
	descriptors_run();
	grace_run(now);
	requests_run(now);
	timer_arm(busy ? TICK_BUSY_NS : TICK_IDLE_NS);
}

static void signal_ready(struct source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)source;
	(void)events;
	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		if (config_reload())
			hf_error("the sysctls could not be read again");
		else
			hf_info("sysctls, addresses and links read again");
		return;
	}
	hfd.stop = true;
}

static int loop_open(void)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	hfd.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (hfd.epoll_fd < 0 || signal_fd < 0 || timer_fd < 0)
		return -errno;
	signal_source.ready = signal_ready;
	timer_source.ready = timer_ready;
	err = source_add(&signal_source, signal_fd, EPOLLIN);
	if (!err)
		err = source_add(&timer_source, timer_fd, EPOLLIN);
	timer_arm(TICK_BUSY_NS);
	return err;
}

/* One event a call: its handler may free what the next one is for. */
static int loop_run(void)
{
	while (!hfd.stop) {
		struct epoll_event event;
		int n = epoll_wait(hfd.epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			struct source *source = event.data.ptr;

			source->ready(source, event.events);
		}
	}
	return 0;
}

/* ----------------------------------------------------------------- start */

static void *map_memory(int fd, size_t value_size, size_t entries)
{
	/* Array elements are rounded up to 8 bytes. */
	size_t size = (value_size + 7) / 8 * 8 * entries;
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static int world_map(void)
{
	const struct hf_maps *maps = &hfd.world.maps;
	int batches = bpf_map__fd(hfd.world.skel->maps.request_batches);

	hfd.listen_table = map_memory(
	    maps->listen_table, sizeof(*hfd.listen_table), HF_LISTENERS_MAX);
	hfd.port_table =
	    map_memory(maps->port_table, sizeof(*hfd.port_table), HF_PORTS);
	hfd.fills = map_memory(maps->fills, sizeof(*hfd.fills), 1);
	hfd.stats = map_memory(maps->daemon_stats, sizeof(*hfd.stats), 1);
	hfd.batches = map_memory(
	    batches, sizeof(*hfd.batches), HF_BATCHES_MAX * HF_OPS_MAX);
	if (!hfd.listen_table || !hfd.port_table || !hfd.fills || !hfd.stats ||
	    !hfd.batches)
		return -errno;
	return request_batch_init(&main_batch, 0);
}

static int limits_init(void)
{
	struct rlimit limit;
	struct stat st;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	hfd.children_max = (long)limit.rlim_cur - DESCRIPTORS_KEPT;
	if (hfd.children_max < 64) {
		hf_error("the limit of open files (%llu) is too low: raise "
			 "'ulimit -n'",
			 (unsigned long long)limit.rlim_cur);
		return -EMFILE;
	}
	if (stat("/proc/self/ns/net", &st))
		return -errno;
	hfd.netns = st.st_ino;
	hfd.uid = geteuid();
	return acceptq_measure(&hfd.child_truesize);
}

/* What is needed while it runs; see the README for what each is for. */
static int capabilities_drop(void)
{
	static const unsigned int keep[] = {
	    CAP_BPF,      CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE,
	    CAP_IPC_LOCK, CAP_CHOWN,
	};

	capng_get_caps_process();
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool kept = false;

		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			kept |= keep[i] == (unsigned int)cap;
		if (!kept)
			capng_update(CAPNG_DROP,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED |
					 CAPNG_INHERITABLE,
				     (unsigned int)cap);
	}
	if (capng_apply(CAPNG_SELECT_CAPS)) {
		hf_error("cannot drop capabilities");
		return -EPERM;
	}
	return 0;
}

static int daemon_open(const struct options *o)
{
	int err = hf_world_open(&hfd.world, o->bpffs, HF_WORLD_DAEMON);

	if (err)
		return err;
	err = world_map();
	if (!err)
		err = config_init(o);
	if (!err)
		err = restart_take_over();
	if (!err && restart_has_orphans())
		hfd.grace_until_ns = hf_now_ns() + GRACE_NS;
	if (!err)
		err = netlink_open();
	if (!err)
		err = device_open_all();
	if (!err)
		err = control_open();
	return err;
}

/* The last one out removes the pins: `detach`, or a daemon that stops while
 * nothing is attached. */
static bool world_is_idle(void)
{
	__u32 ifindex, *from = NULL;
	struct hf_device v;

	while (!bpf_map_get_next_key(hfd.world.maps.devices, from, &ifindex)) {
		from = &ifindex;
		if (!bpf_map_lookup_elem(
			hfd.world.maps.devices, &ifindex, &v) &&
		    v.mode != HF_XDP_DETACHED)
			return false;
	}
	return true;
}

static void world_leave(void)
{
	char bpffs[HF_WORLD_PATH_MAX];
	int lock;

	if (!hfd.world.skel)
		return;
	memcpy(bpffs, hfd.world.bpffs, sizeof(bpffs));
	lock = hf_world_lock(bpffs);
	if (lock >= 0 && world_is_idle())
		hf_world_remove(bpffs);
	hf_world_close(&hfd.world);
	if (lock >= 0)
		close(lock);
}

static void daemon_close(void)
{
	/* Rings first: SYNs go to the kernel from here on. */
	device_close_all();
	control_close();
	netlink_close();
	world_leave();
}

static int run(const struct options *o)
{
	int pid = 0, err;
	int lock = hf_world_daemon_lock(o->bpffs, &pid);

	if (lock < 0) {
		if (lock == -EBUSY)
			hf_error("handfastd (pid %d) serves %s already: stop "
				 "it, or pass another --bpffs and --socket",
				 pid, o->bpffs);
		else
			hf_error("cannot take the daemon's lock of %s: %s",
				 o->bpffs, strerror(-lock));
		return lock;
	}
	err = limits_init();
	if (!err)
		err = loop_open();
	if (!err)
		err = daemon_open(o);
	if (!err)
		err = capabilities_drop();
	if (!err) {
		hf_info("ready: maps in %s, control socket %s", o->bpffs,
			hfd.socket_path);
		err = loop_run();
	}
	daemon_close();
	close(lock);
	return err;
}

/* --------------------------------------------------------------- options */

static const char usage[] =
    "Usage: handfastd [OPTION]...\n"
    "Builds the connections whose handshake XDP has completed and keeps "
    "them in\naccept queues until applications accept them.\n\n"
    "  --bpffs DIR          directory of the pinned maps\n"
    "                       (default " HF_BPFFS_DEFAULT ")\n"
    "  --socket PATH        control socket\n"
    "                       (default " HF_SOCKET_DEFAULT ")\n"
    "  --group NAME         group that may listen (default: root only)\n"
    "  --key-epoch SECONDS  life of a SYN cookie key, 1 to 86400 "
    "(default 60)\n"
    "  --synack-budget N    SYN-ACKs sent again, a second and source "
    "prefix\n"
    "                       (/24, /64); 0: no limit (default 100)\n"
    "  --debug              show what happens, and libbpf's messages\n"
    "  -h, --help           this text\n"
    "  -V, --version        the version\n\n"
    "SIGHUP reads the sysctls again. Exit status: 0, 1 failed, 2 usage.\n";

static int number(const char *name, const char *text, unsigned long min,
		  unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (!errno && *text >= '0' && *text <= '9' && !*end && *value >= min &&
	    *value <= max)
		return 0;
	hf_error("--%s takes a whole number from %lu to %lu, not '%s'", name,
		 min, max, text);
	return -EINVAL;
}

static int group_option(const char *name)
{
	const struct group *group = getgrnam(name);

	if (!group) {
		hf_error("--group: there is no group '%s'", name);
		return -EINVAL;
	}
	hfd.group = group->gr_gid;
	return 0;
}

static int option_take(int c, struct options *o)
{
	switch (c) {
	case 'b':
		o->bpffs = optarg;
		return 0;
	case 's':
		hfd.socket_path = optarg;
		return 0;
	case 'g':
		return group_option(optarg);
	case 'k':
		return number("key-epoch", optarg, 1, 86400, &o->key_epoch);
	case 'B':
		return number(
		    "synack-budget", optarg, 0, 0xffffffff, &o->synack_budget);
	case 'd':
		o->level = HF_LOG_DEBUG;
		return 0;
	default:
		return -EINVAL;
	}
}

/* 0, -EINVAL, or 1: done already (help, version). */
static int options_read(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"bpffs", required_argument, NULL, 'b'},
	    {"socket", required_argument, NULL, 's'},
	    {"group", required_argument, NULL, 'g'},
	    {"key-epoch", required_argument, NULL, 'k'},
	    {"synack-budget", required_argument, NULL, 'B'},
	    {"debug", no_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {},
	};
	int c;

	while ((c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (c == 'h' || c == 'V') {
			fputs(c == 'h' ? usage : "handfastd " HF_VERSION "\n",
			      stdout);
			return 1;
		}
		if (option_take(c, o))
			return -EINVAL;
	}
	if (optind < argc) {
		hf_error("'%s' is not an option", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {
	    .bpffs = HF_BPFFS_DEFAULT,
	    .key_epoch = 60,
	    .synack_budget = 100,
	    .level = HF_LOG_INFO,
	};
	int err;

	hf_log_init("handfastd", o.level);
	err = options_read(argc, argv, &o);
	if (err > 0)
		return 0;
	if (err) {
		fputs("Try 'handfastd --help'.\n", stderr);
		return 2;
	}
	hf_log_init("handfastd", o.level);
	return run(&o) ? 1 : 0;
}
