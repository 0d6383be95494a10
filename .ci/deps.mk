# Packages of Debian 12. `make deps` installs what is missing and touches no
# network when nothing is.
DEPS_BUILD = gcc libc6-dev make pkg-config clang llvm libbpf-dev libxdp-dev \
	libelf-dev zlib1g-dev libmnl-dev libcap-ng-dev libjansson-dev \
	linux-libc-dev bpftool
DEPS_TEST = libcmocka-dev iproute2 util-linux procps ethtool nftables curl \
	nginx-light openssh-server openssh-client netcat-openbsd iperf3 wrk hping3 \
	clang-format clang-tidy cppcheck libclang-rt-dev

.PHONY: deps deps-build
deps-build:
	@sh .ci/deps.sh $(DEPS_BUILD)
deps:
	@sh .ci/deps.sh $(DEPS_BUILD) $(DEPS_TEST)
