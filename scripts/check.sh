#!/usr/bin/env bash
# Every check of `make test`. All of them run, whatever the first one says, so that one run shows every
# mistake; the exit status is 0 only if all were good. The tests' own output is kept in target/test.log.
set -uo pipefail
cd "$(dirname "$0")/.."

readonly test_minutes=30   # a test that hangs must not hold CI
mkdir -p target
rm -f target/test.log
failed=()
began=$SECONDS

step() { scripts/step.sh "$@" || failed+=("$1"); }

# In the background, so that Ctrl-C reaches the tests through `timeout`, which has its own process group;
# through a file, so that the exit status is that of the tests and the log is whole when they end.
tests() {
    : >target/test.log
    timeout --kill-after=30s "${test_minutes}m" \
        cargo test --locked --workspace --no-fail-fast >target/test.log 2>&1 &
    local runner=$! status=0
    trap 'kill "$runner" 2>/dev/null' INT TERM
    tail --quiet --lines=+1 --follow --sleep-interval=0.2 --pid="$runner" target/test.log &
    local show=$!
    wait "$runner" || status=$?
    wait "$show" || true
    case $status in
    124 | 137) printf 'the tests took longer than %d minutes and were stopped\n' "$test_minutes" >&2 ;;
    esac
    return "$status"
}

# The database lies on GitHub; a machine that cannot reach it still gets every other answer.
advisories() {
    if git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
        target/tools/bin/cargo-deny --color never --locked check advisories
    else
        printf '!!! SKIPPED: known vulnerabilities were NOT looked up; the advisory database cannot be reached from here\n'
    fi
}

# Without a MediaMTX the tests beside it return at once, and the test runner counts them as passed. The line goes
# into the log, too, where .ci/run finds it.
mediamtx_skipped() {
    local tests
    if [ -n "${MEDIAMTX_BIN+set}" ] || command -v mediamtx >/dev/null 2>&1; then
        return
    fi
    tests=$(cargo test --locked --package e2e --test mediamtx -- --list 2>/dev/null | grep -c ': test$')
    printf '!!! MEDIAMTX SKIPPED %d tests: no mediamtx on PATH and MEDIAMTX_BIN is not set\n' "$tests" |
        tee -a target/test.log
}

step "format" cargo fmt --all --check
step "lints" cargo clippy --locked --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step "documents" cargo doc --locked --workspace --no-deps
step "build" cargo build --locked --package server --bin camera-service
step "documents made of the code" cargo run --locked --quiet --package xtask -- docs --check
export -f tests advisories
export test_minutes
step "tests" bash -c tests
mediamtx_skipped
step "fuzz targets" cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target
step "licences, duplicates, sources" target/tools/bin/cargo-deny --color never --locked check licenses bans sources
GIT_TERMINAL_PROMPT=0 step "advisories" bash -c advisories

minutes=$(((SECONDS - began + 59) / 60))
if [ ${#failed[@]} -gt 0 ]; then
    printf '==> FAILED after %d min: %s\n' "$minutes" "$(IFS=,; echo "${failed[*]}" | sed 's/,/, /g')" >&2
    exit 1
fi
printf '==> all good, %d min\n' "$minutes"
