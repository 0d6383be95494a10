# Unit tests of the headers that BPF and host share, fuzz targets, and tests
# of the BPF programs by BPF_PROG_TEST_RUN.

HEADER_TESTS = $(addprefix $(BUILD)/tests/unit/,test_siphash test_options \
	test_cookie test_seq test_csum test_segment)
UNIT_TESTS += $(HEADER_TESTS)
