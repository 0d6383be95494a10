// SPDX-License-Identifier: BSD-2-Clause
/* Key epochs of the cookies, and the end of a spell of cookie mode. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <bpf/bpf.h>

#include "common/log.h"
#include "daemon/listener.h"

/* A new key for the parity that comes; the other one stays for an epoch. */
static int keys_next(void)
{
	struct hf_keys keys;
	__u32 zero = 0;
	__u64 *key;

	if (bpf_map_lookup_elem(hfd.world.maps.keys, &zero, &keys))
		return -errno;
	key = keys.cookie[(keys.epoch + 1) & 1];
	if (getrandom(key, sizeof(keys.cookie[0]), 0) != sizeof(keys.cookie[0]))
		return -EIO;
	keys.epoch++;
	if (bpf_map_update_elem(hfd.world.maps.keys, &zero, &keys, BPF_ANY))
		return -errno;
	return 0;
}

void keys_run(uint64_t now)
{
	int err;

	/* epoch_ns is 0 at the start: nobody knows how old the key is. */
	if (hfd.epoch_ns && now - hfd.epoch_ns < hfd.config.key_epoch_ns)
		return;
	err = keys_next();
	if (err)
		hf_error("cannot change the cookie key: %s", strerror(-err));
	hfd.epoch_ns = now;
}

/* Whether cookies of this listener may be under way. */
static bool spell_goes_on(const struct hf_listener *v, uint64_t now)
{
	/* XDP notes a cookie only once in 2^30 ns. */
	uint64_t life = 2 * hfd.config.key_epoch_ns + 2 * NSEC_PER_SEC;
	uint64_t last = __atomic_load_n(&v->cookie_last_ns, __ATOMIC_ACQUIRE);

	return v->cookies == HF_COOKIES_ALWAYS || (last && now - last <= life);
}

static bool port_spell_goes_on(__u16 port, uint64_t now)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		const struct listener *l = hfd.listeners[i];

		if (l && l->mem->port == port && spell_goes_on(l->mem, now))
			return true;
	}
	return false;
}

void keys_end_spells(uint64_t now)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		struct listener *l = hfd.listeners[i];
		struct hf_port *port;

		if (!l || spell_goes_on(l->mem, now))
			continue;
		port = &hfd.port_table[l->mem->port];
		if (!port->cookies || port_spell_goes_on(l->mem->port, now))
			continue;
		/* XDP writes the time first, then the flag: clear the flag,
		 * then look at the time once more. */
		__atomic_store_n(&port->cookies, 0, __ATOMIC_SEQ_CST);
		if (port_spell_goes_on(l->mem->port, hf_now_ns()))
			__atomic_store_n(&port->cookies, 1, __ATOMIC_SEQ_CST);
	}
}
