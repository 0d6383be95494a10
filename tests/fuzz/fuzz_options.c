// SPDX-License-Identifier: BSD-2-Clause
/* TCP options: whatever a known layout reads, the general parser reads. */
#include "fuzz.h"
#include "handfast/options.h"

static bool known(const __u32 *w, size_t len, struct hf_options *o)
{
	hf_options_init(o);
	switch (len) {
	case 4:
		return hf_options_is_mss(w[0], o);
	case 12:
		if (hf_options_tstamp_only(w, o))
			return true;
		hf_options_init(o);
		return hf_options_windows(w, o);
	case 20:
		if (hf_options_linux(w, o))
			return true;
		hf_options_init(o);
		return hf_options_freebsd(w, o);
	case 24:
		return hf_options_macos(w, o);
	default:
		return false;
	}
}

/* The layouts, so that changes of single bytes come near them. */
static const uint8_t seeds[][24] = {
    {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7},
    {2, 4, 5, 180, 1, 3, 3, 6, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0},
    {2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2},
    {2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 4, 2},
    {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
};
static const uint8_t lens[] = {20, 20, 12, 24, 12, 4};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[HF_OPTIONS_BUF] = {0}, choice, change[2];
	struct hf_options fast, general;
	size_t len;
	__u32 w[10];

	fuzz_take(&data, &size, &choice, 1);
	len = choice & 0x80 ? choice % 41 : lens[choice % 6];
	if (choice & 0x40)
		memcpy(buf, seeds[choice % 5], sizeof(seeds[0]));
	else
		fuzz_take(&data, &size, buf, len);
	while (size && choice & 0x40) {
		fuzz_take(&data, &size, change, 2);
		buf[change[0] % 24] = change[1];
		if (change[0] & 0x80)
			break;
	}
	memset(buf + len, 0, sizeof(buf) - len);
	hf_options_parse(buf, (__u32)len, &general);
	HOLDS(general.wscale <= HF_WSCALE_MAX ||
	      general.wscale == HF_WSCALE_NONE);
	HOLDS(general.tstamp || !(general.tsval | general.tsecr));
	memcpy(w, buf, sizeof(w));
	if (!known(w, len, &fast))
		return 0;
	HOLDS(fast.mss == general.mss && fast.wscale == general.wscale);
	HOLDS(fast.sack_perm == general.sack_perm && !general.auth);
	HOLDS(fast.tstamp == general.tstamp && fast.tsval == general.tsval);
	HOLDS(fast.tsecr == general.tsecr);
	return 0;
}
