#!/usr/bin/env bash
# The tests beside a real MediaMTX, and no others: `make test-mediamtx`. There must be one: MEDIAMTX_BIN names it,
# else it is the `mediamtx` on PATH. What is run is said first.
set -euo pipefail
cd "$(dirname "$0")/.."

server=${MEDIAMTX_BIN-$(command -v mediamtx || true)}
fail() { printf 'test-mediamtx: %s\n' "$*" >&2; exit 1; }
[ -n "$server" ] || fail "no mediamtx on PATH and MEDIAMTX_BIN is not set: install one (docs/mediamtx.md) or name it"
[ -f "$server" ] && [ -x "$server" ] || fail "$server is no program"
# The tests run in another folder.
MEDIAMTX_BIN=$(realpath "$server")
export MEDIAMTX_BIN
printf 'MediaMTX %s: %s\n' "$("$MEDIAMTX_BIN" --version)" "$MEDIAMTX_BIN"

scripts/step.sh "build" cargo build --locked --package server --bin camera-service
scripts/step.sh "tests beside MediaMTX" cargo test --locked --package e2e --test mediamtx
