/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP options of SYNs, byte by byte. */
#ifndef BPFTEST_OPTIONS_H
#define BPFTEST_OPTIONS_H

/* Defines a function that gives the scene's SYN these options. */
#define OPTIONS(name, ...)                                                     \
	static void name(struct scene *s)                                      \
	{                                                                      \
		static const uint8_t bytes[] = {__VA_ARGS__};                  \
		scene_options(s, bytes, sizeof(bytes));                        \
	}

#define MSS(mss) 2, 4, (mss) >> 8, (mss)&0xff
#define SACK 4, 2
#define TS 8, 10, 0, 0, 0x13, 0x88, 0, 0, 0, 0 /* TSval 5000 */
#define WS(scale) 3, 3, scale
#define NOP8 1, 1, 1, 1, 1, 1, 1, 1

#endif
