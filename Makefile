# One command for each job; each installs from Debian what it needs (scripts/bootstrap).
# Flags for the program: make audit ARGS='--fail-on medium --json'
.DEFAULT_GOAL := build
.PHONY: audit build test lint format deep bench demo install deb clean help

PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

# Standard output is the program's alone: `make audit ARGS=--json` can be piped.
audit: build ## audit this host: who can reach what, and which threats that is
	@scripts/audit $(ARGS)

build: ## leaves build/bulkhead and build/bulkhead-scan
	@scripts/bootstrap build
	@scripts/build release bulkhead bulkhead-scan
	@ln -f build/release/bulkhead build/bulkhead
	@ln -f build/release/bulkhead-scan build/bulkhead-scan

test: ## everything that must hold; about half an hour on two cores, most of it building
	@scripts/bootstrap build lab services test
	@scripts/test $(ARGS)

lint: ## layers, layout, clang-tidy, scripts
	@scripts/bootstrap build lint
	@scripts/lint $(ARGS)

format: ## lay out the sources by .clang-format
	@scripts/bootstrap lint
	@scripts/lint --format

deep: ## thread sanitizer, fuzzing by time, fresh random networks, soak
	@scripts/bootstrap build lab services more-services test
	@scripts/deep $(ARGS)

bench: ## benchmarks: ratios, and the targets that they must meet
	@scripts/bootstrap build lab test bench
	@scripts/bench $(ARGS)

demo: build ## plant all six threats on a private engine, audit it, remove all of it
	@scripts/bootstrap lab
	@build/bulkhead lab demo $(ARGS)

install: build ## into $(DESTDIR)$(PREFIX)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)" >/dev/null

deb: build ## a Debian package in build/
	@scripts/bootstrap deb
	@scripts/make-deb

clean: ## removes build/
	@rm -rf build
