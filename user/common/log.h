/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for people, on standard error: "handfastd: what failed, on what,
 * why, what to do". libbpf's and libxdp's own messages are shown at debug
 * level only, and not at all while a probe is expected to fail.
 */
#ifndef HF_LOG_H
#define HF_LOG_H

enum hf_log_level {
	HF_LOG_ERROR,
	HF_LOG_WARN,
	HF_LOG_INFO,
	HF_LOG_DEBUG,
};

/* `program` is put before every line. Default level: INFO. Under systemd
 * (JOURNAL_STREAM is set) lines begin with their <priority> instead. */
void hf_log_init(const char *program, enum hf_log_level level);
enum hf_log_level hf_log_level(void);

void hf_log(enum hf_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define hf_error(...) hf_log(HF_LOG_ERROR, __VA_ARGS__)
#define hf_warn(...) hf_log(HF_LOG_WARN, __VA_ARGS__)
#define hf_info(...) hf_log(HF_LOG_INFO, __VA_ARGS__)
#define hf_debug(...) hf_log(HF_LOG_DEBUG, __VA_ARGS__)

#endif
