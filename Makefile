# Vaultaire.  `make help` lists the targets.
PREFIX  ?= /usr/local
BUILD   ?= build/release
OPT     := -O2
CFLAGS  ?= $(OPT) -g
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
DEPS    := libcurl libcrypto jansson libzstd sqlite3 libarchive libmicrohttpd expat libisal

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wformat=2 -Wwrite-strings
SHARE   := $(PREFIX)/share/vaultaire
override CPPFLAGS += -I. -D_GNU_SOURCE -DVT_VERSION='"$(VERSION)"' \
           -DVT_SHAREDIR='"$(SHARE)"'
override CFLAGS   += -std=c11 $(WARN) $(SAN) $(shell pkg-config --cflags $(DEPS))
LDLIBS  := $(shell pkg-config --libs $(DEPS)) -lpthread -lm

# cmd/vt-x.c is a one-file program, cmd/vt-x/*.c a larger one; cmd/cli*.c are
# shared.
PROGS   := $(sort $(notdir $(patsubst %/,%,$(basename $(wildcard cmd/vt-*.c cmd/vt-*/)))))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZER  ?= $(BUILD)/tests/fuzz/replay.o
LIBOBJ  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard libvt/*.c libvt/*/*.c))
# Programs and preloaded objects that only tests use.
TOOLS   := $(patsubst tests/bench/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/*.c)) \
           $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(wildcard tests/tools/*.c)) \
           $(BUILD)/tests/crashload $(BUILD)/tests/histories
SHIMS   := $(BUILD)/tests/failio.so $(BUILD)/tests/powercut.so \
           $(BUILD)/tests/powercut_apply
CRASH   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/crash/*.c))
HISTORY := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/history/*.c)) \
           $(filter-out %/crashload.o,$(CRASH))
# bats runs files side by side where GNU parallel is.
PARALLEL = $(if $(shell command -v parallel),-j 2 --no-parallelize-within-files)
LIB     := $(BUILD)/libvt.a
CLI     := $(BUILD)/cli.a
# What each of ten million versions goes through.
HOT     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard libvt/base/*.c libvt/proto/*.c \
           libvt/work/*.c cmd/vt-plan/*.c cmd/vt-scan/*.c))
$(HOT): OPT := -O3
objs     = $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/$(1).c cmd/$(1)/*.c))
# vt-serve without its main, for fuzz targets: they link what they name of it.
SERVE   := $(BUILD)/serve.a

all: $(PROGS:%=$(BUILD)/bin/%)	## the programs, in build/release/bin

.SECONDEXPANSION:
$(BUILD)/bin/%: $$(call objs,$$*) $(CLI) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZER) $(SERVE) $(CLI) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/crashload: $(CRASH) $(LIB)
$(BUILD)/tests/histories: $(HISTORY) $(LIB)
$(BUILD)/tests/crashload $(BUILD)/tests/histories:
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Preloaded into programs of every mode: never built with a sanitizer.
$(BUILD)/tests/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(CC) -I. -D_GNU_SOURCE -O2 -g -std=c11 $(WARN) -fPIC -shared -o $@ $< -ldl -lpthread

$(BUILD)/tests/powercut_apply: tests/shim/powercut_apply.c
	@mkdir -p $(@D)
	$(CC) -I. -D_GNU_SOURCE -O2 -g -std=c11 $(WARN) -o $@ $<

$(LIB): $(LIBOBJ)
$(CLI): $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/cli*.c))
$(SERVE): $(filter-out %/main.o,$(call objs,vt-serve))
$(LIB) $(CLI) $(SERVE):
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

check: all $(UNIT) $(FUZZ) $(TOOLS) $(SHIMS)	## units, saved fuzz inputs, commands
	prove -Q -j2 -e '' $(UNIT)
	set -e; for f in $(FUZZ); do $$f tests/fuzz/corpus/$${f##*/}/*; done
	PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" VT_BUILD="$(CURDIR)/$(BUILD)" \
	    bats $(PARALLEL) -r tests/cli

check-s3: all $(TOOLS) $(SHIMS)	## the server, driven by real clients; crashes
	PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" VT_BUILD="$(CURDIR)/$(BUILD)" bats -r tests/s3

asan:                           ## `make check` under ASan and UBSan
	$(MAKE) check BUILD=build/asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"

tsan:                           ## `make check` under the thread sanitizer
	$(MAKE) check BUILD=build/tsan CFLAGS="-O1 -g" SAN=-fsanitize=thread

fuzz:                           ## each target for SECS seconds (clang)
	$(MAKE) fuzz-run CC=clang BUILD=build/fuzz FUZZER= CFLAGS="-O1 -g" \
	    SAN="-fsanitize=fuzzer-no-link,address,undefined" LDFLAGS=-fsanitize=fuzzer
# New inputs go under build/; what is worth keeping is copied by hand.  The words
# that vt-serve knows help to find the way in.  FUZZ=build/fuzz/fuzz/x: x alone.
fuzz-run: $(FUZZ)
	grep -ohE '"[A-Za-z][A-Za-z0-9:-]{2,40}"' cmd/vt-serve/*.c | \
	    sort -u >$(BUILD)/words
	set -e; for f in $(FUZZ); do n=$${f##*/}; mkdir -p $(BUILD)/corpus/$$n; \
	    $$f -max_total_time=$${SECS:-60} -artifact_prefix=$(BUILD)/$$n- \
	    -dict=$(BUILD)/words \
	    $(BUILD)/corpus/$$n tests/fuzz/corpus/$$n; done

bench: all			## figures beside their goals, as JSON lines
	scripts/bench

lint:				## layers, style, options, manual pages, shell
	scripts/check-layers
	scripts/check-style
	scripts/check-options
	mandoc -Tlint -Wwarning man/*.[1-8]
	shellcheck scripts/demo scripts/check scripts/check-* scripts/compat-report \
	    scripts/contract scripts/standins/*

install: all			## honours DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(SHARE)/prices \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(PROGS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 scripts/prices/*.json $(DESTDIR)$(SHARE)/prices
	for n in 1 5 7; do install -m 644 man/*.$$n \
	    $(DESTDIR)$(PREFIX)/share/man/man$$n || exit 1; done
	install -m 644 completions/bash/* \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 completions/zsh/* $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 completions/fish/* \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for u in scripts/systemd/*; do sed 's|@PREFIX@|$(PREFIX)|' $$u > \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/} || exit 1; done

clean:				## remove build/
	rm -rf build

help:				## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' Makefile | expand -t 24

.PHONY: all check check-s3 asan tsan fuzz fuzz-run bench lint install clean help
-include $(LIBOBJ:.o=.d) $(wildcard $(BUILD)/cmd/*.d $(BUILD)/cmd/*/*.d $(BUILD)/tests/*/*.d)
