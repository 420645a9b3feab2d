# Vaultaire.  `make help` lists the targets.
PREFIX  ?= /usr/local
BUILD   ?= build/release
CFLAGS  ?= -O2 -g
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
DEPS    := libcurl libcrypto jansson libzstd sqlite3 libarchive libmicrohttpd expat libisal

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wformat=2 -Wwrite-strings
override CPPFLAGS += -I. -D_GNU_SOURCE -DVT_VERSION='"$(VERSION)"'
override CFLAGS   += -std=c11 $(WARN) $(SAN) $(shell pkg-config --cflags $(DEPS))
LDLIBS  := $(shell pkg-config --libs $(DEPS)) -lpthread

# cmd/vt-x.c is a one-file program, cmd/vt-x/*.c a larger one, cmd/cli.c is shared.
PROGS   := $(sort $(notdir $(patsubst %/,%,$(basename $(wildcard cmd/vt-*.c cmd/vt-*/)))))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZER  ?= $(BUILD)/tests/fuzz/replay.o
LIBOBJ  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard libvt/*.c libvt/*/*.c))
LIB     := $(BUILD)/libvt.a
CLI     := $(BUILD)/cmd/cli.o
objs     = $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/$(1).c cmd/$(1)/*.c))

all: $(PROGS:%=$(BUILD)/bin/%)

.SECONDEXPANSION:
$(BUILD)/bin/%: $$(call objs,$$*) $(CLI) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(LIBOBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

check: all $(UNIT) $(FUZZ)      ## units, saved fuzz inputs, commands
	prove -Q -e '' $(UNIT)
	set -e; for f in $(FUZZ); do $$f $$(ls -d tests/fuzz/corpus/$${f##*/}/* 2>/dev/null); done
	PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" bats -r tests/cli

asan:                           ## `make check` under ASan and UBSan
	$(MAKE) check BUILD=build/asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"

tsan:                           ## `make check` under the thread sanitizer
	$(MAKE) check BUILD=build/tsan CFLAGS="-O1 -g" SAN=-fsanitize=thread

fuzz:                           ## each target for SECS seconds (clang)
	$(MAKE) fuzz-run CC=clang BUILD=build/fuzz FUZZER= CFLAGS="-O1 -g" \
	    SAN="-fsanitize=fuzzer-no-link,address,undefined" LDFLAGS=-fsanitize=fuzzer
fuzz-run: $(FUZZ)
	set -e; for f in $(FUZZ); do mkdir -p tests/fuzz/corpus/$${f##*/}; \
	    $$f -max_total_time=$${SECS:-60} tests/fuzz/corpus/$${f##*/}; done

lint:                           ## layering, manual pages, shell
	scripts/check-layers
	mandoc -Tlint -Wwarning man/*.[1-8]

install: all                    ## honours DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(PROGS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1

clean:                          ## remove build/
	rm -rf build

help:                           ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

.PHONY: all check asan tsan fuzz fuzz-run lint install clean help
-include $(LIBOBJ:.o=.d) $(wildcard $(BUILD)/cmd/*.d $(BUILD)/cmd/*/*.d $(BUILD)/tests/*/*.d)
