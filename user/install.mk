# make install DESTDIR= PREFIX=/usr/local, make uninstall. Files in the tree
# name /usr/local, so that they can be used as they are; PREFIX takes its
# place on the way.

SBINDIR = $(PREFIX)/sbin
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/handfast
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions

INSTALL ?= install
LIB_MAJOR = 1

UNITS = user/daemon/handfastd.service user/cli/handfast@.service \
	user/relay/handfast-relay@.service
HEADERS = include/handfast.h
MAN_PAGES = $(wildcard user/*/*.[1-8])
DOCS = $(wildcard README.md LICENSE) user/relay/relay-example.conf

# man/man8/handfast.8 of user/cli/handfast.8
man_target = $(MANDIR)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

INSTALLED = $(addprefix $(SBINDIR)/,$(notdir $(PROGRAMS))) \
	$(LIBDIR)/libhandfast.a $(LIBDIR)/libhandfast.so \
	$(LIBDIR)/libhandfast.so.$(LIB_MAJOR) \
	$(LIBDIR)/pkgconfig/handfast.pc \
	$(addprefix $(INCLUDEDIR)/,$(notdir $(HEADERS))) \
	$(foreach page,$(MAN_PAGES),$(call man_target,$(page))) \
	$(addprefix $(UNITDIR)/,$(notdir $(UNITS))) \
	$(SYSUSERSDIR)/handfast.conf $(COMPLETIONDIR)/handfast \
	$(addprefix $(DOCDIR)/,$(notdir $(DOCS)))

.PHONY: install uninstall install-programs install-library install-texts \
	install-system

install: install-programs install-library install-texts install-system

install-programs: $(PROGRAMS)
	$(INSTALL) -d $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 755 $(PROGRAMS) $(DESTDIR)$(SBINDIR)

install-library: $(LIBS)
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(BUILD)/libhandfast.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(BUILD)/libhandfast.so \
		$(DESTDIR)$(LIBDIR)/libhandfast.so.$(LIB_MAJOR)
	ln -sf libhandfast.so.$(LIB_MAJOR) $(DESTDIR)$(LIBDIR)/libhandfast.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(HF_VERSION)|' \
		user/lib/handfast.pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/handfast.pc
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)

install-texts:
	$(INSTALL) -d $(DESTDIR)$(COMPLETIONDIR) $(DESTDIR)$(DOCDIR) \
		$(sort $(foreach page,$(MAN_PAGES),$(DESTDIR)$(dir \
			$(call man_target,$(page)))))
	$(foreach page,$(MAN_PAGES),$(INSTALL) -m 644 $(page) \
		$(DESTDIR)$(call man_target,$(page)) &&) :
	$(INSTALL) -m 644 user/cli/handfast.bash \
		$(DESTDIR)$(COMPLETIONDIR)/handfast
	$(INSTALL) -m 644 $(DOCS) $(DESTDIR)$(DOCDIR)

# What a running system has to hear of it, it hears only without DESTDIR.
install-system:
	$(INSTALL) -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR)
	$(foreach unit,$(UNITS),sed 's|/usr/local/|$(PREFIX)/|g' $(unit) \
		>'$(DESTDIR)$(UNITDIR)/$(notdir $(unit))' &&) :
	$(INSTALL) -m 644 user/daemon/handfast.sysusers \
		$(DESTDIR)$(SYSUSERSDIR)/handfast.conf
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then \
		ldconfig; \
		systemd-sysusers $(SYSUSERSDIR)/handfast.conf \
			2>/dev/null || \
			getent group handfast >/dev/null || \
			groupadd -r handfast; \
		[ ! -d /run/systemd/system ] || systemctl daemon-reload; \
	fi

# Configuration in /etc, and the group, stay.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-rmdir $(DESTDIR)$(DOCDIR) 2>/dev/null
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then \
		ldconfig; \
		[ ! -d /run/systemd/system ] || systemctl daemon-reload; \
	fi
