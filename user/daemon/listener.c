// SPDX-License-Identifier: BSD-2-Clause
/* Listeners: from a bound socket to listen_table and its indices. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "common/log.h"
#include "daemon/child.h"
#include "daemon/listener.h"
#include "daemon/sockdiag.h"

#define TCP_DEFAULT_MSS 536 /* TCP_MAXSEG of a socket that nobody set */

/* A refusal: the text goes to the application. */
#define REFUSE(error, ...) (snprintf(text, size, __VA_ARGS__), -(error))

bool inherit_int(const struct inherit *inherit, int level, int name, int *value)
{
	for (size_t i = 0; i < inherit->count; i++) {
		const struct inherit_option *o = &inherit->option[i];

		if (o->level != level || o->name != name)
			continue;
		memcpy(value, o->value, sizeof(*value));
		return true;
	}
	return false;
}

static int socket_int(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

struct listener *listener_of(const struct hf_request *req)
{
	struct listener *l = NULL;

	if (req->listener < HF_LISTENERS_MAX)
		l = hfd.listeners[req->listener];
	return l && l->mem->generation == req->listener_generation ? l : NULL;
}

/* --------------------------------------------------------------- checks */

static int check_netns(int fd, char *text, size_t size)
{
	int ns = ioctl(fd, SIOCGSKNS);
	struct stat st;
	int err;

	if (ns < 0)
		return REFUSE(errno,
			      "cannot tell the socket's network "
			      "namespace: %s",
			      strerror(errno));
	err = fstat(ns, &st) ? -errno : 0;
	close(ns);
	if (err)
		return err;
	if (st.st_ino != hfd.netns)
		return REFUSE(EXDEV, "the socket is of another network "
				     "namespace than this handfastd: run one "
				     "there");
	return 0;
}

static int check_socket(int fd, char *text, size_t size)
{
	int domain = socket_int(fd, SOL_SOCKET, SO_DOMAIN);

	if (domain < 0)
		return REFUSE(errno, "not a socket");
	if ((domain != AF_INET && domain != AF_INET6) ||
	    socket_int(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP)
		return REFUSE(EPROTONOSUPPORT, "not a TCP socket");
	return check_netns(fd, text, size);
}

/* What the kernel needs to make the connections itself. */
static int check_delivery(const struct listen_request *request, char *text,
			  size_t size)
{
	int mss, least;

	if (request->ctl->delivery != HF_DELIVERY_KERNEL)
		return 0;
	if (!hfd.world.deliver)
		return REFUSE(EOPNOTSUPP,
			      "delivery kernel needs a kernel that has "
			      "bpf_sk_assign_tcp_reqsk (Linux 6.9): use "
			      "delivery accept");
	if (!hfd.config.syncookies)
		return REFUSE(EOPNOTSUPP,
			      "delivery kernel needs net.ipv4.tcp_syncookies "
			      "on, as the kernel takes the connections by the "
			      "same way: sysctl -w net.ipv4.tcp_syncookies=1");
	mss = socket_int(request->bound_fd, IPPROTO_TCP, TCP_MAXSEG);
	least = socket_int(request->bound_fd, SOL_SOCKET, SO_DOMAIN) == AF_INET
		    ? 536
		    : 1220;
	if (mss > 0 && mss != TCP_DEFAULT_MSS && mss < least)
		return REFUSE(EOPNOTSUPP,
			      "delivery kernel needs a TCP_MAXSEG of at least "
			      "%d, or none: use delivery accept",
			      least);
	if (socket_int(request->bound_fd, SOL_SOCKET, SO_BINDTOIFINDEX) > 0)
		return REFUSE(EOPNOTSUPP,
			      "delivery kernel is not for sockets that are "
			      "bound to a device: use delivery accept");
	return 0;
}

static int check_channel(int fd, char *text, size_t size)
{
	if (socket_int(fd, SOL_SOCKET, SO_DOMAIN) != AF_UNIX ||
	    socket_int(fd, SOL_SOCKET, SO_TYPE) != SOCK_SEQPACKET)
		return REFUSE(EPROTO, "the channel is not a SOCK_SEQPACKET "
				      "socket");
	return 0;
}

/* --------------------------------------------------------------- values */

static void value_address(struct hf_listener *v,
			  const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	v->family = (__u8)addr->ss_family;
	memset(&v->addr, 0, sizeof(v->addr));
	if (addr->ss_family == AF_INET) {
		v->port = ntohs(in->sin_port);
		memset(v->addr.b + 10, 0xff, 2);
		memcpy(v->addr.b + 12, &in->sin_addr, 4);
		return;
	}
	v->port = ntohs(in6->sin6_port);
	memcpy(v->addr.b, &in6->sin6_addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		v->ifindex = in6->sin6_scope_id;
}

/* secs_to_retrans(): how many SYN-ACK timeouts fit. */
static __u8 defer_timeouts(int seconds)
{
	int n = 0;

	for (int period = 1, timeout = 1; seconds > 0 && n < 255; n++) {
		if (n && seconds <= period)
			break;
		if (n) {
			timeout = timeout * 2 > 120 ? 120 : timeout * 2;
			period += timeout;
		}
	}
	return (__u8)n;
}

static void value_options(struct hf_listener *v, int fd,
			  const struct inherit *in)
{
	bool ipv6 = v->family == AF_INET6;
	int rcvbuf = socket_int(fd, SOL_SOCKET, SO_RCVBUF);
	int mss = socket_int(fd, IPPROTO_TCP, TCP_MAXSEG);
	int n;

	v->v6only = ipv6 && socket_int(fd, SOL_IPV6, IPV6_V6ONLY) > 0;
	v->rcv_space = hf_rcv_space(&hfd.rcvbuf, (__u32)rcvbuf);
	v->rcv_wscale =
	    hf_rcv_wscale(&hfd.rcvbuf, v->rcv_space,
			  inherit_int(in, SOL_SOCKET, SO_RCVBUF, &n));
	v->ttl = 0;
	if (inherit_int(in, ipv6 ? SOL_IPV6 : SOL_IP,
			ipv6 ? IPV6_UNICAST_HOPS : IP_TTL, &n) &&
	    n > 0)
		v->ttl = (__u8)n;
	v->tos = 0;
	if (inherit_int(in, ipv6 ? SOL_IPV6 : SOL_IP,
			ipv6 ? IPV6_TCLASS : IP_TOS, &n) &&
	    n > 0)
		v->tos = (__u8)(n & 0xfc);
	v->user_mss = mss > 0 && mss != TCP_DEFAULT_MSS ? (__u16)mss : 0;
	v->defer_accept =
	    defer_timeouts(socket_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT));
}

/* Backlog and bounds, as listen(2) and tcp_conn_request() have them. */
static void value_bounds(struct hf_listener *v,
			 const struct hf_ctl_request *ctl)
{
	const struct hf_config *c = &hfd.config;
	__u32 backlog = (__u32)ctl->backlog;

	if (backlog > c->somaxconn)
		backlog = c->somaxconn;
	v->backlog = backlog;
	v->synq_max =
	    backlog < c->max_syn_backlog ? backlog : c->max_syn_backlog;
	/* Without cookies the last quarter of max_syn_backlog is for clients
	 * with a proven address, which nobody has here. */
	if (ctl->cookies == HF_COOKIES_OFF &&
	    v->synq_max > c->max_syn_backlog - (c->max_syn_backlog >> 2))
		v->synq_max = c->max_syn_backlog - (c->max_syn_backlog >> 2);
	v->cookies = ctl->cookies;
	v->overflow = ctl->overflow;
	if (ctl->overflow == HF_CTL_DEFAULT)
		v->overflow =
		    c->abort_on_overflow ? HF_OVERFLOW_RST : HF_OVERFLOW_HOLD;
	v->delivery = ctl->delivery;
}

static void value_application(struct hf_listener *v,
			      const struct listen_request *request)
{
	char path[64];
	FILE *file;

	v->pid = (__u32)request->pid;
	v->uid = request->uid;
	snprintf(path, sizeof(path), "/proc/%d/comm", request->pid);
	memset(v->comm, 0, sizeof(v->comm));
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(v->comm, sizeof(v->comm), file))
		v->comm[strcspn(v->comm, "\n")] = '\0';
	fclose(file);
}

/* -------------------------------------------------------------- indices */

static bool addr_is_any(const struct hf_listener *v)
{
	static const struct hf_addr zero,
	    any4 = {.b = {[10] = 0xff, [11] = 0xff}};

	return !memcmp(
	    &v->addr, v->family == AF_INET ? &any4 : &zero, sizeof(zero));
}

static bool same_place(const struct hf_listener *a, const struct hf_listener *b)
{
	return a->port == b->port && a->ifindex == b->ifindex &&
	       a->family == b->family &&
	       !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

/* The members of the group that `first` leads, in slots' order. */
static void group_write(struct listener *first)
{
	struct hf_group group = {};
	uint32_t index = first->index;

	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		struct listener *l = hfd.listeners[i];

		if (l && group.count < HF_GROUP_MAX &&
		    same_place(l->mem, first->mem))
			group.member[group.count++] = i;
	}
	bpf_map_update_elem(
	    hfd.world.maps.reuseport_groups, &index, &group, BPF_ANY);
	for (uint32_t i = 0; i < group.count; i++)
		hfd.listeners[group.member[i]]->mem->group =
		    group.count > 1 ? (__u16)index : 0;
}

/* The first listener at the same place, which stands for its group. */
static struct listener *group_leader(const struct hf_listener *v)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++)
		if (hfd.listeners[i] && same_place(hfd.listeners[i]->mem, v))
			return hfd.listeners[i];
	return NULL;
}

