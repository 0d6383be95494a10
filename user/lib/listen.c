// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handfast.h"
#include "handfast/abi.h"
#include "lib/lib.h"

/* Not a TLS buffer that a thread has to free: the reply's text and more. */
static __thread char listen_error[384];

__attribute__((format(printf, 2, 3))) static int
error_set(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(listen_error, sizeof(listen_error), format, args);
	va_end(args);
	errno = err;
	return -err;
}

const char *hf_listen_error(void)
{
	return listen_error;
}

/* ---------------------------------------------------------------- options */

/* A later version's structure is longer; what is not known must be zero. */
static bool options_readable(const struct hf_listen_options *opt)
{
	const char *byte = (const char *)opt + sizeof(*opt);

	if (opt->size < sizeof(*opt) || opt->size > 4096)
		return false;
	for (; byte < (const char *)opt + opt->size; byte++)
		if (*byte)
			return false;
	return true;
}

static int options_parse(const struct hf_listen_options *opt,
			 struct hf_ctl_request *request)
{
	static const uint32_t cookies[] = {
	    [HF_COOKIES_OPT_AUTO] = HF_COOKIES_AUTO,
	    [HF_COOKIES_OPT_OFF] = HF_COOKIES_OFF,
	    [HF_COOKIES_OPT_ALWAYS] = HF_COOKIES_ALWAYS,
	};
	static const uint32_t overflow[] = {
	    [HF_OVERFLOW_OPT_SYSTEM] = HF_CTL_DEFAULT,
	    [HF_OVERFLOW_OPT_HOLD] = HF_OVERFLOW_HOLD,
	    [HF_OVERFLOW_OPT_RST] = HF_OVERFLOW_RST,
	};

	if (!options_readable(opt))
		return error_set(EINVAL,
				 "hf_listen_options.size is %zu: set it to "
				 "sizeof(struct hf_listen_options), the rest "
				 "to zero",
				 opt->size);
	if ((unsigned int)opt->cookies >
		sizeof(cookies) / sizeof(cookies[0]) - 1 ||
	    (unsigned int)opt->overflow >
		sizeof(overflow) / sizeof(overflow[0]) - 1 ||
	    (unsigned int)opt->delivery > HF_DELIVERY_OPT_KERNEL)
		return error_set(EINVAL, "hf_listen_options: unknown value of "
					 "cookies, overflow or delivery");
	request->cookies = cookies[opt->cookies];
	request->overflow = overflow[opt->overflow];
	request->delivery = opt->relay ? HF_DELIVERY_RELAY : HF_DELIVERY_ACCEPT;
	if (opt->delivery == HF_DELIVERY_OPT_KERNEL)
		request->delivery = HF_DELIVERY_KERNEL;
	return 0;
}

static int path_choose(const struct hf_listen_options *opt, const char **path)
{
	*path = opt->socket_path;
	if (!*path)
		*path = secure_getenv("HANDFAST_SOCKET");
	if (!*path || !**path)
		*path = HF_SOCKET_DEFAULT;
	if (strlen(*path) >= sizeof(((struct listener *)0)->path))
		return error_set(EINVAL,
				 "control socket '%.64s...': the path "
				 "is too long",
				 *path);
	return 0;
}

/* ----------------------------------------------------------------- socket */

static int socket_option(int fd, int name, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, name, value, &len) ? -errno : 0;
}

/* Is it a TCP socket? Tells its cookie. */
static int socket_check(int fd, uint64_t *cookie)
{
	socklen_t len = sizeof(*cookie);
	int type, domain, protocol, err;

	err = socket_option(fd, SO_TYPE, &type);
	if (!err)
		err = socket_option(fd, SO_DOMAIN, &domain);
	if (!err)
		err = socket_option(fd, SO_PROTOCOL, &protocol);
	if (!err && getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len))
		err = -errno;
	if (err)
		return error_set(-err, "descriptor %d: %s", fd, strerror(-err));
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return error_set(EOPNOTSUPP,
				 "descriptor %d: a socket of this type cannot "
				 "listen",
				 fd);
	if ((domain != AF_INET && domain != AF_INET6) ||
	    protocol != IPPROTO_TCP)
		return error_set(
		    EPROTONOSUPPORT, "descriptor %d is not a TCP socket", fd);
	return 0;
}

/* -------------------------------------------------------------- listeners */

void hf_listener_drop(struct listener *l)
{
	if (l->dead)
		return;
	l->dead = true;
	LIST_REMOVE(l, link);
	LIST_INSERT_HEAD(&hf_lib.graves, l, link);

	hf_kernel_unwatch(l);
	if (l->write_fd >= 0) {
		hf_thread_unwatch(l->write_fd);
		hf_channel_close(l);
	}
	if (l->bound_fd >= 0) {
		close(l->bound_fd);
		l->bound_fd = -1;
	}
	while (l->n_pending)
		close(l->pending[--l->n_pending].fd);
	/* Last: who sees it closed finds the port free. */
	if (l->control_fd >= 0) {
		hf_thread_unwatch(l->control_fd);
		close(l->control_fd);
		l->control_fd = -1;
	}
	pthread_cond_broadcast(&hf_lib.answered);
	hf_thread_wake();
}

bool hf_listener_read_end_open(const struct listener *l)
{
	struct stat st;

	return !fstat(l->read_fd, &st) && S_ISSOCK(st.st_mode) &&
	       st.st_ino == l->read_inode;
}

