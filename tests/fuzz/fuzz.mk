# Fuzz targets: a bounded run of each is one of the unit tests.

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