static void hash_key(const struct hf_listener *v, struct hf_listen_key *key)
{
	memset(key, 0, sizeof(*key));
	key->addr = v->addr;
	key->ifindex = v->ifindex;
	key->port = v->port;
}

static void index_add(const struct listener *l, struct hf_port *port)
{
	const struct hf_listener *v = l->mem;
	__u16 index = (__u16)l->index;
	struct hf_listen_key key;
	__u32 value = l->index;

	if (v->cookies == HF_COOKIES_ALWAYS || v->cookie_last_ns)
		port->cookies = 1;
	if (addr_is_any(v) && !v->ifindex) {
		if (v->family == AF_INET)
			port->any4 = index;
		else
			port->any6 = index;
		return;
	}
	hash_key(v, &key);
	bpf_map_update_elem(hfd.world.maps.listen_hash, &key, &value, BPF_ANY);
	port->exact++;
}

/* Writes port_table (and listen_hash) for a port anew. */
static void index_rebuild(__u16 number)
{
	struct hf_port *live = &hfd.port_table[number];
	struct hf_port port = {};
	struct listener *any6;

	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		struct listener *l = hfd.listeners[i];

		if (!l || l->mem->port != number || group_leader(l->mem) != l)
			continue;
		group_write(l);
		index_add(l, &port);
	}
	/* [::] answers IPv4 too, where no IPv4 socket does. */
	any6 = hfd.listeners[port.any6];
	if (any6 && !port.any4 && !any6->mem->v6only)
		port.any4 = port.any6;
	/* Cookies under way outlive the listener's neighbours: never cleared
	 * here, but by the spell's end. */
	if (port.cookies)
		__atomic_store_n(&live->cookies, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&live->any4, port.any4, __ATOMIC_RELEASE);
	__atomic_store_n(&live->any6, port.any6, __ATOMIC_RELEASE);
	__atomic_store_n(&live->exact, port.exact, __ATOMIC_RELEASE);
}

