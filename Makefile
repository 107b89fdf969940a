# Twinlock. `make build`, `sudo make install`; or look first: `sudo make try`.
#
# install is the one description of the installed layout: packages and the test sandbox use it too.

DESTDIR     ?=
PREFIX      ?= /usr
SYSCONFDIR  ?= /etc
SBINDIR     ?= $(PREFIX)/sbin
BINDIR      ?= $(PREFIX)/bin
DATADIR     ?= $(PREFIX)/share
DOCDIR      ?= $(DATADIR)/doc/twinlock
FILTERS     ?= $(SYSCONFDIR)/fail2ban/filter.d
UNITDIR     ?= $(PREFIX)/lib/systemd/system
WANTEDBY    := $(UNITDIR)/multi-user.target.wants
ACTIVATIONS ?= $(DATADIR)/dbus-1/system-services
INTERFACES  ?= $(DATADIR)/dbus-1/interfaces
# Older polkit reads /usr/share alone; without these, nobody but root administers.
POLKITACTIONS ?= $(DATADIR)/polkit-1/actions
# dbus-daemon reads policies from two places only, of which one is a package's.
BUSPOLICIES ?= $(if $(filter /usr,$(PREFIX)),$(DATADIR),$(SYSCONFDIR))/dbus-1/system.d
# libpam looks for modules where its own are: the compiler's architecture first, since a host may
# have several.
MULTIARCH   := $(shell cc -print-multiarch 2>/dev/null)
PAMDIR      ?= $(or $(patsubst %/pam_unix.so,%,$(firstword $(wildcard $(addsuffix \
                 /security/pam_unix.so,$(if $(MULTIARCH),/usr/lib/$(MULTIARCH) /lib/$(MULTIARCH)) \
                 /usr/lib64 /usr/lib /lib64 /lib /usr/lib/*-linux-gnu*)))),$(PREFIX)/lib/security)

CARGO       ?= cargo
CARGOFLAGS  ?= --locked
# For the daemon alone, such as --no-default-features for the system's SQLite.
DAEMONFLAGS ?=
INSTALL     ?= install
TARGET      := $(or $(CARGO_TARGET_DIR),target)
STAGE       := $(TARGET)/stage
SOURCES     := $(shell find daemon pam_module cli -type f) Cargo.toml Cargo.lock

DAEMON := $(TARGET)/release/twinlockd
MODULE := $(TARGET)/release/libpam_twinlock.so
CLI    := $(TARGET)/release/twinlock
TRY    := $(TARGET)/debug/twinlock-try
BENCH  := $(TARGET)/release/twinlock-bench

.PHONY: build install activatable uninstall reload stage try test bench lint deny clean prerequisites

build: $(DAEMON) $(MODULE) $(CLI)

# One cargo call each: cargo unites the features of what it builds together, and the module must
# not grow the daemon's. Nothing is called when nothing changed, so that root can install what
# somebody else built.
$(DAEMON): $(SOURCES)
	@tests/prerequisites build
	$(CARGO) build --release $(CARGOFLAGS) $(DAEMONFLAGS) -p twinlockd
	@touch $@
$(MODULE): $(SOURCES)
	@tests/prerequisites build
	$(CARGO) build --release $(CARGOFLAGS) -p pam_twinlock
	@touch $@
$(CLI): $(SOURCES)
	@tests/prerequisites build
	$(CARGO) build --release $(CARGOFLAGS) -p twinlock
	@touch $@

# Where dbus-daemon looks for programs to start; a daemon nobody starts refuses every login.
ACTIVATED := $(addsuffix /dbus-1/system-services,/usr/share /usr/local/share)
activatable:
	@case ' $(ACTIVATED) ' in *' $(ACTIVATIONS) '*) ;; *) \
	  echo 'The bus starts no daemon from $(ACTIVATIONS): PREFIX must be /usr or /usr/local.' >&2; \
	  exit 1;; \
	esac

install: activatable build
	$(INSTALL) -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(PAMDIR) $(ACTIVATIONS) \
	  $(BUSPOLICIES) $(INTERFACES) $(POLKITACTIONS) $(UNITDIR) \
	  $(FILTERS) $(DOCDIR))
	$(INSTALL) -m 0755 $(DAEMON) $(DESTDIR)$(SBINDIR)/twinlockd
	$(INSTALL) -m 0755 $(CLI) $(DESTDIR)$(BINDIR)/twinlock
	$(INSTALL) -m 0644 $(MODULE) $(DESTDIR)$(PAMDIR)/pam_twinlock.so
	$(INSTALL) -m 0644 packaging/org.twinlock.Twinlock1.conf $(DESTDIR)$(BUSPOLICIES)/
	$(INSTALL) -m 0644 daemon/interface/xml/org.twinlock.Twinlock1.xml $(DESTDIR)$(INTERFACES)/
	$(INSTALL) -m 0644 packaging/org.twinlock.Twinlock1.policy $(DESTDIR)$(POLKITACTIONS)/
	$(INSTALL) -m 0644 packaging/fail2ban/twinlock.conf $(DESTDIR)$(FILTERS)/
	sed 's,@SBINDIR@,$(SBINDIR),' packaging/org.twinlock.Twinlock1.service.in \
	  > $(DESTDIR)$(ACTIVATIONS)/org.twinlock.Twinlock1.service
	sed 's,@SBINDIR@,$(SBINDIR),' packaging/twinlockd.service.in \
	  > $(DESTDIR)$(UNITDIR)/twinlockd.service
	sed 's,@BINDIR@,$(BINDIR),' packaging/twinlock-pam-restore.service.in \
	  > $(DESTDIR)$(UNITDIR)/twinlock-pam-restore.service
	chmod 0644 $(DESTDIR)$(ACTIVATIONS)/org.twinlock.Twinlock1.service \
	  $(DESTDIR)$(UNITDIR)/twinlockd.service $(DESTDIR)$(UNITDIR)/twinlock-pam-restore.service
	$(INSTALL) -d $(DESTDIR)$(WANTEDBY)
	ln -sf ../twinlock-pam-restore.service $(DESTDIR)$(WANTEDBY)/
	$(INSTALL) -m 0644 $(wildcard README.md CHANGELOG.md LICENSE-*) packaging/twinlock.toml \
	  $(DESTDIR)$(DOCDIR)/
	$(if $(DESTDIR),,@$(MAKE) --no-print-directory reload)

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/twinlockd $(DESTDIR)$(BINDIR)/twinlock \
	  $(DESTDIR)$(PAMDIR)/pam_twinlock.so \
	  $(DESTDIR)$(BUSPOLICIES)/org.twinlock.Twinlock1.conf \
	  $(DESTDIR)$(INTERFACES)/org.twinlock.Twinlock1.xml \
	  $(DESTDIR)$(POLKITACTIONS)/org.twinlock.Twinlock1.policy \
	  $(DESTDIR)$(FILTERS)/twinlock.conf \
	  $(DESTDIR)$(ACTIVATIONS)/org.twinlock.Twinlock1.service \
	  $(DESTDIR)$(UNITDIR)/twinlockd.service \
	  $(DESTDIR)$(UNITDIR)/twinlock-pam-restore.service \
	  $(DESTDIR)$(WANTEDBY)/twinlock-pam-restore.service
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT \
	  twinlock.toml)
	if [ -d $(DESTDIR)$(DOCDIR) ]; then rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR); fi
	$(if $(DESTDIR),,@$(MAKE) --no-print-directory reload)
	@echo 'Kept: /var/lib/twinlock (secrets, replay records, locks), /var/lib/twinlock-pam (what files in'
	@echo '$(SYSCONFDIR)/pam.d were before) and $(SYSCONFDIR)/twinlock.'
	@echo 'Take pam_twinlock.so out of $(SYSCONFDIR)/pam.d: its lines refuse every login now.'

# What runs already learns what is installed now: systemd and the bus read the new files, and a
# daemon that runs ends, so that the next one is the new one. Hosts without one of them, and a daemon
# that is not running, have nothing to tell. The process to end is the one that owns the daemon's
# name on this host's bus, and is looked at twice: a bus outside a container counts processes its own
# way.
reload:
	@if [ -S /run/dbus/system_bus_socket ]; then \
	  bus='dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus'; \
	  $$bus.ReloadConfig >/dev/null && echo 'The system bus has read its policy.'; \
	  if [ ! -d /run/systemd/system ]; then \
	    pid=$$($$bus.GetConnectionUnixProcessID string:org.twinlock.Twinlock1 2>/dev/null) || exit 0; \
	    pid=$${pid##* }; \
	    if [ "$$(cat /proc/"$$pid"/comm 2>/dev/null)" = twinlockd ] && kill -TERM "$$pid"; then \
	      for tenth in $$(seq 100); do kill -0 "$$pid" 2>/dev/null || break; sleep 0.1; done; \
      echo 'The old twinlockd was told to end; the bus starts the new one for the next call.'; \
	    fi; \
	  fi; \
	fi
	@if [ -d /run/systemd/system ]; then \
	  systemctl daemon-reload; \
	  if [ -e $(UNITDIR)/twinlockd.service ]; then systemctl try-restart twinlockd.service; \
	  elif systemctl is-active --quiet twinlockd.service; then \
	    systemctl stop twinlockd.service; fi; \
	fi

# The installed tree, from which every sandbox takes what it runs. Made anew only when something in
# it changed, so that a running sandbox keeps its own.
stage: $(STAGE).stamp
$(STAGE).stamp: $(DAEMON) $(MODULE) $(CLI) Makefile $(wildcard packaging/* packaging/*/*)
	rm -rf $(STAGE)
	$(MAKE) --no-print-directory install DESTDIR=$(abspath $(STAGE))
	@touch $@

# The sandbox needs namespaces and mounts, hence root; nothing of the host is changed by it.
define as_root
@[ "$$(id -u)" = 0 ] || { echo 'This needs root. Everything is built; now run: sudo make $@' >&2; exit 1; }
endef

$(TRY): $(SOURCES) $(shell find tests/src tests/Cargo.toml -type f)
	@tests/prerequisites build
	$(CARGO) build $(CARGOFLAGS) -p twinlock-tests --bin twinlock-try
	@touch $@

try: stage $(TRY)
	$(as_root)
	@tests/prerequisites run
	@$(TRY) $(if $(AUTO),--auto)

lint:
	@tests/prerequisites build lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CARGOFLAGS) --workspace --all-targets -- -D warnings

# Licences, advisories and sources of the dependencies; needs cargo-deny and the network.
deny:
	$(CARGO) deny --locked check

test: lint stage
	$(as_root)
	@tests/prerequisites run test
	$(CARGO) test $(CARGOFLAGS) --no-fail-fast --workspace --exclude twinlock-tests
	$(CARGO) test $(CARGOFLAGS) --no-fail-fast -p twinlock-tests

# QUICK=1 for a first impression, BENCH_JSON=FILE for the numbers in a file.
bench: stage
	$(as_root)
	@tests/prerequisites run test bench
	$(CARGO) build --release $(CARGOFLAGS) -p twinlock-tests --bin twinlock-bench
	@$(BENCH) $(if $(QUICK),--quick) $(if $(BENCH_JSON),--json $(BENCH_JSON))

# Packages only: root may have no toolchain, where somebody else builds.
prerequisites:
	tests/prerequisites packages build lint run test bench

clean:
	$(CARGO) clean
