#!/usr/bin/env bash
# Makes this machine ready: installs what is missing, and nothing that is there. Safe to run again.
#   scripts/setup.sh          what building and running need
#   scripts/setup.sh test     and what the checks need (cargo-deny, into target/tools)
#   scripts/setup.sh fuzz     and what fuzzing needs (a nightly toolchain with llvm-tools, cargo-fuzz into target/tools)
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-run}
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
cargo_deny=0.20.2   # the same version everywhere, so that a check has the same answer everywhere
cargo_fuzz=0.13.2

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian's names of what is missing. The build was tried with a C and a C++ compiler and nothing else:
# no cmake, no pkg-config, no nasm, no system library.
missing=()
has ffmpeg && has ffprobe || missing+=(ffmpeg)         # encodes the cameras; the tests read with ffprobe
has cc && has c++ || missing+=(g++)                    # openh264 is C++, aws-lc is C, rustc links with cc
has make || missing+=(make)
has git || missing+=(git)                              # `tidy` asks it which files are ours

if has apt-get; then
    # The test camera writes its clock with it. Elsewhere fontconfig finds a font or the first start says so.
    [ -e "$font" ] || missing+=(fonts-dejavu-core)
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]}"
        if [ "$(id -u)" -ne 0 ] && ! has sudo; then
            fail "neither root nor sudo: run as root: apt-get install --no-install-recommends ${missing[*]}"
        fi
        quietly=(-qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
        as_root apt-get "${quietly[@]}" update
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get "${quietly[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
    fi
elif [ ${#missing[@]} -gt 0 ]; then
    fail "please install what Debian calls: ${missing[*]}"
fi

# A stripped ffmpeg would fail later and less clearly.
offers() {
    local list
    list=$(ffmpeg -hide_banner "-$1" 2>/dev/null) || list=
    case $list in *" $2 "*) ;; *) fail "this ffmpeg has no $2 ($1): install a full build, 5.1 or later" ;; esac
}
offers encoders libx264
offers filters drawtext
offers devices lavfi

has cargo || fail "Rust is missing: see https://rustup.rs (1.95 or later; rust-toolchain.toml names the version)"

# Builds a cargo tool of a fixed version into target/tools, once.
tool() {
    local name=$1 version=$2
    if [ "$("target/tools/bin/$name" --version 2>/dev/null | awk '{print $2}')" != "$version" ]; then
        say "building $name $version (about two minutes, once)"
        CARGO_TARGET_DIR=target/tools/build cargo install --quiet --locked --root target/tools --version "$version" "$name"
        rm -rf target/tools/build
    fi
}

case $purpose in
run) ;;
test) tool cargo-deny "$cargo_deny" ;;
fuzz)
    has rustup || fail "fuzzing needs a nightly toolchain, and rustup to choose it"
    cargo +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
    # llvm-cov tells how much of a parser the inputs reach.
    rustup component list --toolchain nightly --installed | grep '^llvm-tools' >/dev/null ||
        rustup component add --toolchain nightly llvm-tools
    tool cargo-fuzz "$cargo_fuzz"
    ;;
*) fail "unknown purpose $purpose: run, test or fuzz" ;;
esac
