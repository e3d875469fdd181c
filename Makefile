# Folkmoot: `make run` starts it, `make test` checks it; both do all set-up first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: screenshots help run test interop test-rust test-web test-stories test-docs deb demo fixture lint fuzz bench bench-seed bench-quick bench-peers web setup-run setup-test fmt clean

# LAN=1 serves the phones of this home network; its people have other addresses, so its data lies elsewhere.
LAN ?=
# What the Debian package is made of; the tests are content with what is built sooner.
PROFILE ?= release
DATA ?= $(if $(LAN),data-lan,data)
ARGS ?=
WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig.json -type f 2>/dev/null)
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

help: ## this list
	@echo "Folkmoot: a social network that anyone can host."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo
	@echo "  LAN=1          'make run' serves the phones of your home network (see docs/clients.md)"
	@echo "  DATA=folder    where 'make run' keeps everything (default: data; with LAN=1: data-lan)"
	@echo "  ARGS='...'     further arguments for 'folkmoot serve'"

run: setup-run web ## set up what is missing, build, and start a social network for localhost
	cargo build --profile quick --locked -p folkmoot
	exec target/quick/folkmoot serve $(if $(LAN),--lan,--domain localhost) --data $(DATA) $(ARGS)

test: setup-test lint-fast test-web test-rust test-stories test-docs ## set up what is missing and run every test
	@echo "make test: everything passed"

.PHONY: lint-fast
lint-fast:
	cargo fmt --all --check
	scripts/check-scripts.sh

lint: setup-test web ## formatting, clippy, licences and advisories, the web client's linters
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if ! command -v cargo-deny >/dev/null; then echo "installing cargo-deny (once)"; cargo install --locked cargo-deny; fi
	cargo deny check licenses bans sources
	cd web && npm run lint && npm run check

test-rust: web ## the Rust tests: units, properties, transcripts, crashes
	cargo clippy --workspace --all-targets --locked -- -D warnings
ifneq ($(NEXTEST),)
	cargo nextest run --workspace --locked
	cargo test --workspace --locked --doc
else
	cargo test --workspace --locked
endif

test-web: web ## the web client's checks and unit tests
	cd web && npm run lint && npm run check && npm test

test-stories: web ## stock clients and a browser against the running server
	cargo build --locked -p folkmoot
	scripts/stories.sh

interop: ## clients on other platforms (Smack; needs Java and Maven) against the server, for docs/interop.md
	@for tool in java mvn; do command -v $$tool >/dev/null || { echo "make interop needs Java 11 and Maven: apt-get install default-jdk-headless maven" >&2; exit 1; }; done
	cargo build --locked -p folkmoot
	node --test tests/interop/smack.test.mjs

test-docs: setup-test web ## every command of the documents typed, the package installed, on throw-away machines
	$(MAKE) deb PROFILE=quick
	cargo build --locked -p folkmoot
	scripts/docs.sh

demo: setup-run web ## a network for localhost with twenty people in it, who talk while you watch
	cargo build --profile quick --locked -p folkmoot
	exec node demo/main.mjs target/demo target/quick/folkmoot

fixture: setup-test web ## a database written by this release, for the upgrade tests of the next (before a migration is added)
	cargo build --release --locked -p folkmoot
	node tests/fixtures/make.mjs

deb: setup-run web ## the Debian package, into target/debian
	cargo build --profile $(PROFILE) --locked -p folkmoot
	PROFILE=$(PROFILE) scripts/deb.sh

fuzz: ## fuzz every target for FUZZ_SECONDS each (default 60); needs a nightly toolchain
	scripts/fuzz.sh

bench: setup-run web ## every figure, into docs/benchmarks.md and target/bench/*.jsonl
	cargo build --release --locked -p folkmoot -p bench
	target/release/folkmoot-bench all --server target/release/folkmoot --out target/bench --table docs/benchmarks.md

bench-seed: ## the large set that 'make bench' measures on: 10 million items, about 8 GB and some minutes, kept in target/bench
	cargo build --release --locked -p bench
	target/release/folkmoot-bench seed --out target/bench

bench-peers: setup-run web ## the same work against Folkmoot, ejabberd and Prosody (of Debian), into docs/benchmarks-peers.md
	@scripts/setup.sh peers
	cargo build --release --locked -p folkmoot -p bench
	target/release/folkmoot-bench peers --server target/release/folkmoot --out target/bench/peers --table docs/benchmarks-peers.md

bench-quick: setup-run web ## the same with small numbers, to see that it runs
	cargo build --release --locked -p folkmoot -p bench
	target/release/folkmoot-bench all --quick --server target/release/folkmoot --out target/bench

web: web/dist/index.html ## the web client, built into web/dist

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	scripts/setup.sh node
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

setup-run:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

fmt: ## format everything
	cargo fmt --all
	cd web && npm run format

clean: ## remove what was built (not your data)
	rm -rf target web/dist web/node_modules tests/stories/node_modules

screenshots: setup-test web ## the README's pictures, taken of a small town that talks
	cargo build --locked -p folkmoot
	node tests/stories/screenshots.mjs
