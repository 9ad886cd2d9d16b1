# agentbox. `make help` lists the targets; docs/HACKING.md explains them.
#
# Each source folder is one static archive. A binary or a test links only the
# archives that its folder may use, so a call that goes up a layer does not
# link. Each CONFIG builds in a folder of its own and the flags are part of
# the dependencies, so nothing ever mixes.
#
#	make [CONFIG=release|debug|asan|fuzz|cov] [STATIC=0] [V=1] [WERROR=1]
#	     [BUILD=DIR] [CC=...] [CFLAGS=...] [LDFLAGS=...] [TARGET...]

MAKEFLAGS += -rR --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/sh

CONFIG ?= release
BUILD ?= build
B := $(BUILD)/$(CONFIG)
VERSION := $(shell cat VERSION)
FUZZ_TIME ?= 60
NPROC := $(shell nproc 2>/dev/null || echo 1)
# -j for the targets that build a lot, unless the caller said it already
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(NPROC))

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/agentbox
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)

ifneq ($(filter default undefined,$(origin CC)),) # undefined: below -R
CC := $(if $(filter fuzz,$(CONFIG)),clang,gcc)
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
# "x86_64-linux-gnu 12"; empty while there is no compiler yet
TOOLCHAIN := $(shell $(CC) -dumpmachine 2>/dev/null; $(CC) -dumpversion 2>/dev/null)
ARCH := $(firstword $(subst -, ,$(firstword $(TOOLCHAIN))))
CC_MAJOR := $(or $(firstword $(subst ., ,$(word 2,$(TOOLCHAIN)))),0)

# ---- flags ----------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wpointer-arith -Wwrite-strings \
	-Wcast-qual -Wvla -Wimplicit-fallthrough
CPP := -I. -isystem /usr/include/libnl3 -D_GNU_SOURCE \
	-DAGENTBOX_VERSION='"$(VERSION)"'
COMMON := -std=gnu17 -g -fno-common -fno-strict-aliasing \
	-ffile-prefix-map=$(CURDIR)=. -fno-omit-frame-pointer

FORTIFY := $(shell test $(CC_MAJOR) -ge 12 && echo 3 || echo 2)
HARDEN := -fstack-protector-strong -fstack-clash-protection \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY) \
	$(if $(filter x86_64 i%86,$(ARCH)),-fcf-protection) \
	$(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard)
RELRO := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

FLAGS_release := -O2 -fPIE -ffunction-sections -fdata-sections $(HARDEN)
FLAGS_debug := -O0 -g3 -fPIE
# the instrumented code makes gcc guess wrong about lengths
FLAGS_asan := -O1 -fPIE $(SANITIZE) -Wno-format-truncation \
	-Wno-maybe-uninitialized -Wno-unknown-warning-option
FLAGS_fuzz := -O1 -fPIE -fsanitize=fuzzer-no-link $(SANITIZE)
FLAGS_cov := -O0 -fPIE --coverage
LINK_release := $(RELRO) -Wl,--gc-sections
LINK_asan := $(SANITIZE)
LINK_fuzz := $(SANITIZE)
LINK_cov := --coverage
ifeq ($(FLAGS_$(CONFIG)),)
$(error CONFIG=$(CONFIG) is not release, debug, asan, fuzz or cov)
endif

# a dynamic start costs half a millisecond more, and launch speed is a goal
STATIC ?= $(if $(filter release debug,$(CONFIG)),1,0)
LINK_pie := $(if $(filter 1,$(STATIC)),-static-pie,-pie)

ALL_CFLAGS = $(CPPFLAGS) $(CPP) $(WARN) $(COMMON) $(FLAGS_$(CONFIG)) $(CFLAGS)
# by its id a build knows what it has cached itself
ALL_LDFLAGS = $(LINK_$(CONFIG)) -Wl,--build-id=sha1 $(LDFLAGS)
ERROR_FLAG := $(if $(filter 1,$(WERROR)),-Werror)

ifeq ($(V),1)
Q :=
say = :
else
Q := @
say = printf '  %-7s %s\n' $(1) $(2)
endif

# ---- sources --------------------------------------------------------------
FOLDERS := query shim supervisor audit net profiles sandbox policy lib # in the order of linking
LIBS_lib :=
LIBS_policy := -lpcre2-8 -lmd
LIBS_sandbox := -lseccomp -lcap -lnl-3
LIBS_profiles := -ljansson
LIBS_net := -lcares -levent_core -ljansson
LIBS_shim := -lssl -lcrypto -levent_core -lseccomp
LIBS_audit := -lcrypto -lseccomp -ljansson -lmd
LIBS_supervisor := -levent_core -ljansson
LIBS_query := -lsqlite3 -lm -ljansson

