# The door for people and for CI. What stands behind each word is a script or a Rust program.
.DEFAULT_GOAL := help
.PHONY: help demo test test-mediamtx test-vm docs bench soak fuzz setup

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## build the service and show it: a test camera, a token, the addresses to try
	@scripts/setup.sh
	@scripts/step.sh "build (release)" cargo build --locked --release --package server
	@exec target/release/camera-service demo

test: ## every check CI makes: format, lints, documents, tests, fuzz targets, licences
	@scripts/setup.sh test
	@scripts/check.sh

test-mediamtx: ## the tests beside a real MediaMTX (on PATH, or in MEDIAMTX_BIN) alone; fails without one
	@scripts/setup.sh
	@scripts/test-mediamtx.sh

test-vm: ## the tests with real cameras, in a guest of QEMU's, alone; fails without one
	@scripts/setup.sh vm
	@scripts/step.sh "build" cargo build --locked --package server --bin camera-service
	@scripts/step.sh "tests with cameras" cargo test --locked --package vm

docs: ## write the documents that are made of the code
	@scripts/setup.sh
	@scripts/step.sh "build" cargo build --locked --package server --bin camera-service
	@scripts/step.sh "docs" cargo run --locked --quiet --package xtask -- docs

bench: ## measure what docs/performance.md tells and write docs/evidence/*.json
	@scripts/setup.sh
	@scripts/setup.sh vm || echo "setup: hotplug cannot be measured without a guest"
	@scripts/step.sh "bench" cargo run --locked --release --package xtask -- bench

soak: ## hostile clients in full number, then long under load, then attack parsers; write docs/evidence/*.json
	@scripts/setup.sh fuzz
	@scripts/step.sh "storm" cargo run --locked --release --package xtask -- storm
	@scripts/step.sh "soak" cargo run --locked --release --package xtask -- soak

fuzz: ## attack every parser for ten minutes, measure coverage; needs a nightly toolchain
	@scripts/setup.sh fuzz
	@scripts/step.sh "fuzz" cargo run --locked --quiet --package xtask -- fuzz

setup: ## only what the other targets do first: install what is missing
	@scripts/setup.sh test