/* ----------------------------------------------------------------- open */

/* Another listener at this place: of one uid with SO_REUSEPORT, or none. */
static int check_conflict(const struct listener *l, char *text, size_t size)
{
	uint32_t members = 0;

	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		const struct listener *other = hfd.listeners[i];

		if (!other || !same_place(other->mem, l->mem))
			continue;
		if (!other->reuseport || !l->reuseport ||
		    other->uid != l->uid || other->cookie == l->cookie)
			return REFUSE(EADDRINUSE,
				      "%s (pid %u) listens there already; two "
				      "sockets share an address with "
				      "SO_REUSEPORT and one uid only",
				      other->mem->comm, other->mem->pid);
		members++;
	}
	if (members >= HF_GROUP_MAX)
		return REFUSE(ENOSPC,
			      "a SO_REUSEPORT group has at most %u "
			      "sockets",
			      HF_GROUP_MAX);
	return 0;
}

static uint32_t slot_find(const struct hf_listener *v)
{
	uint32_t index = restart_claim(v);

	for (uint32_t i = 1; !index && i < HF_LISTENERS_MAX; i++)
		if (!hfd.listeners[i] &&
		    hfd.listen_table[i].state == HF_LISTENER_FREE)
			index = i;
	return index;
}

/* Reads the socket into *v. */
static int listener_describe(struct listener *l, struct hf_listener *v,
			     const struct listen_request *request)
{
	struct sockaddr_storage addr = {};
	socklen_t len = sizeof(addr);
	int ifindex = 0, err;

	if (getsockname(l->bound_fd, (struct sockaddr *)&addr, &len))
		return -errno;
	len = sizeof(l->cookie);
	if (getsockopt(l->bound_fd, SOL_SOCKET, SO_COOKIE, &l->cookie, &len))
		return -errno;
	err = inherit_read(&l->inherit, l->bound_fd, addr.ss_family);
	if (err)
		return err;
	ifindex = socket_int(l->bound_fd, SOL_SOCKET, SO_BINDTOIFINDEX);
	value_address(v, &addr);
	if (ifindex > 0)
		v->ifindex = (__u32)ifindex;
	value_options(v, l->bound_fd, &l->inherit);
	value_bounds(v, request->ctl);
	value_application(v, request);
	l->reuseport = l->inherit.reuseport;
	l->ctl = *request->ctl;
	l->uid = request->uid;
	l->gid = request->gid;
	return 0;
}