static struct listener *listener_find(uint64_t cookie)
{
	struct listener *l;

	LIST_FOREACH(l, &hf_lib.listeners, link)
		if (l->cookie == cookie)
			return l;
	return NULL;
}

static struct listener *listener_new(uint64_t cookie, const char *path)
{
	struct listener *l = calloc(1, sizeof(*l));
	unsigned int i;

	if (!l)
		return NULL;
	for (i = 0; i < sizeof(l->sources) / sizeof(l->sources[0]); i++) {
		l->sources[i].kind = i;
		l->sources[i].listener = l;
	}
	l->cookie = cookie;
	strcpy(l->path, path);
	l->read_fd = l->write_fd = l->bound_fd = l->control_fd = -1;
	l->page_fd = -1;
	l->backoff_ns = HF_BACKOFF_FIRST_NS;
	LIST_INSERT_HEAD(&hf_lib.listeners, l, link);
	return l;
}

/* What the application gets: the end of a channel, or the socket itself. */
static int read_end_make(struct listener *l)
{
	struct stat st;
	int err;

	if (l->direct) {
		l->read_fd = fcntl(l->bound_fd, F_DUPFD_CLOEXEC, 3);
		if (l->read_fd < 0 || fstat(l->read_fd, &st))
			return -errno;
		l->read_inode = st.st_ino;
		return 0;
	}
	err = hf_channel_open(l);
	/* Hang-ups are always reported. */
	return err ? err : hf_thread_watch(l, SOURCE_CHANNEL, l->write_fd, 0);
}

static int listener_open(uint64_t cookie, const char *path, int fd, bool direct,
			 struct listener **result)
{
	struct listener *l = listener_new(cookie, path);
	int err;

	if (!l)
		return -ENOMEM;
	l->direct = direct;
	l->bound_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	err = l->bound_fd < 0 ? -errno : read_end_make(l);
	if (err) {
		if (l->read_fd >= 0)
			close(l->read_fd);
		hf_listener_drop(l);
		return err;
	}
	l->retry_ns = hf_lib_now();
	l->deadline_ns = l->retry_ns + HF_ANSWER_NS;
	*result = l;
	return 0;
}

/* Finds or makes the listener of this socket. NULL: error_set() was called. */
static struct listener *listener_enter(uint64_t cookie, const char *path,
				       int fd, bool direct)
{
	struct listener *l = listener_find(cookie);
	int err;

	if (l && (l->direct ? !hf_listener_read_end_open(l)
			    : hf_channel_hung_up(l))) {
		hf_listener_drop(l);
		l = NULL;
	}
	if (!l) {
		err = listener_open(cookie, path, fd, direct, &l);
		if (err)
			error_set(
			    -err, "cannot make a listener: %s", strerror(-err));
		return l;
	}
	if (!hf_listener_read_end_open(l)) {
		error_set(EBADF, "the descriptor that hf_listen() returned "
				 "for this socket was closed, and a copy of it "
				 "is open");
		return NULL;
	}
	return l;
}

/* Waits for the answer to request `number`. 0 or an errno value. */
static int answer_wait(struct listener *l, uint32_t number)
{
	int answer;

	l->waiters++;
	/* The thread answers always, and in time. */
	while (!l->dead && (int32_t)(l->done - number) < 0)
		pthread_cond_wait(&hf_lib.answered, &hf_lib.mutex);
	l->waiters--;
	answer = l->answer;
	if (l->dead && !answer)
		answer = EBADF;
	if (answer)
		error_set(answer, "%s", l->text);
	if (answer && !l->registered && !l->dead) {
		close(l->read_fd);
		hf_listener_drop(l);
	}
	if (l->dead)
		hf_thread_wake();
	return answer;
}

static int listener_ask(uint64_t cookie, const char *path, int fd,
			const struct hf_ctl_request *request)
{
	struct listener *l;
	int err, result;

	err = hf_thread_start();
	if (err)
		return error_set(
		    -err, "cannot start a thread: %s", strerror(-err));
	l = listener_enter(
	    cookie, path, fd, request->delivery == HF_DELIVERY_KERNEL);
	if (!l)
		return -errno;
	l->wanted = *request;
	l->want++;
	result = l->read_fd;
	hf_thread_wake();
	err = answer_wait(l, l->want);
	return err ? -err : result;
}

int hf_listen(int bound_fd, int backlog, const struct hf_listen_options *opt)
{
	static const struct hf_listen_options defaults = {.size =
							      sizeof(defaults)};
	struct hf_ctl_request request = {
	    .version = HF_CTL_VERSION,
	    .type = HF_CTL_LISTEN,
	    .backlog = backlog,
	};
	const char *path;
	uint64_t cookie = 0;
	int result, cancel;

	if (!opt)
		opt = &defaults;
	if (socket_check(bound_fd, &cookie) || options_parse(opt, &request) ||
	    path_choose(opt, &path))
		return -1;

	/* listen(2) is no cancellation point, and a lock is held. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&hf_lib.mutex);
	result = listener_ask(cookie, path, bound_fd, &request);
	pthread_mutex_unlock(&hf_lib.mutex);
	pthread_setcancelstate(cancel, NULL);
	if (result < 0) {
		errno = -result;
		return -1;
	}
	listen_error[0] = '\0';
	return result;
}