sources = $(sort $(wildcard $(1)/*.c))
not_main = $(filter-out %/main.c %_main.c,$(1))
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
TEST_SRC := $(foreach d,unit tools bench fuzz,$(call sources,tests/$(d)))
ESCAPE_SRC := $(call sources,tests/escape)

# One look into the tests: "L:file:lib,sandbox" for the line
# /* links: lib sandbox */ at the top, "M:file" where main() is.
META := $(if $(TEST_SRC),$(shell awk '\
	FNR < 6 && /\/\* links:/ { sub(/.*links: */, ""); sub(/ *\*\/.*/, ""); \
		gsub(/ +/, ","); print "L:" FILENAME ":" $$0 } \
	/^main[^a-zA-Z0-9_]/ { print "M:" FILENAME }' $(TEST_SRC)))
comma := ,
said = $(subst $(comma), ,$(patsubst L:$(1):%,%,$(filter L:$(1):%,$(META))))
# archives of a test: those that it names, or all
links = $(strip $(foreach f,$(FOLDERS),$(filter $(f),$(or $(call said,$(1)),$(FOLDERS)))))
has_main = $(foreach s,$(1),$(if $(filter M:$(s),$(META)),$(s)))

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TOOL_MAINS := $(call has_main,$(call sources,tests/tools))
TOOL_LIB := $(filter-out $(TOOL_MAINS),$(call sources,tests/tools))
BENCHES := $(call has_main,$(call sources,tests/bench))
FUZZERS := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
ESCAPE_HOST := $(filter tests/escape/host%,$(ESCAPE_SRC))
T := $(B)/tests

# ---- rules ----------------------------------------------------------------
# What a build depends on besides its sources: the flags and this file. -Werror
# changes no output.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' "$$(cksum < Makefile)" '$(subst ','\'',$(CC) $(TOOLCHAIN) $(ALL_CFLAGS) | $(LINK_pie) $(ALL_LDFLAGS))' > $@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi

define compile
@$(call say,CC,$<)
@mkdir -p $(@D)
$(Q)$(CC) $(ALL_CFLAGS) $(OWN_CFLAGS) $(ERROR_FLAG) -MMD -MP -c $< -o $@
endef
$(B)/obj/%.o: %.c $(B)/flags
	$(compile)

# archive(name, sources)
define archive
$(B)/lib$(1).a: $(call obj,$(2)) $(B)/flags
	@$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $(call obj,$(2))
DEPS += $(patsubst %.o,%.d,$(call obj,$(2)))
endef
$(foreach f,$(FOLDERS),$(eval $(call archive,$(f),$(call not_main,$(call sources,$(f))))))
$(eval $(call archive,testtools,$(TOOL_LIB)))

# Linking. libnl carries name lookups that nothing here calls; what ld says of
# those in a static binary is left out, everything else is shown.
define link
$(Q)$(1) 2> $@.err || { cat $@.err >&2; rm -f $@.err; exit 1; }
@grep -v -e ': in function `' -e 'in statically linked applications' $@.err >&2 || :
@rm -f $@.err
endef

# program(path, sources, archives, libraries, -static-pie or -pie, flags)
define program
$(1): $(call obj,$(2)) $(patsubst %,$(B)/lib%.a,$(3)) $(B)/flags
	@$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(call link,$$(CC) $(5) $(6) -o $$@ $(call obj,$(2)) \
		$(patsubst %,$(B)/lib%.a,$(3)) $$(ALL_LDFLAGS) $(4))
DEPS += $(patsubst %.o,%.d,$(call obj,$(2)))
endef

# small(name, sources): a program with musl in place of the usual C library
MUSL_INCLUDE := $(wildcard /usr/include/$(ARCH)-linux-musl)
MUSL_LIB := $(wildcard /usr/lib/$(ARCH)-linux-musl)
MUSL_CFLAGS = -ffunction-sections -fdata-sections -U_FORTIFY_SOURCE \
	-nostdinc -isystem $(MUSL_INCLUDE) \
	-idirafter /usr/include/$(firstword $(TOOLCHAIN)) -idirafter /usr/include
MUSL_LDFLAGS := -Wl,--gc-sections
small_obj = $(patsubst %.c,$(B)/obj/small/%.o,$(1))
define small
BINS += $(B)/bin/$(1)
$(B)/bin/$(1): $(call small_obj,$(2)) $(B)/flags
	@$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(call link,$$(CC) -static-pie -nostdlib $$(MUSL_LDFLAGS) -o $$@ $(MUSL_LIB)/rcrt1.o \
		$(MUSL_LIB)/crti.o $(call small_obj,$(2)) $$(ALL_LDFLAGS) \
		$(MUSL_LIB)/libc.a -lgcc $(MUSL_LIB)/crtn.o)
DEPS += $(patsubst %.o,%.d,$(call small_obj,$(2)))
endef

# bin(name, source, archives, libraries, link mode)
define bin
BINS += $(B)/bin/$(1)
$(call program,$(B)/bin/$(1),$(2),$(3),$(4),$(5))
endef
$(eval $(call bin,agentbox,supervisor/main.c,$(filter-out query shim,$(FOLDERS)),-ljansson -lcares -lseccomp -lnl-3 -levent_core $(LIBS_policy),$(LINK_pie)))
STAGE_SRC := sandbox/stage_main.c $(patsubst %,sandbox/%.c,caps clone confine \
	init landlock mount plan seccomp_check stage_msg) $(patsubst %,lib/%.c,err fd mount_id str trim)
GUARD_SRC := supervisor/guard_main.c $(patsubst %,lib/%.c,err fd mount_id)
ifeq ($(and $(filter 1,$(STATIC)),$(MUSL_INCLUDE),$(MUSL_LIB)),)
$(eval $(call bin,agentbox-stage,$(STAGE_SRC),,,$(LINK_pie)))
$(eval $(call bin,agentbox-guard,$(GUARD_SRC),,,$(LINK_pie)))
else
# One is on the way of each launch, and both sit beside every box: they link
# musl, which starts in a sixth of the time and weighs a tenth.
$(B)/obj/small/%.o: OWN_CFLAGS = $(MUSL_CFLAGS)
$(B)/obj/small/%.o: %.c $(B)/flags
	$(compile)
$(eval $(call small,agentbox-stage,$(STAGE_SRC)))
$(eval $(call small,agentbox-guard,$(GUARD_SRC)))
endif
ifneq ($(wildcard audit/audit_main.c),)
$(eval $(call bin,agentbox-audit,audit/audit_main.c,audit profiles sandbox lib,$(LIBS_audit) $(LIBS_sandbox),$(LINK_pie)))
endif
ifneq ($(wildcard audit/verify_main.c),)
$(eval $(call bin,agentbox-verify,audit/verify_main.c,audit lib,-lcrypto,$(LINK_pie)))
endif
ifneq ($(wildcard shim/shim_main.c),)
$(eval $(call bin,agentbox-shim,shim/shim_main.c,shim net sandbox policy lib,$(LIBS_shim) $(LIBS_policy) $(LIBS_sandbox),$(LINK_pie)))
endif
ifneq ($(wildcard query/main.c),)
$(eval $(call bin,agentbox-query,query/main.c,query audit profiles sandbox policy lib,$(LIBS_query) $(LIBS_audit) $(LIBS_policy) $(LIBS_sandbox),$(LINK_pie)))
endif
$(eval $(call bin,agentbox-try,supervisor/try_main.c,lib,,$(LINK_pie)))
$(eval $(call bin,agentbox-scope,supervisor/scope_main.c,lib,-lsystemd,-pie))

# test(path, first source, more sources, more archives)
test = $(eval $(call program,$(1),$(2) $(3),$(4) $(call links,$(2)),\
	$(foreach f,$(call links,$(2)),$(LIBS_$(f))),$(LINK_pie),$(5)))
$(foreach t,$(UNIT),$(call test,$(T)/$(t),tests/unit/$(t).c,tests/tap.c,testtools))
$(foreach s,$(TOOL_MAINS) $(BENCHES),$(call test,$(T)/$(basename $(notdir $(s))),$(s),,testtools))
$(foreach f,$(FUZZERS),$(call test,$(T)/replay_$(f),tests/fuzz/$(f).c,tests/fuzz/replay.c,testtools))
$(foreach f,$(FUZZERS),$(call test,$(T)/$(f),tests/fuzz/$(f).c,,testtools,-fsanitize=fuzzer))
# it counts the allocations of a decision
$(T)/bench_decide: private override LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
# what runs inside a box to break out of it, and its counterparts outside
$(if $(ESCAPE_SRC),$(eval $(call program,$(T)/escape,$(filter-out $(ESCAPE_HOST),$(ESCAPE_SRC)),lib,,$(LINK_pie))))
$(if $(ESCAPE_HOST),$(eval $(call program,$(T)/escape-host,$(ESCAPE_HOST),lib,,$(LINK_pie))))

UNIT_BIN := $(UNIT:%=$(T)/%)
REPLAY_BIN := $(FUZZERS:%=$(T)/replay_%)
HELPER_BIN := $(foreach s,$(TOOL_MAINS) $(BENCHES),$(T)/$(basename $(notdir $(s)))) \
	$(if $(ESCAPE_SRC),$(T)/escape) \
	$(if $(ESCAPE_HOST),$(T)/escape-host)
-include $(sort $(DEPS))

# what people run; the others are run by these
COMMANDS := agentbox agentbox-verify

# ---- targets --------------------------------------------------------------
all: ## build the programs; release ones also appear in build/bin
all: $(BINS)
ifneq ($(BUILD),build) # the programs look for their profiles above their folder
	@ln -sfn $(CURDIR)/profiles $(BUILD)/profiles
endif
ifeq ($(CONFIG),release)
	@mkdir -p $(BUILD)/bin
	@for b in $(BINS); do \
		cmp -s $$b $(BUILD)/bin/$${b##*/} || \
		{ ln -f $$b $(BUILD)/bin/ 2>/dev/null || cp -f $$b $(BUILD)/bin/; }; done
endif

try: ## a tour: build, then an example agent works in a box and tries to leave it
	@packaging/deps.sh build try
	@$(MAKE) $(JOBS) all
	@tests/try.sh

check: ## every test, as root and as an ordinary user, then lint
	@packaging/deps.sh build check lint
	@$(MAKE) $(JOBS) WERROR=1 tests
	@$(MAKE) $(JOBS) WERROR=1 CONFIG=asan tests replays
	@tests/run.sh $(CHECK)

check-vm: ## the system, limit and escape tests on a stock kernel in qemu
	@$(MAKE) $(JOBS) tests
	@tests/vm/run.sh

lint: ## formatting, clang-tidy, cppcheck, shellcheck, layers, headers, calls
	@tests/lint.sh

asan: ## unit tests and fuzz replay with address and undefined sanitizers
	@$(MAKE) $(JOBS) CONFIG=asan tests replays
	@tests/run.sh unit-asan fuzz-replay

fuzz: ## each fuzz target for FUZZ_TIME seconds with libFuzzer (clang)
	@$(MAKE) $(JOBS) CONFIG=fuzz fuzzers
	@tests/fuzz/run.sh $(BUILD) $(FUZZ_TIME)

check-fuzz: ## replay the fuzz corpora (gcc, sanitizers)
	@$(MAKE) $(JOBS) CONFIG=asan replays
	@tests/run.sh fuzz-replay

bench: ## measure launch, memory, freeze, kill, calls beside bwrap, crun, firejail
	@$(MAKE) $(JOBS) tests
	@tests/bench/run.sh

install: all ## install below DESTDIR/PREFIX (default /usr/local)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(filter $(addprefix %/,$(COMMANDS)),$(BINS)) $(DESTDIR)$(BINDIR)
	install -m 755 $(filter-out $(addprefix %/,$(COMMANDS)),$(BINS)) $(DESTDIR)$(LIBEXECDIR)
	@packaging/data.sh install '$(DESTDIR)' '$(DATADIR)' '$(MANDIR)' '$(SYSCONFDIR)'

uninstall: ## remove what install put there
	rm -f $(COMMANDS:%=$(DESTDIR)$(BINDIR)/%)
	rm -rf $(DESTDIR)$(LIBEXECDIR)
	@packaging/data.sh uninstall '$(DESTDIR)' '$(DATADIR)' '$(MANDIR)' '$(SYSCONFDIR)'

dist: ## build/dist/agentbox-VERSION.tar.xz from the last commit
	@mkdir -p $(BUILD)/dist
	git archive --prefix=agentbox-$(VERSION)/ HEAD | xz -9 -T1 > $(BUILD)/dist/agentbox-$(VERSION).tar.xz

clean: ## remove what was built, of every CONFIG
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 - /p' Makefile | \
		while IFS= read -r l; do printf '%-12s %s\n' "$${l%% - *}" "$${l#* - }"; done

# parts of the above
tests: all $(UNIT_BIN) $(HELPER_BIN)
replays: $(REPLAY_BIN)
fuzzers: $(FUZZERS:%=$(T)/%)
check-unit check-system check-escape check-compat check-net:
	@$(MAKE) $(JOBS) tests
	@tests/run.sh $(@:check-%=%)
metrics:
	@tests/metrics.sh
format:
	clang-format -i $(foreach d,audit query net shim lib policy sandbox profiles supervisor tests tests/*,$(wildcard $(d)/*.[ch]))

FORCE:
.PHONY: all try check check-vm lint asan fuzz check-fuzz bench install \
	uninstall dist clean help tests replays fuzzers check-unit \
	check-system check-escape check-compat check-net metrics format FORCE
