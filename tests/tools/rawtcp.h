/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rawtcp plays one end of a TCP connection by a script, frame by frame. Its
 * parts: rawtcp.c reads the script, rawtcp_send.c and rawtcp_recv.c carry
 * out what a line says.
 */
#ifndef TEST_RAWTCP_H
#define TEST_RAWTCP_H

#include <stdarg.h>

#include "frame.h"

#define RAW_BATCH_MAX 128
#define RAW_WORDS_MAX 32
#define RAW_FLOWS_MAX 64
#define RAW_TEXT_MAX 8192

/* A connection, as its TCP would know it. */
struct raw_flow {
	uint16_t sport; /* 0: not begun */
	uint32_t iss, snd_nxt;
	uint32_t irs, rcv_nxt;
	bool synchronized; /* irs is known */
	bool ts_on;        /* both SYNs had timestamps */
	uint32_t ts_recent;
};

struct raw {
	int fd;
	int ifindex;
	bool verbose;
	int line;          /* of the script */
	struct frame base; /* addresses, ports, MACs, tags */
	uint16_t window;

	struct raw_flow flow;                 /* the present one */
	struct raw_flow flows[RAW_FLOWS_MAX]; /* the others */
	int flow_number;

	int64_t start_ms;

	bool batching;
	int batch_count;
	size_t batch_len[RAW_BATCH_MAX];
	uint8_t batch[RAW_BATCH_MAX][FRAME_MAX];
};

/* The words of a line: verb, flags or number, key=value. */
struct words {
	int count;
	char *word[RAW_WORDS_MAX];
};

/* Says what is wrong with the present line, and ends the program. */
void raw_fail(const struct raw *raw, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

int64_t raw_now_ms(void);
void raw_print_frame(const struct raw *raw, const char *way,
		     const struct frame *frame);

/* The value of key=value or "" for a bare key; NULL: not there. */
const char *raw_value(const struct words *words, const char *key);
long raw_number(const struct raw *raw, const struct words *words,
		const char *key, long otherwise);

/* "SA" to TH_SYN | TH_ACK; "-": none. */
uint8_t raw_flags(const struct raw *raw, const char *text);
/* "+N": first + N; "nxt", "nxt+N", "nxt-N"; else a number. */
uint32_t raw_seq(const struct raw *raw, const char *text, uint32_t first,
		 uint32_t next);
/* Undoes \n \r \s \\ \xHH. Returns the length. */
size_t raw_unescape(const struct raw *raw, const char *text, uint8_t *out);
/* Byte number `offset` of every stream of generated data. */
uint8_t raw_pattern(uint32_t offset);

/* rawtcp_send.c */
void raw_send(struct raw *raw, const struct words *words);
void raw_send_fuzz(struct raw *raw, const struct words *words);
void raw_send_ack(struct raw *raw, uint8_t flags);
void raw_flush(struct raw *raw);

/* rawtcp_recv.c */
void raw_expect(struct raw *raw, const struct words *words, bool skip_others);
void raw_quiet(struct raw *raw, const struct words *words);
void raw_count(struct raw *raw, const struct words *words);
void raw_recv(struct raw *raw, const struct words *words);

#endif
