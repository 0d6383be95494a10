// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "relay/relay.h"

#define DRAIN_NS (10 * 1000000000ULL)

static struct relay relay = {
    .full = RELAY_NOTICE_INIT,
    .upstream = RELAY_NOTICE_INIT,
    .accept = RELAY_NOTICE_INIT,
};

/* The signals that end it; blocked in all threads, waited for in main(). */
static sigset_t signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A peer that is gone is told by errno. */
	signal(SIGPIPE, SIG_IGN);
	return set;
}

static struct worker *workers_start(void)
{
	int n = relay.options.workers, i, err;
	struct worker *workers = calloc(n, sizeof(*workers));

	if (!workers) {
		hf_error("no memory for %d workers", n);
		return NULL;
	}
	for (i = 0; i < n; i++) {
		err = relay_worker_start(&workers[i], &relay);
		if (err) {
			hf_error("cannot start worker %d of %d: %s", i + 1, n,
				 strerror(-err));
			/* The process ends: nothing is given back. */
			return NULL;
		}
	}
	return workers;
}

static void workers_wake(struct worker *workers)
{
	int i;

	for (i = 0; i < relay.options.workers; i++)
		relay_worker_wake(&workers[i]);
}

/* Sleeps a little. True: one more signal came. */
static bool signal_wait(const sigset_t *set)
{
	struct timespec ts = {.tv_nsec = 10000000};

	return sigtimedwait(set, NULL, &ts) > 0;
}

/* Accepts no more, waits for the connections that are open. */
static void drain(struct worker *workers, const sigset_t *set)
{
	uint64_t deadline = relay_now() + DRAIN_NS;
	int i;

	atomic_store(&relay.stopping, true);
	workers_wake(workers);
	while (atomic_load(&relay.accepting))
		signal_wait(set);
	close(relay.listener);
	if (atomic_load(&relay.connections))
		hf_info("stopped listening; waiting up to 10 s for %d "
			"connections",
			atomic_load(&relay.connections));
	while (atomic_load(&relay.connections) && relay_now() < deadline)
		if (signal_wait(set))
			break;
	if (atomic_load(&relay.connections))
		hf_warn(
		    "%d connections were cut", atomic_load(&relay.connections));
	atomic_store(&relay.cut, true);
	workers_wake(workers);
	for (i = 0; i < relay.options.workers; i++)
		pthread_join(workers[i].thread, NULL);
}

int main(int argc, char **argv)
{
	struct relay_address address;
	struct worker *workers;
	sigset_t set;
	int sig;

	hf_log_init("handfast-relay", HF_LOG_INFO);
	relay_options_parse(argc, argv, &relay.options);
	set = signals_block();
	if (relay_limits_raise(relay.options.workers, &relay.limits))
		return 1;
	relay.listener = relay_listener_open(&relay.options, &address);
	if (relay.listener < 0)
		return 1;
	workers = workers_start();
	if (!workers)
		return 1;
	hf_info("relaying %s to %s%s; %d descriptors carry %d connections",
		address.text, relay.options.upstream.text,
		relay.options.proxy ? " (PROXY protocol v2)" : "",
		relay.limits.descriptors, relay.limits.connections);
	while (sigwait(&set, &sig))
		;
	drain(workers, &set);
	free(workers);
	hf_info("ended");
	return 0;
}
