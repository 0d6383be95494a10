# Unit tests of the headers that BPF and host share, and tests of the BPF
# programs by BPF_PROG_TEST_RUN.

HEADER_TESTS = $(addprefix $(BUILD)/tests/unit/,test_siphash test_options \
	test_cookie test_seq test_csum test_segment)
UNIT_TESTS += $(HEADER_TESTS)

# The parser of the XDP program, compiled for the host.
PARSE_TEST = $(BUILD)/tests/unit/test_parse
UNIT_TESTS += $(PARSE_TEST)
$(PARSE_TEST): tests/tools/frame.c bpf/parse.h

# ------------------------------------------------------------- BPF programs

XDP_TESTS = $(addprefix $(BUILD)/tests/bpf/,test_syn test_syn_again \
	test_frame test_listener test_cookie test_cookie_ack test_ack test_flow \
	test_ehash test_ops test_deliver test_linux test_random)
BPF_TESTS += $(XDP_TESTS)
$(XDP_TESTS): $(addprefix tests/bpf/,env.c world.c scene.c reference.c) \
	tests/tools/frame.c $(wildcard tests/bpf/*.h tests/tools/frame.h \
	include/handfast/*.h) $(SKELETONS)
# Rows of a table leave out what does not matter.
$(XDP_TESTS): TEST_CFLAGS += -Wno-missing-field-initializers