static void channel_ready(struct source *source, uint32_t events)
{
	struct listener *l =
	    (struct listener *)((char *)source -
				offsetof(struct listener, source));

	if (events & (EPOLLHUP | EPOLLERR))
		l->closed = true; /* control.c ends it, with its connection */
	else
		acceptq_flush(l);
}

/* Into its slot: counters of a claimed one stay, the state comes last. */
static void listener_publish(struct listener *l, const struct hf_listener *v,
			     uint32_t index)
{
	struct hf_listener *mem = &hfd.listen_table[index];
	bool claimed = mem->state != HF_LISTENER_FREE;

	l->index = index;
	l->mem = mem;
	if (!claimed) {
		mem->cookie_last_ns = mem->cookie_since_ns = 0;
		mem->synq_len = 0;
		mem->acceptq_len = mem->acceptq_kernel = 0;
		mem->generation++;
	}
	memcpy(mem, v, offsetof(struct hf_listener, generation));
	memcpy(&mem->cookies, &v->cookies,
	       offsetof(struct hf_listener, cookie_last_ns) -
		   offsetof(struct hf_listener, cookies));
	__atomic_store_n(
	    (int *)&mem->state, HF_LISTENER_LISTENING, __ATOMIC_RELEASE);
	pthread_rwlock_wrlock(&hfd.lock);
	hfd.listeners[index] = l;
	pthread_rwlock_unlock(&hfd.lock);
	index_rebuild(mem->port);
}

static int listener_enter(struct listener *l,
			  const struct listen_request *request, char *text,
			  size_t size)
{
	struct hf_listener v = {};
	uint32_t index;
	int err;

	err = listener_describe(l, &v, request);
	if (err)
		return REFUSE(
		    -err, "cannot read the socket: %s", strerror(-err));
	l->mem = &v;
	err = check_conflict(l, text, size);
	if (err)
		return err;
	index = slot_find(&v);
	if (!index)
		return REFUSE(ENOSPC, "all %u places of listen_table are taken",
			      HF_LISTENERS_MAX - 1);
	l->source.ready = channel_ready;
	if (l->channel_fd >= 0)
		err = source_add(&l->source, l->channel_fd, EPOLLET);
	if (err)
		return err;
	listener_publish(l, &v, index);
	return 0;
}

int listener_open(const struct listen_request *request,
		  struct listener **listener, char *text, size_t size)
{
	struct listener *l;
	int err;

