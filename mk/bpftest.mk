# Unit tests of the headers that BPF and host share, fuzz targets, and tests
# of the BPF programs by BPF_PROG_TEST_RUN.

HEADER_TESTS = $(addprefix $(BUILD)/tests/unit/,test_siphash test_options \
	test_cookie test_seq test_csum test_segment)
UNIT_TESTS += $(HEADER_TESTS)

# The parser of the XDP program, compiled for the host.
PARSE_TEST = $(BUILD)/tests/unit/test_parse
UNIT_TESTS += $(PARSE_TEST)
$(PARSE_TEST): tests/tools/frame.c
