# Unit tests of the headers that BPF and host share, fuzz targets, and tests
# of the BPF programs by BPF_PROG_TEST_RUN.

HEADER_TESTS = $(addprefix $(BUILD)/tests/unit/,test_siphash test_options \
	test_cookie test_seq test_csum test_segment)
UNIT_TESTS += $(HEADER_TESTS)

# The parser of the XDP program, compiled for the host.
PARSE_TEST = $(BUILD)/tests/unit/test_parse
UNIT_TESTS += $(PARSE_TEST)
$(PARSE_TEST): tests/tools/frame.c

# ------------------------------------------------------------- BPF programs

XDP_TESTS = $(addprefix $(BUILD)/tests/bpf/,test_syn test_syn_again \
	test_frame test_listener test_cookie test_cookie_ack test_ack test_flow \
	test_ehash test_ops test_linux test_random)
BPF_TESTS += $(XDP_TESTS)
$(XDP_TESTS): $(addprefix tests/bpf/,env.c world.c scene.c reference.c) \
	tests/tools/frame.c $(wildcard tests/bpf/*.h tests/tools/frame.h \
	include/handfast/*.h) $(BUILD)/handfast.skel.h
# Rows of a table leave out what does not matter.
$(XDP_TESTS): TEST_CFLAGS += -Wno-missing-field-initializers

# -------------------------------------------------------------------- fuzzing

FUZZ_TARGETS = fuzz_options fuzz_cookie fuzz_parse fuzz_segment
FUZZ_TESTS = $(addprefix $(BUILD)/tests/fuzz/,$(FUZZ_TARGETS))
UNIT_TESTS += $(FUZZ_TESTS)
FUZZ_HEADERS = $(wildcard tests/fuzz/*.h tests/unit/*.h bpf/*.h \
	include/handfast/*.h)
fuzz_parts = tests/fuzz/$(1).c $(if $(filter fuzz_parse,$(1)),tests/tools/frame.c)

$(FUZZ_TESTS): $(BUILD)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/bounded.c \
	tests/tools/frame.c $(FUZZ_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(SANITIZE) -o $@ $(call fuzz_parts,$*) \
		tests/fuzz/bounded.c

# With libFuzzer, which follows coverage: make fuzz [T=fuzz_parse] [SECONDS=60]
T_FUZZ = $(or $(filter fuzz_%,$(T)),$(FUZZ_TARGETS))
SECONDS ?= 60
.PHONY: fuzz
fuzz:
	@mkdir -p $(BUILD)/fuzz
	@set -e; $(foreach t,$(T_FUZZ),mkdir -p $(BUILD)/fuzz/$(t).corpus; \
		$(CLANG) -g -O1 -std=gnu11 -D_GNU_SOURCE -Iinclude \
			-fsanitize=fuzzer,address,undefined \
			-fno-sanitize-recover=all -o $(BUILD)/fuzz/$(t) \
			$(call fuzz_parts,$(t)); \
		$(BUILD)/fuzz/$(t) -max_total_time=$(SECONDS) -max_len=512 \
			-print_final_stats=1 $(BUILD)/fuzz/$(t).corpus;)