	err = check_socket(request->bound_fd, text, size);
	if (!err)
		err = check_delivery(request, text, size);
	if (!err && request->ctl->delivery != HF_DELIVERY_KERNEL)
		err = check_channel(request->channel_fd, text, size);
	if (err)
		return err;
	if (listen(request->bound_fd, request->ctl->backlog))
		return REFUSE(errno, "listen: %s", strerror(errno));
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->mutex, NULL);
	l->bound_fd = fcntl(request->bound_fd, F_DUPFD_CLOEXEC, 0);
	l->channel_fd = -1;
	if (request->ctl->delivery != HF_DELIVERY_KERNEL)
		l->channel_fd = fcntl(request->channel_fd, F_DUPFD_CLOEXEC, 0);
	if (l->bound_fd < 0 ||
	    (l->channel_fd < 0 && request->ctl->delivery != HF_DELIVERY_KERNEL))
		err = REFUSE(errno, "no descriptors left");
	if (!err && l->channel_fd >= 0 && request->page_fd >= 0 &&
	    acceptq_page_open(l, request->page_fd))
		err = REFUSE(EPROTO, "the channel's page is not a sealed "
				     "memfd");
	if (!err)
		err = listener_enter(l, request, text, size);
	if (!err) {
		*listener = l;
		return 0;
	}
	acceptq_page_close(l);
	if (l->bound_fd >= 0)
		close(l->bound_fd);
	if (l->channel_fd >= 0)
		close(l->channel_fd);
	free(l);
	return err;
}

int listener_change(struct listener *l, const struct listen_request *request,
		    char *text, size_t size)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(
		request->bound_fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ||
	    cookie != l->cookie)
		return REFUSE(EINVAL, "this connection has another listener");
	if ((request->ctl->delivery == HF_DELIVERY_KERNEL) !=
	    (l->ctl.delivery == HF_DELIVERY_KERNEL))
		return REFUSE(EINVAL, "a listener's delivery cannot change "
				      "between kernel and another one");
	if (listen(l->bound_fd, request->ctl->backlog))
		return REFUSE(errno, "listen: %s", strerror(errno));
	l->ctl = *request->ctl;
	value_bounds(l->mem, request->ctl);
	index_rebuild(l->mem->port);
	return 0;
}

void listener_refresh_all(void)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++)
		if (hfd.listeners[i])
			value_bounds(
			    hfd.listeners[i]->mem, &hfd.listeners[i]->ctl);
}

/* ---------------------------------------------------------------- close */

struct close_visit {
	struct listener *l;
	struct request_batch batch;
};

/* A complete request gets its socket, and the socket the RST that Linux
 * sends for children of a listener that closes. Not if it has one: the
 * kernel's own queue has it, or whoever accepted it. */
static void close_request(const struct hf_tuple *key,
			  const struct hf_request *req, void *arg)
{
	struct close_visit *visit = arg;
	struct hf_request_op *op;
	struct waiting child;

	if (req->listener != visit->l->index ||
	    req->listener_generation != visit->l->mem->generation)
		return;
	if (req->word.state == HF_REQUEST_ACKED &&
	    (!req->assigned_ms ||
	     sockdiag_find(key, visit->l->mem->ifindex) < 0) &&
	    !child_build(key, req, visit->l, &child)) {
		close(child.fd);
		DAEMON_COUNT(acceptq_reset);
	}
	op = request_batch_add(&visit->batch, HF_OP_DROP, key);
	op->req.word = req->word;
}

void listener_close(struct listener *l)
{
	struct close_visit visit = {.l = l};
	struct hf_listen_key key;

	__atomic_store_n(
	    (int *)&l->mem->state, HF_LISTENER_CLOSING, __ATOMIC_RELEASE);
	/* Workers are between two rounds while this is held: no child of the
	 * listener is half-made. */
	pthread_rwlock_wrlock(&hfd.lock);
	hfd.listeners[l->index] = NULL;
	if (request_batch_init(&visit.batch, 0) == 0) {
		request_each(close_request, &visit);
		request_batch_run(&visit.batch);
	}
	pthread_rwlock_unlock(&hfd.lock);
	hash_key(l->mem, &key);
	if (!group_leader(l->mem))
		bpf_map_delete_elem(hfd.world.maps.listen_hash, &key);
	index_rebuild(l->mem->port);
	acceptq_reset(l);
	__atomic_store_n(
	    (int *)&l->mem->state, HF_LISTENER_FREE, __ATOMIC_RELEASE);
	if (l->channel_fd >= 0) {
		source_remove(l->channel_fd);
		close(l->channel_fd);
	}
	acceptq_page_close(l);
	close(l->bound_fd);
	free(l->queue);
	free(l);
}
